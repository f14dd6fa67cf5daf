// SPDX-License-Identifier: Apache-2.0
// What a measure means. A derived one means what it is made of, told by the hashes of its parts:
// their texts would grow with every step.
#include "services/playbook/canonical_impl.h"

#include "common/base/check.h"
#include "common/base/hash.h"
#include "common/base/mem.h"
#include "common/base/time_text.h"

static void canonical_duration(int64_t ms, struct buf *out)
{
    char text[TIME_TEXT_MAX];
    buf_append_text(out, time_format_duration(ms, text));
}

// ---- Events ----

static void canonical_event_names(const struct playbook *playbook, const int32_t *events, int32_t n,
                                  struct buf *out)
{
    char **parts = mem_alloc(sizeof *parts * (size_t)(n + 1));
    for (int32_t i = 0; i < n; i++) {
        struct buf part = {0};
        canonical_name(playbook->events[events[i]], &part);
        parts[i] = canonical_part(&part);
    }
    canonical_sorted(parts, (size_t)n, out);
}

static void canonical_events(const struct playbook *playbook, const struct measure *measure,
                             struct buf *out)
{
    buf_append_text(out, "[");
    if (measure->events != NULL) {
        canonical_event_names(playbook, measure->events, measure->n_events, out);
    } else if (playbook->active_events == NULL) {
        // An event of that name stands in quotes.
        buf_append_text(out, "any");
        if (playbook->n_marketing_events > 0) {
            buf_append_text(out, " but: ");
            canonical_event_names(playbook, playbook->marketing_events,
                                  playbook->n_marketing_events, out);
        }
    } else {
        buf_append_text(out, "any: ");
        canonical_event_names(playbook, playbook->active_events, playbook->n_active_events, out);
    }
    buf_append_text(out, "]");
}

static void canonical_of_property(const struct playbook *playbook, const struct measure *measure,
                                  const char *function, struct buf *out)
{
    buf_printf(out, "%s properties.", function);
    canonical_name(measure->key, out);
    canonical_events(playbook, measure, out);
}

static void canonical_of_events(const struct playbook *playbook, const struct measure *measure,
                                const char *function, struct buf *out)
{
    buf_append_text(out, function);
    canonical_events(playbook, measure, out);
}

static void canonical_steps(const struct playbook *playbook, const struct measure *measure,
                            struct buf *out)
{
    buf_append_text(out, "sequence ");
    canonical_duration(measure->within_ms, out);
    for (int32_t i = 0; i < measure->n_steps; i++) {
        buf_append_text(out, i == 0 ? "[" : " > ");
        canonical_name(playbook->events[measure->steps[i]], out);
    }
    buf_append_text(out, "]");
}

static void canonical_since(const struct playbook *playbook, const struct measure *measure,
                            struct buf *out)
{
    // Without brackets: no event is called so.
    if (measure->signal != PLAYBOOK_NONE)
        buf_printf(out, "since signal %016llx",
                   (unsigned long long)playbook->signals[measure->signal].meaning);
    else
        canonical_of_events(playbook, measure, "since", out);
}

// ---- Points ----

static void canonical_points(const struct playbook *playbook, const struct measure *measure,
                             struct buf *out)
{
    char **parts = mem_alloc(sizeof *parts * (size_t)(measure->n_points + 1));
    for (int32_t i = 0; i < measure->n_points; i++) {
        struct buf part = {0};
        canonical_name(playbook->events[measure->points[i].event], &part);
        buf_append_text(&part, " ");
        playbook_append_milli(measure->points[i].milli, &part);
        parts[i] = canonical_part(&part);
    }
    buf_append_text(out, "[");
    canonical_sorted(parts, (size_t)measure->n_points, out);
    buf_append_text(out, "]");
}

static void canonical_rule(const struct playbook *playbook, const struct measure *measure,
                           struct buf *out)
{
    buf_append_text(out, "points ");
    playbook_append_milli(measure->points_milli, out);
    canonical_events(playbook, measure, out);
    if (measure->once)
        buf_append_text(out, " once");
    if (measure->per_day > 0)
        buf_printf(out, " %d a day", measure->per_day);
    if (measure->cap_milli > 0) {
        buf_append_text(out, " at_most ");
        playbook_append_milli(measure->cap_milli, out);
    }
    switch (measure->decay) {
    case DECAY_NONE:
        return;
    case DECAY_HALF_LIFE:
        buf_append_text(out, " half_life ");
        break;
    case DECAY_LINEAR:
        buf_append_text(out, " fades_over ");
        break;
    }
    canonical_duration(measure->half_life_ms, out);
}

// ---- Derived ----

static uint64_t canonical_counted_hash(const struct playbook *playbook, int32_t measure)
{
    struct buf text = {0};
    canonical_counted(playbook, &playbook->measures[measure], &text);
    uint64_t hash = hash64(buf_span(&text));
    buf_deinit(&text);
    return hash;
}

static void canonical_terms(const struct playbook *playbook, const struct measure *measure,
                            struct buf *out)
{
    char **parts = mem_alloc(sizeof *parts * (size_t)(measure->n_terms + 1));
    for (int32_t i = 0; i < measure->n_terms; i++) {
        const struct term *term = &measure->terms[i];
        bool of_signal = term->signal != PLAYBOOK_NONE;
        struct buf part = {0};
        buf_printf(&part, "%s %016llx times ", of_signal ? "signal" : "measure",
                   (unsigned long long)(of_signal
                                            ? playbook->signals[term->signal].meaning
                                            : canonical_counted_hash(playbook, term->measure)));
        playbook_append_milli(term->weight_milli, &part);
        parts[i] = canonical_part(&part);
    }
    buf_append_text(out, measure->kind == MEASURE_BEST ? "best(" : "sum(");
    canonical_sorted(parts, (size_t)measure->n_terms, out);
    buf_append_text(out, ")");
}

static void canonical_weighted(const struct playbook *playbook, const struct measure *measure,
                               struct buf *out)
{
    canonical_terms(playbook, measure, out);
    if (measure->total_milli > 0) {
        buf_append_text(out, " percent of ");
        playbook_append_milli(measure->total_milli, out);
    }
    if (measure->min_milli != INT64_MIN) {
        buf_append_text(out, " at_least ");
        playbook_append_milli(measure->min_milli, out);
    }
    if (measure->max_milli != INT64_MAX) {
        buf_append_text(out, " at_most ");
        playbook_append_milli(measure->max_milli, out);
    }
    if (measure->veto != PLAYBOOK_NONE)
        buf_printf(out, " veto %016llx",
                   (unsigned long long)playbook->signals[measure->veto].meaning);
}

static void canonical_side(const struct playbook *playbook, const struct grade_side *side,
                           struct buf *out)
{
    buf_printf(out, "measure %016llx",
               (unsigned long long)canonical_counted_hash(playbook, side->measure));
    for (int32_t i = 0; i < side->n; i++) {
        buf_append_text(out, " ");
        playbook_append_milli(side->at_least_milli[i], out);
    }
}

static void canonical_grade(const struct playbook *playbook, const struct measure *measure,
                            struct buf *out)
{
    buf_append_text(out, "grade(");
    canonical_side(playbook, &measure->rows, out);
    buf_append_text(out, ", ");
    canonical_side(playbook, &measure->columns, out);
    // In order: each is the grade of one field of the grid.
    for (int32_t i = 0; i < (measure->rows.n + 1) * (measure->columns.n + 1); i++) {
        buf_append_text(out, ", ");
        canonical_name(measure->names[i], out);
    }
    buf_append_text(out, ")");
}

// ---- The whole ----

static void canonical_function(const struct playbook *playbook, const struct measure *measure,
                               struct buf *out)
{
    switch (measure->kind) {
    case MEASURE_COUNT:
        canonical_of_events(playbook, measure, "count", out);
        return;
    case MEASURE_BUSIEST_HOUR:
        canonical_of_events(playbook, measure, "busiest_hour", out);
        return;
    case MEASURE_SUM:
        canonical_of_property(playbook, measure, "sum", out);
        return;
    case MEASURE_MAX:
        canonical_of_property(playbook, measure, "max", out);
        return;
    case MEASURE_MIN:
        canonical_of_property(playbook, measure, "min", out);
        return;
    case MEASURE_AVERAGE:
        canonical_of_property(playbook, measure, "average", out);
        return;
    case MEASURE_DISTINCT_VALUES:
        canonical_of_property(playbook, measure, "distinct", out);
        return;
    case MEASURE_DISTINCT_USERS:
        canonical_of_events(playbook, measure, "distinct user", out);
        return;
    case MEASURE_ACTIVE_DAYS:
        canonical_of_events(playbook, measure, "active_days", out);
        return;
    case MEASURE_ACTIVE_WEEKS:
        canonical_of_events(playbook, measure, "active_weeks", out);
        return;
    case MEASURE_DAY_STREAK:
        canonical_of_events(playbook, measure, "day_streak", out);
        return;
    case MEASURE_WEEK_STREAK:
        canonical_of_events(playbook, measure, "week_streak", out);
        return;
    case MEASURE_FIRST:
        canonical_of_events(playbook, measure, "first", out);
        return;
    case MEASURE_LAST:
        canonical_of_events(playbook, measure, "last", out);
        return;
    case MEASURE_FIRST_VALUE:
        canonical_of_property(playbook, measure, "first", out);
        return;
    case MEASURE_LAST_VALUE:
        canonical_of_property(playbook, measure, "last", out);
        return;
    case MEASURE_TIME_SPENT:
        buf_append_text(out, "time_spent ");
        canonical_duration(measure->idle_ms, out);
        canonical_events(playbook, measure, out);
        return;
    case MEASURE_SINCE:
        canonical_since(playbook, measure, out);
        return;
    case MEASURE_SEQUENCE:
        canonical_steps(playbook, measure, out);
        return;
    case MEASURE_SCORE:
        buf_append_text(out, "score");
        canonical_points(playbook, measure, out);
        return;
    case MEASURE_POINTS:
        canonical_rule(playbook, measure, out);
        return;
    case MEASURE_WEIGHTED:
    case MEASURE_BEST:
        canonical_weighted(playbook, measure, out);
        return;
    case MEASURE_GRADE:
        canonical_grade(playbook, measure, out);
        return;
    case MEASURE_USERS_WITH:
        buf_printf(out, "users_with[signal %016llx]",
                   (unsigned long long)playbook->signals[measure->signal].meaning);
        return;
    }
    CHECK(false);
}

static void canonical_anchored(const struct playbook *playbook, const struct measure *measure,
                               struct buf *out)
{
    buf_append_text(out, " ");
    if (measure->within_ms == INT64_MAX)
        buf_append_text(out, "ever");
    else
        canonical_duration(measure->within_ms, out);
    buf_append_text(out, measure->anchor_last ? " after last [" : " after ");
    canonical_name(playbook->events[measure->anchor], out);
    buf_append_text(out, measure->anchor_last ? "]" : "");
}

static void canonical_window(const struct playbook *playbook, const struct measure *measure,
                             struct buf *out)
{
    switch (measure->window) {
    case WINDOW_LIFETIME:
        buf_append_text(out, " lifetime");
        return;
    case WINDOW_DAYS:
        buf_printf(out, " %dd", measure->window_n);
        return;
    case WINDOW_HOURS:
        buf_printf(out, " %dh", measure->window_n);
        return;
    case WINDOW_WEEKS:
        buf_printf(out, " %dw", measure->window_n);
        return;
    case WINDOW_CALENDAR_DAY:
        buf_append_text(out, " day");
        return;
    case WINDOW_CALENDAR_WEEK:
        buf_append_text(out, " week");
        return;
    case WINDOW_CALENDAR_MONTH:
        buf_append_text(out, " month");
        return;
    case WINDOW_ANCHORED:
        canonical_anchored(playbook, measure, out);
        return;
    case WINDOW_RESET:
        buf_append_text(out, " reset[");
        canonical_event_names(playbook, measure->resets, measure->n_resets, out);
        buf_append_text(out, "]");
        return;
    }
    CHECK(false);
}

// Since when it counts, where that says anything.
static void canonical_time(const struct playbook *playbook, const struct measure *measure,
                           struct buf *out)
{
    switch (measure->kind) {
    case MEASURE_SCORE:
        buf_append_text(out, " half_life ");
        canonical_duration(measure->half_life_ms, out);
        return;
    case MEASURE_USERS_WITH:
        buf_append_text(out, measure->ever ? " ever" : " now");
        return;
    case MEASURE_POINTS:
    case MEASURE_WEIGHTED:
    case MEASURE_BEST:
    case MEASURE_GRADE:
    case MEASURE_SINCE:
    case MEASURE_SEQUENCE:
    case MEASURE_DAY_STREAK:
    case MEASURE_WEEK_STREAK:
        return;
    case MEASURE_COUNT:
    case MEASURE_BUSIEST_HOUR:
    case MEASURE_SUM:
    case MEASURE_DISTINCT_USERS:
    case MEASURE_DISTINCT_VALUES:
    case MEASURE_ACTIVE_DAYS:
    case MEASURE_FIRST:
    case MEASURE_LAST:
    case MEASURE_MAX:
    case MEASURE_MIN:
    case MEASURE_AVERAGE:
    case MEASURE_ACTIVE_WEEKS:
    case MEASURE_FIRST_VALUE:
    case MEASURE_LAST_VALUE:
    case MEASURE_TIME_SPENT:
        canonical_window(playbook, measure, out);
        return;
    }
    CHECK(false);
}

void canonical_counted(const struct playbook *playbook, const struct measure *measure,
                       struct buf *out)
{
    canonical_function(playbook, measure, out);
    buf_append_text(out, measure->scope == SCOPE_USER ? " user" : " account");
    canonical_time(playbook, measure, out);
    if (measure->where == PLAYBOOK_NONE)
        return;
    // Judged by traits as they were, a measure keeps its events.
    buf_append_text(out, measure->historic ? " where as it was(" : " where(");
    canonical_condition(playbook, measure->where, out);
    buf_append_text(out, ")");
}

void playbook_canonical_measure(const struct playbook *playbook, const struct measure *measure,
                                struct buf *out)
{
    canonical_counted(playbook, measure, out);
    // What is kept for a look back is more than what is counted.
    if (measure->lag > 0)
        buf_printf(out, " lag %d", measure->lag);
}
