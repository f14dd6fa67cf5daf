// SPDX-License-Identifier: Apache-2.0
// links: rpc shard loop log base clock assay_proto
// runs: assay-scorer
// The scorer as a process, asked over its socket: numbered batches, duplicates, playbooks, the
// clock, explanations, an orderly end.
#include <criterion/criterion.h>

#include "tests/support/scorer_rig.h"

static const char PLAYBOOK[] = "playbook: tool\n"
                               "version: 1\n"
                               "exclude:\n"
                               "  - user.email_domain: {in: [ours.example]}\n"
                               "measures:\n"
                               "  projects: {count: Project Created}\n"
                               "  team_projects: {count: Project Created, per: account}\n"
                               "  reports_30d: {count: Report Run, window: 30d}\n"
                               "  pql_users: {users_with: user_pql}\n"
                               "signals:\n"
                               "  user_pql: {projects: {at_least: 3}}\n"
                               "  reporting: {reports_30d: {at_least: 1}}\n"
                               "  team: {pql_users: {at_least: 2}}\n"
                               "  busy: {team_projects: {at_least: 5}}\n"
                               "  noted: {account.note: {exists: true}}\n"
                               "segments:\n"
                               "  big: {account.employees: {at_least: 100}}\n"
                               "qualify: {pql: user_pql, pqa: team}\n"
                               "route: [{when: {segment: big}, motion: sales},\n"
                               "        {when: always, motion: self_serve}]\n";

// The same with `projects` under another name, and a measure that was not there.
static const char PLAYBOOK_2[] = "playbook: tool\n"
                                 "version: 2\n"
                                 "measures:\n"
                                 "  created: {count: Project Created}\n"
                                 "  team_projects: {count: Project Created, per: account}\n"
                                 "  reports: {count: Report Run}\n"
                                 "signals:\n"
                                 "  user_pql: {created: {at_least: 3}}\n"
                                 "  reporting: {reports: {at_least: 1}}\n"
                                 "  busy: {team_projects: {at_least: 5}}\n"
                                 "qualify: {pql: user_pql}\n";

static const char PLAYBOOK_BAD[] = "playbook: tool\n"
                                   "version: 3\n"
                                   "measures:\n"
                                   "  created: {count: Project Created}\n"
                                   "signals:\n"
                                   "  user_pql: {craeted: {at_least: 3}}\n";

enum {
    APPLIED = ASSAY__SCORER__V1__APPLY_OUTCOME__APPLY_OUTCOME_APPLIED,
    REPEATED = ASSAY__SCORER__V1__APPLY_OUTCOME__APPLY_OUTCOME_REPEATED,
    EARLY = ASSAY__SCORER__V1__APPLY_OUTCOME__APPLY_OUTCOME_OUT_OF_ORDER,
};
static const int64_t HOUR = 3600000, DAY = 24 * 3600000;

static struct rig rig;
static struct arena arena;                 // of batches
static char account[2][32];                // one of each lane
static int64_t sent_at_ms = 1767571200000; // of `projects`

static void open_rig(const char *clock, const char *more)
{
    struct rig_opts opts = {
        .n_lanes = 2,
        .clock = clock,
        .more = more == NULL ? "checkpoint_every: 100ms\n" : more,
        .playbook = PLAYBOOK,
    };
    rig_open(&rig, &opts);
    arena_init(&arena, 65536, 0);
    for (uint32_t lane = 0; lane < 2; lane++)
        rig_account(&rig, lane, 0, account[lane]);
    rig_start(&rig);
    rig_wait_ready(&rig);
}

static void close_rig(void)
{
    rig_close(&rig);
    arena_deinit(&arena);
}

// n events of a user of the lane's account, with ids "<prefix>0" ...
static struct span projects_by(const char *user, uint64_t source, uint64_t number, uint32_t lane,
                               const char *prefix, size_t n)
{
    Assay__Scorer__V1__Event **events = arena_alloc(&arena, (n + 1) * sizeof *events);
    for (size_t i = 0; i < n; i++)
        events[i] = batch_event(&arena, arena_printf(&arena, "%s%zu", prefix, i), account[lane % 2],
                                user, "Project Created", sent_at_ms + (int64_t)i);
    return batch_pack(&arena, source, number, lane, events, n);
}

static struct span projects(uint64_t source, uint64_t number, uint32_t lane, const char *prefix,
                            size_t n)
{
    return projects_by("ann", source, number, lane, prefix, n);
}

static void expect_outcome(struct span bytes, int outcome, uint64_t expected)
{
    struct rig_applied applied;
    rig_apply(&rig, bytes, &applied);
    cr_assert_eq(applied.status, RPC_OK, "%s", applied.text);
    cr_assert_eq((int)applied.outcome, outcome);
    cr_assert_eq(applied.expected, expected);
}

static void expect_refused(struct span bytes, enum rpc_status status, const char *part)
{
    struct rig_applied applied;
    rig_apply(&rig, bytes, &applied);
    cr_assert_eq(applied.status, status, "%d: %s", applied.status, applied.text);
    cr_assert_neq(strstr(applied.text, part), NULL, "\"%s\" is not in: %s", part, applied.text);
}

static void expect_measure(uint32_t lane, const char *user, const char *name, const char *value)
{
    const char *found = rig_measure(&rig, account[lane], user, name);
    cr_assert_neq(found, NULL, "%s: %s", name, rig.info.text);
    cr_assert_str_eq(found, value, "%s", name);
}

// ---- Numbered batches ---------------------------------------------------------------------------

Test(scorer_service, numbers_are_applied_once_and_in_order)
{
    open_rig("event", NULL);
    expect_outcome(projects(7, 1, 0, "a", 2), APPLIED, 0);
    uint64_t journal = rig_lane(&rig, 0)->journal_last;
    // Other bytes under the same number have no effect either: the number decides.
    expect_outcome(projects(7, 1, 0, "b", 3), REPEATED, 0);
    expect_outcome(projects(7, 3, 0, "c", 1), EARLY, 2);
    expect_outcome(projects(8, 2, 0, "d", 1), EARLY, 1);
    cr_assert_eq(rig_lane(&rig, 0)->journal_last, journal);
    // Another source, another lane, and an empty batch have numbers of their own.
    expect_outcome(projects(8, 1, 0, "e", 1), APPLIED, 0);
    expect_outcome(projects(7, 1, 1, "f", 1), APPLIED, 0);
    expect_outcome(projects(7, 2, 0, "g", 0), APPLIED, 0);
    expect_outcome(projects(7, 2, 0, "g", 0), REPEATED, 0);
    expect_outcome(projects(7, 3, 0, "c", 1), APPLIED, 0);
    expect_outcome(projects(8, 2, 0, "d", 1), APPLIED, 0);
    expect_outcome(projects(UINT64_MAX, 1, 0, "h", 1), APPLIED, 0);
    expect_outcome(projects(7, UINT64_MAX, 0, "i", 1), EARLY, 4);
    const Assay__Scorer__V1__Lane *lane = rig_lane(&rig, 0);
    cr_assert_eq(lane->journal_last, journal + 5);
    cr_assert_eq(lane->events, 6);
    cr_assert_eq(lane->duplicates, 0);
    cr_assert_eq(lane->accounts, 1);
    cr_assert_eq(lane->users, 1);
    cr_assert_eq(lane->event_time_max_ms, BATCH_T0 + 1);
    expect_measure(0, "ann", "projects", "6");
    expect_measure(1, "ann", "projects", "1");
    close_rig();
}

static bool all_done(void *arg)
{
    const struct rig_applied *applied = arg;
    for (int i = 0; i < 40; i++)
        if (!applied[i].done)
            return false;
    return true;
}

// Sends n batches at once. What had to wait for its turn for too long, on a machine that stood
// still, is sent again, as a source does.
static void send_window(const struct span *bytes, struct rig_applied *applied, int n)
{
    for (int i = 0; i < n; i++)
        rig_send(&rig, bytes[i], &applied[i]);
    rig_until(&rig, all_done, applied);
    for (int left = n, round = 0; left > 0; round++) {
        cr_assert_lt(round, n);
        left = 0;
        for (int i = 0; i < n; i++) {
            if (applied[i].status != RPC_OK || applied[i].outcome != EARLY)
                continue;
            rig_apply(&rig, bytes[i], &applied[i]);
            left++;
        }
    }
}

Test(scorer_service, a_shuffled_window_is_applied_in_order)
{
    enum { N = 20 };
    static struct rig_applied applied[2 * N];
    struct test_random random = {test_random_seed()};
    fprintf(stderr, "seed %llu\n", (unsigned long long)random.state);
    open_rig("event", NULL);
    for (int round = 0; round < 5; round++) {
        struct span bytes[2 * N];
        for (uint64_t i = 0; i < 2 * N; i++)
            bytes[i] = projects(1 + i % 2, (uint64_t)round * N + i / 2 + 1, 0,
                                arena_printf(&arena, "%d-%d-", round, (int)i), 1);
        for (size_t i = 2 * N - 1; i > 0; i--) {
            size_t j = test_random_below(&random, i + 1);
            struct span kept = bytes[i];
            bytes[i] = bytes[j];
            bytes[j] = kept;
        }
        send_window(bytes, applied, 2 * N);
        for (int i = 0; i < 2 * N; i++)
            cr_assert(applied[i].status == RPC_OK && applied[i].outcome == APPLIED, "%d %d %s", i,
                      applied[i].outcome, applied[i].text);
        arena_reset(&arena);
    }
    cr_assert_eq(rig_lane(&rig, 0)->events, 5 * 2 * N);
    cr_assert_eq(rig_lane(&rig, 0)->duplicates, 0);
    expect_measure(0, "ann", "projects", "200");
    close_rig();
}

// The same batches many times over at once, as after a lost connection.
Test(scorer_service, copies_of_a_window_are_applied_once)
{
    static struct rig_applied applied[40];
    open_rig("event", NULL);
    struct span bytes[40]; // highest first, four of each
    for (uint64_t i = 0; i < 10; i++)
        bytes[4 * (9 - i)] = projects(5, i + 1, 0, arena_printf(&arena, "w%d-", (int)i), 2);
    for (int i = 0; i < 40; i++)
        bytes[i] = bytes[i / 4 * 4];
    send_window(bytes, applied, 40);
    int n_applied = 0;
    for (int i = 0; i < 40; i++) {
        cr_assert_eq(applied[i].status, RPC_OK, "%s", applied[i].text);
        cr_assert(applied[i].outcome == APPLIED || applied[i].outcome == REPEATED);
        n_applied += applied[i].outcome == APPLIED;
    }
    cr_assert_eq(n_applied, 10);
    cr_assert_eq(rig_lane(&rig, 0)->events, 20);
    expect_measure(0, "ann", "projects", "20");
    close_rig();
}

// More sources than a lane remembers, and batches out of turn from sources that never come in turn:
// neither may push a source out that is at work.
Test(scorer_service, strange_sources_do_not_displace_those_at_work)
{
    enum { STRANGERS = 1100 };
    static struct rig_applied applied[STRANGERS];
    open_rig("event", "calls_max: 2000\nqueue_max: 2000\n");
    expect_outcome(projects(1, 1, 0, "a", 1), APPLIED, 0);
    for (uint64_t i = 0; i < STRANGERS; i++)
        rig_send(&rig, projects(100 + i, 9, 0, "x", 1), &applied[i]);
    for (uint64_t i = 0; i < STRANGERS; i++) {
        rig_until(&rig, rig_is_applied, &applied[i]);
        cr_assert(applied[i].status == RPC_OK && applied[i].outcome == EARLY, "%s",
                  applied[i].text);
        cr_assert_eq(applied[i].expected, 1);
    }
    expect_outcome(projects(1, 2, 0, "b", 1), APPLIED, 0);
    for (uint64_t i = 0; i < STRANGERS; i++) { // each applied, so the quietest ones go
        sent_at_ms++;
        rig_apply_ok(&rig, projects(10000 + i, 1, 0, arena_printf(&arena, "s%d-", (int)i), 1));
        if (i % 100 == 0)
            expect_outcome(projects(1, 3 + i / 100, 0, arena_printf(&arena, "k%d-", (int)i), 1),
                           APPLIED, 0);
    }
    // A source that was forgotten is told to begin anew, and can.
    expect_outcome(projects(10001, 2, 0, "y", 1), EARLY, 1);
    expect_outcome(projects(10001, 1, 0, "y", 1), APPLIED, 0);
    expect_outcome(projects(10001, 2, 0, "z", 1), APPLIED, 0);
    // The fold has the same in mind after a restart.
    rig_kill(&rig);
    rig_start(&rig);
    rig_wait_ready(&rig);
    expect_outcome(projects(10001, 2, 0, "z", 1), REPEATED, 0);
    expect_outcome(projects(10001, 3, 0, "zz", 1), APPLIED, 0);
    expect_outcome(projects(11099, 1, 0, "zz", 1), REPEATED, 0);
    close_rig();
}

// ---- Bad input ----------------------------------------------------------------------------------

static struct span one_bad(const Assay__Scorer__V1__Event *bad)
{
    Assay__Scorer__V1__Event *events[2] = {
        batch_event(&arena, "good", account[0], "ann", "Project Created", BATCH_T0),
        (Assay__Scorer__V1__Event *)bad};
    return batch_pack(&arena, 1, 1, 0, events, 2);
}

static Assay__Scorer__V1__Event *good_event(void)
{
    return batch_event(&arena, "m", account[0], "ann", "Project Created", BATCH_T0);
}

static char *long_text(size_t n)
{
    char *text = arena_alloc(&arena, n + 1);
    memset(text, 'x', n);
    return text;
}

Test(scorer_service, bad_batches_name_what_is_wrong_and_change_nothing)
{
    open_rig("event", NULL);
    uint64_t journal = rig_lane(&rig, 0)->journal_last;
    expect_refused(span_of("\xff\xff\xff\xff garbage"), RPC_INVALID_ARGUMENT, "batch");
    expect_refused(span_make("\x0a", 1), RPC_INVALID_ARGUMENT, "batch");
    expect_refused(span_make("", 0), RPC_INVALID_ARGUMENT, "source and number");
    expect_refused(projects(0, 1, 0, "a", 1), RPC_INVALID_ARGUMENT, "source and number");
    expect_refused(projects(1, 0, 0, "a", 1), RPC_INVALID_ARGUMENT, "source and number");
    expect_refused(projects(1, 1, 2, "a", 1), RPC_FAILED_PRECONDITION, "lane");
    expect_refused(projects(1, 1, 4000000000u, "a", 1), RPC_FAILED_PRECONDITION, "lane");

    Assay__Scorer__V1__Event *bad = good_event();
    bad->kind = (Assay__Event__V1__EventKind)0;
    expect_refused(one_bad(bad), RPC_INVALID_ARGUMENT, "events[1].kind");
    bad = good_event();
    bad->kind = (Assay__Event__V1__EventKind)7;
    expect_refused(one_bad(bad), RPC_INVALID_ARGUMENT, "events[1].kind");
    bad = good_event();
    bad->message_id = (char *)"";
    expect_refused(one_bad(bad), RPC_INVALID_ARGUMENT, "events[1].message_id");
    bad = good_event();
    bad->message_id = long_text(101);
    expect_refused(one_bad(bad), RPC_INVALID_ARGUMENT, "events[1].message_id");
    bad = good_event();
    bad->account_id = (char *)"";
    expect_refused(one_bad(bad), RPC_INVALID_ARGUMENT, "events[1].account_id");
    bad = good_event();
    bad->account_id = long_text(209);
    expect_refused(one_bad(bad), RPC_INVALID_ARGUMENT, "events[1].account_id");
    bad = good_event();
    bad->user_id = long_text(209);
    expect_refused(one_bad(bad), RPC_INVALID_ARGUMENT, "events[1].user_id");
    const int64_t instants[] = {0, -1, INT64_MIN, INT64_MAX, 253402300800000};
    for (size_t i = 0; i < 5; i++) {
        bad = good_event();
        bad->at_ms = instants[i];
        expect_refused(one_bad(bad), RPC_INVALID_ARGUMENT, "events[1].at_ms");
        bad = good_event();
        bad->received_at_ms = instants[i];
        if (i > 0)
            expect_refused(one_bad(bad), RPC_INVALID_ARGUMENT, "received_at_ms");
    }
    bad = good_event();
    batch_set_integer(&arena, bad, "bytes", 1);
    bad->properties[0]->value_case = ASSAY__EVENT__V1__PROPERTY__VALUE_NUMBER;
    bad->properties[0]->number = 0.0 / 0.0;
    expect_refused(one_bad(bad), RPC_INVALID_ARGUMENT, "events[1].properties");
    // What is no UTF-8 would be refused by the router for ever.
    bad = good_event();
    bad->user_id = (char *)"an\xffn";
    expect_refused(one_bad(bad), RPC_INVALID_ARGUMENT, "user_id");
    bad = good_event();
    batch_set_text(&arena, bad, "p", "\xc3(");
    expect_refused(one_bad(bad), RPC_INVALID_ARGUMENT, "UTF-8");
    expect_refused(projects(1, 1, 0, "m", 10001), RPC_INVALID_ARGUMENT, "10001 events");

    const Assay__Scorer__V1__Lane *lane = rig_lane(&rig, 0);
    cr_assert_eq(lane->journal_last, journal);
    cr_assert_eq(lane->events, 0);
    // The bounds themselves are fine, and the number is still to be had.
    bad = good_event();
    bad->message_id = long_text(100);
    bad->account_id = account[0];
    bad->user_id = long_text(208);
    bad->at_ms = 253402300799999;
    expect_outcome(one_bad(bad), APPLIED, 0);
    bad->at_ms = 1;
    bad->received_at_ms = 0;
    bad->account_id = long_text(208);
    bad->message_id = (char *)"other";
    Assay__Scorer__V1__Event *events[1] = {bad};
    expect_outcome(batch_pack(&arena, 1, 2, 0, events, 1), APPLIED, 0);
    cr_assert_eq(rig_lane(&rig, 0)->events, 3);
    rig_kill(&rig);
    rig_start(&rig);
    rig_wait_ready(&rig);
    cr_assert_eq(rig_lane(&rig, 0)->events, 3);
    cr_assert_eq(rig_stop(&rig), 0);
    close_rig();
}

// ---- Duplicates ---------------------------------------------------------------------------------

static void expect_duplicates(struct span bytes, const uint32_t *places, size_t n)
{
    struct rig_applied applied;
    rig_apply(&rig, bytes, &applied);
    cr_assert(applied.status == RPC_OK && applied.outcome == APPLIED, "%s", applied.text);
    cr_assert_eq(applied.n_duplicates, n);
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(applied.duplicates[i], places[i]);
}

static struct span ids(uint64_t source, uint64_t number, uint32_t lane, const char *const *names,
                       size_t n)
{
    Assay__Scorer__V1__Event *events[16];
    for (size_t i = 0; i < n; i++)
        events[i] =
            batch_event(&arena, names[i], account[lane], "ann", "Project Created", BATCH_T0);
    return batch_pack(&arena, source, number, lane, events, n);
}

Test(scorer_service, message_ids_count_once_across_batches_sources_and_restarts)
{
    open_rig("event", NULL);
    expect_duplicates(ids(1, 1, 0, (const char *const[]){"a", "b", "a", "c", "b"}, 5),
                      (const uint32_t[]){2, 4}, 2);
    expect_duplicates(ids(1, 2, 0, (const char *const[]){"d", "c"}, 2), (const uint32_t[]){1}, 1);
    expect_duplicates(ids(2, 1, 0, (const char *const[]){"d", "a", "e"}, 3),
                      (const uint32_t[]){0, 1}, 2);
    // Each lane has a memory of its own: an id belongs to an account, and so to one lane.
    expect_duplicates(ids(2, 1, 1, (const char *const[]){"a"}, 1), NULL, 0);
    expect_measure(0, "ann", "projects", "5");
    rig_kill(&rig);
    rig_start(&rig);
    rig_wait_ready(&rig);
    expect_outcome(ids(2, 1, 0, (const char *const[]){"new"}, 1), REPEATED, 0);
    expect_duplicates(ids(2, 2, 0, (const char *const[]){"e", "f", "a"}, 3),
                      (const uint32_t[]){0, 2}, 2);
    expect_measure(0, "ann", "projects", "6");
    cr_assert_eq(rig_stop(&rig), 0);
    rig_start(&rig);
    rig_wait_ready(&rig);
    expect_outcome(ids(1, 2, 0, (const char *const[]){"new"}, 1), REPEATED, 0);
    expect_duplicates(ids(1, 3, 0, (const char *const[]){"f", "g", "d"}, 3),
                      (const uint32_t[]){0, 2}, 2);
    expect_duplicates(ids(2, 2, 1, (const char *const[]){"a", "b"}, 2), (const uint32_t[]){0}, 1);
    expect_measure(0, "ann", "projects", "7");
    const Assay__Scorer__V1__Lane *lane = rig_lane(&rig, 0);
    cr_assert_eq(lane->events, 7);
    cr_assert_eq(lane->duplicates, 9);
    close_rig();
}

Test(scorer_service, when_the_memory_of_ids_is_full_batches_are_refused)
{
    open_rig("event", "checkpoint_every: 100ms\ndedupe_ids_max: 1000\ndedupe_window: 1d\n");
    expect_outcome(projects(1, 1, 0, "a", 990), APPLIED, 0);
    expect_refused(projects(1, 2, 0, "b", 11), RPC_RESOURCE_EXHAUSTED, "message ids");
    expect_outcome(projects(1, 2, 0, "b", 10), APPLIED, 0);
    expect_refused(projects(1, 3, 0, "c", 1), RPC_RESOURCE_EXHAUSTED, "message ids");
    rig_kill(&rig);
    rig_start(&rig);
    rig_wait_ready(&rig);
    expect_refused(projects(1, 3, 0, "c", 1), RPC_RESOURCE_EXHAUSTED, "message ids");
    // The other lane has room, and time makes room here.
    expect_outcome(projects(1, 1, 1, "c", 1), APPLIED, 0);
    Assay__Scorer__V1__Event *late[1] = {
        batch_event(&arena, "late", account[0], "ann", "Project Created", BATCH_T0 + 3 * DAY)};
    expect_outcome(batch_pack(&arena, 1, 3, 0, late, 1), APPLIED, 0);
    expect_outcome(projects(1, 4, 0, "c", 900), APPLIED, 0);
    close_rig();
}

// ---- Playbooks ----------------------------------------------------------------------------------

Test(scorer_service, without_a_playbook_it_does_not_start)
{
    struct rig_opts opts = {.n_lanes = 1, .playbook = PLAYBOOK_BAD};
    rig_open(&rig, &opts);
    rig_start(&rig);
    int code = rig_wait_exit(&rig);
    cr_assert(code == 1 || code == 2, "%d", code);
    cr_assert_neq(strstr(rig_log(&rig), "craeted"), NULL, "%s", rig_log(&rig));
    cr_assert_neq(strstr(rig_log(&rig), "created"), NULL); // "did you mean"
    struct temp_folder path = temp_folder_at(&rig.folder, "playbook.yaml");
    cr_assert_eq(unlink(path.path), 0);
    rig_start(&rig);
    code = rig_wait_exit(&rig);
    cr_assert(code == 1 || code == 2, "%d", code);
    cr_assert_neq(strstr(rig_log(&rig), "playbook.yaml"), NULL, "%s", rig_log(&rig));
    // A good file is all that was missing.
    rig_write(&rig, "playbook.yaml", PLAYBOOK);
    rig_start(&rig);
    rig_wait_ready(&rig);
    cr_assert_str_eq(rig_document(&rig), "tool@1");
    rig_close(&rig);
}

static void expect_signals_of_3_projects(void)
{
    rig_wait_signals(&rig);
    cr_assert_eq(router_fake_count(&rig.router, "user_pql=1"), 1);
}

Test(scorer_service, a_playbook_is_loaded_and_what_means_the_same_keeps_its_state)
{
    open_rig("event", NULL);
    expect_outcome(projects(1, 1, 0, "a", 2), APPLIED, 0);
    expect_outcome(projects(1, 1, 1, "b", 4), APPLIED, 0);
    Assay__Admin__V1__LoadDocumentResponse *loaded;
    uint64_t journal = rig_lane(&rig, 0)->journal_last;
    cr_assert_eq(rig_load(&rig, PLAYBOOK_BAD, false, &loaded), ERR_INVALID);
    cr_assert_neq(strstr(rig.info.text, "craeted"), NULL, "%s", rig.info.text);
    cr_assert_eq(rig_load(&rig, "", false, &loaded), ERR_INVALID);
    cr_assert_eq(rig_load(&rig, PLAYBOOK_2, true, &loaded), ERR_OK);
    cr_assert(!loaded->changed);
    cr_assert_str_eq(loaded->document, "tool@1");
    cr_assert_eq(rig_load(&rig, PLAYBOOK, false, &loaded), ERR_OK);
    cr_assert(!loaded->changed);
    cr_assert_eq(rig_lane(&rig, 0)->journal_last, journal);
    cr_assert_str_eq(rig_document(&rig), "tool@1");
    cr_assert_eq(rig_load(&rig, PLAYBOOK_2, false, &loaded), ERR_OK, "%s", rig.info.text);
    cr_assert(loaded->changed);
    cr_assert_str_eq(loaded->document, "tool@2");
    cr_assert_str_eq(rig_document(&rig), "tool@2");
    cr_assert_str_eq(rig_lane(&rig, 1)->playbook, "tool@2");
    cr_assert_eq(rig_load(&rig, PLAYBOOK_2, false, &loaded), ERR_OK);
    cr_assert(!loaded->changed);
    // The playbook, and the end of warming for the measure that it brought.
    rig_wait_warm(&rig);
    cr_assert_eq(rig_lane(&rig, 0)->journal_last, journal + 2);
    expect_measure(0, "ann", "created", "2"); // `projects` under another name
    expect_measure(0, "ann", "team_projects", "2");
    expect_measure(0, "ann", "reports", "0");
    // The third project completes the signal, whose name and meaning stayed.
    expect_signals_of_3_projects(); // of the other lane
    expect_outcome(projects(1, 2, 0, "c", 1), APPLIED, 0);
    rig_wait_signals(&rig);
    cr_assert_eq(router_fake_count(&rig.router, "user_pql=1"), 2);
    // The file was version 1 all the time, and is loaded by a restart.
    rig_kill(&rig);
    rig_start(&rig);
    rig_wait_ready(&rig);
    cr_assert_str_eq(rig_document(&rig), "tool@1");
    expect_measure(0, "ann", "projects", "3");
    rig_wait_signals(&rig);
    cr_assert_eq(router_fake_count(&rig.router, "user_pql=1"), 2);
    close_rig();
}

Test(scorer_service, a_restart_keeps_what_is_in_force_when_the_file_is_broken)
{
    for (int clean = 0; clean < 2; clean++) {
        open_rig("event", NULL);
        expect_outcome(projects(1, 1, 0, "a", 2), APPLIED, 0);
        Assay__Admin__V1__LoadDocumentResponse *loaded;
        cr_assert_eq(rig_load(&rig, PLAYBOOK_2, false, &loaded), ERR_OK);
        rig_write(&rig, "playbook.yaml", PLAYBOOK_BAD);
        if (clean)
            cr_assert_eq(rig_stop(&rig), 0);
        else
            rig_kill(&rig);
        rig_start(&rig);
        rig_wait_ready(&rig);
        cr_assert_str_eq(rig_document(&rig), "tool@2");
        for (uint32_t lane = 0; lane < 2; lane++)
            cr_assert_str_eq(rig_lane(&rig, lane)->playbook, "tool@2");
        cr_assert_neq(strstr(rig_log(&rig), "craeted"), NULL);
        expect_measure(0, "ann", "created", "2");
        expect_outcome(projects(1, 2, 0, "b", 1), APPLIED, 0);
        expect_signals_of_3_projects();
        close_rig();
    }
}

// ---- The clock ----------------------------------------------------------------------------------

static struct span report_at(uint64_t number, const char *id, int64_t at_ms)
{
    Assay__Scorer__V1__Event *events[1] = {
        batch_event(&arena, id, account[0], "ann", "Report Run", at_ms)};
    return batch_pack(&arena, 1, number, 0, events, 1);
}

Test(scorer_service, the_event_clock_runs_timers_once)
{
    int64_t clock_ms;
    open_rig("event", NULL);
    expect_outcome(report_at(1, "r1", BATCH_T0 + 5 * HOUR), APPLIED, 0);
    rig_wait_signals(&rig);
    cr_assert_eq(router_fake_count(&rig.router, "reporting=1"), 1);
    cr_assert_eq(rig_lane(&rig, 0)->clock_ms, 0);
    // The day of the report leaves the window at midnight, 30 days on.
    cr_assert_eq(rig_advance(&rig, BATCH_T0 + 30 * DAY - 1, &clock_ms), ERR_OK);
    cr_assert_eq(clock_ms, BATCH_T0 + 30 * DAY - 1);
    rig_wait_signals(&rig);
    cr_assert_eq(router_fake_count(&rig.router, "reporting=0"), 0);
    cr_assert_eq(rig_advance(&rig, BATCH_T0 + 30 * DAY, &clock_ms), ERR_OK);
    rig_wait_signals(&rig);
    cr_assert_eq(router_fake_count(&rig.router, "reporting=0"), 1);
    const struct router_fake_lane *taken = &rig.router.lanes[0];
    char expected[200];
    snprintf(expected, sizeof expected,
             "reporting=0 account=%s user=ann at=%lld known=%lld event= playbook=tool@1",
             account[0], (long long)(BATCH_T0 + 30 * DAY), (long long)(BATCH_T0 + 30 * DAY));
    cr_assert_str_eq(taken->signals[taken->n - 1].text, expected);
    uint64_t journal = rig_lane(&rig, 0)->journal_last;
    // The same instant again, or an earlier one, is no event; the answer says where the clock is.
    cr_assert_eq(rig_advance(&rig, BATCH_T0 + 30 * DAY, &clock_ms), ERR_OK);
    cr_assert_eq(rig_advance(&rig, BATCH_T0, &clock_ms), ERR_OK);
    cr_assert_eq(clock_ms, BATCH_T0 + 30 * DAY);
    cr_assert_eq(rig_lane(&rig, 0)->journal_last, journal);
    cr_assert_eq(rig_lane(&rig, 1)->clock_ms, BATCH_T0 + 30 * DAY);
    const int64_t nowhere[] = {0, -5, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(rig_advance(&rig, nowhere[i], &clock_ms), ERR_INVALID);
    // A clock that stands still since a crash is no reason to run timers again.
    rig_kill(&rig);
    rig_start(&rig);
    rig_wait_ready(&rig);
    cr_assert_eq(rig_advance(&rig, BATCH_T0 + 30 * DAY, &clock_ms), ERR_OK);
    cr_assert_eq(rig_lane(&rig, 0)->journal_last, journal);
    cr_assert_eq(rig_lane(&rig, 0)->clock_ms, BATCH_T0 + 30 * DAY);
    rig_wait_signals(&rig);
    cr_assert_eq(router_fake_count(&rig.router, "reporting="), 2);
    close_rig();
}

static bool wall_timer_ran(void *arg)
{
    (void)arg;
    return router_fake_count(&rig.router, "reporting=0") == 1;
}

Test(scorer_service, the_wall_clock_runs_timers_by_itself_and_takes_no_orders)
{
    open_rig("wall", NULL);
    cr_assert_eq(rig_advance(&rig, BATCH_T0, NULL), ERR_BUSY);
    cr_assert_neq(strstr(rig.info.text, "wall"), NULL, "%s", rig.info.text);
    // The report's window ended long ago by the wall's clock.
    expect_outcome(report_at(1, "r1", BATCH_T0 - 300 * DAY), APPLIED, 0);
    rig_until(&rig, wall_timer_ran, NULL);
    close_rig();
}

// ---- Explanations -------------------------------------------------------------------------------

static struct span traits_and_projects(void)
{
    Assay__Scorer__V1__Event *events[6];
    events[0] = batch_event(&arena, "g", account[0], "ann", "", BATCH_T0);
    events[0]->kind = ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_GROUP;
    batch_set_integer(&arena, events[0], "employees", 250);
    events[1] = batch_event(&arena, "i", account[0], "ann", "", BATCH_T0);
    events[1]->kind = ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_IDENTIFY;
    batch_set_text(&arena, events[1], "role", "admin");
    events[2] = batch_event(&arena, "p1", account[0], "ann", "Project Created", BATCH_T0 + 1);
    events[3] = batch_event(&arena, "p2", account[0], "ann", "Project Created", BATCH_T0 + 2);
    events[4] = batch_event(&arena, "ib", account[0], "bob", "", BATCH_T0 + 3);
    events[4]->kind = ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_IDENTIFY;
    batch_set_text(&arena, events[4], "email", "bob@ours.example");
    events[5] = batch_event(&arena, "pb", account[0], "bob", "Project Created", BATCH_T0 + 4);
    return batch_pack(&arena, 1, 1, 0, events, 6);
}

static const Assay__Scorer__V1__ExplainedSignal *
explained(const Assay__Scorer__V1__ExplainResponse *answer, const char *name)
{
    for (size_t i = 0; i < answer->n_signals; i++)
        if (strcmp(answer->signals[i]->name, name) == 0)
            return answer->signals[i];
    cr_assert_fail("no signal %s", name);
    return NULL;
}

Test(scorer_service, explains_what_is_met_and_what_is_missing)
{
    Assay__Scorer__V1__ExplainResponse *answer;
    open_rig("event", NULL);
    cr_assert_eq(rig_explain(&rig, "", "", &answer), ERR_INVALID);
    cr_assert_eq(rig_explain(&rig, account[0], "", &answer), ERR_NOT_FOUND);
    expect_outcome(traits_and_projects(), APPLIED, 0);
    cr_assert_eq(rig_explain(&rig, account[1], "", &answer), ERR_NOT_FOUND);
    cr_assert_eq(rig_explain(&rig, account[0], "nobody", &answer), ERR_NOT_FOUND);
    cr_assert_neq(strstr(rig.info.text, "user"), NULL, "%s", rig.info.text);

    cr_assert_eq(rig_explain(&rig, account[0], "", &answer), ERR_OK, "%s", rig.info.text);
    cr_assert_str_eq(answer->account_id, account[0]);
    cr_assert_str_eq(answer->playbook, "tool@1");
    cr_assert_eq(answer->clock_ms, BATCH_T0 + 2);
    cr_assert_eq(answer->user_count, 1);
    cr_assert_eq(answer->n_users_listed, 1);
    cr_assert_str_eq(answer->users_listed[0], "ann");
    cr_assert_eq(answer->n_account_traits, 1);
    cr_assert_str_eq(answer->account_traits[0]->key, "employees");
    cr_assert_eq(answer->account_traits[0]->integer, 250);
    cr_assert(explained(answer, "segment.big")->value);

    cr_assert_eq(rig_explain(&rig, account[0], "ann", &answer), ERR_OK, "%s", rig.info.text);
    const Assay__Scorer__V1__ExplainedSignal *pql = explained(answer, "user_pql");
    cr_assert(!pql->value && pql->leaf_count == 1 && pql->met_count == 0);
    cr_assert_str_eq(pql->user_id, "ann");
    cr_assert_eq(pql->n_conditions, 1);
    cr_assert_str_eq(pql->conditions[0]->text, "projects at_least 3");
    cr_assert_str_eq(pql->conditions[0]->value, "2");
    cr_assert_str_eq(pql->conditions[0]->threshold, "3");
    cr_assert_str_eq(pql->conditions[0]->missing, "1 more");
    cr_assert_eq(answer->n_user_traits, 1);
    cr_assert_str_eq(answer->user_traits[0]->text, "admin");

    Assay__Scorer__V1__Event *events[1] = {
        batch_event(&arena, "p3", account[0], "ann", "Project Created", BATCH_T0 + 10)};
    expect_outcome(batch_pack(&arena, 1, 2, 0, events, 1), APPLIED, 0);
    cr_assert_eq(rig_explain(&rig, account[0], "ann", &answer), ERR_OK);
    pql = explained(answer, "user_pql");
    cr_assert(pql->value && pql->met_count == 1);
    cr_assert_eq(pql->since_ms, BATCH_T0 + 10);
    cr_assert_str_eq(pql->event_id, "p3");
    cr_assert_str_eq(pql->conditions[0]->missing, "");

    // One of ours: never counted, and told so.
    cr_assert_eq(rig_explain(&rig, account[0], "bob", &answer), ERR_OK, "%s", rig.info.text);
    cr_assert_neq(strstr(answer->excluded, "ours.example"), NULL, "%s", answer->excluded);
    cr_assert_eq(rig_lane(&rig, 0)->excluded, 2);
    rig_kill(&rig);
    rig_start(&rig);
    rig_wait_ready(&rig);
    cr_assert_eq(rig_explain(&rig, account[0], "ann", &answer), ERR_OK);
    cr_assert_str_eq(explained(answer, "user_pql")->event_id, "p3");
    cr_assert_eq(rig_explain(&rig, account[0], "bob", &answer), ERR_OK, "%s", rig.info.text);
    close_rig();
}

// ---- The end ------------------------------------------------------------------------------------

enum { LOAD = 16, LOAD_EVENTS = 20 };
struct load {
    struct rig_applied applied[LOAD];
    uint64_t numbers[LOAD];
    uint64_t sent, acknowledged, highest;
};

static void load_note(struct load *load, int i)
{
    const struct rig_applied *slot = &load->applied[i];
    bool taken = slot->outcome == APPLIED || slot->outcome == REPEATED;
    if (slot->status != RPC_OK || !taken)
        return;
    load->acknowledged++;
    if (load->numbers[i] > load->highest)
        load->highest = load->numbers[i];
}

// A source that always has LOAD batches under way, until enough of them are acknowledged.
static bool load_reached(void *arg)
{
    struct load *load = arg;
    for (int i = 0; i < LOAD; i++) {
        if (load->numbers[i] != 0 && !load->applied[i].done)
            continue;
        if (load->numbers[i] != 0)
            load_note(load, i);
        uint64_t number = load->numbers[i] = ++load->sent;
        rig_send(&rig,
                 projects(3, number, 0, arena_printf(&arena, "l%d-", (int)number), LOAD_EVENTS),
                 &load->applied[i]);
    }
    return load->acknowledged >= 100;
}

static bool load_is_over(void *arg)
{
    const struct load *load = arg;
    for (int i = 0; i < LOAD; i++)
        if (!load->applied[i].done)
            return false;
    return true;
}

Test(scorer_service, an_orderly_end_under_load_loses_nothing)
{
    static struct load load;
    open_rig("event", "checkpoint_every: 10s\n");
    rig_until(&rig, load_reached, &load);
    cr_assert_eq(rig_stop(&rig), 0, "%s", rig_log(&rig));
    rig_start(&rig);
    rig_wait_ready(&rig);
    for (const char *at = rig_log(&rig), *to; (to = strstr(at, " replayed=")) != NULL; at = to + 1)
        cr_assert_eq(strncmp(to, " replayed=0 ", 12), 0, "%s", rig_log(&rig));
    // Calls that the end cut off come to the new process by themselves, or have failed.
    rig_until(&rig, load_is_over, &load);
    for (int i = 0; i < LOAD; i++)
        load_note(&load, i);
    uint64_t events = rig_lane(&rig, 0)->events;
    cr_assert_eq(events % LOAD_EVENTS, 0);
    cr_assert_leq(load.highest * LOAD_EVENTS, events);
    cr_assert_leq(events, load.sent * LOAD_EVENTS);
    for (uint64_t number = events / LOAD_EVENTS + 1; number <= load.sent; number++)
        expect_outcome(
            projects(3, number, 0, arena_printf(&arena, "l%d-", (int)number), LOAD_EVENTS), APPLIED,
            0);
    const Assay__Scorer__V1__Lane *lane = rig_lane(&rig, 0);
    cr_assert_eq(lane->events, load.sent * LOAD_EVENTS);
    cr_assert_eq(lane->duplicates, 0);
    // With nothing under way the checkpoint is the journal's end.
    uint64_t journal = lane->journal_last;
    cr_assert_eq(rig_stop(&rig), 0, "%s", rig_log(&rig));
    rig_start(&rig);
    rig_wait_ready(&rig);
    lane = rig_lane(&rig, 0);
    cr_assert_eq(lane->journal_last, journal);
    cr_assert_eq(lane->checkpoint, journal);
    close_rig();
}

// A router that is not there while the scorer works, ends and starts.
Test(scorer_service, signals_wait_for_the_router)
{
    struct rig_applied applied;
    open_rig("event", NULL);
    router_fake_shut(&rig.router);
    expect_outcome(projects(1, 1, 0, "a", 5), APPLIED, 0);
    cr_assert_geq(rig_lane(&rig, 0)->signals_waiting, 2);
    cr_assert_eq(rig_stop(&rig), 0);
    rig_start(&rig);
    rig_wait_ready(&rig);
    cr_assert_geq(rig_lane(&rig, 0)->signals_waiting, 2);
    rig_kill(&rig);
    rig_start(&rig);
    rig_wait_ready(&rig);
    rig_apply(&rig, projects_by("bob", 1, 2, 0, "b", 3), &applied);
    cr_assert_eq(applied.outcome, APPLIED);
    router_fake_serve(&rig.router);
    rig_wait_signals(&rig);
    // Two users and the team, each with its definition; busy.
    cr_assert_eq(router_fake_count(&rig.router, ""), 7);
    cr_assert_eq(router_fake_count(&rig.router, "team=1"), 1);
    cr_assert_eq(rig.router.n_repeated, 0);
    close_rig();
}

static bool router_holds_one(void *arg)
{
    (void)arg;
    return rig.router.n_held == 1;
}

// The scorer ends while a request to the router is under way.
Test(scorer_service, ends_while_the_router_has_its_signals)
{
    open_rig("event", NULL);
    rig.router.late = 100;
    rig.router.late_ms_max = 1000000000;
    expect_outcome(projects(1, 1, 0, "a", 5), APPLIED, 0);
    rig_until(&rig, router_holds_one, NULL);
    cr_assert_eq(rig_stop(&rig), 0, "%s", rig_log(&rig));
    rig.router.late = 0;
    rig_start(&rig);
    rig_wait_ready(&rig);
    rig_wait_signals(&rig);
    cr_assert_eq(router_fake_count(&rig.router, ""), 3); // with qualify.pql
    close_rig();
}

// The router takes texts of 1,024 bytes; a longer one would be refused for ever.
Test(scorer_service, lengthy_evidence_is_cut)
{
    open_rig("event", NULL);
    Assay__Scorer__V1__Event *event = batch_event(&arena, "g", account[0], "ann", "", BATCH_T0);
    event->kind = ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_GROUP;
    char *note = arena_alloc(&arena, 8001);
    for (size_t i = 0; i < 8000; i += 2)
        memcpy(note + i, "\xc3\xa9", 2);
    batch_set_text(&arena, event, "note", note);
    expect_outcome(batch_pack(&arena, 1, 1, 0, &event, 1), APPLIED, 0);
    rig_wait_signals(&rig);
    cr_assert_eq(router_fake_count(&rig.router, "noted=1"), 1);
    const char *text = rig.router.lanes[0].signals[0].text;
    const char *value = strstr(text, "\xc3\xa9");
    cr_assert_neq(value, NULL, "%s", text);
    size_t n = strcspn(value, ".");
    cr_assert(n % 2 == 0 && n > 900 && n < 1000, "%zu", n);
    cr_assert_eq(strncmp(value + n, "... of", 6), 0, "%s", value + n);
    close_rig();
}

static const char *metrics_text(void)
{
    Assay__Admin__V1__GetMetricsRequest request = ASSAY__ADMIN__V1__GET_METRICS_REQUEST__INIT;
    Assay__Admin__V1__GetMetricsResponse *answer;
    cr_assert_eq(rig_ask(&rig, "assay.admin.v1.AdminService/GetMetrics", &request.base,
                         &assay__admin__v1__get_metrics_response__descriptor, &answer),
                 ERR_OK);
    return answer->text;
}

Test(scorer_service, metrics_of_each_lane)
{
    open_rig("event", NULL);
    expect_outcome(projects(1, 1, 1, "a", 5), APPLIED, 0);
    expect_outcome(projects(1, 2, 1, "a", 7), APPLIED, 0);
    expect_outcome(projects(1, 2, 1, "a", 7), REPEATED, 0);
    rig_wait_signals(&rig);
    const char *const lines[] = {
        "assay_lane_batches_total{lane=\"1\"} 2\n",
        "assay_lane_batches_repeated_total{lane=\"1\"} 1\n",
        "assay_lane_events_total{lane=\"1\"} 12\n",
        "assay_lane_events_duplicate_total{lane=\"1\"} 5\n",
        "assay_lane_events_total{lane=\"0\"} 0\n",
        "assay_lane_signals_total{lane=\"1\"} 3\n",
        "assay_lane_warming_measures{lane=\"1\"} 0\n",
        "assay_lane_queue_items{lane=\"1\"} 0\n",
    };
    const char *text = metrics_text();
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        cr_assert_neq(strstr(text, lines[i]), NULL, "%s is not in:\n%s", lines[i], text);
    close_rig();
}

// The bound of the journal is far below what is sent: it is trimmed, or batches are refused for a
// while; what was acknowledged stays.
Test(scorer_service, a_journal_at_its_bound_is_trimmed)
{
    enum { BATCHES = 120, BIG = 1024 * 1024 };
    struct rig_applied applied;
    open_rig("event", "checkpoint_every: 100ms\njournal_max: 64MiB\njournal_keep: 32MiB\n");
    char *big = long_text(BIG);
    int refused = 0;
    struct arena one;
    arena_init(&one, 3 * BIG, 0);
    for (uint64_t number = 1; number <= BATCHES;) {
        arena_reset(&one);
        Assay__Scorer__V1__Event *events[1] = {
            batch_event(&one, arena_printf(&one, "n%d", (int)number), account[0], "ann",
                        "Project Created", BATCH_T0)};
        batch_set_text(&one, events[0], "note", big);
        rig_apply(&rig, batch_pack(&one, 1, number, 0, events, 1), &applied);
        if (applied.status == RPC_OK && applied.outcome == APPLIED) {
            number++;
            continue;
        }
        cr_assert_eq(applied.status, RPC_RESOURCE_EXHAUSTED, "%s", applied.text);
        cr_assert_lt(++refused, 100000);
    }
    arena_deinit(&one);
    cr_assert_eq(rig_lane(&rig, 0)->events, BATCHES);
    rig_kill(&rig);
    rig_start(&rig);
    rig_wait_ready(&rig);
    cr_assert_eq(rig_lane(&rig, 0)->events, BATCHES);
    expect_measure(0, "ann", "projects", "120");
    expect_outcome(projects(1, BATCHES, 0, "x", 1), REPEATED, 0);
    close_rig();
}
