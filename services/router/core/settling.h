// SPDX-License-Identifier: Apache-2.0
// Deciding who begins and who ends to qualify, of accounts, users (settle.c) and organizations
// (rollup.c).
#pragma once

#include "services/router/core/state.h"

struct settling {
    struct router_core *core;
    struct account *account; // that brings it about
    struct cause cause;
    struct router_effects *effects;
    struct reasons reasons;
    bool left;       // an episode of a definition that makes leads has ended
    struct span why; // of the last one
};

// An episode that begins.
struct entering {
    const char *definition, *label; // interned
    enum router_stage role;
    uint32_t episode;
};

// `at` is the account or organization whose subject it is. reason NULL: "".
void router_settling_leave(struct settling *s, struct account *at, struct subject *subject,
                           struct qualified *q, const char *reason);
// Notes the episode. One of a role that makes leads needs a claim after it.
struct qualified *router_settling_enter(struct settling *s, struct account *at,
                                        struct subject *subject, const struct entering *entering);
// Makes or joins the lead at the home of `account`. s->reasons says why; user NULL: the account.
void router_settling_claim(struct settling *s, struct account *account, const struct qualified *q,
                           const struct subject *user);
// Joins what the account and its users qualify by now to the lead of its home, or makes it.
void router_settling_claim_all(struct settling *s, struct account *account);
