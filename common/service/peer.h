// SPDX-License-Identifier: Apache-2.0
// Whether an address is this machine's own.
#pragma once

#include <stdbool.h>

// "127.0.0.1:4711", "[::1]:80", "localhost:80", with or without a port or a scheme ("tcp://"). An
// address that is not understood, or is of every interface, is not. What asks must have been
// written by a transport or an operator: a name other than localhost is never looked up.
bool peer_is_loopback(const char *address);
