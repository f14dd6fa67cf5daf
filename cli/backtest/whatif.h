// SPDX-License-Identifier: Apache-2.0
// Recorded leads under other routing: the signals of a decision log, taken once more by a router of
// this process that has another playbook, with consumers who work as the log says: as long from
// assignment to first touch and from there to the end, with the same outcome, lead by lead (for
// one that goes another way, the medians of leads that went that way). Nothing of a cluster is
// touched. Where the playbook is the one that was in force and consumers only touched and completed
// leads, this gives what the log says.
//
// The log is told twice: first whatif_learn, then whatif_replay, each in order. One thread.
#pragma once

#include "cli/backtest/routing.h"
#include "common/base/buf.h"

struct whatif;

// INVALID: the playbook has mistakes; `report` (required) has them, or its warnings. by_event: the
// log is of a cluster that lives by its events' times.
MUST_USE enum err whatif_create(const char *file, struct span playbook, bool by_event,
                                struct whatif **out, struct buf *report);
void whatif_destroy(struct whatif *whatif); // NULL is allowed

void whatif_learn(struct whatif *whatif, const Assay__Router__V1__Decision *decision);
void whatif_replay(struct whatif *whatif, const Assay__Router__V1__Decision *decision);
// After the last decision: the clock goes to where the log ends.
void whatif_finish(struct whatif *whatif);

const struct playbook *whatif_playbook(const struct whatif *whatif);
struct routing *whatif_recorded(struct whatif *whatif);
struct routing *whatif_replayed(struct whatif *whatif);
// The i-th signal that the playbook's routing looks at and that the log never tells; NULL: no more.
const char *whatif_unknown(const struct whatif *whatif, size_t i);
