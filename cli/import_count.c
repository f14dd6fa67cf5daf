// SPDX-License-Identifier: Apache-2.0
#include "cli/import_count.h"

#include "common/base/mem.h"

enum { IDS_FIRST = 4096, PAUSE_MIN_MS = 100, PAUSE_MAX_MS = 2000 };

void import_ids_deinit(struct import_ids *ids)
{
    mem_free(ids->slots);
    *ids = (struct import_ids){0};
}

// Where the hash is, or the empty slot where it belongs. 0 marks an empty slot.
static uint64_t *ids_slot(const struct import_ids *ids, uint64_t hash)
{
    size_t i = hash & ids->mask;
    while (ids->slots[i] != 0 && ids->slots[i] != hash)
        i = (i + 1) & ids->mask;
    return &ids->slots[i];
}

static void ids_grow(struct import_ids *ids)
{
    struct import_ids bigger = {.mask = ids->slots == NULL ? IDS_FIRST - 1 : ids->mask * 2 + 1,
                                .n = ids->n};
    bigger.slots = mem_zalloc((bigger.mask + 1) * sizeof *bigger.slots);
    for (size_t i = 0; ids->slots != NULL && i <= ids->mask; i++)
        if (ids->slots[i] != 0)
            *ids_slot(&bigger, ids->slots[i]) = ids->slots[i];
    mem_free(ids->slots);
    *ids = bigger;
}

bool import_ids_add(struct import_ids *ids, uint64_t hash)
{
    if (hash == 0)
        hash = 1;
    if (ids->slots == NULL || ids->n > ids->mask / 4 * 3)
        ids_grow(ids);
    uint64_t *slot = ids_slot(ids, hash);
    if (*slot == hash)
        return false;
    if (ids->n < IMPORT_IDS_MAX) {
        *slot = hash;
        ids->n++;
    }
    return true;
}

void import_count(struct import_counts *counts, Assay__Ingest__V1__Verdict verdict, bool fresh,
                  bool repeated)
{
    if (verdict == ASSAY__INGEST__V1__VERDICT__VERDICT_REFUSED)
        counts->refused++;
    else if (verdict == ASSAY__INGEST__V1__VERDICT__VERDICT_DUPLICATE && !(fresh && repeated))
        counts->duplicate++;
    else
        counts->accepted++;
}

int64_t import_pause_next(int64_t pause_ms)
{
    if (pause_ms == 0)
        return PAUSE_MIN_MS;
    return pause_ms < PAUSE_MAX_MS / 2 ? pause_ms * 2 : PAUSE_MAX_MS;
}
