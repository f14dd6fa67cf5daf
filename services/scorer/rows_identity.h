// SPDX-License-Identifier: Apache-2.0
// Identities, parts, and what an account has of its own beside its parts, as messages of
// assay.record.v1, and back. For rows.c and rows_load.c.
#pragma once

#include "services/scorer/core/identity_impl.h"
#include "services/scorer/rows_codec.h"

// What the rows of an account and of a user say of it, beside the rest. In the arena.
void rows_own_record(struct core *core, struct account *account, struct arena *arena,
                     Assay__Record__V1__AccountRecord *out);
void rows_own_user_record(struct core *core, struct account *account, const struct user *user,
                          struct arena *arena, Assay__Record__V1__UserRecord *out);
void rows_part_pack(struct core *core, struct part *part, uint64_t lists, struct arena *arena,
                    struct buf *out);

// The account has its clock and number of users; the user has its place.
MUST_USE enum err rows_own_restore(struct core *core, struct account *account,
                                   const Assay__Record__V1__AccountRecord *record,
                                   const struct rows_lists *lists, struct err_info *info);
MUST_USE enum err rows_own_user_restore(struct core *core, struct account *account,
                                        struct user *user,
                                        const Assay__Record__V1__UserRecord *record,
                                        const struct rows_lists *lists, struct err_info *info);
MUST_USE enum err rows_part_restore(struct core *core, struct account *account, struct span id,
                                    const Assay__Record__V1__PartRecord *record,
                                    const struct rows_lists *lists, struct err_info *info);
