// SPDX-License-Identifier: Apache-2.0
#include "services/ingest/segment/json.h"

#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"

static void *json_malloc_cb(void *ctx, size_t n)
{
    (void)ctx;
    return mem_alloc(n);
}

static void *json_realloc_cb(void *ctx, void *p, size_t n)
{
    (void)ctx;
    return mem_realloc(p, n);
}

static void json_free_cb(void *ctx, void *p)
{
    (void)ctx;
    mem_free(p);
}

// yajl's own words ("lexical error: invalid char in json text.\n") without their frame.
static enum err fail_syntax(yajl_handle yajl, struct span json, struct err_info *info)
{
    size_t at = yajl_get_bytes_consumed(yajl);
    unsigned char *error = yajl_get_error(yajl, 0, json.ptr, json.len);
    const char *text = (const char *)error;
    const char *colon = strstr(text, ": ");
    if (colon != NULL)
        text = colon + 2;
    size_t len = strcspn(text, "\n");
    while (len > 0 && text[len - 1] == '.')
        len--;
    enum err err = err_set(info, ERR_INVALID, "not JSON: %.*s at byte %zu", (int)len, text, at);
    yajl_free_error(yajl, error);
    return err;
}

enum err json_run(struct span json, const yajl_callbacks *callbacks, void *ctx,
                  struct json_run *run, struct err_info *info)
{
    yajl_alloc_funcs memory = {json_malloc_cb, json_realloc_cb, json_free_cb, NULL};
    yajl_handle yajl = yajl_alloc(callbacks, &memory, ctx);
    enum err err = ERR_OK;
    if (run != NULL)
        run->yajl = yajl;
    yajl_config(yajl, yajl_dont_validate_strings, 1);
    yajl_status status = yajl_parse(yajl, json.ptr, json.len);
    if (status == yajl_status_error)
        err = fail_syntax(yajl, json, info);
    else if (status == yajl_status_ok)
        status = yajl_complete_parse(yajl);
    // What was fine so far can only be too short.
    if (status == yajl_status_error && err == ERR_OK)
        err = err_set(info, ERR_INVALID, "not JSON: unexpected end at byte %zu", json.len);
    if (status == yajl_status_client_canceled)
        err = ERR_CANCELED;
    yajl_free(yajl);
    return err;
}
