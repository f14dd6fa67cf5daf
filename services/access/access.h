// SPDX-License-Identifier: Apache-2.0
// Who may call which method of ingest, scorer and router, and what the limits of a key mean for its
// requests. One table for all three: ingest serves the router's methods too.
//
//   write key     sends events; accounts: only of these, looked at event by event (ingest's core)
//   consumer key  works on leads; queues: only of these; verbs: only these; consumer: its name
//   service key   what services ask of each other
//   admin key     everything
//
// A key with `queues` sees nothing that is not of one queue. Of a lead that is named by its lease
// only the router's fold knows the queue, and looks itself: to such a key other leads are not
// there.
#pragma once

#include "common/service/access.h"
#include "services/access/words.h"

extern const struct service_access_table ACCESS;
