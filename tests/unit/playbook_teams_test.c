// SPDX-License-Identifier: Apache-2.0
// links: playbook config base
// Teams as the router sees them: calendars, caps, promises.
#include <string.h>

#include "tests/support/playbook_good.h"

enum { MINUTE = TIME_MINUTE_MS, HOUR = TIME_HOUR_MS };

#define BIG "segments:\n  big: {account.employees: {at_least: 500}}\n"

static const struct rep *rep_of(const struct team *team, const char *name)
{
    for (int32_t i = 0; i < team->n_reps; i++) {
        if (strcmp(team->reps[i].name, name) == 0)
            return &team->reps[i];
    }
    cr_assert_fail("no rep %s", name);
    return NULL;
}

static const char *zone_of(const struct playbook *playbook, const struct hours *hours)
{
    cr_assert(hours->zone >= 0 && hours->zone < playbook->n_zones);
    return playbook->zones[hours->zone].name;
}

static int32_t offset_s(const struct playbook *playbook, const char *zone, const char *instant)
{
    for (int32_t i = 0; i < playbook->n_zones; i++) {
        const struct zone *at = &playbook->zones[i];
        int32_t offset = at->shifts[0].offset_s;
        if (strcmp(at->name, zone) != 0)
            continue;
        cr_expect_eq(at->shifts[0].from_ms, INT64_MIN);
        for (int32_t j = 0; j < at->n_shifts; j++) {
            if (at->shifts[j].from_ms <= good_instant(instant))
                offset = at->shifts[j].offset_s;
        }
        return offset;
    }
    cr_assert_fail("no zone %s", zone);
    return 0;
}

Test(playbook_teams, what_nobody_says_has_its_default)
{
    struct playbook *playbook = playbook_good(HEAD "teams: {smb: {queue: sales, reps: {ana: }}}\n");
    cr_assert_eq(playbook->n_teams, 1);
    const struct team *team = &playbook->teams[0];
    cr_expect_str_eq(team->name, "smb");
    cr_expect_eq(team->line, 3);
    cr_expect_str_eq(playbook->queues[team->queue].name, "sales");
    cr_expect_eq(playbook->queues[team->queue].team, 0);
    cr_expect_eq(team->wait_ms, INT64_MAX);
    cr_expect(team->wait_working);
    cr_expect_eq(team->then_queue, PLAYBOOK_NONE);
    cr_expect(!team->owner_only);
    cr_expect(!team->admit.set);
    cr_expect_eq(team->sla.first_touch_ms, 0);
    cr_expect_eq(team->sla.n_escalations, 0);
    cr_assert_eq(team->n_reps, 1);
    const struct rep *ana = rep_of(team, "ana");
    cr_expect_eq(ana->weight, 1);
    cr_expect(!ana->inactive);
    cr_expect_eq(ana->n_absences, 0);
    cr_expect_str_eq(ana->takes_text, "always");
    cr_expect_eq(playbook->conditions[ana->takes].kind, CONDITION_ALWAYS);
    cr_expect_str_eq(zone_of(playbook, &ana->hours), "UTC");
    cr_expect_eq(ana->hours.days, 0x7f);
    cr_expect_eq(ana->hours.from_min, 0);
    cr_expect_eq(ana->hours.to_min, 1440);
    cr_expect_eq(ana->hours.n_holidays, 0);
    cr_expect_eq(ana->caps.open, 0);
    cr_expect_eq(ana->caps.per_day, 0);
    cr_expect_eq(ana->caps.per_period, 0);
    cr_expect_eq(ana->caps.units, 0);
    cr_expect_eq(ana->caps.n_when, 0);
    playbook_destroy(playbook);
}

Test(playbook_teams, without_teams_there_is_nothing_of_them)
{
    struct playbook *playbook = playbook_good(HEAD "signals: {s: always}\n");
    cr_expect_eq(playbook->n_teams, 0);
    cr_expect_eq(playbook->n_zones, 0);
    cr_expect_eq(playbook->owner_fact, PLAYBOOK_NONE);
    cr_expect_eq(playbook->busiest_fact, PLAYBOOK_NONE);
    cr_expect_eq(playbook->never_user, PLAYBOOK_NONE);
    cr_expect_eq(playbook->never_account, PLAYBOOK_NONE);
    cr_expect_eq(playbook->consent, PLAYBOOK_NONE);
    cr_expect_eq(playbook->age_points, 0);
    for (int32_t i = 0; i < playbook->n_queues; i++)
        cr_expect_eq(playbook->queues[i].team, PLAYBOOK_NONE);
    playbook_destroy(playbook);
}

Test(playbook_teams, a_rep_says_what_the_team_does_not)
{
    struct playbook *playbook =
        playbook_good(HEAD BIG "teams:\n"
                               "  smb:\n"
                               "    queue: sales\n"
                               "    zone: Europe/Berlin\n"
                               "    hours: \"09:00-17:30\"\n"
                               "    holidays: [2026-12-26, 2026-12-25]\n"
                               "    caps: {open: 5, per_day: 3, units: 12}\n"
                               "    reps:\n"
                               "      cleo: {hours: always, holidays: []}\n"
                               "      ana@example.com:\n"
                               "        weight: 2\n"
                               "        zone: America/New_York\n"
                               "        hours: \"00:00-24:00\"\n"
                               "        days: [sat, mon]\n"
                               "        holidays: [2026-07-03]\n"
                               "        takes: [{segment: big}, {account.country: DE}]\n"
                               "        inactive: true\n"
                               "      Ben Ames: {days: [sun]}\n");
    const struct team *team = &playbook->teams[0];
    cr_assert_eq(team->n_reps, 3);
    // In order of name.
    cr_expect_str_eq(team->reps[0].name, "Ben Ames");
    cr_expect_str_eq(team->reps[1].name, "ana@example.com");
    cr_expect_str_eq(team->reps[2].name, "cleo");
    cr_expect_eq(team->hours.days, 0x1f);
    cr_expect_eq(team->hours.from_min, 9 * 60);
    cr_expect_eq(team->hours.to_min, 17 * 60 + 30);
    cr_assert_eq(team->hours.n_holidays, 2);
    cr_expect_eq(team->hours.holidays[0], good_day("2026-12-25"));
    cr_expect_eq(team->hours.holidays[1], good_day("2026-12-26"));
    cr_expect_eq(team->caps.open, 5);

    const struct rep *ana = rep_of(team, "ana@example.com");
    cr_expect_eq(ana->weight, 2);
    cr_expect(ana->inactive);
    cr_expect_str_eq(zone_of(playbook, &ana->hours), "America/New_York");
    cr_expect_eq(ana->hours.days, 0x21);
    cr_expect_eq(ana->hours.from_min, 0);
    cr_expect_eq(ana->hours.to_min, 1440);
    cr_assert_eq(ana->hours.n_holidays, 1);
    cr_expect_eq(ana->hours.holidays[0], good_day("2026-07-03"));
    cr_expect_str_eq(ana->takes_text, "segment.big and account.country is DE");
    cr_expect_eq(playbook->conditions[ana->takes].kind, CONDITION_ALL);
    cr_expect_str_eq(good_looks_at(playbook, playbook->conditions[ana->takes].children[1]),
                     "when.account.country is DE");

    const struct rep *ben = rep_of(team, "Ben Ames");
    cr_expect_str_eq(zone_of(playbook, &ben->hours), "Europe/Berlin");
    cr_expect_eq(ben->hours.days, 0x40);
    cr_expect_eq(ben->hours.from_min, 9 * 60);
    cr_expect_eq(ben->hours.n_holidays, 2);

    const struct rep *cleo = rep_of(team, "cleo");
    cr_expect_eq(cleo->hours.days, 0x7f);
    cr_expect_eq(cleo->hours.from_min, 0);
    cr_expect_eq(cleo->hours.to_min, 1440);
    cr_expect_eq(cleo->hours.n_holidays, 0);
    playbook_destroy(playbook);
}

Test(playbook_teams, caps_replace_those_of_the_team_one_by_one)
{
    struct playbook *playbook = playbook_good(
        HEAD BIG
        "teams:\n"
        "  smb:\n"
        "    queue: sales\n"
        "    caps:\n"
        "      open: 5\n"
        "      per_day: 3\n"
        "      per_period: {at_most: 10, within: 7d}\n"
        "      units: 12\n"
        "      when: [{if: {segment: big}, open: 2}, {if: {account.plan: free}, open: 0}]\n"
        "    reps:\n"
        "      ana: {caps: {open: 8, per_period: {at_most: 4, within: 90m}}}\n"
        "      ben:\n"
        "      cleo: {caps: {open: none, per_day: none, per_period: none, units: none, "
        "when: none}}\n");
    const struct team *team = &playbook->teams[0];
    const struct rep_caps *ana = &rep_of(team, "ana")->caps, *ben = &rep_of(team, "ben")->caps;
    const struct rep_caps *cleo = &rep_of(team, "cleo")->caps;
    cr_expect_eq(ben->open, 5);
    cr_expect_eq(ben->per_day, 3);
    cr_expect_eq(ben->per_period, 10);
    cr_expect_eq(ben->period_ms, 7 * 24 * (int64_t)HOUR);
    cr_expect_eq(ben->units, 12);
    cr_assert_eq(ben->n_when, 2);
    cr_expect_str_eq(good_looks_at(playbook, ben->when[0].condition), "segment.big");
    cr_expect_eq(ben->when[0].open, 2);
    cr_expect_str_eq(good_looks_at(playbook, ben->when[1].condition), "when.account.plan is free");
    cr_expect_eq(ben->when[1].open, 0);
    cr_expect_eq(ana->open, 8);
    cr_expect_eq(ana->per_day, 3);
    cr_expect_eq(ana->per_period, 4);
    cr_expect_eq(ana->period_ms, 90 * MINUTE);
    cr_expect_eq(ana->n_when, 2);
    cr_expect_eq(cleo->open, 0);
    cr_expect_eq(cleo->per_day, 0);
    cr_expect_eq(cleo->per_period, 0);
    cr_expect_eq(cleo->period_ms, 0);
    cr_expect_eq(cleo->units, 0);
    cr_expect_eq(cleo->n_when, 0);
    playbook_destroy(playbook);
}

Test(playbook_teams, zones_come_with_their_shifts)
{
    struct playbook *playbook = playbook_good(HEAD "teams:\n"
                                                   "  smb:\n"
                                                   "    queue: sales\n"
                                                   "    zone: Europe/Berlin\n"
                                                   "    reps:\n"
                                                   "      ana: {zone: America/New_York}\n"
                                                   "      ben: {zone: Asia/Kolkata}\n"
                                                   "      cleo: {zone: UTC}\n"
                                                   "      dora: {zone: Europe/Berlin}\n");
    cr_expect_eq(playbook->n_zones, 4); // each once
    cr_expect_eq(offset_s(playbook, "Europe/Berlin", "2026-03-29T00:59:59.999Z"), 3600);
    cr_expect_eq(offset_s(playbook, "Europe/Berlin", "2026-03-29T01:00:00Z"), 7200);
    cr_expect_eq(offset_s(playbook, "Europe/Berlin", "2026-10-25T00:59:59.999Z"), 7200);
    cr_expect_eq(offset_s(playbook, "Europe/Berlin", "2026-10-25T01:00:00Z"), 3600);
    cr_expect_eq(offset_s(playbook, "America/New_York", "2026-03-08T06:59:59Z"), -5 * 3600);
    cr_expect_eq(offset_s(playbook, "America/New_York", "2026-03-08T07:00:00Z"), -4 * 3600);
    cr_expect_eq(offset_s(playbook, "Asia/Kolkata", "2026-07-01T00:00:00Z"), 19800);
    cr_expect_eq(offset_s(playbook, "UTC", "2026-07-01T00:00:00Z"), 0);
    playbook_destroy(playbook);
}

Test(playbook_teams, absences_begin_and_end_with_local_days)
{
    struct playbook *playbook =
        playbook_good(HEAD "teams:\n"
                           "  smb:\n"
                           "    queue: sales\n"
                           "    zone: Europe/Berlin\n"
                           "    reps:\n"
                           "      ana: {absent: [{from: 2026-03-28, to: 2026-03-29}, "
                           "{from: 2026-01-08T12:00:00Z, to: 2026-01-09}]}\n"
                           "      ben: {zone: America/New_York, absent: [{from: 2026-07-04, to: "
                           "2026-07-04}]}\n"
                           "      cleo: {zone: Pacific/Apia, absent: [{from: 2011-12-30, to: "
                           "2011-12-30T12:00:00Z}]}\n");
    const struct rep *ana = rep_of(&playbook->teams[0], "ana");
    const struct rep *ben = rep_of(&playbook->teams[0], "ben");
    const struct rep *cleo = rep_of(&playbook->teams[0], "cleo");
    cr_assert_eq(ana->n_absences, 2);
    cr_expect_eq(ana->absences[0].from_ms, good_instant("2026-01-08T12:00:00Z"));
    cr_expect_eq(ana->absences[0].to_ms, good_instant("2026-01-09T23:00:00Z"));
    // Clocks go forward on the second day.
    cr_expect_eq(ana->absences[1].from_ms, good_instant("2026-03-27T23:00:00Z"));
    cr_expect_eq(ana->absences[1].to_ms, good_instant("2026-03-29T22:00:00Z"));
    cr_assert_eq(ben->n_absences, 1);
    cr_expect_eq(ben->absences[0].from_ms, good_instant("2026-07-04T04:00:00Z"));
    cr_expect_eq(ben->absences[0].to_ms, good_instant("2026-07-05T04:00:00Z"));
    // That day never was in Samoa: it begins with the next one.
    cr_expect_eq(cleo->absences[0].from_ms, good_instant("2011-12-30T10:00:00Z"));
    playbook_destroy(playbook);
}

Test(playbook_teams, promises_and_where_leads_go_instead)
{
    struct playbook *playbook = playbook_good(
        HEAD "queues: {backup: , big: }\n"
             "teams:\n"
             "  zeta:\n"
             "    queue: sales\n"
             "    reps: {ana: }\n"
             "    owner: wait\n"
             "    full: {wait: 30m, then: {motion: sales, queue: backup}, working_time: false}\n"
             "    sla:\n"
             "      first_touch: 1h\n"
             "      remind: 45m\n"
             "      reassign: 3\n"
             "      escalate: [{after: 4h, to: vp}, {after: 2h, to: \"lead manager\"}]\n"
             "      working_time: false\n"
             "    admit: {slots_per_week: 40, days: 14}\n"
             "  alpha:\n"
             "    queue: big\n"
             "    reps: {ana: {caps: {per_day: 2}}}\n"
             "    full: {then: suppress}\n"
             "    sla: {first_touch: 90s}\n"
             "    admit: auto\n"
             "    owner: team\n");
    cr_assert_eq(playbook->n_teams, 2);
    const struct team *alpha = &playbook->teams[0], *zeta = &playbook->teams[1];
    cr_expect_str_eq(alpha->name, "alpha");
    cr_expect_str_eq(zeta->name, "zeta");
    cr_expect_eq(playbook->queues[zeta->queue].team, 1);
    cr_expect_eq(playbook->queues[alpha->queue].team, 0);
    cr_expect(zeta->owner_only);
    cr_expect_eq(zeta->wait_ms, 30 * MINUTE);
    cr_expect(!zeta->wait_working);
    cr_expect_eq(zeta->then_motion, MOTION_SALES);
    cr_expect_str_eq(playbook->queues[zeta->then_queue].name, "backup");
    cr_expect_eq(zeta->sla.first_touch_ms, HOUR);
    cr_expect_eq(zeta->sla.remind_ms, 45 * MINUTE);
    cr_expect_eq(zeta->sla.reassigns, 3);
    cr_expect(!zeta->sla.working_time);
    cr_assert_eq(zeta->sla.n_escalations, 2);
    cr_expect_eq(zeta->sla.escalations[0].after_ms, 2 * HOUR);
    cr_expect_str_eq(zeta->sla.escalations[0].to, "lead manager");
    cr_expect_eq(zeta->sla.escalations[1].after_ms, 4 * HOUR);
    cr_expect_str_eq(zeta->sla.escalations[1].to, "vp");
    cr_expect(zeta->admit.set);
    cr_expect_eq(zeta->admit.slots_per_week, 40);
    cr_expect_eq(zeta->admit.days, 14);

    cr_expect(!alpha->owner_only);
    cr_expect_eq(alpha->wait_ms, 0);
    cr_expect(alpha->wait_working);
    cr_expect_eq(alpha->then_motion, MOTION_SUPPRESS);
    cr_expect_eq(alpha->then_queue, PLAYBOOK_NONE);
    cr_expect_eq(alpha->sla.first_touch_ms, 90 * TIME_SECOND_MS);
    cr_expect_eq(alpha->sla.remind_ms, 0);
    cr_expect_eq(alpha->sla.reassigns, 1);
    cr_expect(alpha->sla.working_time);
    cr_expect(alpha->admit.set);
    cr_expect_eq(alpha->admit.slots_per_week, 0);
    cr_expect_eq(alpha->admit.days, 28);
    playbook_destroy(playbook);
}

Test(playbook_teams, the_owner_is_a_fact_of_the_account)
{
    struct playbook *playbook = playbook_good(HEAD "teams: {smb: {queue: sales, reps: {ana: }}}\n");
    cr_assert_neq(playbook->owner_fact, PLAYBOOK_NONE);
    const struct signal *fact = &playbook->signals[playbook->owner_fact];
    cr_expect_str_eq(fact->name, "fact.account.owner");
    cr_expect_eq(fact->origin, SIGNAL_FACT);
    cr_expect_eq(fact->scope, SCOPE_ACCOUNT);
    cr_expect_eq(fact->fact_of, OPERAND_ACCOUNT_TRAIT);
    cr_expect_str_eq(fact->fact_key, "owner");
    cr_expect_eq(fact->fact_measure, PLAYBOOK_NONE);
    cr_expect_str_eq(fact->canonical, "account: account.owner exists true fact");
    const struct condition *condition = &playbook->conditions[fact->condition];
    cr_expect_eq(condition->test, TEST_EXISTS);
    cr_expect(condition->expected);
    playbook_destroy(playbook);
    playbook = playbook_good(HEAD "owner: account.sales_rep.email\n"
                                  "teams: {smb: {queue: sales, reps: {ana: }}}\n");
    cr_expect_str_eq(playbook->signals[playbook->owner_fact].name, "fact.account.sales_rep.email");
    cr_expect_str_eq(playbook->signals[playbook->owner_fact].fact_key, "sales_rep.email");
    playbook_destroy(playbook);
}

Test(playbook_teams, a_fact_means_something_else_than_a_signal_of_the_same_condition)
{
    struct playbook *playbook =
        playbook_good(HEAD "signals: {owned: {account.owner: {exists: true}}}\n"
                           "teams: {smb: {queue: sales, reps: {ana: }}}\n");
    cr_expect_neq(playbook->signals[playbook->owner_fact].meaning,
                  good_signal(playbook, "owned")->meaning);
    playbook_destroy(playbook);
}
