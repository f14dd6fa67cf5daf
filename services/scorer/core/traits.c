// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/core/traits.h"

#include "common/base/mem.h"
#include "services/scorer/core/value.h"

void traits_destroy(struct traits *traits)
{
    if (traits == NULL)
        return;
    for (uint32_t i = 0; i < traits->n; i++)
        mem_free(traits->items[i]);
    mem_free(traits->items);
    mem_free(traits);
}

static uint32_t traits_first(const struct traits *traits, struct span key)
{
    uint32_t from = 0, to = traits->n;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (span_cmp(trait_key(traits->items[middle]), key) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

const struct trait *traits_find(const struct traits *traits, struct span key)
{
    if (traits == NULL)
        return NULL;
    uint32_t at = traits_first(traits, key);
    return at < traits->n && span_eq(trait_key(traits->items[at]), key) ? traits->items[at] : NULL;
}

bool traits_wins(const struct trait *old, const struct value *value, int64_t at_ms)
{
    if (old == NULL || at_ms != old->at_ms)
        return old == NULL || at_ms > old->at_ms;
    return value_order(value, &old->value) > 0;
}

static struct trait *traits_make(struct span key, const struct value *value, int64_t at_ms)
{
    size_t text = value->type == VALUE_TEXT ? value->text.len : 0;
    struct trait *trait = mem_alloc(sizeof *trait + key.len + text);
    *trait = (struct trait){.at_ms = at_ms, .value = *value, .key_len = (uint32_t)key.len};
    if (key.len > 0)
        memcpy(trait->bytes, key.ptr, key.len);
    if (text > 0)
        memcpy(trait->bytes + key.len, value->text.ptr, text);
    if (value->type == VALUE_TEXT)
        trait->value.text.ptr = trait->bytes + key.len;
    return trait;
}

bool traits_put(struct traits **traits, struct span key, const struct value *value, int64_t at_ms)
{
    if (*traits == NULL)
        *traits = mem_zalloc(sizeof **traits);
    struct traits *all = *traits;
    uint32_t at = traits_first(all, key);
    if (at < all->n && span_eq(trait_key(all->items[at]), key)) {
        struct trait *old = all->items[at];
        if (!traits_wins(old, value, at_ms))
            return false;
        if (value_order(value, &old->value) == 0) {
            old->at_ms = at_ms;
            return false;
        }
        all->items[at] = traits_make(key, value, at_ms);
        mem_free(old);
        return true;
    }
    if (all->n >= TRAITS_MAX)
        return false;
    MEM_GROW(all->items, all->n, all->cap);
    memmove(all->items + at + 1, all->items + at, (all->n - at) * sizeof(struct trait *));
    all->items[at] = traits_make(key, value, at_ms);
    all->n++;
    return true;
}
