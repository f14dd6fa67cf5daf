// SPDX-License-Identifier: Apache-2.0
// One account's past, read from its lane's journal: a core of its own that gets the account's
// events, and what time did, up to an instant. The playbook is the one in force now, as if it had
// always been.
#pragma once

#include "services/scorer/core/contributions.h"
#include "services/scorer/lane.h"
#include "services/scorer/rehearsal.h"

struct replay_opts {
    struct lane *lane;
    struct span account, user; // `user` may be empty
    const struct span *users;  // who act as the user; borrowed as long as the replay is
    size_t n_users;
    const struct rehearsal_copy *copy; // of the account as it stands now
    uint64_t to;                       // the last record that it stands for
    int64_t at_ms;                     // events and instants up to then; 0: all
    struct core_opts core;
};

struct replay;
// Any thread but the loop's and the lane's own: takes as long as the journal is. `opts` is
// borrowed. UNAVAILABLE: the lane stops, or the journal was trimmed meanwhile.
MUST_USE enum err replay_create(const struct replay_opts *opts, struct replay **out,
                                struct err_info *info);
void replay_destroy(struct replay *replay);
struct core *replay_core(struct replay *replay);
const struct contributions *replay_contributions(const struct replay *replay);
// 0: every event of the account is there. Else the journal reaches back only to what was taken in
// from then on, and the account is older.
int64_t replay_from_ms(const struct replay *replay);
