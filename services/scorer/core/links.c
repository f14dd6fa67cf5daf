// SPDX-License-Identifier: Apache-2.0
#include "common/base/mem.h"
#include "services/scorer/core/identity_impl.h"

// ---- Sets ----

void linked_deinit(struct linked_set *set)
{
    for (uint32_t i = 0; i < set->n; i++) {
        mem_free(set->items[i].target);
        mem_free(set->items[i].by);
    }
    mem_free(set->items);
    *set = (struct linked_set){0};
}

struct linked *linked_find(const struct linked_set *set, struct span target)
{
    for (uint32_t i = 0; i < set->n; i++) {
        if (span_is(target, set->items[i].target))
            return &set->items[i];
    }
    return NULL;
}

// Whether links count in the order of their latest call, the latest first.
static bool linked_latest(enum link_kind kind, enum default_account rule)
{
    return kind == LINK_GROUP && rule == DEFAULT_ACCOUNT_LATEST;
}

// Whether a comes before b.
static bool linked_before(const struct linked *a, const struct linked *b, bool latest)
{
    int order = strcmp(a->target, b->target);
    if (latest)
        return a->last_ms != b->last_ms ? a->last_ms > b->last_ms : order > 0;
    return a->first_ms != b->first_ms ? a->first_ms < b->first_ms : order < 0;
}

static bool linked_again(struct linked *linked, const struct link *link)
{
    bool changed = false;
    if (link->at_ms > linked->last_ms) {
        linked->last_ms = link->at_ms;
        changed = true;
    }
    if (link->at_ms < linked->first_ms) {
        linked->first_ms = link->at_ms;
        mem_free(linked->by);
        linked->by = mem_dup(link->message_id);
        changed = true;
    }
    return changed;
}

bool linked_add(struct linked_set *set, enum link_kind kind, enum default_account rule,
                const struct link *link)
{
    struct linked *known = linked_find(set, link->target);
    if (known != NULL)
        return linked_again(known, link);
    bool latest = linked_latest(kind, rule);
    struct linked made = {.target = mem_dup(link->target),
                          .by = mem_dup(link->message_id),
                          .first_ms = link->at_ms,
                          .last_ms = link->at_ms};
    uint32_t at = set->n;
    if (set->n == IDENTITY_LINKS_MAX) {
        at = 0;
        for (uint32_t i = 1; i < set->n; i++) {
            if (linked_before(&set->items[at], &set->items[i], latest))
                at = i;
        }
        struct linked *last = &set->items[at];
        struct linked gone = linked_before(&made, last, latest) ? *last : made;
        bool taken = gone.target == last->target;
        if (taken)
            *last = made;
        mem_free(gone.target);
        mem_free(gone.by);
        return taken;
    }
    MEM_GROW(set->items, set->n, set->cap);
    set->items[at] = made;
    set->n++;
    return true;
}

const struct linked *linked_in_force(const struct linked_set *set, enum link_kind kind,
                                     enum default_account rule)
{
    const struct linked *best = NULL;
    uint32_t n = 0;
    if (kind == LINK_GROUP && rule == DEFAULT_ACCOUNT_NONE)
        return NULL;
    for (uint32_t i = 0; i < set->n; i++) {
        const struct linked *linked = &set->items[i];
        if (linked->undone)
            continue;
        n++;
        if (best == NULL || linked_before(linked, best, linked_latest(kind, rule)))
            best = linked;
    }
    bool only = kind == LINK_GROUP && rule == DEFAULT_ACCOUNT_ONLY;
    return only && n > 1 ? NULL : best;
}

// ---- Where they lead ----

static const struct told *links_told(const struct identity *identity, struct span id)
{
    for (uint32_t i = 0; i < identity->n_told; i++) {
        if (identity->told[i].known && span_is(id, identity->told[i].id))
            return &identity->told[i];
    }
    return NULL;
}

static void links_watch(struct sink *sink, struct span id)
{
    sink->watched[sink->n_watched++] = id;
}

struct sink links_sink(const struct identity *identity, struct span x, enum default_account rule)
{
    const struct linked *user = linked_in_force(&identity->users, LINK_USER, rule);
    const struct linked *group = linked_in_force(&identity->groups, LINK_GROUP, rule);
    struct sink sink = {.known = true, .user = x, .by = user != NULL ? user : group};
    struct span own = group == NULL ? span_make("", 0) : span_of(group->target);
    sink.group = own;
    if (user == NULL)
        return sink;
    links_watch(&sink, span_of(user->target));
    const struct told *next = links_told(identity, span_of(user->target));
    sink.known = next != NULL;
    if (next == NULL)
        return sink;
    sink.user = span_of(user->target);
    if (next->user != NULL && span_is(x, next->user)) {
        // Linked to each other.
        if (span_cmp(x, sink.user) < 0) {
            sink.user = x;
            return sink;
        }
    } else if (next->user != NULL) {
        sink.user = span_of(next->user);
        links_watch(&sink, sink.user);
        next = links_told(identity, sink.user);
        sink.known = next != NULL;
        if (next == NULL)
            return sink;
    }
    sink.group = span_of(next->group);
    return sink;
}
