// SPDX-License-Identifier: Apache-2.0
// Each user is a small state (what is left to do, when next); a heap of (instant, user) puts the
// users' events into one order of time. Memory is some 80 bytes a user, however many events there
// are.
#include "cli/simulate.h"

#include "common/base/heap.h"
#include "common/base/mem.h"
#include "common/base/time_text.h"

#include <ctype.h>

enum {
    MONTH_MS_DAYS = 30,
    STAY_DAYS = 6, // a user's first and last event are less than this apart
    ACCOUNT_USERS_MAX = 6,
    BOTS_PER = 200, // one bot for so many users, at least one
    STAFF_PER = 400,
};

enum action {
    ACTION_PAGE,
    ACTION_PROJECT,
    ACTION_INVITE,
    ACTION_REPORT,
    ACTION_FILE,
    ACTIONS,
};

struct user {
    uint64_t random; // the user's own stream of random numbers
    int64_t at_ms;
    uint32_t account; // from 1; 0: ours
    uint32_t gap_ms_max;
    uint8_t kind;
    uint8_t step;  // events given out
    bool is_first; // of the account: sends the group call
    uint8_t left[ACTIONS];
    uint8_t done[ACTIONS];
};

struct simulate {
    struct simulate_opts opts;
    struct user *users;
    uint64_t n_users;
    struct heap heap;
    struct simulate_counts counts;
};

const char *simulate_kind_name(enum simulate_kind kind)
{
    static const char *const names[] = {"qualified", "two_projects", "one_invite",
                                        "no_report", "bot",          "staff"};
    return names[kind];
}

// Splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
static uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15U;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9U;
    z = (z ^ z >> 27) * 0x94D049BB133111EBU;
    return z ^ z >> 31;
}

// 0 to n-1. The bias for n far below 2^64 does not matter here.
static uint32_t random_below(uint64_t *state, uint32_t n)
{
    return (uint32_t)(random_next(state) % n);
}

static uint8_t random_from(uint64_t *state, uint32_t low, uint32_t high)
{
    return (uint8_t)(low + random_below(state, high - low + 1));
}

// What a user of the kind does in all. A near miss lacks exactly one condition.
static void plan(struct user *user)
{
    uint64_t *r = &user->random;
    user->left[ACTION_PAGE] = random_from(r, 1, 4);
    user->left[ACTION_PROJECT] = random_from(r, 3, 5);
    user->left[ACTION_INVITE] = random_from(r, 2, 4);
    user->left[ACTION_REPORT] = random_from(r, 1, 3);
    user->left[ACTION_FILE] = random_from(r, 0, 2);
    if (user->kind == SIMULATE_TWO_PROJECTS)
        user->left[ACTION_PROJECT] = 2;
    if (user->kind == SIMULATE_ONE_INVITE)
        user->left[ACTION_INVITE] = 1;
    if (user->kind == SIMULATE_NO_REPORT)
        user->left[ACTION_REPORT] = 0;
}

static void user_start(struct simulate *s, uint64_t i, enum simulate_kind kind, uint64_t *random)
{
    struct user *user = &s->users[i];
    user->random = random_next(random);
    user->kind = (uint8_t)kind;
    plan(user);
    uint32_t events = 3; // identify, group, Signed Up
    for (int a = 0; a < ACTIONS; a++)
        events += user->left[a];
    int64_t stay_ms = (int64_t)STAY_DAYS * TIME_DAY_MS;
    int64_t days_ms = (int64_t)(MONTH_MS_DAYS - STAY_DAYS) * TIME_DAY_MS;
    user->gap_ms_max = (uint32_t)(stay_ms / events);
    user->at_ms = s->opts.start_ms + (int64_t)(random_next(random) % (uint64_t)days_ms);
    s->counts.users[kind]++;
    heap_push(&s->heap, user->at_ms, i);
}

static void accounts_deal(struct simulate *s, uint64_t *random)
{
    uint32_t account = 0, room = 0;
    for (uint64_t i = 0; i < s->n_users; i++) {
        if (s->users[i].kind == SIMULATE_STAFF)
            continue; // ours
        s->users[i].is_first = room == 0;
        if (room == 0) {
            room = random_from(random, 1, ACCOUNT_USERS_MAX);
            account++;
        }
        s->users[i].account = account;
        room--;
    }
    s->counts.accounts = account + 1U;
}

struct simulate *simulate_create(const struct simulate_opts *opts)
{
    CHECK(opts->users >= 1 && opts->users <= SIMULATE_USERS_MAX);
    struct simulate *s = mem_zalloc(sizeof *s);
    s->opts = *opts;
    uint64_t bots = opts->users / BOTS_PER + 1, staff = opts->users / STAFF_PER + 1;
    uint64_t quarter = opts->users / 4;
    s->n_users = opts->users + bots + staff;
    s->users = mem_zalloc(s->n_users * sizeof *s->users);
    uint64_t random = opts->seed;
    for (uint64_t i = 0; i < s->n_users; i++) {
        enum simulate_kind kind = SIMULATE_STAFF;
        if (i < opts->users)
            kind = i < 4 * quarter ? (enum simulate_kind)(i % 4) : SIMULATE_NO_REPORT;
        else if (i < opts->users + bots)
            kind = SIMULATE_BOT;
        user_start(s, i, kind, &random);
    }
    accounts_deal(s, &random);
    return s;
}

void simulate_destroy(struct simulate *s)
{
    if (s == NULL)
        return;
    heap_deinit(&s->heap);
    mem_free(s->users);
    mem_free(s);
}

void simulate_counts(const struct simulate *s, struct simulate_counts *out)
{
    *out = s->counts;
}

// ---- Lines --------------------------------------------------------------------------------------

#define PICK(list, n) ((list)[(n) % ARRAY_LEN(list)])

static const char *const FIRST_NAMES[] = {"Ada",  "Bo",   "Cleo", "Dara", "Edo",  "Fay",
                                          "Gus",  "Hana", "Ivo",  "June", "Kito", "Lena",
                                          "Milo", "Nia",  "Otto", "Pia"};
static const char *const LAST_NAMES[] = {"Amber", "Brook", "Cliff",  "Dune", "Elm",
                                         "Fern",  "Grove", "Harbor", "Isle", "Jade",
                                         "Knoll", "Lake",  "Moss"};
static const char *const COMPANY_NAMES[] = {"Acorn",  "Birch",   "Cobalt", "Delta",
                                            "Ember",  "Fjord",   "Grain",  "Hazel",
                                            "Indigo", "Juniper", "Kestrel"};
static const char *const COMPANY_KINDS[] = {"Works", "Labs",    "Studio", "Supply",
                                            "Media", "Systems", "Goods"};
static const char *const INDUSTRIES[] = {"saas", "media", "retail", "education", "logistics"};
static const char *const PLANS[] = {"free", "free", "trial", "team"};
static const char *const ROLES[] = {"member", "admin", "manager", "analyst"};
static const char *const PAGES[] = {"Home", "Projects", "Pricing", "Docs", "Billing"};
static const char *const REPORTS[] = {"burndown", "workload", "timeline"};
static const uint32_t SIZES[] = {8, 25, 60, 120, 400, 900, 1500};

// Facts of an account follow from the seed and its number, so that nothing is kept for it.
static uint64_t account_facts(const struct simulate *s, uint32_t account)
{
    uint64_t state = s->opts.seed ^ (uint64_t)account << 32;
    return random_next(&state);
}

static const char *user_agent(const struct user *user)
{
    return user->kind == SIMULATE_BOT ? "ExampleBot/1.0 (bot; +https://bot.example)"
                                      : "Mozilla/5.0 (X11; Linux x86_64) Simulated/1.0";
}

static void account_id_write(const struct user *user, struct buf *out)
{
    if (user->account == 0)
        buf_append_text(out, "\"acct-ours\"");
    else
        buf_printf(out, "\"acct-%06u\"", user->account);
}

static void line_begin(const struct simulate *s, const struct user *user, const char *type,
                       struct buf *out)
{
    unsigned long long number = (unsigned long long)(user - s->users) + 1;
    char at[TIME_TEXT_MAX];
    buf_printf(out,
               "{\"type\":\"%s\",\"messageId\":\"sim-%llu-%llu-%u\",\"userId\":\"u-%06llu\","
               "\"timestamp\":\"%s\"",
               type, (unsigned long long)s->opts.seed, number, user->step, number,
               time_format(user->at_ms, at));
}

// A group call names its account beside the context, every other call in it.
static void line_end(const struct user *user, bool is_group, struct buf *out)
{
    if (is_group) {
        buf_append_text(out, ",\"groupId\":");
        account_id_write(user, out);
    }
    buf_append_text(out, ",\"context\":{");
    if (!is_group) {
        buf_append_text(out, "\"groupId\":");
        account_id_write(user, out);
        buf_append_u8(out, ',');
    }
    buf_printf(out,
               "\"library\":{\"name\":\"assay-simulator\",\"version\":\"%s\"},"
               "\"userAgent\":\"%s\"}}\n",
               ASSAY_VERSION, user_agent(user));
}

static void identify_write(const struct simulate *s, const struct user *user, struct buf *out)
{
    uint64_t facts = user->random, company = account_facts(s, user->account);
    const char *first = PICK(FIRST_NAMES, facts), *last = PICK(LAST_NAMES, facts >> 8);
    unsigned long long number = (unsigned long long)(user - s->users) + 1;
    line_begin(s, user, "identify", out);
    buf_printf(out, ",\"traits\":{\"name\":\"%s %s\",\"email\":\"user%llu@", first, last, number);
    if (user->account == 0)
        buf_append_text(out, "ours.example");
    else
        buf_printf(out, "%c%s-%u.example", tolower(PICK(COMPANY_NAMES, company)[0]),
                   PICK(COMPANY_NAMES, company) + 1, user->account);
    buf_printf(out, "\",\"role\":\"%s\",\"simulated_kind\":\"%s\"}", PICK(ROLES, facts >> 16),
               simulate_kind_name((enum simulate_kind)user->kind));
    line_end(user, false, out);
}

static void group_write(const struct simulate *s, const struct user *user, struct buf *out)
{
    uint64_t facts = account_facts(s, user->account);
    line_begin(s, user, "group", out);
    buf_printf(out,
               ",\"traits\":{\"name\":\"%s %s %u\",\"employees\":%u,\"industry\":\"%s\","
               "\"plan\":\"%s\"}",
               PICK(COMPANY_NAMES, facts), PICK(COMPANY_KINDS, facts >> 8), user->account,
               PICK(SIZES, facts >> 16), PICK(INDUSTRIES, facts >> 24), PICK(PLANS, facts >> 32));
    line_end(user, true, out);
}

static void action_write(struct simulate *s, struct user *user, enum action action, struct buf *out)
{
    unsigned long long number = (unsigned long long)(user - s->users) + 1;
    uint64_t pick = random_next(&user->random);
    line_begin(s, user, action == ACTION_PAGE ? "page" : "track", out);
    switch (action) {
    case ACTION_PAGE:
        buf_printf(out, ",\"name\":\"%s\",\"properties\":{}", PICK(PAGES, pick));
        break;
    case ACTION_PROJECT:
        buf_printf(out, ",\"event\":\"Project Created\",\"properties\":{\"project\":\"p-%llu-%u\"}",
                   number, user->done[action]);
        break;
    case ACTION_INVITE:
        buf_printf(out,
                   ",\"event\":\"Teammate Invited\",\"properties\":{\"invitee\":"
                   "\"invited-%llu-%u@invite.example\"}",
                   number, user->done[action]);
        break;
    case ACTION_REPORT:
        buf_printf(out, ",\"event\":\"Report Run\",\"properties\":{\"report\":\"%s\"}",
                   PICK(REPORTS, pick));
        break;
    case ACTION_FILE:
        buf_printf(out, ",\"event\":\"File Uploaded\",\"properties\":{\"bytes\":%llu}",
                   (unsigned long long)(pick % 50000000 + 1000));
        break;
    case ACTIONS:
        break;
    }
    line_end(user, false, out);
}

// One of the actions that are left, each as likely as it is often left.
static enum action action_pick(struct user *user)
{
    uint32_t left = 0;
    for (int a = 0; a < ACTIONS; a++)
        left += user->left[a];
    uint32_t pick = random_below(&user->random, left);
    int a = 0;
    for (; pick >= user->left[a]; a++)
        pick -= user->left[a];
    user->left[a]--;
    user->done[a]++;
    return (enum action)a;
}

static bool any_left(const struct user *user)
{
    for (int a = 0; a < ACTIONS; a++)
        if (user->left[a] > 0)
            return true;
    return false;
}

static void event_write(struct simulate *s, struct user *user, struct buf *out)
{
    enum { STEP_IDENTIFY, STEP_GROUP, STEP_SIGNED_UP };
    // Only the account's first user has a group call.
    uint8_t step = user->step;
    if (step >= STEP_GROUP && !user->is_first)
        step++;
    if (step == STEP_IDENTIFY) {
        identify_write(s, user, out);
    } else if (step == STEP_GROUP) {
        group_write(s, user, out);
    } else if (step == STEP_SIGNED_UP) {
        line_begin(s, user, "track", out);
        buf_append_text(out, ",\"event\":\"Signed Up\",\"properties\":{}");
        line_end(user, false, out);
    } else {
        action_write(s, user, action_pick(user), out);
    }
    user->step++;
}

bool simulate_next(struct simulate *s, struct buf *out)
{
    if (heap_top(&s->heap) == NULL)
        return false;
    struct heap_entry entry = heap_pop(&s->heap);
    struct user *user = &s->users[entry.item];
    event_write(s, user, out);
    if (s->counts.events++ == 0)
        s->counts.first_ms = entry.key;
    s->counts.last_ms = entry.key;
    if (any_left(user)) {
        user->at_ms += 1 + random_below(&user->random, user->gap_ms_max);
        heap_push(&s->heap, user->at_ms, entry.item);
    }
    return true;
}
