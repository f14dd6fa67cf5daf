// SPDX-License-Identifier: Apache-2.0
// The machine's clocks, for shells only: cores get time as an argument. Any thread.
#pragma once

#include <stdint.h>

int64_t clock_wall_ms(void); // since 1970-01-01T00:00:00Z
int64_t clock_mono_ms(void); // since some fixed instant, never back
uint64_t clock_mono_ns(void);
// 64 random bits from the system, for identities (never for decisions).
uint64_t clock_random_u64(void);
