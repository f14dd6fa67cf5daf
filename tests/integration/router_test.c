// SPDX-License-Identifier: Apache-2.0
// links: rpc loop assay_proto base clock router_core
// runs: assay-router
//
// The shipped router, started as a process in a folder of its own, spoken to over its socket, and
// killed.
#include <criterion/criterion.h>

#include "assay/admin/v1/admin.pb-c.h"
#include "common/base/mem.h"
#include "tests/support/random.h"
#include "tests/support/router_process.h"

static enum err complete(struct router_process *w, const char *lead_id, const char *token,
                         const char *outcome)
{
    Assay__Router__V1__CompleteRequest request = ASSAY__ROUTER__V1__COMPLETE_REQUEST__INIT;
    request.lead_id = (char *)lead_id;
    request.lease_token = (char *)token;
    request.outcome = (char *)outcome;
    enum err err = ERR_UNAVAILABLE;
    for (int i = 0; i < 1000 && err == ERR_UNAVAILABLE; i++)
        err = ASK(w, Complete, complete, &request, NULL);
    return err;
}

static const Assay__Router__V1__ListDecisionsResponse *decisions(struct router_process *w,
                                                                 uint64_t after, uint32_t max)
{
    Assay__Router__V1__ListDecisionsRequest request =
        ASSAY__ROUTER__V1__LIST_DECISIONS_REQUEST__INIT;
    request.after = after;
    request.max = max;
    Assay__Router__V1__ListDecisionsResponse *answer = NULL;
    INSIST(w, ListDecisions, list_decisions, &request, &answer);
    return answer;
}

// ---- One after the other ------------------------------------------------------------------------

Test(router, a_lead_goes_its_way)
{
    struct router_process w;
    router_process_make(&w, PLAYBOOK, TEST_BIN_DIR "/assay-router");
    start(&w);
    send_one(&w, 1, "a", "qualify.pql");
    send_one(&w, 1, "a", "qualify.pql"); // again: no effect
    send_one(&w, 2, "b", "strong");
    send_one(&w, 3, "b", "qualify.pql");

    Assay__Router__V1__ListLeadsRequest list = ASSAY__ROUTER__V1__LIST_LEADS_REQUEST__INIT;
    Assay__Router__V1__ListLeadsResponse *leads = NULL;
    INSIST(&w, ListLeads, list_leads, &list, &leads);
    cr_assert_eq(leads->total, 2);
    cr_assert_eq(leads->n_leads, 2);
    cr_assert_str_eq(leads->leads[0]->account_id, "a");
    cr_assert_str_eq(leads->leads[0]->queue, "self_serve");
    cr_assert_str_eq(leads->leads[1]->queue, "sales");
    cr_assert_eq(leads->leads[1]->priority, 7);
    cr_assert_str_eq(leads->next_page, "");

    const Assay__Router__V1__LeaseResponse *leased = lease(&w, "sales", "", 1, 0, 0);
    cr_assert_eq(leased->n_leads, 1);
    char id[64], token[64];
    snprintf(id, sizeof id, "%s", leased->leads[0]->lead_id);
    snprintf(token, sizeof token, "%s", leased->leads[0]->lease_token);
    cr_assert(token[0] != '\0');
    cr_assert_eq(lease(&w, "sales", "", 1, 0, 0)->n_leads, 0);

    // Nobody else sees the token.
    list.account_id = (char *)"b";
    INSIST(&w, ListLeads, list_leads, &list, &leads);
    cr_assert_eq(leads->n_leads, 1);
    cr_assert_str_eq(leads->leads[0]->lease_token, "");
    cr_assert_str_eq(leads->leads[0]->consumer, "c");

    Assay__Router__V1__AckRequest ack = ASSAY__ROUTER__V1__ACK_REQUEST__INIT;
    ack.lead_id = id;
    ack.lease_token = (char *)"wrong";
    cr_assert_eq(ASK(&w, Ack, ack, &ack, NULL), ERR_CONFLICT);
    cr_assert(strstr(w.info.text, "lease_token") != NULL, "%s", w.info.text);
    ack.lease_token = token;
    Assay__Router__V1__AckResponse *acked = NULL;
    INSIST(&w, Ack, ack, &ack, &acked);
    cr_assert_eq(acked->lead->state, ASSAY__ROUTER__V1__LEAD_STATE__LEAD_STATE_ACKED);
    cr_assert_eq(complete(&w, id, token, "sold"), ERR_INVALID);
    cr_assert_eq(complete(&w, id, token, "won"), ERR_OK);
    cr_assert_eq(complete(&w, id, token, "won"), ERR_OK);
    cr_assert_eq(complete(&w, id, token, "lost"), ERR_CONFLICT);
    cr_assert_eq(complete(&w, "L1", token, "won"), ERR_NOT_FOUND);

    Assay__Router__V1__GetQueuesRequest ask_queues = ASSAY__ROUTER__V1__GET_QUEUES_REQUEST__INIT;
    Assay__Router__V1__GetQueuesResponse *queues = NULL;
    INSIST(&w, GetQueues, get_queues, &ask_queues, &queues);
    cr_assert_eq(queues->n_queues, 2);
    cr_assert_str_eq(queues->queues[0]->name, "sales");
    cr_assert_eq(queues->queues[0]->completed, 1);
    cr_assert_eq(queues->queues[1]->waiting, 1);
    cr_assert_eq(queues->pqls, 2);
    cr_assert_str_eq(queues->playbook, "test@1");

    Assay__Router__V1__GetAccountRequest ask_account = ASSAY__ROUTER__V1__GET_ACCOUNT_REQUEST__INIT;
    Assay__Router__V1__GetAccountResponse *account = NULL;
    ask_account.account_id = (char *)"b";
    INSIST(&w, GetAccount, get_account, &ask_account, &account);
    cr_assert(account->known);
    cr_assert_eq(account->n_pqls, 1);
    cr_assert_str_eq(account->stage, "pql");
    cr_assert_str_eq(account->leads[0]->outcome, "won");
    ask_account.account_id = (char *)"nobody";
    INSIST(&w, GetAccount, get_account, &ask_account, &account);
    cr_assert(!account->known);
    router_process_end(&w);
}

Test(router, bad_requests_are_refused_with_the_field)
{
    struct router_process w;
    router_process_make(&w, PLAYBOOK, TEST_BIN_DIR "/assay-router");
    start(&w);
    send_one(&w, 1, "a", "qualify.pql");
    Assay__Router__V1__LeaseRequest lease_request = ASSAY__ROUTER__V1__LEASE_REQUEST__INIT;
    lease_request.queue = (char *)"nowhere";
    lease_request.consumer = (char *)"c";
    cr_assert_eq(ASK(&w, Lease, lease, &lease_request, NULL), ERR_NOT_FOUND);
    cr_assert(strstr(w.info.text, "queue") != NULL);
    lease_request.queue = (char *)"sales";
    lease_request.consumer = (char *)"";
    cr_assert_eq(ASK(&w, Lease, lease, &lease_request, NULL), ERR_INVALID);
    cr_assert(strstr(w.info.text, "consumer") != NULL);
    lease_request.consumer = (char *)"c";
    lease_request.wait_ms = -1;
    cr_assert_eq(ASK(&w, Lease, lease, &lease_request, NULL), ERR_INVALID);
    cr_assert(strstr(w.info.text, "wait_ms") != NULL);
    Assay__Router__V1__ListLeadsRequest list = ASSAY__ROUTER__V1__LIST_LEADS_REQUEST__INIT;
    list.max = 1001;
    cr_assert_eq(ASK(&w, ListLeads, list_leads, &list, NULL), ERR_INVALID);
    list.max = 1;
    list.page = (char *)"x";
    cr_assert_eq(ASK(&w, ListLeads, list_leads, &list, NULL), ERR_INVALID);
    list.page = (char *)"";
    list.state = (Assay__Router__V1__LeadState)99;
    cr_assert_eq(ASK(&w, ListLeads, list_leads, &list, NULL), ERR_INVALID);
    Assay__Router__V1__Signal signal, *one[] = {&signal};
    signal_fill(&signal, 2, 0, "", "qualify.pql");
    Assay__Router__V1__ApplySignalsRequest apply = ASSAY__ROUTER__V1__APPLY_SIGNALS_REQUEST__INIT;
    apply.n_signals = 1;
    apply.signals = one;
    cr_assert_eq(ASK(&w, ApplySignals, apply_signals, &apply, NULL), ERR_INVALID);
    cr_assert(strstr(w.info.text, "account_id") != NULL, "%s", w.info.text);
    // None of this is in the journal: a playbook and one group of signals are.
    Assay__Router__V1__GetQueuesRequest ask_queues = ASSAY__ROUTER__V1__GET_QUEUES_REQUEST__INIT;
    Assay__Router__V1__GetQueuesResponse *queues = NULL;
    INSIST(&w, GetQueues, get_queues, &ask_queues, &queues);
    cr_assert_eq(queues->journal_last, 2);
    router_process_end(&w);
}

// ---- Waiting ------------------------------------------------------------------------------------

Test(router, a_lease_waits_for_a_lead)
{
    struct router_process w;
    router_process_make(&w, PLAYBOOK, TEST_BIN_DIR "/assay-router");
    start(&w);
    Assay__Router__V1__LeaseRequest request = ASSAY__ROUTER__V1__LEASE_REQUEST__INIT;
    request.queue = (char *)"self_serve";
    request.consumer = (char *)"c";
    request.wait_ms = PATIENCE_MS;
    struct waiting waiting;
    send_off(&waiting, &w, "assay.router.v1.RouterService/Lease", &request.base);
    send_one(&w, 1, "a", "strong"); // no lead yet
    cr_assert(!waiting.done);
    send_one(&w, 2, "b", "qualify.pql");
    await(&waiting);
    cr_assert_eq(waiting.status, RPC_OK);
    Assay__Router__V1__LeaseResponse *answer =
        assay__router__v1__lease_response__unpack(NULL, waiting.len, waiting.bytes);
    cr_assert_eq(answer->n_leads, 1);
    cr_assert_str_eq(answer->leads[0]->account_id, "b");
    assay__router__v1__lease_response__free_unpacked(answer, NULL);
    // Looking for a lead was not journaled: a playbook, two groups and the lease were.
    Assay__Router__V1__GetQueuesRequest ask_queues = ASSAY__ROUTER__V1__GET_QUEUES_REQUEST__INIT;
    Assay__Router__V1__GetQueuesResponse *queues = NULL;
    INSIST(&w, GetQueues, get_queues, &ask_queues, &queues);
    cr_assert_eq(queues->journal_last, 4);
    router_process_end(&w);
}

Test(router, a_reader_of_decisions_waits_for_the_next)
{
    struct router_process w;
    router_process_make(&w, PLAYBOOK, TEST_BIN_DIR "/assay-router");
    start(&w);
    send_one(&w, 1, "a", "qualify.pql"); // signal, pql, lead
    Assay__Router__V1__ListDecisionsRequest request =
        ASSAY__ROUTER__V1__LIST_DECISIONS_REQUEST__INIT;
    request.after = 3;
    request.wait_ms = PATIENCE_MS;
    struct waiting waiting;
    send_off(&waiting, &w, "assay.router.v1.RouterService/ListDecisions", &request.base);
    cr_assert_eq(decisions(&w, 0, 0)->n_decisions, 3);
    cr_assert(!waiting.done);
    send_one(&w, 2, "b", "strong");
    await(&waiting);
    Assay__Router__V1__ListDecisionsResponse *answer =
        assay__router__v1__list_decisions_response__unpack(NULL, waiting.len, waiting.bytes);
    cr_assert_eq(answer->n_decisions, 1);
    cr_assert_eq(answer->decisions[0]->offset, 4);
    cr_assert_str_eq(answer->decisions[0]->signal->account_id, "b");
    cr_assert_eq(answer->last, 4);
    assay__router__v1__list_decisions_response__free_unpacked(answer, NULL);
    router_process_end(&w);
}

Test(router, a_lease_that_runs_out_wakes_the_next_consumer)
{
    struct router_process w;
    router_process_make(&w, PLAYBOOK, TEST_BIN_DIR "/assay-router");
    start(&w);
    send_one(&w, 1, "a", "qualify.pql");
    cr_assert_eq(lease(&w, "self_serve", "", 1, 50, 0)->n_leads, 1);
    const Assay__Router__V1__LeaseResponse *again = lease(&w, "self_serve", "", 1, 0, PATIENCE_MS);
    cr_assert_eq(again->n_leads, 1);
    cr_assert_eq(again->leads[0]->attempts, 2);
    router_process_end(&w);
}

Test(router, the_end_answers_those_who_wait)
{
    struct router_process w;
    router_process_make(&w, PLAYBOOK, TEST_BIN_DIR "/assay-router");
    start(&w);
    Assay__Router__V1__LeaseRequest request = ASSAY__ROUTER__V1__LEASE_REQUEST__INIT;
    request.queue = (char *)"self_serve";
    request.consumer = (char *)"c";
    request.wait_ms = PATIENCE_MS;
    struct waiting waiting;
    send_off(&waiting, &w, "assay.router.v1.RouterService/Lease", &request.base);
    send_one(&w, 1, "a", "strong"); // the lease has been taken in before this one is answered
    kill(w.pid, SIGTERM);
    await(&waiting);
    cr_assert_eq(waiting.status, RPC_OK);
    cr_assert_eq(waiting.len, 0);
    cr_assert_eq(wait_end(&w), 0);
    // Everything is there again.
    start(&w);
    cr_assert_eq(decisions(&w, 0, 0)->last, 1);
    router_process_end(&w);
}

// ---- The playbook -------------------------------------------------------------------------------

static enum err load(struct router_process *w, const char *text, bool check_only,
                     Assay__Admin__V1__LoadDocumentResponse **answer)
{
    Assay__Admin__V1__LoadDocumentRequest request = ASSAY__ADMIN__V1__LOAD_DOCUMENT_REQUEST__INIT;
    request.file = (char *)"new.yaml";
    request.text.data = (uint8_t *)text;
    request.text.len = strlen(text);
    request.check_only = check_only;
    return ask(w, "assay.admin.v1.AdminService/LoadDocument", &request.base,
               &assay__admin__v1__load_document_response__descriptor, answer);
}

static const char SECOND[] = "playbook: test\nversion: 2\n"
                             "measures:\n  projects: {count: Project Created}\n"
                             "signals:\n  ready: {projects: {at_least: 3}}\n"
                             "qualify: {pql: ready}\n"
                             "route:\n  - {when: always, motion: success, queue: support}\n"
                             "queues:\n  support: {lease: 60s, attempts: 100}\n";

Test(router, a_playbook_is_changed_while_it_runs_and_kept)
{
    struct router_process w;
    router_process_make(&w, PLAYBOOK, TEST_BIN_DIR "/assay-router");
    start(&w);
    send_one(&w, 1, "a", "qualify.pql");
    Assay__Admin__V1__LoadDocumentResponse *answer;
    cr_assert_eq(load(&w, SECOND, true, &answer), ERR_OK, "%s", w.info.text);
    cr_assert_eq(load(&w, "playbook: test\nversion: x\n", false, &answer), ERR_INVALID);
    cr_assert(strstr(w.info.text, "new.yaml:2") != NULL, "%s", w.info.text);
    cr_assert_eq(load(&w, PLAYBOOK, false, &answer), ERR_OK);
    cr_assert(!answer->changed);
    cr_assert_str_eq(answer->document, "test@1");
    cr_assert_eq(load(&w, SECOND, false, &answer), ERR_OK);
    cr_assert(answer->changed);
    cr_assert_str_eq(answer->document, "test@2");
    send_one(&w, 2, "b", "qualify.pql");
    cr_assert_eq(lease(&w, "support", "", 1, 0, 0)->n_leads, 1);
    // The file that is there at the next start is broken: what is in force stays.
    kill(w.pid, SIGKILL);
    wait_end(&w);
    write_file(&w, "playbook.yaml", "nonsense: [");
    start(&w);
    Assay__Router__V1__GetQueuesRequest ask_queues = ASSAY__ROUTER__V1__GET_QUEUES_REQUEST__INIT;
    Assay__Router__V1__GetQueuesResponse *queues = NULL;
    INSIST(&w, GetQueues, get_queues, &ask_queues, &queues);
    cr_assert_str_eq(queues->playbook, "test@2");
    router_process_end(&w);
}

Test(router, without_any_playbook_it_says_why_and_ends)
{
    struct router_process w;
    router_process_make(&w, "playbook: test\nversion: x\n", TEST_BIN_DIR "/assay-router");
    start(&w);
    cr_assert_eq(wait_end(&w), 2);
    struct temp_folder path = temp_folder_at(&w.folder, "log");
    FILE *f = fopen(path.path, "r");
    char text[8192];
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = '\0';
    cr_assert(strstr(text, "playbook.yaml:2") != NULL, "%s", text);
    write_file(&w, "playbook.yaml", PLAYBOOK); // corrected: it starts
    start(&w);
    send_one(&w, 1, "a", "qualify.pql");
    router_process_end(&w);
}

// ---- Kills --------------------------------------------------------------------------------------

enum { LANES = 3, GROUPS = 120, GROUP = 7, ACCOUNTS = 200 };

struct play {
    struct router_process w;
    struct test_random random;
    uint64_t position[LANES];
    uint64_t sent; // signals, each once
    unsigned kills, completed, request;
};

static void maybe_kill(struct play *p, uint64_t one_in)
{
    if (test_random_below(&p->random, one_in) != 0)
        return;
    kill(p->w.pid, SIGKILL);
    cr_assert_eq(wait_end(&p->w), 128 + SIGKILL);
    start(&p->w);
    p->kills++;
}

// Sends a group until it is acknowledged, whatever happens to the router meanwhile.
static void send_group(struct play *p)
{
    uint32_t lane = (uint32_t)test_random_below(&p->random, LANES);
    Assay__Router__V1__Signal signals[GROUP], *list[GROUP];
    char accounts[GROUP][16], events[GROUP][16];
    uint64_t position = ++p->position[lane];
    for (uint64_t i = 0; i < GROUP; i++) {
        snprintf(accounts[i], sizeof accounts[i], "a%u",
                 (unsigned)test_random_below(&p->random, ACCOUNTS));
        signal_fill(&signals[i], position, i, accounts[i],
                    test_random_below(&p->random, 3) == 0 ? "strong" : "qualify.pql");
        snprintf(events[i], sizeof events[i], "%u", (unsigned)(p->sent + i));
        signals[i].event_id = events[i];
        list[i] = &signals[i];
    }
    Assay__Router__V1__ApplySignalsRequest request = ASSAY__ROUTER__V1__APPLY_SIGNALS_REQUEST__INIT;
    request.lane = lane;
    request.n_signals = GROUP;
    request.signals = list;
    struct waiting waiting;
    Assay__Router__V1__ApplySignalsResponse *answer = NULL;
    uint8_t bytes[4096];
    size_t n = assay__router__v1__apply_signals_request__pack(&request, bytes);
    struct rpc_call_opts opts = {.timeout_ms = PATIENCE_MS};
    waiting = (struct waiting){.w = &p->w};
    rpc_call_raw(p->w.client, "assay.router.v1.RouterService/ApplySignals", span_make(bytes, n),
                 &opts, waited_cb, &waiting);
    maybe_kill(p, 8); // with the request under way
    await(&waiting);
    INSIST(&p->w, ApplySignals, apply_signals, &request, &answer); // once more in any case
    cr_assert_eq(answer->position, position);
    cr_assert_eq(answer->index, (uint64_t)(GROUP - 1) << 32);
    p->sent += GROUP;
}

// A consumer that completes what it leases, whatever happens meanwhile. True: it got something.
static bool work(struct play *p)
{
    const char *queue = test_random_below(&p->random, 2) == 0 ? "sales" : "self_serve";
    char request_id[32];
    snprintf(request_id, sizeof request_id, "r%u", p->request++);
    lease(&p->w, queue, request_id, 5, 0, 0);
    maybe_kill(p, 12);
    const Assay__Router__V1__LeaseResponse *leased = lease(&p->w, queue, request_id, 5, 0, 0);
    for (size_t i = 0; i < leased->n_leads; i++) {
        const Assay__Router__V1__Lead *lead = leased->leads[i];
        maybe_kill(p, 20);
        enum err err = complete(&p->w, lead->lead_id, lead->lease_token, "won");
        cr_assert_eq(err, ERR_OK, "%s", p->w.info.text);
        p->completed++;
    }
    return leased->n_leads > 0;
}

struct reading {
    uint64_t offset, signals, leads, completed;
    bool seen[GROUPS * GROUP];
    bool has_lead[ACCOUNTS], done[ACCOUNTS];
};

static void read_decision(struct reading *r, const Assay__Router__V1__Decision *d)
{
    cr_assert_eq(d->offset, ++r->offset);
    if (d->decision_case == ASSAY__ROUTER__V1__DECISION__DECISION_SIGNAL) {
        int event = atoi(d->signal->event_id);
        cr_assert(!r->seen[event], "signal %d is there twice", event);
        r->seen[event] = true;
        r->signals++;
        return;
    }
    if (d->decision_case != ASSAY__ROUTER__V1__DECISION__DECISION_LEAD)
        return;
    int account = atoi(d->lead->account_id + 1);
    if (d->lead->step == ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_CREATED) {
        cr_assert(!r->has_lead[account], "a second lead of %s", d->lead->account_id);
        r->has_lead[account] = true;
        r->leads++;
    }
    if (d->lead->step == ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_COMPLETED) {
        cr_assert(!r->done[account], "%s is completed twice", d->lead->account_id);
        r->done[account] = true;
        r->completed++;
    }
}

Test(router, kills_lose_nothing_and_repeat_nothing)
{
    struct play *p = mem_zalloc(sizeof *p);
    uint64_t seed = test_random_seed();
    fprintf(stderr, "TEST_SEED=%llu\n", (unsigned long long)seed);
    p->random.state = seed;
    router_process_make(&p->w, PLAYBOOK, TEST_BIN_DIR "/assay-router");
    start(&p->w);
    for (int i = 0; i < GROUPS; i++) {
        send_group(p);
        if (test_random_below(&p->random, 2) == 0)
            work(p);
        arena_reset(&p->w.arena);
    }
    int idle = 0;
    for (int i = 0; i < 1000 && idle < 20; i++) {
        idle = work(p) ? 0 : idle + 1;
        arena_reset(&p->w.arena);
    }
    cr_assert_gt(p->kills, 5);
    struct reading reading = {0};
    const Assay__Router__V1__ListDecisionsResponse *page;
    do {
        arena_reset(&p->w.arena);
        page = decisions(&p->w, reading.offset, 1 + (uint32_t)test_random_below(&p->random, 100));
        for (size_t i = 0; i < page->n_decisions; i++)
            read_decision(&reading, page->decisions[i]);
    } while (page->n_decisions > 0);
    cr_assert_eq(reading.offset, page->last);
    cr_assert_eq(reading.signals, p->sent);
    cr_assert_gt(reading.leads, ACCOUNTS / 2);
    cr_assert_eq(reading.completed, reading.leads);
    cr_assert_eq(reading.completed, p->completed);
    router_process_end(&p->w);
    mem_free(p);
}
