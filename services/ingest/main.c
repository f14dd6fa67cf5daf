// SPDX-License-Identifier: Apache-2.0
#include "services/ingest/service.h"

int main(int argc, char **argv)
{
    return service_main(&INGEST_SERVICE, argc, argv);
}
