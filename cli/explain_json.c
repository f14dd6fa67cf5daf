// SPDX-License-Identifier: Apache-2.0
#include "cli/decision_json.h"
#include "cli/explain.h"
#include "cli/output.h"

static json_t *condition_json(const Assay__Scorer__V1__Condition *c)
{
    json_t *o = json_pack("{s:o, s:b, s:i}", "condition", output_json_text(c->text), "met", c->met,
                          "depth", (int)c->depth);
    if (c->value[0] != '\0')
        json_object_set_new(o, "value", output_json_text(c->value));
    if (c->threshold[0] != '\0')
        json_object_set_new(o, "threshold", output_json_text(c->threshold));
    if (c->since_ms != 0)
        json_object_set_new(o, "since", json_integer(c->since_ms));
    if (c->missing[0] != '\0')
        json_object_set_new(o, "missing", output_json_text(c->missing));
    return o;
}

static json_t *signal_json(const Assay__Scorer__V1__ExplainedSignal *s)
{
    json_t *o = json_pack("{s:o, s:b, s:i, s:i}", "signal", output_json_text(s->name), "value",
                          s->value, "met", (int)s->met_count, "of", (int)s->leaf_count);
    json_t *conditions = json_array();
    if (s->user_id[0] != '\0')
        json_object_set_new(o, "user", output_json_text(s->user_id));
    if (s->since_ms != 0)
        json_object_set_new(o, "since", json_integer(s->since_ms));
    if (s->event_id[0] != '\0')
        json_object_set_new(o, "event", output_json_text(s->event_id));
    for (size_t i = 0; i < s->n_conditions; i++)
        json_array_append_new(conditions, condition_json(s->conditions[i]));
    json_object_set_new(o, "conditions", conditions);
    return o;
}

static json_t *trait_json(const Assay__Event__V1__Property *p)
{
    switch (p->value_case) {
    case ASSAY__EVENT__V1__PROPERTY__VALUE_TEXT:
        return output_json_text(p->text);
    case ASSAY__EVENT__V1__PROPERTY__VALUE_NUMBER:
        return json_real(p->number);
    case ASSAY__EVENT__V1__PROPERTY__VALUE_INTEGER:
        return json_integer(p->integer);
    case ASSAY__EVENT__V1__PROPERTY__VALUE_FLAG:
        return json_boolean(p->flag);
    case ASSAY__EVENT__V1__PROPERTY__VALUE__NOT_SET:
    case _ASSAY__EVENT__V1__PROPERTY__VALUE__CASE_IS_INT_SIZE:
        break;
    }
    return json_null();
}

static json_t *traits_json(Assay__Event__V1__Property *const *traits, size_t n)
{
    json_t *o = json_object();
    for (size_t i = 0; i < n; i++)
        (void)json_object_set_new(o, traits[i]->key, trait_json(traits[i]));
    return o;
}

static json_t *measures_json(const Assay__Scorer__V1__ExplainResponse *lane)
{
    json_t *list = json_array();
    for (size_t i = 0; i < lane->n_measures; i++) {
        const Assay__Scorer__V1__Measure *m = lane->measures[i];
        json_t *o = json_pack("{s:o, s:o}", "measure", output_json_text(m->name), "value",
                              output_json_text(m->value));
        if (m->user_id[0] != '\0')
            json_object_set_new(o, "user", output_json_text(m->user_id));
        json_array_append_new(list, o);
    }
    return list;
}

json_t *explain_json(const struct explain *e)
{
    json_t *signals = json_array(), *leads = json_array(), *users = json_array();
    for (size_t i = 0; i < e->lane->n_signals; i++)
        json_array_append_new(signals, signal_json(e->lane->signals[i]));
    for (size_t i = 0; i < e->router->n_leads; i++)
        json_array_append_new(leads, lead_json(e->router->leads[i]));
    for (size_t i = 0; i < e->lane->n_users_listed; i++)
        json_array_append_new(users, output_json_text(e->lane->users_listed[i]));
    json_t *o = json_pack("{s:o, s:o, s:I, s:I, s:o, s:b}", "account",
                          output_json_text(e->lane->account_id), "playbook",
                          output_json_text(e->lane->playbook), "clock",
                          (json_int_t)e->lane->clock_ms, "n_users", (json_int_t)e->lane->user_count,
                          "stage", output_json_text(e->router->stage), "pqa", e->router->pqa);
    if (e->user[0] != '\0') {
        json_object_set_new(o, "user", output_json_text(e->user));
        json_object_set_new(o, "user_traits",
                            traits_json(e->lane->user_traits, e->lane->n_user_traits));
    }
    if (e->lane->excluded[0] != '\0')
        json_object_set_new(o, "excluded", output_json_text(e->lane->excluded));
    json_object_set_new(o, "signals", signals);
    json_object_set_new(o, "measures", measures_json(e->lane));
    json_object_set_new(o, "account_traits",
                        traits_json(e->lane->account_traits, e->lane->n_account_traits));
    json_object_set_new(o, "users", users);
    json_object_set_new(o, "leads", leads);
    return o;
}
