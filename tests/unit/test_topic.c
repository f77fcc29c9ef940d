/* SPDX-License-Identifier: MIT */
#include "run_suite.h"
#include "topic.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* 63 and 64 times the same */
#define X7(s) s s s s s s s
#define X63(s) X7(X7(s)) X7(s) X7(s)
#define X64(s) X63(s) s

START_TEST(path_and_identity_are_one_to_one)
{
    static const struct {
        struct service_id id;
        const char *path;
    } rows[] = {
        {{"Kitchen printer", "_ipp._tcp", "local", "eth0"}, "local/_ipp._tcp/Kitchen printer/eth0"},
        {{"50% off/on", "_http._tcp", "local", "wlan0"}, "local/_http._tcp/50%25 off%2Fon/wlan0"},
        {{"K\xc3\xbc"
          "che",
          "_http._tcp", "example.com", "br-lan.1"},
         "example.com/_http._tcp/K\xc3\xbc"
         "che/br-lan.1"},
        {{"\xff\x80", "_x._udp", "local", "e"}, "local/_x._udp/%FF%80/e"},
        {{"+", "#", "/", "%"}, "%2F/%23/%2B/%25"},
        {{"..", ".", "$SYS", " "}, "$SYS/./../ "},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char path[TOPIC_PATH_SIZE];
        struct service_id id;

        ck_assert_uint_eq(topic_path(path, &rows[i].id), strlen(rows[i].path));
        ck_assert_str_eq(path, rows[i].path);
        ck_assert(topic_path_parse(&id, path));
        ck_assert_str_eq(id.name, rows[i].id.name);
        ck_assert_str_eq(id.type, rows[i].id.type);
        ck_assert_str_eq(id.domain, rows[i].id.domain);
        ck_assert_str_eq(id.interface, rows[i].id.interface);
    }
}
END_TEST

/* All that a field can hold, each byte of it encoded: nothing overflows, nothing is lost. */
START_TEST(longest_identity)
{
    struct service_id id = {0};
    struct service_id back;
    char path[TOPIC_PATH_SIZE];

    memset(id.name, 0xff, SERVICE_NAME_MAX);
    memset(id.type, '/', SERVICE_TYPE_MAX);
    memset(id.domain, 0x01, SERVICE_DOMAIN_MAX);
    memset(id.interface, '%', SERVICE_INTERFACE_MAX);

    ck_assert_uint_eq(topic_path(path, &id), TOPIC_PATH_SIZE - 1);
    ck_assert(topic_path_parse(&back, path));
    ck_assert_str_eq(back.name, id.name);
    ck_assert_str_eq(back.type, id.type);
    ck_assert_str_eq(back.domain, id.domain);
    ck_assert_str_eq(back.interface, id.interface);
}
END_TEST

START_TEST(parsing_refuses)
{
    static const char *const rows[] = {
        "",
        "local",
        "local/_ipp._tcp",
        "local/_ipp._tcp/a",
        "local/_ipp._tcp/a/",
        "local/_ipp._tcp//eth0",
        "local//a/eth0",
        "/_ipp._tcp/a/eth0",
        "local/_ipp._tcp/a/eth0/",
        "local/_ipp._tcp/a/eth0/b",
        "/local/_ipp._tcp/a/eth0",
        "local/_ipp._tcp/a%2fb/eth0",
        "local/_ipp._tcp/%41/eth0",
        "local/_ipp._tcp/%00/eth0",
        "local/_ipp._tcp/\xff/eth0",
        "local/_ipp._tcp/+/eth0",
        "local/_ipp._tcp/a/#",
        "local/_ipp._tcp/" X64("n") "/eth0",
        "local/_ipp._tcp/" X64("%FF") "/eth0",
        "local/_ipp._tcp/a/sixteen-bytes-xx",
        "local/" X63("t") "123456/a/eth0",
        X63("d") X63("d") X63("d") X63("d") "12/_ipp._tcp/a/eth0",
    };
    struct service_id id;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_msg(!topic_path_parse(&id, rows[i]), "%s", rows[i]);
}
END_TEST

START_TEST(prefixes)
{
    static const struct {
        const char *prefix;
        bool valid;
    } rows[] = {
        {"mdns", true},
        {"a", true},
        {"home/mdns", true},
        {"a/b/c/d", true},
        {"50% off", true},
        {"K\xc3\xbc"
         "che/mdns",
         true},
        {"mdns$", true},
        {"a/$b", true},
        {X63("p") X63("p") X63("p") X63("p") "123", true},
        {X63("p") X63("p") X63("p") X63("p") "1234", false},
        {"", false},
        {"/", false},
        {"/mdns", false},
        {"mdns/", false},
        {"a//b", false},
        {"$SYS", false},
        {"$", false},
        {"a+b", false},
        {"a/+", false},
        {"#", false},
        {"mdns/#", false},
        {"a\tb", false},
        {"a\x7f", false},
        {"a\xc2\x80", false},
        {"a\xef\xbf\xbf", false},
        {"a\xff", false},
        {"a\xc3", false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_msg(topic_prefix_is_valid(rows[i].prefix) == rows[i].valid, "%s", rows[i].prefix);
}
END_TEST

/* Below PREFIX/advertise/. */
START_TEST(advertise_paths)
{
    static const struct {
        const char *path;
        enum topic_advertise kind;
        const char *client, *id;
    } rows[] = {
        {"web/app", TOPIC_REQUEST, "web", "app"},
        {"A-Z_0.9/..a", TOPIC_REQUEST, "A-Z_0.9", "..a"},
        {"a/...", TOPIC_REQUEST, "a", "..."},
        {X64("c") "/" X64("i"), TOPIC_REQUEST, X64("c"), X64("i")},
        {"web/status", TOPIC_REQUEST, "web", "status"},
        {"web/app/status", TOPIC_STATUS, "", ""},
        {"web/status/status", TOPIC_STATUS, "", ""},
        {"we b/a$p/status", TOPIC_STATUS, "", ""},
        {"a/b/c/status", TOPIC_STATUS, "", ""},
        {"//status", TOPIC_STATUS, "", ""},
        {"", TOPIC_STRAY, "", ""},
        {"web", TOPIC_STRAY, "", ""},
        {"status", TOPIC_STRAY, "", ""},
        {"web/app/", TOPIC_STRAY, "", ""},
        {"web/app/Status", TOPIC_STRAY, "", ""},
        {"web/app/status/", TOPIC_STRAY, "", ""},
        {"web/app/more", TOPIC_STRAY, "", ""},
        {"web/app/xstatus", TOPIC_STRAY, "", ""},
        {X64("c") "c/" X64("i"), TOPIC_STRAY, "", ""},
        {X64("c") "c/" X63("i"), TOPIC_BAD_REQUEST, "", ""},
        {X64("i") "/a" X64("i"), TOPIC_STRAY, "", ""},
        {"a/" X64("i") "i", TOPIC_BAD_REQUEST, "", ""},
        {"/", TOPIC_BAD_REQUEST, "", ""},
        {"web/", TOPIC_BAD_REQUEST, "", ""},
        {"/app", TOPIC_BAD_REQUEST, "", ""},
        {"./app", TOPIC_BAD_REQUEST, "", ""},
        {"web/..", TOPIC_BAD_REQUEST, "", ""},
        {"we b/app", TOPIC_BAD_REQUEST, "", ""},
        {"web/$SYS", TOPIC_BAD_REQUEST, "", ""},
        {"web/%41", TOPIC_BAD_REQUEST, "", ""},
        {"w\xc3\xa4"
         "b/app",
         TOPIC_BAD_REQUEST, "", ""},
        {"web/\xff", TOPIC_BAD_REQUEST, "", ""},
        {"web/a\n", TOPIC_BAD_REQUEST, "", ""},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct request_owner owner;

        memset(&owner, '#', sizeof owner);
        ck_assert_msg(topic_advertise_parse(&owner, rows[i].path) == rows[i].kind, "%s",
                      rows[i].path);
        ck_assert_str_eq(owner.client, rows[i].client);
        ck_assert_str_eq(owner.id, rows[i].id);
    }
}
END_TEST

START_TEST(request_paths_lead_back)
{
    static const struct request_owner owners[] = {
        {"web", "app"}, {"status", "status"}, {"...", "-"}, {X64("c"), X64("i")}};

    for (size_t i = 0; i < sizeof owners / sizeof owners[0]; i++) {
        struct request_owner back;
        char request[TOPIC_REQUEST_SIZE];
        char status[TOPIC_STATUS_SIZE];
        size_t length = topic_request_path(request, &owners[i]);

        ck_assert_uint_eq(length, strlen(request));
        ck_assert_int_eq(topic_advertise_parse(&back, request), TOPIC_REQUEST);
        ck_assert_str_eq(back.client, owners[i].client);
        ck_assert_str_eq(back.id, owners[i].id);

        ck_assert_uint_eq(topic_status_path(status, &owners[i]), length + strlen("/status"));
        ck_assert_int_eq(strncmp(status, request, length), 0);
        ck_assert_str_eq(status + length, "/status");
        ck_assert_int_eq(topic_advertise_parse(&back, status), TOPIC_STATUS);
    }
    ck_assert_uint_eq(TOPIC_STATUS_SIZE, sizeof(X64("c") "/" X64("i") "/status"));
}
END_TEST

/* Below PREFIX/client/. */
START_TEST(client_paths)
{
    static const struct {
        const char *path;
        bool valid;
    } rows[] = {
        {"web", true},  {"a", true},           {"...", true},   {X64("c"), true}, {"", false},
        {".", false},   {"..", false},         {"a/b", false},  {"/", false},     {"a/", false},
        {"a b", false}, {X64("c") "c", false}, {"\xff", false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char client[TOPIC_CLIENT_MAX + 1] = "#";

        ck_assert_msg(topic_client_parse(client, rows[i].path) == rows[i].valid, "%s",
                      rows[i].path);
        ck_assert_str_eq(client, rows[i].valid ? rows[i].path : "");
    }
}
END_TEST

START_TEST(below)
{
    static const struct {
        const char *topic, *prefix, *parent, *rest;
    } rows[] = {
        {"mdns/service/local/_a._tcp", "mdns", "service", "local/_a._tcp"},
        {"mdns/service/local/_a._tcp", "mdns", "", "service/local/_a._tcp"},
        {"a/b/service/x", "a/b", "service", "x"},
        {"a/b/service/x", "a", "b/service", "x"},
        {"mdns/service/", "mdns", "service", ""},
        {"mdns/service//", "mdns", "service", "/"},
        {"mdns/service", "mdns", "service", NULL},
        {"mdns/services/x", "mdns", "service", NULL},
        {"mdns/servic/x", "mdns", "service", NULL},
        {"mdns2/service/x", "mdns", "service", NULL},
        {"mdn/service/x", "mdns", "service", NULL},
        {"mdns", "mdns", "", NULL},
        {"mdns/", "mdns", "", ""},
        {"/mdns/service/x", "mdns", "service", NULL},
        {"", "mdns", "service", NULL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *rest = topic_below(rows[i].topic, rows[i].prefix, rows[i].parent);

        ck_assert_pstr_eq(rest, rows[i].rest);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("topic");
    TCase *tests = tcase_create("topic");

    tcase_add_test(tests, path_and_identity_are_one_to_one);
    tcase_add_test(tests, longest_identity);
    tcase_add_test(tests, parsing_refuses);
    tcase_add_test(tests, prefixes);
    tcase_add_test(tests, advertise_paths);
    tcase_add_test(tests, request_paths_lead_back);
    tcase_add_test(tests, client_paths);
    tcase_add_test(tests, below);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
