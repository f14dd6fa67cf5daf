// SPDX-License-Identifier: Apache-2.0
// links: rpc loop keys assay_proto base clock
// runs: assay-router
//
// What a consumer's key is limited to, at the shipped router: queues, also of leads that are named
// by their lease alone, and the consumer's name. The socket itself asks for no key.
#include <criterion/criterion.h>

#include "common/keys/keys.h"
#include "tests/support/router_process.h"

struct guarded {
    struct router_process w;
    struct rpc_client *open; // shows nothing
    struct rpc_client *sales, *named, *writer;
};

static struct keys *keys;

static const char *show(void *arg)
{
    return arg;
}

// A client that shows a fresh key with one list.
static struct rpc_client *client_of(struct guarded *g, enum keys_role role, const char *name,
                                    const char *word, const char *value)
{
    const struct keys_list list = {word, &value, 1};
    const struct keys_spec spec = {
        .role = role, .name = span_of(name), .lists = &list, .n_lists = word == NULL ? 0 : 1};
    const struct keys_key *key;
    char token[TOKEN_CHARS + 1];
    struct rpc_client *client;
    cr_assert_eq(keys_add(keys, &spec, 1, token, &key, NULL), ERR_OK);
    struct rpc_client_opts opts = {
        .url = g->w.url,
        .authorization = show,
        .authorization_arg = arena_printf(&g->w.arena, "Bearer %s", token),
    };
    cr_assert_eq(rpc_client_open(g->w.loop, &opts, &client, NULL), ERR_OK);
    return client;
}

static void guarded_make(struct guarded *g)
{
    struct buf text = {0};
    router_process_make(&g->w, PLAYBOOK, TEST_BIN_DIR "/assay-router");
    keys = keys_create();
    g->open = g->w.client;
    g->sales = client_of(g, KEYS_CONSUMER, "sales", "queues", "sales");
    g->named = client_of(g, KEYS_CONSUMER, "named", "consumer", "crm");
    g->writer = client_of(g, KEYS_WRITE, "writer", NULL, NULL);
    keys_write(keys, &text);
    buf_append_u8(&text, 0);
    write_file(&g->w, "keys.yaml", (const char *)text.bytes);
    buf_deinit(&text);
    keys_release(keys);
    struct temp_folder path = temp_folder_at(&g->w.folder, "router.yaml");
    FILE *config = fopen(path.path, "a");
    cr_assert(config != NULL && fprintf(config, "keys: \"%s/keys.yaml\"\n", g->w.folder.path) > 0);
    cr_assert_eq(fclose(config), 0);
    start(&g->w);
}

static void guarded_end(struct guarded *g)
{
    rpc_client_close(g->sales, NULL, NULL);
    rpc_client_close(g->named, NULL, NULL);
    rpc_client_close(g->writer, NULL, NULL);
    g->w.client = g->open;
    router_process_end(&g->w);
}

static const Assay__Router__V1__Lead *lease_as(struct guarded *g, struct rpc_client *client,
                                               const char *queue, const char *consumer)
{
    Assay__Router__V1__LeaseRequest request = ASSAY__ROUTER__V1__LEASE_REQUEST__INIT;
    Assay__Router__V1__LeaseResponse *answer = NULL;
    request.queue = (char *)queue;
    request.consumer = (char *)consumer;
    g->w.client = client;
    return ASK(&g->w, Lease, lease, &request, &answer) == ERR_OK && answer->n_leads == 1
               ? answer->leads[0]
               : NULL;
}

static enum err ack_as(struct guarded *g, struct rpc_client *client,
                       const Assay__Router__V1__Lead *lead)
{
    Assay__Router__V1__AckRequest request = ASSAY__ROUTER__V1__ACK_REQUEST__INIT;
    request.lead_id = lead->lead_id;
    request.lease_token = lead->lease_token;
    g->w.client = client;
    return ASK(&g->w, Ack, ack, &request, NULL);
}

static enum err complete_as(struct guarded *g, struct rpc_client *client,
                            const Assay__Router__V1__Lead *lead)
{
    Assay__Router__V1__CompleteRequest request = ASSAY__ROUTER__V1__COMPLETE_REQUEST__INIT;
    request.lead_id = lead->lead_id;
    request.lease_token = lead->lease_token;
    request.outcome = (char *)"won";
    g->w.client = client;
    return ASK(&g->w, Complete, complete, &request, NULL);
}

Test(router_keys, a_key_is_for_its_queues)
{
    struct guarded g = {0};
    guarded_make(&g);
    send_one(&g.w, 1, "a", "qualify.pql"); // by the socket, without a key
    const Assay__Router__V1__Lead *own = lease_as(&g, g.open, "self_serve", "c");
    cr_assert(own != NULL, "%s", g.w.info.text);

    cr_assert(lease_as(&g, g.sales, "self_serve", "c") == NULL);
    cr_assert(strstr(g.w.info.text, "queue: the key is not for \"self_serve\"") != NULL, "%s",
              g.w.info.text);
    Assay__Router__V1__ListLeadsRequest list = ASSAY__ROUTER__V1__LIST_LEADS_REQUEST__INIT;
    cr_assert_neq(ASK(&g.w, ListLeads, list_leads, &list, NULL), ERR_OK);
    list.queue = (char *)"sales";
    cr_assert_eq(ASK(&g.w, ListLeads, list_leads, &list, NULL), ERR_OK, "%s", g.w.info.text);

    // Even with the lease in hand: to this key the lead is not there.
    cr_assert_eq(ack_as(&g, g.sales, own), ERR_NOT_FOUND, "%s", g.w.info.text);
    cr_assert_eq(complete_as(&g, g.sales, own), ERR_NOT_FOUND);
    cr_assert_eq(ack_as(&g, g.open, own), ERR_OK, "%s", g.w.info.text);
    guarded_end(&g);
}

Test(router_keys, a_key_says_who_its_consumer_is)
{
    struct guarded g = {0};
    guarded_make(&g);
    send_one(&g.w, 1, "a", "qualify.pql");
    send_one(&g.w, 2, "b", "qualify.pql");
    cr_assert(lease_as(&g, g.named, "self_serve", "somebody else") == NULL);
    cr_assert(strstr(g.w.info.text, "consumer: the key is not for") != NULL, "%s", g.w.info.text);
    const Assay__Router__V1__Lead *mine = lease_as(&g, g.named, "self_serve", "");
    cr_assert(mine != NULL, "%s", g.w.info.text);
    cr_assert_str_eq(mine->consumer, "crm");
    const Assay__Router__V1__Lead *others = lease_as(&g, g.open, "self_serve", "c");
    cr_assert(others != NULL, "%s", g.w.info.text);
    cr_assert_eq(ack_as(&g, g.named, others), ERR_NOT_FOUND);
    cr_assert_eq(ack_as(&g, g.named, mine), ERR_OK, "%s", g.w.info.text);
    cr_assert_eq(complete_as(&g, g.named, mine), ERR_OK, "%s", g.w.info.text);
    guarded_end(&g);
}

Test(router_keys, a_write_key_has_no_business_here)
{
    struct guarded g = {0};
    guarded_make(&g);
    send_one(&g.w, 1, "a", "qualify.pql");
    cr_assert(lease_as(&g, g.writer, "self_serve", "c") == NULL);
    cr_assert(strstr(g.w.info.text, "a write key may not call") != NULL, "%s", g.w.info.text);
    // Raw methods are guarded too.
    Assay__Router__V1__ApplySignalsRequest request = ASSAY__ROUTER__V1__APPLY_SIGNALS_REQUEST__INIT;
    cr_assert_neq(ASK(&g.w, ApplySignals, apply_signals, &request, NULL), ERR_OK);
    cr_assert(strstr(g.w.info.text, "a write key may not call") != NULL, "%s", g.w.info.text);
    guarded_end(&g);
}
