// SPDX-License-Identifier: Apache-2.0
// links: naive scorer_core playbook
// The core, and the loader before it, against a naive engine that keeps every event and works
// everything out anew: random playbooks over the whole language, random streams with late and
// repeated events, ticks, reloads. Some thousand cases; 100,000 take some minutes:
//
//   TEST_CASES=100000 TEST_SEED=1 build/tests/unit.scorer_naive_test
//
// A case that fails prints its seed, and a smaller case that fails too; TEST_CASES=1 TEST_SEED=N
// runs it alone. So does one that comes to no end. NAIVE_PARTS chooses parts of the language
// (tests/support/naive_generate.h).
#include <criterion/criterion.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/span.h"
#include "tests/support/naive_case.h"

#ifdef __SANITIZE_ADDRESS__
enum { CASES = 300 };
#else
enum { CASES = 2000 };
#endif
// Of the processor's time: a case takes some milliseconds, one that takes so long does not end.
enum { CASE_S = 60 };
// An attempt that takes so long has found another way to fail, which is not looked for.
enum { SHRINK_ATTEMPTS = 3000, ATTEMPT_S = 5 };

typedef bool (*property_fn)(const struct naive_case *c, uint64_t seed, struct buf *report);

static bool agrees(const struct naive_case *c, uint64_t seed, struct buf *report)
{
    (void)seed;
    return naive_case_agrees(c, report);
}

// What a child tells: how far it is, and the report of the case that failed.
struct shared {
    uint64_t seed;
    char report[65536];
};

static struct shared *SHARED;

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

static void tell(const struct buf *report)
{
    size_t n = report->len < sizeof SHARED->report - 1 ? report->len : sizeof SHARED->report - 1;
    memcpy(SHARED->report, report->bytes, n);
    SHARED->report[n] = '\0';
}

// The child's status: 0 when it holds.
static int in_child(void (*work)(void *context), void *context, bool quiet)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        int null = open("/dev/null", O_WRONLY);
        if (quiet && null >= 0) {
            dup2(null, STDERR_FILENO);
            dup2(null, STDOUT_FILENO);
        }
        work(context);
        _exit(0);
    }
    int status;
    cr_assert(child > 0 && waitpid(child, &status, 0) == child);
    return status;
}

struct attempt {
    const struct naive_case *c;
    property_fn holds;
    uint64_t seed;
};

static void attempt_in_child(void *context)
{
    const struct attempt *a = context;
    struct buf report = {0};
    alarm(ATTEMPT_S);
    if (a->holds(a->c, a->seed, &report))
        _exit(0);
    tell(&report);
    _exit(strncmp(SHARED->report, "the playbook is refused", 23) == 0 ? 3 : 1);
}

struct shrinking {
    property_fn holds;
    uint64_t seed;
    int status; // of the case that was found: what is smaller must fail in the same way
};

static bool still_agrees(const struct naive_case *c, void *context)
{
    const struct shrinking *s = context;
    struct attempt a = {c, s->holds, s->seed};
    return in_child(attempt_in_child, &a, true) != s->status;
}

static void fail_case(uint64_t seed, unsigned parts, property_fn holds)
{
    struct naive_case *c = mem_zalloc(sizeof *c);
    naive_generate(seed, parts, c);
    struct attempt a = {c, holds, seed};
    SHARED->report[0] = '\0';
    struct shrinking s = {holds, seed, in_child(attempt_in_child, &a, false)};
    if (s.status != 0)
        naive_case_shrink(c, SHRINK_ATTEMPTS, still_agrees, &s);
    SHARED->report[0] = '\0';
    in_child(attempt_in_child, &a, false);
    struct buf text = {0};
    naive_case_write(c, &text);
    cr_assert(false, "TEST_CASES=1 TEST_SEED=%llu (status %d)\n%.*s\n%s", (unsigned long long)seed,
              s.status, (int)text.len, (const char *)text.bytes, SHARED->report);
}

struct range {
    uint64_t first, n;
    unsigned parts;
    property_fn holds;
};

static void limit_case(void)
{
    const struct itimerval limit = {.it_value.tv_sec = CASE_S};
    cr_assert(setitimer(ITIMER_PROF, &limit, NULL) == 0);
}

static void run_range(void *context)
{
    const struct range *r = context;
    struct naive_case *c = mem_zalloc(sizeof *c);
    for (uint64_t i = 0; i < r->n; i++) {
        struct buf report = {0};
        SHARED->seed = r->first + i;
        limit_case();
        naive_generate(SHARED->seed, r->parts, c);
        if (!r->holds(c, SHARED->seed, &report))
            _exit(1);
        buf_deinit(&report);
    }
    mem_free(c);
}

static void run(property_fn holds, uint64_t cases)
{
    SHARED = mmap(NULL, sizeof *SHARED, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert(SHARED != MAP_FAILED);
    struct range r = {test_random_seed(), number_of("TEST_CASES", cases),
                      (unsigned)number_of("NAIVE_PARTS", NAIVE_PARTS_ALL), holds};
    cr_assert(r.n > 0);
    // Should the whole take too long, this is what is left to tell.
    fprintf(stderr, "TEST_SEED=%llu TEST_CASES=%llu\n", (unsigned long long)r.first,
            (unsigned long long)r.n);
    int status = in_child(run_range, &r, false);
    cr_assert(!WIFSIGNALED(status) || WTERMSIG(status) != SIGPROF,
              "TEST_CASES=1 TEST_SEED=%llu: no end after %d s", (unsigned long long)SHARED->seed,
              CASE_S);
    if (status != 0)
        fail_case(SHARED->seed, r.parts, holds);
    munmap(SHARED, sizeof *SHARED);
}

Test(scorer_naive, the_core_agrees_with_the_naive_engine)
{
    run(agrees, CASES);
}

Test(scorer_naive, the_order_of_arrival_does_not_show_in_measures)
{
    run(naive_case_commutes, CASES / 2);
}
