// SPDX-License-Identifier: Apache-2.0
// Teams for daily work: who is free, and what an operator says of a rep over the playbook.
#include <stdlib.h>
#include <string.h>

#include "cli/cluster.h"
#include "cli/commands.h"
#include "cli/names.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/team_output.h"
#include "common/base/time_text.h"

enum { PATIENCE_MS = 10000, NUMBER_MAX = 1000000 };
enum { NOT_SAID = -1 };

typedef Assay__Router__V1__GetTeamsResponse Teams;

// ---- list, show ---------------------------------------------------------------------------------

static enum err show(const char *dir, const char *name, bool json, struct err_info *info)
{
    struct cluster *cluster = NULL;
    const Teams *teams;
    enum err err = cluster_open(dir, &cluster, info);
    if (err == ERR_OK)
        err = names_teams(cluster, &teams, info);
    if (err == ERR_OK && name != NULL && names_team_find(teams, name) == NULL)
        err = names_no_team(teams, name, info);
    for (size_t i = 0; err == ERR_OK && i < teams->n_teams; i++) {
        if (name != NULL && strcmp(name, teams->teams[i]->name) != 0)
            continue;
        if (json)
            output_json(team_json(teams->teams[i]));
        else
            team_write(teams->teams[i], teams->now_ms, stdout);
        if (!json && i + 1 < teams->n_teams && name == NULL)
            printf("\n");
    }
    if (err == ERR_OK && teams->n_teams == 0 && !json)
        printf("The playbook has no teams: whoever leases a lead gets it.\n");
    cluster_close(cluster);
    return err;
}

static int show_command(const struct command *command, const char **dir, bool *json, int argc,
                        char **argv)
{
    size_t n_args;
    int code;
    struct err_info info;
    if (!options_begin(command, argc, argv, &n_args, &code))
        return code;
    enum err err = show(*dir, n_args > 0 ? argv[0] : NULL, *json, &info);
    return err == ERR_OK ? EXIT_DONE : output_error(command->name, err, info.text);
}

static int cmd_list(int argc, char **argv)
{
    const char *dir = CLUSTER_DIR_DEFAULT;
    bool json = false;
    const struct option options[] = {OPTION_ROW_DATA(&dir), OPTION_ROW_JSON(&json)};
    const struct command command = {
        .name = "teams list",
        .usage = "[TEAM] [options]",
        .example = "assay teams list\nassay teams list inside_sales --json",
        .summary = "Shows teams: who could take a lead now, how full everybody is, what waits for "
                   "a rep, and\nwhat the team admits.",
        COMMAND_OPTIONS(options),
        .args_max = 1,
    };
    return show_command(&command, &dir, &json, argc, argv);
}

// ---- Changes ------------------------------------------------------------------------------------

struct change {
    const char *dir, *by, *reason;
    bool json;
    int64_t weight, open, per_day, per_period, units, period_ms;
    int64_t from_ms, until_ms;
};

static void number_put(Assay__Router__V1__SetNumber *room, int64_t value,
                       Assay__Router__V1__SetNumber **out)
{
    if (value == NOT_SAID)
        return;
    assay__router__v1__set_number__init(room);
    room->value = (int32_t)value;
    *out = room;
}

// How the rep's open leads changed by it.
static void told_write(const Assay__Router__V1__Rep *before, const Assay__Router__V1__Rep *after,
                       const char *team, const char *rep, bool json)
{
    uint64_t open_before = before != NULL ? before->now->open : 0;
    uint64_t open_after = after != NULL ? after->now->open : 0;
    const char *state = after != NULL ? team_rep_text(after) : "removed";
    if (json) {
        output_json(json_pack("{s:o, s:o, s:o, s:I, s:I}", "team", output_json_text(team), "rep",
                              output_json_text(rep), "state", output_json_text(state),
                              "open_before", (json_int_t)open_before, "open",
                              (json_int_t)open_after));
        return;
    }
    printf("%s of %s: %s", output_clean(rep), output_clean(team), output_clean(state));
    if (open_after < open_before)
        printf("; %s",
               output_plural(open_before - open_after, "lead went to others or waits for a rep",
                             "leads went to others or wait for a rep"));
    else if (open_after > open_before)
        printf("; %s at once",
               output_plural(open_after - open_before, "waiting lead came", "waiting leads came"));
    if (open_after > 0)
        printf("; %s open", output_count(open_after));
    printf("\n");
}

// An absence without a start begins now, by the cluster's clock.
static enum err absence_check(Assay__Router__V1__SetAbsence *absent, int64_t now_ms,
                              struct err_info *info)
{
    if (absent == NULL || absent->until_ms == 0) // back
        return ERR_OK;
    if (absent->until_ms <= now_ms)
        return err_set(info, ERR_INVALID, "--until %s is over: by the cluster's clock it is %s",
                       output_time(absent->until_ms), output_time(now_ms));
    if (absent->from_ms == 0)
        absent->from_ms = now_ms;
    return ERR_OK;
}

static enum err change_send(struct cluster *cluster, Assay__Router__V1__ChangeRepRequest *request,
                            const struct change *c, struct err_info *info)
{
    struct cluster_call call = {
        .service = "router",
        .method = "assay.router.v1.RouterService/ChangeRep",
        .request = &request->base,
        .answer_type = &assay__router__v1__change_rep_response__descriptor,
        .patience_ms = PATIENCE_MS,
    };
    const Teams *before, *after;
    ProtobufCMessage *message;
    enum err err = names_teams(cluster, &before, info);
    if (err != ERR_OK)
        return err;
    const Assay__Router__V1__Team *team = names_team_find(before, request->team);
    if (team == NULL)
        return names_no_team(before, request->team, info);
    // Who was removed, by hand too, can be reset; who was added must not be there yet.
    if (!request->add && !request->reset && names_rep_find(team, request->rep) == NULL)
        return names_no_rep(team, request->rep, info);
    err = absence_check(request->absent, before->now_ms, info);
    if (err != ERR_OK)
        return err;
    err = cluster_call(cluster, &call, &message, info);
    if (err == ERR_OK)
        err = names_teams(cluster, &after, info);
    if (err != ERR_OK)
        return err;
    const Assay__Router__V1__Team *now = names_team_find(after, request->team);
    told_write(names_rep_find(team, request->rep),
               now != NULL ? names_rep_find(now, request->rep) : NULL, request->team, request->rep,
               c->json);
    return ERR_OK;
}

static int change_run(const char *name, Assay__Router__V1__ChangeRepRequest *request,
                      const struct change *c)
{
    struct cluster *cluster = NULL;
    struct err_info info;
    Assay__Router__V1__SetNumber numbers[5];
    request->by = (char *)(c->by != NULL ? c->by : output_user());
    request->reason = (char *)(c->reason != NULL ? c->reason : "");
    number_put(&numbers[0], c->weight, &request->weight);
    number_put(&numbers[1], c->open, &request->open);
    number_put(&numbers[2], c->per_day, &request->per_day);
    number_put(&numbers[3], c->per_period, &request->per_period);
    number_put(&numbers[4], c->units, &request->units);
    request->period_ms = c->period_ms == NOT_SAID ? 0 : c->period_ms;
    enum err err = cluster_open(c->dir, &cluster, &info);
    if (err == ERR_OK)
        err = change_send(cluster, request, c, &info);
    cluster_close(cluster);
    return err == ERR_OK ? EXIT_DONE : output_error(name, err, info.text);
}

static struct change change_none(void)
{
    return (struct change){.dir = CLUSTER_DIR_DEFAULT,
                           .weight = NOT_SAID,
                           .open = NOT_SAID,
                           .per_day = NOT_SAID,
                           .per_period = NOT_SAID,
                           .units = NOT_SAID,
                           .period_ms = NOT_SAID};
}

#define CHANGE_ROWS(c)                                                                             \
    {"reason", OPTION_TEXT, &(c).reason, "TEXT", "for the decision log", 0, 0, NULL},              \
        {"by", OPTION_TEXT, &(c).by, "NAME", "who says so (you)", 0, 0, NULL},                     \
        OPTION_ROW_DATA(&(c).dir), OPTION_ROW_JSON(&(c).json)

#define CAP_ROWS(c)                                                                                \
    {"open", OPTION_COUNT, &(c).open, "N", "open leads at most (0: no such cap)",                  \
     0,      NUMBER_MAX,   NULL},                                                                  \
        {"per-day", OPTION_COUNT, &(c).per_day, "N", "leads of one day at most",                   \
         0,         NUMBER_MAX,   NULL},                                                           \
        {"per-period", OPTION_COUNT, &(c).per_period, "N", "leads within --within at most", 0,     \
         NUMBER_MAX,   NULL},                                                                      \
        {"within",                                                                                 \
         OPTION_DURATION,                                                                          \
         &(c).period_ms,                                                                           \
         "TIME",                                                                                   \
         "the period, as in 7d",                                                                   \
         60000,                                                                                    \
         31LL * TIME_DAY_MS,                                                                       \
         NULL},                                                                                    \
    {                                                                                              \
        "units", OPTION_COUNT, &(c).units, "N", "units of effort of open leads at most", 0,        \
            NUMBER_MAX, NULL                                                                       \
    }

static const char MISSING[] = "which TEAM and REP? `assay teams list` shows them";

// A command of a TEAM and a REP that needs no more than what `fill` says.
static int change_command(const char *name, const char *example, const char *summary,
                          void (*fill)(Assay__Router__V1__ChangeRepRequest *request), int argc,
                          char **argv)
{
    struct change c = change_none();
    const struct option options[] = {CHANGE_ROWS(c)};
    const struct command command = {
        .name = name,
        .usage = "TEAM REP [options]",
        .example = example,
        .summary = summary,
        COMMAND_OPTIONS(options),
        .args_min = 2,
        .args_max = 2,
        .missing = MISSING,
    };
    int code;
    Assay__Router__V1__ChangeRepRequest request = ASSAY__ROUTER__V1__CHANGE_REP_REQUEST__INIT;
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    request.team = argv[0];
    request.rep = argv[1];
    fill(&request);
    return change_run(name, &request, &c);
}

static Assay__Router__V1__SetNumber *yes_or_no(int32_t value)
{
    static Assay__Router__V1__SetNumber number;
    assay__router__v1__set_number__init(&number);
    number.value = value;
    return &number;
}

static void fill_back(Assay__Router__V1__ChangeRepRequest *request)
{
    static Assay__Router__V1__SetAbsence none;
    assay__router__v1__set_absence__init(&none);
    request->absent = &none;
}

static void fill_activate(Assay__Router__V1__ChangeRepRequest *request)
{
    request->active = yes_or_no(1);
}

static void fill_deactivate(Assay__Router__V1__ChangeRepRequest *request)
{
    request->active = yes_or_no(0);
}

static void fill_remove(Assay__Router__V1__ChangeRepRequest *request)
{
    request->remove = true;
}

static void fill_reset(Assay__Router__V1__ChangeRepRequest *request)
{
    request->reset = true;
}

static int cmd_back(int argc, char **argv)
{
    return change_command("teams back", "assay teams back inside_sales cleo",
                          "Ends a rep's absence. Who comes back starts where the others are: no "
                          "flood, no catching up.",
                          fill_back, argc, argv);
}

static int cmd_activate(int argc, char **argv)
{
    return change_command("teams activate", "assay teams activate inside_sales cleo",
                          "Switches a rep on again.", fill_activate, argc, argv);
}

static int cmd_deactivate(int argc, char **argv)
{
    return change_command(
        "teams deactivate",
        "assay teams deactivate inside_sales cleo --reason \"moves to marketing\"",
        "Switches a rep off: no new leads, and those that nobody has taken over "
        "yet go to others.",
        fill_deactivate, argc, argv);
}

static int cmd_remove(int argc, char **argv)
{
    return change_command(
        "teams remove", "assay teams remove inside_sales cleo --reason left",
        "Removes a rep: everything the rep holds goes to others. `reset` takes it "
        "back for a rep of the playbook.",
        fill_remove, argc, argv);
}

static int cmd_reset(int argc, char **argv)
{
    return change_command("teams reset", "assay teams reset inside_sales cleo",
                          "Forgets what was said of a rep by hand: the playbook holds again.",
                          fill_reset, argc, argv);
}

static int cmd_absent(int argc, char **argv)
{
    struct change c = change_none();
    const struct option options[] = {
        {"until", OPTION_TIME, &c.until_ms, "TIME", "when the rep is back, in UTC (required)", 0, 0,
         NULL},
        {"from", OPTION_TIME, &c.from_ms, "TIME", "since when (now)", 0, 0, NULL},
        CHANGE_ROWS(c)};
    const struct command command = {
        .name = "teams absent",
        .usage = "TEAM REP --until TIME [options]",
        .example = "assay teams absent inside_sales cleo --until 2026-01-17 --reason holiday",
        .summary = "A rep is away: no leads until then. Leads that the rep has stay.",
        COMMAND_OPTIONS(options),
        .args_min = 2,
        .args_max = 2,
        .missing = MISSING,
    };
    int code;
    Assay__Router__V1__ChangeRepRequest request = ASSAY__ROUTER__V1__CHANGE_REP_REQUEST__INIT;
    Assay__Router__V1__SetAbsence absence = ASSAY__ROUTER__V1__SET_ABSENCE__INIT;
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    if (c.until_ms == 0)
        return output_error(
            command.name, ERR_INVALID,
            "until when? (--until 2026-01-17, or with a time: 2026-01-17T12:00:00Z)");
    if (c.until_ms <= c.from_ms)
        return output_error(command.name, ERR_INVALID,
                            "--until is not after --from; `assay teams back` ends an absence");
    request.team = argv[0];
    request.rep = argv[1];
    absence.from_ms = c.from_ms;
    absence.until_ms = c.until_ms;
    request.absent = &absence;
    return change_run(command.name, &request, &c);
}

static int cmd_cap(int argc, char **argv)
{
    struct change c = change_none();
    const struct option options[] = {CAP_ROWS(c), CHANGE_ROWS(c)};
    const struct command command = {
        .name = "teams cap",
        .usage = "TEAM REP [caps]",
        .example = "assay teams cap inside_sales ben --open 8 --per-day 4",
        .summary = "Sets a rep's caps; those that are not given stay as they are.",
        COMMAND_OPTIONS(options),
        .args_min = 2,
        .args_max = 2,
        .missing = MISSING,
    };
    int code;
    Assay__Router__V1__ChangeRepRequest request = ASSAY__ROUTER__V1__CHANGE_REP_REQUEST__INIT;
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    if (c.open == NOT_SAID && c.per_day == NOT_SAID && c.per_period == NOT_SAID &&
        c.units == NOT_SAID)
        return output_error(command.name, ERR_INVALID,
                            "which cap? (--open, --per-day, --per-period with --within, --units)");
    if (c.per_period > 0 && c.period_ms == NOT_SAID)
        return output_error(command.name, ERR_INVALID, "--per-period needs --within, as in 7d");
    request.team = argv[0];
    request.rep = argv[1];
    return change_run(command.name, &request, &c);
}

static int cmd_add(int argc, char **argv)
{
    struct change c = change_none();
    const struct option options[] = {{"weight", OPTION_COUNT, &c.weight, "N",
                                      "share of leads against the others' (1)", 1, 100, NULL},
                                     CAP_ROWS(c),
                                     CHANGE_ROWS(c)};
    const struct command command = {
        .name = "teams add",
        .usage = "TEAM REP [options]",
        .example = "assay teams add inside_sales eve --weight 1 --open 5",
        .summary = "Adds a rep whom the playbook does not have, with the team's hours and caps but "
                   "for what is\ngiven. The rep starts where the others are.",
        COMMAND_OPTIONS(options),
        .args_min = 2,
        .args_max = 2,
        .missing = MISSING,
    };
    int code;
    Assay__Router__V1__ChangeRepRequest request = ASSAY__ROUTER__V1__CHANGE_REP_REQUEST__INIT;
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    if (c.per_period > 0 && c.period_ms == NOT_SAID)
        return output_error(command.name, ERR_INVALID, "--per-period needs --within, as in 7d");
    request.team = argv[0];
    request.rep = argv[1];
    request.add = true;
    return change_run(command.name, &request, &c);
}

static int cmd_weight(int argc, char **argv)
{
    struct change c = change_none();
    const struct option options[] = {CHANGE_ROWS(c)};
    const struct command command = {
        .name = "teams weight",
        .usage = "TEAM REP WEIGHT [options]",
        .example = "assay teams weight inside_sales anna 2",
        .summary = "Sets how many leads a rep gets against the others: 1 to 100.",
        COMMAND_OPTIONS(options),
        .args_min = 3,
        .args_max = 3,
        .missing = "which TEAM, REP and WEIGHT?",
    };
    int code;
    Assay__Router__V1__ChangeRepRequest request = ASSAY__ROUTER__V1__CHANGE_REP_REQUEST__INIT;
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    char *end;
    c.weight = strtoll(argv[2], &end, 10);
    if (*end != '\0' || end == argv[2] || c.weight < 1 || c.weight > 100)
        return output_error(command.name, ERR_INVALID, "a weight is a whole number from 1 to 100");
    request.team = argv[0];
    request.rep = argv[1];
    return change_run(command.name, &request, &c);
}

int cmd_teams(int argc, char **argv)
{
    static const struct command_row rows[] = {
        {"list", "who is free, how full everybody is", cmd_list},
        {"absent", "a rep is away until a time", cmd_absent},
        {"back", "a rep is back", cmd_back},
        {"cap", "set a rep's caps", cmd_cap},
        {"weight", "set a rep's weight", cmd_weight},
        {"add", "add a rep", cmd_add},
        {"activate", "switch a rep on", cmd_activate},
        {"deactivate", "switch a rep off", cmd_deactivate},
        {"remove", "remove a rep; what the rep holds goes to others", cmd_remove},
        {"reset", "go back to what the playbook says of a rep", cmd_reset},
    };
    bool help = argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
    if (argc < 2 || (argv[1][0] == '-' && !help))
        return cmd_list(argc, argv);
    return command_pick("assay teams",
                        "assay teams\nassay teams absent inside_sales cleo --until 2026-01-17",
                        rows, ARRAY_LEN(rows), argc, argv);
}
