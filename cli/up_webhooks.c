// SPDX-License-Identifier: Apache-2.0
#include "cli/up_webhooks.h"

#include "cli/file.h"
#include "services/router/webhook/config.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *remembered_path(struct up_plan *plan)
{
    return cluster_path(&plan->arena, plan->dir, "webhooks.path");
}

static enum err find(const char *given, struct up_plan *plan, struct err_info *info)
{
    if (given != NULL) {
        char *real = realpath(given, NULL);
        if (real == NULL)
            return err_set(info, ERR_INVALID, "--webhooks %s: %s", given, strerror(errno));
        plan->webhooks = arena_dup(&plan->arena, span_of(real));
        free(real);
        return file_write(remembered_path(plan), span_of(plan->webhooks), info);
    }
    struct buf path = {0};
    enum err err = file_read(remembered_path(plan), PATH_MAX, &path, info);
    if (err == ERR_OK && path.len > 0)
        plan->webhooks = arena_dup(&plan->arena, buf_span(&path));
    buf_deinit(&path);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

enum err up_webhooks_settle(const char *given, struct up_plan *plan, struct buf *report,
                            struct err_info *info)
{
    struct webhooks_config config;
    plan->webhooks = NULL;
    if (given != NULL && strcmp(given, "none") == 0) {
        (void)unlink(remembered_path(plan));
        return ERR_OK;
    }
    enum err err = find(given, plan, info);
    if (err != ERR_OK || plan->webhooks == NULL)
        return err;
    err = webhooks_config_load_file(plan->webhooks, &config, report);
    if (err != ERR_OK)
        return err_set(
            info, ERR_INVALID,
            "the webhooks in %s have mistakes; nothing was started (--webhooks none goes "
            "on without them)",
            plan->webhooks);
    webhooks_config_deinit(&config);
    return ERR_OK;
}
