// SPDX-License-Identifier: Apache-2.0
#include "common/base/mem.h"
#include "common/base/time_text.h"
#include "common/keys/keys_impl.h"

// A double-quoted scalar. There are no control characters in what is written.
static void write_text(struct buf *out, const char *text)
{
    buf_append_u8(out, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            buf_append_u8(out, '\\');
        buf_append_u8(out, (uint8_t)*text);
    }
    buf_append_u8(out, '"');
}

static void write_time(struct buf *out, const char *key, int64_t ms)
{
    char text[TIME_TEXT_MAX];
    if (ms != 0)
        buf_printf(out, "%s: \"%s\"", key, time_format(ms, text));
}

static void write_lists(struct buf *out, const struct keys_key *key)
{
    buf_append_text(out, "    limits:\n");
    for (size_t i = 0; i < key->n_lists; i++) {
        const struct keys_list *list = &key->lists[i];
        buf_printf(out, "      %s: [", list->word);
        for (size_t v = 0; v < list->n; v++) {
            buf_append_text(out, v > 0 ? ", " : "");
            write_text(out, list->values[v]);
        }
        buf_append_text(out, "]\n");
    }
}

static void write_secrets(struct buf *out, const struct keys_key *key)
{
    char hex[2 * TOKEN_DIGEST_BYTES + 1];
    buf_append_text(out, "    secrets:\n");
    for (size_t i = 0; i < key->n_secrets; i++) {
        const struct keys_secret *secret = &key->secrets[i];
        token_hex(secret->digest.bytes, sizeof secret->digest.bytes, hex);
        buf_printf(out, "      - {digest: \"%s\"", hex);
        buf_append_text(out, secret->until_ms != 0 ? ", " : "");
        write_time(out, "until", secret->until_ms);
        buf_append_text(out, "}\n");
    }
}

static void write_key(struct buf *out, const struct keys_key *key)
{
    buf_printf(out, "  - id: \"%s\"\n    role: %s\n    name: ", key->id, keys_role_name(key->role));
    write_text(out, key->name);
    write_time(out, "\n    created", key->created_ms);
    write_time(out, "\n    expires", key->expires_ms);
    buf_append_text(out, key->disabled ? "\n    disabled: true\n" : "\n");
    if (key->rate > 0)
        buf_printf(out, "    rate: %lld\n    burst: %lld\n", (long long)key->rate,
                   (long long)key->burst);
    if (key->n_lists > 0)
        write_lists(out, key);
    write_secrets(out, key);
}

void keys_write(const struct keys *keys, struct buf *out)
{
    char hex[2 * TOKEN_SALT_BYTES + 1];
    token_hex(keys->salt.bytes, sizeof keys->salt.bytes, hex);
    buf_printf(out,
               "# Keys, kept by `assay keys`; a change by hand is seen within seconds too. What is "
               "kept of\n# a key's token is a digest: the token itself was shown once.\n"
               "salt: \"%s\"\nkeys:%s\n",
               hex, keys->n == 0 ? " []" : "");
    for (size_t i = 0; i < keys->n; i++)
        write_key(out, &keys->keys[i]);
}
