// SPDX-License-Identifier: Apache-2.0
// links: fuzz_lane_shelf fuzz_play fuzz_lent
// mutates: wire
// Rows of a lane's store, however bad: CORRUPT, or a state that can be explained, checkpointed and
// loaded again with the same rows, and that goes on.
#include <stdio.h>

#include "assay/record/v1/record_scorer.pb-c.h"
#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/base/time_text.h"
#include "services/scorer/core/state.h"
#include "tests/fuzz/lane_shelf.h"
#include "tests/fuzz/lent.h"
#include "tests/fuzz/play.h"

enum { ACCOUNTS_MAX = 16, LATER_MAX = 3, USERS_MAX = 1 << 16 };
// What is known of it is not written anew.
enum { SKIPPED = 1u << ROWS_LAYOUTS | 1u << ROWS_SEEN };
static const int64_t NOW_MS = 1767571200000; // 2026-01-05, a Monday
static const uint64_t POSITION = 2000000;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void explain_all(struct play *play)
{
    const struct core *core = play->core;
    for (uint32_t i = 0; i < core->n_accounts && i < ACCOUNTS_MAX; i++)
        play_explain(play, account_id(core, core->accounts[i]));
}

// Memory for users is asked for by their number, which a row may put at hundreds of millions.
static bool is_small(const struct shelf *store)
{
    for (size_t i = 0; i < store->n; i++) {
        const struct shelf_row *row = &store->rows[i];
        if (row->table != ROWS_ACCOUNTS)
            continue;
        Assay__Record__V1__AccountRecord *record =
            assay__record__v1__account_record__unpack(NULL, row->value.len, row->value.ptr);
        bool small = record == NULL || record->n_users < USERS_MAX;
        assay__record__v1__account_record__free_unpacked(record, NULL);
        if (!small)
            return false;
    }
    return true;
}

// What was made of the rows is written and read again. `same`: it was read from rows, and nothing
// has happened since (room for marks that was never used is not in rows).
static void check_again(struct lane_shelf *lane, struct shelf *store, uint64_t position, bool same)
{
    struct shelf twice = {0};
    struct lane_shelf again;
    struct err_info info = {{0}};
    lane_shelf_touch(lane);
    lane_shelf_checkpoint(lane, position, store);
    lane_shelf_init(&again);
    if (lane_shelf_load(&again, store, &info) != ERR_OK) {
        fprintf(stderr, "its own rows: %s\n", info.text);
        CHECK(false);
    }
    lane_shelf_touch(&again);
    lane_shelf_checkpoint(&again, position, &twice);
    const struct shelf_row *row = shelf_differ(&twice, store, SKIPPED);
    if (row != NULL && same)
        fprintf(stderr, "table %u, key " SPAN_FMT "\n", row->table, SPAN_ARG(row->key));
    CHECK(row == NULL || !same);
    lane_shelf_deinit(&again);
    shelf_deinit(&twice);
}

// Rows of a later playbook wait for it; the journal has it, in a store that is whole.
static bool catch_up(struct lane_shelf *lane)
{
    struct core *core = lane->core;
    struct err_info info = {{0}};
    bool waits = core_playbook(core) == NULL;
    for (uint64_t i = 0; i < LATER_MAX; i++) {
        if (waits)
            core_set_playbook(core, POSITION - LATER_MAX + i, lent_playbook(LENT_WIDE));
        if (rows_adopted(lane->rows, &info) != ERR_OK) {
            CHECK(info.text[0] != '\0');
            return false;
        }
        waits = false;
        for (uint32_t a = 0; a < core->n_accounts; a++)
            waits = waits || core->accounts[a]->pending;
    }
    return !waits;
}

static void go_on(struct play *play)
{
    static const uint8_t EVENTS[] = {0, 0x00, 0x28, 1, 0x84, 0x20, 2, 9,    2,    0x01, 0x1b,
                                     0, 0x85, 0x09, 3, 1,    0,    0, 0x80, 0xa0, 5,    11};
    struct bytes events = {EVENTS, sizeof EVENTS};
    play_events(play, &events, UINT32_MAX);
    play_tick(play, play->now_ms + (int64_t)3 * TIME_DAY_MS);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct shelf store = {0};
    struct lane_shelf lane;
    struct play play;
    struct err_info info = {{0}};
    shelf_read(&store, span_make(bytes, len), ROWS_TABLES);
    lane_shelf_init(&lane);
    play_init(&play, lane.core, POSITION, NOW_MS);
    play.unordered = true;
    enum err err = ERR_CORRUPT;
    if (is_small(&store))
        err = lane_shelf_load(&lane, &store, &info);
    else
        (void)err_set(&info, err, "too large for a test");
    CHECK(err == ERR_OK || (err == ERR_CORRUPT && info.text[0] != '\0'));
    if (err == ERR_OK && catch_up(&lane)) {
        explain_all(&play);
        check_again(&lane, &store, POSITION, true);
        go_on(&play);
        check_again(&lane, &store, play.position, false);
        core_set_playbook(lane.core, POSITION + 100, lent_playbook(LENT_LEAN));
        explain_all(&play);
    }
    rows_destroy(lane.rows);
    play_deinit(&play); // the core too
    mem_free(lane.lane.sources);
    shelf_deinit(&store);
    return 0;
}
