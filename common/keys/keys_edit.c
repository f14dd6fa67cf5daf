// SPDX-License-Identifier: Apache-2.0
// Changes to keys, for whoever keeps the file.
#include <string.h>

#include "common/base/mem.h"
#include "common/keys/keys_impl.h"

static void list_copy(struct keys *keys, const struct keys_list *from, struct keys_list *to)
{
    to->word = arena_dup(&keys->arena, span_of(from->word));
    to->values = arena_alloc(&keys->arena, from->n * sizeof *to->values);
    to->n = from->n;
    for (size_t i = 0; i < from->n; i++)
        to->values[i] = arena_dup(&keys->arena, span_of(from->values[i]));
    keys_list_sort(to);
}

static enum err check_lists(const struct keys_spec *spec, struct err_info *info)
{
    if (spec->n_lists > KEYS_LISTS_MAX)
        return err_set(info, ERR_INVALID, "at most %d lists", KEYS_LISTS_MAX);
    for (size_t i = 0; i < spec->n_lists; i++) {
        const struct keys_list *list = &spec->lists[i];
        CHECK(keys_word_good(span_of(list->word)));
        if (list->n == 0 || list->n > KEYS_VALUES_MAX)
            return err_set(info, ERR_INVALID, "%s: expected 1 to %d values", list->word,
                           KEYS_VALUES_MAX);
        for (size_t v = 0; v < list->n; v++) {
            const char *mistake = keys_value_mistake(span_of(list->values[v]));
            if (mistake != NULL)
                return err_set(info, ERR_INVALID, "%s \"%.40s\": %s", list->word, list->values[v],
                               mistake);
        }
    }
    return ERR_OK;
}

static enum err check_spec(const struct keys *keys, const struct keys_spec *spec,
                           struct err_info *info)
{
    const char *mistake = keys_name_mistake(spec->name);
    if (mistake != NULL)
        return err_set(info, ERR_INVALID, "%s", mistake);
    if (keys->n == KEYS_MAX)
        return err_set(info, ERR_FULL, "there are %d keys, which is the most", KEYS_MAX);
    if (keys_find(keys, spec->name) != NULL)
        return err_set(info, ERR_CONFLICT, "there is a key of the name \"" SPAN_FMT "\" already",
                       SPAN_ARG(spec->name));
    if (spec->rate < 0 || spec->rate > KEYS_RATE_MAX || spec->burst < 0 ||
        spec->burst > KEYS_RATE_MAX)
        return err_set(info, ERR_INVALID, "a rate is at most %d", KEYS_RATE_MAX);
    if (spec->burst > 0 && spec->rate == 0)
        return err_set(info, ERR_INVALID, "a burst needs a rate");
    return check_lists(spec, info);
}

static struct keys_key *add(struct keys *keys, const struct keys_spec *spec, int64_t now_ms)
{
    char id[TOKEN_ID_CHARS + 1];
    do
        token_id_make(id);
    while (keys_find(keys, span_of(id)) != NULL);
    struct keys_key *key = keys_append(keys);
    key->id = arena_dup(&keys->arena, span_of(id));
    key->role = spec->role;
    key->name = arena_dup(&keys->arena, spec->name);
    key->created_ms = now_ms;
    key->expires_ms = spec->expires_ms;
    key->rate = spec->rate;
    key->burst = spec->rate > 0 && spec->burst == 0 ? spec->rate : spec->burst;
    for (size_t i = 0; i < spec->n_lists; i++)
        list_copy(keys, &spec->lists[i], &key->lists[key->n_lists++]);
    return key;
}

static void secret_put(struct keys *keys, struct keys_key *key, struct span text)
{
    CHECK(key->n_secrets < KEYS_SECRETS_MAX);
    struct keys_secret *secret = &key->secrets[key->n_secrets++];
    *secret = (struct keys_secret){.until_ms = 0};
    token_digest(&keys->salt, text, &secret->digest);
}

enum err keys_add(struct keys *keys, const struct keys_spec *spec, int64_t now_ms,
                  char token[TOKEN_CHARS + 1], const struct keys_key **out, struct err_info *info)
{
    enum err err = check_spec(keys, spec, info);
    if (err != ERR_OK)
        return err;
    struct keys_key *key = add(keys, spec, now_ms);
    token_make(keys_role_name(key->role)[0], key->id, token);
    secret_put(keys, key, span_of(token));
    *out = key;
    return ERR_OK;
}

static bool is_known(const struct keys *keys, const struct token_digest *digest)
{
    for (size_t i = 0; i < keys->n; i++)
        for (size_t s = 0; s < keys->keys[i].n_secrets; s++)
            if (token_digest_eq(&keys->keys[i].secrets[s].digest, digest))
                return true;
    return false;
}

static enum err check_imported(struct span secret, struct err_info *info)
{
    const unsigned char *at = secret.ptr;
    if (secret.len < KEYS_IMPORTED_MIN || secret.len > TOKEN_CHARS_MAX)
        return err_set(info, ERR_INVALID, "expected a key of %d to %d characters, this has %zu",
                       KEYS_IMPORTED_MIN, TOKEN_CHARS_MAX, secret.len);
    for (size_t i = 0; i < secret.len; i++)
        if (at[i] <= ' ' || at[i] > '~' || at[i] == ':')
            return err_set(info, ERR_INVALID,
                           "expected printable ASCII without blanks and colons as a key");
    return ERR_OK;
}

enum err keys_import(struct keys *keys, const struct keys_spec *spec, struct span secret,
                     int64_t now_ms, const struct keys_key **out, struct err_info *info)
{
    struct token_digest digest;
    enum err err = check_imported(secret, info);
    if (err != ERR_OK)
        return err;
    token_digest(&keys->salt, secret, &digest);
    if (is_known(keys, &digest))
        return err_set(info, ERR_CONFLICT, "this key is there already");
    err = check_spec(keys, spec, info);
    if (err != ERR_OK)
        return err;
    struct keys_key *key = add(keys, spec, now_ms);
    secret_put(keys, key, secret);
    *out = key;
    return ERR_OK;
}

// A key of these, to change it.
static struct keys_key *own(struct keys *keys, const struct keys_key *key)
{
    CHECK(key >= keys->keys && key < keys->keys + keys->n);
    return &keys->keys[key - keys->keys];
}

// Those that serve no longer make room.
static void drop_ended(struct keys_key *key, int64_t now_ms)
{
    size_t n = 0;
    for (size_t i = 0; i < key->n_secrets; i++)
        if (key->secrets[i].until_ms == 0 || key->secrets[i].until_ms > now_ms)
            key->secrets[n++] = key->secrets[i];
    key->n_secrets = n;
}

enum err keys_rotate(struct keys *keys, const struct keys_key *key, int64_t now_ms, int64_t keep_ms,
                     char token[TOKEN_CHARS + 1], struct err_info *info)
{
    struct keys_key *changed = own(keys, key);
    int64_t until_ms = now_ms + keep_ms;
    drop_ended(changed, now_ms);
    if (keep_ms == 0)
        changed->n_secrets = 0;
    if (changed->n_secrets == KEYS_SECRETS_MAX)
        return err_set(info, ERR_FULL,
                       "%d tokens of this key serve still: wait until the first of them ends, or "
                       "keep none of them",
                       KEYS_SECRETS_MAX);
    for (size_t i = 0; i < changed->n_secrets; i++)
        if (changed->secrets[i].until_ms == 0 || changed->secrets[i].until_ms > until_ms)
            changed->secrets[i].until_ms = until_ms;
    token_make(keys_role_name(changed->role)[0], changed->id, token);
    secret_put(keys, changed, span_of(token));
    return ERR_OK;
}

void keys_disable(struct keys *keys, const struct keys_key *key, bool disabled)
{
    own(keys, key)->disabled = disabled;
}

void keys_remove(struct keys *keys, const struct keys_key *key)
{
    struct keys_key *gone = own(keys, key);
    size_t after = keys->n - (size_t)(gone - keys->keys) - 1;
    memmove(gone, gone + 1, after * sizeof *gone);
    keys->n--;
}
