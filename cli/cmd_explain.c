// SPDX-License-Identifier: Apache-2.0
#include "cli/cluster.h"
#include "cli/commands.h"
#include "cli/explain.h"
#include "cli/options.h"
#include "cli/output.h"

#include <string.h>

enum { PATIENCE_MS = 10000 };

static enum err lane_ask(struct cluster *cluster, const char *account, struct explain *explain,
                         struct err_info *info)
{
    const struct shard_map *map;
    enum err err = cluster_map(cluster, &map, info);
    if (err != ERR_OK)
        return err;
    Assay__Scorer__V1__ExplainRequest request = ASSAY__SCORER__V1__EXPLAIN_REQUEST__INIT;
    request.account_id = (char *)account;
    request.user_id = (char *)explain->user;
    struct cluster_call call = {
        .service = map->lanes[shard_map_lane_of_key(map, span_of(account))].node,
        .method = "assay.scorer.v1.ScorerService/Explain",
        .request = &request.base,
        .answer_type = &assay__scorer__v1__explain_response__descriptor,
        .patience_ms = PATIENCE_MS,
    };
    ProtobufCMessage *message;
    err = cluster_call(cluster, &call, &message, info);
    if (err == ERR_OK) {
        explain->lane = (void *)message;
        if (explain->lane->clock_ms == 0)
            err = ERR_NOT_FOUND;
    }
    if (err == ERR_NOT_FOUND && explain->user[0] != '\0')
        return err_set(info, err, "no event of user %s in account %s has been taken in",
                       explain->user, account);
    if (err == ERR_NOT_FOUND)
        return err_set(
            info, err,
            "no event of account %s has been taken in (a user without an account has the "
            "account user:ID)",
            account);
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

static int explain_account(const char *dir, const char *account, const char *user, bool json)
{
    struct cluster *cluster = NULL;
    struct err_info info;
    struct explain explain = {.user = user};
    enum err err = cluster_open(dir, &cluster, &info);
    if (err == ERR_OK)
        err = lane_ask(cluster, account, &explain, &info);
    if (err == ERR_OK)
        err = router_ask(cluster, account, &explain, &info);
    if (err == ERR_OK && json)
        output_json(explain_json(&explain));
    else if (err == ERR_OK)
        explain_write(&explain, stdout);
    cluster_close(cluster);
    return err == ERR_OK ? EXIT_DONE : output_error("explain", err, info.text);
}

int cmd_explain(int argc, char **argv)
{
    const char *dir = CLUSTER_DIR_DEFAULT, *user = "";
    bool json = false;
    const struct option options[] = {
        {"user", OPTION_TEXT, &user, "ID", "with the signals of this user of the account", 0, 0,
         NULL},
        OPTION_ROW_DATA(&dir),
        OPTION_ROW_JSON(&json),
    };
    const struct command command = {
        .name = "explain",
        .usage = "account ID [options]",
        .example = "assay explain account acct-000042\n"
                   "assay explain account acct-000042 --user u-000123",
        .summary = "Says why an account or a user qualifies: every condition with its value, since "
                   "when it holds,\nand what is missing where it does not.",
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
    return explain_account(dir, argv[1], user, json);
}
