// SPDX-License-Identifier: Apache-2.0
// Where the plans of all webhooks are kept: a store of its own in the router's folder, written by a
// thread of its own. Changes gather here and are committed together, at most one commit at a time;
// what a kill takes with it only makes deliveries of the last moment come again, with the same ids.
//
// On the loop's thread, but webhook_shelf_open and _load, which read and may wait, before the loop
// runs.
#pragma once

#include <stdbool.h>

#include "common/base/err.h"
#include "common/loop/loop.h"
#include "services/router/webhook/plan.h"

struct webhook_shelf;
// Makes the folder when it is missing. Errors as store_open.
MUST_USE enum err webhook_shelf_open(struct loop *loop, const char *path,
                                     struct webhook_shelf **out, struct err_info *info);
// A random number that was made with the store.
uint64_t webhook_shelf_instance(const struct webhook_shelf *shelf);
// Restores a plan. A name that is new begins after the decision `newest`, and is on disk when this
// returns. CORRUPT: a row cannot be trusted.
MUST_USE enum err webhook_shelf_load(struct webhook_shelf *shelf, const char *name, uint64_t newest,
                                     struct webhook_plan *plan, struct err_info *info);

// Changes; they are copied.
void webhook_shelf_put(struct webhook_shelf *shelf, const char *name,
                       const struct webhook_delivery *delivery);
void webhook_shelf_erase(struct webhook_shelf *shelf, const char *name, uint64_t offset);
void webhook_shelf_put_dead(struct webhook_shelf *shelf, const char *name,
                            const struct webhook_dead *dead);
void webhook_shelf_erase_dead(struct webhook_shelf *shelf, const char *name, uint64_t serial);
void webhook_shelf_put_cursor(struct webhook_shelf *shelf, const char *name, uint64_t cursor);
// Gives what has gathered to the thread, if it is idle.
void webhook_shelf_flush(struct webhook_shelf *shelf);
bool webhook_shelf_changed(const struct webhook_shelf *shelf); // something waits for a flush
// More waits to be written than should (the disk is full or slow): no new work until it is less.
bool webhook_shelf_behind(const struct webhook_shelf *shelf);

// Writes what waits, then `closed` runs and the shelf is gone.
typedef void (*webhook_shelf_closed_cb)(void *arg);
void webhook_shelf_close(struct webhook_shelf *shelf, webhook_shelf_closed_cb closed, void *arg);
