// SPDX-License-Identifier: Apache-2.0
// What identify and group calls said about a subject: one value per key, the latest by its instant;
// of two with the same instant the larger by value_order, so that the order of arrival does not
// matter. A null value is kept, as the latest word, and counts as not set. For keys that some
// historic measure looks at, what was said before is kept too.
#pragma once

#include "services/playbook/model.h"

enum {
    TRAITS_MAX = 256, // further keys of a subject are not taken
    // Earlier values of one key. When there would be more, those go that say what both their
    // neighbours say; if none does, the oldest goes.
    TRAITS_PAST_MAX = 1023,
};

struct trait_past;

struct trait {
    int64_t at_ms;
    struct value value;      // a text lies in `bytes`, behind the key
    struct trait_past *past; // what was said before; NULL: nothing is kept
    uint32_t key_len;
    char bytes[];
};

// By instant, each before the next and before the trait that has them.
struct trait_past {
    uint32_t n, cap;
    struct trait **items;
};

struct traits {
    uint32_t n, cap;
    struct trait **items; // by key
};

void traits_destroy(struct traits *traits);
// NULL when the key is not there. `traits` may be NULL.
const struct trait *traits_find(const struct traits *traits, struct span key);
// What was the latest word at an instant; NULL: there was none. As far as it is kept.
const struct trait *traits_find_at(const struct traits *traits, struct span key, int64_t at_ms);
// Makes *traits when it is NULL. True when a value has changed. Earlier values of the key are
// dropped.
bool traits_put(struct traits **traits, struct span key, const struct value *value, int64_t at_ms);
// The same, keeping every value of the key with its instant. True when the value at some instant
// has changed.
bool traits_put_past(struct traits **traits, struct span key, const struct value *value,
                     int64_t at_ms);
// Whether a value of this instant would replace what is there.
bool traits_wins(const struct trait *old, const struct value *value, int64_t at_ms);

static inline struct span trait_key(const struct trait *trait)
{
    return span_make(trait->bytes, trait->key_len);
}
