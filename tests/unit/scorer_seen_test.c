// SPDX-License-Identifier: Apache-2.0
// links: scorer_core
#include <criterion/criterion.h>

#include <stdio.h>

#include "common/base/time_text.h"
#include "services/scorer/core/seen.h"

static const int64_t H = TIME_HOUR_MS;

static struct hash128 id_of(int n)
{
    char text[32];
    return hash128(span_make(text, (size_t)snprintf(text, sizeof text, "id-%d", n)));
}

Test(scorer_seen, remembers_for_the_window_and_no_longer_than_an_hour_more)
{
    struct seen seen;
    seen_init(&seen, 24 * H, 1000);
    seen_advance(&seen, 100 * H + H - 1);
    cr_assert(seen_add(&seen, id_of(1)));
    cr_assert(!seen_add(&seen, id_of(1)));
    // 24 hours after the end of its hour.
    seen_advance(&seen, 125 * H - 1);
    cr_assert(!seen_add(&seen, id_of(1)));
    cr_assert(seen.live == 1);
    seen_advance(&seen, 125 * H);
    cr_assert(seen.live == 0);
    cr_assert(seen_add(&seen, id_of(1)));
    cr_assert(!seen_add(&seen, id_of(1)));
    seen_advance(&seen, 3 * H); // never back
    cr_assert(seen.hour == 125);
    seen_deinit(&seen);
}

Test(scorer_seen, is_exact_over_many_hours)
{
    enum { A_HOUR = 700, HOURS = 60, WINDOW = 5 };
    struct seen seen;
    seen_init(&seen, WINDOW * H, 1000000);
    for (int hour = 0; hour < HOURS; hour++) {
        seen_advance(&seen, hour * H);
        for (int i = 0; i < A_HOUR; i++)
            cr_assert(seen_add(&seen, id_of(hour * A_HOUR + i)));
        int oldest = hour <= WINDOW ? 0 : (hour - WINDOW) * A_HOUR;
        for (int i = oldest; i < (hour + 1) * A_HOUR; i += 3)
            cr_assert(!seen_add(&seen, id_of(i)));
        cr_assert(seen.live == (uint64_t)((hour + 1) * A_HOUR - oldest));
    }
    uint64_t slots = 0;
    for (int i = 0; i < SEEN_TABLES; i++)
        slots += seen.tables[i].mask + 1;
    cr_assert(slots < 8 * (WINDOW + 1) * A_HOUR, "what expired takes no room: %llu slots",
              (unsigned long long)slots);
    seen_deinit(&seen);
}

Test(scorer_seen, has_room_up_to_its_bound)
{
    struct seen seen;
    seen_init(&seen, 2 * H, 10);
    seen_advance(&seen, 0);
    for (int i = 0; i < 7; i++)
        cr_assert(seen_add(&seen, id_of(i)));
    cr_assert(seen_has_room(&seen, 3));
    cr_assert(!seen_has_room(&seen, 4));
    cr_assert(!seen_has_room(&seen, SIZE_MAX));
    seen_advance(&seen, 3 * H);
    cr_assert(seen_has_room(&seen, 10));
    seen_deinit(&seen);
}

Test(scorer_seen, survives_years_of_silence)
{
    struct seen seen;
    seen_init(&seen, 24 * H, 1000);
    int64_t hour = 0;
    static const int64_t JUMPS[] = {1, 8191, 8192, 8193, 32767, 32768, 65535, 65536, 65537, 25, 1};
    for (size_t j = 0; j < sizeof JUMPS / sizeof *JUMPS; j++) {
        seen_advance(&seen, hour * H);
        for (int i = 0; i < 50; i++)
            cr_assert(seen_add(&seen, id_of(i)), "after jump %zu", j);
        for (int i = 0; i < 50; i++)
            cr_assert(!seen_add(&seen, id_of(i)));
        hour += JUMPS[j] < 25 ? 25 : JUMPS[j];
    }
    seen_deinit(&seen);
}

Test(scorer_seen, is_put_back_as_it_was)
{
    struct seen seen, back;
    seen_init(&seen, 5 * H, 1000);
    seen_init(&back, 5 * H, 1000);
    for (int hour = 0; hour < 12; hour++) {
        seen_advance(&seen, (70000 + hour) * H);
        for (int i = 0; i < 20; i++)
            cr_assert(seen_add(&seen, id_of(hour * 20 + i)));
    }
    seen_advance(&back, (70000 + 11) * H);
    for (size_t i = 0; i < seen.n_fresh; i++)
        seen_restore(&back, seen.fresh[i]);
    cr_assert(back.live == seen.live && back.n_hours == seen.n_hours);
    for (int i = 0; i < 12 * 20; i++)
        cr_assert(seen_add(&back, id_of(i)) == seen_add(&seen, id_of(i)));
    seen_deinit(&seen);
    seen_deinit(&back);
}
