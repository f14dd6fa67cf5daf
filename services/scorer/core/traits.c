// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/core/traits.h"

#include "common/base/mem.h"
#include "services/scorer/core/value.h"

static void traits_forget(struct trait *trait)
{
    for (uint32_t i = 0; trait->past != NULL && i < trait->past->n; i++)
        mem_free(trait->past->items[i]);
    if (trait->past != NULL)
        mem_free(trait->past->items);
    mem_free(trait->past);
    trait->past = NULL;
}

void traits_destroy(struct traits *traits)
{
    if (traits == NULL)
        return;
    for (uint32_t i = 0; i < traits->n; i++) {
        traits_forget(traits->items[i]);
        mem_free(traits->items[i]);
    }
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

// The place of the key, or where it belongs.
static bool traits_has(const struct traits *traits, struct span key, uint32_t *at)
{
    *at = traits_first(traits, key);
    return *at < traits->n && span_eq(trait_key(traits->items[*at]), key);
}

const struct trait *traits_find(const struct traits *traits, struct span key)
{
    uint32_t at;
    return traits != NULL && traits_has(traits, key, &at) ? traits->items[at] : NULL;
}

// How many earlier values there are up to an instant.
static uint32_t traits_past_until(const struct trait_past *past, int64_t at_ms)
{
    uint32_t from = 0, to = past->n;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (past->items[middle]->at_ms <= at_ms)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static const struct trait *trait_at(const struct trait *trait, int64_t at_ms)
{
    if (trait->at_ms <= at_ms)
        return trait;
    uint32_t n = trait->past == NULL ? 0 : traits_past_until(trait->past, at_ms);
    return n == 0 ? NULL : trait->past->items[n - 1];
}

const struct trait *traits_find_at(const struct traits *traits, struct span key, int64_t at_ms)
{
    const struct trait *trait = traits_find(traits, key);
    return trait == NULL ? NULL : trait_at(trait, at_ms);
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

static void traits_add(struct traits *all, uint32_t at, struct trait *trait)
{
    MEM_GROW(all->items, all->n, all->cap);
    memmove(all->items + at + 1, all->items + at, (all->n - at) * sizeof(struct trait *));
    all->items[at] = trait;
    all->n++;
}

bool traits_put(struct traits **traits, struct span key, const struct value *value, int64_t at_ms)
{
    if (*traits == NULL)
        *traits = mem_zalloc(sizeof **traits);
    struct traits *all = *traits;
    uint32_t at;
    if (traits_has(all, key, &at)) {
        struct trait *old = all->items[at];
        traits_forget(old);
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
    traits_add(all, at, traits_make(key, value, at_ms));
    return true;
}

// ---- With their past ----

static void traits_past_remove(struct trait_past *past, uint32_t at)
{
    mem_free(past->items[at]);
    past->n--;
    memmove(past->items + at, past->items + at + 1, (past->n - at) * sizeof(struct trait *));
}

// Makes room: what both neighbours say too, or the oldest.
static void traits_past_thin(struct trait_past *past)
{
    uint32_t kept = 0, n = past->n;
    for (uint32_t i = 0; i < n; i++) {
        const struct value *value = &past->items[i]->value;
        if (kept > 0 && i + 1 < n && value_order(value, &past->items[kept - 1]->value) == 0 &&
            value_order(value, &past->items[i + 1]->value) == 0)
            mem_free(past->items[i]);
        else
            past->items[kept++] = past->items[i];
    }
    past->n = kept;
    if (kept == n)
        traits_past_remove(past, 0);
}

static void traits_past_add(struct trait *trait, struct trait *earlier)
{
    if (trait->past == NULL)
        trait->past = mem_zalloc(sizeof *trait->past);
    struct trait_past *past = trait->past;
    if (past->n >= TRAITS_PAST_MAX)
        traits_past_thin(past);
    uint32_t at = traits_past_until(past, earlier->at_ms);
    MEM_GROW(past->items, past->n, past->cap);
    memmove(past->items + at + 1, past->items + at, (past->n - at) * sizeof(struct trait *));
    past->items[at] = earlier;
    past->n++;
}

static void traits_past_put(struct trait **latest, struct span key, const struct value *value,
                            int64_t at_ms)
{
    struct trait *old = *latest;
    if (at_ms < old->at_ms) {
        uint32_t n = old->past == NULL ? 0 : traits_past_until(old->past, at_ms);
        struct trait *made = traits_make(span_make("", 0), value, at_ms);
        if (n > 0 && old->past->items[n - 1]->at_ms == at_ms) {
            mem_free(old->past->items[n - 1]);
            old->past->items[n - 1] = made;
        } else {
            traits_past_add(old, made);
        }
        return;
    }
    struct trait *made = *latest = traits_make(key, value, at_ms);
    made->past = old->past;
    old->past = NULL;
    if (at_ms == old->at_ms)
        mem_free(old);
    else
        traits_past_add(made, old);
}

bool traits_put_past(struct traits **traits, struct span key, const struct value *value,
                     int64_t at_ms)
{
    if (*traits == NULL)
        *traits = mem_zalloc(sizeof **traits);
    struct traits *all = *traits;
    uint32_t at;
    if (!traits_has(all, key, &at))
        return traits_put(traits, key, value, at_ms);
    const struct trait *was = trait_at(all->items[at], at_ms);
    if (was != NULL && was->at_ms == at_ms && value_order(value, &was->value) <= 0)
        return false;
    bool changed = was == NULL ? value->type != VALUE_NONE : value_order(value, &was->value) != 0;
    traits_past_put(&all->items[at], key, value, at_ms);
    return changed;
}
