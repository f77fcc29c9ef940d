/* SPDX-License-Identifier: MIT */
/* What a command line asks for becomes the request that means it, or is refused. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"
#include "request.h"
#include "request_builder.h"
#include "run_suite.h"
#include "topic.h"
#include "txt.h"

static struct request_builder builder;
static struct request request;
static struct status_error error;

static void begin(void)
{
    builder = (struct request_builder){
        .name = "Web \"app\" ü", .type = "_http._tcp", .port = 8080, .lease = 120};
}

static void end(void)
{
    request_builder_free(&builder);
}

static void make(void)
{
    char *text = request_builder_build(&builder, "t1", &error);
    ck_assert_msg(text, "%s", error.message);
    ck_assert_int_eq(
        request_parse(&request, &error, (const uint8_t *)text, strlen(text), RECORD_SIZE_DEFAULT),
        REQUEST_OK);
    free(text);
}

static void refused(enum status_code code, const char *key)
{
    char *text = request_builder_build(&builder, "t1", &error);
    ck_assert_ptr_null(text);
    ck_assert_int_eq(error.code, code);
    ck_assert_str_eq(error.key, key);
}

START_TEST(plain)
{
    make();
    ck_assert_str_eq(request.name, builder.name);
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
    builder.interface = "eth0";
    builder.no_rename = true;
    builder.lease = 0;
    ck_assert(request_builder_add_subtype(&builder, "_printer"));
    ck_assert(request_builder_add_subtype(&builder, "_color"));
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
        ck_assert(request_builder_add_txt(&builder, said[i]));
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
    builder.name = "";
    refused(STATUS_BAD_NAME, "name");
    begin();
    builder.name = "bad \xff";
    refused(STATUS_BAD_JSON, "name");
    begin();
    builder.name = NULL;
    refused(STATUS_MISSING_KEY, "name");
    begin();
    builder.type = "_http";
    refused(STATUS_BAD_TYPE, "type");
    begin();
    builder.interface = "a/b";
    refused(STATUS_BAD_KEY, "interface");
    begin();
    request_builder_add_txt(&builder, "=value");
    refused(STATUS_BAD_TXT, "txt.");
    request_builder_free(&builder);
    request_builder_add_txt(&builder, "a=1");
    request_builder_add_txt(&builder, "A=2");
    refused(STATUS_BAD_TXT, "txt.A");
    request_builder_free(&builder);
    request_builder_add_subtype(&builder, "printer");
    refused(STATUS_BAD_KEY, "subtypes");
}
END_TEST

static void id_is_fine(const char *id)
{
    char client[TOPIC_CLIENT_MAX + 1];
    ck_assert_msg(topic_client_parse(client, id), "%s", id);
}

START_TEST(ids)
{
    char id[REQUEST_BUILDER_ID_SIZE], other[REQUEST_BUILDER_ID_SIZE];
    const char *names[] = {"", "Web app", "../..", "ümläut", "/+#$", NULL};

    request_builder_id(id, &builder, "box");
    ck_assert_msg(strncmp(id, "http-Web", 8) == 0, "%s", id);
    request_builder_id(other, &builder, "box");
    ck_assert_str_eq(id, other);
    request_builder_id(other, &builder, "box2");
    ck_assert_str_ne(id, other);
    builder.port = 8081;
    request_builder_id(other, &builder, "box");
    ck_assert_str_ne(id, other);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        builder.name = names[i];
        request_builder_id(id, &builder, "box");
        id_is_fine(id);
    }
    builder.name = "long name long name long name long name long name long name xyz";
    builder.type = "_abcdefghijklmno._tcp";
    request_builder_id(id, &builder, "box");
    id_is_fine(id);
    builder.name = "long name long name long name long name long name long name xya";
    request_builder_id(other, &builder, "box");
    ck_assert_str_ne(id, other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_request_builder");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, plain);
    tcase_add_test(tests, all);
    tcase_add_test(tests, txt_is_what_was_said);
    tcase_add_test(tests, mistakes);
    tcase_add_test(tests, ids);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
