// SPDX-License-Identifier: Apache-2.0
// A scorer's core with a playbook, and events for it that follow from bytes: they name the events
// and keys of the playbook, so that much of it is reached by little.
#pragma once

#include "services/scorer/core/core.h"
#include "tests/fuzz/bytes.h"

struct play {
    struct core *core;
    uint64_t position;
    int64_t now_ms;
    uint32_t n_events;
    struct signal_changes changes; // of the last call
    struct arena arena;            // the same
    bool unordered; // the core is of rows that may give two accounts one place in the order
    void (*change)(void *arg, uint64_t position, const struct signal_change *change);
    void *arg;
};

// Takes the core. Events begin after `now_ms`.
void play_init(struct play *play, struct core *core, uint64_t position, int64_t now_ms);
void play_deinit(struct play *play);
// One record with this event.
void play_apply(struct play *play, const struct event *event);
void play_tick(struct play *play, int64_t now_ms);
// Up to n_max events, until the bytes end.
void play_events(struct play *play, struct bytes *from, uint32_t n_max);
// Explains an account and up to 2 of its users; the texts are all there.
void play_explain(struct play *play, struct span account);
// The accounts that play_events has events for.
void play_explain_cast(struct play *play);
