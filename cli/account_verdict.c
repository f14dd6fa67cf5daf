// SPDX-License-Identifier: Apache-2.0
// A person overrules the playbook: by traits, which its conditions look at.
#include "cli/account.h"

#include "cli/output.h"
#include "common/base/time_text.h"

enum { TRAITS_MAX = 3 };

// "none": the playbook decides again.
static const char *const QUALIFICATION[ACCOUNT_VERBS] = {
    [ACCOUNT_PROMOTE] = "promoted",
    [ACCOUNT_DISQUALIFY] = "disqualified",
    [ACCOUNT_SNOOZE] = "snoozed",
    [ACCOUNT_RESTORE] = "none",
};

static void trait_add(Assay__Ingest__V1__Event *event, const char *key, const char *text,
                      struct arena *arena)
{
    Assay__Event__V1__Property *property = arena_alloc(arena, sizeof *property);
    assay__event__v1__property__init(property);
    property->key = (char *)key;
    property->value_case = ASSAY__EVENT__V1__PROPERTY__VALUE_TEXT;
    property->text = (char *)text;
    event->traits[event->n_traits++] = property;
}

Assay__Ingest__V1__Event *account_verdict_event(const struct account_verdict *verdict,
                                                struct arena *arena)
{
    bool of_user = verdict->user[0] != '\0';
    Assay__Ingest__V1__Event *event = arena_alloc(arena, sizeof *event);
    assay__ingest__v1__event__init(event);
    event->kind = of_user ? ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_IDENTIFY
                          : ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_GROUP;
    event->message_id = arena_printf(arena, "verdict-%016llx", (unsigned long long)verdict->nonce);
    event->group_id = (char *)verdict->account;
    event->user_id = (char *)verdict->user;
    event->timestamp_ms = verdict->at_ms;
    event->traits = arena_alloc(arena, TRAITS_MAX * sizeof(Assay__Event__V1__Property *));
    trait_add(event, "qualification", QUALIFICATION[verdict->verb], arena);
    trait_add(event, "qualification_reason", verdict->reason, arena);
    if (verdict->verb == ACCOUNT_SNOOZE)
        trait_add(event, "qualification_until",
                  time_format(verdict->until_ms, arena_alloc(arena, TIME_TEXT_MAX)), arena);
    return event;
}

void account_verdict_tell(const struct account_verdict *verdict, const char *definitions,
                          FILE *stream)
{
    bool of_user = verdict->user[0] != '\0';
    const char *account = output_clean(verdict->account);
    if (of_user)
        fprintf(stream, "user %s of account %s", output_clean(verdict->user), account);
    else
        fprintf(stream, "account %s", account);
    const char *and_users = of_user ? "" : " and its users";
    switch (verdict->verb) {
    case ACCOUNT_PROMOTE:
        if (of_user || definitions == NULL)
            fprintf(stream, " now qualifies, whatever was used, until it is restored or "
                            "disqualified.\nA lead is made unless there is one already.\n");
        else if (definitions[0] != '\0')
            fprintf(stream,
                    " now qualifies (%s), whatever was used, until it is restored or "
                    "disqualified.\nA lead is made unless there is one already.\n",
                    output_clean(definitions));
        else
            fprintf(stream, " is marked as promoted, but the playbook has no definition that an "
                            "account qualifies by\nitself: promote one of its users with --user "
                            "ID.\n");
        break;
    case ACCOUNT_DISQUALIFY:
        fprintf(stream,
                "%s no longer qualif%s, whatever is used, until restored. A lead that waits\nis "
                "withdrawn when nothing else qualifies; whoever holds one gets a note.\n",
                and_users, of_user ? "ies" : "y");
        break;
    case ACCOUNT_SNOOZE:
        fprintf(stream,
                "%s begin%s no qualification before %s (UTC).\nWhat qualifies already "
                "stays as it is.\n",
                and_users, of_user ? "s" : "", output_time(verdict->until_ms));
        break;
    case ACCOUNT_RESTORE:
        fprintf(stream, "%s: the playbook decides again from now on.\n", and_users);
        break;
    }
    fprintf(stream, "reason: %s\n", output_clean(verdict->reason));
}

json_t *account_verdict_json(const struct account_verdict *verdict)
{
    json_t *o = json_object();
    json_object_set_new(o, "account", output_json_text(verdict->account));
    if (verdict->user[0] != '\0')
        json_object_set_new(o, "user", output_json_text(verdict->user));
    json_object_set_new(o, "qualification", json_string(QUALIFICATION[verdict->verb]));
    json_object_set_new(o, "reason", output_json_text(verdict->reason));
    if (verdict->verb == ACCOUNT_SNOOZE)
        json_object_set_new(o, "until", json_integer((json_int_t)verdict->until_ms));
    json_object_set_new(o, "at", json_integer((json_int_t)verdict->at_ms));
    return o;
}
