// SPDX-License-Identifier: Apache-2.0
// A batch is decoded when the account's id, or the user's, is in its bytes. What identify calls
// without an account said of other users is taken from the copy: of a trait that was set again
// since, the older value is not known.
#include "services/scorer/replay.h"

#include "assay/record/v1/record_scorer.pb-c.h"
#include "common/base/mem.h"
#include "services/playbook/load.h"
#include "services/scorer/codec.h"
#include "services/scorer/core/identity.h"
#include "services/scorer/core/state.h"
#include "services/scorer/moves_codec.h"

struct replay {
    struct core *core;
    struct contributions *contributions;
    struct signal_changes changes;
    struct arena events, texts; // of one record
    const struct replay_opts *opts;
    struct span identity; // whose personal account it is, or empty
    uint64_t first;       // record
    int64_t first_ms;     // when the first batch was taken in
    int64_t from_ms;
    uint64_t last;
    enum err err;
    struct err_info info;
};

static void replay_forget(struct replay *r)
{
    r->changes.n = 0;
    arena_reset(&r->texts);
}

static bool replay_mentions(struct span body, struct span id)
{
    return id.len > 0 && memmem(body.ptr, body.len, id.ptr, id.len) != NULL;
}

static bool replay_wants(const struct replay *r, const struct event *event)
{
    const struct replay_opts *opts = r->opts;
    if (opts->at_ms != 0 && event->at_ms > opts->at_ms)
        return false;
    if (event->kind == EVENT_IDENTIFY && opts->user.len > 0 && span_eq(event->user, opts->user))
        return event->profile_only || span_eq(event->account, opts->account);
    return !event->profile_only && span_eq(event->account, opts->account);
}

static void replay_links(struct replay *r, uint64_t position, const struct batch *batch)
{
    for (size_t i = 0; i < batch->n_links; i++) {
        const struct link *link = &batch->links[i].link;
        if (span_eq(link->identity, r->identity) &&
            (r->opts->at_ms == 0 || link->at_ms <= r->opts->at_ms))
            core_link(r->core, position, batch->links[i].place, link, batch->known_at_ms);
    }
}

// What identities contributed to the account, as it arrived: of an earlier instant, what had
// happened by then. (A piece of several events is not cut.)
static bool replay_is_later(const struct replay *r, const struct move *move)
{
    return r->opts->at_ms != 0 && move->piece != NULL &&
           move->piece->book->clock_ms > r->opts->at_ms;
}

static void replay_moves(struct replay *r, uint64_t position, const struct batch *batch)
{
    for (uint32_t i = 0; i < batch->n_moves; i++) {
        const struct batch_move *in = &batch->moves[i];
        struct move move;
        struct err_info info;
        if (!span_eq(in->account, r->opts->account) ||
            moves_unpack(r->core, in->body, &r->events, &move, &info) != ERR_OK)
            continue;
        if (!replay_is_later(r, &move))
            core_take_move(r->core, position, i, &move, batch->known_at_ms, &r->changes, &r->texts);
        move_deinit(&move);
    }
}

static bool replay_batch(struct replay *r, uint64_t position, struct span body)
{
    struct batch batch;
    bool ours = replay_mentions(body, r->opts->account) || replay_mentions(body, r->opts->user) ||
                replay_mentions(body, r->identity);
    if (!ours && r->first_ms != 0)
        return true;
    arena_reset(&r->events);
    r->err = codec_batch(body, &r->events, &batch, &r->info);
    if (r->err != ERR_OK)
        return false;
    if (r->first_ms == 0)
        r->first_ms = batch.received_at_ms == 0 ? 1 : batch.received_at_ms;
    core_begin_record(r->core, position, batch.received_at_ms);
    for (size_t i = 0; i < batch.n_events; i++) {
        if (replay_wants(r, &batch.events[i]))
            (void)core_apply(r->core, position, batch.places[i], &batch.events[i], &r->changes,
                             &r->texts);
        replay_forget(r);
    }
    replay_links(r, position, &batch);
    replay_moves(r, position, &batch);
    core_end_record(r->core, position, batch.known_at_ms, &r->changes, &r->texts);
    replay_forget(r);
    return true;
}

// An operator's change, of the identity whose personal account it is.
static bool replay_identity(struct replay *r, uint64_t position, struct span body)
{
    struct link_change change;
    arena_reset(&r->events);
    r->err = record_read_identity(position, body, &r->events, &change, &r->info);
    if (r->err != ERR_OK)
        return false;
    if (!span_eq(change.identity, r->identity) ||
        (r->opts->at_ms != 0 && change.now_ms > r->opts->at_ms))
        return true;
    core_begin_record(r->core, position, change.now_ms);
    (void)core_change_link(r->core, position, 0, &change);
    core_end_record(r->core, position, change.now_ms, &r->changes, &r->texts);
    replay_forget(r);
    return true;
}

static bool replay_tick(struct replay *r, uint64_t position, struct span body)
{
    Assay__Record__V1__TickRecord *tick =
        assay__record__v1__tick_record__unpack(NULL, body.len, body.ptr);
    if (tick == NULL) {
        r->err =
            err_set(&r->info, ERR_CORRUPT, "record %llu: no tick", (unsigned long long)position);
        return false;
    }
    if (r->opts->at_ms == 0 || tick->now_ms <= r->opts->at_ms)
        core_tick(r->core, position, tick->now_ms, &r->changes, &r->texts);
    assay__record__v1__tick_record__free_unpacked(tick, NULL);
    replay_forget(r);
    return true;
}

static bool replay_record(void *arg, uint64_t position, const struct journal_record *record)
{
    struct replay *r = arg;
    if (r->first == 0)
        r->first = position;
    r->last = position;
    if (record->type == LANE_BATCH)
        return replay_batch(r, position, record->body);
    if (record->type == LANE_IDENTITY)
        return replay_identity(r, position, record->body);
    if (record->type == LANE_TICK)
        return replay_tick(r, position, record->body);
    return true; // playbooks: the one in force now stands for all
}

static void replay_profile(void *arg, struct span user, const struct property *trait, int64_t at_ms)
{
    struct replay *r = arg;
    struct event event = {
        .kind = EVENT_IDENTIFY,
        .account = r->opts->account,
        .user = user,
        .at_ms = at_ms,
        .received_at_ms = at_ms,
        .properties = trait,
        .n_properties = 1,
        .profile_only = true,
    };
    if (r->opts->at_ms == 0 || at_ms <= r->opts->at_ms)
        (void)core_apply(r->core, 1, 0, &event, &r->changes, &r->texts);
    replay_forget(r);
}

static enum err replay_run(struct replay *r, struct err_info *info)
{
    const struct replay_opts *opts = r->opts;
    rehearsal_copy_profiles(opts->copy, replay_profile, r);
    enum err err = lane_replay(opts->lane, 0, opts->to, replay_record, r, info);
    if (err == ERR_NOT_FOUND)
        return err_set(info, ERR_UNAVAILABLE, "the journal was trimmed meanwhile; try again");
    if (err != ERR_OK)
        return err;
    if (r->err != ERR_OK) {
        *info = r->info;
        return r->err;
    }
    if (opts->at_ms != 0) {
        core_tick(r->core, r->last + 1, opts->at_ms, &r->changes, &r->texts);
        replay_forget(r);
    }
    if (rehearsal_copy_created(opts->copy) < r->first)
        r->from_ms = r->first_ms;
    return ERR_OK;
}

enum err replay_create(const struct replay_opts *opts, struct replay **out, struct err_info *info)
{
    struct playbook *playbook = rehearsal_copy_playbook(opts->copy);
    if (playbook == NULL)
        return err_set(info, ERR_INTERNAL, "the playbook in force cannot be read");
    struct replay *r = mem_zalloc(sizeof *r);
    r->opts = opts;
    (void)identity_is_personal(opts->account, &r->identity);
    arena_init(&r->events, 256 * 1024, 0);
    arena_init(&r->texts, 64 * 1024, 0);
    r->core = core_create(&opts->core);
    core_set_playbook(r->core, 0, playbook);
    r->contributions = contributions_create(r->core, opts->users, opts->n_users);
    enum err err = replay_run(r, info);
    if (err != ERR_OK) {
        replay_destroy(r);
        return err;
    }
    *out = r;
    return ERR_OK;
}

void replay_destroy(struct replay *r)
{
    if (r == NULL)
        return;
    contributions_destroy(r->contributions);
    core_destroy(r->core);
    signal_changes_deinit(&r->changes);
    arena_deinit(&r->events);
    arena_deinit(&r->texts);
    mem_free(r);
}

struct core *replay_core(struct replay *r)
{
    return r->core;
}

const struct contributions *replay_contributions(const struct replay *r)
{
    return r->contributions;
}

int64_t replay_from_ms(const struct replay *r)
{
    return r->from_ms;
}
