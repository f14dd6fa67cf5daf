// SPDX-License-Identifier: Apache-2.0
// What reading and writing share.
#pragma once

#include "common/rpc_json/json.h"

// Of one value in a message or in an array.
size_t json_value_bytes(ProtobufCType type);
