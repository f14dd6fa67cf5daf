// SPDX-License-Identifier: Apache-2.0
// What follows from a playbook's definitions: canonical texts, numbers of cells and leaves, and the
// lists that say what an event sets in motion. Pure.
#pragma once

#include "common/base/buf.h"
#include "services/playbook/model.h"

// Fills every field that model.h calls derived, and canonical, meaning, cell, user_cell, leaf and
// number. Needs the rest: names, events, conditions, measures, and signals in an order such that
// each comes after those it refers to, also through measures. No test stands under two signals.
// Allocates in the playbook's arena. Call once.
void playbook_build(struct playbook *playbook);

// canonical.c, canonical_measure.c: the canonical text of a measure or a signal, whatever it is
// called. What it refers to must have its `meaning` (signals) or `canonical` (measures) already.
void playbook_canonical_measure(const struct playbook *playbook, const struct measure *measure,
                                struct buf *out);
void playbook_canonical_signal(const struct playbook *playbook, const struct signal *signal,
                               struct buf *out);
// Thousandths as a decimal number without needless zeros: "3", "-0.125".
void playbook_append_milli(int64_t milli, struct buf *out);
