// SPDX-License-Identifier: Apache-2.0
// Reloading: checked here, then by every service without effect, and only then loaded: by the
// router first, because it must know a signal before a scorer sends it, and by ingests last, whose
// schemas nobody waits for. The folder's copy comes after them.
#include "assay/admin/v1/admin.pb-c.h"
#include "cli/cluster.h"
#include "cli/file.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "services/playbook/load.h"

#include <string.h>

enum { BYTES_MAX = 3 * 1024 * 1024, LOAD_MS = 60 * 1000, PATIENCE_MS = 10000 };

// ---- check --------------------------------------------------------------------------------------

struct checked {
    struct buf text;
    struct buf report;
    struct playbook *playbook; // NULL: it has mistakes
    enum err err;
    struct err_info info; // unless it is good
};

static enum err check(const char *file, struct checked *out, struct err_info *info)
{
    enum err err = file_read(file, BYTES_MAX, &out->text, info);
    if (err != ERR_OK)
        return err_prefix(info, ERR_INVALID, "cannot be read");
    err = playbook_load(file, buf_span(&out->text), &out->playbook, &out->report);
    if (err != ERR_OK)
        return err_set(info, ERR_INVALID, "%s has mistakes", file);
    return ERR_OK;
}

static void checked_deinit(struct checked *checked)
{
    playbook_destroy(checked->playbook);
    buf_deinit(&checked->text);
    buf_deinit(&checked->report);
}

static json_t *checked_json(const struct checked *c)
{
    buf_append_u8((struct buf *)&c->report, '\0');
    json_t *o = json_pack("{s:b, s:o}", "valid", c->playbook != NULL, "report",
                          output_json_text((const char *)c->report.bytes));
    if (c->playbook != NULL) {
        json_object_set_new(o, "playbook", output_json_text(c->playbook->label));
        json_object_set_new(o, "measures", json_integer(c->playbook->n_measures));
        json_object_set_new(o, "signals", json_integer(c->playbook->n_signals));
        json_object_set_new(o, "queues", json_integer(c->playbook->n_queues));
    }
    return o;
}

static void report_write(const struct checked *c)
{
    if (c->report.len > 0)
        fwrite(c->report.bytes, 1, c->report.len, stderr);
}

// Both commands take one FILE, which then is argv[0] and checked: `out->err` says how it is. False:
// the exit code is in `*code`.
static bool file_begin(struct command *command, int argc, char **argv, struct checked *out,
                       int *code)
{
    command->args_min = command->args_max = 1;
    command->missing = "which FILE?";
    if (!options_begin(command, argc, argv, NULL, code))
        return false;
    out->err = check(argv[0], out, &out->info);
    return true;
}

static int cmd_check(int argc, char **argv)
{
    bool json = false;
    const char *dir = CLUSTER_DIR_DEFAULT;
    const struct option options[] = {
        OPTION_ROW_JSON(&json),
        {"data", OPTION_TEXT, &dir, "DIR", "not needed: a file is checked without a cluster", 0, 0,
         NULL},
    };
    struct command command = {
        .name = "playbook check",
        .usage = "FILE [options]",
        .example = "assay playbook check playbook.yaml",
        .summary = "Checks a playbook and reports every mistake with its line.",
        COMMAND_OPTIONS(options),
    };
    int code;
    struct checked checked = {0};
    if (!file_begin(&command, argc, argv, &checked, &code))
        return code;
    if (!json)
        report_write(&checked);
    if (json)
        output_json(checked_json(&checked));
    else if (checked.err == ERR_OK)
        printf("%s is good: %s, %s, %s, %s\n", output_clean(argv[0]),
               output_clean(checked.playbook->label),
               output_plural((uint64_t)checked.playbook->n_measures, "measure", "measures"),
               output_plural((uint64_t)checked.playbook->n_signals, "signal", "signals"),
               output_plural((uint64_t)checked.playbook->n_queues, "queue", "queues"));
    checked_deinit(&checked);
    return checked.err == ERR_OK ? EXIT_DONE
                                 : output_error("playbook check", checked.err, checked.info.text);
}

// ---- reload -------------------------------------------------------------------------------------

static enum err service_load(struct cluster *cluster, const char *name, const char *file,
                             struct span text, bool check_only, struct err_info *info)
{
    Assay__Admin__V1__LoadDocumentRequest request = ASSAY__ADMIN__V1__LOAD_DOCUMENT_REQUEST__INIT;
    request.file = (char *)file;
    request.text.data = (uint8_t *)text.ptr;
    request.text.len = text.len;
    request.check_only = check_only;
    struct cluster_call call = {
        .service = name,
        .method = "assay.admin.v1.AdminService/LoadDocument",
        .request = &request.base,
        .answer_type = &assay__admin__v1__load_document_response__descriptor,
        .timeout_ms = LOAD_MS,
        .patience_ms = PATIENCE_MS,
    };
    ProtobufCMessage *message;
    return cluster_call(cluster, &call, &message, info);
}

// The router, the scorers, then whoever else there is.
static enum err services_load(struct cluster *cluster, const char *file, struct span text,
                              bool check_only, struct err_info *info)
{
    enum err err = service_load(cluster, "router", file, text, check_only, info);
    for (int scorers = 1; scorers >= 0; scorers--)
        for (size_t i = 0; i < cluster_count(cluster) && err == ERR_OK; i++) {
            const struct cluster_endpoint *endpoint = cluster_endpoint(cluster, i);
            if (strcmp(endpoint->name, "router") != 0 && cluster_is_scorer(endpoint) == scorers)
                err = service_load(cluster, endpoint->name, file, text, check_only, info);
        }
    return err;
}

static enum err reload(const char *dir, const char *file, struct span text, struct err_info *info)
{
    struct cluster *cluster = NULL;
    char path[4096];
    snprintf(path, sizeof path, "%s/playbook.yaml", dir);
    enum err err = cluster_open(dir, &cluster, info);
    if (err == ERR_OK)
        err = services_load(cluster, file, text, true, info);
    bool loading = err == ERR_OK;
    if (err == ERR_OK)
        err = services_load(cluster, file, text, false, info);
    if (err == ERR_OK)
        err = file_write(path, text, info);
    cluster_close(cluster);
    if (err == ERR_OK)
        return err;
    return loading ? err_prefix(info, ERR_UNAVAILABLE,
                                "some services have the new playbook, others not yet: run this "
                                "again")
                   : err_prefix(info, err, "nothing was changed");
}

static int cmd_reload(int argc, char **argv)
{
    const char *dir = CLUSTER_DIR_DEFAULT;
    bool json = false;
    const struct option options[] = {OPTION_ROW_DATA(&dir), OPTION_ROW_JSON(&json)};
    struct command command = {
        .name = "playbook reload",
        .usage = "FILE [options]",
        .example = "assay playbook reload playbook.yaml",
        .summary = "Puts a playbook in force in the running cluster. One with mistakes changes "
                   "nothing.",
        COMMAND_OPTIONS(options),
    };
    int code;
    struct checked checked = {0};
    if (!file_begin(&command, argc, argv, &checked, &code))
        return code;
    report_write(&checked);
    if (checked.err != ERR_OK)
        checked.err = err_prefix(&checked.info, checked.err, "nothing was changed");
    else
        checked.err = reload(dir, argv[0], buf_span(&checked.text), &checked.info);
    if (checked.err == ERR_OK && json)
        output_json(json_pack("{s:o}", "playbook", output_json_text(checked.playbook->label)));
    else if (checked.err == ERR_OK)
        printf("%s is in force\n", output_clean(checked.playbook->label));
    checked_deinit(&checked);
    return checked.err == ERR_OK ? EXIT_DONE
                                 : output_error("playbook reload", checked.err, checked.info.text);
}

int cmd_playbook(int argc, char **argv)
{
    static const struct command_row rows[] = {
        {"check", "check a file", cmd_check},
        {"diff", "who two playbooks would find in the same events", cmd_playbook_diff},
        {"test", "run the tests beside playbooks", cmd_playbook_test},
        {"schema", "the JSON Schema of playbooks, for editors", cmd_playbook_schema},
        {"reload", "put a file in force in the running cluster", cmd_reload},
    };
    return command_pick("assay playbook", "assay playbook check playbook.yaml", rows,
                        ARRAY_LEN(rows), argc, argv);
}
