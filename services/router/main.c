// SPDX-License-Identifier: Apache-2.0
#include "services/router/router.h"

int main(int argc, char **argv)
{
    return service_main(&ROUTER_SERVICE, argc, argv);
}
