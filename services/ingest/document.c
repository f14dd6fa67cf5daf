// SPDX-License-Identifier: Apache-2.0
#include "services/ingest/document.h"

#include <stdio.h>

#include "common/log/log.h"
#include "services/playbook/load.h"

#define LOG_COMPONENT "ingest"

const char *document_label(const struct ingest *ingest)
{
    const struct playbook *playbook = ingest_playbook(ingest);
    return playbook == NULL ? "" : playbook->label;
}

static void use(struct ingest *ingest, struct playbook *playbook)
{
    LOG_INFO("playbook_in_force", "playbook=%s schemas=%d", playbook->label,
             playbook->schemas == NULL ? 0 : playbook->schemas->n_events);
    ingest_use_playbook(ingest, playbook);
}

enum err document_load_at_start(struct ingest *ingest, const char *file, struct err_info *info)
{
    struct buf report = {0};
    struct playbook *playbook = NULL;
    if (file[0] == '\0')
        return ERR_OK;
    enum err err = playbook_load_file(file, &playbook, &report);
    if (err == ERR_OK)
        use(ingest, playbook);
    else
        fprintf(stderr, SPAN_FMT, SPAN_ARG(buf_span(&report)));
    buf_deinit(&report);
    return err == ERR_OK ? ERR_OK : err_set(info, err, "%s: the playbook has mistakes", file);
}

void document_load(struct ingest *ingest, const char *file, struct span text, bool check_only,
                   void *token)
{
    const struct playbook *in_force = ingest_playbook(ingest);
    struct buf report = {0};
    struct playbook *playbook = NULL;
    enum err err = playbook_load(file, text, &playbook, &report);
    buf_append_u8(&report, '\0');
    bool changed =
        err == ERR_OK && !check_only && (in_force == NULL || in_force->digest != playbook->digest);
    if (changed)
        use(ingest, playbook);
    else
        playbook_destroy(playbook);
    service_document_done(token, err, document_label(ingest), changed, (const char *)report.bytes);
    buf_deinit(&report);
}
