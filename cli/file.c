// SPDX-License-Identifier: Apache-2.0
#include "cli/file.h"

#include "common/base/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum err write_all(int fd, struct span text)
{
    const char *at = text.ptr;
    for (size_t left = text.len; left > 0;) {
        ssize_t n = write(fd, at, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ERR_IO;
        at += n;
        left -= (size_t)n;
    }
    return fsync(fd) == 0 ? ERR_OK : ERR_IO;
}

static enum err replace(const char *path, mode_t mode, struct span text, struct err_info *info)
{
    struct arena arena;
    arena_init(&arena, 1024, 0);
    char *fresh = arena_printf(&arena, "%s.new", path);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    bool good = fd >= 0 && (mode != 0600 || fchmod(fd, mode) == 0) &&
                write_all(fd, text) == ERR_OK && rename(fresh, path) == 0;
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (fd >= 0 && !good)
        (void)unlink(fresh);
    arena_deinit(&arena);
    return good ? ERR_OK : err_set(info, ERR_IO, "write %s: %s", path, strerror(error));
}

enum err file_write(const char *path, struct span text, struct err_info *info)
{
    return replace(path, 0644, text, info);
}

enum err file_write_private(const char *path, struct span text, struct err_info *info)
{
    return replace(path, 0600, text, info);
}

enum err file_read(const char *path, size_t bytes_max, struct buf *out, struct err_info *info)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(info, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
                       strerror(errno));
    enum err err = ERR_OK;
    for (size_t total = 0;;) {
        ssize_t n = read(fd, buf_reserve(out, 65536), 65536);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            err = err_set(info, ERR_IO, "%s: %s", path, strerror(errno));
        if (n <= 0)
            break;
        out->len += (size_t)n;
        total += (size_t)n;
        if (total > bytes_max) {
            err = err_set(info, ERR_FULL, "%s: more than %zu bytes", path, bytes_max);
            break;
        }
    }
    close(fd);
    return err;
}
