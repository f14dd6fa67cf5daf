// SPDX-License-Identifier: Apache-2.0
// Tables of keys that stand in a file of their own; for schema.c alone.
#pragma once

#include "services/playbook/schema.h"

extern const struct schema_key SCHEMA_KEYS_PRIORITY[2];
extern const struct schema_key SCHEMA_KEYS_AGING[2];
extern const struct schema_key SCHEMA_KEYS_EFFORT[2];
extern const struct schema_key SCHEMA_KEYS_TEAM[11];
extern const struct schema_key SCHEMA_KEYS_REP[9];
extern const struct schema_key SCHEMA_KEYS_ABSENCE[2];
extern const struct schema_key SCHEMA_KEYS_CAPS[5];
extern const struct schema_key SCHEMA_KEYS_CAP_PERIOD[2];
extern const struct schema_key SCHEMA_KEYS_CAP_WHEN[2];
extern const struct schema_key SCHEMA_KEYS_FULL[3];
extern const struct schema_key SCHEMA_KEYS_SLA[5];
extern const struct schema_key SCHEMA_KEYS_ESCALATION[2];
extern const struct schema_key SCHEMA_KEYS_ADMIT[2];
extern const struct schema_key SCHEMA_KEYS_EXPERIMENT[6];
extern const struct schema_key SCHEMA_KEYS_ARM[3];
extern const struct schema_key SCHEMA_KEYS_PROMPT[7];
extern const struct schema_key SCHEMA_KEYS_CONTACT[2];
extern const struct schema_key SCHEMA_KEYS_BUYERS[3];
extern const struct schema_key SCHEMA_KEYS_ORGANIZATIONS[1];
extern const struct schema_key SCHEMA_KEYS_ORGANIZATION_DEFINITION[4];
extern const struct schema_key SCHEMA_KEYS_ROLL_UP[3];
extern const struct schema_key SCHEMA_KEYS_SCHEMAS[6];
extern const struct schema_key SCHEMA_KEYS_EVENT_SCHEMA[5];
