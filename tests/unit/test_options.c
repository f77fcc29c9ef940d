/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "config_fixture.h"
#include "options.h"

#define ARGUMENTS_MAX 8

/* Parses the NULL-terminated arguments behind argv[0]. */
static bool parse(struct options *options, const char *const *arguments,
                  char error[CONFIG_ERROR_SIZE])
{
    static char copies[ARGUMENTS_MAX][256]; /* argv is writable, and stays */
    char *argv[ARGUMENTS_MAX + 2] = {copies[0]};
    strcpy(copies[0], "mdns-mqtt-bridge");
    int argc = 1;
    for (; arguments[argc - 1]; argc++) {
        ck_assert_int_lt(argc, ARGUMENTS_MAX);
        snprintf(copies[argc], sizeof copies[argc], "%s", arguments[argc - 1]);
        argv[argc] = copies[argc];
    }
    return options_parse(options, argc, argv, error);
}

/* `line` is in the dump of the configuration that is made of the arguments and `file`. */
static const struct {
    const char *arguments[ARGUMENTS_MAX];
    const char *file;
    const char *line;
} good[] = {
    {{NULL}, "", "url = mqtt://127.0.0.1:1883\n"},
    {{NULL}, "[broker]\nurl = mqtt://h\n", "url = mqtt://h:1883\n"},
    {{"--broker", "mqtts://x"}, "[broker]\nurl = mqtt://h\n", "url = mqtts://x:8883\n"},
    {{"--broker=unix:///x"}, "", "url = unix:///x\n"},
    {{"--broker", "mqtt://a", "--broker", "mqtt://b"}, "", "url = mqtt://b:1883\n"},
    {{"--prefix", "a/b"}, "[records]\nprefix = c\n", "prefix = a/b\n"},
    {{"--type", "_a._tcp"}, "[browse]\ntypes = auto _b._tcp\n", "\ntypes = _a._tcp\n"},
    {{"--type", "_a._tcp", "--type=auto", "--type", "_b._udp"},
     "",
     "\ntypes = auto _a._tcp _b._udp\n"},
    {{"--interface", "eth*", "--interface", "wlan0"},
     "[browse]\ninterfaces = x\n",
     "\ninterfaces = eth* wlan0\n"},
    {{"--interface", ""}, "[browse]\ninterfaces = x\n", "\ninterfaces =\n"},
    {{"--log-level", "debug"}, "[log]\nlevel = error\n", "level = debug\n"},
    {{"--check-config", "--"}, "", "level = info\n"},
};

START_TEST(test_good)
{
    struct options options;
    struct config config;
    struct config_errors errors;
    char error[CONFIG_ERROR_SIZE];
    ck_assert_msg(parse(&options, good[_i].arguments, error), "%s", error);
    fixture_write("bridge.conf", good[_i].file);
    options.config_file = "bridge.conf";

    /* twice, as at the start and after SIGHUP */
    for (int round = 0; round < 2; round++) {
        ck_assert(options_load_config(&options, &config, &errors));
        char *dump = fixture_dump(&config);
        ck_assert_msg(strstr(dump, good[_i].line) != NULL, "no %s in %s", good[_i].line, dump);
        free(dump);
        config_free(&config);
    }
    options_free(&options);
}
END_TEST

static const struct {
    const char *arguments[ARGUMENTS_MAX];
    const char *error;
} bad[] = {
    {{"--nonsense"}, "--nonsense: there is no such option"},
    {{"--nonsense=1", "x"}, "--nonsense=1: there is no such option"},
    {{"-x"}, "-x: there is no such option"},
    {{"--check-config", "-vd"}, "-v: there is no such option"},
    {{"--broker"}, "--broker needs an argument"},
    {{"--version", "--config"}, "--config needs an argument"},
    {{"--help=me"}, "--help takes no argument"},
    {{"run"}, "run: there are no arguments but options"},
    {{"run", "--nonsense"}, "run: there are no arguments but options"},
    {{"run", "--help"}, "run: there are no arguments but options"},
    {{"--help", "run"}, "run: there are no arguments but options"},
    {{"--", "--help"}, "--help: there are no arguments but options"},
    {{"-"}, "-: there are no arguments but options"},
    {{"--broker", "nonsense"},
     "--broker 'nonsense': must be mqtt://HOST[:PORT], mqtts://HOST[:PORT] or unix:///PATH"},
    {{"--broker", "mqtt://me:secret@h"},
     "--broker '...': a user does not belong into the URL; there are username and password-file"},
    {{"--prefix", "+"},
     "--prefix '+': must be one or more topic levels without '+', '#' and a leading '$'"},
    {{"--type", "http"}, "--type 'http': 'http' is not a service type (_http._tcp)"},
    {{"--type", "auto", "--type", "http"},
     "--type 'auto http': 'http' is not a service type (_http._tcp)"},
    {{"--type", ""}, "command line: [browse] types: needs auto or at least one service type"},
    {{"--interface", "a/b"}, "--interface 'a/b': 'a/b' is not a glob for interfaces"},
    {{"--log-level", "loud"}, "--log-level 'loud': must be one of: error warning info debug"},
};

START_TEST(test_bad)
{
    struct options options;
    char error[CONFIG_ERROR_SIZE];
    ck_assert(!parse(&options, bad[_i].arguments, error));
    ck_assert_str_eq(error, bad[_i].error);
    options_free(&options);
}
END_TEST

START_TEST(test_flags)
{
    static const char *const all[] = {"--check-config", "--dump-config", "--version", "--help",
                                      "--config",       "x.conf",        NULL};
    struct options options;
    char error[CONFIG_ERROR_SIZE];
    ck_assert(parse(&options, all + 6, error));
    ck_assert(!options.check_config && !options.dump_config && !options.version && !options.help);
    ck_assert_ptr_null(options.config_file);
    options_free(&options);
    ck_assert(parse(&options, all, error));
    ck_assert(options.check_config && options.dump_config && options.version && options.help);
    ck_assert_str_eq(options.config_file, "x.conf");
    options_free(&options);
    for (int i = 0; i < 4; i++) {
        const char *one[] = {all[i], NULL};
        ck_assert(parse(&options, one, error));
        ck_assert_int_eq(options.check_config, i == 0);
        ck_assert_int_eq(options.dump_config, i == 1);
        ck_assert_int_eq(options.version, i == 2);
        ck_assert_int_eq(options.help, i == 3);
        options_free(&options);
    }
}
END_TEST

START_TEST(test_missing_file_that_was_asked_for)
{
    static const char *const arguments[] = {"--config", "missing.conf", NULL};
    struct options options;
    struct config config;
    struct config_errors errors;
    char error[CONFIG_ERROR_SIZE];
    ck_assert(parse(&options, arguments, error));
    ck_assert(!options_load_config(&options, &config, &errors));
    ck_assert_uint_eq(errors.count, 1);
    ck_assert_str_eq(errors.text[0], "missing.conf: No such file or directory");
    config_free(&config);
    options_free(&options);
}
END_TEST

/* The pair is wrong only once the command line is laid over the file. */
START_TEST(test_file_and_command_line_do_not_go_together)
{
    static const char *const arguments[] = {"--broker", "mqtt://h", "--config", "bridge.conf",
                                            NULL};
    struct options options;
    struct config config;
    struct config_errors errors;
    char error[CONFIG_ERROR_SIZE];
    fixture_write("bridge.conf", "[broker]\nurl = mqtts://h\nca-file = /ca\n");
    ck_assert(parse(&options, arguments, error));
    ck_assert(!options_load_config(&options, &config, &errors));
    ck_assert_uint_eq(errors.count, 1);
    ck_assert_str_eq(errors.text[0], "bridge.conf:3: [broker] ca-file: needs a URL with mqtts://");
    options_free(&options);
}
END_TEST

/* Every option of the specification, with its argument, and lines that fit a terminal. */
START_TEST(test_help)
{
    static const char *const options[] = {
        "--config FILE", "--broker URL",   "--prefix P",    "--type T",  "--interface I",
        "--log-level L", "--check-config", "--dump-config", "--version", "--help"};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(out);
    options_print_help(out);
    fclose(out);
    for (int i = 0; i < COUNT(options); i++) {
        char expected[64];
        snprintf(expected, sizeof expected, "\n  %s ", options[i]);
        ck_assert_msg(strstr(text, expected) != NULL, "%s", options[i]);
    }
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        ck_assert_uint_lt(strcspn(line, "\n"), 80);
    free(text);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("options");
    tcase_add_loop_test(tests, test_good, 0, COUNT(good));
    tcase_add_loop_test(tests, test_bad, 0, COUNT(bad));
    tcase_add_test(tests, test_flags);
    tcase_add_test(tests, test_missing_file_that_was_asked_for);
    tcase_add_test(tests, test_file_and_command_line_do_not_go_together);
    tcase_add_test(tests, test_help);
    return fixture_run(tests, "options");
}
