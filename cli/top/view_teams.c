// SPDX-License-Identifier: Apache-2.0
#include "cli/top/view.h"

#include <stdio.h>
#include <string.h>

#include "cli/decision_json.h"
#include "cli/output.h"
#include "cli/top/canvas.h"

typedef Assay__Router__V1__Queue Queue;
typedef Assay__Router__V1__Team Team;
typedef Assay__Router__V1__Rep Rep;

static const char *rep_state(const Rep *rep, int64_t now_ms, const char **style)
{
    static char text[48];
    *style = STYLE_WARN;
    switch (rep->now->verdict) {
    case ASSAY__ROUTER__V1__VERDICT__VERDICT_CHOSEN:
    case ASSAY__ROUTER__V1__VERDICT__VERDICT_OWNER:
    case ASSAY__ROUTER__V1__VERDICT__VERDICT_BY_HAND:
    case ASSAY__ROUTER__V1__VERDICT__VERDICT_BEHIND:
        *style = STYLE_GOOD;
        return "free";
    case ASSAY__ROUTER__V1__VERDICT__VERDICT_ABSENT:
        *style = STYLE_DIM;
        snprintf(text, sizeof text, "absent%s%s", rep->absent_until_ms > 0 ? " until " : "",
                 rep->absent_until_ms > 0 ? view_minute(rep->absent_until_ms, now_ms) : "");
        return text;
    case ASSAY__ROUTER__V1__VERDICT__VERDICT_OFF_HOURS:
        *style = STYLE_DIM;
        snprintf(text, sizeof text, "off%s%s", rep->next_change_ms > 0 ? " until " : " hours",
                 rep->next_change_ms > 0 ? view_minute(rep->next_change_ms, now_ms) : "");
        return text;
    case ASSAY__ROUTER__V1__VERDICT__VERDICT_INACTIVE:
        *style = STYLE_DIM;
        return "inactive";
    case ASSAY__ROUTER__V1__VERDICT__VERDICT_FULL_OPEN:
        return "full";
    case ASSAY__ROUTER__V1__VERDICT__VERDICT_FULL_DAY:
        return "full for today";
    case ASSAY__ROUTER__V1__VERDICT__VERDICT_FULL_PERIOD:
        return "full for the period";
    case ASSAY__ROUTER__V1__VERDICT__VERDICT_FULL_UNITS:
        return "full by effort";
    case ASSAY__ROUTER__V1__VERDICT__VERDICT_FULL_WHEN:
        return "full of this kind";
    case ASSAY__ROUTER__V1__VERDICT__VERDICT_TAKES_NOT:
    case ASSAY__ROUTER__V1__VERDICT__VERDICT_HAD_IT:
    case ASSAY__ROUTER__V1__VERDICT__VERDICT_NOT_OWNER:
    case ASSAY__ROUTER__V1__VERDICT__VERDICT_UNSPECIFIED:
    case _ASSAY__ROUTER__V1__VERDICT_IS_INT_SIZE:
        break;
    }
    return "-";
}

static const char *of_cap(uint64_t n, int32_t cap)
{
    static char texts[4][32];
    static unsigned at;
    char *text = texts[at++ % 4];
    if (cap > 0)
        snprintf(text, sizeof texts[0], "%llu/%d", (unsigned long long)n, (int)cap);
    else
        snprintf(text, sizeof texts[0], "%llu", (unsigned long long)n);
    return text;
}

static const Queue *queue_of(const struct view *v, const Team *team)
{
    const Assay__Router__V1__GetQueuesResponse *queues = v->s->survey.queues;
    for (size_t i = 0; queues != NULL && i < queues->n_queues; i++)
        if (strcmp(queues->queues[i]->name, team->queue) == 0)
            return queues->queues[i];
    return NULL;
}

static void team_head(const struct view *v, const Team *team)
{
    const Queue *q = queue_of(v, team);
    size_t n = 0, free = 0;
    for (size_t i = 0; i < team->n_reps; i++) {
        n += !team->reps[i]->removed;
        free += !team->reps[i]->removed &&
                team->reps[i]->now->verdict == ASSAY__ROUTER__V1__VERDICT__VERDICT_CHOSEN;
    }
    buf_printf(v->out,
               "\n " STYLE_BOLD "%s" STYLE_PLAIN STYLE_DIM "  queue %s" STYLE_PLAIN
               "  %s%zu of %zu free" STYLE_PLAIN,
               output_clean(team->name), output_clean(team->queue),
               free > 0 ? STYLE_GOOD : STYLE_WARN, free, n);
    if (team->held > 0)
        buf_printf(v->out, ", " STYLE_WARN "%s held for %s" STYLE_PLAIN, output_count(team->held),
                   view_age(v->s->now_ms - team->oldest_held_ms));
    if (q != NULL && q->untouched > 0)
        buf_printf(v->out, ", %s untouched", output_count(q->untouched));
    if (team->overflowed > 0)
        buf_printf(v->out, ", %s overflowed", output_count(team->overflowed));
    if (team->admission != NULL && !team->admission->everything)
        buf_printf(v->out, ", admits from priority %d", (int)team->admission->from_priority);
    buf_append_text(v->out, "\n");
}

static const struct canvas_column REP_COLUMNS[] = {
    {"rep", 14, 0, 0},     {"now", 24, 0, 76},   {"now", 12, 0, 0},   {"load", 24, 0, 112},
    {"load", 10, 0, 50},   {"open", 8, 1, 0},    {"today", 8, 1, 70}, {"weight", 7, 1, 100},
    {"touched", 8, 1, 92}, {"missed", 7, 1, 62}, {"won", 6, 1, 104},
};

static void rep_line(const struct view *v, const struct canvas_column *columns, const Rep *rep,
                     uint64_t most)
{
    const char *style, *state = rep_state(rep, v->s->now_ms, &style);
    char name[80];
    struct canvas_row row = canvas_row(v->out, columns, ARRAY_LEN(REP_COLUMNS), v->window);
    snprintf(name, sizeof name, "%s%s", output_clean(rep->now->rep), rep->by_hand ? " *" : "");
    canvas_put(&row, name, NULL);
    canvas_put(&row, state, style);
    canvas_put(&row, state, style);
    for (int k = 0; k < 2; k++) {
        int width;
        struct buf *out = canvas_put_own(&row, &width);
        uint64_t of = rep->caps->open > 0 ? (uint64_t)rep->caps->open : most;
        bool over = rep->caps->open > 0 && rep->now->open > (uint32_t)rep->caps->open;
        const char *color = over                                                    ? STYLE_BAD
                            : rep->caps->open > 0 && rep->now->open == (uint32_t)of ? STYLE_WARN
                                                                                    : STYLE_GOOD;
        if (out != NULL)
            canvas_bar(out, rep->now->open, of, width, color);
    }
    canvas_put(&row, of_cap(rep->now->open, rep->caps->open), NULL);
    canvas_put(&row, of_cap(rep->now->today, rep->caps->per_day), NULL);
    canvas_put(&row, output_count((uint64_t)rep->now->weight), NULL);
    canvas_put(&row, view_count_or_dash(rep->touched), NULL);
    canvas_put(&row, view_count_or_dash(rep->missed), view_bad_if(rep->missed > 0));
    canvas_put(&row, view_count_or_dash(rep->won), NULL);
    canvas_end(&row);
}

static void reps_body(const struct view *v, const Team *team)
{
    struct canvas_column columns[ARRAY_LEN(REP_COLUMNS)];
    uint64_t most = 1;
    memcpy(columns, REP_COLUMNS, sizeof columns);
    columns[2].from = v->window >= columns[1].from ? 10000 : 0;
    columns[4].from = v->window >= columns[3].from ? 10000 : columns[4].from;
    for (size_t i = 0; i < team->n_reps; i++)
        most = team->reps[i]->now->open > most ? team->reps[i]->now->open : most;
    canvas_heading(v->out, columns, ARRAY_LEN(columns), v->window);
    for (size_t i = 0; i < team->n_reps; i++)
        if (!team->reps[i]->removed)
            rep_line(v, columns, team->reps[i], most);
}

void view_teams_body(const struct view *v)
{
    if (v->s->teams == NULL)
        return;
    for (size_t i = 0; i < v->s->teams->n_teams; i++) {
        team_head(v, v->s->teams->teams[i]);
        reps_body(v, v->s->teams->teams[i]);
    }
}

void view_teams(const struct view *v)
{
    view_teams_body(v);
    if (v->s->teams != NULL && v->s->teams->n_teams == 0) {
        buf_append_text(v->out, "\n");
        view_note(v, "The playbook has no teams: whoever leases a lead gets it.");
    }
}
