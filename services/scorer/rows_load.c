// SPDX-License-Identifier: Apache-2.0
// Recovery. The lane's record puts the checkpoint's playbook in force. A row of a later playbook is
// kept as it is, and its account stands without state, covered up to the row's position, until
// core_set_playbook reaches that playbook and calls rows_adopt. No event before that touches it:
// its row has them all.
#include "services/scorer/rows_impl.h"

#include <endian.h>

#include "common/base/hash.h"
#include "common/base/mem.h"
#include "services/playbook/load.h"
#include "services/scorer/core/timers.h"
#include "services/scorer/rows_check.h"
#include "services/scorer/rows_identity.h"

enum { USERS_MAX = 1 << 28 }; // of an account; a row that says more is not ours

// What an id of an account or a user can be.
static bool rows_is_id(struct span id)
{
    return id.len > 0 && id.len <= ROWS_ID_MAX && memchr(id.ptr, '\0', id.len) == NULL;
}

static enum err rows_load_lane(struct rows *rows, struct span key, struct span value,
                               struct err_info *info)
{
    struct core *core = rows->core;
    ProtobufCAllocator allocator = rows_allocator(&rows->arena);
    Assay__Record__V1__LaneRecord *record =
        assay__record__v1__lane_record__unpack(&allocator, value.len, value.ptr);
    if (record == NULL || !span_is(key, ROWS_LANE_KEY))
        return err_set(info, ERR_CORRUPT, "the lane's row cannot be read");
    struct rows_lane *lane = rows->lane;
    for (size_t i = 0; i < record->n_sources; i++) {
        MEM_GROW(lane->sources, lane->n_sources, lane->sources_cap);
        lane->sources[lane->n_sources++] =
            (struct rows_source){record->sources[i]->source, record->sources[i]->last_number,
                                 record->sources[i]->last_received_at_ms};
    }
    for (size_t i = 0; i < record->n_moved; i++) {
        const Assay__Record__V1__MovedMarkRecord *mark = record->moved[i];
        MEM_GROW(lane->moved, lane->n_moved, lane->moved_cap);
        lane->moved[lane->n_moved++] = (struct rows_moved){mark->lane, mark->position, mark->index};
    }
    lane->confirmed_position = record->confirmed_position;
    lane->confirmed_index = record->confirmed_index;
    core->counts.clock_ms = record->clock_ms;
    core->counts.event_time_max_ms = record->event_time_max_ms;
    core->counts.events = record->n_events;
    core->counts.duplicates = record->n_duplicates;
    core->counts.excluded = core->excluded_alone = record->n_excluded;
    core->next_ordinal = record->next_ordinal;
    if (record->received_max_ms != INT64_MIN)
        seen_advance(&core->seen, record->received_max_ms);
    if (record->layout == 0)
        return ERR_OK;
    struct playbook *playbook = NULL;
    struct buf report = {0};
    enum err err = playbook_load(record->playbook_file,
                                 span_make(record->playbook_text.data, record->playbook_text.len),
                                 &playbook, &report);
    if (err == ERR_OK) {
        core->layout = record->layout - 1;
        core_set_playbook(core, 0, playbook);
        rows_measures_restore(record->measures, record->n_measures, &rows->arena, core);
    } else {
        err = err_set(info, ERR_CORRUPT, "the playbook that was in force is refused: %.*s",
                      (int)(report.len < 300 ? report.len : 300), (const char *)report.bytes);
    }
    buf_deinit(&report);
    return err;
}

static enum err rows_load_lists(struct rows *rows, struct span key, struct span value,
                                struct err_info *info)
{
    MEM_GROW(rows->lists, rows->n_lists, rows->lists_cap);
    struct rows_lists *lists = &rows->lists[rows->n_lists];
    enum err err = rows_lists_unpack(value, &rows->arena, lists, info);
    if (err != ERR_OK)
        return err;
    rows->n_lists++;
    uint64_t hash = htobe64(lists->hash);
    if (!span_eq(key, span_make(&hash, sizeof hash)))
        return err_set(info, ERR_CORRUPT, "a layout does not match its key");
    return ERR_OK;
}

// The lists that a row follows, mapped to the plan in force; NULL when they are not stored.
static const struct rows_lists *rows_lists_for(struct rows *rows, uint64_t hash)
{
    struct rows_lists *lists = rows_find_lists(rows, hash);
    if (lists != NULL)
        rows_lists_map(lists, rows->core->plan);
    return lists;
}

static enum err rows_restore_account(struct rows *rows, struct account *account, uint32_t number,
                                     const Assay__Record__V1__AccountRecord *record,
                                     struct err_info *info)
{
    struct core *core = rows->core;
    const struct rows_lists *lists = rows_lists_for(rows, record->lists);
    if (lists == NULL)
        return err_set(info, ERR_CORRUPT, "a row follows a layout that is not stored");
    if (record->n_users > USERS_MAX)
        return err_set(info, ERR_CORRUPT, "an account of %u users", record->n_users);
    enum err err =
        rows_subject_restore(record->subject, lists, SCOPE_ACCOUNT, &account->subject, info);
    if (err != ERR_OK)
        return err;
    rows_traits_restore(record->traits, record->n_traits, &account->subject.traits);
    account->pending = false;
    account->clock_ms = record->clock_ms;
    account->n_excluded = record->n_excluded;
    core->counts.accounts += record->clock_ms != STATE_NO_CLOCK;
    core->counts.excluded += record->n_excluded;
    account_reserve_users(account, record->n_users);
    account->n_users = record->n_users;
    for (uint32_t i = 0; i < account->n_users; i++)
        account->users[i] = (struct user_ref){0, NULL};
    if (!rows_check_subject(core->plan, SCOPE_ACCOUNT, &account->subject, account))
        return err_set(info, ERR_CORRUPT, "an account's row says what cannot be");
    err = rows_own_restore(core, account, record, lists, info);
    if (err != ERR_OK)
        return err;
    if (lists->same && record->shared.len == core->plan->n_shared && record->shared.len > 0)
        memcpy(subject_shared(&core->plan->scopes[SCOPE_ACCOUNT], &account->subject),
               record->shared.data, record->shared.len);
    if (!lists->same)
        account_touch(core, number);
    MEM_GROW(rows->restored, rows->n_restored, rows->restored_cap);
    rows->restored[rows->n_restored++] = number;
    return ERR_OK;
}

static void rows_keep_later(struct rows *rows, uint32_t table, struct span key, struct span value)
{
    MEM_GROW(rows->later, rows->n_later, rows->later_cap);
    rows->later[rows->n_later++] = (struct rows_later){
        table, mem_dup(key), key.len, mem_dup(value), value.len,
    };
}

// The account that a row is of, made when it is not there.
static struct account *rows_stand(struct rows *rows, struct span id,
                                  const Assay__Record__V1__AccountRecord *record, uint32_t *number)
{
    struct core *core = rows->core;
    uint64_t hash = hash64(id);
    struct account *account = account_find(core, hash, id, number);
    if (account == NULL)
        account = account_add(core, hash, id, record->ordinal, number);
    account->pending = true;
    account->covered = record->position;
    account->created_position = record->created_position;
    account->created_place = record->created_place;
    return account;
}

static enum err rows_load_account(struct rows *rows, struct span key, struct span value,
                                  struct err_info *info)
{
    struct core *core = rows->core;
    ProtobufCAllocator allocator = rows_allocator(&rows->arena);
    Assay__Record__V1__AccountRecord *record =
        assay__record__v1__account_record__unpack(&allocator, value.len, value.ptr);
    if (record == NULL || !rows_is_id(key))
        return err_set(info, ERR_CORRUPT, "an account's row cannot be read");
    uint32_t number;
    if (core->plan == NULL) {
        rows_keep_later(rows, ROWS_ACCOUNTS, key, value);
        return ERR_OK;
    }
    struct account *account = rows_stand(rows, key, record, &number);
    if (record->layout > core->layout) {
        rows_keep_later(rows, ROWS_ACCOUNTS, key, value);
        return ERR_OK;
    }
    return rows_restore_account(rows, account, number, record, info);
}

static enum err rows_restore_user(struct rows *rows, struct account *account, uint32_t number,
                                  struct span id, const Assay__Record__V1__UserRecord *record,
                                  struct err_info *info)
{
    struct core *core = rows->core;
    const struct rows_lists *lists = rows_lists_for(rows, record->lists);
    if (lists == NULL)
        return err_set(info, ERR_CORRUPT, "a row follows a layout that is not stored");
    if (record->ordinal >= account->n_users || account->users[record->ordinal].user != NULL)
        return err_set(info, ERR_CORRUPT, "a user's row that its account does not know");
    struct user *user = user_place(core, account, hash64(id), id, record->ordinal);
    user->counted = record->counted != 0;
    user->profile_version = record->profile_version;
    account->n_counted += user->counted;
    core->counts.users += user->counted;
    rows_traits_restore(record->traits, record->n_traits, &user->subject.traits);
    if (!lists->same) {
        account_touch(core, number);
        user_touch(account, user);
    }
    enum err err = rows_subject_restore(record->subject, lists, SCOPE_USER, &user->subject, info);
    if (err == ERR_OK && !rows_check_subject(core->plan, SCOPE_USER, &user->subject, account))
        err = err_set(info, ERR_CORRUPT, "a user's row says what cannot be");
    return err == ERR_OK ? rows_own_user_restore(core, account, user, record, lists, info) : err;
}

// The two ids of a user's or a part's key.
static bool rows_read_pair(struct span key, struct span *account, struct span *id)
{
    const char *end = memchr(key.ptr, '\0', key.len);
    if (end == NULL)
        return false;
    *account = span_make(key.ptr, (size_t)(end - (const char *)key.ptr));
    *id = span_make(end + 1, key.len - account->len - 1);
    return rows_is_id(*account) && rows_is_id(*id);
}

// The account of a user's or a part's row. NULL: the row is kept until its account is there (it is
// never newer than that one), or `err` is CORRUPT.
static struct account *rows_account_of(struct rows *rows, uint32_t table, struct span of,
                                       struct span key, struct span value, uint32_t *number,
                                       enum err *err, struct err_info *info)
{
    struct core *core = rows->core;
    struct account *account =
        core->plan == NULL ? NULL : account_find(core, hash64(of), of, number);
    *err = ERR_OK;
    if (core->plan != NULL && account == NULL) {
        *err = err_set(info, ERR_CORRUPT, "a row without its account");
    } else if (core->plan == NULL || account->pending) {
        rows_keep_later(rows, table, key, value);
        return NULL;
    }
    return account;
}

static enum err rows_load_user(struct rows *rows, struct span key, struct span value,
                               struct err_info *info)
{
    ProtobufCAllocator allocator = rows_allocator(&rows->arena);
    Assay__Record__V1__UserRecord *record =
        assay__record__v1__user_record__unpack(&allocator, value.len, value.ptr);
    struct span of, id;
    uint32_t number;
    enum err err;
    if (record == NULL || !rows_read_pair(key, &of, &id))
        return err_set(info, ERR_CORRUPT, "a user's row cannot be read");
    struct account *account =
        rows_account_of(rows, ROWS_USERS, of, key, value, &number, &err, info);
    return account == NULL ? err : rows_restore_user(rows, account, number, id, record, info);
}

static enum err rows_load_part(struct rows *rows, struct span key, struct span value,
                               struct err_info *info)
{
    ProtobufCAllocator allocator = rows_allocator(&rows->arena);
    Assay__Record__V1__PartRecord *record =
        assay__record__v1__part_record__unpack(&allocator, value.len, value.ptr);
    struct span of, id;
    uint32_t number;
    enum err err;
    if (record == NULL || !rows_read_pair(key, &of, &id))
        return err_set(info, ERR_CORRUPT, "a part's row cannot be read");
    struct account *account =
        rows_account_of(rows, ROWS_PARTS, of, key, value, &number, &err, info);
    if (account == NULL)
        return err;
    const struct rows_lists *lists = rows_lists_for(rows, record->lists);
    if (lists == NULL)
        return err_set(info, ERR_CORRUPT, "a row follows a layout that is not stored");
    if (!lists->same)
        account_touch(rows->core, number);
    return rows_part_restore(rows->core, account, id, record, lists, info);
}

static enum err rows_load_profile(struct rows *rows, struct span key, struct span value,
                                  struct err_info *info)
{
    ProtobufCAllocator allocator = rows_allocator(&rows->arena);
    Assay__Record__V1__ProfileRecord *record =
        assay__record__v1__profile_record__unpack(&allocator, value.len, value.ptr);
    uint32_t number;
    if (record == NULL || !rows_is_id(key))
        return err_set(info, ERR_CORRUPT, "a profile's row cannot be read");
    struct profile *profile = profile_add(rows->core, hash64(key), key, &number);
    profile->version = record->version;
    rows_traits_restore(record->traits, record->n_traits, &profile->traits);
    if (!rows_check_traits(profile->traits))
        return err_set(info, ERR_CORRUPT, "a profile's row says what cannot be");
    return ERR_OK;
}

static enum err rows_load_seen(struct rows *rows, struct span key, struct span value,
                               struct err_info *info)
{
    struct seen *seen = &rows->core->seen;
    struct rows_seen_key stored;
    if (key.len != sizeof stored || value.len == 0 || value.len % sizeof(struct seen_id) != 0 ||
        seen->hour == INT64_MIN)
        return err_set(info, ERR_CORRUPT, "a row of ids cannot be read");
    memcpy(&stored, key.ptr, sizeof stored);
    struct rows_chunk chunk = {be64toh(stored.position), be32toh(stored.number), INT64_MIN};
    for (size_t at = 0; at < value.len; at += sizeof(struct seen_id)) {
        struct seen_id id;
        memcpy(&id, (const char *)value.ptr + at, sizeof id);
        id = (struct seen_id){le64toh(id.low), le64toh(id.high)};
        int64_t hour = seen_hour_of(id, seen->hour);
        chunk.hour = hour > chunk.hour ? hour : chunk.hour;
        seen_restore(seen, id);
    }
    MEM_GROW(rows->chunks, rows->n_chunks, rows->chunks_cap);
    rows->chunks[rows->n_chunks++] = chunk;
    return ERR_OK;
}

static enum err rows_load_table(struct rows *rows, uint32_t table, struct span key,
                                struct span value, struct err_info *info)
{
    enum err err = ERR_OK;
    switch (table) {
    case ROWS_LANE:
        err = rows_load_lane(rows, key, value, info);
        break;
    case ROWS_LAYOUTS:
        err = rows_load_lists(rows, key, value, info);
        break;
    case ROWS_ACCOUNTS:
        err = rows_load_account(rows, key, value, info);
        break;
    case ROWS_USERS:
        err = rows_load_user(rows, key, value, info);
        break;
    case ROWS_PARTS:
        err = rows_load_part(rows, key, value, info);
        break;
    case ROWS_PROFILES:
        err = rows_load_profile(rows, key, value, info);
        break;
    case ROWS_SEEN:
        err = rows_load_seen(rows, key, value, info);
        break;
    default:
        CHECK(false);
    }
    arena_reset(&rows->arena);
    return err;
}

enum err rows_load(struct rows *rows, uint32_t table, struct span key, struct span value,
                   struct err_info *info)
{
    rows->loading = true;
    return rows_load_table(rows, table, key, value, info);
}

// Every user and part that an account counts must have had its row.
static enum err rows_complete(const struct account *account, struct err_info *info)
{
    for (uint32_t i = 0; i < account->n_users; i++) {
        if (account->users[i].user == NULL)
            return err_set(info, ERR_CORRUPT, "a user's row is missing");
    }
    if (account->parts != NULL && account->parts->n != account->parts->n_rows)
        return err_set(info, ERR_CORRUPT, "a part's row is missing");
    return ERR_OK;
}

// Accounts are ready once their users are in.
static enum err rows_finish(struct rows *rows, struct err_info *info)
{
    struct core *core = rows->core;
    enum err err = ERR_OK;
    for (size_t i = 0; i < rows->n_restored && err == ERR_OK; i++) {
        struct account *account = core->accounts[rows->restored[i]];
        err = rows_complete(account, info);
        if (err != ERR_OK)
            break;
        timers_rebuild(core, account, rows->restored[i]);
        // Profiles are not as new as the row yet, and timers look at them.
        if (account->covered > core->position)
            heap_push(&core->ahead_rows, (int64_t)account->covered, rows->restored[i]);
    }
    mem_free(rows->restored);
    rows->restored = NULL;
    rows->n_restored = rows->restored_cap = 0;
    return err;
}

enum err rows_loaded(struct rows *rows, uint64_t position, struct err_info *info)
{
    rows->loading = false;
    for (size_t i = 0; i < rows->n_chunks; i++) {
        if (rows->chunks[i].position > position)
            return err_set(info, ERR_CORRUPT, "ids of a checkpoint that was not completed");
    }
    rows->core->position = position;
    return rows_finish(rows, info);
}

// ---- Later rows ----

static enum err rows_adopt_rows(struct rows *rows, struct err_info *info)
{
    size_t n = rows->n_later;
    struct rows_later *later = rows->later;
    rows->later = NULL;
    rows->n_later = rows->later_cap = 0;
    enum err err = ERR_OK;
    // Accounts stand before users, and these before parts. What still has to wait is kept again.
    for (size_t i = 0; i < n; i++) {
        struct span key = span_make(later[i].key, later[i].key_len);
        struct span value = span_make(later[i].value, later[i].value_len);
        if (err == ERR_OK)
            err = rows_load_table(rows, later[i].table, key, value, info);
        mem_free(later[i].key);
        mem_free(later[i].value);
    }
    mem_free(later);
    return err;
}

// A playbook came into force: rows that are of it have their meaning now.
void rows_adopt(void *ctx)
{
    struct rows *rows = ctx;
    struct core *core = rows->core;
    struct rows_lists lists;
    rows_lists_of_plan(core->plan, &lists);
    rows->lists_now = lists.hash;
    rows_lists_deinit(&lists);
    for (size_t i = 0; i < rows->n_lists; i++)
        rows->lists[i].plan = NULL; // its places were for another one
    if (rows->n_later == 0)
        return;
    rows->adopted = rows_adopt_rows(rows, &rows->why);
    if (rows->adopted == ERR_OK)
        rows->adopted = rows_finish(rows, &rows->why);
}

enum err rows_adopted(const struct rows *rows, struct err_info *info)
{
    return rows->adopted == ERR_OK ? ERR_OK : err_set(info, rows->adopted, "%s", rows->why.text);
}
