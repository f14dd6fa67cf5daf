// SPDX-License-Identifier: Apache-2.0
#include "services/ingest/service.h"

#include "common/base/mem.h"
#include "common/rpc/carry.h"
#include "services/access/access.h"
#include "services/ingest/core/core.h"
#include "services/ingest/document.h"
#include "services/ingest/edge.h"
#include "services/ingest/gateway.h"
#include "services/ingest/ingest.h"

#define MIB (1024ll * 1024)
#define KIB 1024ll
#define DAY_MS (24ll * 3600 * 1000)
#define FIELD(name) offsetof(struct ingest_settings, ingest.name)
#define EDGE(name) offsetof(struct ingest_settings, edge.name)

struct ingest_settings {
    struct ingest_config ingest;
    struct edge_config edge;
    const char *router; // "": none
};

static const char *const CLOCKS[] = {
    [INGEST_CLOCK_WALL] = "wall", [INGEST_CLOCK_EVENT] = "event", NULL};

static const char *const ACCOUNTS[] = {
    [INGEST_ACCOUNTS_PERSONAL] = "personal", [INGEST_ACCOUNTS_EMAIL_DOMAIN] = "email_domain", NULL};

static const struct config_field FIELDS[] = {
    {"shard_map", CONFIG_TEXT, FIELD(shard_map), NULL, 0, 0, NULL,
     "File that says which scorer owns which lane."},
    {"router", CONFIG_TEXT, offsetof(struct ingest_settings, router), "", 0, 0, NULL,
     "Address of the router: its public methods are served here too, and forwarded. Empty: not."},
    {"clock", CONFIG_CHOICE, FIELD(clock), "wall", 0, 0, CLOCKS,
     "What an event's receipt is measured by: the wall clock, or the event itself (imports)."},
    {"accounts", CONFIG_CHOICE, FIELD(accounts), "personal", 0, 0, ACCOUNTS,
     "Whose an event without a group is: the user's own, or the company's whose domain the user's "
     "e-mail address is of (but not of free-mail providers)."},
    {"lane_bytes_max", CONFIG_BYTES, FIELD(lane_bytes_max), "64MiB", 8 * MIB, 16384 * MIB, NULL,
     "Events that may wait for one lane; beyond, requests are answered "
     "RESOURCE_EXHAUSTED."},
    {"batch_events", CONFIG_INT, FIELD(batch_events), "500", 1, 5000, NULL,
     "Most events in a batch."},
    {"batch_bytes", CONFIG_BYTES, FIELD(batch_bytes), "512KiB", 1024, 2 * MIB, NULL,
     "A batch of this size is sent at once."},
    {"linger", CONFIG_DURATION, FIELD(linger_ms), "1ms", 0, 1000, NULL,
     "How long a batch waits to grow while there is room in the window."},
    {"window", CONFIG_INT, FIELD(window), "8", 1, 256, NULL, "Batches of a lane in flight."},
    {"apply_timeout", CONFIG_DURATION, FIELD(apply_timeout_ms), "5s", 10, 600000, NULL,
     "How long a batch waits for its answer before it is sent again."},
    {"retry_min", CONFIG_DURATION, FIELD(retry_min_ms), "50ms", 1, 60000, NULL,
     "The pause after a failure; each further one doubles it."},
    {"retry_max", CONFIG_DURATION, FIELD(retry_max_ms), "1s", 1, 60000, NULL, "The longest pause."},
    {"senders_max", CONFIG_INT, FIELD(senders_max), "10000", 1, 1000000, NULL,
     "Senders whose turn is remembered; the one idle for longest is forgotten."},
    {"held_requests_max", CONFIG_INT, FIELD(held_requests_max), "256", 1, 10000, NULL,
     "Requests of one sender that may wait for their turn."},
    {"data", CONFIG_TEXT, FIELD(data), "", 0, 0, NULL,
     "Folder for events that were refused (dead letters); without it none are kept."},
    {"playbook", CONFIG_TEXT, FIELD(playbook), "", 0, 0, NULL,
     "The playbook, for its schemas; without it events are not judged by any."},
    {"letters_max", CONFIG_INT, FIELD(letters_max), "100000", 10, 10000000, NULL,
     "Dead letters that are kept; the oldest go. A tenth more of those that were only observed."},
    {"letters_bytes_max", CONFIG_BYTES, FIELD(letters_bytes_max), "256MiB", 10 * MIB, 65536 * MIB,
     NULL, "Bytes of dead letters that are kept."},
    {"letters_age_max", CONFIG_DURATION, FIELD(letters_age_max_ms), "7d", 60000, 366 * DAY_MS, NULL,
     "How long a dead letter is kept."},
    {"held_bytes_max", CONFIG_BYTES, FIELD(held_bytes_max), "256MiB", MIB, 16384 * MIB, NULL,
     "Memory of all requests that wait for their turn."},
    {"http", CONFIG_TEXT, EDGE(http), "", 0, 200, NULL,
     "Where it takes events of SDKs over HTTP: HOST:PORT. Without, it does not."},
    {"http_connections_max", CONFIG_INT, EDGE(connections_max), "10000", 1, 1000000, NULL,
     "Connections over HTTP; more are closed at once."},
    {"http_body_max", CONFIG_BYTES, EDGE(body_bytes_max), "500KiB", 1024, 16 * MIB, NULL,
     "The largest body, as sent and as unpacked, each; larger ones are answered 413."},
    {"http_event_max", CONFIG_BYTES, EDGE(event_bytes_max), "32KiB", 256, 64 * KIB, NULL,
     "The largest event in a body, as JSON; larger ones are refused one by one."},
    {"http_events_max", CONFIG_INT, EDGE(events_max), "2500", 1, INGEST_REQUEST_EVENTS_MAX, NULL,
     "Most events in a body; larger ones are answered 413."},
    {"http_work_max", CONFIG_BYTES, EDGE(work_bytes_max), "256MiB", MIB, 16384 * MIB, NULL,
     "Memory of all bodies that are worked on; beyond, requests are answered 503."},
    {"posthog_group", CONFIG_TEXT, EDGE(posthog_group), "", 0, 200, NULL,
     "The type of PostHog's groups that accounts are; without, the first group of an event is."},
};

static void validate(struct config *config, const struct config_node *root, const void *own)
{
    const struct ingest_config *ingest = &((const struct ingest_settings *)own)->ingest;
    if (ingest->retry_max_ms < ingest->retry_min_ms)
        config_error(config, config_get(root, "retry_max"), "retry_max is below retry_min");
}

struct ingest_service_state {
    struct ingest_settings config;
    struct shard_source *source;
    struct ingest *ingest;
    struct edge *edge; // NULL: no address for it
    int n_closing;
    struct gateway *gateway; // NULL: no router
};

static enum err open_gateway(struct service *service, struct ingest_service_state *state,
                             struct err_info *info)
{
    struct gateway_opts opts = {.url = state->config.router,
                                .calls_max = (uint32_t)service_config(service)->calls_max};
    if (opts.url[0] == '\0')
        return ERR_OK;
    return gateway_open(service_loop(service), &opts, service_server(service), &state->gateway,
                        info);
}

static enum err service_open_ingest(struct service *service, const void *own, struct err_info *info)
{
    struct ingest_service_state *state = mem_zalloc(sizeof *state);
    service_set_state(service, state);
    state->config = *(const struct ingest_settings *)own;
    state->config.ingest.held_all_max = service_config(service)->calls_max / 2;
    state->config.edge.keys = service_config(service)->keys[0] != '\0';
    state->config.edge.requests_max = (service_config(service)->calls_max * 3 + 3) / 4;
    state->config.ingest.authorization = service_authorization;
    state->config.ingest.authorization_arg = service;
    enum err err = shard_source_open_file(state->config.ingest.shard_map, &state->source, info);
    if (err != ERR_OK)
        return err_prefix(info, err, "shard map");
    err = ingest_open(service_loop(service), &state->config.ingest, state->source,
                      service_metrics(service), &state->ingest, info);
    if (err != ERR_OK)
        return err;
    err = document_load_at_start(state->ingest, state->config.ingest.playbook, info);
    if (err != ERR_OK)
        return err;
    ingest_serve(state->ingest, service_server(service));
    rpc_server_hide(service_server(service), "assay.ingest.v1.IngestService/Carry");
    err = open_gateway(service, state, info);
    if (err != ERR_OK)
        return err;
    err = edge_open(service_loop(service), &state->config.edge, state->ingest,
                    service_server(service), service_metrics(service), &state->edge, info);
    if (err != ERR_OK)
        return err;
    service_set_ready(service, true, "");
    return ERR_OK;
}

static void service_closed_cb(void *arg)
{
    struct service *service = arg;
    struct ingest_service_state *state = service_state(service);
    if (--state->n_closing == 0)
        service_drained(service);
}

// Events that came over HTTP are requests like others: they end by what ingest does.
static void service_drain_ingest(struct service *service)
{
    struct ingest_service_state *state = service_state(service);
    int64_t drain_ms = service_config(service)->drain_ms;
    state->n_closing = state->edge == NULL ? 1 : 2;
    ingest_close(state->ingest, drain_ms, service_closed_cb, service);
    if (state->edge != NULL)
        edge_close(state->edge, drain_ms, service_closed_cb, service);
}

static void service_close_ingest(struct service *service)
{
    struct ingest_service_state *state = service_state(service);
    edge_destroy(state->edge);
    gateway_close(state->gateway);
    ingest_destroy(state->ingest);
    shard_source_close(state->source);
    mem_free(state);
}

static void service_refresh(struct service *service)
{
    struct ingest_service_state *state = service_state(service);
    ingest_refresh_metrics(state->ingest);
    edge_refresh_metrics(state->edge);
}

static const char *service_document(struct service *service)
{
    const struct ingest_service_state *state = service_state(service);
    return document_label(state->ingest);
}

static void service_load_document(struct service *service, const char *file, struct span text,
                                  bool check_only, void *token)
{
    struct ingest_service_state *state = service_state(service);
    document_load(state->ingest, file, text, check_only, token);
}

const struct service_desc INGEST_SERVICE = {
    .program = "assay-ingest",
    .summary = "Takes events, splits them by account, and answers once they are durable.",
    .fields = FIELDS,
    .n_fields = ARRAY_LEN(FIELDS),
    .config_bytes = sizeof(struct ingest_settings),
    .access = &ACCESS,
    .validate = validate,
    .open = service_open_ingest,
    .drain = service_drain_ingest,
    .close = service_close_ingest,
    .document = service_document,
    .load_document = service_load_document,
    .refresh_metrics = service_refresh,
};
