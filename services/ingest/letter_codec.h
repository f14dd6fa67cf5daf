// SPDX-License-Identifier: Apache-2.0
// Between dead letters and the contract's messages. Pure; any thread.
#pragma once

#include "assay/ingest/v1/ingest.pb-c.h"
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "services/ingest/letters/shelf.h"

// Sets `event`, `as_received` and `partial` of a letter, from an event as it came. `packed` holds
// the bytes.
void letter_codec_event(const Assay__Ingest__V1__Event *event, struct buf *packed,
                        struct letter *letter);
// The letter's event, in the arena; NULL when what came was none.
Assay__Ingest__V1__Event *letter_codec_read_event(const struct letter *letter, struct arena *arena);
// The letter as a message, in the arena. `event` may be NULL.
Assay__Ingest__V1__DeadLetter *letter_codec_out(const struct letter *letter,
                                                const Assay__Ingest__V1__Event *event,
                                                struct arena *arena);
// Whether a letter is one of those that the filter (may be NULL) takes, `observed` left aside.
bool letter_codec_matches(const Assay__Ingest__V1__DeadLetterFilter *filter,
                          const struct letter *letter, struct arena *scratch);
// Whether a person's id stands on it: as user, anonymous or previous id, or somewhere in the bytes
// of what could not be read.
bool letter_codec_names_user(const struct letter *letter, struct span user, struct arena *scratch);
