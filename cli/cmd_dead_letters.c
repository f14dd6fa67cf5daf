// SPDX-License-Identifier: Apache-2.0
// Events that were refused: which, why, and what was in them.
#include <string.h>

#include "cli/commands.h"
#include "cli/dead_letters.h"
#include "cli/output.h"
#include "common/base/mem.h"

typedef Assay__Ingest__V1__DeadLetter Letter;
typedef Assay__Ingest__V1__CountDeadLettersResponse Counts;

static const char *some(const char *text)
{
    return text[0] == '\0' ? "-" : output_clean(text);
}

// ---- list ---------------------------------------------------------------------------------------

static void list_row(struct output_table *table, const char *name, const Letter *l)
{
    if (table->n_cells == 0)
        output_row(table, (const char *[]){"letter", "received (UTC)", "rule", "event", "user",
                                           "source", "way", "why", NULL});
    output_row(table, (const char *[]){name, output_time(l->received_at_ms), some(l->rule),
                                       some(l->event_name), some(l->user_id), some(l->source),
                                       some(l->way), some(l->reason), NULL});
}

static json_t *letter_json(const char *name, const Letter *l)
{
    return json_pack("{s:o, s:I, s:o, s:o, s:o, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "letter",
                     output_json_text(name), "received_at", (json_int_t)l->received_at_ms, "rule",
                     output_json_text(l->rule), "reason", output_json_text(l->reason), "field",
                     output_json_text(l->field), "observed", l->observed, "partial", l->partial,
                     "source", output_json_text(l->source), "way", output_json_text(l->way),
                     "message_id", output_json_text(l->message_id), "event",
                     output_json_text(l->event_name), "user", output_json_text(l->user_id),
                     "account", output_json_text(l->group_id));
}

// Pages of one ingest until `max` are shown.
static enum err list_of(struct letters_ingests *ingests, size_t i, const struct letters_opts *opts,
                        uint64_t max, uint64_t *shown, struct output_table *table,
                        struct err_info *info)
{
    Assay__Ingest__V1__DeadLetterFilter filter;
    Assay__Ingest__V1__ListDeadLettersRequest request =
        ASSAY__INGEST__V1__LIST_DEAD_LETTERS_REQUEST__INIT;
    letters_filter(opts, &filter);
    request.filter = &filter;
    do {
        ProtobufCMessage *message;
        request.max = max - *shown > 1000 ? 1000 : (uint32_t)(max - *shown);
        enum err err = letters_call(ingests, i, "ListDeadLetters", &request.base,
                                    &assay__ingest__v1__list_dead_letters_response__descriptor,
                                    &message, info);
        if (err != ERR_OK)
            return err;
        const Assay__Ingest__V1__ListDeadLettersResponse *page = (const void *)message;
        for (size_t k = 0; k < page->n_letters && *shown < max; k++, (*shown)++) {
            const char *name = letters_name(ingests, i, page->letters[k]->number);
            if (opts->json)
                output_json(letter_json(name, page->letters[k]));
            else
                list_row(table, name, page->letters[k]);
        }
        request.page = page->next_page;
    } while (request.page[0] != '\0' && *shown < max);
    return ERR_OK;
}

static enum err counts_of(struct letters_ingests *ingests, size_t i, const Counts **out,
                          struct err_info *info)
{
    Assay__Ingest__V1__CountDeadLettersRequest request =
        ASSAY__INGEST__V1__COUNT_DEAD_LETTERS_REQUEST__INIT;
    ProtobufCMessage *message;
    request.since_ms = INT64_MAX; // only what there is altogether
    enum err err =
        letters_call(ingests, i, "CountDeadLetters", &request.base,
                     &assay__ingest__v1__count_dead_letters_response__descriptor, &message, info);
    if (err == ERR_OK)
        *out = (const void *)message;
    return err;
}

static enum err summary_write(struct letters_ingests *ingests, uint64_t shown,
                              const struct letters_opts *opts, struct err_info *info)
{
    uint64_t refused = 0, observed = 0, lost = 0;
    for (size_t i = 0; i < ingests->n; i++) {
        const Counts *counts;
        enum err err = counts_of(ingests, i, &counts, info);
        if (err != ERR_OK)
            return err;
        refused += counts->refused;
        observed += counts->observed;
        lost += counts->lost;
    }
    if (shown == 0)
        printf("%s\n",
               letters_has_filter(opts) ? "there are no such letters" : "nothing was refused");
    else
        printf("\n");
    if (refused + observed + lost > 0)
        printf("kept: %s that %s refused, and %s that did not meet a schema\n",
               output_plural(refused, "event", "events"), refused == 1 ? "was" : "were",
               output_count(observed));
    if (lost > 0)
        printf("%s more could not be kept since the start: no room\n", output_count(lost));
    return ERR_OK;
}

static int cmd_list(int argc, char **argv)
{
    struct letters_opts opts = {.dir = CLUSTER_DIR_DEFAULT};
    int64_t max = 100;
    const struct option options[] = {
        LETTERS_FILTER_ROWS(&opts),
        {"max", OPTION_COUNT, &max, "N", "at most so many (100)", 1, 1000000, NULL},
        OPTION_ROW_DATA(&opts.dir),
        {"json", OPTION_FLAG, &opts.json, NULL, "one JSON object a line", 0, 0, NULL},
    };
    const struct command command = {
        .name = "dead-letters list",
        .usage = "[options]",
        .example = "assay dead-letters list --last 24h\n"
                   "assay dead-letters list --rule schema --observed",
        .summary = "Lists events that were refused, the newest first, and why.",
        COMMAND_OPTIONS(options),
    };
    int code;
    uint64_t shown = 0;
    struct letters_ingests ingests;
    struct err_info info;
    struct output_table table = {.optional = 1U << 3 | 1U << 5};
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    enum err err = letters_open(opts.dir, &ingests, &info);
    for (size_t i = 0; err == ERR_OK && i < ingests.n; i++)
        err = list_of(&ingests, i, &opts, (uint64_t)max, &shown, &table, &info);
    if (table.n_cells > 0)
        output_table_write(&table, 0, stdout);
    if (err == ERR_OK && !opts.json)
        err = summary_write(&ingests, shown, &opts, &info);
    letters_close(&ingests);
    return err == ERR_OK ? EXIT_DONE : output_error("dead-letters list", err, info.text);
}

// ---- show ---------------------------------------------------------------------------------------

static json_t *value_json(const Assay__Event__V1__Property *p)
{
    switch (p->value_case) {
    case ASSAY__EVENT__V1__PROPERTY__VALUE_TEXT:
        return output_json_text(p->text);
    case ASSAY__EVENT__V1__PROPERTY__VALUE_NUMBER:
        return json_real(p->number); // NULL, so null, for what is no number
    case ASSAY__EVENT__V1__PROPERTY__VALUE_INTEGER:
        return json_integer((json_int_t)p->integer);
    case ASSAY__EVENT__V1__PROPERTY__VALUE_FLAG:
        return json_boolean(p->flag);
    case ASSAY__EVENT__V1__PROPERTY__VALUE__NOT_SET:
    case _ASSAY__EVENT__V1__PROPERTY__VALUE__CASE_IS_INT_SIZE:
        break;
    }
    return json_null();
}

static void list_set(json_t *out, const char *key, Assay__Event__V1__Property *const *items,
                     size_t n)
{
    json_t *object = json_object();
    for (size_t i = 0; i < n; i++) {
        json_t *value = value_json(items[i]);
        json_object_set_new(object, output_clean(items[i]->key),
                            value != NULL ? value : json_null());
    }
    if (n > 0)
        json_object_set(out, key, object);
    json_decref(object);
}

static void text_set(json_t *out, const char *key, const char *text)
{
    if (text[0] != '\0')
        json_object_set_new(out, key, output_json_text(text));
}

static void time_set(json_t *out, const char *key, int64_t ms)
{
    if (ms != 0)
        json_object_set_new(out, key, json_integer((json_int_t)ms));
}

// As an SDK would write it, but for nested objects, whose keys stay joined by dots, and for times,
// which are in milliseconds.
static json_t *event_json(const Assay__Ingest__V1__Event *e)
{
    static const char *const KINDS[] = {"",      "track", "identify", "group",
                                        "alias", "page",  "screen"};
    json_t *out = json_object();
    bool known = (int)e->kind > 0 && (size_t)e->kind < ARRAY_LEN(KINDS);
    bool track = e->kind == ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_TRACK;
    if (known)
        text_set(out, "type", KINDS[e->kind]);
    else
        json_object_set_new(out, "type", json_integer((json_int_t)e->kind));
    text_set(out, "messageId", e->message_id);
    text_set(out, "userId", e->user_id);
    text_set(out, "anonymousId", e->anonymous_id);
    text_set(out, "groupId", e->group_id);
    text_set(out, "previousId", e->previous_id);
    text_set(out, track ? "event" : "name", e->name);
    time_set(out, "timestamp", e->timestamp_ms);
    time_set(out, "sentAt", e->sent_at_ms);
    time_set(out, "receivedAt", e->received_at_ms);
    list_set(out, "properties", e->properties, e->n_properties);
    list_set(out, "traits", e->traits, e->n_traits);
    list_set(out, "context", e->context, e->n_context);
    return out;
}

// The JSON as it came; as a text when it is none.
static json_t *as_received_json(const ProtobufCBinaryData *data)
{
    json_t *json = json_loadb((const char *)data->data, data->len, JSON_DECODE_ANY, NULL);
    if (json != NULL)
        return json;
    char *text = mem_dup(span_make(data->data, data->len));
    json = output_json_text(text);
    mem_free(text);
    return json;
}

static void show_write(const char *name, const Assay__Ingest__V1__GetDeadLetterResponse *answer)
{
    const Letter *l = answer->letter;
    printf("letter %s%s%s, received at %s (UTC) by %s%s%s\n", output_bold(), name, output_plain(),
           output_time(l->received_at_ms), some(l->way), l->source[0] != '\0' ? ", write key " : "",
           output_clean(l->source));
    printf("%s: %s\n", l->observed ? "taken, but a schema is not met" : "refused",
           output_clean(l->reason));
    if (l->partial)
        printf("it was too large to be kept whole: it cannot be sent again\n");
    if (answer->as_received.len > 0)
        output_json(as_received_json(&answer->as_received));
    else if (answer->event != NULL)
        output_json(event_json(answer->event));
}

static void show_json(const char *name, const Assay__Ingest__V1__GetDeadLetterResponse *answer)
{
    json_t *out = letter_json(name, answer->letter);
    if (answer->event != NULL)
        json_object_set_new(out, "content", event_json(answer->event));
    if (answer->as_received.len > 0)
        json_object_set_new(out, "as_received", as_received_json(&answer->as_received));
    output_json(out);
}

static enum err show(const struct letters_opts *opts, const char *text, struct err_info *info)
{
    Assay__Ingest__V1__GetDeadLetterRequest request =
        ASSAY__INGEST__V1__GET_DEAD_LETTER_REQUEST__INIT;
    struct letters_ingests ingests;
    ProtobufCMessage *message;
    size_t i;
    enum err err = letters_open(opts->dir, &ingests, info);
    if (err == ERR_OK)
        err = letters_parse(&ingests, text, &i, &request.number, info);
    if (err == ERR_OK)
        err =
            letters_call(&ingests, i, "GetDeadLetter", &request.base,
                         &assay__ingest__v1__get_dead_letter_response__descriptor, &message, info);
    if (err == ERR_OK &&
        ((Assay__Ingest__V1__GetDeadLetterResponse *)(void *)message)->letter == NULL)
        err = err_set(info, ERR_INTERNAL, "the answer has no letter in it");
    if (err == ERR_OK && opts->json)
        show_json(letters_name(&ingests, i, request.number), (const void *)message);
    else if (err == ERR_OK)
        show_write(letters_name(&ingests, i, request.number), (const void *)message);
    letters_close(&ingests);
    return err;
}

static int cmd_show(int argc, char **argv)
{
    struct letters_opts opts = {.dir = CLUSTER_DIR_DEFAULT};
    const struct option options[] = {OPTION_ROW_DATA(&opts.dir), OPTION_ROW_JSON(&opts.json)};
    const struct command command = {
        .name = "dead-letters show",
        .usage = "LETTER [options]",
        .example = "assay dead-letters show 17",
        .summary = "Shows one event that was refused, as it came, and why.",
        COMMAND_OPTIONS(options),
        .args_min = 1,
        .args_max = 1,
        .missing = "which letter? `assay dead-letters list` shows their numbers",
    };
    int code;
    struct err_info info;
    if (!options_begin(&command, argc, argv, NULL, &code))
        return code;
    enum err err = show(&opts, argv[0], &info);
    return err == ERR_OK ? EXIT_DONE : output_error("dead-letters show", err, info.text);
}

int cmd_dead_letters(int argc, char **argv)
{
    static const struct command_row rows[] = {
        {"list", "which events were refused, and why", cmd_list},
        {"show", "one of them, as it came", cmd_show},
        {"resend", "take events in again", cmd_dead_letters_resend},
        {"drop", "forget events, or all of a user", cmd_dead_letters_drop},
    };
    bool help = argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
    if (argc < 2 || (argv[1][0] == '-' && !help))
        return cmd_list(argc, argv);
    return command_pick("assay dead-letters",
                        "assay dead-letters list --last 24h\nassay dead-letters resend --all", rows,
                        ARRAY_LEN(rows), argc, argv);
}
