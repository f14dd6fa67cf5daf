// SPDX-License-Identifier: Apache-2.0
// What came of experiments. Whoever looks at an interval again and again and stops when it pleases
// is misled by it: rates are not shown before as many leads are there, and had their time, as were
// planned.
#include <string.h>

#include "assay/router/v1/router.pb-c.h"
#include "cli/cluster.h"
#include "cli/commands.h"
#include "cli/interval.h"
#include "cli/options.h"
#include "cli/output.h"

enum { PATIENCE_MS = 10000, DAY_MS = 24 * 3600 * 1000 };

typedef Assay__Router__V1__Experiment Experiment;
typedef Assay__Router__V1__ExperimentArm Arm;

static uint64_t leads_of(const Experiment *e)
{
    uint64_t n = 0;
    for (size_t i = 0; i < e->n_arms; i++)
        n += e->arms[i]->leads;
    return n;
}

static uint64_t open_of(const Experiment *e)
{
    uint64_t n = 0;
    for (size_t i = 0; i < e->n_arms; i++)
        n += e->arms[i]->open;
    return n;
}

static bool complete(const Experiment *e)
{
    return e->size > 0 && leads_of(e) >= (uint64_t)e->size && open_of(e) == 0;
}

// The holdout against all others together, or, without one, the first arm against each other.
static const Arm *baseline(const Experiment *e)
{
    return e->n_arms > 0 ? e->arms[0] : NULL;
}

static Arm treated_of(const Experiment *e)
{
    Arm all = ASSAY__ROUTER__V1__EXPERIMENT_ARM__INIT;
    all.name = "treated";
    for (size_t i = 0; i < e->n_arms; i++) {
        if (e->arms[i]->holdout)
            continue;
        all.leads += e->arms[i]->leads;
        all.converted += e->arms[i]->converted;
    }
    return all;
}

// ---- For people ---------------------------------------------------------------------------------

static void arms_write(const Experiment *e, bool rates)
{
    struct output_table table = {.right = rates ? 0x3eu : 0x1au};
    output_row(&table, rates
                           ? (const char *[]){"arm", "leads", "converted", "rate", "may still",
                                              "SLA missed", NULL}
                           : (const char *[]){"arm", "leads", "", "may still", "SLA missed", NULL});
    for (size_t i = 0; i < e->n_arms; i++) {
        const Arm *arm = e->arms[i];
        char rate[32] = "-", name[160];
        if (arm->leads > 0)
            snprintf(rate, sizeof rate, "%.1f %%",
                     100.0 * (double)arm->converted / (double)arm->leads);
        snprintf(name, sizeof name, "%s%s", output_clean(arm->name),
                 arm->holdout && strcmp(arm->name, "holdout") != 0 ? " (held out)" : "");
        if (rates)
            output_row(&table, (const char *[]){
                                   name, output_count(arm->leads), output_count(arm->converted),
                                   rate, output_count(arm->open), output_count(arm->missed), NULL});
        else
            output_row(&table,
                       (const char *[]){name, output_count(arm->leads), "", output_count(arm->open),
                                        output_count(arm->missed), NULL});
    }
    output_table_write(&table, 2, stdout);
}

static void lift_write(const Arm *arm, const Arm *base)
{
    if (arm->leads == 0 || base->leads == 0)
        return;
    struct interval i =
        interval_difference(arm->converted, arm->leads, base->converted, base->leads);
    const char *verdict = i.low > 0 ? "better" : i.high < 0 ? "worse" : "no difference can be told";
    struct interval normal =
        interval_difference_normal(arm->converted, arm->leads, base->converted, base->leads);
    printf("  %s against %s: %+.1f points, 95 %% interval %.1f to %.1f: %s (%s%.1f to %.1f)\n",
           output_clean(arm->name), output_clean(base->name), i.value * 100, i.low * 100,
           i.high * 100, verdict, "by the normal approximation ", normal.low * 100,
           normal.high * 100);
}

static void lifts_write(const Experiment *e)
{
    const Arm *base = baseline(e);
    Arm treated = treated_of(e);
    if (base != NULL && base->holdout && e->n_arms != 2)
        lift_write(&treated, base);
    size_t first = base != NULL && base->holdout && e->n_arms > 2 ? 1 : 0;
    for (size_t i = first + 1; i < e->n_arms; i++)
        lift_write(e->arms[i], e->arms[first]);
}

static void early_write(const Experiment *e)
{
    uint64_t n = leads_of(e);
    if (e->size == 0) {
        printf("  The playbook says no size, so nobody can tell when it is over: add size: to "
               "it.\n");
        return;
    }
    if (n < (uint64_t)e->size)
        printf("  %s of %s planned leads are there.", output_count(n),
               output_count((uint64_t)e->size));
    else
        printf("  All %s planned leads are there; %s may still convert, the last one by %s (UTC).",
               output_count((uint64_t)e->size), output_count(open_of(e)),
               output_time(e->last_ms + e->within_ms));
    printf(" Rates are shown when it is complete:\n  to look earlier and stop when the numbers "
           "please is how chance is taken for an effect (--force shows them).\n");
}

static void experiment_write(const Experiment *e, bool force)
{
    bool done = complete(e);
    printf("%s%s%s: %s", output_bold(), output_clean(e->name), output_plain(),
           output_plural(leads_of(e), "lead", "leads"));
    if (e->size > 0)
        printf(" of %s planned", output_count((uint64_t)e->size));
    if (e->first_ms > 0)
        printf(", since %s", output_time(e->first_ms));
    printf("; a conversion counts within %lld days%s\n", (long long)(e->within_ms / DAY_MS),
           done    ? ""
           : force ? " (not complete: shown because of --force)"
                   : "");
    arms_write(e, done || force);
    if (done || force)
        lifts_write(e);
    else
        early_write(e);
    printf("\n");
}

// ---- For programs -------------------------------------------------------------------------------

static json_t *interval_json(const Arm *arm, const Arm *base)
{
    struct interval i =
        interval_difference(arm->converted, arm->leads, base->converted, base->leads);
    struct interval normal =
        interval_difference_normal(arm->converted, arm->leads, base->converted, base->leads);
    return json_pack("{s:o, s:o, s:f, s:f, s:f, s:f, s:f}", "arm", output_json_text(arm->name),
                     "against", output_json_text(base->name), "points", i.value * 100, "low",
                     i.low * 100, "high", i.high * 100, "normal_low", normal.low * 100,
                     "normal_high", normal.high * 100);
}

static void lift_json(json_t *list, const Arm *arm, const Arm *base)
{
    if (arm->leads > 0 && base->leads > 0)
        json_array_append_new(list, interval_json(arm, base));
}

static json_t *lifts_json(const Experiment *e)
{
    json_t *list = json_array();
    const Arm *base = baseline(e);
    Arm treated = treated_of(e);
    if (base != NULL && base->holdout && e->n_arms != 2)
        lift_json(list, &treated, base);
    size_t first = base != NULL && base->holdout && e->n_arms > 2 ? 1 : 0;
    for (size_t i = first + 1; i < e->n_arms; i++)
        lift_json(list, e->arms[i], e->arms[first]);
    return list;
}

static json_t *experiment_json(const Experiment *e, bool force)
{
    bool rates = complete(e) || force;
    json_t *arms = json_array();
    for (size_t i = 0; i < e->n_arms; i++) {
        const Arm *arm = e->arms[i];
        json_t *o = json_pack("{s:o, s:b, s:I, s:I, s:I, s:I}", "arm", output_json_text(arm->name),
                              "holdout", arm->holdout, "leads", (json_int_t)arm->leads, "open",
                              (json_int_t)arm->open, "touched", (json_int_t)arm->touched,
                              "sla_missed", (json_int_t)arm->missed);
        if (rates)
            json_object_set_new(o, "converted", json_integer((json_int_t)arm->converted));
        json_array_append_new(arms, o);
    }
    json_t *o =
        json_pack("{s:o, s:I, s:I, s:I, s:b, s:o}", "experiment", output_json_text(e->name),
                  "leads", (json_int_t)leads_of(e), "size", (json_int_t)e->size, "within_ms",
                  (json_int_t)e->within_ms, "complete", complete(e), "arms", arms);
    if (rates)
        json_object_set_new(o, "lift", lifts_json(e));
    return o;
}

// ---- The command --------------------------------------------------------------------------------

struct view {
    const char *dir, *name;
    bool json, force;
};

static enum err no_experiment(const Assay__Router__V1__GetExperimentsResponse *answer,
                              const char *name, struct err_info *info)
{
    char names[200] = "there are none";
    for (size_t i = 0, at = 0; i < answer->n_experiments && at < sizeof names; i++)
        at += (size_t)snprintf(names + at, sizeof names - at, "%s%s", i == 0 ? "there are: " : ", ",
                               answer->experiments[i]->name);
    return err_set(info, ERR_NOT_FOUND, "the playbook has no experiment \"%s\"; %s", name, names);
}

static enum err experiments(const struct view *v, struct err_info *info)
{
    struct cluster *cluster = NULL;
    ProtobufCMessage *message;
    Assay__Router__V1__GetExperimentsRequest request =
        ASSAY__ROUTER__V1__GET_EXPERIMENTS_REQUEST__INIT;
    struct cluster_call call = {
        .service = "router",
        .method = "assay.router.v1.RouterService/GetExperiments",
        .request = &request.base,
        .answer_type = &assay__router__v1__get_experiments_response__descriptor,
        .patience_ms = PATIENCE_MS,
    };
    enum err err = cluster_open(v->dir, &cluster, info);
    if (err == ERR_OK)
        err = cluster_call(cluster, &call, &message, info);
    size_t shown = 0;
    const Assay__Router__V1__GetExperimentsResponse *answer = (const void *)message;
    for (size_t i = 0; err == ERR_OK && i < answer->n_experiments; i++) {
        const Experiment *e = answer->experiments[i];
        if (v->name != NULL && strcmp(v->name, e->name) != 0)
            continue;
        shown++;
        if (v->json)
            output_json(experiment_json(e, v->force));
        else
            experiment_write(e, v->force);
    }
    if (err == ERR_OK && shown == 0 && v->name != NULL)
        err = no_experiment(answer, v->name, info);
    else if (err == ERR_OK && shown == 0 && !v->json)
        printf("The playbook has no experiments.\n");
    cluster_close(cluster);
    return err;
}

int cmd_experiments(int argc, char **argv)
{
    struct view v = {.dir = CLUSTER_DIR_DEFAULT};
    const struct option options[] = {
        {"name", OPTION_TEXT, &v.name, "NAME", "this one alone", 0, 0, NULL},
        {"force", OPTION_FLAG, &v.force, NULL, "show rates before the planned size is reached", 0,
         0, NULL},
        OPTION_ROW_DATA(&v.dir),
        {"json", OPTION_FLAG, &v.json, NULL, "one JSON object a line", 0, 0, NULL},
    };
    const struct command command = {
        .name = "experiments",
        .usage = "[options]",
        .example = "assay experiments\nassay experiments --name response_time --json",
        .summary = "What came of the playbook's experiments: leads, conversions and first touches "
                   "by arm, and the\nlift with its 95 % interval (Newcombe's), once as many leads "
                   "as planned had their time.",
        COMMAND_OPTIONS(options),
    };
    int code;
    struct err_info info = {0};
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    enum err err = experiments(&v, &info);
    return err == ERR_OK ? EXIT_DONE : output_error("experiments", err, info.text);
}
