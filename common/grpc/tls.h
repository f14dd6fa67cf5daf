// SPDX-License-Identifier: Apache-2.0
// TLS for connections whose bytes somebody else moves (OpenSSL with memory BIOs): 1.2 and later,
// HTTP/2 by ALPN, and client certificates when a CA for them is given. The only file that knows
// OpenSSL.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"
#include "common/base/span.h"

struct tls;
struct tls_opts {
    const char *cert;      // PEM: the server's, then those up to the root
    const char *key;       // PEM, without a password
    const char *client_ca; // PEM; NULL: clients need no certificate
};
// Reads the files. INVALID with the file and the reason.
MUST_USE enum err tls_open(const struct tls_opts *opts, struct tls **out, struct err_info *info);
// Sessions live on.
void tls_close(struct tls *tls); // NULL is allowed
// Whether a file is another than when it was read last.
bool tls_files_changed(const struct tls *tls);
// Reads them again, for sessions from now on; on an error those read before stay in force.
MUST_USE enum err tls_reload(struct tls *tls, struct err_info *info);

struct tls_session;
struct tls_session *tls_session_create(struct tls *tls);
void tls_session_destroy(struct tls_session *session); // NULL is allowed
// Gives it bytes of the peer.
void tls_feed(struct tls_session *session, struct span bytes);
// Plain bytes of what was fed: how many, 0 when there are none for now, -1 when the session has
// ended or failed (tls_failure says why).
int tls_read(struct tls_session *session, void *out, size_t n);
// Whether the handshake is over.
bool tls_is_ready(const struct tls_session *session);
// Plain bytes for the peer, after the handshake. False when the session has failed.
bool tls_write(struct tls_session *session, struct span bytes);
// Says goodbye.
void tls_shutdown(struct tls_session *session);
// Bytes for the peer, which tls_sent forgets. Look after each of the calls above.
struct span tls_pending(struct tls_session *session);
void tls_sent(struct tls_session *session);
const char *tls_failure(const struct tls_session *session);
