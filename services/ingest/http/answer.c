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

// SDKs drop what another 4xx than 429 answers, and send again what 5xx answers. So what is no fault
// of the body is 5xx here: 503 where the same may go well soon.
static int status_for_sdk(enum rpc_status status)
{
    if (status == RPC_CANCELLED || status == RPC_ABORTED || status == RPC_DEADLINE_EXCEEDED)
        return 503;
    if (status == RPC_NOT_FOUND || status == RPC_ALREADY_EXISTS)
        return 500;
    return rpc_http_status(status);
}

int answer_status(enum rpc_status status, int *retry_after_s)
{
    int http = status_for_sdk(status);
    *retry_after_s = http == 429 || http == 503 ? 1 : 0;
    return http;
}
