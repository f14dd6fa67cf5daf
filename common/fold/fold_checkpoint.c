// SPDX-License-Identifier: Apache-2.0
// Checkpoints, and the trim of the journal that follows them.
//
// The happy path, each line a turn of the fold's thread or a later one:
// 1. something was applied since the last checkpoint and the time has come: freeze, seal (kept
// aside);
// 2. collect a slice, post it to the second thread, which commits it and wakes us; pause; again;
// 3. nothing is left to collect: post the sealed rows with the fold's own row;
// 4. that is committed: the checkpoint counts, and the journal is trimmed some records at a time.
// A slice holds only what was applied, and what was applied is durable in the journal: so no row is
// ever on the disk before the records that it includes.
//
// When a transaction meets FULL, the same rows are posted again later: the state has handed them
// out and will not do so a second time. Until then the last complete checkpoint counts, the journal
// is not trimmed, and at last new records are refused. Any other failure is fatal.
#include "common/clock/clock.h"
#include "common/fold/fold_impl.h"
#include "common/log/log.h"

#define LOG_COMPONENT "fold"

void fold_committer_run_on_committer(void *arg)
{
    struct fold *fold = arg;
    struct fold_committer *committer = &fold->committer;
    pthread_mutex_lock(&committer->lock);
    for (;;) {
        while (!committer->quit && (!committer->busy || committer->done))
            pthread_cond_wait(&committer->changed, &committer->lock);
        if (committer->quit)
            break;
        const struct fold_rows *rows = committer->rows;
        pthread_mutex_unlock(&committer->lock);
        struct err_info info = {{0}};
        uint64_t start = clock_mono_ns();
        enum err err = fold_rows_commit(rows, fold->store, &info);
        uint64_t ns = clock_mono_ns() - start;
        pthread_mutex_lock(&committer->lock);
        committer->err = err;
        committer->info = info;
        committer->ns = ns;
        committer->done = true;
        pthread_cond_broadcast(&committer->changed);
        queue_wake(fold->queue);
    }
    pthread_mutex_unlock(&committer->lock);
}

void fold_committer_quit(struct fold *fold)
{
    pthread_mutex_lock(&fold->committer.lock);
    fold->committer.quit = true;
    pthread_cond_broadcast(&fold->committer.changed);
    pthread_mutex_unlock(&fold->committer.lock);
    thread_join(fold->committer.thread);
    fold->committer.thread = NULL;
}

static void post(struct fold *fold, struct fold_rows *rows)
{
    struct fold_committer *committer = &fold->committer;
    pthread_mutex_lock(&committer->lock);
    CHECK(!committer->busy);
    committer->rows = rows;
    committer->busy = true;
    committer->done = false;
    pthread_cond_broadcast(&committer->changed);
    pthread_mutex_unlock(&committer->lock);
}

static bool committer_busy(const struct fold *fold)
{
    struct fold_committer *committer = (struct fold_committer *)&fold->committer;
    pthread_mutex_lock(&committer->lock);
    bool busy = committer->busy && !committer->done;
    pthread_mutex_unlock(&committer->lock);
    return busy;
}

static bool near_full(const struct fold *fold)
{
    uint64_t used, max;
    journal_lmdb_usage(fold->journal, &used, &max, NULL);
    return max != 0 && used > max - max / 8;
}

// Work goes on in the pauses; when the journal is short of room there is no time for them.
static int64_t pause_ms(const struct fold *fold)
{
    return fold->checkpoint.pressed || near_full(fold) ? 0 : fold->opts.slice_pause_ms;
}

void fold_checkpoint_press(struct fold *fold)
{
    fold->checkpoint.pressed = true;
}

static void complete(struct fold *fold, int64_t now_ms)
{
    struct fold_checkpoint *checkpoint = &fold->checkpoint;
    checkpoint->phase = FOLD_IDLE;
    checkpoint->position = checkpoint->meta.position;
    checkpoint->n_total++;
    checkpoint->next_ms = checkpoint->started_ms + fold->opts.checkpoint_every_ms;
    uint64_t below =
        fold_meta_trim(&checkpoint->meta, &checkpoint->meta, fold->opts.journal_keep_bytes);
    if (below > checkpoint->trim_below)
        checkpoint->trim_below = below;
    if (checkpoint->position >= checkpoint->keep_until) {
        checkpoint->keep_from = UINT64_MAX;
        checkpoint->keep_until = 0;
    }
    LOG_DEBUG("checkpoint", "fold=%s position=%llu ms=%lld", fold->name,
              (unsigned long long)checkpoint->position,
              (long long)(now_ms - checkpoint->started_ms));
}

// True when the second thread has nothing to do, after its last result was taken in.
static bool take_result(struct fold *fold, int64_t now_ms)
{
    struct fold_checkpoint *checkpoint = &fold->checkpoint;
    struct fold_committer *committer = &fold->committer;
    pthread_mutex_lock(&committer->lock);
    bool busy = committer->busy, done = committer->done;
    if (busy && done)
        committer->busy = committer->done = false;
    pthread_mutex_unlock(&committer->lock);
    if (!busy || !done)
        return !busy;
    checkpoint->ns_total += committer->ns;
    if (committer->err == ERR_FULL) {
        LOG_WARN("checkpoint_full", "fold=%s msg=\"%s\"", fold->name, committer->info.text);
        checkpoint->retry = true;
        checkpoint->next_ms = now_ms + fold->opts.checkpoint_every_ms;
        return true;
    }
    if (committer->err != ERR_OK) {
        fold_fail(fold, committer->err, "checkpoint", &committer->info);
        return true;
    }
    checkpoint->rows_total += committer->rows->n;
    fold_rows_clear(committer->rows);
    checkpoint->next_ms = now_ms + pause_ms(fold);
    if (checkpoint->phase == FOLD_LAST)
        complete(fold, now_ms);
    return true;
}

static void begin(struct fold *fold, int64_t now_ms)
{
    struct fold_checkpoint *checkpoint = &fold->checkpoint;
    const struct fold_ops *ops = fold->opts.ops;
    fold_meta_forget(&fold->meta, journal_first(fold->journal));
    fold_meta_mark(&fold->meta, fold->applied, fold->opts.journal_keep_bytes);
    checkpoint->meta = fold->meta;
    checkpoint->meta.position = fold->applied;
    checkpoint->started_ms = now_ms;
    checkpoint->next_ms = now_ms;
    checkpoint->phase = FOLD_COLLECT;
    ops->freeze(fold->opts.state, fold->applied);
    ops->seal(fold->opts.state, &checkpoint->sealed);
    fold_meta_put(fold, &checkpoint->meta, &checkpoint->sealed);
}

static void collect(struct fold *fold)
{
    struct fold_checkpoint *checkpoint = &fold->checkpoint;
    const struct fold_ops *ops = fold->opts.ops;
    bool more = ops->collect != NULL && ops->collect(fold->opts.state, fold->applied,
                                                     &checkpoint->slice, fold->opts.slice_rows);
    if (!more)
        checkpoint->phase = FOLD_SEAL;
    if (checkpoint->slice.n > 0)
        post(fold, &checkpoint->slice);
}

static bool is_due(const struct fold *fold, int64_t now_ms)
{
    const struct fold_checkpoint *checkpoint = &fold->checkpoint;
    if (checkpoint->phase == FOLD_IDLE && fold->applied == checkpoint->position)
        return false;
    bool kept = checkpoint->keep_from != UINT64_MAX;
    if (checkpoint->phase == FOLD_IDLE &&
        (kept || journal_first(fold->journal) > checkpoint->position) &&
        (checkpoint->pressed || near_full(fold)))
        return true; // only a newer checkpoint makes room
    return now_ms >= checkpoint->next_ms;
}

// One move. The second thread is idle.
static void move(struct fold *fold, int64_t now_ms)
{
    struct fold_checkpoint *checkpoint = &fold->checkpoint;
    if (checkpoint->retry) {
        checkpoint->retry = false;
        post(fold, fold->committer.rows);
        return;
    }
    switch (checkpoint->phase) {
    case FOLD_IDLE:
        begin(fold, now_ms);
        break;
    case FOLD_COLLECT:
        collect(fold);
        break;
    case FOLD_SEAL:
        checkpoint->phase = FOLD_LAST;
        post(fold, &checkpoint->sealed);
        break;
    case FOLD_LAST:
        CHECK(false);
        break;
    }
}

void fold_keep(struct fold *fold, uint64_t from, uint64_t until)
{
    struct fold_checkpoint *checkpoint = &fold->checkpoint;
    if (from < checkpoint->keep_from)
        checkpoint->keep_from = from;
    if (until > checkpoint->keep_until)
        checkpoint->keep_until = until;
}

void fold_wish(struct fold *fold, uint64_t from)
{
    fold->checkpoint.wish_from = from;
}

// Below which record the journal can go now.
static uint64_t trim_end(const struct fold *fold)
{
    const struct fold_checkpoint *checkpoint = &fold->checkpoint;
    uint64_t below = checkpoint->trim_below;
    below = below < checkpoint->keep_from ? below : checkpoint->keep_from;
    return below < checkpoint->wish_from ? below : checkpoint->wish_from;
}

// A journal that is nearly full, or has refused, is trimmed up to the checkpoint.
static void press_trim(struct fold *fold)
{
    struct fold_checkpoint *checkpoint = &fold->checkpoint;
    if (journal_first(fold->journal) > checkpoint->position)
        return;
    if (!checkpoint->pressed && !near_full(fold))
        return;
    checkpoint->pressed = false;
    checkpoint->wish_from = UINT64_MAX;
    if (checkpoint->trim_below == checkpoint->position + 1)
        return;
    checkpoint->trim_below = checkpoint->position + 1;
    checkpoint->trim_ms = 0;
}

static void trim(struct fold *fold, int64_t now_ms)
{
    struct fold_checkpoint *checkpoint = &fold->checkpoint;
    press_trim(fold);
    uint64_t below = trim_end(fold);
    if (journal_first(fold->journal) >= below || now_ms < checkpoint->trim_ms)
        return;
    CHECK(below <= checkpoint->position + 1);
    struct err_info info = {{0}};
    enum err err = journal_trim(fold->journal, below, &info);
    checkpoint->trim_ms = now_ms + pause_ms(fold);
    if (err == ERR_FULL || err == ERR_UNAVAILABLE) {
        LOG_WARN("trim_failed", "fold=%s msg=\"%s\"", fold->name, info.text);
        checkpoint->trim_ms = now_ms + fold->opts.checkpoint_every_ms;
    } else if (err != ERR_OK) {
        fold_fail(fold, err, "trim", &info);
    }
}

void fold_checkpoint_step(struct fold *fold, int64_t now_ms)
{
    if (!fold->dead && take_result(fold, now_ms) && !fold->dead && is_due(fold, now_ms))
        move(fold, now_ms);
    if (!fold->dead)
        trim(fold, now_ms);
}

static int64_t until(int64_t at_ms, int64_t now_ms)
{
    return at_ms > now_ms ? at_ms - now_ms : 0;
}

int64_t fold_checkpoint_wait_ms(const struct fold *fold, int64_t now_ms)
{
    const struct fold_checkpoint *checkpoint = &fold->checkpoint;
    if (fold->dead)
        return -1;
    int64_t wait = -1;
    if (is_due(fold, now_ms))
        wait = 0;
    else if (checkpoint->phase != FOLD_IDLE || fold->applied > checkpoint->position)
        wait = until(checkpoint->next_ms, now_ms);
    if (committer_busy(fold)) // it wakes us
        wait = -1;
    if (journal_first(fold->journal) < trim_end(fold)) {
        int64_t trim_wait = until(checkpoint->trim_ms, now_ms);
        wait = wait < 0 || trim_wait < wait ? trim_wait : wait;
    }
    return wait;
}

static void wait_for_committer(struct fold *fold)
{
    struct fold_committer *committer = &fold->committer;
    pthread_mutex_lock(&committer->lock);
    while (committer->busy && !committer->done)
        pthread_cond_wait(&committer->changed, &committer->lock);
    pthread_mutex_unlock(&committer->lock);
}

void fold_checkpoint_final(struct fold *fold)
{
    struct fold_checkpoint *checkpoint = &fold->checkpoint;
    int failures = 0;
    while (!fold->dead) {
        wait_for_committer(fold);
        int64_t now_ms = clock_mono_ms();
        take_result(fold, now_ms);
        failures += checkpoint->retry;
        if (failures > 1) {
            LOG_ERROR("last_checkpoint_full", "fold=%s msg=\"the journal still has everything\"",
                      fold->name);
            return;
        }
        if (checkpoint->phase == FOLD_IDLE && fold->applied == checkpoint->position)
            return;
        if (!fold->dead)
            move(fold, now_ms);
    }
}
