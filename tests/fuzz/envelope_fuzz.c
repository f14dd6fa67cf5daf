// SPDX-License-Identifier: Apache-2.0
// links: rpc assay_proto base
// What comes over NNG, read as a request and as an answer: a frame is refused, or its header keeps
// every bound and survives a round trip; a request's message unpacks within its bound.
#include <string.h>

#include "assay/admin/v1/admin.pb-c.h"
#include "assay/ingest/v1/ingest.pb-c.h"
#include "assay/router/v1/router.pb-c.h"
#include "common/base/text.h"
#include "common/rpc/rpc_impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const ProtobufCServiceDescriptor *const SERVICES[] = {
    &assay__ingest__v1__ingest_service__descriptor, &assay__router__v1__router_service__descriptor,
    &assay__admin__v1__admin_service__descriptor};

static const ProtobufCMessageDescriptor *find_input(const char *name)
{
    const char *slash = strchr(name, '/');
    for (size_t i = 0; slash != NULL && i < ARRAY_LEN(SERVICES); i++) {
        const ProtobufCServiceDescriptor *service = SERVICES[i];
        if (strncmp(service->name, name, strlen(service->name)) != 0)
            continue;
        for (unsigned m = 0; m < service->n_methods; m++)
            if (strcmp(service->methods[m].name, slash + 1) == 0)
                return service->methods[m].input;
    }
    return NULL;
}

static void read_body(const ProtobufCMessageDescriptor *type, struct span body)
{
    struct arena arena;
    ProtobufCMessage *message;
    struct err_info info = {{0}};
    arena_init(&arena, 4096, 0);
    enum err err = rpc_unpack(type, body, &arena, &message, &info);
    CHECK(arena.used_bytes <= 8 * body.len + 64 * 1024);
    if (err == ERR_OK)
        (void)rpc_message_unclean_field(message);
    else
        CHECK((err == ERR_INVALID || err == ERR_FULL) && info.text[0] != '\0');
    arena_deinit(&arena);
}

// The same header again, by our own hand.
static void round_trip(const rpc_request_header *read, struct arena *arena)
{
    struct rpc_pair pairs[RPC_METADATA_MAX];
    for (size_t i = 0; i < read->n_metadata; i++)
        pairs[i] = (struct rpc_pair){read->metadata[i]->key, read->metadata[i]->value};
    struct frame_request head = {.method = read->method,
                                 .timeout_ms = read->timeout_ms,
                                 .call_id = read->call_id,
                                 .metadata = pairs,
                                 .n_metadata = read->n_metadata,
                                 .cancel = read->cancel};
    nng_msg *msg = frame_request_create(&head, 0, NULL);
    struct span again, body;
    rpc_request_header *back;
    CHECK(frame_split(span_make(nng_msg_body(msg), nng_msg_len(msg)), &again, &body));
    CHECK(frame_request_read(again, arena, &back, NULL) == ERR_OK);
    CHECK(strcmp(back->method, read->method) == 0 && back->n_metadata == read->n_metadata);
    CHECK(back->call_id == read->call_id && back->timeout_ms == read->timeout_ms);
    nng_msg_free(msg);
}

static void read_request(struct span head, struct span body)
{
    struct arena arena;
    rpc_request_header *read;
    struct err_info info = {{0}};
    struct rpc_trace trace;
    arena_init(&arena, 4096, 0);
    if (frame_request_read(head, &arena, &read, &info) == ERR_OK) {
        CHECK(strlen(read->method) <= RPC_METHOD_MAX && read->n_metadata <= RPC_METADATA_MAX);
        for (size_t i = 0; i < read->n_metadata; i++) {
            rpc_trace_make(&trace, read->metadata[i]->value, read->metadata[i]->value);
            CHECK(strlen(trace.traceparent) == RPC_TRACEPARENT_BYTES);
        }
        round_trip(read, &arena);
        const ProtobufCMessageDescriptor *input = find_input(read->method);
        if (input != NULL)
            read_body(input, body);
    } else {
        CHECK(info.text[0] != '\0' && text_is_clean_utf8(span_of(info.text)));
    }
    arena_deinit(&arena);
}

static void read_answer(struct span head)
{
    struct arena arena;
    enum rpc_status status;
    const char *text;
    arena_init(&arena, 4096, 0);
    if (frame_response_read(head, &arena, &status, &text) == ERR_OK) {
        CHECK(status <= RPC_UNAUTHENTICATED && strlen(text) <= RPC_STATUS_TEXT_MAX);
        CHECK(text_is_clean_utf8(span_of(text)));
    }
    arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct span head, body;
    if (!frame_split(span_make(bytes, len), &head, &body))
        return 0;
    CHECK(head.len + body.len + FRAME_LENGTH_BYTES == len);
    read_request(head, body);
    read_answer(head);
    return 0;
}
