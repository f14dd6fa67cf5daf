// SPDX-License-Identifier: Apache-2.0
// links: playbook config base
// Every mistake that a playbook can have, with the whole message as a person sees it. The table is
// long because each message is a promise.
#include <criterion/criterion.h>

#include "services/playbook/load.h"
#include "tests/support/playbook_bad.h"

// clang-format off
static const struct bad BAD[] = {
    {"empty_file",
     "",
     "p.yaml: the file is empty\n"},
    {"root_is_a_list",
     "- playbook: p\n",
     "p.yaml:1:1: $: expected a mapping, found a list\n"
     "  1 | - playbook: p\n"
     "    | ^ start with playbook: my-product\n"},
    {"head_missing",
     "signals: {s: always}\n",
     "p.yaml:1:1: $: missing key \"playbook\"\n"
     "  1 | signals: {s: always}\n"
     "    | ^ start with playbook: my-product\n"
     "p.yaml:1:1: $: missing key \"version\"\n"
     "  1 | signals: {s: always}\n"
     "    | ^ add version: 1, and count it up with every change\n"
     "2 errors\n"},
    {"name_has_capitals",
     "playbook: My Tool\n"
     "version: 1\n",
     "p.yaml:1:11: $.playbook: expected a name of small letters, digits and -, found \"My Tool\"\n"
     "  1 | playbook: My Tool\n"
     "    |           ^ at most 64 of them\n"},
    {"version_is_zero",
     "playbook: p\n"
     "version: 0\n",
     "p.yaml:2:10: $.version: must be at least 1, found \"0\"\n"
     "  2 | version: 0\n"
     "    |          ^\n"},
    {"version_is_a_text",
     "playbook: p\n"
     "version: one\n",
     "p.yaml:2:10: $.version: expected a whole number, found \"one\"\n"
     "  2 | version: one\n"
     "    |          ^\n"},
    {"unknown_section",
     "playbook: p\n"
     "version: 1\n"
     "mesures:\n"
     "  a: {count: A}\n",
     "p.yaml:3:1: $: unknown key \"mesures\"\n"
     "  3 | mesures:\n"
     "    | ^ did you mean \"measures\"?\n"},
    {"section_is_empty",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n",
     "p.yaml:3:10: $.measures: expected measures, as in {reports: {count: Report Run}}, found nothing\n"
     "  3 | measures:\n"
     "    |          ^\n"},
    {"bad_yaml",
     "playbook: p\n"
     "version: 1\n"
     "measures: {a: {count: A}\n",
     "p.yaml:4:1: not valid YAML: did not find expected ',' or '}', while parsing a flow mapping that starts on line 3\n"
     "  4 | \n"
     "    | ^\n"},
    {"duplicate_key",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: A}\n"
     "  a: {count: B}\n",
     "p.yaml:5:3: $.measures: duplicate key \"a\" (first on line 4)\n"
     "  5 |   a: {count: B}\n"
     "    |   ^\n"},
    {"name_with_capitals",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  Projects: {count: A}\n",
     "p.yaml:4:3: $.measures: \"Projects\" is not a name that can be used here\n"
     "  4 |   Projects: {count: A}\n"
     "    |   ^ a small letter, then small letters, digits and _, at most 64\n"},
    {"reserved_name",
     "playbook: p\n"
     "version: 1\n"
     "signals:\n"
     "  always: {account.a: 1}\n",
     "p.yaml:4:3: $.signals: \"always\" is reserved and cannot be a name\n"
     "  4 |   always: {account.a: 1}\n"
     "    |   ^ it has a meaning in conditions\n"},
    {"name_taken",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: A}\n"
     "scores:\n"
     "  a: {points: {A: 1}, half_life: 30d}\n"
     "signals:\n"
     "  a: {account.a: 1}\n",
     "p.yaml:6:3: $.scores: \"a\" is the name of a measure already (line 4)\n"
     "  6 |   a: {points: {A: 1}, half_life: 30d}\n"
     "    |   ^\n"
     "p.yaml:8:3: $.signals: \"a\" is the name of a measure already (line 4)\n"
     "  8 |   a: {account.a: 1}\n"
     "    |   ^\n"
     "2 errors\n"},
    {"measure_without_function",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {per: account}\n",
     "p.yaml:4:6: $.measures.a: a measure needs a function\n"
     "  4 |   a: {per: account}\n"
     "    |      ^ add one of count, sum, max, min, average, distinct, active_days, active_weeks, day_streak, week_streak, first, last, time_spent, since, sequence, users_with\n"},
    {"measure_with_a_misspelt_function",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {cuont: A}\n",
     "p.yaml:4:7: $.measures.a: unknown key \"cuont\"\n"
     "  4 |   a: {cuont: A}\n"
     "    |       ^ did you mean \"count\"?\n"},
    {"measure_of_two_functions",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: A, first: A}\n",
     "p.yaml:4:17: $.measures.a: a measure has one function, this has count and first\n"
     "  4 |   a: {count: A, first: A}\n"
     "    |                 ^ make two measures of it\n"},
    {"measure_is_a_text",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: Report Run\n",
     "p.yaml:4:6: $.measures.a: expected a measure, as in {count: Report Run}, found \"Report Run\"\n"
     "  4 |   a: Report Run\n"
     "    |      ^\n"},
    {"unknown_measure_key",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: A, windw: 30d}\n",
     "p.yaml:4:17: $.measures.a: unknown key \"windw\"\n"
     "  4 |   a: {count: A, windw: 30d}\n"
     "    |                 ^ did you mean \"window\"?\n"},
    {"window_too_long",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: A, window: 401d}\n",
     "p.yaml:4:25: $.measures.a.window: a window in days is from 1d to 400d, found \"401d\"\n"
     "  4 |   a: {count: A, window: 401d}\n"
     "    |                         ^\n"},
    {"window_in_too_many_hours",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: A, window: 73h}\n",
     "p.yaml:4:25: $.measures.a.window: a window in hours is from 1h to 72h, found \"73h\"\n"
     "  4 |   a: {count: A, window: 73h}\n"
     "    |                         ^ write longer ones in days\n"},
    {"window_is_no_window",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: A, window: 2 weeks}\n",
     "p.yaml:4:25: $.measures.a.window: expected a window, found \"2 weeks\"\n"
     "  4 |   a: {count: A, window: 2 weeks}\n"
     "    |                         ^ write 30d, 48h, 4w, day, week or month\n"},
    {"window_of_last",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {last: any, window: 7d}\n",
     "p.yaml:4:18: $.measures.a: window does not go with last\n"
     "  4 |   a: {last: any, window: 7d}\n"
     "    |                  ^ it is an instant: test it with within: 7d\n"},
    {"window_of_users_with",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {users_with: s, window: 7d}\n"
     "signals:\n"
     "  s: {user.role: admin}\n",
     "p.yaml:4:22: $.measures.a: window does not go with users_with\n"
     "  4 |   a: {users_with: s, window: 7d}\n"
     "    |                      ^ users count while the signal is true for them, or with ever: true for good\n"},
    {"on_beside_count",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: A, on: B}\n",
     "p.yaml:4:17: $.measures.a: on does not go with count\n"
     "  4 |   a: {count: A, on: B}\n"
     "    |                 ^ the events stand in the function itself\n"},
    {"ever_beside_count",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: A, ever: true}\n",
     "p.yaml:4:17: $.measures.a: ever does not go with count\n"
     "  4 |   a: {count: A, ever: true}\n"
     "    |                 ^ only users_with takes it\n"},
    {"where_of_users_with",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {users_with: s, where: {user.role: admin}}\n"
     "signals:\n"
     "  s: {user.role: admin}\n",
     "p.yaml:4:22: $.measures.a: where does not go with users_with\n"
     "  4 |   a: {users_with: s, where: {user.role: admin}}\n"
     "    |                      ^ put it into the measures that the signal looks at\n"},
    {"sum_without_prefix",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {sum: bytes, on: File Uploaded}\n",
     "p.yaml:4:12: $.measures.a.sum: expected properties.<name>, found \"bytes\"\n"
     "  4 |   a: {sum: bytes, on: File Uploaded}\n"
     "    |            ^ write sum: properties.bytes, on: File Uploaded\n"},
    {"sum_without_on",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {sum: properties.bytes}\n",
     "p.yaml:4:6: $.measures.a: sum needs on\n"
     "  4 |   a: {sum: properties.bytes}\n"
     "    |      ^ add on: and the event that has the property\n"},
    {"distinct_of_what",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {distinct: users}\n",
     "p.yaml:4:17: $.measures.a.distinct: expected user or properties.<name>, found \"users\"\n"
     "  4 |   a: {distinct: users}\n"
     "    |                 ^ write distinct: properties.area, on: Area Used\n"},
    {"users_per_user",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {distinct: user, per: user}\n",
     "p.yaml:4:28: $.measures.a.per: users are counted per account\n"
     "  4 |   a: {distinct: user, per: user}\n"
     "    |                            ^ leave it out, or write account\n"},
    {"per_whom",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: A, per: acount}\n",
     "p.yaml:4:22: $.measures.a.per: unknown value \"acount\"\n"
     "  4 |   a: {count: A, per: acount}\n"
     "    |                      ^ did you mean \"account\"?\n"},
    {"after_without_within",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: A, after: Trial Started}\n",
     "p.yaml:4:17: $.measures.a: after needs within\n"
     "  4 |   a: {count: A, after: Trial Started}\n"
     "    |                 ^ add within: and how long after it, as in within: 48h\n"},
    {"within_without_after",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: A, within: 48h}\n",
     "p.yaml:4:17: $.measures.a: within needs after\n"
     "  4 |   a: {count: A, within: 48h}\n"
     "    |                 ^ add after: and the event from which it counts\n"},
    {"after_and_window",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: A, after: B, within: 48h, window: 7d}\n",
     "p.yaml:4:40: $.measures.a: window does not go with after\n"
     "  4 |   a: {count: A, after: B, within: 48h, window: 7d}\n"
     "    |                                        ^ within is the window of such a measure\n"},
    {"any_in_a_list",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: [A, any]}\n",
     "p.yaml:4:18: $.measures.a.count[1]: any is no event: it stands alone, for every active event\n"
     "  4 |   a: {count: [A, any]}\n"
     "    |                  ^ an event of that name is written \"any\"\n"},
    {"event_twice",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: [A, B, A]}\n",
     "p.yaml:4:21: $.measures.a.count[2]: \"A\" stands in the list twice\n"
     "  4 |   a: {count: [A, B, A]}\n"
     "    |                     ^\n"},
    {"no_events",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: []}\n",
     "p.yaml:4:14: $.measures.a.count: expected an event or a list of events, found an empty list\n"
     "  4 |   a: {count: []}\n"
     "    |              ^\n"},
    {"where_looks_at_a_measure",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: A}\n"
     "  b: {count: B, where: {a: {at_least: 1}}}\n",
     "p.yaml:5:25: $.measures.b.where: a measure cannot be looked at here, only the event and traits\n"
     "  5 |   b: {count: B, where: {a: {at_least: 1}}}\n"
     "    |                         ^ use properties., context., user. or account.\n"},
    {"where_looks_at_a_signal",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  b: {count: B, where: s}\n"
     "signals:\n"
     "  s: {account.a: 1}\n",
     "p.yaml:4:24: $.measures.b.where: a signal cannot be looked at here, only the event and traits\n"
     "  4 |   b: {count: B, where: s}\n"
     "    |                        ^ use properties., context., user. or account.\n"},
    {"users_with_unknown_signal",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {users_with: user_pq}\n"
     "signals:\n"
     "  user_pql: {user.role: admin}\n",
     "p.yaml:4:19: $.measures.a.users_with: unknown signal \"user_pq\"\n"
     "  4 |   a: {users_with: user_pq}\n"
     "    |                   ^ did you mean \"user_pql\"?\n"},
    {"users_with_account_signal",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {users_with: s}\n"
     "signals:\n"
     "  s: {account.plan: free}\n",
     "p.yaml:4:19: $.measures.a.users_with: \"s\" is a signal of the account\n"
     "  4 |   a: {users_with: s}\n"
     "    |                   ^ users_with needs a signal that looks at something of a user\n"},
    {"score_without_points",
     "playbook: p\n"
     "version: 1\n"
     "scores:\n"
     "  a: {half_life: 30d}\n",
     "p.yaml:4:6: $.scores.a: missing key \"points\"\n"
     "  4 |   a: {half_life: 30d}\n"
     "    |      ^ add points: {Report Run: 5}\n"},
    {"points_too_fine",
     "playbook: p\n"
     "version: 1\n"
     "scores:\n"
     "  a: {points: {A: 0.0005}, half_life: 30d}\n",
     "p.yaml:4:19: $.scores.a.points.A: \"0.0005\" has more than three decimals\n"
     "  4 |   a: {points: {A: 0.0005}, half_life: 30d}\n"
     "    |                   ^\n"},
    {"points_too_many",
     "playbook: p\n"
     "version: 1\n"
     "scores:\n"
     "  a: {points: {A: 100001}, half_life: 30d}\n",
     "p.yaml:4:19: $.scores.a.points.A: points are from -100000 to 100000, found \"100001\"\n"
     "  4 |   a: {points: {A: 100001}, half_life: 30d}\n"
     "    |                   ^\n"},
    {"half_life_too_short",
     "playbook: p\n"
     "version: 1\n"
     "scores:\n"
     "  a: {points: {A: 1}, half_life: 1m}\n",
     "p.yaml:4:34: $.scores.a.half_life: must be from 1h to 3650d, found \"1m\"\n"
     "  4 |   a: {points: {A: 1}, half_life: 1m}\n"
     "    |                                  ^\n"},
    {"unknown_signal",
     "playbook: p\n"
     "version: 1\n"
     "signals:\n"
     "  near_limit: {account.plan: free}\n"
     "  s: [near_limt]\n",
     "p.yaml:5:7: $.signals.s[0]: unknown signal \"near_limt\"\n"
     "  5 |   s: [near_limt]\n"
     "    |       ^ did you mean \"near_limit\"?\n"},
    {"unknown_measure",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  projects: {count: A}\n"
     "signals:\n"
     "  s: {projcts: {at_least: 3}}\n",
     "p.yaml:6:7: $.signals.s: unknown measure or condition \"projcts\"\n"
     "  6 |   s: {projcts: {at_least: 3}}\n"
     "    |       ^ did you mean \"projects\"?\n"},
    {"unknown_prefix",
     "playbook: p\n"
     "version: 1\n"
     "signals:\n"
     "  s: {acount.plan: free}\n",
     "p.yaml:4:7: $.signals.s: unknown operand \"acount.plan\"\n"
     "  4 |   s: {acount.plan: free}\n"
     "    |       ^ did you mean \"account.plan\"?\n"},
    {"unknown_segment",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  midmarket: {account.employees: {at_least: 50}}\n"
     "qualify:\n"
     "  pqa: {segment: mid_market}\n",
     "p.yaml:6:18: $.qualify.pqa.segment: unknown segment \"mid_market\"\n"
     "  6 |   pqa: {segment: mid_market}\n"
     "    |                  ^ did you mean \"midmarket\"?\n"},
    {"unknown_test",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: A}\n"
     "signals:\n"
     "  s: {a: {atleast: 3}}\n",
     "p.yaml:6:11: $.signals.s.a: unknown key \"atleast\"\n"
     "  6 |   s: {a: {atleast: 3}}\n"
     "    |           ^ did you mean \"at_least\"?\n"},
    {"measure_without_test",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: A}\n"
     "signals:\n"
     "  s: a\n",
     "p.yaml:6:6: $.signals.s: \"a\" is a measure\n"
     "  6 |   s: a\n"
     "    |      ^ give it a test, as in {reports: {at_least: 1}}\n"},
    {"signal_with_test",
     "playbook: p\n"
     "version: 1\n"
     "signals:\n"
     "  s: {account.plan: free}\n"
     "  t: {s: true}\n",
     "p.yaml:5:7: $.signals.t: \"s\" is a signal\n"
     "  5 |   t: {s: true}\n"
     "    |       ^ a signal stands alone, without a test\n"},
    {"segment_by_name",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  m: {account.plan: free}\n"
     "qualify:\n"
     "  pqa: m\n",
     "p.yaml:6:8: $.qualify.pqa: \"m\" is a segment\n"
     "  6 |   pqa: m\n"
     "    |        ^ write it as {segment: name}\n"},
    {"two_keys",
     "playbook: p\n"
     "version: 1\n"
     "signals:\n"
     "  s: {account.a: 1, account.b: 2}\n",
     "p.yaml:4:21: $.signals.s: a condition has one key, this has 2\n"
     "  4 |   s: {account.a: 1, account.b: 2}\n"
     "    |                     ^ write a list to require several: [{..}, {..}]\n"},
    {"all_of_nothing",
     "playbook: p\n"
     "version: 1\n"
     "signals:\n"
     "  s: {all: []}\n",
     "p.yaml:4:12: $.signals.s.all: expected a list of conditions, found an empty list\n"
     "  4 |   s: {all: []}\n"
     "    |            ^\n"},
    {"not_a_number",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: A}\n"
     "signals:\n"
     "  s: {a: {at_least: three}}\n",
     "p.yaml:6:21: $.signals.s.a.at_least: expected a number, found \"three\"\n"
     "  6 |   s: {a: {at_least: three}}\n"
     "    |                     ^\n"},
    {"number_in_quotes",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: A}\n"
     "signals:\n"
     "  s: {a: {at_least: \"3\"}}\n",
     "p.yaml:6:21: $.signals.s.a.at_least: expected a number, found \"3\"\n"
     "  6 |   s: {a: {at_least: \"3\"}}\n"
     "    |                     ^ without quotes\n"},
    {"measure_is_a_word",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: A}\n"
     "signals:\n"
     "  s: {a: many}\n",
     "p.yaml:6:10: $.signals.s.a: expected a number, found \"many\"\n"
     "  6 |   s: {a: many}\n"
     "    |          ^\n"},
    {"number_too_large",
     "playbook: p\n"
     "version: 1\n"
     "signals:\n"
     "  s: {account.a: {above: 1000000000000001}}\n",
     "p.yaml:4:26: $.signals.s[\"account.a\"].above: \"1000000000000001\" is too large (10^15 at most)\n"
     "  4 |   s: {account.a: {above: 1000000000000001}}\n"
     "    |                          ^\n"},
    {"number_with_exponent",
     "playbook: p\n"
     "version: 1\n"
     "signals:\n"
     "  s: {account.a: {above: 1e6}}\n",
     "p.yaml:4:26: $.signals.s[\"account.a\"].above: \"1e6\" is not clear as a number\n"
     "  4 |   s: {account.a: {above: 1e6}}\n"
     "    |                          ^ write it in plain digits, or in quotes as a text\n"},
    {"postal_code",
     "playbook: p\n"
     "version: 1\n"
     "signals:\n"
     "  s: {account.zip: 01234}\n",
     "p.yaml:4:20: $.signals.s[\"account.zip\"]: \"01234\" is not clear as a number\n"
     "  4 |   s: {account.zip: 01234}\n"
     "    |                    ^ write it in plain digits, or in quotes as a text\n"},
    {"between_of_one",
     "playbook: p\n"
     "version: 1\n"
     "signals:\n"
     "  s: {account.a: {between: 5}}\n",
     "p.yaml:4:28: $.signals.s[\"account.a\"].between: expected two numbers, found \"5\"\n"
     "  4 |   s: {account.a: {between: 5}}\n"
     "    |                            ^ write between: [50, 1000]\n"},
    {"between_turned_round",
     "playbook: p\n"
     "version: 1\n"
     "signals:\n"
     "  s: {account.a: {between: [5, 1]}}\n",
     "p.yaml:4:28: $.signals.s[\"account.a\"].between: the first number is larger than the second\n"
     "  4 |   s: {account.a: {between: [5, 1]}}\n"
     "    |                            ^\n"},
    {"list_without_in",
     "playbook: p\n"
     "version: 1\n"
     "signals:\n"
     "  s: {account.industry: [saas, media]}\n",
     "p.yaml:4:25: $.signals.s[\"account.industry\"]: expected a value or tests, found a list\n"
     "  4 |   s: {account.industry: [saas, media]}\n"
     "    |                         ^ one of several is written in: [a, b]\n"},
    {"contains_a_number",
     "playbook: p\n"
     "version: 1\n"
     "signals:\n"
     "  s: {account.industry: {contains: 5}}\n",
     "p.yaml:4:36: $.signals.s[\"account.industry\"].contains: expected a text, found \"5\"\n"
     "  4 |   s: {account.industry: {contains: 5}}\n"
     "    |                                    ^ contains looks for a text within a text\n"},
    {"last_at_least",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  seen: {last: any}\n"
     "signals:\n"
     "  s: {seen: {at_least: 7}}\n",
     "p.yaml:6:14: $.signals.s.seen: at_least does not go with a first or last measure\n"
     "  6 |   s: {seen: {at_least: 7}}\n"
     "    |              ^ use within: 7d, or exists: true\n"},
    {"count_within",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: A}\n"
     "signals:\n"
     "  s: {a: {within: 7d}}\n",
     "p.yaml:6:11: $.signals.s.a: within goes with first and last measures only\n"
     "  6 |   s: {a: {within: 7d}}\n"
     "    |           ^ a measure counts within a time by its own window\n"},
    {"count_exists",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: A}\n"
     "signals:\n"
     "  s: {a: {exists: true}}\n",
     "p.yaml:6:11: $.signals.s.a: exists does not go with a measure that is a number\n"
     "  6 |   s: {a: {exists: true}}\n"
     "    |           ^ a measure is always there, from 0 on: use at_least: 1\n"},
    {"property_in_a_signal",
     "playbook: p\n"
     "version: 1\n"
     "signals:\n"
     "  s: {properties.plan: trial}\n",
     "p.yaml:4:7: $.signals.s: there is no event here to look at, only in where and exclude\n"
     "  4 |   s: {properties.plan: trial}\n"
     "    |       ^ count the events that have it with a measure and where:\n"},
    {"circle",
     "playbook: p\n"
     "version: 1\n"
     "signals:\n"
     "  a: {not: b}\n"
     "  b: [c]\n"
     "  c: {any: [a, {account.x: 1}]}\n",
     "p.yaml:4:3: $.signals: signals refer to each other in a circle: a -> b -> c -> a\n"
     "  4 |   a: {not: b}\n"
     "    |   ^ one of them must not refer to the next\n"},
    {"circle_through_users",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  n: {users_with: a}\n"
     "signals:\n"
     "  a: [{n: {at_least: 1}}, {user.role: admin}]\n",
     "p.yaml:6:3: $.signals: signals refer to each other in a circle: a -> a\n"
     "  6 |   a: [{n: {at_least: 1}}, {user.role: admin}]\n"
     "    |   ^ one of them must not refer to the next\n"},
    {"segment_of_a_user",
     "playbook: p\n"
     "version: 1\n"
     "segments:\n"
     "  admins: {user.role: admin}\n",
     "p.yaml:4:12: $.segments.admins: a segment is of accounts, and \"user.role is admin\" is of one user\n"
     "  4 |   admins: {user.role: admin}\n"
     "    |            ^ count the users in a measure, {users_with: ...} or per: account\n"},
    {"exclude_everything",
     "playbook: p\n"
     "version: 1\n"
     "exclude: [always]\n",
     "p.yaml:3:11: $.exclude[0]: this excludes every event\n"
     "  3 | exclude: [always]\n"
     "    |           ^\n"},
    {"unknown_qualification",
     "playbook: p\n"
     "version: 1\n"
     "qualify:\n"
     "  pgl: {account.a: 1}\n",
     "p.yaml:4:3: $.qualify: unknown key \"pgl\"\n"
     "  4 |   pgl: {account.a: 1}\n"
     "    |   ^ did you mean \"pal\"?\n"},
    {"unknown_motion",
     "playbook: p\n"
     "version: 1\n"
     "route:\n"
     "  - {when: always, motion: self-serve}\n",
     "p.yaml:4:28: $.route[0].motion: unknown value \"self-serve\"\n"
     "  4 |   - {when: always, motion: self-serve}\n"
     "    |                            ^ did you mean \"self_serve\"?\n"},
    {"no_motion",
     "playbook: p\n"
     "version: 1\n"
     "route:\n"
     "  - {when: always}\n",
     "p.yaml:4:5: $.route[0]: missing key \"motion\"\n"
     "  4 |   - {when: always}\n"
     "    |     ^ sales, self_serve, success, hold_out or suppress\n"},
    {"unknown_queue",
     "playbook: p\n"
     "version: 1\n"
     "queues:\n"
     "  enterprise: {lease: 1h}\n"
     "route:\n"
     "  - {when: always, motion: sales, queue: enterprize}\n",
     "p.yaml:6:42: $.route[0].queue: unknown queue \"enterprize\"\n"
     "  6 |   - {when: always, motion: sales, queue: enterprize}\n"
     "    |                                          ^ did you mean \"enterprise\"?\n"},
    {"success_without_queue",
     "playbook: p\n"
     "version: 1\n"
     "route:\n"
     "  - {when: always, motion: success}\n",
     "p.yaml:4:28: $.route[0].motion: there is no queue \"success\"\n"
     "  4 |   - {when: always, motion: success}\n"
     "    |                            ^ add queue: and its name, or declare it under queues\n"},
    {"queue_of_suppress",
     "playbook: p\n"
     "version: 1\n"
     "route:\n"
     "  - {when: always, motion: suppress, queue: sales}\n",
     "p.yaml:4:38: $.route[0]: suppress keeps a lead out of every queue\n"
     "  4 |   - {when: always, motion: suppress, queue: sales}\n"
     "    |                                      ^ leave it out\n"},
    {"no_last_rule",
     "playbook: p\n"
     "version: 1\n"
     "route:\n"
     "  - {when: {account.plan: free}, motion: self_serve}\n",
     "p.yaml:4:5: $.route[0]: the last rule must hold always, or leads may have nowhere to go\n"
     "  4 |   - {when: {account.plan: free}, motion: self_serve}\n"
     "    |     ^ end with {when: always, motion: self_serve}\n"},
    {"priority_too_high",
     "playbook: p\n"
     "version: 1\n"
     "route:\n"
     "  - {motion: sales, priority: 1001}\n",
     "p.yaml:4:31: $.route[0].priority: must be from 0 to 1000, found \"1001\"\n"
     "  4 |   - {motion: sales, priority: 1001}\n"
     "    |                               ^\n"},
    {"route_is_a_mapping",
     "playbook: p\n"
     "version: 1\n"
     "route: {motion: sales}\n",
     "p.yaml:3:8: $.route: expected a list of rules, found a mapping\n"
     "  3 | route: {motion: sales}\n"
     "    |        ^\n"},
    {"lease_without_unit",
     "playbook: p\n"
     "version: 1\n"
     "queues:\n"
     "  sales: {lease: 15}\n",
     "p.yaml:4:18: $.queues.sales.lease: expected a duration, found \"15\"\n"
     "  4 |   sales: {lease: 15}\n"
     "    |                  ^ write 30d, 48h, 5m, 10s or 250ms\n"},
    {"attempts_zero",
     "playbook: p\n"
     "version: 1\n"
     "queues:\n"
     "  sales: {attempts: 0}\n",
     "p.yaml:4:21: $.queues.sales.attempts: must be from 1 to 100, found \"0\"\n"
     "  4 |   sales: {attempts: 0}\n"
     "    |                     ^\n"},
    {"ten_mistakes",
     "playbook: p\n"
     "version: 1\n"
     "exclude:\n"
     "  - contxt.user_agent: {contains: bot}\n"
     "measures:\n"
     "  projects: {count: Project Created, window: 500d}\n"
     "  invites: {count: Teammate Invited, per: team}\n"
     "  bytes: {sum: bytes, on: File Uploaded}\n"
     "scores:\n"
     "  heat: {points: {Report Run: 0.12345}, half_life: 30d}\n"
     "signals:\n"
     "  user_pql: [{projcts: {at_least: 3}}, {invites: {atleast: 2}}]\n"
     "segments:\n"
     "  small: {account.employees: {between: [10, 5]}}\n"
     "qualify:\n"
     "  pql: user_pqll\n"
     "route:\n"
     "  - {when: always, motion: sails}\n",
     "p.yaml:4:5: $.exclude[0]: unknown operand \"contxt.user_agent\"\n"
     "  4 |   - contxt.user_agent: {contains: bot}\n"
     "    |     ^ did you mean \"context.user_agent\"?\n"
     "p.yaml:6:46: $.measures.projects.window: a window in days is from 1d to 400d, found \"500d\"\n"
     "  6 |   projects: {count: Project Created, window: 500d}\n"
     "    |                                              ^\n"
     "p.yaml:7:43: $.measures.invites.per: unknown value \"team\"\n"
     "  7 |   invites: {count: Teammate Invited, per: team}\n"
     "    |                                           ^ expected one of user, account\n"
     "p.yaml:8:16: $.measures.bytes.sum: expected properties.<name>, found \"bytes\"\n"
     "  8 |   bytes: {sum: bytes, on: File Uploaded}\n"
     "    |                ^ write sum: properties.bytes, on: File Uploaded\n"
     "p.yaml:10:31: $.scores.heat.points[\"Report Run\"]: \"0.12345\" has more than three decimals\n"
     "  10 |   heat: {points: {Report Run: 0.12345}, half_life: 30d}\n"
     "     |                               ^\n"
     "p.yaml:12:15: $.signals.user_pql[0]: unknown measure or condition \"projcts\"\n"
     "  12 |   user_pql: [{projcts: {at_least: 3}}, {invites: {atleast: 2}}]\n"
     "     |               ^ did you mean \"projects\"?\n"
     "p.yaml:12:51: $.signals.user_pql[1].invites: unknown key \"atleast\"\n"
     "  12 |   user_pql: [{projcts: {at_least: 3}}, {invites: {atleast: 2}}]\n"
     "     |                                                   ^ did you mean \"at_least\"?\n"
     "p.yaml:14:40: $.segments.small[\"account.employees\"].between: the first number is larger than the second\n"
     "  14 |   small: {account.employees: {between: [10, 5]}}\n"
     "     |                                        ^\n"
     "p.yaml:16:8: $.qualify.pql: unknown signal \"user_pqll\"\n"
     "  16 |   pql: user_pqll\n"
     "     |        ^ did you mean \"user_pql\"?\n"
     "p.yaml:18:28: $.route[0].motion: unknown value \"sails\"\n"
     "  18 |   - {when: always, motion: sails}\n"
     "     |                            ^ expected one of sales, self_serve, success, hold_out, suppress\n"
     "10 errors\n"},
};

static const struct bad WARNED[] = {
    {"no_qualification",
     "playbook: p\n"
     "version: 1\n"
     "signals:\n"
     "  s: {account.a: 1}\n",
     "p.yaml:1:1: $: warning: nothing qualifies: signals are decided, but no lead is ever made\n"
     "  1 | playbook: p\n"
     "    | ^ add pql: or pqa: under qualify\n"},
    {"unused_measure",
     "playbook: p\n"
     "version: 1\n"
     "measures:\n"
     "  a: {count: A}\n"
     "scores:\n"
     "  b: {points: {A: 1}, half_life: 1d}\n"
     "qualify:\n"
     "  pql: {user.role: admin}\n",
     "p.yaml:4:3: $.measures: warning: nothing looks at the measure \"a\"\n"
     "  4 |   a: {count: A}\n"
     "    |   ^ it costs memory in every account\n"
     "p.yaml:6:3: $.scores: warning: nothing looks at the score \"b\"\n"
     "  6 |   b: {points: {A: 1}, half_life: 1d}\n"
     "    |   ^ it costs memory in every account\n"},
    {"rule_after_always",
     "playbook: p\n"
     "version: 1\n"
     "qualify:\n"
     "  pqa: {account.a: 1}\n"
     "route:\n"
     "  - {when: always, motion: self_serve}\n"
     "  - {when: {account.a: 2}, motion: sales}\n"
     "  - {motion: suppress}\n",
     "p.yaml:7:5: $.route[1]: warning: no lead gets here: the rule on line 6 always holds\n"
     "  7 |   - {when: {account.a: 2}, motion: sales}\n"
     "    |     ^ the first rule that matches wins\n"
     "p.yaml:8:5: $.route[2]: warning: no lead gets here: the rule on line 6 always holds\n"
     "  8 |   - {motion: suppress}\n"
     "    |     ^ the first rule that matches wins\n"},
};
// clang-format on

Test(playbook_errors, says_what_is_wrong_and_where)
{
    cr_assert_geq(ARRAY_LEN(BAD), 30u);
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
        playbook_bad_check(&BAD[i], ERR_INVALID);
}

Test(playbook_errors, tells_all_mistakes_at_once)
{
    const struct bad *ten = NULL;
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        if (strcmp(BAD[i].name, "ten_mistakes") == 0)
            ten = &BAD[i];
    }
    cr_assert_not_null(ten);
    size_t carets = 0;
    for (const char *p = ten->report; (p = strchr(p, '^')) != NULL; p++)
        carets++;
    cr_expect_eq(carets, 10u);
    cr_expect_not_null(strstr(ten->report, "\n10 errors\n"));
    playbook_bad_check(ten, ERR_INVALID);
}

Test(playbook_errors, warns_and_loads_all_the_same)
{
    for (size_t i = 0; i < ARRAY_LEN(WARNED); i++)
        playbook_bad_check(&WARNED[i], ERR_OK);
}

// `line` n times, each '#' in it replaced by the number of the line.
static void append_lines(struct buf *text, const char *line, int n)
{
    for (int i = 0; i < n; i++) {
        for (const char *p = line; *p != '\0'; p++) {
            if (*p == '#')
                buf_printf(text, "%d", i);
            else
                buf_append_u8(text, (uint8_t)*p);
        }
    }
}

// Such a test would be the name of a signal.
Test(playbook_errors, refuses_a_lengthy_test_without_a_name)
{
    for (int n = 300; n <= 420; n += 120) {
        struct buf text = {0}, report = {0};
        struct playbook *playbook = NULL;
        buf_printf(&text, "playbook: p\nversion: 1\nsegments:\n  s: {account.x: {in: [0");
        for (int i = 0; i < n; i++)
            buf_printf(&text, ", 7");
        buf_printf(&text, "]}}\nroute:\n  - {when: {account.x: {in: [0");
        for (int i = 0; i < n; i++)
            buf_printf(&text, ", 7");
        buf_printf(&text, "]}}, motion: sales}\n  - {when: always, motion: sales}\n");
        enum err err = playbook_load("p.yaml", buf_span(&text), &playbook, &report);
        buf_append_u8(&report, 0);
        cr_expect_eq(err, n > 400 ? ERR_INVALID : ERR_OK, "%s", (const char *)report.bytes);
        const char *told = strstr((const char *)report.bytes, "too long to stand here");
        cr_expect_eq(told != NULL, n > 400);
        cr_expect_eq(strstr((const char *)report.bytes, "line 4") != NULL, false);
        playbook_destroy(playbook);
        buf_deinit(&text);
        buf_deinit(&report);
    }
}

// A playbook that is full is told once, whatever stands behind the bound.
Test(playbook_errors, refuses_more_than_fits)
{
    static const struct {
        const char *section, *line, *message;
        int fits;
    } BOUNDS[] = {
        {"measures:\n", "  m#: {count: E#}\n", "too many measures and scores (256 at most)", 256},
        {"signals:\n", "  s#: {account.x: #}\n", "too many signals (256 at most)", 256},
        {"active:\n", "  - E#\n", "too many events (1024 at most)", 1024},
        {"exclude:\n", "  - account.x#: #\n", "too many conditions (4096 at most)", 4095},
        {"route:\n", "  - {when: always, motion: sales}\n", "too many rules (256 at most)", 256},
        {"queues:\n", "  q#: {attempts: 5}\n", "too many queues (64 at most)", 62},
    };
    for (size_t i = 0; i < ARRAY_LEN(BOUNDS); i++) {
        for (int over = 0; over < 2; over++) {
            struct buf text = {0}, report = {0};
            struct playbook *playbook = NULL;
            buf_printf(&text, "playbook: p\nversion: 1\n%s", BOUNDS[i].section);
            append_lines(&text, BOUNDS[i].line, BOUNDS[i].fits + 2 * over);
            enum err err = playbook_load("p.yaml", buf_span(&text), &playbook, &report);
            buf_append_u8(&report, 0);
            cr_expect_eq(err, over ? ERR_INVALID : ERR_OK, "%s %s", BOUNDS[i].section,
                         (const char *)report.bytes);
            const char *told = strstr((const char *)report.bytes, BOUNDS[i].message);
            cr_expect_eq(told != NULL, over, "%s", BOUNDS[i].section);
            cr_expect_null(told == NULL ? NULL : strstr(told + 1, BOUNDS[i].message));
            playbook_destroy(playbook);
            buf_deinit(&text);
            buf_deinit(&report);
        }
    }
}
