// SPDX-License-Identifier: Apache-2.0
// The copy is made of the rows that a checkpoint would write. It is of the playbook in force, so it
// fits a core that has loaded the same text.
#include "services/scorer/rehearsal.h"

#include "common/base/hash.h"
#include "common/base/mem.h"
#include "services/playbook/load.h"
#include "services/scorer/core/timers.h"
#include "services/scorer/rows_codec.h"

enum {
    USERS_WHOLE_MAX = 64, // of an account up to here every user is copied
    ARENA_BYTES = 64 * 1024,
};

struct copied_subject {
    struct buf subject, traits; // a SubjectRecord; an AccountRecord with nothing but the traits
};

struct copied_user {
    struct span id;
    uint32_t ordinal;
    uint32_t profile_version;
    bool counted;
    struct copied_subject state;
    struct buf profile;
};

struct rehearsal_copy {
    struct arena arena;
    struct span account;
    struct span text;
    const char *file;
    int64_t clock_ms, now_ms;
    uint64_t created_position;
    uint32_t n_users, n_copied;
    struct copied_subject state;
    struct span shared;
    struct copied_user *users;
};

// ---- Copying ----

static void copy_traits(const struct traits *traits, struct arena *arena, struct buf *out)
{
    Assay__Record__V1__AccountRecord record = ASSAY__RECORD__V1__ACCOUNT_RECORD__INIT;
    record.traits = rows_traits_record(traits, arena, &record.n_traits);
    rows_pack(&record.base, out);
}

static void copy_subject(const struct plan *plan, enum scope scope, struct subject *subject,
                         struct copied_subject *out)
{
    struct arena arena;
    arena_init(&arena, ARENA_BYTES, 0);
    rows_pack(&rows_subject_record(plan, scope, subject, &arena)->base, &out->subject);
    copy_traits(subject->traits, &arena, &out->traits);
    arena_deinit(&arena);
}

static struct span copy_span(struct rehearsal_copy *copy, struct span s)
{
    return span_make(arena_dup(&copy->arena, s), s.len);
}

static void copy_user(struct core *core, struct user *user, struct rehearsal_copy *copy)
{
    struct copied_user *out = &copy->users[copy->n_copied++];
    struct profile *profile = profile_of(core, user);
    out->id = copy_span(copy, user_id(core, user));
    out->ordinal = user->ordinal;
    out->counted = user->counted;
    out->profile_version = user->profile_version;
    copy_subject(core->plan, SCOPE_USER, &user->subject, &out->state);
    if (profile == NULL)
        return;
    struct arena arena;
    arena_init(&arena, ARENA_BYTES, 0);
    Assay__Record__V1__ProfileRecord record = ASSAY__RECORD__V1__PROFILE_RECORD__INIT;
    record.traits = rows_traits_record(profile->traits, &arena, &record.n_traits);
    record.version = profile->version;
    rows_pack(&record.base, &out->profile);
    arena_deinit(&arena);
}

static void copy_users(struct core *core, struct account *account, struct span user,
                       struct rehearsal_copy *copy)
{
    copy->n_users = account->n_users;
    copy->users = arena_alloc(&copy->arena, (USERS_WHOLE_MAX + 1) * sizeof *copy->users);
    struct user *asked = user.len == 0 ? NULL : user_find(core, account, hash64(user), user);
    if (asked != NULL)
        copy_user(core, asked, copy);
    for (uint32_t i = 0; i < account->n_users && i < USERS_WHOLE_MAX; i++) {
        if (account->users[i].user != asked)
            copy_user(core, account->users[i].user, copy);
    }
}

struct rehearsal_copy *rehearsal_copy_create(struct core *core, struct span account,
                                             struct span user)
{
    uint32_t number;
    struct account *from =
        core->playbook == NULL ? NULL : account_find(core, hash64(account), account, &number);
    if (from == NULL || from->clock_ms == STATE_NO_CLOCK || from->pending)
        return NULL;
    struct rehearsal_copy *copy = mem_zalloc(sizeof *copy);
    arena_init(&copy->arena, ARENA_BYTES, 0);
    copy->account = copy_span(copy, account);
    copy->text = copy_span(copy, core->playbook->text);
    copy->file = arena_dup(&copy->arena, span_of(core->playbook->file));
    copy->clock_ms = from->clock_ms;
    copy->now_ms = core->counts.clock_ms;
    copy->created_position = from->created_position;
    copy_subject(core->plan, SCOPE_ACCOUNT, &from->subject, &copy->state);
    copy->shared = copy_span(
        copy, span_make(subject_shared(&core->plan->scopes[SCOPE_ACCOUNT], &from->subject),
                        core->plan->n_shared));
    copy_users(core, from, user, copy);
    return copy;
}

void rehearsal_copy_destroy(struct rehearsal_copy *copy)
{
    if (copy == NULL)
        return;
    for (uint32_t i = 0; i < copy->n_copied; i++) {
        buf_deinit(&copy->users[i].state.subject);
        buf_deinit(&copy->users[i].state.traits);
        buf_deinit(&copy->users[i].profile);
    }
    buf_deinit(&copy->state.subject);
    buf_deinit(&copy->state.traits);
    arena_deinit(&copy->arena);
    mem_free(copy);
}

struct playbook *rehearsal_copy_playbook(const struct rehearsal_copy *copy)
{
    struct playbook *playbook = NULL;
    struct buf report = {0};
    if (playbook_load(copy->file, copy->text, &playbook, &report) != ERR_OK)
        playbook = NULL;
    buf_deinit(&report);
    return playbook;
}

uint64_t rehearsal_copy_created(const struct rehearsal_copy *copy)
{
    return copy->created_position;
}

void rehearsal_copy_profiles(const struct rehearsal_copy *copy, rehearsal_trait_fn fn, void *arg)
{
    for (uint32_t i = 0; i < copy->n_copied; i++) {
        const struct copied_user *from = &copy->users[i];
        struct traits *traits = NULL;
        Assay__Record__V1__ProfileRecord *record =
            assay__record__v1__profile_record__unpack(NULL, from->profile.len, from->profile.bytes);
        if (record == NULL)
            continue;
        rows_traits_restore(record->traits, record->n_traits, &traits);
        for (uint32_t t = 0; traits != NULL && t < traits->n; t++) {
            const struct trait *trait = traits->items[t];
            struct property property = {trait_key(trait), trait->value};
            fn(arg, from->id, &property, trait->at_ms);
        }
        traits_destroy(traits);
        assay__record__v1__profile_record__free_unpacked(record, NULL);
    }
}

// ---- On the stage ----

// Read once, restored each time.
struct staged_subject {
    Assay__Record__V1__SubjectRecord *subject;
    Assay__Record__V1__AccountRecord *traits;
};

struct rehearsal {
    const struct rehearsal_copy *copy;
    struct arena arena;
    struct core *core;
    struct rows_lists lists;
    struct staged_subject account, *users;
    uint32_t number;
    struct proposal_stage stage;
};

static bool rehearsal_read(struct rehearsal *r, const struct copied_subject *from,
                           struct staged_subject *out)
{
    ProtobufCAllocator allocator = rows_allocator(&r->arena);
    out->subject = assay__record__v1__subject_record__unpack(&allocator, from->subject.len,
                                                             from->subject.bytes);
    out->traits =
        assay__record__v1__account_record__unpack(&allocator, from->traits.len, from->traits.bytes);
    return out->subject != NULL && out->traits != NULL;
}

static void rehearsal_clear(const struct plan_scope *scope, struct subject *subject)
{
    subject_clear(scope, subject);
    memset(subject, 0, scope->bytes);
    subject->due_ms = STATE_NEVER;
    subject->stale = true;
}

static void rehearsal_restore(struct rehearsal *r, enum scope scope,
                              const struct staged_subject *from, struct subject *subject)
{
    struct err_info info;
    rehearsal_clear(&r->core->plan->scopes[scope], subject);
    // It was read in whole, and follows these lists.
    CHECK(rows_subject_restore(from->subject, &r->lists, scope, subject, &info) == ERR_OK);
    rows_traits_restore(from->traits->traits, from->traits->n_traits, &subject->traits);
}

// Users who came in the meantime stay, as if nothing were known of them.
static void rehearsal_forget(struct rehearsal *r, struct account *account)
{
    account->n_counted = 0;
    for (uint32_t i = r->copy->n_users; i < account->n_users; i++) {
        struct user *user = account->users[i].user;
        rehearsal_clear(&r->core->plan->scopes[SCOPE_USER], &user->subject);
        user->counted = false;
        user->profile_version = 0;
    }
}

static void rehearsal_rewind(void *arg)
{
    struct rehearsal *r = arg;
    struct core *core = r->core;
    const struct rehearsal_copy *copy = r->copy;
    struct account *account = core->accounts[r->number];
    rehearsal_forget(r, account);
    if (account->timers != NULL)
        account->timers->n = 0;
    account->queued_ms = STATE_NEVER;
    core->timers.n = 0;
    core->counts.clock_ms = copy->now_ms;
    account->clock_ms = copy->clock_ms;
    rehearsal_restore(r, SCOPE_ACCOUNT, &r->account, &account->subject);
    if (copy->shared.len > 0)
        memcpy(subject_shared(&core->plan->scopes[SCOPE_ACCOUNT], &account->subject),
               copy->shared.ptr, copy->shared.len);
    struct decision decision = {.core = core, .account = account, .number = r->number};
    for (uint32_t i = 0; i < copy->n_copied; i++) {
        const struct copied_user *from = &copy->users[i];
        struct user *user = account->users[from->ordinal].user;
        rehearsal_restore(r, SCOPE_USER, &r->users[i], &user->subject);
        user->counted = from->counted;
        user->profile_version = from->profile_version;
        account->n_counted += from->counted;
    }
    timers_refresh(&decision, NULL);
    for (uint32_t i = 0; i < copy->n_copied; i++)
        timers_refresh(&decision, account->users[copy->users[i].ordinal].user);
}

static bool rehearsal_profile(struct rehearsal *r, const struct copied_user *from)
{
    uint32_t number;
    if (from->profile.len == 0)
        return true;
    ProtobufCAllocator allocator = rows_allocator(&r->arena);
    Assay__Record__V1__ProfileRecord *record = assay__record__v1__profile_record__unpack(
        &allocator, from->profile.len, from->profile.bytes);
    if (record == NULL)
        return false;
    struct profile *profile = profile_add(r->core, hash64(from->id), from->id, &number);
    profile->version = record->version;
    rows_traits_restore(record->traits, record->n_traits, &profile->traits);
    return true;
}

// Every ordinal has its user, those that were not copied without an id that anybody could have.
static bool rehearsal_people(struct rehearsal *r)
{
    const struct rehearsal_copy *copy = r->copy;
    struct account *account = r->core->accounts[r->number];
    account_reserve_users(account, copy->n_users);
    account->n_users = copy->n_users;
    for (uint32_t i = 0; i < account->n_users; i++)
        account->users[i] = (struct user_ref){0, NULL};
    r->users = arena_alloc(&r->arena, (copy->n_copied + 1) * sizeof *r->users);
    for (uint32_t i = 0; i < copy->n_copied; i++) {
        const struct copied_user *from = &copy->users[i];
        (void)user_place(r->core, account, hash64(from->id), from->id, from->ordinal);
        if (!rehearsal_read(r, &from->state, &r->users[i]) || !rehearsal_profile(r, from))
            return false;
    }
    for (uint32_t i = 0; i < account->n_users; i++) {
        char id[8] = "\x02";
        memcpy(id + 1, &i, sizeof i);
        struct span absent = span_make(id, 1 + sizeof i);
        if (account->users[i].user == NULL)
            (void)user_place(r->core, account, hash64(absent), absent, i);
    }
    return true;
}

struct rehearsal *rehearsal_create(const struct rehearsal_copy *copy)
{
    struct core_opts opts = {.dedupe_window_ms = 1000, .dedupe_ids_max = 16};
    struct rehearsal *r = mem_zalloc(sizeof *r);
    struct playbook *playbook = rehearsal_copy_playbook(copy);
    bool good = playbook != NULL;
    r->copy = copy;
    arena_init(&r->arena, ARENA_BYTES, 0);
    r->core = core_create(&opts);
    if (good) {
        core_set_playbook(r->core, 1, playbook);
        rows_lists_of_plan(r->core->plan, &r->lists);
        rows_lists_map(&r->lists, r->core->plan);
        (void)account_add(r->core, hash64(copy->account), copy->account, 0, &r->number);
        good = rehearsal_read(r, &copy->state, &r->account) && rehearsal_people(r);
    }
    if (!good) {
        rehearsal_destroy(r);
        return NULL;
    }
    r->stage = (struct proposal_stage){
        .core = r->core,
        .account = copy->account,
        .rewind = rehearsal_rewind,
        .arg = r,
        .now_ms = copy->now_ms,
        .partial = copy->n_copied < copy->n_users,
    };
    rehearsal_rewind(r);
    return r;
}

void rehearsal_destroy(struct rehearsal *r)
{
    if (r == NULL)
        return;
    core_destroy(r->core);
    rows_lists_deinit(&r->lists);
    arena_deinit(&r->arena);
    mem_free(r);
}

const struct proposal_stage *rehearsal_stage(struct rehearsal *r)
{
    return &r->stage;
}
