// SPDX-License-Identifier: Apache-2.0
// links: cli_top_frame cli_output assay_proto base
// Frames of made-up moments: what is on them, and that no window is too small.
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/top/canvas.h"
#include "cli/top/frame.h"
#include "common/base/time_text.h"

static char text[65536];

static const char *plain_of(const struct buf *frame)
{
    struct buf plain = {0};
    canvas_strip(&plain, frame);
    cr_assert_lt(plain.len, sizeof text);
    memcpy(text, plain.bytes, plain.len);
    text[plain.len] = '\0';
    buf_deinit(&plain);
    return text;
}

#define NOW (INT64_C(1767949200000)) // 2026-01-09 09:00

// A cluster with one team of three reps, a queue with its leads, and a first touch that is late.
struct world {
    Assay__Router__V1__GetQueuesResponse queues;
    Assay__Router__V1__Queue queue, *queue_list[1];
    Assay__Router__V1__GetTeamsResponse teams;
    Assay__Router__V1__Team team, *team_list[1];
    Assay__Router__V1__Rep reps[3], *rep_list[3];
    Assay__Router__V1__Candidate now[3];
    Assay__Router__V1__Caps caps;
    Assay__Router__V1__Lead lead;
    const Assay__Router__V1__Lead *touches[1];
    Assay__Router__V1__GetWebhooksResponse webhooks;
    Assay__Router__V1__Webhook webhook, *webhook_list[1];
    struct top_sample sample;
    struct top_rates rates;
};

static void reps_make(struct world *w)
{
    static char *const names[] = {(char *)"anna", (char *)"ben", (char *)"cleo"};
    static const Assay__Router__V1__Verdict verdicts[] = {
        ASSAY__ROUTER__V1__VERDICT__VERDICT_CHOSEN, ASSAY__ROUTER__V1__VERDICT__VERDICT_FULL_OPEN,
        ASSAY__ROUTER__V1__VERDICT__VERDICT_ABSENT};
    assay__router__v1__caps__init(&w->caps);
    w->caps.open = 4;
    for (int i = 0; i < 3; i++) {
        assay__router__v1__rep__init(&w->reps[i]);
        assay__router__v1__candidate__init(&w->now[i]);
        w->now[i].rep = names[i];
        w->now[i].verdict = verdicts[i];
        w->now[i].weight = 1;
        w->now[i].open = (uint32_t)(i == 1 ? 4 : i);
        w->reps[i].now = &w->now[i];
        w->reps[i].caps = &w->caps;
        w->rep_list[i] = &w->reps[i];
    }
    w->reps[2].absent_until_ms = NOW + 86400000;
    w->reps[1].missed = 3;
}

static struct world *world_make(void)
{
    struct world *w = calloc(1, sizeof *w);
    assay__router__v1__get_queues_response__init(&w->queues);
    assay__router__v1__queue__init(&w->queue);
    w->queue.name = (char *)"sales";
    w->queue.team = (char *)"inside";
    w->queue.waiting = 12;
    w->queue.ready = 9;
    w->queue.held = 3;
    w->queue.untouched = 9;
    w->queue.sla_missed = 1;
    w->queue.oldest_known_at_ms = NOW - 3 * TIME_HOUR_MS;
    w->queue_list[0] = &w->queue;
    w->queues.queues = w->queue_list;
    w->queues.n_queues = 1;
    w->queues.playbook = (char *)"demo@3";
    w->queues.leads = 1234;
    reps_make(w);
    assay__router__v1__get_teams_response__init(&w->teams);
    assay__router__v1__team__init(&w->team);
    w->team.name = (char *)"inside";
    w->team.queue = (char *)"sales";
    w->team.reps = w->rep_list;
    w->team.n_reps = 3;
    w->team.held = 3;
    w->team.oldest_held_ms = NOW - 5 * TIME_MINUTE_MS;
    w->team.first_touch_ms = TIME_HOUR_MS;
    w->team_list[0] = &w->team;
    w->teams.teams = w->team_list;
    w->teams.n_teams = 1;
    assay__router__v1__lead__init(&w->lead);
    w->lead.lead_id = (char *)"L1";
    w->lead.account_id = (char *)"ac\033me";
    w->lead.rep = (char *)"ben";
    w->lead.queue = (char *)"sales";
    w->lead.touch_by_ms = NOW - 10 * TIME_MINUTE_MS;
    w->lead.assigned_at_ms = NOW - 70 * TIME_MINUTE_MS;
    w->touches[0] = &w->lead;
    assay__router__v1__get_webhooks_response__init(&w->webhooks);
    assay__router__v1__webhook__init(&w->webhook);
    w->webhook.name = (char *)"crm";
    w->webhook.dead = 2;
    w->webhook_list[0] = &w->webhook;
    w->webhooks.webhooks = w->webhook_list;
    w->webhooks.n_webhooks = 1;
    w->sample = (struct top_sample){.dir = "d",
                                    .now_ms = NOW,
                                    .survey = {.queues = &w->queues, .all_ready = true},
                                    .teams = &w->teams,
                                    .webhooks = &w->webhooks,
                                    .touches = w->touches,
                                    .n_touches = 1};
    return w;
}

static void expect_part(const char *all, const char *part)
{
    cr_assert_not_null(strstr(all, part), "no \"%s\" in:\n%s", part, all);
}

Test(top, an_overview_names_queues_reps_touches_and_webhooks)
{
    struct world *w = world_make();
    struct top_window window = {.columns = 120, .every_ms = 2000};
    struct buf frame = {0};
    output_set_utf8(true);
    top_frame(&w->sample, &w->rates, &window, &frame);
    const char *all = plain_of(&frame);
    expect_part(all, " assay top  demo@3  2026-01-09 09:00:00 UTC");
    expect_part(all, "1,234 in all");
    expect_part(all, "sales");
    expect_part(all, "3 h");
    expect_part(all, "inside  queue sales  1 of 3 free, 3 held for 5 min, 9 untouched");
    expect_part(all, "anna           free");
    expect_part(all, "ben            full");
    expect_part(all, "absent until 01-10 09:00");
    expect_part(all, "4/4");
    expect_part(all, "10 min ago    ben            ac?me");
    expect_part(all,
                "9 untouched: 0 due within the hour, 1 late now; so far 0 touched, 1 deadline ");
    expect_part(all, "crm");
    cr_assert_null(strchr(all, '\033'));
    buf_deinit(&frame);
    free(w);
}

// Every line of every size, in every view: never longer than the window, never more than its rows.
Test(top, no_window_is_too_small)
{
    struct world *w = world_make();
    for (int view = 0; view < TOP_VIEWS; view++)
        for (size_t columns = 1; columns < 140; columns += 3)
            for (size_t rows = 1; rows < 50; rows += 7) {
                struct top_window window = {rows, columns, (enum top_view)view, 1000, 2000, true};
                struct buf frame = {0};
                size_t n = 0;
                output_set_utf8(columns % 2 == 0);
                top_frame(&w->sample, &w->rates, &window, &frame);
                const char *all = plain_of(&frame);
                for (const char *line = all; *line != '\0'; n++) {
                    const char *end = strchr(line, '\n');
                    cr_assert_not_null(end);
                    cr_assert_leq(canvas_width(line, (size_t)(end - line)), columns);
                    line = end + 1;
                }
                cr_assert_leq(n, rows);
                cr_assert_lt(window.scroll, 1000); // to where something is
                buf_deinit(&frame);
            }
    free(w);
}

Test(top, scrolls_to_the_last_line_and_no_further)
{
    struct world *w = world_make();
    struct top_window window = {10, 80, TOP_OVERVIEW, 0, 2000, true};
    struct buf frame = {0};
    top_frame(&w->sample, &w->rates, &window, &frame);
    expect_part(plain_of(&frame), "0 above, ");
    cr_assert_null(strstr(text, "crm"));
    buf_clear(&frame);
    window.scroll = 10000;
    top_frame(&w->sample, &w->rates, &window, &frame);
    expect_part(plain_of(&frame), "crm");
    expect_part(text, ", 0 below");
    buf_deinit(&frame);
    free(w);
}

Test(top, says_why_there_is_nothing)
{
    struct top_sample sample = {.dir = "d"};
    struct top_rates rates = {0};
    struct top_window window = {.columns = 80};
    struct buf frame = {0};
    snprintf(sample.why.text, sizeof sample.why.text, "no cluster runs in d");
    top_frame(&sample, &rates, &window, &frame);
    expect_part(plain_of(&frame), "NOT READY");
    expect_part(text, "no cluster runs in d");
    buf_deinit(&frame);
}

Test(top, rates_are_between_two_samples_that_are_known)
{
    struct top_rates rates = {0};
    struct top_counts a = {1000, true, 100, 10, 50}, b = {3000, true, 300, 11, 50},
                      gone = {5000, false, 0, 0, 0};
    top_rates_add(&rates, &a, &b);
    top_rates_add(&rates, &b, &gone);
    top_rates_add(&rates, &gone, &b);
    top_rates_add(&rates, &b, &b);
    cr_assert_eq(rates.n, 1);
    cr_assert_eq(rates.events[0], 100);
    cr_assert_eq(rates.leads[0], 0.5);
    cr_assert_eq(rates.decisions[0], 0);
    for (int i = 0; i < TOP_HISTORY + 5; i++)
        top_rates_add(&rates, &a, &b);
    cr_assert_eq(rates.n, TOP_HISTORY);
}

static void expect_canvas(struct buf *frame, const char *expected)
{
    cr_assert_str_eq(plain_of(frame), expected);
    buf_clear(frame);
}

Test(canvas, cells_and_bars)
{
    struct buf out = {0};
    output_set_utf8(false);
    canvas_cell(&out, "abc", 5, 0);
    canvas_cell(&out, "abc", 5, 1);
    canvas_cell(&out, "abcdef", 4, 0);
    canvas_cell(&out, "ab", 1, 0);
    expect_canvas(&out, "abc    abcabc~a");
    canvas_bar(&out, 1, 1000, 4, STYLE_GOOD);
    canvas_bar(&out, 0, 1000, 4, STYLE_GOOD);
    canvas_bar(&out, 7, 5, 4, STYLE_GOOD);
    canvas_bar(&out, 7, 0, 4, STYLE_GOOD);
    expect_canvas(&out, "#.......####....");
    const struct canvas_part parts[] = {{2, STYLE_GOOD}, {1, STYLE_WARN}, {0, STYLE_BAD}};
    canvas_stack(&out, parts, 3, 4, 8);
    expect_canvas(&out, "####==..");
    canvas_spark(&out, (const double[]){9, 0, 1, 2}, 4, 3);
    expect_canvas(&out, "_=#");
    buf_deinit(&out);
}
