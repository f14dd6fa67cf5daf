// SPDX-License-Identifier: Apache-2.0
// jansson parses the text, strictly; what it made is walked along the message's descriptor.
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base64.h"
#include "common/base/text.h"
#include "common/rpc_json/json_impl.h"

enum {
    JSON_DEPTH_MAX = 32,
    JSON_GROWTH_MAX = 16,
    JSON_EXTRA_BYTES = 64 * 1024,
    JSON_PATH_MAX = 200,
    JSON_SHOWN_MAX = 40, // bytes of a caller's text in an error
};

struct reading {
    struct arena *arena;
    struct err_info *info;
    char path[JSON_PATH_MAX]; // where it is; cut when it is too long
    size_t path_len;
    unsigned depth;
};

static enum err read_message(struct reading *reading, json_t *json, ProtobufCMessage *message);

// ---- Where, and what is wrong -------------------------------------------------------------------

// The length to go back to.
static size_t path_append(struct reading *reading, const char *part)
{
    size_t outer = reading->path_len, len = strlen(part);
    if (outer + len < sizeof reading->path) {
        memcpy(reading->path + outer, part, len + 1);
        reading->path_len = outer + len;
    }
    return outer;
}

static size_t path_enter_field(struct reading *reading, const char *name)
{
    char part[JSON_NAME_MAX + 2];
    snprintf(part, sizeof part, "%s%s", reading->path_len > 0 ? "." : "", name);
    return path_append(reading, part);
}

static size_t path_enter_item(struct reading *reading, size_t i)
{
    char part[32];
    snprintf(part, sizeof part, "[%zu]", i);
    return path_append(reading, part);
}

static void path_leave(struct reading *reading, size_t outer)
{
    reading->path_len = outer;
    reading->path[outer] = '\0';
}

static const char *kind_of(const json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a text";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    case JSON_NULL:
        return "null";
    }
    return "?";
}

static enum err fail(struct reading *reading, const char *expected, const char *got)
{
    return err_set(reading->info, ERR_INVALID, "%s: expected %s, got %s",
                   reading->path_len > 0 ? reading->path : "the message", expected, got);
}

static enum err fail_kind(struct reading *reading, const char *expected, const json_t *json)
{
    return fail(reading, expected, kind_of(json));
}

// Shows the caller's own text, cut in front of a character.
static enum err fail_text(struct reading *reading, const char *expected, const char *text)
{
    char shown[JSON_SHOWN_MAX + 8];
    size_t len = strlen(text);
    if (len > JSON_SHOWN_MAX) {
        len = JSON_SHOWN_MAX;
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
            len--;
    }
    snprintf(shown, sizeof shown, "\"%.*s%s\"", (int)len, text, text[len] != '\0' ? "..." : "");
    return fail(reading, expected, shown);
}

static enum err fail_memory(struct reading *reading)
{
    return err_set(reading->info, ERR_FULL, "the message needs too much memory");
}

// ---- Numbers ------------------------------------------------------------------------------------

// An integral number of either kind, or its text.
static enum err read_signed(struct reading *reading, json_t *json, int64_t low, int64_t high,
                            int64_t *out)
{
    char expected[80];
    snprintf(expected, sizeof expected, "a whole number from %lld to %lld", (long long)low,
             (long long)high);
    bool whole = true;
    if (json_is_integer(json)) {
        *out = json_integer_value(json);
    } else if (json_is_real(json)) {
        double value = json_real_value(json);
        whole = value == floor(value) && value >= -9223372036854775808.0 &&
                value < 9223372036854775808.0;
        *out = whole ? (int64_t)value : 0;
    } else if (json_is_string(json)) {
        if (!text_to_i64(span_of(json_string_value(json)), out))
            return fail_text(reading, expected, json_string_value(json));
    } else {
        return fail_kind(reading, expected, json);
    }
    if (whole && *out >= low && *out <= high)
        return ERR_OK;
    return fail(reading, expected, "another number");
}

static enum err read_i32(struct reading *reading, json_t *json, int32_t *out)
{
    int64_t number = 0;
    enum err err = read_signed(reading, json, INT32_MIN, INT32_MAX, &number);
    *out = (int32_t)number;
    return err;
}

static enum err read_u32(struct reading *reading, json_t *json, uint32_t *out)
{
    int64_t number = 0;
    enum err err = read_signed(reading, json, 0, UINT32_MAX, &number);
    *out = (uint32_t)number;
    return err;
}

static enum err read_u64(struct reading *reading, json_t *json, uint64_t *out)
{
    static const char EXPECTED[] = "a whole number from 0 to 18446744073709551615";
    int64_t small = 0;
    if (json_is_string(json)) {
        if (text_to_u64(span_of(json_string_value(json)), out))
            return ERR_OK;
        return fail_text(reading, EXPECTED, json_string_value(json));
    }
    if (json_is_real(json) && json_real_value(json) >= 9223372036854775808.0 &&
        json_real_value(json) < 18446744073709551616.0) {
        *out = (uint64_t)json_real_value(json);
        return ERR_OK;
    }
    if (!json_is_number(json))
        return fail_kind(reading, EXPECTED, json);
    enum err err = read_signed(reading, json, 0, INT64_MAX, &small);
    *out = (uint64_t)small;
    return err;
}

static enum err read_real(struct reading *reading, json_t *json, double *out)
{
    if (json_is_number(json)) {
        *out = json_number_value(json);
        return ERR_OK;
    }
    if (!json_is_string(json))
        return fail_kind(reading, "a number", json);
    const char *text = json_string_value(json);
    if (strcmp(text, "NaN") == 0)
        *out = NAN;
    else if (strcmp(text, "Infinity") == 0)
        *out = INFINITY;
    else if (strcmp(text, "-Infinity") == 0)
        *out = -INFINITY;
    else if (!text_to_double(span_of(text), out))
        return fail_text(reading, "a number", text);
    return ERR_OK;
}

static enum err read_float(struct reading *reading, json_t *json, float *out)
{
    double value;
    enum err err = read_real(reading, json, &value);
    if (err != ERR_OK)
        return err;
    if (isfinite(value) && fabs(value) > 3.4028234663852886e38)
        return fail(reading, "a number that fits 32 bits", "a larger one");
    *out = (float)value;
    return ERR_OK;
}

// ---- Other values -------------------------------------------------------------------------------

static enum err read_bool(struct reading *reading, json_t *json, protobuf_c_boolean *out)
{
    if (!json_is_boolean(json))
        return fail_kind(reading, "true or false", json);
    *out = json_is_true(json);
    return ERR_OK;
}

static enum err read_enum(struct reading *reading, const ProtobufCEnumDescriptor *type,
                          json_t *json, int *out)
{
    char expected[128];
    snprintf(expected, sizeof expected, "a name of %s, such as %s", type->short_name,
             type->values[type->n_values - 1].name);
    if (json_is_string(json)) {
        const ProtobufCEnumValue *value =
            protobuf_c_enum_descriptor_get_value_by_name(type, json_string_value(json));
        if (value == NULL)
            return fail_text(reading, expected, json_string_value(json));
        *out = value->value;
        return ERR_OK;
    }
    if (!json_is_number(json))
        return fail_kind(reading, expected, json);
    return read_i32(reading, json, out);
}

static enum err read_string(struct reading *reading, json_t *json, char **out)
{
    if (!json_is_string(json))
        return fail_kind(reading, "a text", json);
    size_t len = json_string_length(json);
    if (!text_is_clean_utf8(span_make(json_string_value(json), len)))
        return fail(reading, "a text of clean UTF-8", "something else");
    char *copy = arena_try(reading->arena, len + 1);
    if (copy == NULL)
        return fail_memory(reading);
    memcpy(copy, json_string_value(json), len);
    *out = copy;
    return ERR_OK;
}

static enum err read_bytes(struct reading *reading, json_t *json, ProtobufCBinaryData *out)
{
    struct span bytes;
    if (!json_is_string(json))
        return fail_kind(reading, "a text in base64", json);
    if (!base64_read(span_make(json_string_value(json), json_string_length(json)), reading->arena,
                     &bytes))
        return reading->arena->exhausted ? fail_memory(reading)
                                         : fail(reading, "a text in base64", "another one");
    out->data = (uint8_t *)bytes.ptr;
    out->len = bytes.len;
    return ERR_OK;
}

static enum err read_inner(struct reading *reading, const ProtobufCMessageDescriptor *type,
                           json_t *json, ProtobufCMessage **out)
{
    if (reading->depth == JSON_DEPTH_MAX)
        return fail(reading, "a message that is less deep", "one more level");
    ProtobufCMessage *message = arena_try(reading->arena, type->sizeof_message);
    if (message == NULL)
        return fail_memory(reading);
    protobuf_c_message_init(type, message);
    reading->depth++;
    enum err err = read_message(reading, json, message);
    reading->depth--;
    *out = message;
    return err;
}

static enum err read_value(struct reading *reading, const ProtobufCFieldDescriptor *field,
                           json_t *json, void *at)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return read_i32(reading, json, at);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return read_u32(reading, json, at);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return read_signed(reading, json, INT64_MIN, INT64_MAX, at);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return read_u64(reading, json, at);
    case PROTOBUF_C_TYPE_FLOAT:
        return read_float(reading, json, at);
    case PROTOBUF_C_TYPE_DOUBLE:
        return read_real(reading, json, at);
    case PROTOBUF_C_TYPE_BOOL:
        return read_bool(reading, json, at);
    case PROTOBUF_C_TYPE_ENUM:
        return read_enum(reading, field->descriptor, json, at);
    case PROTOBUF_C_TYPE_STRING:
        return read_string(reading, json, at);
    case PROTOBUF_C_TYPE_BYTES:
        return read_bytes(reading, json, at);
    case PROTOBUF_C_TYPE_MESSAGE:
        return read_inner(reading, field->descriptor, json, at);
    }
    CHECK(false);
    return ERR_INTERNAL;
}

// ---- Fields -------------------------------------------------------------------------------------

static enum err read_repeated(struct reading *reading, const ProtobufCFieldDescriptor *field,
                              json_t *json, ProtobufCMessage *message)
{
    char *base = (char *)message;
    if (!json_is_array(json))
        return fail_kind(reading, "an array", json);
    size_t n = json_array_size(json), bytes = json_value_bytes(field->type);
    char *items = n == 0 ? NULL : arena_try(reading->arena, n * bytes);
    if (n > 0 && items == NULL)
        return fail_memory(reading);
    enum err err = ERR_OK;
    for (size_t i = 0; i < n && err == ERR_OK; i++) {
        size_t outer = path_enter_item(reading, i);
        err = read_value(reading, field, json_array_get(json, i), items + i * bytes);
        if (err == ERR_OK)
            path_leave(reading, outer);
    }
    *(size_t *)(base + field->quantifier_offset) = n;
    *(char **)(base + field->offset) = items;
    return err;
}

static enum err read_field(struct reading *reading, const ProtobufCFieldDescriptor *field,
                           json_t *json, ProtobufCMessage *message)
{
    char *base = (char *)message;
    if (json_is_null(json))
        return ERR_OK;
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return read_repeated(reading, field, json, message);
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        uint32_t *member = (uint32_t *)(base + field->quantifier_offset);
        if (*member != 0)
            return fail(reading, "only one of the members that exclude each other", "two");
        *member = field->id;
    }
    return read_value(reading, field, json, base + field->offset);
}

static const ProtobufCFieldDescriptor *find_field(const ProtobufCMessageDescriptor *type,
                                                  const char *key)
{
    char name[JSON_NAME_MAX];
    for (unsigned i = 0; i < type->n_fields; i++)
        if (strcmp(type->fields[i].name, key) == 0 ||
            strcmp(json_name(type->fields[i].name, name), key) == 0)
            return &type->fields[i];
    return NULL;
}

// Both spellings of a name at once would be given twice.
static bool given_twice(json_t *object, const ProtobufCFieldDescriptor *field)
{
    char name[JSON_NAME_MAX];
    json_name(field->name, name);
    return strcmp(name, field->name) != 0 && json_object_get(object, name) != NULL &&
           json_object_get(object, field->name) != NULL;
}

static enum err read_message(struct reading *reading, json_t *json, ProtobufCMessage *message)
{
    const char *key;
    json_t *value;
    if (!json_is_object(json))
        return fail_kind(reading, "an object", json);
    json_object_foreach(json, key, value)
    {
        const ProtobufCFieldDescriptor *field = find_field(message->descriptor, key);
        if (field == NULL)
            return fail_text(reading, "only fields that there are", key);
        size_t outer = path_enter_field(reading, key);
        if (given_twice(json, field))
            return fail(reading, "a field once", "both its names");
        enum err err = read_field(reading, field, value, message);
        if (err != ERR_OK)
            return err; // the path stays, for whoever asks
        path_leave(reading, outer);
    }
    return ERR_OK;
}

// jansson shows a piece of the text in its errors, and may cut a character in two.
static enum err fail_parse(const json_error_t *error, struct err_info *info)
{
    char text[JSON_ERROR_TEXT_LENGTH];
    snprintf(text, sizeof text, "%s", error->text);
    bool clean = text_is_clean_utf8(span_of(text));
    for (char *c = text; *c != '\0'; c++)
        if (!clean && (unsigned char)*c >= 0x80)
            *c = '?';
    return err_set(info, ERR_INVALID, "no JSON: line %d, column %d: %s", error->line, error->column,
                   text);
}

enum err json_read_message(const ProtobufCMessageDescriptor *type, struct span text,
                           struct arena *arena, ProtobufCMessage **out, struct err_info *info)
{
    json_error_t error;
    struct err_info own;
    struct reading reading = {.arena = arena, .info = info != NULL ? info : &own};
    json_t *json = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, &error);
    if (json == NULL)
        return fail_parse(&error, info);
    size_t outer = arena->bytes_max;
    size_t bound = arena->used_bytes + JSON_GROWTH_MAX * text.len + JSON_EXTRA_BYTES;
    arena_bound(arena, outer != 0 && outer < bound ? outer : bound);
    enum err err = read_inner(&reading, type, json, out);
    arena_bound(arena, outer);
    json_decref(json);
    return err;
}
