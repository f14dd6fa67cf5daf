// SPDX-License-Identifier: Apache-2.0
#include "assay/admin/v1/admin.pb-c.h"
#include "cli/cluster.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"

#include <string.h>

enum { ASK_MS = 5000 };

static enum err service_write(struct cluster *cluster, const char *name, json_t *all,
                              struct err_info *info)
{
    Assay__Admin__V1__GetMetricsRequest request = ASSAY__ADMIN__V1__GET_METRICS_REQUEST__INIT;
    struct cluster_call call = {
        .service = name,
        .method = "assay.admin.v1.AdminService/GetMetrics",
        .request = &request.base,
        .answer_type = &assay__admin__v1__get_metrics_response__descriptor,
        .timeout_ms = ASK_MS,
    };
    ProtobufCMessage *message;
    enum err err = cluster_call(cluster, &call, &message, info);
    if (err != ERR_OK)
        return err;
    const char *text = ((Assay__Admin__V1__GetMetricsResponse *)message)->text;
    if (all != NULL)
        json_object_set_new(all, name, output_json_text(text));
    else
        printf("# service %s\n%s\n", name, text);
    return ERR_OK;
}

static enum err metrics(const char *dir, const char *only, bool json, struct err_info *info)
{
    struct cluster *cluster = NULL;
    json_t *all = json ? json_object() : NULL;
    enum err err = cluster_open(dir, &cluster, info);
    if (err == ERR_OK && only != NULL)
        err = service_write(cluster, only, all, info);
    for (size_t i = 0; err == ERR_OK && only == NULL && i < cluster_count(cluster); i++)
        err = service_write(cluster, cluster_endpoint(cluster, i)->name, all, info);
    cluster_close(cluster);
    if (all != NULL && err == ERR_OK)
        output_json(json_incref(all));
    json_decref(all);
    return err;
}

int cmd_metrics(int argc, char **argv)
{
    const char *dir = CLUSTER_DIR_DEFAULT, *service = NULL;
    bool json = false;
    const struct option options[] = {
        {"service", OPTION_TEXT, &service, "NAME", "of this service alone", 0, 0, NULL},
        OPTION_ROW_DATA(&dir),
        {"json", OPTION_FLAG, &json, NULL, "one object: each service's text by its name", 0, 0,
         NULL},
    };
    const struct command command = {
        .name = "metrics",
        .usage = "[options]",
        .example = "assay metrics --service scorer-0",
        .summary = "Writes the metrics of all services in Prometheus' text format, each behind a "
                   "line that names it.",
        COMMAND_OPTIONS(options),
    };
    int code;
    struct err_info info;
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    enum err err = metrics(dir, service, json, &info);
    return err == ERR_OK ? EXIT_DONE : output_error("metrics", err, info.text);
}
