// SPDX-License-Identifier: Apache-2.0
// What is known of identities as messages.
#include "services/scorer/codec.h"

static Assay__Scorer__V1__IdentityPart **codec_parts(const struct identity_view *view,
                                                     struct arena *arena)
{
    Assay__Scorer__V1__IdentityPart **out = arena_alloc(arena, (view->n_parts + 1) * sizeof *out);
    for (size_t i = 0; i < view->n_parts; i++) {
        const struct identity_part *part = &view->parts[i];
        out[i] = arena_alloc(arena, sizeof **out);
        assay__scorer__v1__identity_part__init(out[i]);
        out[i]->identity = (char *)part->identity;
        out[i]->user_id = (char *)part->user;
        out[i]->cause = (char *)part->by;
        out[i]->since_ms = part->since_ms;
    }
    return out;
}

static Assay__Scorer__V1__IdentityActing **codec_acting(const struct identity_acting *acting,
                                                        size_t n, struct arena *arena)
{
    Assay__Scorer__V1__IdentityActing **out = arena_alloc(arena, (n + 1) * sizeof *out);
    for (size_t i = 0; i < n; i++) {
        out[i] = arena_alloc(arena, sizeof **out);
        assay__scorer__v1__identity_acting__init(out[i]);
        out[i]->account_id = (char *)acting[i].account;
        out[i]->identity = (char *)acting[i].identity;
        out[i]->user_id = (char *)acting[i].user;
    }
    return out;
}

static void codec_links(const struct identity_view *view, struct arena *arena,
                        Assay__Scorer__V1__GetIdentityResponse *out)
{
    out->n_links = view->n_links;
    out->links = arena_alloc(arena, (view->n_links + 1) * sizeof *out->links);
    for (size_t i = 0; i < view->n_links; i++) {
        const struct identity_link *link = &view->links[i];
        Assay__Scorer__V1__IdentityLink *message = arena_alloc(arena, sizeof *message);
        assay__scorer__v1__identity_link__init(message);
        message->kind = link->kind == LINK_USER ? ASSAY__SCORER__V1__LINK_KIND__LINK_KIND_USER
                                                : ASSAY__SCORER__V1__LINK_KIND__LINK_KIND_GROUP;
        message->target = (char *)link->target;
        message->first_ms = link->first_ms;
        message->last_ms = link->last_ms;
        message->event_id = (char *)link->message_id;
        message->undone = link->undone;
        message->in_force = link->in_force;
        out->links[i] = message;
    }
}

static void codec_history(const struct identity_view *view, struct arena *arena,
                          Assay__Scorer__V1__GetIdentityResponse *out)
{
    out->n_history = view->n_history;
    out->history = arena_alloc(arena, (view->n_history + 1) * sizeof *out->history);
    for (size_t i = 0; i < view->n_history; i++) {
        const struct identity_change *change = &view->history[i];
        Assay__Scorer__V1__IdentityChange *message = arena_alloc(arena, sizeof *message);
        assay__scorer__v1__identity_change__init(message);
        message->at_ms = change->at_ms;
        message->what = (char *)change->what;
        message->cause = (char *)change->by;
        out->history[i] = message;
    }
}

Assay__Scorer__V1__GetIdentityResponse *codec_identity(const struct identity_view *view,
                                                       const char *identity, struct arena *arena)
{
    Assay__Scorer__V1__GetIdentityResponse *out = arena_alloc(arena, sizeof *out);
    assay__scorer__v1__get_identity_response__init(out);
    out->identity = (char *)identity;
    if (!view->known)
        return out;
    bool home = view->account[0] == '\0';
    out->account_id = home ? identity_home(arena, span_of(identity)) : (char *)view->account;
    out->user_id = (char *)(home ? identity : view->user);
    out->since_ms = view->since_ms;
    codec_links(view, arena, out);
    codec_history(view, arena, out);
    out->n_parts = view->n_parts;
    out->parts = codec_parts(view, arena);
    out->part_count = (uint32_t)view->n_parts_all;
    out->n_acts = view->n_acts;
    out->acts = codec_acting(view->acts, view->n_acts, arena);
    return out;
}

void codec_explain_identity(const struct identity_view *view, struct arena *arena,
                            Assay__Scorer__V1__ExplainResponse *out)
{
    if (!view->known)
        return;
    out->n_parts = view->n_parts;
    out->parts = codec_parts(view, arena);
    out->part_count = (uint32_t)view->n_parts_all;
    out->n_acting = view->n_acting;
    out->acting = codec_acting(view->acting, view->n_acting, arena);
    out->acting_count = (uint32_t)view->n_acting_all;
    if (view->account == NULL || view->account[0] == '\0')
        return;
    out->merged_into = (char *)view->account;
    out->merged_as = (char *)view->user;
    out->merged_since_ms = view->since_ms;
}
