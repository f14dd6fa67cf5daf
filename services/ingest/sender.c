// SPDX-License-Identifier: Apache-2.0
#include "services/ingest/sender.h"

#include "common/base/hash.h"
#include "common/base/mem.h"
#include "services/ingest/ingest_impl.h"

void senders_init(struct senders *senders, struct ingest *ingest)
{
    *senders = (struct senders){.ingest = ingest};
}

// ---- The table ----------------------------------------------------------------------------------

static bool sender_eq(const void *ctx, uint32_t item, const void *key)
{
    const struct senders *senders = ctx;
    const struct sender *sender = senders->slots[item];
    return span_eq(span_make(sender->name, sender->name_len), *(const struct span *)key);
}

static uint64_t sender_rehash(const void *ctx, uint32_t item)
{
    return ((const struct senders *)ctx)->slots[item]->hash;
}

static bool is_idle(const struct sender *sender)
{
    return sender->n_held == 0 && sender->n_open == 0 && !sender->running;
}

static void idle_add(struct senders *senders, struct sender *sender)
{
    sender->idle_prev = senders->idle_last;
    sender->idle_next = NULL;
    *(sender->idle_prev != NULL ? &sender->idle_prev->idle_next : &senders->idle_first) = sender;
    senders->idle_last = sender;
}

static void idle_remove(struct senders *senders, struct sender *sender)
{
    *(sender->idle_prev != NULL ? &sender->idle_prev->idle_next : &senders->idle_first) =
        sender->idle_next;
    *(sender->idle_next != NULL ? &sender->idle_next->idle_prev : &senders->idle_last) =
        sender->idle_prev;
}

static void sender_forget(struct senders *senders, struct sender *sender)
{
    CHECK(is_idle(sender));
    idle_remove(senders, sender);
    CHECK(index_remove(&senders->index, sender->hash, sender->slot));
    senders->slots[sender->slot] = NULL;
    MEM_GROW(senders->free_slots, senders->n_free, senders->free_cap);
    senders->free_slots[senders->n_free++] = sender->slot;
    mem_free(sender->name);
    mem_free(sender);
    senders->n--;
}

void senders_deinit(struct senders *senders)
{
    while (senders->idle_first != NULL)
        sender_forget(senders, senders->idle_first);
    CHECK(senders->n == 0 && senders->held_bytes == 0);
    index_deinit(&senders->index);
    mem_free(senders->slots);
    mem_free(senders->free_slots);
}

// NULL: all that are remembered are at work.
static struct sender *sender_get(struct senders *senders, struct span name, uint64_t oldest_open)
{
    uint64_t hash = hash64(name);
    uint32_t slot = index_find(&senders->index, hash, sender_eq, senders, &name);
    if (slot != INDEX_NONE)
        return senders->slots[slot];
    if (senders->n >= (uint64_t)senders->ingest->config->senders_max) {
        if (senders->idle_first == NULL)
            return NULL;
        sender_forget(senders, senders->idle_first);
    }
    if (senders->n_free == 0) {
        MEM_GROW(senders->slots, senders->n_slots, senders->slots_cap);
        MEM_GROW(senders->free_slots, senders->n_free, senders->free_cap);
        senders->free_slots[senders->n_free++] = senders->n_slots++;
    }
    struct sender *sender = mem_zalloc(sizeof *sender);
    sender->slot = senders->free_slots[--senders->n_free];
    sender->hash = hash;
    sender->name = mem_dup(name);
    sender->name_len = name.len;
    sender->next = oldest_open;
    senders->slots[sender->slot] = sender;
    index_add(&senders->index, hash, sender->slot, sender_rehash, senders);
    idle_add(senders, sender);
    senders->n++;
    return sender;
}

// ---- Requests of a sender -----------------------------------------------------------------------

static void link_after(struct request **first, struct request *after, struct request *request)
{
    struct request *next = after == NULL ? *first : after->sender_next;
    request->sender_prev = after;
    request->sender_next = next;
    *(after == NULL ? first : &after->sender_next) = request;
    if (next != NULL)
        next->sender_prev = request;
}

static void unlink_from(struct request **first, struct request *request)
{
    *(request->sender_prev == NULL ? first : &request->sender_prev->sender_next) =
        request->sender_next;
    if (request->sender_next != NULL)
        request->sender_next->sender_prev = request->sender_prev;
    request->sender_prev = request->sender_next = NULL;
}

static void unhold(struct senders *senders, struct request *request)
{
    struct sender *sender = request->sender;
    CHECK(request->held && sender->n_held > 0);
    unlink_from(&sender->held_first, request);
    request->held = false;
    sender->n_held--;
    senders->n_held--;
    senders->held_bytes -= request->held_bytes;
}

static void hold(struct senders *senders, struct sender *sender, struct request *request)
{
    const struct ingest_config *config = senders->ingest->config;
    struct request *after = NULL, *at = sender->held_first;
    while (at != NULL && at->sequence < request->sequence) {
        after = at;
        at = at->sender_next;
    }
    if (at != NULL && at->sequence == request->sequence)
        request_refuse(at, RPC_ABORTED, "the same request was sent again");
    if (sender->n_held >= (uint64_t)config->held_requests_max) {
        request_refuse(request, RPC_RESOURCE_EXHAUSTED,
                       "sequence %llu: %u requests of this sender wait for sequence %llu",
                       (unsigned long long)request->sequence, sender->n_held,
                       (unsigned long long)sender->next);
        return;
    }
    if (senders->n_held >= (uint64_t)config->held_all_max) {
        request_refuse(request, RPC_RESOURCE_EXHAUSTED, "%llu requests wait for their turn",
                       (unsigned long long)senders->n_held);
        return;
    }
    if (senders->held_bytes + request->held_bytes > (uint64_t)config->held_bytes_max) {
        request_refuse(request, RPC_RESOURCE_EXHAUSTED,
                       "%llu bytes of requests wait for their turn",
                       (unsigned long long)senders->held_bytes);
        return;
    }
    request->sender = sender;
    request->held = true;
    link_after(&sender->held_first, after, request);
    sender->n_held++;
    senders->n_held++;
    senders->held_bytes += request->held_bytes;
}

void sender_leave(struct senders *senders, struct request *request)
{
    struct sender *sender = request->sender;
    if (request->held) {
        unhold(senders, request);
    } else {
        CHECK(sender->n_open > 0);
        unlink_from(&sender->open_first, request);
        sender->n_open--;
    }
    request->sender = NULL;
    if (is_idle(sender))
        idle_add(senders, sender);
}

// False: there was no room, and the request is gone.
static bool sender_take(struct senders *senders, struct sender *sender, struct request *request)
{
    uint64_t sequence = request->sequence;
    request->sender = sender;
    link_after(&sender->open_first, NULL, request);
    sender->n_open++;
    if (!intake_take(senders->ingest, request))
        return false;
    if (sequence >= sender->next)
        sender->next = sequence + 1;
    return true;
}

// An attempt of the same request that waits for its batches.
static struct request *find_open(const struct sender *sender, const struct request *again)
{
    for (struct request *at = sender->open_first; at != NULL; at = at->sender_next) {
        if (at->sequence == again->sequence && at->digest == again->digest && !at->failed)
            return at;
    }
    return NULL;
}

static void run_held(struct senders *senders, struct sender *sender)
{
    while (sender->held_first != NULL && sender->held_first->sequence <= sender->next) {
        struct request *request = sender->held_first;
        unhold(senders, request);
        if (!sender_take(senders, sender, request))
            return;
    }
}

void senders_offer(struct senders *senders, struct span name, uint64_t oldest_open,
                   struct request *request)
{
    struct sender *sender = sender_get(senders, name, oldest_open);
    if (sender == NULL) {
        request_refuse(request, RPC_RESOURCE_EXHAUSTED,
                       "%llu senders are at work, at most that many",
                       (unsigned long long)senders->n);
        return;
    }
    if (is_idle(sender))
        idle_remove(senders, sender);
    // Until the end the sender stays, whatever happens to its requests.
    sender->running = true;
    if (sender->next < oldest_open)
        sender->next = oldest_open;
    run_held(senders, sender);
    struct request *open = request->sequence < sender->next ? find_open(sender, request) : NULL;
    if (open != NULL) {
        request_attach(open, request);
    } else if (request->sequence > sender->next) {
        hold(senders, sender, request);
    } else if (sender_take(senders, sender, request)) {
        run_held(senders, sender);
    }
    sender->running = false;
    if (is_idle(sender))
        idle_add(senders, sender);
}

void senders_reset(struct senders *senders, const char *reason)
{
    for (uint32_t i = 0; i < senders->n_slots; i++) {
        struct sender *sender = senders->slots[i];
        while (sender != NULL && sender->held_first != NULL)
            request_refuse(sender->held_first, RPC_UNAVAILABLE, "%s", reason);
    }
    while (senders->idle_first != NULL)
        sender_forget(senders, senders->idle_first);
}
