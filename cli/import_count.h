// SPDX-License-Identifier: Apache-2.0
// Counting what became of events although a request may have been taken and its answer lost: the
// same request, sent again, is then answered with "duplicate" for events that this run brought in
// itself. So the message ids of a run are remembered (8 bytes each, as hashes), and such a verdict
// counts as accepted when the id had not been sent before in this run. What remains unknown: an
// event that an earlier run had brought in, in a request whose first answer was lost, counts as
// accepted.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assay/ingest/v1/ingest.pb-c.h"

// At most so many ids (1 GiB of memory); later ones are taken as not sent before.
enum { IMPORT_IDS_MAX = 50 * 1000 * 1000 };

// `{0}` is empty. Fields private.
struct import_ids {
    uint64_t *slots;
    size_t mask;
    size_t n;
};
void import_ids_deinit(struct import_ids *ids);
// True: the hash was not there before.
bool import_ids_add(struct import_ids *ids, uint64_t hash);

struct import_counts {
    uint64_t accepted;
    uint64_t duplicate;
    uint64_t refused;
};
// What became of one event of an answered request. `fresh`: its id had not been sent before in this
// run. `repeated`: the request may have reached the service more than once.
void import_count(struct import_counts *counts, Assay__Ingest__V1__Verdict verdict, bool fresh,
                  bool repeated);

// The pause before the next attempt, growing from 100 ms to 2 s; 0 starts.
int64_t import_pause_next(int64_t pause_ms);
