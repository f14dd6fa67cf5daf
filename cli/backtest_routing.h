// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>

// `assay backtest --routing FILE`: the leads of a running cluster under another playbook's routing.
// Returns the exit code.
int backtest_routing(const char *dir, const char *playbook, bool json);
