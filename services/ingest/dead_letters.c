// SPDX-License-Identifier: Apache-2.0
// Methods that look at dead letters and drop them.
#include "services/ingest/dead_letters.h"

#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/text.h"
#include "services/ingest/letter_codec.h"

enum { LIST_DEFAULT = 100, LIST_MAX = 1000, NUMBERS_MAX = 10000, RULES_MAX = 32 };

typedef Assay__Ingest__V1__DeadLetterFilter Filter;

// ---- A question ---------------------------------------------------------------------------------

static void question_destroy(struct letters_question *question)
{
    arena_deinit(&question->arena);
    arena_deinit(&question->scratch);
    buf_deinit(&question->numbers);
    mem_free(question);
}

void letters_question_fail(struct letters_question *question, enum rpc_status status,
                           const char *text)
{
    rpc_fail(question->closure_data, status, "%s", text);
    question_destroy(question);
}

void letters_question_answer(struct letters_question *question)
{
    if (question->job.err != ERR_OK) {
        rpc_fail_err(question->closure_data, question->job.err, &question->job.info);
    } else {
        CHECK(question->answer != NULL);
        question->closure(question->answer, question->closure_data);
    }
    question_destroy(question);
}

static void answer_cb(struct letters_job *job)
{
    letters_question_answer((struct letters_question *)job);
}

void letters_question_again(struct letters_question *question,
                            void (*run)(struct letters_job *job, struct letters_shelf *shelf),
                            void (*done)(struct letters_job *job))
{
    struct letters_job *job = &question->job;
    struct err_info info;
    job->run = run;
    job->done = done == NULL ? answer_cb : done;
    // From a good answer on, the job is the thread's.
    enum err err = question->ingest->letters == NULL
                       ? err_set(&info, ERR_UNAVAILABLE, "shutting down")
                       : letters_ask(question->ingest->letters, job, &info);
    if (err == ERR_OK)
        return;
    job->err = err;
    job->info = info;
    letters_question_answer(question);
}

// The call may end before the thread looks at it.
static const ProtobufCMessage *copy_of(const ProtobufCMessage *message, struct arena *arena)
{
    size_t n = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = arena_alloc(arena, n + 1);
    ProtobufCMessage *copy;
    protobuf_c_message_pack(message, bytes);
    if (rpc_unpack(message->descriptor, span_make(bytes, n), arena, &copy, NULL) != ERR_OK)
        return NULL; // it takes more memory than any such request needs
    return copy;
}

void letters_question_ask(const struct letters_question_opts *opts)
{
    if (opts->ingest->letters == NULL) {
        rpc_fail(opts->closure_data, RPC_UNAVAILABLE,
                 "no dead letters are kept: this ingest has no folder (data:)");
        return;
    }
    struct letters_question *question = mem_zalloc(sizeof *question);
    question->ingest = opts->ingest;
    question->closure = (void (*)(const ProtobufCMessage *, void *))opts->closure;
    question->closure_data = opts->closure_data;
    arena_init(&question->arena, 16 * 1024, 0);
    arena_init(&question->scratch, 16 * 1024, 0);
    question->request = copy_of(opts->request, &question->arena);
    if (question->request == NULL)
        letters_question_fail(question, RPC_INVALID_ARGUMENT, "the request is too large");
    else
        letters_question_again(question, opts->run, opts->done);
}

static struct ingest *ingest_of(Assay__Ingest__V1__IngestService_Service *service)
{
    return CONTAINER_OF(service, struct ingest, methods);
}

// ---- List ---------------------------------------------------------------------------------------

static void add_letter(struct letters_question *question, const struct letter *letter)
{
    Assay__Ingest__V1__ListDeadLettersResponse *answer = (void *)question->answer;
    Assay__Ingest__V1__Event *event = letter_codec_read_event(letter, &question->arena);
    answer->letters[answer->n_letters++] = letter_codec_out(letter, event, &question->arena);
}

static bool list_look(void *arg, const struct letter *letter)
{
    struct letters_question *question = arg;
    const Assay__Ingest__V1__ListDeadLettersRequest *request = (const void *)question->request;
    arena_reset(&question->scratch);
    if (letter_codec_matches(request->filter, letter, &question->scratch))
        add_letter(question, letter);
    return ((Assay__Ingest__V1__ListDeadLettersResponse *)(void *)question->answer)->n_letters <
           question->max;
}

static void list_on_thread(struct letters_job *job, struct letters_shelf *shelf)
{
    struct letters_question *question = (struct letters_question *)job;
    const Assay__Ingest__V1__ListDeadLettersRequest *request = (const void *)question->request;
    struct arena *arena = &question->arena;
    Assay__Ingest__V1__ListDeadLettersResponse *answer = arena_alloc(arena, sizeof *answer);
    assay__ingest__v1__list_dead_letters_response__init(answer);
    question->max = request->max == 0         ? LIST_DEFAULT
                    : request->max > LIST_MAX ? LIST_MAX
                                              : request->max;
    answer->letters = arena_alloc(arena, question->max * sizeof *answer->letters);
    question->answer = &answer->base;
    struct letters_walk walk = {
        .observed = request->filter != NULL && request->filter->observed,
        .order = LETTERS_NEWEST_FIRST,
        .look = list_look,
        .arg = question,
    };
    uint64_t last;
    (void)text_to_u64(span_of(request->page), &walk.from); // checked before
    job->err = letters_shelf_walk(shelf, &walk, &last, &job->info);
    if (last != 0)
        answer->next_page = arena_printf(arena, "%llu", (unsigned long long)last);
}

static void list(Assay__Ingest__V1__IngestService_Service *service,
                 const Assay__Ingest__V1__ListDeadLettersRequest *request,
                 Assay__Ingest__V1__ListDeadLettersResponse_Closure closure, void *closure_data)
{
    uint64_t page;
    if (request->page[0] != '\0' && (!text_to_u64(span_of(request->page), &page) || page == 0)) {
        rpc_fail(closure_data, RPC_INVALID_ARGUMENT,
                 "page: expected next_page of the answer before, got \"%.40s\"", request->page);
        return;
    }
    letters_question_ask(&(struct letters_question_opts){
        ingest_of(service), &request->base, (void *)closure, closure_data, list_on_thread, NULL});
}

// ---- Count --------------------------------------------------------------------------------------

static Assay__Ingest__V1__DeadLetterCount *
find_count(Assay__Ingest__V1__CountDeadLettersResponse *answer, const struct letter *letter)
{
    for (size_t i = 0; i < answer->n_counts; i++) {
        if (span_is(letter->rule, answer->counts[i]->rule) &&
            answer->counts[i]->observed == letter->observed)
            return answer->counts[i];
    }
    return NULL;
}

static bool count_look(void *arg, const struct letter *letter)
{
    struct letters_question *question = arg;
    const Assay__Ingest__V1__CountDeadLettersRequest *request = (const void *)question->request;
    Assay__Ingest__V1__CountDeadLettersResponse *answer = (void *)question->answer;
    Assay__Ingest__V1__DeadLetterCount *count = find_count(answer, letter);
    if (letter->received_at_ms < request->since_ms)
        return false; // those before it are older
    if (count == NULL && answer->n_counts < RULES_MAX) {
        count = arena_alloc(&question->arena, sizeof *count);
        assay__ingest__v1__dead_letter_count__init(count);
        count->rule = arena_dup(&question->arena, letter->rule);
        count->observed = letter->observed;
        answer->counts[answer->n_counts++] = count;
    }
    if (count != NULL)
        count->letters++;
    question->n++;
    return true;
}

static enum err count_table(struct letters_question *question, struct letters_shelf *shelf,
                            bool observed, struct err_info *info)
{
    struct letters_walk walk = {
        .observed = observed, .order = LETTERS_NEWEST_FIRST, .look = count_look, .arg = question};
    enum err err;
    size_t before;
    do {
        before = question->n;
        err = letters_shelf_walk(shelf, &walk, &walk.from, info);
        // A walk that ended by itself at its bound has counted as many.
    } while (err == ERR_OK && walk.from != 0 && question->n == before + LETTERS_WALK_MAX);
    return err;
}

static void count_on_thread(struct letters_job *job, struct letters_shelf *shelf)
{
    struct letters_question *question = (struct letters_question *)job;
    struct arena *arena = &question->arena;
    Assay__Ingest__V1__CountDeadLettersResponse *answer = arena_alloc(arena, sizeof *answer);
    struct letters_usage usage;
    assay__ingest__v1__count_dead_letters_response__init(answer);
    answer->counts = arena_alloc(arena, RULES_MAX * sizeof *answer->counts);
    question->answer = &answer->base;
    letters_shelf_usage(shelf, false, &usage);
    answer->refused = usage.letters;
    letters_shelf_usage(shelf, true, &usage);
    answer->observed = usage.letters;
    job->err = count_table(question, shelf, false, &job->info);
    if (job->err == ERR_OK)
        job->err = count_table(question, shelf, true, &job->info);
}

static void count_done_cb(struct letters_job *job)
{
    struct letters_question *question = (struct letters_question *)job;
    Assay__Ingest__V1__CountDeadLettersResponse *answer = (void *)question->answer;
    answer->lost = letters_lost(question->ingest->letters);
    letters_question_answer(question);
}

static void count(Assay__Ingest__V1__IngestService_Service *service,
                  const Assay__Ingest__V1__CountDeadLettersRequest *request,
                  Assay__Ingest__V1__CountDeadLettersResponse_Closure closure, void *closure_data)
{
    letters_question_ask(&(struct letters_question_opts){ingest_of(service), &request->base,
                                                         (void *)closure, closure_data,
                                                         count_on_thread, count_done_cb});
}

// ---- Get ----------------------------------------------------------------------------------------

static bool get_look(void *arg, const struct letter *letter)
{
    struct letters_question *question = arg;
    struct arena *arena = &question->arena;
    Assay__Ingest__V1__GetDeadLetterResponse *answer = (void *)question->answer;
    answer->event = letter_codec_read_event(letter, arena);
    answer->letter = letter_codec_out(letter, answer->event, arena);
    answer->as_received.len = letter->as_received.len;
    answer->as_received.data = (uint8_t *)arena_dup(arena, letter->as_received);
    return false;
}

static void get_on_thread(struct letters_job *job, struct letters_shelf *shelf)
{
    struct letters_question *question = (struct letters_question *)job;
    const Assay__Ingest__V1__GetDeadLetterRequest *request = (const void *)question->request;
    Assay__Ingest__V1__GetDeadLetterResponse *answer =
        arena_alloc(&question->arena, sizeof *answer);
    assay__ingest__v1__get_dead_letter_response__init(answer);
    question->answer = &answer->base;
    job->err = letters_shelf_find(shelf, request->number, get_look, question, &job->info);
}

static void get(Assay__Ingest__V1__IngestService_Service *service,
                const Assay__Ingest__V1__GetDeadLetterRequest *request,
                Assay__Ingest__V1__GetDeadLetterResponse_Closure closure, void *closure_data)
{
    letters_question_ask(&(struct letters_question_opts){
        ingest_of(service), &request->base, (void *)closure, closure_data, get_on_thread, NULL});
}

// ---- Drop ---------------------------------------------------------------------------------------

static bool drop_look(void *arg, const struct letter *letter)
{
    struct letters_question *question = arg;
    const Assay__Ingest__V1__DropDeadLettersRequest *request = (const void *)question->request;
    struct span user = span_of(request->user_id);
    arena_reset(&question->scratch);
    bool goes = user.len > 0 ? letter_codec_names_user(letter, user, &question->scratch)
                             : letter_codec_matches(request->filter, letter, &question->scratch);
    if (goes)
        buf_append(&question->numbers, &letter->number, sizeof letter->number);
    return true;
}

static enum err drop_from(struct letters_question *question, struct letters_shelf *shelf,
                          bool observed, struct err_info *info)
{
    struct letters_walk walk = {
        .observed = observed, .order = LETTERS_NEWEST_FIRST, .look = drop_look, .arg = question};
    enum err err;
    do
        err = letters_shelf_walk(shelf, &walk, &walk.from, info);
    while (err == ERR_OK && walk.from != 0);
    return err;
}

static void drop_on_thread(struct letters_job *job, struct letters_shelf *shelf)
{
    struct letters_question *question = (struct letters_question *)job;
    const Assay__Ingest__V1__DropDeadLettersRequest *request = (const void *)question->request;
    Assay__Ingest__V1__DropDeadLettersResponse *answer =
        arena_alloc(&question->arena, sizeof *answer);
    bool user = request->user_id[0] != '\0';
    bool observed = request->filter != NULL && request->filter->observed;
    assay__ingest__v1__drop_dead_letters_response__init(answer);
    question->answer = &answer->base;
    for (size_t i = 0; i < request->n_numbers; i++)
        buf_append(&question->numbers, &request->numbers[i], sizeof request->numbers[i]);
    if (user || (request->all_filtered && !observed))
        job->err = drop_from(question, shelf, false, &job->info);
    if (job->err == ERR_OK && (user || (request->all_filtered && observed)))
        job->err = drop_from(question, shelf, true, &job->info);
    if (job->err == ERR_OK)
        job->err = letters_shelf_remove(shelf, (const uint64_t *)(void *)question->numbers.bytes,
                                        question->numbers.len / sizeof(uint64_t), &answer->dropped,
                                        &job->info);
}

static void drop(Assay__Ingest__V1__IngestService_Service *service,
                 const Assay__Ingest__V1__DropDeadLettersRequest *request,
                 Assay__Ingest__V1__DropDeadLettersResponse_Closure closure, void *closure_data)
{
    int ways = (request->n_numbers > 0) + request->all_filtered + (request->user_id[0] != '\0');
    if (ways != 1 || (request->filter != NULL && !request->all_filtered)) {
        rpc_fail(closure_data, RPC_INVALID_ARGUMENT,
                 "expected one of numbers, user_id, and all_filtered with or without a filter");
        return;
    }
    if (request->n_numbers > NUMBERS_MAX) {
        rpc_fail(closure_data, RPC_INVALID_ARGUMENT, "numbers: %zu, at most %d", request->n_numbers,
                 NUMBERS_MAX);
        return;
    }
    letters_question_ask(&(struct letters_question_opts){
        ingest_of(service), &request->base, (void *)closure, closure_data, drop_on_thread, NULL});
}

void dead_letters_add_methods(struct ingest *ingest)
{
    ingest->methods.list_dead_letters = list;
    ingest->methods.count_dead_letters = count;
    ingest->methods.get_dead_letter = get;
    ingest->methods.drop_dead_letters = drop;
    ingest->methods.resend_dead_letters = dead_letters_resend;
}
