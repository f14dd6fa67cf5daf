// SPDX-License-Identifier: Apache-2.0
// Which file of webhooks `assay up` gives to the router: the one that --webhooks names, or the one
// that it named the last time.
#pragma once

#include "cli/up_plan.h"

// Fills plan->webhooks after the folder is there: an absolute path, or NULL for none. `given` NULL:
// as the last time; "none": from now on none. INVALID: the file has mistakes, which are in
// `report`, or is not there.
MUST_USE enum err up_webhooks_settle(const char *given, struct up_plan *plan, struct buf *report,
                                     struct err_info *info);
