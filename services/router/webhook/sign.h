// SPDX-License-Identifier: Apache-2.0
// Signatures as Standard Webhooks 1.0.0 has them (https://www.standardwebhooks.com): HMAC-SHA256
// over "<id>.<timestamp>.<body>". The only file here that knows libsodium. Any thread, after the
// first call of either function has returned.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/span.h"

enum { WEBHOOK_KEY_BYTES_MIN = 24, WEBHOOK_KEY_BYTES_MAX = 64 };

struct webhook_key {
    uint8_t bytes[WEBHOOK_KEY_BYTES_MAX];
    size_t n;
};

// "whsec_" and base64 of 24 to 64 bytes; blanks and line ends around it are left out. INVALID: it
// is none; the text does not repeat the secret.
MUST_USE enum err webhook_key_read(struct span text, struct webhook_key *out,
                                   struct err_info *info);
// Overwrites it.
void webhook_key_wipe(struct webhook_key *key);

// Appends the value of webhook-signature: "v1,<base64>" for each key, with blanks between them, so
// that a receiver that knows only one of two keys is content while they are exchanged. `id` holds
// no full stop.
void webhook_sign(const struct webhook_key *keys, size_t n_keys, const char *id,
                  int64_t timestamp_s, struct span body, struct buf *out);
