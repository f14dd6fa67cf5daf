// SPDX-License-Identifier: Apache-2.0
// links: cli_trait_lines base PkgConfig::JANSSON
#include <criterion/criterion.h>
#include <jansson.h>

#include "cli/trait_lines.h"

struct world {
    struct trait_lines *lines;
    struct buf call;
    struct err_info info;
};

static void begin(struct world *w, bool of_users, const char *key)
{
    struct trait_lines_opts opts = {of_users, key};
    *w = (struct world){.lines = trait_lines_create(&opts)};
    trait_lines_begin(w->lines, INT64_C(1767571200000));
}

static void end(struct world *w)
{
    trait_lines_destroy(w->lines);
    buf_deinit(&w->call);
}

static enum trait_line next(struct world *w, const char *line)
{
    return trait_lines_next(w->lines, span_of(line), &w->call, &w->info);
}

static json_t *call(struct world *w, const char *line)
{
    json_error_t error;
    cr_assert_eq(next(w, line), TRAIT_LINE_CALL, "%s", w->info.text);
    json_t *json = json_loadb((const char *)w->call.bytes, w->call.len, 0, &error);
    cr_assert(json != NULL);
    return json;
}

static void expect(json_t *json, const char *traits)
{
    char *text = json_dumps(json_object_get(json, "traits"), JSON_COMPACT | JSON_SORT_KEYS);
    cr_assert_str_eq(text, traits);
    free(text);
    json_decref(json);
}

Test(trait_lines, rows_are_group_calls)
{
    struct world w;
    begin(&w, false, NULL);
    cr_assert_eq(next(&w, "\xEF\xBB\xBF"
                          "account,employees,industry,trial,zip,note"),
                 TRAIT_LINE_NONE);
    json_t *json = call(&w, "acme,120,\"saas, b2b\",true,01234,");
    cr_assert_str_eq(json_string_value(json_object_get(json, "type")), "group");
    cr_assert_str_eq(json_string_value(json_object_get(json, "groupId")), "acme");
    cr_assert_str_eq(json_string_value(json_object_get(json, "timestamp")),
                     "2026-01-05T00:00:00.000Z");
    expect(json, "{\"employees\":120,\"industry\":\"saas, b2b\",\"trial\":true,\"zip\":\"01234\"}");
    end(&w);
}

Test(trait_lines, another_column_and_another_delimiter)
{
    struct world w;
    begin(&w, true, "mail");
    cr_assert_eq(next(&w, "name;mail;role"), TRAIT_LINE_NONE);
    json_t *json = call(&w, "Ann;ann@acme.example;admin");
    cr_assert_str_eq(json_string_value(json_object_get(json, "userId")), "ann@acme.example");
    expect(json, "{\"name\":\"Ann\",\"role\":\"admin\"}");
    cr_assert_eq(next(&w, "Bob;;admin"), TRAIT_LINE_BAD);
    cr_assert_str_eq(w.info.text, "mail: missing");
    cr_assert_eq(next(&w, "a;b;c;d"), TRAIT_LINE_BAD);
    end(&w);
    begin(&w, false, "domain");
    cr_assert_eq(next(&w, "account,size"), TRAIT_LINE_BAD);
    cr_assert_str_eq(w.info.text, "there is no column \"domain\"");
    end(&w);
}

Test(trait_lines, a_cell_over_two_lines)
{
    struct world w;
    begin(&w, false, NULL);
    cr_assert_eq(next(&w, "account,about"), TRAIT_LINE_NONE);
    cr_assert_eq(next(&w, "acme,\"makes"), TRAIT_LINE_NONE);
    cr_assert(trait_lines_open(w.lines));
    expect(call(&w, "anvils \"\"fast\"\"\""), "{\"about\":\"makes\\nanvils \\\"fast\\\"\"}");
    cr_assert(!trait_lines_open(w.lines));
    expect(call(&w, "other,x"), "{\"about\":\"x\"}");
    end(&w);
}

Test(trait_lines, objects)
{
    struct world w;
    begin(&w, false, NULL);
    json_t *json = call(&w, "{\"account_id\": 17, \"plan\": {\"name\": \"pro\"}, \"seats\": 5}");
    cr_assert_str_eq(json_string_value(json_object_get(json, "groupId")), "17");
    expect(json, "{\"plan\":{\"name\":\"pro\"},\"seats\":5}");
    cr_assert_eq(next(&w, "{\"seats\": 5}"), TRAIT_LINE_BAD);
    cr_assert_eq(next(&w, "{broken"), TRAIT_LINE_BAD);
    cr_assert_eq(next(&w, "{\"groupId\":\"b\xff\"}"), TRAIT_LINE_BAD);
    end(&w);
}

Test(trait_lines, the_same_row_has_the_same_id_and_a_later_one_another)
{
    struct world w;
    char ids[3][80];
    begin(&w, false, NULL);
    for (int i = 0; i < 3; i++) {
        trait_lines_begin(w.lines, i < 2 ? 1000 : 2000);
        cr_assert_eq(next(&w, "account,employees"), TRAIT_LINE_NONE);
        json_t *json = call(&w, "acme,5");
        snprintf(ids[i], sizeof ids[i], "%s",
                 json_string_value(json_object_get(json, "messageId")));
        json_decref(json);
    }
    cr_assert_str_eq(ids[0], ids[1]);
    cr_assert_str_neq(ids[0], ids[2]);
    end(&w);
}
