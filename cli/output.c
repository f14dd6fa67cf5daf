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
#include <sys/ioctl.h>
#include <unistd.h>

// Texts that are handed out for a moment: several fit into one printf.
enum { SCRATCH_N = 32, SCRATCH_BYTES = 1024 };
static char scratch[SCRATCH_N][SCRATCH_BYTES];
static unsigned scratch_next;
static bool utf8;
static size_t columns_set;

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

const char *output_duration(int64_t ms)
{
    static const struct {
        int64_t ms;
        const char *word;
    } UNITS[] = {{TIME_DAY_MS, "days"}, {TIME_HOUR_MS, "h"}, {TIME_MINUTE_MS, "min"}};
    char *out = scratch_take();
    // Whole minutes are minutes, however few.
    for (size_t i = 0; i < ARRAY_LEN(UNITS); i++) {
        int64_t unit = UNITS[i].ms;
        if (ms % unit == 0 && (ms >= 2 * unit || unit == TIME_MINUTE_MS)) {
            snprintf(out, SCRATCH_BYTES, "%lld %s", (long long)(ms / unit), UNITS[i].word);
            return out;
        }
        if (ms >= 2 * unit) {
            snprintf(out, SCRATCH_BYTES, "%.*f %s", unit == TIME_MINUTE_MS ? 0 : 1,
                     (double)ms / (double)unit, UNITS[i].word);
            return out;
        }
    }
    snprintf(out, SCRATCH_BYTES, "%lld s", (long long)(ms / 1000));
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

void output_set_columns(size_t columns)
{
    columns_set = columns;
}

size_t output_columns(void)
{
    struct winsize size;
    enum { COLUMNS = 120 };
    if (columns_set > 0)
        return columns_set;
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return known ? size.ws_col : COLUMNS;
}

// As many code points as fit into `columns`, the last of them a mark when there are more.
static void cut_write(const char *text, size_t columns, FILE *stream)
{
    bool cut = width(text) > columns;
    size_t n = 0, mark = utf8 ? 1 : 2, room = !cut ? columns : columns > mark ? columns - mark : 0;
    for (; *text != '\0'; text++) {
        n += ((unsigned char)*text & 0xC0) != 0x80;
        if (n > room)
            break;
        fputc(*text, stream);
    }
    if (cut && columns >= mark)
        fputs(utf8 ? "\xE2\x80\xA6" : "..", stream);
}

static void cell_write(const char *text, size_t columns, bool right, bool last, FILE *stream)
{
    size_t w = width(text);
    int pad = w < columns ? (int)(columns - w) : 0;
    fprintf(stream, "%*s", right ? pad : 0, "");
    cut_write(text, columns, stream);
    fprintf(stream, "%*s%s", right || last ? 0 : pad, "", last ? "\n" : "  ");
}

enum { CUT_MIN = 8 };

// How a table is laid out.
struct layout {
    size_t widths[OUTPUT_COLUMNS_MAX];
    bool hidden[OUTPUT_COLUMNS_MAX];
    size_t last; // column
};

static struct layout layout_of(const struct output_table *table, int indent)
{
    struct layout l = {0};
    size_t total = (size_t)indent;
    for (size_t k = 0; k < table->n_columns; k++) {
        bool something = (table->optional >> k & 1) == 0;
        for (size_t i = k; i < table->n_cells; i += table->n_columns) {
            size_t w = width(table->cells[i]);
            l.widths[k] = w > l.widths[k] ? w : l.widths[k];
            something = something || (i != k && strcmp(table->cells[i], "-") != 0);
        }
        l.hidden[k] = !something;
        if (l.hidden[k])
            continue;
        l.last = k;
        total += l.widths[k] + 2;
    }
    if (table->columns_max == 0 || total <= table->columns_max + 2)
        return l;
    size_t before = total - 2 - l.widths[l.last];
    l.widths[l.last] = table->columns_max > before ? table->columns_max - before : 0;
    if (l.widths[l.last] >= CUT_MIN || l.last == 0)
        return l;
    l.hidden[l.last] = true; // so little of it tells nothing
    while (l.last > 0 && l.hidden[l.last])
        l.last--;
    return l;
}

void output_table_write(struct output_table *table, int indent, FILE *stream)
{
    struct layout l = layout_of(table, indent);
    for (size_t i = 0; i < table->n_cells; i++) {
        size_t column = i % table->n_columns;
        if (column == 0)
            fprintf(stream, "%*s%s", indent, "", i == 0 ? output_dim() : "");
        if (!l.hidden[column])
            cell_write(table->cells[i], l.widths[column], (table->right >> column & 1) != 0,
                       column == l.last, stream);
        if (i == table->n_columns - 1)
            fputs(output_plain(), stream);
    }
    for (size_t i = 0; i < table->n_cells; i++)
        mem_free(table->cells[i]);
    mem_free(table->cells);
    *table = (struct output_table){
        .right = table->right, .optional = table->optional, .columns_max = table->columns_max};
}

const char *output_user(void)
{
    const struct passwd *entry = getpwuid(getuid());
    return entry != NULL ? entry->pw_name : "";
}
