// SPDX-License-Identifier: Apache-2.0
// Dead letters on disk: two tables of one store, one for events that were refused and one for those
// that were taken although a schema was not met (so that many of these never push out any of
// those). Each has a bound on letters, bytes and age; at a bound the oldest go.
//
// Blocking; one thread at a time. A row that cannot be trusted is removed where it is met.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/span.h"

// One letter; everything is borrowed.
struct letter {
    uint64_t number; // by the shelf: counts up, never given twice
    bool observed;   // taken all the same
    // The event was too large to be kept whole: of `event` only ids and name are there, and nothing
    // of what was received. It is not sent again.
    bool partial;
    int64_t received_at_ms;
    struct span rule;        // what was wrong in one word
    struct span reason;      // "FIELD: what was expected of it"
    struct span source;      // id of the write key; empty without one
    struct span way;         // nng, grpc, http
    struct span event;       // as assay.ingest.v1.Event; empty: what came could not be read as one
    struct span as_received; // JSON as it came; empty: it did not come as JSON
};

enum { LETTER_EVENT_BYTES_MAX = 96 * 1024, LETTER_REASON_BYTES_MAX = 600 };

// How many bytes of a clean text fit, in whole characters.
size_t letter_cut(struct span text, size_t bytes_max);

struct letters_bounds {
    int64_t letters_max;
    int64_t bytes_max; // of rows
    int64_t age_max_ms;
};
// The observed ones get this part of the bounds on letters and bytes, beside the refused ones.
enum { LETTERS_OBSERVED_PART = 10 };

struct letters_shelf;
// Makes the folder when it is missing (its parent must exist). Errors as store_open.
MUST_USE enum err letters_shelf_open(const char *path, const struct letters_bounds *bounds,
                                     struct letters_shelf **out, struct err_info *info);
void letters_shelf_close(struct letters_shelf *shelf); // NULL is allowed

// A letter as bytes, appended to a group. Any thread; the number is not looked at.
void letters_shelf_pack(const struct letter *letter, struct buf *group);

// Writes a group in one commit, after what has to go; `*n_kept` of them stay. FULL: there is no
// room on the disk, or the map is full even so; nothing was written, and the next time may be
// better. IO: nothing can be written any more until the process starts again.
MUST_USE enum err letters_shelf_write(struct letters_shelf *shelf, struct span group,
                                      int64_t now_ms, uint64_t *n_kept, struct err_info *info);
// Removes what is too old. Errors as above.
MUST_USE enum err letters_shelf_age(struct letters_shelf *shelf, int64_t now_ms,
                                    struct err_info *info);

// Looks at one table's letters from the number `from` (not included; 0: from the end) until `look`
// says false or LETTERS_WALK_MAX were looked at: `*last` is then the last one's number, else 0. It
// may be &walk->from, to go on.
enum letters_order { LETTERS_NEWEST_FIRST, LETTERS_OLDEST_FIRST };
enum { LETTERS_WALK_MAX = 20000 };
typedef bool (*letters_look)(void *arg, const struct letter *letter);
struct letters_walk {
    bool observed;
    enum letters_order order;
    uint64_t from;
    letters_look look;
    void *arg;
};
MUST_USE enum err letters_shelf_walk(struct letters_shelf *shelf, const struct letters_walk *walk,
                                     uint64_t *last, struct err_info *info);
// One letter of either table, if it is there: `look` is called with it. NOT_FOUND otherwise.
MUST_USE enum err letters_shelf_find(struct letters_shelf *shelf, uint64_t number,
                                     letters_look look, void *arg, struct err_info *info);
// Those that are still there are removed, in one commit; `*n_removed` of them.
MUST_USE enum err letters_shelf_remove(struct letters_shelf *shelf, const uint64_t *numbers,
                                       size_t n, uint64_t *n_removed, struct err_info *info);

struct letters_usage {
    uint64_t letters, bytes; // by table: see letters_shelf_usage
};
void letters_shelf_usage(const struct letters_shelf *shelf, bool observed,
                         struct letters_usage *out);
// Rows that were removed because they could not be trusted, since the shelf was opened.
uint64_t letters_shelf_corrupt(const struct letters_shelf *shelf);
