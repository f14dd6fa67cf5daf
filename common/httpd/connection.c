// SPDX-License-Identifier: Apache-2.0
// Connections and how long each may take. libmicrohttpd's own time-out starts again with each byte,
// so that a peer which sends one now and then would never meet it; these bounds are on whole
// phases. When no more connections fit, the one that has been longest in its phase makes room for a
// new one: whoever only holds a place loses it first, and a request that comes and goes is served
// however many do.
#include <sys/socket.h>

#include "common/base/mem.h"
#include "common/httpd/httpd_impl.h"

enum {
    SWEEP_MS_MAX = 1000,
    SWEEP_MS_MIN = 10,
};

static int64_t min_i64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

// ---- The list -----------------------------------------------------------------------------------

// Whether its time runs: it is in the list then.
static bool ages(const struct httpd_connection *connection)
{
    return !connection->cut && connection->phase != HTTPD_WORKING;
}

static void list_add(struct httpd *httpd, struct httpd_connection *connection)
{
    struct httpd_connections *list = &httpd->aging;
    if (!ages(connection))
        return;
    connection->prev = list->last;
    connection->next = NULL;
    *(list->last == NULL ? &list->first : &list->last->next) = connection;
    list->last = connection;
}

static void list_remove(struct httpd *httpd, struct httpd_connection *connection)
{
    struct httpd_connections *list = &httpd->aging;
    if (!ages(connection))
        return;
    *(connection->prev == NULL ? &list->first : &connection->prev->next) = connection->next;
    *(connection->next == NULL ? &list->last : &connection->next->prev) = connection->prev;
}

// ---- Phases -------------------------------------------------------------------------------------

void httpd_connection_phase(struct httpd *httpd, struct httpd_connection *connection,
                            enum httpd_phase phase)
{
    list_remove(httpd, connection);
    connection->phase = phase;
    connection->since_ms = loop_now_ms(httpd->loop);
    connection->fresh = connection->fresh && phase == HTTPD_WAITING;
    list_add(httpd, connection);
}

struct httpd_connection *httpd_connection_of(struct MHD_Connection *mhd)
{
    return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static void connection_opened(struct httpd *httpd, struct MHD_Connection *mhd, void **context)
{
    struct httpd_connection *connection = mem_zalloc(sizeof *connection);
    connection->mhd = mhd;
    connection->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    connection->fresh = true;
    connection->phase = HTTPD_WAITING;
    connection->since_ms = loop_now_ms(httpd->loop);
    list_add(httpd, connection);
    *context = connection;
    httpd->stats.connections++;
    if (httpd->stats.open++ == 0) {
        int64_t every = min_i64(httpd->opts.idle_ms, httpd->opts.request_ms) / 8;
        every = every < SWEEP_MS_MIN ? SWEEP_MS_MIN : min_i64(every, SWEEP_MS_MAX);
        loop_timer_start(httpd->sweeping, (uint64_t)every, (uint64_t)every);
    }
}

static void connection_closed(struct httpd *httpd, struct httpd_connection *connection)
{
    list_remove(httpd, connection);
    httpd->n_cut -= connection->cut;
    mem_free(connection);
    CHECK(httpd->stats.open > 0);
    if (--httpd->stats.open == 0)
        loop_timer_stop(httpd->sweeping);
}

void httpd_connection_cb(void *cls, struct MHD_Connection *mhd, void **context,
                         enum MHD_ConnectionNotificationCode code)
{
    struct httpd *httpd = cls;
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        connection_opened(httpd, mhd, context);
    else
        connection_closed(httpd, *context);
}

// The request line has come.
void *httpd_uri_cb(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    struct httpd_connection *connection = httpd_connection_of(mhd);
    (void)uri;
    if (connection != NULL)
        httpd_connection_phase(cls, connection, HTTPD_HEADER);
    return NULL;
}

static bool is_late(const struct httpd *httpd, const struct httpd_connection *connection,
                    int64_t now_ms)
{
    const struct httpd_opts *opts = &httpd->opts;
    int64_t ms = now_ms - connection->since_ms;
    switch (connection->phase) {
    case HTTPD_WAITING:
        // One that is open has to say something soon; one that is kept alive may wait longer.
        return ms > (connection->fresh ? min_i64(opts->request_ms, opts->idle_ms) : opts->idle_ms);
    case HTTPD_HEADER:
    case HTTPD_BODY:
    case HTTPD_ANSWERING:
        return ms > opts->request_ms;
    case HTTPD_WORKING:
        return false; // the handler's own deadline
    }
    return false;
}

// libmicrohttpd learns of it as of a peer that has gone.
static void cut(struct httpd *httpd, struct httpd_connection *connection)
{
    list_remove(httpd, connection);
    connection->cut = true;
    httpd->n_cut++;
    shutdown(connection->fd, SHUT_RDWR);
}

void httpd_sweep_cb(void *arg)
{
    struct httpd *httpd = arg;
    int64_t now_ms = loop_now_ms(httpd->loop);
    struct httpd_connection *c = httpd->aging.first;
    for (struct httpd_connection *next; c != NULL; c = next) {
        next = c->next;
        if (is_late(httpd, c, now_ms)) {
            cut(httpd, c);
            httpd->stats.cut++;
        }
    }
}

void httpd_cut_waiting(struct httpd *httpd)
{
    struct httpd_connection *c = httpd->aging.first;
    for (struct httpd_connection *next; c != NULL; c = next) {
        next = c->next;
        if (c->phase == HTTPD_WAITING)
            cut(httpd, c);
    }
}

bool httpd_make_room(struct httpd *httpd)
{
    struct httpd_connection *longest = httpd->aging.first;
    if (longest == NULL || loop_now_ms(httpd->loop) - longest->since_ms < httpd->opts.room_ms)
        return false;
    cut(httpd, longest);
    httpd->stats.cut++;
    return true;
}
