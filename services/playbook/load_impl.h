// SPDX-License-Identifier: Apache-2.0
// What the files of the loader share: the playbook while it is read. Everything keeps its node
// until the end, so that a mistake found late still has its line. Mistakes go to the document; a
// function that reported one returns false, NULL or PLAYBOOK_NONE, and reading goes on, to find the
// others.
#pragma once

#include "common/base/buf.h"
#include "common/config/config.h"
#include "services/playbook/model.h"

enum {
    LOAD_NAME_BYTES_MAX = 64,
    LOAD_TEXT_BYTES_MAX = 256,
    LOAD_IMPLIED_BYTES_MAX =
        1000, // of a test as a signal's name, which the router takes up to 1,024
    LOAD_DAYS_MAX = PLAYBOOK_WINDOW_DAYS_MAX,
    LOAD_QUEUES_MAX = 64,
    LOAD_ROUTES_MAX = 256
};

enum load_name_kind { LOAD_NAME_MEASURE, LOAD_NAME_SIGNAL, LOAD_NAME_SEGMENT };

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
    bool broken; // reported already: what looks at it is not told again
};

// Signals are put in order by a walk from each to what it refers to.
enum load_walk { LOAD_NOT_VISITED, LOAD_VISITING, LOAD_VISITED };

struct load_signal {
    struct signal as;
    const struct config_node *key;
    const struct config_node *definition; // NULL: implied, its condition stands already
    enum load_walk walk;
    bool unsure;      // what it looks at is broken: its scope says nothing
    int32_t position; // in the order
};

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
    LOAD_ARRAY(int32_t, order); // signals, each after those it refers to
    bool rules_broken;          // a rule of `route` could not be read
    bool full_told;             // a bound was passed and told once
};

// load.c: small questions of all sections.
void load_expected(struct loader *l, const struct config_node *node, const char *what,
                   const char *hint);
// A mapping or list, not empty; `what` for the message.
bool load_is_mapping(struct loader *l, const struct config_node *node, const char *what);
bool load_is_list(struct loader *l, const struct config_node *node, const char *what);
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
// The number of an event's name; PLAYBOOK_NONE with the mistake reported.
int32_t load_event(struct loader *l, const struct config_node *node);
// A list of events in the arena; NULL with the mistake reported.
const int32_t *load_events(struct loader *l, const struct config_node *node, int32_t *n);

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
};
int32_t load_condition(struct loader *l, const struct config_node *node, enum load_place place);
int32_t load_always(struct loader *l, const struct config_node *node);
// The whole condition on one line: "account_pqa or (user_pql and not segment.small)".
void load_condition_line(const struct loader *l, int32_t at, struct buf *out);

// load_values.c: the right side of a test.
// A decimal number of at most three decimals, exact.
bool load_milli(struct loader *l, const struct config_node *node, int64_t *out);
bool load_value(struct loader *l, const struct config_node *node, struct value *out);
void load_value_text(const struct value *value, struct buf *out);

// load_signals.c: order, scopes, and who may look at whom; after every condition is read.
void load_order_signals(struct loader *l);

// load_routing.c
void load_queues(struct loader *l, const struct config_node *node);
void load_qualify(struct loader *l, const struct config_node *node);
void load_routes(struct loader *l, const struct config_node *node);
