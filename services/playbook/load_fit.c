// SPDX-License-Identifier: Apache-2.0
#include "services/playbook/load_measures.h"

void load_fit_names(struct loader *l)
{
    (void)l;
}

void load_grade_names(struct loader *l)
{
    (void)l;
}

void load_fit(struct loader *l)
{
    (void)l;
}

void load_grades(struct loader *l)
{
    (void)l;
}

int32_t load_fit_profile(struct loader *l, struct span name, int64_t *at_least_milli)
{
    (void)l;
    (void)name;
    (void)at_least_milli;
    return PLAYBOOK_NONE;
}

int32_t load_fit_best(struct loader *l)
{
    (void)l;
    return PLAYBOOK_NONE;
}

int32_t load_fit_veto(struct loader *l)
{
    (void)l;
    return PLAYBOOK_NONE;
}

const char *const *load_fit_profiles(struct loader *l, size_t *n)
{
    (void)l;
    *n = 0;
    return NULL;
}

void load_measure_refers(const struct loader *l, int32_t measure, load_reference_cb visit,
                         void *context)
{
    const struct measure *as = &l->measures[measure].as;
    if (as->kind == MEASURE_USERS_WITH && as->signal != PLAYBOOK_NONE)
        visit(context, (struct load_reference){PLAYBOOK_NONE, as->signal});
}

void load_settle_measure(struct loader *l, int32_t measure)
{
    (void)l;
    (void)measure;
}
