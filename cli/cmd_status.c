// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/survey.h"

static const char *number(uint64_t n)
{
    return output_count(n);
}

// ---- For people ---------------------------------------------------------------------------------

static void services_write(const struct survey *survey)
{
    struct output_table table = {.right = 1U << 2};
    output_row(&table, (const char *const[]){"service", "state", "pid", "since (UTC)", "playbook",
                                             "address", NULL});
    for (size_t i = 0; i < survey->n; i++) {
        const struct survey_service *s = &survey->services[i];
        char pid[24] = "-";
        if (s->status != NULL)
            snprintf(pid, sizeof pid, "%lld", (long long)s->status->pid);
        const char *state = s->status == NULL  ? "no answer"
                            : s->status->ready ? "ready"
                                               : "not ready";
        output_row(
            &table,
            (const char *const[]){
                s->endpoint->name, state, pid,
                s->status == NULL ? "-" : output_time(s->status->started_at_ms),
                s->status == NULL || s->status->document[0] == '\0' ? "-" : s->status->document,
                s->endpoint->url, NULL});
    }
    output_table_write(&table, 0, stdout);
}

// New measures whose past is being read from the journal.
static void warming_write(const Assay__Scorer__V1__Lane *lane)
{
    if (lane->warming_measures > 0)
        printf("lane %u: warming %s, %u %%\n", lane->lane,
               output_plural(lane->warming_measures, "measure", "measures"), lane->warming_percent);
}

static void lanes_write(const struct survey *survey)
{
    struct output_table table = {.right = 0x3FE};
    output_row(&table, (const char *const[]){"lane", "accounts", "users", "events", "duplicates",
                                             "excluded", "journal", "checkpoint", "to router",
                                             "clock (UTC)", NULL});
    for (size_t i = 0; i < survey->n; i++) {
        const struct survey_service *s = &survey->services[i];
        for (size_t k = 0; s->lanes != NULL && k < s->lanes->n_lanes; k++) {
            const Assay__Scorer__V1__Lane *lane = s->lanes->lanes[k];
            char name[CLUSTER_NAME_MAX + 16];
            snprintf(name, sizeof name, "%u %s", lane->lane, s->endpoint->name);
            output_row(&table,
                       (const char *const[]){
                           name, number(lane->accounts), number(lane->users), number(lane->events),
                           number(lane->duplicates), number(lane->excluded),
                           number(lane->journal_last), number(lane->checkpoint),
                           number(lane->signals_waiting), output_time(lane->clock_ms), NULL});
        }
    }
    putchar('\n');
    output_table_write(&table, 0, stdout);
    for (size_t i = 0; i < survey->n; i++) {
        const struct survey_service *s = &survey->services[i];
        for (size_t k = 0; s->lanes != NULL && k < s->lanes->n_lanes; k++)
            warming_write(s->lanes->lanes[k]);
    }
}

// "-" for none: such columns are left out where no queue has any.
static const char *some(uint64_t n)
{
    return n > 0 ? output_count(n) : "-";
}

static void queues_write(const Assay__Router__V1__GetQueuesResponse *q)
{
    struct output_table table = {.right = 0x7FE,
                                 .optional = 1U << 3 | 1U << 4 | 1U << 10 | 1U << 11};
    output_row(&table, (const char *const[]){"queue", "waiting", "ready", "held", "delayed",
                                             "leased", "acked", "completed", "parked",
                                             "oldest since (UTC)", "SLA missed", "team", NULL});
    for (size_t i = 0; i < q->n_queues; i++) {
        const Assay__Router__V1__Queue *queue = q->queues[i];
        output_row(&table,
                   (const char *const[]){
                       queue->name, number(queue->waiting), number(queue->ready), some(queue->held),
                       some(queue->delayed), number(queue->leased), number(queue->acked),
                       number(queue->completed), number(queue->parked),
                       output_time(queue->oldest_known_at_ms), some(queue->sla_missed),
                       queue->team[0] != '\0' ? queue->team : "-", NULL});
    }
    putchar('\n');
    output_table_write(&table, 0, stdout);
    printf("\nrouter: %s, journal at %s, checkpoint at %s\n",
           output_plural(q->decisions, "decision", "decisions"), number(q->journal_last),
           number(q->checkpoint));
}

static void refused_write(const struct survey *survey)
{
    char rules[400];
    if (survey->refused > 0)
        printf("%s refused in the last %d h (%s): assay dead-letters list\n",
               output_plural(survey->refused, "event", "events"), SURVEY_REFUSED_HOURS,
               output_clean(survey_rules_text(survey, rules, sizeof rules)));
    if (survey->observed > 0)
        printf("%s did not meet a schema, and counted all the same: assay dead-letters list "
               "--observed\n",
               output_plural(survey->observed, "sampled event", "sampled events"));
    if (survey->lost > 0)
        printf("%s refused and could not be kept, for lack of room\n",
               output_plural(survey->lost, "event was", "events were"));
}

static void survey_write(const struct survey *survey)
{
    services_write(survey);
    lanes_write(survey);
    if (survey->queues != NULL)
        queues_write(survey->queues);
    refused_write(survey);
    for (size_t i = 0; i < survey->n; i++)
        if (survey->services[i].why.text[0] != '\0')
            fprintf(stderr, "%s\n", output_clean(survey->services[i].why.text));
}

// ---- For programs -------------------------------------------------------------------------------

#define INT(n) ((json_int_t)(n))

static json_t *lanes_json(const struct survey_service *s)
{
    json_t *list = json_array();
    for (size_t k = 0; k < s->lanes->n_lanes; k++) {
        const Assay__Scorer__V1__Lane *l = s->lanes->lanes[k];
        json_array_append_new(
            list,
            json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:I}",
                      "lane", INT(l->lane), "accounts", INT(l->accounts), "users", INT(l->users),
                      "events", INT(l->events), "duplicates", INT(l->duplicates), "excluded",
                      INT(l->excluded), "journal_last", INT(l->journal_last), "checkpoint",
                      INT(l->checkpoint), "signals_waiting", INT(l->signals_waiting),
                      "moves_waiting", INT(l->moves_waiting), "event_time_max",
                      INT(l->event_time_max_ms), "clock", INT(l->clock_ms), "playbook",
                      output_json_text(l->playbook), "warming_measures", INT(l->warming_measures),
                      "warming_percent", INT(l->warming_percent)));
    }
    return list;
}

static json_t *queues_json(const Assay__Router__V1__GetQueuesResponse *q)
{
    json_t *list = json_array();
    for (size_t i = 0; i < q->n_queues; i++)
        json_array_append_new(
            list,
            json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}",
                      "queue", output_json_text(q->queues[i]->name), "waiting",
                      INT(q->queues[i]->waiting), "leased", INT(q->queues[i]->leased), "acked",
                      INT(q->queues[i]->acked), "completed", INT(q->queues[i]->completed), "parked",
                      INT(q->queues[i]->parked), "oldest_known_at",
                      INT(q->queues[i]->oldest_known_at_ms), "ready", INT(q->queues[i]->ready),
                      "held", INT(q->queues[i]->held), "delayed", INT(q->queues[i]->delayed),
                      "untouched", INT(q->queues[i]->untouched), "touched",
                      INT(q->queues[i]->touched), "sla_missed", INT(q->queues[i]->sla_missed),
                      "team", output_json_text(q->queues[i]->team)));
    return json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "queues", list,
                     "accounts", INT(q->accounts), "pals", INT(q->pals), "pqls", INT(q->pqls),
                     "pqas", INT(q->pqas), "leads", INT(q->leads), "decisions", INT(q->decisions),
                     "journal_last", INT(q->journal_last), "checkpoint", INT(q->checkpoint),
                     "playbook", output_json_text(q->playbook));
}

static json_t *letters_json(const Assay__Ingest__V1__CountDeadLettersResponse *letters)
{
    json_t *refused = json_object(), *observed = json_object();
    for (size_t i = 0; i < letters->n_counts; i++)
        json_object_set_new(letters->counts[i]->observed ? observed : refused,
                            output_clean(letters->counts[i]->rule),
                            json_integer(INT(letters->counts[i]->letters)));
    return json_pack("{s:o, s:o, s:I, s:I, s:I}", "refused_24h", refused, "observed_24h", observed,
                     "refused_kept", INT(letters->refused), "observed_kept", INT(letters->observed),
                     "lost", INT(letters->lost));
}

static json_t *service_json(const struct survey_service *s)
{
    json_t *o = json_pack("{s:o, s:o}", "service", output_json_text(s->endpoint->name), "address",
                          output_json_text(s->endpoint->url));
    json_object_set_new(o, "ready", json_boolean(s->status != NULL && s->status->ready));
    if (s->status != NULL) {
        json_object_set_new(o, "pid", json_integer(s->status->pid));
        json_object_set_new(o, "started_at", json_integer(s->status->started_at_ms));
        json_object_set_new(o, "version", output_json_text(s->status->version));
        json_object_set_new(o, "playbook", output_json_text(s->status->document));
    }
    if (s->why.text[0] != '\0')
        json_object_set_new(o, "error", output_json_text(s->why.text));
    if (s->lanes != NULL)
        json_object_set_new(o, "lanes", lanes_json(s));
    if (s->letters != NULL)
        json_object_set_new(o, "dead_letters", letters_json(s->letters));
    return o;
}

static json_t *survey_json(const struct survey *survey)
{
    json_t *services = json_array();
    for (size_t i = 0; i < survey->n; i++)
        json_array_append_new(services, service_json(&survey->services[i]));
    json_t *o = json_pack("{s:b, s:o}", "ready", (int)survey->all_ready, "services", services);
    if (survey->queues != NULL)
        json_object_set_new(o, "router", queues_json(survey->queues));
    return o;
}

static int status(const char *dir, bool json)
{
    struct cluster *cluster = NULL;
    struct err_info info;
    enum err err = cluster_open(dir, &cluster, &info);
    if (err != ERR_OK)
        return output_error("status", err, info.text);
    struct survey survey;
    survey_make(cluster, &survey);
    if (json)
        output_json(survey_json(&survey));
    else
        survey_write(&survey);
    bool ready = survey.all_ready;
    survey_destroy(&survey);
    cluster_close(cluster);
    return ready ? EXIT_DONE : EXIT_FAILED;
}

int cmd_status(int argc, char **argv)
{
    const char *dir = CLUSTER_DIR_DEFAULT;
    bool json = false;
    const struct option options[] = {OPTION_ROW_DATA(&dir), OPTION_ROW_JSON(&json)};
    const struct command command = {
        .name = "status",
        .usage = "[options]",
        .example = "assay status --data ./assay-data",
        .summary = "Shows services, lanes and queues. The exit code is 1 when a service is not "
                   "ready.",
        COMMAND_OPTIONS(options),
    };
    int code;
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    return status(dir, json);
}
