// SPDX-License-Identifier: Apache-2.0
// What SDKs ask for beside sending events: settings, feature flags, scripts. They are told that
// there is nothing to do but to send events here.
#pragma once

#include <stddef.h>

#include "common/base/arena.h"
#include "common/base/span.h"
#include "common/httpd/httpd.h"

// Adds the routes. Loop's thread.
void beside_add_routes(struct httpd *httpd, size_t body_bytes_max);

// ---- The answers. Pure. An empty span: there is nothing at this path ----------------------------

// Settings of Segment's browser SDK, of "KEY/settings", for a client that reached this server as
// `host`, over TLS or not.
struct span beside_segment(const char *path, const char *host, bool tls, struct arena *arena);
// Settings of PostHog's browser SDK: JSON of "KEY/config", a script of "KEY/config.js".
struct span beside_posthog(const char *path, const char **type, struct arena *arena);
