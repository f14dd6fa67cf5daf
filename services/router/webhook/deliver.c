// SPDX-License-Identifier: Apache-2.0
#include "services/router/webhook/deliver.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/hash.h"
#include "common/base/mem.h"
#include "common/log/log.h"
#include "services/router/webhook/deliver_impl.h"

#define LOG_COMPONENT "webhook"

enum {
    FLUSH_MS = 100,
    AGAIN_MS = 100,       // after a look that the fold did not take
    CLOCK_MS = 100,       // how often a clock that somebody moves is looked at
    TIMER_MS_MAX = 60000, // the wall clock may be set
};

// ---- The plans ----------------------------------------------------------------------------------

static void sending_queue(struct webhooks *w, struct hook *hook, const struct webhook_effect *send)
{
    const struct webhook_delivery *d = webhook_plan_find(hook->plan, send->offset);
    CHECK(d != NULL);
    struct sending *s = mem_zalloc(sizeof *s);
    s->hook = hook;
    s->offset = send->offset;
    s->ticket = send->ticket;
    memcpy(s->lead_id, d->lead_id, sizeof s->lead_id);
    if (w->last != NULL)
        w->last->next = s;
    else
        w->first = s;
    w->last = s;
}

static void store(struct webhooks *w, struct hook *hook, const struct webhook_effect *e)
{
    const char *name = hook->config->name;
    const struct webhook_delivery *d = webhook_plan_find(hook->plan, e->offset);
    if (d != NULL) // else it is gone again
        webhook_shelf_put(w->shelf, name, d);
}

static void bury(struct webhooks *w, struct hook *hook, uint64_t serial)
{
    const struct webhook_dead *dead = webhook_plan_dead_after(hook->plan, serial - 1);
    if (dead == NULL || dead->serial != serial)
        return;
    LOG_WARN("webhook_gave_up", "webhook=%s offset=%llu lead=%s attempts=%u msg=\"%s\"",
             hook->config->name, (unsigned long long)dead->delivery.offset, dead->delivery.lead_id,
             dead->delivery.attempts, dead->delivery.error);
    webhook_shelf_put_dead(w->shelf, hook->config->name, dead);
}

static void carry_out(struct hook *hook)
{
    struct webhooks *w = hook->webhooks;
    const char *name = hook->config->name;
    for (size_t i = 0; i < w->effects.n; i++) {
        const struct webhook_effect *e = &w->effects.items[i];
        switch (e->kind) {
        case WEBHOOK_SEND:
            sending_queue(w, hook, e);
            break;
        case WEBHOOK_STORE:
            store(w, hook, e);
            break;
        case WEBHOOK_ERASE:
            webhook_shelf_erase(w->shelf, name, e->offset);
            break;
        case WEBHOOK_STORE_DEAD:
            bury(w, hook, e->serial);
            break;
        case WEBHOOK_ERASE_DEAD:
            webhook_shelf_erase_dead(w->shelf, name, e->serial);
            break;
        }
    }
    w->effects.n = 0;
}

// Health as an operator wants to hear of it: once when it begins and once when it ends.
static void tell_health(const struct hook *hook, const struct webhook_plan_health *before)
{
    struct webhook_plan_health now;
    webhook_plan_health(hook->plan, &now);
    const struct webhook_config *config = hook->config;
    if (now.disabled && !before->disabled)
        LOG_WARN("webhook_gone",
                 "webhook=%s url=%s msg=\"it answered 410: nothing more is sent "
                 "until a replay or a restart\"",
                 config->name, config->shown_url);
    else if (now.failures_in_row == WEBHOOK_FAILING && before->failures_in_row < WEBHOOK_FAILING)
        LOG_WARN("webhook_failing", "webhook=%s url=%s msg=\"%s\"", config->name, config->shown_url,
                 now.last_error);
    else if (now.failures_in_row == 0 && before->failures_in_row >= WEBHOOK_FAILING)
        LOG_INFO("webhook_recovered", "webhook=%s url=%s", config->name, config->shown_url);
}

void webhooks_step(struct hook *hook, const struct webhook_input *input, size_t *n)
{
    struct webhooks *w = hook->webhooks;
    struct webhook_plan_health before;
    webhook_plan_health(hook->plan, &before);
    size_t n_replayed = webhook_plan_step(hook->plan, input, router_now_ms(w->router), &w->effects);
    carry_out(hook);
    tell_health(hook, &before);
    if (n != NULL)
        *n = n_replayed;
}

// ---- Looks --------------------------------------------------------------------------------------

static void take_decision(struct hook *hook, const Assay__Router__V1__Decision *decision)
{
    const Assay__Router__V1__LeadDecision *lead = decision->lead;
    if (!webhook_config_takes(hook->config, (uint32_t)lead->step, lead->queue))
        return;
    struct webhook_delivery d = {
        .offset = decision->offset,
        .account = hash64(span_of(lead->account_id)),
        .step = (uint32_t)lead->step,
    };
    snprintf(d.lead_id, sizeof d.lead_id, "%s", lead->lead_id);
    struct webhook_input taken = {.kind = WEBHOOK_IN_TAKEN, .delivery = &d};
    webhooks_step(hook, &taken, NULL);
}

// Whether a hook takes this decision or passes it; false: it has to wait here.
static bool at_decision(struct hook *hook, const Assay__Router__V1__Decision *decision)
{
    if (webhook_plan_cursor(hook->plan) >= decision->offset)
        return true;
    if (webhook_plan_room(hook->plan) == 0)
        return false;
    if (decision->decision_case == ASSAY__ROUTER__V1__DECISION__DECISION_LEAD)
        take_decision(hook, decision);
    return true;
}

// What was read goes to every webhook that stands within it and has room, not only to the one that
// asked.
static void take_decisions(struct webhooks *w)
{
    const struct webhook_look *look = &w->look;
    struct arena arena;
    arena_init(&arena, 4096, 0);
    bool *stopped = mem_zalloc(w->n);
    for (size_t i = 0; i < w->n; i++)
        stopped[i] = webhook_plan_cursor(w->hooks[i].plan) < look->after ||
                     webhook_plan_room(w->hooks[i].plan) == 0;
    const uint8_t *at = look->decisions.bytes, *end = at + look->decisions.len;
    while (at < end) {
        uint32_t len;
        memcpy(&len, at, sizeof len);
        const Assay__Router__V1__Decision *decision =
            router_codec_decision_read(span_make(at + sizeof len, len), &arena);
        CHECK(decision != NULL); // we packed it, and the store's seal was right
        for (size_t i = 0; i < w->n; i++)
            stopped[i] = stopped[i] || !at_decision(&w->hooks[i], decision);
        at += sizeof len + len;
        arena_reset(&arena);
    }
    struct webhook_input passed = {.kind = WEBHOOK_IN_PASSED, .offset = look->next};
    for (size_t i = 0; i < w->n; i++)
        if (!stopped[i])
            webhooks_step(&w->hooks[i], &passed, NULL);
    mem_free(stopped);
    arena_deinit(&arena);
}

// The webhook whose turn it is to read on, or NULL. Each in turn: one that has much to read does
// not hold up the others.
static struct hook *reader(struct webhooks *w)
{
    uint64_t last = atomic_load(&w->router->last_decision);
    for (size_t i = 0; i < w->n; i++) {
        struct hook *hook = &w->hooks[(w->next + i) % w->n];
        if (webhook_plan_cursor(hook->plan) < last && webhook_plan_room(hook->plan) > 0) {
            w->next = (w->next + i + 1) % w->n;
            return hook;
        }
    }
    return NULL;
}

static bool room_somewhere(const struct webhooks *w)
{
    for (size_t i = 0; i < w->n; i++)
        if (webhook_plan_room(w->hooks[i].plan) > 0)
            return true;
    return false;
}

static void look_fill(struct webhooks *w, const struct hook *hook)
{
    struct webhook_look *look = &w->look;
    arena_reset(&look->arena);
    buf_clear(&look->decisions);
    buf_clear(&look->packed);
    look->reads = hook != NULL;
    look->after = hook == NULL ? 0 : webhook_plan_cursor(hook->plan);
    look->n_sends = 0;
    while (w->first != NULL && look->n_sends < WEBHOOK_LOOK_SENDS_MAX) {
        look->sends[look->n_sends++] = w->first;
        w->first = w->first->next;
    }
    if (w->first == NULL)
        w->last = NULL;
}

// What a look that did not take place had with it.
static void look_undo(struct webhooks *w)
{
    struct webhook_look *look = &w->look;
    for (size_t i = look->n_sends; i > 0; i--) {
        look->sends[i - 1]->next = w->first;
        w->first = look->sends[i - 1];
        if (w->last == NULL)
            w->last = w->first;
    }
    look->n_sends = 0;
}

static void arm(struct webhooks *w)
{
    int64_t due_ms = INT64_MAX, now_ms = router_now_ms(w->router);
    for (size_t i = 0; i < w->n; i++) {
        int64_t at_ms = webhook_plan_due_ms(w->hooks[i].plan);
        due_ms = at_ms < due_ms ? at_ms : due_ms;
    }
    if (due_ms == INT64_MAX) {
        loop_timer_stop(w->timer);
        return;
    }
    int64_t left_ms = due_ms > now_ms ? due_ms - now_ms : 0;
    if (left_ms > 0 && w->router->config->clock == ROUTER_CLOCK_EVENT)
        left_ms = CLOCK_MS;
    left_ms = left_ms > TIMER_MS_MAX ? TIMER_MS_MAX : left_ms;
    loop_timer_start(w->timer, (uint64_t)left_ms, 0);
}

static void step_all(struct webhooks *w)
{
    struct webhook_input time = {.kind = WEBHOOK_IN_TIME};
    int64_t now_ms = router_now_ms(w->router);
    for (size_t i = 0; i < w->n; i++)
        if (webhook_plan_due_ms(w->hooks[i].plan) <= now_ms)
            webhooks_step(&w->hooks[i], &time, NULL);
}

// One look at a time: a webhook reads on, and what is due is looked up. False: the fold takes none.
static bool look(struct webhooks *w)
{
    if (w->look.out || webhook_shelf_behind(w->shelf))
        return true;
    atomic_store(&w->awaits, false);
    struct hook *hook = reader(w);
    if (hook == NULL && room_somewhere(w)) {
        // From here on a new decision wakes; one that came just before is found here.
        atomic_store(&w->awaits, true);
        hook = reader(w);
    }
    if (hook == NULL && w->first == NULL)
        return true;
    look_fill(w, hook);
    w->look.item.fold = (struct fold_item){0};
    w->look.out = router_submit(w->router, &w->look.item) == ERR_OK;
    if (!w->look.out)
        look_undo(w);
    return w->look.out;
}

void webhooks_pump(struct webhooks *w)
{
    if (w->closing)
        return;
    step_all(w);
    if (look(w))
        arm(w);
    else
        loop_timer_start(w->timer, AGAIN_MS, 0);
    if (!w->flushing)
        loop_timer_start(w->flush_timer, FLUSH_MS, 0);
    w->flushing = true;
}

static void timer_cb(void *arg)
{
    webhooks_pump(arg);
}

void webhooks_back(struct router *router, struct item *item)
{
    struct webhooks *w = router->webhooks;
    struct webhook_look *look = &w->look;
    CHECK(item == &look->item && look->out);
    look->out = false;
    if (w->closing || look->refused) {
        look_undo(w);
        return; // refused only when the router stops
    }
    if (look->err != ERR_OK) {
        LOG_ERROR("webhooks_blind", "err=%s msg=\"%s\"", err_name(look->err), look->info.text);
        loop_timer_start(w->timer, AGAIN_MS, 0);
    } else if (look->reads) {
        take_decisions(w);
    }
    for (size_t i = 0; i < look->n_sends; i++)
        sending_start(look->sends[i]);
    if (look->err == ERR_OK)
        webhooks_pump(w);
}

void webhooks_wake(struct router *router)
{
    if (router->webhooks != NULL)
        webhooks_pump(router->webhooks);
}

bool webhooks_await(const struct router *router)
{
    return router->webhooks != NULL && atomic_load(&router->webhooks->awaits);
}

// ---- The shelf ----------------------------------------------------------------------------------

static void flush(struct webhooks *w)
{
    for (size_t i = 0; i < w->n; i++) {
        struct hook *hook = &w->hooks[i];
        uint64_t cursor = webhook_plan_cursor(hook->plan);
        if (cursor == hook->stored_cursor)
            continue;
        webhook_shelf_put_cursor(w->shelf, hook->config->name, cursor);
        hook->stored_cursor = cursor;
    }
    webhook_shelf_flush(w->shelf);
}

static void flush_cb(void *arg)
{
    struct webhooks *w = arg;
    bool was_behind = webhook_shelf_behind(w->shelf);
    w->flushing = false;
    flush(w);
    if (webhook_shelf_changed(w->shelf)) { // the thread is not done with the last one
        w->flushing = true;
        loop_timer_start(w->flush_timer, FLUSH_MS, 0);
    }
    if (was_behind && !webhook_shelf_behind(w->shelf))
        webhooks_pump(w);
}

// ---- Life cycle ---------------------------------------------------------------------------------

struct hook *webhooks_find(struct webhooks *w, const char *name)
{
    for (size_t i = 0; w != NULL && i < w->n; i++)
        if (strcmp(w->hooks[i].config->name, name) == 0)
            return &w->hooks[i];
    return NULL;
}

static void read_config(struct webhooks *w, const char *path)
{
    struct buf report = {0};
    enum err err = webhooks_config_load_file(path, &w->config, &report);
    fwrite(report.len == 0 ? (const void *)"" : report.bytes, 1, report.len, stderr);
    buf_deinit(&report);
    if (err == ERR_OK)
        return;
    LOG_ERROR("webhooks_refused", "file=%s msg=\"it has mistakes\"", path);
    _exit(SERVICE_EXIT_USAGE);
}

#define WEBHOOK_DESC(kind, field, name, help)                                                      \
    METRICS_DESC(struct webhook_metrics, kind, field, name, help)
static const struct metrics_desc WEBHOOK_DESCS[] = {WEBHOOK_METRICS(WEBHOOK_DESC)};

static enum err open_hook(struct webhooks *w, struct hook *hook,
                          const struct webhook_config *config, struct err_info *info)
{
    struct router *router = w->router;
    uint64_t last = atomic_load(&router->last_decision);
    char labels[WEBHOOK_NAME_MAX + 16];
    struct webhook_plan_opts opts = {
        .seed = hash64(span_of(config->name)) ^ webhook_shelf_instance(w->shelf),
        .in_flight = (uint32_t)config->in_flight,
        .pending_max = WEBHOOK_PENDING_MAX,
        .dead_max = WEBHOOK_DEAD_MAX,
        .give_up_after_ms = config->give_up_after_ms,
    };
    hook->webhooks = w;
    hook->config = config;
    hook->plan = webhook_plan_create(&opts);
    enum err err = webhook_shelf_load(w->shelf, config->name, last, hook->plan, info);
    if (err != ERR_OK)
        return err;
    if (webhook_plan_cursor(hook->plan) > last) {
        LOG_WARN("webhook_ahead",
                 "webhook=%s cursor=%llu last=%llu msg=\"the log is shorter than "
                 "what was delivered: it goes on at the log's end\"",
                 config->name, (unsigned long long)webhook_plan_cursor(hook->plan),
                 (unsigned long long)last);
        webhook_plan_restore_cursor(hook->plan, last);
    }
    hook->stored_cursor = webhook_plan_cursor(hook->plan);
    snprintf(labels, sizeof labels, "webhook=\"%s\"", config->name);
    metrics_register(service_metrics(router->service), WEBHOOK_DESCS, ARRAY_LEN(WEBHOOK_DESCS),
                     &hook->metrics, labels);
    LOG_INFO("webhook_open", "webhook=%s url=%s offset=%llu behind=%llu", config->name,
             config->shown_url, (unsigned long long)hook->stored_cursor,
             (unsigned long long)(last - hook->stored_cursor));
    return ERR_OK;
}

static enum err open_all(struct webhooks *w, struct err_info *info)
{
    struct loop *loop = service_loop(w->router->service);
    char path[4096];
    size_t in_flight = 0;
    snprintf(path, sizeof path, "%s/webhooks", w->router->config->data);
    enum err err = webhook_shelf_open(loop, path, &w->shelf, info);
    w->hooks = mem_zalloc((w->config.n + 1) * sizeof *w->hooks);
    for (; err == ERR_OK && w->n < w->config.n; w->n++) {
        in_flight += (size_t)w->config.items[w->n].in_flight;
        err = open_hook(w, &w->hooks[w->n], &w->config.items[w->n], info);
    }
    if (err != ERR_OK)
        return err_prefix(info, err, "webhooks");
    // Each plan bounds its own: none takes a place of another.
    struct http_client_opts opts = {.requests_max = in_flight + 1,
                                    .user_agent = "assay/" ASSAY_VERSION};
    w->client = http_client_create(loop, &opts);
    w->timer = loop_timer_create(loop, timer_cb, w);
    w->flush_timer = loop_timer_create(loop, flush_cb, w);
    return ERR_OK;
}

enum err webhooks_open(struct router *router, struct err_info *info)
{
    if (router->config->webhooks[0] == '\0')
        return ERR_OK;
    struct webhooks *w = mem_zalloc(sizeof *w);
    w->router = router;
    w->look.item.kind = ITEM_WEBHOOKS;
    arena_init(&w->look.arena, 64 * 1024, 0);
    read_config(w, router->config->webhooks);
    enum err err = open_all(w, info);
    router->webhooks = w; // whatever came of it: an error ends the process
    return err;
}

void webhooks_refresh(struct router *router)
{
    struct webhooks *w = router->webhooks;
    uint64_t last = atomic_load(&router->last_decision);
    for (size_t i = 0; w != NULL && i < w->n; i++) {
        struct webhook_metrics *m = &w->hooks[i].metrics;
        struct webhook_plan_view view;
        webhook_plan_view(w->hooks[i].plan, &view);
        metrics_mirror(&m->delivered, view.delivered);
        metrics_mirror(&m->failed, view.failed_attempts);
        metrics_mirror(&m->died, view.died);
        metrics_mirror(&m->dropped, view.dead_dropped);
        metrics_set(&m->dead, (int64_t)view.dead);
        metrics_set(&m->pending, (int64_t)view.pending);
        metrics_set(&m->behind, (int64_t)(last - webhook_plan_cursor(w->hooks[i].plan)));
        metrics_set(&m->disabled, view.health.disabled);
    }
}

static void shelf_closed_cb(void *arg)
{
    struct webhooks *w = arg;
    w->shelf = NULL;
    w->closed = true;
    router_ended(w->router);
}

// Nothing is under way any more: what is known now is kept.
static void client_closed_cb(void *arg)
{
    struct webhooks *w = arg;
    w->client = NULL;
    flush(w);
    webhook_shelf_close(w->shelf, shelf_closed_cb, w);
}

void webhooks_close(struct router *router)
{
    struct webhooks *w = router->webhooks;
    if (w == NULL)
        return;
    w->closing = true;
    loop_timer_stop(w->timer);
    loop_timer_stop(w->flush_timer);
    http_client_close(w->client, client_closed_cb, w);
}

bool webhooks_closed(const struct router *router)
{
    return router->webhooks == NULL || router->webhooks->closed;
}

// The fold is closed by now, so a look that was out has come back.
void webhooks_deinit(struct router *router)
{
    struct webhooks *w = router->webhooks;
    if (w == NULL)
        return;
    CHECK(w->closed && !w->look.out);
    while (w->first != NULL) {
        struct sending *s = w->first;
        w->first = s->next;
        sending_destroy(s);
    }
    for (size_t i = 0; i < w->n; i++)
        webhook_plan_destroy(w->hooks[i].plan);
    loop_timer_destroy(w->timer);
    loop_timer_destroy(w->flush_timer);
    webhook_effects_deinit(&w->effects);
    webhooks_config_deinit(&w->config);
    buf_deinit(&w->look.decisions);
    buf_deinit(&w->look.packed);
    arena_deinit(&w->look.arena);
    mem_free(w->hooks);
    mem_free(w);
    router->webhooks = NULL;
}
