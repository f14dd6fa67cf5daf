// SPDX-License-Identifier: Apache-2.0
// What an event of PostHog's means in Segment's calls. Private to this folder.
#pragma once

#include "services/ingest/segment/reader.h"

// Of a reader of DIALECT_POSTHOG that has not failed; it may fail now. `group`: the type of groups
// that accounts are; empty: any. Sets `write_key` if it is empty and the event holds one.
void posthog_finish(struct reader *reader, struct span group, int64_t now_ms,
                    struct span *write_key);
