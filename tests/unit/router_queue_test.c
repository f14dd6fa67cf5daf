// SPDX-License-Identifier: Apache-2.0
// links: router_core playbook
//
// Order of handing out, delays, what instants bring, parking and redriving, the busiest hour, who
// may be contacted, and the lead after the first.
#include <criterion/criterion.h>

#include "services/router/core/state.h"
#include "tests/support/router_world.h"

#define EXPECT_LOG(w, expected)                                                                    \
    do {                                                                                           \
        const char *got_ = router_world_log(w);                                                    \
        cr_assert(strcmp(got_, expected) == 0, "expected:\n%s\ngot:\n%s", expected, got_);         \
    } while (0)

#define HEAD                                                                                       \
    "playbook: test\nversion: 1\n"                                                                 \
    "measures:\n"                                                                                  \
    "  projects: {count: Project Created}\n"                                                       \
    "  usage: {count: any, per: account}\n"                                                        \
    "signals:\n"                                                                                   \
    "  ready: {projects: {at_least: 3}}\n"                                                         \
    "  busy: {usage: {at_least: 50}}\n"                                                            \
    "  vip: {usage: {at_least: 500}}\n"                                                            \
    "  stop: {usage: {at_least: 5000}}\n"                                                          \
    "qualify: {pql: ready, pqa: busy}\n"

enum { MINUTE = 60 * 1000, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

static struct router_world w;

static void setup(void)
{
    router_world_init(&w);
}

static void teardown(void)
{
    router_world_deinit(&w);
}

TestSuite(router_queue, .init = setup, .fini = teardown);

static void use(const char *text)
{
    router_core_set_playbook(w.core, router_world_playbook(text), &w.effects);
    router_world_note(&w);
}

// At its own instant, which must not be before the last one.
static void send_at(int64_t at_ms, const char *account, const char *user, const char *name,
                    bool value, const char *label)
{
    struct router_signal s = router_world_signal(++w.position, 0, account, user, name, value);
    s.at_ms = s.known_at_ms = at_ms;
    s.label = span_of(label);
    router_core_signals(w.core, 0, &s, 1, &w.effects);
    router_world_note(&w);
}

static void qualify_at(int64_t at_ms, const char *account)
{
    send_at(at_ms, account, "u", "qualify.pql", true, "");
}

static struct router_lead *lead_of(const char *account)
{
    struct account *found = router_state_account_find(w.core, span_of(account));
    cr_assert(found != NULL && found->lead != NULL, "%s has no lead", account);
    return found->lead;
}

static const struct router_lead *lease_one(int64_t now_ms, const char *queue)
{
    const struct router_lead *leads[ROUTER_LEASE_LEADS_MAX];
    return router_world_lease(&w, now_ms, queue, "c", 1, "", leads) == 0 ? NULL : leads[0];
}

static void expect_next(int64_t now_ms, const char *queue, const char *account)
{
    const struct router_lead *lead = lease_one(now_ms, queue);
    cr_assert(lead != NULL, "nothing instead of %s", account);
    cr_assert_str_eq(lead->account_id, account);
}

static void token_of(const char *account, char out[ROUTER_TOKEN_BYTES])
{
    router_lead_token(lead_of(account), out);
}

static enum err release(int64_t now_ms, const char *account, const char *reason, int64_t delay_ms)
{
    char token[ROUTER_TOKEN_BYTES];
    token_of(account, token);
    const struct router_lead *out;
    enum err err =
        router_core_release(w.core, now_ms, span_of(lead_of(account)->id), span_of(token),
                            span_of(reason), delay_ms, &out, &w.effects, NULL);
    router_world_note(&w);
    return err;
}

static enum err complete(int64_t now_ms, const char *account, const char *outcome)
{
    char token[ROUTER_TOKEN_BYTES];
    token_of(account, token);
    const struct router_lead *out;
    enum err err = router_core_complete(w.core, now_ms, span_of(lead_of(account)->id),
                                        span_of(token), span_of(outcome), &out, &w.effects, NULL);
    router_world_note(&w);
    return err;
}

static enum err park(int64_t now_ms, const char *account, const char *token, const char *reason)
{
    const struct router_lead *out;
    enum err err = router_core_park(w.core, now_ms, span_of(lead_of(account)->id), span_of(token),
                                    span_of(reason), span_of("olga"), &out, &w.effects, NULL);
    router_world_note(&w);
    return err;
}

static enum err redrive(int64_t now_ms, const char *lead_id, const char *queue, size_t *n)
{
    enum err err = router_core_redrive(w.core, now_ms, span_of(lead_id), span_of(queue),
                                       span_of("olga"), n, &w.effects, NULL);
    router_world_note(&w);
    return err;
}

static struct router_queue *queue_of(const char *name)
{
    return router_state_queue(w.core, span_of(name), false);
}

// ---- Order --------------------------------------------------------------------------------------

static const char AGING[] = HEAD "route:\n"
                                 "  - {when: always, motion: sales, priority: 10}\n"
                                 "priority:\n"
                                 "  - {when: vip, add: 5}\n"
                                 "  - {when: stop, add: -2}\n"
                                 "aging: {points: 1, every: 1h}\n";

Test(router_queue, priorities_add_up)
{
    use(AGING);
    send_at(1, "a", "", "vip", true, "");
    send_at(2, "a", "", "stop", true, "");
    qualify_at(3, "a");
    cr_assert_eq(lead_of("a")->priority, 13);
    // It changes while it waits.
    router_world_log(&w);
    send_at(4, "a", "", "stop", false, "");
    EXPECT_LOG(&w, "signal a/ stop=0\nrouted a/ sales:sales:15 (signals)\n");
}

Test(router_queue, waiting_makes_a_lead_stronger)
{
    use(AGING);
    qualify_at(1 * HOUR, "old"); // 10, five hours older than the strong one: as strong, and older
    send_at(5 * HOUR, "strong", "", "vip", true, "");
    send_at(5 * HOUR, "tie", "", "vip", true, "");
    qualify_at(6 * HOUR - 1, "strong"); // 15
    qualify_at(6 * HOUR, "tie");        // as strong as the old one, and made later
    qualify_at(6 * HOUR, "new");
    expect_next(7 * HOUR, "sales", "strong");
    expect_next(7 * HOUR, "sales", "old");
    expect_next(7 * HOUR, "sales", "tie");
    expect_next(7 * HOUR, "sales", "new");
    cr_assert(lease_one(7 * HOUR, "sales") == NULL);
}

Test(router_queue, another_playbook_ranks_what_waits_anew)
{
    use(AGING);
    qualify_at(1 * HOUR, "old");
    send_at(9 * HOUR, "strong", "", "vip", true, "");
    qualify_at(9 * HOUR, "strong");
    use(HEAD "route:\n"
             "  - {when: always, motion: sales, priority: 10}\n"
             "priority:\n"
             "  - {when: vip, add: 5}\n");
    expect_next(10 * HOUR, "sales", "strong"); // with aging it would be the old one
    expect_next(10 * HOUR, "sales", "old");
}

Test(router_queue, what_can_be_leased_is_counted_and_heaps_stay_small)
{
    use(HEAD);
    qualify_at(1, "a");
    qualify_at(2, "b");
    cr_assert_eq(queue_of("self_serve")->ready, 2);
    for (int i = 0; i < 1000; i++) {
        int64_t now_ms = 10 + i * 3;
        lead_of("a")->attempts_base = lead_of("a")->attempts; // so that it is never parked
        expect_next(now_ms, "self_serve", "a");
        cr_assert_eq(queue_of("self_serve")->ready, 1);
        cr_assert(release(now_ms + 1, "a", "", 0) == ERR_OK);
        cr_assert_eq(queue_of("self_serve")->ready, 2);
        cr_assert(w.core->expiries.n <= 128 && queue_of("self_serve")->waiting.n <= 128);
        buf_clear(&w.log);
    }
    expect_next(10000, "self_serve", "a");
    expect_next(10000, "self_serve", "b");
    struct router_lease request = {
        .queue = span_of("self_serve"), .consumer = span_of("c"), .max = 1};
    cr_assert(router_core_prospect(w.core, &request) == ROUTER_PROSPECT_NOTHING);
}

// ---- Delays -------------------------------------------------------------------------------------

Test(router_queue, a_released_lead_waits_as_long_as_was_asked_and_that_is_no_attempt)
{
    use(HEAD "queues: {self_serve: {lease: 60s, attempts: 2}}\n");
    qualify_at(1, "a");
    router_world_log(&w);
    for (int i = 0; i < 5; i++) {
        int64_t now_ms = 1000 + i * 2 * HOUR;
        cr_assert(lease_one(now_ms, "self_serve") != NULL);
        cr_assert(release(now_ms, "a", "call later", HOUR) == ERR_OK);
        cr_assert_eq(lead_of("a")->state, ROUTER_WAITING);
        cr_assert_eq(lead_of("a")->not_before_ms, now_ms + HOUR);
        cr_assert_eq(router_core_next_due(w.core), now_ms + HOUR);
        struct router_lease request = {
            .queue = span_of("self_serve"), .consumer = span_of("c"), .max = 1};
        cr_assert(router_core_prospect(w.core, &request) == ROUTER_PROSPECT_NOTHING);
        cr_assert(lease_one(now_ms + HOUR - 1, "self_serve") == NULL);
        router_core_tick(w.core, now_ms + HOUR, &w.effects);
        cr_assert(router_core_prospect(w.core, &request) == ROUTER_PROSPECT_LEADS);
        EXPECT_LOG(&w, "leased a/ self_serve:self_serve:0 by c\n"
                       "released a/ self_serve:self_serve:0 (call later) by c\n"
                       "delayed a/ self_serve:self_serve:0 (released)\n");
    }
    // Two that count park it.
    cr_assert(lease_one(20 * HOUR, "self_serve") != NULL);
    cr_assert(release(20 * HOUR, "a", "", 0) == ERR_OK);
    cr_assert_eq(lead_of("a")->state, ROUTER_WAITING);
    cr_assert(lease_one(20 * HOUR, "self_serve") != NULL);
    cr_assert(release(20 * HOUR, "a", "", 0) == ERR_OK);
    cr_assert_eq(lead_of("a")->state, ROUTER_PARKED);
}

Test(router_queue, a_delay_has_bounds)
{
    qualify_at(1, "a");
    cr_assert(lease_one(2, "self_serve") != NULL);
    cr_assert(release(2, "a", "", -1) == ERR_INVALID);
    cr_assert(release(2, "a", "", ROUTER_DELAY_MS_MAX + 1) == ERR_INVALID);
    cr_assert_eq(lead_of("a")->state, ROUTER_LEASED);
    cr_assert(release(2, "a", "", ROUTER_DELAY_MS_MAX) == ERR_OK);
    cr_assert_eq(lead_of("a")->not_before_ms, 2 + ROUTER_DELAY_MS_MAX);
}

Test(router_queue, a_delayed_lead_can_be_withdrawn_and_parked)
{
    qualify_at(1, "a");
    qualify_at(1, "b");
    cr_assert(lease_one(2, "self_serve") != NULL && lease_one(2, "self_serve") != NULL);
    cr_assert(release(2, "a", "", HOUR) == ERR_OK);
    cr_assert(release(2, "b", "", HOUR) == ERR_OK);
    send_at(3, "a", "u", "qualify.pql", false, "");
    cr_assert_eq(lead_of("a")->state, ROUTER_WITHDRAWN);
    cr_assert(park(4, "b", "", "on holiday") == ERR_OK);
    cr_assert_eq(lead_of("b")->not_before_ms, 0);
    router_core_tick(w.core, 2 * HOUR, &w.effects);
    cr_assert(lease_one(2 * HOUR, "self_serve") == NULL);
    cr_assert_eq(queue_of("self_serve")->ready, 0);
}

// ---- Instants -----------------------------------------------------------------------------------

// Where a lead step was decided, by the n-th decision of that step in the effects.
static int64_t at_of(enum router_step step, int n)
{
    for (size_t i = 0; i < w.effects.n; i++)
        if (w.effects.items[i].kind == ROUTER_DECISION_LEAD && w.effects.items[i].step == step &&
            n-- == 0)
            return w.effects.items[i].at_ms;
    return INT64_MIN;
}

Test(router_queue, what_is_due_happens_at_its_own_instant_and_in_order)
{
    use(HEAD "queues: {self_serve: {attempts: 9}}\n");
    const char *accounts[] = {"a", "b", "c"};
    const struct router_lead *leads[3];
    for (int i = 0; i < 3; i++)
        qualify_at(i + 1, accounts[i]);
    struct router_lease request = {
        .queue = span_of("self_serve"), .consumer = span_of("c"), .max = 1};
    const int64_t lease_ms[] = {9000, 5000, 9000};
    size_t n;
    for (int i = 0; i < 3; i++) {
        request.lease_ms = lease_ms[i];
        cr_assert(router_core_lease(w.core, 10, &request, leads, &n, &w.effects, NULL) == ERR_OK);
    }
    router_world_log(&w);
    cr_assert_eq(router_core_next_due(w.core), 5010);
    router_core_tick(w.core, 100000, &w.effects);
    cr_assert_eq(at_of(ROUTER_STEP_EXPIRED, 0), 5010);
    cr_assert_eq(at_of(ROUTER_STEP_EXPIRED, 1), 9010);
    cr_assert_eq(at_of(ROUTER_STEP_EXPIRED, 2), 9010);
    cr_assert_eq(w.core->clock_ms, 100000);
    EXPECT_LOG(&w, "expired b/ self_serve:self_serve:0 (lease ran out) by c\n"
                   "expired a/ self_serve:self_serve:0 (lease ran out) by c\n"
                   "expired c/ self_serve:self_serve:0 (lease ran out) by c\n");
    router_core_tick(w.core, 50000, &w.effects); // the clock never goes back
    cr_assert_eq(w.core->clock_ms, 100000);
}

Test(router_queue, signals_let_the_clock_pass)
{
    qualify_at(1, "a");
    cr_assert(lease_one(10, "self_serve") != NULL);
    router_world_log(&w);
    send_at(10 * MINUTE, "b", "u", "ready", true, "");
    EXPECT_LOG(&w, "signal b/u ready=1\n"
                   "expired a/ self_serve:self_serve:0 (lease ran out) by c\n");
}

// ---- Parking ------------------------------------------------------------------------------------

Test(router_queue, whoever_holds_a_lead_or_an_operator_parks_it_for_a_reason)
{
    qualify_at(1, "a");
    char token[ROUTER_TOKEN_BYTES];
    token_of("a", token);
    cr_assert(park(2, "a", token, "why not") == ERR_CONFLICT); // never leased
    cr_assert(park(2, "a", "", "") == ERR_INVALID);
    cr_assert(park(2, "a", "", "attempts") == ERR_INVALID);
    cr_assert(park(2, "a", "", "hold_out") == ERR_INVALID);
    cr_assert(lease_one(3, "self_serve") != NULL);
    token_of("a", token);
    router_world_log(&w);
    cr_assert(park(4, "a", token, "wrong number") == ERR_OK);
    cr_assert(park(5, "a", token, "wrong number") == ERR_OK); // again: without effect
    cr_assert(park(5, "a", "", "wrong number") == ERR_OK);
    cr_assert(park(5, "a", "", "another") == ERR_CONFLICT);
    EXPECT_LOG(&w, "parked a/ self_serve:self_serve:0 (wrong number)\n");
    cr_assert_str_eq(lead_of("a")->parked_reason, "wrong number");
    cr_assert(lead_of("a")->consumer == NULL);
    cr_assert_eq(router_core_next_due(w.core), INT64_MAX);
    cr_assert(lease_one(6, "self_serve") == NULL);
    // Signals do not bring it back, and what comes joins it.
    send_at(7, "a", "u2", "qualify.pql", true, "");
    cr_assert_eq(lead_of("a")->state, ROUTER_PARKED);
    cr_assert_eq(lead_of("a")->n_contacts, 2);
    // The holder's token is worth nothing in a later lease.
    size_t n;
    cr_assert(redrive(8, lead_of("a")->id, "", &n) == ERR_OK);
    cr_assert(park(9, "a", token, "late") == ERR_CONFLICT);
    cr_assert(lease_one(9, "self_serve") != NULL);
    cr_assert(park(9, "a", token, "late") == ERR_CONFLICT);
}

Test(router_queue, a_redriven_lead_begins_anew_with_tokens_that_never_repeat)
{
    use(HEAD "queues: {self_serve: {lease: 10s, attempts: 2}}\n");
    qualify_at(1, "a");
    char tokens[6][ROUTER_TOKEN_BYTES];
    size_t n;
    for (int i = 0; i < 6; i++) {
        if (i > 0 && i % 2 == 0) {
            cr_assert_eq(lead_of("a")->state, ROUTER_PARKED);
            cr_assert(redrive(i * MINUTE, lead_of("a")->id, "", &n) == ERR_OK);
            cr_assert_eq(n, 1);
            cr_assert_str_eq(lead_of("a")->parked_reason, "");
        }
        cr_assert(lease_one(i * MINUTE, "self_serve") != NULL);
        token_of("a", tokens[i]);
        for (int j = 0; j < i; j++)
            cr_assert(strcmp(tokens[i], tokens[j]) != 0);
        router_core_tick(w.core, i * MINUTE + 20000, &w.effects);
    }
    cr_assert_eq(lead_of("a")->attempts, 6);
    cr_assert_eq(lead_of("a")->state, ROUTER_PARKED);
    cr_assert(redrive(HOUR, lead_of("a")->id, "", &n) == ERR_OK);
    cr_assert(redrive(HOUR, lead_of("a")->id, "", &n) == ERR_CONFLICT);
    cr_assert(redrive(HOUR, "L0", "", &n) == ERR_NOT_FOUND);
    cr_assert(redrive(HOUR, "", "nowhere", &n) == ERR_NOT_FOUND);
}

Test(router_queue, a_queue_is_redriven_from_the_oldest_on)
{
    use(HEAD "route:\n"
             "  - {when: stop, motion: hold_out}\n"
             "  - {when: always, motion: sales}\n");
    const char *accounts[] = {"a", "b", "c", "d"};
    send_at(1, "out", "", "stop", true, "");
    qualify_at(1, "out");
    for (int i = 0; i < 4; i++)
        qualify_at(2 + i, accounts[i]);
    for (int i = 3; i >= 0; i--)
        cr_assert(park(10, accounts[i], "", "fair") == ERR_OK);
    router_world_log(&w);
    size_t n;
    cr_assert(redrive(11, "", "sales", &n) == ERR_OK);
    cr_assert_eq(n, 4);
    EXPECT_LOG(&w, "redriven a/ sales:sales:0\nredriven b/ sales:sales:0\n"
                   "redriven c/ sales:sales:0\nredriven d/ sales:sales:0\n");
    cr_assert(redrive(12, "", "sales", &n) == ERR_OK);
    cr_assert_eq(n, 0);
    cr_assert(park(13, "b", "", "again") == ERR_OK);
    cr_assert(redrive(14, "", "sales", &n) == ERR_OK);
    cr_assert_eq(n, 1);
    expect_next(15, "sales", "a");
    // One that is held out never belonged to a queue.
    cr_assert(redrive(16, lead_of("out")->id, "", &n) == ERR_CONFLICT);
}

Test(router_queue, a_lead_that_has_a_later_one_is_not_redriven)
{
    use(HEAD "queues: {self_serve: {lease: 10s, attempts: 1}}\n");
    qualify_at(1, "a");
    cr_assert(lease_one(2, "self_serve") != NULL);
    router_core_tick(w.core, MINUTE, &w.effects);
    struct router_lead *first = lead_of("a");
    cr_assert_str_eq(first->parked_reason, "attempts");
    send_at(2 * MINUTE, "a", "u2", "qualify.pql", true, "");
    cr_assert(lead_of("a") != first);
    size_t n;
    cr_assert(redrive(3 * MINUTE, first->id, "", &n) == ERR_CONFLICT);
    cr_assert(redrive(3 * MINUTE, "", "self_serve", &n) == ERR_OK);
    cr_assert_eq(n, 0);
}

// ---- The busiest hour ---------------------------------------------------------------------------

static const char BUSIEST[] = HEAD "queues: {self_serve: {deliver: busiest_hour}}\n";

Test(router_queue, a_lead_waits_for_the_busiest_hour_of_its_account)
{
    use(BUSIEST);
    int64_t noon_ms = 10 * (int64_t)DAY + 12 * HOUR;
    send_at(noon_ms, "a", "", "fact.measure.busiest_hour", true, "16000"); // 15:00
    send_at(noon_ms, "b", "", "fact.measure.busiest_hour", true, "10000"); // 09:00
    send_at(noon_ms, "now", "", "fact.measure.busiest_hour", true, "13000");
    router_world_log(&w);
    qualify_at(noon_ms + 1, "a");
    qualify_at(noon_ms + 2, "b");
    qualify_at(noon_ms + 3, "now");
    qualify_at(noon_ms + 4, "unknown");
    cr_assert_eq(lead_of("a")->not_before_ms, noon_ms + 3 * HOUR);
    cr_assert_eq(lead_of("b")->not_before_ms, noon_ms + 21 * HOUR);
    cr_assert_eq(lead_of("now")->not_before_ms, 0);
    cr_assert_eq(lead_of("unknown")->not_before_ms, 0);
    cr_assert_eq(queue_of("self_serve")->ready, 2);
    cr_assert(strstr(router_world_log(&w),
                     "created a/u self_serve:self_serve:0 (pql)\n"
                     "delayed a/ self_serve:self_serve:0 (busiest hour)\n") != NULL);
    expect_next(noon_ms + 5, "self_serve", "now");
    expect_next(noon_ms + 5, "self_serve", "unknown");
    cr_assert(complete(noon_ms + 6, "now", "won") == ERR_OK);
    cr_assert(complete(noon_ms + 6, "unknown", "won") == ERR_OK);
    cr_assert(lease_one(noon_ms + 3 * HOUR - 1, "self_serve") == NULL);
    expect_next(noon_ms + 3 * HOUR, "self_serve", "a");
    // What comes back does not wait for the next one.
    cr_assert(release(noon_ms + 5 * HOUR / 2 + HOUR, "a", "", 0) == ERR_OK);
    expect_next(noon_ms + 5 * HOUR, "self_serve", "a");
    cr_assert(complete(noon_ms + 5 * HOUR, "a", "won") == ERR_OK);
    expect_next(noon_ms + 21 * HOUR, "self_serve", "b");
}

Test(router_queue, the_end_of_an_hour_belongs_to_the_next_one)
{
    use(BUSIEST);
    int64_t midnight_ms = 10 * (int64_t)DAY;
    send_at(midnight_ms, "a", "", "fact.measure.busiest_hour", true, "24000"); // 23:00
    send_at(midnight_ms, "b", "", "fact.measure.busiest_hour", true, "1000");  // 00:00
    qualify_at(midnight_ms + HOUR, "b");
    cr_assert_eq(lead_of("b")->not_before_ms, midnight_ms + DAY);
    qualify_at(midnight_ms + DAY - 1, "a");
    cr_assert_eq(lead_of("a")->not_before_ms, 0);
}

// ---- Who may be contacted -----------------------------------------------------------------------

static const char CONTACT[] = HEAD "route:\n"
                                   "  - {when: vip, motion: sales}\n"
                                   "  - {when: always, motion: self_serve}\n"
                                   "contact:\n"
                                   "  never: {user.unsubscribed: true}\n"
                                   "  consent: {user.agreed: true}\n";

Test(router_queue, a_lead_of_people_who_must_not_be_contacted_is_suppressed)
{
    use(CONTACT);
    send_at(1, "a", "u1", "contact.never", true, "");
    send_at(2, "a", "", "vip", true, "");
    router_world_log(&w);
    send_at(3, "a", "u1", "qualify.pql", true, "");
    EXPECT_LOG(&w, "signal a/u1 qualify.pql=1\n"
                   "pql a/u1 at 3 by e\n"
                   "created a/ suppress::0 (pql)\n"
                   "parked a/ suppress::0 (do_not_contact)\n");
    // Somebody else of the account may be spoken to.
    send_at(4, "a", "u2", "qualify.pql", true, "");
    EXPECT_LOG(&w, "signal a/u2 qualify.pql=1\n"
                   "pql a/u2 at 4 by e\n"
                   "contact_added a/u2 suppress::0 (pql)\n"
                   "routed a/ sales:sales:0 (pql)\n");
    // Then he, too, must not.
    send_at(5, "a", "u2", "contact.never", true, "");
    EXPECT_LOG(&w, "signal a/u2 contact.never=1\n"
                   "routed a/ suppress::0 (signals)\n"
                   "parked a/ suppress::0 (do_not_contact)\n");
    // And the first one may again.
    send_at(6, "a", "u1", "contact.never", false, "");
    EXPECT_LOG(&w, "signal a/u1 contact.never=0\n"
                   "routed a/ sales:sales:0 (signals)\n");
    cr_assert_eq(queue_of("sales")->ready, 1);
}

Test(router_queue, a_qualified_account_is_nobody_s_lead_alone)
{
    use(CONTACT);
    send_at(1, "a", "u1", "contact.never", true, "");
    send_at(2, "a", "", "vip", true, "");
    send_at(3, "a", "", "qualify.pqa", true, "");
    send_at(4, "a", "u1", "qualify.pql", true, "");
    cr_assert_eq(lead_of("a")->state, ROUTER_WAITING);
    cr_assert_str_eq(lead_of("a")->queue, "sales");
}

Test(router_queue, messages_need_consent)
{
    use(CONTACT);
    send_at(1, "a", "u1", "qualify.pql", true, "");
    cr_assert_eq(lead_of("a")->state, ROUTER_PARKED);
    cr_assert_str_eq(lead_of("a")->parked_reason, "no_consent");
    cr_assert_str_eq(lead_of("a")->motion, "self_serve");
    router_world_log(&w);
    send_at(2, "a", "u1", "contact.consent", true, "");
    EXPECT_LOG(&w, "signal a/u1 contact.consent=1\n"
                   "routed a/ self_serve:self_serve:0 (signals)\n");
    cr_assert_eq(lead_of("a")->state, ROUTER_WAITING);
    // Sales speak to people without.
    send_at(3, "b", "", "vip", true, "");
    send_at(4, "b", "u1", "qualify.pql", true, "");
    cr_assert_eq(lead_of("b")->state, ROUTER_WAITING);
    // A lead without contacts needs somebody who would hear it.
    send_at(5, "c", "", "qualify.pqa", true, "");
    cr_assert_str_eq(lead_of("c")->parked_reason, "no_consent");
    send_at(6, "c", "u9", "contact.consent", true, "");
    cr_assert_eq(lead_of("c")->state, ROUTER_WAITING);
}

Test(router_queue, an_account_can_be_left_alone_as_a_whole)
{
    use(HEAD "contact: {never: {account.do_not_contact: true}}\n");
    send_at(1, "a", "", "contact.never", true, "");
    send_at(2, "a", "", "qualify.pqa", true, "");
    cr_assert_str_eq(lead_of("a")->parked_reason, "do_not_contact");
    qualify_at(3, "b");
    cr_assert_eq(lead_of("b")->state, ROUTER_WAITING);
    send_at(4, "b", "", "contact.never", true, "");
    cr_assert_str_eq(lead_of("b")->parked_reason, "do_not_contact");
    cr_assert_eq(queue_of("self_serve")->ready, 0);
}

// ---- First --------------------------------------------------------------------------------------

static const char FIRST[] = HEAD "route:\n"
                                 "  - {when: busy, motion: success, first: true}\n"
                                 "  - {when: always, motion: sales, priority: 3}\n"
                                 "queues: {success: {lease: 1h}}\n";

Test(router_queue, after_the_first_motion_comes_the_next_lead)
{
    use(FIRST);
    send_at(1, "a", "", "busy", true, "");
    qualify_at(2, "a");
    send_at(3, "a", "u2", "qualify.pql", true, "");
    struct router_lead *first = lead_of("a");
    cr_assert_str_eq(first->motion, "success");
    expect_next(4, "success", "a");
    router_world_log(&w);
    cr_assert(complete(5, "a", "accepted") == ERR_OK);
    EXPECT_LOG(&w, "completed a/ success:success:0 by c as accepted\n"
                   "created a/u sales:sales:3 (pql)\n"
                   "contact_added a/u2 sales:sales:3 (pql)\n");
    struct router_lead *second = lead_of("a");
    cr_assert(second != first && second->before == first);
    cr_assert(second->after_first && second->number == 2);
    cr_assert_eq(second->created_at_ms, 5);
    // It is the last one of its kind.
    expect_next(6, "sales", "a");
    cr_assert(complete(7, "a", "accepted") == ERR_OK);
    cr_assert(lead_of("a") == second);
}

Test(router_queue, a_first_lead_that_is_lost_or_has_no_reason_left_ends_there)
{
    use(FIRST);
    const char *accounts[] = {"lost", "rejected", "gone"};
    for (int i = 0; i < 3; i++) {
        send_at(1 + i, accounts[i], "", "busy", true, "");
        qualify_at(1 + i, accounts[i]);
        expect_next(1 + i, "success", accounts[i]);
    }
    send_at(10, "gone", "u", "qualify.pql", false, "");
    cr_assert(complete(11, "lost", "lost") == ERR_OK);
    cr_assert(complete(11, "rejected", "rejected") == ERR_OK);
    cr_assert(complete(11, "gone", "won") == ERR_OK);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(lead_of(accounts[i])->number, 1);
    // A later episode begins at the front again.
    struct router_signal s = router_world_signal(++w.position, 0, "gone", "u", "qualify.pql", true);
    s.at_ms = s.known_at_ms = 20;
    s.episode = 2;
    router_core_signals(w.core, 0, &s, 1, &w.effects);
    cr_assert_str_eq(lead_of("gone")->motion, "success");
    cr_assert(!lead_of("gone")->after_first);
}

Test(router_queue, an_organization_s_first_lead_is_followed_by_its_next)
{
    static char text[4096];
    snprintf(text, sizeof text, "%sorganizations: {by: account.company}\n", FIRST);
    char *qualify = strstr(text, "qualify: {pql: ready, pqa: busy}\n");
    cr_assert(qualify != NULL);
    char whole[4096];
    snprintf(whole, sizeof whole, "%.*s%s%s", (int)(qualify - text), text,
             "qualify:\n"
             "  company: {as: pqa, per: organization, label: Company,\n"
             "            when: {users_with: {signal: ready, at_least: 2}}}\n",
             qualify + strlen("qualify: {pql: ready, pqa: busy}\n"));
    use(whole);
    send_at(1, "a", "", "fact.account.company", true, "acme");
    send_at(2, "b", "", "fact.account.company", true, "ACME ");
    send_at(3, "b", "", "busy", true, "");
    send_at(4, "a", "u1", "ready", true, "");
    router_world_log(&w);
    send_at(5, "b", "u2", "ready", true, "");
    const struct router_lead *first = lease_one(6, "success");
    cr_assert(first != NULL);
    cr_assert_str_eq(first->organization, "acme");
    cr_assert_str_eq(first->account_id, "b");
    char token[ROUTER_TOKEN_BYTES];
    router_lead_token(first, token);
    const struct router_lead *out;
    cr_assert(router_core_complete(w.core, 7, span_of(first->id), span_of(token),
                                   span_of("accepted"), &out, &w.effects, NULL) == ERR_OK);
    const struct router_lead *second = lease_one(8, "sales");
    cr_assert(second != NULL && second->before == first);
    cr_assert_str_eq(second->organization, "acme");
    cr_assert_str_eq(second->definitions[0], "company");
    cr_assert_str_eq(second->labels[0], "Company");
    cr_assert_eq(second->n_evidence, first->n_evidence);
    cr_assert_eq(second->n_evidence, 1);
}
