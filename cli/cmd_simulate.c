// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/simulate.h"
#include "common/base/time_text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { WRITE_BYTES = 256 * 1024 };

static bool flush(struct buf *out)
{
    bool good = fwrite(out->bytes, 1, out->len, stdout) == out->len;
    buf_clear(out);
    return good;
}

static bool events_write(struct simulate *simulate)
{
    struct buf out = {0};
    bool good = true;
    while (good && simulate_next(simulate, &out))
        if (out.len >= WRITE_BYTES)
            good = flush(&out);
    good = good && flush(&out) && fflush(stdout) == 0;
    buf_deinit(&out);
    return good;
}

static void summary_json(const struct simulate_counts *c)
{
    json_t *kinds = json_object();
    for (int k = 0; k < SIMULATE_KINDS; k++)
        json_object_set_new(kinds, simulate_kind_name((enum simulate_kind)k),
                            json_integer((json_int_t)c->users[k]));
    json_t *o = json_pack("{s:o, s:I, s:I, s:I, s:I}", "users", kinds, "accounts",
                          (json_int_t)c->accounts, "events", (json_int_t)c->events, "first",
                          (json_int_t)c->first_ms, "last", (json_int_t)c->last_ms);
    json_dumpf(o, stderr, JSON_COMPACT);
    fputc('\n', stderr);
    json_decref(o);
}

static void summary_text(const struct simulate_counts *c, uint64_t users)
{
    fprintf(stderr, "simulated %s and %s in %s, from %s to %s (UTC):\n",
            output_plural(c->events, "event", "events"), output_plural(users, "user", "users"),
            output_plural(c->accounts, "account", "accounts"), output_time(c->first_ms),
            output_time(c->last_ms));
    static const char *const what[] = {"meet 3 projects, 2 invites, 1 report",
                                       "stop at 2 projects",
                                       "stop at 1 invite",
                                       "never run a report",
                                       "bots besides, to be excluded",
                                       "of our own staff besides, to be excluded"};
    for (int k = 0; k < SIMULATE_KINDS; k++)
        fprintf(stderr, "  %8s  %s\n", output_count(c->users[k]), what[k]);
    if (users % 4 != 0)
        fprintf(stderr, "%llu cannot be divided by 4: the rest never run a report.\n",
                (unsigned long long)users);
}

int cmd_simulate(int argc, char **argv)
{
    static const char *const forms[] = {"all", NULL};
    const char *form = "all";
    int64_t users = 10000, seed = 1, start_ms = 0;
    bool json = false;
    CHECK(time_parse(span_of("2026-01-01"), &start_ms));
    const struct option options[] = {
        {"users", OPTION_COUNT, &users, "N", "users, bots and staff not counted (10000)", 1,
         SIMULATE_USERS_MAX, NULL},
        {"seed", OPTION_COUNT, &seed, "N", "the same seed gives the same bytes (1)", 0, INT64_MAX,
         NULL},
        {"start", OPTION_TIME, &start_ms, "TIME", "the first of 30 days (2026-01-01)", 0, 0, NULL},
        {"form", OPTION_CHOICE, &form, "all", "what qualifies: all conditions together", 0, 0,
         forms},
        {"json", OPTION_FLAG, &json, NULL, "write the summary (on standard error) as JSON", 0, 0,
         NULL},
    };
    const struct command command = {
        .name = "simulate",
        .usage = "project-tool [options]",
        .example = "assay simulate project-tool --users 10000 | assay import -",
        .summary =
            "Writes events of a simulated project tool to standard output, one JSON object a "
            "line, in\norder of time. Each says context.library.name \"assay-simulator\": "
            "nothing of it is real.",
        COMMAND_OPTIONS(options),
        .args_min = 1,
        .args_max = 1,
        .missing = "what to simulate is missing: project-tool",
    };
    int code;
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    if (strcmp(argv[0], "project-tool") != 0) {
        fprintf(stderr, "assay simulate: unknown \"%s\"; there is project-tool\n", argv[0]);
        return EXIT_USAGE;
    }
    // What ingest takes; the simulation is 30 days long.
    int64_t first_ms = 0, last_ms = 0;
    CHECK(time_parse(span_of("1990-01-01"), &first_ms));
    CHECK(time_parse(span_of("2099-12-01"), &last_ms));
    if (start_ms < first_ms || start_ms > last_ms) {
        fprintf(stderr, "assay simulate: --start: expected 1990-01-01 to 2099-12-01\n");
        return EXIT_USAGE;
    }
    struct simulate_opts opts = {(uint64_t)users, (uint64_t)seed, start_ms};
    struct simulate *simulate = simulate_create(&opts);
    bool good = events_write(simulate);
    struct simulate_counts counts;
    simulate_counts(simulate, &counts);
    if (!good)
        fprintf(stderr, "assay simulate: write: %s\n", strerror(errno));
    else if (json)
        summary_json(&counts);
    else
        summary_text(&counts, (uint64_t)users);
    simulate_destroy(simulate);
    return good ? EXIT_DONE : EXIT_FAILED;
}
