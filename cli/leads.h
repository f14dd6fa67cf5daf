// SPDX-License-Identifier: Apache-2.0
// The parts of `assay leads`.
#pragma once

#include "cli/cluster.h"
#include "common/base/time_text.h"

#define LEADS_LEASE_MS_MAX ((int64_t)30 * TIME_DAY_MS)

int cmd_leads_ack(int argc, char **argv);
int cmd_leads_release(int argc, char **argv);
int cmd_leads_extend(int argc, char **argv);
int cmd_leads_complete(int argc, char **argv);
int cmd_leads_park(int argc, char **argv);
int cmd_leads_redrive(int argc, char **argv);
int cmd_leads_assign(int argc, char **argv);
int cmd_leads_show(int argc, char **argv);
int cmd_leads_replay(int argc, char **argv);

// One call to the router; opens the cluster when `*cluster` is NULL. `wait_ms`: that the router may
// wait.
MUST_USE enum err leads_call(const char *dir, struct cluster **cluster, const char *method,
                             const ProtobufCMessage *request,
                             const ProtobufCMessageDescriptor *answer_type, int64_t wait_ms,
                             ProtobufCMessage **answer, struct err_info *info);
