// SPDX-License-Identifier: Apache-2.0
// What the files share that read teams, experiments and what is decided of leads in a queue.
#pragma once

#include "services/playbook/load_impl.h"

enum {
    LOAD_ZONES_MAX = 256,
    LOAD_HOLIDAYS_MAX = 400,
    LOAD_ABSENCES_MAX = 100,
    LOAD_CAPS_WHEN_MAX = 16,
    LOAD_ESCALATIONS_MAX = 16,
    LOAD_RULES_MAX = 64, // of priority, of effort
    LOAD_CAP_MAX = 1000000,
};

// ---- load_routing.c ----

int32_t load_find_queue(const struct loader *l, struct span name);
void load_unknown_queue(struct loader *l, const struct config_node *node);
// {motion: sales, queue: backup}, or a motion alone where `node` is a text. The queue is
// PLAYBOOK_NONE for motions that keep a lead out of every queue. False with the mistake reported.
bool load_motion(struct loader *l, const struct config_node *node, enum motion *motion,
                 int32_t *queue);
// A condition of LOAD_IN_ROUTE; NULL: the one that always holds, which all share.
int32_t load_when(struct loader *l, const struct config_node *when);
// The condition on one line, in the arena; "" for PLAYBOOK_NONE.
const char *load_when_text(struct loader *l, int32_t condition);

// ---- load_hours.c ----

// When somebody works, as far as it was said; what a rep says stands over what his team says.
struct load_hours {
    int32_t zone; // position in zones; PLAYBOOK_NONE: not said
    bool timed;   // hours were said
    int32_t from_min, to_min;
    uint8_t days; // 0: not said
    const int32_t *holidays;
    int32_t n_holidays;
};
struct load_hours load_hours_unsaid(void);
// Reads zone, hours, days and holidays, where they stand in the mapping.
void load_hours_read(struct loader *l, const struct config_node *node, struct load_hours *said);
// What holds: UTC, always, and with hours from Monday to Friday, where nothing was said.
struct hours load_hours_settle(struct loader *l, const struct load_hours *said);
// [{from: 2026-01-08, to: 2026-01-12}], dates in the zone; ascending, in the arena.
const struct absence *load_absences(struct loader *l, const struct config_node *node, int32_t zone,
                                    int32_t *n);

// ---- load_caps.c ----

// What is said replaces what stands in `caps`, one by one.
void load_caps(struct loader *l, const struct config_node *node, struct rep_caps *caps);

// ---- load_terms.c: what a team promises, and when its leads go elsewhere ----

void load_full(struct loader *l, const struct config_node *node, struct team *team);
void load_sla(struct loader *l, const struct config_node *node, struct sla *sla);
// `node`: the team.
void load_admit(struct loader *l, const struct config_node *node, struct team *team);
