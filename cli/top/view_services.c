// SPDX-License-Identifier: Apache-2.0
#include "cli/top/view.h"

#include <stdio.h>

#include "cli/output.h"
#include "cli/top/canvas.h"

typedef Assay__Router__V1__Webhook Webhook;

void view_webhooks_body(const struct view *v)
{
    static const struct canvas_column columns[] = {
        {"webhook", 16, 0, 0},      {"behind", 9, 1, 0},      {"to retry", 9, 1, 0},
        {"given up", 9, 1, 0},      {"delivered", 11, 1, 58}, {"last delivery", 14, 1, 74},
        {"last error", 40, 0, 116},
    };
    const Assay__Router__V1__GetWebhooksResponse *hooks = v->s->webhooks;
    if (hooks == NULL || hooks->n_webhooks == 0)
        return;
    view_title(v, "Webhooks");
    canvas_heading(v->out, columns, ARRAY_LEN(columns), v->window);
    for (size_t i = 0; i < hooks->n_webhooks; i++) {
        const Webhook *w = hooks->webhooks[i];
        struct canvas_row row = canvas_row(v->out, columns, ARRAY_LEN(columns), v->window);
        canvas_put(&row, w->name, STYLE_BOLD);
        canvas_put(&row, view_count_or_dash(w->behind), view_warn_if(w->behind > 1000));
        canvas_put(&row, view_count_or_dash(w->pending), view_warn_if(w->pending > 0));
        canvas_put(&row, view_count_or_dash(w->dead), view_bad_if(w->dead > 0));
        canvas_put(&row, view_count_or_dash(w->delivered), NULL);
        canvas_put(&row,
                   w->last_delivered_ms > 0 ? view_minute(w->last_delivered_ms, v->s->now_ms) : "-",
                   NULL);
        canvas_put(&row, w->last_error[0] != '\0' ? w->last_error : "-", NULL);
        canvas_end(&row);
    }
}

void view_webhooks(const struct view *v)
{
    view_webhooks_body(v);
    buf_append_text(v->out, "\n");
    if (v->s->webhooks == NULL || v->s->webhooks->n_webhooks == 0)
        view_note(v, "There are no webhooks.");
    else
        view_note(v,
                  "`assay webhooks dead` lists what was given up, `assay webhooks replay` sends it "
                  "again.");
}

void view_services(const struct view *v)
{
    static const struct canvas_column columns[] = {
        {"service", 12, 0, 0},    {"state", 12, 0, 0},         {"pid", 8, 1, 0},
        {"events", 13, 1, 50},    {"accounts", 11, 1, 62},     {"users", 11, 1, 74},
        {"to router", 10, 1, 84}, {"clock (UTC)", 20, 1, 106},
    };
    const struct survey *survey = &v->s->survey;
    view_title(v, "Services");
    canvas_heading(v->out, columns, ARRAY_LEN(columns), v->window);
    for (size_t i = 0; i < survey->n; i++) {
        const struct survey_service *s = &survey->services[i];
        uint64_t events = 0, accounts = 0, users = 0, waiting = 0;
        int64_t clock_ms = 0;
        for (size_t k = 0; s->lanes != NULL && k < s->lanes->n_lanes; k++) {
            events += s->lanes->lanes[k]->events;
            accounts += s->lanes->lanes[k]->accounts;
            users += s->lanes->lanes[k]->users;
            waiting += s->lanes->lanes[k]->signals_waiting;
            clock_ms =
                s->lanes->lanes[k]->clock_ms > clock_ms ? s->lanes->lanes[k]->clock_ms : clock_ms;
        }
        bool ready = s->status != NULL && s->status->ready;
        char pid[16] = "-";
        if (s->status != NULL)
            snprintf(pid, sizeof pid, "%lld", (long long)s->status->pid);
        struct canvas_row row = canvas_row(v->out, columns, ARRAY_LEN(columns), v->window);
        canvas_put(&row, s->endpoint->name, STYLE_BOLD);
        canvas_put(&row,
                   ready               ? "ready"
                   : s->status != NULL ? "not ready"
                                       : "no answer",
                   ready ? STYLE_GOOD : STYLE_BAD);
        canvas_put(&row, pid, NULL);
        canvas_put(&row, view_count_or_dash(events), NULL);
        canvas_put(&row, view_count_or_dash(accounts), NULL);
        canvas_put(&row, view_count_or_dash(users), NULL);
        canvas_put(&row, view_count_or_dash(waiting), NULL);
        canvas_put(&row, output_time(clock_ms), NULL);
        canvas_end(&row);
    }
}
