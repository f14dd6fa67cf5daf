// SPDX-License-Identifier: Apache-2.0
#include "cli/explain.h"

#include "cli/decision_json.h"
#include "cli/lead_output.h"
#include "cli/output.h"

#include <string.h>

static void events_write(const Assay__Scorer__V1__Condition *c, int indent, FILE *stream)
{
    if (c->event_count == 0)
        return;
    fprintf(stream, "%*s  %s%s%s%s: first %s %s", indent, "", output_dim(),
            output_count(c->event_count), c->more_events ? " or more" : "",
            c->event_count == 1 ? " event" : " events", output_clean(c->first_id),
            output_time(c->first_ms));
    if (c->event_count > 1)
        fprintf(stream, ", last %s %s", output_clean(c->last_id), output_time(c->last_ms));
    fprintf(stream, "%s\n", output_plain());
}

static void condition_write(const struct explain *e, const Assay__Scorer__V1__Condition *c,
                            FILE *stream)
{
    int indent = 6 + 2 * (int)(c->depth < 32 ? c->depth : 32);
    fprintf(stream, "%*s%s %s", indent, "", output_mark(c->met), output_clean(c->text));
    if (c->leaf && c->value[0] != '\0')
        fprintf(stream, "   is %s", output_clean(c->value));
    if (c->warming)
        fprintf(stream, "   %swarming: not all of its past is in%s", output_dim(), output_plain());
    if (c->met && c->since_ms != 0)
        fprintf(stream, "   %ssince %s%s", output_dim(), output_time(c->since_ms), output_plain());
    if (!c->met && c->missing[0] != '\0' && !c->exit)
        fprintf(stream, "   %smissing: %s%s", output_bold(), output_clean(c->missing),
                output_plain());
    fputc('\n', stream);
    if (e->events)
        events_write(c, indent, stream);
}

// What holds a signal with a memory back.
static void memory_write(const Assay__Scorer__V1__ExplainedSignal *s, FILE *stream)
{
    if (s->memory && s->episode > 0)
        fprintf(stream, ", episode %u", s->episode);
    if (s->held_until_ms != 0)
        fprintf(stream, ", held until %s", output_time(s->held_until_ms));
    if (s->cooling_until_ms != 0)
        fprintf(stream, ", cooling until %s", output_time(s->cooling_until_ms));
    if (s->spent)
        fputs(", its condition must first cease to hold", stream);
    if (s->exhausted)
        fputs(", as often as it may be", stream);
}

// Whether a definition's tree shows the signal whole.
static bool signal_shown(const struct explain *e, const Assay__Scorer__V1__ExplainedSignal *s)
{
    for (size_t i = 0; i < e->lane->n_signals; i++) {
        const Assay__Scorer__V1__ExplainedSignal *other = e->lane->signals[i];
        for (size_t c = 0; other->definition[0] != '\0' && c < other->n_conditions; c++) {
            if (!other->conditions[c]->leaf && strcmp(other->conditions[c]->text, s->name) == 0 &&
                strcmp(other->user_id, s->user_id) == 0)
                return true;
        }
    }
    return false;
}

static void signal_write(const struct explain *e, const Assay__Scorer__V1__ExplainedSignal *s,
                         FILE *stream)
{
    char missing[EXPLAIN_WHY_BYTES];
    const char *name = s->definition[0] != '\0' ? s->definition : s->name;
    fprintf(stream, "    %s %s%s%s", output_mark(s->value), output_bold(), output_clean(name),
            output_plain());
    if (s->definition[0] != '\0' && strcmp(s->definition, s->role) != 0)
        fprintf(stream, " (%s)", output_clean(s->role));
    if (s->label[0] != '\0')
        fprintf(stream, " \"%s\"", output_clean(s->label));
    if (s->leaf_count > 1)
        fprintf(stream, "  %u of %u conditions", s->met_count, s->leaf_count);
    if (s->value && s->since_ms != 0)
        fprintf(stream, "  since %s", output_time(s->since_ms));
    memory_write(s, stream);
    if (s->value)
        fprintf(stream, "%s%s%s", output_dim(),
                s->event_id[0] == '\0' ? "" : ", completed by event ", output_clean(s->event_id));
    fprintf(stream, "%s\n", output_plain());
    if (s->definition[0] == '\0' && signal_shown(e, s))
        return;
    bool exit = false;
    for (size_t i = 0; i < s->n_conditions; i++) {
        if (s->conditions[i]->exit && !exit)
            fprintf(stream, "      %sends when%s\n", output_dim(), output_plain());
        exit = s->conditions[i]->exit;
        condition_write(e, s->conditions[i], stream);
    }
    (void)explain_proposal(s->proposal, missing, sizeof missing);
    // Of a definition it was said above.
    if (missing[0] != '\0' && s->definition[0] == '\0')
        fprintf(stream, "      %swould be true with: %s%s\n", output_bold(), output_clean(missing),
                output_plain());
}

// What a measure lacks.
static void measure_note(const Assay__Scorer__V1__Measure *m, FILE *stream)
{
    if (m->warming)
        fprintf(stream, "      %s%s is warming: not all of its past is in%s\n", output_dim(),
                output_clean(m->name), output_plain());
    else if (m->since_ms != 0)
        fprintf(stream, "      %s%s has only what was taken in since %s%s\n", output_dim(),
                output_clean(m->name), output_time(m->since_ms), output_plain());
}

// Signals and measures of the user (`of_user`), or those of the account.
static void subject_write(const struct explain *e, bool of_user, FILE *stream)
{
    for (size_t i = 0; i < e->lane->n_signals; i++)
        if ((e->lane->signals[i]->user_id[0] != '\0') == of_user &&
            strcmp(e->lane->signals[i]->kind, "fact") != 0)
            signal_write(e, e->lane->signals[i], stream);
    struct output_table table = {.right = 2};
    for (size_t i = 0; i < e->lane->n_measures; i++) {
        const Assay__Scorer__V1__Measure *m = e->lane->measures[i];
        if ((m->user_id[0] != '\0') != of_user)
            continue;
        if (table.n_cells == 0)
            output_row(&table, (const char *const[]){"measure", "value", NULL});
        output_row(&table, (const char *const[]){m->name, m->value, NULL});
    }
    output_table_write(&table, 4, stream);
    for (size_t i = 0; i < e->lane->n_measures; i++)
        if ((e->lane->measures[i]->user_id[0] != '\0') == of_user)
            measure_note(e->lane->measures[i], stream);
}

static void trait_write(const Assay__Event__V1__Property *p, FILE *stream)
{
    fprintf(stream, "%s=", output_clean(p->key));
    switch (p->value_case) {
    case ASSAY__EVENT__V1__PROPERTY__VALUE_TEXT:
        fputs(output_clean(p->text), stream);
        break;
    case ASSAY__EVENT__V1__PROPERTY__VALUE_NUMBER:
        fprintf(stream, "%g", p->number);
        break;
    case ASSAY__EVENT__V1__PROPERTY__VALUE_INTEGER:
        fprintf(stream, "%lld", (long long)p->integer);
        break;
    case ASSAY__EVENT__V1__PROPERTY__VALUE_FLAG:
        fputs(p->flag ? "true" : "false", stream);
        break;
    case ASSAY__EVENT__V1__PROPERTY__VALUE__NOT_SET:
    case _ASSAY__EVENT__V1__PROPERTY__VALUE__CASE_IS_INT_SIZE:
        break;
    }
}

static void traits_write(Assay__Event__V1__Property *const *traits, size_t n, FILE *stream)
{
    if (n == 0)
        return;
    fprintf(stream, "    %straits", output_dim());
    for (size_t i = 0; i < n; i++) {
        fputs(i == 0 ? "  " : ", ", stream);
        trait_write(traits[i], stream);
    }
    fprintf(stream, "%s\n", output_plain());
}

static void leads_write(const struct explain *e, FILE *stream)
{
    char reasons[400];
    for (size_t i = 0; i < e->router->n_leads; i++) {
        const Assay__Router__V1__Lead *lead = e->router->leads[i];
        fprintf(stream, "  lead %s  %s, motion %s", output_clean(lead->lead_id),
                lead_state_word(lead->state), output_clean(lead->motion));
        if (lead->queue[0] != '\0')
            fprintf(stream, ", queue %s", output_clean(lead->queue));
        fprintf(stream, ", since %s\n", output_time(lead->created_at_ms));
        fprintf(stream, "    because %s\n",
                output_clean(lead_reasons(lead, reasons, sizeof reasons)));
    }
}

// One line a definition: why a lead was made, or why not.
static void verdicts_write(const struct explain *e, bool of_user, FILE *stream)
{
    for (size_t i = 0; i < e->lane->n_signals; i++) {
        const Assay__Scorer__V1__ExplainedSignal *s = e->lane->signals[i];
        struct explain_verdict verdict;
        if (s->definition[0] == '\0' || (s->user_id[0] != '\0') != of_user)
            continue;
        explain_verdict(e, s, &verdict);
        fprintf(stream, "  %s %s%s%s  %s\n", output_mark(verdict.qualified), output_bold(),
                output_clean(s->label[0] != '\0' ? s->label : s->definition), output_plain(),
                output_clean(verdict.why));
    }
}

static void router_write(const struct explain *e, FILE *stream)
{
    const char *stage = e->router->stage;
    fprintf(stream, "  stage %s%s, %s, as of %s UTC, playbook %s\n",
            stage[0] == '\0' ? "none" : output_clean(stage),
            e->router->pqa ? ", qualified account (PQA)" : "",
            output_plural(e->lane->user_count, "user", "users"), output_time(e->lane->clock_ms),
            output_clean(e->lane->playbook));
    for (size_t i = 0; i < e->router->n_pqls; i++)
        fprintf(stream, "  PQL %s since %s\n", output_clean(e->router->pqls[i]->user_id),
                output_time(e->router->pqls[i]->qualified_at_ms));
    leads_write(e, stream);
}

// Where the contribution of a personal account went, and what others contribute.
static void identity_write(const Assay__Scorer__V1__ExplainResponse *lane, FILE *stream)
{
    if (lane->merged_into[0] != '\0') {
        fprintf(stream, "  merged into %s", output_clean(lane->merged_into));
        fprintf(stream, " as %s since %s\n", output_clean(lane->merged_as),
                output_time(lane->merged_since_ms));
    }
    for (size_t i = 0; i < lane->n_parts; i++) {
        const Assay__Scorer__V1__IdentityPart *part = lane->parts[i];
        fprintf(stream, "  part %s", output_clean(part->identity));
        fprintf(stream, " as %s, merged %s", output_clean(part->user_id),
                output_time(part->since_ms));
        if (part->cause[0] != '\0')
            fprintf(stream, " by %s", output_clean(part->cause));
        fputc('\n', stream);
    }
    if (lane->part_count > lane->n_parts)
        fprintf(stream, "  and %s\n",
                output_plural(lane->part_count - lane->n_parts, "further part", "further parts"));
    for (size_t i = 0; i < lane->n_acting; i++) {
        fprintf(stream, "  visitor %s", output_clean(lane->acting[i]->identity));
        fprintf(stream, " acts here as %s\n", output_clean(lane->acting[i]->user_id));
    }
    if (lane->acting_count > lane->n_acting)
        fprintf(stream, "  and %s\n",
                output_plural(lane->acting_count - lane->n_acting, "further visitor",
                              "further visitors"));
}

static void account_write(const struct explain *e, FILE *stream)
{
    fprintf(stream, "%saccount %s%s\n", output_bold(), output_clean(e->lane->account_id),
            output_plain());
    if (e->router != NULL)
        router_write(e, stream);
    else
        fprintf(stream, "  as it was at %s UTC (its last event or timer: %s), %s, playbook %s\n",
                output_time(e->lane->at_ms), output_time(e->lane->clock_ms),
                output_plural(e->lane->user_count, "user", "users"),
                output_clean(e->lane->playbook));
    if (e->lane->events_from_ms != 0)
        fprintf(stream, "  %sthe journal knows of events since %s only; the account is older%s\n",
                output_dim(), output_time(e->lane->events_from_ms), output_plain());
    identity_write(e->lane, stream);
    if (e->events && e->lane->n_parts > 0)
        fprintf(stream, "  %sevents of parts are in the values, and not among those listed%s\n",
                output_dim(), output_plain());
    verdicts_write(e, false, stream);
    traits_write(e->lane->account_traits, e->lane->n_account_traits, stream);
    subject_write(e, false, stream);
}

static void users_write(const struct explain *e, FILE *stream)
{
    if (e->lane->n_users_listed == 0)
        return;
    fputs("  users (see one with --user ID):", stream);
    for (size_t i = 0; i < e->lane->n_users_listed; i++)
        fprintf(stream, " %s", output_clean(e->lane->users_listed[i]));
    fputs(e->lane->user_count > e->lane->n_users_listed ? " ...\n" : "\n", stream);
}

void explain_write(const struct explain *e, FILE *stream)
{
    account_write(e, stream);
    if (e->user[0] == '\0') {
        users_write(e, stream);
        return;
    }
    fprintf(stream, "%suser %s%s\n", output_bold(), output_clean(e->user), output_plain());
    if (e->lane->excluded[0] != '\0')
        fprintf(stream, "    %s nothing of this user counts: %s\n", output_mark(false),
                output_clean(e->lane->excluded));
    verdicts_write(e, true, stream);
    traits_write(e->lane->user_traits, e->lane->n_user_traits, stream);
    subject_write(e, true, stream);
}
