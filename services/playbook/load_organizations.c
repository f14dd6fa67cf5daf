// SPDX-License-Identifier: Apache-2.0
// How accounts belong together, and what qualifies an organization as a whole: how many of its
// accounts or users something is true of, and measures of its accounts added up.
#include "common/base/mem.h"
#include "services/playbook/load_facts.h"
#include "services/playbook/load_measures.h"

enum { SOURCES_MAX = 8, ORGANIZATION_DEFINITIONS_MAX = 16 };
#define ROLL_UP_MAX INT64_C(1000000000)

static const char DOMAIN_KEY[] = "email_domain", PARENT_KEY[] = "parent";

// ---- How accounts belong together ----

static void load_source(struct loader *l, const struct config_node *node)
{
    struct organization_by by = {.source = ORGANIZATION_DOMAIN};
    struct span key = span_of(DOMAIN_KEY);
    enum operand_kind operand = OPERAND_USER_TRAIT;
    if (!(config_kind(node) == CONFIG_SCALAR && span_is(config_text(node), DOMAIN_KEY))) {
        struct span text = config_text(node);
        if (!span_starts(text, "account.")) {
            load_expected(l, node, "how accounts belong together",
                          "account.parent, another trait as in account.company, or email_domain");
            return;
        }
        if (!load_account_trait(l, node, &key))
            return;
        operand = OPERAND_ACCOUNT_TRAIT;
        by.source = span_is(key, PARENT_KEY) ? ORGANIZATION_PARENT : ORGANIZATION_TRAIT;
    }
    by.fact = load_fact_of_trait(l, node, operand, key);
    for (int32_t i = 0; i < l->n_organizations; i++) {
        if (l->organizations[i].fact == by.fact)
            config_error(l->config, node, "\"" SPAN_FMT "\" stands in the list twice",
                         SPAN_ARG(config_text(node)));
    }
    MEM_GROW(l->organizations, l->n_organizations, l->cap_organizations);
    l->organizations[l->n_organizations++] = by;
}

void load_organizations(struct loader *l, const struct config_node *node)
{
    if (node == NULL || !load_is_mapping(l, node, "as in {by: account.company}"))
        return;
    (void)load_check_form(l, node, SCHEMA_ORGANIZATIONS);
    const struct config_node *by = config_get(node, "by");
    if (by == NULL) {
        config_error_hint(l->config, node, "add by: account.company", "missing key \"by\"");
        return;
    }
    if (config_kind(by) != CONFIG_SEQUENCE) {
        load_source(l, by);
        return;
    }
    if (!load_is_list(l, by, "traits, as in [account.parent, email_domain]") ||
        !load_has_room(l, by, (int32_t)config_count(by) - 1, SOURCES_MAX, "ways to belong"))
        return;
    for (size_t i = 0; i < config_count(by); i++)
        load_source(l, config_at(by, i));
}

// ---- Roll-ups ----

static const struct {
    const char *key, *of, *example;
} ROLL_UPS[] = {
    [ROLL_UP_ACCOUNTS] = {"accounts_with", "signal",
                          "{accounts_with: {signal: near_limit, at_least: 2}}"},
    [ROLL_UP_USERS] = {"users_with", "signal", "{users_with: {signal: admin, at_least: 20}}"},
    [ROLL_UP_TOTAL] = {"total", "measure", "{total: {measure: projects, at_least: 50}}"},
};

static bool load_roll_up_key(struct loader *l, const struct config_node *key, enum roll_up *out)
{
    const char *names[] = {"accounts_with", "users_with", "total", "all",
                           "any",           "none",       "not",   "at_least_n_of"};
    for (size_t i = 0; i < ARRAY_LEN(ROLL_UPS); i++) {
        if (!span_is(config_text(key), ROLL_UPS[i].key))
            continue;
        *out = (enum roll_up)i;
        return true;
    }
    config_error_unknown(l->config, key, "condition of an organization", names, ARRAY_LEN(names));
    return false;
}

// A definition counts too: accounts that are a PQA.
static int32_t load_roll_up_signal(struct loader *l, const struct config_node *node)
{
    const struct load_name *name = load_find_name(l, config_text(node), LOAD_NAME_SIGNAL);
    if (name != NULL)
        return name->at;
    const char **more = mem_alloc(sizeof *more * (size_t)(l->n_definitions + 1));
    int32_t found = PLAYBOOK_NONE;
    for (int32_t i = 0; i < l->n_definitions; i++) {
        more[i] = l->definitions[i].name;
        if (span_is(config_text(node), more[i]) && l->definitions[i].role != ROLE_MQL)
            found = l->definitions[i].signal;
    }
    if (found == PLAYBOOK_NONE)
        load_unknown_name(l, node, "signal", 1u << LOAD_NAME_SIGNAL, more,
                          (size_t)l->n_definitions);
    mem_free(more);
    return found;
}

static bool load_adds_up(const struct measure *measure)
{
    return load_is_number(measure) || measure->kind == MEASURE_USERS_WITH ||
           measure->kind == MEASURE_SEQUENCE;
}

static int32_t load_roll_up_measure(struct loader *l, const struct config_node *node)
{
    const struct load_name *name = load_find_name(l, config_text(node), LOAD_NAME_MEASURE);
    if (name == NULL) {
        load_unknown_name(l, node, "measure", 1u << LOAD_NAME_MEASURE, NULL, 0);
        return PLAYBOOK_NONE;
    }
    if (!l->measures[name->at].broken && !load_adds_up(&l->measures[name->at].as)) {
        config_error_hint(l->config, node, "name one that counts or adds up",
                          "\"%s\" does not add up over accounts", l->measures[name->at].as.name);
        return PLAYBOOK_NONE;
    }
    return load_fact_of_measure(l, node, name->at);
}

static int32_t load_roll_up_of(struct loader *l, const struct config_node *node,
                               enum roll_up roll_up)
{
    if (config_kind(node) != CONFIG_SCALAR || config_text(node).len == 0) {
        load_expected(l, node, roll_up == ROLL_UP_TOTAL ? "a measure" : "a signal", NULL);
        return PLAYBOOK_NONE;
    }
    return roll_up == ROLL_UP_TOTAL ? load_roll_up_measure(l, node) : load_roll_up_signal(l, node);
}

static bool load_roll_up_bound(struct loader *l, const struct config_node *node,
                               enum roll_up roll_up, int64_t *milli)
{
    int64_t n = 0;
    if (roll_up == ROLL_UP_TOTAL)
        return load_milli(l, node, milli);
    if (!config_read_i64(l->config, node, 1, ROLL_UP_MAX, &n))
        return false;
    *milli = n * 1000;
    return true;
}

int32_t load_roll_up(struct loader *l, const struct config_node *key,
                     const struct config_node *right)
{
    enum roll_up roll_up;
    if (right == NULL) {
        load_expected(l, key, "a condition of an organization", ROLL_UPS[0].example);
        return PLAYBOOK_NONE;
    }
    if (!load_roll_up_key(l, key, &roll_up))
        return PLAYBOOK_NONE;
    const char *const keys[] = {ROLL_UPS[roll_up].of, "at_least"};
    const char *example = ROLL_UPS[roll_up].example;
    if (!load_is_mapping(l, right, arena_printf(l->arena, "as in %s", example)) ||
        !config_check_keys(l->config, right, keys, ARRAY_LEN(keys)))
        return PLAYBOOK_NONE;
    const struct config_node *of = config_get(right, keys[0]), *least = config_get(right, keys[1]);
    if (of == NULL || least == NULL) {
        config_error_hint(l->config, right, arena_printf(l->arena, "write %s", example),
                          "missing key \"%s\"", of == NULL ? keys[0] : keys[1]);
        return PLAYBOOK_NONE;
    }
    struct condition condition = {.kind = CONDITION_ROLL_UP, .roll_up = roll_up};
    condition.signal = load_roll_up_of(l, of, roll_up);
    bool bound = load_roll_up_bound(l, least, roll_up, &condition.low_milli);
    if (condition.signal == PLAYBOOK_NONE || !bound)
        return PLAYBOOK_NONE;
    condition.threshold = arena_dup(l->arena, config_text(least));
    condition.text = arena_printf(l->arena, "%s " SPAN_FMT " at_least %s", ROLL_UPS[roll_up].key,
                                  SPAN_ARG(config_text(of)), condition.threshold);
    // The node is what it looks at, for what can be told only later.
    int32_t at = load_add_condition(l, of, &condition);
    if (at != PLAYBOOK_NONE)
        l->conditions[at].as.line = config_line(key);
    return at;
}

// ---- Definitions ----

bool load_is_organization(const struct config_node *definition)
{
    const struct config_node *per = config_get(definition, "per");
    return per != NULL && span_is(config_text(per), "organization");
}

void load_organization_name(struct loader *l, const struct config_node *key)
{
    if (!load_has_room(l, key, l->n_org_definitions, ORGANIZATION_DEFINITIONS_MAX,
                       "definitions of organizations"))
        return;
    MEM_GROW(l->org_definitions, l->n_org_definitions, l->cap_org_definitions);
    l->org_definitions[l->n_org_definitions++] =
        (struct organization_definition){.name = arena_dup(l->arena, config_text(key)),
                                         .when = PLAYBOOK_NONE,
                                         .label = "",
                                         .line = config_line(key)};
}

static void load_organization_definition(struct loader *l, const struct config_node *node,
                                         struct organization_definition *definition)
{
    const struct config_node *as = config_get(node, "as"), *label = config_get(node, "label");
    const struct config_node *when = config_get(node, "when");
    struct span text;
    (void)load_check_form(l, node, SCHEMA_ORGANIZATION_DEFINITION);
    if (as != NULL && !span_is(config_text(as), PLAYBOOK_ROLE_NAMES[ROLE_PQA]))
        config_error_hint(l->config, as, "write as: pqa, or leave it out",
                          "an organization that qualifies is a pqa");
    if (label != NULL && config_read_text(l->config, label, LOAD_TEXT_BYTES_MAX, &text))
        definition->label = arena_dup(l->arena, text);
    if (when == NULL) {
        config_error_hint(l->config, node, "add when: and its condition", "missing key \"when\"");
        return;
    }
    definition->when = load_condition(l, when, LOAD_IN_ORGANIZATION);
}

void load_organization_definitions(struct loader *l)
{
    const struct config_node *root = config_root(l->config);
    const struct config_node *qualify = config_get(root, "qualify");
    for (int32_t i = 0; i < l->n_org_definitions; i++) {
        struct organization_definition definition = l->org_definitions[i];
        load_organization_definition(l, config_get(qualify, definition.name), &definition);
        l->org_definitions[i] = definition;
        if (config_get(root, "organizations") == NULL)
            config_error_hint(l->config, load_key(qualify, definition.name),
                              "say how accounts belong together: organizations: {by: ..}",
                              "there are no organizations");
    }
}

void load_check_organizations(struct loader *l)
{
    for (int32_t i = 0; i < l->n_conditions; i++) {
        const struct load_condition *at = &l->conditions[i];
        if (at->as.kind != CONDITION_ROLL_UP || l->signals[at->as.signal].unsure)
            continue;
        bool user = l->signals[at->as.signal].as.scope == SCOPE_USER;
        if (at->as.roll_up == ROLL_UP_USERS && !user)
            config_error_hint(l->config, at->node, "count accounts: accounts_with",
                              "\"" SPAN_FMT "\" is a signal of the account",
                              SPAN_ARG(config_text(at->node)));
        if (at->as.roll_up == ROLL_UP_TOTAL && user)
            config_error_hint(l->config, at->node, "add per: account to the measure",
                              "\"" SPAN_FMT "\" is a measure of one user",
                              SPAN_ARG(config_text(at->node)));
    }
}
