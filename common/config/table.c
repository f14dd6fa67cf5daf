// SPDX-License-Identifier: Apache-2.0
// Sections by table: one walk to fill a struct, one to print it, one to document it.
#include <string.h>

#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/base/time_text.h"
#include "common/config/config_impl.h"

enum { CONFIG_TEXT_MAX_DEFAULT = 1024 };

static size_t config_choice_count(const struct config_field *field)
{
    size_t n = 0;
    while (field->choices[n] != NULL)
        n++;
    return n;
}

static size_t config_text_max(const struct config_field *field)
{
    return field->max == 0 ? CONFIG_TEXT_MAX_DEFAULT : (size_t)field->max;
}

// Puts a default in place. The table is ours, so a default that is no such value is a bug.
static void config_set_default(const struct config_field *field, void *out)
{
    void *to = (char *)out + field->offset;
    struct span text = span_of(field->default_text);
    bool none = field->default_text == NULL;
    bool good = true;
    switch (field->type) {
    case CONFIG_BOOL:
        good = none || span_is(text, "true") || span_is(text, "false");
        *(bool *)to = !none && span_is(text, "true");
        break;
    case CONFIG_INT:
        *(int64_t *)to = 0;
        good = none || text_to_i64(text, to);
        break;
    case CONFIG_DURATION:
        *(int64_t *)to = 0;
        good = none || time_parse_duration(text, to);
        break;
    case CONFIG_BYTES:
        *(int64_t *)to = 0;
        good = none || config_parse_bytes(text, to);
        break;
    case CONFIG_TEXT:
        *(const char **)to = field->default_text;
        break;
    case CONFIG_CHOICE: {
        size_t n = config_choice_count(field), i = 0;
        while (i < n && !span_is(text, field->choices[i]))
            i++;
        good = none || i < n;
        *(int *)to = none ? 0 : (int)i;
        break;
    }
    }
    CHECK(good);
}

static bool config_fill_text(struct config *config, const struct config_node *node,
                             const struct config_field *field, const char **to, struct arena *arena)
{
    struct span text;
    bool may_be_empty = field->default_text != NULL && field->default_text[0] == '\0';
    if (may_be_empty && node->kind == CONFIG_SCALAR && node->text.len == 0) {
        *to = "";
        return true;
    }
    if (!config_read_text(config, node, config_text_max(field), &text))
        return false;
    *to = arena_dup(arena, text);
    return true;
}

static bool config_fill_value(struct config *config, const struct config_node *node,
                              const struct config_field *field, void *out, struct arena *arena)
{
    void *to = (char *)out + field->offset;
    size_t choice;
    switch (field->type) {
    case CONFIG_BOOL:
        return config_read_bool(config, node, to);
    case CONFIG_INT:
        return config_read_i64(config, node, field->min, field->max, to);
    case CONFIG_DURATION:
        return config_read_duration(config, node, field->min, field->max, to);
    case CONFIG_BYTES:
        return config_read_bytes(config, node, field->min, field->max, to);
    case CONFIG_TEXT:
        return config_fill_text(config, node, field, to, arena);
    case CONFIG_CHOICE:
        if (!config_read_choice(config, node, field->choices, config_choice_count(field), &choice))
            return false;
        *(int *)to = (int)choice;
        return true;
    }
    CHECK(!"a type of the list");
    return false;
}

bool config_fill_known(struct config *config, const struct config_node *node,
                       const struct config_field *fields, size_t n_fields, void *out,
                       struct arena *arena)
{
    bool good = node == NULL || node->kind == CONFIG_MAPPING ||
                config_expected(config, node, "a mapping", NULL);
    for (size_t i = 0; i < n_fields; i++) {
        const struct config_node *value = config_get(node, fields[i].key);
        config_set_default(&fields[i], out);
        if (value != NULL) {
            good = config_fill_value(config, value, &fields[i], out, arena) && good;
        } else if (fields[i].default_text == NULL &&
                   (node == NULL || node->kind == CONFIG_MAPPING)) {
            config_error(config, node, "missing key \"%s\"", fields[i].key);
            good = false;
        }
    }
    return good;
}

bool config_fill(struct config *config, const struct config_node *node,
                 const struct config_field *fields, size_t n_fields, void *out, struct arena *arena)
{
    bool known = true;
    if (node != NULL && node->kind == CONFIG_MAPPING) {
        const char **names = mem_alloc((n_fields + 1) * sizeof *names);
        for (size_t i = 0; i < n_fields; i++)
            names[i] = fields[i].key;
        known = config_check_keys(config, node, names, n_fields);
        mem_free(names);
    }
    return config_fill_known(config, node, fields, n_fields, out, arena) && known;
}

// Whether a text can stand in YAML without quotes and is still read as that text.
static bool config_is_bare(const char *text)
{
    static const char *const OTHERS[] = {"true", "false", "null", "yes", "no", "on", "off"};
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i++) {
        bool letter = (text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z');
        bool inner =
            letter || (text[i] >= '0' && text[i] <= '9') || strchr("_-./:", text[i]) != NULL;
        if (!(letter || text[i] == '/' || (inner && i > 0)))
            return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(OTHERS); i++) {
        if (strcmp(text, OTHERS[i]) == 0)
            return false;
    }
    return n > 0 && text[n - 1] != ':';
}

static void config_print_text(const char *text, struct buf *out)
{
    if (text != NULL && config_is_bare(text)) {
        buf_append_text(out, text);
        return;
    }
    buf_append_text(out, "\"");
    for (const char *p = text == NULL ? "" : text; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\')
            buf_printf(out, "\\%c", *p);
        else if ((unsigned char)*p < 0x20 || *p == 0x7F)
            buf_printf(out, "\\x%02x", (unsigned char)*p);
        else
            buf_append_u8(out, (uint8_t)*p);
    }
    buf_append_text(out, "\"");
}

void config_print(const struct config_field *fields, size_t n_fields, const void *in,
                  struct buf *out)
{
    for (size_t i = 0; i < n_fields; i++) {
        const struct config_field *field = &fields[i];
        const void *from = (const char *)in + field->offset;
        buf_printf(out, "# %s\n%s: ", field->help, field->key);
        switch (field->type) {
        case CONFIG_BOOL:
            buf_append_text(out, *(const bool *)from ? "true" : "false");
            break;
        case CONFIG_INT:
        case CONFIG_DURATION:
        case CONFIG_BYTES:
            config_format(field->type, *(const int64_t *)from, out);
            break;
        case CONFIG_TEXT:
            config_print_text(*(const char *const *)from, out);
            break;
        case CONFIG_CHOICE: {
            // A choice may be spelt like a truth value ("off"): choices are read as texts.
            int choice = *(const int *)from;
            CHECK(choice >= 0 && (size_t)choice < config_choice_count(field));
            buf_append_text(out, field->choices[choice]);
            break;
        }
        }
        buf_append_text(out, "\n");
    }
}

static void config_reference_type(const struct config_field *field, struct buf *out)
{
    static const char *const NAMES[] = {
        [CONFIG_BOOL] = "true or false", [CONFIG_INT] = "whole number",
        [CONFIG_DURATION] = "duration",  [CONFIG_BYTES] = "size",
        [CONFIG_TEXT] = "text",          [CONFIG_CHOICE] = "one of",
    };
    buf_append_text(out, NAMES[field->type]);
    for (size_t i = 0; field->type == CONFIG_CHOICE && field->choices[i] != NULL; i++)
        buf_printf(out, "%s `%s`", i > 0 ? "," : "", field->choices[i]);
}

void config_reference(const struct config_field *fields, size_t n_fields, struct buf *out)
{
    buf_append_text(out, "| Key | Type | Default | Bounds | Meaning |\n"
                         "| --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < n_fields; i++) {
        const struct config_field *field = &fields[i];
        buf_printf(out, "| `%s` | ", field->key);
        config_reference_type(field, out);
        if (field->default_text == NULL)
            buf_append_text(out, " | required | ");
        else if (field->default_text[0] == '\0')
            buf_append_text(out, " | none | ");
        else
            buf_printf(out, " | `%s` | ", field->default_text);
        if (field->type == CONFIG_TEXT)
            buf_printf(out, "at most %zu bytes", config_text_max(field));
        else if (field->type != CONFIG_BOOL && field->type != CONFIG_CHOICE)
            config_format_bounds(field->type, field->min, field->max, out);
        buf_append_text(out, " | ");
        for (const char *p = field->help; *p != '\0'; p++)
            buf_printf(out, "%s%c", *p == '|' ? "\\" : "", *p);
        buf_append_text(out, " |\n");
    }
}
