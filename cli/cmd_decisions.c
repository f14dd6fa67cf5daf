// SPDX-License-Identifier: Apache-2.0
#include "cli/cluster.h"
#include "cli/commands.h"
#include "cli/decision_json.h"
#include "cli/names.h"
#include "cli/options.h"
#include "cli/output.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { PAGE_MAX = 1000, WAIT_MS = 10000, SPARE_MS = 10000, PATIENCE_MS = 10000, PAUSE_MS = 500 };

struct view {
    const char *dir, *kind, *account, *signal, *queue, *lead;
    bool follow, evidence, offsets, json;
    bool reader_gone;
    int64_t after;
};

static bool account_is(const struct view *v, const char *account)
{
    return v->account == NULL || strcmp(v->account, account) == 0;
}

static bool wanted(const struct view *v, const Assay__Router__V1__Decision *d)
{
    const char *kind = "lead", *account = "", *signal = "";
    if (d->decision_case == ASSAY__ROUTER__V1__DECISION__DECISION_SIGNAL) {
        kind = "signal";
        account = d->signal->account_id;
        signal = d->signal->name;
    } else if (d->decision_case == ASSAY__ROUTER__V1__DECISION__DECISION_QUALIFICATION) {
        kind = "qualification";
        account = d->qualification->account_id;
    } else if (d->decision_case == ASSAY__ROUTER__V1__DECISION__DECISION_LEAD) {
        account = d->lead->account_id;
    } else if (d->decision_case == ASSAY__ROUTER__V1__DECISION__DECISION_REP) {
        kind = "rep";
    } else if (d->decision_case == ASSAY__ROUTER__V1__DECISION__DECISION_PROMPT) {
        kind = "prompt";
        account = d->prompt->account_id;
    }
    return (v->kind == NULL || strcmp(v->kind, kind) == 0) && account_is(v, account) &&
           (v->signal == NULL || strcmp(v->signal, signal) == 0);
}

static void page_write(struct view *v, const Assay__Router__V1__ListDecisionsResponse *page)
{
    for (size_t i = 0; i < page->n_decisions; i++) {
        const Assay__Router__V1__Decision *d = page->decisions[i];
        json_t *json = wanted(v, d) ? decision_json(d, v->evidence) : NULL;
        if (json == NULL)
            continue;
        if (v->offsets)
            json_object_set_new(json, "offset", json_integer((json_int_t)d->offset));
        output_json(json);
    }
}

// Where to go on: with a filter, pages may hold fewer decisions than were looked at, even none.
static int64_t page_end(const struct view *v, const Assay__Router__V1__ListDecisionsResponse *page)
{
    uint64_t last = page->n_decisions > 0 ? page->decisions[page->n_decisions - 1]->offset : 0;
    uint64_t next = page->next > last ? page->next : last;
    return (int64_t)next > v->after ? (int64_t)next : v->after;
}

static enum err output_failed(struct view *v, struct err_info *info)
{
    v->reader_gone = errno == EPIPE;
    return err_set(info, ERR_IO, "standard output: %s", strerror(errno));
}

// Writes what there is. OK: the end of the log was reached (and, following, nothing came for a
// while).
static enum err pages_write(struct view *v, struct cluster *cluster, struct err_info *info)
{
    Assay__Router__V1__ListDecisionsRequest request =
        ASSAY__ROUTER__V1__LIST_DECISIONS_REQUEST__INIT;
    request.max = PAGE_MAX;
    request.wait_ms = v->follow ? WAIT_MS : 0;
    request.queue = (char *)(v->queue != NULL ? v->queue : "");
    request.lead_id = (char *)(v->lead != NULL ? v->lead : "");
    for (;;) {
        request.after = (uint64_t)v->after;
        struct cluster_call call = {
            .service = "router",
            .method = "assay.router.v1.RouterService/ListDecisions",
            .request = &request.base,
            .answer_type = &assay__router__v1__list_decisions_response__descriptor,
            .timeout_ms = request.wait_ms + SPARE_MS,
            .patience_ms = v->follow ? 0 : PATIENCE_MS,
        };
        ProtobufCMessage *message;
        enum err err = cluster_call(cluster, &call, &message, info);
        if (err != ERR_OK)
            return err;
        const Assay__Router__V1__ListDecisionsResponse *page = (void *)message;
        page_write(v, page);
        int64_t next = page_end(v, page);
        bool end = next == v->after;
        v->after = next;
        cluster_forget(cluster);
        if (fflush(stdout) != 0 || ferror(stdout))
            return output_failed(v, info);
        if (end)
            return ERR_OK;
    }
}

// Opens the cluster anew after a failure: a restart may have moved its addresses.
static enum err follow(struct view *v, struct cluster **cluster, struct err_info *info)
{
    for (;;) {
        enum err err = *cluster == NULL ? cluster_open(v->dir, cluster, info) : ERR_OK;
        if (err == ERR_OK)
            err = pages_write(v, *cluster, info);
        if (err == ERR_OK)
            continue;
        if (err != ERR_UNAVAILABLE && err != ERR_TIMEOUT && err != ERR_CANCELED)
            return err;
        cluster_close(*cluster);
        *cluster = NULL;
        (void)usleep(PAUSE_MS * 1000);
    }
}

static int decisions(struct view *v)
{
    struct cluster *cluster = NULL;
    struct err_info info;
    enum err err = cluster_open(v->dir, &cluster, &info);
    if (err == ERR_OK && v->queue != NULL)
        err = names_queue(cluster, v->queue, &info);
    if (err == ERR_OK)
        err = v->follow ? follow(v, &cluster, &info) : pages_write(v, cluster, &info);
    cluster_close(cluster);
    // Whoever reads has enough: `assay decisions | head`.
    if (err == ERR_IO && v->reader_gone)
        return EXIT_DONE;
    return err == ERR_OK ? EXIT_DONE : output_error("decisions", err, info.text);
}

int cmd_decisions(int argc, char **argv)
{
    static const char *const kinds[] = {"signal", "qualification", "lead", "rep", "prompt", NULL};
    struct view v = {.dir = CLUSTER_DIR_DEFAULT};
    const struct option options[] = {
        {"follow", OPTION_FLAG, &v.follow, NULL, "wait for more, also while the router restarts", 0,
         0, NULL},
        {"after", OPTION_COUNT, &v.after, "N", "start behind this offset (0)", 0, INT64_MAX, NULL},
        {"kind", OPTION_CHOICE, &v.kind, "KIND", "signal, qualification, lead, rep or prompt", 0, 0,
         kinds},
        {"account", OPTION_TEXT, &v.account, "ID", "of this account", 0, 0, NULL},
        {"queue", OPTION_TEXT, &v.queue, "NAME", "on leads of this queue", 0, 0, NULL},
        {"lead", OPTION_TEXT, &v.lead, "LEAD", "on this lead", 0, 0, NULL},
        {"signal", OPTION_TEXT, &v.signal, "NAME", "of this signal", 0, 0, NULL},
        {"evidence", OPTION_FLAG, &v.evidence, NULL, "with the conditions that made it true", 0, 0,
         NULL},
        {"offsets", OPTION_FLAG, &v.offsets, NULL, "with each line's offset", 0, 0, NULL},
        OPTION_ROW_DATA(&v.dir),
        {"json", OPTION_FLAG, &v.json, NULL, "as always: one JSON object a line", 0, 0, NULL},
    };
    const struct command command = {
        .name = "decisions",
        .usage = "[options]",
        .example = "assay decisions --kind qualification\n"
                   "assay decisions --follow --account acct-000042",
        .summary =
            "Writes the decision log: one JSON object a line, in the order of the decisions.",
        COMMAND_OPTIONS(options),
    };
    int code;
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    return decisions(&v);
}
