// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/rpc.h"

// X(name, the err that a caller gets, HTTP status)
#define STATUS_LIST(X)                                                                             \
    X(OK, OK, 200)                                                                                 \
    X(CANCELLED, CANCELED, 499)                                                                    \
    X(UNKNOWN, INTERNAL, 500)                                                                      \
    X(INVALID_ARGUMENT, INVALID, 400)                                                              \
    X(DEADLINE_EXCEEDED, TIMEOUT, 504)                                                             \
    X(NOT_FOUND, NOT_FOUND, 404)                                                                   \
    X(ALREADY_EXISTS, CONFLICT, 409)                                                               \
    X(PERMISSION_DENIED, INVALID, 403)                                                             \
    X(RESOURCE_EXHAUSTED, FULL, 429)                                                               \
    X(FAILED_PRECONDITION, BUSY, 400)                                                              \
    X(ABORTED, CONFLICT, 409)                                                                      \
    X(OUT_OF_RANGE, INVALID, 400)                                                                  \
    X(UNIMPLEMENTED, INVALID, 501)                                                                 \
    X(INTERNAL, IO, 500)                                                                           \
    X(UNAVAILABLE, UNAVAILABLE, 503)                                                               \
    X(DATA_LOSS, CORRUPT, 500)                                                                     \
    X(UNAUTHENTICATED, INVALID, 401)

const char *rpc_status_name(enum rpc_status status)
{
    switch (status) {
#define STATUS_NAME(name, err, http)                                                               \
    case RPC_##name:                                                                               \
        return #name;
        STATUS_LIST(STATUS_NAME)
#undef STATUS_NAME
    }
    return "?";
}

enum rpc_status rpc_status_of_err(enum err err)
{
    switch (err) {
#define STATUS_OF_ERR(name, text, rpc, retry)                                                      \
    case ERR_##name:                                                                               \
        return (enum rpc_status)(rpc);
        ERR_LIST(STATUS_OF_ERR)
#undef STATUS_OF_ERR
    }
    return RPC_UNKNOWN;
}

enum err rpc_err_of_status(enum rpc_status status)
{
    switch (status) {
#define STATUS_ERR(name, err, http)                                                                \
    case RPC_##name:                                                                               \
        return ERR_##err;
        STATUS_LIST(STATUS_ERR)
#undef STATUS_ERR
    }
    return ERR_INTERNAL;
}

int rpc_http_status(enum rpc_status status)
{
    switch (status) {
#define STATUS_HTTP(name, err, http)                                                               \
    case RPC_##name:                                                                               \
        return http;
        STATUS_LIST(STATUS_HTTP)
#undef STATUS_HTTP
    }
    return 500;
}
