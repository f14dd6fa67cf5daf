// SPDX-License-Identifier: Apache-2.0
// What a FileDescriptorSet (google/protobuf/descriptor.proto) describes, found by file, by symbol
// and by extension, for reflection. Files stay bytes: only names are read.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/span.h"

struct descriptors;
#define DESCRIPTORS_NONE SIZE_MAX

// Keeps `set`, which may be empty. INVALID when it is no such message.
MUST_USE enum err descriptors_create(struct span set, struct descriptors **out,
                                     struct err_info *info);
void descriptors_destroy(struct descriptors *descriptors); // NULL is allowed

// The number of the file of that name, or that declares that symbol ("package.Message.field" too)
// or extension; or DESCRIPTORS_NONE.
size_t descriptors_file(const struct descriptors *descriptors, const char *name);
size_t descriptors_symbol(const struct descriptors *descriptors, const char *name);
size_t descriptors_extension(const struct descriptors *descriptors, const char *type,
                             int32_t number);
// Numbers of extensions of a type; returns how many were written.
size_t descriptors_extensions(const struct descriptors *descriptors, const char *type, int32_t *out,
                              size_t max);
// The bytes of a file and of all that it imports, itself first; returns how many. `out` has room
// for descriptors_count.
size_t descriptors_with_imports(const struct descriptors *descriptors, size_t file,
                                struct span *out);
size_t descriptors_count(const struct descriptors *descriptors);
