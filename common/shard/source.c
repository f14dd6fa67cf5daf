// SPDX-License-Identifier: Apache-2.0
// A map in a file. Replacing it: lock PATH.lock, compare the version, write PATH.tmp, sync it,
// rename it over PATH, sync the directory. A reader sees the old map or the new one; a crash leaves
// the old one, or the new one, and at most a PATH.tmp that the next swap writes over.
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/shard/shard_impl.h"

struct shard_source {
    char *path;
    char *path_tmp;
    char *path_lock;
};

static char *shard_path_with(const char *path, const char *suffix)
{
    struct buf buf = {0};
    buf_printf(&buf, "%s%s", path, suffix);
    char *copy = mem_dup(buf_span(&buf));
    buf_deinit(&buf);
    return copy;
}

static enum err shard_read_bytes(const char *path, struct buf *out, struct err_info *info)
{
    enum { CHUNK = 16 * 1024 };
    enum err err = ERR_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return err_set(info, ERR_NOT_FOUND, "%s: there is no shard map yet", path);
    if (fd < 0)
        return err_set(info, ERR_UNAVAILABLE, "%s: %s", path, strerror(errno));
    for (;;) {
        ssize_t n = read(fd, buf_reserve(out, CHUNK), CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            err = err_set(info, ERR_UNAVAILABLE, "%s: %s", path, strerror(errno));
        if (n <= 0)
            break;
        out->len += (size_t)n;
        if (out->len > SHARD_TEXT_BYTES_MAX) {
            err = err_set(info, ERR_CORRUPT, "%s: too large for a shard map", path);
            break;
        }
    }
    close(fd);
    return err;
}

enum err shard_source_read(struct shard_source *source, struct shard_map **out,
                           struct err_info *info)
{
    struct buf bytes = {0};
    *out = NULL;
    enum err err = shard_read_bytes(source->path, &bytes, info);
    if (err == ERR_OK) {
        err = shard_map_parse(buf_span(&bytes), out, info);
        if (err != ERR_OK)
            err_prefix(info, err, "%s", source->path);
    }
    buf_deinit(&bytes);
    return err;
}

enum err shard_source_open_file(const char *path, struct shard_source **out, struct err_info *info)
{
    struct shard_source *source = mem_zalloc(sizeof *source);
    struct shard_map *map;
    source->path = mem_dup_text(path);
    source->path_tmp = shard_path_with(path, ".tmp");
    source->path_lock = shard_path_with(path, ".lock");
    *out = NULL;
    enum err err = shard_source_read(source, &map, info);
    shard_map_destroy(map);
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        shard_source_close(source);
        return err;
    }
    *out = source;
    return ERR_OK;
}

void shard_source_close(struct shard_source *source)
{
    if (source == NULL)
        return;
    mem_free(source->path);
    mem_free(source->path_tmp);
    mem_free(source->path_lock);
    mem_free(source);
}

static bool shard_write_all(int fd, struct span bytes)
{
    const char *p = bytes.ptr;
    for (size_t at = 0; at < bytes.len;) {
        ssize_t n = write(fd, p + at, bytes.len - at);
        if (n < 0 && errno != EINTR)
            return false;
        at += n < 0 ? 0 : (size_t)n;
    }
    return fsync(fd) == 0;
}

static enum err shard_sync_dir(const char *path, struct err_info *info)
{
    char *copy = mem_dup_text(path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    if (!good)
        err_set(info, ERR_IO, "%s: sync of its directory: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    mem_free(copy);
    return good ? ERR_OK : ERR_IO;
}

static enum err shard_write_file(const struct shard_source *source, struct span bytes,
                                 struct err_info *info)
{
    int fd = open(source->path_tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return err_set(info, ERR_IO, "%s: %s", source->path_tmp, strerror(errno));
    bool good = shard_write_all(fd, bytes);
    if (!good)
        err_set(info, ERR_IO, "%s: %s", source->path_tmp, strerror(errno));
    close(fd);
    if (!good)
        return ERR_IO;
    if (rename(source->path_tmp, source->path) != 0)
        return err_set(info, ERR_IO, "%s: %s", source->path, strerror(errno));
    return shard_sync_dir(source->path, info);
}

static enum err shard_swap_locked(struct shard_source *source, uint64_t expected,
                                  const struct shard_map *map, struct err_info *info)
{
    struct shard_map *now;
    struct buf bytes = {0};
    enum err err = shard_source_read(source, &now, info);
    if (err != ERR_OK && err != ERR_NOT_FOUND)
        return err;
    uint64_t version = now == NULL ? 0 : now->version;
    shard_map_destroy(now);
    if (version != expected)
        return err_set(info, ERR_CONFLICT, "%s: the shard map has version %llu, expected %llu",
                       source->path, (unsigned long long)version, (unsigned long long)expected);
    err = shard_map_format(map, &bytes, info);
    if (err == ERR_OK)
        err = shard_write_file(source, buf_span(&bytes), info);
    buf_deinit(&bytes);
    return err;
}

enum err shard_source_swap(struct shard_source *source, uint64_t expected,
                           const struct shard_map *map, struct err_info *info)
{
    if (map->version <= expected)
        return err_set(info, ERR_INVALID, "version %llu of the shard map is not above %llu",
                       (unsigned long long)map->version, (unsigned long long)expected);
    int fd = open(source->path_lock, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return err_set(info, ERR_IO, "%s: %s", source->path_lock, strerror(errno));
    int locked;
    while ((locked = flock(fd, LOCK_EX)) != 0 && errno == EINTR)
        ;
    enum err err = locked == 0
                       ? shard_swap_locked(source, expected, map, info)
                       : err_set(info, ERR_IO, "%s: %s", source->path_lock, strerror(errno));
    close(fd); // gives the lock back
    return err;
}
