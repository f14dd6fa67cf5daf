// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/core/memory.h"

// Whether it may turn true again at all, once its condition has held long enough.
static bool memory_left(const struct signal *signal, uint8_t flags, uint32_t episodes)
{
    return !(signal->afresh && (flags & SIGNAL_SPENT) != 0) &&
           (signal->episodes_max == 0 || episodes < (uint32_t)signal->episodes_max);
}

static int64_t memory_add(int64_t ms, int64_t more)
{
    int64_t sum;
    return __builtin_add_overflow(ms, more, &sum) ? STATE_NEVER : sum;
}

// The end of the hold and of the cooldown.
static int64_t memory_ready(const struct signal *signal, const struct signal_mark *mark)
{
    int64_t held = memory_add(mark->met_ms, signal->hold_ms);
    int64_t cool =
        mark->episodes == 0 ? INT64_MIN : memory_add(mark->since_ms, signal->cooldown_ms);
    return held > cool ? held : cool;
}

static void memory_note(struct scene *scene, uint8_t *flags, uint8_t now)
{
    scene->flipped = scene->flipped || *flags != now;
    *flags = now;
}

void memory_forget(struct scene *scene, const struct signal *signal)
{
    const struct plan_scope *scope = &scene->plan->scopes[signal->scope];
    uint8_t *flags = &subject_flags(scope, scene_subject(scene, signal->scope))[signal->number];
    if (signal->memory)
        memory_note(scene, flags, (uint8_t)(*flags & ~(SIGNAL_MET | SIGNAL_SPENT)));
}

bool memory_decide(struct scene *scene, const struct signal *signal, bool holds, bool *left)
{
    const struct plan_scope *scope = &scene->plan->scopes[signal->scope];
    struct subject *subject = scene_subject(scene, signal->scope);
    uint8_t *flags = &subject_flags(scope, subject)[signal->number];
    bool leaving =
        signal->exit != PLAYBOOK_NONE && condition_decide(scene, signal->exit, signal->scope);
    *left = leaving;
    if (!holds) {
        uint8_t seen = (uint8_t)(*flags & ~SIGNAL_MET);
        if ((*flags & SIGNAL_TRUE) == 0)
            seen = (uint8_t)(seen & ~SIGNAL_SPENT);
        memory_note(scene, flags, seen);
        return (*flags & SIGNAL_TRUE) != 0 && signal->sticky && !leaving;
    }
    struct signal_mark *mark = subject_mark(scope, subject, signal->number);
    if ((*flags & SIGNAL_MET) == 0) {
        mark->met_ms = scene->clock_ms;
        memory_note(scene, flags, *flags | SIGNAL_MET);
    }
    if ((*flags & SIGNAL_TRUE) != 0) {
        // It held when the signal turned false.
        if (leaving)
            memory_note(scene, flags, *flags | SIGNAL_SPENT);
        return !leaving;
    }
    return !leaving && memory_left(signal, *flags, mark->episodes) &&
           memory_ready(signal, mark) <= scene->clock_ms;
}

int64_t memory_due(const struct signal *signal, uint8_t flags, const struct signal_mark *mark)
{
    if (!signal->memory || mark == NULL || (flags & SIGNAL_TRUE) != 0 ||
        (flags & SIGNAL_MET) == 0 || !memory_left(signal, flags, mark->episodes))
        return STATE_NEVER;
    return memory_ready(signal, mark);
}
