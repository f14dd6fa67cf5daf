// SPDX-License-Identifier: Apache-2.0
#include "cli/lead_output.h"

#include "cli/decision_json.h"
#include "cli/output.h"

#include <string.h>

static const char *or_dash(const char *text)
{
    return text[0] == '\0' ? "-" : text;
}

const char *lead_reasons(const Assay__Router__V1__Lead *lead, char *out, size_t bytes)
{
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < lead->n_reasons && at < bytes; i++)
        at += (size_t)snprintf(out + at, bytes - at, "%s%s", i == 0 ? "" : ", ", lead->reasons[i]);
    return out;
}

const char *lead_labels(const Assay__Router__V1__Lead *lead, char *out, size_t bytes)
{
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < lead->n_definitions && at < bytes; i++) {
        bool labelled = i < lead->n_labels && lead->labels[i][0] != '\0';
        at += (size_t)snprintf(out + at, bytes - at, "%s%s", i == 0 ? "" : ", ",
                               labelled ? lead->labels[i] : lead->definitions[i]);
    }
    return out;
}

// The motion beside the queue, where the two differ.
static const char *queue_text(const Assay__Router__V1__Lead *lead, char *out, size_t bytes)
{
    const char *queue = lead->queue[0] != '\0' ? lead->queue : "-";
    if (lead->motion[0] == '\0' || strcmp(queue, lead->motion) == 0)
        snprintf(out, bytes, "%s", queue);
    else
        snprintf(out, bytes, "%s (%s)", queue, lead->motion);
    return out;
}

static const char *rep_text(const Assay__Router__V1__Lead *lead)
{
    bool waiting = lead->state == ASSAY__ROUTER__V1__LEAD_STATE__LEAD_STATE_WAITING;
    if (lead->rep[0] != '\0')
        return lead->rep;
    return waiting && lead->held_since_ms != 0 ? "(none)" : "-";
}

// "01-31 10:00"
static const char *minute_text(int64_t ms)
{
    static char text[12];
    snprintf(text, sizeof text, "%s", output_time(ms) + 5);
    return text;
}

static const char *first_touch_text(const Assay__Router__V1__Lead *lead)
{
    bool over = lead->state == ASSAY__ROUTER__V1__LEAD_STATE__LEAD_STATE_COMPLETED ||
                lead->state == ASSAY__ROUTER__V1__LEAD_STATE__LEAD_STATE_WITHDRAWN;
    if (lead->touched_at_ms != 0)
        return lead->sla_missed ? "late" : "in time";
    if (lead->sla_missed)
        return "missed";
    return lead->touch_by_ms != 0 && !over ? minute_text(lead->touch_by_ms) : "-";
}

void leads_table_write(Assay__Router__V1__Lead *const *leads, size_t n, FILE *stream)
{
    struct output_table table = {
        .right = 1U << 5, .optional = 1U << 6 | 1U << 7 | 1U << 9, .columns_max = output_columns()};
    output_row(&table, (const char *const[]){"lead", "account", "qualified as", "state", "queue",
                                             "priority", "rep", "touch by", "since (UTC)",
                                             "message", "because", NULL});
    for (size_t i = 0; i < n; i++) {
        const Assay__Router__V1__Lead *lead = leads[i];
        char priority[16], state[32], reasons[200], labels[120], queue[200], since[17];
        snprintf(since, sizeof since, "%s", output_time(lead->created_at_ms));
        snprintf(priority, sizeof priority, "%d", lead->priority);
        snprintf(state, sizeof state, "%s", lead_state_word(lead->state));
        output_row(&table, (const char *const[]){
                               lead->lead_id, lead->account_id,
                               or_dash(lead_labels(lead, labels, sizeof labels)), state,
                               queue_text(lead, queue, sizeof queue), priority, rep_text(lead),
                               first_touch_text(lead), since, or_dash(lead->message),
                               or_dash(lead_reasons(lead, reasons, sizeof reasons)), NULL});
    }
    output_table_write(&table, 0, stream);
}

static void sla_write(const Assay__Router__V1__Lead *lead, FILE *stream)
{
    if (lead->touched_at_ms != 0)
        fprintf(stream, "  first touch at %s, %s\n", output_time(lead->touched_at_ms),
                lead->sla_missed ? "too late" : "in time");
    else if (lead->touch_by_ms != 0)
        fprintf(stream, "  to be touched by %s%s\n", output_time(lead->touch_by_ms),
                lead->sla_missed ? "; its time was missed" : "");
    else if (lead->sla_missed)
        fprintf(stream, "  was not touched in time\n");
}

static void team_part_write(const Assay__Router__V1__Lead *lead, FILE *stream)
{
    bool waiting = lead->state == ASSAY__ROUTER__V1__LEAD_STATE__LEAD_STATE_WAITING;
    if (lead->organization[0] != '\0')
        fprintf(stream, "  of the organization %s\n", output_clean(lead->organization));
    if (lead->rep[0] != '\0')
        fprintf(stream, "  assigned to %s of %s at %s\n", output_clean(lead->rep),
                output_clean(lead->team), output_time(lead->assigned_at_ms));
    else if (lead->held_since_ms != 0)
        fprintf(stream, "  waits for a rep of %s since %s%s%s\n", output_clean(lead->team),
                output_time(lead->held_since_ms),
                lead->overflow_at_ms != 0 ? ", goes elsewhere at " : "",
                lead->overflow_at_ms != 0 ? output_time(lead->overflow_at_ms) : "");
    if (lead->n_passed > 0) {
        fprintf(stream, "  was taken from ");
        for (size_t i = 0; i < lead->n_passed; i++)
            fprintf(stream, "%s%s", i > 0 ? ", " : "", output_clean(lead->passed[i]));
        fputc('\n', stream);
    }
    sla_write(lead, stream);
    if (waiting && lead->not_before_ms != 0)
        fprintf(stream, "  is handed out from %s on\n", output_time(lead->not_before_ms));
    for (size_t i = 0; i < lead->n_arms; i++)
        fprintf(stream, "  experiment %s: %s\n", output_clean(lead->arms[i]->experiment),
                output_clean(lead->arms[i]->arm));
    if (lead->parked_reason[0] != '\0')
        fprintf(stream, "  parked: %s\n", output_clean(lead->parked_reason));
}

void lead_write(const Assay__Router__V1__Lead *lead, FILE *stream)
{
    char reasons[400], labels[400];
    fprintf(stream, "%slead %s%s  account %s, %s\n", output_bold(), output_clean(lead->lead_id),
            output_plain(), output_clean(lead->account_id), lead_state_word(lead->state));
    fprintf(stream, "  qualified as %s, lead number %u of the account\n",
            output_clean(or_dash(lead_labels(lead, labels, sizeof labels))), lead->number);
    fprintf(stream, "  motion %s, queue %s, priority %d, since %s, handed out %s\n",
            output_clean(lead->motion), output_clean(or_dash(lead->queue)), lead->priority,
            output_time(lead->created_at_ms), output_plural(lead->attempts, "time", "times"));
    team_part_write(lead, stream);
    if (lead->lease_until_ms != 0)
        fprintf(stream, "  lease of %s until %s\n", output_clean(lead->consumer),
                output_time(lead->lease_until_ms));
    else if (lead->consumer[0] != '\0')
        fprintf(stream, "  with %s\n", output_clean(lead->consumer));
    if (lead->lease_token[0] != '\0')
        fprintf(stream, "  --token %s\n", output_clean(lead->lease_token));
    if (lead->message[0] != '\0')
        fprintf(stream, "  message %s\n", output_clean(lead->message));
    if (lead->ended_reason[0] != '\0')
        fprintf(stream, "  %s: %s\n",
                lead->state == ASSAY__ROUTER__V1__LEAD_STATE__LEAD_STATE_WITHDRAWN
                    ? "withdrawn"
                    : "nothing qualifies the account any more",
                output_clean(lead->ended_reason));
    if (lead->outcome[0] != '\0')
        fprintf(stream, "  outcome %s at %s\n", output_clean(lead->outcome),
                output_time(lead->completed_at_ms));
    fprintf(stream, "  because %s\n", output_clean(lead_reasons(lead, reasons, sizeof reasons)));
    for (size_t i = 0; i < lead->n_evidence; i++)
        fprintf(stream, "    %s %s: %s\n", output_mark(true),
                output_clean(lead->evidence[i]->condition), output_clean(lead->evidence[i]->value));
    for (size_t i = 0; i < lead->n_contacts; i++) {
        const Assay__Router__V1__Contact *contact = lead->contacts[i];
        fprintf(stream, "  contact %s", output_clean(contact->user_id));
        if (contact->qualified_at_ms != 0)
            fprintf(stream, ", qualified %s", output_time(contact->qualified_at_ms));
        if (contact->reason[0] != '\0')
            fprintf(stream, ": %s", output_clean(contact->reason));
        fputc('\n', stream);
    }
}
