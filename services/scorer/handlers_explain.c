// SPDX-License-Identifier: Apache-2.0
// Explain. The lane's thread tells how the account stands and copies it, which takes no longer than
// the account is large; what is missing is looked for on the copy, and the journal is read, on
// threads of their own.
#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "services/scorer/codec.h"
#include "services/scorer/replay.h"
#include "services/scorer/scorer_impl.h"

enum {
    PROPOSALS_MAX = 32,
    PROPOSALS_MS_MAX = 3000, // in all; what is not found by then is left out
};

// 9999-12-31T23:59:59.999Z, as for events.
static const int64_t EXPLAIN_AT_MAX_MS = 253402300799999;

struct explain {
    struct scorer *scorer;
    struct lane *lane;
    struct arena arena;
    const char *account, *user;
    bool events, proposals;
    int64_t at_ms;
    // Of the look.
    struct explanation explanation; // its texts may have gone with the playbook
    struct rehearsal_copy *copy;
    uint64_t journal_last;
    const struct span *users; // who act as the user
    size_t n_users;
    const char *known_as; // who the user is in this account, or ""
    // The answer, in the arena.
    bool found;
    Assay__Scorer__V1__ExplainResponse *answer;
    enum err err;
    struct err_info info;
    Assay__Scorer__V1__ExplainResponse_Closure closure;
    void *closure_data;
};

static void *explain_alloc(void *arena, size_t n)
{
    return arena_alloc(arena, n);
}

static void explain_no_free(void *arena, void *p)
{
    (void)arena;
    (void)p;
}

// Texts of the playbook may go with it before the answer leaves: the answer has copies of its own.
static void explain_answer(struct explain *explain, const struct explanation *from,
                           struct core *core)
{
    const struct playbook *playbook = core_playbook(core);
    struct identity_view identity;
    struct arena *arena = &explain->arena;
    Assay__Scorer__V1__ExplainResponse *message = codec_explanation(
        from, explain->account, explain->user, playbook == NULL ? "" : playbook->label, arena);
    // A user who is excluded never counts, and still has an explanation.
    explain->found = from->known || message->excluded[0] != '\0';
    if (!from->known)
        message->clock_ms = 0;
    message->at_ms = explain->at_ms;
    core_identity_view(core, span_of(explain->account), arena, &identity);
    codec_explain_identity(&identity, arena, message);
    size_t n = assay__scorer__v1__explain_response__get_packed_size(message);
    uint8_t *bytes = arena_alloc(arena, n + 1);
    assay__scorer__v1__explain_response__pack(message, bytes);
    ProtobufCAllocator allocator = {explain_alloc, explain_no_free, arena};
    explain->answer = assay__scorer__v1__explain_response__unpack(&allocator, n, bytes);
}

static void explain_look(void *arg, const struct lane_view *view)
{
    struct explain *explain = arg;
    struct span account = span_of(explain->account), user = span_of(explain->user);
    core_explain(view->core_mutable, account, user, &explain->arena, &explain->explanation);
    explain_answer(explain, &explain->explanation, view->core_mutable);
    explain->journal_last = view->journal_last;
    explain->n_users =
        core_acting_as(view->core_mutable, account, user, &explain->arena, &explain->users);
    explain->known_as = core_known_as(view->core_mutable, account, user, &explain->arena);
    if (explain->events || explain->proposals || explain->at_ms != 0)
        explain->copy = rehearsal_copy_create(view->core_mutable, account, user);
}

// ---- What is missing ----

static bool explain_proposes(const struct explained_signal *signal)
{
    // What is still being counted is not known to be missing.
    for (size_t i = 0; i < signal->n_conditions; i++) {
        if (signal->conditions[i].warming)
            return false;
    }
    return !signal->value &&
           (signal->origin == SIGNAL_DEFINITION || signal->origin == SIGNAL_DECLARED);
}

static void explain_propose(struct explain *explain, const struct explanation *from,
                            const struct rehearsal_copy *copy)
{
    int64_t end_ms = clock_mono_ms() + PROPOSALS_MS_MAX;
    struct rehearsal *rehearsal = copy == NULL ? NULL : rehearsal_create(copy);
    int n = 0;
    for (size_t i = 0; rehearsal != NULL && i < from->n_signals; i++) {
        const struct explained_signal *signal = &from->signals[i];
        struct proposal proposal;
        if (!explain_proposes(signal))
            continue;
        if (n++ == PROPOSALS_MAX || clock_mono_ms() > end_ms) {
            explain->answer->proposals_left_out = true;
            break;
        }
        proposal_find(rehearsal_stage(rehearsal), signal->position,
                      span_of(signal->of_user ? explain->user : ""), &explain->arena, &proposal);
        if (proposal.kind != PROPOSAL_NONE)
            explain->answer->signals[i]->proposal = codec_proposal(&proposal, &explain->arena);
    }
    rehearsal_destroy(rehearsal);
}

static void explain_light(void *arg)
{
    struct explain *explain = arg;
    explain_propose(explain, &explain->explanation, explain->copy);
}

// ---- What the journal says ----

// The rows of the answer are those of the explanation.
static void explain_events(struct explain *explain, struct explanation *from,
                           const struct replay *replay)
{
    core_explain_events(replay_contributions(replay), &explain->arena, from);
    for (size_t s = 0; s < from->n_signals; s++) {
        for (size_t i = 0; i < from->signals[s].n_conditions; i++) {
            const struct explained_condition *row = &from->signals[s].conditions[i];
            Assay__Scorer__V1__Condition *out = explain->answer->signals[s]->conditions[i];
            out->event_count = row->n_events;
            out->more_events = row->more_events;
            out->first_ms = row->first_ms;
            out->first_id = (char *)row->first_id;
            out->last_ms = row->last_ms;
            out->last_id = (char *)row->last_id;
        }
    }
}

static void explain_past(struct explain *explain, struct replay *replay)
{
    struct core *core = replay_core(replay);
    struct span account = span_of(explain->account), user = span_of(explain->user);
    struct explanation past;
    core_explain(core, account, user, &explain->arena, &past);
    explain_answer(explain, &past, core);
    if (explain->events)
        explain_events(explain, &past, replay);
    if (!explain->proposals || !past.known)
        return;
    struct rehearsal_copy *copy = rehearsal_copy_create(core, account, user);
    explain_propose(explain, &past, copy);
    rehearsal_copy_destroy(copy);
}

static void explain_heavy(void *arg)
{
    struct explain *explain = arg;
    const struct scorer_config *config = explain->scorer->config;
    struct replay_opts opts = {
        .lane = explain->lane,
        .account = span_of(explain->account),
        .user = span_of(explain->user),
        .users = explain->users,
        .n_users = explain->n_users,
        .copy = explain->copy,
        .to = explain->journal_last,
        .at_ms = explain->at_ms,
        .core = {config->dedupe_window_ms, (uint64_t)config->dedupe_ids_max},
    };
    struct replay *replay;
    explain->err = replay_create(&opts, &replay, &explain->info);
    if (explain->err != ERR_OK)
        return;
    if (explain->at_ms != 0) {
        explain_past(explain, replay);
    } else {
        explain_events(explain, &explain->explanation, replay);
        if (explain->proposals)
            explain_propose(explain, &explain->explanation, explain->copy);
    }
    explain->answer->events_from_ms = replay_from_ms(replay);
    replay_destroy(replay);
}

// ---- The call ----

static void explain_done(void *arg)
{
    struct explain *explain = arg;
    const char *when = explain->at_ms == 0 ? "" : " up to then";
    if (explain->err != ERR_OK)
        rpc_fail_err(explain->closure_data, explain->err, &explain->info);
    else if (!explain->found && explain->known_as != NULL && explain->known_as[0] != '\0')
        rpc_fail(explain->closure_data, RPC_FAILED_PRECONDITION,
                 "user_id: %s acts in this account as %s", explain->user, explain->known_as);
    else if (explain->answer == NULL || !explain->found)
        rpc_fail(explain->closure_data, RPC_NOT_FOUND, "no such %s%s",
                 explain->user[0] == '\0' ? "account" : "user in this account", when);
    else
        explain->closure(explain->answer, explain->closure_data);
    rehearsal_copy_destroy(explain->copy);
    arena_deinit(&explain->arena);
    mem_free(explain);
}

static void explain_looked(void *arg, enum err err, const struct err_info *info)
{
    struct explain *explain = arg;
    struct aside *aside = explain->scorer->aside;
    bool heavy = explain->events || explain->at_ms != 0;
    if (err != ERR_OK) {
        explain->err = err;
        explain->info = *info;
    } else if (explain->copy != NULL && heavy) {
        if (aside_run(aside, ASIDE_HEAVY, explain_heavy, explain_done, explain))
            return;
        explain->err =
            err_set(&explain->info, ERR_FULL,
                    "%d explanations are reading the journal already; try again", ASIDE_HEAVY_MAX);
    } else if (explain->copy != NULL && explain->found) {
        if (aside_run(aside, ASIDE_LIGHT, explain_light, explain_done, explain))
            return;
        explain->answer->proposals_left_out = true;
    }
    explain_done(explain);
}

void scorer_explain(Assay__Scorer__V1__ScorerService_Service *methods,
                    const Assay__Scorer__V1__ExplainRequest *request,
                    Assay__Scorer__V1__ExplainResponse_Closure closure, void *closure_data)
{
    struct scorer *scorer = CONTAINER_OF(methods, struct scorer, methods);
    struct span account = span_of(request->account_id);
    if (account.len == 0) {
        rpc_fail(closure_data, RPC_INVALID_ARGUMENT,
                 "account_id: expected an account, got nothing");
        return;
    }
    if (request->at_ms < 0 || request->at_ms > EXPLAIN_AT_MAX_MS) {
        rpc_fail(closure_data, RPC_INVALID_ARGUMENT, "at_ms: %lld is not an instant before 10000",
                 (long long)request->at_ms);
        return;
    }
    struct lane *lane = scorer_lane_of(scorer, account);
    if (lane == NULL) {
        rpc_fail(closure_data, RPC_FAILED_PRECONDITION,
                 "this scorer does not own the account's shard");
        return;
    }
    struct explain *explain = mem_zalloc(sizeof *explain);
    arena_init(&explain->arena, 16 * 1024, 0);
    explain->scorer = scorer;
    explain->lane = lane;
    explain->account = arena_dup(&explain->arena, account);
    explain->user = arena_dup(&explain->arena, span_of(request->user_id));
    explain->events = request->events;
    explain->proposals = request->proposals;
    explain->at_ms = request->at_ms;
    explain->closure = closure;
    explain->closure_data = closure_data;
    lane_look(lane, explain_look, explain_looked, explain);
}
