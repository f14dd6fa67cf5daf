// SPDX-License-Identifier: Apache-2.0
// links: rpc shard loop log base clock assay_proto
// runs: assay-scorer
// A playbook with new measures comes into force while batches keep coming. Once they are warm,
// every measure and signal of every account and user is what it is in a scorer that had this
// playbook from the start, and the router believes the same. So it is when the scorer is killed
// again and again before, while and after the measures warm; and when another such playbook comes
// before they are warm. A measure that only got another name keeps its state and does not warm.
// What the journal no longer has stays missing.
#include "tests/support/random.h"
#include "tests/support/scorer_rig.h"

#ifdef __SANITIZE_THREAD__
enum { BATCHES = 60 };
#else
enum { BATCHES = 160 };
#endif

enum {
    EVENTS = 250, // of a batch
    ACCOUNTS = 120,
    USERS = 3, // of an account
    RELOAD_AT = BATCHES / 2,
    LIVES = 14,
};
static const int64_t HOUR = 3600000;
static const int64_t DAY = 24 * HOUR;

// %s: the name of the first measure and of what is not in the first playbook.
static const char PLAYBOOK[] = "playbook: taste\n"
                               "version: %d\n"
                               "exclude:\n"
                               "  - user.role: {is: staff}\n"
                               "measures:\n"
                               "  %s: {count: Project Created}\n"
                               "  active_users: {distinct: user, window: 5d}\n"
                               "%s"
                               "signals:\n"
                               "  activated: {%s: {at_least: 3}}\n"
                               "  crowd: {active_users: {at_least: 3}}\n"
                               "%s"
                               "qualify: {pal: activated}\n"
                               "route: [{when: always, motion: self_serve}]\n";

static const char NEW_MEASURES[] =
    "  reports_7d: {count: Report Run, window: 7d}\n"
    "  bytes: {sum: properties.bytes, on: File Uploaded, per: account}\n"
    "  largest: {max: properties.bytes, on: File Uploaded}\n"
    "  mean: {average: properties.bytes, on: File Uploaded, per: account}\n"
    "  kinds: {distinct: properties.bytes, on: File Uploaded, per: account, window: 20d}\n"
    "  days: {active_days: any, window: 30d}\n"
    "  streak: {day_streak: any, per: account}\n"
    "  last_seen: {last: any}\n"
    "  first_report: {first: Report Run, per: account}\n"
    "  early: {count: Report Run, after: Project Created, within: 3d}\n"
    "  both: {sequence: [Project Created, Report Run], within: 2d, per: account}\n"
    "  everyone: {distinct: user, per: account}\n"
    "  as_admin: {count: Report Run, per: account, where: {user.role: {is: admin}}}\n"
    "  reporters: {users_with: reporting}\n"
    "scores:\n"
    "  engagement: {points: {Project Created: 10, Report Run: 5}, half_life: 3d, per: account}\n";
static const char NEW_SIGNALS[] = "  reporting: {reports_7d: {at_least: 2}}\n"
                                  "  heavy: {bytes: {at_least: 50000}}\n"
                                  "  warm: {engagement: {at_least: 60}}\n"
                                  "  team: {reporters: {at_least: 2}}\n"
                                  "  seen: {last_seen: {within: 36h}}\n"
                                  "  regular: [{days: {at_least: 5}}, activated]\n";

enum edition { OLD, OTHER, NEW, RENAMED };

static void write_playbook(enum edition edition, char out[8192])
{
    const char *name = edition == OLD ? "projects" : "created";
    // Another one on the way there: some of the new measures, and one that goes again.
    static const char MEASURES[] = "  reports_7d: {count: Report Run, window: 7d}\n"
                                   "  uploads: {count: File Uploaded, per: account}\n";
    static const char SIGNALS[] = "  reporting: {reports_7d: {at_least: 2}}\n"
                                  "  uploading: {uploads: {at_least: 1}}\n";
    const char *measures = edition == NEW ? NEW_MEASURES : edition == OTHER ? MEASURES : "";
    const char *signals = edition == NEW ? NEW_SIGNALS : edition == OTHER ? SIGNALS : "";
    snprintf(out, 8192, PLAYBOOK, (int)edition + 1, name, measures, name, signals);
}

// ---- What is sent -------------------------------------------------------------------------------

static struct arena stream_arena;
static struct span batches[BATCHES];

static Assay__Scorer__V1__Event *make_event(struct test_random *random, uint64_t serial,
                                            int64_t at_ms)
{
    char id[32], account[32], user[48];
    uint64_t what = test_random_below(random, 100);
    uint64_t number = test_random_below(random, ACCOUNTS);
    snprintf(id, sizeof id, "m-%llu", (unsigned long long)serial);
    snprintf(account, sizeof account, "acct-%llu", (unsigned long long)number);
    snprintf(user, sizeof user, "%s-u%llu", account,
             (unsigned long long)test_random_below(random, USERS));
    const char *name = what < 40 ? "Project Created" : what < 75 ? "Report Run" : "File Uploaded";
    Assay__Scorer__V1__Event *event = batch_event(&stream_arena, id, account, user, name, at_ms);
    if (what >= 90) {
        static const char *const ROLES[] = {"admin", "member", "staff"};
        event->kind = ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_IDENTIFY;
        batch_set_text(&stream_arena, event, "role", ROLES[what % 11 == 0 ? 2 : what % 2]);
    } else if (what >= 75) {
        batch_set_integer(&stream_arena, event, "bytes", 100 + (int64_t)(serial % 40) * 25);
    }
    return event;
}

// Forty days in all. One id in forty was sent before.
static void make_batches(struct test_random *random)
{
    uint64_t serial = 0;
    for (uint64_t number = 1; number <= BATCHES; number++) {
        Assay__Scorer__V1__Event *events[EVENTS];
        int64_t now = BATCH_T0 + (int64_t)number * 40 * DAY / BATCHES;
        for (size_t i = 0; i < EVENTS; i++) {
            bool again = serial > 100 && test_random_below(random, 40) == 0;
            int64_t late = test_random_below(random, 50) == 0 ? 2 * DAY : HOUR;
            events[i] =
                make_event(random, again ? serial - test_random_below(random, 100) : serial++,
                           now - (int64_t)test_random_below(random, (uint64_t)late));
            events[i]->received_at_ms = now;
        }
        batches[number - 1] = batch_pack(&stream_arena, 1, number, 0, events, EVENTS);
    }
}

// ---- Driving ------------------------------------------------------------------------------------

static bool is_in(const struct rig_applied *applied)
{
    return applied->status == RPC_OK &&
           (applied->outcome == (int)ASSAY__SCORER__V1__APPLY_OUTCOME__APPLY_OUTCOME_APPLIED ||
            applied->outcome == (int)ASSAY__SCORER__V1__APPLY_OUTCOME__APPLY_OUTCOME_REPEATED);
}

// From `from` to before `to`, several at a time. One that was not taken, because it overtook others
// on the way, is sent again, as a source does.
static void send_batches(struct rig *rig, size_t from, size_t to)
{
    enum { WINDOW = 8 };
    static struct rig_applied calls[WINDOW];
    for (size_t at = from; at < to; at += WINDOW) {
        size_t n = to - at < WINDOW ? to - at : WINDOW;
        for (size_t i = 0; i < n; i++)
            rig_send(rig, batches[at + i], &calls[i]);
        for (size_t i = 0; i < n; i++)
            rig_until(rig, rig_is_applied, &calls[i]);
        for (size_t i = 0; i < n; i++) {
            if (!is_in(&calls[i]))
                rig_apply_ok(rig, batches[at + i]);
        }
    }
}

static void load(struct rig *rig, enum edition edition)
{
    char text[8192];
    write_playbook(edition, text);
    rig_write(rig, "playbook.yaml", text); // what a restart finds
    Assay__Admin__V1__LoadDocumentResponse *loaded;
    if (rig_load(rig, text, false, &loaded) != ERR_OK)
        rig_die(rig, "the playbook is refused");
}

static void start(struct rig *rig)
{
    rig_start(rig);
    rig_wait_ready(rig);
}

// ---- What came of it ----------------------------------------------------------------------------

static void add_explained(struct buf *out, const Assay__Scorer__V1__ExplainResponse *answer,
                          const char *account, const char *user)
{
    buf_printf(out, "%s %s:", account, user);
    for (size_t i = 0; i < answer->n_measures; i++)
        buf_printf(out, " %s=%s", answer->measures[i]->name, answer->measures[i]->value);
    for (size_t i = 0; i < answer->n_signals; i++)
        buf_printf(out, " %s=%d", answer->signals[i]->name, answer->signals[i]->value);
    buf_append_u8(out, '\n');
}

// Measures and signals of every account and user, a line each.
static char *explain_all(struct rig *rig)
{
    struct buf out = {0};
    Assay__Scorer__V1__ExplainResponse *answer;
    for (int i = 0; i < ACCOUNTS; i++) {
        char account[32], user[48];
        snprintf(account, sizeof account, "acct-%d", i);
        for (int u = -1; u < USERS; u++) {
            snprintf(user, sizeof user, "%s-u%d", account, u);
            arena_reset(&rig->arena);
            enum err err = rig_explain(rig, account, u < 0 ? "" : user, &answer);
            CHECK(err == ERR_OK || err == ERR_NOT_FOUND);
            if (err == ERR_OK)
                add_explained(&out, answer, account, u < 0 ? "" : user);
        }
    }
    buf_append_u8(&out, 0);
    return (char *)out.bytes;
}

static int by_text(const void *x, const void *y)
{
    return strcmp(*(char *const *)x, *(char *const *)y);
}

// What the router believes to be true: the last word on each signal, a line each.
static char *believed(const struct rig *rig)
{
    const struct router_fake_lane *lane = &rig->router.lanes[0];
    char **lines = mem_alloc((lane->n + 1) * sizeof *lines);
    size_t n = 0;
    for (size_t i = 0; i < lane->n; i++) {
        // "name=1 account=A user=U at=...": the value apart, so that changes of one signal meet.
        const char *text = lane->signals[i].text;
        size_t name = strcspn(text, "="), end = (size_t)(strstr(text, " at=") - text);
        char line[256];
        snprintf(line, sizeof line, "%.*s %.*s", (int)name, text, (int)(end - name - 3),
                 text + name + 3);
        size_t at = 0;
        while (at < n && strcmp(lines[at], line) != 0)
            at++;
        bool value = text[name + 1] == '1';
        CHECK(value ? at == n : at < n); // it changes each time that it is told
        if (value) {
            lines[n++] = mem_dup_text(line);
        } else {
            mem_free(lines[at]);
            lines[at] = lines[--n];
        }
    }
    qsort(lines, n, sizeof *lines, by_text);
    struct buf out = {0};
    for (size_t i = 0; i < n; i++) {
        buf_printf(&out, "%s\n", lines[i]);
        mem_free(lines[i]);
    }
    buf_append_u8(&out, 0);
    mem_free(lines);
    return (char *)out.bytes;
}

struct result {
    char *explained, *believed;
};

static struct result result_of(struct rig *rig, bool one_playbook)
{
    // Timers have run up to one instant.
    CHECK(rig_advance(rig, BATCH_T0 + 43 * DAY, NULL) == ERR_OK);
    rig_wait_signals(rig);
    return (struct result){explain_all(rig), one_playbook ? believed(rig) : mem_dup_text("")};
}

static void result_free(struct result *result)
{
    mem_free(result->explained);
    mem_free(result->believed);
}

static void expect_text(const char *what, const char *a, const char *b)
{
    size_t line = 1;
    while (*a != '\0' && *a == *b) {
        line += *a == '\n';
        a++;
        b++;
    }
    if (*a == *b)
        return;
    fprintf(stderr, "%s: line %zu: expected ...%.200s\nfound ...%.200s\n", what, line, a, b);
    abort();
}

static void expect_same(const char *what, const struct result *expected, const struct result *found)
{
    expect_text(what, expected->explained, found->explained);
    expect_text(what, expected->believed, found->believed);
}

// ---- Runs ---------------------------------------------------------------------------------------

static void open_with(struct rig *rig, enum edition edition, const char *more)
{
    char text[8192];
    write_playbook(edition, text);
    struct rig_opts opts = {.n_lanes = 1, .more = more, .playbook = text};
    rig_open(rig, &opts);
    start(rig);
}

static const char CHECKPOINTS[] = "checkpoint_every: 100ms\ndedupe_window: 60d\n";

static struct result run_from_the_start(enum edition edition)
{
    static struct rig rig;
    open_with(&rig, edition, CHECKPOINTS);
    send_batches(&rig, 0, BATCHES);
    struct result result = result_of(&rig, true);
    CHECK(strstr(rig_log(&rig), "warming_started") == NULL);
    CHECK(rig_stop(&rig) == 0);
    rig_close(&rig);
    return result;
}

static void run_under_traffic(const struct result *expected)
{
    static struct rig rig;
    open_with(&rig, OLD, CHECKPOINTS);
    send_batches(&rig, 0, RELOAD_AT);
    load(&rig, NEW);
    send_batches(&rig, RELOAD_AT, BATCHES);
    rig_wait_warm(&rig);
    if (strstr(rig_log(&rig), "warming_done") == NULL)
        rig_die(&rig, "no word of the end of warming");
    struct result result = result_of(&rig, true);
    expect_same("under traffic", expected, &result);
    result_free(&result);
    // What recovery makes of it is the same, and says nothing new.
    rig_kill(&rig);
    start(&rig);
    CHECK(rig_lane(&rig, 0)->warming_measures == 0);
    result = result_of(&rig, true);
    expect_same("after a kill", expected, &result);
    result_free(&result);
    CHECK(rig_stop(&rig) == 0);
    rig_close(&rig);
}

// Some lives end in order. Each may begin with another playbook; the last one has the new measures.
// What the router believes of signals that came and went with playbooks is its own affair.
static void run_killed(struct test_random *random, const struct result *expected)
{
    static struct rig rig;
    size_t at = RELOAD_AT, n_warming = 0;
    enum edition edition = OLD;
    open_with(&rig, OLD, CHECKPOINTS);
    send_batches(&rig, 0, RELOAD_AT);
    for (int life = 0; life < LIVES; life++) {
        if (life == LIVES - 1 || test_random_below(random, 2) == 0) {
            edition = life == LIVES - 1 || edition != NEW ? NEW : OTHER;
            load(&rig, edition);
        }
        bool busy = test_random_below(random, 3) == 0;
        size_t to = at + (busy ? test_random_below(random, (BATCHES - at) / 4 + 1) : 0);
        send_batches(&rig, at, to);
        at = to;
        usleep((useconds_t)test_random_below(random, life % 3 == 0 ? 200000 : 20000));
        arena_reset(&rig.arena);
        n_warming += rig_lane(&rig, 0)->warming_measures > 0;
        if (test_random_below(random, 4) == 0)
            CHECK(rig_stop(&rig) == 0);
        else
            rig_kill(&rig);
        start(&rig);
    }
    send_batches(&rig, at, BATCHES);
    rig_wait_warm(&rig);
    struct result result = result_of(&rig, false);
    expect_text("killed", expected->explained, result.explained);
    result_free(&result);
    printf("killed %d times, %zu of them while it was warming\n", LIVES, n_warming);
    CHECK(rig_stop(&rig) == 0);
    rig_close(&rig);
}

static void run_renamed(void)
{
    static struct rig rig;
    open_with(&rig, OLD, CHECKPOINTS);
    send_batches(&rig, 0, RELOAD_AT);
    load(&rig, RENAMED);
    CHECK(rig_lane(&rig, 0)->warming_measures == 0);
    CHECK(strstr(rig_log(&rig), "warming_started") == NULL);
    send_batches(&rig, RELOAD_AT, BATCHES);
    struct result result = result_of(&rig, true), expected = run_from_the_start(RENAMED);
    expect_same("renamed", &expected, &result);
    result_free(&result);
    result_free(&expected);
    CHECK(rig_stop(&rig) == 0);
    rig_close(&rig);
}

// New measures tell since when they have events; the old ones have all.
static void expect_since(struct rig *rig)
{
    Assay__Scorer__V1__ExplainResponse *answer;
    arena_reset(&rig->arena);
    CHECK(rig_explain(rig, "acct-1", "", &answer) == ERR_OK);
    for (size_t i = 0; i < answer->n_measures; i++) {
        const Assay__Scorer__V1__Measure *measure = answer->measures[i];
        // Users are counted by what their measures say now.
        bool since =
            strcmp(measure->name, "active_users") != 0 && strcmp(measure->name, "reporters") != 0;
        CHECK(!measure->warming && (measure->since_ms > BATCH_T0) == since);
        CHECK(measure->since_ms <= BATCH_T0 + 40 * DAY);
    }
}

// Sends, and waits until a checkpoint has it.
static void send_covered(struct rig *rig, size_t from, size_t to)
{
    send_batches(rig, from, to);
    for (int i = 0; rig_lane(rig, 0)->checkpoint < rig_lane(rig, 0)->journal_last; i++) {
        CHECK(i < 20000);
        usleep(1000);
        arena_reset(&rig->arena);
    }
}

// The journal is trimmed all the time: the new measures have what is left of it.
static void run_trimmed(void)
{
    static struct rig rig;
    open_with(&rig, OLD, "checkpoint_every: 100ms\ndedupe_window: 60d\njournal_keep: 1KiB\n");
    // The second checkpoint makes what the first one covered go.
    send_covered(&rig, 0, RELOAD_AT / 2);
    send_covered(&rig, RELOAD_AT / 2, RELOAD_AT);
    rig_kill(&rig);
    start(&rig);
    load(&rig, NEW);
    send_batches(&rig, RELOAD_AT, BATCHES);
    rig_wait_warm(&rig);
    struct result result = result_of(&rig, true);
    expect_since(&rig);
    rig_kill(&rig);
    start(&rig);
    expect_since(&rig);
    struct result again = result_of(&rig, true);
    expect_same("trimmed", &result, &again);
    result_free(&result);
    result_free(&again);
    CHECK(rig_stop(&rig) == 0);
    rig_close(&rig);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    struct test_random random = {test_random_seed()};
    printf("seed %llu\n", (unsigned long long)random.state);
    arena_init(&stream_arena, 1 << 20, 0);
    make_batches(&random);
    struct result expected = run_from_the_start(NEW);
    run_under_traffic(&expected);
    run_killed(&random, &expected);
    run_killed(&random, &expected);
    run_renamed();
    run_trimmed();
    result_free(&expected);
    arena_deinit(&stream_arena);
    return 0;
}
