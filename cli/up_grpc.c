// SPDX-License-Identifier: Apache-2.0
#include "cli/up_grpc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/up_keys.h"

// Services have another folder to start from.
static enum err file_settle(const char *option, const char *file, struct arena *arena,
                            const char **out, struct err_info *info)
{
    char *real = realpath(file, NULL);
    if (real == NULL || access(real, R_OK) != 0) {
        free(real);
        return err_set(info, ERR_INVALID, "--%s %s: %s", option, file, strerror(errno));
    }
    *out = arena_dup(arena, span_of(real));
    free(real);
    return ERR_OK;
}

static enum err files_settle(const struct up_opts *opts, struct up_plan *plan,
                             struct err_info *info)
{
    if (opts->grpc_cert == NULL && opts->grpc_key == NULL)
        return ERR_OK;
    if (opts->grpc_cert == NULL || opts->grpc_key == NULL)
        return err_set(info, ERR_INVALID, "--grpc-cert and --grpc-key belong together");
    enum err err = file_settle("grpc-cert", opts->grpc_cert, &plan->arena, &plan->grpc_cert, info);
    if (err == ERR_OK)
        err = file_settle("grpc-key", opts->grpc_key, &plan->arena, &plan->grpc_key, info);
    return err;
}

enum err up_grpc_settle(const struct up_opts *opts, struct up_plan *plan, struct err_info *info)
{
    const struct up_port_opts grpc = {
        .option = "grpc",
        .what = "no gRPC",
        .given = opts->grpc,
        .usual = UP_GRPC_USUAL,
    };
    enum err err = files_settle(opts, plan, info);
    if (err == ERR_OK)
        err = up_port_settle(&grpc, &plan->arena, &plan->grpc, info);
    if (err == ERR_OK && plan->grpc.address[0] != '\0')
        err = up_keys_check_address(plan, "grpc", plan->grpc.address, info);
    return err;
}
