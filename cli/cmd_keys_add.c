// SPDX-License-Identifier: Apache-2.0
// New keys: made here, or taken over from another system.
#include <string.h>

#include "cli/cluster.h"
#include "cli/file.h"
#include "cli/keys_place.h"
#include "cli/options.h"
#include "cli/output.h"
#include "common/clock/clock.h"
#include "services/access/words.h"

enum { IMPORT_BYTES_MAX = 4 * 1024 * 1024 };

// ---- What a new key may ---------------------------------------------------------------------

struct limits {
    const char *accounts, *queues, *verbs, *consumer; // lists with commas
    int64_t rate, burst, expires_ms;
    struct keys_list lists[KEYS_LISTS_MAX];
    size_t n;
    struct arena arena;
};
#define LIMIT_ROWS(l)                                                                              \
    {"rate", OPTION_COUNT,  &(l).rate, "N", "events (or calls) a second at most",                  \
     1,      KEYS_RATE_MAX, NULL},                                                                 \
        {"burst", OPTION_COUNT,  &(l).burst, "N", "at once at most (as many as a second)",         \
         1,       KEYS_RATE_MAX, NULL},                                                            \
        {"expires", OPTION_TIME, &(l).expires_ms, "TIME", "when it ends, in UTC (never)", 0,       \
         0,         NULL},                                                                         \
    {                                                                                              \
        "accounts", OPTION_TEXT, &(l).accounts, "A,B*",                                            \
            "write: only events of these accounts; a star stands for any ending", 0, 0, NULL       \
    }

static enum err limits_add(struct limits *limits, const char *word, const char *text,
                           struct err_info *info)
{
    if (text == NULL)
        return ERR_OK;
    struct keys_list *list = &limits->lists[limits->n++];
    size_t most = 1;
    for (const char *c = text; *c != '\0'; c++)
        most += *c == ',';
    if (most > KEYS_VALUES_MAX)
        return err_set(info, ERR_INVALID, "--%s: at most %d values", word, KEYS_VALUES_MAX);
    *list = (struct keys_list){word, arena_alloc(&limits->arena, most * sizeof *list->values), 0};
    for (const char *at = text;; at++) {
        size_t n = strcspn(at, ",");
        list->values[list->n++] = arena_dup(&limits->arena, span_make(at, n));
        at += n;
        if (*at == '\0')
            return ERR_OK;
    }
}

static enum err limits_settle(struct limits *limits, enum keys_role role, struct err_info *info)
{
    const struct {
        const char *word, *text;
    } given[] = {{ACCESS_ACCOUNTS, limits->accounts},
                 {ACCESS_QUEUES, limits->queues},
                 {ACCESS_VERBS, limits->verbs},
                 {ACCESS_CONSUMER, limits->consumer}};
    enum err err = ERR_OK;
    arena_init(&limits->arena, 4096, 0);
    for (size_t i = 0; i < ARRAY_LEN(given) && err == ERR_OK; i++)
        err = limits_add(limits, given[i].word, given[i].text, info);
    if (err == ERR_OK && limits->expires_ms != 0 && limits->expires_ms <= clock_wall_ms())
        err = err_set(info, ERR_INVALID, "--expires lies in the past");
    return err == ERR_OK ? access_check_lists(role, limits->lists, limits->n, info) : err;
}

static struct keys_spec limits_spec(const struct limits *limits, enum keys_role role,
                                    const char *name)
{
    return (struct keys_spec){.role = role,
                              .name = span_of(name),
                              .expires_ms = limits->expires_ms,
                              .rate = limits->rate,
                              .burst = limits->burst,
                              .lists = limits->lists,
                              .n_lists = limits->n};
}

// ---- add ----------------------------------------------------------------------------------------

static enum err add(const struct keys_place *place, const struct keys_spec *spec, const char *out,
                    struct err_info *info)
{
    struct keys_file file;
    const struct keys_key *key;
    char token[TOKEN_CHARS + 1];
    enum err err = keys_file_open(place->dir, place->file, true, &file, info);
    if (err != ERR_OK)
        return err;
    err = keys_add(file.keys, spec, clock_wall_ms(), token, &key, info);
    if (err == ERR_OK)
        err = keys_save_token(&file, token, out, info);
    if (err == ERR_OK)
        keys_tell_token(place, key, token, out);
    token_wipe(token, sizeof token);
    keys_file_close(&file);
    return err;
}

static const char *const ROLES[] = {"write", "consumer", "admin", "service", NULL};

int cmd_keys_add(int argc, char **argv)
{
    struct keys_place place = {.dir = CLUSTER_DIR_DEFAULT};
    struct limits limits = {.n = 0};
    const char *role_text = NULL, *out = NULL;
    const struct option options[] = {
        {"role", OPTION_CHOICE, &role_text, "ROLE",
         "write (events), consumer (leads), admin (everything), service (required)", 0, 0, ROLES},
        LIMIT_ROWS(limits),
        {"queues", OPTION_TEXT, &limits.queues, "A,B", "consumer: only these queues", 0, 0, NULL},
        {"verbs", OPTION_TEXT, &limits.verbs, "A,B",
         "consumer: only these of lease, ack, extend, release, complete, stream, list, prompt", 0,
         0, NULL},
        {"consumer", OPTION_TEXT, &limits.consumer, "NAME",
         "consumer: its name, whatever a request says", 0, 0, NULL},
        {"out", OPTION_TEXT, &out, "FILE", "write the token to this new file and do not show it", 0,
         0, NULL},
        KEYS_PLACE_ROWS(place),
    };
    const struct command command = {
        .name = "keys add",
        .usage = "NAME --role ROLE [options]",
        .example = "assay keys add \"web shop\" --role write --rate 500\n"
                   "assay keys add crm --role consumer --queues enterprise --verbs "
                   "lease,ack,release,complete",
        .summary = "Makes a key and shows its token, this once: what is kept is a digest of it.",
        COMMAND_OPTIONS(options),
        .args_min = 1,
        .args_max = 1,
        .missing = "which NAME? It says who has the key, as in \"web shop\"",
    };
    int code;
    struct err_info info;
    enum keys_role role;
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    if (role_text == NULL || !keys_role_parse(span_of(role_text), &role))
        return output_error(command.name, ERR_INVALID,
                            "what may it do? (--role write, consumer, admin or service)");
    enum err err = limits_settle(&limits, role, &info);
    const struct keys_spec spec = limits_spec(&limits, role, argv[0]);
    if (err == ERR_OK)
        err = add(&place, &spec, out, &info);
    arena_deinit(&limits.arena);
    return err == ERR_OK ? EXIT_DONE : output_error(command.name, err, info.text);
}

// ---- import -------------------------------------------------------------------------------------

struct importing {
    struct keys_file file;
    const struct limits *limits;
    size_t taken, there, line;
};

// "KEY", or "KEY NAME".
static enum err import_line(struct importing *in, struct span line, struct err_info *info)
{
    char name[KEYS_NAME_MAX + 1], made[40];
    const char *at = line.ptr, *blank = memchr(line.ptr, ' ', line.len);
    struct span secret = span_make(at, blank == NULL ? line.len : (size_t)(blank - at));
    const struct keys_key *key;
    snprintf(made, sizeof made, "imported %zu", keys_count(in->file.keys) + 1);
    while (blank != NULL && blank < at + line.len && *blank == ' ')
        blank++;
    snprintf(name, sizeof name, "%.*s",
             blank == NULL ? (int)strlen(made) : (int)(at + line.len - blank),
             blank == NULL ? made : blank);
    const struct keys_spec spec = limits_spec(in->limits, KEYS_WRITE, name);
    enum err err = keys_import(in->file.keys, &spec, secret, clock_wall_ms(), &key, info);
    bool there = err == ERR_CONFLICT && strstr(info->text, "is there already") != NULL;
    in->taken += err == ERR_OK;
    in->there += there;
    return there ? ERR_OK : err;
}

static enum err import_text(struct importing *in, struct span text, struct err_info *info)
{
    const char *at = text.ptr, *end = at + text.len;
    enum err err = ERR_OK;
    while (at < end && err == ERR_OK) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        struct span line = span_make(at, (size_t)((stop == NULL ? end : stop) - at));
        at = stop == NULL ? end : stop + 1;
        in->line++;
        while (line.len > 0 && strchr(" \t\r", ((const char *)line.ptr)[line.len - 1]) != NULL)
            line.len--;
        if (line.len > 0 && *(const char *)line.ptr != '#')
            err = import_line(in, line, info);
    }
    return err == ERR_OK ? err : err_prefix(info, err, "line %zu", in->line);
}

static enum err import(const struct keys_place *place, const char *path,
                       const struct limits *limits, struct err_info *info)
{
    struct importing in = {.limits = limits};
    struct buf text = {0};
    enum err err =
        file_read(strcmp(path, "-") == 0 ? "/dev/stdin" : path, IMPORT_BYTES_MAX, &text, info);
    if (err == ERR_OK)
        err = keys_file_open(place->dir, place->file, true, &in.file, info);
    if (err == ERR_OK) {
        err = import_text(&in, buf_span(&text), info);
        if (err == ERR_OK)
            err = keys_file_save(&in.file, info);
        keys_file_close(&in.file);
    }
    token_wipe(text.bytes, text.len);
    buf_deinit(&text);
    if (err != ERR_OK)
        return err;
    if (place->json)
        output_json(json_pack("{s:I, s:I}", "imported", (json_int_t)in.taken, "known",
                              (json_int_t)in.there));
    else
        printf("%s imported, %s there already\n", output_plural(in.taken, "key", "keys"),
               output_count(in.there));
    return ERR_OK;
}

int cmd_keys_import(int argc, char **argv)
{
    struct keys_place place = {.dir = CLUSTER_DIR_DEFAULT};
    struct limits limits = {.n = 0};
    const struct option options[] = {LIMIT_ROWS(limits), KEYS_PLACE_ROWS(place)};
    const struct command command = {
        .name = "keys import",
        .usage = "FILE [options]",
        .example = "assay keys import write-keys.txt\n"
                   "echo \"$OLD_KEY web shop\" | assay keys import -",
        .summary =
            "Takes over write keys that another system made, so that SDKs go on with them: "
            "a line is \"KEY\" or\n\"KEY NAME\". All or nothing; keys that are there already "
            "are left as they are. - is standard input.",
        COMMAND_OPTIONS(options),
        .args_min = 1,
        .args_max = 1,
        .missing = "which FILE? (- for standard input)",
    };
    int code;
    struct err_info info;
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    enum err err = limits_settle(&limits, KEYS_WRITE, &info);
    if (err == ERR_OK)
        err = import(&place, argv[0], &limits, &info);
    arena_deinit(&limits.arena);
    return err == ERR_OK ? EXIT_DONE : output_error(command.name, err, info.text);
}
