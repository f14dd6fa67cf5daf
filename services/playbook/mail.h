// SPDX-License-Identifier: Apache-2.0
// E-mail addresses: whose company a user is of. Pure.
#pragma once

#include <stdbool.h>

#include "common/base/span.h"

enum { MAIL_DOMAIN_MAX = 200 };

// The domain behind the last '@', in lower case and without a dot at its end, in `out`. Empty: it
// is no address of a domain (an empty local part, no dot in the domain, other characters than those
// of a host's name).
struct span mail_domain(struct span address, char out[MAIL_DOMAIN_MAX]);
// Whether anybody gets an address there: providers of free mail, of throw-away addresses, and of
// internet access. The list is in mail.c.
bool mail_is_free(struct span domain);
