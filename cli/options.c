// SPDX-License-Identifier: Apache-2.0
#include "cli/options.h"

#include "common/base/span.h"
#include "common/base/text.h"
#include "common/base/time_text.h"

#include <stdio.h>
#include <string.h>

const char *options_nearest(const char *word, const char *const *candidates, size_t n)
{
    size_t most = strlen(word) <= 4 ? 1 : 2;
    const char *best = NULL;
    size_t best_distance = most + 1;
    for (size_t i = 0; i < n; i++) {
        size_t distance = text_distance(span_of(word), span_of(candidates[i]), most);
        if (distance < best_distance) {
            best = candidates[i];
            best_distance = distance;
        }
    }
    // A word that was left half-written is near too.
    for (size_t i = 0; i < n && best == NULL && strlen(word) >= 3; i++)
        if (strncmp(candidates[i], word, strlen(word)) == 0)
            best = candidates[i];
    return best;
}

static void help_write(const struct command *command, struct buf *out)
{
    buf_append_text(out, "Example:\n");
    for (const char *line = command->example; *line != '\0';) {
        const char *end = strchrnul(line, '\n');
        buf_printf(out, "  %.*s\n", (int)(end - line), line);
        line = *end == '\0' ? end : end + 1;
    }
    buf_printf(out, "\n%s\n\nUsage: assay %s %s\n\nOptions:\n", command->summary, command->name,
               command->usage);
    for (size_t i = 0; i < command->n_options; i++) {
        const struct option *o = &command->options[i];
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", o->name, o->value == NULL ? "" : " ",
                 o->value == NULL ? "" : o->value);
        buf_printf(out, "  %-24s %s\n", left, o->help);
    }
    buf_printf(out, "  %-24s %s\n", "--help", "this text");
}

static enum options_result wrong(const struct command *command, struct buf *out)
{
    buf_printf(out, "\nSee `assay %s --help`.\n", command->name);
    return OPTIONS_WRONG;
}

static bool bounds_ok(const struct option *o, int64_t v)
{
    return (o->min == 0 && o->max == 0) || (v >= o->min && v <= o->max);
}

static bool choice_ok(const struct option *o, const char *text)
{
    for (size_t i = 0; o->choices[i] != NULL; i++)
        if (strcmp(o->choices[i], text) == 0)
            return true;
    return false;
}

static void expected_write(const struct option *o, struct buf *out)
{
    char low[TIME_TEXT_MAX], high[TIME_TEXT_MAX];
    switch (o->type) {
    case OPTION_FLAG:
    case OPTION_TEXT:
        buf_append_text(out, "a value that is not empty");
        break;
    case OPTION_COUNT:
        buf_append_text(out, "a whole number");
        if (o->max != 0)
            buf_printf(out, " from %lld to %lld", (long long)o->min, (long long)o->max);
        break;
    case OPTION_DURATION:
        buf_append_text(out, "a duration like 30s, 15m or 2h");
        if (o->max != 0)
            buf_printf(out, ", from %s to %s", time_format_duration(o->min, low),
                       time_format_duration(o->max, high));
        break;
    case OPTION_TIME:
        buf_append_text(out, "a time like 2026-01-31 or 2026-01-31T10:00:00Z");
        break;
    case OPTION_CHOICE:
        for (size_t i = 0; o->choices[i] != NULL; i++)
            buf_printf(out, "%s%s",
                       i == 0                      ? ""
                       : o->choices[i + 1] == NULL ? " or "
                                                   : ", ",
                       o->choices[i]);
        break;
    }
}

static bool value_read(const struct option *o, const char *text)
{
    int64_t v = 0;
    switch (o->type) {
    case OPTION_FLAG:
        return false;
    case OPTION_TEXT:
        if (text[0] == '\0')
            return false;
        *(const char **)o->out = text;
        return true;
    case OPTION_CHOICE:
        if (!choice_ok(o, text))
            return false;
        *(const char **)o->out = text;
        return true;
    case OPTION_COUNT:
        if (!text_to_i64(span_of(text), &v) || !bounds_ok(o, v))
            return false;
        break;
    case OPTION_DURATION:
        if (!time_parse_duration(span_of(text), &v) || !bounds_ok(o, v))
            return false;
        break;
    case OPTION_TIME:
        if (!time_parse(span_of(text), &v))
            return false;
        break;
    }
    *(int64_t *)o->out = v;
    return true;
}

static const struct option *find(const struct command *command, struct span name)
{
    for (size_t i = 0; i < command->n_options; i++)
        if (span_is(name, command->options[i].name))
            return &command->options[i];
    return NULL;
}

static enum options_result unknown(const struct command *command, struct span name, struct buf *out)
{
    enum { NAMES_MAX = 32 };
    const char *names[NAMES_MAX];
    size_t n = 0;
    for (; n < command->n_options && n < NAMES_MAX - 1; n++)
        names[n] = command->options[n].name;
    names[n++] = "help";
    char word[64];
    snprintf(word, sizeof word, SPAN_FMT, SPAN_ARG(name));
    const char *near = options_nearest(word, names, n);
    buf_printf(out, "assay %s: unknown option --%s", command->name, word);
    if (near != NULL)
        buf_printf(out, "; did you mean --%s?", near);
    return wrong(command, out);
}

// Reads the option at argv[*at]; moves `*at` when the value is the next word.
static enum options_result option_read(const struct command *command, int argc, char **argv,
                                       int *at, struct buf *out)
{
    const char *word = argv[*at] + 2;
    const char *equals = strchr(word, '=');
    struct span name = {word, equals == NULL ? strlen(word) : (size_t)(equals - word)};
    const struct option *o = find(command, name);
    if (o == NULL)
        return unknown(command, name, out);
    if (o->type == OPTION_FLAG) {
        if (equals != NULL) {
            buf_printf(out, "assay %s: --%s takes no value", command->name, o->name);
            return wrong(command, out);
        }
        *(bool *)o->out = true;
        return OPTIONS_RUN;
    }
    if (equals == NULL && *at + 1 >= argc) {
        buf_printf(out, "assay %s: --%s needs a value: ", command->name, o->name);
        expected_write(o, out);
        return wrong(command, out);
    }
    const char *text = equals != NULL ? equals + 1 : argv[++*at];
    if (value_read(o, text))
        return OPTIONS_RUN;
    buf_printf(out, "assay %s: --%s %s: expected ", command->name, o->name, text);
    expected_write(o, out);
    return wrong(command, out);
}

enum options_result options_parse(const struct command *command, int argc, char **argv,
                                  size_t *n_args, struct buf *message)
{
    size_t n = 0;
    bool only_words = false;
    for (int i = 1; i < argc; i++) {
        char *word = argv[i];
        if (only_words || word[0] != '-' || word[1] == '\0') {
            argv[n++] = word;
        } else if (strcmp(word, "--") == 0) {
            only_words = true;
        } else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            help_write(command, message);
            return OPTIONS_HELP;
        } else if (word[1] != '-') {
            buf_printf(message, "assay %s: unknown option %s; options begin with two dashes",
                       command->name, word);
            return wrong(command, message);
        } else {
            enum options_result r = option_read(command, argc, argv, &i, message);
            if (r != OPTIONS_RUN)
                return r;
        }
    }
    *n_args = n;
    if (n < command->args_min) {
        buf_printf(message, "assay %s: %s", command->name, command->missing);
        return wrong(command, message);
    }
    if (n > command->args_max) {
        buf_printf(message, "assay %s: unexpected \"%s\"", command->name, argv[command->args_max]);
        return wrong(command, message);
    }
    return OPTIONS_RUN;
}

bool options_begin(const struct command *command, int argc, char **argv, size_t *n_args,
                   int *exit_code)
{
    struct buf message = {0};
    size_t n;
    enum options_result r =
        options_parse(command, argc, argv, n_args == NULL ? &n : n_args, &message);
    FILE *stream = r == OPTIONS_HELP ? stdout : stderr;
    if (message.len > 0)
        fwrite(message.bytes, 1, message.len, stream);
    buf_deinit(&message);
    *exit_code = r == OPTIONS_HELP ? EXIT_DONE : EXIT_USAGE;
    return r == OPTIONS_RUN;
}
