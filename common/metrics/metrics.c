// SPDX-License-Identifier: Apache-2.0
// Updates are relaxed atomics: each number is right by itself, and a reader may see one a moment
// before another. A histogram's count is the sum of the buckets as they were read, so that the two
// agree.
#include "common/metrics/metrics.h"

#include <stdbool.h>
#include <string.h>

#include "common/base/mem.h"

enum { METRICS_SECOND_NS = 1000000000 };

static const uint64_t BOUNDS_NS[METRICS_BUCKETS] = {
    100000,   250000,    500000,    1000000,   2500000,    5000000,    10000000,   25000000,
    50000000, 100000000, 250000000, 500000000, 1000000000, 2500000000, 5000000000, 10000000000,
};

struct metrics_set {
    const struct metrics_desc *descs;
    size_t n_descs;
    const void *set;
    char *labels;
};

struct metrics {
    struct metrics_set *sets;
    size_t n, cap;
};

void metrics_add(struct metrics_counter *counter, uint64_t n)
{
    __atomic_fetch_add(&counter->value, n, __ATOMIC_RELAXED);
}

void metrics_mirror(struct metrics_counter *counter, uint64_t total)
{
    __atomic_store_n(&counter->value, total, __ATOMIC_RELAXED);
}

void metrics_set(struct metrics_gauge *gauge, int64_t value)
{
    __atomic_store_n(&gauge->value, value, __ATOMIC_RELAXED);
}

void metrics_observe(struct metrics_histogram *histogram, uint64_t ns)
{
    size_t i = 0;
    while (i < METRICS_BUCKETS && ns > BOUNDS_NS[i])
        i++;
    __atomic_fetch_add(&histogram->buckets[i], 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&histogram->sum_ns, ns, __ATOMIC_RELAXED);
}

uint64_t metrics_value(const struct metrics_counter *counter)
{
    return __atomic_load_n(&counter->value, __ATOMIC_RELAXED);
}

struct metrics *metrics_create(void)
{
    return mem_zalloc(sizeof(struct metrics));
}

void metrics_destroy(struct metrics *metrics)
{
    if (metrics == NULL)
        return;
    for (size_t i = 0; i < metrics->n; i++)
        mem_free(metrics->sets[i].labels);
    mem_free(metrics->sets);
    mem_free(metrics);
}

void metrics_register(struct metrics *metrics, const struct metrics_desc *descs, size_t n_descs,
                      const void *set, const char *labels)
{
    CHECK(descs != NULL && set != NULL && labels != NULL);
    MEM_GROW(metrics->sets, metrics->n, metrics->cap);
    metrics->sets[metrics->n++] = (struct metrics_set){descs, n_descs, set, mem_dup_text(labels)};
}

// Seconds, exactly, without exponents or trailing zeros.
static void metrics_write_seconds(uint64_t ns, struct buf *out)
{
    uint64_t part = ns % METRICS_SECOND_NS;
    int digits = 9;
    buf_printf(out, "%llu", (unsigned long long)(ns / METRICS_SECOND_NS));
    if (part == 0)
        return;
    for (; part % 10 == 0; part /= 10)
        digits--;
    buf_printf(out, ".%0*llu", digits, (unsigned long long)part);
}

// "name_suffix{labels} ".
static void metrics_write_name(const char *name, const char *suffix, const char *labels,
                               struct buf *out)
{
    buf_printf(out, "%s%s", name, suffix);
    if (labels[0] != '\0')
        buf_printf(out, "{%s}", labels);
    buf_append_text(out, " ");
}

static void metrics_write_histogram(const char *name, const struct metrics_histogram *h,
                                    const char *labels, struct buf *out)
{
    uint64_t count = 0;
    for (size_t i = 0; i <= METRICS_BUCKETS; i++) {
        count += __atomic_load_n(&h->buckets[i], __ATOMIC_RELAXED);
        buf_printf(out, "%s_bucket{%s%sle=\"", name, labels, labels[0] != '\0' ? "," : "");
        if (i < METRICS_BUCKETS)
            metrics_write_seconds(BOUNDS_NS[i], out);
        else
            buf_append_text(out, "+Inf");
        buf_printf(out, "\"} %llu\n", (unsigned long long)count);
    }
    metrics_write_name(name, "_sum", labels, out);
    metrics_write_seconds(__atomic_load_n(&h->sum_ns, __ATOMIC_RELAXED), out);
    buf_append_text(out, "\n");
    metrics_write_name(name, "_count", labels, out);
    buf_printf(out, "%llu\n", (unsigned long long)count);
}

static void metrics_write_gauge_seconds(const struct metrics_gauge *gauge, struct buf *out)
{
    int64_t ns = __atomic_load_n(&gauge->value, __ATOMIC_RELAXED);
    if (ns < 0)
        buf_append_text(out, "-");
    metrics_write_seconds(ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns, out);
    buf_append_text(out, "\n");
}

static void metrics_write_one(const struct metrics_desc *desc, const struct metrics_set *set,
                              struct buf *out)
{
    const void *field = (const char *)set->set + desc->offset;
    if (desc->kind != METRICS_HISTOGRAM)
        metrics_write_name(desc->name, "", set->labels, out);
    switch (desc->kind) {
    case METRICS_COUNTER:
        buf_printf(out, "%llu\n", (unsigned long long)metrics_value(field));
        break;
    case METRICS_GAUGE:
        buf_printf(out, "%lld\n",
                   (long long)__atomic_load_n(&((const struct metrics_gauge *)field)->value,
                                              __ATOMIC_RELAXED));
        break;
    case METRICS_SECONDS:
        metrics_write_gauge_seconds(field, out);
        break;
    case METRICS_SECONDS_TOTAL:
        metrics_write_seconds(metrics_value(field), out);
        buf_append_text(out, "\n");
        break;
    case METRICS_HISTOGRAM:
        metrics_write_histogram(desc->name, field, set->labels, out);
        break;
    }
}

static void metrics_write_head(const struct metrics_desc *desc, struct buf *out)
{
    static const char *const TYPES[] = {"counter", "gauge", "gauge", "counter", "histogram"};
    buf_printf(out, "# HELP %s ", desc->name);
    for (const char *p = desc->help; *p != '\0'; p++) {
        if (*p == '\\' || *p == '\n')
            buf_append_text(out, *p == '\n' ? "\\n" : "\\\\");
        else
            buf_append_u8(out, (uint8_t)*p);
    }
    buf_printf(out, "\n# TYPE %s %s\n", desc->name, TYPES[desc->kind]);
}

static const struct metrics_desc *metrics_find(const struct metrics_set *set, const char *name)
{
    for (size_t i = 0; i < set->n_descs; i++) {
        if (strcmp(set->descs[i].name, name) == 0)
            return &set->descs[i];
    }
    return NULL;
}

// Whether one of the first `n` sets has the name, so that it has been written with that one.
static bool metrics_is_written(const struct metrics *metrics, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        bool seen = i > 0 && metrics->sets[i].descs == metrics->sets[i - 1].descs;
        if (!seen && metrics_find(&metrics->sets[i], name) != NULL)
            return true;
    }
    return false;
}

// The lines of one name in all sets from the `first` on.
static void metrics_write_name_of_all(const struct metrics *metrics, size_t first, size_t at,
                                      struct buf *out)
{
    const struct metrics_set *owner = &metrics->sets[first];
    const struct metrics_desc *desc = &owner->descs[at];
    metrics_write_head(desc, out);
    for (size_t i = first; i < metrics->n; i++) {
        const struct metrics_set *set = &metrics->sets[i];
        const struct metrics_desc *same =
            set->descs == owner->descs ? desc : metrics_find(set, desc->name);
        if (same == NULL)
            continue;
        CHECK(same->kind == desc->kind);
        metrics_write_one(same, set, out);
    }
}

void metrics_write(const struct metrics *metrics, struct buf *out)
{
    for (size_t i = 0; i < metrics->n; i++) {
        const struct metrics_set *set = &metrics->sets[i];
        if (i > 0 && set->descs == metrics->sets[i - 1].descs)
            continue;
        for (size_t j = 0; j < set->n_descs; j++) {
            if (!metrics_is_written(metrics, i, set->descs[j].name))
                metrics_write_name_of_all(metrics, i, j, out);
        }
    }
}
