// SPDX-License-Identifier: Apache-2.0
// The gRPC address of a service: everything that its server serves and does not hide, with health
// and reflection. A certificate that is replaced is read again, at once on SIGHUP.
#pragma once

#include "common/service/service.h"

struct grpc_port;
// When the configuration has an address; `*out` is NULL otherwise. INVALID, BUSY: as
// grpc_server_open. Before the rpc_server is started.
MUST_USE enum err grpc_port_open(struct service *service, struct grpc_port **out,
                                 struct err_info *info);
// All of these take NULL, for no port.
void grpc_port_set_serving(struct grpc_port *port, bool serving);
void grpc_port_drain(struct grpc_port *port);
// As grpc_server_close; with NULL `closed` is called at once.
void grpc_port_close(struct grpc_port *port, int64_t drain_ms, void (*closed)(void *arg),
                     void *arg);
void grpc_port_refresh(struct grpc_port *port);
// After the loop has ended: the metrics are kept until then.
void grpc_port_destroy(struct grpc_port *port);
