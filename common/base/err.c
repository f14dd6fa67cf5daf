// SPDX-License-Identifier: Apache-2.0
#include "common/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    const char *text;
    bool retry;
} ERRORS[] = {
#define ERR_ROW(name, text, rpc, retry) [ERR_##name] = {#name, text, retry},
    ERR_LIST(ERR_ROW)
#undef ERR_ROW
};

const char *err_name(enum err err)
{
    CHECK((size_t)err < ARRAY_LEN(ERRORS));
    return ERRORS[err].name;
}

const char *err_text(enum err err)
{
    CHECK((size_t)err < ARRAY_LEN(ERRORS));
    return ERRORS[err].text;
}

bool err_retry(enum err err)
{
    CHECK((size_t)err < ARRAY_LEN(ERRORS));
    return ERRORS[err].retry;
}

enum err err_set(struct err_info *info, enum err err, const char *format, ...)
{
    if (info == NULL)
        return err;
    va_list args;
    va_start(args, format);
    vsnprintf(info->text, sizeof info->text, format, args);
    va_end(args);
    return err;
}

enum err err_prefix(struct err_info *info, enum err err, const char *format, ...)
{
    if (info == NULL)
        return err;
    char inner[sizeof info->text];
    memcpy(inner, info->text, sizeof inner);
    va_list args;
    va_start(args, format);
    int n = vsnprintf(info->text, sizeof info->text, format, args);
    va_end(args);
    size_t at = n < 0 ? 0 : (size_t)n;
    size_t left = at < sizeof info->text ? sizeof info->text - at : 0;
    size_t len = strnlen(inner, sizeof inner - 1);
    if (left > 3) {
        memcpy(info->text + at, ": ", 2);
        len = len < left - 3 ? len : left - 3;
        memcpy(info->text + at + 2, inner, len);
        info->text[at + 2 + len] = '\0';
    }
    return err;
}
