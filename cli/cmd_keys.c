// SPDX-License-Identifier: Apache-2.0
// Keys: listing, replacing and revoking them. Works on the file alone; services that have it read
// it again within seconds.
#include <stdio.h>
#include <string.h>

#include "cli/cluster.h"
#include "cli/commands.h"
#include "cli/keys_output.h"
#include "cli/keys_place.h"
#include "cli/options.h"
#include "cli/output.h"
#include "common/base/mem.h"
#include "common/base/time_text.h"
#include "common/clock/clock.h"

enum { KEEP_MAX_DAYS = 365 };

static enum err find(const struct keys_file *file, const char *word, const struct keys_key **out,
                     struct err_info *info)
{
    *out = keys_find(file->keys, span_of(word));
    if (*out != NULL)
        return ERR_OK;
    return err_set(info, ERR_NOT_FOUND, "there is no key \"%.100s\": `assay keys list` shows them",
                   word);
}

// ---- list, show ---------------------------------------------------------------------------------

static int cmd_list(int argc, char **argv)
{
    struct keys_place place = {.dir = CLUSTER_DIR_DEFAULT};
    const struct option options[] = {KEYS_PLACE_ROWS(place)};
    const struct command command = {
        .name = "keys list",
        .usage = "[options]",
        .example = "assay keys list",
        .summary = "Shows every key: who has it, what it may do, until when.",
        COMMAND_OPTIONS(options),
    };
    int code;
    struct keys_file file;
    struct err_info info;
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    enum err err = keys_file_open(place.dir, place.file, false, &file, &info);
    if (err != ERR_OK)
        return output_error(command.name, err, info.text);
    for (size_t i = 0; i < keys_count(file.keys) && place.json; i++)
        output_json(keys_json(keys_at(file.keys, i), clock_wall_ms()));
    if (!place.json && keys_count(file.keys) > 0)
        keys_table_write(file.keys, clock_wall_ms());
    else if (!place.json)
        printf("there is no key in %s: every call that needs one is refused\n", file.path);
    keys_file_close(&file);
    return EXIT_DONE;
}

// ---- What is done with one key ------------------------------------------------------------------

struct act {
    struct keys_place place;
    int64_t keep_ms;
    const char *out;
    char token[TOKEN_CHARS + 1];
};
typedef enum err (*act_fn)(struct act *act, struct keys_file *file, const struct keys_key *key,
                           struct err_info *info);

static enum err act(struct act *a, const char *word, bool change, act_fn run, struct err_info *info)
{
    struct keys_file file;
    const struct keys_key *key;
    enum err err = keys_file_open(a->place.dir, a->place.file, change, &file, info);
    if (err != ERR_OK)
        return err;
    err = find(&file, word, &key, info);
    if (err == ERR_OK)
        err = run(a, &file, key, info);
    keys_file_close(&file);
    return err;
}

static void one_write(const struct keys_place *place, const struct keys_key *key)
{
    if (place->json)
        output_json(keys_json(key, clock_wall_ms()));
    else
        keys_one_write(key, clock_wall_ms());
}

static enum err show(struct act *a, struct keys_file *file, const struct keys_key *key,
                     struct err_info *info)
{
    (void)file, (void)info;
    one_write(&a->place, key);
    return ERR_OK;
}

static enum err rotate(struct act *a, struct keys_file *file, const struct keys_key *key,
                       struct err_info *info)
{
    enum err err = keys_rotate(file->keys, key, clock_wall_ms(), a->keep_ms, a->token, info);
    if (err == ERR_OK)
        err = keys_save_token(file, a->token, a->out, info);
    if (err != ERR_OK)
        return err;
    keys_tell_token(&a->place, key, a->token, a->out);
    if (!a->place.json)
        printf("  old    %s\n", a->keep_ms == 0 ? "no token before it serves any more"
                                                : "tokens before it serve on for as long as --keep "
                                                  "says");
    return ERR_OK;
}

static enum err remove_key(struct act *a, struct keys_file *file, const struct keys_key *key,
                           struct err_info *info)
{
    json_t *json = json_pack("{s:s, s:b}", "id", key->id, "revoked", true);
    char *name = mem_dup_text(key->name);
    keys_remove(file->keys, key);
    enum err err = keys_file_save(file, info);
    if (err == ERR_OK && a->place.json)
        output_json(json_incref(json));
    else if (err == ERR_OK)
        printf("\"%s\" is revoked: services refuse it within seconds\n", output_clean(name));
    json_decref(json);
    mem_free(name);
    return err;
}

static enum err set_disabled(struct act *a, struct keys_file *file, const struct keys_key *key,
                             bool disabled, struct err_info *info)
{
    keys_disable(file->keys, key, disabled);
    enum err err = keys_file_save(file, info);
    if (err == ERR_OK)
        one_write(&a->place, key);
    return err;
}

static enum err disable(struct act *a, struct keys_file *file, const struct keys_key *key,
                        struct err_info *info)
{
    return set_disabled(a, file, key, true, info);
}

static enum err enable(struct act *a, struct keys_file *file, const struct keys_key *key,
                       struct err_info *info)
{
    return set_disabled(a, file, key, false, info);
}

static const char WHICH[] = "which key? Its ID or NAME: `assay keys list` shows them";

static int act_command(const char *name, const char *example, const char *summary, bool change,
                       act_fn run, int argc, char **argv)
{
    struct act a = {.place = {.dir = CLUSTER_DIR_DEFAULT}};
    const struct option options[] = {KEYS_PLACE_ROWS(a.place)};
    const struct command command = {
        .name = name,
        .usage = "KEY [options]",
        .example = example,
        .summary = summary,
        COMMAND_OPTIONS(options),
        .args_min = 1,
        .args_max = 1,
        .missing = WHICH,
    };
    int code;
    struct err_info info;
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    enum err err = act(&a, argv[0], change, run, &info);
    return err == ERR_OK ? EXIT_DONE : output_error(name, err, info.text);
}

static int cmd_show(int argc, char **argv)
{
    return act_command("keys show", "assay keys show \"web shop\"",
                       "Shows one key, by its id or its name.", false, show, argc, argv);
}

static int cmd_revoke(int argc, char **argv)
{
    return act_command("keys revoke", "assay keys revoke \"web shop\"",
                       "Removes a key for good: whoever has its token is refused.", true,
                       remove_key, argc, argv);
}

static int cmd_disable(int argc, char **argv)
{
    return act_command("keys disable", "assay keys disable crm",
                       "Refuses a key until it is enabled again.", true, disable, argc, argv);
}

static int cmd_enable(int argc, char **argv)
{
    return act_command("keys enable", "assay keys enable crm", "Takes `disable` back.", true,
                       enable, argc, argv);
}

static int cmd_rotate(int argc, char **argv)
{
    struct act a = {.place = {.dir = CLUSTER_DIR_DEFAULT}, .keep_ms = TIME_DAY_MS};
    const struct option options[] = {
        {"keep", OPTION_DURATION, &a.keep_ms, "TIME",
         "how long the tokens before it serve on (24h; 0s: not at all)", 0,
         KEEP_MAX_DAYS * (int64_t)TIME_DAY_MS, NULL},
        {"out", OPTION_TEXT, &a.out, "FILE", "write the token to this new file and do not show it",
         0, 0, NULL},
        KEYS_PLACE_ROWS(a.place),
    };
    const struct command command = {
        .name = "keys rotate",
        .usage = "KEY [options]",
        .example = "assay keys rotate \"web shop\"\nassay keys rotate crm --keep 0s",
        .summary = "Gives a key a fresh token. The one before it serves on for a while, so that "
                   "whoever has it can be\nchanged in peace; what the key may do stays the same.",
        COMMAND_OPTIONS(options),
        .args_min = 1,
        .args_max = 1,
        .missing = WHICH,
    };
    int code;
    struct err_info info;
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    enum err err = act(&a, argv[0], true, rotate, &info);
    token_wipe(a.token, sizeof a.token);
    return err == ERR_OK ? EXIT_DONE : output_error(command.name, err, info.text);
}

int cmd_keys(int argc, char **argv)
{
    static const struct command_row rows[] = {
        {"add", "make a key", cmd_keys_add},
        {"list", "all keys", cmd_list},
        {"show", "one key", cmd_show},
        {"rotate", "a fresh token for a key", cmd_rotate},
        {"disable", "refuse a key for a while", cmd_disable},
        {"enable", "take `disable` back", cmd_enable},
        {"revoke", "remove a key for good", cmd_revoke},
        {"import", "take over write keys of another system", cmd_keys_import},
    };
    return command_pick("assay keys",
                        "assay keys add \"web shop\" --role write\nassay keys list\n"
                        "assay keys rotate \"web shop\" --keep 24h",
                        rows, ARRAY_LEN(rows), argc, argv);
}
