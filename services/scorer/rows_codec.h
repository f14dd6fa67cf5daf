// SPDX-License-Identifier: Apache-2.0
// Subjects, traits and layouts as messages of assay.record.v1, and back. For rows.c.
#pragma once

#include "assay/record/v1/record_scorer.pb-c.h"
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "services/scorer/core/state.h"

// The lists that rows follow, as a hash names them.
struct rows_lists {
    uint64_t hash;
    struct rows_list {
        uint64_t *items;
        size_t n;
    } cells[2], signals[2], leaves[2]; // by scope
    // For each stored part its place under the plan in force, or -1. Made for one plan.
    const struct plan *plan;
    int32_t *to_cells[2], *to_signals[2], *to_leaves[2];
    bool same; // every part is where it was
};

// The lists of a plan, in its own memory.
void rows_lists_of_plan(const struct plan *plan, struct rows_lists *out);
void rows_lists_deinit(struct rows_lists *lists);
void rows_lists_pack(const struct rows_lists *lists, struct buf *out);
MUST_USE enum err rows_lists_unpack(struct span value, struct arena *arena, struct rows_lists *out,
                                    struct err_info *info);
// Makes the places for this plan.
void rows_lists_map(struct rows_lists *lists, const struct plan *plan);

// An allocator of protobuf-c over an arena without a bound.
ProtobufCAllocator rows_allocator(struct arena *arena);
void rows_pack(const ProtobufCMessage *message, struct buf *out);

Assay__Record__V1__CellRecord *rows_cell_record(const struct cell *cell, enum cell_shape shape,
                                                struct arena *arena);
// Into a cell that is empty.
MUST_USE enum err rows_cell_restore(const Assay__Record__V1__CellRecord *record,
                                    enum cell_shape shape, struct cell *cell,
                                    struct err_info *info);

Assay__Record__V1__SubjectRecord *rows_subject_record(const struct plan *plan, enum scope scope,
                                                      struct subject *subject, struct arena *arena);
// Into a subject that is empty. Parts without a place are dropped.
MUST_USE enum err rows_subject_restore(const Assay__Record__V1__SubjectRecord *record,
                                       const struct rows_lists *lists, enum scope scope,
                                       struct subject *subject, struct err_info *info);

Assay__Record__V1__TraitRecord **rows_traits_record(const struct traits *traits,
                                                    struct arena *arena, size_t *n);
void rows_traits_restore(Assay__Record__V1__TraitRecord *const *records, size_t n,
                         struct traits **traits);

// Measures that are not complete (core/warming.h).
Assay__Record__V1__MeasureMarkRecord **rows_measures_record(const struct core *core,
                                                            struct arena *arena, size_t *n);
void rows_measures_restore(Assay__Record__V1__MeasureMarkRecord *const *records, size_t n,
                           struct arena *arena, struct core *core);
