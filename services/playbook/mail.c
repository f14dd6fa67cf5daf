// SPDX-License-Identifier: Apache-2.0
#include "services/playbook/mail.h"

#include <string.h>

#include "common/base/check.h"

// Sorted by bytes. What is behind one of them (mail.yahoo.com) is free too.
static const char *const FREE[] = {
    "10minutemail.com",
    "126.com",
    "139.com",
    "163.com",
    "aim.com",
    "alice.it",
    "aliyun.com",
    "aol.com",
    "arcor.de",
    "att.net",
    "bellsouth.net",
    "bigpond.com",
    "bk.ru",
    "bluewin.ch",
    "bol.com.br",
    "btinternet.com",
    "charter.net",
    "comcast.net",
    "cox.net",
    "daum.net",
    "duck.com",
    "earthlink.net",
    "email.com",
    "fastmail.com",
    "fastmail.fm",
    "foxmail.com",
    "free.fr",
    "freenet.de",
    "gmail.com",
    "gmx.at",
    "gmx.ch",
    "gmx.com",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "guerrillamail.com",
    "hanmail.net",
    "hey.com",
    "hotmail.co.uk",
    "hotmail.com",
    "hotmail.de",
    "hotmail.es",
    "hotmail.fr",
    "hotmail.it",
    "hushmail.com",
    "icloud.com",
    "ig.com.br",
    "inbox.ru",
    "interia.pl",
    "juno.com",
    "laposte.net",
    "libero.it",
    "list.ru",
    "live.co.uk",
    "live.com",
    "live.fr",
    "live.nl",
    "mac.com",
    "mail.com",
    "mail.ru",
    "mailinator.com",
    "me.com",
    "msn.com",
    "naver.com",
    "netscape.net",
    "ntlworld.com",
    "o2.pl",
    "onet.pl",
    "optonline.net",
    "orange.fr",
    "outlook.com",
    "outlook.de",
    "outlook.fr",
    "pm.me",
    "posteo.de",
    "proton.me",
    "protonmail.com",
    "qq.com",
    "rambler.ru",
    "rediffmail.com",
    "rocketmail.com",
    "rogers.com",
    "sapo.pt",
    "sbcglobal.net",
    "seznam.cz",
    "sfr.fr",
    "shaw.ca",
    "sina.com",
    "sky.com",
    "sohu.com",
    "sympatico.ca",
    "t-online.de",
    "telenet.be",
    "temp-mail.org",
    "terra.com.br",
    "tiscali.it",
    "trashmail.com",
    "tutanota.com",
    "uol.com.br",
    "verizon.net",
    "virgilio.it",
    "virginmedia.com",
    "wanadoo.fr",
    "web.de",
    "wp.pl",
    "ya.ru",
    "yahoo.ca",
    "yahoo.co.in",
    "yahoo.co.jp",
    "yahoo.co.uk",
    "yahoo.com",
    "yahoo.com.au",
    "yahoo.com.br",
    "yahoo.de",
    "yahoo.es",
    "yahoo.fr",
    "yahoo.it",
    "yandex.com",
    "yandex.ru",
    "yeah.net",
    "ymail.com",
    "yopmail.com",
    "zoho.com",
};

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

struct span mail_domain(struct span address, char out[MAIL_DOMAIN_MAX])
{
    struct span none = span_make("", 0);
    const char *p = address.ptr;
    size_t at = address.len, n = 0, dots = 0;
    while (at > 0 && p[at - 1] != '@')
        at--;
    size_t len = address.len - at;
    if (at < 2 || len == 0 || len >= MAIL_DOMAIN_MAX)
        return none;
    for (; n < len; n++) {
        char c = p[at + n];
        out[n] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
        // An empty label is none.
        if (!is_host_char(out[n]) || (out[n] == '.' && (n == 0 || out[n - 1] == '.')))
            return none;
    }
    n -= out[n - 1] == '.';
    for (size_t i = 0; i < n; i++)
        dots += out[i] == '.';
    return dots == 0 ? none : span_make(out, n);
}

static bool is_listed(struct span domain)
{
    size_t from = 0, to = ARRAY_LEN(FREE);
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = span_cmp(span_of(FREE[middle]), domain);
        if (order == 0)
            return true;
        if (order < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return false;
}

bool mail_is_free(struct span domain)
{
    while (domain.len > 0) {
        if (is_listed(domain))
            return true;
        const char *dot = memchr(domain.ptr, '.', domain.len);
        if (dot == NULL)
            return false;
        size_t skip = (size_t)(dot + 1 - (const char *)domain.ptr);
        domain = span_make(dot + 1, domain.len - skip);
    }
    return false;
}
