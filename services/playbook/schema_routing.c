// SPDX-License-Identifier: Apache-2.0
// The keys of routing: queues, teams, experiments, prompts and organizations.
#include "services/playbook/schema_routing.h"

#define TEXTS(...)                                                                                 \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

const struct schema_key SCHEMA_KEYS_PRIORITY[] = {
    {"when", SCHEMA_CONDITION, 0, true, "", NULL, "As in route."},
    {"add", SCHEMA_INTEGER, 0, true, "", NULL, "-1000 to 1000; all rules that hold add up."},
};

const struct schema_key SCHEMA_KEYS_AGING[] = {
    {"points", SCHEMA_INTEGER, 0, true, "", NULL, "What waiting adds to the priority, 1 to 1000."},
    {"every", SCHEMA_DURATION, 0, true, "", NULL, "How often it does, 1m to 31d."},
};

const struct schema_key SCHEMA_KEYS_EFFORT[] = {
    {"when", SCHEMA_CONDITION, 0, true, "", NULL, "As in route."},
    {"units", SCHEMA_INTEGER, 0, true, "", NULL, "What such a lead costs, 1 to 100."},
};

const struct schema_key SCHEMA_KEYS_TEAM[] = {
    {"queue", SCHEMA_NAME, 0, true, "", NULL,
     "The queue that it works; a queue has at most one team."},
    {"reps", SCHEMA_FORMS, SCHEMA_REP, false, "", NULL,
     "By name: as their accounts are owned, and as they ask for leads."},
    {"zone", SCHEMA_TEXT, 0, false, "UTC", NULL, "The time zone of its reps, as in Europe/Berlin."},
    {"hours", SCHEMA_TEXT, 0, false, "always", NULL,
     "When they work, in local time, as in \"09:00-17:00\"."},
    {"days", SCHEMA_OTHER, 0, false, "", NULL,
     "On which days, as in [mon, tue, wed]. Default: every day; with hours, Monday to Friday."},
    {"holidays", SCHEMA_OTHER, 0, false, "", NULL,
     "Dates on which nobody works, as in [2026-12-25]."},
    {"caps", SCHEMA_FORM, SCHEMA_CAPS, false, "", NULL, "How much each rep may hold and get."},
    {"owner", SCHEMA_CHOICE, 0, false, "team", TEXTS("team", "wait"),
     "Where the owner of the account is one of the team and cannot take the lead: another one "
     "does, or it waits."},
    {"full", SCHEMA_FORM, SCHEMA_FULL, false, "", NULL,
     "Where a lead goes that nobody can take. Default: it waits."},
    {"sla", SCHEMA_FORM, SCHEMA_SLA, false, "", NULL, "How soon a lead must be touched."},
    {"admit", SCHEMA_FORM, SCHEMA_ADMIT, false, "", NULL,
     "Only the strongest leads, as many as there are slots; or `auto`."},
};

const struct schema_key SCHEMA_KEYS_REP[] = {
    {"weight", SCHEMA_INTEGER, 0, false, "1", NULL,
     "Of two reps, who has twice the weight gets twice the leads; 1 to 100."},
    {"caps", SCHEMA_FORM, SCHEMA_CAPS, false, "", NULL,
     "Instead of what the team says, one by one."},
    {"takes", SCHEMA_CONDITION, 0, false, "always", NULL,
     "Which leads: territory, language, skills. As in route."},
    {"zone", SCHEMA_TEXT, 0, false, "", NULL, "Default: the team's."},
    {"hours", SCHEMA_TEXT, 0, false, "", NULL, "Default: the team's; `always`: at any time."},
    {"days", SCHEMA_OTHER, 0, false, "", NULL, "Default: the team's."},
    {"holidays", SCHEMA_OTHER, 0, false, "", NULL, "Default: the team's; [] for none."},
    {"absent", SCHEMA_LIST, SCHEMA_ABSENCE, false, "", NULL, "When he is away."},
    {"inactive", SCHEMA_FLAG, 0, false, "false", NULL, "Gets nothing, but what he has stays his."},
};

const struct schema_key SCHEMA_KEYS_ABSENCE[] = {
    {"from", SCHEMA_OTHER, 0, true, "", NULL, "The first day, in the rep's zone, or an instant."},
    {"to", SCHEMA_OTHER, 0, true, "", NULL, "The last day, or the instant at which he is back."},
};

const struct schema_key SCHEMA_KEYS_CAPS[] = {
    {"open", SCHEMA_CAP, 0, false, "", NULL,
     "Leads that he has and that have not ended; `none`: no such cap."},
    {"per_day", SCHEMA_CAP, 0, false, "", NULL, "Leads that he gets on one local day."},
    {"per_period", SCHEMA_FORM, SCHEMA_CAP_PERIOD, false, "", NULL,
     "Leads that he gets within a time."},
    {"units", SCHEMA_CAP, 0, false, "", NULL, "Effort of the leads that he has, see effort."},
    {"when", SCHEMA_LIST, SCHEMA_CAP_WHEN, false, "", NULL, "Open leads of some kind."},
};

const struct schema_key SCHEMA_KEYS_CAP_PERIOD[] = {
    {"at_most", SCHEMA_INTEGER, 0, true, "", NULL, "So many,"},
    {"within", SCHEMA_DURATION, 0, true, "", NULL, "in any stretch of this length, 1m to 31d."},
};

const struct schema_key SCHEMA_KEYS_CAP_WHEN[] = {
    {"if", SCHEMA_CONDITION, 0, true, "", NULL,
     "Leads for which this held when they were assigned. As in route."},
    {"open", SCHEMA_INTEGER, 0, true, "", NULL, "At most so many of them; 0: none."},
};

const struct schema_key SCHEMA_KEYS_FULL[] = {
    {"wait", SCHEMA_DURATION, 0, false, "0s", NULL, "It waits so long for a rep first."},
    {"then", SCHEMA_OTHER, 0, true, "", NULL,
     "A motion, or one with a queue: {motion: sales, queue: backup}."},
    {"working_time", SCHEMA_FLAG, 0, false, "true", NULL,
     "That time passes only while one of the reps works."},
};

const struct schema_key SCHEMA_KEYS_SLA[] = {
    {"first_touch", SCHEMA_DURATION, 0, true, "", NULL,
     "From its assignment to the first time that the rep acknowledges or completes the lead."},
    {"remind", SCHEMA_DURATION, 0, false, "", NULL,
     "He is reminded so long after the assignment. Default: never."},
    {"reassign", SCHEMA_INTEGER, 0, false, "1", NULL,
     "How often an untouched lead passes to another rep, 0 to 100."},
    {"escalate", SCHEMA_LIST, SCHEMA_ESCALATION, false, "", NULL,
     "Who is told when it stays untouched."},
    {"working_time", SCHEMA_FLAG, 0, false, "true", NULL,
     "These times pass only while the rep works."},
};

const struct schema_key SCHEMA_KEYS_ESCALATION[] = {
    {"after", SCHEMA_DURATION, 0, true, "", NULL, "So long after the assignment."},
    {"to", SCHEMA_TEXT, 0, true, "", NULL, "Whom: a name that whoever hears of it knows."},
};

const struct schema_key SCHEMA_KEYS_ADMIT[] = {
    {"slots_per_week", SCHEMA_INTEGER, 0, false, "", NULL,
     "Leads that the team can work in a week. Default: what the caps of its reps allow."},
    {"days", SCHEMA_INTEGER, 0, false, "28", NULL,
     "The days of leads that are looked back at, 7 to 365."},
};

const struct schema_key SCHEMA_KEYS_EXPERIMENT[] = {
    {"key", SCHEMA_TEXT, 0, false, "", NULL,
     "What accounts are divided by; another key divides them anew. Default: the name."},
    {"of", SCHEMA_CONDITION, 0, false, "always", NULL, "Who takes part. As in route."},
    {"holdout", SCHEMA_OTHER, 0, false, "", NULL, "The share that is held out, as in 10%."},
    {"arms", SCHEMA_FORMS, SCHEMA_ARM, false, "", NULL,
     "Ways to treat the others. Default: one, treated."},
    {"within", SCHEMA_DURATION, 0, false, "30d", NULL,
     "A conversion counts so long after the lead."},
    {"size", SCHEMA_INTEGER, 0, false, "", NULL, "How many leads are planned, over all arms."},
};

const struct schema_key SCHEMA_KEYS_ARM[] = {
    {"share", SCHEMA_OTHER, 0, true, "", NULL,
     "Of those who are not held out, as in 50%. The shares add up to 100%."},
    {"first_touch", SCHEMA_DURATION, 0, false, "", NULL, "Instead of the team's SLA."},
    {"message", SCHEMA_TEXT, 0, false, "", NULL, "Instead of the route's."},
};

const struct schema_key SCHEMA_KEYS_PROMPT[] = {
    {"when", SCHEMA_CONDITION, 0, false, "", NULL,
     "Of a user or an account, as in signals. Without it: only where a route or an arm says "
     "message."},
    {"text", SCHEMA_TEXT, 0, true, "", NULL, "What the person reads, with the reason in it."},
    {"offer", SCHEMA_TEXT, 0, false, "", NULL, "What goes with it."},
    {"link", SCHEMA_TEXT, 0, false, "", NULL, "https://..., or a path that begins with /."},
    {"priority", SCHEMA_INTEGER, 0, false, "0", NULL, "0 to 1000; the higher is shown first."},
    {"expires", SCHEMA_DURATION, 0, false, "", NULL,
     "Shown so long after its reason became true. Default: while it is."},
    {"snooze", SCHEMA_DURATION, 0, false, "", NULL,
     "Comes back so long after it was dismissed. Default: not for the same reason."},
};

const struct schema_key SCHEMA_KEYS_CONTACT[] = {
    {"never", SCHEMA_CONDITION, 0, false, "", NULL,
     "Of a user: he is no contact and is shown nothing. One that looks at accounts alone: their "
     "leads are suppressed."},
    {"consent", SCHEMA_CONDITION, 0, false, "", NULL,
     "Of a user: only such users are contacts of self_serve leads and are shown prompts."},
};

const struct schema_key SCHEMA_KEYS_BUYERS[] = {
    {"asked_for_help", SCHEMA_CONDITION, 0, false, "", NULL, "They want to talk to somebody."},
    {"maxed_out", SCHEMA_CONDITION, 0, false, "", NULL, "They need more than what they have."},
    {"converts_alone", SCHEMA_CONDITION, 0, false, "", NULL,
     "They are about to buy by themselves."},
};

const struct schema_key SCHEMA_KEYS_ORGANIZATIONS[] = {
    {"by", SCHEMA_OTHER, 0, true, "", NULL,
     "account.parent (the id of another account), another trait as in account.company, or "
     "email_domain; or a list, of which the first that is known decides."},
};

const struct schema_key SCHEMA_KEYS_ORGANIZATION_DEFINITION[] = {
    {"per", SCHEMA_CHOICE, 0, true, "", TEXTS("organization"), "Of the organization as a whole."},
    {"when", SCHEMA_OTHER, 0, true, "", NULL,
     "accounts_with, users_with and total (below), under all, any, none, not and at_least_n_of."},
    {"as", SCHEMA_CHOICE, 0, false, "pqa", TEXTS("pqa"), "What it counts as."},
    {"label", SCHEMA_TEXT, 0, false, "", NULL, "What people call it: Company PQA."},
};

const struct schema_key SCHEMA_KEYS_ROLL_UP[] = {
    {"accounts_with", SCHEMA_OTHER, 0, false, "", NULL,
     "{signal: NAME, at_least: 2}: so many accounts for which it is true; a signal of users: some "
     "user has it."},
    {"users_with", SCHEMA_OTHER, 0, false, "", NULL,
     "{signal: NAME, at_least: 20}: so many users, of all accounts together."},
    {"total", SCHEMA_OTHER, 0, false, "", NULL,
     "{measure: NAME, at_least: 50}: a measure of accounts, added up."},
};
