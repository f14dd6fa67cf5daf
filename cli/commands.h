// SPDX-License-Identifier: Apache-2.0
// The commands. Each takes its own name as argv[0] and what follows it, and returns the exit code:
// EXIT_DONE, EXIT_FAILED, EXIT_USAGE.
#pragma once

#include <stddef.h>

int cmd_up(int argc, char **argv);
int cmd_import(int argc, char **argv);
int cmd_simulate(int argc, char **argv);
int cmd_decisions(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_leads(int argc, char **argv);
int cmd_account(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_overview(int argc, char **argv);
int cmd_metrics(int argc, char **argv);
int cmd_clock(int argc, char **argv);
int cmd_playbook(int argc, char **argv);
int cmd_playbook_test(int argc, char **argv);
int cmd_playbook_diff(int argc, char **argv);
int cmd_playbook_schema(int argc, char **argv);
int cmd_backtest(int argc, char **argv);
int cmd_experiments(int argc, char **argv);
int cmd_teams(int argc, char **argv);
int cmd_prompts(int argc, char **argv);
int cmd_webhooks(int argc, char **argv);
int cmd_keys(int argc, char **argv);
int cmd_dead_letters(int argc, char **argv);
int cmd_identity(int argc, char **argv);

// Runs one service in a process group of its own, so that Ctrl-C reaches `assay up` alone, which
// then stops the services in order. argv[1] is the program, the rest are its arguments. Not for
// people.
int cmd_service(int argc, char **argv);

// Picks one of several commands by argv[1]; for `assay` itself and for `assay leads`.
struct command_row {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv);
};
// `prefix`: "assay", "assay leads". Writes the list for --help (exit code 0), or what is wrong (2).
int command_pick(const char *prefix, const char *example, const struct command_row *rows, size_t n,
                 int argc, char **argv);
