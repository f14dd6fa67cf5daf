// SPDX-License-Identifier: Apache-2.0
// `assay top`: asks every service again and again and shows what they say, until q. Keys are
// answered from what was asked last, so they never wait for a service.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cluster.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/top/canvas.h"
#include "cli/top/frame.h"
#include "cli/top/screen.h"
#include "common/base/mem.h"
#include "common/clock/clock.h"

enum { ASK_MS = 2000, PAGE_MAX = 1000, PAGES_MAX = 4, ONCE_APART_MS = 1000 };

typedef Assay__Router__V1__Lead Lead;

struct top {
    const char *dir;
    struct cluster *cluster; // NULL: none runs
    struct top_sample sample;
    struct top_rates rates;
    struct top_counts counts;
    struct top_window window;
};

// ---- Asking -------------------------------------------------------------------------------------

static const void *ask(struct cluster *cluster, const char *method, const ProtobufCMessage *request,
                       const ProtobufCMessageDescriptor *type)
{
    struct err_info ignored; // the survey has it
    struct cluster_call call = {"router", method, request, type, ASK_MS, 0};
    ProtobufCMessage *message = NULL;
    return cluster_call(cluster, &call, &message, &ignored) == ERR_OK ? message : NULL;
}

static int touch_order(const void *a, const void *b)
{
    const Lead *x = *(const Lead *const *)a, *y = *(const Lead *const *)b;
    if (x->touch_by_ms != y->touch_by_ms)
        return x->touch_by_ms < y->touch_by_ms ? -1 : 1;
    return strcmp(x->lead_id, y->lead_id);
}

static bool to_be_touched(const Lead *lead)
{
    return lead->touch_by_ms != 0 && lead->touched_at_ms == 0 && lead->rep[0] != '\0';
}

// The leads of a queue in a state that wait for their first touch, of its first PAGES_MAX pages.
static void touches_add(struct top_sample *s, struct cluster *cluster, const char *queue,
                        Assay__Router__V1__LeadState state, size_t *cap)
{
    Assay__Router__V1__ListLeadsRequest request = ASSAY__ROUTER__V1__LIST_LEADS_REQUEST__INIT;
    request.queue = (char *)queue;
    request.state = state;
    request.max = PAGE_MAX;
    for (int i = 0; i < PAGES_MAX; i++) {
        const Assay__Router__V1__ListLeadsResponse *page =
            ask(cluster, "assay.router.v1.RouterService/ListLeads", &request.base,
                &assay__router__v1__list_leads_response__descriptor);
        if (page == NULL)
            return;
        for (size_t k = 0; k < page->n_leads; k++) {
            if (!to_be_touched(page->leads[k]))
                continue;
            MEM_GROW(s->touches, s->n_touches, *cap);
            s->touches[s->n_touches++] = page->leads[k];
        }
        request.page = page->next_page;
        if (request.page[0] == '\0')
            return;
    }
    s->more_touches = true;
}

static void touches_ask(struct top_sample *s, struct cluster *cluster)
{
    const Assay__Router__V1__GetQueuesResponse *queues = s->survey.queues;
    size_t cap = 0;
    for (size_t i = 0; queues != NULL && i < queues->n_queues; i++) {
        const Assay__Router__V1__Queue *q = queues->queues[i];
        if (q->team[0] == '\0' || q->untouched == 0)
            continue;
        touches_add(s, cluster, q->name, ASSAY__ROUTER__V1__LEAD_STATE__LEAD_STATE_WAITING, &cap);
        touches_add(s, cluster, q->name, ASSAY__ROUTER__V1__LEAD_STATE__LEAD_STATE_LEASED, &cap);
    }
    if (s->n_touches > 0)
        qsort(s->touches, s->n_touches, sizeof *s->touches, touch_order);
}

static void sample_drop(struct top_sample *s)
{
    survey_destroy(&s->survey);
    mem_free(s->touches);
    *s = (struct top_sample){.dir = s->dir};
}

static int64_t cluster_now(const struct top_sample *s)
{
    if (!s->event_clock)
        return clock_wall_ms();
    return s->teams != NULL && s->teams->now_ms > s->survey.event_time_max_ms
               ? s->teams->now_ms
               : s->survey.event_time_max_ms;
}

static struct top_counts counts_of(const struct survey *s)
{
    struct top_counts c = {
        .mono_ms = clock_mono_ms(), .known = s->queues != NULL, .events = s->events};
    for (size_t i = 0; i < s->n; i++)
        if (cluster_is_scorer(s->services[i].endpoint) && s->services[i].lanes == NULL)
            c.known = false;
    if (s->queues != NULL) {
        c.leads = s->queues->leads;
        c.decisions = s->queues->decisions;
    }
    return c;
}

// A restart may have moved the services' addresses: after a failure the folder is read anew.
static void sample_take(struct top *t)
{
    struct top_sample *s = &t->sample;
    struct cluster_facts facts;
    Assay__Router__V1__GetTeamsRequest teams = ASSAY__ROUTER__V1__GET_TEAMS_REQUEST__INIT;
    Assay__Router__V1__GetWebhooksRequest webhooks = ASSAY__ROUTER__V1__GET_WEBHOOKS_REQUEST__INIT;
    bool was_down = t->cluster == NULL || !s->survey.all_ready;
    sample_drop(s);
    if (was_down) {
        cluster_close(t->cluster);
        t->cluster = NULL;
        if (cluster_open(t->dir, &t->cluster, &s->why) != ERR_OK)
            return;
        s->why.text[0] = '\0';
    }
    cluster_forget(t->cluster);
    survey_make(t->cluster, &s->survey);
    if (s->survey.queues != NULL) {
        s->teams = ask(t->cluster, "assay.router.v1.RouterService/GetTeams", &teams.base,
                       &assay__router__v1__get_teams_response__descriptor);
        s->webhooks = ask(t->cluster, "assay.router.v1.RouterService/GetWebhooks", &webhooks.base,
                          &assay__router__v1__get_webhooks_response__descriptor);
        touches_ask(s, t->cluster);
    }
    s->event_clock = cluster_facts_read(t->dir, &facts, NULL) == ERR_OK && facts.event_clock;
    s->now_ms = cluster_now(s);
    struct top_counts now = counts_of(&s->survey);
    top_rates_add(&t->rates, &t->counts, &now);
    t->counts = now;
}

// ---- Showing ------------------------------------------------------------------------------------

static int once(struct top *t)
{
    sample_take(t);
    if (t->cluster == NULL)
        return output_error("top", ERR_UNAVAILABLE, t->sample.why.text);
    (void)usleep(ONCE_APART_MS * 1000); // rates are between two samples
    sample_take(t);
    struct buf frame = {0}, plain = {0};
    t->window.columns = output_columns();
    top_frame(&t->sample, &t->rates, &t->window, &frame);
    canvas_strip(&plain, &frame);
    fwrite(plain.bytes, 1, plain.len, stdout);
    buf_deinit(&frame);
    buf_deinit(&plain);
    return t->sample.why.text[0] == '\0' ? EXIT_DONE : EXIT_FAILED;
}

static void draw(struct top *t)
{
    struct buf frame = {0};
    screen_size(&t->window.rows, &t->window.columns);
    top_frame(&t->sample, &t->rates, &t->window, &frame);
    screen_draw(&frame);
    buf_deinit(&frame);
}

static void view_set(struct top_window *w, int view)
{
    w->view = (enum top_view)((view + TOP_VIEWS) % TOP_VIEWS);
    w->scroll = 0;
}

static void scroll_by(struct top_window *w, int lines)
{
    size_t n = (size_t)(lines < 0 ? -lines : lines);
    if (lines >= 0)
        w->scroll += n;
    else
        w->scroll = w->scroll > n ? w->scroll - n : 0;
}

static void key_take(struct top_window *w, int key)
{
    int page = w->rows > 6 ? (int)w->rows - 5 : 1;
    switch (key) {
    case SCREEN_NEXT:
        view_set(w, (int)w->view + 1);
        break;
    case SCREEN_BACK:
        view_set(w, (int)w->view - 1);
        break;
    case SCREEN_UP:
        scroll_by(w, -1);
        break;
    case SCREEN_DOWN:
        scroll_by(w, 1);
        break;
    case SCREEN_PAGE_UP:
        scroll_by(w, -page);
        break;
    case SCREEN_PAGE_DOWN:
        scroll_by(w, page);
        break;
    case SCREEN_TOP:
        w->scroll = 0;
        break;
    default:
        if (key > SCREEN_DIGIT && key <= SCREEN_DIGIT + TOP_VIEWS)
            view_set(w, key - SCREEN_DIGIT - 1);
    }
}

static int watch(struct top *t)
{
    int key = SCREEN_REDRAW;
    if (!screen_open()) {
        fprintf(stderr, "assay top: this terminal cannot be drawn on; see --once\n");
        return EXIT_FAILED;
    }
    while (key != SCREEN_QUIT) {
        sample_take(t);
        int64_t next = clock_mono_ms() + t->window.every_ms;
        do {
            draw(t);
            int64_t left = next - clock_mono_ms();
            key = screen_key(left);
            key_take(&t->window, key);
        } while (key != SCREEN_QUIT && key != SCREEN_NOTHING);
    }
    screen_close();
    return EXIT_DONE;
}

int cmd_top(int argc, char **argv)
{
    static const char *const views[] = {"overview", "teams",    "touches",
                                        "webhooks", "services", NULL};
    struct top t = {.dir = CLUSTER_DIR_DEFAULT, .window = {.every_ms = 2000}};
    const char *view = views[0];
    bool one = false;
    const struct option options[] = {
        {"every", OPTION_DURATION, &t.window.every_ms, "TIME", "ask again after so long (2s)", 200,
         3600000, NULL},
        {"view", OPTION_CHOICE, &view, "VIEW",
         "start with overview, teams, touches, webhooks or services", 0, 0, views},
        {"once", OPTION_FLAG, &one, NULL, "write one frame as plain text, and end", 0, 0, NULL},
        OPTION_ROW_DATA(&t.dir),
    };
    const struct command command = {
        .name = "top",
        .usage = "[options]",
        .example = "assay top --every 2s\nassay top --once --view teams",
        .summary =
            "Watches a cluster: queues, teams with the load of each rep, first touches that are "
            "due, rates,\nwebhooks. Keys: q quits, tab and arrows go to other views and lines. "
            "Where standard output is\nno terminal, one frame is written.",
        COMMAND_OPTIONS(options),
    };
    int code;
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    while (strcmp(view, views[t.window.view]) != 0)
        t.window.view++;
    bool screen = !one && output_is_terminal(stdout) && output_is_terminal(stdin);
    t.window.keys = screen;
    code = screen ? watch(&t) : once(&t);
    sample_drop(&t.sample);
    cluster_close(t.cluster);
    return code;
}
