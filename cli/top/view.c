// SPDX-License-Identifier: Apache-2.0
#include "cli/top/view.h"

#include <stdio.h>

#include "cli/output.h"
#include "cli/top/canvas.h"
#include "common/base/time_text.h"

const char *view_age(int64_t ms)
{
    static char texts[8][24];
    static unsigned at;
    char *text = texts[at++ % 8];
    long long s = ms / 1000;
    if (ms < 1000 && ms > 0)
        snprintf(text, sizeof texts[0], "%lld ms", (long long)ms);
    else if (s < 120)
        snprintf(text, sizeof texts[0], "%lld s", s);
    else if (s < 2 * 3600)
        snprintf(text, sizeof texts[0], "%lld min", s / 60);
    else if (s < 2 * 86400)
        snprintf(text, sizeof texts[0], "%lld h", s / 3600);
    else
        snprintf(text, sizeof texts[0], "%lld days", s / 86400);
    return text;
}

const char *view_count_or_dash(uint64_t n)
{
    return n > 0 ? output_count(n) : "-";
}

const char *view_warn_if(bool so)
{
    return so ? STYLE_WARN : NULL;
}

const char *view_bad_if(bool so)
{
    return so ? STYLE_BAD : NULL;
}

void view_title(const struct view *v, const char *text)
{
    buf_printf(v->out, "\n " STYLE_BOLD "%s" STYLE_PLAIN "\n", text);
}

void view_note(const struct view *v, const char *text)
{
    buf_printf(v->out, "  " STYLE_DIM "%s" STYLE_PLAIN "\n", text);
}

// "01-31 08:00", or "2027-01-31" when that is far from now.
const char *view_minute(int64_t ms, int64_t now_ms)
{
    static const int64_t FAR = INT64_C(180) * TIME_DAY_MS;
    static char texts[4][12];
    static unsigned at;
    char *text = texts[at++ % 4];
    if (ms > now_ms + FAR || ms < now_ms - FAR)
        snprintf(text, 11, "%s", output_time(ms));
    else
        snprintf(text, sizeof texts[0], "%s", output_time(ms) + 5);
    return text;
}
