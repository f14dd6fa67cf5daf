// SPDX-License-Identifier: Apache-2.0
// A scorer as a process of its own, with its files in a fresh folder, a fake router and a client on
// the test's loop. It can be killed, stopped and started again. Header only.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assay/admin/v1/admin.pb-c.h"
#include "assay/scorer/v1/scorer.pb-c.h"
#include "common/base/mem.h"
#include "common/log/log.h"
#include "common/shard/shard.h"
#include "tests/support/router_fake.h"
#include "tests/support/scorer_batches.h"
#include "tests/support/nng_leaks.h"
#include "tests/support/temp_folder.h"

enum { RIG_LOOK_MS = 2, RIG_LOOKS_MAX = 60000, RIG_LOG_BYTES = 65536 };

struct rig_opts {
    uint32_t n_lanes;
    const char *clock;    // "event"
    const char *more;     // lines of the configuration
    const char *playbook; // NULL: no file
};

struct rig {
    struct temp_folder folder;
    struct loop *loop;
    struct router_fake router;
    struct shard_map *map;
    char url[200];
    struct rpc_client *client;
    bool client_closed;
    pid_t pid; // 0: none runs
    int exit_code;
    struct arena arena; // of answers
    struct err_info info;
    struct loop_timer *look;
    bool (*until)(void *arg);
    void *until_arg;
    int looks;
};

// ---- Waiting ------------------------------------------------------------------------------------

static inline const char *rig_log(const struct rig *rig)
{
    static char text[RIG_LOG_BYTES];
    struct temp_folder path = temp_folder_at(&rig->folder, "log");
    FILE *file = fopen(path.path, "r");
    if (file == NULL)
        return "";
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static inline void rig_die(const struct rig *rig, const char *what)
{
    fprintf(stderr, "%s: %s; the scorer's log:\n%s\n", what, rig->info.text, rig_log(rig));
    abort();
}

static inline void rig_look_cb(void *arg)
{
    struct rig *rig = arg;
    if (rig->until == NULL)
        return;
    if (rig->until(rig->until_arg))
        loop_stop(rig->loop);
    else if (++rig->looks > RIG_LOOKS_MAX)
        rig_die(rig, "what the test waits for never comes");
}

// Runs the loop until it is so.
static inline void rig_until(struct rig *rig, bool (*until)(void *arg), void *arg)
{
    rig->until = until;
    rig->until_arg = arg;
    rig->looks = 0;
    while (!until(arg))
        loop_run(rig->loop);
    rig->until = NULL;
}

// ---- The process --------------------------------------------------------------------------------

static inline void rig_write(struct rig *rig, const char *name, const char *text)
{
    struct temp_folder path = temp_folder_at(&rig->folder, name);
    FILE *file = fopen(path.path, "w");
    CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

static inline void rig_configure(struct rig *rig, const char *clock, const char *more)
{
    const char *dir = rig->folder.path;
    struct buf text = {0};
    buf_printf(&text,
               "name: scorer-0\nlisten: %s\ndata: %s/data\nplaybook: %s/playbook.yaml\n"
               "shard_map: %s/map\nrouter: %s\nclock: %s\nlog_level: info\n%s",
               rig->url, dir, dir, dir, rig->router.url, clock, more);
    buf_append_u8(&text, 0);
    rig_write(rig, "scorer.yaml", (const char *)text.bytes);
    buf_deinit(&text);
}

static inline void rig_start(struct rig *rig)
{
    CHECK(rig->pid == 0);
    struct temp_folder config = temp_folder_at(&rig->folder, "scorer.yaml");
    struct temp_folder log = temp_folder_at(&rig->folder, "log");
    static const char PROGRAM[] = TEST_BIN_DIR "/assay-scorer";
    const char *argv[] = {PROGRAM, "--config", config.path, NULL};
    fflush(NULL);
    rig->pid = fork();
    CHECK(rig->pid >= 0);
    if (rig->pid == 0) {
        int fd = open(log.path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
            _exit(99);
        prctl(PR_SET_PDEATHSIG, SIGKILL); // nothing is left behind when a check fails
        execv(PROGRAM, (char *const *)(void *)argv);
        _exit(98);
    }
}

static inline bool rig_has_exited(void *arg)
{
    struct rig *rig = arg;
    int status;
    if (rig->pid == 0)
        return true;
    pid_t pid = waitpid(rig->pid, &status, WNOHANG);
    if (pid == 0)
        return false;
    CHECK(pid == rig->pid);
    rig->pid = 0;
    rig->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    return true;
}

// Its exit code, or 1000 and the signal. The loop runs meanwhile.
static inline int rig_wait_exit(struct rig *rig)
{
    rig_until(rig, rig_has_exited, rig);
    return rig->exit_code;
}

static inline void rig_kill(struct rig *rig)
{
    CHECK(kill(rig->pid, SIGKILL) == 0);
    int code = rig_wait_exit(rig);
    if (code != 1000 + SIGKILL)
        rig_die(rig, "the scorer ended by itself");
}

static inline int rig_stop(struct rig *rig)
{
    CHECK(kill(rig->pid, SIGTERM) == 0);
    return rig_wait_exit(rig);
}

// ---- Asking -------------------------------------------------------------------------------------

static inline enum err rig_ask(struct rig *rig, const char *method, const ProtobufCMessage *request,
                               const ProtobufCMessageDescriptor *type, void *answer)
{
    struct rpc_call_opts opts = {.timeout_ms = 20000};
    rig->info.text[0] = '\0';
    return rpc_call_wait(rig->loop, rig->client, method, request, type, &opts, &rig->arena, answer,
                         &rig->info);
}

static inline enum err rig_status(struct rig *rig, Assay__Admin__V1__GetStatusResponse **answer)
{
    Assay__Admin__V1__GetStatusRequest request = ASSAY__ADMIN__V1__GET_STATUS_REQUEST__INIT;
    return rig_ask(rig, "assay.admin.v1.AdminService/GetStatus", &request.base,
                   &assay__admin__v1__get_status_response__descriptor, answer);
}

// The process was started a moment ago.
static inline void rig_wait_ready(struct rig *rig)
{
    for (int i = 0; i < 10000; i++) {
        Assay__Admin__V1__GetStatusResponse *answer;
        if (rig_has_exited(rig))
            rig_die(rig, "the scorer ended instead of getting ready");
        enum err err = rig_status(rig, &answer);
        if (err == ERR_OK && answer->ready && answer->pid == rig->pid)
            return;
        arena_reset(&rig->arena);
        usleep(1000);
    }
    rig_die(rig, "the scorer does not get ready");
}

static inline const char *rig_document(struct rig *rig)
{
    Assay__Admin__V1__GetStatusResponse *answer;
    CHECK(rig_status(rig, &answer) == ERR_OK);
    return answer->document;
}

static inline enum err rig_load(struct rig *rig, const char *text, bool check_only,
                                Assay__Admin__V1__LoadDocumentResponse **answer)
{
    Assay__Admin__V1__LoadDocumentRequest request = ASSAY__ADMIN__V1__LOAD_DOCUMENT_REQUEST__INIT;
    request.file = (char *)"new.yaml";
    request.text = (ProtobufCBinaryData){strlen(text), (uint8_t *)(uintptr_t)text};
    request.check_only = check_only;
    return rig_ask(rig, "assay.admin.v1.AdminService/LoadDocument", &request.base,
                   &assay__admin__v1__load_document_response__descriptor, answer);
}

static inline enum err rig_advance(struct rig *rig, int64_t to_ms, int64_t *clock_ms)
{
    Assay__Admin__V1__AdvanceClockRequest request = ASSAY__ADMIN__V1__ADVANCE_CLOCK_REQUEST__INIT;
    Assay__Admin__V1__AdvanceClockResponse *answer;
    request.to_ms = to_ms;
    enum err err = rig_ask(rig, "assay.admin.v1.AdminService/AdvanceClock", &request.base,
                           &assay__admin__v1__advance_clock_response__descriptor, &answer);
    if (err == ERR_OK && clock_ms != NULL)
        *clock_ms = answer->clock_ms;
    return err;
}

static inline enum err rig_explain(struct rig *rig, const char *account, const char *user,
                                   Assay__Scorer__V1__ExplainResponse **answer)
{
    Assay__Scorer__V1__ExplainRequest request = ASSAY__SCORER__V1__EXPLAIN_REQUEST__INIT;
    request.account_id = (char *)account;
    request.user_id = (char *)user;
    return rig_ask(rig, "assay.scorer.v1.ScorerService/Explain", &request.base,
                   &assay__scorer__v1__explain_response__descriptor, answer);
}

// A measure's value as text; NULL when there is none.
static inline const char *rig_measure(struct rig *rig, const char *account, const char *user,
                                      const char *name)
{
    Assay__Scorer__V1__ExplainResponse *answer;
    if (rig_explain(rig, account, user, &answer) != ERR_OK)
        return NULL;
    for (size_t i = 0; i < answer->n_measures; i++)
        if (strcmp(answer->measures[i]->name, name) == 0)
            return answer->measures[i]->value;
    return NULL;
}

static inline enum err rig_try_lanes(struct rig *rig, Assay__Scorer__V1__GetLanesResponse **answer)
{
    Assay__Scorer__V1__GetLanesRequest request = ASSAY__SCORER__V1__GET_LANES_REQUEST__INIT;
    return rig_ask(rig, "assay.scorer.v1.ScorerService/GetLanes", &request.base,
                   &assay__scorer__v1__get_lanes_response__descriptor, answer);
}

static inline const Assay__Scorer__V1__Lane *rig_lane(struct rig *rig, uint32_t number)
{
    Assay__Scorer__V1__GetLanesResponse *answer;
    if (rig_try_lanes(rig, &answer) != ERR_OK)
        rig_die(rig, "GetLanes");
    CHECK(number < answer->n_lanes && answer->lanes[number]->lane == number);
    return answer->lanes[number];
}

// Until the router has confirmed every signal.
static inline void rig_wait_signals(struct rig *rig)
{
    for (int i = 0; i < 20000; i++) {
        Assay__Scorer__V1__GetLanesResponse *answer;
        uint64_t waiting = 0;
        arena_reset(&rig->arena);
        if (rig_try_lanes(rig, &answer) != ERR_OK)
            rig_die(rig, "GetLanes");
        for (size_t l = 0; l < answer->n_lanes; l++)
            waiting += answer->lanes[l]->signals_waiting;
        if (waiting == 0)
            return;
        usleep(500);
    }
    rig_die(rig, "signals still wait for the router");
}

// Until no lane has measures that are warming.
static inline void rig_wait_warm(struct rig *rig)
{
    for (int i = 0; i < 60000; i++) {
        Assay__Scorer__V1__GetLanesResponse *answer;
        uint32_t warming = 0;
        arena_reset(&rig->arena);
        if (rig_try_lanes(rig, &answer) != ERR_OK)
            rig_die(rig, "GetLanes");
        for (size_t l = 0; l < answer->n_lanes; l++) {
            warming += answer->lanes[l]->warming_measures;
            CHECK(answer->lanes[l]->warming_percent <= 100);
        }
        if (warming == 0)
            return;
        usleep(1000);
    }
    rig_die(rig, "the measures never get warm");
}

// ---- Batches ------------------------------------------------------------------------------------

struct rig_applied {
    struct rig *rig;
    bool done;
    enum rpc_status status;
    char text[600];
    int outcome; // an ApplyOutcome
    uint64_t expected;
    uint32_t duplicates[64];
    size_t n_duplicates;
};

static inline void rig_applied_cb(void *arg, enum rpc_status status, const char *text,
                                  struct span answer)
{
    struct rig_applied *applied = arg;
    CHECK(!applied->done);
    applied->done = true;
    applied->status = status;
    snprintf(applied->text, sizeof applied->text, "%s", text);
    if (status != RPC_OK)
        return;
    Assay__Scorer__V1__ApplyResponse *response =
        assay__scorer__v1__apply_response__unpack(NULL, answer.len, answer.ptr);
    CHECK(response != NULL);
    applied->outcome = (int)response->outcome;
    applied->expected = response->expected;
    applied->n_duplicates = response->n_duplicates;
    for (size_t i = 0; i < response->n_duplicates && i < 64; i++)
        applied->duplicates[i] = response->duplicates[i];
    assay__scorer__v1__apply_response__free_unpacked(response, NULL);
}

static inline void rig_send(struct rig *rig, struct span bytes, struct rig_applied *applied)
{
    struct rpc_call_opts opts = {.timeout_ms = 20000};
    *applied = (struct rig_applied){.rig = rig};
    rpc_call_raw(rig->client, "assay.scorer.v1.ScorerService/Apply", bytes, &opts, rig_applied_cb,
                 applied);
}

static inline bool rig_is_applied(void *arg)
{
    return ((struct rig_applied *)arg)->done;
}

static inline void rig_apply(struct rig *rig, struct span bytes, struct rig_applied *applied)
{
    rig_send(rig, bytes, applied);
    rig_until(rig, rig_is_applied, applied);
}

// A batch that must be taken.
static inline void rig_apply_ok(struct rig *rig, struct span bytes)
{
    struct rig_applied applied;
    rig_apply(rig, bytes, &applied);
    if (applied.status == RPC_OK &&
        applied.outcome == (int)ASSAY__SCORER__V1__APPLY_OUTCOME__APPLY_OUTCOME_APPLIED)
        return;
    snprintf(rig->info.text, sizeof rig->info.text, "status %d outcome %d %.300s", applied.status,
             applied.outcome, applied.text);
    rig_die(rig, "a batch was not applied");
}

// The i-th account of a lane: "<lane>-<n>" with the numbers that fall there.
static inline void rig_account(const struct rig *rig, uint32_t lane, int i, char out[32])
{
    static int cached_lane = -1, cached_i = -1, cached_n;
    int n = 0, seen = -1;
    if (cached_lane == (int)lane && cached_i < i) {
        n = cached_n + 1;
        seen = cached_i;
    }
    for (;; n++) {
        snprintf(out, 32, "acct-%d", n);
        if (shard_map_lane_of_key(rig->map, span_of(out)) == lane && ++seen == i)
            break;
    }
    cached_lane = (int)lane;
    cached_i = i;
    cached_n = n;
}

// ---- Life ---------------------------------------------------------------------------------------

static inline void rig_write_map(struct rig *rig, uint32_t n_lanes)
{
    struct shard_lane lanes[ROUTER_FAKE_LANES] = {0};
    struct temp_folder path = temp_folder_at(&rig->folder, "map");
    struct shard_source *source;
    CHECK(n_lanes > 0 && n_lanes <= ROUTER_FAKE_LANES);
    for (uint32_t i = 0; i < n_lanes; i++) {
        lanes[i].lane = i;
        lanes[i].epoch = 1;
        snprintf(lanes[i].node, sizeof lanes[i].node, "scorer-0");
        snprintf(lanes[i].address, sizeof lanes[i].address, "%.190s", rig->url);
    }
    rig->map = shard_map_create(1, 64, lanes, n_lanes);
    CHECK(shard_source_open_file(path.path, &source, &rig->info) == ERR_OK);
    CHECK(shard_source_swap(source, 0, rig->map, &rig->info) == ERR_OK);
    shard_source_close(source);
}

static inline void rig_open(struct rig *rig, const struct rig_opts *opts)
{
    *rig = (struct rig){0};
    log_init("test", LOG_LEVEL_ERROR);
    alarm(280); // whatever hangs
    temp_folder_make(&rig->folder);
    rig->loop = loop_create();
    arena_init(&rig->arena, 16384, 0);
    char router_url[200];
    snprintf(rig->url, sizeof rig->url, "ipc://%.150s/s", rig->folder.path);
    snprintf(router_url, sizeof router_url, "ipc://%.150s/r", rig->folder.path);
    router_fake_open(&rig->router, rig->loop, router_url);
    rig_write_map(rig, opts->n_lanes);
    if (opts->playbook != NULL)
        rig_write(rig, "playbook.yaml", opts->playbook);
    rig_configure(rig, opts->clock == NULL ? "event" : opts->clock,
                  opts->more == NULL ? "" : opts->more);
    struct rpc_client_opts client = {
        .url = rig->url, .calls_max = 1200, .request_bytes_max = 64 << 20};
    CHECK(rpc_client_open(rig->loop, &client, &rig->client, &rig->info) == ERR_OK);
    rig->look = loop_timer_create(rig->loop, rig_look_cb, rig);
    loop_timer_start(rig->look, RIG_LOOK_MS, RIG_LOOK_MS);
}

static inline void rig_client_closed_cb(void *arg)
{
    ((struct rig *)arg)->client_closed = true;
}

static inline bool rig_is_closed(void *arg)
{
    struct rig *rig = arg;
    return rig->client_closed && rig->router.server == NULL;
}

// Kills what still runs.
static inline void rig_close(struct rig *rig)
{
    if (rig->pid != 0)
        rig_kill(rig);
    rpc_client_close(rig->client, rig_client_closed_cb, rig);
    router_fake_shut(&rig->router);
    rig_until(rig, rig_is_closed, rig);
    router_fake_close(&rig->router);
    loop_timer_destroy(rig->look);
    loop_run(rig->loop);
    loop_destroy(rig->loop);
    shard_map_destroy(rig->map);
    arena_deinit(&rig->arena);
    temp_folder_remove(&rig->folder);
}
