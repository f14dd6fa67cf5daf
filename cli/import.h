// SPDX-License-Identifier: Apache-2.0
// Sends the events of files to ingest: numbered requests, several in flight, each sent again until
// it is answered. Memory is bounded by the window. One thread, the loop's.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/import_count.h"
#include "cli/trait_lines.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include "common/loop/loop.h"
#include "common/rpc/rpc.h"

enum { IMPORT_BATCH_MAX = 2500, IMPORT_WINDOW_MAX = 32, IMPORT_QUOTE_MAX = 2048 };

// A line that does not count, and why.
struct import_refused {
    size_t file; // position in the files
    uint64_t line;
    const char *reason;
    struct span event; // the line, cut at IMPORT_QUOTE_MAX
};

struct import_opts {
    struct loop *loop;
    struct rpc_client *client; // of ingest
    const char *const *files;  // kept
    size_t n_files;
    struct trait_lines *traits; // keeps; the files are tables of traits; NULL: of events
    int64_t traits_at_ms;       // as of then; 0: as of when each file was last changed
    int64_t batch;              // events in a request, 1 to IMPORT_BATCH_MAX
    int64_t window;             // requests in flight, 1 to IMPORT_WINDOW_MAX
    int64_t retry_for_ms;       // gives up when nothing was answered for so long; 0: never
    void (*refused)(void *arg, const struct import_refused *refused);
    // Once, when everything is answered or given up. CANCELED: import_stop.
    void (*done)(void *arg, enum err err, const struct err_info *info);
    void *arg;
};

struct import;
struct import *import_create(const struct import_opts *opts);
// After `done`, and after the client was closed: calls may still be in flight when `done` comes
// early.
void import_destroy(struct import *import);
// Reads no more; what is in flight is still waited for, at most 5 s. `done` may come inside this
// call.
void import_stop(struct import *import);

struct import_progress {
    struct import_counts counts;
    uint64_t lines;      // read
    int64_t bytes_read;  // of the files, compressed
    int64_t bytes_total; // -1: not known
    uint64_t resent;     // requests sent more than once
    const char *file;    // being read
    const char *waiting; // what is wrong at the moment, NULL: nothing
    // Every event up to this line of this file has been answered.
    const char *sent_file;
    uint64_t sent_line;
};
void import_progress(const struct import *import, struct import_progress *out);
