// SPDX-License-Identifier: Apache-2.0
// links: cli_supervisor loop base
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "cli/supervisor.h"

Test(supervisor_judge, pauses_grow_and_start_again_after_a_steady_time)
{
    struct supervisor_history h = {.started_ms = 1000};
    int64_t pause_ms, expected[] = {100, 200, 400, 800, 1600, 3200, 5000, 5000};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        cr_assert(supervisor_judge(&h, 1, 1000 + 50, &pause_ms));
        cr_assert_eq(pause_ms, expected[i]);
    }
    cr_assert(supervisor_judge(&h, 137, 1000 + SUPERVISOR_STEADY_MS, &pause_ms));
    cr_assert_eq(pause_ms, 100);
}

Test(supervisor_judge, gives_up_after_three_configuration_failures_in_a_row)
{
    struct supervisor_history h = {0};
    int64_t pause_ms;
    cr_assert(supervisor_judge(&h, 2, 10, &pause_ms));
    cr_assert(supervisor_judge(&h, 2, 10, &pause_ms));
    cr_assert(supervisor_judge(&h, 137, 10, &pause_ms));
    cr_assert(supervisor_judge(&h, 2, 10, &pause_ms));
    cr_assert(supervisor_judge(&h, 2, 10, &pause_ms));
    cr_assert(!supervisor_judge(&h, 2, 10, &pause_ms));
}

// ---- With real children -------------------------------------------------------------------------

struct world {
    struct loop *loop;
    struct supervisor *supervisor;
    struct loop_timer *bound;
    int starts[3], ends[3];
    int last_status;
    int64_t last_pause_ms;
    int stop_after_starts; // of child 0
    int pid;
    bool kill_first, stopped, late;
};

static void world_started(void *arg, size_t i, int pid)
{
    struct world *w = arg;
    w->starts[i]++;
    w->pid = pid;
    if (i == 0 && w->kill_first && w->starts[0] == 1)
        kill(pid, SIGKILL);
    if (i == 0 && w->starts[0] == w->stop_after_starts)
        supervisor_stop(w->supervisor, 10000);
}

static void world_ended(void *arg, size_t i, int status, int64_t pause_ms)
{
    struct world *w = arg;
    w->ends[i]++;
    w->last_status = status;
    w->last_pause_ms = pause_ms;
    if (pause_ms < 0)
        supervisor_stop(w->supervisor, 10000);
}

static void world_stopped(void *arg)
{
    struct world *w = arg;
    w->stopped = true;
    loop_timer_destroy(w->bound);
    loop_stop(w->loop);
}

static void world_late(void *arg)
{
    struct world *w = arg;
    w->late = true;
    supervisor_kill(w->supervisor);
}

static void world_run(struct world *w, const char *script, size_t n)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    struct supervisor_child children[3];
    struct supervisor_events events = {world_started, world_ended, world_stopped, w};
    struct err_info info;
    for (size_t i = 0; i < n; i++)
        children[i] = (struct supervisor_child){"child", "/bin/sh", argv, "/dev/null", (int)i};
    w->loop = loop_create();
    w->bound = loop_timer_create(w->loop, world_late, w);
    loop_timer_start(w->bound, 60000, 0);
    w->supervisor = supervisor_create(w->loop, children, n, &events);
    cr_assert_eq(supervisor_start(w->supervisor, &info), ERR_OK, "%s", info.text);
    loop_run(w->loop);
    cr_assert(w->stopped && !w->late);
    supervisor_destroy(w->supervisor);
    loop_destroy(w->loop);
}

Test(supervisor, starts_a_killed_child_again_and_stops)
{
    struct world w = {.kill_first = true, .stop_after_starts = 2};
    world_run(&w, "exec sleep 1000", 1);
    cr_assert_eq(w.starts[0], 2);
    cr_assert_eq(w.ends[0], 1);
    cr_assert_eq(w.last_status, 128 + SIGKILL);
    cr_assert_eq(w.last_pause_ms, SUPERVISOR_PAUSE_MIN_MS);
}

Test(supervisor, gives_up_on_a_configuration_that_cannot_be_used)
{
    struct world w = {0};
    world_run(&w, "exit 2", 1);
    cr_assert_eq(w.starts[0], 3);
    cr_assert_eq(w.last_status, 2);
    cr_assert_eq(w.last_pause_ms, -1);
}

Test(supervisor, stops_all_ranks)
{
    struct world w = {.stop_after_starts = 2, .kill_first = true};
    world_run(&w, "exec sleep 1000", 3);
    cr_assert_eq(w.starts[1], 1);
    cr_assert_eq(w.starts[2], 1);
    cr_assert_eq(w.ends[1] + w.ends[2], 0, "children that are stopped do not count as ended");
}
