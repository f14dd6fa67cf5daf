// SPDX-License-Identifier: Apache-2.0
// links: log base
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/log/log.h"
#include "common/log/log_limit.h"

#define LOG_COMPONENT "lane"

// What is written to standard error between capture_begin and capture_end.
struct capture {
    int saved;
    int fds[2];
};

static void capture_begin(struct capture *c)
{
    cr_assert(pipe(c->fds) == 0);
    c->saved = dup(STDERR_FILENO);
    cr_assert(dup2(c->fds[1], STDERR_FILENO) == STDERR_FILENO);
    close(c->fds[1]);
}

static const char *capture_end(struct capture *c)
{
    static char text[65536];
    dup2(c->saved, STDERR_FILENO);
    close(c->saved);
    size_t at = 0;
    ssize_t n;
    while ((n = read(c->fds[0], text + at, sizeof text - 1 - at)) > 0)
        at += (size_t)n;
    text[at] = '\0';
    close(c->fds[0]);
    return text;
}

// Replaces the time, which must have the right shape, and returns what follows it.
static const char *after_time(const char *line)
{
    static const char SHAPE[] = "dddd-dd-ddTdd:dd:dd.dddZ ";
    for (size_t i = 0; i < sizeof SHAPE - 1; i++) {
        bool digit = line[i] >= '0' && line[i] <= '9';
        cr_assert(SHAPE[i] == 'd' ? digit : line[i] == SHAPE[i], "bad time in: %s", line);
    }
    return line + sizeof SHAPE - 1;
}

Test(log, writes_one_line)
{
    struct capture c;
    log_init("scorer-0", LOG_LEVEL_INFO);
    capture_begin(&c);
    LOG_INFO("checkpoint_done", "position=%d rows=%d", 12, 3);
    cr_assert_str_eq(after_time(capture_end(&c)),
                     "info scorer-0 lane checkpoint_done position=12 rows=3\n");
}

Test(log, writes_without_facts)
{
    struct capture c;
    log_init("scorer-0", LOG_LEVEL_INFO);
    capture_begin(&c);
    LOG_ERROR("started");
    cr_assert_str_eq(after_time(capture_end(&c)), "error scorer-0 lane started\n");
}

Test(log, escapes_control_characters)
{
    struct capture c;
    log_init("scorer-0", LOG_LEVEL_INFO);
    capture_begin(&c);
    LOG_WARN("odd", "name=\"%s\"", "a\nb\tc\r\x1b[0m\x7f \xc3\xa4");
    cr_assert_str_eq(after_time(capture_end(&c)),
                     "warn scorer-0 lane odd name=\"a\\nb\\tc\\r\\x1b[0m\\x7f \xc3\xa4\"\n");
}

Test(log, names_what_the_thread_works_on)
{
    struct capture c;
    char most[200];
    memset(most, 'x', sizeof most - 1);
    most[sizeof most - 1] = '\0';
    log_init("p", LOG_LEVEL_INFO);
    capture_begin(&c);
    log_set_context("r-1 rows=9\"", "4bf92f3577b34da6a3ce929d0e0e4736");
    LOG_INFO("taken", "rows=%d", 3);
    log_set_context(NULL, most);
    LOG_INFO("taken");
    log_set_context("", NULL);
    LOG_INFO("taken");
    const char *text = capture_end(&c);
    cr_assert(strstr(text, "taken rows=3 request=r-1_rows=9_ "
                           "trace=4bf92f3577b34da6a3ce929d0e0e4736\n") != NULL,
              "%s", text);
    most[64] = '\0';
    char expected[300];
    snprintf(expected, sizeof expected, " taken trace=%.64s\n", most);
    cr_assert(strstr(text, expected) != NULL, "%s", text);
    cr_assert(strstr(text, " taken\n") != NULL, "%s", text);
}

Test(log, cuts_long_lines)
{
    struct capture c;
    char *text = malloc(10001);
    memset(text, '\n', 10000);
    text[10000] = '\0';
    log_init("scorer-0", LOG_LEVEL_INFO);
    capture_begin(&c);
    LOG_INFO("long", "msg=%s", text);
    const char *line = capture_end(&c);
    size_t n = strlen(line);
    cr_assert(n > 3000 && n <= 4096);
    cr_assert_str_eq(line + n - 4, "...\n");
    cr_assert(strchr(line, '\n') == line + n - 1);
    free(text);
}

Test(log, keeps_levels_apart)
{
    struct capture c;
    int evaluated = 0;
    log_init("p", LOG_LEVEL_WARN);
    capture_begin(&c);
    LOG_INFO("no", "n=%d", ++evaluated);
    log_set_level(LOG_LEVEL_OFF);
    LOG_ERROR("no", "n=%d", ++evaluated);
    log_set_level(LOG_LEVEL_DEBUG);
    LOG_DEBUG("yes", "n=%d", ++evaluated);
    cr_assert_str_eq(after_time(capture_end(&c)), "debug p lane yes n=1\n");
}

Test(log, keeps_errno)
{
    struct capture c;
    log_init("p", LOG_LEVEL_INFO);
    capture_begin(&c);
    close(STDERR_FILENO);
    errno = ENOENT;
    LOG_INFO("gone");
    cr_assert_eq(errno, ENOENT);
    cr_assert_str_eq(capture_end(&c), "");
}

Test(log, counts_what_it_holds_back)
{
    // Real time: 100 lines take far less than a window, and if they did not, more lines would pass.
    struct capture c;
    log_init("p", LOG_LEVEL_INFO);
    capture_begin(&c);
    for (int i = 0; i < 100; i++)
        LOG_INFO("repeat", "i=%d", i);
    LOG_INFO("other");
    const char *text = capture_end(&c);
    cr_assert(strstr(text, "repeat i=19\n") != NULL);
    cr_assert(strstr(text, "repeat i=20\n") == NULL);
    cr_assert(strstr(text, "other\n") != NULL);
}

Test(log, writes_every_debug_line)
{
    struct capture c;
    log_init("p", LOG_LEVEL_DEBUG);
    log_set_format(LOG_JSON);
    capture_begin(&c);
    for (int i = 0; i < 100; i++)
        LOG_DEBUG("request", "i=%d", i);
    const char *text = capture_end(&c);
    cr_assert(strstr(text, "\"event\":\"request\",\"i\":99}\n") != NULL);
}

Test(log_limit, passes_twenty_in_ten_seconds)
{
    static struct log_limit limit;
    uint32_t suppressed = 99;
    for (int i = 0; i < LOG_LIMIT_LINES; i++) {
        cr_assert(log_limit_pass(&limit, 7, 1000 + i, &suppressed));
        cr_assert_eq(suppressed, 0);
    }
    for (int i = 0; i < 5; i++)
        cr_assert_not(log_limit_pass(&limit, 7, 10999, &suppressed));
    cr_assert(log_limit_pass(&limit, 8, 10999, &suppressed)); // another event
    cr_assert_eq(suppressed, 0);
    cr_assert(log_limit_pass(&limit, 7, 11000, &suppressed));
    cr_assert_eq(suppressed, 5);
    cr_assert(log_limit_pass(&limit, 7, 11001, &suppressed));
    cr_assert_eq(suppressed, 0);
}

Test(log_limit, forgets_the_quietest)
{
    static struct log_limit limit;
    uint32_t suppressed;
    for (uint64_t i = 0; i < 10000; i++)
        cr_assert(log_limit_pass(&limit, i * 0x9E3779B97F4A7C15u, (int64_t)i, &suppressed));
}

Test(log, parses_levels)
{
    enum log_level level = LOG_LEVEL_OFF;
    cr_assert(log_level_parse(span_of("debug"), &level) && level == LOG_LEVEL_DEBUG);
    cr_assert(log_level_parse(span_of("off"), &level) && level == LOG_LEVEL_OFF);
    cr_assert_not(log_level_parse(span_of("Info"), &level));
    cr_assert_not(log_level_parse(span_of(""), &level));
    cr_assert_eq(level, LOG_LEVEL_OFF);
}

Test(log, redacts_the_same_person_the_same_way)
{
    char a[LOG_REDACTED_MAX], b[LOG_REDACTED_MAX];
    log_redact(span_of("ann@example.com"), a);
    cr_assert_eq(strlen(a), 11);
    cr_assert_eq(a[0], '~');
    cr_assert_eq(strspn(a + 1, "0123456789abcdef"), 10);
    cr_assert_str_eq(log_redact(span_of("ann@example.com"), b), a);
    cr_assert_str_neq(log_redact(span_of("bob@example.com"), b), a);
}
