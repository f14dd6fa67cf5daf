// SPDX-License-Identifier: Apache-2.0
// What identify and group calls said about a subject: one value per key, the latest by its instant;
// of two with the same instant the larger by value_order, so that the order of arrival does not
// matter. A null value is kept, as the latest word, and counts as not set.
#pragma once

#include "services/playbook/model.h"

// Further keys of a subject are not taken.
enum { TRAITS_MAX = 256 };

struct trait {
    int64_t at_ms;
    struct value value; // a text lies in `bytes`, behind the key
    uint32_t key_len;
    char bytes[];
};

struct traits {
    uint32_t n, cap;
    struct trait **items; // by key
};

void traits_destroy(struct traits *traits);
// NULL when the key is not there. `traits` may be NULL.
const struct trait *traits_find(const struct traits *traits, struct span key);
// Makes *traits when it is NULL. True when a value has changed.
bool traits_put(struct traits **traits, struct span key, const struct value *value, int64_t at_ms);
// Whether a value of this instant would replace what is there.
bool traits_wins(const struct trait *old, const struct value *value, int64_t at_ms);

static inline struct span trait_key(const struct trait *trait)
{
    return span_make(trait->bytes, trait->key_len);
}
