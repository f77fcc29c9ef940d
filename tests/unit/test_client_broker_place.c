/* SPDX-License-Identifier: MIT */
#include "broker_place.h"

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

static void check_place(const char *broker, const char *socket, enum broker_place_source source,
                        const char *url)
{
    const struct options options = {.broker = broker};
    struct broker_place place;
    char error[BROKER_PLACE_ERROR_SIZE];

    ck_assert_msg(broker_place_find(&place, &options, socket, error), "%s", error);
    ck_assert_int_eq(place.source, source);
    ck_assert_str_eq(place.url, url);
}

START_TEST(order)
{
    char directory[TEMPORARY_SIZE], socket[TEMPORARY_SIZE + 8], url[TEMPORARY_SIZE + 16];

    temporary_directory(directory);
    snprintf(socket, sizeof socket, "%s/sock", directory);
    snprintf(url, sizeof url, "unix://%s", socket);
    check_place(NULL, socket, BROKER_PLACE_BY_DEFAULT, "mqtt://127.0.0.1:1883");
    write_file(socket, "", 0);
    check_place(NULL, socket, BROKER_PLACE_FOUND_SOCKET, url);
    setenv("MQTT_URL", "mqtts://h", 1);
    check_place(NULL, socket, BROKER_PLACE_FROM_MQTT_URL, "mqtts://h");
    setenv("MQTT_SOCKET", "/s", 1);
    check_place(NULL, socket, BROKER_PLACE_FROM_MQTT_SOCKET, "unix:///s");
    setenv("MQTT_SOCKET", "unix:///t", 1);
    check_place(NULL, socket, BROKER_PLACE_FROM_MQTT_SOCKET, "unix:///t");
    check_place("mqtt://b:9", socket, BROKER_PLACE_FROM_OPTION, "mqtt://b:9");
    setenv("MQTT_SOCKET", "", 1);
    setenv("MQTT_URL", "", 1);
    check_place(NULL, socket, BROKER_PLACE_FOUND_SOCKET, url);
}
END_TEST

/* What is wrong is said with where it comes from; a password in a URL is not shown. */
START_TEST(refused)
{
    struct options options = {.broker = "http://x"};
    struct broker_place place;
    char error[BROKER_PLACE_ERROR_SIZE];

    ck_assert(!broker_place_find(&place, &options, "/none", error));
    ck_assert_ptr_nonnull(strstr(error, "--broker: http://x: must be"));
    options.broker = "mqtt://me:secret@h";
    ck_assert(!broker_place_find(&place, &options, "/none", error));
    ck_assert_ptr_null(strstr(error, "secret"));
    options = (struct options){.cert_file = "c"};
    ck_assert(!broker_place_find(&place, &options, "/none", error));
    setenv("MQTT_SOCKET", "relative", 1);
    options = (struct options){0};
    ck_assert(!broker_place_find(&place, &options, "/none", error));
    ck_assert_ptr_nonnull(strstr(error, "MQTT_SOCKET"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_broker_place");
    TCase *tests = tcase_create("client_broker_place");

    temporary_begin();
    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, order);
    tcase_add_test(tests, refused);
    int result = run_suite(suite);
    temporary_end();
    return result;
}
