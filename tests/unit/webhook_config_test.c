// SPDX-License-Identifier: Apache-2.0
// links: webhook_message base
//
// The file of webhooks: what it means, and every mistake in it with its line.
#include <criterion/criterion.h>

#include <sys/stat.h>

#include "services/router/webhook/config.h"
#include "tests/support/temp_folder.h"

static const char SECRET[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n";
static const char OTHER[] = "whsec_GB8mLTQ7QklQV15lbHN6gYiPlp2kq7K5\n";

static struct temp_folder folder;

static void put(const char *name, const char *text, mode_t mode)
{
    struct temp_folder path = temp_folder_at(&folder, name);
    FILE *f = fopen(path.path, "w");
    CHECK(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
    CHECK(chmod(path.path, mode) == 0);
}

static void setup(void)
{
    temp_folder_make(&folder);
    put("a.secret", SECRET, 0600);
    put("b.secret", OTHER, 0600);
    put("bad.secret", "hunter2\n", 0600);
    put("open.secret", SECRET, 0644);
    put("ca.pem", "", 0600);
}

static void teardown(void)
{
    temp_folder_remove(&folder);
}

TestSuite(webhook_config, .init = setup, .fini = teardown);

// The file is "f.yaml" in the folder of the secrets; the report has its path taken out.
static enum err load(const char *text, struct webhooks_config *out, char report[8192])
{
    struct temp_folder name = temp_folder_at(&folder, "f.yaml");
    struct buf said = {0};
    enum err err = webhooks_config_load(name.path, span_of(text), out, &said);
    buf_append_u8(&said, 0);
    size_t n = 0, skip = strlen(folder.path) + 1;
    for (const char *at = (const char *)said.bytes; *at != '\0' && n < 8191;) {
        if (strncmp(at, folder.path, skip - 1) == 0)
            at += skip;
        report[n++] = *at++;
    }
    report[n] = '\0';
    buf_deinit(&said);
    return err;
}

#define ASSIGNED (1U << 13)
#define COMPLETED (1U << 9)

Test(webhook_config, what_is_said_is_read)
{
    struct webhooks_config config;
    char report[8192];
    enum err err = load("webhooks:\n"
                        "  crm:\n"
                        "    url: https://crm.example.com/hook?key=1\n"
                        "    queues: [sales, enterprise]\n"
                        "    events: [assigned, completed]\n"
                        "    secret_files: [a.secret, b.secret]\n"
                        "    timeout: 3s\n"
                        "    in_flight: 2\n"
                        "    give_up_after: 2d\n"
                        "    ca_file: ca.pem\n"
                        "    headers: {Authorization: \"Bearer x\", X-Env: prod}\n"
                        "  all-of_it:\n"
                        "    url: http://[::1]:8080/\n"
                        "    allow_http: true\n"
                        "    allow_private: true\n"
                        "    queues: all\n"
                        "    events: all\n"
                        "    secret_files: [a.secret]\n"
                        "  least: {url: \"https://example.com\", secret_files: [a.secret]}\n",
                        &config, report);
    cr_assert_eq(err, ERR_OK, "%s", report);
    cr_assert_str_eq(report, "");
    cr_assert_eq(config.n, 3);
    const struct webhook_config *crm = &config.items[0];
    cr_assert_str_eq(crm->name, "crm");
    cr_assert_str_eq(crm->url, "https://crm.example.com/hook?key=1");
    cr_assert_str_eq(crm->shown_url, "https://crm.example.com/hook");
    cr_assert_eq(crm->n_queues, 2);
    cr_assert_eq(crm->events, ASSIGNED | COMPLETED);
    cr_assert_eq(crm->n_keys, 2);
    cr_assert_eq(crm->keys[0].n, 24);
    cr_assert_eq(crm->timeout_ms, 3000);
    cr_assert_eq(crm->in_flight, 2);
    cr_assert_eq(crm->give_up_after_ms, 2LL * 24 * 3600 * 1000);
    cr_assert(strstr(crm->ca_file, "/ca.pem") != NULL);
    cr_assert_eq(crm->n_headers, 2);
    cr_assert_str_eq(crm->headers[0].name, "Authorization");
    cr_assert_str_eq(crm->headers[0].value, "Bearer x");
    cr_assert(webhook_config_takes(crm, 13, "sales"));
    cr_assert(!webhook_config_takes(crm, 13, "self_serve"));
    cr_assert(!webhook_config_takes(crm, 1, "sales"));
    const struct webhook_config *all = &config.items[1];
    cr_assert(all->allow_http && all->allow_private);
    for (uint32_t step = 1; step <= 21; step++)
        cr_assert(webhook_config_takes(all, step, "anything"), "%u", step);
    cr_assert(!webhook_config_takes(all, 0, "") && !webhook_config_takes(all, 32, ""));
    const struct webhook_config *least = &config.items[2];
    static const uint32_t DEFAULT[] = {1, 9, 10, 11, 12, 13, 17, 18};
    uint32_t events = 0;
    for (size_t i = 0; i < ARRAY_LEN(DEFAULT); i++)
        events |= 1U << DEFAULT[i];
    cr_assert_eq(least->events, events);
    cr_assert_eq(least->timeout_ms, 10000);
    cr_assert_eq(least->in_flight, 8);
    cr_assert_eq(least->give_up_after_ms, 24LL * 3600 * 1000);
    cr_assert(!least->allow_http && !least->allow_private);
    cr_assert_eq(least->n_queues, 0);
    webhooks_config_deinit(&config);
}

Test(webhook_config, all_mistakes_come_at_once_with_their_lines)
{
    struct webhooks_config config;
    char report[8192];
    enum err err = load("webhooks:\n"
                        "  CRM:\n"
                        "    url: http://me:pw@10.0.0.1/x#y\n"
                        "    queues: []\n"
                        "    events: [asigned]\n"
                        "    secret_files: [nowhere, bad.secret]\n"
                        "    timeout: 2h\n"
                        "    in_flight: 0\n"
                        "    retries: 3\n"
                        "    headers: {\"Webhook-Id\": a, \"X Y\": b, Host: c}\n"
                        "    ca_file: none.pem\n"
                        "  b:\n"
                        "    url: example.com\n"
                        "  c: text\n",
                        &config, report);
    cr_assert_eq(err, ERR_INVALID);
    cr_assert_eq(config.n, 0);
    static const char *const EXPECTED[] = {
        "f.yaml:2:3: $.webhooks: expected a name",
        "f.yaml:3:10: $.webhooks.CRM.url: a URL with a user or a password",
        "f.yaml:3:10: $.webhooks.CRM.url: a URL with a fragment",
        "f.yaml:3:10: $.webhooks.CRM.url: expected an https URL",
        "f.yaml:3:10: $.webhooks.CRM.url: the address is private",
        "f.yaml:4:13: $.webhooks.CRM.queues: expected a list",
        "did you mean \"assigned\"?",
        "nowhere: No such file or directory",
        "bad.secret: expected a secret that begins with \"whsec_\"",
        "f.yaml:7:14: $.webhooks.CRM.timeout: must be from 10ms to 1m",
        "f.yaml:8:16: $.webhooks.CRM.in_flight: must be from 1 to 64",
        "f.yaml:9:5: $.webhooks.CRM: unknown key \"retries\"",
        "Webhook-Id is not to be set here",
        "no name of a header",
        "Host is not to be set here",
        "none.pem: No such file or directory",
        "f.yaml:13:10: $.webhooks.b.url: expected a URL such as",
        "$.webhooks.b: missing key \"secret_files\"",
        "f.yaml:14:6: $.webhooks.c: expected a mapping",
    };
    for (size_t i = 0; i < ARRAY_LEN(EXPECTED); i++)
        cr_assert(strstr(report, EXPECTED[i]) != NULL, "%s\nin\n%s", EXPECTED[i], report);
    cr_assert(strstr(report, "hunter2") == NULL);
}

Test(webhook_config, a_secret_that_others_can_read_is_a_warning)
{
    struct webhooks_config config;
    char report[8192];
    enum err err = load("webhooks:\n"
                        "  a: {url: \"https://example.com\", secret_files: [open.secret]}\n",
                        &config, report);
    cr_assert_eq(err, ERR_OK, "%s", report);
    cr_assert(strstr(report, "others may read it") != NULL, "%s", report);
    webhooks_config_deinit(&config);
}

Test(webhook_config, files_without_webhooks)
{
    static const struct {
        const char *text, *said;
    } BAD[] = {
        {"", "the file is empty"},
        {"hooks: {}\n", "unknown key \"hooks\""},
        {"webhooks: [a]\n", "expected a mapping"},
        {"webhooks:\n  a: {url: \"https://[fd00::1]/\", secret_files: [a.secret]}\n",
         "the address is unique-local"},
        {"webhooks:\n  a: {url: \"https://[::ffff:127.0.0.1]/\", secret_files: [a.secret]}\n",
         "the address is loopback"},
    };
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        struct webhooks_config config;
        char report[8192];
        cr_assert_eq(load(BAD[i].text, &config, report), ERR_INVALID, "%s", BAD[i].text);
        cr_assert(strstr(report, BAD[i].said) != NULL, "%s", report);
    }
    struct webhooks_config config;
    char report[8192];
    cr_assert_eq(load("webhooks: {}\n", &config, report), ERR_OK);
    cr_assert_eq(config.n, 0);
    webhooks_config_deinit(&config);
}
