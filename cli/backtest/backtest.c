// SPDX-License-Identifier: Apache-2.0
#include "cli/backtest/backtest.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "cli/decision_json.h"
#include "cli/input.h"
#include "cli/output.h"

enum { REFUSED_SHOWN = 5, PROGRESS_LINES = 8192, PIPE_WAIT_MS = 200 };

// ---- Who paid ----

static struct span trimmed(struct span s)
{
    const char *p = s.ptr;
    while (s.len > 0 && *p == ' ')
        s = span_make(++p, s.len - 1);
    while (s.len > 0 && p[s.len - 1] == ' ')
        s.len--;
    return s;
}

enum err backtest_paid_parse(const char *text, struct backtest_paid *out, struct err_info *info)
{
    *out = (struct backtest_paid){0};
    for (const char *at = text; at != NULL;) {
        const char *comma = strchr(at, ',');
        struct span name =
            trimmed(span_make(at, comma == NULL ? strlen(at) : (size_t)(comma - at)));
        if (name.len == 0)
            return err_set(info, ERR_INVALID, "an empty event name in \"%s\"", text);
        if (out->n == BACKTEST_PAID_MAX)
            return err_set(info, ERR_INVALID, "more than %d event names", BACKTEST_PAID_MAX);
        out->names[out->n++] = name;
        at = comma == NULL ? NULL : comma + 1;
    }
    return ERR_OK;
}

static bool is_paid(const struct backtest_paid *paid, struct span name)
{
    for (size_t i = 0; i < paid->n; i++) {
        if (span_eq(paid->names[i], name))
            return true;
    }
    return false;
}

// ---- What the run tells ----

static bool is_usage(enum event_kind kind)
{
    return kind == EVENT_TRACK || kind == EVENT_PAGE || kind == EVENT_SCREEN;
}

static void event_cb(void *arg, const struct run_event *event)
{
    struct backtest *backtest = arg;
    if (event->verdict != RUN_COUNTED)
        return;
    bool paid = is_usage(event->kind) && is_paid(&backtest->paid, event->name);
    tally_note(&backtest->accounts, event->account, TALLY_SEEN, event->at_ms);
    if (event->user.len > 0)
        tally_note(&backtest->users, event->user, TALLY_SEEN, event->at_ms);
    if (!paid)
        return;
    tally_note(&backtest->accounts, event->account, TALLY_PAID, event->at_ms);
    if (event->user.len > 0)
        tally_note(&backtest->users, event->user, TALLY_PAID, event->at_ms);
}

static void signal_cb(void *arg, const struct signal_change *change)
{
    struct backtest *backtest = arg;
    // Facts are told for the router's sake.
    if (!change->value || span_starts(span_of(change->signal), "fact."))
        return;
    backtest->signals_true++;
    bool marketing = strcmp(change->signal, "mql") == 0;
    if (marketing && change->user.len > 0)
        tally_note(&backtest->users, change->user, TALLY_MARKETING, change->at_ms);
    if (marketing)
        tally_note(&backtest->accounts, change->account, TALLY_MARKETING, change->at_ms);
    if (strcmp(change->signal, "stage.customer") == 0)
        tally_note(&backtest->accounts, change->account, TALLY_PAID, change->at_ms);
}

static void qualification(struct backtest *backtest,
                          const Assay__Router__V1__Qualification *decision)
{
    struct span account = span_of(decision->account_id), user = span_of(decision->user_id);
    if (decision->left) {
        backtest->left++;
        return;
    }
    enum tally_mark mark = strcmp(decision->stage, "pal") == 0 ? TALLY_ACTIVATED : TALLY_QUALIFIED;
    bool again = tally_has(user.len > 0 ? &backtest->users : &backtest->accounts,
                           user.len > 0 ? user : account, mark);
    tally_note(&backtest->accounts, account, mark, decision->at_ms);
    if (user.len > 0)
        tally_note(&backtest->users, user, mark, decision->at_ms);
    if (mark == TALLY_QUALIFIED && !again && backtest->qualified != NULL)
        backtest->qualified(backtest->arg, decision->account_id, decision->user_id,
                            decision->at_ms);
}

static void lead(struct backtest *backtest, const Assay__Router__V1__LeadDecision *decision)
{
    if (decision->step != ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_CREATED)
        return;
    backtest->leads++;
    for (int motion = 0; motion < BACKTEST_MOTIONS; motion++) {
        if (strcmp(decision->motion, motion_name((enum motion)motion)) == 0)
            backtest->leads_by_motion[motion]++;
    }
}

static void decision_cb(void *arg, const Assay__Router__V1__Decision *decision)
{
    struct backtest *backtest = arg;
    if (decision->decision_case == ASSAY__ROUTER__V1__DECISION__DECISION_QUALIFICATION)
        qualification(backtest, decision->qualification);
    if (decision->decision_case == ASSAY__ROUTER__V1__DECISION__DECISION_LEAD)
        lead(backtest, decision->lead);
    if (backtest->decisions != NULL)
        output_json_to(decision_json(decision, false), backtest->decisions);
}

// ---- Life cycle ----

enum err backtest_open(const struct backtest_opts *opts, struct backtest *out, struct buf *report,
                       struct err_info *info)
{
    *out = (struct backtest){.decisions = opts->decisions};
    enum err err = backtest_paid_parse(opts->paid, &out->paid, info);
    if (err != ERR_OK)
        return err;
    struct run_opts run = {
        .file = opts->file,
        .playbook = opts->playbook,
        .ids_remember = opts->ids_remember,
        .by_domain = opts->by_domain,
        .signal = signal_cb,
        .decision = decision_cb,
        .event = event_cb,
        .arg = out,
    };
    err = run_create(&run, &out->run, report);
    return err == ERR_OK ? err : err_set(info, ERR_INVALID, "%s has mistakes", opts->file);
}

void backtest_close(struct backtest *backtest)
{
    run_destroy(backtest->run);
    tally_deinit(&backtest->users);
    tally_deinit(&backtest->accounts);
}

// ---- Files ----

static void tell_progress(const struct backtest_watch *watch, const struct input *input)
{
    int64_t total = input_bytes_total(input);
    if (watch->progress != NULL)
        watch->progress(watch->arg, input_name(input),
                        total > 0 ? (double)input_bytes_read(input) / (double)total : -1);
}

void backtest_tell_refused(uint64_t *n, const char *begin, const char *file, uint64_t line,
                           const char *reason)
{
    if ((*n)++ < REFUSED_SHOWN)
        fprintf(stderr, "%s%s:%llu: %s\n", begin, output_clean(file), (unsigned long long)line,
                output_clean(reason));
    else if (*n == REFUSED_SHOWN + 1)
        fputs("further refused lines are only counted\n", stderr);
}

static void tell_refused(const struct backtest_watch *watch, const struct input *input,
                         const char *reason)
{
    if (watch->refused != NULL)
        watch->refused(watch->arg, input_name(input), input_line(input), reason);
}

// Every run reads the same line, so the first one's word on it stands for all.
static void run_all(struct backtest *const *backtests, size_t n, struct span line,
                    const struct backtest_watch *watch, const struct input *input)
{
    struct err_info info;
    for (size_t i = 0; i < n; i++) {
        if (run_line(backtests[i]->run, line, &info) != ERR_OK && i == 0)
            tell_refused(watch, input, info.text);
    }
}

static enum err read_input(struct backtest *const *backtests, size_t n, struct input *input,
                           const struct backtest_watch *watch, struct err_info *info)
{
    struct span line;
    for (;;) {
        switch (input_next(input, &line, info)) {
        case INPUT_LINE:
            run_all(backtests, n, line, watch, input);
            break;
        case INPUT_LONG:
            tell_refused(watch, input, "longer than 1 MiB");
            break;
        case INPUT_WAIT:
            (void)poll(&(struct pollfd){.fd = STDIN_FILENO, .events = POLLIN}, 1, PIPE_WAIT_MS);
            break;
        case INPUT_FAILED:
            return ERR_IO;
        case INPUT_END:
            return ERR_OK;
        }
        if (input_line(input) % PROGRESS_LINES == 0)
            tell_progress(watch, input);
    }
}

enum err backtest_files(struct backtest *const *backtests, size_t n, const char *const *files,
                        size_t n_files, const struct backtest_watch *watch, struct err_info *info)
{
    for (size_t i = 0; i < n_files; i++) {
        struct input *input;
        enum err err = input_open(files[i], &input, info);
        if (err != ERR_OK)
            return err;
        err = read_input(backtests, n, input, watch, info);
        input_close(input);
        if (err != ERR_OK)
            return err;
    }
    for (size_t i = 0; i < n; i++)
        run_advance(backtests[i]->run, INT64_MIN);
    return ERR_OK;
}
