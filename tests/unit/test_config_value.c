/* SPDX-License-Identifier: MIT */
/* Single values: what is taken, how it is written, and what is said of the rest. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "config_fixture.h"

#define X10 "xxxxxxxxxx"
#define X60 X10 X10 X10 X10 X10 X10

/* `dumped`: as it is written, or NULL if that is `value`. */
static const struct {
    const char *section, *key, *value, *dumped;
} good[] = {
    {"broker", "url", "mqtt://127.0.0.1:1883", NULL},
    {"broker", "url", "mqtt://broker.example", "mqtt://broker.example:1883"},
    {"broker", "url", "mqtts://a-b_c", "mqtts://a-b_c:8883"},
    {"broker", "url", "mqtts://h:1", NULL},
    {"broker", "url", "mqtt://h:65535", NULL},
    {"broker", "url", "mqtt://[::1]", "mqtt://[::1]:1883"},
    {"broker", "url", "mqtts://[fe80::1%eth0]:1884", NULL},
    {"broker", "url", "unix:///run/mosquitto/mqtt.sock", NULL},
    {"broker", "username", "J\xc3\xbcrgen @ home", NULL},
    {"broker", "username", "", NULL},
    {"broker", "client-id", "a;b#c", NULL},
    {"broker", "password-file", "/etc/a b", NULL},
    {"broker", "keepalive", "5", NULL},
    {"broker", "keepalive", "65535", NULL},
    {"broker", "keepalive", "0060", "60"},
    {"broker", "protocol", "3.1.1", NULL},
    {"broker", "protocol", "5", NULL},
    {"records", "prefix", "home/mdns", NULL},
    {"records", "size", "2048", NULL},
    {"records", "size", "65536", NULL},
    {"records", "stats-interval", "1", NULL},
    {"browse", "ipv4", "no", NULL},
    {"browse", "ipv4", "yes", NULL},
    {"browse", "ipv4", "true", "yes"},
    {"browse", "ipv4", "False", "no"},
    {"browse", "ipv4", "on", "yes"},
    {"browse", "ipv4", "OFF", "no"},
    {"browse", "ipv4", "1", "yes"},
    {"browse", "ipv4", "0", "no"},
    {"browse", "types", "_http._tcp", NULL},
    {"browse", "types", "_sip._udp,auto", "auto _sip._udp"},
    {"browse", "types", "_androidtvremote2._tcp", NULL},
    {"browse", "types", ", ,_a._tcp\t_b._tcp,,", "_a._tcp _b._tcp"},
    {"browse", "types", "_nvstream_dbd._tcp _a/b+%._udp", NULL},
    {"browse", "domains", "Local", "local"},
    {"browse", "interfaces", "eth0,wlan*", "eth0 wlan*"},
    {"browse", "interfaces", "a" X60 " [we]*n0 b" X60 " [[:alpha:]]0 c" X60 " !x",
     "a" X60 " [we]*n0\n    b" X60 " [[:alpha:]]0\n    c" X60 " !x"},
    {"browse", "interfaces", X60 X10 X10 " [we]*n0", X60 X10 X10 "\n    [we]*n0"},
    {"browse", "avahi-grace", "0", NULL},
    {"advertise", "types", "_a1b2c3d4e5f6g7h._tcp", NULL},
    {"advertise", "types", "_0-x-9._UDP", NULL},
    {"advertise", "ports", "1,65535", "1 65535"},
    {"advertise", "ports", "80-80 8000-8999", "80 8000-8999"},
    {"advertise", "ports", "1-65535", "all"},
    {"advertise", "ports", "all", NULL},
    {"advertise", "ports", "", "all"},
    {"advertise", "port-check", "enforce", NULL},
    {"advertise", "port-check", "off", NULL},
    {"log", "level", "error", NULL},
    {"log", "level", "debug", NULL},
};

START_TEST(test_good)
{
    struct config config;
    char error[CONFIG_ERROR_SIZE], line[512];
    ck_assert_int_eq(config_init(&config), 0);
    ck_assert_msg(config_set(&config, good[_i].section, good[_i].key, good[_i].value, error), "%s",
                  error);
    char *dump = fixture_dump(&config);

    const char *value = good[_i].dumped ? good[_i].dumped : good[_i].value;
    snprintf(line, sizeof line, "\n%s =%s%s\n", good[_i].key, *value ? " " : "", value);
    ck_assert_msg(strstr(dump, line) != NULL, "no%s in: %s", line, dump);

    struct config again;
    fixture_load(&again, "");
    struct config_errors errors = {0};
    fixture_write("bridge.conf", dump);
    config_read_file(&again, "bridge.conf", true, &errors);
    ck_assert_msg(errors.count == 0, "%s", errors.text[0]);
    char *second = fixture_dump(&again);
    ck_assert_str_eq(second, dump);
    free(dump);
    free(second);
    config_free(&again);
    config_free(&config);
}
END_TEST

#define NO_URL "must be mqtt://HOST[:PORT], mqtts://HOST[:PORT] or unix:///PATH"
#define NO_HOST "not a host name or address (an IPv6 address needs brackets)"
#define NO_IPV6 "not an IPv6 address between the brackets"
#define NO_PORT "the port must be a number from 1 to 65535"
#define NO_PREFIX "must be one or more topic levels without '+', '#' and a leading '$'"
#define NO_DOMAIN ": 'local' is the only domain that can be browsed"
#define NO_TYPE " is not a service type (_http._tcp)"
#define NO_RANGE " is not a port or a range of ports (80 or 8000-8999)"
#define NO_COMMENT                                                                                 \
    "a '#' or ';' behind a blank is no part of a value; '#' begins a comment only on a line of "   \
    "its "                                                                                         \
    "own"

/* The error is "'VALUE': " and `problem`. */
static const struct {
    const char *section, *key, *value, *problem;
} bad[] = {
    {"broker", "url", "", NO_URL},
    {"broker", "url", "nonsense", NO_URL},
    {"broker", "url", "http://h", NO_URL},
    {"broker", "url", "MQTT://h", NO_URL},
    {"broker", "url", "mqtt://", NO_HOST},
    {"broker", "url", "mqtt://::1", NO_HOST},
    {"broker", "url", "mqtt://.h", NO_HOST},
    {"broker", "url", "mqtt://h..x", NO_HOST},
    {"broker", "url", "mqtt://h.", NO_HOST},
    {"broker", "url", "mqtt://1.2.3", NO_HOST},
    {"broker", "url", "mqtt://1.2.3.256", NO_HOST},
    {"broker", "url", "mqtt://a b", NO_HOST},
    {"broker", "url", "mqtt://" X60 "xxxx", NO_HOST},
    {"broker", "url", "mqtt://h/", "nothing may follow the port"},
    {"broker", "url", "mqtt://h:1883/path", "nothing may follow the port"},
    {"broker", "url", "mqtt://h?x", "nothing may follow the port"},
    {"broker", "url", "mqtt://h:", NO_PORT},
    {"broker", "url", "mqtt://h:0", NO_PORT},
    {"broker", "url", "mqtt://h:65536", NO_PORT},
    {"broker", "url", "mqtt://h:+80", NO_PORT},
    {"broker", "url", "mqtt://h:80x", NO_PORT},
    {"broker", "url", "mqtt://h:000001883", NO_PORT},
    {"broker", "url", "mqtt://[::1", "there is no ']' behind the IPv6 address"},
    {"broker", "url", "mqtt://[]", NO_IPV6},
    {"broker", "url", "mqtt://[127.0.0.1]", NO_IPV6},
    {"broker", "url", "mqtt://[fe80::1%]", NO_IPV6},
    {"broker", "url", "mqtt://[fe80::1%sixteen-letters-]", NO_IPV6},
    {"broker", "url", "mqtt://[" X60 "]", NO_IPV6},
    {"broker", "url", "mqtt://[::1]1883", NO_PORT},
    {"broker", "url", "unix://run/x", "unix:// needs an absolute path"},
    {"broker", "url",
     "unix:///" X60 "1234567890123456789012345678901234567890"
     "1234567",
     "the path is longer than a Unix socket's can be (107 bytes)"},
    {"broker", "username", "a\nb", "has control characters or is not UTF-8"},
    {"broker", "username", "a\tb", "has control characters or is not UTF-8"},
    {"broker", "username", "\xff", "has control characters or is not UTF-8"},
    {"broker", "username", " a", "has a blank at its beginning or end"},
    {"broker", "username", "a ", "has a blank at its beginning or end"},
    {"broker", "username", "a # b", NO_COMMENT},
    {"broker", "username", "a ; b", NO_COMMENT},
    {"broker", "username", ";a", NO_COMMENT},
    {"broker", "username", "#a", NO_COMMENT},
    {"broker", "keepalive", "", "must be a number from 5 to 65535"},
    {"broker", "keepalive", "4", "must be a number from 5 to 65535"},
    {"broker", "keepalive", "65536", "must be a number from 5 to 65535"},
    {"broker", "keepalive", "4294967326", "must be a number from 5 to 65535"},
    {"broker", "keepalive", "18446744073709551646", "must be a number from 5 to 65535"},
    {"broker", "keepalive", "-30", "must be a number from 5 to 65535"},
    {"broker", "keepalive", "+30", "must be a number from 5 to 65535"},
    {"broker", "keepalive", "0x30", "must be a number from 5 to 65535"},
    {"broker", "keepalive", "30s", "must be a number from 5 to 65535"},
    {"broker", "protocol", "3.1", "must be one of: 3.1.1 5"},
    {"records", "prefix", "", NO_PREFIX},
    {"records", "prefix", "a/#", NO_PREFIX},
    {"records", "prefix", "/a", NO_PREFIX},
    {"records", "prefix", "$SYS", NO_PREFIX},
    {"records", "size", "2047", "must be a number from 2048 to 65536"},
    {"records", "size", "65537", "must be a number from 2048 to 65536"},
    {"records", "stats-interval", "0", "must be a number from 1 to 86400"},
    {"browse", "local", "maybe", "must be yes or no"},
    {"browse", "local", "", "must be yes or no"},
    {"browse", "types", "http", "'http'" NO_TYPE},
    {"browse", "types", "_http._tcp _http", "'_http'" NO_TYPE},
    {"browse", "types", "_http._tcp.local", "'_http._tcp.local'" NO_TYPE},
    {"browse", "types", "_._tcp", "'_._tcp'" NO_TYPE},
    {"browse", "types", "_a b._tcp", "'_a'" NO_TYPE},
    {"browse", "types", "_a.b._tcp", "'_a.b._tcp'" NO_TYPE},
    {"browse", "types", "_a._sctp", "'_a._sctp'" NO_TYPE},
    {"browse", "types", "_a#b._tcp", "'_a#b._tcp'" NO_TYPE},
    {"browse", "domains", "local example.com", "'example.com'" NO_DOMAIN},
    {"browse", "domains", "local.", "'local.'" NO_DOMAIN},
    {"browse", "domains", "loca", "'loca'" NO_DOMAIN},
    {"browse", "interfaces", "eth0 = x", "'=' is not a glob for interfaces"},
    {"browse", "interfaces", "eth0 # lan", "'#' is not a glob for interfaces"},
    {"browse", "interfaces", "a\nb", "has control characters or is not UTF-8"},
    {"browse", "max-services", "0", "must be a number from 1 to 65536"},
    {"browse", "avahi-grace", "3601", "must be a number from 0 to 3600"},
    {"advertise", "types", "auto", "'auto'" NO_TYPE},
    {"advertise", "types", "_androidtvremote2._tcp", "'_androidtvremote2._tcp'" NO_TYPE},
    {"advertise", "types", "_-a._tcp", "'_-a._tcp'" NO_TYPE},
    {"advertise", "types", "_a-._tcp", "'_a-._tcp'" NO_TYPE},
    {"advertise", "types", "_a--b._tcp", "'_a--b._tcp'" NO_TYPE},
    {"advertise", "types", "_123._tcp", "'_123._tcp'" NO_TYPE},
    {"advertise", "deny-types", "_a_b._tcp", "'_a_b._tcp'" NO_TYPE},
    {"advertise", "ports", "0", "'0'" NO_RANGE},
    {"advertise", "ports", "65536", "'65536'" NO_RANGE},
    {"advertise", "ports", "90-80", "'90-80'" NO_RANGE},
    {"advertise", "ports", "80-", "'80-'" NO_RANGE},
    {"advertise", "ports", "-80", "'-80'" NO_RANGE},
    {"advertise", "ports", "80 - 90", "'-'" NO_RANGE},
    {"advertise", "ports", "1-2-3", "'1-2-3'" NO_RANGE},
    {"advertise", "ports", "http", "'http'" NO_RANGE},
    {"advertise", "max-per-client", "1025", "must be a number from 1 to 1024"},
    {"advertise", "max-total", "4097", "must be a number from 1 to 4096"},
    {"advertise", "port-check", "yes", "must be one of: off warn enforce"},
    {"log", "level", "loud", "must be one of: error warning info debug"},
};

START_TEST(test_bad)
{
    struct config config;
    char error[CONFIG_ERROR_SIZE], expected[CONFIG_ERROR_SIZE];
    ck_assert_int_eq(config_init(&config), 0);
    ck_assert(!config_set(&config, bad[_i].section, bad[_i].key, bad[_i].value, error));
    snprintf(expected, sizeof expected, "'%.100s': %s", bad[_i].value, bad[_i].problem);
    ck_assert_str_eq(error, expected);
    config_free(&config);
}
END_TEST

START_TEST(test_urls_as_the_program_sees_them)
{
    struct config config;
    char error[CONFIG_ERROR_SIZE];
    const struct mqtt_url *url = &config.broker.url;
    ck_assert_int_eq(config_init(&config), 0);
    ck_assert(config_set(&config, "broker", "url", "mqtts://[fe80::1%eth0]", error));
    ck_assert(url->tls);
    ck_assert_str_eq(url->host, "fe80::1%eth0");
    ck_assert_uint_eq(url->port, 8883);
    ck_assert(config_set(&config, "broker", "url", "unix:///run/x", error));
    ck_assert(!url->tls);
    ck_assert_str_eq(url->host, "/run/x");
    ck_assert_uint_eq(url->port, 0);
    config_free(&config);
}
END_TEST

/* A message goes to the log: what may be a password stays out of it. */
START_TEST(test_password_in_url_is_not_shown)
{
    struct config config;
    char error[CONFIG_ERROR_SIZE];
    ck_assert_int_eq(config_init(&config), 0);
    /* Who writes the password in place of its file must not find it in the log. */
    ck_assert(!config_set(&config, "broker", "password-file", "hunter2", error));
    ck_assert_str_eq(error, "'...': must be an absolute path");
    ck_assert(!config_set(&config, "broker", "url", "mqtt://me:secret@h", error));
    ck_assert_str_eq(error, "'...': a user does not belong into the URL; there are username and "
                            "password-file");
    ck_assert(!config_set(&config, "broker", "url", "me:secret@h", error));
    ck_assert_str_eq(error, "'...': " NO_URL);
    config_free(&config);
}
END_TEST

START_TEST(test_too_long)
{
    struct config config;
    char error[CONFIG_ERROR_SIZE], value[CONFIG_VALUE_MAX + 2];
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    ck_assert_int_eq(config_init(&config), 0);
    ck_assert(!config_set(&config, "broker", "username", value, error));
    ck_assert_ptr_nonnull(strstr(error, "xxx': longer than 180 bytes"));
    ck_assert(!config_set(&config, "browse", "interfaces", value, error));
    ck_assert_ptr_nonnull(strstr(error, "xxx': an item is longer than 180 bytes"));
    ck_assert(config_set(&config, "broker", "username", value + 1, error));
    ck_assert(config_set(&config, "browse", "interfaces", value + 1, error));
    config_free(&config);
}
END_TEST

START_TEST(test_too_many)
{
    static const struct {
        const char *section, *key, *before, *behind, *problem;
    } lists[] = {{"browse", "interfaces", "i", "", "more than 256 items"},
                 {"advertise", "types", "_t", "._tcp", "more than 256 items"},
                 {"advertise", "ports", "1", "", "more than 256 ranges"}};
    for (int i = 0; i < COUNT(lists); i++) {
        struct config config;
        char error[CONFIG_ERROR_SIZE], value[8192];
        size_t length = 0;
        ck_assert_int_eq(config_init(&config), 0);
        for (int item = 0; item <= CONFIG_LIST_MAX; item++) {
            if (item == CONFIG_LIST_MAX)
                ck_assert(config_set(&config, lists[i].section, lists[i].key, value, error));
            length +=
                (size_t)sprintf(value + length, "%s%d%s ", lists[i].before, item, lists[i].behind);
        }
        ck_assert(!config_set(&config, lists[i].section, lists[i].key, value, error));
        ck_assert_ptr_nonnull(strstr(error, lists[i].problem));
        config_free(&config);
    }
}
END_TEST

START_TEST(test_no_such_key)
{
    struct config config;
    char error[CONFIG_ERROR_SIZE];
    ck_assert_int_eq(config_init(&config), 0);
    ck_assert(!config_set(&config, "log", "url", "x", error));
    ck_assert_str_eq(error, "there is no key url in [log]");
    config_free(&config);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("config_value");
    tcase_add_loop_test(tests, test_good, 0, COUNT(good));
    tcase_add_loop_test(tests, test_bad, 0, COUNT(bad));
    tcase_add_test(tests, test_urls_as_the_program_sees_them);
    tcase_add_test(tests, test_password_in_url_is_not_shown);
    tcase_add_test(tests, test_too_long);
    tcase_add_test(tests, test_too_many);
    tcase_add_test(tests, test_no_such_key);
    return fixture_run(tests, "config_value");
}
