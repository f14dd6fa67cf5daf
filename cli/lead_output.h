// SPDX-License-Identifier: Apache-2.0
// Leads for people.
#pragma once

#include <stdio.h>

#include "assay/router/v1/router.pb-c.h"

// A table: id, account, labels, state, queue, priority, rep, first touch, since, message, reasons;
// without what no lead has, and cut to the width of the terminal.
void leads_table_write(Assay__Router__V1__Lead *const *leads, size_t n, FILE *stream);
// "pql, user_pql": up to `bytes` - 1 bytes of it. Returns `out`.
const char *lead_reasons(const Assay__Router__V1__Lead *lead, char *out, size_t bytes);
// "PQL - High Intent, trial": labels, or names where there is none.
const char *lead_labels(const Assay__Router__V1__Lead *lead, char *out, size_t bytes);
// All of one lead, on several lines.
void lead_write(const Assay__Router__V1__Lead *lead, FILE *stream);
