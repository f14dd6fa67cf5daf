// SPDX-License-Identifier: Apache-2.0
// A watch tells of a changed file on its thread, which reads it and posts the keys to the loop.
// `lock` guards what any thread asks: the keys in force, and how much of its rate each has used.
#include "common/keys/keyring.h"

#include <pthread.h>

#include "common/base/mem.h"
#include "common/keys/keys_bucket.h"
#include "common/keys/file_watch.h"
#include "common/log/log.h"

#define LOG_COMPONENT "keys"

enum { LOOK_EVERY_MS = 1000 };

struct keyring {
    char *path;
    struct file_watch *watch;
    struct mailbox *read; // of keys that have been read

    pthread_mutex_t lock;
    struct keys *keys;
    struct keys_bucket *buckets; // [keys_count(keys)]
    struct keyring_stats stats;
};

// ---- Reading ------------------------------------------------------------------------------------

// Buckets go from key to key by id: a reload gives nobody a fresh one.
static struct keys_bucket *buckets_move(const struct keyring *keyring, const struct keys *keys)
{
    size_t n = keys_count(keys);
    struct keys_bucket *buckets = mem_zalloc((n + 1) * sizeof *buckets);
    for (size_t i = 0; i < n && keyring->keys != NULL; i++) {
        const struct keys_key *key = keys_at(keys, i);
        const struct keys_key *old =
            key->rate == 0 ? NULL : keys_find_id(keyring->keys, span_of(key->id));
        if (old != NULL)
            buckets[i] = keyring->buckets[old - keys_at(keyring->keys, 0)];
    }
    return buckets;
}

static void put_in_force(struct keyring *keyring, struct keys *keys)
{
    CHECK(pthread_mutex_lock(&keyring->lock) == 0);
    struct keys_bucket *buckets = buckets_move(keyring, keys);
    struct keys *old = keyring->keys;
    struct keys_bucket *old_buckets = keyring->buckets;
    keyring->keys = keys;
    keyring->buckets = buckets;
    keyring->stats.keys = keys_count(keys);
    keyring->stats.reloads += old != NULL;
    CHECK(pthread_mutex_unlock(&keyring->lock) == 0);
    keys_release(old);
    mem_free(old_buckets);
}

static void read_cb(void *arg, void *item)
{
    struct keyring *keyring = arg;
    put_in_force(keyring, item);
    LOG_INFO("keys_read", "keys=%llu", (unsigned long long)keyring->stats.keys);
}

static void count_failure(struct keyring *keyring)
{
    CHECK(pthread_mutex_lock(&keyring->lock) == 0);
    keyring->stats.failures++;
    CHECK(pthread_mutex_unlock(&keyring->lock) == 0);
}

static enum err read_file(const struct keyring *keyring, struct keys **out, struct err_info *info)
{
    struct buf report = {0};
    enum err err = keys_read_file(keyring->path, out, &report, info);
    if (err != ERR_OK)
        LOG_ERROR("keys_not_read", "file=\"%s\" err=%s msg=\"%s\" report=\"" SPAN_FMT "\"",
                  keyring->path, err_name(err), info->text, SPAN_ARG(buf_span(&report)));
    buf_deinit(&report);
    return err;
}

static bool changed_on_watch(void *arg, bool there)
{
    struct keyring *keyring = arg;
    struct keys *keys = NULL;
    struct err_info info;
    enum err err = read_file(keyring, &keys, &info);
    (void)there; // reading says it too
    if (err != ERR_OK) {
        count_failure(keyring);
        return true;
    }
    if (mailbox_post(keyring->read, keys) == ERR_OK)
        return true;
    keys_release(keys); // the loop has not taken the last ones yet
    return false;
}

// ---- Life ---------------------------------------------------------------------------------------

enum err keyring_open(struct loop *loop, const struct keyring_opts *opts, struct keyring **out,
                      struct err_info *info)
{
    struct keyring *keyring = mem_zalloc(sizeof *keyring);
    struct keys *keys = NULL;
    int64_t every_ms = opts->look_every_ms > 0 ? opts->look_every_ms : LOOK_EVERY_MS;
    keyring->path = mem_dup_text(opts->path);
    CHECK(pthread_mutex_init(&keyring->lock, NULL) == 0);
    keyring->read = mailbox_create(loop, 1, read_cb, keyring);
    // Before the file is read: a change after that is seen.
    keyring->watch = file_watch_open(keyring->path, every_ms, changed_on_watch, keyring);
    struct err_info why = {""};
    enum err err = read_file(keyring, &keys, &why);
    if (err == ERR_OK) {
        put_in_force(keyring, keys);
        *out = keyring;
        return ERR_OK;
    }
    keyring_close(keyring);
    return err_set(info, err, "keys: %s: %s", opts->path, why.text);
}

void keyring_close(struct keyring *keyring)
{
    if (keyring == NULL)
        return;
    file_watch_close(keyring->watch);
    mailbox_destroy(keyring->read);
    keys_release(keyring->keys);
    CHECK(pthread_mutex_destroy(&keyring->lock) == 0);
    mem_free(keyring->buckets);
    mem_free(keyring->path);
    mem_free(keyring);
}

// ---- Asking -------------------------------------------------------------------------------------

enum keys_verdict keyring_ask(struct keyring *keyring, struct span text, int64_t now_ms,
                              struct keys **held, const struct keys_key **out)
{
    CHECK(pthread_mutex_lock(&keyring->lock) == 0);
    *held = keys_hold(keyring->keys);
    CHECK(pthread_mutex_unlock(&keyring->lock) == 0);
    return keys_ask(*held, text, now_ms, out);
}

bool keyring_take(struct keyring *keyring, const struct keys_key *key, int64_t n, int64_t now_ms,
                  int64_t *wait_ms)
{
    bool taken = true;
    *wait_ms = 0;
    if (key->rate == 0)
        return true;
    CHECK(pthread_mutex_lock(&keyring->lock) == 0);
    const struct keys_key *now = keys_find_id(keyring->keys, span_of(key->id));
    if (now != NULL && now->rate > 0) {
        const struct keys_bucket_limit limit = {now->rate, now->burst};
        taken = keys_bucket_take(&keyring->buckets[now - keys_at(keyring->keys, 0)], &limit, n,
                                 now_ms, wait_ms);
    }
    CHECK(pthread_mutex_unlock(&keyring->lock) == 0);
    return taken;
}

void keyring_stats(struct keyring *keyring, struct keyring_stats *out)
{
    CHECK(pthread_mutex_lock(&keyring->lock) == 0);
    *out = keyring->stats;
    CHECK(pthread_mutex_unlock(&keyring->lock) == 0);
}
