// SPDX-License-Identifier: Apache-2.0
#include "cli/up_admin.h"

#include <string.h>

#include "cli/up_keys.h"
#include "common/base/text.h"

// The address of the ith service.
static enum err nth_address(const char *given, size_t i, struct arena *arena, const char **out,
                            struct err_info *info)
{
    const char *colon = strrchr(given, ':');
    uint64_t port;
    if (colon == NULL || !text_to_u64(span_of(colon + 1), &port) || port == 0) {
        *out = given; // any port, or no address at all: said by whoever tries it
        return ERR_OK;
    }
    if (port + i > UINT16_MAX)
        return err_set(info, ERR_INVALID, "--admin %s: the ports of all services go beyond %d",
                       given, UINT16_MAX);
    *out = arena_printf(arena, "%.*s:%u", (int)(colon - given), given, (unsigned)(port + i));
    return ERR_OK;
}

enum err up_admin_settle(const char *given, struct up_plan *plan, struct err_info *info)
{
    enum err err = ERR_OK;
    if (given == NULL || strcmp(given, "off") == 0)
        return ERR_OK;
    plan->admin = arena_alloc(&plan->arena, plan->n * sizeof *plan->admin);
    for (size_t i = 0; i < plan->n; i++)
        plan->admin[i] = (struct up_port){.address = "", .hold = -1};
    for (size_t i = 0; i < plan->n && err == ERR_OK; i++) {
        struct up_port_opts opts = {.option = "admin"};
        err = nth_address(given, i, &plan->arena, &opts.given, info);
        if (err == ERR_OK)
            err = up_port_settle(&opts, &plan->arena, &plan->admin[i], info);
        if (err == ERR_OK)
            err = up_keys_check_address(plan, "admin", plan->admin[i].address, info);
    }
    return err;
}

void up_admin_release(struct up_plan *plan)
{
    for (size_t i = 0; plan->admin != NULL && i < plan->n; i++)
        up_port_release(&plan->admin[i]);
}
