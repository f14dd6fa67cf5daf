// SPDX-License-Identifier: Apache-2.0
// Reads the journal in pieces: each is copied in a read transaction of its own and handed out after
// it has ended, so that what the callback does costs the writer no pages. What is trimmed between
// two pieces shows as a gap at the beginning of the next one.
#include "common/base/mem.h"
#include "common/fold/fold_impl.h"

enum { PIECE_RECORDS = 256, PIECE_BYTES = 1024 * 1024 };

struct replay_piece {
    uint64_t next; // position to go on with
    uint64_t to;
    bool any_first; // the first record that is left will do
    size_t n;
    struct {
        uint8_t type;
        size_t at, len;
    } records[PIECE_RECORDS];
    struct buf bytes;
};

static enum err piece_gone(const struct fold *fold, uint64_t position, struct err_info *info)
{
    return err_set(info, ERR_NOT_FOUND,
                   "record %llu is no longer kept, the journal begins with record %llu",
                   (unsigned long long)position, (unsigned long long)journal_first(fold->journal));
}

static bool piece_has_room(const struct replay_piece *piece)
{
    return piece->n < PIECE_RECORDS && piece->bytes.len < PIECE_BYTES &&
           piece->next + piece->n <= piece->to;
}

static enum err piece_add(const struct fold *fold, struct replay_piece *piece, uint64_t position,
                          const struct journal_record *record, struct err_info *info)
{
    if (piece->any_first)
        piece->next = position;
    piece->any_first = false;
    if (position != piece->next + piece->n)
        return piece_gone(fold, piece->next, info);
    if (position > piece->to)
        return ERR_OK; // the whole range has gone meanwhile
    piece->records[piece->n].type = record->type;
    piece->records[piece->n].at = piece->bytes.len;
    piece->records[piece->n++].len = record->body.len;
    buf_append_span(&piece->bytes, record->body);
    return ERR_OK;
}

// An empty piece: there is nothing left of the range.
static enum err piece_read(struct fold *fold, struct replay_piece *piece, struct err_info *info)
{
    piece->n = 0;
    buf_clear(&piece->bytes);
    struct journal_cursor *cursor;
    enum err err = journal_cursor_open(fold->journal, piece->next, &cursor, info);
    if (err != ERR_OK)
        return err;
    while (err == ERR_OK && piece_has_room(piece)) {
        struct journal_record record;
        uint64_t position;
        err = journal_cursor_next(fold->journal, cursor, &position, &record, info);
        if (err == ERR_OK)
            err = piece_add(fold, piece, position, &record, info);
    }
    journal_cursor_close(fold->journal, cursor);
    if (err != ERR_NOT_FOUND || piece->n > 0)
        return err == ERR_NOT_FOUND ? ERR_OK : err;
    return piece->any_first ? ERR_OK : piece_gone(fold, piece->next, info);
}

static bool piece_hand_out(const struct replay_piece *piece, fold_record_fn record, void *arg)
{
    for (size_t i = 0; i < piece->n; i++) {
        struct journal_record one = {
            piece->records[i].type,
            span_make(piece->bytes.bytes + piece->records[i].at, piece->records[i].len),
        };
        if (!record(arg, piece->next + i, &one))
            return false;
    }
    return true;
}

enum err fold_replay(struct fold *fold, uint64_t from, uint64_t to, fold_record_fn record,
                     void *arg, struct err_info *info)
{
    uint64_t last = journal_last(fold->journal); // what is durable by now
    struct replay_piece *piece = mem_zalloc(sizeof *piece);
    piece->next = from == 0 ? 1 : from;
    piece->any_first = from == 0;
    piece->to = to < last ? to : last;
    enum err err = ERR_OK;
    if (from != 0 && from <= piece->to && from < journal_first(fold->journal))
        err = piece_gone(fold, from, info);
    while (err == ERR_OK && piece->next <= piece->to) {
        err = piece_read(fold, piece, info);
        if (err != ERR_OK || piece->n == 0 || !piece_hand_out(piece, record, arg))
            break;
        piece->next += piece->n;
    }
    buf_deinit(&piece->bytes);
    mem_free(piece);
    return err;
}
