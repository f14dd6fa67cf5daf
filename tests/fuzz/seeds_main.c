// SPDX-License-Identifier: Apache-2.0
// Writes inputs to start from, the same ones every time:
//   seeds FOLDER
// makes FOLDER/playbook (random playbooks of the naive engine's generator), event, rows and
// router_rows (what a world holds that lived through random events). See README.md.
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "assay/ingest/v1/ingest.pb-c.h"
#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/base/time_text.h"
#include "services/router/codec.h"
#include "services/router/rows.h"
#include "services/scorer/codec.h"
#include "tests/fuzz/lane_shelf.h"
#include "tests/fuzz/lent.h"
#include "tests/fuzz/play.h"
#include "tests/support/naive_generate.h"

enum { SEEDS = 40, PLAYED_BYTES = 176, EVENTS_EACH = 6 };
static const int64_t NOW_MS = 1767571200000; // 2026-01-05, a Monday

static const char *folder;

static void save(const char *target, int number, struct span bytes)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, target);
    CHECK(mkdir(path, 0777) == 0 || errno == EEXIST);
    snprintf(path, sizeof path, "%s/%s/seed%02d", folder, target, number);
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL && fwrite(bytes.ptr, 1, bytes.len, file) == bytes.len && fclose(file) == 0);
}

static void fill(struct test_random *random, uint8_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)test_random_below(random, 256);
}

static void save_message(struct buf *out, uint32_t step, const ProtobufCMessage *message)
{
    struct buf packed = {0};
    size_t n = protobuf_c_message_get_packed_size(message);
    packed.len += protobuf_c_message_pack(message, buf_reserve(&packed, n));
    wire_append_bytes(out, step, buf_span(&packed));
    buf_deinit(&packed);
}

// ---- Playbooks ----

static void seed_playbook(int number)
{
    struct test_random random = {.state = (uint64_t)number + 1};
    struct naive_playbook *playbook = mem_zalloc(sizeof *playbook);
    struct buf text = {0};
    uint8_t events[PLAYED_BYTES];
    naive_generate_playbook(&random, NAIVE_PARTS_ALL, playbook);
    naive_playbook_write(playbook, &text);
    fill(&random, events, sizeof events);
    buf_append(&text, "\0\0", 2);
    buf_append(&text, events, sizeof events);
    save("playbook", number, buf_span(&text));
    buf_deinit(&text);
    mem_free(playbook);
}

// ---- Events ----

static const char *const NAMES[] = {"A", "B", "C", "D", "E", "K", "R", "T", "V", "other"};
static const char *const IDS[] = {"u0", "u1", "ann@ours.example", "a", "b", "acme"};
static const char *const KEYS[] = {"p",         "n",       "bot",    "role",          "employees",
                                   "plan",      "seats",   "limit",  "trial_ends_at", "email",
                                   "userAgent", "country", "groupId"};
static const char *const TEXTS[] = {"x", "pro", "admin", "XX", "2026-01-09T00:00:00Z", "robot"};

#define PICK(random, list) ((char *)(list)[test_random_below(random, (uint32_t)ARRAY_LEN(list))])

static Assay__Event__V1__Property *property(struct test_random *random, struct arena *arena)
{
    Assay__Event__V1__Property *out = arena_alloc(arena, sizeof *out);
    assay__event__v1__property__init(out);
    out->key = PICK(random, KEYS);
    switch (test_random_below(random, 4)) {
    case 0:
        out->value_case = ASSAY__EVENT__V1__PROPERTY__VALUE_TEXT;
        out->text = PICK(random, TEXTS);
        break;
    case 1:
        out->value_case = ASSAY__EVENT__V1__PROPERTY__VALUE_NUMBER;
        out->number = test_random_below(random, 4000) / 8.0 - 20;
        break;
    case 2:
        out->value_case = ASSAY__EVENT__V1__PROPERTY__VALUE_INTEGER;
        out->integer = (int64_t)test_random_below(random, 2000) - 5;
        break;
    default:
        out->value_case = ASSAY__EVENT__V1__PROPERTY__VALUE_FLAG;
        out->flag = test_random_below(random, 2) == 0;
    }
    return out;
}

static Assay__Event__V1__Property **properties(struct test_random *random, struct arena *arena,
                                               size_t *n)
{
    *n = test_random_below(random, 3);
    Assay__Event__V1__Property **out = arena_alloc(arena, (*n + 1) * sizeof *out);
    for (size_t i = 0; i < *n; i++)
        out[i] = property(random, arena);
    return out;
}

static int64_t instant(struct test_random *random)
{
    return NOW_MS - (int64_t)test_random_below(random, 10 * 86400) * 1000;
}

static void seed_ingest(struct test_random *random, struct arena *arena, struct buf *out)
{
    Assay__Ingest__V1__IngestRequest request = ASSAY__INGEST__V1__INGEST_REQUEST__INIT;
    Assay__Ingest__V1__Event *events[EVENTS_EACH];
    request.sender = (char *)"s";
    request.sequence = test_random_below(random, 4);
    request.events = events;
    request.n_events = EVENTS_EACH;
    for (size_t i = 0; i < EVENTS_EACH; i++) {
        Assay__Ingest__V1__Event *event = events[i] = arena_alloc(arena, sizeof *event);
        assay__ingest__v1__event__init(event);
        event->kind = (Assay__Event__V1__EventKind)(1 + test_random_below(random, 6));
        event->message_id = arena_printf(arena, "i%u", (unsigned)test_random_below(random, 1000));
        event->user_id = PICK(random, IDS);
        event->group_id = PICK(random, IDS);
        event->previous_id = (char *)"old";
        event->name = PICK(random, NAMES);
        event->timestamp_ms = instant(random);
        event->sent_at_ms = test_random_below(random, 2) == 0 ? 0 : event->timestamp_ms + 500;
        event->properties = properties(random, arena, &event->n_properties);
        event->traits = properties(random, arena, &event->n_traits);
        event->context = properties(random, arena, &event->n_context);
    }
    save_message(out, 1, &request.base);
}

static void seed_apply(struct test_random *random, struct arena *arena, struct buf *out)
{
    Assay__Scorer__V1__ApplyRequest request = ASSAY__SCORER__V1__APPLY_REQUEST__INIT;
    Assay__Scorer__V1__Event *events[EVENTS_EACH];
    request.source = request.number = 1;
    request.received_at_ms = NOW_MS;
    request.events = events;
    request.n_events = EVENTS_EACH;
    for (size_t i = 0; i < EVENTS_EACH; i++) {
        Assay__Scorer__V1__Event *event = events[i] = arena_alloc(arena, sizeof *event);
        assay__scorer__v1__event__init(event);
        event->kind = (Assay__Event__V1__EventKind)(1 + test_random_below(random, 6));
        event->message_id = arena_printf(arena, "a%u", (unsigned)test_random_below(random, 1000));
        event->account_id = PICK(random, IDS);
        event->user_id = PICK(random, IDS);
        event->name = PICK(random, NAMES);
        event->at_ms = instant(random);
        event->received_at_ms = NOW_MS;
        event->properties = properties(random, arena, &event->n_properties);
        event->context = properties(random, arena, &event->n_context);
    }
    save_message(out, 2, &request.base);
}

// The signals of a scorer's life, as the router gets them.
struct heard {
    struct buf request; // without the tag
    struct router_core *router;
    struct router_effects effects;
};

static void hear(void *arg, uint64_t position, const struct signal_change *change)
{
    struct heard *heard = arg;
    struct buf one = {0}, all = {0};
    struct arena arena;
    struct router_signals signals;
    arena_init(&arena, 4096, 0);
    codec_signal(change, position, &one);
    wire_append_bytes(&heard->request, 2, buf_span(&one));
    wire_append_bytes(&all, 2, buf_span(&one));
    CHECK(router_codec_signals(buf_span(&all), &arena, &signals, NULL) == ERR_OK);
    router_core_signals(heard->router, 0, signals.items, signals.n, &heard->effects);
    router_effects_clear(&heard->effects);
    arena_deinit(&arena);
    buf_deinit(&one);
    buf_deinit(&all);
}

static void seed_event(int number, struct span signals)
{
    struct test_random random = {.state = (uint64_t)number + 1};
    struct arena arena;
    struct buf out = {0};
    arena_init(&arena, 4096, 0);
    if (number % 3 != 1)
        seed_ingest(&random, &arena, &out);
    if (number % 3 != 0)
        seed_apply(&random, &arena, &out);
    if (number % 4 == 0)
        wire_append_value(&out, 5, 1);
    if (number % 4 == 1 && signals.len < 4096)
        wire_append_bytes(&out, 3, signals);
    wire_append_value(&out, 4, test_random_below(&random, 1u << 30));
    save("event", number, buf_span(&out));
    buf_deinit(&out);
    arena_deinit(&arena);
}

// ---- Rows ----

static void put(void *arg, enum router_table table, struct span key, struct span value)
{
    uint8_t bytes[8];
    uint64_t number = 0;
    if (table != ROUTER_TABLE_TEAMS) {
        CHECK(key.len == sizeof number);
        memcpy(&number, key.ptr, sizeof number);
        for (int i = 0; i < 8; i++)
            bytes[i] = (uint8_t)(number >> (56 - 8 * i));
        key = span_make(bytes, sizeof bytes);
    }
    shelf_put(arg, table, key, value);
}

static void lease_some(struct heard *heard, struct test_random *random)
{
    static const char *const QUEUES[] = {"sales", "self_serve", "success", "enterprise"};
    for (size_t q = 0; q < ARRAY_LEN(QUEUES); q++) {
        const struct router_lead *leads[ROUTER_LEASE_LEADS_MAX], *lead;
        struct router_lease lease = {.queue = span_of(QUEUES[q]),
                                     .consumer = span_of("c"),
                                     .request_id = span_of("r1"),
                                     .max = 2};
        size_t n = 0;
        char token[ROUTER_TOKEN_BYTES];
        if (router_core_lease(heard->router, NOW_MS, &lease, leads, &n, &heard->effects, NULL) !=
                ERR_OK ||
            n == 0)
            continue;
        router_lead_token(leads[0], token);
        if (test_random_below(random, 2) == 0)
            (void)!router_core_complete(heard->router, NOW_MS, span_of(leads[0]->id),
                                        span_of(token), span_of("won"), &lead, &heard->effects,
                                        NULL);
        router_effects_clear(&heard->effects);
    }
}

// What events of so short a life seldom lead to: leads of teams, owners, organizations.
static void send_some(struct heard *heard, struct test_random *random)
{
    static const struct {
        const char *name, *user, *value;
    } SIGNALS[] = {{"segment.enterprise", "", ""},
                   {"fact.account.owner", "", "ana"},
                   {"fact.account.company", "", "c"},
                   {"rich", "", ""},
                   {"qualify.pql", "u0", ""},
                   {"qualify.pqa", "", ""},
                   {"full", "", ""},
                   {"contact.consent", "u0", ""}};
    for (uint64_t i = 0; i < 12; i++) {
        size_t which = test_random_below(random, ARRAY_LEN(SIGNALS));
        struct router_signal signal = {
            .position = i + 1,
            .name = span_of(SIGNALS[which].name),
            .value = true,
            .account = span_of(test_random_below(random, 2) == 0 ? "a" : "b"),
            .user = span_of(SIGNALS[which].user),
            .at_ms = NOW_MS,
            .known_at_ms = NOW_MS,
            .event_id = span_of("e"),
            .playbook = span_of("wide@1"),
            .episode = 1,
            .label = span_of(SIGNALS[which].value),
        };
        router_core_signals(heard->router, 9, &signal, 1, &heard->effects);
        router_effects_clear(&heard->effects);
    }
}

// An operator's words, and what he does by hand.
static void say_some(struct heard *heard, struct test_random *random)
{
    static const char *const REPS[] = {"ana", "ben", "cleo", "eve"};
    const struct router_lead *leads[4], *lead;
    struct router_filter filter = {.max = ARRAY_LEN(leads)};
    struct router_rep_change change = {.team = span_of("smb"),
                                       .rep = span_of(REPS[test_random_below(random, 4)]),
                                       .set_weight = true,
                                       .weight = 2};
    uint64_t next, total;
    (void)!router_core_change_rep(heard->router, NOW_MS, &change, &heard->effects, NULL);
    size_t n = router_core_leads(heard->router, &filter, leads, &next, &total);
    for (size_t i = 0; i < n; i++) {
        struct span id = span_of(leads[i]->id);
        if (i % 2 == 0)
            (void)!router_core_assign(heard->router, NOW_MS, id, span_of(REPS[i]), span_of("o"),
                                      span_of("r"), &lead, &heard->effects, NULL);
        else
            (void)!router_core_park(heard->router, NOW_MS, id, span_of(""), span_of("later"),
                                    span_of("o"), &lead, &heard->effects, NULL);
    }
    for (size_t i = 0; i < n && i < 1; i++)
        (void)!router_core_answer_prompt(heard->router, NOW_MS, span_of(leads[i]->account_id),
                                         span_of("u0"), span_of("near"), ROUTER_DISMISSED,
                                         &heard->effects, NULL);
    router_effects_clear(&heard->effects);
}

static void save_shelf(const char *target, int number, const struct shelf *shelf)
{
    struct buf bytes = {0};
    shelf_write(shelf, &bytes);
    save(target, number, buf_span(&bytes));
    buf_deinit(&bytes);
}

static void seed_router(int number, struct heard *heard, struct test_random *random)
{
    struct shelf shelf = {0};
    struct router_rows *rows = router_rows_create(heard->router);
    if (number % 2 == 0)
        send_some(heard, random);
    lease_some(heard, random);
    if (number % 2 == 0)
        say_some(heard, random);
    router_rows_take(rows, put, &shelf);
    save_shelf("router_rows", number, &shelf);
    router_rows_destroy(rows);
    shelf_deinit(&shelf);
}

// One life: events, and its rows after them.
static void seed_life(int number)
{
    struct test_random random = {.state = (uint64_t)number + 1};
    enum lent which = number % 2 == 1 ? LENT_LEAN : LENT_WIDE;
    struct heard heard = {.router = router_core_create()};
    struct shelf shelf = {0};
    struct lane_shelf lane;
    struct play play;
    uint8_t bytes[PLAYED_BYTES];
    router_effects_init(&heard.effects);
    router_core_set_playbook(heard.router, lent_playbook(which), &heard.effects);
    router_effects_clear(&heard.effects);
    lane_shelf_init(&lane);
    play_init(&play, lane.core, 1, NOW_MS);
    play.change = hear;
    play.arg = &heard;
    core_set_playbook(lane.core, 1, lent_playbook(which));
    fill(&random, bytes, sizeof bytes);
    struct bytes from = {bytes, (size_t)number * 2 + 6};
    play_events(&play, &from, UINT32_MAX);
    if (number % 4 < 2)
        play_tick(&play, play.now_ms + TIME_DAY_MS);
    if (number % 7 == 3)
        core_set_playbook(lane.core, play.position, lent_playbook(LENT_LEAN));
    lane_shelf_checkpoint(&lane, play.position, &shelf);
    save_shelf("rows", number, &shelf);
    struct lane_shelf again;
    lane_shelf_init(&again);
    CHECK(lane_shelf_load(&again, &shelf, NULL) == ERR_OK);
    lane_shelf_deinit(&again);
    seed_event(number, buf_span(&heard.request));
    seed_router(number, &heard, &random);
    rows_destroy(lane.rows);
    play_deinit(&play);
    mem_free(lane.lane.sources);
    shelf_deinit(&shelf);
    router_core_destroy(heard.router);
    router_effects_deinit(&heard.effects);
    buf_deinit(&heard.request);
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    folder = argv[1];
    for (int i = 0; i < SEEDS; i++) {
        seed_playbook(i);
        seed_life(i);
    }
    return 0;
}
