// SPDX-License-Identifier: Apache-2.0
#include "services/access/access.h"

#include <stdio.h>
#include <string.h>

#include "assay/ingest/v1/ingest.pb-c.h"
#include "assay/router/v1/router.pb-c.h"

#define R(Name) Assay__Router__V1__##Name##Request

static enum rpc_status refuse(char text[RPC_TEXT_MAX], const char *format, ...) PRINTF_LIKE(2, 3);
static enum rpc_status refuse(char text[RPC_TEXT_MAX], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(text, RPC_TEXT_MAX, format, args);
    va_end(args);
    return RPC_PERMISSION_DENIED;
}

// ---- What a request says ------------------------------------------------------------------------

static enum rpc_status check_queue(const struct keys_key *key, const char *queue,
                                   char text[RPC_TEXT_MAX])
{
    if (keys_list_of(key, ACCESS_QUEUES) == NULL)
        return RPC_OK;
    if (queue[0] == '\0')
        return refuse(text, "queue: the key is for some queues only, so one must be named");
    if (!keys_allows(key, ACCESS_QUEUES, span_of(queue)))
        return refuse(text, "queue: the key is not for \"%.100s\"", queue);
    return RPC_OK;
}

static enum rpc_status check_lease(const struct keys_key *key, const ProtobufCMessage *message,
                                   char text[RPC_TEXT_MAX])
{
    const R(Lease) *request = (const void *)message;
    if (request->consumer[0] != '\0' &&
        !keys_allows(key, ACCESS_CONSUMER, span_of(request->consumer)))
        return refuse(text, "consumer: the key is not for \"%.100s\"", request->consumer);
    return check_queue(key, request->queue, text);
}

static enum rpc_status check_list_leads(const struct keys_key *key, const ProtobufCMessage *message,
                                        char text[RPC_TEXT_MAX])
{
    return check_queue(key, ((const R(ListLeads) *)(const void *)message)->queue, text);
}

static enum rpc_status check_list_decisions(const struct keys_key *key,
                                            const ProtobufCMessage *message,
                                            char text[RPC_TEXT_MAX])
{
    return check_queue(key, ((const R(ListDecisions) *)(const void *)message)->queue, text);
}

static enum rpc_status check_park(const struct keys_key *key, const ProtobufCMessage *message,
                                  char text[RPC_TEXT_MAX])
{
    (void)key;
    if (((const R(Park) *)(const void *)message)->lease_token[0] == '\0')
        return refuse(text, "lease_token: only an operator parks a lead that he does not hold");
    return RPC_OK;
}

// What is of all queues.
static enum rpc_status check_any_queue(const struct keys_key *key, const ProtobufCMessage *message,
                                       char text[RPC_TEXT_MAX])
{
    (void)message;
    if (keys_list_of(key, ACCESS_QUEUES) == NULL)
        return RPC_OK;
    return refuse(text, "the key is for some queues only, and this is of all");
}

static size_t ingest_cost(const ProtobufCMessage *message)
{
    return ((const Assay__Ingest__V1__IngestRequest *)(const void *)message)->n_events;
}

// ---- The table ----------------------------------------------------------------------------------

#define INGEST "assay.ingest.v1.IngestService/"
#define ROUTER "assay.router.v1.RouterService/"
#define SCORER "assay.scorer.v1.ScorerService/"
#define WRITE SERVICE_ROLE(KEYS_WRITE)
#define CONSUMER SERVICE_ROLE(KEYS_CONSUMER)
#define SERVICE SERVICE_ROLE(KEYS_SERVICE)

#define ROW(method_, roles_, ...)                                                                  \
    {                                                                                              \
        .method = method_, .roles = roles_, __VA_ARGS__                                            \
    }
#define ADMIN(method_) ROW(method_, 0)

static const struct service_access ROWS[] = {
    ROW(INGEST "Ingest", WRITE | SERVICE, .cost = ingest_cost),
    ROW(INGEST "Carry", SERVICE),
    ADMIN(INGEST "ListDeadLetters"),
    ADMIN(INGEST "CountDeadLetters"),
    ADMIN(INGEST "GetDeadLetter"),
    ADMIN(INGEST "ResendDeadLetters"),
    ADMIN(INGEST "DropDeadLetters"),

    ROW(ROUTER "ApplySignals", SERVICE),
    ROW(ROUTER "Lease", CONSUMER, .verb = "lease", .check = check_lease),
    // What it calls for its caller is looked at again: Lease.
    ROW(ROUTER "StreamLeases", CONSUMER, .verb = "stream"),
    ROW(ROUTER "StreamDecisions", CONSUMER, .verb = "stream"),
    ROW(ROUTER "Ack", CONSUMER, .verb = "ack"),
    ROW(ROUTER "Extend", CONSUMER, .verb = "extend"),
    ROW(ROUTER "Release", CONSUMER, .verb = "release"),
    ROW(ROUTER "Park", CONSUMER, .verb = "release", .check = check_park),
    ROW(ROUTER "Complete", CONSUMER, .verb = "complete"),
    ROW(ROUTER "ListLeads", CONSUMER, .verb = "list", .check = check_list_leads),
    // Both streams read the log, by this method.
    ROW(ROUTER "ListDecisions", CONSUMER, .verb = "list", .or_verb = "stream",
        .check = check_list_decisions),
    ROW(ROUTER "GetAccount", CONSUMER, .verb = "list", .check = check_any_queue),
    ROW(ROUTER "GetQueues", CONSUMER, .verb = "list", .check = check_any_queue),
    ROW(ROUTER "GetPrompts", CONSUMER, .verb = "prompt"),
    ROW(ROUTER "AnswerPrompt", CONSUMER, .verb = "prompt"),
    ADMIN(ROUTER "Redrive"),
    ADMIN(ROUTER "Assign"),
    ADMIN(ROUTER "GetTeams"),
    ADMIN(ROUTER "ChangeRep"),
    ADMIN(ROUTER "GetExperiments"),
    ADMIN(ROUTER "GetWebhooks"),
    ADMIN(ROUTER "ListDeadLetters"),
    ADMIN(ROUTER "ReplayWebhook"),

    ROW(SCORER "Apply", SERVICE),
    ROW(SCORER "Resolve", SERVICE),
    ADMIN(SCORER "Explain"),
    ADMIN(SCORER "GetLanes"),
    ADMIN(SCORER "GetIdentity"),
    ADMIN(SCORER "ChangeIdentity"),
};
const struct service_access_table ACCESS = {ROWS, ARRAY_LEN(ROWS)};
