// SPDX-License-Identifier: Apache-2.0
// Looking ahead in a batch: while one event is applied, the memory that the next ones will touch is
// asked for. Only hints: nothing is read that an event in between could free, and nothing depends
// on it.
#pragma once

#include "services/scorer/core/state.h"

// Takes the announced event `event`, if it is the next one, and moves the look ahead on.
bool ahead_take(struct core *core, const struct event *event, struct ahead_event *out);
