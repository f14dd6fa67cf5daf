// SPDX-License-Identifier: Apache-2.0
// The fold's thread. One turn:
// 1. take what waits in the queue; sleep only when nothing waits and nothing is due;
// 2. offer it to `admit`, held items first (they came earlier); as long as that lets something in,
//    offer what is held again: its turn may have come within this group;
// 3. append what was admitted in one commit, apply it in order, answer the group in order;
// 4. inspect, flush, and move the checkpoint on.
//
// Failure paths. No room (disk, journal): an item is refused before `admit` sees it, and only while
// the group is empty: with a group that is not, the item stays for the next turn. The journal
// refuses the group all the same (FULL, UNAVAILABLE): the whole group gets that error, nothing of
// it was applied. It fails otherwise: `fatal`; the group gets CANCELED, whether it is in the
// journal is known at the next start, and its senders send it again.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock/clock.h"
#include "common/fold/fold_impl.h"
#include "common/log/log.h"

#define LOG_COMPONENT "fold"

enum { DISK_CHECK_MS = 200, DRAIN_ROUNDS_MAX = 1000 };

enum turn {
    TURN_TAKEN, // in the group, or refused and answered
    TURN_HELD,  // admit wants it later
    TURN_NEXT,  // the group is full: offer it again next time
};

void fold_fail(struct fold *fold, enum err err, const char *what, const struct err_info *info)
{
    char text[sizeof info->text + 128];
    snprintf(text, sizeof text, "fold %s: %s: %s", fold->name, what, info->text);
    fold->dead = true;
    LOG_ERROR("fold_failed", "fold=%s err=%s msg=\"%s\"", fold->name, err_name(err), text);
    if (fold->opts.fatal != NULL) {
        fold->opts.fatal(fold->opts.state, err, text);
        return;
    }
    fprintf(stderr, "%s (%s)\n", text, err_text(err));
    abort();
}

static void check_disk(struct fold *fold, int64_t now_ms)
{
    if (fold->disk_checked_ms != 0 && now_ms - fold->disk_checked_ms < DISK_CHECK_MS)
        return;
    fold->disk_checked_ms = now_ms;
    uint64_t left = store_disk_free(fold->path);
    bool low = left < fold->opts.disk_reserve_bytes;
    if (low && !fold->disk_low)
        LOG_WARN("disk_low", "fold=%s free_bytes=%llu reserve_bytes=%llu", fold->name,
                 (unsigned long long)left, (unsigned long long)fold->opts.disk_reserve_bytes);
    if (!low && fold->disk_low)
        LOG_INFO("disk_has_room", "fold=%s free_bytes=%llu", fold->name, (unsigned long long)left);
    fold->disk_low = low;
}

const char *fold_describe_full(const struct fold *fold)
{
    return fold->disk_low ? fold->disk_low_text : "the journal has reached its greatest size";
}

static bool has_room(const struct fold *fold, const struct fold_item *item)
{
    if (fold->disk_low)
        return false;
    uint64_t used, max;
    journal_lmdb_usage(fold->journal, &used, &max, NULL);
    uint64_t wanted =
        fold->group_bytes + item->body.len + (uint64_t)(fold->n_records + 1) * JOURNAL_RECORD_COST;
    return max == 0 || used + wanted <= max;
}

static void group_add(struct fold *fold, struct fold_item *item, bool append)
{
    fold->group[fold->n_group++] = (struct fold_admitted){item, append};
    if (!append)
        return;
    fold->records[fold->n_records++] = (struct journal_record){item->type, item->body};
    fold->group_bytes += item->body.len;
    if (fold->group_bytes >= fold->opts.group_bytes_max)
        fold->group_closed = true;
}

static enum turn refuse(struct fold *fold, struct fold_item *item, enum err err)
{
    atomic_fetch_sub(&fold->waiting, 1);
    fold->opts.ops->answer(fold->opts.state, item, err);
    return TURN_TAKEN;
}

static enum turn offer(struct fold *fold, struct fold_item *item, bool expired)
{
    if (fold->group_closed)
        return TURN_NEXT;
    if (fold->dead)
        return refuse(fold, item, ERR_CANCELED);
    if (!has_room(fold, item)) {
        if (!fold->disk_low)
            fold_checkpoint_press(fold);
        if (fold->n_group == 0)
            return refuse(fold, item, ERR_FULL);
        fold->group_closed = true;
        return TURN_NEXT;
    }
    switch (fold->opts.ops->admit(fold->opts.state, item, expired)) {
    case FOLD_APPEND:
        group_add(fold, item, true);
        break;
    case FOLD_ANSWER:
        group_add(fold, item, false);
        break;
    case FOLD_HOLD:
        CHECK(!expired);
        return TURN_HELD;
    }
    atomic_fetch_sub(&fold->waiting, 1);
    return TURN_TAKEN;
}

static void offer_held(struct fold *fold, int64_t now_ms)
{
    size_t kept = 0;
    for (size_t i = 0; i < fold->n_held; i++) {
        struct fold_held held = fold->held[i];
        bool expired = fold->draining || now_ms >= held.until_ms;
        if (offer(fold, held.item, expired) != TURN_TAKEN)
            fold->held[kept++] = held;
    }
    fold->n_held = kept;
}

static void offer_pending(struct fold *fold, int64_t now_ms)
{
    size_t i = 0;
    for (; i < fold->n_pending && !fold->group_closed; i++) {
        struct fold_item *item = fold->pending[i];
        if (item->type == 0) {
            atomic_fetch_sub(&fold->waiting, 1);
            fold->inspects[fold->n_inspects++] = item;
            continue;
        }
        enum turn turn = offer(fold, item, false);
        if (turn == TURN_NEXT)
            break;
        if (turn == TURN_HELD)
            fold->held[fold->n_held++] = (struct fold_held){item, now_ms + fold->opts.hold_ms};
    }
    fold->n_pending -= i;
    memmove(fold->pending, fold->pending + i, fold->n_pending * sizeof *fold->pending);
}

static void gather(struct fold *fold, int64_t now_ms)
{
    fold->n_group = fold->n_records = fold->n_inspects = 0;
    fold->group_bytes = 0;
    fold->group_closed = false;
    check_disk(fold, now_ms);
    offer_held(fold, now_ms);
    offer_pending(fold, now_ms);
    for (size_t seen = 0; fold->n_held > 0 && fold->n_group > seen && !fold->group_closed;) {
        seen = fold->n_group;
        offer_held(fold, now_ms);
    }
}

static void answer_group(struct fold *fold, enum err err)
{
    for (size_t i = 0; i < fold->n_group && !atomic_load(&fold->abandoned); i++)
        fold->opts.ops->answer(fold->opts.state, fold->group[i].item, err);
}

static bool apply_group(struct fold *fold)
{
    struct err_info info = {{0}};
    uint64_t start = clock_mono_ns();
    size_t record = 0;
    for (size_t i = 0; i < fold->n_group && !atomic_load(&fold->abandoned); i++) {
        if (!fold->group[i].append)
            continue;
        struct fold_item *item = fold->group[i].item;
        item->position = fold->applied + 1;
        enum err err = fold->opts.ops->apply(fold->opts.state, item->position,
                                             &fold->records[record++], item, &info);
        if (err != ERR_OK) {
            fold_fail(fold, err, "apply", &info);
            return false;
        }
        fold->applied = item->position;
        fold_meta_count(&fold->meta, item->body.len);
    }
    fold->counted.apply_ns_total += clock_mono_ns() - start;
    return true;
}

static void publish(struct fold *fold)
{
    struct fold_stats *counted = &fold->counted;
    const struct fold_checkpoint *checkpoint = &fold->checkpoint;
    counted->journal_first = journal_first(fold->journal);
    counted->journal_last = journal_last(fold->journal);
    counted->checkpoint_position = checkpoint->position;
    counted->checkpoints = checkpoint->n_total;
    counted->checkpoint_rows = checkpoint->rows_total;
    counted->checkpoint_ns_total = checkpoint->ns_total;
    pthread_mutex_lock(&fold->stats_lock);
    fold->stats = *counted;
    pthread_mutex_unlock(&fold->stats_lock);
}

static void commit_group(struct fold *fold)
{
    if (fold->n_records == 0) {
        answer_group(fold, ERR_OK);
        return;
    }
    struct err_info info = {{0}};
    uint64_t first, start = clock_mono_ns();
    enum err err = journal_append(fold->journal, fold->records, fold->n_records, fold->applied + 1,
                                  &first, &info);
    fold->counted.commit_ns_total += clock_mono_ns() - start;
    if (err == ERR_OK) {
        CHECK(first == fold->applied + 1);
        fold->counted.groups++;
        fold->counted.records += fold->n_records;
        fold->counted.record_bytes += fold->group_bytes;
        publish(fold);
        answer_group(fold, apply_group(fold) ? ERR_OK : ERR_CANCELED);
        return;
    }
    if (err == ERR_FULL || err == ERR_UNAVAILABLE) {
        LOG_WARN("journal_refused", "fold=%s err=%s msg=\"%s\"", fold->name, err_name(err),
                 info.text);
        fold_checkpoint_press(fold);
        answer_group(fold, err);
        return;
    }
    fold_fail(fold, err, "journal", &info);
    answer_group(fold, ERR_CANCELED);
}

static void inspect_one(struct fold *fold, struct fold_item *item)
{
    if (atomic_load(&fold->abandoned))
        return;
    if (fold->dead)
        fold->opts.ops->answer(fold->opts.state, item, ERR_CANCELED);
    else
        fold->opts.ops->inspect(fold->opts.state, item);
}

// What was put back during the last turn, and then what came through the queue.
static void inspect_all(struct fold *fold, struct fold_item *requeued)
{
    while (requeued != NULL) {
        struct fold_item *next = requeued->next;
        inspect_one(fold, requeued);
        requeued = next;
    }
    for (size_t i = 0; i < fold->n_inspects; i++)
        inspect_one(fold, fold->inspects[i]);
}

void fold_requeue(struct fold *fold, struct fold_item *item)
{
    CHECK(item->type == 0);
    item->next = NULL;
    if (fold->requeued == NULL)
        fold->requeued = item;
    else
        fold->requeued_last->next = item;
    fold->requeued_last = item;
}

static int64_t wait_ms(const struct fold *fold)
{
    if (fold->n_pending > 0 || fold->requeued != NULL)
        return 0;
    int64_t now_ms = clock_mono_ms();
    int64_t wait = fold_checkpoint_wait_ms(fold, now_ms);
    for (size_t i = 0; i < fold->n_held; i++) {
        int64_t left = fold->held[i].until_ms - now_ms;
        left = left > 0 ? left : 0;
        wait = wait < 0 || left < wait ? left : wait;
    }
    return wait;
}

static void one_turn(struct fold *fold)
{
    struct fold_item *requeued = fold->requeued;
    fold->requeued = fold->requeued_last = NULL;
    gather(fold, clock_mono_ms());
    commit_group(fold);
    inspect_all(fold, requeued);
    bool worked = fold->n_group > 0 || fold->n_inspects > 0 || requeued != NULL;
    if (worked && !fold->dead && fold->opts.ops->flush != NULL && !atomic_load(&fold->abandoned))
        fold->opts.ops->flush(fold->opts.state);
}

// Nothing can come through the queue any more: what is held runs out, what is put back gets some
// more turns, and what still wants one then is given back.
static void drain(struct fold *fold)
{
    fold->draining = true;
    for (int i = 0; !atomic_load(&fold->abandoned); i++) {
        if (fold->n_held == 0 && (fold->requeued == NULL || i >= DRAIN_ROUNDS_MAX))
            break;
        one_turn(fold);
    }
    while (fold->requeued != NULL && !atomic_load(&fold->abandoned)) {
        struct fold_item *item = fold->requeued;
        fold->requeued = item->next;
        fold->opts.ops->answer(fold->opts.state, item, ERR_CANCELED);
    }
}

void fold_run(void *arg)
{
    struct fold *fold = arg;
    fold->checkpoint.next_ms = clock_mono_ms() + fold->opts.checkpoint_every_ms;
    while (!atomic_load(&fold->abandoned)) {
        bool shut = queue_is_shut(fold->queue);
        size_t room = fold->opts.queue_max - fold->n_pending;
        size_t n = 0;
        if (room > 0)
            n = queue_take(fold->queue, (void **)(fold->pending + fold->n_pending), room,
                           shut ? 0 : wait_ms(fold));
        fold->n_pending += n;
        if (shut && fold->n_pending == 0)
            break;
        if (atomic_load(&fold->abandoned))
            break;
        one_turn(fold);
        fold_checkpoint_step(fold, clock_mono_ms());
        publish(fold);
    }
    if (!atomic_load(&fold->abandoned))
        drain(fold);
    if (!atomic_load(&fold->abandoned))
        fold_checkpoint_final(fold);
    publish(fold);
}
