// SPDX-License-Identifier: Apache-2.0
#include "cli/cluster.h"
#include "cli/commands.h"
#include "cli/decision_json.h"
#include "cli/lead_output.h"
#include "cli/leads.h"
#include "cli/names.h"
#include "cli/options.h"
#include "cli/output.h"
#include "common/base/time_text.h"
#include "common/clock/clock.h"

#include <string.h>
#include <unistd.h>

enum { PAGE_MAX = 1000, PATIENCE_MS = 10000, SPARE_MS = 10000 };

enum err leads_call(const char *dir, struct cluster **cluster, const char *method,
                    const ProtobufCMessage *request, const ProtobufCMessageDescriptor *answer_type,
                    int64_t wait_ms, ProtobufCMessage **answer, struct err_info *info)
{
    enum err err = *cluster == NULL ? cluster_open(dir, cluster, info) : ERR_OK;
    if (err != ERR_OK)
        return err;
    struct cluster_call call = {
        .service = "router",
        .method = method,
        .request = request,
        .answer_type = answer_type,
        .timeout_ms = wait_ms + SPARE_MS,
        .patience_ms = PATIENCE_MS,
    };
    return cluster_call(*cluster, &call, answer, info);
}

// ---- list ---------------------------------------------------------------------------------------

static const char *const STATES[] = {"waiting",   "leased", "acked", "completed",
                                     "withdrawn", "parked", NULL};

static Assay__Router__V1__LeadState state_of(const char *word)
{
    int i = 0;
    while (word != NULL && STATES[i] != NULL && strcmp(STATES[i], word) != 0)
        i++;
    return word == NULL ? ASSAY__ROUTER__V1__LEAD_STATE__LEAD_STATE_UNSPECIFIED
                        : (Assay__Router__V1__LeadState)(i + 1);
}

// What the router does not filter by; NULL and false: everything.
struct sieve {
    const char *rep;
    bool held;
};

// Keeps those that pass, in order.
static void page_sieve(Assay__Router__V1__ListLeadsResponse *page, const struct sieve *sieve)
{
    size_t n = 0;
    for (size_t i = 0; i < page->n_leads; i++) {
        Assay__Router__V1__Lead *lead = page->leads[i];
        bool held = lead->held_since_ms != 0 && lead->rep[0] == '\0' &&
                    lead->state == ASSAY__ROUTER__V1__LEAD_STATE__LEAD_STATE_WAITING;
        if ((sieve->rep == NULL || strcmp(sieve->rep, lead->rep) == 0) && (!sieve->held || held))
            page->leads[n++] = lead;
    }
    page->n_leads = n;
}

static void page_write(const Assay__Router__V1__ListLeadsResponse *page, bool json)
{
    if (!json) {
        leads_table_write(page->leads, page->n_leads, stdout);
        return;
    }
    for (size_t i = 0; i < page->n_leads; i++)
        output_json(lead_json(page->leads[i]));
}

static enum err list(const char *dir, Assay__Router__V1__ListLeadsRequest *request,
                     const struct sieve *sieve, int64_t max, bool json, struct err_info *info)
{
    struct cluster *cluster = NULL;
    ProtobufCMessage *message;
    enum err err;
    uint64_t shown = 0, total = 0;
    for (;;) {
        bool sieved = sieve->rep != NULL || sieve->held;
        int64_t left = sieved ? PAGE_MAX : max - (int64_t)shown;
        request->max = (uint32_t)(left < PAGE_MAX ? left : PAGE_MAX);
        err = leads_call(dir, &cluster, "assay.router.v1.RouterService/ListLeads", &request->base,
                         &assay__router__v1__list_leads_response__descriptor, 0, &message, info);
        if (err != ERR_OK)
            break;
        Assay__Router__V1__ListLeadsResponse *page = (void *)message;
        page_sieve(page, sieve);
        if (page->n_leads > 0)
            page_write(page, json);
        shown += page->n_leads;
        total = page->total;
        request->page = page->next_page;
        // An empty page is no end: the router looks at so many leads a page, matching or not.
        if (page->next_page[0] == '\0' || (int64_t)shown >= max)
            break;
    }
    // Nothing: because there is no such name?
    if (err == ERR_OK && shown == 0 && request->queue[0] != '\0')
        err = names_queue(cluster, request->queue, info);
    if (err == ERR_OK && shown == 0 && sieve->rep != NULL)
        err = names_rep(cluster, sieve->rep, info);
    cluster_close(cluster);
    if (err == ERR_OK && !json && shown == 0)
        printf("no leads\n");
    else if (err == ERR_OK && !json && shown < total && sieve->rep == NULL && !sieve->held)
        printf("%s of %s leads; --max N shows more\n", output_count(shown), output_count(total));
    return err;
}

static int cmd_list(int argc, char **argv)
{
    Assay__Router__V1__ListLeadsRequest request = ASSAY__ROUTER__V1__LIST_LEADS_REQUEST__INIT;
    const char *dir = CLUSTER_DIR_DEFAULT, *queue = "", *state = NULL, *account = "", *rep = NULL;
    int64_t max = 100;
    bool held = false;
    bool json = false;
    const struct option options[] = {
        {"queue", OPTION_TEXT, &queue, "NAME", "of this queue", 0, 0, NULL},
        {"state", OPTION_CHOICE, &state, "STATE",
         "waiting, leased, acked, completed, withdrawn or parked", 0, 0, STATES},
        {"account", OPTION_TEXT, &account, "ID", "of this account", 0, 0, NULL},
        {"rep", OPTION_TEXT, &rep, "NAME", "assigned to this rep", 0, 0, NULL},
        {"held", OPTION_FLAG, &held, NULL, "that wait because no rep can take them", 0, 0, NULL},
        {"max", OPTION_COUNT, &max, "N", "at most so many (100)", 1, INT64_MAX, NULL},
        OPTION_ROW_DATA(&dir),
        OPTION_ROW_JSON(&json),
    };
    const struct command command = {
        .name = "leads list",
        .usage = "[options]",
        .example = "assay leads list --queue sales --state waiting",
        .summary = "Lists leads. With --json, one object a line.",
        COMMAND_OPTIONS(options),
    };
    int code;
    struct err_info info;
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    request.queue = (char *)queue;
    request.account_id = (char *)account;
    request.state = state_of(state);
    struct sieve sieve = {rep, held};
    enum err err = list(dir, &request, &sieve, max, json, &info);
    return err == ERR_OK ? EXIT_DONE : output_error("leads list", err, info.text);
}

// ---- lease --------------------------------------------------------------------------------------

static void consumer_default(char out[128])
{
    char host[64] = "";
    (void)gethostname(host, sizeof host - 1);
    snprintf(out, 128, "assay-cli-%s-%d", host, (int)getpid());
}

static enum err lease(const char *dir, Assay__Router__V1__LeaseRequest *request, bool json,
                      struct err_info *info)
{
    struct cluster *cluster = NULL;
    ProtobufCMessage *message;
    enum err err = leads_call(dir, &cluster, "assay.router.v1.RouterService/Lease", &request->base,
                              &assay__router__v1__lease_response__descriptor, request->wait_ms,
                              &message, info);
    if (err == ERR_NOT_FOUND && names_queue(cluster, request->queue, info) == ERR_OK)
        err = ERR_NOT_FOUND; // it came to be just now
    if (err == ERR_OK) {
        const Assay__Router__V1__LeaseResponse *answer = (void *)message;
        for (size_t i = 0; i < answer->n_leads; i++) {
            if (json)
                output_json(lead_json(answer->leads[i]));
            else
                lead_write(answer->leads[i], stdout);
        }
        if (answer->n_leads == 0 && !json)
            printf("no lead waits in queue %s\n", output_clean(request->queue));
    }
    cluster_close(cluster);
    return err;
}

static int cmd_lease(int argc, char **argv)
{
    Assay__Router__V1__LeaseRequest request = ASSAY__ROUTER__V1__LEASE_REQUEST__INIT;
    char consumer_text[128], request_id[32];
    const char *dir = CLUSTER_DIR_DEFAULT, *queue = NULL, *consumer = consumer_text;
    int64_t max = 1, lease_ms = 0, wait_ms = 0;
    bool json = false;
    const struct option options[] = {
        {"queue", OPTION_TEXT, &queue, "NAME", "from this queue", 0, 0, NULL},
        {"max", OPTION_COUNT, &max, "N", "at most so many (1)", 1, 100, NULL},
        {"consumer", OPTION_TEXT, &consumer, "NAME", "who takes them (this host and process)", 0, 0,
         NULL},
        {"for", OPTION_DURATION, &lease_ms, "TIME", "how long (as the playbook says for the queue)",
         1, LEADS_LEASE_MS_MAX, NULL},
        {"wait", OPTION_DURATION, &wait_ms, "TIME", "wait so long for one (0s)", 0, TIME_HOUR_MS,
         NULL},
        OPTION_ROW_DATA(&dir),
        OPTION_ROW_JSON(&json),
    };
    const struct command command = {
        .name = "leads lease",
        .usage = "--queue NAME [options]",
        .example = "assay leads lease --queue sales --max 5 --for 15m --wait 30s",
        .summary =
            "Takes the strongest, oldest leads that wait in a queue, for a limited time. The "
            "token that\ncomes with each is needed to acknowledge, release, extend or "
            "complete it.",
        COMMAND_OPTIONS(options),
    };
    int code;
    struct err_info info;
    consumer_default(consumer_text);
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    if (queue == NULL) {
        fprintf(stderr, "assay leads lease: which --queue NAME? `assay status` lists them\n");
        return EXIT_USAGE;
    }
    snprintf(request_id, sizeof request_id, "%016llx", (unsigned long long)clock_random_u64());
    request.queue = (char *)queue;
    request.consumer = (char *)consumer;
    request.max = (uint32_t)max;
    request.lease_ms = lease_ms;
    request.wait_ms = wait_ms;
    request.request_id = request_id;
    enum err err = lease(dir, &request, json, &info);
    return err == ERR_OK ? EXIT_DONE : output_error("leads lease", err, info.text);
}

int cmd_leads(int argc, char **argv)
{
    static const struct command_row rows[] = {
        {"list", "list leads", cmd_list},
        {"lease", "take leads from a queue for a limited time", cmd_lease},
        {"ack", "the lead has been taken over", cmd_leads_ack},
        {"release", "give a lead back", cmd_leads_release},
        {"extend", "make a lease last longer", cmd_leads_extend},
        {"complete", "the work is done, with an outcome", cmd_leads_complete},
        {"show", "one lead: what became of it, and why it went to whom", cmd_leads_show},
        {"assign", "give a lead to a rep by hand", cmd_leads_assign},
        {"park", "take a lead out of its queue", cmd_leads_park},
        {"redrive", "put parked leads back", cmd_leads_redrive},
        {"replay", "what happened in a queue, again from an offset", cmd_leads_replay},
    };
    return command_pick("assay leads", "assay leads list --state waiting", rows, ARRAY_LEN(rows),
                        argc, argv);
}
