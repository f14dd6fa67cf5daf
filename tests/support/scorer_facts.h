// SPDX-License-Identifier: Apache-2.0
// Playbooks with facts and busiest hours (scorer_world_facts), and what a call told of them.
#pragma once

#include <criterion/criterion.h>

#include "tests/support/scorer_world.h"

#define HEAD "playbook: p\nversion: 1\n"

static inline struct playbook *facts_playbook(const char *yaml)
{
    struct playbook *playbook = scorer_world_playbook(yaml);
    scorer_world_facts(playbook);
    return playbook;
}

static inline void facts_open(struct scorer_world *w, const char *yaml)
{
    scorer_world_open(w, HEAD);
    core_set_playbook(w->core, ++w->position, facts_playbook(yaml));
}

static inline void facts_say(struct scorer_world *w, const char *kind, const char *user,
                             const char *when, const char *properties)
{
    struct say say = {
        .kind = kind, .account = "a", .user = user, .at_ms = at(when), .properties = properties};
    scorer_world_say(w, &say);
}

// What the last call told: "NAME=VALUE at WHEN;" or "NAME gone at WHEN;" each.
static inline void expect_told(struct scorer_world *w, const char *want)
{
    struct buf got = {0};
    for (size_t i = 0; i < w->changes.n; i++) {
        const struct signal_change *change = &w->changes.items[i];
        char when[TIME_TEXT_MAX];
        buf_printf(&got, "%s%s%s%s" SPAN_FMT " at %s;", i > 0 ? " " : "", change->signal,
                   change->value ? "=" : " gone", change->label, SPAN_ARG(change->user),
                   time_format(change->at_ms, when));
        cr_assert(change->episode > 0);
    }
    buf_append_text(&got, "");
    cr_assert(got.len == strlen(want) &&
                  memcmp(got.bytes == NULL ? (const uint8_t *)"" : got.bytes, want, got.len) == 0,
              "got:  %.*s\nwant: %s", (int)got.len, (const char *)got.bytes, want);
    buf_deinit(&got);
    w->changes.n = 0;
}
