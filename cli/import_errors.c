// SPDX-License-Identifier: Apache-2.0
#include "cli/import_errors.h"

#include "cli/output.h"
#include "common/base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct import_errors {
    const char *const *files;
    const char *path;
    FILE *stream; // NULL: not opened, or it could not be
    size_t file;  // that `stream` belongs to
    int error;    // errno of the first failure
    char **written;
    size_t n, cap;
};

struct import_errors *import_errors_create(const char *const *files, const char *path)
{
    struct import_errors *errors = mem_zalloc(sizeof *errors);
    errors->files = files;
    errors->path = path;
    MEM_GROW(errors->written, errors->n, errors->cap);
    errors->written[0] = NULL;
    return errors;
}

static void stream_close(struct import_errors *errors)
{
    if (errors->stream != NULL && fclose(errors->stream) != 0 && errors->error == 0)
        errors->error = errno;
    errors->stream = NULL;
}

static void name_add(struct import_errors *errors, char *name)
{
    errors->written[errors->n++] = name;
    MEM_GROW(errors->written, errors->n, errors->cap);
    errors->written[errors->n] = NULL;
}

static void stream_open(struct import_errors *errors, size_t file)
{
    char name[4096];
    const char *of = errors->files[file];
    if (errors->path != NULL)
        snprintf(name, sizeof name, "%s", errors->path);
    else if (strcmp(of, "-") == 0)
        snprintf(name, sizeof name, "import.errors.ndjson");
    else
        snprintf(name, sizeof name, "%s.errors.ndjson", of);
    bool again = false;
    for (size_t i = 0; i < errors->n; i++)
        again = again || strcmp(errors->written[i], name) == 0;
    errors->stream = fopen(name, again ? "ae" : "we");
    errors->file = file;
    if (errors->stream == NULL && errors->error == 0)
        errors->error = errno;
    if (errors->stream != NULL && !again)
        name_add(errors, mem_dup_text(name));
}

// The bytes as JSON text. What is not UTF-8 (also a character cut in the middle) is replaced.
static json_t *event_text(struct span event)
{
    char *text = mem_dup(event);
    for (size_t i = 0; i < event.len; i++)
        if (text[i] == '\0')
            text[i] = '?';
    json_t *json = output_json_text(text);
    mem_free(text);
    return json;
}

void import_errors_add(struct import_errors *errors, const struct import_refused *refused)
{
    // Answers for the end of one file may come after lines of the next one were refused.
    if (errors->stream != NULL && errors->file != refused->file && errors->path == NULL)
        stream_close(errors);
    if (errors->stream == NULL && errors->error == 0)
        stream_open(errors, refused->file);
    if (errors->stream == NULL)
        return;
    json_t *o =
        json_pack("{s:o, s:I, s:o, s:o}", "file", output_json_text(errors->files[refused->file]),
                  "line", (json_int_t)refused->line, "reason", output_json_text(refused->reason),
                  "event", event_text(refused->event));
    if ((json_dumpf(o, errors->stream, JSON_COMPACT) != 0 || fputc('\n', errors->stream) < 0) &&
        errors->error == 0)
        errors->error = errno;
    json_decref(o);
}

enum err import_errors_close(struct import_errors *errors, struct err_info *info)
{
    stream_close(errors);
    if (errors->error == 0)
        return ERR_OK;
    return err_set(info, ERR_IO, "the refused events could not be written: %s",
                   strerror(errors->error));
}

void import_errors_destroy(struct import_errors *errors)
{
    stream_close(errors);
    for (size_t i = 0; i < errors->n; i++)
        mem_free(errors->written[i]);
    mem_free(errors->written);
    mem_free(errors);
}

const char *const *import_errors_files(const struct import_errors *errors)
{
    return (const char *const *)errors->written;
}
