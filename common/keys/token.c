// SPDX-License-Identifier: Apache-2.0
#include "common/keys/token.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"

static const char PREFIX[] = "assay_";
// Crockford's base 32 in lower case: no letter looks like a digit, a double click takes it whole.
static const char ALPHABET[] = "0123456789abcdefghjkmnpqrstvwxyz";

static void random_chars(char *out, size_t n)
{
    uint8_t bytes[TOKEN_SECRET_CHARS];
    CHECK(n <= sizeof bytes);
    CHECK(sodium_init() >= 0);
    randombytes_buf(bytes, n);
    for (size_t i = 0; i < n; i++)
        out[i] = ALPHABET[bytes[i] % 32]; // 256 is a multiple of 32
    out[n] = '\0';
    sodium_memzero(bytes, sizeof bytes);
}

void token_salt_make(struct token_salt *out)
{
    CHECK(sodium_init() >= 0);
    randombytes_buf(out->bytes, sizeof out->bytes);
}

void token_id_make(char out[TOKEN_ID_CHARS + 1])
{
    random_chars(out, TOKEN_ID_CHARS);
}

void token_make(char letter, const char *id, char out[TOKEN_CHARS + 1])
{
    char secret[TOKEN_SECRET_CHARS + 1];
    CHECK(strlen(id) == TOKEN_ID_CHARS);
    random_chars(secret, TOKEN_SECRET_CHARS);
    int n = snprintf(out, TOKEN_CHARS + 1, "%s%c_%s_%s", PREFIX, letter, id, secret);
    CHECK(n == TOKEN_CHARS);
    token_wipe(secret, sizeof secret);
}

void token_wipe(void *bytes, size_t n)
{
    sodium_memzero(bytes, n);
}

static bool all_of_alphabet(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (text[i] == '\0' || strchr(ALPHABET, text[i]) == NULL)
            return false;
    return true;
}

bool token_parse(struct span text, char *letter, struct span *id)
{
    const char *at = text.ptr;
    const size_t id_at = sizeof PREFIX - 1 + 2, secret_at = id_at + TOKEN_ID_CHARS + 1;
    if (text.len != TOKEN_CHARS || !span_starts(text, PREFIX) || at[id_at - 1] != '_' ||
        at[secret_at - 1] != '_' || !all_of_alphabet(at + id_at, TOKEN_ID_CHARS) ||
        !all_of_alphabet(at + secret_at, TOKEN_SECRET_CHARS))
        return false;
    *letter = at[id_at - 2];
    *id = span_make(at + id_at, TOKEN_ID_CHARS);
    return true;
}

void token_digest(const struct token_salt *salt, struct span text, struct token_digest *out)
{
    CHECK(sodium_init() >= 0);
    CHECK(crypto_generichash(out->bytes, sizeof out->bytes, text.ptr, text.len, salt->bytes,
                             sizeof salt->bytes) == 0);
}

bool token_digest_eq(const struct token_digest *a, const struct token_digest *b)
{
    return sodium_memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

uint64_t token_digest_hash(const struct token_digest *digest)
{
    uint64_t hash;
    memcpy(&hash, digest->bytes, sizeof hash);
    return hash;
}

void token_hex(const uint8_t *bytes, size_t n, char *out)
{
    CHECK(sodium_bin2hex(out, 2 * n + 1, bytes, n) != NULL);
}

bool token_unhex(struct span text, uint8_t *out, size_t n)
{
    size_t len = 0;
    const char *end = NULL;
    return text.len == 2 * n && sodium_hex2bin(out, n, text.ptr, text.len, NULL, &len, &end) == 0 &&
           len == n && end == (const char *)text.ptr + text.len;
}
