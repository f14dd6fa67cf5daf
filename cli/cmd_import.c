// SPDX-License-Identifier: Apache-2.0
#include "cli/clock_advance.h"
#include "cli/commands.h"
#include "cli/import.h"
#include "cli/import_errors.h"
#include "cli/input.h"
#include "cli/options.h"
#include "cli/output.h"
#include "common/base/mem.h"
#include "common/base/time_text.h"
#include "common/clock/clock.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { TICK_TERMINAL_MS = 200, TICK_LINES_MS = 5000, BAR_CELLS = 24 };

static const int64_t RETRY_FOR_MAX_MS = 365LL * 24 * 3600 * 1000;

#define TRAITS_FROM_MS INT64_C(631152000000) // 1990-01-01, before which no event is taken

struct run {
    const char *dir;
    const char *errors_path;
    int64_t batch, window, retry_for_ms;
    bool no_advance, json;
    const char *traits, *key;
    int64_t at_ms;
    struct trait_lines *lines;
    const char *const *files;
    size_t n_files;

    struct cluster *cluster;
    struct import *import;
    struct import_errors *errors;
    struct loop_timer *tick;
    struct loop_signal *signals[2];
    int n_signals;
    int64_t started_ms;
    bool terminal;
    enum err err;
    struct err_info why;
    int64_t clock_ms; // that the cluster was advanced to; 0: it was not
};

// ---- Progress -----------------------------------------------------------------------------------

static double seconds(const struct run *run)
{
    double s = (double)(clock_mono_ms() - run->started_ms) / 1000.0;
    return s < 0.001 ? 0.001 : s;
}

static uint64_t handled(const struct import_progress *p)
{
    return p->counts.accepted + p->counts.duplicate + p->counts.refused;
}

static void bar_write(double share)
{
    const char *full = output_utf8() ? "\u2588" : "#", *empty = output_utf8() ? "\u2591" : ".";
    for (int i = 0; i < BAR_CELLS; i++)
        fputs(i < (int)(share * BAR_CELLS) ? full : empty, stderr);
    fprintf(stderr, " %3.0f %%  ", share * 100);
}

static void tick_cb(void *arg)
{
    struct run *run = arg;
    struct import_progress p;
    import_progress(run->import, &p);
    if (run->terminal)
        fputs("\r\033[K", stderr);
    if (p.bytes_total > 0) {
        double share = (double)p.bytes_read / (double)p.bytes_total;
        if (run->terminal)
            bar_write(share);
        else
            fprintf(stderr, "%3.0f %%  ", share * 100);
    }
    fprintf(stderr, "%s events, %s/s", output_count(handled(&p)),
            output_count((uint64_t)((double)handled(&p) / seconds(run))));
    if (p.counts.duplicate > 0)
        fprintf(stderr, ", %s", output_plural(p.counts.duplicate, "duplicate", "duplicates"));
    if (p.counts.refused > 0)
        fprintf(stderr, ", %s refused", output_count(p.counts.refused));
    if (p.waiting != NULL)
        fprintf(stderr, "; waiting, %s", output_clean(p.waiting));
    fputs(run->terminal ? "" : "\n", stderr);
    fflush(stderr);
}

// ---- The run ------------------------------------------------------------------------------------

static void refused_cb(void *arg, const struct import_refused *refused)
{
    struct run *run = arg;
    import_errors_add(run->errors, refused);
}

static void done_cb(void *arg, enum err err, const struct err_info *info)
{
    struct run *run = arg;
    run->err = err;
    if (err != ERR_OK)
        run->why = *info;
    loop_timer_destroy(run->tick);
    for (size_t i = 0; i < ARRAY_LEN(run->signals); i++)
        loop_signal_destroy(run->signals[i]);
    if (run->terminal)
        fputs("\r\033[K", stderr);
    loop_stop(cluster_loop(run->cluster));
}

static void signal_cb(void *arg, int signum)
{
    struct run *run = arg;
    if (run->n_signals++ > 0)
        _Exit(128 + signum);
    fprintf(stderr, "%sstopping: waiting for the events that are on their way\n",
            run->terminal ? "\n" : "");
    import_stop(run->import);
}

// A name that is wrong is told before anything is sent.
static enum err files_check(const struct run *run, struct err_info *info)
{
    for (size_t i = 0; i < run->n_files; i++) {
        struct input *input;
        enum err err = input_open(run->files[i], &input, info);
        if (err != ERR_OK)
            return err;
        input_close(input);
    }
    return ERR_OK;
}

// In a cluster that lives by its events' times a trait of today would move accounts to today: it is
// as of the latest event instead, or there from the beginning when there is none yet.
static enum err traits_open(struct run *run, struct err_info *info)
{
    struct trait_lines_opts lines = {strcmp(run->traits, "users") == 0, run->key};
    struct cluster_facts facts;
    run->lines = trait_lines_create(&lines);
    run->no_advance = true;
    enum err err = cluster_facts_read(run->dir, &facts, info);
    if (err != ERR_OK || !facts.event_clock || run->at_ms != 0)
        return err;
    err = clock_event_time_max(run->cluster, &run->at_ms, info);
    if (err == ERR_OK && run->at_ms <= 0)
        run->at_ms = TRAITS_FROM_MS;
    return err;
}

static enum err run_import(struct run *run, struct err_info *info)
{
    struct rpc_client *client;
    enum err err = files_check(run, info);
    if (err == ERR_OK)
        err = cluster_open(run->dir, &run->cluster, info);
    if (err == ERR_OK)
        err = cluster_client(run->cluster, "ingest-0", &client, info);
    if (err != ERR_OK)
        return err;
    struct loop *loop = cluster_loop(run->cluster);
    if (run->traits != NULL)
        err = traits_open(run, info);
    if (err != ERR_OK)
        return err;
    struct import_opts opts = {
        .traits = run->lines,
        .traits_at_ms = run->at_ms,
        .loop = loop,
        .client = client,
        .files = run->files,
        .n_files = run->n_files,
        .batch = run->batch,
        .window = run->window,
        .retry_for_ms = run->retry_for_ms,
        .refused = refused_cb,
        .done = done_cb,
        .arg = run,
    };
    uint64_t every_ms = run->terminal ? TICK_TERMINAL_MS : TICK_LINES_MS;
    run->started_ms = clock_mono_ms();
    run->errors = import_errors_create(run->files, run->errors_path);
    run->import = import_create(&opts);
    run->tick = loop_timer_create(loop, tick_cb, run);
    loop_timer_start(run->tick, every_ms, every_ms);
    run->signals[0] = loop_signal_create(loop, SIGINT, signal_cb, run);
    run->signals[1] = loop_signal_create(loop, SIGTERM, signal_cb, run);
    loop_run(loop);
    if (run->err != ERR_OK && info != NULL)
        *info = run->why;
    return run->err;
}

// Only when everything was sent: an import that is continued later advances the clock at its end.
static enum err advance(struct run *run, struct err_info *info)
{
    struct cluster_facts facts;
    enum err err = cluster_facts_read(run->dir, &facts, info);
    if (err != ERR_OK || !facts.event_clock || run->no_advance)
        return err;
    err = clock_event_time_max(run->cluster, &run->clock_ms, info);
    if (err == ERR_OK && run->clock_ms > 0)
        err = clock_advance(run->cluster, &run->clock_ms, info);
    return err == ERR_OK ? err : err_prefix(info, err, "advance the clock");
}

// ---- Summary ------------------------------------------------------------------------------------

static void summary_json(const struct run *run, const struct import_progress *p, enum err err,
                         const char *why)
{
    json_t *errors = json_array();
    for (const char *const *f = import_errors_files(run->errors); *f != NULL; f++)
        json_array_append_new(errors, output_json_text(*f));
    json_t *o =
        json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:f, s:o}", "complete", err == ERR_OK, "accepted",
                  (json_int_t)p->counts.accepted, "duplicate", (json_int_t)p->counts.duplicate,
                  "refused", (json_int_t)p->counts.refused, "lines", (json_int_t)p->lines, "resent",
                  (json_int_t)p->resent, "seconds", seconds(run), "errors", errors);
    if (run->clock_ms > 0)
        json_object_set_new(o, "clock", json_integer(run->clock_ms));
    if (err != ERR_OK) {
        json_object_set_new(o, "error", output_json_text(why));
        json_object_set_new(o, "sent_file", output_json_text(p->sent_file));
        json_object_set_new(o, "sent_line", json_integer((json_int_t)p->sent_line));
    }
    output_json(o);
}

static void summary_text(const struct run *run, const struct import_progress *p)
{
    printf("%s accepted, %s, %s refused; %s in %.1f s (%s events/s)\n",
           output_count(p->counts.accepted),
           output_plural(p->counts.duplicate, "duplicate", "duplicates"),
           output_count(p->counts.refused), output_plural(p->lines, "line", "lines"), seconds(run),
           output_count((uint64_t)((double)handled(p) / seconds(run))));
    for (const char *const *f = import_errors_files(run->errors); *f != NULL; f++)
        printf("refused events, with the reasons: %s\n", output_clean(*f));
    if (run->clock_ms > 0)
        printf("the clock stands at %s (UTC)\n", output_time(run->clock_ms));
}

static int finish(struct run *run, enum err err, struct err_info *info)
{
    struct import_progress p;
    import_progress(run->import, &p);
    struct err_info lost;
    if (import_errors_close(run->errors, &lost) != ERR_OK && err == ERR_OK) {
        err = ERR_IO;
        *info = lost;
    }
    if (run->json)
        summary_json(run, &p, err, info->text);
    else
        summary_text(run, &p);
    if (err == ERR_OK)
        return EXIT_DONE;
    fprintf(stderr, "assay import: %s\n", info->text);
    if (p.sent_line > 0)
        fprintf(stderr,
                "every event up to line %llu of %s was sent; importing again is harmless: what was "
                "taken is then a duplicate\n",
                (unsigned long long)p.sent_line, output_clean(p.sent_file));
    return EXIT_FAILED;
}

static int run_all(struct run *run)
{
    struct err_info info = {0};
    run->terminal = output_is_terminal(stderr);
    enum err err = run_import(run, &info);
    if (run->import == NULL) {
        cluster_close(run->cluster);
        return output_error("import", err, info.text);
    }
    if (err == ERR_OK)
        err = advance(run, &info);
    cluster_close(run->cluster);
    int code = finish(run, err, &info);
    import_destroy(run->import);
    trait_lines_destroy(run->lines);
    import_errors_destroy(run->errors);
    return code;
}

int cmd_import(int argc, char **argv)
{
    static const char *const traits[] = {"accounts", "users", NULL};
    struct run run = {.dir = CLUSTER_DIR_DEFAULT, .batch = 500, .window = 8};
    const struct option options[] = {
        {"errors", OPTION_TEXT, &run.errors_path, "FILE",
         "where refused events go (FILE.errors.ndjson beside each file)", 0, 0, NULL},
        {"traits", OPTION_CHOICE, &run.traits, "OF",
         "the files are tables of traits of `accounts` or of `users`", 0, 0, traits},
        {"key", OPTION_TEXT, &run.key, "COLUMN",
         "with --traits: the column that names them (the first one)", 0, 0, NULL},
        {"at", OPTION_TIME, &run.at_ms, "TIME",
         "with --traits: when this became true (the file's last change; clock: event: the latest "
         "event)",
         0, 0, NULL},
        {"batch", OPTION_COUNT, &run.batch, "N", "events in a request (500)", 1, IMPORT_BATCH_MAX,
         NULL},
        {"window", OPTION_COUNT, &run.window, "N", "requests on their way at once (8)", 1,
         IMPORT_WINDOW_MAX, NULL},
        {"retry-for", OPTION_DURATION, &run.retry_for_ms, "TIME",
         "give up when nothing was answered for so long (never)", 1, RETRY_FOR_MAX_MS, NULL},
        {"no-advance", OPTION_FLAG, &run.no_advance, NULL,
         "leave the clock alone at the end (clock: event)", 0, 0, NULL},
        OPTION_ROW_DATA(&run.dir),
        OPTION_ROW_JSON(&run.json),
    };
    const struct command command = {
        .name = "import",
        .usage = "FILE... [options]",
        .example = "assay import events.ndjson.gz more.ndjson.zst\n"
                   "assay simulate project-tool | assay import -\n"
                   "assay import --traits accounts companies.csv",
        .summary =
            "Sends Segment-style events, one JSON object a line, plain or compressed by gzip "
            "or zstd.\n`-` is standard input. Refused events are written to a file with "
            "their reasons; they do not\nmake the import fail.\n"
            "With --traits the files hold rows of CSV or objects of NDJSON instead: what is known "
            "of accounts\nor users (industry, employees, role).",
        COMMAND_OPTIONS(options),
        .args_min = 1,
        .args_max = 10000,
        .missing = "which FILE? (`-` is standard input)",
    };
    int code;
    if (!options_begin(&command, argc, argv, &run.n_files, &code))
        return code;
    run.files = (const char *const *)argv;
    return run_all(&run);
}
