// SPDX-License-Identifier: Apache-2.0
// Wiring: configuration, the shard map, one lane for each that the map gives to this node, the
// playbook, and an orderly end.
#include "services/scorer/scorer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/mem.h"
#include "common/log/log.h"
#include "services/access/access.h"
#include "services/playbook/load.h"
#include "services/scorer/scorer_impl.h"

#define LOG_COMPONENT "scorer"

static const char *const SCORER_CLOCKS[] = {"wall", "event", NULL};

#define MIB (1024ll * 1024)
#define GIB (1024ll * MIB)
#define FIELD(name) offsetof(struct scorer_config, name)

static const struct config_field SCORER_FIELDS[] = {
    {"data", CONFIG_TEXT, FIELD(data), NULL, 0, 0, NULL,
     "Folder of the lanes' journals and state."},
    {"playbook", CONFIG_TEXT, FIELD(playbook), NULL, 0, 0, NULL,
     "The playbook's file; read at start, and when a reload is asked for."},
    {"shard_map", CONFIG_TEXT, FIELD(shard_map), NULL, 0, 0, NULL,
     "File that says which lanes this node owns."},
    {"clock", CONFIG_CHOICE, FIELD(clock), "wall", 0, 0, SCORER_CLOCKS,
     "What timers follow: the wall clock, or event time as told by the admin service."},
    {"router", CONFIG_TEXT, FIELD(router), NULL, 0, 0, NULL, "URL of the router."},
    {"ingest", CONFIG_TEXT, FIELD(ingest), "", 0, 0, NULL,
     "Addresses of ingest, with blanks between them: what identities have contributed moves from "
     "one "
     "lane to another through it. Without any, it stays where it is."},
    {"checkpoint_every", CONFIG_DURATION, FIELD(checkpoint_every_ms), "5s", 100, 3600000, NULL,
     "Time between checkpoints of the state."},
    {"dedupe_window", CONFIG_DURATION, FIELD(dedupe_window_ms), "7d", 86400000, 366ll * 86400000,
     NULL, "How long a message id is remembered, by time of intake."},
    {"dedupe_ids_max", CONFIG_INT, FIELD(dedupe_ids_max), "200000000", 1000, 4000000000ll, NULL,
     "Most message ids remembered by a lane; at the bound batches are refused."},
    {"journal_max", CONFIG_BYTES, FIELD(journal_max_bytes), "64GiB", 64 * MIB, 1024 * GIB, NULL,
     "Bound of a lane's journal file; at the bound batches are refused."},
    {"journal_keep", CONFIG_BYTES, FIELD(journal_keep_bytes), "8GiB", 0, 1024 * GIB, NULL,
     "Journal kept behind the last checkpoint, for replay."},
    {"state_max", CONFIG_BYTES, FIELD(state_max_bytes), "64GiB", 64 * MIB, 1024 * GIB, NULL,
     "Bound of a lane's state file."},
    {"queue_max", CONFIG_INT, FIELD(queue_max), "1024", 16, 100000, NULL,
     "Requests that may wait for a lane; more are refused."},
};

// ---- Playbook -----------------------------------------------------------------------------------

// One change of the playbook on its way through the lanes.
struct scorer_load {
    struct scorer *scorer;
    void *token; // NULL: at start
    char *file;
    char *text;
    size_t text_len;
    size_t next; // lane
    bool changed;
    char label[160];
};

static void scorer_load_step(struct scorer_load *load);

static void scorer_load_end(struct scorer_load *load, enum err err, const char *report)
{
    struct scorer *scorer = load->scorer;
    scorer->load = NULL;
    if (err == ERR_OK) {
        memcpy(scorer->label, load->label, sizeof scorer->label);
        LOG_INFO("playbook_in_force", "playbook=%s changed=%d", load->label, load->changed);
    } else {
        LOG_ERROR("playbook_refused", "msg=\"%s\"", report);
    }
    if (load->token != NULL)
        service_document_done(load->token, err, scorer->label, load->changed, report);
    else if (err == ERR_OK)
        service_set_ready(scorer->service, true, "");
    else if (!scorer->draining) // else it was told to end while it started, which is no failure
        service_fail(scorer->service, report);
    mem_free(load->file);
    mem_free(load->text);
    mem_free(load);
}

struct scorer_digest {
    struct scorer_load *load;
    uint64_t digest; // found in force; 0: none
};

static void scorer_load_done(void *arg, enum err err, const struct err_info *info)
{
    struct scorer_load *load = arg;
    if (err != ERR_OK) {
        scorer_load_end(load, err, info->text);
        return;
    }
    load->changed = true;
    load->next++;
    scorer_load_step(load);
}

static void scorer_digest_look(void *arg, const struct lane_view *view)
{
    struct scorer_digest *digest = arg;
    const struct playbook *playbook = core_playbook(view->core);
    digest->digest = playbook == NULL ? 0 : playbook->digest;
}

static void scorer_digest_done(void *arg, enum err err, const struct err_info *info)
{
    struct scorer_digest *digest = arg;
    struct scorer_load *load = digest->load;
    uint64_t in_force = digest->digest;
    mem_free(digest);
    if (err != ERR_OK) {
        scorer_load_end(load, err, info->text);
        return;
    }
    struct buf report = {0};
    struct playbook *playbook = NULL;
    err = playbook_load(load->file, span_make(load->text, load->text_len), &playbook, &report);
    buf_deinit(&report);
    CHECK(err == ERR_OK); // the same text was good a moment ago
    if (playbook->digest == in_force) {
        playbook_destroy(playbook);
        load->next++;
        scorer_load_step(load);
        return;
    }
    lane_set_playbook(load->scorer->lanes[load->next], playbook, scorer_load_done, load);
}

static void scorer_load_step(struct scorer_load *load)
{
    if (load->next == load->scorer->n_lanes) {
        scorer_load_end(load, ERR_OK, "");
        return;
    }
    struct scorer_digest *digest = mem_zalloc(sizeof *digest);
    digest->load = load;
    lane_look(load->scorer->lanes[load->next], scorer_digest_look, scorer_digest_done, digest);
}

// Puts a good text in force in every lane that has another.
static void scorer_load_start(struct scorer *scorer, const char *file, struct span text,
                              const char *label, void *token)
{
    struct scorer_load *load = mem_zalloc(sizeof *load);
    load->scorer = scorer;
    load->token = token;
    load->file = mem_dup_text(file);
    load->text = mem_dup(text);
    load->text_len = text.len;
    snprintf(load->label, sizeof load->label, "%s", label);
    scorer->load = load;
    scorer_load_step(load);
}

static void scorer_load_document(struct service *service, const char *file, struct span text,
                                 bool check_only, void *token)
{
    struct scorer *scorer = service_state(service);
    struct buf report = {0};
    struct playbook *playbook = NULL;
    enum err err = playbook_load(file, text, &playbook, &report);
    buf_append_u8(&report, '\0');
    if (err != ERR_OK)
        service_document_done(token, err, scorer->label, false, (const char *)report.bytes);
    else if (check_only)
        service_document_done(token, ERR_OK, scorer->label, false, (const char *)report.bytes);
    else if (scorer->load != NULL)
        service_document_done(token, ERR_BUSY, scorer->label, false,
                              "another playbook is being put in force");
    else
        scorer_load_start(scorer, file, text, playbook->label, token);
    playbook_destroy(playbook);
    buf_deinit(&report);
}

// What recovery found in force. Of lanes that differ the first is the newest: a change goes through
// them in order.
static const struct playbook *scorer_recovered(const struct scorer *scorer)
{
    const struct playbook *found = NULL;
    for (size_t i = 0; i < scorer->n_lanes && found == NULL; i++)
        found = lane_recovered_playbook(scorer->lanes[i]);
    return found;
}

// The file's playbook if it is good; else the one that is in force already; else the scorer cannot
// run. Starts the lanes.
static enum err scorer_start(struct scorer *scorer, struct err_info *info)
{
    struct buf report = {0};
    struct playbook *read = NULL;
    const struct playbook *chosen = scorer_recovered(scorer);
    if (playbook_load_file(scorer->config->playbook, &read, &report) == ERR_OK) {
        chosen = read;
    } else {
        buf_append_u8(&report, '\0');
        fprintf(stderr, "%s", (const char *)report.bytes);
    }
    buf_deinit(&report);
    if (chosen == NULL)
        return err_set(info, ERR_INVALID, "no playbook: %s is not usable",
                       scorer->config->playbook);
    if (chosen != read)
        LOG_ERROR("playbook_refused", "file=%s msg=\"the one in force stays: %s\"",
                  scorer->config->playbook, chosen->label);
    service_set_ready(scorer->service, false, "the playbook is being put in force");
    for (size_t i = 0; i < scorer->n_lanes; i++)
        lane_start(scorer->lanes[i]);
    scorer_load_start(scorer, chosen->file, chosen->text, chosen->label, NULL);
    playbook_destroy(read);
    return ERR_OK;
}

static const char *scorer_document(struct service *service)
{
    struct scorer *scorer = service_state(service);
    return scorer->label;
}

// ---- Clock --------------------------------------------------------------------------------------

// 9999-12-31T23:59:59.999Z, as for events.
static const int64_t SCORER_CLOCK_MAX_MS = 253402300799999;

// One request: every lane advances, then tells where its clock stands.
struct scorer_advance {
    void *token;
    size_t left;
    enum err err;
    struct err_info info;
    struct scorer_advance_lane {
        struct scorer_advance *all;
        struct lane *lane;
        int64_t clock_ms;
    } * lanes;
    size_t n;
};

static void scorer_advance_end(struct scorer_advance *advance)
{
    int64_t clock_ms = INT64_MAX; // of the lane that is furthest behind
    for (size_t i = 0; i < advance->n; i++) {
        if (advance->lanes[i].clock_ms < clock_ms)
            clock_ms = advance->lanes[i].clock_ms;
    }
    service_clock_done(advance->token, advance->err, clock_ms, &advance->info);
    mem_free(advance->lanes);
    mem_free(advance);
}

static void scorer_clock_look(void *arg, const struct lane_view *view)
{
    struct scorer_advance_lane *part = arg;
    struct core_counts counts;
    core_counts(view->core, &counts);
    part->clock_ms = counts.clock_ms;
}

static void scorer_clock_done(void *arg, enum err err, const struct err_info *info)
{
    struct scorer_advance *advance = ((struct scorer_advance_lane *)arg)->all;
    if (err != ERR_OK) {
        advance->err = err;
        advance->info = *info;
    }
    if (--advance->left == 0)
        scorer_advance_end(advance);
}

static void scorer_advance_done(void *arg, enum err err, const struct err_info *info)
{
    struct scorer_advance_lane *part = arg;
    if (err == ERR_OK)
        lane_look(part->lane, scorer_clock_look, scorer_clock_done, part);
    else
        scorer_clock_done(part, err, info);
}

static void scorer_advance_clock(struct service *service, int64_t to_ms, void *token)
{
    struct scorer *scorer = service_state(service);
    struct err_info info;
    if (scorer->config->clock != SCORER_CLOCK_EVENT) {
        enum err err =
            err_set(&info, ERR_BUSY, "this cluster runs by the wall clock (clock: wall)");
        service_clock_done(token, err, 0, &info);
        return;
    }
    if (to_ms <= 0 || to_ms > SCORER_CLOCK_MAX_MS) {
        enum err err = err_set(&info, ERR_INVALID, "to_ms: %lld is not an instant before 10000",
                               (long long)to_ms);
        service_clock_done(token, err, 0, &info);
        return;
    }
    struct scorer_advance *advance = mem_zalloc(sizeof *advance);
    advance->token = token;
    advance->left = advance->n = scorer->n_lanes;
    advance->lanes = mem_zalloc(advance->n * sizeof *advance->lanes);
    for (size_t i = 0; i < advance->n; i++)
        advance->lanes[i] = (struct scorer_advance_lane){advance, scorer->lanes[i], 0};
    for (size_t i = 0; i < scorer->n_lanes; i++) // a callback comes later, never inside
        lane_advance(scorer->lanes[i], to_ms, scorer_advance_done, &advance->lanes[i]);
}

// ---- Life cycle ---------------------------------------------------------------------------------

static enum err scorer_read_map(struct scorer *scorer, struct err_info *info)
{
    struct shard_source *source;
    enum err err = shard_source_open_file(scorer->config->shard_map, &source, info);
    if (err != ERR_OK)
        return err;
    err = shard_source_read(source, &scorer->map, info);
    shard_source_close(source);
    return err;
}

static enum err scorer_open_lanes(struct scorer *scorer, struct err_info *info)
{
    const struct scorer_config *config = scorer->config;
    const char *name = service_config(scorer->service)->name;
    if (mkdir(config->data, 0777) != 0 && errno != EEXIST)
        return err_set(info, ERR_IO, "%s: cannot make the folder: %s", config->data,
                       strerror(errno));
    scorer->lanes = mem_zalloc(scorer->map->n_lanes * sizeof(struct lane *));
    for (uint32_t i = 0; i < scorer->map->n_lanes; i++) {
        if (strcmp(scorer->map->lanes[i].node, name) != 0)
            continue;
        char path[4096];
        snprintf(path, sizeof path, "%s/lane-%u", config->data, i);
        struct lane_opts opts = {
            .number = i,
            .path = path,
            .loop = service_loop(scorer->service),
            .router = scorer->router,
            .ingests = scorer->ingests,
            .n_ingests = scorer->n_ingests,
            .map = scorer->map,
            .wall_clock = config->clock == SCORER_CLOCK_WALL,
            .dedupe_window_ms = config->dedupe_window_ms,
            .dedupe_ids_max = (uint64_t)config->dedupe_ids_max,
            .journal_bytes_max = (uint64_t)config->journal_max_bytes,
            .journal_keep_bytes = (uint64_t)config->journal_keep_bytes,
            .state_bytes_max = (uint64_t)config->state_max_bytes,
            .checkpoint_every_ms = config->checkpoint_every_ms,
            .queue_max = (size_t)config->queue_max,
        };
        enum err err = lane_open(&opts, &scorer->lanes[scorer->n_lanes], info);
        if (err != ERR_OK)
            return err;
        lane_register_metrics(scorer->lanes[scorer->n_lanes], service_metrics(scorer->service));
        scorer->n_lanes++;
    }
    if (scorer->n_lanes == 0)
        return err_set(info, ERR_INVALID, "the shard map %s gives no lane to a node named \"%s\"",
                       config->shard_map, name);
    return ERR_OK;
}

static void scorer_stop_lanes(void *arg)
{
    struct scorer *scorer = arg;
    for (size_t i = 0; i < scorer->n_lanes; i++)
        lane_stop(scorer->lanes[i]);
    aside_end(scorer->aside);
}

static void scorer_drain(struct service *service)
{
    struct scorer *scorer = service_state(service);
    scorer->draining = true;
    service_drain_aside(service, scorer_stop_lanes, scorer);
}

static void scorer_closed_cb(void *arg)
{
    struct scorer *scorer = arg;
    if (--scorer->n_clients > 0)
        return;
    for (size_t i = 0; i < scorer->n_lanes; i++)
        lane_close(scorer->lanes[i]);
    aside_destroy(scorer->aside);
    shard_map_destroy(scorer->map);
    mem_free(scorer->lanes);
    mem_free(scorer);
}

static void scorer_close(struct service *service)
{
    struct scorer *scorer = service_state(service);
    if (scorer == NULL)
        return;
    // First, because its calls end in the lanes.
    size_t n = scorer->n_ingests;
    scorer->n_clients = n + 1;
    for (size_t i = 0; i < n; i++)
        rpc_client_close(scorer->ingests[i], scorer_closed_cb, scorer);
    rpc_client_close(scorer->router, scorer_closed_cb, scorer);
}

static enum err scorer_open_ingests(struct scorer *scorer, struct err_info *info)
{
    const char *at = scorer->config->ingest;
    while (*(at += strspn(at, " ")) != '\0') {
        char url[200];
        size_t len = strcspn(at, " ");
        if (scorer->n_ingests == SCORER_INGESTS_MAX)
            return err_set(info, ERR_INVALID, "ingest: more than %d addresses", SCORER_INGESTS_MAX);
        snprintf(url, sizeof url, "%.*s", (int)len, at);
        struct rpc_client_opts opts = {.url = url,
                                       .calls_max = SHARD_LANES_MAX,
                                       .authorization = service_authorization,
                                       .authorization_arg = scorer->service};
        enum err err = rpc_client_open(service_loop(scorer->service), &opts,
                                       &scorer->ingests[scorer->n_ingests], info);
        if (err != ERR_OK)
            return err_prefix(info, err, "ingest");
        scorer->n_ingests++;
        at += len;
    }
    return ERR_OK;
}

static enum err scorer_open(struct service *service, const void *own, struct err_info *info)
{
    struct scorer *scorer = mem_zalloc(sizeof *scorer);
    service_set_state(service, scorer);
    scorer->service = service;
    scorer->config = own;
    scorer->aside = aside_create(service_loop(service));
    struct rpc_client_opts router = {.url = scorer->config->router,
                                     .authorization = service_authorization,
                                     .authorization_arg = service};
    enum err err = rpc_client_open(service_loop(service), &router, &scorer->router, info);
    if (err == ERR_OK)
        err = scorer_open_ingests(scorer, info);
    if (err == ERR_OK)
        err = scorer_read_map(scorer, info);
    if (err == ERR_OK)
        err = scorer_open_lanes(scorer, info);
    if (err != ERR_OK)
        return err;
    scorer_add_methods(scorer);
    return scorer_start(scorer, info);
}

static void scorer_refresh_metrics(struct service *service)
{
    struct scorer *scorer = service_state(service);
    for (size_t i = 0; i < scorer->n_lanes; i++)
        lane_refresh_metrics(scorer->lanes[i]);
}

const struct service_desc SCORER_SERVICE = {
    .program = "assay-scorer",
    .summary =
        "Keeps the accounts of its shards, decides their signals, and passes them to the router.",
    .fields = SCORER_FIELDS,
    .n_fields = ARRAY_LEN(SCORER_FIELDS),
    .config_bytes = sizeof(struct scorer_config),
    .access = &ACCESS,
    .open = scorer_open,
    .drain = scorer_drain,
    .close = scorer_close,
    .document = scorer_document,
    .load_document = scorer_load_document,
    .advance_clock = scorer_advance_clock,
    .refresh_metrics = scorer_refresh_metrics,
};
