// SPDX-License-Identifier: Apache-2.0
#include "common/keys/keys.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/hash.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/keys/keys_impl.h"

static const char *const ROLE_NAMES[KEYS_ROLES] = {
    [KEYS_WRITE] = "write",
    [KEYS_CONSUMER] = "consumer",
    [KEYS_ADMIN] = "admin",
    [KEYS_SERVICE] = "service",
};

const char *keys_role_name(enum keys_role role)
{
    CHECK((unsigned)role < KEYS_ROLES);
    return ROLE_NAMES[role];
}

bool keys_role_parse(struct span text, enum keys_role *out)
{
    for (unsigned i = 0; i < KEYS_ROLES; i++) {
        if (span_is(text, ROLE_NAMES[i])) {
            *out = (enum keys_role)i;
            return true;
        }
    }
    return false;
}

const char *keys_verdict_name(enum keys_verdict verdict)
{
    static const char *const NAMES[KEYS_VERDICTS] = {
#define KEYS_VERDICT_NAME(name, word, text) [KEYS_##name] = (word),
        KEYS_VERDICT_LIST(KEYS_VERDICT_NAME)};
    CHECK((unsigned)verdict < KEYS_VERDICTS);
    return NAMES[verdict];
}

const char *keys_verdict_text(enum keys_verdict verdict)
{
    static const char *const TEXTS[KEYS_VERDICTS] = {
#define KEYS_VERDICT_TEXT(name, word, text) [KEYS_##name] = (text),
        KEYS_VERDICT_LIST(KEYS_VERDICT_TEXT)};
    CHECK((unsigned)verdict < KEYS_VERDICTS);
    return TEXTS[verdict];
}

// ---- Life ---------------------------------------------------------------------------------------

struct keys *keys_create(void)
{
    struct keys *keys = mem_zalloc(sizeof *keys);
    atomic_init(&keys->held, 1);
    arena_init(&keys->arena, 4096, 0);
    token_salt_make(&keys->salt);
    return keys;
}

struct keys *keys_hold(struct keys *keys)
{
    atomic_fetch_add(&keys->held, 1);
    return keys;
}

void keys_release(struct keys *keys)
{
    if (keys == NULL || atomic_fetch_sub(&keys->held, 1) > 1)
        return;
    index_deinit(&keys->by_digest);
    index_deinit(&keys->by_id);
    arena_deinit(&keys->arena);
    mem_free(keys->keys);
    mem_free(keys);
}

struct keys_key *keys_append(struct keys *keys)
{
    MEM_GROW(keys->keys, keys->n, keys->cap);
    struct keys_key *key = &keys->keys[keys->n++];
    *key = (struct keys_key){.keys = keys};
    return key;
}

// ---- What may stand in a key --------------------------------------------------------------------

static bool has_control(struct span text)
{
    const unsigned char *at = text.ptr;
    for (size_t i = 0; i < text.len; i++)
        if (at[i] < 0x20 || at[i] == 0x7f)
            return true;
    return !text_is_clean_utf8(text);
}

const char *keys_name_mistake(struct span name)
{
    const char *at = name.ptr;
    if (name.len == 0 || name.len > KEYS_NAME_MAX || has_control(name))
        return "expected a name of 1 to 100 bytes, without control characters";
    if (at[0] == ' ' || at[name.len - 1] == ' ')
        return "expected a name without blanks at its ends";
    return NULL;
}

const char *keys_value_mistake(struct span value)
{
    const char *star = value.len == 0 ? NULL : memchr(value.ptr, '*', value.len);
    if (value.len == 0 || value.len > KEYS_VALUE_MAX || has_control(value))
        return "expected 1 to 200 bytes, without control characters";
    if (star != NULL && star != (const char *)value.ptr + value.len - 1)
        return "a star may stand at the end only";
    return NULL;
}

bool keys_word_good(struct span word)
{
    const char *at = word.ptr;
    for (size_t i = 0; i < word.len; i++)
        if ((at[i] < 'a' || at[i] > 'z') && at[i] != '_')
            return false;
    return word.len > 0 && word.len <= KEYS_WORD_MAX;
}

// ---- Finding ------------------------------------------------------------------------------------

size_t keys_count(const struct keys *keys)
{
    return keys->n;
}

const struct keys_key *keys_at(const struct keys *keys, size_t i)
{
    CHECK(i < keys->n);
    return &keys->keys[i];
}

const struct keys_key *keys_find(const struct keys *keys, struct span id_or_name)
{
    for (size_t i = 0; i < keys->n; i++)
        if (span_is(id_or_name, keys->keys[i].id))
            return &keys->keys[i];
    for (size_t i = 0; i < keys->n; i++)
        if (span_is(id_or_name, keys->keys[i].name))
            return &keys->keys[i];
    return NULL;
}

static bool is_pattern(const char *value)
{
    return value[strlen(value) - 1] == '*';
}

// Patterns behind the rest, so that the rest can be searched.
static int value_cmp(const void *a, const void *b)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;
    int kind = is_pattern(x) - is_pattern(y);
    return kind != 0 ? kind : strcmp(x, y);
}

void keys_list_sort(struct keys_list *list)
{
    size_t n = 0;
    qsort(list->values, list->n, sizeof *list->values, value_cmp);
    for (size_t i = 0; i < list->n; i++)
        if (n == 0 || strcmp(list->values[n - 1], list->values[i]) != 0)
            list->values[n++] = list->values[i];
    list->n = n;
}

const struct keys_list *keys_list_of(const struct keys_key *key, const char *word)
{
    for (size_t i = 0; i < key->n_lists; i++)
        if (strcmp(key->lists[i].word, word) == 0)
            return &key->lists[i];
    return NULL;
}

static bool list_has(const struct keys_list *list, struct span value)
{
    size_t low = 0, high = list->n;
    while (high > 0 && is_pattern(list->values[high - 1])) {
        const char *pattern = list->values[--high];
        size_t n = strlen(pattern) - 1;
        if (value.len >= n && memcmp(value.ptr, pattern, n) == 0)
            return true;
    }
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int cmp = span_cmp(value, span_of(list->values[mid]));
        if (cmp == 0)
            return true;
        if (cmp < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return false;
}

bool keys_allows(const struct keys_key *key, const char *word, struct span value)
{
    const struct keys_list *list = key == NULL ? NULL : keys_list_of(key, word);
    return list == NULL || list_has(list, value);
}

// ---- Asking -------------------------------------------------------------------------------------

static const struct keys_secret *secret_at(const struct keys *keys, uint32_t item)
{
    return &keys->keys[item / KEYS_SECRETS_MAX].secrets[item % KEYS_SECRETS_MAX];
}

static bool digest_eq(const void *ctx, uint32_t item, const void *digest)
{
    return token_digest_eq(&secret_at(ctx, item)->digest, digest);
}

static uint64_t digest_rehash(const void *ctx, uint32_t item)
{
    return token_digest_hash(&secret_at(ctx, item)->digest);
}

static bool id_eq(const void *ctx, uint32_t item, const void *id)
{
    return span_is(*(const struct span *)id, ((const struct keys *)ctx)->keys[item].id);
}

static uint64_t id_rehash(const void *ctx, uint32_t item)
{
    return hash64(span_of(((const struct keys *)ctx)->keys[item].id));
}

static uint32_t find_digest(const struct keys *keys, const struct token_digest *digest)
{
    return index_find(&keys->by_digest, token_digest_hash(digest), digest_eq, keys, digest);
}

static uint32_t id_place(const struct keys *keys, struct span id)
{
    return index_find(&keys->by_id, hash64(id), id_eq, keys, &id);
}

const struct keys_key *keys_find_id(const struct keys *keys, struct span id)
{
    CHECK(keys->sealed);
    uint32_t i = id_place(keys, id);
    return i == INDEX_NONE ? NULL : &keys->keys[i];
}

static enum err seal_key(struct keys *keys, uint32_t i, struct err_info *info)
{
    const struct keys_key *key = &keys->keys[i];
    struct span id = span_of(key->id);
    if (id_place(keys, id) != INDEX_NONE)
        return err_set(info, ERR_INVALID, "the id %s is there twice", key->id);
    index_add(&keys->by_id, hash64(id), i, id_rehash, keys);
    for (uint32_t s = 0; s < key->n_secrets; s++) {
        const struct token_digest *digest = &key->secrets[s].digest;
        uint32_t other = find_digest(keys, digest);
        if (other != INDEX_NONE)
            return err_set(info, ERR_INVALID, "%s has a secret that %s has too", key->id,
                           keys->keys[other / KEYS_SECRETS_MAX].id);
        index_add(&keys->by_digest, token_digest_hash(digest), i * KEYS_SECRETS_MAX + s,
                  digest_rehash, keys);
    }
    return ERR_OK;
}

enum err keys_seal(struct keys *keys, struct err_info *info)
{
    enum err err = ERR_OK;
    CHECK(!keys->sealed);
    keys->sealed = true;
    for (size_t i = 0; i < keys->n && err == ERR_OK; i++)
        err = seal_key(keys, (uint32_t)i, info);
    return err;
}

static enum keys_verdict not_found(const struct keys *keys, struct span text,
                                   const struct keys_key **out)
{
    char letter;
    struct span id;
    uint32_t i = token_parse(text, &letter, &id) ? id_place(keys, id) : INDEX_NONE;
    *out = i == INDEX_NONE ? NULL : &keys->keys[i];
    return i == INDEX_NONE ? KEYS_UNKNOWN : KEYS_WRONG;
}

enum keys_verdict keys_ask(const struct keys *keys, struct span text, int64_t now_ms,
                           const struct keys_key **out)
{
    struct token_digest digest;
    *out = NULL;
    CHECK(keys->sealed);
    if (text.len == 0 || text.len > TOKEN_CHARS_MAX)
        return KEYS_UNKNOWN;
    token_digest(&keys->salt, text, &digest);
    uint32_t item = find_digest(keys, &digest);
    if (item == INDEX_NONE)
        return not_found(keys, text, out);
    const struct keys_secret *secret = secret_at(keys, item);
    const struct keys_key *key = &keys->keys[item / KEYS_SECRETS_MAX];
    *out = key;
    if (key->disabled)
        return KEYS_DISABLED;
    if (key->expires_ms != 0 && now_ms >= key->expires_ms)
        return KEYS_EXPIRED;
    if (secret->until_ms != 0 && now_ms >= secret->until_ms)
        return KEYS_REPLACED;
    return KEYS_GOOD;
}
