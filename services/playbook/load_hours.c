// SPDX-License-Identifier: Apache-2.0
// Calendars: time zones, working hours, days of the week, holidays and absences. A zone's rules
// become a table in the playbook, so that whoever uses it needs no other source.
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/time_text.h"
#include "common/zone/zone.h"
#include "services/playbook/load_teams.h"

enum { ZONE_FROM_YEAR = 1970, ZONE_TO_YEAR = 2100 };
enum { DAY_MINUTES = 24 * 60, DATE_BYTES = sizeof "2026-12-25" - 1 };
enum { EVERY_DAY = 0x7f, MONDAY_TO_FRIDAY = 0x1f };

// ---- Zones ----

static bool load_same_letters(struct span a, struct span b)
{
    const unsigned char *x = a.ptr, *y = b.ptr;
    for (size_t i = 0; a.len == b.len && i < a.len; i++) {
        unsigned char p = x[i] == ' ' ? '_' : x[i], q = y[i];
        if ((p | 0x20) != (q | 0x20))
            return false;
    }
    return a.len == b.len;
}

static void load_unknown_zone(struct loader *l, const struct config_node *node)
{
    const char *const *names;
    struct arena arena;
    if (config_error_count(l->config) >= CONFIG_ERRORS_MAX) {
        config_error(l->config, node, "unknown time zone"); // counted, not shown
        return;
    }
    arena_init(&arena, 64 * 1024, 0);
    size_t n = zone_names(&arena, &names);
    for (size_t i = 0; i < n; i++) {
        const char *place = strrchr(names[i], '/');
        if (place == NULL || !load_same_letters(config_text(node), span_of(place + 1)))
            continue;
        const char *hint = arena_printf(&arena, "did you mean \"%s\"?", names[i]);
        config_error_hint(l->config, node, hint, "unknown time zone \"" SPAN_FMT "\"",
                          SPAN_ARG(config_text(node)));
        arena_deinit(&arena);
        return;
    }
    struct span text = config_text(node);
    if (memchr(text.ptr, '/', text.len) != NULL)
        config_error_unknown(l->config, node, "time zone", names, n);
    else
        config_error_hint(l->config, node, "a region and a place, as in Europe/Berlin, or UTC",
                          "unknown time zone \"" SPAN_FMT "\"", SPAN_ARG(text));
    arena_deinit(&arena);
}

static int32_t load_zone(struct loader *l, const struct config_node *node, struct span name)
{
    const struct zone_change *table;
    size_t n;
    for (int32_t i = 0; i < l->n_zones; i++) {
        if (span_is(name, l->zones[i].name))
            return i;
    }
    if (!load_has_room(l, node, l->n_zones, LOAD_ZONES_MAX, "time zones"))
        return PLAYBOOK_NONE;
    struct err_info info;
    enum err err = zone_shifts(name, ZONE_FROM_YEAR, ZONE_TO_YEAR, l->arena, &table, &n, &info);
    if (err == ERR_NOT_FOUND)
        load_unknown_zone(l, node);
    else if (err != ERR_OK)
        config_error(l->config, node, "time zone: %s", info.text);
    if (err != ERR_OK)
        return PLAYBOOK_NONE;
    struct zone_shift *shifts = arena_alloc(l->arena, sizeof *shifts * n);
    for (size_t i = 0; i < n; i++)
        shifts[i] = (struct zone_shift){table[i].from_ms, table[i].offset_s};
    MEM_GROW(l->zones, l->n_zones, l->cap_zones);
    l->zones[l->n_zones] = (struct zone){arena_dup(l->arena, name), shifts, (int32_t)n};
    return l->n_zones++;
}

// The first instant whose local time is of that day.
static int64_t load_day_start(const struct zone *zone, int64_t day)
{
    int64_t local_ms = day * TIME_DAY_MS;
    for (int32_t i = 0; i < zone->n_shifts; i++) {
        int64_t offset_ms = zone->shifts[i].offset_s * (int64_t)TIME_SECOND_MS;
        int64_t from_ms = zone->shifts[i].from_ms, at_ms = local_ms - offset_ms;
        int64_t to_ms = i + 1 < zone->n_shifts ? zone->shifts[i + 1].from_ms : INT64_MAX;
        if (at_ms < from_ms)
            at_ms = from_ms;
        // A day that a shift skips begins where the next one does.
        if (at_ms < to_ms && at_ms + offset_ms >= local_ms)
            return at_ms;
    }
    return local_ms;
}

// ---- Hours ----

struct load_hours load_hours_unsaid(void)
{
    return (struct load_hours){.zone = PLAYBOOK_NONE, .to_min = DAY_MINUTES};
}

// "09:00"; 24:00 is the end of the day.
static bool load_minute(const char *text, int32_t *out)
{
    for (size_t i = 0; i < 5; i++) {
        if (i == 2 ? text[i] != ':' : text[i] < '0' || text[i] > '9')
            return false;
    }
    int32_t minute = (text[3] - '0') * 10 + text[4] - '0';
    *out = ((text[0] - '0') * 10 + text[1] - '0') * 60 + minute;
    return minute < 60 && *out <= DAY_MINUTES;
}

static void load_clock(struct loader *l, const struct config_node *node, struct load_hours *said)
{
    struct span text = config_kind(node) == CONFIG_SCALAR ? config_text(node) : span_of("");
    const char *p = text.ptr;
    said->timed = !span_is(text, "always");
    if (!said->timed) {
        said->from_min = 0;
        said->to_min = DAY_MINUTES;
        return;
    }
    bool good = text.len == sizeof "09:00-17:00" - 1 && p[5] == '-' &&
                load_minute(p, &said->from_min) && load_minute(p + 6, &said->to_min);
    if (!good)
        load_expected(l, node, "hours of the day", "write \"09:00-17:00\", or always");
    else if (said->from_min >= said->to_min)
        config_error_hint(l->config, node, "to midnight is 24:00",
                          "working hours end after they begin, on the same day");
}

static void load_days(struct loader *l, const struct config_node *node, struct load_hours *said)
{
    static const char *const DAYS[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    uint8_t days = 0;
    size_t day;
    if (!load_is_list(l, node, "days, as in [mon, tue, wed]"))
        return;
    for (size_t i = 0; i < config_count(node); i++) {
        const struct config_node *item = config_at(node, i);
        if (!config_read_choice(l->config, item, DAYS, ARRAY_LEN(DAYS), &day))
            continue;
        if ((days & 1u << day) != 0)
            config_error(l->config, item, "\"%s\" stands in the list twice", DAYS[day]);
        days = (uint8_t)(days | 1u << day);
    }
    said->days = days;
}

static bool load_is_date(struct span text, int64_t *day)
{
    int64_t ms;
    if (text.len != DATE_BYTES || !time_parse(text, &ms))
        return false;
    *day = time_day(ms);
    return true;
}

static int load_compare_days(const void *a, const void *b)
{
    const int32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void load_holidays(struct loader *l, const struct config_node *node, struct load_hours *said)
{
    int32_t n = 0;
    // An empty list: none, whatever the team says.
    bool list = config_kind(node) == CONFIG_SEQUENCE;
    if (!list)
        load_expected(l, node, "dates, as in [2026-12-25]", NULL);
    if (!list ||
        !load_has_room(l, node, (int32_t)config_count(node) - 1, LOAD_HOLIDAYS_MAX, "holidays"))
        return;
    int32_t *days = arena_alloc(l->arena, sizeof *days * (config_count(node) + 1));
    for (size_t i = 0; i < config_count(node); i++) {
        const struct config_node *item = config_at(node, i);
        int64_t day;
        if (!load_is_date(config_text(item), &day)) {
            load_expected(l, item, "a date", "write 2026-12-25");
            continue;
        }
        for (int32_t j = 0; j < n; j++) {
            if (days[j] == day)
                config_error(l->config, item, "the date stands in the list twice");
        }
        days[n++] = (int32_t)day;
    }
    if (n > 0)
        qsort(days, (size_t)n, sizeof *days, load_compare_days);
    said->holidays = days;
    said->n_holidays = n;
}

void load_hours_read(struct loader *l, const struct config_node *node, struct load_hours *said)
{
    const struct config_node *zone = config_get(node, "zone"), *hours = config_get(node, "hours");
    const struct config_node *days = config_get(node, "days");
    const struct config_node *holidays = config_get(node, "holidays");
    struct span name;
    if (zone != NULL && config_read_text(l->config, zone, LOAD_TEXT_BYTES_MAX, &name))
        said->zone = load_zone(l, zone, name);
    if (hours != NULL)
        load_clock(l, hours, said);
    if (days != NULL)
        load_days(l, days, said);
    if (holidays != NULL)
        load_holidays(l, holidays, said);
}

struct hours load_hours_settle(struct loader *l, const struct load_hours *said)
{
    struct hours hours = {.zone = said->zone,
                          .days = said->days,
                          .from_min = said->from_min,
                          .to_min = said->to_min,
                          .holidays = said->holidays,
                          .n_holidays = said->n_holidays};
    if (hours.zone == PLAYBOOK_NONE)
        hours.zone = load_zone(l, config_root(l->config), span_of("UTC"));
    if (hours.days == 0)
        hours.days = said->timed ? MONDAY_TO_FRIDAY : EVERY_DAY;
    return hours;
}

// ---- Absences ----

// A date is the start of that day, or of the one after it where the absence ends; `back`: it ends.
static bool load_absence_end(struct loader *l, const struct config_node *absence, const char *key,
                             int32_t zone, bool back, int64_t *out_ms)
{
    const struct config_node *node = config_get(absence, key);
    int64_t day;
    if (node == NULL) {
        config_error_hint(l->config, absence, "write {from: 2026-01-08, to: 2026-01-12}",
                          "missing key \"%s\"", key);
        return false;
    }
    if (load_is_date(config_text(node), &day)) {
        *out_ms = load_day_start(&l->zones[zone], day + (back ? 1 : 0));
        return true;
    }
    if (time_parse(config_text(node), out_ms))
        return true;
    load_expected(l, node, "a date or an instant", "write 2026-01-08, or 2026-01-08T12:00:00Z");
    return false;
}

static int load_compare_absences(const void *a, const void *b)
{
    const struct absence *x = a, *y = b;
    return (x->from_ms > y->from_ms) - (x->from_ms < y->from_ms);
}

static bool load_absence(struct loader *l, const struct config_node *node, int32_t zone,
                         struct absence *out)
{
    if (!load_is_mapping(l, node, "an absence, as in {from: 2026-01-08, to: 2026-01-12}") ||
        !load_check_form(l, node, SCHEMA_ABSENCE))
        return false;
    bool from = load_absence_end(l, node, "from", zone, false, &out->from_ms);
    bool to = load_absence_end(l, node, "to", zone, true, &out->to_ms);
    if (from && to && out->from_ms >= out->to_ms) {
        config_error(l->config, node, "the absence ends before it begins");
        return false;
    }
    return from && to;
}

const struct absence *load_absences(struct loader *l, const struct config_node *node, int32_t zone,
                                    int32_t *n)
{
    *n = 0;
    if (node == NULL || zone == PLAYBOOK_NONE ||
        !load_is_list(l, node, "absences, as in [{from: 2026-01-08, to: 2026-01-12}]") ||
        !load_has_room(l, node, (int32_t)config_count(node) - 1, LOAD_ABSENCES_MAX, "absences"))
        return NULL;
    struct absence *absences = arena_alloc(l->arena, sizeof *absences * config_count(node));
    for (size_t i = 0; i < config_count(node); i++) {
        if (load_absence(l, config_at(node, i), zone, &absences[*n]))
            ++*n;
    }
    if (*n > 0)
        qsort(absences, (size_t)*n, sizeof *absences, load_compare_absences);
    return absences;
}
