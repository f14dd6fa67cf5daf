// SPDX-License-Identifier: Apache-2.0
// What identities have contributed to an account by events that do not name it: parts. Each part is
// kept by itself, beside what the account has of events that name it (`own`), and in the account's
// total, which is what signals look at. So a part can be taken out again: the total is made anew
// from the rest. In the same way a visitor who acts in the account by events that name it is
// himself among the account's own, and in the total the user that he is known to be. An account
// without parts and such visitors has none of this.
//
// A piece is the contribution of one identity on its way between accounts: what measures keep, of
// the user and of the account, as an account with that one user. Measures are sums, extremes and
// sets, so that pieces add up in any order (blend.h). Traits, signals and their memories do not
// travel.
#pragma once

#include "common/base/hash.h"
#include "services/scorer/core/core.h"

struct account;

struct piece {
    struct core *core;    // whose playbook it is laid out by
    struct account *book; // its clock: not before the latest event
};
// Laid out by the playbook in force: must be taken or destroyed before the next one.
struct piece *piece_create(struct core *core);
void piece_destroy(struct piece *piece);
