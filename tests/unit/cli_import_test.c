// SPDX-License-Identifier: Apache-2.0
// links: cli_import cli_input rpc loop assay_proto base
//
// The importer against an ingest service that takes requests and loses answers on purpose.
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/import.h"
#include "common/base/buf.h"
#include "common/base/hash.h"
#include "common/base/mem.h"

enum { REFUSED_MAX = 64, BOUND_MS = 60000 };

struct world {
    Assay__Ingest__V1__IngestService_Service service; // first: handlers get it back
    struct loop *loop;
    struct rpc_server *server;
    struct rpc_client *client;
    struct loop_timer *bound;
    struct import *import;
    char path[64];

    // What the service does: every `lose_every`-th call is taken and answered UNAVAILABLE, every
    // `refuse_every`-th is answered RESOURCE_EXHAUSTED untaken.
    unsigned lose_every, refuse_every, calls;
    enum rpc_status always; // not OK: answers every call with it
    struct import_ids ids;
    uint64_t taken;         // events
    uint64_t next_sequence; // that was not taken yet
    bool hole;              // a sequence came before the one below it
    bool forgotten;         // oldest_open was above a sequence that came
    int stop_after;         // calls; then import_stop

    struct import_refused refused[REFUSED_MAX];
    char reasons[REFUSED_MAX][128];
    char events[REFUSED_MAX][64];
    size_t n_refused;
    bool done;
    enum err err;
    struct err_info why;
};

static struct world *world;

// Event names say what becomes of them: "Refused" is refused, the rest by message id.
static void take(const Assay__Ingest__V1__IngestRequest *request, struct arena *arena,
                 Assay__Ingest__V1__IngestResponse *out)
{
    out->verdicts = arena_alloc(arena, request->n_events * sizeof(void *));
    for (size_t i = 0; i < request->n_events; i++) {
        const Assay__Ingest__V1__Event *event = request->events[i];
        bool good = strcmp(event->name, "Refused") != 0;
        if (good && import_ids_add(&world->ids, hash64(span_of(event->message_id)))) {
            world->taken++;
            continue;
        }
        Assay__Ingest__V1__EventVerdict *v = arena_alloc(arena, sizeof *v);
        assay__ingest__v1__event_verdict__init(v);
        v->index = (uint32_t)i;
        v->verdict = good ? ASSAY__INGEST__V1__VERDICT__VERDICT_DUPLICATE
                          : ASSAY__INGEST__V1__VERDICT__VERDICT_REFUSED;
        v->reason = good ? (char *)"" : (char *)"name: not today";
        out->verdicts[out->n_verdicts++] = v;
    }
}

static void handle(Assay__Ingest__V1__IngestService_Service *service,
                   const Assay__Ingest__V1__IngestRequest *request,
                   Assay__Ingest__V1__IngestResponse_Closure closure, void *data)
{
    (void)service;
    world->calls++;
    if (world->stop_after > 0 && --world->stop_after == 0)
        import_stop(world->import);
    if (request->oldest_open > request->sequence || request->sequence == 0)
        world->forgotten = true;
    if (world->always != RPC_OK) {
        rpc_fail(data, world->always, "always");
        return;
    }
    bool in_turn = request->sequence <= world->next_sequence;
    if (!in_turn || (world->refuse_every != 0 && world->calls % world->refuse_every == 0)) {
        rpc_fail(data, RPC_RESOURCE_EXHAUSTED, "full");
        return;
    }
    if (request->sequence == world->next_sequence)
        world->next_sequence++;
    Assay__Ingest__V1__IngestResponse answer = ASSAY__INGEST__V1__INGEST_RESPONSE__INIT;
    take(request, rpc_incoming_arena(rpc_incoming(data)), &answer);
    if (world->lose_every != 0 && world->calls % world->lose_every == 0)
        rpc_fail(data, RPC_UNAVAILABLE, "lost");
    else
        closure(&answer, data);
}

static void refused_cb(void *arg, const struct import_refused *refused)
{
    struct world *w = arg;
    cr_assert(w->n_refused < REFUSED_MAX);
    w->refused[w->n_refused] = *refused;
    snprintf(w->reasons[w->n_refused], 128, "%s", refused->reason);
    snprintf(w->events[w->n_refused], 64, SPAN_FMT, SPAN_ARG(refused->event));
    w->n_refused++;
}

static void server_closed_cb(void *arg)
{
    loop_stop(((struct world *)arg)->loop);
}

static void client_closed_cb(void *arg)
{
    struct world *w = arg;
    rpc_server_close(w->server, 1000, server_closed_cb, w);
}

static void done_cb(void *arg, enum err err, const struct err_info *info)
{
    struct world *w = arg;
    cr_assert(!w->done);
    w->done = true;
    w->err = err;
    w->why = *info;
    loop_timer_destroy(w->bound);
    rpc_client_close(w->client, client_closed_cb, w);
}

static void bound_cb(void *arg)
{
    (void)arg;
    abort(); // the import hangs
}

static void world_run(struct world *w, const char *text, int64_t batch, int64_t window,
                      int64_t retry_for_ms, struct import_progress *progress)
{
    static unsigned serial;
    char url[64];
    struct err_info info;
    world = w;
    w->next_sequence = 1;
    snprintf(w->path, sizeof w->path, "/tmp/cli-import-XXXXXX");
    int fd = mkstemp(w->path);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    snprintf(url, sizeof url, "inproc://cli-import-%u", serial++);
    w->loop = loop_create();
    w->bound = loop_timer_create(w->loop, bound_cb, w);
    loop_timer_start(w->bound, BOUND_MS, 0);
    struct rpc_server_opts server_opts = {.url = url};
    cr_assert_eq(rpc_server_open(w->loop, &server_opts, &w->server, &info), ERR_OK);
    assay__ingest__v1__ingest_service__init(&w->service, NULL);
    w->service.ingest = handle;
    rpc_server_add(w->server, &w->service.base);
    rpc_server_start(w->server);
    struct rpc_client_opts client_opts = {.url = url};
    cr_assert_eq(rpc_client_open(w->loop, &client_opts, &w->client, &info), ERR_OK);
    const char *files[] = {w->path};
    struct import_opts opts = {
        .loop = w->loop,
        .client = w->client,
        .files = files,
        .n_files = 1,
        .batch = batch,
        .window = window,
        .retry_for_ms = retry_for_ms,
        .refused = refused_cb,
        .done = done_cb,
        .arg = w,
    };
    w->import = import_create(&opts);
    loop_run(w->loop);
    cr_assert(w->done);
    import_progress(w->import, progress);
    import_destroy(w->import);
    loop_destroy(w->loop);
    import_ids_deinit(&w->ids);
    unlink(w->path);
}

// `n` events; the one with number `again` stands a second time at the end.
static struct buf events(int n, int again)
{
    struct buf text = {0};
    for (int i = 0; i <= n; i++)
        buf_printf(&text,
                   "{\"type\":\"track\",\"messageId\":\"m-%d\",\"userId\":\"u\",\"event\":\"Done\","
                   "\"timestamp\":\"2026-01-01\"}\n",
                   i == n ? again : i);
    buf_append_u8(&text, '\0');
    return text;
}

Test(import, sends_everything_once)
{
    struct world w = {0};
    struct import_progress p;
    struct buf text = events(1000, 3);
    world_run(&w, (char *)text.bytes, 7, 4, 0, &p);
    cr_assert_eq(w.err, ERR_OK, "%s", w.why.text);
    cr_assert_eq(w.taken, 1000u);
    cr_assert_eq(p.counts.accepted, 1000u);
    cr_assert_eq(p.counts.duplicate, 1u);
    cr_assert_eq(p.counts.refused, 0u);
    cr_assert_eq(p.lines, 1001u);
    cr_assert(!w.forgotten);
    buf_deinit(&text);
}

Test(import, counts_stay_exact_when_answers_are_lost)
{
    struct world w = {.lose_every = 3, .refuse_every = 7};
    struct import_progress p;
    struct buf text = events(300, 11);
    world_run(&w, (char *)text.bytes, 20, 4, 0, &p);
    cr_assert_eq(w.err, ERR_OK, "%s", w.why.text);
    cr_assert_eq(w.taken, 300u);
    cr_assert_eq(p.counts.accepted, 300u, "%llu accepted", (unsigned long long)p.counts.accepted);
    cr_assert_eq(p.counts.duplicate, 1u);
    cr_assert(p.resent > 0);
    cr_assert(!w.forgotten);
    cr_assert_null(p.waiting);
    buf_deinit(&text);
}

Test(import, refused_lines_are_told_with_their_numbers)
{
    struct world w = {0};
    struct import_progress p;
    world_run(&w,
              "{\"type\":\"track\",\"messageId\":\"a\",\"userId\":\"u\",\"event\":\"Refused\"}\n"
              "\n"
              "{\"type\":\"nonsense\"}\n"
              "{not json\n"
              "{\"type\":\"track\",\"messageId\":\"b\",\"userId\":\"u\",\"event\":\"Good\"}",
              10, 2, 0, &p);
    cr_assert_eq(w.err, ERR_OK);
    cr_assert_eq(p.counts.accepted, 1u);
    cr_assert_eq(p.counts.refused, 3u);
    cr_assert_eq(w.n_refused, 3u);
    cr_assert_eq(w.refused[0].line, 3u);
    cr_assert_not_null(strstr(w.reasons[0], "type"), "%s", w.reasons[0]);
    cr_assert_eq(w.refused[1].line, 4u);
    cr_assert_str_eq(w.events[1], "{not json");
    cr_assert_eq(w.refused[2].line, 1u);
    cr_assert_str_eq(w.reasons[2], "name: not today");
    cr_assert_eq(strncmp(w.events[2], "{\"type\":\"track\",\"messageId\":\"a\"", 31), 0);
}

Test(import, gives_up_after_the_time_it_was_given)
{
    struct world w = {.always = RPC_UNAVAILABLE};
    struct import_progress p;
    struct buf text = events(10, 0);
    world_run(&w, (char *)text.bytes, 5, 2, 300, &p);
    cr_assert_eq(w.err, ERR_UNAVAILABLE);
    cr_assert_not_null(strstr(w.why.text, "gave up"), "%s", w.why.text);
    cr_assert_eq(p.counts.accepted, 0u);
    cr_assert(w.calls > 2);
    buf_deinit(&text);
}

Test(import, an_answer_that_no_retry_can_help_ends_it)
{
    struct world w = {.always = RPC_INVALID_ARGUMENT};
    struct import_progress p;
    struct buf text = events(10, 0);
    world_run(&w, (char *)text.bytes, 5, 1, 0, &p);
    cr_assert_eq(w.err, ERR_INVALID);
    cr_assert_eq(w.calls, 1u);
    buf_deinit(&text);
}

Test(import, stops_and_says_how_far_it_came)
{
    struct world w = {.stop_after = 5};
    struct import_progress p;
    struct buf text = events(1000, 0);
    world_run(&w, (char *)text.bytes, 10, 1, 0, &p);
    cr_assert_eq(w.err, ERR_CANCELED);
    cr_assert_eq(p.counts.accepted, 50u);
    cr_assert_eq(p.sent_line, 50u);
    buf_deinit(&text);
}

Test(import, an_empty_file_is_done_at_once)
{
    struct world w = {0};
    struct import_progress p;
    world_run(&w, "", 10, 1, 0, &p);
    cr_assert_eq(w.err, ERR_OK);
    cr_assert_eq(w.calls, 0u);
}
