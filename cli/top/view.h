// SPDX-License-Identifier: Apache-2.0
// The parts of a frame: each is a function of the sample that appends lines with styles. A body is
// what the overview shows of it, with its title; nothing when there is nothing to show.
#pragma once

#include "cli/top/frame.h"

struct view {
    const struct top_sample *s;
    const struct top_rates *rates;
    int window; // columns
    struct buf *out;
};

// ---- Words (view.c). Texts are valid until some more were made.
// "3 min".
const char *view_age(int64_t ms);
// "01-31 08:00", or "2027-01-31" when that is far from now.
const char *view_minute(int64_t ms, int64_t now_ms);
const char *view_count_or_dash(uint64_t n);
// A style, or NULL.
const char *view_warn_if(bool so);
const char *view_bad_if(bool so);
void view_title(const struct view *v, const char *text);
void view_note(const struct view *v, const char *text);

// ---- view_queues.c
void view_rates_body(const struct view *v);
void view_queues_body(const struct view *v);

// ---- view_teams.c
void view_teams_body(const struct view *v);
void view_teams(const struct view *v);

// ---- view_touches.c
// Whether anybody is waited for.
bool view_any_sla(const struct view *v);
// The first `most` leads.
void view_touches_body(const struct view *v, size_t most);
void view_touches(const struct view *v);

// ---- view_services.c
void view_webhooks_body(const struct view *v);
void view_webhooks(const struct view *v);
void view_services(const struct view *v);
