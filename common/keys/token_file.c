// SPDX-License-Identifier: Apache-2.0
#include "common/keys/token_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/keys/token.h"
#include "common/keys/file_watch.h"
#include "common/log/log.h"

#define LOG_COMPONENT "keys"

enum { LOOK_EVERY_MS = 1000 };

static const char SCHEME[] = "Bearer ";

struct token_file {
    char *path;
    char *authorization;
    struct file_watch *watch;
    struct mailbox *read; // of the texts that take its place
};

// ---- Reading ------------------------------------------------------------------------------------

static enum err read_all(const char *path, char *bytes, size_t most, size_t *n,
                         struct err_info *info)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, bytes, most);
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (got < 0)
        return err_set(info, error == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
                       strerror(error));
    *n = (size_t)got;
    return ERR_OK;
}

enum err token_file_read(const char *path, char *out, struct err_info *info)
{
    char bytes[TOKEN_CHARS_MAX + 16];
    size_t n = 0;
    enum err err = read_all(path, bytes, sizeof bytes, &n, info);
    if (err != ERR_OK)
        return err;
    while (n > 0 && strchr(" \t\r\n", bytes[n - 1]) != NULL)
        n--;
    bool good = n > 0 && n <= TOKEN_CHARS_MAX;
    for (size_t i = 0; i < n; i++)
        good = good && bytes[i] > ' ' && bytes[i] <= '~';
    if (good)
        snprintf(out, TOKEN_CHARS_MAX + 1, "%.*s", (int)n, bytes);
    token_wipe(bytes, sizeof bytes);
    if (good)
        return ERR_OK;
    return err_set(info, ERR_INVALID, "%s: expected a token and nothing else", path);
}

static enum err read_authorization(const char *path, char **out, struct err_info *info)
{
    char text[sizeof SCHEME + TOKEN_CHARS_MAX];
    memcpy(text, SCHEME, sizeof SCHEME);
    enum err err = token_file_read(path, text + sizeof SCHEME - 1, info);
    if (err == ERR_OK)
        *out = mem_dup_text(text);
    token_wipe(text, sizeof text);
    return err;
}

static void forget(char *text)
{
    if (text != NULL)
        token_wipe(text, strlen(text));
    mem_free(text);
}

static bool changed_on_watch(void *arg, bool there)
{
    struct token_file *file = arg;
    struct err_info info;
    char *text = NULL;
    (void)there; // reading says it too
    if (read_authorization(file->path, &text, &info) != ERR_OK) {
        LOG_ERROR("token_not_read", "msg=\"%s\"", info.text);
        return true;
    }
    if (mailbox_post(file->read, text) == ERR_OK)
        return true;
    forget(text);
    return false;
}

static void read_cb(void *arg, void *item)
{
    struct token_file *file = arg;
    forget(file->authorization);
    file->authorization = item;
    LOG_INFO("token_read");
}

// ---- Life ---------------------------------------------------------------------------------------

enum err token_file_open(struct loop *loop, const struct token_file_opts *opts,
                         struct token_file **out, struct err_info *info)
{
    struct token_file *file = mem_zalloc(sizeof *file);
    int64_t every_ms = opts->look_every_ms > 0 ? opts->look_every_ms : LOOK_EVERY_MS;
    file->path = mem_dup_text(opts->path);
    file->read = mailbox_create(loop, 1, read_cb, file);
    file->watch = file_watch_open(file->path, every_ms, changed_on_watch, file);
    enum err err = read_authorization(file->path, &file->authorization, info);
    if (err == ERR_OK) {
        *out = file;
        return ERR_OK;
    }
    token_file_close(file);
    return err;
}

void token_file_close(struct token_file *file)
{
    if (file == NULL)
        return;
    file_watch_close(file->watch);
    mailbox_destroy(file->read);
    forget(file->authorization);
    mem_free(file->path);
    mem_free(file);
}

const char *token_file_authorization(void *arg)
{
    const struct token_file *file = arg;
    return file == NULL ? "" : file->authorization;
}
