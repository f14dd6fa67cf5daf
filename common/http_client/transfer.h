// SPDX-License-Identifier: Apache-2.0
// One request on the client's thread: what the library is told, and what it says in the end.
#pragma once

#include <curl/curl.h>

#include "common/http_client/http_client.h"

struct http_transfer;
// Keeps the request. The transfer is the easy handle's CURLOPT_PRIVATE.
struct http_transfer *http_transfer_create(struct http_request *request, const char *user_agent);
CURL *http_transfer_easy(struct http_transfer *transfer);
struct http_request *http_transfer_request(struct http_transfer *transfer);
// Writes the result into the request. The transfer has left its multi handle.
void http_transfer_finish(struct http_transfer *transfer, CURLcode code);
void http_transfer_destroy(struct http_transfer *transfer);
