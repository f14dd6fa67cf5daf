// SPDX-License-Identifier: Apache-2.0
// Tokens and their digests. A token is "assay_<letter>_<id>_<secret>": the letter tells the role,
// the id names the key (it is no secret), the secret is 160 random bits. A key that another system
// made is any other text. What is kept of either is a digest: BLAKE2b, keyed with a salt of its
// file, so that two files never have a digest in common and nobody without the file can tell what
// a guess would give.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/span.h"

enum {
    TOKEN_ID_CHARS = 10,
    TOKEN_SECRET_CHARS = 32,
    TOKEN_CHARS = 6 + 1 + 1 + TOKEN_ID_CHARS + 1 + TOKEN_SECRET_CHARS, // assay_w_ID_SECRET
    TOKEN_CHARS_MAX = 240, // of any text that is given as a key: what fits into metadata
    TOKEN_SALT_BYTES = 16,
    TOKEN_DIGEST_BYTES = 32,
};

struct token_salt {
    uint8_t bytes[TOKEN_SALT_BYTES];
};
struct token_digest {
    uint8_t bytes[TOKEN_DIGEST_BYTES];
};

void token_salt_make(struct token_salt *out);
// A fresh id, NUL-terminated.
void token_id_make(char out[TOKEN_ID_CHARS + 1]);
// A fresh token of a key, NUL-terminated. Whoever gets it wipes it (token_wipe).
void token_make(char letter, const char *id, char out[TOKEN_CHARS + 1]);
void token_wipe(void *bytes, size_t n);

// Whether the text has a token's form; `*id` is then its id.
bool token_parse(struct span text, char *letter, struct span *id);
void token_digest(const struct token_salt *salt, struct span text, struct token_digest *out);
// In a time that does not depend on where they differ.
bool token_digest_eq(const struct token_digest *a, const struct token_digest *b);
// A digest's place in an index.
uint64_t token_digest_hash(const struct token_digest *digest);

// Bytes as hexadecimal text and back; false when the text is not exactly `n` bytes.
void token_hex(const uint8_t *bytes, size_t n, char *out); // 2 n + 1
bool token_unhex(struct span text, uint8_t *out, size_t n);
