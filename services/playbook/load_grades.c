// SPDX-License-Identifier: Apache-2.0
// Grades: a name for how well somebody fits and how far they have come, from a grid of both. Names
// are read while names are gathered, what they look at when all scores are known.
#include "services/playbook/load_measures.h"

enum { GRADE_BOUNDS_MAX = 9, GRADE_PERCENT_MILLI = 100000 };

static const struct config_node *load_grades_section(const struct loader *l)
{
    return config_get(config_root(l->config), "grades");
}

static bool load_grade_bound(struct loader *l, const struct config_node *node, bool percent,
                             int64_t *out)
{
    if (!load_milli(l, node, out))
        return false;
    if (!percent || (*out >= 0 && *out <= GRADE_PERCENT_MILLI))
        return true;
    config_error(l->config, node, "fit is a percentage from 0 to 100, found \"" SPAN_FMT "\"",
                 SPAN_ARG(config_text(node)));
    return false;
}

// One side of the grid: [50, 80].
static bool load_grade_side(struct loader *l, const struct config_node *grade, const char *key,
                            struct grade_side *out)
{
    const struct config_node *node = config_get(grade, key);
    bool fit = strcmp(key, "fit") == 0, good = true;
    const char *example = fit ? "as in fit: [50, 80]" : "as in at_least: [40, 100]";
    if (node == NULL) {
        config_error_hint(l->config, grade, arena_printf(l->arena, "add one, %s", example),
                          "missing key \"%s\"", key);
        return false;
    }
    size_t n = config_count(node);
    if (config_kind(node) != CONFIG_SEQUENCE || n == 0 || n > GRADE_BOUNDS_MAX) {
        config_error_hint(l->config, node, example, "expected a list of 1 to %d numbers",
                          GRADE_BOUNDS_MAX);
        return false;
    }
    int64_t *bounds = arena_alloc(l->arena, sizeof *bounds * n);
    for (size_t i = 0; i < n; i++) {
        bool read = load_grade_bound(l, config_at(node, i), fit, &bounds[i]);
        if (read && good && i > 0 && bounds[i] <= bounds[i - 1]) {
            config_error_hint(l->config, config_at(node, i),
                              "write them from the lowest to the highest",
                              "each number must be above the one before it");
            read = false;
        }
        good = good && read;
    }
    out->at_least_milli = bounds;
    out->n = (int32_t)n;
    return good;
}

// Letters by fit, of which A is the best, and numbers by score, of which 1 is.
static const char *const *load_grade_default_names(struct loader *l, const struct measure *grade)
{
    int32_t n_rows = grade->rows.n + 1, n_columns = grade->columns.n + 1;
    const char **names = arena_alloc(l->arena, sizeof *names * (size_t)(n_rows * n_columns));
    for (int32_t row = 0; row < n_rows; row++) {
        for (int32_t column = 0; column < n_columns; column++)
            names[row * n_columns + column] =
                arena_printf(l->arena, "%c%d", 'A' + n_rows - 1 - row, n_columns - column);
    }
    return names;
}

static bool load_grade_row(struct loader *l, const struct config_node *row, int32_t n_columns,
                           const char **out)
{
    bool good = true;
    if (config_kind(row) != CONFIG_SEQUENCE || config_count(row) != (size_t)n_columns) {
        config_error_hint(l->config, row, "from the lowest score to the highest",
                          "expected a list of %d names, one for each level of at_least", n_columns);
        return false;
    }
    for (int32_t i = 0; i < n_columns; i++) {
        struct span name;
        if (!config_read_text(l->config, config_at(row, (size_t)i), LOAD_NAME_BYTES_MAX, &name)) {
            good = false;
            continue;
        }
        out[i] = arena_dup(l->arena, name);
    }
    return good;
}

static bool load_grade_grid(struct loader *l, const struct config_node *node, struct measure *grade)
{
    int32_t n_rows = grade->rows.n + 1, n_columns = grade->columns.n + 1;
    bool good = true;
    if (config_kind(node) != CONFIG_SEQUENCE || config_count(node) != (size_t)n_rows) {
        config_error_hint(l->config, node, "from the lowest fit to the highest",
                          "expected %d lists of names, one for each level of fit", n_rows);
        return false;
    }
    const char **names = arena_alloc(l->arena, sizeof *names * (size_t)(n_rows * n_columns));
    for (int32_t row = 0; row < n_rows; row++)
        good =
            load_grade_row(l, config_at(node, (size_t)row), n_columns, names + row * n_columns) &&
            good;
    grade->names = names;
    return good;
}

static bool load_grade_read(struct loader *l, const struct config_node *node, struct measure *grade)
{
    if (!load_is_mapping(l, node, "a grade, as in {fit: [50], score: engagement, at_least: [40]}"))
        return false;
    bool good = load_check_form(l, node, SCHEMA_GRADE);
    bool sides = load_grade_side(l, node, "fit", &grade->rows);
    sides = load_grade_side(l, node, "at_least", &grade->columns) && sides;
    if (config_get(node, "score") == NULL) {
        config_error_hint(l->config, node, "add score: and its name", "missing key \"score\"");
        good = false;
    }
    if (!sides)
        return false;
    const struct config_node *names = config_get(node, "names");
    if (names != NULL)
        return load_grade_grid(l, names, grade) && good;
    grade->names = load_grade_default_names(l, grade);
    return good;
}

void load_grade_names(struct loader *l)
{
    const struct config_node *grades = load_grades_section(l);
    if (grades == NULL || !load_is_mapping(l, grades, "grades by name"))
        return;
    for (size_t i = 0; i < config_count(grades); i++) {
        const struct config_node *key = config_key_at(grades, i);
        if (!load_has_room(l, key, l->n_measures, PLAYBOOK_MEASURES_MAX, "measures and scores"))
            return;
        if (!load_claim_name(l, key, LOAD_NAME_MEASURE, l->n_measures))
            continue;
        int32_t at = load_new_measure(l, arena_dup(l->arena, config_text(key)), key, NULL);
        struct load_measure *entry = &l->measures[at];
        entry->as.kind = MEASURE_GRADE;
        entry->as.unit = UNIT_VALUE;
        // It is told with every account, whether a condition looks at it or not.
        entry->used = true;
        entry->broken = !load_grade_read(l, config_at(grades, i), &entry->as);
    }
}

// The measure that a grade is read from beside fit.
static bool load_grade_score(struct loader *l, const struct config_node *node, int32_t *out)
{
    const struct load_name *name = load_find_name(l, config_text(node), LOAD_NAME_MEASURE);
    if (name == NULL) {
        load_unknown_name(l, node, "score or measure", 1u << LOAD_NAME_MEASURE, NULL, 0);
        return false;
    }
    struct load_measure *score = &l->measures[name->at];
    score->used = true;
    if (score->broken)
        return false;
    if (!load_is_number(&score->as)) {
        config_error_hint(l->config, node, "name a score, or a measure that counts",
                          "\"%s\" has no levels", score->as.name);
        return false;
    }
    *out = name->at;
    return true;
}

static void load_grade_finish(struct loader *l, const struct config_node *grade, int32_t at)
{
    const struct config_node *fit = load_key(grade, "fit"), *score = config_get(grade, "score");
    int32_t best = load_fit_best(l);
    if (fit != NULL && best == PLAYBOOK_NONE) {
        config_error_hint(l->config, fit, "add fit: and a profile with criteria",
                          "there is no profile to fit");
        l->measures[at].broken = true;
    }
    l->measures[at].as.rows.measure = best;
    if (score != NULL && !load_grade_score(l, score, &l->measures[at].as.columns.measure))
        l->measures[at].broken = true;
}

void load_grades(struct loader *l)
{
    const struct config_node *grades = load_grades_section(l);
    if (grades == NULL || config_kind(grades) != CONFIG_MAPPING)
        return;
    for (size_t i = 0; i < config_count(grades); i++) {
        const struct config_node *key = config_key_at(grades, i), *grade = config_at(grades, i);
        const struct load_name *name = load_find_name(l, config_text(key), LOAD_NAME_MEASURE);
        // A name that was refused belongs to something else.
        if (name != NULL && name->key == key && config_kind(grade) == CONFIG_MAPPING)
            load_grade_finish(l, grade, name->at);
    }
}
