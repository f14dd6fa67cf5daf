// SPDX-License-Identifier: Apache-2.0
// links: ingest_service playbook shard rpc loop clock log metrics base assay_proto
// What becomes of refused events: they are kept, listed, sent again and counted once, and dropped.
#include <fcntl.h>
#include <unistd.h>

#include "services/ingest/ingest_impl.h"
#include "services/ingest/letter_codec.h"
#include "services/playbook/load.h"
#include "tests/integration/ingest_world.h"

typedef Assay__Ingest__V1__DeadLetterFilter Filter;

// ---- Asking -------------------------------------------------------------------------------------

static struct world *letters_world(uint64_t seed)
{
    static char data[2200];
    struct world *w = world_create(seed);
    ingest_stop(w, 0);
    snprintf(data, sizeof data, "%s/data", w->folder.path);
    w->config.data = data;
    w->config.letters_max = 1000;
    w->config.letters_bytes_max = 16 << 20;
    w->config.letters_age_max_ms = 3600 * 1000;
    ingest_start(w);
    return w;
}

static struct arena arena; // of answers
static int64_t patience_ms = 60000;

static enum err call(struct world *w, const char *method, const ProtobufCMessage *request,
                     const ProtobufCMessageDescriptor *type, void *out, struct err_info *info)
{
    char name[100];
    ProtobufCMessage *answer;
    struct rpc_call_opts opts = {.timeout_ms = patience_ms};
    snprintf(name, sizeof name, "assay.ingest.v1.IngestService/%s", method);
    enum err err =
        rpc_call_wait(w->loop, w->client, name, request, type, &opts, &arena, &answer, info);
    if (err == ERR_OK)
        *(ProtobufCMessage **)out = answer;
    return err;
}

static const Assay__Ingest__V1__ListDeadLettersResponse *list(struct world *w, Filter *filter)
{
    Assay__Ingest__V1__ListDeadLettersRequest request =
        ASSAY__INGEST__V1__LIST_DEAD_LETTERS_REQUEST__INIT;
    const Assay__Ingest__V1__ListDeadLettersResponse *answer = NULL;
    struct err_info info = {""};
    request.filter = filter;
    EXPECT(call(w, "ListDeadLetters", &request.base,
                &assay__ingest__v1__list_dead_letters_response__descriptor, &answer,
                &info) == ERR_OK);
    return answer;
}

static const Assay__Ingest__V1__GetDeadLetterResponse *get(struct world *w, uint64_t number)
{
    Assay__Ingest__V1__GetDeadLetterRequest request =
        ASSAY__INGEST__V1__GET_DEAD_LETTER_REQUEST__INIT;
    const Assay__Ingest__V1__GetDeadLetterResponse *answer = NULL;
    struct err_info info = {""};
    request.number = number;
    EXPECT(call(w, "GetDeadLetter", &request.base,
                &assay__ingest__v1__get_dead_letter_response__descriptor, &answer,
                &info) == ERR_OK);
    return answer;
}

static enum err try_resend(struct world *w, Assay__Ingest__V1__ResendDeadLettersRequest *request,
                           const Assay__Ingest__V1__ResendDeadLettersResponse **answer,
                           struct err_info *info)
{
    return call(w, "ResendDeadLetters", &request->base,
                &assay__ingest__v1__resend_dead_letters_response__descriptor, answer, info);
}

static const Assay__Ingest__V1__ResendDeadLettersResponse *resend_all(struct world *w)
{
    Assay__Ingest__V1__ResendDeadLettersRequest request =
        ASSAY__INGEST__V1__RESEND_DEAD_LETTERS_REQUEST__INIT;
    const Assay__Ingest__V1__ResendDeadLettersResponse *answer = NULL;
    struct err_info info = {""};
    EXPECT(try_resend(w, &request, &answer, &info) == ERR_OK);
    return answer;
}

static enum err drop(struct world *w, Assay__Ingest__V1__DropDeadLettersRequest *request,
                     uint64_t *dropped)
{
    const Assay__Ingest__V1__DropDeadLettersResponse *answer = NULL;
    struct err_info info = {""};
    enum err err = call(w, "DropDeadLetters", &request->base,
                        &assay__ingest__v1__drop_dead_letters_response__descriptor, &answer, &info);
    *dropped = err == ERR_OK ? answer->dropped : 0;
    return err;
}

static void use_schemas(struct world *w, const char *schemas)
{
    struct buf text = {0}, report = {0};
    struct playbook *playbook = NULL;
    buf_printf(&text, "playbook: p\nversion: 1\n%s", schemas);
    EXPECT(playbook_load("p.yaml", buf_span(&text), &playbook, &report) == ERR_OK);
    ingest_use_playbook(w->ingest, playbook);
    buf_deinit(&text);
    buf_deinit(&report);
}

static const char NEEDS_ROWS[] = "schemas: {mode: enforce, events: {Report Run: {required: {rows: "
                                 "integer}}}}\n";

static void expect_metric(struct world *w, const char *line)
{
    struct buf text = {0};
    ingest_refresh_metrics(w->ingest);
    metrics_write(w->metrics, &text);
    buf_append_u8(&text, 0);
    EXPECT(strstr((char *)text.bytes, line) != NULL);
    buf_deinit(&text);
}

// How often an event counted: a duplicate does not.
static size_t count_counted(struct world *w, const char *id)
{
    size_t n = 0;
    for (size_t lane = 0; lane < LANES; lane++)
        for (size_t i = 0; i < w->fake->lanes[lane].n_events; i++) {
            const struct fake_event *event = &w->fake->lanes[lane].events[i];
            n += strcmp(event->message_id, id) == 0 && !event->again;
        }
    return n;
}

// ---- Cases --------------------------------------------------------------------------------------

static void refused_events_are_kept_with_the_reason(void)
{
    struct world *w = letters_world(1);
    struct plan plan = {0};
    struct ask ask;
    plan_add(&plan, "good", "u1");
    plan_add(&plan, "nameless", "u2")->name = (char *)"";
    Assay__Ingest__V1__Event *of_group = plan_add(&plan, "groupless", "u3");
    of_group->kind = ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_GROUP;
    of_group->as_received.data = (uint8_t *)"{\"type\":\"group\"}";
    of_group->as_received.len = 16;
    send_and_wait(w, &plan, &ask);
    EXPECT(ask.accepted == 1 && ask.refused == 2);
    const Assay__Ingest__V1__ListDeadLettersResponse *page = list(w, NULL);
    EXPECT(page->n_letters == 2 && page->next_page[0] == '\0');
    const Assay__Ingest__V1__DeadLetter *newest = page->letters[0], *oldest = page->letters[1];
    EXPECT(newest->number == 2 && oldest->number == 1);
    EXPECT(strcmp(oldest->rule, "name") == 0 && strcmp(oldest->field, "name") == 0);
    EXPECT(strcmp(oldest->reason, "name: missing; a track call needs it") == 0);
    EXPECT(strcmp(oldest->message_id, "nameless") == 0 && strcmp(oldest->user_id, "u2") == 0);
    EXPECT(strcmp(oldest->way, "nng") == 0 && !oldest->observed && !oldest->partial);
    EXPECT(oldest->received_at_ms > 1600000000000 && strcmp(newest->rule, "group") == 0);
    const Assay__Ingest__V1__GetDeadLetterResponse *whole = get(w, 2);
    EXPECT(whole->as_received.len == 16 && memcmp(whole->as_received.data, "{\"type\"", 7) == 0);
    EXPECT(strcmp(whole->event->message_id, "groupless") == 0);
    EXPECT(whole->event->as_received.len == 0);
    // Nothing of it went on.
    EXPECT(count_counted(w, "good") == 1 && count_counted(w, "nameless") == 0);
    world_destroy(w);
}

static void a_letter_is_sent_again_and_counts_once(void)
{
    struct world *w = letters_world(2);
    struct plan plan = {0};
    struct ask ask;
    use_schemas(w, NEEDS_ROWS);
    for (int i = 0; i < 20; i++) {
        char id[16];
        snprintf(id, sizeof id, "m%d", i);
        plan_add(&plan, id, "u");
    }
    send_and_wait(w, &plan, &ask);
    EXPECT(ask.refused == 20 && strcmp(ask.reasons[0], "properties.rows: missing; \"Report Run\" "
                                                       "needs it") == 0);
    // Still refused: they stay, and make no further letters.
    const Assay__Ingest__V1__ResendDeadLettersResponse *answer = resend_all(w);
    EXPECT(answer->refused == 20 && answer->n_left == 20 && answer->accepted == 0);
    EXPECT(answer->left[0]->number == 1 && strstr(answer->left[0]->reason, "rows") != NULL);
    EXPECT(list(w, NULL)->n_letters == 20);
    // The schema is put right; the client has sent one of them by itself meanwhile.
    use_schemas(w, "");
    struct plan again = {0};
    plan_add(&again, "m7", "u");
    send_and_wait(w, &again, &ask);
    EXPECT(ask.accepted == 1);
    answer = resend_all(w);
    EXPECT(answer->accepted == 19 && answer->duplicate == 1 && answer->n_left == 0);
    EXPECT(answer->next == 0 && list(w, NULL)->n_letters == 0);
    for (int i = 0; i < 20; i++) {
        char id[16];
        snprintf(id, sizeof id, "m%d", i);
        EXPECT(count_counted(w, id) == 1);
    }
    answer = resend_all(w);
    EXPECT(answer->accepted + answer->duplicate + answer->refused == 0);
    world_destroy(w);
}

static void chosen_letters_are_sent_again(void)
{
    struct world *w = letters_world(3);
    struct plan plan = {0};
    struct ask ask;
    use_schemas(w, NEEDS_ROWS);
    for (int i = 0; i < 5; i++)
        plan_add(&plan, i == 0 ? "a" : i == 1 ? "b" : i == 2 ? "c" : i == 3 ? "d" : "e", "u");
    send_and_wait(w, &plan, &ask);
    ingest_refuse_unread(
        w->ingest, &(struct ingest_unread){"type: missing", span_of("[\"u\"]"), "http", "k1"});
    use_schemas(w, "");
    uint64_t numbers[] = {2, 4, 6, 77};
    Assay__Ingest__V1__ResendDeadLettersRequest request =
        ASSAY__INGEST__V1__RESEND_DEAD_LETTERS_REQUEST__INIT;
    const Assay__Ingest__V1__ResendDeadLettersResponse *answer = NULL;
    struct err_info info;
    request.numbers = numbers;
    request.n_numbers = 4;
    EXPECT(try_resend(w, &request, &answer, &info) == ERR_OK);
    EXPECT(answer->accepted == 2 && answer->unreadable == 2 && answer->n_left == 2);
    EXPECT(strcmp(answer->left[0]->reason, "what came could not be read as an event") == 0);
    EXPECT(strcmp(answer->left[1]->reason, "it is not there any more") == 0);
    EXPECT(count_counted(w, "b") == 1 && count_counted(w, "d") == 1 && count_counted(w, "a") == 0);
    EXPECT(list(w, NULL)->n_letters == 4);
    Filter filter = ASSAY__INGEST__V1__DEAD_LETTER_FILTER__INIT;
    filter.source = (char *)"k1";
    EXPECT(list(w, &filter)->n_letters == 1);
    // Both at once is a mistake.
    request.filter = &filter;
    EXPECT(try_resend(w, &request, &answer, &info) == ERR_INVALID);
    world_destroy(w);
}

static void what_a_key_may_not_send_is_not_sent_for_it(void)
{
    struct world *w = letters_world(12);
    Assay__Ingest__V1__Event event = ASSAY__INGEST__V1__EVENT__INIT;
    struct letter letter = {.received_at_ms = clock_wall_ms(), .rule = span_of("account")};
    struct buf packed = {0};
    event.kind = ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_TRACK;
    event.message_id = (char *)"m";
    event.user_id = (char *)"u";
    event.name = (char *)"Report Run";
    letter_codec_event(&event, &packed, &letter);
    letters_keep(w->ingest->letters, &letter);
    buf_deinit(&packed);
    const Assay__Ingest__V1__ResendDeadLettersResponse *answer = resend_all(w);
    EXPECT(answer->accepted == 0 && answer->refused == 1 && answer->n_left == 1);
    EXPECT(list(w, NULL)->n_letters == 1 && count_counted(w, "m") == 0);
    Assay__Ingest__V1__ResendDeadLettersRequest request =
        ASSAY__INGEST__V1__RESEND_DEAD_LETTERS_REQUEST__INIT;
    Filter filter = ASSAY__INGEST__V1__DEAD_LETTER_FILTER__INIT;
    struct err_info info;
    filter.rule = (char *)"account";
    request.filter = &filter;
    EXPECT(try_resend(w, &request, &answer, &info) == ERR_OK);
    EXPECT(answer->accepted == 1 && count_counted(w, "m") == 1);
    world_destroy(w);
}

static void a_letter_stays_until_its_event_is_durable(void)
{
    struct world *w = letters_world(4);
    struct plan plan = {0};
    struct ask ask;
    use_schemas(w, NEEDS_ROWS);
    plan_add(&plan, "m", "u");
    send_and_wait(w, &plan, &ask);
    use_schemas(w, "");
    w->fake->hold = true;
    Assay__Ingest__V1__ResendDeadLettersRequest request =
        ASSAY__INGEST__V1__RESEND_DEAD_LETTERS_REQUEST__INIT;
    const Assay__Ingest__V1__ResendDeadLettersResponse *answer = NULL;
    struct err_info info;
    patience_ms = 300;
    EXPECT(try_resend(w, &request, &answer, &info) == ERR_TIMEOUT);
    patience_ms = 60000;
    EXPECT(list(w, NULL)->n_letters == 1);
    // The caller has gone; what was begun goes on.
    fake_release(w->fake);
    for (int i = 0; i < 10000 && list(w, NULL)->n_letters > 0; i++)
        arena_reset(&arena);
    EXPECT(list(w, NULL)->n_letters == 0 && count_counted(w, "m") == 1);
    world_destroy(w);
}

static void letters_outlive_the_process(void)
{
    struct world *w = letters_world(5);
    struct plan plan = {0};
    struct ask ask;
    for (int i = 0; i < 30; i++) {
        char id[16];
        snprintf(id, sizeof id, "m%d", i);
        plan_add(&plan, id, "u")->name = (char *)"";
    }
    send_and_wait(w, &plan, &ask);
    ingest_stop(w, 1000);
    ingest_start(w);
    EXPECT(list(w, NULL)->n_letters == 30);
    plan = (struct plan){0};
    plan_add(&plan, "later", "u")->name = (char *)"";
    send_and_wait(w, &plan, &ask);
    EXPECT(list(w, NULL)->letters[0]->number == 31);
    world_destroy(w);
}

static void pages_are_complete(void)
{
    struct world *w = letters_world(6);
    Assay__Ingest__V1__ListDeadLettersRequest request =
        ASSAY__INGEST__V1__LIST_DEAD_LETTERS_REQUEST__INIT;
    const Assay__Ingest__V1__ListDeadLettersResponse *page = NULL;
    struct err_info info;
    uint64_t expected = 50;
    for (int i = 0; i < 50; i++)
        ingest_refuse_unread(w->ingest, &(struct ingest_unread){"x: y", span_of("z"), "http", ""});
    request.max = 7;
    do {
        EXPECT(call(w, "ListDeadLetters", &request.base,
                    &assay__ingest__v1__list_dead_letters_response__descriptor, &page,
                    &info) == ERR_OK);
        for (size_t i = 0; i < page->n_letters; i++)
            EXPECT(page->letters[i]->number == expected--);
        request.page = page->next_page;
    } while (request.page[0] != '\0');
    EXPECT(expected == 0);
    request.page = (char *)"x";
    EXPECT(call(w, "ListDeadLetters", &request.base,
                &assay__ingest__v1__list_dead_letters_response__descriptor, &page,
                &info) == ERR_INVALID);
    expect_metric(w, "assay_ingest_events_refused_total{reason=\"form\"} 50\n");
    world_destroy(w);
}

static void observed_events_are_taken_and_sampled(void)
{
    struct world *w = letters_world(7);
    struct plan plan = {0};
    struct ask ask;
    use_schemas(w, "schemas: {events: {Report Run: {required: {rows: integer}}}}\n");
    for (int i = 0; i < 60; i++) {
        char id[16];
        snprintf(id, sizeof id, "m%d", i);
        plan_add(&plan, id, "u");
    }
    send_and_wait(w, &plan, &ask);
    EXPECT(ask.accepted == 60 && ask.refused == 0);
    EXPECT(list(w, NULL)->n_letters == 0); // nothing was refused
    Filter filter = ASSAY__INGEST__V1__DEAD_LETTER_FILTER__INIT;
    filter.observed = true;
    const Assay__Ingest__V1__ListDeadLettersResponse *page = list(w, &filter);
    EXPECT(page->n_letters == 1 && page->letters[0]->observed);
    EXPECT(strcmp(page->letters[0]->rule, "schema") == 0);
    expect_metric(w, "assay_ingest_schema_violations_total{event=\"Report Run\","
                     "violation=\"missing\"} 60\n");
    expect_metric(w, "assay_ingest_events_refused_total{reason=\"schema\"} 0\n");
    Assay__Ingest__V1__CountDeadLettersRequest request =
        ASSAY__INGEST__V1__COUNT_DEAD_LETTERS_REQUEST__INIT;
    const Assay__Ingest__V1__CountDeadLettersResponse *counts = NULL;
    struct err_info info;
    EXPECT(call(w, "CountDeadLetters", &request.base,
                &assay__ingest__v1__count_dead_letters_response__descriptor, &counts,
                &info) == ERR_OK);
    EXPECT(counts->n_counts == 1 && counts->counts[0]->observed && counts->counts[0]->letters == 1);
    EXPECT(counts->refused == 0 && counts->observed == 1 && counts->lost == 0);
    world_destroy(w);
}

// The thread's answer, whichever of the two is faster.
static void a_letter_that_is_not_there_is_never_found(void)
{
    struct world *w = letters_world(11);
    Assay__Ingest__V1__GetDeadLetterRequest request =
        ASSAY__INGEST__V1__GET_DEAD_LETTER_REQUEST__INIT;
    const Assay__Ingest__V1__GetDeadLetterResponse *answer;
    for (int i = 0; i < 500; i++) {
        struct err_info info;
        EXPECT(call(w, "GetDeadLetter", &request.base,
                    &assay__ingest__v1__get_dead_letter_response__descriptor, &answer,
                    &info) == ERR_NOT_FOUND);
        EXPECT(strcmp(info.text, "there is no letter 0") == 0);
    }
    world_destroy(w);
}

static void letters_of_a_person_are_dropped(void)
{
    struct world *w = letters_world(8);
    struct plan plan = {0};
    struct ask ask;
    uint64_t dropped;
    use_schemas(w, "schemas: {events: {Report Run: {required: {rows: integer}}}}\n");
    plan_add(&plan, "by-user", "u1")->name = (char *)"";
    Assay__Ingest__V1__Event *anonymous = plan_add(&plan, "by-anonymous", "");
    anonymous->anonymous_id = (char *)"u1";
    anonymous->name = (char *)"";
    plan_add(&plan, "another", "u10")->name = (char *)"";
    plan_add(&plan, "observed", "u1");
    send_and_wait(w, &plan, &ask);
    ingest_refuse_unread(
        w->ingest, &(struct ingest_unread){"x: y", span_of("{\"user\":\"u1\",}"), "http", ""});
    Assay__Ingest__V1__DropDeadLettersRequest request =
        ASSAY__INGEST__V1__DROP_DEAD_LETTERS_REQUEST__INIT;
    EXPECT(drop(w, &request, &dropped) == ERR_INVALID);
    request.user_id = (char *)"u1";
    EXPECT(drop(w, &request, &dropped) == ERR_OK && dropped == 4);
    const Assay__Ingest__V1__ListDeadLettersResponse *page = list(w, NULL);
    EXPECT(page->n_letters == 1 && strcmp(page->letters[0]->user_id, "u10") == 0);
    request.user_id = (char *)"";
    request.all_filtered = true;
    EXPECT(drop(w, &request, &dropped) == ERR_OK && dropped == 1);
    EXPECT(list(w, NULL)->n_letters == 0);
    world_destroy(w);
}

static void what_is_too_large_is_kept_in_part(void)
{
    struct world *w = letters_world(9);
    struct plan plan = {0};
    struct ask ask;
    enum { BYTES = 200 * 1024 };
    char *text = mem_alloc(BYTES + 1);
    Assay__Event__V1__Property property = ASSAY__EVENT__V1__PROPERTY__INIT;
    Assay__Event__V1__Property *properties[] = {&property};
    memset(text, 'x', BYTES);
    text[BYTES] = '\0';
    property.key = (char *)"text";
    property.value_case = ASSAY__EVENT__V1__PROPERTY__VALUE_TEXT;
    property.text = text;
    Assay__Ingest__V1__Event *event = plan_add(&plan, "large", "u1");
    event->properties = properties;
    event->n_properties = 1;
    event->name = text;
    send_and_wait(w, &plan, &ask);
    EXPECT(ask.refused == 1);
    const Assay__Ingest__V1__GetDeadLetterResponse *whole = get(w, 1);
    EXPECT(whole->letter->partial && strcmp(whole->event->user_id, "u1") == 0);
    EXPECT(whole->event->n_properties == 0 && strlen(whole->event->name) == 200);
    const Assay__Ingest__V1__ResendDeadLettersResponse *answer = resend_all(w);
    EXPECT(answer->unreadable == 1 && answer->accepted == 0);
    EXPECT(strcmp(answer->left[0]->reason, "the event was too large to be kept whole") == 0);
    world_destroy(w);
    mem_free(text);
}

static void without_a_store_events_are_taken_all_the_same(void)
{
    struct world *w = letters_world(10);
    struct plan plan = {0};
    struct ask ask;
    struct err_info info;
    char path[2300];
    ingest_stop(w, 0);
    snprintf(path, sizeof path, "%s/blocked", w->folder.path);
    int file = open(path, O_CREAT | O_WRONLY, 0600); // where the folder should be
    EXPECT(file >= 0);
    close(file);
    w->config.data = path;
    ingest_start(w);
    plan_add(&plan, "good", "u");
    plan_add(&plan, "bad", "u")->name = (char *)"";
    send_and_wait(w, &plan, &ask);
    EXPECT(ask.accepted == 1 && ask.refused == 1);
    Assay__Ingest__V1__ListDeadLettersRequest request =
        ASSAY__INGEST__V1__LIST_DEAD_LETTERS_REQUEST__INIT;
    const Assay__Ingest__V1__ListDeadLettersResponse *page;
    EXPECT(call(w, "ListDeadLetters", &request.base,
                &assay__ingest__v1__list_dead_letters_response__descriptor, &page,
                &info) == ERR_UNAVAILABLE);
    EXPECT(strstr(info.text, "no dead letters are kept: ") == info.text);
    expect_metric(w, "assay_ingest_dead_letters_lost_total 1\n");
    world_destroy(w);
}

#define CASE(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } CASES[] = {
        CASE(refused_events_are_kept_with_the_reason),
        CASE(a_letter_is_sent_again_and_counts_once),
        CASE(chosen_letters_are_sent_again),
        CASE(what_a_key_may_not_send_is_not_sent_for_it),
        CASE(a_letter_stays_until_its_event_is_durable),
        CASE(letters_outlive_the_process),
        CASE(pages_are_complete),
        CASE(observed_events_are_taken_and_sampled),
        CASE(a_letter_that_is_not_there_is_never_found),
        CASE(letters_of_a_person_are_dropped),
        CASE(what_is_too_large_is_kept_in_part),
        CASE(without_a_store_events_are_taken_all_the_same),
    };
    log_init("test", argc > 2 ? LOG_LEVEL_DEBUG : LOG_LEVEL_OFF);
    arena_init(&arena, 4096, 0);
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        if (argc > 1 && strcmp(argv[1], CASES[i].name) != 0)
            continue;
        printf("%s\n", CASES[i].name);
        fflush(stdout);
        CASES[i].run();
    }
    arena_deinit(&arena);
    return 0;
}
