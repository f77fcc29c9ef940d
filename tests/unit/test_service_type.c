/* SPDX-License-Identifier: MIT */
#include "service_type.h"

#include <stdlib.h>
#include <string.h>

#include "run_suite.h"

#define X15 "xxxxxxxxxxxxxxx"
#define X62 X15 X15 X15 X15 "xx"

static const struct {
    const char *type;
    bool valid, seen, question;
} rows[] = {
    {"_http._tcp", true, true, true},
    {"_HTTP._TCP", true, true, true},
    {"_sip._udp", true, true, true},
    {"_a._tcp", true, true, true},
    {"_0-x-9._tcp", true, true, true},
    {"_" X15 "._tcp", true, true, true},
    {"_" X15 "x._tcp", false, true, true},
    {"_" X62 "._tcp", false, true, true},
    {"_" X62 "x._tcp", false, false, false},
    {"_nvstream_dbd._tcp", false, true, true},
    {"_a b/c._tcp", false, true, true},
    {"_123._tcp", false, true, true},
    {"_-a._tcp", false, true, true},
    {"_a-._tcp", false, true, true},
    {"_a--b._tcp", false, true, true},
    {"_a.b._tcp", false, false, false},
    {"_a._b._tcp", false, false, true},
    {"_._tcp", false, false, false},
    {"http._tcp", false, false, false},
    {"_http._sctp", false, false, true},
    {"_http._tcp.", false, false, true},
    {"_http._tcp..", false, false, false},
    {"_http", false, false, true},
    {"_tcp", false, false, true},
    {"._tcp", false, false, false},
    {"_", false, false, false},
    {"", false, false, false},
};

START_TEST(types)
{
    const char *type = rows[_i].type;
    ck_assert_msg(service_type_is_valid(type, strlen(type)) == rows[_i].valid, "%s", type);
    ck_assert_msg(service_type_is_seen(type, strlen(type)) == rows[_i].seen, "%s", type);
    ck_assert_msg(service_type_is_question(type) == rows[_i].question, "%s", type);
}
END_TEST

/* One of a list: what follows is not looked at. */
START_TEST(part_of_a_text)
{
    ck_assert(service_type_is_valid("_http._tcp, _x", strlen("_http._tcp")));
    ck_assert(service_type_is_seen("_a_b._udp._x", strlen("_a_b._udp")));
    ck_assert(!service_type_is_valid("_http._tcp", strlen("_http._tc")));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("service_type");
    TCase *tests = tcase_create("service_type");
    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests, types, 0, (int)(sizeof rows / sizeof *rows));
    tcase_add_test(tests, part_of_a_text);
    return run_suite(suite);
}
