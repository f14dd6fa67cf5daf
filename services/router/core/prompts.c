// SPDX-License-Identifier: Apache-2.0
// A prompt has one of two reasons to be shown: its own condition holds for the user (or the
// account), or an open lead of the account's home says it, to the lead's contacts (of a lead
// without contacts, to everybody). Both are looked up in what is held already, so that an answer
// costs what the playbook's few prompts and the lead's contacts cost.
#include "services/router/core/prompts.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/mem.h"
#include "services/router/core/state.h"

enum { TOLD_MAX = 4 }; // conditions told with a reason
static const char OWN[] = "prompt.";

// Who looks. Without a user: the account itself, which sees only what is the account's.
struct viewer {
    const struct router_core *core;
    const struct account *account;
    const struct subject *user; // NULL: the account
    int64_t now_ms;
    bool customer;
    int64_t customer_since_ms;
};

// Why a prompt is shown.
struct why {
    int64_t since_ms;
    const struct held *held;        // its own condition, or
    const struct router_lead *lead; // that of a lead
};

// ---- Whom nothing is shown ----------------------------------------------------------------------

static void know_customer(struct viewer *v)
{
    const char *stage = v->core->stage_signals[STAGE_CUSTOMER];
    const struct held *held =
        stage == NULL ? NULL : router_state_held((struct subject *)&v->account->self, stage, false);
    v->customer = held != NULL && held->value;
    if (!v->customer)
        return;
    int64_t since_ms = v->account->customer_since_ms;
    v->customer_since_ms = since_ms != 0 ? since_ms : held->at_ms;
}

static bool is_held_out(const struct router_core *core, const struct account *account)
{
    const struct account *home = account_home((struct account *)account);
    const struct router_lead *lead = home->lead;
    return router_experiments_holds_out(core, home) ||
           (router_leads_open(lead) && strcmp(lead->motion, motion_name(MOTION_HOLD_OUT)) == 0);
}

static bool is_left_alone(const struct viewer *v)
{
    if (router_contacts_barred(v->core, v->account, v->user))
        return true;
    bool asked = v->core->playbook->consent != PLAYBOOK_NONE;
    if (asked && (v->user == NULL || !router_contacts_consents(v->core, v->account, v->user)))
        return true;
    return is_held_out(v->core, v->account);
}

// ---- Why ----------------------------------------------------------------------------------------

static const struct subject *subject_of(const struct viewer *v, enum scope scope)
{
    return scope == SCOPE_ACCOUNT ? &v->account->self : v->user;
}

static bool own_reason(const struct viewer *v, const struct prompt *prompt, struct why *why)
{
    if (prompt->when == PLAYBOOK_NONE)
        return false;
    enum scope scope = v->core->playbook->signals[prompt->when].scope;
    const struct subject *subject = subject_of(v, scope);
    const struct held *held = subject == NULL
                                  ? NULL
                                  : router_state_held((struct subject *)subject,
                                                      v->core->signal_names[prompt->when], false);
    if (held == NULL || !held->value)
        return false;
    *why = (struct why){held->at_ms, held, NULL};
    return true;
}

static bool is_contact(const struct viewer *v, const struct router_lead *lead)
{
    if (lead->n_contacts == 0)
        return true;
    for (uint32_t i = 0; v->user != NULL && i < lead->n_contacts; i++)
        if (strcmp(lead->contacts[i].user_id, v->user->id) == 0)
            return true;
    return false;
}

static bool lead_reason(const struct viewer *v, const struct prompt *prompt, struct why *why)
{
    const struct router_lead *lead = account_home((struct account *)v->account)->lead;
    if (lead == NULL || lead->state < ROUTER_WAITING || lead->state > ROUTER_ACKED ||
        lead->ended_reason != NULL || strcmp(lead->message, prompt->name) != 0 ||
        !is_contact(v, lead))
        return false;
    *why = (struct why){lead->created_at_ms, NULL, lead};
    return true;
}

static const struct answered *answer_of(const struct viewer *v, const char *prompt)
{
    const struct subject *subject = v->user != NULL ? v->user : &v->account->self;
    for (uint32_t i = 0; i < subject->n_answered; i++)
        if (strcmp(subject->answered[i].prompt, prompt) == 0)
            return &subject->answered[i];
    return NULL;
}

// Whether the user's answer to this reason (or a later one) still keeps the prompt away.
static bool keeps_away(const struct answered *answered, const struct prompt *prompt,
                       int64_t since_ms, int64_t now_ms)
{
    if (answered == NULL || answered->since_ms < since_ms)
        return false;
    return answered->answer == ROUTER_CONVERTED || prompt->snooze_ms == 0 ||
           now_ms - answered->at_ms < prompt->snooze_ms;
}

static bool is_over(const struct viewer *v, const struct prompt *prompt, const struct why *why)
{
    if (prompt->expires_ms != 0 && v->now_ms - why->since_ms >= prompt->expires_ms)
        return true;
    return v->customer && why->since_ms <= v->customer_since_ms;
}

// The reason of the two that can still be shown, the prompt's own first.
static bool reason_for(const struct viewer *v, const struct prompt *prompt, struct why *why)
{
    if (own_reason(v, prompt, why) && !is_over(v, prompt, why))
        return true;
    return lead_reason(v, prompt, why) && !is_over(v, prompt, why);
}

// ---- In words -----------------------------------------------------------------------------------

// "messages at_least 80" with 85: "messages is 85, at_least 80".
static void tell_condition(const struct router_evidence *e, struct buf *out)
{
    const char *text = e->condition.ptr;
    const char *gap = memchr(text, ' ', e->condition.len);
    size_t name = gap == NULL ? e->condition.len : (size_t)(gap - text);
    if (gap == NULL || e->value.len == 0) {
        buf_append_span(out, e->condition);
        return;
    }
    buf_append_span(out, span_make(text, name));
    buf_append_text(out, " is ");
    buf_append_span(out, e->value);
    buf_append_text(out, ", ");
    buf_append_span(out, span_make(gap + 1, e->condition.len - name - 1));
}

static const char *tell(const struct why *why, struct arena *arena)
{
    const char *name = "";
    if (why->held != NULL)
        name = strncmp(why->held->name, OWN, sizeof OWN - 1) == 0 ? why->held->name + sizeof OWN - 1
                                                                  : why->held->name;
    else if (why->lead->n_reasons > 0)
        name = why->lead->reasons[0];
    const struct router_evidence *evidence =
        why->held != NULL ? why->held->evidence : why->lead->evidence;
    uint32_t n = why->held != NULL ? why->held->n_evidence : why->lead->n_evidence;
    struct buf text = {0};
    buf_append_text(&text, name);
    for (uint32_t i = 0; i < n && i < TOLD_MAX; i++) {
        buf_append_text(&text, i == 0 ? ": " : "; ");
        tell_condition(&evidence[i], &text);
    }
    const char *copy = arena_dup(arena, buf_span(&text));
    buf_deinit(&text);
    return copy;
}

// ---- What is shown ------------------------------------------------------------------------------

static int prompt_cmp(const void *x, const void *y)
{
    const struct router_prompt *a = x, *b = y;
    if (a->priority != b->priority)
        return a->priority > b->priority ? -1 : 1;
    if (a->since_ms != b->since_ms)
        return a->since_ms < b->since_ms ? -1 : 1;
    return strcmp(a->name, b->name);
}

static struct router_prompt shown(const struct prompt *prompt, const struct why *why,
                                  struct arena *arena)
{
    return (struct router_prompt){
        .name = arena_dup(arena, span_of(prompt->name)),
        .text = arena_dup(arena, span_of(prompt->text)),
        .offer = arena_dup(arena, span_of(prompt->offer)),
        .link = arena_dup(arena, span_of(prompt->link)),
        .reason = tell(why, arena),
        .lead_id = why->lead != NULL ? arena_dup(arena, span_of(why->lead->id)) : "",
        .priority = prompt->priority,
        .since_ms = why->since_ms,
        .expires_at_ms = prompt->expires_ms == 0 ? 0 : why->since_ms + prompt->expires_ms,
    };
}

static bool viewer_find(const struct router_core *core, struct span account, struct span user,
                        int64_t now_ms, struct viewer *v)
{
    *v = (struct viewer){.core = core, .now_ms = now_ms};
    v->account = router_state_account_find(core, account);
    if (v->account == NULL || account_is_organization(v->account) || core->playbook == NULL)
        return false;
    if (user.len > 0)
        v->user = router_state_user((struct account *)v->account, user, false);
    know_customer(v);
    return user.len == 0 || v->user != NULL;
}

size_t router_core_prompts(const struct router_core *core, struct span account, struct span user,
                           int64_t now_ms, struct arena *arena, const struct router_prompt **out)
{
    *out = NULL;
    struct viewer v;
    if (!viewer_find(core, account, user, now_ms, &v) || is_left_alone(&v))
        return 0;
    const struct playbook *playbook = core->playbook;
    struct router_prompt *prompts =
        arena_alloc(arena, ((size_t)playbook->n_prompts + 1) * sizeof *prompts);
    size_t n = 0;
    for (int32_t i = 0; i < playbook->n_prompts; i++) {
        const struct prompt *prompt = &playbook->prompts[i];
        struct why why;
        if (reason_for(&v, prompt, &why) &&
            !keeps_away(answer_of(&v, prompt->name), prompt, why.since_ms, now_ms))
            prompts[n++] = shown(prompt, &why, arena);
    }
    qsort(prompts, n, sizeof *prompts, prompt_cmp);
    *out = prompts;
    return n < ROUTER_PROMPTS_MAX ? n : ROUTER_PROMPTS_MAX;
}

// ---- Answers ------------------------------------------------------------------------------------

static const struct prompt *prompt_named(const struct router_core *core, struct span name)
{
    const struct playbook *playbook = core->playbook;
    for (int32_t i = 0; playbook != NULL && i < playbook->n_prompts; i++)
        if (span_is(name, playbook->prompts[i].name))
            return &playbook->prompts[i];
    return NULL;
}

// The user's answer to the prompt, or room for it: where all is taken the oldest goes.
static struct answered *answered_at(struct subject *subject, const char *prompt)
{
    struct answered *oldest = subject->answered;
    for (uint32_t i = 0; i < subject->n_answered; i++) {
        if (subject->answered[i].prompt == prompt)
            return &subject->answered[i];
        if (subject->answered[i].at_ms < oldest->at_ms)
            oldest = &subject->answered[i];
    }
    if (subject->n_answered == ROUTER_ANSWERS_MAX)
        return oldest;
    STATE_GROW(subject->answered, subject->n_answered, subject->answered_cap);
    return &subject->answered[subject->n_answered++];
}

static const char *answer_text(enum router_answer answer)
{
    return answer == ROUTER_DISMISSED ? "dismissed" : "converted";
}

static void take_answer(struct router_core *core, const struct viewer *v,
                        const struct prompt *prompt, enum router_answer answer,
                        struct router_effects *effects)
{
    struct why why;
    bool shown_now = reason_for(v, prompt, &why);
    int64_t since_ms = shown_now ? why.since_ms : v->now_ms;
    const struct answered *before = answer_of(v, prompt->name);
    bool same = before != NULL && before->answer == (int)answer;
    if (same && (!shown_now || keeps_away(before, prompt, since_ms, v->now_ms)))
        return;
    struct subject *subject = (struct subject *)(v->user != NULL ? v->user : &v->account->self);
    const char *name = router_state_intern(core, span_of(prompt->name));
    *answered_at(subject, name) = (struct answered){name, answer, v->now_ms, since_ms};
    router_state_account_changed(core, (struct account *)v->account);
    struct router_decision *d = router_decision_add(core, effects, ROUTER_DECISION_PROMPT);
    d->account = span_of(v->account->id);
    d->user = span_of(subject->id);
    d->prompt = name;
    d->change = answer_text(answer);
    d->at_ms = d->known_at_ms = v->now_ms;
}

enum err router_core_answer_prompt(struct router_core *core, int64_t now_ms, struct span account,
                                   struct span user, struct span prompt, enum router_answer answer,
                                   struct router_effects *effects, struct err_info *info)
{
    router_core_tick(core, now_ms, effects);
    if (answer != ROUTER_DISMISSED && answer != ROUTER_CONVERTED)
        return err_set(info, ERR_INVALID, "answer: %d is none", (int)answer);
    struct viewer v;
    if (!viewer_find(core, account, user, router_leads_now(core).known_at_ms, &v))
        return v.account == NULL
                   ? err_set(info, ERR_NOT_FOUND, "account_id: there is no \"" SPAN_FMT "\"",
                             SPAN_ARG(account))
                   : err_set(info, ERR_NOT_FOUND, "user_id: there is no \"" SPAN_FMT "\"",
                             SPAN_ARG(user));
    const struct prompt *found = prompt_named(core, prompt);
    if (found == NULL)
        return err_set(info, ERR_NOT_FOUND, "prompt: there is no \"" SPAN_FMT "\"",
                       SPAN_ARG(prompt));
    take_answer(core, &v, found, answer, effects);
    return ERR_OK;
}
