// SPDX-License-Identifier: Apache-2.0
// links: playbook config base
// Every mistake of routing beside teams, and what is odd but none: the whole message.
#include <criterion/criterion.h>

#include "services/playbook/load.h"
#include "tests/support/playbook_bad.h"

// clang-format off
static const struct bad BAD[] = {
    {"priority_is_a_mapping",
     "playbook: p\n"
     "version: 1\n"
     "priority: {when: always, add: 5}\n",
     "p.yaml:3:11: $.priority: expected a list of rules, found a mapping\n"
     "  3 | priority: {when: always, add: 5}\n"
     "    |           ^\n"},
    {"priority_without_add",
     "playbook: p\n"
     "version: 1\n"
     "priority: [{when: always}]\n",
     "p.yaml:3:12: $.priority[0]: missing key \"add\"\n"
     "  3 | priority: [{when: always}]\n"
     "    |            ^ write {when: {segment: enterprise}, add: 50}\n"},
    {"priority_too_large",
     "playbook: p\n"
     "version: 1\n"
     "priority: [{when: always, add: 1001}]\n",
     "p.yaml:3:32: $.priority[0].add: must be from -1000 to 1000, found \"1001\"\n"
     "  3 | priority: [{when: always, add: 1001}]\n"
     "    |                                ^\n"},
    {"priority_key",
     "playbook: p\n"
     "version: 1\n"
     "priority: [{when: always, ad: 5}]\n",
     "p.yaml:3:27: $.priority[0]: unknown key \"ad\"\n"
     "  3 | priority: [{when: always, ad: 5}]\n"
     "    |                           ^ did you mean \"add\"?\n"},
    {"aging_without_every",
     "playbook: p\n"
     "version: 1\n"
     "aging: {points: 1}\n",
     "p.yaml:3:8: $.aging: missing key \"every\"\n"
     "  3 | aging: {points: 1}\n"
     "    |        ^\n"},
    {"aging_of_nothing",
     "playbook: p\n"
     "version: 1\n"
     "aging: {points: 0, every: 1h}\n",
     "p.yaml:3:17: $.aging.points: must be from 1 to 1000, found \"0\"\n"
     "  3 | aging: {points: 0, every: 1h}\n"
     "    |                 ^\n"},
    {"effort_without_when",
     "playbook: p\n"
     "version: 1\n"
     "effort: [{units: 2}]\n",
     "p.yaml:3:10: $.effort[0]: missing key \"when\"\n"
     "  3 | effort: [{units: 2}]\n"
     "    |          ^ write {when: {segment: enterprise}, units: 3}\n"},
    {"effort_of_nothing",
     "playbook: p\n"
     "version: 1\n"
     "effort: [{when: always, units: 0}]\n",
     "p.yaml:3:32: $.effort[0].units: must be from 1 to 100, found \"0\"\n"
     "  3 | effort: [{when: always, units: 0}]\n"
     "    |                                ^\n"},
    {"deliver_at_another_time",
     "playbook: p\n"
     "version: 1\n"
     "queues: {q: {deliver: later}}\n",
     "p.yaml:3:23: $.queues.q.deliver: unknown value \"later\"\n"
     "  3 | queues: {q: {deliver: later}}\n"
     "    |                       ^ expected one of at_once, busiest_hour\n"},
    {"busiest_hour_is_a_measure",
     "playbook: p\n"
     "version: 1\n"
     "measures: {busiest_hour: {count: A}}\n"
     "queues: {q: {deliver: busiest_hour}}\n",
     "p.yaml:3:12: $.measures: \"busiest_hour\" is the measure of queues that deliver at the busiest hour\n"
     "  3 | measures: {busiest_hour: {count: A}}\n"
     "    |            ^ give the measure another name\n"},
    {"first_always",
     "playbook: p\n"
     "version: 1\n"
     "route:\n"
     "  - {when: always, motion: self_serve, first: true}\n",
     "p.yaml:4:40: $.route[0]: the lead that comes next would have nowhere to go\n"
     "  4 |   - {when: always, motion: self_serve, first: true}\n"
     "    |                                        ^ give the rule a condition, and let a later one hold always\n"},
    {"first_is_a_text",
     "playbook: p\n"
     "version: 1\n"
     "route:\n"
     "  - {when: {account.a: 1}, motion: sales, first: second}\n"
     "  - {motion: self_serve}\n",
     "p.yaml:4:50: $.route[0].first: expected true or false, found \"second\"\n"
     "  4 |   - {when: {account.a: 1}, motion: sales, first: second}\n"
     "    |                                                  ^\n"},
    {"experiment_of_nothing",
     "playbook: p\n"
     "version: 1\n"
     "experiments:\n"
     "  e: {of: always}\n",
     "p.yaml:4:6: $.experiments.e: nothing is compared with anything\n"
     "  4 |   e: {of: always}\n"
     "    |      ^ add holdout: 10%, or arms:\n"},
    {"experiment_key",
     "playbook: p\n"
     "version: 1\n"
     "experiments:\n"
     "  e: {holdot: 10%}\n",
     "p.yaml:4:7: $.experiments.e: unknown key \"holdot\"\n"
     "  4 |   e: {holdot: 10%}\n"
     "    |       ^ did you mean \"holdout\"?\n"},
    {"holdout_is_no_percentage",
     "playbook: p\n"
     "version: 1\n"
     "experiments:\n"
     "  e: {holdout: 0.1}\n",
     "p.yaml:4:16: $.experiments.e.holdout: expected a percentage, found \"0.1\"\n"
     "  4 |   e: {holdout: 0.1}\n"
     "    |                ^ write 10% or 12.5%, with at most two decimals\n"},
    {"holdout_too_fine",
     "playbook: p\n"
     "version: 1\n"
     "experiments:\n"
     "  e: {holdout: 0.001%}\n",
     "p.yaml:4:16: $.experiments.e.holdout: expected a percentage, found \"0.001%\"\n"
     "  4 |   e: {holdout: 0.001%}\n"
     "    |                ^ write 10% or 12.5%, with at most two decimals\n"},
    {"holdout_of_all",
     "playbook: p\n"
     "version: 1\n"
     "experiments:\n"
     "  e: {holdout: 100%}\n",
     "p.yaml:4:16: $.experiments.e.holdout: expected a percentage above 0%, below 100%, found \"100%\"\n"
     "  4 |   e: {holdout: 100%}\n"
     "    |                ^\n"},
    {"arm_without_share",
     "playbook: p\n"
     "version: 1\n"
     "experiments:\n"
     "  e: {arms: {a: {first_touch: 1h}}}\n",
     "p.yaml:4:17: $.experiments.e.arms.a: missing key \"share\"\n"
     "  4 |   e: {arms: {a: {first_touch: 1h}}}\n"
     "    |                 ^ add share: 50%\n"},
    {"arms_do_not_add_up",
     "playbook: p\n"
     "version: 1\n"
     "experiments:\n"
     "  e: {arms: {a: {share: 50%}, b: {share: 49.5%}}}\n",
     "p.yaml:4:13: $.experiments.e.arms: the shares add up to 99.50 %, not to 100 %\n"
     "  4 |   e: {arms: {a: {share: 50%}, b: {share: 49.5%}}}\n"
     "    |             ^ they divide those who are not held out\n"},
    {"arm_called_holdout",
     "playbook: p\n"
     "version: 1\n"
     "experiments:\n"
     "  e: {arms: {holdout: {share: 50%}, b: {share: 50%}}}\n",
     "p.yaml:4:14: $.experiments.e.arms: \"holdout\" is the arm that is held out\n"
     "  4 |   e: {arms: {holdout: {share: 50%}, b: {share: 50%}}}\n"
     "    |              ^ write holdout: 10% beside arms\n"},
    {"arm_of_nothing",
     "playbook: p\n"
     "version: 1\n"
     "experiments:\n"
     "  e: {arms: {a: {share: 0%}, b: {share: 100%}}}\n",
     "p.yaml:4:25: $.experiments.e.arms.a.share: expected a percentage above 0%, at most 100%, found \"0%\"\n"
     "  4 |   e: {arms: {a: {share: 0%}, b: {share: 100%}}}\n"
     "    |                         ^\n"},
    {"experiment_too_short",
     "playbook: p\n"
     "version: 1\n"
     "experiments:\n"
     "  e: {holdout: 10%, within: 5s}\n",
     "p.yaml:4:29: $.experiments.e.within: must be from 1h to 400d, found \"5s\"\n"
     "  4 |   e: {holdout: 10%, within: 5s}\n"
     "    |                             ^\n"},
    {"too_many_experiments",
     "playbook: p\n"
     "version: 1\n"
     "experiments:\n"
     "  e0: {holdout: 10%}\n"
     "  e1: {holdout: 10%}\n"
     "  e2: {holdout: 10%}\n"
     "  e3: {holdout: 10%}\n"
     "  e4: {holdout: 10%}\n"
     "  e5: {holdout: 10%}\n"
     "  e6: {holdout: 10%}\n"
     "  e7: {holdout: 10%}\n"
     "  e8: {holdout: 10%}\n",
     "p.yaml:4:3: $.experiments: too many experiments (8 at most)\n"
     "  4 |   e0: {holdout: 10%}\n"
     "    |   ^\n"},
    {"prompt_without_text",
     "playbook: p\n"
     "version: 1\n"
     "signals: {near: {account.full: true}}\n"
     "prompts:\n"
     "  p: {when: near}\n",
     "p.yaml:5:6: $.prompts.p: missing key \"text\"\n"
     "  5 |   p: {when: near}\n"
     "    |      ^\n"},
    {"prompt_with_a_script",
     "playbook: p\n"
     "version: 1\n"
     "signals: {near: {account.full: true}}\n"
     "prompts:\n"
     "  p: {text: Hi, link: \"javascript:alert(1)\"}\n",
     "p.yaml:5:23: $.prompts.p.link: expected a link, found \"javascript:alert(1)\"\n"
     "  5 |   p: {text: Hi, link: \"javascript:alert(1)\"}\n"
     "    |                       ^ https://example.com/upgrade, or a path that begins with /\n"},
    {"prompt_key",
     "playbook: p\n"
     "version: 1\n"
     "signals: {near: {account.full: true}}\n"
     "prompts:\n"
     "  p: {text: Hi, lnik: /up}\n",
     "p.yaml:5:17: $.prompts.p: unknown key \"lnik\"\n"
     "  5 |   p: {text: Hi, lnik: /up}\n"
     "    |                 ^ did you mean \"link\"?\n"},
    {"prompt_of_unknown_signal",
     "playbook: p\n"
     "version: 1\n"
     "signals: {near: {account.full: true}}\n"
     "prompts:\n"
     "  p: {when: naer, text: Hi}\n",
     "p.yaml:5:13: $.prompts.p.when: unknown signal \"naer\"\n"
     "  5 |   p: {when: naer, text: Hi}\n"
     "    |             ^ did you mean \"near\"?\n"},
    {"prompt_is_a_text",
     "playbook: p\n"
     "version: 1\n"
     "prompts: {p: Hi}\n",
     "p.yaml:3:14: $.prompts.p: expected a prompt, as in {text: ..}, found \"Hi\"\n"
     "  3 | prompts: {p: Hi}\n"
     "    |              ^\n"},
    {"contact_key",
     "playbook: p\n"
     "version: 1\n"
     "contact: {nevr: {user.dnc: true}}\n",
     "p.yaml:3:11: $.contact: unknown key \"nevr\"\n"
     "  3 | contact: {nevr: {user.dnc: true}}\n"
     "    |           ^ did you mean \"never\"?\n"},
    {"consent_of_an_account",
     "playbook: p\n"
     "version: 1\n"
     "contact: {consent: {account.consent: true}}\n",
     "p.yaml:3:20: $.contact.consent: consent looks at nothing of a user\n"
     "  3 | contact: {consent: {account.consent: true}}\n"
     "    |                    ^ say what the user agreed to, as in {user.consent: true}\n"},
    {"buyer_class",
     "playbook: p\n"
     "version: 1\n"
     "buyers: {maxed: {account.full: true}}\n",
     "p.yaml:3:10: $.buyers: unknown key \"maxed\"\n"
     "  3 | buyers: {maxed: {account.full: true}}\n"
     "    |          ^ expected one of asked_for_help, maxed_out, converts_alone\n"},
    {"buyer_unknown",
     "playbook: p\n"
     "version: 1\n"
     "signals: {s: {buyer: help}}\n",
     "p.yaml:3:22: $.signals.s.buyer: unknown value \"help\"\n"
     "  3 | signals: {s: {buyer: help}}\n"
     "    |                      ^ expected one of asked_for_help, maxed_out, converts_alone, free\n"},
    {"buyer_in_an_event",
     "playbook: p\n"
     "version: 1\n"
     "exclude: [{buyer: free}]\n",
     "p.yaml:3:19: $.exclude[0].buyer: a signal cannot be looked at here, only the event and traits\n"
     "  3 | exclude: [{buyer: free}]\n"
     "    |                   ^ use properties., context., user. or account.\n"},
    {"buyer_segment",
     "playbook: p\n"
     "version: 1\n"
     "segments: {buyer_maxed_out: {account.full: true}}\n"
     "buyers: {maxed_out: {account.full: true}}\n",
     "p.yaml:3:12: $.segments: \"buyer_maxed_out\" is the segment of {buyer: maxed_out}\n"
     "  3 | segments: {buyer_maxed_out: {account.full: true}}\n"
     "    |            ^ give the segment another name\n"},
    {"buyer_as_a_name",
     "playbook: p\n"
     "version: 1\n"
     "measures: {buyer: {count: A}}\n",
     "p.yaml:3:12: $.measures: \"buyer\" is reserved and cannot be a name\n"
     "  3 | measures: {buyer: {count: A}}\n"
     "    |            ^ it has a meaning in conditions\n"},
    {"organizations_without_by",
     "playbook: p\n"
     "version: 1\n"
     "organizations: {of: account.company}\n",
     "p.yaml:3:16: $.organizations: missing key \"by\"\n"
     "  3 | organizations: {of: account.company}\n"
     "    |                ^ add by: account.company\n"
     "p.yaml:3:17: $.organizations: unknown key \"of\"\n"
     "  3 | organizations: {of: account.company}\n"
     "    |                 ^ expected by\n"
     "2 errors\n"},
    {"organizations_by_a_user",
     "playbook: p\n"
     "version: 1\n"
     "organizations: {by: user.company}\n",
     "p.yaml:3:21: $.organizations.by: expected how accounts belong together, found \"user.company\"\n"
     "  3 | organizations: {by: user.company}\n"
     "    |                     ^ account.parent, another trait as in account.company, or email_domain\n"},
    {"organizations_by_nothing",
     "playbook: p\n"
     "version: 1\n"
     "organizations: {by: []}\n",
     "p.yaml:3:21: $.organizations.by: expected traits, as in [account.parent, email_domain], found an empty list\n"
     "  3 | organizations: {by: []}\n"
     "    |                     ^\n"},
    {"organizations_twice",
     "playbook: p\n"
     "version: 1\n"
     "organizations: {by: [account.a, account.a]}\n",
     "p.yaml:3:33: $.organizations.by[1]: \"account.a\" stands in the list twice\n"
     "  3 | organizations: {by: [account.a, account.a]}\n"
     "    |                                 ^\n"},
    {"organization_without_organizations",
     "playbook: p\n"
     "version: 1\n"
     "signals: {s: always}\n"
     "qualify:\n"
     "  company: {per: organization, when: {accounts_with: {signal: s, at_least: 2}}}\n",
     "p.yaml:5:3: $.qualify: there are no organizations\n"
     "  5 |   company: {per: organization, when: {accounts_with: {signal: s, at_least: 2}}}\n"
     "    |   ^ say how accounts belong together: organizations: {by: ..}\n"},
    {"organization_as_pql",
     "playbook: p\n"
     "version: 1\n"
     "organizations: {by: email_domain}\n"
     "measures:\n"
     "  sent: {count: Sent, per: account}\n"
     "  mine: {count: Sent}\n"
     "  seen: {last: Sent, per: account}\n"
     "signals:\n"
     "  near: {sent: {at_least: 80}}\n"
     "  heavy: {mine: {at_least: 3}}\n"
     "qualify:\n"
     "  company: {per: organization, as: pql, when: {accounts_with: {signal: near, at_least: 2}}}\n",
     "p.yaml:12:36: $.qualify.company.as: an organization that qualifies is a pqa\n"
     "  12 |   company: {per: organization, as: pql, when: {accounts_with: {signal: near, at_least: 2}}}\n"
     "     |                                    ^ write as: pqa, or leave it out\n"},
    {"organization_with_a_memory",
     "playbook: p\n"
     "version: 1\n"
     "organizations: {by: email_domain}\n"
     "measures:\n"
     "  sent: {count: Sent, per: account}\n"
     "  mine: {count: Sent}\n"
     "  seen: {last: Sent, per: account}\n"
     "signals:\n"
     "  near: {sent: {at_least: 80}}\n"
     "  heavy: {mine: {at_least: 3}}\n"
     "qualify:\n"
     "  company: {per: organization, cooldown: 1d, when: {accounts_with: {signal: near, at_least: 2}}}\n",
     "p.yaml:12:32: $.qualify.company: unknown key \"cooldown\"\n"
     "  12 |   company: {per: organization, cooldown: 1d, when: {accounts_with: {signal: near, at_least: 2}}}\n"
     "     |                                ^ expected one of per, when, as, label\n"},
    {"organization_without_when",
     "playbook: p\n"
     "version: 1\n"
     "organizations: {by: email_domain}\n"
     "measures:\n"
     "  sent: {count: Sent, per: account}\n"
     "  mine: {count: Sent}\n"
     "  seen: {last: Sent, per: account}\n"
     "signals:\n"
     "  near: {sent: {at_least: 80}}\n"
     "  heavy: {mine: {at_least: 3}}\n"
     "qualify:\n"
     "  company: {per: organization, label: C}\n",
     "p.yaml:12:12: $.qualify.company: missing key \"when\"\n"
     "  12 |   company: {per: organization, label: C}\n"
     "     |            ^ add when: and its condition\n"},
    {"organization_by_a_signal",
     "playbook: p\n"
     "version: 1\n"
     "organizations: {by: email_domain}\n"
     "measures:\n"
     "  sent: {count: Sent, per: account}\n"
     "  mine: {count: Sent}\n"
     "  seen: {last: Sent, per: account}\n"
     "signals:\n"
     "  near: {sent: {at_least: 80}}\n"
     "  heavy: {mine: {at_least: 3}}\n"
     "qualify:\n"
     "  company: {per: organization, when: near}\n",
     "p.yaml:12:38: $.qualify.company.when: expected a condition of an organization, found \"near\"\n"
     "  12 |   company: {per: organization, when: near}\n"
     "     |                                      ^ {accounts_with: {signal: near_limit, at_least: 2}}\n"},
    {"organization_by_a_measure",
     "playbook: p\n"
     "version: 1\n"
     "organizations: {by: email_domain}\n"
     "measures:\n"
     "  sent: {count: Sent, per: account}\n"
     "  mine: {count: Sent}\n"
     "  seen: {last: Sent, per: account}\n"
     "signals:\n"
     "  near: {sent: {at_least: 80}}\n"
     "  heavy: {mine: {at_least: 3}}\n"
     "qualify:\n"
     "  company: {per: organization, when: {sent: {at_least: 5}}}\n",
     "p.yaml:12:39: $.qualify.company.when: unknown condition of an organization \"sent\"\n"
     "  12 |   company: {per: organization, when: {sent: {at_least: 5}}}\n"
     "     |                                       ^ expected one of accounts_with, users_with, total, all, any, none, not, at_least_n_of\n"},
    {"roll_up_misspelt",
     "playbook: p\n"
     "version: 1\n"
     "organizations: {by: email_domain}\n"
     "measures:\n"
     "  sent: {count: Sent, per: account}\n"
     "  mine: {count: Sent}\n"
     "  seen: {last: Sent, per: account}\n"
     "signals:\n"
     "  near: {sent: {at_least: 80}}\n"
     "  heavy: {mine: {at_least: 3}}\n"
     "qualify:\n"
     "  company: {per: organization, when: {acounts_with: {signal: near, at_least: 2}}}\n",
     "p.yaml:12:39: $.qualify.company.when: unknown condition of an organization \"acounts_with\"\n"
     "  12 |   company: {per: organization, when: {acounts_with: {signal: near, at_least: 2}}}\n"
     "     |                                       ^ did you mean \"accounts_with\"?\n"},
    {"roll_up_of_unknown_signal",
     "playbook: p\n"
     "version: 1\n"
     "organizations: {by: email_domain}\n"
     "measures:\n"
     "  sent: {count: Sent, per: account}\n"
     "  mine: {count: Sent}\n"
     "  seen: {last: Sent, per: account}\n"
     "signals:\n"
     "  near: {sent: {at_least: 80}}\n"
     "  heavy: {mine: {at_least: 3}}\n"
     "qualify:\n"
     "  company: {per: organization, when: {accounts_with: {signal: naer, at_least: 2}}}\n",
     "p.yaml:12:63: $.qualify.company.when.accounts_with.signal: unknown signal \"naer\"\n"
     "  12 |   company: {per: organization, when: {accounts_with: {signal: naer, at_least: 2}}}\n"
     "     |                                                               ^ did you mean \"near\"?\n"},
    {"roll_up_without_at_least",
     "playbook: p\n"
     "version: 1\n"
     "organizations: {by: email_domain}\n"
     "measures:\n"
     "  sent: {count: Sent, per: account}\n"
     "  mine: {count: Sent}\n"
     "  seen: {last: Sent, per: account}\n"
     "signals:\n"
     "  near: {sent: {at_least: 80}}\n"
     "  heavy: {mine: {at_least: 3}}\n"
     "qualify:\n"
     "  company: {per: organization, when: {accounts_with: {signal: near}}}\n",
     "p.yaml:12:54: $.qualify.company.when.accounts_with: missing key \"at_least\"\n"
     "  12 |   company: {per: organization, when: {accounts_with: {signal: near}}}\n"
     "     |                                                      ^ write {accounts_with: {signal: near_limit, at_least: 2}}\n"},
    {"roll_up_key",
     "playbook: p\n"
     "version: 1\n"
     "organizations: {by: email_domain}\n"
     "measures:\n"
     "  sent: {count: Sent, per: account}\n"
     "  mine: {count: Sent}\n"
     "  seen: {last: Sent, per: account}\n"
     "signals:\n"
     "  near: {sent: {at_least: 80}}\n"
     "  heavy: {mine: {at_least: 3}}\n"
     "qualify:\n"
     "  company: {per: organization, when: {accounts_with: {signal: near, at_lest: 2}}}\n",
     "p.yaml:12:69: $.qualify.company.when.accounts_with: unknown key \"at_lest\"\n"
     "  12 |   company: {per: organization, when: {accounts_with: {signal: near, at_lest: 2}}}\n"
     "     |                                                                     ^ did you mean \"at_least\"?\n"},
    {"users_with_an_account_signal",
     "playbook: p\n"
     "version: 1\n"
     "organizations: {by: email_domain}\n"
     "measures:\n"
     "  sent: {count: Sent, per: account}\n"
     "  mine: {count: Sent}\n"
     "  seen: {last: Sent, per: account}\n"
     "signals:\n"
     "  near: {sent: {at_least: 80}}\n"
     "  heavy: {mine: {at_least: 3}}\n"
     "qualify:\n"
     "  company: {per: organization, when: {users_with: {signal: near, at_least: 2}}}\n",
     "p.yaml:12:60: $.qualify.company.when.users_with.signal: \"near\" is a signal of the account\n"
     "  12 |   company: {per: organization, when: {users_with: {signal: near, at_least: 2}}}\n"
     "     |                                                            ^ count accounts: accounts_with\n"},
    {"total_of_one_user",
     "playbook: p\n"
     "version: 1\n"
     "organizations: {by: email_domain}\n"
     "measures:\n"
     "  sent: {count: Sent, per: account}\n"
     "  mine: {count: Sent}\n"
     "  seen: {last: Sent, per: account}\n"
     "signals:\n"
     "  near: {sent: {at_least: 80}}\n"
     "  heavy: {mine: {at_least: 3}}\n"
     "qualify:\n"
     "  company: {per: organization, when: {total: {measure: mine, at_least: 2}}}\n",
     "p.yaml:12:56: $.qualify.company.when.total.measure: \"mine\" is a measure of one user\n"
     "  12 |   company: {per: organization, when: {total: {measure: mine, at_least: 2}}}\n"
     "     |                                                        ^ add per: account to the measure\n"},
    {"total_of_an_instant",
     "playbook: p\n"
     "version: 1\n"
     "organizations: {by: email_domain}\n"
     "measures:\n"
     "  sent: {count: Sent, per: account}\n"
     "  mine: {count: Sent}\n"
     "  seen: {last: Sent, per: account}\n"
     "signals:\n"
     "  near: {sent: {at_least: 80}}\n"
     "  heavy: {mine: {at_least: 3}}\n"
     "qualify:\n"
     "  company: {per: organization, when: {total: {measure: seen, at_least: 2}}}\n",
     "p.yaml:12:56: $.qualify.company.when.total.measure: \"seen\" does not add up over accounts\n"
     "  12 |   company: {per: organization, when: {total: {measure: seen, at_least: 2}}}\n"
     "     |                                                        ^ name one that counts or adds up\n"},
    {"total_of_unknown_measure",
     "playbook: p\n"
     "version: 1\n"
     "organizations: {by: email_domain}\n"
     "measures:\n"
     "  sent: {count: Sent, per: account}\n"
     "  mine: {count: Sent}\n"
     "  seen: {last: Sent, per: account}\n"
     "signals:\n"
     "  near: {sent: {at_least: 80}}\n"
     "  heavy: {mine: {at_least: 3}}\n"
     "qualify:\n"
     "  company: {per: organization, when: {total: {measure: snet, at_least: 2}}}\n",
     "p.yaml:12:56: $.qualify.company.when.total.measure: unknown measure \"snet\"\n"
     "  12 |   company: {per: organization, when: {total: {measure: snet, at_least: 2}}}\n"
     "     |                                                        ^ did you mean \"sent\"?\n"},
    {"per_user_is_no_definition",
     "playbook: p\n"
     "version: 1\n"
     "organizations: {by: email_domain}\n"
     "measures:\n"
     "  sent: {count: Sent, per: account}\n"
     "  mine: {count: Sent}\n"
     "  seen: {last: Sent, per: account}\n"
     "signals:\n"
     "  near: {sent: {at_least: 80}}\n"
     "  heavy: {mine: {at_least: 3}}\n"
     "qualify:\n"
     "  pql: {when: heavy, per: user}\n",
     "p.yaml:12:27: $.qualify.pql.per: expected organization, found \"user\"\n"
     "  12 |   pql: {when: heavy, per: user}\n"
     "     |                           ^ users and accounts are told apart by pql and pqa\n"},
    {"organization_by_marketing",
     "playbook: p\n"
     "version: 1\n"
     "marketing: {events: [Ad Clicked]}\n"
     "measures: {clicks: {count: Ad Clicked, per: account}}\n"
     "signals: {keen: {clicks: {at_least: 2}}}\n"
     "organizations: {by: account.company}\n"
     "qualify:\n"
     "  company: {per: organization, when: {accounts_with: {signal: keen, at_least: 2}}}\n"
     "  other: {per: organization, when: {total: {measure: clicks, at_least: 9}}}\n",
     "p.yaml:8:3: $.qualify: \"company\" looks at \"clicks at_least 2\" (line 5), which counts the marketing event \"Ad Clicked\"\n"
     "  8 |   company: {per: organization, when: {accounts_with: {signal: keen, at_least: 2}}}\n"
     "    |   ^ marketing makes an mql; qualify by what they do in the product\n"
     "p.yaml:9:3: $.qualify: \"other\" looks at \"clicks above 0\" (line 9), which counts the marketing event \"Ad Clicked\"\n"
     "  9 |   other: {per: organization, when: {total: {measure: clicks, at_least: 9}}}\n"
     "    |   ^ marketing makes an mql; qualify by what they do in the product\n"
     "2 errors\n"},
};

static const struct bad WARNED[] = {
    {"team_without_reps",
     "playbook: p\n"
     "version: 1\n"
     "signals: {near: {account.full: true}}\n"
     "qualify: {pqa: near}\n"
     "route: [{when: near, motion: sales}, {when: always, motion: self_serve}]\n"
     "teams: {smb: {queue: sales}}\n",
     "p.yaml:6:9: $.teams: warning: \"smb\" has no reps: nobody gets its leads\n"
     "  6 | teams: {smb: {queue: sales}}\n"
     "    |         ^ add reps:, or let somebody add them while it runs\n"},
    {"team_of_inactive_reps",
     "playbook: p\n"
     "version: 1\n"
     "signals: {near: {account.full: true}}\n"
     "qualify: {pqa: near}\n"
     "route: [{when: near, motion: sales}, {when: always, motion: self_serve}]\n"
     "teams: {smb: {queue: sales, reps: {ana: {inactive: true}}}}\n",
     "p.yaml:6:9: $.teams: warning: every rep of \"smb\" is inactive: nobody gets its leads\n"
     "  6 | teams: {smb: {queue: sales, reps: {ana: {inactive: true}}}}\n"
     "    |         ^ leave inactive: out for somebody\n"},
    {"team_that_no_rule_leads_to",
     "playbook: p\n"
     "version: 1\n"
     "signals: {near: {account.full: true}}\n"
     "qualify: {pqa: near}\n"
     "route: [{when: near, motion: sales}, {when: always, motion: self_serve}]\n"
     "queues: {big: }\n"
     "teams: {ent: {queue: big, reps: {ana: }}}\n",
     "p.yaml:7:9: $.teams: warning: \"ent\" gets no leads: no rule leads to the queue \"big\"\n"
     "  7 | teams: {ent: {queue: big, reps: {ana: }}}\n"
     "    |         ^ add a rule with its queue: to route:\n"},
    {"admits_everything",
     "playbook: p\n"
     "version: 1\n"
     "signals: {near: {account.full: true}}\n"
     "qualify: {pqa: near}\n"
     "route: [{when: near, motion: sales}, {when: always, motion: self_serve}]\n"
     "teams: {smb: {queue: sales, reps: {ana: {caps: {open: 2}}}, full: {then: suppress}, admit: auto}}\n",
     "p.yaml:6:9: $.teams: warning: \"smb\" admits every lead: \"ana\" has no cap a day or within a time\n"
     "  6 | teams: {smb: {queue: sales, reps: {ana: {caps: {open: 2}}}, full: {then: suppress}, admit: auto}}\n"
     "    |         ^ give him one, or say slots_per_week\n"},
    {"nobody_has_so_many_units",
     "playbook: p\n"
     "version: 1\n"
     "signals: {near: {account.full: true}}\n"
     "qualify: {pqa: near}\n"
     "route: [{when: near, motion: sales}, {when: always, motion: self_serve}]\n"
     "effort: [{when: near, units: 3}]\n"
     "teams: {smb: {queue: sales, caps: {units: 2}, reps: {ana: }}}\n",
     "p.yaml:7:9: $.teams: warning: nobody of \"smb\" can take a lead of 3 units: 2 are the most\n"
     "  7 | teams: {smb: {queue: sales, caps: {units: 2}, reps: {ana: }}}\n"
     "    |         ^ raise units under caps:\n"},
    {"cap_that_is_never_reached",
     "playbook: p\n"
     "version: 1\n"
     "signals: {near: {account.full: true}}\n"
     "qualify: {pqa: near}\n"
     "route: [{when: near, motion: sales}, {when: always, motion: self_serve}]\n"
     "teams: {smb: {queue: sales, caps: {open: 2, when: [{if: near, open: 2}]}, reps: {ana: , ben: {caps: {open: 3}}}}}\n",
     "p.yaml:6:9: $.teams: warning: \"smb\" never has 2 leads by condition: 2 open ones are the most\n"
     "  6 | teams: {smb: {queue: sales, caps: {open: 2, when: [{if: near, open: 2}]}, reps: {ana: , ben: {caps: ...\n"
     "    |         ^ lower it, or leave it out\n"},
    {"escalation_in_time",
     "playbook: p\n"
     "version: 1\n"
     "signals: {near: {account.full: true}}\n"
     "qualify: {pqa: near}\n"
     "route: [{when: near, motion: sales}, {when: always, motion: self_serve}]\n"
     "teams: {smb: {queue: sales, reps: {ana: }, sla: {first_touch: 2h, escalate: [{after: 1h, to: vp}]}}}\n",
     "p.yaml:6:78: $.teams.smb.sla.escalate[0]: warning: this is told while the lead is still in time\n"
     "  6 | teams: {smb: {queue: sales, reps: {ana: }, sla: {first_touch: 2h, escalate: [{after: 1h, to: vp}]}}}\n"
     "    |                                                                              ^ escalate after first_touch\n"},
    {"owner_without_teams",
     "playbook: p\n"
     "version: 1\n"
     "signals: {near: {account.full: true}}\n"
     "qualify: {pqa: near}\n"
     "route: [{when: near, motion: sales}, {when: always, motion: self_serve}]\n"
     "owner: account.owner\n",
     "p.yaml:6:8: $.owner: warning: nobody is asked to be the owner: there are no teams\n"
     "  6 | owner: account.owner\n"
     "    |        ^ declare them under teams:\n"},
    {"effort_after_always",
     "playbook: p\n"
     "version: 1\n"
     "signals: {near: {account.full: true}}\n"
     "qualify: {pqa: near}\n"
     "route: [{when: near, motion: sales}, {when: always, motion: self_serve}]\n"
     "effort: [{when: always, units: 3}, {when: near, units: 2}]\n",
     "p.yaml:6:36: $.effort[1]: warning: no lead gets here: the rule on line 6 always holds\n"
     "  6 | effort: [{when: always, units: 3}, {when: near, units: 2}]\n"
     "    |                                    ^ the first rule that holds decides\n"},
    {"prompt_that_nothing_shows",
     "playbook: p\n"
     "version: 1\n"
     "signals: {near: {account.full: true}}\n"
     "qualify: {pqa: near}\n"
     "route: [{when: near, motion: sales}, {when: always, motion: self_serve}]\n"
     "prompts: {upgrade: {text: Hi}}\n",
     "p.yaml:6:11: $.prompts: warning: nothing ever shows the prompt \"upgrade\"\n"
     "  6 | prompts: {upgrade: {text: Hi}}\n"
     "    |           ^ give it when:, or name it as the message of a rule\n"},
    {"message_nearly_a_prompt",
     "playbook: p\n"
     "version: 1\n"
     "signals: {near: {account.full: true}}\n"
     "qualify: {pqa: near}\n"
     "prompts: {upgrade: {text: Hi, when: near}}\n"
     "route: [{when: always, motion: self_serve, message: upgrad}]\n",
     "p.yaml:6:53: $.route[0].message: warning: no prompt is called \"upgrad\"\n"
     "  6 | route: [{when: always, motion: self_serve, message: upgrad}]\n"
     "    |                                                     ^ did you mean \"upgrade\"?\n"},
    {"arm_too_small",
     "playbook: p\n"
     "version: 1\n"
     "signals: {near: {account.full: true}}\n"
     "qualify: {pqa: near}\n"
     "route: [{when: near, motion: sales}, {when: always, motion: self_serve}]\n"
     "experiments: {e: {holdout: 10%, size: 400}}\n",
     "p.yaml:6:15: $.experiments: warning: \"holdout\" gets 40 of 400 leads: too few to tell a difference\n"
     "  6 | experiments: {e: {holdout: 10%, size: 400}}\n"
     "    |               ^ plan more leads, or give it a larger share\n"},
    {"experiments_divide_alike",
     "playbook: p\n"
     "version: 1\n"
     "signals: {near: {account.full: true}}\n"
     "qualify: {pqa: near}\n"
     "route: [{when: near, motion: sales}, {when: always, motion: self_serve}]\n"
     "experiments: {a: {holdout: 10%, key: x}, b: {holdout: 10%, key: x}}\n",
     "p.yaml:6:42: $.experiments: warning: \"a\" divides accounts in the same way (line 6)\n"
     "  6 | experiments: {a: {holdout: 10%, key: x}, b: {holdout: 10%, key: x}}\n"
     "    |                                          ^ give it a key of its own\n"},
    {"class_that_is_not_described",
     "playbook: p\n"
     "version: 1\n"
     "signals: {near: {account.full: true}}\n"
     "qualify: {pqa: near}\n"
     "route: [{when: near, motion: sales}, {when: always, motion: self_serve}]\n"
     "buyers: {maxed_out: near}\n"
     "priority: [{when: {buyer: converts_alone}, add: 5}]\n",
     "p.yaml:7:27: $.priority[0].when.buyer: warning: no account ever is in the class \"converts_alone\"\n"
     "  7 | priority: [{when: {buyer: converts_alone}, add: 5}]\n"
     "    |                           ^ give it a condition under buyers:\n"},
};
// clang-format on

Test(playbook_routing_errors, say_all)
{
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        playbook_bad_check(&BAD[i], ERR_INVALID);
}

Test(playbook_routing_errors, what_is_odd_is_a_warning)
{
    for (size_t i = 0; i < sizeof WARNED / sizeof *WARNED; i++)
        playbook_bad_check(&WARNED[i], ERR_OK);
}
