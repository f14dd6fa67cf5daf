// SPDX-License-Identifier: Apache-2.0
// A cluster on this machine, found by its data folder: who runs, where its services listen, calls
// to them. One thread; waiting calls run the loop.
//
//   DIR/cluster.yaml     facts fixed when the cluster was made
//   DIR/playbook.yaml    the playbook in force
//   DIR/shards.map       which lane owns which shard
//   DIR/lock             held by `assay up` while it runs
//   DIR/run/endpoints    lines of "name url"
//   DIR/run/NAME.yaml    each service's configuration
//   DIR/log/NAME.log     its log
//   DIR/NAME/            its data
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/loop/loop.h"
#include "common/rpc/rpc.h"
#include "common/shard/shard.h"

#define CLUSTER_DIR_DEFAULT "./assay-data"
enum { CLUSTER_SCORERS_MAX = 64, CLUSTER_URL_MAX = 200, CLUSTER_NAME_MAX = 64 };

// ---- The folder ---------------------------------------------------------------------------------

struct cluster_facts {
    int64_t shards;
    int64_t scorers;
    bool event_clock;
    int64_t created_ms;
    bool by_domain; // events without a group are the company's, by e-mail domain
};
// NOT_FOUND: no cluster was made in `dir`. INVALID: `info` says what is wrong with the file.
MUST_USE enum err cluster_facts_read(const char *dir, struct cluster_facts *out,
                                     struct err_info *info);
MUST_USE enum err cluster_facts_write(const char *dir, const struct cluster_facts *facts,
                                      struct err_info *info);

struct cluster_endpoint {
    char name[CLUSTER_NAME_MAX]; // ingest-0, scorer-0 ..., router
    char url[CLUSTER_URL_MAX];
};
// Owned by the caller: mem_free. NOT_FOUND.
MUST_USE enum err cluster_endpoints_read(const char *dir, struct cluster_endpoint **out, size_t *n,
                                         struct err_info *info);

// "DIR/RELATIVE" in the arena.
char *cluster_path(struct arena *arena, const char *dir, const char *relative);
// The folder as a shell takes it: in quotes where it needs them.
char *cluster_quoted(struct arena *arena, const char *dir);

// Takes the folder's lock until the process ends. BUSY, with `*holder` the process that has it.
MUST_USE enum err cluster_lock(const char *dir, int *holder, struct err_info *info);
// The process that runs the cluster; 0: none.
int cluster_holder(const char *dir);

// ---- Its services -------------------------------------------------------------------------------

struct cluster;
// Before any cluster is opened: from now on calls show the token that is in the file. NOT_FOUND,
// IO; INVALID: it holds none.
MUST_USE enum err cluster_show_token(const char *path, struct err_info *info);
// UNAVAILABLE when no cluster runs in `dir`, saying how to start one.
MUST_USE enum err cluster_open(const char *dir, struct cluster **out, struct err_info *info);
void cluster_close(struct cluster *cluster); // NULL is allowed

const char *cluster_dir(const struct cluster *cluster);
struct loop *cluster_loop(struct cluster *cluster);
size_t cluster_count(const struct cluster *cluster);
const struct cluster_endpoint *cluster_endpoint(const struct cluster *cluster, size_t i);
bool cluster_is_scorer(const struct cluster_endpoint *endpoint);
// The service's client, connecting by itself; lives as long as the cluster. NOT_FOUND: no such
// service.
MUST_USE enum err cluster_client(struct cluster *cluster, const char *name, struct rpc_client **out,
                                 struct err_info *info);

// One call and its answer, which lives until cluster_close or cluster_forget. Calls that a restart
// of the service broke are made again for up to `patience_ms`.
struct cluster_call {
    const char *service; // name of the endpoint
    const char *method;  // "assay.x.v1.XService/Method"
    const ProtobufCMessage *request;
    const ProtobufCMessageDescriptor *answer_type;
    int64_t timeout_ms;  // of one attempt; 0: 10 s
    int64_t patience_ms; // 0: one attempt
};
MUST_USE enum err cluster_call(struct cluster *cluster, const struct cluster_call *call,
                               ProtobufCMessage **answer, struct err_info *info);
// Drops the memory of all answers so far.
void cluster_forget(struct cluster *cluster);
// The shard map, owned by the cluster.
MUST_USE enum err cluster_map(struct cluster *cluster, const struct shard_map **out,
                              struct err_info *info);
