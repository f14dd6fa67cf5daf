// SPDX-License-Identifier: Apache-2.0
// links: grpc base
// Sessions of the server against OpenSSL's own client, their bytes moved by hand.
#include <criterion/criterion.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/grpc/tls.h"

static char dir[64];

static char *file_of(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    return path;
}

static void certificate_make(const char *name)
{
    char command[600];
    snprintf(command, sizeof command,
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout "
             "%s/%s.key -out %s/%s.pem -subj /CN=%s 2>/dev/null",
             dir, name, dir, name, name);
    if (system(command) != 0)
        cr_skip_test("openssl could not make a certificate");
}

static void files_make(void)
{
    snprintf(dir, sizeof dir, "/tmp/grpc-tls-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    certificate_make("one");
}

static void files_remove(void)
{
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    cr_assert_eq(system(command), 0);
}

struct client {
    SSL_CTX *context;
    SSL *ssl;
    BIO *in, *out;
};

static struct client client_make(const char *root, const char *alpn, const char *own)
{
    struct client c = {.context = SSL_CTX_new(TLS_client_method())};
    if (root != NULL)
        cr_assert_eq(SSL_CTX_load_verify_locations(c.context, root, NULL), 1);
    SSL_CTX_set_verify(c.context, root != NULL ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    if (own != NULL) {
        char name[32];
        snprintf(name, sizeof name, "%s.pem", own);
        cr_assert_eq(SSL_CTX_use_certificate_file(c.context, file_of(name), SSL_FILETYPE_PEM), 1);
        snprintf(name, sizeof name, "%s.key", own);
        cr_assert_eq(SSL_CTX_use_PrivateKey_file(c.context, file_of(name), SSL_FILETYPE_PEM), 1);
    }
    if (alpn != NULL)
        cr_assert_eq(
            SSL_CTX_set_alpn_protos(c.context, (const unsigned char *)alpn, (unsigned)strlen(alpn)),
            0);
    c.ssl = SSL_new(c.context);
    c.in = BIO_new(BIO_s_mem());
    c.out = BIO_new(BIO_s_mem());
    SSL_set_bio(c.ssl, c.in, c.out);
    SSL_set_connect_state(c.ssl);
    return c;
}

static void client_free(struct client *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->context);
}

// Moves bytes both ways a few times; whether each side read the other's word.
static bool talk(struct tls *tls, struct client *c)
{
    struct tls_session *session = tls_session_create(tls);
    char got[16] = "", answer[16] = "";
    bool said = false, failed = false;
    for (int round = 0; round < 10 && answer[0] == '\0' && !failed; round++) {
        char *bytes;
        if (SSL_do_handshake(c->ssl) == 1)
            (void)(SSL_read(c->ssl, answer, sizeof answer - 1) > 0);
        if (SSL_is_init_finished(c->ssl) && !said)
            said = SSL_write(c->ssl, "ping", 4) == 4;
        long n = BIO_get_mem_data(c->out, &bytes);
        tls_feed(session, span_make(bytes, n > 0 ? (size_t)n : 0));
        (void)BIO_reset(c->out);
        int rv = tls_read(session, got, sizeof got - 1);
        failed = rv < 0;
        if (rv > 0 && !tls_write(session, span_of("pong")))
            failed = true;
        struct span pending = tls_pending(session);
        if (pending.len > 0)
            BIO_write(c->in, pending.ptr, (int)pending.len);
        tls_sent(session);
    }
    cr_assert(!failed || tls_failure(session)[0] != '\0');
    tls_session_destroy(session);
    return strcmp(got, "ping") == 0 && strcmp(answer, "pong") == 0;
}

static bool talk_once(struct tls *tls, const char *root, const char *alpn, const char *own)
{
    struct client c = client_make(root, alpn, own);
    bool good = talk(tls, &c);
    client_free(&c);
    return good;
}

Test(grpc_tls, http2_by_alpn, .init = files_make, .fini = files_remove)
{
    struct tls *tls;
    struct tls_opts opts = {file_of("one.pem"), file_of("one.key"), NULL};
    cr_assert_eq(tls_open(&opts, &tls, NULL), ERR_OK);
    cr_assert(talk_once(tls, file_of("one.pem"), "\2h2", NULL));
    cr_assert(talk_once(tls, file_of("one.pem"), "\10http/1.1\2h2", NULL));
    cr_assert(!talk_once(tls, file_of("one.pem"), "\10http/1.1", NULL));
    cr_assert(!talk_once(tls, file_of("one.pem"), "\2h3", NULL));
    struct client old = client_make(NULL, "\2h2", NULL);
    SSL_CTX_set_max_proto_version(old.context, TLS1_1_VERSION);
    SSL_set_max_proto_version(old.ssl, TLS1_1_VERSION);
    cr_assert(!talk(tls, &old));
    client_free(&old);
    tls_close(tls);
}

Test(grpc_tls, clients_with_certificates, .init = files_make, .fini = files_remove)
{
    struct tls *tls;
    struct tls_opts opts = {file_of("one.pem"), file_of("one.key"), NULL};
    certificate_make("known");
    certificate_make("stranger");
    opts.client_ca = file_of("known.pem");
    cr_assert_eq(tls_open(&opts, &tls, NULL), ERR_OK);
    cr_assert(talk_once(tls, NULL, "\2h2", "known"));
    cr_assert(!talk_once(tls, NULL, "\2h2", "stranger"));
    cr_assert(!talk_once(tls, NULL, "\2h2", NULL));
    tls_close(tls);
}

Test(grpc_tls, files_that_change, .init = files_make, .fini = files_remove)
{
    struct tls *tls;
    struct err_info info = {""};
    struct tls_opts opts = {file_of("one.pem"), file_of("one.key"), NULL};
    char first[128];
    snprintf(first, sizeof first, "%s/first.pem", dir);
    cr_assert_eq(tls_open(&opts, &tls, NULL), ERR_OK);
    cr_assert(!tls_files_changed(tls));
    cr_assert_eq(rename(file_of("one.pem"), first), 0);
    cr_assert(tls_files_changed(tls));
    cr_assert_eq(tls_reload(tls, &info), ERR_INVALID);
    cr_assert_not_null(strstr(info.text, "one.pem"), "%s", info.text);
    cr_assert(!tls_files_changed(tls));             // said once
    cr_assert(talk_once(tls, first, "\2h2", NULL)); // still
    certificate_make("one");
    cr_assert(tls_files_changed(tls));
    cr_assert_eq(tls_reload(tls, &info), ERR_OK);
    cr_assert(talk_once(tls, file_of("one.pem"), "\2h2", NULL));
    cr_assert(!talk_once(tls, first, "\2h2", NULL));
    tls_close(tls);
}

Test(grpc_tls, bad_files, .init = files_make, .fini = files_remove)
{
    struct tls *tls;
    struct err_info info = {""};
    certificate_make("other");
    struct tls_opts none = {"/nowhere/cert.pem", file_of("one.key"), NULL};
    cr_assert_eq(tls_open(&none, &tls, &info), ERR_INVALID);
    cr_assert_not_null(strstr(info.text, "/nowhere/cert.pem"), "%s", info.text);
    struct tls_opts mixed = {file_of("one.pem"), file_of("other.key"), NULL};
    cr_assert_eq(tls_open(&mixed, &tls, &info), ERR_INVALID);
    cr_assert_not_null(strstr(info.text, "other.key"), "%s", info.text);
}
