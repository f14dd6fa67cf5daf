// SPDX-License-Identifier: Apache-2.0
// links: config base
// Broken files, each with the whole report that it gives.
#include <criterion/criterion.h>
#include <float.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/text.h"
#include "common/config/config.h"
#include "tests/unit/config/mistakes_cases.h"

struct sample {
    const char *listen;
    bool on;
    int64_t workers, wait_ms, size_bytes;
    int level;
};

static const char *const LEVELS[] = {"off", "error", "warn", "info", "debug", NULL};
static const struct config_field FIELDS[] = {
    {"listen", CONFIG_TEXT, offsetof(struct sample, listen), NULL, 0, 20, NULL,
     "Where it listens."},
    {"on", CONFIG_BOOL, offsetof(struct sample, on), "true", 0, 0, NULL, "Whether it runs."},
    {"workers", CONFIG_INT, offsetof(struct sample, workers), "4", 1, 64, NULL, "Threads."},
    {"wait", CONFIG_DURATION, offsetof(struct sample, wait_ms), "5s", 1000, 3600000, NULL, "Wait."},
    {"size", CONFIG_BYTES, offsetof(struct sample, size_bytes), "64MiB", 1 << 20, 8ll << 30, NULL,
     "Size."},
    {"level", CONFIG_CHOICE, offsetof(struct sample, level), "info", 0, 0, LEVELS, "How much."},
};
static const char *const KEYS[] = {"listen", "on",     "workers", "wait", "size",
                                   "level",  "points", "rules",   "ratio"};

// Rules nest: {all: [rule, ...]}, or a name.
static void read_rule(struct config *config, const struct config_node *node)
{
    static const char *const NAMES[] = {"seen", "missing", "stale"};
    static const char *const RULE_KEYS[] = {"all", "any"};
    size_t which;
    if (config_kind(node) == CONFIG_SCALAR) {
        (void)config_read_choice(config, node, NAMES, 3, &which);
        return;
    }
    if (!config_check_keys(config, node, RULE_KEYS, 2))
        return;
    for (size_t i = 0; i < config_count(node); i++) {
        const struct config_node *list = config_at(node, i);
        for (size_t j = 0; j < config_count(list); j++)
            read_rule(config, config_at(list, j));
    }
}

static void read_all(struct config *config, const struct config_node *root)
{
    struct sample sample;
    struct arena arena;
    arena_init(&arena, 1024, 0);
    if (config_kind(root) == CONFIG_MAPPING)
        (void)config_check_keys(config, root, KEYS, ARRAY_LEN(KEYS));
    (void)config_fill_known(config, root, FIELDS, ARRAY_LEN(FIELDS), &sample, &arena);
    const struct config_node *points = config_get(root, "points");
    for (size_t i = 0; points != NULL && i < config_count(points); i++) {
        int64_t n;
        (void)config_read_i64(config, config_at(points, i), INT64_MIN, INT64_MAX, &n);
    }
    const struct config_node *rules = config_get(root, "rules");
    for (size_t i = 0; rules != NULL && i < config_count(rules); i++)
        read_rule(config, config_at(rules, i));
    double ratio;
    if (config_get(root, "ratio") != NULL)
        (void)config_read_double(config, config_get(root, "ratio"), 0, 1, &ratio);
    arena_deinit(&arena);
}

static char *report_of(struct span text)
{
    struct buf out = {0};
    struct config *config = config_load_text("f.yaml", text);
    if (config_root(config) != NULL)
        read_all(config, config_root(config));
    config_report(config, &out);
    cr_assert_eq(out.len == 0, config_error_count(config) + config_warning_count(config) == 0);
    buf_append_u8(&out, 0);
    config_destroy(config);
    return (char *)out.bytes;
}

Test(config_mistakes, are_reported_as_expected)
{
    for (size_t i = 0; i < ARRAY_LEN(BROKEN); i++) {
        char *report = report_of(span_make(BROKEN[i].text, BROKEN[i].len));
        cr_expect_str_eq(report, BROKEN[i].report, "%s:\n%s", BROKEN[i].what, report);
        free(report);
    }
}

Test(config_mistakes, survive_a_cut_at_every_byte)
{
    for (size_t i = 0; i < ARRAY_LEN(BROKEN); i++) {
        for (size_t n = 0; n <= BROKEN[i].len; n++) {
            char *report = report_of(span_make(BROKEN[i].text, n));
            cr_assert(text_is_clean_utf8(span_of(report)));
            free(report);
        }
    }
}

static size_t count_of(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *p = text; (p = strstr(p, what)) != NULL; p++)
        n++;
    return n;
}

Test(config_mistakes, are_bounded)
{
    struct buf text = {0};
    buf_append_text(&text, "listen: x\n");
    for (int i = 0; i < 500; i++)
        buf_printf(&text, "unknown%d: 1\n", i);
    char *report = report_of(buf_span(&text));
    cr_assert_eq(count_of(report, "unknown key"), CONFIG_ERRORS_MAX);
    cr_assert_not_null(strstr(report, "\n500 errors, the first 100 found are shown\n"));
    free(report);
    buf_deinit(&text);
}

Test(config_mistakes, too_many_nodes)
{
    struct buf text = {0};
    buf_append_text(&text, "[");
    for (int i = 0; i < CONFIG_NODES_MAX; i++)
        buf_append_text(&text, "1,\n");
    buf_append_text(&text, "]");
    char *report = report_of(buf_span(&text));
    cr_assert_str_eq(report, "f.yaml:200000:1: too many values (200000 at most)\n"
                             "  200000 | 1,\n"
                             "         | ^\n");
    free(report);
    buf_deinit(&text);
}

Test(config_mistakes, too_many_bytes)
{
    size_t n = CONFIG_BYTES_MAX + 1;
    char *text = malloc(n);
    memset(text, '#', n);
    char *report = report_of(span_make(text, n));
    cr_assert_str_eq(report, "f.yaml: the file is larger than 4MiB\n");
    free(report);
    report = report_of(span_make(text, n - 1));
    cr_assert_str_eq(report, "f.yaml: the file is empty\n");
    free(report);
    free(text);
}

Test(config_mistakes, warnings_do_not_count_as_errors)
{
    struct buf out = {0};
    struct config *config = config_load_text("f.yaml", span_of("a: 1\nb: 2\n"));
    const struct config_node *root = config_root(config);
    config_warn(config, config_get(root, "b"), "leave it out", "has no effect");
    cr_assert_eq(config_error_count(config), 0);
    cr_assert_eq(config_warning_count(config), 1);
    config_error(config, NULL, "no good");
    config_error_hint(config, config_get(root, "a"), "say \"please\"", "line one\nline %d", 2);
    config_report(config, &out);
    buf_append_u8(&out, 0);
    cr_assert_str_eq((const char *)out.bytes, "f.yaml: no good\n"
                                              "f.yaml:1:4: $.a: line one\\nline 2\n"
                                              "  1 | a: 1\n"
                                              "    |    ^ say \"please\"\n"
                                              "f.yaml:2:4: $.b: warning: has no effect\n"
                                              "  2 | b: 2\n"
                                              "    |    ^ leave it out\n"
                                              "2 errors\n");
    buf_deinit(&out);
    config_destroy(config);
}
