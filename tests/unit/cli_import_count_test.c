// SPDX-License-Identifier: Apache-2.0
// links: cli_import base
#include <criterion/criterion.h>

#include "cli/import_count.h"

#define ACCEPTED ASSAY__INGEST__V1__VERDICT__VERDICT_ACCEPTED
#define DUPLICATE ASSAY__INGEST__V1__VERDICT__VERDICT_DUPLICATE
#define REFUSED ASSAY__INGEST__V1__VERDICT__VERDICT_REFUSED

Test(import_count, remembers_ids)
{
    struct import_ids ids = {0};
    for (uint64_t i = 0; i < 100000; i++)
        cr_assert(import_ids_add(&ids, i * 0x9E3779B97F4A7C15U));
    for (uint64_t i = 0; i < 100000; i++)
        cr_assert(!import_ids_add(&ids, i * 0x9E3779B97F4A7C15U));
    cr_assert_eq(ids.n, 100000u);
    import_ids_deinit(&ids);
}

Test(import_count, zero_is_a_hash_like_others)
{
    struct import_ids ids = {0};
    cr_assert(import_ids_add(&ids, 0));
    cr_assert(!import_ids_add(&ids, 0));
    import_ids_deinit(&ids);
}

Test(import_count, a_request_sent_once_is_taken_at_its_word)
{
    struct import_counts c = {0};
    import_count(&c, ACCEPTED, true, false);
    import_count(&c, DUPLICATE, true, false);
    import_count(&c, DUPLICATE, false, false);
    import_count(&c, REFUSED, true, false);
    cr_assert_eq(c.accepted, 1u);
    cr_assert_eq(c.duplicate, 2u);
    cr_assert_eq(c.refused, 1u);
}

Test(import_count, a_request_sent_again_counts_its_own_events_as_accepted)
{
    struct import_counts c = {0};
    import_count(&c, DUPLICATE, true, true);  // taken by the attempt whose answer was lost
    import_count(&c, DUPLICATE, false, true); // stands twice in the file
    import_count(&c, ACCEPTED, true, true);
    import_count(&c, REFUSED, true, true);
    cr_assert_eq(c.accepted, 2u);
    cr_assert_eq(c.duplicate, 1u);
    cr_assert_eq(c.refused, 1u);
}

Test(import_count, pauses_grow_to_a_bound)
{
    int64_t pause_ms = 0, last_ms = 0;
    for (int i = 0; i < 20; i++) {
        pause_ms = import_pause_next(pause_ms);
        cr_assert(pause_ms >= last_ms && pause_ms >= 100 && pause_ms <= 2000);
        last_ms = pause_ms;
    }
    cr_assert_eq(pause_ms, 2000);
}
