// SPDX-License-Identifier: Apache-2.0
// Connections without a call, the one that has been so for longest first: when no more connections
// fit, it makes room for a new one. Whoever only holds a place loses it first; a connection with a
// call keeps it.
#include "common/clock/clock.h"
#include "common/grpc/grpc_impl.h"

// Above the bound: those that make room, until they are closed in the next turn.
enum { ROOM_SLACK = 256 };
// Dismissed at once when the process has no descriptors left.
enum { ROOM_DESCRIPTORS = 64 };

void grpc_room_idle(struct conn *conn)
{
    struct grpc_server *server = conn->server;
    conn->idle_ms = clock_mono_ms();
    conn->idle = true;
    conn->idle_prev = server->idle_last;
    conn->idle_next = NULL;
    *(server->idle_last == NULL ? &server->idle_first : &server->idle_last->idle_next) = conn;
    server->idle_last = conn;
}

void grpc_room_busy(struct conn *conn)
{
    struct grpc_server *server = conn->server;
    if (!conn->idle)
        return;
    conn->idle = false;
    *(conn->idle_prev == NULL ? &server->idle_first : &conn->idle_prev->idle_next) =
        conn->idle_next;
    *(conn->idle_next == NULL ? &server->idle_last : &conn->idle_next->idle_prev) = conn->idle_prev;
}

static bool room_make(struct grpc_server *server)
{
    struct conn *longest = server->idle_first;
    if (longest == NULL || clock_mono_ms() - longest->idle_ms < server->opts.room_ms)
        return false;
    grpc_room_busy(longest);
    longest->going = true;
    server->n_going++;
    grpc_conn_dismiss(longest, "makes room");
    return true;
}

bool grpc_room_is_there(struct grpc_server *server)
{
    uint32_t open = server->stats.open, max = server->opts.connections_max;
    return open < max ||
           (open < max + ROOM_SLACK && (open - server->n_going < max || room_make(server)));
}

void grpc_room_look(struct grpc_server *server)
{
    uint64_t rests =
        server->listener == NULL ? server->rests : tcp_listener_rests(server->listener);
    if (rests == server->rests)
        return;
    server->rests = rests;
    for (int i = 0; i < ROOM_DESCRIPTORS && room_make(server); i++)
        ;
}
