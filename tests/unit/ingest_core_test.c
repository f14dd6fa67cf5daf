// SPDX-License-Identifier: Apache-2.0
// links: ingest_core base
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

#include "common/base/mem.h"
#include "common/base/time_text.h"
#include "services/ingest/core/core.h"
#include "services/playbook/mail.h"

static int64_t at(const char *text)
{
    int64_t ms = 0;
    cr_assert(time_parse(span_of(text), &ms), "%s", text);
    return ms;
}

static const struct ingest_rules WALL = {.clock = INGEST_CLOCK_WALL};
static const struct ingest_rules EVENTS = {.clock = INGEST_CLOCK_EVENT};

#define NOW "2026-03-01T12:00:00Z"
#define S(text) ((struct span){(text), sizeof(text) - 1})

static struct ingest_event good(void)
{
    return (struct ingest_event){.kind = INGEST_TRACK,
                                 .message_id = S("m"),
                                 .user_id = S("u"),
                                 .name = S("Signed Up"),
                                 .timestamp_ms = at("2026-03-01T11:00:00Z")};
}

// The reason of a refusal, or NULL. Valid until the next call.
static const char *refusal(const struct ingest_event *event, enum ingest_refusal expected)
{
    static struct err_info reason;
    struct ingest_target target = {.at_ms = -1};
    struct arena arena;
    arena_init(&arena, 1024, 0);
    reason.text[0] = '\0';
    enum ingest_refusal got = ingest_take(event, &WALL, at(NOW), &arena, &target, &reason);
    arena_deinit(&arena);
    cr_assert_eq(got, expected, "got %s (%s), expected %s", ingest_refusal_text(got), reason.text,
                 ingest_refusal_text(expected));
    cr_assert((target.at_ms == -1) == (got != INGEST_TAKEN), "a refusal touches nothing");
    return got == INGEST_TAKEN ? NULL : reason.text;
}

static char *long_text(size_t n)
{
    char *text = mem_alloc(n + 1);
    memset(text, 'x', n);
    text[n] = '\0';
    return text;
}

static const struct ingest_property OK_TEXT = {.key = {"k", 1}, .kind = INGEST_TEXT};

// Each changes one thing of a good event.
#define REFUSES(change, kind, text)                                                                \
    do {                                                                                           \
        struct ingest_event e = good();                                                            \
        change;                                                                                    \
        const char *got = refusal(&e, INGEST_REFUSED_##kind);                                      \
        cr_assert_str_eq(got, text, "%s\n got %s", #change, got);                                  \
    } while (0)
#define TAKES(change)                                                                              \
    do {                                                                                           \
        struct ingest_event e = good();                                                            \
        change;                                                                                    \
        refusal(&e, INGEST_TAKEN);                                                                 \
    } while (0)

Test(ingest_core, refuses_with_the_field_and_what_was_expected)
{
    char *big = long_text(9000);
    REFUSES(e.kind = 0, KIND,
            "kind: expected track, identify, group, alias, page or screen (1 to 6), got 0");
    REFUSES(e.kind = 7, KIND,
            "kind: expected track, identify, group, alias, page or screen (1 to 6), got 7");
    REFUSES(e.kind = -1, KIND,
            "kind: expected track, identify, group, alias, page or screen (1 to 6), got -1");
    REFUSES(e.message_id = S(""), MESSAGE_ID, "message_id: missing");
    REFUSES(e.message_id = span_make(big, 101), MESSAGE_ID, "message_id: 101 bytes, at most 100");
    REFUSES(e.message_id = S("a\0b"), MESSAGE_ID,
            "message_id: not valid UTF-8 without NUL characters");
    REFUSES(e.user_id = S(""), IDENTITY, "user_id: missing; expected it or anonymous_id");
    REFUSES(e.user_id = span_make(big, 201), IDENTITY, "user_id: 201 bytes, at most 200");
    REFUSES(e.user_id = S("\xC3"), IDENTITY, "user_id: not valid UTF-8 without NUL characters");
    REFUSES(e.anonymous_id = span_make(big, 201), IDENTITY, "anonymous_id: 201 bytes, at most 200");
    REFUSES(e.anonymous_id = S("\xFF"), IDENTITY,
            "anonymous_id: not valid UTF-8 without NUL characters");
    REFUSES(e.previous_id = span_make(big, 201), IDENTITY, "previous_id: 201 bytes, at most 200");
    REFUSES(e.kind = INGEST_ALIAS, IDENTITY, "previous_id: missing; an alias call needs it");
    REFUSES((e.kind = INGEST_ALIAS, e.user_id = S(""), e.anonymous_id = S("a")), IDENTITY,
            "user_id: missing; an alias call needs it");
    REFUSES(e.kind = INGEST_GROUP, GROUP, "group_id: missing; a group call needs it");
    REFUSES(e.group_id = span_make(big, 201), GROUP, "group_id: 201 bytes, at most 200");
    REFUSES(e.group_id = S("\xED\xA0\x80"), GROUP,
            "group_id: not valid UTF-8 without NUL characters");
    REFUSES(e.name = S(""), NAME, "name: missing; a track call needs it");
    REFUSES(e.name = span_make(big, 201), NAME, "name: 201 bytes, at most 200");
    REFUSES(e.name = S("a\0"), NAME, "name: not valid UTF-8 without NUL characters");
    mem_free(big);
}

Test(ingest_core, takes_what_is_just_within_the_bounds)
{
    char *big = long_text(9000);
    TAKES(e.message_id = span_make(big, 100));
    TAKES(e.user_id = span_make(big, 200));
    TAKES((e.user_id = S(""), e.anonymous_id = span_make(big, 200)));
    TAKES(e.group_id = span_make(big, 200));
    TAKES(e.name = span_make(big, 200));
    TAKES((e.kind = INGEST_PAGE, e.name = S("")));
    TAKES((e.kind = INGEST_SCREEN, e.name = S("")));
    TAKES((e.kind = INGEST_IDENTIFY, e.name = S("")));
    TAKES((e.kind = INGEST_GROUP, e.user_id = S(""), e.group_id = S("g")));
    TAKES((e.kind = INGEST_ALIAS, e.previous_id = S("old")));
    TAKES(e.user_id = S("\xC3\xA9"));
    mem_free(big);
}

#define LIST(item) (e.n_properties = 1, e.properties = (item))

Test(ingest_core, judges_properties)
{
    char *big = long_text(9000);
    struct ingest_property p = OK_TEXT;
    p.text = span_make(big, 8192);
    TAKES(LIST(&p));
    p.text.len = 8193;
    REFUSES(LIST(&p), PROPERTY, "properties.k: text: 8193 bytes, at most 8192");
    REFUSES((e.n_traits = 1, e.traits = &p), PROPERTY, "traits.k: text: 8193 bytes, at most 8192");
    REFUSES((e.n_context = 1, e.context = &p), PROPERTY,
            "context.k: text: 8193 bytes, at most 8192");
    p.text = S("a\0b");
    REFUSES(LIST(&p), PROPERTY, "properties.k: text: not valid UTF-8 without NUL characters");
    p = OK_TEXT;
    p.key = S("");
    REFUSES(LIST(&p), PROPERTY, "properties: an empty key");
    p.key = span_make(big, 512);
    TAKES(LIST(&p));
    p.key.len = 513;
    REFUSES(LIST(&p), PROPERTY, "properties: a key has 513 bytes, at most 512");
    p.key = S("\xFF");
    REFUSES(LIST(&p), PROPERTY, "properties: a key is not valid UTF-8 without NUL characters");
    p = (struct ingest_property){.key = S("n"), .kind = INGEST_NUMBER, .number = NAN};
    REFUSES(LIST(&p), PROPERTY, "properties.n: not a finite number");
    p.number = -INFINITY;
    REFUSES(LIST(&p), PROPERTY, "properties.n: not a finite number");
    p.number = 1e308;
    TAKES(LIST(&p));
    p.kind = INGEST_NONE;
    REFUSES(LIST(&p), PROPERTY, "properties.n: expected a text, a number or a flag");
    mem_free(big);
}

Test(ingest_core, bounds_the_number_and_the_sum)
{
    static struct ingest_property many[INGEST_PROPERTIES_MAX + 1];
    char *big = long_text(8192);
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = (struct ingest_property){.key = S("k"), .kind = INGEST_FLAG};
    TAKES((e.n_properties = 512, e.properties = many));
    REFUSES((e.n_properties = 513, e.properties = many), PROPERTY,
            "properties: 513 keys, at most 512");
    for (size_t i = 0; i < 8; i++)
        many[i] = (struct ingest_property){
            .key = S("k"), .kind = INGEST_TEXT, .text = span_make(big, 8192)};
    REFUSES((e.n_properties = 8, e.properties = many), SIZE,
            "event has 65747 bytes, at most 65536");
    TAKES((e.n_properties = 7, e.properties = many));
    mem_free(big);
}

Test(ingest_core, judges_times)
{
    REFUSES(e.timestamp_ms = at("1989-12-31T23:59:59.999Z"), TIME,
            "timestamp: 1989-12-31T23:59:59.999Z is before 1990-01-01");
    TAKES(e.timestamp_ms = at("1990-01-01"));
    TAKES(e.timestamp_ms = at("2026-03-02T12:00:00Z"));
    REFUSES(e.timestamp_ms = at("2026-03-02T12:00:00.001Z"), TIME,
            "timestamp: 2026-03-02T12:00:00.001Z is in the future");
    REFUSES(e.timestamp_ms = at("2200-01-01"), TIME,
            "timestamp: 2200-01-01T00:00:00.000Z is in the future");
    REFUSES(e.timestamp_ms = INT64_MAX, TIME,
            "timestamp: 9223372036854775807 is out of range (milliseconds since 1970)");
    REFUSES(e.sent_at_ms = INT64_MIN, TIME,
            "sent_at: -9223372036854775808 is out of range (milliseconds since 1970)");
    REFUSES(e.received_at_ms = INT64_MIN, TIME,
            "received_at: -9223372036854775808 is out of range (milliseconds since 1970)");
    REFUSES(e.received_at_ms = at("2026-03-02T12:00:00.001Z"), TIME,
            "received_at: 2026-03-02T12:00:00.001Z is in the future");
    // Corrected to before 1990 or not: what counts is the instant, not what the client's clock
    // said.
    REFUSES((e.timestamp_ms = at("1980-01-01"), e.sent_at_ms = 0), TIME,
            "timestamp: 1980-01-01T00:00:00.000Z is before 1990-01-01");
    TAKES((e.timestamp_ms = at("1980-01-01"), e.sent_at_ms = at("1980-01-01T00:00:05Z")));
}

static const struct {
    const char *what;
    enum ingest_clock clock;
    const char *timestamp, *sent, *received;
    const char *expected_at, *expected_received;
} TIMES[] = {
    {"as given", INGEST_CLOCK_WALL, "2026-02-01", NULL, NULL, "2026-02-01", NOW},
    {"the client is two days ahead", INGEST_CLOCK_WALL, "2026-03-03T12:00:00Z",
     "2026-03-03T12:00:10Z", NULL, "2026-03-01T11:59:50Z", NOW},
    {"the client stands at 1970", INGEST_CLOCK_WALL, "1970-01-01T00:01:00Z", "1970-01-01T00:01:02Z",
     NULL, "2026-03-01T11:59:58Z", NOW},
    {"received elsewhere before", INGEST_CLOCK_WALL, "2026-02-01", "2026-02-02",
     "2026-02-10T00:00:00Z", "2026-02-09", NOW},
    {"sent before it happened", INGEST_CLOCK_WALL, "2026-02-02", "2026-02-01", NULL, "2026-02-02",
     NOW},
    {"kept for 90 days", INGEST_CLOCK_WALL, "2025-12-01", "2026-03-01", NULL,
     "2025-12-01T12:00:00Z", NOW},
    {"kept longer than is believed", INGEST_CLOCK_WALL, "2025-11-30", "2026-03-01", NULL,
     "2025-11-30", NOW},
    {"without a timestamp", INGEST_CLOCK_WALL, NULL, NULL, NULL, NOW, NOW},
    {"only received", INGEST_CLOCK_WALL, NULL, "2026-02-02", "2026-02-10", "2026-02-10", NOW},
    {"imported as is", INGEST_CLOCK_EVENT, "2012-11-24", NULL, "2012-11-25", "2012-11-24",
     "2012-11-25"},
    {"imported without receipt", INGEST_CLOCK_EVENT, "2012-11-24", NULL, NULL, "2012-11-24",
     "2012-11-24"},
    {"imported and corrected", INGEST_CLOCK_EVENT, "2012-11-24", "2012-11-24T00:00:05Z",
     "2012-11-24T00:01:00Z", "2012-11-24T00:00:55Z", "2012-11-24T00:01:00Z"},
    {"nothing to correct by", INGEST_CLOCK_EVENT, "2012-11-24", "2012-11-24T00:00:05Z", NULL,
     "2012-11-24", "2012-11-24"},
    {"ahead of this machine's clock", INGEST_CLOCK_EVENT, "2031-01-01", NULL, NULL, "2031-01-01",
     "2031-01-01"},
    {"imported without any time", INGEST_CLOCK_EVENT, NULL, NULL, NULL, NOW, NOW},
    {"imported with receipt only", INGEST_CLOCK_EVENT, NULL, NULL, "2012-11-25", "2012-11-25",
     "2012-11-25"},
};

Test(ingest_core, finds_the_instant)
{
    for (size_t i = 0; i < ARRAY_LEN(TIMES); i++) {
        struct ingest_event event = good();
        struct ingest_target target;
        struct err_info reason = {{0}};
        struct arena arena;
        arena_init(&arena, 1024, 0);
        event.timestamp_ms = TIMES[i].timestamp == NULL ? 0 : at(TIMES[i].timestamp);
        event.sent_at_ms = TIMES[i].sent == NULL ? 0 : at(TIMES[i].sent);
        event.received_at_ms = TIMES[i].received == NULL ? 0 : at(TIMES[i].received);
        cr_assert_eq(ingest_take(&event, &(struct ingest_rules){.clock = TIMES[i].clock}, at(NOW),
                                 &arena, &target, &reason),
                     INGEST_TAKEN, "%s: %s", TIMES[i].what, reason.text);
        cr_assert_eq(target.at_ms, at(TIMES[i].expected_at), "%s: at %lld", TIMES[i].what,
                     (long long)target.at_ms);
        cr_assert_eq(target.received_at_ms, at(TIMES[i].expected_received), "%s", TIMES[i].what);
        arena_deinit(&arena);
    }
}

Test(ingest_core, bounds_event_time_without_the_wall_clock)
{
    struct ingest_event event = good();
    struct ingest_target target;
    struct err_info reason;
    struct arena arena;
    arena_init(&arena, 1024, 0);
    event.timestamp_ms = at("2100-01-01T00:00:00.001Z");
    cr_assert_eq(ingest_take(&event, &EVENTS, at(NOW), &arena, &target, &reason),
                 INGEST_REFUSED_TIME);
    cr_assert_str_eq(reason.text, "timestamp: 2100-01-01T00:00:00.001Z is after 2100-01-01");
    event.timestamp_ms = at("2012-01-03");
    event.received_at_ms = at("2012-01-01");
    cr_assert_eq(ingest_take(&event, &EVENTS, at(NOW), &arena, &target, &reason),
                 INGEST_REFUSED_TIME);
    cr_assert_str_eq(reason.text, "timestamp: 2012-01-03T00:00:00.000Z is in the future");
    event.received_at_ms = at("2100-01-02");
    cr_assert_eq(ingest_take(&event, &EVENTS, at(NOW), &arena, &target, &reason),
                 INGEST_REFUSED_TIME);
    cr_assert_str_eq(reason.text, "received_at: 2100-01-02T00:00:00.000Z is after 2100-01-01");
    arena_deinit(&arena);
}

static const struct {
    enum ingest_kind kind;
    const char *user, *anonymous, *group;
    const char *account, *expected_user;
    bool copy;
} ACCOUNTS[] = {
    {INGEST_TRACK, "u", "a", "g", "g", "u", false},
    {INGEST_TRACK, "u", "a", NULL, "user:u", "u", false},
    {INGEST_TRACK, NULL, "a", NULL, "user:a", "a", false},
    {INGEST_TRACK, NULL, "a", "g", "g", "a", false},
    {INGEST_GROUP, NULL, NULL, "g", "g", "", false},
    {INGEST_GROUP, "u", NULL, "g", "g", "u", false},
    {INGEST_IDENTIFY, "u", NULL, NULL, "user:u", "u", true},
    {INGEST_IDENTIFY, NULL, "a", NULL, "user:a", "a", true},
    {INGEST_IDENTIFY, "u", NULL, "g", "g", "u", false},
    {INGEST_PAGE, "u", NULL, NULL, "user:u", "u", false},
};

Test(ingest_core, finds_the_account)
{
    for (size_t i = 0; i < ARRAY_LEN(ACCOUNTS); i++) {
        struct ingest_event event = good();
        struct ingest_target target;
        struct err_info reason = {{0}};
        struct arena arena;
        arena_init(&arena, 1024, 0);
        event.kind = ACCOUNTS[i].kind;
        event.user_id = span_of(ACCOUNTS[i].user);
        event.anonymous_id = span_of(ACCOUNTS[i].anonymous);
        event.group_id = span_of(ACCOUNTS[i].group);
        cr_assert_eq(ingest_take(&event, &WALL, at(NOW), &arena, &target, &reason), INGEST_TAKEN,
                     "%zu: %s", i, reason.text);
        cr_assert(span_is(target.account, ACCOUNTS[i].account), "%zu: " SPAN_FMT, i,
                  SPAN_ARG(target.account));
        cr_assert(span_is(target.user, ACCOUNTS[i].expected_user), "%zu", i);
        cr_assert_eq(target.copy_profile, ACCOUNTS[i].copy, "%zu", i);
        arena_deinit(&arena);
    }
}

// ---- Links ----

static const struct {
    enum ingest_kind kind;
    const char *user, *anonymous, *previous, *group;
    const char *identity, *to_user, *account; // expected; NULL: no link
} LINKS[] = {
    {INGEST_IDENTIFY, "u", "a", NULL, NULL, "a", "u", "user:a"},
    {INGEST_IDENTIFY, "u", "a", NULL, "g", "a", "u", "user:a"},
    {INGEST_IDENTIFY, "u", "u", NULL, NULL, NULL, NULL, NULL},
    {INGEST_IDENTIFY, "u", NULL, NULL, NULL, NULL, NULL, NULL},
    {INGEST_IDENTIFY, NULL, "a", NULL, NULL, NULL, NULL, NULL},
    {INGEST_ALIAS, "u", "a", "p", NULL, "p", "u", "user:p"},
    {INGEST_ALIAS, "u", NULL, "u", NULL, NULL, NULL, NULL},
    {INGEST_GROUP, "u", "a", NULL, "g", "u", "", "g"},
    {INGEST_GROUP, NULL, "a", NULL, "g", "a", "", "g"},
    {INGEST_GROUP, NULL, NULL, NULL, "g", NULL, NULL, NULL},
    {INGEST_TRACK, "u", "a", NULL, "g", NULL, NULL, NULL}, // context.groupId
    {INGEST_PAGE, "u", "a", NULL, NULL, NULL, NULL, NULL},
};

Test(ingest_core, finds_who_is_linked_to_whom)
{
    for (size_t i = 0; i < ARRAY_LEN(LINKS); i++) {
        struct ingest_event event = good();
        struct ingest_target target;
        struct err_info reason = {{0}};
        struct arena arena;
        arena_init(&arena, 1024, 0);
        event.kind = LINKS[i].kind;
        event.user_id = span_of(LINKS[i].user);
        event.anonymous_id = span_of(LINKS[i].anonymous);
        event.previous_id = span_of(LINKS[i].previous);
        event.group_id = span_of(LINKS[i].group);
        cr_assert_eq(ingest_take(&event, &WALL, at(NOW), &arena, &target, &reason), INGEST_TAKEN,
                     "%zu: %s", i, reason.text);
        const struct ingest_link *link = &target.link;
        cr_expect(span_eq(link->identity, span_of(LINKS[i].identity)), "%zu: " SPAN_FMT, i,
                  SPAN_ARG(link->identity));
        cr_expect(span_eq(link->user, span_of(LINKS[i].to_user)), "%zu", i);
        cr_expect(span_eq(link->account, span_of(LINKS[i].account)), "%zu", i);
        if (link->identity.len > 0)
            cr_expect_eq(link->home.len, link->identity.len + strlen("user:"), "%zu", i);
        arena_deinit(&arena);
    }
}

// ---- Accounts by e-mail domain ----

static const char *account_by_domain(const struct ingest_event *event)
{
    static char account[256];
    static const struct ingest_rules RULES = {INGEST_CLOCK_WALL, INGEST_ACCOUNTS_EMAIL_DOMAIN};
    struct ingest_target target;
    struct err_info reason;
    struct arena arena;
    arena_init(&arena, 1024, 0);
    cr_assert_eq(ingest_take(event, &RULES, at(NOW), &arena, &target, &reason), INGEST_TAKEN);
    snprintf(account, sizeof account, SPAN_FMT, SPAN_ARG(target.account));
    arena_deinit(&arena);
    return account;
}

Test(ingest_core, a_company_is_known_by_its_domain)
{
    struct ingest_property email = {.key = S("email"), .kind = INGEST_TEXT};
    struct ingest_property within = {.key = S("traits.email"), .kind = INGEST_TEXT};
    struct ingest_event event = good();
    event.user_id = S("Ann@Acme.Example");
    cr_expect_str_eq(account_by_domain(&event), "acme.example");
    event.user_id = S("ann@gmail.com");
    cr_expect_str_eq(account_by_domain(&event), "user:ann@gmail.com");
    event.user_id = S("ann@mail.yahoo.com");
    cr_expect_str_eq(account_by_domain(&event), "user:ann@mail.yahoo.com");
    event.user_id = S("u1");
    cr_expect_str_eq(account_by_domain(&event), "user:u1");
    event.context = &within;
    event.n_context = 1;
    within.text = S("ann@acme.example");
    cr_expect_str_eq(account_by_domain(&event), "acme.example");
    // The address itself counts before the id, and a group before both.
    event.kind = INGEST_IDENTIFY;
    event.traits = &email;
    event.n_traits = 1;
    email.text = S("ann@globex.example");
    cr_expect_str_eq(account_by_domain(&event), "globex.example");
    event.group_id = S("g");
    cr_expect_str_eq(account_by_domain(&event), "g");
}

Test(ingest_core, what_is_no_address_of_a_domain)
{
    static const char *const NONE[] = {"",       "@a.b",   "ann",     "ann@",      "ann@localhost",
                                       "a@b..c", "a@.b.c", "a@b c.d", "a@b.c\x01", "a@\xC3\xA9.fr"};
    char out[MAIL_DOMAIN_MAX];
    for (size_t i = 0; i < ARRAY_LEN(NONE); i++)
        cr_expect_eq(mail_domain(span_of(NONE[i]), out).len, 0u, "%s", NONE[i]);
    cr_expect(span_is(mail_domain(span_of("a@b@C.d."), out), "c.d"));
    cr_expect(mail_is_free(span_of("10minutemail.com")) && mail_is_free(span_of("zoho.com")));
    cr_expect(!mail_is_free(span_of("com")) && !mail_is_free(span_of("notgmail.com")));
}
