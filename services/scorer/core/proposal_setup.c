// SPDX-License-Identifier: Apache-2.0
// What an alternative needs before anything is counted, and events as they are played.
#include "services/scorer/core/proposal_impl.h"

enum {
    USERS_MAX = 16, // that are looked at for `users_with`
    DEPTH_MAX = 2,
};

// ---- Moves ----

static const char *attempt_name(const struct attempt *a, int32_t event)
{
    // Any name that the playbook does not mention.
    return event < a->p->playbook->n_events ? a->p->playbook->events[event] : "\x01";
}

static struct play attempt_event(struct attempt *a, const struct act *act, int32_t event,
                                 int64_t at_ms)
{
    struct proposer *p = a->p;
    struct play move = {
        .at_ms = at_ms,
        .kind = EVENT_TRACK,
        .name = span_of(attempt_name(a, event)),
        .user = p->user.len > 0 ? p->user : p->actor,
        .with = "",
    };
    if (act->actor == ACTOR_FRESH) {
        move.user = proposal_fresh(p, "user");
        move.fresh_user = true;
    }
    return move;
}

void attempt_act(struct attempt *a, const struct act *act, int64_t of, int64_t at_ms,
                 struct plays *out)
{
    struct proposer *p = a->p;
    int64_t first = at_ms;
    for (int32_t i = 0; i < act->n_steps; i++) {
        struct play step = attempt_event(a, act, act->steps[i], first + i);
        proposal_add(p, out, &step);
    }
    struct play move = attempt_event(a, act, act->event, first + act->n_steps);
    struct property *properties =
        arena_alloc(p->arena, (act->n_properties + 1) * sizeof *properties);
    for (uint32_t i = 0; i < act->n_properties; i++) {
        properties[i] = act->properties[i];
        struct value *value = &properties[i].value;
        if (act->anew[i])
            value->text = proposal_fresh(p, "value");
        if (act->shared[i] && of > 1) {
            double part = value->type == VALUE_INTEGER ? (double)value->integer : value->number;
            *value = (struct value){.type = VALUE_NUMBER, .number = part / (double)of + 0.0005};
        }
    }
    move.properties = properties;
    move.n_properties = act->n_properties;
    move.with = proposal_with(act, p->arena);
    proposal_add(p, out, &move);
}

void attempt_begin(struct attempt *a)
{
    proposal_begin(a->p, a->at_ms);
    proposal_play(a->p, &a->setup, 0);
}

void attempt_once(struct attempt *a, const struct act *act, int64_t at_ms)
{
    struct plays one = {0};
    attempt_act(a, act, 1, at_ms, &one);
    proposal_play(a->p, &one, 0);
}

// ---- Setup ----

static bool wish_is_trait(const struct proposer *p, const struct wish *wish, enum operand_kind kind)
{
    const struct condition *leaf = &p->playbook->conditions[wish->leaf];
    return wish->measure == PLAYBOOK_NONE && leaf->operand == kind;
}

// All traits of one kind come with one call. False: one cannot be had.
static bool attempt_traits(struct attempt *a, enum operand_kind kind)
{
    struct proposer *p = a->p;
    struct scene scene = proposal_scene(p, p->user);
    struct property *traits = arena_alloc(p->arena, PROPOSAL_WISHES_MAX * sizeof *traits);
    uint32_t n = 0;
    const char *with = "";
    for (uint32_t w = 0; w < a->alternative->n; w++) {
        const struct wish *wish = &a->alternative->wishes[w];
        const struct condition *leaf = &p->playbook->conditions[wish->leaf];
        if (!wish_is_trait(p, wish, kind) || proposal_met(&scene, wish))
            continue;
        // A person's verdict is lifted by time or by a person.
        if (leaf->quiet)
            continue;
        if (!proposal_value(p, &scene, wish->leaf, wish->want, &traits[n].value))
            return false;
        traits[n++].key = span_of(leaf->key);
        with = arena_printf(p->arena, "%s%s%s%s", with, n == 1 ? "" : ", ",
                            wish->want ? "" : "not ", leaf->text);
    }
    if (n == 0)
        return true;
    bool account = kind == OPERAND_ACCOUNT_TRAIT;
    struct play move = {
        .at_ms = a->at_ms,
        .kind = account ? EVENT_GROUP : EVENT_IDENTIFY,
        .name = span_of(account ? "group" : "identify"),
        .user = p->user,
        .properties = traits,
        .n_properties = n,
        .with = with,
    };
    proposal_add(p, &a->setup, &move);
    return true;
}

void attempt_anchor(struct attempt *a, int32_t m)
{
    struct act act = {.event = a->p->playbook->measures[m].anchor};
    // If such an event serves another wish too, it is that one.
    for (uint32_t i = a->n_acts; i > 0; i--) {
        if (a->acts[i - 1].event == act.event && a->acts[i - 1].n_steps == 0)
            act = a->acts[i - 1];
    }
    attempt_act(a, &act, 1, a->at_ms, &a->setup);
}

// ---- Users who must have a signal ----

struct candidate {
    struct span user;
    bool fresh;
    struct found found;
};

static bool attempt_candidate(struct attempt *a, int32_t signal, struct span user, bool fresh,
                              struct candidate *out)
{
    struct proposer sub = *a->p;
    sub.signal = signal;
    sub.user = user;
    sub.depth++;
    sub.introduce = fresh ? user : span_make("", 0);
    bool found = proposal_search(&sub, a->at_ms, &out->found) && out->found.true_ms == 0 &&
                 out->found.from_ms == 0;
    out->user = user;
    out->fresh = fresh;
    a->p->played = sub.played;
    a->p->n_fresh = sub.n_fresh;
    a->p->changes = sub.changes;
    a->p->played_texts = sub.played_texts;
    a->cut = a->cut || sub.cut || !out->found.least;
    return found;
}

static void attempt_join(struct attempt *a, const struct candidate *candidate, struct span as)
{
    for (uint32_t i = 0; i < candidate->found.moves.n; i++) {
        struct play move = candidate->found.moves.items[i];
        if (span_eq(move.user, candidate->user)) {
            move.user = as;
            move.fresh_user = candidate->fresh;
            move.named = !candidate->fresh;
        }
        proposal_add(a->p, &a->setup, &move);
    }
}

// The users of the stage who lack the signal, then one of whom nothing is known, the cheapest
// first.
static uint32_t attempt_candidates(struct attempt *a, int32_t signal,
                                   struct candidate out[USERS_MAX + 1])
{
    struct proposer *p = a->p;
    struct scene scene = proposal_scene(p, span_make("", 0));
    uint32_t n = 0, tried = 0;
    struct span users[USERS_MAX];
    for (uint32_t i = 0; i < scene.account->n_users && tried < USERS_MAX; i++) {
        scene.user = scene.account->users[i].user;
        if (!scene.user->counted)
            continue;
        const uint8_t *flags = subject_flags(&p->plan->scopes[SCOPE_USER], &scene.user->subject);
        struct span id = user_id(p->core, scene.user);
        if ((flags[p->playbook->signals[signal].number] & SIGNAL_TRUE) == 0)
            users[tried++] = span_make(arena_dup(p->arena, id), id.len);
    }
    a->cut = a->cut || tried == USERS_MAX || p->stage->partial;
    for (uint32_t i = 0; i < tried; i++)
        n += attempt_candidate(a, signal, users[i], false, &out[n]);
    n += attempt_candidate(a, signal, proposal_fresh(p, "user"), true, &out[n]);
    for (uint32_t i = 1; i < n; i++) {
        for (uint32_t j = i; j > 0 && out[j].found.moves.n < out[j - 1].found.moves.n; j--) {
            struct candidate held = out[j];
            out[j] = out[j - 1];
            out[j - 1] = held;
        }
    }
    return n;
}

static bool attempt_users(struct attempt *a, const struct wish *wish)
{
    struct proposer *p = a->p;
    struct candidate candidates[USERS_MAX + 1];
    int32_t m = proposal_measure(p, wish);
    int64_t low, high;
    struct scene scene = proposal_scene(p, p->user);
    if (p->depth >= DEPTH_MAX || !proposal_bounds(p, &scene, wish, &low, &high))
        return false;
    int64_t now = measure_read(&scene, m, scene.clock_ms).milli;
    if (low <= now || low - now > 50 * INT64_C(1000))
        return false;
    int64_t missing = (low - now + 999) / 1000;
    uint32_t n = attempt_candidates(a, p->playbook->measures[m].signal, candidates);
    for (uint32_t i = 0; i < n && missing > 0; i++, missing--) {
        attempt_join(a, &candidates[i], candidates[i].user);
        for (; candidates[i].fresh && missing > 1; missing--)
            attempt_join(a, &candidates[i], proposal_fresh(p, "user"));
    }
    return missing == 0;
}

bool attempt_setup(struct attempt *a)
{
    struct proposer *p = a->p;
    proposal_begin(p, a->at_ms);
    if (!attempt_traits(a, OPERAND_ACCOUNT_TRAIT) || !attempt_traits(a, OPERAND_USER_TRAIT))
        return false;
    for (uint32_t w = 0; w < a->alternative->n; w++) {
        const struct wish *wish = &a->alternative->wishes[w];
        int32_t m = proposal_measure(p, wish);
        attempt_begin(a);
        struct scene scene = proposal_scene(p, p->user);
        if (m != PLAYBOOK_NONE && p->playbook->measures[m].kind == MEASURE_USERS_WITH &&
            !proposal_met(&scene, wish) && !attempt_users(a, wish))
            return false;
    }
    return true;
}
