// SPDX-License-Identifier: Apache-2.0
// links: rpc
// Every promise of the rpc layer over every transport, in a plain program for the thread sanitizer.
// Arguments name the cases to run; none: all.
#include "tests/support/rpc_cases.h"

static bool wanted(int argc, char **argv, const char *name)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return argc == 1;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(enum world_transport transport);
    } cases[] = {
#define CASE_ROW(name) {#name, case_##name},
        RPC_CASES(CASE_ROW)
#undef CASE_ROW
    };
    static const char *const transports[] = {"inproc", "ipc", "tcp"};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (!wanted(argc, argv, cases[i].name))
            continue;
        for (int t = WORLD_INPROC; t <= WORLD_TCP; t++) {
            fprintf(stderr, "%s over %s\n", cases[i].name, transports[t]);
            cases[i].run((enum world_transport)t);
        }
    }
    if (argc == 1) {
        case_stale_socket();
        case_bad_address();
    }
    return 0;
}
