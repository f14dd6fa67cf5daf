// SPDX-License-Identifier: Apache-2.0
#include "services/router/webhook/sign.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

static const char PREFIX[] = "whsec_";

static struct span trimmed(struct span s)
{
    const char *at = s.ptr;
    while (s.len > 0 && strchr(" \t\r\n", at[s.len - 1]) != NULL)
        s.len--;
    while (s.len > 0 && strchr(" \t\r\n", at[0]) != NULL) {
        at++;
        s.len--;
    }
    return span_make(at, s.len);
}

enum err webhook_key_read(struct span text, struct webhook_key *out, struct err_info *info)
{
    struct span s = trimmed(text);
    size_t skip = sizeof PREFIX - 1;
    const char *end = NULL;
    CHECK(sodium_init() >= 0);
    *out = (struct webhook_key){0};
    if (!span_starts(s, PREFIX))
        return err_set(info, ERR_INVALID, "expected a secret that begins with \"whsec_\"");
    const char *base64 = (const char *)s.ptr + skip;
    size_t len = s.len - skip;
    if (sodium_base642bin(out->bytes, sizeof out->bytes, base64, len, NULL, &out->n, &end,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        end != base64 + len || out->n < WEBHOOK_KEY_BYTES_MIN) {
        webhook_key_wipe(out);
        return err_set(info, ERR_INVALID, "expected \"whsec_\" and %d to %d bytes in base64",
                       WEBHOOK_KEY_BYTES_MIN, WEBHOOK_KEY_BYTES_MAX);
    }
    return ERR_OK;
}

void webhook_key_wipe(struct webhook_key *key)
{
    sodium_memzero(key, sizeof *key);
}

static void sign_by(const struct webhook_key *key, struct span head, struct span body,
                    struct buf *out)
{
    crypto_auth_hmacsha256_state state;
    uint8_t mac[crypto_auth_hmacsha256_BYTES];
    char text[sodium_base64_ENCODED_LEN(sizeof mac, sodium_base64_VARIANT_ORIGINAL)];
    crypto_auth_hmacsha256_init(&state, key->bytes, key->n);
    crypto_auth_hmacsha256_update(&state, head.ptr, head.len);
    crypto_auth_hmacsha256_update(&state, body.ptr, body.len);
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_memzero(&state, sizeof state);
    buf_printf(
        out, "v1,%s",
        sodium_bin2base64(text, sizeof text, mac, sizeof mac, sodium_base64_VARIANT_ORIGINAL));
}

void webhook_sign(const struct webhook_key *keys, size_t n_keys, const char *id,
                  int64_t timestamp_s, struct span body, struct buf *out)
{
    struct buf head = {0};
    CHECK(n_keys > 0 && strchr(id, '.') == NULL);
    CHECK(sodium_init() >= 0);
    buf_printf(&head, "%s.%lld.", id, (long long)timestamp_s);
    for (size_t i = 0; i < n_keys; i++) {
        if (i > 0)
            buf_append_text(out, " ");
        sign_by(&keys[i], buf_span(&head), body, out);
    }
    buf_deinit(&head);
}
