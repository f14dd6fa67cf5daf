// SPDX-License-Identifier: Apache-2.0
// The dead letters of one plan, the oldest first.
#pragma once

#include "services/router/webhook/plan.h"

// Open struct; `{0}` is empty. Fields private but n and serial.
struct dead_list {
    struct webhook_dead *items; // from `first` on
    size_t first, n, cap;
    uint64_t serial; // of the newest that ever was
};
void dead_list_deinit(struct dead_list *list);
// Copies; its serial is the highest.
void dead_list_add(struct dead_list *list, const struct webhook_dead *dead);
void dead_list_remove(struct dead_list *list, size_t i);
// Valid until the next change.
const struct webhook_dead *dead_list_at(const struct dead_list *list, size_t i);
size_t dead_list_find(const struct dead_list *list, uint64_t offset); // n: there is none
// The first whose serial is above `after`, or NULL.
const struct webhook_dead *dead_list_after(const struct dead_list *list, uint64_t after);
