// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/playbook_schema.h"

int cmd_playbook_schema(int argc, char **argv)
{
    bool markdown = false;
    const struct option options[] = {
        {"markdown", OPTION_FLAG, &markdown, NULL, "the reference page instead", 0, 0, NULL},
    };
    const struct command command = {
        .name = "playbook schema",
        .usage = "[options]",
        .example = "assay playbook schema >playbook.schema.json",
        .summary =
            "Writes the JSON Schema of playbooks. An editor that knows it completes keys and "
            "marks mistakes:\nput `# yaml-language-server: $schema=playbook.schema.json` on "
            "a playbook's first line.",
        COMMAND_OPTIONS(options),
    };
    int code;
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    if (!markdown) {
        output_json(playbook_schema_json());
        return EXIT_DONE;
    }
    struct buf page = {0};
    playbook_schema_markdown(&page);
    fwrite(page.bytes, 1, page.len, stdout);
    buf_deinit(&page);
    return EXIT_DONE;
}
