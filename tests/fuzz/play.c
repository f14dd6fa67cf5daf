// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/play.h"

#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/time_text.h"

enum { LISTED_MAX = 2 };

static const char *const ACCOUNTS[] = {"a", "b", "user:u0", "acme"};
static const char *const USERS[] = {"u0", "u1", "u2", ""};

void play_init(struct play *play, struct core *core, uint64_t position, int64_t now_ms)
{
    *play = (struct play){.core = core, .position = position, .now_ms = now_ms};
    arena_init(&play->arena, 16384, 0);
}

void play_deinit(struct play *play)
{
    core_destroy(play->core);
    signal_changes_deinit(&play->changes);
    arena_deinit(&play->arena);
}

static void play_begin(struct play *play)
{
    play->changes.n = 0;
    arena_reset(&play->arena);
    play->position++;
}

static void play_look(struct play *play)
{
    const struct playbook *playbook = core_playbook(play->core);
    for (size_t i = 0; i < play->changes.n; i++) {
        const struct signal_change *change = &play->changes.items[i];
        CHECK(playbook_signal(playbook, span_of(change->signal)) != PLAYBOOK_NONE);
        CHECK(change->account.len > 0 && (change->episode > 0 || !change->value));
        CHECK(i == 0 || play->unordered || change->index > play->changes.items[i - 1].index);
        if (play->change != NULL)
            play->change(play->arg, play->position, change);
    }
}

void play_apply(struct play *play, const struct event *event)
{
    play_begin(play);
    core_begin_record(play->core, play->position, event->received_at_ms);
    core_expect(play->core, event, 1);
    (void)core_apply(play->core, play->position, 0, event, &play->changes, &play->arena);
    core_expect(play->core, NULL, 0); // the event is the caller's again
    play_look(play);
    play->n_events++;
}

void play_tick(struct play *play, int64_t now_ms)
{
    play_begin(play);
    core_tick(play->core, play->position, now_ms, &play->changes, &play->arena);
    play_look(play);
}

// ---- Events ----

static struct value play_value(const struct condition *condition, uint8_t choice)
{
    static const double NUMBERS[] = {0, 1, -1, 0.5, 2, 1e9, -3.25, 1e300};
    if ((choice & 1) != 0 && condition != NULL && condition->n_values > 0)
        return condition->values[choice / 2 % condition->n_values];
    if ((choice & 1) != 0 && condition != NULL)
        return (struct value){.type = VALUE_INTEGER,
                              .integer = condition->low_milli / 1000 + choice / 2 % 3 - 1};
    switch (choice / 2 % 4) {
    case 0:
        return (struct value){.type = VALUE_NUMBER, .number = NUMBERS[choice / 8 % 8]};
    case 1:
        return (struct value){.type = VALUE_TEXT,
                              .text = span_of(choice & 8 ? "x" : "2026-01-09T00:00:00Z")};
    case 2:
        return (struct value){.type = VALUE_FLAG, .flag = (choice & 8) != 0};
    default:
        return (struct value){.type = VALUE_INTEGER, .integer = (int8_t)choice};
    }
}

// A property that a measure looks at, or the subject of a condition.
static void play_key(const struct playbook *playbook, struct bytes *from, struct event *event,
                     struct property *property)
{
    uint8_t which = bytes_u8(from), choice = bytes_u8(from);
    const struct condition *condition = NULL;
    const char *key = "p";
    event->properties = property;
    event->n_properties = 1;
    if (which % 2 == 0 && playbook->n_measures > 0) {
        const struct measure *measure = &playbook->measures[which / 2 % playbook->n_measures];
        key = measure->key != NULL ? measure->key : key;
    } else if (playbook->n_conditions > 0) {
        condition = &playbook->conditions[which / 2 % playbook->n_conditions];
        key = condition->key != NULL ? condition->key : key;
        if (condition->key != NULL && condition->operand == OPERAND_USER_TRAIT)
            event->kind = EVENT_IDENTIFY;
        if (condition->key != NULL && condition->operand == OPERAND_ACCOUNT_TRAIT)
            event->kind = EVENT_GROUP;
        if (condition->key != NULL && condition->operand == OPERAND_CONTEXT) {
            event->context = property;
            event->n_context = 1;
            event->n_properties = 0;
        }
    }
    *property = (struct property){span_of(key), play_value(condition, choice)};
}

static int64_t play_step(uint8_t choice)
{
    static const int64_t UNITS[] = {1, 60000, TIME_HOUR_MS, TIME_DAY_MS};
    return (int64_t)(choice / 8) * UNITS[choice & 3] * ((choice & 4) != 0 ? -1 : 1);
}

static void play_event(struct play *play, struct bytes *from)
{
    const struct playbook *playbook = core_playbook(play->core);
    struct property property;
    char id[24];
    uint8_t name = bytes_u8(from), who = bytes_u8(from), step = bytes_u8(from);
    int64_t at_ms = play->now_ms + play_step(step);
    play->now_ms = at_ms > play->now_ms ? at_ms : play->now_ms;
    snprintf(id, sizeof id, "m%u", (who & 0xf0) == 0x70 ? 0 : play->n_events);
    struct event event = {
        .kind = (who & 0xf0) == 0x60 ? EVENT_PAGE : EVENT_TRACK,
        .message_id = span_of(id),
        .account = span_of(ACCOUNTS[who & 3]),
        .user = span_of(USERS[who / 4 & 3]),
        .anonymous = (who & 0xf0) == 0x50,
        .name = span_of(name < playbook->n_events ? playbook->events[name] : "other"),
        .at_ms = at_ms,
        .received_at_ms = at_ms + 1000,
    };
    if ((who & 0x80) != 0)
        play_key(playbook, from, &event, &property);
    event.profile_only = event.kind == EVENT_IDENTIFY && (who & 0x40) != 0 && event.user.len > 0;
    play_apply(play, &event);
}

void play_events(struct play *play, struct bytes *from, uint32_t n_max)
{
    for (uint32_t i = 0; i < n_max && from->len > 0; i++)
        play_event(play, from);
}

// ---- Explaining ----

static void play_explain_one(struct play *play, struct span account, struct span user,
                             struct explanation *out)
{
    core_explain(play->core, account, user, &play->arena, out);
    for (size_t i = 0; i < out->n_signals; i++) {
        const struct explained_signal *signal = &out->signals[i];
        CHECK(signal->n_met <= signal->n_leaves && signal->n_leaves <= signal->n_conditions);
        for (size_t j = 0; j < signal->n_conditions; j++)
            CHECK(signal->conditions[j].text != NULL && signal->conditions[j].value != NULL &&
                  signal->conditions[j].missing != NULL);
    }
    for (size_t i = 0; i < out->n_measures; i++)
        CHECK(out->measures[i].name != NULL && out->measures[i].value != NULL);
}

void play_explain(struct play *play, struct span account)
{
    struct explanation whole, one;
    arena_reset(&play->arena);
    play_explain_one(play, account, span_make("", 0), &whole);
    for (size_t i = 0; i < whole.n_listed_users && i < LISTED_MAX; i++) {
        play_explain_one(play, account, span_of(whole.users[i]), &one);
        CHECK(one.known);
    }
}

void play_explain_cast(struct play *play)
{
    for (size_t i = 0; i < ARRAY_LEN(ACCOUNTS); i++)
        play_explain(play, span_of(ACCOUNTS[i]));
}
