// SPDX-License-Identifier: Apache-2.0
// links: fuzz_play fuzz_lent scorer_service ingest_service router_codec router_core
// mutates: wire
// What comes over the wire, through the codecs into the cores. The input is a message of steps: an
// IngestRequest (1), an ApplyRequest (2), an ApplySignalsRequest (3), an instant that time passes
// to (4), another playbook (5). What ingest takes, the scorer takes; what the scorer says, the
// router takes; and the router's decisions can be read back.
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/text.h"
#include "common/base/time_text.h"
#include "common/rpc/rpc.h"
#include "services/ingest/codec.h"
#include "services/router/codec.h"
#include "services/scorer/codec.h"
#include "tests/fuzz/lent.h"
#include "tests/fuzz/play.h"

enum { STEPS_MAX = 8, EVENTS_MAX = 16, LEASED_MAX = 4, SIGNALS_LANE = 7 };
enum step { STEP_INGEST = 1, STEP_APPLY, STEP_SIGNALS, STEP_TIME, STEP_PLAYBOOK };
static const int64_t NOW_MS = 1767571200000; // 2026-01-05, a Monday

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

struct world {
    struct play play; // the scorer
    struct router_core *router;
    struct router_effects effects;
    struct arena arena, scratch;
    struct buf signals; // ApplySignalsRequest that is being made
    uint64_t offset;    // of the last decision
};

// ---- The router ----

static void read_back(struct world *w, const struct router_decision *decision)
{
    struct buf packed = {0};
    CHECK(decision->offset == ++w->offset);
    router_codec_decision(decision, &w->scratch, &packed);
    arena_reset(&w->scratch);
    const Assay__Router__V1__Decision *got =
        router_codec_decision_read(buf_span(&packed), &w->scratch);
    CHECK(got != NULL && got->offset == decision->offset);
    buf_deinit(&packed);
}

static void note_decisions(struct world *w)
{
    for (size_t i = 0; i < w->effects.n; i++)
        read_back(w, &w->effects.items[i]);
    router_effects_clear(&w->effects);
}

// True: they were taken.
static bool step_signals(struct world *w, struct span bytes)
{
    struct router_signals signals;
    struct err_info info = {{0}};
    arena_reset(&w->arena);
    enum err err = router_codec_signals(bytes, &w->arena, &signals, &info);
    if (err == ERR_OK) {
        router_core_signals(w->router, signals.lane, signals.items, signals.n, &w->effects);
        note_decisions(w);
    } else {
        CHECK((err == ERR_INVALID || err == ERR_FULL) && info.text[0] != '\0');
    }
    arena_bound(&w->arena, 0);
    return err == ERR_OK;
}

static void use_lead(struct world *w, const struct router_lead *lead, size_t i, int64_t now_ms)
{
    char token[ROUTER_TOKEN_BYTES];
    const struct router_lead *got;
    router_lead_token(lead, token);
    (void)router_codec_lead(w->router, lead, true, &w->scratch);
    struct span id = span_of(lead->id), key = span_of(token);
    enum err err = i % 2 == 0 ? router_core_complete(w->router, now_ms, id, key,
                                                     span_of("accepted"), &got, &w->effects, NULL)
                              : router_core_release(w->router, now_ms, id, key, span_of("busy"), 0,
                                                    &got, &w->effects, NULL);
    CHECK(err == ERR_OK || err == ERR_INVALID);
    note_decisions(w);
}

static void use_leads(struct world *w, int64_t now_ms)
{
    static const char *const QUEUES[] = {"sales", "self_serve", "success", "enterprise"};
    const struct router_lead *leads[ROUTER_LEASE_LEADS_MAX];
    for (size_t q = 0; q < ARRAY_LEN(QUEUES); q++) {
        struct router_lease lease = {
            .queue = span_of(QUEUES[q]), .consumer = span_of("fuzz"), .max = LEASED_MAX};
        size_t n = 0;
        enum err err = router_core_lease(w->router, now_ms, &lease, leads, &n, &w->effects, NULL);
        CHECK(err == ERR_OK || err == ERR_NOT_FOUND);
        note_decisions(w);
        for (size_t i = 0; err == ERR_OK && i < n; i++)
            use_lead(w, leads[i], i, now_ms);
        arena_reset(&w->scratch);
    }
}

static void look_at_router(struct world *w)
{
    const struct router_lead *leads[8];
    struct router_filter filter = {.max = ARRAY_LEN(leads)};
    uint64_t next, total;
    size_t n = router_core_leads(w->router, &filter, leads, &next, &total);
    for (size_t i = 0; i < n; i++) {
        struct router_account_view view;
        router_core_account(w->router, span_of(leads[i]->account_id), &w->scratch, &view);
        CHECK(view.known && view.lead != NULL);
        (void)router_codec_account(w->router, leads[i]->account_id, &view, &w->scratch);
        arena_reset(&w->scratch);
    }
}

// ---- The scorer ----

// A lane packs what the core says; the router must take it.
static void hand_on(void *arg, uint64_t position, const struct signal_change *change)
{
    struct world *w = arg;
    struct buf one = {0};
    codec_signal(change, position, &one);
    wire_append_bytes(&w->signals, 2, buf_span(&one));
    buf_deinit(&one);
}

static void hand_over(struct world *w)
{
    struct buf request = {0};
    wire_append_value(&request, 1, SIGNALS_LANE);
    buf_append_span(&request, buf_span(&w->signals));
    CHECK(step_signals(w, buf_span(&request)));
    buf_clear(&w->signals);
    buf_deinit(&request);
}

// True: it was taken.
static bool step_apply(struct world *w, struct span bytes)
{
    struct batch batch;
    struct arena arena;
    struct err_info info = {{0}};
    arena_init(&arena, 4096, 0);
    enum err err = codec_batch(bytes, &arena, &batch, &info);
    CHECK(err == ERR_OK || ((err == ERR_INVALID || err == ERR_FULL) && info.text[0] != '\0'));
    bool room = err == ERR_OK && core_has_room(w->play.core, batch.received_at_ms, batch.n_events);
    for (size_t i = 0; room && i < batch.n_events && i < EVENTS_MAX; i++)
        play_apply(&w->play, &batch.events[i]);
    if (room)
        hand_over(w);
    if (room && batch.n_events > 0 && batch.number % 2 != 0)
        play_explain(&w->play, batch.events[0].account);
    arena_deinit(&arena);
    return err == ERR_OK;
}

// ---- Ingest ----

static void pass_on(struct world *w, Assay__Ingest__V1__Event *in, const struct ingest_rules *rules,
                    struct arena *arena)
{
    struct ingest_event event;
    struct ingest_target target;
    struct err_info reason = {{0}};
    codec_event_in(in, arena, &event);
    if (ingest_take(&event, rules, NOW_MS, arena, &target, &reason) != INGEST_TAKEN) {
        CHECK(reason.text[0] != '\0' && text_is_clean_utf8(span_of(reason.text)));
        return;
    }
    Assay__Scorer__V1__Event out;
    Assay__Scorer__V1__Event *events[] = {&out};
    Assay__Scorer__V1__ApplyRequest request = ASSAY__SCORER__V1__APPLY_REQUEST__INIT;
    codec_event_out(in, &target, &out);
    request.source = 1;
    request.number = 2 + in->name[0] % 2;
    request.received_at_ms = NOW_MS;
    request.events = events;
    request.n_events = 1;
    struct buf packed = {0};
    size_t n = protobuf_c_message_get_packed_size(&request.base);
    packed.len += protobuf_c_message_pack(&request.base, buf_reserve(&packed, n));
    CHECK(step_apply(w, buf_span(&packed)));
    buf_deinit(&packed);
}

static void step_ingest(struct world *w, struct span bytes)
{
    struct arena arena;
    ProtobufCMessage *message;
    struct err_info info = {{0}};
    arena_init(&arena, 4096, 0);
    enum err err =
        rpc_unpack(&assay__ingest__v1__ingest_request__descriptor, bytes, &arena, &message, &info);
    arena_bound(&arena, 0);
    if (err == ERR_OK && rpc_message_texts_clean(message)) {
        const Assay__Ingest__V1__IngestRequest *in = (const void *)message;
        struct ingest_rules rules = {in->sequence % 2 == 0 ? INGEST_CLOCK_EVENT : INGEST_CLOCK_WALL,
                                     in->sequence / 2 % 2 == 0 ? INGEST_ACCOUNTS_PERSONAL
                                                               : INGEST_ACCOUNTS_EMAIL_DOMAIN};
        for (size_t i = 0; i < in->n_events && i < EVENTS_MAX; i++)
            pass_on(w, in->events[i], &rules, &arena);
    }
    arena_deinit(&arena);
}

// ---- All of it ----

static void step_time(struct world *w, uint64_t to)
{
    int64_t now_ms = NOW_MS + (int64_t)(to % (400 * (uint64_t)TIME_DAY_MS));
    play_tick(&w->play, now_ms);
    hand_over(w);
    router_core_tick(w->router, now_ms, &w->effects);
    note_decisions(w);
    use_leads(w, now_ms);
}

static void step_playbook(struct world *w, uint64_t which)
{
    struct playbook *playbook = lent_playbook((enum lent)(which % LENT_PLAYBOOKS));
    core_set_playbook(w->play.core, ++w->play.position, playbook);
    router_core_set_playbook(w->router, playbook, &w->effects);
    note_decisions(w);
}

static void step(struct world *w, const struct wire_field *field)
{
    switch (field->number) {
    case STEP_INGEST:
        step_ingest(w, field->payload);
        break;
    case STEP_APPLY:
        (void)step_apply(w, field->payload);
        break;
    case STEP_SIGNALS:
        (void)step_signals(w, field->payload);
        break;
    case STEP_TIME:
        step_time(w, field->value);
        break;
    case STEP_PLAYBOOK:
        step_playbook(w, field->value);
        break;
    default:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct core_opts opts = {.dedupe_window_ms = TIME_DAY_MS, .dedupe_ids_max = 1000};
    struct world w = {.router = router_core_create()};
    struct bytes from = {bytes, len};
    struct wire_field field;
    play_init(&w.play, core_create(&opts), 0, NOW_MS);
    w.play.change = hand_on;
    w.play.arg = &w;
    router_effects_init(&w.effects);
    arena_init(&w.arena, 4096, 0);
    arena_init(&w.scratch, 4096, 0);
    step_playbook(&w, LENT_WIDE);
    for (int i = 0; i < STEPS_MAX && wire_next(&from, &field); i++)
        step(&w, &field);
    use_leads(&w, NOW_MS);
    look_at_router(&w);
    play_deinit(&w.play);
    router_core_destroy(w.router);
    router_effects_deinit(&w.effects);
    arena_deinit(&w.arena);
    arena_deinit(&w.scratch);
    buf_deinit(&w.signals);
    return 0;
}
