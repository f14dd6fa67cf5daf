// SPDX-License-Identifier: Apache-2.0
// links: cli base
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cluster.h"
#include "cli/file.h"
#include "cli/up_plan.h"

Test(up_facts, defaults_for_a_new_cluster)
{
    struct up_opts opts = {0};
    struct cluster_facts facts = {0};
    cr_assert_eq(up_facts_settle(&opts, NULL, &facts, NULL), ERR_OK);
    cr_assert_eq(facts.shards, 256);
    cr_assert_eq(facts.scorers, 1);
    cr_assert(!facts.event_clock);
}

Test(up_facts, what_a_cluster_was_made_with_stays)
{
    struct cluster_facts made = {.shards = 64, .scorers = 4, .event_clock = true}, facts;
    struct err_info info;
    struct up_opts opts = {0};
    cr_assert_eq(up_facts_settle(&opts, &made, &facts, &info), ERR_OK);
    cr_assert_eq(facts.scorers, 4);
    cr_assert(facts.event_clock);
    opts = (struct up_opts){.shards = 64, .scorers = 4, .clock = "event"};
    cr_assert_eq(up_facts_settle(&opts, &made, &facts, &info), ERR_OK);
    opts = (struct up_opts){.scorers = 8};
    cr_assert_eq(up_facts_settle(&opts, &made, &facts, &info), ERR_INVALID);
    cr_assert_not_null(strstr(info.text, "--scorers 4"), "%s", info.text);
    opts = (struct up_opts){.shards = 128};
    cr_assert_eq(up_facts_settle(&opts, &made, &facts, &info), ERR_INVALID);
    opts = (struct up_opts){.clock = "wall"};
    cr_assert_eq(up_facts_settle(&opts, &made, &facts, &info), ERR_INVALID);
    cr_assert_not_null(strstr(info.text, "--clock event"), "%s", info.text);
}

Test(up_facts, each_scorer_needs_a_shard)
{
    struct up_opts opts = {.scorers = 8, .shards = 4};
    struct cluster_facts facts = {0};
    cr_assert_eq(up_facts_settle(&opts, NULL, &facts, NULL), ERR_INVALID);
}

static char dir[64];

static void dir_make(void)
{
    snprintf(dir, sizeof dir, "/tmp/cli-cluster-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
}

static void dir_remove(void)
{
    char path[128];
    const char *const names[] = {"cluster.yaml", "lock", "run/endpoints", "run"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        remove(path);
    }
    cr_assert_eq(rmdir(dir), 0);
}

Test(cluster_folder, facts_are_read_as_written)
{
    struct cluster_facts in = {32, 3, true, INT64_C(1767225600123), true}, out = {0};
    struct err_info info;
    dir_make();
    cr_assert_eq(cluster_facts_read(dir, &out, &info), ERR_NOT_FOUND);
    cr_assert_eq(cluster_facts_write(dir, &in, &info), ERR_OK);
    cr_assert_eq(cluster_facts_read(dir, &out, &info), ERR_OK, "%s", info.text);
    cr_assert_eq(out.shards, 32);
    cr_assert_eq(out.scorers, 3);
    cr_assert(out.event_clock);
    cr_assert(out.by_domain);
    cr_assert_eq(out.created_ms, in.created_ms);
    char path[128];
    snprintf(path, sizeof path, "%s/cluster.yaml", dir);
    cr_assert_eq(file_write(path, span_of("shards: many\n"), &info), ERR_OK);
    cr_assert_eq(cluster_facts_read(dir, &out, &info), ERR_INVALID);
    dir_remove();
}

Test(cluster_folder, the_lock_names_its_holder)
{
    struct err_info info;
    int holder = 0, ready[2], end[2];
    char byte;
    dir_make();
    cr_assert_eq(cluster_holder(dir), 0);
    cr_assert(pipe(ready) == 0 && pipe(end) == 0);
    pid_t child = fork();
    if (child == 0) {
        bool good = cluster_lock(dir, &holder, NULL) == ERR_OK;
        byte = good ? 'y' : 'n';
        good = write(ready[1], &byte, 1) == 1 && read(end[0], &byte, 1) == 1;
        _exit(good ? 0 : 1);
    }
    cr_assert_eq(read(ready[0], &byte, 1), 1);
    cr_assert_eq(byte, 'y');
    cr_assert_eq(cluster_lock(dir, &holder, &info), ERR_BUSY);
    cr_assert_eq(holder, child);
    cr_assert_eq(cluster_holder(dir), child);
    cr_assert_eq(write(end[1], "x", 1), 1);
    cr_assert_eq(waitpid(child, NULL, 0), child);
    cr_assert_eq(cluster_lock(dir, &holder, &info), ERR_OK);
    dir_remove();
}

Test(cluster_folder, without_a_cluster_the_error_says_what_to_do)
{
    struct cluster *cluster;
    struct err_info info;
    dir_make();
    cr_assert_eq(cluster_open(dir, &cluster, &info), ERR_UNAVAILABLE);
    cr_assert_not_null(strstr(info.text, "assay up --data"), "%s", info.text);
    dir_remove();
}
