// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/httpd/httpd_impl.h"

// Exact paths first, by path; then those with a prefix, the longest first.
static int entry_cmp(const struct httpd_entry *a, const struct httpd_entry *b)
{
    if (a->prefix_bytes != b->prefix_bytes) {
        if (a->prefix_bytes == 0 || b->prefix_bytes == 0)
            return a->prefix_bytes == 0 ? -1 : 1;
        return a->prefix_bytes > b->prefix_bytes ? -1 : 1;
    }
    return strcmp(a->path, b->path);
}

static void add(struct httpd *httpd, const struct httpd_route *route, bool any_origin)
{
    size_t n = strlen(route->path), at = httpd->n_entries;
    CHECK(route->handler != NULL && route->path[0] == '/' && route->method[0] != '\0');
    struct httpd_entry *entry = mem_zalloc(sizeof *entry);
    entry->method = mem_dup_text(route->method);
    entry->path = mem_dup_text(route->path);
    entry->prefix_bytes = n >= 2 && strcmp(route->path + n - 2, "/*") == 0 ? n - 1 : 0;
    entry->body_bytes_max =
        route->body_bytes_max > 0 ? route->body_bytes_max : httpd->opts.body_bytes_max;
    entry->handler = route->handler;
    entry->arg = route->arg;
    entry->any_origin = any_origin;
    entry->meter = httpd_meter_route(httpd->opts.meter, route->method, route->path);
    MEM_GROW(httpd->entries, httpd->n_entries, httpd->cap_entries);
    for (; at > 0 && entry_cmp(httpd->entries[at - 1], entry) > 0; at--)
        httpd->entries[at] = httpd->entries[at - 1];
    httpd->entries[at] = entry;
    httpd->n_entries++;
    httpd->n_exact += entry->prefix_bytes == 0;
}

static bool has(const struct httpd *httpd, const char *method, const char *path)
{
    for (size_t i = 0; i < httpd->n_entries; i++) {
        const struct httpd_entry *entry = httpd->entries[i];
        if (strcmp(entry->path, path) == 0 && strcmp(entry->method, method) == 0)
            return true;
    }
    return false;
}

void httpd_add(struct httpd *httpd, const struct httpd_route *route)
{
    add(httpd, route, false);
}

void httpd_add_for_pages(struct httpd *httpd, const struct httpd_route *route)
{
    const struct httpd_route preflight = {
        .method = "OPTIONS", .path = route->path, .handler = httpd_pages_preflight, .arg = httpd};
    add(httpd, route, true);
    if (!has(httpd, "OPTIONS", route->path))
        add(httpd, &preflight, false);
}

// The first exact entry whose path is not before `path`.
static size_t lower_bound(const struct httpd *httpd, const char *path)
{
    size_t low = 0, high = httpd->n_exact;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(httpd->entries[middle]->path, path) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool serves(const struct httpd_entry *entry, const char *method)
{
    return strcmp(entry->method, strcmp(method, "HEAD") == 0 ? "GET" : method) == 0;
}

static void append_method(char allow[HTTPD_TEXT_MAX], const char *method)
{
    size_t n = strlen(allow);
    snprintf(allow + n, HTTPD_TEXT_MAX - n, "%s%s", n > 0 ? ", " : "", method);
}

struct httpd_entry *httpd_route_find(struct httpd *httpd, const char *method, const char *path,
                                     char allow[HTTPD_TEXT_MAX])
{
    struct httpd_entry **entries = httpd->entries;
    allow[0] = '\0';
    for (size_t i = lower_bound(httpd, path); i < httpd->n_exact; i++) {
        if (strcmp(entries[i]->path, path) != 0)
            break;
        if (serves(entries[i], method))
            return entries[i];
        append_method(allow, entries[i]->method);
    }
    for (size_t i = httpd->n_exact; i < httpd->n_entries; i++) {
        if (strncmp(entries[i]->path, path, entries[i]->prefix_bytes) != 0)
            continue;
        if (serves(entries[i], method))
            return entries[i];
        if (entries[i]->prefix_bytes > 1) // what "/*" alone matches is unknown
            append_method(allow, entries[i]->method);
    }
    return NULL;
}

void httpd_routes_free(struct httpd *httpd)
{
    for (size_t i = 0; i < httpd->n_entries; i++) {
        struct httpd_entry *entry = httpd->entries[i];
        mem_free(entry->method);
        mem_free(entry->path);
        mem_free(entry);
    }
    mem_free(httpd->entries);
}
