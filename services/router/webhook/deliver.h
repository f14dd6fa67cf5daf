// SPDX-License-Identifier: Apache-2.0
// Decisions on leads go to webhooks:
//
//     the log ──look (fold)──► a plan per webhook ──due──► look (fold): the decision again, and its
//     lead as it is now ──► payload, signatures ──► HTTP ──► the plan
//
// One look is with the fold at a time. Plans are kept on a shelf of their own; a restart goes on
// where it was. On the loop, unless a name says otherwise. The router has none of this unless its
// configuration names a file of webhooks.
#pragma once

#include "services/router/router_impl.h"

struct webhooks;

// Reads the file and the shelf. With mistakes in the file: writes them to standard error and ends
// the process, as a wrong configuration does.
MUST_USE enum err webhooks_open(struct router *router, struct err_info *info);
void webhooks_wake(struct router *router);                    // something has changed
void webhooks_back(struct router *router, struct item *item); // from the fold
void webhooks_refresh(struct router *router);                 // the metrics
// Ends with router_ended, at once or later.
void webhooks_close(struct router *router);
bool webhooks_closed(const struct router *router);
void webhooks_deinit(struct router *router); // also when webhooks_open was never called or failed

// look.c, on the fold's thread.
void webhooks_inspect_on_fold(struct router *router, struct item *item);
void webhooks_refused_on_fold(struct router *router, struct item *item, enum err err);
// Any thread: whether somebody waits for new decisions.
bool webhooks_await(const struct router *router);

// methods.c
void on_get_webhooks(Assay__Router__V1__RouterService_Service *methods,
                     const Assay__Router__V1__GetWebhooksRequest *request,
                     Assay__Router__V1__GetWebhooksResponse_Closure closure, void *closure_data);
void on_list_dead_letters(Assay__Router__V1__RouterService_Service *methods,
                          const Assay__Router__V1__ListDeadLettersRequest *request,
                          Assay__Router__V1__ListDeadLettersResponse_Closure closure,
                          void *closure_data);
void on_replay_webhook(Assay__Router__V1__RouterService_Service *methods,
                       const Assay__Router__V1__ReplayWebhookRequest *request,
                       Assay__Router__V1__ReplayWebhookResponse_Closure closure,
                       void *closure_data);
