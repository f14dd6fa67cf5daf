// SPDX-License-Identifier: Apache-2.0
// Measures: what an event adds to one, and what it reads at a clock.
#pragma once

#include "services/scorer/core/state.h"

struct reading {
    bool present;  // false: first and last of nothing
    int64_t milli; // first and last: an instant in ms
};

// Adds an event to the measure's cell. `user` is the user's subject, for measures that count users,
// and may be NULL when the event has none. The account's clock is the one after the event.
void measure_take(const struct plan *plan, const struct plan_step *step, struct cell *cell,
                  struct user *user, const struct event *event, int64_t clock_ms);
struct reading measure_read(const struct plan *plan, int32_t measure, const struct cell *cell,
                            int64_t clock_ms);
// The instants after `after_ms` at which what a bucketed measure reads may change by time alone,
// when nothing else happens, in order: the nth (from 0), or INT64_MAX. Not for scores.
int64_t measure_change(const struct playbook *playbook, int32_t measure, const struct cell *cell,
                       int64_t after_ms, uint32_t nth);
// How many of them there are.
uint32_t measure_changes(const struct playbook *playbook, int32_t measure, const struct cell *cell,
                         int64_t after_ms);
