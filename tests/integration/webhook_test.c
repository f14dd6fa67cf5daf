// SPDX-License-Identifier: Apache-2.0
// links: rpc loop assay_proto base clock router_core webhook_message
// runs: assay-router
//
// The shipped router and receivers that behave well and badly. Hours pass because the test moves
// the clock.
#include <criterion/criterion.h>

#include "services/router/webhook/payload.h"
#include "services/router/webhook/plan.h"
#include "services/router/webhook/sign.h"
#include "tests/support/webhook_world.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };

// The number behind "key": in the body; 0 when there is none.
static uint64_t number_in(const struct receiver_request *request, const char *key)
{
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    const char *at = strstr(request->body, quoted);
    return at == NULL ? 0 : strtoull(at + strlen(quoted), NULL, 10);
}

static void text_in(const struct receiver_request *request, const char *key, char out[128])
{
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\":\"", key);
    const char *at = strstr(request->body, quoted);
    out[0] = '\0';
    if (at == NULL)
        return;
    at += strlen(quoted);
    snprintf(out, 128, "%.*s", (int)strcspn(at, "\""), at);
}

static void assert_signed(const struct receiver_request *request)
{
    char id[256], timestamp[64], signature[256];
    struct webhook_key key;
    struct buf expected = {0};
    receiver_header(request, "webhook-id:", id, sizeof id);
    receiver_header(request, "webhook-timestamp:", timestamp, sizeof timestamp);
    receiver_header(request, "webhook-signature:", signature, sizeof signature);
    cr_assert_eq(webhook_key_read(span_of(WEBHOOK_SECRET), &key, NULL), ERR_OK);
    webhook_sign(&key, 1, id, strtoll(timestamp, NULL, 10), span_of(request->body), &expected);
    cr_assert(span_eq(buf_span(&expected), span_of(signature)), "%s", signature);
    buf_deinit(&expected);
}

static void log_has(struct webhook_world *world, const char *text, bool there)
{
    struct temp_folder path = temp_folder_at(&world->w.folder, "log");
    char line[8192];
    bool found = false;
    FILE *f = fopen(path.path, "r");
    CHECK(f != NULL);
    while (fgets(line, sizeof line, f) != NULL)
        found = found || strstr(line, text) != NULL;
    fclose(f);
    cr_assert_eq(found, there, "%s", text);
}

Test(webhook, a_decision_comes_signed_with_its_lead)
{
    struct webhook_world world;
    char value[256], type[128], id[128];
    world_make(&world, "wall");
    struct http_receiver *r =
        world_hook(&world, "crm", "    allow_private: true\n    headers: {X-Tenant: seven}\n");
    start(&world.w);
    send_one(&world.w, 1, "b", "strong");
    send_one(&world.w, 2, "b", "qualify.pql");
    cr_assert(receiver_await(r, 1));
    struct receiver_request got = receiver_get(r, 0);
    cr_assert_eq(strncmp(got.head, "POST /hook?key=1 HTTP/1.1\r\n", 27), 0);
    cr_assert_str_eq(receiver_header(&got, "content-type:", value, sizeof value),
                     "application/json");
    cr_assert_str_eq(receiver_header(&got, "x-tenant:", value, sizeof value), "seven");
    assert_signed(&got);
    text_in(&got, "type", type);
    text_in(&got, "idempotency_key", id);
    cr_assert_str_eq(type, "lead.created");
    cr_assert_str_eq(receiver_header(&got, "webhook-id:", value, sizeof value), id);
    cr_assert_eq(strncmp(id, "msg_", 4), 0);
    text_in(&got, "account", value);
    cr_assert_str_eq(value, "b");
    text_in(&got, "queue", value);
    cr_assert_str_eq(value, "sales");
    text_in(&got, "state", value);
    cr_assert_str_eq(value, "waiting");
    cr_assert_eq(number_in(&got, "priority"), 7);
    cr_assert(strstr(got.body, "\"contacts\":[{\"user\":\"u\"") != NULL, "%s", got.body);
    const Assay__Router__V1__Webhook *hook = world_ended(&world, 0, 1, 0);
    cr_assert_str_eq(hook->name, "crm");
    cr_assert_eq(strncmp(hook->url, "http://localhost:", 17), 0);
    cr_assert(strstr(hook->url, "key=1") == NULL, "%s", hook->url);
    cr_assert_eq(hook->behind, 0);
    cr_assert_eq(hook->pending, 0);
    world_end(&world);
}

Test(webhook, secrets_and_queries_stay_out_of_the_log)
{
    struct webhook_world world;
    world_make(&world, "wall");
    struct http_receiver *r = world_hook(
        &world, "crm", "    allow_private: true\n    headers: {Authorization: Bearer hunter2}\n");
    receiver_behave(r, RECEIVER_RESET, 0, "");
    start(&world.w);
    Assay__Admin__V1__SetLogLevelRequest level = ASSAY__ADMIN__V1__SET_LOG_LEVEL_REQUEST__INIT;
    level.level = (char *)"debug";
    cr_assert_eq(ask(&world.w, "assay.admin.v1.AdminService/SetLogLevel", &level.base,
                     &assay__admin__v1__set_log_level_response__descriptor, NULL),
                 ERR_OK);
    for (int i = 0; i < 10; i++) {
        char account[16];
        snprintf(account, sizeof account, "a%d", i);
        world_lead(&world, account);
    }
    (void)world_ended(&world, 0, 0, 8);
    log_has(&world, "webhook_failing", true);
    log_has(&world, "MfKQ9r8G", false);
    log_has(&world, "hunter2", false);
    log_has(&world, "key=1", false);
    world_end(&world);
}

// Whatever the receiver does: the same delivery comes again with the same id, and a redirect is not
// followed.
Test(webhook, a_bad_receiver_that_recovers)
{
    static const struct {
        enum receiver_way way;
        int status;
        const char *error;
    } WAYS[] = {
        {RECEIVER_STATUS, 500, "status 500"}, {RECEIVER_RESET, 0, ""},
        {RECEIVER_SILENT, 0, "no answer in"}, {RECEIVER_HEADERS, 0, ""},
        {RECEIVER_REDIRECT, 0, "status 302"}, {RECEIVER_STATUS, 404, "status 404"},
        {RECEIVER_STATUS, 429, "status 429"},
    };
    struct webhook_world world;
    char first[128], id[128];
    world_make(&world, "event");
    struct http_receiver *r =
        world_hook(&world, "crm", "    allow_private: true\n    timeout: 500ms\n");
    receiver_behave(r, WAYS[0].way, WAYS[0].status, "");
    start(&world.w);
    world_lead(&world, "a");
    for (size_t i = 0; i < ARRAY_LEN(WAYS); i++) {
        const Assay__Router__V1__Webhook *hook = world_ended(&world, 0, 0, i + 1);
        cr_assert(strstr(hook->last_error, WAYS[i].error) != NULL, "%zu: %s", i, hook->last_error);
        cr_assert_eq(hook->pending, 1);
        cr_assert_gt(hook->next_attempt_ms, world.clock_ms);
        if (i + 1 < ARRAY_LEN(WAYS))
            receiver_behave(r, WAYS[i + 1].way, WAYS[i + 1].status, "");
        else
            receiver_stop(r);
        world_advance(&world, hook->next_attempt_ms);
    }
    const Assay__Router__V1__Webhook *hook = world_ended(&world, 0, 0, ARRAY_LEN(WAYS) + 1);
    int64_t next_ms = hook->next_attempt_ms;
    size_t tried = receiver_count(r);
    cr_assert_geq(tried, ARRAY_LEN(WAYS)); // a broken connection may be tried twice
    receiver_open(r, r->port);
    receiver_behave(r, RECEIVER_STATUS, 200, "");
    world_advance(&world, next_ms);
    hook = world_drain(&world, 0);
    cr_assert_eq(hook->delivered, 1);
    cr_assert_geq(receiver_count(r), tried + 1);
    for (size_t i = 0; i < receiver_count(r); i++) {
        struct receiver_request got = receiver_get(r, i);
        cr_assert(strstr(got.head, "elsewhere") == NULL);
        assert_signed(&got);
        text_in(&got, "id", i == 0 ? first : id);
        cr_assert(i == 0 || strcmp(first, id) == 0);
    }
    world_end(&world);
}

// Two leads of each account, with five minutes of refusal: everything comes, once, in order.
Test(webhook, order_is_kept_over_failures)
{
    enum { ACCOUNTS = 12 };
    struct webhook_world world;
    char account[128];
    world_make(&world, "event");
    struct http_receiver *r =
        world_hook(&world, "crm", "    allow_private: true\n    events: all\n");
    receiver_behave(r, RECEIVER_STATUS, 503, "");
    start(&world.w);
    for (int i = 0; i < ACCOUNTS; i++) {
        snprintf(account, sizeof account, "a%d", i);
        world_lead(&world, account);
    }
    // Leased and completed: three more decisions of each.
    for (int i = 0; i < ACCOUNTS; i++) {
        const Assay__Router__V1__LeaseResponse *leased =
            lease(&world.w, "self_serve", "", 1, 60000, 0);
        Assay__Router__V1__CompleteRequest request = ASSAY__ROUTER__V1__COMPLETE_REQUEST__INIT;
        cr_assert_eq(leased->n_leads, 1);
        request.lead_id = leased->leads[0]->lead_id;
        request.lease_token = leased->leads[0]->lease_token;
        request.outcome = (char *)"won";
        INSIST(&world.w, Complete, complete, &request, NULL);
    }
    (void)world_ended(&world, 0, 0, WEBHOOK_FAILING);
    world_advance(&world, 5 * MINUTE);
    (void)world_ended(&world, 0, 0, WEBHOOK_FAILING + 1);
    receiver_behave(r, RECEIVER_STATUS, 200, "");
    world_advance(&world, 10 * MINUTE);
    const Assay__Router__V1__Webhook *hook = world_drain(&world, 0);
    uint64_t last[ACCOUNTS] = {0}, last_ok[ACCOUNTS] = {0};
    size_t n_ok = 0;
    for (size_t i = 0; i < receiver_count(r); i++) {
        struct receiver_request got = receiver_get(r, i);
        text_in(&got, "account", account);
        uint64_t offset = number_in(&got, "offset");
        int a = atoi(account + 1);
        cr_assert_geq(offset, last[a]);
        last[a] = offset;
        if (got.status != 200)
            continue;
        cr_assert_gt(offset, last_ok[a]);
        last_ok[a] = offset;
        n_ok++;
    }
    cr_assert_eq(n_ok, hook->delivered);
    cr_assert_geq(n_ok, 3 * ACCOUNTS);
    cr_assert_eq(hook->dead, 0);
    world_end(&world);
}

Test(webhook, a_dead_destination_slows_no_other)
{
    enum { LEADS = 40 };
    struct webhook_world world;
    char account[16];
    world_make(&world, "wall");
    // Silent for as long as it may be, and there is nobody at all at the port of the second.
    struct http_receiver *silent =
        world_hook(&world, "silent", "    allow_private: true\n    timeout: 60s\n");
    struct http_receiver *away = world_hook(&world, "away", "    allow_private: true\n");
    struct http_receiver *good = world_hook(&world, "good", "    allow_private: true\n");
    receiver_behave(silent, RECEIVER_SILENT, 0, "");
    receiver_stop(away);
    start(&world.w);
    for (int i = 0; i < LEADS; i++) {
        snprintf(account, sizeof account, "a%d", i);
        world_lead(&world, account);
    }
    (void)world_ended(&world, 2, LEADS, 0);
    cr_assert_eq(receiver_count(good), LEADS);
    cr_assert_leq(receiver_count(silent), 8);
    cr_assert_eq(world_webhook(&world, 0)->pending, LEADS);
    cr_assert_eq(world_webhook(&world, 1)->pending, LEADS);
    // It ends in good order with deliveries under way.
    world_end(&world);
}

Test(webhook, a_killed_router_goes_on_where_it_was)
{
    enum { LEADS = 30 };
    struct webhook_world world;
    char account[128], id[128];
    world_make(&world, "event");
    struct http_receiver *r = world_hook(&world, "crm", "    allow_private: true\n");
    receiver_behave(r, RECEIVER_STATUS, 500, "");
    start(&world.w);
    for (int i = 0; i < LEADS; i++) {
        snprintf(account, sizeof account, "a%d", i);
        world_lead(&world, account);
        if (i % 10 == 9) {
            world_die(&world);
            start(&world.w);
        }
    }
    receiver_behave(r, RECEIVER_STATUS, 200, "");
    (void)world_drain(&world, 0);
    bool came[LEADS] = {false};
    char ids[LEADS][128] = {{0}};
    for (size_t i = 0; i < receiver_count(r); i++) {
        struct receiver_request got = receiver_get(r, i);
        text_in(&got, "account", account);
        text_in(&got, "id", id);
        int a = atoi(account + 1);
        came[a] = came[a] || got.status == 200;
        cr_assert(ids[a][0] == '\0' || strcmp(ids[a], id) == 0, "%s %s", ids[a], id);
        snprintf(ids[a], sizeof ids[a], "%s", id);
    }
    for (int i = 0; i < LEADS; i++)
        cr_assert(came[i], "a%d", i);
    world_end(&world);
}

static const Assay__Router__V1__ListDeadLettersResponse *
letters(struct webhook_world *world, const char *webhook, uint32_t max, const char *page)
{
    Assay__Router__V1__ListDeadLettersRequest request =
        ASSAY__ROUTER__V1__LIST_DEAD_LETTERS_REQUEST__INIT;
    Assay__Router__V1__ListDeadLettersResponse *answer = NULL;
    request.webhook = (char *)webhook;
    request.max = max;
    request.page = (char *)page;
    INSIST(&world->w, ListDeadLetters, list_dead_letters, &request, &answer);
    return answer;
}

static enum err replay(struct webhook_world *world, const char *webhook, uint64_t dead, bool all,
                       uint64_t from, uint64_t *n)
{
    Assay__Router__V1__ReplayWebhookRequest request =
        ASSAY__ROUTER__V1__REPLAY_WEBHOOK_REQUEST__INIT;
    Assay__Router__V1__ReplayWebhookResponse *answer = NULL;
    request.webhook = (char *)webhook;
    request.dead_offset = dead;
    request.all_dead = all;
    request.from_offset = from;
    enum err err = ASK(&world->w, ReplayWebhook, replay_webhook, &request, &answer);
    *n = err == ERR_OK ? answer->letters : 0;
    return err;
}

Test(webhook, dead_letters_are_listed_and_come_again)
{
    enum { LEADS = 5 };
    struct webhook_world world;
    char account[16], page[64];
    uint64_t n;
    world_make(&world, "event");
    struct http_receiver *r =
        world_hook(&world, "crm", "    allow_private: true\n    give_up_after: 1m\n");
    (void)world_hook(&world, "other", "    allow_private: true\n");
    receiver_behave(r, RECEIVER_STATUS, 400, "");
    start(&world.w);
    for (int i = 0; i < LEADS; i++) {
        snprintf(account, sizeof account, "a%d", i);
        world_lead(&world, account);
    }
    (void)world_ended(&world, 0, 0, LEADS);
    world_advance(&world, 2 * MINUTE);
    cr_assert_eq(world_drain(&world, 0)->dead, LEADS);
    const Assay__Router__V1__ListDeadLettersResponse *list = letters(&world, "", 3, "");
    cr_assert_eq(list->n_letters, 3);
    cr_assert_str_eq(list->letters[0]->webhook, "crm");
    cr_assert_str_eq(list->letters[0]->type, "lead.created");
    cr_assert_str_eq(list->letters[0]->error, "status 400");
    cr_assert_eq(list->letters[0]->attempts, 2);
    cr_assert(list->letters[0]->lead_id[0] == 'L');
    uint64_t second = list->letters[1]->offset;
    snprintf(page, sizeof page, "%s", list->next_page);
    list = letters(&world, "crm", 3, page);
    cr_assert_eq(list->n_letters, 2);
    cr_assert_str_eq(list->next_page, "");
    cr_assert_eq(letters(&world, "other", 3, "")->n_letters, 0);

    // They are still there after a restart.
    (void)world_ended(&world, 1, LEADS, 0);
    kill(world.w.pid, SIGTERM);
    cr_assert_eq(wait_end(&world.w), 0);
    receiver_behave(r, RECEIVER_STATUS, 200, "");
    start(&world.w);
    cr_assert_eq(letters(&world, "crm", 100, "")->n_letters, LEADS);

    cr_assert_eq(replay(&world, "nobody", 0, true, 0, &n), ERR_NOT_FOUND);
    cr_assert_eq(replay(&world, "crm", 0, false, 0, &n), ERR_INVALID);
    cr_assert_eq(replay(&world, "crm", 1, true, 0, &n), ERR_INVALID);
    cr_assert_eq(replay(&world, "crm", 99999, false, 0, &n), ERR_NOT_FOUND);
    cr_assert_eq(replay(&world, "crm", 0, false, 99999, &n), ERR_INVALID);
    size_t tried = receiver_count(r);
    cr_assert_eq(replay(&world, "crm", second, false, 0, &n), ERR_OK);
    cr_assert_eq(n, 1);
    cr_assert(receiver_await(r, tried + 1));
    struct receiver_request got = receiver_get(r, tried);
    cr_assert_eq(number_in(&got, "offset"), second);
    cr_assert_eq(replay(&world, "crm", 0, true, 0, &n), ERR_OK);
    cr_assert_eq(n, LEADS - 1);
    cr_assert_eq(world_ended(&world, 0, LEADS, 0)->dead, 0);
    // Everything again, with the ids that it had.
    tried = receiver_count(r);
    cr_assert_eq(replay(&world, "crm", 0, false, 1, &n), ERR_OK);
    cr_assert_eq(world_ended(&world, 0, 2 * LEADS, 0)->pending, 0);
    cr_assert_eq(receiver_count(r), tried + LEADS);
    char id[128], first_id[128];
    struct receiver_request first = receiver_get(r, 0);
    text_in(&first, "id", first_id);
    bool known = false;
    for (size_t i = tried; i < receiver_count(r); i++) {
        got = receiver_get(r, i);
        text_in(&got, "id", id);
        known = known || strcmp(id, first_id) == 0;
    }
    cr_assert(known);
    world_end(&world);
}

Test(webhook, gone_stops_until_a_replay)
{
    struct webhook_world world;
    uint64_t n;
    world_make(&world, "event");
    struct http_receiver *r = world_hook(&world, "crm", "    allow_private: true\n");
    receiver_behave(r, RECEIVER_STATUS, 410, "");
    start(&world.w);
    world_lead(&world, "a");
    (void)world_ended(&world, 0, 0, 1);
    receiver_behave(r, RECEIVER_STATUS, 200, "");
    world_advance(&world, 30LL * 24 * HOUR);
    world_lead(&world, "b");
    const Assay__Router__V1__Webhook *hook = world_webhook(&world, 0);
    for (int i = 0; i < ROUNDS_MAX && hook->behind == 0; i++)
        hook = world_webhook(&world, 0);
    cr_assert_eq(hook->delivered, 0);
    cr_assert_eq(hook->next_attempt_ms, 0);
    cr_assert(hook->disabled);
    cr_assert_gt(hook->behind, 0);
    cr_assert_eq(receiver_count(r), 1);
    cr_assert_eq(replay(&world, "crm", 0, true, 0, &n), ERR_OK);
    (void)world_ended(&world, 0, 2, 0);
    world_end(&world);
}

Test(webhook, a_name_with_a_private_address_is_not_called)
{
    struct webhook_world world;
    world_make(&world, "event");
    struct http_receiver *r = world_hook(&world, "crm", "");
    start(&world.w);
    world_lead(&world, "a");
    const Assay__Router__V1__Webhook *hook = world_ended(&world, 0, 0, 1);
    cr_assert(strstr(hook->last_error, "is loopback, which is not allowed") != NULL, "%s",
              hook->last_error);
    cr_assert_eq(receiver_accepted(r), 0);
    world_end(&world);
}

Test(webhook, a_new_webhook_begins_at_the_end_of_the_log)
{
    struct webhook_world world;
    uint64_t n;
    world_make(&world, "event");
    (void)world_hook(&world, "first", "    allow_private: true\n");
    start(&world.w);
    world_lead(&world, "a");
    (void)world_ended(&world, 0, 1, 0);
    kill(world.w.pid, SIGTERM);
    cr_assert_eq(wait_end(&world.w), 0);
    struct http_receiver *r = world_hook(&world, "second", "    allow_private: true\n");
    start(&world.w);
    world_lead(&world, "b");
    (void)world_ended(&world, 1, 1, 0);
    struct receiver_request got = receiver_get(r, 0);
    cr_assert(strstr(got.body, "\"account\":\"b\"") != NULL);
    cr_assert_eq(replay(&world, "second", 0, false, 1, &n), ERR_OK);
    (void)world_ended(&world, 1, 3, 0);
    world_end(&world);
}

Test(webhook, a_file_with_mistakes_ends_the_start_with_all_of_them)
{
    struct webhook_world world;
    world_make(&world, "event");
    world_append(&world, "webhooks.yaml",
                 "  crm:\n    url: http://10.0.0.1/\n    secret_files: [nowhere]\n");
    start(&world.w);
    cr_assert_eq(wait_end(&world.w), 2);
    log_has(&world, "webhooks.yaml:3:10: $.webhooks.crm.url: expected an https URL", true);
    log_has(&world, "the address is private", true);
    log_has(&world, "nowhere: No such file or directory", true);
    world_end(&world);
}

Test(webhook, without_a_file_there_is_none)
{
    struct router_process w;
    Assay__Router__V1__GetWebhooksRequest request = ASSAY__ROUTER__V1__GET_WEBHOOKS_REQUEST__INIT;
    Assay__Router__V1__GetWebhooksResponse *answer = NULL;
    router_process_make(&w, PLAYBOOK, TEST_BIN_DIR "/assay-router");
    start(&w);
    INSIST(&w, GetWebhooks, get_webhooks, &request, &answer);
    cr_assert_eq(answer->n_webhooks, 0);
    router_process_end(&w);
}
