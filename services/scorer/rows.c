// SPDX-License-Identifier: Apache-2.0
// A checkpoint: freeze takes the lane's record, the profiles and ids that are new, and the list of
// accounts that changed; seal hands out what freeze took, to be committed last; collect writes
// these accounts as they are by then, a slice at a time. An account that changes again after it was
// written is in the next checkpoint's list.
#include "services/scorer/rows.h"

#include <endian.h>

#include "common/base/mem.h"
#include "common/base/time_text.h"
#include "services/scorer/rows_identity.h"
#include "services/scorer/rows_impl.h"

enum {
    IDS_A_CHUNK = 4096,
    ARENA_BLOCK_BYTES = 64 * 1024,
};

const struct store_table ROWS_TABLE_LIST[ROWS_TABLES] = {
    [ROWS_LANE] = {"lane", STORE_KEY_BYTES},         [ROWS_LAYOUTS] = {"layouts", STORE_KEY_BYTES},
    [ROWS_ACCOUNTS] = {"accounts", STORE_KEY_BYTES}, [ROWS_USERS] = {"users", STORE_KEY_BYTES},
    [ROWS_PROFILES] = {"profiles", STORE_KEY_BYTES}, [ROWS_SEEN] = {"seen", STORE_KEY_BYTES},
    [ROWS_SIGNALS] = {"signals", STORE_KEY_BYTES},   [ROWS_PARTS] = {"parts", STORE_KEY_BYTES},
    [ROWS_MOVES] = {"moves", STORE_KEY_BYTES},
};

// ---- Life cycle ----

struct rows *rows_create(struct core *core, struct rows_lane *lane)
{
    struct rows *rows = mem_zalloc(sizeof *rows);
    rows->core = core;
    rows->lane = lane;
    arena_init(&rows->arena, ARENA_BLOCK_BYTES, 0);
    CHECK(core->playbook == NULL && core->adopt == NULL);
    core->adopt = rows_adopt;
    core->adopt_ctx = rows;
    return rows;
}

static void rows_forget_accounts(struct rows *rows)
{
    mem_free(rows->accounts);
    rows->accounts = NULL;
    rows->n_accounts = rows->next_account = 0;
}

static void rows_forget_sealed(struct rows *rows)
{
    mem_free(rows->ids);
    rows->ids = NULL;
    rows->n_ids = rows->n_puts = 0;
    buf_clear(&rows->bytes);
    rows->frozen = false;
}

static void rows_drop_later(struct rows *rows, size_t at)
{
    mem_free(rows->later[at].key);
    mem_free(rows->later[at].value);
}

void rows_destroy(struct rows *rows)
{
    if (rows == NULL)
        return;
    rows->core->adopt = NULL;
    rows_forget_accounts(rows);
    rows_forget_sealed(rows);
    for (size_t i = 0; i < rows->n_later; i++)
        rows_drop_later(rows, i);
    for (size_t i = 0; i < rows->n_lists; i++)
        rows_lists_deinit(&rows->lists[i]);
    mem_free(rows->later);
    mem_free(rows->restored);
    mem_free(rows->lists);
    mem_free(rows->chunks);
    mem_free(rows->puts);
    buf_deinit(&rows->bytes);
    buf_deinit(&rows->scratch);
    arena_deinit(&rows->arena);
    mem_free(rows);
}

struct rows_lists *rows_find_lists(struct rows *rows, uint64_t hash)
{
    for (size_t i = 0; i < rows->n_lists; i++) {
        if (rows->lists[i].hash == hash)
            return &rows->lists[i];
    }
    return NULL;
}

// ---- Freeze ----

static void rows_hold(struct rows *rows, uint32_t table, struct span key,
                      const ProtobufCMessage *message)
{
    MEM_GROW(rows->puts, rows->n_puts, rows->puts_cap);
    struct rows_put *put = &rows->puts[rows->n_puts++];
    *put = (struct rows_put){.table = table, .key = rows->bytes.len, .key_len = key.len};
    buf_append_span(&rows->bytes, key);
    size_t before = rows->bytes.len;
    rows_pack(message, &rows->bytes);
    put->value_len = rows->bytes.len - before;
}

static void rows_freeze_profiles(struct rows *rows)
{
    struct core *core = rows->core;
    for (size_t i = 0; i < core->n_dirty_profiles; i++) {
        struct profile *profile = core->profiles[core->dirty_profiles[i]];
        Assay__Record__V1__ProfileRecord record = ASSAY__RECORD__V1__PROFILE_RECORD__INIT;
        record.traits = rows_traits_record(profile->traits, &rows->arena, &record.n_traits);
        record.version = profile->version;
        rows_hold(rows, ROWS_PROFILES, span_make(profile->id, profile->id_len), &record.base);
        arena_reset(&rows->arena);
        profile->dirty = false;
    }
    core->n_dirty_profiles = 0;
}

static void rows_freeze_lane(struct rows *rows)
{
    const struct core *core = rows->core;
    const struct rows_lane *lane = rows->lane;
    Assay__Record__V1__LaneRecord record = ASSAY__RECORD__V1__LANE_RECORD__INIT;
    record.n_sources = lane->n_sources;
    record.sources = arena_alloc(&rows->arena, lane->n_sources * sizeof *record.sources);
    for (size_t i = 0; i < lane->n_sources; i++) {
        Assay__Record__V1__SourceRecord *source = arena_alloc(&rows->arena, sizeof *source);
        assay__record__v1__source_record__init(source);
        source->source = lane->sources[i].source;
        source->last_number = lane->sources[i].last_number;
        source->last_received_at_ms = lane->sources[i].last_received_at_ms;
        record.sources[i] = source;
    }
    record.n_moved = lane->n_moved;
    record.moved = arena_alloc(&rows->arena, (lane->n_moved + 1) * sizeof *record.moved);
    for (size_t i = 0; i < lane->n_moved; i++) {
        Assay__Record__V1__MovedMarkRecord *mark = arena_alloc(&rows->arena, sizeof *mark);
        assay__record__v1__moved_mark_record__init(mark);
        mark->lane = lane->moved[i].lane;
        mark->position = lane->moved[i].position;
        mark->index = lane->moved[i].index;
        record.moved[i] = mark;
    }
    record.clock_ms = core->counts.clock_ms;
    record.event_time_max_ms = core->counts.event_time_max_ms;
    record.next_ordinal = core->next_ordinal;
    record.layout = core->layout;
    record.measures = rows_measures_record(core, &rows->arena, &record.n_measures);
    if (core->playbook != NULL) {
        record.playbook_file = arena_dup(&rows->arena, span_of(core->playbook->file));
        record.playbook_text.len = core->playbook->text.len;
        record.playbook_text.data = (uint8_t *)arena_dup(&rows->arena, core->playbook->text);
    }
    record.n_events = core->counts.events;
    record.n_duplicates = core->counts.duplicates;
    record.n_excluded = core->excluded_alone;
    record.confirmed_position = lane->confirmed_position;
    record.confirmed_index = lane->confirmed_index;
    record.received_max_ms =
        core->seen.hour == INT64_MIN ? INT64_MIN : core->seen.hour * (int64_t)TIME_HOUR_MS;
    rows_hold(rows, ROWS_LANE, span_of(ROWS_LANE_KEY), &record.base);
    arena_reset(&rows->arena);
}

void rows_freeze(struct rows *rows, uint64_t position)
{
    struct core *core = rows->core;
    CHECK(!rows->frozen && rows->next_account == rows->n_accounts && !rows->loading);
    rows_forget_accounts(rows);
    rows->frozen = true;
    rows->position = position;
    rows_freeze_profiles(rows);
    rows_freeze_lane(rows);
    rows->accounts = core->dirty;
    rows->n_accounts = core->n_dirty;
    rows->next_account = 0;
    core->dirty = NULL;
    core->n_dirty = core->dirty_cap = 0;
    rows->ids = core->seen.fresh;
    rows->n_ids = core->seen.n_fresh;
    core->seen.fresh = NULL;
    core->seen.n_fresh = core->seen.fresh_cap = 0;
    rows->hour = core->seen.hour;
}

// ---- Collect ----

// A row may follow lists that the store does not know yet. Lists stay for good, a few hundred bytes
// for each playbook that was in force: a row of any age can be read.
static void rows_collect_lists(struct rows *rows, struct fold_rows *out)
{
    if (rows_find_lists(rows, rows->lists_now) != NULL)
        return;
    MEM_GROW(rows->lists, rows->n_lists, rows->lists_cap);
    struct rows_lists *lists = &rows->lists[rows->n_lists++];
    rows_lists_of_plan(rows->core->plan, lists);
    CHECK(lists->hash == rows->lists_now);
    uint64_t key = htobe64(lists->hash);
    buf_clear(&rows->scratch);
    rows_lists_pack(lists, &rows->scratch);
    fold_rows_put(out, ROWS_LAYOUTS, span_make(&key, sizeof key), buf_span(&rows->scratch));
}

// Of a user or a part of an account.
static struct span rows_pair_key(struct rows *rows, struct span account, struct span id)
{
    CHECK(account.len <= ROWS_ID_MAX && id.len <= ROWS_ID_MAX);
    char *key = arena_alloc(&rows->arena, account.len + 1 + id.len);
    memcpy(key, account.ptr, account.len);
    key[account.len] = '\0';
    memcpy(key + account.len + 1, id.ptr, id.len);
    return span_make(key, account.len + 1 + id.len);
}

static void rows_collect_user(struct rows *rows, struct account *account, struct user *user,
                              struct fold_rows *out)
{
    struct core *core = rows->core;
    Assay__Record__V1__UserRecord record = ASSAY__RECORD__V1__USER_RECORD__INIT;
    record.layout = core->layout;
    record.lists = rows->lists_now;
    record.ordinal = user->ordinal;
    record.counted = user->counted;
    record.profile_version = user->profile_version;
    record.subject = rows_subject_record(core->plan, SCOPE_USER, &user->subject, &rows->arena);
    record.traits = rows_traits_record(user->subject.traits, &rows->arena, &record.n_traits);
    rows_own_user_record(core, account, user, &rows->arena, &record);
    buf_clear(&rows->scratch);
    rows_pack(&record.base, &rows->scratch);
    fold_rows_put(out, ROWS_USERS,
                  rows_pair_key(rows, account_id(core, account), user_id(core, user)),
                  buf_span(&rows->scratch));
    arena_reset(&rows->arena);
}

static void rows_collect_account(struct rows *rows, uint64_t position, struct account *account,
                                 struct fold_rows *out)
{
    struct core *core = rows->core;
    const struct plan_scope *shape = &core->plan->scopes[SCOPE_ACCOUNT];
    Assay__Record__V1__AccountRecord record = ASSAY__RECORD__V1__ACCOUNT_RECORD__INIT;
    record.position = position;
    record.layout = core->layout;
    record.lists = rows->lists_now;
    record.ordinal = account->ordinal;
    record.clock_ms = account->clock_ms;
    record.n_users = account->n_users;
    record.created_position = account->created_position;
    record.created_place = account->created_place;
    record.n_excluded = account->n_excluded;
    record.shared.len = core->plan->n_shared;
    record.shared.data = subject_shared(shape, &account->subject);
    record.subject =
        rows_subject_record(core->plan, SCOPE_ACCOUNT, &account->subject, &rows->arena);
    record.traits = rows_traits_record(account->subject.traits, &rows->arena, &record.n_traits);
    rows_own_record(core, account, &rows->arena, &record);
    buf_clear(&rows->scratch);
    rows_pack(&record.base, &rows->scratch);
    struct span id = account_id(core, account);
    CHECK(id.len <= ROWS_ID_MAX);
    fold_rows_put(out, ROWS_ACCOUNTS, id, buf_span(&rows->scratch));
    arena_reset(&rows->arena);
}

static void rows_collect_part(struct rows *rows, struct account *account, struct part *part,
                              struct fold_rows *out)
{
    struct core *core = rows->core;
    struct span id = span_make(part->id, part->id_len);
    buf_clear(&rows->scratch);
    rows_part_pack(core, part, rows->lists_now, &rows->arena, &rows->scratch);
    fold_rows_put(out, ROWS_PARTS, rows_pair_key(rows, account_id(core, account), id),
                  buf_span(&rows->scratch));
    part->dirty = false;
    arena_reset(&rows->arena);
}

// How many rows they are. One that is gone may be there anew.
static size_t rows_collect_parts(struct rows *rows, struct account *account, struct fold_rows *out)
{
    struct parts *parts = account->parts;
    size_t n = 0;
    if (parts == NULL)
        return 0;
    for (uint32_t i = 0; i < parts->n_gone; i++, n++) {
        struct span id = span_of(parts->gone[i]);
        fold_rows_delete(out, ROWS_PARTS, rows_pair_key(rows, account_id(rows->core, account), id));
        mem_free(parts->gone[i]);
        arena_reset(&rows->arena);
    }
    parts->n_gone = 0;
    for (uint32_t i = 0; i < parts->n; i++) {
        if (!parts->items[i]->dirty)
            continue;
        rows_collect_part(rows, account, parts->items[i], out);
        n++;
    }
    return n;
}

bool rows_collect(struct rows *rows, uint64_t position, struct fold_rows *out, size_t rows_max)
{
    CHECK(position >= rows->position);
    size_t n = 0;
    if (rows->next_account < rows->n_accounts)
        rows_collect_lists(rows, out);
    while (rows->next_account < rows->n_accounts && n < rows_max) {
        struct account *account = rows->core->accounts[rows->accounts[rows->next_account++]];
        account->listed = false;
        rows_collect_account(rows, position, account, out);
        n++;
        while (account->dirty_users != 0) {
            struct user *user = account->users[account->dirty_users - 1].user;
            account->dirty_users = user->dirty_next;
            user->dirty = false;
            rows_collect_user(rows, account, user, out);
            n++;
        }
        n += rows_collect_parts(rows, account, out);
    }
    return rows->next_account < rows->n_accounts;
}

// ---- Seal ----

static struct rows_seen_key rows_seen_key(const struct rows_chunk *chunk)
{
    return (struct rows_seen_key){htobe64(chunk->position), htobe32(chunk->number)};
}

// Of ids: the hour of the newest. They are of the frozen hour or older.
static int64_t rows_newest(const struct rows *rows, const struct seen_id *ids, size_t n)
{
    int64_t newest = INT64_MIN;
    for (size_t i = 0; i < n; i++) {
        int64_t hour = seen_hour_of(ids[i], rows->hour);
        newest = hour > newest ? hour : newest;
    }
    return newest;
}

static void rows_seal_ids(struct rows *rows, struct fold_rows *out)
{
    uint32_t number = 0;
    for (size_t at = 0; at < rows->n_ids; at += IDS_A_CHUNK) {
        size_t n = rows->n_ids - at < IDS_A_CHUNK ? rows->n_ids - at : IDS_A_CHUNK;
        struct rows_chunk chunk = {rows->position, number++, rows_newest(rows, rows->ids + at, n)};
        buf_clear(&rows->scratch);
        for (size_t i = at; i < at + n; i++) {
            buf_append_u64(&rows->scratch, rows->ids[i].low);
            buf_append_u64(&rows->scratch, rows->ids[i].high);
        }
        struct rows_seen_key key = rows_seen_key(&chunk);
        fold_rows_put(out, ROWS_SEEN, span_make(&key, sizeof key), buf_span(&rows->scratch));
        MEM_GROW(rows->chunks, rows->n_chunks, rows->chunks_cap);
        rows->chunks[rows->n_chunks++] = chunk;
    }
}

// By the hour of the freeze: recovery starts there, and what it repeats must find the same ids.
static void rows_seal_expired(struct rows *rows, struct fold_rows *out)
{
    size_t kept = 0;
    for (size_t i = 0; i < rows->n_chunks; i++) {
        struct rows_chunk chunk = rows->chunks[i];
        if (!seen_expired(&rows->core->seen, chunk.hour, rows->hour)) {
            rows->chunks[kept++] = chunk;
            continue;
        }
        struct rows_seen_key key = rows_seen_key(&chunk);
        fold_rows_delete(out, ROWS_SEEN, span_make(&key, sizeof key));
    }
    rows->n_chunks = kept;
}

void rows_seal(struct rows *rows, struct fold_rows *out)
{
    CHECK(rows->frozen);
    for (size_t i = 0; i < rows->n_puts; i++) {
        const struct rows_put *put = &rows->puts[i];
        struct span key = span_make(rows->bytes.bytes + put->key, put->key_len);
        struct span value = span_make(rows->bytes.bytes + put->key + put->key_len, put->value_len);
        fold_rows_put(out, put->table, key, value);
    }
    rows_seal_ids(rows, out);
    rows_seal_expired(rows, out);
    rows_forget_sealed(rows);
}
