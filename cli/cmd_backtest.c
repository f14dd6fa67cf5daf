// SPDX-License-Identifier: Apache-2.0
// What a playbook would have found in a file of events: counts, how long it takes, and whether
// those who qualify are those who pay.
#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "cli/backtest/backtest.h"
#include "cli/backtest_routing.h"
#include "cli/cluster.h"
#include "cli/file.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "common/clock/clock.h"

enum { PLAYBOOK_BYTES_MAX = 4 * 1024 * 1024, PROGRESS_MS = 500 };

struct view {
    const char *playbook, *events, *decisions, *paid, *accounts, *routing, *dir;
    int64_t ids_remember;
    bool json;
    bool terminal;
    int64_t started_ms, told_ms;
    uint64_t refused;
    struct backtest backtest;
};

// ---- While it runs ------------------------------------------------------------------------------

static void refused_cb(void *arg, const char *file, uint64_t line, const char *reason)
{
    struct view *v = arg;
    backtest_tell_refused(&v->refused, v->terminal ? "\r\033[K" : "", file, line, reason);
}

static double seconds(const struct view *v)
{
    int64_t ms = clock_mono_ms() - v->started_ms;
    return ms < 1 ? 0.001 : (double)ms / 1000;
}

static void progress_cb(void *arg, const char *file, double share)
{
    struct view *v = arg;
    int64_t now = clock_mono_ms();
    if (now - v->told_ms < (v->terminal ? PROGRESS_MS : 10 * PROGRESS_MS))
        return;
    v->told_ms = now;
    struct run_counts counts;
    run_counts(v->backtest.run, &counts);
    uint64_t events = counts.core.events + counts.core.duplicates;
    if (v->terminal)
        fputs("\r\033[K", stderr);
    fprintf(stderr, "%s ", output_clean(file));
    if (share >= 0)
        fprintf(stderr, "%.0f %% ", share * 100);
    fprintf(stderr, "%s events, %s/s, %s", output_count(events),
            output_count((uint64_t)((double)events / seconds(v))),
            output_plural(counts.core.users, "user", "users"));
    fputs(v->terminal ? "" : "\n", stderr);
    fflush(stderr);
}

// ---- The report ---------------------------------------------------------------------------------

static double ratio(const struct tally_group *a, const struct tally_group *b)
{
    double share = tally_percent(b->paid, b->n);
    return share > 0 ? tally_percent(a->paid, a->n) / share : 0;
}

static void group_write(const char *name, const struct tally_group *group)
{
    printf("    %-22s %8s of %-9s %5.1f %%\n", name, output_count(group->paid),
           output_count(group->n), tally_percent(group->paid, group->n));
}

static void groups_write(const struct tally_report *r, const char *name)
{
    group_write(name, &r->qualifiers);
    if (r->marketing > 0)
        group_write("MQL, never qualified", &r->marketing_only);
    group_write("all others", &r->others);
    double difference = tally_percent(r->qualifiers.paid, r->qualifiers.n) -
                        tally_percent(r->others.paid, r->others.n);
    if (r->qualifiers.n == 0 || r->others.n == 0)
        return;
    printf("    %-22s ", "");
    if (r->others.paid > 0)
        printf("ratio %.1f, ", ratio(&r->qualifiers, &r->others));
    printf("difference %.1f points\n", difference);
    if (r->marketing_only.paid > 0)
        printf("    %-22s ratio %.1f, difference %.1f points\n", "against MQL",
               ratio(&r->qualifiers, &r->marketing_only),
               tally_percent(r->qualifiers.paid, r->qualifiers.n) -
                   tally_percent(r->marketing_only.paid, r->marketing_only.n));
}

static void subjects_write(const struct tally_report *r, const char *subjects, const char *name)
{
    printf("%s%s%s\n", output_bold(), subjects, output_plain());
    if (r->activated > 0)
        printf("  %-24s %8s  %5.1f %%\n", "activated (PAL)", output_count(r->activated),
               tally_percent(r->activated, r->seen));
    printf("  %-24s %8s  %5.1f %% of %s\n", name, output_count(r->qualified),
           tally_percent(r->qualified, r->seen), output_count(r->seen));
    if (r->time_to_qualify.n > 0)
        printf("  %-24s median %s, 90 %% within %s (from the first event)\n", "time to qualify",
               output_duration(r->time_to_qualify.median_ms),
               output_duration(r->time_to_qualify.p90_ms));
    if (r->paid == 0) {
        printf("  %-24s none\n\n", "paid");
        return;
    }
    printf("  %-24s %8s\n", "paid", output_count(r->paid));
    groups_write(r, name);
    printf("  %-24s %5.1f %%  (%s of %s who qualified paid then or later)\n", "precision",
           tally_percent(r->paid_after, r->qualified), output_count(r->paid_after),
           output_count(r->qualified));
    printf("  %-24s %5.1f %%  (%s of %s who paid had qualified by then)\n", "recall",
           tally_percent(r->paid_after, r->paid), output_count(r->paid_after),
           output_count(r->paid));
    if (r->lead_time.n > 0)
        printf("  %-24s median %s, 90 %% within %s\n", "lead time",
               output_duration(r->lead_time.median_ms), output_duration(r->lead_time.p90_ms));
    printf("\n");
}

static void text_write(struct view *v, const struct run_counts *counts,
                       const struct tally_report *users, const struct tally_report *accounts)
{
    printf("%s over %s: %s, %s, %s excluded, %s refused; %.1f s (%s events/s)\n\n",
           output_clean(run_playbook(v->backtest.run)->label), output_clean(v->events),
           output_plural(counts->core.events, "event", "events"),
           output_plural(counts->core.duplicates, "duplicate", "duplicates"),
           output_count(counts->core.excluded), output_count(counts->refused), seconds(v),
           output_count((uint64_t)((double)counts->core.events / seconds(v))));
    subjects_write(users, "users", "PQL");
    subjects_write(accounts, "accounts (a user alone is one too)", "with a PQL, or PQA");
    printf("%s%s%s", output_bold(), output_plural(v->backtest.leads, "lead", "leads"),
           output_plain());
    for (int motion = 0; motion < BACKTEST_MOTIONS; motion++) {
        if (v->backtest.leads_by_motion[motion] > 0)
            printf(", %s %s", output_count(v->backtest.leads_by_motion[motion]),
                   motion_name((enum motion)motion));
    }
    printf("\n");
    if (v->decisions != NULL)
        printf("%s decisions: %s\n", output_count(counts->decisions), output_clean(v->decisions));
}

static json_t *spread_json(const struct tally_spread *spread)
{
    return json_pack("{s:I, s:I, s:I}", "count", (json_int_t)spread->n, "median_ms",
                     (json_int_t)spread->median_ms, "p90_ms", (json_int_t)spread->p90_ms);
}

static json_t *group_json(const struct tally_group *group)
{
    return json_pack("{s:I, s:I, s:f}", "count", (json_int_t)group->n, "paid",
                     (json_int_t)group->paid, "percent", tally_percent(group->paid, group->n));
}

static json_t *subjects_json(const struct tally_report *r)
{
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:f, s:o, s:o, s:o, s:o, s:I, s:f, s:f, s:o}", "seen",
        (json_int_t)r->seen, "activated", (json_int_t)r->activated, "qualified",
        (json_int_t)r->qualified, "marketing", (json_int_t)r->marketing, "paid",
        (json_int_t)r->paid, "rate_percent", tally_percent(r->qualified, r->seen),
        "time_to_qualify", spread_json(&r->time_to_qualify), "qualifiers",
        group_json(&r->qualifiers), "others", group_json(&r->others), "marketing_only",
        group_json(&r->marketing_only), "paid_after", (json_int_t)r->paid_after,
        "precision_percent", tally_percent(r->paid_after, r->qualified), "recall_percent",
        tally_percent(r->paid_after, r->paid), "lead_time", spread_json(&r->lead_time));
}

static void json_write(struct view *v, const struct run_counts *counts,
                       const struct tally_report *users, const struct tally_report *accounts)
{
    json_t *motions = json_object();
    for (int motion = 0; motion < BACKTEST_MOTIONS; motion++)
        json_object_set_new(motions, motion_name((enum motion)motion),
                            json_integer((json_int_t)v->backtest.leads_by_motion[motion]));
    output_json(json_pack(
        "{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:f}", "playbook",
        output_json_text(run_playbook(v->backtest.run)->label), "events",
        (json_int_t)counts->core.events, "duplicates", (json_int_t)counts->core.duplicates,
        "excluded", (json_int_t)counts->core.excluded, "refused", (json_int_t)counts->refused,
        "decisions", (json_int_t)counts->decisions, "signals", (json_int_t)counts->signals, "leads",
        (json_int_t)v->backtest.leads, "leads_by_motion", motions, "users", subjects_json(users),
        "accounts", subjects_json(accounts), "seconds", seconds(v)));
}

static void report(struct view *v)
{
    struct run_counts counts;
    struct tally_report users, accounts;
    run_counts(v->backtest.run, &counts);
    tally_report(&v->backtest.users, &users);
    tally_report(&v->backtest.accounts, &accounts);
    if (v->json)
        json_write(v, &counts, &users, &accounts);
    else
        text_write(v, &counts, &users, &accounts);
}

// ---- The command --------------------------------------------------------------------------------

static enum err run_over(struct view *v, struct span text, FILE *decisions, struct err_info *info)
{
    struct buf warnings = {0};
    struct backtest_opts opts = {
        .file = v->playbook,
        .playbook = text,
        .ids_remember = (uint64_t)v->ids_remember,
        .paid = v->paid,
        .by_domain = strcmp(v->accounts, "email_domain") == 0,
        .decisions = decisions,
    };
    enum err err = backtest_open(&opts, &v->backtest, &warnings, info);
    if (warnings.len > 0)
        fwrite(warnings.bytes, 1, warnings.len, stderr);
    buf_deinit(&warnings);
    if (err != ERR_OK)
        return err;
    struct backtest *one = &v->backtest;
    struct backtest_watch watch = {refused_cb, progress_cb, v};
    v->started_ms = v->told_ms = clock_mono_ms();
    err = backtest_files(&one, 1, &v->events, 1, &watch, info);
    if (v->terminal)
        fputs("\r\033[K", stderr);
    return err;
}

static enum err decisions_close(FILE *file, const char *path, struct err_info *info)
{
    bool bad = ferror(file) != 0;
    if (fclose(file) != 0 || bad)
        return err_set(info, ERR_IO, "%s: %s", path, strerror(errno));
    return ERR_OK;
}

static enum err backtest(struct view *v, struct err_info *info)
{
    struct buf text = {0};
    FILE *decisions = NULL;
    enum err err = file_read(v->playbook, PLAYBOOK_BYTES_MAX, &text, info);
    if (err == ERR_OK && v->decisions != NULL && (decisions = fopen(v->decisions, "w")) == NULL)
        err = err_set(info, ERR_IO, "%s: %s", v->decisions, strerror(errno));
    if (err == ERR_OK)
        err = run_over(v, buf_span(&text), decisions, info);
    if (decisions != NULL) {
        struct err_info lost;
        if (decisions_close(decisions, v->decisions, &lost) != ERR_OK && err == ERR_OK) {
            *info = lost;
            err = ERR_IO;
        }
    }
    if (err == ERR_OK)
        report(v);
    backtest_close(&v->backtest);
    buf_deinit(&text);
    return err;
}

int cmd_backtest(int argc, char **argv)
{
    static const char *const accounts[] = {"personal", "email_domain", NULL};
    struct view v = {.dir = CLUSTER_DIR_DEFAULT,
                     .accounts = "personal",
                     .paid = "Subscription Started",
                     .ids_remember = 1 << 24};
    const struct option options[] = {
        {"playbook", OPTION_TEXT, &v.playbook, "FILE", "the playbook (required)", 0, 0, NULL},
        {"events", OPTION_TEXT, &v.events, "FILE", "the events (required); - is standard input", 0,
         0, NULL},
        {"decisions", OPTION_TEXT, &v.decisions, "OUT",
         "write every decision, as `assay decisions` shows them", 0, 0, NULL},
        {"paid", OPTION_TEXT, &v.paid, "EVENTS",
         "events that mean that somebody paid, with commas (Subscription Started)", 0, 0, NULL},
        {"accounts", OPTION_CHOICE, &v.accounts, "personal|email_domain",
         "whose an event without a group is, as of `assay up` (personal)", 0, 0, accounts},
        {"remember-ids", OPTION_COUNT, &v.ids_remember, "N",
         "an event counts once among the last so many (16777216; 16 bytes each)", 1024,
         INT64_C(1) << 31, NULL},
        {"routing", OPTION_TEXT, &v.routing, "FILE",
         "instead: the leads of a running cluster under this playbook's routing and teams", 0, 0,
         NULL},
        OPTION_ROW_DATA(&v.dir),
        OPTION_ROW_JSON(&v.json),
    };
    const struct command command = {
        .name = "backtest",
        .usage = "--playbook FILE --events FILE [options]\n"
                 "       assay backtest --routing FILE [--data DIR] [--json]",
        .example = "assay backtest --playbook playbook.yaml --events last-quarter.ndjson.gz",
        .summary =
            "Runs a playbook over a file of events, without a cluster and without touching one: "
            "how "
            "many\nqualify, how soon, and whether those who qualify are those who pay. Its "
            "decisions are those\nthat a cluster makes of the same file. Memory grows with users "
            "and accounts, not with events.\n"
            "With --routing, the leads that a running cluster has made are routed once more: under "
            "other caps,\nrules or teams, with consumers who work as they did, lead by lead. "
            "Nothing in the cluster changes.",
        COMMAND_OPTIONS(options),
    };
    int code;
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    struct err_info info = {0};
    v.terminal = output_is_terminal(stderr);
    if (v.routing != NULL && (v.playbook != NULL || v.events != NULL))
        return output_error(
            "backtest", ERR_INVALID,
            "--routing replays a cluster's leads: it takes no --playbook, --events");
    if (v.routing != NULL)
        return backtest_routing(v.dir, v.routing, v.json);
    if (v.playbook == NULL || v.events == NULL)
        return output_error("backtest", ERR_INVALID,
                            v.playbook == NULL ? "which playbook? (--playbook FILE)"
                                               : "which events? (--events FILE)");
    enum err err = backtest(&v, &info);
    return err == ERR_OK ? EXIT_DONE : output_error("backtest", err, info.text);
}
