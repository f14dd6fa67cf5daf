// SPDX-License-Identifier: Apache-2.0
#include "common/grpc/tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/mem.h"

// What HTTP/2 allows of TLS 1.2 (RFC 9113, 9.2.2): ephemeral keys and AEAD.
static const char TLS_CIPHERS[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

enum { TLS_FILES = 3 };

// What a file was when it was read.
struct tls_stamp {
    struct timespec changed;
    off_t bytes;
    ino_t inode;
};

struct tls {
    SSL_CTX *context;
    char *files[TLS_FILES]; // certificate, key, CA of clients (NULL)
    struct tls_stamp stamps[TLS_FILES];
};

struct tls_session {
    SSL *ssl;
    BIO *in, *out; // owned by ssl
    bool failed;
    char failure[128];
};

// ---- Files --------------------------------------------------------------------------------------

static struct tls_stamp tls_stamp(const char *file)
{
    struct stat st;
    if (file == NULL || stat(file, &st) != 0)
        return (struct tls_stamp){0};
    return (struct tls_stamp){st.st_mtim, st.st_size, st.st_ino};
}

static bool tls_stamp_eq(const struct tls_stamp *a, const struct tls_stamp *b)
{
    return a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec &&
           a->bytes == b->bytes && a->inode == b->inode;
}

bool tls_files_changed(const struct tls *tls)
{
    for (int i = 0; i < TLS_FILES; i++) {
        struct tls_stamp now = tls_stamp(tls->files[i]);
        if (!tls_stamp_eq(&now, &tls->stamps[i]))
            return true;
    }
    return false;
}

static enum err tls_file_bad(struct err_info *info, const char *what, const char *file)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(code);
    ERR_clear_error();
    return err_set(info, ERR_INVALID, "%s %s: %s", what, file,
                   reason != NULL ? reason : "cannot be read");
}

// The client offers its protocols; without HTTP/2 among them there is nothing to talk about.
static int tls_alpn_cb(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                       const unsigned char *in, unsigned in_len, void *arg)
{
    (void)ssl;
    (void)arg;
    for (unsigned i = 0; i < in_len; i += 1u + in[i]) {
        if (in[i] == 2 && i + 2 < in_len && memcmp(in + i + 1, "h2", 2) == 0) {
            *out = in + i + 1;
            *out_len = 2;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static enum err tls_fill(SSL_CTX *context, char *const files[TLS_FILES], struct err_info *info)
{
    ERR_clear_error();
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_select_cb(context, tls_alpn_cb, NULL);
    CHECK(SSL_CTX_set_cipher_list(context, TLS_CIPHERS) == 1);
    if (SSL_CTX_use_certificate_chain_file(context, files[0]) != 1)
        return tls_file_bad(info, "certificate", files[0]);
    if (SSL_CTX_use_PrivateKey_file(context, files[1], SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1)
        return tls_file_bad(info, "key", files[1]);
    if (files[2] == NULL)
        return ERR_OK;
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(files[2]);
    if (names == NULL || SSL_CTX_load_verify_locations(context, files[2], NULL) != 1)
        return tls_file_bad(info, "CA of clients", files[2]);
    SSL_CTX_set_client_CA_list(context, names); // takes them
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    // Sessions of clients with certificates are resumed in this context alone.
    static const unsigned char ID[] = "grpc";
    SSL_CTX_set_session_id_context(context, ID, sizeof ID - 1);
    return ERR_OK;
}

enum err tls_reload(struct tls *tls, struct err_info *info)
{
    struct tls_stamp stamps[TLS_FILES];
    for (int i = 0; i < TLS_FILES; i++)
        stamps[i] = tls_stamp(tls->files[i]);
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    CHECK(context != NULL);
    // What was looked at and is wrong is not looked at again until it changes.
    memcpy(tls->stamps, stamps, sizeof stamps);
    enum err err = tls_fill(context, tls->files, info);
    if (err != ERR_OK) {
        SSL_CTX_free(context);
        return err;
    }
    SSL_CTX_free(tls->context); // sessions hold it as long as they need it
    tls->context = context;
    return ERR_OK;
}

enum err tls_open(const struct tls_opts *opts, struct tls **out, struct err_info *info)
{
    const char *const files[TLS_FILES] = {opts->cert, opts->key, opts->client_ca};
    struct tls *tls = mem_zalloc(sizeof *tls);
    for (int i = 0; i < TLS_FILES; i++)
        tls->files[i] = files[i] == NULL ? NULL : mem_dup_text(files[i]);
    enum err err = tls_reload(tls, info);
    if (err != ERR_OK) {
        tls_close(tls);
        return err;
    }
    *out = tls;
    return ERR_OK;
}

void tls_close(struct tls *tls)
{
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->context);
    for (int i = 0; i < TLS_FILES; i++)
        mem_free(tls->files[i]);
    mem_free(tls);
}

// ---- Sessions -----------------------------------------------------------------------------------

struct tls_session *tls_session_create(struct tls *tls)
{
    struct tls_session *session = mem_zalloc(sizeof *session);
    session->ssl = SSL_new(tls->context);
    session->in = BIO_new(BIO_s_mem());
    session->out = BIO_new(BIO_s_mem());
    CHECK(session->ssl != NULL && session->in != NULL && session->out != NULL);
    SSL_set_bio(session->ssl, session->in, session->out);
    SSL_set_accept_state(session->ssl);
    return session;
}

void tls_session_destroy(struct tls_session *session)
{
    if (session == NULL)
        return;
    SSL_free(session->ssl);
    mem_free(session);
}

void tls_feed(struct tls_session *session, struct span bytes)
{
    if (bytes.len > 0)
        CHECK(BIO_write(session->in, bytes.ptr, (int)bytes.len) == (int)bytes.len);
}

static void tls_fail(struct tls_session *session, int error)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    if (error == SSL_ERROR_ZERO_RETURN)
        reason = "ended by the peer";
    snprintf(session->failure, sizeof session->failure, "%s", reason != NULL ? reason : "failed");
    session->failed = true;
}

int tls_read(struct tls_session *session, void *out, size_t n)
{
    if (session->failed)
        return -1;
    ERR_clear_error();
    int got = SSL_read(session->ssl, out, (int)n);
    if (got > 0)
        return got;
    int error = SSL_get_error(session->ssl, got);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return 0;
    tls_fail(session, error);
    return -1;
}

bool tls_is_ready(const struct tls_session *session)
{
    return SSL_is_init_finished(session->ssl) == 1;
}

bool tls_write(struct tls_session *session, struct span bytes)
{
    if (session->failed)
        return false;
    if (bytes.len == 0)
        return true;
    ERR_clear_error();
    // A memory BIO takes everything.
    int put = SSL_write(session->ssl, bytes.ptr, (int)bytes.len);
    if (put == (int)bytes.len)
        return true;
    tls_fail(session, SSL_get_error(session->ssl, put));
    return false;
}

void tls_shutdown(struct tls_session *session)
{
    ERR_clear_error();
    if (!session->failed && SSL_is_init_finished(session->ssl))
        (void)SSL_shutdown(session->ssl);
}

struct span tls_pending(struct tls_session *session)
{
    char *bytes = NULL;
    long n = BIO_get_mem_data(session->out, &bytes);
    return span_make(bytes, n > 0 ? (size_t)n : 0);
}

void tls_sent(struct tls_session *session)
{
    (void)BIO_reset(session->out);
}

const char *tls_failure(const struct tls_session *session)
{
    return session->failure;
}
