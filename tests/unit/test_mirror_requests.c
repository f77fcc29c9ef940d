/* SPDX-License-Identifier: MIT */
/* The mirror: the requests of others, which it can only clear. */
#include "mirror_fixture.h"

/* ---- Requests of others ---- */

START_TEST(clearings_are_bounded)
{
    char path[32];
    for (int round = 0; round < 2; round++) {
        int taken = 0;
        for (int i = 0; i < 50000; i++) {
            snprintf(path, sizeof path, "c/%d", i);
            taken += mirror_clear(mirror, path);
        }
        ck_assert_int_ge(taken, 4096);
        ck_assert_int_lt(taken, 2 * 4096);
        ck_assert(mirror_clear(mirror, "c/0")); /* known already */
        run_all();
        ck_assert(mirror_is_in_line(mirror, MIRROR_REQUESTS));
    }
}
END_TEST

START_TEST(long_clearings_are_bounded_by_their_bytes)
{
    static char path[30001];
    for (int round = 0; round < 2; round++) {
        int taken = 0;
        for (int i = 0; i < 1000; i++) {
            memset(path, 'x', sizeof path - 1);
            int start = snprintf(path, sizeof path, "c/%d", i);
            path[start] = 'x';
            taken += mirror_clear(mirror, path);
        }
        ck_assert_int_ge(taken, 1024 * 1024 / 2 / 30000);
        ck_assert_int_le(taken, 1024 * 1024 * 2 / 30000);
        run_all();
    }
}
END_TEST

START_TEST(a_request_that_is_wanted_after_all_is_kept)
{
    mirror_clear(mirror, "c/i");
    mirror_keep(mirror, "c/i");
    mirror_keep(mirror, "c/none");
    ck_assert(mirror_is_in_line(mirror, MIRROR_REQUESTS));
    run();
    ck_assert_int_eq(count, 0);
    ck_assert_int_eq(clearings, 0);
    /* Once it is under way it is too late; but a second one is not. */
    mirror_clear(mirror, "c/i");
    run();
    mirror_clear(mirror, "c/i");
    mirror_keep(mirror, "c/i");
    run_all();
    ck_assert_int_eq(count, 1);
    ck_assert_int_eq(clearings, 1);
    /* What is not a request is not touched. */
    mirror_say(mirror, MIRROR_STATUSES, "c/i/status", &things[0]);
    ck_assert(mirror_clear(mirror, "c/i/status"));
    mirror_keep(mirror, "c/i/status");
    run_all();
    expect_message(1, "a/b/advertise/c/i/status", true, 0);
    ck_assert_int_eq(count, 2);
}
END_TEST

START_TEST(a_request_that_comes_while_it_is_cleared_is_cleared_again)
{
    mirror_clear(mirror, "c/i");
    run();
    mirror_clear(mirror, "c/i");
    run();
    ck_assert_int_eq(count, 1);
    run_all();
    ck_assert_int_eq(count, 2);
    ck_assert_int_eq(clearings, 1);
}
END_TEST

START_TEST(clearings_end_with_the_connection)
{
    mirror_clear(mirror, "c/i");
    run();
    mirror_clear(mirror, "c/j");
    lose_connection();
    ck_assert(mirror_is_in_line(mirror, MIRROR_REQUESTS));
    mirror_read(mirror);
    mirror_read_end(mirror);
    run();
    ck_assert_int_eq(count, 1);
    ck_assert_int_eq(clearings, 0);
}
END_TEST

START_TEST(there_are_no_echoes_with_mqtt_5)
{
    mirror_clear(mirror, "c/i");
    ck_assert(!mirror_is_echo(mirror, "c/i"));
    run();
    ck_assert(!mirror_is_echo(mirror, "c/i"));
    acknowledge_all();
    ck_assert_int_eq(clearings, 1);
}
END_TEST

START_TEST(each_clearing_has_one_echo)
{
    ck_assert(!mirror_is_echo(mirror, "c/i"));
    mirror_clear(mirror, "c/i");
    ck_assert(!mirror_is_echo(mirror, "c/i")); /* somebody else's: nothing was sent yet */
    run();
    ck_assert(mirror_is_echo(mirror, "c/i")); /* before the acknowledgement, */
    acknowledge_all();
    ck_assert(!mirror_is_echo(mirror, "c/i"));
    mirror_clear(mirror, "c/i");
    run_all();
    ck_assert(mirror_is_echo(mirror, "c/i")); /* or behind it */
    ck_assert(!mirror_is_echo(mirror, "c/i"));
    ck_assert(mirror_is_in_line(mirror, MIRROR_REQUESTS));
    ck_assert_int_eq(clearings, 2);
}
END_TEST

/* A client that withdraws just then sends the same empty message. The sanitizer would see a slip. */
START_TEST(more_empty_messages_than_echoes)
{
    mirror_clear(mirror, "c/i");
    run();
    ck_assert(mirror_is_echo(mirror, "c/i"));
    ck_assert(!mirror_is_echo(mirror, "c/i"));
    acknowledge_all();
    ck_assert_int_eq(clearings, 1);
    ck_assert(mirror_is_in_line(mirror, MIRROR_REQUESTS));
}
END_TEST

START_TEST(cleared_again_before_the_echo)
{
    mirror_clear(mirror, "c/i");
    run();
    mirror_clear(mirror, "c/i");
    run_all();
    ck_assert_int_eq(count, 2);
    ck_assert(mirror_is_echo(mirror, "c/i"));
    ck_assert(mirror_is_echo(mirror, "c/i"));
    ck_assert(!mirror_is_echo(mirror, "c/i"));
    ck_assert(mirror_is_in_line(mirror, MIRROR_REQUESTS));
}
END_TEST

/* So it is where a queue at the broker overflows, or the broker's ACL drops what it acknowledges. */
START_TEST(a_lost_echo_holds_up_nothing)
{
    char path[32];
    mirror_clear(mirror, "c/i");
    run_all();
    ck_assert_int_eq(clearings, 1);
    ck_assert(mirror_is_in_line(mirror, MIRROR_REQUESTS)); /* requests are to be read again then */
    mirror_clear(mirror, "c/i");                           /* it came again: the echo was lost */
    run_all();
    ck_assert_int_eq(count, 2);
    ck_assert(mirror_is_echo(mirror, "c/i"));
    ck_assert(!mirror_is_echo(mirror, "c/i"));
    for (int i = 0; i < 10000; i++) { /* nor do they take the room of others */
        snprintf(path, sizeof path, "c/%d", i);
        ck_assert(mirror_clear(mirror, path));
        run_all();
    }
    ck_assert(mirror_is_echo(mirror, "c/9999"));
    ck_assert(!mirror_is_echo(mirror, "c/0"));
}
END_TEST

START_TEST(an_echo_is_known_though_the_request_is_wanted_again)
{
    mirror_clear(mirror, "c/i");
    run_all();
    mirror_keep(mirror, "c/i");
    ck_assert(mirror_is_echo(mirror, "c/i"));
    mirror_clear(mirror, "c/j");
    run();
    mirror_clear(mirror, "c/j");
    acknowledge_all();
    mirror_keep(mirror, "c/j");
    ck_assert(mirror_is_in_line(mirror, MIRROR_REQUESTS));
    ck_assert(mirror_is_echo(mirror, "c/j"));
    ck_assert(!mirror_is_echo(mirror, "c/j"));
    ck_assert_int_eq(count, 2);
}
END_TEST

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    Suite *suite = suite_create("mirror_requests");
    TCase *tcase = add_case(suite, "requests", setup);
    tcase_add_test(tcase, clearings_are_bounded);
    tcase_add_test(tcase, long_clearings_are_bounded_by_their_bytes);
    tcase_add_test(tcase, a_request_that_is_wanted_after_all_is_kept);
    tcase_add_test(tcase, a_request_that_comes_while_it_is_cleared_is_cleared_again);
    tcase_add_test(tcase, clearings_end_with_the_connection);
    tcase_add_test(tcase, there_are_no_echoes_with_mqtt_5);
    tcase = add_case(suite, "MQTT 3.1.1", setup_old);
    tcase_add_test(tcase, each_clearing_has_one_echo);
    tcase_add_test(tcase, more_empty_messages_than_echoes);
    tcase_add_test(tcase, cleared_again_before_the_echo);
    tcase_add_test(tcase, a_lost_echo_holds_up_nothing);
    tcase_add_test(tcase, an_echo_is_known_though_the_request_is_wanted_again);
    return run_suite(suite);
}
