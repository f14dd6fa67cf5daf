// SPDX-License-Identifier: Apache-2.0
// What `assay top` shows of a moment: text with styles (canvas.h), for a window of any size.
#pragma once

#include <stdbool.h>

#include "cli/survey.h"
#include "common/base/buf.h"

enum top_view { TOP_OVERVIEW, TOP_TEAMS, TOP_TOUCHES, TOP_WEBHOOKS, TOP_SERVICES, TOP_VIEWS };

enum { TOP_HISTORY = 120 };
// How fast things came, per second, the newest last.
struct top_rates {
    double events[TOP_HISTORY], leads[TOP_HISTORY], decisions[TOP_HISTORY];
    size_t n;
};
// What rates are made from: two of them, taken at different instants.
struct top_counts {
    int64_t mono_ms;
    bool known; // every service answered
    uint64_t events, leads, decisions;
};
// Adds the rates between the two; nothing when one is not known.
void top_rates_add(struct top_rates *rates, const struct top_counts *before,
                   const struct top_counts *now);

// Everything that was asked; NULL where nobody answered.
struct top_sample {
    const char *dir;
    struct err_info why; // nothing could be asked; "" otherwise
    int64_t now_ms;      // the cluster's clock
    bool event_clock;
    struct survey survey;
    const Assay__Router__V1__GetTeamsResponse *teams;
    const Assay__Router__V1__GetWebhooksResponse *webhooks;
    // Leads that wait for their first touch, the next to be touched first; the first of many.
    const Assay__Router__V1__Lead **touches;
    size_t n_touches;
    bool more_touches;
};

struct top_window {
    size_t rows, columns; // rows 0: as many as it takes
    enum top_view view;
    size_t scroll; // lines; top_frame keeps it within what there is
    int64_t every_ms;
    bool keys; // say which there are
};

const char *top_view_name(enum top_view view);
// Appends exactly `rows` lines (or fewer), none longer than `columns`.
void top_frame(const struct top_sample *sample, const struct top_rates *rates,
               struct top_window *window, struct buf *out);
