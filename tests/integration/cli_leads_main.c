// SPDX-License-Identifier: Apache-2.0
// links: cli rpc loop base assay_proto
// `assay leads list` against a child process that is a cluster of one router, whose pages are now
// and then empty. A plain program: NNG, which Criterion uses itself, does not survive a fork.
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assay/router/v1/router.pb-c.h"
#include "cli/cluster.h"
#include "cli/file.h"
#include "cli/commands.h"
#include "tests/support/temp_folder.h"

enum { PATH_BYTES = sizeof(struct temp_folder) + 32 };

// Two empty pages with a next one, then two of a lead each.
static void list_leads(Assay__Router__V1__RouterService_Service *service,
                       const Assay__Router__V1__ListLeadsRequest *request,
                       Assay__Router__V1__ListLeadsResponse_Closure closure, void *data)
{
    (void)service;
    static char *const NEXT[] = {(char *)"1", (char *)"2", (char *)"3", (char *)""};
    Assay__Router__V1__ListLeadsResponse answer = ASSAY__ROUTER__V1__LIST_LEADS_RESPONSE__INIT;
    Assay__Router__V1__Lead lead = ASSAY__ROUTER__V1__LEAD__INIT, *leads[] = {&lead};
    int page = atoi(request->page);
    CHECK(page < 4);
    lead.lead_id = (char *)(page == 2 ? "first" : "second");
    answer.leads = leads;
    answer.n_leads = page < 2 ? 0 : 1;
    answer.next_page = NEXT[page];
    answer.total = 2;
    closure(&answer, data);
}

static void serve(const char *dir, int ready)
{
    static Assay__Router__V1__RouterService_Service service;
    struct err_info info;
    struct rpc_server *server;
    int holder;
    char url[PATH_BYTES], path[PATH_BYTES], line[PATH_BYTES + 16];
    prctl(PR_SET_PDEATHSIG, SIGKILL); // nothing is left behind when a check fails
    snprintf(url, sizeof url, "ipc://%s/router", dir);
    struct loop *loop = loop_create();
    struct rpc_server_opts opts = {.url = url};
    CHECK(cluster_lock(dir, &holder, &info) == ERR_OK);
    CHECK(rpc_server_open(loop, &opts, &server, &info) == ERR_OK);
    assay__router__v1__router_service__init(&service, NULL);
    service.list_leads = list_leads;
    rpc_server_add(server, &service.base);
    rpc_server_start(server);
    snprintf(path, sizeof path, "%s/run", dir);
    CHECK(mkdir(path, 0700) == 0);
    snprintf(path, sizeof path, "%s/run/endpoints", dir);
    snprintf(line, sizeof line, "router %s\n", url);
    CHECK(file_write(path, span_of(line), &info) == ERR_OK);
    CHECK(write(ready, "", 1) == 1);
    loop_run(loop);
}

static pid_t start(const char *dir)
{
    int ready[2];
    char byte;
    CHECK(pipe(ready) == 0);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        close(ready[0]);
        serve(dir, ready[1]);
        _exit(0);
    }
    close(ready[1]);
    CHECK(read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    return pid;
}

// Lists with standard output in a file, and compares the ids that it wrote.
static void expect_list(const struct temp_folder *folder, const char *max, const char *expected)
{
    struct temp_folder file = temp_folder_at(folder, "out");
    char *argv[] = {(char *)"leads",      (char *)"list",  (char *)"--json", (char *)"--data",
                    (char *)folder->path, (char *)"--max", (char *)max,      NULL};
    CHECK(freopen(file.path, "w", stdout) != NULL);
    CHECK(cmd_leads(7, argv) == 0);
    CHECK(fflush(stdout) == 0);
    char line[1024], ids[64] = "";
    FILE *out = fopen(file.path, "r");
    CHECK(out != NULL);
    while (fgets(line, sizeof line, out) != NULL) {
        static const char HEAD[] = "{\"lead\":\"";
        const char *id = line + sizeof HEAD - 1;
        CHECK(strncmp(line, HEAD, sizeof HEAD - 1) == 0);
        size_t len = strlen(ids);
        snprintf(ids + len, sizeof ids - len, "%.*s ", (int)strcspn(id, "\""), id);
    }
    fclose(out);
    if (strcmp(ids, expected) != 0) {
        fprintf(stderr, "leads list --max %s: got \"%s\", expected \"%s\"\n", max, ids, expected);
        abort();
    }
}

int main(void)
{
    struct temp_folder folder;
    temp_folder_make(&folder);
    pid_t pid = start(folder.path);
    expect_list(&folder, "100", "first second ");
    expect_list(&folder, "1", "first ");
    CHECK(kill(pid, SIGKILL) == 0);
    CHECK(waitpid(pid, NULL, 0) == pid);
    temp_folder_remove(&folder);
    return 0;
}
