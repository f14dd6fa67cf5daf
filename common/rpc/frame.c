// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <stdio.h>

#include "common/base/check.h"
#include "common/base/text.h"
#include "common/rpc/rpc_impl.h"

enum err rpc_err_from_nng(int rv)
{
    switch (rv) {
    case 0:
        return ERR_OK;
    case NNG_EINVAL:
    case NNG_EADDRINVAL:
    case NNG_ENOTSUP:
    case NNG_EPERM:
        return ERR_INVALID;
    case NNG_EADDRINUSE:
        return ERR_BUSY;
    case NNG_ETIMEDOUT:
        return ERR_TIMEOUT;
    case NNG_ECANCELED:
        return ERR_CANCELED;
    case NNG_EMSGSIZE:
    case NNG_ENOMEM:
    case NNG_ENOFILES:
    case NNG_ENOSPC:
        return ERR_FULL;
    case NNG_ECLOSED:
    case NNG_ECONNREFUSED:
    case NNG_ECONNABORTED:
    case NNG_ECONNRESET:
    case NNG_ECONNSHUT:
    case NNG_EUNREACHABLE:
    case NNG_ENOENT:
        return ERR_UNAVAILABLE;
    default:
        return ERR_IO;
    }
}

void frame_peer_text(const nng_sockaddr *from, char *out, size_t bytes)
{
    char host[INET6_ADDRSTRLEN] = "";
    if (bytes > 0)
        out[0] = '\0';
    if (from->s_family == NNG_AF_INET) {
        inet_ntop(AF_INET, &from->s_in.sa_addr, host, sizeof host);
        snprintf(out, bytes, "%s:%u", host, ntohs(from->s_in.sa_port));
    } else if (from->s_family == NNG_AF_INET6) {
        inet_ntop(AF_INET6, from->s_in6.sa_addr, host, sizeof host);
        snprintf(out, bytes, "[%s]:%u", host, ntohs(from->s_in6.sa_port));
    }
}

// ---- Writing ------------------------------------------------------------------------------------

static nng_msg *frame_create(const ProtobufCMessage *head, size_t body_bytes, uint8_t **body)
{
    size_t head_bytes = protobuf_c_message_get_packed_size(head);
    CHECK(head_bytes <= FRAME_HEADER_MAX);
    nng_msg *msg;
    CHECK(nng_msg_alloc(&msg, FRAME_LENGTH_BYTES + head_bytes + body_bytes) == 0);
    uint8_t *p = nng_msg_body(msg);
    for (unsigned i = 0; i < FRAME_LENGTH_BYTES; i++)
        p[i] = (uint8_t)(head_bytes >> (8 * i));
    CHECK(protobuf_c_message_pack(head, p + FRAME_LENGTH_BYTES) == head_bytes);
    if (body != NULL)
        *body = p + FRAME_LENGTH_BYTES + head_bytes;
    return msg;
}

nng_msg *frame_request_create(const struct frame_request *head, size_t body_bytes, uint8_t **body)
{
    CHECK(head->n_metadata <= RPC_METADATA_MAX);
    Assay__Rpc__V1__Metadata pairs[RPC_METADATA_MAX];
    Assay__Rpc__V1__Metadata *refs[RPC_METADATA_MAX];
    for (size_t i = 0; i < head->n_metadata; i++) {
        pairs[i] = (Assay__Rpc__V1__Metadata)ASSAY__RPC__V1__METADATA__INIT;
        pairs[i].key = (char *)head->metadata[i].key;
        pairs[i].value = (char *)head->metadata[i].value;
        refs[i] = &pairs[i];
    }
    Assay__Rpc__V1__RequestHeader wire = ASSAY__RPC__V1__REQUEST_HEADER__INIT;
    wire.method = (char *)head->method;
    wire.timeout_ms = head->timeout_ms;
    wire.call_id = head->call_id;
    wire.metadata = refs;
    wire.n_metadata = head->n_metadata;
    wire.cancel = head->cancel;
    return frame_create(&wire.base, body_bytes, body);
}

// Cuts in front of a character, so that what is left of well-formed text is well-formed.
static size_t frame_text_cut(const char *text, size_t len, size_t max)
{
    if (len <= max)
        return len;
    len = max;
    while (len > 0 && ((uint8_t)text[len] & 0xc0) == 0x80)
        len--;
    return len;
}

nng_msg *frame_response_create(enum rpc_status status, const char *text, size_t body_bytes,
                               uint8_t **body)
{
    Assay__Rpc__V1__ResponseHeader wire = ASSAY__RPC__V1__RESPONSE_HEADER__INIT;
    char cut[RPC_STATUS_TEXT_MAX + 1];
    wire.status = (uint32_t)status;
    if (text != NULL) {
        size_t len = frame_text_cut(text, strlen(text), RPC_STATUS_TEXT_MAX);
        memcpy(cut, text, len);
        cut[len] = '\0';
        wire.message = cut;
    }
    return frame_create(&wire.base, body_bytes, body);
}

// ---- Reading ------------------------------------------------------------------------------------

bool frame_split(struct span frame, struct span *head, struct span *body)
{
    const uint8_t *p = frame.ptr;
    size_t len = frame.len;
    if (len < FRAME_LENGTH_BYTES)
        return false;
    size_t head_bytes = 0;
    for (unsigned i = 0; i < FRAME_LENGTH_BYTES; i++)
        head_bytes |= (size_t)p[i] << (8 * i);
    if (head_bytes > FRAME_HEADER_MAX || head_bytes > len - FRAME_LENGTH_BYTES)
        return false;
    *head = span_make(p + FRAME_LENGTH_BYTES, head_bytes);
    *body = span_make(p + FRAME_LENGTH_BYTES + head_bytes, len - FRAME_LENGTH_BYTES - head_bytes);
    return true;
}

static bool frame_text_fits(const char *text, size_t max)
{
    struct span s = span_of(text);
    return s.len <= max && text_is_clean_utf8(s);
}

enum err frame_request_read(struct span head, struct arena *arena, rpc_request_header **out,
                            struct err_info *info)
{
    ProtobufCMessage *message;
    enum err err =
        rpc_unpack(&assay__rpc__v1__request_header__descriptor, head, arena, &message, info);
    if (err != ERR_OK)
        return err;
    rpc_request_header *read = (rpc_request_header *)message;
    if (!frame_text_fits(read->method, RPC_METHOD_MAX))
        return err_set(info, ERR_INVALID, "header: method");
    if (read->n_metadata > RPC_METADATA_MAX)
        return err_set(info, ERR_INVALID, "header: %zu pairs of metadata, at most %d",
                       read->n_metadata, RPC_METADATA_MAX);
    for (size_t i = 0; i < read->n_metadata; i++)
        if (!frame_text_fits(read->metadata[i]->key, RPC_TEXT_MAX) ||
            !frame_text_fits(read->metadata[i]->value, RPC_TEXT_MAX))
            return err_set(info, ERR_INVALID, "header: metadata %zu", i);
    *out = read;
    return ERR_OK;
}

enum err frame_response_read(struct span head, struct arena *arena, enum rpc_status *status,
                             const char **text)
{
    *status = RPC_OK;
    *text = "";
    // What an OK without metadata packs to: the hot path reads no header at all.
    if (head.len == 0)
        return ERR_OK;
    ProtobufCMessage *message;
    enum err err =
        rpc_unpack(&assay__rpc__v1__response_header__descriptor, head, arena, &message, NULL);
    if (err != ERR_OK)
        return err;
    const Assay__Rpc__V1__ResponseHeader *read = (Assay__Rpc__V1__ResponseHeader *)message;
    if (!frame_text_fits(read->message, RPC_STATUS_TEXT_MAX))
        return ERR_INVALID;
    *status = read->status <= RPC_UNAUTHENTICATED ? (enum rpc_status)read->status : RPC_UNKNOWN;
    *text = read->message;
    return ERR_OK;
}
