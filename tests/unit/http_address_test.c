// SPDX-License-Identifier: Apache-2.0
// links: http_client base
//
// Which addresses are refused, range by range with both of its ends, and what a URL is made of.
#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "common/http_client/address.h"
#include "common/http_client/url.h"

static const char *special(const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return http_address_special((struct sockaddr *)&v4);
    cr_assert_eq(inet_pton(AF_INET6, text, &v6.sin6_addr), 1, "%s", text);
    return http_address_special((struct sockaddr *)&v6);
}

static const struct {
    const char *first, *last, *what;
    const char *before, *after; // neighbours that are public; NULL: none
} RANGES[] = {
    {"0.0.0.0", "0.255.255.255", "unspecified", NULL, "1.0.0.0"},
    {"10.0.0.0", "10.255.255.255", "private", "9.255.255.255", "11.0.0.0"},
    {"100.64.0.0", "100.127.255.255", "carrier-grade NAT", "100.63.255.255", "100.128.0.0"},
    {"127.0.0.0", "127.255.255.255", "loopback", "126.255.255.255", "128.0.0.0"},
    {"168.63.129.16", "168.63.129.16", "a metadata service", "168.63.129.15", "168.63.129.17"},
    {"169.254.0.0", "169.254.255.255", "link-local", "169.253.255.255", "169.255.0.0"},
    {"169.254.169.254", "169.254.169.254", "link-local", NULL, NULL},
    {"172.16.0.0", "172.31.255.255", "private", "172.15.255.255", "172.32.0.0"},
    {"192.0.0.0", "192.0.0.255", "reserved", "191.255.255.255", "192.0.1.0"},
    {"192.0.2.0", "192.0.2.255", "for documentation", "192.0.1.255", "192.0.3.0"},
    {"192.88.99.0", "192.88.99.255", "reserved", "192.88.98.255", "192.88.100.0"},
    {"192.168.0.0", "192.168.255.255", "private", "192.167.255.255", "192.169.0.0"},
    {"198.18.0.0", "198.19.255.255", "for benchmarks", "198.17.255.255", "198.20.0.0"},
    {"198.51.100.0", "198.51.100.255", "for documentation", "198.51.99.255", "198.51.101.0"},
    {"203.0.113.0", "203.0.113.255", "for documentation", "203.0.112.255", "203.0.114.0"},
    {"224.0.0.0", "239.255.255.255", "multicast", "223.255.255.255", NULL},
    {"240.0.0.0", "255.255.255.255", "reserved", NULL, NULL},
    {"::", "::", "unspecified", NULL, NULL},
    {"::1", "::1", "loopback", NULL, NULL},
    {"2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "reserved",
     "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::"},
    {"2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "for documentation",
     "2001:db7:ffff::1", "2001:db9::1"},
    {"3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "for documentation", "3ffe::1",
     "3fff:1000::1"},
    {"4000::", "fbff::", "reserved", NULL, NULL},
    {"fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "unique-local", NULL, NULL},
    {"fd00:ec2::254", "fd00:ec2::254", "unique-local", NULL, NULL},
    {"fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "link-local", NULL, NULL},
    {"fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "site-local", NULL, NULL},
    {"ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "multicast", NULL, NULL},
    {"100::", "1ff::", "reserved", NULL, NULL},
    // IPv4 inside of IPv6: mapped, compatible, NAT64, 6to4.
    {"::ffff:127.0.0.1", "::ffff:127.255.255.255", "loopback", "::ffff:126.255.255.255",
     "::ffff:128.0.0.0"},
    {"::ffff:10.0.0.0", "::ffff:10.255.255.255", "private", "::ffff:9.255.255.255",
     "::ffff:11.0.0.0"},
    {"::ffff:169.254.169.254", "::ffff:169.254.169.254", "link-local", NULL, NULL},
    {"::10.0.0.1", "::10.0.0.1", "private", NULL, NULL},
    {"64:ff9b::192.168.0.1", "64:ff9b::192.168.255.255", "private", "64:ff9b::192.167.255.255",
     "64:ff9b::8.8.8.8"},
    {"2002:7f00:1::", "2002:7fff:ffff::1", "loopback", "2002:7eff:ffff::1", "2002:808:808::1"},
};

Test(http_address, each_range_is_refused_with_both_ends_and_its_neighbours_are_not)
{
    for (size_t i = 0; i < ARRAY_LEN(RANGES); i++) {
        const char *first = special(RANGES[i].first), *last = special(RANGES[i].last);
        cr_assert(first != NULL, "%s", RANGES[i].first);
        cr_assert_str_eq(first, RANGES[i].what, "%s", RANGES[i].first);
        cr_assert(last != NULL, "%s", RANGES[i].last);
        cr_assert_str_eq(last, RANGES[i].what, "%s", RANGES[i].last);
        if (RANGES[i].before != NULL)
            cr_assert_null(special(RANGES[i].before), "%s", RANGES[i].before);
        if (RANGES[i].after != NULL)
            cr_assert_null(special(RANGES[i].after), "%s", RANGES[i].after);
    }
}

Test(http_address, public_ones_pass_and_other_families_do_not)
{
    static const char *const PUBLIC[] = {"1.1.1.1", "8.8.8.8", "93.184.216.34",
                                         "2606:4700:4700::1111", "2a00:1450:4001:82a::200e"};
    for (size_t i = 0; i < ARRAY_LEN(PUBLIC); i++)
        cr_assert_null(special(PUBLIC[i]), "%s", PUBLIC[i]);
    struct sockaddr other = {.sa_family = AF_UNIX};
    cr_assert_str_eq(http_address_special(&other), "of an unknown family");
}

Test(http_url, parts_are_told)
{
    struct http_url url;
    struct err_info info;
    cr_assert_eq(http_url_read("https://example.com:8443/a/b?key=secret", &url, &info), ERR_OK);
    cr_assert(url.tls && !url.credentials && !url.fragment);
    cr_assert_str_eq(url.host, "example.com");
    cr_assert_str_eq(url.shown, "https://example.com:8443/a/b");
    cr_assert_eq(http_url_read("http://me:word@[::1]:80/x#y", &url, &info), ERR_OK);
    cr_assert(!url.tls && url.credentials && url.fragment);
    cr_assert_str_eq(url.shown, "http://[::1]:80/x");
    cr_assert_eq(http_url_read("https://me@example.com/", &url, &info), ERR_OK);
    cr_assert(url.credentials);
}

Test(http_url, what_is_none_is_refused)
{
    static const char *const BAD[] = {
        "",
        "example.com/hook",
        "ftp://example.com/",
        "https://",

        "file:///etc/passwd",
        "https://exa mple.com/",
        "https://example.com/\r\nX: y",
        "javascript:alert(1)",
        "//a/b",
    };
    struct http_url url;
    struct err_info info;
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
        cr_assert_eq(http_url_read(BAD[i], &url, &info), ERR_INVALID, "%s", BAD[i]);
    char text[HTTP_URL_MAX + 32] = "https://example.com/";
    memset(text + strlen(text), 'a', HTTP_URL_MAX);
    cr_assert_eq(http_url_read(text, &url, &info), ERR_INVALID);
}
