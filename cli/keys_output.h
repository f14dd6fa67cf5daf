// SPDX-License-Identifier: Apache-2.0
// Keys for people and for programs. Nothing of a secret is ever in it.
#pragma once

#include <jansson.h>

#include "common/keys/keys.h"

// "expired", "disabled", "active", "2 tokens serve": in what state a key is.
const char *keys_state_text(const struct keys_key *key, int64_t now_ms);
void keys_table_write(const struct keys *keys, int64_t now_ms);
void keys_one_write(const struct keys_key *key, int64_t now_ms);
json_t *keys_json(const struct keys_key *key, int64_t now_ms);
