// SPDX-License-Identifier: Apache-2.0
#include "cli/keys_place.h"

#include <stdio.h>
#include <unistd.h>

#include "cli/cluster.h"
#include "cli/file.h"
#include "cli/keys_output.h"
#include "cli/output.h"
#include "common/base/text.h"
#include "common/clock/clock.h"

// Whether the cluster that runs in the folder was started without keys: it does not look for them.
static bool runs_without_keys(const struct keys_place *place)
{
    char path[4096];
    struct buf text = {0};
    if (place->file != NULL || cluster_holder(place->dir) == 0)
        return false;
    snprintf(path, sizeof path, "%s/run/router.yaml", place->dir);
    bool without = file_read(path, 1 << 20, &text, NULL) == ERR_OK &&
                   !text_contains(buf_span(&text), span_of("\nkeys: "), false);
    buf_deinit(&text);
    return without;
}

static const char *use_of(enum keys_role role)
{
    static const char *const USES[KEYS_ROLES] = {
        [KEYS_WRITE] = "as the write key of an SDK, or: authorization: Bearer TOKEN",
        [KEYS_CONSUMER] = "authorization: Bearer TOKEN",
        [KEYS_ADMIN] = "authorization: Bearer TOKEN",
        [KEYS_SERVICE] = "`token_file` in the service's configuration",
    };
    return USES[role];
}

// The token's file comes first: a token without a key is harmless, a key whose token nobody has is
// not.
enum err keys_save_token(struct keys_file *file, const char *token, const char *out,
                         struct err_info *info)
{
    enum err err = out == NULL ? ERR_OK : keys_file_write_token(out, token, info);
    if (err != ERR_OK)
        return err;
    err = keys_file_save(file, info);
    if (err != ERR_OK && out != NULL)
        (void)unlink(out);
    return err;
}

void keys_tell_token(const struct keys_place *place, const struct keys_key *key, const char *token,
                     const char *out)
{
    if (place->json) {
        json_t *json = keys_json(key, clock_wall_ms());
        if (out == NULL)
            json_object_set_new(json, "token", json_string(token));
        output_json(json);
        return;
    }
    printf("%s key %s \"%s\"\n", keys_role_name(key->role), key->id, output_clean(key->name));
    if (out == NULL)
        printf("  token  %s%s%s   (shown this once: keep it)\n", output_bold(), token,
               output_plain());
    else
        printf("  token  in %s\n", out);
    printf("  use    %s\n", use_of(key->role));
    if (runs_without_keys(place))
        printf("  note   the cluster that runs was started without keys: restart `assay up` to put "
               "them in force\n");
}
