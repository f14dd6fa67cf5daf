// SPDX-License-Identifier: Apache-2.0
// links: config base
// Documents that are right: nodes, values, sections by table.
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/config/config.h"

struct sample {
    const char *listen, *key_file;
    bool on;
    int64_t workers, wait_ms, size_bytes;
    int level;
};

static const char *const LEVELS[] = {"off", "error", "info", NULL};
static const struct config_field FIELDS[] = {
    {"listen", CONFIG_TEXT, offsetof(struct sample, listen), NULL, 0, 0, NULL, "Where it listens."},
    {"key_file", CONFIG_TEXT, offsetof(struct sample, key_file), "", 0, 200, NULL, "Its key."},
    {"on", CONFIG_BOOL, offsetof(struct sample, on), "true", 0, 0, NULL, "Whether it runs."},
    {"workers", CONFIG_INT, offsetof(struct sample, workers), "4", 1, 64, NULL, "Threads."},
    {"wait", CONFIG_DURATION, offsetof(struct sample, wait_ms), "5s", 0, 3600000, NULL,
     "Wait for a|b."},
    {"size", CONFIG_BYTES, offsetof(struct sample, size_bytes), "64MiB", 1 << 20, INT64_MAX, NULL,
     "Size."},
    {"level", CONFIG_CHOICE, offsetof(struct sample, level), "info", 0, 0, LEVELS, "How much."},
};

static struct config *load(const char *text)
{
    struct config *config = config_load_text("f.yaml", span_of(text));
    cr_assert_eq(config_error_count(config), 0);
    cr_assert_not_null(config_root(config));
    return config;
}

static const char *text_of(struct buf *buf)
{
    buf_append_u8(buf, 0);
    return (const char *)buf->bytes;
}

Test(config, gives_nodes)
{
    struct config *config = load("a: [1, two, {x: y}]\nb: 'quoted'\n\"c d\":\n  - - z\n");
    const struct config_node *root = config_root(config);
    cr_assert_eq(config_kind(root), CONFIG_MAPPING);
    cr_assert_eq(config_count(root), 3);
    cr_assert(span_is(config_text(config_key_at(root, 2)), "c d"));
    const struct config_node *a = config_get(root, "a");
    cr_assert_eq(a, config_at(root, 0));
    cr_assert_eq(config_kind(a), CONFIG_SEQUENCE);
    cr_assert_eq(config_count(a), 3);
    cr_assert(span_is(config_text(config_at(a, 1)), "two"));
    cr_assert(span_is(config_text(config_get(config_at(a, 2), "x")), "y"));
    cr_assert_eq(config_text(a).len, 0);
    cr_assert_not(config_plain(config_get(root, "b")));
    cr_assert(config_plain(config_at(a, 0)));
    const struct config_node *z = config_at(config_at(config_get(root, "c d"), 0), 0);
    cr_assert_eq(config_line(z), 4);
    cr_assert_eq(config_column(z), 7);
    cr_assert_null(config_get(root, "c"));
    cr_assert_null(config_get(a, "x"));
    cr_assert_null(config_get(NULL, "x"));
    config_destroy(config);
    config_destroy(NULL);
}

Test(config, finds_among_many_keys)
{
    struct buf text = {0};
    char key[16];
    for (int i = 0; i < 1000; i++)
        buf_printf(&text, "k%d: %d\n", i, i);
    buf_append_text(&text, "k500: 1\n");
    struct config *config = config_load_text("f.yaml", buf_span(&text));
    cr_assert_eq(config_error_count(config), 1);
    for (int i = 0; i < 1000; i++) {
        int64_t n;
        snprintf(key, sizeof key, "k%d", i);
        cr_assert(config_read_i64(config, config_get(config_root(config), key), 0, 999, &n));
        cr_assert_eq(n, i);
    }
    cr_assert_null(config_get(config_root(config), "k1000"));
    config_destroy(config);
    buf_deinit(&text);
}

Test(config, reads_values)
{
    struct config *config = load("b: false\ni: -9223372036854775808\nj: 9223372036854775807\n"
                                 "d: -1.5e-3\ne: 3\nt: 48h\nu: \"2w\"\ns: 1KB\nv: 8GiB\nw: 0\n"
                                 "x: a b\n");
    const struct config_node *root = config_root(config);
    bool b = true;
    int64_t i;
    double d;
    struct span s;
    size_t at;
    cr_assert(config_read_bool(config, config_get(root, "b"), &b) && !b);
    cr_assert(config_read_i64(config, config_get(root, "i"), INT64_MIN, INT64_MAX, &i));
    cr_assert_eq(i, INT64_MIN);
    cr_assert(config_read_i64(config, config_get(root, "j"), INT64_MIN, INT64_MAX, &i));
    cr_assert_eq(i, INT64_MAX);
    cr_assert(config_read_double(config, config_get(root, "d"), -1, 1, &d) && d == -1.5e-3);
    cr_assert(config_read_double(config, config_get(root, "e"), 0, 3, &d) && d == 3);
    cr_assert(config_read_duration(config, config_get(root, "t"), 0, INT64_MAX, &i));
    cr_assert_eq(i, 48 * 3600 * 1000);
    cr_assert(config_read_duration(config, config_get(root, "u"), 0, INT64_MAX, &i));
    cr_assert_eq(i, 14ll * 24 * 3600 * 1000);
    cr_assert(config_read_bytes(config, config_get(root, "s"), 0, INT64_MAX, &i) && i == 1000);
    cr_assert(config_read_bytes(config, config_get(root, "v"), 0, 8ll << 30, &i) && i == 8ll << 30);
    cr_assert(config_read_bytes(config, config_get(root, "w"), 0, 1, &i) && i == 0);
    cr_assert(config_read_text(config, config_get(root, "x"), 3, &s) && span_is(s, "a b"));
    static const char *const NAMES[] = {"x", "a b"};
    cr_assert(config_read_choice(config, config_get(root, "x"), NAMES, 2, &at) && at == 1);
    cr_assert_eq(config_error_count(config), 0);
    config_destroy(config);
}

Test(config, fills_defaults)
{
    struct sample sample;
    struct arena arena;
    arena_init(&arena, 1024, 0);
    struct config *config = load("listen: ipc:///tmp/a\n");
    cr_assert(config_fill(config, config_root(config), FIELDS, ARRAY_LEN(FIELDS), &sample, &arena));
    config_destroy(config); // texts live in the arena
    cr_assert_str_eq(sample.listen, "ipc:///tmp/a");
    cr_assert_str_eq(sample.key_file, "");
    cr_assert(sample.on);
    cr_assert_eq(sample.workers, 4);
    cr_assert_eq(sample.wait_ms, 5000);
    cr_assert_eq(sample.size_bytes, 64 << 20);
    cr_assert_eq(sample.level, 2);
    arena_deinit(&arena);
}

Test(config, fills_without_a_section)
{
    struct sample sample;
    struct buf out = {0};
    struct arena arena;
    arena_init(&arena, 1024, 0);
    struct config *config = load("x: 1\n");
    cr_assert(config_fill(config, NULL, FIELDS + 1, ARRAY_LEN(FIELDS) - 1, &sample, &arena));
    cr_assert_not(config_fill(config, NULL, FIELDS, ARRAY_LEN(FIELDS), &sample, &arena));
    cr_assert_null(sample.listen);
    config_report(config, &out);
    cr_assert_str_eq(text_of(&out), "f.yaml: missing key \"listen\"\n");
    buf_deinit(&out);
    config_destroy(config);
    arena_deinit(&arena);
}

static const char PRINTED[] = "# Where it listens.\n"
                              "listen: \"@a\\\"b\\\\c\\x0a\"\n"
                              "# Its key.\n"
                              "key_file: \"\"\n"
                              "# Whether it runs.\n"
                              "on: false\n"
                              "# Threads.\n"
                              "workers: 64\n"
                              "# Wait for a|b.\n"
                              "wait: 1500ms\n"
                              "# Size.\n"
                              "size: 1048577\n"
                              "# How much.\n"
                              "level: off\n";

Test(config, prints_what_reads_back)
{
    struct sample sample = {"@a\"b\\c\n", "", false, 64, 1500, (1 << 20) + 1, 0}, again;
    struct buf first = {0}, second = {0};
    struct arena arena;
    arena_init(&arena, 1024, 0);
    config_print(FIELDS, ARRAY_LEN(FIELDS), &sample, &first);
    struct config *config = config_load_text("f.yaml", buf_span(&first));
    cr_assert(config_fill(config, config_root(config), FIELDS, ARRAY_LEN(FIELDS), &again, &arena));
    cr_assert_str_eq(again.listen, sample.listen);
    config_print(FIELDS, ARRAY_LEN(FIELDS), &again, &second);
    cr_assert_str_eq(text_of(&first), PRINTED);
    cr_assert_str_eq(text_of(&second), PRINTED);
    config_destroy(config);
    buf_deinit(&first);
    buf_deinit(&second);
    arena_deinit(&arena);
}

Test(config, prints_texts_that_look_like_something_else_in_quotes)
{
    static const char *const TEXTS[] = {"null", "true", "12", "a: b", "a:",     "- a", "#x",
                                        "a #b", "~",    "",   "x\ty", "a, [b]", " a",  "\xC3\xA4"};
    static const struct config_field ONE = {"t", CONFIG_TEXT, 0, "", 0, 0, NULL, "Text."};
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
        const char *text = TEXTS[i], *again;
        struct buf out = {0};
        struct arena arena;
        arena_init(&arena, 256, 0);
        config_print(&ONE, 1, &text, &out);
        struct config *config = config_load_text("f.yaml", buf_span(&out));
        cr_assert(config_fill(config, config_root(config), &ONE, 1, &again, &arena), "%s", text);
        cr_assert_str_eq(again, text);
        config_destroy(config);
        buf_deinit(&out);
        arena_deinit(&arena);
    }
}

Test(config, documents_a_section)
{
    struct buf out = {0};
    config_reference(FIELDS, ARRAY_LEN(FIELDS), &out);
    cr_assert_str_eq(text_of(&out),
                     "| Key | Type | Default | Bounds | Meaning |\n"
                     "| --- | --- | --- | --- | --- |\n"
                     "| `listen` | text | required | at most 1024 bytes | Where it listens. |\n"
                     "| `key_file` | text | none | at most 200 bytes | Its key. |\n"
                     "| `on` | true or false | `true` |  | Whether it runs. |\n"
                     "| `workers` | whole number | `4` | from 1 to 64 | Threads. |\n"
                     "| `wait` | duration | `5s` | at most 1h | Wait for a\\|b. |\n"
                     "| `size` | size | `64MiB` | at least 1MiB | Size. |\n"
                     "| `level` | one of `off`, `error`, `info` | `info` |  | How much. |\n");
    buf_deinit(&out);
}

Test(config, loads_a_file)
{
    char dir[] = "/tmp/config-XXXXXX", path[64], expected[128];
    struct buf out = {0};
    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/a.yaml", dir);
    struct config *config = config_load_file(path);
    cr_assert_null(config_root(config));
    config_report(config, &out);
    snprintf(expected, sizeof expected, "%s: cannot read it: No such file or directory\n", path);
    cr_assert_str_eq(text_of(&out), expected);
    config_destroy(config);
    config = config_load_file(dir);
    cr_assert_null(config_root(config));
    cr_assert_eq(config_error_count(config), 1);
    config_destroy(config);

    FILE *file = fopen(path, "w");
    fputs("a: 1\n", file);
    fclose(file);
    config = config_load_file(path);
    cr_assert(span_is(config_text(config_get(config_root(config), "a")), "1"));
    cr_assert(span_is(config_file_text(config), "a: 1\n"));
    config_destroy(config);
    unlink(path);
    rmdir(dir);
    buf_deinit(&out);
}
