// SPDX-License-Identifier: Apache-2.0
// A signal is its condition alone, or a mapping with `when` and what it remembers: how long the
// condition must hold, what ends it, when it may become true again.
#include "common/base/time_text.h"
#include "services/playbook/load_impl.h"

enum { EPISODES_MAX = 1000000 };

static const char *const LONG_KEYS[] = {"when",  "hold_for", "cooldown", "exit",     "episodes",
                                        "label", "per",      "as",       "requalify"};

bool load_is_long(const struct config_node *definition)
{
    if (config_kind(definition) != CONFIG_MAPPING)
        return false;
    if (config_get(definition, "when") != NULL)
        return true;
    // Alone it may be a measure that is called so.
    for (size_t i = 0; i < ARRAY_LEN(LONG_KEYS) && config_count(definition) > 1; i++) {
        if (load_key(definition, LONG_KEYS[i]) != NULL)
            return true;
    }
    return false;
}

static int64_t load_long_duration(struct loader *l, const struct config_node *node, const char *key)
{
    const struct config_node *value = config_get(node, key);
    int64_t ms = 0;
    if (value != NULL)
        (void)config_read_duration(l->config, value, 0, LOAD_DAYS_MAX * (int64_t)TIME_DAY_MS, &ms);
    return ms;
}

static void load_long_per(struct loader *l, int32_t at, const struct config_node *node)
{
    static const char *const NAMES[] = {[SCOPE_USER] = "user", [SCOPE_ACCOUNT] = "account"};
    size_t scope;
    if (node == NULL || !config_read_choice(l->config, node, NAMES, ARRAY_LEN(NAMES), &scope))
        return;
    l->signals[at].per_account = scope == SCOPE_ACCOUNT;
    l->signals[at].per_user = scope == SCOPE_USER;
}

static void load_long_rest(struct loader *l, int32_t at, const struct config_node *node)
{
    struct signal *signal = &l->signals[at].as;
    const struct config_node *episodes = config_get(node, "episodes");
    const struct config_node *label = config_get(node, "label");
    struct span text;
    int64_t n = 0;
    signal->hold_ms = load_long_duration(l, node, "hold_for");
    signal->cooldown_ms = load_long_duration(l, node, "cooldown");
    if (episodes != NULL)
        (void)config_read_i64(l->config, episodes, 1, EPISODES_MAX, &n);
    signal->episodes_max = (int32_t)n;
    if (label != NULL && config_read_text(l->config, label, LOAD_TEXT_BYTES_MAX, &text))
        signal->label = arena_dup(l->arena, text);
}

void load_signal(struct loader *l, int32_t at, unsigned takes)
{
    const struct config_node *node = l->signals[at].definition;
    const struct config_node *when = node, *exit = NULL;
    int32_t condition = PLAYBOOK_NONE;
    if (load_is_long(node)) {
        when = config_get(node, "when");
        exit = config_get(node, "exit");
        (void)load_check_form(l, node,
                              (takes & LOAD_SIGNAL_AS) != 0 ? SCHEMA_DEFINITION : SCHEMA_SIGNAL);
        load_long_rest(l, at, node);
        if ((takes & LOAD_SIGNAL_PER) != 0)
            load_long_per(l, at, config_get(node, "per"));
        if (when == NULL)
            config_error_hint(l->config, node, "add when: and its condition",
                              "missing key \"when\"");
    }
    if (when != NULL)
        condition = load_condition(l, when, LOAD_IN_SIGNAL);
    l->signals[at].as.condition = l->signals[at].entry = condition;
    if (exit != NULL) {
        int32_t ends = load_condition(l, exit, LOAD_IN_SIGNAL);
        l->signals[at].as.exit = ends;
    }
    struct signal *signal = &l->signals[at].as;
    signal->memory = signal->hold_ms > 0 || signal->cooldown_ms > 0 || signal->episodes_max > 0 ||
                     signal->exit != PLAYBOOK_NONE;
}
