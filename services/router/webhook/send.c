// SPDX-License-Identifier: Apache-2.0
// One attempt: payload, signatures, request, and what its end means.
#include <inttypes.h>
#include <stdio.h>

#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "common/log/log.h"
#include "services/router/webhook/deliver_impl.h"

#define LOG_COMPONENT "webhook"

enum { RESPONSE_BYTES_MAX = 4096 };

void sending_destroy(struct sending *s)
{
    buf_deinit(&s->body);
    buf_deinit(&s->signatures);
    buf_deinit(&s->request.response);
    mem_free(s);
}

static void tell_plan(struct sending *s, enum webhook_verdict verdict, const char *error)
{
    struct webhook_input answer = {
        .kind = WEBHOOK_IN_ANSWERED,
        .ticket = s->ticket,
        .verdict = verdict,
        .retry_after_ms = s->request.retry_after_ms,
        .pause = s->request.status == 429 || s->request.status == 503,
        .error = error,
    };
    struct hook *hook = s->hook;
    sending_destroy(s);
    webhooks_step(hook, &answer, NULL);
}

static void done_cb(void *arg, struct http_request *request)
{
    struct sending *s = arg;
    struct webhooks *webhooks = s->hook->webhooks;
    enum webhook_verdict verdict = webhook_judge(request->status);
    char error[WEBHOOK_ERROR_BYTES];
    snprintf(error, sizeof error, "status %d", request->status);
    if (request->err != ERR_OK) {
        // What is not allowed is not allowed a moment later either.
        verdict = request->err == ERR_INVALID ? WEBHOOK_RETRY_SLOW : WEBHOOK_RETRY;
        verdict = request->err == ERR_CANCELED ? WEBHOOK_INTERRUPTED : verdict;
        snprintf(error, sizeof error, "%.*s", (int)sizeof error - 1, request->info.text);
    }
    LOG_DEBUG("webhook_answered", "webhook=%s id=%s status=%d msg=\"%s\"", s->hook->config->name,
              s->id, request->status, error);
    tell_plan(s, verdict, error);
    webhooks_pump(webhooks);
}

static void add_header(struct sending *s, const char *name, const char *value)
{
    s->headers[s->request.n_headers++] = (struct http_header){name, value};
}

static void add_headers(struct sending *s)
{
    const struct webhook_config *config = s->hook->config;
    int64_t now_s = clock_wall_ms() / 1000; // the receiver's clock is the wall's, whatever ours is
    webhook_sign(config->keys, config->n_keys, s->id, now_s, buf_span(&s->body), &s->signatures);
    buf_append_u8(&s->signatures, 0);
    snprintf(s->timestamp, sizeof s->timestamp, "%" PRId64, now_s);
    add_header(s, "Content-Type", "application/json");
    add_header(s, "webhook-id", s->id);
    add_header(s, "webhook-timestamp", s->timestamp);
    add_header(s, "webhook-signature", (const char *)s->signatures.bytes);
    for (size_t i = 0; i < config->n_headers; i++)
        add_header(s, config->headers[i].name, config->headers[i].value);
}

void sending_start(struct sending *s)
{
    const struct webhook_config *config = s->hook->config;
    struct webhooks *webhooks = s->hook->webhooks;
    struct arena arena;
    arena_init(&arena, 4096, 0);
    Assay__Router__V1__Decision *decision =
        s->packed.len == 0 ? NULL : router_codec_decision_read(s->packed, &arena);
    bool good =
        decision != NULL && decision->decision_case == ASSAY__ROUTER__V1__DECISION__DECISION_LEAD;
    if (good) {
        (void)webhook_id(webhook_shelf_instance(webhooks->shelf), config->name, s->offset, s->id);
        webhook_payload(s->id, decision, s->lead, &s->body);
    }
    arena_deinit(&arena);
    if (!good) {
        tell_plan(s, WEBHOOK_RETRY_SLOW, "the decision cannot be read");
        return;
    }
    add_headers(s);
    struct http_request *request = &s->request;
    request->url = config->url;
    request->headers = s->headers;
    request->body = buf_span(&s->body);
    request->timeout_ms = config->timeout_ms;
    request->response_bytes_max = RESPONSE_BYTES_MAX;
    request->allow_http = config->allow_http;
    request->allow_private_address = config->allow_private;
    request->ca_file = config->ca_file[0] == '\0' ? NULL : config->ca_file;
    request->done = done_cb;
    request->arg = s;
    enum err err = http_client_send(webhooks->client, request);
    if (err == ERR_OK)
        return;
    CHECK(err == ERR_CANCELED); // there is room for as many as the plans may send
    tell_plan(s, WEBHOOK_INTERRUPTED, NULL);
}
