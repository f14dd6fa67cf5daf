// SPDX-License-Identifier: Apache-2.0
// links: rpc loop clock base assay_proto
//
// The same events by the two ways into ingest, one after the other in one cluster of `assay up`: as
// messages over NNG, and as the JSON of an SDK over HTTP with connections that stay open. The load
// generator runs on the same machine. The CPU is that of the process assay-ingest alone. Prints one
// JSON object.
//
//     edge_bench --bin build/bin [--seconds 5] [--batch 100] [--inflight 16]
#include <arpa/inet.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assay/ingest/v1/ingest.pb-c.h"
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/time_text.h"
#include "common/clock/clock.h"
#include "common/loop/loop.h"
#include "common/rpc/rpc.h"

enum { TEMPLATES = 64, INFLIGHT_MAX = 256, BATCH_MAX = 2500, ID_LEN = 24, ACCOUNTS = 20000 };
enum { ANSWER_BYTES_MAX = 4096, TEXT_MAX = 4096 };

struct options {
    const char *bin;
    double seconds;
    uint32_t batch, inflight;
};

// A request whose message ids are written anew each time.
struct template
{
    struct buf bytes;
    uint32_t ids[BATCH_MAX];
};

struct way {
    const char *name;
    struct template templates[TEMPLATES];
    uint64_t next;
    uint64_t events, failures;
    double seconds, cpu_s;
};

struct bench {
    struct options options;
    char folder[64];
    pid_t up;
    int ingest_pid;
    char http[64], url[256];
    uint64_t next_id;
    int64_t end_ms;
    struct loop *loop;
    struct rpc_client *client;
    uint32_t flying;
    struct way nng, json;
};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "edge_bench: %s: %s\n", what, why);
    exit(1);
}

// ---- The cluster --------------------------------------------------------------------------------

static const char PLAYBOOK[] = "playbook: bench\nversion: 1\nmeasures:\n"
                               "  reports: {count: Report Run, per: account, window: 30d}\n"
                               "signals:\n  busy: {reports: {at_least: 1000000}}\n"
                               "qualify: {pqa: busy}\nroute:\n  - {when: always, motion: sales}\n";

// What stands behind `"key":` in a JSON text: a text without its quotes, or a number.
static void find_value(const char *json, const char *key, char *out, size_t room)
{
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    const char *at = strstr(json, quoted);
    if (at == NULL)
        die("no such key in what assay says", key);
    at += strlen(quoted);
    at += *at == '"';
    size_t n = strcspn(at, "\",}");
    snprintf(out, room, "%.*s", (int)n, at);
}

static void read_first_line(int fd, char out[TEXT_MAX])
{
    size_t n = 0;
    while (n < TEXT_MAX - 1 && read(fd, out + n, 1) == 1 && out[n] != '\n')
        n++;
    out[n] = '\0';
}

static void find_pid(struct bench *bench)
{
    char command[TEXT_MAX], text[TEXT_MAX], pid[16];
    snprintf(command, sizeof command, "'%s/assay' status --json --data %s/data", bench->options.bin,
             bench->folder);
    FILE *from = popen(command, "r");
    if (from == NULL)
        die(command, "cannot run");
    size_t n = fread(text, 1, sizeof text - 1, from);
    text[n] = '\0';
    pclose(from);
    const char *ingest = strstr(text, "\"ingest-0\"");
    find_value(ingest == NULL ? text : ingest, "pid", pid, sizeof pid);
    bench->ingest_pid = atoi(pid);
}

static void start_cluster(struct bench *bench)
{
    char path[128], data[128], assay[TEXT_MAX], said[TEXT_MAX];
    int pipes[2];
    snprintf(bench->folder, sizeof bench->folder, "/tmp/edge-bench-XXXXXX");
    if (mkdtemp(bench->folder) == NULL || pipe(pipes) != 0)
        die(bench->folder, "cannot make");
    snprintf(path, sizeof path, "%s/playbook.yaml", bench->folder);
    snprintf(data, sizeof data, "%s/data", bench->folder);
    snprintf(assay, sizeof assay, "%s/assay", bench->options.bin);
    FILE *file = fopen(path, "w");
    if (file == NULL || fputs(PLAYBOOK, file) < 0 || fclose(file) != 0)
        die(path, "cannot write");
    bench->up = fork();
    if (bench->up == 0) {
        dup2(pipes[1], STDOUT_FILENO);
        execl(assay, "assay", "up", "--data", data, "--playbook", path, "--http", "127.0.0.1:0",
              "--json", (char *)NULL);
        _exit(127);
    }
    close(pipes[1]);
    read_first_line(pipes[0], said);
    find_value(said, "http", bench->http, sizeof bench->http);
    find_value(said, "ingest-0", bench->url, sizeof bench->url);
    find_pid(bench);
}

static void stop_cluster(struct bench *bench)
{
    char command[128];
    kill(bench->up, SIGTERM);
    waitpid(bench->up, NULL, 0);
    snprintf(command, sizeof command, "rm -rf %s", bench->folder);
    if (system(command) != 0)
        die(bench->folder, "cannot remove");
}

static double cpu_s(int pid)
{
    char path[64], text[1024];
    unsigned long user, system_;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    size_t n = file == NULL ? 0 : fread(text, 1, sizeof text - 1, file);
    if (file != NULL)
        fclose(file);
    text[n] = '\0';
    const char *rest = strrchr(text, ')');
    if (rest == NULL || sscanf(rest + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                               &user, &system_) != 2)
        die(path, "cannot read");
    return (double)(user + system_) / (double)sysconf(_SC_CLK_TCK);
}

// ---- Events -------------------------------------------------------------------------------------

// A place for an id that no other event has, to be found in the bytes.
static void id_placeholder(uint32_t i, char out[ID_LEN + 1])
{
    snprintf(out, ID_LEN + 1, "ID-%08x-------------", i);
}

static void find_ids(struct template *template, uint32_t batch)
{
    for (uint32_t i = 0; i < batch; i++) {
        char id[ID_LEN + 1];
        id_placeholder(i, id);
        const uint8_t *found = memmem(template->bytes.bytes, template->bytes.len, id, ID_LEN);
        CHECK(found != NULL);
        template->ids[i] = (uint32_t)(found - template->bytes.bytes);
    }
}

static void make_message(struct template *template, uint32_t batch, uint32_t number, int64_t at_ms)
{
    Assay__Ingest__V1__IngestRequest request = ASSAY__INGEST__V1__INGEST_REQUEST__INIT;
    Assay__Ingest__V1__Event *events = mem_zalloc(batch * sizeof *events);
    Assay__Ingest__V1__Event **list = mem_zalloc(batch * sizeof *list);
    Assay__Event__V1__Property rows = ASSAY__EVENT__V1__PROPERTY__INIT, format = rows;
    Assay__Event__V1__Property *properties[] = {&rows, &format};
    struct arena arena;
    arena_init(&arena, 65536, 0);
    rows.key = (char *)"rows";
    rows.value_case = ASSAY__EVENT__V1__PROPERTY__VALUE_INTEGER;
    rows.integer = 1234;
    format.key = (char *)"format";
    format.value_case = ASSAY__EVENT__V1__PROPERTY__VALUE_TEXT;
    format.text = (char *)"spreadsheet";
    for (uint32_t i = 0; i < batch; i++) {
        assay__ingest__v1__event__init(&events[i]);
        char id[ID_LEN + 1];
        id_placeholder(i, id);
        uint32_t who = number * batch + i;
        events[i].kind = ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_TRACK;
        events[i].message_id = arena_dup(&arena, span_of(id));
        events[i].user_id = arena_printf(&arena, "user-%u", who * 7 % (ACCOUNTS * 5));
        events[i].group_id = arena_printf(&arena, "account-%u", who * 7 % ACCOUNTS);
        events[i].name = (char *)"Report Run";
        events[i].timestamp_ms = at_ms;
        events[i].properties = properties;
        events[i].n_properties = 2;
        list[i] = &events[i];
    }
    request.events = list;
    request.n_events = batch;
    size_t n = assay__ingest__v1__ingest_request__get_packed_size(&request);
    template->bytes.len =
        assay__ingest__v1__ingest_request__pack(&request, buf_reserve(&template->bytes, n));
    arena_deinit(&arena);
    mem_free(list);
    mem_free(events);
}

static void make_json(struct template *template, uint32_t batch, uint32_t number, int64_t at_ms)
{
    struct buf body = {0};
    char at[TIME_TEXT_MAX], id[ID_LEN + 1];
    time_format(at_ms, at);
    buf_append_text(&body, "{\"batch\":[");
    for (uint32_t i = 0; i < batch; i++) {
        uint32_t who = number * batch + i;
        id_placeholder(i, id);
        buf_printf(&body,
                   "%s{\"type\":\"track\",\"event\":\"Report Run\",\"userId\":\"user-%u\","
                   "\"messageId\":\"%s\",\"timestamp\":\"%s\",\"properties\":{\"rows\":1234,"
                   "\"format\":\"spreadsheet\"},\"context\":{\"groupId\":\"account-%u\"}}",
                   i == 0 ? "" : ",", who * 7 % (ACCOUNTS * 5), id, at, who * 7 % ACCOUNTS);
    }
    buf_printf(&body, "],\"writeKey\":\"dev\",\"sentAt\":\"%s\"}", at);
    buf_printf(&template->bytes,
               "POST /v1/batch HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
               "Content-Length: %zu\r\n\r\n",
               body.len);
    buf_append_span(&template->bytes, buf_span(&body));
    buf_deinit(&body);
}

static void make_load(struct bench *bench)
{
    uint32_t batch = bench->options.batch;
    int64_t at_ms = clock_wall_ms() - 60000;
    for (uint32_t i = 0; i < TEMPLATES; i++) {
        make_message(&bench->nng.templates[i], batch, i, at_ms);
        make_json(&bench->json.templates[i], batch, i, at_ms);
        find_ids(&bench->nng.templates[i], batch);
        find_ids(&bench->json.templates[i], batch);
    }
}

// The next request, with ids that were never used.
static struct span next_request(struct bench *bench, struct way *way)
{
    struct template *template = &way->templates[way->next++ % TEMPLATES];
    for (uint32_t i = 0; i < bench->options.batch; i++) {
        uint64_t id = bench->next_id++;
        uint8_t *at = template->bytes.bytes + template->ids[i];
        for (int digit = 0; digit < 16; digit++)
            at[digit] = (uint8_t) "0123456789abcdef"[(id >> (4 * digit)) & 15];
    }
    return buf_span(&template->bytes);
}

static bool time_is_over(const struct bench *bench)
{
    return clock_mono_ms() >= bench->end_ms;
}

// ---- NNG ----------------------------------------------------------------------------------------

static void nng_send(struct bench *bench);

static void nng_sent_cb(void *arg, enum rpc_status status, const char *text, struct span answer)
{
    struct bench *bench = arg;
    bench->flying--;
    Assay__Ingest__V1__IngestResponse *response =
        status != RPC_OK ? NULL
                         : assay__ingest__v1__ingest_response__unpack(NULL, answer.len, answer.ptr);
    if (response == NULL || response->accepted != bench->options.batch) {
        if (bench->nng.failures++ == 0)
            fprintf(stderr, "edge_bench: %s: %s\n", rpc_status_name(status), text);
    } else {
        bench->nng.events += bench->options.batch;
    }
    assay__ingest__v1__ingest_response__free_unpacked(response, NULL);
    if (!time_is_over(bench))
        nng_send(bench);
    else if (bench->flying == 0)
        loop_stop(bench->loop);
}

static void nng_send(struct bench *bench)
{
    struct rpc_call_opts opts = {.timeout_ms = 30000};
    bench->flying++;
    rpc_call_raw(bench->client, "assay.ingest.v1.IngestService/Ingest",
                 next_request(bench, &bench->nng), &opts, nng_sent_cb, bench);
}

static void nng_closed_cb(void *arg)
{
    loop_stop(arg);
}

static void run_nng(struct bench *bench)
{
    struct rpc_client_opts opts = {.url = bench->url, .calls_max = INFLIGHT_MAX};
    struct err_info info;
    bench->loop = loop_create();
    if (rpc_client_open(bench->loop, &opts, &bench->client, &info) != ERR_OK)
        die(bench->url, info.text);
    for (uint32_t i = 0; i < bench->options.inflight; i++)
        nng_send(bench);
    loop_run(bench->loop);
    rpc_client_close(bench->client, nng_closed_cb, bench->loop);
    loop_run(bench->loop);
    loop_destroy(bench->loop);
}

// ---- HTTP ---------------------------------------------------------------------------------------

static int http_connect(const struct bench *bench)
{
    char host[64];
    struct sockaddr_in to = {.sin_family = AF_INET};
    snprintf(host, sizeof host, "%s", bench->http);
    char *colon = strrchr(host, ':');
    *colon = '\0';
    to.sin_port = htons((uint16_t)atoi(colon + 1));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || inet_pton(AF_INET, host, &to.sin_addr) != 1 ||
        connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        die(bench->http, "cannot connect");
    return fd;
}

// A body is smaller than what the sockets of a machine take at once, or nearly so.
static void http_send(struct bench *bench, int fd)
{
    struct span request = next_request(bench, &bench->json);
    const char *at = request.ptr;
    for (size_t left = request.len; left > 0;) {
        ssize_t n = send(fd, at, left, 0);
        if (n <= 0)
            die(bench->http, "the connection broke");
        at += n;
        left -= (size_t)n;
    }
}

// An answer comes in one piece, or its rest is there at once.
static void http_receive(struct bench *bench, int fd)
{
    char text[ANSWER_BYTES_MAX], accepted[48];
    ssize_t n = recv(fd, text, sizeof text - 1, 0);
    if (n <= 0)
        die(bench->http, "the connection broke");
    text[n] = '\0';
    while (strstr(text, "\"events\":[") == NULL && strstr(text, "\"error\"") == NULL) {
        ssize_t more = recv(fd, text + n, sizeof text - 1 - (size_t)n, 0);
        if (more <= 0)
            die(bench->http, "an answer is too long");
        n += more;
        text[n] = '\0';
    }
    snprintf(accepted, sizeof accepted, "\"accepted\":%u,", bench->options.batch);
    if (strstr(text, accepted) != NULL)
        bench->json.events += bench->options.batch;
    else if (bench->json.failures++ == 0)
        fprintf(stderr, "edge_bench: %s\n", text);
}

static void run_http(struct bench *bench)
{
    struct pollfd fds[INFLIGHT_MAX];
    uint32_t n = bench->options.inflight, flying = n;
    for (uint32_t i = 0; i < n; i++) {
        fds[i] = (struct pollfd){http_connect(bench), POLLIN, 0};
        http_send(bench, fds[i].fd);
    }
    while (flying > 0) {
        if (poll(fds, n, 30000) <= 0)
            die(bench->http, "no answer");
        for (uint32_t i = 0; i < n; i++) {
            if (fds[i].fd < 0 || fds[i].revents == 0)
                continue;
            http_receive(bench, fds[i].fd);
            if (!time_is_over(bench)) {
                http_send(bench, fds[i].fd);
                continue;
            }
            close(fds[i].fd);
            fds[i].fd = -1;
            flying--;
        }
    }
}

// ---- Figures ------------------------------------------------------------------------------------

static void measure(struct bench *bench, struct way *way, void (*run)(struct bench *bench))
{
    double cpu = cpu_s(bench->ingest_pid);
    int64_t begun_ms = clock_mono_ms();
    bench->end_ms = begun_ms + (int64_t)(bench->options.seconds * 1000);
    run(bench);
    way->seconds = (double)(clock_mono_ms() - begun_ms) / 1000;
    way->cpu_s = cpu_s(bench->ingest_pid) - cpu;
}

static void print_way(const struct way *way, uint32_t batch)
{
    double events = (double)way->events;
    printf("\"%s\":{\"events_per_s\":%.0f,\"ingest_cpu_us_per_event\":%.2f,"
           "\"bytes_per_event\":%.0f,\"failures\":%llu}",
           way->name, events / way->seconds, way->cpu_s * 1e6 / events,
           (double)way->templates[0].bytes.len / batch, (unsigned long long)way->failures);
}

static void parse_options(struct options *options, int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"bin", required_argument, NULL, 'b'},
                                            {"seconds", required_argument, NULL, 's'},
                                            {"batch", required_argument, NULL, 'n'},
                                            {"inflight", required_argument, NULL, 'i'},
                                            {NULL, 0, NULL, 0}};
    *options = (struct options){.seconds = 5, .batch = 100, .inflight = 16};
    for (int c; (c = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
        if (c == 'b')
            options->bin = optarg;
        else if (c == 's')
            options->seconds = atof(optarg);
        else if (c == 'n')
            options->batch = (uint32_t)atoi(optarg);
        else if (c == 'i')
            options->inflight = (uint32_t)atoi(optarg);
        else
            exit(2);
    }
    if (options->bin == NULL || options->batch < 1 || options->batch > BATCH_MAX ||
        options->inflight < 1 || options->inflight > INFLIGHT_MAX)
        die("usage", "edge_bench --bin build/bin [--seconds 5] [--batch 100] [--inflight 16]");
}

int main(int argc, char **argv)
{
    struct bench *bench = mem_zalloc(sizeof *bench);
    parse_options(&bench->options, argc, argv);
    bench->nng.name = "nng";
    bench->json.name = "http";
    // Ids of another run of this cluster's folder cannot be met: it is new.
    make_load(bench);
    start_cluster(bench);
    measure(bench, &bench->nng, run_nng);
    measure(bench, &bench->json, run_http);
    printf("{\"bench\":\"edge\",\"batch\":%u,\"inflight\":%u,", bench->options.batch,
           bench->options.inflight);
    print_way(&bench->nng, bench->options.batch);
    printf(",");
    print_way(&bench->json, bench->options.batch);
    printf("}\n");
    stop_cluster(bench);
    bool failed = bench->nng.failures + bench->json.failures > 0;
    for (uint32_t i = 0; i < TEMPLATES; i++) {
        buf_deinit(&bench->nng.templates[i].bytes);
        buf_deinit(&bench->json.templates[i].bytes);
    }
    mem_free(bench);
    return failed;
}
