// SPDX-License-Identifier: Apache-2.0
// links: naive scorer_rows scorer_core playbook
// Identities against the naive way, which knows all links in advance and gives every event to the
// account where it counts: random streams of identify, group, alias and track calls, named and
// unnamed, with links that contradict each other and lead in circles, undone and redone; over one
// to four lanes whose messages are late; with lanes that die. When nothing is under way all
// measures of all accounts and users must be the same, and so must signals.
//
//   TEST_CASES=10000 TEST_SEED=1 build/tests/unit.scorer_identity_naive_test
//
// A case that fails prints its seed; TEST_CASES=1 TEST_SEED=N runs it alone.
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>

#include "services/scorer/core/identity_impl.h"
#include "tests/support/identity_world.h"
#include "tests/support/naive_case.h"

#ifdef __SANITIZE_ADDRESS__
enum { CASES = 60 };
#else
enum { CASES = 400 };
#endif
enum { CALLS_MAX = 60, LINKS_MAX = 256, DELIVERIES_MAX = 2 * CALLS_MAX };

static const char *const IDS[] = {"a1", "a2", "a3", "u1", "u2", "u3"};
static const char *const GROUPS[] = {"acme", "beta", "user:u1"};
static const char FINAL[] = "2027-01-01T00:00:00Z";

static const char HEAD[] = "playbook: p\nversion: 1\nmeasures:\n";
static const char COUNTS[] = "  n: {count: any, per: account}\n"
                             "  c: {count: A, window: 400d}\n"
                             "  s: {sum: properties.p, on: any, per: account}\n"
                             "  u: {distinct: user, on: any, per: account}\n"
                             "  v: {distinct: properties.p, on: any, per: account}\n"
                             "  r: {distinct: user, on: any, window: 303d, per: account}\n"
                             "  g: {distinct: user, on: any, window: 90d, per: account}\n";
static const char KEEPS[] = "  w: {users_with: busy}\n"
                            "  y: {average: properties.p, on: any}\n"
                            "  d: {active_days: any, per: account}\n"
                            "  t: {count: B, after: A, within: 30h, per: account}\n"
                            "  q: {sequence: [A, B], within: 40h}\n"
                            "  i: {time_spent: any, idle: 5h}\n"
                            "  f: {first: properties.p, on: any}\n"
                            "  l: {last: properties.p, on: any, per: account, resets_on: C}\n";
// Every one follows from what is true at an instant. 303 days before the last event is in the
// midst of all others.
static const char SIGNALS[] = "signals:\n"
                              "  busy: {c: {at_least: 2}}\n"
                              "  many: {n: {at_least: 4}}\n"
                              "  team: {any: [{w: {at_least: 2}}, {u: {at_least: 3}}]}\n"
                              "  rich: [{s: {at_least: 5}}, {v: {at_least: 2}}]\n"
                              "  mixed: [{c: {at_least: 1}}, {n: {at_least: 3}}]\n"
                              "  quiet: {n: {at_most: 2}}\n"
                              "  order: {q: {at_least: 1}}\n"
                              "  grew0: {g: {grew_to: 1, from_at_most: 0, over: 303d}}\n"
                              "  grew1: {g: {grew_to: 1, from_at_most: 1, over: 303d}}\n"
                              "  grew2: {g: {grew_to: 1, from_at_most: 2, over: 303d}}\n";

static const char *const RULES[] = {"only", "first", "latest", "none"};

// ---- The truth ----

struct truth_link {
    const char *id, *target;
    bool group, undone;
    int64_t first_ms, last_ms;
};

struct call {
    struct identity_input input; // of the event
    const char *id;              // of an unnamed event of use; NULL: it goes where it says
};

struct trial {
    struct identity_world world;
    struct test_random random;
    struct naive_case *naive; // NULL: the playbook is this test's own
    int rule;                 // of the playbook that is in force in the end
    const char *yaml;         // that one
    bool reloaded[IDENTITY_LANES_MAX];
    struct truth_link links[LINKS_MAX];
    size_t n_links;
    struct call calls[CALLS_MAX];
    int n_calls;
    uint64_t seed;
};

static uint32_t below(struct trial *t, uint32_t n)
{
    return (uint32_t)test_random_below(&t->random, n);
}

static void truth_add(struct trial *t, const char *id, const char *target, bool group, int64_t ms)
{
    if (!group && strcmp(id, target) == 0)
        return;
    for (size_t i = 0; i < t->n_links; i++) {
        struct truth_link *l = &t->links[i];
        if (l->group != group || strcmp(l->id, id) != 0 || strcmp(l->target, target) != 0)
            continue;
        l->first_ms = ms < l->first_ms ? ms : l->first_ms;
        l->last_ms = ms > l->last_ms ? ms : l->last_ms;
        return;
    }
    CHECK(t->n_links < LINKS_MAX);
    t->links[t->n_links++] = (struct truth_link){id, target, group, false, ms, ms};
}

static struct truth_link *truth_in_force(struct trial *t, const char *id, bool group)
{
    struct truth_link *best = NULL;
    int n = 0;
    if (group && t->rule == DEFAULT_ACCOUNT_NONE)
        return NULL;
    for (size_t i = 0; i < t->n_links; i++) {
        struct truth_link *l = &t->links[i];
        if (l->group != group || l->undone || strcmp(l->id, id) != 0)
            continue;
        n++;
        bool latest = group && t->rule == DEFAULT_ACCOUNT_LATEST;
        int64_t a = latest ? l->last_ms : l->first_ms;
        int64_t b = best == NULL ? 0 : latest ? best->last_ms : best->first_ms;
        int order = best == NULL ? 0 : strcmp(l->target, best->target);
        bool earlier = best != NULL && (a < b || (a == b && order < 0));
        bool later = best != NULL && (a > b || (a == b && order > 0));
        if (best == NULL || (latest ? later : earlier))
            best = l;
    }
    return group && t->rule == DEFAULT_ACCOUNT_ONLY && n > 1 ? NULL : best;
}

struct truth_sink {
    const char *account, *user;
};

// The user that its links lead to.
static const char *truth_last(struct trial *t, const char *x)
{
    const char *last = x;
    struct truth_link *first = truth_in_force(t, x, false);
    if (first != NULL) {
        last = first->target;
        struct truth_link *second = truth_in_force(t, last, false);
        if (second != NULL && strcmp(second->target, x) == 0)
            last = strcmp(x, last) < 0 ? x : last;
        else if (second != NULL)
            last = second->target;
    }
    return last;
}

static struct truth_sink truth_sink(struct trial *t, const char *x)
{
    const char *last = truth_last(t, x);
    struct truth_link *group = truth_in_force(t, last, true);
    struct truth_sink sink = {
        group != NULL ? group->target : identity_text(&t->world, "user:", last), last};
    // At home it is oneself, whatever one is called elsewhere.
    if (strcmp(sink.account, identity_text(&t->world, "user:", x)) == 0)
        sink.user = x;
    return sink;
}

// ---- Calls ----

static const char *one_id(struct trial *t)
{
    return IDS[below(t, ARRAY_LEN(IDS))];
}

// Mostly: an id may be a user's too.
static bool is_visitor(struct trial *t, const char *id)
{
    return id[0] == 'a' && below(t, 4) > 0;
}

static int64_t one_instant(struct trial *t)
{
    return at("2026-03-01T00:00:00Z") + (int64_t)below(t, 40) * 3 * (int64_t)TIME_HOUR_MS;
}

static const char *naive_pairs(struct trial *t, const struct naive_pair *pairs, int n)
{
    struct buf text = {0};
    for (int i = 0; i < n; i++)
        buf_printf(&text, "%s%s=%s", i > 0 ? " " : "", pairs[i].key, pairs[i].written);
    const char *out = arena_dup(&t->world.texts, buf_span(&text));
    buf_deinit(&text);
    return out;
}

static void make_use(struct trial *t, struct call *call)
{
    static const char *const KINDS[] = {"track", "page", "screen"};
    static const char *const NAMES[] = {"A", "B", "C", "D"};
    struct say *say = &call->input.event;
    say->kind = KINDS[below(t, 8) < 6 ? 0 : 1 + below(t, 2)];
    say->name = NAMES[below(t, ARRAY_LEN(NAMES))];
    say->at_ms = one_instant(t);
    say->properties = arena_printf(&t->world.texts, "p=%u", below(t, 5));
    if (t->naive != NULL) {
        const struct naive_step *step = &t->naive->steps[below(t, (uint32_t)t->naive->n_steps)];
        if (step->kind == NAIVE_EVENT_STEP && step->event.name >= 0) {
            say->name = NAIVE_EVENT[step->event.name];
            say->at_ms = step->event.at_ms;
            say->properties = naive_pairs(t, step->event.properties, step->event.n_properties);
            say->context = naive_pairs(t, &step->event.context, step->event.n_context);
        }
    }
    const char *id = one_id(t);
    say->user = id;
    say->account = GROUPS[below(t, 2)];
    call->input.anonymous = is_visitor(t, id);
    if (below(t, 2) == 0)
        return;
    call->id = id;
    say->account = identity_text(&t->world, "user:", id);
}

// Traits that an account's group call or a user's identify call in an account brings.
static void add_traits(struct trial *t, struct say *say, enum naive_call call)
{
    if (t->naive == NULL)
        return;
    const struct naive_event *e = &t->naive->steps[below(t, (uint32_t)t->naive->n_steps)].event;
    if (e->call == call && !span_starts(span_of(say->account), "user:"))
        say->properties = naive_pairs(t, e->properties, e->n_properties);
}

// A linking call: its event goes its way, and the link to the identity's home.
static void make_link(struct trial *t, struct call *call, struct identity_input *link)
{
    struct say *say = &call->input.event;
    const char *user = one_id(t), *other = one_id(t);
    say->at_ms = one_instant(t);
    *link = (struct identity_input){.kind = INPUT_LINK};
    link->event.at_ms = say->at_ms;
    switch (below(t, 4)) {
    case 0:
    case 1:
        say->kind = "group";
        say->user = user;
        call->input.anonymous = is_visitor(t, user);
        say->account = GROUPS[below(t, 24) == 0 ? 2 : below(t, 2)];
        link->identity = user;
        link->target = say->account;
        link->group = true;
        add_traits(t, say, NAIVE_GROUP);
        break;
    case 2:
        say->kind = "identify";
        say->user = user;
        say->account =
            below(t, 2) == 0 ? GROUPS[below(t, 2)] : identity_text(&t->world, "user:", user);
        link->identity = other;
        link->target = user;
        // Those of an id that is a visitor's too stay with it.
        if (user[0] != 'a')
            add_traits(t, say, NAIVE_IDENTIFY);
        break;
    default:
        say->kind = "alias";
        say->user = user;
        say->account = identity_text(&t->world, "user:", user);
        link->identity = other;
        link->target = user;
        break;
    }
    truth_add(t, link->identity, link->target, link->group, say->at_ms);
}

// ---- Running ----

struct delivery {
    uint32_t lane;
    struct identity_input input;
};

static void deliver_some(struct trial *t)
{
    for (uint32_t n = below(t, 4); n > 0; n--)
        (void)identity_world_deliver(&t->world, below(t, t->world.n_lanes),
                                     below(t, t->world.n_lanes), 1 + below(t, 3));
}

static void change_some(struct trial *t)
{
    if (t->n_links == 0 || below(t, 6) != 0)
        return;
    struct truth_link *l = &t->links[below(t, (uint32_t)t->n_links)];
    bool redo = below(t, 3) == 0;
    if (identity_world_change(&t->world, l->id, l->target, redo) != LINK_CHANGED)
        return;
    // A user link comes before a group link of the same name.
    for (size_t i = 0; i < t->n_links; i++) {
        struct truth_link *other = &t->links[i];
        if (strcmp(other->id, l->id) == 0 && strcmp(other->target, l->target) == 0 &&
            other->undone == redo && (!other->group || l->group)) {
            other->undone = !redo;
            return;
        }
    }
    CHECK(false);
}

static void restart_some(struct trial *t)
{
    uint32_t lane = below(t, t->world.n_lanes);
    if (below(t, 3) == 0)
        identity_world_checkpoint(&t->world, lane, 1 + below(t, 4));
    if (below(t, 12) == 0)
        identity_world_restart(&t->world, lane);
}

// Another playbook, now or never.
static void reload(struct trial *t, uint32_t lane)
{
    if (t->reloaded[lane])
        return;
    t->reloaded[lane] = true;
    identity_world_record(&t->world, lane,
                          &(struct identity_input){.kind = INPUT_PLAYBOOK, .yaml = t->yaml}, 1);
}

static void reload_some(struct trial *t)
{
    if (below(t, 12) == 0)
        reload(t, below(t, t->world.n_lanes));
}

static void run_deliveries(struct trial *t, struct delivery *all, int n)
{
    while (n > 0) {
        struct identity_input inputs[3];
        uint32_t taken = 0, most = 1 + below(t, 3), lane = 0;
        while (taken < most && n > 0) {
            uint32_t pick = below(t, (uint32_t)n);
            if (taken > 0 && all[pick].lane != lane)
                break;
            lane = all[pick].lane;
            inputs[taken++] = all[pick].input;
            all[pick] = all[--n];
        }
        identity_world_record(&t->world, lane, inputs, taken);
        deliver_some(t);
        change_some(t);
        restart_some(t);
        reload_some(t);
    }
    for (uint32_t lane = 0; lane < t->world.n_lanes; lane++)
        reload(t, lane);
}

static void run_world(struct trial *t)
{
    static struct delivery all[DELIVERIES_MAX];
    int n = 0;
    t->n_calls = 10 + (int)below(t, CALLS_MAX - 10);
    for (int i = 0; i < t->n_calls; i++) {
        struct call *call = &t->calls[i];
        struct identity_input link;
        bool links = below(t, 5) < 2;
        *call = (struct call){0};
        if (links)
            make_link(t, call, &link);
        else
            make_use(t, call);
        call->input.event.id = identity_message(&t->world);
        all[n++] = (struct delivery){
            identity_lane_of(&t->world, span_of(call->input.event.account)), call->input};
        if (!links)
            continue;
        link.event.id = call->input.event.id;
        all[n++] = (struct delivery){identity_home_lane(&t->world, link.identity), link};
    }
    run_deliveries(t, all, n);
    identity_world_settle(&t->world);
    for (uint32_t lane = 0; lane < t->world.n_lanes; lane++) {
        if (below(t, 2) == 0)
            identity_world_restart(&t->world, lane);
    }
    CHECK(identity_world_waiting(&t->world) == 0);
}

// ---- The naive way ----

// Whether an id acts anonymously in an account that is not its own.
static bool truth_acts(const struct trial *t, const char *id, const char *account)
{
    struct span home;
    if (identity_is_personal(span_of(account), &home) && span_is(home, id))
        return false;
    for (int i = 0; i < t->n_calls; i++) {
        const struct say *say = &t->calls[i].input.event;
        if (t->calls[i].input.anonymous && strcmp(say->account, account) == 0 &&
            strcmp(say->user, id) == 0)
            return true;
    }
    return false;
}

static void run_naive(struct trial *t, struct identity_world *naive)
{
    identity_world_open(naive, t->yaml, 1);
    for (int i = 0; i < t->n_calls; i++) {
        struct identity_input input = t->calls[i].input;
        if (t->calls[i].id != NULL) {
            struct truth_sink sink = truth_sink(t, t->calls[i].id);
            input.event.account = sink.account;
            input.event.user = sink.user;
        } else if (truth_acts(t, input.event.user, input.event.account)) {
            input.event.user = truth_last(t, input.event.user);
        }
        input.anonymous = false;
        identity_world_record(naive, 0, &input, 1);
    }
}

// All accounts come to the same clock, those that events name by somebody's event.
static void finish(struct trial *t, struct identity_world *w, const char *account)
{
    bool personal = span_starts(span_of(account), "user:");
    struct identity_input last = {.event = {.kind = personal ? "group" : "track",
                                            .account = account,
                                            .user = personal ? NULL : "somebody",
                                            .name = personal ? NULL : "A",
                                            .id = identity_message(&t->world),
                                            .at_ms = at(FINAL)}};
    identity_world_record(w, identity_lane_of(w, span_of(account)), &last, 1);
}

// What follows from signals is not in an account that is away, whose signals are all false.
static bool is_compared(const struct trial *t, const char *measure, bool away)
{
    if (t->naive == NULL)
        return !away || strcmp(measure, "w") != 0;
    for (int i = 0; i < t->naive->playbook.n_numbers; i++) {
        const struct naive_number *number = &t->naive->playbook.numbers[i];
        if (strcmp(number->name, measure) == 0)
            return naive_number_of_events(&t->naive->playbook, i) &&
                   !(away && (number->function == NAIVE_GRADE || number->function == NAIVE_FIT));
    }
    return false;
}

static void same_measures(const struct trial *t, const struct explanation *a,
                          const struct explanation *b, bool away, const char *who)
{
    cr_assert(a->n_measures == b->n_measures && a->clock_ms == b->clock_ms,
              "TEST_CASES=1 TEST_SEED=%llu: %s has another clock", (unsigned long long)t->seed,
              who);
    for (size_t i = 0; i < a->n_measures; i++)
        cr_assert(!is_compared(t, a->measures[i].name, away) ||
                      strcmp(a->measures[i].value, b->measures[i].value) == 0,
                  "TEST_CASES=1 TEST_SEED=%llu: %s of %s is %s, not %s",
                  (unsigned long long)t->seed, a->measures[i].name, who, a->measures[i].value,
                  b->measures[i].value);
}

static void same_signals(const struct trial *t, const struct explanation *a,
                         const struct explanation *b, bool away, const char *who)
{
    for (size_t i = 0; i < a->n_signals; i++)
        cr_assert(a->signals[i].value == (!away && b->signals[i].value),
                  "TEST_CASES=1 TEST_SEED=%llu: %s of %s is %s", (unsigned long long)t->seed,
                  a->signals[i].name, who, a->signals[i].value ? "true" : "false");
}

static void same_account(struct trial *t, struct identity_world *naive, const char *account,
                         bool away)
{
    for (size_t i = 0; i <= ARRAY_LEN(IDS); i++) {
        const char *user = i == 0 ? NULL : IDS[i - 1];
        struct explanation a = identity_world_explain(&t->world, account, user);
        struct explanation b = identity_world_explain(naive, account, user);
        const char *who = arena_printf(&t->world.texts, "%s/%s", account, user ? user : "");
        // An event that no measure takes leaves nothing to be sent on.
        cr_assert(a.known || !b.known || t->naive != NULL,
                  "TEST_CASES=1 TEST_SEED=%llu: %s is not known", (unsigned long long)t->seed, who);
        // A user of whom nothing is left is known by name, as if nothing had ever counted.
        if (a.known && !b.known) {
            for (size_t s = 0; s < a.n_signals && t->naive == NULL; s++)
                cr_assert(!a.signals[s].of_user || !a.signals[s].value,
                          "TEST_CASES=1 TEST_SEED=%llu: %s of %s, who is not there",
                          (unsigned long long)t->seed, a.signals[s].name, who);
            continue;
        }
        if (!a.known)
            continue;
        same_measures(t, &a, &b, away, who);
        if (t->naive != NULL)
            continue;
        same_signals(t, &a, &b, away, who);
        cr_assert(away || a.n_users == b.n_users, "TEST_CASES=1 TEST_SEED=%llu: %s has %llu users",
                  (unsigned long long)t->seed, who, (unsigned long long)a.n_users);
    }
}

static void compare(struct trial *t)
{
    static struct identity_world naive;
    run_naive(t, &naive);
    for (size_t i = 0; i < ARRAY_LEN(IDS) + 2; i++) {
        const char *account = i < 2 ? GROUPS[i] : identity_text(&t->world, "user:", IDS[i - 2]);
        finish(t, &t->world, account);
        finish(t, &naive, account);
    }
    identity_world_settle(&t->world);
    for (size_t i = 0; i < 2; i++)
        same_account(t, &naive, GROUPS[i], false);
    for (size_t i = 0; i < ARRAY_LEN(IDS); i++) {
        const char *home = identity_text(&t->world, "user:", IDS[i]);
        bool away = strcmp(truth_sink(t, IDS[i]).account, home) != 0;
        same_account(t, &naive, home, away);
    }
    identity_world_close(&naive);
}

// ---- Cases ----

// The same playbook with its parts in another order, or with nothing but another rule.
static const char *playbook_of(struct trial *t, bool first, int rule, struct arena *arena)
{
    struct buf text = {0};
    if (t->naive != NULL)
        naive_playbook_write(&t->naive->playbook, &text);
    else
        buf_printf(&text, "%s%s%s%s", HEAD, first ? COUNTS : KEEPS, first ? KEEPS : COUNTS,
                   SIGNALS);
    buf_printf(&text, "identity: {default_account: %s}\n", RULES[rule]);
    const char *out = arena_dup(arena, buf_span(&text));
    buf_deinit(&text);
    return out;
}

static void run_case(uint64_t seed)
{
    static struct trial trial;
    struct trial *t = &trial;
    *t = (struct trial){.random = {seed * 77 + 13}, .seed = seed};
    if (below(t, 2) == 0) {
        t->naive = mem_zalloc(sizeof *t->naive);
        naive_generate(t->seed,
                       NAIVE_PART_MEASURES | NAIVE_PART_HISTORIC | NAIVE_PART_SCORES |
                           NAIVE_PART_FIT | NAIVE_PART_CONDITIONS,
                       t->naive);
        t->naive->playbook.n_exclude = 0;
    }
    int rules[] = {(int)below(t, ARRAY_LEN(RULES)), (int)below(t, ARRAY_LEN(RULES))};
    struct arena texts;
    arena_init(&texts, 16384, 0);
    const char *first = playbook_of(t, true, rules[0], &texts);
    t->yaml = playbook_of(t, false, rules[1], &texts);
    t->rule = rules[1];
    identity_world_open(&t->world, first, 1 + below(t, IDENTITY_LANES_MAX));
    run_world(t);
    compare(t);
    identity_world_close(&t->world);
    arena_deinit(&texts);
    mem_free(t->naive);
}

Test(scorer_identity_naive, whatever_comes_when_it_ends_as_if_all_had_been_known)
{
    const char *cases = getenv("TEST_CASES");
    uint64_t n = cases == NULL ? CASES : strtoull(cases, NULL, 10), first = test_random_seed();
    fprintf(stderr, "TEST_SEED=%llu TEST_CASES=%llu\n", (unsigned long long)first,
            (unsigned long long)n);
    for (uint64_t i = 0; i < n; i++)
        run_case(first + i);
}
