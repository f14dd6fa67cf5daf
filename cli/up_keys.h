// SPDX-License-Identifier: Apache-2.0
// Which file of keys `assay up` gives to the services: the one that --keys names, or the one that
// it named the last time, or keys.yaml in the data folder if that is there.
#pragma once

#include "cli/up_plan.h"

// Fills plan->keys after the folder is there: an absolute path, or NULL for none. `given` NULL: as
// said above; "none": none, and from now on as if --keys had never been given. INVALID: the file
// has mistakes, which are in `report`, or is not there.
MUST_USE enum err up_keys_settle(const char *given, struct up_plan *plan, struct buf *report,
                                 struct err_info *info);
// Whether an address ("HOST:PORT") may be served at: without keys only a loopback one. INVALID,
// with what to do; `option` is the one that gave the address ("http").
MUST_USE enum err up_keys_check_address(struct up_plan *plan, const char *option,
                                        const char *address, struct err_info *info);
