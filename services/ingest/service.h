// SPDX-License-Identifier: Apache-2.0
// Ingest as a service process: configuration, life cycle.
#pragma once

#include "common/service/service.h"

extern const struct service_desc INGEST_SERVICE;
