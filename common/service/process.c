// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "common/service/service_impl.h"

static void read_memory(struct service_process *out)
{
    long long all = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return;
    if (fscanf(file, "%lld %lld", &all, &resident) == 2) {
        out->virtual_bytes = all * sysconf(_SC_PAGESIZE);
        out->resident_bytes = resident * sysconf(_SC_PAGESIZE);
    }
    fclose(file);
}

static int64_t count_fds(void)
{
    int64_t n = 0;
    DIR *dir = opendir("/proc/self/fd");
    if (dir == NULL)
        return 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        n += entry->d_name[0] != '.';
    closedir(dir);
    return n - 1; // the one that looked
}

void service_process_read(struct service_process *out)
{
    struct rlimit limit;
    struct timespec cpu;
    *out = (struct service_process){0};
    read_memory(out);
    out->open_fds = count_fds();
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        out->max_fds = (int64_t)limit.rlim_cur;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0)
        out->cpu_ns = (uint64_t)cpu.tv_sec * 1000000000u + (uint64_t)cpu.tv_nsec;
}
