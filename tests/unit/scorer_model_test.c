// SPDX-License-Identifier: Apache-2.0
// links: scorer_core playbook
// The core against a model that keeps a list of events and works everything out anew each time:
// random playbooks, random streams with late and repeated events, timers found by trying every
// hour. Each case is named by its seed, which is printed when it fails.
#include <criterion/criterion.h>

#include <time.h>

#include "tests/support/scorer_world.h"

enum { ACCOUNTS = 2, USERS = 3, NAMES = 4, EVENTS_MAX = 120, SIGNALS_MAX = 16, CASES = 1000 };

static const char *const NAME[NAMES] = {"A", "B", "T", "X"};
static const char *const ACCOUNT[ACCOUNTS] = {"acme", "user:u1"};
static const char *const USER[USERS] = {"u1", "u2", "u3"};

// ---- The model ----

struct model_event {
    int account, user; // user -1: none
    const char *name;  // NULL: no usage
    int64_t at_ms;
    int64_t p; // property p; below 0: none
    bool active;
};

struct model_trait {
    bool set;
    int64_t at_ms;
    char value;
};

struct model {
    const struct playbook *playbook;
    struct model_event events[EVENTS_MAX];
    int n_events;
    int64_t clock[ACCOUNTS];
    bool known[ACCOUNTS][USERS];
    bool value[ACCOUNTS][USERS + 1][SIGNALS_MAX]; // the account's own at USERS
    bool ever[ACCOUNTS][USERS + 1][SIGNALS_MAX];
    struct model_trait role[ACCOUNTS][USERS], plan[ACCOUNTS];
    struct buf log;
    int64_t last_change;
};

static bool model_where(const struct playbook *playbook, int32_t where, const struct model_event *e)
{
    if (where == PLAYBOOK_NONE)
        return true;
    const struct condition *c = &playbook->conditions[where];
    CHECK(c->kind == CONDITION_TEST && c->operand == OPERAND_PROPERTY && c->test == TEST_AT_LEAST);
    return e->p >= 0 && e->p * 1000 >= c->low_milli;
}

static bool model_named(const struct playbook *playbook, const struct measure *m,
                        const struct model_event *e)
{
    if (e->name == NULL)
        return false;
    if (m->events == NULL)
        return e->active;
    for (int32_t i = 0; i < m->n_events; i++) {
        if (strcmp(playbook->events[m->events[i]], e->name) == 0)
            return true;
    }
    return false;
}

static void model_date(int64_t ms, struct tm *out)
{
    time_t seconds = (time_t)(ms >= 0 ? ms / 1000 : -((-ms + 999) / 1000));
    gmtime_r(&seconds, out);
}

static bool model_in_window(const struct model *model, const struct measure *m,
                            const struct model_event *e, int account, int user, int64_t clock)
{
    struct tm then, now;
    int64_t anchor = INT64_MAX;
    switch (m->window) {
    case WINDOW_RESET:
    case WINDOW_WEEKS:
        CHECK(false);
    case WINDOW_LIFETIME:
        return true;
    case WINDOW_DAYS:
        return e->at_ms / TIME_DAY_MS > clock / TIME_DAY_MS - m->window_n;
    case WINDOW_HOURS:
        return e->at_ms / TIME_HOUR_MS > clock / TIME_HOUR_MS - m->window_n;
    case WINDOW_CALENDAR_DAY:
        return e->at_ms / TIME_DAY_MS == clock / TIME_DAY_MS;
    case WINDOW_CALENDAR_WEEK:
        model_date(clock, &now);
        return e->at_ms / TIME_DAY_MS >= clock / TIME_DAY_MS - (now.tm_wday + 6) % 7;
    case WINDOW_CALENDAR_MONTH:
        model_date(clock, &now);
        model_date(e->at_ms, &then);
        return then.tm_year == now.tm_year && then.tm_mon == now.tm_mon;
    case WINDOW_ANCHORED:
        for (int i = 0; i < model->n_events; i++) {
            const struct model_event *a = &model->events[i];
            if (a->account == account && a->name != NULL && (user < 0 || a->user == user) &&
                strcmp(a->name, model->playbook->events[m->anchor]) == 0 && a->at_ms < anchor)
                anchor = a->at_ms;
        }
        return anchor != INT64_MAX && e->at_ms >= anchor && e->at_ms < anchor + m->within_ms;
    }
    return false;
}

static int64_t model_users_with(const struct model *model, const struct measure *m, int account)
{
    int64_t n = 0;
    for (int u = 0; u < USERS; u++)
        n += m->ever ? model->ever[account][u][m->signal] : model->value[account][u][m->signal];
    return n * 1000;
}

// `user` -1: the account's. False: no such instant.
static bool model_measure(const struct model *model, const struct measure *m, int account, int user,
                          int64_t clock, int64_t *out)
{
    int64_t seen[EVENTS_MAX];
    int n_seen = 0;
    int64_t count = 0, sum = 0, first = INT64_MAX, last = INT64_MIN;
    if (m->kind == MEASURE_USERS_WITH) {
        *out = model_users_with(model, m, account);
        return true;
    }
    if (m->scope == SCOPE_ACCOUNT)
        user = -1;
    for (int i = 0; i < model->n_events; i++) {
        const struct model_event *e = &model->events[i];
        if (e->account != account || (user >= 0 && e->user != user) ||
            !model_named(model->playbook, m, e) || !model_where(model->playbook, m->where, e) ||
            !model_in_window(model, m, e, account, user, clock))
            continue;
        count++;
        first = e->at_ms < first ? e->at_ms : first;
        last = e->at_ms > last ? e->at_ms : last;
        int64_t what = m->kind == MEASURE_DISTINCT_USERS    ? e->user
                       : m->kind == MEASURE_DISTINCT_VALUES ? e->p
                                                            : e->at_ms / TIME_DAY_MS;
        sum += e->p >= 0 ? e->p * 1000 : 0;
        bool is_new = what >= 0;
        for (int j = 0; j < n_seen; j++)
            is_new = is_new && seen[j] != what;
        if (is_new)
            seen[n_seen++] = what;
    }
    bool instant = m->kind == MEASURE_FIRST || m->kind == MEASURE_LAST;
    *out = m->kind == MEASURE_COUNT   ? count * 1000
           : m->kind == MEASURE_SUM   ? sum
           : m->kind == MEASURE_FIRST ? first
           : m->kind == MEASURE_LAST  ? last
                                      : n_seen * 1000;
    return !instant || count > 0;
}

static bool model_leaf(const struct model *model, const struct condition *c, int account, int user,
                       int64_t clock, struct buf *value)
{
    int64_t v;
    if (c->operand != OPERAND_MEASURE) {
        const struct model_trait *t =
            c->operand == OPERAND_USER_TRAIT ? &model->role[account][user] : &model->plan[account];
        bool holds = t->set && ((const char *)c->values[0].text.ptr)[0] == t->value;
        if (holds && value != NULL)
            buf_append_u8(value, (uint8_t)t->value);
        return holds;
    }
    const struct measure *m = &model->playbook->measures[c->measure];
    bool present = model_measure(model, m, account, user, clock, &v);
    bool instant = m->kind == MEASURE_FIRST || m->kind == MEASURE_LAST;
    char text[TIME_TEXT_MAX];
    if (value != NULL && present)
        buf_printf(value, "%s",
                   instant ? time_format(v, text)
                           : (snprintf(text, sizeof text, "%lld", (long long)v / 1000), text));
    if (c->test == TEST_EXISTS)
        return present == c->expected;
    switch (c->test) {
    case TEST_GREW:
    case TEST_IS_PAST:
    case TEST_LATER_THAN:
        CHECK(false);
    case TEST_AT_LEAST:
        return v >= c->low_milli;
    case TEST_AT_MOST:
        return v <= c->low_milli;
    case TEST_ABOVE:
        return v > c->low_milli;
    case TEST_BELOW:
        return v < c->low_milli;
    case TEST_BETWEEN:
        return v >= c->low_milli && v <= c->high_milli;
    case TEST_IS:
        return v == c->values[0].integer * 1000;
    case TEST_IN:
        return v == c->values[0].integer * 1000 || v == c->values[1].integer * 1000;
    case TEST_WITHIN:
        return present && clock - v < c->low_milli;
    case TEST_CONTAINS:
    case TEST_EXISTS:
        break;
    }
    CHECK(false);
}

static bool model_holds(const struct model *model, int32_t at, int account, int user, int64_t clock)
{
    const struct condition *c = &model->playbook->conditions[at];
    bool holds = c->kind == CONDITION_ALL;
    switch (c->kind) {
    case CONDITION_AT_LEAST_N:
        CHECK(false);
    case CONDITION_ALL:
    case CONDITION_ANY:
        for (int32_t i = 0; i < c->n_children; i++) {
            bool child = model_holds(model, c->children[i], account, user, clock);
            holds = c->kind == CONDITION_ALL ? holds && child : holds || child;
        }
        return holds;
    case CONDITION_NOT:
        return !model_holds(model, c->children[0], account, user, clock);
    case CONDITION_TEST:
        return model_leaf(model, c, account, user, clock, NULL);
    case CONDITION_SIGNAL:
        return model_holds(model, model->playbook->signals[c->signal].condition, account, user,
                           clock);
    case CONDITION_ALWAYS:
    case CONDITION_ROLL_UP:
        return true;
    }
    return false;
}

static void model_evidence(struct model *model, int32_t at, bool negated, int account, int user,
                           int64_t clock)
{
    const struct condition *c = &model->playbook->conditions[at];
    if (c->kind == CONDITION_SIGNAL)
        model_evidence(model, model->playbook->signals[c->signal].condition, negated, account, user,
                       clock);
    for (int32_t i = 0; c->kind != CONDITION_TEST && i < c->n_children; i++)
        model_evidence(model, c->children[i], negated != (c->kind == CONDITION_NOT), account, user,
                       clock);
    struct buf value = {0};
    if (c->kind == CONDITION_TEST && !negated && model_leaf(model, c, account, user, clock, &value))
        buf_printf(&model->log, " [%s = " SPAN_FMT "]", c->text, SPAN_ARG(buf_span(&value)));
    buf_deinit(&value);
}

// Decides every signal of a subject.
static void model_subject(struct model *model, int account, int user, int64_t clock, const char *id)
{
    enum scope scope = user < 0 ? SCOPE_ACCOUNT : SCOPE_USER;
    int row = user < 0 ? USERS : user;
    char when[TIME_TEXT_MAX];
    for (int32_t s = 0; s < model->playbook->n_signals; s++) {
        const struct signal *signal = &model->playbook->signals[s];
        if (signal->scope != scope)
            continue;
        bool now = model_holds(model, signal->condition, account, user, clock);
        if (now == model->value[account][row][s])
            continue;
        model->value[account][row][s] = now;
        model->ever[account][row][s] |= now;
        model->last_change = clock;
        buf_printf(&model->log, "%s %s %s/%s at %s by %s", signal->name, now ? "true" : "false",
                   ACCOUNT[account], user < 0 ? "" : USER[user], time_format(clock, when), id);
        if (now)
            model_evidence(model, signal->condition, false, account, user, clock);
        buf_append_text(&model->log, "\n");
    }
}

static void model_decide(struct model *model, int account, int64_t clock, const char *id)
{
    for (int u = 0; u < USERS; u++) {
        if (model->known[account][u])
            model_subject(model, account, u, clock, id);
    }
    model_subject(model, account, -1, clock, id);
}

// The next instant after `after` at which time alone could change anything.
static int64_t model_next(const struct model *model, int account, int64_t after)
{
    int64_t next = (after / TIME_HOUR_MS + 1) * TIME_HOUR_MS;
    for (int32_t c = 0; c < model->playbook->n_conditions; c++) {
        const struct condition *leaf = &model->playbook->conditions[c];
        if (leaf->kind != CONDITION_TEST || leaf->test != TEST_WITHIN)
            continue;
        for (int i = 0; i < model->n_events; i++) {
            int64_t end = model->events[i].at_ms + leaf->low_milli;
            if (model->events[i].account == account && end > after && end < next)
                next = end;
        }
    }
    return next;
}

static void model_run(struct model *model, int account, int64_t limit)
{
    if (model->clock[account] == INT64_MIN)
        return;
    int64_t t = model->clock[account];
    while ((t = model_next(model, account, t)) <= limit)
        model_decide(model, account, t, "");
}

// ---- Random playbooks ----

static const char *pick(uint64_t *seed, const char *const *list, uint32_t n)
{
    return list[scorer_world_below(seed, n)];
}
#define PICK(seed, ...)                                                                            \
    pick(seed, (const char *const[]){__VA_ARGS__},                                                 \
         sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

enum { MEASURES = 8 };

struct draft {
    struct buf text;
    bool account[MEASURES]; // its scope
    bool instant[MEASURES];
};

static void draft_measure(struct draft *d, uint64_t *seed, int i, const char *per)
{
    const char *on = PICK(seed, "A", "B", "any", "[A, B]");
    const char *where = PICK(seed, "", "", "", ", where: {properties.p: {at_least: 2}}");
    const char *window =
        PICK(seed, "", ", window: 1d", ", window: 2d", ", window: 5d", ", window: 1h",
             ", window: 7h", ", window: 30h", ", window: day", ", window: week", ", window: month",
             ", after: T, within: 36h", ", after: T, within: 90m", ", after: A, within: 3d");
    uint32_t kind = scorer_world_below(seed, 7);
    d->account[i] = strcmp(per, "") != 0;
    buf_printf(&d->text, "  m%d: {", i);
    if (kind == 0 || kind == 6)
        buf_printf(&d->text, "count: %s%s%s", on, window, where);
    else if (kind == 1)
        buf_printf(&d->text, "active_days: %s%s%s", on, window, where);
    else if (kind == 2)
        buf_printf(&d->text, "sum: properties.p, on: %s%s%s", on, window, where);
    else if (kind == 3)
        buf_printf(&d->text, "distinct: properties.p, on: %s%s%s", on, window, where);
    else if (kind == 4 && d->account[i])
        buf_printf(&d->text, "distinct: user, on: %s%s%s", on, window, where);
    else {
        d->instant[i] = true;
        buf_printf(&d->text, "%s: %s%s", PICK(seed, "first", "last"), on, where);
    }
    if (kind == 4 && d->account[i] && !d->instant[i])
        per = "";
    buf_printf(&d->text, "%s}\n", per);
}

static void draft_leaf(struct draft *d, uint64_t *seed, bool of_user)
{
    int i = (int)scorer_world_below(seed, MEASURES);
    if (scorer_world_below(seed, 8) == 0) {
        buf_append_text(&d->text, of_user && scorer_world_below(seed, 2) == 0
                                      ? "{user.role: x}"
                                      : "{account.plan: x}");
        return;
    }
    while (!of_user && !d->account[i])
        i = (i + 1) % MEASURES;
    if (d->instant[i]) {
        buf_printf(
            &d->text, "{m%d: {%s}}", i,
            PICK(seed, "within: 3h", "within: 40m", "within: 2d", "exists: true", "exists: false"));
        return;
    }
    buf_printf(&d->text, "{m%d: {%s}}", i,
               PICK(seed, "at_least: 1", "at_least: 2", "at_least: 4", "at_most: 1", "above: 2",
                    "below: 2", "between: [1, 2]", "is: 2", "in: [1, 3]"));
}

static void draft_condition(struct draft *d, uint64_t *seed, bool of_user, int depth, int before)
{
    uint32_t kind = scorer_world_below(seed, 10);
    if (depth == 0 || kind < 4) {
        draft_leaf(d, seed, of_user);
    } else if (kind < 5 && before > 0 && of_user) {
        buf_printf(&d->text, "u%u", scorer_world_below(seed, (uint32_t)before));
    } else if (kind < 6) {
        buf_append_text(&d->text, "{not: ");
        draft_condition(d, seed, of_user, depth - 1, before);
        buf_append_text(&d->text, "}");
    } else {
        buf_printf(&d->text, "{%s: [", kind < 8 ? "all" : "any");
        for (int i = 0; i < 2; i++) {
            buf_append_text(&d->text, i == 0 ? "" : ", ");
            draft_condition(d, seed, of_user, depth - 1, before);
        }
        buf_append_text(&d->text, "]}");
    }
}

static char *draft_playbook(uint64_t *seed)
{
    struct draft d = {0};
    buf_append_text(&d.text, "playbook: p\nversion: 1\nexclude: [{properties.p: 7}]\nmeasures:\n");
    for (int i = 0; i < MEASURES; i++)
        draft_measure(&d, seed, i,
                      i < 3 || scorer_world_below(seed, 2) == 0 ? ", per: account" : "");
    buf_append_text(&d.text,
                    "  n0: {users_with: u0}\n  n1: {users_with: u1, ever: true}\nsignals:\n");
    for (int i = 0; i < 3; i++) {
        // The first test makes it a signal of users.
        buf_printf(&d.text, "  u%d: {%s: [{not: {user.role: %s}}, ", i, PICK(seed, "all", "any"),
                   PICK(seed, "y", "x"));
        draft_condition(&d, seed, true, 3, i);
        buf_append_text(&d.text, "]}\n");
    }
    for (int i = 0; i < 2; i++) {
        buf_printf(&d.text, "  a%d: ", i);
        draft_condition(&d, seed, false, 3, 0);
        buf_append_text(&d.text, "\n");
    }
    buf_printf(&d.text, "  a2: {%s: [{n0: {%s: 2}}, {n1: {is: 1}}]}\n", PICK(seed, "all", "any"),
               PICK(seed, "at_least", "below"));
    buf_append_u8(&d.text, 0);
    return (char *)d.text.bytes;
}

// ---- Cases ----

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// Within one instant users and accounts may be decided in another order than the model's.
static char *sorted_lines(struct buf *log)
{
    char *text = mem_dup(buf_span(log)), *lines[256], *rest = NULL;
    int n = 0;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL && n < 256;
         line = strtok_r(NULL, "\n", &rest))
        lines[n++] = line;
    qsort(lines, (size_t)n, sizeof *lines, compare_lines);
    struct buf out = {0};
    for (int i = 0; i < n; i++)
        buf_printf(&out, "%s\n", lines[i]);
    buf_append_u8(&out, 0);
    mem_free(text);
    buf_clear(log);
    return (char *)out.bytes;
}

struct trial {
    uint64_t seed, number;
    char *yaml;
    struct scorer_world w;
    struct model *model;
    int64_t now;
    int step;
};

static void trial_compare_log(struct trial *t)
{
    char *got = sorted_lines(&t->w.log), *want = sorted_lines(&t->model->log);
    cr_assert(strcmp(got, want) == 0, "case %llu step %d\n%s\ngot:\n%swant:\n%s",
              (unsigned long long)t->number, t->step, t->yaml, got, want);
    mem_free(got);
    mem_free(want);
}

static void trial_compare_values(struct trial *t, int account, int user)
{
    struct explanation out =
        scorer_world_explain(&t->w, ACCOUNT[account], user < 0 ? NULL : USER[user]);
    cr_assert(out.known && out.clock_ms == t->model->clock[account], "case %llu step %d\n%s",
              (unsigned long long)t->number, t->step, t->yaml);
    for (size_t i = 0; i < out.n_measures; i++) {
        const struct measure *m = NULL;
        for (int32_t k = 0; k < t->model->playbook->n_measures; k++) {
            if (strcmp(t->model->playbook->measures[k].name, out.measures[i].name) == 0)
                m = &t->model->playbook->measures[k];
        }
        int64_t v;
        char text[TIME_TEXT_MAX] = "";
        bool present = model_measure(t->model, m, account, user, t->model->clock[account], &v);
        if (present && (m->kind == MEASURE_FIRST || m->kind == MEASURE_LAST))
            time_format(v, text);
        else if (present)
            snprintf(text, sizeof text, "%lld", (long long)v / 1000);
        cr_assert(strcmp(text, out.measures[i].value) == 0,
                  "case %llu step %d: %s is %s, not %s\n%s", (unsigned long long)t->number, t->step,
                  m->name, out.measures[i].value, text, t->yaml);
    }
}

static void trial_trait(struct model_trait *t, char value, int64_t at_ms)
{
    if (t->set && (at_ms < t->at_ms || (at_ms == t->at_ms && value <= t->value)))
        return;
    *t = (struct model_trait){true, at_ms, value};
}

static void trial_tick(struct trial *t)
{
    int64_t to = t->now + scorer_world_below(&t->seed, 40) * (int64_t)TIME_HOUR_MS / 3;
    int64_t changed[ACCOUNTS];
    for (int a = 0; a < ACCOUNTS; a++) {
        t->model->last_change = INT64_MIN;
        model_run(t->model, a, to);
        changed[a] = t->model->last_change;
    }
    scorer_world_tick(&t->w, to);
    trial_compare_log(t);
    for (int a = 0; a < ACCOUNTS; a++) {
        int64_t before = t->model->clock[a];
        if (before == INT64_MIN)
            continue;
        // Which leaves alone move the clock is the core's to say, within what is possible.
        struct explanation out = scorer_world_explain(&t->w, ACCOUNT[a], NULL);
        cr_assert(out.clock_ms >= before && out.clock_ms >= changed[a] &&
                  (out.clock_ms == before || out.clock_ms <= to));
        t->model->clock[a] = out.clock_ms;
    }
}

static void trial_event(struct trial *t)
{
    struct model *model = t->model;
    uint64_t *seed = &t->seed;
    int account = (int)scorer_world_below(seed, ACCOUNTS),
        user = (int)scorer_world_below(seed, USERS);
    if (scorer_world_below(seed, 40) == 0)
        t->now += scorer_world_below(seed, 12) * (int64_t)TIME_DAY_MS;
    t->now +=
        scorer_world_below(seed, 8) * (int64_t)TIME_HOUR_MS / 2 + scorer_world_below(seed, 1000);
    int64_t when = t->now;
    if (scorer_world_below(seed, 4) == 0)
        when -= scorer_world_below(seed, 6 * 24) * (int64_t)TIME_HOUR_MS;
    if (scorer_world_below(seed, 4) == 0)
        when -= when % TIME_HOUR_MS;
    uint32_t kind = scorer_world_below(seed, 10);
    char properties[64] = "", value = "xyz"[scorer_world_below(seed, 3)];
    struct say say = {
        .account = ACCOUNT[account], .user = USER[user], .at_ms = when, .properties = properties};
    struct model_event e = {
        .account = account, .user = user, .at_ms = when, .p = -1, .active = true};
    if (kind == 0 && account == 0) {
        say.kind = "identify"; // in the personal account it would be a profile
        snprintf(properties, sizeof properties, "role=%c", value);
    } else if (kind == 1) {
        say.kind = "group";
        say.user = scorer_world_below(seed, 2) == 0 ? NULL : USER[user];
        e.user = say.user == NULL ? -1 : user;
        snprintf(properties, sizeof properties, "plan=%c", value);
    } else {
        e.name = say.name = NAME[scorer_world_below(seed, NAMES)];
        say.kind = PICK(seed, "track", "track", "page", "screen");
        if (scorer_world_below(seed, 3) != 0) {
            e.p = scorer_world_below(seed, 8);
            snprintf(properties, sizeof properties, "p=%d%s", (int)e.p, PICK(seed, "", ".0"));
        }
        e.active = scorer_world_below(seed, 6) != 0;
        say.context = e.active ? NULL : "active=false";
    }
    enum verdict verdict = scorer_world_say(&t->w, &say);
    cr_assert(verdict == (e.p == 7 ? VERDICT_EXCLUDED : VERDICT_COUNTED));
    if (e.p == 7)
        return;
    char id[32];
    snprintf(id, sizeof id, "m%u", t->w.messages);
    if (scorer_world_below(seed, 15) == 0) {
        say.id = id;
        cr_assert(scorer_world_say(&t->w, &say) == VERDICT_DUPLICATE);
    }
    model_run(model, account, when);
    model->clock[account] = when > model->clock[account] ? when : model->clock[account];
    model->events[model->n_events++] = e;
    if (e.user >= 0)
        model->known[account][e.user] = true;
    if (strcmp(say.kind, "identify") == 0)
        trial_trait(&model->role[account][user], value, when);
    if (strcmp(say.kind, "group") == 0)
        trial_trait(&model->plan[account], value, when);
    model_decide(model, account, model->clock[account], id);
    trial_compare_log(t);
    trial_compare_values(t, account, e.user);
}

static void trial_run(uint64_t number)
{
    struct trial t = {.seed = number * 977 + 1, .number = number};
    t.yaml = draft_playbook(&t.seed);
    scorer_world_open(&t.w, t.yaml);
    t.model = mem_zalloc(sizeof *t.model);
    t.model->playbook = core_playbook(t.w.core);
    for (int a = 0; a < ACCOUNTS; a++)
        t.model->clock[a] = INT64_MIN;
    t.now = at("2026-02-24T00:00:00Z");
    for (t.step = 0; t.step < 60; t.step++) {
        if (scorer_world_below(&t.seed, 12) == 0)
            trial_tick(&t);
        else
            trial_event(&t);
    }
    buf_deinit(&t.model->log);
    mem_free(t.model);
    mem_free(t.yaml);
    scorer_world_close(&t.w);
}

Test(scorer_model, the_core_agrees_with_a_list_of_events)
{
    const char *from = getenv("SCORER_MODEL_CASE");
    uint64_t first = from == NULL ? 0 : strtoull(from, NULL, 10);
    for (uint64_t number = first; number < first + CASES; number++)
        trial_run(number);
}
