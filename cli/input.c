// SPDX-License-Identifier: Apache-2.0
// file --read--> raw --inflate or copy--> text --lines-->. `text` holds at most one line of the
// greatest length and what one step of inflating adds; a longer line is thrown away as it comes.
#include "cli/input.h"

#include "common/base/mem.h"
#include "common/clock/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { PIPE_BYTES = 1024 * 1024 };
enum { RAW_BYTES = 64 * 1024, TEXT_BYTES = INPUT_LINE_MAX + 2 + 256 * 1024, LONG_START = 4096 };

enum format { FORMAT_UNKNOWN, FORMAT_PLAIN, FORMAT_GZIP, FORMAT_ZSTD };

struct input {
    char *name;
    int fd;
    bool is_pipe;
    int64_t bytes_read, bytes_total, changed_ms;
    enum format format;
    z_stream gzip;
    ZSTD_DStream *zstd;
    bool member_open; // inside a gzip member or a zstd frame

    uint8_t *raw;
    size_t raw_at, raw_len;
    bool raw_end;

    char *text;
    size_t text_at, text_len, scanned; // scanned: bytes from text_at known to hold no line end
    bool text_end, skipping;
    uint64_t line;
    bool failed;
    struct err_info why;
};

enum err input_open(const char *path, struct input **out, struct err_info *info)
{
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(info, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
                       strerror(errno));
    struct stat st;
    if (fstat(fd, &st) != 0 || S_ISDIR(st.st_mode)) {
        close(fd);
        return err_set(info, ERR_IO, "%s: is a folder, not a file", path);
    }
    struct input *input = mem_zalloc(sizeof *input);
    input->name = mem_dup_text(standard ? "standard input" : path);
    input->fd = fd;
    input->is_pipe = !S_ISREG(st.st_mode);
    input->bytes_total = S_ISREG(st.st_mode) ? st.st_size : -1;
    input->changed_ms = S_ISREG(st.st_mode) ? (int64_t)st.st_mtim.tv_sec * 1000 : clock_wall_ms();
    input->raw = mem_alloc(RAW_BYTES);
    input->text = mem_alloc(TEXT_BYTES);
#ifdef F_SETPIPE_SZ
    if (S_ISFIFO(st.st_mode))
        (void)fcntl(fd, F_SETPIPE_SZ,
                    PIPE_BYTES); // fewer waits; as it was where that is not allowed
#endif
    *out = input;
    return ERR_OK;
}

void input_close(struct input *input)
{
    if (input == NULL)
        return;
    if (input->format == FORMAT_GZIP)
        inflateEnd(&input->gzip);
    if (input->zstd != NULL)
        ZSTD_freeDStream(input->zstd);
    close(input->fd);
    mem_free(input->name);
    mem_free(input->raw);
    mem_free(input->text);
    mem_free(input);
}

const char *input_name(const struct input *input)
{
    return input->name;
}

uint64_t input_line(const struct input *input)
{
    return input->line;
}

int64_t input_bytes_read(const struct input *input)
{
    return input->bytes_read;
}

int64_t input_bytes_total(const struct input *input)
{
    return input->bytes_total;
}

static enum input_result fail(struct input *input, const char *what)
{
    input->failed = true;
    (void)err_set(&input->why, ERR_CORRUPT, "%s, after line %llu: %s", input->name,
                  (unsigned long long)input->line, what);
    return INPUT_FAILED;
}

// Reads more raw bytes behind those that are left. INPUT_LINE: there are some, or the end is known.
static enum input_result raw_read(struct input *input)
{
    if (input->raw_at > 0) {
        memmove(input->raw, input->raw + input->raw_at, input->raw_len - input->raw_at);
        input->raw_len -= input->raw_at;
        input->raw_at = 0;
    }
    struct pollfd poll_fd = {.fd = input->fd, .events = POLLIN};
    if (input->is_pipe && poll(&poll_fd, 1, 0) == 0)
        return INPUT_WAIT;
    ssize_t n;
    do
        n = read(input->fd, input->raw + input->raw_len, RAW_BYTES - input->raw_len);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return INPUT_WAIT;
    if (n < 0)
        return fail(input, strerror(errno));
    input->raw_end = n == 0;
    input->raw_len += (size_t)n;
    input->bytes_read += n;
    return INPUT_LINE;
}

static enum input_result sniff(struct input *input)
{
    static const uint8_t gzip[] = {0x1F, 0x8B}, zstd[] = {0x28, 0xB5, 0x2F, 0xFD};
    while (input->raw_len < sizeof zstd && !input->raw_end) {
        enum input_result r = raw_read(input);
        if (r != INPUT_LINE)
            return r;
    }
    if (input->raw_len >= sizeof gzip && memcmp(input->raw, gzip, sizeof gzip) == 0) {
        input->format = FORMAT_GZIP;
        CHECK(inflateInit2(&input->gzip, 15 + 16) == Z_OK);
    } else if (input->raw_len >= sizeof zstd && memcmp(input->raw, zstd, sizeof zstd) == 0) {
        input->format = FORMAT_ZSTD;
        input->zstd = ZSTD_createDStream();
        CHECK(input->zstd != NULL);
        ZSTD_DCtx_setParameter(input->zstd, ZSTD_d_windowLogMax, 27);
    } else {
        static const uint8_t bom[] = {0xEF, 0xBB, 0xBF};
        input->format = FORMAT_PLAIN;
        if (input->raw_len >= sizeof bom && memcmp(input->raw, bom, sizeof bom) == 0)
            input->raw_at = sizeof bom;
    }
    return INPUT_LINE;
}

// One step of the gzip reader; files of several members, as `cat a.gz b.gz` makes them, are one
// text.
static enum input_result gzip_step(struct input *input, char *to, size_t room, size_t *made)
{
    z_stream *z = &input->gzip;
    if (!input->member_open)
        inflateReset(z);
    input->member_open = true;
    z->next_in = input->raw + input->raw_at;
    z->avail_in = (uInt)(input->raw_len - input->raw_at);
    z->next_out = (Bytef *)to;
    z->avail_out = (uInt)room;
    int rc = inflate(z, Z_NO_FLUSH);
    input->raw_at = input->raw_len - z->avail_in;
    *made = room - z->avail_out;
    if (rc == Z_STREAM_END)
        input->member_open = false;
    else if (rc != Z_OK && rc != Z_BUF_ERROR)
        return fail(input, "the gzip data is damaged");
    return INPUT_LINE;
}

static enum input_result zstd_step(struct input *input, char *to, size_t room, size_t *made)
{
    ZSTD_inBuffer in = {input->raw, input->raw_len, input->raw_at};
    ZSTD_outBuffer out = {to, room, 0};
    size_t rc = ZSTD_decompressStream(input->zstd, &out, &in);
    input->raw_at = in.pos;
    *made = out.pos;
    if (ZSTD_isError(rc))
        return fail(input, "the zstd data is damaged");
    input->member_open = rc != 0;
    return INPUT_LINE;
}

static enum input_result plain_step(struct input *input, char *to, size_t room, size_t *made)
{
    size_t n = input->raw_len - input->raw_at;
    *made = n < room ? n : room;
    memcpy(to, input->raw + input->raw_at, *made);
    input->raw_at += *made;
    return INPUT_LINE;
}

static enum input_result step(struct input *input, char *to, size_t room, size_t *made)
{
    switch (input->format) {
    case FORMAT_GZIP:
        return gzip_step(input, to, room, made);
    case FORMAT_ZSTD:
        return zstd_step(input, to, room, made);
    case FORMAT_UNKNOWN:
    case FORMAT_PLAIN:
        return plain_step(input, to, room, made);
    }
    return INPUT_FAILED;
}

// Adds to `text`. INPUT_LINE: there is more, or text_end is known.
static enum input_result text_read(struct input *input)
{
    enum input_result r = input->format == FORMAT_UNKNOWN ? sniff(input) : INPUT_LINE;
    if (r != INPUT_LINE)
        return r;
    if (input->text_at > 0) {
        memmove(input->text, input->text + input->text_at, input->text_len - input->text_at);
        input->text_len -= input->text_at;
        input->text_at = 0;
    }
    for (size_t made = 0; made == 0;) {
        // What an inflater still holds inside comes out first, even when no raw bytes are left.
        if (input->raw_at < input->raw_len || input->member_open) {
            r = step(input, input->text + input->text_len, TEXT_BYTES - input->text_len, &made);
            if (r != INPUT_LINE)
                return r;
            input->text_len += made;
            if (made > 0 || input->raw_at < input->raw_len)
                continue;
        }
        if (input->raw_end) {
            if (input->member_open)
                return fail(input, "the compressed data ends early (was the file cut short?)");
            input->text_end = true;
            return INPUT_LINE;
        }
        r = raw_read(input);
        if (r != INPUT_LINE)
            return r;
    }
    return INPUT_LINE;
}

// Takes `n` bytes and the line end behind them, if any, out of `text`.
static struct span take(struct input *input, size_t n, bool with_end)
{
    struct span line = {input->text + input->text_at, n};
    input->text_at += n + (with_end ? 1 : 0);
    input->scanned = 0;
    input->line++;
    if (line.len > 0 && ((const char *)line.ptr)[line.len - 1] == '\r')
        line.len--;
    return line;
}

static bool blank(struct span line)
{
    const char *c = line.ptr;
    for (size_t i = 0; i < line.len; i++)
        if (c[i] != ' ' && c[i] != '\t' && c[i] != '\r')
            return false;
    return true;
}

// The start of a long line stays in front; what follows is dropped.
static void long_cut(struct input *input)
{
    input->text_len = input->text_at + LONG_START;
    input->scanned = LONG_START;
}

// Looks for a whole line in what has been read. INPUT_WAIT stands for "read on" here.
static enum input_result line_find(struct input *input, struct span *line)
{
    char *from = input->text + input->text_at;
    size_t have = input->text_len - input->text_at;
    char *end =
        have > input->scanned ? memchr(from + input->scanned, '\n', have - input->scanned) : NULL;
    if (input->skipping) {
        if (end == NULL && !input->text_end) {
            long_cut(input);
            return INPUT_WAIT;
        }
        input->skipping = false;
        *line = take(input, end == NULL ? have : (size_t)(end - from), end != NULL);
        if (line->len > LONG_START)
            line->len = LONG_START;
        return INPUT_LONG;
    }
    if (end == NULL && !input->text_end) {
        input->scanned = have;
        input->skipping = have > INPUT_LINE_MAX + 1; // one more than the greatest: it may be '\r'
        if (input->skipping)
            long_cut(input);
        return INPUT_WAIT;
    }
    if (end == NULL && have == 0)
        return INPUT_END;
    *line = take(input, end == NULL ? have : (size_t)(end - from), end != NULL);
    if (line->len <= INPUT_LINE_MAX)
        return INPUT_LINE;
    line->len = LONG_START;
    return INPUT_LONG;
}

enum input_result input_next(struct input *input, struct span *line, struct err_info *info)
{
    *line = (struct span){0};
    enum input_result r = input->failed ? INPUT_FAILED : INPUT_LINE;
    while (r == INPUT_LINE) {
        enum input_result found = line_find(input, line);
        if (found == INPUT_LINE && blank(*line))
            continue;
        if (found != INPUT_WAIT)
            return found;
        r = text_read(input);
    }
    if (r == INPUT_FAILED && info != NULL)
        *info = input->why;
    return r;
}

int64_t input_changed_ms(const struct input *input)
{
    return input->changed_ms;
}
