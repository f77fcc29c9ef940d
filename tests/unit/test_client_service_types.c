/* SPDX-License-Identifier: MIT */
/* Against what Avahi says: tests/e2e/test_client_browse.py. */
#include "service_types.h"

#include <stdlib.h>
#include <string.h>

#include "run_suite.h"

START_TEST(names)
{
    static const char *const rows[][2] = {
        {"_http._tcp", "Web Site"},
        {"_MacOSXDupSuppress._tcp", "MacOS X Duplicate Machine Suppression"}, /* the first */
        {"_xpra._tcp", "Xpra Session Server"},                                /* the last */
        {"_tp._tcp", "Thousand Parsec Server"},
        {"_tps._tcp", "Thousand Parsec Server (Secure)"},
        {"_HTTP._tcp", "_HTTP._tcp"},
        {"_http", "_http"},
        {"_none._udp", "_none._udp"},
        {"", ""},
        {"~", "~"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ck_assert_str_eq(service_types_name(rows[i][0]), rows[i][1]);
}
END_TEST

struct walk {
    const char *before;
    size_t count;
};

static void see(void *context, const char *type)
{
    struct walk *walk = context;
    ck_assert_msg(strcmp(walk->before, type) < 0, "%s stands behind %s", type, walk->before);
    ck_assert_str_ne(service_types_name(type), type); /* the search finds each */
    walk->before = type;
    walk->count++;
}

START_TEST(each)
{
    struct walk walk = {"", 0};
    service_types_each(see, &walk);
    ck_assert_uint_eq(walk.count, 76);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_service_types");
    TCase *tests = tcase_create("client_service_types");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, names);
    tcase_add_test(tests, each);
    return run_suite(suite);
}
