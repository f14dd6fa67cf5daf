// SPDX-License-Identifier: Apache-2.0
// What became of leads, counted from the decisions on them: load per rep, waits, first touches,
// overflow. The same for decisions of a log and for those of a replay. Pure.
#pragma once

#include "assay/router/v1/router.pb-c.h"
#include "common/base/index.h"
#include "services/router/core/core.h"

enum { ROUTING_TEAMS_MAX = 256, ROUTING_MOTIONS = MOTION_SUPPRESS + 1 };

// One decision on a lead.
struct routing_step {
    enum router_step step;
    const char *lead_id, *motion, *queue, *team, *rep, *reason, *outcome;
    int64_t at_ms;  // on the clock that leads live by
    int64_t due_ms; // ASSIGNED: when it must be touched
};

#define ROUTING_NEVER INT64_MIN

struct routing_lead {
    char *id;
    enum motion motion;
    uint32_t rep; // its place in `reps`, + 1; 0: nobody
    int64_t created_ms, assigned_ms, held_ms, touched_ms, completed_ms, due_ms;
    char outcome[12];
    bool missed; // the present assignment's time has passed
};

struct routing_rep {
    char *team, *name;
    uint64_t assigned, credited, touched, missed, completed, won;
    uint32_t open, open_max;
};

struct routing {
    struct routing_lead *leads;
    size_t n_leads, leads_cap;
    struct index index;
    struct routing_rep *reps; // in order of team, then name, after routing_finish
    size_t n_reps, reps_cap;
    int64_t *waits_ms; // of leads that were held and then assigned or sent elsewhere
    size_t n_waits, waits_cap;
    int64_t *touches_ms; // from assignment (without a team: creation) to first touch
    size_t n_touches, touches_cap;
    uint64_t motions[ROUTING_MOTIONS]; // where leads ended up
    uint64_t held, overflowed, reassigned, escalated, reminded, withdrawn, completed, won, missed;
};
void routing_init(struct routing *routing);
void routing_deinit(struct routing *routing);
void routing_take(struct routing *routing, const struct routing_step *step);
// Of a decision on a lead, by the clock that the cluster lives by.
struct routing_step routing_step_of(const Assay__Router__V1__LeadDecision *lead, bool by_event);
struct routing_step routing_step_of_core(const struct router_decision *decision, bool by_event);
// The clock stands at now_ms at the end: first touches that are late by then are missed.
void routing_finish(struct routing *routing, int64_t now_ms);
const struct routing_lead *routing_find(const struct routing *routing, const char *lead_id);
enum motion routing_motion_of(const char *name); // SUPPRESS where there is no such motion
// Sorts; `percent` of 50 is the median. 0 when n is 0.
int64_t routing_quantile_ms(int64_t *durations, size_t n, int percent);
