// SPDX-License-Identifier: Apache-2.0
// A scorer's core and a journal of what it was given, for tests: events in one line, answers as
// text.
#pragma once

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/base/time_text.h"
#include "services/playbook/load.h"
#include "services/scorer/core/core.h"

struct scorer_world {
    struct core *core;
    uint64_t position;
    uint32_t messages;
    struct signal_changes changes; // of the last call
    struct arena arena;            // of the last call
    struct buf log;                // every change, a line each
    int64_t intake_ms;
};

static inline int64_t at(const char *text)
{
    int64_t ms;
    CHECK(time_parse(span_of(text), &ms));
    return ms;
}

static inline struct playbook *scorer_world_playbook(const char *yaml)
{
    struct playbook *playbook;
    struct buf report = {0};
    struct buf text = {0};
    buf_append_text(&text, yaml);
    enum err err = playbook_load("test.yaml", buf_span(&text), &playbook, &report);
    if (err != ERR_OK)
        fprintf(stderr, "%s\n%.*s\n", yaml, (int)report.len, (const char *)report.bytes);
    CHECK(err == ERR_OK);
    buf_deinit(&report);
    buf_deinit(&text);
    return playbook;
}

// No playbook says a fact or a busiest hour as such: signals named "fact_..." are made facts, and
// measures named "busy..." busiest hours, of all that is activity (their `where` only keeps them
// apart). Before a core has the playbook.
static inline void scorer_world_facts(struct playbook *playbook)
{
    for (int32_t i = 0; i < playbook->n_measures; i++) {
        struct measure *measure = (struct measure *)&playbook->measures[i];
        if (!span_starts(span_of(measure->name), "busy"))
            continue;
        measure->kind = MEASURE_BUSIEST_HOUR;
        measure->where = PLAYBOOK_NONE;
        measure->meaning ^= UINT64_C(0xb57);
    }
    for (int32_t i = 0; i < playbook->n_signals; i++) {
        struct signal *signal = (struct signal *)&playbook->signals[i];
        const struct condition *leaf = &playbook->conditions[signal->condition];
        if (!span_starts(span_of(signal->name), "fact_"))
            continue;
        signal->origin = SIGNAL_FACT;
        signal->fact_of = leaf->operand;
        signal->fact_key = leaf->key;
        signal->fact_measure = leaf->measure;
        signal->meaning ^= UINT64_C(0xfac7);
    }
}

static inline void scorer_world_open(struct scorer_world *w, const char *yaml)
{
    struct core_opts opts = {.dedupe_window_ms = 24 * (int64_t)TIME_HOUR_MS,
                             .dedupe_ids_max = 1000000};
    *w = (struct scorer_world){.core = core_create(&opts)};
    arena_init(&w->arena, 16384, 0);
    w->intake_ms = at("2026-03-01T00:00:00Z");
    core_set_playbook(w->core, ++w->position, scorer_world_playbook(yaml));
}

static inline void scorer_world_close(struct scorer_world *w)
{
    core_destroy(w->core);
    signal_changes_deinit(&w->changes);
    arena_deinit(&w->arena);
    buf_deinit(&w->log);
}

// One change on one line.
static inline void scorer_world_line(const struct signal_change *change, struct buf *out)
{
    char when[TIME_TEXT_MAX];
    buf_printf(out, "%s %s " SPAN_FMT "/" SPAN_FMT " at %s by " SPAN_FMT, change->signal,
               change->value ? "true" : "false", SPAN_ARG(change->account), SPAN_ARG(change->user),
               time_format(change->at_ms, when), SPAN_ARG(change->event_id));
    for (size_t i = 0; i < change->n_evidence; i++)
        buf_printf(out, " [%s = %s]", change->evidence[i].condition, change->evidence[i].value);
    buf_append_text(out, "\n");
}

static inline void scorer_world_take(struct scorer_world *w)
{
    for (size_t i = 0; i < w->changes.n; i++)
        scorer_world_line(&w->changes.items[i], &w->log);
}

static inline void scorer_world_begin(struct scorer_world *w)
{
    w->changes.n = 0;
    arena_reset(&w->arena);
    core_begin_record(w->core, ++w->position, w->intake_ms);
}

static inline enum verdict scorer_world_apply(struct scorer_world *w, const struct event *event)
{
    scorer_world_begin(w);
    enum verdict verdict = core_apply(w->core, w->position, 0, event, &w->changes, &w->arena);
    scorer_world_take(w);
    return verdict;
}

// Properties as "key=value key=value": a number, true, false, null, or a text.
static inline size_t scorer_world_properties(const char *text, struct property *out, size_t most)
{
    size_t n = 0;
    while (text != NULL && *text != '\0') {
        const char *equals = strchr(text, '=');
        size_t key = (size_t)(equals - text), len = strcspn(equals + 1, " ");
        struct span value = span_make(equals + 1, len);
        CHECK(n < most);
        struct property *p = &out[n++];
        *p = (struct property){.key = span_make(text, key)};
        char *end;
        double number = strtod(equals + 1, &end);
        if (len > 0 && end == equals + 1 + len) {
            p->value.type = memchr(value.ptr, '.', len) ? VALUE_NUMBER : VALUE_INTEGER;
            if (p->value.type == VALUE_NUMBER)
                p->value.number = number;
            else
                p->value.integer = strtoll(equals + 1, NULL, 10);
        } else if (span_is(value, "true") || span_is(value, "false")) {
            p->value.type = VALUE_FLAG;
            p->value.flag = span_is(value, "true");
        } else if (!span_is(value, "null")) {
            p->value.type = VALUE_TEXT;
            p->value.text = value;
        }
        text = equals + 1 + len;
        text += *text == ' ';
    }
    return n;
}

static inline enum event_kind scorer_world_kind(const char *kind)
{
    static const char *const NAMES[] = {"",      "track", "identify", "group",
                                        "alias", "page",  "screen"};
    for (size_t i = 1; i < ARRAY_LEN(NAMES); i++) {
        if (strcmp(kind, NAMES[i]) == 0)
            return (enum event_kind)i;
    }
    CHECK(false);
}

// The whole event. `id` NULL: a fresh one, "m1", "m2" ...
struct say {
    const char *kind, *account, *user, *name, *properties, *context, *id;
    int64_t at_ms;
    bool profile_only;
};

static inline enum verdict scorer_world_say(struct scorer_world *w, const struct say *say)
{
    char id[32];
    struct property properties[16], context[16];
    snprintf(id, sizeof id, "m%u", ++w->messages);
    struct event event = {
        .kind = scorer_world_kind(say->kind == NULL ? "track" : say->kind),
        .message_id = span_of(say->id == NULL ? id : say->id),
        .account = span_of(say->account),
        .user = span_of(say->user),
        .name = span_of(say->name),
        .at_ms = say->at_ms,
        .received_at_ms = say->at_ms + 1000,
        .properties = properties,
        .n_properties = scorer_world_properties(say->properties, properties, 16),
        .context = context,
        .n_context = scorer_world_properties(say->context, context, 16),
        .profile_only = say->profile_only,
    };
    return scorer_world_apply(w, &event);
}

static inline enum verdict scorer_world_track(struct scorer_world *w, const char *account,
                                              const char *user, const char *name, const char *when)
{
    struct say say = {.account = account, .user = user, .name = name, .at_ms = at(when)};
    return scorer_world_say(w, &say);
}

static inline void scorer_world_tick(struct scorer_world *w, int64_t now_ms)
{
    w->changes.n = 0;
    arena_reset(&w->arena);
    core_tick(w->core, ++w->position, now_ms, &w->changes, &w->arena);
    scorer_world_take(w);
}

static inline struct explanation scorer_world_explain(struct scorer_world *w, const char *account,
                                                      const char *user)
{
    struct explanation out;
    core_explain(w->core, span_of(account), span_of(user), &w->arena, &out);
    return out;
}

// A measure's value as text; "?" when the subject or the measure is not known. Until the next call.
static inline const char *scorer_world_value(struct scorer_world *w, const char *account,
                                             const char *user, const char *measure)
{
    struct explanation out = scorer_world_explain(w, account, user);
    for (size_t i = 0; i < out.n_measures; i++) {
        if (strcmp(out.measures[i].name, measure) == 0)
            return out.measures[i].value;
    }
    return "?";
}

static inline bool scorer_world_true(struct scorer_world *w, const char *account, const char *user,
                                     const char *signal)
{
    struct explanation out = scorer_world_explain(w, account, user);
    for (size_t i = 0; i < out.n_signals; i++) {
        if (strcmp(out.signals[i].name, signal) == 0)
            return out.signals[i].value;
    }
    return false;
}

// The log so far as a text, which is then empty. Owned by the caller.
static inline char *scorer_world_log(struct scorer_world *w)
{
    char *text = mem_dup(buf_span(&w->log));
    buf_clear(&w->log);
    return text;
}

// A small generator of numbers, the same everywhere (splitmix64).
static inline uint64_t scorer_world_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static inline uint32_t scorer_world_below(uint64_t *state, uint32_t n)
{
    return (uint32_t)(scorer_world_random(state) % n);
}
