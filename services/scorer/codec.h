// SPDX-License-Identifier: Apache-2.0
// Wire bytes to core structs and back, for the scorer's service. Everything is checked here before
// the core sees it. Any thread.
#pragma once

#include "assay/router/v1/router.pb-c.h"
#include "assay/scorer/v1/scorer.pb-c.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "services/scorer/core/core.h"
#include "services/scorer/core/identity.h"
#include "services/scorer/core/proposal.h"

enum {
    CODEC_BATCH_EVENTS_MAX = 10000,
    CODEC_ID_MAX = 200,
    CODEC_MESSAGE_ID_MAX = 100,
    CODEC_EVIDENCE_MAX = 1000, // bytes of each text of an evidence; longer ones are cut
};

// A move as it came: its number is the sending lane's.
struct batch_move {
    uint64_t position, index;
    struct span account;
    struct span body;
    int64_t known_at_ms;
};

// A call that links an identity, for its home.
struct batch_link {
    uint32_t place; // in the request
    struct link link;
};

// A batch as a lane takes it: numbered events of a source, or (source 0) moves of another lane.
// Everything lives in the arena it was decoded into.
struct batch {
    uint64_t source;
    uint64_t number;
    uint32_t lane;
    uint64_t map_version;
    int64_t received_at_ms;
    int64_t known_at_ms; // the latest of what is in it
    const struct event *events;
    const uint32_t *places; // [n_events] in the request, which has links too
    size_t n_events;
    const struct batch_link *links;
    size_t n_links;
    uint32_t from_lane;
    const struct batch_move *moves; // in order of their numbers
    size_t n_moves;
};

// INVALID: the bytes are no batch, or a field is out of its bounds (the text names it). FULL: too
// large.
MUST_USE enum err codec_batch(struct span bytes, struct arena *arena, struct batch *out,
                              struct err_info *info);

// A change of a signal as the message that goes to the router, packed into `out` (appended).
struct buf;
void codec_signal(const struct signal_change *change, uint64_t position, struct buf *out);

// An explanation as a message, in `arena`.
Assay__Scorer__V1__ExplainResponse *codec_explanation(const struct explanation *explanation,
                                                      const char *account, const char *user,
                                                      const char *playbook, struct arena *arena);
// What is known of an identity as a message, in `arena`; texts are borrowed.
Assay__Scorer__V1__GetIdentityResponse *codec_identity(const struct identity_view *view,
                                                       const char *identity, struct arena *arena);
// Its parts into an explanation, and where a personal account's own went.
void codec_explain_identity(const struct identity_view *view, struct arena *arena,
                            Assay__Scorer__V1__ExplainResponse *out);
Assay__Scorer__V1__Proposal *codec_proposal(const struct proposal *proposal, struct arena *arena);
