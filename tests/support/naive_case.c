// SPDX-License-Identifier: Apache-2.0
#include "tests/support/naive_case.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "services/scorer/core/warm.h"
#include "tests/support/scorer_world.h"

struct trial {
    const struct naive_case *from;
    struct naive_playbook playbook; // as it is called now
    struct naive_world naive;
    struct scorer_world core;
    struct buf core_log;
    int step;
    bool forgotten; // something is left out at the moment
    struct buf *report;
};

static bool differ(struct trial *t, const char *format, ...) PRINTF_LIKE(2, 3);
static bool differ(struct trial *t, const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    buf_printf(t->report, "at step %d: %s\n", t->step, text);
    return false;
}

// ---- The core ----

static struct playbook *load(const struct naive_playbook *pb, struct buf *report)
{
    struct buf yaml = {0}, told = {0};
    struct playbook *playbook;
    naive_playbook_write(pb, &yaml);
    enum err err = playbook_load("case.yaml", buf_span(&yaml), &playbook, &told);
    if (err != ERR_OK) {
        buf_append_text(report, "the playbook is refused:\n");
        buf_append_span(report, buf_span(&told));
        playbook = NULL;
    } else {
        scorer_world_facts(playbook);
    }
    buf_deinit(&yaml);
    buf_deinit(&told);
    return playbook;
}

static bool open_core(struct scorer_world *w, const struct naive_playbook *pb, struct buf *report)
{
    struct playbook *playbook = load(pb, report);
    if (playbook == NULL)
        return false;
    struct core_opts opts = {.dedupe_window_ms = TIME_DAY_MS, .dedupe_ids_max = 100000};
    *w = (struct scorer_world){.core = core_create(&opts)};
    arena_init(&w->arena, 16384, 0);
    CHECK(time_parse(span_of("2026-03-01T00:00:00Z"), &w->intake_ms));
    core_set_playbook(w->core, ++w->position, playbook);
    return true;
}

static void write_pairs(const struct naive_pair *pairs, int n, char *out, size_t room)
{
    size_t len = 0;
    out[0] = '\0';
    for (int i = 0; i < n; i++)
        len += (size_t)snprintf(out + len, room - len, "%s%s=%s", i > 0 ? " " : "", pairs[i].key,
                                pairs[i].written);
    CHECK(len < room);
}

static const char *const CALL[] = {"track", "page", "screen", "identify", "group"};

static enum verdict say(struct scorer_world *w, const struct naive_event *e)
{
    char properties[256], context[64], account[16];
    write_pairs(e->properties, e->n_properties, properties, sizeof properties);
    write_pairs(&e->context, e->n_context, context, sizeof context);
    snprintf(account, sizeof account, "user:%s", e->user >= 0 ? NAIVE_USER[e->user] : "");
    struct say event = {.kind = CALL[e->call],
                        .account = e->profile ? account : NAIVE_ACCOUNT[e->account],
                        .user = e->user >= 0 ? NAIVE_USER[e->user] : NULL,
                        .name = e->name >= 0 ? NAIVE_EVENT[e->name] : NULL,
                        .properties = properties,
                        .context = context,
                        .id = e->id,
                        .at_ms = e->at_ms,
                        .profile_only = e->profile};
    return scorer_world_say(w, &event);
}

// ---- Changes ----

// Signals with a memory tell which episode it is.
static bool counts_episodes(const struct naive_playbook *pb, const char *name)
{
    for (int i = 0; i < pb->n_signals; i++) {
        if (strcmp(pb->signals[i].name, name) == 0)
            return naive_has_memory(&pb->signals[i]);
    }
    return false;
}

static void take_changes(struct trial *t)
{
    for (size_t i = 0; i < t->core.changes.n; i++) {
        const struct signal_change *c = &t->core.changes.items[i];
        char when[TIME_TEXT_MAX];
        // What the loader makes for itself has no counterpart in what the playbook says.
        if (strncmp(c->signal, "fit.", 4) == 0 || strncmp(c->signal, "when.", 5) == 0)
            continue;
        buf_printf(&t->core_log, "%s %s %s " SPAN_FMT "/" SPAN_FMT " by " SPAN_FMT,
                   time_format(c->at_ms, when), c->signal, c->value ? "true" : "false",
                   SPAN_ARG(c->account), SPAN_ARG(c->user), SPAN_ARG(c->event_id));
        if (counts_episodes(&t->playbook, c->signal))
            buf_printf(&t->core_log, " episode %u", c->episode);
        if (c->value && strncmp(c->signal, "fact_", 5) == 0)
            buf_printf(&t->core_log, " tells %s", c->label);
        buf_append_text(&t->core_log, "\n");
    }
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// Lines begin with their instant; within one the order is the implementation's own.
static char *sorted(struct buf *log)
{
    char *text = mem_dup(buf_span(log)), *rest = NULL;
    struct buf out = {0};
    size_t n = 0, most = 1;
    for (size_t i = 0; i < log->len; i++)
        most += log->bytes[i] == '\n';
    char **lines = mem_alloc(most * sizeof *lines);
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
        lines[n++] = line;
    qsort(lines, n, sizeof *lines, compare_lines);
    for (size_t i = 0; i < n; i++)
        buf_printf(&out, "  %s\n", lines[i]);
    buf_append_u8(&out, 0);
    mem_free(lines);
    mem_free(text);
    buf_clear(log);
    return (char *)out.bytes;
}

static bool compare_changes(struct trial *t)
{
    char *got = sorted(&t->core_log), *want = sorted(&t->naive.log);
    bool same = strcmp(got, want) == 0;
    if (!same)
        differ(t, "changes\ngot:\n%swant:\n%s", got, want);
    mem_free(got);
    mem_free(want);
    return same;
}

// ---- Readings ----

static int find_number(const struct naive_playbook *pb, const char *name)
{
    for (int i = 0; i < pb->n_numbers; i++) {
        if (strcmp(pb->numbers[i].name, name) == 0)
            return i;
    }
    return NAIVE_NONE;
}

// As a person reads it: the two largest units, "4d 15h".
static void write_span_of_time(int64_t ms, struct buf *out)
{
    static const int64_t UNIT[] = {TIME_DAY_MS, TIME_HOUR_MS, TIME_MINUTE_MS, TIME_SECOND_MS};
    int first = 0;
    if (ms > 0 && ms < TIME_SECOND_MS) {
        buf_printf(out, "%lldms", (long long)ms);
        return;
    }
    while (first < 3 && ms < UNIT[first])
        first++;
    buf_printf(out, "%lld%c", (long long)(ms / UNIT[first]), "dhms"[first]);
    int64_t rest = first < 3 ? ms % UNIT[first] / UNIT[first + 1] : 0;
    if (rest > 0)
        buf_printf(out, " %lld%c", (long long)rest, "dhms"[first + 1]);
}

static const char *reading_text(const struct naive_number *n, const struct naive_reading *r,
                                struct buf *out)
{
    char text[TIME_TEXT_MAX];
    buf_clear(out);
    enum naive_unit unit = naive_number_unit(n);
    if (n->function == NAIVE_BUSIEST) {
        if (r->number == 0)
            buf_append_text(out, "none");
        else
            buf_printf(out, "%02d:00 UTC", (int)(r->number / 1000) - 1);
    } else if (r->present && unit == NAIVE_AS_NUMBER) {
        naive_milli_write(r->number, out);
        int band = n->n_bands - 1;
        while (band >= 0 && r->number < n->bands[band])
            band--;
        if (band >= 0)
            buf_printf(out, " (Band%d)", band);
    } else if (r->present && unit == NAIVE_AS_INSTANT) {
        buf_append_text(out, time_format(r->number, text));
    } else if (r->present && unit == NAIVE_AS_DURATION) {
        write_span_of_time(r->number, out);
    } else if (r->present) {
        if (r->value.type == NAIVE_NUMBER)
            naive_milli_write(r->value.milli, out);
        else if (r->value.type == NAIVE_FLAG)
            buf_append_text(out, r->value.milli != 0 ? "true" : "false");
        else
            buf_append_text(out, r->value.text);
    }
    buf_append_u8(out, 0);
    return (const char *)out->bytes;
}

static bool compare_reading(struct trial *t, const struct naive_subject *s,
                            const struct explained_measure *m)
{
    int number = find_number(&t->playbook, m->name);
    if (number == NAIVE_NONE)
        return true;
    struct naive_reading r = naive_read(s, number);
    struct buf text = {0};
    const char *want = reading_text(&t->playbook.numbers[number], &r, &text);
    bool same = strcmp(want, m->value) == 0;
    if (!same)
        differ(t, "%s of %s/%s reads %s, not %s", m->name, NAIVE_ACCOUNT[s->account],
               s->user >= 0 ? NAIVE_USER[s->user] : "", m->value, want);
    buf_deinit(&text);
    return same;
}

// Every measure of the subject, and of its account.
static bool compare_readings(struct trial *t, int account, int user)
{
    struct naive_subject s = {&t->naive, account, user, t->naive.clock_ms[account]};
    struct explanation out =
        scorer_world_explain(&t->core, NAIVE_ACCOUNT[account], user >= 0 ? NAIVE_USER[user] : NULL);
    if (!out.known || out.clock_ms != s.clock_ms)
        return differ(t, "%s %s", NAIVE_ACCOUNT[account],
                      out.known ? "has another clock" : "is not known");
    size_t seen = 0;
    for (size_t i = 0; i < out.n_measures; i++) {
        if (!compare_reading(t, &s, &out.measures[i]))
            return false;
        seen += find_number(&t->playbook, out.measures[i].name) != NAIVE_NONE;
    }
    for (int i = 0; i < t->playbook.n_numbers; i++)
        seen -= (user >= 0 || !t->playbook.numbers[i].user) && !t->playbook.number_dropped[i] &&
                t->playbook.numbers[i].function != NAIVE_FIT;
    return seen == 0 || differ(t, "%zd measures too many", (ssize_t)seen);
}

static bool compare_all(struct trial *t)
{
    for (int a = 0; a < NAIVE_ACCOUNTS; a++) {
        if (t->naive.clock_ms[a] == INT64_MIN)
            continue;
        for (int u = NAIVE_NONE; u < NAIVE_USERS; u++) {
            if ((u == NAIVE_NONE || t->naive.known[a][u]) && !compare_readings(t, a, u))
                return false;
        }
    }
    return true;
}

// ---- Steps ----

static bool step_event(struct trial *t, const struct naive_event *e)
{
    bool counted = naive_world_apply(&t->naive, e);
    enum verdict verdict = say(&t->core, e);
    take_changes(t);
    if (verdict != (counted ? VERDICT_COUNTED : VERDICT_EXCLUDED))
        return differ(t, "the verdict is %d", (int)verdict);
    if (!compare_changes(t))
        return false;
    return e->profile || !counted || compare_readings(t, e->account, e->user);
}

static bool step_repeat(struct trial *t, const struct naive_event *e)
{
    enum verdict verdict = say(&t->core, e);
    take_changes(t);
    return (verdict == VERDICT_DUPLICATE || differ(t, "no duplicate: %d", (int)verdict)) &&
           compare_changes(t);
}

static bool step_tick(struct trial *t, int64_t to_ms)
{
    int64_t changed[NAIVE_ACCOUNTS], before[NAIVE_ACCOUNTS];
    // What is rebuilt would have more timers then, and the clock moves on to them when it is taken
    // in, which decides what is new and does not warm at instants that are the core's own.
    if (t->forgotten)
        return true;
    for (int a = 0; a < NAIVE_ACCOUNTS; a++) {
        before[a] = t->naive.clock_ms[a];
        t->naive.changed_ms[a] = INT64_MIN;
        naive_world_run(&t->naive, a, to_ms);
        changed[a] = t->naive.changed_ms[a];
    }
    scorer_world_tick(&t->core, to_ms);
    take_changes(t);
    if (!compare_changes(t))
        return false;
    for (int a = 0; a < NAIVE_ACCOUNTS; a++) {
        if (before[a] == INT64_MIN)
            continue;
        // Which timers ran without a change is the core's to say, within what is possible.
        struct explanation out = scorer_world_explain(&t->core, NAIVE_ACCOUNT[a], NULL);
        if (out.clock_ms < before[a] || out.clock_ms < changed[a] ||
            (out.clock_ms != before[a] && out.clock_ms > to_ms))
            return differ(t, "the clock of %s", NAIVE_ACCOUNT[a]);
        t->naive.clock_ms[a] = out.clock_ms;
    }
    return true;
}

static void rename_text(char *name, size_t room, int number)
{
    char *old = strstr(name, "_v");
    if (old != NULL)
        *old = '\0';
    size_t len = strlen(name);
    snprintf(name + len, room - len, "_v%d", number);
}

static void rename_all(struct naive_playbook *pb)
{
    pb->renamed++;
    for (int i = 0; i < pb->n_numbers; i++)
        rename_text(pb->numbers[i].name, sizeof pb->numbers[i].name, pb->renamed);
    for (int i = 0; i < pb->n_signals; i++) {
        struct naive_signal *s = &pb->signals[i];
        if (s->origin == NAIVE_DECLARED || s->origin == NAIVE_SEGMENT)
            rename_text(s->name, sizeof s->name, pb->renamed);
    }
}

static bool step_reload(struct trial *t)
{
    rename_all(&t->playbook);
    struct playbook *playbook = load(&t->playbook, t->report);
    if (playbook == NULL)
        return false;
    naive_world_change(&t->naive);
    core_set_playbook(t->core.core, ++t->core.position, playbook);
    return true;
}

// A core that had the playbook in force from the beginning.
static struct core *rebuild(struct trial *t)
{
    struct scorer_world w;
    CHECK(open_core(&w, &t->playbook, t->report));
    bool forgotten = false;
    for (int i = 0; i < t->step; i++) {
        const struct naive_step *step = &t->from->steps[i];
        if (step->kind == NAIVE_FORGET || step->kind == NAIVE_RECALL)
            forgotten = step->kind == NAIVE_FORGET;
        if (step->kind == NAIVE_EVENT_STEP)
            say(&w, &step->event);
        else if (step->kind == NAIVE_REPEAT)
            say(&w, &t->from->steps[step->repeat].event);
        else if (step->kind == NAIVE_TICK && !forgotten)
            scorer_world_tick(&w, step->tick_ms);
    }
    struct core *core = w.core;
    w.core = NULL;
    scorer_world_close(&w);
    return core;
}

// Where nothing warms, a signal that is new is decided with the next event of its account: one that
// says nothing comes at once.
static bool settle_by_event(struct trial *t)
{
    for (int a = 0; a < NAIVE_ACCOUNTS; a++) {
        struct naive_event e = {.call = NAIVE_GROUP,
                                .account = a,
                                .user = NAIVE_NONE,
                                .name = NAIVE_NONE,
                                .at_ms = t->naive.clock_ms[a]};
        snprintf(e.id, sizeof e.id, "r%d-%d", t->step, a);
        if (e.at_ms == INT64_MIN)
            continue;
        naive_world_apply(&t->naive, &e);
        say(&t->core, &e);
        take_changes(t);
    }
    return compare_changes(t) && compare_all(t);
}

// What is new gets its past, and is decided.
static bool warm(struct trial *t)
{
    if (core_warming(t->core.core) == 0)
        return settle_by_event(t);
    struct core_warmed warmed = {.rebuilt = rebuild(t), .known_at_ms = t->core.intake_ms};
    t->core.changes.n = 0;
    arena_reset(&t->core.arena);
    core_warm(t->core.core, ++t->core.position, &warmed, &t->core.changes, &t->core.arena);
    core_destroy(warmed.rebuilt);
    take_changes(t);
    for (int a = 0; a < NAIVE_ACCOUNTS; a++) {
        if (t->naive.clock_ms[a] == INT64_MIN)
            continue;
        // What was rebuilt had other timers: the clock moves on to the last of them.
        struct explanation out = scorer_world_explain(&t->core, NAIVE_ACCOUNT[a], NULL);
        if (out.clock_ms < t->naive.clock_ms[a])
            return differ(t, "the clock of %s goes back", NAIVE_ACCOUNT[a]);
        t->naive.clock_ms[a] = out.clock_ms;
        naive_world_settle(&t->naive, a);
    }
    return compare_changes(t) && compare_all(t);
}

// As it is but for the names of measures: those that are the same have one.
static struct naive_playbook *name_twins_alike(const struct naive_playbook *from)
{
    struct naive_playbook *pb = mem_alloc(sizeof *pb);
    *pb = *from;
    for (int i = 0; i < pb->n_numbers; i++) {
        int first = 0;
        while (!naive_number_same(from, i, first))
            first++;
        memcpy(pb->numbers[i].name, from->numbers[first].name, sizeof pb->numbers[i].name);
    }
    return pb;
}

// Another signal says the same: which of two such keeps what was known is not told.
static bool has_twin(const struct naive_playbook *playbook, int signal)
{
    bool found = false;
    struct naive_playbook *pb = name_twins_alike(playbook);
    struct buf text = {0}, other = {0};
    naive_condition_write(pb, pb->signals[signal].condition, &text);
    for (int i = 0; i < pb->n_signals; i++) {
        if (i == signal || pb->signals[i].condition == NAIVE_NONE)
            continue;
        buf_clear(&other);
        naive_condition_write(pb, pb->signals[i].condition, &other);
        found |= span_eq(buf_span(&text), buf_span(&other));
    }
    buf_deinit(&text);
    buf_deinit(&other);
    mem_free(pb);
    return found;
}

static bool step_forget(struct trial *t, uint64_t choice)
{
    struct naive_playbook *pb = &t->playbook;
    struct test_random random = {choice};
    for (int round = 0; round < 2; round++) {
        struct naive_usage usage = naive_playbook_usage(pb);
        for (int i = 0; i < pb->n_signals; i++)
            pb->signals[i].dropped |= !usage.signals[i] && test_random_below(&random, 2) == 0 &&
                                      pb->signals[i].origin == NAIVE_DECLARED && !has_twin(pb, i);
        usage = naive_playbook_usage(pb);
        for (int i = 0; i < pb->n_numbers; i++)
            pb->number_dropped[i] |= !usage.numbers[i] && test_random_below(&random, 2) == 0 &&
                                     pb->numbers[i].function < NAIVE_FIT;
    }
    t->forgotten = true;
    return step_reload(t) && warm(t); // less is looked at: a measure may mean something else
}

static bool step_recall(struct trial *t)
{
    struct naive_playbook *pb = &t->playbook;
    memcpy(pb->number_dropped, t->from->playbook.number_dropped, sizeof pb->number_dropped);
    for (int i = 0; i < pb->n_signals; i++)
        pb->signals[i].dropped = t->from->playbook.signals[i].dropped;
    t->forgotten = false;
    return step_reload(t) && warm(t);
}

static bool step(struct trial *t, const struct naive_step *step)
{
    switch (step->kind) {
    case NAIVE_EVENT_STEP:
        return step_event(t, &step->event);
    case NAIVE_REPEAT:
        return step_repeat(t, &t->from->steps[step->repeat].event);
    case NAIVE_TICK:
        return step_tick(t, step->tick_ms);
    case NAIVE_RELOAD:
        return step_reload(t);
    case NAIVE_FORGET:
        return step_forget(t, step->choice);
    case NAIVE_RECALL:
        return step_recall(t);
    }
    return false;
}

bool naive_case_agrees(const struct naive_case *c, struct buf *report)
{
    struct trial *t = mem_zalloc(sizeof *t);
    *t = (struct trial){.from = c, .playbook = c->playbook, .report = report};
    bool same = open_core(&t->core, &t->playbook, report);
    if (same) {
        naive_world_init(&t->naive, &t->playbook);
        for (t->step = 0; same && t->step < c->n_steps; t->step++)
            same = step(t, &c->steps[t->step]);
        same = same && compare_all(t);
        naive_world_deinit(&t->naive);
        scorer_world_close(&t->core);
    }
    buf_deinit(&t->core_log);
    mem_free(t);
    return same;
}

// ---- Order of arrival ----

static void play(struct scorer_world *w, const struct naive_case *c, const int *order)
{
    for (int i = 0; i < c->n_steps; i++) {
        const struct naive_step *step = &c->steps[order[i]];
        if (step->kind == NAIVE_EVENT_STEP)
            say(w, &step->event);
    }
}

bool naive_number_of_events(const struct naive_playbook *pb, int number)
{
    const struct naive_number *n = &pb->numbers[number];
    for (int i = 0; i < n->n_terms; i++) {
        if (n->terms[i].signal >= 0 ||
            (n->terms[i].number >= 0 && !naive_number_of_events(pb, n->terms[i].number)))
            return false;
    }
    return n->function != NAIVE_USERS_WITH && n->function != NAIVE_SINCE_SIGNAL;
}

static bool same_readings(const struct naive_case *c, struct scorer_world *a,
                          struct scorer_world *b, int account, int user, struct buf *report)
{
    const char *who = user >= 0 ? NAIVE_USER[user] : NULL;
    struct explanation x = scorer_world_explain(a, NAIVE_ACCOUNT[account], who);
    struct explanation y = scorer_world_explain(b, NAIVE_ACCOUNT[account], who);
    if (x.known != y.known || x.n_measures != y.n_measures ||
        (x.known && x.clock_ms != y.clock_ms)) {
        buf_printf(report, "%s: known otherwise in another order\n", NAIVE_ACCOUNT[account]);
        return false;
    }
    for (size_t i = 0; x.known && i < x.n_measures; i++) {
        int number = find_number(&c->playbook, x.measures[i].name);
        if (number == NAIVE_NONE || !naive_number_of_events(&c->playbook, number) ||
            strcmp(x.measures[i].value, y.measures[i].value) == 0)
            continue;
        buf_printf(report, "%s of %s/%s: %s, in another order %s\n", x.measures[i].name,
                   NAIVE_ACCOUNT[account], who == NULL ? "" : who, x.measures[i].value,
                   y.measures[i].value);
        return false;
    }
    return true;
}

// What excludes looks at a user's traits as they are known when an event comes: order shows there.
static struct naive_playbook without_excluded_users(const struct naive_playbook *playbook)
{
    struct naive_playbook out = *playbook;
    out.n_exclude = 0;
    for (int i = 0; i < playbook->n_exclude; i++) {
        if (playbook->conditions[playbook->exclude[i]].operand != NAIVE_OF_USER)
            out.exclude[out.n_exclude++] = playbook->exclude[i];
    }
    return out;
}

bool naive_case_commutes(const struct naive_case *c, uint64_t seed, struct buf *report)
{
    struct test_random random = {seed * 31 + 7};
    struct naive_playbook playbook = without_excluded_users(&c->playbook);
    struct scorer_world a, b;
    int order[2][NAIVE_STEPS_MAX];
    for (int i = 0; i < c->n_steps; i++)
        order[0][i] = order[1][i] = i;
    // Profiles stay in front: one that comes later decides nobody anew by itself.
    int first = 0;
    while (first < c->n_steps && c->steps[first].event.profile)
        first++;
    for (int i = c->n_steps - 1; i > first; i--) {
        int other = first + (int)test_random_below(&random, (uint64_t)(i - first) + 1);
        int kept = order[1][i];
        order[1][i] = order[1][other];
        order[1][other] = kept;
    }
    if (!open_core(&a, &playbook, report))
        return false;
    CHECK(open_core(&b, &playbook, report));
    play(&a, c, order[0]);
    play(&b, c, order[1]);
    bool same = true;
    for (int account = 0; account < NAIVE_ACCOUNTS && same; account++) {
        for (int u = NAIVE_NONE; u < NAIVE_USERS && same; u++)
            same = same_readings(c, &a, &b, account, u, report);
    }
    scorer_world_close(&a);
    scorer_world_close(&b);
    return same;
}

// ---- For a person ----

static void write_step(const struct naive_step *step, int at, struct buf *out)
{
    char when[TIME_TEXT_MAX], properties[256], context[64];
    const struct naive_event *e = &step->event;
    switch (step->kind) {
    case NAIVE_EVENT_STEP:
        write_pairs(e->properties, e->n_properties, properties, sizeof properties);
        write_pairs(&e->context, e->n_context, context, sizeof context);
        buf_printf(out, "%3d %s %s%s %s/%s %s {%s} {%s} %s\n", at, time_format(e->at_ms, when),
                   e->profile ? "profile " : "", CALL[e->call], NAIVE_ACCOUNT[e->account],
                   e->user >= 0 ? NAIVE_USER[e->user] : "",
                   e->name >= 0 ? NAIVE_EVENT[e->name] : "", properties, context, e->id);
        return;
    case NAIVE_REPEAT:
        buf_printf(out, "%3d again step %d\n", at, step->repeat);
        return;
    case NAIVE_TICK:
        buf_printf(out, "%3d tick to %s\n", at, time_format(step->tick_ms, when));
        return;
    case NAIVE_RELOAD:
        buf_printf(out, "%3d reload with other names\n", at);
        return;
    case NAIVE_FORGET:
        buf_printf(out, "%3d reload without some, by %llu\n", at, (unsigned long long)step->choice);
        return;
    case NAIVE_RECALL:
        buf_printf(out, "%3d reload with all\n", at);
        return;
    }
}

void naive_case_write(const struct naive_case *c, struct buf *out)
{
    naive_playbook_write(&c->playbook, out);
    buf_append_text(out, "steps:\n");
    for (int i = 0; i < c->n_steps; i++)
        write_step(&c->steps[i], i, out);
}
