// SPDX-License-Identifier: Apache-2.0
// What a team promises (its SLA), and when leads go elsewhere: when nobody can take them, or when
// they are too weak for the slots that there are.
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/time_text.h"
#include "services/playbook/load_teams.h"

#define TERM_MS_MAX (LOAD_DAYS_MAX * (int64_t)TIME_DAY_MS)

enum { ADMIT_DAYS = 28, ADMIT_DAYS_MIN = 7, ADMIT_DAYS_MAX = 365 };

// ---- When nobody can take it ----

struct load_full_fields {
    int64_t wait_ms;
    bool working_time;
};

static const struct config_field FULL_FIELDS[] = {
    {"wait", CONFIG_DURATION, offsetof(struct load_full_fields, wait_ms), "0s", 0, TERM_MS_MAX,
     NULL, "How long it waits for a rep."},
    {"working_time", CONFIG_BOOL, offsetof(struct load_full_fields, working_time), "true", 0, 0,
     NULL, "That time passes only while a rep works."},
};

void load_full(struct loader *l, const struct config_node *node, struct team *team)
{
    struct load_full_fields fields;
    team->wait_ms = INT64_MAX;
    team->wait_working = true;
    team->then_queue = PLAYBOOK_NONE;
    if (node == NULL || !load_is_mapping(l, node, "as in {wait: 30m, then: self_serve}"))
        return;
    (void)load_check_form(l, node, SCHEMA_FULL);
    const struct config_node *then = config_get(node, "then");
    (void)config_fill_known(l->config, node, FULL_FIELDS, ARRAY_LEN(FULL_FIELDS), &fields,
                            l->arena);
    if (then == NULL) {
        config_error_hint(l->config, node, "add then: and a motion, as in then: self_serve",
                          "missing key \"then\"");
        return;
    }
    team->wait_ms = fields.wait_ms;
    team->wait_working = fields.working_time;
    if (load_motion(l, then, &team->then_motion, &team->then_queue) &&
        team->then_queue == team->queue && team->queue != PLAYBOOK_NONE)
        config_error_hint(l->config, then, "name another motion or queue",
                          "this leads back to the queue of the same team");
}

// ---- SLA ----

struct load_sla_fields {
    int64_t first_touch_ms, remind_ms, reassigns;
    bool working_time;
};

static const struct config_field SLA_FIELDS[] = {
    {"first_touch", CONFIG_DURATION, offsetof(struct load_sla_fields, first_touch_ms), NULL,
     TIME_SECOND_MS, TERM_MS_MAX, NULL, "From the assignment to the first touch."},
    {"remind", CONFIG_DURATION, offsetof(struct load_sla_fields, remind_ms), "0s", 0, TERM_MS_MAX,
     NULL, "From the assignment to a reminder."},
    {"reassign", CONFIG_INT, offsetof(struct load_sla_fields, reassigns), "1", 0, 100, NULL,
     "How often it passes on to another rep."},
    {"working_time", CONFIG_BOOL, offsetof(struct load_sla_fields, working_time), "true", 0, 0,
     NULL, "These times pass only while the rep works."},
};

static void load_escalation(struct loader *l, const struct config_node *node,
                            struct escalation *out)
{
    static const char HINT[] = "write {after: 2h, to: \"lead manager\"}";
    struct span to;
    *out = (struct escalation){.to = ""};
    if (!load_is_mapping(l, node, "as in {after: 2h, to: \"lead manager\"}"))
        return;
    (void)load_check_form(l, node, SCHEMA_ESCALATION);
    const struct config_node *after = config_get(node, "after"), *whom = config_get(node, "to");
    if (after == NULL)
        config_error_hint(l->config, node, HINT, "missing key \"after\"");
    else
        (void)config_read_duration(l->config, after, TIME_SECOND_MS, TERM_MS_MAX, &out->after_ms);
    if (whom == NULL)
        config_error_hint(l->config, node, HINT, "missing key \"to\"");
    else if (config_read_text(l->config, whom, LOAD_TEXT_BYTES_MAX, &to))
        out->to = arena_dup(l->arena, to);
}

static int load_compare_escalations(const void *a, const void *b)
{
    const struct escalation *x = a, *y = b;
    if (x->after_ms != y->after_ms)
        return x->after_ms < y->after_ms ? -1 : 1;
    return strcmp(x->to, y->to);
}

static void load_escalations(struct loader *l, const struct config_node *node, struct sla *sla)
{
    if (node == NULL ||
        !load_is_list(l, node, "escalations, as in [{after: 2h, to: \"lead manager\"}]") ||
        !load_has_room(l, node, (int32_t)config_count(node) - 1, LOAD_ESCALATIONS_MAX,
                       "escalations"))
        return;
    size_t n = config_count(node);
    struct escalation *escalations = arena_alloc(l->arena, sizeof *escalations * n);
    for (size_t i = 0; i < n; i++) {
        load_escalation(l, config_at(node, i), &escalations[i]);
        if (escalations[i].after_ms > 0 && escalations[i].after_ms < sla->first_touch_ms)
            config_warn(l->config, config_at(node, i), "escalate after first_touch",
                        "this is told while the lead is still in time");
    }
    qsort(escalations, n, sizeof *escalations, load_compare_escalations);
    sla->escalations = escalations;
    sla->n_escalations = (int32_t)n;
}

void load_sla(struct loader *l, const struct config_node *node, struct sla *sla)
{
    struct load_sla_fields fields;
    if (node == NULL || !load_is_mapping(l, node, "an SLA, as in {first_touch: 1h}"))
        return;
    (void)load_check_form(l, node, SCHEMA_SLA);
    if (!config_fill_known(l->config, node, SLA_FIELDS, ARRAY_LEN(SLA_FIELDS), &fields, l->arena))
        return;
    if (fields.remind_ms >= fields.first_touch_ms)
        config_error(l->config, config_get(node, "remind"),
                     "a reminder comes before the first touch is due");
    sla->first_touch_ms = fields.first_touch_ms;
    sla->remind_ms = fields.remind_ms;
    sla->reassigns = (int32_t)fields.reassigns;
    sla->working_time = fields.working_time;
    load_escalations(l, config_get(node, "escalate"), sla);
}

// ---- Admission ----

struct load_admit_fields {
    int64_t slots_per_week, days;
};

static const struct config_field ADMIT_FIELDS[] = {
    {"slots_per_week", CONFIG_INT, offsetof(struct load_admit_fields, slots_per_week), "0", 1,
     LOAD_CAP_MAX, NULL, "Leads that the team can work in a week."},
    {"days", CONFIG_INT, offsetof(struct load_admit_fields, days), "28", ADMIT_DAYS_MIN,
     ADMIT_DAYS_MAX, NULL, "Days of leads that are looked back at."},
};

void load_admit(struct loader *l, const struct config_node *node, struct team *team)
{
    const struct config_node *admit = config_get(node, "admit");
    struct load_admit_fields fields = {0, ADMIT_DAYS};
    if (admit == NULL)
        return;
    if (!(config_kind(admit) == CONFIG_SCALAR && span_is(config_text(admit), "auto"))) {
        if (!load_is_mapping(l, admit, "auto, or slots, as in {slots_per_week: 40}"))
            return;
        (void)load_check_form(l, admit, SCHEMA_ADMIT);
        if (!config_fill_known(l->config, admit, ADMIT_FIELDS, ARRAY_LEN(ADMIT_FIELDS), &fields,
                               l->arena))
            return;
    }
    team->admit = (struct admission){true, (int32_t)fields.slots_per_week, (int32_t)fields.days};
    if (config_get(node, "full") == NULL)
        config_error_hint(l->config, load_key(node, "admit"), "add full: {then: self_serve}",
                          "leads that are not admitted have nowhere to go");
}
