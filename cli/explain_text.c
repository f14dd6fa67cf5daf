// SPDX-License-Identifier: Apache-2.0
#include "cli/explain.h"

#include "cli/decision_json.h"
#include "cli/lead_output.h"
#include "cli/output.h"

#include <string.h>

static void condition_write(const Assay__Scorer__V1__Condition *c, FILE *stream)
{
    int indent = 6 + 2 * (int)(c->depth < 32 ? c->depth : 32);
    bool node =
        strcmp(c->text, "all") == 0 || strcmp(c->text, "any") == 0 || strcmp(c->text, "not") == 0;
    fprintf(stream, "%*s%s %s", indent, "", output_mark(c->met), output_clean(c->text));
    if (!node && c->value[0] != '\0')
        fprintf(stream, "   is %s", output_clean(c->value));
    if (c->met && c->since_ms != 0)
        fprintf(stream, "   %ssince %s%s", output_dim(), output_time(c->since_ms), output_plain());
    if (!c->met && c->missing[0] != '\0')
        fprintf(stream, "   %smissing: %s%s", output_bold(), output_clean(c->missing),
                output_plain());
    fputc('\n', stream);
}

static void signal_write(const Assay__Scorer__V1__ExplainedSignal *s, FILE *stream)
{
    fprintf(stream, "    %s %s%s%s", output_mark(s->value), output_bold(), output_clean(s->name),
            output_plain());
    if (s->leaf_count > 1)
        fprintf(stream, "  %u of %u conditions", s->met_count, s->leaf_count);
    if (s->value && s->since_ms != 0)
        fprintf(stream, "  since %s", output_time(s->since_ms));
    if (s->value)
        fprintf(stream, "%s%s%s", output_dim(),
                s->event_id[0] == '\0' ? "" : ", completed by event ", output_clean(s->event_id));
    fprintf(stream, "%s\n", output_plain());
    for (size_t i = 0; i < s->n_conditions; i++)
        condition_write(s->conditions[i], stream);
}

// Signals and measures of the user (`of_user`), or those of the account.
static void subject_write(const struct explain *e, bool of_user, FILE *stream)
{
    for (size_t i = 0; i < e->lane->n_signals; i++)
        if ((e->lane->signals[i]->user_id[0] != '\0') == of_user)
            signal_write(e->lane->signals[i], stream);
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

static void account_write(const struct explain *e, FILE *stream)
{
    fprintf(stream, "%saccount %s%s\n", output_bold(), output_clean(e->lane->account_id),
            output_plain());
    fprintf(stream, "  stage %s%s, %s, as of %s UTC, playbook %s\n",
            e->router->stage[0] == '\0' ? "none" : output_clean(e->router->stage),
            e->router->pqa ? ", qualified account (PQA)" : "",
            output_plural(e->lane->user_count, "user", "users"), output_time(e->lane->clock_ms),
            output_clean(e->lane->playbook));
    for (size_t i = 0; i < e->router->n_pqls; i++)
        fprintf(stream, "  PQL %s since %s\n", output_clean(e->router->pqls[i]->user_id),
                output_time(e->router->pqls[i]->qualified_at_ms));
    leads_write(e, stream);
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
    traits_write(e->lane->user_traits, e->lane->n_user_traits, stream);
    subject_write(e, true, stream);
}
