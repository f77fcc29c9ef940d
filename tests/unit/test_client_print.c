/* SPDX-License-Identifier: MIT */
/* Safe text, and a table that fits. What the commands print is tested by tests/e2e. */
#include <check.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "advertise_print.h"
#include "run_suite.h"
#include "table.h"
#include "terminal_text.h"

static const struct {
    const char *plain, *safe;
} texts[] = {
    {"", ""},
    {"K\xc3\xbc"
     "che / 1 \\",
     "K\xc3\xbc"
     "che / 1 \\"},
    {"a\nb\x1b[31m\x7f", "a\\x0Ab\\x1B[31m\\x7F"},
    {"\xff\xc3(", "\\xFF\\xC3("},
    {"\xc2\x9b", "\\xC2\\x9B"},               /* a C1 control: CSI */
    {"\xd7\x90\xd7\x91", "\xd7\x90\xd7\x91"}, /* Hebrew is text */
};

START_TEST(escape)
{
    char out[4 * 64 + 1];
    const char *plain = texts[_i].plain;

    ck_assert_uint_eq(terminal_text_escape(out, (const uint8_t *)plain, strlen(plain)),
                      strlen(texts[_i].safe));
    ck_assert_str_eq(out, texts[_i].safe);
}
END_TEST

/* Characters that would turn what follows them around: U+202E, U+2066, U+2069. */
START_TEST(direction)
{
    static const uint8_t turning[] = {0xe2, 0x80, 0xae, 'x', 0xe2, 0x81, 0xa6, 0xe2, 0x81, 0xa9};
    char out[4 * sizeof turning + 1];

    terminal_text_escape(out, turning, sizeof turning);
    ck_assert_str_eq(out, "\\xE2\\x80\\xAEx\\xE2\\x81\\xA6\\xE2\\x81\\xA9");
}
END_TEST

static const struct {
    const char *text;
    size_t columns;
    const char *fitted;
} fits[] = {
    {"abc", 5, "abc  "},
    {"abc", 3, "abc"},
    {"abcd", 3, "ab\xe2\x80\xa6"},
    {"abcd", 1, "\xe2\x80\xa6"},
    {"abcd", 0, ""},
    {"", 2, "  "},
    {"\xc3\xa4\xc3\xb6\xc3\xbc", 4, "\xc3\xa4\xc3\xb6\xc3\xbc "},
    {"\xe4\xb8\xad\xe6\x96\x87", 4, "\xe4\xb8\xad\xe6\x96\x87"}, /* two wide ones */
    {"\xe4\xb8\xad\xe6\x96\x87", 3, "\xe4\xb8\xad\xe2\x80\xa6"},
    {"\xe4\xb8\xad\xe6\x96\x87", 2, "\xe2\x80\xa6 "}, /* half does not go */
    {"e\xcc\x81x", 2, "e\xcc\x81x"},                  /* a combining one */
};

START_TEST(fit)
{
    char out[64];
    size_t length = terminal_text_fit(out, sizeof out, fits[_i].text, fits[_i].columns);

    ck_assert_str_eq(out, fits[_i].fitted);
    ck_assert_uint_eq(length, strlen(out));
    ck_assert_uint_eq(terminal_text_width(out), fits[_i].columns);
}
END_TEST

/* All of it may be anybody's: the bridge is whoever may write there. */
START_TEST(advertisement)
{
    struct status status = {.state = STATUS_ESTABLISHED, .name = "A\x1b[2J", .type = "_\x1b._tcp"};
    char out[ADVERTISE_LINE_SIZE];

    status.port = 80;
    advertise_line(out, &status);
    ck_assert_str_eq(out, "established as 'A\\x1B[2J' (_\\x1B._tcp, port 80)");
    status.state = STATUS_FAILED;
    memset(status.error.message, '\x1b', STATUS_MESSAGE_MAX);
    advertise_line(out, &status);
    ck_assert_ptr_null(strchr(out, '\x1b'));
    ck_assert_uint_gt(strlen(out), 4 * STATUS_MESSAGE_MAX);
    memcpy(status.warnings[0].message, "\x1b[2J", 5);
    advertise_warning(out, &status.warnings[0]);
    ck_assert_str_eq(out, "warning (port-unpublished): \\x1B[2J");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_print");
    TCase *tests = tcase_create("client_print");

    (void)setlocale(LC_CTYPE, "C.UTF-8");
    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests, escape, 0, sizeof texts / sizeof *texts);
    tcase_add_test(tests, direction);
    tcase_add_test(tests, advertisement);
    tcase_add_loop_test(tests, fit, 0, sizeof fits / sizeof *fits);
    return run_suite(suite);
}
