// SPDX-License-Identifier: Apache-2.0
// The part on the fold's thread: reads the decision log and leads, changes nothing.
#include "common/base/mem.h"
#include "services/router/webhook/deliver_impl.h"

static bool is_of_lead(void *arg, struct span packed)
{
    (void)arg;
    return router_codec_decision_is_of(packed, (struct span){NULL, 0}, (struct span){NULL, 0});
}

static void read_log(struct router *router, struct webhook_look *look)
{
    struct decision_query query = {
        .after = look->after,
        .max = WEBHOOK_LOOK_DECISIONS_MAX,
        .bytes_max = (size_t)router->config->page_max_bytes,
        .look_max = WEBHOOK_LOOK_AT_MAX,
        .wanted = is_of_lead,
    };
    look->err = decision_log_find(router->log, router->fold, &query, &look->decisions, &look->next,
                                  &look->info);
}

// Where each decision lies in `packed` is known when all of them are there: it may move.
static void read_sends(struct router *router, struct webhook_look *look)
{
    size_t begins[WEBHOOK_LOOK_SENDS_MAX + 1];
    for (size_t i = 0; i < look->n_sends; i++) {
        struct sending *s = look->sends[i];
        begins[i] = look->packed.len;
        enum err err = decision_log_read(router->log, router->fold, s->offset - 1, 1, SIZE_MAX,
                                         &look->packed, NULL);
        if (err != ERR_OK)
            look->packed.len = begins[i];
        const struct router_lead *lead = router_core_lead(router->core, span_of(s->lead_id));
        s->lead = lead == NULL ? NULL : router_codec_lead(router->core, lead, false, &look->arena);
    }
    begins[look->n_sends] = look->packed.len;
    for (size_t i = 0; i < look->n_sends; i++) {
        size_t skip = sizeof(uint32_t), len = begins[i + 1] - begins[i];
        look->sends[i]->packed = len <= skip
                                     ? (struct span){NULL, 0}
                                     : span_make(look->packed.bytes + begins[i] + skip, len - skip);
    }
}

void webhooks_inspect_on_fold(struct router *router, struct item *item)
{
    struct webhook_look *look = CONTAINER_OF(item, struct webhook_look, item);
    look->err = ERR_OK;
    look->refused = false;
    look->next = look->after;
    if (look->reads)
        read_log(router, look);
    read_sends(router, look);
    router_answered(router, item);
}

void webhooks_refused_on_fold(struct router *router, struct item *item, enum err err)
{
    struct webhook_look *look = CONTAINER_OF(item, struct webhook_look, item);
    look->refused = true;
    (void)err;
    router_answered(router, item);
}
