// SPDX-License-Identifier: Apache-2.0
// links: router_core playbook
//
// The bound of fairness over random schedules: reps join, leave, fall absent, come back, fill up
// and free up. Over any stretch of assignments during which two reps who take the same could both
// take every lead, and which began with them level, neither gets more than the other by 1/w_i +
// 1/w_j. Level means: their counts, as the decision tells them, are within one lead by weight. They
// always are, unless owners, hands, credits or leads that somebody already had moved them apart:
// the first test has none of these, and there every stretch counts.
//
//   TEST_CASES=10000 TEST_SEED=1 build/tests/unit.router_teams_fairness_test
#include <criterion/criterion.h>
#include <stdlib.h>

#include "tests/support/random.h"
#include "tests/support/team_world.h"

enum { CASES = 60, OPS = 250, REPS = 6 };

static struct team_world w;
static struct test_random rng;
static unsigned long long seed;

static const char *const NAMES[REPS] = {"ann", "ben", "cid", "dee", "eve", "fay"};

struct pair {
    bool begun;
    int64_t got, low, high; // of the first minus the second, in parts of 1 / (w_i * w_j)
};
static struct pair pairs[REPS][REPS];
static int weights[REPS];
static int families[REPS];
static int n_accounts, n_checked;
static bool every_stretch;

static uint64_t below(uint64_t n)
{
    return test_random_below(&rng, n);
}

static int rep_named(const char *name)
{
    for (int i = 0; i < REPS; i++)
        if (strcmp(NAMES[i], name) == 0)
            return i;
    return -1;
}

static void forget(int rep)
{
    for (int i = 0; i < REPS; i++)
        pairs[i][rep] = pairs[rep][i] = (struct pair){0};
}

static bool is_level(const struct router_candidate *a, const struct router_candidate *b)
{
    int64_t apart = (int64_t)a->assigned * b->weight - (int64_t)b->assigned * a->weight;
    return apart >= -a->weight && apart <= b->weight;
}

// The candidate `i` as it was before the assignment.
static void note_pair(const struct router_candidate *a, const struct router_candidate *b, int i,
                      int j, int chosen)
{
    struct pair *pair = &pairs[i][j];
    if (!pair->begun) {
        *pair = (struct pair){.begun = every_stretch || is_level(a, b)};
        if (!pair->begun)
            return;
    }
    pair->got += chosen == i ? b->weight : chosen == j ? -a->weight : 0;
    pair->low = pair->got < pair->low ? pair->got : pair->low;
    pair->high = pair->got > pair->high ? pair->got : pair->high;
    n_checked++;
    cr_assert_leq(pair->high - pair->low, a->weight + b->weight,
                  "TEST_CASES=1 TEST_SEED=%llu: %s and %s are further apart than the bound", seed,
                  a->rep, b->rep);
}

static bool is_able(const struct router_candidate *c)
{
    return c->verdict == ROUTER_CHOSEN || c->verdict == ROUTER_BEHIND;
}

static void note_assigned(const struct router_decision *d)
{
    int chosen = rep_named(d->rep);
    bool by_count = false, able[REPS] = {false};
    for (size_t i = 0; i < d->n_candidates; i++) {
        by_count |= d->candidates[i].verdict == ROUTER_CHOSEN;
        able[rep_named(d->candidates[i].rep)] = is_able(&d->candidates[i]);
    }
    for (int i = 0; i < REPS; i++)
        if (!by_count || !able[i])
            forget(i);
    for (size_t a = 0; by_count && a < d->n_candidates; a++)
        for (size_t b = a + 1; b < d->n_candidates; b++) {
            int i = rep_named(d->candidates[a].rep), j = rep_named(d->candidates[b].rep);
            if (able[i] && able[j] && families[i] == families[j])
                note_pair(&d->candidates[a], &d->candidates[b], i, j, chosen);
        }
}

static void note(void)
{
    for (size_t i = 0; i < w.effects.n; i++) {
        const struct router_decision *d = &w.effects.items[i];
        if (d->kind != ROUTER_DECISION_LEAD)
            continue;
        if (d->step == ROUTER_STEP_UNASSIGNED)
            forget(rep_named(d->rep));
        if (d->step == ROUTER_STEP_HELD)
            memset(pairs, 0, sizeof pairs);
        if (d->step == ROUTER_STEP_ASSIGNED)
            note_assigned(d);
    }
    team_world_note(&w);
    buf_clear(&w.log);
}

// ---- What happens -------------------------------------------------------------------------------

static void send(const char *account, const char *user, const char *name, const char *label)
{
    struct router_signal s = {
        .position = ++w.position,
        .name = span_of(name),
        .value = true,
        .account = span_of(account),
        .user = span_of(user),
        .at_ms = w.now_ms,
        .known_at_ms = w.now_ms,
        .event_id = span_of("e"),
        .playbook = span_of("test@1"),
        .episode = 1,
        .label = span_of(label),
    };
    router_core_signals(w.core, 0, &s, 1, &w.effects);
}

static void new_lead(bool owners)
{
    char account[32];
    snprintf(account, sizeof account, "a%d", n_accounts++);
    if (below(2) == 0)
        send(account, "", "segment.eu", "");
    if (owners && below(6) == 0)
        send(account, "", "fact.account.owner", NAMES[below(REPS)]);
    send(account, "u", "qualify.pql", "");
    note();
}

static void change(int rep, struct router_rep_change said)
{
    said.team = span_of("smb");
    said.rep = span_of(NAMES[rep]);
    enum err err = router_core_change_rep(w.core, w.now_ms, &said, &w.effects, NULL);
    cr_assert(err == ERR_OK || err == ERR_NOT_FOUND || err == ERR_CONFLICT);
    note();
}

static void change_weight(int rep)
{
    weights[rep] = 1 + (int)below(5);
    forget(rep);
    change(rep, (struct router_rep_change){.set_weight = true, .weight = weights[rep]});
}

// So many of the leads that wait to be leased are leased, and most of these end.
static void work(bool declines)
{
    struct router_lease request = {
        .queue = span_of("sales"), .consumer = span_of("crm"), .max = 1 + (uint32_t)below(8)};
    const struct router_lead *leads[ROUTER_LEASE_LEADS_MAX];
    size_t n;
    cr_assert_eq(router_core_lease(w.core, w.now_ms, &request, leads, &n, &w.effects, NULL),
                 ERR_OK);
    note();
    for (size_t i = 0; i < n; i++) {
        bool declined = declines && below(4) == 0;
        char token[ROUTER_TOKEN_BYTES];
        router_lead_token(leads[i], token);
        const struct router_lead *out;
        struct span id = span_of(leads[i]->id), t = span_of(token);
        enum err err = declined ? router_core_release(w.core, w.now_ms, id, t, span_of("declined"),
                                                      0, &out, &w.effects, NULL)
                                : router_core_complete(w.core, w.now_ms, id, t, span_of("won"),
                                                       &out, &w.effects, NULL);
        cr_assert_eq(err, ERR_OK);
        note();
    }
}

static void absent(int rep)
{
    int64_t hours = (int64_t)below(30) * TIME_HOUR_MS;
    change(rep, (struct router_rep_change){.set_absent = true,
                                           .absent_from_ms = w.now_ms,
                                           .absent_until_ms = w.now_ms + hours});
}

static void step(bool pure)
{
    int rep = (int)below(REPS);
    uint64_t what = below(100);
    if (what < 60) {
        new_lead(!pure);
    } else if (what < 72) {
        work(!pure);
    } else if (what < 80) {
        absent(rep);
    } else if (what < 83) {
        change_weight(rep);
    } else if (what < 86) {
        change(rep, (struct router_rep_change){.set_open = true, .open = (int32_t)below(6)});
    } else if (what < 88) {
        change(rep, (struct router_rep_change){.set_per_day = true, .per_day = (int32_t)below(9)});
    } else if (what < 92 && !pure) {
        change(rep, (struct router_rep_change){.set_active = true, .active = below(3) != 0});
    } else if (what < 94 && !pure) {
        change(rep, (struct router_rep_change){.remove = true});
        forget(rep);
    } else if (what < 96 && !pure) {
        weights[rep] = 1;
        forget(rep);
        change(rep, (struct router_rep_change){.add = true, .set_weight = true, .weight = 1});
    } else {
        w.now_ms += (int64_t)below(12 * 60) * TIME_MINUTE_MS;
        router_core_tick(w.core, w.now_ms, &w.effects);
        note();
    }
}

static void start(void)
{
    struct buf text = {0};
    buf_append_text(&text, "teams:\n  smb:\n    queue: sales\n    reps:\n");
    for (int i = 0; i < REPS; i++) {
        static const char *const TAKES[] = {"always", "{segment: eu}"};
        static const char *const HOURS[] = {"always", "\"08:00-16:00\"", "\"12:00-20:00\""};
        weights[i] = 1 + (int)below(5);
        families[i] = i % 3 == 2;
        buf_printf(&text, "      %s: {weight: %d, takes: %s, hours: %s}\n", NAMES[i], weights[i],
                   TAKES[families[i]], HOURS[below(3)]);
    }
    buf_append_u8(&text, 0);
    team_world_init(&w, (const char *)text.bytes);
    buf_deinit(&text);
    memset(pairs, 0, sizeof pairs);
    n_accounts = 0;
}

static void run(bool pure)
{
    const char *cases = getenv("TEST_CASES");
    int n = cases != NULL ? atoi(cases) : CASES;
    seed = test_random_seed();
    fprintf(stderr, "TEST_SEED=%llu\n", seed);
    n_checked = 0;
    every_stretch = pure;
    for (int i = 0; i < n; i++, seed++) {
        rng.state = (seed + 1) * 0x9e3779b97f4a7c15u;
        start();
        for (int op = 0; op < OPS; op++)
            step(pure);
        team_world_deinit(&w);
    }
    cr_assert_gt(n_checked, n * 20, "only %d pairs were compared", n_checked);
}

Test(router_teams_fairness, every_stretch_where_all_goes_by_count)
{
    run(true);
}

Test(router_teams_fairness, every_stretch_that_begins_level)
{
    run(false);
}
