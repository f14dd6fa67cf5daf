// SPDX-License-Identifier: Apache-2.0
// links: cli_simulate segment base
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "cli/simulate.h"
#include "common/base/hash.h"
#include "services/ingest/segment/segment.h"

enum { USERS = 1000, EVERYBODY_MAX = USERS + USERS / 100 + 2 };

struct tally {
    enum simulate_kind kind;
    bool known;
    int projects, invites, reports;
};

static struct span value_of(const struct segment_list *list, const char *key)
{
    for (size_t i = 0; i < list->n; i++)
        if (span_is(list->items[i].key, key))
            return list->items[i].text;
    return (struct span){0};
}

static enum simulate_kind kind_of(struct span word)
{
    int k = 0;
    while (k < SIMULATE_KINDS && !span_is(word, simulate_kind_name((enum simulate_kind)k)))
        k++;
    cr_assert(k < SIMULATE_KINDS, SPAN_FMT, SPAN_ARG(word));
    return (enum simulate_kind)k;
}

static void tally_add(struct tally *users, const struct segment_event *e)
{
    size_t n = strtoul((const char *)e->user_id.ptr + 2, NULL, 10);
    cr_assert(n >= 1 && n <= EVERYBODY_MAX);
    struct tally *t = &users[n - 1];
    if (e->kind == SEGMENT_IDENTIFY) {
        t->known = true;
        t->kind = kind_of(value_of(&e->traits, "simulated_kind"));
        bool ours =
            strstr((const char *)value_of(&e->traits, "email").ptr, "@ours.example") != NULL;
        cr_assert_eq(ours, t->kind == SIMULATE_STAFF);
    }
    cr_assert(t->known, "an event before the user's identify call");
    bool bot = strstr((const char *)value_of(&e->context, "userAgent").ptr, "bot") != NULL;
    cr_assert_eq(bot, t->kind == SIMULATE_BOT);
    cr_assert(span_is(value_of(&e->context, "library.name"), "assay-simulator"));
    t->projects += span_is(e->name, "Project Created");
    t->invites += span_is(e->name, "Teammate Invited");
    t->reports += span_is(e->name, "Report Run");
}

static void tally_check(const struct tally *t)
{
    bool qualifies =
        t->kind == SIMULATE_QUALIFIED || t->kind == SIMULATE_BOT || t->kind == SIMULATE_STAFF;
    cr_assert_eq(qualifies, t->projects >= 3 && t->invites >= 2 && t->reports >= 1);
    if (t->kind == SIMULATE_TWO_PROJECTS)
        cr_assert(t->projects == 2 && t->invites >= 2 && t->reports >= 1);
    if (t->kind == SIMULATE_ONE_INVITE)
        cr_assert(t->projects >= 3 && t->invites == 1 && t->reports >= 1);
    if (t->kind == SIMULATE_NO_REPORT)
        cr_assert(t->projects >= 3 && t->invites >= 2 && t->reports == 0);
}

static int hash_compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

Test(simulate, exact_counts_per_kind)
{
    static struct tally users[EVERYBODY_MAX];
    static uint64_t ids[100 * EVERYBODY_MAX];
    struct simulate_opts opts = {USERS, 7, INT64_C(1767225600000)};
    struct simulate *simulate = simulate_create(&opts);
    struct buf line = {0};
    struct arena arena;
    struct err_info info;
    size_t n = 0;
    int64_t last_ms = opts.start_ms;
    arena_init(&arena, 65536, 0);
    while (simulate_next(simulate, &line)) {
        struct segment_event event;
        arena_reset(&arena);
        cr_assert_eq(segment_parse(buf_span(&line), &arena, &event, &info), ERR_OK, "%s",
                     info.text);
        cr_assert(event.timestamp_ms >= last_ms, "out of order");
        last_ms = event.timestamp_ms;
        ids[n++] = hash64(event.message_id);
        tally_add(users, &event);
        buf_clear(&line);
    }
    cr_assert(last_ms < opts.start_ms + INT64_C(30) * 86400000);
    qsort(ids, n, sizeof ids[0], hash_compare);
    for (size_t i = 1; i < n; i++)
        cr_assert_neq(ids[i], ids[i - 1], "a message id twice");
    uint64_t kinds[SIMULATE_KINDS] = {0};
    for (size_t i = 0; i < EVERYBODY_MAX && users[i].known; i++) {
        tally_check(&users[i]);
        kinds[users[i].kind]++;
    }
    struct simulate_counts counts;
    simulate_counts(simulate, &counts);
    cr_assert_eq(counts.events, n);
    for (int k = 0; k < SIMULATE_KINDS; k++)
        cr_assert_eq(kinds[k], counts.users[k]);
    for (int k = SIMULATE_QUALIFIED; k <= SIMULATE_NO_REPORT; k++)
        cr_assert_eq(kinds[k], (uint64_t)USERS / 4);
    cr_assert(kinds[SIMULATE_BOT] > 0 && kinds[SIMULATE_STAFF] > 0);
    simulate_destroy(simulate);
    arena_deinit(&arena);
    buf_deinit(&line);
}

static uint64_t digest(uint64_t users, uint64_t seed)
{
    struct simulate_opts opts = {users, seed, 0};
    struct simulate *simulate = simulate_create(&opts);
    struct buf text = {0};
    while (simulate_next(simulate, &text)) {
    }
    uint64_t hash = hash64(buf_span(&text));
    simulate_destroy(simulate);
    buf_deinit(&text);
    return hash;
}

Test(simulate, same_seed_same_bytes)
{
    cr_assert_eq(digest(200, 1), digest(200, 1));
    cr_assert_neq(digest(200, 1), digest(200, 2));
}

Test(simulate, the_rest_goes_to_the_last_kind)
{
    struct simulate_opts opts = {7, 1, 0};
    struct simulate_counts counts;
    struct simulate *simulate = simulate_create(&opts);
    simulate_counts(simulate, &counts);
    cr_assert_eq(counts.users[SIMULATE_QUALIFIED], 1u);
    cr_assert_eq(counts.users[SIMULATE_NO_REPORT], 4u);
    simulate_destroy(simulate);
}
