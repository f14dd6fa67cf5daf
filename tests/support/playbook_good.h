// SPDX-License-Identifier: Apache-2.0
// A playbook that must load, and small questions about what came of it.
#pragma once

#include <criterion/criterion.h>

#include "common/base/time_text.h"
#include "services/playbook/load.h"

#define HEAD "playbook: p\nversion: 7\n"

static inline struct playbook *playbook_good(const char *text)
{
    struct buf report = {0};
    struct playbook *playbook = NULL;
    enum err err = playbook_load("p.yaml", span_of(text), &playbook, &report);
    cr_assert_eq(err, ERR_OK, SPAN_FMT, SPAN_ARG(buf_span(&report)));
    buf_deinit(&report);
    return playbook;
}

static inline const struct signal *good_signal(const struct playbook *playbook, const char *name)
{
    int32_t at = playbook_signal(playbook, span_of(name));
    cr_assert_neq(at, PLAYBOOK_NONE, "no signal %s", name);
    return &playbook->signals[at];
}

// A condition that looks at a signal: its name.
static inline const char *good_looks_at(const struct playbook *playbook, int32_t condition)
{
    cr_assert(condition >= 0 && condition < playbook->n_conditions);
    cr_assert_eq(playbook->conditions[condition].kind, CONDITION_SIGNAL);
    return playbook->signals[playbook->conditions[condition].signal].name;
}

static inline int64_t good_instant(const char *text)
{
    int64_t ms = 0;
    cr_assert(time_parse(span_of(text), &ms), "%s", text);
    return ms;
}

static inline int32_t good_day(const char *date)
{
    return (int32_t)time_day(good_instant(date));
}
