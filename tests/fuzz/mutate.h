// SPDX-License-Identifier: Apache-2.0
// A mutator of protobuf messages that needs no schema: it goes down into a field that reads as a
// message itself, changes one field there, and puts the lengths above right. For
// LLVMFuzzerCustomMutator; a target that wants it has a line "// mutates: wire".
#pragma once

#include <stddef.h>
#include <stdint.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size); // libFuzzer's
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
