// SPDX-License-Identifier: Apache-2.0
// Who may call what. A service has a table with a row for each of its methods; a method without a
// row is refused to everybody. A caller shows a token as metadata, "authorization: Bearer TOKEN".
//
// Without a file of keys whoever is on this machine may do everything, and nobody else anything.
// With one, a call needs a key, unless it comes over ipc:// or inproc:// and shows none: the folder
// of the socket says who may. A token that is shown is looked at whichever way it came, so that a
// service that hands a call on hands on what its caller may do.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/keys/keys.h"
#include "common/rpc/carry.h"

// The word of a key's list of verbs.
#define SERVICE_ACCESS_VERBS "verbs"

struct service_access {
    const char *method; // "assay.x.v1.XService/Method"
    unsigned roles;     // bits (SERVICE_ROLE) of those that may, beside admin
    bool open;          // whoever comes, also without a key
    // What the key's list of verbs must have, if it has one: the first, or the second if there is
    // one. NULL: nothing.
    const char *verb, *or_verb;
    // What a call uses up of its key's rate; NULL: 1. (Of a raw method always 1, and no `check`.)
    size_t (*cost)(const ProtobufCMessage *request);
    // Looks whether the limits of the key allow this request; not asked for admin keys and calls
    // without one. Not OK: `text` says which limit. May be NULL.
    enum rpc_status (*check)(const struct keys_key *key, const ProtobufCMessage *request,
                             char text[RPC_TEXT_MAX]);
};
#define SERVICE_ROLE(role) (1u << (role))

struct service_access_table {
    const struct service_access *rows;
    size_t n;
};
// The row of a method; NULL. A NULL table has none.
const struct service_access *service_access_find(const struct service_access_table *table,
                                                 const char *method);
// The methods that every process has.
extern const struct service_access_table SERVICE_ACCESS;

// ---- For handlers -------------------------------------------------------------------------------

// The key of a call's caller; NULL: none was needed. Valid in the turn in which the handler got the
// call; for longer, hold its keys (keys_hold).
const struct keys_key *service_caller(void *closure_data);
