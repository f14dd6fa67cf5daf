// SPDX-License-Identifier: Apache-2.0
// Proposals as texts.
#pragma once

#include <criterion/criterion.h>

#include "services/scorer/core/proposal.h"
#include "services/scorer/rehearsal.h"
#include "tests/support/scorer_world.h"

static inline void proposal_tell(const struct proposal *p, struct buf *out)
{
    static const char *const KINDS[] = {"none", "events", "time", "never", "unknown"};
    char when[TIME_TEXT_MAX];
    buf_printf(out, "%s %u%s", KINDS[p->kind], p->n_events, p->least ? "" : " at most");
    if (p->from_ms != 0)
        buf_printf(out, " from %s", time_format(p->from_ms, when));
    if (p->by_ms != 0)
        buf_printf(out, " by %s", time_format(p->by_ms, when));
    if (p->true_ms != 0)
        buf_printf(out, " true %s", time_format(p->true_ms, when));
    buf_append_text(out, "\n");
    for (size_t i = 0; i < p->n_steps; i++) {
        const struct proposal_step *s = &p->steps[i];
        buf_printf(out, "%u %s|%s|%s|%s\n", s->n, s->event, s->who, s->with, s->when);
    }
    for (size_t i = 0; i < p->n_blocks; i++)
        buf_printf(out, "! %s\n", p->blocks[i]);
}

static inline void proposal_of(struct scorer_world *w, const char *account, const char *user,
                               const char *signal, struct arena *arena, struct proposal *out)
{
    struct rehearsal_copy *copy = rehearsal_copy_create(w->core, span_of(account), span_of(user));
    CHECK(copy != NULL);
    struct rehearsal *rehearsal = rehearsal_create(copy);
    CHECK(rehearsal != NULL);
    int32_t position = playbook_signal(core_playbook(w->core), span_of(signal));
    proposal_find(rehearsal_stage(rehearsal), position, span_of(user), arena, out);
    rehearsal_destroy(rehearsal);
    rehearsal_copy_destroy(copy);
}

// Owned by the caller.
static inline char *proposal_text(struct scorer_world *w, const char *account, const char *user,
                                  const char *signal)
{
    struct arena arena;
    struct proposal proposal;
    struct buf out = {0};
    arena_init(&arena, 16384, 0);
    proposal_of(w, account, user, signal, &arena, &proposal);
    proposal_tell(&proposal, &out);
    char *text = mem_dup(buf_span(&out));
    buf_deinit(&out);
    arena_deinit(&arena);
    return text;
}

static inline void proposal_expect(struct scorer_world *w, const char *account, const char *user,
                                   const char *signal, const char *want)
{
    char *got = proposal_text(w, account, user, signal);
    cr_assert(strcmp(got, want) == 0, "got:\n%swant:\n%s", got, want);
    mem_free(got);
}
