// SPDX-License-Identifier: Apache-2.0
// A router's core for tests: signals and requests in few words, decisions as lines of text.
#pragma once

#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "services/playbook/load.h"
#include "services/router/core/core.h"

static const char ROUTER_WORLD_PLAYBOOK[] =
    "playbook: test\n"
    "version: 1\n"
    "measures:\n"
    "  projects: {count: Project Created}\n"
    "  reports: {count: Report Run}\n"
    "  usage: {count: any, per: account}\n"
    "signals:\n"
    "  activated: {projects: {at_least: 1}}\n"
    "  ready: {projects: {at_least: 3}}\n"
    "  risky: {reports: {at_least: 9}}\n"
    "  busy: {usage: {at_least: 50}}\n"
    "  held_out: {usage: {at_least: 1000}}\n"
    "segments:\n"
    "  big: {account.employees: {at_least: 1000}}\n"
    "qualify:\n"
    "  pal: activated\n"
    "  pql: {all: [ready, {not: risky}]}\n"
    "  pqa: {all: [busy, ready]}\n"
    "route:\n"
    "  - {when: held_out, motion: hold_out}\n"
    "  - {when: {segment: big}, motion: sales, queue: enterprise, priority: 50}\n"
    "  - {when: busy, motion: sales, priority: 10}\n"
    "  - {when: always, motion: self_serve}\n"
    "queues:\n"
    "  enterprise: {lease: 10s, attempts: 2}\n"
    "  self_serve: {lease: 60s, attempts: 3}\n";

struct router_world {
    struct router_core *core;
    struct router_effects effects;
    struct buf log; // lines, NUL-terminated
    uint64_t position;
    uint64_t offset; // of the last decision
};

static inline struct playbook *router_world_playbook(const char *text)
{
    struct playbook *playbook;
    struct buf report = {0};
    enum err err = playbook_load("test.yaml", span_of(text), &playbook, &report);
    if (err != ERR_OK)
        fprintf(stderr, "%.*s\n", (int)report.len, (const char *)report.bytes);
    CHECK(err == ERR_OK);
    buf_deinit(&report);
    return playbook;
}

static inline const char *router_world_step(enum router_step step)
{
    static const char *const NAMES[] = {
        "",          "created",  "contact_added", "leased",     "extended",   "acked",
        "released",  "expired",  "parked",        "completed",  "routed",     "withdrawn",
        "noted",     "assigned", "held",          "unassigned", "overflowed", "reminded",
        "escalated", "delayed",  "redriven",      "moved"};
    return NAMES[step];
}

static inline void router_world_line(struct buf *log, const struct router_decision *d)
{
    switch (d->kind) {
    case ROUTER_DECISION_SIGNAL:
        buf_printf(log, "signal " SPAN_FMT "/" SPAN_FMT " " SPAN_FMT "=%d\n",
                   SPAN_ARG(d->signal->account), SPAN_ARG(d->signal->user),
                   SPAN_ARG(d->signal->name), d->signal->value);
        return;
    case ROUTER_DECISION_QUALIFICATION:
        buf_printf(log, "%s%s " SPAN_FMT "/" SPAN_FMT " at %lld by " SPAN_FMT,
                   d->left ? "left " : "", d->definition, SPAN_ARG(d->account), SPAN_ARG(d->user),
                   (long long)d->at_ms, SPAN_ARG(d->event_id));
        if (d->organization[0] != '\0')
            buf_printf(log, " of %s", d->organization);
        if (d->episode != 1)
            buf_printf(log, " #%u", d->episode);
        if (d->label[0] != '\0')
            buf_printf(log, " [%s]", d->label);
        if (d->reason[0] != '\0')
            buf_printf(log, " (%s)", d->reason);
        buf_append_text(log, "\n");
        return;
    case ROUTER_DECISION_REP:
        buf_printf(log, "rep %s of %s: %s\n", d->rep, d->team, d->change);
        return;
    case ROUTER_DECISION_PROMPT:
        buf_printf(log, "prompt %s " SPAN_FMT "/" SPAN_FMT ": %s\n", d->prompt,
                   SPAN_ARG(d->account), SPAN_ARG(d->user), d->change);
        return;
    case ROUTER_DECISION_LEAD:
        buf_printf(log, "%s " SPAN_FMT "/" SPAN_FMT " %s:%s:%d", router_world_step(d->step),
                   SPAN_ARG(d->account), SPAN_ARG(d->user), d->motion, d->queue, d->priority);
        if (d->organization[0] != '\0')
            buf_printf(log, " of %s", d->organization);
        if (d->reason[0] != '\0')
            buf_printf(log, " (%s)", d->reason);
        if (d->consumer[0] != '\0')
            buf_printf(log, " by %s", d->consumer);
        if (d->outcome[0] != '\0')
            buf_printf(log, " as %s", d->outcome);
        if (d->message[0] != '\0')
            buf_printf(log, " with %s", d->message);
        buf_append_text(log, "\n");
        return;
    }
}

// Moves what was decided into the log.
static inline void router_world_note(struct router_world *w)
{
    for (size_t i = 0; i < w->effects.n; i++) {
        CHECK(w->effects.items[i].offset == ++w->offset);
        router_world_line(&w->log, &w->effects.items[i]);
    }
    router_effects_clear(&w->effects);
}

static inline void router_world_init(struct router_world *w)
{
    *w = (struct router_world){.core = router_core_create()};
    router_effects_init(&w->effects);
    router_core_set_playbook(w->core, router_world_playbook(ROUTER_WORLD_PLAYBOOK), &w->effects);
}

static inline void router_world_deinit(struct router_world *w)
{
    router_core_destroy(w->core);
    router_effects_deinit(&w->effects);
    buf_deinit(&w->log);
}

// The lines since the last call; valid until the next one.
static inline const char *router_world_log(struct router_world *w)
{
    static struct buf taken;
    router_world_note(w);
    buf_clear(&taken);
    buf_append_span(&taken, buf_span(&w->log));
    buf_append_u8(&taken, 0);
    buf_clear(&w->log);
    static char text[16384];
    CHECK(taken.len <= sizeof text);
    memcpy(text, taken.bytes, taken.len);
    buf_deinit(&taken);
    return text;
}

static inline struct router_signal router_world_signal(uint64_t position, uint64_t index,
                                                       const char *account, const char *user,
                                                       const char *name, bool value)
{
    return (struct router_signal){
        .position = position,
        .index = index,
        .name = span_of(name),
        .value = value,
        .account = span_of(account),
        .user = span_of(user),
        .at_ms = (int64_t)position * 10,
        .known_at_ms = (int64_t)position * 10 + 1,
        .event_id = span_of("e"),
        .playbook = span_of("test@1"),
        .episode = 1,
    };
}

// Begins or ends an episode of a definition.
static inline void router_world_episode(struct router_world *w, const char *account,
                                        const char *user, const char *definition, uint32_t episode,
                                        bool value, const char *reason)
{
    char name[64];
    snprintf(name, sizeof name, "qualify.%s", definition);
    struct router_signal s = router_world_signal(++w->position, 0, account, user, name, value);
    s.episode = episode;
    s.reason = span_of(reason);
    router_core_signals(w->core, 0, &s, 1, &w->effects);
    router_world_note(w);
}

// One signal, an event of its own, on lane 0.
static inline void router_world_send(struct router_world *w, const char *account, const char *user,
                                     const char *name, bool value)
{
    struct router_signal s = router_world_signal(++w->position, 0, account, user, name, value);
    router_core_signals(w->core, 0, &s, 1, &w->effects);
    router_world_note(w);
}

// A fact, or (value NULL) that it is not known any more.
static inline void router_world_fact(struct router_world *w, uint32_t lane, const char *account,
                                     const char *user, const char *name, const char *value)
{
    struct router_signal s =
        router_world_signal(++w->position, 0, account, user, name, value != NULL);
    s.label = span_of(value != NULL ? value : "");
    router_core_signals(w->core, lane, &s, 1, &w->effects);
    router_world_note(w);
}

static inline size_t router_world_lease(struct router_world *w, int64_t now_ms, const char *queue,
                                        const char *consumer, uint32_t max, const char *request_id,
                                        const struct router_lead **out)
{
    struct router_lease request = {
        .queue = span_of(queue),
        .consumer = span_of(consumer),
        .request_id = span_of(request_id),
        .max = max,
    };
    size_t n;
    enum err err = router_core_lease(w->core, now_ms, &request, out, &n, &w->effects, NULL);
    CHECK(err == ERR_OK);
    router_world_note(w);
    return n;
}
