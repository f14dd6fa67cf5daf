// SPDX-License-Identifier: Apache-2.0
// What router.c (wiring), ledger.c (the fold's thread), handlers.c (methods) and polls.c (calls
// that wait) share. A request is one item all its way: made on the loop or on one of NNG's threads,
// taken by the fold, answered there (signals) or posted back to the loop (everything else).
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "assay/router/v1/router.pb-c.h"
#include "common/fold/fold.h"
#include "common/loop/loop.h"
#include "common/loop/queue.h"
#include "common/service/service.h"
#include "services/router/codec.h"
#include "services/router/decision_log.h"
#include "services/router/rows.h"

// Types of journal records. They are on disk: numbers are never reused.
enum ledger_record {
    LEDGER_SIGNALS = 1,  // a SignalsRecord
    LEDGER_REQUEST = 2,  // a LeadRequestRecord
    LEDGER_TICK = 3,     // a TickRecord
    LEDGER_PLAYBOOK = 4, // a PlaybookRecord
};

struct router_config {
    const char *data;
    const char *playbook;
    int64_t checkpoint_every_ms;
    int64_t journal_max_bytes, journal_keep_bytes, state_max_bytes;
    int64_t queue_max;
    int64_t decisions_kept;
    int64_t page_max_bytes;
};

enum item_kind {
    ITEM_SIGNALS,
    ITEM_CALL,
    ITEM_TICK,
    ITEM_PLAYBOOK,
    ITEM_WAKE, // to the loop: something has changed
};

// The head of whatever goes to the fold or comes to the loop.
struct item {
    struct fold_item fold; // first: the fold gives it back
    enum item_kind kind;
};

struct signals_item {
    struct item item;
    struct rpc_request *request;
    struct arena arena;
    struct router_signals signals;
    struct buf record;
    enum err err; // why it was not taken
};

enum call_kind {
    CALL_LEASE,
    CALL_EXTEND,
    CALL_ACK,
    CALL_RELEASE,
    CALL_COMPLETE,
    CALL_LIST_LEADS,
    CALL_LIST_DECISIONS,
    CALL_GET_ACCOUNT,
    CALL_GET_QUEUES,
};

// A call of a generated method. The loop's, but while it is with the fold.
struct call {
    struct item item;
    struct router *router;
    enum call_kind kind;
    const ProtobufCMessage *request; // valid until answered
    ProtobufCClosure closure;
    void *closure_data;
    int64_t until_mono_ms; // how long it may wait for something to come
    uint64_t page;         // LIST_LEADS: where it starts
    bool cancelled;
    // What the fold's thread found.
    struct arena arena; // of the answer
    struct buf bytes;   // the record on its way in; decisions on their way out
    enum err err;
    struct err_info info;
    ProtobufCMessage *answer;
    bool empty;          // a lease without leads, a page without decisions
    uint64_t seen_leads; // router.leads_version, before that was found
    // While it waits.
    bool parked;
    struct loop_timer *timer;
    struct call *prev, *next;
};

struct tick_item {
    struct item item;
    int64_t now_ms;
    struct buf record;
    enum err err;
};

struct playbook_item {
    struct item item;
    struct playbook *playbook;
    struct buf record;
    void *token; // NULL: at start
    char label[160];
    uint64_t digest;
    enum err err;
};

#define ROUTER_METRICS(X)                                                                          \
    X(COUNTER, signals, "assay_router_signals_total", "Signals taken")                             \
    X(COUNTER, decisions, "assay_router_decisions_total", "Lines of the decision log")             \
    X(COUNTER, pals, "assay_router_pals_total", "Users that became a PAL")                         \
    X(COUNTER, pqls, "assay_router_pqls_total", "Users that became a PQL")                         \
    X(COUNTER, pqas, "assay_router_pqas_total", "Accounts that became a PQA")                      \
    X(COUNTER, leads, "assay_router_leads_total", "Leads made")                                    \
    X(GAUGE, accounts, "assay_router_accounts", "Accounts with a signal")                          \
    X(GAUGE, waiting, "assay_router_leads_waiting", "Leads that wait in a queue")                  \
    X(GAUGE, leased, "assay_router_leads_leased", "Leads that a consumer holds")                   \
    X(GAUGE, acked, "assay_router_leads_acked", "Leads that a consumer took over")                 \
    X(GAUGE, completed, "assay_router_leads_completed", "Leads with an outcome")                   \
    X(GAUGE, parked, "assay_router_leads_parked", "Leads that no queue hands out")                 \
    X(GAUGE, polls, "assay_router_polls_waiting", "Calls that wait for something to come")         \
    X(COUNTER, groups, "assay_router_groups_total", "Journal commits")                             \
    X(COUNTER, records, "assay_router_records_total", "Journal records")                           \
    X(COUNTER, checkpoints, "assay_router_checkpoints_total", "Checkpoints completed")             \
    X(GAUGE, queued, "assay_router_queue_items", "Requests in the fold's queue")                   \
    X(GAUGE, journal_used, "assay_router_journal_used_bytes", "Size of the journal's file")        \
    X(GAUGE, state_used, "assay_router_state_used_bytes", "Size of the state's file")              \
    X(GAUGE, disk_free, "assay_router_disk_free_bytes", "Bytes free on the data's disk")           \
    X(GAUGE, lag, "assay_router_checkpoint_lag_records", "Journal records after the checkpoint")

struct router_metrics {
    METRICS_FIELDS(ROUTER_METRICS)
};

struct router {
    struct service *service;
    const struct router_config *config;
    struct router_metrics metrics;

    // The fold's thread.
    struct fold *fold;
    struct router_core *core;
    struct router_rows *rows;
    struct decision_log *log;
    struct router_effects effects;
    struct arena arena;   // of one record
    struct arena scratch; // of one decision
    struct buf packed;    // the same

    // Published by the fold's thread after each group.
    atomic_uint_fast64_t leads_version; // counts groups after which a lead may wait that did not
    atomic_uint_fast64_t last_decision;
    atomic_int_fast64_t next_due_ms;
    atomic_uint n_parked; // by the loop
    atomic_bool woken;    // the wake is on its way
    struct item wake;

    // Between NNG's threads and the end.
    pthread_mutex_t gate;
    bool open;

    // The loop.
    Assay__Router__V1__RouterService_Service methods;
    struct mailbox *to_loop;
    struct loop_timer *tick_timer;
    bool ticking; // a tick is with the fold
    struct call *parked_first, *parked_last;
    bool draining;
    struct playbook_item *loading;
    char label[160]; // of the playbook in force
    uint64_t digest;
    struct thread *stopper;
    struct mailbox *stopped;
};

// router.c
MUST_USE enum err router_submit(struct router *router, struct item *item);
void router_answered(struct router *router, struct item *item); // posts to the loop

// ledger.c
extern const struct fold_ops LEDGER_OPS;
extern const struct store_table LEDGER_TABLES[ROUTER_TABLES];
void ledger_publish(struct router *router);

// handlers.c
void router_add_methods(struct router *router);
void call_done(struct call *call); // back from the fold

// polls.c
// Whether the call can wait; it does then.
bool poll_park(struct call *call);
void poll_wake(struct router *router);
void poll_end_all(struct router *router);
void poll_cancelled(struct call *call);
void call_send(struct call *call);   // handlers.c: to the fold (again)
void call_answer(struct call *call); // handlers.c: with what there is; frees it
