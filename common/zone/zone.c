// SPDX-License-Identifier: Apache-2.0
// ICU's calendars walk from one change to the next; a change that leaves the sum of the zone's
// offset and its summer time as it is (a new name, a new rule) is none here.
#include "common/zone/zone.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/ucal.h>
#include <unicode/uenum.h>

#include "common/base/check.h"
#include "common/base/time_text.h"

enum { ZONE_YEAR_MIN = 1900, ZONE_YEAR_MAX = 2200, ZONE_NAMES_MAX = 2000 };

// The one place that knows ICU's codes.
static enum err zone_err_from_icu(UErrorCode code, const char *what, struct err_info *info)
{
    if (U_SUCCESS(code))
        return ERR_OK;
    return err_set(info, ERR_INTERNAL, "%s: %s", what, u_errorName(code));
}

// ICU also knows names of its own ("ACT", "SystemV/EST5") and old short ones ("EST").
static bool zone_is_iana(const char *name)
{
    if (strcmp(name, "UTC") == 0)
        return true;
    return strchr(name, '/') != NULL && strncmp(name, "SystemV/", 8) != 0 &&
           strcmp(name, "Etc/Unknown") != 0;
}

static UEnumeration *zone_open_names(void)
{
    UErrorCode code = U_ZERO_ERROR;
    UEnumeration *names = ucal_openTimeZoneIDEnumeration(UCAL_ZONE_TYPE_ANY, NULL, NULL, &code);
    return U_SUCCESS(code) ? names : NULL;
}

static bool zone_exists(struct span name)
{
    UEnumeration *names = zone_open_names();
    UErrorCode code = U_ZERO_ERROR;
    bool found = false;
    for (const char *at; !found && (at = uenum_next(names, NULL, &code)) != NULL;)
        found = span_is(name, at) && zone_is_iana(at);
    uenum_close(names);
    return found;
}

static int zone_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

size_t zone_names(struct arena *arena, const char *const **out)
{
    UEnumeration *names = zone_open_names();
    UErrorCode code = U_ZERO_ERROR;
    const char **list = arena_alloc(arena, sizeof *list * ZONE_NAMES_MAX);
    size_t n = 0;
    for (const char *at; n < ZONE_NAMES_MAX && (at = uenum_next(names, NULL, &code)) != NULL;) {
        if (zone_is_iana(at))
            list[n++] = arena_dup(arena, span_of(at));
    }
    uenum_close(names);
    if (n > 0)
        qsort(list, n, sizeof *list, zone_compare);
    *out = list;
    return n;
}

static int32_t zone_offset_s(UCalendar *calendar, int64_t at_ms, UErrorCode *code)
{
    ucal_setMillis(calendar, (UDate)at_ms, code);
    int32_t ms = ucal_get(calendar, UCAL_ZONE_OFFSET, code);
    return (ms + ucal_get(calendar, UCAL_DST_OFFSET, code)) / TIME_SECOND_MS;
}

static enum err zone_walk(UCalendar *calendar, int64_t from_ms, int64_t to_ms,
                          struct zone_change *table, size_t *n, struct err_info *info)
{
    UErrorCode code = U_ZERO_ERROR;
    UDate next;
    table[0] = (struct zone_change){INT64_MIN, zone_offset_s(calendar, from_ms, &code)};
    *n = 1;
    while (U_SUCCESS(code) &&
           ucal_getTimeZoneTransitionDate(calendar, UCAL_TZ_TRANSITION_NEXT, &next, &code)) {
        int64_t at_ms = (int64_t)next;
        if (U_FAILURE(code) || at_ms >= to_ms)
            break;
        int32_t offset_s = zone_offset_s(calendar, at_ms, &code);
        if (offset_s == table[*n - 1].offset_s)
            continue;
        if (*n == ZONE_SHIFTS_MAX)
            return err_set(info, ERR_INVALID, "more than %d changes", ZONE_SHIFTS_MAX);
        table[(*n)++] = (struct zone_change){at_ms, offset_s};
    }
    return zone_err_from_icu(code, "changes of a zone", info);
}

static UCalendar *zone_open(const char *name, struct err_info *info)
{
    UChar wide[ZONE_NAME_BYTES_MAX + 1];
    UErrorCode code = U_ZERO_ERROR;
    size_t len = strlen(name);
    // Names are of ASCII.
    for (size_t i = 0; i <= len; i++)
        wide[i] = (UChar)(unsigned char)name[i];
    UCalendar *calendar = ucal_open(wide, (int32_t)len, "", UCAL_GREGORIAN, &code);
    if (zone_err_from_icu(code, "open a calendar", info) == ERR_OK)
        return calendar;
    ucal_close(calendar);
    return NULL;
}

static int64_t zone_year_ms(int32_t year)
{
    return time_day_of_date((struct time_date){year, 1, 1}) * TIME_DAY_MS;
}

enum err zone_shifts(struct span name, int32_t from_year, int32_t to_year, struct arena *arena,
                     const struct zone_change **out, size_t *n, struct err_info *info)
{
    struct zone_change table[ZONE_SHIFTS_MAX];
    char text[ZONE_NAME_BYTES_MAX + 1];
    *out = NULL;
    *n = 0;
    if (from_year < ZONE_YEAR_MIN || to_year > ZONE_YEAR_MAX || from_year > to_year)
        return err_set(info, ERR_INVALID, "years from %d to %d", from_year, to_year);
    if (name.len > ZONE_NAME_BYTES_MAX || !zone_exists(name))
        return err_set(info, ERR_NOT_FOUND, "there is no time zone of this name");
    memcpy(text, name.ptr, name.len);
    text[name.len] = '\0';
    UCalendar *calendar = zone_open(text, info);
    if (calendar == NULL)
        return ERR_INTERNAL;
    enum err err =
        zone_walk(calendar, zone_year_ms(from_year), zone_year_ms(to_year + 1), table, n, info);
    ucal_close(calendar);
    if (err != ERR_OK)
        return err;
    CHECK(*n > 0);
    struct zone_change *kept = arena_alloc(arena, sizeof *kept * *n);
    memcpy(kept, table, sizeof *kept * *n);
    *out = kept;
    return ERR_OK;
}
