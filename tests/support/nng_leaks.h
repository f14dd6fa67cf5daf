// SPDX-License-Identifier: Apache-2.0
// For the one source file of a test program whose peers die on purpose: NNG 1.5.2 forgets a message
// whose peer dies while it is being sent, and a listener or dialer whose peer goes away in the
// handshake. Other programs are strict, so what we forget ourselves is found there.
#pragma once

const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libnng.so\n";
}

const char *__lsan_default_options(void);
const char *__lsan_default_options(void)
{
    return "print_suppressions=0"; // a line about it would count as a report
}
