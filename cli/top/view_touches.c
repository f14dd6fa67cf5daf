// SPDX-License-Identifier: Apache-2.0
#include "cli/top/view.h"

#include <stdio.h>

#include "cli/output.h"
#include "cli/top/canvas.h"
#include "common/base/time_text.h"

typedef Assay__Router__V1__Lead Lead;

static void touch_line(const struct view *v, const struct canvas_column *columns, size_t n,
                       const Lead *lead)
{
    char due[48], priority[16];
    int64_t left = lead->touch_by_ms - v->s->now_ms;
    snprintf(due, sizeof due, left >= 0 ? "in %s" : "%s ago", view_age(left >= 0 ? left : -left));
    snprintf(priority, sizeof priority, "%d", (int)lead->priority);
    struct canvas_row row = canvas_row(v->out, columns, n, v->window);
    canvas_put(&row, due, left < 0 ? STYLE_BAD : left <= TIME_HOUR_MS ? STYLE_WARN : NULL);
    canvas_put(&row, lead->rep, NULL);
    canvas_put(&row, lead->account_id, NULL);
    canvas_put(&row, lead->lead_id, STYLE_DIM);
    canvas_put(&row, lead->queue, NULL);
    canvas_put(&row, priority, NULL);
    canvas_put(&row, view_age(v->s->now_ms - lead->assigned_at_ms), NULL);
    canvas_end(&row);
}

void view_touches_body(const struct view *v, size_t most)
{
    static const struct canvas_column columns[] = {
        {"touch by", 13, 0, 0},         {"rep", 14, 0, 0},
        {"account", 20, 0, 50},         {"lead", 17, 0, 70},
        {"queue", 14, 0, 90},           {"priority", 9, 1, 100},
        {"assigned since", 15, 1, 116},
    };
    const Assay__Router__V1__GetQueuesResponse *queues = v->s->survey.queues;
    uint64_t untouched = 0, touched = 0, missed = 0, soon = 0, late = 0;
    for (size_t i = 0; queues != NULL && i < queues->n_queues; i++) {
        untouched += queues->queues[i]->untouched;
        touched += queues->queues[i]->touched;
        missed += queues->queues[i]->sla_missed;
    }
    for (size_t i = 0; i < v->s->n_touches; i++) {
        int64_t left = v->s->touches[i]->touch_by_ms - v->s->now_ms;
        soon += left >= 0 && left <= TIME_HOUR_MS;
        late += left < 0;
    }
    view_title(v, "First touches");
    buf_printf(v->out,
               "  %s untouched: %s%s due within the hour" STYLE_PLAIN ", %s%s late now" STYLE_PLAIN
               "; so far %s touched, %s missed\n",
               output_count(untouched), soon > 0 ? STYLE_WARN : "", output_count(soon),
               late > 0 ? STYLE_BAD : "", output_count(late), output_count(touched),
               output_plural(missed, "deadline", "deadlines"));
    if (v->s->n_touches == 0)
        return;
    canvas_heading(v->out, columns, ARRAY_LEN(columns), v->window);
    for (size_t i = 0; i < v->s->n_touches && i < most; i++)
        touch_line(v, columns, ARRAY_LEN(columns), v->s->touches[i]);
    if (v->s->n_touches > most && most < 10)
        buf_printf(v->out,
                   "  " STYLE_DIM "and %s more: see the view First touches" STYLE_PLAIN "\n",
                   output_count(v->s->n_touches - most));
    else if (v->s->more_touches)
        view_note(v, "and more: these are of the first leads alone");
}

bool view_any_sla(const struct view *v)
{
    for (size_t i = 0; v->s->teams != NULL && i < v->s->teams->n_teams; i++)
        if (v->s->teams->teams[i]->first_touch_ms > 0)
            return true;
    return v->s->n_touches > 0;
}

void view_touches(const struct view *v)
{
    if (view_any_sla(v)) {
        view_touches_body(v, SIZE_MAX);
        return;
    }
    buf_append_text(v->out, "\n");
    view_note(v, "No team has an SLA: `sla: {first_touch: 1h}` in the playbook.");
}
