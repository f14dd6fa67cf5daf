// SPDX-License-Identifier: Apache-2.0
#include "services/playbook/naming.h"

#include "common/base/check.h"

static bool is_small(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || c >= 0x80;
}

static bool is_capital(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || c >= 0x80;
}

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

// What may stand in words, how they begin, and what stands between two of them (NUL: nothing).
struct form {
    bool first_capital, first_small; // of the whole name
    bool word_capital;               // each further word begins with one (or a digit)
    bool capitals_inside;
    char between;
    const char *example;
};

static const struct form FORMS[SCHEMAS_NAMINGS] = {
    [NAMING_ANY] = {.example = "anything"},
    [NAMING_TITLE_CASE] = {true, false, true, true, ' ', "Project Created"},
    [NAMING_SNAKE_CASE] = {false, true, false, false, '_', "project_created"},
    [NAMING_CAMEL_CASE] = {false, true, false, true, '\0', "projectCreated"},
    [NAMING_PASCAL_CASE] = {true, false, false, true, '\0', "ProjectCreated"},
    [NAMING_KEBAB_CASE] = {false, true, false, false, '-', "project-created"},
};

bool naming_fits(enum schemas_naming naming, struct span name)
{
    const struct form *form = &FORMS[naming];
    const unsigned char *p = name.ptr;
    if (naming == NAMING_ANY)
        return true;
    if (name.len == 0 || (!(form->first_capital && (is_capital(p[0]) || is_digit(p[0]))) &&
                          !(form->first_small && is_small(p[0]))))
        return false;
    for (size_t i = 1; i < name.len; i++) {
        bool begins = p[i - 1] == (unsigned char)form->between && form->between != '\0';
        if (p[i] == (unsigned char)form->between && form->between != '\0') {
            if (begins || i + 1 == name.len)
                return false; // two in a row, or at the end
        } else if (is_digit(p[i])) {
            continue;
        } else if (begins && form->word_capital) {
            if (!is_capital(p[i]))
                return false;
        } else if (!is_small(p[i]) && !(form->capitals_inside && is_capital(p[i]))) {
            return false;
        }
    }
    return true;
}

const char *naming_example(enum schemas_naming naming)
{
    CHECK((size_t)naming < ARRAY_LEN(FORMS));
    return FORMS[naming].example;
}

// The next character that is part of a word, as a small letter; -1 at the end.
static int next_of(struct span name, size_t *at)
{
    const unsigned char *p = name.ptr;
    while (*at < name.len) {
        unsigned char c = p[(*at)++];
        if (c >= 'A' && c <= 'Z')
            return c - 'A' + 'a';
        if (is_small(c) || is_digit(c))
            return c;
    }
    return -1;
}

bool naming_same_words(struct span a, struct span b)
{
    size_t at_a = 0, at_b = 0;
    for (;;) {
        int ca = next_of(a, &at_a), cb = next_of(b, &at_b);
        if (ca != cb)
            return false;
        if (ca < 0)
            return true;
    }
}
