// SPDX-License-Identifier: Apache-2.0
// Random signals, and random streams of events.
#include "tests/support/naive_generate.h"

#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/time_text.h"

#define HOUR ((int64_t)TIME_HOUR_MS)
#define DAY ((int64_t)TIME_DAY_MS)

// ---- Signals ----

static struct naive_signal *add_signal(struct naive_draft *d, enum naive_origin origin,
                                       const char *name, int condition)
{
    struct naive_playbook *pb = d->playbook;
    CHECK(pb->n_signals < NAIVE_SIGNALS_MAX);
    struct naive_signal *s = &pb->signals[pb->n_signals++];
    *s = (struct naive_signal){.origin = origin, .condition = condition, .exit = NAIVE_NONE};
    snprintf(s->name, sizeof s->name, "%s", name);
    return s;
}

static bool is_of_user(const struct naive_draft *d, const struct naive_signal *s)
{
    return naive_condition_of_user(d->playbook, s->condition) ||
           naive_condition_of_user(d->playbook, s->exit);
}

// `exit` is made before: it cannot look at the signal itself.
static void draft_memory(struct naive_draft *d, struct naive_signal *s, int exit)
{
    s->long_form = true;
    s->exit = exit;
    if (naive_chance(d, 3))
        s->hold_ms = NAIVE_PICK(d, int64_t, HOUR, 2 * DAY, 5 * 60000);
    if (naive_chance(d, 3))
        s->cooldown_ms = NAIVE_PICK(d, int64_t, 3 * HOUR, 4 * DAY);
    if (naive_chance(d, 4))
        s->episodes = NAIVE_PICK(d, int, 1, 2);
}

static int draft_exit(struct naive_draft *d, bool account, bool of_account)
{
    return naive_chance(d, 3) ? naive_draft_condition(d, !account, of_account, 1) : NAIVE_NONE;
}

static void draft_signal(struct naive_draft *d, const char *name, bool account)
{
    bool memory = naive_may(d, NAIVE_PART_MEMORY) && naive_chance(d, 3);
    bool per_account = memory && account;
    int condition = naive_draft_condition(d, !account, per_account, 2);
    int exit = memory ? draft_exit(d, account, per_account) : NAIVE_NONE;
    struct naive_signal *s = add_signal(d, NAIVE_DECLARED, name, condition);
    if (memory)
        draft_memory(d, s, exit);
    s->per_account = per_account;
    s->user = !per_account && is_of_user(d, s);
}

// What counts the users of a signal, or tells since when one is true.
static void draft_of_signals(struct naive_draft *d)
{
    struct naive_playbook *pb = d->playbook;
    for (int i = 0; i < 2; i++) {
        int at = (int)naive_below(d, (uint32_t)pb->n_signals);
        const struct naive_signal *s = &pb->signals[at];
        bool since =
            naive_may(d, NAIVE_PART_MEMORY) && naive_chance(d, 3) && s->origin == NAIVE_DECLARED;
        if (!since && !s->user)
            continue;
        struct naive_number *n = &pb->numbers[pb->n_numbers];
        CHECK(pb->n_numbers < NAIVE_NUMBERS_MAX);
        *n = (struct naive_number){.function = since ? NAIVE_SINCE_SIGNAL : NAIVE_USERS_WITH,
                                   .user = since && s->user,
                                   .signal = at,
                                   .where = NAIVE_NONE,
                                   .ever = naive_chance(d, 3)};
        snprintf(n->name, sizeof n->name, "n%d", pb->n_numbers++);
    }
}

static void draft_definition(struct naive_draft *d, enum naive_role role, const char *name)
{
    char full[32];
    bool account = role == NAIVE_PQA;
    snprintf(full, sizeof full, "qualify.%s", name);
    int condition = naive_draft_condition(d, !account, account, 2);
    bool memory = name[0] == 'd' || naive_chance(d, 2);
    int exit = memory ? draft_exit(d, account, account) : NAIVE_NONE;
    struct naive_signal *s = add_signal(d, NAIVE_DEFINITION, full, condition);
    s->role = role;
    s->as = name[0] == 'd';
    if (memory) {
        draft_memory(d, s, exit);
        s->requalify =
            NAIVE_PICK(d, enum naive_requalify, NAIVE_AFRESH, NAIVE_EVERY_TIME, NAIVE_NEVER);
        if (s->requalify == NAIVE_NEVER)
            s->episodes = 0;
    }
    s->user = !account && is_of_user(d, s);
}

static void draft_qualify(struct naive_draft *d)
{
    if (!naive_chance(d, 3))
        draft_definition(d, NAIVE_PAL, "pal");
    draft_definition(d, NAIVE_PQL, "pql");
    if (!naive_chance(d, 3))
        draft_definition(d, NAIVE_PQA, "pqa");
    if (naive_chance(d, 2))
        draft_definition(d, NAIVE_PICK(d, enum naive_role, NAIVE_PAL, NAIVE_PQL, NAIVE_PQA), "d1");
}

// Some definition of these roles is there.
static bool has_definition(const struct naive_playbook *pb, unsigned roles)
{
    for (int i = 0; i < pb->n_signals; i++) {
        const struct naive_signal *s = &pb->signals[i];
        if (s->origin == NAIVE_DEFINITION && (roles >> s->role & 1u) != 0)
            return true;
    }
    return false;
}

static void draft_since_stage(struct naive_draft *d)
{
    struct naive_playbook *pb = d->playbook;
    int at = (int)naive_below(d, (uint32_t)pb->n_signals);
    if (pb->signals[at].origin != NAIVE_LIFECYCLE)
        return;
    struct naive_number *n = &pb->numbers[pb->n_numbers];
    CHECK(pb->n_numbers < NAIVE_NUMBERS_MAX);
    *n = (struct naive_number){.function = NAIVE_SINCE_SIGNAL, .signal = at, .where = NAIVE_NONE};
    snprintf(n->name, sizeof n->name, "n%d", pb->n_numbers++);
}

static void draft_lifecycle(struct naive_draft *d)
{
    const struct naive_playbook *pb = d->playbook;
    unsigned stages = 1u << 0 | 1u << 3 | 1u << 4;
    d->playbook->lifecycle = true;
    if (has_definition(pb, 1u << NAIVE_PAL))
        stages |= 1u << 1;
    if (has_definition(pb, 1u << NAIVE_PQL | 1u << NAIVE_PQA))
        stages |= 1u << 2;
    for (int stage = 1; stage < NAIVE_STAGES; stage++) {
        char name[32];
        snprintf(name, sizeof name, "stage.%s", NAIVE_STAGE[stage]);
        bool write = naive_chance(d, stage > 4 ? 2 : 4) || stage == 7;
        int condition = write ? naive_draft_condition(d, false, true, 1) : NAIVE_NONE;
        if (!write && (stages >> stage & 1u) == 0)
            continue;
        add_signal(d, NAIVE_LIFECYCLE, name, condition)->stage = stage;
        stages |= 1u << stage;
    }
    d->stages = stages;
    draft_since_stage(d);
}

static void draft_marketing(struct naive_draft *d)
{
    struct naive_playbook *pb = d->playbook;
    int at;
    pb->marketing = true;
    struct naive_number *n = &pb->numbers[pb->n_numbers];
    *n = (struct naive_number){.function = NAIVE_COUNT,
                               .user = naive_chance(d, 2),
                               .where = NAIVE_NONE,
                               .signal = NAIVE_NONE,
                               .events = 1u << NAIVE_EVENT_MARKETING};
    snprintf(n->name, sizeof n->name, "k%d", pb->n_numbers);
    bool user = n->user;
    struct naive_condition *c = naive_add_condition(d, NAIVE_TEST, &at);
    c->operand = NAIVE_OF_NUMBER;
    c->number = pb->n_numbers++;
    c->low = 1000 * NAIVE_PICK(d, int64_t, 1, 2);
    add_signal(d, NAIVE_MQL, "mql", at)->user = user;
}

static void draft_exclude(struct naive_draft *d)
{
    struct naive_playbook *pb = d->playbook;
    for (int i = 0; i < 3; i++) {
        int at;
        struct naive_condition *c = naive_add_condition(d, NAIVE_TEST, &at);
        static const enum naive_operand OF[] = {NAIVE_OF_PROPERTY, NAIVE_OF_USER, NAIVE_OF_CONTEXT};
        static const char *const KEY[] = {"p", "bot", "user_agent"}, *const IS[] = {"7", "true",
                                                                                    "some"};
        c->operand = OF[i];
        c->key = KEY[i];
        c->test = i == 2 ? NAIVE_TEST_CONTAINS : NAIVE_TEST_IS;
        c->values[0] = IS[i];
        c->n_values = 1;
        if (naive_chance(d, 3))
            pb->exclude[pb->n_exclude++] = at;
    }
}

// ---- Facts ----

static void draft_fact(struct naive_draft *d, enum naive_operand of, const char *key, int number)
{
    char name[16];
    int at;
    struct naive_condition *c = naive_add_condition(d, NAIVE_TEST, &at);
    c->operand = of;
    c->key = key;
    c->number = number;
    c->test = of == NAIVE_OF_NUMBER ? NAIVE_TEST_ABOVE : NAIVE_TEST_EXISTS;
    c->expected = true;
    snprintf(name, sizeof name, "fact_%d", at);
    struct naive_signal *s = add_signal(d, NAIVE_DECLARED, name, at);
    s->fact = true;
    s->user = is_of_user(d, s);
}

static void draft_busiest(struct naive_draft *d)
{
    struct naive_playbook *pb = d->playbook;
    CHECK(pb->n_numbers < NAIVE_NUMBERS_MAX);
    struct naive_number *n = &pb->numbers[pb->n_numbers];
    *n = (struct naive_number){
        .function = NAIVE_BUSIEST, .where = NAIVE_NONE, .signal = NAIVE_NONE, .after = NAIVE_NONE};
    snprintf(n->name, sizeof n->name, "busy%d", pb->n_numbers);
    draft_fact(d, NAIVE_OF_NUMBER, NULL, pb->n_numbers++);
}

// Each comes after all else: nothing else looks at one.
static void draft_facts(struct naive_draft *d)
{
    if (naive_chance(d, 2))
        draft_fact(d, NAIVE_OF_ACCOUNT, NAIVE_PICK(d, char *, "plan", "seats", "ends"), NAIVE_NONE);
    if (naive_chance(d, 2))
        draft_fact(d, NAIVE_OF_USER, NAIVE_PICK(d, char *, "role", "level", "email_domain"),
                   NAIVE_NONE);
    for (int i = 0; i < d->playbook->n_numbers && d->playbook->n_signals < NAIVE_SIGNALS_MAX - 1;
         i++) {
        const struct naive_number *n = &d->playbook->numbers[i];
        bool marketing = (n->events >> NAIVE_EVENT_MARKETING & 1u) != 0;
        if (n->function < NAIVE_SCORE && naive_number_unit(n) == NAIVE_AS_NUMBER && !marketing &&
            naive_chance(d, 3))
            draft_fact(d, NAIVE_OF_NUMBER, NULL, i);
    }
    if (naive_chance(d, 2) && d->playbook->n_signals < NAIVE_SIGNALS_MAX &&
        d->playbook->n_numbers < NAIVE_NUMBERS_MAX)
        draft_busiest(d);
}

void naive_generate_playbook(struct test_random *random, unsigned parts, struct naive_playbook *pb)
{
    *pb = (struct naive_playbook){0};
    struct naive_draft d = {.random = random, .playbook = pb, .parts = parts};
    draft_exclude(&d);
    if (naive_chance(&d, 4))
        pb->active = NAIVE_PICK(&d, unsigned, 3, 13);
    naive_draft_measures(&d);
    naive_draft_scores(&d);
    if (naive_may(&d, NAIVE_PART_FIT) && naive_chance(&d, 3))
        naive_draft_fit(&d);
    if (naive_may(&d, NAIVE_PART_SCORES) && naive_chance(&d, 4))
        naive_draft_weights(&d);
    struct naive_signal *segment =
        add_signal(&d, NAIVE_SEGMENT, "segment.g0", naive_draft_condition(&d, false, false, 1));
    segment->user = false;
    char name[16];
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "u%d", i);
        draft_signal(&d, name, false);
    }
    draft_of_signals(&d);
    draft_signal(&d, "a0", true);
    if (naive_may(&d, NAIVE_PART_SCORES) && naive_chance(&d, 4))
        naive_draft_weights(&d);
    if (naive_may(&d, NAIVE_PART_MEMORY) && naive_chance(&d, 2)) {
        draft_signal(&d, "u2", false);
        draft_of_signals(&d);
    }
    draft_signal(&d, "a1", true);
    if (naive_may(&d, NAIVE_PART_QUALIFY) && naive_chance(&d, 2))
        draft_qualify(&d);
    if (naive_may(&d, NAIVE_PART_LIFECYCLE) && naive_chance(&d, 2)) {
        draft_lifecycle(&d);
        draft_signal(&d, "l0", true);
        draft_signal(&d, "l1", false);
    }
    if (naive_may(&d, NAIVE_PART_MARKETING) && naive_chance(&d, 3))
        draft_marketing(&d);
    naive_playbook_scopes(pb);
    if (naive_may(&d, NAIVE_PART_FACTS) && naive_chance(&d, 2))
        draft_facts(&d);
    naive_playbook_scopes(pb);
}

// ---- Streams ----

struct stream {
    struct naive_draft draft;
    struct naive_case *out;
    int64_t now_ms;
    int messages;
    bool excludes;
};

static void add_pair(struct naive_pair *pairs, int *n, const char *key, const char *written)
{
    CHECK(*n < NAIVE_PAIRS_MAX);
    pairs[(*n)++] = (struct naive_pair){key, written, naive_value_of(written)};
}

static int64_t draft_when(struct stream *s)
{
    struct naive_draft *d = &s->draft;
    if (naive_chance(d, 30))
        s->now_ms += naive_below(d, 12) * DAY;
    s->now_ms += naive_below(d, 8) * HOUR / 2 + naive_below(d, 1000);
    int64_t when = s->now_ms;
    if (naive_chance(d, 4))
        when -= naive_below(d, naive_chance(d, 5) ? 600 : 100) * HOUR;
    if (naive_chance(d, 4))
        when -= when % HOUR;
    if (naive_chance(d, 12))
        when -= when % DAY;
    // The same instant as another, or the first at which a duration has passed since it.
    if (naive_chance(d, 8) && s->out->n_steps > 0) {
        const struct naive_step *other = &s->out->steps[naive_below(d, (uint32_t)s->out->n_steps)];
        if (other->kind == NAIVE_EVENT_STEP)
            when = other->event.at_ms + NAIVE_PICK(d, int64_t, 0, 0, 0, -1, 1, 36 * HOUR, 3 * DAY,
                                                   2 * DAY, 5 * HOUR, 3 * HOUR / 2, HOUR / 2,
                                                   40 * 60000);
        s->now_ms = when > s->now_ms ? when : s->now_ms;
    }
    return when;
}

static const char *draft_instant(struct naive_draft *d)
{
    return NAIVE_PICK(d, char *, "2026-02-26T00:00:00Z", "2026-02-25T07:30:00.250Z",
                      "2026-03-02T12:00:00Z", "1772150400000", "soon", "null");
}

static void draft_user_traits(struct naive_draft *d, struct naive_event *e)
{
    if (!naive_chance(d, 3))
        add_pair(e->properties, &e->n_properties, "role",
                 NAIVE_PICK(d, char *, "x", "y", "z", "null"));
    if (naive_chance(d, 2))
        add_pair(e->properties, &e->n_properties, "level",
                 NAIVE_PICK(d, char *, "1", "2", "3.5", "null", "x"));
    if (naive_chance(d, 5))
        add_pair(e->properties, &e->n_properties, "email",
                 NAIVE_PICK(d, char *, "u@x.example", "v@z.example", "nobody", "null"));
    else if (naive_may(d, NAIVE_PART_QUALIFY) && naive_chance(d, 4))
        add_pair(e->properties, &e->n_properties, "qualification",
                 NAIVE_PICK(d, char *, "promoted", "disqualified", "snoozed", "null"));
    if (naive_may(d, NAIVE_PART_QUALIFY) && naive_chance(d, 4))
        add_pair(e->properties, &e->n_properties, "qualification_until", draft_instant(d));
}

static void draft_account_traits(struct naive_draft *d, struct naive_event *e)
{
    if (naive_chance(d, 2))
        add_pair(e->properties, &e->n_properties, "plan",
                 NAIVE_PICK(d, char *, "x", "y", "z", "null"));
    if (naive_chance(d, 2))
        add_pair(e->properties, &e->n_properties, "seats",
                 NAIVE_PICK(d, char *, "1", "2", "3", "4.0", "0", "null"));
    if (naive_chance(d, 3))
        add_pair(e->properties, &e->n_properties, "ends", draft_instant(d));
    if (naive_may(d, NAIVE_PART_QUALIFY) && naive_chance(d, 4)) {
        const char *key = NAIVE_PICK(d, char *, "qualification", "lead_outcome");
        add_pair(e->properties, &e->n_properties, key,
                 key[0] == 'q'
                     ? NAIVE_PICK(d, char *, "promoted", "disqualified", "snoozed", "null")
                     : NAIVE_PICK(d, char *, "accepted", "meeting", "won", "lost"));
    } else if (naive_may(d, NAIVE_PART_QUALIFY) && naive_chance(d, 5)) {
        add_pair(e->properties, &e->n_properties, "qualification_until", draft_instant(d));
    }
}

static void draft_usage(struct naive_draft *d, struct naive_event *e)
{
    e->call = NAIVE_PICK(d, enum naive_call, NAIVE_TRACK, NAIVE_TRACK, NAIVE_PAGE, NAIVE_SCREEN);
    e->name = (int)naive_below(d, naive_chance(d, 3) ? NAIVE_EVENTS : 3);
    if (!naive_chance(d, 3))
        add_pair(e->properties, &e->n_properties, "p",
                 NAIVE_PICK(d, char *, "1", "2", "2.0", "3.5", "4", "-1", "7", "0.125", "x"));
    if (naive_chance(d, 2))
        add_pair(e->properties, &e->n_properties, "q",
                 NAIVE_PICK(d, char *, "x", "y", "2", "2.0", "true", "xyz", "null"));
    if (naive_chance(d, 4))
        add_pair(e->properties, &e->n_properties, "d", draft_instant(d));
    e->passive = naive_chance(d, 6);
    if (e->passive)
        e->context = (struct naive_pair){"active", "false", naive_value_of("false")};
    else
        e->context = (struct naive_pair){"userAgent", "some-Bot", naive_value_of("some-Bot")};
    e->n_context = e->passive || naive_chance(d, 6);
}

static void draft_event(struct stream *s)
{
    struct naive_draft *d = &s->draft;
    struct naive_step *step = &s->out->steps[s->out->n_steps];
    struct naive_event *e = &step->event;
    *step = (struct naive_step){.kind = NAIVE_EVENT_STEP};
    e->account = naive_chance(d, 4);
    e->user = (int)naive_below(d, NAIVE_USERS);
    e->name = NAIVE_NONE;
    e->at_ms = draft_when(s);
    snprintf(e->id, sizeof e->id, "m%d", ++s->messages);
    uint32_t kind = naive_below(d, 10);
    if (kind < 2 && e->account == 0) {
        e->call = NAIVE_IDENTIFY; // in a personal account it would be a profile
        // What an excluded user's calls say is learned, and nobody decided: it says nothing else.
        if (s->excludes && e->user == NAIVE_USERS - 1)
            add_pair(e->properties, &e->n_properties, "bot",
                     NAIVE_PICK(d, char *, "true", "false"));
        else
            draft_user_traits(d, e);
    } else if (kind < 3) {
        e->call = NAIVE_GROUP;
        // Of a user who is excluded its traits would be learned, and nobody decided.
        if (naive_chance(d, 2) || s->excludes)
            e->user = NAIVE_NONE;
        draft_account_traits(d, e);
    } else {
        draft_usage(d, e);
    }
    s->out->n_steps++;
}

// Profiles come first: that one changes decides nobody anew by itself.
static void draft_profile(struct stream *s)
{
    struct naive_draft *d = &s->draft;
    struct naive_step *step = &s->out->steps[s->out->n_steps++];
    struct naive_event *e = &step->event;
    *step = (struct naive_step){.kind = NAIVE_EVENT_STEP};
    e->profile = true;
    e->call = NAIVE_IDENTIFY;
    e->user = (int)naive_below(d, NAIVE_USERS);
    e->name = NAIVE_NONE;
    e->at_ms = s->now_ms + naive_below(d, 100) * HOUR;
    snprintf(e->id, sizeof e->id, "m%d", ++s->messages);
    add_pair(e->properties, &e->n_properties, "role", NAIVE_PICK(d, char *, "x", "y"));
    add_pair(e->properties, &e->n_properties, "level", NAIVE_PICK(d, char *, "1", "3"));
}

static void draft_step(struct stream *s)
{
    struct naive_draft *d = &s->draft;
    struct naive_step *step = &s->out->steps[s->out->n_steps];
    uint32_t kind = naive_below(d, 40);
    if (kind < 3) {
        *step = (struct naive_step){.kind = NAIVE_TICK};
        s->now_ms += naive_below(d, 40) * HOUR / 3;
        if (naive_chance(d, 4))
            s->now_ms += naive_below(d, 10) * DAY;
        step->tick_ms = s->now_ms;
        s->out->n_steps++;
    } else if (kind < 5 && s->out->n_steps > 0) {
        *step = (struct naive_step){.kind = NAIVE_REPEAT,
                                    .repeat = (int)naive_below(d, (uint32_t)s->out->n_steps)};
        s->out->n_steps += s->out->steps[step->repeat].kind == NAIVE_EVENT_STEP;
    } else if (kind == 5) {
        *step = (struct naive_step){.kind = NAIVE_RELOAD};
        if (naive_may(d, NAIVE_PART_CHANGES))
            step->kind = NAIVE_PICK(d, enum naive_step_kind, NAIVE_RELOAD, NAIVE_FORGET,
                                    NAIVE_FORGET, NAIVE_RECALL, NAIVE_RECALL);
        step->choice = test_random_next(d->random);
        s->out->n_steps++;
    } else {
        draft_event(s);
    }
}

void naive_generate_steps(struct test_random *random, unsigned parts, struct naive_case *out)
{
    struct stream s = {.draft = {.random = random, .parts = parts}, .out = out};
    s.excludes = out->playbook.n_exclude > 0;
    CHECK(time_parse(span_of("2026-02-24T00:00:00Z"), &s.now_ms));
    out->n_steps = 0;
    int n = 10 + (int)naive_below(&s.draft, 30);
    for (int i = (int)naive_below(&s.draft, 3); i > 0; i--)
        draft_profile(&s);
    for (int tries = 0; out->n_steps < n && tries < 100; tries++)
        draft_step(&s);
}

void naive_generate(uint64_t seed, unsigned parts, struct naive_case *out)
{
    // Neighbouring seeds must not give neighbouring streams.
    struct test_random random = {(seed + 1) * UINT64_C(0x9e3779b97f4a7c15)};
    naive_generate_playbook(&random, parts, &out->playbook);
    naive_generate_steps(&random, parts, out);
}
