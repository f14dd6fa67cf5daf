// SPDX-License-Identifier: Apache-2.0
#include "cli/cluster.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "common/log/log.h"

#include <stdio.h>
#include <string.h>

static const struct command_row ROWS[] = {
    {"up", "run a whole cluster on this machine", cmd_up},
    {"import", "send the events of files", cmd_import},
    {"overview", "what came out: users, accounts, leads, and why", cmd_overview},
    {"explain", "why a user or an account qualifies, or what is missing", cmd_explain},
    {"leads", "list, lease, acknowledge and complete leads", cmd_leads},
    {"identity", "who somebody is: links between ids, and where events count", cmd_identity},
    {"account", "one account: its stage, its leads; promote, disqualify, snooze it", cmd_account},
    {"decisions", "the decision log, one JSON object a line", cmd_decisions},
    {"playbook", "check a playbook, or put one in force", cmd_playbook},
    {"backtest", "what a playbook would have found in a file of events", cmd_backtest},
    {"teams", "who of sales is free; absences, caps, new reps", cmd_teams},
    {"prompts", "what the product may show to a user now", cmd_prompts},
    {"webhooks", "deliveries to other systems", cmd_webhooks},
    {"keys", "who may send events, lease leads and administer", cmd_keys},
    {"dead-letters", "events that were refused: list, show, send again", cmd_dead_letters},
    {"experiments", "what came of holdouts and arms", cmd_experiments},
    {"clock", "move the clock of a cluster that runs by event time", cmd_clock},
    {"top", "watch queues, teams and first touches", cmd_top},
    {"status", "services, lanes and queues", cmd_status},
    {"metrics", "metrics of all services, in Prometheus' text format", cmd_metrics},
    {"simulate", "write simulated events", cmd_simulate},
};

// `assay --token-file FILE COMMAND ...`: the rest of the words is moved to the front. False, with
// the exit code, when it cannot be used.
static bool take_token_file(int *argc, char **argv, int *exit_code)
{
    struct err_info info;
    if (*argc < 2 || strcmp(argv[1], "--token-file") != 0)
        return true;
    enum err err = *argc == 2 ? err_set(&info, ERR_INVALID, "--token-file: which FILE?")
                              : cluster_show_token(argv[2], &info);
    if (err != ERR_OK) {
        fprintf(stderr, "assay: %s\n", info.text);
        *exit_code = EXIT_USAGE;
        return false;
    }
    *argc -= 2;
    memmove(argv + 1, argv + 3, (size_t)*argc * sizeof *argv); // with the NULL at the end
    return true;
}

int main(int argc, char **argv)
{
    static const char example[] = "assay up --data ./assay-data --playbook playbook.yaml\n"
                                  "assay import events.ndjson.gz\n"
                                  "assay overview";
    output_init();
    log_init("assay", LOG_LEVEL_OFF);
    if (argc > 2 && strcmp(argv[1], "service") == 0)
        return cmd_service(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        printf("assay %s\n", ASSAY_VERSION);
        return EXIT_DONE;
    }
    int code;
    if (!take_token_file(&argc, argv, &code))
        return code;
    code = command_pick("assay", example, ROWS, ARRAY_LEN(ROWS), argc, argv);
    // What could not be written (a full disk, a closed pipe) is a failure.
    if (fflush(stdout) != 0 && code == EXIT_DONE)
        code = EXIT_FAILED;
    return code;
}
