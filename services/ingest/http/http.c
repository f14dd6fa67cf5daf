// SPDX-License-Identifier: Apache-2.0
// A request's way: JSON out of the body, calls out of the JSON, one IngestRequest of those that are
// calls, rpc_carry, and when the call ends the answer, with the verdicts put back into the order of
// the body. The message lives in the call's arena; what is needed for the answer in the request's.
//
// When the peer goes the call is cancelled and the request answered, into nothing. Events that were
// taken by then stay taken: the peer sends them again, and they are duplicates.
#include "services/ingest/http/http.h"

#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "common/keys/keys.h"
#include "services/ingest/http/answer.h"
#include "services/ingest/http/beside.h"
#include "services/ingest/http/form.h"
#include "services/ingest/http/routes.h"
#include "services/ingest/segment/segment_proto.h"

enum { CALL_TIMEOUT_MS = 10 * 1000, ARENA_BLOCK_BYTES = 16 * 1024, KEY_BYTES_MAX = 240 };

static const char METHOD[] = "assay.ingest.v1.IngestService/Ingest";
static const char JSON_TYPE[] = "application/json";

struct ingest_http {
    struct ingest_http_opts opts;
    char *posthog_group;
    struct ingest_http_stats stats;
    struct bound_route *routes;
    const struct rpc_method *method; // found when first needed
};

struct bound_route {
    struct ingest_http *http;
    const struct ingest_route *route;
};

// A request in work.
struct work {
    struct ingest_http *http;
    struct httpd_request *request;
    struct rpc_incoming *call;
    struct buf answer;
    size_t bytes; // of the call's memory
    bool begun;   // rpc_carry has returned
    bool ended;
    char source[64]; // id of the write key, if there are refusals to tell
    // In the request's arena:
    uint32_t *indexes;
    size_t n;
    struct answer_refusal *refusals;
    struct span *refused_jsons;
    size_t n_refusals;
};

// ---- Answers ------------------------------------------------------------------------------------

static void count_answer(struct ingest_http *http, int status)
{
    http->stats.keys_refused += status == 401 || status == 403;
    http->stats.pushed_back += status == 429 || status == 503;
}

static void fail(struct ingest_http *http, struct httpd_request *request, int status,
                 int retry_after_s, const char *text)
{
    char reset[24];
    count_answer(http, status);
    if (status == 429) {
        snprintf(reset, sizeof reset, "%lld",
                 (long long)(clock_wall_ms() / 1000 + retry_after_s + 1));
        httpd_set_header(request, "X-RateLimit-Reset", reset);
    }
    httpd_fail(request, status, retry_after_s, "%s", text);
}

static void work_destroy(struct work *work)
{
    work->http->stats.work_bytes -= work->bytes;
    buf_deinit(&work->answer);
    mem_free(work);
}

// ---- The call's end -----------------------------------------------------------------------------

// Those that never were messages; of the others ingest knows by itself what came.
static void tell_refused(struct work *work)
{
    const struct ingest_http_opts *opts = &work->http->opts;
    for (size_t i = 0; opts->refused != NULL && i < work->n_refusals; i++)
        opts->refused(opts->refused_arg, work->refused_jsons[i], work->refusals[i].reason,
                      work->source);
}

// A guard has looked at the call; its key is there for this turn.
static void note_source(struct work *work)
{
    const struct keys_key *key = rpc_incoming_tag(work->call);
    if (work->n_refusals > 0 && key != NULL)
        snprintf(work->source, sizeof work->source, "%s", key->id);
}

static void began_cb(void *carrier, struct rpc_incoming *call)
{
    struct work *work = carrier;
    work->call = call;
}

static void message_cb(void *carrier, const ProtobufCMessage *message)
{
    struct work *work = carrier;
    const Assay__Ingest__V1__IngestResponse *response = (const void *)message;
    CHECK(message->descriptor == &assay__ingest__v1__ingest_response__descriptor);
    if (!work->begun)
        note_source(work);
    tell_refused(work);
    answer_write(&work->answer, response, work->indexes, work->refusals, work->n_refusals);
}

static void end_cb(void *carrier, enum rpc_status status, const char *text)
{
    struct work *work = carrier;
    struct ingest_http *http = work->http;
    int retry_after_s;
    int code = answer_status(status, &retry_after_s);
    work->call = NULL;
    if (status == RPC_OK)
        httpd_answer(work->request, code, JSON_TYPE, buf_span(&work->answer));
    else
        fail(http, work->request, code, retry_after_s,
             text[0] == '\0' ? rpc_status_name(status) : text);
    if (work->begun)
        work_destroy(work);
    else
        work->ended = true;
}

static void gone_cb(void *arg)
{
    struct work *work = arg;
    CHECK(work->call != NULL);
    rpc_carried_cancel(work->call);
    httpd_fail(work->request, 503, 0, "the peer has gone");
    work_destroy(work);
}

// ---- The call -----------------------------------------------------------------------------------

static struct span key_find(const struct httpd_request *request, const struct segment_body *body,
                            struct arena *arena)
{
    static const char *const HEADERS[] = {"X-Write-Key", "X-Api-Key"};
    static const char *const FIELDS[] = {"writeKey", "write_key", "api_key", "token"};
    const char *authorization = httpd_header(request, "Authorization");
    struct span key =
        authorization == NULL ? (struct span){0} : form_authorization(authorization, arena);
    for (size_t i = 0; i < ARRAY_LEN(HEADERS) && key.len == 0; i++)
        key = span_of(httpd_header(request, HEADERS[i]));
    for (size_t i = 0; i < ARRAY_LEN(FIELDS) && key.len == 0; i++)
        key = span_of(httpd_query(request, FIELDS[i]));
    return key.len == 0 ? body->write_key : key;
}

// Puts aside what the answer needs, and makes the message of the events that are calls.
static Assay__Ingest__V1__IngestRequest *
sort_items(struct work *work, const struct segment_body *body, struct arena *arena)
{
    struct arena *own = httpd_arena(work->request);
    Assay__Ingest__V1__IngestRequest *message = arena_alloc(arena, sizeof *message);
    assay__ingest__v1__ingest_request__init(message);
    message->events = arena_alloc(arena, body->n * sizeof *message->events);
    work->indexes = arena_alloc(own, body->n * sizeof *work->indexes);
    for (size_t i = 0; i < body->n; i++)
        work->n_refusals += body->items[i]->reason != NULL;
    work->refusals = arena_alloc(own, work->n_refusals * sizeof *work->refusals);
    work->refused_jsons = arena_alloc(own, work->n_refusals * sizeof *work->refused_jsons);
    work->n_refusals = 0;
    for (size_t i = 0; i < body->n; i++) {
        const struct segment_item *item = body->items[i];
        if (item->reason != NULL) {
            work->refused_jsons[work->n_refusals] = item->json;
            work->refusals[work->n_refusals++] =
                (struct answer_refusal){(uint32_t)i, arena_dup(own, span_of(item->reason))};
            continue;
        }
        Assay__Ingest__V1__Event *event = segment_pack(&item->event, arena);
        event->as_received.data = (uint8_t *)item->json.ptr;
        event->as_received.len = item->json.len;
        work->indexes[work->n++] = (uint32_t)i;
        message->events[message->n_events++] = event;
    }
    return message;
}

// Takes the arena.
static void carry(struct work *work, const Assay__Ingest__V1__IngestRequest *message,
                  struct span key, struct arena *arena)
{
    static const struct rpc_carrier_ops OPS = {
        .began = began_cb, .message = message_cb, .end = end_cb};
    struct ingest_http *http = work->http;
    struct httpd_request *request = work->request;
    char authorization[KEY_BYTES_MAX + 8];
    struct rpc_pair metadata[] = {
        {"x-request-id", httpd_request_id(request)},
        {"traceparent", httpd_traceparent(request)},
        {"authorization", authorization},
    };
    snprintf(authorization, sizeof authorization, "Bearer %.*s", SPAN_ARG(key));
    const struct rpc_carry_opts opts = {
        .method = http->method,
        .way = RPC_WAY_HTTP,
        .peer = httpd_peer(request),
        .message = &message->base,
        .arena = arena,
        .timeout_ms = CALL_TIMEOUT_MS,
        .metadata = metadata,
        .n_metadata = ARRAY_LEN(metadata) - (key.len == 0),
    };
    work->bytes = arena->used_bytes + httpd_arena(request)->used_bytes;
    http->stats.work_bytes += work->bytes;
    http->stats.bodies++;
    http->stats.events += work->n + work->n_refusals;
    work->call = rpc_carry(http->opts.server, &opts, &OPS, work);
    work->begun = true;
    if (work->ended) {
        work_destroy(work);
        return;
    }
    note_source(work);
    httpd_on_gone(request, gone_cb, work);
}

// ---- The request --------------------------------------------------------------------------------

// Reads the body into `arena`. False: it has been answered.
static bool read_body(const struct bound_route *bound, struct httpd_request *request,
                      struct arena *arena, struct segment_body *body)
{
    struct ingest_http *http = bound->http;
    const struct segment_body_opts opts = {
        .dialect = bound->route->dialect,
        .kind = bound->route->kind,
        .events_max = http->opts.events_max,
        .event_bytes_max = http->opts.event_bytes_max,
        .now_ms = clock_wall_ms(),
        .posthog_group = span_of(http->posthog_group),
    };
    struct span json;
    struct err_info info;
    enum err err = form_json(httpd_body(request), http->opts.body_bytes_max, httpd_arena(request),
                             &json, &info);
    if (err == ERR_OK)
        err = segment_body_read(json, &opts, arena, body, &info);
    if (err != ERR_OK)
        fail(http, request, err == ERR_FULL ? 413 : 400, 0, info.text);
    return err == ERR_OK;
}

// Jitsu's SDKs have keys of two parts, of which the second is the secret one.
static bool is_only_key(struct span key, const char *only)
{
    size_t n = strlen(only);
    const char *end = (const char *)key.ptr + key.len;
    return span_is(key, only) ||
           (key.len > n && end[-1 - (ptrdiff_t)n] == ':' && memcmp(end - n, only, n) == 0);
}

// False: it has been answered.
static bool check_key(struct ingest_http *http, struct httpd_request *request, struct span key)
{
    const char *only = http->opts.only_key;
    if (key.len > KEY_BYTES_MAX || (only != NULL && key.len > 0 && !is_only_key(key, only)))
        fail(http, request, 401, 0,
             only == NULL ? "unknown write key"
                          : "unknown write key: it is \"dev\" until there are keys");
    else if (only != NULL && key.len == 0)
        fail(http, request, 401, 0, "no write key: it is \"dev\" until there are keys");
    else
        return true;
    return false;
}

static void take_cb(void *arg, struct httpd_request *request)
{
    const struct bound_route *bound = arg;
    struct ingest_http *http = bound->http;
    struct arena arena;
    struct segment_body body;
    if (http->stats.work_bytes >= http->opts.work_bytes_max) {
        fail(http, request, 503, 1, "too many events are being worked on");
        return;
    }
    arena_init(&arena, ARENA_BLOCK_BYTES, 0);
    if (!read_body(bound, request, &arena, &body)) {
        arena_deinit(&arena);
        return;
    }
    struct span key = key_find(request, &body, &arena);
    if (!check_key(http, request, key)) {
        arena_deinit(&arena);
        return;
    }
    struct work *work = mem_zalloc(sizeof *work);
    work->http = http;
    work->request = request;
    carry(work, sort_items(work, &body, &arena), key, &arena);
    arena_deinit(&arena);
}

// ---- Life ---------------------------------------------------------------------------------------

// Any page may send, as SDKs in browsers do: keys are in what they send, never in cookies.
static void add_routes(struct ingest_http *http)
{
    size_t n;
    const struct ingest_route *routes = ingest_routes(&n);
    http->routes = mem_zalloc(n * sizeof *http->routes);
    for (size_t i = 0; i < n; i++) {
        http->routes[i] = (struct bound_route){http, &routes[i]};
        const struct httpd_route route = {
            .method = "POST",
            .path = routes[i].path,
            .body_bytes_max = http->opts.body_bytes_max,
            .handler = take_cb,
            .arg = &http->routes[i],
        };
        httpd_add_for_pages(http->opts.httpd, &route);
    }
    beside_add_routes(http->opts.httpd, http->opts.body_bytes_max);
}

struct ingest_http *ingest_http_create(const struct ingest_http_opts *opts)
{
    struct ingest_http *http = mem_zalloc(sizeof *http);
    http->opts = *opts;
    http->posthog_group = mem_dup_text(opts->posthog_group);
    http->opts.posthog_group = http->posthog_group;
    http->method = rpc_server_method(opts->server, METHOD);
    CHECK(http->method != NULL && opts->events_max > 0 && opts->work_bytes_max > 0);
    add_routes(http);
    return http;
}

void ingest_http_destroy(struct ingest_http *http)
{
    if (http == NULL)
        return;
    CHECK(http->stats.work_bytes == 0);
    mem_free(http->routes);
    mem_free(http->posthog_group);
    mem_free(http);
}

void ingest_http_stats(const struct ingest_http *http, struct ingest_http_stats *out)
{
    *out = http->stats;
}
