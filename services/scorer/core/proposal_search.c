// SPDX-License-Identifier: Apache-2.0
// One alternative at one instant:
//   setup     traits that must be set, users that must have a signal, anchors that must come first
//   probe     what one event of each kind moves, by playing it
//   numbers   how many of each, the fewest in all that are enough
//   schedule  events that count once a day go on days of their own
//   play      the whole; what is still missing is added to what is needed, and again
// A wish that no event moves waits for time, and the alternative is tried anew from then on.
#include "common/base/time_text.h"
#include "services/scorer/core/proposal_impl.h"
#include "services/scorer/core/wording.h"

enum {
    ROUNDS_MAX = 8,  // of playing and adding
    LATER_MAX = 4,   // instants from which an alternative is tried
    SLOTS_MAX = 500, // days, weeks
    USERS_MAX = 16,  // that are looked at for `users_with`
    DROPS_MAX = 60,  // events of which each is left out in turn
    AVERAGE_TRIES = 20,
    DEPTH_MAX = 2,
};

// What a wish still needs.
struct need {
    bool open;       // not met after the setup
    bool touch;      // it is met or it is not, there is no number
    int64_t gap;     // of the measure; touch: 1
    int64_t room;    // how much more the measure may take; INT64_MAX: any
    int64_t spacing; // slots of their own, so far apart; 0: none
    int64_t offset;  // of the first slot
    int64_t slots;
};

struct attempt {
    struct proposer *p;
    const struct alternative *alternative;
    int64_t at_ms;
    struct moves setup;
    struct act acts[PROPOSAL_ACTS_MAX];
    uint32_t n_acts;
    struct need needs[PROPOSAL_WISHES_MAX];
    // The search for the numbers.
    int64_t n[PROPOSAL_ACTS_MAX], best[PROPOSAL_ACTS_MAX];
    int64_t best_cost;
    uint32_t nodes;
    bool cut;
};

// ---- Moves ----

static const char *attempt_name(const struct attempt *a, int32_t event)
{
    // Any name that the playbook does not mention.
    return event < a->p->playbook->n_events ? a->p->playbook->events[event] : "\x01";
}

static struct move attempt_event(struct attempt *a, const struct act *act, int32_t event,
                                 int64_t at_ms)
{
    struct proposer *p = a->p;
    struct move move = {
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

// One more of a kind of which there are `of` in all.
static void attempt_act(struct attempt *a, const struct act *act, int64_t of, int64_t at_ms,
                        struct moves *out)
{
    struct proposer *p = a->p;
    int64_t first = at_ms;
    for (int32_t i = 0; i < act->n_steps; i++) {
        struct move step = attempt_event(a, act, act->steps[i], first + i);
        proposal_add(p, out, &step);
    }
    struct move move = attempt_event(a, act, act->event, first + act->n_steps);
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

static void attempt_begin(struct attempt *a)
{
    proposal_begin(a->p, a->at_ms);
    proposal_play(a->p, &a->setup, 0);
}

// Plays one event of the kind.
static void attempt_once(struct attempt *a, const struct act *act, int64_t at_ms)
{
    struct moves one = {0};
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
    struct move move = {
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

// An event that opens the window of a measure that nothing has opened yet.
static void attempt_anchor(struct attempt *a, int32_t m)
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
        struct move move = candidate->found.moves.items[i];
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

static bool attempt_setup(struct attempt *a)
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

// ---- Probing ----

static bool measure_touched(const struct measure *measure)
{
    return measure->unit == UNIT_INSTANT || measure->unit == UNIT_VALUE ||
           measure->kind == MEASURE_MAX || measure->kind == MEASURE_MIN ||
           measure->kind == MEASURE_AVERAGE || measure->kind == MEASURE_SINCE ||
           measure->kind == MEASURE_GRADE;
}

static void attempt_need(struct attempt *a, const struct scene *scene, uint32_t w)
{
    const struct wish *wish = &a->alternative->wishes[w];
    struct need *need = &a->needs[w];
    int32_t m = proposal_measure(a->p, wish);
    int64_t low, high;
    *need = (struct need){.open = !proposal_met(scene, wish), .room = INT64_MAX};
    if (m == PLAYBOOK_NONE || measure_touched(&a->p->playbook->measures[m]) ||
        !proposal_bounds(a->p, scene, wish, &low, &high)) {
        need->touch = true;
        need->gap = need->open;
        return;
    }
    int64_t now = measure_read(scene, m, scene->clock_ms).milli;
    if (low > now)
        need->gap = low - now;
    else
        need->touch = need->open; // only less would do
    if (high != INT64_MAX)
        need->room = high - now;
}

static void attempt_read(struct attempt *a, int64_t out[PROPOSAL_WISHES_MAX])
{
    struct scene scene = proposal_scene(a->p, a->p->user);
    for (uint32_t w = 0; w < a->alternative->n; w++) {
        const struct wish *wish = &a->alternative->wishes[w];
        int32_t m = proposal_measure(a->p, wish);
        out[w] = a->needs[w].touch ? proposal_met(&scene, wish)
                                   : measure_read(&scene, m, scene.clock_ms).milli;
    }
}

static void attempt_probe(struct attempt *a, struct act *act)
{
    int64_t before[PROPOSAL_WISHES_MAX], after[PROPOSAL_WISHES_MAX];
    attempt_begin(a);
    attempt_read(a, before);
    attempt_once(a, act, a->at_ms);
    attempt_read(a, after);
    for (uint32_t w = 0; w < a->alternative->n; w++)
        act->moves_milli[w] = after[w] - before[w];
}

// An average needs a larger value the more there was before.
static void attempt_probe_average(struct attempt *a, struct act *act, uint32_t w)
{
    int32_t m = proposal_measure(a->p, &a->alternative->wishes[w]);
    const struct measure *measure = m == PLAYBOOK_NONE ? NULL : &a->p->playbook->measures[m];
    if (measure == NULL || measure->kind != MEASURE_AVERAGE)
        return;
    for (uint32_t i = 0; i < act->n_properties; i++) {
        struct property *property = &act->properties[i];
        if (!span_is(property->key, measure->key))
            continue;
        double first = property->value.type == VALUE_INTEGER ? (double)property->value.integer
                                                             : property->value.number;
        double step = first == 0 ? 1 : first < 0 ? -first : first;
        for (int t = 0; t < AVERAGE_TRIES && act->moves_milli[w] == 0; t++, step *= 2) {
            property->value = (struct value){.type = VALUE_NUMBER, .number = first + step};
            attempt_probe(a, act);
            act->words[i] =
                arena_printf(a->p->arena, "%s of at least %.6g", measure->key, first + step);
        }
    }
}

// How many slots of their own an act needs for a wish; 0: none does.
static int64_t attempt_slots(struct attempt *a, const struct act *act, uint32_t w, int64_t spacing,
                             int64_t offset)
{
    const struct wish *wish = &a->alternative->wishes[w];
    attempt_begin(a);
    for (int64_t k = 0; k < SLOTS_MAX && a->p->played < PROPOSAL_PLAYED_MAX; k++) {
        attempt_once(a, act, a->at_ms + offset + k * spacing);
        struct scene scene = proposal_scene(a->p, a->p->user);
        if (proposal_met(&scene, wish))
            return k + 1;
    }
    return 0;
}

static void attempt_space(struct attempt *a, uint32_t w)
{
    struct need *need = &a->needs[w];
    int32_t m = proposal_measure(a->p, &a->alternative->wishes[w]);
    int64_t spacing = m == PLAYBOOK_NONE ? 0 : proposal_spacing(a->p->playbook, m);
    if (!need->open || spacing == 0)
        return;
    for (uint32_t i = 0; i < a->n_acts; i++) {
        for (int64_t offset = 0; offset <= spacing; offset += spacing) {
            int64_t slots = attempt_slots(a, &a->acts[i], w, spacing, offset);
            if (slots == 0)
                continue;
            a->acts[i].serves[w] = true;
            if (need->slots == 0 || slots < need->slots) {
                need->slots = slots;
                need->offset = offset;
                need->spacing = spacing;
            }
        }
    }
}

static bool attempt_served(const struct attempt *a, uint32_t w)
{
    if (a->needs[w].slots > 0)
        return true;
    for (uint32_t i = 0; i < a->n_acts; i++) {
        if (a->acts[i].moves_milli[w] > 0)
            return true;
    }
    return false;
}

static void attempt_look(struct attempt *a)
{
    struct proposer *p = a->p;
    attempt_begin(a);
    struct scene scene = proposal_scene(p, p->user);
    struct alternative open = {.n = 0};
    for (uint32_t w = 0; w < a->alternative->n; w++) {
        attempt_need(a, &scene, w);
        if (a->needs[w].open)
            open.wishes[open.n++] = a->alternative->wishes[w];
    }
    a->n_acts = proposal_acts(p, &scene, &open, a->acts);
    for (uint32_t i = 0; i < a->n_acts; i++) {
        attempt_probe(a, &a->acts[i]);
        for (uint32_t w = 0; w < a->alternative->n; w++)
            attempt_probe_average(a, &a->acts[i], w);
    }
    for (uint32_t w = 0; w < a->alternative->n; w++)
        attempt_space(a, w);
}

// ---- Numbers ----

static int64_t need_ceil(int64_t gap, int64_t each)
{
    return gap <= 0 ? 0 : (gap + each - 1) / each;
}

static int64_t attempt_gives(const struct attempt *a, uint32_t i, uint32_t w)
{
    return a->needs[w].slots > 0 ? a->acts[i].serves[w] : a->acts[i].moves_milli[w];
}

static int64_t attempt_wants(const struct attempt *a, uint32_t w)
{
    if (!a->needs[w].open)
        return 0;
    return a->needs[w].slots > 0 ? a->needs[w].slots : a->needs[w].gap;
}

static void attempt_numbers_from(struct attempt *a, uint32_t i, const int64_t *left, int64_t cost)
{
    int64_t rest[PROPOSAL_WISHES_MAX], least = 0, most = 0;
    bool done = true;
    if (++a->nodes > PROPOSAL_NODES_MAX) {
        a->cut = true;
        return;
    }
    for (uint32_t w = 0; w < a->alternative->n; w++) {
        int64_t each = 0;
        if (left[w] <= 0)
            continue;
        done = false;
        for (uint32_t j = i; j < a->n_acts; j++)
            each = attempt_gives(a, j, w) > each ? attempt_gives(a, j, w) : each;
        if (each == 0)
            return;
        int64_t n = need_ceil(left[w], each);
        least = n > least ? n : least;
        if (i < a->n_acts && attempt_gives(a, i, w) > 0) {
            n = need_ceil(left[w], attempt_gives(a, i, w));
            most = n > most ? n : most;
        }
    }
    if (cost + least >= a->best_cost)
        return;
    if (done) {
        a->best_cost = cost;
        memcpy(a->best, a->n, sizeof a->best);
        return;
    }
    int64_t each = 1 + a->acts[i].n_steps;
    for (int64_t n = most; n >= 0; n--) {
        bool fits = true;
        for (uint32_t w = 0; w < a->alternative->n; w++) {
            int64_t gives = attempt_gives(a, i, w);
            fits = fits &&
                   (a->needs[w].room == INT64_MAX || gives <= 0 || n * gives <= a->needs[w].room);
            rest[w] = left[w] - n * gives;
        }
        a->n[i] = n;
        if (fits && (n == 0 || cost + n * each < a->best_cost))
            attempt_numbers_from(a, i + 1, rest, cost + n * each);
    }
    a->n[i] = 0;
}

static bool attempt_numbers(struct attempt *a)
{
    int64_t left[PROPOSAL_WISHES_MAX];
    for (uint32_t w = 0; w < a->alternative->n; w++)
        left[w] = attempt_wants(a, w);
    a->best_cost = PROPOSAL_MOVES_MAX;
    a->nodes = 0;
    memset(a->n, 0, sizeof a->n);
    attempt_numbers_from(a, 0, left, 0);
    return a->best_cost < PROPOSAL_MOVES_MAX;
}

// ---- Schedule ----

// Late: what needs no slot of its own goes into the last one.
static void attempt_schedule(struct attempt *a, bool late, struct moves *out)
{
    int64_t slots = 1, spacing = 0, offset = 0, slot = 0;
    *out = (struct moves){0};
    for (uint32_t i = 0; i < a->setup.n; i++)
        proposal_add(a->p, out, &a->setup.items[i]);
    for (uint32_t w = 0; w < a->alternative->n; w++) {
        const struct need *need = &a->needs[w];
        slots = need->slots > slots ? need->slots : slots;
        spacing = need->spacing > spacing ? need->spacing : spacing;
        offset = need->slots > 0 && need->offset > offset ? need->offset : offset;
    }
    uint32_t before = out->n;
    for (uint32_t i = 0; i < a->n_acts; i++) {
        bool serves = false;
        for (uint32_t w = 0; w < a->alternative->n; w++)
            serves = serves || (a->needs[w].slots > 0 && a->acts[i].serves[w]);
        for (int64_t k = 0; k < a->best[i]; k++) {
            int64_t in = serves ? slot++ % slots : late ? slots - 1 : 0;
            attempt_act(a, &a->acts[i], a->best[i], a->at_ms + offset + in * spacing, out);
        }
    }
    // In order of time; equal instants as they came.
    for (uint32_t i = before + 1; i < out->n; i++) {
        for (uint32_t j = i; j > before && out->items[j].at_ms < out->items[j - 1].at_ms; j--) {
            struct move held = out->items[j];
            out->items[j] = out->items[j - 1];
            out->items[j - 1] = held;
        }
    }
}

static bool attempt_try(struct attempt *a, const struct moves *moves, struct found *out)
{
    struct proposer *p = a->p;
    proposal_begin(p, a->at_ms);
    proposal_play(p, moves, 0);
    out->moves = *moves;
    out->true_ms = 0;
    if (proposal_true(p))
        return true;
    int64_t last = moves->n == 0 ? a->at_ms : moves->items[moves->n - 1].at_ms;
    return p->depth == 0 && proposal_wait(p, last, &out->true_ms);
}

// What the wishes lack after playing is needed on top. False: they lack nothing.
static bool attempt_raise(struct attempt *a)
{
    struct scene scene = proposal_scene(a->p, a->p->user);
    bool raised = false;
    for (uint32_t w = 0; w < a->alternative->n; w++) {
        const struct wish *wish = &a->alternative->wishes[w];
        struct need *need = &a->needs[w];
        int64_t low, high;
        if (proposal_met(&scene, wish))
            continue;
        if (need->slots > 0) {
            need->slots++;
            raised = true;
        } else if (!need->touch && proposal_bounds(a->p, &scene, wish, &low, &high)) {
            int64_t now = measure_read(&scene, proposal_measure(a->p, wish), scene.clock_ms).milli;
            if (low > now) {
                need->gap = (need->open ? need->gap : 0) + low - now;
                need->open = true;
                raised = true;
            }
        }
    }
    return raised;
}

// Leaves events out one by one as long as the signal still turns true.
static void attempt_drop(struct attempt *a, struct found *out)
{
    if (out->moves.n > DROPS_MAX)
        return;
    for (uint32_t i = out->moves.n; i > 0; i--) {
        struct found less;
        struct moves moves = {0};
        for (uint32_t j = 0; j < out->moves.n; j++) {
            if (j != i - 1)
                proposal_add(a->p, &moves, &out->moves.items[j]);
        }
        if (moves.n > 0 && attempt_try(a, &moves, &less) && less.true_ms == out->true_ms)
            out->moves = moves;
    }
}

// What comes first might be moved to a day that needs an event anyway, and what must not become too
// much might be spread so that it does not.
static bool attempt_loose(const struct attempt *a)
{
    bool loose = false;
    for (uint32_t w = 0; w < a->alternative->n; w++)
        loose = loose || (a->needs[w].slots > 0 && a->setup.n > 0) || a->needs[w].room != INT64_MAX;
    return loose;
}

// The events have done what was wished and broken something else: with that too, it is another
// alternative.
static void attempt_more(struct attempt *a)
{
    struct proposer *p = a->p;
    struct scene scene = proposal_scene(p, p->user);
    struct alternatives now, both, mine = {(struct alternative *)a->alternative, 1, false};
    proposal_all(p, &scene, &now);
    both = proposal_both(p, &mine, &now);
    for (uint32_t i = 0; i < both.n; i++) {
        bool known = proposal_same(&both.items[i], a->alternative);
        for (uint32_t j = 0; j < p->n_more && !known; j++)
            known = proposal_same(&both.items[i], &p->more[j]);
        if (known)
            continue;
        if (p->n_more == PROPOSAL_ALTERNATIVES_MAX)
            p->cut = true;
        else
            p->more[p->n_more++] = both.items[i];
    }
}

static bool attempt_play(struct attempt *a, struct found *out)
{
    for (int round = 0; round < ROUNDS_MAX; round++) {
        struct moves moves;
        if (!attempt_numbers(a))
            return false;
        for (int late = 0; late < 2; late++) {
            attempt_schedule(a, late != 0, &moves);
            if (moves.n > PROPOSAL_MOVES_MAX || a->p->played > PROPOSAL_PLAYED_MAX)
                return false;
            if (attempt_try(a, &moves, out)) {
                out->least = round == 0 && !a->cut && !attempt_loose(a);
                if (!out->least)
                    attempt_drop(a, out);
                return true;
            }
        }
        // Waiting has moved the clock: what is missing is looked for right after the events.
        proposal_begin(a->p, a->at_ms);
        proposal_play(a->p, &moves, 0);
        if (!attempt_raise(a)) {
            attempt_more(a);
            return false;
        }
    }
    a->p->cut = true;
    return false;
}

// ---- One alternative ----

static void attempt_block(struct attempt *a, const struct wish *wish)
{
    struct proposer *p = a->p;
    const struct condition *leaf = &p->playbook->conditions[wish->leaf];
    int32_t m = proposal_measure(p, wish);
    const char *text = arena_printf(p->arena, "%s%s", wish->want ? "" : "not ", leaf->text);
    char within[TIME_TEXT_MAX];
    struct scene scene = proposal_scene(p, p->user);
    if (m != PLAYBOOK_NONE && p->playbook->measures[m].window == WINDOW_ANCHORED)
        text = arena_printf(p->arena, "%s: the %s after %s are over", text,
                            time_format_duration(p->playbook->measures[m].within_ms, within),
                            p->playbook->events[p->playbook->measures[m].anchor]);
    else
        text = arena_printf(p->arena, "%s: is %s, and no event changes that", text,
                            wording_value(&scene, wish->leaf, p->arena));
    proposal_block(p, text);
}

// The earliest instant from which on the wishes that no event moves are met; INT64_MAX: never.
static int64_t attempt_later(struct attempt *a)
{
    int64_t later = a->at_ms;
    attempt_begin(a);
    for (uint32_t w = 0; w < a->alternative->n; w++) {
        const struct wish *wish = &a->alternative->wishes[w];
        if (!a->needs[w].open || attempt_served(a, w))
            continue;
        a->needs[w].open = false; // by events
        int64_t turns = proposal_turns(a->p, wish, a->at_ms);
        if (turns == INT64_MAX)
            attempt_block(a, wish);
        later = turns > later ? turns : later;
    }
    return later;
}

// Opens windows that wait for their anchor, if that helps.
static void attempt_anchors(struct attempt *a)
{
    for (uint32_t w = 0; w < a->alternative->n; w++) {
        int32_t m = proposal_measure(a->p, &a->alternative->wishes[w]);
        if (!a->needs[w].open || attempt_served(a, w) || m == PLAYBOOK_NONE ||
            a->p->playbook->measures[m].window != WINDOW_ANCHORED)
            continue;
        struct moves kept = a->setup;
        attempt_anchor(a, m);
        attempt_look(a);
        if (!attempt_served(a, w) && a->needs[w].open) {
            a->setup = kept;
            attempt_look(a);
        }
    }
}

static bool attempt_run(struct proposer *p, const struct alternative *alternative, int64_t now_ms,
                        struct found *out)
{
    struct attempt *a = arena_alloc(p->arena, sizeof *a);
    int64_t at_ms = now_ms;
    bool failed = p->failed;
    for (int i = 0; i < LATER_MAX; i++) {
        *a = (struct attempt){.p = p, .alternative = alternative, .at_ms = at_ms};
        p->failed = true;
        if (!attempt_setup(a))
            return false;
        attempt_look(a);
        attempt_anchors(a);
        int64_t later = attempt_later(a);
        p->failed = failed || later != INT64_MAX;
        if (later == INT64_MAX)
            return false;
        // Events that come at once may wait together for what time does.
        if (attempt_play(a, out)) {
            out->from_ms = at_ms == now_ms ? 0 : at_ms;
            return true;
        }
        if (later == at_ms)
            return false;
        at_ms = later;
    }
    return false;
}

// ---- The whole ----

static bool found_better(const struct found *a, const struct found *b)
{
    if (a->moves.n != b->moves.n)
        return a->moves.n < b->moves.n;
    return a->from_ms + a->true_ms < b->from_ms + b->true_ms;
}

static void search_one(struct proposer *p, const struct alternative *alternative, int64_t now_ms,
                       bool *any, bool *least, struct found *out)
{
    struct found found = {0};
    if (p->played >= PROPOSAL_PLAYED_MAX || !attempt_run(p, alternative, now_ms, &found))
        return;
    if (!*any || found_better(&found, out))
        *out = found;
    *any = true;
    *least = *least && found.least;
}

bool proposal_search(struct proposer *p, int64_t now_ms, struct found *out)
{
    struct alternatives list;
    bool any = false, least = true;
    *out = (struct found){.least = true};
    proposal_begin(p, now_ms);
    if (p->depth == 0 ? proposal_wait(p, now_ms, &out->true_ms) : proposal_true(p))
        return true;
    proposal_begin(p, now_ms);
    struct scene scene = proposal_scene(p, p->user);
    proposal_all(p, &scene, &list);
    p->cut = p->cut || list.cut;
    p->more = arena_alloc(p->arena, PROPOSAL_ALTERNATIVES_MAX * sizeof *p->more);
    p->n_more = 0;
    for (uint32_t i = 0; i < list.n; i++)
        search_one(p, &list.items[i], now_ms, &any, &least, out);
    for (uint32_t i = 0; i < p->n_more; i++)
        search_one(p, &p->more[i], now_ms, &any, &least, out);
    p->cut = p->cut || p->played >= PROPOSAL_PLAYED_MAX;
    // Smaller sets can hide where the search was cut, unless there is none that is smaller.
    out->least = any && ((!p->cut && least && p->n_more == 0) || out->moves.n <= 1);
    return any;
}
