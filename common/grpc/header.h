// SPDX-License-Identifier: Apache-2.0
// The values of gRPC's headers, read and written. Pure.
// (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md)
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/span.h"

// "100m": at most 8 digits and a unit (H M S m u n). Milliseconds, rounded up. False for anything
// else.
bool header_timeout(struct span value, int64_t *out_ms);
// Whether a content type is gRPC's with protobuf: "application/grpc", "application/grpc+proto",
// either with parameters after ";".
bool header_is_grpc_type(struct span value);
// The text of grpc-message: bytes outside of printable ASCII, and "%", as %XX.
char *header_percent_encode(const char *text, struct arena *arena);
// Whether a value of a -bin key is base64 (padded or not; several are separated by commas). `*out`
// is the same, padded.
bool header_bin(struct span value, struct arena *arena, char **out);
// Whether a value may stand in a header that is not -bin: printable ASCII.
bool header_is_ascii(struct span value);
