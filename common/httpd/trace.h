// SPDX-License-Identifier: Apache-2.0
// Names of requests: the caller's own when they are well-formed, else new ones.
#pragma once

enum { HTTPD_ID_MAX = 65, HTTPD_TRACEPARENT_MAX = 56 };

// `given` may be NULL. Kept: 1 to 64 letters, digits and "._:/+=@-". Else 32 random hex digits.
void httpd_choose_id(const char *given, char out[HTTPD_ID_MAX]);
// W3C Trace Context, level 1 (https://www.w3.org/TR/trace-context-1/#traceparent-header): a later
// version's header is taken for what version 00 knows of it. Else a new trace, not sampled.
void httpd_choose_traceparent(const char *given, char out[HTTPD_TRACEPARENT_MAX]);
