// SPDX-License-Identifier: Apache-2.0
// The router's service process, for its main.
#pragma once

#include "common/service/service.h"

extern const struct service_desc ROUTER_SERVICE;
