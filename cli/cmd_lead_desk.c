// SPDX-License-Identifier: Apache-2.0
// What an operator does with leads: look at one with all that happened to it, give it to somebody,
// put parked ones back, read a queue again.
#include <string.h>

#include "cli/decision_json.h"
#include "cli/lead_output.h"
#include "cli/leads.h"
#include "cli/names.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/team_output.h"

enum { PAGE_MAX = 1000, LEADS_MAX = 1000 };

typedef Assay__Router__V1__LeadDecision LeadDecision;

// ---- The decision log of a lead or a queue ------------------------------------------------------

typedef void (*decision_fn)(void *arg, const Assay__Router__V1__Decision *decision);

// Everything after the request's offset.
static enum err log_read(const char *dir, struct cluster **cluster,
                         Assay__Router__V1__ListDecisionsRequest *request, decision_fn tell,
                         void *arg, struct err_info *info)
{
    request->max = PAGE_MAX;
    for (;;) {
        ProtobufCMessage *message;
        enum err err =
            leads_call(dir, cluster, "assay.router.v1.RouterService/ListDecisions", &request->base,
                       &assay__router__v1__list_decisions_response__descriptor, 0, &message, info);
        if (err != ERR_OK)
            return err;
        const Assay__Router__V1__ListDecisionsResponse *page = (const void *)message;
        for (size_t i = 0; i < page->n_decisions; i++)
            tell(arg, page->decisions[i]);
        if (page->next <= request->after || page->next >= page->last)
            return ERR_OK;
        request->after = page->next;
    }
}

// ---- show ---------------------------------------------------------------------------------------

static void candidates_write(const LeadDecision *d)
{
    struct output_table table = {.right = 1U << 1 | 1U << 2 | 1U << 3 | 1U << 4};
    output_row(&table, (const char *[]){"rep", "assigned", "weight", "open", "today", "why", NULL});
    for (size_t i = 0; i < d->n_candidates; i++) {
        const Assay__Router__V1__Candidate *c = d->candidates[i];
        char numbers[4][24];
        snprintf(numbers[0], sizeof numbers[0], "%llu", (unsigned long long)c->assigned);
        snprintf(numbers[1], sizeof numbers[1], "%d", (int)c->weight);
        snprintf(numbers[2], sizeof numbers[2], "%u", c->open);
        snprintf(numbers[3], sizeof numbers[3], "%u", c->today);
        output_row(&table, (const char *[]){output_clean(c->rep), numbers[0], numbers[1],
                                            numbers[2], numbers[3], team_verdict_text(c), NULL});
    }
    output_table_write(&table, 24, stdout);
}

static void part(const char *word, const char *text)
{
    if (text[0] != '\0')
        printf("%s%s", word, output_clean(text));
}

static const char *due_words(Assay__Router__V1__LeadStep step)
{
    if (step == ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_ASSIGNED ||
        step == ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_REMINDED)
        return ", to be touched by ";
    if (step == ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_ESCALATED)
        return ", was to be touched by ";
    return step == ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_HELD ? ", goes elsewhere at "
                                                                : ", until ";
}

static void step_write(void *arg, const Assay__Router__V1__Decision *decision)
{
    bool *json = arg;
    if (*json) {
        output_json(decision_json(decision, true));
        return;
    }
    if (decision->decision_case != ASSAY__ROUTER__V1__DECISION__DECISION_LEAD)
        return;
    const LeadDecision *d = decision->lead;
    char word[64];
    snprintf(word, sizeof word, "%s", lead_step_word(d->step));
    for (char *c = word; *c != '\0'; c++)
        *c = *c == '_' ? ' ' : *c;
    printf("    %s  %s", output_time(d->at_ms), word);
    if (d->step == ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_CREATED ||
        d->step == ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_ROUTED ||
        d->step == ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_OVERFLOWED) {
        part(" to ", d->motion);
        part(", queue ", d->queue);
        printf(", priority %d", (int)d->priority);
    }
    part(d->step == ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_UNASSIGNED ? " from " : " to ",
         d->step == ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_ASSIGNED ||
                 d->step == ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_UNASSIGNED ||
                 d->step == ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_REMINDED
             ? d->rep
             : "");
    part(" to ", d->to);
    part(", user ", d->user_id);
    part(" by ", d->consumer);
    part(" by ", d->by);
    if (d->step == ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_COMPLETED)
        part(": ", d->outcome);
    part(": ", d->reason);
    if (d->due_ms != 0)
        printf("%s%s", due_words(d->step), output_time(d->due_ms));
    printf("\n");
    if (d->n_candidates > 0)
        candidates_write(d);
}

static void note_account(void *arg, const Assay__Router__V1__Decision *decision)
{
    struct buf *account = arg;
    if (decision->decision_case != ASSAY__ROUTER__V1__DECISION__DECISION_LEAD)
        return;
    buf_clear(account);
    buf_append_text(account, decision->lead->account_id);
    buf_append_u8(account, 0);
}

// By its account, which its decisions name.
static enum err find_lead(const char *dir, struct cluster **cluster, const char *id,
                          const Assay__Router__V1__Lead **out, struct err_info *info)
{
    Assay__Router__V1__ListDecisionsRequest log = ASSAY__ROUTER__V1__LIST_DECISIONS_REQUEST__INIT;
    Assay__Router__V1__ListLeadsRequest request = ASSAY__ROUTER__V1__LIST_LEADS_REQUEST__INIT;
    ProtobufCMessage *message;
    struct buf account = {0};
    log.lead_id = (char *)id;
    *out = NULL;
    enum err err = log_read(dir, cluster, &log, note_account, &account, info);
    if (err == ERR_OK && account.len == 0)
        err =
            err_set(info, ERR_NOT_FOUND, "there is no lead %s; `assay leads list` shows them", id);
    request.account_id = (char *)account.bytes;
    request.max = LEADS_MAX;
    if (err == ERR_OK)
        err = leads_call(dir, cluster, "assay.router.v1.RouterService/ListLeads", &request.base,
                         &assay__router__v1__list_leads_response__descriptor, 0, &message, info);
    buf_deinit(&account);
    if (err != ERR_OK)
        return err;
    const Assay__Router__V1__ListLeadsResponse *page = (const void *)message;
    for (size_t i = 0; i < page->n_leads; i++)
        if (strcmp(page->leads[i]->lead_id, id) == 0)
            *out = page->leads[i];
    if (*out == NULL)
        return err_set(info, ERR_NOT_FOUND, "the router no longer has lead %s", id);
    return ERR_OK;
}

static enum err show(const char *dir, const char *id, bool json, struct err_info *info)
{
    struct cluster *cluster = NULL;
    const Assay__Router__V1__Lead *lead;
    Assay__Router__V1__ListDecisionsRequest log = ASSAY__ROUTER__V1__LIST_DECISIONS_REQUEST__INIT;
    log.lead_id = (char *)id;
    enum err err = find_lead(dir, &cluster, id, &lead, info);
    if (err == ERR_OK && json)
        output_json(lead_json(lead));
    else if (err == ERR_OK) {
        lead_write(lead, stdout);
        printf("  what happened (UTC)\n");
    }
    if (err == ERR_OK)
        err = log_read(dir, &cluster, &log, step_write, &json, info);
    cluster_close(cluster);
    return err;
}

int cmd_leads_show(int argc, char **argv)
{
    const char *dir = CLUSTER_DIR_DEFAULT;
    bool json = false;
    const struct option options[] = {OPTION_ROW_DATA(&dir),
                                     {"json", OPTION_FLAG, &json, NULL,
                                      "the lead, then its decisions, one object a line", 0, 0,
                                      NULL}};
    const struct command command = {
        .name = "leads show",
        .usage = "LEAD [options]",
        .example = "assay leads show L0123456789abcdef",
        .summary = "Shows a lead and everything that happened to it; of each assignment, who could "
                   "have taken it,\nwho was passed over and why, with the numbers of that moment.",
        COMMAND_OPTIONS(options),
        .args_min = 1,
        .args_max = 1,
        .missing = "which LEAD? `assay leads list` shows them",
    };
    int code;
    struct err_info info;
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    enum err err = show(dir, argv[0], json, &info);
    return err == ERR_OK ? EXIT_DONE : output_error("leads show", err, info.text);
}

// ---- assign, redrive ----------------------------------------------------------------------------

int cmd_leads_assign(int argc, char **argv)
{
    Assay__Router__V1__AssignRequest request = ASSAY__ROUTER__V1__ASSIGN_REQUEST__INIT;
    const char *dir = CLUSTER_DIR_DEFAULT, *reason = "", *by = output_user();
    bool json = false;
    const struct option options[] = {
        {"reason", OPTION_TEXT, &reason, "TEXT", "for the decision log", 0, 0, NULL},
        {"by", OPTION_TEXT, &by, "NAME", "who says so (you)", 0, 0, NULL},
        OPTION_ROW_DATA(&dir),
        OPTION_ROW_JSON(&json),
    };
    const struct command command = {
        .name = "leads assign",
        .usage = "LEAD [REP] [options]",
        .example = "assay leads assign L0123456789abcdef ben --reason \"knows them\"",
        .summary =
            "Gives a lead to a rep of its team, whatever caps and hours say; without REP, to "
            "whoever is next.\nWhoever had it gets the credit back.",
        COMMAND_OPTIONS(options),
        .args_min = 1,
        .args_max = 2,
        .missing = "which LEAD, and to which REP?",
    };
    int code;
    size_t n_args;
    struct cluster *cluster = NULL;
    ProtobufCMessage *message;
    struct err_info info;
    if (!options_begin(&command, argc, argv, &n_args, &code))
        return code;
    request.lead_id = argv[0];
    request.rep = n_args > 1 ? argv[1] : (char *)"";
    request.reason = (char *)reason;
    request.by = (char *)by;
    enum err err = leads_call(dir, &cluster, "assay.router.v1.RouterService/Assign", &request.base,
                              &assay__router__v1__assign_response__descriptor, 0, &message, &info);
    struct err_info names;
    if (err == ERR_NOT_FOUND && n_args > 1 && names_rep(cluster, argv[1], &names) == ERR_NOT_FOUND)
        info = names;
    if (err == ERR_OK) {
        const Assay__Router__V1__Lead *lead = ((Assay__Router__V1__AssignResponse *)message)->lead;
        if (json)
            output_json(lead_json(lead));
        else
            lead_write(lead, stdout);
    }
    cluster_close(cluster);
    return err == ERR_OK ? EXIT_DONE : output_error("leads assign", err, info.text);
}

int cmd_leads_redrive(int argc, char **argv)
{
    Assay__Router__V1__RedriveRequest request = ASSAY__ROUTER__V1__REDRIVE_REQUEST__INIT;
    const char *dir = CLUSTER_DIR_DEFAULT, *queue = NULL, *by = output_user();
    bool json = false;
    const struct option options[] = {
        {"queue", OPTION_TEXT, &queue, "NAME", "all that are parked in this queue", 0, 0, NULL},
        {"by", OPTION_TEXT, &by, "NAME", "who says so (you)", 0, 0, NULL},
        OPTION_ROW_DATA(&dir),
        OPTION_ROW_JSON(&json),
    };
    const struct command command = {
        .name = "leads redrive",
        .usage = "LEAD | --queue NAME [options]",
        .example = "assay leads redrive L0123456789abcdef\nassay leads redrive --queue sales",
        .summary = "Puts parked leads back into their queue, as if nobody had tried them yet.",
        COMMAND_OPTIONS(options),
        .args_max = 1,
    };
    int code;
    size_t n_args;
    struct cluster *cluster = NULL;
    ProtobufCMessage *message;
    struct err_info info;
    uint64_t n = 0, some;
    if (!options_begin(&command, argc, argv, &n_args, &code))
        return code;
    if ((n_args == 0) == (queue == NULL))
        return output_error("leads redrive", ERR_INVALID, "either a LEAD or --queue NAME");
    request.lead_id = n_args > 0 ? argv[0] : (char *)"";
    request.queue = (char *)(queue != NULL ? queue : "");
    request.by = (char *)by;
    enum err err;
    do { // the router puts so many back at a time
        some = 0;
        err = leads_call(dir, &cluster, "assay.router.v1.RouterService/Redrive", &request.base,
                         &assay__router__v1__redrive_response__descriptor, 0, &message, &info);
        if (err == ERR_OK)
            some = ((Assay__Router__V1__RedriveResponse *)message)->leads;
        n += some;
    } while (err == ERR_OK && queue != NULL && some > 0);
    if (err == ERR_NOT_FOUND && queue != NULL && names_queue(cluster, queue, &info) == ERR_OK)
        err = ERR_NOT_FOUND; // it came to be just now
    cluster_close(cluster);
    if (err != ERR_OK)
        return output_error("leads redrive", err, info.text);
    if (json)
        output_json(json_pack("{s:I}", "leads", (json_int_t)n));
    else
        printf("%s back in the queue\n", output_plural(n, "lead is", "leads are"));
    return EXIT_DONE;
}

// ---- replay -------------------------------------------------------------------------------------

static void line_write(void *arg, const Assay__Router__V1__Decision *decision)
{
    (void)arg;
    json_t *json = decision_json(decision, true);
    if (json == NULL)
        return;
    json_object_set_new(json, "offset", json_integer((json_int_t)decision->offset));
    output_json(json);
}

int cmd_leads_replay(int argc, char **argv)
{
    Assay__Router__V1__ListDecisionsRequest request =
        ASSAY__ROUTER__V1__LIST_DECISIONS_REQUEST__INIT;
    const char *dir = CLUSTER_DIR_DEFAULT, *queue = NULL;
    int64_t after = 0;
    const struct option options[] = {
        {"queue", OPTION_TEXT, &queue, "NAME", "of this queue (required)", 0, 0, NULL},
        {"after", OPTION_COUNT, &after, "OFFSET", "what came after it (0: everything)", 0,
         INT64_MAX, NULL},
        OPTION_ROW_DATA(&dir),
    };
    const struct command command = {
        .name = "leads replay",
        .usage = "--queue NAME [options]",
        .example = "assay leads replay --queue sales --after 120345",
        .summary =
            "Writes again what happened to the leads of a queue, one JSON object a line with "
            "its offset: for a\nconsumer that lost its memory. It changes nothing.",
        COMMAND_OPTIONS(options),
    };
    int code;
    struct cluster *cluster = NULL;
    struct err_info info;
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    if (queue == NULL)
        return output_error("leads replay", ERR_INVALID,
                            "which --queue NAME? `assay status` lists them");
    request.queue = (char *)queue;
    request.after = (uint64_t)after;
    enum err err = cluster_open(dir, &cluster, &info);
    if (err == ERR_OK)
        err = names_queue(cluster, queue, &info);
    if (err == ERR_OK)
        err = log_read(dir, &cluster, &request, line_write, NULL, &info);
    cluster_close(cluster);
    return err == ERR_OK ? EXIT_DONE : output_error("leads replay", err, info.text);
}
