// SPDX-License-Identifier: Apache-2.0
// Experiments: who takes part, who is held out, and how the others are divided. A playbook says the
// arms' shares of those not held out; the playbook as loaded has shares of the whole.
#include "common/base/mem.h"
#include "common/base/time_text.h"
#include "services/playbook/load_teams.h"

enum {
    WHOLE = 10000, // shares are in ten thousandths
    PLANNED_MAX = 1000000000,
    TELLING_LEADS = 50, // of an arm, for which a difference says anything at all
};

static const char HOLDOUT[] = "holdout", TREATED[] = "treated";

// ---- Shares ----

// "12.5%", at most two decimals.
static bool load_parse_share(struct span text, int32_t *out)
{
    const char *p = text.ptr;
    size_t at = 0, from;
    int32_t n = 0, unit = 10;
    while (at < text.len && at < 3 && p[at] >= '0' && p[at] <= '9')
        n = n * 10 + (p[at++] - '0');
    if (at == 0)
        return false;
    n *= 100;
    if (at < text.len && p[at] == '.') {
        for (from = ++at; at < text.len && at < from + 2 && p[at] >= '0' && p[at] <= '9'; at++) {
            n += (p[at] - '0') * unit;
            unit /= 10;
        }
        if (at == from)
            return false;
    }
    *out = n;
    return at + 1 == text.len && p[at] == '%';
}

static bool load_share(struct loader *l, const struct config_node *node, int32_t max, int32_t *out)
{
    struct span text = config_kind(node) == CONFIG_SCALAR ? config_text(node) : span_of("");
    if (text.len == 0 || !load_parse_share(text, out)) {
        load_expected(l, node, "a percentage", "write 10% or 12.5%, with at most two decimals");
        return false;
    }
    if (*out > 0 && *out <= max)
        return true;
    config_error(l->config, node,
                 "expected a percentage above 0%%, %s 100%%, found \"" SPAN_FMT "\"",
                 max < WHOLE ? "below" : "at most", SPAN_ARG(text));
    return false;
}

// The last arm ends at the whole, whatever is rounded on the way.
static void load_spread(struct arm *arms, int32_t n, int32_t rest)
{
    int32_t said = 0, before = 0;
    for (int32_t i = 0; i < n; i++) {
        said += arms[i].share;
        int32_t until = (int32_t)(((int64_t)rest * said + WHOLE / 2) / WHOLE);
        arms[i].share = until - before;
        before = until;
    }
}

// ---- Arms ----

static bool load_arm(struct loader *l, const struct config_node *key,
                     const struct config_node *node, struct arm *arm)
{
    struct span message;
    bool good = load_check_name(l, key);
    if (good && span_is(config_text(key), HOLDOUT)) {
        config_error_hint(l->config, key, "write holdout: 10% beside arms",
                          "\"%s\" is the arm that is held out", HOLDOUT);
        good = false;
    }
    if (!load_is_mapping(l, node, "an arm, as in {share: 50%}"))
        return false;
    (void)load_check_form(l, node, SCHEMA_ARM);
    *arm = (struct arm){.name = arena_dup(l->arena, config_text(key)), .message = ""};
    const struct config_node *share = config_get(node, "share");
    const struct config_node *first_touch = config_get(node, "first_touch");
    const struct config_node *said = config_get(node, "message");
    if (share == NULL)
        config_error_hint(l->config, node, "add share: 50%", "missing key \"share\"");
    good = share != NULL && load_share(l, share, WHOLE, &arm->share) && good;
    if (first_touch != NULL)
        (void)config_read_duration(l->config, first_touch, TIME_SECOND_MS,
                                   LOAD_DAYS_MAX * (int64_t)TIME_DAY_MS, &arm->first_touch_ms);
    if (said != NULL && config_read_text(l->config, said, LOAD_TEXT_BYTES_MAX, &message))
        arm->message = arena_dup(l->arena, message);
    return good;
}

// Appends the arms; false with the mistake reported.
static bool load_arms(struct loader *l, const struct config_node *node, struct arm *arms,
                      int32_t *n)
{
    bool good = true;
    int64_t said = 0;
    if (!load_is_mapping(l, node, "arms, as in {a: {share: 50%}, b: {share: 50%}}") ||
        !load_has_room(l, node, (int32_t)config_count(node) - 1, PLAYBOOK_ARMS_MAX - 1, "arms"))
        return false;
    for (size_t i = 0; i < config_count(node); i++) {
        good = load_arm(l, config_key_at(node, i), config_at(node, i), &arms[i]) && good;
        said += good ? arms[i].share : 0;
    }
    *n = (int32_t)config_count(node);
    if (!good || said == WHOLE)
        return good;
    config_error_hint(l->config, node, "they divide those who are not held out",
                      "the shares add up to %d.%02d %%, not to 100 %%", (int)(said / 100),
                      (int)(said % 100));
    return false;
}

static void load_divide(struct loader *l, const struct config_node *node,
                        struct experiment *experiment)
{
    struct arm *arms = arena_alloc(l->arena, sizeof *arms * PLAYBOOK_ARMS_MAX);
    const struct config_node *holdout = config_get(node, "holdout");
    const struct config_node *said = config_get(node, "arms");
    int32_t held = 0, n = 0, first = holdout != NULL ? 1 : 0;
    if (holdout == NULL && said == NULL) {
        config_error_hint(l->config, node,
                          "add holdout: 10%, or arms:", "nothing is compared with anything");
        return;
    }
    if (holdout != NULL && !load_share(l, holdout, WHOLE - 1, &held))
        return;
    if (holdout != NULL)
        arms[0] = (struct arm){.name = HOLDOUT, .share = held, .holdout = true, .message = ""};
    if (said == NULL)
        arms[first + n++] = (struct arm){.name = TREATED, .share = WHOLE, .message = ""};
    else if (!load_arms(l, said, &arms[first], &n))
        return;
    load_spread(&arms[first], n, WHOLE - held);
    experiment->arms = arms;
    experiment->n_arms = first + n;
}

// ---- Experiments ----

struct load_experiment_fields {
    const char *key;
    int64_t within_ms, size;
};

static const struct config_field EXPERIMENT_FIELDS[] = {
    {"key", CONFIG_TEXT, offsetof(struct load_experiment_fields, key), "", 0, LOAD_TEXT_BYTES_MAX,
     NULL, "What the hash is keyed by."},
    {"within", CONFIG_DURATION, offsetof(struct load_experiment_fields, within_ms), "30d",
     TIME_HOUR_MS, LOAD_DAYS_MAX *(int64_t)TIME_DAY_MS, NULL, "How long a conversion counts."},
    {"size", CONFIG_INT, offsetof(struct load_experiment_fields, size), "0", 1, PLANNED_MAX, NULL,
     "How many leads are planned."},
};

static void load_warn_small(struct loader *l, const struct config_node *key,
                            const struct experiment *experiment)
{
    for (int32_t i = 0; i < experiment->n_arms && experiment->size > 0; i++) {
        const struct arm *arm = &experiment->arms[i];
        int64_t leads = experiment->size * arm->share / WHOLE;
        if (leads >= TELLING_LEADS)
            continue;
        config_warn(l->config, key, "plan more leads, or give it a larger share",
                    "\"%s\" gets %lld of %lld leads: too few to tell a difference", arm->name,
                    (long long)leads, (long long)experiment->size);
    }
}

static void load_experiment(struct loader *l, const struct config_node *key,
                            const struct config_node *node)
{
    struct load_experiment_fields fields;
    struct experiment experiment = {.line = config_line(key)};
    if (!load_check_name(l, key) ||
        !load_is_mapping(l, node, "an experiment, as in {holdout: 10%, within: 30d}"))
        return;
    bool known = load_check_form(l, node, SCHEMA_EXPERIMENT);
    (void)config_fill_known(l->config, node, EXPERIMENT_FIELDS, ARRAY_LEN(EXPERIMENT_FIELDS),
                            &fields, l->arena);
    experiment.name = arena_dup(l->arena, config_text(key));
    experiment.key = fields.key[0] != '\0' ? fields.key : experiment.name;
    experiment.within_ms = fields.within_ms;
    experiment.size = fields.size;
    experiment.of = load_when(l, config_get(node, "of"));
    if (known)
        load_divide(l, node, &experiment);
    load_warn_small(l, key, &experiment);
    for (int32_t i = 0; i < l->n_experiments; i++) {
        if (strcmp(l->experiments[i].key, experiment.key) == 0)
            config_warn(l->config, key, "give it a key of its own",
                        "\"%s\" divides accounts in the same way (line %u)", l->experiments[i].name,
                        l->experiments[i].line);
    }
    MEM_GROW(l->experiments, l->n_experiments, l->cap_experiments);
    l->experiments[l->n_experiments++] = experiment;
}

void load_experiments(struct loader *l, const struct config_node *node)
{
    if (node == NULL ||
        !load_is_mapping(l, node, "experiments, as in {holdout_2026: {holdout: 10%}}") ||
        !load_has_room(l, node, (int32_t)config_count(node) - 1, PLAYBOOK_EXPERIMENTS_MAX,
                       "experiments"))
        return;
    for (size_t i = 0; i < config_count(node); i++)
        load_experiment(l, config_key_at(node, i), config_at(node, i));
}
