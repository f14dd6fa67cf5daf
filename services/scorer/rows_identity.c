// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/rows_identity.h"

#include "common/base/mem.h"
#include "services/scorer/rows.h"
#include "services/scorer/rows_check.h"

typedef Assay__Record__V1__IdentityRecord identity_record;
typedef Assay__Record__V1__IdentityLinkRecord link_record;
typedef Assay__Record__V1__IdentityToldRecord told_record;
typedef Assay__Record__V1__IdentityEventRecord event_record;
typedef Assay__Record__V1__IdentityMetRecord met_record;
typedef Assay__Record__V1__PartRecord part_record;

// ---- Identities ----

// Texts that are not there are empty.
static char *text_of(struct arena *arena, const char *text)
{
    return arena_dup(arena, span_of(text));
}

static link_record **links_record(const struct linked_set *set, struct arena *arena, size_t *n)
{
    link_record **out = arena_alloc(arena, (set->n + 1) * sizeof *out);
    for (uint32_t i = 0; i < set->n; i++) {
        const struct linked *linked = &set->items[i];
        out[i] = arena_alloc(arena, sizeof **out);
        assay__record__v1__identity_link_record__init(out[i]);
        out[i]->target = text_of(arena, linked->target);
        out[i]->by = text_of(arena, linked->by);
        out[i]->first_ms = linked->first_ms;
        out[i]->last_ms = linked->last_ms;
        out[i]->undone = linked->undone;
        out[i]->undone_ms = linked->undone_ms;
    }
    *n = set->n;
    return out;
}

static told_record **told_records(const struct identity *identity, struct arena *arena, size_t *n)
{
    told_record **out = arena_alloc(arena, (identity->n_told + 1) * sizeof *out);
    for (uint32_t i = 0; i < identity->n_told; i++) {
        const struct told *told = &identity->told[i];
        out[i] = arena_alloc(arena, sizeof **out);
        assay__record__v1__identity_told_record__init(out[i]);
        out[i]->id = text_of(arena, told->id);
        out[i]->known = told->known;
        out[i]->user = text_of(arena, told->user);
        out[i]->group = text_of(arena, told->group);
    }
    *n = identity->n_told;
    return out;
}

static event_record **history_record(const struct identity *identity, struct arena *arena,
                                     size_t *n)
{
    uint32_t first = 0;
    if (identity->n_history > IDENTITY_HISTORY_MAX)
        first = identity->n_history - IDENTITY_HISTORY_MAX;
    event_record **out = arena_alloc(arena, (IDENTITY_HISTORY_MAX + 1) * sizeof *out);
    *n = 0;
    for (uint32_t i = first; i < identity->n_history; i++) {
        const struct identity_event *event = &identity->history[i % IDENTITY_HISTORY_MAX];
        event_record *record = arena_alloc(arena, sizeof *record);
        assay__record__v1__identity_event_record__init(record);
        record->what = (uint32_t)event->what;
        record->at_ms = event->at_ms;
        record->target = text_of(arena, event->target);
        record->by = text_of(arena, event->by);
        out[(*n)++] = record;
    }
    return out;
}

static met_record **met_records(const struct identity *identity, struct arena *arena, size_t *n)
{
    met_record **out = arena_alloc(arena, (identity->n_met + 1) * sizeof *out);
    for (uint32_t i = 0; i < identity->n_met; i++) {
        out[i] = arena_alloc(arena, sizeof **out);
        assay__record__v1__identity_met_record__init(out[i]);
        out[i]->account = text_of(arena, identity->met[i].account);
        out[i]->user = text_of(arena, identity->met[i].user);
    }
    *n = identity->n_met;
    return out;
}

static identity_record *record_of(const struct identity *identity, struct arena *arena)
{
    identity_record *out = arena_alloc(arena, sizeof *out);
    assay__record__v1__identity_record__init(out);
    out->users = links_record(&identity->users, arena, &out->n_users);
    out->groups = links_record(&identity->groups, arena, &out->n_groups);
    out->told = told_records(identity, arena, &out->n_told);
    out->n_watchers = identity->n_watchers;
    out->watchers = arena_alloc(arena, (identity->n_watchers + 1) * sizeof *out->watchers);
    for (uint32_t i = 0; i < identity->n_watchers; i++)
        out->watchers[i] = identity->watchers[i];
    out->said_user = text_of(arena, identity->said_user);
    out->said_group = text_of(arena, identity->said_group);
    out->account = text_of(arena, identity->account);
    out->user = text_of(arena, identity->user);
    out->by = text_of(arena, identity->by);
    out->since_ms = identity->since_ms;
    out->version = identity->version;
    out->sent = identity->sent;
    out->history = history_record(identity, arena, &out->n_history);
    out->met = met_records(identity, arena, &out->n_met);
    return out;
}

static bool is_id(const char *text)
{
    size_t n = strlen(text);
    return n > 0 && n <= ROWS_ID_MAX;
}

static bool is_id_or_none(const char *text)
{
    return text[0] == '\0' || is_id(text);
}

static bool links_are_right(link_record *const *records, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!is_id(records[i]->target) || records[i]->first_ms > records[i]->last_ms)
            return false;
    }
    return n <= IDENTITY_LINKS_MAX;
}

static bool identity_is_right(const identity_record *record)
{
    bool right = links_are_right(record->users, record->n_users) &&
                 links_are_right(record->groups, record->n_groups) && record->n_told <= 2 &&
                 record->n_watchers <= IDENTITY_WATCHERS_MAX &&
                 record->n_history <= IDENTITY_HISTORY_MAX && record->n_met <= IDENTITY_MET_MAX;
    for (size_t i = 0; right && i < record->n_told; i++)
        right = is_id(record->told[i]->id) && is_id_or_none(record->told[i]->user) &&
                is_id_or_none(record->told[i]->group);
    for (size_t i = 0; right && i < record->n_watchers; i++)
        right = is_id(record->watchers[i]);
    for (size_t i = 0; right && i < record->n_history; i++)
        right = record->history[i]->what >= IDENTITY_MOVED &&
                record->history[i]->what <= IDENTITY_REDONE;
    for (size_t i = 0; right && i < record->n_met; i++)
        right = is_id(record->met[i]->account) && is_id_or_none(record->met[i]->user);
    return right && is_id_or_none(record->said_user) && is_id_or_none(record->said_group) &&
           is_id_or_none(record->account) &&
           (record->account[0] == '\0' ? !record->sent : is_id(record->user));
}

static char *text_back(const char *text)
{
    return text[0] == '\0' ? NULL : mem_dup_text(text);
}

static void links_back(link_record *const *records, size_t n, struct linked_set *set)
{
    for (size_t i = 0; i < n; i++) {
        MEM_GROW(set->items, set->n, set->cap);
        set->items[set->n++] = (struct linked){
            .target = mem_dup_text(records[i]->target),
            .by = mem_dup_text(records[i]->by),
            .first_ms = records[i]->first_ms,
            .last_ms = records[i]->last_ms,
            .undone = records[i]->undone != 0,
            .undone_ms = records[i]->undone_ms,
        };
    }
}

static enum err identity_restore(struct core *core, struct account *account,
                                 const identity_record *record, struct err_info *info)
{
    struct span x;
    if (!identity_is_personal(account_id(core, account), &x) || !identity_is_right(record))
        return err_set(info, ERR_CORRUPT, "an identity that cannot be");
    struct identity *identity = identity_of(account);
    links_back(record->users, record->n_users, &identity->users);
    links_back(record->groups, record->n_groups, &identity->groups);
    for (size_t i = 0; i < record->n_told; i++)
        identity->told[identity->n_told++] = (struct told){
            .id = mem_dup_text(record->told[i]->id),
            .user = text_back(record->told[i]->user),
            .group = text_back(record->told[i]->group),
            .known = record->told[i]->known != 0,
        };
    for (size_t i = 0; i < record->n_watchers; i++) {
        MEM_GROW(identity->watchers, identity->n_watchers, identity->watchers_cap);
        identity->watchers[identity->n_watchers++] = mem_dup_text(record->watchers[i]);
    }
    for (size_t i = 0; i < record->n_history; i++)
        identity_note(identity, (enum identity_what)record->history[i]->what,
                      record->history[i]->at_ms, record->history[i]->target,
                      span_of(record->history[i]->by));
    for (size_t i = 0; i < record->n_met; i++)
        identity_add_met(identity, span_of(record->met[i]->account), span_of(record->met[i]->user));
    identity->said_user = text_back(record->said_user);
    identity->said_group = text_back(record->said_group);
    identity->account = text_back(record->account);
    identity->user = text_back(record->user);
    identity->by = text_back(record->by);
    identity->since_ms = record->since_ms;
    identity->version = record->version;
    identity->sent = record->sent != 0;
    return ERR_OK;
}

// ---- What an account has of its own ----

void rows_own_record(struct core *core, struct account *account, struct arena *arena,
                     Assay__Record__V1__AccountRecord *out)
{
    struct account *own = parts_own(account);
    out->vacant = account->vacant;
    if (account->identity != NULL)
        out->identity = record_of(account->identity, arena);
    if (own == NULL)
        return;
    out->own = rows_subject_record(core->plan, SCOPE_ACCOUNT, &own->subject, arena);
    out->own_clock_ms = own->clock_ms;
    out->n_parts = account->parts->n;
}

void rows_own_user_record(struct core *core, struct account *account, const struct user *user,
                          struct arena *arena, Assay__Record__V1__UserRecord *out)
{
    struct account *own = parts_own(account);
    out->met = user->met;
    if (own == NULL)
        return;
    uint32_t as = parts_ordinal_as(account->parts, user->ordinal);
    out->counts_as = as == user->ordinal ? 0 : as + 1;
    struct user *of = own->users[user->ordinal].user;
    out->own = rows_subject_record(core->plan, SCOPE_USER, &of->subject, arena);
    out->own_counted = of->counted;
}

enum err rows_own_restore(struct core *core, struct account *account,
                          const Assay__Record__V1__AccountRecord *record,
                          const struct rows_lists *lists, struct err_info *info)
{
    account->vacant = record->vacant != 0;
    if (record->identity != NULL) {
        enum err err = identity_restore(core, account, record->identity, info);
        if (err != ERR_OK)
            return err;
    }
    if (record->own == NULL)
        return record->n_parts == 0 ? ERR_OK
                                    : err_set(info, ERR_CORRUPT, "parts without what is beside");
    account->parts = mem_zalloc(sizeof *account->parts);
    struct account *own = account->parts->own = book_create(core, 0);
    // Each is made when its row comes.
    account_reserve_users(own, account->n_users);
    own->n_users = account->n_users;
    for (uint32_t i = 0; i < own->n_users; i++)
        own->users[i] = (struct user_ref){0, NULL};
    own->clock_ms = record->own_clock_ms;
    account->parts->n_rows = record->n_parts;
    enum err err = rows_subject_restore(record->own, lists, SCOPE_ACCOUNT, &own->subject, info);
    if (err == ERR_OK && !rows_check_subject(core->plan, SCOPE_ACCOUNT, &own->subject, own))
        err = err_set(info, ERR_CORRUPT, "an account's own that cannot be");
    return err;
}

enum err rows_own_user_restore(struct core *core, struct account *account, struct user *user,
                               const Assay__Record__V1__UserRecord *record,
                               const struct rows_lists *lists, struct err_info *info)
{
    struct account *own = parts_own(account);
    user->met = record->met != 0;
    if (record->counts_as > (own == NULL ? 0 : account->n_users) ||
        record->counts_as == user->ordinal + 1)
        return err_set(info, ERR_CORRUPT, "a user who counts as nobody of his account");
    if (own == NULL || record->own == NULL)
        return own == NULL && record->own == NULL
                   ? ERR_OK
                   : err_set(info, ERR_CORRUPT, "a user's own that its account does not know");
    if (record->counts_as != 0)
        parts_set_as(account, user->ordinal, record->counts_as - 1);
    struct user *of = book_place_user(core, own, user->hash, user->ordinal);
    of->counted = record->own_counted != 0;
    enum err err = rows_subject_restore(record->own, lists, SCOPE_USER, &of->subject, info);
    if (err == ERR_OK && !rows_check_subject(core->plan, SCOPE_USER, &of->subject, own))
        err = err_set(info, ERR_CORRUPT, "a user's own that cannot be");
    return err;
}

// ---- Parts ----

void rows_part_pack(struct core *core, struct part *part, uint64_t lists, struct arena *arena,
                    struct buf *out)
{
    part_record record = ASSAY__RECORD__V1__PART_RECORD__INIT;
    struct account *book = part->book;
    record.layout = core->layout;
    record.lists = lists;
    record.user = part->user;
    record.version = part->version;
    record.since_ms = part->since_ms;
    record.by = text_of(arena, part->by);
    record.clock_ms = book->clock_ms;
    record.account_subject = rows_subject_record(core->plan, SCOPE_ACCOUNT, &book->subject, arena);
    record.user_subject =
        rows_subject_record(core->plan, SCOPE_USER, &book->users[0].user->subject, arena);
    rows_pack(&record.base, out);
}

enum err rows_part_restore(struct core *core, struct account *account, struct span id,
                           const part_record *record, const struct rows_lists *lists,
                           struct err_info *info)
{
    if (parts_own(account) == NULL || account->parts->n >= account->parts->n_rows ||
        record->user >= account->n_users || parts_find(account, id) != NULL)
        return err_set(info, ERR_CORRUPT, "a part's row that its account does not know");
    struct part *part = parts_add(core, account, id);
    struct account *book = part->book;
    struct user *user = book->users[0].user;
    part->user = record->user;
    part->version = record->version;
    part->since_ms = record->since_ms;
    part->by = mem_dup_text(record->by);
    part->dirty = !lists->same;
    book->clock_ms = record->clock_ms;
    user->counted = true;
    enum err err =
        rows_subject_restore(record->account_subject, lists, SCOPE_ACCOUNT, &book->subject, info);
    if (err == ERR_OK)
        err = rows_subject_restore(record->user_subject, lists, SCOPE_USER, &user->subject, info);
    if (err == ERR_OK && (!rows_check_subject(core->plan, SCOPE_ACCOUNT, &book->subject, book) ||
                          !rows_check_subject(core->plan, SCOPE_USER, &user->subject, book)))
        err = err_set(info, ERR_CORRUPT, "a part's row says what cannot be");
    return err;
}
