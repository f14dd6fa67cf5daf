// SPDX-License-Identifier: Apache-2.0
// links: scorer_rows
// A lane that takes checkpoints, dies and recovers, again and again, beside one that never does:
// both must end in the same state and give every signal the same number. The store is a list in
// memory; slices reach it one by one, as the fold commits them.
#include <criterion/criterion.h>

#include "services/scorer/core/fact.h"
#include "services/scorer/core/state.h"
#include "services/scorer/core/value.h"
#include "services/scorer/core/warm.h"
#include "tests/support/rows_fake.h"
#include "tests/support/scorer_world.h"

// What waits for a checkpoint's last commit.
static struct store_fake sealed;

// ---- The journal ----

enum record_type { RECORD_EVENTS, RECORD_TICK, RECORD_PLAYBOOK, RECORD_WARMED };

#ifdef __SANITIZE_ADDRESS__
enum { CASES = 15 };
#else
enum { CASES = 60 };
#endif
enum { RECORDS = 160, EVENTS_MAX = 6 };

struct record {
    enum record_type type;
    int64_t ms; // intake or tick
    struct say events[EVENTS_MAX];
    int n_events;
    const char *yaml;
    uint64_t from; // WARMED: the first record that is read again
};

static const char *const PLAYBOOKS[] = {
    "playbook: p\nversion: 1\nexclude: [{user.bot: true}]\n"
    "measures:\n"
    "  c: {count: A, window: 2d}\n"
    "  v: {distinct: properties.p, on: [A, B], window: 3d}\n"
    "  d: {active_days: any, window: 5d}\n"
    "  t: {count: B, after: A, within: 20h}\n"
    "  l: {last: B}\n"
    "  g: {count: any, window: month, per: account}\n"
    "  d2: {sum: properties.p, on: [A, B], window: 7h, per: account}\n"
    "  u: {distinct: user, on: A, window: 1d}\n"
    "  n: {users_with: s0}\n"
    "  e: {users_with: s1, ever: true}\n"
    "  x: {max: properties.p, on: A, window: 30h}\n"
    "  y: {average: properties.p, on: [A, B], per: account}\n"
    "  w: {active_weeks: any, window: 2w}\n"
    "  k: {day_streak: A}\n"
    "  f: {first: properties.p, on: B}\n"
    "  o: {last: properties.p, on: B, resets_on: A}\n"
    "  i: {time_spent: any, idle: 5h, window: 2d}\n"
    "  q: {sequence: [A, B], within: 9h}\n"
    "  r: {count: B, after: A, from: last}\n"
    "  p: {count: A, per: account, window: 4d, where: [{user.role: x}, {properties.p: {above: "
    "1}}]}\n"
    "  z: {last: properties.p, on: A, where: {account.plan: x}}\n"
    "  m: {distinct: user, on: any, window: 2d}\n"
    "  b: {distinct: properties.p, on: any, window: 2d}\n"
    "scores:\n"
    "  h: {points: {A: 5, B: -1}, half_life: 30h, per: account}\n"
    "  j: {points: [{on: A, points: 5, per_day: 1}, {on: B, points: 2, once: true}], "
    "fades_over: 3d}\n"
    "signals:\n"
    "  s6: {any: [{k: {at_least: 2}}, {i: {at_least: 6h}}, {q: {at_least: 1}}, {r: {above: 2}}]}\n"
    "  s7: [{p: {at_least: 1}}, {x: {at_most: 3}}]\n"
    "  s12: {j: {at_least: 6.5}}\n"
    "  s10: {m: {grew_by: 1, over: 2d}}\n"
    "  s11: {b: {ratio: 1.5, over: 1d}}\n"
    "  s0: [{c: {at_least: 2}}, {not: {user.role: x}}]\n"
    "  s1: {any: [{t: {at_least: 1}}, {v: {above: 2}}, {l: {within: 3h}}]}\n"
    "  s2: [{g: {at_least: 4}}, {d: {at_least: 2}}, {account.plan: x}]\n"
    "  s3: {any: [{n: {at_least: 2}}, {e: {between: [2, 3]}}]}\n"
    "  s4: {h: {at_least: 6.5}}\n"
    "  s5: {u: {at_most: 1}}\n"
    // Facts of a trait, of addresses, and of measures whose windows move.
    "organizations: {by: [account.plan, email_domain]}\n"
    "qualify: {big: {as: pqa, per: organization, when: {any: [{total: {measure: g, at_least: 2}}, "
    "{total: {measure: d2, at_least: 2}}]}}}\n"
    "queues: {self_serve: {deliver: busiest_hour}}\n"
    "teams: {smb: {queue: sales, reps: {ana: {weight: 1}}}}\n"
    "owner: account.n\n",
    // The same and not the same: new names, other thresholds, new and gone measures.
    "playbook: p\nversion: 2\nexclude: [{user.bot: true}]\n"
    "measures:\n"
    "  more: {count: B, window: 7h}\n"
    "  cc: {count: A, window: 2d}\n"
    "  v: {distinct: properties.p, on: [A, B], window: 3d}\n"
    "  l: {last: B}\n"
    "  g: {count: any, window: month, per: account}\n"
    "  n: {users_with: s0}\n"
    "  u: {distinct: user, on: A, window: 1d}\n"
    "  e2: {users_with: s9, ever: true}\n"
    "  stay: {time_spent: any, idle: 5h, window: 2d}\n"
    "  order: {sequence: [A, B], within: 9h}\n"
    "  after: {count: B, after: A, from: last}\n"
    "  judged: {count: A, per: account, window: 4d, "
    "where: [{user.role: x}, {properties.p: {above: 1}}]}\n"
    "  z: {last: properties.p, on: A, where: {account.plan: x}}\n"
    "  b: {distinct: properties.p, on: any, window: 2d}\n"
    "scores:\n"
    "  h: {points: {A: 5, B: -1}, half_life: 30h, per: account}\n"
    "  j: {points: [{on: A, points: 5, per_day: 1}, {on: B, points: 2, once: true}], "
    "fades_over: 3d}\n"
    "signals:\n"
    "  s7: {any: [{judged: {at_least: 1}}, {order: {at_least: 1}}, {stay: {above: 3h}}]}\n"
    "  s12: {j: {at_least: 6.5}}\n"
    "  s11: {b: {ratio: 1.5, over: 1d}}\n"
    "  s9: {v: {at_least: 2}}\n"
    "  s0: [{cc: {at_least: 2}}, {not: {user.role: x}}]\n"
    "  s8: {any: [{more: {at_least: 1}}, [{g: {below: 3}}, {l: {exists: true}}]]}\n"
    "  s3: [{n: {at_least: 1}}, {e2: {at_least: 1}}]\n"
    "  s4: {h: {at_least: 6.5}}\n"
    "  s5: {u: {at_most: 1}}\n"
    "organizations: {by: [email_domain, account.plan]}\n"
    "qualify: {big: {as: pqa, per: organization, when: {total: {measure: g, at_least: 2}}}}\n"
    "queues: {self_serve: {deliver: busiest_hour}}\n",
    // All that remembers, looks across and moves by itself.
    "playbook: p\nversion: 3\nexclude: [{user.bot: true}]\n"
    "measures:\n"
    "  c: {count: A, window: 2d}\n"
    "  cc: {count: B, window: 9h, where: {user.role: x}}\n"
    "  y: {count: any, per: account, where: {account.plan: x}}\n"
    "  u: {distinct: user, on: A, window: 1d}\n"
    "  r: {distinct: user, on: B, after: A, from: last, within: 30h, per: account}\n"
    "  z: {sum: properties.p, on: A, resets_on: B}\n"
    "  i: {since: A}\n"
    "  f: {last: properties.p, on: any}\n"
    "  q: {sequence: [A, B], within: 10h}\n"
    "  o: {time_spent: any, idle: 2h, window: 2d}\n"
    "  n: {users_with: s0}\n"
    "scores:\n"
    "  h: {points: {A: 5, B: -1}, half_life: 30h, per: account}\n"
    "  l: {points: [{on: A, points: 10, per_day: 2}, {on: B, points: 3, at_most: 7}], fades_over: "
    "3d}\n"
    "  w: {weights: {l: 2, h: 1, s0: 4}, at_most: 40}\n"
    "signals:\n"
    "  s0: {when: {c: {at_least: 2}}, hold_for: 5h, cooldown: 20h}\n"
    "  s1: [{n: {at_least: 1}}, {y: {at_least: 2}}]\n"
    "  s2: {when: [s1, {i: {at_least: 6h}}], exit: {w: {above: 25}}, episodes: 3}\n"
    "  s3: {any: [{w: {between: [6, 20]}}, {f: {is: 3}}, {q: {above: 1}}]}\n"
    "  s4: {c: {at_least_percent: 40, of: y}}\n"
    "  s5: {u: {grew_by: 1, over: 1d}}\n"
    "  s6: {any: [{z: {above: 9}}, {o: {at_least: 3h}}, {cc: {at_least: 1}}, {r: {above: 1}}]}\n"
    "qualify: {pql: {when: s3, exit: s2, hold_for: 3h, requalify: always}, pqa: s5}\n"
    "lifecycle: {customer: s6}\n",
};

static const char *const ACCOUNTS[] = {"a", "b", "c", "dd", "user:u1", "user:u2", "eee"};
static const char *const USERS[] = {"u1", "u2", "u3", "a"};

struct story {
    uint64_t seed;
    struct record records[RECORDS + 1]; // by position, from 1
    struct arena arena;
};

static struct say story_event(struct story *story, int64_t now, uint32_t number)
{
    uint64_t *seed = &story->seed;
    struct say say = {.account = ACCOUNTS[scorer_world_below(seed, ARRAY_LEN(ACCOUNTS))],
                      .user = USERS[scorer_world_below(seed, ARRAY_LEN(USERS))],
                      .at_ms =
                          now - (scorer_world_below(seed, 3) == 0 ? 1 : 0) *
                                    (int64_t)(scorer_world_random(seed) % (60ull * TIME_HOUR_MS)),
                      .properties = ""};
    // Now and then an id from before, which may be forgotten by then.
    uint32_t id = scorer_world_below(seed, 8) == 0 ? scorer_world_below(seed, number + 1) : number;
    say.id = arena_printf(&story->arena, "id%u", id);
    uint32_t kind = scorer_world_below(seed, 12);
    static const char *const ROLES[] = {"role=x",
                                        "role=y",
                                        "bot=true",
                                        "bot=false role=x",
                                        "role=null",
                                        "email=u@x.example",
                                        "email=u@y.example role=y"};
    if (kind == 0) {
        say.kind = "identify";
        say.properties = ROLES[scorer_world_below(seed, ARRAY_LEN(ROLES))];
    } else if (kind == 1) {
        say.kind = "identify";
        say.account = arena_printf(&story->arena, "user:%s", say.user);
        say.profile_only = scorer_world_below(seed, 3) != 0;
        say.properties = ROLES[scorer_world_below(seed, ARRAY_LEN(ROLES))];
    } else if (kind == 2) {
        say.kind = "group";
        say.properties = scorer_world_below(seed, 2) == 0 ? "plan=x n=1.5" : "plan=y ok=true n=2";
        say.user = scorer_world_below(seed, 2) == 0 ? NULL : say.user;
    } else {
        say.kind = "track";
        say.name = scorer_world_below(seed, 2) == 0 ? "A" : "B";
        say.properties = arena_printf(&story->arena, "p=%u", scorer_world_below(seed, 5));
    }
    return say;
}

static void story_make(struct story *story, uint64_t number)
{
    *story = (struct story){.seed = number * 7919 + 3};
    arena_init(&story->arena, 16384, 0);
    int64_t now = at("2026-03-29T00:00:00Z");
    uint32_t events = 0;
    story->records[1] =
        (struct record){.type = RECORD_PLAYBOOK, .yaml = PLAYBOOKS[number % ARRAY_LEN(PLAYBOOKS)]};
    for (int i = 2; i <= RECORDS; i++) {
        struct record *record = &story->records[i];
        now += scorer_world_below(&story->seed, 120) * (int64_t)TIME_MINUTE_MS + 1;
        record->ms = now;
        uint32_t kind = scorer_world_below(&story->seed, 25);
        if (kind == 0) {
            record->type = RECORD_PLAYBOOK;
            record->yaml =
                PLAYBOOKS[scorer_world_below(&story->seed, (uint32_t)ARRAY_LEN(PLAYBOOKS))];
        } else if (kind < 4) {
            record->type = RECORD_TICK;
        } else if (kind == 4) {
            record->type = RECORD_WARMED;
            record->from = scorer_world_below(&story->seed, 3) == 0
                               ? 1 + scorer_world_below(&story->seed, (uint32_t)i)
                               : 1;
        } else {
            record->n_events = 1 + (int)scorer_world_below(&story->seed, EVENTS_MAX);
            for (int e = 0; e < record->n_events; e++)
                record->events[e] = story_event(story, now, events++);
        }
    }
}

// ---- Lanes ----

struct lane_fake {
    const struct story *story;
    struct core *core;
    struct rows *rows; // NULL: it never takes checkpoints
    struct rows_lane marks;
    struct signal_changes changes;
    struct arena arena;
    struct buf log; // "position.index change"
};

static void lane_fake_open(struct lane_fake *lane, const struct story *story, bool rows)
{
    struct core_opts opts = {.dedupe_window_ms = 24 * (int64_t)TIME_HOUR_MS,
                             .dedupe_ids_max = 1000000};
    *lane = (struct lane_fake){.story = story, .core = core_create(&opts)};
    lane->rows = rows ? rows_create(lane->core, &lane->marks) : NULL;
    arena_init(&lane->arena, 16384, 0);
}

static void lane_fake_close(struct lane_fake *lane)
{
    rows_destroy(lane->rows);
    core_destroy(lane->core);
    mem_free(lane->marks.sources);
    signal_changes_deinit(&lane->changes);
    arena_deinit(&lane->arena);
    buf_deinit(&lane->log);
}

static void lane_fake_events(struct lane_fake *lane, uint64_t position, const struct record *record)
{
    struct property properties[EVENTS_MAX][8];
    struct event events[EVENTS_MAX];
    core_begin_record(lane->core, position, record->ms);
    for (int e = 0; e < record->n_events; e++) {
        const struct say *say = &record->events[e];
        events[e] = (struct event){
            .kind = scorer_world_kind(say->kind),
            .message_id = span_of(say->id),
            .account = span_of(say->account),
            .user = span_of(say->user),
            .name = span_of(say->name),
            .at_ms = say->at_ms,
            .received_at_ms = record->ms,
            .properties = properties[e],
            .n_properties = scorer_world_properties(say->properties, properties[e], 8),
            .profile_only = say->profile_only,
        };
    }
    // Announcing them changes nothing: the steady lane does without.
    if (lane->rows != NULL)
        core_expect(lane->core, events, (size_t)record->n_events);
    for (int e = 0; e < record->n_events; e++)
        (void)core_apply(lane->core, position, (uint32_t)e, &events[e], &lane->changes,
                         &lane->arena);
}

// What the journal holds since `from` of the measures that are warming.
static void lane_fake_warm(struct lane_fake *lane, uint64_t position, const struct record *record)
{
    const struct playbook *in_force = core_playbook(lane->core);
    char *yaml = mem_dup(in_force->text);
    struct lane_fake other;
    lane_fake_open(&other, lane->story, false);
    core_set_playbook(other.core, 1, scorer_world_playbook(yaml));
    mem_free(yaml);
    for (uint64_t p = record->from; p < position; p++)
        if (lane->story->records[p].type == RECORD_EVENTS)
            lane_fake_events(&other, p, &lane->story->records[p]);
    struct core_warmed warmed = {other.core, (int64_t)record->from, record->ms};
    core_warm(lane->core, position, &warmed, &lane->changes, &lane->arena);
    cr_assert(core_warming(lane->core) == 0);
    lane_fake_close(&other);
}

static void lane_fake_apply(struct lane_fake *lane, uint64_t position, const struct record *record)
{
    lane->changes.n = 0;
    arena_reset(&lane->arena);
    if (record->type == RECORD_PLAYBOOK)
        core_set_playbook(lane->core, position, scorer_world_playbook(record->yaml));
    else if (record->type == RECORD_TICK)
        core_tick(lane->core, position, record->ms, &lane->changes, &lane->arena);
    else if (record->type == RECORD_WARMED)
        lane_fake_warm(lane, position, record);
    else
        lane_fake_events(lane, position, record);
    for (size_t i = 0; i < lane->changes.n; i++) {
        const struct signal_change *change = &lane->changes.items[i];
        buf_printf(&lane->log, "%llu.%llx %lld ", (unsigned long long)position,
                   (unsigned long long)change->index, (long long)change->known_at_ms);
        buf_printf(&lane->log, "\"%s\" ", change->label);
        scorer_world_line(change, &lane->log);
    }
}

// ---- Comparing ----

static void same_events(const struct cell_events *a, const struct cell_events *b,
                        enum cell_shape shape)
{
    cr_assert((a == NULL) == (b == NULL));
    if (a == NULL)
        return;
    cr_assert(a->marked == b->marked && a->mark_ms == b->mark_ms && a->n == b->n);
    for (uint32_t i = 0; i < a->n; i++) {
        const struct cell_event *x = &a->items[i], *y = &b->items[i];
        cr_assert(x->at_ms == y->at_ms && x->user == y->user && x->bits == y->bits);
        cr_assert(shape == CELL_SAID ? value_order(cell_said(x), cell_said(y)) == 0
                                     : x->value == y->value);
    }
}

static void same_cell(const struct cell *a, const struct cell *b, enum cell_shape shape)
{
    // When values that no longer count are dropped depends on the table's size; what they read as
    // is compared apart.
    if (shape == CELL_VALUES)
        return;
    if (shape == CELL_EVENTS || shape == CELL_SAID) {
        same_events(a->events, b->events, shape);
        return;
    }
    if (shape == CELL_HOURS) {
        struct cell_entry x[CELL_HOURS_OF_DAY], y[CELL_HOURS_OF_DAY];
        uint32_t n = cell_hours(a, x);
        cr_assert(cell_hours(b, y) == n && memcmp(x, y, n * sizeof *x) == 0);
        return;
    }
    cr_assert(a->n == b->n, "%u and %u buckets, first %lld and %lld, shape %d", a->n, b->n,
              (long long)cell_entries(a)[0].key, (long long)cell_entries(b)[0].key, (int)shape);
    for (uint32_t i = 0; i < a->n; i++)
        cr_assert(cell_entries(a)[i].key == cell_entries(b)[i].key &&
                  cell_entries(a)[i].value == cell_entries(b)[i].value);
}

static void same_traits(const struct traits *a, const struct traits *b)
{
    uint32_t n = a == NULL ? 0 : a->n;
    cr_assert(n == (b == NULL ? 0 : b->n));
    for (uint32_t i = 0; i < n; i++) {
        cr_assert(span_eq(trait_key(a->items[i]), trait_key(b->items[i])));
        cr_assert(a->items[i]->at_ms == b->items[i]->at_ms);
        cr_assert(a->items[i]->value.type == b->items[i]->value.type);
        cr_assert(a->items[i]->value.type != VALUE_TEXT ||
                  span_eq(a->items[i]->value.text, b->items[i]->value.text));
        const struct trait_past *p = a->items[i]->past, *q = b->items[i]->past;
        cr_assert((p == NULL ? 0 : p->n) == (q == NULL ? 0 : q->n));
        for (uint32_t j = 0; p != NULL && j < p->n; j++)
            cr_assert(p->items[j]->at_ms == q->items[j]->at_ms &&
                      value_order(&p->items[j]->value, &q->items[j]->value) == 0);
    }
}

static void same_subject(const struct plan *plan, enum scope of, struct subject *a,
                         struct subject *b)
{
    const struct plan_scope *scope = &plan->scopes[of];
    cr_assert(a->stale == b->stale);
    for (uint32_t i = 0; i < scope->n_cells; i++)
        same_cell(&a->cells[i], &b->cells[i], (enum cell_shape)scope->shapes[i]);
    for (uint32_t i = 0; i < scope->n_leaves; i++)
        cr_assert(subject_leaves(scope, a)[i] == subject_leaves(scope, b)[i]);
    for (uint32_t i = 0; i < scope->n_signals; i++) {
        cr_assert(subject_flags(scope, a)[i] == subject_flags(scope, b)[i]);
        int64_t since_a = a->marks == NULL ? 0 : a->marks[i].since_ms;
        int64_t since_b = b->marks == NULL ? 0 : b->marks[i].since_ms;
        const char *by_a = a->marks == NULL ? NULL : a->marks[i].event_id;
        const char *by_b = b->marks == NULL ? NULL : b->marks[i].event_id;
        uint32_t episodes_a = a->marks == NULL ? 0 : a->marks[i].episodes;
        uint32_t episodes_b = b->marks == NULL ? 0 : b->marks[i].episodes;
        cr_assert(since_a == since_b && episodes_a == episodes_b);
        // Of a fact: what it told.
        int64_t met_a = a->marks == NULL ? 0 : a->marks[i].met_ms;
        int64_t met_b = b->marks == NULL ? 0 : b->marks[i].met_ms;
        if ((subject_flags(scope, a)[i] & SIGNAL_MET) != 0 ||
            fact_is(&plan->playbook->signals[scope->of_number[i]]))
            cr_assert(met_a == met_b);
        cr_assert(strcmp(by_a == NULL ? "" : by_a, by_b == NULL ? "" : by_b) == 0);
    }
    same_traits(a->traits, b->traits);
}

static void same_readings(struct core *x, struct core *y, struct span account, struct span user)
{
    struct arena arena;
    struct explanation a, b;
    arena_init(&arena, 16384, 0);
    core_explain(x, account, user, &arena, &a);
    core_explain(y, account, user, &arena, &b);
    cr_assert(a.known == b.known && a.n_measures == b.n_measures);
    for (size_t i = 0; i < a.n_measures; i++)
        cr_assert(strcmp(a.measures[i].value, b.measures[i].value) == 0, "%s: %s and %s",
                  a.measures[i].name, a.measures[i].value, b.measures[i].value);
    arena_deinit(&arena);
}

static void same_account(struct core *x, struct account *a, struct core *y, struct account *b)
{
    const struct plan *plan = x->plan;
    cr_assert(!b->pending && a->ordinal == b->ordinal && a->clock_ms == b->clock_ms);
    cr_assert(a->created_position == b->created_position && a->created_place == b->created_place);
    cr_assert(a->n_users == b->n_users && a->n_counted == b->n_counted);
    cr_assert(a->n_excluded == b->n_excluded);
    same_subject(plan, SCOPE_ACCOUNT, &a->subject, &b->subject);
    for (uint32_t i = 0; i < plan->n_shared; i++)
        cr_assert(subject_shared(&plan->scopes[SCOPE_ACCOUNT], &a->subject)[i] ==
                  subject_shared(&y->plan->scopes[SCOPE_ACCOUNT], &b->subject)[i]);
    for (uint32_t i = 0; i < a->n_users; i++) {
        struct user *u = a->users[i].user, *v = b->users[i].user;
        cr_assert(span_eq(user_id(x, u), user_id(y, v)) && u->counted == v->counted);
        cr_assert(u->profile_version == v->profile_version);
        same_subject(plan, SCOPE_USER, &u->subject, &v->subject);
        cr_assert(user_find(y, b, v->hash, user_id(y, v)) == v);
        same_readings(x, y, account_id(x, a), user_id(x, u));
    }
}

static void same_core(struct core *x, struct core *y)
{
    struct core_counts a, b;
    core_counts(x, &a);
    core_counts(y, &b);
    cr_assert(memcmp(&a, &b, sizeof a) == 0,
              "accounts %llu %llu users %llu %llu events %llu %llu "
              "duplicates %llu %llu excluded %llu %llu ids %llu %llu",
              (unsigned long long)a.accounts, (unsigned long long)b.accounts,
              (unsigned long long)a.users, (unsigned long long)b.users,
              (unsigned long long)a.events, (unsigned long long)b.events,
              (unsigned long long)a.duplicates, (unsigned long long)b.duplicates,
              (unsigned long long)a.excluded, (unsigned long long)b.excluded,
              (unsigned long long)a.ids, (unsigned long long)b.ids);
    cr_assert(core_warming(x) == core_warming(y));
    cr_assert(x->layout == y->layout && x->next_ordinal == y->next_ordinal);
    cr_assert(x->n_accounts == y->n_accounts && x->n_profiles == y->n_profiles);
    for (uint32_t i = 0; i < x->n_accounts; i++) {
        uint32_t number;
        struct account *a_ = x->accounts[i];
        struct account *b_ = account_find(y, a_->hash, account_id(x, a_), &number);
        cr_assert(b_ != NULL);
        same_account(x, a_, y, b_);
    }
    for (uint32_t i = 0; i < x->n_profiles; i++) {
        uint32_t number;
        struct profile *p = x->profiles[i];
        struct profile *q = profile_find(y, p->hash, span_make(p->id, p->id_len), &number);
        cr_assert(q != NULL && p->version == q->version);
        same_traits(p->traits, q->traits);
    }
    for (int32_t m = 0; m < x->playbook->n_measures; m++)
        cr_assert(core_measure_warming(x, m) == core_measure_warming(y, m) &&
                  core_measure_since(x, m) == core_measure_since(y, m));
    cr_assert(core_next_due(x) == core_next_due(y));
}

// ---- Crashing ----

struct trial {
    uint64_t number;
    struct story story;
    struct store_fake store;
    uint64_t checkpoint; // committed
    struct lane_fake steady, mortal;
    uint64_t frozen; // position of the checkpoint in progress; 0: none
    size_t checked;  // of the mortal's log
};

static void trial_recover(struct trial *t, uint64_t last)
{
    struct err_info info = {{0}};
    lane_fake_close(&t->mortal);
    fake_clear(&pending);
    fake_clear(&sealed);
    t->frozen = 0;
    lane_fake_open(&t->mortal, &t->story, true);
    for (size_t i = 0; i < t->store.n; i++) {
        const struct row *row = &t->store.rows[i];
        cr_assert(rows_load(t->mortal.rows, row->table, row->key, row->value, &info) == ERR_OK,
                  "%s", info.text);
    }
    cr_assert(rows_loaded(t->mortal.rows, t->checkpoint, &info) == ERR_OK, "%s", info.text);
    cr_assert(t->mortal.marks.n_sources == (t->checkpoint > 0 ? 1 : 0));
    if (t->checkpoint > 0)
        cr_assert(t->mortal.marks.sources[0].last_number == t->checkpoint &&
                  t->mortal.marks.confirmed_position == t->checkpoint);
    for (uint64_t p = t->checkpoint + 1; p <= last; p++)
        lane_fake_apply(&t->mortal, p, &t->story.records[p]);
    // What it repeats it said before, under the same number.
    char *was = mem_dup(buf_span(&t->steady.log)), *said = mem_dup(buf_span(&t->mortal.log));
    char *rest = NULL;
    for (char *line = strtok_r(said, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
        cr_assert(strstr(was, line) != NULL, "case %llu: not said before: %s",
                  (unsigned long long)t->number, line);
    mem_free(was);
    mem_free(said);
    buf_clear(&t->mortal.log);
    t->checked = t->steady.log.len;
    same_core(t->steady.core, t->mortal.core);
}

// One step of a checkpoint, between two records.
static void trial_checkpoint(struct trial *t, uint64_t position)
{
    uint64_t *seed = &t->story.seed;
    struct fold_rows rows = {0};
    if (t->frozen == 0) {
        if (scorer_world_below(seed, 6) != 0)
            return;
        // The lane's own part, to be found again.
        if (t->mortal.marks.n_sources == 0) {
            t->mortal.marks.sources = mem_zalloc(sizeof(struct rows_source));
            t->mortal.marks.n_sources = t->mortal.marks.sources_cap = 1;
        }
        t->mortal.marks.sources[0].last_number = position;
        t->mortal.marks.confirmed_position = position;
        rows_freeze(t->mortal.rows, position);
        rows_seal(t->mortal.rows, &rows);
        sealed = pending;
        pending = (struct store_fake){0};
        t->frozen = position;
        return;
    }
    bool more = rows_collect(t->mortal.rows, position, &rows, 1 + scorer_world_below(seed, 4));
    fake_commit(&t->store, &pending);
    if (more)
        return;
    fake_commit(&t->store, &sealed);
    t->checkpoint = t->frozen;
    t->frozen = 0;
}

static void trial_run(uint64_t number)
{
    struct trial *t = mem_zalloc(sizeof *t);
    t->number = number;
    story_make(&t->story, number);
    lane_fake_open(&t->steady, &t->story, false);
    lane_fake_open(&t->mortal, &t->story, true);
    for (uint64_t p = 1; p <= RECORDS; p++) {
        lane_fake_apply(&t->steady, p, &t->story.records[p]);
        lane_fake_apply(&t->mortal, p, &t->story.records[p]);
        struct span fresh =
            span_make(t->steady.log.bytes + t->checked, t->steady.log.len - t->checked);
        cr_assert(span_eq(fresh, buf_span(&t->mortal.log)),
                  "case %llu position %llu\n" SPAN_FMT "\n" SPAN_FMT, (unsigned long long)number,
                  (unsigned long long)p, SPAN_ARG(fresh), SPAN_ARG(buf_span(&t->mortal.log)));
        t->checked = t->steady.log.len;
        buf_clear(&t->mortal.log);
        trial_checkpoint(t, p);
        if (scorer_world_below(&t->story.seed, 20) == 0 || p == RECORDS)
            trial_recover(t, p);
    }
    lane_fake_close(&t->steady);
    lane_fake_close(&t->mortal);
    fake_clear(&t->store);
    fake_clear(&pending);
    fake_clear(&sealed);
    arena_deinit(&t->story.arena);
    mem_free(t);
}

Test(scorer_rows, a_lane_that_dies_and_recovers_says_the_same)
{
    const char *from = getenv("SCORER_ROWS_CASE");
    uint64_t first = from == NULL ? 0 : strtoull(from, NULL, 10);
    for (uint64_t number = first; number < first + CASES; number++)
        trial_run(number);
}

// ---- Single cases ----

static void load_all(struct lane_fake *lane, const struct store_fake *store, uint64_t checkpoint)
{
    struct err_info info = {{0}};
    lane_fake_open(lane, NULL, true);
    for (size_t i = 0; i < store->n; i++)
        cr_assert(rows_load(lane->rows, store->rows[i].table, store->rows[i].key,
                            store->rows[i].value, &info) == ERR_OK,
                  "%s", info.text);
    cr_assert(rows_loaded(lane->rows, checkpoint, &info) == ERR_OK, "%s", info.text);
}

static void checkpoint_all(struct lane_fake *lane, struct store_fake *store, uint64_t position)
{
    struct fold_rows rows = {0};
    rows_freeze(lane->rows, position);
    while (rows_collect(lane->rows, position, &rows, 1))
        fake_commit(store, &pending);
    rows_seal(lane->rows, &rows);
    fake_commit(store, &pending);
}

static size_t count_rows(const struct store_fake *store, uint32_t table)
{
    size_t n = 0;
    for (size_t i = 0; i < store->n; i++)
        n += store->rows[i].table == table;
    return n;
}

Test(scorer_rows, old_ids_are_deleted)
{
    struct lane_fake lane;
    struct store_fake store = {0};
    lane_fake_open(&lane, NULL, true);
    struct record record = {.type = RECORD_PLAYBOOK, .yaml = PLAYBOOKS[0]};
    lane_fake_apply(&lane, 1, &record);
    for (uint64_t p = 2; p < 100; p++) {
        char id[16];
        snprintf(id, sizeof id, "%llu", (unsigned long long)p);
        record = (struct record){.ms = (int64_t)p * TIME_HOUR_MS, .n_events = 1};
        record.events[0] = (struct say){.kind = "track",
                                        .account = "a",
                                        .user = "u",
                                        .name = "A",
                                        .id = id,
                                        .at_ms = (int64_t)p * TIME_HOUR_MS};
        lane_fake_apply(&lane, p, &record);
        checkpoint_all(&lane, &store, p);
        cr_assert(count_rows(&store, ROWS_SEEN) <= 26);
        if (p % 10 == 0) {
            record = (struct record){.type = RECORD_PLAYBOOK, .yaml = PLAYBOOKS[p / 10 % 2]};
            lane_fake_apply(&lane, p, &record);
        }
    }
    cr_assert(count_rows(&store, ROWS_SEEN) == 25);
    cr_assert(count_rows(&store, ROWS_LAYOUTS) == 2, "one for each playbook");
    lane_fake_close(&lane);
    fake_clear(&store);
}

Test(scorer_rows, an_untouched_lane_writes_only_its_own_row)
{
    struct lane_fake lane;
    struct store_fake store = {0};
    lane_fake_open(&lane, NULL, true);
    checkpoint_all(&lane, &store, 0);
    cr_assert(store.n == 1 && store.rows[0].table == ROWS_LANE);
    lane_fake_close(&lane);
    load_all(&lane, &store, 0);
    cr_assert(core_playbook(lane.core) == NULL);
    lane_fake_close(&lane);
    fake_clear(&store);
}

Test(scorer_rows, damage_is_an_error)
{
    struct lane_fake lane;
    struct store_fake store = {0};
    struct story *story = mem_zalloc(sizeof *story);
    story_make(story, 1);
    lane_fake_open(&lane, story, true);
    for (uint64_t p = 1; p <= RECORDS; p++)
        lane_fake_apply(&lane, p, &story->records[p]);
    checkpoint_all(&lane, &store, RECORDS);
    lane_fake_close(&lane);
    int refused = 0;
    // A row is missing.
    for (size_t skip = 0; skip < store.n; skip++) {
        struct err_info info = {{0}};
        enum err err = ERR_OK;
        lane_fake_open(&lane, NULL, true);
        for (size_t i = 0; i < store.n && err == ERR_OK; i++) {
            if (i != skip)
                err = rows_load(lane.rows, store.rows[i].table, store.rows[i].key,
                                store.rows[i].value, &info);
        }
        if (err == ERR_OK)
            err = rows_loaded(lane.rows, RECORDS, &info);
        bool needed =
            store.rows[skip].table == ROWS_USERS || store.rows[skip].table == ROWS_LAYOUTS;
        cr_assert(!needed || err == ERR_CORRUPT);
        refused += err != ERR_OK;
        lane_fake_close(&lane);
    }
    cr_assert(refused > 5);
    // A row is cut, or ids are of a checkpoint that is not there.
    for (size_t cut = 0; cut < store.n; cut++) {
        struct err_info info = {{0}};
        lane_fake_open(&lane, NULL, true);
        enum err err = ERR_OK;
        for (size_t i = 0; i < store.n && err == ERR_OK; i++) {
            struct span value = store.rows[i].value;
            value.len -= i == cut && value.len > 0;
            err = rows_load(lane.rows, store.rows[i].table, store.rows[i].key, value, &info);
        }
        cr_assert(err == ERR_OK || err == ERR_CORRUPT);
        cr_assert(err == ERR_CORRUPT || store.rows[cut].table != ROWS_SEEN);
        if (err == ERR_OK)
            cr_assert(rows_loaded(lane.rows, 1, &info) == ERR_CORRUPT);
        lane_fake_close(&lane);
    }
    arena_deinit(&story->arena);
    mem_free(story);
    fake_clear(&store);
}
