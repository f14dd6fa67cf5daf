// SPDX-License-Identifier: Apache-2.0
#include "cli/clock_advance.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"

static int advance(const char *dir, int64_t to_ms, bool json)
{
    struct cluster *cluster = NULL;
    struct cluster_facts facts;
    struct err_info info;
    enum err err = cluster_open(dir, &cluster, &info);
    if (err == ERR_OK)
        err = cluster_facts_read(dir, &facts, &info);
    if (err == ERR_OK && !facts.event_clock)
        err = err_set(&info, ERR_INVALID,
                      "the cluster in %s runs by the wall clock; only one made with `assay up "
                      "--clock event` can be advanced",
                      dir);
    if (err == ERR_OK && to_ms == 0)
        err = clock_event_time_max(cluster, &to_ms, &info);
    if (err == ERR_OK && to_ms > 0)
        err = clock_advance(cluster, &to_ms, &info);
    cluster_close(cluster);
    if (err != ERR_OK)
        return output_error("clock advance", err, info.text);
    if (json)
        output_json(json_pack("{s:I}", "clock", (json_int_t)to_ms));
    else if (to_ms == 0)
        printf("there is no event yet, so the clock stands still\n");
    else
        printf("the clock stands at %s (UTC)\n", output_time(to_ms));
    return EXIT_DONE;
}

static int cmd_advance(int argc, char **argv)
{
    const char *dir = CLUSTER_DIR_DEFAULT;
    int64_t to_ms = 0;
    bool json = false;
    const struct option options[] = {
        {"to", OPTION_TIME, &to_ms, "TIME", "the instant (the largest event time)", 0, 0, NULL},
        OPTION_ROW_DATA(&dir),
        OPTION_ROW_JSON(&json),
    };
    const struct command command = {
        .name = "clock advance",
        .usage = "[options]",
        .example = "assay clock advance --to 2026-02-01T00:00:00Z",
        .summary = "Moves the clock of a cluster that runs by event time; what only time can "
                   "change is decided then.",
        COMMAND_OPTIONS(options),
    };
    int code;
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    return advance(dir, to_ms, json);
}

int cmd_clock(int argc, char **argv)
{
    static const struct command_row rows[] = {
        {"advance", "move it to an instant, or to the largest event time", cmd_advance}};
    return command_pick("assay clock", "assay clock advance", rows, ARRAY_LEN(rows), argc, argv);
}
