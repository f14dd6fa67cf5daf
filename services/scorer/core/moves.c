// SPDX-License-Identifier: Apache-2.0
#include "common/base/mem.h"
#include "services/scorer/core/identity_impl.h"

const struct moves *core_moves(const struct core *core)
{
    return &core->moves;
}

void moves_clear(struct core *core)
{
    for (size_t i = 0; i < core->moves.n; i++)
        piece_destroy(core->moves.items[i].piece);
    core->moves.n = 0;
    arena_reset(&core->moves_arena);
}

void moves_begin(struct core *core, uint64_t index)
{
    core->move_index = index;
}

static struct span moves_keep(struct core *core, struct span text)
{
    return span_make(arena_dup(&core->moves_arena, text), text.len);
}

void moves_add(struct core *core, const struct move *move)
{
    MEM_GROW(core->moves.items, core->moves.n, core->moves.cap);
    struct move *out = &core->moves.items[core->moves.n++];
    *out = *move;
    out->index = core->move_index++;
    out->node = moves_keep(core, move->node);
    out->identity = moves_keep(core, move->identity);
    out->user = moves_keep(core, move->user);
    out->group = moves_keep(core, move->group);
    out->by = moves_keep(core, move->by);
}

struct span moves_home(struct core *core, struct span identity)
{
    size_t n = sizeof HOME_PREFIX - 1 + identity.len;
    return span_make(identity_home(&core->moves_arena, identity), n);
}

// ---- Homes --------------------------------------------------------------------------------------

char *identity_home(struct arena *arena, struct span identity)
{
    size_t n = sizeof HOME_PREFIX - 1;
    char *id = arena_alloc(arena, n + identity.len + 1);
    memcpy(id, HOME_PREFIX, n);
    memcpy(id + n, identity.ptr, identity.len);
    id[n + identity.len] = '\0';
    return id;
}

bool identity_is_personal(struct span account, struct span *identity)
{
    size_t n = sizeof HOME_PREFIX - 1;
    if (!span_starts(account, HOME_PREFIX) || account.len == n)
        return false;
    *identity = span_make((const char *)account.ptr + n, account.len - n);
    return true;
}

// ---- Pieces ----

struct piece *piece_create(struct core *core)
{
    struct piece *piece = mem_zalloc(sizeof *piece);
    piece->core = core;
    piece->book = book_create(core, 1);
    return piece;
}

void piece_destroy(struct piece *piece)
{
    if (piece == NULL)
        return;
    book_destroy(piece->core, piece->book);
    mem_free(piece);
}
