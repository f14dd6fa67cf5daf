// SPDX-License-Identifier: Apache-2.0
// Names that a person may have mistyped: what there is instead.
#pragma once

#include "assay/router/v1/router.pb-c.h"
#include "cli/cluster.h"

// OK: the router has the queue. NOT_FOUND: `info` names those that it has. Otherwise as the call
// ended.
MUST_USE enum err names_queue(struct cluster *cluster, const char *queue, struct err_info *info);
// The same for a rep of any team.
MUST_USE enum err names_rep(struct cluster *cluster, const char *rep, struct err_info *info);

// All teams; lives as long as the cluster's answers.
MUST_USE enum err names_teams(struct cluster *cluster,
                              const Assay__Router__V1__GetTeamsResponse **out,
                              struct err_info *info);
// NULL: there is none. Removed reps are none.
const Assay__Router__V1__Team *names_team_find(const Assay__Router__V1__GetTeamsResponse *teams,
                                               const char *name);
const Assay__Router__V1__Rep *names_rep_find(const Assay__Router__V1__Team *team, const char *name);
// NOT_FOUND, with what there is.
enum err names_no_team(const Assay__Router__V1__GetTeamsResponse *teams, const char *name,
                       struct err_info *info);
enum err names_no_rep(const Assay__Router__V1__Team *team, const char *name, struct err_info *info);
