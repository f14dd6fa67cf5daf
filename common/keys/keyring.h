// SPDX-License-Identifier: Apache-2.0
// The keys of a running process: read from their file, and again within seconds when it changes. A
// file that has mistakes, or is gone, changes nothing but the log: the keys that were read last
// serve on. Opened and closed on the loop's thread; asked on any thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/keys/keys.h"
#include "common/loop/loop.h"

struct keyring;
struct keyring_opts {
    const char *path;      // copied
    int64_t look_every_ms; // 0: 1 s
};
// Reads the file at once. INVALID, NOT_FOUND, IO: there are no keys; every mistake is in the log.
MUST_USE enum err keyring_open(struct loop *loop, const struct keyring_opts *opts,
                               struct keyring **out, struct err_info *info);
// Nobody asks any more. NULL is allowed.
void keyring_close(struct keyring *keyring);

// Any thread. As keys_ask. `*held` are the keys in force, which the caller releases
// (keys_release); `*out` lives as long as they are held. Other keys come into force between two
// turns of the loop only, so on its thread `*out` lives to the end of the turn in any case.
enum keys_verdict keyring_ask(struct keyring *keyring, struct span text, int64_t now_ms,
                              struct keys **held, const struct keys_key **out);
// Any thread. Takes `n` from what the key may do in a second (keys_bucket.h); true when it has no
// limit or is not there any more. What was used stays used when the file is read again.
bool keyring_take(struct keyring *keyring, const struct keys_key *key, int64_t n, int64_t now_ms,
                  int64_t *wait_ms);

struct keyring_stats {
    uint64_t keys;     // in force
    uint64_t reloads;  // files that took the place of another
    uint64_t failures; // files that had mistakes, or were gone
};
void keyring_stats(struct keyring *keyring, struct keyring_stats *out);
