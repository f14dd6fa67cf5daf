// SPDX-License-Identifier: Apache-2.0
// What the files of identities share: links.c (sets of links, and where they lead), identity.c (a
// home decides), parts.c (what an account holds of others), moves.c (messages).
#pragma once

#include "services/scorer/core/decide.h"
#include "services/scorer/core/identity.h"
#include "services/scorer/core/state.h"

// What the id of a home begins with.
#define HOME_PREFIX "user:"

// A link to one target, however often it was said.
struct linked {
    char *target;
    char *by; // message id of the earliest call
    int64_t first_ms, last_ms;
    int64_t undone_ms; // when an operator undid it
    bool undone;
};

struct linked_set {
    struct linked *items;
    uint32_t n, cap;
};

// What another identity has said of its links in force.
struct told {
    char *id;
    char *user, *group; // NULL: none
    bool known;
};

// An account that it acts in anonymously, and the user that the account was told it is; NULL: none
// but itself.
struct met {
    char *account, *user;
};

enum identity_what {
    IDENTITY_MOVED = 1, // its events count in `target` from then on
    IDENTITY_HOME,      // at home
    IDENTITY_SENT,      // what it had was sent to `target`
    IDENTITY_RETURNED,  // what had been there came back
    IDENTITY_UNDONE,    // the link to `target`
    IDENTITY_REDONE,
};

struct identity_event {
    enum identity_what what;
    int64_t at_ms;
    char *target, *by;
};

// Of a personal account. Texts that are not there are NULL.
struct identity {
    struct linked_set users, groups;
    struct told told[2]; // those whom it watches
    uint32_t n_told;
    char **watchers;
    uint32_t n_watchers, watchers_cap;
    char *said_user, *said_group; // to them
    char *account, *user;         // where its events count; NULL: at home
    char *by;                     // what brought that about
    int64_t since_ms;
    uint64_t version; // of where they count
    bool sent;        // something of it is there
    struct met *met;
    uint32_t n_met, met_cap;
    struct identity_event *history; // NULL: nothing has happened
    uint32_t n_history; // ever; the last ones are kept, at their number modulo the bound
};

// What one identity contributes to an account.
struct part {
    struct account *book;
    uint64_t hash;
    uint32_t user; // whose it is here: ordinal
    uint64_t version;
    int64_t since_ms;
    char *by;
    bool dirty;
    uint32_t id_len;
    char id[];
};

struct parts {
    struct account *own; // by events that name the account, under the users that they name
    // Under whose name in the total, by ordinal; beyond n_as under his own.
    uint32_t *as;
    uint32_t n_as;
    uint32_t n_others; // of them under another one's
    struct part **items;
    uint32_t n, cap;
    struct index index; // hash of the identity to its place in items
    bool remake;        // one was taken out: the total is to be made anew
    bool leaves;        // a user is away, and still counted
    uint32_t n_rows;    // parts that recovery waits for
    // Those that were taken out since rows were told.
    char **gone;
    uint32_t n_gone, gone_cap;
};

// ---- links.c ----
bool linked_add(struct linked_set *set, enum link_kind kind, enum default_account rule,
                const struct link *link);
struct linked *linked_find(const struct linked_set *set, struct span target);
void linked_deinit(struct linked_set *set);
// NULL: none.
const struct linked *linked_in_force(const struct linked_set *set, enum link_kind kind,
                                     enum default_account rule);

struct sink {
    bool known; // false: what others would have to say of it is not known yet
    struct span user;
    struct span group; // empty: none
    const struct linked *by;
    struct span watched[2]; // whom it depends on
    uint32_t n_watched;
};
// Where the links of `x` and what it was told lead.
struct sink links_sink(const struct identity *identity, struct span x, enum default_account rule);

// ---- identity.c ----
void identity_destroy(struct identity *identity);
// Of a personal account, made when it is not there.
struct identity *identity_of(struct account *account);
// Whether its events count elsewhere.
static inline bool identity_is_away(const struct identity *identity)
{
    return identity != NULL && identity->account != NULL;
}
// Why signals of an account, or of a user of it (or NULL), that is away are false.
const char *identity_reason(const struct core *core, const struct account *account,
                            const struct user *user, struct arena *arena);
// Sends what an account that is away has of its own to where it counts. `message`: see struct move.
void identity_send(struct core *core, struct account *account, struct hash128 message);
void identity_note(struct identity *identity, enum identity_what what, int64_t at_ms,
                   const char *target, struct span by);
// A link, a watcher, or what was told, has changed, or the account is known only now: whatever
// follows is decided and sent.
void identity_settle(struct core *core, struct account *account, int64_t known_at_ms);
void identity_take_watch(struct core *core, struct account *account, const struct move *move);
void identity_take_links(struct account *account, const struct move *move);
void identity_take_meet(struct account *account, const struct move *move);
// An account in which it acts was told who it is; not more than the bound (rows).
void identity_add_met(struct identity *identity, struct span account, struct span user);
// core_end_record has to see to the account.
void identity_touch(struct core *core, uint32_t number, uint32_t place);

// ---- parts.c ----
void parts_destroy(struct core *core, struct parts *parts);
// NULL: the account has no parts.
struct account *parts_own(const struct account *account);
// NULL: it is not attached here.
struct part *parts_find(const struct account *account, struct span identity);
// The first part makes a copy of what there is.
struct part *parts_add(struct core *core, struct account *account, struct span identity);
// The account's own contributions, which are gone from it then; NULL: it has none.
struct piece *parts_take_own(struct core *core, struct account *account);
// `decision`: of the account; timers run up to the piece's clock.
void parts_take_piece(struct decision *decision, const struct move *move);
void parts_take_recall(struct core *core, struct account *account, const struct move *move);
void parts_take_return(struct decision *decision, const struct move *move);
// The record ends: a total from which something was taken is made anew.
void parts_end(struct core *core, struct account *account);
// After the account was decided: who has nothing left here is not counted any more.
void parts_ended(struct core *core, struct account *account);
// What there is so far is the account's own, from when on something else is beside it.
void parts_begin(struct core *core, struct account *account);
// Something counts as this user's, who is made when he is not there.
struct user *parts_user(struct core *core, struct account *account, struct span id);

// ---- parts_as.c ----
// Under whom the account counts what a user did by events that name it: himself, or whom he is
// known to be.
static inline uint32_t parts_ordinal_as(const struct parts *parts, uint32_t ordinal)
{
    return ordinal < parts->n_as ? parts->as[ordinal] : ordinal;
}
static inline struct user *parts_as(const struct account *account, struct user *user)
{
    return account->parts == NULL
               ? user
               : account->users[parts_ordinal_as(account->parts, user->ordinal)].user;
}
// Rows say it so too. The account has `own`.
void parts_set_as(struct account *account, uint32_t ordinal, uint32_t as);
void parts_take_known(struct core *core, struct account *account, const struct move *move);
// The total is the account's own as it was named: it becomes that of those whom they are.
void parts_rename(struct core *core, struct account *account);
// A user of whom nothing is left is no longer one who ever had a signal: whom he is now, was.
void parts_hand_over(struct core *core, struct account *account, struct user *user);

// ---- moves.c ----
void moves_clear(struct core *core);
void moves_begin(struct core *core, uint64_t index);
// Adds a message; all but its index is the caller's to say. Texts are copied, a piece is taken.
void moves_add(struct core *core, const struct move *move);
// "user:x", as long as the moves are there.
struct span moves_home(struct core *core, struct span identity);
