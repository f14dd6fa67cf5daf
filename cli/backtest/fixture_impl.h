// SPDX-License-Identifier: Apache-2.0
// What the two halves of a fixture share: reading its file (fixture_read.c), and running a case and
// comparing (fixture.c).
#pragma once

#include <jansson.h>

#include "cli/backtest/fixture.h"
#include "common/base/arena.h"
#include "common/config/config.h"
#include "services/playbook/model.h"

enum { FIXTURE_CASES_MAX = 1000, FIXTURE_TIMES_MAX = 100000 };

// What a decision or an expectation says. NULL: nothing is said about it.
enum fixture_kind {
    FIXTURE_QUALIFIES,
    FIXTURE_LEAVES,
    FIXTURE_LEAD,
    FIXTURE_WITHDRAWN,
    FIXTURE_STAGE,
    FIXTURE_SIGNAL,
};
enum { FIXTURE_KINDS = FIXTURE_SIGNAL + 1 };
extern const char *const FIXTURE_KIND_NAMES[FIXTURE_KINDS]; // keys of an expectation

struct fixture_fact {
    enum fixture_kind kind;
    const char *what; // the definition, motion, stage or signal; of WITHDRAWN the account
    const char *account, *user, *label, *queue, *message, *reason, *event;
    bool has_at, has_episode, has_value, value;
    int64_t at_ms, episode;
    uint32_t line; // of an expectation
    bool used;
};

struct fixture_case {
    const char *name;
    uint32_t line;
    int64_t start_ms;
    bool has_until;
    int64_t until_ms;
    char **lines; // events as JSON, heap
    size_t n_lines, lines_cap;
    struct fixture_fact *facts;
    size_t n_facts, facts_cap;
};

struct fixture {
    const char *playbook; // path, beside the fixture unless absolute
    struct fixture_case *cases;
    size_t n_cases, cases_cap;
    struct arena arena;
};

// Reads the file. INVALID: `report` has its mistakes. Owned by the caller also then.
MUST_USE enum err fixture_read(const char *path, struct fixture *out, struct buf *report);
void fixture_deinit(struct fixture *fixture);
