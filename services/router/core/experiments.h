// SPDX-License-Identifier: Apache-2.0
// Experiments: who falls into which arm, and what came of it.
#pragma once

#include "services/router/core/core.h"

struct router_arm_view {
    const char *name;
    bool holdout;
    uint64_t leads; // of accounts (or organizations) in it, the first lead of each
    uint64_t
        converted; // of those: "stage.customer" turned true, or the lead was won, within the time
    uint64_t open; // of those that have not converted: the time has not passed yet
    uint64_t touched, missed; // first touches in time, and SLAs missed
};
struct router_experiment_view {
    const char *name;
    int64_t size; // planned; 0: not said
    int64_t within_ms;
    const struct router_arm_view *arms; // as in the playbook
    size_t n_arms;
    int64_t first_ms, last_ms; // of its leads; 0: none
};
// As in the playbook. Returns their number.
size_t router_core_experiments(const struct router_core *core, int64_t now_ms, struct arena *arena,
                               const struct router_experiment_view **out);
