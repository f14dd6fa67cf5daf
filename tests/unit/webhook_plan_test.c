// SPDX-License-Identifier: Apache-2.0
// links: webhook_plan
//
// One destination's plan in virtual time: a world that hands out a log of decisions, sends what the
// plan says, and answers as the test wants.
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "services/router/webhook/plan.h"
#include "tests/support/random.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };
#define DAY (24LL * HOUR)

struct attempt {
    uint64_t offset, ticket;
    int64_t began_ms, ends_ms;
    int status;
    bool done;
};

struct world {
    struct webhook_plan *plan;
    struct webhook_effects effects;
    int64_t now_ms;
    uint64_t log_end;    // decisions 1 .. log_end are there
    uint64_t n_accounts; // decision o is of account o % n_accounts
    int (*status)(const struct world *w, uint64_t offset);
    int64_t latency_ms;
    int64_t retry_after_ms;
    struct attempt *attempts;
    size_t n_attempts, cap;
    size_t n_open;
    size_t most_open;
    // What a store would hold.
    bool *stored;
    uint64_t stored_cap;
    size_t n_dead_stored;
};

static int status_200(const struct world *w, uint64_t offset)
{
    (void)w, (void)offset;
    return 200;
}

static int status_500(const struct world *w, uint64_t offset)
{
    (void)w, (void)offset;
    return 500;
}

static const struct webhook_plan_opts USUAL = {
    .seed = 7, .in_flight = 8, .pending_max = 10000, .dead_max = 10000, .give_up_after_ms = DAY};

static void world_init(struct world *w, const struct webhook_plan_opts *opts)
{
    *w = (struct world){
        .plan = webhook_plan_create(opts),
        .now_ms = 1000000,
        .n_accounts = 1,
        .status = status_200,
        .latency_ms = 10,
        .stored_cap = 100000,
    };
    w->stored = mem_zalloc(w->stored_cap);
}

static void world_deinit(struct world *w)
{
    webhook_plan_destroy(w->plan);
    webhook_effects_deinit(&w->effects);
    mem_free(w->attempts);
    mem_free(w->stored);
}

static void carry_out(struct world *w)
{
    for (size_t i = 0; i < w->effects.n; i++) {
        const struct webhook_effect *e = &w->effects.items[i];
        switch (e->kind) {
        case WEBHOOK_SEND:
            MEM_GROW(w->attempts, w->n_attempts, w->cap);
            w->attempts[w->n_attempts++] = (struct attempt){
                e->offset, e->ticket, w->now_ms, w->now_ms + w->latency_ms, 0, false};
            w->n_open++;
            w->most_open = w->n_open > w->most_open ? w->n_open : w->most_open;
            break;
        case WEBHOOK_STORE:
            cr_assert(webhook_plan_find(w->plan, e->offset) != NULL ||
                      w->effects.n > 1); // gone again in the same step
            w->stored[e->offset] = true;
            break;
        case WEBHOOK_ERASE:
            w->stored[e->offset] = false;
            break;
        case WEBHOOK_STORE_DEAD:
            w->n_dead_stored++;
            break;
        case WEBHOOK_ERASE_DEAD:
            w->n_dead_stored--;
            break;
        }
    }
    w->effects.n = 0;
}

static size_t step(struct world *w, struct webhook_input in)
{
    size_t n = webhook_plan_step(w->plan, &in, w->now_ms, &w->effects);
    carry_out(w);
    return n;
}

// Hands over the log as far as there is room.
static void read_log(struct world *w)
{
    uint64_t at;
    while ((at = webhook_plan_cursor(w->plan)) < w->log_end && webhook_plan_room(w->plan) > 0) {
        struct webhook_delivery d = {.offset = at + 1, .account = (at + 1) % w->n_accounts};
        d.step = 13;
        snprintf(d.lead_id, sizeof d.lead_id, "L%llu", (unsigned long long)d.offset);
        step(w, (struct webhook_input){.kind = WEBHOOK_IN_TAKEN, .delivery = &d});
    }
}

static struct attempt *earliest(struct world *w)
{
    struct attempt *best = NULL;
    for (size_t i = 0; w->n_open > 0 && i < w->n_attempts; i++)
        if (!w->attempts[i].done && (best == NULL || w->attempts[i].ends_ms < best->ends_ms))
            best = &w->attempts[i];
    return best;
}

static void answer(struct world *w, struct attempt *a, int status)
{
    char error[32];
    snprintf(error, sizeof error, "status %d", status);
    a->done = true;
    a->status = status;
    w->n_open--;
    step(w, (struct webhook_input){.kind = WEBHOOK_IN_ANSWERED,
                                   .ticket = a->ticket,
                                   .verdict = webhook_judge(status),
                                   .retry_after_ms = w->retry_after_ms,
                                   .pause = status == 429 || status == 503,
                                   .error = error});
}

// Lets time pass until `until_ms`, or until nothing can happen any more.
static void run_until(struct world *w, int64_t until_ms)
{
    for (int rounds = 0; rounds < 2000000; rounds++) {
        read_log(w);
        struct attempt *a = earliest(w);
        int64_t due_ms = webhook_plan_due_ms(w->plan);
        int64_t next_ms = a != NULL && a->ends_ms < due_ms ? a->ends_ms : due_ms;
        if (next_ms > until_ms || next_ms == INT64_MAX) {
            w->now_ms = until_ms > w->now_ms && until_ms != INT64_MAX ? until_ms : w->now_ms;
            return;
        }
        w->now_ms = next_ms > w->now_ms ? next_ms : w->now_ms;
        if (a != NULL && a->ends_ms <= w->now_ms)
            answer(w, a, w->status(w, a->offset));
        else
            step(w, (struct webhook_input){.kind = WEBHOOK_IN_TIME});
    }
    cr_assert_fail("it comes to no end");
}

static struct webhook_plan_view view(const struct world *w)
{
    struct webhook_plan_view v;
    webhook_plan_view(w->plan, &v);
    return v;
}

// The order in which a decision was delivered, and that accounts were served in order: of each,
// every delivery after the one before it had ended for good.
static void assert_in_order(const struct world *w)
{
    uint64_t *last = mem_zalloc(w->n_accounts * sizeof *last);
    int64_t *free_ms = mem_zalloc(w->n_accounts * sizeof *free_ms);
    for (size_t i = 0; i < w->n_attempts; i++) {
        const struct attempt *a = &w->attempts[i];
        uint64_t account = a->offset % w->n_accounts;
        cr_assert_geq(a->offset, last[account], "offset %llu after %llu",
                      (unsigned long long)a->offset, (unsigned long long)last[account]);
        cr_assert_geq(a->began_ms, free_ms[account], "two at once of an account");
        last[account] = a->offset;
        free_ms[account] = a->ends_ms;
    }
    mem_free(last);
    mem_free(free_ms);
}

static size_t times_ok(const struct world *w, uint64_t offset)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n_attempts; i++)
        n += w->attempts[i].offset == offset && w->attempts[i].status == 200;
    return n;
}

static void assert_nothing_stored(const struct world *w)
{
    for (uint64_t o = 0; o < w->stored_cap; o++)
        cr_assert(!w->stored[o], "%llu", (unsigned long long)o);
}

// ---- Schedules ----------------------------------------------------------------------------------

Test(webhook_plan, statuses)
{
    static const struct {
        int status;
        enum webhook_verdict verdict;
    } CASES[] = {
        {200, WEBHOOK_DELIVERED},  {204, WEBHOOK_DELIVERED},  {299, WEBHOOK_DELIVERED},
        {0, WEBHOOK_RETRY},        {500, WEBHOOK_RETRY},      {503, WEBHOOK_RETRY},
        {408, WEBHOOK_RETRY},      {425, WEBHOOK_RETRY},      {429, WEBHOOK_RETRY},
        {400, WEBHOOK_RETRY_SLOW}, {404, WEBHOOK_RETRY_SLOW}, {301, WEBHOOK_RETRY_SLOW},
        {302, WEBHOOK_RETRY_SLOW}, {101, WEBHOOK_RETRY_SLOW}, {410, WEBHOOK_GONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
        cr_assert_eq(webhook_judge(CASES[i].status), CASES[i].verdict, "%d", CASES[i].status);
}

Test(webhook_plan, delays_grow_within_their_bounds_and_are_always_the_same)
{
    static const int64_t FAST_S[] = {5, 30, 120, 600, 1800, 3600, 3600};
    static const int64_t SLOW_S[] = {600, 1800, 3600, 3600};
    int64_t least = INT64_MAX, most = 0;
    for (uint64_t id = 0; id < 2000; id++) {
        for (uint32_t i = 0; i < ARRAY_LEN(FAST_S); i++) {
            int64_t ms = webhook_plan_delay_ms(id, i + 1, false);
            cr_assert(ms >= FAST_S[i] * 800 && ms <= FAST_S[i] * 1200, "%lld", (long long)ms);
            cr_assert_eq(ms, webhook_plan_delay_ms(id, i + 1, false));
        }
        for (uint32_t i = 0; i < ARRAY_LEN(SLOW_S); i++) {
            int64_t ms = webhook_plan_delay_ms(id, i + 1, true);
            cr_assert(ms >= SLOW_S[i] * 800 && ms <= SLOW_S[i] * 1200);
        }
        int64_t first = webhook_plan_delay_ms(id, 1, false);
        least = first < least ? first : least;
        most = first > most ? first : most;
        (void)webhook_plan_delay_ms(id, UINT32_MAX, true);
    }
    cr_assert(least < 4100 && most > 5900, "%lld to %lld", (long long)least, (long long)most);
}

Test(webhook_plan, a_failing_delivery_is_tried_at_the_instants_of_the_schedule)
{
    static const int64_t DELAYS_S[] = {5, 30, 120, 600, 1800, 3600, 3600};
    struct world w;
    world_init(&w, &USUAL);
    w.status = status_500;
    w.latency_ms = 0;
    w.log_end = 1;
    run_until(&w, w.now_ms + 3 * HOUR);
    cr_assert_geq(w.n_attempts, 7);
    for (size_t i = 1; i < w.n_attempts; i++) {
        int64_t waited = w.attempts[i].began_ms - w.attempts[i - 1].began_ms;
        cr_assert(waited >= DELAYS_S[i - 1] * 800 && waited <= DELAYS_S[i - 1] * 1200, "%zu: %lld",
                  i, (long long)waited);
    }
    world_deinit(&w);
}

Test(webhook_plan, retry_after_is_honoured_for_the_whole_destination_and_bounded)
{
    struct world w;
    world_init(&w, &USUAL);
    w.n_accounts = 100;
    w.latency_ms = 0;
    w.log_end = 1;
    w.retry_after_ms = 20 * MINUTE;
    read_log(&w);
    answer(&w, &w.attempts[0], 429);
    int64_t asked_ms = w.now_ms;
    w.log_end = 3; // others of the destination wait too
    run_until(&w, asked_ms + 20 * MINUTE - 1);
    cr_assert_eq(w.n_attempts, 1);
    run_until(&w, asked_ms + 20 * MINUTE);
    cr_assert_eq(w.n_attempts, 4);
    // A receiver that says "in a year" is asked again after an hour.
    w.log_end = 4;
    w.retry_after_ms = 365 * DAY;
    read_log(&w);
    answer(&w, &w.attempts[4], 503);
    asked_ms = w.now_ms;
    run_until(&w, asked_ms + HOUR - 1);
    cr_assert_eq(w.n_attempts, 5);
    run_until(&w, asked_ms + HOUR);
    cr_assert_eq(w.n_attempts, 6);
    // 500 with Retry-After: this delivery alone.
    w.log_end = 6;
    w.retry_after_ms = 10 * MINUTE;
    read_log(&w);
    cr_assert_eq(w.n_attempts, 8);
    answer(&w, &w.attempts[6], 500);
    asked_ms = w.now_ms;
    w.retry_after_ms = 0;
    answer(&w, &w.attempts[7], 200);
    run_until(&w, asked_ms + 10 * MINUTE - 1);
    cr_assert_eq(w.n_attempts, 8);
    run_until(&w, asked_ms + 10 * MINUTE);
    cr_assert_eq(times_ok(&w, 5), 1);
    world_deinit(&w);
}

// ---- Order --------------------------------------------------------------------------------------

Test(webhook_plan, everything_is_delivered_once_and_in_order)
{
    struct world w;
    world_init(&w, &USUAL);
    w.n_accounts = 7;
    w.log_end = 1000;
    run_until(&w, INT64_MAX);
    cr_assert_eq(w.n_attempts, 1000);
    cr_assert_eq(view(&w).delivered, 1000);
    cr_assert_leq(w.most_open, 7); // as many as accounts, although 8 are allowed
    assert_in_order(&w);
    assert_nothing_stored(&w);
    world_deinit(&w);
}

static int status_account_3_fails(const struct world *w, uint64_t offset)
{
    return offset % w->n_accounts == 3 && w->now_ms < 1000000 + HOUR ? 500 : 200;
}

Test(webhook_plan, one_account_that_fails_stops_no_other)
{
    struct world w;
    world_init(&w, &USUAL);
    w.n_accounts = 10;
    w.log_end = 500;
    w.status = status_account_3_fails;
    run_until(&w, w.now_ms + 30 * MINUTE);
    struct webhook_plan_view v = view(&w);
    cr_assert_eq(v.delivered, 450);
    cr_assert_eq(v.pending, 50);
    run_until(&w, w.now_ms + 3 * HOUR);
    cr_assert_eq(view(&w).delivered, 500);
    assert_in_order(&w);
    assert_nothing_stored(&w);
    world_deinit(&w);
}

static int status_down_for_an_hour(const struct world *w, uint64_t offset)
{
    (void)offset;
    return w->now_ms < 1000000 + HOUR ? 500 : 200;
}

Test(webhook_plan, an_hour_of_500_then_everything_comes_in_order)
{
    struct world w;
    world_init(&w, &USUAL);
    w.n_accounts = 50;
    w.log_end = 2000;
    w.status = status_down_for_an_hour;
    run_until(&w, w.now_ms + HOUR - 1);
    cr_assert_eq(view(&w).delivered, 0);
    cr_assert_eq(view(&w).pending, 2000);
    cr_assert_geq(view(&w).health.failures_in_row, WEBHOOK_FAILING);
    size_t tried = w.n_attempts;
    cr_assert(tried >= 50 && tried <= 50 * 6, "%zu", tried); // no storm against the dead one
    w.log_end = 2500;
    run_until(&w, w.now_ms + 2 * HOUR);
    cr_assert_eq(view(&w).delivered, 2500);
    cr_assert_eq(view(&w).dead, 0);
    for (uint64_t o = 1; o <= 2500; o++)
        cr_assert_eq(times_ok(&w, o), 1);
    assert_in_order(&w);
    assert_nothing_stored(&w);
    world_deinit(&w);
}

Test(webhook_plan, the_first_success_calls_those_that_wait)
{
    struct world w;
    world_init(&w, &USUAL);
    w.n_accounts = 21;
    w.log_end = 20;
    w.status = status_500;
    run_until(&w, w.now_ms + 100 * MINUTE); // the next attempts are up to an hour away
    w.status = status_200;
    w.log_end = 21; // a new one, which is tried at once
    run_until(&w, w.now_ms + 31 * SECOND);
    cr_assert_eq(view(&w).delivered, 21);
    assert_in_order(&w);
    world_deinit(&w);
}

Test(webhook_plan, a_failing_destination_is_asked_for_one_at_a_time)
{
    struct world w;
    world_init(&w, &USUAL);
    w.n_accounts = 1000;
    w.log_end = 8;
    w.status = status_500;
    run_until(&w, w.now_ms + 11); // eight at once have failed
    cr_assert_eq(w.most_open, 8);
    w.most_open = 0;
    w.log_end = 500;
    size_t tried = w.n_attempts;
    run_until(&w, w.now_ms + 10 * MINUTE);
    cr_assert_eq(w.most_open, 1);
    cr_assert(w.n_attempts - tried >= 20 && w.n_attempts - tried <= 26, "%zu",
              w.n_attempts - tried);
    cr_assert_geq(view(&w).next_attempt_ms, w.now_ms);
    world_deinit(&w);
}

// ---- Bounds -------------------------------------------------------------------------------------

Test(webhook_plan, a_full_window_stops_the_cursor_and_loses_nothing)
{
    struct webhook_plan_opts opts = USUAL;
    struct world w;
    opts.pending_max = 100;
    world_init(&w, &opts);
    w.n_accounts = 3;
    w.log_end = 1000;
    w.status = status_down_for_an_hour;
    run_until(&w, w.now_ms + HOUR - 1);
    cr_assert_eq(webhook_plan_room(w.plan), 0);
    cr_assert_eq(webhook_plan_cursor(w.plan), 100);
    run_until(&w, w.now_ms + 2 * HOUR);
    cr_assert_eq(view(&w).delivered, 1000);
    assert_in_order(&w);
    assert_nothing_stored(&w);
    world_deinit(&w);
}

Test(webhook_plan, what_it_does_not_take_is_passed)
{
    struct world w;
    world_init(&w, &USUAL);
    step(&w, (struct webhook_input){.kind = WEBHOOK_IN_PASSED, .offset = 900});
    cr_assert_eq(webhook_plan_cursor(w.plan), 900);
    step(&w, (struct webhook_input){.kind = WEBHOOK_IN_PASSED, .offset = 800});
    cr_assert_eq(webhook_plan_cursor(w.plan), 900);
    cr_assert_eq(webhook_plan_due_ms(w.plan), INT64_MAX);
    world_deinit(&w);
}

Test(webhook_plan, after_a_day_it_is_a_dead_letter_and_the_next_of_the_account_comes)
{
    struct world w;
    world_init(&w, &USUAL);
    w.n_accounts = 2;
    w.log_end = 4; // two of each account
    w.status = status_500;
    int64_t start_ms = w.now_ms;
    run_until(&w, start_ms + DAY - 1);
    cr_assert_eq(view(&w).dead, 0);
    cr_assert_eq(view(&w).pending, 4);
    run_until(&w, start_ms + DAY + 2 * HOUR);
    struct webhook_plan_view v = view(&w);
    // Those behind have no hope either.
    cr_assert_eq(v.dead, 4);
    cr_assert_eq(v.pending, 0);
    cr_assert_eq(w.n_dead_stored, 4);
    const struct webhook_dead *dead = webhook_plan_dead_after(w.plan, 0);
    cr_assert_eq(dead->serial, 1);
    cr_assert_str_eq(dead->delivery.error, "status 500");
    cr_assert_eq(dead->delivery.first_ms, start_ms);
    cr_assert_geq(dead->dead_ms, start_ms + DAY);
    cr_assert_geq(dead->delivery.attempts, 25);
    cr_assert_eq(webhook_plan_dead_after(w.plan, 3)->delivery.attempts, 0);
    cr_assert_str_eq(webhook_plan_dead_after(w.plan, 3)->delivery.error, "status 500");
    cr_assert_null(webhook_plan_dead_after(w.plan, 4));
    assert_in_order(&w);
    assert_nothing_stored(&w);
    world_deinit(&w);
}

Test(webhook_plan, of_too_many_dead_letters_the_oldest_are_dropped_and_counted)
{
    struct webhook_plan_opts opts = USUAL;
    struct world w;
    opts.dead_max = 10;
    opts.give_up_after_ms = 1;
    world_init(&w, &opts);
    w.n_accounts = 100000;
    w.log_end = 50;
    w.status = status_500;
    run_until(&w, INT64_MAX);
    struct webhook_plan_view v = view(&w);
    cr_assert_eq(v.dead, 10);
    cr_assert_eq(v.dead_dropped, 40);
    cr_assert_eq(v.died, 50);
    cr_assert_eq(w.n_dead_stored, 10);
    cr_assert_eq(webhook_plan_dead_after(w.plan, 0)->serial, 41);
    world_deinit(&w);
}

static int status_410(const struct world *w, uint64_t offset)
{
    (void)w, (void)offset;
    return 410;
}

Test(webhook_plan, gone_is_asked_no_more_until_somebody_says_so)
{
    struct world w;
    world_init(&w, &USUAL);
    w.n_accounts = 5;
    w.log_end = 1;
    w.status = status_410;
    run_until(&w, INT64_MAX);
    cr_assert_eq(w.n_attempts, 1);
    cr_assert(view(&w).health.disabled);
    cr_assert_eq(view(&w).pending, 1);
    cr_assert_eq(webhook_plan_room(w.plan), 0);
    w.log_end = 10;
    run_until(&w, w.now_ms + 30 * DAY);
    cr_assert_eq(w.n_attempts, 1);
    w.status = status_200;
    cr_assert_eq(step(&w, (struct webhook_input){.kind = WEBHOOK_IN_REPLAY_DEAD}), 0);
    run_until(&w, INT64_MAX);
    cr_assert_eq(view(&w).delivered, 10);
    assert_in_order(&w);
    world_deinit(&w);
}

// ---- Replays ------------------------------------------------------------------------------------

static void let_die(struct world *w, uint64_t n)
{
    w->log_end = n;
    w->status = status_500;
    run_until(w, INT64_MAX);
    cr_assert_eq(view(w).dead, n);
    w->status = status_200;
    w->n_attempts = 0;
}

Test(webhook_plan, dead_letters_come_again_one_or_all)
{
    struct webhook_plan_opts opts = USUAL;
    struct world w;
    opts.give_up_after_ms = SECOND;
    world_init(&w, &opts);
    w.n_accounts = 3;
    let_die(&w, 20);
    struct webhook_input one = {.kind = WEBHOOK_IN_REPLAY_DEAD, .offset = 7};
    cr_assert_eq(step(&w, one), 1);
    cr_assert_eq(step(&w, one), 0);
    run_until(&w, INT64_MAX);
    cr_assert_eq(times_ok(&w, 7), 1);
    cr_assert_eq(view(&w).dead, 19);
    w.n_attempts = 0;
    cr_assert_eq(step(&w, (struct webhook_input){.kind = WEBHOOK_IN_REPLAY_DEAD}), 19);
    run_until(&w, INT64_MAX);
    cr_assert_eq(view(&w).dead, 0);
    cr_assert_eq(w.n_dead_stored, 0);
    cr_assert_eq(view(&w).delivered, 20);
    assert_in_order(&w);
    assert_nothing_stored(&w);
    world_deinit(&w);
}

Test(webhook_plan, dead_letters_come_again_as_far_as_there_is_room)
{
    struct webhook_plan_opts opts = USUAL;
    struct world w;
    opts.give_up_after_ms = SECOND;
    opts.pending_max = 6;
    world_init(&w, &opts);
    let_die(&w, 20);
    cr_assert_eq(step(&w, (struct webhook_input){.kind = WEBHOOK_IN_REPLAY_DEAD}), 6);
    cr_assert_eq(view(&w).dead, 14);
    run_until(&w, INT64_MAX);
    cr_assert_eq(view(&w).delivered, 6);
    world_deinit(&w);
}

Test(webhook_plan, a_dead_letter_goes_in_front_of_later_ones_of_its_account)
{
    struct webhook_plan_opts opts = USUAL;
    struct world w;
    opts.give_up_after_ms = SECOND;
    world_init(&w, &opts);
    let_die(&w, 3);
    w.log_end = 6;
    w.latency_ms = SECOND;
    read_log(&w); // 4 is in flight, 5 and 6 wait
    cr_assert_eq(step(&w, (struct webhook_input){.kind = WEBHOOK_IN_REPLAY_DEAD}), 3);
    run_until(&w, INT64_MAX);
    static const uint64_t ORDER[] = {4, 1, 2, 3, 5, 6};
    cr_assert_eq(w.n_attempts, ARRAY_LEN(ORDER));
    for (size_t i = 0; i < ARRAY_LEN(ORDER); i++)
        cr_assert_eq(w.attempts[i].offset, ORDER[i]);
    world_deinit(&w);
}

Test(webhook_plan, everything_from_an_offset_comes_again_in_order)
{
    struct world w;
    world_init(&w, &USUAL);
    w.n_accounts = 4;
    w.log_end = 100;
    run_until(&w, INT64_MAX);
    w.log_end = 110;
    w.latency_ms = SECOND;
    read_log(&w); // 101 to 104 are in flight, the rest wait
    cr_assert_eq(w.n_attempts, 104);
    step(&w, (struct webhook_input){.kind = WEBHOOK_IN_REPLAY_FROM, .offset = 51});
    cr_assert_eq(webhook_plan_cursor(w.plan), 50);
    run_until(&w, INT64_MAX);
    for (uint64_t o = 1; o <= 110; o++)
        cr_assert_eq(times_ok(&w, o), (o > 50 && o <= 104) ? 2 : 1, "%llu", (unsigned long long)o);
    cr_assert_eq(view(&w).pending, 0);
    cr_assert_eq(view(&w).in_flight, 0);
    assert_nothing_stored(&w);
    // From the replay on, each account in order.
    w.attempts += 104;
    w.n_attempts -= 104;
    assert_in_order(&w);
    w.attempts -= 104;
    world_deinit(&w);
}

Test(webhook_plan, a_replay_from_an_offset_takes_its_dead_letters_with_it)
{
    struct webhook_plan_opts opts = USUAL;
    struct world w;
    opts.give_up_after_ms = SECOND;
    world_init(&w, &opts);
    w.n_accounts = 3;
    let_die(&w, 20);
    step(&w, (struct webhook_input){.kind = WEBHOOK_IN_REPLAY_FROM, .offset = 11});
    cr_assert_eq(view(&w).dead, 10);
    cr_assert_eq(w.n_dead_stored, 10);
    cr_assert_eq(webhook_plan_dead_after(w.plan, 0)->delivery.offset <= 10, true);
    run_until(&w, INT64_MAX);
    for (uint64_t o = 1; o <= 20; o++)
        cr_assert_eq(times_ok(&w, o), o > 10 ? 1 : 0);
    step(&w, (struct webhook_input){.kind = WEBHOOK_IN_REPLAY_DEAD});
    run_until(&w, INT64_MAX);
    cr_assert_eq(view(&w).delivered, 20);
    assert_nothing_stored(&w);
    world_deinit(&w);
}

Test(webhook_plan, a_replay_while_a_delivery_fails_in_flight)
{
    struct world w;
    world_init(&w, &USUAL);
    w.log_end = 2;
    read_log(&w);
    step(&w, (struct webhook_input){.kind = WEBHOOK_IN_REPLAY_FROM, .offset = 1});
    read_log(&w);
    cr_assert_eq(view(&w).pending, 2);
    answer(&w, &w.attempts[0], 500); // no retry of its own: it comes again anyway
    run_until(&w, INT64_MAX);
    cr_assert_eq(w.n_attempts, 3);
    cr_assert_eq(times_ok(&w, 1), 1);
    cr_assert_eq(times_ok(&w, 2), 1);
    assert_nothing_stored(&w);
    world_deinit(&w);
}

// ---- Restarts -----------------------------------------------------------------------------------

static void restart(struct world *w, const struct webhook_plan_opts *opts)
{
    struct webhook_plan *old = w->plan;
    w->plan = webhook_plan_create(opts);
    for (uint64_t o = 1; o < w->stored_cap; o++)
        if (w->stored[o])
            webhook_plan_restore(w->plan, webhook_plan_find(old, o));
    const struct webhook_dead *dead = NULL;
    for (uint64_t serial = 0; (dead = webhook_plan_dead_after(old, serial)) != NULL;) {
        webhook_plan_restore_dead(w->plan, dead);
        serial = dead->serial;
    }
    webhook_plan_restore_cursor(w->plan, webhook_plan_cursor(old));
    webhook_plan_destroy(old);
    for (size_t i = 0; i < w->n_attempts; i++) // whoever answers now answers nobody
        w->attempts[i].done = true;
    w->n_open = 0;
    step(w, (struct webhook_input){.kind = WEBHOOK_IN_TIME});
}

Test(webhook_plan, an_interrupted_attempt_is_none)
{
    struct world w;
    world_init(&w, &USUAL);
    w.log_end = 1;
    read_log(&w);
    w.attempts[0].done = true;
    w.n_open--;
    step(&w, (struct webhook_input){.kind = WEBHOOK_IN_ANSWERED,
                                    .ticket = w.attempts[0].ticket,
                                    .verdict = WEBHOOK_INTERRUPTED});
    cr_assert_eq(view(&w).failed_attempts, 0);
    cr_assert_eq(w.n_attempts, 2); // due at once
    world_deinit(&w);
}

// The router was away for days: what is past its time by then is not given up for a short outage.
Test(webhook_plan, what_is_late_through_no_fault_of_the_receiver_gets_its_attempt)
{
    struct world w;
    world_init(&w, &USUAL);
    w.n_accounts = 100;
    w.log_end = 50;
    read_log(&w);
    w.now_ms += 3 * DAY;
    w.status = status_500;
    restart(&w, &USUAL);
    run_until(&w, w.now_ms + 5 * MINUTE);
    uint64_t dead = view(&w).dead; // those that were tried: it is past their time
    cr_assert(dead >= 8 && dead <= 30, "%llu", (unsigned long long)dead);
    w.status = status_200;
    run_until(&w, w.now_ms + MINUTE);
    cr_assert_eq(view(&w).delivered, 50 - dead);
    world_deinit(&w);
}

static int status_by_chance(const struct world *w, uint64_t offset)
{
    static const int STATUSES[] = {200, 200, 200, 500, 0, 404, 429, 200};
    uint64_t roll = offset * 0x9e3779b97f4a7c15ull + (uint64_t)w->now_ms * 0xbf58476d1ce4e5b9ull;
    return STATUSES[(roll >> 40) % ARRAY_LEN(STATUSES)];
}

// Whatever the receiver does, and whenever the process ends: everything is delivered, each account
// in order, and the bounds hold.
Test(webhook_plan, by_chance_with_restarts_and_replays)
{
    struct test_random random = {test_random_seed()};
    fprintf(stderr, "TEST_SEED=%llu\n", (unsigned long long)random.state);
    for (int round = 0; round < 20; round++) {
        struct webhook_plan_opts opts = USUAL;
        struct world w;
        opts.seed = test_random_below(&random, 1000);
        opts.in_flight = 1 + (uint32_t)test_random_below(&random, 8);
        opts.pending_max = 1 + (uint32_t)test_random_below(&random, 60);
        opts.give_up_after_ms = 100 * DAY;
        world_init(&w, &opts);
        w.n_accounts = 1 + test_random_below(&random, 12);
        w.status = status_by_chance;
        for (int phase = 0; phase < 12; phase++) {
            w.log_end += test_random_below(&random, 60);
            run_until(&w, w.now_ms + (int64_t)test_random_below(&random, 2 * HOUR));
            cr_assert_leq(view(&w).pending, opts.pending_max);
            if (test_random_below(&random, 3) == 0)
                restart(&w, &opts);
            if (w.log_end > 0 && test_random_below(&random, 6) == 0)
                step(&w,
                     (struct webhook_input){.kind = WEBHOOK_IN_REPLAY_FROM,
                                            .offset = 1 + test_random_below(&random, w.log_end)});
        }
        w.status = status_200;
        run_until(&w, w.now_ms + 10 * DAY);
        cr_assert_leq(w.most_open, opts.in_flight);
        for (uint64_t o = 1; o <= w.log_end; o++)
            cr_assert_geq(times_ok(&w, o), 1, "%llu", (unsigned long long)o);
        cr_assert_eq(view(&w).pending, 0);
        assert_nothing_stored(&w);
        world_deinit(&w);
    }
}
