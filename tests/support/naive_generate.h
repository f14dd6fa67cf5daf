// SPDX-License-Identifier: Apache-2.0
// Random playbooks and what happens to their accounts.
#pragma once

#include "tests/support/naive_world.h"
#include "tests/support/random.h"

// Parts of the language that a playbook may use; for a smaller search, NAIVE_PARTS in the
// environment has their sum.
enum naive_part {
    NAIVE_PART_MEASURES = 1,    // what is neither a count nor a sum, distinct, first or last
    NAIVE_PART_HISTORIC = 2,    // `where` on traits
    NAIVE_PART_SCORES = 4,      // scores other than the short form with a half-life
    NAIVE_PART_FIT = 8,         // fit and grades
    NAIVE_PART_CONDITIONS = 16, // relative thresholds, growth, instants, segments' thresholds
    NAIVE_PART_MEMORY = 32,     // signals with a memory, and of users that look at the account
    NAIVE_PART_QUALIFY = 64,
    NAIVE_PART_LIFECYCLE = 128,
    NAIVE_PART_MARKETING = 256,
    NAIVE_PART_CHANGES = 512, // playbooks that leave things out and take them in again
    NAIVE_PART_FACTS = 1024,  // what the router is told of traits and numbers
    NAIVE_PARTS_ALL = 2047,
};

enum naive_step_kind {
    NAIVE_EVENT_STEP,
    NAIVE_REPEAT,
    NAIVE_TICK,
    NAIVE_RELOAD, // everything is called otherwise
    NAIVE_FORGET, // and some that nothing looks at is left out
    NAIVE_RECALL, // and all is there again
};

struct naive_step {
    enum naive_step_kind kind;
    struct naive_event event;
    int repeat;      // REPEAT: the step that is sent again
    uint64_t choice; // FORGET: what is left out
    int64_t tick_ms; // TICK
};

enum { NAIVE_STEPS_MAX = 64 };

struct naive_case {
    struct naive_playbook playbook;
    struct naive_step steps[NAIVE_STEPS_MAX];
    int n_steps;
};

void naive_generate_playbook(struct test_random *random, unsigned parts,
                             struct naive_playbook *out);
void naive_generate_steps(struct test_random *random, unsigned parts, struct naive_case *out);
void naive_generate(uint64_t seed, unsigned parts, struct naive_case *out);

// ---- Between the files of the generator ----

struct naive_draft {
    struct test_random *random;
    struct naive_playbook *playbook;
    unsigned parts;
    unsigned stages; // may be looked at: those of a lifecycle that stands already
};

uint32_t naive_below(struct naive_draft *draft, uint32_t n);
bool naive_chance(struct naive_draft *draft, uint32_t one_in);
bool naive_may(const struct naive_draft *draft, enum naive_part part);
struct naive_condition *naive_add_condition(struct naive_draft *draft,
                                            enum naive_condition_kind kind, int *at);
// A random condition that looks at what is there so far; `user`: also at what is of users.
// `account`: it stands where only accounts are decided, and a signal of users means some user.
int naive_draft_condition(struct naive_draft *draft, bool user, bool account, int depth);
// On an event.
int naive_draft_where(struct naive_draft *draft, bool historic);
void naive_draft_measures(struct naive_draft *draft);
void naive_draft_scores(struct naive_draft *draft);
void naive_draft_weights(struct naive_draft *draft);
void naive_draft_fit(struct naive_draft *draft);
#define NAIVE_PICK(draft, type, ...)                                                               \
    (((const type[]){__VA_ARGS__})[naive_below(                                                    \
        draft, (uint32_t)(sizeof((const type[]){__VA_ARGS__}) / sizeof(type)))])
