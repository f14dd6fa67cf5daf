// SPDX-License-Identifier: Apache-2.0
// What the files of this folder share.
#pragma once

#include <stdatomic.h>

#include "common/base/arena.h"
#include "common/base/index.h"
#include "common/keys/keys.h"

struct keys {
    atomic_uint held;
    struct arena arena; // of all texts and lists
    struct token_salt salt;
    struct keys_key *keys;
    size_t n, cap;
    // Secrets by digest, keys by id: items are key * KEYS_SECRETS_MAX + secret, and keys. Made by
    // keys_seal, for asking; editing does without.
    struct index by_digest, by_id;
    bool sealed;
};

// Makes the indexes. A digest or id that is there twice is INVALID, with the names of both.
enum err keys_seal(struct keys *keys, struct err_info *info);
struct keys_key *keys_append(struct keys *keys);
// Sorts a list's values and takes repetitions out.
void keys_list_sort(struct keys_list *list);
// What is wrong with a name, a word or a value; NULL when nothing is.
const char *keys_name_mistake(struct span name);
const char *keys_value_mistake(struct span value);
bool keys_word_good(struct span word);
