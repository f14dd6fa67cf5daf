// SPDX-License-Identifier: Apache-2.0
// What can be done with events that were refused: sending them again, forgetting them.
#include <string.h>

#include "cli/commands.h"
#include "cli/dead_letters.h"
#include "cli/output.h"
#include "common/base/mem.h"

enum { AT_ONCE_MAX = 500, LEFT_SHOWN_MAX = 20 };

typedef Assay__Ingest__V1__ResendDeadLettersRequest ResendRequest;
typedef Assay__Ingest__V1__ResendDeadLettersResponse ResendResponse;
typedef Assay__Ingest__V1__DropDeadLettersRequest DropRequest;

// Letters that a person chose, of one ingest.
struct chosen {
    uint64_t *numbers;
    size_t n;
};

// Sorts the words by ingest: `chosen` has one place for each. The arrays are the caller's.
static enum err choose(const struct letters_ingests *ingests, char **words, size_t n,
                       struct chosen *chosen, struct err_info *info)
{
    for (size_t k = 0; k < n; k++) {
        size_t i;
        uint64_t number;
        enum err err = letters_parse(ingests, words[k], &i, &number, info);
        if (err != ERR_OK)
            return err;
        if (chosen[i].numbers == NULL)
            chosen[i].numbers = mem_alloc(n * sizeof *chosen[i].numbers);
        chosen[i].numbers[chosen[i].n++] = number;
    }
    return ERR_OK;
}

static void chosen_free(struct chosen *chosen, size_t n)
{
    for (size_t i = 0; i < n; i++)
        mem_free(chosen[i].numbers);
}

// ---- resend -------------------------------------------------------------------------------------

struct sums {
    uint64_t accepted, duplicate, refused, unreadable;
    json_t *left; // of JSON
    size_t shown;
};

static void resend_add(struct letters_ingests *ingests, size_t i, const ResendResponse *answer,
                       struct sums *sums, bool json)
{
    sums->accepted += answer->accepted;
    sums->duplicate += answer->duplicate;
    sums->refused += answer->refused;
    sums->unreadable += answer->unreadable;
    for (size_t k = 0; k < answer->n_left; k++) {
        const char *name = letters_name(ingests, i, answer->left[k]->number);
        if (json)
            json_array_append_new(sums->left, json_pack("{s:s, s:o}", "letter", name, "reason",
                                                        output_json_text(answer->left[k]->reason)));
        else if (sums->shown++ < LEFT_SHOWN_MAX)
            printf("letter %s stays: %s\n", name, output_clean(answer->left[k]->reason));
    }
}

static enum err resend_once(struct letters_ingests *ingests, size_t i, ResendRequest *request,
                            struct sums *sums, bool json, struct err_info *info)
{
    ProtobufCMessage *message;
    enum err err =
        letters_call(ingests, i, "ResendDeadLetters", &request->base,
                     &assay__ingest__v1__resend_dead_letters_response__descriptor, &message, info);
    if (err != ERR_OK)
        return err;
    const ResendResponse *answer = (const void *)message;
    resend_add(ingests, i, answer, sums, json);
    request->after = answer->next;
    return ERR_OK;
}

static enum err resend_all(struct letters_ingests *ingests, const struct letters_opts *opts,
                           struct sums *sums, struct err_info *info)
{
    Assay__Ingest__V1__DeadLetterFilter filter;
    enum err err = ERR_OK;
    letters_filter(opts, &filter);
    for (size_t i = 0; i < ingests->n && err == ERR_OK; i++) {
        ResendRequest request = ASSAY__INGEST__V1__RESEND_DEAD_LETTERS_REQUEST__INIT;
        request.filter = &filter;
        do
            err = resend_once(ingests, i, &request, sums, opts->json, info);
        while (err == ERR_OK && request.after != 0);
    }
    return err;
}

static enum err resend_chosen(struct letters_ingests *ingests, char **words, size_t n, bool json,
                              struct sums *sums, struct err_info *info)
{
    struct chosen chosen[CLUSTER_SCORERS_MAX] = {{0}};
    enum err err = choose(ingests, words, n, chosen, info);
    for (size_t i = 0; i < ingests->n && err == ERR_OK; i++) {
        for (size_t at = 0; at < chosen[i].n && err == ERR_OK; at += AT_ONCE_MAX) {
            ResendRequest request = ASSAY__INGEST__V1__RESEND_DEAD_LETTERS_REQUEST__INIT;
            request.numbers = chosen[i].numbers + at;
            request.n_numbers =
                chosen[i].n - at < AT_ONCE_MAX ? chosen[i].n - at : (size_t)AT_ONCE_MAX;
            err = resend_once(ingests, i, &request, sums, json, info);
        }
    }
    chosen_free(chosen, ingests->n);
    return err;
}

static void resend_write(const struct sums *s, bool json)
{
    if (json) {
        output_json(json_pack("{s:I, s:I, s:I, s:I, s:O}", "accepted", (json_int_t)s->accepted,
                              "duplicate", (json_int_t)s->duplicate, "refused",
                              (json_int_t)s->refused, "unreadable", (json_int_t)s->unreadable,
                              "left", s->left));
        return;
    }
    if (s->shown > LEFT_SHOWN_MAX)
        printf("and %s more stay\n", output_count(s->shown - LEFT_SHOWN_MAX));
    printf("%s accepted, %s already taken before, %s refused again", output_count(s->accepted),
           output_count(s->duplicate), output_count(s->refused));
    if (s->unreadable > 0)
        printf(", %s that cannot be sent", output_count(s->unreadable));
    printf("\n");
}

int cmd_dead_letters_resend(int argc, char **argv)
{
    struct letters_opts opts = {.dir = CLUSTER_DIR_DEFAULT};
    bool all = false;
    const struct option options[] = {
        {"all", OPTION_FLAG, &all, NULL, "all, or all that these take:", 0, 0, NULL},
        LETTERS_FILTER_ROWS(&opts),
        OPTION_ROW_DATA(&opts.dir),
        OPTION_ROW_JSON(&opts.json),
    };
    const struct command command = {
        .name = "dead-letters resend",
        .usage = "LETTER... | --all [options]",
        .example = "assay dead-letters resend 17 18\n"
                   "assay dead-letters resend --all --event \"Project Created\"",
        .summary = "Takes events in again, as they are and under their own message ids. Those that "
                   "are taken now\nleave; the others stay.",
        COMMAND_OPTIONS(options),
        .args_max = 100000,
    };
    int code;
    size_t n;
    struct letters_ingests ingests;
    struct err_info info;
    if (!options_begin(&command, argc, argv, &n, &code))
        return code;
    if ((n > 0) == all || (n > 0 && letters_has_filter(&opts)))
        return output_error("dead-letters resend", ERR_INVALID,
                            "expected letters, or --all with or without --rule, --event, ...");
    struct sums sums = {.left = json_array()};
    enum err err = letters_open(opts.dir, &ingests, &info);
    if (err == ERR_OK)
        err = all ? resend_all(&ingests, &opts, &sums, &info)
                  : resend_chosen(&ingests, argv, n, opts.json, &sums, &info);
    letters_close(&ingests);
    if (err == ERR_OK)
        resend_write(&sums, opts.json);
    json_decref(sums.left);
    return err == ERR_OK ? EXIT_DONE : output_error("dead-letters resend", err, info.text);
}

// ---- drop ---------------------------------------------------------------------------------------

static enum err drop_once(struct letters_ingests *ingests, size_t i, const DropRequest *request,
                          uint64_t *dropped, struct err_info *info)
{
    ProtobufCMessage *message;
    enum err err =
        letters_call(ingests, i, "DropDeadLetters", &request->base,
                     &assay__ingest__v1__drop_dead_letters_response__descriptor, &message, info);
    if (err == ERR_OK)
        *dropped += ((const Assay__Ingest__V1__DropDeadLettersResponse *)(void *)message)->dropped;
    return err;
}

static enum err drop_chosen(struct letters_ingests *ingests, char **words, size_t n,
                            uint64_t *dropped, struct err_info *info)
{
    struct chosen chosen[CLUSTER_SCORERS_MAX] = {{0}};
    enum err err = choose(ingests, words, n, chosen, info);
    for (size_t i = 0; i < ingests->n && err == ERR_OK; i++) {
        DropRequest request = ASSAY__INGEST__V1__DROP_DEAD_LETTERS_REQUEST__INIT;
        request.numbers = chosen[i].numbers;
        request.n_numbers = chosen[i].n;
        if (chosen[i].n > 0)
            err = drop_once(ingests, i, &request, dropped, info);
    }
    chosen_free(chosen, ingests->n);
    return err;
}

static enum err drop_all(struct letters_ingests *ingests, const struct letters_opts *opts,
                         const char *user, uint64_t *dropped, struct err_info *info)
{
    Assay__Ingest__V1__DeadLetterFilter filter;
    DropRequest request = ASSAY__INGEST__V1__DROP_DEAD_LETTERS_REQUEST__INIT;
    enum err err = ERR_OK;
    letters_filter(opts, &filter);
    if (user != NULL) {
        request.user_id = (char *)user;
    } else {
        request.all_filtered = true;
        request.filter = &filter;
    }
    for (size_t i = 0; i < ingests->n && err == ERR_OK; i++)
        err = drop_once(ingests, i, &request, dropped, info);
    return err;
}

int cmd_dead_letters_drop(int argc, char **argv)
{
    struct letters_opts opts = {.dir = CLUSTER_DIR_DEFAULT};
    const char *user = NULL;
    bool all = false;
    const struct option options[] = {
        {"user", OPTION_TEXT, &user, "ID",
         "all, refused or observed, on which this user's id stands", 0, 0, NULL},
        {"all", OPTION_FLAG, &all, NULL, "all, or all that these take:", 0, 0, NULL},
        LETTERS_FILTER_ROWS(&opts),
        OPTION_ROW_DATA(&opts.dir),
        OPTION_ROW_JSON(&opts.json),
    };
    const struct command command = {
        .name = "dead-letters drop",
        .usage = "LETTER... | --user ID | --all [options]",
        .example = "assay dead-letters drop 17\nassay dead-letters drop --user u-4711",
        .summary = "Forgets events that were refused.",
        COMMAND_OPTIONS(options),
        .args_max = 10000,
    };
    int code;
    size_t n;
    uint64_t dropped = 0;
    struct letters_ingests ingests;
    struct err_info info;
    if (!options_begin(&command, argc, argv, &n, &code))
        return code;
    if ((n > 0) + all + (user != NULL) != 1 || (!all && letters_has_filter(&opts)))
        return output_error("dead-letters drop", ERR_INVALID,
                            "expected letters, or --user ID, or --all with or without --rule, "
                            "--event, ...");
    enum err err = letters_open(opts.dir, &ingests, &info);
    if (err == ERR_OK)
        err = n > 0 ? drop_chosen(&ingests, argv, n, &dropped, &info)
                    : drop_all(&ingests, &opts, user, &dropped, &info);
    letters_close(&ingests);
    if (err != ERR_OK)
        return output_error("dead-letters drop", err, info.text);
    if (opts.json)
        output_json(json_pack("{s:I}", "dropped", (json_int_t)dropped));
    else
        printf("%s forgotten\n", output_plural(dropped, "letter is", "letters are"));
    return EXIT_DONE;
}
