// SPDX-License-Identifier: Apache-2.0
#include "services/router/webhook/dead.h"

#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"

void dead_list_deinit(struct dead_list *list)
{
    mem_free(list->items);
    *list = (struct dead_list){0};
}

const struct webhook_dead *dead_list_at(const struct dead_list *list, size_t i)
{
    CHECK(i < list->n);
    return &list->items[list->first + i];
}

void dead_list_add(struct dead_list *list, const struct webhook_dead *dead)
{
    CHECK(dead->serial > list->serial);
    if (list->first > 0 && list->first + list->n == list->cap) {
        memmove(list->items, list->items + list->first, list->n * sizeof *list->items);
        list->first = 0;
    }
    if (list->first + list->n == list->cap) {
        list->cap = list->cap == 0 ? 8 : list->cap * 2;
        list->items = mem_realloc(list->items, list->cap * sizeof *list->items);
    }
    list->items[list->first + list->n++] = *dead;
    list->serial = dead->serial;
}

void dead_list_remove(struct dead_list *list, size_t i)
{
    struct webhook_dead *at = &list->items[list->first + i];
    CHECK(i < list->n);
    if (i == 0)
        list->first++;
    else
        memmove(at, at + 1, (list->n - i - 1) * sizeof *at);
    list->n--;
}

size_t dead_list_find(const struct dead_list *list, uint64_t offset)
{
    size_t i = 0;
    while (i < list->n && dead_list_at(list, i)->delivery.offset != offset)
        i++;
    return i;
}

const struct webhook_dead *dead_list_after(const struct dead_list *list, uint64_t after)
{
    size_t low = 0, high = list->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (dead_list_at(list, middle)->serial <= after)
            low = middle + 1;
        else
            high = middle;
    }
    return low < list->n ? dead_list_at(list, low) : NULL;
}
