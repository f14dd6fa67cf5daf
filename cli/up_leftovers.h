// SPDX-License-Identifier: Apache-2.0
// Services that an earlier `assay up` of the same folder left behind when it was killed: they got
// SIGTERM from the kernel, and end by themselves.
#pragma once

#include "cli/up_plan.h"

// Waits until no process runs with one of the plan's configuration files; after 5 s they are
// killed. UNAVAILABLE, naming one, when it stays. The folder's lock is held.
MUST_USE enum err up_leftovers_wait(const struct up_plan *plan, struct err_info *info);
