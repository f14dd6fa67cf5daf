// SPDX-License-Identifier: Apache-2.0
#include "common/httpd/body.h"

#include "common/base/check.h"
#include "common/base/mem.h"

enum { FIRST_BYTES = 4096 };

void httpd_body_init(struct httpd_body *body, enum httpd_coding coding, size_t bytes_max,
                     struct httpd_budget *budget)
{
    CHECK(bytes_max > 0);
    *body = (struct httpd_body){.coding = coding, .bytes_max = bytes_max, .budget = budget};
}

static void charge(struct httpd_body *body, uint64_t bytes)
{
    if (body->budget != NULL)
        body->budget->held += bytes - body->charged;
    body->charged = bytes;
}

void httpd_body_deinit(struct httpd_body *body)
{
    charge(body, 0);
    httpd_unpacker_destroy(body->unpacker);
    mem_free(body->bytes);
    body->unpacker = NULL;
    body->bytes = NULL;
    body->len = body->cap = 0;
}

void httpd_body_uncount(struct httpd_body *body)
{
    charge(body, 0);
    body->budget = NULL;
}

// Whether `cap` bytes and the decoder fit into what all bodies may hold; they are counted then.
static bool fits(struct httpd_body *body, size_t cap)
{
    uint64_t bytes = cap + httpd_unpacker_bytes(body->unpacker);
    if (bytes > body->charged && body->budget != NULL &&
        body->budget->held + (bytes - body->charged) > body->budget->max)
        return false;
    charge(body, bytes);
    return true;
}

// Room for at least one more byte: twice as much as before, at most one byte over the bound, so
// that a body that is too large shows.
static int grow(struct httpd_body *body)
{
    if (body->len < body->cap)
        return 0;
    if (body->len > body->bytes_max)
        return 413;
    size_t cap = body->cap == 0 ? FIRST_BYTES : body->cap * 2;
    cap = cap > body->bytes_max ? body->bytes_max + 1 : cap;
    if (!fits(body, cap))
        return 503;
    body->bytes = mem_realloc(body->bytes, cap);
    body->cap = cap;
    return 0;
}

static int take_plain(struct httpd_body *body, struct span piece)
{
    while (piece.len > 0) {
        int refusal = grow(body);
        if (refusal != 0)
            return refusal;
        size_t n = body->cap - body->len < piece.len ? body->cap - body->len : piece.len;
        memcpy(body->bytes + body->len, piece.ptr, n);
        body->len += n;
        piece = span_make((const uint8_t *)piece.ptr + n, piece.len - n);
    }
    return 0;
}

static int take_packed(struct httpd_body *body, struct span piece)
{
    size_t room, written;
    if (body->unpacker == NULL && piece.len > 0)
        body->unpacker = httpd_unpacker_create(body->coding);
    do {
        int refusal = grow(body);
        if (refusal != 0)
            return refusal;
        room = body->cap - body->len;
        if (!httpd_unpack(body->unpacker, &piece, body->bytes + body->len, room, &written))
            return 400;
        body->len += written;
        if (!fits(body, body->cap))
            return 503;
    } while (piece.len > 0 || written == room);
    return 0;
}

int httpd_body_take(struct httpd_body *body, struct span piece)
{
    body->as_sent += piece.len;
    if (body->as_sent > body->bytes_max)
        return 413;
    int refusal =
        body->coding == HTTPD_IDENTITY ? take_plain(body, piece) : take_packed(body, piece);
    CHECK(refusal != 0 || body->len <= body->bytes_max); // grow has looked
    return refusal;
}

int httpd_body_end(const struct httpd_body *body)
{
    return body->unpacker != NULL && !httpd_unpacker_ended(body->unpacker) ? 400 : 0;
}
