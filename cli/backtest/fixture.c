// SPDX-License-Identifier: Apache-2.0
// Each case is a run of its own. What it decided becomes facts; each expectation takes the first
// fact that agrees with all that it says. What is left over on either side is a difference: every
// qualification, lead and withdrawal, and every change of a signal or a stage that is mentioned.
#include "cli/backtest/fixture.h"

#include <string.h>

#include "cli/backtest/fixture_impl.h"
#include "cli/backtest/run.h"
#include "cli/file.h"
#include "cli/output.h"
#include "common/base/mem.h"
#include "common/base/time_text.h"

enum { PLAYBOOK_BYTES_MAX = 4 * 1024 * 1024 };

struct found {
    struct arena arena;
    struct fixture_fact *facts;
    size_t n, cap;
};

// ---- What happened ----

static const char *kept(struct found *found, const char *text)
{
    return arena_dup(&found->arena, span_of(text));
}

static struct fixture_fact *found_add(struct found *found, enum fixture_kind kind, int64_t at_ms)
{
    MEM_GROW(found->facts, found->n, found->cap);
    struct fixture_fact *fact = &found->facts[found->n++];
    *fact = (struct fixture_fact){.kind = kind, .has_at = true, .at_ms = at_ms};
    return fact;
}

static void found_signal(struct found *found, const Assay__Router__V1__Signal *s)
{
    static const char STAGE[] = "stage.";
    bool stage = strncmp(s->name, STAGE, sizeof STAGE - 1) == 0;
    if (stage && !s->value)
        return;
    struct fixture_fact *fact = found_add(found, stage ? FIXTURE_STAGE : FIXTURE_SIGNAL, s->at_ms);
    fact->what = kept(found, s->name + (stage ? sizeof STAGE - 1 : 0));
    fact->account = kept(found, s->account_id);
    fact->user = kept(found, s->user_id);
    fact->label = kept(found, s->label);
    fact->reason = kept(found, s->reason);
    fact->event = kept(found, s->event_id);
    fact->has_value = fact->has_episode = true;
    fact->value = s->value;
    fact->episode = s->episode;
}

static void found_qualification(struct found *found, const Assay__Router__V1__Qualification *q)
{
    struct fixture_fact *fact =
        found_add(found, q->left ? FIXTURE_LEAVES : FIXTURE_QUALIFIES, q->at_ms);
    fact->what = kept(found, q->definition[0] != '\0' ? q->definition : q->stage);
    fact->account = kept(found, q->account_id);
    fact->user = kept(found, q->user_id);
    fact->label = kept(found, q->label);
    fact->reason = kept(found, q->reason);
    fact->event = kept(found, q->event_id);
    fact->has_episode = true;
    fact->episode = q->episode;
}

static void found_lead(struct found *found, const Assay__Router__V1__LeadDecision *l)
{
    bool withdrawn = l->step == ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_WITHDRAWN;
    bool routed = l->step == ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_CREATED ||
                  l->step == ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_ROUTED ||
                  l->step == ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_OVERFLOWED;
    if (!withdrawn && !routed)
        return;
    struct fixture_fact *fact =
        found_add(found, withdrawn ? FIXTURE_WITHDRAWN : FIXTURE_LEAD, l->at_ms);
    fact->what = kept(found, withdrawn ? l->account_id : l->motion);
    fact->account = kept(found, l->account_id);
    fact->user = kept(found, l->user_id);
    fact->queue = kept(found, l->queue);
    fact->message = kept(found, l->message);
    fact->reason = kept(found, l->reason);
    fact->event = kept(found, l->event_id);
}

static void decision_cb(void *arg, const Assay__Router__V1__Decision *decision)
{
    struct found *found = arg;
    if (decision->decision_case == ASSAY__ROUTER__V1__DECISION__DECISION_SIGNAL)
        found_signal(found, decision->signal);
    if (decision->decision_case == ASSAY__ROUTER__V1__DECISION__DECISION_QUALIFICATION)
        found_qualification(found, decision->qualification);
    if (decision->decision_case == ASSAY__ROUTER__V1__DECISION__DECISION_LEAD)
        found_lead(found, decision->lead);
}

// ---- Comparing ----

static bool agrees_text(const char *expected, const char *text)
{
    return expected == NULL || (text != NULL && strcmp(expected, text) == 0);
}

static bool agrees(const struct fixture_fact *e, const struct fixture_fact *f)
{
    return e->kind == f->kind && agrees_text(e->what, f->what) &&
           agrees_text(e->account, f->account) && agrees_text(e->user, f->user) &&
           agrees_text(e->label, f->label) && agrees_text(e->queue, f->queue) &&
           agrees_text(e->message, f->message) && agrees_text(e->event, f->event) &&
           (e->reason == NULL || (f->reason != NULL && strstr(f->reason, e->reason) != NULL)) &&
           (!e->has_at || e->at_ms == f->at_ms) && (!e->has_episode || e->episode == f->episode) &&
           (!e->has_value || e->value == f->value);
}

static void put_some(struct buf *out, const char *name, const char *text)
{
    if (text != NULL && text[0] != '\0')
        buf_printf(out, ", %s %s", name, text);
}

// As a fixture writes it: "6h30m".
static void put_offset(int64_t ms, struct buf *out)
{
    static const struct {
        const char *name;
        int64_t ms;
    } UNITS[] = {{"d", TIME_DAY_MS},
                 {"h", TIME_HOUR_MS},
                 {"m", TIME_MINUTE_MS},
                 {"s", TIME_SECOND_MS},
                 {"ms", 1}};
    if (ms == 0)
        buf_append_text(out, "0s");
    for (size_t i = 0; i < ARRAY_LEN(UNITS); i++) {
        if (ms >= UNITS[i].ms)
            buf_printf(out, "%lld%s", (long long)(ms / UNITS[i].ms), UNITS[i].name);
        ms %= UNITS[i].ms;
    }
}

static void put_fact(const struct fixture_case *one, const struct fixture_fact *fact,
                     struct buf *out)
{
    char at[TIME_TEXT_MAX];
    buf_printf(out, "%s %s", FIXTURE_KIND_NAMES[fact->kind], fact->what);
    if (fact->has_value)
        buf_printf(out, " %s", fact->value ? "true" : "false");
    put_some(out, "account", fact->account);
    put_some(out, "user", fact->user);
    if (fact->has_at) {
        int64_t offset = fact->at_ms - one->start_ms;
        buf_printf(out, ", at %s", time_format(fact->at_ms, at));
        if (offset >= 0) {
            buf_append_text(out, " (");
            put_offset(offset, out);
            buf_append_text(out, ")");
        }
    }
    if (fact->has_episode && fact->episode > 0)
        buf_printf(out, ", episode %lld", (long long)fact->episode);
    put_some(out, "label", fact->label);
    put_some(out, "queue", fact->queue);
    put_some(out, "message", fact->message);
    put_some(out, "reason", fact->reason);
    put_some(out, "event", fact->event);
    buf_append_text(out, "\n");
}

static bool is_mentioned(const struct fixture_case *one, const struct fixture_fact *fact)
{
    if (fact->kind != FIXTURE_SIGNAL && fact->kind != FIXTURE_STAGE)
        return true;
    for (size_t i = 0; i < one->n_facts; i++) {
        bool same = one->facts[i].kind == fact->kind;
        if (same && (fact->kind == FIXTURE_STAGE || agrees_text(one->facts[i].what, fact->what)))
            return true;
    }
    return false;
}

// True when nothing differs.
static bool compare(const struct fixture_case *one, struct found *found, struct buf *out)
{
    bool same = true;
    for (size_t i = 0; i < one->n_facts; i++) {
        size_t j = 0;
        while (j < found->n && (found->facts[j].used || !agrees(&one->facts[i], &found->facts[j])))
            j++;
        if (j < found->n) {
            found->facts[j].used = true;
            continue;
        }
        same = false;
        buf_printf(out, "    line %u: expected and missing: ", one->facts[i].line);
        put_fact(one, &one->facts[i], out);
    }
    for (size_t j = 0; j < found->n; j++) {
        if (found->facts[j].used || !is_mentioned(one, &found->facts[j]))
            continue;
        same = false;
        buf_append_text(out, "    not expected: ");
        put_fact(one, &found->facts[j], out);
    }
    return same;
}

// ---- Running ----

struct running {
    const char *path, *playbook;
    struct span text;
    struct buf *report;
    struct fixture_counts *counts;
};

static bool feed(struct run *run, const struct fixture_case *one, struct buf *out)
{
    struct err_info info;
    bool good = true;
    for (size_t i = 0; i < one->n_lines; i++) {
        if (run_line(run, span_of(one->lines[i]), &info) == ERR_OK)
            continue;
        buf_printf(out, "    refused: %s\n      %s\n", info.text, one->lines[i]);
        good = false;
    }
    run_advance(run, one->has_until ? one->until_ms : INT64_MIN);
    return good;
}

static enum err run_case(struct running *r, const struct fixture_case *one)
{
    struct found found = {0};
    struct buf differences = {0}, warnings = {0};
    struct run *run;
    arena_init(&found.arena, 4096, 0);
    struct run_opts opts = {
        .file = r->playbook, .playbook = r->text, .decision = decision_cb, .arg = &found};
    enum err err = run_create(&opts, &run, &warnings);
    if (err == ERR_OK) {
        bool fed = feed(run, one, &differences);
        bool same = compare(one, &found, &differences);
        r->counts->cases++;
        r->counts->events += one->n_lines;
        r->counts->failed += !fed || !same;
        if (!fed || !same)
            buf_printf(r->report, "%s:%u: %s\n" SPAN_FMT, r->path, one->line, one->name,
                       SPAN_ARG(buf_span(&differences)));
    } else {
        buf_append_span(r->report, buf_span(&warnings));
    }
    run_destroy(run);
    mem_free(found.facts);
    arena_deinit(&found.arena);
    buf_deinit(&differences);
    buf_deinit(&warnings);
    return err;
}

// The playbook's path as seen from the fixture's folder.
static char *beside(const char *path, const char *name)
{
    struct buf out = {0};
    const char *slash = strrchr(path, '/');
    if (name[0] != '/' && slash != NULL)
        buf_append_span(&out, span_make(path, (size_t)(slash + 1 - path)));
    buf_append_text(&out, name);
    char *made = mem_dup(buf_span(&out));
    buf_deinit(&out);
    return made;
}

enum err fixture_run(const char *path, struct fixture_counts *counts, struct buf *report)
{
    struct fixture fixture;
    struct buf text = {0};
    struct err_info info;
    *counts = (struct fixture_counts){0};
    enum err err = fixture_read(path, &fixture, report);
    if (err != ERR_OK) {
        fixture_deinit(&fixture);
        return err;
    }
    char *playbook = beside(path, fixture.playbook);
    err = file_read(playbook, PLAYBOOK_BYTES_MAX, &text, &info);
    if (err != ERR_OK)
        buf_printf(report, "%s: its playbook %s\n", path, info.text);
    struct running r = {path, playbook, buf_span(&text), report, counts};
    for (size_t i = 0; err == ERR_OK && i < fixture.n_cases; i++)
        err = run_case(&r, &fixture.cases[i]);
    mem_free(playbook);
    buf_deinit(&text);
    fixture_deinit(&fixture);
    return err;
}

// ---- Writing events ----

static void prefix(json_t *object, const char *key, size_t number)
{
    json_t *value = json_object_get(object, key);
    if (json_is_string(value))
        json_object_set_new(object, key, json_sprintf("c%zu-%s", number, json_string_value(value)));
}

enum err fixture_write(const char *path, FILE *out, struct buf *report)
{
    struct fixture fixture;
    enum err err = fixture_read(path, &fixture, report);
    for (size_t i = 0; err == ERR_OK && i < fixture.n_cases; i++) {
        for (size_t j = 0; j < fixture.cases[i].n_lines; j++) {
            json_t *event = json_loads(fixture.cases[i].lines[j], 0, NULL);
            CHECK(event != NULL);
            prefix(event, "userId", i + 1);
            prefix(event, "groupId", i + 1);
            prefix(event, "messageId", i + 1);
            prefix(json_object_get(event, "context"), "groupId", i + 1);
            output_json_to(event, out);
        }
    }
    fixture_deinit(&fixture);
    return err;
}
