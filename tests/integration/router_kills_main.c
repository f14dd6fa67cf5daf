// SPDX-License-Identifier: Apache-2.0
// links: rpc loop base assay_proto
// runs: assay-router
//
// Twenty consumers work for a team of twenty while leads come in and the router is killed at random
// points, two hundred times. Each consumer notes in its own book, by the id of the lead, what it
// has done before it says so to the router, as a CRM would. In the end every lead is in the book
// once and completed once, none is missing, and nobody ever had more open leads than his cap.
//
//   KILLS=200 LEADS=4000 TEST_SEED=1 build/tests/integration.router_kills_main
#include "common/base/hash.h"
#include "common/base/index.h"
#include "common/base/mem.h"
#include "tests/support/random.h"
#include "tests/support/router_process.h"

#ifdef __SANITIZE_ADDRESS__
enum { KILLS = 20, LEADS = 400 };
#else
enum { KILLS = 60, LEADS = 2000 };
#endif
enum { CONSUMERS = 20, CAP = 5, LEASED_MAX = 5, CALL_MS = 20000 };
enum { TURNS_MAX = 50000000 };

static const char TEAM[] = "playbook: kills\n"
                           "version: 1\n"
                           "measures:\n"
                           "  projects: {count: Project Created}\n"
                           "signals:\n"
                           "  ready: {projects: {at_least: 3}}\n"
                           "qualify: {pql: ready}\n"
                           "route:\n"
                           "  - {when: always, motion: sales}\n"
                           "queues:\n"
                           "  sales: {lease: 3s, attempts: 100}\n"
                           "teams:\n"
                           "  inside:\n"
                           "    queue: sales\n"
                           "    caps: {open: 5}\n"
                           "    reps:\n";

struct consumer {
    char name[16];
    uint32_t seq; // of its lease requests
    char request_id[32];
    size_t n, at;
    char ids[LEASED_MAX][32], tokens[LEASED_MAX][64];
    uint8_t body[512];
    size_t body_len;
    const char *method;
    bool in_call;
};

struct world {
    struct router_process w;
    struct test_random random;
    struct consumer consumers[CONSUMERS];
    // What consumers have done, by lead.
    char (*book)[32];
    uint32_t n_book;
    struct index book_index;
    uint32_t completed; // answers to Complete that said so, of different leads
    bool *confirmed;    // by its place in the book
    // The lane.
    uint32_t n_leads, sent, sending;
    bool send_in_call;
    uint32_t kills, kills_wanted;
    uint64_t calls, kill_at;
};

static struct world X;

static uint64_t below(uint64_t n)
{
    return test_random_below(&X.random, n);
}

// ---- The book -----------------------------------------------------------------------------------

static bool book_eq(const void *ctx, uint32_t item, const void *key)
{
    (void)ctx;
    return strcmp(X.book[item], key) == 0;
}

static uint64_t book_hash(const void *ctx, uint32_t item)
{
    (void)ctx;
    return hash64(span_of(X.book[item]));
}

static uint32_t book_find(const char *id)
{
    return index_find(&X.book_index, hash64(span_of(id)), book_eq, NULL, id);
}

// Does the work of a lead, unless it is done.
static void book_note(const char *id)
{
    if (book_find(id) != INDEX_NONE)
        return;
    CHECK(X.n_book < X.n_leads);
    uint32_t at = X.n_book++;
    snprintf(X.book[at], sizeof X.book[at], "%s", id);
    index_add(&X.book_index, book_hash(NULL, at), at, book_hash, NULL);
}

// ---- Calls --------------------------------------------------------------------------------------

static void maybe_kill(void)
{
    if (++X.calls < X.kill_at || X.kills == X.kills_wanted)
        return;
    X.kills++;
    X.kill_at = X.calls + 1 + below(40 + 2 * (uint64_t)X.n_leads / X.kills_wanted);
    CHECK(kill(X.w.pid, SIGKILL) == 0);
    CHECK(wait_end(&X.w) == 128 + SIGKILL);
    start(&X.w);
}

static void consumer_go(struct consumer *c);

static void leased(struct consumer *c, struct span answer)
{
    ProtobufCMessage *message;
    arena_reset(&X.w.arena);
    CHECK(rpc_unpack(&assay__router__v1__lease_response__descriptor, answer, &X.w.arena, &message,
                     NULL) == ERR_OK);
    const Assay__Router__V1__LeaseResponse *response = (const void *)message;
    CHECK(response->n_leads <= LEASED_MAX);
    c->n = response->n_leads;
    c->at = 0;
    c->seq++;
    for (size_t i = 0; i < c->n; i++) {
        CHECK(strcmp(response->leads[i]->rep, c->name) == 0);
        CHECK(strcmp(response->leads[i]->consumer, c->name) == 0);
        snprintf(c->ids[i], sizeof c->ids[i], "%s", response->leads[i]->lead_id);
        snprintf(c->tokens[i], sizeof c->tokens[i], "%s", response->leads[i]->lease_token);
    }
}

static void finished(struct consumer *c, enum rpc_status status)
{
    if (strcmp(c->method, "Complete") == 0 && status == RPC_OK) {
        uint32_t at = book_find(c->ids[c->at]);
        CHECK(at != INDEX_NONE);
        X.completed += !X.confirmed[at];
        X.confirmed[at] = true;
    }
    c->at++;
}

static void answered_cb(void *arg, enum rpc_status status, const char *text, struct span answer)
{
    struct consumer *c = arg;
    c->in_call = false;
    bool again = status == RPC_UNAVAILABLE || status == RPC_DEADLINE_EXCEEDED ||
                 status == RPC_RESOURCE_EXHAUSTED;
    // What is refused otherwise is a lease that has run out.
    if (!again && status != RPC_OK && status != RPC_ABORTED && status != RPC_FAILED_PRECONDITION &&
        status != RPC_ALREADY_EXISTS) {
        fprintf(stderr, "%s: %s %s\n", c->method, rpc_status_name(status), text);
        CHECK(false);
    }
    if (strcmp(c->method, "Lease") == 0) {
        if (status == RPC_OK)
            leased(c, answer);
    } else if (!again) {
        finished(c, status);
    }
    maybe_kill();
    loop_stop(X.w.loop);
}

static void call(struct consumer *c, const char *method, const ProtobufCMessage *request)
{
    char name[64];
    struct rpc_call_opts opts = {.timeout_ms = CALL_MS};
    c->method = method;
    c->in_call = true;
    snprintf(name, sizeof name, "assay.router.v1.RouterService/%s", method);
    CHECK(protobuf_c_message_get_packed_size(request) <= sizeof c->body);
    c->body_len = protobuf_c_message_pack(request, c->body);
    rpc_call_raw(X.w.client, name, span_make(c->body, c->body_len), &opts, answered_cb, c);
}

static void call_lease(struct consumer *c)
{
    Assay__Router__V1__LeaseRequest request = ASSAY__ROUTER__V1__LEASE_REQUEST__INIT;
    snprintf(c->request_id, sizeof c->request_id, "%d-%u", (int)(c - X.consumers), c->seq);
    request.queue = (char *)"sales";
    request.consumer = c->name;
    request.request_id = c->request_id;
    request.max = 1 + (uint32_t)below(LEASED_MAX);
    request.wait_ms = 100;
    call(c, "Lease", &request.base);
}

static void call_complete(struct consumer *c)
{
    Assay__Router__V1__CompleteRequest request = ASSAY__ROUTER__V1__COMPLETE_REQUEST__INIT;
    book_note(c->ids[c->at]);
    request.lead_id = c->ids[c->at];
    request.lease_token = c->tokens[c->at];
    request.outcome = (char *)"accepted";
    call(c, "Complete", &request.base);
}

static void call_release(struct consumer *c)
{
    Assay__Router__V1__ReleaseRequest request = ASSAY__ROUTER__V1__RELEASE_REQUEST__INIT;
    request.lead_id = c->ids[c->at];
    request.lease_token = c->tokens[c->at];
    request.reason = (char *)"later";
    call(c, "Release", &request.base);
}

// What it does next. A lead that it forgets comes back when its lease has run out.
static void consumer_go(struct consumer *c)
{
    uint64_t dice = below(100);
    if (c->in_call)
        return;
    if (c->at == c->n)
        call_lease(c);
    else if (dice < 2 && book_find(c->ids[c->at]) == INDEX_NONE)
        c->at++;
    else if (dice < 8 && book_find(c->ids[c->at]) == INDEX_NONE)
        call_release(c);
    else
        call_complete(c);
}

// ---- The lane -----------------------------------------------------------------------------------

static void sent_cb(void *arg, enum rpc_status status, const char *text, struct span answer)
{
    (void)arg;
    (void)text;
    (void)answer;
    X.send_in_call = false;
    if (status == RPC_OK)
        X.sent += X.sending;
    maybe_kill();
    loop_stop(X.w.loop);
}

static void send_more(void)
{
    Assay__Router__V1__Signal signals[8], *list[8];
    char accounts[8][16];
    Assay__Router__V1__ApplySignalsRequest request = ASSAY__ROUTER__V1__APPLY_SIGNALS_REQUEST__INIT;
    if (X.send_in_call || X.sent == X.n_leads)
        return;
    uint32_t n = 1 + (uint32_t)below(8);
    n = n < X.n_leads - X.sent ? n : X.n_leads - X.sent;
    for (uint32_t i = 0; i < n; i++) {
        snprintf(accounts[i], sizeof accounts[i], "a%u", X.sent + i);
        signal_fill(&signals[i], X.sent + i + 1, 0, accounts[i], "qualify.pql");
        list[i] = &signals[i];
    }
    request.n_signals = n;
    request.signals = list;
    uint8_t bytes[8 * 256];
    CHECK(assay__router__v1__apply_signals_request__get_packed_size(&request) <= sizeof bytes);
    size_t len = assay__router__v1__apply_signals_request__pack(&request, bytes);
    struct rpc_call_opts opts = {.timeout_ms = CALL_MS};
    X.send_in_call = true;
    X.sending = n;
    rpc_call_raw(X.w.client, "assay.router.v1.RouterService/ApplySignals", span_make(bytes, len),
                 &opts, sent_cb, NULL);
}

// ---- The end ------------------------------------------------------------------------------------

static int rep_of(const char *name)
{
    return atoi(name + 1);
}

static void read_decision(const Assay__Router__V1__LeadDecision *d, uint32_t *open,
                          uint32_t *completed)
{
    int rep = d->rep[0] == '\0' ? 0 : rep_of(d->rep);
    CHECK(d->step != ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_PARKED);
    if (d->step == ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_ASSIGNED) {
        CHECK(++open[rep] <= CAP);
    } else if (d->step == ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_UNASSIGNED) {
        CHECK(open[rep]-- > 0);
    } else if (d->step == ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_COMPLETED) {
        uint32_t at = book_find(d->lead_id);
        CHECK(at != INDEX_NONE);
        CHECK(++completed[at] == 1);
        CHECK(open[rep]-- > 0);
    }
}

static void check_log(void)
{
    uint32_t open[CONSUMERS] = {0};
    uint32_t *completed = mem_zalloc(X.n_leads * sizeof *completed);
    Assay__Router__V1__ListDecisionsRequest request =
        ASSAY__ROUTER__V1__LIST_DECISIONS_REQUEST__INIT;
    const Assay__Router__V1__ListDecisionsResponse *page;
    do {
        arena_reset(&X.w.arena);
        INSIST(&X.w, ListDecisions, list_decisions, &request, &page);
        for (size_t i = 0; i < page->n_decisions; i++) {
            const Assay__Router__V1__Decision *d = page->decisions[i];
            CHECK(d->offset == request.after + 1);
            request.after = d->offset;
            if (d->decision_case == ASSAY__ROUTER__V1__DECISION__DECISION_LEAD)
                read_decision(d->lead, open, completed);
        }
    } while (page->n_decisions > 0);
    for (uint32_t i = 0; i < X.n_leads; i++)
        CHECK(completed[i] == 1);
    mem_free(completed);
}

static uint32_t number_of(const char *name, uint32_t otherwise)
{
    const char *text = getenv(name);
    return text == NULL ? otherwise : (uint32_t)strtoul(text, NULL, 10);
}

int main(void)
{
    struct buf playbook = {0};
    X.random.state = test_random_seed();
    fprintf(stderr, "TEST_SEED=%llu\n", (unsigned long long)X.random.state);
    X.kills_wanted = number_of("KILLS", KILLS);
    X.n_leads = number_of("LEADS", LEADS);
    X.kill_at = 20;
    X.book = mem_zalloc(X.n_leads * sizeof *X.book);
    X.confirmed = mem_zalloc(X.n_leads * sizeof *X.confirmed);
    buf_append_text(&playbook, TEAM);
    for (int i = 0; i < CONSUMERS; i++) {
        snprintf(X.consumers[i].name, sizeof X.consumers[i].name, "r%d", i);
        buf_printf(&playbook, "      r%d: {}\n", i);
    }
    buf_append_u8(&playbook, 0);
    router_process_make(&X.w, (const char *)playbook.bytes, TEST_BIN_DIR "/assay-router");
    start(&X.w);
    for (int i = 0; i < TURNS_MAX && X.completed < X.n_leads; i++) {
        send_more();
        for (int k = 0; k < CONSUMERS; k++)
            consumer_go(&X.consumers[k]);
        loop_run(X.w.loop);
    }
    CHECK(X.completed == X.n_leads);
    CHECK(X.n_book == X.n_leads);
    bool busy = true;
    for (int i = 0; i < TURNS_MAX && busy; i++) { // consumers that still wait for a lead
        busy = false;
        for (int k = 0; k < CONSUMERS; k++)
            busy = busy || X.consumers[k].in_call;
        if (busy)
            loop_run(X.w.loop);
    }
    CHECK(X.kills == X.kills_wanted);
    check_log();
    fprintf(stderr, "%u leads, %u kills, %llu calls\n", X.n_leads, X.kills,
            (unsigned long long)X.calls);
    router_process_end(&X.w);
    index_deinit(&X.book_index);
    mem_free(X.book);
    mem_free(X.confirmed);
    buf_deinit(&playbook);
    return 0;
}
