// SPDX-License-Identifier: Apache-2.0
#include "cli/dead_letters.h"

#include <stdio.h>
#include <string.h>

#include "common/base/text.h"
#include "common/clock/clock.h"

enum { PATIENCE_MS = 5000, TIMEOUT_MS = 60000 };

bool letters_has_filter(const struct letters_opts *opts)
{
    return opts->rule != NULL || opts->source != NULL || opts->event != NULL ||
           opts->since_ms != 0 || opts->last_ms != 0 || opts->observed;
}

void letters_filter(const struct letters_opts *opts, Assay__Ingest__V1__DeadLetterFilter *out)
{
    assay__ingest__v1__dead_letter_filter__init(out);
    if (opts->rule != NULL)
        out->rule = (char *)opts->rule;
    if (opts->source != NULL)
        out->source = (char *)opts->source;
    if (opts->event != NULL)
        out->event_name = (char *)opts->event;
    out->since_ms = opts->since_ms;
    if (opts->last_ms != 0 && clock_wall_ms() - opts->last_ms > out->since_ms)
        out->since_ms = clock_wall_ms() - opts->last_ms;
    out->observed = opts->observed;
}

enum err letters_open(const char *dir, struct letters_ingests *out, struct err_info *info)
{
    *out = (struct letters_ingests){0};
    enum err err = cluster_open(dir, &out->cluster, info);
    for (size_t i = 0; err == ERR_OK && i < cluster_count(out->cluster); i++) {
        const struct cluster_endpoint *endpoint = cluster_endpoint(out->cluster, i);
        if (strncmp(endpoint->name, "ingest-", 7) == 0 && out->n < ARRAY_LEN(out->endpoints))
            out->endpoints[out->n++] = endpoint;
    }
    return err;
}

void letters_close(struct letters_ingests *ingests)
{
    cluster_close(ingests->cluster);
}

enum err letters_call(struct letters_ingests *ingests, size_t i, const char *method,
                      const ProtobufCMessage *request,
                      const ProtobufCMessageDescriptor *answer_type, ProtobufCMessage **answer,
                      struct err_info *info)
{
    char name[120];
    snprintf(name, sizeof name, "assay.ingest.v1.IngestService/%s", method);
    struct cluster_call call = {
        .service = ingests->endpoints[i]->name,
        .method = name,
        .request = request,
        .answer_type = answer_type,
        .timeout_ms = TIMEOUT_MS,
        .patience_ms = PATIENCE_MS,
    };
    return cluster_call(ingests->cluster, &call, answer, info);
}

enum err letters_parse(const struct letters_ingests *ingests, const char *text, size_t *i,
                       uint64_t *number, struct err_info *info)
{
    const char *slash = strrchr(text, '/');
    const char *digits = slash == NULL ? text : slash + 1;
    if (!text_to_u64(span_of(digits), number) || *number == 0)
        return err_set(info, ERR_INVALID,
                       "\"%.80s\" is no letter: expected a number that `assay dead-letters list` "
                       "shows",
                       text);
    if (slash == NULL && ingests->n == 1) {
        *i = 0;
        return ERR_OK;
    }
    for (*i = 0; slash != NULL && *i < ingests->n; (*i)++) {
        if (span_is(span_make(text, (size_t)(slash - text)), ingests->endpoints[*i]->name))
            return ERR_OK;
    }
    return err_set(info, ERR_INVALID, "\"%.80s\": of which ingest? expected as in %s/%llu", text,
                   ingests->n > 0 ? ingests->endpoints[0]->name : "ingest-0",
                   (unsigned long long)*number);
}

const char *letters_name(const struct letters_ingests *ingests, size_t i, uint64_t number)
{
    static char names[8][CLUSTER_NAME_MAX + 24];
    static unsigned at;
    char *out = names[at++ % ARRAY_LEN(names)];
    if (ingests->n == 1)
        snprintf(out, sizeof names[0], "%llu", (unsigned long long)number);
    else
        snprintf(out, sizeof names[0], "%s/%llu", ingests->endpoints[i]->name,
                 (unsigned long long)number);
    return out;
}
