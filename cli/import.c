// SPDX-License-Identifier: Apache-2.0
// The happy path: pump reads lines into a free slot, packs them, sends them with the next sequence
// number; the answer frees the slot; pump goes on; at the end of the files and with all slots free:
// done.
//
// When a call fails in a way that a retry can help, its slot is OPEN again, nothing new is read,
// and after a growing pause all open slots are sent in order of their sequence, with the
// `oldest_open` of that moment. Any other failure ends the import.
#include "cli/import.h"

#include "cli/input.h"
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/hash.h"
#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "services/ingest/segment/segment.h"
#include "services/ingest/segment/segment_proto.h"

#include <stdio.h>
#include <string.h>

enum {
    REQUEST_BYTES_MAX = 3 * 1024 * 1024,
    EVENT_BYTES_MAX = 96 * 1024, // of one event in a request: 32 KiB of JSON cannot become more
    CALL_MS = 10000,
    WAIT_MS = 20,   // between looks at a silent pipe, and at the connection
    STOP_MS = 5000, // that import_stop waits for answers
};

static const char METHOD[] = "assay.ingest.v1.IngestService/Ingest";

enum slot_state { SLOT_FREE, SLOT_OPEN, SLOT_IN_FLIGHT };

struct note {
    size_t file;
    uint64_t line;
    size_t text_at, text_len; // in slot.text
    bool fresh;
    const Assay__Ingest__V1__EventVerdict *verdict; // while an answer is read; NULL: accepted
};

struct slot {
    struct import *import;
    enum slot_state state;
    uint64_t sequence;
    bool repeated; // may have reached the service more than once
    struct note *notes;
    size_t n;
    struct buf text;
    struct buf body; // the events, then the request's other fields
    size_t events_bytes;
};

struct import {
    struct import_opts opts;
    struct slot *slots;
    struct input *input;
    size_t file; // being read
    int64_t bytes_before, bytes_total;
    int64_t bytes_at_wait; // of the file, when its pipe was last found empty
    uint64_t wait_ms;      // till the next look at it
    char sender[32];
    uint64_t next_sequence;
    struct arena arena; // of one line, or one answer
    struct buf call;    // that a row of traits is
    struct import_ids ids;
    struct import_counts counts;
    uint64_t lines, resent;
    struct loop_timer *pause, *poll, *patience;
    int64_t pause_ms;
    int64_t answered_ms; // when the last answer came, or the first request after it went out
    char waiting[RPC_TEXT_MAX + 64];
    bool ended, told;
    enum err err;
    struct err_info why;
    size_t sent_file;
    uint64_t sent_line;
};

static void pump(struct import *import);

// ---- Ending -------------------------------------------------------------------------------------

// Reads no more. The first reason stays.
static void end(struct import *import, enum err err, const struct err_info *why)
{
    import->ended = true;
    if (import->err != ERR_OK || err == ERR_OK)
        return;
    import->err = err;
    import->why = *why;
    loop_timer_start(import->patience, STOP_MS, 0);
}

static bool in_flight(const struct import *import)
{
    for (int64_t i = 0; i < import->opts.window; i++)
        if (import->slots[i].state == SLOT_IN_FLIGHT)
            return true;
    return false;
}

static bool any_open(const struct import *import)
{
    for (int64_t i = 0; i < import->opts.window; i++)
        if (import->slots[i].state == SLOT_OPEN)
            return true;
    return false;
}

static void tell(struct import *import)
{
    if (import->told)
        return;
    import->told = true;
    loop_timer_destroy(import->pause);
    loop_timer_destroy(import->poll);
    loop_timer_destroy(import->patience);
    import->opts.done(import->opts.arg, import->err, &import->why);
}

static void patience_cb(void *arg)
{
    tell(arg);
}

void import_stop(struct import *import)
{
    struct err_info why;
    if (import->told)
        return;
    end(import, err_set(&why, ERR_CANCELED, "stopped"), &why);
    pump(import);
}

// ---- Sending ------------------------------------------------------------------------------------

static uint64_t oldest_open(const struct import *import)
{
    uint64_t oldest = import->next_sequence;
    for (int64_t i = 0; i < import->opts.window; i++)
        if (import->slots[i].state != SLOT_FREE && import->slots[i].sequence < oldest)
            oldest = import->slots[i].sequence;
    return oldest;
}

static void answered_cb(void *arg, enum rpc_status status, const char *text, struct span answer);

// Messages of protobuf may be put together by joining their bytes: the events are packed once, the
// rest is written behind them anew for every attempt.
static void slot_send(struct slot *slot)
{
    struct import *import = slot->import;
    slot->state = SLOT_IN_FLIGHT;
    Assay__Ingest__V1__IngestRequest head = ASSAY__INGEST__V1__INGEST_REQUEST__INIT;
    head.sender = import->sender;
    head.sequence = slot->sequence;
    head.oldest_open = oldest_open(import);
    slot->body.len = slot->events_bytes;
    size_t n = assay__ingest__v1__ingest_request__get_packed_size(&head);
    slot->body.len += assay__ingest__v1__ingest_request__pack(&head, buf_reserve(&slot->body, n));
    struct rpc_call_opts opts = {.timeout_ms = CALL_MS};
    if (import->opts.retry_for_ms > 0 && import->opts.retry_for_ms < CALL_MS)
        opts.timeout_ms = import->opts.retry_for_ms;
    rpc_call_raw(import->opts.client, METHOD, buf_span(&slot->body), &opts, answered_cb, slot);
}

static void open_resend(struct import *import)
{
    for (;;) {
        struct slot *first = NULL;
        for (int64_t i = 0; i < import->opts.window; i++) {
            struct slot *slot = &import->slots[i];
            if (slot->state == SLOT_OPEN && (first == NULL || slot->sequence < first->sequence))
                first = slot;
        }
        if (first == NULL)
            return;
        first->repeated = true;
        import->resent++;
        slot_send(first);
    }
}

static void pause_cb(void *arg)
{
    struct import *import = arg;
    if (!import->told && import->err == ERR_OK)
        open_resend(import);
}

static bool retry_helps(enum rpc_status status)
{
    return status == RPC_UNAVAILABLE || status == RPC_DEADLINE_EXCEEDED ||
           status == RPC_CANCELLED || status == RPC_RESOURCE_EXHAUSTED;
}

static void failed(struct slot *slot, enum rpc_status status, const char *text)
{
    struct import *import = slot->import;
    struct err_info why;
    slot->state = SLOT_OPEN;
    snprintf(import->waiting, sizeof import->waiting, "%.*s", RPC_TEXT_MAX,
             text[0] != '\0' ? text : rpc_status_name(status));
    if (!retry_helps(status)) {
        end(import, err_set(&why, rpc_err_of_status(status), "ingest: %s", import->waiting), &why);
        return;
    }
    int64_t silent_ms = loop_now_ms(import->opts.loop) - import->answered_ms;
    if (import->opts.retry_for_ms > 0 && silent_ms >= import->opts.retry_for_ms) {
        end(import, err_set(&why, ERR_UNAVAILABLE, "gave up: %s", import->waiting), &why);
        return;
    }
    import->pause_ms = import_pause_next(import->pause_ms);
    loop_timer_start(import->pause, (uint64_t)import->pause_ms, 0);
}

// ---- Answers ------------------------------------------------------------------------------------

static void line_refused(struct import *import, size_t file, uint64_t line, const char *reason,
                         struct span event)
{
    if (event.len > IMPORT_QUOTE_MAX)
        event.len = IMPORT_QUOTE_MAX;
    struct import_refused refused = {file, line, reason, event};
    import->opts.refused(import->opts.arg, &refused);
}

static void verdicts_take(struct slot *slot, const Assay__Ingest__V1__IngestResponse *answer)
{
    struct import *import = slot->import;
    for (size_t i = 0; i < slot->n; i++)
        slot->notes[i].verdict = NULL;
    for (size_t i = 0; i < answer->n_verdicts; i++)
        if (answer->verdicts[i]->index < slot->n)
            slot->notes[answer->verdicts[i]->index].verdict = answer->verdicts[i];
    for (size_t i = 0; i < slot->n; i++) {
        const struct note *note = &slot->notes[i];
        Assay__Ingest__V1__Verdict verdict = note->verdict == NULL
                                                 ? ASSAY__INGEST__V1__VERDICT__VERDICT_ACCEPTED
                                                 : note->verdict->verdict;
        import_count(&import->counts, verdict, note->fresh, slot->repeated);
        if (verdict == ASSAY__INGEST__V1__VERDICT__VERDICT_REFUSED)
            line_refused(import, note->file, note->line, note->verdict->reason,
                         span_make(slot->text.bytes + note->text_at, note->text_len));
    }
}

static void sent_mark(struct import *import, const struct slot *slot)
{
    if (slot->n == 0 || slot->sequence != oldest_open(import))
        return;
    import->sent_file = slot->notes[slot->n - 1].file;
    import->sent_line = slot->notes[slot->n - 1].line;
}

static void answered_cb(void *arg, enum rpc_status status, const char *text, struct span bytes)
{
    struct slot *slot = arg;
    struct import *import = slot->import;
    CHECK(slot->state == SLOT_IN_FLIGHT);
    if (import->told) {
        slot->state = SLOT_FREE;
        return;
    }
    ProtobufCMessage *answer = NULL;
    struct err_info why;
    arena_reset(&import->arena);
    if (status == RPC_OK && rpc_unpack(&assay__ingest__v1__ingest_response__descriptor, bytes,
                                       &import->arena, &answer, &why) != ERR_OK) {
        status = RPC_INTERNAL;
        text = why.text;
    }
    if (status == RPC_OK) {
        verdicts_take(slot, (const Assay__Ingest__V1__IngestResponse *)answer);
        sent_mark(import, slot);
        slot->state = SLOT_FREE;
        import->pause_ms = 0;
        import->answered_ms = loop_now_ms(import->opts.loop);
        import->waiting[0] = '\0';
    } else {
        failed(slot, status, text);
    }
    pump(import);
}

// ---- Reading ------------------------------------------------------------------------------------

// A row of a table as the call that it is. False: it is none, or refused.
static bool row_take(struct import *import, struct span *line)
{
    struct err_info why;
    if (import->opts.traits == NULL)
        return true;
    switch (trait_lines_next(import->opts.traits, *line, &import->call, &why)) {
    case TRAIT_LINE_CALL:
        *line = buf_span(&import->call);
        return true;
    case TRAIT_LINE_NONE:
        return false;
    case TRAIT_LINE_BAD:
        break;
    }
    import->counts.refused++;
    line_refused(import, import->file, input_line(import->input), why.text, *line);
    return false;
}

static void line_take(struct import *import, struct slot *slot, struct span line)
{
    struct segment_event event;
    struct err_info why;
    uint64_t number = input_line(import->input);
    arena_reset(&import->arena);
    if (!row_take(import, &line))
        return;
    if (segment_parse(line, &import->arena, &event, &why) != ERR_OK) {
        import->counts.refused++;
        line_refused(import, import->file, number, why.text, line);
        return;
    }
    Assay__Ingest__V1__IngestRequest one = ASSAY__INGEST__V1__INGEST_REQUEST__INIT;
    Assay__Ingest__V1__Event *events[1] = {segment_pack(&event, &import->arena)};
    one.events = events;
    one.n_events = 1;
    size_t n = assay__ingest__v1__ingest_request__get_packed_size(&one);
    slot->body.len += assay__ingest__v1__ingest_request__pack(&one, buf_reserve(&slot->body, n));
    size_t quote = line.len < IMPORT_QUOTE_MAX ? line.len : IMPORT_QUOTE_MAX;
    bool fresh =
        event.message_id.len == 0 || import_ids_add(&import->ids, hash64(event.message_id));
    slot->notes[slot->n++] =
        (struct note){import->file, number, slot->text.len, quote, fresh, NULL};
    buf_append(&slot->text, line.ptr, quote);
}

static void file_close(struct import *import)
{
    if (import->opts.traits != NULL && trait_lines_open(import->opts.traits)) {
        import->counts.refused++;
        line_refused(import, import->file, input_line(import->input),
                     "the file ends inside a quoted cell", span_make("", 0));
    }
    import->bytes_before += input_bytes_read(import->input);
    import->lines += input_line(import->input);
    input_close(import->input);
    import->input = NULL;
    import->file++;
}

static void traits_begin(struct import *import)
{
    int64_t at_ms = import->opts.traits_at_ms;
    if (import->opts.traits == NULL)
        return;
    if (at_ms == 0)
        at_ms = input_changed_ms(import->input);
    trait_lines_begin(import->opts.traits, at_ms);
}

// Opens the next file if none is open. False: there are no more, or it cannot be opened.
static bool file_ready(struct import *import)
{
    if (import->input != NULL)
        return true;
    struct err_info why = {0};
    enum err err = ERR_OK;
    if (import->file < import->opts.n_files)
        err = input_open(import->opts.files[import->file], &import->input, &why);
    if (import->input != NULL) {
        traits_begin(import);
        return true;
    }
    end(import, err, &why);
    return false;
}

// A pipe that is being written to is looked at again soon: it holds little.
static void pipe_wait(struct import *import)
{
    int64_t bytes = input_bytes_read(import->input);
    bool silent = bytes == import->bytes_at_wait;
    import->wait_ms = !silent ? 1 : import->wait_ms < WAIT_MS / 2 ? import->wait_ms * 2 : WAIT_MS;
    import->bytes_at_wait = bytes;
    loop_timer_start(import->poll, import->wait_ms, WAIT_MS);
}

// Reads events into the slot until it is full or nothing is there to read.
static void slot_fill(struct import *import, struct slot *slot)
{
    slot->n = 0;
    slot->repeated = false;
    buf_clear(&slot->text);
    buf_clear(&slot->body);
    while ((int64_t)slot->n < import->opts.batch &&
           slot->body.len < REQUEST_BYTES_MAX - EVENT_BYTES_MAX && file_ready(import)) {
        struct span line;
        struct err_info why;
        enum input_result r = input_next(import->input, &line, &why);
        if (r == INPUT_LINE) {
            line_take(import, slot, line);
        } else if (r == INPUT_LONG) {
            import->counts.refused++;
            line_refused(import, import->file, input_line(import->input),
                         "the line has more than 1 MiB", line);
        } else if (r == INPUT_END) {
            file_close(import);
        } else if (r == INPUT_WAIT) {
            pipe_wait(import);
            break;
        } else {
            end(import, ERR_CORRUPT, &why);
            break;
        }
    }
    slot->events_bytes = slot->body.len;
}

static struct slot *slot_free(struct import *import)
{
    for (int64_t i = 0; i < import->opts.window; i++)
        if (import->slots[i].state == SLOT_FREE)
            return &import->slots[i];
    return NULL;
}

static void pump(struct import *import)
{
    struct slot *slot;
    while (!import->told && !import->ended && !any_open(import) &&
           (slot = slot_free(import)) != NULL) {
        slot_fill(import, slot);
        if (slot->n == 0)
            break;
        slot->sequence = import->next_sequence++;
        if (!in_flight(import))
            import->answered_ms = loop_now_ms(import->opts.loop);
        slot_send(slot);
    }
    bool all_sent = !any_open(import) || import->err != ERR_OK;
    if (import->ended && all_sent && !in_flight(import))
        tell(import);
}

// Looks at the connection: a request that was in flight when it broke may arrive twice. And at a
// pipe.
static void poll_cb(void *arg)
{
    struct import *import = arg;
    if (!rpc_client_connected(import->opts.client))
        for (int64_t i = 0; i < import->opts.window; i++)
            if (import->slots[i].state == SLOT_IN_FLIGHT)
                import->slots[i].repeated = true;
    pump(import);
}

// ---- Life ---------------------------------------------------------------------------------------

static int64_t sizes_sum(const struct import_opts *opts)
{
    int64_t sum = 0;
    for (size_t i = 0; i < opts->n_files; i++) {
        struct input *input;
        if (input_open(opts->files[i], &input, NULL) != ERR_OK)
            continue; // reported when its turn comes
        int64_t n = input_bytes_total(input);
        input_close(input);
        if (n < 0)
            return -1;
        sum += n;
    }
    return sum;
}

struct import *import_create(const struct import_opts *opts)
{
    CHECK(opts->batch >= 1 && opts->batch <= IMPORT_BATCH_MAX);
    CHECK(opts->window >= 1 && opts->window <= IMPORT_WINDOW_MAX);
    struct import *import = mem_zalloc(sizeof *import);
    import->opts = *opts;
    import->bytes_total = sizes_sum(opts);
    snprintf(import->sender, sizeof import->sender, "import-%016llx",
             (unsigned long long)clock_random_u64());
    import->next_sequence = 1;
    arena_init(&import->arena, 256 * 1024, 0);
    import->slots = mem_zalloc((size_t)opts->window * sizeof *import->slots);
    for (int64_t i = 0; i < opts->window; i++) {
        import->slots[i].import = import;
        import->slots[i].notes = mem_alloc((size_t)opts->batch * sizeof(struct note));
    }
    import->pause = loop_timer_create(opts->loop, pause_cb, import);
    import->poll = loop_timer_create(opts->loop, poll_cb, import);
    import->patience = loop_timer_create(opts->loop, patience_cb, import);
    loop_timer_start(import->poll, 0, WAIT_MS);
    return import;
}

void import_destroy(struct import *import)
{
    if (import == NULL)
        return;
    CHECK(import->told && !in_flight(import));
    for (int64_t i = 0; i < import->opts.window; i++) {
        mem_free(import->slots[i].notes);
        buf_deinit(&import->slots[i].text);
        buf_deinit(&import->slots[i].body);
    }
    mem_free(import->slots);
    input_close(import->input);
    import_ids_deinit(&import->ids);
    arena_deinit(&import->arena);
    buf_deinit(&import->call);
    mem_free(import);
}

void import_progress(const struct import *import, struct import_progress *out)
{
    const struct import_opts *opts = &import->opts;
    *out = (struct import_progress){
        .counts = import->counts,
        .lines = import->lines + (import->input == NULL ? 0 : input_line(import->input)),
        .bytes_read =
            import->bytes_before + (import->input == NULL ? 0 : input_bytes_read(import->input)),
        .bytes_total = import->bytes_total,
        .resent = import->resent,
        .file = import->file < opts->n_files ? opts->files[import->file] : NULL,
        .waiting = import->waiting[0] == '\0' ? NULL : import->waiting,
        .sent_file = opts->files[import->sent_file],
        .sent_line = import->sent_line,
    };
}
