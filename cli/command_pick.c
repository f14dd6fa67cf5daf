// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"

#include "cli/options.h"

#include <stdio.h>
#include <string.h>

static void list_write(const char *prefix, const char *example, const struct command_row *rows,
                       size_t n, FILE *stream)
{
    fputs("Example:\n", stream);
    for (const char *line = example; *line != '\0';) {
        const char *end = strchrnul(line, '\n');
        fprintf(stream, "  %.*s\n", (int)(end - line), line);
        line = *end == '\0' ? end : end + 1;
    }
    fprintf(stream, "\nUsage: %s COMMAND [options]\n\nCommands:\n", prefix);
    for (size_t i = 0; i < n; i++)
        fprintf(stream, "  %-12s %s\n", rows[i].name, rows[i].summary);
    fprintf(stream, "\n`%s COMMAND --help` tells more.\n", prefix);
}

int command_pick(const char *prefix, const char *example, const struct command_row *rows, size_t n,
                 int argc, char **argv)
{
    enum { NAMES_MAX = 32 };
    const char *names[NAMES_MAX];
    CHECK(n <= NAMES_MAX);
    bool help = argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
                             strcmp(argv[1], "help") == 0);
    if (help || argc < 2) {
        list_write(prefix, example, rows, n, help ? stdout : stderr);
        return help ? EXIT_DONE : EXIT_USAGE;
    }
    for (size_t i = 0; i < n; i++) {
        names[i] = rows[i].name;
        if (strcmp(argv[1], rows[i].name) == 0)
            return rows[i].run(argc - 1, argv + 1);
    }
    const char *near = options_nearest(argv[1], names, n);
    fprintf(stderr, "%s: unknown command \"%s\"", prefix, argv[1]);
    if (near != NULL)
        fprintf(stderr, "; did you mean \"%s\"?", near);
    fprintf(stderr, "\nSee `%s --help`.\n", prefix);
    return EXIT_USAGE;
}
