// SPDX-License-Identifier: Apache-2.0
// What a consumer does with a lead that it has leased. Each call can be repeated harmlessly.
#include "cli/decision_json.h"
#include "cli/lead_output.h"
#include "cli/leads.h"
#include "cli/options.h"
#include "cli/output.h"
#include "common/base/time_text.h"

// What the four have in common. Every answer has the lead as its only member.
struct step {
    const char *method;
    const ProtobufCMessageDescriptor *answer_type;
    const char *dir, *token;
    bool json;
};

static int step_run(const struct command *command, const struct step *step,
                    const ProtobufCMessage *request)
{
    struct cluster *cluster = NULL;
    ProtobufCMessage *message;
    struct err_info info;
    enum err err = leads_call(step->dir, &cluster, step->method, request, step->answer_type, 0,
                              &message, &info);
    if (err == ERR_OK) {
        const Assay__Router__V1__Lead *lead = ((Assay__Router__V1__AckResponse *)message)->lead;
        if (lead != NULL && step->json)
            output_json(lead_json(lead));
        else if (lead != NULL)
            lead_write(lead, stdout);
    }
    cluster_close(cluster);
    return err == ERR_OK ? EXIT_DONE : output_error(command->name, err, info.text);
}

static bool step_begin(const struct command *command, int argc, char **argv,
                       const struct step *step, int *code)
{
    size_t n_args;
    if (!options_begin(command, argc, argv, &n_args, code))
        return false;
    if (step->token != NULL)
        return true;
    fprintf(stderr, "assay %s: the --token TOKEN is missing; `assay leads lease` gave it\n",
            command->name);
    *code = EXIT_USAGE;
    return false;
}

#define OPTION_ROW_TOKEN(out)                                                                      \
    {                                                                                              \
        "token", OPTION_TEXT, (out), "TOKEN", "the lease's token", 0, 0, NULL                      \
    }
#define MISSING_LEAD "which LEAD? `assay leads list` shows them"

int cmd_leads_ack(int argc, char **argv)
{
    struct step step = {"assay.router.v1.RouterService/Ack",
                        &assay__router__v1__ack_response__descriptor, CLUSTER_DIR_DEFAULT, NULL,
                        false};
    const struct option options[] = {OPTION_ROW_TOKEN(&step.token), OPTION_ROW_DATA(&step.dir),
                                     OPTION_ROW_JSON(&step.json)};
    const struct command command = {
        .name = "leads ack",
        .usage = "LEAD --token TOKEN",
        .example = "assay leads ack lead-17 --token 5f3a",
        .summary = "Says that the lead has been taken over: its lease no longer runs out.",
        .options = options,
        .n_options = ARRAY_LEN(options),
        .args_min = 1,
        .args_max = 1,
        .missing = MISSING_LEAD,
    };
    int code;
    if (!step_begin(&command, argc, argv, &step, &code))
        return code;
    Assay__Router__V1__AckRequest request = ASSAY__ROUTER__V1__ACK_REQUEST__INIT;
    request.lead_id = argv[0];
    request.lease_token = (char *)step.token;
    return step_run(&command, &step, &request.base);
}

int cmd_leads_release(int argc, char **argv)
{
    struct step step = {"assay.router.v1.RouterService/Release",
                        &assay__router__v1__release_response__descriptor, CLUSTER_DIR_DEFAULT, NULL,
                        false};
    const char *reason = "";
    const struct option options[] = {
        OPTION_ROW_TOKEN(&step.token),
        {"reason", OPTION_TEXT, &reason, "TEXT", "why it goes back", 0, 0, NULL},
        OPTION_ROW_DATA(&step.dir),
        OPTION_ROW_JSON(&step.json)};
    const struct command command = {
        .name = "leads release",
        .usage = "LEAD --token TOKEN [options]",
        .example = "assay leads release lead-17 --token 5f3a --reason \"wrong region\"",
        .summary = "Gives a leased lead back to its queue.",
        .options = options,
        .n_options = ARRAY_LEN(options),
        .args_min = 1,
        .args_max = 1,
        .missing = MISSING_LEAD,
    };
    int code;
    if (!step_begin(&command, argc, argv, &step, &code))
        return code;
    Assay__Router__V1__ReleaseRequest request = ASSAY__ROUTER__V1__RELEASE_REQUEST__INIT;
    request.lead_id = argv[0];
    request.lease_token = (char *)step.token;
    request.reason = (char *)reason;
    return step_run(&command, &step, &request.base);
}

int cmd_leads_extend(int argc, char **argv)
{
    struct step step = {"assay.router.v1.RouterService/Extend",
                        &assay__router__v1__extend_response__descriptor, CLUSTER_DIR_DEFAULT, NULL,
                        false};
    int64_t lease_ms = 0;
    const struct option options[] = {OPTION_ROW_TOKEN(&step.token),
                                     {"for", OPTION_DURATION, &lease_ms, "TIME",
                                      "from now (as the playbook says)", 1, LEADS_LEASE_MS_MAX,
                                      NULL},
                                     OPTION_ROW_DATA(&step.dir),
                                     OPTION_ROW_JSON(&step.json)};
    const struct command command = {
        .name = "leads extend",
        .usage = "LEAD --token TOKEN [options]",
        .example = "assay leads extend lead-17 --token 5f3a --for 15m",
        .summary = "Makes a lease last longer.",
        .options = options,
        .n_options = ARRAY_LEN(options),
        .args_min = 1,
        .args_max = 1,
        .missing = MISSING_LEAD,
    };
    int code;
    if (!step_begin(&command, argc, argv, &step, &code))
        return code;
    Assay__Router__V1__ExtendRequest request = ASSAY__ROUTER__V1__EXTEND_REQUEST__INIT;
    request.lead_id = argv[0];
    request.lease_token = (char *)step.token;
    request.lease_ms = lease_ms;
    return step_run(&command, &step, &request.base);
}

int cmd_leads_complete(int argc, char **argv)
{
    static const char *const outcomes[] = {"accepted", "rejected", "meeting", "won", "lost", NULL};
    struct step step = {"assay.router.v1.RouterService/Complete",
                        &assay__router__v1__complete_response__descriptor, CLUSTER_DIR_DEFAULT,
                        NULL, false};
    const char *outcome = NULL;
    const struct option options[] = {OPTION_ROW_TOKEN(&step.token),
                                     {"outcome", OPTION_CHOICE, &outcome, "WORD",
                                      "accepted, rejected, meeting, won or lost", 0, 0, outcomes},
                                     OPTION_ROW_DATA(&step.dir),
                                     OPTION_ROW_JSON(&step.json)};
    const struct command command = {
        .name = "leads complete",
        .usage = "LEAD --token TOKEN --outcome WORD",
        .example = "assay leads complete lead-17 --token 5f3a --outcome won",
        .summary = "Says that the work on the lead is done, and what came of it.",
        .options = options,
        .n_options = ARRAY_LEN(options),
        .args_min = 1,
        .args_max = 1,
        .missing = MISSING_LEAD,
    };
    int code;
    if (!step_begin(&command, argc, argv, &step, &code))
        return code;
    if (outcome == NULL) {
        fprintf(stderr, "assay leads complete: the --outcome WORD is missing: accepted, rejected, "
                        "meeting, won or lost\n");
        return EXIT_USAGE;
    }
    Assay__Router__V1__CompleteRequest request = ASSAY__ROUTER__V1__COMPLETE_REQUEST__INIT;
    request.lead_id = argv[0];
    request.lease_token = (char *)step.token;
    request.outcome = (char *)outcome;
    return step_run(&command, &step, &request.base);
}
