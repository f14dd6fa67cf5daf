// SPDX-License-Identifier: Apache-2.0
#include "services/ingest/schema_counts.h"

#include "common/base/buf.h"
#include "common/base/hash.h"
#include "common/base/index.h"
#include "common/base/mem.h"

struct name {
    char *text;
    size_t len;
    int64_t sampled_ms;
    struct schema_metrics metrics[INGEST_VIOLATION_COUNT];
    bool registered[INGEST_VIOLATION_COUNT];
};

struct schema_counts {
    struct metrics *metrics;
    struct index index; // but of the first name, which stands for all others
    struct name *names[SCHEMA_COUNTS_NAMES_MAX + 1];
    uint32_t n;
};

#define SCHEMA_DESC(kind, field, name, help)                                                       \
    METRICS_DESC(struct schema_metrics, kind, field, name, help)
static const struct metrics_desc SCHEMA_DESCS[] = {SCHEMA_METRICS(SCHEMA_DESC)};

static uint64_t rehash(const void *ctx, uint32_t item)
{
    const struct schema_counts *counts = ctx;
    return hash64(span_make(counts->names[item]->text, counts->names[item]->len));
}

static bool is_name(const void *ctx, uint32_t item, const void *key)
{
    const struct schema_counts *counts = ctx;
    const struct name *name = counts->names[item];
    return span_eq(span_make(name->text, name->len), *(const struct span *)key);
}

static uint32_t add_name(struct schema_counts *counts, struct span text)
{
    struct name *name = mem_zalloc(sizeof *name);
    name->text = mem_dup(text);
    name->len = text.len;
    name->sampled_ms = INT64_MIN;
    counts->names[counts->n] = name;
    return counts->n++;
}

// An event that has a schema, so that names are no more than a playbook writes.
static struct name *name_of(struct schema_counts *counts, struct span event)
{
    uint64_t hash = hash64(event);
    uint32_t at = index_find(&counts->index, hash, is_name, counts, &event);
    if (at == INDEX_NONE && counts->n <= SCHEMA_COUNTS_NAMES_MAX) {
        at = add_name(counts, event);
        index_add(&counts->index, hash, at, rehash, counts);
    }
    return counts->names[at == INDEX_NONE ? 0 : at];
}

// A label's value: quotes, backslashes and newlines are escaped.
static void register_one(struct schema_counts *counts, struct name *name, int violation)
{
    struct buf labels = {0};
    buf_append_text(&labels, "event=\"");
    for (size_t i = 0; i < name->len; i++) {
        char c = name->text[i];
        if (c == '"' || c == '\\')
            buf_append_u8(&labels, '\\');
        buf_append_u8(&labels, c == '\n' ? ' ' : (uint8_t)c);
    }
    buf_printf(&labels, "\",violation=\"%s\"",
               ingest_violation_text((enum ingest_violation)violation));
    buf_append_u8(&labels, '\0');
    metrics_register(counts->metrics, SCHEMA_DESCS, ARRAY_LEN(SCHEMA_DESCS),
                     &name->metrics[violation], (const char *)labels.bytes);
    name->registered[violation] = true;
    buf_deinit(&labels);
}

bool schema_counts_add(struct schema_counts *counts, struct span event,
                       const struct ingest_finding *finding, int64_t now_ms)
{
    struct name *name =
        finding->schema == PLAYBOOK_NONE ? counts->names[0] : name_of(counts, event);
    for (int i = 0; i < INGEST_VIOLATION_COUNT; i++) {
        if (finding->counts[i] == 0)
            continue;
        if (counts->metrics != NULL && !name->registered[i])
            register_one(counts, name, i);
        metrics_add(&name->metrics[i].events, 1);
    }
    // The wall clock may go back.
    bool sampled =
        name->sampled_ms > now_ms || now_ms - SCHEMA_COUNTS_SAMPLE_MS >= name->sampled_ms;
    if (sampled)
        name->sampled_ms = now_ms;
    return sampled;
}

struct schema_counts *schema_counts_create(struct metrics *metrics)
{
    struct schema_counts *counts = mem_zalloc(sizeof *counts);
    counts->metrics = metrics;
    (void)add_name(counts, span_of("other"));
    return counts;
}

void schema_counts_destroy(struct schema_counts *counts)
{
    if (counts == NULL)
        return;
    for (uint32_t i = 0; i < counts->n; i++) {
        mem_free(counts->names[i]->text);
        mem_free(counts->names[i]);
    }
    index_deinit(&counts->index);
    mem_free(counts);
}
