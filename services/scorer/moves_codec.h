// SPDX-License-Identifier: Apache-2.0
// Messages between accounts as bytes (assay.record.v1.MoveRecord) and back: for the outbox, the
// journal, and the way between lanes. Pieces say what each of their cells means, as rows do, so
// that they can be read by another playbook: cells that it does not have are left out.
#pragma once

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "services/scorer/core/identity.h"

// Appends. `move` is one of core_moves, under the playbook that is in force.
void moves_pack(const struct core *core, const struct move *move, struct buf *out);
// By the playbook in force, which must not change before the move was taken. Texts are in the
// arena; the piece is given back by move_deinit. INVALID: bytes that are no message, `info` says
// why; nothing is to be given back.
MUST_USE enum err moves_unpack(struct core *core, struct span bytes, struct arena *arena,
                               struct move *out, struct err_info *info);
void move_deinit(struct move *move);
