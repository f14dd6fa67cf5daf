// SPDX-License-Identifier: Apache-2.0
#include "services/router/webhook/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "assay/router/v1/router.pb-c.h"
#include "common/base/mem.h"
#include "common/base/time_text.h"
#include "common/config/config.h"
#include "common/http_client/address.h"
#include "common/http_client/url.h"
#include "services/router/webhook/payload.h"

enum {
    TEXT_MAX = 1024,
    SECRET_FILE_BYTES_MAX = 4096,
    HEADER_NAME_MAX = 100,
    HEADER_VALUE_MAX = 1000
};

#define STEP(name) (1U << ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_##name)
#define EVENTS_DEFAULT                                                                             \
    (STEP(CREATED) | STEP(ASSIGNED) | STEP(ROUTED) | STEP(WITHDRAWN) | STEP(NOTED) |               \
     STEP(REMINDED) | STEP(ESCALATED) | STEP(COMPLETED))

#define FIELD(name) offsetof(struct webhook_config, name)
static const struct config_field FIELDS[] = {
    {"url", CONFIG_TEXT, FIELD(url), NULL, 0, HTTP_URL_MAX - 1, NULL,
     "Where deliveries go: https, without user, password and fragment."},
    {"allow_private", CONFIG_BOOL, FIELD(allow_private), "false", 0, 0, NULL,
     "Whether the address may be one that is not the public internet's."},
    {"allow_http", CONFIG_BOOL, FIELD(allow_http), "false", 0, 0, NULL,
     "Whether the URL may be http."},
    {"ca_file", CONFIG_TEXT, FIELD(ca_file), "", 0, 0, NULL,
     "Certificates (PEM) to trust in place of the system's."},
    {"timeout", CONFIG_DURATION, FIELD(timeout_ms), "10s", 10, 60000, NULL,
     "Time for one attempt, until the answer's last byte."},
    {"in_flight", CONFIG_INT, FIELD(in_flight), "8", 1, 64, NULL,
     "Deliveries under way at once; of one account never more than one."},
    {"give_up_after", CONFIG_DURATION, FIELD(give_up_after_ms), "24h", TIME_SECOND_MS,
     30LL * TIME_DAY_MS, NULL, "When a delivery that does not get through becomes a dead letter."},
};
static const char *const LISTS[] = {"queues", "events", "secret_files", "headers"};

struct reading {
    struct config *config;
    struct arena *arena;
    const char *folder; // of the file, with a slash at its end; "" for the present one
};

// ---- Files --------------------------------------------------------------------------------------

static const char *path_of(const struct reading *r, struct span name)
{
    if (span_starts(name, "/"))
        return arena_dup(r->arena, name);
    return arena_printf(r->arena, "%s" SPAN_FMT, r->folder, SPAN_ARG(name));
}

static void read_secret(const struct reading *r, const struct config_node *node,
                        struct webhook_config *out)
{
    struct span name;
    if (!config_read_text(r->config, node, TEXT_MAX, &name))
        return;
    const char *path = path_of(r, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    uint8_t bytes[SECRET_FILE_BYTES_MAX];
    ssize_t n = fd < 0 || fstat(fd, &st) != 0 ? -1 : read(fd, bytes, sizeof bytes);
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (n < 0) {
        config_error(r->config, node, "%s: %s", path, strerror(error));
        return;
    }
    struct err_info info;
    if (webhook_key_read(span_make(bytes, (size_t)n), &out->keys[out->n_keys], &info) == ERR_OK)
        out->n_keys++;
    else
        config_error(r->config, node, "%s: %s", path, info.text);
    explicit_bzero(bytes, sizeof bytes);
    if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        config_warn(r->config, node, "chmod 600 it", "%s: others may read it", path);
}

static void check_ca_file(const struct reading *r, const struct config_node *node,
                          struct webhook_config *out)
{
    const struct config_node *at = config_get(node, "ca_file");
    if (at == NULL || out->ca_file[0] == '\0')
        return;
    out->ca_file = path_of(r, span_of(out->ca_file));
    if (access(out->ca_file, R_OK) != 0)
        config_error(r->config, at, "%s: %s", out->ca_file, strerror(errno));
}

// ---- The URL ------------------------------------------------------------------------------------

static const char *special_host(const char *host)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    char bare[256];
    snprintf(bare, sizeof bare, "%s", host + (host[0] == '['));
    bare[strcspn(bare, "]")] = '\0';
    if (inet_pton(AF_INET, bare, &v4.sin_addr) == 1)
        return http_address_special((const struct sockaddr *)&v4);
    if (inet_pton(AF_INET6, bare, &v6.sin6_addr) == 1)
        return http_address_special((const struct sockaddr *)&v6);
    return NULL; // a name: its address is looked at when there is one
}

static void check_url(const struct reading *r, const struct config_node *node,
                      struct webhook_config *out)
{
    struct http_url url;
    struct err_info info;
    const struct config_node *at = config_get(node, "url");
    if (at == NULL || out->url == NULL)
        return;
    if (http_url_read(out->url, &url, &info) != ERR_OK) {
        config_error(r->config, at, "%s", info.text);
        return;
    }
    const char *special = special_host(url.host);
    if (url.credentials)
        config_error_hint(r->config, at, "use headers", "a URL with a user or a password");
    if (url.fragment)
        config_error(r->config, at, "a URL with a fragment (#)");
    if (!url.tls && !out->allow_http)
        config_error_hint(r->config, at, "or say allow_http: true", "expected an https URL");
    if (special != NULL && !out->allow_private)
        config_error_hint(r->config, at, "say allow_private: true if it is meant",
                          "the address is %s", special);
    out->shown_url = arena_dup(r->arena, span_of(url.shown));
}

// ---- Lists --------------------------------------------------------------------------------------

// The elements of a list; 0 when it is missing or is the word "all".
static size_t count_of(const struct reading *r, const struct config_node *list, bool may_be_all,
                       size_t most)
{
    if (list == NULL)
        return 0;
    bool scalar = config_kind(list) == CONFIG_SCALAR;
    if (scalar && may_be_all && span_is(config_text(list), "all"))
        return 0;
    size_t n = config_kind(list) == CONFIG_SEQUENCE ? config_count(list) : 0;
    if (n == 0)
        config_error(r->config, list, "expected a list%s",
                     may_be_all ? " of at least one, or all" : " of at least one");
    else if (n > most)
        config_error(r->config, list, "expected at most %zu", most);
    return n <= most ? n : 0;
}

static void read_queues(const struct reading *r, const struct config_node *node,
                        struct webhook_config *out)
{
    const struct config_node *list = config_get(node, "queues");
    size_t n = count_of(r, list, true, WEBHOOK_QUEUES_MAX);
    for (size_t i = 0; i < n; i++) {
        struct span name;
        if (config_read_text(r->config, config_at(list, i), TEXT_MAX, &name))
            out->queues[out->n_queues++] = arena_dup(r->arena, name);
    }
}

static void read_events(const struct reading *r, const struct config_node *node,
                        struct webhook_config *out)
{
    const struct config_node *list = config_get(node, "events");
    const char *names[WEBHOOK_STEPS];
    uint32_t steps[WEBHOOK_STEPS], all = 0;
    size_t n_names = 0;
    for (uint32_t step = 1; step < WEBHOOK_STEPS; step++) {
        const char *name = webhook_step_name(step);
        if (name == NULL)
            continue;
        names[n_names] = name;
        steps[n_names++] = step;
        all |= 1U << step;
    }
    size_t n = count_of(r, list, true, n_names);
    if (n == 0)
        out->events = list == NULL ? EVENTS_DEFAULT : all;
    for (size_t i = 0; i < n; i++) {
        size_t choice;
        if (config_read_choice(r->config, config_at(list, i), names, n_names, &choice))
            out->events |= 1U << steps[choice];
    }
}

static void read_secrets(const struct reading *r, const struct config_node *node,
                         struct webhook_config *out)
{
    const struct config_node *list = config_get(node, "secret_files");
    if (list == NULL)
        config_error_hint(r->config, node, "deliveries are always signed",
                          "missing key \"secret_files\"");
    size_t n = count_of(r, list, false, WEBHOOK_SECRETS_MAX);
    for (size_t i = 0; i < n; i++)
        read_secret(r, config_at(list, i), out);
}

static bool header_name_good(const char *name)
{
    static const char TOKEN[] =
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return name[strspn(name, TOKEN)] == '\0';
}

static bool header_value_good(const char *value)
{
    for (const char *c = value; *c != '\0'; c++)
        if ((*c < ' ' && *c != '\t') || *c > '~')
            return false;
    return true;
}

static bool header_is_ours(const char *name)
{
    static const char *const OURS[] = {"content-type", "content-length",   "host",
                                       "connection",   "expect",           "te",
                                       "upgrade",      "transfer-encoding"};
    if (strncasecmp(name, "webhook-", strlen("webhook-")) == 0)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(OURS); i++)
        if (strcasecmp(name, OURS[i]) == 0)
            return true;
    return false;
}

static void read_header(const struct reading *r, const struct config_node *key,
                        const struct config_node *node, struct webhook_config *out)
{
    struct span name, value;
    if (!config_read_text(r->config, key, HEADER_NAME_MAX, &name) ||
        !config_read_text(r->config, node, HEADER_VALUE_MAX, &value))
        return;
    struct http_header *header = &out->headers[out->n_headers];
    header->name = arena_dup(r->arena, name);
    header->value = arena_dup(r->arena, value);
    if (!header_name_good(header->name))
        config_error(r->config, key, "no name of a header");
    else if (header_is_ours(header->name))
        config_error(r->config, key, "%s is not to be set here", header->name);
    else if (!header_value_good(header->value))
        config_error(r->config, node, "expected printable ASCII in one line");
    else
        out->n_headers++;
}

static void read_headers(const struct reading *r, const struct config_node *node,
                         struct webhook_config *out)
{
    const struct config_node *map = config_get(node, "headers");
    if (map == NULL)
        return;
    if (config_kind(map) != CONFIG_MAPPING || config_count(map) > WEBHOOK_HEADERS_MAX) {
        config_error(r->config, map, "expected a mapping with at most %d headers",
                     WEBHOOK_HEADERS_MAX);
        return;
    }
    for (size_t i = 0; i < config_count(map); i++)
        read_header(r, config_key_at(map, i), config_at(map, i), out);
}

// ---- The file -----------------------------------------------------------------------------------

static void read_name(const struct reading *r, const struct config_node *key,
                      struct webhook_config *out)
{
    static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";
    out->name = arena_dup(r->arena, config_text(key));
    size_t n = strlen(out->name);
    if (n == 0 || n > WEBHOOK_NAME_MAX || out->name[strspn(out->name, LETTERS)] != '\0')
        config_error(r->config, key, "expected a name of at most %d of a-z, 0-9, - and _",
                     WEBHOOK_NAME_MAX);
}

static void read_webhook(const struct reading *r, const struct config_node *node,
                         struct webhook_config *out)
{
    const char *keys[ARRAY_LEN(FIELDS) + ARRAY_LEN(LISTS)];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(FIELDS); i++)
        keys[n++] = FIELDS[i].key;
    for (size_t i = 0; i < ARRAY_LEN(LISTS); i++)
        keys[n++] = LISTS[i];
    if (config_kind(node) == CONFIG_MAPPING)
        (void)config_check_keys(r->config, node, keys, n);
    if (!config_fill_known(r->config, node, FIELDS, ARRAY_LEN(FIELDS), out, r->arena) &&
        config_kind(node) != CONFIG_MAPPING)
        return;
    check_url(r, node, out);
    check_ca_file(r, node, out);
    read_queues(r, node, out);
    read_events(r, node, out);
    read_secrets(r, node, out);
    read_headers(r, node, out);
}

static void read_all(struct reading *r, struct webhooks_config *out)
{
    static const char *const KEYS[] = {"webhooks"};
    const struct config_node *root = config_root(r->config);
    if (root == NULL || !config_check_keys(r->config, root, KEYS, 1))
        return;
    const struct config_node *map = config_get(root, "webhooks");
    if (map == NULL) {
        config_error(r->config, root, "missing key \"webhooks\"");
        return;
    }
    if (config_kind(map) != CONFIG_MAPPING || config_count(map) > WEBHOOKS_MAX) {
        config_error(r->config, map, "expected a mapping of at most %d names to webhooks",
                     WEBHOOKS_MAX);
        return;
    }
    size_t n = config_count(map);
    out->items = mem_zalloc((n + 1) * sizeof *out->items);
    out->n = n;
    for (size_t i = 0; i < n; i++) {
        read_name(r, config_key_at(map, i), &out->items[i]);
        read_webhook(r, config_at(map, i), &out->items[i]);
    }
}

static enum err finish(struct config *config, const char *name, struct webhooks_config *out,
                       struct buf *report)
{
    struct reading reading = {.config = config, .arena = &out->arena};
    const char *slash = strrchr(name, '/');
    arena_init(&out->arena, 4096, 0);
    reading.folder =
        slash == NULL ? "" : arena_dup(&out->arena, span_make(name, (size_t)(slash - name) + 1));
    read_all(&reading, out);
    bool good = config_error_count(config) == 0;
    config_report(config, report);
    config_destroy(config);
    if (!good)
        webhooks_config_deinit(out);
    return good ? ERR_OK : ERR_INVALID;
}

enum err webhooks_config_load_file(const char *path, struct webhooks_config *out,
                                   struct buf *report)
{
    *out = (struct webhooks_config){0};
    return finish(config_load_file(path), path, out, report);
}

enum err webhooks_config_load(const char *name, struct span text, struct webhooks_config *out,
                              struct buf *report)
{
    *out = (struct webhooks_config){0};
    return finish(config_load_text(name, text), name, out, report);
}

void webhooks_config_deinit(struct webhooks_config *config)
{
    for (size_t i = 0; i < config->n; i++)
        for (size_t k = 0; k < WEBHOOK_SECRETS_MAX; k++)
            webhook_key_wipe(&config->items[i].keys[k]);
    mem_free(config->items);
    arena_deinit(&config->arena);
    *config = (struct webhooks_config){0};
}

bool webhook_config_takes(const struct webhook_config *config, uint32_t step, const char *queue)
{
    if (step >= WEBHOOK_STEPS || (config->events & 1U << step) == 0)
        return false;
    for (size_t i = 0; i < config->n_queues; i++)
        if (strcmp(config->queues[i], queue) == 0)
            return true;
    return config->n_queues == 0;
}
