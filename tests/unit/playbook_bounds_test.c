// SPDX-License-Identifier: Apache-2.0
// links: playbook config base
// Every list of routing has a bound: as many as that load, one more is a mistake that says so.
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "services/playbook/load.h"

#define HEAD "playbook: p\nversion: 1\nsignals: {s: always}\norganizations: {by: account.x}\n"
#define TEAM HEAD "teams:\n  t:\n    queue: sales\n"

// `#` of an item is its number, so that no two are the same.
static const struct {
    const char *before, *item, *after;
    int most;
    const char *what;
} LISTS[] = {
    {HEAD "queues:\n", "  q#:\n", "", 62, "queues"}, // and the two that are always there
    {HEAD "priority:\n", "  - {when: s, add: #}\n", "", 64, "rules of priority"},
    {HEAD "effort:\n", "  - {when: {account.a: #}, units: 2}\n", "", 64, "rules of effort"},
    {TEAM "    reps:\n", "      r#:\n", "", 500, "reps"},
    {TEAM "    reps: {r: }\n    caps: {when: [", "{if: s, open: #},", "]}\n", 16,
     "caps by condition"},
    {TEAM "    reps: {r: }\n    sla: {first_touch: 1s, escalate: [", "{after: 2h, to: p#},", "]}\n",
     16, "escalations"},
    {HEAD "experiments:\n", "  e#: {holdout: 5%}\n", "", 8, "experiments"},
    {HEAD "prompts:\n", "  p#: {text: T, when: s}\n", "", 64, "prompts"},
    {HEAD "qualify:\n",
     "  o#: {per: organization, when: {accounts_with: {signal: s, at_least: 2}}}\n", "", 16,
     "definitions of organizations"},
};

static bool loads(size_t list, int n, struct buf *report)
{
    struct playbook *playbook = NULL;
    struct buf text = {0};
    buf_append_text(&text, LISTS[list].before);
    for (int i = 0; i < n; i++) {
        for (const char *p = LISTS[list].item; *p != '\0'; p++) {
            if (*p == '#')
                buf_printf(&text, "%d", i);
            else
                buf_append_u8(&text, (uint8_t)*p);
        }
    }
    buf_append_text(&text, LISTS[list].after);
    enum err err = playbook_load("p.yaml", buf_span(&text), &playbook, report);
    buf_append_u8(report, '\0');
    playbook_destroy(playbook);
    buf_deinit(&text);
    return err == ERR_OK;
}

Test(playbook_bounds, one_more_than_the_most_is_a_mistake)
{
    for (size_t i = 0; i < sizeof LISTS / sizeof *LISTS; i++) {
        struct buf good = {0}, full = {0};
        char expected[128];
        cr_expect(loads(i, LISTS[i].most, &good), "%s: %s", LISTS[i].what, (char *)good.bytes);
        cr_expect(!loads(i, LISTS[i].most + 1, &full), "%s", LISTS[i].what);
        snprintf(expected, sizeof expected, "too many %s (", LISTS[i].what);
        cr_expect_not_null(strstr((char *)full.bytes, expected), "%s: %s", LISTS[i].what,
                           (char *)full.bytes);
        buf_deinit(&good);
        buf_deinit(&full);
    }
}

static void append_dates(struct buf *text, int n, const char *before, const char *after)
{
    for (int i = 0; i < n; i++)
        buf_printf(text, "%s20%02d-%02d-%02d%s", before, 10 + i / 300, 1 + i / 25 % 12, 1 + i % 25,
                   after);
}

static bool dates_load(int n, bool absences)
{
    struct playbook *playbook = NULL;
    struct buf text = {0}, report = {0};
    buf_append_text(&text, TEAM "    reps:\n      r:\n        ");
    buf_append_text(&text, absences ? "absent: [" : "holidays: [");
    append_dates(&text, n, absences ? "{to: 2030-01-01, from: " : "", absences ? "}, " : ", ");
    buf_append_text(&text, "]\n");
    enum err err = playbook_load("p.yaml", buf_span(&text), &playbook, &report);
    playbook_destroy(playbook);
    buf_deinit(&text);
    buf_deinit(&report);
    return err == ERR_OK;
}

Test(playbook_bounds, so_do_dates)
{
    cr_expect(dates_load(400, false));
    cr_expect(!dates_load(401, false));
    cr_expect(dates_load(100, true));
    cr_expect(!dates_load(101, true));
}
