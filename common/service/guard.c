// SPDX-License-Identifier: Apache-2.0
#include "common/service/guard.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "common/keys/keyring.h"
#include "common/service/access.h"
#include "common/service/peer.h"
#include "common/service/service_impl.h"

#define LOG_COMPONENT "guard"

// Why a call was refused. X(name, label)
#define GUARD_REASONS(X)                                                                           \
    X(NONE, "none")                                                                                \
    X(UNLISTED, "unlisted")                                                                        \
    X(ELSEWHERE, "elsewhere")                                                                      \
    X(MISSING, "missing")                                                                          \
    X(SCHEME, "scheme")                                                                            \
    X(KEY, "key") /* the verdict says more */                                                      \
    X(ROLE, "role")                                                                                \
    X(VERB, "verb")                                                                                \
    X(LIMIT, "limit")                                                                              \
    X(RATE, "rate")
enum guard_reason {
#define GUARD_REASON_ENUM(name, label) GUARD_##name,
    GUARD_REASONS(GUARD_REASON_ENUM)
#undef GUARD_REASON_ENUM
        GUARD_REASON_COUNT
};

#define GUARD_METRICS(X)                                                                           \
    X(GAUGE, keys, "assay_keys", "Keys in force")                                                  \
    X(COUNTER, reloads, "assay_keys_reloads_total", "Times that the file of keys was read again")  \
    X(COUNTER, failures, "assay_keys_reload_failures_total",                                       \
      "Times that the file of keys could not be read again")
struct guard_metrics {
    METRICS_FIELDS(GUARD_METRICS)
};

// Labels: reason.
#define GUARD_REFUSED_METRICS(X)                                                                   \
    X(COUNTER, calls, "assay_access_refused_total", "Calls refused for who made them, by reason")
struct guard_refused {
    METRICS_FIELDS(GUARD_REFUSED_METRICS)
};

struct guard {
    struct service *service;
    struct keyring *keyring; // NULL: without keys
    bool closed;
    struct guard_metrics metrics;
    struct guard_refused reasons[GUARD_REASON_COUNT];
    struct guard_refused verdicts[KEYS_VERDICTS];
};

// ---- The table ----------------------------------------------------------------------------------

#define ADMIN(name)                                                                                \
    {                                                                                              \
        .method = "assay.admin.v1.AdminService/" name                                              \
    }
static const struct service_access OWN_ROWS[] = {
    ADMIN("GetStatus"),    ADMIN("GetMetrics"),
    ADMIN("LoadDocument"), ADMIN("AdvanceClock"),
    ADMIN("SetLogLevel"),  {.method = "assay.health.v1.HealthService/Check", .open = true},
};
const struct service_access_table SERVICE_ACCESS = {OWN_ROWS, ARRAY_LEN(OWN_ROWS)};

const struct service_access *service_access_find(const struct service_access_table *table,
                                                 const char *method)
{
    for (size_t i = 0; table != NULL && i < table->n; i++)
        if (strcmp(table->rows[i].method, method) == 0)
            return &table->rows[i];
    return NULL;
}

static const struct service_access *find_row(const struct guard *guard, const char *method)
{
    const struct service_access *row = service_access_find(guard->service->desc->access, method);
    return row != NULL ? row : service_access_find(&SERVICE_ACCESS, method);
}

// ---- One call -----------------------------------------------------------------------------------

struct asking {
    const char *method;
    const char *peer;          // as rpc_incoming_peer
    const char *authorization; // NULL: none
};

// What is known of a call while it is looked at.
struct look {
    struct guard *guard;
    const struct asking *asking;
    const struct service_access *row;
    struct keys *held;
    const struct keys_key *key; // whose it is, or was meant
    enum guard_reason reason;
    enum keys_verdict verdict;
    char *text;
};

static enum rpc_status refuse(struct look *look, enum guard_reason reason, enum rpc_status status,
                              const char *format, ...) PRINTF_LIKE(4, 5);
static enum rpc_status refuse(struct look *look, enum guard_reason reason, enum rpc_status status,
                              const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(look->text, RPC_TEXT_MAX, format, args);
    va_end(args);
    look->reason = reason;
    return status;
}

// Counts and logs; of the caller nothing but what is no secret.
static void tell_refused(struct look *look)
{
    struct guard *guard = look->guard;
    const char *peer = look->asking->peer;
    char host[LOG_REDACTED_MAX];
    bool by_key = look->reason == GUARD_KEY;
    metrics_add(
        by_key ? &guard->verdicts[look->verdict].calls : &guard->reasons[look->reason].calls, 1);
    static const char *const LABELS[GUARD_REASON_COUNT] = {
#define GUARD_REASON_LABEL(name, label) [GUARD_##name] = (label),
        GUARD_REASONS(GUARD_REASON_LABEL)};
    LOG_WARN("call_refused", "reason=%s key=%s method=%s peer=%s msg=\"%s\"",
             by_key ? keys_verdict_name(look->verdict) : LABELS[look->reason],
             look->key == NULL ? "-" : look->key->id, look->asking->method,
             log_redact(span_make(peer, strcspn(peer, ":")), host), look->text);
}

// The token of "Bearer TOKEN".
static bool token_of(const char *authorization, struct span *out)
{
    if (strncasecmp(authorization, "Bearer ", 7) != 0)
        return false;
    authorization += 7;
    authorization += strspn(authorization, " ");
    *out = span_of(authorization);
    return out->len > 0;
}

static enum rpc_status look_without_key(struct look *look)
{
    const char *peer = look->asking->peer;
    bool local = strcmp(peer, RPC_PEER_LOCAL) == 0;
    if (look->row->open || local)
        return RPC_OK;
    if (look->guard->keyring != NULL)
        return refuse(look, GUARD_MISSING, RPC_UNAUTHENTICATED,
                      "this needs a key: send \"authorization: Bearer TOKEN\"");
    if (peer_is_loopback(peer))
        return RPC_OK;
    return refuse(look, GUARD_ELSEWHERE, RPC_UNAUTHENTICATED,
                  "there are no keys here: only calls from this machine are taken");
}

static enum rpc_status look_at_key(struct look *look)
{
    struct span token;
    if (!token_of(look->asking->authorization, &token))
        return refuse(look, GUARD_SCHEME, RPC_UNAUTHENTICATED,
                      "authorization: expected \"Bearer TOKEN\"");
    look->verdict =
        keyring_ask(look->guard->keyring, token, clock_wall_ms(), &look->held, &look->key);
    if (look->verdict != KEYS_GOOD)
        return refuse(look, GUARD_KEY, RPC_UNAUTHENTICATED, "%s", keys_verdict_text(look->verdict));
    const struct keys_key *key = look->key;
    const struct service_access *row = look->row;
    if (key->role == KEYS_ADMIN || row->open)
        return RPC_OK;
    if ((row->roles & SERVICE_ROLE(key->role)) == 0)
        return refuse(look, GUARD_ROLE, RPC_PERMISSION_DENIED, "a %s key may not call %s",
                      keys_role_name(key->role), row->method);
    if (row->verb != NULL && !keys_allows(key, SERVICE_ACCESS_VERBS, span_of(row->verb)) &&
        !(row->or_verb != NULL && keys_allows(key, SERVICE_ACCESS_VERBS, span_of(row->or_verb))))
        return refuse(look, GUARD_VERB, RPC_PERMISSION_DENIED, "the key is not for \"%s\"",
                      row->verb);
    return RPC_OK;
}

// Whether the caller may call the method; what the request says comes after that.
static enum rpc_status look_at_caller(struct look *look)
{
    const char *authorization = look->asking->authorization;
    look->row = find_row(look->guard, look->asking->method);
    if (look->row == NULL)
        return refuse(look, GUARD_UNLISTED, RPC_PERMISSION_DENIED, "nobody may call %s",
                      look->asking->method);
    bool shown = authorization != NULL && authorization[0] != '\0';
    return shown && look->guard->keyring != NULL ? look_at_key(look) : look_without_key(look);
}

static enum rpc_status look_at_rate(struct look *look, size_t cost)
{
    int64_t wait_ms;
    const struct keys_key *key = look->key;
    if (key == NULL ||
        keyring_take(look->guard->keyring, key, (int64_t)cost, clock_wall_ms(), &wait_ms))
        return RPC_OK;
    return refuse(look, GUARD_RATE, RPC_RESOURCE_EXHAUSTED,
                  "over the key's rate of %lld a second; try again in %lld ms",
                  (long long)key->rate, (long long)wait_ms);
}

static enum rpc_status look_at_request(struct look *look, struct rpc_incoming *call)
{
    const struct service_access *row = look->row;
    if (look->key == NULL || look->key->role == KEYS_ADMIN)
        return RPC_OK;
    bool asks = row->check != NULL || (row->cost != NULL && look->key->rate > 0);
    const ProtobufCMessage *input = asks ? rpc_incoming_input(call) : NULL;
    if (asks && input == NULL)
        return RPC_OK; // malformed: it ends so
    enum rpc_status status = row->check == NULL ? RPC_OK : row->check(look->key, input, look->text);
    if (status != RPC_OK) {
        look->reason = GUARD_LIMIT;
        return status;
    }
    return look_at_rate(look, row->cost == NULL || input == NULL ? 1 : row->cost(input));
}

static enum rpc_status guard_cb(void *arg, struct rpc_incoming *call, char text[RPC_TEXT_MAX])
{
    const struct asking asking = {
        .method = rpc_incoming_method(call),
        .peer = rpc_incoming_way(call) == RPC_WAY_INSIDE ? RPC_PEER_LOCAL : rpc_incoming_peer(call),
        .authorization = rpc_incoming_metadata(call, RPC_KEY_AUTHORIZATION),
    };
    struct look look = {.guard = arg, .asking = &asking, .text = text};
    enum rpc_status status = look_at_caller(&look);
    if (status == RPC_OK)
        status = look_at_request(&look, call);
    if (status == RPC_OK)
        rpc_incoming_set_tag(call, look.key); // the keyring holds it to the end of the turn
    else
        tell_refused(&look);
    keys_release(look.held);
    return status;
}

static enum rpc_status guard_raw_on_nng(void *arg, const struct rpc_request *request,
                                        const char *method, const char *peer,
                                        char text[RPC_TEXT_MAX])
{
    const struct asking asking = {
        .method = method,
        .peer = peer,
        .authorization = rpc_request_metadata(request, RPC_KEY_AUTHORIZATION),
    };
    struct look look = {.guard = arg, .asking = &asking, .text = text};
    enum rpc_status status = look_at_caller(&look);
    if (status == RPC_OK)
        status = look_at_rate(&look, 1);
    if (status != RPC_OK)
        tell_refused(&look);
    keys_release(look.held);
    return status;
}

const struct keys_key *service_caller(void *closure_data)
{
    return rpc_incoming_tag(rpc_incoming(closure_data));
}

// ---- Life ---------------------------------------------------------------------------------------

static void register_metrics(struct guard *guard)
{
    static const struct metrics_desc DESCS[] = {
#define GUARD_METRICS_DESC(kind, field, name, help)                                                \
    METRICS_DESC(struct guard_metrics, kind, field, name, help)
        GUARD_METRICS(GUARD_METRICS_DESC)};
    static const struct metrics_desc REFUSED[] = {
#define GUARD_REFUSED_DESC(kind, field, name, help)                                                \
    METRICS_DESC(struct guard_refused, kind, field, name, help)
        GUARD_REFUSED_METRICS(GUARD_REFUSED_DESC)};
    static const char *const LABELS[GUARD_REASON_COUNT] = {GUARD_REASONS(GUARD_REASON_LABEL)};
    struct metrics *metrics = service_metrics(guard->service);
    char labels[64];
    metrics_register(metrics, DESCS, ARRAY_LEN(DESCS), &guard->metrics, "");
    for (size_t i = GUARD_NONE + 1; i < GUARD_REASON_COUNT; i++) {
        snprintf(labels, sizeof labels, "reason=\"%s\"", LABELS[i]);
        if (i != GUARD_KEY)
            metrics_register(metrics, REFUSED, ARRAY_LEN(REFUSED), &guard->reasons[i], labels);
    }
    for (size_t i = KEYS_GOOD + 1; i < KEYS_VERDICTS; i++) {
        snprintf(labels, sizeof labels, "reason=\"%s\"", keys_verdict_name((enum keys_verdict)i));
        metrics_register(metrics, REFUSED, ARRAY_LEN(REFUSED), &guard->verdicts[i], labels);
    }
}

enum err guard_open(struct service *service, struct guard **out, struct err_info *info)
{
    struct guard *guard = mem_zalloc(sizeof *guard);
    guard->service = service;
    if (service->config.keys[0] != '\0') {
        const struct keyring_opts opts = {.path = service->config.keys};
        enum err err = keyring_open(service->loop, &opts, &guard->keyring, info);
        if (err != ERR_OK) {
            mem_free(guard);
            return err;
        }
    }
    register_metrics(guard);
    *out = guard;
    return ERR_OK;
}

void guard_close(struct guard *guard)
{
    keyring_close(guard->keyring);
    guard->keyring = NULL;
    guard->closed = true;
}

void guard_destroy(struct guard *guard)
{
    CHECK(guard->closed);
    mem_free(guard);
}

void guard_stand_before(struct guard *guard, struct rpc_server *server)
{
    rpc_server_set_guard(server, guard_cb, guard);
    rpc_server_set_raw_guard(server, guard_raw_on_nng, guard);
}

void guard_refresh_metrics(struct guard *guard)
{
    struct keyring_stats stats = {0};
    if (guard->keyring != NULL)
        keyring_stats(guard->keyring, &stats);
    metrics_set(&guard->metrics.keys, (int64_t)stats.keys);
    metrics_mirror(&guard->metrics.reloads, stats.reloads);
    metrics_mirror(&guard->metrics.failures, stats.failures);
}
