/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target over files, where there is no libFuzzer: with gcc, and in every test run.
 *
 * usage: fuzz_NAME_replay DIRECTORY...
 */
#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define INPUT_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* From the heap, at its exact size: so that a sanitizer sees a read beyond it. */
static void replay_file(const char *path)
{
    static uint8_t buffer[INPUT_MAX];
    FILE *file = fopen(path, "rb");

    if (!file) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    size_t size = fread(buffer, 1, sizeof buffer, file);
    uint8_t *input = malloc(size > 0 ? size : 1);

    if (!input)
        abort();
    for (size_t i = 0; i < size; i++)
        input[i] = buffer[i];
    fprintf(stderr, "%s\n", path);
    LLVMFuzzerTestOneInput(input, size);
    free(input);
    fclose(file);
}

static unsigned replay_directory(const char *directory)
{
    DIR *entries = opendir(directory);
    const struct dirent *entry;
    char path[PATH_MAX];
    unsigned count = 0;

    if (!entries) {
        perror(directory);
        exit(EXIT_FAILURE);
    }
    while ((entry = readdir(entries))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        replay_file(path);
        count++;
    }
    closedir(entries);
    return count;
}

int main(int argc, char **argv)
{
    unsigned count = 0;

    for (int i = 1; i < argc; i++)
        count += replay_directory(argv[i]);
    printf("%u inputs\n", count);
    return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
