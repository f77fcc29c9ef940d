/* SPDX-License-Identifier: MIT */
#include "options.h"
#include "run_suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define ARGUMENTS_MAX 12

enum { ROW_FLAG, ROW_VALUE, ROW_HIDDEN };

static const struct option_row rows[] = {
    {"flag", 'f', NULL, "a flag"}, {"value", 'v', "WORD", "a value"}, {"hidden", 'x', NULL, NULL}};

struct taken {
    bool flag, hidden;
    const char *value;
};

static bool take(void *context, size_t row, const char *value, const char **problem)
{
    struct taken *taken = context;
    taken->flag |= row == ROW_FLAG;
    taken->hidden |= row == ROW_HIDDEN;
    if (row == ROW_VALUE)
        taken->value = value;
    *problem = "not this one";
    return !value || strcmp(value, "bad") != 0;
}

static struct taken taken;
static const struct option_table own = {rows, 3, take, &taken};
static char *argv_left[ARGUMENTS_MAX + 2]; /* what options_parse() made of argv */

/* Parses words with blanks between them; returns the index of the first that is no option, or 0. */
static int parse(struct options *options, const struct option_table *table, const char *words,
                 char error[OPTIONS_ERROR_SIZE])
{
    static char copy[512];
    int argc = 1, first = 0;

    snprintf(copy, sizeof copy, "%s", words);
    memset(&taken, 0, sizeof taken);
    memset(argv_left, 0, sizeof argv_left);
    argv_left[0] = copy + sizeof copy - 1;
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        argv_left[argc++] = word;
    return options_parse(options, table, argc, argv_left, &first, error) ? first : 0;
}

static void setup(void)
{
    static const char *const names[] = {"MQTT_PREFIX",  "MQTT_USERNAME",  "MQTT_PASSWORD_FILE",
                                        "MQTT_CA_FILE", "MQTT_CERT_FILE", "MQTT_KEY_FILE"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
}

START_TEST(defaults)
{
    struct options options;
    char error[OPTIONS_ERROR_SIZE];

    ck_assert_int_eq(parse(&options, NULL, "", error), 1);
    ck_assert_str_eq(options.prefix, "mdns");
    ck_assert_ptr_null(options.broker);
    ck_assert_ptr_null(options.username);
    ck_assert_int_eq(options.timeout_ms, -1);
    ck_assert(!options.json && !options.help);
}
END_TEST

START_TEST(common_ones)
{
    struct options options;
    char error[OPTIONS_ERROR_SIZE];

    ck_assert_int_eq(parse(&options, &own,
                           "--broker a --prefix p/q --username u --password-file f --json "
                           "--timeout 1.5",
                           error),
                     12);
    ck_assert_str_eq(options.broker, "a");
    ck_assert_str_eq(options.prefix, "p/q");
    ck_assert_str_eq(options.username, "u");
    ck_assert_str_eq(options.password_file, "f");
    ck_assert_int_eq(options.timeout_ms, 1500);
    ck_assert(options.json);
    ck_assert_int_eq(parse(&options, &own, "--ca-file=a --cert-file=b --key-file=c -h", error), 5);
    ck_assert_str_eq(options.ca_file, "a");
    ck_assert_str_eq(options.cert_file, "b");
    ck_assert_str_eq(options.key_file, "c");
    ck_assert(options.help);
}
END_TEST

/* Options may stand behind arguments; behind "--" nothing is one. */
START_TEST(own_ones_and_arguments)
{
    struct options options;
    char error[OPTIONS_ERROR_SIZE];

    int first = parse(&options, &own, "one -fv w two --hidden -- -f --json", error);
    ck_assert_int_gt(first, 0);
    ck_assert(taken.flag && taken.hidden && !options.json);
    ck_assert_str_eq(taken.value, "w");
    static const char *const left[] = {"one", "two", "-f", "--json"};
    for (size_t i = 0; i < 4; i++)
        ck_assert_str_eq(argv_left[first + (int)i], left[i]);
}
END_TEST

START_TEST(environment)
{
    struct options options;
    char error[OPTIONS_ERROR_SIZE];

    setenv("MQTT_PREFIX", "env", 1);
    setenv("MQTT_USERNAME", "me", 1);
    setenv("MQTT_PASSWORD_FILE", "", 1);
    parse(&options, NULL, "", error);
    ck_assert_str_eq(options.prefix, "env");
    ck_assert_str_eq(options.username, "me");
    ck_assert_ptr_null(options.password_file);
    parse(&options, NULL, "--prefix given --username you", error);
    ck_assert_str_eq(options.prefix, "given");
    ck_assert_str_eq(options.username, "you");
}
END_TEST

static const struct {
    const char *words, *error; /* a part of it */
} bad[] = {
    {"--nothing", "--nothing: there is no such option"},
    {"-q", "-q: there is no such option"},
    {"--broker", "--broker needs an argument"},
    {"-v", "-v needs an argument"},
    {"--json=x", "--json takes no argument"},
    {"--value bad", "--value bad: not this one"},
    {"--timeout x", "--timeout x: expected seconds"},
    {"--timeout -1", "expected seconds"},
    {"--timeout 1e3", "expected seconds"},
    {"--timeout 86401", "expected seconds"},
    {"--timeout .", "expected seconds"},
    {"--timeout 1.2.3", "expected seconds"},
    {"--prefix a/#", "prefix"},
    {"--prefix /a", "prefix"},
};

START_TEST(refused)
{
    struct options options;
    char error[OPTIONS_ERROR_SIZE];

    ck_assert_int_eq(parse(&options, &own, bad[_i].words, error), 0);
    ck_assert_msg(strstr(error, bad[_i].error) != NULL, "%s", error);
}
END_TEST

START_TEST(seconds)
{
    int64_t milliseconds;
    ck_assert(options_seconds(&milliseconds, "0") && milliseconds == 0);
    ck_assert(options_seconds(&milliseconds, "86400") && milliseconds == 86400000);
    ck_assert(options_seconds(&milliseconds, ".25") && milliseconds == 250);
    ck_assert(!options_seconds(&milliseconds, ""));
    ck_assert(!options_seconds(&milliseconds, " 1"));
    ck_assert(!options_seconds(&milliseconds, "nan"));
    ck_assert(!options_seconds(&milliseconds, "0x10"));
}
END_TEST

/* All rows but hidden ones, in lines that fit a terminal. */
START_TEST(help)
{
    static const char *const expected[] = {"  -f, --flag ", "  -v, --value WORD ", "--broker URL",
                                           "--json", "  -h, --help "};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    options_print_help(&own, out);
    fclose(out);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        ck_assert_msg(strstr(text, expected[i]) != NULL, "%s", expected[i]);
    ck_assert_ptr_null(strstr(text, "hidden"));
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        ck_assert_uint_lt(strcspn(line, "\n"), 100);
    free(text);
}
END_TEST

START_TEST(ports)
{
    static const char *const wrong[] = {"",   "0",  "65536", "99999", "123456", "-1",
                                        "+1", " 1", "1 ",    "0x50",  "8080a",  "http"};
    uint16_t port = 0;
    ck_assert(options_port(&port, "1") && port == 1);
    ck_assert(options_port(&port, "65535") && port == 65535);
    ck_assert(options_port(&port, "080") && port == 80);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(!options_port(&port, wrong[i]), "%s", wrong[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_options");
    TCase *tests = tcase_create("client_options");

    tcase_add_test(tests, ports);
    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, defaults);
    tcase_add_test(tests, common_ones);
    tcase_add_test(tests, own_ones_and_arguments);
    tcase_add_test(tests, environment);
    tcase_add_loop_test(tests, refused, 0, sizeof bad / sizeof *bad);
    tcase_add_test(tests, seconds);
    tcase_add_test(tests, help);
    return run_suite(suite);
}
