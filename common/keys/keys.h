// SPDX-License-Identifier: Apache-2.0
// Keys: who may call, and what. A key has an id, a role, a name, digests of its secrets (token.h),
// and may have an end, a rate, and lists of what it is limited to: a word with its values, whose
// meaning is the services' ("queues: [a, b-*]"). Kept in a YAML file that holds no secret.
//
//     salt: 5c0e...                      # of all digests in this file
//     keys:
//       - id: 7f3k2m9q4x
//         role: write                    # write, consumer, admin or service
//         name: web shop
//         created: "2026-01-31T10:00:00Z"
//         expires: "2027-01-31T00:00:00Z"   # these five may be missing
//         disabled: true
//         rate: 500                      # a second
//         burst: 2000
//         limits: {origins: [shop, "eu-*"]}
//         secrets:
//           - {digest: 9d41..., until: "2026-02-01T10:00:00Z"}   # of a token that was replaced
//           - {digest: 77c0...}
//
// A set of keys that was read is not changed any more and may be held by any thread; one that is
// edited belongs to one thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include "common/keys/token.h"

enum {
    KEYS_MAX = 5000,
    KEYS_NAME_MAX = 100,
    KEYS_SECRETS_MAX = 4, // of a key, at once
    KEYS_LISTS_MAX = 8,
    KEYS_WORD_MAX = 40,
    KEYS_VALUES_MAX = 1000, // of a list
    KEYS_VALUE_MAX = 200,
    KEYS_RATE_MAX = 1000 * 1000 * 1000,
    KEYS_IMPORTED_MIN = 8, // bytes of a key that another system made
};

enum keys_role { KEYS_WRITE, KEYS_CONSUMER, KEYS_ADMIN, KEYS_SERVICE, KEYS_ROLES };
// "write"; its first letter is the one in tokens.
const char *keys_role_name(enum keys_role role);
bool keys_role_parse(struct span text, enum keys_role *out);

struct keys_secret {
    struct token_digest digest;
    int64_t until_ms; // 0: as long as the key
};

struct keys_list {
    const char *word;
    const char **values; // sorted; one that ends in '*' stands for all that begin so
    size_t n;
};

struct keys;
struct keys_key {
    struct keys *keys; // whose it is
    const char *id;
    enum keys_role role;
    const char *name;
    int64_t created_ms;
    int64_t expires_ms; // 0: never
    bool disabled;
    int64_t rate, burst; // 0: no limit
    struct keys_secret secrets[KEYS_SECRETS_MAX];
    size_t n_secrets;
    struct keys_list lists[KEYS_LISTS_MAX];
    size_t n_lists;
};

// Empty, with a fresh salt. Held once.
struct keys *keys_create(void);
// INVALID: every mistake is in `report`, with its line. NOT_FOUND, IO: the file cannot be read, or
// (INVALID, in `info`) others than its owner may write it.
MUST_USE enum err keys_read_file(const char *path, struct keys **out, struct buf *report,
                                 struct err_info *info);
MUST_USE enum err keys_read_text(const char *name, struct span text, struct keys **out,
                                 struct buf *report, struct err_info *info);
// Any thread. The last release frees them; NULL is allowed.
struct keys *keys_hold(struct keys *keys);
void keys_release(struct keys *keys);

size_t keys_count(const struct keys *keys);
const struct keys_key *keys_at(const struct keys *keys, size_t i);
// By id, or else by name; NULL.
const struct keys_key *keys_find(const struct keys *keys, struct span id_or_name);
// By id, at once; of keys that were read.
const struct keys_key *keys_find_id(const struct keys *keys, struct span id);
// The list of a word, or NULL: not limited by it.
const struct keys_list *keys_list_of(const struct keys_key *key, const char *word);
// Whether a key may do what `value` says under `word`: it has no such list, or the list has the
// value. A NULL key may do everything.
bool keys_allows(const struct keys_key *key, const char *word, struct span value);

// ---- Asking -------------------------------------------------------------------------------------

// X(name, word for counting, text for the caller). WRONG: its id is known, its secret is not.
#define KEYS_VERDICT_LIST(X)                                                                       \
    X(GOOD, "good", "good")                                                                        \
    X(UNKNOWN, "unknown", "the key is not known")                                                  \
    X(WRONG, "wrong", "the key is not known")                                                      \
    X(REPLACED, "replaced", "the key was replaced by another one")                                 \
    X(EXPIRED, "expired", "the key has expired")                                                   \
    X(DISABLED, "disabled", "the key is disabled")
enum keys_verdict {
#define KEYS_VERDICT_ENUM(name, word, text) KEYS_##name,
    KEYS_VERDICT_LIST(KEYS_VERDICT_ENUM)
#undef KEYS_VERDICT_ENUM
        KEYS_VERDICTS
};
const char *keys_verdict_name(enum keys_verdict verdict);
const char *keys_verdict_text(enum keys_verdict verdict);

// Whose key a text is. GOOD: `*out` is it. Otherwise `*out` is the key that was meant, for logs, or
// NULL; for WRONG the caller has not shown that it is his. What is looked up is the text's digest,
// which nobody can foretell, and digests are compared in constant time: how long that takes says
// nothing about a secret.
enum keys_verdict keys_ask(const struct keys *keys, struct span text, int64_t now_ms,
                           const struct keys_key **out);

// ---- Editing: one thread, before anybody else holds them ----------------------------------------

struct keys_spec {
    enum keys_role role;
    struct span name;
    int64_t expires_ms, rate, burst;
    const struct keys_list *lists; // copied; values in any order
    size_t n_lists;
};
// Adds a key with a fresh token, which is shown this once. INVALID: the name or a limit is none;
// CONFLICT: there is one of that name; FULL.
MUST_USE enum err keys_add(struct keys *keys, const struct keys_spec *spec, int64_t now_ms,
                           char token[TOKEN_CHARS + 1], const struct keys_key **out,
                           struct err_info *info);
// Adds a key that another system made. INVALID also: it is too short or too long, or has blanks or
// control characters; CONFLICT: it is there already.
MUST_USE enum err keys_import(struct keys *keys, const struct keys_spec *spec, struct span secret,
                              int64_t now_ms, const struct keys_key **out, struct err_info *info);
// A fresh token; the ones before it serve until now + keep_ms. FULL: too many of them serve still.
MUST_USE enum err keys_rotate(struct keys *keys, const struct keys_key *key, int64_t now_ms,
                              int64_t keep_ms, char token[TOKEN_CHARS + 1], struct err_info *info);
void keys_disable(struct keys *keys, const struct keys_key *key, bool disabled);
// `key` and those after it move.
void keys_remove(struct keys *keys, const struct keys_key *key);
// Appends the file.
void keys_write(const struct keys *keys, struct buf *out);
