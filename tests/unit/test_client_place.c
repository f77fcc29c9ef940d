/* SPDX-License-Identifier: MIT */
#include "place.h"

#include <errno.h>
#include <unistd.h>

#include "run_suite.h"
#include "temporary.h"

static void setup(void)
{
    unsetenv("MQTT_SOCKET");
    unsetenv("MQTT_URL");
}

static void write_file(const char *path, const void *bytes, size_t length)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, length, file), length);
    fclose(file);
}

/* ---- which place ---- */

static void check_place(const char *broker, const char *socket, enum place_source source,
                        const char *url)
{
    const struct options options = {.broker = broker};
    struct place place;
    char error[PLACE_ERROR_SIZE];

    ck_assert_msg(place_find(&place, &options, socket, error), "%s", error);
    ck_assert_int_eq(place.source, source);
    ck_assert_str_eq(place.url, url);
}

START_TEST(order)
{
    char directory[TEMPORARY_SIZE], socket[TEMPORARY_SIZE + 8], url[TEMPORARY_SIZE + 16];

    temporary_directory(directory);
    snprintf(socket, sizeof socket, "%s/sock", directory);
    snprintf(url, sizeof url, "unix://%s", socket);
    check_place(NULL, socket, PLACE_BY_DEFAULT, "mqtt://127.0.0.1:1883");
    write_file(socket, "", 0);
    check_place(NULL, socket, PLACE_FOUND_SOCKET, url);
    setenv("MQTT_URL", "mqtts://h", 1);
    check_place(NULL, socket, PLACE_FROM_MQTT_URL, "mqtts://h");
    setenv("MQTT_SOCKET", "/s", 1);
    check_place(NULL, socket, PLACE_FROM_MQTT_SOCKET, "unix:///s");
    setenv("MQTT_SOCKET", "unix:///t", 1);
    check_place(NULL, socket, PLACE_FROM_MQTT_SOCKET, "unix:///t");
    check_place("mqtt://b:9", socket, PLACE_FROM_OPTION, "mqtt://b:9");
    setenv("MQTT_SOCKET", "", 1);
    setenv("MQTT_URL", "", 1);
    check_place(NULL, socket, PLACE_FOUND_SOCKET, url);
}
END_TEST

/* What is wrong is said with where it comes from; a password in a URL is not shown. */
START_TEST(refused)
{
    struct options options = {.broker = "http://x"};
    struct place place;
    char error[PLACE_ERROR_SIZE];

    ck_assert(!place_find(&place, &options, "/none", error));
    ck_assert_ptr_nonnull(strstr(error, "--broker: http://x: must be"));
    options.broker = "mqtt://me:secret@h";
    ck_assert(!place_find(&place, &options, "/none", error));
    ck_assert_ptr_null(strstr(error, "secret"));
    options = (struct options){.cert_file = "c"};
    ck_assert(!place_find(&place, &options, "/none", error));
    setenv("MQTT_SOCKET", "relative", 1);
    options = (struct options){0};
    ck_assert(!place_find(&place, &options, "/none", error));
    ck_assert_ptr_nonnull(strstr(error, "MQTT_SOCKET"));
}
END_TEST

/* ---- URLs ---- */

static const struct {
    const char *url, *host;
    unsigned port;
    bool tls;
} good[] = {
    {"mqtt://h", "h", 1883, false},
    {"mqtts://broker.example", "broker.example", 8883, true},
    {"mqtt://127.0.0.1:1", "127.0.0.1", 1, false},
    {"mqtts://[fe80::1%eth0]:65535", "fe80::1%eth0", 65535, true},
    {"mqtt://[::1]", "::1", 1883, false},
    {"unix:///run/mqtt.sock", "/run/mqtt.sock", 0, false},
};

START_TEST(good_urls)
{
    struct place place = {0};
    const char *problem = place_parse_url(&place, good[_i].url);

    ck_assert_msg(!problem, "%s", problem);
    ck_assert_str_eq(place.host, good[_i].host);
    ck_assert_uint_eq(place.port, good[_i].port);
    ck_assert_int_eq(place.tls, good[_i].tls);
}
END_TEST

#define X9 "123456789"
#define X108 X9 X9 X9 X9 X9 X9 X9 X9 X9 X9 X9 X9

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
    "mqtt://u@h",
    "mqtt://::1",
    "mqtt://[::1",
    "mqtt://[]",
    "mqtt://[::1]x",
    "unix://relative",
    "unix://",
    "unix:///" X108, /* one byte too long */
};

START_TEST(bad_urls)
{
    struct place place = {0};
    ck_assert_msg(place_parse_url(&place, bad[_i]) != NULL, "%s", bad[_i]);
}
END_TEST

START_TEST(long_url)
{
    struct place place = {0};
    char url[PLACE_URL_MAX + 100] = "mqtt://";

    memset(url + 7, 'h', SERVICE_HOST_MAX);
    ck_assert_ptr_null(place_parse_url(&place, url));
    url[7 + SERVICE_HOST_MAX] = 'h';
    ck_assert_ptr_nonnull(place_parse_url(&place, url));
    memset(url + 7, 'h', sizeof url - 8);
    ck_assert_ptr_nonnull(place_parse_url(&place, url));
}
END_TEST

/* ---- the password ---- */

START_TEST(password)
{
    char directory[TEMPORARY_SIZE], path[TEMPORARY_SIZE + 8], out[PLACE_PASSWORD_SIZE];
    char longest[PLACE_PASSWORD_SIZE];
    struct place place = {0};

    temporary_directory(directory);
    snprintf(path, sizeof path, "%s/word", directory);
    ck_assert_int_eq(place_read_password(&place, out), 0);
    place.password_file = path;
    ck_assert_int_eq(place_read_password(&place, out), 0); /* whose? */
    place.username = "me";
    ck_assert_int_eq(place_read_password(&place, out), -ENOENT);
    write_file(path, "secret\n", 7);
    ck_assert_int_eq(place_read_password(&place, out), 1);
    ck_assert_str_eq(out, "secret");
    write_file(path, "two\n\n", 5); /* it is read anew; one line end is not part of it */
    ck_assert_int_eq(place_read_password(&place, out), 1);
    ck_assert_str_eq(out, "two\n");
    write_file(path, "\n", 1);
    ck_assert_int_eq(place_read_password(&place, out), -ENODATA);
    write_file(path, "a\0b", 3);
    ck_assert_int_eq(place_read_password(&place, out), -EINVAL);
    memset(longest, 'x', sizeof longest);
    write_file(path, longest, sizeof longest - 1);
    ck_assert_int_eq(place_read_password(&place, out), 1);
    ck_assert_uint_eq(strlen(out), sizeof longest - 1);
    write_file(path, longest, sizeof longest);
    ck_assert_int_eq(place_read_password(&place, out), -EMSGSIZE);
    place.password_file = directory;
    ck_assert_int_eq(place_read_password(&place, out), -EINVAL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_place");
    TCase *tests = tcase_create("client_place");

    temporary_begin();
    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, order);
    tcase_add_test(tests, refused);
    tcase_add_loop_test(tests, good_urls, 0, sizeof good / sizeof *good);
    tcase_add_loop_test(tests, bad_urls, 0, sizeof bad / sizeof *bad);
    tcase_add_test(tests, long_url);
    tcase_add_test(tests, password);
    int result = run_suite(suite);
    temporary_end();
    return result;
}
