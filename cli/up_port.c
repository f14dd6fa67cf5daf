// SPDX-License-Identifier: Apache-2.0
// Whether a port is free is found out by listening there for a moment. Between that moment and the
// service's start, and whenever the service restarts, the port is free again; so that no other
// cluster takes it then, whoever has it also holds a socket in the abstract namespace, which lives
// as long as this process and is private to a network like the port itself.
#include "cli/up_port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/text.h"

enum { HOST_BYTES_MAX = 64 };

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    };
    socklen_t len;
    char host[HOST_BYTES_MAX]; // as it is written
};

static bool host_parse(struct address *out, uint16_t port)
{
    char host[HOST_BYTES_MAX];
    size_t n = strlen(out->host);
    if (strcmp(out->host, "localhost") == 0)
        snprintf(out->host, sizeof out->host, "127.0.0.1");
    if (inet_pton(AF_INET, out->host, &out->v4.sin_addr) == 1) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(port);
        out->len = sizeof out->v4;
        return true;
    }
    if (n < 3 || out->host[0] != '[' || out->host[n - 1] != ']')
        return false;
    memcpy(host, out->host + 1, n - 2);
    host[n - 2] = '\0';
    out->v6.sin6_family = AF_INET6;
    out->v6.sin6_port = htons(port);
    out->len = sizeof out->v6;
    return inet_pton(AF_INET6, host, &out->v6.sin6_addr) == 1;
}

static enum err address_parse(const char *text, struct address *out, struct err_info *info)
{
    const char *colon = strrchr(text, ':');
    uint64_t port = 0;
    memset(out, 0, sizeof *out);
    bool right = colon != NULL && (size_t)(colon - text) < sizeof out->host &&
                 text_to_u64(span_of(colon + 1), &port) && port <= UINT16_MAX;
    if (right)
        memcpy(out->host, text, (size_t)(colon - text));
    if (!right || !host_parse(out, (uint16_t)port))
        return err_set(info, ERR_INVALID,
                       "expected ADDRESS:PORT (127.0.0.1:8480, [::1]:8480) or off, got \"%s\"",
                       text);
    return ERR_OK;
}

// Listens and stops again; a port of 0 has become a real one.
static enum err address_try(const char *text, struct address *address, struct err_info *info)
{
    int on = 1;
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set(info, ERR_IO, "%s: %s", text, strerror(errno));
    enum err err = ERR_OK;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, &address->any, address->len) != 0 || listen(fd, 1) != 0 ||
        getsockname(fd, &address->any, &address->len) != 0)
        err = err_set(info, errno == EADDRINUSE ? ERR_BUSY : ERR_INVALID, "%s: %s", text,
                      strerror(errno));
    close(fd);
    return err;
}

// BUSY: another cluster has it.
static enum err address_hold(const char *text, int *hold, struct err_info *info)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    // The first byte is 0: not a file.
    int n = snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "assay-port-%s", text);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set(info, ERR_IO, "%s: %s", text, strerror(errno));
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
    if (bind(fd, (struct sockaddr *)&name, len) == 0) {
        *hold = fd;
        return ERR_OK;
    }
    enum err err = errno == EADDRINUSE ? err_set(info, ERR_BUSY, "%s: another cluster has it", text)
                                       : err_set(info, ERR_IO, "%s: %s", text, strerror(errno));
    close(fd);
    return err;
}

static enum err take(const char *text, struct arena *arena, struct up_port *out,
                     struct err_info *info)
{
    struct address address;
    enum err err = address_parse(text, &address, info);
    if (err == ERR_OK)
        err = address_try(text, &address, info);
    if (err != ERR_OK)
        return err;
    uint16_t port = address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port;
    out->address = arena_printf(arena, "%s:%u", address.host, (unsigned)ntohs(port));
    return address_hold(out->address, &out->hold, info);
}

enum err up_port_settle(const struct up_port_opts *opts, struct arena *arena, struct up_port *out,
                        struct err_info *info)
{
    struct err_info why;
    *out = (struct up_port){.address = "", .hold = -1};
    if (opts->given != NULL && strcmp(opts->given, "off") == 0)
        return ERR_OK;
    bool usual = opts->given == NULL;
    enum err err = take(usual ? opts->usual : opts->given, arena, out, &why);
    if (err == ERR_OK)
        return ERR_OK;
    out->address = "";
    if (!usual)
        return err_set(info, err, "--%s: %s", opts->option, why.text);
    out->note = arena_printf(arena, "%s (%s); --%s gives another address", opts->what, why.text,
                             opts->option);
    return ERR_OK;
}

void up_port_release(struct up_port *port)
{
    if (port->hold >= 0)
        close(port->hold);
    port->hold = -1;
}
