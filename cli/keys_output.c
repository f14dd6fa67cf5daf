// SPDX-License-Identifier: Apache-2.0
#include "cli/keys_output.h"

#include <string.h>

#include "cli/output.h"

static size_t serving(const struct keys_key *key, int64_t now_ms)
{
    size_t n = 0;
    for (size_t i = 0; i < key->n_secrets; i++)
        n += key->secrets[i].until_ms == 0 || key->secrets[i].until_ms > now_ms;
    return n;
}

const char *keys_state_text(const struct keys_key *key, int64_t now_ms)
{
    if (key->disabled)
        return "disabled";
    if (key->expires_ms != 0 && now_ms >= key->expires_ms)
        return "expired";
    if (serving(key, now_ms) == 0)
        return "replaced";
    return serving(key, now_ms) > 1 ? "rotating" : "active";
}

static void limits_text(const struct keys_key *key, struct buf *out)
{
    for (size_t i = 0; i < key->n_lists; i++) {
        const struct keys_list *list = &key->lists[i];
        buf_printf(out, "%s%s ", out->len > 0 ? "; " : "", list->word);
        for (size_t v = 0; v < list->n; v++)
            buf_printf(out, "%s%s", v > 0 ? ", " : "", output_clean(list->values[v]));
    }
    if (key->rate > 0)
        buf_printf(out, "%s%s a second", out->len > 0 ? "; " : "",
                   output_count((uint64_t)key->rate));
    if (out->len == 0)
        buf_append_text(out, "-");
    buf_append_u8(out, 0);
}

void keys_table_write(const struct keys *keys, int64_t now_ms)
{
    struct output_table table = {.optional = 1U << 4, .columns_max = output_columns()};
    output_row(&table, (const char *[]){"id", "role", "name", "state", "expires", "limits", NULL});
    for (size_t i = 0; i < keys_count(keys); i++) {
        const struct keys_key *key = keys_at(keys, i);
        struct buf limits = {0};
        limits_text(key, &limits);
        output_row(&table,
                   (const char *[]){key->id, keys_role_name(key->role), output_clean(key->name),
                                    keys_state_text(key, now_ms), output_time(key->expires_ms),
                                    (const char *)limits.bytes, NULL});
        buf_deinit(&limits);
    }
    output_table_write(&table, 0, stdout);
}

void keys_one_write(const struct keys_key *key, int64_t now_ms)
{
    printf("%s%s%s  %s key \"%s\", %s\n", output_bold(), key->id, output_plain(),
           keys_role_name(key->role), output_clean(key->name), keys_state_text(key, now_ms));
    printf("  created  %s\n", output_time(key->created_ms));
    if (key->expires_ms != 0)
        printf("  expires  %s\n", output_time(key->expires_ms));
    if (key->rate > 0)
        printf("  rate     %s a second, bursts of %s\n", output_count((uint64_t)key->rate),
               output_count((uint64_t)key->burst));
    for (size_t i = 0; i < key->n_lists; i++) {
        printf("  %-8s ", key->lists[i].word);
        for (size_t v = 0; v < key->lists[i].n; v++)
            printf("%s%s", v > 0 ? ", " : "", output_clean(key->lists[i].values[v]));
        printf("\n");
    }
    for (size_t i = 0; i < key->n_secrets; i++) {
        int64_t until_ms = key->secrets[i].until_ms;
        if (until_ms != 0)
            printf("  a token that was replaced %s %s\n",
                   until_ms > now_ms ? "serves until" : "served until", output_time(until_ms));
    }
}

static json_t *lists_json(const struct keys_key *key)
{
    json_t *lists = json_object();
    for (size_t i = 0; i < key->n_lists; i++) {
        json_t *values = json_array();
        for (size_t v = 0; v < key->lists[i].n; v++)
            json_array_append_new(values, output_json_text(key->lists[i].values[v]));
        json_object_set_new(lists, key->lists[i].word, values);
    }
    return lists;
}

json_t *keys_json(const struct keys_key *key, int64_t now_ms)
{
    return json_pack("{s:s, s:s, s:o, s:s, s:I, s:I, s:I, s:I, s:I, s:o}", "id", key->id, "role",
                     keys_role_name(key->role), "name", output_json_text(key->name), "state",
                     keys_state_text(key, now_ms), "created", (json_int_t)key->created_ms,
                     "expires", (json_int_t)key->expires_ms, "rate", (json_int_t)key->rate, "burst",
                     (json_int_t)key->burst, "tokens", (json_int_t)serving(key, now_ms), "limits",
                     lists_json(key));
}
