// SPDX-License-Identifier: Apache-2.0
#include "cli/up_plan.h"

#include "cli/up_admin.h"
#include "cli/up_grpc.h"
#include "cli/up_keys.h"
#include "cli/up_leftovers.h"
#include "cli/up_webhooks.h"
#include "cli/file.h"
#include "common/base/hash.h"
#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "services/playbook/load.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SCORERS_DEFAULT = 1, PLAYBOOK_BYTES_MAX = 4 * 1024 * 1024, IPC_PATH_MAX = 100 };
enum { RANK_INGEST, RANK_SCORER, RANK_ROUTER };

// ---- Facts --------------------------------------------------------------------------------------

static enum err facts_differ(struct err_info *info, const char *option, const char *made,
                             const char *asked)
{
    return err_set(info, ERR_INVALID,
                   "this cluster was made with --%s %s, which cannot be changed to %s: leave the "
                   "option out, or make a new cluster in another folder and import again",
                   option, made, asked);
}

enum err up_facts_settle(const struct up_opts *opts, const struct cluster_facts *made,
                         struct cluster_facts *out, struct err_info *info)
{
    char had[24], asked[24];
    if (made == NULL) {
        out->shards = opts->shards == 0 ? SHARD_COUNT_DEFAULT : opts->shards;
        out->scorers = opts->scorers == 0 ? SCORERS_DEFAULT : opts->scorers;
        out->event_clock = opts->clock != NULL && strcmp(opts->clock, "event") == 0;
        out->by_domain = opts->accounts != NULL && strcmp(opts->accounts, "email_domain") == 0;
        if (out->scorers > out->shards)
            return err_set(info, ERR_INVALID,
                           "--scorers %lld: each needs a shard, and there are %lld",
                           (long long)out->scorers, (long long)out->shards);
        return ERR_OK;
    }
    *out = *made;
    if (opts->shards != 0 && opts->shards != made->shards) {
        snprintf(had, sizeof had, "%lld", (long long)made->shards);
        snprintf(asked, sizeof asked, "%lld", (long long)opts->shards);
        return facts_differ(info, "shards", had, asked);
    }
    if (opts->scorers != 0 && opts->scorers != made->scorers) {
        snprintf(had, sizeof had, "%lld", (long long)made->scorers);
        snprintf(asked, sizeof asked, "%lld", (long long)opts->scorers);
        return facts_differ(info, "scorers", had, asked);
    }
    const char *clock = made->event_clock ? "event" : "wall";
    if (opts->clock != NULL && strcmp(opts->clock, clock) != 0)
        return facts_differ(info, "clock", clock, opts->clock);
    const char *accounts = made->by_domain ? "email_domain" : "personal";
    if (opts->accounts != NULL && strcmp(opts->accounts, accounts) != 0)
        return facts_differ(info, "accounts", accounts, opts->accounts);
    return ERR_OK;
}

static enum err facts_make(const struct up_opts *opts, struct up_plan *plan, struct err_info *info)
{
    struct cluster_facts made;
    enum err err = cluster_facts_read(plan->dir, &made, info);
    if (err != ERR_OK && err != ERR_NOT_FOUND)
        return err;
    plan->fresh = err == ERR_NOT_FOUND;
    err = up_facts_settle(opts, plan->fresh ? NULL : &made, &plan->facts, info);
    if (plan->fresh)
        plan->facts.created_ms = clock_wall_ms();
    return err;
}

// ---- The folder ---------------------------------------------------------------------------------

static enum err folder_make(const char *path, struct err_info *info)
{
    char copy[4096];
    if (snprintf(copy, sizeof copy, "%s", path) >= (int)sizeof copy)
        return err_set(info, ERR_INVALID, "%s: the path is too long", path);
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
        return err_set(info, ERR_INVALID, "%s: is a file, not a folder", path);
    for (char *c = copy + 1;; c++) {
        if (*c != '/' && *c != '\0')
            continue;
        char kept = *c;
        *c = '\0';
        if (mkdir(copy, 0755) != 0 && errno != EEXIST)
            return err_set(info, ERR_IO, "%s: %s", copy, strerror(errno));
        *c = kept;
        if (kept == '\0')
            return ERR_OK;
    }
}

static enum err folders_make(const struct up_opts *opts, struct up_plan *plan,
                             struct err_info *info)
{
    enum err err = folder_make(opts->dir, info);
    if (err != ERR_OK)
        return err;
    char *real = realpath(opts->dir, NULL);
    if (real == NULL)
        return err_set(info, ERR_IO, "%s: %s", opts->dir, strerror(errno));
    plan->dir = arena_dup(&plan->arena, span_of(real));
    free(real);
    err = folder_make(cluster_path(&plan->arena, plan->dir, "run"), info);
    if (err == ERR_OK)
        err = folder_make(cluster_path(&plan->arena, plan->dir, "log"), info);
    return err;
}

// ---- The playbook -------------------------------------------------------------------------------

struct playbook_text {
    struct buf bytes;
    char *label;
};

static enum err playbook_check(const struct up_opts *opts, struct playbook_text *out,
                               struct arena *arena, struct buf *report, struct err_info *info)
{
    char *own = cluster_path(arena, opts->dir, "playbook.yaml");
    const char *path = opts->playbook != NULL ? opts->playbook : own;
    if (opts->playbook == NULL && access(own, F_OK) != 0)
        return err_set(info, ERR_INVALID,
                       "there is no playbook in %s yet: give one with --playbook FILE", opts->dir);
    enum err err = file_read(path, PLAYBOOK_BYTES_MAX, &out->bytes, info);
    if (err != ERR_OK)
        return err_prefix(info, ERR_INVALID, "the playbook");
    struct playbook *playbook = NULL;
    err = playbook_load(path, buf_span(&out->bytes), &playbook, report);
    if (err != ERR_OK)
        return err_set(info, ERR_INVALID, "the playbook %s has mistakes; nothing was started",
                       path);
    out->label = arena_dup(arena, span_of(playbook->label));
    playbook_destroy(playbook);
    return ERR_OK;
}

// ---- Addresses ----------------------------------------------------------------------------------

// A folder that only this user can enter; made when it is not there.
static bool folder_is_private(const char *path)
{
    struct stat st;
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return false;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == getuid() &&
           (st.st_mode & 077) == 0;
}

// A socket's path holds about 100 bytes, and addresses have no blanks: any other data folder gets a
// private folder for its sockets. Its name follows from the data folder, so that whoever waits for
// a cluster to come back finds it at the same addresses.
static enum err sockets_folder(struct up_plan *plan, char out[CLUSTER_URL_MAX],
                               struct err_info *info)
{
    if (strlen(plan->dir) + strlen("/run/scorer-00.sock") <= IPC_PATH_MAX &&
        strpbrk(plan->dir, " \t\n") == NULL) {
        snprintf(out, CLUSTER_URL_MAX, "%s/run", plan->dir);
        return ERR_OK;
    }
    const char *base = getenv("XDG_RUNTIME_DIR");
    if (base == NULL || base[0] != '/' || strlen(base) > IPC_PATH_MAX / 2 ||
        strpbrk(base, " \t\n") != NULL || access(base, W_OK) != 0)
        base = "/tmp";
    snprintf(out, CLUSTER_URL_MAX, "%s/assay-%u-%016llx", base, (unsigned)getuid(),
             (unsigned long long)hash64(span_of(plan->dir)));
    if (folder_is_private(out))
        return ERR_OK;
    snprintf(out, CLUSTER_URL_MAX, "%s/assay-XXXXXX", base); // somebody else has that name
    if (mkdtemp(out) == NULL)
        return err_set(info, ERR_IO, "%s: %s", out, strerror(errno));
    return ERR_OK;
}

static void endpoint_set(struct up_plan *plan, size_t i, const char *folder)
{
    struct cluster_endpoint *endpoint = &plan->endpoints[i];
    char *path = arena_printf(&plan->arena, "%s/%s.sock", folder, plan->services[i].name);
    CHECK(strlen(path) + strlen("ipc://") < sizeof endpoint->url);
    snprintf(endpoint->name, sizeof endpoint->name, "%s", plan->services[i].name);
    snprintf(endpoint->url, sizeof endpoint->url, "ipc://%s", path);
    (void)unlink(path); // of a process that was killed; nobody listens: the lock is ours
}

static enum err endpoints_write(struct up_plan *plan, struct err_info *info)
{
    char folder[CLUSTER_URL_MAX];
    enum err err = sockets_folder(plan, folder, info);
    if (err != ERR_OK)
        return err;
    struct buf text = {0};
    plan->endpoints = arena_alloc(&plan->arena, plan->n * sizeof *plan->endpoints);
    for (size_t i = 0; i < plan->n; i++) {
        endpoint_set(plan, i, folder);
        buf_printf(&text, "%s %s\n", plan->endpoints[i].name, plan->endpoints[i].url);
    }
    err = file_write(cluster_path(&plan->arena, plan->dir, "run/endpoints"), buf_span(&text), info);
    buf_deinit(&text);
    return err;
}

static enum err ports_settle(const struct up_opts *opts, struct up_plan *plan,
                             struct err_info *info)
{
    const struct up_port_opts http = {
        .option = "http",
        .what = "no events over HTTP",
        .given = opts->http,
        .usual = UP_HTTP_USUAL,
    };
    enum err err = up_port_settle(&http, &plan->arena, &plan->http, info);
    if (err == ERR_OK && plan->http.address[0] != '\0')
        err = up_keys_check_address(plan, "http", plan->http.address, info);
    if (err == ERR_OK)
        err = up_grpc_settle(opts, plan, info);
    if (err == ERR_OK)
        err = up_admin_settle(opts->admin, plan, info);
    return err;
}

// ---- Services and their files -------------------------------------------------------------------

static enum err service_add(struct up_plan *plan, const char *bin, const char *program,
                            const char *name, int rank, struct err_info *info)
{
    struct arena *arena = &plan->arena;
    struct up_service *service = &plan->services[plan->n++];
    service->name = arena_dup(arena, span_of(name));
    service->program = arena_printf(arena, "%s/%s", bin, program);
    service->config = arena_printf(arena, "%s/run/%s.yaml", plan->dir, name);
    service->log = arena_printf(arena, "%s/log/%s.log", plan->dir, name);
    service->rank = rank;
    const char **argv = arena_alloc(arena, 6 * sizeof *argv);
    argv[0] = "assay";
    argv[1] = "service";
    argv[2] = service->program;
    argv[3] = "--config";
    argv[4] = service->config;
    service->argv = argv;
    if (access(service->program, X_OK) != 0)
        return err_set(info, ERR_NOT_FOUND, "%s: %s; it belongs beside this program",
                       service->program, strerror(errno));
    return ERR_OK;
}

static enum err services_list(struct up_plan *plan, struct err_info *info)
{
    char bin[4096], name[CLUSTER_NAME_MAX];
    ssize_t n = readlink("/proc/self/exe", bin, sizeof bin - 1);
    if (n <= 0)
        return err_set(info, ERR_IO, "/proc/self/exe: %s", strerror(errno));
    bin[n] = '\0';
    *strrchr(bin, '/') = '\0';
    plan->services =
        arena_alloc(&plan->arena, (size_t)(plan->facts.scorers + 2) * sizeof *plan->services);
    enum err err = service_add(plan, bin, "assay-router", "router", RANK_ROUTER, info);
    for (int64_t i = 0; i < plan->facts.scorers && err == ERR_OK; i++) {
        snprintf(name, sizeof name, "scorer-%lld", (long long)i);
        err = service_add(plan, bin, "assay-scorer", name, RANK_SCORER, info);
    }
    if (err == ERR_OK)
        err = service_add(plan, bin, "assay-ingest", "ingest-0", RANK_INGEST, info);
    return err;
}

// A double-quoted YAML scalar takes what a JSON string does.
static void key_write(struct buf *out, const char *key, const char *value)
{
    json_t *json = json_string(value);
    char *text = json == NULL ? NULL : json_dumps(json, JSON_ENCODE_ANY);
    buf_printf(out, "%s: %s\n", key, text == NULL ? "\"\"" : text);
    free(text);
    json_decref(json);
}

static enum err config_write(const struct up_opts *opts, struct up_plan *plan, size_t i,
                             struct err_info *info)
{
    struct up_service *service = &plan->services[i];
    struct arena *arena = &plan->arena;
    struct buf text = {0};
    buf_append_text(&text, "# Written by `assay up`; changes are lost.\n");
    key_write(&text, "name", service->name);
    key_write(&text, "listen", plan->endpoints[i].url);
    if (plan->keys != NULL)
        key_write(&text, "keys", plan->keys);
    if (opts->log_format != NULL)
        key_write(&text, "log_format", opts->log_format);
    if (plan->admin != NULL)
        key_write(&text, "admin", plan->admin[i].address);
    key_write(&text, "data", cluster_path(arena, plan->dir, service->name));
    key_write(&text, "playbook", cluster_path(arena, plan->dir, "playbook.yaml"));
    if (service->rank != RANK_ROUTER)
        key_write(&text, "router", plan->endpoints[0].url);
    if (service->rank != RANK_INGEST)
        key_write(&text, "ingest", plan->endpoints[plan->n - 1].url);
    if (service->rank == RANK_ROUTER && plan->webhooks != NULL)
        key_write(&text, "webhooks", plan->webhooks);
    if (service->rank != RANK_ROUTER)
        key_write(&text, "shard_map", cluster_path(arena, plan->dir, "shards.map"));
    key_write(&text, "clock", plan->facts.event_clock ? "event" : "wall");
    if (service->rank == RANK_INGEST && plan->http.address[0] != '\0')
        key_write(&text, "http", plan->http.address);
    if (service->rank == RANK_INGEST && plan->grpc.address[0] != '\0')
        key_write(&text, "grpc", plan->grpc.address);
    if (service->rank == RANK_INGEST && plan->grpc_cert != NULL) {
        key_write(&text, "tls_cert", plan->grpc_cert);
        key_write(&text, "tls_key", plan->grpc_key);
    }
    if (service->rank == RANK_INGEST && plan->facts.by_domain)
        key_write(&text, "accounts", "email_domain");
    // Senders and consumers are many, and long polls hold a place each.
    if (service->rank != RANK_SCORER)
        buf_append_text(&text, "calls_max: 512\n");
    enum err err = file_write(service->config, buf_span(&text), info);
    buf_deinit(&text);
    return err;
}

// Lane i is node scorer-i. `old` NULL: the first map.
static enum err map_swap(struct up_plan *plan, struct shard_source *source,
                         const struct shard_map *old, struct err_info *info)
{
    struct shard_lane lanes[CLUSTER_SCORERS_MAX] = {0};
    uint32_t n = (uint32_t)plan->facts.scorers;
    bool same = old != NULL;
    if (old != NULL && (old->n_lanes != n || old->n_shards != plan->facts.shards))
        return err_set(info, ERR_CORRUPT,
                       "%s/shards.map has %u lanes and %u shards, cluster.yaml says %u and %lld",
                       plan->dir, old->n_lanes, old->n_shards, n, (long long)plan->facts.shards);
    for (uint32_t i = 0; i < n; i++) {
        lanes[i].lane = i;
        lanes[i].epoch = old == NULL ? 1 : old->lanes[i].epoch;
        snprintf(lanes[i].node, sizeof lanes[i].node, "scorer-%u", i);
        snprintf(lanes[i].address, sizeof lanes[i].address, "%s", plan->endpoints[1 + i].url);
        same = same && strcmp(lanes[i].address, old->lanes[i].address) == 0;
    }
    if (same)
        return ERR_OK;
    uint64_t version = old == NULL ? 0 : old->version;
    struct shard_map *map = shard_map_create(version + 1, (uint32_t)plan->facts.shards, lanes, n);
    enum err err = shard_source_swap(source, version, map, info);
    shard_map_destroy(map);
    return err;
}

static enum err map_write(struct up_plan *plan, struct err_info *info)
{
    struct shard_source *source = NULL;
    struct shard_map *old = NULL;
    enum err err =
        shard_source_open_file(cluster_path(&plan->arena, plan->dir, "shards.map"), &source, info);
    if (err == ERR_OK) {
        err = shard_source_read(source, &old, info);
        if (err == ERR_OK || err == ERR_NOT_FOUND)
            err = map_swap(plan, source, old, info);
    }
    shard_map_destroy(old);
    shard_source_close(source);
    return err;
}

static enum err files_write(const struct up_opts *opts, struct up_plan *plan,
                            const struct buf *playbook, struct err_info *info)
{
    enum err err = plan->fresh ? cluster_facts_write(plan->dir, &plan->facts, info) : ERR_OK;
    if (err == ERR_OK)
        err = endpoints_write(plan, info);
    if (err == ERR_OK)
        err = map_write(plan, info);
    for (size_t i = 0; i < plan->n && err == ERR_OK; i++)
        err = config_write(opts, plan, i, info);
    if (err == ERR_OK && opts->playbook != NULL)
        err = file_write(cluster_path(&plan->arena, plan->dir, "playbook.yaml"), buf_span(playbook),
                         info);
    return err;
}

enum err up_plan_make(const struct up_opts *opts, struct up_plan *plan, struct buf *report,
                      struct err_info *info)
{
    struct playbook_text playbook = {0};
    int holder = 0;
    *plan =
        (struct up_plan){.http = {.address = "", .hold = -1}, .grpc = {.address = "", .hold = -1}};
    arena_init(&plan->arena, 16384, 0);
    enum err err = playbook_check(opts, &playbook, &plan->arena, report, info);
    plan->playbook_label = playbook.label;
    if (err == ERR_OK)
        err = folders_make(opts, plan, info);
    if (err == ERR_OK)
        err = cluster_lock(plan->dir, &holder, info);
    if (err == ERR_OK)
        err = up_webhooks_settle(opts->webhooks, plan, report, info);
    if (err == ERR_OK)
        err = up_keys_settle(opts->keys, plan, report, info);
    if (err == ERR_OK)
        err = facts_make(opts, plan, info);
    if (err == ERR_OK)
        err = services_list(plan, info);
    if (err == ERR_OK)
        err = up_leftovers_wait(plan, info);
    if (err == ERR_OK)
        err = ports_settle(opts, plan, info);
    if (err == ERR_OK)
        err = files_write(opts, plan, &playbook.bytes, info);
    buf_deinit(&playbook.bytes);
    return err;
}

void up_plan_tidy(const struct up_plan *plan)
{
    char folder[CLUSTER_URL_MAX];
    for (size_t i = 0; i < plan->n; i++)
        (void)unlink(plan->endpoints[i].url + strlen("ipc://"));
    snprintf(folder, sizeof folder, "%s", plan->endpoints[0].url + strlen("ipc://"));
    *strrchr(folder, '/') = '\0';
    (void)rmdir(folder); // DIR/run has files in it, and stays
}

void up_plan_destroy(struct up_plan *plan)
{
    up_port_release(&plan->http);
    up_port_release(&plan->grpc);
    up_admin_release(plan);
    arena_deinit(&plan->arena);
}
