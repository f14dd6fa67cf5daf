// SPDX-License-Identifier: Apache-2.0
// Playing events on the stage.
#include "common/base/check.h"
#include "common/base/hash.h"
#include "common/base/mem.h"
#include "common/base/time_text.h"
#include "services/scorer/core/proposal_impl.h"

enum { WAIT_TIMERS_MAX = 200, BLOCKS_MAX = 16 };

struct scene proposal_scene(struct proposer *p, struct span user)
{
    uint32_t number;
    struct core *core = p->core;
    struct scene scene = {.core = core, .plan = p->plan};
    scene.account = account_find(core, hash64(p->stage->account), p->stage->account, &number);
    CHECK(scene.account != NULL);
    if (user.len > 0)
        scene.user = user_find(core, scene.account, hash64(user), user);
    scene.profile = scene.user == NULL ? NULL : profile_of(core, scene.user);
    scene.clock_ms = scene.account->clock_ms;
    return scene;
}

static void play_forget(struct proposer *p)
{
    p->changes.n = 0;
    arena_reset(&p->played_texts);
}

static void play_tick(struct proposer *p, int64_t at_ms)
{
    core_tick(p->core, 1, at_ms, &p->changes, &p->played_texts);
    play_forget(p);
}

void proposal_begin(struct proposer *p, int64_t at_ms)
{
    p->stage->rewind(p->stage->arg);
    play_tick(p, at_ms);
    p->played++;
    if (p->introduce.len == 0)
        return;
    struct play move = {.at_ms = at_ms, .kind = EVENT_IDENTIFY, .user = p->introduce};
    struct plays moves = {.items = &move, .n = 1};
    proposal_play(p, &moves, 0);
}

void proposal_play(struct proposer *p, const struct plays *moves, int64_t shift_ms)
{
    for (uint32_t i = 0; i < moves->n; i++) {
        const struct play *move = &moves->items[i];
        struct event event = {
            .kind = move->kind,
            .account = p->stage->account,
            .user = move->user,
            .name = move->name,
            .at_ms = move->at_ms + shift_ms,
            .received_at_ms = move->at_ms + shift_ms,
            .properties = move->properties,
            .n_properties = move->n_properties,
        };
        play_tick(p, event.at_ms);
        (void)core_apply(p->core, 1, 0, &event, &p->changes, &p->played_texts);
        play_forget(p);
    }
    p->played += moves->n;
}

bool proposal_true(struct proposer *p)
{
    struct scene scene = proposal_scene(p, p->user);
    const struct signal *signal = &p->playbook->signals[p->signal];
    if (signal->scope == SCOPE_USER && scene.user == NULL)
        return false;
    const uint8_t *flags =
        subject_flags(&p->plan->scopes[signal->scope], scene_subject(&scene, signal->scope));
    return (flags[signal->number] & SIGNAL_TRUE) != 0;
}

bool proposal_wait(struct proposer *p, int64_t from_ms, int64_t *at_ms)
{
    int64_t end = from_ms + PROPOSAL_DAYS_MAX * (int64_t)TIME_DAY_MS;
    for (int i = 0; i < WAIT_TIMERS_MAX; i++) {
        if (proposal_true(p))
            return true;
        int64_t next = core_next_due(p->core);
        if (next > end)
            return false;
        play_tick(p, next);
        p->played++;
        *at_ms = next;
    }
    return false;
}

static bool play_met_at(struct scene *scene, const struct wish *wish, int64_t at_ms)
{
    scene->clock_ms = at_ms;
    return proposal_met(scene, wish);
}

int64_t proposal_turns(struct proposer *p, const struct wish *wish, int64_t from_ms)
{
    struct scene scene = proposal_scene(p, p->user);
    if (play_met_at(&scene, wish, from_ms))
        return from_ms;
    // Windows move on at midnight or at the full hour, and what fades does so steadily: a day on
    // whose ends the leaf differs is halved.
    int64_t low = from_ms;
    for (int day = 1; day <= PROPOSAL_DAYS_MAX; day++) {
        int64_t high = (time_day(from_ms) + day) * TIME_DAY_MS;
        if (!play_met_at(&scene, wish, high)) {
            low = high;
            continue;
        }
        while (high - low > 1) {
            int64_t middle = low + (high - low) / 2;
            if (play_met_at(&scene, wish, middle))
                high = middle;
            else
                low = middle;
        }
        return high;
    }
    return INT64_MAX;
}

void proposal_add(struct proposer *p, struct plays *moves, const struct play *move)
{
    if (moves->n == moves->cap) {
        uint32_t cap = moves->cap == 0 ? 16 : moves->cap * 2;
        struct play *items = arena_alloc(p->arena, cap * sizeof *items);
        if (moves->n > 0)
            memcpy(items, moves->items, moves->n * sizeof *items);
        moves->items = items;
        moves->cap = cap;
    }
    moves->items[moves->n++] = *move;
}

struct span proposal_fresh(struct proposer *p, const char *what)
{
    // A byte that no id or text of a customer begins with.
    return span_of(arena_printf(p->arena, "\x01%s %u", what, ++p->n_fresh));
}

void proposal_block(struct proposer *p, const char *text)
{
    if (p->blocks == NULL)
        p->blocks = arena_alloc(p->arena, BLOCKS_MAX * sizeof *p->blocks);
    for (uint32_t i = 0; i < p->n_blocks; i++) {
        if (strcmp(p->blocks[i], text) == 0)
            return;
    }
    if (p->n_blocks < BLOCKS_MAX)
        p->blocks[p->n_blocks++] = text;
}
