// SPDX-License-Identifier: Apache-2.0
#include "cli/account.h"
#include "cli/clock_advance.h"
#include "cli/cluster.h"
#include "cli/commands.h"
#include "cli/file.h"
#include "cli/options.h"
#include "cli/output.h"
#include "common/base/time_text.h"
#include "common/clock/clock.h"
#include "services/playbook/load.h"

#include <string.h>

enum { PATIENCE_MS = 10000, PLAYBOOK_BYTES_MAX = 4 * 1024 * 1024 };
#define SNOOZE_MS_MAX (INT64_C(3660) * TIME_DAY_MS)

// What the cluster takes for now: in one that lives by its events' times, the latest of them.
static enum err cluster_now(struct cluster *cluster, int64_t *now_ms, struct err_info *info)
{
    struct cluster_facts facts;
    *now_ms = clock_wall_ms();
    enum err err = cluster_facts_read(cluster_dir(cluster), &facts, info);
    if (err != ERR_OK || !facts.event_clock)
        return err;
    err = clock_event_time_max(cluster, now_ms, info);
    if (err == ERR_OK && *now_ms == 0)
        err = err_set(info, ERR_NOT_FOUND, "no event has been taken in yet");
    return err;
}

// ---- show ---------------------------------------------------------------------------------------

static enum err show(struct cluster *cluster, const char *account, bool json, struct err_info *info)
{
    Assay__Router__V1__GetAccountRequest request = ASSAY__ROUTER__V1__GET_ACCOUNT_REQUEST__INIT;
    request.account_id = (char *)account;
    struct cluster_call call = {
        .service = "router",
        .method = "assay.router.v1.RouterService/GetAccount",
        .request = &request.base,
        .answer_type = &assay__router__v1__get_account_response__descriptor,
        .patience_ms = PATIENCE_MS,
    };
    ProtobufCMessage *message;
    int64_t now_ms;
    enum err err = cluster_call(cluster, &call, &message, info);
    if (err != ERR_OK)
        return err;
    const Assay__Router__V1__GetAccountResponse *answer = (void *)message;
    if (!answer->known)
        return err_set(info, ERR_NOT_FOUND,
                       "no signal of account %s was ever true; `assay explain account` shows what "
                       "is known of it",
                       account);
    err = cluster_now(cluster, &now_ms, info);
    if (err != ERR_OK)
        return err;
    if (json)
        output_json(account_json(answer, now_ms));
    else
        account_write(answer, now_ms, stdout);
    return ERR_OK;
}

static int cmd_show(int argc, char **argv)
{
    const char *dir = CLUSTER_DIR_DEFAULT;
    bool json = false;
    const struct option options[] = {OPTION_ROW_DATA(&dir), OPTION_ROW_JSON(&json)};
    const struct command command = {
        .name = "account show",
        .usage = "ACCOUNT [options]",
        .example = "assay account show acct-000042",
        .summary = "Shows an account: its stage and how it came there, who qualifies by what, its "
                   "leads, and\nwhom to speak to first.",
        COMMAND_OPTIONS(options),
        .args_min = 1,
        .args_max = 1,
        .missing = "which ACCOUNT? `assay leads list` shows some",
    };
    int code;
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    struct cluster *cluster = NULL;
    struct err_info info;
    enum err err = cluster_open(dir, &cluster, &info);
    if (err == ERR_OK)
        err = show(cluster, argv[0], json, &info);
    cluster_close(cluster);
    return err == ERR_OK ? EXIT_DONE : output_error("account show", err, info.text);
}

// ---- What a person decides ----------------------------------------------------------------------

// Names of the definitions that an account qualifies by itself; NULL: the playbook cannot be read.
static const char *account_definitions(const char *dir, struct arena *arena)
{
    struct buf text = {0}, report = {0}, names = {0};
    struct playbook *playbook = NULL;
    const char *out = NULL;
    char *path = cluster_path(arena, dir, "playbook.yaml");
    if (file_read(path, PLAYBOOK_BYTES_MAX, &text, NULL) == ERR_OK &&
        playbook_load(path, buf_span(&text), &playbook, &report) == ERR_OK) {
        for (int32_t i = 0; i < playbook->n_definitions; i++) {
            const struct definition *d = &playbook->definitions[i];
            bool makes_leads = d->role == ROLE_PQL || d->role == ROLE_PQA;
            if (makes_leads && playbook->signals[d->signal].scope == SCOPE_ACCOUNT)
                buf_printf(&names, "%s%s", names.len > 0 ? ", " : "", d->name);
        }
        out = arena_dup(arena, buf_span(&names));
    }
    playbook_destroy(playbook);
    buf_deinit(&text);
    buf_deinit(&report);
    buf_deinit(&names);
    return out;
}

static enum err verdict_send(struct cluster *cluster, const struct account_verdict *verdict,
                             struct arena *arena, struct err_info *info)
{
    Assay__Ingest__V1__IngestRequest request = ASSAY__INGEST__V1__INGEST_REQUEST__INIT;
    Assay__Ingest__V1__Event *events[] = {account_verdict_event(verdict, arena)};
    request.n_events = 1;
    request.events = events;
    struct cluster_call call = {
        .service = "ingest-0",
        .method = "assay.ingest.v1.IngestService/Ingest",
        .request = &request.base,
        .answer_type = &assay__ingest__v1__ingest_response__descriptor,
        .patience_ms = PATIENCE_MS,
    };
    ProtobufCMessage *message;
    enum err err = cluster_call(cluster, &call, &message, info);
    if (err != ERR_OK)
        return err;
    const Assay__Ingest__V1__IngestResponse *answer = (void *)message;
    if (answer->refused == 0)
        return ERR_OK;
    return err_set(info, ERR_INVALID, "refused: %s",
                   answer->n_verdicts > 0 ? answer->verdicts[0]->reason : "no reason given");
}

struct deciding {
    struct command command;
    struct account_verdict verdict;
    const char *dir;
    int64_t for_ms;
    bool json;
};

static enum err decide(struct deciding *d, struct err_info *info)
{
    struct account_verdict *verdict = &d->verdict;
    struct cluster *cluster = NULL;
    struct arena arena;
    arena_init(&arena, 4096, 0);
    enum err err = cluster_open(d->dir, &cluster, info);
    if (err == ERR_OK)
        err = cluster_now(cluster, &verdict->at_ms, info);
    // Events' time stands still between two of them: the later one must come later.
    verdict->at_ms++;
    if (err == ERR_OK && d->for_ms > 0)
        verdict->until_ms = verdict->at_ms + d->for_ms;
    if (err == ERR_OK && verdict->verb == ACCOUNT_SNOOZE && verdict->until_ms <= verdict->at_ms)
        err = err_set(info, ERR_INVALID, "--until: %s is past", output_time(verdict->until_ms));
    verdict->nonce = clock_random_u64();
    if (err == ERR_OK)
        err = verdict_send(cluster, verdict, &arena, info);
    if (err == ERR_OK && d->json)
        output_json(account_verdict_json(verdict));
    else if (err == ERR_OK)
        account_verdict_tell(verdict, account_definitions(d->dir, &arena), stdout);
    cluster_close(cluster);
    arena_deinit(&arena);
    return err;
}

static int wrong_use(const struct deciding *d, const char *text)
{
    fprintf(stderr, "assay %s: %s\n", d->command.name, text);
    return EXIT_USAGE;
}

static int verdict_run(struct deciding *d, int argc, char **argv)
{
    struct account_verdict *verdict = &d->verdict;
    struct option options[6];
    size_t n = 0;
    d->dir = CLUSTER_DIR_DEFAULT;
    verdict->user = verdict->reason = "";
    options[n++] = (struct option){
        "reason", OPTION_TEXT, &verdict->reason, "TEXT", "why; it is kept and shown", 0, 0, NULL};
    options[n++] = (struct option){
        "user", OPTION_TEXT, &verdict->user, "ID", "of this user of the account alone", 0, 0, NULL};
    if (verdict->verb == ACCOUNT_SNOOZE) {
        options[n++] = (struct option){"for", OPTION_DURATION, &d->for_ms, "TIME", "from now: 14d",
                                       1,     SNOOZE_MS_MAX,   NULL};
        options[n++] = (struct option){
            "until", OPTION_TIME, &verdict->until_ms, "TIME", "to an instant", 0, 0, NULL};
    }
    options[n++] = (struct option)OPTION_ROW_DATA(&d->dir);
    options[n++] = (struct option)OPTION_ROW_JSON(&d->json);
    struct command command = d->command;
    command.options = options;
    command.n_options = n;
    command.args_min = command.args_max = 1;
    command.missing = "which ACCOUNT? `assay leads list` shows some";
    int code;
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    verdict->account = argv[0];
    if (verdict->reason[0] == '\0')
        return wrong_use(d, "the --reason TEXT is missing: whoever looks at it later wants to know "
                            "why");
    if (verdict->verb == ACCOUNT_SNOOZE && (d->for_ms > 0) == (verdict->until_ms > 0))
        return wrong_use(d, "how long? --for 14d, or --until 2026-01-31");
    struct err_info info;
    enum err err = decide(d, &info);
    return err == ERR_OK ? EXIT_DONE : output_error(d->command.name, err, info.text);
}

static int cmd_promote(int argc, char **argv)
{
    struct deciding d = {
        .command = {.name = "account promote",
                    .usage = "ACCOUNT --reason TEXT [options]",
                    .example = "assay account promote acct-000042 --user u-000123 --reason \"asked "
                               "for a call at the fair\"",
                    .summary = "Makes an account, or one of its users, qualify whatever it uses."},
        .verdict = {.verb = ACCOUNT_PROMOTE},
    };
    return verdict_run(&d, argc, argv);
}

static int cmd_disqualify(int argc, char **argv)
{
    struct deciding d = {
        .command = {.name = "account disqualify",
                    .usage = "ACCOUNT --reason TEXT [options]",
                    .example = "assay account disqualify acct-000042 --reason \"a competitor\"",
                    .summary = "Keeps an account, or one of its users, from qualifying, and ends "
                               "what qualifies now."},
        .verdict = {.verb = ACCOUNT_DISQUALIFY},
    };
    return verdict_run(&d, argc, argv);
}

static int cmd_snooze(int argc, char **argv)
{
    struct deciding d = {
        .command = {.name = "account snooze",
                    .usage = "ACCOUNT --reason TEXT --for TIME [options]",
                    .example = "assay account snooze acct-000042 --for 14d --reason \"on holiday\"",
                    .summary = "Lets no qualification of an account, or of one of its users, begin "
                               "for a while."},
        .verdict = {.verb = ACCOUNT_SNOOZE},
    };
    return verdict_run(&d, argc, argv);
}

static int cmd_restore(int argc, char **argv)
{
    struct deciding d = {
        .command = {.name = "account restore",
                    .usage = "ACCOUNT --reason TEXT [options]",
                    .example = "assay account restore acct-000042 --reason \"it was a mistake\"",
                    .summary = "Takes back what was decided by hand: the playbook decides again."},
        .verdict = {.verb = ACCOUNT_RESTORE},
    };
    return verdict_run(&d, argc, argv);
}

int cmd_account(int argc, char **argv)
{
    static const struct command_row rows[] = {
        {"show", "stage, history, who qualifies, leads, whom to speak to", cmd_show},
        {"promote", "let it qualify, whatever it uses", cmd_promote},
        {"disqualify", "keep it from qualifying", cmd_disqualify},
        {"snooze", "let it not qualify for a while", cmd_snooze},
        {"restore", "let the playbook decide again", cmd_restore},
    };
    return command_pick("assay account", "assay account show acct-000042", rows, ARRAY_LEN(rows),
                        argc, argv);
}
