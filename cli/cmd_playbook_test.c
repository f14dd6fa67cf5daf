// SPDX-License-Identifier: Apache-2.0
// `assay playbook test`: the tests beside playbooks.
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/backtest/fixture.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "common/base/mem.h"

struct files {
    char **items;
    size_t n, cap;
};

static void files_add(struct files *files, const char *path)
{
    MEM_GROW(files->items, files->n, files->cap);
    files->items[files->n++] = mem_dup_text(path);
}

static void files_deinit(struct files *files)
{
    for (size_t i = 0; i < files->n; i++)
        mem_free(files->items[i]);
    mem_free(files->items);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// The *.test.yaml of a folder, by name.
static enum err folder_add(struct files *files, const char *path, struct err_info *info)
{
    static const char END[] = ".test.yaml";
    size_t before = files->n;
    DIR *dir = opendir(path);
    if (dir == NULL)
        return err_set(info, ERR_IO, "%s: %s", path, strerror(errno));
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        size_t n = strlen(entry->d_name), end = sizeof END - 1;
        if (n <= end || strcmp(entry->d_name + n - end, END) != 0)
            continue;
        struct buf full = {0};
        buf_printf(&full, "%s/%s", path, entry->d_name);
        buf_append_u8(&full, '\0');
        files_add(files, (const char *)full.bytes);
        buf_deinit(&full);
    }
    (void)closedir(dir);
    if (files->n == before)
        return err_set(info, ERR_INVALID, "%s has no file that ends in %s", path, END);
    qsort(files->items + before, files->n - before, sizeof *files->items, compare);
    return ERR_OK;
}

static enum err path_add(struct files *files, const char *path, struct err_info *info)
{
    struct stat about;
    if (stat(path, &about) != 0)
        return err_set(info, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
                       strerror(errno));
    if (S_ISDIR(about.st_mode))
        return folder_add(files, path, info);
    files_add(files, path);
    return ERR_OK;
}

struct sum {
    struct fixture_counts counts;
    size_t files, broken;
    json_t *json; // NULL: text
};

static void run_file(const char *path, struct sum *sum)
{
    struct fixture_counts counts;
    struct buf report = {0};
    enum err err = fixture_run(path, &counts, &report);
    bool good = err == ERR_OK && counts.failed == 0;
    sum->files++;
    sum->broken += err != ERR_OK;
    sum->counts.cases += counts.cases;
    sum->counts.failed += counts.failed;
    sum->counts.events += counts.events;
    buf_append_u8(&report, '\0');
    if (sum->json != NULL) {
        json_array_append_new(sum->json,
                              json_pack("{s:o, s:b, s:I, s:I, s:o}", "file", output_json_text(path),
                                        "good", good, "cases", (json_int_t)counts.cases, "failed",
                                        (json_int_t)counts.failed, "report",
                                        output_json_text((const char *)report.bytes)));
    } else {
        printf("%s %s: %s, %s\n", output_mark(good), output_clean(path),
               output_plural(counts.cases, "case", "cases"),
               output_plural(counts.events, "event", "events"));
        if (report.len > 1)
            fputs((const char *)report.bytes, stdout);
    }
    buf_deinit(&report);
}

static enum err events_write(const struct files *files, const char *path, struct err_info *info)
{
    FILE *out = fopen(path, "w");
    if (out == NULL)
        return err_set(info, ERR_IO, "%s: %s", path, strerror(errno));
    enum err err = ERR_OK;
    for (size_t i = 0; i < files->n && err == ERR_OK; i++) {
        struct buf report = {0};
        err = fixture_write(files->items[i], out, &report);
        if (report.len > 0)
            fwrite(report.bytes, 1, report.len, stderr);
        if (err != ERR_OK)
            (void)err_set(info, err, "%s has mistakes", files->items[i]);
        buf_deinit(&report);
    }
    if (fclose(out) != 0 && err == ERR_OK)
        err = err_set(info, ERR_IO, "%s: %s", path, strerror(errno));
    return err;
}

int cmd_playbook_test(int argc, char **argv)
{
    bool json = false;
    const char *events = NULL;
    const struct option options[] = {
        {"events", OPTION_TEXT, &events, "OUT",
         "only write the events of all cases, to send them to a cluster", 0, 0, NULL},
        OPTION_ROW_JSON(&json),
    };
    const struct command command = {
        .name = "playbook test",
        .usage = "FILE|FOLDER... [options]",
        .example = "assay playbook test playbooks/\n"
                   "assay playbook test playbooks/trial.test.yaml",
        .summary = "Runs the tests beside playbooks: files that end in .test.yaml and say which "
                   "events come and\nwhat must follow. No cluster is needed.",
        COMMAND_OPTIONS(options),
        .args_min = 1,
        .args_max = 10000,
        .missing = "which FILE or FOLDER?",
    };
    int code;
    size_t n;
    if (!options_begin(&command, argc, argv, &n, &code))
        return code;
    struct files files = {0};
    struct err_info info;
    enum err err = ERR_OK;
    for (size_t i = 0; i < n && err == ERR_OK; i++)
        err = path_add(&files, argv[i], &info);
    if (err == ERR_OK && events != NULL) {
        err = events_write(&files, events, &info);
        files_deinit(&files);
        return err == ERR_OK ? EXIT_DONE : output_error("playbook test", err, info.text);
    }
    struct sum sum = {.json = json ? json_array() : NULL};
    for (size_t i = 0; i < files.n && err == ERR_OK; i++)
        run_file(files.items[i], &sum);
    files_deinit(&files);
    if (json)
        output_json(sum.json);
    if (err != ERR_OK)
        return output_error("playbook test", err, info.text);
    if (!json)
        printf("%s in %s, %zu failed\n", output_plural(sum.counts.cases, "case", "cases"),
               output_plural(sum.files, "file", "files"), sum.counts.failed + sum.broken);
    return sum.counts.failed + sum.broken == 0 ? EXIT_DONE : EXIT_FAILED;
}
