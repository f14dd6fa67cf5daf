// SPDX-License-Identifier: Apache-2.0
// links: cli_playbook_schema playbook base PkgConfig::JANSSON
// The table, the loader and the page say the same.
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "cli/playbook_schema.h"
#include "common/config/config.h"
#include "services/playbook/load.h"
#include "services/playbook/schema.h"

static bool loads(const char *text, struct buf *report)
{
    struct playbook *playbook = NULL;
    bool good = playbook_load("example.yaml", span_of(text), &playbook, report) == ERR_OK;
    playbook_destroy(playbook);
    buf_append_u8(report, '\0');
    return good;
}

Test(playbook_schema, every_example_loads)
{
    int n = 0;
    for (int form = 0; form < SCHEMA_FORMS_N; form++) {
        const char *example = SCHEMA_MAPPINGS[form].example;
        struct buf text = {0}, report = {0};
        buf_printf(&text, "playbook: example\nversion: 1\n%s", example);
        buf_append_u8(&text, '\0');
        cr_expect(loads((const char *)text.bytes, &report), "%s:\n%s", SCHEMA_MAPPINGS[form].title,
                  (const char *)report.bytes);
        n += example[0] != '\0';
        buf_deinit(&text);
        buf_deinit(&report);
    }
    cr_assert_geq(n, 12);
}

// A mapping of the form with this key and no other, in a playbook.
static void wrap(int form, const char *key, struct buf *out)
{
    static const char *const AROUND[SCHEMA_FORMS_N] = {
        [SCHEMA_PLAYBOOK] = "%s: 5\n",
        [SCHEMA_MEASURE] = "measures: {m: {%s: {x: 5}}}\n",
        [SCHEMA_SCORE] = "scores: {s: {%s: {x: 5}}}\n",
        [SCHEMA_RULE] = "scores: {s: {points: [{%s: {x: 5}}]}}\n",
        [SCHEMA_FIT] = "fit: {f: {criteria: [], %s: {x: 5}}}\n",
        [SCHEMA_CRITERION] = "fit: {f: {criteria: [{%s: {x: 5}}]}}\n",
        [SCHEMA_GRADE] = "grades: {g: {%s: {x: 5}}}\n",
        [SCHEMA_GROUP] = "signals: {s: {%s: {x: 5}}}\n",
        [SCHEMA_TESTS] = "signals: {s: {account.x: {%s: {x: 5}}}}\n",
        [SCHEMA_SIGNAL] = "signals: {s: {when: always, %s: {x: 5}}}\n",
        [SCHEMA_QUALIFY] = "qualify: {%s: {x: 5}}\n",
        [SCHEMA_DEFINITION] = "qualify: {pql: {when: always, %s: {x: 5}}}\n",
        [SCHEMA_LIFECYCLE] = "lifecycle: {%s: {x: 5}}\n",
        [SCHEMA_MARKETING] = "marketing: {%s: {x: 5}}\n",
        [SCHEMA_ROUTE] = "route: [{%s: {x: 5}}]\n",
        [SCHEMA_QUEUE] = "queues: {q: {%s: {x: 5}}}\n",
        [SCHEMA_PRIORITY] = "priority: [{%s: {x: 5}}]\n",
        [SCHEMA_AGING] = "aging: {%s: {x: 5}}\n",
        [SCHEMA_EFFORT] = "effort: [{%s: {x: 5}}]\n",
        [SCHEMA_TEAM] = "teams: {t: {%s: {x: 5}}}\n",
        [SCHEMA_REP] = "teams: {t: {reps: {r: {%s: {x: 5}}}}}\n",
        [SCHEMA_ABSENCE] = "teams: {t: {reps: {r: {absent: [{%s: {x: 5}}]}}}}\n",
        [SCHEMA_CAPS] = "teams: {t: {caps: {%s: {x: 5}}}}\n",
        [SCHEMA_CAP_PERIOD] = "teams: {t: {caps: {per_period: {%s: {x: 5}}}}}\n",
        [SCHEMA_CAP_WHEN] = "teams: {t: {caps: {when: [{%s: {x: 5}}]}}}\n",
        [SCHEMA_FULL] = "teams: {t: {full: {%s: {x: 5}}}}\n",
        [SCHEMA_SLA] = "teams: {t: {sla: {first_touch: 1h, %s: {x: 5}}}}\n",
        [SCHEMA_ESCALATION] = "teams: {t: {sla: {first_touch: 1h, escalate: [{%s: {x: 5}}]}}}\n",
        [SCHEMA_ADMIT] = "teams: {t: {admit: {%s: {x: 5}}}}\n",
        [SCHEMA_EXPERIMENT] = "experiments: {e: {%s: {x: 5}}}\n",
        [SCHEMA_ARM] = "experiments: {e: {arms: {a: {%s: {x: 5}}}}}\n",
        [SCHEMA_PROMPT] = "prompts: {p: {%s: {x: 5}}}\n",
        [SCHEMA_CONTACT] = "contact: {%s: {x: 5}}\n",
        [SCHEMA_BUYERS] = "buyers: {%s: {x: 5}}\n",
        [SCHEMA_ORGANIZATIONS] = "organizations: {%s: {x: 5}}\n",
        [SCHEMA_IDENTITY] = "identity: {%s: {x: 5}}\n",
        [SCHEMA_ORGANIZATION_DEFINITION] = "qualify: {o: {per: organization, %s: {x: 5}}}\n",
        [SCHEMA_ROLL_UP] = "qualify: {o: {per: organization, when: {%s: {x: 5}}}}\n",
        [SCHEMA_SCHEMAS] = "schemas: {%s: {x: 5}}\n",
        [SCHEMA_EVENT_SCHEMA] = "schemas: {events: {E: {%s: {x: 5}}}}\n",
    };
    char line[256];
    char format[128];
    snprintf(format, sizeof format, "%s", AROUND[form]);
    char *at = strstr(format, "%s");
    *at = '\0';
    snprintf(line, sizeof line, "%s%s%s", format, key, at + 2);
    buf_append_text(out, form == SCHEMA_PLAYBOOK ? "" : "playbook: example\nversion: 1\n");
    buf_append_text(out, line);
    buf_append_u8(out, '\0');
}

static bool is_known(int form, const char *key)
{
    struct buf text = {0}, report = {0};
    char unknown[128];
    wrap(form, key, &text);
    (void)loads((const char *)text.bytes, &report);
    snprintf(unknown, sizeof unknown, "unknown key \"%s\"", key);
    bool known = strstr((const char *)report.bytes, unknown) == NULL;
    // An operand of that name, rather than a key.
    snprintf(unknown, sizeof unknown, "unknown measure or condition \"%s\"", key);
    known = known && strstr((const char *)report.bytes, unknown) == NULL;
    snprintf(unknown, sizeof unknown, "unknown condition of an organization \"%s\"", key);
    known = known && strstr((const char *)report.bytes, unknown) == NULL;
    buf_deinit(&text);
    buf_deinit(&report);
    return known;
}

Test(playbook_schema, the_loader_knows_every_key)
{
    int n = 0;
    for (int form = 0; form < SCHEMA_FORMS_N; form++) {
        for (size_t i = 0; i < SCHEMA_MAPPINGS[form].n_keys; i++, n++)
            cr_expect(is_known(form, SCHEMA_MAPPINGS[form].keys[i].key), "%s: %s",
                      SCHEMA_MAPPINGS[form].title, SCHEMA_MAPPINGS[form].keys[i].key);
        // Of qualify any other name is a definition's.
        if (form != SCHEMA_QUALIFY)
            cr_expect(!is_known(form, "nonsense"), "%s takes anything",
                      SCHEMA_MAPPINGS[form].title);
    }
    cr_assert_geq(n, 100);
}

Test(playbook_schema, the_page_is_what_the_table_says)
{
    struct buf page = {0}, kept = {0};
    playbook_schema_markdown(&page);
    FILE *file = fopen(TEST_SOURCE_DIR "/docs/reference/playbook.md", "r");
    cr_assert(file != NULL);
    for (int c; (c = getc(file)) != EOF;)
        buf_append_u8(&kept, (uint8_t)c);
    fclose(file);
    cr_expect(span_eq(buf_span(&page), buf_span(&kept)),
              "write it anew: assay playbook schema --markdown >docs/reference/playbook.md");
    buf_deinit(&page);
    buf_deinit(&kept);
}

Test(playbook_schema, every_reference_of_the_json_schema_leads_somewhere)
{
    json_t *schema = playbook_schema_json();
    json_t *defs = json_object_get(schema, "$defs");
    char *text = json_dumps(schema, 0);
    int n = 0;
    for (const char *at = text; (at = strstr(at, "#/$defs/")) != NULL; n++) {
        char name[64];
        at += strlen("#/$defs/");
        size_t len = strcspn(at, "\"");
        cr_assert_lt(len, sizeof name);
        memcpy(name, at, len);
        name[len] = '\0';
        cr_expect(json_object_get(defs, name) != NULL, "%s", name);
    }
    cr_assert_geq(n, 20);
    free(text);
    json_decref(schema);
}
