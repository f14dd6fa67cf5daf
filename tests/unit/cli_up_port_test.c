// SPDX-License-Identifier: Apache-2.0
// links: cli base
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/up_port.h"

static struct arena arena;
static struct err_info info;

static void begin(void)
{
    arena_init(&arena, 1024, 0);
}

static void end(void)
{
    arena_deinit(&arena);
}

TestSuite(up_port, .init = begin, .fini = end);

static enum err settle(const char *given, const char *usual, struct up_port *out)
{
    const struct up_port_opts opts = {
        .option = "http", .what = "no HTTP", .given = given, .usual = usual};
    memset(&info, 0, sizeof info);
    return up_port_settle(&opts, &arena, out, &info);
}

Test(up_port, an_address_with_any_port_gets_one_and_holds_it)
{
    struct up_port first, second, third;
    cr_assert_eq(settle("localhost:0", NULL, &first), ERR_OK);
    cr_expect(strncmp(first.address, "127.0.0.1:", 10) == 0 && atoi(first.address + 10) > 0);
    // Nobody listens there, but another cluster may not have it.
    cr_expect_eq(settle(first.address, NULL, &second), ERR_BUSY);
    cr_expect(strstr(info.text, "another cluster has it") != NULL, "%s", info.text);
    cr_expect(second.hold == -1 && second.address[0] == '\0');
    cr_assert_eq(settle(NULL, first.address, &second), ERR_OK);
    cr_expect(second.address[0] == '\0' && strstr(second.note, "--http") != NULL);
    up_port_release(&first);
    cr_assert_eq(settle(first.address, NULL, &third), ERR_OK);
    cr_expect_str_eq(third.address, first.address);
    up_port_release(&third);
}

Test(up_port, a_port_that_somebody_listens_at_is_taken)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t len = sizeof name;
    struct up_port port;
    char text[40];
    inet_pton(AF_INET, "127.0.0.1", &name.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert(bind(fd, (struct sockaddr *)&name, len) == 0 && listen(fd, 1) == 0 &&
              getsockname(fd, (struct sockaddr *)&name, &len) == 0);
    snprintf(text, sizeof text, "127.0.0.1:%u", (unsigned)ntohs(name.sin_port));
    cr_expect_eq(settle(text, NULL, &port), ERR_BUSY);
    cr_assert_eq(settle(NULL, text, &port), ERR_OK);
    cr_expect(port.address[0] == '\0' && port.note != NULL);
    close(fd);
}

Test(up_port, off_and_what_is_no_address)
{
    static const char *const WRONG[] = {"",
                                        "8480",
                                        "127.0.0.1",
                                        "127.0.0.1:",
                                        "127.0.0.1:x",
                                        "127.0.0.1:65536",
                                        "example.org:80",
                                        "[::1:80",
                                        ":80"};
    struct up_port port;
    cr_assert_eq(settle("off", NULL, &port), ERR_OK);
    cr_expect(port.address[0] == '\0' && port.note == NULL && port.hold == -1);
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        cr_expect_eq(settle(WRONG[i], NULL, &port), ERR_INVALID, "%s", WRONG[i]);
        cr_expect(strstr(info.text, "--http: expected ADDRESS:PORT") != NULL, "%s", info.text);
    }
    // An address of another machine.
    cr_expect_eq(settle("192.0.2.1:80", NULL, &port), ERR_INVALID);
}
