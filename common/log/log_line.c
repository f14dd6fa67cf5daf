// SPDX-License-Identifier: Apache-2.0
#include "common/log/log_line.h"

#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/text.h"

// What follows the facts (request, trace, suppressed) always has room.
enum { TAIL_BYTES = 288, FACTS_BYTES = LOG_LINE_MAX - TAIL_BYTES };

// ---- Text ---------------------------------------------------------------------------------------

// A value with a newline must not look like a second line. Returns the new length; what does not
// fit is left out.
static size_t append_escaped(char *out, size_t at, size_t most, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
        char escaped[8] = {(char)*p, '\0'};
        if (*p == '\n' || *p == '\r' || *p == '\t')
            snprintf(escaped, sizeof escaped, "\\%c", *p == '\n' ? 'n' : *p == '\r' ? 'r' : 't');
        else if (*p < 0x20 || *p == 0x7F)
            snprintf(escaped, sizeof escaped, "\\x%02x", *p);
        size_t n = strlen(escaped);
        if (at + n > most)
            break;
        memcpy(out + at, escaped, n);
        at += n;
    }
    return at;
}

size_t log_line_text(const struct log_line *line, char out[LOG_LINE_MAX])
{
    enum { HEAD_MAX = 512 };
    bool cut = line->cut;
    int n = snprintf(out, HEAD_MAX, "%s %s %s %s %s", line->time, line->level, line->process,
                     line->component, line->event);
    size_t at = n < HEAD_MAX ? (size_t)n : HEAD_MAX - 1;
    if (line->facts[0] != '\0') {
        out[at++] = ' ';
        at = append_escaped(out, at, FACTS_BYTES, line->facts);
        cut = cut || at + 4 > FACTS_BYTES;
    }
    char *tail = out + at;
    size_t room = LOG_LINE_MAX - at;
    n = snprintf(tail, room, "%s%s%.64s%s%.64s", cut ? "..." : "",
                 line->request[0] != '\0' ? " request=" : "", line->request,
                 line->trace[0] != '\0' ? " trace=" : "", line->trace);
    if (line->suppressed > 0)
        n += snprintf(tail + n, room - (size_t)n, " suppressed=%u", line->suppressed);
    at += (size_t)n;
    CHECK(at < LOG_LINE_MAX);
    out[at++] = '\n';
    return at;
}

// ---- JSON ---------------------------------------------------------------------------------------

struct json_out {
    char *bytes;
    size_t n, most;
    bool cut;
};

static void put(struct json_out *out, const char *bytes, size_t n)
{
    if (out->n + n > out->most) {
        out->cut = true;
        return;
    }
    memcpy(out->bytes + out->n, bytes, n);
    out->n += n;
}

static void put_text(struct json_out *out, const char *text)
{
    put(out, text, strlen(text));
}

static size_t char_bytes(unsigned char first)
{
    return first < 0xC0 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

// A string with its quotes, also when it is cut. Bytes that are not UTF-8 are written as '?'.
static void put_quoted(struct json_out *out, const char *text, size_t n)
{
    bool utf8 = text_is_clean_utf8((struct span){text, n});
    put_text(out, "\"");
    out->most--;
    for (size_t i = 0, step; i < n && !out->cut; i += step) {
        unsigned char c = (unsigned char)text[i];
        char escaped[8] = "?";
        step = utf8 ? char_bytes(c) : 1;
        if (c == '"' || c == '\\')
            snprintf(escaped, sizeof escaped, "\\%c", c);
        else if (c < 0x20 || c == 0x7F)
            snprintf(escaped, sizeof escaped, "\\u%04x", c);
        else if (c < 0x80 || utf8)
            snprintf(escaped, sizeof escaped, "%.*s", (int)step, text + i);
        put_text(out, escaped);
    }
    bool cut = out->cut;
    out->most++;
    put_text(out, "\"");
    out->cut = cut;
}

static void put_key(struct json_out *out, const char *prefix, const char *key, size_t n)
{
    put_text(out, out->n > 1 ? ",\"" : "\"");
    put_text(out, prefix);
    put(out, key, n);
    put_text(out, "\":");
}

static void put_string(struct json_out *out, const char *key, const char *text)
{
    put_key(out, "", key, strlen(key));
    put_quoted(out, text, strlen(text));
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

// A number as JSON writes it, of at most 15 digits: those are exact wherever they are read.
static bool is_number(const char *text, size_t n)
{
    size_t i = n > 0 && text[0] == '-', whole = i;
    while (i < n && is_digit(text[i]))
        i++;
    if (i == whole || (text[whole] == '0' && i > whole + 1) || n - whole > 16)
        return false;
    if (i < n && text[i] == '.') {
        size_t part = ++i;
        while (i < n && is_digit(text[i]))
            i++;
        if (i == part)
            return false;
    } else if (i - whole > 15) {
        return false;
    }
    return i == n;
}

static size_t key_bytes(const char *text)
{
    size_t n = 0;
    while ((text[n] >= 'a' && text[n] <= 'z') || (text[n] >= 'A' && text[n] <= 'Z') ||
           is_digit(text[n]) || text[n] == '_')
        n++;
    return n > 0 && text[n] == '=' ? n : 0;
}

// Where the value at `text` ends. A text in quotes may hold quotes itself: it ends at one that is
// the last or stands before the next key.
static const char *value_end(const char *text)
{
    if (text[0] != '"')
        return text + strcspn(text, " ");
    const char *quote = strchr(text + 1, '"');
    while (quote != NULL && quote[1] != '\0' && !(quote[1] == ' ' && key_bytes(quote + 2) > 0))
        quote = strchr(quote + 1, '"');
    return quote != NULL ? quote + 1 : text + strlen(text);
}

static bool is_own_field(const char *key, size_t n)
{
    static const char *const OWN[] = {"time",    "level",    "process",    "component", "event",
                                      "request", "trace_id", "suppressed", "cut",       "facts"};
    for (size_t i = 0; i < ARRAY_LEN(OWN); i++)
        if (strlen(OWN[i]) == n && memcmp(OWN[i], key, n) == 0)
            return true;
    return false;
}

static void put_value(struct json_out *out, const char *value, const char *end)
{
    size_t n = (size_t)(end - value);
    bool quoted = n >= 2 && value[0] == '"' && end[-1] == '"';
    bool word =
        (n == 4 && memcmp(value, "true", 4) == 0) || (n == 5 && memcmp(value, "false", 5) == 0);
    if (is_number(value, n) || word) {
        put(out, value, n);
        return;
    }
    put_quoted(out, value + quoted, n - 2 * quoted);
}

static void put_facts(struct json_out *out, const char *facts)
{
    while (*facts != '\0' && !out->cut) {
        size_t n = key_bytes(facts);
        if (n == 0) {
            put_string(out, "facts", facts);
            return;
        }
        const char *value = facts + n + 1, *end = value_end(value);
        size_t before = out->n;
        put_key(out, is_own_field(facts, n) ? "fact_" : "", facts, n);
        if (out->cut) {
            out->n = before;
            return;
        }
        put_value(out, value, end);
        facts = end + strspn(end, " ");
    }
}

size_t log_line_json(const struct log_line *line, char out_bytes[LOG_LINE_MAX])
{
    struct json_out out = {out_bytes, 0, FACTS_BYTES - 64, line->cut};
    bool cut = line->cut;
    out.cut = false;
    put_text(&out, "{");
    put_string(&out, "time", line->time);
    put_string(&out, "level", line->level);
    put_string(&out, "process", line->process);
    put_string(&out, "component", line->component);
    put_string(&out, "event", line->event);
    put_facts(&out, line->facts);
    cut = cut || out.cut;
    out.most = LOG_LINE_MAX;
    out.cut = false;
    if (line->request[0] != '\0')
        put_string(&out, "request", line->request);
    if (line->trace[0] != '\0')
        put_string(&out, "trace_id", line->trace);
    if (line->suppressed > 0) {
        char number[16];
        snprintf(number, sizeof number, "%u", line->suppressed);
        put_key(&out, "", "suppressed", strlen("suppressed"));
        put_text(&out, number);
    }
    put_text(&out, cut ? ",\"cut\":true}\n" : "}\n");
    CHECK(!out.cut);
    return out.n;
}
