// SPDX-License-Identifier: Apache-2.0
// What the loader knows of measures, scores, fit profiles and grades, for the rest of the loader.
// load_measure, load_score and load_warn_unused stand in load_impl.h.
#pragma once

#include "services/playbook/load_impl.h"

// load_fit.c: names first, while names are gathered; a profile's weights and its `at_least`, and a
// grade's names are read with them, so that conditions may be read before load_fit and load_grades.
// A profile is the measure "fit.<name>", of all that do not disqualify there is the measure
// "fit.best", of those that do the signal "fit.veto".
void load_fit_names(struct loader *l);
void load_grade_names(struct loader *l);
// Then the conditions of criteria, after those of signals; then what grades look at.
void load_fit(struct loader *l);
void load_grades(struct loader *l);

// Position of the measure "fit.<name>", and from which percent (in thousandths) it fits;
// PLAYBOOK_NONE: no such profile, or one that disqualifies. Marks it as looked at. Reports nothing.
int32_t load_fit_profile(struct loader *l, struct span name, int64_t *at_least_milli);
// Position of the measure "fit.best", marked as looked at; PLAYBOOK_NONE: no profile measures.
int32_t load_fit_best(struct loader *l);
// Position of the signal "fit.veto"; PLAYBOOK_NONE: no profile disqualifies.
int32_t load_fit_veto(struct loader *l);
// The names of the profiles, for "did you mean"; in the arena.
const char *const *load_fit_profiles(struct loader *l, size_t *n);

// What a measure refers to directly: a measure or a signal, the other is PLAYBOOK_NONE.
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
