// SPDX-License-Identifier: Apache-2.0
#include "cli/names.h"

#include <stdio.h>
#include <string.h>

enum { PATIENCE_MS = 10000, LIST_BYTES = 300 };

typedef Assay__Router__V1__GetQueuesResponse Queues;
typedef Assay__Router__V1__GetTeamsResponse Teams;
typedef Assay__Router__V1__Team Team;
typedef Assay__Router__V1__Rep Rep;

// "; there are: a, b", or `none`. Cut where it gets too long for a line.
struct list {
    char text[LIST_BYTES];
    size_t n;
};

static void list_add(struct list *list, const char *name)
{
    size_t at = strlen(list->text);
    snprintf(list->text + at, sizeof list->text - at, "%s%s", list->n++ == 0 ? "there are: " : ", ",
             name);
}

static enum err ask(struct cluster *cluster, const char *method, const ProtobufCMessage *request,
                    const ProtobufCMessageDescriptor *type, ProtobufCMessage **out,
                    struct err_info *info)
{
    struct cluster_call call = {
        .service = "router",
        .method = method,
        .request = request,
        .answer_type = type,
        .patience_ms = PATIENCE_MS,
    };
    return cluster_call(cluster, &call, out, info);
}

enum err names_queue(struct cluster *cluster, const char *queue, struct err_info *info)
{
    Assay__Router__V1__GetQueuesRequest request = ASSAY__ROUTER__V1__GET_QUEUES_REQUEST__INIT;
    ProtobufCMessage *message;
    struct list list = {0};
    enum err err = ask(cluster, "assay.router.v1.RouterService/GetQueues", &request.base,
                       &assay__router__v1__get_queues_response__descriptor, &message, info);
    if (err != ERR_OK)
        return err;
    const Queues *queues = (const void *)message;
    for (size_t i = 0; i < queues->n_queues; i++) {
        if (strcmp(queues->queues[i]->name, queue) == 0)
            return ERR_OK;
        list_add(&list, queues->queues[i]->name);
    }
    return err_set(info, ERR_NOT_FOUND, "there is no queue \"%s\"; %s", queue,
                   list.n > 0 ? list.text : "there are none");
}

enum err names_teams(struct cluster *cluster, const Teams **out, struct err_info *info)
{
    Assay__Router__V1__GetTeamsRequest request = ASSAY__ROUTER__V1__GET_TEAMS_REQUEST__INIT;
    ProtobufCMessage *message;
    enum err err = ask(cluster, "assay.router.v1.RouterService/GetTeams", &request.base,
                       &assay__router__v1__get_teams_response__descriptor, &message, info);
    if (err == ERR_OK)
        *out = (const void *)message;
    return err;
}

const Team *names_team_find(const Teams *teams, const char *name)
{
    for (size_t i = 0; i < teams->n_teams; i++)
        if (strcmp(teams->teams[i]->name, name) == 0)
            return teams->teams[i];
    return NULL;
}

const Rep *names_rep_find(const Team *team, const char *name)
{
    for (size_t i = 0; i < team->n_reps; i++)
        if (!team->reps[i]->removed && strcmp(team->reps[i]->now->rep, name) == 0)
            return team->reps[i];
    return NULL;
}

enum err names_no_team(const Teams *teams, const char *name, struct err_info *info)
{
    struct list list = {0};
    for (size_t i = 0; i < teams->n_teams; i++)
        list_add(&list, teams->teams[i]->name);
    return err_set(info, ERR_NOT_FOUND, "there is no team \"%s\"; %s", name,
                   list.n > 0 ? list.text : "the playbook has no teams");
}

static void list_reps(struct list *list, const Team *team)
{
    for (size_t i = 0; i < team->n_reps; i++)
        if (!team->reps[i]->removed)
            list_add(list, team->reps[i]->now->rep);
}

enum err names_no_rep(const Team *team, const char *name, struct err_info *info)
{
    struct list list = {0};
    list_reps(&list, team);
    return err_set(info, ERR_NOT_FOUND, "%s has no rep \"%s\"; %s", team->name, name,
                   list.n > 0 ? list.text : "nobody is in it");
}

enum err names_rep(struct cluster *cluster, const char *rep, struct err_info *info)
{
    const Teams *teams;
    struct list list = {0};
    enum err err = names_teams(cluster, &teams, info);
    if (err != ERR_OK)
        return err;
    for (size_t i = 0; i < teams->n_teams; i++) {
        if (names_rep_find(teams->teams[i], rep) != NULL)
            return ERR_OK;
        list_reps(&list, teams->teams[i]);
    }
    return err_set(info, ERR_NOT_FOUND, "no team has a rep \"%s\"; %s", rep,
                   teams->n_teams == 0 ? "the playbook has no teams"
                   : list.n > 0        ? list.text
                                       : "nobody is in them");
}
