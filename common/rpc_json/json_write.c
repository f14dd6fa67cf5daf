// SPDX-License-Identifier: Apache-2.0
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base64.h"
#include "common/rpc_json/json_impl.h"

static void write_message(struct buf *out, const ProtobufCMessage *message);

const char *json_name(const char *field_name, char out[JSON_NAME_MAX])
{
    size_t n = 0;
    bool up = false;
    for (const char *c = field_name; *c != '\0' && n < JSON_NAME_MAX - 1; c++) {
        if (*c == '_') {
            up = true;
            continue;
        }
        out[n++] = up && *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
        up = false;
    }
    out[n] = '\0';
    return out;
}

// The shortest of the usual lengths that reads back as the same number.
static void write_real(struct buf *out, double value, int digits_min, int digits_max)
{
    char text[40];
    if (isnan(value) || isinf(value)) {
        buf_append_text(out, isnan(value) ? "\"NaN\""
                             : value > 0  ? "\"Infinity\""
                                          : "\"-Infinity\"");
        return;
    }
    if (value == 0 && signbit(value)) {
        buf_append_text(out, "-0.0"); // "-0" is read as an integer
        return;
    }
    for (int digits = digits_min; digits <= digits_max; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        double back = digits_max > 9 ? strtod(text, NULL) : (double)strtof(text, NULL);
        if (back == value)
            break;
    }
    buf_append_text(out, text);
}

static void write_enum(struct buf *out, const ProtobufCEnumDescriptor *type, int value)
{
    const ProtobufCEnumValue *named = protobuf_c_enum_descriptor_get_value(type, value);
    if (named != NULL)
        buf_append_json(out, span_of(named->name));
    else
        buf_printf(out, "%d", value);
}

static void write_bytes(struct buf *out, const ProtobufCBinaryData *bytes)
{
    buf_append_u8(out, '"');
    base64_append(out, span_make(bytes->data, bytes->len));
    buf_append_u8(out, '"');
}

static void write_value(struct buf *out, const ProtobufCFieldDescriptor *field, const void *at)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        buf_printf(out, "%d", *(const int32_t *)at);
        return;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        buf_printf(out, "%u", *(const uint32_t *)at);
        return;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        buf_printf(out, "\"%lld\"", (long long)*(const int64_t *)at);
        return;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        buf_printf(out, "\"%llu\"", (unsigned long long)*(const uint64_t *)at);
        return;
    case PROTOBUF_C_TYPE_FLOAT:
        write_real(out, (double)*(const float *)at, 6, 9);
        return;
    case PROTOBUF_C_TYPE_DOUBLE:
        write_real(out, *(const double *)at, 15, 17);
        return;
    case PROTOBUF_C_TYPE_BOOL:
        buf_append_text(out, *(const protobuf_c_boolean *)at ? "true" : "false");
        return;
    case PROTOBUF_C_TYPE_ENUM:
        write_enum(out, field->descriptor, *(const int *)at);
        return;
    case PROTOBUF_C_TYPE_STRING:
        buf_append_json(out, span_of(*(const char *const *)at));
        return;
    case PROTOBUF_C_TYPE_BYTES:
        write_bytes(out, at);
        return;
    case PROTOBUF_C_TYPE_MESSAGE:
        write_message(out, *(const ProtobufCMessage *const *)at);
        return;
    }
    CHECK(false);
}

size_t json_value_bytes(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return 4;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_ENUM:
        return sizeof(int);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    }
    CHECK(false);
    return 0;
}

// Whether a field outside of a oneof says nothing: 0, "" or no message.
static bool is_default(const ProtobufCFieldDescriptor *field, const void *at)
{
    static const char ZEROES[sizeof(ProtobufCBinaryData)];
    if (field->type == PROTOBUF_C_TYPE_STRING)
        return (*(const char *const *)at)[0] == '\0';
    if (field->type == PROTOBUF_C_TYPE_BYTES)
        return ((const ProtobufCBinaryData *)at)->len == 0;
    return memcmp(at, ZEROES, json_value_bytes(field->type)) == 0;
}

static bool is_written(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    const char *base = (const char *)message;
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return *(const size_t *)(base + field->quantifier_offset) > 0;
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
        return *(const uint32_t *)(base + field->quantifier_offset) == field->id;
    return !is_default(field, base + field->offset);
}

static void write_repeated(struct buf *out, const ProtobufCMessage *message,
                           const ProtobufCFieldDescriptor *field)
{
    const char *base = (const char *)message;
    size_t n = *(const size_t *)(base + field->quantifier_offset);
    const char *items = *(const char *const *)(base + field->offset);
    buf_append_u8(out, '[');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_append_u8(out, ',');
        write_value(out, field, items + i * json_value_bytes(field->type));
    }
    buf_append_u8(out, ']');
}

// Messages are not recursive, so the depth is the schema's.
static void write_message(struct buf *out, const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    char name[JSON_NAME_MAX];
    bool first = true;
    buf_append_u8(out, '{');
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        if (!is_written(message, field))
            continue;
        buf_printf(out, first ? "\"%s\":" : ",\"%s\":", json_name(field->name, name));
        first = false;
        if (field->label == PROTOBUF_C_LABEL_REPEATED)
            write_repeated(out, message, field);
        else
            write_value(out, field, (const char *)message + field->offset);
    }
    buf_append_u8(out, '}');
}

void json_write_message(struct buf *out, const ProtobufCMessage *message)
{
    write_message(out, message);
}
