// SPDX-License-Identifier: Apache-2.0
// Moves the clock of every scorer of a cluster that runs by event time.
#pragma once

#include <stdint.h>

#include "cli/cluster.h"

// The largest event time over all lanes; 0: no event yet.
MUST_USE enum err clock_event_time_max(struct cluster *cluster, int64_t *out_ms,
                                       struct err_info *info);
// Advances every scorer to `*clock_ms`, which then is where the clock stands: it never goes back.
// What failed in between leaves some scorers behind: calling it again brings them up.
MUST_USE enum err clock_advance(struct cluster *cluster, int64_t *clock_ms, struct err_info *info);
