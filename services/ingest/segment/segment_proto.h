// SPDX-License-Identifier: Apache-2.0
// A Segment-style call as the message that IngestService takes. For whatever reads JSON and sends
// it on.
#pragma once

#include "assay/ingest/v1/ingest.pb-c.h"
#include "common/base/arena.h"
#include "services/ingest/segment/segment.h"

// The message and its arrays live in `arena` (without a bound); its texts are those of `event`.
Assay__Ingest__V1__Event *segment_pack(const struct segment_event *event, struct arena *arena);
