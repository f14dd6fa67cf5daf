// SPDX-License-Identifier: Apache-2.0
// Teams for tests: accounts that qualify at an instant, reps who take and complete, and what was
// decided as lines of few words.
#pragma once

#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/time_text.h"
#include "services/playbook/load.h"
#include "services/router/core/teams.h"

static const char TEAM_WORLD_HEAD[] =
    "playbook: test\n"
    "version: 1\n"
    "measures:\n"
    "  projects: {count: Project Created}\n"
    "signals:\n"
    "  ready: {projects: {at_least: 3}}\n"
    "segments:\n"
    "  big: {account.employees: {at_least: 1000}}\n"
    "  eu: {account.region: {is: eu}}\n"
    "  hot: {account.grade: {is: A}}\n"
    "  cold: {account.grade: {is: C}}\n"
    "qualify:\n"
    "  pql: ready\n"
    "route:\n"
    "  - {when: {segment: hot}, motion: sales, queue: sales, priority: 50}\n"
    "  - {when: {segment: cold}, motion: sales, queue: sales, priority: 1}\n"
    "  - {when: always, motion: sales, queue: sales, priority: 10}\n"
    "effort:\n"
    "  - {when: {segment: big}, units: 3}\n"
    "queues:\n"
    "  sales: {lease: 1h, attempts: 3}\n"
    "  backup: {lease: 1h, attempts: 3}\n"
    "  self_serve: {lease: 1h, attempts: 3}\n";

struct team_world {
    struct router_core *core;
    struct router_effects effects;
    struct buf log;
    int64_t now_ms;
    uint64_t position;
};

static inline int64_t team_world_instant(const char *text)
{
    int64_t ms;
    CHECK(time_parse(span_of(text), &ms));
    return ms;
}

static inline void team_world_line(struct buf *log, const struct router_decision *d)
{
    static const char *const STEPS[] = {
        "",          "created",  "contact_added", "leased",     "extended",   "acked",
        "released",  "expired",  "parked",        "completed",  "routed",     "withdrawn",
        "noted",     "assigned", "held",          "unassigned", "overflowed", "reminded",
        "escalated", "delayed",  "redriven",      "moved"};
    if (d->kind == ROUTER_DECISION_REP)
        buf_printf(log, "rep %s: %s\n", d->rep, d->change);
    if (d->kind != ROUTER_DECISION_LEAD || d->step == ROUTER_STEP_CREATED)
        return;
    buf_printf(log, "%s " SPAN_FMT, STEPS[d->step], SPAN_ARG(d->account));
    if (d->step == ROUTER_STEP_OVERFLOWED)
        buf_printf(log, " %s:%s", d->motion, d->queue);
    else if (d->rep[0] != '\0')
        buf_printf(log, " %s", d->rep);
    if (d->to[0] != '\0')
        buf_printf(log, " to %s", d->to);
    if (d->reason[0] != '\0' && d->step != ROUTER_STEP_HELD)
        buf_printf(log, " (%s)", d->reason);
    buf_append_text(log, "\n");
}

static inline void team_world_note(struct team_world *w)
{
    for (size_t i = 0; i < w->effects.n; i++)
        team_world_line(&w->log, &w->effects.items[i]);
    router_effects_clear(&w->effects);
}

// What was decided since the last call; valid until the next one.
static inline const char *team_world_log(struct team_world *w)
{
    static char text[65536];
    team_world_note(w);
    CHECK(w->log.len < sizeof text);
    if (w->log.len > 0)
        memcpy(text, w->log.bytes, w->log.len);
    text[w->log.len] = '\0';
    buf_clear(&w->log);
    return text;
}

static inline void team_world_playbook(struct team_world *w, const char *teams)
{
    struct buf text = {0}, report = {0};
    buf_append_text(&text, TEAM_WORLD_HEAD);
    buf_append_text(&text, teams);
    struct playbook *playbook;
    enum err err = playbook_load("test.yaml", buf_span(&text), &playbook, &report);
    if (err != ERR_OK)
        fprintf(stderr, "%.*s\n", (int)report.len, (const char *)report.bytes);
    CHECK(err == ERR_OK);
    router_core_set_playbook(w->core, playbook, &w->effects);
    buf_deinit(&text);
    buf_deinit(&report);
    team_world_note(w);
}

// It is Monday, 5 January 2026, 10:00 UTC.
static inline void team_world_init(struct team_world *w, const char *teams)
{
    *w = (struct team_world){.core = router_core_create()};
    router_effects_init(&w->effects);
    w->now_ms = team_world_instant("2026-01-05T10:00:00Z");
    team_world_playbook(w, teams);
}

static inline void team_world_deinit(struct team_world *w)
{
    router_core_destroy(w->core);
    router_effects_deinit(&w->effects);
    buf_deinit(&w->log);
}

static inline void team_world_tick(struct team_world *w, const char *instant)
{
    w->now_ms = team_world_instant(instant);
    router_core_tick(w->core, w->now_ms, &w->effects);
    team_world_note(w);
}

static inline void team_world_signal(struct team_world *w, const char *account, const char *user,
                                     const char *name, bool value, const char *label)
{
    struct router_signal s = {
        .position = ++w->position,
        .name = span_of(name),
        .value = value,
        .account = span_of(account),
        .user = span_of(user),
        .at_ms = w->now_ms,
        .known_at_ms = w->now_ms,
        .event_id = span_of("e"),
        .playbook = span_of("test@1"),
        .episode = (uint32_t)w->position,
        .label = span_of(label),
    };
    router_core_signals(w->core, 0, &s, 1, &w->effects);
    team_world_note(w);
}

// The account is of a segment from now on.
static inline void team_world_is(struct team_world *w, const char *account, const char *segment)
{
    char name[64];
    snprintf(name, sizeof name, "segment.%s", segment);
    team_world_signal(w, account, "", name, true, "");
}

static inline void team_world_owned(struct team_world *w, const char *account, const char *owner)
{
    team_world_signal(w, account, "", "fact.account.owner", true, owner);
}

// A user of the account qualifies: its lead is made.
static inline void team_world_lead(struct team_world *w, const char *account)
{
    team_world_signal(w, account, "u", "qualify.pql", true, "");
}

static inline const struct router_lead *team_world_lead_of(struct team_world *w,
                                                           const char *account)
{
    struct arena arena;
    arena_init(&arena, 1024, 0);
    struct router_account_view view;
    router_core_account(w->core, span_of(account), &arena, &view);
    arena_deinit(&arena);
    return view.lead;
}

// What the consumer gets now; NULL: nothing.
static inline const struct router_lead *team_world_take(struct team_world *w, const char *queue,
                                                        const char *consumer)
{
    struct router_lease request = {
        .queue = span_of(queue), .consumer = span_of(consumer), .max = 1};
    const struct router_lead *leads[ROUTER_LEASE_LEADS_MAX];
    size_t n;
    CHECK(router_core_lease(w->core, w->now_ms, &request, leads, &n, &w->effects, NULL) == ERR_OK);
    team_world_note(w);
    return n == 0 ? NULL : leads[0];
}

enum team_world_act { TEAM_ACK, TEAM_DECLINE, TEAM_RELEASE, TEAM_WIN, TEAM_LOSE };

// Whoever holds the lead does that.
static inline enum err team_world_do(struct team_world *w, const struct router_lead *lead,
                                     enum team_world_act act)
{
    char token[ROUTER_TOKEN_BYTES];
    router_lead_token(lead, token);
    struct span id = span_of(lead->id), t = span_of(token);
    const struct router_lead *out;
    enum err err = ERR_OK;
    switch (act) {
    case TEAM_ACK:
        err = router_core_ack(w->core, w->now_ms, id, t, &out, &w->effects, NULL);
        break;
    case TEAM_DECLINE:
    case TEAM_RELEASE:
        err = router_core_release(w->core, w->now_ms, id, t,
                                  span_of(act == TEAM_DECLINE ? "declined" : ""), 0, &out,
                                  &w->effects, NULL);
        break;
    case TEAM_WIN:
    case TEAM_LOSE:
        err = router_core_complete(w->core, w->now_ms, id, t,
                                   span_of(act == TEAM_WIN ? "won" : "lost"), &out, &w->effects,
                                   NULL);
        break;
    }
    team_world_note(w);
    return err;
}

static inline enum err team_world_change(struct team_world *w, const char *rep,
                                         struct router_rep_change change)
{
    change.team = span_of("smb");
    change.rep = span_of(rep);
    enum err err = router_core_change_rep(w->core, w->now_ms, &change, &w->effects, NULL);
    team_world_note(w);
    return err;
}

static inline enum err team_world_assign(struct team_world *w, const char *account, const char *rep)
{
    const struct router_lead *out;
    enum err err = router_core_assign(
        w->core, w->now_ms, span_of(team_world_lead_of(w, account)->id), span_of(rep),
        span_of("boss"), span_of("knows them"), &out, &w->effects, NULL);
    team_world_note(w);
    return err;
}
