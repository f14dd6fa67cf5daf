// SPDX-License-Identifier: Apache-2.0
// Each event is a journal record of its own here: position counts events, and an account's
// decisions do not depend on how events are cut into records.
//
// Message ids are forgotten by hours of intake. Here an "hour" is a number of events, so that the
// memory they take is bounded whatever times the events carry.
#include "cli/backtest/run.h"

#include "common/base/mem.h"
#include "common/base/time_text.h"
#include "services/ingest/core/core.h"
#include "services/ingest/segment/segment.h"
#include "services/playbook/load.h"
#include "services/router/codec.h"
#include "services/router/core/core.h"
#include "services/scorer/moves_queue.h"

enum { IDS_REMEMBER = 1 << 24, IDS_HOURS = 16, LANE = 0 };

struct run {
    struct run_opts opts;
    struct core *core;
    struct router_core *router;
    struct router_effects effects;
    struct signal_changes changes;
    struct moves_queue moves;
    struct arena event_arena; // of the event being read
    struct arena change_arena;
    struct arena codec_arena;
    struct buf packed;
    uint64_t position, refused, signals, decisions;
    uint64_t ids_an_hour;
};

// ---- Decisions ----

static struct span text_of(const char *text)
{
    return span_of(text == NULL ? "" : text);
}

static void signal_out(const struct signal_change *in, uint64_t position, struct arena *arena,
                       struct router_signal *out)
{
    struct router_evidence *evidence = arena_alloc(arena, (in->n_evidence + 1) * sizeof *evidence);
    for (size_t i = 0; i < in->n_evidence; i++)
        evidence[i] = (struct router_evidence){
            span_of(in->evidence[i].condition),
            span_of(in->evidence[i].value),
            span_of(in->evidence[i].threshold),
            in->evidence[i].since_ms,
        };
    *out = (struct router_signal){
        .position = position,
        .index = in->index,
        .name = span_of(in->signal),
        .value = in->value,
        .account = in->account,
        .user = in->user,
        .at_ms = in->at_ms,
        .known_at_ms = in->known_at_ms,
        .event_id = in->event_id,
        .playbook = span_of(in->playbook),
        .evidence = evidence,
        .n_evidence = in->n_evidence,
        .episode = in->episode,
        .label = text_of(in->label),
        .reason = text_of(in->reason),
    };
}

static void tell_decisions(struct run *run)
{
    for (size_t i = 0; i < run->effects.n && run->opts.decision != NULL; i++) {
        buf_clear(&run->packed);
        router_codec_decision(&run->effects.items[i], &run->codec_arena, &run->packed);
        arena_reset(&run->codec_arena);
        const Assay__Router__V1__Decision *decision =
            router_codec_decision_read(buf_span(&run->packed), &run->codec_arena);
        CHECK(decision != NULL);
        run->opts.decision(run->opts.arg, decision);
    }
    run->decisions += run->effects.n;
    router_effects_clear(&run->effects);
}

static void tell_changes(struct run *run)
{
    size_t n = run->changes.n;
    for (size_t i = 0; i < n && run->opts.signal != NULL; i++)
        run->opts.signal(run->opts.arg, &run->changes.items[i]);
    if (n > 0 && !run->opts.signals_only) {
        struct router_signal *signals = arena_alloc(&run->change_arena, n * sizeof *signals);
        for (size_t i = 0; i < n; i++)
            signal_out(&run->changes.items[i], run->position, &run->change_arena, &signals[i]);
        router_core_signals(run->router, LANE, signals, n, &run->effects);
        tell_decisions(run);
    }
    run->signals += n;
    run->changes.n = 0;
    arena_reset(&run->change_arena);
}

// ---- Life cycle ----

enum err run_create(const struct run_opts *opts, struct run **out, struct buf *report)
{
    struct playbook *scorers, *routers = NULL;
    struct buf again = {0};
    *out = NULL;
    enum err err = playbook_load(opts->file, opts->playbook, &scorers, report);
    if (err != ERR_OK)
        return err;
    err = playbook_load(opts->file, opts->playbook, &routers, &again);
    buf_deinit(&again);
    CHECK(err == ERR_OK);
    struct run *run = mem_zalloc(sizeof *run);
    uint64_t ids = opts->ids_remember == 0 ? IDS_REMEMBER : opts->ids_remember;
    run->opts = *opts;
    run->ids_an_hour = (ids + IDS_HOURS - 1) / IDS_HOURS;
    // One hour more than is remembered in full is being filled.
    struct core_opts core = {
        .dedupe_window_ms = IDS_HOURS * (int64_t)TIME_HOUR_MS,
        .dedupe_ids_max = (IDS_HOURS + 3) * run->ids_an_hour,
    };
    run->core = core_create(&core);
    run->router = router_core_create();
    router_core_by_event(run->router);
    router_effects_init(&run->effects);
    arena_init(&run->event_arena, 64 * 1024, 0);
    arena_init(&run->change_arena, 16 * 1024, 0);
    arena_init(&run->codec_arena, 16 * 1024, 0);
    core_set_playbook(run->core, 0, scorers);
    router_core_set_playbook(run->router, routers, &run->effects);
    tell_decisions(run);
    *out = run;
    return ERR_OK;
}

void run_destroy(struct run *run)
{
    if (run == NULL)
        return;
    core_destroy(run->core);
    router_core_destroy(run->router);
    router_effects_deinit(&run->effects);
    signal_changes_deinit(&run->changes);
    moves_queue_deinit(&run->moves);
    arena_deinit(&run->event_arena);
    arena_deinit(&run->change_arena);
    arena_deinit(&run->codec_arena);
    buf_deinit(&run->packed);
    mem_free(run);
}

const struct playbook *run_playbook(const struct run *run)
{
    return core_playbook(run->core);
}

void run_counts(const struct run *run, struct run_counts *out)
{
    *out = (struct run_counts){
        .refused = run->refused, .signals = run->signals, .decisions = run->decisions};
    core_counts(run->core, &out->core);
}

// ---- Events ----

static struct ingest_property property_in(const struct segment_property *in)
{
    struct ingest_property out = {.key = in->key};
    switch (in->kind) {
    case SEGMENT_TEXT:
        out.kind = INGEST_TEXT;
        out.text = in->text;
        break;
    case SEGMENT_NUMBER:
        out.kind = INGEST_NUMBER;
        out.number = in->number;
        break;
    case SEGMENT_INTEGER:
        out.kind = INGEST_INTEGER;
        out.integer = in->integer;
        break;
    case SEGMENT_FLAG:
        out.kind = INGEST_FLAG;
        out.flag = in->flag;
        break;
    }
    return out;
}

static const struct ingest_property *list_in(const struct segment_list *list, struct arena *arena)
{
    struct ingest_property *out = arena_alloc(arena, (list->n + 1) * sizeof *out);
    for (size_t i = 0; i < list->n; i++)
        out[i] = property_in(&list->items[i]);
    return out;
}

static struct property property_out(const struct ingest_property *in)
{
    struct property out = {.key = in->key};
    switch (in->kind) {
    case INGEST_NONE:
        break;
    case INGEST_TEXT:
        out.value = (struct value){.type = VALUE_TEXT, .text = in->text};
        break;
    case INGEST_NUMBER:
        out.value = (struct value){.type = VALUE_NUMBER, .number = in->number};
        break;
    case INGEST_INTEGER:
        out.value = (struct value){.type = VALUE_INTEGER, .integer = in->integer};
        break;
    case INGEST_FLAG:
        out.value = (struct value){.type = VALUE_FLAG, .flag = in->flag};
        break;
    }
    return out;
}

static const struct property *list_out(const struct ingest_property *in, size_t n,
                                       struct arena *arena)
{
    struct property *out = arena_alloc(arena, (n + 1) * sizeof *out);
    for (size_t i = 0; i < n; i++)
        out[i] = property_out(&in[i]);
    return out;
}

static void event_out(const struct ingest_event *in, const struct ingest_target *target,
                      struct arena *arena, struct event *out)
{
    bool traits = in->kind == INGEST_IDENTIFY || in->kind == INGEST_GROUP;
    size_t n = traits ? in->n_traits : in->n_properties;
    *out = (struct event){
        .kind = (enum event_kind)in->kind,
        .message_id = in->message_id,
        .account = target->account,
        .user = target->user,
        .anonymous = target->user.len > 0 && in->user_id.len == 0,
        .name = in->kind == INGEST_ALIAS ? in->previous_id : in->name,
        .at_ms = target->at_ms,
        .received_at_ms = target->received_at_ms,
        .properties = list_out(traits ? in->traits : in->properties, n, arena),
        .n_properties = n,
        .context = list_out(in->context, in->n_context, arena),
        .n_context = in->n_context,
    };
}

// Of a call that links an identity; false: it does not.
static bool link_out(const struct event *event, const struct ingest_link *in, struct link *out)
{
    bool to_user = in->user.len > 0;
    *out = (struct link){
        .kind = to_user ? LINK_USER : LINK_GROUP,
        .identity = in->identity,
        .target = to_user ? in->user : in->account,
        .at_ms = event->at_ms,
        .message_id = event->message_id,
    };
    return in->identity.len > 0;
}

static enum err event_read(struct run *run, struct span line, struct event *out, struct link *link,
                           bool *links, struct err_info *info)
{
    struct segment_event call;
    struct arena *arena = &run->event_arena;
    enum err err = segment_parse(line, arena, &call, info);
    if (err != ERR_OK)
        return err;
    struct ingest_event event = {
        .kind = (int)call.kind,
        .message_id = call.message_id,
        .user_id = call.user_id,
        .anonymous_id = call.anonymous_id,
        .group_id = call.group_id,
        .previous_id = call.previous_id,
        .name = call.name,
        .timestamp_ms = call.timestamp_ms,
        .sent_at_ms = call.sent_at_ms,
        .received_at_ms = call.received_at_ms,
        .properties = list_in(&call.properties, arena),
        .n_properties = call.properties.n,
        .traits = list_in(&call.traits, arena),
        .n_traits = call.traits.n,
        .context = list_in(&call.context, arena),
        .n_context = call.context.n,
    };
    struct ingest_target target;
    const struct ingest_rules rules = {
        INGEST_CLOCK_EVENT,
        run->opts.by_domain ? INGEST_ACCOUNTS_EMAIL_DOMAIN : INGEST_ACCOUNTS_PERSONAL,
    };
    // An event without any time cannot be placed: nothing here may depend on today.
    if (event.timestamp_ms == 0 && event.received_at_ms == 0)
        return err_set(info, ERR_INVALID, "timestamp: missing");
    if (ingest_take(&event, &rules, 1, arena, &target, info) != INGEST_TAKEN)
        return ERR_INVALID;
    event_out(&event, &target, arena, out);
    *links = link_out(out, &target.link, link);
    return ERR_OK;
}

static enum run_verdict verdict_of(enum verdict verdict)
{
    switch (verdict) {
    case VERDICT_COUNTED:
        return RUN_COUNTED;
    case VERDICT_DUPLICATE:
        return RUN_DUPLICATE;
    case VERDICT_EXCLUDED:
        return RUN_EXCLUDED;
    }
    CHECK(false);
}

// What the record made for other accounts, and what that makes, until nothing is left: there is one
// lane here, and nothing on the way.
static void deliver_moves(struct run *run, int64_t intake_ms, int64_t known_at_ms)
{
    moves_queue_add(&run->moves, run->core, NULL, NULL);
    for (;;) {
        struct moves_record record = {run->position + 1, intake_ms, known_at_ms};
        if (!moves_queue_take(&run->moves, run->core, &record, &run->changes, &run->change_arena))
            return;
        run->position++;
        moves_queue_add(&run->moves, run->core, NULL, NULL);
        tell_changes(run);
    }
}

enum err run_line(struct run *run, struct span line, struct err_info *info)
{
    struct event event;
    struct link link;
    bool links = false;
    arena_reset(&run->event_arena);
    enum err err = event_read(run, line, &event, &link, &links, info);
    if (err != ERR_OK) {
        run->refused++;
        return err;
    }
    run->position++;
    int64_t hour = (int64_t)(run->position / run->ids_an_hour) + 1;
    core_begin_record(run->core, run->position, hour * TIME_HOUR_MS);
    enum verdict verdict =
        core_apply(run->core, run->position, 0, &event, &run->changes, &run->change_arena);
    if (links)
        core_link(run->core, run->position, 1, &link, event.received_at_ms);
    core_end_record(run->core, run->position, event.received_at_ms, &run->changes,
                    &run->change_arena);
    tell_changes(run);
    deliver_moves(run, hour * TIME_HOUR_MS, event.received_at_ms);
    if (run->opts.event == NULL)
        return ERR_OK;
    struct run_event told = {
        .verdict = verdict_of(verdict),
        .kind = event.kind,
        .account = event.account,
        .user = event.user,
        .name = event.name,
        .at_ms = event.at_ms,
        .properties = event.properties,
        .n_properties = event.n_properties,
    };
    run->opts.event(run->opts.arg, &told);
    return ERR_OK;
}

void run_advance(struct run *run, int64_t now_ms)
{
    struct core_counts counts;
    core_counts(run->core, &counts);
    if (now_ms == INT64_MIN)
        now_ms = counts.event_time_max_ms;
    if (now_ms == INT64_MIN)
        return;
    run->position++;
    core_tick(run->core, run->position, now_ms, &run->changes, &run->change_arena);
    tell_changes(run);
    if (run->opts.signals_only)
        return;
    router_core_tick(run->router, now_ms, &run->effects);
    tell_decisions(run);
}
