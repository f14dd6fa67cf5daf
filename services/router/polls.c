// SPDX-License-Identifier: Apache-2.0
// Calls that found nothing and wait: they are sent to the fold again when something has changed,
// never before. A change that comes between the look and the parking is not lost: the call knows
// the state of the counters before it looked, and n_parked is raised before they are compared.
#include "common/base/mem.h"
#include "common/clock/clock.h"
#include "services/router/router_impl.h"

static void take_out(struct call *call)
{
    struct router *router = call->router;
    CHECK(call->parked);
    if (call->prev != NULL)
        call->prev->next = call->next;
    else
        router->parked_first = call->next;
    if (call->next != NULL)
        call->next->prev = call->prev;
    else
        router->parked_last = call->prev;
    call->prev = call->next = NULL;
    call->parked = false;
    loop_timer_destroy(call->timer);
    call->timer = NULL;
    atomic_fetch_sub(&router->n_parked, 1);
}

static void put_in(struct call *call)
{
    struct router *router = call->router;
    call->prev = router->parked_last;
    if (call->prev != NULL)
        call->prev->next = call;
    else
        router->parked_first = call;
    router->parked_last = call;
    call->parked = true;
    atomic_fetch_add(&router->n_parked, 1);
}

static bool has_changed(const struct call *call)
{
    struct router *router = call->router;
    if (call->kind == CALL_LEASE)
        return atomic_load(&router->leads_version) != call->seen_leads;
    return atomic_load(&router->last_decision) > call->looked;
}

static void waited_cb(void *arg)
{
    struct call *call = arg;
    take_out(call);
    call_answer(call);
}

bool poll_park(struct call *call)
{
    struct router *router = call->router;
    int64_t left_ms = call->until_mono_ms - clock_mono_ms();
    // Calls that wait take places of the server; half of them are for work.
    int64_t parked_max = service_config(router->service)->calls_max / 2;
    if (left_ms <= 0 || call->cancelled || router->draining ||
        (int64_t)atomic_load(&router->n_parked) >= parked_max)
        return false;
    put_in(call);
    call->timer = loop_timer_create(service_loop(router->service), waited_cb, call);
    loop_timer_start(call->timer, (uint64_t)left_ms, 0);
    if (has_changed(call)) {
        take_out(call);
        call_send(call);
    }
    return true;
}

void poll_wake(struct router *router)
{
    struct call *last = router->parked_last;
    struct call *call = router->parked_first;
    while (call != NULL) {
        struct call *next = call == last ? NULL : call->next;
        if (has_changed(call)) {
            take_out(call);
            call_send(call);
        }
        call = next;
    }
}

void poll_end_all(struct router *router)
{
    while (router->parked_first != NULL)
        waited_cb(router->parked_first);
}

void poll_cancelled(struct call *call)
{
    call->cancelled = true;
    if (call->parked)
        waited_cb(call);
}
