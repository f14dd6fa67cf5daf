// SPDX-License-Identifier: Apache-2.0
// The life of a service process.
//
//   options, file ──► loop, server, admin ──► desc->open ──► serving
//   SIGTERM, SIGINT, service_fail ──► not ready ──► desc->drain ──service_drained──►
//       server closes ──► desc->close ──► loop runs out of work ──► exit
//
// From the first signal on, a second one ends the process at once, and so does a timer of the
// system (drain + 5 s): neither needs the loop, which may be what is stuck.
#include "common/service/service.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "common/loop/queue.h"
#include "common/service/service_impl.h"

#define LOG_COMPONENT "service"

enum { SERVICE_DRAIN_GRACE_MS = 5000 };

void *service_state(struct service *service)
{
    return service->state;
}

void service_set_state(struct service *service, void *state)
{
    service->state = state;
}

const struct service_config *service_config(const struct service *service)
{
    return &service->config;
}

struct loop *service_loop(struct service *service)
{
    return service->loop;
}

struct rpc_server *service_server(struct service *service)
{
    return service->server;
}

struct metrics *service_metrics(struct service *service)
{
    return service->metrics;
}

const char *service_authorization(void *service)
{
    return token_file_authorization(((struct service *)service)->token_file);
}

void service_set_ready(struct service *service, bool ready, const char *reason)
{
    if (service->draining)
        return; // it stays not ready
    if (ready && !service->ready)
        LOG_INFO("ready");
    if (!ready && (service->ready || strcmp(service->reason, reason) != 0))
        LOG_INFO("not_ready", "reason=\"%s\"", reason);
    service->ready = ready;
    service->was_ready = service->was_ready || ready;
    snprintf(service->reason, sizeof service->reason, "%s", ready ? "" : reason);
    grpc_port_set_serving(service->grpc_port, ready);
}

// ---- The end ------------------------------------------------------------------------------------

static void service_exit_now(int signum)
{
    static const char LATE[] = "the drain took too long: the process ends at once\n";
    static const char AGAIN[] = "a second signal: the process ends at once\n";
    ssize_t n = signum == SIGALRM ? write(STDERR_FILENO, LATE, sizeof LATE - 1)
                                  : write(STDERR_FILENO, AGAIN, sizeof AGAIN - 1);
    (void)n;
    _exit(SERVICE_EXIT_FAILED);
}

static void service_arm_exit(int64_t drain_ms)
{
    struct sigaction action = {.sa_handler = service_exit_now};
    int64_t ms = drain_ms + SERVICE_DRAIN_GRACE_MS;
    struct itimerval timer = {.it_value = {ms / 1000, ms % 1000 * 1000}};
    sigemptyset(&action.sa_mask);
    CHECK(sigaction(SIGTERM, &action, NULL) == 0);
    CHECK(sigaction(SIGINT, &action, NULL) == 0);
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

static void service_disarm_exit(void)
{
    struct itimerval none = {0};
    CHECK(setitimer(ITIMER_REAL, &none, NULL) == 0);
}

static void service_drain(struct service *service, const char *reason)
{
    if (service->draining)
        return;
    service_set_ready(service, false, "draining");
    service->draining = true;
    service->drain_until_ms = clock_mono_ms() + service->config.drain_ms;
    grpc_port_drain(service->grpc_port);
    // The loop gives its signals back to the system, which is what the direct handlers need.
    loop_signal_destroy(service->on_term);
    loop_signal_destroy(service->on_int);
    service_arm_exit(service->config.drain_ms);
    LOG_INFO("draining", "reason=\"%s\" drain_ms=%lld", reason,
             (long long)service->config.drain_ms);
    if (service->desc->drain != NULL)
        service->desc->drain(service);
    else
        service_drained(service);
}

static void service_signal_cb(void *arg, int signum)
{
    service_drain(arg, signum == SIGTERM ? "SIGTERM" : "SIGINT");
}

static void service_soon_cb(void *arg)
{
    service_drain(arg, "failure");
}

void service_fail(struct service *service, const char *reason)
{
    LOG_ERROR("failed", "msg=\"%s\"", reason);
    service->exit_code = SERVICE_EXIT_FAILED;
    if (!service->draining)
        loop_timer_start(service->soon, 0, 0);
}

// The server is gone; what the service still closes keeps the loop running.
static void service_server_closed_cb(void *arg)
{
    struct service *service = arg;
    struct token_file *token_file = service->token_file;
    loop_timer_destroy(service->soon);
    guard_close(service->guard);
    service->token_file = NULL; // what is still closing shows none
    token_file_close(token_file);
    if (service->desc->close != NULL)
        service->desc->close(service);
    service->closed = true;
}

static int64_t service_left_ms(const struct service *service)
{
    int64_t left_ms = service->drain_until_ms - clock_mono_ms();
    return left_ms > 0 ? left_ms : 0;
}

// Nobody carries calls to the server any more.
static void service_ports_closed_cb(void *arg)
{
    struct service *service = arg;
    service->admin_port = NULL;
    rpc_server_close(service->server, service_left_ms(service), service_server_closed_cb, service);
}

static void service_grpc_closed_cb(void *arg)
{
    struct service *service = arg;
    if (service->admin_port != NULL)
        admin_port_close(service->admin_port, service_left_ms(service), service_ports_closed_cb,
                         service);
    else
        service_ports_closed_cb(service);
}

void service_drained(struct service *service)
{
    CHECK(service->draining && !service->drained);
    service->drained = true;
    LOG_INFO("drained", "left_ms=%lld", (long long)service_left_ms(service));
    grpc_port_close(service->grpc_port, service_left_ms(service), service_grpc_closed_cb, service);
}

struct service_aside {
    struct service *service;
    void (*stop)(void *arg);
    void *arg;
    struct thread *thread;
    struct mailbox *stopped;
};

static void service_stopped_cb(void *arg, void *item)
{
    (void)item;
    struct service_aside *aside = arg;
    struct service *service = aside->service;
    thread_join(aside->thread);
    mailbox_destroy(aside->stopped);
    mem_free(aside);
    service_drained(service);
}

static void service_run_aside(void *arg)
{
    struct service_aside *aside = arg;
    aside->stop(aside->arg);
    CHECK(mailbox_post(aside->stopped, aside) == ERR_OK);
}

void service_drain_aside(struct service *service, void (*stop)(void *arg), void *arg)
{
    struct service_aside *aside = mem_alloc(sizeof *aside);
    *aside = (struct service_aside){.service = service, .stop = stop, .arg = arg};
    aside->stopped = mailbox_create(service->loop, 1, service_stopped_cb, aside);
    aside->thread = thread_start("stopper", service_run_aside, aside);
}

// ---- The beginning ------------------------------------------------------------------------------

static enum err service_open_server(struct service *service, struct err_info *info)
{
    struct rpc_server_opts opts = {
        .url = service->config.listen,
        .calls_max = (uint32_t)service->config.calls_max,
        .request_bytes_max = (size_t)service->config.request_bytes_max,
    };
    return rpc_server_open(service->loop, &opts, &service->server, info);
}

static enum err service_open_access(struct service *service, struct err_info *info)
{
    const struct token_file_opts opts = {.path = service->config.token_file};
    enum err err = guard_open(service, &service->guard, info);
    if (err == ERR_OK && opts.path[0] != '\0')
        err = token_file_open(service->loop, &opts, &service->token_file, info);
    return err;
}

static void service_start(struct service *service)
{
    struct err_info info = {""};
    enum err err = service_open_access(service, &info);
    if (err == ERR_OK)
        err = service_open_server(service, &info);
    if (err == ERR_OK) {
        guard_stand_before(service->guard, service->server);
        service->admin = service_admin_create(service);
        if (service->desc->open != NULL)
            err = service->desc->open(service, service->own, &info);
    }
    if (err == ERR_OK && service->config.admin[0] != '\0')
        err = admin_port_open(service, service->config.admin, &service->admin_port, &info);
    if (err == ERR_OK)
        err = grpc_port_open(service, &service->grpc_port, &info);
    if (err != ERR_OK) {
        LOG_ERROR("open_failed", "err=%s msg=\"%s\"", err_name(err), info.text);
        // What was opened half is not taken down: the system does that.
        _exit(SERVICE_EXIT_FAILED);
    }
    service->calls = call_metrics_create(service->metrics, service->server);
    rpc_server_start(service->server);
    grpc_port_set_serving(service->grpc_port, service->ready);
    if (service->admin_port != NULL)
        LOG_INFO("admin_port", "address=%s", admin_port_address(service->admin_port));
    LOG_INFO("started", "program=%s version=%s listen=%s pid=%d", service->desc->program,
             ASSAY_VERSION, service->config.listen, (int)getpid());
}

static int service_run(struct service *service)
{
    log_init(service->config.name, (enum log_level)service->config.log_level);
    log_set_format((enum log_format)service->config.log_format);
    service->started_ms = clock_wall_ms();
    service->loop = loop_create();
    service->metrics = metrics_create();
    snprintf(service->reason, sizeof service->reason, "starting");
    CHECK(signal(SIGHUP, SIG_IGN) != SIG_ERR);
    service->on_term = loop_signal_create(service->loop, SIGTERM, service_signal_cb, service);
    service->on_int = loop_signal_create(service->loop, SIGINT, service_signal_cb, service);
    service->soon = loop_timer_create(service->loop, service_soon_cb, service);
    service_start(service);
    loop_run(service->loop);
    CHECK(service->closed); // nothing of the loop is left to wait for, so all has been closed
    loop_destroy(service->loop);
    service_admin_destroy(service->admin);
    metrics_destroy(service->metrics);
    grpc_port_destroy(service->grpc_port);
    call_metrics_destroy(service->calls);
    httpd_meter_destroy(service->meter);
    guard_destroy(service->guard);
    service_disarm_exit();
    LOG_INFO("stopped", "exit_code=%d", service->exit_code);
    return service->exit_code;
}

int service_main(const struct service_desc *desc, int argc, char **argv)
{
    const char *path;
    int exit_code = SERVICE_EXIT_OK;
    enum service_action action = service_parse_options(desc, argc, argv, &path);
    if (action == SERVICE_DONE || action == SERVICE_MISUSED)
        return action == SERVICE_DONE ? SERVICE_EXIT_OK : SERVICE_EXIT_USAGE;
    struct service *service = mem_zalloc(sizeof *service);
    service->desc = desc;
    service->own = mem_zalloc(desc->config_bytes > 0 ? desc->config_bytes : 1);
    arena_init(&service->arena, 4096, 0);
    if (!service_load_config(service, path))
        exit_code = SERVICE_EXIT_USAGE;
    else if (action == SERVICE_CHECK)
        printf("%s: ok\n", path);
    else if (action == SERVICE_PRINT)
        service_print_config(service);
    else
        exit_code = service_run(service);
    arena_deinit(&service->arena);
    mem_free(service->own);
    mem_free(service);
    return exit_code;
}
