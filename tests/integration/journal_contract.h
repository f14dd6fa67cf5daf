// SPDX-License-Identifier: Apache-2.0
// What every journal must do, whatever implements it. Each check gets a fresh world.
#pragma once

#include <criterion/criterion.h>

#include "common/journal/journal.h"

struct journal_world {
    struct journal *journal;
    // Closes the journal and opens it again as another process would; NULL: it keeps nothing.
    void (*reopen)(struct journal_world *world);
    void *own;
};

enum { CONTRACT_BIG = 100 * 1000 };

static struct err_info contract_info;

// A body of `len` bytes that only this position has.
static struct span contract_body(uint64_t position, size_t len)
{
    static uint8_t bytes[CONTRACT_BIG];
    cr_assert_leq(len, sizeof bytes);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(position * 131 + i * 7 + (i >> 8));
    return span_make(bytes, len);
}

static size_t contract_len(uint64_t position)
{
    static const size_t lens[] = {0, 1, 184, 3000, 9000};
    return lens[position % ARRAY_LEN(lens)];
}

static enum err contract_append_one(struct journal *journal, uint64_t position, size_t len)
{
    struct journal_record record = {(uint8_t)position, contract_body(position, len)};
    uint64_t first = 0;
    enum err err = journal_append(journal, &record, 1, position, &first, &contract_info);
    if (err == ERR_OK)
        cr_assert_eq(first, position);
    return err;
}

static void contract_fill(struct journal *journal, uint64_t n)
{
    uint64_t end = journal_last(journal) + n;
    for (uint64_t i = journal_last(journal) + 1; i <= end; i++)
        cr_assert_eq(contract_append_one(journal, i, contract_len(i)), ERR_OK, "%s",
                     contract_info.text);
}

static void contract_expect(struct journal *journal, uint64_t from, uint64_t first, uint64_t last)
{
    struct journal_cursor *cursor;
    struct journal_record record;
    uint64_t position;
    cr_assert_eq(journal_cursor_open(journal, from, &cursor, &contract_info), ERR_OK);
    for (uint64_t i = first; i <= last; i++) {
        cr_assert_eq(journal_cursor_next(journal, cursor, &position, &record, &contract_info),
                     ERR_OK, "%s", contract_info.text);
        cr_assert_eq(position, i);
        cr_assert_eq(record.type, (uint8_t)i);
        cr_assert(span_eq(record.body, contract_body(i, contract_len(i))));
    }
    cr_assert_eq(journal_cursor_next(journal, cursor, &position, &record, &contract_info),
                 ERR_NOT_FOUND);
    journal_cursor_close(journal, cursor);
}

static void contract_trim(struct journal *journal, uint64_t below)
{
    uint64_t target = below < journal_last(journal) + 1 ? below : journal_last(journal) + 1;
    while (journal_first(journal) < target) {
        uint64_t before = journal_first(journal);
        cr_assert_eq(journal_trim(journal, below, &contract_info), ERR_OK, "%s",
                     contract_info.text);
        cr_assert_gt(journal_first(journal), before);
        cr_assert_leq(journal_first(journal), target);
    }
}

static void contract_starts_empty(struct journal_world *world)
{
    cr_assert_eq(journal_first(world->journal), 1);
    cr_assert_eq(journal_last(world->journal), 0);
    contract_expect(world->journal, 1, 1, 0);
    cr_assert_eq(journal_trim(world->journal, 5, &contract_info), ERR_OK);
    cr_assert_eq(journal_first(world->journal), 1);
}

static void contract_a_group_gets_positions_in_order(struct journal_world *world)
{
    static const uint8_t bytes[] = {1, 2, 3};
    struct journal_record group[3];
    for (size_t i = 0; i < 3; i++)
        group[i] = (struct journal_record){(uint8_t)(7 + i), span_make(bytes, i)};
    uint64_t first, position;
    cr_assert_eq(journal_append(world->journal, group, 3, 1, &first, &contract_info), ERR_OK);
    cr_assert_eq(first, 1);
    cr_assert_eq(journal_append(world->journal, group, 3, 4, &first, &contract_info), ERR_OK);
    cr_assert_eq(first, 4);
    cr_assert_eq(journal_last(world->journal), 6);
    struct journal_cursor *cursor;
    struct journal_record record;
    cr_assert_eq(journal_cursor_open(world->journal, 1, &cursor, &contract_info), ERR_OK);
    for (uint64_t i = 0; i < 6; i++) {
        cr_assert_eq(
            journal_cursor_next(world->journal, cursor, &position, &record, &contract_info),
            ERR_OK);
        cr_assert_eq(position, i + 1);
        cr_assert_eq(record.type, 7 + i % 3);
        cr_assert(span_eq(record.body, span_make(bytes, i % 3)));
    }
    journal_cursor_close(world->journal, cursor);
}

static void contract_another_position_is_a_conflict(struct journal_world *world)
{
    contract_fill(world->journal, 3);
    cr_assert_eq(contract_append_one(world->journal, 3, 1), ERR_CONFLICT);
    cr_assert_eq(contract_append_one(world->journal, 5, 1), ERR_CONFLICT);
    cr_assert_eq(contract_append_one(world->journal, 0, 1), ERR_CONFLICT);
    cr_assert_eq(journal_last(world->journal), 3);
    contract_expect(world->journal, 1, 1, 3);
    contract_fill(world->journal, 1);
}

static void contract_reads_from_anywhere(struct journal_world *world)
{
    contract_fill(world->journal, 20);
    contract_expect(world->journal, 0, 1, 20);
    contract_expect(world->journal, 7, 7, 20);
    contract_expect(world->journal, 20, 20, 20);
    contract_expect(world->journal, 21, 21, 20);
    contract_expect(world->journal, 1000, 1000, 20);
    contract_trim(world->journal, 10);
    contract_expect(world->journal, 3, 10, 20);
}

static void contract_a_cursor_ends_where_it_was_opened(struct journal_world *world)
{
    contract_fill(world->journal, 2);
    struct journal_cursor *cursor;
    struct journal_record record;
    uint64_t position, n = 0;
    cr_assert_eq(journal_cursor_open(world->journal, 1, &cursor, &contract_info), ERR_OK);
    contract_fill(world->journal, 2);
    while (journal_cursor_next(world->journal, cursor, &position, &record, &contract_info) ==
           ERR_OK)
        n++;
    cr_assert_eq(n, 2);
    journal_cursor_close(world->journal, cursor);
}

static void contract_trims_and_goes_on_counting(struct journal_world *world)
{
    contract_fill(world->journal, 700);
    contract_trim(world->journal, 1);
    cr_assert_eq(journal_first(world->journal), 1);
    contract_trim(world->journal, 601);
    cr_assert_eq(journal_first(world->journal), 601);
    contract_expect(world->journal, 1, 601, 700);
    cr_assert_eq(journal_trim(world->journal, 5, &contract_info), ERR_OK);
    cr_assert_eq(journal_first(world->journal), 601);
    contract_trim(world->journal, 5000);
    cr_assert_eq(journal_first(world->journal), 701);
    cr_assert_eq(journal_last(world->journal), 700);
    contract_expect(world->journal, 1, 701, 700);
    if (world->reopen != NULL)
        world->reopen(world);
    cr_assert_eq(journal_first(world->journal), 701);
    cr_assert_eq(journal_last(world->journal), 700);
    contract_fill(world->journal, 2);
    contract_expect(world->journal, 1, 701, 702);
}

static void contract_keeps_what_it_acknowledged(struct journal_world *world)
{
    if (world->reopen == NULL)
        return;
    contract_fill(world->journal, 30);
    world->reopen(world);
    cr_assert_eq(journal_last(world->journal), 30);
    contract_expect(world->journal, 1, 1, 30);
    contract_trim(world->journal, 11);
    world->reopen(world);
    contract_expect(world->journal, 1, 11, 30);
    contract_fill(world->journal, 5);
    contract_expect(world->journal, 1, 11, 35);
}

// The world's bound is a few megabytes.
static void contract_full_means_nothing_was_appended(struct journal_world *world)
{
    struct journal *journal = world->journal;
    uint64_t i = 1;
    enum err err = ERR_OK;
    while (err == ERR_OK && i < 1000) {
        err = contract_append_one(journal, i, CONTRACT_BIG);
        i += err == ERR_OK;
    }
    cr_assert_eq(err, ERR_FULL, "%s", err_name(err));
    cr_assert_eq(journal_last(journal), i - 1);
    cr_assert_eq(contract_append_one(journal, i, CONTRACT_BIG), ERR_FULL);
    if (world->reopen != NULL)
        world->reopen(world);
    journal = world->journal;
    cr_assert_eq(journal_last(journal), i - 1);
    cr_assert_eq(contract_append_one(journal, i, CONTRACT_BIG), ERR_FULL);
    // Half of it is trimmed and written again, over and over: room comes back each time.
    uint64_t kept = i / 2;
    for (int round = 0; round < 30; round++) {
        contract_trim(journal, journal_last(journal) - kept);
        for (uint64_t n = 0; n < kept - 3; n++)
            cr_assert_eq(contract_append_one(journal, journal_last(journal) + 1, CONTRACT_BIG),
                         ERR_OK, "round %d: %s", round, contract_info.text);
    }
}

static const struct {
    const char *name;
    void (*run)(struct journal_world *world);
} JOURNAL_CONTRACT[] = {
    {"starts empty", contract_starts_empty},
    {"a group gets positions in order", contract_a_group_gets_positions_in_order},
    {"another position is a conflict", contract_another_position_is_a_conflict},
    {"reads from anywhere", contract_reads_from_anywhere},
    {"a cursor ends where it was opened", contract_a_cursor_ends_where_it_was_opened},
    {"trims and goes on counting", contract_trims_and_goes_on_counting},
    {"keeps what it acknowledged", contract_keeps_what_it_acknowledged},
    {"full means nothing was appended", contract_full_means_nothing_was_appended},
};

static void journal_contract_run(void (*make)(struct journal_world *world),
                                 void (*drop)(struct journal_world *world))
{
    for (size_t i = 0; i < ARRAY_LEN(JOURNAL_CONTRACT); i++) {
        struct journal_world world = {0};
        make(&world);
        cr_log_info("journal contract: %s", JOURNAL_CONTRACT[i].name);
        JOURNAL_CONTRACT[i].run(&world);
        drop(&world);
    }
}
