// SPDX-License-Identifier: Apache-2.0
// Adding up what measures keep: contributions of one user, as a book has them (parts.h), into an
// account, each by the measure's own operation, so that it ends as if the events themselves had
// come. What counts users with a signal follows from the users and is left alone.
#pragma once

#include "services/scorer/core/measure.h"

// Adds the cells of `from`, all of which are of its user 0, as those of `user`. What cannot count
// any more at the clock of `to` is left out.
void blend_add(const struct plan *plan, struct account *to, struct user *user,
               const struct account *from);
// Makes the cells of `to` and of its users those of `from`, whose users are the same by ordinal.
void blend_copy(const struct plan *plan, struct account *to, const struct account *from);
// Adds what a user did, as `from` keeps it, as `user`'s: his own cells, and among the users that
// the account counts. What else the account has of him stays as it is.
void blend_add_user(const struct plan *plan, struct account *account, struct user *user,
                    const struct user *from);
// The reverse: his own cells are empty then.
void blend_leave(const struct plan *plan, struct account *account, struct user *user);
// Of whom the account's kept events are.
void blend_rename(const struct plan *plan, struct account *account,
                  const struct renaming *renaming);
// Empties the cells of the account and of its users.
void blend_clear(const struct plan *plan, struct account *account);
// Whether the account's and user 0's cells are empty.
bool blend_is_empty(const struct plan *plan, const struct account *book);
// Moves the cells of the account and of `user` into an empty book; all is its user 0's then. Other
// users of the account are left with nothing.
void blend_take(const struct plan *plan, struct account *from, struct user *user,
                struct account *book);
