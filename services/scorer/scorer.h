// SPDX-License-Identifier: Apache-2.0
// The scorer as a service: configuration, lanes, methods.
#pragma once

#include "common/service/service.h"

extern const struct service_desc SCORER_SERVICE;
