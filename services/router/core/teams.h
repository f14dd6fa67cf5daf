// SPDX-License-Identifier: Apache-2.0
// Reps and who gets which lead: what an operator may change, and what can be seen.
#pragma once

#include "services/router/core/core.h"

enum {
    ROUTER_REPS_MAX = 1000,   // of a team, with those that were removed
    ROUTER_TAKEN_MAX = 10000, // assignments of a rep, remembered: a higher cap by time counts as it
};

// What an operator says of a rep. It stands over the playbook, also the next one's, until a change
// with `reset`. Nothing else changes than what has its flag.
struct router_rep_change {
    struct span team, rep;
    struct span by, reason; // for the decision log; may be empty
    bool add;               // a rep whom the playbook does not have; CONFLICT when he is there
    bool remove;            // gets nothing any more; what he holds goes to others
    bool reset; // back to what the playbook says; a rep whom it does not have is removed
    bool set_active, active;
    bool set_weight;
    int32_t weight; // 1 to 100
    bool set_open, set_per_day, set_per_period, set_units;
    int32_t open, per_day, per_period, units; // 0: no such cap; at most 1,000,000
    int64_t period_ms;                        // with set_per_period; 1 minute to 31 days
    bool set_absent;
    // Beside the playbook's absences; replaces what was said before. From 0: from now on. Until not
    // after from: he is back, also from an absence of the playbook that holds now.
    int64_t absent_from_ms, absent_until_ms;
};
// NOT_FOUND: no such team or rep. INVALID: a value out of bounds. CONFLICT: see add. FULL: too
// many. Leads of a rep who is removed, or no longer active, that nobody has touched yet go to
// others, with his credit returned; of those that he has acked he stays the rep unless he is
// removed.
MUST_USE enum err router_core_change_rep(struct router_core *core, int64_t now_ms,
                                         const struct router_rep_change *change,
                                         struct router_effects *effects, struct err_info *info);

// Gives a waiting, leased or acked lead of a team's queue to a rep of that team by hand, whatever
// his caps and hours say (INVALID when he is inactive or removed); the rep before him gets his
// credit back, and his lease ends. An empty rep: to whoever is next. NOT_FOUND: no such lead or
// rep. CONFLICT: the lead has ended, or its queue has no team. Already his: OK, without effect.
MUST_USE enum err router_core_assign(struct router_core *core, int64_t now_ms, struct span lead_id,
                                     struct span rep, struct span by, struct span reason,
                                     const struct router_lead **out, struct router_effects *effects,
                                     struct err_info *info);

// A rep as he is now. Texts live in the arena or as long as the core.
struct router_rep_view {
    struct router_candidate now; // for a lead of 1 unit that he takes and has not had: CHOSEN when
                                 // he could take it
    const char *takes;
    struct rep_caps caps; // in force; without `when`
    bool by_hand;         // something of him was changed by an operator
    bool added, removed;
    int64_t absent_until_ms; // 0: not absent
    int64_t next_change_ms;  // of `now`, by the calendar alone; INT64_MAX: none in sight
    uint64_t ever_assigned, credited, touched, missed, completed, won;
    uint64_t touch_ms_total; // of `touched`: from assignment to first touch
};
struct router_team_view {
    const char *name, *queue;
    const struct router_rep_view *reps; // in order of name
    size_t n_reps;
    uint64_t held;          // leads that wait for a rep
    int64_t oldest_held_ms; // since when; INT64_MIN: none
    uint64_t overflowed;
    int64_t first_touch_ms; // the SLA; 0: none
    // Admission: leads below this priority go elsewhere at once.
    bool admits;
    int32_t admit_from;
    int64_t admit_slots; // a week; -1: the caps have no bound
    double admit_weekly; // leads a week at or above, expected from the days looked back at
    double turned_away_weekly;
    double lost_won_weekly; // of those, how many would be won, going by outcomes of that strength
    int64_t admit_since_ms; // when it was last worked out; 0: never
};
// In order of name. Returns their number; `now_ms` is the caller's clock.
size_t router_core_teams(const struct router_core *core, int64_t now_ms, struct arena *arena,
                         const struct router_team_view **out);
