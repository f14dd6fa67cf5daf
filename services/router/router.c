// SPDX-License-Identifier: Apache-2.0
// Wiring: configuration, the fold, the playbook, ticks, and an orderly end.
#include "services/router/router.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "assay/record/v1/record_scorer.pb-c.h"
#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "common/log/log.h"
#include "services/access/access.h"
#include "services/playbook/load.h"
#include "services/router/router_impl.h"
#include "services/router/webhook/deliver.h"

#define LOG_COMPONENT "router"

enum {
    TICK_LATEST_MS = 60000, // look at the wall clock at least so often while a lease runs
    TICK_AGAIN_MS = 100,    // after a tick that the fold refused
    MAILBOX_SPARE = 64,     // for what is no call: ticks, a playbook, the wake
};

#define MIB (1024ll * 1024)
#define GIB (1024ll * MIB)
#define FIELD(name) offsetof(struct router_config, name)

static const char *const CLOCKS[] = {
    [ROUTER_CLOCK_WALL] = "wall", [ROUTER_CLOCK_EVENT] = "event", NULL};
static const int64_t CLOCK_MAX_MS = 253402300799999; // the end of the year 9999

static const struct config_field ROUTER_FIELDS[] = {
    {"data", CONFIG_TEXT, FIELD(data), NULL, 0, 0, NULL,
     "Folder of the router's journal and state."},
    {"playbook", CONFIG_TEXT, FIELD(playbook), NULL, 0, 0, NULL,
     "The playbook's file; read at start, and when a reload is asked for."},
    {"checkpoint_every", CONFIG_DURATION, FIELD(checkpoint_every_ms), "5s", 100, 3600000, NULL,
     "Time between checkpoints of the state."},
    {"journal_max", CONFIG_BYTES, FIELD(journal_max_bytes), "64GiB", 64 * MIB, 1024 * GIB, NULL,
     "Bound of the journal's file; at the bound requests that change something are refused."},
    {"journal_keep", CONFIG_BYTES, FIELD(journal_keep_bytes), "8GiB", 0, 1024 * GIB, NULL,
     "Journal kept behind the last checkpoint, for replay."},
    {"state_max", CONFIG_BYTES, FIELD(state_max_bytes), "64GiB", 64 * MIB, 1024 * GIB, NULL,
     "Bound of the state's file, which holds the decision log too."},
    {"queue_max", CONFIG_INT, FIELD(queue_max), "1024", 16, 100000, NULL,
     "Requests that may wait; more are refused."},
    {"decisions_kept", CONFIG_INT, FIELD(decisions_kept), "10000", 0, 10000000, NULL,
     "Newest decisions that stay in memory, beside those that are not in a checkpoint yet."},
    {"page_max", CONFIG_BYTES, FIELD(page_max_bytes), "1MiB", 4096, 2 * MIB, NULL,
     "About the most bytes of decisions in one answer."},
    {"ingest", CONFIG_TEXT, FIELD(ingest), "", 0, 0, NULL,
     "Addresses of ingest, with blanks between them: what became of a lead goes there, as a trait "
     "of its account. Empty: nowhere."},
    {"webhooks", CONFIG_TEXT, FIELD(webhooks), "", 0, 0, NULL,
     "File of the webhooks that decisions on leads are delivered to; read at start. Empty: none."},
    {"clock", CONFIG_CHOICE, FIELD(clock), "wall", 0, 0, CLOCKS,
     "What the cluster lives by: the wall clock, or its events' times."},
};

// ---- Between the fold and the loop --------------------------------------------------------------

enum err router_submit(struct router *router, struct item *item)
{
    pthread_mutex_lock(&router->gate);
    enum err err = router->open ? fold_submit(router->fold, &item->fold) : ERR_CANCELED;
    pthread_mutex_unlock(&router->gate);
    return err;
}

void router_answered(struct router *router, struct item *item)
{
    // Bounded by the calls that the server lets in, and a few of our own: there is always room.
    CHECK(mailbox_post(router->to_loop, item) == ERR_OK);
}

int64_t router_now_ms(const struct router *router)
{
    return router->config->clock == ROUTER_CLOCK_EVENT ? (int64_t)atomic_load(&router->clock_ms)
                                                       : clock_wall_ms();
}

static void arm_tick(struct router *router)
{
    int64_t due_ms = atomic_load(&router->next_due_ms);
    if (router->ticking || router->draining || router->config->clock == ROUTER_CLOCK_EVENT)
        return;
    if (due_ms == INT64_MAX) {
        loop_timer_stop(router->tick_timer);
        return;
    }
    int64_t left_ms = due_ms - clock_wall_ms();
    left_ms = left_ms < 0 ? 0 : left_ms;
    left_ms = left_ms > TICK_LATEST_MS ? TICK_LATEST_MS : left_ms;
    loop_timer_start(router->tick_timer, (uint64_t)left_ms, 0);
}

static void tick_destroy(struct tick_item *tick)
{
    buf_deinit(&tick->record);
    mem_free(tick);
}

static struct tick_item *tick_create(int64_t now_ms)
{
    struct tick_item *tick = mem_zalloc(sizeof *tick);
    tick->item.kind = ITEM_TICK;
    tick->now_ms = now_ms;
    Assay__Record__V1__TickRecord record = ASSAY__RECORD__V1__TICK_RECORD__INIT;
    record.now_ms = now_ms;
    size_t n = assay__record__v1__tick_record__get_packed_size(&record);
    assay__record__v1__tick_record__pack(&record, buf_reserve(&tick->record, n + 1));
    tick->record.len = n;
    tick->item.fold.type = LEDGER_TICK;
    tick->item.fold.body = buf_span(&tick->record);
    return tick;
}

static void tick_cb(void *arg)
{
    struct router *router = arg;
    int64_t now_ms = clock_wall_ms();
    if (atomic_load(&router->next_due_ms) > now_ms) {
        arm_tick(router);
        return;
    }
    struct tick_item *tick = tick_create(now_ms);
    router->ticking = router_submit(router, &tick->item) == ERR_OK;
    if (router->ticking)
        return;
    tick_destroy(tick);
    if (!router->draining)
        loop_timer_start(router->tick_timer, TICK_AGAIN_MS, 0);
}

// Somebody moves the clock of a cluster that lives by its events' times.
static void router_advance_clock(struct service *service, int64_t to_ms, void *token)
{
    struct router *router = service_state(service);
    struct err_info info;
    enum err err = ERR_OK;
    if (router->config->clock != ROUTER_CLOCK_EVENT)
        err = err_set(&info, ERR_BUSY, "this cluster runs by the wall clock (clock: wall)");
    else if (to_ms <= 0 || to_ms > CLOCK_MAX_MS)
        err = err_set(&info, ERR_INVALID, "to_ms: %lld is not an instant before 10000",
                      (long long)to_ms);
    if (err != ERR_OK) {
        service_clock_done(token, err, 0, &info);
        return;
    }
    struct tick_item *tick = tick_create(to_ms);
    tick->token = token;
    err = router_submit(router, &tick->item);
    if (err == ERR_OK)
        return;
    tick_destroy(tick);
    err = err_set(&info, err, "the router's queue is full, or it stops");
    service_clock_done(token, err, 0, &info);
}

static void tick_done(struct router *router, struct tick_item *tick)
{
    enum err err = tick->err;
    void *token = tick->token;
    tick_destroy(tick);
    if (token != NULL) {
        struct err_info info;
        err_set(&info, err, "the router stops");
        service_clock_done(token, err, (int64_t)atomic_load(&router->clock_ms), &info);
        return;
    }
    router->ticking = false;
    if (err == ERR_OK)
        arm_tick(router);
    else if (!router->draining)
        loop_timer_start(router->tick_timer, TICK_AGAIN_MS, 0);
}

static void playbook_done(struct router *router, struct playbook_item *item);

static void to_loop_cb(void *arg, void *posted)
{
    struct router *router = arg;
    struct item *item = posted;
    switch (item->kind) {
    case ITEM_CALL:
        call_done(CONTAINER_OF(item, struct call, item));
        return;
    case ITEM_TICK:
        tick_done(router, CONTAINER_OF(item, struct tick_item, item));
        return;
    case ITEM_PLAYBOOK:
        playbook_done(router, CONTAINER_OF(item, struct playbook_item, item));
        return;
    case ITEM_OUTCOMES:
    case ITEM_REPORTED:
        reports_back(router, ledger_outcomes_of(item));
        return;
    case ITEM_WEBHOOKS:
        webhooks_back(router, item);
        return;
    case ITEM_WAKE:
        atomic_store(&router->woken, false);
        arm_tick(router);
        poll_wake(router);
        reports_wake(router);
        webhooks_wake(router);
        return;
    case ITEM_SIGNALS: // answered on the fold's thread
        break;
    }
    CHECK(false);
}

// ---- The playbook -------------------------------------------------------------------------------

static void playbook_item_destroy(struct playbook_item *item)
{
    playbook_destroy(item->playbook);
    buf_deinit(&item->record);
    mem_free(item);
}

static void playbook_done(struct router *router, struct playbook_item *item)
{
    router->loading = NULL;
    if (item->err == ERR_OK) {
        memcpy(router->label, item->label, sizeof router->label);
        router->digest = item->digest;
        LOG_INFO("playbook_in_force", "playbook=%s", router->label);
        service_set_ready(router->service, true, "");
    } else {
        LOG_ERROR("playbook_refused", "msg=\"the journal: %s\"", err_text(item->err));
    }
    if (item->token != NULL)
        service_document_done(item->token, item->err, router->label, item->err == ERR_OK,
                              item->err == ERR_OK ? "" : err_text(item->err));
    else if (item->err != ERR_OK)
        service_fail(router->service, "the playbook could not be put in force");
    playbook_item_destroy(item);
}

// Puts a playbook in force (takes it).
static enum err playbook_send(struct router *router, struct playbook *playbook, void *token)
{
    struct playbook_item *item = mem_zalloc(sizeof *item);
    item->item.kind = ITEM_PLAYBOOK;
    item->playbook = playbook;
    item->token = token;
    item->digest = playbook->digest;
    snprintf(item->label, sizeof item->label, "%s", playbook->label);
    Assay__Record__V1__PlaybookRecord record = ASSAY__RECORD__V1__PLAYBOOK_RECORD__INIT;
    record.file = (char *)playbook->file;
    record.text.data = (uint8_t *)playbook->text.ptr;
    record.text.len = playbook->text.len;
    size_t n = assay__record__v1__playbook_record__get_packed_size(&record);
    assay__record__v1__playbook_record__pack(&record, buf_reserve(&item->record, n));
    item->record.len = n;
    item->item.fold.type = LEDGER_PLAYBOOK;
    item->item.fold.body = buf_span(&item->record);
    gauges_add(router, playbook);
    enum err err = router_submit(router, &item->item);
    if (err == ERR_OK)
        router->loading = item;
    else
        playbook_item_destroy(item);
    return err;
}

static void load_document(struct service *service, const char *file, struct span text,
                          bool check_only, void *token)
{
    struct router *router = service_state(service);
    struct buf report = {0};
    struct playbook *playbook = NULL;
    enum err err = playbook_load(file, text, &playbook, &report);
    buf_append_u8(&report, 0);
    const char *said = (const char *)report.bytes;
    if (err == ERR_OK && !check_only && router->loading != NULL) {
        err = ERR_BUSY;
        said = "another playbook is being put in force";
    }
    if (err == ERR_OK && !check_only && playbook->digest != router->digest) {
        err = playbook_send(router, playbook, token);
        playbook = NULL;
        said = "the router takes no work now";
    }
    if (err != ERR_OK || router->loading == NULL || router->loading->token != token)
        service_document_done(token, err, router->label, false, said);
    playbook_destroy(playbook);
    buf_deinit(&report);
}

static const char *document(struct service *service)
{
    const struct router *router = service_state(service);
    return router->label;
}

// Nothing can be decided without a playbook: the way out for a person who has to correct it.
static void exit_without_playbook(const struct router *router, const char *report)
{
    LOG_ERROR("no_playbook", "file=%s msg=\"none is in force, and this one has mistakes\"",
              router->config->playbook);
    fprintf(stderr, "%s", report);
    _exit(SERVICE_EXIT_USAGE);
}

// The file's playbook if it is good; else the one that is in force already; else there is no
// router.
static enum err load_at_start(struct router *router, struct err_info *info)
{
    const struct playbook *in_force = router_core_playbook(router->core);
    struct buf report = {0};
    struct playbook *playbook = NULL;
    enum err err = playbook_load_file(router->config->playbook, &playbook, &report);
    buf_append_u8(&report, 0);
    if (err != ERR_OK && in_force == NULL)
        exit_without_playbook(router, (const char *)report.bytes);
    if (in_force != NULL) {
        snprintf(router->label, sizeof router->label, "%s", in_force->label);
        router->digest = in_force->digest;
        gauges_add(router, in_force);
        ledger_publish(router); // nothing runs on the fold's thread yet
    }
    if (err != ERR_OK) {
        fprintf(stderr, "%s", (const char *)report.bytes);
        LOG_ERROR("playbook_refused", "file=%s msg=\"the one in force stays: %s\"",
                  router->config->playbook, router->label);
    }
    buf_deinit(&report);
    if (err != ERR_OK || (in_force != NULL && playbook->digest == in_force->digest)) {
        playbook_destroy(playbook);
        LOG_INFO("playbook_in_force", "playbook=%s", router->label);
        service_set_ready(router->service, true, "");
        return ERR_OK;
    }
    service_set_ready(router->service, false, "the playbook is being put in force");
    err = playbook_send(router, playbook, NULL);
    return err == ERR_OK ? ERR_OK : err_set(info, err, "the playbook: %s", err_text(err));
}

// ---- Life cycle ---------------------------------------------------------------------------------

static void fatal(void *state, enum err err, const char *text)
{
    (void)state;
    // Whatever was not answered is sent again; what was answered is in the journal.
    LOG_ERROR("fatal", "err=%s msg=\"%s\"", err_name(err), text);
    _exit(SERVICE_EXIT_FAILED);
}

static enum err open_fold(struct router *router, struct err_info *info)
{
    const struct router_config *config = router->config;
    struct fold_opts opts = {
        .name = "router",
        .path = config->data,
        .ops = &LEDGER_OPS,
        .state = router,
        .tables = LEDGER_TABLES,
        .n_tables = ROUTER_TABLES,
        .n_tables_unloaded = ROUTER_TABLES - ROUTER_TABLE_DECISIONS,
        .journal_bytes_max = (uint64_t)config->journal_max_bytes,
        .journal_keep_bytes = (uint64_t)config->journal_keep_bytes,
        .state_bytes_max = (uint64_t)config->state_max_bytes,
        .queue_max = (size_t)config->queue_max,
        .checkpoint_every_ms = config->checkpoint_every_ms,
        .fatal = fatal,
    };
    return fold_open(&opts, &router->fold, info);
}

static void stopped_cb(void *arg, void *item)
{
    (void)item;
    struct router *router = arg;
    thread_join(router->stopper);
    router->stopper = NULL;
    router->fold_closed = true;
    router_ended(router);
}

void router_ended(struct router *router)
{
    if (router->fold_closed && reports_closed(router) && webhooks_closed(router))
        service_drained(router->service);
}

// A last checkpoint takes a moment, so it is not for the loop.
static void run_stop(void *arg)
{
    struct router *router = arg;
    pthread_mutex_lock(&router->gate);
    router->open = false;
    pthread_mutex_unlock(&router->gate);
    fold_close(router->fold);
    router->fold = NULL;
    CHECK(mailbox_post(router->stopped, router) == ERR_OK);
}

static void router_drain(struct service *service)
{
    struct router *router = service_state(service);
    router->draining = true;
    loop_timer_stop(router->tick_timer);
    poll_end_all(router);
    reports_close(router);
    webhooks_close(router);
    router->stopper = thread_start("stopper", run_stop, router);
}

static void router_close(struct service *service)
{
    struct router *router = service_state(service);
    if (router == NULL)
        return;
    // What the fold answered comes first: both mailboxes deliver what waits.
    mailbox_destroy(router->to_loop);
    mailbox_destroy(router->stopped);
    streams_close(router->streams, NULL, NULL);
    reports_deinit(router);
    webhooks_deinit(router);
    loop_timer_destroy(router->tick_timer);
    router_rows_destroy(router->rows);
    router_core_destroy(router->core);
    decision_log_destroy(router->log);
    router_effects_deinit(&router->effects);
    arena_deinit(&router->arena);
    arena_deinit(&router->scratch);
    arena_deinit(&router->views);
    gauges_deinit(router);
    buf_deinit(&router->packed);
    pthread_mutex_destroy(&router->gate);
    mem_free(router);
    service_set_state(service, NULL);
}

static struct router *router_create(struct service *service, const struct router_config *config)
{
    struct router *router = mem_zalloc(sizeof *router);
    router->service = service;
    router->config = config;
    router->core = router_core_create();
    if (config->clock == ROUTER_CLOCK_EVENT)
        router_core_by_event(router->core);
    router->rows = router_rows_create(router->core);
    router->log = decision_log_create(ROUTER_TABLE_DECISIONS, (size_t)config->decisions_kept);
    router_effects_init(&router->effects);
    arena_init(&router->arena, 64 * 1024, 0);
    arena_init(&router->scratch, 4096, 0);
    arena_init(&router->views, 4096, 0);
    router->wake.kind = ITEM_WAKE;
    router->open = true;
    CHECK(pthread_mutex_init(&router->gate, NULL) == 0);
    struct loop *loop = service_loop(service);
    size_t calls_max = (size_t)service_config(service)->calls_max;
    router->to_loop = mailbox_create(loop, calls_max + MAILBOX_SPARE, to_loop_cb, router);
    router->stopped = mailbox_create(loop, 2, stopped_cb, router);
    router->tick_timer = loop_timer_create(loop, tick_cb, router);
    // Streams are made of calls to ourselves.
    struct streams_opts streams = {.url = service_config(service)->listen};
    router->streams = streams_create(loop, &streams);
    return router;
}

#define ROUTER_DESC(kind, field, name, help)                                                       \
    METRICS_DESC(struct router_metrics, kind, field, name, help)
static const struct metrics_desc ROUTER_DESCS[] = {ROUTER_METRICS(ROUTER_DESC)};

static enum err router_open(struct service *service, const void *own, struct err_info *info)
{
    struct router *router = router_create(service, own);
    service_set_state(service, router);
    metrics_register(service_metrics(service), ROUTER_DESCS, ARRAY_LEN(ROUTER_DESCS),
                     &router->metrics, "");
    enum err err = open_fold(router, info);
    if (err == ERR_OK)
        err = load_at_start(router, info);
    if (err == ERR_OK)
        err = reports_open(router, info);
    if (err == ERR_OK)
        err = webhooks_open(router, info);
    if (err != ERR_OK)
        return err;
    router_add_methods(router);
    fold_start(router->fold);
    arm_tick(router);
    reports_wake(router);
    webhooks_wake(router);
    return ERR_OK;
}

static void refresh_metrics(struct service *service)
{
    struct router *router = service_state(service);
    struct router_metrics *m = &router->metrics;
    struct fold_stats stats;
    metrics_set(&m->polls, (int64_t)atomic_load(&router->n_parked));
    webhooks_refresh(router);
    if (router->draining)
        return; // the fold may be gone
    fold_stats(router->fold, &stats);
    metrics_mirror(&m->groups, stats.groups);
    metrics_mirror(&m->records, stats.records);
    metrics_mirror(&m->checkpoints, stats.checkpoints);
    metrics_set(&m->queued, (int64_t)stats.waiting);
    metrics_set(&m->journal_used, (int64_t)stats.journal_used_bytes);
    metrics_set(&m->state_used, (int64_t)stats.state_used_bytes);
    metrics_set(&m->disk_free, (int64_t)stats.disk_free_bytes);
    metrics_set(&m->lag, (int64_t)(stats.journal_last - stats.checkpoint_position));
}

const struct service_desc ROUTER_SERVICE = {
    .program = "assay-router",
    .summary = "Takes signals, makes one lead per account, and serves queues and the decision log.",
    .fields = ROUTER_FIELDS,
    .n_fields = ARRAY_LEN(ROUTER_FIELDS),
    .config_bytes = sizeof(struct router_config),
    .access = &ACCESS,
    .open = router_open,
    .drain = router_drain,
    .close = router_close,
    .document = document,
    .load_document = load_document,
    .advance_clock = router_advance_clock,
    .refresh_metrics = refresh_metrics,
};
