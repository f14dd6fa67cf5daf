// SPDX-License-Identifier: Apache-2.0
#include "services/router/rows.h"

#include "common/base/mem.h"
#include "services/router/rows_impl.h"

enum { ROUTER_KEY = 1 }; // of the only row of its table

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

// ---- Out ----------------------------------------------------------------------------------------

void rows_put(struct router_rows *rows, enum router_table table, struct span key,
              const ProtobufCMessage *message, router_row_put cb, void *arg)
{
    buf_clear(&rows->bytes);
    size_t n = protobuf_c_message_get_packed_size(message);
    protobuf_c_message_pack(message, buf_reserve(&rows->bytes, n + 1));
    rows->bytes.len = n;
    cb(arg, table, key, buf_span(&rows->bytes));
}

void rows_put_number(struct router_rows *rows, enum router_table table, uint64_t number,
                     const ProtobufCMessage *message, router_row_put cb, void *arg)
{
    rows_put(rows, table, (struct span){&number, sizeof number}, message, cb, arg);
}

static void put_leases(struct router_rows *rows, router_row_put cb, void *arg)
{
    const struct router_core *core = rows->core;
    uint64_t last = core->last_remembered;
    uint64_t oldest = last > ROUTER_REMEMBERED_MAX ? last - ROUTER_REMEMBERED_MAX : 0;
    for (; rows->leases_dropped < oldest; rows->leases_dropped++) {
        uint64_t key = rows->leases_dropped + 1;
        if (key <= rows->leases_saved)
            cb(arg, ROUTER_TABLE_LEASES, (struct span){&key, sizeof key}, (struct span){NULL, 0});
    }
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
        rows_put_number(rows, ROUTER_TABLE_LEASES, number, &record.base, cb, arg);
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
    rows_put_number(rows, ROUTER_TABLE_ROUTER, ROUTER_KEY, &record.base, cb, arg);
}

void router_rows_take(struct router_rows *rows, router_row_put cb, void *arg)
{
    struct router_core *core = rows->core;
    for (size_t i = 0; i < core->n_dirty_accounts; i++) {
        struct account *account = core->accounts[core->dirty_accounts[i]];
        account->dirty = false;
        rows_put_account(rows, account, cb, arg);
    }
    core->n_dirty_accounts = 0;
    for (size_t i = 0; i < core->n_dirty_leads; i++) {
        struct router_lead *lead = core->leads[core->dirty_leads[i] - 1];
        lead->dirty = false;
        rows_put_lead(rows, lead, cb, arg);
    }
    core->n_dirty_leads = 0;
    for (size_t i = 0; i < core->n_crews; i++) {
        if (core->crews[i]->dirty)
            rows_put_crew(rows, core->crews[i], cb, arg);
        core->crews[i]->dirty = false;
    }
    put_leases(rows, cb, arg);
    put_router(rows, cb, arg);
    arena_reset(&rows->arena);
}

// ---- In -----------------------------------------------------------------------------------------

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

void *rows_unpack_inner(struct router_rows *rows, const ProtobufCMessageDescriptor *type,
                        struct span value)
{
    ProtobufCAllocator allocator = {row_alloc, row_free, &rows->arena};
    return protobuf_c_message_unpack(type, &allocator, value.len, value.ptr);
}

void *rows_unpack(struct router_rows *rows, const ProtobufCMessageDescriptor *type,
                  struct span value)
{
    arena_reset(&rows->arena);
    return rows_unpack_inner(rows, type, value);
}

enum err rows_corrupt(struct err_info *info, const char *what)
{
    return err_set(info, ERR_CORRUPT, "%s", what);
}

bool rows_number(struct span key, uint64_t *out)
{
    if (key.len != sizeof *out)
        return false;
    memcpy(out, key.ptr, sizeof *out);
    return true;
}

static enum err load_lease(struct router_rows *rows, uint64_t key, struct span value,
                           struct err_info *info)
{
    struct router_core *core = rows->core;
    const Assay__Record__V1__RememberedLeaseRecord *in =
        rows_unpack(rows, &assay__record__v1__remembered_lease_record__descriptor, value);
    if (in == NULL || in->n_leads != in->n_attempts || in->n_leads > ROUTER_LEASE_LEADS_MAX ||
        key <= core->last_remembered || key > ROWS_COUNT_MAX)
        return rows_corrupt(info, "not a lease's record");
    for (size_t i = 0; i < in->n_leads; i++)
        if (in->leads[i] == 0 || in->leads[i] > core->n_leads)
            return rows_corrupt(info, "a lease of a lead that is not there");
    struct remembered *r = router_state_remembered_add(
        core, key, span_of(in->consumer), span_of(in->request_id), (uint32_t)in->n_leads);
    for (size_t i = 0; i < in->n_leads; i++) {
        r->leads[i] = in->leads[i];
        r->attempts[i] = in->attempts[i];
    }
    return ERR_OK;
}

static bool clock_fits(int64_t clock_ms)
{
    return clock_ms == STATE_NEVER || rows_time_fits(clock_ms);
}

// An older router's clock did not move with signals: it may never have been set.
static int64_t last_known_ms(const struct router_core *core)
{
    int64_t last_ms = STATE_NEVER;
    for (size_t i = 0; i < core->n_leads; i++)
        if (core->leads[i]->known_at_ms > last_ms)
            last_ms = core->leads[i]->known_at_ms;
    return last_ms;
}

static enum err load_router(struct router_rows *rows, uint64_t key, struct span value,
                            struct err_info *info)
{
    struct router_core *core = rows->core;
    const Assay__Record__V1__RouterRecord *in =
        rows_unpack(rows, &assay__record__v1__router_record__descriptor, value);
    if (in == NULL || key != ROUTER_KEY || rows->has_router)
        return rows_corrupt(info, "not the router's record");
    if (in->last_decision > ROWS_COUNT_MAX || !clock_fits(in->clock_ms))
        return rows_corrupt(info, "the router's record says what cannot be");
    rows->has_router = true;
    for (size_t i = 0; i < in->n_lanes; i++) {
        struct router_mark *mark = router_state_mark(core, in->lanes[i]->lane, true);
        mark->position = in->lanes[i]->position;
        mark->index = in->lanes[i]->index;
    }
    core->last_decision = in->last_decision;
    core->clock_ms = in->clock_ms != STATE_NEVER ? in->clock_ms : last_known_ms(core);
    core->n_signals = in->n_signals;
    core->reported = in->reported;
    rows->playbook_file = mem_dup(span_of(in->playbook_file));
    buf_append(&rows->playbook_text, in->playbook_text.data, in->playbook_text.len);
    return ERR_OK;
}

enum err router_rows_load(struct router_rows *rows, enum router_table table, struct span key,
                          struct span value, struct err_info *info)
{
    uint64_t number = 0;
    if (table != ROUTER_TABLE_TEAMS && !rows_number(key, &number))
        return rows_corrupt(info, "a row's key is no number");
    switch (table) {
    case ROUTER_TABLE_ACCOUNTS:
        return rows_load_account(rows, number, value, info);
    case ROUTER_TABLE_LEADS:
        return rows_load_lead(rows, number, value, info);
    case ROUTER_TABLE_LEASES:
        return load_lease(rows, number, value, info);
    case ROUTER_TABLE_ROUTER:
        return load_router(rows, number, value, info);
    case ROUTER_TABLE_TEAMS:
        return rows_load_crew(rows, key, value, info);
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
        return rows_corrupt(info, "there are accounts, but not the router's record");
    enum err err = ERR_OK;
    if (rows->playbook_text.len > 0)
        err = restore_playbook(rows, load, info);
    buf_deinit(&rows->playbook_text);
    if (err == ERR_OK && !router_state_restored(core))
        err = rows_corrupt(info, "a lead waits in no queue, or other rows contradict each other");
    rows->leases_saved = core->last_remembered;
    uint64_t kept = 0;
    for (uint32_t i = 0; i < ROUTER_REMEMBERED_MAX; i++)
        kept += core->remembered[i].number != 0;
    rows->leases_dropped = core->last_remembered - kept;
    return err;
}
