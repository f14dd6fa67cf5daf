// SPDX-License-Identifier: Apache-2.0
// links: cli base
#include <criterion/criterion.h>
#include <stdio.h>

#include "cli/up_admin.h"

static struct up_plan plan_of(size_t n)
{
    struct up_plan plan = {.n = n, .dir = "d"};
    arena_init(&plan.arena, 1024, 0);
    return plan;
}

static void end(struct up_plan *plan)
{
    up_admin_release(plan);
    arena_deinit(&plan->arena);
}

Test(up_admin, gives_none_by_default)
{
    struct up_plan plan = plan_of(3);
    cr_assert_eq(up_admin_settle(NULL, &plan, NULL), ERR_OK);
    cr_assert_eq(up_admin_settle("off", &plan, NULL), ERR_OK);
    cr_assert_null(plan.admin);
    end(&plan);
}

Test(up_admin, gives_each_its_own)
{
    struct up_plan plan = plan_of(3);
    cr_assert_eq(up_admin_settle("127.0.0.1:0", &plan, NULL), ERR_OK);
    cr_assert_str_neq(plan.admin[0].address, plan.admin[1].address);
    cr_assert_str_neq(plan.admin[1].address, plan.admin[2].address);
    end(&plan);
}

// Twenty places to try: somebody else may have one of three ports in a row.
Test(up_admin, counts_up)
{
    for (int port = 20017, tries = 0; tries < 20; tries++, port += 97) {
        struct up_plan plan = plan_of(3);
        char given[32], last[32];
        snprintf(given, sizeof given, "127.0.0.1:%d", port);
        snprintf(last, sizeof last, "127.0.0.1:%d", port + 2);
        bool free = up_admin_settle(given, &plan, NULL) == ERR_OK;
        if (free) {
            struct up_plan other = plan_of(1);
            struct err_info info;
            cr_assert_str_eq(plan.admin[0].address, given);
            cr_assert_str_eq(plan.admin[2].address, last);
            cr_assert_eq(up_admin_settle(last, &other, &info), ERR_BUSY);
            cr_assert(strstr(info.text, "--admin: 127.0.0.1:") == info.text, "%s", info.text);
            end(&other);
        }
        end(&plan);
        if (free)
            return;
    }
    cr_assert_fail("no three ports in a row are free");
}

Test(up_admin, refuses_what_does_not_fit)
{
    struct err_info info;
    struct up_plan plan = plan_of(3);
    cr_assert_eq(up_admin_settle("127.0.0.1:65534", &plan, &info), ERR_INVALID);
    cr_assert_str_eq(info.text,
                     "--admin 127.0.0.1:65534: the ports of all services go beyond 65535");
    end(&plan);
    plan = plan_of(3);
    cr_assert_eq(up_admin_settle("here", &plan, &info), ERR_INVALID);
    end(&plan);
    plan = plan_of(1);
    cr_assert_eq(up_admin_settle("0.0.0.0:0", &plan, &info), ERR_INVALID); // without keys
    end(&plan);
}
