// SPDX-License-Identifier: Apache-2.0
#include "common/fold/fold.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/fold/fold_impl.h"
#include "common/log/log.h"

#define LOG_COMPONENT "fold"

static const uint64_t GIB = (uint64_t)1 << 30;
static const uint64_t MIB = (uint64_t)1 << 20;

#define OR_DEFAULT(field, value)                                                                   \
    do {                                                                                           \
        if ((field) == 0)                                                                          \
            (field) = (value);                                                                     \
    } while (0)

static void fill_defaults(struct fold_opts *opts)
{
    OR_DEFAULT(opts->journal_bytes_max, 64 * GIB);
    OR_DEFAULT(opts->state_bytes_max, 64 * GIB);
    OR_DEFAULT(opts->journal_keep_bytes, 8 * GIB);
    OR_DEFAULT(opts->disk_reserve_bytes, 256 * MIB);
    OR_DEFAULT(opts->queue_max, 1024);
    OR_DEFAULT(opts->group_bytes_max, 8 * MIB);
    OR_DEFAULT(opts->hold_ms, 200);
    OR_DEFAULT(opts->checkpoint_every_ms, 5000);
    OR_DEFAULT(opts->slice_rows, 4096);
    OR_DEFAULT(opts->slice_pause_ms, 20);
}

static void check_opts(const struct fold_opts *opts)
{
    const struct fold_ops *ops = opts->ops;
    CHECK(opts->name != NULL && opts->path != NULL && ops != NULL);
    CHECK(opts->n_tables < STORE_TABLES_MAX && opts->n_tables_unloaded <= opts->n_tables);
    CHECK(ops->admit != NULL && ops->apply != NULL && ops->answer != NULL && ops->inspect != NULL);
    CHECK(ops->freeze != NULL && ops->seal != NULL);
    CHECK(ops->load != NULL && ops->loaded != NULL && ops->ready != NULL);
}

static struct fold *fold_create(const struct fold_opts *opts)
{
    struct fold *fold = mem_zalloc(sizeof *fold);
    fold->opts = *opts;
    fill_defaults(&fold->opts);
    snprintf(fold->disk_low_text, sizeof fold->disk_low_text,
             "the disk is full: less than %llu MiB are free",
             (unsigned long long)(fold->opts.disk_reserve_bytes / MIB));
    fold->name = mem_dup_text(opts->name);
    fold->path = mem_dup_text(opts->path);
    fold->opts.name = fold->name;
    fold->opts.path = fold->path;
    fold->table_own = opts->n_tables;
    fold->checkpoint.keep_from = fold->checkpoint.wish_from = UINT64_MAX;
    fold->journal = opts->journal;
    size_t n = fold->opts.queue_max;
    fold->queue = queue_create(n);
    fold->pending = mem_alloc(n * sizeof *fold->pending);
    fold->held = mem_alloc(n * sizeof *fold->held);
    fold->group = mem_alloc(n * sizeof *fold->group);
    fold->records = mem_alloc(n * sizeof *fold->records);
    fold->inspects = mem_alloc(n * sizeof *fold->inspects);
    atomic_init(&fold->abandoned, false);
    atomic_init(&fold->waiting, 0);
    CHECK(pthread_mutex_init(&fold->stats_lock, NULL) == 0);
    CHECK(pthread_mutex_init(&fold->committer.lock, NULL) == 0);
    CHECK(pthread_cond_init(&fold->committer.changed, NULL) == 0);
    return fold;
}

// The threads have ended.
static void fold_destroy(struct fold *fold)
{
    while (queue_take(fold->queue, (void **)fold->pending, fold->opts.queue_max, 0) > 0)
        continue;
    queue_destroy(fold->queue);
    journal_close(fold->journal);
    store_close(fold->store);
    pthread_cond_destroy(&fold->committer.changed);
    pthread_mutex_destroy(&fold->committer.lock);
    pthread_mutex_destroy(&fold->stats_lock);
    fold_rows_deinit(&fold->checkpoint.slice);
    fold_rows_deinit(&fold->checkpoint.sealed);
    mem_free(fold->pending);
    mem_free(fold->held);
    mem_free(fold->group);
    mem_free(fold->records);
    mem_free(fold->inspects);
    mem_free(fold->name);
    mem_free(fold->path);
    mem_free(fold);
}

static enum err open_journal(struct fold *fold, struct err_info *info)
{
    if (fold->journal != NULL)
        return ERR_OK;
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/journal", fold->path);
    struct journal_lmdb_opts opts = {.path = path, .bytes_max = fold->opts.journal_bytes_max};
    return journal_lmdb_open(&opts, &fold->journal, info);
}

static enum err open_store(struct fold *fold, struct err_info *info)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/state", fold->path);
    struct store_table tables[STORE_TABLES_MAX];
    for (uint32_t i = 0; i < fold->opts.n_tables; i++)
        tables[i] = fold->opts.tables[i];
    tables[fold->table_own] = (struct store_table){"fold", STORE_KEY_BYTES};
    struct store_opts opts = {
        .path = path,
        .map_bytes = fold->opts.state_bytes_max,
        .tables = tables,
        .n_tables = fold->opts.n_tables + 1,
    };
    return store_open(&opts, &fold->store, info);
}

enum err fold_open(const struct fold_opts *opts, struct fold **out, struct err_info *info)
{
    check_opts(opts);
    if (info != NULL)
        info->text[0] = '\0';
    struct fold *fold = *out = fold_create(opts);
    enum err err = store_folder_make(fold->path, info);
    if (err == ERR_OK)
        err = open_journal(fold, info);
    if (err == ERR_OK)
        err = open_store(fold, info);
    if (err == ERR_OK)
        err = fold_recover(fold, info);
    if (err != ERR_OK) {
        err = err_prefix(info, err, "fold %s", fold->name);
        fold_destroy(fold);
        *out = NULL;
        return err;
    }
    fold->opts.tables = NULL; // borrowed for this call only
    fold->counted.journal_first = journal_first(fold->journal);
    fold->counted.journal_last = journal_last(fold->journal);
    fold->counted.checkpoint_position = fold->checkpoint.position;
    fold->stats = fold->counted;
    return ERR_OK;
}

void fold_start(struct fold *fold)
{
    CHECK(fold->thread == NULL);
    char name[64];
    snprintf(name, sizeof name, "%.10s-ckpt", fold->name);
    fold->committer.thread = thread_start(name, fold_committer_run_on_committer, fold);
    fold->thread = thread_start(fold->name, fold_run, fold);
}

enum err fold_submit(struct fold *fold, struct fold_item *item)
{
    CHECK(item->body.len <= JOURNAL_RECORD_MAX);
    if (atomic_fetch_add(&fold->waiting, 1) >= fold->opts.queue_max) {
        atomic_fetch_sub(&fold->waiting, 1);
        return queue_is_shut(fold->queue) ? ERR_CANCELED : ERR_FULL;
    }
    enum err err = queue_put(fold->queue, item);
    if (err != ERR_OK)
        atomic_fetch_sub(&fold->waiting, 1);
    return err;
}

static void stop_threads(struct fold *fold)
{
    queue_shut(fold->queue);
    queue_wake(fold->queue);
    if (fold->thread == NULL)
        return;
    thread_join(fold->thread);
    fold_committer_quit(fold);
}

void fold_close(struct fold *fold)
{
    if (fold == NULL)
        return;
    if (fold->thread == NULL)
        fold_start(fold);
    stop_threads(fold);
    LOG_INFO("closed", "fold=%s position=%llu checkpoint=%llu", fold->name,
             (unsigned long long)fold->applied, (unsigned long long)fold->checkpoint.position);
    fold_destroy(fold);
}

void fold_abandon(struct fold *fold)
{
    atomic_store(&fold->abandoned, true);
    stop_threads(fold);
    fold_destroy(fold);
}

void fold_stats(struct fold *fold, struct fold_stats *out)
{
    pthread_mutex_lock(&fold->stats_lock);
    *out = fold->stats;
    pthread_mutex_unlock(&fold->stats_lock);
    struct store_usage usage;
    if (store_usage(fold->store, &usage, NULL) == ERR_OK) {
        out->state_used_bytes = usage.used_bytes;
        out->disk_free_bytes = usage.disk_free_bytes;
    }
    uint64_t max;
    journal_lmdb_usage(fold->journal, &out->journal_used_bytes, &max, NULL);
    out->waiting = atomic_load(&fold->waiting);
}
