// SPDX-License-Identifier: Apache-2.0
#include "common/http_client/transfer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/http_client/address.h"

enum { RETRY_AFTER_S_MAX = 365 * 24 * 3600 };

struct http_transfer {
    struct http_request *request;
    CURL *easy;
    struct curl_slist *headers;
    size_t header_bytes;
    const char *special; // an address that was refused, and what it is
    char special_address[INET6_ADDRSTRLEN];
    char error[CURL_ERROR_SIZE];
};

// ---- Addresses ----------------------------------------------------------------------------------

static bool address_allowed(struct http_transfer *t, const struct sockaddr *address)
{
    const char *special = t->request->allow_private_address ? NULL : http_address_special(address);
    if (special == NULL)
        return true;
    const void *bytes = address->sa_family == AF_INET6
                            ? (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr
                            : (const void *)&((const struct sockaddr_in *)address)->sin_addr;
    t->special = special;
    if (inet_ntop(address->sa_family, bytes, t->special_address, sizeof t->special_address) == NULL)
        t->special_address[0] = '\0';
    return false;
}

// The last moment before a socket exists: after every look-up of the name.
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    if (purpose != CURLSOCKTYPE_IPCXN || !address_allowed(arg, &address->addr))
        return CURL_SOCKET_BAD;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// The last moment before the request is written, also on a connection that another request opened.
static int before_request(void *arg, char *primary, char *local, int primary_port, int local_port)
{
    (void)local, (void)primary_port, (void)local_port;
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    bool allowed = false;
    if (inet_pton(AF_INET, primary, &v4.sin_addr) == 1)
        allowed = address_allowed(arg, (const struct sockaddr *)&v4);
    else if (inet_pton(AF_INET6, primary, &v6.sin6_addr) == 1)
        allowed = address_allowed(arg, (const struct sockaddr *)&v6);
    return allowed ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

// ---- The answer ---------------------------------------------------------------------------------

static size_t take_header(char *bytes, size_t size, size_t n, void *arg)
{
    (void)bytes;
    struct http_transfer *t = arg;
    t->header_bytes += size * n;
    return t->header_bytes <= HTTP_HEADERS_BYTES_MAX ? size * n : 0;
}

static size_t take_body(char *bytes, size_t size, size_t n, void *arg)
{
    struct http_request *request = ((struct http_transfer *)arg)->request;
    size_t left = request->response_bytes_max - request->response.len;
    if (size * n <= left) {
        buf_append(&request->response, bytes, size * n);
        return size * n;
    }
    buf_append(&request->response, bytes, left);
    request->truncated = true;
    return CURL_WRITEFUNC_ERROR; // the answer is known; the connection is not worth keeping
}

// The one translation of the library's codes.
static enum err err_from_curl(const struct http_transfer *t, CURLcode code)
{
    if (t->special != NULL)
        return ERR_INVALID;
    if (code == CURLE_OPERATION_TIMEDOUT)
        return ERR_TIMEOUT;
    if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL ||
        code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
        return ERR_INVALID;
    return ERR_UNAVAILABLE;
}

static void explain(struct http_transfer *t, CURLcode code)
{
    struct http_request *request = t->request;
    request->err = err_from_curl(t, code);
    if (t->special != NULL)
        (void)err_set(&request->info, request->err, "the address %s is %s, which is not allowed",
                      t->special_address, t->special);
    else if (request->err == ERR_TIMEOUT)
        (void)err_set(&request->info, request->err, "no answer in %lld ms",
                      (long long)request->timeout_ms);
    else if (code == CURLE_WRITE_ERROR && t->header_bytes > HTTP_HEADERS_BYTES_MAX)
        (void)err_set(&request->info, request->err, "the answer's headers are too long");
    else
        (void)err_set(&request->info, request->err, "%s",
                      t->error[0] != '\0' ? t->error : curl_easy_strerror(code));
}

void http_transfer_finish(struct http_transfer *t, CURLcode code)
{
    struct http_request *request = t->request;
    long status = 0;
    curl_off_t retry_after_s = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
    if (retry_after_s > RETRY_AFTER_S_MAX)
        retry_after_s = RETRY_AFTER_S_MAX;
    request->status = (int)status;
    request->retry_after_ms = retry_after_s > 0 ? (int64_t)retry_after_s * 1000 : 0;
    request->err = ERR_OK;
    if (code != CURLE_OK && !(code == CURLE_WRITE_ERROR && request->truncated))
        explain(t, code);
}

// ---- Making one ---------------------------------------------------------------------------------

static bool is_one_line(const char *text)
{
    return strpbrk(text, "\r\n") == NULL;
}

static void add_header(struct http_transfer *t, const char *line)
{
    struct curl_slist *longer = curl_slist_append(t->headers, line);
    CHECK(longer != NULL);
    t->headers = longer;
}

static void add_headers(struct http_transfer *t)
{
    struct buf line = {0};
    add_header(t, "Expect:"); // no round trip before a long body
    for (size_t i = 0; i < t->request->n_headers; i++) {
        const struct http_header *header = &t->request->headers[i];
        CHECK(is_one_line(header->name) && is_one_line(header->value));
        buf_clear(&line);
        buf_printf(&line, header->value[0] == '\0' ? "%s;" : "%s: %s", header->name, header->value);
        buf_append_u8(&line, 0);
        add_header(t, (const char *)line.bytes);
    }
    buf_deinit(&line);
}

#define SET(option, value) CHECK(curl_easy_setopt(t->easy, option, value) == CURLE_OK)

static void set_guards(struct http_transfer *t)
{
    const struct http_request *request = t->request;
    SET(CURLOPT_PROTOCOLS_STR, request->allow_http ? "http,https" : "https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (request->ca_file != NULL)
        SET(CURLOPT_CAINFO, request->ca_file);
    SET(CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    // A look-up that takes long is left behind: waiting for it would hold up every request.
    SET(CURLOPT_QUICK_EXIT, 1L);
    SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    SET(CURLOPT_OPENSOCKETDATA, t);
    SET(CURLOPT_PREREQFUNCTION, before_request);
    SET(CURLOPT_PREREQDATA, t);
}

struct http_transfer *http_transfer_create(struct http_request *request, const char *user_agent)
{
    struct http_transfer *t = mem_zalloc(sizeof *t);
    t->request = request;
    t->easy = curl_easy_init();
    CHECK(t->easy != NULL);
    add_headers(t);
    set_guards(t);
    SET(CURLOPT_PRIVATE, t);
    SET(CURLOPT_ERRORBUFFER, t->error);
    SET(CURLOPT_URL, request->url);
    SET(CURLOPT_HTTPHEADER, t->headers);
    if (user_agent != NULL)
        SET(CURLOPT_USERAGENT, user_agent);
    if (request->body.len > 0) {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
        SET(CURLOPT_POSTFIELDS, request->body.ptr);
    }
    SET(CURLOPT_HEADERFUNCTION, take_header);
    SET(CURLOPT_HEADERDATA, t);
    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_WRITEDATA, t);
    return t;
}

CURL *http_transfer_easy(struct http_transfer *transfer)
{
    return transfer->easy;
}

struct http_request *http_transfer_request(struct http_transfer *transfer)
{
    return transfer->request;
}

void http_transfer_destroy(struct http_transfer *transfer)
{
    curl_easy_cleanup(transfer->easy);
    curl_slist_free_all(transfer->headers);
    mem_free(transfer);
}
