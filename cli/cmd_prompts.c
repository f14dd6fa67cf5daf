// SPDX-License-Identifier: Apache-2.0
// What the product may show to a user now, and what the user did with it.
#include <string.h>

#include "assay/router/v1/router.pb-c.h"
#include "cli/commands.h"
#include "cli/leads.h"
#include "cli/options.h"
#include "cli/output.h"

typedef Assay__Router__V1__Prompt Prompt;

static void prompt_write(const Prompt *p)
{
    printf("%s%s%s  %s\n", output_bold(), output_clean(p->name), output_plain(),
           output_clean(p->text));
    if (p->offer[0] != '\0')
        printf("  offer    %s\n", output_clean(p->offer));
    if (p->link[0] != '\0')
        printf("  link     %s\n", output_clean(p->link));
    printf("  because  %s\n  since    %s", output_clean(p->reason), output_time(p->since_ms));
    if (p->expires_at_ms != 0)
        printf(", until %s", output_time(p->expires_at_ms));
    printf(" (UTC); priority %d\n", (int)p->priority);
}

static json_t *prompt_json(const Prompt *p)
{
    json_t *o = json_pack("{s:o, s:o, s:o, s:i, s:I}", "prompt", output_json_text(p->name), "text",
                          output_json_text(p->text), "reason", output_json_text(p->reason),
                          "priority", (int)p->priority, "since", (json_int_t)p->since_ms);
    if (p->offer[0] != '\0')
        json_object_set_new(o, "offer", output_json_text(p->offer));
    if (p->link[0] != '\0')
        json_object_set_new(o, "link", output_json_text(p->link));
    if (p->lead_id[0] != '\0')
        json_object_set_new(o, "lead", output_json_text(p->lead_id));
    if (p->expires_at_ms != 0)
        json_object_set_new(o, "expires_at", json_integer((json_int_t)p->expires_at_ms));
    return o;
}

static enum err prompts_of(const char *dir, struct cluster **cluster,
                           Assay__Router__V1__GetPromptsRequest *request,
                           const Assay__Router__V1__GetPromptsResponse **out, struct err_info *info)
{
    ProtobufCMessage *message;
    enum err err =
        leads_call(dir, cluster, "assay.router.v1.RouterService/GetPrompts", &request->base,
                   &assay__router__v1__get_prompts_response__descriptor, 0, &message, info);
    if (err == ERR_OK)
        *out = (const void *)message;
    return err;
}

// Nothing to show: because nobody knows the account?
static enum err account_known(struct cluster *cluster, const char *account, struct err_info *info)
{
    Assay__Router__V1__GetAccountRequest request = ASSAY__ROUTER__V1__GET_ACCOUNT_REQUEST__INIT;
    ProtobufCMessage *message;
    request.account_id = (char *)account;
    enum err err =
        leads_call(NULL, &cluster, "assay.router.v1.RouterService/GetAccount", &request.base,
                   &assay__router__v1__get_account_response__descriptor, 0, &message, info);
    if (err == ERR_OK && !((const Assay__Router__V1__GetAccountResponse *)message)->known)
        err = err_set(info, ERR_NOT_FOUND,
                      "no signal of account %s was ever true; `assay explain account %s` shows "
                      "what is known of it",
                      account, account);
    return err;
}

static int cmd_show(int argc, char **argv)
{
    Assay__Router__V1__GetPromptsRequest request = ASSAY__ROUTER__V1__GET_PROMPTS_REQUEST__INIT;
    const char *dir = CLUSTER_DIR_DEFAULT, *user = "";
    bool json = false;
    const struct option options[] = {
        {"user", OPTION_TEXT, &user, "ID", "to this user of the account", 0, 0, NULL},
        OPTION_ROW_DATA(&dir),
        {"json", OPTION_FLAG, &json, NULL, "one JSON object a line", 0, 0, NULL},
    };
    const struct command command = {
        .name = "prompts show",
        .usage = "ACCOUNT [--user ID] [options]",
        .example = "assay prompts show acme --user ann",
        .summary = "What the product may show now, the strongest first: the message, its reason, "
                   "and until when.",
        COMMAND_OPTIONS(options),
        .args_min = 1,
        .args_max = 1,
        .missing = "to which ACCOUNT?",
    };
    int code;
    struct cluster *cluster = NULL;
    const Assay__Router__V1__GetPromptsResponse *answer = NULL;
    struct err_info info;
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    request.account_id = argv[0];
    request.user_id = (char *)user;
    enum err err = prompts_of(dir, &cluster, &request, &answer, &info);
    if (err == ERR_OK && answer->n_prompts == 0)
        err = account_known(cluster, argv[0], &info);
    for (size_t i = 0; err == ERR_OK && i < answer->n_prompts; i++) {
        if (json)
            output_json(prompt_json(answer->prompts[i]));
        else
            prompt_write(answer->prompts[i]);
    }
    if (err == ERR_OK && answer->n_prompts == 0 && !json)
        printf("nothing is to be shown now\n");
    cluster_close(cluster);
    return err == ERR_OK ? EXIT_DONE : output_error("prompts show", err, info.text);
}

// After "there is no such prompt": what could have been meant.
static void prompts_shown(struct cluster *cluster,
                          const Assay__Router__V1__AnswerPromptRequest *answered,
                          struct err_info *info)
{
    Assay__Router__V1__GetPromptsRequest request = ASSAY__ROUTER__V1__GET_PROMPTS_REQUEST__INIT;
    const Assay__Router__V1__GetPromptsResponse *answer;
    struct err_info ignored;
    char names[200] = "nothing";
    request.account_id = answered->account_id;
    request.user_id = answered->user_id;
    if (prompts_of(NULL, &cluster, &request, &answer, &ignored) != ERR_OK)
        return;
    for (size_t i = 0, at = 0; i < answer->n_prompts && at < sizeof names; i++)
        at += (size_t)snprintf(names + at, sizeof names - at, "%s%s", i > 0 ? ", " : "",
                               answer->prompts[i]->name);
    err_set(info, ERR_NOT_FOUND, "there is no prompt \"%s\"; to be shown now: %s", answered->prompt,
            names);
}

static int answer(const struct command *like, Assay__Router__V1__PromptAnswer what, int argc,
                  char **argv)
{
    Assay__Router__V1__AnswerPromptRequest request = ASSAY__ROUTER__V1__ANSWER_PROMPT_REQUEST__INIT;
    const char *dir = CLUSTER_DIR_DEFAULT, *user = "";
    const struct option options[] = {
        {"user", OPTION_TEXT, &user, "ID", "the user of the account who did", 0, 0, NULL},
        OPTION_ROW_DATA(&dir),
    };
    struct command command = *like;
    command.options = options;
    command.n_options = ARRAY_LEN(options);
    command.args_min = command.args_max = 2;
    command.missing = "which ACCOUNT and PROMPT? `assay prompts show ACCOUNT` shows them";
    int code;
    struct cluster *cluster = NULL;
    ProtobufCMessage *message;
    struct err_info info;
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    request.account_id = argv[0];
    request.prompt = argv[1];
    request.user_id = (char *)user;
    request.answer = what;
    enum err err =
        leads_call(dir, &cluster, "assay.router.v1.RouterService/AnswerPrompt", &request.base,
                   &assay__router__v1__answer_prompt_response__descriptor, 0, &message, &info);
    if (err == ERR_NOT_FOUND)
        prompts_shown(cluster, &request, &info);
    cluster_close(cluster);
    if (err != ERR_OK)
        return output_error(command.name, err, info.text);
    printf("noted\n");
    return EXIT_DONE;
}

static int cmd_dismiss(int argc, char **argv)
{
    static const struct command command = {
        .name = "prompts dismiss",
        .usage = "ACCOUNT PROMPT [--user ID] [options]",
        .example = "assay prompts dismiss acme near_limit --user ann",
        .summary = "The user closed the prompt: it comes back after its snooze, or not in this "
                   "episode.",
    };
    return answer(&command, ASSAY__ROUTER__V1__PROMPT_ANSWER__PROMPT_ANSWER_DISMISSED, argc, argv);
}

static int cmd_convert(int argc, char **argv)
{
    static const struct command command = {
        .name = "prompts convert",
        .usage = "ACCOUNT PROMPT [--user ID] [options]",
        .example = "assay prompts convert acme near_limit --user ann",
        .summary = "The user did what the prompt asks for: it is not shown any more.",
    };
    return answer(&command, ASSAY__ROUTER__V1__PROMPT_ANSWER__PROMPT_ANSWER_CONVERTED, argc, argv);
}

int cmd_prompts(int argc, char **argv)
{
    static const struct command_row rows[] = {
        {"show", "what the product may show to a user now", cmd_show},
        {"dismiss", "the user closed it", cmd_dismiss},
        {"convert", "the user did what it asks for", cmd_convert},
    };
    return command_pick("assay prompts", "assay prompts show acme --user ann", rows,
                        ARRAY_LEN(rows), argc, argv);
}
