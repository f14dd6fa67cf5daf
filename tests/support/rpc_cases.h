// SPDX-License-Identifier: Apache-2.0
// What the rpc layer promises, one function a promise, over any transport. Run by Criterion in
// rpc_test.c and by a plain program in rpc_main.c (which is what the thread sanitizer can run).
#pragma once

#include <nng/nng.h>
// After nng/nng.h, without which it does not compile.
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "assay/rpc/v1/envelope.pb-c.h"
#include "tests/support/rpc_world.h"

#define METHOD_ECHO "assay.admin.v1.AdminService/GetMetrics"    // raw, on NNG's thread
#define METHOD_WORKER "assay.admin.v1.AdminService/SetLogLevel" // raw, on a worker
#define METHOD_CHECK "assay.health.v1.HealthService/Check"

static inline void case_init(struct world *w, enum world_transport transport)
{
    world_init(w, transport);
    world_serve(w);
    world_connect(w, &(struct rpc_client_opts){0});
}

static inline uint32_t case_in_work(struct world *w)
{
    struct rpc_server_stats stats;
    rpc_server_stats(w->server, &stats);
    return stats.in_work;
}

static inline bool case_nothing_in_work(struct world *w)
{
    return case_in_work(w) == 0;
}

static inline bool case_one_held(struct world *w)
{
    return w->n_held == 1;
}

// ---- Answers ------------------------------------------------------------------------------------

static inline void case_statuses(enum world_transport transport)
{
    struct world w;
    struct world_answer a;
    case_init(&w, transport);
    EXPECT(world_ask(&w, "echo:hello", NULL, &a) == RPC_OK);
    EXPECT(strcmp(a.reason, "hello") == 0 && a.text[0] == '\0');
    for (int s = 1; s <= 16; s++) {
        char what[32], text[32];
        snprintf(what, sizeof what, "fail:%d", s);
        snprintf(text, sizeof text, "status %d", s);
        EXPECT(world_ask(&w, what, NULL, &a) == (enum rpc_status)s);
        EXPECT(strcmp(a.text, text) == 0);
    }
    world_deinit(&w);
}

static inline void case_metadata(enum world_transport transport)
{
    struct world w;
    struct world_answer a;
    struct rpc_pair pairs[RPC_METADATA_MAX + 1] = {{"k1", "v1"}, {"k2", "v2 \xc3\xa9"}};
    struct rpc_call_opts opts = {.metadata = pairs, .n_metadata = 2};
    case_init(&w, transport);
    EXPECT(world_ask(&w, "meta", &opts, &a) == RPC_OK);
    EXPECT(strcmp(a.reason, "K1=v1 K2=v2 \xc3\xa9") == 0);
    opts.n_metadata = 0;
    EXPECT(world_ask(&w, "meta", &opts, &a) == RPC_OK);
    EXPECT(strcmp(a.reason, "K1= K2=") == 0);
    // One pair too many, and one byte too many, are not sent.
    for (int i = 0; i <= RPC_METADATA_MAX; i++)
        pairs[i] = (struct rpc_pair){"k", "v"};
    opts.n_metadata = RPC_METADATA_MAX + 1;
    EXPECT(world_ask(&w, "meta", &opts, &a) == RPC_INVALID_ARGUMENT);
    char lengthy[RPC_TEXT_MAX + 2];
    memset(lengthy, 'v', sizeof lengthy - 1);
    lengthy[sizeof lengthy - 1] = '\0';
    pairs[0].value = lengthy;
    opts.n_metadata = 1;
    EXPECT(world_ask(&w, "meta", &opts, &a) == RPC_INVALID_ARGUMENT);
    lengthy[RPC_TEXT_MAX] = '\0';
    EXPECT(world_ask(&w, "meta", &opts, &a) == RPC_OK);
    world_deinit(&w);
}

static inline bool case_three_held(struct world *w)
{
    return w->n_held == 3;
}

static inline bool case_one_answered(struct world *w)
{
    (void)w;
    return world_awaited[0].n + world_awaited[1].n + world_awaited[2].n == 1;
}

static inline void case_out_of_order(enum world_transport transport)
{
    struct world w;
    struct world_answer a[4];
    case_init(&w, transport);
    for (int i = 0; i < 3; i++)
        world_call(&w, "hold", NULL, &a[i]);
    world_run(&w, case_three_held);
    // A later call overtakes all of them; then the held ones are answered last first.
    EXPECT(world_ask(&w, "echo:fast", NULL, &a[3]) == RPC_OK);
    EXPECT(a[0].n == 0 && a[1].n == 0 && a[2].n == 0);
    world_awaited = a;
    world_release(&w, 2, "third");
    world_run(&w, case_one_answered);
    world_release(&w, 0, "first");
    world_release(&w, 1, "second");
    world_wait(&w, a, 3);
    // Which call the server held first is not promised, but each got an answer of its own.
    int seen = 0;
    for (int i = 0; i < 3; i++)
        seen |= strcmp(a[i].reason, "first") == 0 ? 1 : strcmp(a[i].reason, "second") == 0 ? 2 : 4;
    EXPECT(seen == 7);
    world_deinit(&w);
}

// ---- Deadlines and cancellation -----------------------------------------------------------------

static inline bool case_cancelled_and_answered(struct world *w)
{
    return w->n_cancelled == w->n_held && w->n_held > 0 && world_all_answered(w);
}

static inline void case_deadline(enum world_transport transport)
{
    struct world w;
    struct world_answer a;
    struct rpc_server_stats stats;
    struct rpc_call_opts opts = {.timeout_ms = 1};
    case_init(&w, transport);
    // Connected first, so that the next call does not fail for want of a connection. A deadline
    // this short may pass before the handler runs; longer ones will do.
    EXPECT(world_ask(&w, "echo:x", NULL, &a) == RPC_OK);
    while (w.n_held == 0) {
        opts.timeout_ms *= 2;
        EXPECT(world_ask(&w, "hold", &opts, &a) == RPC_DEADLINE_EXCEEDED);
    }
    world_awaited = &a;
    world_n_awaited = 1;
    world_run(&w, case_cancelled_and_answered);
    rpc_server_stats(w.server, &stats);
    EXPECT(stats.deadline_exceeded >= 1);
    // The handler's late answer goes nowhere, and frees the place.
    EXPECT(stats.in_work == w.n_held);
    for (unsigned i = 0; i < w.n_held; i++)
        world_release(&w, i, "late");
    EXPECT(case_in_work(&w) == 0);
    EXPECT(world_ask(&w, "echo:after", NULL, &a) == RPC_OK);
    EXPECT(strcmp(a.reason, "after") == 0);
    world_deinit(&w);
}

static inline bool case_some_turns(struct world *w)
{
    return w->looks > 20;
}

// A call that the server has ended keeps its place until its handler is done with it.
static inline void case_ended_in_place(enum world_transport transport)
{
    struct world w;
    struct world_answer a[2];
    struct rpc_call_opts opts = {.timeout_ms = 1};
    world_init(&w, transport);
    w.server_opts.calls_max = 1;
    world_serve(&w);
    world_connect(&w, &(struct rpc_client_opts){0});
    EXPECT(world_ask(&w, "echo:x", NULL, &a[0]) == RPC_OK);
    while (w.n_held == 0) {
        opts.timeout_ms *= 2;
        EXPECT(world_ask(&w, "hold", &opts, &a[0]) == RPC_DEADLINE_EXCEEDED);
    }
    world_awaited = a;
    world_n_awaited = 1;
    world_run(&w, case_cancelled_and_answered);
    unsigned checks = w.checks;
    world_call(&w, "echo:next", &(struct rpc_call_opts){.timeout_ms = 60000}, &a[1]);
    world_run(&w, case_some_turns);
    EXPECT(w.checks == checks && a[1].n == 0);
    world_release(&w, 0, "late");
    world_wait(&w, &a[1], 1);
    EXPECT(a[1].status == RPC_OK && strcmp(a[1].reason, "next") == 0);
    world_deinit(&w);
}

static inline void case_no_peer(enum world_transport transport)
{
    struct world w;
    struct world_answer a;
    world_init(&w, transport);
    world_connect(&w, &(struct rpc_client_opts){0});
    EXPECT(world_ask(&w, "echo:x", &(struct rpc_call_opts){.timeout_ms = 20}, &a) ==
           RPC_UNAVAILABLE);
    EXPECT(strstr(a.text, w.url) != NULL);
    EXPECT(!rpc_client_connected(w.client));
    // A call that is on its way waits for the server.
    world_call(&w, "echo:patient", &(struct rpc_call_opts){.timeout_ms = 60000}, &a);
    world_serve(&w);
    world_wait(&w, &a, 1);
    EXPECT(a.status == RPC_OK && strcmp(a.reason, "patient") == 0);
    EXPECT(rpc_client_connected(w.client));
    world_deinit(&w);
}

static inline void case_cancel(enum world_transport transport)
{
    struct world w;
    struct world_answer a[2];
    struct rpc_server_stats stats;
    case_init(&w, transport);
    world_call(&w, "hold", NULL, &a[0]);
    world_run(&w, case_one_held);
    rpc_call_cancel(a[0].call);
    EXPECT(a[0].n == 0);
    rpc_call_cancel(a[0].call); // again changes nothing
    world_awaited = a;
    world_n_awaited = 1;
    world_run(&w, case_cancelled_and_answered);
    EXPECT(a[0].status == RPC_CANCELLED);
    rpc_server_stats(w.server, &stats);
    EXPECT(stats.cancelled == 1 && stats.in_work == 1);
    world_release(&w, 0, "late");
    EXPECT(case_in_work(&w) == 0);
    // Before it is sent, and between begin and stub, too.
    world_call(&w, "hold", NULL, &a[0]);
    rpc_call_cancel(a[0].call);
    a[1] = (struct world_answer){.w = &w};
    a[1].call = rpc_call_begin(w.client, &assay__health__v1__health_service__descriptor, NULL);
    rpc_call_cancel(a[1].call);
    Assay__Health__V1__CheckRequest request = ASSAY__HEALTH__V1__CHECK_REQUEST__INIT;
    assay__health__v1__health_service__check((ProtobufCService *)a[1].call, &request,
                                             world_answered_cb, &a[1]);
    world_wait(&w, a, 2);
    EXPECT(a[0].status == RPC_CANCELLED && a[1].status == RPC_CANCELLED);
    EXPECT(world_ask(&w, "echo:after", NULL, &a[0]) == RPC_OK);
    world_deinit(&w);
}

// ---- Bounds -------------------------------------------------------------------------------------

static inline void case_sizes(enum world_transport transport)
{
    struct world w;
    struct world_answer a;
    world_init(&w, transport);
    w.server_opts = (struct rpc_server_opts){.request_bytes_max = 2000, .response_bytes_max = 1000};
    world_serve(&w);
    world_connect(&w, &(struct rpc_client_opts){.request_bytes_max = 3000});
    EXPECT(world_ask(&w, "big:900", NULL, &a) == RPC_OK);
    EXPECT(a.reason_bytes == 900);
    EXPECT(world_ask(&w, "big:1000", NULL, &a) == RPC_RESOURCE_EXHAUSTED);
    EXPECT(world_ask(&w, "big:100000", NULL, &a) == RPC_RESOURCE_EXHAUSTED);
    // The client's own bound, then the server's.
    char what[4000] = "echo:";
    memset(what + 5, 'y', 2990);
    unsigned checks = w.checks;
    EXPECT(world_ask(&w, what, NULL, &a) == RPC_RESOURCE_EXHAUSTED);
    what[2500] = '\0';
    EXPECT(world_ask(&w, what, NULL, &a) == RPC_RESOURCE_EXHAUSTED);
    EXPECT(w.checks == checks);
    what[900] = '\0';
    EXPECT(world_ask(&w, what, NULL, &a) == RPC_OK);
    EXPECT(w.checks == checks + 1);
    world_deinit(&w);
}

// A client that allows itself more than the server does loses its connection with each try. Not
// over tcp, and no larger than one write to a socket takes: NNG 1.5.2 can lose track of a
// connection that is closed between two writes of one message.
static inline void case_rogue_client(enum world_transport transport)
{
    enum { BYTES = 70000 };
    struct world w;
    struct world_answer a;
    if (transport == WORLD_TCP)
        return;
    char *what = mem_zalloc(BYTES + 1);
    memset(what, 'y', BYTES);
    world_init(&w, transport);
    w.server_opts.request_bytes_max = 1000;
    world_serve(&w);
    world_connect(&w, &(struct rpc_client_opts){0});
    enum rpc_status status = world_ask(&w, what, &(struct rpc_call_opts){.timeout_ms = 60000}, &a);
    // inproc has no bound on frames, so that the server can answer.
    EXPECT(status == (transport == WORLD_INPROC ? RPC_RESOURCE_EXHAUSTED : RPC_UNAVAILABLE));
    EXPECT(w.checks == 0);
    EXPECT(world_ask(&w, "echo:small", NULL, &a) == RPC_OK);
    world_deinit(&w);
    mem_free(what);
}

static inline void case_calls_max(enum world_transport transport)
{
    struct world w;
    struct world_answer a[6];
    world_init(&w, transport);
    w.server_opts.calls_max = 2;
    world_serve(&w);
    world_connect(&w, &(struct rpc_client_opts){.calls_max = 3});
    for (int i = 0; i < 5; i++)
        world_call(&w, "hold", NULL, &a[i]);
    world_wait(&w, &a[3], 2);
    EXPECT(a[3].status == RPC_RESOURCE_EXHAUSTED && a[4].status == RPC_RESOURCE_EXHAUSTED);
    // The server has two; the third comes when a place is free.
    while (w.n_held < 2)
        EXPECT(world_ask(&w, "echo:refused", NULL, &a[5]) == RPC_RESOURCE_EXHAUSTED);
    EXPECT(w.n_held == 2 && case_in_work(&w) == 2);
    world_release(&w, 0, "one");
    world_run(&w, case_three_held);
    world_release(&w, 1, "two");
    world_release(&w, 2, "three");
    world_wait(&w, a, 3);
    for (int i = 0; i < 3; i++)
        EXPECT(a[i].status == RPC_OK);
    world_deinit(&w);
}

// ---- Frames from a stranger ---------------------------------------------------------------------

// A REQ socket without the layer above, on a thread of its own: it blocks.
struct case_stranger {
    struct world *w;
    atomic_bool done;
};

static struct case_stranger *case_stranger_current;

static inline bool case_stranger_done(struct world *w)
{
    (void)w;
    return atomic_load(&case_stranger_current->done);
}

static inline nng_socket case_stranger_dial(const char *url)
{
    nng_socket socket;
    EXPECT(nng_req0_open(&socket) == 0);
    EXPECT(nng_socket_set_ms(socket, NNG_OPT_RECVTIMEO, 30000) == 0);
    EXPECT(nng_socket_set_ms(socket, NNG_OPT_SENDTIMEO, 30000) == 0);
    EXPECT(nng_dial(socket, url, NULL, 0) == 0);
    return socket;
}

// Sends a frame and returns the status of the answer.
static inline uint32_t case_stranger_ask(nng_socket socket, const void *bytes, size_t n)
{
    EXPECT(nng_send(socket, (void *)bytes, n, 0) == 0);
    nng_msg *msg;
    EXPECT(nng_recvmsg(socket, &msg, 0) == 0);
    const uint8_t *p = nng_msg_body(msg);
    size_t len = nng_msg_len(msg);
    EXPECT(len >= 4);
    uint32_t head = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
    EXPECT(p[3] == 0 && head <= len - 4);
    Assay__Rpc__V1__ResponseHeader *read =
        assay__rpc__v1__response_header__unpack(NULL, head, p + 4);
    EXPECT(read != NULL);
    uint32_t status = read->status;
    assay__rpc__v1__response_header__free_unpacked(read, NULL);
    nng_msg_free(msg);
    return status;
}

static inline uint32_t case_stranger_call(nng_socket socket,
                                          const Assay__Rpc__V1__RequestHeader *head,
                                          const void *body, size_t body_len)
{
    uint8_t frame[20000];
    size_t n = assay__rpc__v1__request_header__get_packed_size(head);
    EXPECT(4 + n + body_len <= sizeof frame);
    for (int i = 0; i < 4; i++)
        frame[i] = (uint8_t)(n >> (8 * i));
    assay__rpc__v1__request_header__pack(head, frame + 4);
    if (body_len > 0)
        memcpy(frame + 4 + n, body, body_len);
    return case_stranger_ask(socket, frame, 4 + n + body_len);
}

static inline void case_stranger_texts(nng_socket socket)
{
    Assay__Rpc__V1__RequestHeader head = ASSAY__RPC__V1__REQUEST_HEADER__INIT;
    Assay__Rpc__V1__Metadata pair = ASSAY__RPC__V1__METADATA__INIT;
    Assay__Rpc__V1__Metadata *pairs[RPC_METADATA_MAX + 1];
    char lengthy[RPC_TEXT_MAX + 2];
    for (int i = 0; i <= RPC_METADATA_MAX; i++)
        pairs[i] = &pair;
    memset(lengthy, 'k', sizeof lengthy - 1);
    lengthy[sizeof lengthy - 1] = '\0';
    head.method = (char *)METHOD_ECHO;
    head.metadata = pairs;
    head.n_metadata = RPC_METADATA_MAX;
    EXPECT(case_stranger_call(socket, &head, "", 0) == RPC_OK);
    head.n_metadata = RPC_METADATA_MAX + 1;
    EXPECT(case_stranger_call(socket, &head, "", 0) == RPC_INVALID_ARGUMENT);
    head.n_metadata = 1;
    pair.key = lengthy;
    EXPECT(case_stranger_call(socket, &head, "", 0) == RPC_INVALID_ARGUMENT);
    pair.key = (char *)"\xff";
    EXPECT(case_stranger_call(socket, &head, "", 0) == RPC_INVALID_ARGUMENT);
    head.n_metadata = 0;
    head.method = lengthy;
    EXPECT(case_stranger_call(socket, &head, "", 0) == RPC_INVALID_ARGUMENT);
    head.method = (char *)"\xc0\x80/Get";
    EXPECT(case_stranger_call(socket, &head, "", 0) == RPC_INVALID_ARGUMENT);
    head.method = (char *)"no.such.Service/Method";
    EXPECT(case_stranger_call(socket, &head, "", 0) == RPC_UNIMPLEMENTED);
    head.method = (char *)"";
    EXPECT(case_stranger_call(socket, &head, "", 0) == RPC_UNIMPLEMENTED);
}

static inline void case_stranger_bodies(nng_socket socket)
{
    Assay__Rpc__V1__RequestHeader head = ASSAY__RPC__V1__REQUEST_HEADER__INIT;
    head.method = (char *)METHOD_CHECK;
    head.timeout_ms = 60000;
    EXPECT(case_stranger_call(socket, &head,
                              "\x0a\x06"
                              "echo:x",
                              8) == RPC_OK);
    // A length beyond the end, a wrong wire type, bad UTF-8.
    EXPECT(case_stranger_call(socket, &head,
                              "\x0a\x7f"
                              "echo:x",
                              8) == RPC_INVALID_ARGUMENT);
    EXPECT(case_stranger_call(socket, &head, "\x0f\xff\xff", 3) == RPC_INVALID_ARGUMENT);
    EXPECT(case_stranger_call(socket, &head,
                              "\x0a\x06"
                              "echo:\xff",
                              8) == RPC_INVALID_ARGUMENT);
    // Many small unknown fields ask for far more memory than their bytes.
    uint8_t many[16000];
    for (size_t i = 0; i < sizeof many; i += 2) {
        many[i] = 15 << 3;
        many[i + 1] = 1;
    }
    EXPECT(case_stranger_call(socket, &head, many, sizeof many) == RPC_RESOURCE_EXHAUSTED);
    // The server ends it at the deadline that the header names; nobody else does here.
    head.timeout_ms = 20;
    EXPECT(case_stranger_call(socket, &head, "\x0a\x04hold", 6) == RPC_DEADLINE_EXCEEDED);
    // To cancel a call that is not there is no error.
    head.cancel = true;
    EXPECT(case_stranger_call(socket, &head, "", 0) == RPC_OK);
}

static inline void case_stranger_noise(nng_socket socket)
{
    static const uint8_t lengths[][4] = {{5, 0, 0, 0}, {0, 0, 1, 0}, {255, 255, 255, 255}};
    EXPECT(case_stranger_ask(socket, "", 0) == RPC_INVALID_ARGUMENT);
    EXPECT(case_stranger_ask(socket, "\0\0\0", 3) == RPC_INVALID_ARGUMENT);
    EXPECT(case_stranger_ask(socket, "\0\0\0\0", 4) == RPC_UNIMPLEMENTED);
    for (int i = 0; i < 3; i++)
        EXPECT(case_stranger_ask(socket, lengths[i], 4) == RPC_INVALID_ARGUMENT);
    uint64_t seed = 7;
    for (int i = 0; i < 200; i++) {
        uint8_t bytes[64];
        for (size_t j = 0; j < sizeof bytes; j++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            bytes[j] = (uint8_t)(seed >> 56);
        }
        bytes[0] = (uint8_t)(bytes[0] % 62);
        bytes[1] = bytes[2] = bytes[3] = 0;
        uint32_t status = case_stranger_ask(socket, bytes, sizeof bytes);
        EXPECT(status == RPC_INVALID_ARGUMENT || status == RPC_UNIMPLEMENTED);
    }
}

static inline void case_stranger_run(void *arg)
{
    struct case_stranger *stranger = arg;
    nng_socket socket = case_stranger_dial(stranger->w->url);
    case_stranger_noise(socket);
    case_stranger_texts(socket);
    case_stranger_bodies(socket);
    nng_close(socket);
    atomic_store(&stranger->done, true);
}

static inline void case_strangers(enum world_transport transport)
{
    struct world w;
    struct world_answer a;
    struct case_stranger stranger = {.w = &w};
    case_init(&w, transport);
    case_stranger_current = &stranger;
    struct thread *thread = thread_start("stranger", case_stranger_run, &stranger);
    world_run(&w, case_stranger_done);
    thread_join(thread);
    EXPECT(w.checks == 2 && w.n_held == 1 && w.n_cancelled == 1);
    world_release(&w, 0, "late");
    EXPECT(case_in_work(&w) == 0);
    EXPECT(world_ask(&w, "echo:still", NULL, &a) == RPC_OK);
    world_deinit(&w);
}

// ---- A server that is none of ours --------------------------------------------------------------

// A REP socket that answers each request with the next of these frames, and after them with
// silence.
struct case_impostor {
    const char *url;
    const struct span *answers;
    size_t n_answers;
    atomic_uint received;
    atomic_bool stop;
};

static struct case_impostor *case_impostor_current;

static inline void case_impostor_run(void *arg)
{
    struct case_impostor *impostor = arg;
    nng_socket socket;
    EXPECT(nng_rep0_open(&socket) == 0);
    EXPECT(nng_socket_set_ms(socket, NNG_OPT_RECVTIMEO, 5) == 0);
    EXPECT(nng_listen(socket, impostor->url, NULL, 0) == 0);
    while (!atomic_load(&impostor->stop)) {
        nng_msg *msg;
        if (nng_recvmsg(socket, &msg, 0) != 0)
            continue;
        nng_msg_free(msg);
        unsigned i = atomic_fetch_add(&impostor->received, 1);
        if (i < impostor->n_answers)
            EXPECT(nng_send(socket, (void *)impostor->answers[i].ptr, impostor->answers[i].len,
                            0) == 0);
    }
    nng_close(socket);
}

static inline bool case_impostor_received(struct world *w)
{
    (void)w;
    return atomic_load(&case_impostor_current->received) > case_impostor_current->n_answers;
}

static inline void case_bad_answers(enum world_transport transport)
{
    static const struct {
        struct span frame;
        enum rpc_status status;
    } rows[] = {
        {{"", 0}, RPC_INTERNAL},
        {{"\x09\0\0\0", 4}, RPC_INTERNAL},
        {{"\xff\xff\xff\xff", 4}, RPC_INTERNAL},
        {{"\x02\0\0\0\xff\xff", 6}, RPC_INTERNAL},             // no header
        {{"\x04\0\0\0\x08\x05\x12\x7f", 8}, RPC_INTERNAL},     // its text ends beyond it
        {{"\x05\0\0\0\x08\x05\x12\x01\xff", 9}, RPC_INTERNAL}, // its text is not UTF-8
        {{"\x02\0\0\0\x08\x63", 6}, RPC_UNKNOWN},              // status 99
        {{"\x02\0\0\0\x08\x05", 6}, RPC_NOT_FOUND},
        {{"\0\0\0\0\x0a", 5}, RPC_INTERNAL}, // no CheckResponse
        {{"\0\0\0\0", 4}, RPC_OK},
    };
    struct span frames[ARRAY_LEN(rows)];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        frames[i] = rows[i].frame;
    struct world w;
    struct world_answer a;
    world_init(&w, transport);
    struct case_impostor impostor = {.url = w.url, .answers = frames, .n_answers = ARRAY_LEN(rows)};
    struct thread *thread = thread_start("impostor", case_impostor_run, &impostor);
    world_connect(&w, &(struct rpc_client_opts){0});
    struct rpc_call_opts opts = {.timeout_ms = 60000};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        EXPECT(world_ask(&w, "echo:x", &opts, &a) == rows[i].status);
    // From here on it is silent: the deadline is the client's own.
    opts.timeout_ms = 30;
    EXPECT(world_ask(&w, "echo:x", &opts, &a) == RPC_DEADLINE_EXCEEDED);
    atomic_store(&impostor.stop, true);
    thread_join(thread);
    world_deinit(&w);
}

// A server that ends with a request in work: the next one at the address gets it.
static inline void case_resend(enum world_transport transport)
{
    struct world w;
    struct world_answer a;
    world_init(&w, transport);
    struct case_impostor impostor = {.url = w.url};
    case_impostor_current = &impostor;
    struct thread *thread = thread_start("impostor", case_impostor_run, &impostor);
    world_connect(&w, &(struct rpc_client_opts){0});
    world_call(&w, "echo:twice", &(struct rpc_call_opts){.timeout_ms = 120000}, &a);
    world_run(&w, case_impostor_received);
    EXPECT(a.n == 0);
    atomic_store(&impostor.stop, true);
    thread_join(thread);
    world_serve(&w);
    world_wait(&w, &a, 1);
    EXPECT(a.status == RPC_OK && strcmp(a.reason, "twice") == 0);
    world_deinit(&w);
}

// ---- Raw calls ----------------------------------------------------------------------------------

struct case_raw {
    struct world *w;
    const char *method;
    unsigned begun, ended, total;
    char body[3000];
};

static inline void case_raw_next(struct case_raw *raw);

static inline void case_raw_cb(void *arg, enum rpc_status status, const char *text,
                               struct span answer)
{
    struct case_raw *raw = arg;
    EXPECT(status == RPC_OK && text[0] == '\0');
    EXPECT(answer.len >= 1 && answer.len <= sizeof raw->body);
    EXPECT(memcmp(answer.ptr, raw->body, answer.len) == 0);
    raw->ended++;
    case_raw_next(raw);
}

static inline void case_raw_next(struct case_raw *raw)
{
    if (raw->begun == raw->total)
        return;
    size_t n = 1 + raw->begun++ % sizeof raw->body;
    rpc_call_raw(raw->w->client, raw->method, span_make(raw->body, n), NULL, case_raw_cb, raw);
}

static struct case_raw *case_raw_current;

static inline bool case_raw_done(struct world *w)
{
    (void)w;
    return case_raw_current->ended == case_raw_current->total;
}

static inline void case_raw_failed_cb(void *arg, enum rpc_status status, const char *text,
                                      struct span answer)
{
    struct case_raw *raw = arg;
    EXPECT(status == RPC_OUT_OF_RANGE && strcmp(text, "nothing in it") == 0 && answer.len == 0);
    raw->ended++;
}

static inline void case_raw(enum world_transport transport)
{
    struct world w;
    case_init(&w, transport);
    const char *methods[] = {METHOD_ECHO, METHOD_WORKER};
    for (int m = 0; m < 2; m++) {
        struct case_raw raw = {.w = &w, .method = methods[m], .total = 2000};
        for (size_t i = 0; i < sizeof raw.body; i++)
            raw.body[i] = (char)(i * 7);
        case_raw_current = &raw;
        for (int i = 0; i < 16; i++)
            case_raw_next(&raw);
        world_run(&w, case_raw_done);
        EXPECT(raw.begun == 2000);
    }
    struct case_raw raw = {.w = &w, .total = 1};
    case_raw_current = &raw;
    rpc_call_raw(w.client, METHOD_WORKER, (struct span){0}, NULL, case_raw_failed_cb, &raw);
    world_run(&w, case_raw_done);
    // The worker counts down after it has answered.
    world_run(&w, case_nothing_in_work);
    EXPECT(atomic_load(&w.raw_ends[0][RPC_OK]) >= 2000);
    EXPECT(atomic_load(&w.raw_ends[1][RPC_OK]) >= 2000);
    EXPECT(atomic_load(&w.raw_ends[1][RPC_OUT_OF_RANGE]) >= 1);
    world_deinit(&w);
}

// ---- Life ---------------------------------------------------------------------------------------

static inline void case_restart(enum world_transport transport)
{
    struct world w;
    struct world_answer a[3];
    struct rpc_call_opts opts = {.timeout_ms = 120000};
    case_init(&w, transport);
    for (int round = 0; round < 3; round++) {
        EXPECT(world_ask(&w, "echo:before", &opts, &a[0]) == RPC_OK);
        world_close_server(&w, 1000);
        // Sent while nobody is there: answered by the next server.
        world_call(&w, "echo:across", &opts, &a[1]);
        world_serve(&w);
        world_wait(&w, &a[1], 1);
        EXPECT(a[1].status == RPC_OK && strcmp(a[1].reason, "across") == 0);
    }
    world_deinit(&w);
}

// What a closing server still has in work gets UNAVAILABLE; the handler may answer after its end.
static inline void case_orphan(enum world_transport transport)
{
    struct world w;
    struct world_answer a;
    case_init(&w, transport);
    world_call(&w, "hold", &(struct rpc_call_opts){.timeout_ms = 120000}, &a);
    world_run(&w, case_one_held);
    world_close_server(&w, 0);
    world_wait(&w, &a, 1);
    EXPECT(a.status == RPC_UNAVAILABLE);
    // The handler's answer, after its server is gone.
    world_release(&w, 0, "too late");
    world_serve(&w);
    EXPECT(world_ask(&w, "echo:new", &(struct rpc_call_opts){.timeout_ms = 120000}, &a) == RPC_OK);
    world_deinit(&w);
}

static inline bool case_refused(struct world *w)
{
    struct rpc_server_stats stats;
    if (w->server == NULL)
        return true;
    rpc_server_stats(w->server, &stats);
    return stats.refused > 0;
}

static inline void case_drain(enum world_transport transport)
{
    struct world w;
    struct world_answer a[3];
    case_init(&w, transport);
    world_call(&w, "hold", NULL, &a[0]);
    world_run(&w, case_one_held);
    rpc_server_close(w.server, 60000, world_server_closed_cb, &w);
    // What comes now is refused; what was in work still gets its answer.
    EXPECT(world_ask(&w, "echo:new", NULL, &a[1]) == RPC_UNAVAILABLE);
    EXPECT(case_refused(&w) && w.server != NULL);
    world_release(&w, 0, "drained");
    world_wait(&w, &a[0], 1);
    EXPECT(a[0].status == RPC_OK && strcmp(a[0].reason, "drained") == 0);
    world_run(&w, world_no_server);
    world_deinit(&w);
}

static inline void case_close_client(enum world_transport transport)
{
    struct world w;
    struct world_answer a[3];
    case_init(&w, transport);
    world_call(&w, "hold", NULL, &a[0]);
    world_run(&w, case_one_held);
    world_call(&w, "echo:x", NULL, &a[1]);
    rpc_client_close(w.client, world_client_closed_cb, &w);
    world_call(&w, "echo:y", NULL, &a[2]);
    EXPECT(!w.client_closed);
    world_run(&w, world_no_client);
    for (int i = 0; i < 3; i++)
        EXPECT(a[i].n == 1 && a[i].status == RPC_CANCELLED);
    world_deinit(&w);
}

// ---- Waiting ------------------------------------------------------------------------------------

static inline void case_wait(enum world_transport transport)
{
    struct world w;
    struct arena arena;
    struct err_info info;
    ProtobufCMessage *message;
    Assay__Health__V1__CheckRequest request = ASSAY__HEALTH__V1__CHECK_REQUEST__INIT;
    const ProtobufCMessageDescriptor *type = &assay__health__v1__check_response__descriptor;
    const char *text = NULL;
    struct rpc_call_opts opts = {.full_text = &text};
    case_init(&w, transport);
    arena_init(&arena, 1024, 0);
    request.service = (char *)"echo:wait";
    EXPECT(rpc_call_wait(w.loop, w.client, METHOD_CHECK, &request.base, type, NULL, &arena,
                         &message, &info) == ERR_OK);
    EXPECT(strcmp(((Assay__Health__V1__CheckResponse *)message)->reason, "wait") == 0);
    request.service = (char *)"fail:5";
    EXPECT(rpc_call_wait(w.loop, w.client, METHOD_CHECK, &request.base, type, &opts, &arena,
                         &message, &info) == ERR_NOT_FOUND);
    EXPECT(message == NULL && strcmp(info.text, "status 5") == 0 && strcmp(text, "status 5") == 0);
    EXPECT(rpc_call_wait(w.loop, w.client, "no.Service/Method", &request.base, type, NULL, &arena,
                         &message, NULL) == ERR_INVALID);
    arena_deinit(&arena);
    world_deinit(&w);
}

// ---- Addresses ----------------------------------------------------------------------------------

// A server that was killed leaves its socket file: the next one listens there all the same.
static inline void case_stale_socket(void)
{
    struct world w;
    struct world_answer a;
    world_init(&w, WORLD_IPC);
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    snprintf(addr.sun_path, sizeof addr.sun_path, "%s/socket", w.dir);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT(fd >= 0 && bind(fd, (struct sockaddr *)&addr, sizeof addr) == 0 && listen(fd, 1) == 0);
    close(fd);
    struct stat st;
    EXPECT(stat(addr.sun_path, &st) == 0);
    world_serve(&w);
    world_connect(&w, &(struct rpc_client_opts){0});
    EXPECT(world_ask(&w, "echo:x", NULL, &a) == RPC_OK);
    // While one serves, a second one is refused and takes nothing away.
    struct rpc_server *second;
    struct err_info info;
    EXPECT(rpc_server_open(w.loop, &w.server_opts, &second, &info) == ERR_BUSY);
    EXPECT(strstr(info.text, w.url) != NULL);
    EXPECT(world_ask(&w, "echo:y", NULL, &a) == RPC_OK);
    world_deinit(&w);
}

// Peers that go away in the middle of the handshake, as killed processes do, leave NNG's dialer or
// listener behind for dead; the client dials anew, the server listens anew.
static inline int case_raw_socket(const struct world *w, struct sockaddr_un *addr)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    *addr = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(addr->sun_path, sizeof addr->sun_path, "%s/socket", w->dir);
    EXPECT(fd >= 0);
    return fd;
}

static inline void case_lost_dialer(void)
{
    struct world w;
    struct world_answer a;
    struct sockaddr_un addr;
    world_init(&w, WORLD_IPC);
    int listener = case_raw_socket(&w, &addr);
    EXPECT(bind(listener, (struct sockaddr *)&addr, sizeof addr) == 0 && listen(listener, 1) == 0);
    world_connect(&w, &(struct rpc_client_opts){0});
    int fd = accept(listener, NULL, NULL);
    EXPECT(fd >= 0);
    close(fd);
    close(listener);
    world_serve(&w);
    EXPECT(world_ask(&w, "echo:x", &(struct rpc_call_opts){.timeout_ms = 120000}, &a) == RPC_OK);
    world_deinit(&w);
}

static inline void case_deaf_listener(void)
{
    struct world w;
    struct world_answer a;
    struct sockaddr_un addr;
    world_init(&w, WORLD_IPC);
    world_serve(&w);
    for (int i = 0; i < 20; i++) {
        int fd = case_raw_socket(&w, &addr);
        EXPECT(connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0);
        EXPECT(write(fd, "\0SP\0\0\x30\0\0", 8) == 8);
        close(fd);
    }
    world_connect(&w, &(struct rpc_client_opts){0});
    EXPECT(world_ask(&w, "echo:x", &(struct rpc_call_opts){.timeout_ms = 120000}, &a) == RPC_OK);
    world_deinit(&w);
}

static inline void case_bad_address(void)
{
    struct world w;
    struct rpc_server *server;
    struct rpc_client *client;
    struct err_info info;
    const char *urls[] = {"", "nowhere", "gopher://x", "ipc://"};
    world_init(&w, WORLD_INPROC);
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct rpc_client_opts opts = {.url = urls[i]};
        w.server_opts.url = urls[i];
        EXPECT(rpc_server_open(w.loop, &w.server_opts, &server, &info) == ERR_INVALID || i == 3);
        if (i < 3)
            EXPECT(rpc_client_open(w.loop, &opts, &client, &info) == ERR_INVALID);
    }
    world_deinit(&w);
}

// X(name) of all that run over each transport.
#define RPC_CASES(X)                                                                               \
    X(statuses)                                                                                    \
    X(metadata)                                                                                    \
    X(out_of_order)                                                                                \
    X(deadline)                                                                                    \
    X(ended_in_place)                                                                              \
    X(no_peer)                                                                                     \
    X(cancel)                                                                                      \
    X(sizes)                                                                                       \
    X(rogue_client)                                                                                \
    X(calls_max)                                                                                   \
    X(strangers)                                                                                   \
    X(bad_answers)                                                                                 \
    X(resend)                                                                                      \
    X(raw)                                                                                         \
    X(restart)                                                                                     \
    X(orphan)                                                                                      \
    X(drain)                                                                                       \
    X(close_client)                                                                                \
    X(wait)
