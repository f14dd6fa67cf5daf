// SPDX-License-Identifier: Apache-2.0
// links: rpc loop clock base assay_proto
//
// The shipped router with many waiting leads: what one costs in memory, on disk and in time to
// make; how long Lease, Ack and Complete take, each durable before it is answered, over its socket;
// how long it takes to stop, to start, and to start after a kill. Every lead has an account of its
// own with one user, who has two signals with two conditions each. One caller, one call at a
// time; while it measures, as many leads come as go. Prints one JSON object for each number of
// leads, without a team and with one of twenty reps whose caps are full: then a completed lead
// frees a slot, and the answer comes when the next one is assigned.
//
//     router_bench --bin build/bin [--leads 1000,10000,100000,1000000] [--calls 2000]
//     [--only queue|team]
#include <errno.h>
#include <fts.h>
#include <getopt.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <time.h>

#include "assay/health/v1/health.pb-c.h"
#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "tests/support/router_process.h"

enum {
    BATCH = 500,     // leads made by one call
    LEASE_MANY = 10, // leads of one lease
    REPS = 20,       // of the team
    OPEN = 5,        // leads that each of them may have open
    LISTS_MAX = 8,   // numbers of leads in one run
    VIEWS = 20,      // calls of each view
    READY_ROUNDS = 60000,
};

static const char BENCH_PLAYBOOK[] =
    "playbook: test\n"
    "version: 1\n"
    "measures:\n"
    "  projects: {count: Project Created, per: user}\n"
    "  invites: {count: Teammate Invited, per: user}\n"
    "signals:\n"
    "  ready: {all: [{projects: {at_least: 3}}, {invites: {at_least: 2}}]}\n"
    "qualify: {pql: ready}\n"
    "route:\n"
    "  - {when: always, motion: sales, queue: sales, priority: 10}\n"
    "aging: {points: 1, every: 1h}\n"
    "queues:\n"
    "  sales: {lease: 1h, attempts: 100}\n";

struct options {
    const char *bin;
    uint64_t leads[LISTS_MAX];
    size_t n_leads;
    size_t calls;
    bool queue, team;
};

struct times {
    double *ms;
    size_t n, cap;
};

struct bench {
    struct router_process w;
    const struct options *options;
    bool team;
    uint64_t n_leads;
    uint64_t made, requests;
    struct times lease, lease_many, ack, complete;
};

// ---- The process --------------------------------------------------------------------------------

static void bench_config(struct bench *bench)
{
    struct router_process *w = &bench->w;
    struct buf text = {0};
    buf_printf(&text,
               "name: router\nlisten: \"%s\"\ndata: \"%s/data\"\nplaybook: \"%s/playbook.yaml\"\n"
               "log_level: debug\n",
               w->url, w->folder.path, w->folder.path);
    buf_append_u8(&text, 0);
    write_file(w, "router.yaml", (const char *)text.bytes);
    buf_clear(&text);
    buf_printf(&text, "%s", BENCH_PLAYBOOK);
    if (bench->team) {
        buf_printf(&text, "teams:\n  field:\n    queue: sales\n    caps: {open: %d}\n    reps:\n",
                   OPEN);
        for (int i = 0; i < REPS; i++)
            buf_printf(&text, "      rep_%02d:\n", i);
    }
    buf_append_u8(&text, 0);
    write_file(w, "playbook.yaml", (const char *)text.bytes);
    buf_deinit(&text);
}

static void pause_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

static bool is_ready(struct router_process *w)
{
    Assay__Health__V1__CheckRequest request = ASSAY__HEALTH__V1__CHECK_REQUEST__INIT;
    ProtobufCMessage *answer = NULL;
    struct rpc_call_opts opts = {.timeout_ms = 1000};
    arena_reset(&w->arena);
    return rpc_call_wait(w->loop, w->client, "assay.health.v1.HealthService/Check", &request.base,
                         &assay__health__v1__check_response__descriptor, &opts, &w->arena, &answer,
                         NULL) == ERR_OK &&
           ((Assay__Health__V1__CheckResponse *)answer)->status ==
               ASSAY__HEALTH__V1__SERVING_STATUS__SERVING_STATUS_SERVING;
}

// From the start of the process until it serves.
static double bench_start(struct bench *bench)
{
    uint64_t from_ns = clock_mono_ns();
    start(&bench->w);
    for (int i = 0; i < READY_ROUNDS; i++) {
        if (is_ready(&bench->w))
            return (double)(clock_mono_ns() - from_ns) / 1e6;
        pause_ms(5);
    }
    show_log(&bench->w);
    CHECK(false);
    return 0;
}

static double bench_end(struct bench *bench, int sig)
{
    uint64_t from_ns = clock_mono_ns();
    kill(bench->w.pid, sig);
    int code = wait_end(&bench->w);
    if (sig != SIGKILL && code != 0)
        show_log(&bench->w);
    CHECK(sig == SIGKILL || code == 0);
    return (double)(clock_mono_ns() - from_ns) / 1e6;
}

// Memory of its own: pages of its files that happen to be mapped are not counted.
static double memory_bytes(const struct bench *bench)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/status", (int)bench->w.pid);
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    long kib = 0;
    while (fgets(line, sizeof line, file) != NULL && sscanf(line, "RssAnon: %ld", &kib) != 1)
        continue;
    fclose(file);
    CHECK(kib > 0);
    return (double)kib * 1024;
}

// Time that the process has worked since its start.
static double cpu_seconds(const struct bench *bench)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)bench->w.pid);
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = '\0';
    const char *rest = strrchr(text, ')');
    unsigned long user, system;
    CHECK(rest != NULL && sscanf(rest + 2,
                                 "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
                                 "%lu %lu",
                                 &user, &system) == 2);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

// The longest checkpoint that the log tells of, and how many there were.
static double longest_checkpoint_ms(const struct bench *bench, size_t *n)
{
    struct temp_folder path = temp_folder_at(&bench->w.folder, "log");
    FILE *file = fopen(path.path, "r");
    char line[1024];
    double longest = 0;
    *n = 0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *ms = strstr(line, " ms=");
        if (ms == NULL || strstr(line, " fold checkpoint ") == NULL)
            continue;
        double took = strtod(ms + 4, NULL);
        longest = took > longest ? took : longest;
        ++*n;
    }
    if (file != NULL)
        fclose(file);
    return longest;
}

static double disk_bytes(const struct bench *bench, const char *name)
{
    struct temp_folder path = temp_folder_at(&bench->w.folder, name);
    char *paths[] = {path.path, NULL};
    double bytes = 0;
    FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    FTSENT *entry;
    while (fts != NULL && (entry = fts_read(fts)) != NULL)
        if (entry->fts_info == FTS_F)
            bytes += 512.0 * (double)entry->fts_statp->st_blocks;
    if (fts != NULL)
        fts_close(fts);
    return bytes;
}

// ---- Calls --------------------------------------------------------------------------------------

// NULL: it is not wanted.
static void times_add(struct times *times, uint64_t from_ns)
{
    if (times == NULL)
        return;
    MEM_GROW(times->ms, times->n, times->cap);
    times->ms[times->n++] = (double)(clock_mono_ns() - from_ns) / 1e6;
}

static int double_cmp(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

// Of a hundred.
static double times_at(struct times *times, size_t percent)
{
    if (times->n == 0)
        return 0;
    qsort(times->ms, times->n, sizeof *times->ms, double_cmp);
    size_t at = times->n * percent / 100;
    return times->ms[at < times->n ? at : times->n - 1];
}

static Assay__Router__V1__Evidence *evidence_of(struct router_process *w, const char *condition,
                                                const char *value, const char *threshold)
{
    Assay__Router__V1__Evidence *e = arena_alloc(&w->arena, sizeof *e);
    assay__router__v1__evidence__init(e);
    e->condition = (char *)condition;
    e->value = (char *)value;
    e->threshold = (char *)threshold;
    e->since_ms = clock_wall_ms();
    return e;
}

// Of the event that made user `number` ready, and with that a PQL: one group of two.
static Assay__Router__V1__Signal *signal_of(struct bench *bench, uint64_t number, uint64_t place,
                                            const char *name)
{
    struct router_process *w = &bench->w;
    uint64_t mixed = number * 0x9e3779b97f4a7c15ull;
    Assay__Router__V1__Signal *s = arena_alloc(&w->arena, sizeof *s);
    assay__router__v1__signal__init(s);
    s->position = number;
    s->index = place;
    s->name = (char *)name;
    s->value = true;
    s->account_id = (char *)arena_printf(&w->arena, "acct_%016" PRIx64, mixed);
    s->user_id = (char *)arena_printf(&w->arena, "user_%016" PRIx64, ~mixed);
    s->at_ms = s->known_at_ms = clock_wall_ms();
    s->event_id = (char *)arena_printf(&w->arena, "%032" PRIx64, mixed);
    s->playbook = (char *)"test@1";
    s->episode = 1;
    s->n_evidence = 2;
    s->evidence = arena_alloc(&w->arena, 2 * sizeof *s->evidence);
    s->evidence[0] = evidence_of(w, "projects at_least 3", "3", "3");
    s->evidence[1] = evidence_of(w, "invites at_least 2", "2", "2");
    return s;
}

// So many leads more.
static void make_leads(struct bench *bench, uint64_t n)
{
    struct router_process *w = &bench->w;
    while (n > 0) {
        size_t now = n < BATCH ? (size_t)n : BATCH;
        arena_reset(&w->arena);
        Assay__Router__V1__ApplySignalsRequest request =
            ASSAY__ROUTER__V1__APPLY_SIGNALS_REQUEST__INIT;
        request.signals = arena_alloc(&w->arena, 2 * now * sizeof *request.signals);
        for (size_t i = 0; i < now; i++) {
            bench->made++;
            request.signals[request.n_signals++] = signal_of(bench, bench->made, 0, "ready");
            request.signals[request.n_signals++] = signal_of(bench, bench->made, 1, "qualify.pql");
        }
        Assay__Router__V1__ApplySignalsResponse *answer = NULL;
        INSIST(w, ApplySignals, apply_signals, &request, &answer);
        CHECK(answer->position == bench->made);
        n -= now;
    }
}

static const Assay__Router__V1__LeaseResponse *bench_lease(struct bench *bench, struct times *times,
                                                           const char *consumer, uint32_t max)
{
    struct router_process *w = &bench->w;
    char request_id[32];
    snprintf(request_id, sizeof request_id, "request-%" PRIu64, ++bench->requests);
    Assay__Router__V1__LeaseRequest request = ASSAY__ROUTER__V1__LEASE_REQUEST__INIT;
    request.queue = (char *)"sales";
    request.consumer = (char *)consumer;
    request.request_id = request_id;
    request.max = max;
    arena_reset(&w->arena);
    Assay__Router__V1__LeaseResponse *answer = NULL;
    uint64_t from_ns = clock_mono_ns();
    INSIST(w, Lease, lease, &request, &answer);
    times_add(times, from_ns);
    CHECK(answer->n_leads == max);
    return answer;
}

// Its answer goes into the arena behind that of the lease.
static void bench_work(struct bench *bench, const Assay__Router__V1__Lead *lead, struct times *acks,
                       struct times *completes)
{
    struct router_process *w = &bench->w;
    Assay__Router__V1__AckRequest ack = ASSAY__ROUTER__V1__ACK_REQUEST__INIT;
    ack.lead_id = lead->lead_id;
    ack.lease_token = lead->lease_token;
    uint64_t from_ns = clock_mono_ns();
    INSIST(w, Ack, ack, &ack, NULL);
    times_add(acks, from_ns);
    Assay__Router__V1__CompleteRequest complete = ASSAY__ROUTER__V1__COMPLETE_REQUEST__INIT;
    complete.lead_id = lead->lead_id;
    complete.lease_token = lead->lease_token;
    complete.outcome = (char *)"accepted";
    from_ns = clock_mono_ns();
    INSIST(w, Complete, complete, &complete, NULL);
    times_add(completes, from_ns);
}

// ---- What is measured ---------------------------------------------------------------------------

// With a team a lead is leased by one of its reps, else by anybody.
static void bench_one_by_one(struct bench *bench)
{
    char rep[16] = "consumer";
    for (size_t i = 0; i < bench->options->calls; i++) {
        if (bench->team)
            snprintf(rep, sizeof rep, "rep_%02d", (int)(i % REPS));
        bench_work(bench, bench_lease(bench, &bench->lease, rep, 1)->leads[0], &bench->ack,
                   &bench->complete);
        make_leads(bench, 1);
    }
}

static void bench_many(struct bench *bench)
{
    for (size_t i = 0; i < bench->options->calls / LEASE_MANY; i++) {
        const Assay__Router__V1__LeaseResponse *answer =
            bench_lease(bench, &bench->lease_many, "consumer", LEASE_MANY);
        for (size_t j = 0; j < answer->n_leads; j++)
            bench_work(bench, answer->leads[j], NULL, NULL);
        make_leads(bench, LEASE_MANY);
    }
}

#define VIEW(bench, Method, method_lower, request)                                                 \
    do {                                                                                           \
        struct times times_ = {0};                                                                 \
        for (int i_ = 0; i_ < VIEWS; i_++) {                                                       \
            arena_reset(&(bench)->w.arena);                                                        \
            uint64_t from_ns_ = clock_mono_ns();                                                   \
            INSIST(&(bench)->w, Method, method_lower, request, NULL);                              \
            times_add(&times_, from_ns_);                                                          \
        }                                                                                          \
        printf(",\"" #method_lower "_p50_ms\":%.2f", times_at(&times_, 50));                       \
        mem_free(times_.ms);                                                                       \
    } while (0)

static void bench_views(struct bench *bench)
{
    Assay__Router__V1__GetQueuesRequest queues = ASSAY__ROUTER__V1__GET_QUEUES_REQUEST__INIT;
    Assay__Router__V1__GetTeamsRequest teams = ASSAY__ROUTER__V1__GET_TEAMS_REQUEST__INIT;
    Assay__Router__V1__ListLeadsRequest list = ASSAY__ROUTER__V1__LIST_LEADS_REQUEST__INIT;
    Assay__Router__V1__GetExperimentsRequest experiments =
        ASSAY__ROUTER__V1__GET_EXPERIMENTS_REQUEST__INIT;
    VIEW(bench, GetQueues, get_queues, &queues);
    VIEW(bench, GetTeams, get_teams, &teams);
    VIEW(bench, GetExperiments, get_experiments, &experiments);
    list.queue = (char *)"sales";
    list.state = ASSAY__ROUTER__V1__LEAD_STATE__LEAD_STATE_WAITING;
    VIEW(bench, ListLeads, list_leads, &list);
}

// Until everything is in a checkpoint.
static void bench_settle(struct bench *bench)
{
    struct router_process *w = &bench->w;
    for (int i = 0; i < READY_ROUNDS; i++) {
        Assay__Router__V1__GetQueuesRequest request = ASSAY__ROUTER__V1__GET_QUEUES_REQUEST__INIT;
        Assay__Router__V1__GetQueuesResponse *answer = NULL;
        arena_reset(&w->arena);
        INSIST(w, GetQueues, get_queues, &request, &answer);
        if (answer->checkpoint == answer->journal_last)
            return;
        pause_ms(20);
    }
    CHECK(false);
}

// What a burst leaves in memory goes with the checkpoints after it.
static void bench_rest(struct bench *bench)
{
    for (int i = 0; i < 2; i++) {
        make_leads(bench, 1);
        bench_settle(bench);
    }
}

static void bench_calls(struct bench *bench)
{
    bench_one_by_one(bench);
    bench_many(bench);
    printf(",\"lease_p50_ms\":%.3f,\"lease_p99_ms\":%.3f,\"lease_10_p50_ms\":%.3f,"
           "\"lease_10_p99_ms\":%.3f,\"ack_p50_ms\":%.3f,\"ack_p99_ms\":%.3f,"
           "\"complete_p50_ms\":%.3f,\"complete_p99_ms\":%.3f",
           times_at(&bench->lease, 50), times_at(&bench->lease, 99),
           times_at(&bench->lease_many, 50), times_at(&bench->lease_many, 99),
           times_at(&bench->ack, 50), times_at(&bench->ack, 99), times_at(&bench->complete, 50),
           times_at(&bench->complete, 99));
}

static void bench_run(const struct options *options, uint64_t n_leads, bool team)
{
    struct bench bench = {.options = options, .n_leads = n_leads, .team = team};
    char program[PATH_MAX];
    snprintf(program, sizeof program, "%s/assay-router", options->bin);
    router_process_make(&bench.w, BENCH_PLAYBOOK, program);
    bench_config(&bench);
    double empty_ms = bench_start(&bench);
    double empty = memory_bytes(&bench);
    uint64_t from_ns = clock_mono_ns();
    make_leads(&bench, n_leads);
    double made_us = (double)(clock_mono_ns() - from_ns) / 1e3 / (double)n_leads;
    bench_settle(&bench);
    double made_cpu_us = cpu_seconds(&bench) * 1e6 / (double)n_leads;
    size_t n_checkpoints;
    double checkpoint_ms = longest_checkpoint_ms(&bench, &n_checkpoints);
    double leads = (double)n_leads;
    double burst = memory_bytes(&bench);
    bench_rest(&bench);
    double made = memory_bytes(&bench);
    printf("{\"bench\":\"router\",\"team\":%s,\"leads\":%" PRIu64
           ",\"make_us_per_lead\":%.2f,\"make_cpu_us_per_lead\":%.2f,\"checkpoints\":%zu,"
           "\"checkpoint_max_ms\":%.0f,"
           "\"memory_bytes_per_lead\":%.0f,\"memory_after_burst_bytes_per_lead\":%.0f,\"memory_"
           "mib\":%.1f,\"state_bytes_per_lead\":%.0f,"
           "\"journal_bytes_per_lead\":%.0f",
           team ? "true" : "false", n_leads, made_us, made_cpu_us, n_checkpoints, checkpoint_ms,
           (made - empty) / leads, (burst - empty) / leads, made / (1 << 20),
           disk_bytes(&bench, "data/state") / leads, disk_bytes(&bench, "data/journal") / leads);
    bench_calls(&bench);
    bench_views(&bench);
    double stop_ms = bench_end(&bench, SIGTERM);
    double start_ms = bench_start(&bench);
    double started = memory_bytes(&bench), start_cpu_s = cpu_seconds(&bench);
    bench_end(&bench, SIGKILL);
    double kill_start_ms = bench_start(&bench);
    printf(",\"stop_ms\":%.0f,\"start_empty_ms\":%.0f,\"start_ms\":%.0f,\"start_cpu_s\":%.2f,"
           "\"start_after_kill_ms\":%.0f,\"memory_after_start_bytes_per_lead\":%.0f}\n",
           stop_ms, empty_ms, start_ms, start_cpu_s, kill_start_ms, (started - empty) / leads);
    fflush(stdout);
    mem_free(bench.lease.ms);
    mem_free(bench.lease_many.ms);
    mem_free(bench.ack.ms);
    mem_free(bench.complete.ms);
    router_process_end(&bench.w);
}

static void read_leads(struct options *options, const char *text)
{
    options->n_leads = 0;
    while (*text != '\0' && options->n_leads < LISTS_MAX) {
        char *end;
        options->leads[options->n_leads++] = strtoull(text, &end, 10);
        text = *end == ',' ? end + 1 : end;
        if (end == text && *text != '\0')
            break;
    }
}

int main(int argc, char **argv)
{
    struct options options = {"build/bin", {1000, 10000, 100000, 1000000}, 4, 2000, true, true};
    static const struct option OPTIONS[] = {
        {"bin", required_argument, NULL, 'b'},
        {"leads", required_argument, NULL, 'l'},
        {"calls", required_argument, NULL, 'c'},
        {"only", required_argument, NULL, 'o'},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
        switch (option) {
        case 'b':
            options.bin = optarg;
            break;
        case 'l':
            read_leads(&options, optarg);
            break;
        case 'c':
            options.calls = strtoul(optarg, NULL, 10);
            break;
        case 'o':
            options.queue = strcmp(optarg, "queue") == 0;
            options.team = strcmp(optarg, "team") == 0;
            break;
        default:
            return 2;
        }
    }
    for (int team = 0; team < 2; team++)
        for (size_t i = 0; i < options.n_leads; i++)
            if (options.leads[i] > 0 && (team == 0 ? options.queue : options.team))
                bench_run(&options, options.leads[i], team != 0);
    return 0;
}
