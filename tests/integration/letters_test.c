// SPDX-License-Identifier: Apache-2.0
// links: ingest_letters store loop clock metrics log base
//
// Dead letters on disk: what is kept over a close, which go at a bound, and what is done with bytes
// that cannot be right; and the thread before the shelf, which never makes its caller wait.
#include <criterion/criterion.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "common/store/store.h"
#include "services/ingest/letters/letters.h"
#include "tests/support/temp_folder.h"

enum { ROW_BYTES = 1000 };
static const struct letters_bounds WIDE = {1000, 10 << 20, 1000000};

static struct temp_folder folder;
static struct err_info info;

static void setup(void)
{
    temp_folder_make(&folder);
}

static void teardown(void)
{
    temp_folder_remove(&folder);
}

static struct letters_shelf *open_shelf(const struct letters_bounds *bounds)
{
    struct letters_shelf *shelf;
    cr_assert_eq(letters_shelf_open(folder.path, bounds, &shelf, &info), ERR_OK, "%s", info.text);
    return shelf;
}

static void pack(struct buf *group, int64_t at_ms, bool observed, const char *reason)
{
    static char event[ROW_BYTES];
    struct letter letter = {
        .observed = observed,
        .received_at_ms = at_ms,
        .rule = span_of("name"),
        .reason = span_of(reason),
        .way = span_of("nng"),
        .event = span_make(event, sizeof event),
    };
    letters_shelf_pack(&letter, group);
}

static uint64_t write_group(struct letters_shelf *shelf, struct buf *group, int64_t now_ms)
{
    uint64_t n;
    cr_assert_eq(letters_shelf_write(shelf, buf_span(group), now_ms, &n, &info), ERR_OK, "%s",
                 info.text);
    buf_clear(group);
    return n;
}

static void write_n(struct letters_shelf *shelf, int from, int n, bool observed, int64_t at_ms)
{
    struct buf group = {0};
    for (int i = from; i < from + n; i++) {
        char reason[20];
        snprintf(reason, sizeof reason, "r%d", i);
        pack(&group, at_ms, observed, reason);
    }
    (void)write_group(shelf, &group, at_ms);
    buf_deinit(&group);
}

struct seen {
    struct buf text; // "1:r0 2:r1 "
    size_t n, max;
};

static bool see(void *arg, const struct letter *letter)
{
    struct seen *seen = arg;
    buf_printf(&seen->text, "%llu:" SPAN_FMT " ", (unsigned long long)letter->number,
               SPAN_ARG(letter->reason));
    return ++seen->n != seen->max;
}

// All of a table as a text. Valid until the next call.
static const char *all(struct letters_shelf *shelf, bool observed, enum letters_order order)
{
    static struct buf text;
    struct seen seen = {.text = text};
    struct letters_walk walk = {observed, order, 0, see, &seen};
    uint64_t last;
    buf_clear(&seen.text);
    cr_assert_eq(letters_shelf_walk(shelf, &walk, &last, &info), ERR_OK, "%s", info.text);
    cr_assert_eq(last, 0);
    buf_append_u8(&seen.text, '\0');
    text = seen.text;
    return (const char *)text.bytes;
}

TestSuite(letters_shelf, .init = setup, .fini = teardown);

Test(letters_shelf, what_is_kept_is_there_again)
{
    struct letters_shelf *shelf = open_shelf(&WIDE);
    struct letter letter = {
        .partial = true,
        .received_at_ms = -5,
        .rule = span_of("schema"),
        .reason = span_of("properties.x: missing"),
        .source = span_of("k1"),
        .way = span_of("http"),
        .event = span_make("a\0b", 3),
        .as_received = span_of("{}"),
    };
    struct buf group = {0};
    letters_shelf_pack(&letter, &group);
    cr_expect_eq(write_group(shelf, &group, 0), 1);
    write_n(shelf, 0, 3, true, 0);
    letters_shelf_close(shelf);
    shelf = open_shelf(&WIDE);
    cr_expect_str_eq(all(shelf, false, LETTERS_NEWEST_FIRST), "1:properties.x: missing ");
    cr_expect_str_eq(all(shelf, true, LETTERS_NEWEST_FIRST), "4:r2 3:r1 2:r0 ");
    cr_expect_str_eq(all(shelf, true, LETTERS_OLDEST_FIRST), "2:r0 3:r1 4:r2 ");
    struct letters_usage usage;
    letters_shelf_usage(shelf, true, &usage);
    cr_expect_eq(usage.letters, 3);
    cr_expect_gt(usage.bytes, 3 * ROW_BYTES);
    letters_shelf_close(shelf);
    buf_deinit(&group);
}

static bool look_whole(void *arg, const struct letter *l)
{
    *(bool *)arg = l->partial && l->received_at_ms == -5 && span_is(l->rule, "schema") &&
                   span_is(l->source, "k1") && span_is(l->way, "http") && !l->observed &&
                   span_eq(l->event, span_make("a\0b", 3)) && span_is(l->as_received, "{}");
    return true;
}

Test(letters_shelf, one_letter_is_found_whole_or_not_at_all)
{
    struct letters_shelf *shelf = open_shelf(&WIDE);
    struct letter letter = {
        .partial = true,
        .received_at_ms = -5,
        .rule = span_of("schema"),
        .source = span_of("k1"),
        .way = span_of("http"),
        .event = span_make("a\0b", 3),
        .as_received = span_of("{}"),
    };
    struct buf group = {0};
    bool whole = false;
    letters_shelf_pack(&letter, &group);
    (void)write_group(shelf, &group, 0);
    cr_expect_eq(letters_shelf_find(shelf, 1, look_whole, &whole, &info), ERR_OK);
    cr_expect(whole);
    cr_expect_eq(letters_shelf_find(shelf, 2, look_whole, &whole, &info), ERR_NOT_FOUND);
    cr_expect_str_eq(info.text, "there is no letter 2");
    letters_shelf_close(shelf);
    buf_deinit(&group);
}

Test(letters_shelf, pages_go_on_where_the_one_before_ended)
{
    struct letters_shelf *shelf = open_shelf(&WIDE);
    write_n(shelf, 0, 7, false, 0);
    for (int order = LETTERS_NEWEST_FIRST; order <= LETTERS_OLDEST_FIRST; order++) {
        uint64_t from = 0;
        size_t pages = 0, n = 0;
        do {
            struct seen seen = {.max = 3};
            struct letters_walk walk = {false, (enum letters_order)order, from, see, &seen};
            cr_assert_eq(letters_shelf_walk(shelf, &walk, &from, &info), ERR_OK);
            n += seen.n;
            pages++;
            buf_deinit(&seen.text);
        } while (from != 0);
        cr_expect_eq(n, 7);
        cr_expect_eq(pages, 3);
    }
    letters_shelf_close(shelf);
}

static bool count_look(void *arg, const struct letter *letter)
{
    (void)letter;
    ++*(size_t *)arg;
    return true;
}

Test(letters_shelf, a_walk_is_bounded_and_goes_on)
{
    static const struct letters_bounds MANY = {100000, 100 << 20, 1000000};
    struct letters_shelf *shelf = open_shelf(&MANY);
    struct buf group = {0};
    for (int i = 0; i < 2 * LETTERS_WALK_MAX + 5; i++) {
        struct letter letter = {.rule = span_of("name")};
        letters_shelf_pack(&letter, &group);
    }
    (void)write_group(shelf, &group, 0);
    for (int order = LETTERS_NEWEST_FIRST; order <= LETTERS_OLDEST_FIRST; order++) {
        size_t n = 0, walks = 0;
        struct letters_walk walk = {false, (enum letters_order)order, 0, count_look, &n};
        do
            cr_assert_eq(letters_shelf_walk(shelf, &walk, &walk.from, &info), ERR_OK);
        while (++walks < 10 && walk.from != 0);
        cr_expect_eq(n, 2 * LETTERS_WALK_MAX + 5);
        cr_expect_eq(walks, 3);
    }
    letters_shelf_close(shelf);
    buf_deinit(&group);
}

Test(letters_shelf, the_oldest_go_at_the_bound_on_letters)
{
    static const struct letters_bounds TEN = {10, 10 << 20, 1000000};
    struct letters_shelf *shelf = open_shelf(&TEN);
    write_n(shelf, 0, 8, false, 0);
    write_n(shelf, 8, 4, false, 0);
    cr_expect_str_eq(all(shelf, false, LETTERS_OLDEST_FIRST),
                     "3:r2 4:r3 5:r4 6:r5 7:r6 8:r7 9:r8 10:r9 11:r10 12:r11 ");
    // A group that alone is too many leaves its newest.
    write_n(shelf, 12, 25, false, 0);
    struct letters_usage usage;
    letters_shelf_usage(shelf, false, &usage);
    cr_expect_eq(usage.letters, 10);
    cr_expect(strncmp(all(shelf, false, LETTERS_NEWEST_FIRST), "22:r36 21:r35 ", 14) == 0);
    // The observed ones have a tenth beside, and push out none of the others.
    write_n(shelf, 50, 5, true, 0);
    cr_expect_str_eq(all(shelf, true, LETTERS_NEWEST_FIRST), "23:r54 ");
    letters_shelf_usage(shelf, false, &usage);
    cr_expect_eq(usage.letters, 10);
    letters_shelf_close(shelf);
}

Test(letters_shelf, the_oldest_go_at_the_bound_on_bytes)
{
    static const struct letters_bounds BYTES = {1000, 20 * (ROW_BYTES + 50), 1000000};
    struct letters_shelf *shelf = open_shelf(&BYTES);
    for (int i = 0; i < 60; i++) {
        struct letters_usage usage;
        write_n(shelf, i, 1, false, 0);
        letters_shelf_usage(shelf, false, &usage);
        cr_assert_leq(usage.bytes, (uint64_t)BYTES.bytes_max);
    }
    letters_shelf_close(shelf);
    shelf = open_shelf(&BYTES);
    struct letters_usage usage;
    letters_shelf_usage(shelf, false, &usage);
    cr_expect_geq(usage.letters, 20);
    cr_expect_leq(usage.bytes, (uint64_t)BYTES.bytes_max);
    cr_expect(strncmp(all(shelf, false, LETTERS_NEWEST_FIRST), "60:r59 ", 7) == 0);
    letters_shelf_close(shelf);
}

Test(letters_shelf, the_old_go_by_themselves)
{
    struct letters_shelf *shelf = open_shelf(&WIDE);
    write_n(shelf, 0, 2, false, 0);
    write_n(shelf, 2, 1, true, 0);
    write_n(shelf, 3, 2, false, 500000);
    cr_assert_eq(letters_shelf_age(shelf, 1000000, &info), ERR_OK);
    cr_expect_str_eq(all(shelf, false, LETTERS_OLDEST_FIRST), "1:r0 2:r1 4:r3 5:r4 ");
    cr_assert_eq(letters_shelf_age(shelf, 1000001, &info), ERR_OK);
    cr_expect_str_eq(all(shelf, false, LETTERS_OLDEST_FIRST), "4:r3 5:r4 ");
    cr_expect_str_eq(all(shelf, true, LETTERS_OLDEST_FIRST), "");
    letters_shelf_close(shelf);
}

Test(letters_shelf, a_number_is_never_given_twice)
{
    struct letters_shelf *shelf = open_shelf(&WIDE);
    uint64_t numbers[] = {1, 2, 3, 99}, n;
    write_n(shelf, 0, 3, false, 0);
    cr_assert_eq(letters_shelf_remove(shelf, numbers, 4, &n, &info), ERR_OK);
    cr_expect_eq(n, 3);
    letters_shelf_close(shelf);
    shelf = open_shelf(&WIDE);
    write_n(shelf, 3, 1, false, 0);
    cr_expect_str_eq(all(shelf, false, LETTERS_OLDEST_FIRST), "4:r3 ");
    letters_shelf_close(shelf);
}

// Puts a value in the place of a letter's row.
static void spoil(uint64_t number, struct span value)
{
    static const struct store_table TABLES[] = {
        {"refused", STORE_KEY_U64}, {"observed", STORE_KEY_U64}, {"facts", STORE_KEY_U64}};
    struct store_opts opts = {folder.path, 64 << 20, TABLES, 3};
    struct store *store;
    struct store_txn *txn;
    cr_assert_eq(store_open(&opts, &store, &info), ERR_OK, "%s", info.text);
    cr_assert_eq(store_write_begin(store, &txn, &info), ERR_OK);
    cr_assert_eq(store_put(txn, 0, store_u64_key(&number), value, false, &info), ERR_OK);
    cr_assert_eq(store_commit(txn, &info), ERR_OK);
    store_close(store);
}

Test(letters_shelf, a_row_that_was_changed_is_removed_and_counted)
{
    uint8_t sealed[STORE_SEAL_BYTES + 3];
    struct letters_shelf *shelf = open_shelf(&WIDE);
    bool whole;
    write_n(shelf, 0, 4, false, 0);
    letters_shelf_close(shelf);
    spoil(2, span_of("nonsense"));
    store_seal_salted(sealed, 1, span_of("abc"), 3); // well sealed, but no record
    spoil(3, span_make(sealed, sizeof sealed));
    shelf = open_shelf(&WIDE);
    cr_expect_eq(letters_shelf_find(shelf, 2, look_whole, &whole, &info), ERR_NOT_FOUND);
    cr_expect_str_eq(all(shelf, false, LETTERS_OLDEST_FIRST), "1:r0 4:r3 ");
    cr_expect_eq(letters_shelf_corrupt(shelf), 2);
    struct letters_usage usage;
    letters_shelf_usage(shelf, false, &usage);
    cr_expect_eq(usage.letters, 2);
    letters_shelf_close(shelf);
}

// ---- The thread ---------------------------------------------------------------------------------

struct world {
    struct loop *loop;
    struct letters *letters;
    char path[2200];
    bool closed;
};

static void closed_cb(void *arg)
{
    ((struct world *)arg)->closed = true;
}

static void world_open(struct world *w)
{
    *w = (struct world){.loop = loop_create()};
    snprintf(w->path, sizeof w->path, "%s/letters", folder.path);
    struct letters_opts opts = {.path = w->path, .folder = folder.path, .bounds = WIDE};
    opts.bounds.age_max_ms = 3600 * 1000;
    w->letters = letters_open(w->loop, &opts);
}

static void world_close(struct world *w)
{
    letters_close(w->letters, closed_cb, w);
    loop_run(w->loop);
    cr_assert(w->closed);
    loop_destroy(w->loop);
}

static void keep(struct world *w, const char *reason, size_t bytes)
{
    char *event = mem_zalloc(bytes);
    struct letter letter = {
        .received_at_ms = clock_wall_ms(),
        .rule = span_of("name"),
        .reason = span_of(reason),
        .event = span_make(event, bytes),
    };
    letters_keep(w->letters, &letter);
    mem_free(event);
}

struct count {
    struct letters_job job; // first
    struct seen seen;
    struct world *world;
    bool done;
};

static void count_on_thread(struct letters_job *job, struct letters_shelf *shelf)
{
    struct count *count = (struct count *)job;
    struct letters_walk walk = {false, LETTERS_OLDEST_FIRST, 0, see, &count->seen};
    uint64_t last;
    job->err = letters_shelf_walk(shelf, &walk, &last, &job->info);
}

static void count_done_cb(struct letters_job *job)
{
    struct count *count = (struct count *)job;
    count->done = true;
    loop_stop(count->world->loop);
}

static void ask(struct world *w, struct count *count)
{
    *count = (struct count){.job = {.run = count_on_thread, .done = count_done_cb}, .world = w};
    cr_assert_eq(letters_ask(w->letters, &count->job, &info), ERR_OK, "%s", info.text);
}

static size_t count_of(struct world *w)
{
    struct count count;
    ask(w, &count);
    while (!count.done)
        loop_run(w->loop);
    cr_assert_eq(count.job.err, ERR_OK);
    buf_deinit(&count.seen.text);
    return count.seen.n;
}

TestSuite(letters, .init = setup, .fini = teardown);

Test(letters, a_question_sees_all_that_was_kept_before)
{
    struct world w;
    world_open(&w);
    for (size_t i = 1; i <= 20; i++) {
        keep(&w, "r", 10);
        cr_assert_eq(count_of(&w), i);
    }
    world_close(&w);
}

Test(letters, questions_wait_in_a_row_with_what_was_kept_between)
{
    struct world w;
    struct count counts[LETTERS_JOBS_MAX];
    world_open(&w);
    for (size_t i = 0; i < LETTERS_JOBS_MAX; i++) {
        keep(&w, "r", 10);
        ask(&w, &counts[i]);
    }
    struct letters_job more = {.run = count_on_thread, .done = count_done_cb};
    cr_expect_eq(letters_ask(w.letters, &more, &info), ERR_FULL);
    while (!counts[LETTERS_JOBS_MAX - 1].done)
        loop_run(w.loop);
    for (size_t i = 0; i < LETTERS_JOBS_MAX; i++) {
        cr_expect_eq(counts[i].seen.n, i + 1);
        buf_deinit(&counts[i].seen.text);
    }
    world_close(&w);
}

Test(letters, a_close_writes_what_waits)
{
    struct world w;
    world_open(&w);
    for (int i = 0; i < 100; i++)
        keep(&w, "r", 10);
    world_close(&w);
    world_open(&w);
    cr_expect_eq(count_of(&w), 100);
    world_close(&w);
}

Test(letters, what_the_thread_cannot_keep_up_with_is_lost_and_counted)
{
    enum {
        EACH = 64 * 1024,
        N = 300
    }; // more than may wait; nothing of it can be written meanwhile
    struct world w;
    world_open(&w);
    for (int i = 0; i < N; i++)
        keep(&w, "r", EACH);
    uint64_t lost = letters_lost(w.letters);
    cr_expect_gt(lost, 0);
    cr_expect_lt(lost, N);
    size_t kept = count_of(&w);
    cr_expect_eq(kept + letters_lost(w.letters), N);
    keep(&w, "after", 10); // there is room again
    cr_expect_eq(count_of(&w), kept + 1);
    world_close(&w);
}

Test(letters, without_a_store_nothing_is_kept_and_nothing_fails)
{
    struct world w;
    struct letters_job job = {.run = count_on_thread, .done = count_done_cb};
    char path[2300];
    snprintf(path, sizeof path, "%s/letters", folder.path);
    int file = open(path, O_CREAT | O_WRONLY, 0600); // where the folder should be
    cr_assert_geq(file, 0);
    close(file);
    world_open(&w);
    keep(&w, "r", 10);
    cr_expect_eq(letters_lost(w.letters), 1);
    cr_expect_eq(letters_ask(w.letters, &job, &info), ERR_UNAVAILABLE);
    cr_expect(strstr(info.text, "no dead letters are kept: ") == info.text, "%s", info.text);
    world_close(&w);
}

Test(letters, a_close_at_once_is_a_close)
{
    for (int i = 0; i < 20; i++) {
        struct world w;
        world_open(&w);
        world_close(&w);
    }
}
