// SPDX-License-Identifier: Apache-2.0
// Which addresses are the public internet's. Any thread.
#pragma once

#include <sys/socket.h>

// NULL: a public unicast address. Otherwise what it is: "loopback", "private", "link-local" ...
// By the registries of special-purpose addresses (RFC 6890 and what IANA added), and the metadata
// services of clouds that have a public address. IPv4 inside of IPv6 (mapped, compatible, NAT64,
// 6to4) counts as what is inside; of IPv6 only 2000::/3 is public, without Teredo and
// documentation.
const char *http_address_special(const struct sockaddr *address);
