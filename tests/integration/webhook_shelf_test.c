// SPDX-License-Identifier: Apache-2.0
// links: webhook_shelf webhook_plan store loop base
//
// What the shelf of webhooks keeps over a close, and what it does with bytes that cannot be right.
#include <criterion/criterion.h>

#include <fcntl.h>
#include <unistd.h>

#include "common/store/store.h"
#include "services/router/webhook/shelf.h"
#include "tests/support/temp_folder.h"

struct world {
    struct temp_folder folder;
    struct loop *loop;
    struct webhook_shelf *shelf;
    bool closed;
};

static void closed_cb(void *arg)
{
    ((struct world *)arg)->closed = true;
}

static void open_shelf(struct world *w)
{
    struct err_info info = {""};
    w->loop = loop_create();
    w->closed = false;
    cr_assert_eq(webhook_shelf_open(w->loop, w->folder.path, &w->shelf, &info), ERR_OK, "%s",
                 info.text);
}

static void close_shelf(struct world *w)
{
    webhook_shelf_close(w->shelf, closed_cb, w);
    loop_run(w->loop);
    cr_assert(w->closed);
    loop_destroy(w->loop);
}

static struct webhook_plan *plan_of(struct world *w, const char *name, uint64_t newest)
{
    static const struct webhook_plan_opts OPTS = {1, 8, 100, 100, 1000};
    struct err_info info = {""};
    struct webhook_plan *plan = webhook_plan_create(&OPTS);
    cr_assert_eq(webhook_shelf_load(w->shelf, name, newest, plan, &info), ERR_OK, "%s", info.text);
    return plan;
}

static struct webhook_delivery delivery(uint64_t offset)
{
    struct webhook_delivery d = {
        .offset = offset,
        .account = UINT64_MAX - offset,
        .step = 13,
        .attempts = 3,
        .first_ms = -5,
        .next_ms = 1000000,
        .slow = true,
    };
    snprintf(d.lead_id, sizeof d.lead_id, "L%llu", (unsigned long long)offset);
    snprintf(d.error, sizeof d.error, "status 404");
    return d;
}

Test(webhook_shelf, what_is_put_is_there_again)
{
    struct world w;
    temp_folder_make(&w.folder);
    open_shelf(&w);
    uint64_t instance = webhook_shelf_instance(w.shelf);
    struct webhook_plan *plan = plan_of(&w, "crm", 17);
    cr_assert_eq(webhook_plan_cursor(plan), 17);
    webhook_plan_destroy(plan);
    for (uint64_t offset = 1; offset <= 300; offset++) {
        struct webhook_delivery d = delivery(offset);
        webhook_shelf_put(w.shelf, "crm", &d);
        if (offset == 100)
            webhook_shelf_flush(w.shelf); // the rest gathers meanwhile
    }
    for (uint64_t offset = 1; offset <= 290; offset++)
        webhook_shelf_erase(w.shelf, "crm", offset);
    struct webhook_delivery other = delivery(7);
    webhook_shelf_put(w.shelf, "cr", &other); // a name that another one begins with
    for (uint64_t serial = 1; serial <= 3; serial++) {
        struct webhook_dead dead = {serial, 99, delivery(1000 + serial)};
        webhook_shelf_put_dead(w.shelf, "crm", &dead);
    }
    webhook_shelf_erase_dead(w.shelf, "crm", 1);
    webhook_shelf_put_cursor(w.shelf, "crm", 300);
    close_shelf(&w);

    open_shelf(&w);
    cr_assert_eq(webhook_shelf_instance(w.shelf), instance);
    plan = plan_of(&w, "crm", 5000);
    struct webhook_plan_view view;
    webhook_plan_view(plan, &view);
    cr_assert_eq(webhook_plan_cursor(plan), 300);
    cr_assert_eq(view.pending, 10);
    cr_assert_eq(view.dead, 2);
    for (uint64_t offset = 291; offset <= 300; offset++) {
        struct webhook_delivery expected = delivery(offset);
        const struct webhook_delivery *d = webhook_plan_find(plan, offset);
        cr_assert(d != NULL);
        cr_assert_eq(d->account, expected.account);
        cr_assert_eq(d->attempts, 3);
        cr_assert_eq(d->first_ms, -5);
        cr_assert_eq(d->next_ms, 1000000);
        cr_assert(d->slow);
        cr_assert_str_eq(d->lead_id, expected.lead_id);
        cr_assert_str_eq(d->error, "status 404");
    }
    const struct webhook_dead *dead = webhook_plan_dead_after(plan, 0);
    cr_assert_eq(dead->serial, 2);
    cr_assert_eq(dead->dead_ms, 99);
    cr_assert_eq(dead->delivery.offset, 1002);
    webhook_plan_destroy(plan);
    close_shelf(&w);
    temp_folder_remove(&w.folder);
}

Test(webhook_shelf, a_new_name_is_on_disk_before_anything_else)
{
    struct world w;
    temp_folder_make(&w.folder);
    open_shelf(&w);
    webhook_plan_destroy(plan_of(&w, "crm", 42));
    // A second look at the store sees it: it was committed before webhook_shelf_load returned.
    struct webhook_plan *plan = plan_of(&w, "crm", 5000);
    cr_assert_eq(webhook_plan_cursor(plan), 42);
    cr_assert(!webhook_shelf_changed(w.shelf));
    webhook_plan_destroy(plan);
    close_shelf(&w);
    temp_folder_remove(&w.folder);
}

Test(webhook_shelf, a_row_that_was_changed_is_told)
{
    static const struct store_table TABLES[] = {
        {"webhooks", STORE_KEY_BYTES}, {"pending", STORE_KEY_BYTES}, {"dead", STORE_KEY_BYTES}};
    struct world w;
    struct store *store;
    struct store_txn *txn;
    struct err_info info;
    temp_folder_make(&w.folder);
    open_shelf(&w);
    webhook_plan_destroy(plan_of(&w, "crm", 1));
    close_shelf(&w);
    struct store_opts opts = {w.folder.path, 8ull << 30, TABLES, 3};
    cr_assert_eq(store_open(&opts, &store, &info), ERR_OK);
    cr_assert_eq(store_write_begin(store, &txn, &info), ERR_OK);
    cr_assert_eq(store_put(txn, 1, span_make("crm\0\0\0\0\0\0\0\0\1", 12), span_of("nonsense"),
                           false, &info),
                 ERR_OK);
    cr_assert_eq(store_commit(txn, &info), ERR_OK);
    store_close(store);
    open_shelf(&w);
    static const struct webhook_plan_opts OPTS = {1, 8, 100, 100, 1000};
    struct webhook_plan *plan = webhook_plan_create(&OPTS);
    cr_assert_eq(webhook_shelf_load(w.shelf, "crm", 1, plan, &info), ERR_CORRUPT);
    cr_assert(strstr(info.text, "webhook") != NULL, "%s", info.text);
    webhook_plan_destroy(plan);
    close_shelf(&w);
    temp_folder_remove(&w.folder);
}
