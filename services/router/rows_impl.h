// SPDX-License-Identifier: Apache-2.0
// What the files of the rows share: rows.c (the whole, leases, the router itself), rows_accounts.c,
// rows_leads.c, rows_teams.c.
#pragma once

#include "assay/record/v1/record_router.pb-c.h"
#include "common/base/arena.h"
#include "services/router/core/state.h"
#include "services/router/rows.h"

// What counts up never gets there, nor does a clock: more can be added to both.
#define ROWS_COUNT_MAX (UINT64_MAX / 2)
#define ROWS_CLOCK_MAX_MS (INT64_MAX / 2)
// Counts that are multiplied with weights.
#define ROWS_ASSIGNED_MAX (UINT64_MAX / 1024)

struct router_rows {
    struct router_core *core;
    struct arena arena; // of the row in work
    struct buf bytes;
    uint64_t leases_saved;   // number of the last remembered request that is stored
    uint64_t leases_dropped; // up to here they are deleted
    char *playbook_file;
    struct buf playbook_text;
    bool has_router;
};

static inline char *rows_text(struct span s, struct arena *arena)
{
    return arena_dup(arena, s);
}

// An instant, or a stretch of time, as rows of ours have them.
static inline bool rows_time_fits(int64_t ms)
{
    return ms >= -ROWS_CLOCK_MAX_MS && ms <= ROWS_CLOCK_MAX_MS;
}

// rows.c
void rows_put(struct router_rows *rows, enum router_table table, struct span key,
              const ProtobufCMessage *message, router_row_put cb, void *arg);
void rows_put_number(struct router_rows *rows, enum router_table table, uint64_t number,
                     const ProtobufCMessage *message, router_row_put cb, void *arg);
// Into the rows' arena, which is emptied before. NULL: it is no such message.
void *rows_unpack(struct router_rows *rows, const ProtobufCMessageDescriptor *type,
                  struct span value);
// Of bytes inside of what was unpacked: nothing is emptied.
void *rows_unpack_inner(struct router_rows *rows, const ProtobufCMessageDescriptor *type,
                        struct span value);
enum err rows_corrupt(struct err_info *info, const char *what);
bool rows_number(struct span key, uint64_t *out); // false: the key is no number

// rows_accounts.c
void rows_put_account(struct router_rows *rows, const struct account *account, router_row_put cb,
                      void *arg);
enum err rows_load_account(struct router_rows *rows, uint64_t number, struct span value,
                           struct err_info *info);
Assay__Record__V1__HeldEvidenceRecord **rows_write_evidence(const struct router_evidence *in,
                                                            size_t n, struct arena *arena);
struct router_evidence *rows_read_evidence(struct router_core *core,
                                           Assay__Record__V1__HeldEvidenceRecord *const *in,
                                           size_t n, uint32_t *n_out);

// rows_leads.c
void rows_put_lead(struct router_rows *rows, const struct router_lead *lead, router_row_put cb,
                   void *arg);
enum err rows_load_lead(struct router_rows *rows, uint64_t serial, struct span value,
                        struct err_info *info);

// rows_teams.c
void rows_put_crew(struct router_rows *rows, const struct crew *crew, router_row_put cb, void *arg);
enum err rows_load_crew(struct router_rows *rows, struct span name, struct span value,
                        struct err_info *info);
