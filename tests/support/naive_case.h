// SPDX-License-Identifier: Apache-2.0
// One random case: the core and the naive engine are given the same, and must say the same.
#pragma once

#include "tests/support/naive_generate.h"

// False: they differ, `report` says where.
bool naive_case_agrees(const struct naive_case *c, struct buf *report);
// Every measure reads the same at the end whatever order the events of an account came in. Looks
// at the core alone.
bool naive_case_commutes(const struct naive_case *c, uint64_t seed, struct buf *report);
// False: the number depends on when something was decided, and not on the events alone.
bool naive_number_of_events(const struct naive_playbook *playbook, int number);
// The playbook and the steps, for a person.
void naive_case_write(const struct naive_case *c, struct buf *out);
// Leaves out what is not needed for `agrees` to be false, in at most so many attempts.
void naive_case_shrink(struct naive_case *c, int attempts,
                       bool (*agrees)(const struct naive_case *c, void *context), void *context);
