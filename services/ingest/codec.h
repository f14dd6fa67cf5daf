// SPDX-License-Identifier: Apache-2.0
// Between the contract's messages and the core's structs.
#pragma once

#include "assay/ingest/v1/ingest.pb-c.h"
#include "assay/scorer/v1/scorer.pb-c.h"
#include "common/base/arena.h"
#include "services/ingest/core/core.h"

// `out` points into `in` and the arena (without a bound).
void codec_event_in(const Assay__Ingest__V1__Event *in, struct arena *arena,
                    struct ingest_event *out);
// The event as the scorer gets it; points into `in` and `target`. An alias call's name is the
// previous id; traits are the properties of identify and group, and are left out of the other
// calls.
void codec_event_out(const Assay__Ingest__V1__Event *in, const struct ingest_target *target,
                     Assay__Scorer__V1__Event *out);
// The copy of a call that makes a link, for the lane of the linked identity; `event` as above.
void codec_link_out(const Assay__Scorer__V1__Event *event, const struct ingest_link *link,
                    Assay__Scorer__V1__Event *out);
// At most what protobuf-c takes to unpack it.
size_t codec_unpacked_bytes(const Assay__Scorer__V1__Event *event);
