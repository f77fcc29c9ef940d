/* SPDX-License-Identifier: MIT */
#include "filter.h"
#include "run_suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const char *const none[] = {NULL};

static struct mdns_options options_with(const char *const *types, const char *const *interfaces,
                                        const char *const *ignored)
{
    static const char *const local[] = {"local", NULL};
    return (struct mdns_options){.browse = true,
                                 .enumerate = true,
                                 .types = types,
                                 .domains = local,
                                 .interfaces = interfaces,
                                 .ignore_interfaces = ignored,
                                 .ipv4 = true,
                                 .ipv6 = true,
                                 .local = true,
                                 .max_services = 4096,
                                 .txt_max = 4096};
}

START_TEST(which_types)
{
    static const char *const listed[] = {"_http._tcp", "_x._udp", NULL};
    static const struct {
        bool browse, enumerate;
        const char *type;
        bool enumerated, wanted;
    } rows[] = {
        {true, true, "_ipp._tcp", true, true},   {true, true, "_ipp._tcp", false, false},
        {true, true, "_http._tcp", false, true}, {true, false, "_ipp._tcp", true, false},
        {true, false, "_HTTP._TCP", true, true}, {true, false, "_x._udp", false, true},
        {true, false, "_x._tcp", true, false},   {false, true, "_http._tcp", true, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct mdns_options options = options_with(listed, none, none);
        options.browse = rows[i].browse;
        options.enumerate = rows[i].enumerate;
        struct filter *filter = filter_new(&options);
        ck_assert_msg(filter_wants_type(filter, rows[i].type, rows[i].enumerated) == rows[i].wanted,
                      "row %zu", i);
        filter_free(filter);
    }
}
END_TEST

START_TEST(which_interfaces)
{
    static const char *const lans[] = {"eth?", "wl*", NULL};
    static const char *const ignored[] = {"lo", "veth*", "eth9", NULL};
    static const struct {
        const char *const *interfaces;
        const char *name;
        bool wanted;
    } rows[] = {
        {none, "eth0", true},    {none, "lo", false},   {none, "lo0", true},
        {none, "veth12", false}, {lans, "eth0", true},  {lans, "eth10", false},
        {lans, "wlan0", true},   {lans, "eth9", false}, {lans, "lo", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct mdns_options options = options_with(none, rows[i].interfaces, ignored);
        struct filter *filter = filter_new(&options);
        ck_assert_msg(filter_wants_instance(filter, rows[i].name, SERVICE_IPV4, false) ==
                          rows[i].wanted,
                      "row %zu", i);
        filter_free(filter);
    }
}
END_TEST

/* --interface lo, with nothing said of what to ignore. */
START_TEST(a_name_wins_over_the_default)
{
    static const char *const named[] = {"lo", "veth*", NULL}, *const ignored[] = {"lo", "veth*",
                                                                                  NULL};
    struct mdns_options options = options_with(none, named, ignored);
    for (int i = 0; i < 2; i++) {
        options.names_win = i;
        struct filter *filter = filter_new(&options);
        ck_assert(filter_wants_instance(filter, "lo", SERVICE_IPV4, true) == options.names_win);
        ck_assert(!filter_wants_instance(filter, "veth1", SERVICE_IPV4, true));
        filter_free(filter);
    }
}
END_TEST

START_TEST(protocols_and_own_services)
{
    struct mdns_options options = options_with(none, none, none);
    options.ipv4 = false;
    options.local = false;
    struct filter *filter = filter_new(&options);
    ck_assert(!filter_wants_instance(filter, "eth0", SERVICE_IPV4, false));
    ck_assert(filter_wants_instance(filter, "eth0", SERVICE_IPV6, false));
    ck_assert(!filter_wants_instance(filter, "eth0", SERVICE_IPV6, true));
    filter_free(filter);
}
END_TEST

START_TEST(is_a_copy)
{
    char type[] = "_http._tcp";
    const char *types[] = {type, NULL};
    struct mdns_options options = options_with(types, none, none);
    struct filter *filter = filter_new(&options);
    memset(type, 'x', sizeof type - 1);
    types[0] = NULL;
    ck_assert_str_eq(filter_options(filter)->types[0], "_http._tcp");
    ck_assert_ptr_null(filter_options(filter)->types[1]);
    filter_free(filter);
    filter_free(NULL);
}
END_TEST

START_TEST(equal_where_everything_is)
{
    static const char *const a[] = {"a", NULL}, *const ab[] = {"a", "b", NULL};
    static const char *const b[] = {"b", NULL};
    const struct mdns_options base = options_with(a, a, a);
    const struct mdns_options others[] = {
        options_with(ab, a, a), options_with(none, a, a), options_with(b, a, a),
        options_with(a, b, a),  options_with(a, a, ab),
    };
    struct mdns_options flags[] = {base, base, base, base, base};
    flags[0].browse = flags[1].enumerate = flags[2].ipv4 = flags[3].ipv6 = flags[4].local = false;
    struct filter *filter = filter_new(&base), *same = filter_new(&base);
    ck_assert(filter_equal(filter, same));
    filter_free(same);
    for (size_t i = 0; i < 5; i++) {
        struct filter *other = filter_new(&others[i]), *flag = filter_new(&flags[i]);
        ck_assert(!filter_equal(filter, other) && !filter_equal(other, filter));
        ck_assert(!filter_equal(filter, flag));
        filter_free(other);
        filter_free(flag);
    }
    filter_free(filter);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("filter");
    TCase *tcase = tcase_create("filter");
    tcase_add_test(tcase, which_types);
    tcase_add_test(tcase, which_interfaces);
    tcase_add_test(tcase, protocols_and_own_services);
    tcase_add_test(tcase, is_a_copy);
    tcase_add_test(tcase, equal_where_everything_is);
    tcase_add_test(tcase, a_name_wins_over_the_default);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
