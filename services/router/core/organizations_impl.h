// SPDX-License-Identifier: Apache-2.0
// What follows of organizations from the signals held, shared by organizations.c (who belongs
// where, and what is restored), moving.c, families.c (parents and domains) and rollup.c (values
// over the members, and the definitions). Nothing of it is stored; none of it is there while the
// playbook has no organizations.
#pragma once

#include "services/router/core/settling.h"

enum { PARENTS_MAX = 64 /* generations that are looked at */ };

// How many users of an account have an address there.
struct domain {
    char *name;
    uint32_t users;
};

struct kin {
    // Of an account: the domains of its users without free ones, in order of name.
    struct domain *domains;
    uint32_t n_domains, domains_cap;
    const char *most; // the domain of most users, of several the first by name; NULL: none
    uint32_t most_users;
    // Of an organization: by roll-up, in thousandths.
    __int128 *values;
    bool changed; // one of them, since the definitions were decided
    // Of an organization: members for which a signal is true, as organizations.having; and those
    // that qualify.
    uint32_t *having;
    uint32_t n_qualifying;
};

// One that the playbook's definitions look at.
struct rolled {
    enum roll_up kind;
    const char *name; // of the signal, interned
    bool of_users;    // its scope
};

// In how many accounts of an organization a user, by his id, has the signal of a roll-up.
struct holder {
    uint32_t organization, rolled;
    const char *user;
    uint32_t accounts;
};

// An account by whose id others name their parent.
struct parent {
    char *id;
    uint32_t *children; // numbers, in no order
    uint32_t n_children, children_cap;
};

struct source {
    enum organization_source by;
    const char *fact; // name of the signal, interned
};

struct organizations {
    struct source *sources;
    uint32_t n_sources;
    const char *parent_fact, *domain_fact; // NULL: no such source
    struct rolled *rolled;
    uint32_t n_rolled;
    const char **definitions, **labels; // interned, as in the playbook
    int32_t *having;                    // positions in playbook.signals: those of in_routes
    uint32_t n_having;
    struct holder *holders;
    uint32_t n_holders, holders_cap;
    struct index holders_index;
    struct parent *parents;
    uint32_t n_parents, parents_cap;
    struct index parents_index;
    uint32_t *named; // accounts that began or ceased to be a parent since they were decided
    uint32_t n_named, named_cap;
};

struct kin *router_kin(struct account *account); // made when it is not there
void router_kin_destroy(struct kin *kin);        // takes NULL
// The value of a held fact, without blanks around it. Empty: none.
struct span router_kin_fact(const struct subject *subject, const char *name);

// families.c
void router_families_count_domain(struct account *account, const char *fact, int change);
// The domain of most of its users; of several the first by name. Empty: none.
struct span router_families_domain(const struct account *account);
// The account names (or no longer names) the parent.
void router_families_link(struct router_core *core, const struct account *child, const char *fact);
void router_families_unlink(struct router_core *core, const struct account *child,
                            const char *fact);
const struct parent *router_families_parent(const struct router_core *core, struct span id);
bool router_families_is_parent(const struct router_core *core, const struct account *account);
// Writes the key of the account's organization and returns its length; 0: none.
size_t router_families_key(const struct router_core *core, const struct account *account,
                           char out[ROUTER_TEXT_MAX]);

// moving.c
// Makes it a member without deciding anything; NULL: of none. It belongs to none yet.
void router_moving_attach(struct router_core *core, struct account *account,
                          struct account *organization);
// It leaves where it is and comes to `to` (NULL: to none): decides both, and what becomes of the
// leads. Their routes are to be read again after it.
void router_moving_move(struct router_core *core, struct account *account, struct account *to,
                        const struct cause *cause, struct router_effects *effects);

// having.c, as in rollup.c
void router_having_learn(struct router_core *core);
void router_having_account(struct router_core *core, struct account *account, int sign);
void router_having_held(struct router_core *core, struct account *account, const char *name,
                        int sign);

// rollup.c
void router_rollup_learn(struct router_core *core);
// What the account adds to its organization (1) or takes away (-1).
void router_rollup_account(struct router_core *core, struct account *account, int sign);
// What one signal does.
void router_rollup_held(struct router_core *core, struct account *account,
                        const struct subject *subject, const struct held *held, int sign);
// Decides the organization's definitions if one of its values has changed. `reason`: why those that
// end do; NULL: what no longer holds.
void router_rollup_settle(struct settling *s, struct account *organization, const char *reason);
// After another playbook; s->account is the organization.
void router_rollup_settle_again(struct settling *s);
