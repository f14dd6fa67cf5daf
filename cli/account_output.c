// SPDX-License-Identifier: Apache-2.0
#include "cli/account.h"

#include "cli/decision_json.h"
#include "cli/lead_output.h"
#include "cli/output.h"
#include "common/base/time_text.h"

// "3 days", in whole units; "" for what lies ahead.
static const char *age_text(int64_t ms)
{
    if (ms < 0)
        return "";
    if (ms >= 2 * (int64_t)TIME_DAY_MS)
        return output_plural((uint64_t)(ms / TIME_DAY_MS), "day", "days");
    if (ms >= 2 * (int64_t)TIME_HOUR_MS)
        return output_plural((uint64_t)(ms / TIME_HOUR_MS), "hour", "hours");
    return output_plural((uint64_t)(ms / TIME_MINUTE_MS), "minute", "minutes");
}

static void stage_write(const Assay__Router__V1__GetAccountResponse *a, int64_t now_ms,
                        FILE *stream)
{
    const char *age = age_text(now_ms - a->stage_since_ms);
    fprintf(stream, "%saccount %s%s  stage %s since %s UTC%s%s\n", output_bold(),
            output_clean(a->account_id), output_plain(), output_clean(a->stage),
            output_time(a->stage_since_ms), age[0] != '\0' ? ", for " : "", age);
    for (size_t i = 0; i + 1 < a->n_history; i++) {
        const Assay__Router__V1__StageChange *change = a->history[i];
        fprintf(stream, "  before: %s since %s", output_clean(change->stage),
                output_time(change->since_ms));
        if (change->event_id[0] != '\0')
            fprintf(stream, ", by event %s", output_clean(change->event_id));
        fputc('\n', stream);
    }
}

static void organization_write(const Assay__Router__V1__GetAccountResponse *a, FILE *stream)
{
    enum { MEMBERS_MAX = 8 };
    if (a->owner[0] != '\0')
        fprintf(stream, "  owner %s\n", output_clean(a->owner));
    if (a->organization[0] == '\0')
        return;
    fprintf(stream, "  of the organization %s, with", output_clean(a->organization));
    for (size_t i = 0; i < a->n_members && i < MEMBERS_MAX; i++)
        fprintf(stream, "%s %s", i > 0 ? "," : "", output_clean(a->members[i]));
    if (a->n_members > MEMBERS_MAX)
        fprintf(stream, " and %s more", output_count(a->n_members - MEMBERS_MAX));
    fputc('\n', stream);
}

static const char *standing_who(const Assay__Router__V1__Standing *s)
{
    if (s->user_id[0] != '\0')
        return s->user_id;
    return s->organization[0] != '\0' ? "the organization" : "the account";
}

static const char *standing_state(const Assay__Router__V1__Standing *s, char *out, size_t bytes)
{
    if (!s->left)
        return "qualifies";
    snprintf(out, bytes, "left %s%s%s", output_time(s->left_at_ms),
             s->reason[0] != '\0' ? ": " : "", s->reason);
    return out;
}

static void standings_write(const Assay__Router__V1__GetAccountResponse *a, FILE *stream)
{
    struct output_table table = {.right = 1U << 3};
    if (a->n_standings == 0) {
        fprintf(stream, "\nnobody has qualified yet\n");
        return;
    }
    fputc('\n', stream);
    output_row(&table, (const char *const[]){"definition", "label", "who", "episode", "since (UTC)",
                                             "now", NULL});
    for (size_t i = 0; i < a->n_standings; i++) {
        const Assay__Router__V1__Standing *s = a->standings[i];
        char episode[16], state[300], definition[160];
        snprintf(episode, sizeof episode, "%u", s->episode);
        snprintf(definition, sizeof definition, "%s (%s)", s->definition, s->role);
        output_row(&table, (const char *const[]){definition, s->label[0] != '\0' ? s->label : "-",
                                                 standing_who(s), episode, output_time(s->since_ms),
                                                 standing_state(s, state, sizeof state), NULL});
    }
    output_table_write(&table, 2, stream);
}

void account_write(const Assay__Router__V1__GetAccountResponse *account, int64_t now_ms,
                   FILE *stream)
{
    stage_write(account, now_ms, stream);
    organization_write(account, stream);
    standings_write(account, stream);
    for (size_t i = account->n_leads; i > 0; i--) {
        fputc('\n', stream);
        lead_write(account->leads[i - 1], stream);
    }
    if (account->n_leads == 0)
        fprintf(stream, "\nno lead\n");
}

static void put(json_t *o, const char *key, const char *text)
{
    if (text[0] != '\0')
        json_object_set_new(o, key, output_json_text(text));
}

static json_t *history_json(const Assay__Router__V1__GetAccountResponse *a)
{
    json_t *list = json_array();
    for (size_t i = 0; i < a->n_history; i++) {
        json_t *o = json_object();
        put(o, "stage", a->history[i]->stage);
        json_object_set_new(o, "since", json_integer((json_int_t)a->history[i]->since_ms));
        put(o, "event", a->history[i]->event_id);
        json_array_append_new(list, o);
    }
    return list;
}

static json_t *standings_json(const Assay__Router__V1__GetAccountResponse *a)
{
    json_t *list = json_array();
    for (size_t i = 0; i < a->n_standings; i++) {
        const Assay__Router__V1__Standing *s = a->standings[i];
        json_t *o = json_object();
        put(o, "definition", s->definition);
        put(o, "role", s->role);
        put(o, "label", s->label);
        put(o, "user", s->user_id);
        put(o, "organization", s->organization);
        json_object_set_new(o, "episode", json_integer((json_int_t)s->episode));
        json_object_set_new(o, "since", json_integer((json_int_t)s->since_ms));
        put(o, "event", s->event_id);
        json_object_set_new(o, "qualifies", json_boolean(!s->left));
        if (s->left)
            json_object_set_new(o, "left_at", json_integer((json_int_t)s->left_at_ms));
        put(o, "reason", s->reason);
        json_array_append_new(list, o);
    }
    return list;
}

static json_t *members_json(const Assay__Router__V1__GetAccountResponse *a)
{
    json_t *list = json_array();
    for (size_t i = 0; i < a->n_members; i++)
        json_array_append_new(list, output_json_text(a->members[i]));
    return list;
}

json_t *account_json(const Assay__Router__V1__GetAccountResponse *account, int64_t now_ms)
{
    json_t *o = json_object(), *leads = json_array();
    for (size_t i = 0; i < account->n_leads; i++)
        json_array_append_new(leads, lead_json(account->leads[i]));
    put(o, "account", account->account_id);
    put(o, "stage", account->stage);
    json_object_set_new(o, "since", json_integer((json_int_t)account->stage_since_ms));
    json_object_set_new(o, "age_ms", json_integer((json_int_t)(now_ms - account->stage_since_ms)));
    put(o, "owner", account->owner);
    put(o, "organization", account->organization);
    if (account->n_members > 0)
        json_object_set_new(o, "members", members_json(account));
    json_object_set_new(o, "history", history_json(account));
    json_object_set_new(o, "definitions", standings_json(account));
    json_object_set_new(o, "leads", leads);
    return o;
}
