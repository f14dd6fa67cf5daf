// SPDX-License-Identifier: Apache-2.0
// Gives a fuzzer's target every file of a folder, each in a block of its own size so that a read
// past its end is seen. Linked with one target; what fails, aborts.
//   replay FOLDER
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"

enum { FILE_BYTES_MAX = 256 * 1024, PATH_BYTES = 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void replay(const char *folder, const char *name)
{
    static uint8_t bytes[FILE_BYTES_MAX];
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    size_t len = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    fprintf(stderr, "%s\n", name); // the last one is the one that fails
    uint8_t *exact = malloc(len);
    CHECK(exact != NULL || len == 0);
    if (len > 0)
        memcpy(exact, bytes, len);
    LLVMFuzzerTestOneInput(exact, len);
    free(exact);
}

int main(int argc, char **argv)
{
    size_t n = 0;
    CHECK(argc == 2);
    DIR *folder = opendir(argv[1]);
    CHECK(folder != NULL);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (entry->d_name[0] == '.')
            continue;
        replay(argv[1], entry->d_name);
        n++;
    }
    closedir(folder);
    printf("%zu inputs\n", n);
    CHECK(n > 10);
    return 0;
}
