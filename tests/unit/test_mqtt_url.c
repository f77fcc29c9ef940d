/* SPDX-License-Identifier: MIT */
/* Where the broker is and who we are there: URLs and password files, for every program here. */
#include <errno.h>
#include <string.h>

#include "password.h"
#include "run_suite.h"
#include "temporary.h"
#include "url.h"

/* ---- URLs ---- */

static const struct {
    const char *url, *host;
    unsigned port;
    bool tls;
    const char *written; /* NULL: as `url` */
} good[] = {
    {"mqtt://h", "h", 1883, false, "mqtt://h:1883"},
    {"mqtts://broker.example", "broker.example", 8883, true, "mqtts://broker.example:8883"},
    {"mqtt://127.0.0.1:1", "127.0.0.1", 1, false, NULL},
    {"mqtts://[fe80::1%eth0]:65535", "fe80::1%eth0", 65535, true, NULL},
    {"mqtt://[::1]", "::1", 1883, false, "mqtt://[::1]:1883"},
    {"unix:///run/mqtt.sock", "/run/mqtt.sock", 0, false, NULL},
};

START_TEST(good_urls)
{
    struct mqtt_url url;
    char written[MQTT_URL_MAX + 1];
    const char *problem = mqtt_url_parse(&url, good[_i].url);

    ck_assert_msg(!problem, "%s", problem);
    ck_assert_str_eq(url.host, good[_i].host);
    ck_assert_uint_eq(url.port, good[_i].port);
    ck_assert_int_eq(url.tls, good[_i].tls);
    mqtt_url_write(written, &url);
    ck_assert_str_eq(written, good[_i].written ? good[_i].written : good[_i].url);
}
END_TEST

#define X9 "123456789"
#define X107 X9 X9 X9 X9 X9 X9 X9 X9 X9 X9 X9 "12345678"

static const char *const bad[] = {
    "",
    "h",
    "MQTT://h",
    "mqtt:/h",
    "mqtt://",
    "mqtt://:1883",
    "mqtt://h:",
    "mqtt://h:0",
    "mqtt://h:65536",
    "mqtt://h:123456",
    "mqtt://h:1x",
    "mqtt://h/",
    "mqtt://h?x",
    "mqtt://h h",
    "mqtt://a..b", /* finding 13: the bridge refused it, the tool did not */
    "mqtt://h.",
    "mqtt://1.2.3",
    "mqtt://[127.0.0.1]",
    "mqtt://[fe80::1%]",
    "mqtt://u@h",
    "mqtt://::1",
    "mqtt://[::1",
    "mqtt://[]",
    "mqtt://[::1]x",
    "unix://relative",
    "unix://",
    "unix:///" X107, /* one byte too long */
};

START_TEST(bad_urls)
{
    struct mqtt_url url;
    ck_assert_msg(mqtt_url_parse(&url, bad[_i]) != NULL, "%s", bad[_i]);
}
END_TEST

/* The longest label and the longest name, and what is longer by one byte. */
START_TEST(long_url)
{
    struct mqtt_url url;
    char text[sizeof "mqtt://" + MQTT_URL_HOST_MAX + 1] = "mqtt://", *host = text + 7;
    memset(host, 'h', 63);
    ck_assert_ptr_null(mqtt_url_parse(&url, text));
    host[63] = 'h';
    ck_assert_ptr_nonnull(mqtt_url_parse(&url, text));
    memset(host, 'h', MQTT_URL_HOST_MAX);
    for (int i = 1; i < 4; i++)
        host[64 * i - 1] = '.';
    ck_assert_ptr_null(mqtt_url_parse(&url, text));
    host[MQTT_URL_HOST_MAX] = 'h';
    ck_assert_ptr_nonnull(mqtt_url_parse(&url, text));
}
END_TEST

/* ---- the password ---- */

static void write_file(const char *path, const void *bytes, size_t length)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, length, file), length);
    fclose(file);
}

START_TEST(password)
{
    char directory[TEMPORARY_SIZE], path[TEMPORARY_SIZE + 8], out[MQTT_PASSWORD_SIZE];
    char longest[MQTT_PASSWORD_SIZE];

    temporary_directory(directory);
    snprintf(path, sizeof path, "%s/word", directory);
    ck_assert_int_eq(mqtt_password_read(path, out, sizeof out), -ENOENT);
    write_file(path, "secret\n", 7);
    ck_assert_int_eq(mqtt_password_read(path, out, sizeof out), 1);
    ck_assert_str_eq(out, "secret");
    write_file(path, "two\n\n", 5); /* it is read anew; one line end is not part of it */
    ck_assert_int_eq(mqtt_password_read(path, out, sizeof out), 1);
    ck_assert_str_eq(out, "two\n");
    write_file(path, "\n", 1);
    ck_assert_int_eq(mqtt_password_read(path, out, sizeof out), -ENODATA);
    write_file(path, "a\0b", 3);
    ck_assert_int_eq(mqtt_password_read(path, out, sizeof out), -EINVAL);
    memset(longest, 'x', sizeof longest);
    write_file(path, longest, sizeof longest - 1);
    ck_assert_int_eq(mqtt_password_read(path, out, sizeof out), 1);
    ck_assert_uint_eq(strlen(out), sizeof longest - 1);
    write_file(path, longest, sizeof longest);
    ck_assert_int_eq(mqtt_password_read(path, out, sizeof out), -EMSGSIZE);
    ck_assert_int_eq(mqtt_password_read(directory, out, sizeof out), -EINVAL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mqtt_url");
    TCase *tests = tcase_create("mqtt_url");

    temporary_begin();
    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests, good_urls, 0, sizeof good / sizeof *good);
    tcase_add_loop_test(tests, bad_urls, 0, sizeof bad / sizeof *bad);
    tcase_add_test(tests, long_url);
    tcase_add_test(tests, password);
    int result = run_suite(suite);
    temporary_end();
    return result;
}
