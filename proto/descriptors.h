// SPDX-License-Identifier: Apache-2.0
// The public contracts as a google.protobuf.FileDescriptorSet, for reflection. In the library
// proto_descriptors, made when it is built.
#pragma once

#include <stddef.h>

extern const unsigned char proto_descriptors[];
extern const size_t proto_descriptors_bytes;
