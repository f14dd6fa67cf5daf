// SPDX-License-Identifier: Apache-2.0
#include "cli/keys_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/file.h"

// A file beside it: the keys' own is replaced by every change.
static enum err lock_take(struct keys_file *file, struct err_info *info)
{
    char path[sizeof file->path + 8];
    snprintf(path, sizeof path, "%s.lock", file->path);
    file->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file->lock < 0 || flock(file->lock, LOCK_EX) != 0)
        return err_set(info, ERR_IO, "%s: %s", path, strerror(errno));
    return ERR_OK;
}

enum err keys_file_open(const char *dir, const char *path, bool change, struct keys_file *out,
                        struct err_info *info)
{
    struct buf report = {0};
    *out = (struct keys_file){.lock = -1};
    int n = path != NULL ? snprintf(out->path, sizeof out->path, "%s", path)
                         : snprintf(out->path, sizeof out->path, "%s/keys.yaml", dir);
    if (n < 0 || (size_t)n >= sizeof out->path)
        return err_set(info, ERR_INVALID, "the path is too long");
    if (change && path == NULL)
        (void)mkdir(dir, 0755); // keys may come before the first start
    if (change && lock_take(out, info) != ERR_OK)
        return ERR_IO;
    enum err err = keys_read_file(out->path, &out->keys, &report, info);
    if (err == ERR_NOT_FOUND && change) {
        out->keys = keys_create();
        out->fresh = true;
        err = ERR_OK;
    } else if (err == ERR_NOT_FOUND) {
        err_set(info, err, "there are no keys in %s: `assay keys add` makes one", out->path);
    }
    if (report.len > 0)
        fwrite(report.bytes, 1, report.len, stderr);
    buf_deinit(&report);
    if (err != ERR_OK)
        keys_file_close(out);
    return err;
}

enum err keys_file_save(struct keys_file *file, struct err_info *info)
{
    struct buf text = {0};
    CHECK(file->lock >= 0);
    keys_write(file->keys, &text);
    enum err err = file_write_private(file->path, buf_span(&text), info);
    buf_deinit(&text);
    return err;
}

void keys_file_close(struct keys_file *file)
{
    keys_release(file->keys);
    file->keys = NULL;
    if (file->lock >= 0)
        close(file->lock); // gives the lock up
    file->lock = -1;
}

enum err keys_file_write_token(const char *path, const char *token, struct err_info *info)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(info, errno == EEXIST ? ERR_CONFLICT : ERR_IO, "%s: %s", path,
                       strerror(errno));
    bool good = dprintf(fd, "%s\n", token) > 0 && fsync(fd) == 0;
    int error = errno;
    close(fd);
    if (good)
        return ERR_OK;
    (void)unlink(path);
    return err_set(info, ERR_IO, "write %s: %s", path, strerror(error));
}
