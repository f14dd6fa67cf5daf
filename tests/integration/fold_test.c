// SPDX-License-Identifier: Apache-2.0
// links: base clock log loop store journal fold
// Groups, answers and refusals, over a journal in memory. Whatever is submitted before fold_start
// is one group, so most of these tests depend on no timing.
#include <criterion/criterion.h>

#include "common/log/log.h"
#include "tests/support/fold_toy.h"
#include "tests/support/journal_fake.h"
#include "tests/support/temp_folder.h"

static struct temp_folder folder;
static struct toy toy;
static struct journal_fake *fake;
static struct fold_opts opts;
static struct err_info info;

static void setup(void)
{
    log_set_level(LOG_LEVEL_OFF);
    temp_folder_make(&folder);
    toy_init(&toy, true);
    fake = journal_fake_create();
    toy.journal = &fake->journal;
    opts = toy_opts(&toy, folder.path);
    opts.journal = &fake->journal;
}

static void open_fold(void)
{
    cr_assert_eq(fold_open(&opts, &toy.fold, &info), ERR_OK, "%s", info.text);
}

static void teardown(void)
{
    if (toy.fold != NULL)
        fold_close(toy.fold);
    toy_deinit(&toy);
    temp_folder_remove(&folder);
}

TestSuite(fold, .init = setup, .fini = teardown, .timeout = 60);

static struct toy_item sequenced(uint64_t sequence)
{
    return toy_item_of(TOY_OTHER,
                       (struct toy_body){.sequence = sequence, .key = sequence % TOY_KEYS});
}

static void submit(struct toy_item *item)
{
    cr_assert_eq(toy_submit(&toy, item), ERR_OK);
}

// Submits items with these sequence numbers.
static void submit_all(struct toy_item *items, const uint64_t *sequences, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        items[i] = sequenced(sequences[i]);
        submit(&items[i]);
    }
}

Test(fold, a_group_is_one_append_and_is_answered_when_it_is_durable)
{
    struct toy_item items[50];
    open_fold();
    for (uint64_t i = 0; i < 50; i++) {
        items[i] = toy_item_of(toy_type_of(i + 1), toy_body_of(i + 1));
        submit(&items[i]);
    }
    fold_start(toy.fold);
    toy_wait(&toy, &toy.n_answered, 50);
    cr_assert_eq(fake->n_appends, 1);
    for (uint64_t i = 0; i < 50; i++) {
        cr_assert_eq(items[i].err, ERR_OK);
        cr_assert_eq(items[i].item.position, i + 1);
        cr_assert_eq(items[i].order, i + 1);
        cr_assert_eq(items[i].durable, 50);
    }
    struct fold_stats stats;
    fold_stats(toy.fold, &stats);
    cr_assert_eq(stats.groups, 1);
    cr_assert_eq(stats.records, 50);
    cr_assert_eq(stats.journal_last, 50);
    cr_assert_eq(stats.waiting, 0);
    struct toy_core model = toy_model(50);
    cr_assert(toy_core_eq(&toy.core, &model));
}

Test(fold, a_group_is_bounded_by_bytes)
{
    struct toy_item items[10];
    opts.group_bytes_max = 3 * sizeof(struct toy_body);
    open_fold();
    for (uint64_t i = 0; i < 10; i++) {
        items[i] = toy_item_of(toy_type_of(i + 1), toy_body_of(i + 1));
        submit(&items[i]);
    }
    fold_start(toy.fold);
    toy_wait(&toy, &toy.n_answered, 10);
    cr_assert_eq(fake->n_appends, 4);
    cr_assert_eq(toy.core.totals.records, 10);
}

Test(fold, what_comes_too_early_is_admitted_in_its_turn_within_the_group)
{
    static const uint64_t sequences[] = {5, 3, 4, 2, 1};
    static const uint64_t positions[] = {5, 3, 4, 2, 1};
    struct toy_item items[5];
    open_fold();
    submit_all(items, sequences, 5);
    fold_start(toy.fold);
    toy_wait(&toy, &toy.n_answered, 5);
    cr_assert_eq(fake->n_appends, 1);
    for (size_t i = 0; i < 5; i++) {
        cr_assert_eq(items[i].err, ERR_OK);
        cr_assert_eq(items[i].item.position, positions[i]);
        cr_assert(!items[i].gap && !items[i].repeated);
    }
}

Test(fold, what_is_held_waits_for_a_later_group)
{
    opts.hold_ms = 1000 * 1000;
    open_fold();
    struct toy_item early = sequenced(2), look = {0}, late = sequenced(1);
    submit(&early);
    submit(&look);
    fold_start(toy.fold);
    toy_wait(&toy, &toy.n_inspected, 1);
    cr_assert_eq(early.n_admits, 1);
    cr_assert_eq(early.n_answers, 0);
    struct fold_stats stats;
    fold_stats(toy.fold, &stats);
    cr_assert_eq(stats.waiting, 1);
    submit(&late);
    toy_wait(&toy, &toy.n_answered, 2);
    cr_assert_eq(late.item.position, 1);
    cr_assert_eq(early.item.position, 2);
    cr_assert(!early.gap);
}

Test(fold, what_is_held_for_too_long_expires)
{
    opts.hold_ms = 1;
    open_fold();
    fold_start(toy.fold);
    struct toy_item early = sequenced(7);
    submit(&early);
    toy_wait(&toy, &toy.n_answered, 1);
    cr_assert(early.gap);
    cr_assert_eq(early.err, ERR_OK);
    cr_assert_eq(fake->n_appends, 0);
}

Test(fold, a_repetition_is_answered_with_the_group_that_it_repeats)
{
    static const uint64_t sequences[] = {1, 1, 2, 1};
    struct toy_item items[4];
    open_fold();
    submit_all(items, sequences, 4);
    fold_start(toy.fold);
    toy_wait(&toy, &toy.n_answered, 4);
    cr_assert(items[1].repeated && items[3].repeated);
    for (size_t i = 0; i < 4; i++) {
        cr_assert_eq(items[i].durable, 2);
        cr_assert_eq(items[i].err, ERR_OK);
    }
    struct toy_item again = sequenced(2);
    submit(&again);
    toy_wait(&toy, &toy.n_answered, 5);
    cr_assert(again.repeated);
    cr_assert_eq(fake->n_appends, 1);
}

static void refused_group(enum err err)
{
    static const uint64_t sequences[] = {1, 2, 2, 3};
    struct toy_item items[4];
    open_fold();
    journal_fake_fail(fake, 0, 1, err);
    submit_all(items, sequences, 4);
    fold_start(toy.fold);
    toy_wait(&toy, &toy.n_answered, 4);
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(items[i].err, err);
    // The notes of admit are put back, so all of it can come again.
    submit_all(items, sequences, 4);
    toy_wait(&toy, &toy.n_answered, 8);
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(items[i].err, ERR_OK);
    cr_assert_eq(toy.core.totals.records, 3);
    cr_assert_eq(toy.core.totals.sequence, 3);
    cr_assert_eq(toy.n_fatal, 0);
}

Test(fold, a_group_that_the_journal_has_no_room_for_is_refused_whole)
{
    refused_group(ERR_FULL);
}

Test(fold, a_group_that_does_not_reach_the_journal_is_refused_whole)
{
    refused_group(ERR_UNAVAILABLE);
}

Test(fold, a_journal_that_has_no_room_gets_some)
{
    fake->bytes_max = 10 * sizeof(struct toy_body);
    open_fold();
    fold_start(toy.fold);
    uint64_t refused = 0, answered = 0;
    for (uint64_t i = 1; i <= 100;) {
        struct toy_item item = toy_item_of(toy_type_of(i), toy_body_of(i));
        submit(&item);
        toy_wait(&toy, &toy.n_answered, ++answered);
        refused += item.err == ERR_FULL;
        i += item.err == ERR_OK;
        cr_assert_lt(refused, 10 * 1000 * 1000);
    }
    cr_assert_gt(refused, 0);
    cr_assert_gt(journal_first(&fake->journal), 80);
    struct toy_core model = toy_model(100);
    cr_assert(toy_core_eq(&toy.core, &model));
}

static void fatal_group(enum err err)
{
    struct toy_item items[3], look = {0};
    static const uint64_t sequences[] = {1, 2, 9};
    open_fold();
    journal_fake_fail(fake, 0, 1, err);
    submit_all(items, sequences, 3);
    submit(&look);
    fold_start(toy.fold);
    toy_wait(&toy, &toy.n_answered, 3);
    struct toy_item later = sequenced(1);
    submit(&later);
    toy_wait(&toy, &toy.n_answered, 5);
    cr_assert_eq(toy.n_fatal, 1);
    cr_assert_eq(toy.fatal_err, err);
    cr_assert_not_null(strstr(toy.fatal_text, "fold toy: journal"), "%s", toy.fatal_text);
    cr_assert_eq(later.err, ERR_CANCELED);
    cr_assert_eq(look.err, ERR_CANCELED);
    cr_assert_eq(look.n_inspects, 0);
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(items[i].err, ERR_CANCELED);
    cr_assert_eq(toy.core.totals.records, 0);
}

Test(fold, a_broken_journal_is_fatal)
{
    fatal_group(ERR_IO);
}

Test(fold, a_journal_that_somebody_else_writes_is_fatal)
{
    fatal_group(ERR_CONFLICT);
}

Test(fold, a_record_that_cannot_be_applied_is_fatal)
{
    open_fold();
    struct toy_item item = toy_item_of(TOY_ADD, (struct toy_body){.serial = 4711});
    submit(&item);
    fold_start(toy.fold);
    toy_wait(&toy, &toy.n_answered, 1);
    cr_assert_eq(item.err, ERR_CANCELED);
    cr_assert_eq(toy.fatal_err, ERR_CORRUPT);
}

Test(fold, more_than_queue_max_is_refused)
{
    opts.queue_max = 4;
    struct toy_item items[4], more = {0};
    static const uint64_t sequences[] = {1, 2, 3, 4};
    open_fold();
    submit_all(items, sequences, 4);
    cr_assert_eq(toy_submit(&toy, &more), ERR_FULL);
    fold_start(toy.fold);
    toy_wait(&toy, &toy.n_answered, 4);
    submit(&more);
    toy_wait(&toy, &toy.n_inspected, 1);
}

Test(fold, held_items_count_against_queue_max)
{
    opts.queue_max = 2;
    opts.hold_ms = 1000 * 1000;
    struct toy_item items[2], more = sequenced(1);
    static const uint64_t sequences[] = {8, 9};
    open_fold();
    submit_all(items, sequences, 2);
    fold_start(toy.fold);
    cr_assert_eq(toy_submit(&toy, &more), ERR_FULL);
    fold_close(toy.fold);
    toy.fold = NULL;
    cr_assert(items[0].gap && items[1].gap);
    cr_assert_eq(items[0].n_answers, 1);
}

Test(fold, below_the_disk_reserve_records_are_refused_before_admission)
{
    opts.disk_reserve_bytes = UINT64_MAX;
    struct toy_item item = sequenced(1), look = {0};
    open_fold();
    submit(&item);
    submit(&look);
    fold_start(toy.fold);
    toy_wait(&toy, &toy.n_answered, 1);
    toy_wait(&toy, &toy.n_inspected, 1);
    cr_assert_eq(item.err, ERR_FULL);
    cr_assert_eq(item.n_admits, 0);
}

static void put_back_twice(struct toy *t, struct toy_item *item)
{
    if (item->n_inspects < 3)
        fold_requeue(t->fold, &item->item);
}

Test(fold, inspection_comes_after_the_group_and_can_come_again)
{
    toy.on_inspect = put_back_twice;
    open_fold();
    struct toy_item look = {0}, item = sequenced(1);
    submit(&look);
    submit(&item);
    fold_start(toy.fold);
    toy_wait(&toy, &toy.n_inspected, 3);
    toy_wait(&toy, &toy.n_flushed, 3);
    cr_assert_eq(item.order, 1);
    cr_assert_eq(look.n_inspects, 3);
    cr_assert_eq(look.n_answers, 0);
}

static void always_put_back(struct toy *t, struct toy_item *item)
{
    fold_requeue(t->fold, &item->item);
}

Test(fold, close_answers_all_that_waits_and_gives_back_what_never_ends)
{
    opts.hold_ms = 1000 * 1000;
    toy.on_inspect = always_put_back;
    open_fold();
    static const uint64_t sequences[] = {1, 3, 2, 8};
    struct toy_item items[4], look = {0};
    submit_all(items, sequences, 4);
    submit(&look);
    fold_close(toy.fold);
    toy.fold = NULL;
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(items[i].n_answers, 1);
    cr_assert(items[3].gap);
    cr_assert_eq(look.n_answers, 1);
    cr_assert_eq(look.err, ERR_CANCELED);
    cr_assert_eq(toy.core.totals.records, 3);
}

static struct toy_item second;

static void submit_second(struct toy *t, struct toy_item *item)
{
    if (item != &second)
        item->more = (void *)(uintptr_t)fold_submit(t->fold, &second.item);
}

Test(fold, a_fold_that_closes_takes_nothing_more)
{
    toy.on_answer = submit_second;
    opts.hold_ms = 1000 * 1000;
    open_fold();
    struct toy_item item = sequenced(9);
    submit(&item);
    second = sequenced(1);
    fold_close(toy.fold); // the item runs out only now, and its answer submits
    toy.fold = NULL;
    cr_assert_eq(item.n_answers, 1);
    enum err err = (enum err)(uintptr_t)item.more;
    cr_assert(err == ERR_CANCELED, "%s", err_name(err));
    cr_assert_eq(second.n_answers, 0);
}
