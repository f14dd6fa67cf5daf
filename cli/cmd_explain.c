// SPDX-License-Identifier: Apache-2.0
#include "cli/cluster.h"
#include "cli/commands.h"
#include "cli/explain.h"
#include "cli/options.h"
#include "cli/output.h"

#include <string.h>

enum {
    PATIENCE_MS = 10000,
    JOURNAL_MS = 300000, // a journal is read meanwhile
};

struct explain_ask {
    const char *dir, *account, *user;
    bool events, json;
    int64_t at_ms;
};

static enum err lane_ask(struct cluster *cluster, const struct explain_ask *ask,
                         struct explain *explain, struct err_info *info)
{
    const char *account = ask->account, *then = ask->at_ms == 0 ? "" : " by then";
    const struct shard_map *map;
    enum err err = cluster_map(cluster, &map, info);
    if (err != ERR_OK)
        return err;
    Assay__Scorer__V1__ExplainRequest request = ASSAY__SCORER__V1__EXPLAIN_REQUEST__INIT;
    request.account_id = (char *)account;
    request.user_id = (char *)explain->user;
    request.events = ask->events;
    request.at_ms = ask->at_ms;
    request.proposals = true;
    struct cluster_call call = {
        .service = map->lanes[shard_map_lane_of_key(map, span_of(account))].node,
        .method = "assay.scorer.v1.ScorerService/Explain",
        .request = &request.base,
        .answer_type = &assay__scorer__v1__explain_response__descriptor,
        .patience_ms = ask->events || ask->at_ms != 0 ? JOURNAL_MS : PATIENCE_MS,
    };
    ProtobufCMessage *message;
    err = cluster_call(cluster, &call, &message, info);
    if (err == ERR_OK) {
        explain->lane = (void *)message;
        if (explain->lane->clock_ms == 0)
            err = ERR_NOT_FOUND;
    }
    if (err == ERR_NOT_FOUND && explain->user[0] != '\0')
        return err_set(info, err, "no event of user %s in account %s has been taken in%s",
                       explain->user, account, then);
    if (err == ERR_NOT_FOUND)
        return err_set(
            info, err,
            "no event of account %s has been taken in%s (a user without an account has the "
            "account user:ID)",
            account, then);
    return err;
}

static enum err router_ask(struct cluster *cluster, const char *account, struct explain *explain,
                           struct err_info *info)
{
    Assay__Router__V1__GetAccountRequest request = ASSAY__ROUTER__V1__GET_ACCOUNT_REQUEST__INIT;
    request.account_id = (char *)account;
    struct cluster_call call = {
        .service = "router",
        .method = "assay.router.v1.RouterService/GetAccount",
        .request = &request.base,
        .answer_type = &assay__router__v1__get_account_response__descriptor,
        .patience_ms = PATIENCE_MS,
    };
    ProtobufCMessage *message;
    enum err err = cluster_call(cluster, &call, &message, info);
    if (err == ERR_OK)
        explain->router = (void *)message;
    return err;
}

static int explain_account(const struct explain_ask *ask)
{
    struct cluster *cluster = NULL;
    struct err_info info;
    struct explain explain = {.user = ask->user, .events = ask->events};
    enum err err = cluster_open(ask->dir, &cluster, &info);
    if (err == ERR_OK)
        err = lane_ask(cluster, ask, &explain, &info);
    // The router knows how it is, not how it was.
    if (err == ERR_OK && ask->at_ms == 0)
        err = router_ask(cluster, ask->account, &explain, &info);
    if (err == ERR_OK && ask->json)
        output_json(explain_json(&explain));
    else if (err == ERR_OK)
        explain_write(&explain, stdout);
    cluster_close(cluster);
    return err == ERR_OK ? EXIT_DONE : output_error("explain", err, info.text);
}

int cmd_explain(int argc, char **argv)
{
    struct explain_ask ask = {.dir = CLUSTER_DIR_DEFAULT, .user = ""};
    const struct option options[] = {
        {"user", OPTION_TEXT, &ask.user, "ID", "with the signals of this user of the account", 0, 0,
         NULL},
        {"events", OPTION_FLAG, &ask.events, NULL,
         "with the first and the last event that each condition counts (reads the journal)", 0, 0,
         NULL},
        {"at", OPTION_TIME, &ask.at_ms, "TIME",
         "as it was then, by the playbook in force now: the events that happened by TIME, and what "
         "time had done by then (reads the journal)",
         0, 0, NULL},
        OPTION_ROW_DATA(&ask.dir),
        OPTION_ROW_JSON(&ask.json),
    };
    const struct command command = {
        .name = "explain",
        .usage = "account ID [options]",
        .example = "assay explain account acct-000042\n"
                   "assay explain account acct-000042 --user u-000123 --events\n"
                   "assay explain account acct-000042 --at 2026-01-31T10:00:00Z",
        .summary = "Says why an account or a user qualifies: every condition with its value, since "
                   "when it holds,\nand what is missing where it does not: the smallest set of "
                   "further events that would do, by when\nthey must come, and why a lead was or "
                   "was not made.",
        COMMAND_OPTIONS(options),
        .args_min = 2,
        .args_max = 2,
        .missing = "what to explain is missing: account ID",
    };
    int code;
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    if (strcmp(argv[0], "account") != 0) {
        fprintf(stderr, "assay explain: unknown \"%s\"; there is: account ID\n", argv[0]);
        return EXIT_USAGE;
    }
    ask.account = argv[1];
    return explain_account(&ask);
}
