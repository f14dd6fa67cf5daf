// SPDX-License-Identifier: Apache-2.0
// Runs the cluster in the foreground: prepare (up_plan), start and watch (supervisor), ask every
// service until it is ready, and again after each restart; stop on a signal.
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/supervisor.h"
#include "cli/up_plan.h"
#include "common/base/mem.h"

#include "assay/health/v1/health.pb-c.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

enum {
    ASK_EVERY_MS = 100,
    ASK_TIMEOUT_MS = 1000,
    STOP_PATIENCE_MS = 20 * 1000,
    LOG_TAIL_BYTES = 2000,
};

struct watched {
    struct up *up;
    size_t i;
    struct rpc_client *client;
    bool ready, was_ready, asking;
    uint64_t starts; // answers of an earlier process do not count
    uint64_t asked_start;
};

struct up {
    struct up_plan plan;
    const char *shown_dir;
    bool quiet, json;
    struct loop *loop;
    struct supervisor *supervisor;
    struct watched *watched;
    struct loop_timer *ask;
    struct loop_signal *signals[3];
    int n_signals;
    bool announced;
    int exit_code;
    size_t n_closing;
};

// ---- Words --------------------------------------------------------------------------------------

static void say(const struct up *up, const char *format, ...) PRINTF_LIKE(2, 3);
static void say(const struct up *up, const char *format, ...)
{
    if (up->quiet || up->json)
        return;
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

static json_t *admin_json(const struct up_plan *plan)
{
    json_t *admin = json_object();
    for (size_t i = 0; plan->admin != NULL && i < plan->n; i++)
        json_object_set_new(admin, plan->endpoints[i].name,
                            output_json_text(plan->admin[i].address));
    return admin;
}

static void announce_json(const struct up *up)
{
    json_t *services = json_object();
    for (size_t i = 0; i < up->plan.n; i++)
        json_object_set_new(services, up->plan.endpoints[i].name,
                            output_json_text(up->plan.endpoints[i].url));
    output_json(json_pack(
        "{s:b, s:o, s:o, s:I, s:I, s:s, s:o, s:o, s:o, s:o}", "ready", true, "data",
        output_json_text(up->plan.dir), "playbook", output_json_text(up->plan.playbook_label),
        "scorers", (json_int_t)up->plan.facts.scorers, "shards", (json_int_t)up->plan.facts.shards,
        "clock", up->plan.facts.event_clock ? "event" : "wall", "http",
        output_json_text(up->plan.http.address), "grpc", output_json_text(up->plan.grpc.address),
        "admin", admin_json(&up->plan), "services", services));
    fflush(stdout);
}

static void announce_http(const struct up *up)
{
    const struct up_port *http = &up->plan.http;
    if (http->note != NULL)
        say(up, "  http      %s", http->note);
    if (http->address[0] == '\0')
        return;
    bool keys = up->plan.keys != NULL;
    say(up, "  http      http://%s%s", http->address, keys ? "" : " (write key: dev)");
    say(up,
        "  try       curl http://%s/v1/track -u %s: -d "
        "'{\"userId\":\"u1\",\"event\":\"Signed Up\"}'",
        http->address, keys ? "WRITE_KEY" : "dev");
}

static void announce_grpc(const struct up *up)
{
    const struct up_port *grpc = &up->plan.grpc;
    if (grpc->note != NULL)
        say(up, "  grpc      %s", grpc->note);
    if (grpc->address[0] != '\0')
        say(up, "  grpc      %s (%s, with reflection)", grpc->address,
            up->plan.grpc_cert != NULL ? "TLS" : "without TLS");
}

static void announce_admin(const struct up *up)
{
    const struct up_plan *plan = &up->plan;
    for (size_t i = 0; plan->admin != NULL && i < plan->n; i++)
        say(up, "  %-8s  http://%s/metrics  %s", i == 0 ? "admin" : "", plan->admin[i].address,
            plan->services[i].name);
}

static void announce(struct up *up)
{
    const struct up_plan *plan = &up->plan;
    bool usual = strcmp(up->shown_dir, CLUSTER_DIR_DEFAULT) == 0;
    const char *option = usual ? "" : " --data ";
    const char *dir = usual ? "" : cluster_quoted(&up->plan.arena, up->shown_dir);
    if (up->json) {
        announce_json(up);
        return;
    }
    say(up, "%sassay%s  %s, %s, %s clock", output_bold(), output_plain(),
        output_plural((uint64_t)plan->facts.scorers, "scorer", "scorers"),
        output_plural((uint64_t)plan->facts.shards, "shard", "shards"),
        plan->facts.event_clock ? "event" : "wall");
    say(up, "  data      %s", plan->dir);
    say(up, "  playbook  %s", output_clean(plan->playbook_label));
    if (plan->keys != NULL)
        say(up, "  keys      %s", plan->keys);
    say(up, "  logs      %s/log", plan->dir);
    say(up, "  send      assay import%s%s FILE.ndjson", option, dir);
    announce_http(up);
    announce_grpc(up);
    announce_admin(up);
    say(up, "  look      assay overview%s%s", option, dir);
    say(up, "  stop      Ctrl-C");
    say(up, "ready");
}

static void log_tail_write(const char *path)
{
    char text[LOG_TAIL_BYTES + 1];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    off_t size = lseek(fd, 0, SEEK_END);
    ssize_t n = pread(fd, text, LOG_TAIL_BYTES, size > LOG_TAIL_BYTES ? size - LOG_TAIL_BYTES : 0);
    close(fd);
    text[n < 0 ? 0 : n] = '\0';
    const char *from = size > LOG_TAIL_BYTES ? strchr(text, '\n') : text;
    fprintf(stderr, "The last lines of %s:\n%s", path, from == NULL ? text : from);
}

static const char *status_words(int status, char out[64])
{
    if (status > 128)
        snprintf(out, 64, "killed by signal %d", status - 128);
    else
        snprintf(out, 64, "exit code %d", status);
    return out;
}

// ---- Readiness ----------------------------------------------------------------------------------

static bool all_ready(const struct up *up)
{
    for (size_t i = 0; i < up->plan.n; i++)
        if (!up->watched[i].ready)
            return false;
    return true;
}

static void ready_mark(struct watched *w)
{
    struct up *up = w->up;
    w->ready = true;
    if (w->was_ready)
        say(up, "%s is ready again", up->plan.services[w->i].name);
    w->was_ready = true;
    if (!all_ready(up))
        return;
    loop_timer_stop(up->ask);
    if (!up->announced)
        announce(up);
    up->announced = true;
}

static void asked_cb(void *arg, enum rpc_status status, const char *text, struct span bytes)
{
    struct watched *w = arg;
    (void)text;
    w->asking = false;
    if (status != RPC_OK || w->asked_start != w->starts || w->up->n_signals > 0)
        return;
    struct arena arena;
    arena_init(&arena, 1024, 0);
    ProtobufCMessage *message;
    if (rpc_unpack(&assay__health__v1__check_response__descriptor, bytes, &arena, &message, NULL) ==
        ERR_OK) {
        const Assay__Health__V1__CheckResponse *answer = (void *)message;
        if (answer->status == ASSAY__HEALTH__V1__SERVING_STATUS__SERVING_STATUS_SERVING &&
            !w->ready)
            ready_mark(w);
    }
    arena_deinit(&arena);
}

static void ask_cb(void *arg)
{
    struct up *up = arg;
    struct rpc_call_opts opts = {.timeout_ms = ASK_TIMEOUT_MS};
    for (size_t i = 0; i < up->plan.n; i++) {
        struct watched *w = &up->watched[i];
        if (w->ready || w->asking)
            continue;
        w->asking = true;
        w->asked_start = w->starts;
        rpc_call_raw(w->client, "assay.health.v1.HealthService/Check", (struct span){"", 0}, &opts,
                     asked_cb, w);
    }
}

// ---- The supervisor's events --------------------------------------------------------------------

static void started_cb(void *arg, size_t i, int pid)
{
    struct up *up = arg;
    (void)pid;
    up->watched[i].starts++;
    up->watched[i].ready = false;
    loop_timer_start(up->ask, ASK_EVERY_MS, ASK_EVERY_MS);
}

static void ended_cb(void *arg, size_t i, int status, int64_t pause_ms)
{
    struct up *up = arg;
    const struct up_service *service = &up->plan.services[i];
    char words[64];
    up->watched[i].ready = false;
    if (pause_ms >= 0) {
        fprintf(stderr, "%s ended (%s), restarting\n", service->name, status_words(status, words));
        return;
    }
    fprintf(stderr, "%s cannot use its configuration (%s)\n", service->name, service->config);
    log_tail_write(service->log);
    up->exit_code = EXIT_USAGE;
    supervisor_stop(up->supervisor, STOP_PATIENCE_MS);
}

static void client_closed_cb(void *arg)
{
    struct up *up = arg;
    if (--up->n_closing == 0)
        loop_stop(up->loop);
}

static void stopped_cb(void *arg)
{
    struct up *up = arg;
    loop_timer_destroy(up->ask);
    for (size_t i = 0; i < ARRAY_LEN(up->signals); i++)
        loop_signal_destroy(up->signals[i]);
    up->n_closing = up->plan.n;
    for (size_t i = 0; i < up->plan.n; i++)
        rpc_client_close(up->watched[i].client, client_closed_cb, up);
}

static void signal_cb(void *arg, int signum)
{
    struct up *up = arg;
    (void)signum;
    if (up->n_signals++ == 0) {
        loop_timer_stop(up->ask);
        say(up, "stopping; Ctrl-C again kills at once");
        supervisor_stop(up->supervisor, STOP_PATIENCE_MS);
    } else {
        supervisor_kill(up->supervisor);
    }
}

// ---- Life ---------------------------------------------------------------------------------------

static enum err clients_open(struct up *up, struct err_info *info)
{
    for (size_t i = 0; i < up->plan.n; i++) {
        struct rpc_client_opts opts = {.url = up->plan.endpoints[i].url, .calls_max = 2};
        up->watched[i] = (struct watched){.up = up, .i = i};
        enum err err = rpc_client_open(up->loop, &opts, &up->watched[i].client, info);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

static struct supervisor *supervisor_make(struct up *up)
{
    struct supervisor_child children[CLUSTER_SCORERS_MAX + 2];
    for (size_t i = 0; i < up->plan.n; i++) {
        const struct up_service *s = &up->plan.services[i];
        children[i] =
            (struct supervisor_child){s->name, "/proc/self/exe", s->argv, s->log, s->rank};
    }
    struct supervisor_events events = {started_cb, ended_cb, stopped_cb, up};
    return supervisor_create(up->loop, children, up->plan.n, &events);
}

static int run(struct up *up)
{
    static const int signums[] = {SIGINT, SIGTERM, SIGHUP};
    struct err_info info;
    up->loop = loop_create();
    up->watched = mem_zalloc(up->plan.n * sizeof *up->watched);
    enum err err = clients_open(up, &info);
    CHECK(err == ERR_OK); // the addresses are ours
    up->ask = loop_timer_create(up->loop, ask_cb, up);
    for (size_t i = 0; i < ARRAY_LEN(signums); i++)
        up->signals[i] = loop_signal_create(up->loop, signums[i], signal_cb, up);
    up->supervisor = supervisor_make(up);
    err = supervisor_start(up->supervisor, &info);
    if (err != ERR_OK) {
        up->exit_code = output_error("up", ERR_IO, info.text);
        supervisor_stop(up->supervisor, STOP_PATIENCE_MS);
    }
    loop_run(up->loop);
    supervisor_destroy(up->supervisor);
    loop_destroy(up->loop);
    mem_free(up->watched);
    return up->exit_code;
}

static int prepare_and_run(const struct up_opts *opts, struct up *up)
{
    struct buf report = {0};
    struct err_info info;
    enum err err = up_plan_make(opts, &up->plan, &report, &info);
    fwrite(report.bytes == NULL ? (const void *)"" : report.bytes, 1, report.len, stderr);
    buf_deinit(&report);
    int code;
    if (err != ERR_OK)
        code = output_error("up", err, info.text);
    else
        code = run(up);
    if (err == ERR_OK) {
        up_plan_tidy(&up->plan);
        say(up, "stopped");
    }
    up_plan_destroy(&up->plan);
    return code;
}

int cmd_up(int argc, char **argv)
{
    static const char *const clocks[] = {"wall", "event", NULL};
    static const char *const accounts[] = {"personal", "email_domain", NULL};
    struct up_opts opts = {.dir = CLUSTER_DIR_DEFAULT};
    struct up up = {0};
    static const char *const log_formats[] = {"text", "json", NULL};
    const struct option options[] = {
        {"playbook", OPTION_TEXT, &opts.playbook, "FILE",
         "the playbook; later the copy in the data folder serves", 0, 0, NULL},
        {"webhooks", OPTION_TEXT, &opts.webhooks, "FILE",
         "the file of webhooks; later the same one serves (none: from now on without)", 0, 0, NULL},
        {"keys", OPTION_TEXT, &opts.keys, "FILE",
         "the file of keys; later the same one serves (DIR/keys.yaml if it is there; none: from "
         "now "
         "on without)",
         0, 0, NULL},
        OPTION_ROW_DATA(&opts.dir),
        {"scorers", OPTION_COUNT, &opts.scorers, "N", "scorer processes, fixed for the cluster (1)",
         1, CLUSTER_SCORERS_MAX, NULL},
        {"shards", OPTION_COUNT, &opts.shards, "S", "slices of accounts, fixed (256)", 1,
         SHARD_COUNT_MAX, NULL},
        {"clock", OPTION_CHOICE, &opts.clock, "wall|event",
         "what moves time, fixed: the wall clock, or the events (wall)", 0, 0, clocks},
        {"accounts", OPTION_CHOICE, &opts.accounts, "personal|email_domain",
         "whose an event without a group is, fixed: the user's own, or the company's by the domain "
         "of the user's e-mail address (personal)",
         0, 0, accounts},
        {"http", OPTION_TEXT, &opts.http, "ADDRESS:PORT",
         "where SDKs send events over HTTP, or off (127.0.0.1:8480, if it is free)", 0, 0, NULL},
        {"grpc", OPTION_TEXT, &opts.grpc, "ADDRESS:PORT",
         "where everything is served by gRPC, or off (127.0.0.1:8481, if it is free)", 0, 0, NULL},
        {"grpc-cert", OPTION_TEXT, &opts.grpc_cert, "FILE",
         "the certificate for gRPC (PEM), read again when it changes (without TLS)", 0, 0, NULL},
        {"grpc-key", OPTION_TEXT, &opts.grpc_key, "FILE", "its key (PEM)", 0, 0, NULL},
        {"admin", OPTION_TEXT, &opts.admin, "ADDRESS:PORT",
         "probes, metrics and operators over HTTP: the router at this port, the scorers and ingest "
         "at those after it (off)",
         0, 0, NULL},
        {"log-format", OPTION_CHOICE, &opts.log_format, "text|json",
         "how the services' lines of the log are written (text)", 0, 0, log_formats},
        {"quiet", OPTION_FLAG, &up.quiet, NULL, "write problems only", 0, 0, NULL},
        {"json", OPTION_FLAG, &up.json, NULL, "write one JSON object when ready", 0, 0, NULL},
    };
    const struct command command = {
        .name = "up",
        .usage = "[options]",
        .example =
            "assay up --playbook playbook.yaml\n"
            "assay up --data ./assay-data --playbook playbook.yaml --scorers 4 --clock event",
        .summary = "Runs a whole cluster on this machine until Ctrl-C. The playbook is checked "
                   "first. What was taken\nin survives any crash; starting again with the same "
                   "--data goes on where it ended.",
        COMMAND_OPTIONS(options),
    };
    int code;
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    up.shown_dir = opts.dir;
    return prepare_and_run(&opts, &up);
}

int cmd_service(int argc, char **argv)
{
    if (argc < 2)
        return EXIT_USAGE;
    (void)setpgid(0, 0);
    // The service's own name stands first in what `ps` shows.
    char *program = argv[1], *slash = strrchr(program, '/');
    if (slash != NULL)
        argv[1] = slash + 1;
    execv(program, argv + 1);
    fprintf(stderr, "%s: %s\n", program, strerror(errno));
    return EXIT_FAILED;
}
