// SPDX-License-Identifier: Apache-2.0
// What a process answers over plain HTTP to those who run it (config `admin`): probes, metrics,
// version, log level, a new document. Whatever is more than a probe is a call of AdminService
// carried by HTTP, so that the server's guard decides who may. All of AdminService is there by
// Connect's protocol too.
#pragma once

#include "common/service/service.h"

struct admin_port;
// INVALID, BUSY: as httpd_open says.
MUST_USE enum err admin_port_open(struct service *service, const char *address,
                                  struct admin_port **out, struct err_info *info);
// "127.0.0.1:9100", with the port that it got.
const char *admin_port_address(const struct admin_port *port);
// Lets requests in work end, up to drain_ms; before the rpc server closes.
void admin_port_close(struct admin_port *port, int64_t drain_ms, void (*closed)(void *arg),
                      void *arg);
