// SPDX-License-Identifier: Apache-2.0
// What the files of the loader share: the playbook while it is read. Everything keeps its node
// until the end, so that a mistake found late still has its line. Mistakes go to the document; a
// function that reported one returns false, NULL or PLAYBOOK_NONE, and reading goes on, to find the
// others.
#pragma once

#include "common/base/buf.h"
#include "common/config/config.h"
#include "services/playbook/model.h"
#include "services/playbook/schema.h"

enum {
    LOAD_NAME_BYTES_MAX = 64,
    LOAD_TEXT_BYTES_MAX = 256,
    LOAD_IMPLIED_BYTES_MAX =
        1000, // of a test as a signal's name, which the router takes up to 1,024
    LOAD_DAYS_MAX = PLAYBOOK_WINDOW_DAYS_MAX,
    LOAD_FORM_KEYS_MAX = 64,
};

// Measures (scores and grades too) and signals share their names; the others have their own.
enum load_name_kind { LOAD_NAME_MEASURE, LOAD_NAME_SIGNAL, LOAD_NAME_SEGMENT, LOAD_NAME_STAGE };

struct load_name {
    struct span text;
    enum load_name_kind kind;
    int32_t at; // in measures or signals
    const struct config_node *key;
};

struct load_condition {
    struct condition as;
    const struct config_node *node;
};

struct load_measure {
    struct measure as;
    const struct config_node *key;
    const struct config_node *definition;
    bool is_score; // declared under `scores`
    bool used;
    bool broken;  // reported already: what looks at it is not told again
    bool visited; // what it refers to is in order
};

// Signals are put in order by a walk from each to what it refers to.
enum load_walk { LOAD_NOT_VISITED, LOAD_VISITING, LOAD_VISITED, LOAD_PLACED };

struct load_signal {
    struct signal as;
    const struct config_node *key;
    const struct config_node *definition; // NULL: implied, its condition stands already
    // Decided for each account whatever it looks at: a user's signal then means that some user has
    // it.
    bool per_account;
    bool per_user; // it says so; a mistake when it looks at nothing of a user
    bool hoists;   // of accounts: a test of a user in it becomes a signal of its own
    bool verdicts; // a person's verdict overrules it, see load_verdicts
    int32_t entry; // its condition as written, without what was put around it
    enum load_walk walk;
    bool unsure;      // what it looks at is broken: its scope says nothing
    int32_t position; // in the order
};

// Classes of buyers in order of precedence; the fourth, free, is who is none of them.
enum load_buyer { LOAD_ASKED_FOR_HELP, LOAD_MAXED_OUT, LOAD_CONVERTS_ALONE };
enum { LOAD_BUYERS = LOAD_CONVERTS_ALONE + 1 };

// An array that grows on the heap; the finished playbook has a copy in its arena.
#define LOAD_ARRAY(type, name)                                                                     \
    type *name;                                                                                    \
    int32_t n_##name, cap_##name

struct loader {
    struct config *config;
    struct arena *arena;
    struct playbook *playbook;
    LOAD_ARRAY(struct load_name, names);
    LOAD_ARRAY(struct load_condition, conditions);
    LOAD_ARRAY(struct load_measure, measures);
    LOAD_ARRAY(struct load_signal, signals);
    LOAD_ARRAY(const char *, events);
    LOAD_ARRAY(int32_t, exclude);
    LOAD_ARRAY(struct route, routes);
    LOAD_ARRAY(struct lead_queue, queues);
    LOAD_ARRAY(struct priority_rule, priorities);
    LOAD_ARRAY(struct effort_rule, efforts);
    LOAD_ARRAY(struct zone, zones);
    LOAD_ARRAY(struct team, teams);
    LOAD_ARRAY(struct experiment, experiments);
    // Signals by their place in `signals`.
    LOAD_ARRAY(struct definition, definitions);
    LOAD_ARRAY(struct prompt, prompts);
    LOAD_ARRAY(struct organization_by, organizations);
    LOAD_ARRAY(struct organization_definition, org_definitions);
    LOAD_ARRAY(struct span, vanity); // names of events
    int32_t stages[PLAYBOOK_STAGES]; // the same, or PLAYBOOK_NONE
    LOAD_ARRAY(int32_t, order);      // signals, each after those it refers to
    // Places in `signals`, or PLAYBOOK_NONE.
    int32_t owner_fact, busiest_fact, never, consent;
    int32_t buyers[LOAD_BUYERS]; // by enum load_buyer
    int32_t always;              // the condition that rules share; PLAYBOOK_NONE: not yet
    bool rules_broken;           // a rule of `route` could not be read
    bool full_told;              // a bound was passed and told once
};

// load.c: small questions of all sections.
void load_expected(struct loader *l, const struct config_node *node, const char *what,
                   const char *hint);
// A mapping or list, not empty; `what` for the message.
bool load_is_mapping(struct loader *l, const struct config_node *node, const char *what);
bool load_is_list(struct loader *l, const struct config_node *node, const char *what);
// Every key of a mapping is one of the form's; false when one was not (each is reported).
bool load_check_form(struct loader *l, const struct config_node *node, enum schema_form form);
// The key itself of a mapping's pair, or NULL.
const struct config_node *load_key(const struct config_node *mapping, const char *key);
// [a-z][a-z0-9_]*, not too long, no reserved word.
bool load_check_name(struct loader *l, const struct config_node *key);
const struct load_name *load_find_name(const struct loader *l, struct span text,
                                       enum load_name_kind kind);
// "unknown <what>", with the names of these kinds (a mask of 1 << kind) and `more` as candidates.
void load_unknown_name(struct loader *l, const struct config_node *node, const char *what,
                       unsigned kinds, const char *const *more, size_t n_more);
// Whether one more fits; tells it once when not.
bool load_has_room(struct loader *l, const struct config_node *node, int32_t n, int32_t max,
                   const char *what);
// A measure or a signal at the end of its array, `name` in the arena, everything in it that is a
// position PLAYBOOK_NONE. There must be room. `definition` NULL: nothing is left to be read.
int32_t load_new_measure(struct loader *l, const char *name, const struct config_node *key,
                         const struct config_node *definition);
int32_t load_new_signal(struct loader *l, const char *name, const struct config_node *key,
                        const struct config_node *definition, enum signal_origin origin);
// What is called so from now on; false with the mistake reported when something is already, or when
// it is no name.
bool load_claim_name(struct loader *l, const struct config_node *key, enum load_name_kind kind,
                     int32_t at);
// The number of an event's name; PLAYBOOK_NONE with the mistake reported.
int32_t load_event(struct loader *l, const struct config_node *node);
// A list of events in the arena; NULL with the mistake reported.
const int32_t *load_events(struct loader *l, const struct config_node *node, int32_t *n);

// load_names.c: the names of all sections; the number of measures and scores that are to be read.
int32_t load_all_names(struct loader *l, const struct config_node *root);
bool load_is_playbook_name(struct span text); // [a-z0-9-]+, not too long

// load_measures.c
void load_measure(struct loader *l, int32_t at);
void load_score(struct loader *l, int32_t at);
void load_warn_unused(struct loader *l);

// load_conditions.c: one condition, wherever it stands.
enum load_place {
    LOAD_IN_EVENT,  // `where`, `exclude`: an event is at hand, and nothing that is decided from
                    // events
    LOAD_IN_SIGNAL, // `signals`, `segments`
    LOAD_IN_ROUTE,  // `qualify`, `route`: tests become implied signals
    LOAD_IN_ORGANIZATION, // a definition of an organization: what is true of its accounts together
};
int32_t load_condition(struct loader *l, const struct config_node *node, enum load_place place);
int32_t load_always(struct loader *l, const struct config_node *node);
// Conditions that the loader puts together; `text` in the arena or for ever. A group of one is that
// one, but for NOT.
int32_t load_join(struct loader *l, const struct config_node *node, enum condition_kind kind,
                  const int32_t *children, int32_t n);
int32_t load_look_at_signal(struct loader *l, const struct config_node *node, int32_t signal,
                            const char *text);
int32_t load_add_condition(struct loader *l, const struct config_node *node,
                           const struct condition *condition);
// load_tests.c: the tests of an operand, a mapping of them or a value that it must be; `left` is
// the operand as a text, in the arena or for ever.
int32_t load_tests(struct loader *l, const struct config_node *key, const struct config_node *right,
                   const struct condition *operand, const char *left, enum load_place place);
int32_t load_at_least(struct loader *l, const struct config_node *node, int32_t measure,
                      const char *left, int64_t milli, enum load_place place);
// The signal "when.<test>" for a test that cannot stand where it does, and a condition on it.
int32_t load_hoist_signal(struct loader *l, const struct config_node *node, int32_t test);
int32_t load_hoist(struct loader *l, const struct config_node *node, int32_t test);
// Whether what is decided from events can be looked at here; false with the mistake reported.
bool load_signal_allowed(struct loader *l, const struct config_node *node, enum load_place place);
// {segment: NAME} and {stage: NAME}; `right` is the name.
int32_t load_segment(struct loader *l, const struct config_node *right, enum load_place place);
int32_t load_stage(struct loader *l, const struct config_node *node,
                   const struct config_node *right);
// The whole condition on one line: "account_pqa or (user_pql and not segment.small)".
void load_condition_line(const struct loader *l, int32_t at, struct buf *out);

// load_values.c: the right side of a test.
// A decimal number of at most three decimals, exact.
bool load_milli(struct loader *l, const struct config_node *node, int64_t *out);
bool load_value(struct loader *l, const struct config_node *node, struct value *out);
void load_value_text(const struct value *value, struct buf *out);

// load_signals.c: the condition of a signal and what goes with it, in long form or short.
// Keys beside `when hold_for cooldown exit episodes label` that it takes.
enum { LOAD_SIGNAL_PER = 1, LOAD_SIGNAL_AS = 2 };
void load_signal(struct loader *l, int32_t at, unsigned takes);
// Whether a signal is written in long form: {when: ..., hold_for: ...}.
bool load_is_long(const struct config_node *definition);

// load_scopes.c: order, scopes, and who may look at whom; after every condition is read.
void load_order_signals(struct loader *l);

// load_routing.c
void load_queues(struct loader *l, const struct config_node *node);
void load_routes(struct loader *l, const struct config_node *node);

// load_priority.c
void load_priorities(struct loader *l, const struct config_node *node);
void load_aging(struct loader *l, const struct config_node *node);
void load_efforts(struct loader *l, const struct config_node *node);

// load_teams.c: after queues.
void load_teams(struct loader *l, const struct config_node *node);
// The trait that names an account's owner; `node` NULL: nothing is said of it.
void load_owner_trait(struct loader *l, const struct config_node *node);

// load_experiments.c, load_prompts.c
void load_experiments(struct loader *l, const struct config_node *node);
void load_prompts(struct loader *l, const struct config_node *node);

// load_prompts.c: a condition as a signal: the one that it names, or a new one of this name (in the
// arena or for ever), which is of users when it looks at anything of a user.
int32_t load_as_signal(struct loader *l, const struct config_node *node, const char *name);

// load_contact.c; the check is after load_order_signals.
void load_identity(struct loader *l, const struct config_node *node);
void load_contact(struct loader *l, const struct config_node *node);
void load_check_contact(struct loader *l);

// load_buyers.c: names first, made up where the playbook says nothing but looks at them.
void load_buyer_names(struct loader *l, const struct config_node *root);
void load_buyers(struct loader *l);
// {buyer: NAME}; `right` is the name.
int32_t load_buyer(struct loader *l, const struct config_node *right, enum load_place place);

// load_organizations.c: how accounts belong together; after measures and signals are read. A
// definition of the whole is read with its names; false: it is of accounts or users.
void load_organizations(struct loader *l, const struct config_node *node);
bool load_is_organization(const struct config_node *definition);
void load_organization_name(struct loader *l, const struct config_node *key);
void load_organization_definitions(struct loader *l);
// One of accounts_with, users_with and total, in LOAD_IN_ORGANIZATION.
int32_t load_roll_up(struct loader *l, const struct config_node *key,
                     const struct config_node *right);
void load_check_organizations(struct loader *l); // after load_order_signals

// load_schemas.c
void load_schemas(struct loader *l, const struct config_node *node);

// load_qualify.c: names first, as with all signals; then their conditions; then, with the scope of
// a definition settled, the verdicts of persons that overrule it.
void load_qualify_names(struct loader *l, const struct config_node *node);
void load_qualify(struct loader *l);
void load_verdicts(struct loader *l, int32_t signal);
// Any definition of these roles (a mask of 1 << role) holds; PLAYBOOK_NONE: there is none.
int32_t load_any_definition(struct loader *l, const struct config_node *node, unsigned roles);

// load_lifecycle.c: stages, after the names of definitions; and marketing.
void load_lifecycle_names(struct loader *l, const struct config_node *node);
void load_lifecycle(struct loader *l, const struct config_node *node);
void load_marketing_names(struct loader *l, const struct config_node *node);
void load_marketing(struct loader *l, const struct config_node *node);
// After load_order_signals: no definition but those of marketing looks at its events.
void load_check_marketing(struct loader *l);

// load_warnings.c: events that show no value by themselves; then what is odd, but no mistake. The
// latter only of a file without mistakes.
void load_read_vanity(struct loader *l, const struct config_node *node);
void load_warnings(struct loader *l);
// load_warn_routing.c
void load_warn_routing(struct loader *l);
