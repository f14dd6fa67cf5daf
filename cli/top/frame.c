// SPDX-License-Identifier: Apache-2.0
// A frame is a bar with the name and the clock, the views' names, the view's body (scrolled), and a
// line of keys. Each view is a function of the sample that appends lines; cutting comes last.
#include "cli/top/frame.h"

#include <stdio.h>
#include <string.h>

#include "cli/output.h"
#include "cli/top/canvas.h"
#include "cli/top/view.h"

// ---- Rates --------------------------------------------------------------------------------------

static double per_second(uint64_t before, uint64_t now, int64_t ms)
{
    return now > before ? (double)(now - before) * 1000 / (double)ms : 0;
}

void top_rates_add(struct top_rates *rates, const struct top_counts *before,
                   const struct top_counts *now)
{
    int64_t ms = now->mono_ms - before->mono_ms;
    if (!before->known || !now->known || ms <= 0)
        return;
    if (rates->n == TOP_HISTORY) {
        rates->n--;
        memmove(rates->events, rates->events + 1, rates->n * sizeof *rates->events);
        memmove(rates->leads, rates->leads + 1, rates->n * sizeof *rates->leads);
        memmove(rates->decisions, rates->decisions + 1, rates->n * sizeof *rates->decisions);
    }
    rates->events[rates->n] = per_second(before->events, now->events, ms);
    rates->leads[rates->n] = per_second(before->leads, now->leads, ms);
    rates->decisions[rates->n] = per_second(before->decisions, now->decisions, ms);
    rates->n++;
}

// ---- The frame ----------------------------------------------------------------------------------

const char *top_view_name(enum top_view view)
{
    static const char *const names[] = {"Overview", "Teams", "First touches", "Webhooks",
                                        "Services"};
    CHECK(view < TOP_VIEWS);
    return names[view];
}

static void overview_view(const struct view *v)
{
    enum { TOUCHES = 5 };
    view_rates_body(v);
    view_queues_body(v);
    view_teams_body(v);
    if (view_any_sla(v))
        view_touches_body(v, TOUCHES);
    view_webhooks_body(v);
}

static void bar(const struct top_sample *s, const struct top_window *w, struct buf *out)
{
    char left[200], right[64];
    const Assay__Router__V1__GetQueuesResponse *queues = s->survey.queues;
    bool down = s->why.text[0] != '\0' || !s->survey.all_ready;
    snprintf(right, sizeof right, "%s ", down ? "NOT READY" : "ready");
    snprintf(left, sizeof left, " assay top  %s%s%s%s",
             queues != NULL ? output_clean(queues->playbook) : "", queues != NULL ? "  " : "",
             s->now_ms != 0 ? output_time(s->now_ms) : "",
             s->now_ms == 0   ? ""
             : s->event_clock ? " UTC, by the events"
                              : " UTC");
    int room = (int)w->columns - (int)strlen(right);
    buf_append_text(out, STYLE_REVERSE);
    if (room > 0)
        canvas_cell(out, left, room, 0);
    buf_printf(out, "%s%s" STYLE_PLAIN "\n", down ? STYLE_BAD : "", right);
}

static void tabs(const struct top_window *w, struct buf *out)
{
    for (int i = 0; i < TOP_VIEWS; i++) {
        bool now = i == (int)w->view;
        // A narrow window says the others by their numbers.
        if (!now && w->columns < 70)
            buf_printf(out, " " STYLE_DIM "%d" STYLE_PLAIN " ", i + 1);
        else
            buf_printf(out, " %s%d %s" STYLE_PLAIN " ", now ? STYLE_BOLD STYLE_ACCENT : STYLE_DIM,
                       i + 1, top_view_name((enum top_view)i));
    }
    buf_append_text(out, "\n");
}

static void footer(const struct top_window *w, size_t lines, size_t shown, struct buf *out)
{
    char more[64] = "";
    size_t below = lines > w->scroll + shown ? lines - w->scroll - shown : 0;
    if (below > 0 || w->scroll > 0)
        snprintf(more, sizeof more, "  %zu above, %zu below", w->scroll, below);
    buf_printf(out, STYLE_DIM " q quit  tab view  %s scroll  every %s%s" STYLE_PLAIN "\n",
               output_utf8() ? "\xE2\x86\x91\xE2\x86\x93" : "up/down", view_age(w->every_ms), more);
}

static void body(const struct top_sample *s, const struct top_rates *rates,
                 const struct top_window *w, struct buf *out)
{
    const struct view v = {s, rates, (int)w->columns, out};
    if (s->why.text[0] != '\0') {
        buf_printf(out, "\n " STYLE_BAD "%s" STYLE_PLAIN "\n", output_clean(s->why.text));
        return;
    }
    switch (w->view) {
    case TOP_OVERVIEW:
        overview_view(&v);
        break;
    case TOP_TEAMS:
        view_teams(&v);
        break;
    case TOP_TOUCHES:
        view_touches(&v);
        break;
    case TOP_WEBHOOKS:
        view_webhooks(&v);
        break;
    case TOP_SERVICES:
        view_services(&v);
        break;
    case TOP_VIEWS:
        break;
    }
    for (size_t i = 0; i < s->survey.n; i++)
        if (s->survey.services[i].why.text[0] != '\0')
            buf_printf(out, "\n " STYLE_BAD "%s" STYLE_PLAIN "\n",
                       output_clean(s->survey.services[i].why.text));
}

void top_frame(const struct top_sample *sample, const struct top_rates *rates, struct top_window *w,
               struct buf *out)
{
    struct buf head = {0}, lines = {0}, foot = {0};
    bar(sample, w, &head);
    if (w->keys)
        tabs(w, &head);
    body(sample, rates, w, &lines);
    size_t n_head = canvas_crop(out, &head, 0, w->rows == 0 ? SIZE_MAX : w->rows, w->columns);
    size_t n_foot = w->keys ? 1 : 0, room = SIZE_MAX;
    if (w->rows > 0)
        room = w->rows > n_head + n_foot ? w->rows - n_head - n_foot : 0;
    // Where the body fits, the first empty line of it is enough of a margin.
    struct buf ignored = {0};
    size_t n_lines = canvas_crop(&ignored, &lines, 0, 0, 0);
    size_t last = n_lines > room ? n_lines - room : 0;
    if (w->scroll > last)
        w->scroll = last;
    canvas_crop(out, &lines, w->scroll, room, w->columns);
    if (n_foot > 0) {
        size_t shown = n_lines - w->scroll < room ? n_lines - w->scroll : room;
        for (size_t i = shown; i < room; i++)
            buf_append_text(out, "\n");
        footer(w, n_lines, shown, &foot);
        if (w->rows > n_head)
            canvas_crop(out, &foot, 0, 1, w->columns);
    }
    buf_deinit(&ignored);
    buf_deinit(&head);
    buf_deinit(&lines);
    buf_deinit(&foot);
}
