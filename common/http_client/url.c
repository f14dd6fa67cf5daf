// SPDX-License-Identifier: Apache-2.0
#include "common/http_client/url.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

// A part's text, to be freed by curl_free; NULL: the URL has none.
static char *part(CURLU *url, CURLUPart what)
{
    char *text = NULL;
    return curl_url_get(url, what, &text, 0) == CURLUE_OK ? text : NULL;
}

static bool has(CURLU *url, CURLUPart what)
{
    char *text = part(url, what);
    curl_free(text);
    return text != NULL;
}

static enum err read_parts(CURLU *url, struct http_url *out, struct err_info *info)
{
    char *scheme = part(url, CURLUPART_SCHEME);
    char *host = part(url, CURLUPART_HOST);
    char *port = part(url, CURLUPART_PORT);
    char *path = part(url, CURLUPART_PATH);
    enum err err = ERR_OK;
    out->tls = scheme != NULL && strcmp(scheme, "https") == 0;
    out->credentials = has(url, CURLUPART_USER) || has(url, CURLUPART_PASSWORD);
    out->fragment = has(url, CURLUPART_FRAGMENT);
    if (scheme == NULL || (!out->tls && strcmp(scheme, "http") != 0))
        err = err_set(info, ERR_INVALID, "expected an http or https URL");
    else if (host == NULL || host[0] == '\0' || strlen(host) >= sizeof out->host)
        err = err_set(info, ERR_INVALID, "expected a URL with a host");
    if (err == ERR_OK) {
        snprintf(out->host, sizeof out->host, "%s", host);
        snprintf(out->shown, sizeof out->shown, "%s://%s%s%s%s", scheme, host,
                 port == NULL ? "" : ":", port == NULL ? "" : port, path == NULL ? "" : path);
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_free(path);
    return err;
}

enum err http_url_read(const char *text, struct http_url *out, struct err_info *info)
{
    *out = (struct http_url){0};
    if (strlen(text) >= HTTP_URL_MAX)
        return err_set(info, ERR_INVALID, "expected a URL of at most %d bytes", HTTP_URL_MAX - 1);
    CURLU *url = curl_url();
    CHECK(url != NULL);
    enum err err;
    if (curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
        err = err_set(info, ERR_INVALID, "expected a URL such as https://example.com/hook");
    else
        err = read_parts(url, out, info);
    curl_url_cleanup(url);
    return err;
}
