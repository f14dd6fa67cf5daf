// SPDX-License-Identifier: Apache-2.0
// A timer on the loop looks at the file's inode, size and times. When they have changed, a thread
// of its own reads the file and posts what it found back to the loop: a large file takes longer
// than a turn of the loop may. One reading at a time; a change during it is seen after it.
//
// `lock` guards what any thread asks: the keys in force and how much of its rate each has used.
#include "common/keys/keyring.h"

#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/mem.h"
#include "common/keys/bucket.h"
#include "common/log/log.h"
#include "common/loop/queue.h"

#define LOG_COMPONENT "keys"

enum { LOOK_EVERY_MS = 1000 };

struct look {
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec changed, modified;
};

struct keyring {
    char *path;
    void (*changed)(void *arg);
    void *arg;
    struct loop_timer *timer;
    struct mailbox *read;
    struct thread *reader; // NULL: none
    struct look look;      // at the file that was read last
    bool gone;             // and that was said
    // What the reader found.
    struct keys *found;
    enum err found_err;
    struct err_info found_info;
    struct buf found_report;

    pthread_mutex_t lock;
    struct keys *keys;
    struct bucket *buckets; // [keys_count(keys)]
    struct keyring_stats stats;
};

// ---- Reading ------------------------------------------------------------------------------------

static bool look_at(const char *path, struct look *out)
{
    struct stat st;
    *out = (struct look){0};
    if (stat(path, &st) != 0)
        return false;
    *out = (struct look){st.st_dev, st.st_ino, st.st_size, st.st_ctim, st.st_mtim};
    return true;
}

static bool look_eq(const struct look *a, const struct look *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec &&
           a->modified.tv_sec == b->modified.tv_sec && a->modified.tv_nsec == b->modified.tv_nsec;
}

// Buckets go from key to key by id: a reload gives nobody a fresh one.
static struct bucket *buckets_move(const struct keyring *keyring, const struct keys *keys)
{
    size_t n = keys_count(keys);
    struct bucket *buckets = mem_zalloc((n + 1) * sizeof *buckets);
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
    struct bucket *buckets = buckets_move(keyring, keys);
    CHECK(pthread_mutex_lock(&keyring->lock) == 0);
    struct keys *old = keyring->keys;
    struct bucket *old_buckets = keyring->buckets;
    keyring->keys = keys;
    keyring->buckets = buckets;
    keyring->stats.keys = keys_count(keys);
    keyring->stats.reloads += old != NULL;
    CHECK(pthread_mutex_unlock(&keyring->lock) == 0);
    keys_release(old);
    mem_free(old_buckets);
}

static void read_on_reader(void *arg)
{
    struct keyring *keyring = arg;
    buf_clear(&keyring->found_report);
    keyring->found_err = keys_read_file(keyring->path, &keyring->found, &keyring->found_report,
                                        &keyring->found_info);
    CHECK(mailbox_post(keyring->read, keyring) == ERR_OK);
}

static void count_failure(struct keyring *keyring)
{
    CHECK(pthread_mutex_lock(&keyring->lock) == 0);
    keyring->stats.failures++;
    CHECK(pthread_mutex_unlock(&keyring->lock) == 0);
}

static void say_mistakes(struct keyring *keyring)
{
    count_failure(keyring);
    LOG_ERROR("keys_not_read", "file=\"%s\" err=%s msg=\"%s\" report=\"" SPAN_FMT "\"",
              keyring->path, err_name(keyring->found_err), keyring->found_info.text,
              SPAN_ARG(buf_span(&keyring->found_report)));
}

static void read_cb(void *arg, void *item)
{
    struct keyring *keyring = arg;
    (void)item;
    if (keyring->reader != NULL) // else the keyring closes, and has waited for it
        thread_join(keyring->reader);
    keyring->reader = NULL;
    if (keyring->found_err != ERR_OK) {
        say_mistakes(keyring);
        return;
    }
    put_in_force(keyring, keyring->found);
    keyring->found = NULL;
    LOG_INFO("keys_read", "keys=%llu", (unsigned long long)keyring->stats.keys);
    if (keyring->changed != NULL)
        keyring->changed(keyring->arg);
}

static void look_cb(void *arg)
{
    struct keyring *keyring = arg;
    struct look look;
    if (keyring->reader != NULL)
        return;
    if (!look_at(keyring->path, &look)) {
        if (!keyring->gone) {
            count_failure(keyring);
            LOG_ERROR("keys_gone", "file=\"%s\" msg=\"the keys that were read last serve on\"",
                      keyring->path);
        }
        keyring->gone = true;
        keyring->look = look;
        return;
    }
    keyring->gone = false;
    if (look_eq(&look, &keyring->look))
        return;
    keyring->look = look; // from before the reading: a change during it is seen the next time
    keyring->reader = thread_start("keys", read_on_reader, keyring);
}

// ---- Life ---------------------------------------------------------------------------------------

enum err keyring_open(struct loop *loop, const struct keyring_opts *opts, struct keyring **out,
                      struct err_info *info)
{
    struct keyring *keyring = mem_zalloc(sizeof *keyring);
    uint64_t every_ms = opts->look_every_ms > 0 ? (uint64_t)opts->look_every_ms : LOOK_EVERY_MS;
    keyring->path = mem_dup_text(opts->path);
    keyring->changed = opts->changed;
    keyring->arg = opts->arg;
    CHECK(pthread_mutex_init(&keyring->lock, NULL) == 0);
    (void)look_at(keyring->path, &keyring->look);
    keyring->found_err = keys_read_file(keyring->path, &keyring->found, &keyring->found_report,
                                        &keyring->found_info);
    enum err err = keyring->found_err;
    if (err == ERR_OK) {
        put_in_force(keyring, keyring->found);
        keyring->found = NULL;
        keyring->read = mailbox_create(loop, 1, read_cb, keyring);
        keyring->timer = loop_timer_create(loop, look_cb, keyring);
        loop_timer_start(keyring->timer, every_ms, every_ms);
        *out = keyring;
        return ERR_OK;
    }
    say_mistakes(keyring);
    (void)err_set(info, err, "%s: %s", keyring->path, keyring->found_info.text);
    keyring_close(keyring);
    return err;
}

void keyring_close(struct keyring *keyring)
{
    if (keyring == NULL)
        return;
    loop_timer_destroy(keyring->timer);
    keyring->changed = NULL;
    if (keyring->reader != NULL)
        thread_join(keyring->reader);
    keyring->reader = NULL;
    mailbox_destroy(keyring->read);
    keys_release(keyring->found);
    keys_release(keyring->keys);
    buf_deinit(&keyring->found_report);
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
        const struct bucket_limit limit = {now->rate, now->burst};
        taken = bucket_take(&keyring->buckets[now - keys_at(keyring->keys, 0)], &limit, n, now_ms,
                            wait_ms);
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
