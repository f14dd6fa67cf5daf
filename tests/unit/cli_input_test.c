// SPDX-License-Identifier: Apache-2.0
// links: cli_input base PkgConfig::ZLIB PkgConfig::ZSTD
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "cli/input.h"
#include "common/base/buf.h"

static char path[64];

static void write_file(const void *bytes, size_t n)
{
    snprintf(path, sizeof path, "/tmp/cli-input-XXXXXX");
    int fd = mkstemp(path);
    cr_assert(fd >= 0);
    cr_assert_eq(write(fd, bytes, n), (ssize_t)n);
    close(fd);
}

static struct buf gzipped(const void *bytes, size_t n)
{
    struct buf out = {0};
    z_stream z = {0};
    cr_assert_eq(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t bound = deflateBound(&z, n);
    z.next_in = (Bytef *)bytes;
    z.avail_in = (uInt)n;
    z.next_out = buf_reserve(&out, bound);
    z.avail_out = (uInt)bound;
    cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    out.len = bound - z.avail_out;
    deflateEnd(&z);
    return out;
}

static struct buf zstded(const void *bytes, size_t n)
{
    struct buf out = {0};
    size_t bound = ZSTD_compressBound(n);
    out.len = ZSTD_compress(buf_reserve(&out, bound), bound, bytes, n, 3);
    cr_assert(!ZSTD_isError(out.len));
    return out;
}

static struct input *opened(void)
{
    struct input *input;
    struct err_info info;
    cr_assert_eq(input_open(path, &input, &info), ERR_OK, "%s", info.text);
    return input;
}

static void expect_line(struct input *input, const char *text, uint64_t number)
{
    struct span line;
    struct err_info info;
    enum input_result r = input_next(input, &line, &info);
    cr_assert_eq(r, INPUT_LINE, "%d instead of the line %s", r, text);
    cr_assert(span_is(line, text), "\"" SPAN_FMT "\" instead of \"%s\"", SPAN_ARG(line), text);
    cr_assert_eq(input_line(input), number);
}

static void expect_end(struct input *input)
{
    struct span line;
    struct err_info info;
    cr_assert_eq(input_next(input, &line, &info), INPUT_END);
    cr_assert_eq(input_next(input, &line, &info), INPUT_END);
    input_close(input);
    unlink(path);
}

static const char THREE[] = "one\n\n \t\r\ntwo\r\nthree";

static void expect_three(void)
{
    struct input *input = opened();
    expect_line(input, "one", 1);
    expect_line(input, "two", 4);
    expect_line(input, "three", 5);
    expect_end(input);
}

Test(input, plain_lines_and_a_last_one_without_end)
{
    write_file(THREE, sizeof THREE - 1);
    expect_three();
    write_file("\xEF\xBB\xBF{}\n", 6);
    struct input *input = opened();
    expect_line(input, "{}", 1);
    expect_end(input);
}

Test(input, empty_file)
{
    write_file("", 0);
    expect_end(opened());
    write_file("\n\n", 2);
    expect_end(opened());
}

Test(input, gzip_by_its_bytes_also_of_several_members)
{
    struct buf a = gzipped(THREE, 6), b = gzipped(THREE + 6, sizeof THREE - 1 - 6);
    buf_append_span(&a, buf_span(&b));
    write_file(a.bytes, a.len);
    expect_three();
    buf_deinit(&a);
    buf_deinit(&b);
}

Test(input, zstd_by_its_bytes_also_of_several_frames)
{
    struct buf a = zstded(THREE, 6), b = zstded(THREE + 6, sizeof THREE - 1 - 6);
    buf_append_span(&a, buf_span(&b));
    write_file(a.bytes, a.len);
    expect_three();
    buf_deinit(&a);
    buf_deinit(&b);
}

// Lines of many lengths, more than every buffer holds, come out whole.
static void many(struct buf (*pack)(const void *, size_t))
{
    enum { LINES = 30000 };
    struct buf text = {0};
    for (int i = 0; i < LINES; i++)
        buf_printf(&text, "%d %0*d\n", i, 1 + i % 211, i);
    struct buf packed = pack(text.bytes, text.len);
    write_file(packed.bytes, packed.len);
    struct input *input = opened();
    cr_assert_eq(input_bytes_total(input), (int64_t)packed.len);
    for (int i = 0; i < LINES; i++) {
        char expected[256];
        snprintf(expected, sizeof expected, "%d %0*d", i, 1 + i % 211, i);
        expect_line(input, expected, (uint64_t)i + 1);
    }
    cr_assert_eq(input_bytes_read(input), (int64_t)packed.len);
    expect_end(input);
    buf_deinit(&text);
    buf_deinit(&packed);
}

static struct buf plain(const void *bytes, size_t n)
{
    struct buf out = {0};
    buf_append(&out, bytes, n);
    return out;
}

Test(input, many_lines)
{
    many(plain);
    many(gzipped);
    many(zstded);
}

// A file that ends inside the compressed data gives its whole lines, then an error that stays.
static void cut(struct buf packed)
{
    struct span line;
    struct err_info info = {0};
    write_file(packed.bytes, packed.len - 9);
    struct input *input = opened();
    enum input_result r;
    while ((r = input_next(input, &line, &info)) == INPUT_LINE) {
    }
    cr_assert_eq(r, INPUT_FAILED);
    cr_assert_not_null(strstr(info.text, "ends early"), "%s", info.text);
    cr_assert_not_null(strstr(info.text, path));
    cr_assert_eq(input_next(input, &line, &info), INPUT_FAILED);
    input_close(input);
    unlink(path);
    buf_deinit(&packed);
}

Test(input, truncated_data_is_a_clear_error)
{
    cut(gzipped(THREE, sizeof THREE - 1));
    cut(zstded(THREE, sizeof THREE - 1));
}

Test(input, damaged_data_is_a_clear_error)
{
    struct buf packed = gzipped(THREE, sizeof THREE - 1);
    struct span line;
    struct err_info info = {0};
    packed.bytes[14] ^= 0xFF;
    write_file(packed.bytes, packed.len);
    struct input *input = opened();
    enum input_result r;
    while ((r = input_next(input, &line, &info)) == INPUT_LINE) {
    }
    cr_assert_eq(r, INPUT_FAILED);
    cr_assert_not_null(strstr(info.text, "damaged"), "%s", info.text);
    input_close(input);
    unlink(path);
    buf_deinit(&packed);
}

// Lengths around the bound; `with_end`: the long line is not the last one.
static void around_the_bound(size_t len, enum input_result expected, bool with_end)
{
    struct buf text = {0};
    struct span line;
    struct err_info info;
    buf_append_text(&text, "first\n");
    memset(buf_reserve(&text, len), 'x', len);
    text.len += len;
    buf_append_text(&text, with_end ? "\nlast\n" : "");
    write_file(text.bytes, text.len);
    struct input *input = opened();
    expect_line(input, "first", 1);
    cr_assert_eq(input_next(input, &line, &info), expected, "%zu bytes", len);
    cr_assert_eq(input_line(input), 2u);
    cr_assert(expected == INPUT_LINE ? line.len == len : line.len > 0 && line.len <= 4096);
    if (with_end)
        expect_line(input, "last", 3);
    expect_end(input);
    buf_deinit(&text);
}

Test(input, long_lines_are_skipped_and_numbered)
{
    for (int with_end = 0; with_end < 2; with_end++) {
        around_the_bound(INPUT_LINE_MAX, INPUT_LINE, with_end);
        around_the_bound(INPUT_LINE_MAX + 1, INPUT_LONG, with_end);
        around_the_bound(INPUT_LINE_MAX + 2, INPUT_LONG, with_end);
        around_the_bound(5 * INPUT_LINE_MAX, INPUT_LONG, with_end);
    }
}

Test(input, what_cannot_be_read)
{
    struct input *input;
    struct err_info info;
    cr_assert_eq(input_open("/nonexistent/file", &input, &info), ERR_NOT_FOUND);
    cr_assert_not_null(strstr(info.text, "/nonexistent/file"));
    cr_assert_eq(input_open("/tmp", &input, &info), ERR_IO);
}

Test(input, a_pipe_does_not_block)
{
    struct span line;
    struct err_info info;
    struct input *input;
    snprintf(path, sizeof path, "/tmp/cli-input-fifo-%d", (int)getpid());
    unlink(path);
    cr_assert_eq(mkfifo(path, 0600), 0);
    int keep = open(path, O_RDWR | O_CLOEXEC); // so that neither end waits for the other
    cr_assert(keep >= 0);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    cr_assert(fd >= 0);
    cr_assert_eq(input_open(path, &input, &info), ERR_OK);
    cr_assert_eq(input_bytes_total(input), -1);
    cr_assert_eq(input_next(input, &line, &info), INPUT_WAIT);
    cr_assert_eq(write(fd, "one\ntw", 6), 6);
    expect_line(input, "one", 1);
    cr_assert_eq(input_next(input, &line, &info), INPUT_WAIT);
    cr_assert_eq(write(fd, "o\n", 2), 2);
    expect_line(input, "two", 2);
    close(fd);
    close(keep);
    expect_end(input);
}
