// SPDX-License-Identifier: Apache-2.0
// links: playbook config base
// Every mistake that teams can have, with the whole message as a person sees it.
#include <criterion/criterion.h>

#include "services/playbook/load.h"
#include "tests/support/playbook_bad.h"

// clang-format off
static const struct bad BAD[] = {
    {"teams_is_a_list",
     "playbook: p\n"
     "version: 1\n"
     "teams: [smb]\n",
     "p.yaml:3:8: $.teams: expected teams, as in {smb: {queue: sales, reps: ..}}, found a list\n"
     "  3 | teams: [smb]\n"
     "    |        ^\n"},
    {"team_is_empty",
     "playbook: p\n"
     "version: 1\n"
     "teams:\n"
     "  smb:\n",
     "p.yaml:4:7: $.teams.smb: expected a team, as in {queue: sales, reps: {ana: {weight: 2}}}, found nothing\n"
     "  4 |   smb:\n"
     "    |       ^\n"},
    {"team_name",
     "playbook: p\n"
     "version: 1\n"
     "teams: {SMB: {queue: sales, reps: {ana: }}}\n",
     "p.yaml:3:9: $.teams: \"SMB\" is not a name that can be used here\n"
     "  3 | teams: {SMB: {queue: sales, reps: {ana: }}}\n"
     "    |         ^ a small letter, then small letters, digits and _, at most 64\n"},
    {"team_key",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    zoen: UTC\n"
     "    reps: {ana: }\n",
     "p.yaml:8:5: $.teams.smb: unknown key \"zoen\"\n"
     "  8 |     zoen: UTC\n"
     "    |     ^ did you mean \"zone\"?\n"},
    {"team_without_queue",
     "playbook: p\n"
     "version: 1\n"
     "teams: {smb: {reps: {ana: }}}\n",
     "p.yaml:3:14: $.teams.smb: missing key \"queue\"\n"
     "  3 | teams: {smb: {reps: {ana: }}}\n"
     "    |              ^ say which queue it works, as in queue: sales\n"},
    {"team_of_unknown_queue",
     "playbook: p\n"
     "version: 1\n"
     "teams: {smb: {queue: salse, reps: {ana: }}}\n",
     "p.yaml:3:22: $.teams.smb.queue: unknown queue \"salse\"\n"
     "  3 | teams: {smb: {queue: salse, reps: {ana: }}}\n"
     "    |                      ^ did you mean \"sales\"?\n"},
    {"two_teams_of_one_queue",
     "playbook: p\n"
     "version: 1\n"
     "teams:\n"
     "  b: {queue: sales, reps: {ana: }}\n"
     "  a: {queue: sales, reps: {ben: }}\n",
     "p.yaml:4:14: $.teams.b.queue: the queue \"sales\" has the team \"a\" already (line 5)\n"
     "  4 |   b: {queue: sales, reps: {ana: }}\n"
     "    |              ^ give each team a queue of its own under queues:\n"},
    {"unknown_zone",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    zone: Europe/Berlni\n"
     "    reps: {ana: }\n",
     "p.yaml:8:11: $.teams.smb.zone: unknown time zone \"Europe/Berlni\"\n"
     "  8 |     zone: Europe/Berlni\n"
     "    |           ^ did you mean \"Europe/Berlin\"?\n"},
    {"zone_by_its_place_alone",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    zone: new york\n"
     "    reps: {ana: }\n",
     "p.yaml:8:11: $.teams.smb.zone: unknown time zone \"new york\"\n"
     "  8 |     zone: new york\n"
     "    |           ^ did you mean \"America/New_York\"?\n"},
    {"zone_by_an_abbreviation",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    zone: PST\n"
     "    reps: {ana: }\n",
     "p.yaml:8:11: $.teams.smb.zone: unknown time zone \"PST\"\n"
     "  8 |     zone: PST\n"
     "    |           ^ a region and a place, as in Europe/Berlin, or UTC\n"},
    {"hours_are_no_hours",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    hours: 9-5\n"
     "    reps: {ana: }\n",
     "p.yaml:8:12: $.teams.smb.hours: expected hours of the day, found \"9-5\"\n"
     "  8 |     hours: 9-5\n"
     "    |            ^ write \"09:00-17:00\", or always\n"},
    {"hours_of_no_day",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    hours: \"09:00-25:00\"\n"
     "    reps: {ana: }\n",
     "p.yaml:8:12: $.teams.smb.hours: expected hours of the day, found \"09:00-25:00\"\n"
     "  8 |     hours: \"09:00-25:00\"\n"
     "    |            ^ write \"09:00-17:00\", or always\n"},
    {"hours_over_midnight",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    hours: \"22:00-06:00\"\n"
     "    reps: {ana: }\n",
     "p.yaml:8:12: $.teams.smb.hours: working hours end after they begin, on the same day\n"
     "  8 |     hours: \"22:00-06:00\"\n"
     "    |            ^ to midnight is 24:00\n"},
    {"unknown_day",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    days: [mon, tues]\n"
     "    reps: {ana: }\n",
     "p.yaml:8:17: $.teams.smb.days[1]: unknown value \"tues\"\n"
     "  8 |     days: [mon, tues]\n"
     "    |                 ^ did you mean \"tue\"?\n"},
    {"a_day_twice",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    days: [mon, mon]\n"
     "    reps: {ana: }\n",
     "p.yaml:8:17: $.teams.smb.days[1]: \"mon\" stands in the list twice\n"
     "  8 |     days: [mon, mon]\n"
     "    |                 ^\n"},
    {"holidays_are_a_text",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    holidays: 2026-12-25\n"
     "    reps: {ana: }\n",
     "p.yaml:8:15: $.teams.smb.holidays: expected dates, as in [2026-12-25], found \"2026-12-25\"\n"
     "  8 |     holidays: 2026-12-25\n"
     "    |               ^\n"},
    {"a_holiday_is_no_date",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    holidays: [2026-02-30, 25.12.2026]\n"
     "    reps: {ana: }\n",
     "p.yaml:8:16: $.teams.smb.holidays[0]: expected a date, found \"2026-02-30\"\n"
     "  8 |     holidays: [2026-02-30, 25.12.2026]\n"
     "    |                ^ write 2026-12-25\n"
     "p.yaml:8:28: $.teams.smb.holidays[1]: expected a date, found \"25.12.2026\"\n"
     "  8 |     holidays: [2026-02-30, 25.12.2026]\n"
     "    |                            ^ write 2026-12-25\n"
     "2 errors\n"},
    {"a_holiday_twice",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    holidays: [2026-12-25, 2026-12-25]\n"
     "    reps: {ana: }\n",
     "p.yaml:8:28: $.teams.smb.holidays[1]: the date stands in the list twice\n"
     "  8 |     holidays: [2026-12-25, 2026-12-25]\n"
     "    |                            ^\n"},
    {"reps_is_a_list",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    reps: [ana, ben]\n",
     "p.yaml:8:11: $.teams.smb.reps: expected reps, as in {ana: {weight: 2}}, found a list\n"
     "  8 |     reps: [ana, ben]\n"
     "    |           ^\n"},
    {"rep_twice_in_other_letters",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    reps: {Ana: , ana: }\n",
     "p.yaml:8:19: $.teams.smb.reps: \"Ana\" is a rep of the team already (line 8)\n"
     "  8 |     reps: {Ana: , ana: }\n"
     "    |                   ^\n"},
    {"rep_without_a_name",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    reps: {\" ana\": }\n",
     "p.yaml:8:12: $.teams.smb.reps: expected the name of a rep, found \" ana\"\n"
     "  8 |     reps: {\" ana\": }\n"
     "    |            ^ at most 64 bytes, as in ana or ana@example.com\n"},
    {"rep_is_a_text",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    reps: {ana: senior}\n",
     "p.yaml:8:17: $.teams.smb.reps.ana: expected a rep, as in {weight: 2}, found \"senior\"\n"
     "  8 |     reps: {ana: senior}\n"
     "    |                 ^\n"},
    {"rep_key",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    reps:\n"
     "      ana: {wieght: 2}\n",
     "p.yaml:9:13: $.teams.smb.reps.ana: unknown key \"wieght\"\n"
     "  9 |       ana: {wieght: 2}\n"
     "    |             ^ did you mean \"weight\"?\n"},
    {"weight_is_zero",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    reps:\n"
     "      ana: {weight: 0}\n",
     "p.yaml:9:21: $.teams.smb.reps.ana.weight: must be from 1 to 100, found \"0\"\n"
     "  9 |       ana: {weight: 0}\n"
     "    |                     ^\n"},
    {"takes_an_unknown_segment",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    reps:\n"
     "      ana: {takes: {segment: bgi}}\n",
     "p.yaml:9:30: $.teams.smb.reps.ana.takes.segment: unknown segment \"bgi\"\n"
     "  9 |       ana: {takes: {segment: bgi}}\n"
     "    |                              ^ did you mean \"big\"?\n"},
    {"absence_without_to",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    reps:\n"
     "      ana: {absent: [{from: 2026-01-08}]}\n",
     "p.yaml:9:22: $.teams.smb.reps.ana.absent[0]: missing key \"to\"\n"
     "  9 |       ana: {absent: [{from: 2026-01-08}]}\n"
     "    |                      ^ write {from: 2026-01-08, to: 2026-01-12}\n"},
    {"absence_backwards",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    reps:\n"
     "      ana: {absent: [{from: 2026-01-08, to: 2026-01-07}]}\n",
     "p.yaml:9:22: $.teams.smb.reps.ana.absent[0]: the absence ends before it begins\n"
     "  9 |       ana: {absent: [{from: 2026-01-08, to: 2026-01-07}]}\n"
     "    |                      ^\n"},
    {"absence_is_no_date",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    reps:\n"
     "      ana: {absent: [{from: tomorrow, to: 2026-01-07}]}\n",
     "p.yaml:9:29: $.teams.smb.reps.ana.absent[0].from: expected a date or an instant, found \"tomorrow\"\n"
     "  9 |       ana: {absent: [{from: tomorrow, to: 2026-01-07}]}\n"
     "    |                             ^ write 2026-01-08, or 2026-01-08T12:00:00Z\n"},
    {"absences_are_one",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    reps:\n"
     "      ana: {absent: {from: 2026-01-08, to: 2026-01-09}}\n",
     "p.yaml:9:21: $.teams.smb.reps.ana.absent: expected absences, as in [{from: 2026-01-08, to: 2026-01-12}], found a mapping\n"
     "  9 |       ana: {absent: {from: 2026-01-08, to: 2026-01-09}}\n"
     "    |                     ^\n"},
    {"inactive_is_a_text",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    reps:\n"
     "      ana: {inactive: maybe}\n",
     "p.yaml:9:23: $.teams.smb.reps.ana.inactive: expected true or false, found \"maybe\"\n"
     "  9 |       ana: {inactive: maybe}\n"
     "    |                       ^\n"},
    {"cap_key",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    caps: {opne: 5}\n"
     "    reps: {ana: }\n",
     "p.yaml:8:12: $.teams.smb.caps: unknown key \"opne\"\n"
     "  8 |     caps: {opne: 5}\n"
     "    |            ^ did you mean \"open\"?\n"},
    {"cap_is_zero",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    caps: {open: 0}\n"
     "    reps: {ana: }\n",
     "p.yaml:8:18: $.teams.smb.caps.open: must be from 1 to 1000000, found \"0\"\n"
     "  8 |     caps: {open: 0}\n"
     "    |                  ^\n"},
    {"caps_is_a_number",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    caps: 5\n"
     "    reps: {ana: }\n",
     "p.yaml:8:11: $.teams.smb.caps: expected caps, as in {open: 5, per_day: 3}, found \"5\"\n"
     "  8 |     caps: 5\n"
     "    |           ^\n"},
    {"period_is_a_number",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    caps: {per_period: 5}\n"
     "    reps: {ana: }\n",
     "p.yaml:8:24: $.teams.smb.caps.per_period: expected so many within a time, as in {at_most: 10, within: 7d}, found \"5\"\n"
     "  8 |     caps: {per_period: 5}\n"
     "    |                        ^\n"},
    {"period_without_within",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    caps: {per_period: {at_most: 5}}\n"
     "    reps: {ana: }\n",
     "p.yaml:8:24: $.teams.smb.caps.per_period: missing key \"within\"\n"
     "  8 |     caps: {per_period: {at_most: 5}}\n"
     "    |                        ^ write {at_most: 10, within: 7d}\n"},
    {"period_too_long",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    caps: {per_period: {at_most: 5, within: 60d}}\n"
     "    reps: {ana: }\n",
     "p.yaml:8:45: $.teams.smb.caps.per_period.within: must be from 1m to 31d, found \"60d\"\n"
     "  8 |     caps: {per_period: {at_most: 5, within: 60d}}\n"
     "    |                                             ^\n"},
    {"cap_when_without_if",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    caps: {when: [{open: 2}]}\n"
     "    reps: {ana: }\n",
     "p.yaml:8:19: $.teams.smb.caps.when[0]: missing key \"if\"\n"
     "  8 |     caps: {when: [{open: 2}]}\n"
     "    |                   ^ write {if: {segment: enterprise}, open: 2}\n"},
    {"cap_when_without_open",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    caps: {when: [{if: {segment: big}}]}\n"
     "    reps: {ana: }\n",
     "p.yaml:8:19: $.teams.smb.caps.when[0]: missing key \"open\"\n"
     "  8 |     caps: {when: [{if: {segment: big}}]}\n"
     "    |                   ^ write {if: {segment: enterprise}, open: 2}\n"},
    {"owner_is_neither",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    owner: both\n"
     "    reps: {ana: }\n",
     "p.yaml:8:12: $.teams.smb.owner: unknown value \"both\"\n"
     "  8 |     owner: both\n"
     "    |            ^ expected one of team, wait\n"},
    {"full_without_then",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    full: {wait: 30m}\n"
     "    reps: {ana: }\n",
     "p.yaml:8:11: $.teams.smb.full: missing key \"then\"\n"
     "  8 |     full: {wait: 30m}\n"
     "    |           ^ add then: and a motion, as in then: self_serve\n"},
    {"full_of_unknown_motion",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    full: {then: selfserve}\n"
     "    reps: {ana: }\n",
     "p.yaml:8:18: $.teams.smb.full.then: unknown value \"selfserve\"\n"
     "  8 |     full: {then: selfserve}\n"
     "    |                  ^ did you mean \"self_serve\"?\n"},
    {"full_of_unknown_queue",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    full: {then: {motion: sales, queue: bakcup}}\n"
     "    reps: {ana: }\n",
     "p.yaml:8:41: $.teams.smb.full.then.queue: unknown queue \"bakcup\"\n"
     "  8 |     full: {then: {motion: sales, queue: bakcup}}\n"
     "    |                                         ^ expected one of sales, self_serve\n"},
    {"full_without_such_a_queue",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    full: {then: success}\n"
     "    reps: {ana: }\n",
     "p.yaml:8:18: $.teams.smb.full.then: there is no queue \"success\"\n"
     "  8 |     full: {then: success}\n"
     "    |                  ^ add queue: and its name, or declare it under queues\n"},
    {"full_leads_back",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    full: {then: sales}\n"
     "    reps: {ana: }\n",
     "p.yaml:8:18: $.teams.smb.full.then: this leads back to the queue of the same team\n"
     "  8 |     full: {then: sales}\n"
     "    |                  ^ name another motion or queue\n"},
    {"full_with_a_queue_for_nothing",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    full: {then: {motion: suppress, queue: sales}}\n"
     "    reps: {ana: }\n",
     "p.yaml:8:37: $.teams.smb.full.then: suppress keeps a lead out of every queue\n"
     "  8 |     full: {then: {motion: suppress, queue: sales}}\n"
     "    |                                     ^ leave it out\n"},
    {"sla_without_first_touch",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    sla: {remind: 5m}\n"
     "    reps: {ana: }\n",
     "p.yaml:8:10: $.teams.smb.sla: missing key \"first_touch\"\n"
     "  8 |     sla: {remind: 5m}\n"
     "    |          ^\n"},
    {"reminder_too_late",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    sla: {first_touch: 1h, remind: 1h}\n"
     "    reps: {ana: }\n",
     "p.yaml:8:36: $.teams.smb.sla.remind: a reminder comes before the first touch is due\n"
     "  8 |     sla: {first_touch: 1h, remind: 1h}\n"
     "    |                                    ^\n"},
    {"escalation_to_nobody",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    sla: {first_touch: 1h, escalate: [{after: 2h}]}\n"
     "    reps: {ana: }\n",
     "p.yaml:8:39: $.teams.smb.sla.escalate[0]: missing key \"to\"\n"
     "  8 |     sla: {first_touch: 1h, escalate: [{after: 2h}]}\n"
     "    |                                       ^ write {after: 2h, to: \"lead manager\"}\n"},
    {"escalation_without_a_time",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    sla: {first_touch: 1h, escalate: [{to: vp}]}\n"
     "    reps: {ana: }\n",
     "p.yaml:8:39: $.teams.smb.sla.escalate[0]: missing key \"after\"\n"
     "  8 |     sla: {first_touch: 1h, escalate: [{to: vp}]}\n"
     "    |                                       ^ write {after: 2h, to: \"lead manager\"}\n"},
    {"admit_is_a_number",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    full: {then: suppress}\n"
     "    admit: 40\n"
     "    reps: {ana: }\n",
     "p.yaml:9:12: $.teams.smb.admit: expected auto, or slots, as in {slots_per_week: 40}, found \"40\"\n"
     "  9 |     admit: 40\n"
     "    |            ^\n"},
    {"admit_days",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    full: {then: suppress}\n"
     "    admit: {slots_per_week: 40, days: 3}\n"
     "    reps: {ana: }\n",
     "p.yaml:9:39: $.teams.smb.admit.days: must be from 7 to 365, found \"3\"\n"
     "  9 |     admit: {slots_per_week: 40, days: 3}\n"
     "    |                                       ^\n"},
    {"admit_with_nowhere_to_go",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  big: {account.employees: {at_least: 500}}\n"
     "teams:\n"
     "  smb:\n"
     "    queue: sales\n"
     "    admit: {slots_per_week: 40}\n"
     "    reps: {ana: }\n",
     "p.yaml:8:5: $.teams.smb: leads that are not admitted have nowhere to go\n"
     "  8 |     admit: {slots_per_week: 40}\n"
     "    |     ^ add full: {then: self_serve}\n"},
    {"owner_is_no_trait",
     "playbook: p\n"
     "version: 1\n"
     "owner: owner\n"
     "teams: {smb: {queue: sales, reps: {ana: }}}\n",
     "p.yaml:3:8: $.owner: expected a trait of the account, found \"owner\"\n"
     "  3 | owner: owner\n"
     "    |        ^ write account.owner\n"},
    {"all_at_once",
     "playbook: p\n"
     "version: 1\n"
     "teams:\n"
     "  smb: {zone: Mars/Olympus, hours: all, reps: {ana: {weight: 1000, takes: nobody}}}\n"
     "  ent: {queue: enterprise}\n",
     "p.yaml:4:8: $.teams.smb: missing key \"queue\"\n"
     "  4 |   smb: {zone: Mars/Olympus, hours: all, reps: {ana: {weight: 1000, takes: nobody}}}\n"
     "    |        ^ say which queue it works, as in queue: sales\n"
     "p.yaml:4:15: $.teams.smb.zone: unknown time zone \"Mars/Olympus\"\n"
     "  4 |   smb: {zone: Mars/Olympus, hours: all, reps: {ana: {weight: 1000, takes: nobody}}}\n"
     "    |               ^\n"
     "p.yaml:4:36: $.teams.smb.hours: expected hours of the day, found \"all\"\n"
     "  4 |   smb: {zone: Mars/Olympus, hours: all, reps: {ana: {weight: 1000, takes: nobody}}}\n"
     "    |                                    ^ write \"09:00-17:00\", or always\n"
     "p.yaml:4:62: $.teams.smb.reps.ana.weight: must be from 1 to 100, found \"1000\"\n"
     "  4 |   smb: {zone: Mars/Olympus, hours: all, reps: {ana: {weight: 1000, takes: nobody}}}\n"
     "    |                                                              ^\n"
     "p.yaml:4:75: $.teams.smb.reps.ana.takes: unknown signal \"nobody\"\n"
     "  4 |   smb: {zone: Mars/Olympus, hours: all, reps: {ana: {weight: 1000, takes: nobody}}}\n"
     "    |                                                                           ^\n"
     "p.yaml:5:16: $.teams.ent.queue: unknown queue \"enterprise\"\n"
     "  5 |   ent: {queue: enterprise}\n"
     "    |                ^ expected one of sales, self_serve\n"
     "6 errors\n"},
};
// clang-format on

Test(playbook_teams_errors, say_all)
{
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        playbook_bad_check(&BAD[i], ERR_INVALID);
}
