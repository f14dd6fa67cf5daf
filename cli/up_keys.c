// SPDX-License-Identifier: Apache-2.0
#include "cli/up_keys.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/file.h"
#include "common/keys/keys.h"
#include "common/service/peer.h"

static const char *remembered_path(struct up_plan *plan)
{
    return cluster_path(&plan->arena, plan->dir, "keys.path");
}

static enum err find_given(const char *given, struct up_plan *plan, struct err_info *info)
{
    char *real = realpath(given, NULL);
    if (real == NULL)
        return err_set(info, ERR_INVALID, "--keys %s: %s", given, strerror(errno));
    plan->keys = arena_dup(&plan->arena, span_of(real));
    free(real);
    return file_write(remembered_path(plan), span_of(plan->keys), info);
}

static enum err find(const char *given, struct up_plan *plan, struct err_info *info)
{
    struct buf path = {0};
    char *own = cluster_path(&plan->arena, plan->dir, "keys.yaml");
    if (given != NULL)
        return find_given(given, plan, info);
    enum err err = file_read(remembered_path(plan), PATH_MAX, &path, info);
    if (err == ERR_OK && path.len > 0)
        plan->keys = arena_dup(&plan->arena, buf_span(&path));
    else if (access(own, F_OK) == 0)
        plan->keys = own;
    buf_deinit(&path);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

enum err up_keys_settle(const char *given, struct up_plan *plan, struct buf *report,
                        struct err_info *info)
{
    struct keys *keys = NULL;
    plan->keys = NULL;
    if (given != NULL && strcmp(given, "none") == 0) {
        (void)unlink(remembered_path(plan));
        return ERR_OK;
    }
    enum err err = find(given, plan, info);
    if (err != ERR_OK || plan->keys == NULL)
        return err;
    err = keys_read_file(plan->keys, &keys, report, info);
    keys_release(keys);
    if (err == ERR_OK)
        return ERR_OK;
    return err_prefix(info, ERR_INVALID,
                      "the keys in %s cannot be used; nothing was started (--keys none goes on "
                      "without them)",
                      plan->keys);
}

enum err up_keys_check_address(struct up_plan *plan, const char *option, const char *address,
                               struct err_info *info)
{
    if (plan->keys != NULL || peer_is_loopback(address))
        return ERR_OK;
    return err_set(info, ERR_INVALID,
                   "--%s %s: others can reach this address, and there are no keys yet. Make one "
                   "first: assay keys add NAME --role write --data %s",
                   option, address, cluster_quoted(&plan->arena, plan->dir));
}
