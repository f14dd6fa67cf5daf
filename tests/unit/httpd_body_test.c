// SPDX-License-Identifier: Apache-2.0
// links: httpd base PkgConfig::ZLIB
// Bodies piece by piece: each bound by itself, whatever the pieces.
#include <criterion/criterion.h>
#include <zlib.h>

#include "common/base/check.h"
#include "common/httpd/body.h"

static struct httpd_budget budget = {.max = 1024 * 1024};

static size_t gzip(const char *text, size_t n, uint8_t *out, size_t room)
{
    z_stream z = {0};
    cr_assert_eq(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)text;
    z.avail_in = (uInt)n;
    z.next_out = out;
    z.avail_out = (uInt)room;
    cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    n = room - z.avail_out;
    deflateEnd(&z);
    return n;
}

// Feeds it in pieces of `step` bytes; the first refusal, or what the end says.
static int feed(struct httpd_body *body, const void *bytes, size_t n, size_t step)
{
    const uint8_t *at = bytes;
    for (size_t done = 0; done < n; done += step) {
        size_t piece = n - done < step ? n - done : step;
        int status = httpd_body_take(body, span_make(at + done, piece));
        if (status != 0)
            return status;
    }
    return httpd_body_end(body);
}

static int fed(enum httpd_coding coding, size_t max, const void *bytes, size_t n, size_t step)
{
    struct httpd_body body;
    httpd_body_init(&body, coding, max, &budget);
    int status = feed(&body, bytes, n, step);
    httpd_body_deinit(&body);
    cr_assert_eq(budget.held, 0);
    return status;
}

Test(httpd_body, is_as_large_as_allowed_and_not_a_byte_more)
{
    static char text[5001];
    static const size_t STEPS[] = {1, 7, 4096, 5001};
    uint8_t packed[512];
    for (size_t i = 0; i < ARRAY_LEN(STEPS); i++) {
        cr_assert_eq(fed(HTTPD_IDENTITY, 5000, text, 5000, STEPS[i]), 0);
        cr_assert_eq(fed(HTTPD_IDENTITY, 5000, text, 5001, STEPS[i]), 413);
        cr_assert_eq(fed(HTTPD_GZIP, 5000, packed, gzip(text, 5000, packed, 512), STEPS[i]), 0);
        cr_assert_eq(fed(HTTPD_GZIP, 5000, packed, gzip(text, 5001, packed, 512), STEPS[i]), 413);
    }
}

// Members without content give nothing and cost time: what is sent has the same bound.
Test(httpd_body, bounds_what_is_sent)
{
    uint8_t packed[4000];
    size_t one = gzip("", 0, packed, sizeof packed), n = one;
    while (n + one <= sizeof packed) {
        memcpy(packed + n, packed, one);
        n += one;
    }
    cr_assert_eq(fed(HTTPD_GZIP, 4000, packed, n, 100), 0);
    cr_assert_eq(fed(HTTPD_GZIP, 3000, packed, n, 100), 413);
}

Test(httpd_body, comes_out_whole_whatever_the_pieces)
{
    char text[3000];
    uint8_t packed[4000];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i * i % 251);
    size_t n = gzip(text, sizeof text, packed, sizeof packed);
    for (size_t step = 1; step < n; step += 13) {
        struct httpd_body body;
        httpd_body_init(&body, HTTPD_GZIP, 100000, &budget);
        cr_assert_eq(feed(&body, packed, n, step), 0);
        cr_assert_eq(body.len, sizeof text);
        cr_assert_arr_eq(body.bytes, text, sizeof text);
        httpd_body_deinit(&body);
    }
    for (size_t cut = 1; cut < n; cut += 7)
        cr_assert_eq(fed(HTTPD_GZIP, 100000, packed, cut, 50), 400, "cut at %zu", cut);
}

Test(httpd_body, counts_what_it_holds)
{
    static char text[100000];
    struct httpd_budget small = {.max = 150000};
    struct httpd_body first, second;
    httpd_body_init(&first, HTTPD_IDENTITY, 100000, &small);
    httpd_body_init(&second, HTTPD_IDENTITY, 100000, &small);
    cr_assert_eq(feed(&first, text, sizeof text, 1000), 0);
    cr_assert(small.held >= sizeof text && small.held <= 2 * sizeof text);
    cr_assert_eq(feed(&second, text, sizeof text, 1000), 503);
    cr_assert_leq(small.held, small.max);
    httpd_body_deinit(&first);
    httpd_body_uncount(&second);
    cr_assert_eq(small.held, 0);
    httpd_body_deinit(&second);
    cr_assert_eq(small.held, 0);
}

// A small frame may ask for a window of gigabytes.
Test(httpd_body, does_not_give_a_decoder_what_it_asks_for)
{
    static const uint8_t HUGE_WINDOW[] = {0x28, 0xB5, 0x2F, 0xFD, 0x00, 0xA8, 0x01, 0x00, 0x00};
    static const uint8_t RAW[] = {0x4B, 0x04, 0x00}; // "a", deflate without zlib's header
    cr_assert_eq(fed(HTTPD_ZSTD, 1000, HUGE_WINDOW, sizeof HUGE_WINDOW, 1), 400);
    cr_assert_eq(fed(HTTPD_DEFLATE, 1000, RAW, sizeof RAW, 1), 0);
    cr_assert_eq(fed(HTTPD_DEFLATE, 1000, "not packed", 10, 3), 400);
}

Test(httpd_coding, knows_names_in_any_case)
{
    cr_assert_eq(httpd_coding_parse(NULL), HTTPD_IDENTITY);
    cr_assert_eq(httpd_coding_parse("Identity"), HTTPD_IDENTITY);
    cr_assert_eq(httpd_coding_parse("GZIP"), HTTPD_GZIP);
    cr_assert_eq(httpd_coding_parse("x-gzip"), HTTPD_GZIP);
    cr_assert_eq(httpd_coding_parse("deflate"), HTTPD_DEFLATE);
    cr_assert_eq(httpd_coding_parse("zstd"), HTTPD_ZSTD);
    cr_assert_eq(httpd_coding_parse("br"), HTTPD_UNKNOWN_CODING);
    cr_assert_eq(httpd_coding_parse("gzip, gzip"), HTTPD_UNKNOWN_CODING);
}
