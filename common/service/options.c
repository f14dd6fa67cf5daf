// SPDX-License-Identifier: Apache-2.0
// The command line and the file.
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/loop/tcp.h"
#include "common/service/service_impl.h"

enum { SERVICE_NAME_MAX = 63, SERVICE_IPC_PATH_MAX = 107 }; // as in sockaddr_un

static const char *const SERVICE_LEVELS[] = {"off", "error", "warn", "info", "debug", NULL};

static const char *const SERVICE_FORMATS[] = {"text", "json", NULL};

#define SERVICE_FIELD(key, type, member, ...)                                                      \
    {                                                                                              \
        key, type, offsetof(struct service_config, member), __VA_ARGS__                            \
    }
static const struct config_field SERVICE_FIELDS[] = {
    SERVICE_FIELD("name", CONFIG_TEXT, name, NULL, 0, SERVICE_NAME_MAX, NULL,
                  "Names the process in logs and to others."),
    SERVICE_FIELD("listen", CONFIG_TEXT, listen, NULL, 0, 200, NULL,
                  "Where it serves: ipc://PATH or tcp://HOST:PORT."),
    SERVICE_FIELD("grpc", CONFIG_TEXT, grpc, "", 0, 63, NULL,
                  "HOST:PORT where the same is served by gRPC; not without it."),
    SERVICE_FIELD("tls_cert", CONFIG_TEXT, tls_cert, "", 0, 0, NULL,
                  "File of the certificate for gRPC (PEM, with those between it and the root); "
                  "without TLS when there is none. Read again when it changes."),
    SERVICE_FIELD("tls_key", CONFIG_TEXT, tls_key, "", 0, 0, NULL,
                  "File of its key (PEM, without a password)."),
    SERVICE_FIELD(
        "tls_client_ca", CONFIG_TEXT, tls_client_ca, "", 0, 0, NULL,
        "File of the CAs whose certificates clients of gRPC must have; none are asked for "
        "without it."),
    SERVICE_FIELD("keys", CONFIG_TEXT, keys, "", 0, 0, NULL,
                  "File of keys (`assay keys`); without one, calls from elsewhere are refused."),
    SERVICE_FIELD("token_file", CONFIG_TEXT, token_file, "", 0, 0, NULL,
                  "File with the token that it shows to services that it calls over tcp."),
    SERVICE_FIELD("admin", CONFIG_TEXT, admin, "", 0, 200, NULL,
                  "HOST:PORT for probes, metrics and operators, over HTTP; none without it."),
    SERVICE_FIELD("log_level", CONFIG_CHOICE, log_level, "info", 0, 0, SERVICE_LEVELS,
                  "What is logged: lines of this level and those before it."),
    SERVICE_FIELD("log_format", CONFIG_CHOICE, log_format, "text", 0, 0, SERVICE_FORMATS,
                  "How a line is written: as text, or as a JSON object."),
    SERVICE_FIELD("calls_max", CONFIG_INT, calls_max, "64", 1, 4096, NULL,
                  "Requests worked on at once; more wait in the transport."),
    SERVICE_FIELD("request_max", CONFIG_BYTES, request_bytes_max, "4MiB", 4096, 256 << 20, NULL,
                  "The largest request; larger ones are dropped with their connection."),
    SERVICE_FIELD("drain", CONFIG_DURATION, drain_ms, "10s", 0, 3600000, NULL,
                  "Time to finish what was taken before the process ends."),
};

static void service_print_help(const struct service_desc *desc)
{
    printf("  %s --config FILE\n\n%s\n\n", desc->program, desc->summary);
    printf("Options\n"
           "  --config FILE       the configuration (YAML)\n"
           "  --check-config      say whether FILE is right, with every mistake, and end\n"
           "  --print-config      print the values that FILE gives, defaults included, and end\n"
           "  --config-reference  print what can stand in FILE, and end\n"
           "  --version           print the version, and end\n"
           "  --help              print this, and end\n\n"
           "SIGTERM and SIGINT finish what was taken and end the process; a second one ends it at\n"
           "once. Exit codes: 0 done, 1 failed, 2 used or configured wrongly.\n");
}

static void service_print_reference(const struct service_desc *desc)
{
    struct buf out = {0};
    config_reference(SERVICE_FIELDS, ARRAY_LEN(SERVICE_FIELDS), &out);
    struct buf own = {0};
    config_reference(desc->fields, desc->n_fields, &own);
    // The two tables are one: the second goes without its head.
    const char *rows = (const char *)own.bytes;
    for (int line = 0; line < 2; line++)
        rows = (const char *)memchr(rows, '\n', own.len) + 1;
    buf_append(&out, rows, own.len - (size_t)(rows - (const char *)own.bytes));
    fwrite(out.bytes, 1, out.len, stdout);
    buf_deinit(&own);
    buf_deinit(&out);
}

static enum service_action service_misused(const struct service_desc *desc, const char *what)
{
    if (what != NULL)
        fprintf(stderr, "%s: %s\n", desc->program, what);
    fprintf(stderr, "Try \"%s --help\".\n", desc->program);
    return SERVICE_MISUSED;
}

enum service_action service_parse_options(const struct service_desc *desc, int argc, char **argv,
                                          const char **config_path)
{
    static const struct option OPTIONS[] = {
        {"config", required_argument, NULL, 'c'},
        {"check-config", no_argument, NULL, 'k'},
        {"print-config", no_argument, NULL, 'p'},
        {"config-reference", no_argument, NULL, 'r'},
        {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    enum service_action action = SERVICE_RUN;
    int c;
    *config_path = NULL;
    optind = 0; // from the start, also when a process comes here twice
    while ((c = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
        switch (c) {
        case 'c':
            *config_path = optarg;
            break;
        case 'k':
            action = SERVICE_CHECK;
            break;
        case 'p':
            action = SERVICE_PRINT;
            break;
        case 'r':
            service_print_reference(desc);
            return SERVICE_DONE;
        case 'v':
            printf("%s %s\n", desc->program, ASSAY_VERSION);
            return SERVICE_DONE;
        case 'h':
            service_print_help(desc);
            return SERVICE_DONE;
        default:
            return service_misused(desc, NULL); // getopt has said why
        }
    }
    if (optind < argc)
        return service_misused(desc, "it takes options only");
    if (*config_path == NULL)
        return service_misused(desc, "--config FILE is needed");
    return action;
}

static bool service_check_keys(const struct service_desc *desc, struct config *config,
                               const struct config_node *root)
{
    size_t n = 0;
    const char **keys = mem_alloc((ARRAY_LEN(SERVICE_FIELDS) + desc->n_fields) * sizeof *keys);
    for (size_t i = 0; i < ARRAY_LEN(SERVICE_FIELDS); i++)
        keys[n++] = SERVICE_FIELDS[i].key;
    for (size_t i = 0; i < desc->n_fields; i++)
        keys[n++] = desc->fields[i].key;
    bool good = config_check_keys(config, root, keys, n);
    mem_free(keys);
    return good;
}

static bool service_is_name(const char *name)
{
    for (const char *p = name; *p != '\0'; p++) {
        bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z');
        if (!letter && !(*p >= '0' && *p <= '9') && strchr("._-", *p) == NULL)
            return false;
    }
    return true;
}

// A name stands between spaces in logs and in the shard map; an address must be one that can be
// opened.
static void service_check_common(const struct service_config *common, struct config *config,
                                 const struct config_node *root)
{
    static const char *const SCHEMES[] = {"ipc://", "tcp://", "inproc://"};
    const struct config_node *listen = config_get(root, "listen");
    bool known = false;
    if (common->name != NULL && !service_is_name(common->name))
        config_error_hint(config, config_get(root, "name"),
                          "letters, digits, \"-\", \"_\" and \".\"", "not a name");
    if (common->listen == NULL)
        return;
    for (size_t i = 0; i < ARRAY_LEN(SCHEMES); i++)
        known = known || strncmp(common->listen, SCHEMES[i], strlen(SCHEMES[i])) == 0;
    if (!known)
        config_error_hint(config, listen, "write ipc://PATH or tcp://HOST:PORT", "not a URL");
    if (strncmp(common->listen, "ipc://", 6) == 0 &&
        strlen(common->listen + 6) > SERVICE_IPC_PATH_MAX)
        config_error(config, listen, "the path of a socket has at most %d bytes, this has %zu",
                     SERVICE_IPC_PATH_MAX, strlen(common->listen + 6));
}

static void service_check_grpc(const struct service_config *common, struct config *config,
                               const struct config_node *root)
{
    struct err_info info;
    if (common->grpc == NULL || common->tls_cert == NULL || common->tls_key == NULL)
        return; // said already
    if (common->grpc[0] != '\0' && tcp_address_check(common->grpc, NULL, &info) != ERR_OK)
        config_error(config, config_get(root, "grpc"), "%s", info.text);
    if (common->tls_cert[0] != '\0' && common->tls_key[0] == '\0')
        config_error(config, config_get(root, "tls_cert"), "tls_key belongs to it and is missing");
    if (common->tls_key[0] != '\0' && common->tls_cert[0] == '\0')
        config_error(config, config_get(root, "tls_key"), "tls_cert belongs to it and is missing");
    if (common->tls_client_ca != NULL && common->tls_client_ca[0] != '\0' &&
        common->tls_cert[0] == '\0')
        config_error(config, config_get(root, "tls_client_ca"), "it needs tls_cert and tls_key");
}

static void service_fill(struct service *service, struct config *config,
                         const struct config_node *root)
{
    const struct service_desc *desc = service->desc;
    if (config_kind(root) != CONFIG_MAPPING) {
        (void)service_check_keys(desc, config, root); // says what was expected
        return;
    }
    (void)service_check_keys(desc, config, root);
    (void)config_fill_known(config, root, SERVICE_FIELDS, ARRAY_LEN(SERVICE_FIELDS),
                            &service->config, &service->arena);
    bool good = config_fill_known(config, root, desc->fields, desc->n_fields, service->own,
                                  &service->arena);
    service_check_common(&service->config, config, root);
    service_check_grpc(&service->config, config, root);
    // What crosses fields is looked at only when each of them is right.
    if (good && desc->validate != NULL)
        desc->validate(config, root, service->own);
}

bool service_load_config(struct service *service, const char *path)
{
    struct buf report = {0};
    struct config *config = config_load_file(path);
    const struct config_node *root = config_root(config);
    if (root != NULL)
        service_fill(service, config, root);
    bool good = config_error_count(config) == 0;
    config_report(config, &report); // warnings too
    if (report.len > 0)
        fwrite(report.bytes, 1, report.len, stderr);
    buf_deinit(&report);
    config_destroy(config);
    return good;
}

void service_print_config(const struct service *service)
{
    struct buf out = {0};
    config_print(SERVICE_FIELDS, ARRAY_LEN(SERVICE_FIELDS), &service->config, &out);
    config_print(service->desc->fields, service->desc->n_fields, service->own, &out);
    fwrite(out.bytes, 1, out.len, stdout);
    buf_deinit(&out);
}
