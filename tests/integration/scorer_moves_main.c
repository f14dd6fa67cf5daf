// SPDX-License-Identifier: Apache-2.0
// links: rpc shard loop log base clock assay_proto
// runs: assay-scorer
// People with several ids, their events and links in any order over four lanes of a scorer that is
// killed at random moments, while the way between the lanes loses requests, loses answers, and
// brings old requests once more. At the end every account has what each person contributed, once,
// and Resolve says where that is; and after another kill; and after links were undone and redone.
#include "assay/ingest/v1/ingest.pb-c.h"
#include "tests/support/random.h"
#include "tests/support/scorer_rig.h"

enum {
    LANES = 4,
    PEOPLE = 24, // of each: a visitor a<i> and a user u<i>
    ACCOUNTS = 6,
    LINKS_MAX = 3, // of a kind
    IDS = 2 * PEOPLE,
    EVENTS = 900,
    BATCH_EVENTS = 12,
    LIVES = 10,
    STALE_MAX = 8,
    ID_BYTES = 24,
};

static const char PLAYBOOK[] = "playbook: people\n"
                               "version: 1\n"
                               "measures:\n"
                               "  made: {count: Project Created}\n"
                               "  made_here: {count: Project Created, per: account}\n"
                               "  people: {distinct: user, per: account}\n"
                               "  days: {active_days: any, window: 20d, per: account}\n"
                               "signals:\n"
                               "  busy: {made_here: {at_least: 5}}\n"
                               "  keen: {made: {at_least: 3}}\n"
                               "qualify: {pal: keen}\n"
                               "route: [{when: always, motion: self_serve}]\n";

// ---- The way between lanes ----------------------------------------------------------------------

struct stale {
    char *bytes;
    size_t len;
};

struct way {
    struct rig *rig;
    struct rpc_server *server;
    struct mailbox *mailbox;
    struct test_random random;
    bool faithful; // nothing goes wrong any more
    struct stale stale[STALE_MAX];
    unsigned n_carried, n_lost, n_answers_lost, n_stale;
    size_t n_calls;
    bool closed;
};

struct way_call {
    struct way *way;
    struct rpc_request *request; // NULL: an old one, nobody waits
};

static bool way_chance(struct way *way, unsigned percent)
{
    return !way->faithful && test_random_below(&way->random, 100) < percent;
}

static void way_answer(struct way_call *call, enum rpc_status status, struct span answer)
{
    struct way *way = call->way;
    Assay__Ingest__V1__CarryResponse response = ASSAY__INGEST__V1__CARRY_RESPONSE__INIT;
    Assay__Scorer__V1__ApplyResponse *applied = NULL;
    if (status == RPC_OK)
        applied = assay__scorer__v1__apply_response__unpack(NULL, answer.len, answer.ptr);
    bool taken = applied != NULL &&
                 (applied->outcome == ASSAY__SCORER__V1__APPLY_OUTCOME__APPLY_OUTCOME_APPLIED ||
                  applied->outcome == ASSAY__SCORER__V1__APPLY_OUTCOME__APPLY_OUTCOME_REPEATED);
    if (applied != NULL)
        assay__scorer__v1__apply_response__free_unpacked(applied, NULL);
    way->n_carried += taken;
    if (taken && way_chance(way, 25)) {
        way->n_answers_lost++;
        rpc_request_fail(call->request, RPC_UNAVAILABLE, "the answer is lost");
    } else if (taken) {
        rpc_request_answer_message(call->request, &response.base);
    } else {
        rpc_request_fail(call->request, RPC_UNAVAILABLE, "not taken");
    }
}

static void way_answered_cb(void *arg, enum rpc_status status, const char *text, struct span answer)
{
    struct way_call *call = arg;
    (void)text;
    if (call->request != NULL)
        way_answer(call, status, answer);
    call->way->n_calls--;
    mem_free(call);
}

static void way_apply(struct way *way, struct span bytes, struct rpc_request *request)
{
    struct way_call *call = mem_zalloc(sizeof *call);
    struct rpc_call_opts opts = {.timeout_ms = 5000};
    *call = (struct way_call){way, request};
    way->n_calls++;
    rpc_call_raw(way->rig->client, "assay.scorer.v1.ScorerService/Apply", bytes, &opts,
                 way_answered_cb, call);
}

// Keeps a copy for later, or brings an old one now.
static void way_confuse(struct way *way, struct span bytes)
{
    struct stale *stale = &way->stale[test_random_below(&way->random, STALE_MAX)];
    if (stale->bytes != NULL && way_chance(way, 50)) {
        way->n_stale++;
        way_apply(way, span_make(stale->bytes, stale->len), NULL);
    }
    mem_free(stale->bytes);
    *stale = (struct stale){mem_dup(bytes), bytes.len};
}

static void way_carry(struct way *way, const Assay__Ingest__V1__CarryRequest *in,
                      struct rpc_request *request)
{
    Assay__Scorer__V1__ApplyRequest out = ASSAY__SCORER__V1__APPLY_REQUEST__INIT;
    out.lane = in->to_lane;
    out.map_version = 1;
    out.received_at_ms = BATCH_T0;
    out.from_lane = in->from_lane;
    out.n_moves = in->n_moves;
    out.moves = in->moves;
    for (size_t i = 0; i < in->n_moves; i++)
        CHECK(shard_map_lane_of_key(way->rig->map, span_of(in->moves[i]->account_id)) ==
              in->to_lane);
    struct buf body = {0};
    size_t n = assay__scorer__v1__apply_request__get_packed_size(&out);
    assay__scorer__v1__apply_request__pack(&out, buf_reserve(&body, n));
    body.len = n;
    way_confuse(way, buf_span(&body));
    way_apply(way, buf_span(&body), request);
    buf_deinit(&body);
}

static void way_mail_cb(void *arg, void *item)
{
    struct way *way = arg;
    struct rpc_request *request = item;
    struct span body = rpc_request_body(request);
    Assay__Ingest__V1__CarryRequest *in =
        assay__ingest__v1__carry_request__unpack(NULL, body.len, body.ptr);
    CHECK(in != NULL && in->n_moves > 0 && in->from_lane != in->to_lane);
    if (way_chance(way, 20)) {
        way->n_lost++;
        rpc_request_fail(request, RPC_UNAVAILABLE, "lost");
    } else {
        way_carry(way, in, request);
    }
    assay__ingest__v1__carry_request__free_unpacked(in, NULL);
}

static void way_on_nng(void *arg, struct rpc_request *request)
{
    struct way *way = arg;
    CHECK(mailbox_post(way->mailbox, request) == ERR_OK);
}

static void way_open(struct way *way, struct rig *rig, const char *url, uint64_t seed)
{
    *way = (struct way){.rig = rig, .random = {seed}};
    struct rpc_server_opts opts = {.url = url, .calls_max = 64};
    way->mailbox = mailbox_create(rig->loop, 256, way_mail_cb, way);
    CHECK(rpc_server_open(rig->loop, &opts, &way->server, &rig->info) == ERR_OK);
    rpc_server_add_raw(way->server, "assay.ingest.v1.IngestService/Carry", way_on_nng, way);
    rpc_server_start(way->server);
}

static void way_closed_cb(void *arg)
{
    ((struct way *)arg)->closed = true;
}

static bool way_is_closed(void *arg)
{
    struct way *way = arg;
    return way->closed;
}

static bool way_is_idle(void *arg)
{
    return ((struct way *)arg)->n_calls == 0;
}

// After the scorer has ended.
static void way_close(struct way *way)
{
    rig_until(way->rig, way_is_idle, way);
    rpc_server_close(way->server, 0, way_closed_cb, way);
    rig_until(way->rig, way_is_closed, way);
    mailbox_destroy(way->mailbox);
    for (size_t i = 0; i < STALE_MAX; i++)
        mem_free(way->stale[i].bytes);
}

// ---- People, and what is expected of them -------------------------------------------------------

struct said {
    int to; // an id, or an account
    int64_t at_ms;
    bool undone;
};

// Ids 0 to PEOPLE - 1 are visitors, the rest users.
struct person {
    struct said users[LINKS_MAX], groups[LINKS_MAX];
    int n_users, n_groups;
};

struct happening {
    int id;
    int account; // that it names, or -1
    int64_t at_ms;
};

struct world {
    struct rig rig;
    struct way way;
    struct test_random random;
    struct person people[IDS];
    struct happening events[EVENTS];
    // What there is to send: events, and links as negative numbers of this list.
    struct {
        int id;
        bool group;
        int link;
    } links[IDS * LINKS_MAX * 2];
    int n_links;
    uint64_t numbers[LANES]; // of the source in each lane
    uint64_t checked;
};

static const char *id_text(int id, char out[ID_BYTES])
{
    snprintf(out, ID_BYTES, "%c%d", id < PEOPLE ? 'a' : 'u', id % PEOPLE);
    return out;
}

static const char *account_text(int account, char out[ID_BYTES])
{
    snprintf(out, ID_BYTES, "acct-%d", account);
    return out;
}

static int below(struct world *w, int n)
{
    return (int)test_random_below(&w->random, (uint64_t)n);
}

static bool chance(struct world *w, int percent)
{
    return below(w, 100) < percent;
}

static void people_make(struct world *w)
{
    for (int id = 0; id < IDS; id++) {
        struct person *p = &w->people[id];
        bool visitor = id < PEOPLE;
        // Visitors mostly become their user; users sometimes were another one, also in circles.
        if (chance(w, visitor ? 80 : 20))
            p->users[p->n_users++].to = visitor ? id + PEOPLE : PEOPLE + below(w, PEOPLE);
        if (chance(w, 20))
            p->users[p->n_users++].to = PEOPLE + below(w, PEOPLE);
        for (int i = 0; i < 2; i++) {
            if (chance(w, visitor ? 10 : 45))
                p->groups[p->n_groups++].to = below(w, ACCOUNTS);
        }
        for (int i = 0; i < p->n_users + p->n_groups; i++) {
            bool group = i >= p->n_users;
            int link = group ? i - p->n_users : i;
            struct said *said = group ? &p->groups[link] : &p->users[link];
            said->at_ms = BATCH_T0 + 1 + below(w, 1000000);
            if (!group && said->to == id)
                continue; // says nothing
            w->links[w->n_links].id = id;
            w->links[w->n_links].group = group;
            w->links[w->n_links++].link = link;
        }
    }
    for (int i = 0; i < EVENTS; i++) {
        bool named = chance(w, 35);
        w->events[i] = (struct happening){
            .id = below(w, IDS),
            .account = named ? below(w, ACCOUNTS) : -1,
            .at_ms = BATCH_T0 + 1000000 + below(w, 1000000000),
        };
    }
}

// The user link in force, or -1.
static int user_of(const struct world *w, int id)
{
    const struct person *p = &w->people[id];
    int best = -1;
    char a[ID_BYTES], b[ID_BYTES];
    for (int i = 0; i < p->n_users; i++) {
        const struct said *said = &p->users[i], *so_far = best < 0 ? NULL : &p->users[best];
        if (said->undone || said->to == id)
            continue;
        if (so_far == NULL || said->at_ms < so_far->at_ms ||
            (said->at_ms == so_far->at_ms &&
             strcmp(id_text(said->to, a), id_text(so_far->to, b)) < 0))
            best = i;
    }
    return best < 0 ? -1 : p->users[best].to;
}

// The only account that its group links name, or -1.
static int group_of(const struct world *w, int id)
{
    const struct person *p = &w->people[id];
    int found = -1;
    for (int i = 0; i < p->n_groups; i++) {
        if (p->groups[i].undone)
            continue;
        if (found >= 0 && found != p->groups[i].to)
            return -1;
        found = p->groups[i].to;
    }
    return found;
}

static int last_of(const struct world *w, int id)
{
    char a[ID_BYTES], b[ID_BYTES];
    int first = user_of(w, id);
    if (first < 0)
        return id;
    int second = user_of(w, first);
    if (second == id)
        return strcmp(id_text(id, a), id_text(first, b)) < 0 ? id : first;
    return second < 0 ? first : second;
}

// Two calls of one kind to one target are one link with two times.
static void people_join(struct world *w)
{
    for (int id = 0; id < IDS; id++) {
        struct person *p = &w->people[id];
        for (int i = 1; i < p->n_users; i++) {
            if (p->users[i].to == p->users[0].to && p->users[0].at_ms > p->users[i].at_ms)
                p->users[0].at_ms = p->users[i].at_ms;
        }
    }
}

// Made by each id (as whom) in each account: the ACCOUNTS first, then personal ones.
struct expected {
    int made[ACCOUNTS + IDS][IDS];
};

static void expect_all(const struct world *w, struct expected *out)
{
    memset(out, 0, sizeof *out);
    for (int i = 0; i < EVENTS; i++) {
        const struct happening *event = &w->events[i];
        // Visitors are who they turn out to be, users who they say.
        bool named = event->account >= 0, visitor = event->id < PEOPLE;
        int user = named && !visitor ? event->id : last_of(w, event->id);
        int account = event->account >= 0 ? event->account : group_of(w, user);
        out->made[account >= 0 ? account : ACCOUNTS + user][user]++;
    }
}

// ---- Sending ------------------------------------------------------------------------------------

static Assay__Scorer__V1__Event *event_make(struct world *w, struct arena *arena, int i,
                                            char account[2 * ID_BYTES])
{
    const struct happening *from = &w->events[i];
    char id[ID_BYTES], message[ID_BYTES];
    snprintf(message, sizeof message, "e%d", i);
    id_text(from->id, id);
    if (from->account >= 0)
        account_text(from->account, account);
    else
        snprintf(account, 2 * ID_BYTES, "user:%s", id);
    Assay__Scorer__V1__Event *event =
        batch_event(arena, message, account, id, "Project Created", from->at_ms);
    event->anonymous = from->id < PEOPLE;
    return event;
}

static Assay__Scorer__V1__Event *link_make(struct world *w, struct arena *arena, int i,
                                           char home[2 * ID_BYTES])
{
    const struct person *p = &w->people[w->links[i].id];
    bool group = w->links[i].group;
    const struct said *said = group ? &p->groups[w->links[i].link] : &p->users[w->links[i].link];
    char id[ID_BYTES], to[ID_BYTES], message[ID_BYTES];
    snprintf(message, sizeof message, "l%d", i);
    snprintf(home, 2 * ID_BYTES, "user:%s", id_text(w->links[i].id, id));
    Assay__Scorer__V1__Event *event =
        batch_event(arena, message, group ? account_text(said->to, to) : home,
                    group ? "" : id_text(said->to, to), "", said->at_ms);
    event->kind = group ? ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_GROUP
                        : ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_IDENTIFY;
    event->link_only = true;
    event->identity = arena_dup(arena, span_of(id));
    return event;
}

static void reborn(struct world *w)
{
    rig_kill(&w->rig);
    rig_start(&w->rig);
}

// One batch, perhaps with a kill in the middle: sent until it is in.
static void send_batch(struct world *w, uint32_t lane, Assay__Scorer__V1__Event **events, size_t n,
                       struct arena *arena, bool disturbed)
{
    struct span bytes = batch_pack(arena, 1, ++w->numbers[lane], lane, events, n);
    for (int i = 0; i < 100; i++) {
        struct rig_applied applied;
        rig_send(&w->rig, bytes, &applied);
        if (disturbed) {
            usleep((useconds_t)below(w, 4000));
            reborn(w);
            disturbed = false;
        }
        rig_until(&w->rig, rig_is_applied, &applied);
        if (applied.status == RPC_OK &&
            (applied.outcome == (int)ASSAY__SCORER__V1__APPLY_OUTCOME__APPLY_OUTCOME_APPLIED ||
             applied.outcome == (int)ASSAY__SCORER__V1__APPLY_OUTCOME__APPLY_OUTCOME_REPEATED))
            return;
        usleep(5000);
    }
    rig_die(&w->rig, "a batch is not taken");
}

// Everything in a random order, each in the lane where ingest would send it.
static void send_all(struct world *w)
{
    enum { ALL_MAX = EVENTS + IDS * LINKS_MAX * 2 };
    static int order[ALL_MAX];
    int n = EVENTS + w->n_links, batches = 0;
    for (int i = 0; i < n; i++) {
        int at = below(w, i + 1);
        order[i] = order[at];
        order[at] = i;
    }
    for (int at = 0; at < n; batches++) {
        Assay__Scorer__V1__Event *events[LANES][BATCH_EVENTS];
        size_t counts[LANES] = {0};
        struct arena arena;
        arena_init(&arena, 16384, 0);
        for (int k = 0; k < BATCH_EVENTS && at < n; k++, at++) {
            char owner[2 * ID_BYTES];
            Assay__Scorer__V1__Event *event = order[at] < EVENTS
                                                  ? event_make(w, &arena, order[at], owner)
                                                  : link_make(w, &arena, order[at] - EVENTS, owner);
            uint32_t lane = shard_map_lane_of_key(w->rig.map, span_of(owner));
            events[lane][counts[lane]++] = event;
        }
        bool disturbed = batches % (n / BATCH_EVENTS / LIVES + 1) == 1;
        for (uint32_t lane = 0; lane < LANES; lane++) {
            if (counts[lane] > 0)
                send_batch(w, lane, events[lane], counts[lane], &arena, disturbed);
            disturbed = disturbed && counts[lane] == 0;
        }
        arena_deinit(&arena);
    }
}

// ---- Checking -----------------------------------------------------------------------------------

// Until nothing is on its way: two looks that see nothing waiting, and nothing in between.
static void wait_for_moves(struct world *w)
{
    uint64_t journaled = 0;
    for (int i = 0; i < 20000; i++) {
        Assay__Scorer__V1__GetLanesResponse *answer;
        uint64_t waiting = 0, last = 0;
        arena_reset(&w->rig.arena);
        if (rig_try_lanes(&w->rig, &answer) != ERR_OK)
            rig_die(&w->rig, "GetLanes");
        for (size_t l = 0; l < answer->n_lanes; l++) {
            waiting += answer->lanes[l]->moves_waiting;
            last += answer->lanes[l]->journal_last;
        }
        if (waiting == 0 && last == journaled)
            return;
        journaled = waiting == 0 ? last : 0;
        usleep(1000);
    }
    rig_die(&w->rig, "moves do not come to an end");
}

static int measured(struct world *w, const char *account, const char *user, const char *name)
{
    arena_reset(&w->rig.arena);
    const char *value = rig_measure(&w->rig, account, user, name);
    return value == NULL ? 0 : atoi(value);
}

static void check_is(struct world *w, const char *account, const char *what, int got, int expected)
{
    w->checked++;
    if (got == expected)
        return;
    snprintf(w->rig.info.text, sizeof w->rig.info.text, "%s of %s is %d, expected %d", what,
             account, got, expected);
    rig_die(&w->rig, "not what the links say");
}

static enum err resolve(struct world *w, char **ids, size_t n,
                        Assay__Scorer__V1__ResolveResponse **answer)
{
    Assay__Scorer__V1__ResolveRequest request = ASSAY__SCORER__V1__RESOLVE_REQUEST__INIT;
    request.identities = ids;
    request.n_identities = n;
    arena_reset(&w->rig.arena);
    return rig_ask(&w->rig, "assay.scorer.v1.ScorerService/Resolve", &request.base,
                   &assay__scorer__v1__resolve_response__descriptor, answer);
}

static bool did_something_unnamed(const struct world *w, int id)
{
    for (int i = 0; i < EVENTS; i++) {
        if (w->events[i].id == id && w->events[i].account < 0)
            return true;
    }
    return false;
}

static void check_place(struct world *w, int id, const Assay__Scorer__V1__ResolvedIdentity *place)
{
    char user[ID_BYTES], account[2 * ID_BYTES] = "";
    int last = last_of(w, id), group = group_of(w, last);
    id_text(last, user);
    if (did_something_unnamed(w, id) && group >= 0)
        account_text(group, account);
    else if (did_something_unnamed(w, id) && last != id)
        snprintf(account, sizeof account, "user:%s", user);
    w->checked++;
    if (strcmp(place->account_id, account) == 0 &&
        strcmp(place->user_id, account[0] == '\0' ? "" : user) == 0 &&
        (place->since_ms > 0) == (account[0] != '\0'))
        return;
    snprintf(w->rig.info.text, sizeof w->rig.info.text, "%s counts in \"%s\", not in \"%s\"",
             place->identity, place->account_id, account);
    rig_die(&w->rig, "Resolve does not say what the links say");
}

// Resolve says of all ids at once, over all lanes, where they count, in the order asked for.
static void check_places(struct world *w)
{
    static char texts[IDS + 1][ID_BYTES];
    char *ids[IDS + 1];
    Assay__Scorer__V1__ResolveResponse *answer;
    for (int id = 0; id < IDS; id++)
        ids[id] = (char *)id_text(id, texts[id]);
    ids[IDS] = (char *)"nobody";
    if (resolve(w, ids, IDS + 1, &answer) != ERR_OK)
        rig_die(&w->rig, "Resolve");
    CHECK(answer->n_identities == IDS + 1);
    for (int id = 0; id <= IDS; id++)
        CHECK(strcmp(answer->identities[id]->identity, ids[id]) == 0);
    for (int id = 0; id < IDS; id++)
        check_place(w, id, answer->identities[id]);
    CHECK(answer->identities[IDS]->account_id[0] == '\0');
}

static void check_places_refused(struct world *w)
{
    enum { MOST = 1000 };
    char *ids[MOST + 1];
    Assay__Scorer__V1__ResolveResponse *answer;
    for (int i = 0; i <= MOST; i++)
        ids[i] = (char *)"a1";
    CHECK(resolve(w, ids, MOST, &answer) == ERR_OK && answer->n_identities == MOST);
    CHECK(resolve(w, ids, MOST + 1, &answer) == ERR_INVALID);
    CHECK(strstr(w->rig.info.text, "identities") != NULL);
    ids[1] = (char *)"";
    CHECK(resolve(w, ids, 2, &answer) == ERR_INVALID);
    CHECK(strstr(w->rig.info.text, "identity") != NULL);
}

static void check_all(struct world *w, const char *when)
{
    static struct expected expected;
    expect_all(w, &expected);
    wait_for_moves(w);
    for (int a = 0; a < ACCOUNTS + IDS; a++) {
        char account[2 * ID_BYTES], id[ID_BYTES];
        int made = 0, people = 0;
        if (a < ACCOUNTS)
            account_text(a, account);
        else
            snprintf(account, sizeof account, "user:%s", id_text(a - ACCOUNTS, id));
        for (int user = 0; user < IDS; user++) {
            int by_user = expected.made[a][user];
            made += by_user;
            people += by_user > 0;
            id_text(user, id);
            if (by_user > 0 || a - ACCOUNTS == user)
                check_is(w, account, id, measured(w, account, id, "made"), by_user);
        }
        check_is(w, account, "made_here", measured(w, account, "", "made_here"), made);
        check_is(w, account, "people", measured(w, account, "", "people"), people);
    }
    check_places(w);
    printf("%s: ok\n", when);
    fflush(stdout);
}

// ---- Changes by an operator ---------------------------------------------------------------------

static enum err change_link(struct world *w, int id, const char *target, bool redo)
{
    Assay__Scorer__V1__ChangeIdentityRequest request =
        ASSAY__SCORER__V1__CHANGE_IDENTITY_REQUEST__INIT;
    Assay__Scorer__V1__ChangeIdentityResponse *answer;
    char text[ID_BYTES];
    request.identity = (char *)id_text(id, text);
    request.target = (char *)target;
    request.redo = redo;
    request.operator_name = (char *)"ops";
    return rig_ask(&w->rig, "assay.scorer.v1.ScorerService/ChangeIdentity", &request.base,
                   &assay__scorer__v1__change_identity_response__descriptor, &answer);
}

static void change_some(struct world *w, bool redo)
{
    int n = 0;
    for (int id = 0; id < IDS; id++) {
        struct person *p = &w->people[id];
        char target[ID_BYTES];
        bool user = p->n_users > 0 && p->users[0].to != id;
        struct said *said = user ? &p->users[0] : &p->groups[0];
        if ((!user && p->n_groups == 0) || id % 3 != 0)
            continue;
        const char *to = user ? id_text(said->to, target) : account_text(said->to, target);
        if (change_link(w, id, to, redo) != ERR_OK)
            rig_die(&w->rig, "ChangeIdentity");
        CHECK(change_link(w, id, to, redo) == ERR_CONFLICT);
        for (int i = 0; i < LINKS_MAX; i++) { // of one target, all calls
            if (user && i < p->n_users && p->users[i].to == said->to)
                p->users[i].undone = !redo;
            if (!user && i < p->n_groups && p->groups[i].to == said->to)
                p->groups[i].undone = !redo;
        }
        if (++n % 3 == 0) {
            reborn(w);
            rig_wait_ready(&w->rig);
        }
    }
    CHECK(n > 3);
    CHECK(change_link(w, 0, "nobody", redo) == ERR_NOT_FOUND);
}

// ---- The run ------------------------------------------------------------------------------------

int main(void)
{
    static struct world w;
    uint64_t seed = test_random_seed();
    printf("seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    w.random.state = seed;
    char url[200], more[300];
    struct rig_opts opts = {.n_lanes = LANES, .playbook = PLAYBOOK};
    rig_open(&w.rig, &opts);
    snprintf(url, sizeof url, "ipc://%.150s/i", w.rig.folder.path);
    snprintf(more, sizeof more, "ingest: %s\ncheckpoint_every: 100ms\n", url);
    rig_configure(&w.rig, "event", more);
    way_open(&w.way, &w.rig, url, seed);
    rig_start(&w.rig);
    rig_wait_ready(&w.rig);
    people_make(&w);
    people_join(&w);
    send_all(&w);
    rig_wait_ready(&w.rig);
    check_all(&w, "after everything");
    w.way.faithful = true;
    reborn(&w);
    rig_wait_ready(&w.rig);
    check_all(&w, "after a kill");
    check_places_refused(&w);
    w.way.faithful = false;
    change_some(&w, false);
    check_all(&w, "after links were undone");
    change_some(&w, true);
    check_all(&w, "after they were redone");
    CHECK(rig_stop(&w.rig) == 0);
    rig_start(&w.rig);
    rig_wait_ready(&w.rig);
    check_all(&w, "after a restart");
    printf("%llu values; requests between lanes: %u taken, %u lost, %u answers lost, %u old ones "
           "again\n",
           (unsigned long long)w.checked, w.way.n_carried, w.way.n_lost, w.way.n_answers_lost,
           w.way.n_stale);
    CHECK(w.way.n_carried > 20 && w.way.n_lost > 5 && w.way.n_answers_lost > 5 &&
          w.way.n_stale > 5);
    rig_kill(&w.rig);
    way_close(&w.way);
    rig_close(&w.rig);
    return 0;
}
