// SPDX-License-Identifier: Apache-2.0
// Messages as JSON and back, by their descriptors, as proto3 has it
// (https://protobuf.dev/programming-guides/json/).
//
// Read: names in lowerCamelCase or as in the .proto file; 64-bit integers as text or numbers;
// enums by name or number; bytes in base64; "NaN", "Infinity", "-Infinity"; null for what is not
// given. Strict: an unknown or repeated name, a value of another type or out of range, two members
// of a oneof are errors that name the place ("users[3].names[0].firstName").
//
// Written: lowerCamelCase, no defaults (but the member that is set of a oneof), no blanks.
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/span.h"

// A message in the arena, with memory of at most 16 times the text and 64 KiB. INVALID for what is
// no such message, with the place and what was expected; FULL when it needs more memory.
MUST_USE enum err json_read_message(const ProtobufCMessageDescriptor *type, struct span text,
                                    struct arena *arena, ProtobufCMessage **out,
                                    struct err_info *info);

void json_write_message(struct buf *out, const ProtobufCMessage *message);

// "user_id" is "userId" in JSON. `out` holds JSON_NAME_MAX bytes.
enum { JSON_NAME_MAX = 64 };
const char *json_name(const char *field_name, char out[JSON_NAME_MAX]);
