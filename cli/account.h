// SPDX-License-Identifier: Apache-2.0
// The parts of `assay account`.
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "assay/ingest/v1/ingest.pb-c.h"
#include "assay/router/v1/router.pb-c.h"
#include "common/base/arena.h"

// All of one account, on several lines. `now_ms`: how long it has been in its stage by then.
void account_write(const Assay__Router__V1__GetAccountResponse *account, int64_t now_ms,
                   FILE *stream);
json_t *account_json(const Assay__Router__V1__GetAccountResponse *account, int64_t now_ms);

// ---- What a person decides ----------------------------------------------------------------------

enum account_verb { ACCOUNT_PROMOTE, ACCOUNT_DISQUALIFY, ACCOUNT_SNOOZE, ACCOUNT_RESTORE };
enum { ACCOUNT_VERBS = ACCOUNT_RESTORE + 1 };

struct account_verdict {
    enum account_verb verb;
    const char *account;
    const char *user; // "": the account itself
    const char *reason;
    int64_t until_ms; // SNOOZE
    int64_t at_ms;
    uint64_t nonce; // makes its message id
};
// The call that says so: a group call of the account, or an identify call of the user in it.
// Borrows the verdict's texts; the rest lives in `arena`.
Assay__Ingest__V1__Event *account_verdict_event(const struct account_verdict *verdict,
                                                struct arena *arena);
// What it means, in whole sentences. `definitions`: names of those that an account qualifies by
// itself, "pqa, expansion"; "" when the playbook has none, NULL when that is not known.
void account_verdict_tell(const struct account_verdict *verdict, const char *definitions,
                          FILE *stream);
json_t *account_verdict_json(const struct account_verdict *verdict);
