// SPDX-License-Identifier: Apache-2.0
// Sending dead letters again: the thread reads some, they go through the ordinary way in as one
// request, and those that are taken are removed.
//
// A process that ends between the two has letters of events that were taken; sent again, they are
// duplicates by their message ids, and leave then.
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/rpc/carry.h"
#include "services/ingest/dead_letters.h"
#include "services/ingest/letter_codec.h"

enum { EVENTS_MAX = 500, BYTES_MAX = 1024 * 1024, CARRY_MS = 30 * 1000 };

typedef Assay__Ingest__V1__ResendDeadLettersRequest Request;
typedef Assay__Ingest__V1__ResendDeadLettersResponse Response;

// What goes beside the question; in its arena.
struct resend {
    struct letters_question *question;
    Response *answer;
    Assay__Ingest__V1__Event *events[EVENTS_MAX];
    uint64_t numbers[EVENTS_MAX];
    size_t n_events, bytes;
};

// ---- Reading ------------------------------------------------------------------------------------

static void add_left(struct resend *resend, uint64_t number, const char *reason)
{
    struct arena *arena = &resend->question->arena;
    Response *answer = resend->answer;
    Assay__Ingest__V1__DeadLetterVerdict *left = arena_alloc(arena, sizeof *left);
    assay__ingest__v1__dead_letter_verdict__init(left);
    left->number = number;
    left->reason = arena_dup(arena, span_of(reason));
    answer->left[answer->n_left++] = left;
}

// What a write key may not send is not sent for it, unless somebody chooses it by number or rule.
static bool is_by_choice(const Request *request)
{
    return request->n_numbers > 0 || (request->filter != NULL && request->filter->rule[0] != '\0');
}

static void add_event(struct resend *resend, const struct letter *letter)
{
    if (span_is(letter->rule, "account") &&
        !is_by_choice((const void *)resend->question->request)) {
        resend->answer->refused++;
        add_left(resend, letter->number,
                 "its write key was not for the account: choose it by number or rule");
        return;
    }
    Assay__Ingest__V1__Event *event =
        letter->partial ? NULL : letter_codec_read_event(letter, &resend->question->arena);
    if (event == NULL) {
        resend->answer->unreadable++;
        add_left(resend, letter->number,
                 letter->partial ? "the event was too large to be kept whole"
                                 : "what came could not be read as an event");
        return;
    }
    resend->numbers[resend->n_events] = letter->number;
    resend->events[resend->n_events++] = event;
    resend->bytes += letter->event.len;
}

static bool is_full(const struct resend *resend)
{
    return resend->n_events + resend->answer->n_left >= EVENTS_MAX || resend->bytes >= BYTES_MAX;
}

static bool resend_look(void *arg, const struct letter *letter)
{
    struct resend *resend = arg;
    const Request *request = (const void *)resend->question->request;
    arena_reset(&resend->question->scratch);
    if (request->n_numbers > 0 ||
        letter_codec_matches(request->filter, letter, &resend->question->scratch))
        add_event(resend, letter);
    return !is_full(resend);
}

static enum err read_chosen(struct resend *resend, struct letters_shelf *shelf,
                            struct err_info *info)
{
    const Request *request = (const void *)resend->question->request;
    for (size_t i = 0; i < request->n_numbers; i++) {
        uint64_t number = request->numbers[i];
        enum err err = letters_shelf_find(shelf, number, resend_look, resend, info);
        if (err == ERR_NOT_FOUND) {
            resend->answer->unreadable++;
            add_left(resend, number, "it is not there any more");
        } else if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

static void read_on_thread(struct letters_job *job, struct letters_shelf *shelf)
{
    struct letters_question *question = (struct letters_question *)job;
    const Request *request = (const void *)question->request;
    struct arena *arena = &question->arena;
    struct resend *resend = arena_alloc(arena, sizeof *resend);
    resend->question = question;
    resend->answer = arena_alloc(arena, sizeof *resend->answer);
    assay__ingest__v1__resend_dead_letters_response__init(resend->answer);
    resend->answer->left = arena_alloc(arena, EVENTS_MAX * sizeof *resend->answer->left);
    question->answer = &resend->answer->base;
    question->state = resend;
    struct letters_walk walk = {
        .observed = request->filter != NULL && request->filter->observed,
        .order = LETTERS_OLDEST_FIRST,
        .from = request->after,
        .look = resend_look,
        .arg = resend,
    };
    job->err = request->n_numbers > 0
                   ? read_chosen(resend, shelf, &job->info)
                   : letters_shelf_walk(shelf, &walk, &resend->answer->next, &job->info);
}

// ---- Sending ------------------------------------------------------------------------------------

static void removed_cb(struct letters_job *job)
{
    struct letters_question *question = (struct letters_question *)job;
    if (job->err == ERR_NOT_FOUND)
        job->err = ERR_OK;
    letters_question_answer(question);
}

static void remove_on_thread(struct letters_job *job, struct letters_shelf *shelf)
{
    struct letters_question *question = (struct letters_question *)job;
    uint64_t n;
    job->err = letters_shelf_remove(shelf, (const uint64_t *)(void *)question->numbers.bytes,
                                    question->numbers.len / sizeof(uint64_t), &n, &job->info);
}

static void ended_cb(void *carrier, enum rpc_status status, const char *text)
{
    struct resend *resend = carrier;
    struct letters_question *question = resend->question;
    if (status == RPC_OK)
        letters_question_again(question, remove_on_thread, removed_cb);
    else
        letters_question_fail(question, status, text);
}

// Verdicts on all but those that were simply accepted.
static void answered_cb(void *carrier, const ProtobufCMessage *message)
{
    struct resend *resend = carrier;
    const Assay__Ingest__V1__IngestResponse *response = (const void *)message;
    Response *answer = resend->answer;
    size_t at = 0;
    for (size_t i = 0; i < resend->n_events; i++) {
        const Assay__Ingest__V1__EventVerdict *verdict = NULL;
        if (at < response->n_verdicts && response->verdicts[at]->index == i)
            verdict = response->verdicts[at++];
        if (verdict != NULL && verdict->verdict == ASSAY__INGEST__V1__VERDICT__VERDICT_REFUSED)
            add_left(resend, resend->numbers[i], verdict->reason);
        else
            buf_append(&resend->question->numbers, &resend->numbers[i], sizeof *resend->numbers);
    }
    answer->accepted = response->accepted;
    answer->duplicate = response->duplicate;
    answer->refused += response->refused;
}

static void send(struct resend *resend)
{
    static const struct rpc_carrier_ops OPS = {.message = answered_cb, .end = ended_cb};
    struct letters_question *question = resend->question;
    struct rpc_server *server = question->ingest->server;
    Assay__Ingest__V1__IngestRequest request = ASSAY__INGEST__V1__INGEST_REQUEST__INIT;
    request.events = resend->events;
    request.n_events = resend->n_events;
    size_t n = assay__ingest__v1__ingest_request__get_packed_size(&request);
    uint8_t *bytes = arena_alloc(&question->arena, n);
    assay__ingest__v1__ingest_request__pack(&request, bytes);
    struct rpc_carry_opts opts = {
        .method = rpc_server_method(server, "assay.ingest.v1.IngestService/Ingest"),
        .way = RPC_WAY_INSIDE,
        .peer = RPC_PEER_LOCAL,
        .body = span_make(bytes, n),
        .timeout_ms = CARRY_MS,
    };
    (void)rpc_carry(server, &opts, &OPS, resend);
}

static void read_cb(struct letters_job *job)
{
    struct letters_question *question = (struct letters_question *)job;
    struct resend *resend = question->state;
    if (job->err != ERR_OK || resend->n_events == 0)
        letters_question_answer(question);
    else
        send(resend);
}

void dead_letters_resend(Assay__Ingest__V1__IngestService_Service *service, const Request *request,
                         Assay__Ingest__V1__ResendDeadLettersResponse_Closure closure,
                         void *closure_data)
{
    struct ingest *ingest = CONTAINER_OF(service, struct ingest, methods);
    if (ingest->server == NULL || ingest->closing) {
        rpc_fail(closure_data, RPC_UNAVAILABLE, "not now");
        return;
    }
    if (request->n_numbers > EVENTS_MAX) {
        rpc_fail(closure_data, RPC_INVALID_ARGUMENT, "numbers: %zu, at most %d", request->n_numbers,
                 EVENTS_MAX);
        return;
    }
    if (request->n_numbers > 0 && request->filter != NULL) {
        rpc_fail(closure_data, RPC_INVALID_ARGUMENT, "expected numbers or a filter, not both");
        return;
    }
    letters_question_ask(&(struct letters_question_opts){ingest, &request->base, (void *)closure,
                                                         closure_data, read_on_thread, read_cb});
}
