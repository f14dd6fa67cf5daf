// SPDX-License-Identifier: Apache-2.0
// grpc.reflection.v1.ServerReflection, and v1alpha, which is the same under another name
// (https://github.com/grpc/grpc/blob/master/doc/server-reflection.md). Each request is answered
// when it comes.
#include <string.h>

#include "common/base/mem.h"
#include "common/grpc/descriptors.h"
#include "common/grpc/grpc_impl.h"
#include "grpc/reflection/v1/reflection.pb-c.h"

enum { REFLECTION_EXTENSIONS_MAX = 256 };

typedef Grpc__Reflection__V1__ServerReflectionRequest reflection_request;
typedef Grpc__Reflection__V1__ServerReflectionResponse reflection_response;

// What one answer is made in.
struct reflection {
    const struct grpc_server *server;
    struct arena *arena;
    reflection_response *response;
};

static void *reflection_new(struct reflection *r, const ProtobufCMessageDescriptor *type)
{
    void *message = arena_alloc(r->arena, type->sizeof_message);
    protobuf_c_message_init(type, message);
    return message;
}

static void reflection_fail(struct reflection *r, enum rpc_status status, const char *what,
                            const char *name)
{
    Grpc__Reflection__V1__ErrorResponse *error =
        reflection_new(r, &grpc__reflection__v1__error_response__descriptor);
    error->error_code = (int32_t)status;
    error->error_message = arena_printf(r->arena, "%s %.200s", what, name);
    r->response->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE;
    r->response->error_response = error;
}

static void reflection_file(struct reflection *r, size_t file, const char *what, const char *name)
{
    const struct descriptors *descriptors = r->server->descriptors;
    if (file == DESCRIPTORS_NONE) {
        reflection_fail(r, RPC_NOT_FOUND, what, name);
        return;
    }
    Grpc__Reflection__V1__FileDescriptorResponse *answer =
        reflection_new(r, &grpc__reflection__v1__file_descriptor_response__descriptor);
    size_t n = descriptors_count(descriptors);
    struct span *files = arena_alloc(r->arena, n * sizeof *files);
    answer->n_file_descriptor_proto = descriptors_with_imports(descriptors, file, files);
    answer->file_descriptor_proto = arena_alloc(r->arena, n * sizeof(ProtobufCBinaryData));
    for (size_t i = 0; i < answer->n_file_descriptor_proto; i++)
        answer->file_descriptor_proto[i] =
            (ProtobufCBinaryData){files[i].len, (uint8_t *)files[i].ptr};
    r->response->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
    r->response->file_descriptor_response = answer;
}

static void reflection_extensions(struct reflection *r, const char *type)
{
    const struct descriptors *descriptors = r->server->descriptors;
    if (descriptors_symbol(descriptors, type) == DESCRIPTORS_NONE) {
        reflection_fail(r, RPC_NOT_FOUND, "there is no type", type);
        return;
    }
    Grpc__Reflection__V1__ExtensionNumberResponse *answer =
        reflection_new(r, &grpc__reflection__v1__extension_number_response__descriptor);
    answer->base_type_name = (char *)type;
    answer->extension_number =
        arena_alloc(r->arena, REFLECTION_EXTENSIONS_MAX * sizeof *answer->extension_number);
    answer->n_extension_number = descriptors_extensions(descriptors, type, answer->extension_number,
                                                        REFLECTION_EXTENSIONS_MAX);
    r->response->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ALL_EXTENSION_NUMBERS_RESPONSE;
    r->response->all_extension_numbers_response = answer;
}

// ---- Services -----------------------------------------------------------------------------------

struct services {
    struct reflection *r;
    Grpc__Reflection__V1__ListServiceResponse *answer;
};

// Adds the service of "package.Service/Method" when it is not there yet.
static void services_add(struct services *services, const char *method)
{
    Grpc__Reflection__V1__ListServiceResponse *answer = services->answer;
    size_t n = (size_t)(strchr(method, '/') - method);
    for (size_t i = 0; i < answer->n_service; i++)
        if (span_eq(span_of(answer->service[i]->name), span_make(method, n)))
            return;
    Grpc__Reflection__V1__ServiceResponse *service =
        reflection_new(services->r, &grpc__reflection__v1__service_response__descriptor);
    service->name = arena_dup(services->r->arena, span_make(method, n));
    answer->service[answer->n_service++] = service;
}

static void reflection_services(struct reflection *r)
{
    struct services services = {
        r, reflection_new(r, &grpc__reflection__v1__list_service_response__descriptor)};
    struct rpc_server *rpc = r->server->rpc;
    size_t n = HEALTH_METHODS_COUNT + REFLECTION_METHODS_COUNT;
    for (size_t i = 0; rpc_server_nth_method(rpc, i) != NULL; i++)
        n++;
    services.answer->service = arena_alloc(r->arena, n * sizeof *services.answer->service);
    for (size_t i = 0; rpc_server_nth_method(rpc, i) != NULL; i++)
        services_add(&services, rpc_server_nth_method(rpc, i)->name);
    for (size_t i = 0; i < HEALTH_METHODS_COUNT; i++)
        services_add(&services, HEALTH_METHODS[i].name);
    for (size_t i = 0; i < REFLECTION_METHODS_COUNT; i++)
        services_add(&services, REFLECTION_METHODS[i].name);
    r->response->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE;
    r->response->list_services_response = services.answer;
}

// ---- Requests -----------------------------------------------------------------------------------

#define REQUEST_CASE(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##name

static void reflection_answer(struct reflection *r, const reflection_request *request)
{
    const struct descriptors *d = r->server->descriptors;
    switch (request->message_request_case) {
    case REQUEST_CASE(FILE_BY_FILENAME):
        reflection_file(r, descriptors_file(d, request->file_by_filename), "there is no file",
                        request->file_by_filename);
        break;
    case REQUEST_CASE(FILE_CONTAINING_SYMBOL):
        reflection_file(r, descriptors_symbol(d, request->file_containing_symbol),
                        "there is no symbol", request->file_containing_symbol);
        break;
    case REQUEST_CASE(FILE_CONTAINING_EXTENSION):
        reflection_file(
            r,
            descriptors_extension(d, request->file_containing_extension->containing_type,
                                  request->file_containing_extension->extension_number),
            "there is no such extension of", request->file_containing_extension->containing_type);
        break;
    case REQUEST_CASE(ALL_EXTENSION_NUMBERS_OF_TYPE):
        reflection_extensions(r, request->all_extension_numbers_of_type);
        break;
    case REQUEST_CASE(LIST_SERVICES):
        reflection_services(r);
        break;
    case REQUEST_CASE(_NOT_SET):
    case _GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST__CASE_IS_INT_SIZE:
        reflection_fail(r, RPC_INVALID_ARGUMENT, "nothing was asked for", "");
        break;
    }
}

static void reflection_message(struct stream *stream, struct span bytes)
{
    struct arena arena;
    ProtobufCMessage *message;
    reflection_response response = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;
    struct reflection r = {stream->conn->server, &arena, &response};
    arena_init(&arena, 4096, 0);
    if (rpc_unpack(&grpc__reflection__v1__server_reflection_request__descriptor, bytes, &arena,
                   &message, NULL) != ERR_OK ||
        !rpc_message_texts_clean(message)) {
        grpc_stream_end(stream, RPC_INVALID_ARGUMENT, "no ServerReflectionRequest");
    } else {
        reflection_request *request = (reflection_request *)message;
        response.valid_host = request->host;
        response.original_request = request;
        reflection_answer(&r, request);
        grpc_stream_send(stream, &response.base);
    }
    arena_deinit(&arena);
}

static void reflection_half_closed(struct stream *stream)
{
    grpc_stream_end(stream, RPC_OK, "%s", "");
}

const struct builtin REFLECTION_METHODS[] = {
    {"grpc.reflection.v1.ServerReflection/ServerReflectionInfo", true, reflection_message,
     reflection_half_closed},
    {"grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", true, reflection_message,
     reflection_half_closed},
};
const size_t REFLECTION_METHODS_COUNT = ARRAY_LEN(REFLECTION_METHODS);
