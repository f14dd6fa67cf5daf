// SPDX-License-Identifier: Apache-2.0
#include "cli/up_leftovers.h"

#include "common/base/text.h"
#include "common/clock/clock.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOOK_MS = 20, KILL_AFTER_MS = 5000, GIVE_UP_MS = 15000 };

// Whether the process was started as "PROGRAM --config FILE" with one of our files.
static bool is_ours(const struct up_plan *plan, const char *pid)
{
    char path[300], words[4200];
    snprintf(path, sizeof path, "/proc/%s/cmdline", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, words, sizeof words - 1);
    close(fd);
    if (n <= 0)
        return false;
    words[n] = '\0';
    const char *option = words + strlen(words) + 1;
    const char *file = option < words + n ? option + strlen(option) + 1 : words + n;
    if (file >= words + n || strcmp(option, "--config") != 0)
        return false;
    for (size_t i = 0; i < plan->n; i++)
        if (strcmp(file, plan->services[i].config) == 0)
            return true;
    return false;
}

// One process that is left, or 0. Sends `signum` to all of them unless it is 0.
static int leftovers(const struct up_plan *plan, int signum)
{
    DIR *proc = opendir("/proc");
    int found = 0;
    if (proc == NULL)
        return 0;
    for (struct dirent *entry = readdir(proc); entry != NULL; entry = readdir(proc)) {
        if (!isdigit((unsigned char)entry->d_name[0]) || !is_ours(plan, entry->d_name))
            continue;
        found = atoi(entry->d_name);
        if (signum != 0)
            (void)kill(found, signum);
    }
    closedir(proc);
    return found;
}

enum err up_leftovers_wait(const struct up_plan *plan, struct err_info *info)
{
    int64_t started_ms = clock_mono_ms();
    int pid;
    for (bool asked = false; (pid = leftovers(plan, asked ? 0 : SIGTERM)) != 0; asked = true) {
        int64_t waited_ms = clock_mono_ms() - started_ms;
        if (waited_ms >= GIVE_UP_MS)
            return err_set(info, ERR_UNAVAILABLE,
                           "process %d of an earlier run does not end: end it, then start again",
                           pid);
        if (waited_ms >= KILL_AFTER_MS)
            (void)leftovers(plan, SIGKILL);
        (void)usleep(LOOK_MS * 1000);
    }
    return ERR_OK;
}
