// SPDX-License-Identifier: Apache-2.0
// links: playbook config base
// Mistakes in conditions, signals, definitions, stages and marketing, with the whole message as a
// person sees it; and what is warned of.
#include <criterion/criterion.h>

#include "services/playbook/load.h"
#include "tests/support/playbook_bad.h"

#define HEAD "playbook: p\nversion: 1\n"

// clang-format off
static const struct bad BAD[] = {
    {"none_of_nothing",
     HEAD
     "signals:\n"
     "  s: {none: []}\n",
     "p.yaml:4:13: $.signals.s.none: expected a list of conditions, found an empty list\n"
     "  4 |   s: {none: []}\n"
     "    |             ^\n"},
    {"none_of_a_name",
     HEAD
     "signals:\n"
     "  t: {user.role: admin}\n"
     "  s: {none: t}\n",
     "p.yaml:5:13: $.signals.s.none: expected a list of conditions, found \"t\"\n"
     "  5 |   s: {none: t}\n"
     "    |             ^\n"},
    {"at_least_n_of_too_many",
     HEAD
     "signals:\n"
     "  s: {at_least_n_of: {n: 3, of: [{account.a: 1}, {account.b: 1}]}}\n",
     "p.yaml:4:26: $.signals.s.at_least_n_of.n: must be from 1 to 2, found \"3\"\n"
     "  4 |   s: {at_least_n_of: {n: 3, of: [{account.a: 1}, {account.b: 1}]}}\n"
     "    |                          ^\n"},
    {"at_least_n_of_without_n",
     HEAD
     "signals:\n"
     "  s: {at_least_n_of: {of: [{account.a: 1}]}}\n",
     "p.yaml:4:22: $.signals.s.at_least_n_of: missing key \"n\"\n"
     "  4 |   s: {at_least_n_of: {of: [{account.a: 1}]}}\n"
     "    |                      ^ write {n: 2, of: [A, B, C]}\n"},
    {"at_least_n_of_misspelt",
     HEAD
     "signals:\n"
     "  s: {at_least_n_of: {n: 1, off: [{account.a: 1}]}}\n",
     "p.yaml:4:29: $.signals.s.at_least_n_of: unknown key \"off\"\n"
     "  4 |   s: {at_least_n_of: {n: 1, off: [{account.a: 1}]}}\n"
     "    |                             ^ did you mean \"of\"?\n"},
    {"stage_without_lifecycle",
     HEAD
     "signals:\n"
     "  s: {stage: customer}\n",
     "p.yaml:4:14: $.signals.s.stage: the playbook has no stages\n"
     "  4 |   s: {stage: customer}\n"
     "    |              ^ declare them under lifecycle:\n"},
    {"unknown_stage",
     HEAD
     "lifecycle:\n"
     "signals:\n"
     "  s: {stage: costumer}\n",
     "p.yaml:5:14: $.signals.s.stage: unknown stage \"costumer\"\n"
     "  5 |   s: {stage: costumer}\n"
     "    |              ^ did you mean \"customer\"?\n"},
    {"stage_that_never_holds",
     HEAD
     "lifecycle:\n"
     "signals:\n"
     "  s: {stage: churned}\n",
     "p.yaml:5:14: $.signals.s.stage: no account ever is in the stage \"churned\"\n"
     "  5 |   s: {stage: churned}\n"
     "    |              ^ give it a condition under lifecycle:\n"},
    {"circle_through_stages",
     HEAD
     "signals:\n"
     "  s: {stage: signed_up}\n"
     "lifecycle:\n"
     "  customer: s\n",
     "p.yaml:4:3: $.signals: signals refer to each other in a circle: s -> stage.customer -> s\n"
     "  4 |   s: {stage: signed_up}\n"
     "    |   ^ one of them must not refer to the next\n"},
    {"fit_without_profiles",
     HEAD
     "signals:\n"
     "  s: {fit: midmarket}\n",
     "p.yaml:4:7: $.signals.s: there is no fit to look at\n"
     "  4 |   s: {fit: midmarket}\n"
     "    |       ^ declare profiles under fit:\n"},
    {"unknown_profile",
     HEAD
     "fit:\n"
     "  midmarket: {account.employees: {above: 50}}\n"
     "signals:\n"
     "  s: {fit: midmarkt}\n",
     "p.yaml:6:12: $.signals.s.fit: unknown profile \"midmarkt\"\n"
     "  6 |   s: {fit: midmarkt}\n"
     "    |            ^ did you mean \"midmarket\"?\n"},
    {"nobody_disqualified",
     HEAD
     "fit:\n"
     "  midmarket: {account.employees: {above: 50}}\n"
     "signals:\n"
     "  s: {fit: disqualified}\n",
     "p.yaml:6:12: $.signals.s.fit: no profile under fit: disqualifies\n"
     "  6 |   s: {fit: disqualified}\n"
     "    |            ^ give a profile disqualifies: true and when:\n"},
    {"fit_of_one_that_disqualifies",
     HEAD
     "fit:\n"
     "  never: {disqualifies: true, when: {account.country: XX}}\n"
     "signals:\n"
     "  s: {fit: never}\n",
     "p.yaml:6:12: $.signals.s.fit: \"never\" disqualifies: nobody fits it\n"
     "  6 |   s: {fit: never}\n"
     "    |            ^ write {fit: disqualified}\n"},
    {"fit_of_a_list",
     HEAD
     "fit:\n"
     "  mid: {account.employees: {above: 50}}\n"
     "signals:\n"
     "  s: {fit: [mid]}\n",
     "p.yaml:6:12: $.signals.s.fit: expected a profile or a test of the best, found a list\n"
     "  6 |   s: {fit: [mid]}\n"
     "    |            ^ write {fit: {at_least: 70}}\n"},
    {"best_fit_of_none",
     HEAD
     "fit:\n"
     "  never: {disqualifies: true, when: {account.country: XX}}\n"
     "signals:\n"
     "  s: {fit: {at_least: 70}}\n",
     "p.yaml:6:7: $.signals.s: no profile under fit: has a percentage\n"
     "  6 |   s: {fit: {at_least: 70}}\n"
     "    |       ^ declare one that does not disqualify\n"},
    {"unknown_grade",
     HEAD
     "scores:\n"
     "  e: {points: {A: 1}, half_life: 1d}\n"
     "fit:\n"
     "  mid: {account.employees: {above: 50}}\n"
     "grades:\n"
     "  g: {fit: [50], score: e, at_least: [40]}\n"
     "signals:\n"
     "  s: {g: {in: [A1, C1]}}\n",
     "p.yaml:10:20: $.signals.s.g.in[1]: unknown grade \"C1\"\n"
     "  10 |   s: {g: {in: [A1, C1]}}\n"
     "     |                    ^ did you mean \"B1\"?\n"},
    {"grade_at_least",
     HEAD
     "scores:\n"
     "  e: {points: {A: 1}, half_life: 1d}\n"
     "fit:\n"
     "  mid: {account.employees: {above: 50}}\n"
     "grades:\n"
     "  g: {fit: [50], score: e, at_least: [40]}\n"
     "signals:\n"
     "  s: {g: {at_least: 2}}\n",
     "p.yaml:10:11: $.signals.s.g: at_least does not go with a grade\n"
     "  10 |   s: {g: {at_least: 2}}\n"
     "     |           ^ use is: A1, or in: [A1, A2]\n"},
    {"unknown_band",
     HEAD
     "scores:\n"
     "  e: {points: {A: 1}, half_life: 1d, bands: {Cold: 0, Warm: 40}}\n"
     "signals:\n"
     "  s: {e: {band: Worm}}\n",
     "p.yaml:6:17: $.signals.s.e.band: unknown band \"Worm\"\n"
     "  6 |   s: {e: {band: Worm}}\n"
     "    |                 ^ did you mean \"Warm\"?\n"},
    {"score_without_bands",
     HEAD
     "scores:\n"
     "  e: {points: {A: 1}, half_life: 1d}\n"
     "signals:\n"
     "  s: {e: {band: Warm}}\n",
     "p.yaml:6:11: $.signals.s.e: \"e\" has no bands\n"
     "  6 |   s: {e: {band: Warm}}\n"
     "    |           ^ give a score its bands: {Cold: 0, Warm: 40}\n"},
    {"percent_without_of",
     HEAD
     "measures:\n"
     "  a: {count: A}\n"
     "signals:\n"
     "  s: {a: {at_least_percent: 80}}\n",
     "p.yaml:6:11: $.signals.s.a: a percentage needs what it is of\n"
     "  6 |   s: {a: {at_least_percent: 80}}\n"
     "    |           ^ add of: and a trait or a measure\n"},
    {"of_without_percent",
     HEAD
     "measures:\n"
     "  a: {count: A}\n"
     "signals:\n"
     "  s: {a: {at_least: 80, of: account.limit}}\n",
     "p.yaml:6:25: $.signals.s.a: of goes with at_least_percent and at_most_percent\n"
     "  6 |   s: {a: {at_least: 80, of: account.limit}}\n"
     "    |                         ^ write at_least_percent: 80, of: account.limit\n"},
    {"percent_of_nothing",
     HEAD
     "measures:\n"
     "  a: {count: A}\n"
     "signals:\n"
     "  s: {a: {at_least_percent: 0, of: account.limit}}\n",
     "p.yaml:6:29: $.signals.s.a.at_least_percent: a percentage is above 0, at most 100000, found \"0\"\n"
     "  6 |   s: {a: {at_least_percent: 0, of: account.limit}}\n"
     "    |                             ^\n"},
    {"percent_of_an_unknown_measure",
     HEAD
     "measures:\n"
     "  limit: {count: A}\n"
     "signals:\n"
     "  s: {limit: {at_least_percent: 80, of: limt}}\n",
     "p.yaml:6:41: $.signals.s.limit.of: unknown measure or trait \"limt\"\n"
     "  6 |   s: {limit: {at_least_percent: 80, of: limt}}\n"
     "    |                                         ^ did you mean \"limit\"?\n"},
    {"percent_of_an_event",
     HEAD
     "measures:\n"
     "  a: {count: A}\n"
     "signals:\n"
     "  s: {a: {at_least_percent: 80, of: properties.limit}}\n",
     "p.yaml:6:37: $.signals.s.a.of: unknown trait \"properties.limit\"\n"
     "  6 |   s: {a: {at_least_percent: 80, of: properties.limit}}\n"
     "    |                                     ^ expected one of account.limit, user.limit\n"},
    {"percent_of_an_instant",
     HEAD
     "measures:\n"
     "  a: {count: A}\n"
     "  l: {last: A}\n"
     "signals:\n"
     "  s: {a: {at_least_percent: 80, of: l}}\n",
     "p.yaml:7:37: $.signals.s.a.of: \"l\" is no number to compare with\n"
     "  7 |   s: {a: {at_least_percent: 80, of: l}}\n"
     "    |                                     ^ name one that counts or adds up, or a trait\n"},
    {"percent_of_a_time",
     HEAD
     "measures:\n"
     "  idle: {since: A}\n"
     "signals:\n"
     "  s: {idle: {at_least_percent: 80, of: account.limit}}\n",
     "p.yaml:6:14: $.signals.s.idle: at_least_percent does not go with a measure that is a time\n"
     "  6 |   s: {idle: {at_least_percent: 80, of: account.limit}}\n"
     "    |              ^ compare it with a time: at_least: 14d\n"},
    {"threshold_of_a_misspelt_trait",
     HEAD
     "measures:\n"
     "  a: {count: A}\n"
     "signals:\n"
     "  s: {a: {above: acount.seats}}\n",
     "p.yaml:6:18: $.signals.s.a.above: unknown trait \"acount.seats\"\n"
     "  6 |   s: {a: {above: acount.seats}}\n"
     "    |                  ^ did you mean \"account.seats\"?\n"},
    {"threshold_of_a_trait_in_where",
     HEAD
     "measures:\n"
     "  b: {count: B, where: {properties.n: {above: account.n}}}\n",
     "p.yaml:4:47: $.measures.b.where[\"properties.n\"].above: where an event is looked at, a threshold is a number\n"
     "  4 |   b: {count: B, where: {properties.n: {above: account.n}}}\n"
     "    |                                               ^ compare with something else in a signal\n"},
    {"threshold_of_a_measure_in_where",
     HEAD
     "measures:\n"
     "  a: {count: A}\n"
     "  b: {count: B, where: {properties.n: {above: a}}}\n",
     "p.yaml:5:47: $.measures.b.where[\"properties.n\"].above: where an event is looked at, a threshold is a number\n"
     "  5 |   b: {count: B, where: {properties.n: {above: a}}}\n"
     "    |                                               ^ compare with something else in a signal\n"},
    {"growth_without_over",
     HEAD
     "measures:\n"
     "  a: {count: A, window: 7d}\n"
     "signals:\n"
     "  s: {a: {grew_by: 15}}\n",
     "p.yaml:6:11: $.signals.s.a: missing key \"over\"\n"
     "  6 |   s: {a: {grew_by: 15}}\n"
     "    |           ^ add over: and the time in which it grew, as in over: 14d\n"},
    {"growth_to_without_from",
     HEAD
     "measures:\n"
     "  a: {count: A, window: 7d}\n"
     "signals:\n"
     "  s: {a: {grew_to: 20, over: 7d}}\n",
     "p.yaml:6:11: $.signals.s.a: it does not say from where to where it grew\n"
     "  6 |   s: {a: {grew_to: 20, over: 7d}}\n"
     "    |           ^ add from_at_most: 5, or say it with grew_by or ratio\n"},
    {"growth_from_alone",
     HEAD
     "measures:\n"
     "  a: {count: A, window: 7d}\n"
     "signals:\n"
     "  s: {a: {from_at_most: 20, over: 7d}}\n",
     "p.yaml:6:11: $.signals.s.a: it does not say from where to where it grew\n"
     "  6 |   s: {a: {from_at_most: 20, over: 7d}}\n"
     "    |           ^ add grew_to: 20, grew_by: 15 or ratio: 2\n"},
    {"over_alone",
     HEAD
     "measures:\n"
     "  a: {count: A, window: 7d}\n"
     "signals:\n"
     "  s: {a: {over: 7d}}\n",
     "p.yaml:6:11: $.signals.s.a: it does not say from where to where it grew\n"
     "  6 |   s: {a: {over: 7d}}\n"
     "    |           ^ add grew_to: 20 and from_at_most: 5, grew_by: 15 or ratio: 2\n"},
    {"growth_over_half_a_day",
     HEAD
     "measures:\n"
     "  a: {count: A, window: 7d}\n"
     "signals:\n"
     "  s: {a: {grew_by: 15, over: 36h}}\n",
     "p.yaml:6:30: $.signals.s.a.over: the window of \"a\" moves on by the day, and 36h is not so many of them\n"
     "  6 |   s: {a: {grew_by: 15, over: 36h}}\n"
     "    |                              ^ write it in days\n"},
    {"growth_over_minutes",
     HEAD
     "measures:\n"
     "  a: {count: A, window: 24h}\n"
     "signals:\n"
     "  s: {a: {grew_by: 15, over: 90m}}\n",
     "p.yaml:6:30: $.signals.s.a.over: the window of \"a\" moves on by the hour, and 90m is not so many of them\n"
     "  6 |   s: {a: {grew_by: 15, over: 90m}}\n"
     "    |                              ^ write it in hours\n"},
    {"growth_without_a_window",
     HEAD
     "measures:\n"
     "  a: {count: A}\n"
     "signals:\n"
     "  s: {a: {grew_by: 15, over: 7d}}\n",
     "p.yaml:6:11: $.signals.s.a: growth needs a window in days or hours, and \"a\" has none\n"
     "  6 |   s: {a: {grew_by: 15, over: 7d}}\n"
     "    |           ^ give it one, as in window: 14d\n"},
    {"growth_of_a_trait",
     HEAD
     "signals:\n"
     "  s: {account.seats: {grew_by: 15, over: 7d}}\n",
     "p.yaml:4:23: $.signals.s[\"account.seats\"]: growth is told of measures that count, not of this\n"
     "  4 |   s: {account.seats: {grew_by: 15, over: 7d}}\n"
     "    |                       ^ use a measure count, sum, distinct, active_days or max\n"},
    {"growth_of_a_score",
     HEAD
     "scores:\n"
     "  e: {points: {A: 1}, half_life: 1d}\n"
     "signals:\n"
     "  s: {e: {ratio: 2, over: 7d}}\n",
     "p.yaml:6:11: $.signals.s.e: growth is told of measures that count, not of this\n"
     "  6 |   s: {e: {ratio: 2, over: 7d}}\n"
     "    |           ^ use a measure count, sum, distinct, active_days or max\n"},
    {"growth_too_far_back",
     HEAD
     "measures:\n"
     "  a: {count: A, window: 300d}\n"
     "signals:\n"
     "  s: {a: {grew_by: 15, over: 101d}}\n",
     "p.yaml:6:30: $.signals.s.a.over: the window of \"a\" and this are at most 400d together, found 401d\n"
     "  6 |   s: {a: {grew_by: 15, over: 101d}}\n"
     "    |                              ^\n"},
    {"ratio_of_nothing",
     HEAD
     "measures:\n"
     "  a: {count: A, window: 7d}\n"
     "signals:\n"
     "  s: {a: {ratio: 0, over: 7d}}\n",
     "p.yaml:6:18: $.signals.s.a.ratio: a ratio is above 0, at most 1000000, found \"0\"\n"
     "  6 |   s: {a: {ratio: 0, over: 7d}}\n"
     "    |                  ^\n"},
    {"time_against_a_number",
     HEAD
     "measures:\n"
     "  idle: {since: A}\n"
     "signals:\n"
     "  s: {idle: {at_least: 14}}\n",
     "p.yaml:6:24: $.signals.s.idle.at_least: expected a duration, found \"14\"\n"
     "  6 |   s: {idle: {at_least: 14}}\n"
     "    |                        ^ write 30d, 48h, 5m, 10s or 250ms\n"},
    {"time_is",
     HEAD
     "measures:\n"
     "  idle: {since: A}\n"
     "signals:\n"
     "  s: {idle: 14d}\n",
     "p.yaml:6:13: $.signals.s.idle: is does not go with a measure that is a time\n"
     "  6 |   s: {idle: 14d}\n"
     "    |             ^ compare it with a time: at_least: 14d\n"},
    {"times_turned_round",
     HEAD
     "measures:\n"
     "  idle: {since: A}\n"
     "signals:\n"
     "  s: {idle: {between: [14d, 7d]}}\n",
     "p.yaml:6:23: $.signals.s.idle.between: the first time is larger than the second\n"
     "  6 |   s: {idle: {between: [14d, 7d]}}\n"
     "    |                       ^\n"},
    {"is_past_of_a_count",
     HEAD
     "measures:\n"
     "  a: {count: A}\n"
     "signals:\n"
     "  s: {a: {is_past: true}}\n",
     "p.yaml:6:11: $.signals.s.a: is_past goes with traits, and with first and last values\n"
     "  6 |   s: {a: {is_past: true}}\n"
     "    |           ^ test an instant: a trait, or last: properties.ends_at\n"},
    {"is_past_of_an_event",
     HEAD
     "measures:\n"
     "  a: {count: A, where: {account.ends: {is_past: true}}}\n",
     "p.yaml:4:40: $.measures.a.where[\"account.ends\"]: is_past cannot stand here, where an event is looked at\n"
     "  4 |   a: {count: A, where: {account.ends: {is_past: true}}}\n"
     "    |                                        ^ use it in a signal\n"},
    {"is_past_maybe",
     HEAD
     "signals:\n"
     "  s: {account.ends: {is_past: maybe}}\n",
     "p.yaml:4:31: $.signals.s[\"account.ends\"].is_past: expected true or false, found \"maybe\"\n"
     "  4 |   s: {account.ends: {is_past: maybe}}\n"
     "    |                               ^\n"},
    {"later_than_a_count",
     HEAD
     "measures:\n"
     "  a: {count: A}\n"
     "  l: {last: A}\n"
     "signals:\n"
     "  s: {l: {later_than: a}}\n",
     "p.yaml:7:23: $.signals.s.l.later_than: \"a\" is no instant to compare with\n"
     "  7 |   s: {l: {later_than: a}}\n"
     "    |                       ^ name a measure first: or last: an event\n"},
    {"later_than_unknown",
     HEAD
     "measures:\n"
     "  paid: {last: A}\n"
     "  l: {last: A}\n"
     "signals:\n"
     "  s: {l: {later_than: payd}}\n",
     "p.yaml:7:23: $.signals.s.l.later_than: unknown measure \"payd\"\n"
     "  7 |   s: {l: {later_than: payd}}\n"
     "    |                       ^ did you mean \"paid\"?\n"},
    {"count_later_than",
     HEAD
     "measures:\n"
     "  a: {count: A}\n"
     "  l: {last: A}\n"
     "signals:\n"
     "  s: {a: {later_than: l}}\n",
     "p.yaml:7:11: $.signals.s.a: later_than goes with first and last measures only\n"
     "  7 |   s: {a: {later_than: l}}\n"
     "    |           ^ compare two instants: {last_paid: {later_than: ..}}\n"},
    {"segments_without_default",
     HEAD
     "segments:\n"
     "  big: {account.n: {above: 9}}\n"
     "measures:\n"
     "  a: {count: A}\n"
     "signals:\n"
     "  s: {a: {at_least: {big: 5}}}\n",
     "p.yaml:8:21: $.signals.s.a.at_least: missing key \"default\"\n"
     "  8 |   s: {a: {at_least: {big: 5}}}\n"
     "    |                     ^ add default: for all other accounts\n"},
    {"threshold_of_an_unknown_segment",
     HEAD
     "segments:\n"
     "  big: {account.n: {above: 9}}\n"
     "measures:\n"
     "  a: {count: A}\n"
     "signals:\n"
     "  s: {a: {at_least: {default: 3, bigg: 5}}}\n",
     "p.yaml:8:34: $.signals.s.a.at_least: unknown segment \"bigg\"\n"
     "  8 |   s: {a: {at_least: {default: 3, bigg: 5}}}\n"
     "    |                                  ^ did you mean \"big\"?\n"},
    {"segments_in_where",
     HEAD
     "segments:\n"
     "  big: {account.n: {above: 9}}\n"
     "measures:\n"
     "  a: {count: A, where: {properties.n: {at_least: {default: 3, big: 5}}}}\n",
     "p.yaml:6:63: $.measures.a.where[\"properties.n\"].at_least: a signal cannot be looked at here, only the event and traits\n"
     "  6 |   a: {count: A, where: {properties.n: {at_least: {default: 3, big: 5}}}}\n"
     "    |                                                               ^ use properties., context., user. or account.\n"},
    {"segment_called_default",
     HEAD
     "segments:\n"
     "  default: {account.n: {above: 9}}\n",
     "p.yaml:4:3: $.segments: \"default\" is reserved and cannot be a name\n"
     "  4 |   default: {account.n: {above: 9}}\n"
     "    |   ^ it has a meaning in thresholds by segment\n"},
    {"signal_called_stage",
     HEAD
     "signals:\n"
     "  stage: {account.n: {above: 9}}\n",
     "p.yaml:4:3: $.signals: \"stage\" is reserved and cannot be a name\n"
     "  4 |   stage: {account.n: {above: 9}}\n"
     "    |   ^ it has a meaning in conditions\n"},
    {"long_form_without_when",
     HEAD
     "signals:\n"
     "  s: {hold_for: 2d, exit: {account.a: 1}}\n",
     "p.yaml:4:6: $.signals.s: missing key \"when\"\n"
     "  4 |   s: {hold_for: 2d, exit: {account.a: 1}}\n"
     "    |      ^ add when: and its condition\n"},
    {"long_form_misspelt",
     HEAD
     "signals:\n"
     "  s: {when: {account.a: 1}, hold: 2d}\n",
     "p.yaml:4:29: $.signals.s: unknown key \"hold\"\n"
     "  4 |   s: {when: {account.a: 1}, hold: 2d}\n"
     "    |                             ^ expected one of when, hold_for, cooldown, exit, episodes, label, per\n"},
    {"hold_for_too_long",
     HEAD
     "signals:\n"
     "  s: {when: {account.a: 1}, hold_for: 401d}\n",
     "p.yaml:4:39: $.signals.s.hold_for: must be at most 400d, found \"401d\"\n"
     "  4 |   s: {when: {account.a: 1}, hold_for: 401d}\n"
     "    |                                       ^\n"},
    {"no_episodes",
     HEAD
     "signals:\n"
     "  s: {when: {account.a: 1}, episodes: 0}\n",
     "p.yaml:4:39: $.signals.s.episodes: must be from 1 to 1000000, found \"0\"\n"
     "  4 |   s: {when: {account.a: 1}, episodes: 0}\n"
     "    |                                       ^\n"},
    {"signal_as_pql",
     HEAD
     "signals:\n"
     "  s: {when: {account.a: 1}, as: pql}\n",
     "p.yaml:4:29: $.signals.s: unknown key \"as\"\n"
     "  4 |   s: {when: {account.a: 1}, as: pql}\n"
     "    |                             ^ expected one of when, hold_for, cooldown, exit, episodes, label, per\n"},
    {"per_account_of_a_user",
     HEAD
     "signals:\n"
     "  s: {when: {user.role: admin}, per: account}\n",
     "p.yaml:4:14: $.signals.s.when: \"s\" is decided for each account, and \"user.role is admin\" is of one user\n"
     "  4 |   s: {when: {user.role: admin}, per: account}\n"
     "    |              ^ make a signal of it, which then means that some user has it\n"},
    {"per_user_of_an_account",
     HEAD
     "signals:\n"
     "  s: {when: {account.plan: paid}, per: user}\n",
     "p.yaml:4:40: $.signals.s.per: \"s\" looks at nothing of a user\n"
     "  4 |   s: {when: {account.plan: paid}, per: user}\n"
     "    |                                        ^ leave it out: the signal is of accounts\n"},
    {"circle_through_an_account",
     HEAD
     "signals:\n"
     "  admin: [{user.role: admin}, busy]\n"
     "  busy: {when: admin, per: account}\n",
     "p.yaml:4:3: $.signals: signals refer to each other in a circle: admin -> busy -> admin\n"
     "  4 |   admin: [{user.role: admin}, busy]\n"
     "    |   ^ one of them must not refer to the next\n"},
    {"circle_through_exit",
     HEAD
     "signals:\n"
     "  a: {when: {account.x: 1}, exit: b}\n"
     "  b: {any: [a, {account.y: 1}]}\n",
     "p.yaml:4:3: $.signals: signals refer to each other in a circle: a -> b -> a\n"
     "  4 |   a: {when: {account.x: 1}, exit: b}\n"
     "    |   ^ one of them must not refer to the next\n"},
    {"circle_through_since",
     HEAD
     "measures:\n"
     "  held: {since: {signal: s}}\n"
     "signals:\n"
     "  s: {held: {at_least: 2d}}\n",
     "p.yaml:6:3: $.signals: signals refer to each other in a circle: s -> s\n"
     "  6 |   s: {held: {at_least: 2d}}\n"
     "    |   ^ one of them must not refer to the next\n"},
    {"circle_through_a_threshold",
     HEAD
     "measures:\n"
     "  n: {users_with: s}\n"
     "  a: {count: A}\n"
     "signals:\n"
     "  s: {a: {above: n}}\n",
     "p.yaml:7:3: $.signals: signals refer to each other in a circle: s -> s\n"
     "  7 |   s: {a: {above: n}}\n"
     "    |   ^ one of them must not refer to the next\n"},
    {"stage_of_a_user",
     HEAD
     "lifecycle:\n"
     "  customer: {user.role: admin}\n",
     "p.yaml:4:14: $.lifecycle.customer: \"stage.customer\" is decided for each account, and \"user.role is admin\" is of one user\n"
     "  4 |   customer: {user.role: admin}\n"
     "    |              ^ make a signal of it, which then means that some user has it\n"},
    {"definition_without_as",
     HEAD
     "qualify:\n"
     "  trial: {when: {account.a: 1}, label: Trial}\n",
     "p.yaml:4:10: $.qualify.trial: missing key \"as\"\n"
     "  4 |   trial: {when: {account.a: 1}, label: Trial}\n"
     "    |          ^ say what it counts as: pal, pql or pqa\n"},
    {"definition_as_mql",
     HEAD
     "qualify:\n"
     "  trial: {as: mql, when: {account.a: 1}}\n",
     "p.yaml:4:15: $.qualify.trial.as: unknown value \"mql\"\n"
     "  4 |   trial: {as: mql, when: {account.a: 1}}\n"
     "    |               ^ did you mean \"pql\"?\n"},
    {"pql_as_pqa",
     HEAD
     "qualify:\n"
     "  pql: {as: pqa, when: {account.a: 1}}\n",
     "p.yaml:4:13: $.qualify.pql.as: \"pql\" always counts as pql\n"
     "  4 |   pql: {as: pqa, when: {account.a: 1}}\n"
     "    |             ^ leave it out, or give the definition another name\n"},
    {"definition_called_mql",
     HEAD
     "qualify:\n"
     "  mql: {account.a: 1}\n",
     "p.yaml:4:3: $.qualify: marketing does not qualify a lead\n"
     "  4 |   mql: {account.a: 1}\n"
     "    |   ^ write it under marketing:\n"},
    {"definition_twice",
     HEAD
     "qualify:\n"
     "  pql: {account.a: 1}\n"
     "  pql: {account.b: 1}\n",
     "p.yaml:5:3: $.qualify: duplicate key \"pql\" (first on line 4)\n"
     "  5 |   pql: {account.b: 1}\n"
     "    |   ^\n"},
    {"requalify_sometimes",
     HEAD
     "qualify:\n"
     "  pql: {when: {account.a: 1}, requalify: sometimes}\n",
     "p.yaml:4:42: $.qualify.pql.requalify: unknown value \"sometimes\"\n"
     "  4 |   pql: {when: {account.a: 1}, requalify: sometimes}\n"
     "    |                                          ^ expected one of afresh, always, never\n"},
    {"requalify_never_five_times",
     HEAD
     "qualify:\n"
     "  pql: {when: {account.a: 1}, requalify: never, episodes: 5}\n",
     "p.yaml:4:42: $.qualify.pql.requalify: never means one episode, and episodes says 5\n"
     "  4 |   pql: {when: {account.a: 1}, requalify: never, episodes: 5}\n"
     "    |                                          ^ leave one of them out\n"},
    {"definition_per_account",
     HEAD
     "qualify:\n"
     "  pql: {when: {account.a: 1}, per: account}\n",
     "p.yaml:4:36: $.qualify.pql.per: expected organization, found \"account\"\n"
     "  4 |   pql: {when: {account.a: 1}, per: account}\n"
     "    |                                    ^ users and accounts are told apart by pql and pqa\n"},
    {"label_is_empty",
     HEAD
     "qualify:\n"
     "  pql: {when: {account.a: 1}, label: }\n",
     "p.yaml:4:38: $.qualify.pql.label: expected a text, found nothing\n"
     "  4 |   pql: {when: {account.a: 1}, label: }\n"
     "    |                                      ^\n"},
    {"stage_signed_up",
     HEAD
     "lifecycle:\n"
     "  signed_up: always\n",
     "p.yaml:4:3: $.lifecycle: every account is signed_up until another stage holds\n"
     "  4 |   signed_up: always\n"
     "    |   ^ leave it out\n"},
    {"unknown_stage_in_lifecycle",
     HEAD
     "lifecycle:\n"
     "  customers: {account.plan: paid}\n",
     "p.yaml:4:3: $.lifecycle: unknown key \"customers\"\n"
     "  4 |   customers: {account.plan: paid}\n"
     "    |   ^ did you mean \"customer\"?\n"},
    {"lifecycle_is_a_list",
     HEAD
     "lifecycle: [customer]\n",
     "p.yaml:3:12: $.lifecycle: expected stages, as in {customer: {account.plan: paid}}, found a list\n"
     "  3 | lifecycle: [customer]\n"
     "    |            ^\n"},
    {"marketing_without_events",
     HEAD
     "measures:\n"
     "  a: {count: A}\n"
     "marketing:\n"
     "  mql: {a: {at_least: 1}}\n",
     "p.yaml:6:3: $.marketing: missing key \"events\"\n"
     "  6 |   mql: {a: {at_least: 1}}\n"
     "    |   ^ add events: and the events of marketing\n"},
    {"marketing_misspelt",
     HEAD
     "marketing:\n"
     "  event: [A]\n",
     "p.yaml:4:3: $.marketing: unknown key \"event\"\n"
     "  4 |   event: [A]\n"
     "    |   ^ did you mean \"events\"?\n"},
    {"mql_twice",
     HEAD
     "signals:\n"
     "  mql: {account.a: 1}\n"
     "marketing:\n"
     "  events: [A]\n"
     "  mql: {account.a: 2}\n",
     "p.yaml:7:3: $.marketing: \"mql\" is the name of a signal already (line 4)\n"
     "  7 |   mql: {account.a: 2}\n"
     "    |   ^\n"},
    {"marketing_is_active",
     HEAD
     "active: [B, A]\n"
     "marketing:\n"
     "  events: [A]\n",
     "p.yaml:3:13: $.active[1]: \"A\" stands under marketing and is never active\n"
     "  3 | active: [B, A]\n"
     "    |             ^ take it out of one of the two\n"},
    {"marketing_in_pql",
     HEAD
     "measures:\n"
     "  ads: {count: [Ad Clicked, Report Run]}\n"
     "qualify:\n"
     "  pql: {ads: {at_least: 3}}\n"
     "marketing:\n"
     "  events: [Ad Clicked]\n",
     "p.yaml:6:3: $.qualify: \"pql\" looks at \"ads at_least 3\" (line 6), which counts the marketing event \"Ad Clicked\"\n"
     "  6 |   pql: {ads: {at_least: 3}}\n"
     "    |   ^ marketing makes an mql; qualify by what they do in the product\n"},
    {"marketing_in_pqa_through_a_signal",
     HEAD
     "measures:\n"
     "  ads: {count: Ad Clicked}\n"
     "scores:\n"
     "  heat: {weights: {ads: 2}}\n"
     "signals:\n"
     "  hot: {heat: {at_least: 3}}\n"
     "qualify:\n"
     "  pqa: [hot, {account.a: 1}]\n"
     "marketing:\n"
     "  events: [Ad Clicked]\n",
     "p.yaml:10:3: $.qualify: \"pqa\" looks at \"heat at_least 3\" (line 8), which counts the marketing event \"Ad Clicked\"\n"
     "  10 |   pqa: [hot, {account.a: 1}]\n"
     "     |   ^ marketing makes an mql; qualify by what they do in the product\n"},
    {"marketing_in_an_exit",
     HEAD
     "measures:\n"
     "  ads: {count: Ad Clicked, per: account}\n"
     "qualify:\n"
     "  pal: {when: {account.a: 1}, exit: {ads: {at_least: 1}}}\n"
     "marketing:\n"
     "  events: [Ad Clicked]\n",
     "p.yaml:6:3: $.qualify: \"pal\" looks at \"ads at_least 1\" (line 6), which counts the marketing event \"Ad Clicked\"\n"
     "  6 |   pal: {when: {account.a: 1}, exit: {ads: {at_least: 1}}}\n"
     "    |   ^ marketing makes an mql; qualify by what they do in the product\n"},
    {"vanity_is_a_mapping",
     HEAD
     "vanity: {Signed In: true}\n",
     "p.yaml:3:9: $.vanity: expected an event or a list of events, found a mapping\n"
     "  3 | vanity: {Signed In: true}\n"
     "    |         ^\n"},
};

static const struct bad WARNED[] = {
    {"vanity_in_pql",
     HEAD
     "measures:\n"
     "  logins: {count: [Signed In, session_started]}\n"
     "  runs: {count: Report Run}\n"
     "qualify:\n"
     "  pql: {logins: {at_least: 3}}\n"
     "  pqa: [{runs: {at_least: 3}}, {logins: {at_least: 3}}]\n",
     "p.yaml:7:3: $.qualify: warning: \"pql\" can be met by events that show no value by themselves: \"logins at_least 3\" (line 7)\n"
     "  7 |   pql: {logins: {at_least: 3}}\n"
     "    |   ^ require one that does, or say under active: which events count\n"},
    {"any_counts_views",
     HEAD
     "measures:\n"
     "  days: {active_days: any}\n"
     "  runs: {count: Report Run}\n"
     "signals:\n"
     "  busy: [{days: {at_least: 4}}, {account.plan: free}]\n"
     "qualify:\n"
     "  pql: {any: [{runs: {at_least: 3}}, busy]}\n",
     "p.yaml:9:3: $.qualify: warning: \"pql\" can be met by events that show no value by themselves: \"days at_least 4\" (line 7)\n"
     "  9 |   pql: {any: [{runs: {at_least: 3}}, busy]}\n"
     "    |   ^ require one that does, or say under active: which events count\n"},
    {"vanity_of_ones_own",
     HEAD
     "vanity: [Report Opened]\n"
     "active: [Report Run, Report Opened]\n"
     "scores:\n"
     "  heat: {points: {Report Opened: 5, Report Run: -1}, half_life: 30d}\n"
     "qualify:\n"
     "  pql: {heat: {at_least: 5}}\n",
     "p.yaml:8:3: $.qualify: warning: \"pql\" can be met by events that show no value by themselves: \"heat at_least 5\" (line 8)\n"
     "  8 |   pql: {heat: {at_least: 5}}\n"
     "    |   ^ require one that does, or say under active: which events count\n"},
    {"nothing_under_marketing_qualifies",
     HEAD
     "measures:\n"
     "  ads: {count: Ad Clicked}\n"
     "marketing:\n"
     "  events: [Ad Clicked]\n"
     "  mql: {ads: {at_least: 1}}\n",
     "p.yaml:1:1: $: warning: nothing qualifies: signals are decided, but no lead is ever made\n"
     "  1 | playbook: p\n"
     "    | ^ add pql: or pqa: under qualify\n"},
};
// clang-format on

Test(playbook_verdict_errors, says_what_is_wrong_and_where)
{
    cr_assert_geq(ARRAY_LEN(BAD), 80u);
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
        playbook_bad_check(&BAD[i], ERR_INVALID);
}

Test(playbook_verdict_errors, warns_and_loads_all_the_same)
{
    for (size_t i = 0; i < ARRAY_LEN(WARNED); i++)
        playbook_bad_check(&WARNED[i], ERR_OK);
}
