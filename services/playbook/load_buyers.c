// SPDX-License-Identifier: Apache-2.0
// What kind of buyer an account is: each class is a segment, the first that holds. Whoever looks at
// classes without saying what they are gets those that fit most products.
#include "common/base/mem.h"
#include "services/playbook/load_measures.h"

static const char *const CLASSES[LOAD_BUYERS + 1] = {
    [LOAD_ASKED_FOR_HELP] = "asked_for_help",
    [LOAD_MAXED_OUT] = "maxed_out",
    [LOAD_CONVERTS_ALONE] = "converts_alone",
    [LOAD_BUYERS] = "free",
};

// What stands for a class of which the playbook says nothing.
static const struct {
    const char *events[3];
    int32_t days;
    int32_t at_least;
} READY[LOAD_BUYERS] = {
    [LOAD_ASKED_FOR_HELP] = {{"Help Requested", "Demo Requested", "Sales Contacted"}, 30, 1},
    [LOAD_MAXED_OUT] = {{"Limit Reached", "Quota Exceeded"}, 30, 1},
    [LOAD_CONVERTS_ALONE] = {{"Checkout Started", "Billing Page Viewed"}, 14, 2},
};

// ---- Names ----

// Somewhere in the file stands {buyer: CLASS}.
static const struct config_node *load_looks_at_buyers(const struct config_node *node)
{
    const struct config_node *found = NULL;
    if (config_kind(node) == CONFIG_MAPPING && config_get(node, "buyer") != NULL) {
        for (size_t i = 0; i < ARRAY_LEN(CLASSES); i++) {
            if (span_is(config_text(config_get(node, "buyer")), CLASSES[i]))
                return load_key(node, "buyer");
        }
    }
    bool scalar = config_kind(node) == CONFIG_SCALAR;
    for (size_t i = 0; !scalar && found == NULL && i < config_count(node); i++)
        found = load_looks_at_buyers(config_at(node, i));
    return found;
}

static void load_buyer_name(struct loader *l, const struct config_node *key, enum load_buyer class,
                            const struct config_node *definition)
{
    char *name = arena_printf(l->arena, "segment.buyer_%s", CLASSES[class]);
    const struct load_name *taken =
        load_find_name(l, span_of(name + strlen("segment.")), LOAD_NAME_SEGMENT);
    if (taken != NULL) {
        config_error_hint(l->config, taken->key, "give the segment another name",
                          "\"buyer_%s\" is the segment of {buyer: %s}", CLASSES[class],
                          CLASSES[class]);
        return;
    }
    if (!load_has_room(l, key, l->n_signals, PLAYBOOK_SIGNALS_MAX, "signals"))
        return;
    l->buyers[class] = load_new_signal(l, name, key, definition, SIGNAL_SEGMENT);
    l->signals[l->buyers[class]].hoists = true;
}

void load_buyer_names(struct loader *l, const struct config_node *root)
{
    const struct config_node *node = config_get(root, "buyers"), *key = NULL;
    if (node == NULL)
        key = load_looks_at_buyers(root);
    else if (!load_is_mapping(l, node, "classes, as in {maxed_out: {usage: {at_least: 80}}}") ||
             !load_check_form(l, node, SCHEMA_BUYERS))
        return;
    for (int class = 0; class < LOAD_BUYERS; class ++) {
        const struct config_node *said = config_get(node, CLASSES[class]);
        if (said != NULL)
            load_buyer_name(l, load_key(node, CLASSES[class]), (enum load_buyer) class, said);
        else if (key != NULL)
            load_buyer_name(l, key, (enum load_buyer) class, NULL);
    }
}

// ---- Conditions ----

static int32_t load_ready_event(struct loader *l, const struct config_node *node, const char *name)
{
    for (int32_t i = 0; i < l->n_events; i++) {
        if (strcmp(l->events[i], name) == 0)
            return i;
    }
    if (!load_has_room(l, node, l->n_events, PLAYBOOK_EVENTS_MAX, "events"))
        return PLAYBOOK_NONE;
    MEM_GROW(l->events, l->n_events, l->cap_events);
    l->events[l->n_events] = name;
    return l->n_events++;
}

static int32_t load_ready(struct loader *l, const struct config_node *key, enum load_buyer class)
{
    const char *name = arena_printf(l->arena, "buyer.%s", CLASSES[class]);
    int32_t *events = arena_alloc(l->arena, sizeof *events * ARRAY_LEN(READY[class].events));
    int32_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(READY[class].events); i++) {
        if (READY[class].events[i] == NULL)
            continue;
        events[n] = load_ready_event(l, key, READY[class].events[i]);
        if (events[n++] == PLAYBOOK_NONE)
            return PLAYBOOK_NONE;
    }
    int32_t at = load_hidden_measure(l, key, name);
    if (at == PLAYBOOK_NONE)
        return PLAYBOOK_NONE;
    struct measure *measure = &l->measures[at].as;
    measure->kind = MEASURE_COUNT;
    measure->scope = SCOPE_ACCOUNT;
    measure->window = WINDOW_DAYS;
    measure->window_n = READY[class].days;
    measure->events = events;
    measure->n_events = n;
    return load_at_least(l, key, at, name, READY[class].at_least * INT64_C(1000), LOAD_IN_SIGNAL);
}

// In the class: its condition holds, and no class before it.
static void load_class(struct loader *l, enum load_buyer class)
{
    int32_t parts[LOAD_BUYERS], before[LOAD_BUYERS], n = 0, n_before = 0;
    int32_t at = l->buyers[class];
    const struct config_node *key = l->signals[at].key;
    if (l->signals[at].definition != NULL)
        load_signal(l, at, 0);
    else
        l->signals[at].as.condition = l->signals[at].entry = load_ready(l, key, class);
    parts[n++] = l->signals[at].as.condition;
    if (parts[0] == PLAYBOOK_NONE)
        return;
    for (int i = 0; i < (int)class; i++) {
        if (l->buyers[i] != PLAYBOOK_NONE)
            before[n_before++] =
                load_look_at_signal(l, key, l->buyers[i], l->signals[l->buyers[i]].as.name);
    }
    if (n_before > 0) {
        int32_t any = load_join(l, key, CONDITION_ANY, before, n_before);
        if (any != PLAYBOOK_NONE)
            l->conditions[any].as.quiet = true;
        parts[n++] = any == PLAYBOOK_NONE ? any : load_join(l, key, CONDITION_NOT, &any, 1);
    }
    int32_t whole = load_join(l, key, CONDITION_ALL, parts, n);
    l->signals[at].as.condition = whole;
}

void load_buyers(struct loader *l)
{
    for (int class = 0; class < LOAD_BUYERS; class ++) {
        if (l->buyers[class] != PLAYBOOK_NONE)
            load_class(l, (enum load_buyer) class);
    }
}

// ---- {buyer: CLASS} ----

static int32_t load_not(struct loader *l, const struct config_node *node, int32_t condition,
                        const char *text)
{
    int32_t none = condition == PLAYBOOK_NONE ? PLAYBOOK_NONE
                                              : load_join(l, node, CONDITION_NOT, &condition, 1);
    if (none != PLAYBOOK_NONE)
        l->conditions[none].as.text = text;
    return none;
}

static int32_t load_free(struct loader *l, const struct config_node *node)
{
    int32_t any[LOAD_BUYERS], n = 0;
    for (int i = 0; i < LOAD_BUYERS; i++) {
        if (l->buyers[i] != PLAYBOOK_NONE)
            any[n++] = load_look_at_signal(l, node, l->buyers[i], l->signals[l->buyers[i]].as.name);
    }
    if (n == 0)
        return load_always(l, node);
    return load_not(l, node, load_join(l, node, CONDITION_ANY, any, n), "buyer free");
}

int32_t load_buyer(struct loader *l, const struct config_node *right, enum load_place place)
{
    size_t class;
    if (!load_signal_allowed(l, right, place))
        return PLAYBOOK_NONE;
    if (!config_read_choice(l->config, right, CLASSES, ARRAY_LEN(CLASSES), &class))
        return PLAYBOOK_NONE;
    if (class == LOAD_BUYERS)
        return load_free(l, right);
    const char *text = arena_printf(l->arena, "buyer %s", CLASSES[class]);
    if (l->buyers[class] != PLAYBOOK_NONE)
        return load_look_at_signal(l, right, l->buyers[class], text);
    config_warn(l->config, right,
                "give it a condition under buyers:", "no account ever is in the class \"%s\"",
                CLASSES[class]);
    return load_not(l, right, load_always(l, right), text);
}
