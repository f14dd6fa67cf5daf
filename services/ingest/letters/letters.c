// SPDX-License-Identifier: Apache-2.0
// Letters gather in memory and are written by the thread as one group each LINGER_MS, so that a
// flood of refused events costs a few commits a second. Whoever asks has what gathered written
// first.
//
// What waits to be written is bounded by WAITING_BYTES_MAX. An error of the disk in the middle of a
// commit leaves the store unusable until the process starts again; nothing is kept then.
#include "services/ingest/letters/letters.h"

#include <string.h>

#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "common/log/log.h"
#include "common/loop/queue.h"
#include "common/store/store.h"

#define LOG_COMPONENT "letters"

enum {
    WAITING_BYTES_MAX = 8 * 1024 * 1024,
    LINGER_MS = 200,
    AGE_EVERY_MS = 10 * 60 * 1000,
    // Each question may bring a group with it; one group by itself, aging, and the end.
    JOBS_MAX = 2 * LETTERS_JOBS_MAX + 3,
};

struct letters {
    struct loop *loop;
    struct letters_shelf *shelf; // the thread's, once it runs; NULL: nothing is kept
    struct err_info why;         // nothing is kept
    struct letters_metrics metrics;
    struct buf gathered;
    uint64_t n_gathered;
    size_t waiting_bytes; // gathered, or given to the thread
    struct letters_job age, end;
    bool aging;
    size_t n_writing; // jobs that write
    size_t n_asked;
    struct loop_timer *linger, *aged;
    bool closing;
    void (*closed)(void *arg);
    void *closed_arg;
    struct queue *jobs;
    struct mailbox *done;
    struct thread *thread;
};

#define LETTERS_DESC(kind, field, name, help)                                                      \
    METRICS_DESC(struct letters_metrics, kind, field, name, help)
static const struct metrics_desc LETTERS_DESCS[] = {LETTERS_METRICS(LETTERS_DESC)};

// ---- The thread ---------------------------------------------------------------------------------

static void write_on_thread(struct letters_job *job, struct letters_shelf *shelf)
{
    job->err = letters_shelf_write(shelf, buf_span(&job->group), clock_wall_ms(), &job->n_kept,
                                   &job->info);
}

static void age_on_thread(struct letters_job *job, struct letters_shelf *shelf)
{
    job->err = letters_shelf_age(shelf, clock_wall_ms(), &job->info);
}

static void end_on_thread(struct letters_job *job, struct letters_shelf *shelf)
{
    (void)shelf;
    job->err = ERR_OK;
}

static void refresh_on_thread(struct letters *letters)
{
    struct letters_usage refused, observed;
    letters_shelf_usage(letters->shelf, false, &refused);
    letters_shelf_usage(letters->shelf, true, &observed);
    metrics_set(&letters->metrics.refused, (int64_t)refused.letters);
    metrics_set(&letters->metrics.observed, (int64_t)observed.letters);
    metrics_set(&letters->metrics.bytes, (int64_t)(refused.bytes + observed.bytes));
    metrics_mirror(&letters->metrics.corrupt, letters_shelf_corrupt(letters->shelf));
}

static void run_on_thread(void *arg)
{
    struct letters *letters = arg;
    for (;;) {
        void *item;
        if (queue_take(letters->jobs, &item, 1, -1) == 0)
            continue;
        struct letters_job *job = item;
        job->run(job, letters->shelf);
        refresh_on_thread(letters);
        bool last = job == &letters->end;
        CHECK(mailbox_post(letters->done, job) == ERR_OK); // as many places as jobs
        if (last)
            return;
    }
}

// ---- Keeping ------------------------------------------------------------------------------------

static void give(struct letters *letters, struct letters_job *job)
{
    CHECK(queue_put(letters->jobs, job) == ERR_OK); // counted: there is a place
}

// What has gathered becomes a job of its own, so that a question comes after all of it.
static void flush(struct letters *letters)
{
    if (letters->gathered.len == 0)
        return;
    struct letters_job *job = mem_zalloc(sizeof *job);
    job->run = write_on_thread;
    job->group = letters->gathered;
    job->n_letters = letters->n_gathered;
    letters->gathered = (struct buf){0};
    letters->n_gathered = 0;
    letters->n_writing++;
    give(letters, job);
}

static void linger_cb(void *arg)
{
    struct letters *letters = arg;
    if (letters->n_writing == 0)
        flush(letters);
}

// Nothing can be kept any more, for the reason in `why`.
static void give_up(struct letters *letters, enum err err, const struct err_info *info)
{
    if (letters->why.text[0] != '\0')
        return;
    (void)err_set(&letters->why, err, "no dead letters are kept: %s", info->text);
    LOG_ERROR("letters_closed", "msg=\"%s\"", letters->why.text);
    metrics_add(&letters->metrics.lost, letters->n_gathered);
    letters->waiting_bytes -= letters->gathered.len;
    letters->n_gathered = 0;
    buf_clear(&letters->gathered);
}

// Takes the job.
static void written(struct letters *letters, struct letters_job *job)
{
    letters->n_writing--;
    letters->waiting_bytes -= job->group.len;
    uint64_t kept = job->err == ERR_OK ? job->n_kept : 0;
    metrics_add(&letters->metrics.kept, kept);
    metrics_add(&letters->metrics.lost, job->n_letters - kept);
    if (job->err == ERR_FULL)
        LOG_WARN("letters_lost", "letters=%llu msg=\"%s\"", (unsigned long long)job->n_letters,
                 job->info.text);
    else if (job->err != ERR_OK)
        give_up(letters, job->err, &job->info);
    if (letters->n_gathered > 0 && letters->n_writing == 0)
        loop_timer_start(letters->linger, LINGER_MS, 0);
    buf_deinit(&job->group);
    mem_free(job);
}

void letters_keep(struct letters *letters, const struct letter *letter)
{
    size_t bytes = letter->event.len + letter->as_received.len;
    bool room = letters->why.text[0] == '\0' && !letters->closing &&
                letters->waiting_bytes + bytes <= WAITING_BYTES_MAX;
    if (!room) {
        metrics_add(&letters->metrics.lost, 1);
        return;
    }
    size_t before = letters->gathered.len;
    letters_shelf_pack(letter, &letters->gathered);
    letters->waiting_bytes += letters->gathered.len - before;
    if (letters->n_gathered++ == 0 && letters->n_writing == 0)
        loop_timer_start(letters->linger, LINGER_MS, 0);
}

uint64_t letters_lost(const struct letters *letters)
{
    return metrics_value(&letters->metrics.lost);
}

// ---- Asking -------------------------------------------------------------------------------------

enum err letters_ask(struct letters *letters, struct letters_job *job, struct err_info *info)
{
    CHECK(job->run != NULL && job->done != NULL);
    if (letters->why.text[0] != '\0')
        return err_set(info, ERR_UNAVAILABLE, "%s", letters->why.text);
    if (letters->closing)
        return err_set(info, ERR_UNAVAILABLE, "shutting down");
    if (letters->n_asked == LETTERS_JOBS_MAX)
        return err_set(info, ERR_FULL, "%d questions about dead letters wait", LETTERS_JOBS_MAX);
    flush(letters);
    job->err = ERR_OK;
    job->info.text[0] = '\0';
    letters->n_asked++;
    give(letters, job);
    return ERR_OK;
}

// ---- The end ------------------------------------------------------------------------------------

static void letters_free(struct letters *letters)
{
    void (*closed)(void *) = letters->closed;
    void *closed_arg = letters->closed_arg;
    loop_timer_destroy(letters->linger);
    loop_timer_destroy(letters->aged);
    if (letters->thread != NULL)
        thread_join(letters->thread);
    mailbox_destroy(letters->done);
    if (letters->jobs != NULL)
        queue_destroy(letters->jobs);
    letters_shelf_close(letters->shelf);
    buf_deinit(&letters->gathered);
    mem_free(letters);
    closed(closed_arg);
}

// Once nothing is under way: the last group, then the end.
static void look_closed(struct letters *letters)
{
    if (!letters->closing || letters->n_writing > 0 || letters->aging || letters->n_asked > 0)
        return;
    flush(letters);
    if (letters->n_writing == 0)
        give(letters, &letters->end);
}

static void done_cb(void *arg, void *item)
{
    struct letters *letters = arg;
    struct letters_job *job = item;
    if (job == &letters->end) {
        letters_free(letters);
        return;
    }
    if (job->run == write_on_thread) {
        written(letters, job);
    } else if (job == &letters->age) {
        letters->aging = false;
        if (job->err != ERR_OK)
            LOG_WARN("letters_stay", "msg=\"%s\"", job->info.text);
    } else {
        letters->n_asked--;
        if (job->err == ERR_IO)
            give_up(letters, job->err, &job->info);
        job->done(job);
    }
    look_closed(letters);
}

static void aged_cb(void *arg)
{
    struct letters *letters = arg;
    if (letters->aging || letters->why.text[0] != '\0')
        return;
    letters->aging = true;
    give(letters, &letters->age);
}

static void closed_at_once_cb(void *arg)
{
    letters_free(arg);
}

void letters_close(struct letters *letters, void (*closed)(void *arg), void *arg)
{
    CHECK(!letters->closing);
    letters->closing = true;
    letters->closed = closed;
    letters->closed_arg = arg;
    if (letters->thread != NULL) {
        loop_timer_stop(letters->aged);
        loop_timer_stop(letters->linger);
        look_closed(letters);
        return;
    }
    loop_timer_destroy(letters->linger);
    letters->linger = loop_timer_create(letters->loop, closed_at_once_cb, letters);
    loop_timer_start(letters->linger, 0, 0);
}

struct letters *letters_open(struct loop *loop, const struct letters_opts *opts)
{
    struct letters *letters = mem_zalloc(sizeof *letters);
    struct err_info info;
    letters->loop = loop;
    letters->age.run = age_on_thread;
    letters->end.run = end_on_thread;
    if (opts->metrics != NULL)
        metrics_register(opts->metrics, LETTERS_DESCS, ARRAY_LEN(LETTERS_DESCS), &letters->metrics,
                         "");
    enum err err = store_folder_make(opts->folder, &info);
    if (err == ERR_OK)
        err = letters_shelf_open(opts->path, &opts->bounds, &letters->shelf, &info);
    if (err != ERR_OK) {
        give_up(letters, err, &info);
        return letters;
    }
    refresh_on_thread(letters);
    letters->linger = loop_timer_create(loop, linger_cb, letters);
    letters->aged = loop_timer_create(loop, aged_cb, letters);
    loop_timer_start(letters->aged, 1, AGE_EVERY_MS);
    letters->jobs = queue_create(JOBS_MAX);
    letters->done = mailbox_create(loop, JOBS_MAX, done_cb, letters);
    letters->thread = thread_start("letters", run_on_thread, letters);
    return letters;
}
