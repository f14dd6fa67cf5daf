// SPDX-License-Identifier: Apache-2.0
// What time alone changes. A subject's timer is the earliest instant at which one of the leaves of
// its signals changes, of those signals that could change by it. `due_ms` may lie before that
// instant (an event that only puts it off leaves it as it is), so it is worked out again when it
// comes.
//
// A profile may change without an event of the user in the account; it then counts from the next
// time that the user is decided. Until then tests that look at it change by no timer, so that what
// runs when does not depend on when it was worked out.
#pragma once

#include "services/scorer/core/decide.h"

// Works the subject's timer out anew; user NULL: the account's.
void timers_refresh(const struct decision *decision, struct user *user);
// Runs the account's timers that are due by `limit_ms`, in order of instant; each that runs moves
// the account's clock.
void timers_run(struct decision *decision, int64_t limit_ms);
// Sees to it that the core knows when the account's next timer may be due.
void timers_queue(struct core *core, struct account *account, uint32_t number);
// The account's next timer exactly.
int64_t timers_next(struct core *core, struct account *account);
// Works out all timers of an account, after a load or a new playbook.
void timers_rebuild(struct core *core, struct account *account, uint32_t number);
// Recovery: works them out again for accounts whose rows were ahead of the profiles, and no longer
// are before the record at `position`.
void timers_catch_up(struct core *core, uint64_t position);
