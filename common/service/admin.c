// SPDX-License-Identifier: Apache-2.0
// What every process answers: AdminService and HealthService.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "assay/admin/v1/admin.pb-c.h"
#include "assay/health/v1/health.pb-c.h"
#include "common/base/mem.h"
#include "common/service/service_impl.h"

#define LOG_COMPONENT "service"

struct service_admin {
    struct service *service;
    Assay__Admin__V1__AdminService_Service admin;
    Assay__Health__V1__HealthService_Service health;
};

// A call that the service's own functions answer later. It knows nothing of the service, so that it
// can still be answered when the server has gone.
struct service_token {
    void (*answer)(const ProtobufCMessage *message, void *closure_data);
    void *closure_data;
};

static struct service_token *service_token_create(void *answer, void *closure_data)
{
    struct service_token *token = mem_alloc(sizeof *token);
    *token =
        (struct service_token){(void (*)(const ProtobufCMessage *, void *))answer, closure_data};
    return token;
}

static struct service *service_of_admin(Assay__Admin__V1__AdminService_Service *admin)
{
    return CONTAINER_OF(admin, struct service_admin, admin)->service;
}

static void service_get_status(Assay__Admin__V1__AdminService_Service *admin,
                               const Assay__Admin__V1__GetStatusRequest *request,
                               Assay__Admin__V1__GetStatusResponse_Closure closure,
                               void *closure_data)
{
    struct service *service = service_of_admin(admin);
    Assay__Admin__V1__GetStatusResponse answer = ASSAY__ADMIN__V1__GET_STATUS_RESPONSE__INIT;
    const char *document = service->desc->document != NULL ? service->desc->document(service) : "";
    (void)request;
    answer.service = (char *)service->config.name;
    answer.version = (char *)ASSAY_VERSION;
    answer.started_at_ms = service->started_ms;
    answer.ready = service->ready;
    answer.document = (char *)(document != NULL ? document : "");
    answer.pid = getpid();
    closure(&answer, closure_data);
}

static void service_refresh(struct service *service)
{
    struct service_metrics *counts = &service->counts;
    struct rpc_server_stats stats;
    struct service_process process;
    rpc_server_stats(service->server, &stats);
    service_process_read(&process);
    metrics_mirror(&counts->requests, stats.requests);
    metrics_mirror(&counts->failed, stats.failed);
    metrics_mirror(&counts->deadline_exceeded, stats.deadline_exceeded);
    metrics_mirror(&counts->cancelled, stats.cancelled);
    metrics_mirror(&counts->refused, stats.refused);
    metrics_set(&counts->in_work, stats.in_work);
    metrics_set(&counts->calls_max, service->config.calls_max);
    guard_refresh_metrics(service->guard);
    call_metrics_refresh(service->calls);
    metrics_set(&counts->turn, (int64_t)loop_longest_turn_ns(service->loop));
    metrics_set(&counts->ready, service->ready);
    metrics_set(&counts->resident, process.resident_bytes);
    metrics_set(&counts->virtual_bytes, process.virtual_bytes);
    metrics_mirror(&counts->cpu, process.cpu_ns);
    metrics_set(&counts->fds, process.open_fds);
    metrics_set(&counts->fds_max, process.max_fds);
    metrics_set(&counts->started, service->started_ms * 1000000);
    grpc_port_refresh(service->grpc_port);
    if (service->desc->refresh_metrics != NULL)
        service->desc->refresh_metrics(service);
}

static void service_get_metrics(Assay__Admin__V1__AdminService_Service *admin,
                                const Assay__Admin__V1__GetMetricsRequest *request,
                                Assay__Admin__V1__GetMetricsResponse_Closure closure,
                                void *closure_data)
{
    struct service *service = service_of_admin(admin);
    Assay__Admin__V1__GetMetricsResponse answer = ASSAY__ADMIN__V1__GET_METRICS_RESPONSE__INIT;
    struct buf text = {0};
    (void)request;
    service_refresh(service);
    metrics_write(service->metrics, &text);
    buf_append_u8(&text, 0);
    answer.text = (char *)text.bytes;
    closure(&answer, closure_data);
    buf_deinit(&text);
}

static void service_unimplemented(struct service *service, void *closure_data, const char *what)
{
    rpc_fail(closure_data, RPC_UNIMPLEMENTED, "%s %s", service->desc->program, what);
}

static void service_load_document(Assay__Admin__V1__AdminService_Service *admin,
                                  const Assay__Admin__V1__LoadDocumentRequest *request,
                                  Assay__Admin__V1__LoadDocumentResponse_Closure closure,
                                  void *closure_data)
{
    struct service *service = service_of_admin(admin);
    if (service->desc->load_document == NULL) {
        service_unimplemented(service, closure_data, "is governed by no document");
        return;
    }
    if (service->draining) {
        rpc_fail(closure_data, RPC_UNAVAILABLE, "%s is draining", service->config.name);
        return;
    }
    struct span text = {request->text.data, request->text.len};
    const char *file = request->file[0] != '\0' ? request->file : "document";
    service->desc->load_document(service, file, text, request->check_only,
                                 service_token_create((void *)closure, closure_data));
}

void service_document_done(void *arg, enum err err, const char *in_force, bool changed,
                           const char *report)
{
    struct service_token *token = arg;
    CHECK(token != NULL && (err != ERR_OK || in_force != NULL));
    if (err == ERR_OK) {
        Assay__Admin__V1__LoadDocumentResponse answer =
            ASSAY__ADMIN__V1__LOAD_DOCUMENT_RESPONSE__INIT;
        answer.document = (char *)in_force;
        answer.changed = changed;
        token->answer(&answer.base, token->closure_data);
    } else {
        rpc_fail(token->closure_data, rpc_status_of_err(err), "%s",
                 report != NULL && report[0] != '\0' ? report : err_text(err));
    }
    mem_free(token);
}

static void service_advance_clock(Assay__Admin__V1__AdminService_Service *admin,
                                  const Assay__Admin__V1__AdvanceClockRequest *request,
                                  Assay__Admin__V1__AdvanceClockResponse_Closure closure,
                                  void *closure_data)
{
    struct service *service = service_of_admin(admin);
    if (service->desc->advance_clock == NULL) {
        service_unimplemented(service, closure_data, "has no clock of its own");
        return;
    }
    if (service->draining) {
        rpc_fail(closure_data, RPC_UNAVAILABLE, "%s is draining", service->config.name);
        return;
    }
    service->desc->advance_clock(service, request->to_ms,
                                 service_token_create((void *)closure, closure_data));
}

void service_clock_done(void *arg, enum err err, int64_t clock_ms, const struct err_info *info)
{
    struct service_token *token = arg;
    CHECK(token != NULL);
    if (err == ERR_OK) {
        Assay__Admin__V1__AdvanceClockResponse answer =
            ASSAY__ADMIN__V1__ADVANCE_CLOCK_RESPONSE__INIT;
        answer.clock_ms = clock_ms;
        token->answer(&answer.base, token->closure_data);
    } else {
        rpc_fail_err(token->closure_data, err, info);
    }
    mem_free(token);
}

static void service_set_log_level(Assay__Admin__V1__AdminService_Service *admin,
                                  const Assay__Admin__V1__SetLogLevelRequest *request,
                                  Assay__Admin__V1__SetLogLevelResponse_Closure closure,
                                  void *closure_data)
{
    Assay__Admin__V1__SetLogLevelResponse answer = ASSAY__ADMIN__V1__SET_LOG_LEVEL_RESPONSE__INIT;
    enum log_level level;
    (void)admin;
    if (!log_level_parse(span_of(request->level), &level)) {
        rpc_fail(closure_data, RPC_INVALID_ARGUMENT,
                 "\"%.40s\" is no level: expected off, error, warn, info or debug", request->level);
        return;
    }
    LOG_INFO("log_level_set", "level=%s", request->level);
    log_set_level(level);
    closure(&answer, closure_data);
}

static void service_check(Assay__Health__V1__HealthService_Service *health,
                          const Assay__Health__V1__CheckRequest *request,
                          Assay__Health__V1__CheckResponse_Closure closure, void *closure_data)
{
    struct service *service = CONTAINER_OF(health, struct service_admin, health)->service;
    Assay__Health__V1__CheckResponse answer = ASSAY__HEALTH__V1__CHECK_RESPONSE__INIT;
    if (request->service[0] != '\0' && strcmp(request->service, service->config.name) != 0) {
        rpc_fail(closure_data, RPC_NOT_FOUND, "this is \"%s\"", service->config.name);
        return;
    }
    answer.status = service->ready ? ASSAY__HEALTH__V1__SERVING_STATUS__SERVING_STATUS_SERVING
                                   : ASSAY__HEALTH__V1__SERVING_STATUS__SERVING_STATUS_NOT_SERVING;
    answer.reason = service->ready ? (char *)"" : service->reason;
    closure(&answer, closure_data);
}

struct service_admin *service_admin_create(struct service *service)
{
    static const struct metrics_desc DESCS[] = {
#define SERVICE_METRICS_DESC(kind, field, name, help)                                              \
    METRICS_DESC(struct service_metrics, kind, field, name, help)
        SERVICE_METRICS(SERVICE_METRICS_DESC)};
    static const struct metrics_desc BUILD_DESCS[] = {BUILD_METRICS(SERVICE_METRICS_DESC)};
    struct service_admin *admin = mem_alloc(sizeof *admin);
    *admin = (struct service_admin){
        .service = service,
        .admin = ASSAY__ADMIN__V1__ADMIN_SERVICE__INIT(service_),
        .health = ASSAY__HEALTH__V1__HEALTH_SERVICE__INIT(service_),
    };
    metrics_register(service->metrics, DESCS, ARRAY_LEN(DESCS), &service->counts, "");
    metrics_register(service->metrics, BUILD_DESCS, ARRAY_LEN(BUILD_DESCS), &service->counts,
                     "version=\"" ASSAY_VERSION "\"");
    metrics_set(&service->counts.info, 1);
    rpc_server_add(service->server, &admin->admin.base);
    rpc_server_add(service->server, &admin->health.base);
    return admin;
}

void service_admin_destroy(struct service_admin *admin)
{
    mem_free(admin);
}
