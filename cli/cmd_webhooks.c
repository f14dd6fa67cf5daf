// SPDX-License-Identifier: Apache-2.0
// Webhooks: how far each is, what was given up, and sending it again.
#include <string.h>

#include "assay/router/v1/router.pb-c.h"
#include "cli/commands.h"
#include "cli/leads.h"
#include "cli/options.h"
#include "cli/output.h"

typedef Assay__Router__V1__Webhook Webhook;
typedef Assay__Router__V1__DeadLetter Letter;

// ---- list ---------------------------------------------------------------------------------------

static void webhook_write(const Webhook *w)
{
    printf("%s%s%s  %s, queues ", output_bold(), output_clean(w->name), output_plain(),
           output_clean(w->url));
    for (size_t i = 0; i < w->n_queues; i++)
        printf("%s%s", i > 0 ? ", " : "", output_clean(w->queues[i]));
    printf("%s\n  %s delivered, %s, %s given up", w->n_queues == 0 ? "all" : "",
           output_count(w->delivered),
           output_plural(w->failed_attempts, "attempt failed", "attempts failed"),
           output_count(w->dead));
    if (w->behind > 0)
        printf(", %s of the log to go", output_plural(w->behind, "decision", "decisions"));
    printf("\n");
    if (w->disabled)
        printf("  it answered 410: nothing is sent until `assay webhooks replay` or a restart\n");
    else if (w->pending > 0)
        printf("  %s to be tried again, next at %s; the oldest since %s\n",
               output_plural(w->pending, "waits", "wait"), output_time(w->next_attempt_ms),
               output_time(w->oldest_pending_ms));
    if (w->last_error[0] != '\0')
        printf("  last error: %s\n", output_clean(w->last_error));
    if (w->last_delivered_ms != 0)
        printf("  last delivery at %s (UTC)\n", output_time(w->last_delivered_ms));
}

static json_t *webhook_json(const Webhook *w)
{
    json_t *queues = json_array();
    for (size_t i = 0; i < w->n_queues; i++)
        json_array_append_new(queues, output_json_text(w->queues[i]));
    return json_pack("{s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:b}",
                     "webhook", output_json_text(w->name), "url", output_json_text(w->url),
                     "queues", queues, "offset", (json_int_t)w->offset, "behind",
                     (json_int_t)w->behind, "delivered", (json_int_t)w->delivered,
                     "failed_attempts", (json_int_t)w->failed_attempts, "pending",
                     (json_int_t)w->pending, "dead", (json_int_t)w->dead, "oldest_pending",
                     (json_int_t)w->oldest_pending_ms, "next_attempt",
                     (json_int_t)w->next_attempt_ms, "last_error", output_json_text(w->last_error),
                     "last_delivered", (json_int_t)w->last_delivered_ms, "disabled", w->disabled);
}

static int cmd_list(int argc, char **argv)
{
    Assay__Router__V1__GetWebhooksRequest request = ASSAY__ROUTER__V1__GET_WEBHOOKS_REQUEST__INIT;
    const char *dir = CLUSTER_DIR_DEFAULT;
    bool json = false;
    const struct option options[] = {
        OPTION_ROW_DATA(&dir),
        {"json", OPTION_FLAG, &json, NULL, "one JSON object a line", 0, 0, NULL},
    };
    const struct command command = {
        .name = "webhooks list",
        .usage = "[options]",
        .example = "assay webhooks list",
        .summary = "Shows each webhook: how far it is in the decision log, what waits to be tried "
                   "again, and what\nwas given up.",
        COMMAND_OPTIONS(options),
    };
    int code;
    struct cluster *cluster = NULL;
    ProtobufCMessage *message;
    struct err_info info;
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    enum err err =
        leads_call(dir, &cluster, "assay.router.v1.RouterService/GetWebhooks", &request.base,
                   &assay__router__v1__get_webhooks_response__descriptor, 0, &message, &info);
    const Assay__Router__V1__GetWebhooksResponse *answer = (const void *)message;
    for (size_t i = 0; err == ERR_OK && i < answer->n_webhooks; i++) {
        if (json)
            output_json(webhook_json(answer->webhooks[i]));
        else
            webhook_write(answer->webhooks[i]);
    }
    if (err == ERR_OK && answer->n_webhooks == 0 && !json)
        printf("there are no webhooks: `assay up --webhooks FILE` reads them from a file\n");
    cluster_close(cluster);
    return err == ERR_OK ? EXIT_DONE : output_error("webhooks list", err, info.text);
}

// After "there is no such webhook": those that there are.
static void no_webhook(struct cluster *cluster, const char *name, struct err_info *info)
{
    Assay__Router__V1__GetWebhooksRequest request = ASSAY__ROUTER__V1__GET_WEBHOOKS_REQUEST__INIT;
    ProtobufCMessage *message;
    struct err_info ignored;
    char names[300] = "there are none";
    if (leads_call(NULL, &cluster, "assay.router.v1.RouterService/GetWebhooks", &request.base,
                   &assay__router__v1__get_webhooks_response__descriptor, 0, &message,
                   &ignored) != ERR_OK)
        return;
    const Assay__Router__V1__GetWebhooksResponse *answer = (const void *)message;
    for (size_t i = 0, at = 0; i < answer->n_webhooks && at < sizeof names; i++) {
        if (strcmp(answer->webhooks[i]->name, name) == 0)
            return; // something else was not found
        at += (size_t)snprintf(names + at, sizeof names - at, "%s%s", i == 0 ? "there are: " : ", ",
                               answer->webhooks[i]->name);
    }
    err_set(info, ERR_NOT_FOUND, "there is no webhook \"%s\"; %s", name, names);
}

// ---- dead ---------------------------------------------------------------------------------------

static void letters_write(Letter *const *letters, size_t n)
{
    struct output_table table = {.right = 1U << 1 | 1U << 4};
    output_row(&table, (const char *[]){"webhook", "offset", "lead", "what", "attempts",
                                        "given up (UTC)", "why", NULL});
    for (size_t i = 0; i < n; i++) {
        char offset[24], attempts[16];
        snprintf(offset, sizeof offset, "%llu", (unsigned long long)letters[i]->offset);
        snprintf(attempts, sizeof attempts, "%u", letters[i]->attempts);
        output_row(&table, (const char *[]){output_clean(letters[i]->webhook), offset,
                                            output_clean(letters[i]->lead_id),
                                            output_clean(letters[i]->type), attempts,
                                            output_time(letters[i]->dead_ms),
                                            output_clean(letters[i]->error), NULL});
    }
    output_table_write(&table, 0, stdout);
}

static void letters_json(Letter *const *letters, size_t n)
{
    for (size_t i = 0; i < n; i++)
        output_json(json_pack(
            "{s:o, s:I, s:o, s:o, s:I, s:I, s:I, s:o}", "webhook",
            output_json_text(letters[i]->webhook), "offset", (json_int_t)letters[i]->offset, "lead",
            output_json_text(letters[i]->lead_id), "type", output_json_text(letters[i]->type),
            "attempts", (json_int_t)letters[i]->attempts, "first_at",
            (json_int_t)letters[i]->first_ms, "dead_at", (json_int_t)letters[i]->dead_ms, "error",
            output_json_text(letters[i]->error)));
}

static int cmd_dead(int argc, char **argv)
{
    Assay__Router__V1__ListDeadLettersRequest request =
        ASSAY__ROUTER__V1__LIST_DEAD_LETTERS_REQUEST__INIT;
    const char *dir = CLUSTER_DIR_DEFAULT;
    bool json = false;
    const struct option options[] = {
        OPTION_ROW_DATA(&dir),
        {"json", OPTION_FLAG, &json, NULL, "one JSON object a line", 0, 0, NULL},
    };
    const struct command command = {
        .name = "webhooks dead",
        .usage = "[NAME] [options]",
        .example = "assay webhooks dead crm",
        .summary = "Lists what was given up, the oldest first, with the last error.",
        COMMAND_OPTIONS(options),
        .args_max = 1,
    };
    int code;
    size_t n_args;
    uint64_t shown = 0;
    struct cluster *cluster = NULL;
    ProtobufCMessage *message;
    struct err_info info;
    if (!options_begin(&command, argc, argv, &n_args, &code))
        return code;
    request.webhook = n_args > 0 ? argv[0] : (char *)"";
    request.max = 1000;
    enum err err;
    do {
        err = leads_call(dir, &cluster, "assay.router.v1.RouterService/ListDeadLetters",
                         &request.base, &assay__router__v1__list_dead_letters_response__descriptor,
                         0, &message, &info);
        const Assay__Router__V1__ListDeadLettersResponse *page = (const void *)message;
        if (err != ERR_OK)
            break;
        if (json)
            letters_json(page->letters, page->n_letters);
        else if (page->n_letters > 0)
            letters_write(page->letters, page->n_letters);
        shown += page->n_letters;
        request.page = page->next_page;
    } while (request.page[0] != '\0');
    if (err == ERR_NOT_FOUND && n_args > 0)
        no_webhook(cluster, argv[0], &info);
    cluster_close(cluster);
    if (err == ERR_OK && shown == 0 && !json)
        printf("nothing was given up\n");
    return err == ERR_OK ? EXIT_DONE : output_error("webhooks dead", err, info.text);
}

// ---- replay -------------------------------------------------------------------------------------

static int cmd_replay(int argc, char **argv)
{
    Assay__Router__V1__ReplayWebhookRequest request =
        ASSAY__ROUTER__V1__REPLAY_WEBHOOK_REQUEST__INIT;
    const char *dir = CLUSTER_DIR_DEFAULT;
    int64_t dead = 0, from = 0;
    bool all = false, json = false;
    const struct option options[] = {
        {"dead", OPTION_COUNT, &dead, "OFFSET", "this one that was given up", 1, INT64_MAX, NULL},
        {"all-dead", OPTION_FLAG, &all, NULL, "all that were given up", 0, 0, NULL},
        {"from", OPTION_COUNT, &from, "OFFSET", "everything from this offset of the log on", 1,
         INT64_MAX, NULL},
        OPTION_ROW_DATA(&dir),
        OPTION_ROW_JSON(&json),
    };
    const struct command command = {
        .name = "webhooks replay",
        .usage = "NAME --dead OFFSET | --all-dead | --from OFFSET [options]",
        .example = "assay webhooks replay crm --all-dead\nassay webhooks replay crm --from 120345",
        .summary = "Sends again. A delivery keeps its webhook-id, so that a receiver that has it "
                   "already knows.",
        COMMAND_OPTIONS(options),
        .args_min = 1,
        .args_max = 1,
        .missing = "of which webhook? `assay webhooks list` shows their names",
    };
    int code;
    struct cluster *cluster = NULL;
    ProtobufCMessage *message;
    struct err_info info;
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    if ((dead > 0) + all + (from > 0) != 1)
        return output_error("webhooks replay", ERR_INVALID,
                            "one of --dead OFFSET, --all-dead and --from OFFSET");
    request.webhook = argv[0];
    request.dead_offset = (uint64_t)dead;
    request.all_dead = all;
    request.from_offset = (uint64_t)from;
    enum err err =
        leads_call(dir, &cluster, "assay.router.v1.RouterService/ReplayWebhook", &request.base,
                   &assay__router__v1__replay_webhook_response__descriptor, 0, &message, &info);
    uint64_t n = err == ERR_OK ? ((Assay__Router__V1__ReplayWebhookResponse *)message)->letters : 0;
    if (err == ERR_NOT_FOUND)
        no_webhook(cluster, argv[0], &info);
    cluster_close(cluster);
    if (err != ERR_OK)
        return output_error("webhooks replay", err, info.text);
    if (json)
        output_json(json_pack("{s:I}", "letters", (json_int_t)n));
    else if (from > 0)
        printf("webhook %s goes on from offset %lld\n", output_clean(argv[0]), (long long)from);
    else
        printf("%s sent again\n", output_plural(n, "delivery is", "deliveries are"));
    return EXIT_DONE;
}

int cmd_webhooks(int argc, char **argv)
{
    static const struct command_row rows[] = {
        {"list", "how far each is", cmd_list},
        {"dead", "what was given up", cmd_dead},
        {"replay", "send again", cmd_replay},
    };
    bool help = argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
    if (argc < 2 || (argv[1][0] == '-' && !help))
        return cmd_list(argc, argv);
    return command_pick("assay webhooks", "assay webhooks\nassay webhooks replay crm --all-dead",
                        rows, ARRAY_LEN(rows), argc, argv);
}
