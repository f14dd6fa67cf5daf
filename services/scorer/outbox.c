// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/outbox.h"

#include <endian.h>
#include <stdlib.h>

#include "assay/router/v1/router.pb-c.h"
#include "common/base/mem.h"

enum {
    OUTBOX_CALL_BYTES = 1024 * 1024, // of one request, about
    // Beyond these the router refuses a request.
    OUTBOX_CALL_SIGNALS_MAX = 10000,
    OUTBOX_CALL_BYTES_MAX = 3 * 1024 * 1024,
    OUTBOX_FIELD_BYTES = 6,   // of a signal's tag and length, at most
    OUTBOX_FIELD_SIGNALS = 2, // of ApplySignalsRequest
    OUTBOX_TRACES_MAX = 512,  // records; what waits behind them goes without
};

struct outbox_signal {
    uint64_t position;
    uint64_t index;
    uint8_t *bytes;
    size_t len;
    bool stored;
};

// Of a record that made some of what waits.
struct outbox_trace {
    uint64_t position;
    struct rpc_trace trace;
};

struct outbox_key {
    uint64_t position; // big-endian on disk, so that order is that of numbers
    uint64_t index;
};

struct outbox {
    struct outbox_signal *items; // [head, n) wait
    size_t head, n, cap;
    struct outbox_key *gone; // stored rows of confirmed signals
    size_t n_gone, gone_cap;
    struct outbox_trace *traces; // in order of position, none before the first that waits
    size_t n_traces, traces_cap;
};

struct outbox *outbox_create(void)
{
    return mem_zalloc(sizeof(struct outbox));
}

void outbox_destroy(struct outbox *outbox)
{
    if (outbox == NULL)
        return;
    for (size_t i = outbox->head; i < outbox->n; i++)
        mem_free(outbox->items[i].bytes);
    mem_free(outbox->items);
    mem_free(outbox->gone);
    mem_free(outbox->traces);
    mem_free(outbox);
}

static void outbox_push(struct outbox *outbox, uint64_t position, uint64_t index,
                        struct span signal, bool stored)
{
    if (outbox->head > 4096 && outbox->head * 2 > outbox->n) {
        memmove(outbox->items, outbox->items + outbox->head,
                (outbox->n - outbox->head) * sizeof *outbox->items);
        outbox->n -= outbox->head;
        outbox->head = 0;
    }
    MEM_GROW(outbox->items, outbox->n, outbox->cap);
    struct outbox_signal *item = &outbox->items[outbox->n++];
    *item = (struct outbox_signal){position, index, mem_alloc(signal.len), signal.len, stored};
    memcpy(item->bytes, signal.ptr, signal.len);
}

static void outbox_note_trace(struct outbox *outbox, uint64_t position,
                              const struct rpc_trace *trace)
{
    size_t n = outbox->n_traces;
    if (n == OUTBOX_TRACES_MAX || (n > 0 && outbox->traces[n - 1].position == position))
        return;
    MEM_GROW(outbox->traces, outbox->n_traces, outbox->traces_cap);
    outbox->traces[outbox->n_traces++] = (struct outbox_trace){position, *trace};
}

// Those of records before the first that waits.
static void outbox_forget_traces(struct outbox *outbox)
{
    bool none = outbox->head == outbox->n;
    size_t gone = 0;
    while (gone < outbox->n_traces &&
           (none || outbox->traces[gone].position < outbox->items[outbox->head].position))
        gone++;
    outbox->n_traces -= gone;
    if (gone > 0)
        memmove(outbox->traces, outbox->traces + gone, outbox->n_traces * sizeof *outbox->traces);
}

void outbox_add(struct outbox *outbox, uint64_t position, uint64_t index, struct span signal,
                const struct rpc_trace *trace)
{
    outbox_push(outbox, position, index, signal, false);
    if (trace != NULL)
        outbox_note_trace(outbox, position, trace);
}

enum err outbox_load(struct outbox *outbox, struct span key, struct span value,
                     struct err_info *info)
{
    struct outbox_key number;
    if (key.len != sizeof number)
        return err_set(info, ERR_CORRUPT, "signal row: a key of %zu bytes", key.len);
    memcpy(&number, key.ptr, sizeof number);
    outbox_push(outbox, be64toh(number.position), be64toh(number.index), value, true);
    return ERR_OK;
}

static int outbox_number_cmp(uint64_t a_position, uint64_t a_index, uint64_t b_position,
                             uint64_t b_index)
{
    if (a_position != b_position)
        return a_position < b_position ? -1 : 1;
    return (a_index > b_index) - (a_index < b_index);
}

static int outbox_cmp(const void *x, const void *y)
{
    const struct outbox_signal *a = x, *b = y;
    int c = outbox_number_cmp(a->position, a->index, b->position, b->index);
    return c != 0 ? c : (int)b->stored - (int)a->stored; // the stored one first: it stays
}

static void outbox_note_gone(struct outbox *outbox, const struct outbox_signal *item)
{
    if (!item->stored)
        return;
    MEM_GROW(outbox->gone, outbox->n_gone, outbox->gone_cap);
    outbox->gone[outbox->n_gone++] =
        (struct outbox_key){htobe64(item->position), htobe64(item->index)};
}

void outbox_settle(struct outbox *outbox, uint64_t confirmed_position, uint64_t confirmed_index)
{
    CHECK(outbox->head == 0);
    if (outbox->n > 0)
        qsort(outbox->items, outbox->n, sizeof *outbox->items, outbox_cmp);
    size_t kept = 0;
    for (size_t i = 0; i < outbox->n; i++) {
        struct outbox_signal *item = &outbox->items[i];
        const struct outbox_signal *last = kept > 0 ? &outbox->items[kept - 1] : NULL;
        bool repeated =
            last != NULL && last->position == item->position && last->index == item->index;
        bool taken = outbox_number_cmp(item->position, item->index, confirmed_position,
                                       confirmed_index) <= 0;
        if (taken && !repeated)
            outbox_note_gone(outbox, item);
        if (taken || repeated)
            mem_free(item->bytes);
        else
            outbox->items[kept++] = *item;
    }
    outbox->n = kept;
}

// Where the signals of the event (or, in a tick, of the account) that begins at `i` end, or the
// router's bounds do.
static size_t outbox_event_end(const struct outbox *outbox, size_t i, size_t *bytes)
{
    const struct outbox_signal *items = outbox->items;
    size_t at = i;
    *bytes = 0;
    do {
        size_t more = items[at].len + OUTBOX_FIELD_BYTES;
        if (at > i && (at - i == OUTBOX_CALL_SIGNALS_MAX || *bytes + more > OUTBOX_CALL_BYTES_MAX))
            break;
        *bytes += more;
        at++;
    } while (at < outbox->n && items[at].position == items[i].position &&
             items[at].index >> 32 == items[i].index >> 32);
    return at;
}

static void outbox_put(const struct outbox_signal *item, uint32_t field, struct buf *out)
{
    buf_append_u8(out, (uint8_t)(field << 3 | 2)); // length-delimited
    size_t len = item->len;
    for (; len >= 0x80; len >>= 7)
        buf_append_u8(out, (uint8_t)(len | 0x80));
    buf_append_u8(out, (uint8_t)len);
    buf_append(out, item->bytes, item->len);
}

size_t outbox_batch(const struct outbox *outbox, uint32_t lane, size_t max, struct buf *out)
{
    // The concatenation of a message with no signals and each signal as its field is the message
    // with all.
    Assay__Router__V1__ApplySignalsRequest head = ASSAY__ROUTER__V1__APPLY_SIGNALS_REQUEST__INIT;
    head.lane = lane;
    size_t head_len = assay__router__v1__apply_signals_request__get_packed_size(&head);
    assay__router__v1__apply_signals_request__pack(&head, buf_reserve(out, head_len));
    out->len += head_len;
    size_t total = 0, end = outbox->head, more;
    while (end < outbox->n) {
        size_t next = outbox_event_end(outbox, end, &more);
        if (end > outbox->head && (next - outbox->head > max || total + more > OUTBOX_CALL_BYTES))
            break;
        total += more;
        end = next;
    }
    for (size_t i = outbox->head; i < end; i++)
        outbox_put(&outbox->items[i], OUTBOX_FIELD_SIGNALS, out);
    return end - outbox->head;
}

size_t outbox_append(const struct outbox *outbox, uint32_t field, size_t max, size_t bytes_max,
                     struct buf *out, uint64_t *position, uint64_t *index)
{
    size_t at = outbox->head, bytes = 0;
    CHECK(field < 16);
    for (; at < outbox->n && at - outbox->head < max; at++) {
        const struct outbox_signal *item = &outbox->items[at];
        if (at > outbox->head && bytes + item->len > bytes_max)
            break;
        bytes += item->len;
        outbox_put(item, field, out);
        *position = item->position;
        *index = item->index;
    }
    return at - outbox->head;
}

const struct rpc_trace *outbox_trace(const struct outbox *outbox, size_t n)
{
    CHECK(n > 0 && n <= outbox->n - outbox->head);
    uint64_t last = outbox->items[outbox->head + n - 1].position;
    bool has = outbox->n_traces > 0 && outbox->traces[0].position <= last;
    return has ? &outbox->traces[0].trace : NULL;
}

void outbox_first(const struct outbox *outbox, uint64_t *position, uint64_t *index)
{
    CHECK(outbox->head < outbox->n);
    *position = outbox->items[outbox->head].position;
    *index = outbox->items[outbox->head].index;
}

void outbox_confirm(struct outbox *outbox, uint64_t position, uint64_t index)
{
    while (outbox->head < outbox->n) {
        struct outbox_signal *item = &outbox->items[outbox->head];
        if (outbox_number_cmp(item->position, item->index, position, index) > 0)
            break;
        outbox_note_gone(outbox, item);
        mem_free(item->bytes);
        outbox->head++;
    }
    outbox_forget_traces(outbox);
}

size_t outbox_waiting(const struct outbox *outbox)
{
    return outbox->n - outbox->head;
}

void outbox_collect(struct outbox *outbox, uint32_t table, struct fold_rows *rows)
{
    for (size_t i = outbox->n; i > outbox->head && !outbox->items[i - 1].stored; i--) {
        struct outbox_signal *item = &outbox->items[i - 1];
        struct outbox_key key = {htobe64(item->position), htobe64(item->index)};
        fold_rows_put(rows, table, span_make(&key, sizeof key), span_make(item->bytes, item->len));
        item->stored = true;
    }
    for (size_t i = 0; i < outbox->n_gone; i++)
        fold_rows_delete(rows, table, span_make(&outbox->gone[i], sizeof outbox->gone[i]));
    outbox->n_gone = 0;
}
