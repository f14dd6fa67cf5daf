// SPDX-License-Identifier: Apache-2.0
// The stages of an account's life, each a signal of accounts; and marketing, which is told apart
// from usage: its events make an mql and nothing else.
#include "common/base/mem.h"
#include "services/playbook/load_measures.h"

// ---- Stages ----

// A stage that the playbook says nothing of has a signal when there is something to follow.
static bool load_stage_exists(const struct loader *l, const struct config_node *node,
                              enum stage stage)
{
    unsigned roles = 0;
    if (config_kind(node) == CONFIG_MAPPING &&
        config_get(node, PLAYBOOK_STAGE_NAMES[stage]) != NULL)
        return true;
    for (int32_t i = 0; i < l->n_definitions; i++)
        roles |= 1u << l->definitions[i].role;
    if (stage == STAGE_ACTIVATED)
        return (roles & 1u << ROLE_PAL) != 0;
    if (stage == STAGE_PQL)
        return (roles & (1u << ROLE_PQL | 1u << ROLE_PQA)) != 0;
    return stage == STAGE_SQL || stage == STAGE_CUSTOMER;
}

static void load_stage_name(struct loader *l, const struct config_node *node, enum stage stage)
{
    const char *name = PLAYBOOK_STAGE_NAMES[stage];
    const struct config_node *key = NULL, *definition = NULL;
    if (config_kind(node) == CONFIG_MAPPING) {
        key = load_key(node, name);
        definition = config_get(node, name);
    }
    if (key == NULL)
        key = load_key(config_root(l->config), "lifecycle");
    if (!load_has_room(l, key, l->n_signals, PLAYBOOK_SIGNALS_MAX, "signals"))
        return;
    l->stages[stage] =
        load_new_signal(l, arena_printf(l->arena, "stage.%s", name), key, definition, SIGNAL_STAGE);
    MEM_GROW(l->names, l->n_names, l->cap_names);
    l->names[l->n_names++] =
        (struct load_name){span_of(name), LOAD_NAME_STAGE, l->stages[stage], key};
}

void load_lifecycle_names(struct loader *l, const struct config_node *node)
{
    if (node == NULL)
        return;
    l->playbook->has_stages = true;
    // "lifecycle:" alone: all defaults.
    bool alone = config_kind(node) == CONFIG_SCALAR && config_text(node).len == 0;
    if (!alone && !load_is_mapping(l, node, "stages, as in {customer: {account.plan: paid}}"))
        return;
    const struct config_node *first = load_key(node, PLAYBOOK_STAGE_NAMES[STAGE_SIGNED_UP]);
    if (first != NULL)
        config_error_hint(l->config, first, "leave it out",
                          "every account is signed_up until another stage holds");
    if (!alone)
        (void)config_check_keys(l->config, node, PLAYBOOK_STAGE_NAMES, PLAYBOOK_STAGES);
    for (int stage = STAGE_ACTIVATED; stage < PLAYBOOK_STAGES; stage++) {
        if (load_stage_exists(l, node, (enum stage)stage))
            load_stage_name(l, node, (enum stage)stage);
    }
}

// What the sales side said of the last lead; it comes back as a trait.
static int32_t load_outcome(struct loader *l, const struct config_node *node,
                            const char *const *outcomes, int32_t n)
{
    struct value *values = arena_alloc(l->arena, sizeof *values * (size_t)n);
    struct buf threshold = {0};
    for (int32_t i = 0; i < n; i++) {
        values[i] = (struct value){VALUE_TEXT, {.text = span_of(outcomes[i])}};
        buf_printf(&threshold, "%s%s", i > 0 ? ", " : "", outcomes[i]);
    }
    const char *list =
        arena_printf(l->arena, n > 1 ? "[" SPAN_FMT "]" : SPAN_FMT, SPAN_ARG(buf_span(&threshold)));
    buf_deinit(&threshold);
    return load_add_condition(
        l, node,
        &(struct condition){
            .kind = CONDITION_TEST,
            .operand = OPERAND_ACCOUNT_TRAIT,
            .key = "lead_outcome",
            .test = n > 1 ? TEST_IN : TEST_IS,
            .values = values,
            .n_values = n,
            .text = arena_printf(l->arena, "account.lead_outcome %s %s", n > 1 ? "in" : "is", list),
            .threshold = list});
}

static int32_t load_stage_default(struct loader *l, const struct config_node *node,
                                  enum stage stage)
{
    static const char *const ACCEPTED[] = {"accepted", "meeting", "won"};
    static const char *const WON[] = {"won"};
    switch (stage) {
    case STAGE_ACTIVATED:
        return load_any_definition(l, node, 1u << ROLE_PAL);
    case STAGE_PQL:
        return load_any_definition(l, node, 1u << ROLE_PQL | 1u << ROLE_PQA);
    case STAGE_SQL:
        return load_outcome(l, node, ACCEPTED, ARRAY_LEN(ACCEPTED));
    case STAGE_CUSTOMER:
        return load_outcome(l, node, WON, ARRAY_LEN(WON));
    case STAGE_SIGNED_UP:
    case STAGE_EXPANSION:
    case STAGE_AT_RISK:
    case STAGE_CHURNED:
        break;
    }
    return PLAYBOOK_NONE;
}

void load_lifecycle(struct loader *l, const struct config_node *node)
{
    (void)node;
    for (int stage = STAGE_ACTIVATED; stage < PLAYBOOK_STAGES; stage++) {
        int32_t at = l->stages[stage];
        if (at == PLAYBOOK_NONE)
            continue;
        if (l->signals[at].definition != NULL) {
            load_signal(l, at, 0);
            continue;
        }
        int32_t condition = load_stage_default(l, l->signals[at].key, (enum stage)stage);
        l->signals[at].as.condition = l->signals[at].entry = condition;
    }
}

// In that stage and in none above it.
int32_t load_stage(struct loader *l, const struct config_node *node,
                   const struct config_node *right)
{
    int32_t higher[PLAYBOOK_STAGES], parts[2], n_higher = 0, n = 0;
    size_t stage;
    if (!l->playbook->has_stages) {
        config_error_hint(l->config, right,
                          "declare them under lifecycle:", "the playbook has no stages");
        return PLAYBOOK_NONE;
    }
    for (stage = 0; stage < PLAYBOOK_STAGES; stage++) {
        if (span_is(config_text(right), PLAYBOOK_STAGE_NAMES[stage]))
            break;
    }
    if (stage == PLAYBOOK_STAGES) {
        config_error_unknown(l->config, right, "stage", PLAYBOOK_STAGE_NAMES, PLAYBOOK_STAGES);
        return PLAYBOOK_NONE;
    }
    const char *text = arena_printf(l->arena, "stage %s", PLAYBOOK_STAGE_NAMES[stage]);
    if (stage != STAGE_SIGNED_UP && l->stages[stage] == PLAYBOOK_NONE) {
        config_error_hint(l->config, right, "give it a condition under lifecycle:",
                          "no account ever is in the stage \"%s\"", PLAYBOOK_STAGE_NAMES[stage]);
        return PLAYBOOK_NONE;
    }
    for (size_t i = stage + 1; i < PLAYBOOK_STAGES; i++) {
        if (l->stages[i] != PLAYBOOK_NONE)
            higher[n_higher++] =
                load_look_at_signal(l, node, l->stages[i], l->signals[l->stages[i]].as.name);
    }
    if (stage != STAGE_SIGNED_UP)
        parts[n++] = load_look_at_signal(l, node, l->stages[stage], text);
    if (n_higher > 0) {
        int32_t any = load_join(l, node, CONDITION_ANY, higher, n_higher);
        if (any != PLAYBOOK_NONE)
            l->conditions[any].as.quiet = true;
        parts[n++] = load_join(l, node, CONDITION_NOT, &any, 1);
    }
    int32_t whole = load_join(l, node, CONDITION_ALL, parts, n);
    if (whole != PLAYBOOK_NONE)
        l->conditions[whole].as.text = text;
    return whole;
}

// ---- Marketing ----

static bool load_is_marketing(const struct loader *l, int32_t event)
{
    for (int32_t i = 0; i < l->playbook->n_marketing_events; i++) {
        if (l->playbook->marketing_events[i] == event)
            return true;
    }
    return false;
}

void load_marketing_names(struct loader *l, const struct config_node *node)
{
    static const char EXAMPLE[] = "marketing, as in {events: [Ad Clicked]}";
    if (node == NULL || !load_is_mapping(l, node, EXAMPLE))
        return;
    bool known = load_check_form(l, node, SCHEMA_MARKETING);
    const struct config_node *events = config_get(node, "events"), *mql = load_key(node, "mql");
    if (events == NULL && known)
        config_error_hint(l->config, node, "add events: and the events of marketing",
                          "missing key \"events\"");
    if (events != NULL)
        l->playbook->marketing_events = load_events(l, events, &l->playbook->n_marketing_events);
    if (l->playbook->marketing_events == NULL)
        l->playbook->n_marketing_events = 0;
    if (mql == NULL || !load_has_room(l, mql, l->n_signals, PLAYBOOK_SIGNALS_MAX, "signals") ||
        !load_claim_name(l, mql, LOAD_NAME_SIGNAL, l->n_signals))
        return;
    const char *name = PLAYBOOK_ROLE_NAMES[ROLE_MQL];
    int32_t signal = load_new_signal(l, name, mql, config_get(node, "mql"), SIGNAL_MARKETING);
    MEM_GROW(l->definitions, l->n_definitions, l->cap_definitions);
    l->definitions[l->n_definitions++] =
        (struct definition){name, ROLE_MQL, signal, config_line(mql)};
}

void load_marketing(struct loader *l, const struct config_node *node)
{
    const struct config_node *active = config_get(config_root(l->config), "active");
    for (int32_t i = 0; i < l->n_definitions; i++) {
        if (l->definitions[i].role == ROLE_MQL)
            load_signal(l, l->definitions[i].signal, 0);
    }
    for (int32_t i = 0; node != NULL && i < l->playbook->n_active_events; i++) {
        if (l->playbook->active_events == NULL ||
            !load_is_marketing(l, l->playbook->active_events[i]))
            continue;
        const struct config_node *item =
            config_kind(active) == CONFIG_SEQUENCE ? config_at(active, (size_t)i) : active;
        config_error_hint(l->config, item, "take it out of one of the two",
                          "\"%s\" stands under marketing and is never active",
                          l->events[l->playbook->active_events[i]]);
    }
}

// ---- What a definition must not look at ----

static const char *load_marketing_in(const struct loader *l, const int32_t *events, int32_t n)
{
    for (int32_t i = 0; events != NULL && i < n; i++) {
        if (load_is_marketing(l, events[i]))
            return l->events[events[i]];
    }
    return NULL;
}

// The first marketing event that a measure names itself; NULL: none.
static const char *load_marketing_of(const struct loader *l, const struct measure *measure)
{
    const char *event = load_marketing_in(l, measure->events, measure->n_events);
    if (event == NULL)
        event = load_marketing_in(l, measure->steps, measure->n_steps);
    if (event == NULL && measure->anchor != PLAYBOOK_NONE)
        event = load_marketing_in(l, &measure->anchor, 1);
    for (int32_t i = 0; event == NULL && i < measure->n_points; i++)
        event = load_marketing_in(l, &measure->points[i].event, 1);
    return event;
}

struct load_search {
    struct loader *l;
    bool signals[PLAYBOOK_SIGNALS_MAX]; // seen already
    bool measures[PLAYBOOK_MEASURES_MAX];
    const char *event;
    int32_t leaf; // where it was found
};

static void load_search_signal(struct load_search *s, int32_t signal);

static void load_search_measure(void *context, struct load_reference reference)
{
    struct load_search *s = context;
    if (s->event == NULL && reference.signal != PLAYBOOK_NONE)
        load_search_signal(s, reference.signal);
    if (s->event != NULL || reference.measure == PLAYBOOK_NONE || s->measures[reference.measure])
        return;
    s->measures[reference.measure] = true;
    s->event = load_marketing_of(s->l, &s->l->measures[reference.measure].as);
    if (s->event == NULL)
        load_measure_refers(s->l, reference.measure, load_search_measure, s);
}

static void load_search_condition(struct load_search *s, int32_t at)
{
    if (at == PLAYBOOK_NONE || s->event != NULL)
        return;
    const struct condition *condition = &s->l->conditions[at].as;
    for (int32_t i = 0; i < condition->n_children; i++)
        load_search_condition(s, condition->children[i]);
    if (condition->kind == CONDITION_SIGNAL || condition->kind == CONDITION_ROLL_UP)
        load_search_signal(s, condition->signal);
    if (condition->kind != CONDITION_TEST || s->event != NULL)
        return;
    if (condition->operand == OPERAND_MEASURE)
        load_search_measure(s, (struct load_reference){condition->measure, PLAYBOOK_NONE});
    if (condition->of.set && condition->of.kind == OPERAND_MEASURE)
        load_search_measure(s, (struct load_reference){condition->of.measure, PLAYBOOK_NONE});
    if (s->event != NULL && s->leaf == PLAYBOOK_NONE)
        s->leaf = at;
}

static void load_search_signal(struct load_search *s, int32_t signal)
{
    if (s->signals[signal])
        return;
    s->signals[signal] = true;
    load_search_condition(s, s->l->signals[signal].as.condition);
    load_search_condition(s, s->l->signals[signal].as.exit);
}

static void load_report_marketing(struct loader *l, const struct config_node *key, const char *name,
                                  const struct load_search *s)
{
    if (s->event == NULL)
        return;
    config_error_hint(
        l->config, key, "marketing makes an mql; qualify by what they do in the product",
        "\"%s\" looks at \"%s\" (line %u), which counts the marketing event \"%s\"", name,
        l->conditions[s->leaf].as.text, l->conditions[s->leaf].as.line, s->event);
}

void load_check_marketing(struct loader *l)
{
    const struct config_node *qualify = config_get(config_root(l->config), "qualify");
    // Along a circle there is no end.
    if (config_error_count(l->config) > 0 || l->playbook->n_marketing_events == 0)
        return;
    for (int32_t i = 0; i < l->n_definitions; i++) {
        const struct definition *definition = &l->definitions[i];
        struct load_search s = {.l = l, .leaf = PLAYBOOK_NONE};
        if (definition->role != ROLE_MQL)
            load_search_signal(&s, definition->signal);
        load_report_marketing(l, l->signals[definition->signal].key, definition->name, &s);
    }
    for (int32_t i = 0; i < l->n_org_definitions; i++) {
        struct load_search s = {.l = l, .leaf = PLAYBOOK_NONE};
        load_search_condition(&s, l->org_definitions[i].when);
        load_report_marketing(l, load_key(qualify, l->org_definitions[i].name),
                              l->org_definitions[i].name, &s);
    }
}
