/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "config_fixture.h"

static const struct {
    const char *username, *file, *credential; /* contents; NULL: there is none */
    size_t size;
    int result;
    const char *password;
} passwords[] = {
    {"u", NULL, NULL, 16, 0, ""},
    {"u", "secret\n", NULL, 16, 1, "secret"},
    {"u", "secret", NULL, 16, 1, "secret"},
    {"u", "two\n\n", NULL, 16, 1, "two\n"},
    {"u", " blank \n", NULL, 16, 1, " blank "},
    {"u", NULL, "cred\n", 16, 1, "cred"},
    {"u", "file", "cred", 16, 1, "file"},
    {"", "file", "cred", 16, 0, ""},
    {"u", "", NULL, 16, -ENODATA, ""},
    {"u", "\n", "cred", 16, -ENODATA, ""},
    {"u", "12345", NULL, 6, 1, "12345"},
    {"u", "123456", NULL, 6, -EMSGSIZE, ""},
};

START_TEST(test_passwords)
{
    struct config config;
    char error[CONFIG_ERROR_SIZE], out[16], path[128];
    ck_assert_int_eq(config_init(&config), 0);
    ck_assert(config_set(&config, "broker", "username", passwords[_i].username, error));
    setenv("CREDENTIALS_DIRECTORY", fixture_directory, 1);
    if (passwords[_i].credential)
        fixture_write("mqtt-password", passwords[_i].credential);
    if (passwords[_i].file) {
        fixture_write("password", passwords[_i].file);
        snprintf(path, sizeof path, "%s/password", fixture_directory);
        ck_assert(config_set(&config, "broker", "password-file", path, error));
    }
    memset(out, 'x', sizeof out);
    ck_assert_int_eq(config_read_password(&config, out, passwords[_i].size), passwords[_i].result);
    ck_assert_str_eq(out, passwords[_i].password);
    config_free(&config);
}
END_TEST

START_TEST(test_bad_password_files)
{
    struct config config;
    char error[CONFIG_ERROR_SIZE], out[16];
    ck_assert_int_eq(config_init(&config), 0);
    ck_assert(config_set(&config, "broker", "username", "u", error));
    ck_assert_int_eq(config_read_password(&config, out, sizeof out), 0);
    ck_assert(config_set(&config, "broker", "password-file", "/nowhere/password", error));
    ck_assert_int_eq(config_read_password(&config, out, sizeof out), -ENOENT);
    ck_assert(config_set(&config, "broker", "password-file", fixture_directory, error));
    ck_assert_int_eq(config_read_password(&config, out, sizeof out), -EINVAL);
    ck_assert(config_set(&config, "broker", "password-file", "", error));
    setenv("CREDENTIALS_DIRECTORY", fixture_directory, 1);
    fixture_write_bytes("mqtt-password", "a\0b", 3);
    ck_assert_int_eq(config_read_password(&config, out, sizeof out), -EINVAL);
    ck_assert_str_eq(out, "");
    config_free(&config);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("config_password");
    tcase_add_loop_test(tests, test_passwords, 0, COUNT(passwords));
    tcase_add_test(tests, test_bad_password_files);
    return fixture_run(tests, "config_password");
}
