// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/moves_queue.h"

#include <string.h>

#include "common/base/check.h"
#include "services/scorer/moves_codec.h"

enum { ARENA_BYTES = 16 * 1024 };

void moves_queue_deinit(struct moves_queue *queue)
{
    buf_deinit(&queue->bytes);
    *queue = (struct moves_queue){0};
}

// Each is its length and its bytes.
void moves_queue_add(struct moves_queue *queue, const struct core *core, moves_ours_fn ours,
                     void *arg)
{
    const struct moves *moves = core_moves(core);
    if (queue->at == queue->bytes.len) {
        buf_clear(&queue->bytes);
        queue->at = 0;
    }
    for (size_t i = 0; i < moves->n; i++) {
        if (ours != NULL && !ours(arg, moves->items[i].node))
            continue;
        size_t at = queue->bytes.len;
        uint64_t len = 0;
        buf_append(&queue->bytes, &len, sizeof len);
        moves_pack(core, &moves->items[i], &queue->bytes);
        len = queue->bytes.len - at - sizeof len;
        memcpy(queue->bytes.bytes + at, &len, sizeof len);
    }
}

bool moves_queue_take(struct moves_queue *queue, struct core *core,
                      const struct moves_record *record, struct signal_changes *changes,
                      struct arena *arena)
{
    struct move move;
    struct err_info info;
    struct arena texts;
    uint64_t len;
    if (queue->at == queue->bytes.len)
        return false;
    memcpy(&len, queue->bytes.bytes + queue->at, sizeof len);
    struct span bytes = span_make(queue->bytes.bytes + queue->at + sizeof len, len);
    queue->at += sizeof len + len;
    arena_init(&texts, ARENA_BYTES, 0);
    core_begin_record(core, record->position, record->intake_ms);
    enum err err = moves_unpack(core, bytes, &texts, &move, &info);
    CHECK(err == ERR_OK); // it was packed by the same playbook
    core_take_move(core, record->position, 0, &move, record->known_at_ms, changes, arena);
    move_deinit(&move);
    core_end_record(core, record->position, record->known_at_ms, changes, arena);
    arena_deinit(&texts);
    return true;
}
