// SPDX-License-Identifier: Apache-2.0
// links: base store journal
// A child appends numbered groups and reports each one that it was told is durable; the parent
// kills it at any moment, opens the journal and looks: nothing that was reported is missing, no
// group is torn, every byte is right. The same folder goes through all rounds.
#include <stdio.h>
#include <string.h>

#include "common/journal/journal.h"
#include "tests/support/crash_child.h"
#include "tests/support/random.h"
#include "tests/support/temp_folder.h"

enum { ROUNDS = 40, GROUP_MAX = 20, BODY_MAX = 9000 };

// The head of each body; the rest is filled from the position.
struct body_head {
    uint64_t position, group_first, group_n, len;
};

static struct journal *open_journal(const char *path)
{
    struct err_info info;
    struct journal_lmdb_opts opts = {.path = path, .bytes_max = 64 << 20};
    struct journal *journal;
    if (journal_lmdb_open(&opts, &journal, &info) != ERR_OK) {
        fprintf(stderr, "open: %s\n", info.text);
        abort();
    }
    return journal;
}

static uint8_t filling(uint64_t position, size_t i)
{
    return (uint8_t)(position * 167 + i * 13 + (i >> 8));
}

static int child(const char *path, int ack_fd, uint64_t seed)
{
    static uint8_t bodies[GROUP_MAX][BODY_MAX];
    struct test_random random = {seed};
    struct err_info info;
    struct journal *journal = open_journal(path);
    for (;;) {
        struct journal_record group[GROUP_MAX];
        uint64_t first = journal_last(journal) + 1, got;
        size_t n = 1 + test_random_below(&random, GROUP_MAX);
        for (size_t i = 0; i < n; i++) {
            struct body_head head = {first + i, first, n, sizeof head};
            head.len += test_random_below(&random, BODY_MAX - sizeof head);
            memcpy(bodies[i], &head, sizeof head);
            for (size_t j = sizeof head; j < head.len; j++)
                bodies[i][j] = filling(first + i, j);
            group[i] =
                (struct journal_record){(uint8_t)(first + i), span_make(bodies[i], head.len)};
        }
        if (journal_append(journal, group, n, first, &got, &info) != ERR_OK) {
            fprintf(stderr, "append: %s\n", info.text);
            abort();
        }
        uint64_t last = first + n - 1;
        crash_child_report(ack_fd, last);
        if (last > 400 && test_random_below(&random, 4) == 0)
            CHECK(journal_trim(journal, last - 400, &info) == ERR_OK);
    }
}

static void verify(struct journal *journal, uint64_t acked)
{
    struct err_info info;
    struct journal_cursor *cursor;
    struct journal_record record;
    uint64_t position, expected = journal_first(journal), last = journal_last(journal);
    struct body_head head = {0};
    CHECK(last >= acked);
    CHECK(journal_cursor_open(journal, 1, &cursor, &info) == ERR_OK);
    while (journal_cursor_next(journal, cursor, &position, &record, &info) == ERR_OK) {
        CHECK(position == expected++);
        CHECK(record.type == (uint8_t)position);
        memcpy(&head, record.body.ptr, sizeof head);
        CHECK(head.position == position && head.len == record.body.len);
        const uint8_t *bytes = record.body.ptr;
        for (size_t i = sizeof head; i < head.len; i++)
            CHECK(bytes[i] == filling(position, i));
    }
    CHECK(expected == last + 1);
    // The last group is whole, and so are all before it, which ended where it began.
    CHECK(last == 0 || head.group_first + head.group_n - 1 == last);
    journal_cursor_close(journal, cursor);
}

static uint64_t round_of_one_child(const char *path, struct test_random *random)
{
    char seed[32];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)test_random_next(random));
    struct crash_child child = {{path, seed}, .acks_max = 60, .pause_us_max = 1500};
    return crash_child_run(&child, random);
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "child") == 0)
        return child(argv[3], atoi(argv[2]), strtoull(argv[4], NULL, 10));
    uint64_t seed = test_random_seed();
    printf("journal_crash: TEST_SEED=%llu\n", (unsigned long long)seed);
    struct test_random random = {seed};
    struct temp_folder folder;
    temp_folder_make(&folder);
    uint64_t acked = 0, beyond = 0;
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t reported = round_of_one_child(folder.path, &random);
        if (reported > 0)
            acked = reported;
        struct journal *journal = open_journal(folder.path);
        verify(journal, acked);
        beyond += journal_last(journal) > acked;
        acked = journal_last(journal);
        journal_close(journal);
    }
    CHECK(acked > 0);
    printf("journal_crash: %d kills, %llu records, %llu groups durable but not yet reported\n",
           ROUNDS, (unsigned long long)acked, (unsigned long long)beyond);
    temp_folder_remove(&folder);
    return 0;
}
