// SPDX-License-Identifier: Apache-2.0
// What the files of measures share: measure.c (taking, buckets), measure_events.c (what is kept
// event by event), measure_time.c (changes by time), derived.c (what follows from others), points.c
// (rules of scores).
#pragma once

#include "services/scorer/core/fine.h"
#include "services/scorer/core/measure.h"
#include "services/scorer/core/value.h"
#include "services/scorer/core/window.h"

static inline struct reading measure_number(int64_t milli)
{
    return (struct reading){.present = true, .milli = milli};
}

static inline const struct cell *measure_cell(const struct scene *scene,
                                              const struct measure *measure)
{
    return &scene_subject(scene, measure->scope)->cells[measure->cell];
}

// Numbers, rounded to whole ones, a half away from zero.
int64_t measure_divide(__int128 a, __int128 b);
// The value of a property; NULL: the event does not have it.
const struct value *measure_property(const struct event *event, struct span key);

// ---- measure.c ----
// As in fine.h; what is absent counts 0.
__int128 measure_fine(const struct scene *scene, int32_t measure, int64_t clock_ms);
// The lowest bucket that is kept.
int64_t measure_low(const struct measure *measure, int64_t clock_ms);
// Distinct users: counts the user as active in a bucket, which is not below `low`.
void measure_take_user_in(const struct measure *measure, struct cell *cell, struct user *user,
                          int64_t key, int64_t low);

// The reverse: one whose buckets these are is counted no more.
void measure_leave_users(const struct measure *measure, struct cell *cell,
                         const struct cell *active);

// ---- measure_time.c ----
struct fine_range {
    __int128 low, high;
};
struct fine_range measure_fine_range(const struct scene *scene, int32_t measure, int64_t from_ms,
                                     int64_t to_ms);

// ---- measure_events.c ----
void measure_take_event(const struct scene *scene, const struct plan_step *step, struct cell *cell);
struct reading measure_read_events(const struct scene *scene, int32_t measure, int64_t clock_ms,
                                   int64_t lag);
// Of points.
__int128 measure_fine_events(const struct scene *scene, int32_t measure, int64_t clock_ms);
// Adds the events that another cell keeps, as those of the user with this ordinal.
void measure_join_events(const struct measure *measure, struct cell *cell, const struct cell *from,
                         int64_t clock_ms, uint32_t user);
// The instant of the latest event that is kept, whether it counts or not; INT64_MIN: none.
int64_t measure_last_event(const struct cell *cell);

// ---- derived.c ----
struct reading derived_read(const struct scene *scene, int32_t measure, int64_t clock_ms);
struct range derived_range(const struct scene *scene, int32_t measure, int64_t from_ms,
                           int64_t to_ms);
// Of sums and of the best of several.
bool derived_is_fine(const struct measure *measure);
struct fine_range derived_fine(const struct scene *scene, int32_t measure, int64_t from_ms,
                               int64_t to_ms);
// Those that a derived measure looks at: the nth, or PLAYBOOK_NONE. Signals are left out.
int32_t derived_part(const struct measure *measure, int32_t nth);

// ---- points.c ----
// Rules that keep no events.
void points_take(const struct measure *measure, struct cell *cell, int64_t at_ms, int64_t clock_ms);
__int128 points_fine(const struct measure *measure, const struct cell *cell, int64_t clock_ms);
// Rules that do: before it nothing counts any more.
int64_t points_low(const struct measure *measure, int64_t clock_ms);
__int128 points_of_events(const struct measure *measure, const struct cell_event *events,
                          uint32_t n, int64_t clock_ms);
