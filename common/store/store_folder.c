// SPDX-License-Identifier: Apache-2.0
#include "common/store/store_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/store/store.h"

enum err store_folder_sync(const char *path, struct err_info *info)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_set(info, ERR_INVALID, "folder %s: %s", path, strerror(errno));
    int failed = fsync(fd) != 0 ? errno : 0;
    close(fd);
    if (failed != 0)
        return err_set(info, ERR_IO, "folder %s: sync: %s", path, strerror(failed));
    return ERR_OK;
}

// "a/b/" -> "a", "b" -> ".", "/b" -> "/".
static void folder_parent(const char *path, char out[PATH_MAX])
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    while (n > 0 && path[n - 1] != '/')
        n--;
    while (n > 1 && path[n - 1] == '/')
        n--;
    if (n == 0)
        snprintf(out, PATH_MAX, ".");
    else
        snprintf(out, PATH_MAX, "%.*s", (int)n, path);
}

enum err store_folder_make(const char *path, struct err_info *info)
{
    size_t n = strlen(path);
    if (n == 0 || n >= PATH_MAX - 32)
        return err_set(info, ERR_INVALID, "folder: a path of %zu bytes", n);
    if (mkdir(path, 0750) != 0) {
        if (errno != EEXIST)
            return err_set(info, ERR_INVALID, "make folder %s: %s", path, strerror(errno));
        struct stat st;
        if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
            return err_set(info, ERR_INVALID, "%s is not a folder", path);
        return ERR_OK;
    }
    char parent[PATH_MAX];
    folder_parent(path, parent);
    return store_folder_sync(parent, info);
}

// The lock belongs to the open file, so a second open in the same process meets it as well (which a
// lock by fcntl would not).
enum err store_folder_lock(const char *path, int *fd, struct err_info *info)
{
    char file[PATH_MAX];
    snprintf(file, sizeof file, "%s/owner.lock", path);
    *fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (*fd < 0)
        return err_set(info, ERR_INVALID, "open %s: %s", file, strerror(errno));
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
        return ERR_OK;
    int failed = errno;
    close(*fd);
    *fd = -1;
    if (failed == EWOULDBLOCK)
        return err_set(info, ERR_BUSY, "%s is open already, in this process or another one", path);
    return err_set(info, ERR_IO, "lock %s: %s", file, strerror(failed));
}

uint64_t store_disk_free(const char *path)
{
    struct statvfs st;
    if (statvfs(path, &st) != 0)
        return 0;
    return (uint64_t)st.f_bavail * st.f_frsize;
}
