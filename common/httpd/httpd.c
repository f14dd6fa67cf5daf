// SPDX-License-Identifier: Apache-2.0
// The server's life, and libmicrohttpd driven by the loop: its epoll descriptor is polled, and what
// it has left to do at once is done in the loop's next turn.
//
//     close ──► listener closed, waiting connections cut ──► all have gone, or close_by_ms
//           ──► requests in work abandoned ──► libmicrohttpd stopped ──► closed
#include "common/httpd/httpd.h"

#include <pthread.h>
#include <stdio.h>

#include "common/base/mem.h"
#include "common/httpd/httpd_impl.h"
#include "common/log/log.h"

#define LOG_COMPONENT "httpd"

enum { CLOSE_STEP_MS = 20 };

static void drive_cb(void *arg)
{
    struct httpd *httpd = arg;
    MHD_UNSIGNED_LONG_LONG ms = 0;
    CHECK(MHD_run(httpd->daemon) == MHD_YES);
    httpd_meter_set(httpd->opts.meter, &httpd->stats, httpd->bodies.held);
    if (MHD_get_timeout(httpd->daemon, &ms) == MHD_YES && ms == 0)
        loop_timer_start(httpd->again, 0, 0);
}

__attribute__((noreturn)) static void panic(void *cls, const char *file, unsigned line,
                                            const char *reason)
{
    (void)cls;
    check_failed(reason != NULL ? reason : "libmicrohttpd", file, (int)line);
}

static void panic_init(void)
{
    MHD_set_panic_func(panic, NULL);
}

__attribute__((format(printf, 2, 0))) static void said(void *cls, const char *format, va_list args)
{
    char text[512];
    (void)cls;
    vsnprintf(text, sizeof text, format, args);
    LOG_DEBUG("libmicrohttpd", "msg=\"%s\"", text);
}

static struct MHD_Daemon *start(struct httpd *httpd)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const unsigned flags = MHD_USE_EPOLL | MHD_USE_TURBO | MHD_ALLOW_SUSPEND_RESUME |
                           MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG;
    CHECK(pthread_once(&once, panic_init) == 0);
    struct MHD_Daemon *daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, httpd_access_cb, httpd, MHD_OPTION_EXTERNAL_LOGGER, said, httpd,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTPD_POOL_BYTES, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)httpd->opts.connections_max + HTTPD_SLACK, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        (unsigned)httpd->opts.per_address_max, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_URI_LOG_CALLBACK, httpd_uri_cb, httpd, MHD_OPTION_NOTIFY_CONNECTION,
        httpd_connection_cb, httpd, MHD_OPTION_NOTIFY_COMPLETED, httpd_completed_cb, httpd,
        MHD_OPTION_END);
    CHECK(daemon != NULL);
    return daemon;
}

static void fill_defaults(struct httpd_opts *opts)
{
#define DEFAULT(field, value) opts->field = opts->field > 0 ? opts->field : (value)
    DEFAULT(connections_max, 10000);
    DEFAULT(requests_max, 1024);
    DEFAULT(body_bytes_max, 1024 * 1024);
    DEFAULT(bodies_bytes_max, 256 * 1024 * 1024);
    DEFAULT(idle_ms, 60000);
    DEFAULT(request_ms, 30000);
    DEFAULT(room_ms, 500);
#undef DEFAULT
}

enum err httpd_open(struct loop *loop, const struct httpd_opts *opts, struct httpd **out,
                    struct err_info *info)
{
    struct httpd *httpd = mem_zalloc(sizeof *httpd);
    httpd->loop = loop;
    httpd->opts = *opts;
    httpd->opts.address = NULL; // borrowed for this call alone
    fill_defaults(&httpd->opts);
    httpd->bodies.max = httpd->opts.bodies_bytes_max;
    enum err err = httpd_listen(httpd, opts->address, info);
    if (err != ERR_OK) {
        mem_free(httpd);
        return err;
    }
    httpd->unknown = httpd_meter_route(httpd->opts.meter, "any", "none");
    httpd->daemon = start(httpd);
    const union MHD_DaemonInfo *daemon =
        MHD_get_daemon_info(httpd->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    CHECK(daemon != NULL);
    httpd->readable = loop_poll_create(loop, daemon->epoll_fd, LOOP_POLL_READABLE, drive_cb, httpd);
    httpd->again = loop_timer_create(loop, drive_cb, httpd);
    httpd->sweeping = loop_timer_create(loop, httpd_sweep_cb, httpd);
    *out = httpd;
    return ERR_OK;
}

const char *httpd_address(const struct httpd *httpd)
{
    return httpd->address;
}

void httpd_stats(const struct httpd *httpd, struct httpd_stats *out)
{
    *out = httpd->stats;
    out->body_bytes = httpd->bodies.held;
}

// ---- Closing ------------------------------------------------------------------------------------

static void finish(struct httpd *httpd)
{
    httpd_abandon_all(httpd);
    // Resumed connections leave its list of suspended ones, as stopping it wants.
    CHECK(MHD_run(httpd->daemon) == MHD_YES);
    loop_poll_destroy(httpd->readable);
    loop_timer_destroy(httpd->again);
    MHD_stop_daemon(httpd->daemon);
    CHECK(httpd->stats.open == 0 && httpd->stats.in_work == 0 && httpd->bodies.held == 0);
    loop_timer_destroy(httpd->sweeping);
    loop_timer_destroy(httpd->closer);
    httpd_routes_free(httpd);
    void (*closed)(void *arg) = httpd->closed;
    void *arg = httpd->closed_arg;
    mem_free(httpd);
    closed(arg);
}

static void close_step_cb(void *arg)
{
    struct httpd *httpd = arg;
    httpd_cut_waiting(httpd);
    if (httpd->stats.open == 0 || loop_now_ms(httpd->loop) >= httpd->close_by_ms)
        finish(httpd);
}

void httpd_close(struct httpd *httpd, int64_t drain_ms, void (*closed)(void *arg), void *arg)
{
    CHECK(!httpd->closing && closed != NULL && drain_ms >= 0);
    httpd->closing = true;
    httpd->closed = closed;
    httpd->closed_arg = arg;
    httpd->close_by_ms = loop_now_ms(httpd->loop) + drain_ms;
    httpd_listen_stop(httpd);
    httpd->closer = loop_timer_create(httpd->loop, close_step_cb, httpd);
    loop_timer_start(httpd->closer, 0, CLOSE_STEP_MS);
}
