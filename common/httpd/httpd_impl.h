// SPDX-License-Identifier: Apache-2.0
// What the files of this folder share.
#pragma once

#include <microhttpd.h>

#include "common/httpd/body.h"
#include "common/httpd/httpd.h"
#include "common/httpd/meter.h"
#include "common/rpc/trace.h"

enum {
    // libmicrohttpd's, of a connection: headers live there. Above 32 KiB it is mapped, and so goes
    // back to the system with the connection.
    HTTPD_POOL_BYTES = 36 * 1024,
    HTTPD_DISCARD_BYTES = 1024 * 1024, // of a refused body, read so that the answer is seen
    HTTPD_TEXT_MAX = 256,
    // Connections above the bound: those that make room, until they are closed.
    HTTPD_SLACK = 256,
};

// ---- A connection -------------------------------------------------------------------------------

// Where a connection is. Each phase but WORKING has a bound on how long it may take.
//
//     WAITING ──request line──► HEADER ──► BODY ──whole──► WORKING ──answer──► ANSWERING ──┐
//        ▲                                   └──refused────────────────────────────▲       │
//        └─────────────────────────────────────────────────────────────────────────────────┘
enum httpd_phase { HTTPD_WAITING, HTTPD_HEADER, HTTPD_BODY, HTTPD_WORKING, HTTPD_ANSWERING };

struct httpd_connections {
    struct httpd_connection *first, *last;
};

struct httpd_connection {
    struct httpd_connection *prev, *next; // in httpd.aging
    struct MHD_Connection *mhd;
    int fd;
    enum httpd_phase phase;
    int64_t since_ms; // in this phase
    bool fresh;       // has had no request yet
    bool cut;         // shut down; libmicrohttpd is about to find out
};

// connection.c
void httpd_connection_phase(struct httpd *httpd, struct httpd_connection *connection,
                            enum httpd_phase phase);
// libmicrohttpd's callbacks.
void httpd_connection_cb(void *cls, struct MHD_Connection *mhd, void **context,
                         enum MHD_ConnectionNotificationCode code);
void *httpd_uri_cb(void *cls, const char *uri, struct MHD_Connection *mhd);
struct httpd_connection *httpd_connection_of(struct MHD_Connection *mhd);
// Shuts down what has taken too long (the loop's timer), and what waits for its next request.
void httpd_sweep_cb(void *arg);
void httpd_cut_waiting(struct httpd *httpd);
// Shuts down the connection that has been longest where it is; false when none has been for long.
bool httpd_make_room(struct httpd *httpd);

// ---- A request ----------------------------------------------------------------------------------

struct httpd_field {
    struct httpd_field *next;
    const char *name, *value;
};

enum httpd_state { HTTPD_READING, HTTPD_IN_WORK, HTTPD_ANSWERED };

// Owned by both sides: freed when libmicrohttpd has completed it and it is answered.
struct httpd_request {
    struct httpd *httpd;                 // NULL: the server has gone
    struct httpd_connection *connection; // NULL: libmicrohttpd has completed it
    struct httpd_request *prev, *next;   // of those in work
    struct httpd_entry *entry;           // its route; NULL when there is none
    enum httpd_state state;
    bool in_handler; // the answer is queued when the handler returns, not by a resume
    bool abandoned;  // the server closes without waiting for the answer
    uint64_t began_ns;

    struct arena arena;
    const char *method, *path;
    struct httpd_body body;
    struct rpc_trace trace;
    char peer[64];

    // Why the server answers by itself; status 0: it does not.
    int refusal;
    int retry_after_s;
    char refusal_text[HTTPD_TEXT_MAX];

    struct loop_poll *gone_poll;
    void (*gone_cb)(void *arg);
    void *gone_arg;

    struct httpd_field *fields; // of the answer
    struct MHD_Response *response;
    int status;
};

// request.c: libmicrohttpd's callbacks, and the end of all requests when the server closes.
enum MHD_Result httpd_access_cb(void *cls, struct MHD_Connection *mhd, const char *url,
                                const char *method, const char *version, const char *data,
                                size_t *n, void **closure);
void httpd_completed_cb(void *cls, struct MHD_Connection *mhd, void **closure,
                        enum MHD_RequestTerminationCode code);
void httpd_abandon_all(struct httpd *httpd);
// Gives back what a request holds until it is answered.
void httpd_request_release(struct httpd_request *request);
void httpd_request_free(struct httpd_request *request);

// answer.c: makes the answer of what the server refuses by itself.
void httpd_answer_refusal(struct httpd_request *request);

// pages.c: headers of an answer, for pages of other origins, when its route is for any; and the
// handler of the preflights for such routes (arg: the server).
void httpd_pages_admit(struct httpd_request *request);
void httpd_pages_preflight(void *arg, struct httpd_request *request);

// ---- Routes -------------------------------------------------------------------------------------

struct httpd_entry {
    char *method, *path;
    size_t prefix_bytes; // of a path that ends in "/*", without the '*'; 0: exact
    size_t body_bytes_max;
    httpd_handler handler;
    void *arg;
    bool any_origin;
    struct httpd_route_meter *meter; // NULL: nothing is counted
};

// route.c: finds the route of a request: the most exact path that serves the method. NULL: `allow`
// is the list of methods that the path has, or "" when it is unknown.
struct httpd_entry *httpd_route_find(struct httpd *httpd, const char *method, const char *path,
                                     char allow[HTTPD_TEXT_MAX]);
void httpd_routes_free(struct httpd *httpd);

// ---- The server ---------------------------------------------------------------------------------

struct httpd {
    struct loop *loop;
    struct httpd_opts opts; // with defaults filled in
    char address[96];

    int listener; // -1: closed
    struct loop_poll *listening;
    struct loop_timer *listen_again;

    struct MHD_Daemon *daemon;
    struct loop_poll *readable;  // libmicrohttpd's epoll descriptor
    struct loop_timer *again;    // it has more to do
    struct loop_timer *sweeping; // runs while there are connections

    struct httpd_connections aging; // those whose time runs, the longest in its phase first
    uint32_t n_cut;                 // shut down, and open still
    struct httpd_request *working;
    struct httpd_stats stats;
    struct httpd_budget bodies;

    struct httpd_entry **entries; // exact ones sorted by path, then the others
    size_t n_entries, n_exact, cap_entries;
    struct httpd_route_meter *unknown; // requests without a route

    bool closing;
    int64_t close_by_ms;
    struct loop_timer *closer;
    void (*closed)(void *arg);
    void *closed_arg;
};

// listen.c
MUST_USE enum err httpd_listen(struct httpd *httpd, const char *address, struct err_info *info);
void httpd_listen_stop(struct httpd *httpd);
