// SPDX-License-Identifier: Apache-2.0
// links: loop
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/loop/loop.h"
#include "common/loop/queue.h"

// ---- Timers -------------------------------------------------------------------------------------

struct ticks {
    struct loop *loop;
    struct loop_timer *timer;
    struct loop_timer *other;
    int n;
    int stop_at;
};

static void tick_cb(void *arg)
{
    struct ticks *ticks = arg;
    if (++ticks->n == ticks->stop_at)
        loop_stop(ticks->loop);
}

static void tick_destroy_cb(void *arg)
{
    struct ticks *ticks = arg;
    ticks->n++;
    loop_timer_destroy(ticks->timer);
    loop_timer_destroy(ticks->other);
}

Test(loop_timer, fires_once_and_later)
{
    struct ticks ticks = {.loop = loop_create()};
    int64_t before = loop_now_ms(ticks.loop);
    ticks.timer = loop_timer_create(ticks.loop, tick_cb, &ticks);
    loop_timer_start(ticks.timer, 5, 0);
    cr_assert_eq(ticks.n, 0);
    loop_run(ticks.loop); // ends by itself: nothing is left to wait for
    cr_assert_eq(ticks.n, 1);
    cr_assert_geq(loop_now_ms(ticks.loop), before + 5);
    loop_timer_destroy(ticks.timer);
    loop_destroy(ticks.loop);
}

Test(loop_timer, repeats_until_stopped)
{
    struct ticks ticks = {.loop = loop_create(), .stop_at = 3};
    ticks.timer = loop_timer_create(ticks.loop, tick_cb, &ticks);
    loop_timer_start(ticks.timer, 0, 1);
    loop_run(ticks.loop);
    cr_assert_eq(ticks.n, 3);
    loop_timer_stop(ticks.timer);
    loop_run(ticks.loop);
    cr_assert_eq(ticks.n, 3);
    loop_timer_start(ticks.timer, 0, 0);
    loop_run(ticks.loop);
    cr_assert_eq(ticks.n, 4);
    loop_timer_destroy(ticks.timer);
    loop_destroy(ticks.loop);
}

Test(loop_timer, may_destroy_itself_and_another_in_its_callback)
{
    struct ticks ticks = {.loop = loop_create()};
    ticks.timer = loop_timer_create(ticks.loop, tick_destroy_cb, &ticks);
    ticks.other = loop_timer_create(ticks.loop, tick_destroy_cb, &ticks);
    loop_timer_start(ticks.timer, 0, 0);
    loop_timer_start(ticks.other, 1000000, 0);
    loop_run(ticks.loop);
    cr_assert_eq(ticks.n, 1);
    loop_timer_destroy(NULL);
    loop_destroy(ticks.loop);
}

static void busy_cb(void *arg)
{
    struct ticks *ticks = arg;
    struct timespec t = {.tv_nsec = 20 * 1000 * 1000};
    nanosleep(&t, NULL);
    ticks->n++;
}

Test(loop, measures_its_longest_turn)
{
    struct ticks ticks = {.loop = loop_create()};
    ticks.timer = loop_timer_create(ticks.loop, busy_cb, &ticks);
    ticks.other = loop_timer_create(ticks.loop, tick_cb, &ticks);
    loop_timer_start(ticks.timer, 0, 0);
    loop_timer_start(ticks.other, 50, 0);
    loop_run(ticks.loop);
    cr_assert_geq(loop_longest_turn_ns(ticks.loop), 20u * 1000 * 1000);
    cr_assert_eq(loop_longest_turn_ns(ticks.loop), 0);
    loop_timer_destroy(ticks.timer);
    loop_timer_destroy(ticks.other);
    loop_destroy(ticks.loop);
}

Test(loop, aborts_when_something_is_left_open, .signal = SIGABRT)
{
    struct loop *loop = loop_create();
    struct ticks ticks = {.loop = loop};
    cr_redirect_stderr();
    loop_timer_create(loop, tick_cb, &ticks);
    loop_destroy(loop);
}

// ---- Mailboxes ----------------------------------------------------------------------------------

enum { BOX_MAX = 16 };

struct box {
    struct loop *loop;
    struct mailbox *mailbox;
    int got[BOX_MAX];
    int n;
    int destroy_at;
};

static void box_cb(void *arg, void *item)
{
    struct box *box = arg;
    cr_assert_lt(box->n, BOX_MAX);
    box->got[box->n++] = *(int *)item;
    if (box->n == box->destroy_at)
        mailbox_destroy(box->mailbox);
}

static void box_post(struct box *box, int *numbers, int n)
{
    for (int i = 0; i < n; i++) {
        numbers[i] = i;
        cr_assert_eq(mailbox_post(box->mailbox, &numbers[i]), ERR_OK);
    }
}

static void box_check(const struct box *box, int n)
{
    cr_assert_eq(box->n, n);
    for (int i = 0; i < n; i++)
        cr_assert_eq(box->got[i], i);
}

Test(mailbox, is_bounded_and_delivers_in_order)
{
    struct box box = {.loop = loop_create(), .destroy_at = 3};
    int numbers[4];
    box.mailbox = mailbox_create(box.loop, 3, box_cb, &box);
    box_post(&box, numbers, 3);
    cr_assert_eq(mailbox_post(box.mailbox, &numbers[3]), ERR_FULL);
    cr_assert_eq(box.n, 0); // not inside the post
    loop_run(box.loop);
    box_check(&box, 3);
    loop_destroy(box.loop);
}

Test(mailbox, destroyed_in_its_callback_delivers_the_rest_first)
{
    struct box box = {.loop = loop_create(), .destroy_at = 2};
    int numbers[5];
    box.mailbox = mailbox_create(box.loop, 5, box_cb, &box);
    box_post(&box, numbers, 5);
    loop_run(box.loop);
    box_check(&box, 5);
    loop_destroy(box.loop);
}

Test(mailbox, destroyed_before_the_loop_runs_delivers_what_waits)
{
    struct box box = {.loop = loop_create()};
    int numbers[2];
    box.mailbox = mailbox_create(box.loop, 2, box_cb, &box);
    box_post(&box, numbers, 2);
    mailbox_destroy(box.mailbox);
    box_check(&box, 2);
    loop_run(box.loop);
    box_check(&box, 2);
    loop_destroy(box.loop);
}

struct flood {
    struct loop *loop;
    struct mailbox *mailbox;
    int n;
};

static void flood_cb(void *arg, void *item)
{
    struct flood *flood = arg;
    flood->n++;
    cr_assert_eq(mailbox_post(flood->mailbox, item), ERR_OK);
}

// A callback that posts again for ever must leave the loop time for its timers.
Test(mailbox, does_not_starve_the_loop)
{
    struct flood flood = {.loop = loop_create()};
    struct ticks ticks = {.loop = flood.loop, .stop_at = 2};
    ticks.timer = loop_timer_create(flood.loop, tick_cb, &ticks);
    flood.mailbox = mailbox_create(flood.loop, 4, flood_cb, &flood);
    cr_assert_eq(mailbox_post(flood.mailbox, &flood), ERR_OK);
    loop_timer_start(ticks.timer, 0, 1);
    loop_run(flood.loop);
    cr_assert_eq(ticks.n, 2);
    cr_assert_gt(flood.n, 0);
    loop_timer_destroy(ticks.timer);
    // The last item would be delivered, and posted again, without end.
    _Exit(0);
}

// ---- Signals ------------------------------------------------------------------------------------

struct caught {
    struct loop *loop;
    struct loop_signal *signal;
    int signum;
};

static void caught_cb(void *arg, int signum)
{
    struct caught *caught = arg;
    caught->signum = signum;
    loop_signal_destroy(caught->signal);
}

Test(loop_signal, is_told_on_the_loop)
{
    struct caught caught = {.loop = loop_create()};
    caught.signal = loop_signal_create(caught.loop, SIGUSR1, caught_cb, &caught);
    cr_assert_eq(raise(SIGUSR1), 0);
    cr_assert_eq(caught.signum, 0);
    loop_run(caught.loop);
    cr_assert_eq(caught.signum, SIGUSR1);
    loop_destroy(caught.loop);
}

Test(loop, ignores_broken_pipes)
{
    struct loop *loop = loop_create();
    int fds[2];
    cr_assert_eq(pipe(fds), 0);
    close(fds[0]);
    cr_assert_lt(write(fds[1], "x", 1), 0);
    close(fds[1]);
    loop_destroy(loop);
}

// ---- Processes ----------------------------------------------------------------------------------

struct children {
    struct loop *loop;
    int n;
    int status[4];
    struct loop_process *ended[4];
};

static void child_cb(void *arg, struct loop_process *process, int status)
{
    struct children *children = arg;
    children->ended[children->n] = process;
    children->status[children->n++] = status;
    loop_process_kill(process, SIGKILL); // it has ended: nothing happens
}

static enum err spawn_shell(struct children *children, const char *script, const char *log_path,
                            struct loop_process **out, struct err_info *info)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    struct loop_process_opts opts = {.file = "/bin/sh", .argv = argv, .log_path = log_path};
    return loop_process_spawn(children->loop, &opts, child_cb, children, out, info);
}

Test(loop_process, tells_exit_codes_and_signals)
{
    struct children children = {.loop = loop_create()};
    struct loop_process *a, *b;
    cr_assert_eq(spawn_shell(&children, "exit 7", NULL, &a, NULL), ERR_OK);
    cr_assert_gt(loop_process_pid(a), 0);
    loop_run(children.loop);
    cr_assert_eq(children.n, 1);
    cr_assert_eq(children.ended[0], a);
    cr_assert_eq(children.status[0], 7);
    cr_assert_eq(spawn_shell(&children, "exec sleep 1000", NULL, &b, NULL), ERR_OK);
    loop_process_kill(b, SIGTERM);
    loop_run(children.loop);
    cr_assert_eq(children.n, 2);
    cr_assert_eq(children.status[1], 128 + SIGTERM);
    loop_destroy(children.loop);
}

Test(loop_process, several_at_once_end_once_each)
{
    struct children children = {.loop = loop_create()};
    struct loop_process *p[3];
    const char *scripts[] = {"exit 1", "exit 2", "exit 3"};
    for (int i = 0; i < 3; i++)
        cr_assert_eq(spawn_shell(&children, scripts[i], NULL, &p[i], NULL), ERR_OK);
    loop_run(children.loop);
    cr_assert_eq(children.n, 3);
    cr_assert_eq(children.status[0] + children.status[1] + children.status[2], 6);
    loop_destroy(children.loop);
}

static void read_file(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    size_t n = fread(text, 1, size - 1, file);
    text[n] = '\0';
    fclose(file);
}

Test(loop_process, appends_output_to_the_log_and_passes_on_no_descriptor)
{
    struct children children = {.loop = loop_create()};
    struct loop_process *process;
    char path[] = "/tmp/loop_process.XXXXXX";
    char text[200];
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, "before\n", 7), 7);
    cr_assert_eq(dup2(fd, 100), 100);
    cr_assert_eq(spawn_shell(&children,
                             "echo out; echo err >&2; cat; test -e /proc/$$/fd/100 && echo leak",
                             path, &process, NULL),
                 ERR_OK);
    loop_run(children.loop);
    read_file(path, text, sizeof text);
    cr_assert_str_eq(text, "before\nout\nerr\n");
    close(100);
    close(fd);
    unlink(path);
    loop_destroy(children.loop);
}

Test(loop_process, has_default_signals)
{
    struct children children = {.loop = loop_create()}; // which ignores SIGPIPE here
    struct loop_process *process;
    cr_assert_eq(spawn_shell(&children, "kill -PIPE $$; exit 0", NULL, &process, NULL), ERR_OK);
    loop_run(children.loop);
    cr_assert_eq(children.status[0], 128 + SIGPIPE);
    loop_destroy(children.loop);
}

Test(loop_process, a_program_that_cannot_run_is_an_error_of_the_spawn)
{
    struct children children = {.loop = loop_create()};
    struct loop_process *process;
    struct err_info info;
    const char *argv[] = {"x", NULL};
    struct loop_process_opts opts = {.file = "/no/such/program", .argv = argv};
    cr_assert_eq(loop_process_spawn(children.loop, &opts, child_cb, &children, &process, &info),
                 ERR_NOT_FOUND);
    cr_assert_not_null(strstr(info.text, "/no/such/program"));
    opts.file = "/etc/passwd";
    cr_assert_eq(loop_process_spawn(children.loop, &opts, child_cb, &children, &process, &info),
                 ERR_INVALID);
    opts.file = "/bin/true";
    opts.log_path = "/no/such/folder/log";
    cr_assert_eq(loop_process_spawn(children.loop, &opts, child_cb, &children, &process, &info),
                 ERR_NOT_FOUND);
    loop_run(children.loop);
    cr_assert_eq(children.n, 0);
    loop_destroy(children.loop);
}

// A parent that is killed takes its child along. The child's end shows as the end of a pipe that
// only it still held.
Test(loop_process, dies_with_its_parent)
{
    int fds[2];
    cr_assert_eq(pipe(fds), 0);
    pid_t parent = fork();
    cr_assert_geq(parent, 0);
    if (parent == 0) {
        close(fds[0]);
        char path[32];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fds[1]);
        struct loop *loop = loop_create();
        struct children children = {.loop = loop};
        const char *argv[] = {"sh", "-c", "echo up; exec sleep 1000", NULL};
        struct loop_process *process;
        struct loop_process_opts opts = {
            .file = "/bin/sh", .argv = argv, .log_path = path, .die_with_parent = true};
        if (loop_process_spawn(loop, &opts, child_cb, &children, &process, NULL) != ERR_OK)
            _exit(1);
        loop_run(loop);
        _exit(2);
    }
    close(fds[1]);
    char text[3];
    cr_assert_eq(read(fds[0], text, 3), 3); // the child runs
    cr_assert_eq(kill(parent, SIGKILL), 0);
    cr_assert_eq(waitpid(parent, NULL, 0), parent);
    cr_assert_eq(read(fds[0], text, 1), 0);
    close(fds[0]);
}

// ---- Queues -------------------------------------------------------------------------------------

Test(queue, is_bounded_and_keeps_order)
{
    struct queue *queue = queue_create(3);
    int numbers[5] = {0, 1, 2, 3, 4};
    void *items[5];
    for (int round = 0; round < 3; round++) { // around the ring
        for (int i = 0; i < 3; i++)
            cr_assert_eq(queue_put(queue, &numbers[i]), ERR_OK);
        cr_assert_eq(queue_put(queue, &numbers[3]), ERR_FULL);
        cr_assert_eq(queue_depth(queue), 3);
        cr_assert_eq(queue_take(queue, items, 2, -1), 2);
        cr_assert_eq(items[0], &numbers[0]);
        cr_assert_eq(items[1], &numbers[1]);
        cr_assert_eq(queue_take(queue, items, 5, 0), 1);
        cr_assert_eq(items[0], &numbers[2]);
    }
    cr_assert_eq(queue_take(queue, items, 5, 0), 0);
    cr_assert_eq(queue_take(queue, items, 5, 2), 0);
    queue_destroy(queue);
}

Test(queue, keeps_a_wake_for_the_next_taker)
{
    struct queue *queue = queue_create(1);
    void *item;
    queue_wake(queue);
    cr_assert_eq(queue_take(queue, &item, 1, -1), 0); // would wait for ever
    cr_assert_eq(queue_put(queue, queue), ERR_OK);
    queue_wake(queue);
    cr_assert_eq(queue_take(queue, &item, 1, -1), 1);
    queue_destroy(queue);
}

Test(queue, shut_takes_nothing_more_but_gives_what_waits)
{
    struct queue *queue = queue_create(2);
    void *item;
    cr_assert_eq(queue_put(queue, queue), ERR_OK);
    cr_assert_not(queue_is_shut(queue));
    queue_shut(queue);
    cr_assert(queue_is_shut(queue));
    cr_assert_eq(queue_put(queue, queue), ERR_CANCELED);
    cr_assert_eq(queue_take(queue, &item, 1, -1), 1);
    cr_assert_eq(queue_take(queue, &item, 1, -1), 0);
    queue_destroy(queue);
}

Test(queue, is_empty_when_destroyed, .signal = SIGABRT)
{
    struct queue *queue = queue_create(2);
    cr_redirect_stderr();
    cr_assert_eq(queue_put(queue, queue), ERR_OK);
    queue_destroy(queue);
}
