// SPDX-License-Identifier: Apache-2.0
// Answers are worked out from the state as it stands, at the account's clock: whether a leaf holds,
// and whether a signal is true, are what they would be decided to be now.
#include "common/base/hash.h"
#include "services/scorer/core/contributions.h"
#include "services/scorer/core/decide.h"
#include "services/scorer/core/fact.h"
#include "services/scorer/core/memory.h"
#include "services/scorer/core/value.h"
#include "services/scorer/core/warm.h"
#include "services/scorer/core/wording.h"

enum { EXPLAIN_USERS_MAX = 20 };

// Rows of one signal, being written.
struct explain_rows {
    struct arena *arena;
    struct explained_condition *rows;
    size_t n, cap;
    uint32_t n_leaves, n_met;
    bool exit; // what is written is the signal's exit
};

static struct explained_condition *explain_row(struct explain_rows *out)
{
    if (out->n == out->cap) {
        size_t cap = out->cap == 0 ? 8 : out->cap * 2;
        struct explained_condition *rows = arena_alloc(out->arena, cap * sizeof *rows);
        if (out->n > 0)
            memcpy(rows, out->rows, out->n * sizeof *rows);
        out->rows = rows;
        out->cap = cap;
    }
    return &out->rows[out->n++];
}

static void explain_condition(const struct scene *scene, int32_t at, bool negated, enum scope scope,
                              uint32_t depth, struct explain_rows *out);

// A fit is told with each of its criteria.
static void explain_criteria(const struct scene *scene, int32_t m, uint32_t depth,
                             struct explain_rows *out)
{
    const struct playbook *playbook = scene->plan->playbook;
    const struct measure *measure = &playbook->measures[m];
    uint32_t n_leaves = out->n_leaves, n_met = out->n_met;
    for (int32_t i = 0; i < measure->n_terms; i++) {
        const struct term *term = &measure->terms[i];
        if (term->signal != PLAYBOOK_NONE) {
            const struct signal *signal = &playbook->signals[term->signal];
            if (signal->origin == SIGNAL_CRITERION &&
                (signal->scope == SCOPE_ACCOUNT || scene->user != NULL))
                explain_condition(scene, signal->condition, false, signal->scope, depth, out);
        } else if (measure->kind == MEASURE_BEST) {
            explain_criteria(scene, term->measure, depth, out);
        }
    }
    // They are parts of one leaf.
    out->n_leaves = n_leaves;
    out->n_met = n_met;
}

static bool explain_warming(const struct scene *scene, const struct condition *leaf)
{
    return leaf->operand == OPERAND_MEASURE && core_measure_warming(scene->core, leaf->measure);
}

static void explain_leaf(const struct scene *scene, int32_t at, bool negated, enum scope scope,
                         uint32_t depth, struct explain_rows *out)
{
    const struct condition *leaf = &scene->plan->playbook->conditions[at];
    bool met = condition_leaf(scene, at);
    // What the loader added is told only while it stands in the way or decides.
    if (leaf->quiet && !met)
        return;
    int64_t since =
        subject_leaves(&scene->plan->scopes[scope], scene_subject(scene, scope))[leaf->leaf];
    const char *missing = "";
    if (!met && !negated)
        missing = wording_missing(scene, at, out->arena);
    if (!leaf->quiet) {
        out->n_leaves++;
        out->n_met += met != negated;
    }
    *explain_row(out) = (struct explained_condition){
        .text = arena_dup(out->arena, span_of(leaf->text)),
        .value = wording_value(scene, at, out->arena),
        .threshold = arena_dup(out->arena, span_of(leaf->threshold)),
        .missing = missing,
        .met = met,
        .warming = explain_warming(scene, leaf),
        .since_ms = met ? since : 0,
        .depth = depth,
        .leaf = true,
        .measure = leaf->operand == OPERAND_MEASURE ? leaf->measure : PLAYBOOK_NONE,
        .exit = out->exit,
        .first_id = "",
        .last_id = "",
    };
    if (leaf->operand == OPERAND_MEASURE)
        explain_criteria(scene, leaf->measure, depth + 1, out);
}

// Whether anything of it is to be told: what the loader added may be all of it.
static bool explain_speaks(const struct scene *scene, int32_t at)
{
    const struct condition *condition = &scene->plan->playbook->conditions[at];
    if (condition->kind == CONDITION_TEST)
        return !condition->quiet || condition_leaf(scene, at);
    for (int32_t i = 0; i < condition->n_children; i++) {
        if (explain_speaks(scene, condition->children[i]))
            return true;
    }
    return condition->n_children == 0;
}

// The only child that has something to say, of a group that the loader may have put around it.
static int32_t explain_within(const struct scene *scene, int32_t at)
{
    const struct condition *condition = &scene->plan->playbook->conditions[at];
    if (condition->kind != CONDITION_ALL && condition->kind != CONDITION_ANY)
        return at;
    int32_t only = PLAYBOOK_NONE, n = 0;
    for (int32_t i = 0; i < condition->n_children; i++) {
        if (!explain_speaks(scene, condition->children[i]))
            continue;
        only = condition->children[i];
        n++;
    }
    return n == 1 && condition->n_children > 1 ? explain_within(scene, only) : at;
}

static void explain_condition(const struct scene *scene, int32_t at, bool negated, enum scope scope,
                              uint32_t depth, struct explain_rows *out)
{
    const struct playbook *playbook = scene->plan->playbook;
    at = explain_within(scene, at);
    const struct condition *condition = &playbook->conditions[at];
    if (condition->kind == CONDITION_TEST) {
        explain_leaf(scene, at, negated, scope, depth, out);
        return;
    }
    if (!explain_speaks(scene, at))
        return;
    bool met = condition_holds(scene, at);
    *explain_row(out) = (struct explained_condition){
        .text = arena_dup(out->arena, span_of(condition->text)),
        .value = "",
        .threshold = "",
        .missing = condition->kind == CONDITION_NOT && !met ? "must not hold" : "",
        .met = met,
        .depth = depth,
        .measure = PLAYBOOK_NONE,
        .exit = out->exit,
        .first_id = "",
        .last_id = "",
    };
    if (condition->kind == CONDITION_SIGNAL) {
        const struct signal *other = &playbook->signals[condition->signal];
        if (other->scope == SCOPE_ACCOUNT || scene->user != NULL)
            explain_condition(scene, other->condition, negated, other->scope, depth + 1, out);
        return;
    }
    for (int32_t i = 0; i < condition->n_children; i++)
        explain_condition(scene, condition->children[i],
                          negated != (condition->kind == CONDITION_NOT), scope, depth + 1, out);
}

static void explain_definition(const struct playbook *playbook, int32_t position,
                               struct arena *arena, struct explained_signal *out)
{
    out->definition = out->role = "";
    for (int32_t i = 0; i < playbook->n_definitions; i++) {
        const struct definition *definition = &playbook->definitions[i];
        if (definition->signal != position)
            continue;
        out->definition = arena_dup(arena, span_of(definition->name));
        out->role = PLAYBOOK_ROLE_NAMES[definition->role];
    }
}

// What holds a signal with a memory back.
static void explain_memory(const struct scene *scene, const struct signal *signal, uint8_t flags,
                           const struct signal_mark *mark, struct explained_signal *out)
{
    out->memory = signal->memory;
    out->episodes = mark == NULL ? 0 : mark->episodes;
    out->leaving = signal->exit != PLAYBOOK_NONE && condition_holds(scene, signal->exit);
    if (!signal->memory || out->value || mark == NULL)
        return;
    out->exhausted = signal->episodes_max > 0 && mark->episodes >= (uint32_t)signal->episodes_max;
    out->spent = signal->afresh && (flags & SIGNAL_SPENT) != 0;
    int64_t due = memory_due(signal, flags, mark), ready;
    if (due != STATE_NEVER && due > scene->clock_ms)
        out->held_ms = due;
    if (mark->episodes > 0 &&
        !__builtin_add_overflow(mark->since_ms, signal->cooldown_ms, &ready) &&
        ready > scene->clock_ms)
        out->cooling_ms = ready;
}

static void explain_signal(const struct scene *scene, int32_t position, struct arena *arena,
                           struct explained_signal *out)
{
    const struct playbook *playbook = scene->plan->playbook;
    const struct signal *signal = &playbook->signals[position];
    struct subject *subject = scene_subject(scene, signal->scope);
    struct explain_rows rows = {.arena = arena};
    explain_condition(scene, signal->condition, false, signal->scope, 0, &rows);
    uint32_t n_leaves = rows.n_leaves, n_met = rows.n_met;
    if (signal->exit != PLAYBOOK_NONE && explain_speaks(scene, signal->exit)) {
        rows.exit = true;
        explain_condition(scene, signal->exit, false, signal->scope, 0, &rows);
    }
    uint8_t flags = subject_flags(&scene->plan->scopes[signal->scope], subject)[signal->number];
    const struct signal_mark *mark =
        subject->marks == NULL ? NULL : &subject->marks[signal->number];
    bool value = (flags & SIGNAL_TRUE) != 0;
    *out = (struct explained_signal){
        .name = arena_dup(arena, span_of(signal->name)),
        .of_user = signal->scope == SCOPE_USER,
        .value = value,
        .since_ms = value && mark != NULL ? mark->since_ms : 0,
        .event_id =
            mark != NULL && mark->event_id != NULL ? arena_dup(arena, span_of(mark->event_id)) : "",
        .conditions = rows.rows,
        .n_conditions = rows.n,
        .n_leaves = n_leaves,
        .n_met = n_met,
        .position = position,
        .origin = signal->origin,
        .label = value && fact_is(signal) ? fact_text(scene, signal, arena)
                                          : arena_dup(arena, span_of(signal->label)),
    };
    explain_definition(playbook, position, arena, out);
    explain_memory(scene, signal, flags, mark, out);
}

// In the order in which people ask: definitions, stages, the rest; facts are for machines.
static int explain_rank(enum signal_origin origin)
{
    switch (origin) {
    case SIGNAL_DEFINITION:
        return 0;
    case SIGNAL_STAGE:
        return 1;
    case SIGNAL_DECLARED:
    case SIGNAL_SEGMENT:
    case SIGNAL_IMPLIED:
    case SIGNAL_MARKETING:
        return 2;
    case SIGNAL_FACT:
        return 3;
    case SIGNAL_CRITERION:
        break;
    }
    return -1;
}

static void explain_scope_signals(const struct scene *scene, enum scope scope, struct arena *arena,
                                  struct explained_signal *out, size_t *n)
{
    const struct plan_scope *shape = &scene->plan->scopes[scope];
    for (int rank = 0; rank < 4; rank++) {
        for (int32_t s = sigset_next(&shape->all, 0); s >= 0; s = sigset_next(&shape->all, s + 1)) {
            if (explain_rank(scene->plan->playbook->signals[s].origin) == rank)
                explain_signal(scene, s, arena, &out[(*n)++]);
        }
    }
}

static void explain_scope_measures(const struct scene *scene, enum scope scope, struct arena *arena,
                                   struct explained_measure *out, size_t *n)
{
    const struct playbook *playbook = scene->plan->playbook;
    for (int32_t m = 0; m < playbook->n_measures; m++) {
        const struct measure *measure = &playbook->measures[m];
        if (measure->scope != scope || measure->hidden)
            continue;
        struct reading reading = measure_read(scene, m, scene->clock_ms);
        out[(*n)++] = (struct explained_measure){
            .name = arena_dup(arena, span_of(measure->name)),
            .value = wording_reading(measure, &reading, arena),
            .of_user = scope == SCOPE_USER,
            .warming = core_measure_warming(scene->core, m),
            .since_ms = core_measure_since(scene->core, m),
        };
    }
}

// Traits that are set, by key.
static const struct property *explain_traits(const struct traits *own, const struct traits *profile,
                                             struct arena *arena, size_t *n)
{
    size_t most = (own == NULL ? 0 : own->n) + (profile == NULL ? 0 : profile->n);
    struct property *out = arena_alloc(arena, (most + 1) * sizeof *out);
    *n = 0;
    uint32_t i = 0, j = 0;
    // Both are sorted; of one key the account's own value counts, unless it is null.
    while ((own != NULL && i < own->n) || (profile != NULL && j < profile->n)) {
        const struct trait *a = own != NULL && i < own->n ? own->items[i] : NULL;
        const struct trait *b = profile != NULL && j < profile->n ? profile->items[j] : NULL;
        int order = a == NULL ? 1 : b == NULL ? -1 : span_cmp(trait_key(a), trait_key(b));
        const struct trait *use = order <= 0 && a->value.type != VALUE_NONE ? a
                                  : order >= 0                              ? b
                                                                            : NULL;
        i += order <= 0;
        j += order >= 0;
        if (use == NULL || use->value.type == VALUE_NONE)
            continue;
        struct property *p = &out[(*n)++];
        *p = (struct property){span_of(arena_dup(arena, trait_key(use))), use->value};
        if (use->value.type == VALUE_TEXT)
            p->value.text = span_make(arena_dup(arena, use->value.text), use->value.text.len);
    }
    return out;
}

static bool explain_qualifies(const struct plan *plan, struct user *user)
{
    const uint8_t *flags = subject_flags(&plan->scopes[SCOPE_USER], &user->subject);
    const struct plan_scope *scope = &plan->scopes[SCOPE_USER];
    for (uint32_t i = 0; i < scope->n_signals; i++) {
        if ((flags[i] & SIGNAL_TRUE) != 0 &&
            !fact_is(&plan->playbook->signals[scope->of_number[i]]))
            return true;
    }
    return false;
}

static void explain_users(struct core *core, const struct account *account, struct arena *arena,
                          struct explanation *out)
{
    const char **names = arena_alloc(arena, EXPLAIN_USERS_MAX * sizeof *names);
    size_t n = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < account->n_users && n < EXPLAIN_USERS_MAX; i++) {
            struct user *user = account->users[i].user;
            if (user->counted && explain_qualifies(core->plan, user) == (pass == 0))
                names[n++] = arena_dup(arena, user_id(core, user));
        }
    }
    out->users = names;
    out->n_listed_users = n;
}

static const char *explain_excluded(const struct scene *scene, struct arena *arena)
{
    const struct playbook *playbook = scene->plan->playbook;
    int32_t i = condition_excluded(scene);
    if (i < 0)
        return "";
    return arena_dup(arena, span_of(playbook->conditions[playbook->exclude[i]].text));
}

// A user that never counted, as one who is excluded, has traits and nothing else.
static void explain_traits_only(struct core *core, struct scene *scene, struct span user,
                                struct arena *arena, struct explanation *out)
{
    uint32_t number;
    uint64_t hash = hash64(user);
    if (scene->account != NULL)
        scene->user = user_find(core, scene->account, hash, user);
    scene->profile = profile_find(core, hash, user, &number);
    const struct traits *own = scene->user == NULL ? NULL : scene->user->subject.traits;
    out->user_traits = explain_traits(own, scene->profile == NULL ? NULL : scene->profile->traits,
                                      arena, &out->n_user_traits);
    if (scene->user != NULL || scene->profile != NULL)
        out->excluded = explain_excluded(scene, arena);
}

void core_explain(struct core *core, struct span account, struct span user, struct arena *arena,
                  struct explanation *out)
{
    *out = (struct explanation){.excluded = ""};
    uint32_t number;
    struct scene scene = {.core = core, .plan = core->plan};
    if (core->playbook == NULL)
        return;
    scene.account = account_find(core, hash64(account), account, &number);
    if (user.len > 0)
        explain_traits_only(core, &scene, user, arena, out);
    if (scene.account == NULL || scene.account->clock_ms == STATE_NO_CLOCK ||
        (user.len > 0 && (scene.user == NULL || !scene.user->counted)))
        return;
    const struct playbook *playbook = core->playbook;
    scene.clock_ms = scene.account->clock_ms;
    out->known = true;
    out->clock_ms = scene.clock_ms;
    out->n_users = scene.account->n_counted;
    struct explained_signal *signals =
        arena_alloc(arena, ((size_t)playbook->n_signals + 1) * sizeof *signals);
    struct explained_measure *measures =
        arena_alloc(arena, ((size_t)playbook->n_measures + 1) * sizeof *measures);
    if (scene.user != NULL) {
        explain_scope_signals(&scene, SCOPE_USER, arena, signals, &out->n_signals);
        explain_scope_measures(&scene, SCOPE_USER, arena, measures, &out->n_measures);
    }
    explain_scope_signals(&scene, SCOPE_ACCOUNT, arena, signals, &out->n_signals);
    explain_scope_measures(&scene, SCOPE_ACCOUNT, arena, measures, &out->n_measures);
    out->signals = signals;
    out->measures = measures;
    out->account_traits =
        explain_traits(scene.account->subject.traits, NULL, arena, &out->n_account_traits);
    explain_users(core, scene.account, arena, out);
}

void core_explain_events(const struct contributions *contributions, struct arena *arena,
                         struct explanation *out)
{
    for (size_t s = 0; s < out->n_signals; s++) {
        // The rows are this module's own.
        struct explained_condition *rows = (void *)(uintptr_t)out->signals[s].conditions;
        for (size_t i = 0; i < out->signals[s].n_conditions; i++) {
            struct contribution found;
            if (rows[i].measure == PLAYBOOK_NONE)
                continue;
            contributions_of(contributions, rows[i].measure, out->clock_ms, &found);
            rows[i].n_events = found.n;
            rows[i].more_events = found.more;
            rows[i].first_ms = found.first_ms;
            rows[i].last_ms = found.last_ms;
            rows[i].first_id = arena_dup(arena, span_of(found.first_id));
            rows[i].last_id = arena_dup(arena, span_of(found.last_id));
        }
    }
}
