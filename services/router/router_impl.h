// SPDX-License-Identifier: Apache-2.0
// What router.c (wiring), ledger*.c (the fold's thread), handlers.c (methods), polls.c (calls that
// wait) and reports.c (outcomes on their way back) share. A request is one item all its way: made
// on the loop or on one of NNG's threads, taken by the fold, answered there (signals) or posted
// back to the loop (everything else).
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
#include "services/router/streams/streams.h"

// Types of journal records. They are on disk: numbers are never reused.
enum ledger_record {
    LEDGER_SIGNALS = 1,  // a SignalsRecord
    LEDGER_REQUEST = 2,  // a LeadRequestRecord
    LEDGER_TICK = 3,     // a TickRecord
    LEDGER_PLAYBOOK = 4, // a PlaybookRecord
    LEDGER_REPORTED = 5, // a ReportedRecord
};

enum { ROUTER_INGESTS_MAX = 16, ROUTER_REPORTS_MAX = 100 };

struct router_config {
    const char *data;
    const char *playbook;
    int64_t checkpoint_every_ms;
    int64_t journal_max_bytes, journal_keep_bytes, state_max_bytes;
    int64_t queue_max;
    int64_t decisions_kept;
    int64_t page_max_bytes;
    const char *ingest;   // addresses with blanks between them; "" for none
    const char *webhooks; // their file; "" for none
    int clock;            // ROUTER_CLOCK_WALL or _EVENT
};

enum item_kind {
    ITEM_SIGNALS,
    ITEM_CALL,
    ITEM_TICK,
    ITEM_PLAYBOOK,
    ITEM_OUTCOMES, // a look at what was not reported yet
    ITEM_REPORTED, // that it was
    ITEM_WEBHOOKS, // what is to be delivered; see webhook/deliver.h
    ITEM_WAKE,     // to the loop: something has changed
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
    CALL_PARK,
    CALL_REDRIVE,
    CALL_ASSIGN,
    CALL_CHANGE_REP,
    CALL_ANSWER_PROMPT,
    CALL_CHANGES, // those before it change something, and are journaled
    CALL_LIST_LEADS = CALL_CHANGES,
    CALL_LIST_DECISIONS,
    CALL_GET_ACCOUNT,
    CALL_GET_QUEUES,
    CALL_GET_TEAMS,
    CALL_GET_PROMPTS,
    CALL_GET_EXPERIMENTS,
    CALL_KINDS,
};

// A call of a generated method. The loop's, but while it is with the fold.
struct call {
    struct item item;
    struct router *router;
    enum call_kind kind;
    const ProtobufCMessage *request; // valid until answered
    ProtobufCClosure closure;
    void *closure_data;
    // The caller's, if it limits what leads are there to it; else NULL. Its keys are held.
    const struct keys_key *key;
    int64_t until_mono_ms; // how long it may wait for something to come
    uint64_t page;         // LIST_LEADS: where it starts
    uint64_t looked;       // LIST_DECISIONS: the last one that was looked at
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
    void *token; // of a call that moves the clock; NULL: a timer
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

// An outcome, copied from its lead.
struct outcome_copy {
    const char *lead_id, *account_id, *outcome;
    int64_t at_ms;
};

// A batch of outcomes, from the look at them until the journal says that ingest has them.
struct outcomes_item {
    struct item item;
    struct arena arena;
    struct outcome_copy items[ROUTER_REPORTS_MAX];
    size_t n;
    uint64_t decision; // of the last one
    struct buf record;
    enum err err;
};

struct reports {
    struct rpc_client *clients[ROUTER_INGESTS_MAX];
    size_t n, at;    // the one to ask next
    size_t n_closed; // while closing
    bool closing;
    struct outcomes_item *batch; // in work; NULL: idle
    bool in_call;                // of the batch
    bool with_fold;              // the batch is
    struct loop_timer *pause;
    int64_t pause_ms;
    struct arena arena; // of one request or answer
    struct buf body;
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
    X(GAUGE, withdrawn, "assay_router_leads_withdrawn", "Leads that lost their reason")            \
    X(GAUGE, polls, "assay_router_polls_waiting", "Calls that wait for something to come")         \
    X(COUNTER, groups, "assay_router_groups_total", "Journal commits")                             \
    X(COUNTER, records, "assay_router_records_total", "Journal records")                           \
    X(COUNTER, checkpoints, "assay_router_checkpoints_total", "Checkpoints completed")             \
    X(GAUGE, queued, "assay_router_queue_items", "Requests in the fold's queue")                   \
    X(GAUGE, journal_used, "assay_router_journal_used_bytes", "Size of the journal's file")        \
    X(GAUGE, state_used, "assay_router_state_used_bytes", "Size of the state's file")              \
    X(GAUGE, disk_free, "assay_router_disk_free_bytes", "Bytes free on the data's disk")           \
    X(COUNTER, reported, "assay_router_outcomes_reported_total", "Outcomes that ingest has taken") \
    X(COUNTER, unreportable, "assay_router_outcomes_refused_total",                                \
      "Outcomes that ingest refused for good")                                                     \
    X(COUNTER, report_retries, "assay_router_outcomes_retries_total",                              \
      "Attempts to report outcomes that failed")                                                   \
    X(GAUGE, unreported, "assay_router_outcomes_waiting", "Outcomes that wait to be reported")     \
    X(COUNTER, assigned, "assay_router_leads_assigned_total", "Leads given to a rep")              \
    X(COUNTER, unassigned, "assay_router_leads_unassigned_total",                                  \
      "Leads taken from their rep, so that another one gets them")                                 \
    X(COUNTER, held, "assay_router_leads_held_total", "Leads that no rep could take at once")      \
    X(COUNTER, overflowed, "assay_router_leads_overflowed_total",                                  \
      "Leads that went elsewhere because their team did not take them")                            \
    X(COUNTER, reminded, "assay_router_leads_reminded_total", "Reminders of first touches")        \
    X(COUNTER, escalated, "assay_router_leads_escalated_total", "Escalations of first touches")    \
    X(COUNTER, delayed, "assay_router_leads_delayed_total", "Leads put off by their consumer")     \
    X(COUNTER, parks, "assay_router_leads_parked_total", "Leads that were parked")                 \
    X(COUNTER, redriven, "assay_router_leads_redriven_total", "Parked leads put back")             \
    X(COUNTER, moved, "assay_router_leads_moved_total",                                            \
      "Leads that went with their account to another organization")                                \
    X(COUNTER, rep_changes, "assay_router_rep_changes_total", "Changes of reps by hand")           \
    X(COUNTER, prompts, "assay_router_prompts_answered_total",                                     \
      "Prompts that users dismissed or followed")                                                  \
    X(COUNTER, touched, "assay_router_first_touches_total", "First touches of leads by reps")      \
    X(COUNTER, missed, "assay_router_first_touches_missed_total",                                  \
      "Assignments that were not touched in time")                                                 \
    X(COUNTER, touch_seconds, "assay_router_first_touch_seconds_total",                            \
      "Time from assignment to first touch, added up")                                             \
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
    struct arena views;   // of one look at the queues
    uint64_t n_ready;     // leads that could be leased, when last looked
    uint64_t n_decisions; // the same
    bool live;            // recovery is over

    // Published by the fold's thread after each group; the decisions before anybody is answered.
    atomic_uint_fast64_t leads_version; // counts groups after which a lead may wait that did not
    atomic_uint_fast64_t last_decision;
    atomic_int_fast64_t next_due_ms;
    atomic_int_fast64_t clock_ms;    // the core's
    atomic_uint_fast64_t n_outcomes; // that wait to be reported
    atomic_uint n_parked;            // by the loop
    atomic_bool woken;               // the wake is on its way
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
    struct reports reports;
    struct streams *streams;
    struct webhooks *webhooks;             // NULL: none
    _Atomic(struct queue_gauges *) gauges; // the loop adds, the fold's thread writes numbers
    size_t n_gauges;
    struct playbook_item *loading;
    char label[160]; // of the playbook in force
    uint64_t digest;
    struct thread *stopper;
    bool fold_closed;
    struct mailbox *stopped;
};

enum { ROUTER_CLOCK_WALL, ROUTER_CLOCK_EVENT };

// router.c
// What the time is for a request: the wall clock's, or where the events' clock stands.
int64_t router_now_ms(const struct router *router);
MUST_USE enum err router_submit(struct router *router, struct item *item);
void router_answered(struct router *router, struct item *item); // posts to the loop
void router_ended(struct router *router); // drained, if fold and clients are closed

// ledger.c
extern const struct fold_ops LEDGER_OPS;
extern const struct store_table LEDGER_TABLES[ROUTER_TABLES];
void ledger_publish(struct router *router);

// ledger_admit.c, ledger_apply.c, ledger_look.c: as fold_ops says.
enum fold_admission ledger_admit(void *state, struct fold_item *fold, bool expired);
enum err ledger_apply(void *state, uint64_t position, const struct journal_record *record,
                      struct fold_item *fold, struct err_info *info);
void ledger_inspect(void *state, struct fold_item *fold);
struct router_lease ledger_lease_of(const Assay__Router__V1__LeaseRequest *request);
void ledger_take_effects(struct router *router); // moves what the core decided into the log
int ledger_record_case(enum call_kind kind);     // of a LeadRequestRecord
// ledger_requests.c: a LeadRequestRecord, and its call's answer. CORRUPT: it cannot be read.
MUST_USE enum err ledger_request(struct router *router, struct span body, struct item *item,
                                 struct err_info *info);

static inline struct item *ledger_item_of(struct fold_item *fold)
{
    return CONTAINER_OF(fold, struct item, fold);
}

static inline struct call *ledger_call_of(struct item *item)
{
    return CONTAINER_OF(item, struct call, item);
}

static inline struct signals_item *ledger_signals_of(struct item *item)
{
    return CONTAINER_OF(item, struct signals_item, item);
}

static inline struct outcomes_item *ledger_outcomes_of(struct item *item)
{
    return CONTAINER_OF(item, struct outcomes_item, item);
}

// gauges.c
void gauges_add(struct router *router, const struct playbook *playbook); // on the loop
void gauges_set(struct router *router, const struct router_queue_view *views, size_t n);
void gauges_deinit(struct router *router); // after the last look at the metrics

// reports.c
MUST_USE enum err reports_open(struct router *router, struct err_info *info);
void reports_wake(struct router *router);                             // outcomes may wait
void reports_back(struct router *router, struct outcomes_item *item); // from the fold
// Ends with router_ended, at once or later.
void reports_close(struct router *router);
bool reports_closed(const struct router *router);
// After reports_close; also when reports_open was never called or failed.
void reports_deinit(struct router *router);

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
