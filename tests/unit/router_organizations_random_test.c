// SPDX-License-Identifier: Apache-2.0
// links: router_core playbook
//
// Random facts, signals and requests against a model that works everything out anew: who belongs
// where, which organizations qualify, and that a lead waits only where something does.
#include <criterion/criterion.h>

#include "common/base/mem.h"
#include "tests/support/random.h"
#include "tests/support/router_world.h"

enum { STEPS = 1500, ACCOUNTS = 12, USERS = 3, VALUES = 4, KEY_MAX = 64 };

static const char PLAYBOOK[] =
    "playbook: test\n"
    "version: 1\n"
    "measures:\n"
    "  projects: {count: Project Created}\n"
    "  usage: {count: any, per: account}\n"
    "signals:\n"
    "  ready: {projects: {at_least: 3}}\n"
    "  busy: {usage: {at_least: 50}}\n"
    "qualify:\n"
    "  pql: {projects: {at_least: 4}}\n"
    "  pqa: {usage: {at_least: 40}}\n"
    "  wide: {as: pqa, per: organization, when: {any: [\n"
    "    {all: [{accounts_with: {signal: busy, at_least: 2}}, {users_with: {signal: ready, "
    "at_least: 2}}]},\n"
    "    {accounts_with: {signal: ready, at_least: 3}}]}}\n"
    "  large: {as: pqa, per: organization, when: {total: {measure: usage, at_least: 50}}}\n"
    "organizations: {by: [account.parent, account.company, email_domain]}\n"
    "route:\n"
    "  - {when: busy, motion: sales}\n"
    "  - {when: always, motion: self_serve}\n"
    "queues:\n"
    "  sales: {attempts: 100}\n"
    "  self_serve: {attempts: 100}\n";

static const char *const PARENTS[VALUES] = {"a1", "a2", "a5", "a9"};
static const char *const COMPANIES[VALUES] = {"Acme", " ACME ", "b co", ""};
static const char *const DOMAINS[VALUES] = {"x.example", "Y.example", "gmail.com", "z.example"};

// What was told of an account. -1: nothing, or no longer.
struct told {
    bool heard;
    int parent, company, domain[USERS], usage;
    bool busy, pqa, ready[USERS], pql[USERS];
};

struct play {
    struct router_world w;
    struct test_random random;
    struct told told[ACCOUNTS];
    int64_t now_ms;
    unsigned n_moves, n_wide, n_leased;
};

static int below(struct play *p, int n)
{
    return (int)test_random_below(&p->random, (uint64_t)n);
}

static const char *id_of(int account)
{
    static char ids[ACCOUNTS][16];
    snprintf(ids[account], sizeof ids[account], "a%d", account);
    return ids[account];
}

// ---- The model ----------------------------------------------------------------------------------

static int parent_of(const struct play *p, int account)
{
    int parent = p->told[account].parent;
    int id = parent < 0 ? -1 : atoi(PARENTS[parent] + 1);
    return id == account ? -1 : id;
}

static bool domain_of(const struct play *p, int account, char out[KEY_MAX])
{
    static const char *const NAMES[VALUES] = {"x.example", "y.example", NULL, "z.example"};
    int most = -1, users = 0;
    for (int i = 0; i < VALUES; i++) {
        int n = 0;
        for (int u = 0; u < USERS; u++)
            n += p->told[account].domain[u] == i;
        if (NAMES[i] != NULL && n > users) {
            most = i;
            users = n;
        }
    }
    if (most >= 0)
        snprintf(out, KEY_MAX, "%s", NAMES[most]);
    return most >= 0;
}

static void top_key(const struct play *p, int top, char out[KEY_MAX])
{
    static const char *const NAMES[VALUES] = {"acme", "acme", "b co", NULL};
    int company = p->told[top].company;
    if (company >= 0 && NAMES[company] != NULL)
        snprintf(out, KEY_MAX, "%s", NAMES[company]);
    else if (!domain_of(p, top, out))
        snprintf(out, KEY_MAX, "%s", id_of(top));
}

// The top is who is left when everybody names his parent often enough; in a circle the smallest id.
static void key_of(const struct play *p, int account, char out[KEY_MAX])
{
    int at = account, parent;
    for (int i = 0; i < ACCOUNTS && (parent = parent_of(p, at)) >= 0; i++)
        at = parent;
    int top = at;
    for (int i = 0, next = parent_of(p, at); i < ACCOUNTS && next >= 0;
         i++, next = parent_of(p, next))
        if (strcmp(id_of(next), id_of(top)) < 0)
            top = next;
    top_key(p, top, out);
    bool is_parent = parent_of(p, account) >= 0;
    for (int i = 0; i < ACCOUNTS; i++)
        is_parent = is_parent || parent_of(p, i) == account;
    if (strcmp(out, id_of(account)) == 0 && !is_parent)
        out[0] = '\0';
}

struct rolled {
    int busy, ready_accounts, ready_users, usage;
    bool qualifies;
};

static struct rolled roll_up(const struct play *p, const char *key)
{
    struct rolled r = {0};
    bool ready[USERS] = {false};
    for (int i = 0; i < ACCOUNTS; i++) {
        char own[KEY_MAX];
        const struct told *told = &p->told[i];
        key_of(p, i, own);
        if (!told->heard || strcmp(own, key) != 0)
            continue;
        bool any = false;
        for (int u = 0; u < USERS; u++) {
            any = any || told->ready[u];
            ready[u] = ready[u] || told->ready[u];
            r.qualifies = r.qualifies || told->pql[u];
        }
        r.busy += told->busy;
        r.ready_accounts += any;
        r.usage += told->usage;
        r.qualifies = r.qualifies || told->pqa;
    }
    for (int u = 0; u < USERS; u++)
        r.ready_users += ready[u];
    return r;
}

// ---- Checking -----------------------------------------------------------------------------------

static bool stands(const struct router_account_view *view, const char *definition)
{
    for (size_t i = 0; i < view->n_standings; i++)
        if (view->standings[i].organization[0] != '\0' &&
            strcmp(view->standings[i].definition, definition) == 0)
            return !view->standings[i].left;
    return false;
}

static void check_leads(const struct router_account_view *view, bool qualifies)
{
    for (const struct router_lead *lead = view->lead; lead != NULL; lead = lead->before) {
        cr_assert(lead == view->lead || lead->state > ROUTER_ACKED, "two leads are open");
        if (lead->state == ROUTER_WAITING || lead->state == ROUTER_LEASED)
            cr_assert(qualifies || lead->ended_reason != NULL, "%s has no reason", lead->id);
        if (lead->state == ROUTER_WAITING)
            cr_assert_null(lead->ended_reason);
        cr_assert_str_eq(lead->state == ROUTER_WAITING ? lead->organization : view->organization,
                         view->organization);
    }
    for (const struct router_lead *lead = view->own_lead; lead != NULL; lead = lead->before)
        cr_assert(lead->state > ROUTER_ACKED ||
                      (lead->state != ROUTER_WAITING && lead->ended_reason != NULL),
                  "%s was left behind", lead->id);
}

static void check_account(struct play *p, int account, struct arena *arena)
{
    char key[KEY_MAX];
    struct router_account_view view;
    router_core_account(p->w.core, span_of(id_of(account)), arena, &view);
    cr_assert_eq(view.known, p->told[account].heard);
    if (!view.known)
        return;
    key_of(p, account, key);
    cr_assert(strcmp(view.organization, key) == 0, "%s is of \"%s\", not of \"%s\"", id_of(account),
              view.organization, key);
    const struct told *told = &p->told[account];
    bool qualifies = told->pqa;
    for (int u = 0; u < USERS; u++)
        qualifies = qualifies || told->pql[u];
    if (key[0] != '\0') {
        struct rolled r = roll_up(p, key);
        bool wide = (r.busy >= 2 && r.ready_users >= 2) || r.ready_accounts >= 3;
        cr_assert_eq(stands(&view, "wide"), wide, "%s: wide is %d", key, !wide);
        cr_assert_eq(stands(&view, "large"), r.usage >= 50, "%s: large, %d", key, r.usage);
        qualifies = r.qualifies || wide || r.usage >= 50;
        p->n_wide += wide;
    }
    check_leads(&view, qualifies);
}

// ---- Doing --------------------------------------------------------------------------------------

static void note(struct play *p)
{
    router_world_note(&p->w);
    buf_clear(&p->w.log);
}

static void send(struct play *p, int account, const char *user, const char *name, bool value,
                 const char *label)
{
    struct router_signal s =
        router_world_signal(++p->w.position, 0, id_of(account), user, name, value);
    static uint32_t episode = 0;
    s.episode = ++episode;
    s.label = span_of(label);
    p->told[account].heard = true;
    router_core_signals(p->w.core, (uint32_t)account % 3, &s, 1, &p->w.effects);
    for (size_t i = 0; i < p->w.effects.n; i++)
        p->n_moves += p->w.effects.items[i].kind == ROUTER_DECISION_LEAD &&
                      p->w.effects.items[i].step == ROUTER_STEP_MOVED;
    note(p);
}

static int choose(struct play *p)
{
    return below(p, 3) == 0 ? -1 : below(p, VALUES);
}

static void tell(struct play *p)
{
    int account = below(p, ACCOUNTS), u = below(p, USERS), value = choose(p);
    struct told *told = &p->told[account];
    char user[8], number[16];
    snprintf(user, sizeof user, "u%d", u);
    switch (below(p, 8)) {
    case 0:
        told->parent = below(p, 6) == 0 ? value : -1;
        send(p, account, "", "fact.account.parent", told->parent >= 0,
             told->parent >= 0 ? PARENTS[told->parent] : "");
        break;
    case 1:
        told->company = value;
        send(p, account, "", "fact.account.company", value >= 0,
             value >= 0 ? COMPANIES[value] : "");
        break;
    case 2:
        told->domain[u] = value;
        send(p, account, user, "fact.user.email_domain", value >= 0,
             value >= 0 ? DOMAINS[value] : "");
        break;
    case 3:
        told->usage = value < 0 ? 0 : 5 * value + 5;
        snprintf(number, sizeof number, "%d000", told->usage);
        send(p, account, "", "fact.measure.usage", told->usage > 0, told->usage > 0 ? number : "");
        break;
    case 4:
        told->busy = value >= 2;
        send(p, account, "", "busy", told->busy, "");
        break;
    case 5:
        told->ready[u] = value >= 2;
        send(p, account, user, "ready", told->ready[u], "");
        break;
    case 6:
        told->pql[u] = value >= 2;
        send(p, account, user, "qualify.pql", told->pql[u], "");
        break;
    default:
        told->pqa = value >= 3;
        send(p, account, "", "qualify.pqa", told->pqa, "");
        break;
    }
}

static void work(struct play *p)
{
    const struct router_lead *leads[ROUTER_LEASE_LEADS_MAX], *lead;
    p->now_ms += 30000;
    if (router_world_lease(&p->w, p->now_ms, below(p, 2) == 0 ? "sales" : "self_serve", "c", 1, "",
                           leads) == 0)
        return;
    p->n_leased++;
    char token[ROUTER_TOKEN_BYTES];
    router_lead_token(leads[0], token);
    struct span id = span_of(leads[0]->id);
    if (below(p, 3) == 0)
        cr_assert_eq(router_core_complete(p->w.core, p->now_ms, id, span_of(token),
                                          span_of("accepted"), &lead, &p->w.effects, NULL),
                     ERR_OK);
    else if (below(p, 2) == 0)
        cr_assert_eq(router_core_release(p->w.core, p->now_ms, id, span_of(token), span_of(""), 0,
                                         &lead, &p->w.effects, NULL),
                     ERR_OK);
    note(p);
}

// What was there to check.
struct seen {
    unsigned moves, wide, leased;
};

static void run(uint64_t seed, struct seen *seen)
{
    struct play *p = mem_zalloc(sizeof *p);
    struct arena arena;
    p->random.state = seed;
    for (int i = 0; i < ACCOUNTS; i++) {
        p->told[i].parent = p->told[i].company = -1;
        for (int u = 0; u < USERS; u++)
            p->told[i].domain[u] = -1;
    }
    arena_init(&arena, 4096, 0);
    router_world_init(&p->w);
    router_core_set_playbook(p->w.core, router_world_playbook(PLAYBOOK), &p->w.effects);
    note(p);
    for (int step = 0; step < STEPS; step++) {
        if (below(p, 5) == 0)
            work(p);
        else
            tell(p);
        for (int i = 0; i < ACCOUNTS; i++)
            check_account(p, i, &arena);
        arena_reset(&arena);
    }
    seen->moves += p->n_moves;
    seen->wide += p->n_wide;
    seen->leased += p->n_leased;
    router_world_deinit(&p->w);
    arena_deinit(&arena);
    mem_free(p);
}

Test(router_organizations_random, everything_is_as_if_worked_out_anew)
{
    uint64_t seed = test_random_seed();
    fprintf(stderr, "TEST_SEED=%llu\n", (unsigned long long)seed);
    struct seen seen = {0};
    for (uint64_t round = 0; round < 4; round++)
        run(seed + round * 1000003, &seen);
    cr_assert_gt(seen.moves, 4);
    cr_assert_gt(seen.wide, 100);
    cr_assert_gt(seen.leased, 20);
}
