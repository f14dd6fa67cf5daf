// SPDX-License-Identifier: Apache-2.0
// Explanations as messages. protobuf-c wants C strings; the core's texts are such, in the arena.
#include "services/scorer/codec.h"

static Assay__Event__V1__Property **codec_traits(const struct property *in, size_t n,
                                                 struct arena *arena)
{
    Assay__Event__V1__Property **out = arena_alloc(arena, (n + 1) * sizeof *out);
    for (size_t i = 0; i < n; i++) {
        Assay__Event__V1__Property *property = arena_alloc(arena, sizeof *property);
        assay__event__v1__property__init(property);
        property->key = arena_dup(arena, in[i].key);
        switch (in[i].value.type) {
        case VALUE_TEXT:
            property->value_case = ASSAY__EVENT__V1__PROPERTY__VALUE_TEXT;
            property->text = arena_dup(arena, in[i].value.text);
            break;
        case VALUE_NUMBER:
            property->value_case = ASSAY__EVENT__V1__PROPERTY__VALUE_NUMBER;
            property->number = in[i].value.number;
            break;
        case VALUE_INTEGER:
            property->value_case = ASSAY__EVENT__V1__PROPERTY__VALUE_INTEGER;
            property->integer = in[i].value.integer;
            break;
        case VALUE_FLAG:
            property->value_case = ASSAY__EVENT__V1__PROPERTY__VALUE_FLAG;
            property->flag = in[i].value.flag;
            break;
        case VALUE_NONE:
            break;
        }
        out[i] = property;
    }
    return out;
}

static Assay__Scorer__V1__Condition *codec_condition(const struct explained_condition *in,
                                                     struct arena *arena)
{
    Assay__Scorer__V1__Condition *out = arena_alloc(arena, sizeof *out);
    assay__scorer__v1__condition__init(out);
    out->text = (char *)in->text;
    out->met = in->met;
    out->value = (char *)(in->value == NULL ? "" : in->value);
    out->threshold = (char *)(in->threshold == NULL ? "" : in->threshold);
    out->missing = (char *)(in->missing == NULL ? "" : in->missing);
    out->since_ms = in->since_ms;
    out->depth = in->depth;
    out->warming = in->warming;
    out->exit = in->exit;
    out->leaf = in->leaf;
    out->event_count = in->n_events;
    out->more_events = in->more_events;
    out->first_ms = in->first_ms;
    out->first_id = (char *)in->first_id;
    out->last_ms = in->last_ms;
    out->last_id = (char *)in->last_id;
    return out;
}

static const char *codec_kind(enum signal_origin origin)
{
    switch (origin) {
    case SIGNAL_DECLARED:
        return "signal";
    case SIGNAL_SEGMENT:
        return "segment";
    case SIGNAL_IMPLIED:
        return "implied";
    case SIGNAL_DEFINITION:
        return "definition";
    case SIGNAL_STAGE:
        return "stage";
    case SIGNAL_CRITERION:
        return "criterion";
    case SIGNAL_MARKETING:
        return "mql";
    case SIGNAL_FACT:
        return "fact";
    }
    return "";
}

static Assay__Scorer__V1__ExplainedSignal *
codec_explained_signal(const struct explained_signal *in, const char *user, struct arena *arena)
{
    Assay__Scorer__V1__ExplainedSignal *out = arena_alloc(arena, sizeof *out);
    assay__scorer__v1__explained_signal__init(out);
    out->name = (char *)in->name;
    if (in->of_user)
        out->user_id = (char *)user;
    out->value = in->value;
    out->since_ms = in->since_ms;
    if (in->event_id != NULL)
        out->event_id = (char *)in->event_id;
    out->kind = (char *)codec_kind(in->origin);
    out->definition = (char *)in->definition;
    out->role = (char *)in->role;
    out->label = (char *)in->label;
    out->memory = in->memory;
    out->episode = in->episodes;
    out->held_until_ms = in->held_ms;
    out->cooling_until_ms = in->cooling_ms;
    out->spent = in->spent;
    out->exhausted = in->exhausted;
    out->leaving = in->leaving;
    out->leaf_count = in->n_leaves;
    out->met_count = in->n_met;
    out->n_conditions = in->n_conditions;
    out->conditions = arena_alloc(arena, (in->n_conditions + 1) * sizeof *out->conditions);
    for (size_t i = 0; i < in->n_conditions; i++)
        out->conditions[i] = codec_condition(&in->conditions[i], arena);
    return out;
}

static Assay__Scorer__V1__Measure *codec_measure(const struct explained_measure *in,
                                                 const char *user, struct arena *arena)
{
    Assay__Scorer__V1__Measure *out = arena_alloc(arena, sizeof *out);
    assay__scorer__v1__measure__init(out);
    out->name = (char *)in->name;
    out->value = (char *)in->value;
    out->warming = in->warming;
    out->since_ms = in->since_ms;
    if (in->of_user)
        out->user_id = (char *)user;
    return out;
}

Assay__Scorer__V1__ExplainResponse *codec_explanation(const struct explanation *explanation,
                                                      const char *account, const char *user,
                                                      const char *playbook, struct arena *arena)
{
    const struct explanation *in = explanation;
    Assay__Scorer__V1__ExplainResponse *out = arena_alloc(arena, sizeof *out);
    assay__scorer__v1__explain_response__init(out);
    out->account_id = arena_dup(arena, span_of(account));
    out->playbook = arena_dup(arena, span_of(playbook));
    out->clock_ms = in->clock_ms;
    out->user_count = in->n_users;
    user = arena_dup(arena, span_of(user));
    out->n_signals = in->n_signals;
    out->signals = arena_alloc(arena, (in->n_signals + 1) * sizeof *out->signals);
    for (size_t i = 0; i < in->n_signals; i++)
        out->signals[i] = codec_explained_signal(&in->signals[i], user, arena);
    out->n_measures = in->n_measures;
    out->measures = arena_alloc(arena, (in->n_measures + 1) * sizeof *out->measures);
    for (size_t i = 0; i < in->n_measures; i++)
        out->measures[i] = codec_measure(&in->measures[i], user, arena);
    out->n_account_traits = in->n_account_traits;
    out->account_traits = codec_traits(in->account_traits, in->n_account_traits, arena);
    out->n_user_traits = in->n_user_traits;
    out->user_traits = codec_traits(in->user_traits, in->n_user_traits, arena);
    if (in->excluded != NULL)
        out->excluded = (char *)in->excluded;
    out->n_users_listed = in->n_listed_users;
    out->users_listed = arena_alloc(arena, (in->n_listed_users + 1) * sizeof *out->users_listed);
    for (size_t i = 0; i < in->n_listed_users; i++)
        out->users_listed[i] = (char *)in->users[i];
    return out;
}

Assay__Scorer__V1__Proposal *codec_proposal(const struct proposal *in, struct arena *arena)
{
    static const Assay__Scorer__V1__ProposalKind KINDS[] = {
        [PROPOSAL_NONE] = ASSAY__SCORER__V1__PROPOSAL_KIND__PROPOSAL_KIND_UNSPECIFIED,
        [PROPOSAL_EVENTS] = ASSAY__SCORER__V1__PROPOSAL_KIND__PROPOSAL_KIND_EVENTS,
        [PROPOSAL_TIME] = ASSAY__SCORER__V1__PROPOSAL_KIND__PROPOSAL_KIND_TIME,
        [PROPOSAL_NEVER] = ASSAY__SCORER__V1__PROPOSAL_KIND__PROPOSAL_KIND_NEVER,
        [PROPOSAL_UNKNOWN] = ASSAY__SCORER__V1__PROPOSAL_KIND__PROPOSAL_KIND_UNKNOWN,
    };
    Assay__Scorer__V1__Proposal *out = arena_alloc(arena, sizeof *out);
    assay__scorer__v1__proposal__init(out);
    out->kind = KINDS[in->kind];
    out->event_count = in->n_events;
    out->least = in->least;
    out->from_ms = in->from_ms;
    out->by_ms = in->by_ms;
    out->true_ms = in->true_ms;
    out->n_steps = in->n_steps;
    out->steps = arena_alloc(arena, (in->n_steps + 1) * sizeof *out->steps);
    for (size_t i = 0; i < in->n_steps; i++) {
        const struct proposal_step *from = &in->steps[i];
        Assay__Scorer__V1__ProposalStep *step = arena_alloc(arena, sizeof *step);
        assay__scorer__v1__proposal_step__init(step);
        step->event = (char *)from->event;
        step->count = from->n;
        step->who = (char *)from->who;
        step->with = (char *)from->with;
        step->when = (char *)from->when;
        out->steps[i] = step;
    }
    out->n_blocks = in->n_blocks;
    out->blocks = arena_alloc(arena, (in->n_blocks + 1) * sizeof *out->blocks);
    for (size_t i = 0; i < in->n_blocks; i++)
        out->blocks[i] = (char *)in->blocks[i];
    return out;
}
