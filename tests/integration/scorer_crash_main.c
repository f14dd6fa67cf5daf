// SPDX-License-Identifier: Apache-2.0
// links: rpc shard loop log base clock assay_proto
// runs: assay-scorer
// A scorer is killed at random moments, and now and then stopped, while three sources send numbered
// batches, playbooks change and the clock moves; its router refuses, answers late, loses answers
// and restarts. At the end it has counted every event once, and the router has exactly the signals
// of a run that nobody disturbed.
//
// Lane 0 has one source, so even the numbers of its signals are the same in both runs. Lane 1 has
// two, whose batches interleave as they come: their accounts are apart, and each account's signals
// are the same.
#include "tests/support/scorer_rig.h"

#ifdef __SANITIZE_THREAD__
enum { BATCHES = 120 };
#else
enum { BATCHES = 360 }; // of each stream
#endif

enum {
    STREAMS = 3,
    PHASES = 6, // a barrier after each, for what must fall between the same batches
    EVENTS_MAX = 200,
    ACCOUNTS = 900, // of each stream
    USERS = 3,      // of each account
    WINDOW_MAX = 16,
    ROUNDS_MIN = 25,
    SAMPLES = 60, // accounts of each stream that are explained
    LIVES_OF_PHASE = 7,
};
static const int64_t DAY = 24 * 3600000;

static const char PLAYBOOK_HEAD[] = "playbook: crash\n"
                                    "version: %d\n"
                                    "exclude:\n"
                                    "  - context.user_agent: {contains: bot}\n"
                                    "measures:\n"
                                    "  projects: {count: Project Created}\n"
                                    "  %s: {count: Project Created, per: account}\n"
                                    "  reports_7d: {count: Report Run, window: 7d}\n"
                                    "  bytes: {sum: properties.bytes, on: File Uploaded, per: "
                                    "account}\n"
                                    "  active_users: {distinct: user, window: 5d}\n"
                                    "  pql_users: {users_with: user_pql}\n"
                                    "  last_seen: {last: any}\n"
                                    "scores:\n"
                                    "  engagement: {points: {Project Created: 10, Report Run: 5}, "
                                    "half_life: 3d, per: account}\n"
                                    "signals:\n"
                                    "  activated: {projects: {at_least: 1}}\n"
                                    "  user_pql: [{projects: {at_least: %d}}, {reports_7d: "
                                    "{at_least: 1}}]\n"
                                    "  recent: {last_seen: {within: 36h}}\n"
                                    "  team: {pql_users: {at_least: 2}}\n"
                                    "  crowd: {active_users: {at_least: 3}}\n"
                                    "  warm: {engagement: {at_least: 30}}\n"
                                    "  heavy: {bytes: {at_least: 5000}}\n"
                                    "  grown: {%s: {at_least: 6}}\n"
                                    "segments:\n"
                                    "  big: {account.employees: {at_least: 500}}\n"
                                    "qualify: {pal: activated, pql: user_pql, pqa: team}\n"
                                    "route: [{when: {segment: big}, motion: sales},\n"
                                    "        {when: always, motion: self_serve}]\n";

// Version 2 gives a measure another name, version 3 gives a signal another meaning.
static void write_playbook(int version, char out[4096])
{
    const char *name = version == 1 ? "team_projects" : "all_projects";
    snprintf(out, 4096, PLAYBOOK_HEAD, version, name, version < 3 ? 3 : 4, name);
}

// ---- What is sent -------------------------------------------------------------------------------

struct account_model {
    char id[32];
    uint64_t projects, bytes, events;
    uint64_t user_projects[USERS];
    bool users[USERS];
};

struct stream {
    uint32_t lane;
    uint64_t source;
    struct account_model accounts[ACCOUNTS];
    struct span batches[BATCHES];
    uint64_t n_events, n_duplicates, n_excluded;
};

static struct stream streams[STREAMS];
static struct arena stream_arena;

static Assay__Scorer__V1__Event *make_event(struct stream *stream, struct test_random *random,
                                            const char *id, bool counts, int64_t at_ms)
{
    struct account_model *account = &stream->accounts[test_random_below(random, ACCOUNTS)];
    size_t user = test_random_below(random, USERS);
    char user_id[48];
    snprintf(user_id, sizeof user_id, "%s-u%zu", account->id, user);
    uint64_t what = test_random_below(random, 100);
    const char *name = what < 55 ? "Project Created" : what < 80 ? "Report Run" : "File Uploaded";
    Assay__Scorer__V1__Event *event =
        batch_event(&stream_arena, id, account->id, user_id, name, at_ms);
    bool bot = what >= 98;
    if (what >= 90 && what < 94) {
        event->kind = ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_GROUP;
        batch_set_integer(&stream_arena, event, "employees",
                          (int64_t)test_random_below(random, 1000));
    } else if (what >= 94 && what < 98) {
        event->kind = ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_IDENTIFY;
        batch_set_text(&stream_arena, event, "role", what % 2 == 0 ? "admin" : "member");
    } else if (what >= 80) {
        batch_set_integer(&stream_arena, event, "bytes", (int64_t)what * 10);
    }
    if (bot) {
        event->context = arena_alloc(&stream_arena, sizeof *event->context);
        event->context[0] = batch_property(&stream_arena, "userAgent");
        event->context[0]->value_case = ASSAY__EVENT__V1__PROPERTY__VALUE_TEXT;
        event->context[0]->text = arena_dup(&stream_arena, span_of("some Bot/1.0"));
        event->n_context = 1;
    }
    if (!counts)
        return event;
    stream->n_events++;
    stream->n_excluded += bot;
    if (bot)
        return event;
    account->events++;
    account->users[user] = true;
    account->projects += what < 55;
    account->user_projects[user] += what < 55;
    account->bytes += what >= 80 && what < 90 ? what * 10 : 0;
    return event;
}

// Sixty days in all. One id in thirty was sent a moment before, in this batch or an earlier one.
static void make_batch(struct stream *stream, struct test_random *random, uint64_t number)
{
    Assay__Scorer__V1__Event *events[EVENTS_MAX];
    size_t n = 1 + test_random_below(random, EVENTS_MAX);
    if (number % 50 == 0)
        n = 0;
    int64_t now = BATCH_T0 + (int64_t)number * 60 * DAY / BATCHES;
    for (size_t i = 0; i < n; i++) {
        uint64_t sent = stream->n_events;
        bool repeated = sent > 0 && test_random_below(random, 30) == 0;
        uint64_t serial = sent;
        if (repeated)
            serial -= 1 + test_random_below(random, sent < 500 ? sent : 500);
        stream->n_duplicates += repeated;
        char id[64];
        snprintf(id, sizeof id, "m-%llu-%llu", (unsigned long long)stream->source,
                 (unsigned long long)serial);
        int64_t late = (int64_t)test_random_below(random, 100) == 0 ? 3 * DAY : 3600000;
        int64_t at_ms = now + (int64_t)i - (int64_t)test_random_below(random, (uint64_t)late);
        events[i] = make_event(stream, random, id, !repeated, at_ms);
        events[i]->received_at_ms = now + (int64_t)i;
    }
    stream->batches[number - 1] =
        batch_pack(&stream_arena, stream->source, number, stream->lane, events, n);
}

static void make_streams(const struct rig *rig, struct test_random *random)
{
    for (size_t s = 0; s < STREAMS; s++) {
        struct stream *stream = &streams[s];
        stream->lane = s == 0 ? 0 : 1;
        stream->source = 11 * (s + 1);
        for (int i = 0; i < ACCOUNTS; i++)
            rig_account(rig, stream->lane, s == 2 ? ACCOUNTS + i : i, stream->accounts[i].id);
        for (uint64_t number = 1; number <= BATCHES; number++)
            make_batch(stream, random, number);
    }
}

// ---- Sending ------------------------------------------------------------------------------------

enum {
    APPLIED = ASSAY__SCORER__V1__APPLY_OUTCOME__APPLY_OUTCOME_APPLIED,
    REPEATED = ASSAY__SCORER__V1__APPLY_OUTCOME__APPLY_OUTCOME_REPEATED,
    EARLY = ASSAY__SCORER__V1__APPLY_OUTCOME__APPLY_OUTCOME_OUT_OF_ORDER,
};

struct sender {
    const struct stream *stream;
    bool acknowledged[BATCHES + 2]; // by number
    uint64_t first;                 // the lowest that is not
    uint64_t limit;                 // the last of this phase
    struct sender_call {
        struct rig_applied applied;
        uint64_t number; // 0: free
        uint64_t first;  // of the sender, when it was sent
    } calls[WINDOW_MAX];
};

struct run {
    struct rig rig;
    struct sender senders[STREAMS];
    struct test_random random;
    uint64_t window;
    uint64_t n_acknowledged, n_repeated, n_early, n_failed;
    uint64_t pause_at; // so many acknowledged in this life: nothing more is sent
    uint64_t life;     // acknowledged in this life
};

static void sender_note(struct run *run, struct sender *sender, struct sender_call *call)
{
    const struct rig_applied *applied = &call->applied;
    uint64_t number = call->number;
    call->number = 0;
    if (applied->status != RPC_OK) {
        run->n_failed++;
        CHECK(applied->status == RPC_UNAVAILABLE || applied->status == RPC_RESOURCE_EXHAUSTED ||
              applied->status == RPC_DEADLINE_EXCEEDED);
        return;
    }
    if (applied->outcome == EARLY) {
        run->n_early++;
        CHECK(applied->expected >= call->first); // what is acknowledged is never missing again
        CHECK(applied->expected < number);
        return;
    }
    CHECK(applied->outcome == APPLIED || applied->outcome == REPEATED);
    CHECK(applied->outcome == REPEATED || !sender->acknowledged[number]);
    run->n_repeated += applied->outcome == REPEATED;
    if (sender->acknowledged[number])
        return;
    sender->acknowledged[number] = true;
    run->n_acknowledged++;
    run->life++;
    while (sender->first <= BATCHES && sender->acknowledged[sender->first])
        sender->first++;
}

static bool sender_has(const struct sender *sender, uint64_t number)
{
    for (size_t i = 0; i < WINDOW_MAX; i++)
        if (sender->calls[i].number == number)
            return true;
    return false;
}

// One of the window that waits, any of them; now and then one that is acknowledged.
static uint64_t sender_pick(struct run *run, const struct sender *sender)
{
    if (sender->first > 1 && test_random_below(&run->random, 200) == 0)
        return 1 + test_random_below(&run->random, sender->first - 1);
    uint64_t free[WINDOW_MAX], n = 0;
    for (uint64_t i = sender->first; i <= sender->limit && i < sender->first + run->window; i++)
        if (!sender->acknowledged[i] && !sender_has(sender, i))
            free[n++] = i;
    return n == 0 ? 0 : free[test_random_below(&run->random, n)];
}

static void sender_step(struct run *run, struct sender *sender)
{
    for (size_t i = 0; i < WINDOW_MAX; i++) {
        struct sender_call *call = &sender->calls[i];
        if (call->number != 0 && call->applied.done)
            sender_note(run, sender, call);
    }
    for (size_t i = 0; i < run->window && run->life < run->pause_at; i++) {
        struct sender_call *call = &sender->calls[i];
        if (call->number != 0)
            continue;
        call->number = sender_pick(run, sender);
        if (call->number == 0)
            return;
        call->first = sender->first;
        rig_send(&run->rig, sender->stream->batches[call->number - 1], &call->applied);
    }
}

static bool run_is_idle(const struct run *run)
{
    for (size_t s = 0; s < STREAMS; s++)
        for (size_t i = 0; i < WINDOW_MAX; i++)
            if (run->senders[s].calls[i].number != 0)
                return false;
    return true;
}

// The phase has come to its barrier.
static bool run_phase_over(const struct run *run)
{
    for (size_t s = 0; s < STREAMS; s++)
        if (run->senders[s].first <= run->senders[s].limit)
            return false;
    return run_is_idle(run);
}

static bool run_step(void *arg)
{
    struct run *run = arg;
    for (size_t s = 0; s < STREAMS; s++)
        sender_step(run, &run->senders[s]);
    return run_phase_over(run) || run->life >= run->pause_at;
}

// ---- What falls between batches -----------------------------------------------------------------

// Kills the process while the loop waits for an answer, and starts another: NNG asks that one.
static void run_kill_cb(void *arg)
{
    struct run *run = arg;
    int status;
    CHECK(kill(run->rig.pid, SIGKILL) == 0 && waitpid(run->rig.pid, &status, 0) == run->rig.pid);
    run->rig.pid = 0;
    rig_start(&run->rig);
}

// Asks until it is done.
static void run_barrier(struct run *run, int phase, bool disturbed)
{
    char playbook[4096];
    struct loop_timer *killer = loop_timer_create(run->rig.loop, run_kill_cb, run);
    if (disturbed && test_random_below(&run->random, 2) == 0)
        loop_timer_start(killer, test_random_below(&run->random, 8), 0);
    if (phase == 1 || phase == 3) {
        write_playbook(phase == 1 ? 2 : 3, playbook);
        rig_write(&run->rig, "playbook.yaml", playbook);
        Assay__Admin__V1__LoadDocumentResponse *loaded;
        while (rig_load(&run->rig, playbook, false, &loaded) != ERR_OK)
            usleep(1000);
    } else {
        int64_t to_ms = BATCH_T0 + (int64_t)(phase + 1) * 60 * DAY / PHASES + DAY / 3;
        while (rig_advance(&run->rig, to_ms, NULL) != ERR_OK)
            usleep(1000);
    }
    loop_timer_destroy(killer);
    arena_reset(&run->rig.arena);
}

// ---- One life of the process --------------------------------------------------------------------

struct pause {
    struct rig *rig;
    int64_t until_ms;
};

static bool pause_is_over(void *arg)
{
    const struct pause *pause = arg;
    return loop_now_ms(pause->rig->loop) >= pause->until_ms;
}

static void run_pause(struct run *run, uint64_t ms)
{
    struct pause pause = {&run->rig, loop_now_ms(run->rig.loop) + (int64_t)ms};
    rig_until(&run->rig, pause_is_over, &pause);
}

static bool router_is_gone(void *arg)
{
    return ((struct router_fake *)arg)->server == NULL;
}

static void run_restart_router(struct run *run)
{
    router_fake_shut(&run->rig.router);
    rig_until(&run->rig, router_is_gone, &run->rig.router);
    run_pause(run, test_random_below(&run->random, 30));
    router_fake_serve(&run->rig.router);
}

static void run_end_life(struct run *run)
{
    if (test_random_below(&run->random, 6) != 0) {
        rig_kill(&run->rig);
        return;
    }
    int code = rig_stop(&run->rig);
    if (code != 0)
        rig_die(&run->rig, "the scorer did not end in order");
}

// Some are ended before they are ready, some in the middle of work, some a while after it, when a
// checkpoint is under way or done.
static void run_life(struct run *run, uint64_t batches)
{
    static const uint64_t WINDOWS[] = {1, 2, 4, WINDOW_MAX};
    run->window = WINDOWS[test_random_below(&run->random, 4)];
    if (run->rig.pid == 0)
        rig_start(&run->rig);
    run->life = 0;
    if (test_random_below(&run->random, 8) == 0) {
        run_pause(run, test_random_below(&run->random, 40));
        rig_kill(&run->rig);
        return;
    }
    rig_wait_ready(&run->rig);
    run->pause_at = 1 + test_random_below(&run->random, 2 * batches);
    rig_until(&run->rig, run_step, run);
    if (test_random_below(&run->random, 6) == 0)
        run_restart_router(run);
    if (test_random_below(&run->random, 2) == 0)
        run_pause(run, test_random_below(&run->random, 160));
    run_end_life(run);
}

static void run_phase(struct run *run, int phase, bool disturbed)
{
    for (size_t s = 0; s < STREAMS; s++)
        run->senders[s].limit = (uint64_t)(phase + 1) * BATCHES / PHASES;
    int lives = disturbed ? LIVES_OF_PHASE : 0;
    for (int i = 0; i < lives; i++)
        run_life(run, STREAMS * BATCHES / PHASES / LIVES_OF_PHASE);
    if (run->rig.pid == 0) {
        rig_start(&run->rig);
        rig_wait_ready(&run->rig);
    }
    run->life = 0;
    run->pause_at = UINT64_MAX;
    run->window = 8;
    rig_until(&run->rig, run_step, run);
    CHECK(run_phase_over(run));
    run_barrier(run, phase, disturbed);
    if (disturbed && test_random_below(&run->random, 2) == 0)
        rig_kill(&run->rig);
}

// ---- What came of it ----------------------------------------------------------------------------

struct result {
    struct router_fake_lane lanes[2]; // taken over from the router
    struct span explained[STREAMS][SAMPLES];
    uint64_t journal_last[2];
};

static void expect_counts(struct run *run, uint32_t lane)
{
    uint64_t events = 0, duplicates = 0, excluded = 0, accounts = 0, users = 0;
    for (size_t s = 0; s < STREAMS; s++) {
        const struct stream *stream = &streams[s];
        if (stream->lane != lane)
            continue;
        events += stream->n_events;
        duplicates += stream->n_duplicates;
        excluded += stream->n_excluded;
        for (size_t i = 0; i < ACCOUNTS; i++) {
            accounts += stream->accounts[i].events > 0;
            for (size_t u = 0; u < USERS; u++)
                users += stream->accounts[i].users[u];
        }
    }
    const Assay__Scorer__V1__Lane *found = rig_lane(&run->rig, lane);
    printf("lane %u: %llu events (%llu), %llu duplicates (%llu), %llu excluded (%llu), %llu "
           "accounts (%llu), %llu users (%llu)\n",
           lane, (unsigned long long)found->events, (unsigned long long)events,
           (unsigned long long)found->duplicates, (unsigned long long)duplicates,
           (unsigned long long)found->excluded, (unsigned long long)excluded,
           (unsigned long long)found->accounts, (unsigned long long)accounts,
           (unsigned long long)found->users, (unsigned long long)users);
    CHECK(found->events == events && found->duplicates == duplicates);
    CHECK(found->excluded == excluded && found->accounts == accounts && found->users == users);
    CHECK(found->signals_waiting == 0);
}

static void expect_number(struct run *run, const char *account, const char *user, const char *name,
                          uint64_t value)
{
    const char *found = rig_measure(&run->rig, account, user, name);
    char expected[32];
    snprintf(expected, sizeof expected, "%llu", (unsigned long long)value);
    if (found != NULL && strcmp(found, expected) == 0)
        return;
    fprintf(stderr, "%s of %s %s: %s, expected %s\n", name, account, user,
            found == NULL ? run->rig.info.text : found, expected);
    abort();
}

static void sample(struct run *run, struct result *result, size_t s, size_t i)
{
    const struct account_model *account = &streams[s].accounts[i * (ACCOUNTS / SAMPLES)];
    char user[48] = "";
    arena_reset(&run->rig.arena);
    if (account->events == 0)
        return;
    expect_number(run, account->id, "", "all_projects", account->projects);
    expect_number(run, account->id, "", "bytes", account->bytes);
    for (size_t u = 0; u < USERS; u++) {
        if (!account->users[u])
            continue;
        snprintf(user, sizeof user, "%s-u%zu", account->id, u);
        expect_number(run, account->id, user, "projects", account->user_projects[u]);
    }
    Assay__Scorer__V1__ExplainResponse *answer;
    CHECK(rig_explain(&run->rig, account->id, user, &answer) == ERR_OK);
    size_t n = assay__scorer__v1__explain_response__get_packed_size(answer);
    uint8_t *bytes = arena_alloc(&stream_arena, n);
    result->explained[s][i] = span_make(bytes, n);
    assay__scorer__v1__explain_response__pack(answer, bytes);
}

static void run_result(struct run *run, struct result *result)
{
    if (run->rig.pid == 0) {
        rig_start(&run->rig);
        rig_wait_ready(&run->rig);
    }
    rig_wait_signals(&run->rig);
    for (uint32_t lane = 0; lane < 2; lane++) {
        expect_counts(run, lane);
        result->journal_last[lane] = rig_lane(&run->rig, lane)->journal_last;
    }
    for (size_t s = 0; s < STREAMS; s++)
        for (size_t i = 0; i < SAMPLES; i++)
            sample(run, result, s, i);
    CHECK(run->rig.router.n_split == 0);
    // Nothing more comes after another kill.
    size_t n = router_fake_count(&run->rig.router, "");
    rig_kill(&run->rig);
    rig_start(&run->rig);
    rig_wait_ready(&run->rig);
    rig_wait_signals(&run->rig);
    CHECK(router_fake_count(&run->rig.router, "") == n);
    for (uint32_t lane = 0; lane < 2; lane++) {
        expect_counts(run, lane);
        result->lanes[lane] = run->rig.router.lanes[lane];
        run->rig.router.lanes[lane] = (struct router_fake_lane){0};
    }
    CHECK(rig_stop(&run->rig) == 0);
}

static void run_open(struct run *run)
{
    char playbook[4096];
    write_playbook(1, playbook);
    // One source of a lane may be a phase, ten days, ahead of the other: that is not to make its
    // repeated ids expire.
    struct rig_opts opts = {
        .n_lanes = 2,
        .more = "checkpoint_every: 100ms\ndedupe_window: 14d\n",
        .playbook = playbook,
    };
    rig_open(&run->rig, &opts);
    for (size_t s = 0; s < STREAMS; s++) {
        run->senders[s].stream = &streams[s];
        run->senders[s].first = 1;
    }
}

// ---- Comparing ----------------------------------------------------------------------------------

static void fail_at(const char *what, uint32_t lane, const struct router_fake_signal *calm,
                    const struct router_fake_signal *disturbed)
{
    static const struct router_fake_signal NONE = {0, 0, (char *)"nothing"};
    calm = calm == NULL ? &NONE : calm;
    disturbed = disturbed == NULL ? &NONE : disturbed;
    fprintf(stderr, "lane %u: %s\n  calm      %llu/%llx %s\n  disturbed %llu/%llx %s\n", lane, what,
            (unsigned long long)calm->position, (unsigned long long)calm->index, calm->text,
            (unsigned long long)disturbed->position, (unsigned long long)disturbed->index,
            disturbed->text);
    abort();
}

static void expect_same_signals(uint32_t lane, const struct router_fake_lane *calm,
                                const struct router_fake_lane *disturbed)
{
    size_t n = calm->n < disturbed->n ? calm->n : disturbed->n;
    for (size_t i = 0; i < n; i++) {
        const struct router_fake_signal *a = &calm->signals[i], *b = &disturbed->signals[i];
        if (a->position != b->position || a->index != b->index || strcmp(a->text, b->text) != 0)
            fail_at("signals differ", lane, a, b);
    }
    if (calm->n != disturbed->n)
        fail_at("one has more", lane, calm->n > n ? &calm->signals[n] : NULL,
                disturbed->n > n ? &disturbed->signals[n] : NULL);
}

static const struct router_fake_lane *sorted_lane;

// By account, and within it in order.
static int by_account(const void *x, const void *y)
{
    size_t a = *(const size_t *)x, b = *(const size_t *)y;
    const char *p = strstr(sorted_lane->signals[a].text, " account=");
    const char *q = strstr(sorted_lane->signals[b].text, " account=");
    size_t n = strcspn(p + 1, " "), m = strcspn(q + 1, " ");
    int c = strncmp(p + 1, q + 1, n > m ? n : m);
    return c != 0 ? c : (a > b) - (a < b);
}

static size_t *sort_lane(const struct router_fake_lane *lane)
{
    size_t *order = mem_alloc((lane->n + 1) * sizeof *order);
    for (size_t i = 0; i < lane->n; i++)
        order[i] = i;
    sorted_lane = lane;
    qsort(order, lane->n, sizeof *order, by_account);
    return order;
}

static void expect_same_by_account(uint32_t lane, const struct router_fake_lane *calm,
                                   const struct router_fake_lane *disturbed)
{
    size_t *a = sort_lane(calm), *b = sort_lane(disturbed);
    size_t n = calm->n < disturbed->n ? calm->n : disturbed->n;
    for (size_t i = 0; i < n; i++)
        if (strcmp(calm->signals[a[i]].text, disturbed->signals[b[i]].text) != 0)
            fail_at("an account's signals differ", lane, &calm->signals[a[i]],
                    &disturbed->signals[b[i]]);
    CHECK(calm->n == disturbed->n);
    mem_free(a);
    mem_free(b);
}

static void expect_same(const struct result *calm, const struct result *disturbed)
{
    expect_same_signals(0, &calm->lanes[0], &disturbed->lanes[0]);
    expect_same_by_account(1, &calm->lanes[1], &disturbed->lanes[1]);
    for (uint32_t lane = 0; lane < 2; lane++)
        CHECK(calm->journal_last[lane] == disturbed->journal_last[lane]);
    for (size_t s = 0; s < STREAMS; s++)
        for (size_t i = 0; i < SAMPLES; i++)
            CHECK(span_eq(calm->explained[s][i], disturbed->explained[s][i]));
}

static void result_free(struct result *result)
{
    for (size_t l = 0; l < 2; l++) {
        for (size_t i = 0; i < result->lanes[l].n; i++)
            mem_free(result->lanes[l].signals[i].text);
        mem_free(result->lanes[l].signals);
    }
}

int main(void)
{
    static struct run run;
    static struct result calm, disturbed;
    setvbuf(stdout, NULL, _IOLBF, 0);
    struct test_random random = {test_random_seed()};
    printf("seed %llu\n", (unsigned long long)random.state);
    arena_init(&stream_arena, 1 << 20, 0);

    run_open(&run);
    make_streams(&run.rig, &random);
    for (int phase = 0; phase < PHASES; phase++)
        run_phase(&run, phase, false);
    run_result(&run, &calm);
    printf("calm: %zu signals in %zu calls, at most %zu\n", calm.lanes[0].n + calm.lanes[1].n,
           run.rig.router.n_calls, run.rig.router.n_signals_max);
    CHECK(calm.lanes[0].n > 1000 && calm.lanes[1].n > 1000);
    CHECK(run.n_failed == 0);
    rig_close(&run.rig);

    run = (struct run){.random = random};
    run_open(&run);
    struct router_fake *router = &run.rig.router;
    router->random.state = test_random_next(&run.random);
    router->refuse = 15;
    router->late = 20;
    router->lose = 10;
    for (int phase = 0; phase < PHASES; phase++)
        run_phase(&run, phase, true);
    router->refuse = router->late = router->lose = 0;
    run_result(&run, &disturbed);
    printf("disturbed: %llu batches failed, %llu repeated, %llu early; router: %zu calls, %zu "
           "refused, %zu late, %zu lost, %zu signals again\n",
           (unsigned long long)run.n_failed, (unsigned long long)run.n_repeated,
           (unsigned long long)run.n_early, router->n_calls, router->n_refused, router->n_late,
           router->n_lost, router->n_repeated);
    CHECK(PHASES * LIVES_OF_PHASE >= ROUNDS_MIN);
    CHECK(run.n_acknowledged == STREAMS * BATCHES);
    rig_close(&run.rig);

    expect_same(&calm, &disturbed);
    result_free(&calm);
    result_free(&disturbed);
    arena_deinit(&stream_arena);
    return 0;
}
