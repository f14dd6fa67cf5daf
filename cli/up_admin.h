// SPDX-License-Identifier: Apache-2.0
// The admin ports of a cluster's services: one after the other from the port that --admin gives.
#pragma once

#include "cli/up_plan.h"

// `given` is ADDRESS:PORT (port 0: any for each), "off" or NULL (none). The services are listed
// already. INVALID, BUSY: as up_port_settle; INVALID too when the ports go beyond 65535, or the
// address is for everybody and there are no keys.
MUST_USE enum err up_admin_settle(const char *given, struct up_plan *plan, struct err_info *info);
void up_admin_release(struct up_plan *plan);
