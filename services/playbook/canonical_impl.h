// SPDX-License-Identifier: Apache-2.0
// What the files that write canonical texts share. Names stand bare when they are words, so that
// the usual event reads well; what is a set is sorted.
#pragma once

#include <stddef.h>

#include "services/playbook/build.h"

void canonical_name(const char *name, struct buf *out);
// Appends `parts` sorted and separated by ", ", and frees them (each, and the array).
void canonical_sorted(char **parts, size_t n, struct buf *out);
// Takes what is in the buffer as one part, and empties it.
char *canonical_part(struct buf *part);
// A condition, with all that is under it.
void canonical_condition(const struct playbook *playbook, int32_t at, struct buf *out);
// What a measure counts, which is what conditions and derived measures mean by it: all of its
// meaning but how far back it is kept for tests of growth. Such a test, added or dropped, leaves
// the other signals that look at the measure what they are.
void canonical_counted(const struct playbook *playbook, const struct measure *measure,
                       struct buf *out);
