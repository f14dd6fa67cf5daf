// SPDX-License-Identifier: Apache-2.0
// links: router_core playbook base
//
// The oldest waiting lead of each queue, over more leads than one block of them has, against a look
// at all leads in order: leads come to two queues, are leased, completed, given back, run out.
#include <criterion/criterion.h>

#include "tests/support/random.h"
#include "tests/support/router_world.h"

enum { STEPS = 4000, JUMP = 7000 }; // of positions: longer than a lease

static const char *const QUEUES[] = {"sales", "self_serve"};

struct play {
    struct router_world w;
    struct test_random random;
    unsigned n_accounts, n_compared;
};

static int64_t now_of(const struct play *p)
{
    return (int64_t)p->w.position * 10 + 1;
}

static void lead_comes(struct play *p)
{
    char account[16];
    snprintf(account, sizeof account, "a%u", ++p->n_accounts);
    if (test_random_below(&p->random, 8) == 0)
        router_world_send(&p->w, account, "", "busy", true);
    router_world_send(&p->w, account, "u", "qualify.pql", true);
}

static void lead_goes(struct play *p)
{
    const struct router_lead *lead;
    const char *queue = QUEUES[test_random_below(&p->random, 2)];
    if (router_world_lease(&p->w, now_of(p), queue, "c", 1, "", &lead) == 0)
        return;
    char token[ROUTER_TOKEN_BYTES];
    router_lead_token(lead, token);
    struct err_info info;
    enum err err = ERR_OK;
    uint64_t what = test_random_below(&p->random, 4);
    if (what == 0)
        err = router_core_release(p->w.core, now_of(p), span_of(lead->id), span_of(token),
                                  span_of("later"), 0, &lead, &p->w.effects, &info);
    else if (what < 3)
        err = router_core_complete(p->w.core, now_of(p), span_of(lead->id), span_of(token),
                                   span_of("won"), &lead, &p->w.effects, &info);
    cr_assert_eq(err, ERR_OK, "%s", info.text); // the fourth keeps it until its time is over
    router_world_note(&p->w);
}

static int64_t oldest_of_all(struct play *p, const char *queue)
{
    struct router_filter filter = {.queue = span_of(queue), .state = ROUTER_WAITING, .max = 1};
    const struct router_lead *lead;
    uint64_t next, total;
    size_t n = router_core_leads(p->w.core, &filter, &lead, &next, &total);
    return n == 0 ? INT64_MIN : lead->known_at_ms;
}

static void compare(struct play *p)
{
    struct arena arena;
    arena_init(&arena, 4096, 0);
    const struct router_queue_view *views;
    size_t n = router_core_queues(p->w.core, &arena, &views);
    for (size_t i = 0; i < n; i++) {
        int64_t oldest_ms = oldest_of_all(p, views[i].name);
        cr_assert_eq(views[i].oldest_known_at_ms, oldest_ms, "%s: %lld, not %lld", views[i].name,
                     (long long)views[i].oldest_known_at_ms, (long long)oldest_ms);
        p->n_compared += oldest_ms != INT64_MIN;
    }
    arena_deinit(&arena);
}

Test(router_oldest, is_that_of_a_look_at_all_leads)
{
    static struct play p;
    p = (struct play){.random = {test_random_seed()}};
    router_world_init(&p.w);
    for (int i = 0; i < STEPS; i++) {
        uint64_t what = test_random_below(&p.random, 1000);
        if (what < 2) {
            p.w.position += JUMP;
            router_core_tick(p.w.core, now_of(&p), &p.w.effects);
            router_world_note(&p.w);
        } else if (what < 500) {
            lead_comes(&p);
        } else {
            lead_goes(&p);
        }
        buf_clear(&p.w.log);
        compare(&p);
    }
    cr_assert_gt(p.n_accounts, 1500);
    cr_assert_gt(p.n_compared, 1000);
    router_world_deinit(&p.w);
}
