// SPDX-License-Identifier: Apache-2.0
// links: cli_options base
#include <criterion/criterion.h>
#include <string.h>

#include "cli/options.h"

static const char *const MODES[] = {"wall", "event", NULL};

struct values {
    const char *data, *mode;
    int64_t count, lease_ms, at_ms;
    bool json;
};

// Parses a line of words and keeps the message as text.
static enum options_result parse(struct values *v, char *message, size_t *n_args, char **argv)
{
    const struct option options[] = {
        OPTION_ROW_DATA(&v->data),
        OPTION_ROW_JSON(&v->json),
        {"count", OPTION_COUNT, &v->count, "N", "a number", 1, 100, NULL},
        {"for", OPTION_DURATION, &v->lease_ms, "TIME", "a duration", 1, 3600000, NULL},
        {"at", OPTION_TIME, &v->at_ms, "TIME", "an instant", 0, 0, NULL},
        {"mode", OPTION_CHOICE, &v->mode, "MODE", "a choice", 0, 0, MODES},
    };
    const struct command command = {
        .name = "test",
        .usage = "FILE... [options]",
        .example = "assay test --count 3 file\nassay test -",
        .summary = "Tests.",
        .options = options,
        .n_options = ARRAY_LEN(options),
        .args_min = 1,
        .args_max = 3,
        .missing = "which FILE?",
    };
    struct buf out = {0};
    int argc = 0;
    while (argv[argc] != NULL)
        argc++;
    enum options_result r = options_parse(&command, argc, argv, n_args, &out);
    cr_assert(out.len < 4096);
    memcpy(message, out.bytes == NULL ? (const void *)"" : out.bytes, out.len);
    message[out.len] = '\0';
    buf_deinit(&out);
    return r;
}

#define PARSE(v, ...) parse((v), message, &n_args, (char *[]){"test", __VA_ARGS__, NULL})

static char message[4096];
static size_t n_args;

Test(options, reads_values_wherever_they_stand)
{
    struct values v = {.data = "default"};
    char *argv[] = {"test", "a",          "--count", "7",     "--json", "-",      "--for=15m",
                    "--at", "2026-01-01", "--mode",  "event", "--",     "--json", NULL};
    cr_assert_eq(parse(&v, message, &n_args, argv), OPTIONS_RUN, "%s", message);
    cr_assert_eq(n_args, 3u);
    cr_assert_str_eq(argv[0], "a");
    cr_assert_str_eq(argv[1], "-");
    cr_assert_str_eq(argv[2], "--json");
    cr_assert_eq(v.count, 7);
    cr_assert(v.json);
    cr_assert_eq(v.lease_ms, 15 * 60 * 1000);
    cr_assert_eq(v.at_ms, INT64_C(1767225600000));
    cr_assert_str_eq(v.mode, "event");
    cr_assert_str_eq(v.data, "default");
}

Test(options, help_begins_with_an_example)
{
    struct values v = {0};
    cr_assert_eq(PARSE(&v, "--help"), OPTIONS_HELP);
    cr_assert_eq(strncmp(message, "Example:\n  assay test --count 3 file\n  assay test -\n", 51), 0,
                 "%s", message);
    cr_assert_not_null(strstr(message, "--for TIME"));
}

Test(options, unknown_option_names_the_nearest)
{
    struct values v = {0};
    cr_assert_eq(PARSE(&v, "a", "--cuont", "3"), OPTIONS_WRONG);
    cr_assert_not_null(strstr(message, "unknown option --cuont; did you mean --count?"));
    cr_assert_eq(PARSE(&v, "a", "--zzz"), OPTIONS_WRONG);
    cr_assert_null(strstr(message, "did you mean"));
    cr_assert_eq(PARSE(&v, "a", "-x"), OPTIONS_WRONG);
    cr_assert_not_null(strstr(message, "two dashes"));
}

Test(options, wrong_values_say_what_was_expected)
{
    struct values v = {.count = 5};
    cr_assert_eq(PARSE(&v, "a", "--count", "101"), OPTIONS_WRONG);
    cr_assert_not_null(strstr(message, "a whole number from 1 to 100"));
    cr_assert_eq(v.count, 5);
    cr_assert_eq(PARSE(&v, "a", "--count", "x"), OPTIONS_WRONG);
    cr_assert_eq(PARSE(&v, "a", "--count"), OPTIONS_WRONG);
    cr_assert_not_null(strstr(message, "--count needs a value"));
    cr_assert_eq(PARSE(&v, "a", "--for", "2d"), OPTIONS_WRONG);
    cr_assert_not_null(strstr(message, "from 1ms to 1h"), "%s", message);
    cr_assert_eq(PARSE(&v, "a", "--mode", "moon"), OPTIONS_WRONG);
    cr_assert_not_null(strstr(message, "expected wall or event"));
    cr_assert_eq(PARSE(&v, "a", "--at", "yesterday"), OPTIONS_WRONG);
    cr_assert_eq(PARSE(&v, "a", "--json=yes"), OPTIONS_WRONG);
    cr_assert_not_null(strstr(message, "--json takes no value"));
    cr_assert_eq(PARSE(&v, "a", "--data="), OPTIONS_WRONG);
}

Test(options, counts_words)
{
    struct values v = {0};
    cr_assert_eq(PARSE(&v, "--json"), OPTIONS_WRONG);
    cr_assert_not_null(strstr(message, "which FILE?"));
    cr_assert_eq(PARSE(&v, "a", "b", "c", "d"), OPTIONS_WRONG);
    cr_assert_not_null(strstr(message, "unexpected \"d\""));
}

Test(options, nearest_is_near)
{
    const char *const names[] = {"import", "explain", "up", "status"};
    cr_assert_str_eq(options_nearest("imprt", names, 4), "import");
    cr_assert_str_eq(options_nearest("expalin", names, 4), "explain");
    cr_assert_str_eq(options_nearest("stat", names, 4), "status");
    cr_assert_null(options_nearest("backtest", names, 4));
    cr_assert_null(options_nearest("zz", names, 4));
}
