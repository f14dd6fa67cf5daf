// SPDX-License-Identifier: Apache-2.0
// The address of gRPC for a whole cluster: the edge's.
#pragma once

#include "cli/up_plan.h"

// INVALID, BUSY: as up_port_settle; INVALID too when the address is for everybody and there are no
// keys, or of certificate and key one is missing or cannot be read.
MUST_USE enum err up_grpc_settle(const struct up_opts *opts, struct up_plan *plan,
                                 struct err_info *info);
