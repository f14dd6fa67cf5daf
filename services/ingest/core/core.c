// SPDX-License-Identifier: Apache-2.0
#include "services/ingest/core/core.h"

#include <math.h>

#include "common/base/text.h"
#include "common/base/time_text.h"
#include "services/playbook/mail.h"

// 1990-01-01 and 2100-01-01, and the last instant with a year of four digits.
#define INGEST_AT_MIN_MS 631152000000ll
#define INGEST_AT_MAX_MS 4102444800000ll
#define INGEST_TIME_MAX_MS 253402300799999ll
// A client that says it kept an event longer than this is not believed.
#define INGEST_DELAY_MAX_MS (90ll * TIME_DAY_MS)
// What an event and a property cost beside their texts.
enum { INGEST_EVENT_OVERHEAD = 64, INGEST_PROPERTY_OVERHEAD = 16, INGEST_SHOWN_BYTES_MAX = 60 };

const char *ingest_refusal_text(enum ingest_refusal refusal)
{
    static const char *const TEXTS[] = {"taken",
#define INGEST_REFUSAL_TEXT(name, text) text,
                                        INGEST_REFUSAL_LIST(INGEST_REFUSAL_TEXT)
#undef INGEST_REFUSAL_TEXT
    };
    CHECK((size_t)refusal < ARRAY_LEN(TEXTS));
    return TEXTS[refusal];
}

// Says why not; false, so that it ends a check.
#define INGEST_REFUSE(info, ...) ((void)err_set((info), ERR_INVALID, __VA_ARGS__), false)

static bool check_text(struct span s, const char *field, size_t bytes_max, struct err_info *reason)
{
    if (s.len > bytes_max)
        return INGEST_REFUSE(reason, "%s: %zu bytes, at most %zu", field, s.len, bytes_max);
    if (s.len > 0 && !text_is_clean_utf8(s))
        return INGEST_REFUSE(reason, "%s: not valid UTF-8 without NUL characters", field);
    return true;
}

static bool check_identity(const struct ingest_event *event, struct err_info *reason)
{
    if (!check_text(event->user_id, "user_id", INGEST_ID_BYTES_MAX, reason) ||
        !check_text(event->anonymous_id, "anonymous_id", INGEST_ID_BYTES_MAX, reason) ||
        !check_text(event->previous_id, "previous_id", INGEST_ID_BYTES_MAX, reason))
        return false;
    if (event->kind == INGEST_ALIAS && event->user_id.len == 0)
        return INGEST_REFUSE(reason, "user_id: missing; an alias call needs it");
    if (event->kind == INGEST_ALIAS && event->previous_id.len == 0)
        return INGEST_REFUSE(reason, "previous_id: missing; an alias call needs it");
    if (event->kind != INGEST_GROUP && event->user_id.len == 0 && event->anonymous_id.len == 0)
        return INGEST_REFUSE(reason, "user_id: missing; expected it or anonymous_id");
    return true;
}

static bool check_group(const struct ingest_event *event, struct err_info *reason)
{
    if (event->kind == INGEST_GROUP && event->group_id.len == 0)
        return INGEST_REFUSE(reason, "group_id: missing; a group call needs it");
    return check_text(event->group_id, "group_id", INGEST_ID_BYTES_MAX, reason);
}

static bool check_name(const struct ingest_event *event, struct err_info *reason)
{
    if (event->kind == INGEST_TRACK && event->name.len == 0)
        return INGEST_REFUSE(reason, "name: missing; a track call needs it");
    return check_text(event->name, "name", INGEST_ID_BYTES_MAX, reason);
}

// A clean key as far as a message has room, cut between characters.
static int shown_len(struct span s)
{
    size_t n = s.len;
    if (n > INGEST_SHOWN_BYTES_MAX) {
        n = INGEST_SHOWN_BYTES_MAX;
        while (n > 0 && (((const unsigned char *)s.ptr)[n] & 0xC0) == 0x80)
            n--;
    }
    return (int)n;
}

static bool check_property(const struct ingest_property *property, const char *list,
                           struct err_info *reason)
{
    struct span key = property->key;
    if (key.len == 0)
        return INGEST_REFUSE(reason, "%s: an empty key", list);
    if (key.len > INGEST_KEY_BYTES_MAX)
        return INGEST_REFUSE(reason, "%s: a key has %zu bytes, at most %d", list, key.len,
                             INGEST_KEY_BYTES_MAX);
    if (!text_is_clean_utf8(key))
        return INGEST_REFUSE(reason, "%s: a key is not valid UTF-8 without NUL characters", list);
    switch (property->kind) {
    case INGEST_TEXT:
        if (check_text(property->text, "text", INGEST_TEXT_BYTES_MAX, reason))
            return true;
        (void)err_prefix(reason, ERR_INVALID, "%s.%.*s", list, shown_len(key),
                         (const char *)key.ptr);
        return false;
    case INGEST_NUMBER:
        if (isfinite(property->number))
            return true;
        return INGEST_REFUSE(reason, "%s.%.*s: not a finite number", list, shown_len(key),
                             (const char *)key.ptr);
    case INGEST_INTEGER:
    case INGEST_FLAG:
        return true;
    case INGEST_NONE:
        break;
    }
    return INGEST_REFUSE(reason, "%s.%.*s: expected a text, a number or a flag", list,
                         shown_len(key), (const char *)key.ptr);
}

static bool check_list(const struct ingest_property *items, size_t n, const char *list,
                       struct err_info *reason)
{
    if (n > INGEST_PROPERTIES_MAX)
        return INGEST_REFUSE(reason, "%s: %zu keys, at most %d", list, n, INGEST_PROPERTIES_MAX);
    for (size_t i = 0; i < n; i++) {
        if (!check_property(&items[i], list, reason))
            return false;
    }
    return true;
}

static size_t list_bytes(const struct ingest_property *items, size_t n)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += INGEST_PROPERTY_OVERHEAD + items[i].key.len +
                 (items[i].kind == INGEST_TEXT ? items[i].text.len : 0);
    return bytes;
}

static bool check_size(const struct ingest_event *event, struct err_info *reason)
{
    size_t bytes = INGEST_EVENT_OVERHEAD + event->message_id.len + event->user_id.len +
                   event->anonymous_id.len + event->group_id.len + event->previous_id.len +
                   event->name.len + list_bytes(event->properties, event->n_properties) +
                   list_bytes(event->traits, event->n_traits) +
                   list_bytes(event->context, event->n_context);
    if (bytes > INGEST_EVENT_BYTES_MAX)
        return INGEST_REFUSE(reason, "event has %zu bytes, at most %d", bytes,
                             INGEST_EVENT_BYTES_MAX);
    return true;
}

static enum ingest_refusal check_form(const struct ingest_event *event, struct err_info *reason)
{
    if (event->kind < INGEST_TRACK || event->kind > INGEST_SCREEN) {
        (void)err_set(
            reason, ERR_INVALID,
            "kind: expected track, identify, group, alias, page or screen (1 to 6), got %d",
            event->kind);
        return INGEST_REFUSED_KIND;
    }
    if (event->message_id.len == 0) {
        (void)err_set(reason, ERR_INVALID, "message_id: missing");
        return INGEST_REFUSED_MESSAGE_ID;
    }
    if (!check_text(event->message_id, "message_id", INGEST_MESSAGE_ID_BYTES_MAX, reason))
        return INGEST_REFUSED_MESSAGE_ID;
    if (!check_identity(event, reason))
        return INGEST_REFUSED_IDENTITY;
    if (!check_group(event, reason))
        return INGEST_REFUSED_GROUP;
    if (!check_name(event, reason))
        return INGEST_REFUSED_NAME;
    if (!check_list(event->properties, event->n_properties, "properties", reason) ||
        !check_list(event->traits, event->n_traits, "traits", reason) ||
        !check_list(event->context, event->n_context, "context", reason))
        return INGEST_REFUSED_PROPERTY;
    return check_size(event, reason) ? INGEST_TAKEN : INGEST_REFUSED_SIZE;
}

static bool check_time_range(int64_t ms, const char *field, struct err_info *reason)
{
    if (ms >= -INGEST_TIME_MAX_MS && ms <= INGEST_TIME_MAX_MS)
        return true;
    return INGEST_REFUSE(reason, "%s: %lld is out of range (milliseconds since 1970)", field,
                         (long long)ms);
}

// `limit_ms` is the last instant that is believed; at the end of time itself it is not "the
// future".
static bool check_instant(int64_t ms, int64_t limit_ms, const char *field, struct err_info *reason)
{
    char text[TIME_TEXT_MAX];
    if (ms < INGEST_AT_MIN_MS)
        return INGEST_REFUSE(reason, "%s: %s is before 1990-01-01", field, time_format(ms, text));
    if (ms <= limit_ms)
        return true;
    if (limit_ms == INGEST_AT_MAX_MS)
        return INGEST_REFUSE(reason, "%s: %s is after 2100-01-01", field, time_format(ms, text));
    return INGEST_REFUSE(reason, "%s: %s is in the future", field, time_format(ms, text));
}

// The instant by the client's clock and how long the client kept the event. A device whose clock
// stands at 1970 is put right by this; a delay that cannot be is left alone.
static int64_t corrected(const struct ingest_event *event, int64_t received_ms, int64_t now_ms)
{
    int64_t given = event->timestamp_ms;
    if (given == 0)
        return received_ms != 0 ? received_ms : now_ms;
    int64_t delay_ms = event->sent_at_ms - given;
    if (event->sent_at_ms == 0 || received_ms == 0 || delay_ms < 0 ||
        delay_ms > INGEST_DELAY_MAX_MS)
        return given;
    return received_ms - delay_ms;
}

static bool resolve_time(const struct ingest_event *event, enum ingest_clock clock, int64_t now_ms,
                         struct ingest_target *target, struct err_info *reason)
{
    bool wall = clock == INGEST_CLOCK_WALL;
    int64_t given = event->received_at_ms;
    if (!check_time_range(event->timestamp_ms, "timestamp", reason) ||
        !check_time_range(event->sent_at_ms, "sent_at", reason) ||
        !check_time_range(given, "received_at", reason))
        return false;
    if (given != 0 && !check_instant(given, wall ? now_ms + TIME_DAY_MS : INGEST_AT_MAX_MS,
                                     "received_at", reason))
        return false;
    int64_t at = corrected(event, given != 0 ? given : wall ? now_ms : 0, now_ms);
    int64_t limit = wall         ? now_ms + TIME_DAY_MS
                    : given != 0 ? given + TIME_DAY_MS
                                 : INGEST_AT_MAX_MS;
    if (!check_instant(at, limit, "timestamp", reason))
        return false;
    target->at_ms = at;
    target->received_at_ms = wall ? now_ms : given != 0 ? given : at;
    return true;
}

static struct span text_of(const struct ingest_property *items, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++) {
        if (items[i].kind == INGEST_TEXT && span_is(items[i].key, key))
            return items[i].text;
    }
    return span_make("", 0);
}

// The domain of the company that the user works for, as far as the event says; in the arena.
static struct span company_of(const struct ingest_event *event, struct arena *arena)
{
    char *out = arena_alloc(arena, MAIL_DOMAIN_MAX);
    const struct span addresses[] = {
        event->kind == INGEST_IDENTIFY ? text_of(event->traits, event->n_traits, "email")
                                       : span_make("", 0),
        text_of(event->context, event->n_context, "traits.email"),
        event->user_id,
    };
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        struct span domain = mail_domain(addresses[i], out);
        if (domain.len > 0)
            return mail_is_free(domain) ? span_make("", 0) : domain;
    }
    return span_make("", 0);
}

static struct span personal_of(struct span id, struct arena *arena)
{
    return span_of(arena_printf(arena, "user:%.*s", (int)id.len, (const char *)id.ptr));
}

static struct span account_of(const struct ingest_event *event, enum ingest_accounts accounts,
                              struct span user, struct arena *arena)
{
    if (accounts == INGEST_ACCOUNTS_EMAIL_DOMAIN) {
        struct span company = company_of(event, arena);
        if (company.len > 0)
            return span_make(arena_dup(arena, company), company.len);
    }
    return personal_of(user, arena);
}

// identify with an anonymous id, alias, and group link; context.groupId does not.
static struct ingest_link link_of(const struct ingest_event *event, struct span user,
                                  struct arena *arena)
{
    struct ingest_link link = {0};
    if (event->kind == INGEST_GROUP) {
        link.identity = user;
        link.account = event->group_id;
    } else if (event->kind == INGEST_IDENTIFY || event->kind == INGEST_ALIAS) {
        struct span other = event->kind == INGEST_ALIAS ? event->previous_id : event->anonymous_id;
        if (event->user_id.len > 0 && !span_eq(other, event->user_id))
            link.identity = other;
        link.user = event->user_id;
    }
    if (link.identity.len == 0)
        return (struct ingest_link){0};
    link.home = personal_of(link.identity, arena);
    if (link.user.len > 0)
        link.account = link.home;
    return link;
}

enum ingest_refusal ingest_take(const struct ingest_event *event, const struct ingest_rules *rules,
                                int64_t now_ms, struct arena *arena, struct ingest_target *target,
                                struct err_info *reason)
{
    CHECK(now_ms > 0 && now_ms < INGEST_TIME_MAX_MS);
    enum ingest_refusal refusal = check_form(event, reason);
    if (refusal != INGEST_TAKEN)
        return refusal;
    struct ingest_target taken = {0};
    if (!resolve_time(event, rules->clock, now_ms, &taken, reason))
        return INGEST_REFUSED_TIME;
    taken.user = event->user_id.len > 0 ? event->user_id : event->anonymous_id;
    taken.account = event->group_id;
    if (event->group_id.len == 0) {
        taken.account = account_of(event, rules->accounts, taken.user, arena);
        taken.copy_profile = event->kind == INGEST_IDENTIFY;
    }
    taken.link = link_of(event, taken.user, arena);
    CHECK(taken.account.len > 0);
    *target = taken;
    return INGEST_TAKEN;
}
