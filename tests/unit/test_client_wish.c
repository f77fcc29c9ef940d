/* SPDX-License-Identifier: MIT */
/* What a command line asks for becomes the request that means it, or is refused. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"
#include "request.h"
#include "run_suite.h"
#include "topic.h"
#include "txt.h"
#include "wish.h"

static struct wish wish;
static struct request request;
static struct status_error error;

static void begin(void)
{
    wish = (struct wish){.name = "Web \"app\" ü", .type = "_http._tcp", .port = 8080, .lease = 120};
}

static void end(void)
{
    wish_free(&wish);
}

static void make(void)
{
    char *text = wish_request(&wish, "t1", &error);
    ck_assert_msg(text, "%s", error.message);
    ck_assert_int_eq(
        request_parse(&request, &error, (const uint8_t *)text, strlen(text), RECORD_SIZE_DEFAULT),
        REQUEST_OK);
    free(text);
}

static void refused(enum status_code code, const char *key)
{
    char *text = wish_request(&wish, "t1", &error);
    ck_assert_ptr_null(text);
    ck_assert_int_eq(error.code, code);
    ck_assert_str_eq(error.key, key);
}

START_TEST(plain)
{
    make();
    ck_assert_str_eq(request.name, wish.name);
    ck_assert_str_eq(request.type, "_http._tcp");
    ck_assert_str_eq(request.interface, "");
    ck_assert_str_eq(request.transaction, "t1");
    ck_assert_uint_eq(request.port, 8080);
    ck_assert_uint_eq(request.lease, 120);
    ck_assert_uint_eq(request.txt_length, 0);
    ck_assert(request.rename);
}
END_TEST

START_TEST(all)
{
    wish.interface = "eth0";
    wish.no_rename = true;
    wish.lease = 0;
    ck_assert(wish_add_subtype(&wish, "_printer"));
    ck_assert(wish_add_subtype(&wish, "_color"));
    make();
    ck_assert_str_eq(request.interface, "eth0");
    ck_assert(!request.rename);
    ck_assert_uint_eq(request.lease, 0);
    ck_assert_uint_eq(request.subtype_count, 2);
    ck_assert_str_eq(request.subtypes[1], "_color");
}
END_TEST

START_TEST(txt_is_what_was_said)
{
    static const char *const said[] = {"path=/",           "bare",       "empty=",    "eq=a=b",
                                       "bin=\x01\xff\x7f", "quote=\"\\", "sp ace= x "};
    size_t at = 0, i = 0;
    struct txt_string string;

    for (i = 0; i < 7; i++)
        ck_assert(wish_add_txt(&wish, said[i]));
    make();
    for (i = 0; (at = txt_next(&string, request.txt, request.txt_length, at)); i++) {
        ck_assert_uint_eq(string.length, strlen(said[i]));
        ck_assert_mem_eq(string.bytes, said[i], string.length);
    }
    ck_assert_uint_eq(i, 7);
}
END_TEST

START_TEST(mistakes)
{
    wish.name = "";
    refused(STATUS_BAD_NAME, "name");
    begin();
    wish.name = "bad \xff";
    refused(STATUS_BAD_JSON, "name");
    begin();
    wish.name = NULL;
    refused(STATUS_MISSING_KEY, "name");
    begin();
    wish.type = "_http";
    refused(STATUS_BAD_TYPE, "type");
    begin();
    wish.interface = "a/b";
    refused(STATUS_BAD_KEY, "interface");
    begin();
    wish_add_txt(&wish, "=value");
    refused(STATUS_BAD_TXT, "txt.");
    wish_free(&wish);
    wish_add_txt(&wish, "a=1");
    wish_add_txt(&wish, "A=2");
    refused(STATUS_BAD_TXT, "txt.A");
    wish_free(&wish);
    wish_add_subtype(&wish, "printer");
    refused(STATUS_BAD_KEY, "subtypes");
}
END_TEST

START_TEST(ports)
{
    static const char *const bad[] = {"",   "0",  "65536", "99999", "123456", "-1",
                                      "+1", " 1", "1 ",    "0x50",  "8080a",  "http"};
    uint16_t port = 0;
    ck_assert(wish_port(&port, "1") && port == 1);
    ck_assert(wish_port(&port, "65535") && port == 65535);
    ck_assert(wish_port(&port, "080") && port == 80);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!wish_port(&port, bad[i]), "%s", bad[i]);
}
END_TEST

static void id_is_fine(const char *id)
{
    char client[TOPIC_CLIENT_MAX + 1];
    ck_assert_msg(topic_client_parse(client, id), "%s", id);
}

START_TEST(ids)
{
    char id[WISH_ID_SIZE], other[WISH_ID_SIZE];
    const char *names[] = {"", "Web app", "../..", "ümläut", "/+#$", NULL};

    wish_id(id, &wish, "box");
    ck_assert_msg(strncmp(id, "http-Web", 8) == 0, "%s", id);
    wish_id(other, &wish, "box");
    ck_assert_str_eq(id, other);
    wish_id(other, &wish, "box2");
    ck_assert_str_ne(id, other);
    wish.port = 8081;
    wish_id(other, &wish, "box");
    ck_assert_str_ne(id, other);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        wish.name = names[i];
        wish_id(id, &wish, "box");
        id_is_fine(id);
    }
    wish.name = "long name long name long name long name long name long name xyz";
    wish.type = "_abcdefghijklmno._tcp";
    wish_id(id, &wish, "box");
    id_is_fine(id);
    wish.name = "long name long name long name long name long name long name xya";
    wish_id(other, &wish, "box");
    ck_assert_str_ne(id, other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_wish");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, plain);
    tcase_add_test(tests, all);
    tcase_add_test(tests, txt_is_what_was_said);
    tcase_add_test(tests, mistakes);
    tcase_add_test(tests, ports);
    tcase_add_test(tests, ids);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
