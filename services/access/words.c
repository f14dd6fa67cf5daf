// SPDX-License-Identifier: Apache-2.0
#include "services/access/words.h"

#include <stdio.h>
#include <string.h>

static const char *const VERBS[ACCESS_VERB_COUNT] = {
#define ACCESS_VERB_NAME(name, text, what) [ACCESS_##name] = (text),
    ACCESS_VERB_LIST(ACCESS_VERB_NAME)};

const char *access_verb_name(enum access_verb verb)
{
    CHECK((unsigned)verb < ACCESS_VERB_COUNT);
    return VERBS[verb];
}

static const struct {
    const char *word;
    enum keys_role role;
} WORDS[] = {
    {ACCESS_ACCOUNTS, KEYS_WRITE},
    {ACCESS_QUEUES, KEYS_CONSUMER},
    {ACCESS_VERBS, KEYS_CONSUMER},
    {ACCESS_CONSUMER, KEYS_CONSUMER},
};

static bool is_verb(const char *text)
{
    for (size_t i = 0; i < ACCESS_VERB_COUNT; i++)
        if (strcmp(text, VERBS[i]) == 0)
            return true;
    return false;
}

static enum err unknown_verb(const char *text, struct err_info *info)
{
    char all[200] = "";
    for (size_t i = 0, at = 0; i < ACCESS_VERB_COUNT; i++)
        at += (size_t)snprintf(all + at, sizeof all - at, "%s%s", i == 0 ? "" : ", ", VERBS[i]);
    return err_set(info, ERR_INVALID, "\"%.40s\" is no verb: there are %s", text, all);
}

static enum err check_list(enum keys_role role, const struct keys_list *list, struct err_info *info)
{
    bool known = false;
    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++)
        known = known || (WORDS[i].role == role && strcmp(WORDS[i].word, list->word) == 0);
    if (!known)
        return err_set(info, ERR_INVALID, "a %s key is not limited by %s", keys_role_name(role),
                       list->word);
    if (strcmp(list->word, ACCESS_CONSUMER) == 0 &&
        (list->n != 1 || strchr(list->values[0], '*') != NULL))
        return err_set(info, ERR_INVALID, "consumer: expected one name");
    for (size_t i = 0; i < list->n && strcmp(list->word, ACCESS_VERBS) == 0; i++)
        if (!is_verb(list->values[i]))
            return unknown_verb(list->values[i], info);
    return ERR_OK;
}

enum err access_check_lists(enum keys_role role, const struct keys_list *lists, size_t n,
                            struct err_info *info)
{
    for (size_t i = 0; i < n; i++) {
        enum err err = check_list(role, &lists[i], info);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}
