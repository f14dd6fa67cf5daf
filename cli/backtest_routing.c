// SPDX-License-Identifier: Apache-2.0
// Reads the cluster's decision log twice (once for how its consumers work, once to replay it) and
// puts what it says beside what the other playbook would have made of it.
#include <stdbool.h>

#include "cli/backtest_routing.h"

#include <string.h>

#include "cli/backtest/whatif.h"
#include "cli/cluster.h"
#include "cli/file.h"
#include "cli/output.h"

enum { PLAYBOOK_BYTES_MAX = 4 * 1024 * 1024, PAGE_MAX = 1000, PATIENCE_MS = 10000 };

typedef void (*tell_fn)(struct whatif *whatif, const Assay__Router__V1__Decision *decision);

// The log up to `*last`; 0: to where it ends now, which is then set.
static enum err read_log(struct cluster *cluster, struct whatif *whatif, tell_fn tell,
                         uint64_t *last, struct err_info *info)
{
    Assay__Router__V1__ListDecisionsRequest request =
        ASSAY__ROUTER__V1__LIST_DECISIONS_REQUEST__INIT;
    request.max = PAGE_MAX;
    for (;;) {
        struct cluster_call call = {
            .service = "router",
            .method = "assay.router.v1.RouterService/ListDecisions",
            .request = &request.base,
            .answer_type = &assay__router__v1__list_decisions_response__descriptor,
            .patience_ms = PATIENCE_MS,
        };
        ProtobufCMessage *message;
        enum err err = cluster_call(cluster, &call, &message, info);
        if (err != ERR_OK)
            return err;
        const Assay__Router__V1__ListDecisionsResponse *page = (const void *)message;
        if (*last == 0)
            *last = page->last;
        bool end = page->n_decisions == 0;
        for (size_t i = 0; i < page->n_decisions && !end; i++) {
            end = page->decisions[i]->offset > *last;
            if (!end)
                tell(whatif, page->decisions[i]);
            request.after = page->decisions[i]->offset;
        }
        cluster_forget(cluster);
        if (end || request.after >= *last)
            return ERR_OK;
    }
}

// ---- The report ---------------------------------------------------------------------------------

static void row(struct output_table *table, const char *name, uint64_t recorded, uint64_t replayed)
{
    if (recorded == 0 && replayed == 0)
        return;
    output_row(table, (const char *[]){name, output_count(recorded), output_count(replayed), NULL});
}

static void row_duration(struct output_table *table, const char *name, int64_t recorded,
                         int64_t replayed)
{
    output_row(table,
               (const char *[]){name, output_duration(recorded), output_duration(replayed), NULL});
}

static void leads_write(struct routing *a, struct routing *b, const char *label)
{
    struct output_table table = {.right = 6};
    output_row(&table, (const char *[]){"", "recorded", output_clean(label), NULL});
    row(&table, "leads", a->n_leads, b->n_leads);
    for (int i = 0; i < ROUTING_MOTIONS; i++) {
        char name[32];
        snprintf(name, sizeof name, "  %s", motion_name((enum motion)i));
        row(&table, name, a->motions[i], b->motions[i]);
    }
    row(&table, "withdrawn", a->withdrawn, b->withdrawn);
    row(&table, "completed", a->completed, b->completed);
    row(&table, "  won", a->won, b->won);
    row(&table, "waited for a rep", a->held, b->held);
    if (a->n_waits + b->n_waits > 0) {
        row_duration(&table, "  median wait", routing_quantile_ms(a->waits_ms, a->n_waits, 50),
                     routing_quantile_ms(b->waits_ms, b->n_waits, 50));
        row_duration(&table, "  90 % within", routing_quantile_ms(a->waits_ms, a->n_waits, 90),
                     routing_quantile_ms(b->waits_ms, b->n_waits, 90));
    }
    row(&table, "overflowed", a->overflowed, b->overflowed);
    row(&table, "reassigned", a->reassigned, b->reassigned);
    row(&table, "first touches missed", a->missed, b->missed);
    row(&table, "escalated", a->escalated, b->escalated);
    if (a->n_touches + b->n_touches > 0)
        row_duration(&table, "median to first touch",
                     routing_quantile_ms(a->touches_ms, a->n_touches, 50),
                     routing_quantile_ms(b->touches_ms, b->n_touches, 50));
    output_table_write(&table, 0, stdout);
}

static const struct routing_rep *rep_find(const struct routing *routing,
                                          const struct routing_rep *like)
{
    static const struct routing_rep NOBODY = {0};
    for (size_t i = 0; i < routing->n_reps; i++)
        if (strcmp(routing->reps[i].name, like->name) == 0 &&
            strcmp(routing->reps[i].team, like->team) == 0)
            return &routing->reps[i];
    return &NOBODY;
}

static void rep_row(struct output_table *table, const struct routing_rep *who,
                    const struct routing_rep *a, const struct routing_rep *b)
{
    char load[64], open[64], missed[64];
    snprintf(load, sizeof load, "%s > %s", output_count(a->assigned - a->credited),
             output_count(b->assigned - b->credited));
    snprintf(open, sizeof open, "%u > %u", a->open_max, b->open_max);
    snprintf(missed, sizeof missed, "%s > %s", output_count(a->missed), output_count(b->missed));
    output_row(table, (const char *[]){output_clean(who->team), output_clean(who->name), load, open,
                                       missed, NULL});
}

static void reps_write(const struct routing *a, const struct routing *b)
{
    struct output_table table = {0};
    if (a->n_reps + b->n_reps == 0)
        return;
    printf("\n");
    output_row(&table, (const char *[]){"team", "rep", "leads", "most open", "missed", NULL});
    for (size_t i = 0; i < b->n_reps; i++)
        rep_row(&table, &b->reps[i], rep_find(a, &b->reps[i]), &b->reps[i]);
    for (size_t i = 0; i < a->n_reps; i++)
        if (rep_find(b, &a->reps[i])->name == NULL)
            rep_row(&table, &a->reps[i], &a->reps[i], rep_find(b, &a->reps[i]));
    output_table_write(&table, 0, stdout);
    printf("(recorded > %s)\n", "replayed");
}

static json_t *reps_json(const struct routing *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->n_reps; i++) {
        const struct routing_rep *rep = &r->reps[i];
        json_array_append_new(
            list, json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "team",
                            output_json_text(rep->team), "rep", output_json_text(rep->name),
                            "assigned", (json_int_t)rep->assigned, "credited",
                            (json_int_t)rep->credited, "open_max", (json_int_t)rep->open_max,
                            "touched", (json_int_t)rep->touched, "missed", (json_int_t)rep->missed,
                            "completed", (json_int_t)rep->completed, "won", (json_int_t)rep->won));
    }
    return list;
}

static json_t *routing_json(struct routing *r)
{
    json_t *motions = json_object();
    for (int i = 0; i < ROUTING_MOTIONS; i++)
        json_object_set_new(motions, motion_name((enum motion)i),
                            json_integer((json_int_t)r->motions[i]));
    return json_pack(
        "{s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "leads",
        (json_int_t)r->n_leads, "leads_by_motion", motions, "withdrawn", (json_int_t)r->withdrawn,
        "completed", (json_int_t)r->completed, "won", (json_int_t)r->won, "held",
        (json_int_t)r->held, "wait_median_ms",
        (json_int_t)routing_quantile_ms(r->waits_ms, r->n_waits, 50), "wait_p90_ms",
        (json_int_t)routing_quantile_ms(r->waits_ms, r->n_waits, 90), "overflowed",
        (json_int_t)r->overflowed, "reassigned", (json_int_t)r->reassigned, "sla_missed",
        (json_int_t)r->missed, "escalated", (json_int_t)r->escalated, "touch_median_ms",
        (json_int_t)routing_quantile_ms(r->touches_ms, r->n_touches, 50), "reps", reps_json(r));
}

static void json_write(struct whatif *whatif)
{
    json_t *unknown = json_array();
    const char *name;
    for (size_t i = 0; (name = whatif_unknown(whatif, i)) != NULL; i++)
        json_array_append_new(unknown, output_json_text(name));
    output_json(json_pack("{s:o, s:o, s:o, s:o}", "playbook",
                          output_json_text(whatif_playbook(whatif)->label), "recorded",
                          routing_json(whatif_recorded(whatif)), "replayed",
                          routing_json(whatif_replayed(whatif)), "never_told", unknown));
}

static void text_write(struct whatif *whatif)
{
    const char *name;
    const char *label = whatif_playbook(whatif)->label;
    leads_write(whatif_recorded(whatif), whatif_replayed(whatif), label);
    reps_write(whatif_recorded(whatif), whatif_replayed(whatif));
    if ((name = whatif_unknown(whatif, 0)) == NULL)
        return;
    printf("\nThe routing of %s looks at what the log never tells; it counts as false:\n",
           output_clean(label));
    for (size_t i = 0; (name = whatif_unknown(whatif, i)) != NULL; i++)
        printf("  %s\n", output_clean(name));
}

// ---- The command --------------------------------------------------------------------------------

static enum err replay(struct cluster *cluster, struct whatif *whatif, struct err_info *info)
{
    uint64_t last = 0;
    enum err err = read_log(cluster, whatif, whatif_learn, &last, info);
    if (err == ERR_OK && last == 0)
        return err_set(info, ERR_NOT_FOUND, "the cluster has decided nothing yet");
    if (err == ERR_OK)
        err = read_log(cluster, whatif, whatif_replay, &last, info);
    if (err == ERR_OK)
        whatif_finish(whatif);
    return err;
}

int backtest_routing(const char *dir, const char *file, bool json)
{
    struct err_info info = {0};
    struct buf text = {0}, report = {0};
    struct cluster_facts facts = {0};
    struct cluster *cluster = NULL;
    struct whatif *whatif = NULL;
    enum err err = file_read(file, PLAYBOOK_BYTES_MAX, &text, &info);
    if (err == ERR_OK)
        err = cluster_facts_read(dir, &facts, &info);
    if (err == ERR_OK)
        err = cluster_open(dir, &cluster, &info);
    if (err == ERR_OK) {
        err = whatif_create(file, buf_span(&text), facts.event_clock, &whatif, &report);
        if (err != ERR_OK)
            err_set(&info, err, "%s has mistakes", file);
    }
    if (report.len > 0)
        fwrite(report.bytes, 1, report.len, stderr);
    if (err == ERR_OK)
        err = replay(cluster, whatif, &info);
    if (err == ERR_OK && json)
        json_write(whatif);
    else if (err == ERR_OK)
        text_write(whatif);
    whatif_destroy(whatif);
    cluster_close(cluster);
    buf_deinit(&text);
    buf_deinit(&report);
    return err == ERR_OK ? 0 : output_error("backtest", err, info.text);
}
