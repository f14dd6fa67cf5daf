// SPDX-License-Identifier: Apache-2.0
#include "common/log/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/hash.h"
#include "common/base/time_text.h"
#include "common/clock/clock.h"
#include "common/log/log_limit.h"
#include "common/log/log_line.h"

static const char *const LOG_LEVEL_NAMES[] = {"off", "error", "warn", "info", "debug"};

static char log_process[64] = "-";
static atomic_int log_level_now = LOG_LEVEL_INFO;
static atomic_int log_format_now = LOG_TEXT;
static pthread_mutex_t log_limit_lock = PTHREAD_MUTEX_INITIALIZER;
static struct log_limit log_limit;
static pthread_once_t log_redact_once = PTHREAD_ONCE_INIT;
static uint64_t log_redact_seed;

enum { LOG_CONTEXT_MAX = 64 };
static _Thread_local char log_request[LOG_CONTEXT_MAX + 1];
static _Thread_local char log_trace[LOG_CONTEXT_MAX + 1];

void log_init(const char *process, enum log_level level)
{
    CHECK(process != NULL && process[0] != '\0');
    snprintf(log_process, sizeof log_process, "%s", process);
    log_set_level(level);
}

void log_set_level(enum log_level level)
{
    CHECK((size_t)level < ARRAY_LEN(LOG_LEVEL_NAMES));
    atomic_store_explicit(&log_level_now, (int)level, memory_order_relaxed);
}

enum log_level log_level(void)
{
    return (enum log_level)atomic_load_explicit(&log_level_now, memory_order_relaxed);
}

const char *log_level_name(enum log_level level)
{
    CHECK((size_t)level < ARRAY_LEN(LOG_LEVEL_NAMES));
    return LOG_LEVEL_NAMES[level];
}

void log_set_format(enum log_format format)
{
    CHECK(format == LOG_TEXT || format == LOG_JSON);
    atomic_store_explicit(&log_format_now, (int)format, memory_order_relaxed);
}

bool log_level_parse(struct span text, enum log_level *out)
{
    for (size_t i = 0; i < ARRAY_LEN(LOG_LEVEL_NAMES); i++) {
        if (span_is(text, LOG_LEVEL_NAMES[i])) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

bool log_enabled(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&log_level_now, memory_order_relaxed);
}

// An id from outside must not look like other facts of the line.
static void log_copy_id(char out[LOG_CONTEXT_MAX + 1], const char *id)
{
    size_t n = 0;
    for (; id != NULL && id[n] != '\0' && n < LOG_CONTEXT_MAX; n++) {
        bool plain = id[n] > ' ' && id[n] < 0x7F && id[n] != '"' && id[n] != '\\';
        out[n] = plain ? id[n] : '_';
    }
    out[n] = '\0';
}

void log_set_context(const char *request_id, const char *trace_id)
{
    log_copy_id(log_request, request_id);
    log_copy_id(log_trace, trace_id);
}

static void log_write_out(const char *line, size_t n)
{
    while (n > 0) {
        ssize_t written = write(STDERR_FILENO, line, n);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return; // nobody to tell
        line += written;
        n -= (size_t)written;
    }
}

static bool log_limit_check(const char *component, const char *event, uint32_t *suppressed)
{
    uint64_t key = hash64_seeded(span_of(event), hash64(span_of(component)));
    pthread_mutex_lock(&log_limit_lock);
    bool pass = log_limit_pass(&log_limit, key, clock_mono_ms(), suppressed);
    pthread_mutex_unlock(&log_limit_lock);
    return pass;
}

void log_write(enum log_level level, const char *component, const char *event, const char *format,
               ...)
{
    enum { FACTS_MAX = 3072 };
    int saved_errno = errno;
    uint32_t suppressed = 0;
    CHECK(level > LOG_LEVEL_OFF && (size_t)level < ARRAY_LEN(LOG_LEVEL_NAMES));
    CHECK(component != NULL && event != NULL);
    if (!log_enabled(level) ||
        (level != LOG_LEVEL_DEBUG && !log_limit_check(component, event, &suppressed)))
        return;

    char facts[FACTS_MAX], time[TIME_TEXT_MAX], out[LOG_LINE_MAX];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(facts, sizeof facts, format, args);
    va_end(args);
    if (n < 0)
        facts[0] = '\0';
    const struct log_line line = {
        .time = time_format(clock_wall_ms(), time),
        .level = LOG_LEVEL_NAMES[level],
        .process = log_process,
        .component = component,
        .event = event,
        .facts = facts + (facts[0] == ' '),
        .cut = n < 0 || (size_t)n >= sizeof facts,
        .request = log_request,
        .trace = log_trace,
        .suppressed = suppressed,
    };
    bool json = atomic_load_explicit(&log_format_now, memory_order_relaxed) == LOG_JSON;
    log_write_out(out, json ? log_line_json(&line, out) : log_line_text(&line, out));
    errno = saved_errno;
}

static void log_redact_init(void)
{
    log_redact_seed = clock_random_u64();
}

char *log_redact(struct span id, char out[LOG_REDACTED_MAX])
{
    pthread_once(&log_redact_once, log_redact_init);
    uint64_t hash = hash64_seeded(id, log_redact_seed);
    snprintf(out, LOG_REDACTED_MAX, "~%010llx", (unsigned long long)(hash & 0xFFFFFFFFFFull));
    return out;
}
