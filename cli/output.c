// SPDX-License-Identifier: Apache-2.0
#include "cli/output.h"

#include "cli/options.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/base/time_text.h"

#include <langinfo.h>
#include <locale.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>
#include <unistd.h>

// Texts that are handed out for a moment: several fit into one printf.
enum { SCRATCH_N = 32, SCRATCH_BYTES = 1024 };
static char scratch[SCRATCH_N][SCRATCH_BYTES];
static unsigned scratch_next;
static bool utf8;

static char *scratch_take(void)
{
    return scratch[scratch_next++ % SCRATCH_N];
}

void output_init(void)
{
    setlocale(LC_CTYPE, "");
    utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    setlocale(LC_CTYPE, "C");
}

bool output_is_terminal(FILE *stream)
{
    return isatty(fileno(stream)) == 1;
}

bool output_utf8(void)
{
    return utf8;
}

void output_set_utf8(bool on)
{
    utf8 = on;
}

static const char *escape(const char *sequence)
{
    return output_is_terminal(stdout) ? sequence : "";
}

const char *output_bold(void)
{
    return escape("\033[1m");
}

const char *output_dim(void)
{
    return escape("\033[2m");
}

const char *output_plain(void)
{
    return escape("\033[0m");
}

const char *output_mark(bool met)
{
    char *text = scratch_take();
    const char *mark = utf8 ? (met ? "\u2713" : "\u2717") : (met ? "+" : "-");
    snprintf(text, SCRATCH_BYTES, "%s%s%s", escape(met ? "\033[32m" : "\033[31m"), mark,
             output_plain());
    return text;
}

const char *output_clean(const char *text)
{
    char *out = scratch_take();
    bool good = text_is_clean_utf8(span_of(text));
    size_t n = 0;
    for (; text[n] != '\0' && n < SCRATCH_BYTES - 1; n++) {
        unsigned char c = (unsigned char)text[n];
        // U+0080 to U+009F are control characters too: C2 80 to C2 9F.
        bool c1 = c == 0xC2 && (unsigned char)text[n + 1] < 0xA0;
        out[n] = c < 0x20 || c == 0x7F || c1 || (c >= 0x80 && (!good || !utf8)) ? '?' : (char)c;
    }
    out[n] = '\0';
    return out;
}

const char *output_time(int64_t ms)
{
    char *out = scratch_take();
    if (ms == 0)
        return strcpy(out, "-");
    char text[TIME_TEXT_MAX];
    time_format(ms, text);
    size_t date = strcspn(text, "T"), clock = strcspn(text, ".");
    if (text[date] == '\0' || clock < date)
        return strcpy(out, text);
    snprintf(out, SCRATCH_BYTES, "%.*s %.*s", (int)date, text, (int)(clock - date - 1),
             text + date + 1);
    return out;
}

const char *output_count(uint64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
    char *out = scratch_take(), *to = out;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return out;
}

const char *output_plural(uint64_t n, const char *one, const char *many)
{
    const char *count = output_count(n);
    char *out = scratch_take();
    snprintf(out, SCRATCH_BYTES, "%s %s", count, n == 1 ? one : many);
    return out;
}

json_t *output_json_text(const char *text)
{
    json_t *json = json_string(text);
    if (json != NULL)
        return json;
    char *copy = mem_dup_text(text);
    for (char *c = copy; *c != '\0'; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    json = json_string(copy);
    mem_free(copy);
    return json;
}

void output_json_to(json_t *json, FILE *stream)
{
    json_dumpf(json, stream, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    putc('\n', stream);
    json_decref(json);
}

void output_json(json_t *json)
{
    output_json_to(json, stdout);
}

int output_error(const char *command, enum err err, const char *message)
{
    fprintf(stderr, "assay %s: %s\n", command, message);
    return err == ERR_INVALID ? EXIT_USAGE : EXIT_FAILED;
}

void output_row(struct output_table *table, const char *const *cells)
{
    if (table->n_columns == 0)
        while (table->n_columns < OUTPUT_COLUMNS_MAX && cells[table->n_columns] != NULL)
            table->n_columns++;
    for (size_t i = 0; i < table->n_columns; i++) {
        MEM_GROW(table->cells, table->n_cells, table->cap);
        table->cells[table->n_cells++] = mem_dup_text(output_clean(cells[i]));
    }
}

// Columns of a terminal, taking every code point as one wide.
static size_t width(const char *text)
{
    size_t n = 0;
    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

static void cell_write(const char *text, size_t columns, bool right, bool last, FILE *stream)
{
    int pad = (int)(columns - width(text));
    if (right)
        fprintf(stream, "%*s%s", pad, "", text);
    else
        fprintf(stream, "%s%*s", text, last ? 0 : pad, "");
    fputs(last ? "\n" : "  ", stream);
}

void output_table_write(struct output_table *table, int indent, FILE *stream)
{
    size_t widths[OUTPUT_COLUMNS_MAX] = {0};
    for (size_t i = 0; i < table->n_cells; i++) {
        size_t w = width(table->cells[i]);
        if (w > widths[i % table->n_columns])
            widths[i % table->n_columns] = w;
    }
    for (size_t i = 0; i < table->n_cells; i++) {
        size_t column = i % table->n_columns;
        bool last = column == table->n_columns - 1;
        if (column == 0)
            fprintf(stream, "%*s%s", indent, "", i == 0 ? output_dim() : "");
        cell_write(table->cells[i], widths[column], (table->right >> column & 1) != 0, last,
                   stream);
        if (last && i == table->n_columns - 1)
            fputs(output_plain(), stream);
    }
    for (size_t i = 0; i < table->n_cells; i++)
        mem_free(table->cells[i]);
    mem_free(table->cells);
    *table = (struct output_table){.right = table->right};
}

const char *output_user(void)
{
    const struct passwd *entry = getpwuid(getuid());
    return entry != NULL ? entry->pw_name : "";
}
