// SPDX-License-Identifier: Apache-2.0
// links: service keyring rpc loop config log metrics base clock assay_proto
//
// The guard of a process before real servers (ipc and tcp), and before calls that other transports
// carry: who is let in with and without keys, what follows a change of the file, what is counted,
// and that no token is ever logged.
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "assay/admin/v1/admin.pb-c.h"
#include "assay/health/v1/health.pb-c.h"
#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "common/keys/keys.h"
#include "common/keys/keyring.h"
#include "common/service/access.h"
#include "common/service/service_impl.h"
#include "tests/support/temp_folder.h"

#define ADMIN "assay.admin.v1.AdminService/"
#define ADMIN_TYPE(Name) assay__admin__v1__##Name##__descriptor

// ---- A table of its own -------------------------------------------------------------------------

// Only the level that the key's list "levels" has.
static enum rpc_status check_level(const struct keys_key *key, const ProtobufCMessage *message,
                                   char text[RPC_TEXT_MAX])
{
    const Assay__Admin__V1__SetLogLevelRequest *request = (const void *)message;
    if (keys_allows(key, "levels", span_of(request->level)))
        return RPC_OK;
    snprintf(text, RPC_TEXT_MAX, "level: the key is not for \"%s\"", request->level);
    return RPC_PERMISSION_DENIED;
}

static size_t level_cost(const ProtobufCMessage *message)
{
    return strlen(((const Assay__Admin__V1__SetLogLevelRequest *)(const void *)message)->level);
}

#define CONSUMER SERVICE_ROLE(KEYS_CONSUMER)
static const struct service_access ROWS[] = {
    {.method = ADMIN "GetStatus", .roles = SERVICE_ROLE(KEYS_WRITE) | CONSUMER},
    {.method = ADMIN "GetMetrics", .roles = CONSUMER, .verb = "look"},
    {.method = ADMIN "SetLogLevel", .roles = CONSUMER, .cost = level_cost, .check = check_level},
    {.method = ADMIN "LoadDocument", .roles = SERVICE_ROLE(KEYS_SERVICE)},
};
static const struct service_access_table TABLE = {ROWS, ARRAY_LEN(ROWS)};
static const struct service_desc DESC = {.program = "assay-guarded", .access = &TABLE};

// ---- A process ----------------------------------------------------------------------------------

struct process {
    struct service service;
    struct service_admin *admins[2];
    struct rpc_server *servers[2]; // ipc, tcp
    struct rpc_client *clients[2];
    const char *authorization; // of the clients; "" for none
    char urls[2][128];
    size_t n_open;
    struct arena arena;
};

static struct temp_folder folder;
static struct temp_folder keys_file, log_file;
#define keys_path keys_file.path
#define log_path log_file.path

static const char *authorization(void *arg)
{
    return ((struct process *)arg)->authorization;
}

static void load_document_on_nng(void *arg, struct rpc_request *request)
{
    (void)arg;
    rpc_request_answer(request, (struct span){"", 0});
}

// A port of this machine that is free at this moment.
static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    close(fd);
    return ntohs(address.sin_port);
}

static void server_open(struct process *p, size_t i)
{
    struct rpc_server_opts opts = {.url = p->urls[i]};
    struct rpc_client_opts client = {
        .url = p->urls[i], .authorization = authorization, .authorization_arg = p};
    CHECK(rpc_server_open(p->service.loop, &opts, &p->servers[i], NULL) == ERR_OK);
    p->service.server = p->servers[i];
    guard_stand_before(p->service.guard, p->servers[i]);
    rpc_server_add_raw(p->servers[i], ADMIN "LoadDocument", load_document_on_nng, NULL);
    p->admins[i] = service_admin_create(&p->service);
    if (i == 1)
        p->service.calls = call_metrics_create(p->service.metrics, p->servers[i]);
    rpc_server_start(p->servers[i]);
    CHECK(rpc_client_open(p->service.loop, &client, &p->clients[i], NULL) == ERR_OK);
}

// What the metrics of the process must say.
static void expect_metrics(struct process *p, const char *const *lines, size_t n)
{
    struct buf text = {0};
    guard_refresh_metrics(p->service.guard);
    call_metrics_refresh(p->service.calls);
    metrics_write(p->service.metrics, &text);
    buf_append_u8(&text, 0);
    for (size_t i = 0; i < n; i++) {
        if (strstr((char *)text.bytes, lines[i]) == NULL) {
            fprintf(stderr, "no %s in:\n%s", lines[i], (char *)text.bytes);
            abort();
        }
    }
    buf_deinit(&text);
}

static struct process *process_open(bool with_keys)
{
    struct process *p = mem_zalloc(sizeof *p);
    p->service.desc = &DESC;
    p->service.config = (struct service_config){
        .name = "guarded", .keys = with_keys ? keys_path : "", .token_file = "", .calls_max = 8};
    p->service.loop = loop_create();
    p->service.metrics = metrics_create();
    p->authorization = "";
    arena_init(&p->arena, 4096, 0);
    CHECK(guard_open(&p->service, &p->service.guard, NULL) == ERR_OK);
    CHECK(snprintf(p->urls[0], sizeof p->urls[0], "ipc://%s/s.sock", folder.path) <
          (int)sizeof p->urls[0]);
    snprintf(p->urls[1], sizeof p->urls[1], "tcp://127.0.0.1:%d", free_port());
    server_open(p, 0);
    server_open(p, 1);
    return p;
}

static void closed_cb(void *arg)
{
    struct process *p = arg;
    if (--p->n_open == 0)
        guard_close(p->service.guard);
}

static void process_close(struct process *p)
{
    p->n_open = 2;
    for (size_t i = 0; i < 2; i++) {
        rpc_client_close(p->clients[i], NULL, NULL);
        rpc_server_close(p->servers[i], 1000, closed_cb, p);
    }
    loop_run(p->service.loop);
    loop_destroy(p->service.loop);
    metrics_destroy(p->service.metrics);
    call_metrics_destroy(p->service.calls);
    guard_destroy(p->service.guard);
    for (size_t i = 0; i < 2; i++)
        service_admin_destroy(p->admins[i]);
    arena_deinit(&p->arena);
    mem_free(p);
}

// ---- Calls --------------------------------------------------------------------------------------

struct outcome {
    struct process *process;
    bool ended;
    enum rpc_status status;
    char text[RPC_TEXT_MAX];
};

static struct outcome last;

static void raw_cb(void *arg, enum rpc_status status, const char *text, struct span answer)
{
    (void)answer;
    struct process *p = arg;
    last.status = status;
    snprintf(last.text, sizeof last.text, "%s", text);
    loop_stop(p->service.loop);
}

static struct span pack(struct process *p, const ProtobufCMessage *message)
{
    size_t n = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = arena_alloc(&p->arena, n + 1);
    protobuf_c_message_pack(message, bytes);
    return span_make(bytes, n);
}

// Over NNG: 0 by ipc, 1 by tcp.
static enum rpc_status call(struct process *p, size_t way, const char *method, struct span body,
                            const char *token)
{
    struct rpc_call_opts opts = {.timeout_ms = 20000};
    p->authorization = token;
    rpc_call_raw(p->clients[way], method, body, &opts, raw_cb, p);
    loop_run(p->service.loop);
    return last.status;
}

static void carried_message(void *carrier, const ProtobufCMessage *message)
{
    (void)carrier, (void)message;
}

static void carried_end(void *carrier, enum rpc_status status, const char *text)
{
    struct outcome *outcome = carrier;
    outcome->ended = true;
    outcome->status = status;
    snprintf(outcome->text, sizeof outcome->text, "%s", text);
}

// As another transport would; every method here answers at once.
static enum rpc_status carry(struct process *p, enum rpc_way way, const char *peer,
                             const char *method, struct span body, const char *token)
{
    static const struct rpc_carrier_ops OPS = {.message = carried_message, .end = carried_end};
    const struct rpc_pair pair = {RPC_KEY_AUTHORIZATION, token};
    const struct rpc_carry_opts opts = {
        .method = rpc_server_method(p->servers[0], method),
        .way = way,
        .peer = peer,
        .body = body,
        .metadata = &pair,
        .n_metadata = token == NULL ? 0 : 1,
    };
    last = (struct outcome){.process = p};
    CHECK(opts.method != NULL);
    CHECK(rpc_carry(p->servers[0], &opts, &OPS, &last) == NULL || last.ended);
    CHECK(last.ended);
    return last.status;
}

static void expect_status(int line, enum rpc_status got, enum rpc_status expected)
{
    if (got == expected)
        return;
    printf("line %d: %s (%s), expected %s\n", line, rpc_status_name(got), last.text,
           rpc_status_name(expected));
    fflush(stdout);
    abort();
}
#define EXPECT(call, status) expect_status(__LINE__, (call), (status))

#define NOTHING ((struct span){"", 0})

// ---- Keys ---------------------------------------------------------------------------------------

static struct keys *keys;

static const char *bearer(const char *token)
{
    static char texts[16][300];
    static size_t next;
    char *out = texts[next++ % ARRAY_LEN(texts)];
    snprintf(out, 300, "Bearer %s", token);
    return out;
}

static void keys_save(void)
{
    struct temp_folder fresh = temp_folder_at(&folder, "keys.new");
    struct buf text = {0};
    keys_write(keys, &text);
    int fd = open(fresh.path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0 && write(fd, text.bytes, text.len) == (ssize_t)text.len && close(fd) == 0);
    CHECK(rename(fresh.path, keys_path) == 0);
    buf_deinit(&text);
}

static char tokens[8][TOKEN_CHARS + 1];
static size_t n_tokens;

static const char *key_add(enum keys_role role, const char *name, int64_t rate, const char *word,
                           const char *value)
{
    const struct keys_list list = {word, &value, 1};
    struct keys_spec spec = {.role = role,
                             .name = span_of(name),
                             .rate = rate,
                             .lists = &list,
                             .n_lists = word == NULL ? 0 : 1};
    const struct keys_key *key;
    char *token = tokens[n_tokens++];
    CHECK(keys_add(keys, &spec, clock_wall_ms(), token, &key, NULL) == ERR_OK);
    return bearer(token);
}

// ---- Tests --------------------------------------------------------------------------------------

static struct span set_level(struct process *p, const char *level)
{
    Assay__Admin__V1__SetLogLevelRequest request = ASSAY__ADMIN__V1__SET_LOG_LEVEL_REQUEST__INIT;
    request.level = (char *)level;
    return pack(p, &request.base);
}

static void test_without_keys(void)
{
    struct process *p = process_open(false);
    // This machine may do everything; what it shows is not looked at.
    EXPECT(call(p, 0, ADMIN "GetStatus", NOTHING, ""), RPC_OK);
    EXPECT(call(p, 1, ADMIN "GetStatus", NOTHING, ""), RPC_OK);
    EXPECT(call(p, 1, ADMIN "GetStatus", NOTHING, "Bearer dev"), RPC_OK);
    EXPECT(call(p, 1, ADMIN "LoadDocument", NOTHING, ""), RPC_OK);
    EXPECT(carry(p, RPC_WAY_HTTP, "127.0.0.1:9", ADMIN "GetStatus", NOTHING, NULL), RPC_OK);
    EXPECT(carry(p, RPC_WAY_GRPC, "[::1]:9", ADMIN "GetStatus", NOTHING, "Bearer dev"), RPC_OK);
    EXPECT(carry(p, RPC_WAY_INSIDE, "", ADMIN "GetStatus", NOTHING, NULL), RPC_OK);
    // Nobody else may do anything, whatever he shows.
    EXPECT(carry(p, RPC_WAY_HTTP, "10.1.2.3:9", ADMIN "GetStatus", NOTHING, NULL),
           RPC_UNAUTHENTICATED);
    EXPECT(carry(p, RPC_WAY_HTTP, "10.1.2.3:9", ADMIN "GetStatus", NOTHING, "Bearer dev"),
           RPC_UNAUTHENTICATED);
    EXPECT(carry(p, RPC_WAY_GRPC, "", ADMIN "GetStatus", NOTHING, NULL), RPC_UNAUTHENTICATED);
    // Whether it lives may be asked by all.
    EXPECT(
        carry(p, RPC_WAY_HTTP, "10.1.2.3:9", "assay.health.v1.HealthService/Check", NOTHING, NULL),
        RPC_OK);
    process_close(p);
}

static void test_with_keys(void)
{
    keys = keys_create();
    const char *writer = key_add(KEYS_WRITE, "writer", 0, NULL, NULL);
    const char *looker = key_add(KEYS_CONSUMER, "looker", 0, "verbs", "look");
    const char *blind = key_add(KEYS_CONSUMER, "blind", 0, "verbs", "touch");
    const char *levels = key_add(KEYS_CONSUMER, "levels", 0, "levels", "warn");
    const char *admin = key_add(KEYS_ADMIN, "admin", 0, NULL, NULL);
    const char *service = key_add(KEYS_SERVICE, "service", 0, NULL, NULL);
    keys_save();
    struct process *p = process_open(true);
    static const char HERE[] = "127.0.0.1:9";

    // Without a key: by ipc alone.
    EXPECT(call(p, 0, ADMIN "GetStatus", NOTHING, ""), RPC_OK);
    EXPECT(call(p, 0, ADMIN "LoadDocument", NOTHING, ""), RPC_OK);
    EXPECT(call(p, 1, ADMIN "GetStatus", NOTHING, ""), RPC_UNAUTHENTICATED);
    EXPECT(call(p, 1, ADMIN "LoadDocument", NOTHING, ""), RPC_UNAUTHENTICATED);
    EXPECT(carry(p, RPC_WAY_HTTP, HERE, ADMIN "GetStatus", NOTHING, NULL), RPC_UNAUTHENTICATED);
    CHECK(strstr(last.text, "needs a key") != NULL);
    EXPECT(carry(p, RPC_WAY_INSIDE, "", ADMIN "GetStatus", NOTHING, NULL), RPC_OK);
    EXPECT(call(p, 1, "assay.health.v1.HealthService/Check", NOTHING, ""), RPC_OK);

    // What is shown counts whichever way it came: who hands a call on hands on what it may do.
    EXPECT(call(p, 0, ADMIN "GetStatus", NOTHING, "Bearer nobody's"), RPC_UNAUTHENTICATED);
    EXPECT(call(p, 0, ADMIN "SetLogLevel", set_level(p, "warn"), writer), RPC_PERMISSION_DENIED);
    EXPECT(carry(p, RPC_WAY_INSIDE, "", ADMIN "GetMetrics", NOTHING, writer),
           RPC_PERMISSION_DENIED);

    // Roles, verbs, limits.
    EXPECT(call(p, 1, ADMIN "GetStatus", NOTHING, writer), RPC_OK);
    EXPECT(carry(p, RPC_WAY_GRPC, "10.0.0.1:9", ADMIN "GetStatus", NOTHING, writer), RPC_OK);
    EXPECT(call(p, 1, ADMIN "GetMetrics", NOTHING, writer), RPC_PERMISSION_DENIED);
    EXPECT(call(p, 1, ADMIN "GetMetrics", NOTHING, looker), RPC_OK);
    EXPECT(call(p, 1, ADMIN "GetMetrics", NOTHING, blind), RPC_PERMISSION_DENIED);
    EXPECT(call(p, 1, ADMIN "SetLogLevel", set_level(p, "warn"), levels), RPC_OK);
    EXPECT(call(p, 1, ADMIN "SetLogLevel", set_level(p, "info"), levels), RPC_PERMISSION_DENIED);
    CHECK(strstr(last.text, "level: the key is not for \"info\"") != NULL);
    EXPECT(call(p, 1, ADMIN "SetLogLevel", span_make("\xff", 1), levels), RPC_INVALID_ARGUMENT);
    EXPECT(call(p, 1, ADMIN "LoadDocument", NOTHING, writer), RPC_PERMISSION_DENIED);
    EXPECT(call(p, 1, ADMIN "LoadDocument", NOTHING, service), RPC_OK);
    EXPECT(call(p, 1, ADMIN "AdvanceClock", NOTHING, service), RPC_PERMISSION_DENIED);
    EXPECT(call(p, 1, ADMIN "AdvanceClock", NOTHING, admin), RPC_UNIMPLEMENTED);
    EXPECT(call(p, 1, ADMIN "SetLogLevel", set_level(p, "info"), admin), RPC_OK);

    // What is no key.
    char wrong[TOKEN_CHARS + 1];
    snprintf(wrong, sizeof wrong, "%s", tokens[0]);
    wrong[TOKEN_CHARS - 1] = wrong[TOKEN_CHARS - 1] == '0' ? '1' : '0';
    EXPECT(call(p, 1, ADMIN "GetStatus", NOTHING, bearer(wrong)), RPC_UNAUTHENTICATED);
    EXPECT(call(p, 1, ADMIN "GetStatus", NOTHING, "Basic abc"), RPC_UNAUTHENTICATED);
    EXPECT(call(p, 1, ADMIN "GetStatus", NOTHING, "Bearer "), RPC_UNAUTHENTICATED);
    EXPECT(call(p, 1, ADMIN "GetStatus", NOTHING, tokens[0]), RPC_UNAUTHENTICATED);
    EXPECT(call(p, 1, ADMIN "GetStatus", NOTHING, bearer(tokens[0])), RPC_OK);

#define RAW "method=\"" ADMIN "LoadDocument\""
    static const char *const LINES[] = {
        "assay_access_refused_total{reason=\"wrong\"} 1\n",
        "assay_access_refused_total{reason=\"unknown\"} 1\n",
        "assay_access_refused_total{reason=\"scheme\"} 3\n",
        "assay_keys 6\n",
        // Calls by tcp; the guard refuses raw ones too.
        "assay_rpc_calls_total{" RAW ",status=\"OK\"} 1\n",
        "assay_rpc_calls_total{" RAW ",status=\"UNAUTHENTICATED\"} 1\n",
        "assay_rpc_calls_total{" RAW ",status=\"PERMISSION_DENIED\"} 1\n",
        "assay_rpc_call_seconds_count{" RAW "} 3\n",
        "assay_rpc_calls_total{method=\"" ADMIN "AdvanceClock\",status=\"UNIMPLEMENTED\"} 1\n",
    };
    expect_metrics(p, LINES, ARRAY_LEN(LINES));
    process_close(p);
    keys_release(keys);
    n_tokens = 0;
}

static void test_rates(void)
{
    keys = keys_create();
    const char *slow = key_add(KEYS_CONSUMER, "slow", 5, NULL, NULL);
    keys_save();
    struct process *p = process_open(true);
    // A level of four letters costs four: the second one makes debts.
    EXPECT(call(p, 1, ADMIN "SetLogLevel", set_level(p, "info"), slow), RPC_OK);
    int taken = 1;
    for (; taken < 1000; taken++)
        if (call(p, 1, ADMIN "SetLogLevel", set_level(p, "info"), slow) != RPC_OK)
            break;
    EXPECT(last.status, RPC_RESOURCE_EXHAUSTED);
    CHECK(strstr(last.text, "try again in ") != NULL);
    CHECK(taken < 1000);
    process_close(p);
    keys_release(keys);
    n_tokens = 0;
}

// Asks until the answer is as expected: a changed file is seen within seconds.
static void until(struct process *p, const char *token, enum rpc_status status)
{
    for (int i = 0; i < 3000; i++) {
        if (call(p, 1, ADMIN "GetStatus", NOTHING, token) == status)
            return;
        usleep(10000);
    }
    expect_status(__LINE__, last.status, status);
}

static void test_reload(void)
{
    keys = keys_create();
    const char *a = key_add(KEYS_WRITE, "a", 0, NULL, NULL);
    keys_save();
    struct process *p = process_open(true);
    EXPECT(call(p, 1, ADMIN "GetStatus", NOTHING, a), RPC_OK);

    const char *b = key_add(KEYS_WRITE, "b", 0, NULL, NULL);
    EXPECT(call(p, 1, ADMIN "GetStatus", NOTHING, b), RPC_UNAUTHENTICATED);
    keys_save();
    until(p, b, RPC_OK);
    keys_disable(keys, keys_find(keys, span_of("a")), true);
    keys_save();
    until(p, a, RPC_UNAUTHENTICATED);
    CHECK(strstr(last.text, "disabled") != NULL);

    // A file with mistakes, or none: what was read before stays.
    FILE *file = fopen(keys_path, "w");
    CHECK(file != NULL && fputs("keys: [", file) >= 0 && fclose(file) == 0);
    struct buf text = {0};
    for (int i = 0; i < 3000; i++) {
        buf_clear(&text);
        guard_refresh_metrics(p->service.guard);
        metrics_write(p->service.metrics, &text);
        buf_append_u8(&text, 0);
        EXPECT(call(p, 1, ADMIN "GetStatus", NOTHING, b), RPC_OK);
        if (strstr((char *)text.bytes, "assay_keys_reload_failures_total 0\n") == NULL)
            break;
        usleep(10000);
    }
    CHECK(strstr((char *)text.bytes, "assay_keys_reload_failures_total 0\n") == NULL);
    buf_deinit(&text);
    CHECK(unlink(keys_path) == 0);
    EXPECT(call(p, 1, ADMIN "GetStatus", NOTHING, b), RPC_OK);
    keys_disable(keys, keys_find(keys, span_of("a")), false);
    keys_save();
    until(p, a, RPC_OK);
    process_close(p);
    keys_release(keys);
    n_tokens = 0;
}

static void test_bad_file_at_start(void)
{
    struct service service = {.desc = &DESC};
    struct err_info info;
    service.config.keys = keys_path;
    service.loop = loop_create();
    CHECK(unlink(keys_path) == 0);
    CHECK(guard_open(&service, &service.guard, &info) == ERR_NOT_FOUND);
    FILE *file = fopen(keys_path, "w");
    CHECK(file != NULL && fputs("keys: 7", file) >= 0 && fclose(file) == 0);
    CHECK(guard_open(&service, &service.guard, &info) == ERR_INVALID);
    loop_run(service.loop);
    loop_destroy(service.loop);
}

static void token_save(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

struct waiting {
    struct loop *loop;
    struct token_file *file;
    const char *expected;
    int rounds;
};

static void look_cb(void *arg)
{
    struct waiting *w = arg;
    if (strcmp(token_file_authorization(w->file), w->expected) == 0 || ++w->rounds > 3000)
        loop_stop(w->loop);
}

// What a process shows of itself follows its file; what is no token changes nothing.
static void test_token_file(void)
{
    struct temp_folder path = temp_folder_at(&folder, "token");
    const struct token_file_opts opts = {.path = path.path, .look_every_ms = 10};
    struct waiting w = {.loop = loop_create(), .expected = "Bearer second"};
    struct err_info info;
    CHECK(strcmp(token_file_authorization(NULL), "") == 0);
    CHECK(token_file_open(w.loop, &opts, &w.file, &info) == ERR_NOT_FOUND);
    token_save(path.path, "two words\n");
    CHECK(token_file_open(w.loop, &opts, &w.file, &info) == ERR_INVALID);
    CHECK(strstr(info.text, "words") == NULL);
    token_save(path.path, "first\n");
    CHECK(token_file_open(w.loop, &opts, &w.file, &info) == ERR_OK);
    CHECK(strcmp(token_file_authorization(w.file), "Bearer first") == 0);
    token_save(path.path, "");
    CHECK(unlink(path.path) == 0);
    CHECK(strcmp(token_file_authorization(w.file), "Bearer first") == 0);
    token_save(path.path, "second");
    struct loop_timer *timer = loop_timer_create(w.loop, look_cb, &w);
    loop_timer_start(timer, 1, 10);
    loop_run(w.loop);
    CHECK(w.rounds <= 3000);
    loop_timer_destroy(timer);
    token_file_close(w.file);
    loop_run(w.loop);
    loop_destroy(w.loop);
}

// Everything that was logged, to a file, and through to where it would have gone.
static void expect_no_secret_logged(char secrets[][TOKEN_CHARS + 1], size_t n)
{
    static char text[1 << 20];
    FILE *file = fopen(log_path, "r");
    CHECK(file != NULL);
    size_t len = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[len] = '\0';
    CHECK(strstr(text, "call_refused") != NULL && strstr(text, "reason=wrong key=") != NULL);
    for (size_t i = 0; i < n; i++)
        CHECK(secrets[i][0] == '\0' || strstr(text, secrets[i] + 18) == NULL);
    CHECK(strstr(text, "nobody's") == NULL && strstr(text, "10.1.2.3") == NULL);
}

int main(void)
{
    temp_folder_make(&folder);
    keys_file = temp_folder_at(&folder, "keys.yaml");
    log_file = temp_folder_at(&folder, "log");
    int fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0600), stderr_fd = dup(2);
    CHECK(fd >= 0 && stderr_fd >= 0 && dup2(fd, 2) == 2);
    log_init("guarded", LOG_LEVEL_INFO);
    test_without_keys();
    test_with_keys();
    char all[ARRAY_LEN(tokens)][TOKEN_CHARS + 1];
    memcpy(all, tokens, sizeof all);
    expect_no_secret_logged(all, ARRAY_LEN(all));
    test_rates();
    test_reload();
    test_bad_file_at_start();
    test_token_file();
    expect_no_secret_logged(tokens, ARRAY_LEN(tokens));
    CHECK(dup2(stderr_fd, 2) == 2);
    temp_folder_remove(&folder);
    puts("ok");
    return 0;
}
