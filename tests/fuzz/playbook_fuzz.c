// SPDX-License-Identifier: Apache-2.0
// links: fuzz_play ingest_core scorer_core playbook base
// Any text gives a playbook that holds together and works, or mistakes. What comes after two NUL
// bytes says which events the playbook is then played with.
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "services/ingest/core/schema.h"
#include "services/playbook/load.h"
#include "tests/fuzz/play.h"

enum { EVENTS_MAX = 24 };
static const int64_t START_MS = 1767571200000; // 2026-01-05, a Monday

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

// ---- What a playbook promises ----

struct walk {
    const struct playbook *playbook;
    int32_t before; // signals that may be referred to
    uint8_t seen[PLAYBOOK_MEASURES_MAX];
};

static void walk_measure(struct walk *walk, int32_t at);

static void walk_signal(struct walk *walk, int32_t at)
{
    CHECK(at >= PLAYBOOK_NONE && at < walk->before);
}

static void walk_term(struct walk *walk, const struct term *term)
{
    CHECK((term->measure == PLAYBOOK_NONE) != (term->signal == PLAYBOOK_NONE));
    walk_measure(walk, term->measure);
    walk_signal(walk, term->signal);
}

static void walk_measure(struct walk *walk, int32_t at)
{
    if (at == PLAYBOOK_NONE)
        return;
    CHECK(at >= 0 && at < walk->playbook->n_measures);
    const struct measure *measure = &walk->playbook->measures[at];
    if (walk->seen[at])
        return;
    walk->seen[at] = 1;
    if (measure->kind == MEASURE_USERS_WITH || measure->kind == MEASURE_SINCE)
        walk_signal(walk, measure->signal);
    if (measure->kind == MEASURE_WEIGHTED || measure->kind == MEASURE_BEST) {
        walk_signal(walk, measure->veto);
        for (int32_t i = 0; i < measure->n_terms; i++)
            walk_term(walk, &measure->terms[i]);
    }
    if (measure->kind == MEASURE_GRADE) {
        walk_measure(walk, measure->rows.measure);
        walk_measure(walk, measure->columns.measure);
    }
}

static void walk_condition(struct walk *walk, int32_t at)
{
    if (at == PLAYBOOK_NONE)
        return;
    CHECK(at >= 0 && at < walk->playbook->n_conditions);
    const struct condition *condition = &walk->playbook->conditions[at];
    CHECK(condition->text != NULL);
    switch (condition->kind) {
    case CONDITION_ALL:
    case CONDITION_ANY:
    case CONDITION_NOT:
    case CONDITION_AT_LEAST_N:
        for (int32_t i = 0; i < condition->n_children; i++)
            walk_condition(walk, condition->children[i]);
        break;
    case CONDITION_SIGNAL:
        CHECK(condition->signal >= 0);
        walk_signal(walk, condition->signal);
        break;
    case CONDITION_TEST:
        CHECK(condition->operand != OPERAND_MEASURE || condition->measure >= 0);
        if (condition->operand == OPERAND_MEASURE)
            walk_measure(walk, condition->measure);
        if (condition->of.set && condition->of.kind == OPERAND_MEASURE)
            walk_measure(walk, condition->of.measure);
        break;
    case CONDITION_ROLL_UP:
        CHECK(condition->signal >= 0 && condition->low_milli >= INT64_MIN / 2);
        walk_signal(walk, condition->signal);
        break;
    case CONDITION_ALWAYS:
        break;
    }
}

// A condition that the router decides from signals.
static void walk_decided(struct walk *walk, int32_t at)
{
    CHECK(at >= 0 && at < walk->playbook->n_conditions);
    const struct condition *condition = &walk->playbook->conditions[at];
    CHECK(condition->kind != CONDITION_TEST);
    for (int32_t i = 0; i < condition->n_children; i++)
        walk_decided(walk, condition->children[i]);
    walk_condition(walk, at);
}

static void check_signals(const struct playbook *playbook)
{
    int32_t n[2] = {0, 0};
    for (int32_t i = 0; i < playbook->n_signals; i++) {
        const struct signal *signal = &playbook->signals[i];
        struct walk walk = {.playbook = playbook, .before = i};
        CHECK(signal->number == n[signal->scope]++ && signal->canonical != NULL);
        CHECK(playbook_signal(playbook, span_of(signal->name)) == i);
        walk_condition(&walk, signal->condition);
        walk_condition(&walk, signal->exit);
    }
    for (int scope = 0; scope < 2; scope++)
        CHECK(playbook->n_scope_signals[scope] == n[scope]);
}

static void check_measures(const struct playbook *playbook)
{
    for (int32_t i = 0; i < playbook->n_measures; i++) {
        const struct measure *m = &playbook->measures[i];
        CHECK(m->canonical != NULL && m->where >= PLAYBOOK_NONE &&
              m->where < playbook->n_conditions);
        CHECK(m->cell >= PLAYBOOK_NONE && m->cell < playbook->n_cells[m->scope]);
        if (m->kind == MEASURE_DISTINCT_USERS)
            CHECK(m->user_cell >= 0 && m->user_cell < playbook->n_cells[SCOPE_USER]);
        for (int32_t j = 0; j < m->n_events; j++)
            CHECK(m->events[j] >= 0 && m->events[j] < playbook->n_events);
    }
    for (int scope = 0; scope < 2; scope++)
        for (int32_t i = 0; i < playbook->n_leaves[scope]; i++)
            CHECK(playbook->conditions[playbook->leaf_condition[scope][i]].leaf == i);
}

static void check_list(const int32_t *items, int32_t n, int32_t end)
{
    for (int32_t i = 0; i < n; i++)
        CHECK(items[i] >= 0 && items[i] < end);
}

static void check_events(const struct playbook *playbook)
{
    for (int32_t i = 0; i <= playbook->n_events; i++) {
        const struct dispatch *d = &playbook->dispatch[i];
        if (i < playbook->n_events)
            CHECK(playbook_event(playbook, span_of(playbook->events[i])) == i);
        check_list(d->user_measures, d->n_user_measures, playbook->n_measures);
        check_list(d->account_measures, d->n_account_measures, playbook->n_measures);
        check_list(d->user_signals, d->n_user_signals, playbook->n_signals);
        check_list(d->account_signals, d->n_account_signals, playbook->n_signals);
    }
}

static void check_verdicts(const struct playbook *playbook)
{
    struct walk walk = {.playbook = playbook, .before = playbook->n_signals};
    for (int32_t i = 0; i < playbook->n_routes; i++) {
        walk_decided(&walk, playbook->routes[i].when);
        CHECK(playbook->routes[i].queue >= PLAYBOOK_NONE &&
              playbook->routes[i].queue < playbook->n_queues);
    }
    for (int i = 0; i < PLAYBOOK_STAGES; i++)
        walk_signal(&walk, playbook->stages[i]);
    walk_condition(&walk, playbook->pal);
    walk_condition(&walk, playbook->pql);
    walk_condition(&walk, playbook->pqa);
}

// ---- What the router decides by ----

static void check_hours(const struct playbook *playbook, const struct hours *hours)
{
    CHECK(hours->zone >= 0 && hours->zone < playbook->n_zones);
    CHECK(hours->days > 0 && hours->days <= 0x7f);
    CHECK(hours->from_min >= 0 && hours->from_min < hours->to_min && hours->to_min <= 1440);
    for (int32_t i = 1; i < hours->n_holidays; i++)
        CHECK(hours->holidays[i - 1] < hours->holidays[i]);
}

static void check_caps(struct walk *walk, const struct rep_caps *caps)
{
    CHECK(caps->open >= 0 && caps->per_day >= 0 && caps->units >= 0);
    CHECK((caps->per_period > 0) == (caps->period_ms > 0));
    for (int32_t i = 0; i < caps->n_when; i++)
        walk_decided(walk, caps->when[i].condition);
}

static void check_rep(struct walk *walk, const struct rep *rep)
{
    CHECK(rep->name[0] != '\0' && rep->takes_text != NULL && rep->weight > 0);
    check_hours(walk->playbook, &rep->hours);
    check_caps(walk, &rep->caps);
    walk_decided(walk, rep->takes);
    for (int32_t i = 0; i < rep->n_absences; i++) {
        CHECK(rep->absences[i].from_ms < rep->absences[i].to_ms);
        CHECK(i == 0 || rep->absences[i - 1].from_ms <= rep->absences[i].from_ms);
    }
}

static void check_teams(const struct playbook *playbook)
{
    struct walk walk = {.playbook = playbook, .before = playbook->n_signals};
    for (int32_t i = 0; i < playbook->n_teams; i++) {
        const struct team *team = &playbook->teams[i];
        CHECK(team->queue >= 0 && playbook->queues[team->queue].team == i);
        CHECK(team->then_queue >= PLAYBOOK_NONE && team->then_queue < playbook->n_queues);
        CHECK(team->sla.remind_ms == 0 || team->sla.remind_ms < team->sla.first_touch_ms);
        check_hours(playbook, &team->hours);
        check_caps(&walk, &team->caps);
        for (int32_t j = 0; j < team->n_reps; j++) {
            CHECK(j == 0 || strcmp(team->reps[j - 1].name, team->reps[j].name) < 0);
            check_rep(&walk, &team->reps[j]);
        }
    }
    for (int32_t i = 0; i < playbook->n_zones; i++) {
        const struct zone *zone = &playbook->zones[i];
        CHECK(zone->n_shifts > 0 && zone->shifts[0].from_ms == INT64_MIN);
        for (int32_t j = 1; j < zone->n_shifts; j++)
            CHECK(zone->shifts[j - 1].from_ms < zone->shifts[j].from_ms);
    }
}

static void check_experiments(const struct playbook *playbook)
{
    struct walk walk = {.playbook = playbook, .before = playbook->n_signals};
    for (int32_t i = 0; i < playbook->n_experiments; i++) {
        const struct experiment *experiment = &playbook->experiments[i];
        int64_t shares = 0;
        walk_decided(&walk, experiment->of);
        for (int32_t j = 0; j < experiment->n_arms; j++) {
            CHECK(experiment->arms[j].share >= 0 && experiment->arms[j].message != NULL);
            CHECK(!experiment->arms[j].holdout || j == 0);
            shares += experiment->arms[j].share;
        }
        CHECK(experiment->n_arms > 0 && shares == 10000 && experiment->within_ms > 0);
    }
}

static void check_rules(const struct playbook *playbook)
{
    struct walk walk = {.playbook = playbook, .before = playbook->n_signals};
    const int32_t facts[] = {playbook->owner_fact, playbook->busiest_fact, playbook->never_user,
                             playbook->never_account, playbook->consent};
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        walk_signal(&walk, facts[i]);
    for (int32_t i = 0; i < playbook->n_priorities; i++)
        walk_decided(&walk, playbook->priorities[i].when);
    for (int32_t i = 0; i < playbook->n_efforts; i++)
        walk_decided(&walk, playbook->efforts[i].when);
    for (int32_t i = 0; i < playbook->n_prompts; i++)
        walk_signal(&walk, playbook->prompts[i].when);
    for (int32_t i = 0; i < playbook->n_organizations; i++)
        CHECK(playbook->signals[playbook->organizations[i].fact].origin == SIGNAL_FACT);
    for (int32_t i = 0; i < playbook->n_org_definitions; i++)
        walk_decided(&walk, playbook->org_definitions[i].when);
    CHECK((playbook->age_points > 0) == (playbook->age_ms > 0));
}

// An event that has every property of its schema, as a flag.
static void judge(const struct schemas *schemas, const struct event_schema *schema)
{
    struct ingest_property items[PLAYBOOK_SCHEMA_PROPERTIES_MAX];
    struct ingest_event event = {.kind = INGEST_TRACK, .name = schema->event, .properties = items};
    struct ingest_finding finding;
    for (int32_t i = 0; i < schema->n_rules; i++)
        items[event.n_properties++] =
            (struct ingest_property){.key = schema->rules[i].name, .kind = INGEST_FLAG};
    if (ingest_fits_schema(schemas, &event, &finding))
        return;
    CHECK(finding.counts[INGEST_VIOLATION_TYPE] == finding.n && finding.n > 0);
    CHECK(&schemas->events[finding.schema] == schema);
    CHECK(text_is_clean_utf8(span_of(finding.reason.text)));
}

static void check_schemas(const struct schemas *schemas)
{
    for (int32_t i = 0; schemas != NULL && i < schemas->n_events; i++) {
        const struct event_schema *schema = &schemas->events[i];
        CHECK(i == 0 || span_cmp(schemas->events[i - 1].event, schema->event) < 0);
        CHECK(schema->n_required >= 0 && schema->n_required <= schema->n_rules);
        CHECK(schema->n_rules <= PLAYBOOK_SCHEMA_PROPERTIES_MAX);
        for (int32_t r = 1; r < schema->n_rules; r++)
            CHECK(span_cmp(schema->rules[r - 1].name, schema->rules[r].name) < 0);
        judge(schemas, schema);
    }
}

// ---- Loading ----

static struct playbook *load(struct span text)
{
    struct playbook *playbook = NULL;
    struct buf report = {0};
    enum err err = playbook_load("fuzz.yaml", text, &playbook, &report);
    CHECK(err == ERR_OK || err == ERR_INVALID);
    CHECK((err == ERR_OK) == (playbook != NULL) && (err == ERR_OK || report.len > 0));
    CHECK(text_is_clean_utf8(buf_span(&report)));
    buf_deinit(&report);
    return playbook;
}

static void check_again(const struct playbook *playbook)
{
    struct playbook *again = load(playbook->text);
    CHECK(again != NULL && again->digest == playbook->digest);
    CHECK(again->n_measures == playbook->n_measures && again->n_signals == playbook->n_signals);
    for (int32_t i = 0; i < again->n_measures; i++)
        CHECK(again->measures[i].meaning == playbook->measures[i].meaning);
    for (int32_t i = 0; i < again->n_signals; i++)
        CHECK(again->signals[i].meaning == playbook->signals[i].meaning);
    playbook_destroy(again);
}

// Takes the playbook.
static void play_with(struct playbook *playbook, struct bytes events)
{
    static const uint8_t SOME[] = {0, 0x00, 0x28, 1, 0x84, 0x20, 2,    9,    2, 0x01, 0x1b,
                                   0, 0x85, 0x09, 3, 1,    0,    0x80, 0xa0, 5, 11};
    struct core_opts opts = {.dedupe_window_ms = 86400000, .dedupe_ids_max = 1000};
    struct play play;
    if (events.len == 0)
        events = (struct bytes){SOME, sizeof SOME};
    play_init(&play, core_create(&opts), 1, START_MS);
    core_set_playbook(play.core, 1, playbook);
    play_events(&play, &events, EVENTS_MAX);
    play_tick(&play, play.now_ms + (int64_t)3 * 86400000);
    play_explain_cast(&play);
    play_deinit(&play);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const uint8_t *end = memmem(bytes, len, "\0\0", 2);
    size_t n = end == NULL ? len : (size_t)(end - bytes);
    struct bytes events = {bytes + n, len - n};
    if (end != NULL)
        events = (struct bytes){end + 2, len - n - 2};
    struct playbook *playbook = load(span_make(bytes, n));
    if (playbook == NULL)
        return 0;
    check_signals(playbook);
    check_measures(playbook);
    check_events(playbook);
    check_verdicts(playbook);
    check_teams(playbook);
    check_experiments(playbook);
    check_rules(playbook);
    check_schemas(playbook->schemas);
    check_again(playbook);
    play_with(playbook, events);
    return 0;
}
