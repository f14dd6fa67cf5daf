// SPDX-License-Identifier: Apache-2.0
// RouterService's streams, made of its unary methods by long polling: StreamLeases of Lease and
// ListDecisions, StreamDecisions of ListDecisions. They call a router through a client, so that
// they run in the router itself (which calls itself) and in front of it, where a stream outlives
// the router's restart.
//
// A router that cannot be reached, or is full, is asked again with a growing pause; after 30 s
// without an answer the stream ends with what it said. Any other refusal ends it at once. Inner
// calls carry the caller's `authorization` and trace. The loop's thread.
#pragma once

#include "assay/router/v1/router.pb-c.h"
#include "common/loop/loop.h"
#include "common/rpc/rpc.h"

struct streams;
struct streams_opts {
    const char *url;      // the router's; the first stream makes a client for it
    uint32_t streams_max; // at once; more are RESOURCE_EXHAUSTED. 0: 128
};
struct streams *streams_create(struct loop *loop, const struct streams_opts *opts);
// The server has closed: no stream is left. `closed` may be NULL; called on the loop, perhaps at
// once.
void streams_close(struct streams *streams, void (*closed)(void *arg), void *arg);

// The methods, as a server calls them.
void streams_leases(struct streams *streams, const Assay__Router__V1__StreamLeasesRequest *request,
                    void *closure_data);
void streams_decisions(struct streams *streams,
                       const Assay__Router__V1__StreamDecisionsRequest *request,
                       void *closure_data);
