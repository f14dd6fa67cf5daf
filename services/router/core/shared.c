// SPDX-License-Identifier: Apache-2.0
// What one event brings about is kept in several places: its id with every signal, standing and
// stage that it changed, its evidence with a signal, the definition and the lead. Each is one copy
// with a count of who has it.
#include "services/router/core/state.h"

#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"

struct shared {
    _Alignas(8) uint32_t n; // who have it
};

static struct shared *shared_make(size_t bytes)
{
    struct shared *shared = mem_alloc(sizeof *shared + bytes);
    shared->n = 1;
    return shared;
}

static void *shared_again(void *p)
{
    struct shared *shared = (struct shared *)p - 1;
    CHECK(shared->n > 0 && shared->n < UINT32_MAX);
    shared->n++;
    return p;
}

static void shared_free(void *p)
{
    if (p == NULL)
        return;
    struct shared *shared = (struct shared *)p - 1;
    CHECK(shared->n > 0);
    if (--shared->n == 0)
        mem_free(shared);
}

// ---- Texts --------------------------------------------------------------------------------------

char *router_state_text(struct router_core *core, struct span text)
{
    if (core->last_text != NULL && span_is(text, core->last_text))
        return shared_again(core->last_text);
    char *copy = (char *)(shared_make(text.len + 1) + 1);
    if (text.len > 0)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    shared_free(core->last_text);
    core->last_text = shared_again(copy);
    return copy;
}

void router_state_text_free(char *text)
{
    shared_free(text);
}

// ---- Evidence -----------------------------------------------------------------------------------

static bool same_evidence(const struct router_evidence *a, const struct router_evidence *b,
                          size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (a[i].since_ms != b[i].since_ms || !span_eq(a[i].value, b[i].value) ||
            !span_eq(a[i].condition, b[i].condition) || !span_eq(a[i].threshold, b[i].threshold))
            return false;
    return true;
}

static char *put_text(struct span *to, struct span from, char *room)
{
    if (from.len > 0)
        memcpy(room, from.ptr, from.len);
    room[from.len] = '\0';
    *to = span_make(room, from.len);
    return room + from.len + 1;
}

static struct router_evidence *copy_evidence(const struct router_evidence *items, size_t n)
{
    size_t bytes = n * sizeof *items;
    for (size_t i = 0; i < n; i++)
        bytes += items[i].condition.len + items[i].value.len + items[i].threshold.len + 3;
    struct router_evidence *copy = (void *)(shared_make(bytes) + 1);
    char *room = (char *)(copy + n);
    for (size_t i = 0; i < n; i++) {
        room = put_text(&copy[i].condition, items[i].condition, room);
        room = put_text(&copy[i].value, items[i].value, room);
        room = put_text(&copy[i].threshold, items[i].threshold, room);
        copy[i].since_ms = items[i].since_ms;
    }
    return copy;
}

struct router_evidence *router_state_evidence_copy(struct router_core *core,
                                                   const struct router_evidence *items, size_t n,
                                                   uint32_t *n_out)
{
    n = n < ROUTER_EVIDENCE_MAX ? n : ROUTER_EVIDENCE_MAX;
    *n_out = (uint32_t)n;
    if (n == 0)
        return NULL;
    if (core->n_last_evidence == n && same_evidence(items, core->last_evidence, n))
        return shared_again(core->last_evidence);
    struct router_evidence *copy = copy_evidence(items, n);
    shared_free(core->last_evidence);
    core->last_evidence = shared_again(copy);
    core->n_last_evidence = (uint32_t)n;
    return copy;
}

void router_state_evidence_free(struct router_evidence *evidence)
{
    shared_free(evidence);
}

static bool share_with(struct router_lead *lead, const struct subject *subject)
{
    for (uint32_t i = 0; i < subject->n_held; i++) {
        const struct held *held = &subject->held[i];
        if (held->n_evidence != lead->n_evidence || held->evidence == NULL ||
            !same_evidence(held->evidence, lead->evidence, lead->n_evidence))
            continue;
        struct router_evidence *old = lead->evidence;
        lead->evidence = shared_again(held->evidence);
        shared_free(old);
        return true;
    }
    return false;
}

void router_state_evidence_share(struct router_lead *lead, const struct account *account)
{
    if (lead->n_evidence == 0 || share_with(lead, &account->self))
        return;
    for (uint32_t i = 0; i < lead->n_contacts; i++) {
        const struct subject *user =
            router_state_user((struct account *)account, span_of(lead->contacts[i].user_id), false);
        if (user != NULL && share_with(lead, user))
            return;
    }
}
