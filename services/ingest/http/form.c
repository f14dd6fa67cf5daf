// SPDX-License-Identifier: Apache-2.0
#include "services/ingest/http/form.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "common/base/base64.h"
#include "common/httpd/unpack.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// As application/x-www-form-urlencoded has it. What is no escape stands for itself.
static struct span percent_decode(struct span text, struct arena *arena)
{
    const char *from = text.ptr;
    char *to = arena_alloc(arena, text.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        bool escape = from[i] == '%' && i + 2 < text.len && hex_digit(from[i + 1]) >= 0 &&
                      hex_digit(from[i + 2]) >= 0;
        if (escape) {
            to[n++] = (char)(hex_digit(from[i + 1]) << 4 | hex_digit(from[i + 2]));
            i += 2;
        } else {
            to[n++] = from[i] == '+' ? ' ' : from[i];
        }
    }
    return span_make(to, n);
}

static bool is_gzip(struct span body)
{
    const uint8_t *bytes = body.ptr;
    return body.len > 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

static enum err gunzip(struct span body, size_t bytes_max, struct arena *arena, struct span *out,
                       struct err_info *info)
{
    enum { PIECE_BYTES = 64 * 1024 };
    struct httpd_unpacker *unpacker = httpd_unpacker_create(HTTPD_GZIP);
    uint8_t *bytes = NULL;
    size_t n = 0, cap = 0, written = 0;
    enum err err = ERR_OK;
    do {
        if (n == cap) {
            uint8_t *more = arena_alloc(arena, cap * 2 + PIECE_BYTES);
            if (n > 0)
                memcpy(more, bytes, n);
            bytes = more;
            cap = cap * 2 + PIECE_BYTES;
        }
        size_t left = body.len;
        if (!httpd_unpack(unpacker, &body, bytes + n, cap - n, &written) ||
            (written == 0 && body.len == left && left > 0))
            err = err_set(info, ERR_INVALID, "the body is broken gzip");
        n += written;
        if (err == ERR_OK && n > bytes_max)
            err = err_set(info, ERR_FULL, "the body unpacks to more than %zu bytes", bytes_max);
    } while (err == ERR_OK && (body.len > 0 || n == cap));
    if (err == ERR_OK && !httpd_unpacker_ended(unpacker))
        err = err_set(info, ERR_INVALID, "the body is gzip that ends too early");
    httpd_unpacker_destroy(unpacker);
    *out = span_make(bytes, n);
    return err;
}

// The field `data` of a form, or an empty span.
static struct span form_data(struct span body)
{
    const char *at = body.ptr, *end = at + body.len;
    while (at < end) {
        const char *stop = memchr(at, '&', (size_t)(end - at));
        if (stop == NULL)
            stop = end;
        if (stop - at >= 5 && memcmp(at, "data=", 5) == 0)
            return span_make(at + 5, (size_t)(stop - at) - 5);
        at = stop + 1;
    }
    return (struct span){0};
}

static bool begins_json(struct span body)
{
    const char *text = body.ptr;
    size_t i = 0;
    while (i < body.len && memchr(" \t\r\n", text[i], 4) != NULL)
        i++;
    return i < body.len && (text[i] == '{' || text[i] == '[');
}

enum err form_json(struct span body, size_t bytes_max, struct arena *arena, struct span *out,
                   struct err_info *info)
{
    *out = body;
    if (begins_json(body))
        return ERR_OK;
    struct span data = is_gzip(body) ? (struct span){0} : form_data(body);
    if (data.len > 0)
        data = percent_decode(data, arena);
    if (data.len > 0 && !begins_json(data) && !base64_read(data, arena, &data))
        return err_set(info, ERR_INVALID, "data: expected JSON or base64");
    if (data.len > 0)
        *out = data;
    return is_gzip(*out) ? gunzip(*out, bytes_max, arena, out, info) : ERR_OK;
}

// What comes behind "SCHEME ", or NULL.
static const char *after_scheme(const char *header, const char *scheme)
{
    size_t n = strlen(scheme);
    if (strncasecmp(header, scheme, n) != 0 || header[n] != ' ')
        return NULL;
    return header + n + strspn(header + n, " ");
}

struct span form_authorization(const char *header, struct arena *arena)
{
    const char *token = after_scheme(header, "Bearer");
    if (token != NULL)
        return span_make(token, strlen(token));
    token = after_scheme(header, "Basic");
    struct span pair;
    if (token == NULL || !base64_read(span_of(token), arena, &pair))
        return (struct span){0};
    const char *colon = memchr(pair.ptr, ':', pair.len);
    struct span key = pair;
    if (colon != NULL)
        key.len = (size_t)(colon - (const char *)pair.ptr);
    if (colon != NULL && key.len == 0)
        key = span_make(colon + 1, pair.len - 1);
    return span_make(arena_dup(arena, key), key.len);
}
