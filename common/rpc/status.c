// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/rpc.h"

// X(name, the err that a caller gets)
#define STATUS_LIST(X)                                                                             \
    X(OK, OK)                                                                                      \
    X(CANCELLED, CANCELED)                                                                         \
    X(UNKNOWN, INTERNAL)                                                                           \
    X(INVALID_ARGUMENT, INVALID)                                                                   \
    X(DEADLINE_EXCEEDED, TIMEOUT)                                                                  \
    X(NOT_FOUND, NOT_FOUND)                                                                        \
    X(ALREADY_EXISTS, CONFLICT)                                                                    \
    X(PERMISSION_DENIED, INVALID)                                                                  \
    X(RESOURCE_EXHAUSTED, FULL)                                                                    \
    X(FAILED_PRECONDITION, BUSY)                                                                   \
    X(ABORTED, CONFLICT)                                                                           \
    X(OUT_OF_RANGE, INVALID)                                                                       \
    X(UNIMPLEMENTED, INVALID)                                                                      \
    X(INTERNAL, IO)                                                                                \
    X(UNAVAILABLE, UNAVAILABLE)                                                                    \
    X(DATA_LOSS, CORRUPT)                                                                          \
    X(UNAUTHENTICATED, INVALID)

const char *rpc_status_name(enum rpc_status status)
{
    switch (status) {
#define STATUS_NAME(name, err)                                                                     \
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
#define STATUS_OF_ERR(name, text, rpc, http, retry)                                                \
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
#define STATUS_ERR(name, err)                                                                      \
    case RPC_##name:                                                                               \
        return ERR_##err;
        STATUS_LIST(STATUS_ERR)
#undef STATUS_ERR
    }
    return ERR_INTERNAL;
}
