// SPDX-License-Identifier: Apache-2.0
// links: base
#include <criterion/criterion.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/hash.h"
#include "common/base/heap.h"
#include "common/base/index.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/base/time_text.h"

Test(err, prefix_goes_in_front_and_never_overflows)
{
    struct err_info info;
    cr_assert_eq(err_set(&info, ERR_FULL, "map full"), ERR_FULL);
    cr_assert_eq(err_prefix(&info, ERR_FULL, "put %d", 7), ERR_FULL);
    cr_assert_str_eq(info.text, "put 7: map full");
    char long_text[600];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    (void)err_prefix(&info, ERR_FULL, "%s", long_text);
    cr_assert_eq(strlen(info.text), sizeof info.text - 1);
    cr_assert_eq(err_set(NULL, ERR_IO, "nobody listens"), ERR_IO);
}

Test(err, list_is_complete)
{
    cr_assert_str_eq(err_name(ERR_INTERNAL), "INTERNAL");
    cr_assert(err_retry(ERR_UNAVAILABLE));
    cr_assert_not(err_retry(ERR_INVALID));
}

Test(arena, bound_sets_exhausted_until_reset)
{
    struct arena arena;
    arena_init(&arena, 64, 256);
    cr_assert_not_null(arena_try(&arena, 200));
    cr_assert_null(arena_try(&arena, 100));
    cr_assert(arena.exhausted);
    arena_reset(&arena);
    cr_assert_not(arena.exhausted);
    char *p = arena_try(&arena, 100);
    for (size_t i = 0; i < 100; i++)
        cr_assert_eq(p[i], 0, "memory is zeroed again after reset");
    cr_assert_str_eq(arena_dup(&arena, span_make("abcdef", 3)), "abc");
    arena_deinit(&arena);
}

Test(buf, writes_json_strings)
{
    struct buf buf = {0};
    buf_append_json(&buf, span_of("a\"\\\n\x01/\xc3\xa4"));
    buf_append_u8(&buf, 0);
    cr_assert_str_eq((char *)buf.bytes, "\"a\\\"\\\\\\u000a\\u0001/\xc3\xa4\"");
    buf_clear(&buf);
    buf_append_json(&buf, span_make("x\xff\xfey", 4));
    buf_append_json(&buf, span_of(NULL));
    buf_append_u8(&buf, 0);
    cr_assert_str_eq((char *)buf.bytes, "\"xy\"\"\"");
    buf_deinit(&buf);
}

Test(buf, grows_and_prints)
{
    struct buf buf = {0};
    for (int i = 0; i < 1000; i++)
        buf_printf(&buf, "%d,", i);
    cr_assert_eq(buf.len, 3890);
    cr_assert_eq(memcmp(buf.bytes, "0,1,2,", 6), 0);
    buf_clear(&buf);
    buf_append_u32(&buf, 0x01020304);
    cr_assert_eq(buf.bytes[0], 4);
    buf_deinit(&buf);
}

Test(hash, never_changes)
{
    // Bytes on disk and the owner of every key depend on these.
    cr_assert_eq(hash64(span_of("")), 0x2d06800538d394c2ull);
    cr_assert_eq(hash128(span_of("")).low, 0x6001c324468d497full);
}

static bool base_number_eq(const void *ctx, uint32_t item, const void *key)
{
    return ((const uint32_t *)ctx)[item] == *(const uint32_t *)key;
}

static uint64_t base_number_hash(uint32_t n)
{
    return hash64(span_make(&n, sizeof n));
}

static uint64_t base_rehash(const void *ctx, uint32_t item)
{
    return base_number_hash(((const uint32_t *)ctx)[item]);
}

Test(index, finds_what_was_added_and_not_what_was_removed)
{
    enum { N = 10000 };
    uint32_t *numbers = mem_alloc(N * sizeof *numbers);
    struct index index = {0};
    for (uint32_t i = 0; i < N; i++) {
        numbers[i] = i * 7;
        index_add(&index, base_number_hash(numbers[i]), i, base_rehash, numbers);
    }
    for (uint32_t i = 0; i < N; i += 2)
        cr_assert(index_remove(&index, base_number_hash(numbers[i]), i));
    for (uint32_t i = 0; i < N; i++) {
        uint32_t found =
            index_find(&index, base_number_hash(numbers[i]), base_number_eq, numbers, &numbers[i]);
        cr_assert_eq(found, i % 2 == 0 ? INDEX_NONE : i);
    }
    cr_assert_eq(index.n, N / 2);
    index_deinit(&index);
    mem_free(numbers);
}

static bool base_is_even(const void *ctx, const struct heap_entry *entry)
{
    (void)ctx;
    return entry->item % 2 == 0;
}

Test(heap, keeps_what_is_asked_for_and_that_once)
{
    struct heap heap = {0};
    heap_keep(&heap, base_is_even, NULL);
    cr_assert(heap_top(&heap) == NULL);
    for (uint64_t i = 0; i < 400; i++)
        heap_push(&heap, (int64_t)(i * 7919 % 40), i % 200);
    heap_keep(&heap, base_is_even, NULL);
    struct heap_entry last = {INT64_MIN, 0};
    size_t n = 0;
    for (; heap_top(&heap) != NULL; n++) {
        struct heap_entry entry = heap_pop(&heap);
        cr_assert_eq(entry.item % 2, 0);
        cr_assert(entry.key > last.key || (entry.key == last.key && entry.item > last.item));
        last = entry;
    }
    cr_assert_eq(n, 100); // i and i + 200 have the same key and item
    heap_deinit(&heap);
}

Test(heap, gives_keys_in_order_and_ties_by_item)
{
    struct heap heap = {0};
    for (uint64_t i = 0; i < 500; i++)
        heap_push(&heap, (int64_t)(i * 7919 % 50), 500 - i);
    struct heap_entry last = {INT64_MIN, 0};
    while (heap_top(&heap) != NULL) {
        struct heap_entry entry = heap_pop(&heap);
        cr_assert(entry.key > last.key || (entry.key == last.key && entry.item > last.item));
        last = entry;
    }
    heap_deinit(&heap);
}

Test(text, clean_utf8)
{
    cr_assert(text_is_clean_utf8(span_of("plain, ünï, 漢字, 🎯")));
    cr_assert_not(text_is_clean_utf8(span_make("a\0b", 3)));
    cr_assert_not(text_is_clean_utf8(span_of("\xC0\x80")), "overlong");
    cr_assert_not(text_is_clean_utf8(span_of("\xED\xA0\x80")), "surrogate");
    cr_assert_not(text_is_clean_utf8(span_of("\xF4\x90\x80\x80")), "past U+10FFFF");
    cr_assert_not(text_is_clean_utf8(span_of("abc\xE2\x82")), "cut short");
}

Test(text, numbers)
{
    int64_t i;
    double d;
    cr_assert(text_to_i64(span_of("-9223372036854775808"), &i) && i == INT64_MIN);
    cr_assert_not(text_to_i64(span_of("9223372036854775808"), &i));
    cr_assert_not(text_to_i64(span_of("1 "), &i));
    cr_assert_not(text_to_i64(span_of("-"), &i));
    cr_assert(text_to_double(span_of("1e3"), &d) && d == 1000);
    cr_assert_not(text_to_double(span_of("inf"), &d));
    cr_assert_not(text_to_double(span_of("0x10"), &d));
    cr_assert_not(text_to_double(span_of("1e999"), &d));
}

Test(text, distance_counts_edits)
{
    cr_assert_eq(text_distance(span_of("window"), span_of("windw"), 3), 1);
    cr_assert_eq(text_distance(span_of("window"), span_of("wnidow"), 3), 1);
    cr_assert_eq(text_distance(span_of("window"), span_of("queue"), 3), 4);
    cr_assert(text_contains(span_of("My-BOT/1"), span_of("bot"), true));
    cr_assert_not(text_contains(span_of("My-BOT/1"), span_of("bot"), false));
}

Test(time, parses_what_clients_send)
{
    int64_t ms;
    cr_assert(time_parse(span_of("1970-01-01"), &ms) && ms == 0);
    cr_assert(time_parse(span_of("2012-11-24T11:14:12.000Z"), &ms) && ms == 1353755652000);
    cr_assert(time_parse(span_of("2012-11-24T12:14:12.5+01:00"), &ms) && ms == 1353755652500);
    cr_assert(time_parse(span_of("2012-11-24T11:14:12.123456Z"), &ms) && ms == 1353755652123);
    cr_assert_not(time_parse(span_of("2012-02-30"), &ms));
    cr_assert_not(time_parse(span_of("2012-11-24T11:14:12"), &ms), "a zone is needed");
    cr_assert_not(time_parse(span_of("24/11/2012"), &ms));
    cr_assert_not(time_parse(span_of(""), &ms));
}

Test(time, dates_round_trip)
{
    for (int64_t day = -200000; day < 200000; day += 37)
        cr_assert_eq(time_day_of_date(time_date_of_day(day)), day);
    char text[TIME_TEXT_MAX];
    cr_assert_str_eq(time_format(1353755652007, text), "2012-11-24T11:14:12.007Z");
    cr_assert_str_eq(time_format(-1, text), "1969-12-31T23:59:59.999Z");
    cr_assert_eq(time_day(-1), -1);
}

Test(time, durations)
{
    int64_t ms;
    char text[TIME_TEXT_MAX];
    cr_assert(time_parse_duration(span_of("48h"), &ms) && ms == 172800000);
    cr_assert(time_parse_duration(span_of("2w"), &ms) && ms == 1209600000);
    cr_assert_not(time_parse_duration(span_of("5"), &ms));
    cr_assert_not(time_parse_duration(span_of("99999999999999999w"), &ms));
    cr_assert_str_eq(time_format_duration(1209600000, text), "14d");
    cr_assert_str_eq(time_format_duration(1500, text), "1500ms");
    cr_assert_str_eq(time_format_duration(0, text), "0ms");
}
