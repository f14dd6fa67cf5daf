// SPDX-License-Identifier: Apache-2.0
// The shipped router as a process in a folder of its own, and calls to it over its socket.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assay/router/v1/router.pb-c.h"
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/loop/loop.h"
#include "common/rpc/rpc.h"
#include "tests/support/nng_leaks.h"
#include "tests/support/temp_folder.h"

enum { PATIENCE_MS = 120000, ROUNDS_MAX = 100000 };

static const char PLAYBOOK[] = "playbook: test\n"
                               "version: 1\n"
                               "measures:\n"
                               "  projects: {count: Project Created}\n"
                               "signals:\n"
                               "  ready: {projects: {at_least: 3}}\n"
                               "  strong: {projects: {at_least: 9}}\n"
                               "qualify: {pql: ready}\n"
                               "route:\n"
                               "  - {when: strong, motion: sales, priority: 7}\n"
                               "  - {when: always, motion: self_serve}\n"
                               "queues:\n"
                               "  self_serve: {lease: 60s, attempts: 100}\n"
                               "  sales: {lease: 60s, attempts: 100}\n";

struct router_process {
    struct temp_folder folder;
    const char *program;
    char url[PATH_MAX];
    pid_t pid;
    struct loop *loop;
    struct rpc_client *client;
    struct arena arena;
    struct err_info info;
};

static inline void write_file(const struct router_process *w, const char *name, const char *text)
{
    struct temp_folder path = temp_folder_at(&w->folder, name);
    FILE *f = fopen(path.path, "w");
    CHECK(f != NULL);
    fputs(text, f);
    CHECK(fclose(f) == 0);
}

static inline void start(struct router_process *w)
{
    struct temp_folder config = temp_folder_at(&w->folder, "router.yaml");
    struct temp_folder log = temp_folder_at(&w->folder, "log");
    w->pid = fork();
    CHECK(w->pid >= 0);
    if (w->pid > 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL); // a test that fails leaves nothing behind
    int fd = open(log.path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(fd, 1);
    dup2(fd, 2);
    execl(w->program, "assay-router", "--config", config.path, (char *)NULL);
    _exit(127);
}

// Its exit code, or 128 + the signal that ended it.
static inline int wait_end(struct router_process *w)
{
    int status;
    CHECK(waitpid(w->pid, &status, 0) == w->pid);
    w->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static inline void router_process_make(struct router_process *w, const char *playbook,
                                       const char *program)
{
    *w = (struct router_process){.program = program};
    temp_folder_make(&w->folder);
    snprintf(w->url, sizeof w->url, "ipc://%s/sock", w->folder.path);
    struct buf text = {0};
    buf_printf(&text,
               "name: router\nlisten: \"%s\"\ndata: \"%s/data\"\nplaybook: \"%s/playbook.yaml\"\n",
               w->url, w->folder.path, w->folder.path);
    buf_printf(&text, "checkpoint_every: 100ms\ndecisions_kept: 20\nlog_level: info\n");
    buf_append_u8(&text, 0);
    write_file(w, "router.yaml", (const char *)text.bytes);
    buf_deinit(&text);
    write_file(w, "playbook.yaml", playbook);
    w->loop = loop_create();
    struct rpc_client_opts opts = {.url = w->url};
    CHECK(rpc_client_open(w->loop, &opts, &w->client, &w->info) == ERR_OK);
    arena_init(&w->arena, 64 * 1024, 0);
}

static inline void client_closed_cb(void *arg)
{
    (void)arg;
}

static inline void show_log(const struct router_process *w)
{
    struct temp_folder path = temp_folder_at(&w->folder, "log");
    FILE *f = fopen(path.path, "r");
    char line[4096];
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        fputs(line, stderr);
    if (f != NULL)
        fclose(f);
}

static inline void router_process_end(struct router_process *w)
{
    if (w->pid > 0) {
        kill(w->pid, SIGTERM);
        int code = wait_end(w);
        if (code != 0)
            show_log(w);
        CHECK(code == 0);
    }
    rpc_client_close(w->client, client_closed_cb, w);
    loop_run(w->loop);
    loop_destroy(w->loop);
    arena_deinit(&w->arena);
    temp_folder_remove(&w->folder);
}

// One call; `answer` may be NULL.
static inline enum err ask(struct router_process *w, const char *method,
                           const ProtobufCMessage *request, const ProtobufCMessageDescriptor *type,
                           void *answer)
{
    struct rpc_call_opts opts = {.timeout_ms = PATIENCE_MS};
    ProtobufCMessage *message = NULL;
    enum err err = rpc_call_wait(w->loop, w->client, method, request, type, &opts, &w->arena,
                                 &message, &w->info);
    if (answer != NULL && err == ERR_OK)
        *(ProtobufCMessage **)answer = message;
    return err;
}

#define ASK(w, Method, method_lower, request, answer)                                              \
    ask(w, "assay.router.v1.RouterService/" #Method, &(request)->base,                             \
        &assay__router__v1__##method_lower##_response__descriptor, answer)

// The same until it is answered: the router may be dead at the moment.
#define INSIST(w, Method, method_lower, request, answer)                                           \
    do {                                                                                           \
        enum err err_;                                                                             \
        int tries_ = 0;                                                                            \
        do                                                                                         \
            err_ = ASK(w, Method, method_lower, request, answer);                                  \
        while (err_ == ERR_UNAVAILABLE && ++tries_ < 1000);                                        \
        if (err_ != ERR_OK) {                                                                      \
            fprintf(stderr, "%s: %s\n", #Method, (w)->info.text);                                  \
            show_log(w);                                                                           \
        }                                                                                          \
        CHECK(err_ == ERR_OK);                                                                     \
    } while (0)

static inline void signal_fill(Assay__Router__V1__Signal *s, uint64_t position, uint64_t index,
                               const char *account, const char *name)
{
    assay__router__v1__signal__init(s);
    s->position = position;
    s->index = index << 32;
    s->name = (char *)name;
    s->value = true;
    s->account_id = (char *)account;
    s->user_id = (char *)"u";
    s->at_ms = (int64_t)position;
    s->known_at_ms = (int64_t)position + 1;
    s->event_id = (char *)"0";
    s->playbook = (char *)"test@1";
    s->episode = 1;
}

// One signal as a group of its own.
static inline void send_one(struct router_process *w, uint64_t position, const char *account,
                            const char *name)
{
    Assay__Router__V1__Signal signal, *list[] = {&signal};
    signal_fill(&signal, position, 0, account, name);
    Assay__Router__V1__ApplySignalsRequest request = ASSAY__ROUTER__V1__APPLY_SIGNALS_REQUEST__INIT;
    request.n_signals = 1;
    request.signals = list;
    Assay__Router__V1__ApplySignalsResponse *answer = NULL;
    INSIST(w, ApplySignals, apply_signals, &request, &answer);
    CHECK(answer->position == position);
    CHECK(answer->index == 0);
}

static inline const Assay__Router__V1__LeaseResponse *lease(struct router_process *w,
                                                            const char *queue,
                                                            const char *request_id, uint32_t max,
                                                            int64_t lease_ms, int64_t wait_ms)
{
    Assay__Router__V1__LeaseRequest request = ASSAY__ROUTER__V1__LEASE_REQUEST__INIT;
    request.queue = (char *)queue;
    request.consumer = (char *)"c";
    request.request_id = (char *)request_id;
    request.max = max;
    request.lease_ms = lease_ms;
    request.wait_ms = wait_ms;
    Assay__Router__V1__LeaseResponse *answer = NULL;
    INSIST(w, Lease, lease, &request, &answer);
    return answer;
}

struct waiting {
    struct router_process *w;
    bool done;
    enum rpc_status status;
    uint8_t bytes[8192];
    size_t len;
};

static inline void waited_cb(void *arg, enum rpc_status status, const char *text,
                             struct span answer)
{
    struct waiting *waiting = arg;
    (void)text;
    waiting->done = true;
    waiting->status = status;
    CHECK(answer.len <= sizeof waiting->bytes);
    if (answer.len > 0)
        memcpy(waiting->bytes, answer.ptr, answer.len);
    waiting->len = answer.len;
    loop_stop(waiting->w->loop);
}

static inline void send_off(struct waiting *waiting, struct router_process *w, const char *method,
                            const ProtobufCMessage *request)
{
    *waiting = (struct waiting){.w = w};
    struct rpc_call_opts opts = {.timeout_ms = PATIENCE_MS};
    uint8_t bytes[512];
    size_t n = protobuf_c_message_pack(request, bytes);
    rpc_call_raw(w->client, method, span_make(bytes, n), &opts, waited_cb, waiting);
}

static inline void await(struct waiting *waiting)
{
    for (int i = 0; i < ROUNDS_MAX && !waiting->done; i++)
        loop_run(waiting->w->loop);
    CHECK(waiting->done);
}
