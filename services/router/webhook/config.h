// SPDX-License-Identifier: Apache-2.0
// The file of webhooks:
//
//     webhooks:
//       crm:
//         url: https://crm.example.com/hooks/assay
//         queues: [sales]                  # default: all
//         events: [assigned, completed]    # default: see WEBHOOK_EVENTS_DEFAULT; or all
//         secret_files: [crm.secret]       # at least one; relative to this file's folder
//         allow_private: false             # addresses that are not the public internet's
//         allow_http: false
//         ca_file: ""                      # certificates to trust in place of the system's
//         timeout: 10s
//         in_flight: 8
//         give_up_after: 24h
//         headers: {Authorization: Bearer x}
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/http_client/http_client.h"
#include "services/router/webhook/sign.h"

enum {
    WEBHOOKS_MAX = 64,
    WEBHOOK_NAME_MAX = 64, // a-z, 0-9, - and _
    WEBHOOK_QUEUES_MAX = 64,
    WEBHOOK_SECRETS_MAX = 4,
    WEBHOOK_HEADERS_MAX = 16,
};

struct webhook_config {
    const char *name;
    const char *url;
    const char *shown_url; // for logs and people
    const char *queues[WEBHOOK_QUEUES_MAX];
    size_t n_queues; // 0: all
    uint32_t events; // a bit for each step (1 << step)
    struct webhook_key keys[WEBHOOK_SECRETS_MAX];
    size_t n_keys;
    struct http_header headers[WEBHOOK_HEADERS_MAX];
    size_t n_headers;
    bool allow_private, allow_http;
    const char *ca_file; // "": the system's
    int64_t timeout_ms, in_flight, give_up_after_ms;
};

struct webhooks_config {
    struct webhook_config *items; // in order of the file
    size_t n;
    struct arena arena; // owns the rest
};

// INVALID: `report` has every mistake with its line (warnings too, also on OK). `out` is empty
// then.
MUST_USE enum err webhooks_config_load_file(const char *path, struct webhooks_config *out,
                                            struct buf *report);
// The same for a text; files that it names are relative to the folder of `name`.
MUST_USE enum err webhooks_config_load(const char *name, struct span text,
                                       struct webhooks_config *out, struct buf *report);
void webhooks_config_deinit(struct webhooks_config *config); // wipes the keys

// Whether a delivery of a step on a lead of `queue` goes there.
bool webhook_config_takes(const struct webhook_config *config, uint32_t step, const char *queue);
