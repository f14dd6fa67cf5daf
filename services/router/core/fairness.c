// SPDX-License-Identifier: Apache-2.0
// Each assignment goes to the lowest assigned / weight of those who can take the lead, so that two
// reps who both can stay within one lead of each other, by weight. What needs care is who could not
// for a while. Of the reps who take the same leads (a family) those who could take some when
// somebody of the family last could are the present ones; whoever joins or comes back starts at the
// lowest count of these, by weight, or at his own where that is higher. While nobody of the family
// can take a lead, those who were present last stay so: whoever comes first starts at their level.
//
// Let x be assigned / weight. Between present i and j, x_j grows only while it is not above x_i, so
// that -1/w_i <= x_j - x_i <= 1/w_j holds on. It holds for one who comes back: he starts at
// ceil(m w) / w, with m the lowest x of the present, which is within [m, m + 1/w); and an own count
// above that was within 1/w of an earlier m, which only grows. Choices that do not go by count
// (owners, by hand, a lead that was taken from somebody, caps that depend on the lead, credits) can
// move two further apart; then the one behind gets what both can take until they are level.
#include "services/router/core/teams_impl.h"

#include "common/base/check.h"
#include "common/base/mem.h"

// assigned / weight as two numbers; weight 0: nothing known.
struct level {
    uint64_t assigned;
    int32_t weight;
};

struct family {
    struct level present; // the lowest of the present
    struct level highest; // of all
    bool any;             // somebody can take a lead now
};

static bool lower(struct level a, struct level b)
{
    return a.assigned * (uint64_t)b.weight < b.assigned * (uint64_t)a.weight;
}

static struct level level_of(const struct desk *desk)
{
    return (struct level){desk->assigned, desk->in_force->weight};
}

bool fairness_less(const struct desk *a, const struct desk *b)
{
    return lower(level_of(a), level_of(b));
}

static void learn_family(struct family *family, const struct desk *desk)
{
    struct level own = level_of(desk);
    if (!desk->away && (family->present.weight == 0 || lower(own, family->present)))
        family->present = own;
    if (family->highest.weight == 0 || lower(family->highest, own))
        family->highest = own;
    family->any |= desk->in_force->look.base == ROUTER_CHOSEN;
}

// Where nobody was present, whoever got the team's last lead is there to compare with.
static struct level level_to_start_at(const struct crew *crew, const struct family *family)
{
    if (family->present.weight != 0)
        return family->present;
    struct level last = {crew->level_assigned, crew->level_weight};
    return last.weight != 0 && lower(family->highest, last) ? last : family->highest;
}

static void come_back(struct desk *desk, struct level level)
{
    uint64_t weight = (uint64_t)desk->in_force->weight, per = (uint64_t)level.weight;
    uint64_t start = (level.assigned * weight + per - 1) / per;
    if (start > desk->assigned)
        desk->assigned = start;
    desk->floor = desk->assigned;
}

void fairness_look(struct router_core *core, struct crew *crew)
{
    struct family *families = mem_zalloc(((size_t)crew->n_desks + 1) * sizeof *families);
    for (uint32_t i = 0; i < crew->n_desks; i++) {
        struct desk *desk = crew->desks[i];
        assign_look(core, crew, desk, core->clock_ms, &desk->in_force->look);
        if (!desk->in_force->removed)
            learn_family(&families[desk->in_force->family], desk);
    }
    for (uint32_t i = 0; i < crew->n_desks; i++) {
        struct desk *desk = crew->desks[i];
        const struct family *family = &families[desk->in_force->family];
        if (desk->in_force->removed || !family->any)
            continue;
        bool can = desk->in_force->look.base == ROUTER_CHOSEN;
        if (can && desk->away)
            come_back(desk, level_to_start_at(crew, family));
        if (desk->away == can)
            crew->dirty = true;
        desk->away = !can;
    }
    mem_free(families);
}

void fairness_assigned(struct crew *crew, struct desk *desk)
{
    desk->assigned++;
    crew->level_assigned = desk->assigned;
    crew->level_weight = desk->in_force->weight;
    crew->dirty = true;
}

void fairness_credit(struct desk *desk)
{
    if (desk->assigned > desk->floor)
        desk->assigned--;
}

void fairness_join(struct desk *desk)
{
    desk->assigned = desk->floor = 0;
    desk->away = true;
}

// His count is worth more or less now: he starts again at the level of the others, or where there
// are none at his own.
void fairness_weigh(struct crew *crew, struct desk *desk, int32_t before)
{
    bool others = false;
    for (uint32_t i = 0; i < crew->n_desks; i++) {
        const struct desk *other = crew->desks[i];
        others |= other != desk && !other->away && !other->in_force->removed &&
                  other->in_force->family == desk->in_force->family;
    }
    CHECK(before > 0);
    uint64_t same = desk->assigned * (uint64_t)desk->in_force->weight / (uint64_t)before;
    desk->assigned = desk->floor = others ? 0 : same;
    desk->away = true;
}
