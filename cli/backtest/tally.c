// SPDX-License-Identifier: Apache-2.0
#include "cli/backtest/tally.h"

#include <stdlib.h>

#include "common/base/hash.h"
#include "common/base/mem.h"

void tally_deinit(struct tally *tally)
{
    mem_free(tally->subjects);
    index_deinit(&tally->index);
    *tally = (struct tally){0};
}

static bool tally_eq(const void *ctx, uint32_t item, const void *key)
{
    const struct tally *tally = ctx;
    const struct hash128 *hash = key;
    return tally->subjects[item].hash == hash->low && tally->subjects[item].check == hash->high;
}

static uint64_t tally_rehash(const void *ctx, uint32_t item)
{
    const struct tally *tally = ctx;
    return tally->subjects[item].hash;
}

static struct tally_subject *tally_find(const struct tally *tally, struct hash128 hash)
{
    uint32_t at = index_find(&tally->index, hash.low, tally_eq, tally, &hash);
    return at == INDEX_NONE ? NULL : &tally->subjects[at];
}

void tally_note(struct tally *tally, struct span id, enum tally_mark mark, int64_t at_ms)
{
    struct hash128 hash = hash128(id);
    struct tally_subject *subject = tally_find(tally, hash);
    if (subject == NULL) {
        MEM_GROW(tally->subjects, tally->n, tally->cap);
        subject = &tally->subjects[tally->n];
        *subject = (struct tally_subject){.hash = hash.low, .check = hash.high};
        for (size_t i = 0; i < TALLY_MARKS; i++)
            subject->first_ms[i] = TALLY_NEVER;
        index_add(&tally->index, hash.low, (uint32_t)tally->n++, tally_rehash, tally);
    }
    if (at_ms < subject->first_ms[mark])
        subject->first_ms[mark] = at_ms;
}

bool tally_has(const struct tally *tally, struct span id, enum tally_mark mark)
{
    const struct tally_subject *subject = tally_find(tally, hash128(id));
    return subject != NULL && subject->first_ms[mark] != TALLY_NEVER;
}

// ---- The report ----

struct tally_durations {
    int64_t *items;
    size_t n, cap;
};

static void tally_add(struct tally_durations *durations, int64_t from_ms, int64_t to_ms)
{
    MEM_GROW(durations->items, durations->n, durations->cap);
    durations->items[durations->n++] = to_ms > from_ms ? to_ms - from_ms : 0;
}

static int tally_compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

// The nearest rank: the smallest that at least so many percent do not exceed.
static int64_t tally_rank(const struct tally_durations *durations, size_t percent)
{
    size_t rank = (durations->n * percent + 99) / 100;
    return durations->items[rank == 0 ? 0 : rank - 1];
}

static struct tally_spread tally_spread(struct tally_durations *durations)
{
    struct tally_spread spread = {.n = durations->n};
    if (durations->n > 0) {
        qsort(durations->items, durations->n, sizeof *durations->items, tally_compare);
        spread.median_ms = tally_rank(durations, 50);
        spread.p90_ms = tally_rank(durations, 90);
    }
    mem_free(durations->items);
    return spread;
}

static void tally_group(struct tally_group *group, bool paid)
{
    group->n++;
    group->paid += paid;
}

void tally_report(const struct tally *tally, struct tally_report *out)
{
    struct tally_durations to_qualify = {0}, lead = {0};
    *out = (struct tally_report){0};
    for (size_t i = 0; i < tally->n; i++) {
        const int64_t *first = tally->subjects[i].first_ms;
        if (first[TALLY_SEEN] == TALLY_NEVER)
            continue;
        bool qualified = first[TALLY_QUALIFIED] != TALLY_NEVER;
        bool marketing = first[TALLY_MARKETING] != TALLY_NEVER;
        bool paid = first[TALLY_PAID] != TALLY_NEVER;
        out->seen++;
        out->activated += first[TALLY_ACTIVATED] != TALLY_NEVER;
        out->qualified += qualified;
        out->marketing += marketing;
        out->paid += paid;
        tally_group(qualified ? &out->qualifiers : &out->others, paid);
        if (marketing && !qualified)
            tally_group(&out->marketing_only, paid);
        if (!qualified)
            continue;
        tally_add(&to_qualify, first[TALLY_SEEN], first[TALLY_QUALIFIED]);
        if (!paid || first[TALLY_PAID] < first[TALLY_QUALIFIED])
            continue;
        out->paid_after++;
        tally_add(&lead, first[TALLY_QUALIFIED], first[TALLY_PAID]);
    }
    out->time_to_qualify = tally_spread(&to_qualify);
    out->lead_time = tally_spread(&lead);
}

double tally_percent(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0 : 100.0 * (double)part / (double)whole;
}
