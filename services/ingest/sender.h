// SPDX-License-Identifier: Apache-2.0
// Whose turn it is: requests of one sender are taken in order of their sequence. A request ahead of
// its turn is held, bounded in number and bytes, until all below it were taken or its call ends.
//
// A process that has just started, or has forgotten an idle sender, learns from `oldest_open` where
// the sender is: all below it has been answered, and nothing below it will come.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/index.h"
#include "common/base/span.h"

struct ingest;
struct request;

struct sender {
    struct sender *idle_prev, *idle_next; // in the list of idle ones, oldest first
    uint32_t slot;
    uint64_t hash;
    char *name;
    size_t name_len;
    uint64_t next;              // the sequence whose turn it is
    struct request *held_first; // by sequence, ascending
    struct request *open_first; // taken, not acknowledged
    uint32_t n_held, n_open;
    bool running; // its held requests are being looked at
};

// Fields private.
struct senders {
    struct ingest *ingest;
    struct index index;
    struct sender **slots; // by number; NULL: free
    uint32_t n_slots, slots_cap;
    uint32_t *free_slots;
    uint32_t n_free, free_cap;
    struct sender *idle_first, *idle_last;
    uint64_t n;
    uint64_t n_held, held_bytes;
};

void senders_init(struct senders *senders, struct ingest *ingest);
// No request is held or open.
void senders_deinit(struct senders *senders);
// A request of the sender `name` arrived, whose fields were checked (1 <= oldest_open <= sequence):
// it is taken now, or held, or refused for a bound.
void senders_offer(struct senders *senders, struct span name, uint64_t oldest_open,
                   struct request *request);
// The request leaves its sender: refused while it was held, or over.
void sender_leave(struct senders *senders, struct request *request);
// Refuses all that are held, and forgets where the senders are: what they send next tells.
void senders_reset(struct senders *senders, const char *reason);
