// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/records.h"

#include "assay/record/v1/record_scorer.pb-c.h"
#include "common/base/mem.h"
#include "services/playbook/load.h"

static void record_pack(const ProtobufCMessage *message, struct buf *out)
{
    size_t n = protobuf_c_message_get_packed_size(message);
    protobuf_c_message_pack(message, buf_reserve(out, n));
    out->len += n;
}

void record_pack_tick(int64_t now_ms, struct buf *out)
{
    Assay__Record__V1__TickRecord record = ASSAY__RECORD__V1__TICK_RECORD__INIT;
    record.now_ms = now_ms;
    record_pack(&record.base, out);
}

void record_pack_playbook(const struct playbook *playbook, int64_t now_ms, struct buf *out)
{
    Assay__Record__V1__PlaybookRecord record = ASSAY__RECORD__V1__PLAYBOOK_RECORD__INIT;
    record.now_ms = now_ms;
    record.file = (char *)playbook->file;
    record.text.data = (uint8_t *)playbook->text.ptr;
    record.text.len = playbook->text.len;
    record_pack(&record.base, out);
}

void record_pack_identity(const struct link_change *change, struct buf *out)
{
    struct arena arena;
    arena_init(&arena, 1024, 0);
    Assay__Record__V1__IdentityChangeRecord record =
        ASSAY__RECORD__V1__IDENTITY_CHANGE_RECORD__INIT;
    record.identity = arena_dup(&arena, change->identity);
    record.target = arena_dup(&arena, change->target);
    record.redo = change->redo;
    record.operator_name = arena_dup(&arena, change->by);
    record.now_ms = change->now_ms;
    record_pack(&record.base, out);
    arena_deinit(&arena);
}

void record_pack_warmed(const struct record_warmed *warmed, struct buf *out)
{
    Assay__Record__V1__WarmedRecord record = ASSAY__RECORD__V1__WARMED_RECORD__INIT;
    record.from = warmed->from;
    record.playbook_digest = warmed->playbook_digest;
    record.since_ms = warmed->since_ms;
    record.now_ms = warmed->now_ms;
    record_pack(&record.base, out);
}

static enum err record_unreadable(uint64_t position, const char *what, struct err_info *info)
{
    return err_set(info, ERR_CORRUPT, "record %llu: no %s", (unsigned long long)position, what);
}

enum err record_read_tick(uint64_t position, struct span body, int64_t *now_ms,
                          struct err_info *info)
{
    Assay__Record__V1__TickRecord *record =
        assay__record__v1__tick_record__unpack(NULL, body.len, body.ptr);
    if (record == NULL)
        return record_unreadable(position, "tick", info);
    *now_ms = record->now_ms;
    assay__record__v1__tick_record__free_unpacked(record, NULL);
    return ERR_OK;
}

enum err record_read_playbook(uint64_t position, struct span body, struct playbook **out,
                              int64_t *now_ms, struct err_info *info)
{
    *out = NULL;
    Assay__Record__V1__PlaybookRecord *record =
        assay__record__v1__playbook_record__unpack(NULL, body.len, body.ptr);
    if (record == NULL)
        return record_unreadable(position, "playbook", info);
    struct buf report = {0};
    *now_ms = record->now_ms;
    enum err err =
        playbook_load(record->file, span_make(record->text.data, record->text.len), out, &report);
    assay__record__v1__playbook_record__free_unpacked(record, NULL);
    buf_append_u8(&report, '\0');
    if (err != ERR_OK)
        err = err_set(info, ERR_CORRUPT,
                      "record %llu: a playbook that was in force is refused: %.200s",
                      (unsigned long long)position, (const char *)report.bytes);
    buf_deinit(&report);
    return err;
}

enum err record_read_warmed(uint64_t position, struct span body, struct record_warmed *out,
                            struct err_info *info)
{
    Assay__Record__V1__WarmedRecord *record =
        assay__record__v1__warmed_record__unpack(NULL, body.len, body.ptr);
    if (record == NULL)
        return record_unreadable(position, "end of warming", info);
    *out = (struct record_warmed){
        .from = record->from,
        .playbook_digest = record->playbook_digest,
        .since_ms = record->since_ms,
        .now_ms = record->now_ms,
    };
    assay__record__v1__warmed_record__free_unpacked(record, NULL);
    return ERR_OK;
}

enum err record_read_identity(uint64_t position, struct span body, struct arena *arena,
                              struct link_change *out, struct err_info *info)
{
    Assay__Record__V1__IdentityChangeRecord *record =
        assay__record__v1__identity_change_record__unpack(NULL, body.len, body.ptr);
    if (record == NULL)
        return record_unreadable(position, "change of a link", info);
    *out = (struct link_change){
        .identity = span_of(arena_dup(arena, span_of(record->identity))),
        .target = span_of(arena_dup(arena, span_of(record->target))),
        .redo = record->redo,
        .by = span_of(arena_dup(arena, span_of(record->operator_name))),
        .now_ms = record->now_ms,
    };
    assay__record__v1__identity_change_record__free_unpacked(record, NULL);
    return out->identity.len > 0 ? ERR_OK : record_unreadable(position, "change of a link", info);
}
