// SPDX-License-Identifier: Apache-2.0
// links: playbook config base
// Every mistake that a measure, score, profile or grade can have, with the whole message as a
// person sees it. The table is long because each message is a promise.
#include <criterion/criterion.h>

#include "services/playbook/load.h"
#include "tests/support/playbook_bad.h"

// clang-format off
static const struct bad BAD[] = {
    {"max_without_on",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {max: properties.bytes}\n",
     "p.yaml:4:6: $.measures.a: max needs on\n"
     "  4 |   a: {max: properties.bytes}\n"
     "    |      ^ add on: and the event that has the property\n"},
    {"average_of_what",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {average: bytes, on: Up}\n",
     "p.yaml:4:16: $.measures.a.average: expected properties.<name>, found \"bytes\"\n"
     "  4 |   a: {average: bytes, on: Up}\n"
     "    |                ^ write average: properties.bytes, on: File Uploaded\n"},
    {"min_of_nothing",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {min: properties., on: Up}\n",
     "p.yaml:4:12: $.measures.a.min: expected properties.<name>, found \"properties.\"\n"
     "  4 |   a: {min: properties., on: Up}\n"
     "    |            ^ write min: properties.bytes, on: File Uploaded\n"},
    {"first_on_without_property",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {first: Up, on: Down}\n",
     "p.yaml:4:18: $.measures.a: on does not go with first\n"
     "  4 |   a: {first: Up, on: Down}\n"
     "    |                  ^ it goes with a property, as in first: properties.plan\n"},
    {"first_property_without_on",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {first: properties.plan}\n",
     "p.yaml:4:6: $.measures.a: first needs on\n"
     "  4 |   a: {first: properties.plan}\n"
     "    |      ^ add on: and the event that has the property\n"},
    {"last_property_with_window",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {last: properties.plan, on: Up, window: 7d}\n",
     "p.yaml:4:38: $.measures.a: window does not go with last\n"
     "  4 |   a: {last: properties.plan, on: Up, window: 7d}\n"
     "    |                                      ^ it is the property of one event, however long ago\n"},
    {"window_in_too_many_weeks",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: A, window: 58w}\n",
     "p.yaml:4:25: $.measures.a.window: a window in weeks is from 1w to 57w, found \"58w\"\n"
     "  4 |   a: {count: A, window: 58w}\n"
     "    |                         ^\n"},
    {"window_of_no_days",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: A, window: 0d}\n",
     "p.yaml:4:25: $.measures.a.window: a window in days is from 1d to 400d, found \"0d\"\n"
     "  4 |   a: {count: A, window: 0d}\n"
     "    |                         ^\n"},
    {"active_weeks_in_days",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {active_weeks: any, window: 28d}\n",
     "p.yaml:4:34: $.measures.a.window: active_weeks takes no window in days, found \"28d\"\n"
     "  4 |   a: {active_weeks: any, window: 28d}\n"
     "    |                                  ^ write 4w\n"},
    {"active_weeks_of_the_calendar",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {active_weeks: any, window: week}\n",
     "p.yaml:4:34: $.measures.a.window: active_weeks takes no window of the calendar, found \"week\"\n"
     "  4 |   a: {active_weeks: any, window: week}\n"
     "    |                                  ^ write 4w\n"},
    {"active_weeks_after",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {active_weeks: any, after: B, within: 7d}\n",
     "p.yaml:4:26: $.measures.a: after does not go with active_weeks\n"
     "  4 |   a: {active_weeks: any, after: B, within: 7d}\n"
     "    |                          ^ it takes a window in weeks, as in window: 4w\n"
     "p.yaml:4:36: $.measures.a: within does not go with active_weeks\n"
     "  4 |   a: {active_weeks: any, after: B, within: 7d}\n"
     "    |                                    ^ it takes a window in weeks, as in window: 4w\n"
     "2 errors\n"},
    {"active_weeks_in_odd_window",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {active_weeks: any, window: four}\n",
     "p.yaml:4:34: $.measures.a.window: expected a window, found \"four\"\n"
     "  4 |   a: {active_weeks: any, window: four}\n"
     "    |                                  ^ write 4w\n"},
    {"streak_with_window",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {day_streak: any, window: 30d}\n",
     "p.yaml:4:24: $.measures.a: window does not go with day_streak\n"
     "  4 |   a: {day_streak: any, window: 30d}\n"
     "    |                        ^ a streak is what is unbroken up to now\n"},
    {"streak_with_reset",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {week_streak: any, resets_on: B}\n",
     "p.yaml:4:25: $.measures.a: resets_on does not go with week_streak\n"
     "  4 |   a: {week_streak: any, resets_on: B}\n"
     "    |                         ^ a streak is what is unbroken up to now\n"},
    {"time_spent_in_hours",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {time_spent: any, window: 48h}\n",
     "p.yaml:4:32: $.measures.a.window: time_spent takes no window in hours, found \"48h\"\n"
     "  4 |   a: {time_spent: any, window: 48h}\n"
     "    |                                ^ write 30d, day, week or month\n"},
    {"time_spent_in_weeks",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {time_spent: any, window: 4w}\n",
     "p.yaml:4:32: $.measures.a.window: time_spent takes no window in weeks, found \"4w\"\n"
     "  4 |   a: {time_spent: any, window: 4w}\n"
     "    |                                ^ write 30d, day, week or month\n"},
    {"time_spent_after",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {time_spent: any, after: B, within: 7d}\n",
     "p.yaml:4:24: $.measures.a: after does not go with time_spent\n"
     "  4 |   a: {time_spent: any, after: B, within: 7d}\n"
     "    |                        ^ it takes a window in days or of the calendar, as in window: 7d\n"
     "p.yaml:4:34: $.measures.a: within does not go with time_spent\n"
     "  4 |   a: {time_spent: any, after: B, within: 7d}\n"
     "    |                                  ^ it takes a window in days or of the calendar, as in window: 7d\n"
     "2 errors\n"},
    {"time_spent_in_odd_window",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {time_spent: any, window: soon}\n",
     "p.yaml:4:32: $.measures.a.window: expected a window, found \"soon\"\n"
     "  4 |   a: {time_spent: any, window: soon}\n"
     "    |                                ^ write 30d, day, week or month\n"},
    {"idle_too_long",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {time_spent: any, idle: 25h}\n",
     "p.yaml:4:30: $.measures.a.idle: must be from 1m to 1d, found \"25h\"\n"
     "  4 |   a: {time_spent: any, idle: 25h}\n"
     "    |                              ^\n"},
    {"idle_too_short",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {time_spent: any, idle: 30s}\n",
     "p.yaml:4:30: $.measures.a.idle: must be from 1m to 1d, found \"30s\"\n"
     "  4 |   a: {time_spent: any, idle: 30s}\n"
     "    |                              ^\n"},
    {"idle_beside_count",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: A, idle: 30m}\n",
     "p.yaml:4:17: $.measures.a: idle does not go with count\n"
     "  4 |   a: {count: A, idle: 30m}\n"
     "    |                 ^ only time_spent takes it\n"},
    {"since_with_window",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {since: A, window: 30d}\n",
     "p.yaml:4:17: $.measures.a: window does not go with since\n"
     "  4 |   a: {since: A, window: 30d}\n"
     "    |                 ^ it is a duration: test it with at_least: 14d\n"},
    {"since_a_signal_per_account",
     "playbook: p\n"
     "version: 1\n"
     "signals:\n"
     "  s: {user.role: admin}\n"
     "measures:\n"
     "  a: {since: {signal: s}, per: account}\n",
     "p.yaml:6:27: $.measures.a: per does not go with since\n"
     "  6 |   a: {since: {signal: s}, per: account}\n"
     "    |                           ^ it is of whom the signal is\n"},
    {"since_a_signal_where",
     "playbook: p\n"
     "version: 1\n"
     "signals:\n"
     "  s: {user.role: admin}\n"
     "measures:\n"
     "  a: {since: {signal: s}, where: {properties.a: 1}}\n",
     "p.yaml:6:27: $.measures.a: where does not go with since\n"
     "  6 |   a: {since: {signal: s}, where: {properties.a: 1}}\n"
     "    |                           ^ put it into the measures that the signal looks at\n"},
    {"since_a_misspelt_signal",
     "playbook: p\n"
     "version: 1\n"
     "signals:\n"
     "  ready: {user.role: admin}\n"
     "measures:\n"
     "  a: {since: {signal: redy}}\n",
     "p.yaml:6:23: $.measures.a.since.signal: unknown signal \"redy\"\n"
     "  6 |   a: {since: {signal: redy}}\n"
     "    |                       ^ did you mean \"ready\"?\n"},
    {"since_what",
     "playbook: p\n"
     "version: 1\n"
     "signals:\n"
     "  s: {user.role: admin}\n"
     "measures:\n"
     "  a: {since: {sinal: s}}\n",
     "p.yaml:6:15: $.measures.a.since: unknown key \"sinal\"\n"
     "  6 |   a: {since: {sinal: s}}\n"
     "    |               ^ did you mean \"signal\"?\n"},
    {"since_both",
     "playbook: p\n"
     "version: 1\n"
     "signals:\n"
     "  s: {user.role: admin}\n"
     "measures:\n"
     "  a: {since: {signal: s, stage: customer}}\n",
     "p.yaml:6:26: $.measures.a.since: since is of a signal or of a stage, not of both\n"
     "  6 |   a: {since: {signal: s, stage: customer}}\n"
     "    |                          ^ make two measures of it\n"},
    {"since_stage_without_lifecycle",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {since: {stage: customer}}\n",
     "p.yaml:4:22: $.measures.a.since.stage: there are no stages without \"lifecycle\"\n"
     "  4 |   a: {since: {stage: customer}}\n"
     "    |                      ^ add lifecycle: and what makes the stages\n"},
    {"since_misspelt_stage",
     "playbook: p\n"
     "version: 1\n"
     "lifecycle: {customer: {account.a: 1}}\n"
     "measures:\n"
     "  a: {since: {stage: custmer}}\n",
     "p.yaml:5:22: $.measures.a.since.stage: unknown stage \"custmer\"\n"
     "  5 |   a: {since: {stage: custmer}}\n"
     "    |                      ^ did you mean \"customer\"?\n"},
    {"since_signed_up",
     "playbook: p\n"
     "version: 1\n"
     "lifecycle: {customer: {account.a: 1}}\n"
     "measures:\n"
     "  a: {since: {stage: signed_up}}\n",
     "p.yaml:5:22: $.measures.a.since.stage: every account is signed_up from the start\n"
     "  5 |   a: {since: {stage: signed_up}}\n"
     "    |                      ^ measure it from an event: since: Signed Up\n"},
    {"since_nothing",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {since: {}}\n",
     "p.yaml:4:14: $.measures.a.since: expected events, {signal: NAME} or {stage: NAME}, found an empty mapping\n"
     "  4 |   a: {since: {}}\n"
     "    |              ^\n"},
    {"sequence_without_within",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {sequence: [A, B]}\n",
     "p.yaml:4:6: $.measures.a: sequence needs within\n"
     "  4 |   a: {sequence: [A, B]}\n"
     "    |      ^ add within: and how long all of it may take, as in within: 7d\n"},
    {"sequence_of_one",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {sequence: [A], within: 7d}\n",
     "p.yaml:4:17: $.measures.a.sequence: a sequence is a list of 2 to 5 events\n"
     "  4 |   a: {sequence: [A], within: 7d}\n"
     "    |                 ^ write sequence: [Report Run, Report Shared]\n"},
    {"sequence_of_six",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {sequence: [A, B, C, D, E, F], within: 7d}\n",
     "p.yaml:4:17: $.measures.a.sequence: a sequence is a list of 2 to 5 events\n"
     "  4 |   a: {sequence: [A, B, C, D, E, F], within: 7d}\n"
     "    |                 ^ write sequence: [Report Run, Report Shared]\n"},
    {"sequence_of_a_name",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {sequence: A, within: 7d}\n",
     "p.yaml:4:17: $.measures.a.sequence: a sequence is a list of 2 to 5 events\n"
     "  4 |   a: {sequence: A, within: 7d}\n"
     "    |                 ^ write sequence: [Report Run, Report Shared]\n"},
    {"sequence_of_any",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {sequence: [A, any], within: 7d}\n",
     "p.yaml:4:21: $.measures.a.sequence[1]: any is no event: it stands alone, for every active event\n"
     "  4 |   a: {sequence: [A, any], within: 7d}\n"
     "    |                     ^ an event of that name is written \"any\"\n"},
    {"sequence_of_lists",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {sequence: [A, [B, C]], within: 7d}\n",
     "p.yaml:4:21: $.measures.a.sequence[1]: expected a text, found a list\n"
     "  4 |   a: {sequence: [A, [B, C]], within: 7d}\n"
     "    |                     ^\n"},
    {"sequence_within_too_long",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {sequence: [A, B], within: 401d}\n",
     "p.yaml:4:33: $.measures.a.within: must be from 1ms to 400d, found \"401d\"\n"
     "  4 |   a: {sequence: [A, B], within: 401d}\n"
     "    |                                 ^\n"},
    {"sequence_with_window",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {sequence: [A, B], within: 7d, window: 7d}\n",
     "p.yaml:4:37: $.measures.a: window does not go with sequence\n"
     "  4 |   a: {sequence: [A, B], within: 7d, window: 7d}\n"
     "    |                                     ^ within says how long all of it may take\n"},
    {"sequence_after",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {sequence: [A, B], within: 7d, after: C}\n",
     "p.yaml:4:37: $.measures.a: after does not go with sequence\n"
     "  4 |   a: {sequence: [A, B], within: 7d, after: C}\n"
     "    |                                     ^ its first step is where it begins\n"},
    {"from_without_after",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: A, from: last}\n",
     "p.yaml:4:17: $.measures.a: from needs after\n"
     "  4 |   a: {count: A, from: last}\n"
     "    |                 ^ add after: and the event from which it counts\n"},
    {"from_where",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: A, after: B, from: lst}\n",
     "p.yaml:4:33: $.measures.a.from: unknown value \"lst\"\n"
     "  4 |   a: {count: A, after: B, from: lst}\n"
     "    |                                 ^ did you mean \"last\"?\n"},
    {"from_first_without_within",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: A, after: B, from: first}\n",
     "p.yaml:4:17: $.measures.a: after needs within\n"
     "  4 |   a: {count: A, after: B, from: first}\n"
     "    |                 ^ add within: and how long after it, as in within: 48h\n"},
    {"resets_and_window",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: A, resets_on: B, window: 7d}\n",
     "p.yaml:4:31: $.measures.a: window does not go with resets_on\n"
     "  4 |   a: {count: A, resets_on: B, window: 7d}\n"
     "    |                               ^ such a measure counts since its latest reset\n"},
    {"resets_and_after",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: A, resets_on: B, after: C, within: 7d}\n",
     "p.yaml:4:31: $.measures.a: after does not go with resets_on\n"
     "  4 |   a: {count: A, resets_on: B, after: C, within: 7d}\n"
     "    |                               ^ such a measure counts since its latest reset\n"},
    {"resets_on_any",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: A, resets_on: any}\n",
     "p.yaml:4:28: $.measures.a.resets_on: any cannot reset: nothing would ever count\n"
     "  4 |   a: {count: A, resets_on: any}\n"
     "    |                            ^ name the events that begin it anew\n"},
    {"resets_twice",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: A, resets_on: [B, B]}\n",
     "p.yaml:4:32: $.measures.a.resets_on[1]: \"B\" stands in the list twice\n"
     "  4 |   a: {count: A, resets_on: [B, B]}\n"
     "    |                                ^\n"},
    {"users_with_resets",
     "playbook: p\n"
     "version: 1\n"
     "signals:\n"
     "  s: {user.role: admin}\n"
     "measures:\n"
     "  a: {users_with: s, resets_on: B}\n",
     "p.yaml:6:22: $.measures.a: resets_on does not go with users_with\n"
     "  6 |   a: {users_with: s, resets_on: B}\n"
     "    |                      ^ users count while the signal is true for them, or with ever: true for good\n"},
    {"unknown_key_resets",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: A, reset_on: B}\n",
     "p.yaml:4:17: $.measures.a: unknown key \"reset_on\"\n"
     "  4 |   a: {count: A, reset_on: B}\n"
     "    |                 ^ did you mean \"resets_on\"?\n"},
    {"where_historic_too_many",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: A, where: [{user.role: x}, {any: [{properties.p: 0}, {properties.p: 1}, {properties.p: 2}, {properties.p: 3}, {properties.p: 4}, {properties.p: 5}, {properties.p: 6}, {properties.p: 7}, {properties.p: 8}, {properties.p: 9}, {properties.p: 10}, {properties.p: 11}, {properties.p: 12}, {properties.p: 13}, {properties.p: 14}, {properties.p: 15}, {properties.p: 16}, {properties.p: 17}, {properties.p: 18}, {properties.p: 19}, {properties.p: 20}, {properties.p: 21}, {properties.p: 22}, {properties.p: 23}, {properties.p: 24}, {properties.p: 25}, {properties.p: 26}, {properties.p: 27}, {properties.p: 28}, {properties.p: 29}, {properties.p: 30}, {properties.p: 31}, {properties.p: 32}]}]}\n",
     "p.yaml:4:24: $.measures.a.where: a where that looks at traits has at most 32 tests of properties and context, this has 33\n"
     "  4 |   a: {count: A, where: [{user.role: x}, {any: [{properties.p: 0}, {properties.p: 1}, {properties.p: ...\n"
     "    |                        ^ use in: [a, b] for several values of one\n"},
    {"both_fades",
     "playbook: p\n"
     "version: 1\n"
     "scores:\n"
     "  a: {points: {A: 1}, half_life: 1d, fades_over: 2d}\n",
     "p.yaml:4:38: $.scores.a: fades_over does not go with half_life\n"
     "  4 |   a: {points: {A: 1}, half_life: 1d, fades_over: 2d}\n"
     "    |                                      ^ half_life never reaches 0, fades_over does: take one\n"},
    {"fades_too_short",
     "playbook: p\n"
     "version: 1\n"
     "scores:\n"
     "  a: {points: {A: 1}, fades_over: 1m}\n",
     "p.yaml:4:35: $.scores.a.fades_over: must be from 1h to 3650d, found \"1m\"\n"
     "  4 |   a: {points: {A: 1}, fades_over: 1m}\n"
     "    |                                   ^\n"},
    {"points_a_text",
     "playbook: p\n"
     "version: 1\n"
     "scores:\n"
     "  a: {points: many}\n",
     "p.yaml:4:15: $.scores.a.points: expected points, as in {Report Run: 5}, found \"many\"\n"
     "  4 |   a: {points: many}\n"
     "    |               ^\n"},
    {"points_empty",
     "playbook: p\n"
     "version: 1\n"
     "scores:\n"
     "  a: {points: []}\n",
     "p.yaml:4:15: $.scores.a.points: expected points, as in {Report Run: 5}, found an empty list\n"
     "  4 |   a: {points: []}\n"
     "    |               ^\n"},
    {"rule_without_on",
     "playbook: p\n"
     "version: 1\n"
     "scores:\n"
     "  a: {points: [{points: 5}]}\n",
     "p.yaml:4:16: $.scores.a.points[0]: missing key \"on\"\n"
     "  4 |   a: {points: [{points: 5}]}\n"
     "    |                ^ add on: and the event that gives them\n"},
    {"rule_without_points",
     "playbook: p\n"
     "version: 1\n"
     "scores:\n"
     "  a: {points: [{on: A}]}\n",
     "p.yaml:4:16: $.scores.a.points[0]: missing key \"points\"\n"
     "  4 |   a: {points: [{on: A}]}\n"
     "    |                ^ add points: 5\n"},
    {"rule_misspelt",
     "playbook: p\n"
     "version: 1\n"
     "scores:\n"
     "  a: {points: [{on: A, points: 5, per_dy: 2}]}\n",
     "p.yaml:4:35: $.scores.a.points[0]: unknown key \"per_dy\"\n"
     "  4 |   a: {points: [{on: A, points: 5, per_dy: 2}]}\n"
     "    |                                   ^ did you mean \"per_day\"?\n"},
    {"rule_text",
     "playbook: p\n"
     "version: 1\n"
     "scores:\n"
     "  a: {points: [A]}\n",
     "p.yaml:4:16: $.scores.a.points[0]: expected a rule, as in {on: Report Run, points: 5}, found \"A\"\n"
     "  4 |   a: {points: [A]}\n"
     "    |                ^\n"},
    {"rule_once_a_day",
     "playbook: p\n"
     "version: 1\n"
     "scores:\n"
     "  a: {points: [{on: A, points: 5, per_day: 2, once: true}]}\n",
     "p.yaml:4:35: $.scores.a.points[0]: per_day does not go with once\n"
     "  4 |   a: {points: [{on: A, points: 5, per_day: 2, once: true}]}\n"
     "    |                                   ^ leave one of them out\n"},
    {"rule_no_day",
     "playbook: p\n"
     "version: 1\n"
     "scores:\n"
     "  a: {points: [{on: A, points: 5, per_day: 0}]}\n",
     "p.yaml:4:44: $.scores.a.points[0].per_day: must be from 1 to 1000, found \"0\"\n"
     "  4 |   a: {points: [{on: A, points: 5, per_day: 0}]}\n"
     "    |                                            ^\n"},
    {"rule_cap",
     "playbook: p\n"
     "version: 1\n"
     "scores:\n"
     "  a: {points: [{on: A, points: 5, at_most: -5}]}\n",
     "p.yaml:4:44: $.scores.a.points[0].at_most: must be above 0, found \"-5\"\n"
     "  4 |   a: {points: [{on: A, points: 5, at_most: -5}]}\n"
     "    |                                            ^ it bounds the size either way, of points below 0 too\n"},
    {"rule_points_large",
     "playbook: p\n"
     "version: 1\n"
     "scores:\n"
     "  a: {points: [{on: A, points: 100001}]}\n",
     "p.yaml:4:32: $.scores.a.points[0].points: points are from -100000 to 100000, found \"100001\"\n"
     "  4 |   a: {points: [{on: A, points: 100001}]}\n"
     "    |                                ^\n"},
    {"rule_where_signal",
     "playbook: p\n"
     "version: 1\n"
     "signals:\n"
     "  s: {user.role: admin}\n"
     "scores:\n"
     "  a: {points: [{on: A, points: 1, where: s}]}\n",
     "p.yaml:6:42: $.scores.a.points[0].where: a signal cannot be looked at here, only the event and traits\n"
     "  6 |   a: {points: [{on: A, points: 1, where: s}]}\n"
     "    |                                          ^ use properties., context., user. or account.\n"},
    {"cap_zero",
     "playbook: p\n"
     "version: 1\n"
     "scores:\n"
     "  a: {points: {A: 1}, cap_per_event: 0}\n",
     "p.yaml:4:38: $.scores.a.cap_per_event: must be above 0, found \"0\"\n"
     "  4 |   a: {points: {A: 1}, cap_per_event: 0}\n"
     "    |                                      ^ it bounds the size either way, of points below 0 too\n"},
    {"bounds_turned",
     "playbook: p\n"
     "version: 1\n"
     "scores:\n"
     "  a: {points: {A: 1}, at_least: 10, at_most: 5}\n",
     "p.yaml:4:46: $.scores.a.at_most: at_most is below at_least\n"
     "  4 |   a: {points: {A: 1}, at_least: 10, at_most: 5}\n"
     "    |                                              ^\n"},
    {"bands_falling",
     "playbook: p\n"
     "version: 1\n"
     "scores:\n"
     "  a: {points: {A: 1}, bands: {Cold: 0, Warm: 40, Hot: 40}}\n",
     "p.yaml:4:55: $.scores.a.bands.Hot: \"Hot\" must begin above \"Warm\"\n"
     "  4 |   a: {points: {A: 1}, bands: {Cold: 0, Warm: 40, Hot: 40}}\n"
     "    |                                                       ^ write them from the lowest to the highest\n"},
    {"bands_text",
     "playbook: p\n"
     "version: 1\n"
     "scores:\n"
     "  a: {points: {A: 1}, bands: Cold}\n",
     "p.yaml:4:30: $.scores.a.bands: expected bands, as in {Cold: 0, Warm: 40}, found \"Cold\"\n"
     "  4 |   a: {points: {A: 1}, bands: Cold}\n"
     "    |                              ^\n"},
    {"bands_number",
     "playbook: p\n"
     "version: 1\n"
     "scores:\n"
     "  a: {points: {A: 1}, bands: {Cold: none}}\n",
     "p.yaml:4:37: $.scores.a.bands.Cold: expected a number, found \"none\"\n"
     "  4 |   a: {points: {A: 1}, bands: {Cold: none}}\n"
     "    |                                     ^\n"},
    {"score_nothing",
     "playbook: p\n"
     "version: 1\n"
     "scores:\n"
     "  a: {per: account}\n",
     "p.yaml:4:6: $.scores.a: missing key \"points\"\n"
     "  4 |   a: {per: account}\n"
     "    |      ^ add points: {Report Run: 5}\n"},
    {"weights_unknown",
     "playbook: p\n"
     "version: 1\n"
     "scores:\n"
     "  a: {weights: {engagment: 1}}\n"
     "  engagement: {points: {A: 1}, half_life: 1d}\n",
     "p.yaml:4:17: $.scores.a.weights: unknown score, measure or signal \"engagment\"\n"
     "  4 |   a: {weights: {engagment: 1}}\n"
     "    |                 ^ did you mean \"engagement\"?\n"},
    {"weights_last",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  seen: {last: any}\n"
     "scores:\n"
     "  a: {weights: {seen: 1}}\n",
     "p.yaml:6:17: $.scores.a.weights: \"seen\" cannot be added up\n"
     "  6 |   a: {weights: {seen: 1}}\n"
     "    |                 ^ counts, sums, distinct, active days and weeks, streaks, scores and signals have a weight\n"},
    {"weights_self",
     "playbook: p\n"
     "version: 1\n"
     "scores:\n"
     "  a: {weights: {a: 1}}\n",
     "p.yaml:4:17: $.scores.a.weights: the score \"a\" refers to itself\n"
     "  4 |   a: {weights: {a: 1}}\n"
     "    |                 ^ one of them must not refer to the next\n"},
    {"weights_circle",
     "playbook: p\n"
     "version: 1\n"
     "scores:\n"
     "  a: {weights: {b: 1}}\n"
     "  b: {weights: {a: 1}}\n",
     "p.yaml:5:17: $.scores.b.weights: the score \"a\" is made of this one\n"
     "  5 |   b: {weights: {a: 1}}\n"
     "    |                 ^ one of them must not refer to the next\n"},
    {"weights_and_points",
     "playbook: p\n"
     "version: 1\n"
     "scores:\n"
     "  a: {weights: {e: 1}, points: {A: 1}, per: account}\n"
     "  e: {points: {A: 1}, half_life: 1d}\n",
     "p.yaml:4:24: $.scores.a: points does not go with weights\n"
     "  4 |   a: {weights: {e: 1}, points: {A: 1}, per: account}\n"
     "    |                        ^ make a score of the points, and give that a weight\n"
     "p.yaml:4:40: $.scores.a: per does not go with weights\n"
     "  4 |   a: {weights: {e: 1}, points: {A: 1}, per: account}\n"
     "    |                                        ^ it is of users when a part of it is\n"
     "2 errors\n"},
    {"weights_text",
     "playbook: p\n"
     "version: 1\n"
     "scores:\n"
     "  a: {weights: e}\n"
     "  e: {points: {A: 1}, half_life: 1d}\n",
     "p.yaml:4:16: $.scores.a.weights: expected weights, as in {engagement: 1, near_limit: 20}, found \"e\"\n"
     "  4 |   a: {weights: e}\n"
     "    |                ^\n"},
    {"weight_large",
     "playbook: p\n"
     "version: 1\n"
     "scores:\n"
     "  a: {weights: {e: 100001}}\n"
     "  e: {points: {A: 1}, half_life: 1d}\n",
     "p.yaml:4:20: $.scores.a.weights.e: a weight is from -100000 to 100000, found \"100001\"\n"
     "  4 |   a: {weights: {e: 100001}}\n"
     "    |                    ^\n"},
    {"weights_through_signals",
     "playbook: p\n"
     "version: 1\n"
     "scores:\n"
     "  a: {weights: {s: 1}}\n"
     "signals:\n"
     "  s: {a: {at_least: 1}}\n",
     "p.yaml:6:3: $.signals: signals refer to each other in a circle: s -> s\n"
     "  6 |   s: {a: {at_least: 1}}\n"
     "    |   ^ one of them must not refer to the next\n"},
    {"score_misspelt",
     "playbook: p\n"
     "version: 1\n"
     "scores:\n"
     "  a: {points: {A: 1}, half_live: 1d}\n",
     "p.yaml:4:23: $.scores.a: unknown key \"half_live\"\n"
     "  4 |   a: {points: {A: 1}, half_live: 1d}\n"
     "    |                       ^ did you mean \"half_life\"?\n"},
    {"fit_reserved",
     "playbook: p\n"
     "version: 1\n"
     "fit:\n"
     "  best: {account.a: 1}\n",
     "p.yaml:4:3: $.fit: \"best\" is reserved and cannot be a profile's name\n"
     "  4 |   best: {account.a: 1}\n"
     "    |   ^ it has a meaning in {fit: ...}\n"},
    {"fit_no_criteria",
     "playbook: p\n"
     "version: 1\n"
     "fit:\n"
     "  a: {at_least: 60}\n",
     "p.yaml:4:6: $.fit.a: missing key \"criteria\"\n"
     "  4 |   a: {at_least: 60}\n"
     "    |      ^ add criteria: [{when: ..., weight: 2}]\n"},
    {"fit_criteria_text",
     "playbook: p\n"
     "version: 1\n"
     "fit:\n"
     "  a: {criteria: yes}\n",
     "p.yaml:4:17: $.fit.a.criteria: expected a list of criteria, found \"yes\"\n"
     "  4 |   a: {criteria: yes}\n"
     "    |                 ^\n"},
    {"fit_criterion_no_when",
     "playbook: p\n"
     "version: 1\n"
     "fit:\n"
     "  a: {criteria: [{weight: 2}]}\n",
     "p.yaml:4:18: $.fit.a.criteria[0]: missing key \"when\"\n"
     "  4 |   a: {criteria: [{weight: 2}]}\n"
     "    |                  ^ add when: and its condition\n"},
    {"fit_criterion_misspelt",
     "playbook: p\n"
     "version: 1\n"
     "fit:\n"
     "  a: {criteria: [{when: {account.a: 1}, wieght: 2}]}\n",
     "p.yaml:4:41: $.fit.a.criteria[0]: unknown key \"wieght\"\n"
     "  4 |   a: {criteria: [{when: {account.a: 1}, wieght: 2}]}\n"
     "    |                                         ^ did you mean \"weight\"?\n"},
    {"fit_weight_zero",
     "playbook: p\n"
     "version: 1\n"
     "fit:\n"
     "  a: {criteria: [{when: {account.a: 1}, weight: 0}]}\n",
     "p.yaml:4:49: $.fit.a.criteria[0].weight: a weight is above 0, up to 100000, found \"0\"\n"
     "  4 |   a: {criteria: [{when: {account.a: 1}, weight: 0}]}\n"
     "    |                                                 ^\n"},
    {"fit_at_least",
     "playbook: p\n"
     "version: 1\n"
     "fit:\n"
     "  a: {criteria: [{when: {account.a: 1}}], at_least: 101}\n",
     "p.yaml:4:53: $.fit.a.at_least: must be from 1 to 100, found \"101\"\n"
     "  4 |   a: {criteria: [{when: {account.a: 1}}], at_least: 101}\n"
     "    |                                                     ^\n"},
    {"fit_at_least_when",
     "playbook: p\n"
     "version: 1\n"
     "fit:\n"
     "  a: {when: {account.a: 1}, at_least: 50}\n",
     "p.yaml:4:29: $.fit.a: at_least does not go with when\n"
     "  4 |   a: {when: {account.a: 1}, at_least: 50}\n"
     "    |                             ^ a single condition fits or not: give criteria\n"},
    {"fit_disq_criteria",
     "playbook: p\n"
     "version: 1\n"
     "fit:\n"
     "  a: {disqualifies: true, criteria: [{when: {account.a: 1}}]}\n",
     "p.yaml:4:7: $.fit.a: disqualifies does not go with criteria\n"
     "  4 |   a: {disqualifies: true, criteria: [{when: {account.a: 1}}]}\n"
     "    |       ^ say when: it disqualifies\n"},
    {"fit_disq_nothing",
     "playbook: p\n"
     "version: 1\n"
     "fit:\n"
     "  a: {disqualifies: true}\n",
     "p.yaml:4:6: $.fit.a: missing key \"when\"\n"
     "  4 |   a: {disqualifies: true}\n"
     "    |      ^ add when: and its condition\n"},
    {"fit_disq_text",
     "playbook: p\n"
     "version: 1\n"
     "fit:\n"
     "  a: {disqualifies: maybe, when: {account.a: 1}}\n",
     "p.yaml:4:21: $.fit.a.disqualifies: expected true or false, found \"maybe\"\n"
     "  4 |   a: {disqualifies: maybe, when: {account.a: 1}}\n"
     "    |                     ^\n"},
    {"fit_property",
     "playbook: p\n"
     "version: 1\n"
     "fit:\n"
     "  a: {criteria: [{when: {properties.a: 1}}]}\n",
     "p.yaml:4:26: $.fit.a.criteria[0].when: there is no event here to look at, only in where and exclude\n"
     "  4 |   a: {criteria: [{when: {properties.a: 1}}]}\n"
     "    |                          ^ count the events that have it with a measure and where:\n"},
    {"fit_unknown_key",
     "playbook: p\n"
     "version: 1\n"
     "fit:\n"
     "  a: {criteria: [{when: {account.a: 1}}], minimum: 50}\n",
     "p.yaml:4:43: $.fit.a: unknown key \"minimum\"\n"
     "  4 |   a: {criteria: [{when: {account.a: 1}}], minimum: 50}\n"
     "    |                                           ^ expected one of criteria, at_least, disqualifies, when\n"},
    {"fit_circle",
     "playbook: p\n"
     "version: 1\n"
     "fit:\n"
     "  a: {criteria: [{when: {fit: a}}]}\n",
     "p.yaml:4:18: $.fit.a.criteria[0]: signals refer to each other in a circle: fit.a.1 -> fit.a.1\n"
     "  4 |   a: {criteria: [{when: {fit: a}}]}\n"
     "    |                  ^ one of them must not refer to the next\n"},
    {"fit_list",
     "playbook: p\n"
     "version: 1\n"
     "fit: [a]\n",
     "p.yaml:3:6: $.fit: expected profiles, as in {midmarket: {criteria: [..]}}, found a list\n"
     "  3 | fit: [a]\n"
     "    |      ^\n"},
    {"grade_no_fit",
     "playbook: p\n"
     "version: 1\n"
     "scores:\n"
     "  e: {points: {A: 1}, half_life: 1d}\n"
     "grades:\n"
     "  g: {fit: [50], score: e, at_least: [10]}\n",
     "p.yaml:6:7: $.grades.g: there is no profile to fit\n"
     "  6 |   g: {fit: [50], score: e, at_least: [10]}\n"
     "    |       ^ add fit: and a profile with criteria\n"},
    {"grade_missing",
     "playbook: p\n"
     "version: 1\n"
     "fit:\n"
     "  f: {account.a: 1}\n"
     "grades:\n"
     "  g: {names: [[a]]}\n",
     "p.yaml:6:6: $.grades.g: missing key \"fit\"\n"
     "  6 |   g: {names: [[a]]}\n"
     "    |      ^ add one, as in fit: [50, 80]\n"
     "p.yaml:6:6: $.grades.g: missing key \"at_least\"\n"
     "  6 |   g: {names: [[a]]}\n"
     "    |      ^ add one, as in at_least: [40, 100]\n"
     "p.yaml:6:6: $.grades.g: missing key \"score\"\n"
     "  6 |   g: {names: [[a]]}\n"
     "    |      ^ add score: and its name\n"
     "3 errors\n"},
    {"grade_bounds",
     "playbook: p\n"
     "version: 1\n"
     "fit:\n"
     "  f: {account.a: 1}\n"
     "scores:\n"
     "  e: {points: {A: 1}, half_life: 1d}\n"
     "grades:\n"
     "  g: {fit: [80, 50], score: e, at_least: [10, 10]}\n",
     "p.yaml:8:17: $.grades.g.fit[1]: each number must be above the one before it\n"
     "  8 |   g: {fit: [80, 50], score: e, at_least: [10, 10]}\n"
     "    |                 ^ write them from the lowest to the highest\n"
     "p.yaml:8:47: $.grades.g.at_least[1]: each number must be above the one before it\n"
     "  8 |   g: {fit: [80, 50], score: e, at_least: [10, 10]}\n"
     "    |                                               ^ write them from the lowest to the highest\n"
     "2 errors\n"},
    {"grade_percent",
     "playbook: p\n"
     "version: 1\n"
     "fit:\n"
     "  f: {account.a: 1}\n"
     "scores:\n"
     "  e: {points: {A: 1}, half_life: 1d}\n"
     "grades:\n"
     "  g: {fit: [120], score: e, at_least: [10]}\n",
     "p.yaml:8:13: $.grades.g.fit[0]: fit is a percentage from 0 to 100, found \"120\"\n"
     "  8 |   g: {fit: [120], score: e, at_least: [10]}\n"
     "    |             ^\n"},
    {"grade_many",
     "playbook: p\n"
     "version: 1\n"
     "fit:\n"
     "  f: {account.a: 1}\n"
     "scores:\n"
     "  e: {points: {A: 1}, half_life: 1d}\n"
     "grades:\n"
     "  g: {fit: [1,2,3,4,5,6,7,8,9,10], score: e, at_least: 10}\n",
     "p.yaml:8:12: $.grades.g.fit: expected a list of 1 to 9 numbers\n"
     "  8 |   g: {fit: [1,2,3,4,5,6,7,8,9,10], score: e, at_least: 10}\n"
     "    |            ^ as in fit: [50, 80]\n"
     "p.yaml:8:56: $.grades.g.at_least: expected a list of 1 to 9 numbers\n"
     "  8 |   g: {fit: [1,2,3,4,5,6,7,8,9,10], score: e, at_least: 10}\n"
     "    |                                                        ^ as in at_least: [40, 100]\n"
     "2 errors\n"},
    {"grade_rows",
     "playbook: p\n"
     "version: 1\n"
     "fit:\n"
     "  f: {account.a: 1}\n"
     "scores:\n"
     "  e: {points: {A: 1}, half_life: 1d}\n"
     "grades:\n"
     "  g: {fit: [50], score: e, at_least: [10], names: [[A, B]]}\n",
     "p.yaml:8:51: $.grades.g.names: expected 2 lists of names, one for each level of fit\n"
     "  8 |   g: {fit: [50], score: e, at_least: [10], names: [[A, B]]}\n"
     "    |                                                   ^ from the lowest fit to the highest\n"},
    {"grade_columns",
     "playbook: p\n"
     "version: 1\n"
     "fit:\n"
     "  f: {account.a: 1}\n"
     "scores:\n"
     "  e: {points: {A: 1}, half_life: 1d}\n"
     "grades:\n"
     "  g: {fit: [50], score: e, at_least: [10], names: [[A, B], [C]]}\n",
     "p.yaml:8:60: $.grades.g.names[1]: expected a list of 2 names, one for each level of at_least\n"
     "  8 |   g: {fit: [50], score: e, at_least: [10], names: [[A, B], [C]]}\n"
     "    |                                                            ^ from the lowest score to the highest\n"},
    {"grade_unknown",
     "playbook: p\n"
     "version: 1\n"
     "fit:\n"
     "  f: {account.a: 1}\n"
     "scores:\n"
     "  e: {points: {A: 1}, half_life: 1d}\n"
     "grades:\n"
     "  g: {fit: [50], score: f, at_least: [10]}\n",
     "p.yaml:8:25: $.grades.g.score: unknown score or measure \"f\"\n"
     "  8 |   g: {fit: [50], score: f, at_least: [10]}\n"
     "    |                         ^ did you mean \"e\"?\n"},
    {"grade_last",
     "playbook: p\n"
     "version: 1\n"
     "fit:\n"
     "  f: {account.a: 1}\n"
     "measures:\n"
     "  seen: {last: any}\n"
     "grades:\n"
     "  g: {fit: [50], score: seen, at_least: [10]}\n",
     "p.yaml:8:25: $.grades.g.score: \"seen\" has no levels\n"
     "  8 |   g: {fit: [50], score: seen, at_least: [10]}\n"
     "    |                         ^ name a score, or a measure that counts\n"},
    {"grade_taken",
     "playbook: p\n"
     "version: 1\n"
     "fit:\n"
     "  f: {account.a: 1}\n"
     "scores:\n"
     "  e: {points: {A: 1}, half_life: 1d}\n"
     "grades:\n"
     "  e: {fit: [50], score: e, at_least: [10]}\n",
     "p.yaml:8:3: $.grades: \"e\" is the name of a score already (line 6)\n"
     "  8 |   e: {fit: [50], score: e, at_least: [10]}\n"
     "    |   ^\n"},
    {"grade_text",
     "playbook: p\n"
     "version: 1\n"
     "fit:\n"
     "  f: {account.a: 1}\n"
     "grades:\n"
     "  g: A1\n",
     "p.yaml:6:6: $.grades.g: expected a grade, as in {fit: [50], score: engagement, at_least: [40]}, found \"A1\"\n"
     "  6 |   g: A1\n"
     "    |      ^\n"},
    {"grade_key",
     "playbook: p\n"
     "version: 1\n"
     "fit:\n"
     "  f: {account.a: 1}\n"
     "scores:\n"
     "  e: {points: {A: 1}, half_life: 1d}\n"
     "grades:\n"
     "  g: {fit: [50], score: e, at_least: [10], name: [[A]]}\n",
     "p.yaml:8:44: $.grades.g: unknown key \"name\"\n"
     "  8 |   g: {fit: [50], score: e, at_least: [10], name: [[A]]}\n"
     "    |                                            ^ did you mean \"names\"?\n"},
};
// clang-format on

Test(playbook_measure_errors, says_what_is_wrong_and_where)
{
    cr_assert_geq(ARRAY_LEN(BAD), 40u);
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
        playbook_bad_check(&BAD[i], ERR_INVALID);
}

// Mistakes of different sections, told at once and in order of the file.
Test(playbook_measure_errors, tells_all_mistakes_at_once)
{
    static const char TEXT[] = "playbook: p\n"
                               "version: 1\n"
                               "grades:\n"
                               "  g: {fit: [50], score: hat, at_least: [10]}\n"
                               "fit:\n"
                               "  f: {criteria: [{when: {account.a: 1}, weight: -1}]}\n"
                               "scores:\n"
                               "  heat: {points: [{on: A, pionts: 1}], half_life: 1d}\n"
                               "measures:\n"
                               "  m: {max: properties.x, window: 90h, after: B, per: us}\n"
                               "signals:\n"
                               "  s: {fit: g}\n";
    static const char *const TOLD[] = {
        "p.yaml:4:25: $.grades.g.score: unknown score or measure \"hat\"",
        "p.yaml:6:49: $.fit.f.criteria[0].weight: a weight is above 0, up to 100000, found \"-1\"",
        "p.yaml:8:19: $.scores.heat.points[0]: missing key \"points\"",
        "p.yaml:8:27: $.scores.heat.points[0]: unknown key \"pionts\"",
        "p.yaml:10:6: $.measures.m: max needs on",
        "p.yaml:10:34: $.measures.m.window: a window in hours is from 1h to 72h, found \"90h\"",
        "p.yaml:10:26: $.measures.m: window does not go with after",
        "p.yaml:10:39: $.measures.m: after needs within",
        "p.yaml:10:54: $.measures.m.per: unknown value \"us\"",
        "p.yaml:12:12: $.signals.s.fit: unknown profile \"g\"",
        "\n10 errors\n",
    };
    struct buf report = {0};
    struct playbook *playbook = NULL;
    cr_expect_eq(playbook_load("p.yaml", span_of(TEXT), &playbook, &report), ERR_INVALID);
    buf_append_u8(&report, 0);
    for (size_t i = 0; i < ARRAY_LEN(TOLD); i++)
        cr_expect_not_null(strstr((const char *)report.bytes, TOLD[i]), "%s in\n%s", TOLD[i],
                           (const char *)report.bytes);
    buf_deinit(&report);
}
