// SPDX-License-Identifier: Apache-2.0
// Wiring: the map, a client for each address, a lane for each of the map's, and an orderly end.
//
// A new map: what was taken and is not acknowledged is dropped and its callers are told
// UNAVAILABLE, as if this process had been started again; what they send again is split by the new
// map. The senders' turns are forgotten with it, because what was taken out of turn would otherwise
// be taken again in any order.
#include "services/ingest/ingest.h"

#include <stdio.h>

#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "common/log/log.h"
#include "services/ingest/ingest_impl.h"
#include "services/playbook/model.h"

#define LOG_COMPONENT "ingest"

enum { DRAIN_LOOK_MS = 5, PEER_CALLS_MIN = 64 };

#define INGEST_DESC(kind, field, name, help)                                                       \
    METRICS_DESC(struct ingest_metrics, kind, field, name, help)
static const struct metrics_desc INGEST_DESCS[] = {INGEST_METRICS(INGEST_DESC)};
#define REFUSAL_DESC(kind, field, name, help)                                                      \
    METRICS_DESC(struct ingest_refusal_metrics, kind, field, name, help)
static const struct metrics_desc REFUSAL_DESCS[] = {INGEST_REFUSAL_METRICS(REFUSAL_DESC)};
#define LANE_DESC(kind, field, name, help)                                                         \
    METRICS_DESC(struct lane_metrics, kind, field, name, help)
static const struct metrics_desc LANE_DESCS[] = {LANE_METRICS(LANE_DESC)};

static void ingest_register_metrics(struct ingest *ingest)
{
    if (ingest->registry == NULL)
        return;
    metrics_register(ingest->registry, INGEST_DESCS, ARRAY_LEN(INGEST_DESCS), &ingest->metrics, "");
    for (int i = INGEST_TAKEN + 1; i < INGEST_REFUSAL_COUNT; i++) {
        char labels[64];
        snprintf(labels, sizeof labels, "reason=\"%s\"",
                 ingest_refusal_text((enum ingest_refusal)i));
        metrics_register(ingest->registry, REFUSAL_DESCS, ARRAY_LEN(REFUSAL_DESCS),
                         &ingest->refused[i], labels);
    }
}

static struct lane_metrics *ingest_lane_metrics(struct ingest *ingest, uint32_t number)
{
    struct lane_metrics **set = &ingest->lane_metrics[number];
    if (*set != NULL)
        return *set;
    *set = mem_zalloc(sizeof **set);
    if (ingest->registry != NULL) {
        char labels[32];
        snprintf(labels, sizeof labels, "lane=\"%u\"", number);
        metrics_register(ingest->registry, LANE_DESCS, ARRAY_LEN(LANE_DESCS), *set, labels);
    }
    return *set;
}

// ---- Peers and lanes ----------------------------------------------------------------------------

struct peer *ingest_find_peer(struct ingest *ingest, const char *address)
{
    for (size_t i = 0; i < ingest->n_peers; i++) {
        if (strcmp(ingest->peers[i].address, address) == 0)
            return &ingest->peers[i];
    }
    return NULL;
}

static enum err peer_open(struct ingest *ingest, const struct shard_map *map, const char *address,
                          struct err_info *info)
{
    if (ingest->n_peers == ARRAY_LEN(ingest->peers))
        return err_set(info, ERR_FULL, "more than %zu addresses since the start",
                       ARRAY_LEN(ingest->peers));
    struct peer *peer = &ingest->peers[ingest->n_peers];
    uint32_t calls = 0;
    for (uint32_t i = 0; i < map->n_lanes; i++)
        calls += strcmp(map->lanes[i].address, address) == 0
                     ? (uint32_t)ingest->config->window + map->n_lanes // and each lane's moves
                     : 0;
    struct rpc_client_opts opts = {
        .url = address,
        .calls_max = calls < PEER_CALLS_MIN ? PEER_CALLS_MIN : calls,
        .authorization = ingest->config->authorization,
        .authorization_arg = ingest->config->authorization_arg,
    };
    snprintf(peer->address, sizeof peer->address, "%s", address);
    peer->ingest = ingest;
    enum err err = rpc_client_open(ingest->loop, &opts, &peer->client, info);
    if (err != ERR_OK)
        return err_prefix(info, err, "scorer");
    ingest->n_peers++;
    ingest->n_clients++;
    return ERR_OK;
}

static enum err ingest_open_peers(struct ingest *ingest, const struct shard_map *map,
                                  struct err_info *info)
{
    for (uint32_t i = 0; i < map->n_lanes; i++) {
        if (ingest_find_peer(ingest, map->lanes[i].address) != NULL)
            continue;
        enum err err = peer_open(ingest, map, map->lanes[i].address, info);
        if (err != ERR_OK)
            return err_prefix(info, err, "lane %u (%s)", i, map->lanes[i].node);
    }
    return ERR_OK;
}

// Takes `map`, whose addresses all have peers.
static void ingest_use_map(struct ingest *ingest, struct shard_map *map)
{
    ingest->map = map;
    ingest->lanes = mem_alloc(map->n_lanes * sizeof *ingest->lanes);
    uint64_t source = clock_random_u64() | 1;
    for (uint32_t i = 0; i < map->n_lanes; i++) {
        struct lane_opts opts = {
            .number = i,
            .node = map->lanes[i].node,
            .map_version = map->version,
            .source = source,
            .peer = ingest_find_peer(ingest, map->lanes[i].address),
            .metrics = ingest_lane_metrics(ingest, i),
        };
        ingest->lanes[i] = lane_create(ingest, &opts);
    }
    LOG_INFO("map_in_force", "version=%llu lanes=%u shards=%u source=%llx",
             (unsigned long long)map->version, map->n_lanes, map->n_shards,
             (unsigned long long)source);
}

// Ends everything that is on its way: callers are told `reason`.
static void ingest_drop(struct ingest *ingest, const char *reason)
{
    struct request *next;
    for (struct request *request = ingest->open.first; request != NULL; request = next) {
        next = request->next;
        request_fail(request, RPC_UNAVAILABLE, reason);
    }
    for (uint32_t i = 0; i < ingest->map->n_lanes; i++)
        lane_retire(ingest->lanes[i]);
    CHECK(ingest->open.n == 0);
    senders_reset(&ingest->senders, reason);
    mem_free(ingest->lanes);
    ingest->lanes = NULL;
    shard_map_destroy(ingest->map);
    ingest->map = NULL;
}

// ---- A new map ----------------------------------------------------------------------------------

static void ingest_reload_cb(void *arg)
{
    struct ingest *ingest = arg;
    struct shard_map *map = NULL;
    struct err_info info;
    ingest->reload_wanted = false;
    enum err err = shard_source_read(ingest->source, &map, &info);
    if (err == ERR_OK && map->version > ingest->map->version)
        err = ingest_open_peers(ingest, map, &info);
    if (err != ERR_OK)
        LOG_WARN("map_unreadable", "msg=\"%s\"", info.text);
    if (err != ERR_OK || map->version <= ingest->map->version) {
        shard_map_destroy(map); // asked for again by the next answer that says so
        return;
    }
    ingest_drop(ingest, "the shard map has changed");
    ingest_use_map(ingest, map);
    metrics_add(&ingest->metrics.reloads, 1);
}

void ingest_want_reload(struct ingest *ingest)
{
    if (ingest->reload_wanted || ingest->closing)
        return;
    ingest->reload_wanted = true;
    loop_timer_start(ingest->reload, 0, 0);
}

// ---- Open ---------------------------------------------------------------------------------------

static void ingest_free(struct ingest *ingest)
{
    loop_timer_destroy(ingest->reload);
    loop_timer_destroy(ingest->drain);
    senders_deinit(&ingest->senders);
    arena_deinit(&ingest->scratch);
    for (size_t i = 0; i < ARRAY_LEN(ingest->lane_metrics); i++)
        mem_free(ingest->lane_metrics[i]);
    schema_counts_destroy(ingest->schemas);
    playbook_destroy(ingest->playbook);
    shard_map_destroy(ingest->map);
    mem_free(ingest);
}

static void ingest_failed_client_closed_cb(void *arg)
{
    struct ingest *ingest = arg;
    if (--ingest->n_clients == 0)
        ingest_free(ingest);
}

// Clients close later, on the loop; what was opened goes with the last of them.
static void ingest_give_up(struct ingest *ingest, struct shard_map *map)
{
    shard_map_destroy(map);
    if (ingest->n_clients == 0)
        ingest_free(ingest);
    else
        for (size_t n = ingest->n_peers; n > 0; n--)
            rpc_client_close(ingest->peers[n - 1].client, ingest_failed_client_closed_cb, ingest);
}

static void ingest_open_letters(struct ingest *ingest)
{
    const struct ingest_config *config = ingest->config;
    char path[4096];
    if (config->data == NULL || config->data[0] == '\0')
        return;
    snprintf(path, sizeof path, "%s/letters", config->data);
    struct letters_opts opts = {
        .path = path,
        .folder = config->data,
        .bounds = {config->letters_max, config->letters_bytes_max, config->letters_age_max_ms},
        .metrics = ingest->registry,
    };
    ingest->letters = letters_open(ingest->loop, &opts);
}

enum err ingest_open(struct loop *loop, const struct ingest_config *config,
                     struct shard_source *source, struct metrics *metrics, struct ingest **out,
                     struct err_info *info)
{
    struct shard_map *map = NULL;
    enum err err = shard_source_read(source, &map, info);
    if (err != ERR_OK)
        return err_prefix(info, err, "shard map");
    struct ingest *ingest = mem_zalloc(sizeof *ingest);
    assay__ingest__v1__ingest_service__init(&ingest->methods, NULL);
    ingest->methods.ingest = intake_ingest;
    dead_letters_add_methods(ingest);
    ingest->methods.carry = carry_moves;
    ingest->loop = loop;
    ingest->config = config;
    ingest->source = source;
    senders_init(&ingest->senders, ingest);
    arena_init(&ingest->scratch, 64 * 1024, 0);
    err = ingest_open_peers(ingest, map, info);
    if (err != ERR_OK) {
        ingest_give_up(ingest, map);
        return err;
    }
    ingest->registry = metrics;
    ingest->reload = loop_timer_create(loop, ingest_reload_cb, ingest);
    ingest_register_metrics(ingest);
    ingest->schemas = schema_counts_create(metrics);
    ingest_open_letters(ingest);
    ingest_use_map(ingest, map);
    *out = ingest;
    return ERR_OK;
}

ProtobufCService *ingest_service(struct ingest *ingest)
{
    return &ingest->methods.base;
}

void ingest_serve(struct ingest *ingest, struct rpc_server *server)
{
    ingest->server = server;
    rpc_server_add(server, &ingest->methods.base);
}

void ingest_use_playbook(struct ingest *ingest, struct playbook *playbook)
{
    playbook_destroy(ingest->playbook);
    ingest->playbook = playbook;
}

const struct playbook *ingest_playbook(const struct ingest *ingest)
{
    return ingest->playbook;
}

// ---- Close --------------------------------------------------------------------------------------

static void ingest_letters_closed_cb(void *arg)
{
    struct ingest *ingest = arg;
    ingest->letters = NULL;
    ingest->closed(ingest->closed_arg);
}

static void ingest_client_closed_cb(void *arg)
{
    struct ingest *ingest = arg;
    if (--ingest->n_clients > 0)
        return;
    CHECK(ingest->n_lanes_alive == 0);
    if (ingest->letters != NULL)
        letters_close(ingest->letters, ingest_letters_closed_cb, ingest);
    else
        ingest->closed(ingest->closed_arg);
}

static void ingest_drain_cb(void *arg)
{
    struct ingest *ingest = arg;
    bool over = clock_mono_ms() >= ingest->drain_until_ms;
    if (ingest->open.n > 0 && !over)
        return;
    loop_timer_stop(ingest->drain);
    LOG_INFO("drained", "requests_left=%zu", ingest->open.n);
    ingest_drop(ingest, "shutting down");
    for (size_t i = 0; i < ingest->n_peers; i++)
        rpc_client_close(ingest->peers[i].client, ingest_client_closed_cb, ingest);
}

void ingest_close(struct ingest *ingest, int64_t drain_ms, void (*closed)(void *arg), void *arg)
{
    CHECK(!ingest->closing && drain_ms >= 0);
    ingest->closing = true;
    ingest->closed = closed;
    ingest->closed_arg = arg;
    ingest->drain_until_ms = clock_mono_ms() + drain_ms;
    loop_timer_stop(ingest->reload);
    senders_reset(&ingest->senders, "shutting down");
    for (uint32_t i = 0; i < ingest->map->n_lanes; i++)
        lane_hurry(ingest->lanes[i]);
    ingest->drain = loop_timer_create(ingest->loop, ingest_drain_cb, ingest);
    loop_timer_start(ingest->drain, 0, DRAIN_LOOK_MS);
}

void ingest_destroy(struct ingest *ingest)
{
    if (ingest == NULL)
        return;
    CHECK(ingest->closing && ingest->n_clients == 0);
    ingest_free(ingest);
}

void ingest_refresh_metrics(struct ingest *ingest)
{
    metrics_set(&ingest->metrics.open, (int64_t)ingest->open.n);
    metrics_set(&ingest->metrics.held, (int64_t)ingest->senders.n_held);
    metrics_set(&ingest->metrics.held_bytes, (int64_t)ingest->senders.held_bytes);
    metrics_set(&ingest->metrics.senders, (int64_t)ingest->senders.n);
    for (uint32_t i = 0; ingest->lanes != NULL && i < ingest->map->n_lanes; i++)
        lane_refresh_metrics(ingest->lanes[i]);
}
