// SPDX-License-Identifier: Apache-2.0
//            supervisor_start
//   DOWN ───────────────────► UP ── ends ──► PAUSED ── timer ──► UP
//                             │                │
//                  (stopping) ▼                ▼ (stopping)
//                            DOWN             DOWN          all DOWN while stopping: `stopped`
#include "cli/supervisor.h"

#include "common/base/mem.h"

#include <signal.h>

// Stands for the exit status of a child that could not be started.
enum { START_FAILED = 127 };

bool supervisor_judge(struct supervisor_history *history, int status, int64_t now_ms,
                      int64_t *pause_ms)
{
    bool steady = now_ms - history->started_ms >= SUPERVISOR_STEADY_MS;
    if (steady || history->pause_ms == 0)
        history->pause_ms = SUPERVISOR_PAUSE_MIN_MS;
    else if (history->pause_ms < SUPERVISOR_PAUSE_MAX_MS / 2)
        history->pause_ms *= 2;
    else
        history->pause_ms = SUPERVISOR_PAUSE_MAX_MS;
    history->config_failures = status == SUPERVISOR_EXIT_CONFIG ? history->config_failures + 1 : 0;
    *pause_ms = history->pause_ms;
    return history->config_failures < SUPERVISOR_CONFIG_FAILURES_MAX;
}

struct child {
    struct supervisor *supervisor;
    struct supervisor_child what;
    struct supervisor_history history;
    struct loop_process *process; // NULL: does not run
    struct loop_timer *timer;
};

struct supervisor {
    struct loop *loop;
    struct supervisor_events events;
    struct child *children;
    size_t n;
    struct loop_timer *patience;
    bool stopping, told;
};

static void child_paused_cb(void *arg);
static void patience_cb(void *arg);

struct supervisor *supervisor_create(struct loop *loop, const struct supervisor_child *children,
                                     size_t n, const struct supervisor_events *events)
{
    struct supervisor *s = mem_zalloc(sizeof *s);
    s->loop = loop;
    s->events = *events;
    s->children = mem_zalloc(n * sizeof *s->children);
    s->n = n;
    s->patience = loop_timer_create(loop, patience_cb, s);
    for (size_t i = 0; i < n; i++) {
        s->children[i].supervisor = s;
        s->children[i].what = children[i];
        s->children[i].timer = loop_timer_create(loop, child_paused_cb, &s->children[i]);
    }
    return s;
}

void supervisor_destroy(struct supervisor *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->n; i++) {
        CHECK(s->children[i].process == NULL);
        loop_timer_destroy(s->children[i].timer);
    }
    loop_timer_destroy(s->patience);
    mem_free(s->children);
    mem_free(s);
}

static size_t child_number(const struct child *child)
{
    return (size_t)(child - child->supervisor->children);
}

// Sends SIGTERM to the lowest rank that still runs; tells when none does.
static void stop_step(struct supervisor *s)
{
    const struct child *lowest = NULL;
    for (size_t i = 0; i < s->n; i++)
        if (s->children[i].process != NULL &&
            (lowest == NULL || s->children[i].what.rank < lowest->what.rank))
            lowest = &s->children[i];
    if (lowest == NULL) {
        loop_timer_stop(s->patience);
        if (!s->told)
            s->events.stopped(s->events.arg);
        s->told = true;
        return;
    }
    for (size_t i = 0; i < s->n; i++)
        if (s->children[i].process != NULL && s->children[i].what.rank == lowest->what.rank)
            loop_process_kill(s->children[i].process, SIGTERM);
}

// Whether another child of the same rank still has to end before the next rank's turn comes.
static bool rank_runs(const struct supervisor *s, int rank)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->children[i].process != NULL && s->children[i].what.rank <= rank)
            return true;
    return false;
}

static void child_ended_cb(void *arg, struct loop_process *process, int status)
{
    struct child *child = arg;
    struct supervisor *s = child->supervisor;
    CHECK(child->process == process);
    child->process = NULL;
    if (s->stopping) {
        if (!rank_runs(s, child->what.rank))
            stop_step(s);
        return;
    }
    int64_t pause_ms;
    bool again = supervisor_judge(&child->history, status, loop_now_ms(s->loop), &pause_ms);
    if (again)
        loop_timer_start(child->timer, (uint64_t)pause_ms, 0);
    s->events.ended(s->events.arg, child_number(child), status, again ? pause_ms : -1);
}

static enum err child_start(struct child *child, struct err_info *info)
{
    struct supervisor *s = child->supervisor;
    struct loop_process_opts opts = {
        .file = child->what.file,
        .argv = child->what.argv,
        .log_path = child->what.log_path,
        .die_with_parent = true,
    };
    child->history.started_ms = loop_now_ms(s->loop);
    enum err err = loop_process_spawn(s->loop, &opts, child_ended_cb, child, &child->process, info);
    if (err != ERR_OK)
        return err_prefix(info, err, "start %s", child->what.name);
    s->events.started(s->events.arg, child_number(child), loop_process_pid(child->process));
    return ERR_OK;
}

static void child_paused_cb(void *arg)
{
    struct child *child = arg;
    struct supervisor *s = child->supervisor;
    if (s->stopping)
        return;
    // A start that fails (no memory, no processes) counts as an end, and is tried again later.
    if (child_start(child, NULL) != ERR_OK) {
        int64_t pause_ms;
        (void)supervisor_judge(&child->history, START_FAILED, loop_now_ms(s->loop), &pause_ms);
        loop_timer_start(child->timer, (uint64_t)pause_ms, 0);
    }
}

enum err supervisor_start(struct supervisor *s, struct err_info *info)
{
    for (size_t i = 0; i < s->n; i++) {
        enum err err = child_start(&s->children[i], info);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

// `stopped` is told from a timer when nothing runs any more, so that it never comes inside the
// call.
static void patience_cb(void *arg)
{
    struct supervisor *s = arg;
    bool runs = false;
    for (size_t i = 0; i < s->n; i++) {
        if (s->children[i].process == NULL)
            continue;
        runs = true;
        loop_process_kill(s->children[i].process, SIGKILL);
    }
    if (!runs)
        stop_step(s);
}

static bool any_runs(const struct supervisor *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->children[i].process != NULL)
            return true;
    return false;
}

static void pauses_end(struct supervisor *s)
{
    for (size_t i = 0; i < s->n; i++)
        loop_timer_stop(s->children[i].timer);
}

void supervisor_stop(struct supervisor *s, int64_t patience_ms)
{
    if (s->stopping)
        return;
    s->stopping = true;
    pauses_end(s);
    if (any_runs(s))
        stop_step(s);
    loop_timer_start(s->patience, any_runs(s) ? (uint64_t)patience_ms : 0, 0);
}

void supervisor_kill(struct supervisor *s)
{
    s->stopping = true;
    pauses_end(s);
    loop_timer_start(s->patience, 0, 0);
}
