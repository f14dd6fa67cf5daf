// SPDX-License-Identifier: Apache-2.0
#include "cli/decision_json.h"
#include "cli/explain.h"
#include "cli/identity.h"
#include "cli/output.h"

static void put(json_t *o, const char *key, const char *text)
{
    if (text[0] != '\0')
        json_object_set_new(o, key, output_json_text(text));
}

static void put_ms(json_t *o, const char *key, int64_t ms)
{
    if (ms != 0)
        json_object_set_new(o, key, json_integer((json_int_t)ms));
}

static void put_true(json_t *o, const char *key, bool flag)
{
    if (flag)
        json_object_set_new(o, key, json_true());
}

static json_t *event_json(const char *id, int64_t at_ms)
{
    return json_pack("{s:o, s:I}", "event", output_json_text(id), "at", (json_int_t)at_ms);
}

static json_t *condition_json(const struct explain *e, const Assay__Scorer__V1__Condition *c)
{
    json_t *o = json_pack("{s:o, s:b, s:i}", "condition", output_json_text(c->text), "met", c->met,
                          "depth", (int)c->depth);
    put(o, "value", c->value);
    put(o, "threshold", c->threshold);
    put_ms(o, "since", c->since_ms);
    put(o, "missing", c->missing);
    put_true(o, "exit", c->exit);
    put_true(o, "warming", c->warming);
    if (!e->events || !c->leaf)
        return o;
    json_object_set_new(o, "events", json_integer((json_int_t)c->event_count));
    put_true(o, "more_events", c->more_events);
    if (c->event_count > 0) {
        json_object_set_new(o, "first", event_json(c->first_id, c->first_ms));
        json_object_set_new(o, "last", event_json(c->last_id, c->last_ms));
    }
    return o;
}

static json_t *proposal_json(const Assay__Scorer__V1__Proposal *p)
{
    static const char *const KINDS[] = {"none", "events", "time", "never", "unknown"};
    char line[EXPLAIN_WHY_BYTES];
    json_t *steps = json_array(), *blocks = json_array();
    size_t kind = (size_t)p->kind < ARRAY_LEN(KINDS) ? (size_t)p->kind : 0;
    json_t *o = json_pack("{s:s, s:o}", "kind", KINDS[kind], "text",
                          output_json_text(explain_proposal(p, line, sizeof line)));
    for (size_t i = 0; i < p->n_steps; i++) {
        const Assay__Scorer__V1__ProposalStep *step = p->steps[i];
        json_t *item = json_pack("{s:o, s:i}", "event", output_json_text(step->event), "count",
                                 (int)step->count);
        put(item, "who", step->who);
        put(item, "with", step->with);
        put(item, "when", step->when);
        json_array_append_new(steps, item);
    }
    for (size_t i = 0; i < p->n_blocks; i++)
        json_array_append_new(blocks, output_json_text(p->blocks[i]));
    json_object_set_new(o, "steps", steps);
    json_object_set_new(o, "events", json_integer(p->event_count));
    json_object_set_new(o, "least", json_boolean(p->least));
    put_ms(o, "not_before", p->from_ms);
    put_ms(o, "before", p->by_ms);
    put_ms(o, "true_from", p->true_ms);
    json_object_set_new(o, "blocks", blocks);
    return o;
}

static json_t *signal_json(const struct explain *e, const Assay__Scorer__V1__ExplainedSignal *s)
{
    json_t *conditions = json_array();
    json_t *o = json_pack("{s:o, s:b, s:i, s:i}", "signal", output_json_text(s->name), "value",
                          s->value, "met", (int)s->met_count, "leaves", (int)s->leaf_count);
    put(o, "kind", s->kind);
    put(o, "user", s->user_id);
    put(o, "definition", s->definition);
    put(o, "role", s->role);
    put(o, "label", s->label);
    put_ms(o, "since", s->since_ms);
    put(o, "event", s->event_id);
    if (s->episode > 0)
        json_object_set_new(o, "episode", json_integer(s->episode));
    put_ms(o, "held_until", s->held_until_ms);
    put_ms(o, "cooling_until", s->cooling_until_ms);
    put_true(o, "spent", s->spent);
    put_true(o, "exhausted", s->exhausted);
    put_true(o, "leaving", s->leaving);
    for (size_t i = 0; i < s->n_conditions; i++)
        json_array_append_new(conditions, condition_json(e, s->conditions[i]));
    json_object_set_new(o, "conditions", conditions);
    if (s->proposal != NULL)
        json_object_set_new(o, "proposal", proposal_json(s->proposal));
    return o;
}

static json_t *verdicts_json(const struct explain *e)
{
    json_t *list = json_array();
    for (size_t i = 0; i < e->lane->n_signals; i++) {
        const Assay__Scorer__V1__ExplainedSignal *s = e->lane->signals[i];
        struct explain_verdict verdict;
        if (s->definition[0] == '\0')
            continue;
        explain_verdict(e, s, &verdict);
        json_t *o = json_pack("{s:o, s:o, s:b, s:o}", "definition", output_json_text(s->definition),
                              "role", output_json_text(s->role), "qualified", verdict.qualified,
                              "why", output_json_text(verdict.why));
        put(o, "label", s->label);
        put(o, "user", s->user_id);
        put_ms(o, "since", s->since_ms);
        if (verdict.lead != NULL) {
            put(o, "lead", verdict.lead->lead_id);
            put(o, "lead_state", lead_state_word(verdict.lead->state));
        }
        json_array_append_new(list, o);
    }
    return list;
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
        put(o, "user", m->user_id);
        put_true(o, "warming", m->warming);
        put_ms(o, "since", m->since_ms);
        json_array_append_new(list, o);
    }
    return list;
}

static void router_json(const struct explain *e, json_t *o)
{
    json_t *leads = json_array();
    for (size_t i = 0; e->router != NULL && i < e->router->n_leads; i++)
        json_array_append_new(leads, lead_json(e->router->leads[i]));
    json_object_set_new(o, "leads", leads);
    if (e->router == NULL)
        return;
    json_object_set_new(o, "stage", output_json_text(e->router->stage));
    json_object_set_new(o, "pqa", json_boolean(e->router->pqa));
}

json_t *explain_json(const struct explain *e)
{
    json_t *signals = json_array(), *users = json_array();
    for (size_t i = 0; i < e->lane->n_signals; i++)
        json_array_append_new(signals, signal_json(e, e->lane->signals[i]));
    for (size_t i = 0; i < e->lane->n_users_listed; i++)
        json_array_append_new(users, output_json_text(e->lane->users_listed[i]));
    json_t *o =
        json_pack("{s:o, s:o, s:I, s:I}", "account", output_json_text(e->lane->account_id),
                  "playbook", output_json_text(e->lane->playbook), "clock",
                  (json_int_t)e->lane->clock_ms, "n_users", (json_int_t)e->lane->user_count);
    put_ms(o, "at", e->lane->at_ms);
    put_ms(o, "events_from", e->lane->events_from_ms);
    put_true(o, "proposals_left_out", e->lane->proposals_left_out);
    if (e->user[0] != '\0') {
        json_object_set_new(o, "user", output_json_text(e->user));
        json_object_set_new(o, "user_traits",
                            traits_json(e->lane->user_traits, e->lane->n_user_traits));
    }
    put(o, "excluded", e->lane->excluded);
    put(o, "merged_into", e->lane->merged_into);
    put(o, "merged_as", e->lane->merged_as);
    put_ms(o, "merged_since", e->lane->merged_since_ms);
    if (e->lane->part_count > 0) {
        json_object_set_new(o, "parts", identity_parts_json(e->lane->parts, e->lane->n_parts));
        json_object_set_new(o, "n_parts", json_integer((json_int_t)e->lane->part_count));
    }
    if (e->lane->acting_count > 0) {
        json_object_set_new(o, "acting", identity_acting_json(e->lane->acting, e->lane->n_acting));
        json_object_set_new(o, "n_acting", json_integer((json_int_t)e->lane->acting_count));
    }
    json_object_set_new(o, "verdicts", verdicts_json(e));
    json_object_set_new(o, "signals", signals);
    json_object_set_new(o, "measures", measures_json(e->lane));
    json_object_set_new(o, "account_traits",
                        traits_json(e->lane->account_traits, e->lane->n_account_traits));
    json_object_set_new(o, "users", users);
    router_json(e, o);
    return o;
}
