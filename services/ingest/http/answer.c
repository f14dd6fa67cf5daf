// SPDX-License-Identifier: Apache-2.0
#include "services/ingest/http/answer.h"

#include <string.h>

#define VERDICT(name) ASSAY__INGEST__V1__VERDICT__VERDICT_##name

// A JSON text; `text` is clean UTF-8.
static void write_text(struct buf *out, const char *text)
{
    buf_append_u8(out, '"');
    while (*text != '\0') {
        size_t plain = 0;
        while ((unsigned char)text[plain] >= 0x20 && text[plain] != '"' && text[plain] != '\\')
            plain++;
        buf_append(out, text, plain);
        text += plain;
        if (*text == '\0')
            break;
        if (*text == '"' || *text == '\\')
            buf_printf(out, "\\%c", *text);
        else
            buf_printf(out, "\\u%04x", (unsigned)(unsigned char)*text);
        text++;
    }
    buf_append_u8(out, '"');
}

static void write_event(struct buf *out, uint32_t index, bool refused, const char *reason,
                        bool first)
{
    buf_printf(out, "%s{\"index\":%u,\"status\":\"%s\"", first ? "" : ",", index,
               refused ? "refused" : "duplicate");
    if (refused) {
        buf_append_text(out, ",\"reason\":");
        write_text(out, reason);
    }
    buf_append_text(out, "}");
}

void answer_write(struct buf *out, const Assay__Ingest__V1__IngestResponse *response,
                  const uint32_t *indexes, const struct answer_refusal *refusals, size_t n_refusals)
{
    buf_printf(out, "{\"success\":true,\"accepted\":%u,\"duplicate\":%u,\"refused\":%zu",
               response->accepted, response->duplicate, response->refused + n_refusals);
    buf_append_text(out, ",\"events\":[");
    size_t own = 0;
    bool first = true;
    for (size_t i = 0; i <= response->n_verdicts; i++) {
        const Assay__Ingest__V1__EventVerdict *verdict =
            i == response->n_verdicts ? NULL : response->verdicts[i];
        uint32_t index = verdict == NULL ? UINT32_MAX : indexes[verdict->index];
        for (; own < n_refusals && refusals[own].index < index; own++) {
            write_event(out, refusals[own].index, true, refusals[own].reason, first);
            first = false;
        }
        if (verdict == NULL)
            break;
        write_event(out, index, verdict->verdict == VERDICT(REFUSED), verdict->reason, first);
        first = false;
    }
    buf_append_text(out, "]}");
}

int answer_status(enum rpc_status status, int *retry_after_s)
{
    *retry_after_s = 0;
    switch (status) {
    case RPC_OK:
        return 200;
    case RPC_INVALID_ARGUMENT:
    case RPC_OUT_OF_RANGE:
    case RPC_FAILED_PRECONDITION:
        return 400;
    case RPC_UNAUTHENTICATED:
        return 401;
    case RPC_PERMISSION_DENIED:
        return 403;
    case RPC_RESOURCE_EXHAUSTED:
        *retry_after_s = 1;
        return 429;
    case RPC_CANCELLED:
    case RPC_ABORTED:
    case RPC_DEADLINE_EXCEEDED:
    case RPC_UNAVAILABLE:
        *retry_after_s = 1;
        return 503;
    case RPC_UNKNOWN:
    case RPC_NOT_FOUND:
    case RPC_ALREADY_EXISTS:
    case RPC_UNIMPLEMENTED:
    case RPC_INTERNAL:
    case RPC_DATA_LOSS:
        return 500;
    }
    return 500;
}
