/* SPDX-License-Identifier: MIT */
/* The session: requests, and when they are read again. */
#include "session_fixture.h"

static const char request[] = "{\"name\":\"n\",\"type\":\"_http._tcp\",\"port\":80}";

static void deliver_requests(int count, bool retain)
{
    char topic[32];
    for (int i = 0; i < count; i++) {
        snprintf(topic, sizeof topic, "p/advertise/c/%d", i);
        deliver(topic, request, sizeof request - 1, retain);
    }
}

START_TEST(a_burst_is_read_again_when_it_is_quiet)
{
    go_online();
    ck_assert_int_eq(request_readings, 1);
    ck_assert_str_eq(others, "p/client/+ p/advertise/+/+ ");
    uint32_t before = asked;
    now = 10000;
    deliver_requests(200, false);
    turns(10100);
    ck_assert_int_le(turn(10999), 11000);
    ck_assert_int_eq(request_readings, 1);
    turns(11000);
    ck_assert_int_eq(request_readings, 2);
    ck_assert_str_eq(others, "p/client/+ p/advertise/+/+ ");
    ck_assert_uint_ge(asked, before + 1);
    ck_assert(is_online());
    turns(20000);
    ck_assert_int_eq(request_readings, 2);
}
END_TEST

START_TEST(fewer_are_no_burst)
{
    go_online();
    now = 10000;
    deliver_requests(199, false);
    now = 11000;
    deliver_requests(199, false);
    turns(20000);
    ck_assert_int_eq(request_readings, 1);
}
END_TEST

START_TEST(replays_are_no_burst)
{
    connect_at(0);
    avahi(MDNS_UP, 0);
    avahi(MDNS_SETTLED, 0);
    deliver_requests(1000, true);
    turns(0);
    ck_assert(is_online());
    turns(20000);
    ck_assert_int_eq(request_readings, 1);
}
END_TEST

START_TEST(not_while_they_are_read)
{
    answers = false;
    connect_at(0);
    avahi(MDNS_UP, 0);
    avahi(MDNS_SETTLED, 0);
    deliver_requests(200, false);
    turns(5000);
    ck_assert_int_eq(request_readings, 1);
    answers = true;
    turns(5000);
    turns(6000);
    ck_assert_int_eq(request_readings, 2);
    answers = false;
    now = 10000;
    deliver_requests(200, false);
    turns(12000);
    ck_assert_int_eq(request_readings, 3);
    deliver_requests(200, false); /* meanwhile */
    turns(20000);
    ck_assert_int_eq(request_readings, 3);
    answers = true;
    turns(20000);
    turns(21000);
    ck_assert_int_eq(request_readings, 4);
}
END_TEST

/* Retained and live, they look the same with MQTT 5: live ones count, but for the time of a reading. */
START_TEST(live_requests_that_are_retained_count)
{
    go_online();
    now = 10000;
    deliver_requests(200, true);
    turns(20000);
    ck_assert_int_eq(request_readings, 2);
}
END_TEST

START_TEST(not_before_the_clearings_are_taken)
{
    go_online();
    now = 10000;
    deliver_requests(200, true); /* most of them are over the quota */
    while (acknowledged < published)
        mirror_acknowledged(rooms.mirror, acknowledged++, false);
    session_run(session, &(struct mdns_counters){0}, 10000);
    session_run(session, &(struct mdns_counters){0}, 20000);
    ck_assert_int_eq(request_readings, 1);
    turns(20000);
    ck_assert_int_eq(request_readings, 2);
}
END_TEST

START_TEST(more_than_can_be_cleared_are_read_again)
{
    char topic[64];
    go_online();
    for (int i = 0; i < 10000; i++) {
        snprintf(topic, sizeof topic, "p/advertise/c/bad topic %d", i);
        now = 10000 + i * 10; /* no burst */
        deliver(topic, "x", 1, true);
    }
    for (int i = 0; i < 1000; i++)
        turn(200000);
    ck_assert_int_ge(request_readings, 2);
}
END_TEST

START_TEST(a_flood_of_requests_does_not_keep_the_bridge_from_online)
{
    connect_at(0);
    turns(0);
    avahi(MDNS_UP, 0);
    avahi(MDNS_SETTLED, 0);
    see("a", 80, 0);
    for (int i = 0; i < 5 && !is_online(); i++) {
        deliver_requests(200, false);
        turn(i);
    }
    ck_assert(is_online());
    ck_assert_int_eq(service_messages, 1);
}
END_TEST

START_TEST(only_what_is_retained_is_cleared)
{
    static const char topic[] = "p/advertise/bad topic/i";
    go_online();
    deliver(topic, "x", 1, false);
    turns(0);
    ck_assert_int_eq(advertise_messages, 1); /* the answer */
    deliver("p/advertise/bad topic/j", "x", 1, true);
    turns(0);
    ck_assert_int_eq(advertise_messages, 3);
}
END_TEST

START_TEST(a_status_is_no_request)
{
    go_online();
    deliver("p/advertise/c/i/status", "x", 1, false);
    deliver("p/advertise/c d/i/status", "x", 1, true);
    turns(0);
    ck_assert_int_eq(advertise_messages, 0);
    session_set_intervals(session, 30000, 0, 0);
    turns(1000);
    ck_assert_int_eq(stat_of("requests"), 0);
}
END_TEST

/* It is not told whether it was retained: so it is cleared in any case. */
START_TEST(what_may_be_retained_is_cleared)
{
    static const char topic[] = "p/advertise/bad topic/i";
    go_online();
    deliver(topic, "x", 1, false);
    turns(0);
    ck_assert_int_eq(advertise_messages, 2);
    /* The broker's copy of that is not a withdrawal, which would clear the answer. */
    deliver(topic, "", 0, false);
    turns(0);
    ck_assert_int_eq(advertise_messages, 2);
    deliver(topic, "", 0, false);
    turns(0);
    ck_assert_int_eq(advertise_messages, 3);
}
END_TEST

/* They come again at QoS 1, behind the end of the reading. */
START_TEST(what_is_retained_is_a_replay_at_any_time)
{
    go_online();
    now = 10000;
    deliver_requests(250, true);
    turns(20000);
    ck_assert_int_eq(request_readings, 1);
    deliver_requests(200, false);
    turns(30000);
    ck_assert_int_eq(request_readings, 2);
}
END_TEST

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    Suite *suite = suite_create("session_requests");
    TCase *tcase = add_case(suite, "requests", setup);
    tcase_add_test(tcase, a_burst_is_read_again_when_it_is_quiet);
    tcase_add_test(tcase, fewer_are_no_burst);
    tcase_add_test(tcase, replays_are_no_burst);
    tcase_add_test(tcase, not_while_they_are_read);
    tcase_add_test(tcase, live_requests_that_are_retained_count);
    tcase_add_test(tcase, not_before_the_clearings_are_taken);
    tcase_add_test(tcase, more_than_can_be_cleared_are_read_again);
    tcase_add_test(tcase, a_flood_of_requests_does_not_keep_the_bridge_from_online);
    tcase_add_test(tcase, only_what_is_retained_is_cleared);
    tcase_add_test(tcase, a_status_is_no_request);
    tcase = add_case(suite, "MQTT 3.1.1", setup_old);
    tcase_add_test(tcase, what_may_be_retained_is_cleared);
    tcase_add_test(tcase, what_is_retained_is_a_replay_at_any_time);
    return run_suite(suite);
}
