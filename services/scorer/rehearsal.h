// SPDX-License-Identifier: Apache-2.0
// One account as it stands, copied out of a lane's core so that what-if can be tried on it: a
// rehearsal is a core of its own with that account alone, which can be set back at any time.
//
// Of an account with many users only some are copied; the others stand there without a state, so
// that new users do not take their places.
#pragma once

#include "services/scorer/core/core.h"
#include "services/scorer/core/proposal.h"

struct rehearsal_copy;
// On the thread that owns the core. `user` is copied in any case, if it is there. NULL: there is no
// such account, or no playbook is in force. Touches nothing, and shares nothing with the core.
struct rehearsal_copy *rehearsal_copy_create(struct core *core, struct span account,
                                             struct span user);
void rehearsal_copy_destroy(struct rehearsal_copy *copy);
// The playbook that was in force, anew; owned by the caller. NULL: it cannot be read.
struct playbook *rehearsal_copy_playbook(const struct rehearsal_copy *copy);
// The record that made the account.
uint64_t rehearsal_copy_created(const struct rehearsal_copy *copy);
// What identify calls without an account said of the users that were copied.
typedef void (*rehearsal_trait_fn)(void *arg, struct span user, const struct property *trait,
                                   int64_t at_ms);
void rehearsal_copy_profiles(const struct rehearsal_copy *copy, rehearsal_trait_fn fn, void *arg);

struct rehearsal;
// Any thread from here on, one at a time. Keeps the copy. NULL: the copy cannot be read.
struct rehearsal *rehearsal_create(const struct rehearsal_copy *copy);
void rehearsal_destroy(struct rehearsal *rehearsal);
// Valid as long as the rehearsal.
const struct proposal_stage *rehearsal_stage(struct rehearsal *rehearsal);
