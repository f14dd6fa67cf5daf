// SPDX-License-Identifier: Apache-2.0
// Prompts that the product shows. The reason of a prompt is a signal: what the playbook names, or
// else one that is made of the condition.
#include "common/base/mem.h"
#include "common/base/time_text.h"
#include "services/playbook/load_impl.h"

enum {
    PROMPTS_MAX = 64,
    PROMPT_BYTES_MAX = 1000,
    LINK_BYTES_MAX = 1000,
    PROMPT_PRIORITY_MAX = 1000
};

int32_t load_as_signal(struct loader *l, const struct config_node *node, const char *name)
{
    int32_t condition = load_condition(l, node, LOAD_IN_SIGNAL);
    if (condition == PLAYBOOK_NONE)
        return PLAYBOOK_NONE;
    if (l->conditions[condition].as.kind == CONDITION_SIGNAL)
        return l->conditions[condition].as.signal;
    if (!load_has_room(l, node, l->n_signals, PLAYBOOK_SIGNALS_MAX, "signals"))
        return PLAYBOOK_NONE;
    int32_t at = load_new_signal(l, name, node, NULL, SIGNAL_IMPLIED);
    l->signals[at].as.condition = l->signals[at].entry = condition;
    return at;
}

struct load_prompt_fields {
    const char *text, *offer, *link;
    int64_t priority, expires_ms, snooze_ms;
};

static const struct config_field PROMPT_FIELDS[] = {
    {"text", CONFIG_TEXT, offsetof(struct load_prompt_fields, text), NULL, 0, PROMPT_BYTES_MAX,
     NULL, "What the person reads."},
    {"offer", CONFIG_TEXT, offsetof(struct load_prompt_fields, offer), "", 0, LOAD_TEXT_BYTES_MAX,
     NULL, "What goes with it."},
    {"link", CONFIG_TEXT, offsetof(struct load_prompt_fields, link), "", 0, LINK_BYTES_MAX, NULL,
     "Where it leads."},
    {"priority", CONFIG_INT, offsetof(struct load_prompt_fields, priority), "0", 0,
     PROMPT_PRIORITY_MAX, NULL, "The higher is shown first."},
    {"expires", CONFIG_DURATION, offsetof(struct load_prompt_fields, expires_ms), "0s",
     TIME_MINUTE_MS, LOAD_DAYS_MAX *(int64_t)TIME_DAY_MS, NULL, "How long it is shown."},
    {"snooze", CONFIG_DURATION, offsetof(struct load_prompt_fields, snooze_ms), "0s",
     TIME_MINUTE_MS, LOAD_DAYS_MAX *(int64_t)TIME_DAY_MS, NULL, "When it comes back."},
};

// What a browser may follow without running anything: an address of the web, or a path.
static bool load_is_link(struct span text)
{
    const unsigned char *p = text.ptr;
    for (size_t i = 0; i < text.len; i++) {
        if (p[i] <= ' ' || p[i] == 0x7f)
            return false;
    }
    return span_starts(text, "https://") || span_starts(text, "http://") || span_starts(text, "/");
}

static void load_prompt(struct loader *l, const struct config_node *key,
                        const struct config_node *node)
{
    struct load_prompt_fields fields;
    const struct config_node *when = config_get(node, "when");
    if (!load_check_name(l, key) || !load_is_mapping(l, node, "a prompt, as in {text: ..}"))
        return;
    (void)load_check_form(l, node, SCHEMA_PROMPT);
    (void)config_fill_known(l->config, node, PROMPT_FIELDS, ARRAY_LEN(PROMPT_FIELDS), &fields,
                            l->arena);
    if (fields.link[0] != '\0' && !load_is_link(span_of(fields.link)))
        load_expected(l, config_get(node, "link"), "a link",
                      "https://example.com/upgrade, or a path that begins with /");
    struct prompt prompt = {
        .name = arena_dup(l->arena, config_text(key)),
        .when = PLAYBOOK_NONE,
        .text = fields.text,
        .offer = fields.offer,
        .link = fields.link,
        .priority = (int32_t)fields.priority,
        .expires_ms = fields.expires_ms,
        .snooze_ms = fields.snooze_ms,
    };
    if (when != NULL)
        prompt.when = load_as_signal(l, when, arena_printf(l->arena, "prompt.%s", prompt.name));
    MEM_GROW(l->prompts, l->n_prompts, l->cap_prompts);
    l->prompts[l->n_prompts++] = prompt;
}

void load_prompts(struct loader *l, const struct config_node *node)
{
    if (node == NULL || !load_is_mapping(l, node, "prompts, as in {near_limit: {text: ..}}") ||
        !load_has_room(l, node, (int32_t)config_count(node) - 1, PLAYBOOK_PROMPTS_MAX, "prompts"))
        return;
    for (size_t i = 0; i < config_count(node); i++)
        load_prompt(l, config_key_at(node, i), config_at(node, i));
}
