// SPDX-License-Identifier: Apache-2.0
// Messages from outside: unpacking with a bound, and a look at their texts. protobuf-c keeps
// unknown fields and allocates for empty repeated ones, so a few bytes can ask for many times their
// size.
#include "common/base/text.h"
#include "common/rpc/rpc.h"

enum { MESSAGE_GROWTH_MAX = 8, MESSAGE_EXTRA_BYTES = 64 * 1024 };

struct message_memory {
    struct arena *arena;
    bool exhausted;
};

static void *message_alloc(void *data, size_t n)
{
    struct message_memory *memory = data;
    void *p = arena_try(memory->arena, n);
    if (p == NULL)
        memory->exhausted = true;
    return p;
}

static void message_free(void *data, void *p)
{
    (void)data;
    (void)p;
}

enum err rpc_unpack(const ProtobufCMessageDescriptor *type, struct span bytes, struct arena *arena,
                    ProtobufCMessage **out, struct err_info *info)
{
    struct message_memory memory = {.arena = arena};
    ProtobufCAllocator allocator = {message_alloc, message_free, &memory};
    size_t outer = arena->bytes_max;
    size_t bound = arena->used_bytes + MESSAGE_GROWTH_MAX * bytes.len + MESSAGE_EXTRA_BYTES;
    arena_bound(arena, outer != 0 && outer < bound ? outer : bound);
    *out = protobuf_c_message_unpack(type, &allocator, bytes.len, bytes.ptr);
    arena_bound(arena, outer);
    if (*out != NULL)
        return ERR_OK;
    if (memory.exhausted)
        return err_set(info, ERR_FULL, "%s: %zu bytes need too much memory", type->name, bytes.len);
    return err_set(info, ERR_INVALID, "%s: %zu bytes that are no such message", type->name,
                   bytes.len);
}

static const char *message_unclean(const ProtobufCMessage *message);

// One value of a field: a string or a message, at `at`.
static const char *value_unclean(const ProtobufCFieldDescriptor *field, const void *at)
{
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        const char *text = *(const char *const *)at;
        return text_is_clean_utf8(span_of(text)) ? NULL : field->name;
    }
    const ProtobufCMessage *inner = *(const ProtobufCMessage *const *)at;
    return inner == NULL ? NULL : message_unclean(inner);
}

static const char *field_unclean(const ProtobufCMessage *message,
                                 const ProtobufCFieldDescriptor *field)
{
    const char *base = (const char *)message;
    const void *at = base + field->offset;
    if (field->type != PROTOBUF_C_TYPE_STRING && field->type != PROTOBUF_C_TYPE_MESSAGE)
        return NULL;
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
        *(const uint32_t *)(base + field->quantifier_offset) != field->id)
        return NULL;
    if (field->label != PROTOBUF_C_LABEL_REPEATED)
        return value_unclean(field, at);
    size_t n = *(const size_t *)(base + field->quantifier_offset);
    const void *const *items = *(const void *const *const *)at;
    const char *unclean = NULL;
    for (size_t i = 0; i < n && unclean == NULL; i++)
        unclean = value_unclean(field, &items[i]);
    return unclean;
}

// Message types are not recursive (protobuf-c could not unpack them safely), so the depth is the
// schema's.
static const char *message_unclean(const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    const char *unclean = NULL;
    for (unsigned i = 0; i < type->n_fields && unclean == NULL; i++)
        unclean = field_unclean(message, &type->fields[i]);
    return unclean;
}

const char *rpc_message_unclean_field(const ProtobufCMessage *message)
{
    return message_unclean(message);
}

bool rpc_message_texts_clean(const ProtobufCMessage *message)
{
    return message_unclean(message) == NULL;
}
