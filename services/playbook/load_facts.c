// SPDX-License-Identifier: Apache-2.0
#include "services/playbook/load_facts.h"

#include "common/base/check.h"
#include "services/playbook/load_measures.h"

static const char BUSIEST[] = "busiest_hour";

bool load_account_trait(struct loader *l, const struct config_node *node, struct span *key)
{
    static const char PREFIX[] = "account.";
    struct span text = config_kind(node) == CONFIG_SCALAR ? config_text(node) : span_of("");
    size_t len = sizeof PREFIX - 1;
    if (span_starts(text, PREFIX) && text.len > len && text.len - len <= LOAD_TEXT_BYTES_MAX) {
        *key = span_make((const char *)text.ptr + len, text.len - len);
        return true;
    }
    load_expected(l, node, "a trait of the account", "write account.owner");
    return false;
}

static int32_t load_new_fact(struct loader *l, const struct config_node *node, char *name,
                             const struct condition *test)
{
    for (int32_t i = 0; i < l->n_signals; i++) {
        if (l->signals[i].as.origin == SIGNAL_FACT && strcmp(l->signals[i].as.name, name) == 0)
            return i;
    }
    if (!load_has_room(l, node, l->n_signals, PLAYBOOK_SIGNALS_MAX, "signals"))
        return PLAYBOOK_NONE;
    int32_t condition = load_add_condition(l, node, test);
    if (condition == PLAYBOOK_NONE)
        return PLAYBOOK_NONE;
    int32_t at = load_new_signal(l, name, node, NULL, SIGNAL_FACT);
    l->signals[at].as.condition = l->signals[at].entry = condition;
    l->signals[at].as.fact_of = test->operand;
    l->signals[at].as.fact_key = test->key;
    l->signals[at].as.fact_measure = PLAYBOOK_NONE;
    return at;
}

int32_t load_fact_of_trait(struct loader *l, const struct config_node *node,
                           enum operand_kind operand, struct span key)
{
    CHECK(operand == OPERAND_ACCOUNT_TRAIT || operand == OPERAND_USER_TRAIT);
    const char *whose = operand == OPERAND_ACCOUNT_TRAIT ? "account" : "user";
    char *name = arena_printf(l->arena, "fact.%s." SPAN_FMT, whose, SPAN_ARG(key));
    return load_new_fact(
        l, node != NULL ? node : config_root(l->config), name,
        &(struct condition){
            .kind = CONDITION_TEST,
            .operand = operand,
            .key = arena_dup(l->arena, key),
            .test = TEST_EXISTS,
            .expected = true,
            .text = arena_printf(l->arena, "%s." SPAN_FMT " exists true", whose, SPAN_ARG(key)),
            .threshold = "true"});
}

int32_t load_fact_of_measure(struct loader *l, const struct config_node *node, int32_t measure)
{
    const char *of = l->measures[measure].as.name;
    l->measures[measure].used = true;
    int32_t at = load_new_fact(l, node, arena_printf(l->arena, "fact.measure.%s", of),
                               &(struct condition){.kind = CONDITION_TEST,
                                                   .operand = OPERAND_MEASURE,
                                                   .measure = measure,
                                                   .key = "",
                                                   .test = TEST_ABOVE,
                                                   .text = arena_printf(l->arena, "%s above 0", of),
                                                   .threshold = "0"});
    if (at != PLAYBOOK_NONE)
        l->signals[at].as.fact_measure = measure;
    return at;
}

void load_busiest_hour(struct loader *l, const struct config_node *node)
{
    const struct load_name *taken = load_find_name(l, span_of(BUSIEST), LOAD_NAME_MEASURE);
    if (l->busiest_fact != PLAYBOOK_NONE)
        return;
    if (taken != NULL) {
        config_error_hint(l->config, taken->key, "give the measure another name",
                          "\"%s\" is the measure of queues that deliver at the busiest hour",
                          BUSIEST);
        return;
    }
    int32_t measure = load_hidden_measure(l, node, BUSIEST);
    if (measure == PLAYBOOK_NONE)
        return;
    l->measures[measure].as.kind = MEASURE_BUSIEST_HOUR;
    l->measures[measure].as.scope = SCOPE_ACCOUNT;
    l->busiest_fact = load_fact_of_measure(l, node, measure);
}
