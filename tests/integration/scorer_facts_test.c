// SPDX-License-Identifier: Apache-2.0
// links: rpc shard loop log base clock assay_proto
// runs: assay-scorer
// Facts on their way from a scorer as a process to the router, over kills and another playbook.
#include <criterion/criterion.h>

#include "tests/support/scorer_rig.h"

#define FACTS                                                                                      \
    "measures: {seats: {count: Seat Added, per: account, window: 2d}}\n"                           \
    "qualify: {big: {as: pqa, per: organization, when: {total: {measure: seats, at_least: 2}}}}\n" \
    "organizations: {by: account.company}\n"                                                       \
    "queues: {self_serve: {deliver: busiest_hour}}\n"                                              \
    "teams: {smb: {queue: sales, reps: {ana: {weight: 1}}}}\n"
static const char PLAYBOOK[] = "playbook: tool\nversion: 1\n" FACTS;
static const char PLAYBOOK_2[] =
    "playbook: tool\nversion: 2\n" FACTS "signals: {seated: {seats: {above: 0}}}\n";

static const int64_t HOUR = 3600000, DAY = 24 * 3600000;
static struct rig rig;
static struct arena arena;
static char account[32];
static uint64_t number;

static void take(Assay__Scorer__V1__Event *event)
{
    struct rig_applied applied;
    number++;
    rig_apply(&rig, batch_pack(&arena, 1, number, 0, &event, 1), &applied);
    cr_assert_eq(applied.status, RPC_OK, "%s", applied.text);
    rig_wait_signals(&rig);
}

static Assay__Scorer__V1__Event *event_at(const char *name, int64_t at_ms)
{
    return batch_event(&arena, arena_printf(&arena, "e%llu", (unsigned long long)number), account,
                       "ann", name, at_ms);
}

static void group(const char *key, const char *value, int64_t at_ms)
{
    Assay__Scorer__V1__Event *event = event_at("", at_ms);
    event->kind = ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_GROUP;
    batch_set_text(&arena, event, key, value);
    take(event);
}

// "NAME=VALUE LABEL;" of all that the router has been told since the last time.
static void expect_told(const char *want)
{
    static size_t seen;
    const struct router_fake_lane *lane = &rig.router.lanes[0];
    struct buf got = {0};
    if (want == NULL)
        seen = 0;
    for (; want != NULL && seen < lane->n; seen++) {
        const char *text = lane->signals[seen].text, *label = strstr(text, " label=");
        buf_printf(&got, "%.*s%s%s; ", (int)strcspn(text, " "), text, label == NULL ? "" : " ",
                   label == NULL ? "" : label + strlen(" label="));
    }
    buf_append_u8(&got, 0);
    cr_assert_str_eq((const char *)got.bytes, want == NULL ? "" : want);
    buf_deinit(&got);
}

static void restart(void)
{
    rig_kill(&rig);
    rig_start(&rig);
    rig_wait_ready(&rig);
    rig_wait_signals(&rig);
}

Test(scorer_facts, reach_the_router_once_with_each_value)
{
    struct rig_opts opts = {
        .n_lanes = 1, .clock = "event", .more = "checkpoint_every: 100ms\n", .playbook = PLAYBOOK};
    Assay__Admin__V1__LoadDocumentResponse *loaded;
    int64_t clock_ms;
    rig_open(&rig, &opts);
    arena_init(&arena, 65536, 0);
    rig_account(&rig, 0, 0, account);
    rig_start(&rig);
    rig_wait_ready(&rig);
    expect_told(NULL);
    group("owner", "ana", BATCH_T0);
    group("company", "Acme", BATCH_T0 + 1);
    expect_told("fact.account.owner=1 ana; fact.account.company=1 Acme; ");
    take(event_at("Seat Added", BATCH_T0 + 5 * HOUR));
    take(event_at("Seat Added", BATCH_T0 + 5 * HOUR));
    expect_told("fact.measure.busiest_hour=1 6000; fact.measure.seats=1 1000; "
                "fact.measure.seats=1 2000; ");
    restart();
    group("owner", "ana", BATCH_T0 + 6 * HOUR);
    take(event_at("Seat Added", BATCH_T0 + DAY + 6 * HOUR));
    expect_told("fact.measure.seats=1 3000; ");
    // The first day leaves the window without an event.
    cr_assert_eq(rig_advance(&rig, BATCH_T0 + 2 * DAY, &clock_ms), ERR_OK);
    rig_wait_signals(&rig);
    expect_told("fact.measure.seats=1 1000; ");
    rig_write(&rig, "playbook.yaml", PLAYBOOK_2);
    cr_assert_eq(rig_load(&rig, PLAYBOOK_2, false, &loaded), ERR_OK, "%s", rig.info.text);
    restart();
    group("owner", "ben", BATCH_T0 + 2 * DAY + HOUR);
    expect_told("seated=1; fact.account.owner=1 ben; ");
    cr_assert_eq(rig_advance(&rig, BATCH_T0 + 4 * DAY, &clock_ms), ERR_OK);
    rig_wait_signals(&rig);
    expect_told("seated=0; fact.measure.seats=0; ");
    rig_close(&rig);
    arena_deinit(&arena);
}
