// SPDX-License-Identifier: Apache-2.0
// Scores. The short form with a half-life and nothing else is one measure; every other is the sum
// of hidden ones, a rule each, within bounds. `weights` adds up what is declared elsewhere.
#include "services/playbook/load_measures.h"

#include "common/base/time_text.h"

enum { SCORE_POINTS_MAX = 100000, SCORE_PER_DAY_MAX = 1000, SCORE_RULES_MAX = 100 };
enum { SCORE_BANDS_MAX = 20, SCORE_ONE = 1000, SCORE_PARTS_MAX = 1000 };

static const char *const POINTS_KEYS[] = {"points", "half_life", "fades_over", "per",
                                          "bands",  "at_least",  "at_most",    "cap_per_event"};
static const char *const WEIGHTS_KEYS[] = {"weights", "bands", "at_least", "at_most"};

// A score while it is read.
struct load_score {
    struct loader *l;
    int32_t at;
    const struct config_node *node;
    struct measure measure; // what it will be
    enum decay decay;
    int64_t fades_ms;
    int64_t cap_milli;
    int32_t n_parts;
    struct term *parts;
    bool good;
};

// ---- Numbers ----

static bool load_bounded_milli(struct loader *l, const struct config_node *node, const char *what,
                               int64_t low, int64_t *out)
{
    if (!load_milli(l, node, out))
        return false;
    if (*out >= low * 1000 && *out <= SCORE_POINTS_MAX * INT64_C(1000))
        return true;
    config_error(l->config, node, "%s from %lld to %d, found \"" SPAN_FMT "\"", what,
                 (long long)low, SCORE_POINTS_MAX, SPAN_ARG(config_text(node)));
    return false;
}

// A bound on what something may give, either way.
static bool load_cap(struct loader *l, const struct config_node *node, int64_t *out)
{
    if (!load_milli(l, node, out))
        return false;
    if (*out > 0)
        return true;
    config_error_hint(l->config, node, "it bounds the size either way, of points below 0 too",
                      "must be above 0, found \"" SPAN_FMT "\"", SPAN_ARG(config_text(node)));
    return false;
}

// ---- Bands and bounds ----

static bool load_band(struct load_score *s, const struct config_node *bands, size_t i,
                      struct band *out)
{
    const struct config_node *key = config_key_at(bands, i), *from = config_at(bands, i);
    struct span name;
    if (!config_read_text(s->l->config, key, LOAD_NAME_BYTES_MAX, &name))
        return false;
    if (!load_milli(s->l, from, &out[i].from_milli))
        return false;
    out[i].name = arena_dup(s->l->arena, name);
    if (i == 0 || out[i - 1].name == NULL || out[i].from_milli > out[i - 1].from_milli)
        return true;
    config_error_hint(s->l->config, from, "write them from the lowest to the highest",
                      "\"%s\" must begin above \"%s\"", out[i].name, out[i - 1].name);
    return false;
}

static void load_bands(struct load_score *s)
{
    const struct config_node *bands = config_get(s->node, "bands");
    if (bands == NULL)
        return;
    if (!load_is_mapping(s->l, bands, "bands, as in {Cold: 0, Warm: 40}")) {
        s->good = false;
        return;
    }
    size_t n = config_count(bands);
    if (n > SCORE_BANDS_MAX) {
        config_error(s->l->config, config_key_at(bands, SCORE_BANDS_MAX),
                     "too many bands (%d at most)", SCORE_BANDS_MAX);
        s->good = false;
        return;
    }
    struct band *out = arena_alloc(s->l->arena, sizeof *out * n);
    for (size_t i = 0; i < n; i++)
        s->good = load_band(s, bands, i, out) && s->good;
    s->measure.bands = out;
    s->measure.n_bands = (int32_t)n;
}

static void load_score_bounds(struct load_score *s)
{
    const struct config_node *low = config_get(s->node, "at_least");
    const struct config_node *high = config_get(s->node, "at_most");
    bool good = true;
    s->measure.min_milli = INT64_MIN;
    s->measure.max_milli = INT64_MAX;
    if (low != NULL)
        good = load_milli(s->l, low, &s->measure.min_milli);
    if (high != NULL)
        good = load_milli(s->l, high, &s->measure.max_milli) && good;
    if (good && s->measure.min_milli > s->measure.max_milli) {
        config_error(s->l->config, high, "at_most is below at_least");
        good = false;
    }
    s->good = s->good && good;
}

// ---- Fading ----

static void load_fading(struct load_score *s)
{
    const struct config_node *half_life = config_get(s->node, "half_life");
    const struct config_node *fades = config_get(s->node, "fades_over");
    const struct config_node *cap = config_get(s->node, "cap_per_event");
    s->decay = half_life != NULL ? DECAY_HALF_LIFE : fades != NULL ? DECAY_LINEAR : DECAY_NONE;
    if (half_life != NULL && fades != NULL) {
        config_error_hint(s->l->config, load_key(s->node, "fades_over"),
                          "half_life never reaches 0, fades_over does: take one",
                          "fades_over does not go with half_life");
        s->good = false;
    }
    const struct config_node *const ages[] = {half_life, fades};
    for (size_t i = 0; i < ARRAY_LEN(ages); i++) {
        if (ages[i] != NULL && !config_read_duration(s->l->config, ages[i], TIME_HOUR_MS,
                                                     3650 * (int64_t)TIME_DAY_MS, &s->fades_ms))
            s->good = false;
    }
    if (cap != NULL && !load_cap(s->l, cap, &s->cap_milli))
        s->good = false;
}

// ---- Points by event: the short form ----

static bool load_one_points(struct loader *l, const struct config_node *key,
                            const struct config_node *value, struct points *out)
{
    out->event = load_event(l, key);
    bool good = load_bounded_milli(l, value, "points are", -SCORE_POINTS_MAX, &out->milli);
    return good && out->event != PLAYBOOK_NONE;
}

// A hidden part; false with the mistake reported.
static bool load_part(struct load_score *s, const struct config_node *key,
                      const struct measure *part)
{
    struct loader *l = s->l;
    int32_t at = load_hidden_measure(
        l, key, arena_printf(l->arena, "%s#%d", s->measure.name, s->n_parts + 1));
    if (at == PLAYBOOK_NONE)
        return false;
    struct measure *as = &l->measures[at].as, blank = *as;
    *as = *part;
    as->name = blank.name;
    as->line = blank.line;
    as->hidden = true;
    as->kind = MEASURE_POINTS;
    as->decay = s->decay;
    as->half_life_ms = s->fades_ms;
    as->scope = s->measure.scope;
    if (as->cap_milli == 0)
        as->cap_milli = s->cap_milli;
    s->parts[s->n_parts++] = (struct term){at, PLAYBOOK_NONE, SCORE_ONE};
    return true;
}

// Of each event's points a part.
static void load_split_points(struct load_score *s, const struct config_node *node,
                              const struct points *points)
{
    struct measure part = s->l->measures[s->at].as;
    s->parts = arena_alloc(s->l->arena, sizeof *s->parts * config_count(node));
    for (size_t i = 0; i < config_count(node) && s->good; i++) {
        int32_t *event = arena_alloc(s->l->arena, sizeof *event);
        *event = points[i].event;
        part.events = event;
        part.n_events = 1;
        part.points_milli = points[i].milli;
        s->good = load_part(s, config_key_at(node, i), &part);
    }
}

static void load_short_points(struct load_score *s, const struct config_node *node)
{
    size_t n = config_count(node);
    struct points *points = arena_alloc(s->l->arena, sizeof *points * n);
    bool plain = s->decay == DECAY_HALF_LIFE && s->cap_milli == 0 &&
                 s->measure.min_milli == INT64_MIN && s->measure.max_milli == INT64_MAX;
    for (size_t i = 0; i < n; i++)
        s->good = load_one_points(s->l, config_key_at(node, i), config_at(node, i), &points[i]) &&
                  s->good;
    if (!plain) {
        s->measure.kind = MEASURE_WEIGHTED;
        load_split_points(s, node, points);
        return;
    }
    s->measure.kind = MEASURE_SCORE;
    s->measure.decay = DECAY_HALF_LIFE;
    s->measure.half_life_ms = s->fades_ms;
    s->measure.points = points;
    s->measure.n_points = (int32_t)n;
}

// ---- Rules: the long form ----

static void load_rule_often(struct load_definition *d)
{
    const struct config_node *per_day = config_get(d->node, "per_day");
    const struct config_node *once = config_get(d->node, "once");
    int64_t n = 0;
    if (once != NULL && !config_read_bool(d->l->config, once, &d->measure->once))
        d->good = false;
    if (per_day != NULL && !config_read_i64(d->l->config, per_day, 1, SCORE_PER_DAY_MAX, &n))
        d->good = false;
    d->measure->per_day = (int32_t)n;
    if (!d->measure->once || per_day == NULL)
        return;
    config_error_hint(d->l->config, load_key(d->node, "per_day"), "leave one of them out",
                      "per_day does not go with once");
    d->good = false;
}

static void load_rule_points(struct load_definition *d)
{
    const struct config_node *on = config_get(d->node, "on");
    const struct config_node *points = config_get(d->node, "points");
    const struct config_node *cap = config_get(d->node, "at_most");
    if (on == NULL)
        config_error_hint(d->l->config, d->node, "add on: and the event that gives them",
                          "missing key \"on\"");
    if (points == NULL)
        config_error_hint(d->l->config, d->node, "add points: 5", "missing key \"points\"");
    if (on == NULL || !load_selection(d->l, on, &d->measure->events, &d->measure->n_events))
        d->good = false;
    if (points == NULL || !load_bounded_milli(d->l, points, "points are", -SCORE_POINTS_MAX,
                                              &d->measure->points_milli))
        d->good = false;
    if (cap != NULL && !load_cap(d->l, cap, &d->measure->cap_milli))
        d->good = false;
}

static bool load_rule(struct load_score *s, const struct config_node *node)
{
    struct measure part = s->l->measures[s->at].as;
    struct load_definition d = {.l = s->l, .node = node, .measure = &part, .good = true};
    if (!load_is_mapping(s->l, node, "a rule, as in {on: Report Run, points: 5}"))
        return false;
    d.good = load_check_form(s->l, node, SCHEMA_RULE);
    load_rule_points(&d);
    load_rule_often(&d);
    load_where(&d);
    return load_part(s, node, &part) && d.good;
}

static void load_rules(struct load_score *s, const struct config_node *node)
{
    size_t n = config_count(node);
    if (n > SCORE_RULES_MAX) {
        config_error(s->l->config, config_at(node, SCORE_RULES_MAX),
                     "too many rules of points (%d at most)", SCORE_RULES_MAX);
        s->good = false;
        return;
    }
    s->measure.kind = MEASURE_WEIGHTED;
    s->parts = arena_alloc(s->l->arena, sizeof *s->parts * n);
    for (size_t i = 0; i < n; i++)
        s->good = load_rule(s, config_at(node, i)) && s->good;
}

static void load_points(struct load_score *s)
{
    const struct config_node *node = config_get(s->node, "points");
    struct load_definition who = {.l = s->l, .node = s->node, .measure = &s->measure, .good = true};
    bool list = config_kind(node) == CONFIG_SEQUENCE;
    load_per(&who);
    load_fading(s);
    s->good = s->good && who.good;
    if (list && load_is_list(s->l, node, "points, as in {Report Run: 5}"))
        load_rules(s, node);
    else if (!list && load_is_mapping(s->l, node, "points, as in {Report Run: 5}"))
        load_short_points(s, node);
    else
        s->good = false;
}

// ---- Weights ----

static bool load_weight_of_measure(struct load_score *s, const struct config_node *key, int32_t at)
{
    struct load_measure *part = &s->l->measures[at];
    part->used = true;
    if (part->broken && !part->is_score)
        return false;
    if (!part->is_score && !load_is_number(&part->as)) {
        config_error_hint(s->l->config, key,
                          "counts, sums, distinct, active days and weeks, streaks, scores and "
                          "signals have a weight",
                          "\"%s\" cannot be added up", part->as.name);
        return false;
    }
    if (at != s->at && !load_leads_to(s->l, at, s->at))
        return true;
    config_error_hint(s->l->config, key, "one of them must not refer to the next",
                      at == s->at ? "the score \"%s\" refers to itself"
                                  : "the score \"%s\" is made of this one",
                      part->as.name);
    return false;
}

static bool load_weight(struct load_score *s, const struct config_node *key,
                        const struct config_node *weight, struct term *out)
{
    struct span text = config_text(key);
    const struct load_name *measure = load_find_name(s->l, text, LOAD_NAME_MEASURE);
    const struct load_name *signal = load_find_name(s->l, text, LOAD_NAME_SIGNAL);
    *out = (struct term){PLAYBOOK_NONE, PLAYBOOK_NONE, 0};
    bool good =
        load_bounded_milli(s->l, weight, "a weight is", -SCORE_POINTS_MAX, &out->weight_milli);
    if (measure != NULL) {
        good = load_weight_of_measure(s, key, measure->at) && good;
        out->measure = measure->at;
    } else if (signal != NULL) {
        out->signal = signal->at;
    } else {
        load_unknown_name(s->l, key, "score, measure or signal",
                          1u << LOAD_NAME_MEASURE | 1u << LOAD_NAME_SIGNAL, NULL, 0);
        good = false;
    }
    return good;
}

static void load_weights(struct load_score *s)
{
    const struct config_node *node = config_get(s->node, "weights");
    s->measure.kind = MEASURE_WEIGHTED;
    if (!load_is_mapping(s->l, node, "weights, as in {engagement: 1, near_limit: 20}")) {
        s->good = false;
        return;
    }
    size_t n = config_count(node);
    s->parts = arena_alloc(s->l->arena, sizeof *s->parts * n);
    for (size_t i = 0; i < n; i++) {
        struct term *part = &s->parts[s->n_parts];
        // What is wrong is left out: nothing ever walks in a circle of measures.
        if (load_weight(s, config_key_at(node, i), config_at(node, i), part))
            s->n_parts++;
        else
            s->good = false;
    }
}

// ---- The whole ----

// Keys that go with points and not with weights, or are none.
static void load_score_keys(struct load_score *s, bool weights)
{
    if (!load_check_form(s->l, s->node, SCHEMA_SCORE))
        s->good = false;
    for (size_t i = 0; weights && i < ARRAY_LEN(POINTS_KEYS); i++) {
        const struct config_node *key = load_key(s->node, POINTS_KEYS[i]);
        bool takes = false;
        for (size_t j = 0; j < ARRAY_LEN(WEIGHTS_KEYS); j++)
            takes = takes || strcmp(POINTS_KEYS[i], WEIGHTS_KEYS[j]) == 0;
        if (key == NULL || takes)
            continue;
        config_error_hint(s->l->config, key,
                          span_is(config_text(key), "per")
                              ? "it is of users when a part of it is"
                              : "make a score of the points, and give that a weight",
                          "%s does not go with weights", POINTS_KEYS[i]);
        s->good = false;
    }
}

static void load_score_read(struct loader *l, int32_t at)
{
    struct load_score s = {.l = l,
                           .at = at,
                           .node = l->measures[at].definition,
                           .measure = l->measures[at].as,
                           .good = true};
    // What looks at a score may know so much before it is read.
    l->measures[at].broken = true;
    if (!load_is_mapping(l, s.node, "a score, as in {points: {Report Run: 5}, half_life: 30d}"))
        return;
    bool weights = config_get(s.node, "weights") != NULL;
    load_score_keys(&s, weights);
    load_bands(&s);
    load_score_bounds(&s);
    if (weights) {
        load_weights(&s);
    } else if (config_get(s.node, "points") != NULL) {
        load_points(&s);
    } else {
        config_error_hint(l->config, s.node, "add points: {Report Run: 5}",
                          "missing key \"points\"");
        s.good = false;
    }
    if (s.measure.kind == MEASURE_WEIGHTED) {
        s.measure.terms = s.parts;
        s.measure.n_terms = s.n_parts;
    } else {
        // Bounds are of what adds up.
        s.measure.min_milli = s.measure.max_milli = 0;
    }
    l->measures[at].as = s.measure;
    l->measures[at].broken = !s.good;
}

// How many numbers are read for one of it; more than allowed is not counted any further.
static int64_t load_parts(const struct loader *l, int32_t at, int64_t *known)
{
    const struct measure *measure = &l->measures[at].as;
    int64_t n = 1;
    if (known[at] > 0)
        return known[at];
    for (int32_t i = 0; i < measure->n_terms; i++) {
        if (measure->terms[i].measure != PLAYBOOK_NONE)
            n += load_parts(l, measure->terms[i].measure, known);
        n = n > SCORE_PARTS_MAX + 1 ? SCORE_PARTS_MAX + 1 : n;
    }
    known[at] = n;
    return n;
}

// A score is worked out from its parts whenever it is looked at. Those of scores that are made of
// scores double soon; told of the first in the file.
static void load_check_parts(struct loader *l)
{
    int64_t known[PLAYBOOK_MEASURES_MAX] = {0};
    for (int32_t i = 0; i < l->n_measures; i++) {
        if (l->measures[i].as.kind != MEASURE_WEIGHTED ||
            load_parts(l, i, known) <= SCORE_PARTS_MAX)
            continue;
        config_error_hint(l->config, l->measures[i].key, "weigh what they are made of instead",
                          "the score \"%s\" has too many parts, with all parts of its parts "
                          "(%d at most)",
                          l->measures[i].as.name, SCORE_PARTS_MAX);
        l->measures[i].broken = true;
        return;
    }
}

static bool load_is_last_score(const struct loader *l, int32_t at)
{
    for (int32_t i = at + 1; i < l->n_measures; i++) {
        if (l->measures[i].is_score)
            return false;
    }
    return true;
}

void load_score(struct loader *l, int32_t at)
{
    load_score_read(l, at);
    if (load_is_last_score(l, at))
        load_check_parts(l);
}
