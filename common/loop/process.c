// SPDX-License-Identifier: Apache-2.0
// Children are made with fork and exec of our own, because libuv offers no place to ask for the
// parent's death signal between the two. libuv only tells of SIGCHLD.
//
//   parent                                child
//   watch SIGCHLD, open the log
//   block signals, fork            ──►    default handlers, death signal, descriptors, exec
//   unblock, read the status pipe  ◄──    errno, when exec failed; end of file when it succeeded
//
// Between fork and exec the child makes only calls that are safe in a signal handler: another
// thread may have held any lock at the moment of the fork.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/loop/loop_impl.h"

struct loop_process {
    uv_signal_t child;
    struct loop *loop;
    loop_exit_cb cb;
    void *arg;
    pid_t pid;
};

static void process_closed_cb(uv_handle_t *handle)
{
    mem_free(handle->data);
}

static void process_close(struct loop_process *process)
{
    CHECK(process->loop->open.processes > 0);
    process->loop->open.processes--;
    uv_close((uv_handle_t *)&process->child, process_closed_cb);
}

// SIGCHLD says that some child ended; each process asks for its own.
static void process_child_cb(uv_signal_t *uv, int signum)
{
    (void)signum;
    struct loop_process *process = uv->data;
    loop_turn_begin(process->loop);
    int status;
    pid_t got;
    do
        got = waitpid(process->pid, &status, WNOHANG);
    while (got < 0 && errno == EINTR);
    if (got == 0)
        return;
    CHECK(got == process->pid);
    if (!WIFEXITED(status) && !WIFSIGNALED(status))
        return;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    process->pid = 0;
    process->cb(process->arg, process, code);
    process_close(process);
}

// ---- The child, between fork and exec -----------------------------------------------------------

struct process_child {
    const struct loop_process_opts *opts;
    pid_t parent;
    int null_fd;
    int log_fd; // -1: inherited
    int status_fd;
};

__attribute__((noreturn)) static void process_child_failed(const struct process_child *child)
{
    int error = errno;
    ssize_t n = write(child->status_fd, &error, sizeof error);
    (void)n;
    _exit(127);
}

__attribute__((noreturn)) static void process_child_run(const struct process_child *child)
{
    struct sigaction plain = {.sa_handler = SIG_DFL};
    for (int s = 1; s < NSIG; s++)
        (void)sigaction(s, &plain, NULL); // some cannot be set, and need not be
    if (child->opts->die_with_parent) {
        if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0)
            process_child_failed(child);
        // The parent may have died before the line above.
        if (getppid() != child->parent)
            _exit(127);
    }
    if (dup2(child->null_fd, STDIN_FILENO) < 0)
        process_child_failed(child);
    if (child->log_fd >= 0 &&
        (dup2(child->log_fd, STDOUT_FILENO) < 0 || dup2(child->log_fd, STDERR_FILENO) < 0))
        process_child_failed(child);
    // Old kernels do not know it; descriptors of ours are close-on-exec anyway.
    (void)close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    execv(child->opts->file, (char *const *)child->opts->argv);
    process_child_failed(child);
}

// ---- The parent ---------------------------------------------------------------------------------

static enum err process_err_of_errno(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return ERR_NOT_FOUND;
    case EACCES:
    case ENOEXEC:
    case EISDIR:
    case E2BIG:
        return ERR_INVALID;
    case EAGAIN:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
        return ERR_FULL;
    default:
        return ERR_IO;
    }
}

static void process_close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

// Forks with all signals blocked: a handler of this process must not run in the child.
static pid_t process_fork(const struct process_child *child)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    int error = errno;
    if (pid == 0)
        process_child_run(child);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return pid;
}

// Waits until the child has become the program; the errno of its failure otherwise.
static int process_exec_errno(int status_fd)
{
    int error = 0;
    ssize_t n;
    do
        n = read(status_fd, &error, sizeof error);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof error ? error : 0;
}

static enum err process_start(const struct loop_process_opts *opts, pid_t *pid,
                              struct err_info *info)
{
    int status[2] = {-1, -1};
    struct process_child child = {.opts = opts, .parent = getpid(), .null_fd = -1, .log_fd = -1};
    enum err err = ERR_OK;
    int error = 0;

    child.null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (child.null_fd < 0 || pipe2(status, O_CLOEXEC) != 0) {
        error = errno;
        err = err_set(info, process_err_of_errno(error), "%s: %s", opts->file, strerror(error));
        goto out;
    }
    child.status_fd = status[1];
    if (opts->log_path != NULL) {
        child.log_fd = open(opts->log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
        if (child.log_fd < 0) {
            error = errno;
            err = err_set(info, process_err_of_errno(error), "%s: %s", opts->log_path,
                          strerror(error));
            goto out;
        }
    }
    *pid = process_fork(&child);
    if (*pid < 0) {
        error = errno;
        err = err_set(info, process_err_of_errno(error), "fork: %s", strerror(error));
        goto out;
    }
    close(status[1]);
    status[1] = -1;
    error = process_exec_errno(status[0]);
    if (error != 0) {
        while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR) {
        }
        err = err_set(info, process_err_of_errno(error), "%s: %s", opts->file, strerror(error));
    }
out:
    process_close_fd(child.null_fd);
    process_close_fd(child.log_fd);
    process_close_fd(status[0]);
    process_close_fd(status[1]);
    return err;
}

enum err loop_process_spawn(struct loop *loop, const struct loop_process_opts *opts,
                            loop_exit_cb cb, void *arg, struct loop_process **out,
                            struct err_info *info)
{
    CHECK(opts->file != NULL && opts->argv != NULL && opts->argv[0] != NULL && cb != NULL);
    struct loop_process *process = mem_zalloc(sizeof *process);
    process->loop = loop;
    process->cb = cb;
    process->arg = arg;
    CHECK(uv_signal_init(&loop->uv, &process->child) == 0);
    process->child.data = process;
    loop->open.processes++;
    // Before the fork, so that the end of a child that ends at once is seen.
    CHECK(uv_signal_start(&process->child, process_child_cb, SIGCHLD) == 0);
    enum err err = process_start(opts, &process->pid, info);
    if (err != ERR_OK) {
        process_close(process);
        return err;
    }
    *out = process;
    return ERR_OK;
}

int loop_process_pid(const struct loop_process *process)
{
    return process->pid;
}

void loop_process_kill(struct loop_process *process, int signum)
{
    // A child that has ended but was not waited for still owns its number, so this hits nobody
    // else.
    if (process->pid > 0)
        (void)kill(process->pid, signum);
}
