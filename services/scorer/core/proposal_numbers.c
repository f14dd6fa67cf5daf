// SPDX-License-Identifier: Apache-2.0
// The fewest events that are enough, by trying the numbers of each kind from many to few; what
// cannot become better than the best so far is left out.
#include "services/scorer/core/proposal_impl.h"

static int64_t need_ceil(int64_t gap, int64_t each)
{
    return gap <= 0 ? 0 : (gap + each - 1) / each;
}

static int64_t attempt_gives(const struct attempt *a, uint32_t i, uint32_t w)
{
    return a->needs[w].slots > 0 ? a->acts[i].serves[w] : a->acts[i].moves_milli[w];
}

static int64_t attempt_wants(const struct attempt *a, uint32_t w)
{
    if (!a->needs[w].open)
        return 0;
    return a->needs[w].slots > 0 ? a->needs[w].slots : a->needs[w].gap;
}

static void attempt_numbers_from(struct attempt *a, uint32_t i, const int64_t *left, int64_t cost)
{
    int64_t rest[PROPOSAL_WISHES_MAX], least = 0, most = 0;
    bool done = true;
    if (++a->nodes > PROPOSAL_NODES_MAX) {
        a->cut = true;
        return;
    }
    for (uint32_t w = 0; w < a->alternative->n; w++) {
        int64_t each = 0;
        if (left[w] <= 0)
            continue;
        done = false;
        for (uint32_t j = i; j < a->n_acts; j++)
            each = attempt_gives(a, j, w) > each ? attempt_gives(a, j, w) : each;
        if (each == 0)
            return;
        int64_t n = need_ceil(left[w], each);
        least = n > least ? n : least;
        if (i < a->n_acts && attempt_gives(a, i, w) > 0) {
            n = need_ceil(left[w], attempt_gives(a, i, w));
            most = n > most ? n : most;
        }
    }
    if (cost + least >= a->best_cost)
        return;
    if (done) {
        a->best_cost = cost;
        memcpy(a->best, a->n, sizeof a->best);
        return;
    }
    int64_t each = 1 + a->acts[i].n_steps, limit = a->acts[i].limit;
    if (limit != INT64_MAX && most > limit * a->days)
        most = limit * a->days;
    for (int64_t n = most; n >= 0; n--) {
        bool fits = true;
        for (uint32_t w = 0; w < a->alternative->n; w++) {
            int64_t gives = attempt_gives(a, i, w);
            fits = fits &&
                   (a->needs[w].room == INT64_MAX || gives <= 0 || n * gives <= a->needs[w].room);
            rest[w] = left[w] - n * gives;
        }
        a->n[i] = n;
        if (fits && (n == 0 || cost + n * each < a->best_cost))
            attempt_numbers_from(a, i + 1, rest, cost + n * each);
    }
    a->n[i] = 0;
}

bool attempt_numbers(struct attempt *a)
{
    int64_t left[PROPOSAL_WISHES_MAX];
    for (uint32_t w = 0; w < a->alternative->n; w++)
        left[w] = attempt_wants(a, w);
    a->best_cost = PROPOSAL_MOVES_MAX;
    a->nodes = 0;
    memset(a->n, 0, sizeof a->n);
    attempt_numbers_from(a, 0, left, 0);
    return a->best_cost < PROPOSAL_MOVES_MAX;
}
