// SPDX-License-Identifier: Apache-2.0
// Where an account belongs, going by what is held: its parents' facts, its traits, the domains of
// its users.
//
// The sources are tried in order, the first that is known says the key. A parent is known when a
// trait names another account; then the parent is asked in the same way, and so on. Who names
// nobody is the top of its family: the sources without parents name it, else its id. In a circle
// the account with the smallest id is the top. More than PARENTS_MAX generations up nobody is
// asked.
#include <string.h>

#include "common/base/check.h"
#include "common/base/hash.h"
#include "common/base/mem.h"
#include "services/playbook/mail.h"
#include "services/router/core/organizations_impl.h"

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct span trim(const char *text)
{
    size_t n = text == NULL ? 0 : strlen(text);
    while (n > 0 && is_blank(text[n - 1]))
        n--;
    while (n > 0 && is_blank(*text))
        text++, n--;
    return span_make(text, n);
}

struct span router_kin_fact(const struct subject *subject, const char *name)
{
    const struct held *held = router_state_held((struct subject *)subject, name, false);
    return trim(held == NULL || !held->value ? NULL : held->fact);
}

struct kin *router_kin(struct account *account)
{
    if (account->kin == NULL)
        account->kin = mem_zalloc(sizeof *account->kin);
    return account->kin;
}

void router_kin_destroy(struct kin *kin)
{
    if (kin == NULL)
        return;
    for (uint32_t i = 0; i < kin->n_domains; i++)
        mem_free(kin->domains[i].name);
    mem_free(kin->domains);
    mem_free(kin->values);
    mem_free(kin->having);
    mem_free(kin);
}

// ---- Domains ------------------------------------------------------------------------------------

static uint32_t domain_at(const struct kin *kin, struct span name, bool *known)
{
    uint32_t low = 0, high = kin->n_domains;
    *known = false;
    while (low < high && !*known) {
        uint32_t middle = low + (high - low) / 2;
        int order = span_cmp(span_of(kin->domains[middle].name), name);
        *known = order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return *known ? high : low;
}

static void domain_remove(struct kin *kin, uint32_t at)
{
    mem_free(kin->domains[at].name);
    memmove(&kin->domains[at], &kin->domains[at + 1],
            (--kin->n_domains - at) * sizeof *kin->domains);
}

static void consider(struct kin *kin, const struct domain *domain)
{
    bool more = kin->most == NULL || domain->users > kin->most_users ||
                (domain->users == kin->most_users && strcmp(domain->name, kin->most) < 0);
    if (!more && domain->name != kin->most)
        return;
    kin->most = domain->name;
    kin->most_users = domain->users;
}

static void find_most(struct kin *kin)
{
    kin->most = NULL;
    for (uint32_t i = 0; i < kin->n_domains; i++)
        consider(kin, &kin->domains[i]);
}

static void add_user(struct kin *kin, struct span name)
{
    bool known;
    uint32_t at = domain_at(kin, name, &known);
    if (!known) {
        MEM_GROW(kin->domains, kin->n_domains, kin->domains_cap);
        memmove(&kin->domains[at + 1], &kin->domains[at],
                (kin->n_domains++ - at) * sizeof *kin->domains);
        kin->domains[at] = (struct domain){mem_dup(name), 0};
    }
    kin->domains[at].users++;
    consider(kin, &kin->domains[at]);
}

static void remove_user(struct kin *kin, struct span name)
{
    bool known;
    uint32_t at = domain_at(kin, name, &known);
    CHECK(known && kin->domains[at].users > 0);
    bool most = kin->domains[at].name == kin->most;
    if (--kin->domains[at].users == 0)
        domain_remove(kin, at);
    if (most)
        find_most(kin);
}

void router_families_count_domain(struct account *account, const char *fact, int change)
{
    struct span name = trim(fact);
    char lower[MAIL_DOMAIN_MAX];
    if (name.len == 0 || name.len >= sizeof lower)
        return;
    for (size_t i = 0; i < name.len; i++) {
        char c = ((const char *)name.ptr)[i];
        lower[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    name = span_make(lower, name.len);
    if (mail_is_free(name))
        return;
    if (change > 0)
        add_user(router_kin(account), name);
    else
        remove_user(router_kin(account), name);
}

struct span router_families_domain(const struct account *account)
{
    const struct kin *kin = account->kin;
    return span_of(kin == NULL || kin->most == NULL ? "" : kin->most);
}

// ---- Parents ------------------------------------------------------------------------------------

static bool parent_eq(const void *ctx, uint32_t item, const void *key)
{
    const struct organizations *o = ctx;
    return span_is(*(const struct span *)key, o->parents[item].id);
}

static uint64_t parent_hash(const void *ctx, uint32_t item)
{
    const struct organizations *o = ctx;
    return hash64(span_of(o->parents[item].id));
}

static struct parent *find_parent(const struct organizations *o, struct span id)
{
    uint32_t item = index_find(&o->parents_index, hash64(id), parent_eq, o, &id);
    return item == INDEX_NONE ? NULL : &o->parents[item];
}

const struct parent *router_families_parent(const struct router_core *core, struct span id)
{
    return find_parent(core->organizations, id);
}

bool router_families_is_parent(const struct router_core *core, const struct account *account)
{
    const struct parent *parent = find_parent(core->organizations, span_of(account->id));
    return parent != NULL && parent->n_children > 0;
}

// The id of its parent; empty: it names none. What names itself, or an organization, names none.
static struct span parent_of(const struct account *account, const char *fact)
{
    struct span id = trim(fact);
    bool none = id.len == 0 || *(const char *)id.ptr == ORGANIZATION_MARK;
    return none || span_is(id, account->id) ? span_make("", 0) : id;
}

// One that begins or ceases to be a parent may belong elsewhere.
static void name_parent(struct router_core *core, struct span id)
{
    struct organizations *o = core->organizations;
    const struct account *account = router_state_account_find(core, id);
    if (account == NULL)
        return;
    MEM_GROW(o->named, o->n_named, o->named_cap);
    o->named[o->n_named++] = account->number;
}

void router_families_link(struct router_core *core, const struct account *child, const char *fact)
{
    struct organizations *o = core->organizations;
    struct span id = parent_of(child, fact);
    if (id.len == 0)
        return;
    struct parent *parent = find_parent(o, id);
    if (parent == NULL) {
        MEM_GROW(o->parents, o->n_parents, o->parents_cap);
        o->parents[o->n_parents] = (struct parent){.id = mem_dup(id)};
        index_add(&o->parents_index, hash64(id), o->n_parents, parent_hash, o);
        parent = &o->parents[o->n_parents++];
    }
    MEM_GROW(parent->children, parent->n_children, parent->children_cap);
    parent->children[parent->n_children++] = child->number;
    if (parent->n_children == 1)
        name_parent(core, id);
}

void router_families_unlink(struct router_core *core, const struct account *child, const char *fact)
{
    struct span id = parent_of(child, fact);
    if (id.len == 0)
        return;
    struct parent *parent = find_parent(core->organizations, id);
    CHECK(parent != NULL && parent->n_children > 0);
    uint32_t at = 0;
    while (parent->children[at] != child->number)
        CHECK(++at < parent->n_children);
    parent->children[at] = parent->children[--parent->n_children];
    if (parent->n_children == 0)
        name_parent(core, id);
}

// ---- The key ------------------------------------------------------------------------------------

enum { KEY_MAX = ROUTER_TEXT_MAX };

static size_t write_key(struct span key, bool fold, char *out)
{
    size_t n = key.len < KEY_MAX ? key.len : KEY_MAX;
    for (size_t i = 0; i < n; i++) {
        char c = ((const char *)key.ptr)[i];
        out[i] = (char)(fold && c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    return n;
}

// What the account itself says, parents aside; 0: nothing.
static size_t own_key(const struct account *account, const struct source *source, char *out)
{
    struct span value = source->by == ORGANIZATION_TRAIT
                            ? router_kin_fact(&account->self, source->fact)
                            : router_families_domain(account);
    return write_key(value, true, out);
}

// The top of a family.
static size_t top_key(const struct organizations *o, const struct account *top, char *out)
{
    size_t n = 0;
    for (uint32_t i = 0; i < o->n_sources && n == 0; i++)
        if (o->sources[i].by != ORGANIZATION_PARENT)
            n = own_key(top, &o->sources[i], out);
    return n > 0 ? n : write_key(span_of(top->id), false, out);
}

static const struct account *smallest(const struct account *const *path, uint32_t from, uint32_t n)
{
    const struct account *least = path[from];
    for (uint32_t i = from + 1; i < n; i++)
        if (strcmp(path[i]->id, least->id) < 0)
            least = path[i];
    return least;
}

// What the first source that is known says of the account: its key (the result), or its parent.
// Neither: nothing is known.
static size_t ask(const struct organizations *o, const struct account *account, struct span *parent,
                  char *out)
{
    size_t n = 0;
    *parent = span_make("", 0);
    for (uint32_t i = 0; i < o->n_sources && n == 0 && parent->len == 0; i++) {
        if (o->sources[i].by != ORGANIZATION_PARENT) {
            n = own_key(account, &o->sources[i], out);
            continue;
        }
        const struct held *held =
            router_state_held((struct subject *)&account->self, o->sources[i].fact, false);
        if (held != NULL && held->value)
            *parent = parent_of(account, held->fact);
    }
    return n;
}

size_t router_families_key(const struct router_core *core, const struct account *account,
                           char out[ROUTER_TEXT_MAX])
{
    const struct organizations *o = core->organizations;
    const struct account *path[PARENTS_MAX];
    const struct account *at = account;
    for (uint32_t n = 0; n < PARENTS_MAX; n++) {
        for (uint32_t i = 0; i < n; i++)
            if (path[i] == at)
                return top_key(o, smallest(path, i, n), out);
        path[n] = at;
        struct span parent;
        size_t len = ask(o, at, &parent, out);
        if (len > 0)
            return len;
        if (parent.len == 0)
            return n > 0 || router_families_is_parent(core, at)
                       ? write_key(span_of(at->id), false, out)
                       : 0;
        at = router_state_account_find(core, parent);
        if (at == NULL)
            return write_key(parent, false, out);
    }
    return top_key(o, at, out);
}
