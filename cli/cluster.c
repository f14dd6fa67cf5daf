// SPDX-License-Identifier: Apache-2.0
#include "cli/cluster.h"

#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "common/keys/token.h"
#include "common/keys/token_file.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PAUSE_MS = 100, TIMEOUT_MS = 10000, CALLS_MAX = 64 };

struct cluster {
    char *dir;
    struct loop *loop;
    struct arena arena;
    struct cluster_endpoint *endpoints;
    struct rpc_client **clients; // [n], NULL until used
    size_t n;
    size_t n_closing;
    struct shard_map *map;
};

static enum err nobody_runs(const char *dir, struct err_info *info)
{
    struct arena arena;
    arena_init(&arena, 1024, 0);
    enum err err =
        err_set(info, ERR_UNAVAILABLE,
                "no cluster runs in %s: start one with `assay up --data %s --playbook FILE`", dir,
                cluster_quoted(&arena, dir));
    arena_deinit(&arena);
    return err;
}

// What the calls of this process show: "Bearer TOKEN", or nothing.
static char shown[RPC_TEXT_MAX + 1];

enum err cluster_show_token(const char *path, struct err_info *info)
{
    char token[TOKEN_CHARS_MAX + 1];
    enum err err = token_file_read(path, token, info);
    if (err == ERR_OK)
        snprintf(shown, sizeof shown, "Bearer %s", token);
    token_wipe(token, sizeof token);
    return err;
}

static const char *authorization(void *arg)
{
    (void)arg;
    return shown;
}

enum err cluster_open(const char *dir, struct cluster **out, struct err_info *info)
{
    struct cluster_endpoint *endpoints = NULL;
    size_t n = 0;
    if (cluster_holder(dir) == 0 || cluster_endpoints_read(dir, &endpoints, &n, NULL) != ERR_OK)
        return nobody_runs(dir, info);
    struct cluster *cluster = mem_zalloc(sizeof *cluster);
    cluster->dir = mem_dup_text(dir);
    cluster->loop = loop_create();
    arena_init(&cluster->arena, 65536, 0);
    cluster->endpoints = endpoints;
    cluster->n = n;
    cluster->clients = mem_zalloc(n * sizeof(struct rpc_client *));
    *out = cluster;
    return ERR_OK;
}

static void client_closed_cb(void *arg)
{
    struct cluster *cluster = arg;
    CHECK(cluster->n_closing > 0);
    if (--cluster->n_closing == 0)
        loop_stop(cluster->loop);
}

void cluster_close(struct cluster *cluster)
{
    if (cluster == NULL)
        return;
    for (size_t i = 0; i < cluster->n; i++) {
        if (cluster->clients[i] == NULL)
            continue;
        cluster->n_closing++;
        rpc_client_close(cluster->clients[i], client_closed_cb, cluster);
    }
    if (cluster->n_closing > 0)
        loop_run(cluster->loop);
    loop_destroy(cluster->loop);
    shard_map_destroy(cluster->map);
    arena_deinit(&cluster->arena);
    mem_free(cluster->clients);
    mem_free(cluster->endpoints);
    mem_free(cluster->dir);
    mem_free(cluster);
}

const char *cluster_dir(const struct cluster *cluster)
{
    return cluster->dir;
}

struct loop *cluster_loop(struct cluster *cluster)
{
    return cluster->loop;
}

size_t cluster_count(const struct cluster *cluster)
{
    return cluster->n;
}

const struct cluster_endpoint *cluster_endpoint(const struct cluster *cluster, size_t i)
{
    return &cluster->endpoints[i];
}

bool cluster_is_scorer(const struct cluster_endpoint *endpoint)
{
    return strncmp(endpoint->name, "scorer-", 7) == 0;
}

enum err cluster_client(struct cluster *cluster, const char *name, struct rpc_client **out,
                        struct err_info *info)
{
    size_t i = 0;
    while (i < cluster->n && strcmp(cluster->endpoints[i].name, name) != 0)
        i++;
    if (i == cluster->n)
        return err_set(info, ERR_NOT_FOUND, "the cluster in %s has no service %s", cluster->dir,
                       name);
    if (cluster->clients[i] == NULL) {
        struct rpc_client_opts opts = {.url = cluster->endpoints[i].url,
                                       .calls_max = CALLS_MAX,
                                       .authorization = authorization};
        enum err err = rpc_client_open(cluster->loop, &opts, &cluster->clients[i], info);
        if (err != ERR_OK)
            return err_prefix(info, err, "%s", name);
    }
    *out = cluster->clients[i];
    return ERR_OK;
}

enum err cluster_call(struct cluster *cluster, const struct cluster_call *call,
                      ProtobufCMessage **answer, struct err_info *info)
{
    struct rpc_client *client;
    enum err err = cluster_client(cluster, call->service, &client, info);
    if (err != ERR_OK)
        return err;
    struct rpc_call_opts opts = {.timeout_ms =
                                     call->timeout_ms == 0 ? TIMEOUT_MS : call->timeout_ms};
    int64_t until_ms = clock_mono_ms() + call->patience_ms;
    for (;;) {
        err = rpc_call_wait(cluster->loop, client, call->method, call->request, call->answer_type,
                            &opts, &cluster->arena, answer, info);
        if ((err != ERR_UNAVAILABLE && err != ERR_TIMEOUT) || clock_mono_ms() >= until_ms)
            break;
        (void)usleep(PAUSE_MS * 1000);
    }
    return err == ERR_OK ? err : err_prefix(info, err, "%s", call->service);
}

void cluster_forget(struct cluster *cluster)
{
    arena_reset(&cluster->arena);
}

enum err cluster_map(struct cluster *cluster, const struct shard_map **out, struct err_info *info)
{
    enum err err = ERR_OK;
    if (cluster->map == NULL) {
        char path[4096];
        snprintf(path, sizeof path, "%s/shards.map", cluster->dir);
        struct shard_source *source = NULL;
        err = shard_source_open_file(path, &source, info);
        if (err == ERR_OK)
            err = shard_source_read(source, &cluster->map, info);
        shard_source_close(source);
    }
    *out = cluster->map;
    return err;
}
