// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/core/fact.h"

#include "services/scorer/core/value.h"

uint64_t fact_hash(const struct scene *scene, const struct signal *signal, struct arena *arena)
{
    struct operand operand = condition_operand(scene, signal->condition, arena);
    struct value value = operand.value;
    if (operand.number)
        value = (struct value){.type = VALUE_INTEGER, .integer = operand.milli};
    struct hash128 hash = value_hash(&value);
    uint64_t told = hash64(span_make(&hash, sizeof hash));
    return told == 0 ? 1 : told;
}

// Whole characters only.
static struct span fact_cut(struct span text)
{
    if (text.len <= FACT_TEXT_MAX)
        return text;
    text.len = FACT_TEXT_MAX;
    while (text.len > 0 && (((const uint8_t *)text.ptr)[text.len] & 0xc0) == 0x80)
        text.len--;
    return text;
}

const char *fact_text(const struct scene *scene, const struct signal *signal, struct arena *arena)
{
    struct operand operand = condition_operand(scene, signal->condition, arena);
    if (!operand.present)
        return "";
    if (operand.number)
        return arena_printf(arena, "%lld", (long long)operand.milli);
    if (operand.value.type == VALUE_TEXT)
        return arena_dup(arena, fact_cut(operand.value.text));
    return value_exact_text(&operand.value, arena);
}
