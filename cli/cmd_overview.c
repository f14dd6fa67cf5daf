// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"
#include "cli/decision_json.h"
#include "cli/lead_output.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/survey.h"

#include <string.h>

enum { EXAMPLES_MAX = 3, PATIENCE_MS = 5000 };

static enum err leads_of(struct cluster *cluster, const char *queue,
                         const Assay__Router__V1__ListLeadsResponse **out, struct err_info *info)
{
    Assay__Router__V1__ListLeadsRequest request = ASSAY__ROUTER__V1__LIST_LEADS_REQUEST__INIT;
    request.queue = (char *)queue;
    request.max = EXAMPLES_MAX;
    struct cluster_call call = {
        .service = "router",
        .method = "assay.router.v1.RouterService/ListLeads",
        .request = &request.base,
        .answer_type = &assay__router__v1__list_leads_response__descriptor,
        .patience_ms = PATIENCE_MS,
    };
    ProtobufCMessage *message;
    enum err err = cluster_call(cluster, &call, &message, info);
    if (err == ERR_OK)
        *out = (void *)message;
    return err;
}

// ---- For people ---------------------------------------------------------------------------------

static void share_row(struct output_table *table, const char *what, uint64_t n, uint64_t of,
                      const char *of_what)
{
    char share[64] = "";
    if (of > 0)
        snprintf(share, sizeof share, "%.1f %% of %s", 100.0 * (double)n / (double)of, of_what);
    output_row(table, (const char *const[]){what, output_count(n), share, NULL});
}

static void counts_write(const struct survey *s)
{
    const Assay__Router__V1__GetQueuesResponse *q = s->queues;
    struct output_table table = {.right = 2};
    output_row(&table, (const char *const[]){"what", "count", "share", NULL});
    share_row(&table, "events taken in", s->events, 0, "");
    share_row(&table, "  duplicates, dropped besides", s->duplicates, s->events + s->duplicates,
              "all that came");
    share_row(&table, "  excluded (bots, own staff)", s->excluded, s->events, "the events");
    if (s->refused > 0) {
        char rules[400];
        output_row(&table, (const char *const[]){
                               "  refused in the last 24 h, besides", output_count(s->refused),
                               output_clean(survey_rules_text(s, rules, sizeof rules)), NULL});
    }
    share_row(&table, "accounts", s->accounts, 0, "");
    for (size_t i = 0; i < q->n_stages; i++) {
        char what[80];
        snprintf(what, sizeof what, "  in stage %s", q->stages[i]->stage);
        share_row(&table, what, q->stages[i]->accounts, s->accounts, "the accounts");
    }
    share_row(&table, "users", s->users, 0, "");
    share_row(&table, "activated users (PAL)", q->pals, s->users, "the users");
    share_row(&table, "qualified users (PQL)", q->pqls, s->users, "the users");
    share_row(&table, "qualified accounts (PQA)", q->pqas, s->accounts, "the accounts");
    share_row(&table, "leads", q->leads, 0, "");
    output_table_write(&table, 0, stdout);
}

static void team_part_write(const Assay__Router__V1__Queue *queue)
{
    printf("  team %s: %s %s", output_clean(queue->team), output_count(queue->untouched),
           queue->untouched == 1 ? "lead waits for its first touch"
                                 : "leads wait for their first touch");
    if (queue->held > 0)
        printf(", %s for a rep who is free", output_count(queue->held));
    if (queue->touched + queue->sla_missed > 0)
        printf("; %s touched, %s", output_count(queue->touched),
               output_plural(queue->sla_missed, "deadline missed", "deadlines missed"));
    putchar('\n');
}

static void queue_write(const Assay__Router__V1__Queue *queue)
{
    printf("\n%squeue %s%s  %s waiting, %s handed out, %s completed", output_bold(),
           output_clean(queue->name), output_plain(), output_count(queue->waiting),
           output_count(queue->leased + queue->acked), output_count(queue->completed));
    if (queue->parked > 0)
        printf(", %s parked", output_count(queue->parked));
    if (queue->withdrawn > 0)
        printf(", %s withdrawn", output_count(queue->withdrawn));
    putchar('\n');
    if (queue->team[0] != '\0')
        team_part_write(queue);
    if (queue->delayed > 0)
        printf("  %s delayed\n", output_plural(queue->delayed, "lead is", "leads are"));
}

static void example_write(const Assay__Router__V1__Lead *lead)
{
    char reasons[400], labels[400];
    printf("  %s  account %s, %s since %s, ", output_clean(lead->lead_id),
           output_clean(lead->account_id), lead_state_word(lead->state),
           output_time(lead->created_at_ms));
    printf("%s\n", output_plural(lead->n_contacts, "contact", "contacts"));
    if (lead->n_definitions > 0)
        printf("    as %s%s%s\n", output_clean(lead_labels(lead, labels, sizeof labels)),
               lead->message[0] != '\0' ? ", message " : "", output_clean(lead->message));
    printf("    because %s\n", output_clean(lead_reasons(lead, reasons, sizeof reasons)));
    for (size_t i = 0; i < lead->n_evidence && i < 2 * EXAMPLES_MAX; i++) {
        const Assay__Router__V1__Evidence *e = lead->evidence[i];
        printf("      %s %s  (is %s)\n", output_mark(true), output_clean(e->condition),
               output_clean(e->value));
    }
}

static enum err queues_write(struct cluster *cluster, const struct survey *s, struct err_info *info)
{
    for (size_t i = 0; i < s->queues->n_queues; i++) {
        const Assay__Router__V1__ListLeadsResponse *leads;
        enum err err = leads_of(cluster, s->queues->queues[i]->name, &leads, info);
        if (err != ERR_OK)
            return err;
        queue_write(s->queues->queues[i]);
        for (size_t k = 0; k < leads->n_leads; k++)
            example_write(leads->leads[k]);
    }
    return ERR_OK;
}

static enum err overview_write(struct cluster *cluster, const struct survey *s,
                               struct err_info *info)
{
    printf("%splaybook %s%s, events up to %s UTC\n\n", output_bold(),
           output_clean(s->queues->playbook), output_plain(), output_time(s->event_time_max_ms));
    counts_write(s);
    enum err err = queues_write(cluster, s, info);
    if (s->signals_waiting > 0)
        printf("\n%s on their way to the router: look again in a moment\n",
               output_plural(s->signals_waiting, "signal is", "signals are"));
    if (err == ERR_OK && s->refused > 0)
        printf("\nwhy events were refused: assay dead-letters list\n");
    if (err == ERR_OK && s->queues->leads > 0)
        printf("\nmore: assay leads list, assay explain account ID, assay decisions\n");
    return err;
}

// ---- For programs -------------------------------------------------------------------------------

#define INT(n) ((json_int_t)(n))

static json_t *queue_json(const Assay__Router__V1__Queue *q,
                          const Assay__Router__V1__ListLeadsResponse *leads)
{
    json_t *examples = json_array();
    for (size_t i = 0; i < leads->n_leads; i++)
        json_array_append_new(examples, lead_json(leads->leads[i]));
    return json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:o}",
                     "queue", output_json_text(q->name), "waiting", INT(q->waiting), "leased",
                     INT(q->leased), "acked", INT(q->acked), "completed", INT(q->completed),
                     "parked", INT(q->parked), "withdrawn", INT(q->withdrawn), "team",
                     output_json_text(q->team), "ready", INT(q->ready), "held", INT(q->held),
                     "delayed", INT(q->delayed), "touched", INT(q->touched), "sla_missed",
                     INT(q->sla_missed), "examples", examples);
}

static json_t *stages_json(const Assay__Router__V1__GetQueuesResponse *q)
{
    json_t *stages = json_object();
    for (size_t i = 0; i < q->n_stages; i++)
        json_object_set_new(stages, q->stages[i]->stage,
                            json_integer((json_int_t)q->stages[i]->accounts));
    return stages;
}

static enum err overview_json(struct cluster *cluster, const struct survey *s,
                              struct err_info *info)
{
    const Assay__Router__V1__GetQueuesResponse *q = s->queues;
    json_t *queues = json_array();
    for (size_t i = 0; i < q->n_queues; i++) {
        const Assay__Router__V1__ListLeadsResponse *leads;
        enum err err = leads_of(cluster, q->queues[i]->name, &leads, info);
        if (err != ERR_OK) {
            json_decref(queues);
            return err;
        }
        json_array_append_new(queues, queue_json(q->queues[i], leads));
    }
    output_json(json_pack(
        "{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "playbook",
        output_json_text(q->playbook), "event_time_max", INT(s->event_time_max_ms), "events",
        INT(s->events), "duplicates", INT(s->duplicates), "excluded", INT(s->excluded),
        "refused_24h", INT(s->refused), "accounts", INT(s->accounts), "users", INT(s->users),
        "pals", INT(q->pals), "pqls", INT(q->pqls), "pqas", INT(q->pqas), "leads", INT(q->leads),
        "signals_waiting", INT(s->signals_waiting), "stages", stages_json(q), "queues", queues));
    return ERR_OK;
}

static enum err overview(struct cluster *cluster, const struct survey *s, bool json,
                         struct err_info *info)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct survey_service *service = &s->services[i];
        bool lanes_lack = cluster_is_scorer(service->endpoint) && service->lanes == NULL;
        bool queues_lack = strcmp(service->endpoint->name, "router") == 0 && s->queues == NULL;
        if (lanes_lack || queues_lack)
            return err_set(info, ERR_UNAVAILABLE, "%s", service->why.text);
    }
    return json ? overview_json(cluster, s, info) : overview_write(cluster, s, info);
}

int cmd_overview(int argc, char **argv)
{
    const char *dir = CLUSTER_DIR_DEFAULT;
    bool json = false;
    const struct option options[] = {OPTION_ROW_DATA(&dir), OPTION_ROW_JSON(&json)};
    const struct command command = {
        .name = "overview",
        .usage = "[options]",
        .example = "assay overview",
        .summary = "Shows what came out: users and accounts that qualify, and the leads of each "
                   "queue, with the\nreasons of a few of them.",
        COMMAND_OPTIONS(options),
    };
    int code;
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    struct cluster *cluster = NULL;
    struct err_info info;
    enum err err = cluster_open(dir, &cluster, &info);
    if (err == ERR_OK) {
        struct survey survey;
        survey_make(cluster, &survey);
        err = overview(cluster, &survey, json, &info);
        survey_destroy(&survey);
    }
    cluster_close(cluster);
    return err == ERR_OK ? EXIT_DONE : output_error("overview", err, info.text);
}
