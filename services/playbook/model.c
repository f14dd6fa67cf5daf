// SPDX-License-Identifier: Apache-2.0
#include "services/playbook/model.h"

#include "common/base/hash.h"
#include "common/base/mem.h"

const char *const PLAYBOOK_TEST_NAMES[PLAYBOOK_TESTS] = {
    [TEST_AT_LEAST] = "at_least",
    [TEST_AT_MOST] = "at_most",
    [TEST_ABOVE] = "above",
    [TEST_BELOW] = "below",
    [TEST_BETWEEN] = "between",
    [TEST_IS] = "is",
    [TEST_IN] = "in",
    [TEST_CONTAINS] = "contains",
    [TEST_EXISTS] = "exists",
    [TEST_WITHIN] = "within",
    [TEST_GREW] = "grew",
    [TEST_IS_PAST] = "is_past",
    [TEST_LATER_THAN] = "later_than",
};

const char *const PLAYBOOK_ROLE_NAMES[PLAYBOOK_ROLES] = {
    [ROLE_PAL] = "pal",
    [ROLE_PQL] = "pql",
    [ROLE_PQA] = "pqa",
    [ROLE_MQL] = "mql",
};

const char *const PLAYBOOK_STAGE_NAMES[PLAYBOOK_STAGES] = {
    [STAGE_SIGNED_UP] = "signed_up",
    [STAGE_ACTIVATED] = "activated",
    [STAGE_PQL] = "pql",
    [STAGE_SQL] = "sql",
    [STAGE_CUSTOMER] = "customer",
    [STAGE_EXPANSION] = "expansion",
    [STAGE_AT_RISK] = "at_risk",
    [STAGE_CHURNED] = "churned",
};

const char *const PLAYBOOK_NAMING_NAMES[SCHEMAS_NAMINGS + 1] = {
    [NAMING_ANY] = "any",
    [NAMING_TITLE_CASE] = "title_case",
    [NAMING_SNAKE_CASE] = "snake_case",
    [NAMING_CAMEL_CASE] = "camel_case",
    [NAMING_PASCAL_CASE] = "pascal_case",
    [NAMING_KEBAB_CASE] = "kebab_case",
};

const char *const PLAYBOOK_PROPERTY_TYPE_NAMES[PROPERTY_TYPES + 1] = {
    [PROPERTY_ANY] = "any",         [PROPERTY_TEXT] = "text", [PROPERTY_NUMBER] = "number",
    [PROPERTY_INTEGER] = "integer", [PROPERTY_FLAG] = "flag", [PROPERTY_TIME] = "time",
};

const char *motion_name(enum motion motion)
{
    switch (motion) {
    case MOTION_SALES:
        return "sales";
    case MOTION_SELF_SERVE:
        return "self_serve";
    case MOTION_SUCCESS:
        return "success";
    case MOTION_HOLD_OUT:
        return "hold_out";
    case MOTION_SUPPRESS:
        return "suppress";
    }
    CHECK(false);
}

void playbook_destroy(struct playbook *playbook)
{
    if (playbook == NULL)
        return;
    // The arena holds the playbook itself.
    struct arena *arena = playbook->arena;
    arena_deinit(arena);
    mem_free(arena);
}

int32_t playbook_event(const struct playbook *playbook, struct span name)
{
    CHECK(playbook->event_slots != NULL);
    uint32_t slot = (uint32_t)hash64(name) & playbook->event_mask;
    // The table is never more than half full, so an empty slot ends every chain.
    while (playbook->event_slots[slot] != PLAYBOOK_NONE) {
        int32_t event = playbook->event_slots[slot];
        if (span_is(name, playbook->events[event]))
            return event;
        slot = (slot + 1) & playbook->event_mask;
    }
    return playbook->n_events;
}

int32_t playbook_signal(const struct playbook *playbook, struct span name)
{
    for (int32_t i = 0; i < playbook->n_signals; i++) {
        if (span_is(name, playbook->signals[i].name))
            return i;
    }
    return PLAYBOOK_NONE;
}

bool playbook_is_derived(const struct measure *measure)
{
    switch (measure->kind) {
    case MEASURE_WEIGHTED:
    case MEASURE_BEST:
    case MEASURE_GRADE:
        return true;
    case MEASURE_SINCE:
        return measure->signal != PLAYBOOK_NONE;
    case MEASURE_COUNT:
    case MEASURE_BUSIEST_HOUR:
    case MEASURE_SUM:
    case MEASURE_DISTINCT_USERS:
    case MEASURE_DISTINCT_VALUES:
    case MEASURE_ACTIVE_DAYS:
    case MEASURE_FIRST:
    case MEASURE_LAST:
    case MEASURE_SCORE:
    case MEASURE_USERS_WITH:
    case MEASURE_MAX:
    case MEASURE_MIN:
    case MEASURE_AVERAGE:
    case MEASURE_ACTIVE_WEEKS:
    case MEASURE_DAY_STREAK:
    case MEASURE_WEEK_STREAK:
    case MEASURE_FIRST_VALUE:
    case MEASURE_LAST_VALUE:
    case MEASURE_TIME_SPENT:
    case MEASURE_SEQUENCE:
    case MEASURE_POINTS:
        return false;
    }
    CHECK(false);
}
