/* SPDX-License-Identifier: MIT */
/* A datagram socket stands in for the service manager. */
#include <check.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "notify.h"
#include "run_suite.h"
#include "temporary.h"

static char directory[TEMPORARY_SIZE];
static int manager = -1;

/* Listens at a path, or at an abstract name if it begins with '@', and says so in the environment.
 */
static void listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    ck_assert_uint_le(length, sizeof address.sun_path);
    memcpy(address.sun_path, name, length);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ck_assert_int_ge(manager, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    ck_assert_int_eq(bind(manager, (struct sockaddr *)&address, size), 0);
    setenv("NOTIFY_SOCKET", name, 1);
}

static char path[108 + 1];

static void set_up(void)
{
    temporary_directory(directory);
    snprintf(path, sizeof path, "%s/notify", directory);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

/* The next datagram, or NULL. */
static const char *received(void)
{
    static char text[4096];
    ssize_t length = recv(manager, text, sizeof text - 1, 0);
    if (length < 0)
        return NULL;
    text[length] = '\0';
    return text;
}

START_TEST(test_messages)
{
    listen_at(path);
    notify_ready();
    ck_assert_str_eq(received(), "READY=1");
    notify_stopping();
    ck_assert_str_eq(received(), "STOPPING=1");
    notify_watchdog();
    ck_assert_str_eq(received(), "WATCHDOG=1");
    notify_status("%d services", 12);
    ck_assert_str_eq(received(), "STATUS=12 services");
    ck_assert_ptr_null(received());
}
END_TEST

START_TEST(test_reloading_has_the_time)
{
    struct timespec now;
    listen_at(path);
    notify_reloading();
    clock_gettime(CLOCK_MONOTONIC, &now);
    const char *text = received();
    const char *key = "RELOADING=1\nMONOTONIC_USEC=";
    ck_assert_int_eq(strncmp(text, key, strlen(key)), 0);
    int64_t age = now.tv_sec * 1000000 + now.tv_nsec / 1000 - strtoll(text + strlen(key), NULL, 10);
    ck_assert_int_ge(age, 0);
    ck_assert_int_lt(age, 60 * 1000000);
}
END_TEST

START_TEST(test_abstract_socket)
{
    char name[64];
    snprintf(name, sizeof name, "@test_notify/%d", (int)getpid());
    listen_at(name);
    notify_ready();
    ck_assert_str_eq(received(), "READY=1");
}
END_TEST

START_TEST(test_longest_path)
{
    size_t length = strlen(path);
    memset(path + length, 'x', 108 - length);
    path[108] = '\0';
    listen_at(path);
    notify_ready();
    ck_assert_str_eq(received(), "READY=1");
}
END_TEST

START_TEST(test_status_stays_one_line)
{
    listen_at(path);
    notify_status("a\nMAINPID=1\x7f");
    ck_assert_str_eq(received(), "STATUS=a MAINPID=1 ");
}
END_TEST

START_TEST(test_status_is_bounded)
{
    char text[4096];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    listen_at(path);
    notify_status("%s", text);
    ck_assert_uint_eq(strlen(received()), 511);
}
END_TEST

static const char *const useless_sockets[] = {
    "", "/", "@", "relative", "/nowhere/notify", "vsock:2:1234"};

START_TEST(test_useless_socket)
{
    setenv("NOTIFY_SOCKET", useless_sockets[_i], 1);
    notify_ready();
}
END_TEST

START_TEST(test_too_long_path)
{
    char text[200];
    memset(text, 'x', sizeof text - 1);
    text[0] = '/';
    text[sizeof text - 1] = '\0';
    setenv("NOTIFY_SOCKET", text, 1);
    notify_ready();
}
END_TEST

START_TEST(test_no_manager)
{
    notify_ready();
    notify_status("%s", "x");
}
END_TEST

/* Far more than the socket holds, and nobody reads: the test's time limit would tell. */
START_TEST(test_full_socket_does_not_block)
{
    listen_at(path);
    for (int i = 0; i < 10000; i++)
        notify_watchdog();
    ck_assert_str_eq(received(), "WATCHDOG=1");
}
END_TEST

static const struct {
    const char *usec, *pid; /* "own": this process */
    int64_t interval;
} watchdogs[] = {
    {NULL, NULL, 0},
    {"30000000", NULL, 15000},
    {"30000000", "own", 15000},
    {"30000000", "1", 0},
    {"30000000", "", 0},
    {"30000000", "x", 0},
    {"1000", NULL, 1},
    {"0", NULL, 0},
    {"", NULL, 0},
    {"-5", NULL, 0},
    {"30s", NULL, 0},
    {"99999999999999999999", NULL, 0},
};

START_TEST(test_watchdog_interval)
{
    char own[24];
    snprintf(own, sizeof own, "%d", (int)getpid());
    if (watchdogs[_i].usec)
        setenv("WATCHDOG_USEC", watchdogs[_i].usec, 1);
    if (watchdogs[_i].pid)
        setenv("WATCHDOG_PID", strcmp(watchdogs[_i].pid, "own") == 0 ? own : watchdogs[_i].pid, 1);
    ck_assert_int_eq(notify_watchdog_interval_ms(), watchdogs[_i].interval);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

int main(void)
{
    temporary_begin();
    TCase *tests = tcase_create("notify");
    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_add_test(tests, test_messages);
    tcase_add_test(tests, test_reloading_has_the_time);
    tcase_add_test(tests, test_abstract_socket);
    tcase_add_test(tests, test_longest_path);
    tcase_add_test(tests, test_status_stays_one_line);
    tcase_add_test(tests, test_status_is_bounded);
    tcase_add_loop_test(tests, test_useless_socket, 0, COUNT(useless_sockets));
    tcase_add_test(tests, test_too_long_path);
    tcase_add_test(tests, test_no_manager);
    tcase_add_test(tests, test_full_socket_does_not_block);
    tcase_add_loop_test(tests, test_watchdog_interval, 0, COUNT(watchdogs));

    Suite *suite = suite_create("notify");
    suite_add_tcase(suite, tests);
    int result = run_suite(suite);
    temporary_end();
    return result;
}
