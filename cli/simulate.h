// SPDX-License-Identifier: Apache-2.0
// A simulated project tool: users sign up, create projects, invite teammates, run reports. A
// quarter of them meets "3 projects, 2 invites, 1 report, each by the user"; a quarter stops at 2
// projects, a quarter at 1 invite, a quarter never runs a report. Bots and own staff come on top.
// The same arguments give the same bytes on every machine. Every event carries context.library.name
// "assay-simulator".
#pragma once

#include <stdint.h>

#include "common/base/buf.h"

enum simulate_kind {
    SIMULATE_QUALIFIED,
    SIMULATE_TWO_PROJECTS,
    SIMULATE_ONE_INVITE,
    SIMULATE_NO_REPORT, // takes what is left when the users cannot be divided by four
    SIMULATE_BOT,       // would qualify; its user agent says that it is a bot
    SIMULATE_STAFF,     // would qualify; its e-mail is at ours.example
    SIMULATE_KINDS,
};
const char *simulate_kind_name(enum simulate_kind kind);

enum { SIMULATE_USERS_MAX = 10000000 };
struct simulate_opts {
    uint64_t users; // 1 to SIMULATE_USERS_MAX, bots and staff not counted
    uint64_t seed;
    int64_t start_ms; // the first of 30 days
};

struct simulate;
struct simulate *simulate_create(const struct simulate_opts *opts);
void simulate_destroy(struct simulate *simulate);
// Appends the next event as one line of JSON with its line end. In order of time. False: there are
// no more.
bool simulate_next(struct simulate *simulate, struct buf *out);

struct simulate_counts {
    uint64_t users[SIMULATE_KINDS];
    uint64_t accounts;
    uint64_t events; // given out so far
    int64_t first_ms, last_ms;
};
void simulate_counts(const struct simulate *simulate, struct simulate_counts *out);
