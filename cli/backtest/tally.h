// SPDX-License-Identifier: Apache-2.0
// What a backtest reports: who qualified, who paid, and in which order. Each subject (a user, or an
// account) is kept with the first instants of what happened to it: 56 bytes and its hash. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/index.h"
#include "common/base/span.h"

#define TALLY_NEVER INT64_MAX

enum tally_mark {
    TALLY_SEEN,      // its first event that counted
    TALLY_ACTIVATED, // PAL
    TALLY_QUALIFIED, // PQL of users, PQA of accounts
    TALLY_MARKETING, // MQL
    TALLY_PAID,
    TALLY_MARKS
};

struct tally_subject {
    uint64_t hash, check; // of the id: 128 bits, so that ids need not be kept
    int64_t first_ms[TALLY_MARKS];
};

// Open struct; `{0}` is empty.
struct tally {
    struct tally_subject *subjects;
    size_t n, cap;
    struct index index;
};
void tally_deinit(struct tally *tally);
// Notes that it happened then; the earliest counts.
void tally_note(struct tally *tally, struct span id, enum tally_mark mark, int64_t at_ms);
bool tally_has(const struct tally *tally, struct span id, enum tally_mark mark);

struct tally_spread { // of n durations, in ms; 0 when n is 0
    uint64_t n;
    int64_t median_ms, p90_ms;
};

// A group of subjects and how many of them paid, ever.
struct tally_group {
    uint64_t n, paid;
};

struct tally_report {
    uint64_t seen; // subjects with an event that counted
    uint64_t activated, qualified, marketing, paid;
    struct tally_spread time_to_qualify; // from the first event
    struct tally_group qualifiers, others;
    struct tally_group marketing_only; // MQL that never qualified
    uint64_t paid_after;               // of those who qualified: paid at that instant or later
    struct tally_spread lead_time;     // of those: from qualifying to paying
};
// Subjects that were never seen (no event of theirs counted) are left out.
void tally_report(const struct tally *tally, struct tally_report *out);

// Shares, in percent; 0 of nothing.
double tally_percent(uint64_t part, uint64_t whole);
