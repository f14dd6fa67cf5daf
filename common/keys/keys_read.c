// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/mem.h"
#include "common/base/time_text.h"
#include "common/config/config.h"
#include "common/keys/keys_impl.h"

enum { ID_MAX = 32 };

struct reading {
    struct config *config;
    struct keys *keys;
};

static bool read_time(struct reading *r, const struct config_node *node, int64_t *out_ms)
{
    struct span text;
    if (!config_read_text(r->config, node, TIME_TEXT_MAX, &text))
        return false;
    if (time_parse(text, out_ms) && *out_ms > 0)
        return true;
    config_error_hint(r->config, node, "as in \"2026-01-31T10:00:00Z\"", "expected an instant");
    return false;
}

static void read_digest(struct reading *r, const struct config_node *node, struct token_digest *out)
{
    struct span text;
    if (config_read_text(r->config, node, 2 * TOKEN_DIGEST_BYTES, &text) &&
        !token_unhex(text, out->bytes, sizeof out->bytes))
        config_error(r->config, node, "expected %d hexadecimal digits", 2 * TOKEN_DIGEST_BYTES);
}

// ---- One key ------------------------------------------------------------------------------------

static void read_secret(struct reading *r, const struct config_node *node, struct keys_secret *out)
{
    static const char *const NAMES[] = {"digest", "until"};
    if (!config_check_keys(r->config, node, NAMES, ARRAY_LEN(NAMES)))
        return;
    const struct config_node *digest = config_get(node, "digest");
    const struct config_node *until = config_get(node, "until");
    if (digest == NULL)
        config_error(r->config, node, "missing \"digest\"");
    else
        read_digest(r, digest, &out->digest);
    if (until != NULL)
        (void)read_time(r, until, &out->until_ms);
}

// The elements of a list of 1 to `most`; 0, with the mistake reported, when it is none.
static size_t count_of(struct reading *r, const struct config_node *node, size_t most)
{
    size_t n = config_kind(node) == CONFIG_SEQUENCE ? config_count(node) : 0;
    if (n == 0 || n > most)
        config_error(r->config, node, "expected a list of 1 to %zu", most);
    return n > most ? 0 : n;
}

static void read_secrets(struct reading *r, const struct config_node *node, struct keys_key *out)
{
    out->n_secrets = count_of(r, node, KEYS_SECRETS_MAX);
    for (size_t i = 0; i < out->n_secrets; i++)
        read_secret(r, config_at(node, i), &out->secrets[i]);
}

static void read_list(struct reading *r, const struct config_node *word,
                      const struct config_node *node, struct keys_list *out)
{
    size_t n = count_of(r, node, KEYS_VALUES_MAX);
    out->word = arena_dup(&r->keys->arena, config_text(word));
    out->values = arena_alloc(&r->keys->arena, (n + 1) * sizeof *out->values);
    if (!keys_word_good(config_text(word)))
        config_error(r->config, word, "expected a word of small letters");
    for (size_t i = 0; i < n; i++) {
        struct span value;
        const struct config_node *at = config_at(node, i);
        if (!config_read_text(r->config, at, KEYS_VALUE_MAX, &value))
            continue;
        const char *mistake = keys_value_mistake(value);
        if (mistake != NULL)
            config_error(r->config, at, "%s", mistake);
        else
            out->values[out->n++] = arena_dup(&r->keys->arena, value);
    }
    keys_list_sort(out);
}

static void read_limits(struct reading *r, const struct config_node *node, struct keys_key *out)
{
    size_t n = config_kind(node) == CONFIG_MAPPING ? config_count(node) : 0;
    if (n == 0 || n > KEYS_LISTS_MAX) {
        config_error_hint(r->config, node, "as in {queues: [a, b]}",
                          "expected 1 to %d words, each with a list", KEYS_LISTS_MAX);
        return;
    }
    for (size_t i = 0; i < n; i++)
        read_list(r, config_key_at(node, i), config_at(node, i), &out->lists[out->n_lists++]);
}

static void read_id(struct reading *r, const struct config_node *node, struct keys_key *out)
{
    struct span text;
    if (!config_read_text(r->config, node, ID_MAX, &text))
        return;
    for (size_t i = 0; i < text.len; i++) {
        char c = ((const char *)text.ptr)[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) {
            config_error(r->config, node, "expected small letters and digits");
            return;
        }
    }
    out->id = arena_dup(&r->keys->arena, text);
}

static void read_name(struct reading *r, const struct config_node *node, struct keys_key *out)
{
    struct span text;
    if (!config_read_text(r->config, node, KEYS_NAME_MAX, &text))
        return;
    const char *mistake = keys_name_mistake(text);
    if (mistake != NULL)
        config_error(r->config, node, "%s", mistake);
    else if (keys_find(r->keys, text) != NULL)
        config_error(r->config, node, "another key has this name");
    out->name = arena_dup(&r->keys->arena, text);
}

static void read_role(struct reading *r, const struct config_node *node, struct keys_key *out)
{
    const char *names[KEYS_ROLES];
    size_t role;
    for (unsigned i = 0; i < KEYS_ROLES; i++)
        names[i] = keys_role_name((enum keys_role)i);
    if (config_read_choice(r->config, node, names, KEYS_ROLES, &role))
        out->role = (enum keys_role)role;
}

static void read_rate(struct reading *r, const struct config_node *node, struct keys_key *out)
{
    const struct config_node *rate = config_get(node, "rate"), *burst = config_get(node, "burst");
    if (rate != NULL && config_read_i64(r->config, rate, 1, KEYS_RATE_MAX, &out->rate))
        out->burst = out->rate;
    if (burst != NULL && rate == NULL)
        config_error(r->config, burst, "a burst needs a rate");
    else if (burst != NULL)
        (void)config_read_i64(r->config, burst, 1, KEYS_RATE_MAX, &out->burst);
}

static void read_key(struct reading *r, const struct config_node *node)
{
    static const char *const NAMES[] = {"id",       "role", "name",  "created", "expires",
                                        "disabled", "rate", "burst", "limits",  "secrets"};
    static const char *const NEEDED[] = {"id", "role", "name", "secrets"};
    struct keys_key key = {.keys = r->keys, .id = "", .name = ""};
    if (!config_check_keys(r->config, node, NAMES, ARRAY_LEN(NAMES)))
        return;
    for (size_t i = 0; i < ARRAY_LEN(NEEDED); i++)
        if (config_get(node, NEEDED[i]) == NULL)
            config_error(r->config, node, "missing \"%s\"", NEEDED[i]);
    const struct config_node *at;
    if ((at = config_get(node, "id")) != NULL)
        read_id(r, at, &key);
    if ((at = config_get(node, "role")) != NULL)
        read_role(r, at, &key);
    if ((at = config_get(node, "name")) != NULL)
        read_name(r, at, &key);
    if ((at = config_get(node, "created")) != NULL)
        (void)read_time(r, at, &key.created_ms);
    if ((at = config_get(node, "expires")) != NULL)
        (void)read_time(r, at, &key.expires_ms);
    if ((at = config_get(node, "disabled")) != NULL)
        (void)config_read_bool(r->config, at, &key.disabled);
    read_rate(r, node, &key);
    if ((at = config_get(node, "limits")) != NULL)
        read_limits(r, at, &key);
    if ((at = config_get(node, "secrets")) != NULL)
        read_secrets(r, at, &key);
    *keys_append(r->keys) = key;
}

// ---- The file -----------------------------------------------------------------------------------

static void read_salt(struct reading *r, const struct config_node *root)
{
    struct token_salt *salt = &r->keys->salt;
    const struct config_node *node = config_get(root, "salt");
    struct span text;
    if (node == NULL)
        config_error(r->config, root, "missing \"salt\"");
    else if (config_read_text(r->config, node, 2 * TOKEN_SALT_BYTES, &text) &&
             !token_unhex(text, salt->bytes, sizeof salt->bytes))
        config_error(r->config, node, "expected %d hexadecimal digits", 2 * TOKEN_SALT_BYTES);
}

static void read_root(struct reading *r, const struct config_node *root)
{
    static const char *const NAMES[] = {"salt", "keys"};
    if (!config_check_keys(r->config, root, NAMES, ARRAY_LEN(NAMES)))
        return;
    read_salt(r, root);
    const struct config_node *list = config_get(root, "keys");
    if (list == NULL) {
        config_error(r->config, root, "missing \"keys\"");
        return;
    }
    if (config_kind(list) != CONFIG_SEQUENCE || config_count(list) > KEYS_MAX) {
        config_error(r->config, list, "expected a list of at most %d keys", KEYS_MAX);
        return;
    }
    for (size_t i = 0; i < config_count(list); i++)
        read_key(r, config_at(list, i));
}

static enum err read_config(struct config *config, struct keys **out, struct buf *report,
                            struct err_info *info)
{
    struct reading r = {config, keys_create()};
    const struct config_node *root = config_root(config);
    struct err_info twice;
    if (root != NULL)
        read_root(&r, root);
    if (config_error_count(config) == 0 && keys_seal(r.keys, &twice) != ERR_OK)
        config_error(config, NULL, "%s", twice.text);
    size_t n = config_error_count(config);
    config_report(config, report);
    config_destroy(config);
    if (n > 0) {
        keys_release(r.keys);
        return err_set(info, ERR_INVALID, "the file of keys has %s",
                       n == 1 ? "a mistake" : "mistakes");
    }
    *out = r.keys;
    return ERR_OK;
}

enum err keys_read_text(const char *name, struct span text, struct keys **out, struct buf *report,
                        struct err_info *info)
{
    return read_config(config_load_text(name, text), out, report, info);
}

enum err keys_read_file(const char *path, struct keys **out, struct buf *report,
                        struct err_info *info)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return err_set(info, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
                       strerror(errno));
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return err_set(info, ERR_INVALID, "%s: others than its owner may write it: chmod 600 it",
                       path);
    return read_config(config_load_file(path), out, report, info);
}
