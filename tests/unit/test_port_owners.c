/* SPDX-License-Identifier: MIT */
/* With look-ups that answer, fail or hang as they are told. */
#include "port_owners.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run_suite.h"

static atomic_int lookups, uid_of_laba, error;
static atomic_bool hangs;

static int fake(const char *user, struct port_owner *owner)
{
    lookups++;
    while (hangs)
        usleep(1000);
    if (error)
        return error;
    if (strcmp(user, "nobody's") == 0)
        return -ENOENT;
    *owner = (struct port_owner){.uid = (uint32_t)uid_of_laba};
    return 0;
}

static struct port_owners *owners;

static void set_up(void)
{
    lookups = error = 0;
    hangs = false;
    uid_of_laba = 1601;
    owners = port_owners_new_with(fake);
    ck_assert_ptr_nonnull(owners);
}

static void tear_down(void)
{
    hangs = false;
    ck_assert(port_owners_free(owners, 10000));
}

static void await_answer(void)
{
    struct pollfd fd = {.fd = port_owners_fd(owners), .events = POLLIN};
    ck_assert_int_eq(poll(&fd, 1, 10000), 1);
}

static bool is_silent(void)
{
    struct pollfd fd = {.fd = port_owners_fd(owners), .events = POLLIN};
    return poll(&fd, 1, 0) == 0;
}

static enum port_owners_answer find(const char *user)
{
    struct port_owner owner;
    return port_owners_find(owners, user, &owner);
}

START_TEST(is_asked_once)
{
    struct port_owner owner;
    ck_assert_int_eq(port_owners_find(owners, "laba", &owner), PORT_OWNER_UNKNOWN);
    ck_assert_uint_eq(owner.uid, UINT32_MAX);
    ck_assert(owner.incomplete); /* whoever has the port may be laba */
    ck_assert_int_eq(find("laba"), PORT_OWNER_UNKNOWN);
    await_answer();
    ck_assert_int_eq(find("laba"), PORT_OWNER_UNKNOWN); /* not taken yet */
    ck_assert(port_owners_take(owners));
    ck_assert(!port_owners_take(owners));
    ck_assert(is_silent());
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(port_owners_find(owners, "laba", &owner), PORT_OWNER_FOUND);
        ck_assert_uint_eq(owner.uid, 1601);
        ck_assert(!owner.incomplete);
    }
    ck_assert_int_eq(lookups, 1);
}
END_TEST

START_TEST(no_user)
{
    struct port_owner owner;
    find("nobody's");
    await_answer();
    ck_assert(port_owners_take(owners));
    ck_assert_int_eq(port_owners_find(owners, "nobody's", &owner), PORT_OWNER_NO_USER);
    ck_assert_uint_eq(owner.uid, UINT32_MAX);
    ck_assert(!owner.incomplete); /* whoever has the port is not that user */
    ck_assert_int_eq(lookups, 1);
}
END_TEST

/* What hangs is waited for by nobody, and what is known stays known. */
START_TEST(hangs_for_nobody)
{
    find("laba");
    await_answer();
    ck_assert(port_owners_take(owners));
    hangs = true;
    ck_assert_int_eq(find("labb"), PORT_OWNER_UNKNOWN);
    ck_assert_int_eq(find("labc"), PORT_OWNER_UNKNOWN);
    ck_assert_int_eq(find("laba"), PORT_OWNER_FOUND);
    hangs = false;
    for (int waits = 0; find("labc") != PORT_OWNER_FOUND && waits < 10; waits++) {
        await_answer();
        port_owners_take(owners);
    }
    ck_assert_int_eq(find("labb"), PORT_OWNER_FOUND);
    ck_assert_int_eq(lookups, 3);
}
END_TEST

START_TEST(refresh)
{
    struct port_owner owner;
    find("laba");
    await_answer();
    port_owners_take(owners);
    uid_of_laba = 1700;
    port_owners_refresh(owners);
    usleep(20000);
    ck_assert_int_eq(lookups, 1); /* nobody has wanted it since */
    ck_assert_int_eq(port_owners_find(owners, "laba", &owner), PORT_OWNER_FOUND);
    ck_assert_uint_eq(owner.uid, 1601); /* until there is an answer */
    await_answer();
    ck_assert(port_owners_take(owners));
    port_owners_find(owners, "laba", &owner);
    ck_assert_uint_eq(owner.uid, 1700);
    ck_assert_int_eq(lookups, 2);
}
END_TEST

/* Asked before the refresh, answered after it: what it says may be of before. */
START_TEST(refresh_on_the_way)
{
    hangs = true;
    find("laba");
    while (lookups == 0)
        usleep(1000);
    port_owners_refresh(owners);
    find("laba");
    hangs = false;
    await_answer();
    ck_assert(port_owners_take(owners));
    ck_assert_int_eq(find("laba"), PORT_OWNER_FOUND);
    await_answer();
    ck_assert(port_owners_take(owners));
    ck_assert_int_eq(find("laba"), PORT_OWNER_FOUND);
    ck_assert_int_eq(lookups, 2);
    ck_assert(is_silent());
}
END_TEST

/* An error is no answer: what was known stands, and whoever wants it next asks again. */
START_TEST(failure)
{
    error = -EIO;
    ck_assert_int_eq(find("laba"), PORT_OWNER_UNKNOWN);
    await_answer();
    ck_assert(!port_owners_take(owners));
    ck_assert_int_eq(lookups, 1);
    error = 0;
    ck_assert_int_eq(find("laba"), PORT_OWNER_UNKNOWN);
    await_answer();
    ck_assert(port_owners_take(owners));
    ck_assert_int_eq(find("laba"), PORT_OWNER_FOUND);
    error = -EIO;
    port_owners_refresh(owners);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(find("laba"), PORT_OWNER_FOUND);
        await_answer();
        ck_assert(!port_owners_take(owners));
    }
    ck_assert_int_eq(lookups, 4);
}
END_TEST

/* The names are bounded; what is forgotten is what nobody has wanted for longest, and nothing that is on its
 * way. */
START_TEST(bounded)
{
    char user[16];
    hangs = true;
    for (int i = 0; i < PORT_OWNERS_MAX; i++) {
        snprintf(user, sizeof user, "u%d", i);
        find(user);
    }
    ck_assert_int_eq(find("laba"), PORT_OWNER_UNKNOWN); /* no room: not asked */
    hangs = false;
    while (find("u4095") != PORT_OWNER_FOUND) { /* they are answered in their order */
        await_answer();
        port_owners_take(owners);
    }
    ck_assert_int_eq(lookups, PORT_OWNERS_MAX);
    ck_assert_int_eq(find("u0"), PORT_OWNER_FOUND);
    ck_assert_int_eq(find("laba"), PORT_OWNER_UNKNOWN); /* in place of u1 */
    await_answer();
    port_owners_take(owners);
    ck_assert_int_eq(find("laba"), PORT_OWNER_FOUND);
    ck_assert_int_eq(find("u0"), PORT_OWNER_FOUND);
    ck_assert_int_eq(find("u2"), PORT_OWNER_FOUND);
    ck_assert_int_eq(find("u1"), PORT_OWNER_UNKNOWN);
}
END_TEST

START_TEST(ends_with_names_waiting)
{
    struct port_owners *others = port_owners_new_with(fake);
    struct port_owner owner;
    hangs = true;
    for (int i = 0; i < 3; i++)
        port_owners_find(others, i == 0 ? "a" : i == 1 ? "b" : "c", &owner);
    while (lookups == 0)
        usleep(1000);
    ck_assert(!port_owners_free(others, 20)); /* left behind */
    hangs = false;
    ck_assert(port_owners_free(others, 10000));
    ck_assert_int_eq(lookups, 1);
    ck_assert(port_owners_free(NULL, 0));
}
END_TEST

START_TEST(users_of_this_host)
{
    struct port_owners *real = port_owners_new();
    struct port_owner owner;
    ck_assert_ptr_nonnull(real);
    port_owners_find(real, "root", &owner);
    struct pollfd fd = {.fd = port_owners_fd(real), .events = POLLIN};
    ck_assert_int_eq(poll(&fd, 1, 10000), 1);
    ck_assert(port_owners_take(real));
    ck_assert_int_eq(port_owners_find(real, "root", &owner), PORT_OWNER_FOUND);
    ck_assert_uint_eq(owner.uid, 0);
    ck_assert(port_owners_free(real, 10000));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("port_owners");
    TCase *tests = tcase_create("port_owners");
    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, is_asked_once);
    tcase_add_test(tests, no_user);
    tcase_add_test(tests, hangs_for_nobody);
    tcase_add_test(tests, refresh);
    tcase_add_test(tests, refresh_on_the_way);
    tcase_add_test(tests, failure);
    tcase_add_test(tests, bounded);
    tcase_add_test(tests, ends_with_names_waiting);
    tcase_add_test(tests, users_of_this_host);
    return run_suite(suite);
}
