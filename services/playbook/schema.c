// SPDX-License-Identifier: Apache-2.0
#include "services/playbook/schema.h"

#include "common/base/check.h"
#include "services/playbook/schema_routing.h"

#define TEXTS(...)                                                                                 \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }
#define KEYS(table) .keys = (table), .n_keys = ARRAY_LEN(table)

static const struct schema_key PLAYBOOK[] = {
    {"playbook", SCHEMA_TEXT, 0, true, "", NULL,
     "Its name: small letters, digits and -. Stands on every decision."},
    {"version", SCHEMA_INTEGER, 0, true, "", NULL,
     "A whole number from 1; count it up with every change."},
    {"exclude", SCHEMA_CONDITIONS, 0, false, "", NULL,
     "Events for which any of these holds never count as usage."},
    {"active", SCHEMA_EVENTS, 0, false, "", NULL,
     "The events that `any` stands for. Default: every track, page and screen call whose "
     "context.active is not false, but those of marketing."},
    {"measures", SCHEMA_FORMS, SCHEMA_MEASURE, false, "", NULL,
     "Numbers kept for every user or account."},
    {"scores", SCHEMA_FORMS, SCHEMA_SCORE, false, "", NULL, "Points that add up, and may fade."},
    {"fit", SCHEMA_FORMS, SCHEMA_FIT, false, "", NULL,
     "Profiles of ideal customers, and of those that are none."},
    {"grades", SCHEMA_FORMS, SCHEMA_GRADE, false, "", NULL, "Fit and score in one name, as in A1."},
    {"signals", SCHEMA_FORMS, SCHEMA_SIGNAL, false, "", NULL,
     "Named conditions, or mappings with when:."},
    {"segments", SCHEMA_NAMED, 0, false, "", NULL, "Kinds of accounts, for {segment: NAME}."},
    {"qualify", SCHEMA_FORM, SCHEMA_QUALIFY, false, "", NULL, "Who qualifies, and for how long."},
    {"lifecycle", SCHEMA_FORM, SCHEMA_LIFECYCLE, false, "", NULL, "The stages of an account."},
    {"marketing", SCHEMA_FORM, SCHEMA_MARKETING, false, "", NULL,
     "Touches that are kept beside usage and never count as it."},
    {"vanity", SCHEMA_EVENTS, 0, false, "", NULL,
     "Events that say little, beside those that are known: a definition that they alone can meet "
     "is a warning."},
    {"route", SCHEMA_LIST, SCHEMA_ROUTE, false, "", NULL,
     "Where leads go; the first rule that holds decides. Default: self_serve."},
    {"queues", SCHEMA_FORMS, SCHEMA_QUEUE, false, "", NULL,
     "Queues beside sales and self_serve, and their settings."},
    {"priority", SCHEMA_LIST, SCHEMA_PRIORITY, false, "", NULL,
     "What adds to the priority that the route says, or takes away from it."},
    {"aging", SCHEMA_FORM, SCHEMA_AGING, false, "", NULL,
     "Waiting adds to the priority, without bound."},
    {"effort", SCHEMA_LIST, SCHEMA_EFFORT, false, "", NULL,
     "What a lead costs a rep; the first rule that holds decides, and else it is 1."},
    {"teams", SCHEMA_FORMS, SCHEMA_TEAM, false, "", NULL, "Who works the leads of a queue."},
    {"owner", SCHEMA_TEXT, 0, false, "account.owner", NULL,
     "The trait of the account that names the rep who owns it."},
    {"experiments", SCHEMA_FORMS, SCHEMA_EXPERIMENT, false, "", NULL,
     "Who is held out, and who is treated how."},
    {"prompts", SCHEMA_FORMS, SCHEMA_PROMPT, false, "", NULL, "What the product shows to users."},
    {"contact", SCHEMA_FORM, SCHEMA_CONTACT, false, "", NULL, "Who may be contacted."},
    {"buyers", SCHEMA_FORM, SCHEMA_BUYERS, false, "", NULL,
     "What {buyer: CLASS} means; the first class that holds. Without it: ready-made ones."},
    {"organizations", SCHEMA_FORM, SCHEMA_ORGANIZATIONS, false, "", NULL,
     "How accounts belong together."},
    {"identity", SCHEMA_FORM, SCHEMA_IDENTITY, false, "", NULL,
     "Where a user's events count that name no account."},
    {"schemas", SCHEMA_FORM, SCHEMA_SCHEMAS, false, "", NULL,
     "What track calls should look like, and what happens to those that do not."},
};

static const struct schema_key IDENTITY[] = {
    {"default_account", SCHEMA_CHOICE, 0, false, "only", TEXTS("only", "first", "latest", "none"),
     "Of the accounts that group calls named for the user: the only one, when all named the same; "
     "the first; the latest; or none, so that such events count in the user's personal account."},
};

static const struct schema_key MEASURE[] = {
    {"count", SCHEMA_EVENTS, 0, false, "", NULL, "How many of these events there were."},
    {"sum", SCHEMA_PROPERTY, 0, false, "", NULL, "A property of the events in `on`, added up."},
    {"max", SCHEMA_PROPERTY, 0, false, "", NULL, "The largest value of a property."},
    {"min", SCHEMA_PROPERTY, 0, false, "", NULL, "The smallest."},
    {"average", SCHEMA_PROPERTY, 0, false, "", NULL, "The mean, rounded to a thousandth."},
    {"distinct", SCHEMA_OTHER, 0, false, "", NULL,
     "`user`: how many users of the account; `properties.NAME`: how many different values."},
    {"active_days", SCHEMA_EVENTS, 0, false, "", NULL,
     "On how many UTC days there was such an event."},
    {"active_weeks", SCHEMA_EVENTS, 0, false, "", NULL,
     "In how many weeks, from Monday (windows: none, or weeks)."},
    {"day_streak", SCHEMA_EVENTS, 0, false, "", NULL,
     "How many days in a row, up to today or yesterday; at most 400."},
    {"week_streak", SCHEMA_EVENTS, 0, false, "", NULL, "The same in weeks; at most 57."},
    {"first", SCHEMA_OTHER, 0, false, "", NULL,
     "Events: the instant of the earliest. `properties.NAME` with `on`: its value then."},
    {"last", SCHEMA_OTHER, 0, false, "", NULL, "The same of the latest."},
    {"time_spent", SCHEMA_EVENTS, 0, false, "", NULL,
     "Time between events that follow each other within `idle`, added up: a duration."},
    {"since", SCHEMA_OTHER, 0, false, "", NULL,
     "How long ago the latest of these events was; or since when {signal: NAME} or {stage: NAME} "
     "is true: a duration."},
    {"sequence", SCHEMA_OTHER, 0, false, "", NULL,
     "[A, B, ...]: how often the last came after the others, in this order, `within` a time."},
    {"users_with", SCHEMA_NAME, 0, false, "", NULL,
     "For how many users of the account this signal is true."},
    {"on", SCHEMA_EVENTS, 0, false, "any", NULL, "The events whose property or user it looks at."},
    {"ever", SCHEMA_FLAG, 0, false, "false", NULL,
     "users_with: also those for whom it was true once."},
    {"per", SCHEMA_CHOICE, 0, false, "user", TEXTS("user", "account"),
     "Of each user alone, or of all users of the account together."},
    {"window", SCHEMA_WINDOW, 0, false, "", NULL, "How far back it looks; without it, for ever."},
    {"after", SCHEMA_EVENT, 0, false, "", NULL,
     "Only what comes after this event, `within` a time."},
    {"within", SCHEMA_DURATION, 0, false, "", NULL,
     "How long after `after`; of a sequence, from its first step to its last."},
    {"from", SCHEMA_CHOICE, 0, false, "first", TEXTS("first", "last"),
     "Which of several `after` events it counts from; from the last, `within` may be left out."},
    {"resets_on", SCHEMA_EVENTS, 0, false, "", NULL,
     "Only what comes after the latest of these events counts."},
    {"idle", SCHEMA_DURATION, 0, false, "30m", NULL, "time_spent: a longer pause is not counted."},
    {"where", SCHEMA_CONDITION, 0, false, "", NULL,
     "What the event must meet; traits count as they were at the event."},
};

static const struct schema_key SCORE[] = {
    {"points", SCHEMA_OTHER, 0, false, "", NULL,
     "{Event: points, ...}, or a list of rules (below)."},
    {"weights", SCHEMA_NUMBERS, 0, false, "", NULL,
     "Instead of points: scores, measures and signals by name, each times its weight."},
    {"half_life", SCHEMA_DURATION, 0, false, "", NULL,
     "Points are worth half after so long, a quarter after twice that."},
    {"fades_over", SCHEMA_DURATION, 0, false, "", NULL,
     "Points fade evenly and are gone after so long. With neither, points stay."},
    {"cap_per_event", SCHEMA_NUMBER, 0, false, "", NULL,
     "No rule adds (or takes away) more than this at any time."},
    {"at_least", SCHEMA_NUMBER, 0, false, "", NULL, "The score never goes below."},
    {"at_most", SCHEMA_NUMBER, 0, false, "", NULL, "Nor above."},
    {"bands", SCHEMA_NUMBERS, 0, false, "", NULL,
     "Names for parts of its range, each with where it begins, ascending."},
    {"per", SCHEMA_CHOICE, 0, false, "user", TEXTS("user", "account"),
     "Of each user, or of the account. Not with weights."},
};

static const struct schema_key RULE[] = {
    {"on", SCHEMA_EVENTS, 0, true, "", NULL, "The events that get the points."},
    {"points", SCHEMA_NUMBER, 0, true, "", NULL,
     "For each of them; negative ones take away. From -100000 to 100000."},
    {"once", SCHEMA_FLAG, 0, false, "false", NULL, "Only the earliest counts."},
    {"per_day", SCHEMA_INTEGER, 0, false, "", NULL, "Only so many of each UTC day, the earliest."},
    {"at_most", SCHEMA_NUMBER, 0, false, "", NULL,
     "What the rule adds or takes away at any time, at most."},
    {"where", SCHEMA_CONDITION, 0, false, "", NULL, "What the event must meet."},
};

static const struct schema_key FIT[] = {
    {"criteria", SCHEMA_LIST, SCHEMA_CRITERION, false, "", NULL,
     "What an ideal customer is like; the fit is the percentage of weights that hold."},
    {"at_least", SCHEMA_INTEGER, 0, false, "100", NULL, "From so many percent on it fits."},
    {"disqualifies", SCHEMA_FLAG, 0, false, "false", NULL,
     "Whoever meets `when` fits no profile at all."},
    {"when", SCHEMA_CONDITION, 0, false, "", NULL, "With disqualifies."},
};

static const struct schema_key CRITERION[] = {
    {"when", SCHEMA_CONDITION, 0, true, "", NULL, "A condition, on traits as a rule."},
    {"weight", SCHEMA_NUMBER, 0, false, "1", NULL, "How much it matters beside the others."},
};

static const struct schema_key GRADE[] = {
    {"fit", SCHEMA_OTHER, 0, true, "", NULL,
     "Percentages of the best fit at which the next letter begins, ascending: [50, 80]."},
    {"score", SCHEMA_NAME, 0, true, "", NULL, "The score, or a measure."},
    {"at_least", SCHEMA_OTHER, 0, true, "", NULL,
     "Values of it at which the next number begins, ascending: [40, 100]."},
    {"names", SCHEMA_OTHER, 0, false, "", NULL,
     "Rows by fit, each with names by score. Default: the best fit is A, the best score 1."},
};

static const struct schema_key GROUP[] = {
    {"all", SCHEMA_CONDITIONS, 0, false, "", NULL, "All of them hold; a bare list says the same."},
    {"any", SCHEMA_CONDITIONS, 0, false, "", NULL, "At least one holds."},
    {"none", SCHEMA_CONDITIONS, 0, false, "", NULL, "None holds."},
    {"not", SCHEMA_CONDITION, 0, false, "", NULL, "It does not hold."},
    {"at_least_n_of", SCHEMA_OTHER, 0, false, "", NULL, "{n: 2, of: [A, B, C]}: so many hold."},
    {"segment", SCHEMA_NAME, 0, false, "", NULL, "The account is in that segment."},
    {"stage", SCHEMA_NAME, 0, false, "", NULL, "The account is in exactly that stage."},
    {"buyer", SCHEMA_CHOICE, 0, false, "",
     TEXTS("asked_for_help", "maxed_out", "converts_alone", "free"),
     "The account is a buyer of that kind."},
    {"fit", SCHEMA_OTHER, 0, false, "", NULL,
     "A profile's name: it fits. Tests, as in {at_least: 70}: the best fit. disqualified: no "
     "profile."},
};

static const struct schema_key TESTS[] = {
    {"at_least", SCHEMA_OTHER, 0, false, "", NULL,
     "A number, a duration for durations, a trait or measure to compare with (account.seats), or "
     "numbers by segment: {default: 3, enterprise: 5}."},
    {"at_most", SCHEMA_OTHER, 0, false, "", NULL, "The same."},
    {"above", SCHEMA_OTHER, 0, false, "", NULL, "The same, without being equal."},
    {"below", SCHEMA_OTHER, 0, false, "", NULL, "The same."},
    {"between", SCHEMA_OTHER, 0, false, "", NULL, "Two numbers, both included: [50, 1000]."},
    {"is", SCHEMA_OTHER, 0, false, "", NULL, "Equal to a number, a text or a flag."},
    {"in", SCHEMA_OTHER, 0, false, "", NULL, "Equal to one of a list."},
    {"contains", SCHEMA_TEXT, 0, false, "", NULL,
     "A text within it, ASCII letters in either case."},
    {"exists", SCHEMA_FLAG, 0, false, "", NULL, "There is one; false: there is none."},
    {"within", SCHEMA_DURATION, 0, false, "", NULL, "first and last: less than this long ago."},
    {"is_past", SCHEMA_FLAG, 0, false, "", NULL,
     "A trait or value that is an instant (ISO 8601, or milliseconds): it has come; false: not "
     "yet."},
    {"later_than", SCHEMA_NAME, 0, false, "", NULL,
     "first and last: later than that other one, or that has not happened."},
    {"at_least_percent", SCHEMA_NUMBER, 0, false, "", NULL, "So many percent of `of`, or more."},
    {"at_most_percent", SCHEMA_NUMBER, 0, false, "", NULL, "Or less."},
    {"of", SCHEMA_TEXT, 0, false, "", NULL, "account.NAME, user.NAME or a measure."},
    {"grew_to", SCHEMA_NUMBER, 0, false, "", NULL, "It is at least this now."},
    {"from_at_most", SCHEMA_NUMBER, 0, false, "", NULL, "And was at most this `over` ago."},
    {"grew_by", SCHEMA_NUMBER, 0, false, "", NULL, "It is so much more than it was."},
    {"ratio", SCHEMA_NUMBER, 0, false, "", NULL, "It is so many times what it was."},
    {"over", SCHEMA_DURATION, 0, false, "", NULL, "How long ago the comparison looks."},
    {"band", SCHEMA_TEXT, 0, false, "", NULL, "A score is in that band."},
};

static const struct schema_key SIGNAL[] = {
    {"when", SCHEMA_CONDITION, 0, true, "", NULL, "The condition."},
    {"hold_for", SCHEMA_DURATION, 0, false, "0s", NULL,
     "It must hold so long without a break before the signal turns true."},
    {"cooldown", SCHEMA_DURATION, 0, false, "0s", NULL,
     "After it turned false, it does not turn true again before so long."},
    {"exit", SCHEMA_CONDITION, 0, false, "", NULL, "It turns false when this holds, too."},
    {"episodes", SCHEMA_INTEGER, 0, false, "", NULL, "It turns true at most so often."},
    {"label", SCHEMA_TEXT, 0, false, "", NULL, "What people call it."},
    {"per", SCHEMA_CHOICE, 0, false, "", TEXTS("user", "account"),
     "Default: of users when it looks at anything of a user. account: a signal of users in it "
     "means: some user has it."},
};

static const struct schema_key QUALIFY[] = {
    {"pal", SCHEMA_FORM, SCHEMA_DEFINITION, false, "", NULL,
     "When a user (or account) has reached value. Makes no lead."},
    {"pql", SCHEMA_FORM, SCHEMA_DEFINITION, false, "", NULL, "When a user qualifies."},
    {"pqa", SCHEMA_FORM, SCHEMA_DEFINITION, false, "", NULL, "When an account qualifies."},
};

static const struct schema_key DEFINITION[] = {
    {"when", SCHEMA_CONDITION, 0, true, "", NULL, "Enters when it holds."},
    {"hold_for", SCHEMA_DURATION, 0, false, "0s", NULL,
     "`when` must hold so long without a break."},
    {"cooldown", SCHEMA_DURATION, 0, false, "0s", NULL,
     "After leaving, it is not entered again before so long."},
    {"exit", SCHEMA_CONDITION, 0, false, "", NULL, "Leaves when it holds; else it stays for good."},
    {"episodes", SCHEMA_INTEGER, 0, false, "", NULL, "Entered at most so often."},
    {"label", SCHEMA_TEXT, 0, false, "", NULL, "What people call it: PQL - High Intent."},
    {"as", SCHEMA_CHOICE, 0, false, "", TEXTS("pal", "pql", "pqa"),
     "What a definition with a name of its own is; required there."},
    {"requalify", SCHEMA_CHOICE, 0, false, "afresh", TEXTS("afresh", "always", "never"),
     "afresh: `when` must have stopped holding since it left; always: it may hold on; never: one "
     "episode only."},
    {"per", SCHEMA_CHOICE, 0, false, "", TEXTS("organization"),
     "The definition is of organizations, and has other keys (below)."},
};

static const struct schema_key LIFECYCLE[] = {
    {"activated", SCHEMA_FORM, SCHEMA_SIGNAL, false, "", NULL, "Default: a user is a PAL."},
    {"pql", SCHEMA_FORM, SCHEMA_SIGNAL, false, "", NULL,
     "Default: a definition of pql or pqa is true."},
    {"sql", SCHEMA_FORM, SCHEMA_SIGNAL, false, "", NULL,
     "Default: sales accepted a lead, met, or won (account.lead_outcome)."},
    {"customer", SCHEMA_FORM, SCHEMA_SIGNAL, false, "", NULL,
     "Default: sales won (account.lead_outcome)."},
    {"expansion", SCHEMA_FORM, SCHEMA_SIGNAL, false, "", NULL, "Default: never."},
    {"at_risk", SCHEMA_FORM, SCHEMA_SIGNAL, false, "", NULL, "Default: never."},
    {"churned", SCHEMA_FORM, SCHEMA_SIGNAL, false, "", NULL, "Default: never."},
};

static const struct schema_key MARKETING[] = {
    {"events", SCHEMA_EVENTS, 0, true, "", NULL, "They never count as active."},
    {"mql", SCHEMA_CONDITION, 0, false, "", NULL, "When a user or account is an MQL."},
};

static const struct schema_key ROUTE[] = {
    {"when", SCHEMA_CONDITION, 0, false, "always", NULL,
     "A signal of users means: some user of the account has it."},
    {"motion", SCHEMA_CHOICE, 0, true, "",
     TEXTS("sales", "self_serve", "success", "hold_out", "suppress"), "What is done."},
    {"queue", SCHEMA_NAME, 0, false, "", NULL,
     "Where it waits; default: the queue called like the motion. Not with hold_out and suppress."},
    {"priority", SCHEMA_INTEGER, 0, false, "0", NULL, "0 to 1000; the higher is handed out first."},
    {"message", SCHEMA_TEXT, 0, false, "", NULL,
     "The prompt, sequence or message class that goes with it."},
    {"first", SCHEMA_FLAG, 0, false, "false", NULL,
     "This motion first: once such a lead is completed and the account still qualifies, the next "
     "one is made at once and skips such rules. Not where the rule holds always."},
};

static const struct schema_key QUEUE[] = {
    {"lease", SCHEMA_DURATION, 0, false, "15m", NULL,
     "How long a consumer holds a lead when it does not say, 1s to 7d."},
    {"attempts", SCHEMA_INTEGER, 0, false, "5", NULL,
     "Leases that ran out or were given back before the lead is parked, 1 to 100."},
    {"deliver", SCHEMA_CHOICE, 0, false, "at_once", TEXTS("at_once", "busiest_hour"),
     "When a lead can be had: at once, or at the hour of the day at which its account is most "
     "active."},
};

const struct schema_mapping SCHEMA_MAPPINGS[SCHEMA_FORMS_N] = {
    [SCHEMA_PLAYBOOK] = {"playbook", "", "The sections of the file, in any order.", "",
                         KEYS(PLAYBOOK)},
    [SCHEMA_MEASURE] =
        {"measure", "measures: NAME:",
         "One function, and what stands beside it. Durations and instants are tested with "
         "durations; all else are numbers.",
         "measures:\n"
         "  projects: {count: Project Created, per: account}\n"
         "  keen: {active_weeks: any, window: 4w}\n"
         "  trial: {count: Report Run, after: Trial Started, within: 48h}\n"
         "  rating: {last: properties.rating, on: Feedback Given}\n"
         "  quick: {sequence: [Project Created, Teammate Invited], within: 1d}\n"
         "  quiet: {since: any}\n",
         KEYS(MEASURE)},
    [SCHEMA_SCORE] =
        {"score", "scores: NAME:", "Points of events, or weights of other numbers.",
         "scores:\n"
         "  engagement: {points: {Report Run: 5, Project Created: 10}, half_life: 14d}\n"
         "  total: {weights: {engagement: 2}, bands: {Cold: 0, High Intent: 80}}\n",
         KEYS(SCORE)},
    [SCHEMA_RULE] = {"rule of a score", "scores: NAME: points: -",
                     "What one kind of event is worth.",
                     "scores:\n"
                     "  intent:\n"
                     "    points:\n"
                     "      - {on: Pricing Viewed, points: 10, per_day: 2}\n"
                     "      - {on: Demo Requested, points: 50, once: true}\n"
                     "      - {on: Ticket Opened, points: -5, at_most: 20}\n"
                     "    fades_over: 30d\n",
                     KEYS(RULE)},
    [SCHEMA_FIT] = {"fit profile",
                    "fit: NAME:", "A condition alone is a profile that fits fully or not at all.",
                    "fit:\n"
                    "  midmarket:\n"
                    "    criteria:\n"
                    "      - {when: {account.employees: {between: [50, 1000]}}, weight: 2}\n"
                    "      - {when: {account.industry: {in: [saas, media]}}}\n"
                    "    at_least: 60\n"
                    "  never: {disqualifies: true, when: {account.country: XX}}\n",
                    KEYS(FIT)},
    [SCHEMA_CRITERION] = {"criterion", "fit: NAME: criteria: -", "One part of a profile.", "",
                          KEYS(CRITERION)},
    [SCHEMA_GRADE] = {"grade", "grades: NAME:", "A grid of fit and score.",
                      "scores:\n"
                      "  engagement: {points: {Report Run: 5}, half_life: 14d, per: account}\n"
                      "fit:\n"
                      "  ideal: {account.employees: {at_least: 50}}\n"
                      "grades:\n"
                      "  grade: {fit: [50, 80], score: engagement, at_least: [40, 100]}\n",
                      KEYS(GRADE)},
    [SCHEMA_GROUP] =
        {"condition", "wherever a condition stands",
         "A condition is the name of a signal, `always`, a list of conditions (all of them), or a "
         "mapping with one key: one of these, or a measure, a score, a grade, user.NAME, "
         "account.NAME (and in where and exclude properties.NAME, context.NAME) with tests.",
         "measures:\n"
         "  projects: {count: Project Created}\n"
         "  reports: {count: Report Run}\n"
         "signals:\n"
         "  busy: {at_least_n_of: {n: 2, of: [{projects: {at_least: 3}}, {reports: {above: 1}}, "
         "{user.role: admin}]}}\n"
         "  idle: {none: [busy, {projects: {at_least: 1}}]}\n",
         KEYS(GROUP)},
    [SCHEMA_TESTS] = {"tests",
                      "a condition: OPERAND:", "All of them must hold. A value alone says: is.",
                      "measures:\n"
                      "  active_users: {distinct: user, window: 7d}\n"
                      "  stored: {sum: properties.bytes, on: File Uploaded, per: account}\n"
                      "  quiet: {since: any, per: account}\n"
                      "signals:\n"
                      "  growing: {active_users: {grew_to: 20, from_at_most: 5, over: 14d}}\n"
                      "  full: {stored: {at_least_percent: 80, of: account.storage_limit}}\n"
                      "  over_seats: {active_users: {above: account.seats}}\n"
                      "  trial_over: {account.trial_ends_at: {is_past: true}}\n"
                      "  dormant: {quiet: {at_least: 14d}}\n",
                      KEYS(TESTS)},
    [SCHEMA_SIGNAL] =
        {"signal with a memory", "signals: NAME:",
         "A condition alone is a signal that follows it. Each time that a signal turns true is an "
         "episode, counted from 1.",
         "measures:\n"
         "  quiet: {since: any, per: account}\n"
         "signals:\n"
         "  dormant: {when: {quiet: {at_least: 14d}}, hold_for: 1d, cooldown: 30d}\n",
         KEYS(SIGNAL)},
    [SCHEMA_QUALIFY] =
        {"qualify", "qualify:",
         "Each is a condition, or a definition (below). Any other name is a further definition, "
         "with `as`.",
         "measures:\n"
         "  projects: {count: Project Created}\n"
         "signals:\n"
         "  started: {projects: {at_least: 1}}\n"
         "qualify:\n"
         "  pal: started\n"
         "  pql: {when: {projects: {at_least: 3}}, label: PQL - High Intent}\n"
         "  growth: {as: pqa, when: started, exit: {not: started}, cooldown: 30d}\n",
         KEYS(QUALIFY)},
    [SCHEMA_DEFINITION] = {"definition", "qualify: NAME:",
                           "Once entered, it stays until `exit` holds.", "", KEYS(DEFINITION)},
    [SCHEMA_LIFECYCLE] =
        {"lifecycle", "lifecycle:",
         "An account is in the last of these whose condition holds, and else signed_up. Without "
         "the section there are no stages but those of qualify.",
         "measures:\n"
         "  subscribed: {last: Subscription Started, per: account}\n"
         "  canceled: {last: Subscription Canceled, per: account}\n"
         "lifecycle:\n"
         "  customer: {subscribed: {later_than: canceled}}\n"
         "  churned: {canceled: {later_than: subscribed}}\n",
         KEYS(LIFECYCLE)},
    [SCHEMA_MARKETING] = {"marketing", "marketing:", "No definition may look at these events.",
                          "measures:\n"
                          "  ebooks: {count: Ebook Downloaded}\n"
                          "marketing:\n"
                          "  events: [Ebook Downloaded, Newsletter Joined]\n"
                          "  mql: {ebooks: {at_least: 1}}\n",
                          KEYS(MARKETING)},
    [SCHEMA_ROUTE] =
        {"rule of the route", "route: -", "One rule must hold always.",
         "route:\n"
         "  - {when: {account.employees: {at_least: 500}}, motion: sales, priority: 9}\n"
         "  - {when: always, motion: self_serve, message: upgrade}\n",
         KEYS(ROUTE)},
    [SCHEMA_QUEUE] = {"queue", "queues: NAME:", "Where leads wait.",
                      "queues:\n"
                      "  enterprise: {lease: 1h}\n",
                      KEYS(QUEUE)},
    [SCHEMA_PRIORITY] = {"rule of priority", "priority: -",
                         "Leads of higher priority are handed out first.",
                         "priority:\n"
                         "  - {when: {account.employees: {at_least: 500}}, add: 50}\n"
                         "  - {when: {account.plan: free}, add: -10}\n",
                         KEYS(SCHEMA_KEYS_PRIORITY)},
    [SCHEMA_AGING] = {"aging", "aging:", "Who waits is handed out before long.",
                      "aging: {points: 1, every: 1h}\n", KEYS(SCHEMA_KEYS_AGING)},
    [SCHEMA_EFFORT] = {"rule of effort", "effort: -", "A lead costs 1 where no rule holds.",
                       "effort:\n"
                       "  - {when: {account.employees: {at_least: 500}}, units: 3}\n",
                       KEYS(SCHEMA_KEYS_EFFORT)},
    [SCHEMA_TEAM] = {"team", "teams: NAME:",
                     "Its leads are given to reps in turn, by weight, caps and hours.",
                     "teams:\n"
                     "  smb:\n"
                     "    queue: sales\n"
                     "    zone: Europe/Berlin\n"
                     "    hours: \"09:00-17:00\"\n"
                     "    holidays: [2026-12-25]\n"
                     "    caps: {open: 5, per_day: 3}\n"
                     "    reps:\n"
                     "      ana: {weight: 2}\n"
                     "      ben:\n"
                     "    full: {wait: 30m, then: self_serve}\n"
                     "    sla: {first_touch: 1h}\n",
                     KEYS(SCHEMA_KEYS_TEAM)},
    [SCHEMA_REP] = {"rep", "teams: NAME: reps: NAME:",
                    "A name alone (`ben:`) is a rep of whom the team says all.",
                    "teams:\n"
                    "  smb:\n"
                    "    queue: sales\n"
                    "    reps:\n"
                    "      ana: {takes: {account.country: {in: [DE, AT, CH]}}, weight: 2}\n"
                    "      ben@example.com: {zone: America/New_York, hours: \"08:00-16:00\"}\n"
                    "      cleo: {absent: [{from: 2026-01-08, to: 2026-01-12}]}\n",
                    KEYS(SCHEMA_KEYS_REP)},
    [SCHEMA_ABSENCE] = {"absence", "teams: NAME: reps: NAME: absent: -",
                        "Both days are included; instants are as in 2026-01-08T12:00:00Z.", "",
                        KEYS(SCHEMA_KEYS_ABSENCE)},
    [SCHEMA_CAPS] = {"caps", "teams: NAME: caps:", "All of them hold at once.",
                     "teams:\n"
                     "  smb:\n"
                     "    queue: sales\n"
                     "    caps:\n"
                     "      open: 5\n"
                     "      per_period: {at_most: 10, within: 7d}\n"
                     "      when: [{if: {account.employees: {at_least: 500}}, open: 2}]\n"
                     "    reps: {ana: {caps: {open: 8}}, ben: {caps: {per_period: none}}}\n",
                     KEYS(SCHEMA_KEYS_CAPS)},
    [SCHEMA_CAP_PERIOD] = {"cap within a time", "teams: NAME: caps: per_period:", "", "",
                           KEYS(SCHEMA_KEYS_CAP_PERIOD)},
    [SCHEMA_CAP_WHEN] = {"cap by condition", "teams: NAME: caps: when: -", "", "",
                         KEYS(SCHEMA_KEYS_CAP_WHEN)},
    [SCHEMA_FULL] = {"full", "teams: NAME: full:", "When nobody can take a lead.", "",
                     KEYS(SCHEMA_KEYS_FULL)},
    [SCHEMA_SLA] =
        {"SLA", "teams: NAME: sla:", "",
         "teams:\n"
         "  smb:\n"
         "    queue: sales\n"
         "    reps: {ana: {weight: 1}, ben: {weight: 1}}\n"
         "    sla: {first_touch: 1h, remind: 45m, escalate: [{after: 2h, to: lead manager}]}\n",
         KEYS(SCHEMA_KEYS_SLA)},
    [SCHEMA_ESCALATION] = {"escalation", "teams: NAME: sla: escalate: -", "", "",
                           KEYS(SCHEMA_KEYS_ESCALATION)},
    [SCHEMA_ADMIT] = {"admission",
                      "teams: NAME: admit:", "Weaker leads go at once where `full` says.",
                      "teams:\n"
                      "  smb:\n"
                      "    queue: sales\n"
                      "    reps: {ana: {weight: 1}}\n"
                      "    full: {wait: 1h, then: self_serve}\n"
                      "    admit: {slots_per_week: 40}\n",
                      KEYS(SCHEMA_KEYS_ADMIT)},
    [SCHEMA_EXPERIMENT] =
        {"experiment",
         "experiments: NAME:", "An account falls into the same arm as long as the key is the same.",
         "experiments:\n"
         "  holdout_2026: {holdout: 10%, within: 60d, size: 2500}\n"
         "  speed:\n"
         "    arms: {fast: {share: 50%, first_touch: 1h}, slow: {share: 50%, first_touch: 24h}}\n",
         KEYS(SCHEMA_KEYS_EXPERIMENT)},
    [SCHEMA_ARM] = {"arm", "experiments: NAME: arms: NAME:", "", "", KEYS(SCHEMA_KEYS_ARM)},
    [SCHEMA_PROMPT] = {"prompt", "prompts: NAME:", "Each is shown at most once at a time.",
                       "measures:\n"
                       "  messages: {count: Message Sent, per: account, window: month}\n"
                       "prompts:\n"
                       "  near_limit:\n"
                       "    when: {messages: {at_least: 80}}\n"
                       "    text: \"You've used 80 % of your messages\"\n"
                       "    link: https://example.com/upgrade\n"
                       "    expires: 14d\n",
                       KEYS(SCHEMA_KEYS_PROMPT)},
    [SCHEMA_CONTACT] = {"contact", "contact:", "",
                        "contact:\n"
                        "  never: {user.unsubscribed: true}\n"
                        "  consent: {user.marketing_consent: true}\n",
                        KEYS(SCHEMA_KEYS_CONTACT)},
    [SCHEMA_BUYERS] = {"buyers", "buyers:",
                       "A class that is not said is never true; who is in none of them is free.",
                       "measures:\n"
                       "  asked: {count: Demo Requested, per: account, window: 30d}\n"
                       "buyers:\n"
                       "  asked_for_help: {asked: {at_least: 1}}\n"
                       "route:\n"
                       "  - {when: {buyer: asked_for_help}, motion: sales}\n"
                       "  - {when: always, motion: self_serve}\n",
                       KEYS(SCHEMA_KEYS_BUYERS)},
    [SCHEMA_ORGANIZATIONS] = {"organizations",
                              "organizations:", "Accounts of one organization have one lead.",
                              "organizations: {by: [account.parent, email_domain]}\n",
                              KEYS(SCHEMA_KEYS_ORGANIZATIONS)},
    [SCHEMA_IDENTITY] = {"identity", "identity:",
                         "Events that name an account count in that account whatever is said here.",
                         "identity: {default_account: latest}\n", KEYS(IDENTITY)},
    [SCHEMA_ORGANIZATION_DEFINITION] =
        {"definition of organizations", "qualify: NAME:", "It holds while `when` does.",
         "measures:\n"
         "  projects: {count: Project Created, per: account}\n"
         "signals:\n"
         "  busy: {projects: {at_least: 3}}\n"
         "organizations: {by: account.company}\n"
         "qualify:\n"
         "  company:\n"
         "    per: organization\n"
         "    when: {any: [{accounts_with: {signal: busy, at_least: 2}}, {total: {measure: "
         "projects, at_least: 50}}]}\n",
         KEYS(SCHEMA_KEYS_ORGANIZATION_DEFINITION)},
    [SCHEMA_ROLL_UP] = {"condition of organizations", "qualify: NAME: when:",
                        "What is true of its accounts together. `signal` may be a definition, too.",
                        "", KEYS(SCHEMA_KEYS_ROLL_UP)},
    [SCHEMA_SCHEMAS] =
        {"schemas", "schemas:",
         "They are judged on the way in. Identify, group, page, screen and alias calls are not.",
         "schemas:\n"
         "  mode: observe\n"
         "  naming: title_case\n"
         "  unknown_events: allow\n"
         "  events:\n"
         "    Project Created: {required: {name: text, seats: integer}}\n",
         KEYS(SCHEMA_KEYS_SCHEMAS)},
    [SCHEMA_EVENT_SCHEMA] = {"event schema", "schemas: events: NAME:",
                             "Types: text, number, integer, flag, time (an ISO date or instant), "
                             "any; or a list of the texts that are allowed.",
                             "schemas:\n"
                             "  events:\n"
                             "    Plan Changed:\n"
                             "      mode: enforce\n"
                             "      required: {plan: [free, pro], seats: integer}\n"
                             "      optional: {trial_ends: time, address.city: text}\n"
                             "      unknown_properties: refuse\n",
                             KEYS(SCHEMA_KEYS_EVENT_SCHEMA)},
};
