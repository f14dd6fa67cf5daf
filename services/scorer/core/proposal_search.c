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
    LIMIT_MAX = 24,  // of one kind of event on a day, that is looked for
    DAYS_MAX = 32,   // over which events are spread because of it
    DROPS_MAX = 60,  // events of which each is left out in turn
    AVERAGE_TRIES = 20,
};

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

static bool measure_capped(const struct measure *measure)
{
    return measure->kind == MEASURE_WEIGHTED || measure->kind == MEASURE_BEST ||
           measure->kind == MEASURE_POINTS;
}

// Of a score with caps only so many of one kind count in full.
static void attempt_limit(struct attempt *a, struct act *act)
{
    int64_t before[PROPOSAL_WISHES_MAX], after[PROPOSAL_WISHES_MAX];
    bool capped = false;
    for (uint32_t w = 0; w < a->alternative->n; w++) {
        int32_t m = proposal_measure(a->p, &a->alternative->wishes[w]);
        capped = capped || (m != PLAYBOOK_NONE && measure_capped(&a->p->playbook->measures[m]));
    }
    act->limit = INT64_MAX;
    if (!capped)
        return;
    attempt_begin(a);
    for (int64_t n = 0; n < LIMIT_MAX; n++) {
        bool full = false;
        attempt_read(a, before);
        attempt_once(a, act, a->at_ms);
        attempt_read(a, after);
        for (uint32_t w = 0; w < a->alternative->n; w++)
            full =
                full || (act->moves_milli[w] != 0 && after[w] - before[w] == act->moves_milli[w]);
        if (!full) {
            act->limit = n;
            return;
        }
    }
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
        // Sessions begin anew behind the longest gap.
        const int64_t offsets[] = {0, spacing - 1, spacing};
        for (size_t o = 0; o < ARRAY_LEN(offsets); o++) {
            int64_t offset = offsets[o];
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
        attempt_limit(a, &a->acts[i]);
    }
    for (uint32_t w = 0; w < a->alternative->n; w++)
        attempt_space(a, w);
}

// ---- Schedule ----

// Late: what needs no slot of its own goes into the last one.
static void attempt_schedule(struct attempt *a, bool late, struct plays *out)
{
    int64_t slots = 1, spacing = 0, offset = 0, slot = 0;
    *out = (struct plays){0};
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
            int64_t limit = a->acts[i].limit,
                    day = limit == INT64_MAX || limit == 0 ? 0 : k / limit;
            attempt_act(a, &a->acts[i], a->best[i],
                        a->at_ms + offset + in * spacing + day * TIME_DAY_MS, out);
        }
    }
    // In order of time; equal instants as they came.
    for (uint32_t i = before + 1; i < out->n; i++) {
        for (uint32_t j = i; j > before && out->items[j].at_ms < out->items[j - 1].at_ms; j--) {
            struct play held = out->items[j];
            out->items[j] = out->items[j - 1];
            out->items[j - 1] = held;
        }
    }
}

static bool attempt_try(struct attempt *a, const struct plays *moves, struct found *out)
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
        struct plays moves = {0};
        for (uint32_t j = 0; j < out->moves.n; j++) {
            if (j != i - 1)
                proposal_add(a->p, &moves, &out->moves.items[j]);
        }
        if (moves.n > 0 && attempt_try(a, &moves, &less) && less.true_ms == out->true_ms)
            out->moves = moves;
    }
}

static bool attempt_full(const struct attempt *a, uint32_t w)
{
    int32_t m = proposal_measure(a->p, &a->alternative->wishes[w]);
    return a->needs[w].room != INT64_MAX && m != PLAYBOOK_NONE && a->p->plan->measures[m].timed;
}

// What comes first might be moved to a day that needs an event anyway, and what must not become too
// much might be spread so that it does not.
static bool attempt_loose(const struct attempt *a)
{
    bool loose = false;
    for (uint32_t w = 0; w < a->alternative->n; w++)
        loose = loose || (a->needs[w].slots > 0 && a->setup.n > 0) || attempt_full(a, w);
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

static bool attempt_play_within(struct attempt *a, struct found *out)
{
    for (int round = 0; round < ROUNDS_MAX; round++) {
        struct plays moves;
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

// Events of which only some count on a day are spread over several when one is not enough.
static bool attempt_play(struct attempt *a, struct found *out)
{
    struct need needs[PROPOSAL_WISHES_MAX];
    bool limited = false;
    for (uint32_t i = 0; i < a->n_acts; i++)
        limited = limited || (a->acts[i].limit != INT64_MAX && a->acts[i].limit > 0);
    memcpy(needs, a->needs, sizeof needs);
    for (a->days = 1; a->days <= DAYS_MAX; a->days *= 2) {
        memcpy(a->needs, needs, sizeof needs);
        if (attempt_play_within(a, out)) {
            out->least = out->least && a->days == 1;
            return true;
        }
        if (!limited)
            return false;
    }
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
        struct plays kept = a->setup;
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

// The end of the signal's cooldown, if that is to come; else nothing before now.
static int64_t search_ready(struct proposer *p, int64_t now_ms)
{
    const struct signal *signal = &p->playbook->signals[p->signal];
    proposal_begin(p, now_ms);
    struct scene scene = proposal_scene(p, p->user);
    const struct subject *subject = scene_subject(&scene, signal->scope);
    const struct signal_mark *mark =
        subject->marks == NULL ? NULL : &subject->marks[signal->number];
    int64_t ready;
    if (!signal->memory || mark == NULL || mark->episodes == 0 ||
        __builtin_add_overflow(mark->since_ms, signal->cooldown_ms, &ready) || ready <= now_ms)
        return INT64_MIN;
    return ready;
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
    int64_t starts[] = {now_ms, search_ready(p, now_ms)};
    for (size_t s = 0; s < ARRAY_LEN(starts) && !any && starts[s] >= now_ms; s++) {
        for (uint32_t i = 0; i < list.n; i++)
            search_one(p, &list.items[i], starts[s], &any, &least, out);
        for (uint32_t i = 0; i < p->n_more; i++)
            search_one(p, &p->more[i], starts[s], &any, &least, out);
        if (any && starts[s] > now_ms && out->from_ms == 0)
            out->from_ms = starts[s];
    }
    p->cut = p->cut || p->played >= PROPOSAL_PLAYED_MAX;
    // Smaller sets can hide where the search was cut, unless there is none that is smaller.
    out->least = any && ((!p->cut && least && p->n_more == 0) || out->moves.n <= 1);
    return any;
}
