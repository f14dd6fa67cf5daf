// SPDX-License-Identifier: Apache-2.0
// `assay playbook diff`: two playbooks over the same events, side by side.
#include <stdlib.h>
#include <string.h>

#include "cli/backtest/backtest.h"
#include "cli/commands.h"
#include "cli/file.h"
#include "cli/options.h"
#include "cli/output.h"
#include "common/base/hash.h"
#include "common/base/mem.h"

enum { PLAYBOOK_BYTES_MAX = 4 * 1024 * 1024, LISTED = 20 };

// A user or an account that qualifies under one of the two. TALLY_NEVER: not under that one.
struct subject {
    char *account, *user; // one block
    uint64_t hash;
    int64_t at_ms[2];
};

struct side {
    struct diff *diff;
    int number; // 0: old, 1: new
};

struct diff {
    const char *files[2];
    const char *events, *paid;
    bool json, all;
    struct backtest backtests[2];
    struct side sides[2];
    struct subject *subjects;
    size_t n, cap;
    struct index index;
    uint64_t refused;
};

// ---- Who qualifies ------------------------------------------------------------------------------

struct subject_key {
    const char *account, *user;
};

static bool subject_eq(const void *ctx, uint32_t item, const void *key)
{
    const struct diff *d = ctx;
    const struct subject_key *k = key;
    return strcmp(d->subjects[item].account, k->account) == 0 &&
           strcmp(d->subjects[item].user, k->user) == 0;
}

static uint64_t subject_rehash(const void *ctx, uint32_t item)
{
    const struct diff *d = ctx;
    return d->subjects[item].hash;
}

static void qualified_cb(void *arg, const char *account, const char *user, int64_t at_ms)
{
    struct side *side = arg;
    struct diff *d = side->diff;
    struct subject_key key = {account, user};
    uint64_t hash = hash64_seeded(span_of(user), hash64(span_of(account)));
    uint32_t at = index_find(&d->index, hash, subject_eq, d, &key);
    if (at == INDEX_NONE) {
        size_t n = strlen(account) + 1, m = strlen(user) + 1;
        MEM_GROW(d->subjects, d->n, d->cap);
        struct subject *made = &d->subjects[d->n];
        *made = (struct subject){.hash = hash, .at_ms = {TALLY_NEVER, TALLY_NEVER}};
        made->account = mem_alloc(n + m);
        made->user = made->account + n;
        memcpy(made->account, account, n);
        memcpy(made->user, user, m);
        at = (uint32_t)d->n++;
        index_add(&d->index, hash, at, subject_rehash, d);
    }
    d->subjects[at].at_ms[side->number] = at_ms;
}

// ---- What differs -------------------------------------------------------------------------------

enum change { ADDED, DROPPED, EARLIER, LATER, SAME };
enum { CHANGES = SAME + 1 };
static const char *const CHANGE_NAMES[CHANGES] = {"added", "dropped", "earlier", "later", "same"};

static enum change change_of(const struct subject *s)
{
    if (s->at_ms[0] == TALLY_NEVER)
        return ADDED;
    if (s->at_ms[1] == TALLY_NEVER)
        return DROPPED;
    return s->at_ms[1] < s->at_ms[0] ? EARLIER : s->at_ms[1] > s->at_ms[0] ? LATER : SAME;
}

static bool has_paid(const struct diff *d, const struct subject *s)
{
    const struct backtest *one = &d->backtests[1];
    return s->user[0] != '\0' ? tally_has(&one->users, span_of(s->user), TALLY_PAID)
                              : tally_has(&one->accounts, span_of(s->account), TALLY_PAID);
}

// By what has changed, then by when.
static int subject_compare(const void *a, const void *b)
{
    const struct subject *x = a, *y = b;
    enum change p = change_of(x), q = change_of(y);
    int64_t s = x->at_ms[p == ADDED], t = y->at_ms[q == ADDED];
    if (p != q)
        return p < q ? -1 : 1;
    if (s != t)
        return s < t ? -1 : 1;
    int order = strcmp(x->account, y->account);
    return order != 0 ? order : strcmp(x->user, y->user);
}

static json_t *subject_json(const struct diff *d, const struct subject *s)
{
    json_t *o = json_pack("{s:s, s:o, s:b}", "change", CHANGE_NAMES[change_of(s)], "account",
                          output_json_text(s->account), "paid", has_paid(d, s));
    if (s->user[0] != '\0')
        json_object_set_new(o, "user", output_json_text(s->user));
    if (s->at_ms[0] != TALLY_NEVER)
        json_object_set_new(o, "old_at", json_integer(s->at_ms[0]));
    if (s->at_ms[1] != TALLY_NEVER)
        json_object_set_new(o, "new_at", json_integer(s->at_ms[1]));
    return o;
}

static void json_write(const struct diff *d, const uint64_t n[CHANGES],
                       const uint64_t paid[CHANGES])
{
    json_t *changes = json_object(), *list = json_array();
    for (int i = 0; i < CHANGES; i++)
        json_object_set_new(
            changes, CHANGE_NAMES[i],
            json_pack("{s:I, s:I}", "count", (json_int_t)n[i], "paid", (json_int_t)paid[i]));
    for (size_t i = 0; i < d->n; i++) {
        if (change_of(&d->subjects[i]) != SAME)
            json_array_append_new(list, subject_json(d, &d->subjects[i]));
    }
    output_json(json_pack("{s:o, s:o, s:o, s:o}", "old",
                          output_json_text(run_playbook(d->backtests[0].run)->label), "new",
                          output_json_text(run_playbook(d->backtests[1].run)->label), "changes",
                          changes, "subjects", list));
}

static void list_write(const struct diff *d, enum change change, uint64_t n)
{
    struct output_table table = {.n_columns = 5};
    size_t shown = 0;
    static const char *const HEAD[] = {"account", "user", "old", "new", "paid", NULL};
    output_row(&table, HEAD);
    for (size_t i = 0; i < d->n && (d->all || shown < LISTED); i++) {
        const struct subject *s = &d->subjects[i];
        if (change_of(s) != change)
            continue;
        const char *cells[] = {
            output_clean(s->account),
            output_clean(s->user),
            s->at_ms[0] == TALLY_NEVER ? "-" : output_time(s->at_ms[0]),
            s->at_ms[1] == TALLY_NEVER ? "-" : output_time(s->at_ms[1]),
            has_paid(d, s) ? "paid" : "",
        };
        output_row(&table, cells);
        shown++;
    }
    printf("\n%s%s%s\n", output_bold(), CHANGE_NAMES[change], output_plain());
    output_table_write(&table, 2, stdout);
    if (shown < n)
        printf("  and %s more (--all)\n", output_count(n - shown));
}

static void text_write(const struct diff *d, const uint64_t n[CHANGES],
                       const uint64_t paid[CHANGES])
{
    printf("%s against %s over %s\n", output_clean(run_playbook(d->backtests[1].run)->label),
           output_clean(run_playbook(d->backtests[0].run)->label), output_clean(d->events));
    for (int i = 0; i < CHANGES; i++)
        printf("  %-8s %8s, of whom %s paid (%.1f %%)\n", CHANGE_NAMES[i], output_count(n[i]),
               output_count(paid[i]), tally_percent(paid[i], n[i]));
    for (int i = 0; i < SAME; i++) {
        if (n[i] > 0)
            list_write(d, (enum change)i, n[i]);
    }
}

static void report(struct diff *d)
{
    uint64_t n[CHANGES] = {0}, paid[CHANGES] = {0};
    if (d->n > 0)
        qsort(d->subjects, d->n, sizeof *d->subjects, subject_compare);
    for (size_t i = 0; i < d->n; i++) {
        enum change change = change_of(&d->subjects[i]);
        n[change]++;
        paid[change] += has_paid(d, &d->subjects[i]);
    }
    if (d->json)
        json_write(d, n, paid);
    else
        text_write(d, n, paid);
}

// ---- The command --------------------------------------------------------------------------------

static void refused_cb(void *arg, const char *file, uint64_t line, const char *reason)
{
    struct diff *d = arg;
    backtest_tell_refused(&d->refused, "", file, line, reason);
}

static enum err side_open(struct diff *d, int number, struct err_info *info)
{
    struct buf text = {0}, said = {0};
    enum err err = file_read(d->files[number], PLAYBOOK_BYTES_MAX, &text, info);
    struct backtest_opts opts = {
        .file = d->files[number], .playbook = buf_span(&text), .paid = d->paid};
    if (err == ERR_OK)
        err = backtest_open(&opts, &d->backtests[number], &said, info);
    if (said.len > 0)
        fwrite(said.bytes, 1, said.len, stderr);
    d->sides[number] = (struct side){d, number};
    d->backtests[number].qualified = qualified_cb;
    d->backtests[number].arg = &d->sides[number];
    buf_deinit(&text);
    buf_deinit(&said);
    return err;
}

static enum err diff(struct diff *d, struct err_info *info)
{
    enum err err = side_open(d, 0, info);
    if (err == ERR_OK)
        err = side_open(d, 1, info);
    struct backtest *both[] = {&d->backtests[0], &d->backtests[1]};
    struct backtest_watch watch = {.refused = refused_cb, .arg = d};
    if (err == ERR_OK)
        err = backtest_files(both, 2, &d->events, 1, &watch, info);
    if (err == ERR_OK)
        report(d);
    for (int i = 0; i < 2; i++)
        backtest_close(&d->backtests[i]);
    for (size_t i = 0; i < d->n; i++)
        mem_free(d->subjects[i].account);
    mem_free(d->subjects);
    index_deinit(&d->index);
    return err;
}

int cmd_playbook_diff(int argc, char **argv)
{
    struct diff d = {.paid = "Subscription Started"};
    const struct option options[] = {
        {"events", OPTION_TEXT, &d.events, "FILE", "the events (required); - is standard input", 0,
         0, NULL},
        {"paid", OPTION_TEXT, &d.paid, "EVENTS",
         "events that mean that somebody paid, with commas (Subscription Started)", 0, 0, NULL},
        {"all", OPTION_FLAG, &d.all, NULL, "list everybody, not 20 of each kind", 0, 0, NULL},
        OPTION_ROW_JSON(&d.json),
    };
    const struct command command = {
        .name = "playbook diff",
        .usage = "OLD NEW --events FILE [options]",
        .example =
            "assay playbook diff playbook.yaml playbook-new.yaml --events last-quarter.ndjson",
        .summary =
            "Runs two playbooks over the same events: who would qualify under the new one "
            "and did not\nunder the old, who no longer would, who sooner or later, and who of "
            "them paid.",
        COMMAND_OPTIONS(options),
        .args_min = 2,
        .args_max = 2,
        .missing = "which two playbooks? (OLD NEW)",
    };
    int code;
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    if (d.events == NULL)
        return output_error("playbook diff", ERR_INVALID, "which events? (--events FILE)");
    struct err_info info = {0};
    d.files[0] = argv[0];
    d.files[1] = argv[1];
    enum err err = diff(&d, &info);
    return err == ERR_OK ? EXIT_DONE : output_error("playbook diff", err, info.text);
}
