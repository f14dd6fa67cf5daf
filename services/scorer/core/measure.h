// SPDX-License-Identifier: Apache-2.0
// Measures: what an event adds to one, what it reads at a clock, and when time alone changes that.
#pragma once

#include "services/scorer/core/scene.h"

struct reading {
    bool present; // false: there is nothing, no test holds but `exists: false`
    // By the measure's unit: thousandths, ms, or an instant in ms. Of a grade: thousandths of its
    // place among the names, which measure_range bounds too.
    int64_t milli;
    struct value value; // UNIT_VALUE: instead; a text lies in the cell or in the playbook
};

// Adds an event, which the step's measure takes or is anchored by, to the scene's subject of the
// measure's scope. The scene has the event, the account at its clock after the event, and the user
// (or NULL). The step's `takes` is final, but for the tests on traits of a historic measure.
void measure_take(const struct scene *scene, const struct plan_step *step);
// At `clock_ms`, which is not before the account's clock, nothing else happening until then.
struct reading measure_read(const struct scene *scene, int32_t measure, int64_t clock_ms);
// The same `lag` buckets of the measure's window earlier (TEST_GREW), which is not more than the
// measure's lag: whole buckets, with all of the last one in.
struct reading measure_read_before(const struct scene *scene, int32_t measure, int64_t clock_ms,
                                   int32_t lag);

// ---- Whose events are kept ----

// Users by ordinal become others: to[i], or i beyond n. `only` one of them, or CELL_NO_USER: all.
struct renaming {
    const uint32_t *to;
    uint32_t n;
    uint32_t only;
};
// In a cell of events of an account's measure.
void measure_rename_users(const struct measure *measure, struct cell *cell,
                          const struct renaming *renaming);

// ---- Time alone ----
// Of measures that change in steps: the instants after `after_ms` at which what one reads may
// change, when nothing else happens, in order: the nth (from 0), or INT64_MAX. Not for continuous
// ones.
int64_t measure_change(const struct scene *scene, int32_t measure, int64_t after_ms, uint32_t nth);
// How many of them there are.
uint32_t measure_changes(const struct scene *scene, int32_t measure, int64_t after_ms);

// Whether a measure's number may change at any instant: scores, points, since, and what is derived
// from such.
bool measure_continuous(const struct playbook *playbook, int32_t measure);
// For every measure with a number: bounds on what it reads at the instants of [from_ms, to_ms],
// nothing else happening. Exact when from_ms == to_ms, and tight enough that halving the interval
// comes to an end.
struct range {
    bool absent;       // it may be absent at some instant
    int64_t low, high; // of the instants at which it is present; low > high: at none
};
struct range measure_range(const struct scene *scene, int32_t measure, int64_t from_ms,
                           int64_t to_ms);
// Of two measures that fade: by how much the one is above that share (in thousandths of a percent)
// of the other, in thousandths, rounded once: of two that keep the same proportion it stays the
// same.
struct range measure_over_share(const struct scene *scene, int32_t measure, int32_t of,
                                int64_t share, int64_t from_ms, int64_t to_ms);
// An instant from which on it no longer changes by time alone; INT64_MAX: there is none (since).
int64_t measure_rest(const struct scene *scene, int32_t measure);
