// SPDX-License-Identifier: Apache-2.0
// Warming: measures that a playbook brought while the lane had taken events get their past.
//
// The happy path:
// 1. a playbook comes into force (fold's thread, or lane_start after a restart) and some of its
//    measures warm: a thread of low priority folds the journal, from the first record that is kept
//    on, into a second core with this playbook, while work goes on;
// 2. it has come so near to the end that the rest takes a moment: it offers the lane a record that
//    says so, together with the second core, and ends;
// 3. that record's turn comes: what was appended meanwhile is folded into the second core, up to
//    the record before, and the lane's core takes over what it lacks (core_warm).
// The record names where the second core began, so recovery can do step 3 again from the journal
// alone; until a checkpoint has covered the record, the journal is kept back to there (fold_keep).
//
// Failure paths. The process ends before step 3: the next start finds the measures still warming
// and begins again. Another playbook comes: the thread is told to stop, and what it offered does
// nothing, since the record names the playbook. The journal is short of room and trimmed under the
// thread: it begins anew from what is left. The record meets a full journal: the second core is
// kept, catches up, and is offered again.
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "common/log/log.h"
#include "common/loop/queue.h"
#include "services/playbook/load.h"
#include "services/scorer/core/warm.h"
#include "services/scorer/lane_impl.h"
#include "services/scorer/rebuild.h"

#define LOG_COMPONENT "lane"

enum {
    WARM_NICE = 10,
    WARM_GAP_RECORDS = 64, // what the lane's own thread may have to fold
    WARM_ROUNDS_MAX = 64,  // then it gets the rest, however much that is
    WARM_PAUSE_MS = 1000,  // after a refusal
};

struct lane_warmer {
    struct lane *lane;
    struct thread *thread;
    struct rebuild *rebuild; // NULL: made from `file` and `text`
    char *file, *text;
    size_t text_len;
    uint64_t digest;
    int64_t started_ms;
    int64_t pause_ms; // before it begins
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool canceled;
    _Atomic uint64_t first, last; // records that it has
};

static bool warmer_canceled(struct lane_warmer *warmer)
{
    pthread_mutex_lock(&warmer->lock);
    bool canceled = warmer->canceled;
    pthread_mutex_unlock(&warmer->lock);
    return canceled;
}

// False: it was told to stop meanwhile.
static bool warmer_pause(struct lane_warmer *warmer, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_mutex_lock(&warmer->lock);
    while (!warmer->canceled &&
           pthread_cond_timedwait(&warmer->changed, &warmer->lock, &until) == 0)
        continue;
    bool canceled = warmer->canceled;
    pthread_mutex_unlock(&warmer->lock);
    return !canceled;
}

static void warmer_destroy(struct lane_warmer *warmer)
{
    rebuild_destroy(warmer->rebuild);
    pthread_cond_destroy(&warmer->changed);
    pthread_mutex_destroy(&warmer->lock);
    mem_free(warmer->file);
    mem_free(warmer->text);
    mem_free(warmer);
}

// ---- The thread ---------------------------------------------------------------------------------

static void warmer_begin(struct lane_warmer *warmer)
{
    struct buf report = {0};
    struct playbook *playbook = NULL;
    enum err err =
        playbook_load(warmer->file, span_make(warmer->text, warmer->text_len), &playbook, &report);
    buf_deinit(&report);
    CHECK(err == ERR_OK); // it is in force
    struct core_opts core = {warmer->lane->opts.dedupe_window_ms,
                             warmer->lane->opts.dedupe_ids_max};
    rebuild_destroy(warmer->rebuild);
    warmer->rebuild =
        rebuild_create(&core, playbook, warmer->lane->opts.map, warmer->lane->opts.number);
}

static bool warmer_record(void *arg, uint64_t position, const struct journal_record *record)
{
    struct lane_warmer *warmer = arg;
    bool ok = rebuild_record(warmer->rebuild, position, record);
    atomic_store(&warmer->first, rebuild_first(warmer->rebuild));
    atomic_store(&warmer->last, position);
    return ok && !warmer_canceled(warmer);
}

// Everything up to now. NOT_FOUND: the journal was trimmed too far.
static enum err warmer_round(struct lane_warmer *warmer, struct err_info *info)
{
    uint64_t last = rebuild_last(warmer->rebuild);
    enum err err = fold_replay(warmer->lane->fold, last == 0 ? 0 : last + 1, UINT64_MAX,
                               warmer_record, warmer, info);
    return err != ERR_OK ? err : rebuild_err(warmer->rebuild, info);
}

static bool warmer_is_near(const struct lane_warmer *warmer)
{
    struct fold_stats stats;
    fold_stats(warmer->lane->fold, &stats);
    return stats.journal_last <= rebuild_last(warmer->rebuild) + WARM_GAP_RECORDS;
}

// False: the lane's queue is full, or it stops.
static bool warmer_offer(struct lane_warmer *warmer)
{
    struct fold_stats stats;
    fold_stats(warmer->lane->fold, &stats);
    bool empty = rebuild_last(warmer->rebuild) == 0; // everything before was trimmed
    int64_t now_ms = clock_wall_ms();
    struct record_warmed record = {
        .from = empty ? stats.journal_first : rebuild_first(warmer->rebuild),
        .playbook_digest = warmer->digest,
        .since_ms = empty ? now_ms : rebuild_since_ms(warmer->rebuild),
        .now_ms = now_ms,
    };
    struct control_item *item = mem_zalloc(sizeof *item);
    item->fold.type = LANE_WARMED;
    item->warmed_digest = record.playbook_digest;
    item->warm_from = record.from;
    item->warming_ms = warmer->started_ms;
    item->rebuild = warmer->rebuild;
    record_pack_warmed(&record, &item->body);
    item->fold.body = buf_span(&item->body);
    warmer->rebuild = NULL; // before anybody else may have it
    if (lane_offer(warmer->lane, &item->fold) == ERR_OK)
        return true;
    warmer->rebuild = item->rebuild;
    item->rebuild = NULL;
    control_item_destroy(item);
    return false;
}

static void warmer_run(void *arg)
{
    struct lane_warmer *warmer = arg;
    // Of this thread alone, on Linux. Should it be refused, it runs like any other.
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), WARM_NICE);
    if (warmer->pause_ms > 0 && !warmer_pause(warmer, warmer->pause_ms))
        return;
    if (warmer->rebuild == NULL)
        warmer_begin(warmer);
    for (int round = 0; !warmer_canceled(warmer); round++) {
        struct err_info info = {{0}};
        enum err err = warmer_round(warmer, &info);
        if (err == ERR_NOT_FOUND) {
            LOG_WARN("warming_again", "lane=%u msg=\"%s\"", warmer->lane->opts.number, info.text);
            warmer_begin(warmer);
            continue;
        }
        if (err != ERR_OK) {
            LOG_ERROR("warming_failed", "lane=%u err=%s msg=\"%s\"", warmer->lane->opts.number,
                      err_name(err), info.text);
            return;
        }
        if (!warmer_is_near(warmer) && round < WARM_ROUNDS_MAX)
            continue;
        if (warmer_canceled(warmer) || warmer_offer(warmer) ||
            !warmer_pause(warmer, WARM_PAUSE_MS / 10))
            return;
    }
}

// ---- Starting and stopping ----------------------------------------------------------------------

static void warmer_start(struct lane *lane, struct rebuild *rebuild, int64_t started_ms,
                         int64_t pause_ms)
{
    const struct playbook *playbook = core_playbook(lane->core);
    struct lane_warmer *warmer = mem_zalloc(sizeof *warmer);
    warmer->lane = lane;
    warmer->rebuild = rebuild;
    warmer->file = mem_dup_text(playbook->file);
    warmer->text = mem_dup(playbook->text);
    warmer->text_len = playbook->text.len;
    warmer->digest = playbook->digest;
    warmer->started_ms = started_ms;
    warmer->pause_ms = pause_ms;
    pthread_condattr_t monotonic;
    CHECK(pthread_condattr_init(&monotonic) == 0);
    CHECK(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(&warmer->changed, &monotonic) == 0);
    pthread_condattr_destroy(&monotonic);
    CHECK(pthread_mutex_init(&warmer->lock, NULL) == 0);
    char name[32];
    snprintf(name, sizeof name, "%.10s-warm", lane->name);
    pthread_mutex_lock(&lane->gate);
    bool open = lane->open;
    if (open) {
        CHECK(lane->warmer == NULL);
        lane->warmer = warmer;
        warmer->thread = thread_start(name, warmer_run, warmer);
    }
    pthread_mutex_unlock(&lane->gate);
    if (!open)
        warmer_destroy(warmer);
}

void lane_warm_start(struct lane *lane)
{
    size_t n = core_warming(lane->core);
    metrics_set(&lane->metrics.warming, (int64_t)n);
    if (n == 0) {
        fold_wish(lane->fold, UINT64_MAX);
        return;
    }
    struct fold_stats stats;
    fold_stats(lane->fold, &stats);
    fold_wish(lane->fold, stats.journal_first);
    LOG_INFO("warming_started", "lane=%u measures=%zu from=%llu to=%llu playbook=%s",
             lane->opts.number, n, (unsigned long long)stats.journal_first,
             (unsigned long long)stats.journal_last, core_playbook(lane->core)->label);
    warmer_start(lane, NULL, clock_mono_ms(), 0);
}

void lane_warm_stop(struct lane *lane)
{
    pthread_mutex_lock(&lane->gate);
    struct lane_warmer *warmer = lane->warmer;
    lane->warmer = NULL;
    pthread_mutex_unlock(&lane->gate);
    if (warmer == NULL)
        return;
    pthread_mutex_lock(&warmer->lock);
    warmer->canceled = true;
    pthread_cond_broadcast(&warmer->changed);
    pthread_mutex_unlock(&warmer->lock);
    thread_join(warmer->thread);
    warmer_destroy(warmer);
}

void lane_warm_progress(struct lane *lane, uint64_t *first, uint64_t *last)
{
    *first = *last = 0;
    pthread_mutex_lock(&lane->gate);
    if (lane->warmer != NULL) {
        *first = atomic_load(&lane->warmer->first);
        *last = atomic_load(&lane->warmer->last);
    }
    pthread_mutex_unlock(&lane->gate);
}

// ---- The record ---------------------------------------------------------------------------------

static bool warm_is_for(const struct lane *lane, uint64_t digest)
{
    const struct playbook *playbook = core_playbook(lane->core);
    return playbook != NULL && playbook->digest == digest && core_warming(lane->core) > 0;
}

enum fold_admission lane_warm_admit(struct lane *lane, struct control_item *item)
{
    struct fold_stats stats;
    fold_stats(lane->fold, &stats);
    // What the record would need in recovery must still be there.
    bool kept = stats.journal_first <= item->warm_from;
    item->warm_again = !kept;
    return kept && warm_is_for(lane, item->warmed_digest) ? FOLD_APPEND : FOLD_ANSWER;
}

// In recovery: the same core again. `last`: the record before.
static enum err warm_rebuild(struct lane *lane, uint64_t position,
                             const struct record_warmed *record, struct rebuild **out,
                             struct err_info *info)
{
    const struct playbook *in_force = core_playbook(lane->core);
    struct buf report = {0};
    struct playbook *playbook = NULL;
    enum err err = playbook_load(in_force->file, in_force->text, &playbook, &report);
    buf_deinit(&report);
    CHECK(err == ERR_OK); // it is in force
    struct core_opts core = {lane->opts.dedupe_window_ms, lane->opts.dedupe_ids_max};
    *out = rebuild_create(&core, playbook, lane->opts.map, lane->opts.number);
    if (record->from == 0 || record->from > position)
        return err_set(info, ERR_CORRUPT, "record %llu: it begins at %llu",
                       (unsigned long long)position, (unsigned long long)record->from);
    return ERR_OK;
}

// From where it is to the record before `position`.
static enum err warm_catch_up(struct lane *lane, uint64_t position,
                              const struct record_warmed *record, struct rebuild *rebuild,
                              struct err_info *info)
{
    uint64_t last = rebuild_last(rebuild);
    enum err err = fold_replay(lane->fold, last == 0 ? record->from : last + 1, position - 1,
                               rebuild_record, rebuild, info);
    if (err == ERR_OK)
        err = rebuild_err(rebuild, info);
    if (err != ERR_OK)
        return err_prefix(info, ERR_CORRUPT, "record %llu: what it needs of the journal",
                          (unsigned long long)position);
    CHECK(rebuild_last(rebuild) == position - 1 || record->from == position);
    return ERR_OK;
}

enum err lane_warm_apply(struct lane *lane, uint64_t position, struct span body,
                         struct control_item *item, struct err_info *info)
{
    struct record_warmed record;
    enum err err = record_read_warmed(position, body, &record, info);
    if (err != ERR_OK || !warm_is_for(lane, record.playbook_digest))
        return err;
    struct rebuild *rebuild = NULL;
    if (item != NULL) {
        rebuild = item->rebuild;
        item->rebuild = NULL;
    } else {
        err = warm_rebuild(lane, position, &record, &rebuild, info);
    }
    size_t n = core_warming(lane->core), n_changes = lane->changes.n;
    fold_keep(lane->fold, record.from, position);
    if (err == ERR_OK)
        err = warm_catch_up(lane, position, &record, rebuild, info);
    if (err == ERR_OK) {
        struct core_warmed warmed = {rebuild_core(rebuild), record.since_ms, record.now_ms};
        core_warm(lane->core, position, &warmed, &lane->changes, &lane->arena);
        LOG_INFO("warming_done", "lane=%u measures=%zu signals=%zu position=%llu from=%llu ms=%lld",
                 lane->opts.number, n, lane->changes.n - n_changes, (unsigned long long)position,
                 (unsigned long long)record.from,
                 (long long)(item == NULL ? 0 : clock_mono_ms() - item->warming_ms));
    }
    rebuild_destroy(rebuild);
    return err;
}

void lane_warm_answer(struct lane *lane, struct control_item *item, enum err err)
{
    struct rebuild *rebuild = item->rebuild;
    item->rebuild = NULL;
    bool wanted = warm_is_for(lane, item->warmed_digest) && err != ERR_CANCELED;
    bool refused = wanted && err != ERR_OK, again = wanted && err == ERR_OK && item->warm_again;
    if (wanted || core_warming(lane->core) == 0)
        lane_warm_stop(lane); // its thread has ended, or is about to
    if (refused)
        warmer_start(lane, rebuild, item->warming_ms, WARM_PAUSE_MS);
    else
        rebuild_destroy(rebuild);
    if (again || core_warming(lane->core) == 0)
        lane_warm_start(lane);
    control_item_destroy(item);
}
