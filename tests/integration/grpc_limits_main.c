// SPDX-License-Identifier: Apache-2.0
// links: grpc rpc proto_descriptors
// What peers can do to the gRPC server, and what it does then: each case has somebody who floods,
// sleeps, does not read, or is gone, and somebody else who is served all the same. A plain program
// for the thread sanitizer. Arguments name the cases to run; none: all.
#include "tests/support/grpc_world.h"

static struct grpc_stats stats_of(struct grpc_world *w)
{
    struct grpc_stats stats;
    grpc_server_stats(w->grpc, &stats);
    return stats;
}

static void expect_others_served(struct grpc_world *w)
{
    struct h2 *other = gw_client(w, 0);
    EXPECT(gw_said(gw_ask(w, other, "echo:others", NULL), "others"));
    gw_client_close(w, other);
}

static struct h2 *spoken_client(struct grpc_world *w)
{
    struct h2 *h2 = gw_client(w, 0);
    EXPECT(gw_said(gw_ask(w, h2, "echo:hello", NULL), "hello"));
    return h2;
}

// Frames that a well-behaved client would not send, behind nghttp2's back.
static void send_raw(struct h2 *h2, const void *bytes, size_t len, unsigned times)
{
    for (unsigned i = 0; i < times; i++)
        buf_append(&h2->unsent, bytes, len);
}

// ---- Floods -------------------------------------------------------------------------------------

static void expect_calmed(struct grpc_world *w, struct h2 *h2, const char *why)
{
    gw_wait_gone(w, h2);
    fprintf(stderr, "goaway %u \"%s\"\n", h2->goaway_code, h2->goaway_data);
    EXPECT(h2->goaways > 0 && h2->goaway_code == NGHTTP2_ENHANCE_YOUR_CALM);
    EXPECT(strcmp(h2->goaway_data, why) == 0);
    gw_client_close(w, h2);
    expect_others_served(w);
}

static void case_pings(struct grpc_world *w)
{
    struct h2 *h2 = spoken_client(w);
    for (unsigned i = 0; i < 50; i++)
        nghttp2_submit_ping(h2->session, 0, NULL);
    for (int i = 0; i < 20000 && h2->pings_answered < 50 && !h2->gone; i++)
        gw_pass(w, 1);
    fprintf(stderr, "%u answered\n", h2->pings_answered);
    EXPECT(h2->pings_answered == 50 && !h2->gone);
    for (unsigned i = 0; i < 200; i++)
        nghttp2_submit_ping(h2->session, 0, NULL);
    expect_calmed(w, h2, "too_many_pings");
}

static void case_empty_frames(struct grpc_world *w)
{
    const uint8_t priority[] = {0, 0, 5, 2, 0, 0, 0, 0, 99, 0, 0, 0, 0, 16};
    struct h2 *h2 = spoken_client(w);
    send_raw(h2, priority, sizeof priority, 4000);
    expect_calmed(w, h2, "too_many_empty_frames");
    h2 = spoken_client(w);
    struct h2_call *call = h2_request(h2, GW_CHECK, NULL);
    gw_pass(w, 10);
    const uint8_t empty[] = {0, 0, 0, 0, 0, 0, 0, 0, (uint8_t)call->id};
    send_raw(h2, empty, sizeof empty, 4000);
    expect_calmed(w, h2, "too_many_empty_frames");
}

// Calls that are begun and reset at once (CVE-2023-44487).
static void case_rapid_reset(struct grpc_world *w)
{
    struct h2 *h2 = spoken_client(w);
    for (unsigned round = 0; round < 300 && !h2->gone; round++) {
        for (unsigned i = 0; i < 40; i++) {
            const char *const pairs[] = {"grpc-timeout", "20S", NULL};
            h2->n_calls = 1;
            struct h2_call *call = h2_request(h2, GW_CHECK, pairs);
            h2_flush(h2);
            nghttp2_submit_rst_stream(h2->session, 0, call->id, NGHTTP2_CANCEL);
        }
        gw_pass(w, 1);
    }
    fprintf(stderr, "goaway %u\n", h2->goaway_code);
    EXPECT(h2->gone && h2->goaways > 0);
    gw_client_close(w, h2);
    expect_others_served(w);
    EXPECT(stats_of(w).calls < 3000);
}

static void case_garbage(struct grpc_world *w)
{
    static const char PREFACE[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    for (unsigned i = 0; i < 64; i++) {
        uint8_t bytes[512];
        int fd = h2_socket(w->address);
        for (size_t b = 0; b < sizeof bytes; b++)
            bytes[b] = (uint8_t)((i * 2654435761u + b * 40503u) >> (b % 13));
        if (i % 2 == 0)
            EXPECT(send(fd, PREFACE, sizeof PREFACE - 1, MSG_NOSIGNAL) > 0);
        EXPECT(send(fd, bytes, sizeof bytes, MSG_NOSIGNAL) > 0);
        gw_pass(w, 3);
        close(fd);
    }
    expect_others_served(w);
    EXPECT(stats_of(w).connections == 65 && stats_of(w).streams == 0);
}

// ---- Silence ------------------------------------------------------------------------------------

static void opts_handshake(struct grpc_opts *opts)
{
    opts->handshake_ms = 100;
}

static void case_handshake(struct grpc_world *w)
{
    struct h2 *spoken = spoken_client(w);
    int silent = h2_socket(w->address), slow = h2_socket(w->address);
    char bytes[64];
    EXPECT(send(slow, "PRI * HTT", 9, 0) == 9); // stops in the preface
    for (int i = 0; i < 20000 && stats_of(w).cut != 2; i++)
        gw_pass(w, 1);
    gw_pass(w, 2);
    EXPECT(stats_of(w).open == 1 && stats_of(w).cut == 2 && !spoken->gone);
    EXPECT(recv(silent, bytes, sizeof bytes, MSG_DONTWAIT) >= 0 ||
           (errno != EAGAIN && errno != EWOULDBLOCK));
    close(silent);
    close(slow);
    EXPECT(gw_said(gw_ask(w, spoken, "echo:still", NULL), "still"));
}

static void opts_ping(struct grpc_opts *opts)
{
    opts->ping_ms = 150;
    opts->ping_wait_ms = 150;
}

static bool client_was_pinged(struct grpc_world *w)
{
    (void)w;
    return gw_awaited_client->pings_seen > 2;
}

// A peer whose machine is gone answers no ping; one that is only quiet does.
static void case_half_open(struct grpc_world *w)
{
    struct h2 *quiet = spoken_client(w), *gone = spoken_client(w);
    struct h2_call *call = gw_call(gone, "hold", NULL);
    while (w->n_held == 0)
        gw_pass(w, 1);
    gone->deaf = true;
    gw_awaited_client = quiet;
    gw_run(w, client_was_pinged);
    for (int i = 0; i < 20000 && stats_of(w).open != 1; i++)
        gw_pass(w, 1);
    EXPECT(stats_of(w).open == 1 && w->held[0].cancelled && !call->closed);
    EXPECT(gw_said(gw_ask(w, quiet, "echo:still", NULL), "still"));
}

static void opts_idle(struct grpc_opts *opts)
{
    opts->idle_ms = 100;
}

static void case_idle(struct grpc_world *w)
{
    struct h2 *busy = NULL;
    // On a machine that stands still at a bad moment the call comes too late for its connection.
    for (unsigned i = 0; i < 10 && (busy == NULL || busy->goaways > 0); i++) {
        unsigned held = w->n_held;
        busy = gw_client(w, 0);
        (void)gw_call(busy, "hold", NULL);
        while (w->n_held == held && !busy->gone)
            gw_pass(w, 1);
        (void)gw_ask(w, busy, "echo:what came before it has been read", NULL);
    }
    struct h2 *idle = spoken_client(w);
    gw_wait_gone(w, idle);
    EXPECT(idle->goaways >= 1 && idle->goaway_code == NGHTTP2_NO_ERROR && !idle->lost);
    EXPECT(!busy->gone);
}

static void opts_age(struct grpc_opts *opts)
{
    opts->age_ms = 200;
    opts->grace_ms = 100;
}

// The last GOAWAY comes a second after the first; a call that does not end then is ended.
static void case_age(struct grpc_world *w)
{
    struct h2 *old = gw_client(w, 0);
    struct h2_call *call = gw_call(old, "hold", NULL);
    gw_wait(w, old, call);
    EXPECT(call->grpc == RPC_UNAVAILABLE && w->held[0].cancelled);
    gw_wait_gone(w, old);
    EXPECT(old->goaways == 2 && old->goaway_code == NGHTTP2_NO_ERROR && !old->lost);
    expect_others_served(w);
}

static void opts_receive(struct grpc_opts *opts)
{
    opts->receive_ms = 100;
}

static void case_slow_writer(struct grpc_world *w)
{
    struct h2 *slow = gw_client(w, 0);
    struct h2_call *call = h2_request(slow, GW_CHECK, NULL);
    h2_write(slow, call, "\0\0", 2);
    gw_wait(w, slow, call);
    EXPECT(call->grpc == RPC_DEADLINE_EXCEEDED && !slow->gone);
    EXPECT(gw_said(gw_ask(w, slow, "echo:quicker", NULL), "quicker"));
}

// ---- Reading slowly -----------------------------------------------------------------------------

static void opts_stall(struct grpc_opts *opts)
{
    opts->stall_ms = 200;
}

static void case_stalled_stream(struct grpc_world *w)
{
    struct h2 *slow = gw_client(w, 100);
    struct h2_call *call = gw_call(slow, "big:100000", NULL);
    gw_wait(w, slow, call);
    EXPECT(call->grpc == -1 && call->code == NGHTTP2_CANCEL && !slow->gone);
    EXPECT(gw_said(gw_ask(w, slow, "echo:little", NULL), "little"));
    EXPECT(stats_of(w).held_bytes == 0);
}

static void opts_unread(struct grpc_opts *opts)
{
    opts->conn_bytes_max = 1000 * 1000;
    opts->all_bytes_max = 2500 * 1000;
}

// Answers that nobody reads are held within bounds of the connection and of all.
static void case_unread_answers(struct grpc_world *w)
{
    unsigned refused = 0;
    struct h2 *slow[3];
    for (unsigned c = 0; c < ARRAY_LEN(slow); c++) {
        slow[c] = gw_client(w, 100);
        for (unsigned i = 0; i < 20; i++)
            (void)gw_call(slow[c], "big:100000", NULL);
    }
    for (int pass = 0; pass < 20000 && refused < 30; pass++) {
        gw_pass(w, 1);
        EXPECT(stats_of(w).held_bytes <= 2500 * 1000);
        refused = 0;
        for (unsigned c = 0; c < ARRAY_LEN(slow); c++)
            for (unsigned i = 0; i < slow[c]->n_calls; i++)
                refused += slow[c]->calls[i].grpc == RPC_RESOURCE_EXHAUSTED;
    }
    EXPECT(stats_of(w).held_bytes > 2000 * 1000);
    fprintf(stderr, "%u refused, %llu bytes held\n", refused,
            (unsigned long long)stats_of(w).held_bytes);
    EXPECT(refused >= 30 && refused < 60);
    expect_others_served(w);
}

// The same of requests that come in half.
static void case_half_requests(struct grpc_world *w)
{
    struct h2 *h2 = gw_client(w, 0);
    static uint8_t half[150000] = {0, 0, 4, 0, 0}; // of 262,144 bytes: six fit into the bound
    unsigned refused = 0;
    for (unsigned i = 0; i < 20; i++)
        h2_write(h2, h2_request(h2, GW_CHECK, NULL), half, sizeof half);
    for (int pass = 0; pass < 20000 && refused < 12; pass++) {
        gw_pass(w, 1);
        refused = 0;
        for (unsigned i = 0; i < h2->n_calls; i++)
            refused += h2->calls[i].grpc == RPC_RESOURCE_EXHAUSTED;
    }
    fprintf(stderr, "%u refused\n", refused);
    EXPECT(refused >= 12 && refused < 20 && stats_of(w).held_bytes <= 1000 * 1000);
    expect_others_served(w);
}

// ---- Counts -------------------------------------------------------------------------------------

static void opts_counts(struct grpc_opts *opts)
{
    opts->connections_max = 3;
    opts->room_ms = 600 * 1000;
    opts->streams_max = 4;
    opts->all_streams_max = 6;
}

static void case_counts(struct grpc_world *w)
{
    struct h2 *first = gw_client(w, 0), *second = gw_client(w, 0);
    unsigned refused = 0;
    for (unsigned i = 0; i < 8; i++) {
        (void)gw_call(first, "hold", NULL);
        (void)gw_call(second, "hold", NULL);
    }
    for (int pass = 0; pass < 20000 && refused < 10; pass++) {
        gw_pass(w, 1);
        refused = 0;
        for (unsigned i = 0; i < 8; i++)
            refused += (first->calls[i].closed && first->calls[i].code == NGHTTP2_REFUSED_STREAM) +
                       (second->calls[i].closed && second->calls[i].code == NGHTTP2_REFUSED_STREAM);
    }
    EXPECT(w->n_held == 6 && stats_of(w).streams == 6);
    EXPECT(refused == 10);
    struct h2 *third = gw_client(w, 0), *fourth = gw_client(w, 0);
    gw_wait_gone(w, fourth);
    EXPECT(!third->gone && stats_of(w).refused_connections == 1);
    for (unsigned i = 0; i < w->n_held; i++)
        gw_release(w, i, "done");
    gw_pass(w, 20);
    EXPECT(gw_said(gw_ask(w, third, "echo:room again", NULL), "room again"));
}

// ---- Room ---------------------------------------------------------------------------------------

static void opts_room(struct grpc_opts *opts)
{
    opts->connections_max = 3;
    opts->room_ms = 1;
}

// Whoever only holds a place loses it to somebody new, first whoever has longest; a call keeps it.
static void case_room(struct grpc_world *w)
{
    struct h2 *working = spoken_client(w);
    struct h2_call *held = gw_call(working, "hold", NULL);
    while (w->n_held == 0)
        gw_pass(w, 1);
    struct h2 *silent = gw_client(w, 0), *idle = spoken_client(w);
    for (int i = 0; i < 5; i++) {
        usleep(2000); // all have been where they are for longer than room_ms
        struct h2 *more = gw_client(w, 0);
        EXPECT(gw_said(gw_ask(w, more, "echo:let in", NULL), "let in"));
    }
    gw_wait_gone(w, silent);
    gw_wait_gone(w, idle);
    EXPECT(stats_of(w).refused_connections == 0 && stats_of(w).cut == 5);
    EXPECT(idle->goaways == 1 && idle->goaway_code == NGHTTP2_NO_ERROR);
    EXPECT(!working->gone);
    gw_release(w, 0, "done");
    gw_wait(w, working, held);
    EXPECT(gw_said(held, "done"));
}

// ---- The end ------------------------------------------------------------------------------------

static void case_close(struct grpc_world *w)
{
    struct h2 *h2 = spoken_client(w), *silent = gw_client(w, 0);
    struct h2_call *ends = gw_call(h2, "hold", NULL), *stays = gw_call(h2, "hold", NULL);
    struct h2_call *stream = h2_request(h2, GW_STREAM, NULL);
    h2_message(h2, stream, false, "", 0);
    h2_end(h2, stream);
    silent->deaf = true;
    while (w->n_held < 2 || w->stream.sent == 0)
        gw_pass(w, 1);
    grpc_server_close(w->grpc, 300, gw_grpc_closed_cb, w);
    EXPECT(!w->grpc_closed);
    gw_wait(w, h2, stream); // nobody waits for streams
    EXPECT(stream->grpc == RPC_UNAVAILABLE && w->stream.cancelled && !stays->closed);
    gw_release(w, 0, "in time");
    gw_wait(w, h2, ends);
    EXPECT(gw_said(ends, "in time"));
    gw_run(w, gw_grpc_is_closed);
    gw_pass(w, 5);
    EXPECT(stays->grpc == RPC_UNAVAILABLE && w->held[1].cancelled && h2->gone && !h2->lost);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(struct grpc_world *w);
        void (*opts)(struct grpc_opts *opts);
    } cases[] = {
#define CASE(name, opts) {#name, case_##name, opts}
        CASE(pings, NULL),
        CASE(empty_frames, NULL),
        CASE(rapid_reset, NULL),
        CASE(garbage, NULL),
        CASE(handshake, opts_handshake),
        CASE(half_open, opts_ping),
        CASE(idle, opts_idle),
        CASE(age, opts_age),
        CASE(slow_writer, opts_receive),
        CASE(stalled_stream, opts_stall),
        CASE(unread_answers, opts_unread),
        CASE(half_requests, opts_unread),
        CASE(counts, opts_counts),
        CASE(room, opts_room),
        CASE(close, NULL),
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool wanted = argc == 1;
        for (int a = 1; a < argc; a++)
            wanted = wanted || strcmp(argv[a], cases[i].name) == 0;
        if (!wanted)
            continue;
        struct grpc_world world;
        struct grpc_opts opts = {0};
        if (cases[i].opts != NULL)
            cases[i].opts(&opts);
        fprintf(stderr, "-- %s\n", cases[i].name);
        gw_init(&world, &opts);
        cases[i].run(&world);
        gw_deinit(&world);
    }
    return 0;
}
