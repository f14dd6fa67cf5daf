// SPDX-License-Identifier: Apache-2.0
// Changes are written one after the other into `gathered`: table, key and value (none: delete). A
// flush swaps it with `writing`, which is the thread's until it posts back.
//
// A commit that fails because the disk is full would make the store unusable, so there has to be
// room first; without it the thread waits and tries again, and webhook_shelf_behind stops new work.
#include "services/router/webhook/shelf.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "assay/record/v1/record_webhook.pb-c.h"
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "common/log/log.h"
#include "common/loop/queue.h"
#include "common/store/store.h"

#define LOG_COMPONENT "webhook"

enum { TABLE_WEBHOOKS, TABLE_PENDING, TABLE_DEAD, TABLES };
enum { SCHEMA = 1, BEHIND_BYTES = 4 * 1024 * 1024, NO_ROOM_PAUSE_MS = 500 };
static const uint64_t MAP_BYTES = 8ull * 1024 * 1024 * 1024;
static const uint64_t DISK_RESERVE_BYTES = 64ull * 1024 * 1024;

static const struct store_table TABLE_LIST[TABLES] = {
    [TABLE_WEBHOOKS] = {"webhooks", STORE_KEY_BYTES},
    [TABLE_PENDING] = {"pending", STORE_KEY_BYTES},
    [TABLE_DEAD] = {"dead", STORE_KEY_BYTES},
};

struct webhook_shelf {
    char *path;
    struct store *store;
    uint64_t instance;
    struct buf gathered, writing;
    bool busy; // `writing` is the thread's
    bool closing;
    atomic_bool hurry; // for the thread: do not wait for room
    webhook_shelf_closed_cb closed;
    void *closed_arg;
    struct queue *jobs;
    struct mailbox *written;
    struct thread *thread;
};

// ---- Rows ---------------------------------------------------------------------------------------

struct key {
    uint8_t bytes[STORE_KEY_MAX];
    size_t n;
};

static struct key key_of(const char *name, uint64_t number)
{
    struct key key = {.n = strlen(name)};
    CHECK(key.n + 9 <= sizeof key.bytes);
    memcpy(key.bytes, name, key.n);
    key.bytes[key.n++] = '\0';
    for (int shift = 56; shift >= 0; shift -= 8)
        key.bytes[key.n++] = (uint8_t)(number >> shift);
    return key;
}

static void gather(struct webhook_shelf *shelf, uint32_t table, struct span key,
                   const ProtobufCMessage *message)
{
    size_t n = message == NULL ? 0 : protobuf_c_message_get_packed_size(message);
    uint8_t *packed = mem_alloc(n + 1);
    buf_append_u8(&shelf->gathered, (uint8_t)table);
    buf_append_u32(&shelf->gathered, (uint32_t)key.len);
    buf_append_span(&shelf->gathered, key);
    buf_append_u32(&shelf->gathered, message == NULL ? 0 : (uint32_t)n + STORE_SEAL_BYTES);
    if (message != NULL) {
        protobuf_c_message_pack(message, packed);
        store_seal(buf_reserve(&shelf->gathered, n + STORE_SEAL_BYTES), SCHEMA,
                   span_make(packed, n));
        shelf->gathered.len += n + STORE_SEAL_BYTES;
    }
    mem_free(packed);
}

static void fill(Assay__Record__V1__WebhookDeliveryRecord *record, const struct webhook_delivery *d)
{
    assay__record__v1__webhook_delivery_record__init(record);
    record->offset = d->offset;
    record->account = d->account;
    record->lead_id = (char *)d->lead_id;
    record->step = d->step;
    record->attempts = d->attempts;
    record->first_ms = d->first_ms;
    record->next_ms = d->next_ms;
    record->slow = d->slow;
    record->error = (char *)d->error;
}

static enum err read_delivery(struct span value, struct webhook_dead *out, struct err_info *info)
{
    uint8_t schema;
    struct span body;
    enum err err = store_unseal(value, &schema, &body, info);
    if (err != ERR_OK)
        return err_prefix(info, err, "a webhook's delivery");
    Assay__Record__V1__WebhookDeliveryRecord *record =
        assay__record__v1__webhook_delivery_record__unpack(NULL, body.len, body.ptr);
    if (record == NULL || schema != SCHEMA)
        err = err_set(info, ERR_CORRUPT, "a webhook's delivery cannot be read");
    if (err == ERR_OK) {
        struct webhook_delivery *d = &out->delivery;
        *out = (struct webhook_dead){.serial = record->serial, .dead_ms = record->dead_ms};
        d->offset = record->offset;
        d->account = record->account;
        d->step = record->step;
        d->attempts = record->attempts;
        d->first_ms = record->first_ms;
        d->next_ms = record->next_ms;
        d->slow = record->slow;
        snprintf(d->lead_id, sizeof d->lead_id, "%s", record->lead_id);
        snprintf(d->error, sizeof d->error, "%s", record->error);
    }
    if (record != NULL)
        assay__record__v1__webhook_delivery_record__free_unpacked(record, NULL);
    return err;
}

// ---- Changes ------------------------------------------------------------------------------------

void webhook_shelf_put(struct webhook_shelf *shelf, const char *name,
                       const struct webhook_delivery *delivery)
{
    Assay__Record__V1__WebhookDeliveryRecord record;
    struct key key = key_of(name, delivery->offset);
    fill(&record, delivery);
    gather(shelf, TABLE_PENDING, span_make(key.bytes, key.n), &record.base);
}

void webhook_shelf_erase(struct webhook_shelf *shelf, const char *name, uint64_t offset)
{
    struct key key = key_of(name, offset);
    gather(shelf, TABLE_PENDING, span_make(key.bytes, key.n), NULL);
}

void webhook_shelf_put_dead(struct webhook_shelf *shelf, const char *name,
                            const struct webhook_dead *dead)
{
    Assay__Record__V1__WebhookDeliveryRecord record;
    struct key key = key_of(name, dead->serial);
    fill(&record, &dead->delivery);
    record.serial = dead->serial;
    record.dead_ms = dead->dead_ms;
    gather(shelf, TABLE_DEAD, span_make(key.bytes, key.n), &record.base);
}

void webhook_shelf_erase_dead(struct webhook_shelf *shelf, const char *name, uint64_t serial)
{
    struct key key = key_of(name, serial);
    gather(shelf, TABLE_DEAD, span_make(key.bytes, key.n), NULL);
}

void webhook_shelf_put_cursor(struct webhook_shelf *shelf, const char *name, uint64_t cursor)
{
    Assay__Record__V1__WebhookRecord record = ASSAY__RECORD__V1__WEBHOOK_RECORD__INIT;
    record.cursor = cursor;
    gather(shelf, TABLE_WEBHOOKS, span_of(name), &record.base);
}

// ---- Writing ------------------------------------------------------------------------------------

static uint32_t take_u32(const uint8_t **at)
{
    uint32_t value;
    memcpy(&value, *at, sizeof value);
    *at += sizeof value;
    return value;
}

static enum err apply(struct store_txn *txn, const struct buf *changes, struct err_info *info)
{
    const uint8_t *at = changes->bytes;
    const uint8_t *end = at + changes->len;
    enum err err = ERR_OK;
    while (err == ERR_OK && at < end) {
        uint32_t table = *at++;
        uint32_t key_len = take_u32(&at);
        struct span key = span_make(at, key_len);
        at += key_len;
        uint32_t len = take_u32(&at);
        err = len == 0 ? store_delete(txn, table, key, info)
                       : store_put(txn, table, key, span_make(at, len), false, info);
        at += len;
    }
    return err;
}

static enum err commit(struct store *store, const struct buf *changes, struct err_info *info)
{
    struct store_txn *txn;
    enum err err = changes->len == 0 ? ERR_OK : store_write_begin(store, &txn, info);
    if (changes->len == 0 || err != ERR_OK)
        return err;
    err = apply(txn, changes, info);
    if (err == ERR_OK)
        return store_commit(txn, info);
    store_abort(txn);
    return err;
}

static void write_or_end(struct webhook_shelf *shelf)
{
    struct err_info info;
    enum err err = commit(shelf->store, &shelf->writing, &info);
    if (err == ERR_OK)
        return;
    LOG_ERROR("fatal", "err=%s msg=\"webhooks: %s\"", err_name(err), info.text);
    _exit(1); // nothing is lost: what was not written comes again
}

// False: there was none until the end, when there is no time to wait. What is not written comes
// again.
static bool wait_for_room(struct webhook_shelf *shelf)
{
    void *none;
    while (store_disk_free(shelf->path) < DISK_RESERVE_BYTES) {
        if (atomic_load(&shelf->hurry))
            return false;
        LOG_WARN("webhooks_wait", "msg=\"too little room on the disk\"");
        CHECK(queue_take(shelf->jobs, &none, 1, NO_ROOM_PAUSE_MS) == 0); // one job at a time
    }
    return true;
}

static void run_on_writer(void *arg)
{
    struct webhook_shelf *shelf = arg;
    void *job;
    // The queue is shut only when it is empty and no job is under way.
    for (;;) {
        if (queue_take(shelf->jobs, &job, 1, -1) == 0) {
            if (queue_is_shut(shelf->jobs))
                break;
            continue; // a wake for something that was over already
        }
        if (wait_for_room(shelf))
            write_or_end(shelf);
        CHECK(mailbox_post(shelf->written, shelf) == ERR_OK);
    }
    CHECK(mailbox_post(shelf->written, NULL) == ERR_OK);
}

bool webhook_shelf_changed(const struct webhook_shelf *shelf)
{
    return shelf->gathered.len > 0;
}

bool webhook_shelf_behind(const struct webhook_shelf *shelf)
{
    return shelf->gathered.len > BEHIND_BYTES;
}

void webhook_shelf_flush(struct webhook_shelf *shelf)
{
    if (shelf->busy || shelf->gathered.len == 0)
        return;
    struct buf swap = shelf->writing;
    shelf->writing = shelf->gathered;
    shelf->gathered = swap;
    buf_clear(&shelf->gathered);
    shelf->busy = true;
    CHECK(queue_put(shelf->jobs, shelf) == ERR_OK);
}

static void shelf_free(struct webhook_shelf *shelf)
{
    thread_join(shelf->thread);
    mailbox_destroy(shelf->written);
    queue_destroy(shelf->jobs);
    store_close(shelf->store);
    buf_deinit(&shelf->gathered);
    buf_deinit(&shelf->writing);
    mem_free(shelf->path);
    mem_free(shelf);
}

static void written_cb(void *arg, void *item)
{
    struct webhook_shelf *shelf = arg;
    if (item == NULL) {
        webhook_shelf_closed_cb closed = shelf->closed;
        void *closed_arg = shelf->closed_arg;
        shelf_free(shelf);
        closed(closed_arg);
        return;
    }
    shelf->busy = false;
    if (!shelf->closing)
        return;
    webhook_shelf_flush(shelf);
    if (!shelf->busy)
        queue_shut(shelf->jobs);
}

void webhook_shelf_close(struct webhook_shelf *shelf, webhook_shelf_closed_cb closed, void *arg)
{
    CHECK(!shelf->closing);
    shelf->closing = true;
    atomic_store(&shelf->hurry, true);
    shelf->closed = closed;
    shelf->closed_arg = arg;
    webhook_shelf_flush(shelf);
    if (shelf->busy)
        queue_wake(shelf->jobs);
    else
        queue_shut(shelf->jobs);
}

// ---- Reading ------------------------------------------------------------------------------------

static enum err restore_rows(struct store_txn *txn, const char *name, uint32_t table,
                             struct webhook_plan *plan, struct err_info *info)
{
    struct key first = key_of(name, 0);
    struct span prefix = span_make(first.bytes, strlen(name) + 1), key, value;
    struct store_cursor cursor;
    enum err err = store_cursor_open(txn, table, span_make(first.bytes, first.n), &cursor, info);
    if (err != ERR_OK)
        return err;
    while ((err = store_cursor_next(&cursor, &key, &value, info)) == ERR_OK) {
        struct webhook_dead row;
        if (key.len != first.n || memcmp(key.ptr, prefix.ptr, prefix.len) != 0)
            break;
        err = read_delivery(value, &row, info);
        if (err != ERR_OK)
            break;
        if (table == TABLE_PENDING)
            webhook_plan_restore(plan, &row.delivery);
        else
            webhook_plan_restore_dead(plan, &row);
    }
    store_cursor_close(&cursor);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

// NOT_FOUND: it is new.
static enum err restore(struct store_txn *txn, const char *name, struct webhook_plan *plan,
                        struct err_info *info)
{
    struct span value, body;
    uint8_t schema;
    enum err err = store_get(txn, TABLE_WEBHOOKS, span_of(name), &value, info);
    if (err == ERR_OK)
        err = store_unseal(value, &schema, &body, info);
    if (err != ERR_OK)
        return err;
    Assay__Record__V1__WebhookRecord *record =
        assay__record__v1__webhook_record__unpack(NULL, body.len, body.ptr);
    if (record == NULL || schema != SCHEMA)
        return err_set(info, ERR_CORRUPT, "the row of webhook %s cannot be read", name);
    webhook_plan_restore_cursor(plan, record->cursor);
    assay__record__v1__webhook_record__free_unpacked(record, NULL);
    err = restore_rows(txn, name, TABLE_PENDING, plan, info);
    return err == ERR_OK ? restore_rows(txn, name, TABLE_DEAD, plan, info) : err;
}

enum err webhook_shelf_load(struct webhook_shelf *shelf, const char *name, uint64_t newest,
                            struct webhook_plan *plan, struct err_info *info)
{
    struct store_txn *txn;
    enum err err = store_read_begin(shelf->store, &txn, info);
    if (err != ERR_OK)
        return err;
    err = restore(txn, name, plan, info);
    store_abort(txn);
    if (err != ERR_NOT_FOUND)
        return err;
    webhook_plan_restore_cursor(plan, newest);
    webhook_shelf_put_cursor(shelf, name, newest);
    err = commit(shelf->store, &shelf->gathered, info);
    buf_clear(&shelf->gathered);
    return err;
}

static enum err read_instance(struct webhook_shelf *shelf, struct err_info *info)
{
    static const struct span KEY = {"", 1}; // a NUL, which no name is
    struct store_txn *txn;
    struct span value, body;
    uint8_t schema;
    enum err err = store_read_begin(shelf->store, &txn, info);
    if (err != ERR_OK)
        return err;
    err = store_get(txn, TABLE_WEBHOOKS, KEY, &value, info);
    if (err == ERR_OK)
        err = store_unseal(value, &schema, &body, info);
    if (err == ERR_OK) {
        Assay__Record__V1__WebhookInstanceRecord *record =
            assay__record__v1__webhook_instance_record__unpack(NULL, body.len, body.ptr);
        if (record == NULL)
            err = err_set(info, ERR_CORRUPT, "the webhooks' own row cannot be read");
        else
            shelf->instance = record->instance;
        if (record != NULL)
            assay__record__v1__webhook_instance_record__free_unpacked(record, NULL);
    }
    store_abort(txn);
    if (err != ERR_NOT_FOUND)
        return err;
    Assay__Record__V1__WebhookInstanceRecord record =
        ASSAY__RECORD__V1__WEBHOOK_INSTANCE_RECORD__INIT;
    record.instance = shelf->instance = clock_random_u64();
    gather(shelf, TABLE_WEBHOOKS, KEY, &record.base);
    err = commit(shelf->store, &shelf->gathered, info);
    buf_clear(&shelf->gathered);
    return err;
}

uint64_t webhook_shelf_instance(const struct webhook_shelf *shelf)
{
    return shelf->instance;
}

enum err webhook_shelf_open(struct loop *loop, const char *path, struct webhook_shelf **out,
                            struct err_info *info)
{
    struct webhook_shelf *shelf = mem_zalloc(sizeof *shelf);
    struct store_opts opts = {
        .path = path, .map_bytes = MAP_BYTES, .tables = TABLE_LIST, .n_tables = TABLES};
    enum err err = store_open(&opts, &shelf->store, info);
    if (err == ERR_OK)
        err = read_instance(shelf, info);
    if (err != ERR_OK) {
        store_close(shelf->store);
        buf_deinit(&shelf->gathered);
        mem_free(shelf);
        return err_prefix(info, err, "%s", path);
    }
    shelf->path = mem_dup_text(path);
    shelf->jobs = queue_create(1);
    shelf->written = mailbox_create(loop, 2, written_cb, shelf);
    shelf->thread = thread_start("webhooks", run_on_writer, shelf);
    *out = shelf;
    return ERR_OK;
}
