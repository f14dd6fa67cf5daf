// SPDX-License-Identifier: Apache-2.0
// Small questions about text from outside.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/span.h"

// Well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms) without NUL.
bool text_is_clean_utf8(struct span s);
// Whole decimal numbers, the entire span; false on anything else or on overflow.
bool text_to_i64(struct span s, int64_t *out);
bool text_to_u64(struct span s, uint64_t *out);
// A finite decimal number, the entire span, whatever the locale.
bool text_to_double(struct span s, double *out);
// Edits (insert, delete, replace, swap of neighbours) from a to b, at most `most` + 1.
size_t text_distance(struct span a, struct span b, size_t most);
// Whether `needle` occurs in `s`; ASCII letters match in either case when `fold_case`.
bool text_contains(struct span s, struct span needle, bool fold_case);
