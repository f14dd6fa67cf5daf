// SPDX-License-Identifier: Apache-2.0
#include "services/scorer/scorer.h"

int main(int argc, char **argv)
{
    return service_main(&SCORER_SERVICE, argc, argv);
}
