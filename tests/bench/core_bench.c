// SPDX-License-Identifier: Apache-2.0
// links: scorer_core playbook
// The scorer's core alone: events that are ready in memory, accounts chosen by Zipf 0.99, 24 names
// of events, 20 measures, 10 signals. Prints one JSON line.
//   core_bench [accounts] [events] [small|large]
// Every user of every account is touched once before; only what follows is measured.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/base/time_text.h"
#include "services/playbook/load.h"
#include "services/scorer/core/core.h"

enum { NAMES = 24, USERS = 2, BATCH = 500 };

static const char PLAYBOOK[] =
    "playbook: bench\nversion: 1\n"
    "exclude: [{user.bot: true}]\n"
    "measures:\n"
    "  projects: {count: E0}\n"
    "  invites: {count: E1}\n"
    "  reports: {count: E2, window: 30d}\n"
    "  exports: {count: [E3, E4], window: 7d}\n"
    "  tests: {count: E5}\n"
    "  areas: {distinct: properties.area, on: E6}\n"
    "  days: {active_days: any, window: 28d}\n"
    "  setup: {count: E0, after: E7, within: 48h}\n"
    "  seen: {last: any}\n"
    "  hours: {count: E8, window: 24h}\n"
    "  month: {count: E9, window: month}\n"
    "  team_changes: {count: [E0, E2, E10], window: 30d, per: account}\n"
    "  team_active: {distinct: user, window: 14d}\n"
    "  bytes: {sum: properties.bytes, on: E11, per: account}\n"
    "  keen: {users_with: pql, ever: true}\n"
    "  quota: {count: E12, window: month, per: account}\n"
    "  departments: {distinct: properties.area, on: E13, window: 14d, per: account}\n"
    "  billing: {count: E14, per: account}\n"
    "scores:\n"
    "  warmth: {points: {E0: 5, E1: 8, E2: 3, E15: 10}, half_life: 30d, per: account}\n"
    "  heat: {points: {E16: 2, E17: 4}, half_life: 7d}\n"
    "signals:\n"
    "  activated: [{projects: {at_least: 1}}, {reports: {at_least: 1}}]\n"
    "  pql: [{projects: {at_least: 3}}, {invites: {at_least: 2}}, {reports: {at_least: 1}}]\n"
    "  builder: [{tests: {at_least: 5}}, {areas: {at_least: 3}}, {days: {at_least: 3}}]\n"
    "  trial: {setup: {at_least: 3}}\n"
    "  exporter: [{exports: {at_least: 10}}, {hours: {at_least: 5}}]\n"
    "  hot: [{heat: {at_least: 20}}, {month: {at_least: 3}}]\n"
    "  pqa: [{keen: {at_least: 1}}, {team_changes: {at_least: 10}}, {team_active: {at_least: 3}}]\n"
    "  warm: {warmth: {at_least: 100}}\n"
    "  near_limit: {any: [{bytes: {at_least: 4000000}}, {quota: {at_least: 80}}]}\n"
    "  buying: [{billing: {at_least: 2}}, {departments: {at_least: 2}}]\n"
    "qualify: {pal: activated, pql: pql, pqa: pqa}\n";

// Seven measures and three signals, as in the example git-history.
static const char SMALL_PLAYBOOK[] =
    "playbook: small\nversion: 1\n"
    "exclude: [{user.bot: true}]\n"
    "measures:\n"
    "  changes: {count: E0, window: 30d}\n"
    "  tests: {count: E1}\n"
    "  areas: {distinct: properties.area, on: E2}\n"
    "  days: {active_days: any, window: 28d}\n"
    "  team_changes: {count: E0, window: 30d, per: account}\n"
    "  team_active: {distinct: user, window: 14d}\n"
    "  ever_pql: {users_with: pql, ever: true}\n"
    "scores: {points: {points: {E0: 5, E1: 10, E3: 8, E4: 15}, half_life: 30d, per: account}}\n"
    "signals:\n"
    "  pql: [{changes: {at_least: 5}}, {tests: {at_least: 1}}, {areas: {at_least: 3}}, "
    "{days: {at_least: 3}}]\n"
    "  pqa: [{ever_pql: {at_least: 1}}, {team_changes: {at_least: 10}}, "
    "{team_active: {at_least: 3}}]\n"
    "  score: {points: {at_least: 100}}\n"
    "qualify: {pql: pql, pqa: pqa}\n";

static uint64_t random_state = 42;

static uint64_t bench_random(void)
{
    uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

// One of n by Zipf with exponent s (J. Gray and others, "Quickly generating billion-record
// synthetic databases", 1994).
struct zipf {
    double n, s, zeta, eta, alpha;
};

static void zipf_init(struct zipf *zipf, double n, double s)
{
    *zipf = (struct zipf){.n = n, .s = s, .alpha = 1 / (1 - s)};
    for (double i = 1; i <= n; i++)
        zipf->zeta += pow(1 / i, s);
    zipf->eta = (1 - pow(2 / n, 1 - s)) / (1 - (1 + pow(0.5, s)) / zipf->zeta);
}

static uint64_t zipf_next(const struct zipf *zipf)
{
    double u = (double)(bench_random() >> 11) / 0x1p53;
    if (u * zipf->zeta < 1)
        return 0;
    if (u * zipf->zeta < 1 + pow(0.5, zipf->s))
        return 1;
    return (uint64_t)(zipf->n * pow(zipf->eta * u - zipf->eta + 1, zipf->alpha));
}

struct bench_event {
    char id[24], account[16], user[16], name[4], area[8];
    uint8_t id_len, account_len, user_len, name_len, area_len;
    int64_t bytes;
    int64_t at_ms;
};

static struct bench_event *bench_events(size_t n, uint64_t accounts)
{
    struct bench_event *events = mem_alloc(n * sizeof *events);
    struct zipf zipf;
    zipf_init(&zipf, (double)accounts, 0.99);
    for (size_t i = 0; i < n; i++) {
        struct bench_event *e = &events[i];
        // Spread over the numbers, so that busy accounts are not neighbours in memory.
        uint64_t account = zipf_next(&zipf) * UINT64_C(2654435761) % accounts;
        uint64_t r = bench_random();
        // The first events touch every user of every account once.
        if (i < accounts * USERS) {
            account = i / USERS;
            r = (r & ~UINT64_C(1)) | i % USERS;
        }
        e->id_len =
            (uint8_t)snprintf(e->id, sizeof e->id, "m-%016llx", (unsigned long long)i * 977);
        e->account_len = (uint8_t)snprintf(e->account, sizeof e->account, "acct-%07llu",
                                           (unsigned long long)account);
        e->user_len = (uint8_t)snprintf(e->user, sizeof e->user, "u-%07llu-%u",
                                        (unsigned long long)account, (unsigned)(r % USERS));
        e->name_len = (uint8_t)snprintf(e->name, sizeof e->name, "E%u", (unsigned)(r >> 8) % NAMES);
        e->area_len = (uint8_t)snprintf(e->area, sizeof e->area, "a%u", (unsigned)(r >> 16) % 20);
        e->bytes = (int64_t)(r >> 24) % 100000;
        // Ninety days; one event in ten is up to two hours late.
        e->at_ms = INT64_C(1767225600000) + (int64_t)((double)i / (double)n * 90 * TIME_DAY_MS);
        if (r >> 60 == 0)
            e->at_ms -= (int64_t)(r >> 40) % (2 * (int64_t)TIME_HOUR_MS);
    }
    return events;
}

static void bench_fill(const struct bench_event *e, struct property properties[2],
                       struct event *out)
{
    properties[0] = (struct property){
        span_make("area", 4), {.type = VALUE_TEXT, .text = span_make(e->area, e->area_len)}};
    properties[1] =
        (struct property){span_make("bytes", 5), {.type = VALUE_INTEGER, .integer = e->bytes}};
    *out = (struct event){
        .kind = EVENT_TRACK,
        .message_id = span_make(e->id, e->id_len),
        .account = span_make(e->account, e->account_len),
        .user = span_make(e->user, e->user_len),
        .name = span_make(e->name, e->name_len),
        .at_ms = e->at_ms,
        .received_at_ms = e->at_ms + 100,
        .properties = properties,
        .n_properties = 2,
    };
}

static double bench_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

struct bench {
    struct core *core;
    struct signal_changes changes;
    struct arena arena;
    uint64_t position, signals;
};

static void bench_batch(struct bench *bench, const struct bench_event *events, size_t n)
{
    struct event batch[BATCH];
    struct property properties[BATCH][2];
    for (size_t i = 0; i < n; i++)
        bench_fill(&events[i], properties[i], &batch[i]);
    core_begin_record(bench->core, ++bench->position, events[0].at_ms);
    core_expect(bench->core, batch, n);
    for (size_t i = 0; i < n; i++)
        (void)core_apply(bench->core, bench->position, (uint32_t)i, &batch[i], &bench->changes,
                         &bench->arena);
    bench->signals += bench->changes.n;
    bench->changes.n = 0;
    arena_reset(&bench->arena);
}

static int bench_run(const char *name, const char *yaml, const struct bench_event *events, size_t n,
                     size_t warm)
{
    struct bench bench = {0};
    struct core_opts opts = {24 * (int64_t)TIME_HOUR_MS, UINT64_C(1) << 32};
    struct playbook *playbook;
    struct buf report = {0};
    if (playbook_load(name, span_of(yaml), &playbook, &report) != ERR_OK) {
        fprintf(stderr, "%.*s\n", (int)report.len, (const char *)report.bytes);
        return 1;
    }
    bench.core = core_create(&opts);
    arena_init(&bench.arena, 65536, 0);
    core_set_playbook(bench.core, ++bench.position, playbook);
    double times[3] = {bench_now()};
    for (size_t i = 0; i < n; i += BATCH) {
        if (i >= warm && times[1] == 0)
            times[1] = bench_now();
        bench_batch(&bench, events + i, n - i < BATCH ? n - i : BATCH);
    }
    times[2] = bench_now();
    struct core_counts counts;
    core_counts(bench.core, &counts);
    double ns = (times[2] - times[1]) / (double)(n - warm) * 1e9;
    printf(
        "{\"bench\":\"core\",\"playbook\":\"%s\",\"accounts\":%llu,\"users\":%llu,\"events\":%zu,"
        "\"signals\":%llu,\"first_ns_per_event\":%.1f,\"ns_per_event\":%.1f,"
        "\"events_per_second\":%.0f}\n",
        name, (unsigned long long)counts.accounts, (unsigned long long)counts.users, n - warm,
        (unsigned long long)bench.signals, (times[1] - times[0]) / (double)warm * 1e9, ns,
        1e9 / ns);
    core_destroy(bench.core);
    signal_changes_deinit(&bench.changes);
    arena_deinit(&bench.arena);
    buf_deinit(&report);
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t accounts = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    size_t warm = accounts * USERS;
    size_t n = warm + (argc > 2 ? strtoull(argv[2], NULL, 10) : 4000000);
    struct bench_event *events = bench_events(n, accounts);
    const char *only = argc > 3 ? argv[3] : "";
    int status = 0;
    if (strcmp(only, "large") != 0)
        status = bench_run("small", SMALL_PLAYBOOK, events, n, warm);
    if (status == 0 && strcmp(only, "small") != 0)
        status = bench_run("large", PLAYBOOK, events, n, warm);
    mem_free(events);
    return status;
}
