/* SPDX-License-Identifier: MIT */
/*
 * Directories for tests. They are in one that main() makes and removes: a test that fails ends its
 * process without cleaning up.
 */
#ifndef TESTS_TEMPORARY_H
#define TESTS_TEMPORARY_H

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TEMPORARY_SIZE 64

static char temporary_root[TEMPORARY_SIZE];

/* In main(), before the tests. */
static inline void temporary_begin(void)
{
    strcpy(temporary_root, "/tmp/unit.XXXXXX");
    if (!mkdtemp(temporary_root))
        exit(EXIT_FAILURE);
}

/* A new directory, in a test. */
static inline void temporary_directory(char path[TEMPORARY_SIZE])
{
    snprintf(path, TEMPORARY_SIZE, "%.32s/XXXXXX", temporary_root);
    ck_assert_ptr_nonnull(mkdtemp(path));
}

static inline int temporary_remove(const char *path, const struct stat *status, int type,
                                   struct FTW *position)
{
    (void)status;
    (void)type;
    (void)position;
    return remove(path);
}

/* In main(), after the tests. */
static inline void temporary_end(void)
{
    nftw(temporary_root, temporary_remove, 8, FTW_DEPTH | FTW_PHYS);
}

#endif
