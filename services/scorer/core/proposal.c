// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/core/proposal.h"

#include "common/base/check.h"
#include "common/base/time_text.h"
#include "services/scorer/core/proposal_impl.h"
#include "services/scorer/core/wording.h"

enum { DAYS_PLAYED_MAX = 20000 };

// ---- By when ----

static bool proposal_still(struct proposer *p, const struct found *found, int64_t base_ms,
                           int64_t shift_ms)
{
    int64_t then = 0, last = found->moves.items[found->moves.n - 1].at_ms + shift_ms;
    proposal_begin(p, base_ms + shift_ms);
    proposal_play(p, &found->moves, shift_ms);
    if (found->true_ms == 0)
        return proposal_true(p);
    return proposal_wait(p, last, &then);
}

// The first instant from which on the same events no longer do; 0: there is none within the days
// that are looked at.
static int64_t proposal_deadline(struct proposer *p, const struct found *found, int64_t base_ms)
{
    int64_t good = 0, first = found->moves.items[0].at_ms;
    uint64_t cost = (uint64_t)found->moves.n + 1;
    int stride = 1 + (int)(cost * PROPOSAL_DAYS_MAX / DAYS_PLAYED_MAX);
    for (int day = 1; day <= PROPOSAL_DAYS_MAX; day += stride) {
        int64_t bad = (time_day(first) + day) * TIME_DAY_MS - first;
        if (proposal_still(p, found, base_ms, bad)) {
            good = bad;
            continue;
        }
        while (bad - good > 1) {
            int64_t middle = good + (bad - good) / 2;
            if (proposal_still(p, found, base_ms, middle))
                good = middle;
            else
                bad = middle;
        }
        return first + bad;
    }
    return 0;
}

// ---- In words ----

static bool proposal_alike(const struct play *a, const struct play *b)
{
    return a->kind == b->kind && span_eq(a->name, b->name) && strcmp(a->with, b->with) == 0 &&
           a->fresh_user == b->fresh_user && a->named == b->named &&
           (a->fresh_user || span_eq(a->user, b->user));
}

// On how many days, and how many users.
static void proposal_spread(const struct plays *moves, uint32_t first, uint32_t *days,
                            uint32_t *users)
{
    *days = *users = 0;
    for (uint32_t i = first; i < moves->n; i++) {
        const struct play *move = &moves->items[i];
        bool day = true, user = true;
        if (!proposal_alike(move, &moves->items[first]))
            continue;
        for (uint32_t j = first; j < i; j++) {
            if (!proposal_alike(&moves->items[j], move))
                continue;
            day = day && time_day(moves->items[j].at_ms) != time_day(move->at_ms);
            user = user && !span_eq(moves->items[j].user, move->user);
        }
        *days += day;
        *users += user;
    }
}

static const char *proposal_name(const struct play *move, struct arena *arena)
{
    if (move->name.len > 0 && ((const char *)move->name.ptr)[0] == '\x01')
        return "any active event";
    return arena_dup(arena, move->name);
}

static const char *proposal_who(const struct proposer *p, const struct play *move, uint32_t users)
{
    if (move->fresh_user && users == 1)
        return "a further user";
    if (move->fresh_user)
        return arena_printf(p->arena, "%u further users", users);
    if (!move->named)
        return "";
    return arena_dup(p->arena, move->user);
}

static void proposal_steps(struct proposer *p, const struct plays *moves, struct proposal *out)
{
    struct proposal_step *steps = arena_alloc(p->arena, (moves->n + 1) * sizeof *steps);
    size_t n = 0;
    for (uint32_t i = 0; i < moves->n; i++) {
        const struct play *move = &moves->items[i];
        uint32_t same = 0, days, users;
        bool seen = false;
        for (uint32_t j = 0; j < moves->n; j++) {
            seen = seen || (j < i && proposal_alike(&moves->items[j], move));
            same += proposal_alike(&moves->items[j], move);
        }
        if (seen)
            continue;
        proposal_spread(moves, i, &days, &users);
        steps[n++] = (struct proposal_step){
            .event = proposal_name(move, p->arena),
            .n = same,
            .who = proposal_who(p, move, users),
            .with = move->with,
            .when = days > 1 ? arena_printf(p->arena, "on %u days", days) : "",
        };
    }
    out->steps = steps;
    out->n_steps = n;
    out->n_events = moves->n;
}

// ---- The whole ----

static struct span proposal_actor(struct proposer *p)
{
    struct scene scene = proposal_scene(p, span_make("", 0));
    for (uint32_t i = 0; i < scene.account->n_users; i++) {
        struct user *user = scene.account->users[i].user;
        struct span id = user_id(p->core, user);
        if (user->counted)
            return span_make(arena_dup(p->arena, id), id.len);
    }
    return proposal_fresh(p, "user");
}

static void proposal_tell(struct proposer *p, const struct found *found, int64_t now_ms,
                          struct proposal *out)
{
    out->kind = found->moves.n == 0 ? PROPOSAL_TIME : PROPOSAL_EVENTS;
    out->least = found->least;
    out->from_ms = found->from_ms;
    out->true_ms = found->true_ms;
    if (found->moves.n == 0)
        return;
    proposal_steps(p, &found->moves, out);
    int64_t base = found->from_ms == 0 ? now_ms : found->from_ms;
    out->by_ms = proposal_deadline(p, found, base);
}

// Why a signal with a memory stays false whatever happens; NULL: it does not.
static const char *proposal_spent(struct proposer *p, const struct scene *scene)
{
    const struct signal *signal = &p->playbook->signals[p->signal];
    const struct subject *subject = scene_subject(scene, signal->scope);
    uint32_t episodes = subject->marks == NULL ? 0 : subject->marks[signal->number].episodes;
    if (signal->episodes_max == 0 || episodes < (uint32_t)signal->episodes_max)
        return NULL;
    if (episodes == 1)
        return "it was true once, and may not be again";
    return arena_printf(p->arena, "it was true %u times, and may not be again", episodes);
}

void proposal_find(const struct proposal_stage *stage, int32_t signal, struct span user,
                   struct arena *arena, struct proposal *out)
{
    struct found found;
    struct proposer p = {
        .stage = stage,
        .core = stage->core,
        .plan = stage->core->plan,
        .playbook = stage->core->playbook,
        .signal = signal,
        .user = user,
        .arena = arena,
    };
    *out = (struct proposal){.kind = PROPOSAL_UNKNOWN};
    CHECK(signal >= 0 && signal < p.playbook->n_signals);
    arena_init(&p.played_texts, 16384, 0);
    stage->rewind(stage->arg);
    struct scene scene = proposal_scene(&p, user);
    // A further event comes after what has happened.
    int64_t now_ms = scene.clock_ms + 1 > stage->now_ms ? scene.clock_ms + 1 : stage->now_ms;
    p.actor = proposal_actor(&p);
    if (p.playbook->signals[signal].scope == SCOPE_USER && scene.user == NULL) {
        out->kind = PROPOSAL_UNKNOWN;
    } else if (proposal_true(&p)) {
        out->kind = PROPOSAL_NONE;
    } else if (proposal_spent(&p, &scene) != NULL) {
        out->kind = PROPOSAL_NEVER;
        proposal_block(&p, proposal_spent(&p, &scene));
        out->blocks = p.blocks;
        out->n_blocks = p.n_blocks;
    } else if (proposal_search(&p, now_ms, &found)) {
        proposal_tell(&p, &found, now_ms, out);
    } else {
        out->kind = p.n_blocks > 0 && !p.cut && !p.failed ? PROPOSAL_NEVER : PROPOSAL_UNKNOWN;
        out->blocks = p.blocks;
        out->n_blocks = p.n_blocks;
    }
    signal_changes_deinit(&p.changes);
    arena_deinit(&p.played_texts);
}
