// SPDX-License-Identifier: Apache-2.0
// Measures that a playbook brought while events had been counted already: they are warming until a
// core that was folded from the journal with that playbook hands over what they would have. Signals
// that look at one, directly or through others, are not decided meanwhile. All of it is a function
// of the journal.
#pragma once

#include "services/scorer/core/core.h"

// Measures of the playbook in force that are warming.
size_t core_warming(const struct core *core);
bool core_measure_warming(const struct core *core, int32_t measure);
// When the oldest events that the measure has were taken in; 0: it has all that there were.
int64_t core_measure_since(const struct core *core, int32_t measure);

struct core_warmed {
    struct core *rebuilt; // the same playbook in force, folded up to the record before
    int64_t since_ms;     // see core_measure_since
    int64_t known_at_ms;  // of the changes of signals
};
// The record at `position` ends the warming: measures that are warming get what `rebuilt` has for
// them (which only core_destroy may be called for afterwards), and every account is decided at its
// clock; signals that look at them and are true are told as changes. Accounts in order of their
// ordinal. Accounts whose stored row already has this record are left alone, and those that only
// `rebuilt` knows are left out.
void core_warm(struct core *core, uint64_t position, const struct core_warmed *warmed,
               struct signal_changes *changes, struct arena *arena);
