// SPDX-License-Identifier: Apache-2.0
// Who somebody is: links between the ids that one person has and the account that he works in, and
// where the events count that name no account.
//
// An identity is a user id or an anonymous id x. Its events without an account go to its personal
// account "user:x", which is its *home*: all that is decided about x is decided there, from
//   user links   "x is u": an identify call with both ids, an alias call
//   group links  "x works in A": a group call
// Links are a set: in which order they arrive does not matter. Of user links the earliest is in
// force (of several of one instant the smallest id); of group links what the playbook's
// `identity: {default_account: ...}` says. A link that an operator has undone is in force no more.
//
// Where the events of x count, its *sink*:
//   last := x; x's user link is followed, then that user's, if it does not lead back to x; of two
//   that are linked to each other the smaller id is last. The account of last's group link, or else
//   "user:last". The events are those of user `last` there.
// x's home learns what it needs of others by watching them: WATCH to their home, which answers with
// LINKS now and at each change. So one node alone decides about x, and all that is said about x to
// another account comes from there, in order.
//
// What x has contributed at home is sent on as a *piece*, which adds up with what is there
// (parts.h):
//   PIECE   home -> account: this is x's, who is your user u, from now on
//   RECALL  home -> account: x is yours no more; what came of x
//   RETURN  account -> home: goes back home
// Nothing is sent of an x that has contributed nothing.
//
// An event that names its account A counts there, whoever it is of. When its user is an anonymous
// id x, it counts under the user that x's links lead to:
//   MEET    A -> home: x acts here; once
//   KNOWN   home -> A: x is `user` here, from now on, and was so far
// Home remembers those accounts and tells each of them whenever `last` is another one: also that x
// is x again. Whoever x is there, A keeps apart what x did (parts.h).
//
// Messages (`struct move`) go from account to account, each exactly once, and in order for each
// pair of lanes. That is the shell's: what a record makes has numbers (position, index) that rise
// and are the same in replay; the receiving lane journals each before it takes it. Also within one
// lane they must go through the outbox and the journal: rows of two accounts may be of different
// records.
//
// When no message is under way, each x's whole contribution is at its sink, once; and in each
// account in which x acted anonymously all events of x that name it are those of `last`.
#pragma once

#include "services/scorer/core/core.h"
#include "services/scorer/core/parts.h"

enum link_kind { LINK_USER = 1, LINK_GROUP };

// Homes. "user:x", with a byte 0 behind it; in the arena.
char *identity_home(struct arena *arena, struct span identity);
// Whether an account is one; whose. `*identity` is set only then, and points into `account`.
bool identity_is_personal(struct span account, struct span *identity);

// Bounds. Links of a kind to other targets: the earliest are kept (of group links, when the
// playbook counts in the latest, the latest). Those who watch one identity: more are answered that
// it has no links. Changes that are remembered of one identity and of one account's parts. Accounts
// that an anonymous id acts in by events that name them: in more it stays who it is.
enum {
    IDENTITY_LINKS_MAX = 16,
    IDENTITY_WATCHERS_MAX = 4096,
    IDENTITY_HISTORY_MAX = 32,
    IDENTITY_MET_MAX = 64,
};

// Everything is borrowed for the call. Ids are not empty and have no byte 0.
struct link {
    enum link_kind kind;
    struct span identity; // whose: its home must be of this lane
    struct span target;   // a user, or an account
    int64_t at_ms;
    struct span message_id; // of the call; told in histories
};

// A change by an operator.
struct link_change {
    struct span identity;
    struct span target; // empty: of the link that is in force (undo), undone last (redo)
    bool redo;
    struct span by; // who; told in histories
    int64_t now_ms; // told in histories
};

enum move_kind {
    MOVE_WATCH = 1,
    MOVE_UNWATCH,
    MOVE_LINKS,
    MOVE_PIECE,
    MOVE_RECALL,
    MOVE_RETURN,
    MOVE_MEET,
    MOVE_KNOWN,
};

// One message to the account `node`. Texts that a kind does not have are empty.
struct move {
    uint64_t index; // within the record that made it
    enum move_kind kind;
    struct span node;     // the account that gets it: its shard says which lane
    struct span identity; // whom it is about; WATCH, UNWATCH: who watches
    // PIECE, KNOWN: whose events they are there; LINKS: the user link in force
    struct span user;
    struct span group; // LINKS: the account of the group link in force; MEET: where
    uint64_t version;  // PIECE, RECALL: number of the change of destination, as home counts them
    struct span by;    // PIECE: message id (or operator) of the link that brought it here
    int64_t at_ms;     // PIECE: when that was decided
    // PIECE: of one event alone: a hash of its message id, so that a call that is sent again under
    // another id, or with the account named, is not counted again. Zero: none.
    struct hash128 message;
    struct piece *piece; // PIECE, RETURN: owned by the move; NULL: nothing
};

// What a record has made: owned by the core, until the next core_begin_record, core_tick, core_warm
// or core_set_playbook. By rising index.
struct moves {
    struct move *items;
    size_t n, cap;
};
const struct moves *core_moves(const struct core *core);

// ---- Inputs of the journal ----
// All take `position` and `place` as core_apply does (a place is an event, a link, a message or a
// change; each has its own), leave accounts alone whose stored row has the record already, and may
// make moves. `known_at_ms` is when the record was taken in.

// A link to an identity whose home is here. Not an event: message ids do not matter, to say it
// again changes nothing.
void core_link(struct core *core, uint64_t position, uint32_t place, const struct link *link,
               int64_t known_at_ms);
// A message for an account of this lane. Needs room for one message id (core_has_room).
void core_take_move(struct core *core, uint64_t position, uint32_t place, const struct move *move,
                    int64_t known_at_ms, struct signal_changes *changes, struct arena *arena);
// Undoes a link, or redoes it. CHANGED also in replay of what a row has already.
enum link_changed { LINK_CHANGED, LINK_UNKNOWN, LINK_AS_IT_WAS };
enum link_changed core_change_link(struct core *core, uint64_t position, uint32_t place,
                                   const struct link_change *change);
// After all of a record that had any of the above or events: whatever follows from it is decided
// and sent: destinations, pieces. A record that is not ended so goes on with the next one.
void core_end_record(struct core *core, uint64_t position, int64_t known_at_ms,
                     struct signal_changes *changes, struct arena *arena);
// After core_set_playbook, in the same record: what the playbook's `identity` says anew of every
// identity. Needs no core_end_record.
void core_settle(struct core *core, uint64_t position, int64_t known_at_ms,
                 struct signal_changes *changes, struct arena *arena);

// ---- Looking ----

// Where what `identity` does without an account counts, when some of it is there. Cheap; no memory.
// False: unknown, or nothing of it is elsewhere.
struct identity_place {
    struct span account, user; // valid until the core changes
    int64_t since_ms;          // known_at_ms of the record that brought it there
};
bool core_identity_place(struct core *core, struct span identity, struct identity_place *out);

// Whom the account counts as this user, by events that name it: himself, unless he is known to be
// somebody else, and visitors who are known to be him. In the arena; how many.
size_t core_acting_as(struct core *core, struct span account, struct span user, struct arena *arena,
                      const struct span **out);
// Who an anonymous id is known to be in an account; in the arena. "": nobody else.
const char *core_known_as(struct core *core, struct span account, struct span identity,
                          struct arena *arena);

struct identity_link {
    enum link_kind kind;
    const char *target;
    int64_t first_ms, last_ms;
    const char *message_id; // of the first
    bool undone, in_force;
};
struct identity_change {
    int64_t at_ms;
    const char *what; // "merged into acme as u1", "back home", "undone: acme", ...
    const char *by;   // a message id, an operator, or ""
};
struct identity_part {
    const char *identity, *user, *by;
    int64_t since_ms;
};
// An anonymous id that acts in an account by events that name it, and the user it is there.
struct identity_acting {
    const char *account, *identity, *user;
};
// In the arena. Of a personal account its identity too; of any account its parts, and who acts in
// it as somebody else.
struct identity_view {
    bool known;          // there is anything to tell
    const char *account; // where its events count; "": at home
    const char *user;
    bool sent; // something of it is there
    int64_t since_ms;
    const struct identity_link *links;
    size_t n_links;
    const struct identity_change *history; // oldest first
    size_t n_history;
    const struct identity_part *parts; // what others contribute, by id; at most 100
    size_t n_parts, n_parts_all;
    const struct identity_acting *acts; // where it does, by its identity
    size_t n_acts;
    const struct identity_acting *acting; // here, by id; at most 100
    size_t n_acting, n_acting_all;
};
void core_identity_view(struct core *core, struct span account, struct arena *arena,
                        struct identity_view *out);
