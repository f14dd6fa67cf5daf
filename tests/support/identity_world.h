// SPDX-License-Identifier: Apache-2.0
// Several lanes and the ways between them, for tests of identities: each lane is a core, its
// journal, its outbox and a store of rows; what lanes send each other is delivered when the test
// says so, in order for each pair. A lane can take checkpoints, die, and recover from its rows and
// its journal; whatever it then makes again must be what it made before. Header only; for tests
// that link scorer_rows.
#pragma once

#include "services/scorer/core/identity.h"
#include "services/scorer/moves_codec.h"
#include "tests/support/rows_fake.h"
#include "tests/support/scorer_world.h"

enum { IDENTITY_LANES_MAX = 4 };

// A playbook stands alone in its record.
enum identity_input_kind { INPUT_EVENT, INPUT_LINK, INPUT_CHANGE, INPUT_MOVE, INPUT_PLAYBOOK };

// One entry of a record. Texts are the world's.
struct identity_input {
    enum identity_input_kind kind;
    struct say event;
    const char *identity; // of a link or a change
    const char *target;   // of a link or a change
    const char *yaml;     // PLAYBOOK
    bool group;           // LINK: to an account
    bool anonymous;       // EVENT: its user is an anonymous id
    bool redo;            // CHANGE
    struct span move;
};

struct identity_record {
    struct identity_input *inputs;
    uint32_t n;
    int64_t ms;
};

// What a record made: a message or a change of a signal, by its number.
struct identity_made {
    uint64_t position, index;
    struct span bytes;
};

struct identity_made_list {
    struct identity_made *items;
    size_t n, cap;
};

struct identity_lane {
    struct core *core;
    struct identity_record *records; // of position i + 2
    size_t n_records, records_cap;
    struct identity_made_list out[IDENTITY_LANES_MAX]; // to each lane
    size_t delivered[IDENTITY_LANES_MAX];
    struct identity_made_list told; // changes of signals
    struct signal_changes changes;
    enum link_changed changed; // what the last change came to
    struct rows *rows;
    struct rows_lane marks;
    struct store_fake store, sealed;
    uint64_t checkpoint, frozen; // positions; 0: none
};

struct identity_world {
    const char *yaml;
    uint32_t n_lanes;
    struct identity_lane lanes[IDENTITY_LANES_MAX];
    struct arena texts; // of the world's life
    struct arena arena; // of one record
    uint32_t n_messages;
    bool replays;
};

static inline struct core *identity_core_create(void)
{
    struct core_opts opts = {.dedupe_window_ms = 24 * (int64_t)TIME_HOUR_MS,
                             .dedupe_ids_max = 1000000};
    return core_create(&opts);
}

static inline void identity_world_open(struct identity_world *w, const char *yaml, uint32_t n_lanes)
{
    *w = (struct identity_world){.n_lanes = n_lanes};
    arena_init(&w->texts, 16384, 0);
    w->yaml = arena_dup(&w->texts, span_of(yaml));
    arena_init(&w->arena, 16384, 0);
    for (uint32_t i = 0; i < n_lanes; i++) {
        struct identity_lane *lane = &w->lanes[i];
        lane->core = identity_core_create();
        lane->rows = rows_create(lane->core, &lane->marks);
        core_set_playbook(lane->core, 1, scorer_world_playbook(yaml));
    }
}

static inline void identity_made_free(struct identity_made_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        mem_free((void *)(uintptr_t)list->items[i].bytes.ptr);
    mem_free(list->items);
}

static inline void identity_world_close(struct identity_world *w)
{
    for (uint32_t i = 0; i < w->n_lanes; i++) {
        struct identity_lane *lane = &w->lanes[i];
        rows_destroy(lane->rows);
        core_destroy(lane->core);
        mem_free(lane->marks.sources);
        fake_clear(&lane->store);
        fake_clear(&lane->sealed);
        for (size_t r = 0; r < lane->n_records; r++)
            mem_free(lane->records[r].inputs);
        mem_free(lane->records);
        for (uint32_t to = 0; to < w->n_lanes; to++)
            identity_made_free(&lane->out[to]);
        identity_made_free(&lane->told);
        signal_changes_deinit(&lane->changes);
    }
    arena_deinit(&w->texts);
    arena_deinit(&w->arena);
}

static inline const char *identity_text(struct identity_world *w, const char *a, const char *b)
{
    return arena_printf(&w->texts, "%s%s", a, b);
}

static inline uint32_t identity_lane_of(const struct identity_world *w, struct span account)
{
    return (uint32_t)(hash64(account) % w->n_lanes);
}

static inline uint32_t identity_home_lane(struct identity_world *w, const char *identity)
{
    return identity_lane_of(w, span_of(identity_text(w, "user:", identity)));
}

// ---- What a record makes ----

// Distinct values lie in a table, whose order tells how it grew.
static inline bool identity_same_bytes(struct span a, struct span b)
{
    int64_t counts[256] = {0};
    for (size_t i = 0; i < a.len && a.len == b.len; i++) {
        counts[((const uint8_t *)a.ptr)[i]]++;
        counts[((const uint8_t *)b.ptr)[i]]--;
    }
    bool same = a.len == b.len;
    for (size_t i = 0; i < 256; i++)
        same = same && counts[i] == 0;
    return same;
}

// In replay it must have been made before, and be the same.
static inline void identity_keep(struct identity_world *w, struct identity_made_list *list,
                                 uint64_t position, uint64_t index, struct span bytes)
{
    if (w->replays) {
        size_t at = 0;
        while (at < list->n &&
               (list->items[at].position != position || list->items[at].index != index))
            at++;
        CHECK(at < list->n && identity_same_bytes(list->items[at].bytes, bytes));
        return;
    }
    if (list->n > 0) {
        const struct identity_made *last = &list->items[list->n - 1];
        CHECK(last->position < position || (last->position == position && last->index < index));
    }
    MEM_GROW(list->items, list->n, list->cap);
    list->items[list->n++] =
        (struct identity_made){position, index, span_make(mem_dup(bytes), bytes.len)};
}

static inline void identity_take_made(struct identity_world *w, struct identity_lane *lane,
                                      uint64_t position)
{
    const struct moves *moves = core_moves(lane->core);
    struct buf bytes = {0};
    for (size_t i = 0; i < moves->n; i++) {
        buf_clear(&bytes);
        moves_pack(lane->core, &moves->items[i], &bytes);
        identity_keep(w, &lane->out[identity_lane_of(w, moves->items[i].node)], position,
                      moves->items[i].index, buf_span(&bytes));
    }
    for (size_t i = 0; i < lane->changes.n; i++) {
        buf_clear(&bytes);
        scorer_world_line(&lane->changes.items[i], &bytes);
        buf_append_text(&bytes, lane->changes.items[i].reason);
        identity_keep(w, &lane->told, position, lane->changes.items[i].index, buf_span(&bytes));
    }
    buf_deinit(&bytes);
}

// ---- Records ----

static inline void identity_apply_event(struct identity_world *w, struct identity_lane *lane,
                                        uint64_t position, uint32_t place,
                                        const struct identity_input *input, int64_t ms)
{
    struct property properties[16], context[16];
    const struct say *say = &input->event;
    struct event event = {
        .kind = scorer_world_kind(say->kind == NULL ? "track" : say->kind),
        .message_id = span_of(say->id),
        .account = span_of(say->account),
        .user = span_of(say->user),
        .anonymous = input->anonymous,
        .name = span_of(say->name),
        .at_ms = say->at_ms,
        .received_at_ms = ms,
        .properties = properties,
        .n_properties = scorer_world_properties(say->properties, properties, 16),
        .context = context,
        .n_context = scorer_world_properties(say->context, context, 16),
        .profile_only = say->profile_only,
    };
    (void)core_apply(lane->core, position, place, &event, &lane->changes, &w->arena);
}

static inline void identity_apply_move(struct identity_world *w, struct identity_lane *lane,
                                       uint64_t position, uint32_t place, struct span bytes,
                                       int64_t ms)
{
    struct move move;
    struct err_info info;
    CHECK(moves_unpack(lane->core, bytes, &w->arena, &move, &info) == ERR_OK);
    core_take_move(lane->core, position, place, &move, ms, &lane->changes, &w->arena);
    move_deinit(&move);
}

static inline void identity_apply_input(struct identity_world *w, struct identity_lane *lane,
                                        uint64_t position, uint32_t place,
                                        const struct identity_input *input, int64_t ms)
{
    switch (input->kind) {
    case INPUT_EVENT:
        identity_apply_event(w, lane, position, place, input, ms);
        break;
    case INPUT_LINK:
        core_link(lane->core, position, place,
                  &(struct link){.kind = input->group ? LINK_GROUP : LINK_USER,
                                 .identity = span_of(input->identity),
                                 .target = span_of(input->target),
                                 .at_ms = input->event.at_ms,
                                 .message_id = span_of(input->event.id)},
                  ms);
        break;
    case INPUT_CHANGE:
        lane->changed = core_change_link(lane->core, position, place,
                                         &(struct link_change){.identity = span_of(input->identity),
                                                               .target = span_of(input->target),
                                                               .redo = input->redo,
                                                               .by = span_of("ana"),
                                                               .now_ms = ms});
        break;
    case INPUT_MOVE:
        identity_apply_move(w, lane, position, place, input->move, ms);
        break;
    case INPUT_PLAYBOOK:
        CHECK(false);
    }
}

static inline void identity_apply_record(struct identity_world *w, struct identity_lane *lane,
                                         size_t number)
{
    const struct identity_record *record = &lane->records[number];
    uint64_t position = number + 2;
    lane->changes.n = 0;
    arena_reset(&w->arena);
    if (record->inputs[0].kind == INPUT_PLAYBOOK) {
        struct err_info info = {{0}};
        core_set_playbook(lane->core, position, scorer_world_playbook(record->inputs[0].yaml));
        CHECK(rows_adopted(lane->rows, &info) == ERR_OK);
        core_settle(lane->core, position, record->ms, &lane->changes, &w->arena);
        identity_take_made(w, lane, position);
        return;
    }
    core_begin_record(lane->core, position, record->ms);
    for (uint32_t i = 0; i < record->n; i++)
        identity_apply_input(w, lane, position, i, &record->inputs[i], record->ms);
    core_end_record(lane->core, position, record->ms, &lane->changes, &w->arena);
    identity_take_made(w, lane, position);
}

static inline void identity_world_record(struct identity_world *w, uint32_t lane_number,
                                         const struct identity_input *inputs, uint32_t n)
{
    struct identity_lane *lane = &w->lanes[lane_number];
    MEM_GROW(lane->records, lane->n_records, lane->records_cap);
    struct identity_record *record = &lane->records[lane->n_records++];
    *record = (struct identity_record){.inputs = mem_alloc(n * sizeof *inputs), .n = n};
    memcpy(record->inputs, inputs, n * sizeof *inputs);
    record->ms = at("2026-06-01T00:00:00Z") + (int64_t)lane->n_records * 1000;
    identity_apply_record(w, lane, lane->n_records - 1);
}

// ---- Dying ----

// One step of a checkpoint: it begins, or commits a slice of at most so many rows.
static inline void identity_world_checkpoint(struct identity_world *w, uint32_t lane_number,
                                             size_t rows_max)
{
    struct identity_lane *lane = &w->lanes[lane_number];
    uint64_t position = lane->n_records + 1;
    struct fold_rows rows = {0};
    if (lane->frozen == 0) {
        rows_freeze(lane->rows, position);
        rows_seal(lane->rows, &rows);
        lane->sealed = pending;
        pending = (struct store_fake){0};
        lane->frozen = position;
        return;
    }
    bool more = rows_collect(lane->rows, position, &rows, rows_max);
    fake_commit(&lane->store, &pending);
    if (more)
        return;
    fake_commit(&lane->store, &lane->sealed);
    lane->checkpoint = lane->frozen;
    lane->frozen = 0;
}

static inline void identity_world_restart(struct identity_world *w, uint32_t lane_number)
{
    struct identity_lane *lane = &w->lanes[lane_number];
    struct err_info info = {{0}};
    rows_destroy(lane->rows);
    core_destroy(lane->core);
    mem_free(lane->marks.sources);
    lane->marks = (struct rows_lane){0};
    fake_clear(&lane->sealed);
    lane->frozen = 0;
    lane->core = identity_core_create();
    lane->rows = rows_create(lane->core, &lane->marks);
    for (size_t i = 0; i < lane->store.n; i++) {
        const struct row *row = &lane->store.rows[i];
        enum err err = rows_load(lane->rows, row->table, row->key, row->value, &info);
        if (err != ERR_OK)
            fprintf(stderr, "%s\n", info.text);
        CHECK(err == ERR_OK);
    }
    CHECK(rows_loaded(lane->rows, lane->checkpoint, &info) == ERR_OK);
    w->replays = true;
    if (lane->checkpoint == 0) {
        core_set_playbook(lane->core, 1, scorer_world_playbook(w->yaml));
        CHECK(rows_adopted(lane->rows, &info) == ERR_OK);
    }
    for (size_t p = lane->checkpoint < 2 ? 2 : lane->checkpoint + 1; p < lane->n_records + 2; p++)
        identity_apply_record(w, lane, p - 2);
    w->replays = false;
}

// ---- Between lanes ----

static inline size_t identity_world_waiting(const struct identity_world *w)
{
    size_t n = 0;
    for (uint32_t from = 0; from < w->n_lanes; from++) {
        for (uint32_t to = 0; to < w->n_lanes; to++)
            n += w->lanes[from].out[to].n - w->lanes[from].delivered[to];
    }
    return n;
}

// The next messages from one lane to another, at most so many, as one record. False: none waits.
static inline bool identity_world_deliver(struct identity_world *w, uint32_t from, uint32_t to,
                                          uint32_t most)
{
    enum { MOST = 8 };
    struct identity_input inputs[MOST];
    struct identity_lane *lane = &w->lanes[from];
    uint32_t n = 0;
    while (n < most && n < MOST && lane->delivered[to] < lane->out[to].n)
        inputs[n++] = (struct identity_input){
            .kind = INPUT_MOVE, .move = lane->out[to].items[lane->delivered[to]++].bytes};
    if (n > 0)
        identity_world_record(w, to, inputs, n);
    return n > 0;
}

// Until nothing is under way, which must come to an end.
static inline void identity_world_settle(struct identity_world *w)
{
    for (int rounds = 0; identity_world_waiting(w) > 0; rounds++) {
        CHECK(rounds < 10000);
        for (uint32_t from = 0; from < w->n_lanes; from++) {
            for (uint32_t to = 0; to < w->n_lanes; to++)
                (void)identity_world_deliver(w, from, to, 1);
        }
    }
}

// ---- Calls ----

static inline const char *identity_message(struct identity_world *w)
{
    return arena_printf(&w->texts, "m%u", ++w->n_messages);
}

static inline void identity_world_event(struct identity_world *w,
                                        const struct identity_input *input)
{
    struct identity_input copy = *input;
    if (copy.event.id == NULL)
        copy.event.id = identity_message(w);
    identity_world_record(w, identity_lane_of(w, span_of(copy.event.account)), &copy, 1);
}

// A track call that names an account, or (NULL) none.
static inline void identity_world_track(struct identity_world *w, const char *id,
                                        const char *account, const char *name, const char *when)
{
    const char *where = account != NULL ? account : identity_text(w, "user:", id);
    identity_world_event(
        w, &(struct identity_input){
               .event = {.account = where, .user = id, .name = name, .at_ms = at(when)}});
}

// The copy of a linking call that reaches the identity's home.
static inline void identity_world_link(struct identity_world *w, const char *id, const char *target,
                                       bool group, const char *when)
{
    struct identity_input link = {.kind = INPUT_LINK,
                                  .identity = id,
                                  .target = target,
                                  .group = group,
                                  .event = {.id = identity_message(w), .at_ms = at(when)}};
    identity_world_record(w, identity_home_lane(w, id), &link, 1);
}

static inline enum link_changed identity_world_change(struct identity_world *w, const char *id,
                                                      const char *target, bool redo)
{
    uint32_t home = identity_home_lane(w, id);
    struct identity_input change = {
        .kind = INPUT_CHANGE, .identity = id, .target = target, .redo = redo};
    identity_world_record(w, home, &change, 1);
    return w->lanes[home].changed;
}

static inline struct core *identity_world_core(struct identity_world *w, const char *account)
{
    return w->lanes[identity_lane_of(w, span_of(account))].core;
}

static inline struct explanation identity_world_explain(struct identity_world *w,
                                                        const char *account, const char *user)
{
    struct explanation out;
    core_explain(identity_world_core(w, account), span_of(account), span_of(user), &w->arena, &out);
    return out;
}
