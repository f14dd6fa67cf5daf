// SPDX-License-Identifier: Apache-2.0
// links: service httpd rpc loop config log metrics base clock assay_proto
// Runs small services as processes of their own (this program again, under another name) and asks
// them over a socket: readiness, status, metrics, documents, drain, exit codes, reports of bad
// files.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assay/admin/v1/admin.pb-c.h"
#include "assay/health/v1/health.pb-c.h"
#include "common/base/mem.h"
#include "common/log/log.h"
#include "common/rpc/carry.h"
#include "common/service/service.h"
#include "tests/support/http_raw.h"

#define LOG_COMPONENT "tiny"

// ---- The services -------------------------------------------------------------------------------

struct tiny_config {
    const char *greeting;
    int64_t low, high;
    bool fail_open;
    bool hang;    // never drains
    bool guarded; // asks for the token "right"
};

static const struct config_field TINY_FIELDS[] = {
    {"greeting", CONFIG_TEXT, offsetof(struct tiny_config, greeting), NULL, 0, 0, NULL,
     "What it says."},
    {"low", CONFIG_INT, offsetof(struct tiny_config, low), "1", 0, 100, NULL, "The lower bound."},
    {"high", CONFIG_INT, offsetof(struct tiny_config, high), "9", 0, 100, NULL, "The upper bound."},
    {"fail_open", CONFIG_BOOL, offsetof(struct tiny_config, fail_open), "false", 0, 0, NULL,
     "Does not start."},
    {"hang", CONFIG_BOOL, offsetof(struct tiny_config, hang), "false", 0, 0, NULL, "Does not end."},
    {"guarded", CONFIG_BOOL, offsetof(struct tiny_config, guarded), "false", 0, 0, NULL,
     "Asks who calls."},
};

#define TINY_METRICS(X)                                                                            \
    X(COUNTER, refreshed, "tiny_refreshed_total", "Times that metrics were read")
struct tiny_metrics {
    METRICS_FIELDS(TINY_METRICS)
};
#define TINY_DESC(kind, field, name, help)                                                         \
    METRICS_DESC(struct tiny_metrics, kind, field, name, help)
static const struct metrics_desc TINY_DESCS[] = {TINY_METRICS(TINY_DESC)};

struct tiny {
    const struct tiny_config *config;
    struct service *service;
    struct tiny_metrics metrics;
    struct loop_timer *timer;
    void *waiting; // the token of a document that is answered while draining
    void *clock_token;
    int64_t clock_ms;
};

static void tiny_validate(struct config *config, const struct config_node *root, const void *own)
{
    const struct tiny_config *tiny = own;
    if (tiny->low > tiny->high)
        config_error(config, config_get(root, "low"), "must not be above \"high\"");
}

static void tiny_clock_cb(void *arg)
{
    struct tiny *tiny = arg;
    service_clock_done(tiny->clock_token, ERR_OK, tiny->clock_ms, NULL);
}

static enum rpc_status tiny_guard(void *arg, struct rpc_incoming *call, char text[RPC_TEXT_MAX])
{
    const char *token = rpc_incoming_metadata(call, "authorization");
    (void)arg;
    if (token != NULL && strcmp(token, "Bearer right") == 0)
        return RPC_OK;
    snprintf(text, RPC_TEXT_MAX, "who are you");
    return RPC_UNAUTHENTICATED;
}

static enum err tiny_open(struct service *service, const void *own, struct err_info *info)
{
    const struct tiny_config *config = own;
    if (config->fail_open)
        return err_set(info, ERR_IO, "no room for %s", config->greeting);
    struct tiny *tiny = mem_zalloc(sizeof *tiny);
    tiny->config = config;
    tiny->service = service;
    tiny->timer = loop_timer_create(service_loop(service), tiny_clock_cb, tiny);
    service_set_state(service, tiny);
    metrics_register(service_metrics(service), TINY_DESCS, ARRAY_LEN(TINY_DESCS), &tiny->metrics,
                     "");
    if (config->guarded)
        rpc_server_set_guard(service_server(service), tiny_guard, NULL);
    service_set_ready(service, true, "");
    return ERR_OK;
}

static void tiny_drain(struct service *service)
{
    struct tiny *tiny = service_state(service);
    if (tiny->waiting != NULL)
        service_document_done(tiny->waiting, ERR_OK, "doc@3", true, NULL);
    if (!tiny->config->hang)
        service_drained(service);
}

static void tiny_close(struct service *service)
{
    struct tiny *tiny = service_state(service);
    loop_timer_destroy(tiny->timer);
    mem_free(tiny);
}

static const char *tiny_document(struct service *service)
{
    (void)service;
    return "doc@1";
}

static void tiny_load(struct service *service, const char *file, struct span text, bool check_only,
                      void *token)
{
    struct tiny *tiny = service_state(service);
    struct buf report = {0};
    if (span_is(text, "good")) {
        service_document_done(token, ERR_OK, check_only ? "doc@1" : "doc@2", !check_only, NULL);
    } else if (span_is(text, "wait")) {
        tiny->waiting = token;
    } else if (span_is(text, "busy")) {
        service_document_done(token, ERR_BUSY, NULL, false, "another one is on its way");
    } else if (span_is(text, "fail")) {
        service_fail(service, "told to");
        service_document_done(token, ERR_UNAVAILABLE, NULL, false, NULL);
    } else {
        buf_printf(&report, "%s:1:1: bad: " SPAN_FMT "\n%s:1:2: worse\n", file, SPAN_ARG(text),
                   file);
        buf_append_u8(&report, 0);
        service_document_done(token, ERR_INVALID, NULL, false, (const char *)report.bytes);
    }
    buf_deinit(&report);
}

static void tiny_advance(struct service *service, int64_t to_ms, void *token)
{
    struct tiny *tiny = service_state(service);
    struct err_info info;
    if (to_ms < tiny->clock_ms) {
        service_clock_done(token, err_set(&info, ERR_INVALID, "the clock does not go back"), 0,
                           &info);
        return;
    }
    tiny->clock_ms = to_ms;
    tiny->clock_token = token;
    loop_timer_start(tiny->timer, 1, 0);
}

static void tiny_refresh(struct service *service)
{
    struct tiny *tiny = service_state(service);
    metrics_add(&tiny->metrics.refreshed, 1);
}

static const struct service_desc TINY = {
    .program = "assay-tiny",
    .summary = "Greets.",
    .fields = TINY_FIELDS,
    .n_fields = ARRAY_LEN(TINY_FIELDS),
    .config_bytes = sizeof(struct tiny_config),
    .validate = tiny_validate,
    .open = tiny_open,
    .drain = tiny_drain,
    .close = tiny_close,
    .document = tiny_document,
    .load_document = tiny_load,
    .advance_clock = tiny_advance,
    .refresh_metrics = tiny_refresh,
};

static const struct service_desc BARE = {.program = "assay-bare", .summary = "Does nothing."};

// ---- Running them -------------------------------------------------------------------------------

static char dir[64];
static char config_path[96];
static char log_path[96];
static char url[128];

static void write_config(const char *text)
{
    FILE *file = fopen(config_path, "w");
    CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

// Common fields with the socket in the folder, and more.
static void write_tiny_config(const char *more)
{
    struct buf text = {0};
    buf_printf(&text, "name: tiny-0\nlisten: %s\n%s", url, more);
    buf_append_u8(&text, 0);
    write_config((const char *)text.bytes);
    buf_deinit(&text);
}

static pid_t start(const char *program, const char *const *args)
{
    const char *argv[8] = {program};
    for (size_t i = 0; args[i] != NULL; i++)
        argv[i + 1] = args[i];
    (void)unlink(log_path); // what an earlier process wrote
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        int fd = open(log_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
            _exit(99);
        close(fd);
        prctl(PR_SET_PDEATHSIG, SIGKILL); // nothing is left behind when a check fails
        execv("/proc/self/exe", (char *const *)(void *)argv);
        _exit(98);
    }
    return pid;
}

static pid_t serve(const char *program)
{
    return start(program, (const char *const[]){"--config", config_path, NULL});
}

static int wait_exit(pid_t pid)
{
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static const char *output(void)
{
    static char text[16384];
    FILE *file = fopen(log_path, "r");
    text[0] = '\0';
    if (file == NULL)
        return text; // the process has not begun
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static void expect_output_has(const char *part)
{
    if (strstr(output(), part) != NULL)
        return;
    fprintf(stderr, "\"%s\" is missing in:\n%s", part, output());
    abort();
}

static void expect_run(const char *const *args, int exit_code, const char *expected)
{
    int code = wait_exit(start("assay-tiny", args));
    if (code == exit_code && strcmp(output(), expected) == 0)
        return;
    fprintf(stderr, "exit code %d, expected %d; output:\n%s\nexpected:\n%s", code, exit_code,
            output(), expected);
    abort();
}

// ---- Asking them --------------------------------------------------------------------------------

struct asker {
    struct loop *loop;
    struct rpc_client *client;
    struct arena arena;
    struct err_info info;
};

static void asker_open(struct asker *asker)
{
    struct rpc_client_opts opts = {.url = url};
    asker->loop = loop_create();
    arena_init(&asker->arena, 4096, 0);
    CHECK(rpc_client_open(asker->loop, &opts, &asker->client, NULL) == ERR_OK);
}

static void asker_close(struct asker *asker)
{
    rpc_client_close(asker->client, NULL, NULL);
    loop_run(asker->loop);
    loop_destroy(asker->loop);
    arena_deinit(&asker->arena);
}

static enum err ask(struct asker *asker, const char *method, const ProtobufCMessage *request,
                    const ProtobufCMessageDescriptor *type, void *answer)
{
    struct rpc_call_opts opts = {.timeout_ms = 20000};
    return rpc_call_wait(asker->loop, asker->client, method, request, type, &opts, &asker->arena,
                         answer, &asker->info);
}

static Assay__Health__V1__CheckResponse *check(struct asker *asker, const char *name)
{
    Assay__Health__V1__CheckRequest request = ASSAY__HEALTH__V1__CHECK_REQUEST__INIT;
    Assay__Health__V1__CheckResponse *answer;
    request.service = (char *)name;
    enum err err = ask(asker, "assay.health.v1.HealthService/Check", &request.base,
                       &assay__health__v1__check_response__descriptor, &answer);
    return err == ERR_OK ? answer : NULL;
}

// The process has been started a moment ago: calls fail until it listens.
static void wait_for_health(struct asker *asker, const char *reason)
{
    for (int i = 0; i < 3000; i++) {
        Assay__Health__V1__CheckResponse *answer = check(asker, "");
        if (answer != NULL && strcmp(answer->reason, reason) == 0)
            return;
        usleep(10000);
    }
    fprintf(stderr, "never \"%s\": %s; output:\n%s", reason, asker->info.text, output());
    abort();
}

static enum err load(struct asker *asker, const char *text, bool check_only,
                     Assay__Admin__V1__LoadDocumentResponse **answer)
{
    Assay__Admin__V1__LoadDocumentRequest request = ASSAY__ADMIN__V1__LOAD_DOCUMENT_REQUEST__INIT;
    request.file = (char *)"d.yaml";
    request.text = (ProtobufCBinaryData){strlen(text), (uint8_t *)(uintptr_t)text};
    request.check_only = check_only;
    return ask(asker, "assay.admin.v1.AdminService/LoadDocument", &request.base,
               &assay__admin__v1__load_document_response__descriptor, answer);
}

static enum err advance(struct asker *asker, int64_t to_ms, int64_t *clock_ms)
{
    Assay__Admin__V1__AdvanceClockRequest request = ASSAY__ADMIN__V1__ADVANCE_CLOCK_REQUEST__INIT;
    Assay__Admin__V1__AdvanceClockResponse *answer;
    request.to_ms = to_ms;
    enum err err = ask(asker, "assay.admin.v1.AdminService/AdvanceClock", &request.base,
                       &assay__admin__v1__advance_clock_response__descriptor, &answer);
    if (err == ERR_OK)
        *clock_ms = answer->clock_ms;
    return err;
}

static enum err set_level(struct asker *asker, const char *level)
{
    Assay__Admin__V1__SetLogLevelRequest request = ASSAY__ADMIN__V1__SET_LOG_LEVEL_REQUEST__INIT;
    Assay__Admin__V1__SetLogLevelResponse *answer;
    request.level = (char *)level;
    return ask(asker, "assay.admin.v1.AdminService/SetLogLevel", &request.base,
               &assay__admin__v1__set_log_level_response__descriptor, &answer);
}

static const char *metrics_text(struct asker *asker)
{
    Assay__Admin__V1__GetMetricsRequest request = ASSAY__ADMIN__V1__GET_METRICS_REQUEST__INIT;
    Assay__Admin__V1__GetMetricsResponse *answer;
    CHECK(ask(asker, "assay.admin.v1.AdminService/GetMetrics", &request.base,
              &assay__admin__v1__get_metrics_response__descriptor, &answer) == ERR_OK);
    return answer->text;
}

// ---- The tests ----------------------------------------------------------------------------------

static void test_options(void)
{
    char expected[4096];
    write_tiny_config("greeting: hello you\n");
    snprintf(expected, sizeof expected, "%s: ok\n", config_path);
    expect_run((const char *const[]){"--check-config", "--config", config_path, NULL}, 0, expected);
    snprintf(
        expected, sizeof expected,
        "# Names the process in logs and to others.\nname: tiny-0\n"
        "# Where it serves: ipc://PATH or tcp://HOST:PORT.\nlisten: %s\n"
        "# HOST:PORT where the same is served by gRPC; not without it.\ngrpc: \"\"\n"
        "# File of the certificate for gRPC (PEM, with those between it and the root); without "
        "TLS when there is none. Read again when it changes.\ntls_cert: \"\"\n"
        "# File of its key (PEM, without a password).\ntls_key: \"\"\n"
        "# File of the CAs whose certificates clients of gRPC must have; none are asked for "
        "without it.\ntls_client_ca: \"\"\n"
        "# File of keys (`assay keys`); without one, calls from elsewhere are refused.\n"
        "keys: \"\"\n"
        "# File with the token that it shows to services that it calls over tcp.\n"
        "token_file: \"\"\n"
        "# HOST:PORT for probes, metrics and operators, over HTTP; none without it.\n"
        "admin: \"\"\n"
        "# What is logged: lines of this level and those before it.\nlog_level: info\n"
        "# How a line is written: as text, or as a JSON object.\nlog_format: text\n"
        "# Requests worked on at once; more wait in the transport.\ncalls_max: 64\n"
        "# The largest request; larger ones are dropped with their connection.\n"
        "request_max: 4MiB\n"
        "# Time to finish what was taken before the process ends.\ndrain: 10s\n"
        "# What it says.\ngreeting: \"hello you\"\n"
        "# The lower bound.\nlow: 1\n"
        "# The upper bound.\nhigh: 9\n"
        "# Does not start.\nfail_open: false\n"
        "# Does not end.\nhang: false\n"
        "# Asks who calls.\nguarded: false\n",
        url);
    expect_run((const char *const[]){"--config", config_path, "--print-config", NULL}, 0, expected);
    expect_run((const char *const[]){"--version", NULL}, 0, "assay-tiny " ASSAY_VERSION "\n");
    expect_run((const char *const[]){NULL}, 2,
               "assay-tiny: --config FILE is needed\nTry \"assay-tiny --help\".\n");
    expect_run((const char *const[]){"--config", config_path, "more", NULL}, 2,
               "assay-tiny: it takes options only\nTry \"assay-tiny --help\".\n");
    expect_run((const char *const[]){"--colour", NULL}, 2,
               "assay-tiny: unrecognized option '--colour'\nTry \"assay-tiny --help\".\n");
    CHECK(wait_exit(start("assay-tiny", (const char *const[]){"--help", NULL})) == 0);
    CHECK(strncmp(output(), "  assay-tiny --config FILE\n\nGreets.\n", 36) == 0);
    CHECK(wait_exit(start("assay-bare", (const char *const[]){"--config-reference", NULL})) == 0);
    expect_output_has("| `drain` | duration | `10s` | at most 1h | Time to finish");
    CHECK(wait_exit(start("assay-tiny", (const char *const[]){"--config-reference", NULL})) == 0);
    expect_output_has("\n| `low` | whole number | `1` | from 0 to 100 | The lower bound. |\n");
}

// Each report begins lines with the file's path, written as @ here.
static void expect_report(const char *text, const char *report)
{
    struct buf expected = {0};
    write_config(text);
    for (const char *p = report; *p != '\0'; p++) {
        if (*p == '@')
            buf_append_text(&expected, config_path);
        else
            buf_append_u8(&expected, (uint8_t)*p);
    }
    buf_append_u8(&expected, 0);
    expect_run((const char *const[]){"--config", config_path, "--check-config", NULL}, 2,
               (const char *)expected.bytes);
    expect_run((const char *const[]){"--config", config_path, NULL}, 2,
               (const char *)expected.bytes);
    buf_deinit(&expected);
}

static void test_bad_configs(void)
{
    expect_report("name: a\nlisten: ipc:///tmp/x\ngreting: hi\nhigh: 200\nlog_level: loud\n",
                  "@:1:1: $: missing key \"greeting\"\n"
                  "  1 | name: a\n"
                  "    | ^\n"
                  "@:3:1: $: unknown key \"greting\"\n"
                  "  3 | greting: hi\n"
                  "    | ^ did you mean \"greeting\"?\n"
                  "@:4:7: $.high: must be from 0 to 100, found \"200\"\n"
                  "  4 | high: 200\n"
                  "    |       ^\n"
                  "@:5:12: $.log_level: unknown value \"loud\"\n"
                  "  5 | log_level: loud\n"
                  "    |            ^ expected one of off, error, warn, info, debug\n"
                  "4 errors\n");
    expect_report("name: a\nlisten: ipc:///tmp/x\ngreeting: hi\nlow: 5\nhigh: 4\n",
                  "@:4:6: $.low: must not be above \"high\"\n"
                  "  4 | low: 5\n"
                  "    |      ^\n");
    expect_report("name: a b\nlisten: /tmp/x\ngreeting: hi\ndrain: 10\n",
                  "@:1:7: $.name: not a name\n"
                  "  1 | name: a b\n"
                  "    |       ^ letters, digits, \"-\", \"_\" and \".\"\n"
                  "@:2:9: $.listen: not a URL\n"
                  "  2 | listen: /tmp/x\n"
                  "    |         ^ write ipc://PATH or tcp://HOST:PORT\n"
                  "@:4:8: $.drain: expected a duration, found \"10\"\n"
                  "  4 | drain: 10\n"
                  "    |        ^ write 30d, 48h, 5m, 10s or 250ms\n"
                  "3 errors\n");
    expect_report("name: a\nlisten: ipc:///tmp/x\ngreeting: hi\ngrpc: localhost\ntls_key: k\n",
                  "@:4:7: $.grpc: \"localhost\" is no address: expected HOST:PORT, as "
                  "127.0.0.1:8080, [::1]:8080 or 0.0.0.0:8080\n"
                  "  4 | grpc: localhost\n"
                  "    |       ^\n"
                  "@:5:10: $.tls_key: tls_cert belongs to it and is missing\n"
                  "  5 | tls_key: k\n"
                  "    |          ^\n"
                  "2 errors\n");
    expect_report("- a\n", "@:1:1: $: expected a mapping, found a list\n"
                           "  1 | - a\n"
                           "    | ^\n");
    expect_report("", "@: the file is empty\n");
    char expected[256];
    snprintf(expected, sizeof expected, "%s/none.yaml: cannot read it: No such file or directory\n",
             dir);
    char path[128];
    snprintf(path, sizeof path, "%s/none.yaml", dir);
    expect_run((const char *const[]){"--config", path, NULL}, 2, expected);
}

struct waiting {
    struct loop *loop;
    bool answered;
};

static void waiting_cb(void *arg, enum rpc_status status, const char *text, struct span answer)
{
    struct waiting *waiting = arg;
    struct arena arena;
    ProtobufCMessage *message;
    (void)text;
    CHECK(status == RPC_OK);
    arena_init(&arena, 1024, 0);
    CHECK(rpc_unpack(&assay__admin__v1__load_document_response__descriptor, answer, &arena,
                     &message, NULL) == ERR_OK);
    CHECK(strcmp(((Assay__Admin__V1__LoadDocumentResponse *)message)->document, "doc@3") == 0);
    arena_deinit(&arena);
    waiting->answered = true;
    loop_stop(waiting->loop);
}

// A call that the service answers only when it drains.
static void call_waiting(struct asker *asker, struct waiting *waiting)
{
    Assay__Admin__V1__LoadDocumentRequest request = ASSAY__ADMIN__V1__LOAD_DOCUMENT_REQUEST__INIT;
    uint8_t body[128];
    request.text = (ProtobufCBinaryData){4, (uint8_t *)"wait"};
    size_t n = assay__admin__v1__load_document_request__pack(&request, body);
    struct rpc_call_opts opts = {.timeout_ms = 20000};
    CHECK(n <= sizeof body);
    rpc_call_raw(asker->client, "assay.admin.v1.AdminService/LoadDocument", span_make(body, n),
                 &opts, waiting_cb, waiting);
}

static void test_admin(struct asker *asker)
{
    Assay__Admin__V1__GetStatusRequest request = ASSAY__ADMIN__V1__GET_STATUS_REQUEST__INIT;
    Assay__Admin__V1__GetStatusResponse *status;
    Assay__Admin__V1__LoadDocumentResponse *loaded;
    int64_t clock_ms;
    CHECK(ask(asker, "assay.admin.v1.AdminService/GetStatus", &request.base,
              &assay__admin__v1__get_status_response__descriptor, &status) == ERR_OK);
    CHECK(strcmp(status->service, "tiny-0") == 0 && strcmp(status->document, "doc@1") == 0);
    CHECK(strcmp(status->version, ASSAY_VERSION) == 0 && status->ready);
    CHECK(status->pid > 1 && status->started_at_ms > 1600000000000);

    CHECK(load(asker, "good", false, &loaded) == ERR_OK);
    CHECK(strcmp(loaded->document, "doc@2") == 0 && loaded->changed);
    CHECK(load(asker, "good", true, &loaded) == ERR_OK);
    CHECK(strcmp(loaded->document, "doc@1") == 0 && !loaded->changed);
    CHECK(load(asker, "x", true, &loaded) == ERR_INVALID);
    CHECK(strstr(asker->info.text, "d.yaml:1:1: bad: x\nd.yaml:1:2: worse\n") != NULL);

    CHECK(advance(asker, 5000, &clock_ms) == ERR_OK && clock_ms == 5000);
    CHECK(advance(asker, 4999, &clock_ms) == ERR_INVALID);
    CHECK(strstr(asker->info.text, "the clock does not go back") != NULL);

    CHECK(set_level(asker, "loud") == ERR_INVALID);
    CHECK(strstr(asker->info.text, "\"loud\" is no level") != NULL);
    CHECK(set_level(asker, "debug") == ERR_OK);
    expect_output_has("log_level_set level=debug");

    const char *text = metrics_text(asker);
    CHECK(strstr(text, "\ntiny_refreshed_total 1\n") != NULL);
    CHECK(strstr(text, "\nassay_rpc_failed_total 4\n") != NULL);
    CHECK(strstr(text, "\nassay_rpc_calls_limit 64\n") != NULL);
    CHECK(strstr(text, "\nassay_ready 1\n") != NULL);
    CHECK(strstr(text, "\nassay_loop_longest_turn_seconds 0.") != NULL);
    CHECK(strstr(text, "\nprocess_start_time_seconds 1") != NULL);
}

static void test_life(void)
{
    struct asker asker;
    write_tiny_config("greeting: hi\n");
    pid_t pid = serve("assay-tiny");
    asker_open(&asker);
    wait_for_health(&asker, "");
    CHECK(check(&asker, "tiny-0")->status ==
          ASSAY__HEALTH__V1__SERVING_STATUS__SERVING_STATUS_SERVING);
    CHECK(check(&asker, "other") == NULL);
    CHECK(strstr(asker.info.text, "this is \"tiny-0\"") != NULL);
    test_admin(&asker);
    struct waiting waiting = {.loop = asker.loop};
    call_waiting(&asker, &waiting);
    int tries = 0;
    while (strstr(metrics_text(&asker), "\nassay_rpc_in_work 2\n") == NULL)
        CHECK(++tries < 10000); // the waiting call and the one that asks
    CHECK(kill(pid, SIGHUP) == 0);
    CHECK(check(&asker, "") != NULL);
    CHECK(!waiting.answered);
    CHECK(kill(pid, SIGTERM) == 0);
    CHECK(wait_exit(pid) == 0);
    while (!waiting.answered)
        loop_run(asker.loop); // the call's own deadline bounds this
    asker_close(&asker);
    expect_output_has(" info tiny-0 service ready\n");
    expect_output_has(" info tiny-0 service started program=assay-tiny");
    expect_output_has(" info tiny-0 service draining reason=\"SIGTERM\" drain_ms=10000\n");
    expect_output_has(" info tiny-0 service stopped exit_code=0\n");
}

static void test_bare(void)
{
    struct asker asker;
    Assay__Admin__V1__LoadDocumentResponse *loaded;
    int64_t clock_ms;
    write_tiny_config("log_level: off\n");
    pid_t pid = serve("assay-bare");
    asker_open(&asker);
    wait_for_health(&asker, "starting");
    CHECK(load(&asker, "good", false, &loaded) != ERR_OK);
    CHECK(strstr(asker.info.text, "assay-bare is governed by no document") != NULL);
    CHECK(advance(&asker, 1, &clock_ms) != ERR_OK);
    CHECK(strstr(asker.info.text, "assay-bare has no clock of its own") != NULL);
    CHECK(strstr(metrics_text(&asker), "\nassay_ready 0\n") != NULL);
    asker_close(&asker);
    CHECK(kill(pid, SIGINT) == 0);
    CHECK(wait_exit(pid) == 0);
    CHECK(output()[0] == '\0');
}

static void test_failures(void)
{
    struct asker asker;
    Assay__Admin__V1__LoadDocumentResponse *loaded;
    write_tiny_config("greeting: hi\nfail_open: true\n");
    CHECK(wait_exit(serve("assay-tiny")) == 1);
    expect_output_has(" error tiny-0 service open_failed err=IO msg=\"no room for hi\"\n");

    write_config("name: tiny-0\ngreeting: hi\nlisten: ipc:///nonexistent/socket\n");
    CHECK(wait_exit(serve("assay-tiny")) == 1);
    expect_output_has("open_failed");

    write_tiny_config("greeting: hi\n");
    pid_t pid = serve("assay-tiny");
    asker_open(&asker);
    wait_for_health(&asker, "");
    CHECK(load(&asker, "fail", false, &loaded) == ERR_UNAVAILABLE);
    asker_close(&asker);
    CHECK(wait_exit(pid) == 1);
    expect_output_has(" error tiny-0 service failed msg=\"told to\" request=");
    expect_output_has(" info tiny-0 service stopped exit_code=1\n");
}

// ---- The admin port

// Where the process says that its port is.
static const char *admin_address(void)
{
    static char address[64];
    for (int i = 0; i < 3000; i++) {
        // As text or as JSON.
        const char *at = strstr(output(), "admin_port");
        at = at != NULL ? strstr(at, "127.0.0.1:") : NULL;
        if (at != NULL && sscanf(at, "%63[0-9.:]", address) == 1)
            return address;
        usleep(10000);
    }
    fprintf(stderr, "no admin port in:\n%s", output());
    abort();
}

// One request on a connection of its own: its status, and the beginning of its body.
static void expect_http(const char *method, const char *path, const char *headers, const char *body,
                        int status, const char *begin)
{
    struct http_raw raw;
    char head[512];
    CHECK(http_raw_connect(&raw, admin_address()));
    snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n%s\r\n",
             method, path, strlen(body), headers);
    CHECK(http_raw_say(&raw, head) && http_raw_say(&raw, body));
    struct http_raw_answer answer = http_raw_read(&raw);
    const char *got = answer.body != NULL ? answer.body : "(none)";
    if (answer.status != status || strncmp(got, begin, strlen(begin)) != 0) {
        fprintf(stderr, "%s %s: %d %s\nexpected: %d %s\n", method, path, answer.status, got, status,
                begin);
        abort();
    }
    http_raw_answer_free(&answer);
    http_raw_close(&raw);
}

static void test_admin_port(void)
{
    static const char REPORT[] = "d.yaml:1:1: bad: x\nd.yaml:1:2: worse\n";
    char expected[200];
    write_tiny_config("greeting: hi\nadmin: 127.0.0.1:0\nlog_format: json\n");
    pid_t pid = serve("assay-tiny");
    expect_http("GET", "/livez", "", "", 200, "ok\n");
    expect_http("GET", "/readyz", "", "", 200, "ready\n");
    expect_http("GET", "/startupz", "", "", 200, "started\n");
    expect_http("GET", "/metrics", "", "", 200, "# HELP assay_");
    snprintf(expected, sizeof expected,
             "{\"program\": \"assay-tiny\", \"name\": \"tiny-0\", \"version\": \"%s\", "
             "\"document\": \"doc@1\", \"ready\": true, \"pid\": %d, ",
             ASSAY_VERSION, (int)pid);
    expect_http("GET", "/version", "", "", 200, expected);
    expect_http("GET", "/log-level", "", "", 200, "info\n");
    expect_http("PUT", "/log-level", "", "loud\n", 400, "\"loud\" is no level");
    expect_http("PUT", "/log-level", "Origin: http://x\r\n", "debug", 403, "not for pages");
    expect_http("GET", "/log-level", "", "", 200, "info\n");
    expect_http("PUT", "/log-level", "X-Request-Id: r-77\r\n", "debug\n", 200, "debug\n");
    expect_http("POST", "/reload", "", "good", 200, "doc@2 changed\n");
    expect_http("POST", "/reload?check=true", "", "good", 200, "doc@1 unchanged\n");
    expect_http("POST", "/reload?file=d.yaml", "", "x", 400, REPORT);
    expect_http("POST", "/reload", "", "busy", 400, "another one is on its way\n");
    expect_http("POST", "/reload?check=perhaps", "", "good", 400, "check: expected true or false");
    expect_http("POST", "/reload", "Origin: null\r\n", "good", 403, "not for pages");
    expect_http("POST", "/assay.admin.v1.AdminService/SetLogLevel",
                "Content-Type: application/json\r\n", "{\"level\": \"warn\"}", 200, "{}");
    expect_http("GET", "/log-level", "", "", 200, "warn\n");
    expect_http("PUT", "/log-level", "", "debug\n", 200, "debug\n");
    expect_http("GET", "/reload", "", "", 405, "{\"error\": \"this path takes POST\"}");
    CHECK(kill(pid, SIGTERM) == 0);
    CHECK(wait_exit(pid) == 0);
    expect_output_has(",\"component\":\"service\",\"event\":\"log_level_set\","
                      "\"fact_level\":\"debug\",\"request\":\"r-77\",\"trace_id\":\"");
    expect_output_has(
        "\"event\":\"request\",\"method\":\"POST\",\"route\":\"/reload\",\"status\":200,");
}

// A service that has never been ready, and has no document.
static void test_admin_port_of_the_bare(void)
{
    write_tiny_config("admin: 127.0.0.1:0\n");
    pid_t pid = serve("assay-bare");
    expect_http("GET", "/livez", "", "", 200, "ok\n");
    expect_http("GET", "/readyz", "", "", 503, "starting\n");
    expect_http("GET", "/startupz", "", "", 503, "starting\n");
    expect_http("POST", "/reload", "", "good", 404, "assay-bare is governed by no document\n");
    CHECK(kill(pid, SIGTERM) == 0);
    CHECK(wait_exit(pid) == 0);

    write_tiny_config("admin: 127.0.0.1\n");
    CHECK(wait_exit(serve("assay-bare")) == 1);
    expect_output_has("open_failed err=INVALID msg=\"admin: \"127.0.0.1\" is no HOST:PORT\"");
}

// Probes are for everybody; the rest is for whom the guard lets in, also while the service drains.
static void test_admin_port_guarded(void)
{
    write_tiny_config("greeting: hi\nadmin: 127.0.0.1:0\nguarded: true\nhang: true\n"
                      "drain: 1h\n");
    pid_t pid = serve("assay-tiny");
    expect_http("GET", "/readyz", "", "", 200, "ready\n");
    expect_http("GET", "/metrics", "", "", 401, "who are you\n");
    expect_http("GET", "/version", "Authorization: Bearer wrong\r\n", "", 401, "who are you\n");
    expect_http("POST", "/reload", "", "good", 401, "who are you\n");
    expect_http("PUT", "/log-level", "", "debug", 401, "who are you\n");
    expect_http("GET", "/log-level", "Authorization: Bearer right\r\n", "", 200, "info\n");
    CHECK(kill(pid, SIGTERM) == 0);
    for (int i = 0; i < 3000 && strstr(output(), "draining") == NULL; i++)
        usleep(10000);
    expect_http("GET", "/livez", "", "", 200, "ok\n");
    expect_http("GET", "/readyz", "", "", 503, "draining\n");
    expect_http("GET", "/startupz", "", "", 200, "started\n");
    CHECK(kill(pid, SIGTERM) == 0);
    CHECK(wait_exit(pid) == 1);
}

// A drain that never ends: a second signal ends it, and so does the deadline.
static void test_hanging_drain(bool second_signal)
{
    struct asker asker;
    Assay__Admin__V1__LoadDocumentResponse *loaded;
    int64_t clock_ms;
    write_tiny_config(second_signal ? "greeting: hi\nhang: true\ndrain: 1h\n"
                                    : "greeting: hi\nhang: true\ndrain: 0ms\n");
    pid_t pid = serve("assay-tiny");
    asker_open(&asker);
    wait_for_health(&asker, "");
    CHECK(kill(pid, SIGTERM) == 0);
    if (second_signal) {
        wait_for_health(&asker, "draining");
        CHECK(load(&asker, "good", false, &loaded) == ERR_UNAVAILABLE);
        CHECK(advance(&asker, 1, &clock_ms) == ERR_UNAVAILABLE);
        CHECK(kill(pid, SIGTERM) == 0);
    }
    CHECK(wait_exit(pid) == 1);
    asker_close(&asker);
    expect_output_has(second_signal ? "a second signal: the process ends at once\n"
                                    : "the drain took too long: the process ends at once\n");
}

int main(int argc, char **argv)
{
    if (strcmp(argv[0], "assay-tiny") == 0)
        return service_main(&TINY, argc, argv);
    if (strcmp(argv[0], "assay-bare") == 0)
        return service_main(&BARE, argc, argv);
    alarm(240); // whatever hangs
    log_init("test", LOG_LEVEL_ERROR);
    strcpy(dir, "/tmp/service-XXXXXX");
    CHECK(mkdtemp(dir) != NULL);
    snprintf(config_path, sizeof config_path, "%s/c.yaml", dir);
    snprintf(log_path, sizeof log_path, "%s/log", dir);
    snprintf(url, sizeof url, "ipc://%s/socket", dir);
    test_options();
    test_bad_configs();
    test_life();
    test_bare();
    test_failures();
    test_admin_port();
    test_admin_port_of_the_bare();
    test_admin_port_guarded();
    test_hanging_drain(true);
    test_hanging_drain(false);
    unlink(config_path);
    unlink(log_path);
    unlink(url + strlen("ipc://"));
    CHECK(rmdir(dir) == 0);
    printf("ok\n");
    return 0;
}
