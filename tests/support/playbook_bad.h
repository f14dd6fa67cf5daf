// SPDX-License-Identifier: Apache-2.0
// A playbook with a mistake (or a warning), and all that must be said of it.
#pragma once

#include <criterion/criterion.h>

#include "services/playbook/load.h"

struct bad {
    const char *name;
    const char *text;
    const char *report;
};

static inline void playbook_bad_check(const struct bad *bad, enum err expected)
{
    struct buf report = {0};
    struct playbook *playbook = NULL;
    enum err err = playbook_load("p.yaml", span_of(bad->text), &playbook, &report);
    cr_expect_eq(err, expected, "%s: %s", bad->name, err_name(err));
    cr_expect_eq(playbook == NULL, expected != ERR_OK, "%s", bad->name);
    cr_expect(span_is(buf_span(&report), bad->report), "%s: expected\n%s\nfound\n" SPAN_FMT,
              bad->name, bad->report, SPAN_ARG(buf_span(&report)));
    playbook_destroy(playbook);
    buf_deinit(&report);
}
