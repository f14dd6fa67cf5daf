// SPDX-License-Identifier: Apache-2.0
#include "services/router/core/state.h"

#include "common/base/mem.h"

void router_teams_place(struct router_core *core, struct router_lead *lead,
                        const struct cause *cause, struct router_effects *effects)
{
    (void)core;
    (void)lead;
    (void)cause;
    (void)effects;
}

void router_teams_leave(struct router_core *core, struct router_lead *lead, bool credit)
{
    (void)core;
    (void)lead;
    (void)credit;
}

void router_teams_reassign(struct router_core *core, struct router_lead *lead, const char *reason,
                           const struct cause *cause, struct router_effects *effects)
{
    (void)core;
    (void)lead;
    (void)reason;
    (void)cause;
    (void)effects;
}

void router_teams_fill(struct router_core *core, struct router_effects *effects)
{
    (void)core;
    (void)effects;
}

void router_teams_overflow(struct router_core *core, struct router_lead *lead,
                           struct router_effects *effects)
{
    (void)core;
    (void)lead;
    (void)effects;
}

int64_t router_teams_next_ms(const struct router_core *core)
{
    (void)core;
    return INT64_MAX;
}

void router_teams_playbook(struct router_core *core, struct router_effects *effects)
{
    (void)core;
    (void)effects;
}

struct crew *router_teams_crew(struct router_core *core, struct span name, bool add)
{
    (void)core;
    (void)name;
    (void)add;
    return NULL;
}

struct desk *router_teams_desk(struct crew *crew, struct span rep, bool add)
{
    (void)crew;
    (void)rep;
    (void)add;
    return NULL;
}

void router_teams_deinit(struct crew *crew)
{
    mem_free(crew);
}

bool router_teams_restored(struct router_core *core)
{
    (void)core;
    return true;
}

enum err router_core_change_rep(struct router_core *core, int64_t now_ms,
                                const struct router_rep_change *change,
                                struct router_effects *effects, struct err_info *info)
{
    router_core_tick(core, now_ms, effects);
    return err_set(info, ERR_NOT_FOUND, "team: there is no \"" SPAN_FMT "\"",
                   SPAN_ARG(change->team));
}

enum err router_core_assign(struct router_core *core, int64_t now_ms, struct span lead_id,
                            struct span rep, struct span by, struct span reason,
                            const struct router_lead **out, struct router_effects *effects,
                            struct err_info *info)
{
    (void)lead_id;
    (void)rep;
    (void)by;
    (void)reason;
    *out = NULL;
    router_core_tick(core, now_ms, effects);
    return err_set(info, ERR_CONFLICT, "there is no team");
}

size_t router_core_teams(const struct router_core *core, int64_t now_ms, struct arena *arena,
                         const struct router_team_view **out)
{
    (void)core;
    (void)now_ms;
    (void)arena;
    *out = NULL;
    return 0;
}

void router_teams_again(struct router_core *core, struct router_lead *lead,
                        const struct cause *cause, struct router_effects *effects)
{
    (void)core;
    (void)lead;
    (void)cause;
    (void)effects;
}

void router_teams_rank_again(struct router_core *core)
{
    (void)core;
}
