// SPDX-License-Identifier: Apache-2.0
// What the loader knows of measures, scores, fit profiles and grades, for the rest of the loader.
// load_measure, load_score and load_warn_unused stand in load_impl.h.
#pragma once

#include "services/playbook/load_impl.h"

// load_fit.c: names first, while names are gathered; a profile's weights and its `at_least`, and a
// grade's names are read with them, so that conditions may be read before load_fit and load_grades.
// Each profile is the measure "fit.<name>"; the best of them is the measure "fit.best". Those that
// disqualify are together the signal "fit.veto".
void load_fit_names(struct loader *l);
void load_grade_names(struct loader *l);
// Then the conditions of criteria, after those of signals; then what grades look at.
void load_fit(struct loader *l);
void load_grades(struct loader *l);

// Position of the measure "fit.<name>", and from which percent (in thousandths) it fits;
// PLAYBOOK_NONE: no such profile, or one that disqualifies. Reports nothing.
int32_t load_fit_profile(struct loader *l, struct span name, int64_t *at_least_milli);
// Position of the measure "fit.best"; PLAYBOOK_NONE: no profile measures.
int32_t load_fit_best(struct loader *l);
// Position of the signal "fit.veto"; PLAYBOOK_NONE: no profile disqualifies.
int32_t load_fit_veto(struct loader *l);
// The names of the profiles, for "did you mean"; in the arena.
const char *const *load_fit_profiles(struct loader *l, size_t *n);

// load_derived.c: what a measure refers to directly: a measure or a signal, the other is
// PLAYBOOK_NONE.
struct load_reference {
    int32_t measure;
    int32_t signal;
};
typedef void (*load_reference_cb)(void *context, struct load_reference reference);
// USERS_WITH, SINCE: a signal; WEIGHTED, BEST: terms and veto; GRADE: both sides. References from
// measure to measure never make a circle (that is told and cut when they are read); through signals
// they may. What could not be resolved is left out.
void load_measure_refers(const struct loader *l, int32_t measure, load_reference_cb visit,
                         void *context);
// Whom a measure is of, by what it refers to: of users if any part is. Only when the scopes of the
// signals that it refers to are settled (measures are settled on the way). Call it for every
// measure before the end; again is no harm. Others keep the scope that they were read with.
void load_settle_measure(struct loader *l, int32_t measure);
// Signals have taken their places: what a measure says of them follows. Terms are copied.
void load_place_measure(const struct loader *l, struct measure *measure);
// Whether it is a number that is always there and adds up with others: what a weight or a grade
// may look at.
bool load_is_number(const struct measure *measure);

// ---- Between the files that read measures ----

enum load_key {
    LOAD_KEY_ON = 1 << 0,
    LOAD_KEY_EVER = 1 << 1,
    LOAD_KEY_PER = 1 << 2,
    LOAD_KEY_WINDOW = 1 << 3,
    LOAD_KEY_AFTER = 1 << 4,
    LOAD_KEY_WITHIN = 1 << 5,
    LOAD_KEY_FROM = 1 << 6,
    LOAD_KEY_RESETS = 1 << 7,
    LOAD_KEY_IDLE = 1 << 8,
    LOAD_KEY_WHERE = 1 << 9,
};

// A measure or a rule of a score while it is read.
struct load_definition {
    struct loader *l;
    const struct config_node *node;
    const char *function; // its name
    unsigned keys;        // that go with it
    unsigned windows;     // that go with it: a mask of 1 << window_kind
    struct measure *measure;
    bool good;
};

// load_measures.c: each reads its key if it is there, and marks the definition when it is wrong.
// Event names: a name, a list of names, or `any` without quotes; NULL events: any.
bool load_selection(struct loader *l, const struct config_node *node, const int32_t **events,
                    int32_t *n);
void load_per(struct load_definition *d);
void load_where(struct load_definition *d);
// load_windows.c: window, after, within, from, resets_on, idle.
void load_windows(struct load_definition *d);

// load_derived.c: a hidden measure, of which nobody is told that nothing looks at it;
// PLAYBOOK_NONE with the mistake reported when there is no room.
int32_t load_hidden_measure(struct loader *l, const struct config_node *key, const char *name);
// Whether a measure leads to `sought` through measures alone.
bool load_leads_to(const struct loader *l, int32_t measure, int32_t sought);
