// SPDX-License-Identifier: Apache-2.0
#include "cli/top/view.h"

#include <stdio.h>
#include <string.h>

#include "cli/output.h"
#include "cli/top/canvas.h"

typedef Assay__Router__V1__Queue Queue;

static void rate_line(const struct view *v, const char *name, const double *values, uint64_t total)
{
    char text[32] = "-";
    size_t n = v->rates->n;
    int spark = v->window - 48;
    if (n > 0)
        snprintf(text, sizeof text, values[n - 1] < 10 ? "%.1f" : "%.0f", values[n - 1]);
    buf_append_text(v->out, "  ");
    canvas_cell(v->out, name, 10, 0);
    buf_append_text(v->out, STYLE_BOLD);
    canvas_cell(v->out, text, 9, 1);
    buf_append_text(v->out, STYLE_PLAIN "/s ");
    canvas_cell(v->out, output_count(total), 15, 1);
    buf_append_text(v->out, " in all");
    if (spark >= 8) {
        buf_append_text(v->out, "  ");
        canvas_spark(v->out, values, n, spark < 60 ? spark : 60);
    }
    buf_append_text(v->out, "\n");
}

void view_rates_body(const struct view *v)
{
    const struct survey *s = &v->s->survey;
    view_title(v, "Rates");
    rate_line(v, "events", v->rates->events, s->events);
    rate_line(v, "leads", v->rates->leads, s->queues != NULL ? s->queues->leads : 0);
    rate_line(v, "decisions", v->rates->decisions, s->queues != NULL ? s->queues->decisions : 0);
    if (s->queues == NULL)
        return;
    buf_printf(v->out, "  " STYLE_DIM "%s, %s; qualified: %s, %s" STYLE_PLAIN "\n",
               output_plural(s->accounts, "account", "accounts"),
               output_plural(s->users, "user", "users"),
               output_plural(s->queues->pqls, "user", "users"),
               output_plural(s->queues->pqas, "account", "accounts"));
}

static uint64_t queue_open(const Queue *q)
{
    return q->waiting + q->leased + q->acked;
}

void view_queues_body(const struct view *v)
{
    static const struct canvas_column columns[] = {
        {"queue", 14, 0, 0}, {"load", 24, 0, 116}, {"load", 12, 0, 80},   {"waiting", 8, 1, 0},
        {"ready", 7, 1, 70}, {"held", 6, 1, 0},    {"delayed", 8, 1, 96}, {"leased", 7, 1, 0},
        {"acked", 6, 1, 0},  {"done", 7, 1, 90},   {"parked", 7, 1, 104}, {"oldest", 9, 1, 56},
    };
    const Assay__Router__V1__GetQueuesResponse *queues = v->s->survey.queues;
    uint64_t most = 0;
    if (queues == NULL)
        return;
    // One of the two bars, as the window is wide.
    struct canvas_column shown[ARRAY_LEN(columns)];
    memcpy(shown, columns, sizeof shown);
    shown[2].from = v->window >= columns[1].from ? 10000 : columns[2].from;
    view_title(v, "Queues");
    canvas_heading(v->out, shown, ARRAY_LEN(shown), v->window);
    for (size_t i = 0; i < queues->n_queues; i++)
        most = queue_open(queues->queues[i]) > most ? queue_open(queues->queues[i]) : most;
    for (size_t i = 0; i < queues->n_queues; i++) {
        const Queue *q = queues->queues[i];
        struct canvas_row row = canvas_row(v->out, shown, ARRAY_LEN(shown), v->window);
        canvas_put(&row, q->name, STYLE_BOLD);
        for (int k = 0; k < 2; k++) {
            int width;
            struct buf *out = canvas_put_own(&row, &width);
            const struct canvas_part parts[] = {{q->ready, STYLE_GOOD},
                                                {q->leased + q->acked, STYLE_ACCENT},
                                                {q->delayed, STYLE_DIM},
                                                {q->held, STYLE_WARN}};
            if (out != NULL)
                canvas_stack(out, parts, ARRAY_LEN(parts), most, width);
        }
        canvas_put(&row, output_count(q->waiting), NULL);
        canvas_put(&row, view_count_or_dash(q->ready), NULL);
        canvas_put(&row, view_count_or_dash(q->held), view_warn_if(q->held > 0));
        canvas_put(&row, view_count_or_dash(q->delayed), NULL);
        canvas_put(&row, view_count_or_dash(q->leased), NULL);
        canvas_put(&row, view_count_or_dash(q->acked), NULL);
        canvas_put(&row, view_count_or_dash(q->completed), NULL);
        canvas_put(&row, view_count_or_dash(q->parked), NULL);
        canvas_put(
            &row, q->oldest_known_at_ms == 0 ? "-" : view_age(v->s->now_ms - q->oldest_known_at_ms),
            NULL);
        canvas_end(&row);
    }
    if (v->window >= 80)
        buf_printf(v->out, "  " STYLE_DIM "load: " STYLE_PLAIN STYLE_GOOD "ready" STYLE_PLAIN
                           ", " STYLE_ACCENT "with somebody" STYLE_PLAIN ", " STYLE_DIM
                           "delayed" STYLE_PLAIN ", " STYLE_WARN "held" STYLE_PLAIN "\n");
}
