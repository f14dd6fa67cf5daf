// SPDX-License-Identifier: Apache-2.0
#include "cli/explain.h"

#include <stdarg.h>
#include <string.h>

#include "cli/decision_json.h"
#include "cli/output.h"
#include "common/base/check.h"

// A line that is cut where its room ends.
struct line {
    char *text;
    size_t n, bytes;
};

static void PRINTF_LIKE(2, 3) line_add(struct line *line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line->text + line->n, line->bytes - line->n, format, args);
    va_end(args);
    CHECK(n >= 0);
    line->n = line->n + (size_t)n < line->bytes ? line->n + (size_t)n : line->bytes - 1;
}

// ---- What is missing ----

static void step_add(const Assay__Scorer__V1__ProposalStep *step, struct line *line)
{
    line_add(line, "%u x %s", step->count, step->event);
    if (step->who[0] != '\0')
        line_add(line, " by %s", step->who);
    if (step->with[0] != '\0')
        line_add(line, " (%s)", step->with);
    if (step->when[0] != '\0')
        line_add(line, " %s", step->when);
}

// Whether all of them can come at one instant, so that what holds for the first holds for all.
static bool is_at_once(const Assay__Scorer__V1__Proposal *p)
{
    for (size_t i = 0; i < p->n_steps; i++) {
        if (p->steps[i]->when[0] != '\0')
            return false;
    }
    return true;
}

static void events_add(const Assay__Scorer__V1__Proposal *p, struct line *line)
{
    if (!p->least)
        line_add(line, "at most ");
    for (size_t i = 0; i < p->n_steps; i++) {
        line_add(line, "%s", i == 0 ? "" : i + 1 == p->n_steps ? " and " : ", ");
        step_add(p->steps[i], line);
    }
    const char *first = p->event_count == 1 ? "," : is_at_once(p) ? ", all" : ", the first";
    if (p->from_ms != 0)
        line_add(line, "%s not before %s", first, output_time(p->from_ms));
    if (p->by_ms != 0)
        line_add(line, "%s before %s", p->from_ms != 0 ? " and" : first, output_time(p->by_ms));
    if (p->true_ms != 0)
        line_add(line, "; it is then true from %s on", output_time(p->true_ms));
}

const char *explain_proposal(const Assay__Scorer__V1__Proposal *p, char *out, size_t bytes)
{
    struct line line = {out, 0, bytes};
    out[0] = '\0';
    if (p == NULL)
        return out;
    switch (p->kind) {
    case ASSAY__SCORER__V1__PROPOSAL_KIND__PROPOSAL_KIND_EVENTS:
        events_add(p, &line);
        break;
    case ASSAY__SCORER__V1__PROPOSAL_KIND__PROPOSAL_KIND_TIME:
        line_add(&line, "nothing but time: true from %s on", output_time(p->true_ms));
        break;
    case ASSAY__SCORER__V1__PROPOSAL_KIND__PROPOSAL_KIND_NEVER:
        line_add(&line, "it cannot be met any more");
        for (size_t i = 0; i < p->n_blocks; i++)
            line_add(&line, "%s%s", i == 0 ? ": " : "; ", p->blocks[i]);
        break;
    case ASSAY__SCORER__V1__PROPOSAL_KIND__PROPOSAL_KIND_UNKNOWN:
        line_add(&line, "no small set of events does it");
        for (size_t i = 0; i < p->n_blocks; i++)
            line_add(&line, "%s%s", i == 0 ? ": " : "; ", p->blocks[i]);
        break;
    case ASSAY__SCORER__V1__PROPOSAL_KIND__PROPOSAL_KIND_UNSPECIFIED:
    case _ASSAY__SCORER__V1__PROPOSAL_KIND_IS_INT_SIZE:
        break;
    }
    return out;
}

// ---- Why not ----

static const char *trait_text(Assay__Event__V1__Property *const *traits, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(traits[i]->key, key) == 0 &&
            traits[i]->value_case == ASSAY__EVENT__V1__PROPERTY__VALUE_TEXT)
            return traits[i]->text;
    }
    return "";
}

// A person's verdict on the subject: "disqualified", "snoozed", "promoted"; or "".
static const char *verdict_by_hand(const struct explain *e, bool of_user, const char **reason,
                                   const char **until)
{
    Assay__Event__V1__Property *const *lists[] = {e->lane->user_traits, e->lane->account_traits};
    const size_t counts[] = {e->lane->n_user_traits, e->lane->n_account_traits};
    for (int i = of_user ? 0 : 1; i < 2; i++) {
        const char *word = trait_text(lists[i], counts[i], "qualification");
        // What is said of the account holds for its users, but for a promotion.
        if (word[0] == '\0' || strcmp(word, "none") == 0 ||
            (i == 1 && of_user && strcmp(word, "promoted") == 0))
            continue;
        *reason = trait_text(lists[i], counts[i], "qualification_reason");
        *until = trait_text(lists[i], counts[i], "qualification_until");
        return word;
    }
    return "";
}

static bool signal_quiet(const Assay__Scorer__V1__ExplainedSignal *s, const char *word)
{
    for (size_t i = 0; i < s->n_conditions; i++) {
        const Assay__Scorer__V1__Condition *c = s->conditions[i];
        if (c->leaf && c->met && strstr(c->text, "qualification") != NULL &&
            strstr(c->text, word) != NULL)
            return true;
    }
    return false;
}

// True: a person has said so.
static bool why_by_hand(const struct explain *e, const Assay__Scorer__V1__ExplainedSignal *s,
                        struct line *line)
{
    const char *reason = "", *until = "";
    const char *word = verdict_by_hand(e, s->user_id[0] != '\0', &reason, &until);
    if ((strcmp(word, "disqualified") != 0 && strcmp(word, "snoozed") != 0) ||
        !signal_quiet(s, word))
        return false;
    line_add(line, "%s by a person", word);
    if (strcmp(word, "snoozed") == 0 && until[0] != '\0')
        line_add(line, " until %s", until);
    if (reason[0] != '\0')
        line_add(line, ": %s", reason);
    return true;
}

static bool signal_warming(const Assay__Scorer__V1__ExplainedSignal *s)
{
    for (size_t i = 0; i < s->n_conditions; i++) {
        if (s->conditions[i]->warming)
            return true;
    }
    return false;
}

static void why_not(const struct explain *e, const Assay__Scorer__V1__ExplainedSignal *s,
                    struct line *line)
{
    char missing[EXPLAIN_WHY_BYTES];
    if (e->lane->excluded[0] != '\0' && s->user_id[0] != '\0') {
        line_add(line, "not qualified: nothing of this user counts (%s)", e->lane->excluded);
        return;
    }
    line_add(line, "not qualified: ");
    if (why_by_hand(e, s, line))
        return;
    size_t before = line->n;
    if (signal_warming(s))
        line_add(line, "still being counted from the journal");
    else if (s->exhausted)
        line_add(line, "it was so %s, and may not be again",
                 output_plural(s->episode, "time", "times"));
    else if (s->cooling_until_ms != 0)
        line_add(line, "cooling down until %s", output_time(s->cooling_until_ms));
    else if (s->held_until_ms != 0)
        line_add(line, "the condition holds; it must go on until %s",
                 output_time(s->held_until_ms));
    else if (s->leaving)
        line_add(line, "what ends it holds");
    else if (s->spent)
        line_add(line, "its condition must first cease to hold");
    (void)explain_proposal(s->proposal, missing, sizeof missing);
    if (missing[0] != '\0' && !s->exhausted)
        line_add(line, "%smissing: %s", line->n > before ? "; " : "", missing);
    else if (line->n == before)
        line_add(line, "%u of %u conditions met", s->met_count, s->leaf_count);
}

// ---- What became of it ----

static bool lead_has(const Assay__Router__V1__Lead *lead, const char *definition)
{
    for (size_t i = 0; i < lead->n_definitions; i++) {
        if (strcmp(lead->definitions[i], definition) == 0)
            return true;
    }
    return false;
}

static bool lead_names(const Assay__Router__V1__Lead *lead, const char *user)
{
    for (size_t i = 0; i < lead->n_contacts; i++) {
        if (strcmp(lead->contacts[i]->user_id, user) == 0)
            return true;
    }
    return false;
}

// The newest lead that the definition made or joined: of a user, one that names the user if there
// is.
static const Assay__Router__V1__Lead *verdict_lead(const struct explain *e,
                                                   const Assay__Scorer__V1__ExplainedSignal *s)
{
    const Assay__Router__V1__Lead *found = NULL;
    bool named = false;
    for (size_t i = 0; e->router != NULL && s->value && i < e->router->n_leads; i++) {
        const Assay__Router__V1__Lead *lead = e->router->leads[i];
        bool names = s->user_id[0] != '\0' && lead_names(lead, s->user_id);
        if (!lead_has(lead, s->definition) || (named && !names))
            continue;
        found = lead;
        named = names;
    }
    return found;
}

static void why_lead(const struct explain *e, const Assay__Scorer__V1__ExplainedSignal *s,
                     const Assay__Router__V1__Lead *lead, struct line *line)
{
    line_add(line, "qualified since %s", output_time(s->since_ms));
    if (s->episode > 1)
        line_add(line, ", for the %u. time", s->episode);
    const char *reason = "", *until = "";
    if (strcmp(verdict_by_hand(e, s->user_id[0] != '\0', &reason, &until), "promoted") == 0 &&
        signal_quiet(s, "promoted"))
        line_add(line, ", promoted by a person%s%s", reason[0] != '\0' ? ": " : "", reason);
    if (e->router == NULL)
        return;
    if (strcmp(s->role, "pal") == 0 || strcmp(s->role, "mql") == 0) {
        line_add(line, "; this makes no lead");
        return;
    }
    if (lead == NULL) {
        line_add(line, "; no lead yet");
        return;
    }
    line_add(line, "; lead %s %s", lead->lead_id, lead_state_word(lead->state));
    if (lead->parked_reason[0] != '\0')
        line_add(line, " (%s%s%s)", lead->parked_reason, lead->route[0] != '\0' ? ", route " : "",
                 lead->route);
    else if (lead->ended_reason[0] != '\0')
        line_add(line, " (%s)", lead->ended_reason);
    else if (lead->outcome[0] != '\0')
        line_add(line, " as %s", lead->outcome);
    else if (lead->queue[0] != '\0')
        line_add(line, " in queue %s", lead->queue);
}

void explain_verdict(const struct explain *e, const Assay__Scorer__V1__ExplainedSignal *signal,
                     struct explain_verdict *out)
{
    *out = (struct explain_verdict){.signal = signal, .qualified = signal->value};
    struct line line = {out->why, 0, sizeof out->why};
    out->lead = verdict_lead(e, signal);
    if (signal->value)
        why_lead(e, signal, out->lead, &line);
    else
        why_not(e, signal, &line);
}
