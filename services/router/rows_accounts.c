// SPDX-License-Identifier: Apache-2.0
// Accounts, organizations and what is held of their users, as rows.
#include "common/base/mem.h"
#include "services/router/core/prompts.h"
#include "services/router/rows_impl.h"

// ---- Out ----------------------------------------------------------------------------------------

Assay__Record__V1__HeldEvidenceRecord **rows_write_evidence(const struct router_evidence *in,
                                                            size_t n, struct arena *arena)
{
    Assay__Record__V1__HeldEvidenceRecord **out = arena_alloc(arena, (n + 1) * sizeof *out);
    for (size_t i = 0; i < n; i++) {
        out[i] = arena_alloc(arena, sizeof *out[i]);
        assay__record__v1__held_evidence_record__init(out[i]);
        out[i]->condition = rows_text(in[i].condition, arena);
        out[i]->value = rows_text(in[i].value, arena);
        out[i]->threshold = rows_text(in[i].threshold, arena);
        out[i]->since_ms = in[i].since_ms;
    }
    return out;
}

static Assay__Record__V1__HeldSignalRecord *write_held(const struct held *held, struct arena *arena)
{
    Assay__Record__V1__HeldSignalRecord *out = arena_alloc(arena, sizeof *out);
    assay__record__v1__held_signal_record__init(out);
    out->name = (char *)held->name;
    out->value = held->value;
    out->ever = held->ever;
    out->at_ms = held->at_ms;
    out->known_at_ms = held->known_at_ms;
    out->event_id = held->event_id;
    out->n_evidence = held->n_evidence;
    out->evidence = rows_write_evidence(held->evidence, held->n_evidence, arena);
    out->episode = held->episode;
    out->label = held->fact != NULL ? held->fact : (char *)held->label;
    return out;
}

static void write_qualified(const struct subject *subject, struct arena *arena,
                            Assay__Record__V1__SubjectSignalsRecord *out)
{
    out->n_qualified = subject->n_qualified;
    out->qualified = arena_alloc(arena, (subject->n_qualified + 1) * sizeof *out->qualified);
    for (uint32_t i = 0; i < subject->n_qualified; i++) {
        const struct qualified *q = &subject->qualified[i];
        Assay__Record__V1__QualifiedRecord *record = arena_alloc(arena, sizeof *record);
        assay__record__v1__qualified_record__init(record);
        record->stage = q->role;
        record->at_ms = q->at_ms;
        record->definition = (char *)q->definition;
        record->label = (char *)q->label;
        record->episode = q->episode;
        record->event_id = q->event_id;
        record->left = q->left;
        record->left_at_ms = q->left_at_ms;
        if (q->left_reason != NULL)
            record->left_reason = q->left_reason;
        out->qualified[i] = record;
    }
}

static void write_answered(const struct subject *subject, struct arena *arena,
                           Assay__Record__V1__SubjectSignalsRecord *out)
{
    out->n_answered = subject->n_answered;
    out->answered = arena_alloc(arena, (subject->n_answered + 1) * sizeof *out->answered);
    for (uint32_t i = 0; i < subject->n_answered; i++) {
        const struct answered *answered = &subject->answered[i];
        Assay__Record__V1__AnsweredPromptRecord *record = arena_alloc(arena, sizeof *record);
        assay__record__v1__answered_prompt_record__init(record);
        record->prompt = (char *)answered->prompt;
        record->answer = (uint32_t)answered->answer;
        record->at_ms = answered->at_ms;
        record->since_ms = answered->since_ms;
        out->answered[i] = record;
    }
}

static Assay__Record__V1__SubjectSignalsRecord *write_subject(const struct subject *subject,
                                                              struct arena *arena)
{
    Assay__Record__V1__SubjectSignalsRecord *out = arena_alloc(arena, sizeof *out);
    assay__record__v1__subject_signals_record__init(out);
    out->user_id = subject->id;
    out->n_signals = subject->n_held;
    out->signals = arena_alloc(arena, (subject->n_held + 1) * sizeof *out->signals);
    for (uint32_t i = 0; i < subject->n_held; i++)
        out->signals[i] = write_held(&subject->held[i], arena);
    write_qualified(subject, arena, out);
    write_answered(subject, arena, out);
    return out;
}

static void write_history(const struct account *account, struct arena *arena,
                          Assay__Record__V1__RouterAccountRecord *out)
{
    out->n_history = account->n_history;
    out->history = arena_alloc(arena, (account->n_history + 1) * sizeof *out->history);
    for (uint32_t i = 0; i < account->n_history; i++) {
        Assay__Record__V1__StageChangeRecord *change = arena_alloc(arena, sizeof *change);
        assay__record__v1__stage_change_record__init(change);
        change->stage = (char *)account->history[i].stage;
        change->since_ms = account->history[i].since_ms;
        change->event_id = account->history[i].event_id;
        out->history[i] = change;
    }
}

void rows_put_account(struct router_rows *rows, const struct account *account, router_row_put cb,
                      void *arg)
{
    arena_reset(&rows->arena);
    Assay__Record__V1__RouterAccountRecord record = ASSAY__RECORD__V1__ROUTER_ACCOUNT_RECORD__INIT;
    record.is_organization = account_is_organization(account);
    record.account_id = account->id + record.is_organization;
    record.customer_since_ms = account->customer_since_ms;
    record.subjects = arena_alloc(&rows->arena, (account->n_users + 1) * sizeof *record.subjects);
    record.subjects[record.n_subjects++] = write_subject(&account->self, &rows->arena);
    for (uint32_t i = 0; i < account->n_users; i++)
        record.subjects[record.n_subjects++] = write_subject(account->users[i], &rows->arena);
    write_history(account, &rows->arena, &record);
    rows_put_number(rows, ROUTER_TABLE_ACCOUNTS, account->number, &record.base, cb, arg);
}

// ---- In -----------------------------------------------------------------------------------------

struct router_evidence *rows_read_evidence(struct router_core *core,
                                           Assay__Record__V1__HeldEvidenceRecord *const *in,
                                           size_t n, uint32_t *n_out)
{
    struct router_evidence items[ROUTER_EVIDENCE_MAX];
    n = n < ROUTER_EVIDENCE_MAX ? n : ROUTER_EVIDENCE_MAX;
    for (size_t i = 0; i < n; i++)
        items[i] = (struct router_evidence){
            .condition = span_of(in[i]->condition),
            .value = span_of(in[i]->value),
            .threshold = span_of(in[i]->threshold),
            .since_ms = in[i]->since_ms,
        };
    return router_state_evidence_copy(core, items, n, n_out);
}

static bool read_held(struct router_core *core, const Assay__Record__V1__HeldSignalRecord *in,
                      struct subject *subject)
{
    const char *name = router_state_intern(core, span_of(in->name));
    if (router_state_held(subject, name, false) != NULL || !rows_time_fits(in->at_ms) ||
        !rows_time_fits(in->known_at_ms))
        return false;
    struct held *held = router_state_held(subject, name, true);
    held->value = in->value;
    held->ever = in->ever;
    held->at_ms = in->at_ms;
    held->known_at_ms = in->known_at_ms;
    held->event_id = router_state_text(core, span_of(in->event_id));
    held->evidence = rows_read_evidence(core, in->evidence, in->n_evidence, &held->n_evidence);
    held->episode = in->episode;
    if (!held->is_fact)
        held->label = router_state_intern(core, span_of(in->label));
    else if (in->value)
        held->fact = mem_dup(span_of(in->label));
    return true;
}

static bool read_qualified(struct router_core *core, const Assay__Record__V1__QualifiedRecord *in,
                           struct subject *subject)
{
    const char *definition = router_state_intern(core, span_of(in->definition));
    if (in->stage < 1 || in->stage > ROUTER_STAGES || !rows_time_fits(in->at_ms) ||
        !rows_time_fits(in->left_at_ms) || router_standing_find(subject, definition) != NULL)
        return false;
    struct qualified *q = router_standing_add(subject, definition);
    q->role = (enum router_stage)in->stage;
    q->label = router_state_intern(core, span_of(in->label));
    q->episode = in->episode;
    q->at_ms = in->at_ms;
    q->event_id = router_state_text(core, span_of(in->event_id));
    q->left = in->left;
    q->left_at_ms = in->left_at_ms;
    q->left_reason = in->left_reason[0] != '\0' ? mem_dup_text(in->left_reason) : NULL;
    return true;
}

static bool read_answered(struct router_core *core,
                          const Assay__Record__V1__SubjectSignalsRecord *in,
                          struct subject *subject)
{
    if (in->n_answered > ROUTER_ANSWERS_MAX)
        return false;
    for (size_t i = 0; i < in->n_answered; i++) {
        const Assay__Record__V1__AnsweredPromptRecord *record = in->answered[i];
        struct answered answered = {
            .prompt = router_state_intern(core, span_of(record->prompt)),
            .answer = (int)record->answer,
            .at_ms = record->at_ms,
            .since_ms = record->since_ms,
        };
        bool known = record->answer == ROUTER_DISMISSED || record->answer == ROUTER_CONVERTED;
        if (!known || !rows_time_fits(answered.at_ms) || !rows_time_fits(answered.since_ms))
            return false;
        for (uint32_t j = 0; j < subject->n_answered; j++)
            if (subject->answered[j].prompt == answered.prompt)
                return false;
        MEM_GROW(subject->answered, subject->n_answered, subject->answered_cap);
        subject->answered[subject->n_answered++] = answered;
    }
    return true;
}

static bool read_subject(struct router_core *core,
                         const Assay__Record__V1__SubjectSignalsRecord *in, struct subject *subject)
{
    for (size_t i = 0; i < in->n_signals; i++)
        if (!read_held(core, in->signals[i], subject))
            return false;
    for (size_t i = 0; i < in->n_qualified; i++)
        if (!read_qualified(core, in->qualified[i], subject))
            return false;
    return read_answered(core, in, subject);
}

static bool read_history(struct router_core *core, const Assay__Record__V1__RouterAccountRecord *in,
                         struct account *account)
{
    if (in->n_history > ROUTER_HISTORY_MAX)
        return false;
    if (in->n_history > 0)
        account->history = mem_alloc(in->n_history * sizeof *account->history);
    for (size_t i = 0; i < in->n_history; i++)
        account->history[account->n_history++] = (struct router_stage_change){
            .stage = router_state_intern(core, span_of(in->history[i]->stage)),
            .since_ms = in->history[i]->since_ms,
            .event_id = router_state_text(core, span_of(in->history[i]->event_id)),
        };
    return router_standing_restore_stage(core, account);
}

// An organization's is its key behind a mark.
static struct span id_of(struct router_rows *rows, const Assay__Record__V1__RouterAccountRecord *in)
{
    if (!in->is_organization)
        return span_of(in->account_id);
    return span_of(arena_printf(&rows->arena, "%c%s", ORGANIZATION_MARK, in->account_id));
}

static enum err read_subjects(struct router_core *core,
                              const Assay__Record__V1__RouterAccountRecord *in,
                              struct account *account, struct err_info *info)
{
    for (size_t i = 0; i < in->n_subjects; i++) {
        const Assay__Record__V1__SubjectSignalsRecord *subject = in->subjects[i];
        struct span user = span_of(subject->user_id);
        if (in->is_organization && (user.len > 0 || subject->n_signals > 0))
            return rows_corrupt(info, "an organization has users or signals of its own");
        struct subject *to =
            user.len == 0 ? &account->self : router_state_user(account, user, true);
        if (!read_subject(core, subject, to))
            return rows_corrupt(info, "an account's record makes no sense");
    }
    return ERR_OK;
}

enum err rows_load_account(struct router_rows *rows, uint64_t number, struct span value,
                           struct err_info *info)
{
    struct router_core *core = rows->core;
    const Assay__Record__V1__RouterAccountRecord *in =
        rows_unpack(rows, &assay__record__v1__router_account_record__descriptor, value);
    if (in == NULL || in->account_id[0] == ORGANIZATION_MARK ||
        !rows_time_fits(in->customer_since_ms))
        return rows_corrupt(info, "not an account's record");
    struct span id = id_of(rows, in);
    if (number != core->n_accounts || router_state_account_find(core, id) != NULL)
        return rows_corrupt(info, "an account is missing or twice there");
    struct account *account = router_state_account_add(core, id);
    account->customer_since_ms = in->customer_since_ms;
    enum err err = read_subjects(core, in, account, info);
    if (err == ERR_OK && !read_history(core, in, account))
        err = rows_corrupt(info, "an account's history makes no sense");
    return err;
}
