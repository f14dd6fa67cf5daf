// SPDX-License-Identifier: Apache-2.0
// links: rpc loop assay_proto base clock router_core
// runs: assay-router
//
// Queues of the shipped router: delays, parking and redriving, and the decisions of one queue or
// one lead; over kills.
#include <criterion/criterion.h>

#include "services/router/core/core.h"
#include "tests/support/router_process.h"

static void restart(struct router_process *w)
{
    kill(w->pid, SIGKILL);
    cr_assert_eq(wait_end(w), 128 + SIGKILL);
    start(w);
}

static uint64_t journal_last(struct router_process *w)
{
    Assay__Router__V1__GetQueuesRequest request = ASSAY__ROUTER__V1__GET_QUEUES_REQUEST__INIT;
    Assay__Router__V1__GetQueuesResponse *answer = NULL;
    INSIST(w, GetQueues, get_queues, &request, &answer);
    return answer->journal_last;
}

static const Assay__Router__V1__Queue *queue(struct router_process *w, const char *name)
{
    Assay__Router__V1__GetQueuesRequest request = ASSAY__ROUTER__V1__GET_QUEUES_REQUEST__INIT;
    Assay__Router__V1__GetQueuesResponse *answer = NULL;
    INSIST(w, GetQueues, get_queues, &request, &answer);
    for (size_t i = 0; i < answer->n_queues; i++)
        if (strcmp(answer->queues[i]->name, name) == 0)
            return answer->queues[i];
    cr_assert_fail("there is no queue %s", name);
    return NULL;
}

static const Assay__Router__V1__Lead *lead_of(struct router_process *w, const char *account)
{
    Assay__Router__V1__ListLeadsRequest list = ASSAY__ROUTER__V1__LIST_LEADS_REQUEST__INIT;
    Assay__Router__V1__ListLeadsResponse *leads = NULL;
    list.account_id = (char *)account;
    INSIST(w, ListLeads, list_leads, &list, &leads);
    cr_assert_eq(leads->n_leads, 1);
    return leads->leads[0];
}

#define REFUSED(w, Method, method, request, expected, word)                                        \
    do {                                                                                           \
        cr_assert_eq(ASK(w, Method, method, request, NULL), expected, "%s", (w)->info.text);       \
        cr_assert(strstr((w)->info.text, word) != NULL, "%s", (w)->info.text);                     \
    } while (0)

// ---- Parking ------------------------------------------------------------------------------------

static enum err park(struct router_process *w, const char *lead_id, const char *token,
                     const char *reason, Assay__Router__V1__ParkResponse **answer)
{
    Assay__Router__V1__ParkRequest request = ASSAY__ROUTER__V1__PARK_REQUEST__INIT;
    request.lead_id = (char *)lead_id;
    request.lease_token = (char *)token;
    request.reason = (char *)reason;
    request.by = (char *)"olga";
    return ASK(w, Park, park, &request, answer);
}

static uint64_t redrive(struct router_process *w, const char *lead_id, const char *name)
{
    Assay__Router__V1__RedriveRequest request = ASSAY__ROUTER__V1__REDRIVE_REQUEST__INIT;
    Assay__Router__V1__RedriveResponse *answer = NULL;
    request.lead_id = (char *)lead_id;
    request.queue = (char *)name;
    request.by = (char *)"olga";
    INSIST(w, Redrive, redrive, &request, &answer);
    return answer->leads;
}

Test(router_queues, a_lead_is_parked_until_it_is_redriven)
{
    struct router_process w;
    router_process_make(&w, PLAYBOOK, TEST_BIN_DIR "/assay-router");
    start(&w);
    send_one(&w, 1, "a", "qualify.pql");
    send_one(&w, 2, "b", "qualify.pql");
    const char *a = lead_of(&w, "a")->lead_id, *b = lead_of(&w, "b")->lead_id;
    Assay__Router__V1__ParkResponse *parked = NULL;
    cr_assert_eq(park(&w, a, "", "wrong region", &parked), ERR_OK, "%s", w.info.text);
    cr_assert_eq(parked->lead->state, ASSAY__ROUTER__V1__LEAD_STATE__LEAD_STATE_PARKED);
    cr_assert_str_eq(parked->lead->parked_reason, "wrong region");
    cr_assert_eq(park(&w, a, "", "wrong region", NULL), ERR_OK, "%s", w.info.text); // again
    const Assay__Router__V1__LeaseResponse *leased = lease(&w, "self_serve", "", 5, 0, 0);
    cr_assert_eq(leased->n_leads, 1);
    cr_assert_str_eq(leased->leads[0]->lead_id, b);
    const char *token = leased->leads[0]->lease_token;
    cr_assert_eq(park(&w, b, "wrong", "bad data", NULL), ERR_CONFLICT);
    cr_assert_eq(park(&w, b, token, "bad data", NULL), ERR_OK, "%s", w.info.text);
    cr_assert_eq(queue(&w, "self_serve")->parked, 2);

    restart(&w);
    cr_assert_eq(queue(&w, "self_serve")->parked, 2);
    cr_assert_str_eq(lead_of(&w, "b")->parked_reason, "bad data");
    cr_assert_eq(redrive(&w, a, ""), 1);
    Assay__Router__V1__RedriveRequest again = ASSAY__ROUTER__V1__REDRIVE_REQUEST__INIT;
    again.lead_id = (char *)a;
    cr_assert_eq(ASK(&w, Redrive, redrive, &again, NULL), ERR_CONFLICT);
    cr_assert_eq(redrive(&w, "", "self_serve"), 1);
    cr_assert_eq(redrive(&w, "", "self_serve"), 0);
    cr_assert_eq(queue(&w, "self_serve")->ready, 2);
    leased = lease(&w, "self_serve", "", 5, 0, 0);
    cr_assert_eq(leased->n_leads, 2);
    cr_assert_neq(strcmp(leased->leads[1]->lease_token, token), 0);
    router_process_end(&w);
}

Test(router_queues, bad_requests_name_the_field_and_are_not_journaled)
{
    struct router_process w;
    router_process_make(&w, PLAYBOOK, TEST_BIN_DIR "/assay-router");
    start(&w);
    send_one(&w, 1, "a", "qualify.pql");
    uint64_t before = journal_last(&w);
    Assay__Router__V1__ParkRequest parks = ASSAY__ROUTER__V1__PARK_REQUEST__INIT;
    REFUSED(&w, Park, park, &parks, ERR_INVALID, "lead_id");
    parks.lead_id = (char *)"L1";
    REFUSED(&w, Park, park, &parks, ERR_INVALID, "reason");
    parks.reason = (char *)"no";
    REFUSED(&w, Park, park, &parks, ERR_NOT_FOUND, "lead_id");
    parks.reason = (char *)"\xff";
    REFUSED(&w, Park, park, &parks, ERR_INVALID, "reason");
    Assay__Router__V1__RedriveRequest redrives = ASSAY__ROUTER__V1__REDRIVE_REQUEST__INIT;
    REFUSED(&w, Redrive, redrive, &redrives, ERR_INVALID, "lead_id, queue");
    redrives.queue = (char *)"nowhere";
    REFUSED(&w, Redrive, redrive, &redrives, ERR_NOT_FOUND, "queue");
    redrives.lead_id = (char *)"L1";
    REFUSED(&w, Redrive, redrive, &redrives, ERR_INVALID, "lead_id, queue");
    redrives.queue = (char *)"";
    REFUSED(&w, Redrive, redrive, &redrives, ERR_NOT_FOUND, "lead_id");
    Assay__Router__V1__ReleaseRequest release = ASSAY__ROUTER__V1__RELEASE_REQUEST__INIT;
    release.lead_id = (char *)"L1";
    release.delay_ms = -1;
    REFUSED(&w, Release, release, &release, ERR_INVALID, "delay_ms");
    release.delay_ms = (int64_t)31 * 86400000;
    REFUSED(&w, Release, release, &release, ERR_INVALID, "delay_ms");
    Assay__Router__V1__GetAccountRequest account = ASSAY__ROUTER__V1__GET_ACCOUNT_REQUEST__INIT;
    REFUSED(&w, GetAccount, get_account, &account, ERR_INVALID, "account_id");
    cr_assert_eq(journal_last(&w), before);
    router_process_end(&w);
}

// ---- Delays -------------------------------------------------------------------------------------

Test(router_queues, a_delayed_lead_comes_back_by_itself)
{
    struct router_process w;
    router_process_make(&w, PLAYBOOK, TEST_BIN_DIR "/assay-router");
    start(&w);
    send_one(&w, 1, "a", "qualify.pql");
    send_one(&w, 2, "b", "qualify.pql");
    const Assay__Router__V1__LeaseResponse *leased = lease(&w, "self_serve", "", 2, 0, 0);
    cr_assert_eq(leased->n_leads, 2);
    Assay__Router__V1__ReleaseRequest release = ASSAY__ROUTER__V1__RELEASE_REQUEST__INIT;
    Assay__Router__V1__ReleaseResponse *released = NULL;
    release.lead_id = leased->leads[0]->lead_id;
    release.lease_token = leased->leads[0]->lease_token;
    release.delay_ms = ROUTER_DELAY_MS_MAX;
    INSIST(&w, Release, release, &release, &released);
    cr_assert_eq(released->lead->state, ASSAY__ROUTER__V1__LEAD_STATE__LEAD_STATE_WAITING);
    cr_assert_gt(released->lead->not_before_ms, 0);
    release.lead_id = leased->leads[1]->lead_id;
    release.lease_token = leased->leads[1]->lease_token;
    release.delay_ms = 300;
    INSIST(&w, Release, release, &release, &released);
    int64_t not_before_ms = released->lead->not_before_ms;
    restart(&w);
    // Whoever waits is told when its time has come; the other one's never comes here.
    leased = lease(&w, "self_serve", "", 2, 0, PATIENCE_MS);
    cr_assert_eq(leased->n_leads, 1);
    cr_assert_str_eq(leased->leads[0]->account_id, "b");
    cr_assert_eq(leased->leads[0]->attempts, 2);
    cr_assert_geq(leased->leads[0]->lease_until_ms, not_before_ms + 60000);
    const Assay__Router__V1__Queue *q = queue(&w, "self_serve");
    cr_assert_eq(q->waiting, 1);
    cr_assert_eq(q->delayed, 1);
    cr_assert_eq(q->ready, 0);
    router_process_end(&w);
}

// ---- Decisions of one queue, of one lead --------------------------------------------------------

static const Assay__Router__V1__ListDecisionsResponse *decisions(struct router_process *w,
                                                                 uint64_t after, uint32_t max,
                                                                 const char *of_queue,
                                                                 const char *of_lead)
{
    Assay__Router__V1__ListDecisionsRequest request =
        ASSAY__ROUTER__V1__LIST_DECISIONS_REQUEST__INIT;
    request.after = after;
    request.max = max;
    request.queue = (char *)of_queue;
    request.lead_id = (char *)of_lead;
    Assay__Router__V1__ListDecisionsResponse *answer = NULL;
    INSIST(w, ListDecisions, list_decisions, &request, &answer);
    return answer;
}

static size_t read_all(struct router_process *w, const char *of_queue, const char *of_lead,
                       uint32_t max, uint64_t *offsets)
{
    const Assay__Router__V1__ListDecisionsResponse *page;
    uint64_t after = 0;
    size_t n = 0;
    do {
        page = decisions(w, after, max, of_queue, of_lead);
        for (size_t i = 0; i < page->n_decisions; i++) {
            const Assay__Router__V1__Decision *d = page->decisions[i];
            cr_assert_eq(d->decision_case, ASSAY__ROUTER__V1__DECISION__DECISION_LEAD);
            cr_assert(of_queue[0] == '\0' || strcmp(d->lead->queue, of_queue) == 0);
            cr_assert(of_lead[0] == '\0' || strcmp(d->lead->lead_id, of_lead) == 0);
            cr_assert_gt(d->offset, n == 0 ? 0 : offsets[n - 1]);
            cr_assert_leq(d->offset, page->next);
            offsets[n++] = d->offset;
        }
        cr_assert(page->next > after || page->next == page->last);
        after = page->next;
    } while (after < page->last);
    return n;
}

Test(router_queues, decisions_of_a_queue_or_a_lead_are_those_of_the_log)
{
    enum { ACCOUNTS = 40, ALL = 1000 };
    struct router_process w;
    router_process_make(&w, PLAYBOOK, TEST_BIN_DIR "/assay-router");
    start(&w);
    for (uint64_t i = 0; i < ACCOUNTS; i++) {
        char account[16];
        snprintf(account, sizeof account, "a%u", (unsigned)i);
        if (i % 4 == 0)
            send_one(&w, 2 * i + 1, account, "strong");
        send_one(&w, 2 * i + 2, account, "qualify.pql");
    }
    cr_assert_eq(lease(&w, "sales", "", 3, 0, 0)->n_leads, 3);
    const char *id = lead_of(&w, "a0")->lead_id;
    // The same by hand, from the whole log.
    // (A page may end where the log passes from the store to memory.)
    const Assay__Router__V1__ListDecisionsResponse *log;
    uint64_t sales[ALL], of_lead[ALL], read[ALL], after = 0;
    size_t n_sales = 0, n_of_lead = 0;
    do {
        log = decisions(&w, after, ALL, "", "");
        cr_assert_eq(log->next, after + log->n_decisions);
        after = log->next;
        for (size_t i = 0; i < log->n_decisions; i++) {
            const Assay__Router__V1__Decision *d = log->decisions[i];
            if (d->decision_case != ASSAY__ROUTER__V1__DECISION__DECISION_LEAD)
                continue;
            if (strcmp(d->lead->queue, "sales") == 0)
                sales[n_sales++] = d->offset;
            if (strcmp(d->lead->lead_id, id) == 0)
                of_lead[n_of_lead++] = d->offset;
        }
    } while (after < log->last);
    cr_assert_eq(n_sales, ACCOUNTS / 4 + 3);
    cr_assert_eq(n_of_lead, 2);
    for (uint32_t max = 1; max < 12; max += 5) {
        cr_assert_eq(read_all(&w, "sales", "", max, read), n_sales);
        cr_assert_arr_eq(read, sales, n_sales * sizeof *read);
        cr_assert_eq(read_all(&w, "", id, max, read), n_of_lead);
        cr_assert_arr_eq(read, of_lead, n_of_lead * sizeof *read);
    }
    cr_assert_eq(read_all(&w, "self_serve", id, 10, read), 0);
    restart(&w); // most of the log is read from the store then
    cr_assert_eq(read_all(&w, "sales", "", 3, read), n_sales);
    cr_assert_arr_eq(read, sales, n_sales * sizeof *read);
    router_process_end(&w);
}

Test(router_queues, a_reader_of_one_queue_waits_for_that_queue)
{
    struct router_process w;
    router_process_make(&w, PLAYBOOK, TEST_BIN_DIR "/assay-router");
    start(&w);
    send_one(&w, 1, "a", "qualify.pql");
    Assay__Router__V1__ListDecisionsRequest request =
        ASSAY__ROUTER__V1__LIST_DECISIONS_REQUEST__INIT;
    request.wait_ms = PATIENCE_MS;
    request.queue = (char *)"sales";
    struct waiting waiting;
    send_off(&waiting, &w, "assay.router.v1.RouterService/ListDecisions", &request.base);
    send_one(&w, 2, "b", "qualify.pql"); // of another queue: it waits on
    cr_assert(!waiting.done);
    send_one(&w, 3, "c", "strong");
    cr_assert(!waiting.done);
    send_one(&w, 4, "c", "qualify.pql");
    await(&waiting);
    Assay__Router__V1__ListDecisionsResponse *answer =
        assay__router__v1__list_decisions_response__unpack(NULL, waiting.len, waiting.bytes);
    cr_assert_eq(answer->n_decisions, 1);
    cr_assert_str_eq(answer->decisions[0]->lead->account_id, "c");
    cr_assert_eq(answer->next, answer->last);
    assay__router__v1__list_decisions_response__free_unpacked(answer, NULL);
    router_process_end(&w);
}
