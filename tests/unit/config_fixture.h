/* SPDX-License-Identifier: MIT */
/* What the tests of the configuration share: a directory that comes and goes, and dumps as text. */
#ifndef TESTS_CONFIG_FIXTURE_H
#define TESTS_CONFIG_FIXTURE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "run_suite.h"
#include "temporary.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

static char fixture_directory[TEMPORARY_SIZE];

/* A fresh working directory. */
static inline void fixture_set_up(void)
{
    temporary_directory(fixture_directory);
    ck_assert_int_eq(chdir(fixture_directory), 0);
    unsetenv("CREDENTIALS_DIRECTORY");
}

static inline void fixture_write_bytes(const char *name, const char *bytes, size_t length)
{
    FILE *file = fopen(name, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, length, file), length);
    ck_assert_int_eq(fclose(file), 0);
}

static inline void fixture_write(const char *name, const char *text)
{
    fixture_write_bytes(name, text, strlen(text));
}

/* The dump of a config; the caller's to free(). */
static inline char *fixture_dump(const struct config *config)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(out);
    ck_assert_int_eq(config_dump(config, out), 0);
    ck_assert_int_eq(fclose(out), 0);
    return text;
}

/* Reads "bridge.conf" with this text over the defaults; it has to be good. */
static inline void fixture_load(struct config *config, const char *text)
{
    struct config_errors errors = {0};
    fixture_write("bridge.conf", text);
    ck_assert_int_eq(config_init(config), 0);
    config_read_file(config, "bridge.conf", true, &errors);
    config_check(config, "bridge.conf", &errors);
    ck_assert_msg(errors.count == 0, "%s", errors.text[0]);
}

static inline int fixture_run(TCase *tests, const char *name)
{
    tcase_add_checked_fixture(tests, fixture_set_up, NULL);
    temporary_begin();
    Suite *suite = suite_create(name);
    suite_add_tcase(suite, tests);
    int result = run_suite(suite);
    temporary_end();
    return result;
}

#endif
