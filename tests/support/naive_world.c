// SPDX-License-Identifier: Apache-2.0
// What happens to an account: events come, time passes, signals change.
#include "tests/support/naive_world.h"

#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/time_text.h"

const char *const NAIVE_ACCOUNT[NAIVE_ACCOUNTS] = {"acme", "user:u1"};
const char *const NAIVE_USER[NAIVE_USERS] = {"u1", "u2", "u3"};

// ---- Order of signals: each after those it refers to ----

struct sorting {
    struct naive_world *world;
    bool begun[NAIVE_SIGNALS_MAX];
    bool number_begun[NAIVE_NUMBERS_MAX];
};

static void sort_signal(void *context, int signal);
static void sort_number(void *context, int number);

static void sort_stages(void *context)
{
    struct sorting *sorting = context;
    for (int i = 0; i < sorting->world->playbook->n_signals; i++) {
        if (sorting->world->playbook->signals[i].origin == NAIVE_LIFECYCLE)
            sort_signal(context, i);
    }
}

static struct naive_visitor sorter(struct sorting *sorting)
{
    return (struct naive_visitor){sort_number, sort_signal, sort_stages, sorting};
}

static void sort_number(void *context, int number)
{
    struct sorting *sorting = context;
    if (sorting->number_begun[number])
        return;
    sorting->number_begun[number] = true;
    struct naive_visitor visitor = sorter(sorting);
    naive_number_visit(sorting->world->playbook, number, &visitor);
}

static void sort_signal(void *context, int signal)
{
    struct sorting *sorting = context;
    struct naive_world *w = sorting->world;
    if (sorting->begun[signal] || w->playbook->signals[signal].dropped)
        return;
    sorting->begun[signal] = true;
    struct naive_visitor visitor = sorter(sorting);
    naive_signal_visit(w->playbook, signal, &visitor);
    w->order[w->n_order++] = signal;
}

void naive_world_change(struct naive_world *w)
{
    struct sorting sorting = {.world = w};
    w->n_order = 0;
    for (int i = 0; i < w->playbook->n_signals; i++) {
        sort_signal(&sorting, i);
        for (int a = 0; a < NAIVE_ACCOUNTS && w->playbook->signals[i].dropped; a++) {
            for (int u = 0; u <= NAIVE_USERS; u++)
                w->memory[a][u][i] = (struct naive_memory){.value = false};
        }
    }
}

void naive_world_init(struct naive_world *w, const struct naive_playbook *playbook)
{
    memset(w, 0, sizeof *w);
    w->playbook = playbook;
    for (int a = 0; a < NAIVE_ACCOUNTS; a++)
        w->clock_ms[a] = INT64_MIN;
    naive_world_change(w);
}

void naive_world_deinit(struct naive_world *w)
{
    buf_deinit(&w->log);
}

// ---- Deciding ----

static const char *const OUTCOMES[] = {"accepted", "meeting", "won"};

static bool text_is(struct naive_value value, const char *text)
{
    return value.type == NAIVE_TEXT && strcmp(value.text, text) == 0;
}

// What a stage follows that the playbook does not write.
static bool stage_default(const struct naive_subject *s, int stage)
{
    const struct naive_world *w = s->world;
    if (stage == 3 || stage == 4) {
        struct naive_value outcome =
            naive_trait(w, s->account, NAIVE_NONE, "lead_outcome", INT64_MAX);
        for (int i = stage == 3 ? 0 : 2; i < 3; i++) {
            if (text_is(outcome, OUTCOMES[i]))
                return true;
        }
        return false;
    }
    bool any = false;
    for (int i = 0; i < w->playbook->n_signals; i++) {
        const struct naive_signal *d = &w->playbook->signals[i];
        bool counts = stage == 1 ? d->role == NAIVE_PAL : d->role != NAIVE_PAL;
        if (d->origin != NAIVE_DEFINITION || !counts || d->dropped || stage > 2)
            continue;
        for (int u = 0; u <= NAIVE_USERS; u++) {
            if (d->user == (u < NAIVE_USERS) && w->memory[s->account][u][i].value)
                any = true;
        }
    }
    return any;
}

// A person's word on whether the subject qualifies.
static bool verdict_is(const struct naive_subject *s, const char *verdict, bool of_account)
{
    int user = of_account ? NAIVE_NONE : s->user;
    const char *key = "qualification";
    struct naive_value value = naive_trait(s->world, s->account, user, key, INT64_MAX);
    if (value.type == NAIVE_NOTHING && user != NAIVE_NONE)
        value = naive_trait(s->world, NAIVE_NONE, user, key, INT64_MAX);
    return text_is(value, verdict);
}

static bool is_snoozed(const struct naive_subject *s, bool of_account)
{
    int user = of_account ? NAIVE_NONE : s->user;
    const char *key = "qualification_until";
    struct naive_value until = naive_trait(s->world, s->account, user, key, INT64_MAX);
    if (until.type == NAIVE_NOTHING && user != NAIVE_NONE)
        until = naive_trait(s->world, NAIVE_NONE, user, key, INT64_MAX);
    int64_t at_ms;
    return verdict_is(s, "snoozed", of_account) && naive_value_instant(&until, &at_ms) &&
           at_ms > s->clock_ms;
}

static bool is_kept_out(const struct naive_subject *s)
{
    for (int of_account = s->user == NAIVE_NONE; of_account < 2; of_account++) {
        if (verdict_is(s, "disqualified", of_account != 0))
            return true;
    }
    return false;
}

static bool is_put_off(const struct naive_subject *s)
{
    for (int of_account = s->user == NAIVE_NONE; of_account < 2; of_account++) {
        if (is_snoozed(s, of_account != 0))
            return true;
    }
    return false;
}

static bool enters(const struct naive_subject *s, const struct naive_signal *signal)
{
    if (signal->condition == NAIVE_NONE)
        return stage_default(s, signal->stage);
    bool holds = naive_holds(s, signal->condition, NULL);
    if (signal->origin != NAIVE_DEFINITION || signal->role == NAIVE_PAL)
        return holds;
    return verdict_is(s, "promoted", s->user == NAIVE_NONE) ||
           (holds && !is_kept_out(s) && !is_put_off(s));
}

static bool leaves(const struct naive_subject *s, const struct naive_signal *signal)
{
    bool exits = signal->exit != NAIVE_NONE && naive_holds(s, signal->exit, NULL);
    return exits ||
           (signal->origin == NAIVE_DEFINITION && signal->role != NAIVE_PAL && is_kept_out(s));
}

static bool may_turn_true(const struct naive_memory *m, const struct naive_signal *signal,
                          int64_t clock)
{
    bool definition = signal->origin == NAIVE_DEFINITION;
    int most = definition && signal->requalify == NAIVE_NEVER ? 1 : signal->episodes;
    if (!m->held || clock - m->held_since_ms < signal->hold_ms)
        return false;
    if (most > 0 && m->episodes >= most)
        return false;
    if (m->episodes == 0)
        return true;
    return clock - m->false_since_ms >= signal->cooldown_ms &&
           (!definition || signal->requalify != NAIVE_AFRESH || m->seen_false);
}

static bool next_value(const struct naive_subject *s, const struct naive_signal *signal,
                       struct naive_memory *m)
{
    bool holds = enters(s, signal);
    bool definition = signal->origin == NAIVE_DEFINITION;
    if (!naive_has_memory(signal))
        return holds;
    bool exit = leaves(s, signal);
    if (holds && !m->held)
        m->held_since_ms = s->clock_ms;
    m->held = holds;
    m->seen_false |= !holds;
    if (m->value)
        return !exit && (definition || holds);
    return !exit && may_turn_true(m, signal, s->clock_ms);
}

// A number is told in thousandths.
static void write_told(const struct naive_playbook *pb, const struct naive_signal *signal,
                       const struct naive_value *told, struct buf *out)
{
    buf_append_text(out, " tells ");
    if (pb->conditions[signal->condition].operand == NAIVE_OF_NUMBER)
        buf_printf(out, "%lld", (long long)told->milli);
    else if (told->type == NAIVE_NUMBER)
        naive_milli_write(told->milli, out);
    else if (told->type == NAIVE_FLAG)
        buf_append_text(out, told->milli != 0 ? "true" : "false");
    else
        buf_append_text(out, told->text);
}

static void decide(struct naive_world *w, int account, int user, int at, const char *id)
{
    const struct naive_signal *signal = &w->playbook->signals[at];
    struct naive_memory *m = &w->memory[account][user == NAIVE_NONE ? NAIVE_USERS : user][at];
    struct naive_subject s = {w, account, user, w->clock_ms[account]};
    bool value = next_value(&s, signal, m), changed = value != m->value;
    struct naive_value told = {0};
    if (signal->fact && value)
        told = naive_left(&s, signal->condition);
    if (!changed && !(signal->fact && value && !naive_value_equal(&told, &m->told)))
        return;
    m->value = value;
    m->told = told;
    m->ever |= value;
    m->since_ms = s.clock_ms;
    if (value) {
        m->episodes += changed;
    } else {
        m->false_since_ms = s.clock_ms;
        m->seen_false = !m->held;
    }
    w->changed_ms[account] = s.clock_ms;
    char when[TIME_TEXT_MAX];
    buf_printf(&w->log, "%s %s %s %s/%s by %s", time_format(s.clock_ms, when), signal->name,
               value ? "true" : "false", NAIVE_ACCOUNT[account],
               user == NAIVE_NONE ? "" : NAIVE_USER[user], id);
    if (naive_has_memory(signal))
        buf_printf(&w->log, " episode %d", m->episodes);
    if (signal->fact && value)
        write_told(w->playbook, signal, &told, &w->log);
    buf_append_text(&w->log, "\n");
}

static void decide_all(struct naive_world *w, int account, int64_t clock, const char *id)
{
    w->clock_ms[account] = clock;
    for (int i = 0; i < w->n_order; i++) {
        int at = w->order[i];
        if (!w->playbook->signals[at].user)
            decide(w, account, NAIVE_NONE, at, id);
        for (int u = 0; u < NAIVE_USERS && w->playbook->signals[at].user; u++) {
            if (w->known[account][u])
                decide(w, account, u, at, id);
        }
    }
}

void naive_world_settle(struct naive_world *w, int account)
{
    if (w->clock_ms[account] != INT64_MIN)
        decide_all(w, account, w->clock_ms[account], "");
}

void naive_world_run(struct naive_world *w, int account, int64_t until_ms)
{
    if (w->clock_ms[account] == INT64_MIN)
        return;
    for (;;) {
        int64_t next = naive_next_instant(w, account, w->clock_ms[account], until_ms);
        if (next > until_ms)
            return;
        decide_all(w, account, next, "");
    }
}

// ---- Events ----

static void learn(struct naive_world *w, const struct naive_event *e)
{
    for (int i = 0; i < e->n_properties; i++) {
        CHECK(w->n_traits < NAIVE_EVENTS_MAX * NAIVE_PAIRS_MAX);
        w->traits[w->n_traits++] = (struct naive_trait){
            .account = e->profile ? NAIVE_NONE : e->account,
            .user = e->call == NAIVE_GROUP ? NAIVE_NONE : e->user,
            .key = e->properties[i].key,
            .value = e->properties[i].value,
            .at_ms = e->at_ms,
        };
    }
}

static bool is_excluded(const struct naive_world *w, const struct naive_event *e)
{
    struct naive_subject s = {w, e->account, e->user, e->at_ms};
    // Traits as they are known now, whenever they were set.
    struct naive_event now = *e;
    now.at_ms = INT64_MAX;
    for (int i = 0; i < w->playbook->n_exclude; i++) {
        if (naive_holds(&s, w->playbook->exclude[i], &now))
            return true;
    }
    return false;
}

bool naive_world_apply(struct naive_world *w, const struct naive_event *e)
{
    if (e->profile) {
        learn(w, e);
        return true;
    }
    // An identify call is judged with what it says itself, and says it even when excluded.
    int before = w->n_traits, a = e->account;
    if (e->name == NAIVE_NONE)
        learn(w, e);
    if (is_excluded(w, e))
        return false;
    int learned = w->n_traits;
    w->n_traits = before;
    naive_world_run(w, a, e->at_ms);
    w->n_traits = learned;
    CHECK(w->n_events < NAIVE_EVENTS_MAX);
    w->events[w->n_events++] = *e;
    if (e->user != NAIVE_NONE)
        w->known[a][e->user] = true;
    decide_all(w, a, e->at_ms > w->clock_ms[a] ? e->at_ms : w->clock_ms[a], e->id);
    return true;
}
