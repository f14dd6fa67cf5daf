// SPDX-License-Identifier: Apache-2.0
// What the limits of keys mean here: the words that a key's lists may have, and the verbs.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/keys/keys.h"

// Of write keys: the accounts that events may be of.
#define ACCESS_ACCOUNTS "accounts"
// Of consumer keys: queues; what may be done; the name that the consumer has, whatever a request
// says.
#define ACCESS_QUEUES "queues"
#define ACCESS_VERBS "verbs"
#define ACCESS_CONSUMER "consumer"

// X(name, text, what it is)
#define ACCESS_VERB_LIST(X)                                                                        \
    X(LEASE, "lease", "take leads from a queue")                                                   \
    X(ACK, "ack", "take a leased lead over")                                                       \
    X(EXTEND, "extend", "hold a lease for longer")                                                 \
    X(RELEASE, "release", "give a leased lead back, or park it")                                   \
    X(COMPLETE, "complete", "report what came of a lead")                                          \
    X(STREAM, "stream", "the decision log, and leases (with lease), as streams")                   \
    X(LIST, "list", "leads, queues, accounts, the decision log")                                   \
    X(PROMPT, "prompt", "what the product may show to a user")
enum access_verb {
#define ACCESS_VERB_ENUM(name, text, what) ACCESS_##name,
    ACCESS_VERB_LIST(ACCESS_VERB_ENUM)
#undef ACCESS_VERB_ENUM
        ACCESS_VERB_COUNT
};
const char *access_verb_name(enum access_verb verb);

// What is wrong with a key's lists, for the person who writes them: a word that its role does not
// have, an unknown verb. INVALID.
MUST_USE enum err access_check_lists(enum keys_role role, const struct keys_list *lists, size_t n,
                                     struct err_info *info);
