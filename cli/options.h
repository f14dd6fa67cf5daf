// SPDX-License-Identifier: Apache-2.0
// Options of one command: a table gives name, type, bounds and one sentence; parsing, --help and
// "did you mean" come from it. Options may stand anywhere; `--` ends them; `--name=value` is
// allowed.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

enum option_type {
    OPTION_FLAG,     // bool
    OPTION_TEXT,     // const char *, not empty; valid as long as argv
    OPTION_COUNT,    // int64_t, within min..max
    OPTION_DURATION, // int64_t in ms, within min..max: "250ms", "15m"
    OPTION_TIME,     // int64_t in ms since 1970: "2026-01-31", "2026-01-31T10:00:00Z"
    OPTION_CHOICE,   // const char *, one of `choices`
};

struct option {
    const char *name; // "data" for --data
    enum option_type type;
    void *out;         // keeps what was there when the option is not given: the default
    const char *value; // the value's name in the help
    const char *help;
    int64_t min, max;
    const char *const *choices; // NULL-terminated
};

// A row that every command has.
#define OPTION_ROW_DATA(out)                                                                       \
    {                                                                                              \
        "data", OPTION_TEXT, (out), "DIR", "the cluster's folder (./assay-data)", 0, 0, NULL       \
    }
#define OPTION_ROW_JSON(out)                                                                       \
    {                                                                                              \
        "json", OPTION_FLAG, (out), NULL, "write JSON", 0, 0, NULL                                 \
    }

struct command {
    const char *name;    // "leads lease"
    const char *usage;   // what follows the name: "FILE... [options]"
    const char *example; // complete command lines, one a line
    const char *summary; // what it does, whole sentences
    const struct option *options;
    size_t n_options;
    size_t args_min, args_max; // words that are no options
    const char *missing;       // what to say when there are too few
};
// In a command's initializer: its table of options.
#define COMMAND_OPTIONS(table) .options = (table), .n_options = ARRAY_LEN(table)

enum options_result { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_WRONG };

// Reads argv[1..argc). OPTIONS_RUN: values are set, and the words that are no options stand in
// argv[0..*n_args) (argv is reordered). OPTIONS_HELP: `message` is the help, for standard output.
// OPTIONS_WRONG: `message` says what is wrong and what to do, for standard error.
enum options_result options_parse(const struct command *command, int argc, char **argv,
                                  size_t *n_args, struct buf *message);

// The same for a command's main function: writes the message; returns true when the command is to
// run, else its exit code is in `*exit_code`. `n_args` NULL: the bounds say it already.
bool options_begin(const struct command *command, int argc, char **argv, size_t *n_args,
                   int *exit_code);

// The candidate nearest to `word`, or NULL when none is near.
const char *options_nearest(const char *word, const char *const *candidates, size_t n);
