// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/moves_codec.h"

#include "assay/record/v1/record_move.pb-c.h"
#include "common/base/mem.h"
#include "services/scorer/core/identity_impl.h"
#include "services/scorer/rows.h"
#include "services/scorer/rows_check.h"
#include "services/scorer/rows_codec.h"

typedef Assay__Record__V1__MoveRecord move_record;
typedef Assay__Record__V1__PieceRecord piece_record;
typedef Assay__Record__V1__PieceCellRecord piece_cell_record;

enum { ARENA_BYTES = 16 * 1024, BY_BYTES_MAX = 255 };

// ---- Packing ----

static piece_cell_record **pack_cells(const struct plan *plan, enum scope scope,
                                      const struct subject *subject, struct arena *arena, size_t *n)
{
    const struct plan_scope *shape = &plan->scopes[scope];
    piece_cell_record **out = arena_alloc(arena, (shape->n_cells + 1) * sizeof *out);
    *n = 0;
    for (uint32_t i = 0; i < shape->n_cells; i++) {
        enum cell_shape of = (enum cell_shape)shape->shapes[i];
        if (cell_is_empty(&subject->cells[i], of))
            continue;
        piece_cell_record *record = arena_alloc(arena, sizeof *record);
        assay__record__v1__piece_cell_record__init(record);
        record->meaning = shape->cells[i];
        record->cell = rows_cell_record(&subject->cells[i], of, arena);
        out[(*n)++] = record;
    }
    return out;
}

static piece_record *pack_piece(const struct plan *plan, const struct piece *piece,
                                struct arena *arena)
{
    const struct account *book = piece->book;
    piece_record *out = arena_alloc(arena, sizeof *out);
    assay__record__v1__piece_record__init(out);
    out->clock_ms = book->clock_ms;
    out->account_cells =
        pack_cells(plan, SCOPE_ACCOUNT, &book->subject, arena, &out->n_account_cells);
    out->user_cells =
        pack_cells(plan, SCOPE_USER, &book->users[0].user->subject, arena, &out->n_user_cells);
    return out;
}

void moves_pack(const struct core *core, const struct move *move, struct buf *out)
{
    struct arena arena;
    arena_init(&arena, ARENA_BYTES, 0);
    move_record record = ASSAY__RECORD__V1__MOVE_RECORD__INIT;
    record.kind = (uint32_t)move->kind;
    record.node = arena_dup(&arena, move->node);
    record.identity = arena_dup(&arena, move->identity);
    record.user = arena_dup(&arena, move->user);
    record.group = arena_dup(&arena, move->group);
    record.version = move->version;
    record.by = arena_dup(&arena, move->by);
    record.at_ms = move->at_ms;
    record.message_low = move->message.low;
    record.message_high = move->message.high;
    if (move->piece != NULL)
        record.piece = pack_piece(core->plan, move->piece, &arena);
    rows_pack(&record.base, out);
    arena_deinit(&arena);
}

// ---- Unpacking ----

// Of several places of one meaning each is filled once: they hold the same.
static enum err unpack_cells(const struct plan *plan, enum scope scope,
                             piece_cell_record *const *records, size_t n, struct subject *subject,
                             struct err_info *info)
{
    const struct plan_scope *shape = &plan->scopes[scope];
    for (size_t i = 0; i < n; i++) {
        uint32_t at = 0;
        while (at < shape->n_cells &&
               (shape->cells[at] != records[i]->meaning ||
                !cell_is_empty(&subject->cells[at], (enum cell_shape)shape->shapes[at])))
            at++;
        if (at == shape->n_cells)
            continue;
        enum err err = records[i]->cell == NULL
                           ? err_set(info, ERR_INVALID, "a cell of a piece is missing")
                           : rows_cell_restore(records[i]->cell, (enum cell_shape)shape->shapes[at],
                                               &subject->cells[at], info);
        if (err != ERR_OK)
            return ERR_INVALID;
    }
    return ERR_OK;
}

static enum err unpack_piece(struct core *core, const piece_record *record, struct piece **out,
                             struct err_info *info)
{
    const struct plan *plan = core->plan;
    struct piece *piece = piece_create(core);
    struct account *book = piece->book;
    struct subject *subject = &book->users[0].user->subject;
    book->clock_ms = record->clock_ms;
    enum err err = unpack_cells(plan, SCOPE_ACCOUNT, record->account_cells, record->n_account_cells,
                                &book->subject, info);
    if (err == ERR_OK)
        err =
            unpack_cells(plan, SCOPE_USER, record->user_cells, record->n_user_cells, subject, info);
    if (err == ERR_OK && (record->clock_ms == STATE_NO_CLOCK ||
                          !rows_check_subject(plan, SCOPE_ACCOUNT, &book->subject, book) ||
                          !rows_check_subject(plan, SCOPE_USER, subject, book)))
        err = err_set(info, ERR_INVALID, "a piece says what cannot be");
    if (err == ERR_OK)
        *out = piece;
    else
        piece_destroy(piece);
    return err;
}

static bool unpack_is_id(const char *id)
{
    size_t n = strlen(id);
    return n > 0 && n <= ROWS_ID_MAX;
}

static bool unpack_is_id_or_none(const char *id)
{
    return id[0] == '\0' || unpack_is_id(id);
}

// Whether the node can be the one that such a message is for.
static bool unpack_is_for_node(const move_record *record)
{
    struct span home;
    bool personal = identity_is_personal(span_of(record->node), &home);
    switch (record->kind) {
    case MOVE_WATCH:
    case MOVE_UNWATCH:
        return personal;
    case MOVE_LINKS:
        return personal;
    case MOVE_RETURN:
        return personal && span_is(home, record->identity);
    case MOVE_MEET:
        return personal && span_is(home, record->identity) && unpack_is_id(record->group);
    case MOVE_PIECE:
    case MOVE_KNOWN:
        return unpack_is_id(record->user);
    default:
        return true;
    }
}

enum err moves_unpack(struct core *core, struct span bytes, struct arena *arena, struct move *out,
                      struct err_info *info)
{
    ProtobufCAllocator allocator = rows_allocator(arena);
    move_record *record = assay__record__v1__move_record__unpack(&allocator, bytes.len, bytes.ptr);
    if (record == NULL)
        return err_set(info, ERR_INVALID, "a message between accounts cannot be read");
    if (record->kind < MOVE_WATCH || record->kind > MOVE_KNOWN)
        return err_set(info, ERR_INVALID, "a message between accounts of the unknown kind %u",
                       record->kind);
    if (!unpack_is_id(record->node) || !unpack_is_id(record->identity) ||
        !unpack_is_id_or_none(record->user) || !unpack_is_id_or_none(record->group) ||
        strlen(record->by) > BY_BYTES_MAX || !unpack_is_for_node(record))
        return err_set(info, ERR_INVALID, "a message between accounts with an id that cannot be");
    *out = (struct move){
        .kind = (enum move_kind)record->kind,
        .node = span_of(record->node),
        .identity = span_of(record->identity),
        .user = span_of(record->user),
        .group = span_of(record->group),
        .version = record->version,
        .by = span_of(record->by),
        .at_ms = record->at_ms,
        .message = {record->message_low, record->message_high},
    };
    return record->piece == NULL ? ERR_OK : unpack_piece(core, record->piece, &out->piece, info);
}

void move_deinit(struct move *move)
{
    piece_destroy(move->piece);
    move->piece = NULL;
}
