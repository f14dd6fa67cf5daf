// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/mutate.h"

#include <string.h>

#include "common/base/mem.h"
#include "tests/fuzz/bytes.h"

enum { FIELDS_MAX = 256, DEPTH_MAX = 8, GROWTH = 64 };

struct fields {
    struct wire_field items[FIELDS_MAX];
    size_t n;
};

static uint64_t mutate_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static size_t mutate_below(uint64_t *state, size_t n)
{
    return (size_t)(mutate_random(state) % n);
}

// False: it is no message, or an empty one.
static bool mutate_read(struct span message, struct fields *out)
{
    struct bytes from = bytes_of(message);
    out->n = 0;
    while (from.len > 0) {
        if (out->n == FIELDS_MAX || !wire_next(&from, &out->items[out->n]))
            return false;
        out->n++;
    }
    return out->n > 0;
}

static uint64_t mutate_value(uint64_t value, uint64_t *state)
{
    static const uint64_t EXTREME[] = {0,         1,          2,          127,       128,
                                       UINT8_MAX, INT32_MAX,  UINT32_MAX, INT64_MAX, UINT64_MAX,
                                       1u << 31,  1ull << 63, 1ull << 32, 86400000,  3600000};
    switch (mutate_below(state, 5)) {
    case 0:
        return EXTREME[mutate_below(state, sizeof EXTREME / sizeof *EXTREME)];
    case 1:
        return value ^ UINT64_C(1) << mutate_below(state, 64);
    case 2:
        return value + mutate_below(state, 17) - 8;
    case 3:
        return value + (mutate_below(state, 400) - 200) * 2 * 86400000;
    default:
        return mutate_random(state) >> mutate_below(state, 64);
    }
}

static void mutate_raw(struct span in, struct buf *out)
{
    size_t max = in.len + GROWTH;
    uint8_t *to = buf_reserve(out, max);
    if (in.len > 0)
        memcpy(to, in.ptr, in.len);
    out->len += LLVMFuzzerMutate(to, in.len, max);
}

static void mutate_message(struct span in, int depth, uint64_t *state, struct buf *out);

static void mutate_field(const struct wire_field *field, int depth, uint64_t *state,
                         struct buf *out)
{
    struct buf payload = {0};
    struct fields *fields = mem_alloc(sizeof *fields);
    switch (field->type) {
    case WIRE_VARINT:
        wire_append_value(out, field->number, mutate_value(field->value, state));
        break;
    case WIRE_BYTES:
        if (depth < DEPTH_MAX && mutate_below(state, 8) != 0 && mutate_read(field->payload, fields))
            mutate_message(field->payload, depth + 1, state, &payload);
        else
            mutate_raw(field->payload, &payload);
        wire_append_bytes(out, field->number, buf_span(&payload));
        break;
    case WIRE_FIXED64:
    case WIRE_FIXED32:
        buf_append_span(out, field->whole);
        for (size_t i = mutate_below(state, 3) + 1; i > 0; i--)
            out->bytes[out->len - 1 - mutate_below(state, field->payload.len)] =
                (uint8_t)mutate_random(state);
        break;
    }
    buf_deinit(&payload);
    mem_free(fields);
}

static void mutate_message(struct span in, int depth, uint64_t *state, struct buf *out)
{
    struct fields *fields = mem_alloc(sizeof *fields);
    if (!mutate_read(in, fields)) {
        mutate_raw(in, out);
        mem_free(fields);
        return;
    }
    size_t at = mutate_below(state, fields->n), action = mutate_below(state, 16);
    size_t other = mutate_below(state, fields->n);
    for (size_t i = 0; i < fields->n; i++) {
        if (i == at && action == 0)
            continue; // left out
        if (i == at && action == 1)
            buf_append_span(out, fields->items[i].whole); // twice
        if (i == at && action == 2)
            buf_append_span(out, fields->items[other].whole); // another one's place
        else if (i == at && action > 2)
            mutate_field(&fields->items[i], depth, state, out);
        else
            buf_append_span(out, fields->items[i].whole);
    }
    mem_free(fields);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    uint64_t state = seed;
    struct buf out = {0};
    if (size == 0 || mutate_below(&state, 16) == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    mutate_message(span_make(data, size), 0, &state, &out);
    if (mutate_below(&state, 4) == 0) { // two at once
        struct buf again = {0};
        mutate_message(buf_span(&out), 0, &state, &again);
        buf_deinit(&out);
        out = again;
    }
    size_t n = out.len;
    if (n == 0 || n > max_size)
        n = LLVMFuzzerMutate(data, size, max_size);
    else
        memcpy(data, out.bytes, n);
    buf_deinit(&out);
    return n;
}
