// SPDX-License-Identifier: Apache-2.0
// A playbook over events without a cluster: what ingest, a scorer and the router decide, in this
// process and at the speed of the machine. The same libraries as in the services, so the same
// decisions. Memory: the state of accounts and users, and the last message ids; not the events. One
// thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assay/router/v1/router.pb-c.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include "services/playbook/model.h"
#include "services/scorer/core/core.h"

struct run;

// What becomes of one event, after its decisions were told.
enum run_verdict { RUN_COUNTED, RUN_DUPLICATE, RUN_EXCLUDED, RUN_REFUSED };

// An event that was not refused; valid for the call.
struct run_event {
    enum run_verdict verdict;
    enum event_kind kind;
    struct span account, user, name;
    int64_t at_ms;
    const struct property *properties; // traits of identify and group
    size_t n_properties;
};

struct run_opts {
    const char *file;      // of the playbook, for messages
    struct span playbook;  // its text
    uint64_t ids_remember; // a message id counts once among so many; 0: 16,777,216
    bool by_domain;        // events without a group are the company's, by e-mail domain
    bool signals_only;     // no router: only the signals are told
    // Told in the order in which they are decided, before the event that completed them. Both may
    // be NULL; what they get is valid for the call.
    void (*signal)(void *arg, const struct signal_change *change);
    void (*decision)(void *arg, const Assay__Router__V1__Decision *decision);
    void (*event)(void *arg, const struct run_event *event);
    void *arg;
};

// INVALID: the playbook has mistakes; `report` (required) has them, or its warnings.
MUST_USE enum err run_create(const struct run_opts *opts, struct run **out, struct buf *report);
void run_destroy(struct run *run); // NULL is allowed
const struct playbook *run_playbook(const struct run *run);

// One line: a call of Segment's specification as JSON. INVALID: it is refused, with the reason;
// nothing has changed.
MUST_USE enum err run_line(struct run *run, struct span line, struct err_info *info);
// The clock passes `now_ms`: what only time decides is decided. INT64_MIN: the latest event's time,
// as at the end of an import.
void run_advance(struct run *run, int64_t now_ms);

struct run_counts {
    struct core_counts core;
    uint64_t refused, signals, decisions;
};
void run_counts(const struct run *run, struct run_counts *out);
