// SPDX-License-Identifier: Apache-2.0
// links: message_json rpc assay_proto base
// The first byte chooses a message type; the rest is JSON. It is refused with a reason in clean
// text, or it is a message within its memory bound whose JSON reads back as the same bytes.
#include <string.h>

#include "assay/admin/v1/admin.pb-c.h"
#include "assay/ingest/v1/ingest.pb-c.h"
#include "assay/router/v1/router.pb-c.h"
#include "common/base/text.h"
#include "common/rpc/rpc.h"
#include "common/rpc_json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const ProtobufCMessageDescriptor *const TYPES[] = {
    &assay__ingest__v1__ingest_request__descriptor,
    &assay__router__v1__lead__descriptor,
    &assay__router__v1__decision__descriptor,
    &assay__router__v1__change_rep_request__descriptor,
    &assay__admin__v1__load_document_request__descriptor,
};

static void round_trip(const ProtobufCMessage *message, struct arena *arena)
{
    struct buf json = {0}, first = {0}, second = {0};
    ProtobufCMessage *back = NULL;
    struct err_info info;
    json_write_message(&json, message);
    CHECK(text_is_clean_utf8(buf_span(&json)));
    enum err err = json_read_message(message->descriptor, buf_span(&json), arena, &back, &info);
    CHECK(err == ERR_OK || err == ERR_FULL);
    if (err == ERR_OK) {
        size_t n = protobuf_c_message_get_packed_size(message);
        CHECK(protobuf_c_message_get_packed_size(back) == n);
        first.len = protobuf_c_message_pack(message, buf_reserve(&first, n + 1));
        second.len = protobuf_c_message_pack(back, buf_reserve(&second, n + 1));
        CHECK(span_eq(buf_span(&first), buf_span(&second)));
    }
    buf_deinit(&json);
    buf_deinit(&first);
    buf_deinit(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct arena arena;
    ProtobufCMessage *message = NULL;
    struct err_info info = {{0}};
    if (len == 0)
        return 0;
    arena_init(&arena, 4096, 0);
    struct span text = span_make(bytes + 1, len - 1);
    enum err err =
        json_read_message(TYPES[bytes[0] % ARRAY_LEN(TYPES)], text, &arena, &message, &info);
    CHECK(arena.used_bytes <= 16 * text.len + 64 * 1024);
    if (err == ERR_OK) {
        CHECK(rpc_message_texts_clean(message));
        round_trip(message, &arena);
    } else {
        CHECK((err == ERR_INVALID || err == ERR_FULL) && info.text[0] != '\0');
        CHECK(text_is_clean_utf8(span_of(info.text)));
    }
    arena_deinit(&arena);
    return 0;
}
