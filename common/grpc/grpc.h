// SPDX-License-Identifier: Apache-2.0
// gRPC over HTTP/2 (nghttp2 on the loop, TLS by OpenSSL): serves the methods of a rpc_server that
// are not hidden, unary and server streaming, grpc.health.v1.Health, and reflection v1 and v1alpha.
// The only folder that knows nghttp2 and OpenSSL. Everything is for the loop's own thread.
//
// What a peer can make it hold has a bound, and each bound an answer: connections (the one that has
// been without a call for longest makes room, if that is `room_ms` at least; else the new one is
// closed; out of descriptors some make room), streams of a connection and of all (REFUSED_STREAM),
// bytes of a header (RESOURCE_EXHAUSTED), of a message as sent and as unpacked, of a connection's
// half received messages and unread answers, and of those of all connections (RESOURCE_EXHAUSTED
// each). A peer that resets, pings or sends frames without content too often gets GOAWAY with
// ENHANCE_YOUR_CALM; one that is silent or does not read is found by a ping and by its windows, and
// its connection or stream is closed.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/span.h"
#include "common/loop/loop.h"
#include "common/rpc/rpc.h"

struct grpc_server;
struct grpc_opts {
    const char *address;  // as tcp_listen has it; port 0: any
    const char *tls_cert; // PEM files; NULL: without TLS
    const char *tls_key;
    const char *tls_client_ca; // NULL: clients need no certificate
    struct span descriptors;   // a FileDescriptorSet for reflection; kept; may be empty

    uint32_t connections_max;  // 0: 10,000
    uint32_t streams_max;      // of a connection; 0: 100
    uint32_t all_streams_max;  // of all connections; 0: 20,000
    size_t header_bytes_max;   // of one request, as HTTP/2 counts; 0: 16 KiB
    size_t message_bytes_max;  // 0: 4 MiB
    size_t response_bytes_max; // 0: 4 MiB
    size_t conn_bytes_max;     // held for one connection, each way; 0: 16 MiB
    size_t all_bytes_max;      // held for all, both ways; 0: 256 MiB

    int64_t handshake_ms; // until a connection speaks HTTP/2; 0: 10 s
    int64_t receive_ms;   // for a request to come in whole; 0: 60 s
    int64_t stall_ms;     // without a byte read of what waits for the peer; 0: 60 s
    int64_t idle_ms;      // without a call; 0: 10 min
    int64_t room_ms;      // without a call: a new connection may take its place; 0: 500 ms
    int64_t ping_ms;      // silence after which the peer is pinged; 0: 60 s
    int64_t ping_wait_ms; // until it must have answered; 0: 20 s
    int64_t age_ms;       // then GOAWAY, a tenth sooner or later by chance; 0: 30 min
    int64_t grace_ms;     // after that, for calls to end; 0: 60 s
};
// INVALID for what is no address or a bad file, BUSY when somebody listens there.
MUST_USE enum err grpc_server_open(struct loop *loop, const struct grpc_opts *opts,
                                   struct rpc_server *rpc, struct grpc_server **out,
                                   struct err_info *info);
// "127.0.0.1:8481", with the port that it got.
const char *grpc_server_address(const struct grpc_server *server);
// What Health says of the server as a whole and of each service; watchers are told. At first false.
void grpc_server_set_serving(struct grpc_server *server, bool serving);
// Reads certificate, key and CA again; by itself it looks every ten seconds whether they changed.
// On an error, which is logged, those read before stay in force.
void grpc_server_reload(struct grpc_server *server);
// Health says NOT_SERVING from now on, and connections get the first GOAWAY: clients make new calls
// elsewhere, those that come are still served.
void grpc_server_drain(struct grpc_server *server);
// Takes no connections and no calls any more. Streams end with UNAVAILABLE, calls have drain_ms to
// end, then they end with UNAVAILABLE too; `closed` is called, once, when all connections are gone.
// The rpc_server must live until then.
void grpc_server_close(struct grpc_server *server, int64_t drain_ms, void (*closed)(void *arg),
                       void *arg);

struct grpc_stats {
    uint64_t connections; // accepted, ever
    uint64_t refused_connections;
    uint64_t calls;         // requests whose header came
    uint64_t refused_calls; // ended by this layer before a handler saw them
    uint64_t cancelled;     // given up by the peer
    uint64_t cut;           // connections closed for a bound, a time-out or a broken peer
    uint64_t tls_failures;
    uint32_t open;    // connections
    uint32_t streams; // of all connections
    uint64_t held_bytes;
};
void grpc_server_stats(const struct grpc_server *server, struct grpc_stats *out);
