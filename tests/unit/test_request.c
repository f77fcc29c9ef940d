/* SPDX-License-Identifier: MIT */
/* What is taken, and what becomes of it; test_request_refused.c has what is not. */
#include <stdio.h>

#include "request_text.h"

START_TEST(smallest)
{
    struct request request = parsed("{" NAME "," TYPE "," PORT "}");

    ck_assert_str_eq(request.name, "Web app");
    ck_assert_str_eq(request.type, "_http._tcp");
    ck_assert_uint_eq(request.port, 8080);
    ck_assert_uint_eq(request.txt_length, 0);
    ck_assert_uint_eq(request.subtype_count, 0);
    ck_assert_str_eq(request.interface, "");
    ck_assert(request.rename);
    ck_assert_uint_eq(request.lease, 0);
    ck_assert_str_eq(request.transaction, "");
}
END_TEST

/* All keys, in another order, padded like a record. */
START_TEST(everything)
{
    struct request request = parsed(
        "\n{\"transaction\":\"r\\u0031\",\"lease\":120,\"rename\":false,\"interface\":\"eth0\","
        "\"subtypes\":[\"_printer\",\"_S3\"],\"txt\":{\"path\":\"/\",\"secure\":true,\"x\":null,"
        "\"blob\":{\"b64\":\"AAECAw==\"}},\"port\":1,\"type\":\"_x-1._udp\","
        "\"name\":\"K\xc3\xbc"
        "che \\ud83d\\ude00 \\\"a.b\\\\c/\"}    \t\r\n  ");

    ck_assert_str_eq(request.name, "K\xc3\xbc"
                                   "che \xf0\x9f\x98\x80 \"a.b\\c/");
    ck_assert_str_eq(request.type, "_x-1._udp");
    ck_assert_uint_eq(request.port, 1);
    ck_assert_uint_eq(request.txt_length, 26);
    ck_assert_mem_eq(request.txt,
                     "\6path=/\6secure\1x\x9"
                     "blob=\0\1\2\3",
                     26);
    ck_assert_uint_eq(request.subtype_count, 2);
    ck_assert_str_eq(request.subtypes[0], "_printer");
    ck_assert_str_eq(request.subtypes[1], "_S3");
    ck_assert_str_eq(request.interface, "eth0");
    ck_assert(!request.rename);
    ck_assert_uint_eq(request.lease, 120);
    ck_assert_str_eq(request.transaction, "r1");
}
END_TEST

START_TEST(numbers)
{
    static const struct {
        const char *text;
        unsigned port;
    } ports[] = {{"1", 1},         {"65535", 65535},  {"8080.0", 8080}, {"8e1", 80},
                 {"8.08e3", 8080}, {"1.0E+4", 10000}, {"10e-1", 1}};
    static const struct {
        const char *text;
        unsigned seconds;
    } leases[] = {{"30", 30},
                  {"31", 31},
                  {"97200", 97200},
                  {"120.0", 120},
                  {"29", 30},
                  {"0", 30},
                  {"-0", 30},
                  {"-1", 30},
                  {"97201", 97200},
                  {"1e300", 97200},
                  {"1e999", 97200},
                  {"-1e999", 30},
                  {"4294967326", 97200},
                  {"18446744073709551646", 97200}};
    char text[256];

    for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
        snprintf(text, sizeof text, "{" NAME "," TYPE ",\"port\":%s}", ports[i].text);
        ck_assert_uint_eq(parsed(text).port, ports[i].port);
    }
    for (size_t i = 0; i < sizeof leases / sizeof leases[0]; i++) {
        snprintf(text, sizeof text, WITH("\"lease\":%s"), leases[i].text);
        ck_assert_uint_eq(parsed(text).lease, leases[i].seconds);
    }
}
END_TEST

START_TEST(leases_of_elsewhere)
{
    ck_assert_uint_eq(request_clamp_lease(0), REQUEST_LEASE_MIN);
    ck_assert_uint_eq(request_clamp_lease(30), 30);
    ck_assert_uint_eq(request_clamp_lease(UINT32_MAX), REQUEST_LEASE_MAX);
}
END_TEST

START_TEST(longest)
{
    struct request request = parsed("{\"name\":\"" X63("n") "\",\"type\":\"_" X15(
        "t") "._tcp\",\"port\":65535,"
             "\"interface\":\"" X15("i") "\",\"transaction\":\"" X64(
                 "\xf0\x9f\x98\x80") "\","
                                     "\"subtypes\":[\"_1" X15("s") X15("s") X15("s")
                                         X15("s") "s\",\"_2s\",\"_3s\","
                                                  "\"_4s\",\"_5s\",\"_6s\",\"_7s\",\"_8s\"]}");

    ck_assert_uint_eq(strlen(request.name), SERVICE_NAME_MAX);
    ck_assert_uint_eq(strlen(request.type), REQUEST_TYPE_MAX);
    ck_assert_uint_eq(strlen(request.interface), SERVICE_INTERFACE_MAX);
    ck_assert_uint_eq(strlen(request.transaction), REQUEST_TRANSACTION_MAX);
    ck_assert_uint_eq(strlen(request.subtypes[0]), REQUEST_SUBTYPE_MAX);
    ck_assert_uint_eq(request.subtype_count, REQUEST_SUBTYPES_MAX);
}
END_TEST

/* Exactly as large as a record is fine; one byte more is not. */
START_TEST(size_of_a_record)
{
    static uint8_t payload[RECORD_SIZE_DEFAULT + 1];
    static const char text[] = "{" NAME "," TYPE "," PORT "}";
    struct request request;
    struct status_error error;

    memset(payload, ' ', sizeof payload);
    memcpy(payload, text, strlen(text));
    ck_assert_int_eq(parse_bytes(&request, &error, payload, RECORD_SIZE_DEFAULT), REQUEST_OK);
    ck_assert_int_eq(parse_bytes(&request, &error, payload, sizeof payload), REQUEST_REFUSED);
    ck_assert_int_eq(error.code, STATUS_TOO_LARGE);
    ck_assert_str_eq(error.key, "");
    ck_assert_str_eq(error.message, "4097 bytes, where 4096 are the most");
}
END_TEST

START_TEST(comparing)
{
    static const struct {
        const char *before, *after;
        enum request_change change;
    } rows[] = {
        {"\"rename\":true", "\"rename\":true", REQUEST_SAME},
        {"\"rename\":true", "\"lease\":60", REQUEST_SAME},
        {"\"lease\":60", "\"lease\":61,\"transaction\":\"x\"", REQUEST_SAME},
        {"\"txt\":{}", "\"rename\":true", REQUEST_SAME},
        {"\"txt\":{\"a\":true}", "\"txt\":{\"a\":null}", REQUEST_SAME},
        {"\"txt\":{\"a\":\"b\"}", "\"txt\":{\"a\":{\"b64\":\"Yg==\"}}", REQUEST_SAME},
        {"\"subtypes\":[\"_aa\",\"_bb\"]", "\"subtypes\":[\"_bb\",\"_aa\"]", REQUEST_SAME},
        {"\"subtypes\":[]", "\"rename\":true", REQUEST_SAME},
        {"\"txt\":{\"a\":\"1\"}", "\"txt\":{\"a\":\"2\"}", REQUEST_TXT_CHANGED},
        {"\"txt\":{\"a\":\"1\"}", "\"txt\":{}", REQUEST_TXT_CHANGED},
        {"\"txt\":{\"a\":\"1\"}", "\"txt\":{\"a\":\"1\",\"b\":true}", REQUEST_TXT_CHANGED},
        {"\"txt\":{\"a\":\"1\",\"b\":true}", "\"txt\":{\"b\":true,\"a\":\"1\"}",
         REQUEST_TXT_CHANGED},
        {"\"lease\":60", "\"txt\":{\"a\":\"1\"}", REQUEST_TXT_CHANGED},
        {"\"rename\":true", "\"rename\":false", REQUEST_CHANGED},
        {"\"rename\":true", "\"interface\":\"eth0\"", REQUEST_CHANGED},
        {"\"interface\":\"eth1\"", "\"interface\":\"eth0\"", REQUEST_CHANGED},
        {"\"subtypes\":[\"_aa\"]", "\"subtypes\":[\"_bb\"]", REQUEST_CHANGED},
        {"\"subtypes\":[\"_aa\"]", "\"subtypes\":[\"_AA\"]", REQUEST_CHANGED},
        {"\"subtypes\":[\"_aa\"]", "\"subtypes\":[\"_aa\",\"_bb\"]", REQUEST_CHANGED},
        {"\"rename\":false,\"txt\":{}", "\"txt\":{\"a\":true}", REQUEST_CHANGED},
    };
    char text[256];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(text, sizeof text, WITH("%s"), rows[i].before);
        struct request before = parsed(text);

        snprintf(text, sizeof text, WITH("%s"), rows[i].after);
        struct request after = parsed(text);

        ck_assert_msg(request_compare(&before, &after) == rows[i].change, "%s, %s", rows[i].before,
                      rows[i].after);
        ck_assert(request_compare(&after, &before) == rows[i].change);
    }
}
END_TEST

START_TEST(comparing_what_is_required)
{
    struct request request = parsed(WITH("\"txt\":{\"a\":true}"));
    static const char *const others[] = {
        "{\"name\":\"web app\"," TYPE "," PORT "}",
        "{" NAME ",\"type\":\"_HTTP._tcp\"," PORT "}",
        "{" NAME ",\"type\":\"_http._udp\"," PORT "}",
        "{" NAME "," TYPE ",\"port\":8081}",
    };

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct request other = parsed(others[i]);

        ck_assert_msg(request_compare(&request, &other) == REQUEST_CHANGED, "%s", others[i]);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("request");

    tcase_add_test(tests, smallest);
    tcase_add_test(tests, everything);
    tcase_add_test(tests, numbers);
    tcase_add_test(tests, leases_of_elsewhere);
    tcase_add_test(tests, longest);
    tcase_add_test(tests, size_of_a_record);
    tcase_add_test(tests, comparing);
    tcase_add_test(tests, comparing_what_is_required);
    return run("request", tests);
}
