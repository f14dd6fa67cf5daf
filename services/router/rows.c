// SPDX-License-Identifier: Apache-2.0
#include "services/router/rows.h"

#include "assay/record/v1/record_router.pb-c.h"
#include "common/base/arena.h"
#include "common/base/mem.h"
#include "services/router/core/state.h"

enum { ROUTER_KEY = 1 }; // of the only row of its table
// What counts up never gets there, nor does a clock: more can be added to both.
static const uint64_t COUNT_MAX = UINT64_MAX / 2;
static const int64_t CLOCK_MAX_MS = INT64_MAX / 2;

struct router_rows {
    struct router_core *core;
    struct arena arena; // of the row in work
    struct buf bytes;
    uint64_t leases_saved;   // number of the last remembered request that is stored
    uint64_t leases_dropped; // up to here they are deleted
    char *playbook_file;
    struct buf playbook_text;
    bool has_router;
};

struct router_rows *router_rows_create(struct router_core *core)
{
    struct router_rows *rows = mem_zalloc(sizeof *rows);
    rows->core = core;
    arena_init(&rows->arena, 64 * 1024, 0);
    return rows;
}

void router_rows_destroy(struct router_rows *rows)
{
    if (rows == NULL)
        return;
    arena_deinit(&rows->arena);
    buf_deinit(&rows->bytes);
    buf_deinit(&rows->playbook_text);
    mem_free(rows->playbook_file);
    mem_free(rows);
}

static char *text_of(struct span s, struct arena *arena)
{
    return arena_dup(arena, s);
}

// ---- Out
// ------------------------------------------------------------------------------------------

static Assay__Record__V1__HeldEvidenceRecord **write_evidence(const struct router_evidence *in,
                                                              size_t n, struct arena *arena)
{
    Assay__Record__V1__HeldEvidenceRecord **out = arena_alloc(arena, (n + 1) * sizeof *out);
    for (size_t i = 0; i < n; i++) {
        out[i] = arena_alloc(arena, sizeof *out[i]);
        assay__record__v1__held_evidence_record__init(out[i]);
        out[i]->condition = text_of(in[i].condition, arena);
        out[i]->value = text_of(in[i].value, arena);
        out[i]->threshold = text_of(in[i].threshold, arena);
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
    out->evidence = write_evidence(held->evidence, held->n_evidence, arena);
    out->episode = held->episode;
    out->label = (char *)held->label;
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
    return out;
}

static void put(struct router_rows *rows, enum router_table table, uint64_t key,
                const ProtobufCMessage *message, router_row_put cb, void *arg)
{
    buf_clear(&rows->bytes);
    size_t n = protobuf_c_message_get_packed_size(message);
    protobuf_c_message_pack(message, buf_reserve(&rows->bytes, n + 1));
    rows->bytes.len = n;
    cb(arg, table, key, buf_span(&rows->bytes));
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

static void put_account(struct router_rows *rows, const struct account *account, router_row_put cb,
                        void *arg)
{
    arena_reset(&rows->arena);
    Assay__Record__V1__RouterAccountRecord record = ASSAY__RECORD__V1__ROUTER_ACCOUNT_RECORD__INIT;
    record.account_id = account->id;
    record.subjects = arena_alloc(&rows->arena, (account->n_users + 1) * sizeof *record.subjects);
    record.subjects[record.n_subjects++] = write_subject(&account->self, &rows->arena);
    for (uint32_t i = 0; i < account->n_users; i++)
        record.subjects[record.n_subjects++] = write_subject(account->users[i], &rows->arena);
    write_history(account, &rows->arena, &record);
    put(rows, ROUTER_TABLE_ACCOUNTS, account->number, &record.base, cb, arg);
}

static void write_contacts(const struct router_lead *lead, struct arena *arena,
                           Assay__Record__V1__LeadRecord *out)
{
    out->n_contacts = lead->n_contacts;
    out->contacts = arena_alloc(arena, (lead->n_contacts + 1) * sizeof *out->contacts);
    for (uint32_t i = 0; i < lead->n_contacts; i++) {
        Assay__Record__V1__LeadContactRecord *contact = arena_alloc(arena, sizeof *contact);
        assay__record__v1__lead_contact_record__init(contact);
        contact->user_id = (char *)lead->contacts[i].user_id;
        contact->at_ms = lead->contacts[i].at_ms;
        out->contacts[i] = contact;
    }
}

static void put_lead(struct router_rows *rows, const struct router_lead *lead, router_row_put cb,
                     void *arg)
{
    arena_reset(&rows->arena);
    Assay__Record__V1__LeadRecord record = ASSAY__RECORD__V1__LEAD_RECORD__INIT;
    record.lead_id = (char *)lead->id;
    record.account = lead->account;
    record.state = lead->state;
    record.motion = (char *)lead->motion;
    record.queue = (char *)lead->queue;
    record.priority = lead->priority;
    record.n_reasons = lead->n_reasons;
    record.reasons = (char **)lead->reasons;
    record.n_evidence = lead->n_evidence;
    record.evidence = write_evidence(lead->evidence, lead->n_evidence, &rows->arena);
    write_contacts(lead, &rows->arena, &record);
    record.created_at_ms = lead->created_at_ms;
    record.known_at_ms = lead->known_at_ms;
    record.playbook = (char *)lead->playbook;
    record.attempts = lead->attempts;
    if (lead->consumer != NULL)
        record.consumer = lead->consumer;
    record.lease_until_ms = lead->lease_until_ms;
    record.outcome = (char *)lead->outcome;
    record.completed_at_ms = lead->completed_at_ms;
    record.route = (char *)lead->route;
    record.parked_reason = (char *)lead->parked_reason;
    record.n_definitions = record.n_labels = lead->n_definitions;
    record.definitions = (char **)lead->definitions;
    record.labels = (char **)lead->labels;
    record.message = (char *)lead->message;
    if (lead->ended_reason != NULL)
        record.ended_reason = lead->ended_reason;
    record.completed_offset = lead->completed_offset;
    record.account_clock_ms = lead->account_clock_ms;
    put(rows, ROUTER_TABLE_LEADS, lead->serial, &record.base, cb, arg);
}

static void put_leases(struct router_rows *rows, router_row_put cb, void *arg)
{
    const struct router_core *core = rows->core;
    uint64_t last = core->last_remembered;
    uint64_t oldest = last > ROUTER_REMEMBERED_MAX ? last - ROUTER_REMEMBERED_MAX : 0;
    for (; rows->leases_dropped < oldest; rows->leases_dropped++)
        if (rows->leases_dropped < rows->leases_saved)
            cb(arg, ROUTER_TABLE_LEASES, rows->leases_dropped + 1, (struct span){NULL, 0});
    uint64_t number = rows->leases_saved > oldest ? rows->leases_saved : oldest;
    while (number++ < last) {
        const struct remembered *r = &core->remembered[number % ROUTER_REMEMBERED_MAX];
        Assay__Record__V1__RememberedLeaseRecord record =
            ASSAY__RECORD__V1__REMEMBERED_LEASE_RECORD__INIT;
        record.consumer = r->consumer;
        record.request_id = r->request_id;
        record.n_leads = record.n_attempts = r->n;
        record.leads = r->leads;
        record.attempts = r->attempts;
        put(rows, ROUTER_TABLE_LEASES, number, &record.base, cb, arg);
    }
    rows->leases_saved = last;
}

static void put_router(struct router_rows *rows, router_row_put cb, void *arg)
{
    arena_reset(&rows->arena);
    const struct router_core *core = rows->core;
    Assay__Record__V1__RouterRecord record = ASSAY__RECORD__V1__ROUTER_RECORD__INIT;
    record.n_lanes = core->n_marks;
    record.lanes = arena_alloc(&rows->arena, (core->n_marks + 1) * sizeof *record.lanes);
    for (size_t i = 0; i < core->n_marks; i++) {
        Assay__Record__V1__LaneMarkRecord *mark = arena_alloc(&rows->arena, sizeof *mark);
        assay__record__v1__lane_mark_record__init(mark);
        mark->lane = core->marks[i].lane;
        mark->position = core->marks[i].position;
        mark->index = core->marks[i].index;
        record.lanes[i] = mark;
    }
    record.last_decision = core->last_decision;
    record.clock_ms = core->clock_ms;
    record.n_signals = core->n_signals;
    record.reported = core->reported;
    if (core->playbook != NULL) {
        record.playbook_file = (char *)core->playbook->file;
        record.playbook_text.data = (uint8_t *)core->playbook->text.ptr;
        record.playbook_text.len = core->playbook->text.len;
    }
    put(rows, ROUTER_TABLE_ROUTER, ROUTER_KEY, &record.base, cb, arg);
}

void router_rows_take(struct router_rows *rows, router_row_put cb, void *arg)
{
    struct router_core *core = rows->core;
    for (size_t i = 0; i < core->n_dirty_accounts; i++) {
        struct account *account = core->accounts[core->dirty_accounts[i]];
        account->dirty = false;
        put_account(rows, account, cb, arg);
    }
    core->n_dirty_accounts = 0;
    for (size_t i = 0; i < core->n_dirty_leads; i++) {
        struct router_lead *lead = core->leads[core->dirty_leads[i] - 1];
        lead->dirty = false;
        put_lead(rows, lead, cb, arg);
    }
    core->n_dirty_leads = 0;
    put_leases(rows, cb, arg);
    put_router(rows, cb, arg);
    arena_reset(&rows->arena);
}

// ---- In
// -------------------------------------------------------------------------------------------

// Our own rows need no bound on what they unpack to.
static void *row_alloc(void *arg, size_t n)
{
    return arena_alloc(arg, n);
}

static void row_free(void *arg, void *p)
{
    (void)arg;
    (void)p;
}

static void *unpack(struct router_rows *rows, const ProtobufCMessageDescriptor *type,
                    struct span value)
{
    arena_reset(&rows->arena);
    ProtobufCAllocator allocator = {row_alloc, row_free, &rows->arena};
    return protobuf_c_message_unpack(type, &allocator, value.len, value.ptr);
}

static enum err corrupt(struct err_info *info, const char *what)
{
    return err_set(info, ERR_CORRUPT, "%s", what);
}

static struct router_evidence *read_evidence(Assay__Record__V1__HeldEvidenceRecord *const *in,
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
    return router_state_evidence_copy(items, n, n_out);
}

static bool read_held(struct router_core *core, const Assay__Record__V1__HeldSignalRecord *in,
                      struct subject *subject)
{
    const char *name = router_state_intern(core, span_of(in->name));
    if (router_state_held(subject, name, false) != NULL)
        return false;
    struct held *held = router_state_held(subject, name, true);
    held->value = in->value;
    held->ever = in->ever;
    held->at_ms = in->at_ms;
    held->known_at_ms = in->known_at_ms;
    held->event_id = mem_dup(span_of(in->event_id));
    held->evidence = read_evidence(in->evidence, in->n_evidence, &held->n_evidence);
    held->episode = in->episode;
    held->label = router_state_intern(core, span_of(in->label));
    return true;
}

static bool read_qualified(struct router_core *core, const Assay__Record__V1__QualifiedRecord *in,
                           struct subject *subject)
{
    const char *definition = router_state_intern(core, span_of(in->definition));
    if (in->stage < 1 || in->stage > ROUTER_STAGES ||
        router_standing_find(subject, definition) != NULL)
        return false;
    struct qualified *q = router_standing_add(subject, definition);
    q->role = (enum router_stage)in->stage;
    q->label = router_state_intern(core, span_of(in->label));
    q->episode = in->episode;
    q->at_ms = in->at_ms;
    q->event_id = mem_dup(span_of(in->event_id));
    q->left = in->left;
    q->left_at_ms = in->left_at_ms;
    q->left_reason = in->left_reason[0] != '\0' ? mem_dup_text(in->left_reason) : NULL;
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
    return true;
}

static bool read_history(struct router_core *core, const Assay__Record__V1__RouterAccountRecord *in,
                         struct account *account)
{
    if (in->n_history > ROUTER_HISTORY_MAX)
        return false;
    account->history = mem_alloc((in->n_history + 1) * sizeof *account->history);
    for (size_t i = 0; i < in->n_history; i++)
        account->history[account->n_history++] = (struct router_stage_change){
            .stage = router_state_intern(core, span_of(in->history[i]->stage)),
            .since_ms = in->history[i]->since_ms,
            .event_id = mem_dup(span_of(in->history[i]->event_id)),
        };
    return router_standing_restore_stage(core, account);
}

static enum err load_account(struct router_rows *rows, uint64_t key, struct span value,
                             struct err_info *info)
{
    struct router_core *core = rows->core;
    const Assay__Record__V1__RouterAccountRecord *in =
        unpack(rows, &assay__record__v1__router_account_record__descriptor, value);
    if (in == NULL)
        return corrupt(info, "not an account's record");
    if (key != core->n_accounts || router_state_account_find(core, span_of(in->account_id)) != NULL)
        return corrupt(info, "an account is missing or twice there");
    struct account *account = router_state_account_add(core, span_of(in->account_id));
    for (size_t i = 0; i < in->n_subjects; i++) {
        const Assay__Record__V1__SubjectSignalsRecord *subject = in->subjects[i];
        struct span user = span_of(subject->user_id);
        struct subject *to =
            user.len == 0 ? &account->self : router_state_user(account, user, true);
        if (!read_subject(core, subject, to))
            return corrupt(info, "an account's record makes no sense");
    }
    if (!read_history(core, in, account))
        return corrupt(info, "an account's history makes no sense");
    return ERR_OK;
}

static bool read_contacts(const Assay__Record__V1__LeadRecord *in, struct account *account,
                          struct router_lead *lead)
{
    for (size_t i = 0; i < in->n_contacts; i++) {
        const struct subject *user =
            router_state_user(account, span_of(in->contacts[i]->user_id), false);
        if (user == NULL || lead->n_contacts >= ROUTER_CONTACTS_MAX)
            return false;
        MEM_GROW(lead->contacts, lead->n_contacts, lead->contacts_cap);
        lead->contacts[lead->n_contacts++] =
            (struct router_contact){user->id, in->contacts[i]->at_ms};
    }
    return true;
}

static void read_lead(struct router_core *core, const Assay__Record__V1__LeadRecord *in,
                      struct router_lead *lead)
{
    lead->state = (enum router_lead_state)in->state;
    lead->motion = router_state_intern(core, span_of(in->motion));
    lead->queue = router_state_intern(core, span_of(in->queue));
    lead->priority = in->priority;
    lead->n_reasons =
        (uint32_t)(in->n_reasons < ROUTER_REASONS_MAX ? in->n_reasons : ROUTER_REASONS_MAX);
    lead->reasons = mem_alloc((lead->n_reasons + 1) * sizeof *lead->reasons);
    for (uint32_t i = 0; i < lead->n_reasons; i++)
        lead->reasons[i] = router_state_intern(core, span_of(in->reasons[i]));
    lead->evidence = read_evidence(in->evidence, in->n_evidence, &lead->n_evidence);
    lead->created_at_ms = in->created_at_ms;
    lead->known_at_ms = in->known_at_ms;
    lead->playbook = router_state_intern(core, span_of(in->playbook));
    lead->attempts = in->attempts;
    if (in->consumer[0] != '\0')
        lead->consumer = mem_dup(span_of(in->consumer));
    lead->lease_until_ms = in->lease_until_ms;
    lead->outcome = router_state_intern(core, span_of(in->outcome));
    lead->completed_at_ms = in->completed_at_ms;
    lead->route = router_state_intern(core, span_of(in->route));
    lead->parked_reason = router_state_intern(core, span_of(in->parked_reason));
    lead->message = router_state_intern(core, span_of(in->message));
    for (size_t i = 0; i < in->n_definitions && i < in->n_labels && i < ROUTER_DEFINITIONS_MAX;
         i++) {
        lead->definitions[i] = router_state_intern(core, span_of(in->definitions[i]));
        lead->labels[i] = router_state_intern(core, span_of(in->labels[i]));
        lead->n_definitions++;
    }
    if (in->ended_reason[0] != '\0')
        lead->ended_reason = mem_dup_text(in->ended_reason);
    lead->completed_offset = in->completed_offset;
    lead->account_clock_ms = in->account_clock_ms;
}

static enum err load_lead(struct router_rows *rows, uint64_t key, struct span value,
                          struct err_info *info)
{
    struct router_core *core = rows->core;
    const Assay__Record__V1__LeadRecord *in =
        unpack(rows, &assay__record__v1__lead_record__descriptor, value);
    if (in == NULL || in->state < ROUTER_WAITING || in->state > ROUTER_PARKED ||
        span_of(in->lead_id).len >= ROUTER_LEAD_ID_BYTES)
        return corrupt(info, "not a lead's record");
    if ((in->state == ROUTER_WAITING && in->consumer[0] != '\0') ||
        (in->state == ROUTER_LEASED && in->consumer[0] == '\0'))
        return corrupt(info, "a lead that waits has a consumer, or one that is leased has none");
    if (key != core->n_leads + 1 || in->account >= core->n_accounts ||
        router_leads_open(core->accounts[in->account]->lead))
        return corrupt(info, "a lead is missing, or its account is not there or has one already");
    struct account *account = core->accounts[in->account];
    struct router_lead *lead = router_state_lead_add(core, account, in->lead_id);
    read_lead(core, in, lead);
    if (!read_contacts(in, account, lead))
        return corrupt(info, "a lead's contact is no user of its account");
    return ERR_OK;
}

static enum err load_lease(struct router_rows *rows, uint64_t key, struct span value,
                           struct err_info *info)
{
    struct router_core *core = rows->core;
    const Assay__Record__V1__RememberedLeaseRecord *in =
        unpack(rows, &assay__record__v1__remembered_lease_record__descriptor, value);
    if (in == NULL || in->n_leads != in->n_attempts || in->n_leads > ROUTER_LEASE_LEADS_MAX ||
        key <= core->last_remembered || key > COUNT_MAX)
        return corrupt(info, "not a lease's record");
    for (size_t i = 0; i < in->n_leads; i++)
        if (in->leads[i] == 0 || in->leads[i] > core->n_leads)
            return corrupt(info, "a lease of a lead that is not there");
    struct remembered *r = router_state_remembered_add(
        core, key, span_of(in->consumer), span_of(in->request_id), (uint32_t)in->n_leads);
    for (size_t i = 0; i < in->n_leads; i++) {
        r->leads[i] = in->leads[i];
        r->attempts[i] = in->attempts[i];
    }
    return ERR_OK;
}

static enum err load_router(struct router_rows *rows, uint64_t key, struct span value,
                            struct err_info *info)
{
    struct router_core *core = rows->core;
    const Assay__Record__V1__RouterRecord *in =
        unpack(rows, &assay__record__v1__router_record__descriptor, value);
    if (in == NULL || key != ROUTER_KEY || rows->has_router)
        return corrupt(info, "not the router's record");
    if (in->last_decision > COUNT_MAX || in->clock_ms > CLOCK_MAX_MS)
        return corrupt(info, "the router's record says what cannot be");
    rows->has_router = true;
    for (size_t i = 0; i < in->n_lanes; i++) {
        struct router_mark *mark = router_state_mark(core, in->lanes[i]->lane, true);
        mark->position = in->lanes[i]->position;
        mark->index = in->lanes[i]->index;
    }
    core->last_decision = in->last_decision;
    core->clock_ms = in->clock_ms;
    core->n_signals = in->n_signals;
    core->reported = in->reported;
    rows->playbook_file = mem_dup(span_of(in->playbook_file));
    buf_append(&rows->playbook_text, in->playbook_text.data, in->playbook_text.len);
    return ERR_OK;
}

enum err router_rows_load(struct router_rows *rows, enum router_table table, uint64_t key,
                          struct span value, struct err_info *info)
{
    switch (table) {
    case ROUTER_TABLE_ACCOUNTS:
        return load_account(rows, key, value, info);
    case ROUTER_TABLE_LEADS:
        return load_lead(rows, key, value, info);
    case ROUTER_TABLE_LEASES:
        return load_lease(rows, key, value, info);
    case ROUTER_TABLE_ROUTER:
        return load_router(rows, key, value, info);
    case ROUTER_TABLE_DECISIONS:
    case ROUTER_TABLES:
        break;
    }
    return ERR_OK;
}

static enum err restore_playbook(struct router_rows *rows, router_playbook_load load,
                                 struct err_info *info)
{
    struct playbook *playbook;
    struct buf report = {0};
    enum err err = load(rows->playbook_file, buf_span(&rows->playbook_text), &playbook, &report);
    if (err == ERR_OK) {
        router_state_restore_playbook(rows->core, playbook);
    } else {
        buf_append_u8(&report, 0);
        err = err_set(info, ERR_CORRUPT, "the stored playbook cannot be read: %s",
                      (const char *)report.bytes);
    }
    buf_deinit(&report);
    return err;
}

enum err router_rows_loaded(struct router_rows *rows, router_playbook_load load,
                            struct err_info *info)
{
    struct router_core *core = rows->core;
    if (!rows->has_router && (core->n_accounts > 0 || core->n_leads > 0))
        return corrupt(info, "there are accounts, but not the router's record");
    enum err err = ERR_OK;
    if (rows->playbook_text.len > 0)
        err = restore_playbook(rows, load, info);
    buf_deinit(&rows->playbook_text);
    if (err == ERR_OK && !router_state_restored(core))
        err = corrupt(info, "a lead waits in no queue");
    rows->leases_saved = core->last_remembered;
    uint64_t kept = 0;
    for (uint32_t i = 0; i < ROUTER_REMEMBERED_MAX; i++)
        kept += core->remembered[i].number != 0;
    rows->leases_dropped = core->last_remembered - kept;
    return err;
}
