/* SPDX-License-Identifier: MIT */
/* Each case writes into a file that stands in for stderr; check runs every one in a process of its
 * own. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <regex.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "run_suite.h"

#define ELLIPSIS "\xe2\x80\xa6"

static FILE *sink;

static void redirect_stderr(void)
{
    sink = tmpfile();
    ck_assert_ptr_nonnull(sink);
    ck_assert_int_ge(dup2(fileno(sink), STDERR_FILENO), 0);
    unsetenv("JOURNAL_STREAM");
    log_init();
}

static void pretend_journal(void)
{
    struct stat status;
    char stream[64];
    ck_assert_int_eq(fstat(STDERR_FILENO, &status), 0);
    snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log_init();
}

/* Everything written so far. */
static const char *written(void)
{
    static char text[65536];
    ssize_t length = pread(fileno(sink), text, sizeof text - 1, 0);
    ck_assert_int_ge(length, 0);
    text[length] = '\0';
    return text;
}

static void assert_matches(const char *text, const char *pattern)
{
    regex_t regex;
    ck_assert_int_eq(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    ck_assert_msg(regexec(&regex, text, 0, NULL, 0) == 0, "'%s' is not like '%s'", text, pattern);
    regfree(&regex);
}

START_TEST(test_line_with_time_and_level)
{
    log_warning("service '%s': %d", "Kitchen", 7);
    assert_matches(written(), "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z "
                              "warning: service 'Kitchen': 7\n$");
}
END_TEST

START_TEST(test_journal_priorities)
{
    pretend_journal();
    log_set_level(LOG_LEVEL_DEBUG);
    log_error("a");
    log_warning("b");
    log_info("c");
    log_debug("d");
    ck_assert_str_eq(written(), "<3>a\n<4>b\n<6>c\n<7>d\n");
}
END_TEST

START_TEST(test_other_journal_stream)
{
    setenv("JOURNAL_STREAM", "1:2", 1);
    log_init();
    log_error("a");
    assert_matches(written(), "Z error: a\n$");
}
END_TEST

START_TEST(test_levels)
{
    static const char *const expected[LOG_LEVELS] = {"<3>e\n", "<3>e\n<4>w\n", "<3>e\n<4>w\n<6>i\n",
                                                     "<3>e\n<4>w\n<6>i\n<7>d\n"};
    pretend_journal();
    log_set_level((enum log_level)_i);
    log_error("e");
    log_warning("w");
    log_info("i");
    log_debug("d");
    ck_assert_str_eq(written(), expected[_i]);
}
END_TEST

START_TEST(test_info_at_the_start)
{
    pretend_journal();
    log_debug("d");
    log_info("i");
    ck_assert_str_eq(written(), "<6>i\n");
}
END_TEST

static const struct {
    const char *message, *line;
} escapes[] = {
    {"", "<3>\n"},
    {"plain \\ % \" '", "<3>plain \\ % \" '\n"},
    {"K\xc3\xbc"
     "che \xe2\x98\x95 \xf0\x9f\x96\xa8",
     "<3>K\xc3\xbc"
     "che \xe2\x98\x95 \xf0\x9f\x96\xa8\n"},
    {"a\nb", "<3>a\\x0Ab\n"},
    {"a\r\tb", "<3>a\\x0D\\x09"
               "b\n"},
    {"\x1b[31mred", "<3>\\x1B[31mred\n"},
    {"del\x7f", "<3>del\\x7F\n"},
    {"c1\xc2\x9b"
     "31m\xc2\x80\xc2\x9f",
     "<3>c1\\xC2\\x9B31m\\xC2\\x80\\xC2\\x9F\n"},
    {"nbsp\xc2\xa0", "<3>nbsp\xc2\xa0\n"},
    {"\xff\xfe", "<3>\\xFF\\xFE\n"},
    {"raw c1 \x9b", "<3>raw c1 \\x9B\n"},
    {"overlong \xc0\x8a", "<3>overlong \\xC0\\x8A\n"},
    {"surrogate \xed\xa0\x80", "<3>surrogate \\xED\\xA0\\x80\n"},
    {"cut off \xe2\x98", "<3>cut off \\xE2\\x98\n"},
};

START_TEST(test_escapes)
{
    pretend_journal();
    log_error("%s", escapes[_i].message);
    ck_assert_str_eq(written(), escapes[_i].line);
}
END_TEST

START_TEST(test_long_message_is_cut)
{
    char message[8192];
    memset(message, 'x', sizeof message - 1);
    message[sizeof message - 1] = '\0';
    pretend_journal();
    log_error("%s", message);
    const char *line = written();
    ck_assert_uint_eq(strlen(line), 3 + 2047 + strlen(ELLIPSIS "\n"));
    ck_assert_str_eq(line + strlen(line) - strlen("x" ELLIPSIS "\n"), "x" ELLIPSIS "\n");
}
END_TEST

/* Behind `_i` bytes, each character in turn is the one that does not fit. */
START_TEST(test_cut_between_characters)
{
    char message[4096] = "";
    memset(message, 'x', (size_t)_i);
    for (size_t length = (size_t)_i; length + 4 < sizeof message; length += 3)
        memcpy(message + length, "\xe2\x98\x95", sizeof "\xe2\x98\x95");
    pretend_journal();
    log_error("%s", message);
    const char *line = written();
    assert_matches(line, "^<3>x*(\xe2\x98\x95)+" ELLIPSIS "\n$");
    ck_assert_ptr_null(strchr(line, '\\'));
}
END_TEST

START_TEST(test_escaping_is_bounded)
{
    char message[2000];
    memset(message, '\n', sizeof message - 1);
    message[sizeof message - 1] = '\0';
    pretend_journal();
    log_error("%s", message);
    const char *line = written();
    ck_assert_uint_le(strlen(line), 4096);
    ck_assert_uint_ge(strlen(line), 4088);
    assert_matches(line, "^<3>(\\\\x0A)+" ELLIPSIS "\n$");
}
END_TEST

START_TEST(test_errno_is_kept)
{
    close(STDERR_FILENO);
    errno = ENOTTY;
    log_error("lost");
    ck_assert_int_eq(errno, ENOTTY);
}
END_TEST

#define THREAD_LINES 2000

static void *write_lines(void *letter)
{
    char text[101];
    memset(text, *(const char *)letter, sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < THREAD_LINES; i++) {
        log_error("%s", text);
        log_set_level(i % 2 ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR);
    }
    return NULL;
}

static void *copy_to_sink(void *fd)
{
    char bytes[65536];
    ssize_t length;
    while ((length = read(*(const int *)fd, bytes, sizeof bytes)) > 0)
        ck_assert_int_eq(fwrite(bytes, 1, (size_t)length, sink), length);
    return NULL;
}

START_TEST(test_two_threads)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
    close(ends[1]);
    pretend_journal();

    static char letters[] = "ab";
    pthread_t reader, a, b;
    pthread_create(&reader, NULL, copy_to_sink, &ends[0]);
    pthread_create(&a, NULL, write_lines, letters);
    pthread_create(&b, NULL, write_lines, letters + 1);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    close(STDERR_FILENO);
    pthread_join(reader, NULL);

    char line[256];
    int lines = 0;
    rewind(sink);
    for (; fgets(line, sizeof line, sink); lines++) {
        ck_assert_uint_eq(strlen(line), 104);
        ck_assert_uint_eq(strspn(line + 3, line[3] == 'a' ? "a" : "b"), 100);
    }
    ck_assert_int_eq(lines, 2 * THREAD_LINES);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("log");
    tcase_add_checked_fixture(tests, redirect_stderr, NULL);
    tcase_add_test(tests, test_line_with_time_and_level);
    tcase_add_test(tests, test_journal_priorities);
    tcase_add_test(tests, test_other_journal_stream);
    tcase_add_loop_test(tests, test_levels, 0, LOG_LEVELS);
    tcase_add_test(tests, test_info_at_the_start);
    tcase_add_loop_test(tests, test_escapes, 0, sizeof escapes / sizeof *escapes);
    tcase_add_test(tests, test_long_message_is_cut);
    tcase_add_loop_test(tests, test_cut_between_characters, 0, 3);
    tcase_add_test(tests, test_escaping_is_bounded);
    tcase_add_test(tests, test_errno_is_kept);
    tcase_add_test(tests, test_two_threads);

    Suite *suite = suite_create("log");
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
