// SPDX-License-Identifier: Apache-2.0
// What qualifies. Each definition is a signal that remembers: it stays true until its exit holds,
// and a person may overrule it, by a trait of the user or the account.
#include "common/base/mem.h"
#include "services/playbook/load_impl.h"

// The traits by which a person says: this one qualifies, never, or not yet.
static const char VERDICT[] = "qualification", VERDICT_UNTIL[] = "qualification_until";

// ---- Names ----

static bool load_role(struct loader *l, const struct config_node *key,
                      const struct config_node *definition, enum role *out)
{
    struct span name = config_text(key);
    const struct config_node *as = NULL;
    size_t role = 0;
    while (role < ROLE_MQL && !span_is(name, PLAYBOOK_ROLE_NAMES[role]))
        role++;
    if (load_is_long(definition))
        as = config_get(definition, "as");
    *out = (enum role)role;
    if (role < ROLE_MQL) {
        if (as == NULL || span_eq(config_text(as), name))
            return true;
        config_error_hint(l->config, as, "leave it out, or give the definition another name",
                          "\"" SPAN_FMT "\" always counts as " SPAN_FMT, SPAN_ARG(name),
                          SPAN_ARG(name));
        return false;
    }
    if (span_is(name, PLAYBOOK_ROLE_NAMES[ROLE_MQL])) {
        config_error_hint(l->config, key,
                          "write it under marketing:", "marketing does not qualify a lead");
        return false;
    }
    if (as != NULL) {
        if (!config_read_choice(l->config, as, PLAYBOOK_ROLE_NAMES, ROLE_MQL, &role))
            return false;
        *out = (enum role)role;
        return true;
    }
    if (load_is_long(definition))
        config_error_hint(l->config, definition, "say what it counts as: pal, pql or pqa",
                          "missing key \"as\"");
    else // most likely one of them, misspelt
        config_error_unknown(l->config, key, "key", PLAYBOOK_ROLE_NAMES, ROLE_MQL);
    return false;
}

void load_qualify_names(struct loader *l, const struct config_node *node)
{
    if (node == NULL || !load_is_mapping(l, node, "pal, pql or pqa"))
        return;
    for (size_t i = 0; i < config_count(node); i++) {
        const struct config_node *key = config_key_at(node, i), *definition = config_at(node, i);
        enum role role;
        if (load_is_organization(definition)) {
            if (load_check_name(l, key))
                load_organization_name(l, key);
            continue;
        }
        if (!load_check_name(l, key) || !load_role(l, key, definition, &role))
            continue;
        if (!load_has_room(l, key, l->n_signals, PLAYBOOK_SIGNALS_MAX, "signals"))
            return;
        const char *name = arena_printf(l->arena, "qualify." SPAN_FMT, SPAN_ARG(config_text(key)));
        int32_t signal = load_new_signal(l, name, key, definition, SIGNAL_DEFINITION);
        l->signals[signal].per_account = role == ROLE_PQA;
        MEM_GROW(l->definitions, l->n_definitions, l->cap_definitions);
        l->definitions[l->n_definitions++] = (struct definition){
            arena_dup(l->arena, config_text(key)), role, signal, config_line(key)};
    }
}

// ---- Conditions ----

static void load_requalify(struct loader *l, int32_t at, const struct config_node *node)
{
    enum { AFRESH, ALWAYS, NEVER };
    static const char *const NAMES[] = {
        [AFRESH] = "afresh", [ALWAYS] = "always", [NEVER] = "never"};
    struct signal *signal = &l->signals[at].as;
    size_t choice = AFRESH;
    if (node != NULL && !config_read_choice(l->config, node, NAMES, ARRAY_LEN(NAMES), &choice))
        return;
    signal->afresh = choice == AFRESH;
    if (choice != NEVER)
        return;
    if (signal->episodes_max > 1)
        config_error_hint(l->config, node, "leave one of them out",
                          "never means one episode, and episodes says %d", signal->episodes_max);
    signal->episodes_max = 1;
}

static void load_definition(struct loader *l, const struct definition *definition)
{
    int32_t at = definition->signal;
    const struct config_node *node = l->signals[at].definition;
    load_signal(l, at, LOAD_SIGNAL_AS);
    const struct config_node *per = load_is_long(node) ? config_get(node, "per") : NULL;
    if (per != NULL)
        load_expected(l, per, "organization", "users and accounts are told apart by pql and pqa");
    load_requalify(l, at, load_is_long(node) ? config_get(node, "requalify") : NULL);
    l->signals[at].as.sticky = l->signals[at].as.memory = true;
    l->signals[at].verdicts = definition->role != ROLE_PAL;
}

int32_t load_any_definition(struct loader *l, const struct config_node *node, unsigned roles)
{
    int32_t *any = mem_alloc(sizeof *any * (size_t)(l->n_definitions + 1)), n = 0;
    for (int32_t i = 0; i < l->n_definitions; i++) {
        const struct definition *definition = &l->definitions[i];
        if ((roles & 1u << definition->role) == 0)
            continue;
        any[n++] = load_look_at_signal(l, node, definition->signal,
                                       l->signals[definition->signal].as.name);
    }
    int32_t added = n == 0 ? PLAYBOOK_NONE : load_join(l, node, CONDITION_ANY, any, n);
    mem_free(any);
    return added;
}

void load_qualify(struct loader *l)
{
    struct playbook *playbook = l->playbook;
    const struct config_node *node = config_get(config_root(l->config), "qualify");
    for (int32_t i = 0; i < l->n_definitions; i++) {
        if (l->definitions[i].role != ROLE_MQL)
            load_definition(l, &l->definitions[i]);
    }
    playbook->pal = load_any_definition(l, node, 1u << ROLE_PAL);
    playbook->pql = load_any_definition(l, node, 1u << ROLE_PQL);
    playbook->pqa = load_any_definition(l, node, 1u << ROLE_PQA);
}

// ---- Verdicts of persons ----

struct load_verdict {
    struct loader *l;
    const struct config_node *node;
    enum operand_kind of; // whose trait
};

static const char *load_owner(const struct load_verdict *v)
{
    return v->of == OPERAND_USER_TRAIT ? "user" : "account";
}

static int32_t load_verdict_is(const struct load_verdict *v, const char *verdict)
{
    struct value *value = arena_alloc(v->l->arena, sizeof *value);
    *value = (struct value){VALUE_TEXT, {.text = span_of(verdict)}};
    return load_add_condition(
        v->l, v->node,
        &(struct condition){
            .kind = CONDITION_TEST,
            .operand = v->of,
            .key = VERDICT,
            .test = TEST_IS,
            .values = value,
            .n_values = 1,
            .quiet = true,
            .text = arena_printf(v->l->arena, "%s.%s is %s", load_owner(v), VERDICT, verdict),
            .threshold = verdict});
}

static int32_t load_quiet(struct loader *l, int32_t at)
{
    if (at != PLAYBOOK_NONE)
        l->conditions[at].as.quiet = true;
    return at;
}

// Put off until an instant that has not come.
static int32_t load_snoozed(const struct load_verdict *v)
{
    int32_t parts[] = {
        load_verdict_is(v, "snoozed"),
        load_add_condition(
            v->l, v->node,
            &(struct condition){.kind = CONDITION_TEST,
                                .operand = v->of,
                                .key = VERDICT_UNTIL,
                                .test = TEST_IS_PAST,
                                .expected = false,
                                .quiet = true,
                                .text = arena_printf(v->l->arena, "%s.%s is_past false",
                                                     load_owner(v), VERDICT_UNTIL),
                                .threshold = "false"}),
    };
    return load_quiet(v->l, load_join(v->l, v->node, CONDITION_ALL, parts, ARRAY_LEN(parts)));
}

// Promoted: whatever the condition says. Disqualified or put off: not, and what is said of the
// account holds for its users too.
void load_verdicts(struct loader *l, int32_t at)
{
    const struct config_node *node = l->signals[at].key;
    bool user = l->signals[at].as.scope == SCOPE_USER;
    struct load_verdict account = {l, node, OPERAND_ACCOUNT_TRAIT};
    struct load_verdict own = {l, node, user ? OPERAND_USER_TRAIT : OPERAND_ACCOUNT_TRAIT};
    int32_t entry = l->signals[at].as.condition, exit = l->signals[at].as.exit;
    int32_t blocked[4], ends[3], n_blocked = 0, n_ends = 0;
    if (entry == PLAYBOOK_NONE)
        return;
    blocked[n_blocked++] = load_verdict_is(&own, "disqualified");
    blocked[n_blocked++] = load_snoozed(&own);
    ends[n_ends++] = load_verdict_is(&own, "disqualified");
    if (user) {
        blocked[n_blocked++] = load_verdict_is(&account, "disqualified");
        blocked[n_blocked++] = load_snoozed(&account);
        ends[n_ends++] = load_verdict_is(&account, "disqualified");
    }
    if (exit != PLAYBOOK_NONE)
        ends[n_ends++] = exit;
    int32_t barred = load_quiet(l, load_join(l, node, CONDITION_ANY, blocked, n_blocked));
    int32_t free = load_quiet(l, load_join(l, node, CONDITION_NOT, &barred, 1));
    int32_t earned = load_join(l, node, CONDITION_ALL, (int32_t[]){free, entry}, 2);
    int32_t promoted = load_verdict_is(&own, "promoted");
    int32_t whole = load_join(l, node, CONDITION_ANY, (int32_t[]){promoted, earned}, 2);
    int32_t end = load_join(l, node, CONDITION_ANY, ends, n_ends);
    l->signals[at].as.condition = whole;
    l->signals[at].as.exit = end;
}
