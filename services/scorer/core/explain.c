// SPDX-License-Identifier: Apache-2.0
// Answers are worked out from the state as it stands, at the account's clock: whether a leaf holds,
// and whether a signal is true, are what they would be decided to be now.
#include "common/base/hash.h"
#include "services/scorer/core/decide.h"
#include "services/scorer/core/value.h"
#include "services/scorer/core/wording.h"

enum { EXPLAIN_USERS_MAX = 20 };

// Rows of one signal, being written.
struct explain_rows {
    struct arena *arena;
    struct explained_condition *rows; // NULL: only counted
    size_t n;
    uint32_t n_leaves, n_met;
};

static void explain_leaf(const struct scene *scene, int32_t at, bool negated, enum scope scope,
                         uint32_t depth, struct explain_rows *out)
{
    const struct condition *leaf = &scene->plan->playbook->conditions[at];
    bool met = condition_leaf(scene, at);
    int64_t since =
        subject_leaves(&scene->plan->scopes[scope], scene_subject(scene, scope))[leaf->leaf];
    const char *missing = "";
    if (!met && !negated)
        missing = wording_missing(scene, at, out->arena);
    out->n_leaves++;
    out->n_met += met != negated;
    out->rows[out->n] = (struct explained_condition){
        .text = arena_dup(out->arena, span_of(leaf->text)),
        .value = wording_value(scene, at, out->arena),
        .threshold = arena_dup(out->arena, span_of(leaf->threshold)),
        .missing = missing,
        .met = met,
        .since_ms = met ? since : 0,
        .depth = depth,
        .leaf = true,
    };
}

static void explain_condition(const struct scene *scene, int32_t at, bool negated, enum scope scope,
                              uint32_t depth, struct explain_rows *out)
{
    const struct playbook *playbook = scene->plan->playbook;
    const struct condition *condition = &playbook->conditions[at];
    if (condition->kind == CONDITION_TEST) {
        if (out->rows != NULL)
            explain_leaf(scene, at, negated, scope, depth, out);
        out->n++;
        return;
    }
    if (out->rows != NULL) {
        bool met = condition_holds(scene, at);
        out->rows[out->n] = (struct explained_condition){
            .text = arena_dup(out->arena, span_of(condition->text)),
            .value = "",
            .threshold = "",
            .missing = condition->kind == CONDITION_NOT && !met ? "must not hold" : "",
            .met = met,
            .depth = depth,
        };
    }
    out->n++;
    if (condition->kind == CONDITION_SIGNAL) {
        const struct signal *other = &playbook->signals[condition->signal];
        explain_condition(scene, other->condition, negated, other->scope, depth + 1, out);
        return;
    }
    for (int32_t i = 0; i < condition->n_children; i++)
        explain_condition(scene, condition->children[i],
                          negated != (condition->kind == CONDITION_NOT), scope, depth + 1, out);
}

static void explain_signal(const struct scene *scene, int32_t position, struct arena *arena,
                           struct explained_signal *out)
{
    const struct signal *signal = &scene->plan->playbook->signals[position];
    struct subject *subject = scene_subject(scene, signal->scope);
    struct explain_rows rows = {.arena = arena};
    explain_condition(scene, signal->condition, false, signal->scope, 0, &rows);
    rows.rows = arena_alloc(arena, rows.n * sizeof *rows.rows);
    rows.n = 0;
    explain_condition(scene, signal->condition, false, signal->scope, 0, &rows);
    const uint8_t *flags = subject_flags(&scene->plan->scopes[signal->scope], subject);
    const struct signal_mark *mark =
        subject->marks == NULL ? NULL : &subject->marks[signal->number];
    bool value = (flags[signal->number] & SIGNAL_TRUE) != 0;
    *out = (struct explained_signal){
        .name = arena_dup(arena, span_of(signal->name)),
        .of_user = signal->scope == SCOPE_USER,
        .value = value,
        .since_ms = value && mark != NULL ? mark->since_ms : 0,
        .event_id =
            mark != NULL && mark->event_id != NULL ? arena_dup(arena, span_of(mark->event_id)) : "",
        .conditions = rows.rows,
        .n_conditions = rows.n,
        .n_leaves = rows.n_leaves,
        .n_met = rows.n_met,
    };
}

static void explain_scope_signals(const struct scene *scene, enum scope scope, struct arena *arena,
                                  struct explained_signal *out, size_t *n)
{
    const struct plan_scope *shape = &scene->plan->scopes[scope];
    for (int32_t s = sigset_next(&shape->all, 0); s >= 0; s = sigset_next(&shape->all, s + 1))
        explain_signal(scene, s, arena, &out[(*n)++]);
}

static const char *explain_reading(const struct measure *measure, struct reading reading,
                                   struct arena *arena)
{
    if (!reading.present)
        return "";
    if (measure->kind == MEASURE_FIRST || measure->kind == MEASURE_LAST)
        return wording_instant(reading.milli, arena);
    return value_milli_text(reading.milli, arena);
}

static void explain_scope_measures(const struct scene *scene, enum scope scope, struct arena *arena,
                                   struct explained_measure *out, size_t *n)
{
    const struct playbook *playbook = scene->plan->playbook;
    for (int32_t m = 0; m < playbook->n_measures; m++) {
        const struct measure *measure = &playbook->measures[m];
        if (measure->scope != scope)
            continue;
        struct reading reading = measure_read(scene, m, scene->clock_ms);
        out[(*n)++] = (struct explained_measure){
            .name = arena_dup(arena, span_of(measure->name)),
            .value = explain_reading(measure, reading, arena),
            .of_user = scope == SCOPE_USER,
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
    for (uint32_t i = 0; i < plan->scopes[SCOPE_USER].n_signals; i++) {
        if ((flags[i] & SIGNAL_TRUE) != 0)
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
