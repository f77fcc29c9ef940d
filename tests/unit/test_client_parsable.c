/* SPDX-License-Identifier: MIT */
/* What avahi-browse 0.8 writes; that it does is shown by tests/e2e/test_client_browse.py. */
#include "parsable.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "run_suite.h"
#include "txt.h"

static const struct {
    const char *plain, *escaped;
} labels[] = {
    {"", ""},
    {"Plain-name_1", "Plain-name_1"},
    {"Kitchen printer", "Kitchen\\032printer"},
    {"a.b\\c", "a\\.b\\\\c"},
    {";/+#%\"", "\\059\\047\\043\\035\\037\\034"},
    {"\n\x01\x7f", "\\010\\001\\127"},
    {"\xc3\xbc\xff", "\\195\\188\\255"},
};

START_TEST(label)
{
    char out[PARSABLE_SIZE(64)];
    ck_assert_uint_eq(parsable_label(out, labels[_i].plain), strlen(labels[_i].escaped));
    ck_assert_str_eq(out, labels[_i].escaped);
}
END_TEST

START_TEST(domain)
{
    char out[PARSABLE_SIZE(64)];
    ck_assert_uint_eq(parsable_domain(out, "local"), 5);
    ck_assert_uint_eq(parsable_domain(out, "my host.local"), 16);
    ck_assert_str_eq(out, "my\\032host.local");
    parsable_domain(out, "_x y._tcp");
    ck_assert_str_eq(out, "_x\\032y._tcp");
    parsable_domain(out, "");
    ck_assert_str_eq(out, "");
    parsable_domain(out, "a..b.");
    ck_assert_str_eq(out, "a..b.");
}
END_TEST

START_TEST(txt)
{
    static const uint8_t wire[] = "\3a=1\4bare\2e=\10q=\"\\ \n\xff\x7f";
    char out[PARSABLE_SIZE(sizeof wire)];
    static const char expected[] = "\"q=\\\"\\\\ \\010\\255\x7f\" \"e=\" \"bare\" \"a=1\"";

    ck_assert_uint_eq(parsable_txt(out, wire, sizeof wire - 1), strlen(expected));
    ck_assert_str_eq(out, expected);
    ck_assert_uint_eq(parsable_txt(out, wire, 0), 0);
    ck_assert_str_eq(out, "");
}
END_TEST

/* The room that the header promises is enough for the worst there is. */
START_TEST(longest_txt)
{
    enum { LENGTH = 2 * TXT_ATTRIBUTES_MAX };
    uint8_t *wire = malloc(LENGTH);
    char *out = malloc(PARSABLE_SIZE(LENGTH)); /* the sanitizers watch its end */

    for (size_t i = 0; i < LENGTH; i += 2) {
        wire[i] = 1;
        wire[i + 1] = 0xff;
    }
    ck_assert_uint_eq(parsable_txt(out, wire, LENGTH), 7 * TXT_ATTRIBUTES_MAX - 1);
    free(out);
    free(wire);
}
END_TEST

START_TEST(printable)
{
    char out[64];
    parsable_printable(out, "K\xc3\xbc che\t~");
    ck_assert_str_eq(out, "K__ che_~");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_parsable");
    TCase *tests = tcase_create("client_parsable");

    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests, label, 0, sizeof labels / sizeof *labels);
    tcase_add_test(tests, domain);
    tcase_add_test(tests, txt);
    tcase_add_test(tests, longest_txt);
    tcase_add_test(tests, printable);
    return run_suite(suite);
}
