// SPDX-License-Identifier: Apache-2.0
// Identities: what an id is linked to, where its events count, and changes by a person.
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cluster.h"
#include "cli/commands.h"
#include "cli/identity.h"
#include "cli/options.h"
#include "cli/output.h"

typedef Assay__Scorer__V1__GetIdentityResponse Identity;
typedef Assay__Scorer__V1__IdentityLink Link;

enum { PATIENCE_MS = 10000, ID_BYTES_MAX = 200 };

// ---- Output -------------------------------------------------------------------------------------

static const char *link_kind(const Link *link)
{
    return link->kind == ASSAY__SCORER__V1__LINK_KIND__LINK_KIND_USER ? "user" : "account";
}

static void identity_write(const Identity *identity)
{
    printf("%sidentity %s%s\n", output_bold(), output_clean(identity->identity), output_plain());
    printf("  events without an account count in %s", output_clean(identity->account_id));
    printf(" as %s", output_clean(identity->user_id));
    printf(identity->since_ms != 0 ? " since %s\n" : "\n", output_time(identity->since_ms));
    struct output_table table = {0};
    for (size_t i = 0; i < identity->n_links; i++) {
        const Link *link = identity->links[i];
        if (i == 0)
            output_row(&table, (const char *const[]){"linked to", "is", "since", "by", "", NULL});
        char *since = strdup(output_time(link->first_ms));
        output_row(&table,
                   (const char *const[]){link->target, link_kind(link), since, link->event_id,
                                         link->undone     ? "undone"
                                         : link->in_force ? "in force"
                                                          : "",
                                         NULL});
        free(since);
    }
    output_table_write(&table, 2, stdout);
    for (size_t i = 0; i < identity->n_acts; i++) {
        printf("  acts in %s", output_clean(identity->acts[i]->account_id));
        printf(" as %s\n", output_clean(identity->acts[i]->user_id));
    }
    for (size_t i = 0; i < identity->n_parts; i++) {
        printf("  part %s", output_clean(identity->parts[i]->identity));
        printf(", merged %s", output_time(identity->parts[i]->since_ms));
        printf(" by %s\n", output_clean(identity->parts[i]->cause));
    }
    for (size_t i = 0; i < identity->n_history; i++) {
        const Assay__Scorer__V1__IdentityChange *change = identity->history[i];
        printf("  %s%s  %s", output_dim(), output_time(change->at_ms), output_clean(change->what));
        if (change->cause[0] != '\0')
            printf(" (%s)", output_clean(change->cause));
        printf("%s\n", output_plain());
    }
}

json_t *identity_parts_json(Assay__Scorer__V1__IdentityPart *const *parts, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_pack("{s:o, s:o, s:I, s:o}", "identity",
                                              output_json_text(parts[i]->identity), "user",
                                              output_json_text(parts[i]->user_id), "since",
                                              (json_int_t)parts[i]->since_ms, "by",
                                              output_json_text(parts[i]->cause)));
    return list;
}

json_t *identity_acting_json(Assay__Scorer__V1__IdentityActing *const *acting, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_pack("{s:o, s:o, s:o}", "account",
                                              output_json_text(acting[i]->account_id), "identity",
                                              output_json_text(acting[i]->identity), "user",
                                              output_json_text(acting[i]->user_id)));
    return list;
}

static json_t *identity_json(const Identity *identity)
{
    json_t *links = json_array(), *history = json_array();
    for (size_t i = 0; i < identity->n_links; i++) {
        const Link *link = identity->links[i];
        json_array_append_new(
            links,
            json_pack("{s:s, s:o, s:I, s:I, s:o, s:b, s:b}", "kind", link_kind(link), "target",
                      output_json_text(link->target), "first", (json_int_t)link->first_ms, "last",
                      (json_int_t)link->last_ms, "event", output_json_text(link->event_id),
                      "undone", link->undone, "in_force", link->in_force));
    }
    for (size_t i = 0; i < identity->n_history; i++) {
        const Assay__Scorer__V1__IdentityChange *change = identity->history[i];
        json_array_append_new(history, json_pack("{s:I, s:o, s:o}", "at", (json_int_t)change->at_ms,
                                                 "what", output_json_text(change->what), "by",
                                                 output_json_text(change->cause)));
    }
    return json_pack("{s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:I, s:o}", "identity",
                     output_json_text(identity->identity), "account",
                     output_json_text(identity->account_id), "user",
                     output_json_text(identity->user_id), "since", (json_int_t)identity->since_ms,
                     "links", links, "history", history, "parts",
                     identity_parts_json(identity->parts, identity->n_parts), "n_parts",
                     (json_int_t)identity->part_count, "acts",
                     identity_acting_json(identity->acts, identity->n_acts));
}

static void identity_out(const Identity *identity, bool json)
{
    if (json)
        output_json(identity_json(identity));
    else
        identity_write(identity);
}

// ---- Calls --------------------------------------------------------------------------------------

// To the lane of the identity's personal account.
static enum err identity_call(struct cluster *cluster, const char *identity, const char *method,
                              const ProtobufCMessage *request,
                              const ProtobufCMessageDescriptor *answer_type,
                              ProtobufCMessage **answer, struct err_info *info)
{
    const struct shard_map *map;
    char home[ID_BYTES_MAX + 8];
    if (strlen(identity) == 0 || strlen(identity) > ID_BYTES_MAX)
        return err_set(info, ERR_INVALID, "an id has 1 to %d bytes", ID_BYTES_MAX);
    snprintf(home, sizeof home, "user:%s", identity);
    enum err err = cluster_map(cluster, &map, info);
    if (err != ERR_OK)
        return err;
    struct cluster_call call = {
        .service = map->lanes[shard_map_lane_of_key(map, span_of(home))].node,
        .method = method,
        .request = request,
        .answer_type = answer_type,
        .patience_ms = PATIENCE_MS,
    };
    return cluster_call(cluster, &call, answer, info);
}

static int cmd_show(int argc, char **argv)
{
    Assay__Scorer__V1__GetIdentityRequest request = ASSAY__SCORER__V1__GET_IDENTITY_REQUEST__INIT;
    const char *dir = CLUSTER_DIR_DEFAULT;
    bool json = false;
    const struct option options[] = {OPTION_ROW_DATA(&dir), OPTION_ROW_JSON(&json)};
    const struct command command = {
        .name = "identity show",
        .usage = "ID [options]",
        .example = "assay identity show anon-7\nassay identity show u-000123 --json",
        .summary = "Shows what a user id or an anonymous id is linked to, where its events without "
                   "an account count,\nand what has happened to them.",
        COMMAND_OPTIONS(options),
        .args_min = 1,
        .args_max = 1,
        .missing = "of whom? give a user id or an anonymous id",
    };
    int code;
    struct cluster *cluster = NULL;
    ProtobufCMessage *message;
    struct err_info info;
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    request.identity = argv[0];
    enum err err = cluster_open(dir, &cluster, &info);
    if (err == ERR_OK)
        err = identity_call(cluster, argv[0], "assay.scorer.v1.ScorerService/GetIdentity",
                            &request.base, &assay__scorer__v1__get_identity_response__descriptor,
                            &message, &info);
    if (err == ERR_OK)
        identity_out((const Identity *)message, json);
    if (err == ERR_NOT_FOUND)
        err = err_set(&info, err, "nothing links %s to anybody, or anybody to it", argv[0]);
    cluster_close(cluster);
    return err == ERR_OK ? EXIT_DONE : output_error("identity show", err, info.text);
}

// Who is asking, for the record.
static const char *operator_name(void)
{
    const struct passwd *entry = getpwuid(getuid());
    return entry == NULL ? "operator" : entry->pw_name;
}

static int change(const struct command *command, bool redo, int argc, char **argv, const char **dir,
                  const bool *json)
{
    Assay__Scorer__V1__ChangeIdentityRequest request =
        ASSAY__SCORER__V1__CHANGE_IDENTITY_REQUEST__INIT;
    int code;
    size_t n;
    struct cluster *cluster = NULL;
    ProtobufCMessage *message;
    struct err_info info;
    if (!options_begin(command, argc, argv, &n, &code))
        return code;
    request.identity = argv[0];
    request.target = n > 1 ? argv[1] : (char *)"";
    request.redo = redo;
    request.operator_name = (char *)operator_name();
    enum err err = cluster_open(*dir, &cluster, &info);
    if (err == ERR_OK)
        err = identity_call(cluster, argv[0], "assay.scorer.v1.ScorerService/ChangeIdentity",
                            &request.base, &assay__scorer__v1__change_identity_response__descriptor,
                            &message, &info);
    if (err == ERR_OK)
        identity_out(((Assay__Scorer__V1__ChangeIdentityResponse *)message)->identity, *json);
    if (err == ERR_NOT_FOUND)
        err = err_set(&info, err, "%s has no such link; `assay identity show %s` lists them",
                      argv[0], argv[0]);
    else if (err == ERR_CONFLICT)
        err = err_set(&info, err, redo ? "the link is in force already" : "it is undone already");
    cluster_close(cluster);
    return err == ERR_OK ? EXIT_DONE : output_error(command->name, err, info.text);
}

static int cmd_undo(int argc, char **argv)
{
    const char *dir = CLUSTER_DIR_DEFAULT;
    bool json = false;
    const struct option options[] = {OPTION_ROW_DATA(&dir), OPTION_ROW_JSON(&json)};
    const struct command command = {
        .name = "identity undo",
        .usage = "ID [TARGET] [options]",
        .example = "assay identity undo anon-7\nassay identity undo u-000123 acme",
        .summary =
            "Takes a link back: of TARGET (a user or an account), or the one that decides. "
            "What the id has\ncontributed goes back to where it belongs without the link, and "
            "events that say it again change\nnothing until `assay identity redo`.",
        COMMAND_OPTIONS(options),
        .args_min = 1,
        .args_max = 2,
        .missing = "of whom? give a user id or an anonymous id",
    };
    return change(&command, false, argc, argv, &dir, &json);
}

static int cmd_redo(int argc, char **argv)
{
    const char *dir = CLUSTER_DIR_DEFAULT;
    bool json = false;
    const struct option options[] = {OPTION_ROW_DATA(&dir), OPTION_ROW_JSON(&json)};
    const struct command command = {
        .name = "identity redo",
        .usage = "ID [TARGET] [options]",
        .example = "assay identity redo anon-7",
        .summary = "Puts a link in force again: of TARGET, or the one that was undone last.",
        COMMAND_OPTIONS(options),
        .args_min = 1,
        .args_max = 2,
        .missing = "of whom? give a user id or an anonymous id",
    };
    return change(&command, true, argc, argv, &dir, &json);
}

int cmd_identity(int argc, char **argv)
{
    static const struct command_row rows[] = {
        {"show", "what an id is linked to", cmd_show},
        {"undo", "take a link back", cmd_undo},
        {"redo", "put it in force again", cmd_redo},
    };
    return command_pick("assay identity", "assay identity show anon-7\nassay identity undo anon-7",
                        rows, ARRAY_LEN(rows), argc, argv);
}
