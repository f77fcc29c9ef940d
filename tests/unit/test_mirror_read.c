/* SPDX-License-Identifier: MIT */
/* The mirror: what the broker really has. */
#include "mirror_fixture.h"

/* ---- Reading back ---- */

START_TEST(it_subscribes_to_what_is_read_back)
{
    static const char *const expected[] = {"a/b/service/# 0", "a/b/advertise/+/+/status 0",
                                           "-a/b/service/#",  "-a/b/advertise/+/+/status",
                                           "a/b/service/# 1", "-a/b/service/#"};
    size_t missing;
    int64_t at = INT64_MAX;
    mirror_read(mirror);
    ck_assert_uint_eq(mirror_read_end(mirror), 0);
    mirror_check(mirror, now);
    ck_assert(mirror_check_end(mirror, &missing, &at, now));
    ck_assert_int_eq(filter_count, 6);
    for (int i = 0; i < filter_count; i++)
        ck_assert_str_eq(filters[i], expected[i]);
}
END_TEST

START_TEST(only_what_differs_is_published_after_a_reading)
{
    enum { SAME, OTHER, MISSING };
    for (int i = SAME; i <= MISSING; i++)
        say(i, 80 + i);
    mirror_say(mirror, MIRROR_BRIDGE, "state", &things[10]);
    run_all();
    lose_connection();
    ck_assert(is_in_line());
    mirror_read(mirror);
    for (int i = 0; i < 4; i++)
        if (strcmp(messages[i].topic, "a/b/service/s0") == 0)
            read_message(i);
    read_text("a/b/service/s1");
    mirror_take(mirror, "a/b/service/s2", (const uint8_t *)"{}", 2, false, now); /* a live one */
    ck_assert_uint_eq(mirror_read_end(mirror), 1);
    run_all();
    ck_assert_int_eq(count, 7);
    expect_message(4, "a/b/bridge/state", true, 0); /* with each connection */
    expect_message(5, "a/b/service/s1", true, 81);
    expect_message(6, "a/b/service/s2", true, 82);
    read_text("a/b/service/s1"); /* no longer asked for */
    run();
    ck_assert_int_eq(count, 7);
}
END_TEST

START_TEST(what_was_under_way_is_compared_with_what_is_read_back)
{
    enum { TAKEN, NOT_TAKEN, CHANGED };
    for (int i = TAKEN; i <= CHANGED; i++)
        say(i, 80 + i);
    run();
    say(CHANGED, 90);
    lose_connection();
    ck_assert(mirror_is_acknowledged(mirror));
    mirror_acknowledged(mirror, 0, false); /* a number of the former connection */
    mirror_read(mirror);
    read_message(0);
    read_message(2);
    ck_assert_uint_eq(mirror_read_end(mirror), 1);
    run_all();
    ck_assert_int_eq(count, 5);
    for (int i = 3; i < 5; i++)
        ck_assert_int_eq(messages[i].value,
                         strcmp(messages[i].topic, "a/b/service/s1") == 0 ? 81 : 90);
    ck_assert(is_in_line());
}
END_TEST

START_TEST(an_end_that_was_under_way_is_sent_again_only_if_it_was_not_taken)
{
    for (int i = 0; i < 2; i++) {
        say(i, 80);
        mirror_run(mirror, false, now);
    }
    acknowledge_all();
    for (int i = 0; i < 2; i++)
        retire(i);
    run();
    ck_assert_int_eq(count, 6);
    lose_connection();
    mirror_read(mirror);
    read_message(0);
    ck_assert_uint_eq(mirror_read_end(mirror), 0);
    ck_assert_int_eq(things[0].released, 0);
    run_all();
    ck_assert_int_eq(count, 8);
    expect_message(6, "a/b/service/s0", false, 80);
    expect_empty(7, "a/b/service/s0");
    ck_assert_int_eq(things[0].released, 1);
    ck_assert_int_eq(things[1].released, 1);
    ck_assert(is_in_line());
}
END_TEST

START_TEST(nothing_is_under_way_after_the_connection_was_lost)
{
    for (int i = 0; i < THINGS; i++)
        say(i, 80);
    run();
    ck_assert_int_eq(count, WINDOW - 1);
    lose_connection();
    ck_assert(mirror_is_acknowledged(mirror));
    mirror_read(mirror);
    ck_assert_uint_eq(mirror_read_end(mirror), WINDOW - 1);
    run_all();
    ck_assert_int_eq(count, WINDOW - 1 + THINGS);
    ck_assert(is_in_line());
}
END_TEST

/* In the order in which they were said first, whatever was under way when the last one was lost. */
START_TEST(the_state_comes_first_at_a_connection)
{
    mirror_say(mirror, MIRROR_BRIDGE, "state", &things[10]);
    mirror_say(mirror, MIRROR_BRIDGE, "stats", &things[0]);
    run_all();
    things[0].value++;
    mirror_say(mirror, MIRROR_BRIDGE, "stats", &things[0]);
    run();
    lose_connection();
    things[10].value++;
    mirror_say(mirror, MIRROR_BRIDGE, "state", &things[10]);
    int before = count;
    mirror_read(mirror);
    mirror_run(mirror, true, now);
    ck_assert_int_eq(count, before + 2);
    ck_assert_str_eq(messages[before].topic, "a/b/bridge/state");
}
END_TEST

/* What was published while the tree is read back is newer than what comes. */
START_TEST(reading_does_not_undo_what_is_newer)
{
    say(0, 80);
    run();
    mirror_read(mirror);
    read_text("a/b/service/s0");
    acknowledge_all();
    ck_assert_uint_eq(mirror_read_end(mirror), 0);
    run();
    ck_assert_int_eq(count, 1);

    mirror_read(mirror);
    say(0, 81);
    run_all(); /* taken already, and yet newer */
    read_message(0);
    ck_assert_uint_eq(mirror_read_end(mirror), 0);
    run();
    ck_assert_int_eq(count, 2);

    retire(0);
    run();
    mirror_read(mirror);
    read_message(0);
    ck_assert_uint_eq(mirror_read_end(mirror), 0);
    acknowledge_all();
    ck_assert_int_eq(things[0].released, 1);
    ck_assert_uint_eq(mirror_ghosts(mirror), 0);
}
END_TEST

START_TEST(ghosts_of_services_wait_for_the_sweep)
{
    mirror_read(mirror);
    read_text("a/b/service/local/_ipp._tcp/Old%2F/eth0");
    read_text("a/b/service/s0");
    read_text("a/b/service/junk");
    read_text("a/b/other/junk"); /* not asked for: nobody's */
    ck_assert_uint_eq(mirror_read_end(mirror), 0);
    ck_assert_uint_eq(mirror_ghosts(mirror), 3);
    run();
    ck_assert_int_eq(count, 0);
    say(0, 80);
    ck_assert_uint_eq(mirror_ghosts(mirror), 2);
    run_all();
    ck_assert_int_eq(count, 1); /* in its place, and without a farewell */
    mirror_sweep(mirror);
    ck_assert_uint_eq(mirror_ghosts(mirror), 0);
    ck_assert(!is_in_line());
    run_all();
    ck_assert_int_eq(count, 5);
    for (int i = 1; i < 5; i += 2) {
        expect_message(i, messages[i + 1].topic, false, 0);
        expect_empty(i + 1, messages[i].topic);
        ck_assert_str_ne(messages[i].topic, "a/b/service/s0");
    }
    ck_assert(is_in_line());
    expect_numbers_without_holes();
}
END_TEST

START_TEST(ghosts_of_statuses_are_cleared_when_all_is_read)
{
    mirror_read(mirror);
    read_text("a/b/advertise/c/old/status");
    read_text("a/b/advertise/c/i/status");
    read_text("a/b/advertise/c/i"); /* a request */
    ck_assert(mirror_has_stale_status(mirror, "c/old/status"));
    ck_assert(mirror_has_stale_status(mirror, "c/i/status"));
    ck_assert(!mirror_has_stale_status(mirror, "c/none/status"));
    mirror_say(mirror, MIRROR_STATUSES, "c/i/status", &things[0]);
    ck_assert_uint_eq(mirror_read_end(mirror), 0);
    ck_assert(mirror_has_stale_status(mirror, "c/old/status"));
    ck_assert_uint_eq(mirror_ghosts(mirror), 0);
    run_all();
    ck_assert_int_eq(count, 2);
    int old = messages[0].length == 0 ? 0 : 1;
    expect_empty(old, "a/b/advertise/c/old/status");
    expect_message(1 - old, "a/b/advertise/c/i/status", true, 0);
    ck_assert(!mirror_has_stale_status(mirror, "c/old/status"));
}
END_TEST

/* It ends while the end of a ghost is under way. The sanitizer would see a slip. */
START_TEST(what_is_under_way_is_not_missed)
{
    mirror_read(mirror);
    read_text("a/b/service/ghost");
    mirror_read_end(mirror);
    mirror_sweep(mirror);
    say(0, 80);
    run();
    ck_assert_int_eq(count, 3);
    mirror_read(mirror);
    ck_assert_uint_eq(mirror_read_end(mirror), 0);
    acknowledge_all();
    run();
    ck_assert_int_eq(count, 3);
    ck_assert(is_in_line());
}
END_TEST

START_TEST(what_is_missing_needs_no_end)
{
    say(0, 80);
    run_all();
    mirror_read(mirror);
    ck_assert_uint_eq(mirror_read_end(mirror), 1);
    retire(0);
    ck_assert_int_eq(things[0].released, 1);
    run();
    ck_assert_int_eq(count, 1);
}
END_TEST

START_TEST(topics_may_be_long)
{
    static char topic[65000];
    static const size_t lengths[] = {1200, 30000, 64999};
    mirror_read(mirror);
    for (int i = 0; i < 3; i++) {
        memset(topic, 'x', sizeof topic);
        topic[lengths[i]] = '\0';
        memcpy(topic, "a/b/service/", strlen("a/b/service/"));
        read_text(topic);
        ck_assert(mirror_clear(mirror, topic + strlen("a/b/service/")));
    }
    mirror_read_end(mirror);
    mirror_sweep(mirror);
    run_all();
    ck_assert_int_eq(count, 9);
    ck_assert_int_eq(clearings, 3);
    size_t sum = 0;
    for (int i = 0; i < count; i++)
        if (messages[i].length == 0)
            sum += messages[i].topic_length;
    for (int i = 0; i < 3; i++)
        sum -= 2 * lengths[i] + strlen("advertise") - strlen("service");
    ck_assert_uint_eq(sum, 0);
    ck_assert(is_in_line() && mirror_is_in_line(mirror, MIRROR_REQUESTS));
}
END_TEST

/* Many of them, or long ones: what there is no room for is read again when the others are swept. */
static int read_in_rounds(int ghosts, size_t length)
{
    static bool *is_there;
    static char topic[65000];
    int rounds = 0, left = ghosts;
    is_there = calloc((size_t)ghosts, sizeof *is_there);
    memset(is_there, true, (size_t)ghosts);
    mirror_read(mirror);
    while (left > 0) {
        rounds++;
        for (int i = 0; i < ghosts; i++) {
            int start = snprintf(topic, sizeof topic, "a/b/service/%d/", i);
            memset(topic + start, 'x', length);
            topic[(size_t)start + length] = '\0';
            if (is_there[i])
                read_text(topic);
        }
        mirror_read_end(mirror);
        ck_assert_uint_eq(mirror_ghosts(mirror) + mirror_unread(mirror), (size_t)left);
        mirror_sweep(mirror);
        int from = count;
        run_all();
        for (int i = from; i < count; i++)
            if (messages[i].length == 0)
                is_there[strtol(messages[i].topic + strlen("a/b/service/"), NULL, 10)] = false;
        left -= (count - from) / 2;
        count = acknowledged = 0;
        ck_assert_int_lt(rounds, 10);
        mirror_read(mirror);
    }
    mirror_read_end(mirror);
    ck_assert_uint_eq(mirror_unread(mirror), 0);
    free(is_there);
    return rounds;
}

START_TEST(ghosts_are_bounded)
{
    ck_assert_int_eq(read_in_rounds(9000, 1), 2);
}
END_TEST

START_TEST(long_ghosts_are_bounded_by_their_bytes)
{
    int rounds = read_in_rounds(200, 60000); /* 12 MB */
    ck_assert_int_ge(rounds, 3);
}
END_TEST

/* Ten thousand services on the network take no room from them. */
START_TEST(what_is_wanted_takes_no_room_of_ghosts)
{
    char topic[64];
    for (int i = 0; i < 10000; i++)
        mirror_say(mirror, MIRROR_SERVICES, path_of(i), &things[0]);
    mirror_read(mirror);
    for (int i = 0; i < 8192; i++) {
        snprintf(topic, sizeof topic, "a/b/service/ghost/%d", i);
        read_text(topic);
        if (i < 1000) {
            snprintf(topic, sizeof topic, "a/b/service/s%d", i);
            read_text(topic);
        }
    }
    ck_assert_uint_eq(mirror_unread(mirror), 0);
    read_text("a/b/service/one/more");
    read_text("a/b/service/ghost/0"); /* known already */
    ck_assert_uint_eq(mirror_unread(mirror), 1);
}
END_TEST

START_TEST(a_reading_that_was_cut_off_begins_anew)
{
    mirror_read(mirror);
    read_text("a/b/service/ghost");
    read_text("a/b/service/other");
    lose_connection();
    read_text("a/b/service/late");
    mirror_read(mirror);
    read_text("a/b/service/other");
    mirror_read_end(mirror);
    ck_assert_uint_eq(mirror_ghosts(mirror), 1);
    mirror_sweep(mirror);
    run();
    lose_connection(); /* its end was under way, and is taken */
    mirror_read(mirror);
    mirror_read_end(mirror);
    ck_assert(is_in_line());
    ck_assert_uint_eq(mirror_ghosts(mirror), 0);
}
END_TEST

/* ---- As a consumer would ---- */

START_TEST(a_check_ends_at_once_when_all_have_come)
{
    size_t missing = 77;
    int64_t at = INT64_MAX;
    for (int i = 0; i < 3; i++)
        say(i, 80);
    run_all();
    ck_assert(!mirror_check_end(mirror, &missing, &at, now)); /* none is under way */
    ck_assert_int_eq(at, INT64_MAX);
    mirror_check(mirror, now);
    read_message(0);
    read_message(1);
    read_message(1); /* twice is not two */
    ck_assert(!mirror_check_end(mirror, &missing, &at, now));
    read_message(2);
    ck_assert(mirror_check_end(mirror, &missing, &at, now));
    ck_assert_uint_eq(missing, 0);
    ck_assert(!mirror_check_end(mirror, &missing, &at, now));
}
END_TEST

START_TEST(a_check_ends_when_nothing_comes_any_more)
{
    size_t missing = 0;
    int64_t at = INT64_MAX;
    for (int i = 0; i < 3; i++)
        say(i, 80);
    run_all();
    mirror_check(mirror, now);
    now += 1500;
    read_message(1);
    ck_assert(!mirror_check_end(mirror, &missing, &at, now + 1999));
    ck_assert_int_eq(at, now + 2000);
    ck_assert(mirror_check_end(mirror, &missing, &at, now + 2000));
    ck_assert_uint_eq(missing, 2);
    run();
    ck_assert_int_eq(count, 3); /* counting does not mend */
}
END_TEST

START_TEST(a_check_does_not_miss_what_goes_meanwhile)
{
    size_t missing = 77;
    int64_t at = INT64_MAX;
    say(0, 80);
    say(1, 80);
    run_all();
    mirror_check(mirror, now);
    retire(0);
    say(1, 81);
    run_all();
    ck_assert(mirror_check_end(mirror, &missing, &at, now + 2000));
    ck_assert_uint_eq(missing, 0);
}
END_TEST

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    Suite *suite = suite_create("mirror_read");
    TCase *tcase = add_case(suite, "reading", setup);
    tcase_add_test(tcase, it_subscribes_to_what_is_read_back);
    tcase_add_test(tcase, only_what_differs_is_published_after_a_reading);
    tcase_add_test(tcase, what_was_under_way_is_compared_with_what_is_read_back);
    tcase_add_test(tcase, an_end_that_was_under_way_is_sent_again_only_if_it_was_not_taken);
    tcase_add_test(tcase, nothing_is_under_way_after_the_connection_was_lost);
    tcase_add_test(tcase, the_state_comes_first_at_a_connection);
    tcase_add_test(tcase, reading_does_not_undo_what_is_newer);
    tcase_add_test(tcase, ghosts_of_services_wait_for_the_sweep);
    tcase_add_test(tcase, ghosts_of_statuses_are_cleared_when_all_is_read);
    tcase_add_test(tcase, what_is_under_way_is_not_missed);
    tcase_add_test(tcase, what_is_missing_needs_no_end);
    tcase_add_test(tcase, topics_may_be_long);
    tcase_add_test(tcase, ghosts_are_bounded);
    tcase_add_test(tcase, long_ghosts_are_bounded_by_their_bytes);
    tcase_add_test(tcase, what_is_wanted_takes_no_room_of_ghosts);
    tcase_add_test(tcase, a_reading_that_was_cut_off_begins_anew);
    tcase_add_test(tcase, a_check_ends_at_once_when_all_have_come);
    tcase_add_test(tcase, a_check_ends_when_nothing_comes_any_more);
    tcase_add_test(tcase, a_check_does_not_miss_what_goes_meanwhile);
    return run_suite(suite);
}
