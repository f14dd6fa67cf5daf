// SPDX-License-Identifier: Apache-2.0
// GetWebhooks, ListDeadLetters, ReplayWebhook: all from memory, on the loop.
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/text.h"
#include "services/router/webhook/deliver_impl.h"

enum { LETTERS_MAX = 1000, LETTERS_DEFAULT = 100 };

static struct webhooks *webhooks_of(Assay__Router__V1__RouterService_Service *methods)
{
    return CONTAINER_OF(methods, struct router, methods)->webhooks;
}

static void not_there(const char *name, void *closure_data)
{
    rpc_fail(closure_data, RPC_NOT_FOUND, "webhook: there is no \"%s\"", name);
}

// ---- GetWebhooks --------------------------------------------------------------------------------

static Assay__Router__V1__Webhook *webhook_of(const struct hook *hook, struct arena *arena)
{
    const struct webhook_config *config = hook->config;
    struct webhook_plan_view view;
    webhook_plan_view(hook->plan, &view);
    uint64_t last = atomic_load(&hook->webhooks->router->last_decision);
    Assay__Router__V1__Webhook *out = arena_alloc(arena, sizeof *out);
    assay__router__v1__webhook__init(out);
    out->name = (char *)config->name;
    out->url = (char *)config->shown_url;
    out->n_queues = config->n_queues;
    out->queues = (char **)config->queues;
    out->offset = webhook_plan_cursor(hook->plan);
    out->behind = last > out->offset ? last - out->offset : 0;
    out->delivered = view.delivered;
    out->failed_attempts = view.failed_attempts;
    out->pending = view.pending;
    out->dead = view.dead;
    out->oldest_pending_ms = view.oldest_pending_ms;
    out->next_attempt_ms = view.health.disabled ? 0 : view.next_attempt_ms;
    out->last_error = (char *)view.health.last_error;
    out->last_delivered_ms = view.last_delivered_ms;
    out->disabled = view.health.disabled;
    return out;
}

void on_get_webhooks(Assay__Router__V1__RouterService_Service *methods,
                     const Assay__Router__V1__GetWebhooksRequest *request,
                     Assay__Router__V1__GetWebhooksResponse_Closure closure, void *closure_data)
{
    (void)request;
    const struct webhooks *w = webhooks_of(methods);
    Assay__Router__V1__GetWebhooksResponse out = ASSAY__ROUTER__V1__GET_WEBHOOKS_RESPONSE__INIT;
    struct arena arena;
    arena_init(&arena, 4096, 0);
    size_t n = w == NULL ? 0 : w->n;
    out.webhooks = arena_alloc(&arena, (n + 1) * sizeof *out.webhooks);
    for (; out.n_webhooks < n; out.n_webhooks++)
        out.webhooks[out.n_webhooks] = webhook_of(&w->hooks[out.n_webhooks], &arena);
    closure(&out, closure_data);
    arena_deinit(&arena);
}

// ---- ListDeadLetters ----------------------------------------------------------------------------

// A page begins behind a letter: "<place of the webhook>.<serial>".
static bool read_page(const char *page, size_t *hook, uint64_t *serial)
{
    uint64_t place;
    const char *dot = strchr(page, '.');
    *hook = 0;
    *serial = 0;
    if (page[0] == '\0')
        return true;
    if (dot == NULL || !text_to_u64(span_make(page, (size_t)(dot - page)), &place) ||
        !text_to_u64(span_of(dot + 1), serial) || place >= WEBHOOKS_MAX)
        return false;
    *hook = (size_t)place;
    return true;
}

static Assay__Router__V1__DeadLetter *
letter_of(const struct hook *hook, const struct webhook_dead *dead, struct arena *arena)
{
    const struct webhook_delivery *d = &dead->delivery;
    const char *step = webhook_step_name(d->step);
    Assay__Router__V1__DeadLetter *out = arena_alloc(arena, sizeof *out);
    assay__router__v1__dead_letter__init(out);
    out->webhook = (char *)hook->config->name;
    out->offset = d->offset;
    out->lead_id = (char *)d->lead_id;
    out->type = arena_printf(arena, "lead.%s", step == NULL ? "unknown" : step);
    out->attempts = d->attempts;
    out->first_ms = d->first_ms;
    out->dead_ms = dead->dead_ms;
    out->error = (char *)d->error;
    return out;
}

// Up to `max` letters of hooks [at, end), behind `serial` of the first one.
static void list_letters(const struct webhooks *w, size_t at, size_t end, uint64_t serial,
                         size_t max, struct arena *arena,
                         Assay__Router__V1__ListDeadLettersResponse *out)
{
    out->letters = arena_alloc(arena, (max + 1) * sizeof *out->letters);
    for (; at < end; at++, serial = 0) {
        const struct webhook_dead *dead;
        while ((dead = webhook_plan_dead_after(w->hooks[at].plan, serial)) != NULL) {
            if (out->n_letters == max) {
                out->next_page = arena_printf(arena, "%zu.%llu", at, (unsigned long long)serial);
                return;
            }
            out->letters[out->n_letters++] = letter_of(&w->hooks[at], dead, arena);
            serial = dead->serial;
        }
    }
}

void on_list_dead_letters(Assay__Router__V1__RouterService_Service *methods,
                          const Assay__Router__V1__ListDeadLettersRequest *request,
                          Assay__Router__V1__ListDeadLettersResponse_Closure closure,
                          void *closure_data)
{
    struct webhooks *w = webhooks_of(methods);
    const struct hook *one = webhooks_find(w, request->webhook);
    size_t at, end = w == NULL ? 0 : w->n;
    uint64_t serial;
    if (request->webhook[0] != '\0' && one == NULL) {
        not_there(request->webhook, closure_data);
        return;
    }
    if (request->max > LETTERS_MAX) {
        rpc_fail(closure_data, RPC_INVALID_ARGUMENT, "max: expected at most %d, got %u",
                 LETTERS_MAX, request->max);
        return;
    }
    if (!read_page(request->page, &at, &serial)) {
        rpc_fail(closure_data, RPC_INVALID_ARGUMENT, "page: not one that an answer named");
        return;
    }
    if (one != NULL) {
        size_t place = (size_t)(one - w->hooks);
        serial = at == place ? serial : 0;
        at = place;
        end = place + 1;
    }
    Assay__Router__V1__ListDeadLettersResponse out =
        ASSAY__ROUTER__V1__LIST_DEAD_LETTERS_RESPONSE__INIT;
    struct arena arena;
    arena_init(&arena, 16 * 1024, 0);
    list_letters(w, at, end, serial, request->max == 0 ? LETTERS_DEFAULT : request->max, &arena,
                 &out);
    closure(&out, closure_data);
    arena_deinit(&arena);
}

// ---- ReplayWebhook ------------------------------------------------------------------------------

static bool dead_has(const struct hook *hook, uint64_t offset)
{
    const struct webhook_dead *dead;
    for (uint64_t serial = 0; (dead = webhook_plan_dead_after(hook->plan, serial)) != NULL;
         serial = dead->serial)
        if (dead->delivery.offset == offset)
            return true;
    return false;
}

// What is wrong with the request, in words; "" when it can be done.
static enum rpc_status refuse(const struct hook *hook,
                              const Assay__Router__V1__ReplayWebhookRequest *in,
                              char text[RPC_STATUS_TEXT_MAX])
{
    int n = (in->dead_offset != 0) + in->all_dead + (in->from_offset != 0);
    uint64_t last = atomic_load(&hook->webhooks->router->last_decision);
    if (n != 1) {
        snprintf(text, RPC_STATUS_TEXT_MAX,
                 "expected exactly one of dead_offset, all_dead and from_offset, got %d", n);
        return RPC_INVALID_ARGUMENT;
    }
    if (in->from_offset > last) {
        snprintf(text, RPC_STATUS_TEXT_MAX, "from_offset: the decision log ends at %llu, got %llu",
                 (unsigned long long)last, (unsigned long long)in->from_offset);
        return RPC_INVALID_ARGUMENT;
    }
    if (in->dead_offset != 0 && !dead_has(hook, in->dead_offset)) {
        snprintf(text, RPC_STATUS_TEXT_MAX, "dead_offset: there is no dead letter of %llu",
                 (unsigned long long)in->dead_offset);
        return RPC_NOT_FOUND;
    }
    return RPC_OK;
}

void on_replay_webhook(Assay__Router__V1__RouterService_Service *methods,
                       const Assay__Router__V1__ReplayWebhookRequest *request,
                       Assay__Router__V1__ReplayWebhookResponse_Closure closure, void *closure_data)
{
    struct webhooks *w = webhooks_of(methods);
    struct hook *hook = webhooks_find(w, request->webhook);
    char text[RPC_STATUS_TEXT_MAX];
    if (hook == NULL) {
        not_there(request->webhook, closure_data);
        return;
    }
    if (w->closing) {
        rpc_fail(closure_data, RPC_UNAVAILABLE, "the router stops");
        return;
    }
    enum rpc_status status = refuse(hook, request, text);
    if (status != RPC_OK) {
        rpc_fail(closure_data, status, "%s", text);
        return;
    }
    struct webhook_input input = {.kind = WEBHOOK_IN_REPLAY_DEAD, .offset = request->dead_offset};
    if (request->from_offset != 0)
        input =
            (struct webhook_input){.kind = WEBHOOK_IN_REPLAY_FROM, .offset = request->from_offset};
    size_t n = 0;
    webhooks_step(hook, &input, &n);
    webhooks_pump(w);
    Assay__Router__V1__ReplayWebhookResponse out = ASSAY__ROUTER__V1__REPLAY_WEBHOOK_RESPONSE__INIT;
    out.letters = n;
    closure(&out, closure_data);
}
