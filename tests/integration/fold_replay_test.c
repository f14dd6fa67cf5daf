// SPDX-License-Identifier: Apache-2.0
// links: base clock log loop store journal fold
// Reading the journal of a fold: ranges, ends, what was trimmed before and meanwhile, and from
// within recovery.
#include <criterion/criterion.h>
#include <sched.h>

#include "common/log/log.h"
#include "tests/support/fold_toy.h"
#include "tests/support/journal_fake.h"
#include "tests/support/temp_folder.h"

static struct temp_folder folder;
static struct toy toy;
static struct fold_opts opts;
static struct err_info info;

static void setup(void)
{
    log_set_level(LOG_LEVEL_OFF);
    temp_folder_make(&folder);
    toy_init(&toy, true);
    opts = toy_opts(&toy, folder.path);
}

static void teardown(void)
{
    if (toy.fold != NULL)
        fold_close(toy.fold);
    toy_deinit(&toy);
    temp_folder_remove(&folder);
}

TestSuite(fold_replay, .init = setup, .fini = teardown, .timeout = 120);

// Appends n records of at least `bytes` bytes; the first refusal, or OK.
static enum err append(uint64_t n, size_t bytes)
{
    size_t len = bytes > sizeof(struct toy_body) ? bytes : sizeof(struct toy_body);
    void *more = mem_zalloc(len);
    enum err err = ERR_OK;
    for (uint64_t i = 0; i < n && err == ERR_OK; i++) {
        uint64_t position = toy.n_answered + 1;
        struct toy_item item = toy_item_of(toy_type_of(position), toy_body_of(position));
        item.more = more;
        memcpy(more, &item.body, sizeof item.body);
        item.item.body = span_make(more, len);
        cr_assert_eq(toy_submit(&toy, &item), ERR_OK);
        toy_wait(&toy, &toy.n_answered, position);
        err = item.err;
    }
    mem_free(more);
    return err;
}

static void fill(uint64_t n, size_t bytes)
{
    cr_assert_eq(fold_open(&opts, &toy.fold, &info), ERR_OK, "%s", info.text);
    fold_start(toy.fold);
    cr_assert_eq(append(n, bytes), ERR_OK);
}

struct reader {
    uint64_t first, last; // seen
    uint64_t stop_at;
    struct journal *trim; // after the first record, below trim_below
    uint64_t trim_below;
};

static bool read_one(void *arg, uint64_t position, const struct journal_record *record)
{
    struct reader *reader = arg;
    struct toy_body body, expected = toy_body_of(position);
    cr_assert(reader->first == 0 || position == reader->last + 1);
    cr_assert_eq(record->type, toy_type_of(position));
    cr_assert_geq(record->body.len, sizeof body);
    memcpy(&body, record->body.ptr, sizeof body);
    cr_assert_eq(memcmp(&body, &expected, sizeof body), 0);
    if (reader->first == 0)
        reader->first = position;
    reader->last = position;
    if (reader->trim != NULL)
        cr_assert_eq(journal_trim(reader->trim, reader->trim_below, NULL), ERR_OK);
    reader->trim = NULL;
    return position != reader->stop_at;
}

static void expect(uint64_t from, uint64_t to, uint64_t stop_at, uint64_t first, uint64_t last)
{
    struct reader reader = {.stop_at = stop_at};
    enum err err = fold_replay(toy.fold, from, to, read_one, &reader, &info);
    cr_assert_eq(err, ERR_OK, "%s", info.text);
    cr_assert_eq(reader.first, first, "first is %llu", (unsigned long long)reader.first);
    cr_assert_eq(reader.last, last, "last is %llu", (unsigned long long)reader.last);
}

Test(fold_replay, an_empty_journal_has_nothing)
{
    fill(0, 0);
    expect(0, UINT64_MAX, 0, 0, 0);
    expect(1, UINT64_MAX, 0, 0, 0);
    expect(9, 12, 0, 0, 0);
}

Test(fold_replay, any_range_in_order)
{
    fill(700, 0);
    expect(0, UINT64_MAX, 0, 1, 700);
    expect(1, 700, 0, 1, 700);
    expect(1, 1, 0, 1, 1);
    expect(256, 257, 0, 256, 257);
    expect(300, UINT64_MAX, 0, 300, 700);
    expect(700, 701, 0, 700, 700);
    expect(701, UINT64_MAX, 0, 0, 0);
    expect(20, 10, 0, 0, 0);
    expect(0, UINT64_MAX, 300, 1, 300);
    expect(5, 400, 5, 5, 5);
}

Test(fold_replay, large_records_come_in_pieces)
{
    fill(12, 600 * 1000);
    expect(0, UINT64_MAX, 0, 1, 12);
    expect(2, 5, 0, 2, 5);
}

Test(fold_replay, what_is_trimmed_is_not_found)
{
    struct journal_fake *fake = journal_fake_create();
    opts.journal = &fake->journal;
    fill(600, 0);
    cr_assert_eq(journal_trim(&fake->journal, 101, NULL), ERR_OK);
    expect(0, UINT64_MAX, 0, 101, 600);
    expect(101, 120, 0, 101, 120);
    struct reader reader = {0};
    cr_assert_eq(fold_replay(toy.fold, 100, 200, read_one, &reader, &info), ERR_NOT_FOUND);
    cr_assert_eq(reader.first, 0);
    cr_assert_str_eq(info.text, "record 100 is no longer kept, the journal begins with record 101");
    // From the first on is found wherever that is, but no gap is jumped over later.
    reader = (struct reader){.trim = &fake->journal, .trim_below = 500};
    cr_assert_eq(fold_replay(toy.fold, 0, UINT64_MAX, read_one, &reader, &info), ERR_NOT_FOUND);
    cr_assert_eq(reader.first, 101);
    cr_assert_eq(reader.last, 356);
    cr_assert_str_eq(info.text, "record 357 is no longer kept, the journal begins with record 500");
    reader = (struct reader){.trim = &fake->journal, .trim_below = 601};
    cr_assert_eq(fold_replay(toy.fold, 500, UINT64_MAX, read_one, &reader, &info), ERR_OK);
    cr_assert_eq(reader.last, 600, "one piece is read before it is handed out");
    expect(0, UINT64_MAX, 0, 0, 0);
}

static uint64_t replayed_in_recovery;

// Each record looks back at all before it.
static enum err apply_looking_back(void *state, uint64_t position,
                                   const struct journal_record *record, struct fold_item *item,
                                   struct err_info *at)
{
    struct reader reader = {0};
    enum err err = fold_replay(toy.fold, 1, position - 1, read_one, &reader, at);
    CHECK(err == ERR_OK);
    CHECK(reader.last == position - 1);
    replayed_in_recovery += item == NULL;
    return toy_apply(state, position, record, item, at);
}

Test(fold_replay, apply_may_look_back_also_in_recovery)
{
    static struct fold_ops ops;
    ops = *opts.ops;
    ops.apply = apply_looking_back;
    opts.ops = &ops;
    opts.checkpoint_every_ms = 1000 * 1000;
    fill(40, 0);
    cr_assert_eq(replayed_in_recovery, 0);
    fold_abandon(toy.fold);
    toy_deinit(&toy);
    toy_init(&toy, true);
    cr_assert_eq(fold_open(&opts, &toy.fold, &info), ERR_OK, "%s", info.text);
    cr_assert_eq(replayed_in_recovery, 40);
}

// ---- fold_keep ----

// Until the journal begins behind `first` and a checkpoint has come to `position`.
static void wait_for(uint64_t first, uint64_t position)
{
    struct fold_stats stats;
    for (int i = 0; i < 100 * 1000 * 1000; i++) {
        fold_stats(toy.fold, &stats);
        if (stats.journal_first > first && stats.checkpoint_position >= position)
            return;
        sched_yield();
    }
    cr_assert(false, "first is %llu, checkpoint %llu", (unsigned long long)stats.journal_first,
              (unsigned long long)stats.checkpoint_position);
}

static uint64_t first_kept(void)
{
    struct fold_stats stats;
    fold_stats(toy.fold, &stats);
    return stats.journal_first;
}

static void open_keeping(uint64_t from, uint64_t until)
{
    opts.checkpoint_every_ms = 1;
    opts.slice_pause_ms = 1;
    opts.journal_keep_bytes = 1;
    cr_assert_eq(fold_open(&opts, &toy.fold, &info), ERR_OK, "%s", info.text);
    if (until == 0)
        fold_wish(toy.fold, from);
    else
        fold_keep(toy.fold, from, until);
}

Test(fold_replay, what_is_to_be_kept_is_kept_until_a_checkpoint_has_covered_it)
{
    open_keeping(10, 300);
    fold_keep(toy.fold, 20, 250); // adds nothing
    fold_start(toy.fold);
    for (int i = 0; i < 28; i++) {
        cr_assert_eq(append(10, 0), ERR_OK);
        wait_for(0, 10 * (uint64_t)i + 10);
        cr_assert_leq(first_kept(), 10);
    }
    wait_for(9, 0); // up to there it is trimmed
    expect(10, 280, 0, 10, 280);
    cr_assert_eq(append(30, 0), ERR_OK);
    wait_for(200, 310);
}

Test(fold_replay, a_wish_to_keep_ends_when_room_is_needed)
{
    opts.journal_bytes_max = 1 << 20;
    open_keeping(1, 0);
    fold_start(toy.fold);
    cr_assert_eq(append(100, 4000), ERR_OK);
    wait_for(0, 100);
    cr_assert_eq(first_kept(), 1);
    for (int i = 0; i < 300; i++) {
        uint64_t position = toy.n_answered + 1;
        cr_assert_eq(append(1, 4000), ERR_OK);
        wait_for(0, position);
    }
    cr_assert_gt(first_kept(), 1);
}

Test(fold_replay, what_is_kept_for_certain_outweighs_new_records)
{
    opts.journal_bytes_max = 1 << 20;
    open_keeping(1, 1000000);
    fold_start(toy.fold);
    cr_assert_eq(append(1000, 4000), ERR_FULL);
    cr_assert_eq(first_kept(), 1);
    expect(0, UINT64_MAX, 0, 1, toy.n_answered - 1);
}
