// SPDX-License-Identifier: Apache-2.0
// Work that takes longer than the loop or a lane may wait: a bounded number of threads, each for
// one piece of work.
#pragma once

#include "common/loop/loop.h"

// Light work takes milliseconds; heavy work reads a journal.
enum aside_kind { ASIDE_LIGHT, ASIDE_HEAVY };
enum { ASIDE_LIGHT_MAX = 4, ASIDE_HEAVY_MAX = 2 };

struct aside;
struct aside *aside_create(struct loop *loop);
// On the loop, when nothing is under way.
void aside_destroy(struct aside *aside);
// On the loop. Runs `work` on a thread, then `done` on the loop. False: too much is under way, or
// aside_end was called; nothing runs.
typedef void (*aside_fn)(void *arg);
bool aside_run(struct aside *aside, enum aside_kind kind, aside_fn work, aside_fn done, void *arg);
// Any thread but the loop's, which must run: refuses more, and returns when nothing is under way.
void aside_end(struct aside *aside);
