// SPDX-License-Identifier: Apache-2.0
// What ingest decides about one event: whether it can be taken, whose account it belongs to, and
// when it happened. A deterministic library: no I/O, no clock, no threads.
//
// The account is the group id, or else the personal account "user:<id>" of the user; the user is
// the user id, or else the anonymous id. The instant is the client's timestamp, corrected by how
// long the client kept the event (received - (sent - timestamp), as Segment's specification has
// it).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"

enum {
    INGEST_MESSAGE_ID_BYTES_MAX = 100,
    INGEST_ID_BYTES_MAX = 200, // user, anonymous, group and previous id, and names
    INGEST_TEXT_BYTES_MAX = 8 * 1024,
    INGEST_KEY_BYTES_MAX = 512,
    INGEST_PROPERTIES_MAX = 512, // of properties, traits and context, each
    INGEST_EVENT_BYTES_MAX = 64 * 1024,
};

// The numbers of assay.event.v1.EventKind.
enum ingest_kind {
    INGEST_TRACK = 1,
    INGEST_IDENTIFY,
    INGEST_GROUP,
    INGEST_ALIAS,
    INGEST_PAGE,
    INGEST_SCREEN,
};

enum ingest_value {
    INGEST_NONE, // a property without a value: refused
    INGEST_TEXT,
    INGEST_NUMBER,
    INGEST_INTEGER,
    INGEST_FLAG,
};

struct ingest_property {
    struct span key;
    enum ingest_value kind;
    union {
        struct span text;
        double number;
        int64_t integer;
        bool flag;
    };
};

// As the client gave it. Empty texts and times of 0 were not given. Everything is borrowed.
struct ingest_event {
    int kind; // of enum ingest_kind, if the client knows what it does
    struct span message_id;
    struct span user_id;
    struct span anonymous_id;
    struct span group_id;
    struct span previous_id;
    struct span name;
    int64_t timestamp_ms;
    int64_t sent_at_ms;
    int64_t received_at_ms;
    const struct ingest_property *properties;
    size_t n_properties;
    const struct ingest_property *traits;
    size_t n_traits;
    const struct ingest_property *context;
    size_t n_context;
};

// Why events are refused, by kind (for counting). SCHEMA is by the playbook (schema.h); FORM is for
// what is no event at all, which an edge finds. X(name, text)
#define INGEST_REFUSAL_LIST(X)                                                                     \
    X(KIND, "kind")                                                                                \
    X(MESSAGE_ID, "message_id")                                                                    \
    X(IDENTITY, "identity")                                                                        \
    X(GROUP, "group")                                                                              \
    X(NAME, "name")                                                                                \
    X(PROPERTY, "property")                                                                        \
    X(TIME, "time")                                                                                \
    X(SIZE, "size")                                                                                \
    X(SCHEMA, "schema")                                                                            \
    X(FORM, "form")                                                                                \
    X(ACCOUNT, "account")

enum ingest_refusal {
    INGEST_TAKEN, // not refused
#define INGEST_REFUSAL_ENUM(name, text) INGEST_REFUSED_##name,
    INGEST_REFUSAL_LIST(INGEST_REFUSAL_ENUM)
#undef INGEST_REFUSAL_ENUM
        INGEST_REFUSAL_COUNT
};
const char *ingest_refusal_text(enum ingest_refusal refusal);

// Whether the cluster lives by the wall clock, or by the events' times (imports, demos, tests).
enum ingest_clock { INGEST_CLOCK_WALL, INGEST_CLOCK_EVENT };

// Whose an event is that names no group: the user's own (a personal account), or the company's
// whose domain the user's e-mail address is of, unless anybody gets an address there. The address
// is the user id, or the trait email of an identify call, or context.traits.email. The account of a
// domain is called like the domain.
enum ingest_accounts { INGEST_ACCOUNTS_PERSONAL, INGEST_ACCOUNTS_EMAIL_DOMAIN };

struct ingest_rules {
    enum ingest_clock clock;
    enum ingest_accounts accounts;
};

// A call that says that two names are one: `identity` (of an anonymous visitor, an earlier id, or a
// user) belongs to `user`, or, where that is empty, to `account`.
struct ingest_link {
    struct span identity; // empty: the call links nothing
    struct span home;     // its personal account, in the arena, followed by a NUL
    struct span user;
    struct span account; // the home itself where it is linked to a user
};

struct ingest_target {
    struct span account; // a personal account's is in the arena, followed by a NUL
    struct span user;    // empty: a group call without a user
    int64_t at_ms;
    int64_t received_at_ms;
    // An identify call without a group: every lane but the account's own gets a copy that only
    // changes the user's profile, so that a user's traits are known wherever the user acts.
    bool copy_profile;
    // The lane of `link.home` gets a copy that only makes the link.
    struct ingest_link link;
};

// Takes or refuses one event. Refused: `reason` names the field and what was expected of it, and
// `target` is not touched. With INGEST_CLOCK_EVENT, `now_ms` is used only for an event without any
// time. `arena` has no bound.
enum ingest_refusal ingest_take(const struct ingest_event *event, const struct ingest_rules *rules,
                                int64_t now_ms, struct arena *arena, struct ingest_target *target,
                                struct err_info *reason);
