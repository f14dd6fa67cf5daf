// SPDX-License-Identifier: Apache-2.0
#include "common/log/log_limit.h"

#include <stddef.h>

enum { LOG_LIMIT_PROBES = 8 };

static struct log_limit_slot *log_limit_slot_of(struct log_limit *limit, uint64_t key)
{
    struct log_limit_slot *oldest = NULL;
    for (uint64_t i = 0; i < LOG_LIMIT_PROBES; i++) {
        struct log_limit_slot *slot = &limit->slots[(key + i) % LOG_LIMIT_SLOTS];
        if (slot->key == key)
            return slot;
        if (oldest == NULL ||
            (oldest->key != 0 && (slot->key == 0 || slot->started_ms < oldest->started_ms)))
            oldest = slot;
    }
    *oldest = (struct log_limit_slot){.key = key, .started_ms = INT64_MIN};
    return oldest;
}

bool log_limit_pass(struct log_limit *limit, uint64_t key, int64_t now_ms, uint32_t *suppressed)
{
    struct log_limit_slot *slot = log_limit_slot_of(limit, key == 0 ? 1 : key);
    if (slot->started_ms == INT64_MIN || now_ms - slot->started_ms >= LOG_LIMIT_WINDOW_MS) {
        slot->started_ms = now_ms;
        slot->lines = 0;
    }
    if (slot->lines >= LOG_LIMIT_LINES) {
        slot->suppressed += slot->suppressed < UINT32_MAX;
        return false;
    }
    slot->lines++;
    *suppressed = slot->suppressed;
    slot->suppressed = 0;
    return true;
}
