// SPDX-License-Identifier: Apache-2.0
// links: grpc rpc proto_descriptors
// gRPC on the wire: what a call may look like, and what it gets. A plain program for the thread
// sanitizer. Arguments name the cases to run; none: all.
#include "common/grpc/gzip.h"
#include "tests/support/grpc_world.h"

static void case_unary(struct grpc_world *w)
{
    struct h2 *h2 = gw_client(w, 0);
    struct h2_call *call = gw_ask(w, h2, "echo:hello", NULL);
    EXPECT(strcmp(call->http, "200") == 0 && gw_said(call, "hello"));
    EXPECT(strstr(call->header, "content-type: application/grpc+proto\n") != NULL);
    EXPECT(gw_said(gw_ask(w, h2, "echo:", NULL), ""));
    EXPECT(gw_said(gw_ask(w, h2, "left", NULL), "none"));
    const char *const deadline[] = {"grpc-timeout", "20S", NULL};
    EXPECT(gw_said(gw_ask(w, h2, "left", deadline), "some"));
    const char *const types[] = {
        ":method", "POST",       ":scheme", "http",         ":path",
        GW_CHECK,  ":authority", "x",       "content-type", "application/grpc+proto;charset=utf-8",
        NULL};
    EXPECT(gw_said(gw_ask(w, h2, "echo:no te", types), "no te"));
}

static void case_many(struct grpc_world *w)
{
    struct h2 *h2 = gw_client(w, 0);
    struct h2_call *calls[90];
    for (unsigned i = 0; i < 90; i++) {
        char what[32];
        snprintf(what, sizeof what, "echo:%u", i);
        calls[i] = gw_call(h2, what, NULL);
    }
    for (unsigned i = 0; i < 90; i++) {
        char text[32];
        gw_wait(w, h2, calls[i]);
        snprintf(text, sizeof text, "%u", i);
        EXPECT(gw_said(calls[i], text));
    }
}

static void case_errors(struct grpc_world *w)
{
    struct h2 *h2 = gw_client(w, 0);
    struct h2_call *call = gw_ask(w, h2, "fail:9", NULL);
    EXPECT(call->grpc == 9 && call->data.len == 0);
    EXPECT(strcmp(call->text, "100%25 %C3%A9t%C3%A9%0Afail:9") == 0);
    EXPECT(strcmp(call->http, "200") == 0);

    call = h2_request(h2, "/assay.health.v1.HealthService/Chuck", NULL);
    gw_wait(w, h2, call);
    EXPECT(call->grpc == RPC_UNIMPLEMENTED && call->code == NGHTTP2_NO_ERROR);
    call = h2_request(h2, "/assay.admin.v1.AdminService/GetStatus", NULL); // hidden
    gw_wait(w, h2, call);
    EXPECT(call->grpc == RPC_UNIMPLEMENTED);
    call = h2_request(h2, "/", NULL);
    gw_wait(w, h2, call);
    EXPECT(call->grpc == RPC_UNIMPLEMENTED);

    const char *const json[] = {
        ":method", "POST",       ":scheme", "http",         ":path",
        GW_CHECK,  ":authority", "x",       "content-type", "application/grpc+json",
        NULL};
    EXPECT(strcmp(gw_ask(w, h2, "echo:x", json)->http, "415") == 0);
    const char *const get[] = {":method", "GET",        ":scheme", "http", ":path",
                               GW_CHECK,  ":authority", "x",       NULL};
    call = gw_ask(w, h2, "echo:x", get);
    EXPECT(strcmp(call->http, "405") == 0 && strstr(call->header, "allow: POST\n") != NULL);
    EXPECT(w->checks == 1);
}

static void case_header_values(struct grpc_world *w)
{
    struct h2 *h2 = gw_client(w, 0);
    const char *const late[] = {"grpc-timeout", "12", NULL};
    struct h2_call *call = gw_ask(w, h2, "echo:x", late);
    EXPECT(call->grpc == RPC_INVALID_ARGUMENT && strstr(call->text, "grpc-timeout") != NULL);
    const char *const snappy[] = {"grpc-encoding", "snappy", NULL};
    call = gw_ask(w, h2, "echo:x", snappy);
    EXPECT(call->grpc == RPC_UNIMPLEMENTED);
    EXPECT(strstr(call->header, "grpc-accept-encoding: identity,gzip\n") != NULL);
    const char *const meta[] = {"k1", "v1", "k2-bin", "aGk", NULL};
    EXPECT(gw_said(gw_ask(w, h2, "meta:k1", meta), "v1"));
    EXPECT(gw_said(gw_ask(w, h2, "meta:k2-bin", meta), "aGk="));
    EXPECT(gw_said(gw_ask(w, h2, "meta:te", meta), "(none)"));
    const char *const bad[] = {"k2-bin", "a*", NULL};
    call = gw_ask(w, h2, "meta:k2-bin", bad);
    EXPECT(call->grpc == RPC_INVALID_ARGUMENT && strstr(call->text, "k2-bin") != NULL);
}

// A proxy may add more than there is room for; what is needed arrives all the same.
static void case_much_metadata(struct grpc_world *w)
{
    struct h2 *h2 = gw_client(w, 0);
    static char names[40][16];
    const char *pairs[90];
    size_t n = 0;
    for (unsigned i = 0; i < 40; i++) {
        snprintf(names[i], sizeof names[i], "x-proxy-%u", i);
        pairs[n++] = names[i];
        pairs[n++] = "v";
    }
    pairs[n++] = "authorization";
    pairs[n++] = "Bearer me";
    pairs[n] = NULL;
    EXPECT(gw_said(gw_ask(w, h2, "meta:authorization", pairs), "Bearer me"));
    EXPECT(gw_said(gw_ask(w, h2, "meta:x-proxy-0", pairs), "v"));
    EXPECT(gw_said(gw_ask(w, h2, "meta:x-proxy-39", pairs), "(none)"));

    static char huge[20000];
    memset(huge, 'h', sizeof huge - 1);
    const char *const header[] = {"x-huge", huge, NULL};
    struct h2_call *call = gw_ask(w, h2, "echo:x", header);
    EXPECT(call->grpc == RPC_RESOURCE_EXHAUSTED && strstr(call->text, "header") != NULL);
    huge[400] = '\0';
    EXPECT(gw_said(gw_ask(w, h2, "meta:x-huge", header), "(none)"));
    const char *const token[] = {"authorization", huge, NULL};
    EXPECT(gw_ask(w, h2, "echo:x", token)->grpc == RPC_RESOURCE_EXHAUSTED);
}

static void case_frames(struct grpc_world *w)
{
    struct h2 *h2 = gw_client(w, 0);
    const uint8_t message[] = {0, 0, 0, 0, 8, 0x0a, 6, 'e', 'c', 'h', 'o', ':', 'x'};
    struct h2_call *call = h2_request(h2, GW_CHECK, NULL);
    for (size_t i = 0; i < sizeof message; i++) { // a DATA frame for each byte
        h2_write(h2, call, message + i, 1);
        gw_pass(w, 2);
    }
    h2_end(h2, call);
    gw_wait(w, h2, call);
    EXPECT(gw_said(call, "x"));

    call = h2_request(h2, GW_CHECK, NULL); // two messages
    h2_write(h2, call, message, sizeof message);
    h2_write(h2, call, message, sizeof message);
    h2_end(h2, call);
    gw_wait(w, h2, call);
    EXPECT(call->grpc == RPC_INVALID_ARGUMENT);

    call = h2_request(h2, GW_CHECK, NULL); // cut off
    h2_write(h2, call, message, sizeof message - 1);
    h2_end(h2, call);
    gw_wait(w, h2, call);
    EXPECT(call->grpc == RPC_INVALID_ARGUMENT && strstr(call->text, "cut off") != NULL);

    call = h2_request(h2, GW_CHECK, NULL); // none
    h2_end(h2, call);
    gw_wait(w, h2, call);
    EXPECT(call->grpc == RPC_INVALID_ARGUMENT);

    call = h2_request(h2, GW_CHECK, NULL); // no flag
    h2_write(h2, call, "\7....", 5);
    gw_wait(w, h2, call);
    EXPECT(call->grpc == RPC_INTERNAL);

    call = h2_request(h2, GW_CHECK, NULL); // not protobuf
    h2_message(h2, call, false, "\xff\xff\xff", 3);
    h2_end(h2, call);
    gw_wait(w, h2, call);
    EXPECT(call->grpc == RPC_INVALID_ARGUMENT);
    EXPECT(w->checks == 1);
}

static void case_big(struct grpc_world *w)
{
    struct h2 *h2 = gw_client(w, 0);
    struct h2_call *call = gw_ask(w, h2, "big:3000000", NULL);
    EXPECT(call->grpc == 0 && h2_answer(call, 0, NULL).len > 3000000);
    call = gw_ask(w, h2, "big:5000000", NULL);
    EXPECT(call->grpc == RPC_RESOURCE_EXHAUSTED);
    char *what = mem_zalloc(3000006);
    memset(what, 'z', 3000005);
    memcpy(what, "echo:", 5);
    EXPECT(gw_said(gw_ask(w, h2, what, NULL), what + 5));
    mem_free(what);
    // Refused by its length alone, long before it has come; the answer is not lost.
    call = h2_request(h2, GW_CHECK, NULL);
    h2_write(h2, call, "\0\x01\0\0\0", 5);
    gw_wait(w, h2, call);
    EXPECT(call->grpc == RPC_RESOURCE_EXHAUSTED && call->code == NGHTTP2_NO_ERROR);
    EXPECT(gw_said(gw_ask(w, h2, "echo:goes on", NULL), "goes on"));
}

static struct h2_call *gzip_call(struct grpc_world *w, struct h2 *h2, const struct buf *packed)
{
    const char *const gzip[] = {"grpc-encoding", "gzip", "grpc-accept-encoding", "gzip", NULL};
    struct h2_call *call = h2_request(h2, GW_CHECK, gzip);
    h2_message(h2, call, true, packed->bytes, packed->len);
    h2_end(h2, call);
    gw_wait(w, h2, call);
    fprintf(stderr, "gzip: grpc %d %s\n", call->grpc, call->text);
    return call;
}

static void case_gzip(struct grpc_world *w)
{
    struct h2 *h2 = gw_client(w, 0);
    struct buf packed = {0}, plain = {0};
    bool compressed = false;
    gzip_pack(span_make("\x0a\x0a"
                        "big:100000",
                        12),
              &packed);
    struct h2_call *call = gzip_call(w, h2, &packed);
    struct span answer = h2_answer(call, 0, &compressed);
    EXPECT(call->grpc == 0 && compressed && answer.len < 1000);
    EXPECT(strstr(call->header, "grpc-encoding: gzip\n") != NULL);
    EXPECT(gzip_unpack(answer, 1 << 20, &plain) == ERR_OK && plain.len > 100000);

    packed.len -= 4; // cut off
    EXPECT(gzip_call(w, h2, &packed)->grpc == RPC_INVALID_ARGUMENT);
    buf_clear(&packed);
    buf_append_text(&packed, "no gzip at all");
    EXPECT(gzip_call(w, h2, &packed)->grpc == RPC_INVALID_ARGUMENT);

    buf_clear(&plain);
    memset(buf_reserve(&plain, 64 << 20), 0, 64 << 20);
    plain.len = 64 << 20;
    buf_clear(&packed);
    gzip_pack(buf_span(&plain), &packed);
    fprintf(stderr, "a bomb of %zu bytes\n", packed.len);
    EXPECT(gzip_call(w, h2, &packed)->grpc == RPC_RESOURCE_EXHAUSTED);

    call = h2_request(h2, GW_CHECK, NULL); // compressed, without saying how
    h2_message(h2, call, true, packed.bytes, 100);
    h2_end(h2, call);
    gw_wait(w, h2, call);
    EXPECT(call->grpc == RPC_INTERNAL);
    buf_deinit(&packed);
    buf_deinit(&plain);
}

static bool one_held(struct grpc_world *w)
{
    return w->n_held == 1;
}

static bool held_cancelled(struct grpc_world *w)
{
    return w->held[0].cancelled;
}

static void case_deadline(struct grpc_world *w)
{
    struct h2 *h2 = gw_client(w, 0);
    const char *const soon[] = {"grpc-timeout", "50m", NULL};
    struct h2_call *call = gw_ask(w, h2, "hold", soon);
    EXPECT(call->grpc == RPC_DEADLINE_EXCEEDED && w->held[0].cancelled);
    const char *const now[] = {"grpc-timeout", "0n", NULL};
    EXPECT(gw_ask(w, h2, "hold", now)->grpc == RPC_DEADLINE_EXCEEDED && w->n_held == 1);
    call = h2_request(h2, GW_CHECK, soon); // while it comes in
    gw_wait(w, h2, call);
    EXPECT(call->grpc == RPC_DEADLINE_EXCEEDED);
}

static void case_cancel(struct grpc_world *w)
{
    struct h2 *h2 = gw_client(w, 0);
    struct h2_call *call = gw_call(h2, "hold", NULL);
    gw_run(w, one_held);
    nghttp2_submit_rst_stream(h2->session, 0, call->id, NGHTTP2_CANCEL);
    gw_run(w, held_cancelled);
    gw_release(w, 0, "too late");
    EXPECT(gw_said(gw_ask(w, h2, "echo:goes on", NULL), "goes on"));

    // A connection that goes takes its calls with it.
    w->n_held = 0;
    (void)gw_call(h2, "hold", NULL);
    gw_run(w, one_held);
    gw_client_close(w, h2);
    gw_run(w, held_cancelled);
}

static bool stream_waits(struct grpc_world *w)
{
    return w->stream.waits > 0;
}

static bool stream_cancelled(struct grpc_world *w)
{
    return w->stream.cancelled;
}

static struct h2_call *stream_call(struct h2 *h2, const char *count)
{
    const char *const pairs[] = {"count", count, NULL};
    struct h2_call *call = h2_request(h2, GW_STREAM, count == NULL ? NULL : pairs);
    h2_message(h2, call, false, "", 0);
    h2_end(h2, call);
    return call;
}

static void case_stream(struct grpc_world *w)
{
    struct h2 *h2 = gw_client(w, 0);
    struct h2_call *call = stream_call(h2, "1000");
    gw_wait(w, h2, call);
    EXPECT(call->grpc == 0 && h2_answer(call, 999, NULL).len > 1000 &&
           h2_answer(call, 1000, NULL).ptr == NULL);
    EXPECT(w->stream.sent == 1000 && w->stream.waits > 0);
    call = stream_call(h2, "0");
    gw_wait(w, h2, call);
    EXPECT(call->grpc == 0 && call->data.len == 0);
    call = stream_call(h2, NULL);
    gw_pass(w, 20);
    EXPECT(h2_answer(call, 0, NULL).len > 1000 && !call->closed); // at once, not at the end
    nghttp2_submit_rst_stream(h2->session, 0, call->id, NGHTTP2_CANCEL);
    gw_run(w, stream_cancelled);
}

// Who does not read holds the handler up, not the server's memory, and not others.
static void case_slow_reader(struct grpc_world *w)
{
    struct h2 *slow = gw_client(w, 1000), *quick = gw_client(w, 0);
    struct h2_call *call = stream_call(slow, "100000");
    gw_run(w, stream_waits);
    gw_pass(w, 50);
    EXPECT(w->stream.waits == 1 && w->stream.sent < 100);
    EXPECT(gw_said(gw_ask(w, quick, "echo:others", NULL), "others"));
    EXPECT(call->data.len <= 1000 && !call->closed);
    struct grpc_stats stats;
    grpc_server_stats(w->grpc, &stats);
    EXPECT(stats.held_bytes < 100 * 1000 && stats.open == 2);
    gw_client_close(w, slow);
    gw_run(w, stream_cancelled);
    gw_pass(w, 10);
    grpc_server_stats(w->grpc, &stats);
    EXPECT(stats.held_bytes == 0 && stats.open == 1);
}

static void reflect(struct grpc_world *w, struct h2 *h2, const char *path, const char *const wanted)
{
    struct h2_call *call = h2_request(h2, path, NULL);
    h2_message(h2, call, false, "\x3a\0", 2); // list_services
    h2_message(h2, call, false,
               "\x22\x20"
               "assay.health.v1.HealthService.Ch",
               34); // no symbol
    h2_message(h2, call, false,
               "\x22\x23"
               "assay.health.v1.HealthService.Check",
               37);
    h2_message(h2, call, false,
               "\x1a\x05"
               "a.foo",
               7);                      // no file
    h2_message(h2, call, false, "", 0); // nothing
    h2_end(h2, call);
    gw_wait(w, h2, call);
    EXPECT(call->grpc == 0 && h2_answer(call, 4, NULL).ptr != NULL);
    struct span list = h2_answer(call, 0, NULL);
    EXPECT(memmem(list.ptr, list.len, wanted, strlen(wanted)) != NULL);
    EXPECT(memmem(list.ptr, list.len, "grpc.health.v1.Health", 21) != NULL);
    EXPECT(memmem(list.ptr, list.len, "RouterService", 13) == NULL); // not served here
    struct span file = h2_answer(call, 2, NULL);
    EXPECT(memmem(file.ptr, file.len, "assay/health/v1/health.proto", 28) != NULL);
    struct span none = h2_answer(call, 1, NULL);
    EXPECT(memmem(none.ptr, none.len, "there is no symbol", 18) != NULL);
    none = h2_answer(call, 3, NULL);
    EXPECT(memmem(none.ptr, none.len, "there is no file", 16) != NULL);
}

static void case_reflection(struct grpc_world *w)
{
    struct h2 *h2 = gw_client(w, 0);
    reflect(w, h2, "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            "assay.health.v1.HealthService");
    reflect(w, h2, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            "grpc.reflection.v1alpha.ServerReflection");
}

static int health_status(const struct h2_call *call, unsigned nth)
{
    struct span answer = h2_answer(call, nth, NULL);
    if (answer.ptr == NULL)
        return -1;
    return answer.len == 0 ? 0 : ((const uint8_t *)answer.ptr)[answer.len - 1];
}

static void case_health(struct grpc_world *w)
{
    struct h2 *h2 = gw_client(w, 0);
    static const char SERVICE[] = "\x0a\x1d"
                                  "assay.health.v1.HealthService";
    const struct {
        const char *request;
        size_t len;
        int before, after; // the status
    } cases[] = {{"", 0, 2, 1}, {SERVICE, sizeof SERVICE - 1, 2, 1}, {"\x0a\x02no", 4, -1, -1}};
    struct h2_call *watches[3];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        watches[i] = h2_request(h2, "/grpc.health.v1.Health/Watch", NULL);
        h2_message(h2, watches[i], false, cases[i].request, cases[i].len);
        h2_end(h2, watches[i]);
        struct h2_call *check = h2_request(h2, "/grpc.health.v1.Health/Check", NULL);
        h2_message(h2, check, false, cases[i].request, cases[i].len);
        h2_end(h2, check);
        gw_wait(w, h2, check);
        EXPECT(health_status(check, 0) == cases[i].before);
        EXPECT(check->grpc == (cases[i].before < 0 ? RPC_NOT_FOUND : 0));
    }
    grpc_server_set_serving(w->grpc, true);
    grpc_server_set_serving(w->grpc, true); // nothing new
    struct h2_call *call = gw_call(h2, "hold", NULL);
    gw_run(w, one_held);
    gw_pass(w, 20);
    grpc_server_drain(w->grpc);
    gw_pass(w, 20);
    for (size_t i = 0; i < 2; i++)
        EXPECT(health_status(watches[i], 0) == 2 && health_status(watches[i], 1) == 1 &&
               health_status(watches[i], 2) == 2 && health_status(watches[i], 3) == -1);
    EXPECT(health_status(watches[2], 0) == 3 && health_status(watches[2], 1) == -1);
    EXPECT(!watches[0]->closed && h2->goaways == 1);
    gw_release(w, 0, "still served");
    gw_wait(w, h2, call);
    EXPECT(gw_said(call, "still served"));
    grpc_server_close(w->grpc, 1000, gw_grpc_closed_cb, w);
    gw_run(w, gw_grpc_is_closed);
    gw_pass(w, 5);
    EXPECT(watches[0]->closed && watches[0]->grpc == RPC_UNAVAILABLE);
}

static void case_http1(struct grpc_world *w)
{
    struct h2 *h2 = gw_client(w, 0);
    int fd = h2_socket(w->address);
    const char get[] = "GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: a browser\r\n\r\n";
    close(h2->fd);
    h2->fd = fd;
    EXPECT(send(fd, get, sizeof get - 1, 0) > 0);
    nghttp2_session_del(h2->session); // says nothing more
    h2->session = NULL;
    char answer[400] = "";
    for (int i = 0; i < 2000 && strstr(answer, "gRPC over HTTP/2.\n") == NULL; i++) {
        w->clients[0] = NULL;
        gw_pass(w, 1);
        size_t n = strlen(answer);
        ssize_t got = recv(fd, answer + n, sizeof answer - 1 - n, MSG_DONTWAIT);
        if (got > 0)
            answer[n + (size_t)got] = '\0';
    }
    EXPECT(strncmp(answer, "HTTP/1.1 505 ", 13) == 0);
    close(fd);
    mem_free(h2);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(struct grpc_world *w);
    } cases[] = {
#define CASE(name) {#name, case_##name}
        CASE(unary),  CASE(many),        CASE(errors),     CASE(header_values), CASE(much_metadata),
        CASE(frames), CASE(big),         CASE(gzip),       CASE(deadline),      CASE(cancel),
        CASE(stream), CASE(slow_reader), CASE(reflection), CASE(health),        CASE(http1),
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool wanted = argc == 1;
        for (int a = 1; a < argc; a++)
            wanted = wanted || strcmp(argv[a], cases[i].name) == 0;
        if (!wanted)
            continue;
        struct grpc_world world;
        struct grpc_opts opts = {0};
        fprintf(stderr, "-- %s\n", cases[i].name);
        gw_init(&world, &opts);
        cases[i].run(&world);
        gw_deinit(&world);
    }
    return 0;
}
