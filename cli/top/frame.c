// SPDX-License-Identifier: Apache-2.0
// A frame is a bar with the name and the clock, the views' names, the view's body (scrolled), and a
// line of keys. Each view is a function of the sample that appends lines; cutting comes last.
#include "cli/top/frame.h"

#include <stdio.h>
#include <string.h>

#include "cli/decision_json.h"
#include "cli/output.h"
#include "cli/top/canvas.h"
#include "common/base/time_text.h"

typedef Assay__Router__V1__Queue Queue;
typedef Assay__Router__V1__Team Team;
typedef Assay__Router__V1__Rep Rep;
typedef Assay__Router__V1__Lead Lead;
typedef Assay__Router__V1__Webhook Webhook;

struct view {
    const struct top_sample *s;
    const struct top_rates *rates;
    int window; // columns
    struct buf *out;
};

// ---- Words --------------------------------------------------------------------------------------

static const char *age(int64_t ms)
{
    static char texts[8][24];
    static unsigned at;
    char *text = texts[at++ % 8];
    long long s = ms / 1000;
    if (ms < 1000 && ms > 0)
        snprintf(text, sizeof texts[0], "%lld ms", (long long)ms);
    else if (s < 120)
        snprintf(text, sizeof texts[0], "%lld s", s);
    else if (s < 2 * 3600)
        snprintf(text, sizeof texts[0], "%lld min", s / 60);
    else if (s < 2 * 86400)
        snprintf(text, sizeof texts[0], "%lld h", s / 3600);
    else
        snprintf(text, sizeof texts[0], "%lld days", s / 86400);
    return text;
}

static const char *count_or_dash(uint64_t n)
{
    return n > 0 ? output_count(n) : "-";
}

static const char *warn_if(bool so)
{
    return so ? STYLE_WARN : NULL;
}

static const char *bad_if(bool so)
{
    return so ? STYLE_BAD : NULL;
}

static void title(const struct view *v, const char *text)
{
    buf_printf(v->out, "\n " STYLE_BOLD "%s" STYLE_PLAIN "\n", text);
}

static void note(const struct view *v, const char *text)
{
    buf_printf(v->out, "  " STYLE_DIM "%s" STYLE_PLAIN "\n", text);
}

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

static void rates_body(const struct view *v)
{
    const struct survey *s = &v->s->survey;
    title(v, "Rates");
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

// ---- Queues -------------------------------------------------------------------------------------

static uint64_t queue_open(const Queue *q)
{
    return q->waiting + q->leased + q->acked;
}

static void queues_body(const struct view *v)
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
    title(v, "Queues");
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
        canvas_put(&row, count_or_dash(q->ready), NULL);
        canvas_put(&row, count_or_dash(q->held), warn_if(q->held > 0));
        canvas_put(&row, count_or_dash(q->delayed), NULL);
        canvas_put(&row, count_or_dash(q->leased), NULL);
        canvas_put(&row, count_or_dash(q->acked), NULL);
        canvas_put(&row, count_or_dash(q->completed), NULL);
        canvas_put(&row, count_or_dash(q->parked), NULL);
        canvas_put(&row,
                   q->oldest_known_at_ms == 0 ? "-" : age(v->s->now_ms - q->oldest_known_at_ms),
                   NULL);
        canvas_end(&row);
    }
    if (v->window >= 80)
        buf_printf(v->out, "  " STYLE_DIM "load: " STYLE_PLAIN STYLE_GOOD "ready" STYLE_PLAIN
                           ", " STYLE_ACCENT "with somebody" STYLE_PLAIN ", " STYLE_DIM
                           "delayed" STYLE_PLAIN ", " STYLE_WARN "held" STYLE_PLAIN "\n");
}

// ---- Teams --------------------------------------------------------------------------------------

// "01-31 08:00", or "2027-01-31" when that is far from now.
static const char *minute(int64_t ms, int64_t now_ms)
{
    static const int64_t FAR = INT64_C(180) * TIME_DAY_MS;
    static char texts[4][12];
    static unsigned at;
    char *text = texts[at++ % 4];
    if (ms > now_ms + FAR || ms < now_ms - FAR)
        snprintf(text, 11, "%s", output_time(ms));
    else
        snprintf(text, sizeof texts[0], "%s", output_time(ms) + 5);
    return text;
}

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
                 rep->absent_until_ms > 0 ? minute(rep->absent_until_ms, now_ms) : "");
        return text;
    case ASSAY__ROUTER__V1__VERDICT__VERDICT_OFF_HOURS:
        *style = STYLE_DIM;
        snprintf(text, sizeof text, "off%s%s", rep->next_change_ms > 0 ? " until " : " hours",
                 rep->next_change_ms > 0 ? minute(rep->next_change_ms, now_ms) : "");
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
                   age(v->s->now_ms - team->oldest_held_ms));
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
    canvas_put(&row, count_or_dash(rep->touched), NULL);
    canvas_put(&row, count_or_dash(rep->missed), bad_if(rep->missed > 0));
    canvas_put(&row, count_or_dash(rep->won), NULL);
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

static void teams_body(const struct view *v)
{
    if (v->s->teams == NULL)
        return;
    for (size_t i = 0; i < v->s->teams->n_teams; i++) {
        team_head(v, v->s->teams->teams[i]);
        reps_body(v, v->s->teams->teams[i]);
    }
}

static void teams_view(const struct view *v)
{
    teams_body(v);
    if (v->s->teams != NULL && v->s->teams->n_teams == 0) {
        buf_append_text(v->out, "\n");
        note(v, "The playbook has no teams: whoever leases a lead gets it.");
    }
}

// ---- First touches ------------------------------------------------------------------------------

static void touch_line(const struct view *v, const struct canvas_column *columns, size_t n,
                       const Lead *lead)
{
    char due[48], priority[16];
    int64_t left = lead->touch_by_ms - v->s->now_ms;
    snprintf(due, sizeof due, left >= 0 ? "in %s" : "%s ago", age(left >= 0 ? left : -left));
    snprintf(priority, sizeof priority, "%d", (int)lead->priority);
    struct canvas_row row = canvas_row(v->out, columns, n, v->window);
    canvas_put(&row, due, left < 0 ? STYLE_BAD : left <= TIME_HOUR_MS ? STYLE_WARN : NULL);
    canvas_put(&row, lead->rep, NULL);
    canvas_put(&row, lead->account_id, NULL);
    canvas_put(&row, lead->lead_id, STYLE_DIM);
    canvas_put(&row, lead->queue, NULL);
    canvas_put(&row, priority, NULL);
    canvas_put(&row, age(v->s->now_ms - lead->assigned_at_ms), NULL);
    canvas_end(&row);
}

static void touches_body(const struct view *v, size_t most)
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
    title(v, "First touches");
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
        note(v, "and more: these are of the first leads alone");
}

static bool any_sla(const struct view *v)
{
    for (size_t i = 0; v->s->teams != NULL && i < v->s->teams->n_teams; i++)
        if (v->s->teams->teams[i]->first_touch_ms > 0)
            return true;
    return v->s->n_touches > 0;
}

static void touches_view(const struct view *v)
{
    if (any_sla(v)) {
        touches_body(v, SIZE_MAX);
        return;
    }
    buf_append_text(v->out, "\n");
    note(v, "No team has an SLA: `sla: {first_touch: 1h}` in the playbook.");
}

// ---- Webhooks, services -------------------------------------------------------------------------

static void webhooks_body(const struct view *v)
{
    static const struct canvas_column columns[] = {
        {"webhook", 16, 0, 0},      {"behind", 9, 1, 0},      {"to retry", 9, 1, 0},
        {"given up", 9, 1, 0},      {"delivered", 11, 1, 58}, {"last delivery", 14, 1, 74},
        {"last error", 40, 0, 116},
    };
    const Assay__Router__V1__GetWebhooksResponse *hooks = v->s->webhooks;
    if (hooks == NULL || hooks->n_webhooks == 0)
        return;
    title(v, "Webhooks");
    canvas_heading(v->out, columns, ARRAY_LEN(columns), v->window);
    for (size_t i = 0; i < hooks->n_webhooks; i++) {
        const Webhook *w = hooks->webhooks[i];
        struct canvas_row row = canvas_row(v->out, columns, ARRAY_LEN(columns), v->window);
        canvas_put(&row, w->name, STYLE_BOLD);
        canvas_put(&row, count_or_dash(w->behind), warn_if(w->behind > 1000));
        canvas_put(&row, count_or_dash(w->pending), warn_if(w->pending > 0));
        canvas_put(&row, count_or_dash(w->dead), bad_if(w->dead > 0));
        canvas_put(&row, count_or_dash(w->delivered), NULL);
        canvas_put(&row,
                   w->last_delivered_ms > 0 ? minute(w->last_delivered_ms, v->s->now_ms) : "-",
                   NULL);
        canvas_put(&row, w->last_error[0] != '\0' ? w->last_error : "-", NULL);
        canvas_end(&row);
    }
}

static void webhooks_view(const struct view *v)
{
    webhooks_body(v);
    buf_append_text(v->out, "\n");
    if (v->s->webhooks == NULL || v->s->webhooks->n_webhooks == 0)
        note(v, "There are no webhooks.");
    else
        note(v, "`assay webhooks dead` lists what was given up, `assay webhooks replay` sends it "
                "again.");
}

static void services_view(const struct view *v)
{
    static const struct canvas_column columns[] = {
        {"service", 12, 0, 0},    {"state", 12, 0, 0},         {"pid", 8, 1, 0},
        {"events", 13, 1, 50},    {"accounts", 11, 1, 62},     {"users", 11, 1, 74},
        {"to router", 10, 1, 84}, {"clock (UTC)", 20, 1, 106},
    };
    const struct survey *survey = &v->s->survey;
    title(v, "Services");
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
        canvas_put(&row, count_or_dash(events), NULL);
        canvas_put(&row, count_or_dash(accounts), NULL);
        canvas_put(&row, count_or_dash(users), NULL);
        canvas_put(&row, count_or_dash(waiting), NULL);
        canvas_put(&row, output_time(clock_ms), NULL);
        canvas_end(&row);
    }
}

static void overview_view(const struct view *v)
{
    enum { TOUCHES = 5 };
    rates_body(v);
    queues_body(v);
    teams_body(v);
    if (any_sla(v))
        touches_body(v, TOUCHES);
    webhooks_body(v);
}

// ---- The frame ----------------------------------------------------------------------------------

const char *top_view_name(enum top_view view)
{
    static const char *const names[] = {"Overview", "Teams", "First touches", "Webhooks",
                                        "Services"};
    CHECK(view < TOP_VIEWS);
    return names[view];
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
               output_utf8() ? "\xE2\x86\x91\xE2\x86\x93" : "up/down", age(w->every_ms), more);
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
        teams_view(&v);
        break;
    case TOP_TOUCHES:
        touches_view(&v);
        break;
    case TOP_WEBHOOKS:
        webhooks_view(&v);
        break;
    case TOP_SERVICES:
        services_view(&v);
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
