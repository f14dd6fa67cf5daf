// SPDX-License-Identifier: Apache-2.0
// links: fuzz_play fuzz_lent scorer_rows
// mutates: wire
// Messages between accounts, however bad: refused with a reason, or taken by a core that then still
// explains itself, and whose own messages can be read. The input is a message of steps: a
// MoveRecord (1), events (2), a link (3: which ids, in three bytes). What the core sends is
// delivered to it.
//
// Deciding and explaining under a playbook with everything is what a case costs, so a case has few
// events, and one account is explained: the last byte says which.
#include "common/base/check.h"
#include "common/base/mem.h"
#include "services/scorer/core/identity.h"
#include "services/scorer/moves_codec.h"
#include "tests/fuzz/lent.h"
#include "tests/fuzz/play.h"

enum { STEPS_MAX = 8, EVENTS_MAX = 8 /* of all steps */, DELIVERED_MAX = 64 };
enum step { STEP_MOVE = 1, STEP_EVENTS, STEP_LINK };
static const char *const CAST[] = {"a", "b", "user:u0", "acme"};
static const int64_t NOW_MS = 1767571200000; // 2026-01-05, a Monday

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

struct world {
    struct play play;
    struct buf sent; // what is to be delivered, each behind its tag
    size_t delivered;
};

static void begin(struct world *w)
{
    w->play.changes.n = 0;
    arena_reset(&w->play.arena);
    core_begin_record(w->play.core, ++w->play.position, NOW_MS);
}

// The record ends; what it made is kept as bytes.
static void end(struct world *w)
{
    struct play *play = &w->play;
    struct buf one = {0};
    core_end_record(play->core, play->position, NOW_MS, &play->changes, &play->arena);
    const struct moves *moves = core_moves(play->core);
    for (size_t i = 0; i < moves->n; i++) {
        CHECK(i == 0 || moves->items[i].index > moves->items[i - 1].index);
        buf_clear(&one);
        moves_pack(play->core, &moves->items[i], &one);
        wire_append_bytes(&w->sent, STEP_MOVE, buf_span(&one));
    }
    buf_deinit(&one);
}

static bool take(struct world *w, struct span bytes)
{
    struct play *play = &w->play;
    struct err_info info = {{0}};
    struct move move;
    begin(w);
    enum err err = moves_unpack(play->core, bytes, &play->arena, &move, &info);
    CHECK(err == ERR_OK || (err == ERR_INVALID && info.text[0] != '\0'));
    if (err == ERR_OK) {
        core_take_move(play->core, play->position, 0, &move, NOW_MS, &play->changes, &play->arena);
        move_deinit(&move);
    }
    end(w);
    return err == ERR_OK;
}

// What the core has sent, and what that makes it send.
static void deliver(struct world *w)
{
    struct buf sent = w->sent;
    struct wire_field field;
    w->sent = (struct buf){0};
    struct bytes from = bytes_of(buf_span(&sent));
    while (wire_next(&from, &field) && w->delivered++ < DELIVERED_MAX)
        CHECK(take(w, field.payload));
    buf_deinit(&sent);
}

static void link_some(struct world *w, struct bytes from)
{
    static const char *const IDS[] = {"u0", "u1", "u2", "a", "b", "acme"};
    uint8_t kind = bytes_u8(&from), identity = bytes_u8(&from), target = bytes_u8(&from);
    struct link link = {.kind = kind % 2 == 0 ? LINK_USER : LINK_GROUP,
                        .identity = span_of(IDS[identity % ARRAY_LEN(IDS)]),
                        .target = span_of(IDS[target % ARRAY_LEN(IDS)]),
                        .at_ms = NOW_MS - kind,
                        .message_id = span_of("m")};
    begin(w);
    core_link(w->play.core, w->play.position, 0, &link, NOW_MS);
    end(w);
}

static void run_step(struct world *w, const struct wire_field *field)
{
    struct bytes from = bytes_of(field->payload);
    if (field->type != WIRE_BYTES)
        return;
    if (field->number == STEP_MOVE)
        (void)take(w, field->payload);
    else if (field->number == STEP_EVENTS)
        play_events(&w->play, &from, EVENTS_MAX - w->play.n_events);
    else if (field->number == STEP_LINK)
        link_some(w, from);
    deliver(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct core_opts opts = {.dedupe_window_ms = 3600000, .dedupe_ids_max = 1000};
    struct world w = {0};
    struct core *core = core_create(&opts);
    struct wire_field field;
    struct bytes from = {bytes, len};
    core_set_playbook(core, 1, lent_playbook(LENT_WIDE));
    play_init(&w.play, core, 1, NOW_MS);
    for (int i = 0; i < STEPS_MAX && wire_next(&from, &field); i++)
        run_step(&w, &field);
    begin(&w);
    end(&w);
    deliver(&w);
    play_explain(&w.play, span_of(CAST[len == 0 ? 0 : bytes[len - 1] % ARRAY_LEN(CAST)]));
    buf_deinit(&w.sent);
    play_deinit(&w.play);
    return 0;
}
