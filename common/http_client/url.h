// SPDX-License-Identifier: Apache-2.0
// What a URL is made of, as the client itself reads it. Any thread.
#pragma once

#include <stdbool.h>

#include "common/base/err.h"
#include "common/base/span.h"

enum { HTTP_URL_MAX = 2048 };

struct http_url {
    bool tls;
    bool credentials; // it names a user or a password
    bool fragment;
    char host[256];           // as written, an IPv6 address in brackets
    char shown[HTTP_URL_MAX]; // for logs and people: without user, password, query and fragment
};
// INVALID: it is no absolute http or https URL of at most HTTP_URL_MAX - 1 bytes.
MUST_USE enum err http_url_read(const char *text, struct http_url *out, struct err_info *info);
