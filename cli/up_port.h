// SPDX-License-Identifier: Apache-2.0
// A public port of the cluster: which address it gets, and how it is held against other clusters of
// this machine, also while the service behind it restarts.
#pragma once

#include "common/base/arena.h"
#include "common/base/err.h"

struct up_port_opts {
    const char *option; // that gives the address: "http"
    const char *what;   // is missing without it: "no events over HTTP"
    const char *given; // "HOST:PORT", port 0: any that is free; "off"; NULL: `usual`, if it is free
    const char *usual;
};

struct up_port {
    const char *address; // as the service is told it; "": there is none
    const char *note;    // why there is none, in one line; or NULL
    int hold;            // a descriptor, for the life of this process; -1: none
};

// Texts live in `arena`. INVALID: no address of this machine (names are not looked up, but
// localhost). BUSY: somebody listens there. A usual address that is taken is no error.
MUST_USE enum err up_port_settle(const struct up_port_opts *opts, struct arena *arena,
                                 struct up_port *out, struct err_info *info);
void up_port_release(struct up_port *port);
