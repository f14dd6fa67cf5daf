// SPDX-License-Identifier: Apache-2.0
// What a consumer does with a lead that it has leased. Each call can be repeated harmlessly.
#include "cli/decision_json.h"
#include "cli/lead_output.h"
#include "cli/leads.h"
#include "cli/options.h"
#include "cli/output.h"
#include "common/base/time_text.h"

enum { STEP_OPTIONS_MAX = 3 };

// What they have in common. Every answer has the lead as its only member.
struct step {
    const char *method;
    const ProtobufCMessageDescriptor *answer_type;
    struct command command;              // step_begin adds what is the same for all
    struct option own[STEP_OPTIONS_MAX]; // options that the others lack; without a name: none
    bool operator;                       // it needs no token
    const char *dir, *token;
    char *lead;
    bool json;
};

// False: the exit code is in `*code`. True: `dir`, `token`, `lead` and `json` are set.
static bool step_begin(struct step *step, int argc, char **argv, int *code)
{
    struct option options[STEP_OPTIONS_MAX + 3];
    size_t n = 0;
    step->dir = CLUSTER_DIR_DEFAULT;
    options[n++] = (struct option){"token", OPTION_TEXT, &step->token, "TOKEN", "the lease's token",
                                   0,       0,           NULL};
    for (size_t i = 0; i < STEP_OPTIONS_MAX && step->own[i].name != NULL; i++)
        options[n++] = step->own[i];
    options[n++] = (struct option)OPTION_ROW_DATA(&step->dir);
    options[n++] = (struct option)OPTION_ROW_JSON(&step->json);
    struct command command = step->command;
    command.options = options;
    command.n_options = n;
    command.args_min = command.args_max = 1;
    command.missing = "which LEAD? `assay leads list` shows them";
    if (!options_begin(&command, argc, argv, NULL, code))
        return false;
    step->lead = argv[0];
    if (step->token != NULL || step->operator)
        return true;
    fprintf(stderr, "assay %s: the --token TOKEN is missing; `assay leads lease` gave it\n",
            command.name);
    *code = EXIT_USAGE;
    return false;
}

static int step_run(const struct step *step, const ProtobufCMessage *request)
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
    return err == ERR_OK ? EXIT_DONE : output_error(step->command.name, err, info.text);
}

int cmd_leads_ack(int argc, char **argv)
{
    struct step step = {
        .method = "assay.router.v1.RouterService/Ack",
        .answer_type = &assay__router__v1__ack_response__descriptor,
        .command = {.name = "leads ack",
                    .usage = "LEAD --token TOKEN",
                    .example = "assay leads ack lead-17 --token 5f3a",
                    .summary = "Says that the lead has been taken over: its lease no longer runs "
                               "out."},
    };
    int code;
    if (!step_begin(&step, argc, argv, &code))
        return code;
    Assay__Router__V1__AckRequest request = ASSAY__ROUTER__V1__ACK_REQUEST__INIT;
    request.lead_id = step.lead;
    request.lease_token = (char *)step.token;
    return step_run(&step, &request.base);
}

int cmd_leads_release(int argc, char **argv)
{
    const char *reason = "";
    bool declined = false;
    int64_t delay_ms = 0;
    struct step step = {
        .method = "assay.router.v1.RouterService/Release",
        .answer_type = &assay__router__v1__release_response__descriptor,
        .command = {.name = "leads release",
                    .usage = "LEAD --token TOKEN [options]",
                    .example = "assay leads release lead-17 --token 5f3a --reason \"wrong region\"",
                    .summary = "Gives a leased lead back to its queue."},
        .own = {{"reason", OPTION_TEXT, &reason, "TEXT", "why it goes back", 0, 0, NULL},
                {"declined", OPTION_FLAG, &declined, NULL,
                 "of a rep: it goes to another one, and does not count against the cap", 0, 0,
                 NULL},
                {"delay", OPTION_DURATION, &delay_ms, "TIME",
                 "snooze: it is handed out again only after so long", 1, LEADS_LEASE_MS_MAX, NULL}},
    };
    int code;
    if (!step_begin(&step, argc, argv, &code))
        return code;
    Assay__Router__V1__ReleaseRequest request = ASSAY__ROUTER__V1__RELEASE_REQUEST__INIT;
    request.lead_id = step.lead;
    request.lease_token = (char *)step.token;
    request.reason = (char *)(declined ? "declined" : reason);
    request.delay_ms = delay_ms;
    return step_run(&step, &request.base);
}

int cmd_leads_extend(int argc, char **argv)
{
    int64_t lease_ms = 0;
    struct step step = {
        .method = "assay.router.v1.RouterService/Extend",
        .answer_type = &assay__router__v1__extend_response__descriptor,
        .command = {.name = "leads extend",
                    .usage = "LEAD --token TOKEN [options]",
                    .example = "assay leads extend lead-17 --token 5f3a --for 15m",
                    .summary = "Makes a lease last longer."},
        .own = {{"for", OPTION_DURATION, &lease_ms, "TIME", "from now (as the playbook says)", 1,
                 LEADS_LEASE_MS_MAX, NULL}},
    };
    int code;
    if (!step_begin(&step, argc, argv, &code))
        return code;
    Assay__Router__V1__ExtendRequest request = ASSAY__ROUTER__V1__EXTEND_REQUEST__INIT;
    request.lead_id = step.lead;
    request.lease_token = (char *)step.token;
    request.lease_ms = lease_ms;
    return step_run(&step, &request.base);
}

int cmd_leads_complete(int argc, char **argv)
{
    static const char *const outcomes[] = {"accepted", "rejected", "meeting", "won", "lost", NULL};
    const char *outcome = NULL;
    struct step step = {
        .method = "assay.router.v1.RouterService/Complete",
        .answer_type = &assay__router__v1__complete_response__descriptor,
        .command = {.name = "leads complete",
                    .usage = "LEAD --token TOKEN --outcome WORD",
                    .example = "assay leads complete lead-17 --token 5f3a --outcome won",
                    .summary = "Says that the work on the lead is done, and what came of it."},
        .own = {{"outcome", OPTION_CHOICE, &outcome, "WORD",
                 "accepted, rejected, meeting, won or lost", 0, 0, outcomes}},
    };
    int code;
    if (!step_begin(&step, argc, argv, &code))
        return code;
    if (outcome == NULL) {
        fprintf(stderr, "assay leads complete: the --outcome WORD is missing: accepted, rejected, "
                        "meeting, won or lost\n");
        return EXIT_USAGE;
    }
    Assay__Router__V1__CompleteRequest request = ASSAY__ROUTER__V1__COMPLETE_REQUEST__INIT;
    request.lead_id = step.lead;
    request.lease_token = (char *)step.token;
    request.outcome = (char *)outcome;
    return step_run(&step, &request.base);
}

int cmd_leads_park(int argc, char **argv)
{
    const char *reason = NULL, *by = output_user();
    struct step step = {
        .method = "assay.router.v1.RouterService/Park",
        .answer_type = &assay__router__v1__park_response__descriptor,
        .command = {.name = "leads park",
                    .usage = "LEAD --reason TEXT [options]",
                    .example = "assay leads park L0123456789abcdef --reason \"broken address\"",
                    .summary =
                        "Takes a lead out of its queue until it is redriven: with the lease's "
                        "token, or as an\noperator without."},
        .own = {{"reason", OPTION_TEXT, &reason, "TEXT", "why (required)", 0, 0, NULL},
                {"by", OPTION_TEXT, &by, "NAME", "who says so (you)", 0, 0, NULL}},
        .operator= true,
    };
    int code;
    if (!step_begin(&step, argc, argv, &code))
        return code;
    if (reason == NULL)
        return output_error("leads park", ERR_INVALID, "why? (--reason TEXT)");
    Assay__Router__V1__ParkRequest request = ASSAY__ROUTER__V1__PARK_REQUEST__INIT;
    request.lead_id = step.lead;
    request.lease_token = (char *)(step.token != NULL ? step.token : "");
    request.reason = (char *)reason;
    request.by = (char *)by;
    return step_run(&step, &request.base);
}
