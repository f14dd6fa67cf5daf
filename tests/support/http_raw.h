// SPDX-License-Identifier: Apache-2.0
// A client for what is said and answered byte by byte over HTTP/1.1: blocking, ten seconds a read.
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/base/check.h"

enum { HTTP_RAW_TIMEOUT_S = 10 };

struct http_raw {
    int fd;
    char *bytes; // read and not yet taken
    size_t n;
};

struct http_raw_answer {
    int status; // 0: the connection ended before a whole answer
    char *head; // status line and headers
    char *body;
    size_t body_bytes;
};

// "127.0.0.1:PORT". False: nobody took the connection.
static inline bool http_raw_connect(struct http_raw *raw, const char *address)
{
    const char *colon = strrchr(address, ':');
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(colon + 1))};
    int on = 1;
    struct timeval most = {.tv_sec = HTTP_RAW_TIMEOUT_S};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *raw = (struct http_raw){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    CHECK(raw->fd >= 0);
    CHECK(setsockopt(raw->fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most) == 0);
    CHECK(setsockopt(raw->fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most) == 0);
    CHECK(setsockopt(raw->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
    if (connect(raw->fd, (struct sockaddr *)&at, sizeof at) == 0)
        return true;
    close(raw->fd);
    raw->fd = -1;
    return false;
}

static inline void http_raw_close(struct http_raw *raw)
{
    if (raw->fd >= 0)
        close(raw->fd);
    free(raw->bytes);
    *raw = (struct http_raw){.fd = -1};
}

// False: the peer has closed.
static inline bool http_raw_send(struct http_raw *raw, const void *bytes, size_t n)
{
    for (const char *at = bytes; n > 0;) {
        ssize_t sent = send(raw->fd, at, n, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        at += sent;
        n -= (size_t)sent;
    }
    return true;
}

static inline bool http_raw_say(struct http_raw *raw, const char *text)
{
    return http_raw_send(raw, text, strlen(text));
}

// Reads more. False: the end, an error, or nothing for ten seconds.
static inline bool http_raw_more(struct http_raw *raw)
{
    char piece[65536];
    ssize_t got = recv(raw->fd, piece, sizeof piece, 0);
    if (got <= 0)
        return false;
    raw->bytes = realloc(raw->bytes, raw->n + (size_t)got + 1);
    CHECK(raw->bytes != NULL);
    memcpy(raw->bytes + raw->n, piece, (size_t)got);
    raw->n += (size_t)got;
    raw->bytes[raw->n] = '\0';
    return true;
}

// Whether the peer ends the connection (in ten seconds), whatever it says before.
static inline bool http_raw_ends(struct http_raw *raw)
{
    while (http_raw_more(raw))
        ;
    return errno != EAGAIN && errno != EWOULDBLOCK;
}

static inline void http_raw_answer_free(struct http_raw_answer *answer)
{
    free(answer->head);
    free(answer->body);
    *answer = (struct http_raw_answer){0};
}

// The value of a header of the answer, copied to `out`; "" when it is not there.
static inline const char *http_raw_header(const struct http_raw_answer *answer, const char *name,
                                          char *out, size_t n)
{
    out[0] = '\0';
    size_t len = strlen(name);
    for (const char *line = answer->head; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncasecmp(line, name, len) != 0 || line[len] != ':')
            continue;
        const char *value = line + len + 1 + strspn(line + len + 1, " ");
        snprintf(out, n, "%.*s", (int)strcspn(value, "\r\n"), value);
        break;
    }
    return out;
}

// The next answer; to a HEAD request, one without a body. Free it.
static inline struct http_raw_answer http_raw_read_of(struct http_raw *raw, bool head)
{
    struct http_raw_answer answer = {0};
    char length[32];
    const char *end;
    errno = 0;
    while ((end = raw->n == 0 ? NULL : strstr(raw->bytes, "\r\n\r\n")) == NULL)
        if (!http_raw_more(raw))
            return answer;
    size_t head_bytes = (size_t)(end - raw->bytes) + 4;
    answer.head = strndup(raw->bytes, head_bytes);
    answer.body_bytes =
        strtoul(http_raw_header(&answer, "Content-Length", length, sizeof length), NULL, 10);
    if (head || strncmp(answer.head, "HTTP/1.1 1", 10) == 0)
        answer.body_bytes = 0;
    while (raw->n < head_bytes + answer.body_bytes) {
        if (!http_raw_more(raw)) {
            http_raw_answer_free(&answer);
            return answer;
        }
    }
    answer.status = atoi(answer.head + strcspn(answer.head, " "));
    answer.body = malloc(answer.body_bytes + 1);
    CHECK(answer.head != NULL && answer.body != NULL);
    memcpy(answer.body, raw->bytes + head_bytes, answer.body_bytes);
    answer.body[answer.body_bytes] = '\0';
    raw->n -= head_bytes + answer.body_bytes;
    memmove(raw->bytes, raw->bytes + head_bytes + answer.body_bytes, raw->n + 1);
    return answer;
}

static inline struct http_raw_answer http_raw_read(struct http_raw *raw)
{
    return http_raw_read_of(raw, false);
}
