// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/rows_codec.h"

#include <endian.h>

#include "common/base/hash.h"
#include "common/base/mem.h"
#include "services/scorer/core/fact.h"
#include "services/scorer/core/warming.h"

typedef Assay__Record__V1__CellRecord cell_record;
typedef Assay__Record__V1__SignalStateRecord signal_record;
typedef Assay__Record__V1__SubjectRecord subject_record;
typedef Assay__Record__V1__TraitRecord trait_record;

enum { HASH_BYTES = 16 };

static void *rows_arena_alloc(void *arena, size_t n)
{
    return arena_alloc(arena, n);
}

static void rows_arena_free(void *arena, void *p)
{
    (void)arena;
    (void)p;
}

ProtobufCAllocator rows_allocator(struct arena *arena)
{
    return (ProtobufCAllocator){rows_arena_alloc, rows_arena_free, arena};
}

void rows_pack(const ProtobufCMessage *message, struct buf *out)
{
    size_t n = protobuf_c_message_get_packed_size(message);
    out->len += protobuf_c_message_pack(message, buf_reserve(out, n));
}

// ---- Lists ----

static struct rows_list rows_list_copy(const uint64_t *items, size_t n)
{
    struct rows_list list = {mem_alloc(n * sizeof *items), n};
    if (n > 0)
        memcpy(list.items, items, n * sizeof *items);
    return list;
}

static uint64_t rows_list_hash(const struct rows_list *list, uint64_t seed)
{
    uint64_t n = list->n;
    uint64_t hash = hash64_seeded(span_make(&n, sizeof n), seed);
    return hash64_seeded(span_make(list->items, list->n * sizeof *list->items), hash);
}

static void rows_lists_hash(struct rows_lists *lists)
{
    lists->hash = 0;
    for (int scope = 0; scope < 2; scope++) {
        lists->hash = rows_list_hash(&lists->cells[scope], lists->hash);
        lists->hash = rows_list_hash(&lists->signals[scope], lists->hash);
        lists->hash = rows_list_hash(&lists->leaves[scope], lists->hash);
    }
}

void rows_lists_of_plan(const struct plan *plan, struct rows_lists *out)
{
    *out = (struct rows_lists){0};
    for (int i = 0; i < 2; i++) {
        const struct plan_scope *scope = &plan->scopes[i];
        out->cells[i] = rows_list_copy(scope->cells, scope->n_cells);
        out->signals[i] = rows_list_copy(scope->signals, scope->n_signals);
        out->leaves[i] = rows_list_copy(scope->leaves, scope->n_leaves);
    }
    rows_lists_hash(out);
}

static void rows_lists_unmap(struct rows_lists *lists)
{
    for (int i = 0; i < 2; i++) {
        mem_free(lists->to_cells[i]);
        mem_free(lists->to_signals[i]);
        mem_free(lists->to_leaves[i]);
        lists->to_cells[i] = lists->to_signals[i] = lists->to_leaves[i] = NULL;
    }
    lists->plan = NULL;
}

void rows_lists_deinit(struct rows_lists *lists)
{
    rows_lists_unmap(lists);
    for (int i = 0; i < 2; i++) {
        mem_free(lists->cells[i].items);
        mem_free(lists->signals[i].items);
        mem_free(lists->leaves[i].items);
    }
}

void rows_lists_pack(const struct rows_lists *lists, struct buf *out)
{
    Assay__Record__V1__LayoutRecord record = ASSAY__RECORD__V1__LAYOUT_RECORD__INIT;
    record.n_account_cells = lists->cells[SCOPE_ACCOUNT].n;
    record.account_cells = lists->cells[SCOPE_ACCOUNT].items;
    record.n_account_signals = lists->signals[SCOPE_ACCOUNT].n;
    record.account_signals = lists->signals[SCOPE_ACCOUNT].items;
    record.n_account_leaves = lists->leaves[SCOPE_ACCOUNT].n;
    record.account_leaves = lists->leaves[SCOPE_ACCOUNT].items;
    record.n_user_cells = lists->cells[SCOPE_USER].n;
    record.user_cells = lists->cells[SCOPE_USER].items;
    record.n_user_signals = lists->signals[SCOPE_USER].n;
    record.user_signals = lists->signals[SCOPE_USER].items;
    record.n_user_leaves = lists->leaves[SCOPE_USER].n;
    record.user_leaves = lists->leaves[SCOPE_USER].items;
    rows_pack(&record.base, out);
}

enum err rows_lists_unpack(struct span value, struct arena *arena, struct rows_lists *out,
                           struct err_info *info)
{
    ProtobufCAllocator allocator = rows_allocator(arena);
    Assay__Record__V1__LayoutRecord *record =
        assay__record__v1__layout_record__unpack(&allocator, value.len, value.ptr);
    if (record == NULL)
        return err_set(info, ERR_CORRUPT, "a layout cannot be read");
    *out = (struct rows_lists){0};
    out->cells[SCOPE_ACCOUNT] = rows_list_copy(record->account_cells, record->n_account_cells);
    out->signals[SCOPE_ACCOUNT] =
        rows_list_copy(record->account_signals, record->n_account_signals);
    out->leaves[SCOPE_ACCOUNT] = rows_list_copy(record->account_leaves, record->n_account_leaves);
    out->cells[SCOPE_USER] = rows_list_copy(record->user_cells, record->n_user_cells);
    out->signals[SCOPE_USER] = rows_list_copy(record->user_signals, record->n_user_signals);
    out->leaves[SCOPE_USER] = rows_list_copy(record->user_leaves, record->n_user_leaves);
    rows_lists_hash(out);
    return ERR_OK;
}

// For each stored part the first place of its meaning that is still free.
static int32_t *rows_list_map(const struct rows_list *list, const uint64_t *to, uint32_t n_to,
                              bool *same)
{
    int32_t *places = mem_alloc((list->n + 1) * sizeof *places);
    bool *taken = mem_zalloc(n_to + 1);
    *same = *same && list->n == n_to;
    for (size_t i = 0; i < list->n; i++) {
        places[i] = -1;
        for (uint32_t j = 0; j < n_to && places[i] < 0; j++) {
            if (!taken[j] && to[j] == list->items[i])
                places[i] = (int32_t)j;
        }
        if (places[i] >= 0)
            taken[places[i]] = true;
        *same = *same && places[i] == (int32_t)i;
    }
    mem_free(taken);
    return places;
}

void rows_lists_map(struct rows_lists *lists, const struct plan *plan)
{
    if (lists->plan == plan)
        return;
    rows_lists_unmap(lists);
    lists->plan = plan;
    lists->same = true;
    for (int i = 0; i < 2; i++) {
        const struct plan_scope *to = &plan->scopes[i];
        lists->to_cells[i] = rows_list_map(&lists->cells[i], to->cells, to->n_cells, &lists->same);
        lists->to_signals[i] =
            rows_list_map(&lists->signals[i], to->signals, to->n_signals, &lists->same);
        lists->to_leaves[i] =
            rows_list_map(&lists->leaves[i], to->leaves, to->n_leaves, &lists->same);
    }
}

// ---- Values ----

static trait_record *rows_value_record(const struct value *value, int64_t at_ms,
                                       struct arena *arena)
{
    trait_record *record = arena_alloc(arena, sizeof *record);
    assay__record__v1__trait_record__init(record);
    record->at_ms = at_ms;
    switch (value->type) {
    case VALUE_NONE:
        break;
    case VALUE_TEXT:
        record->value_case = ASSAY__RECORD__V1__TRAIT_RECORD__VALUE_TEXT;
        record->text = arena_dup(arena, value->text);
        break;
    case VALUE_NUMBER:
        record->value_case = ASSAY__RECORD__V1__TRAIT_RECORD__VALUE_NUMBER;
        record->number = value->number;
        break;
    case VALUE_INTEGER:
        record->value_case = ASSAY__RECORD__V1__TRAIT_RECORD__VALUE_INTEGER;
        record->integer = value->integer;
        break;
    case VALUE_FLAG:
        record->value_case = ASSAY__RECORD__V1__TRAIT_RECORD__VALUE_FLAG;
        record->flag = value->flag;
        break;
    }
    return record;
}

static struct value rows_trait_value(const trait_record *record)
{
    struct value value = {.type = VALUE_NONE};
    switch (record->value_case) {
    case ASSAY__RECORD__V1__TRAIT_RECORD__VALUE_TEXT:
        value.type = VALUE_TEXT;
        value.text = span_of(record->text);
        break;
    case ASSAY__RECORD__V1__TRAIT_RECORD__VALUE_NUMBER:
        value.type = VALUE_NUMBER;
        value.number = record->number;
        break;
    case ASSAY__RECORD__V1__TRAIT_RECORD__VALUE_INTEGER:
        value.type = VALUE_INTEGER;
        value.integer = record->integer;
        break;
    case ASSAY__RECORD__V1__TRAIT_RECORD__VALUE_FLAG:
        value.type = VALUE_FLAG;
        value.flag = record->flag != 0;
        break;
    case ASSAY__RECORD__V1__TRAIT_RECORD__VALUE__NOT_SET:
    case _ASSAY__RECORD__V1__TRAIT_RECORD__VALUE__CASE_IS_INT_SIZE:
        break;
    }
    return value;
}

// ---- Cells ----

static void rows_cell_pairs(const struct cell_entry *entries, size_t n, struct arena *arena,
                            cell_record *out)
{
    out->n_keys = out->n_values = n;
    out->keys = arena_alloc(arena, n * sizeof *out->keys);
    out->values = arena_alloc(arena, n * sizeof *out->values);
    for (size_t i = 0; i < n; i++) {
        out->keys[i] = entries[i].key;
        out->values[i] = entries[i].value;
    }
}

// Values whose bucket has left the window stay in memory until the next rebuild, but need no row.
static bool rows_value_counts(const struct cell_values *values, const struct cell_value *slot)
{
    uint32_t at = cell_first(&values->buckets, slot->last);
    return slot->used && at < values->buckets.n &&
           cell_entries(&values->buckets)[at].key == slot->last;
}

static void rows_cell_values(const struct cell_values *values, struct arena *arena,
                             cell_record *out)
{
    size_t n = 0;
    out->keys = arena_alloc(arena, values->n * sizeof *out->keys);
    out->hashes.data = arena_alloc(arena, (size_t)values->n * HASH_BYTES);
    for (uint64_t i = 0; values->slots != NULL && i <= values->mask; i++) {
        const struct cell_value *slot = &values->slots[i];
        if (!rows_value_counts(values, slot))
            continue;
        uint64_t parts[2] = {htole64(slot->hash.low), htole64(slot->hash.high)};
        memcpy(out->hashes.data + n * HASH_BYTES, parts, HASH_BYTES);
        out->keys[n++] = slot->last;
    }
    out->n_keys = n;
    out->hashes.len = n * HASH_BYTES;
}

// Ordinals from 1, so that nobody is 0.
static void rows_cell_events(const struct cell_events *events, enum cell_shape shape,
                             struct arena *arena, cell_record *out)
{
    bool said = shape == CELL_SAID, users = false, bits = false;
    size_t n = events->n;
    out->anchored = events->marked;
    out->anchor_ms = events->marked ? events->mark_ms : 0;
    out->n_keys = n;
    out->n_values = said ? 0 : n;
    out->n_said = said ? n : 0;
    out->keys = arena_alloc(arena, n * sizeof *out->keys);
    out->values = arena_alloc(arena, n * sizeof *out->values);
    out->users = arena_alloc(arena, n * sizeof *out->users);
    out->bits = arena_alloc(arena, n * sizeof *out->bits);
    out->said = arena_alloc(arena, n * sizeof(trait_record *));
    for (size_t i = 0; i < n; i++) {
        const struct cell_event *event = &events->items[i];
        out->keys[i] = event->at_ms;
        out->users[i] = event->user + 1;
        out->bits[i] = event->bits;
        users = users || out->users[i] != 0;
        bits = bits || event->bits != 0;
        if (said)
            out->said[i] = rows_value_record(cell_said(event), 0, arena);
        else
            out->values[i] = event->value;
    }
    out->n_users = users ? n : 0;
    out->n_bits = bits ? n : 0;
}

cell_record *rows_cell_record(const struct cell *cell, enum cell_shape shape, struct arena *arena)
{
    cell_record *out = arena_alloc(arena, sizeof *out);
    assay__record__v1__cell_record__init(out);
    struct cell_entry hours[CELL_HOURS_OF_DAY];
    switch (shape) {
    case CELL_BUCKETS:
        rows_cell_pairs(cell_entries(cell), cell->n, arena, out);
        break;
    case CELL_HOURS:
        rows_cell_pairs(hours, cell_hours(cell, hours), arena, out);
        break;
    case CELL_VALUES:
        if (cell->values != NULL)
            rows_cell_values(cell->values, arena, out);
        break;
    case CELL_EVENTS:
    case CELL_SAID:
        if (cell->events != NULL)
            rows_cell_events(cell->events, shape, arena, out);
        break;
    }
    return out;
}

static enum err rows_events_restore(const cell_record *record, enum cell_shape shape,
                                    struct cell *cell, struct err_info *info)
{
    bool said = shape == CELL_SAID;
    size_t n = record->n_keys;
    if ((said ? record->n_said : record->n_values) != n ||
        (record->n_users != 0 && record->n_users != n) ||
        (record->n_bits != 0 && record->n_bits != n))
        return err_set(info, ERR_CORRUPT, "a cell whose lists differ in length");
    for (size_t i = 0; i < n; i++) {
        struct cell_event event = {.at_ms = record->keys[i], .user = CELL_NO_USER};
        struct value value;
        event.value = said ? 0 : record->values[i];
        if (record->n_users != 0)
            event.user = record->users[i] - 1;
        if (record->n_bits != 0)
            event.bits = record->bits[i];
        if (said)
            value = rows_trait_value(record->said[i]);
        cell_restore_event(cell, event, said ? &value : NULL);
    }
    if (record->anchored)
        cell_restore_mark(cell, record->anchor_ms);
    return ERR_OK;
}

static enum err rows_hours_restore(const cell_record *record, struct cell *cell,
                                   struct err_info *info)
{
    int64_t last = -1;
    bool right = record->n_values == record->n_keys;
    for (size_t i = 0; right && i < record->n_keys; i++) {
        int64_t hour = record->keys[i], n = record->values[i];
        right = hour > last && hour < CELL_HOURS_OF_DAY && n > 0 && n <= UINT32_MAX;
        if (right)
            cell_hour(cell, (uint32_t)hour, (uint32_t)n);
        last = hour;
    }
    return right ? ERR_OK : err_set(info, ERR_CORRUPT, "hours of a day that cannot be");
}

enum err rows_cell_restore(const cell_record *record, enum cell_shape shape, struct cell *cell,
                           struct err_info *info)
{
    if (shape == CELL_EVENTS || shape == CELL_SAID)
        return rows_events_restore(record, shape, cell, info);
    if (shape == CELL_HOURS)
        return rows_hours_restore(record, cell, info);
    bool values = shape == CELL_VALUES;
    if (values ? record->hashes.len != record->n_keys * HASH_BYTES
               : record->n_values != record->n_keys)
        return err_set(info, ERR_CORRUPT, "a cell whose lists differ in length");
    for (size_t i = 0; i < record->n_keys; i++) {
        if (!values) {
            cell_restore_bucket(cell, record->keys[i], record->values[i]);
            continue;
        }
        uint64_t parts[2];
        memcpy(parts, record->hashes.data + i * HASH_BYTES, HASH_BYTES);
        struct hash128 hash = {le64toh(parts[0]), le64toh(parts[1])};
        cell_restore_value(cell, hash, record->keys[i]);
    }
    return ERR_OK;
}

// ---- Subjects ----

static bool rows_is_fact(const struct plan *plan, enum scope scope, uint32_t number)
{
    return fact_is(&plan->playbook->signals[plan->scopes[scope].of_number[number]]);
}

// What a row without its signals stands for.
static bool rows_signal_is_nothing(const signal_record *signal)
{
    return !signal->ever && !signal->value && signal->since_ms == 0 && !signal->met &&
           !signal->spent && signal->episodes == 0 && signal->event_id[0] == '\0' &&
           signal->told == 0;
}

static void rows_signals_record(const struct plan *plan, enum scope of, struct subject *subject,
                                struct arena *arena, subject_record *out)
{
    const struct plan_scope *scope = &plan->scopes[of];
    const uint8_t *flags = subject_flags(scope, subject);
    bool nothing = true;
    // Nothing has changed yet: every flag is 0.
    if (subject->marks == NULL)
        return;
    out->signals = arena_alloc(arena, scope->n_signals * sizeof *out->signals);
    for (uint32_t i = 0; i < scope->n_signals; i++) {
        signal_record *signal = arena_alloc(arena, sizeof *signal);
        assay__record__v1__signal_state_record__init(signal);
        signal->value = (flags[i] & SIGNAL_TRUE) != 0;
        signal->ever = (flags[i] & SIGNAL_EVER) != 0;
        signal->since_ms = subject->marks[i].since_ms;
        if (subject->marks[i].event_id != NULL)
            signal->event_id = subject->marks[i].event_id;
        signal->episodes = subject->marks[i].episodes;
        signal->met = (flags[i] & SIGNAL_MET) != 0;
        signal->met_ms = signal->met ? subject->marks[i].met_ms : 0;
        signal->spent = (flags[i] & SIGNAL_SPENT) != 0;
        signal->told = rows_is_fact(plan, of, i) ? subject->marks[i].told : 0;
        nothing = nothing && rows_signal_is_nothing(signal);
        out->signals[i] = signal;
    }
    out->n_signals = nothing ? 0 : scope->n_signals;
}

subject_record *rows_subject_record(const struct plan *plan, enum scope scope,
                                    struct subject *subject, struct arena *arena)
{
    const struct plan_scope *shape = &plan->scopes[scope];
    subject_record *out = arena_alloc(arena, sizeof *out);
    assay__record__v1__subject_record__init(out);
    out->n_cells = shape->n_cells;
    out->cells = arena_alloc(arena, shape->n_cells * sizeof *out->cells);
    for (uint32_t i = 0; i < shape->n_cells; i++)
        out->cells[i] =
            rows_cell_record(&subject->cells[i], (enum cell_shape)shape->shapes[i], arena);
    rows_signals_record(plan, scope, subject, arena, out);
    const int64_t *leaves = subject_leaves(shape, subject);
    bool any = false;
    for (uint32_t i = 0; i < shape->n_leaves; i++)
        any = any || leaves[i] != 0;
    if (any) {
        out->n_leaf_since_ms = shape->n_leaves;
        out->leaf_since_ms = arena_alloc(arena, shape->n_leaves * sizeof *leaves);
        memcpy(out->leaf_since_ms, leaves, shape->n_leaves * sizeof *leaves);
    }
    out->stale = subject->stale;
    return out;
}

static void rows_signal_restore(const signal_record *record, const struct plan_scope *shape,
                                int32_t number, bool fact, struct subject *subject)
{
    if (rows_signal_is_nothing(record))
        return;
    subject_flags(shape, subject)[number] =
        (uint8_t)((record->value ? SIGNAL_TRUE : 0) | (record->ever ? SIGNAL_EVER : 0) |
                  (record->met ? SIGNAL_MET : 0) | (record->spent ? SIGNAL_SPENT : 0));
    struct signal_mark *mark = subject_mark(shape, subject, number);
    mark->since_ms = record->since_ms;
    if (fact)
        mark->told = record->told;
    else
        mark->met_ms = record->met_ms;
    // Rows from before they were counted: once, at least.
    mark->episodes = record->episodes == 0 && record->ever ? 1 : record->episodes;
    if (record->event_id[0] != '\0')
        mark->event_id = mem_dup_text(record->event_id);
}

enum err rows_subject_restore(const subject_record *record, const struct rows_lists *lists,
                              enum scope scope, struct subject *subject, struct err_info *info)
{
    const struct plan_scope *shape = &lists->plan->scopes[scope];
    if (record == NULL)
        return err_set(info, ERR_CORRUPT, "a row without its subject");
    if (record->n_cells != lists->cells[scope].n ||
        (record->n_signals != 0 && record->n_signals != lists->signals[scope].n) ||
        (record->n_leaf_since_ms != 0 && record->n_leaf_since_ms != lists->leaves[scope].n))
        return err_set(info, ERR_CORRUPT, "a row that does not follow its layout");
    for (size_t i = 0; i < record->n_cells; i++) {
        int32_t to = lists->to_cells[scope][i];
        enum err err = to < 0
                           ? ERR_OK
                           : rows_cell_restore(record->cells[i], (enum cell_shape)shape->shapes[to],
                                               &subject->cells[to], info);
        if (err != ERR_OK)
            return err;
    }
    for (size_t i = 0; i < record->n_signals; i++) {
        int32_t to = lists->to_signals[scope][i];
        if (to >= 0)
            rows_signal_restore(record->signals[i], shape, to,
                                rows_is_fact(lists->plan, scope, (uint32_t)to), subject);
    }
    int64_t *leaves = subject_leaves(shape, subject);
    for (size_t i = 0; i < record->n_leaf_since_ms; i++) {
        int32_t to = lists->to_leaves[scope][i];
        if (to >= 0)
            leaves[to] = record->leaf_since_ms[i];
    }
    subject->stale = record->stale || !lists->same;
    return ERR_OK;
}

// ---- Traits ----

static trait_record *rows_trait_record(const struct trait *trait, struct arena *arena)
{
    trait_record *record = rows_value_record(&trait->value, trait->at_ms, arena);
    record->key = arena_dup(arena, trait_key(trait));
    const struct trait_past *past = trait->past;
    if (past == NULL)
        return record;
    record->n_past = past->n;
    record->past = arena_alloc(arena, past->n * sizeof *record->past);
    for (uint32_t i = 0; i < past->n; i++)
        record->past[i] = rows_value_record(&past->items[i]->value, past->items[i]->at_ms, arena);
    return record;
}

trait_record **rows_traits_record(const struct traits *traits, struct arena *arena, size_t *n)
{
    *n = traits == NULL ? 0 : traits->n;
    trait_record **out = arena_alloc(arena, *n * sizeof *out);
    for (size_t i = 0; i < *n; i++)
        out[i] = rows_trait_record(traits->items[i], arena);
    return out;
}

void rows_traits_restore(trait_record *const *records, size_t n, struct traits **traits)
{
    for (size_t i = 0; i < n; i++) {
        struct span key = span_of(records[i]->key);
        struct value value = rows_trait_value(records[i]);
        for (size_t p = 0; p < records[i]->n_past; p++) {
            struct value earlier = rows_trait_value(records[i]->past[p]);
            (void)traits_put_past(traits, key, &earlier, records[i]->past[p]->at_ms);
        }
        // Without a past there is none to be dropped either.
        if (records[i]->n_past > 0)
            (void)traits_put_past(traits, key, &value, records[i]->at_ms);
        else
            (void)traits_put(traits, key, &value, records[i]->at_ms);
    }
}

// ---- Measures ----

Assay__Record__V1__MeasureMarkRecord **rows_measures_record(const struct core *core,
                                                            struct arena *arena, size_t *n)
{
    const struct warming_mark *marks = warming_marks(core, arena, n);
    Assay__Record__V1__MeasureMarkRecord **out = arena_alloc(arena, (*n + 1) * sizeof *out);
    for (size_t i = 0; i < *n; i++) {
        out[i] = arena_alloc(arena, sizeof **out);
        assay__record__v1__measure_mark_record__init(out[i]);
        out[i]->meaning = marks[i].meaning;
        out[i]->warming = marks[i].warming;
        out[i]->since_ms = marks[i].since_ms;
    }
    return out;
}

void rows_measures_restore(Assay__Record__V1__MeasureMarkRecord *const *records, size_t n,
                           struct arena *arena, struct core *core)
{
    struct warming_mark *marks = arena_alloc(arena, (n + 1) * sizeof *marks);
    for (size_t i = 0; i < n; i++)
        marks[i] = (struct warming_mark){records[i]->meaning, records[i]->warming != 0,
                                         records[i]->since_ms};
    warming_restore(core, marks, n);
}
