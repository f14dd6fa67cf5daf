// SPDX-License-Identifier: Apache-2.0
// Measures that are made of others: what they refer to, and whom they are of.
#include "services/playbook/load_measures.h"

#include "common/base/check.h"

int32_t load_hidden_measure(struct loader *l, const struct config_node *key, const char *name)
{
    if (!load_has_room(l, key, l->n_measures, PLAYBOOK_MEASURES_MAX, "measures and scores"))
        return PLAYBOOK_NONE;
    int32_t at = load_new_measure(l, name, key, NULL);
    l->measures[at].as.hidden = true;
    l->measures[at].used = true;
    return at;
}

bool load_is_number(const struct measure *measure)
{
    switch (measure->kind) {
    case MEASURE_COUNT:
    case MEASURE_SUM:
    case MEASURE_DISTINCT_USERS:
    case MEASURE_DISTINCT_VALUES:
    case MEASURE_ACTIVE_DAYS:
    case MEASURE_ACTIVE_WEEKS:
    case MEASURE_DAY_STREAK:
    case MEASURE_WEEK_STREAK:
    case MEASURE_SCORE:
    case MEASURE_POINTS:
    case MEASURE_WEIGHTED:
    case MEASURE_BEST:
        return true;
    case MEASURE_FIRST:
    case MEASURE_LAST:
    case MEASURE_USERS_WITH:
    case MEASURE_MAX:
    case MEASURE_MIN:
    case MEASURE_AVERAGE:
    case MEASURE_FIRST_VALUE:
    case MEASURE_LAST_VALUE:
    case MEASURE_TIME_SPENT:
    case MEASURE_SINCE:
    case MEASURE_SEQUENCE:
    case MEASURE_GRADE:
    case MEASURE_BUSIEST_HOUR:
        return false;
    }
    CHECK(false);
}

// ---- References ----

static void load_refer(load_reference_cb visit, void *context, int32_t measure, int32_t signal)
{
    if (measure != PLAYBOOK_NONE || signal != PLAYBOOK_NONE)
        visit(context, (struct load_reference){measure, signal});
}

void load_measure_refers(const struct loader *l, int32_t measure, load_reference_cb visit,
                         void *context)
{
    CHECK(measure >= 0 && measure < l->n_measures);
    // A copy: whoever is visited may add measures.
    const struct measure as = l->measures[measure].as;
    load_refer(visit, context, PLAYBOOK_NONE, as.signal);
    for (int32_t i = 0; i < as.n_terms; i++)
        load_refer(visit, context, as.terms[i].measure, as.terms[i].signal);
    load_refer(visit, context, PLAYBOOK_NONE, as.veto);
    load_refer(visit, context, as.rows.measure, PLAYBOOK_NONE);
    load_refer(visit, context, as.columns.measure, PLAYBOOK_NONE);
}

struct load_search {
    const struct loader *l;
    bool seen[PLAYBOOK_MEASURES_MAX];
};

static void load_search_visit(void *context, struct load_reference reference)
{
    struct load_search *search = context;
    int32_t at = reference.measure;
    if (at == PLAYBOOK_NONE || search->seen[at])
        return;
    search->seen[at] = true;
    load_measure_refers(search->l, at, load_search_visit, search);
}

bool load_leads_to(const struct loader *l, int32_t measure, int32_t sought)
{
    struct load_search search = {.l = l};
    load_search_visit(&search, (struct load_reference){measure, PLAYBOOK_NONE});
    return search.seen[sought];
}

// ---- Scopes ----

struct load_settling {
    struct loader *l;
    bool of_user;
    bool seen[PLAYBOOK_MEASURES_MAX];
};

static void load_settle_visit(void *context, struct load_reference reference)
{
    struct load_settling *settling = context;
    struct loader *l = settling->l;
    int32_t at = reference.measure;
    if (at == PLAYBOOK_NONE) {
        settling->of_user =
            settling->of_user || l->signals[reference.signal].as.scope == SCOPE_USER;
        return;
    }
    if (playbook_is_derived(&l->measures[at].as) && !settling->seen[at]) {
        bool before = settling->of_user;
        settling->seen[at] = true;
        settling->of_user = false;
        load_measure_refers(l, at, load_settle_visit, settling);
        l->measures[at].as.scope = settling->of_user ? SCOPE_USER : SCOPE_ACCOUNT;
        settling->of_user = before;
    }
    settling->of_user = settling->of_user || l->measures[at].as.scope == SCOPE_USER;
}

void load_settle_measure(struct loader *l, int32_t measure)
{
    struct load_settling settling = {.l = l};
    CHECK(measure >= 0 && measure < l->n_measures);
    load_settle_visit(&settling, (struct load_reference){measure, PLAYBOOK_NONE});
}

// ---- Places ----

static int32_t load_placed(const struct loader *l, int32_t signal)
{
    return signal == PLAYBOOK_NONE ? PLAYBOOK_NONE : l->signals[signal].position;
}

void load_place_measure(const struct loader *l, struct measure *measure)
{
    measure->signal = load_placed(l, measure->signal);
    measure->veto = load_placed(l, measure->veto);
    if (measure->n_terms == 0)
        return;
    struct term *terms = arena_alloc(l->arena, sizeof *terms * (size_t)measure->n_terms);
    memcpy(terms, measure->terms, sizeof *terms * (size_t)measure->n_terms);
    for (int32_t i = 0; i < measure->n_terms; i++)
        terms[i].signal = load_placed(l, terms[i].signal);
    measure->terms = terms;
}
