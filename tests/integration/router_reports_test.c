// SPDX-License-Identifier: Apache-2.0
// links: rpc loop assay_proto base clock router_core
//
// Outcomes of leads on their way back: the shipped router as a process, and an ingest that refuses,
// loses answers and keeps silent while the router is killed.
#include <criterion/criterion.h>

#include "common/base/mem.h"
#include "tests/support/ingest_fake.h"
#include "tests/support/random.h"
#include "tests/support/router_process.h"

struct reporting {
    struct router_process w;
    struct ingest_fake ingest;
    uint64_t position;
};

static void setup(struct reporting *r)
{
    char url[PATH_MAX + 32];
    router_process_make(&r->w, PLAYBOOK, TEST_BIN_DIR "/assay-router");
    struct temp_folder config = temp_folder_at(&r->w.folder, "router.yaml");
    snprintf(url, sizeof url, "ipc://%s/ingest", r->w.folder.path);
    FILE *f = fopen(config.path, "a");
    CHECK(f != NULL);
    // Nobody is at the first address: the second one must be found.
    fprintf(f, "ingest: \"ipc://%s/nobody %s\"\n", r->w.folder.path, url);
    CHECK(fclose(f) == 0);
    r->position = 0;
    ingest_fake_open(&r->ingest, r->w.loop, url);
}

static void teardown(struct reporting *r)
{
    ingest_fake_close(&r->ingest);
    router_process_end(&r->w); // runs the loop to its end
    cr_assert(r->ingest.server == NULL);
}

static void die(struct reporting *r)
{
    kill(r->w.pid, SIGKILL);
    cr_assert_eq(wait_end(&r->w), 128 + SIGKILL);
}

// A lead of its own account goes all its way. Its id is in `id`.
static void lead_ends(struct reporting *r, const char *outcome, char id[64])
{
    char account[32];
    snprintf(account, sizeof account, "acct-%u", (unsigned)++r->position);
    send_one(&r->w, r->position, account, "qualify.pql");
    const Assay__Router__V1__LeaseResponse *leased =
        lease(&r->w, "self_serve", account, 1, 60000, 0);
    cr_assert_eq(leased->n_leads, 1);
    Assay__Router__V1__CompleteRequest request = ASSAY__ROUTER__V1__COMPLETE_REQUEST__INIT;
    request.lead_id = leased->leads[0]->lead_id;
    request.lease_token = leased->leads[0]->lease_token;
    request.outcome = (char *)outcome;
    snprintf(id, 64, "%s:%s", leased->leads[0]->lead_id, outcome);
    INSIST(&r->w, Complete, complete, &request, NULL);
}

static unsigned times(struct reporting *r, const char *id)
{
    const struct ingest_fake_event *event = ingest_fake_find(&r->ingest, id);
    return event == NULL ? 0 : event->times;
}

Test(router_reports, an_outcome_comes_as_a_trait_of_its_account)
{
    struct reporting r;
    char id[64], expected[INGEST_FAKE_TEXT];
    setup(&r);
    start(&r.w);
    lead_ends(&r, "won", id);
    cr_assert(ingest_fake_await(&r.ingest, 1));
    const struct ingest_fake_event *event = ingest_fake_find(&r.ingest, id);
    cr_assert(event != NULL);
    long long at = 0;
    cr_assert_eq(sscanf(event->text, "kind=3 group=acct-1 user= at=%lld", &at), 1, "%s",
                 event->text);
    Assay__Router__V1__ListLeadsRequest list = ASSAY__ROUTER__V1__LIST_LEADS_REQUEST__INIT;
    Assay__Router__V1__ListLeadsResponse *leads = NULL;
    INSIST(&r.w, ListLeads, list_leads, &list, &leads);
    cr_assert_eq(leads->leads[0]->completed_at_ms, at);
    snprintf(expected, sizeof expected, "lead_id=%s", leads->leads[0]->lead_id);
    cr_assert(strstr(event->text, "lead_outcome=won lead_outcome_at=20") != NULL);
    cr_assert(strstr(event->text, expected) != NULL);
    teardown(&r);
}

Test(router_reports, it_comes_again_until_it_is_taken)
{
    struct reporting r;
    char id[64], next[64];
    setup(&r);
    start(&r.w);
    static const enum ingest_fake_way WAYS[] = {INGEST_FAKE_FULL, INGEST_FAKE_AWAY,
                                                INGEST_FAKE_LOSE, INGEST_FAKE_ACCEPT};
    r.ingest.way = WAYS[0];
    lead_ends(&r, "lost", id);
    for (unsigned i = 1; i <= ARRAY_LEN(WAYS); i++) {
        cr_assert(ingest_fake_await(&r.ingest, i));
        if (i < ARRAY_LEN(WAYS))
            r.ingest.way = WAYS[i];
    }
    cr_assert_eq(times(&r, id), 2); // lost, taken
    lead_ends(&r, "meeting", next);
    cr_assert(ingest_fake_await(&r.ingest, ARRAY_LEN(WAYS) + 1));
    cr_assert_eq(times(&r, id), 2);
    cr_assert_eq(times(&r, next), 1);
    teardown(&r);
}

Test(router_reports, one_that_is_refused_for_good_stops_no_other)
{
    struct reporting r;
    char id[64], next[64];
    setup(&r);
    start(&r.w);
    r.ingest.way = INGEST_FAKE_REFUSE;
    lead_ends(&r, "won", id);
    cr_assert(ingest_fake_await(&r.ingest, 1));
    r.ingest.way = INGEST_FAKE_ACCEPT;
    lead_ends(&r, "won", next);
    cr_assert(ingest_fake_await(&r.ingest, 2));
    cr_assert_eq(times(&r, id), 0);
    cr_assert_eq(times(&r, next), 1);
    teardown(&r);
}

Test(router_reports, a_killed_router_sends_what_was_not_confirmed_and_nothing_else)
{
    struct reporting r;
    char first[64], second[64], third[64];
    setup(&r);
    start(&r.w);
    r.ingest.way = INGEST_FAKE_SILENT;
    lead_ends(&r, "won", first);
    cr_assert(ingest_fake_await(&r.ingest, 1));
    cr_assert_eq(times(&r, first), 1);
    die(&r);
    r.ingest.way = INGEST_FAKE_ACCEPT;
    start(&r.w);
    cr_assert(ingest_fake_await(&r.ingest, 2));
    cr_assert_eq(times(&r, first), 2);
    // The next batch comes after the journal has the one before: a kill then repeats none.
    lead_ends(&r, "lost", second);
    cr_assert(ingest_fake_await(&r.ingest, 3));
    lead_ends(&r, "lost", third);
    cr_assert(ingest_fake_await(&r.ingest, 4));
    die(&r);
    start(&r.w);
    lead_ends(&r, "lost", third);
    cr_assert(ingest_fake_await(&r.ingest, 5));
    cr_assert_eq(times(&r, first), 2);
    cr_assert_eq(times(&r, second), 1);
    teardown(&r);
}

Test(router_reports, nothing_is_lost_whatever_happens)
{
    enum { LEADS = 40 };
    struct reporting r;
    char ids[LEADS][64];
    struct test_random random = {test_random_seed()};
    fprintf(stderr, "TEST_SEED=%llu\n", (unsigned long long)random.state);
    setup(&r);
    start(&r.w);
    for (int i = 0; i < LEADS; i++) {
        r.ingest.way = (enum ingest_fake_way)test_random_below(&random, INGEST_FAKE_REFUSE);
        lead_ends(&r, test_random_below(&random, 2) == 0 ? "won" : "lost", ids[i]);
        arena_reset(&r.w.arena);
        if (r.ingest.way == INGEST_FAKE_SILENT || test_random_below(&random, 8) == 0) {
            die(&r);
            start(&r.w);
        }
    }
    r.ingest.way = INGEST_FAKE_ACCEPT;
    die(&r); // no answer is outstanding after this
    start(&r.w);
    for (int i = 0; i < LEADS; i++)
        for (unsigned tries = 0; times(&r, ids[i]) == 0 && tries < LEADS; tries++)
            cr_assert(ingest_fake_await(&r.ingest, r.ingest.n_calls + 1), "lead %d", i);
    for (int i = 0; i < LEADS; i++)
        cr_assert_gt(times(&r, ids[i]), 0);
    cr_assert_eq(r.ingest.n, LEADS);
    teardown(&r);
}
