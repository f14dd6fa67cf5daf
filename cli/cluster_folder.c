// SPDX-License-Identifier: Apache-2.0
#include "cli/cluster.h"
#include "cli/file.h"

#include "common/base/mem.h"
#include "common/base/time_text.h"
#include "common/config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *cluster_path(struct arena *arena, const char *dir, const char *relative)
{
    return arena_printf(arena, "%s/%s", dir, relative);
}

char *cluster_quoted(struct arena *arena, const char *dir)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,@";
    if (dir[0] != '\0' && strspn(dir, plain) == strlen(dir))
        return arena_dup(arena, span_of(dir));
    char *out = arena_alloc(arena, 4 * strlen(dir) + 3), *to = out;
    *to++ = '\'';
    for (const char *c = dir; *c != '\0'; c++) {
        if (*c == '\'')
            to = stpcpy(to, "'\\''");
        else
            *to++ = *c;
    }
    *to++ = '\'';
    return out;
}

// ---- Facts --------------------------------------------------------------------------------------

struct facts_file {
    int64_t shards, scorers;
    int clock, accounts;
    const char *created;
};

static const char *const CLOCKS[] = {"wall", "event", NULL};
static const char *const ACCOUNTS[] = {"personal", "email_domain", NULL};
static const struct config_field FACTS_FIELDS[] = {
    {"shards", CONFIG_INT, offsetof(struct facts_file, shards), NULL, 1, SHARD_COUNT_MAX, NULL,
     "Slices that accounts are dealt into"},
    {"scorers", CONFIG_INT, offsetof(struct facts_file, scorers), NULL, 1, CLUSTER_SCORERS_MAX,
     NULL, "Scorer processes"},
    {"clock", CONFIG_CHOICE, offsetof(struct facts_file, clock), NULL, 0, 0, CLOCKS,
     "What moves the cluster's clock"},
    {"created", CONFIG_TEXT, offsetof(struct facts_file, created), NULL, 0, 64, NULL,
     "When the cluster was made"},
    {"accounts", CONFIG_CHOICE, offsetof(struct facts_file, accounts), "personal", 0, 0, ACCOUNTS,
     "Whose events without a group are"},
};

enum err cluster_facts_read(const char *dir, struct cluster_facts *out, struct err_info *info)
{
    struct arena arena;
    arena_init(&arena, 1024, 0);
    char *path = cluster_path(&arena, dir, "cluster.yaml");
    if (access(path, F_OK) != 0) {
        arena_deinit(&arena);
        return err_set(info, ERR_NOT_FOUND, "no cluster was made in %s", dir);
    }
    struct config *config = config_load_file(path);
    struct facts_file file = {0};
    enum err err = ERR_OK;
    if (config_error_count(config) == 0)
        (void)config_fill(config, config_root(config), FACTS_FIELDS, ARRAY_LEN(FACTS_FIELDS), &file,
                          &arena);
    int64_t created_ms = 0;
    if (config_error_count(config) == 0 && !time_parse(span_of(file.created), &created_ms))
        config_error(config, config_get(config_root(config), "created"), "expected an instant");
    if (config_error_count(config) != 0) {
        struct buf report = {0};
        config_report(config, &report);
        err = err_set(info, ERR_INVALID, SPAN_FMT, SPAN_ARG(buf_span(&report)));
        buf_deinit(&report);
    } else {
        *out = (struct cluster_facts){file.shards, file.scorers, file.clock == 1, created_ms,
                                      file.accounts == 1};
    }
    config_destroy(config);
    arena_deinit(&arena);
    return err;
}

enum err cluster_facts_write(const char *dir, const struct cluster_facts *facts,
                             struct err_info *info)
{
    struct arena arena;
    struct buf text = {0};
    char created[TIME_TEXT_MAX];
    arena_init(&arena, 1024, 0);
    buf_printf(&text,
               "# Fixed when the cluster was made; `assay up` reads it.\n"
               "shards: %lld\nscorers: %lld\nclock: %s\ncreated: \"%s\"\naccounts: %s\n",
               (long long)facts->shards, (long long)facts->scorers,
               CLOCKS[facts->event_clock ? 1 : 0], time_format(facts->created_ms, created),
               ACCOUNTS[facts->by_domain ? 1 : 0]);
    enum err err = file_write(cluster_path(&arena, dir, "cluster.yaml"), buf_span(&text), info);
    buf_deinit(&text);
    arena_deinit(&arena);
    return err;
}

// ---- Endpoints ----------------------------------------------------------------------------------

enum err cluster_endpoints_read(const char *dir, struct cluster_endpoint **out, size_t *n,
                                struct err_info *info)
{
    struct arena arena;
    arena_init(&arena, 1024, 0);
    FILE *file = fopen(cluster_path(&arena, dir, "run/endpoints"), "re");
    arena_deinit(&arena);
    if (file == NULL)
        return err_set(info, ERR_NOT_FOUND, "%s/run/endpoints: %s", dir, strerror(errno));
    struct cluster_endpoint *list = NULL, one;
    size_t cap = 0;
    *n = 0;
    while (*n < CLUSTER_SCORERS_MAX + 8 && fscanf(file, "%63s %199s", one.name, one.url) == 2) {
        MEM_GROW(list, *n, cap);
        list[(*n)++] = one;
    }
    fclose(file);
    if (*n == 0)
        return err_set(info, ERR_NOT_FOUND, "%s/run/endpoints names no service", dir);
    *out = list;
    return ERR_OK;
}

// ---- The lock -----------------------------------------------------------------------------------

// A lock of fcntl's: it ends with the process, however that ends, and tells who holds it.
enum err cluster_lock(const char *dir, int *holder, struct err_info *info)
{
    struct arena arena;
    arena_init(&arena, 1024, 0);
    char *path = cluster_path(&arena, dir, "lock");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    enum err err = ERR_OK;
    if (fd < 0)
        err = err_set(info, ERR_IO, "%s: %s", path, strerror(errno));
    arena_deinit(&arena);
    if (err != ERR_OK)
        return err;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_SETLK, &lock) == 0)
        return ERR_OK; // the descriptor stays open: closing it would give the lock up
    close(fd);
    *holder = cluster_holder(dir);
    return err_set(info, ERR_BUSY, "a cluster already runs in %s (process %d)", dir, *holder);
}

int cluster_holder(const char *dir)
{
    struct arena arena;
    arena_init(&arena, 1024, 0);
    int fd = open(cluster_path(&arena, dir, "lock"), O_RDWR | O_CLOEXEC);
    arena_deinit(&arena);
    if (fd < 0)
        return 0;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int holder = fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK ? lock.l_pid : 0;
    close(fd);
    return holder;
}
