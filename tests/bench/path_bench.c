// SPDX-License-Identifier: Apache-2.0
// links: rpc loop shard clock base assay_proto
//
// The whole path of a durable event: numbered batches over NNG to a scorer, journal in LMDB,
// measures and signals, acknowledgement, signals to the router. The load generator runs on the same
// machine. Events are made before the clock starts, 400,000 distinct ones; only their message ids
// change as they are sent, so that none is a duplicate. Prints one JSON object.
//
//     path_bench --bin build/bin [--accounts 1000000] [--seconds 5] [--batch 500] [--inflight 32]
//     [--lanes 1]
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "assay/health/v1/health.pb-c.h"
#include "assay/scorer/v1/scorer.pb-c.h"
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "common/loop/loop.h"
#include "common/rpc/rpc.h"
#include "common/shard/shard.h"

enum { DISTINCT_EVENTS = 400000, ID_LEN = 32, NAMES = 24, LANES_MAX = 8 };

struct options {
    const char *bin;
    uint64_t accounts;
    double seconds;
    uint32_t batch, inflight, lanes;
};

// A batch without its head; `ids` are where the message ids stand.
struct template
{
    struct buf events;
    uint32_t *ids;
};

struct lane_load {
    struct bench *bench;
    struct rpc_client *client;
    struct template *templates;
    size_t n_templates, next_template;
    uint64_t next_number;
    uint32_t lane, flying;
};

struct bench {
    struct options options;
    struct loop *loop;
    char folder[64];
    struct lane_load lanes[LANES_MAX];
    struct loop_process *router, *scorers[LANES_MAX];
    uint64_t next_id, acknowledged, duplicates, failures;
    double *latencies_ms;
    size_t n_latencies, latencies_cap;
    int64_t end_ms;
    bool over;
};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "path_bench: %s: %s\n", what, why);
    exit(1);
}

static uint64_t bench_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15ull); // splitmix64
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

// Zipf by inversion of the continuous distribution: close to Zipf 0.99 for large n, and cheap.
static uint64_t bench_zipf(uint64_t n, uint64_t *state)
{
    const double theta = 0.99;
    double u = (double)(bench_random(state) >> 11) / 9007199254740992.0;
    double top = pow((double)n + 1, 1 - theta) - 1;
    uint64_t rank = (uint64_t)(pow(u * top + 1, 1 / (1 - theta)) - 1);
    return rank >= n ? n - 1 : rank;
}

// ---- The cluster --------------------------------------------------------------------------------

static void bench_write(const char *folder, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%.63s/%.63s", folder, name);
    FILE *file = fopen(path, "w");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
        die(path, "cannot write");
}

// Twenty measures over 24 names and ten signals, as PERFORMANCE's prototype had twenty rules.
static void bench_write_playbook(struct bench *bench)
{
    struct buf text = {0};
    buf_printf(&text, "playbook: bench\nversion: 1\nmeasures:\n");
    for (int i = 0; i < 20; i++) {
        static const char *const WINDOWS[] = {"7d", "14d", "30d", "24h"};
        buf_printf(&text, "  m%d: {count: [event_%d, event_%d], window: %s, per: %s}\n", i, i,
                   i + 4, WINDOWS[i % 4], i % 2 == 0 ? "account" : "user");
    }
    buf_printf(&text, "  people: {distinct: user, window: 14d}\n"
                      "  days: {active_days: any, window: 28d, per: account}\n"
                      "scores:\n  engagement: {points: {event_1: 5, event_2: 10, event_3: 1}, "
                      "half_life: 14d, per: account}\nsignals:\n");
    for (int i = 0; i < 20; i += 2)
        buf_printf(&text, "  s%d: {all: [{m%d: {at_least: %d}}, {m%d: {at_least: %d}}]}\n", i, i,
                   20 + i, i + 2 < 20 ? i + 2 : 0, 30);
    buf_printf(&text, "  team: {all: [{people: {at_least: 25}}, {days: {at_least: 14}}]}\n"
                      "  hot: {engagement: {at_least: 1000}}\nqualify:\n  pqa: team\nroute:\n"
                      "  - {when: always, motion: sales}\n");
    buf_append_u8(&text, 0);
    bench_write(bench->folder, "playbook.yaml", (char *)text.bytes);
    buf_deinit(&text);
}

static void bench_exit_cb(void *arg, struct loop_process *process, int status)
{
    struct bench *bench = arg;
    if (!bench->over) {
        fprintf(stderr, "path_bench: process %d ended early with %d; see %s/log\n",
                loop_process_pid(process), status, bench->folder);
        exit(1);
    }
}

static struct loop_process *bench_spawn(struct bench *bench, const char *program,
                                        const char *config)
{
    char file[512], path[128], log[128];
    snprintf(file, sizeof file, "%s/%s", bench->options.bin, program);
    snprintf(path, sizeof path, "%.63s/%.63s", bench->folder, config);
    snprintf(log, sizeof log, "%s/log", bench->folder);
    const char *argv[] = {file, "--config", path, NULL};
    struct loop_process_opts opts = {file, argv, log, true};
    struct loop_process *process;
    struct err_info info;
    if (loop_process_spawn(bench->loop, &opts, bench_exit_cb, bench, &process, &info) != ERR_OK)
        die(file, info.text);
    return process;
}

static void bench_url(const struct bench *bench, const char *name, char out[128])
{
    snprintf(out, 128, "ipc://%s/%.32s.sock", bench->folder, name);
}

static void bench_wait_ready(struct bench *bench, struct rpc_client *client)
{
    struct arena arena;
    arena_init(&arena, 4096, 0);
    for (int i = 0; i < 300; i++) {
        Assay__Health__V1__CheckRequest request = ASSAY__HEALTH__V1__CHECK_REQUEST__INIT;
        ProtobufCMessage *answer;
        struct rpc_call_opts opts = {.timeout_ms = 1000};
        arena_reset(&arena);
        if (rpc_call_wait(bench->loop, client, "assay.health.v1.HealthService/Check", &request.base,
                          &assay__health__v1__check_response__descriptor, &opts, &arena, &answer,
                          NULL) == ERR_OK &&
            ((Assay__Health__V1__CheckResponse *)answer)->status ==
                ASSAY__HEALTH__V1__SERVING_STATUS__SERVING_STATUS_SERVING) {
            arena_deinit(&arena);
            return;
        }
        usleep(50000);
    }
    die("scorer", "does not get ready");
}

static void bench_start_cluster(struct bench *bench)
{
    const struct options *o = &bench->options;
    char text[1024], url[128], path[128];
    struct err_info info;
    struct shard_lane lanes[LANES_MAX] = {0};
    for (uint32_t i = 0; i < o->lanes; i++) {
        lanes[i].lane = i;
        lanes[i].epoch = 1;
        snprintf(lanes[i].node, sizeof lanes[i].node, "scorer-%u", i);
        snprintf(path, sizeof path, "scorer-%u", i);
        bench_url(bench, path, lanes[i].address);
    }
    struct shard_map *map = shard_map_create(1, 256, lanes, o->lanes);
    struct shard_source *source;
    snprintf(path, sizeof path, "%s/shards.map", bench->folder);
    if (shard_source_open_file(path, &source, &info) != ERR_OK ||
        shard_source_swap(source, 0, map, &info) != ERR_OK)
        die(path, info.text);
    shard_source_close(source);
    shard_map_destroy(map);
    bench_write_playbook(bench);

    bench_url(bench, "router", url);
    snprintf(text, sizeof text,
             "name: router\nlisten: %s\ndata: %s/router\nplaybook: %s/playbook.yaml\n", url,
             bench->folder, bench->folder);
    bench_write(bench->folder, "router.yaml", text);
    bench->router = bench_spawn(bench, "assay-router", "router.yaml");
    for (uint32_t i = 0; i < o->lanes; i++) {
        snprintf(text, sizeof text,
                 "name: scorer-%u\nlisten: %s\ndata: %s/scorer-%u\nplaybook: %s/playbook.yaml\n"
                 "shard_map: %s/shards.map\nclock: wall\nrouter: %s\ncalls_max: 64\n",
                 i, lanes[i].address, bench->folder, i, bench->folder, bench->folder, url);
        snprintf(path, sizeof path, "scorer-%u.yaml", i);
        bench_write(bench->folder, path, text);
        bench->scorers[i] = bench_spawn(bench, "assay-scorer", path);
        struct rpc_client_opts client = {.url = lanes[i].address, .calls_max = 64};
        if (rpc_client_open(bench->loop, &client, &bench->lanes[i].client, &info) != ERR_OK)
            die(lanes[i].address, info.text);
        bench_wait_ready(bench, bench->lanes[i].client);
    }
}

// ---- The load -----------------------------------------------------------------------------------

static void bench_event(struct buf *out, uint32_t *id_at, uint64_t account, uint64_t user,
                        uint64_t *random, int64_t at_ms)
{
    static const char *const KEYS[] = {"subscription_plan", "seats_in_use", "source",
                                       "duration_ms"};
    char id[ID_LEN + 1], account_id[32], user_id[32], name[32];
    snprintf(id, sizeof id, "%032d", 0);
    snprintf(account_id, sizeof account_id, "acct_%016llx", (unsigned long long)account);
    snprintf(user_id, sizeof user_id, "user_%016llx", (unsigned long long)user);
    snprintf(name, sizeof name, "event_%d", (int)(bench_random(random) % NAMES));
    Assay__Scorer__V1__Event event = ASSAY__SCORER__V1__EVENT__INIT;
    event.kind = ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_TRACK;
    event.message_id = id;
    event.account_id = account_id;
    event.user_id = user_id;
    event.name = name;
    event.at_ms = at_ms;
    event.received_at_ms = at_ms;
    Assay__Event__V1__Property properties[2], *list[2];
    for (int i = 0; i < 2; i++) {
        assay__event__v1__property__init(&properties[i]);
        properties[i].key = (char *)KEYS[bench_random(random) % 4];
        properties[i].value_case = ASSAY__EVENT__V1__PROPERTY__VALUE_INTEGER;
        properties[i].integer = (int64_t)(bench_random(random) % 1000000);
        list[i] = &properties[i];
    }
    event.n_properties = 2;
    event.properties = list;
    size_t n = assay__scorer__v1__event__get_packed_size(&event);
    buf_append_u8(out, 6 << 3 | 2);
    for (size_t v = n; v >= 0x80 || (buf_append_u8(out, (uint8_t)v), false); v >>= 7)
        buf_append_u8(out, (uint8_t)(v | 0x80));
    uint8_t *at = buf_reserve(out, n);
    assay__scorer__v1__event__pack(&event, at);
    const uint8_t *found = memmem(at, n, id, ID_LEN);
    CHECK(found != NULL);
    *id_at = (uint32_t)(found - out->bytes);
    out->len += n;
}

static void bench_make_load(struct bench *bench)
{
    const struct options *o = &bench->options;
    uint64_t random = 42;
    uint64_t mixed;
    int64_t at_ms = clock_wall_ms() - 86400000;
    struct shard_lane lanes[LANES_MAX] = {0};
    for (uint32_t i = 0; i < o->lanes; i++) {
        lanes[i].lane = i;
        snprintf(lanes[i].node, sizeof lanes[i].node, "scorer-%u", i);
        snprintf(lanes[i].address, sizeof lanes[i].address, "inproc://x");
    }
    struct shard_map *map = shard_map_create(1, 256, lanes, o->lanes);
    size_t per_lane = DISTINCT_EVENTS / o->lanes / o->batch;
    for (uint32_t i = 0; i < o->lanes; i++) {
        struct lane_load *load = &bench->lanes[i];
        load->bench = bench;
        load->lane = i;
        load->next_number = 1;
        load->n_templates = per_lane;
        load->templates = mem_zalloc(per_lane * sizeof *load->templates);
        for (size_t k = 0; k < per_lane; k++) {
            load->templates[k].ids = mem_alloc(o->batch * sizeof(uint32_t));
            for (uint32_t e = 0; e < o->batch;) {
                mixed = bench_zipf(o->accounts, &random) * 0x9e3779b97f4a7c15ull;
                char key[32];
                snprintf(key, sizeof key, "acct_%016llx", (unsigned long long)mixed);
                if (shard_map_lane_of_key(map, span_of(key)) != i)
                    continue;
                bench_event(&load->templates[k].events, &load->templates[k].ids[e], mixed,
                            mixed + bench_random(&random) % 50, &random, at_ms++ / 8);
                e++;
            }
        }
    }
    shard_map_destroy(map);
}

struct bench_flight {
    struct lane_load *load;
    uint64_t sent_ns;
};

static void bench_send(struct lane_load *load);

static void bench_sent_cb(void *arg, enum rpc_status status, const char *text, struct span answer)
{
    struct bench_flight *flight = arg;
    struct lane_load *load = flight->load;
    struct bench *bench = load->bench;
    load->flying--;
    if (status != RPC_OK) {
        if (bench->failures++ == 0)
            fprintf(stderr, "path_bench: %s: %s\n", rpc_status_name(status), text);
    } else {
        Assay__Scorer__V1__ApplyResponse *response =
            assay__scorer__v1__apply_response__unpack(NULL, answer.len, answer.ptr);
        if (response == NULL ||
            response->outcome != ASSAY__SCORER__V1__APPLY_OUTCOME__APPLY_OUTCOME_APPLIED)
            bench->failures++;
        else
            bench->duplicates += response->n_duplicates;
        assay__scorer__v1__apply_response__free_unpacked(response, NULL);
        bench->acknowledged += bench->options.batch;
        MEM_GROW(bench->latencies_ms, bench->n_latencies, bench->latencies_cap);
        bench->latencies_ms[bench->n_latencies++] =
            (double)(clock_mono_ns() - flight->sent_ns) / 1e6;
    }
    mem_free(flight);
    if (!bench->over && clock_mono_ms() < bench->end_ms && bench->failures == 0) {
        bench_send(load);
        return;
    }
    uint32_t flying = 0;
    for (uint32_t i = 0; i < bench->options.lanes; i++)
        flying += bench->lanes[i].flying;
    if (flying == 0)
        loop_stop(bench->loop);
}

static void bench_send(struct lane_load *load)
{
    struct bench *bench = load->bench;
    struct template *template = &load->templates[load->next_template++ % load->n_templates];
    for (uint32_t i = 0; i < bench->options.batch; i++) {
        uint64_t id = bench->next_id++;
        uint8_t *at = template->events.bytes + template->ids[i];
        for (int digit = 0; digit < 16; digit++)
            at[digit] = (uint8_t) "0123456789abcdef"[(id >> (4 * digit)) & 15];
    }
    Assay__Scorer__V1__ApplyRequest head = ASSAY__SCORER__V1__APPLY_REQUEST__INIT;
    head.source = 7;
    head.number = load->next_number++;
    head.lane = load->lane;
    head.map_version = 1;
    head.received_at_ms = clock_wall_ms();
    struct buf body = {0};
    size_t n = assay__scorer__v1__apply_request__get_packed_size(&head);
    assay__scorer__v1__apply_request__pack(&head, buf_reserve(&body, n + template->events.len));
    body.len = n;
    buf_append_span(&body, buf_span(&template->events));
    struct bench_flight *flight = mem_alloc(sizeof *flight);
    *flight = (struct bench_flight){load, clock_mono_ns()};
    load->flying++;
    struct rpc_call_opts opts = {.timeout_ms = 30000};
    rpc_call_raw(load->client, "assay.scorer.v1.ScorerService/Apply", buf_span(&body), &opts,
                 bench_sent_cb, flight);
    buf_deinit(&body);
}

// ---- Figures ------------------------------------------------------------------------------------

static double bench_cpu_s(int pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = '\0';
    const char *rest = strrchr(text, ')');
    unsigned long user, system;
    if (rest == NULL || sscanf(rest + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                               &user, &system) != 2)
        return 0;
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static long bench_rss_mib(int pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/statm", pid);
    FILE *file = fopen(path, "r");
    long total = 0, resident = 0;
    if (file != NULL) {
        if (fscanf(file, "%ld %ld", &total, &resident) != 2)
            resident = 0;
        fclose(file);
    }
    return resident * (sysconf(_SC_PAGESIZE) / 1024) / 1024;
}

static int bench_cmp(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void bench_run(struct bench *bench)
{
    const struct options *o = &bench->options;
    double cpu_before = 0, cpu_after = 0;
    for (uint32_t i = 0; i < o->lanes; i++)
        cpu_before += bench_cpu_s(loop_process_pid(bench->scorers[i]));
    int64_t start_ms = clock_mono_ms();
    bench->end_ms = start_ms + (int64_t)(o->seconds * 1000);
    for (uint32_t k = 0; k < o->inflight; k++) {
        for (uint32_t i = 0; i < o->lanes; i++)
            bench_send(&bench->lanes[i]);
    }
    loop_run(bench->loop);
    double seconds = (double)(clock_mono_ms() - start_ms) / 1000;
    for (uint32_t i = 0; i < o->lanes; i++)
        cpu_after += bench_cpu_s(loop_process_pid(bench->scorers[i]));
    qsort(bench->latencies_ms, bench->n_latencies, sizeof(double), bench_cmp);
    size_t n = bench->n_latencies;
    double millions = (double)bench->acknowledged / 1e6;
    printf("{\"bench\":\"path\",\"accounts\":%llu,\"batch\":%u,\"inflight\":%u,\"lanes\":%u,"
           "\"events\":%llu,\"events_per_s\":%.0f,\"scorer_cpu_s_per_million\":%.3f,"
           "\"ack_p50_ms\":%.2f,\"ack_p99_ms\":%.2f,\"scorer_rss_mib\":%ld,\"duplicates\":%llu,"
           "\"failures\":%llu}\n",
           (unsigned long long)o->accounts, o->batch, o->inflight, o->lanes,
           (unsigned long long)bench->acknowledged, (double)bench->acknowledged / seconds,
           (cpu_after - cpu_before) / millions, n == 0 ? 0 : bench->latencies_ms[n / 2],
           n == 0 ? 0 : bench->latencies_ms[n - 1 - n / 100],
           bench_rss_mib(loop_process_pid(bench->scorers[0])),
           (unsigned long long)bench->duplicates, (unsigned long long)bench->failures);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static struct bench bench;
    bench.options = (struct options){"build/bin", 1000000, 5, 500, 32, 1};
    static const struct option OPTIONS[] = {
        {"bin", required_argument, NULL, 'b'},
        {"accounts", required_argument, NULL, 'a'},
        {"seconds", required_argument, NULL, 's'},
        {"batch", required_argument, NULL, 'n'},
        {"inflight", required_argument, NULL, 'i'},
        {"lanes", required_argument, NULL, 'l'},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
        switch (option) {
        case 'b':
            bench.options.bin = optarg;
            break;
        case 'a':
            bench.options.accounts = strtoull(optarg, NULL, 10);
            break;
        case 's':
            bench.options.seconds = strtod(optarg, NULL);
            break;
        case 'n':
            bench.options.batch = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'i':
            bench.options.inflight = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'l':
            bench.options.lanes = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        default:
            return 2;
        }
    }
    if (bench.options.lanes < 1 || bench.options.lanes > LANES_MAX || bench.options.batch < 1)
        die("options", "1 to 8 lanes, batches of 1 and more");
    const char *tmp = getenv("TMPDIR");
    snprintf(bench.folder, sizeof bench.folder, "%s/assay-bench.XXXXXX",
             tmp == NULL ? "/tmp" : tmp);
    if (mkdtemp(bench.folder) == NULL)
        die(bench.folder, "cannot make the folder");
    bench.loop = loop_create();
    bench_make_load(&bench);
    bench_start_cluster(&bench);
    bench_run(&bench);
    bench.over = true;
    char command[128];
    loop_process_kill(bench.router, SIGKILL);
    for (uint32_t i = 0; i < bench.options.lanes; i++)
        loop_process_kill(bench.scorers[i], SIGKILL);
    snprintf(command, sizeof command, "rm -rf '%s'", bench.folder);
    int status = system(command); // the processes hold their files open; the space goes with them
    return status != 0 || bench.failures != 0;
}
