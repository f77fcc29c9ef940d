/* SPDX-License-Identifier: MIT */
/* The session: its phases, towards the broker and towards the network. */
#include "session_fixture.h"

START_TEST(nothing_but_the_state_before_all_is_read)
{
    answers = false;
    see("a", 80, 0);
    connect_at(0);
    avahi(MDNS_UP, 0);
    avahi(MDNS_SETTLED, 0);
    turns(0);
    ck_assert_int_eq(states_published, 1);
    ck_assert_str_eq(state, "starting");
    ck_assert_int_eq(service_messages + advertise_messages, 0);
    ck_assert_int_eq(readings_qos, 0);
    session_answered(session, asked - 1, 0); /* of another connection: not the end */
    turns(0);
    ck_assert_int_eq(service_messages, 0);
    answers = true;
    turns(0);
    ck_assert_int_eq(service_messages, 1);
    ck_assert(is_online());
    ck_assert_str_eq(state, "online");
    ck_assert_int_eq(states_published, 2);
}
END_TEST

START_TEST(not_online_before_the_network_has_settled)
{
    connect_at(0);
    turns(1000);
    ck_assert(!is_online());
    avahi(MDNS_UP, 1000);
    see("a", 80, 1000);
    turns(2000);
    ck_assert(!is_online());
    ck_assert_int_eq(service_messages, 1); /* but shown */
    avahi(MDNS_SETTLED, 2000);
    turns(2000);
    ck_assert(is_online());
}
END_TEST

START_TEST(a_change_that_settles_is_waited_for)
{
    connect_at(0);
    avahi(MDNS_UP, 0);
    see("a", 80, 0);
    turns(0);
    see("a", 81, 0);
    avahi(MDNS_SETTLED, 0);
    turns(50);
    ck_assert(!is_online());
    turns(100);
    ck_assert(is_online());
    ck_assert_int_eq(service_messages, 2);
}
END_TEST

START_TEST(a_network_that_never_rests_is_not_waited_for)
{
    connect_at(0);
    avahi(MDNS_UP, 0);
    avahi(MDNS_SETTLED, 0);
    for (int64_t at = 0; at < 2000 && !is_online(); at += 50) {
        see(at % 100 > 0 ? "a" : "b", (uint16_t)(at + 1), at);
        turns(at);
    }
    ck_assert(is_online());
}
END_TEST

START_TEST(what_the_broker_refuses_is_not_online)
{
    connect_at(0);
    avahi(MDNS_UP, 0);
    avahi(MDNS_SETTLED, 0);
    refuses = true;
    see("a", 80, 0);
    turns(0);
    ck_assert(!is_online());
    refuses = false;
    turns(INT64_MAX / 2);
    ck_assert(is_online());
    ck_assert_int_eq(service_messages, 2);
}
END_TEST

START_TEST(statuses_are_taken_before_online)
{
    static const char request[] = "{\"name\":\"n\",\"type\":\"_http._tcp\",\"port\":80}";
    connect_at(0);
    avahi(MDNS_UP, 0);
    avahi(MDNS_SETTLED, 0);
    deliver("p/advertise/c/i", request, sizeof request - 1, true);
    turn(0);
    ck_assert_int_eq(advertise_messages, 0);
    refuses = true;
    turns(0);
    ck_assert_int_eq(advertise_messages, 1);
    ck_assert(!is_online());
    refuses = false;
    turns(INT64_MAX / 2);
    ck_assert(is_online());
}
END_TEST

START_TEST(all_ghosts_are_cleared_before_online)
{
    memset(ghosts, true, sizeof ghosts);
    connect_at(0);
    avahi(MDNS_UP, 0);
    avahi(MDNS_SETTLED, 0);
    for (int i = 0; i < 1000 && !is_online(); i++)
        turn(5000);
    ck_assert(is_online());
    for (int i = 0; i < GHOSTS; i++)
        ck_assert(!ghosts[i]);
    ck_assert_int_eq(readings, 3); /* two to clear, one to check */
    session_set_intervals(session, 30000, 0, 5000);
    turns(6000);
    ck_assert_int_eq(stat_of("retained_unknown"), 0);
}
END_TEST

START_TEST(who_refills_the_tree_does_not_keep_the_bridge_from_online)
{
    memset(ghosts, true, sizeof ghosts);
    refills = true;
    connect_at(0);
    avahi(MDNS_UP, 0);
    avahi(MDNS_SETTLED, 0);
    for (int i = 0; i < 100000 && !is_online(); i++)
        turn(5000);
    ck_assert(is_online());
    session_set_intervals(session, 30000, 0, 5000);
    turns(6000);
    ck_assert_int_gt(stat_of("retained_unknown"), 0);
}
END_TEST

START_TEST(a_ghost_is_swept_five_seconds_after_the_network_has_settled)
{
    ghosts[7] = true;
    connect_at(0);
    avahi(MDNS_UP, 0);
    turns(9000);
    avahi(MDNS_SETTLED, 9000);
    ck_assert_int_le(turn(9000), 14000);
    turns(13999);
    ck_assert(!is_online() && ghosts[7]);
    turns(14000);
    ck_assert(is_online() && !ghosts[7]);
    ck_assert_int_eq(service_messages, 1); /* its path says nothing: cleared, and no more */
}
END_TEST

START_TEST(a_ghost_says_goodbye_with_what_its_path_says)
{
    static const char topic[] = "p/service/local/_ipp._tcp/Old%2F/eth0";
    connect_at(0);
    deliver(topic, "x", 1, true);
    avahi(MDNS_UP, 0);
    avahi(MDNS_SETTLED, 0);
    turns(5000);
    ck_assert_int_eq(service_messages, 2);
    ck_assert_str_eq(last_gone[0], topic);
    ck_assert_str_eq(last_gone[1], "Old/");
}
END_TEST

START_TEST(a_ghost_that_is_found_is_not_withdrawn)
{
    connect_at(0);
    deliver("p/service/local/_http._tcp/a/eth0", "x", 1, true);
    avahi(MDNS_UP, 0);
    avahi(MDNS_SETTLED, 0);
    turns(1000);
    ck_assert(!is_online());
    see("a", 80, 1000);
    turns(1000);
    ck_assert(is_online());
    turns(10000);
    ck_assert_int_eq(service_messages, 1);
}
END_TEST

/* Restart of the broker: it may have everything, or nothing of it. */
START_TEST(after_a_reconnection_only_what_differs_is_published)
{
    go_online();
    see("a", 80, 1000);
    see("b", 80, 1000);
    turns(1000);
    for (int lost = 0; lost < 2; lost++) {
        disconnect();
        service_messages = 0;
        if (lost)
            retained("p/service/local/_http._tcp/a/eth0")->topic[0] = '\0';
        session_run(session, &(struct mdns_counters){0}, 2000);
        ck_assert_str_eq(session_state_name(session), "offline");
        connect_at(3000);
        turns(3000);
        ck_assert(is_online());
        ck_assert_int_eq(service_messages, lost);
    }
    session_set_intervals(session, 30000, 0, 3000);
    turns(4000);
    ck_assert_int_eq(stat_of("broker_connections"), 3);
}
END_TEST

START_TEST(a_connection_lost_while_reading_is_no_end_of_it)
{
    answers = false;
    connect_at(0);
    turns(0);
    disconnect();
    session_answered(session, asked, 0); /* late */
    ck_assert_str_eq(session_state_name(session), "offline");
    connect_at(1);
    avahi(MDNS_UP, 1);
    avahi(MDNS_SETTLED, 1);
    turns(1);
    ck_assert(!is_online());
    answers = true;
    turns(1);
    ck_assert(is_online());
}
END_TEST

static void is_withdrawn_at(int64_t at)
{
    turns(at - 1);
    ck_assert_int_eq(service_messages, 0);
    turns(at);
    ck_assert_int_eq(service_messages, 2); /* gone, and cleared */
}

static void shown(int64_t at)
{
    see("a", 80, at);
    turns(at);
    service_messages = 0;
}

START_TEST(what_is_not_seen_again_is_swept_five_seconds_after_it_has_settled)
{
    go_online();
    shown(1000);
    avahi(MDNS_DOWN, 2000);
    avahi(MDNS_UP, 3000);
    avahi(MDNS_SETTLED, 6000);
    ck_assert_int_le(turn(6000), 11000);
    is_withdrawn_at(11000);
}
END_TEST

START_TEST(not_online_while_something_is_stale)
{
    go_online();
    shown(1000);
    avahi(MDNS_DOWN, 2000);
    avahi(MDNS_UP, 3000);
    avahi(MDNS_SETTLED, 6000);
    disconnect();
    connect_at(7000);
    turns(10999);
    ck_assert(!is_online());
    turns(11000);
    ck_assert(is_online());
    ck_assert_int_eq(service_messages, 2);
}
END_TEST

START_TEST(nothing_happens_to_what_is_seen_again)
{
    go_online();
    shown(1000);
    avahi(MDNS_DOWN, 2000);
    turns(2000);
    avahi(MDNS_UP, 3000);
    see("a", 80, 3500);
    avahi(MDNS_SETTLED, 4000);
    turns(10000);
    turns(100000);
    ck_assert_int_eq(service_messages, 0);
    ck_assert(is_online());
}
END_TEST

START_TEST(all_is_withdrawn_when_the_grace_is_over)
{
    go_online();
    shown(1000);
    avahi(MDNS_DOWN, 2000);
    ck_assert_int_le(turn(2000), 32000);
    is_withdrawn_at(32000);
}
END_TEST

START_TEST(the_grace_may_be_configured_meanwhile)
{
    go_online();
    shown(1000);
    avahi(MDNS_DOWN, 2000);
    session_set_intervals(session, 10000, 1 << 30, 3000);
    is_withdrawn_at(12000);
}
END_TEST

/* Absent for an hour, and gone again before it has settled: what it told meanwhile gets the grace. */
START_TEST(an_absence_after_a_long_one_has_a_grace_of_its_own)
{
    connect_at(0);
    turns(3600000);
    avahi(MDNS_UP, 3600000);
    shown(3600000);
    avahi(MDNS_DOWN, 3601000);
    is_withdrawn_at(3631000);
}
END_TEST

START_TEST(an_avahi_that_crashes_again_and_again_does_not_prolong_the_grace)
{
    go_online();
    shown(1000);
    for (int64_t at = 10000; at < 40000; at += 1000) {
        avahi(MDNS_DOWN, at);
        turns(at);
        avahi(MDNS_UP, at + 500);
        turns(at + 500);
    }
    ck_assert_int_eq(service_messages, 0);
    avahi(MDNS_DOWN, 39900);
    is_withdrawn_at(40000);
}
END_TEST

START_TEST(what_comes_and_goes_unpublished_leaves_nothing)
{
    see("a", 80, 0);
    lost(rooms.catalog, V4("a", 0), 0);
    go_online();
    ck_assert_int_eq(service_messages, 0);
}
END_TEST

/* Names without TXT data that do not fit: a device may announce them. */
START_TEST(a_service_that_fits_no_record_is_not_shown)
{
    struct mdns_event *event = make_event(MDNS_FOUND, V4("a", 80));
    memset(event->id.name, 1, SERVICE_NAME_MAX);
    memset(event->host, 1, SERVICE_HOST_MAX);
    memset(event->id.domain, 1, SERVICE_DOMAIN_MAX);
    go_online();
    session_mdns_event(session, event, 1000);
    turns(1000);
    ck_assert_int_eq(service_messages, 0);
    ck_assert(is_online());
    session_set_intervals(session, 30000, 0, 1000);
    turns(2000);
    ck_assert_int_eq(stat_of("services_refused"), 1);
    ck_assert_int_eq(stat_of("services"), 0);
    snprintf(event->host, sizeof event->host, "h");
    memset(event->id.domain + 5, 0, SERVICE_DOMAIN_MAX - 5);
    session_mdns_event(session, event, 3000);
    turns(3000);
    ck_assert_int_eq(service_messages, 1);
    free(event);
}
END_TEST

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    Suite *suite = suite_create("session");
    TCase *tcase = add_case(suite, "broker", setup);
    tcase_add_test(tcase, nothing_but_the_state_before_all_is_read);
    tcase_add_test(tcase, not_online_before_the_network_has_settled);
    tcase_add_test(tcase, a_change_that_settles_is_waited_for);
    tcase_add_test(tcase, a_network_that_never_rests_is_not_waited_for);
    tcase_add_test(tcase, what_the_broker_refuses_is_not_online);
    tcase_add_test(tcase, statuses_are_taken_before_online);
    tcase_add_test(tcase, all_ghosts_are_cleared_before_online);
    tcase_add_test(tcase, who_refills_the_tree_does_not_keep_the_bridge_from_online);
    tcase_add_test(tcase, a_ghost_is_swept_five_seconds_after_the_network_has_settled);
    tcase_add_test(tcase, a_ghost_says_goodbye_with_what_its_path_says);
    tcase_add_test(tcase, a_ghost_that_is_found_is_not_withdrawn);
    tcase_add_test(tcase, after_a_reconnection_only_what_differs_is_published);
    tcase_add_test(tcase, a_connection_lost_while_reading_is_no_end_of_it);
    tcase = add_case(suite, "network", setup);
    tcase_add_test(tcase, what_is_not_seen_again_is_swept_five_seconds_after_it_has_settled);
    tcase_add_test(tcase, not_online_while_something_is_stale);
    tcase_add_test(tcase, nothing_happens_to_what_is_seen_again);
    tcase_add_test(tcase, all_is_withdrawn_when_the_grace_is_over);
    tcase_add_test(tcase, the_grace_may_be_configured_meanwhile);
    tcase_add_test(tcase, an_absence_after_a_long_one_has_a_grace_of_its_own);
    tcase_add_test(tcase, an_avahi_that_crashes_again_and_again_does_not_prolong_the_grace);
    tcase_add_test(tcase, what_comes_and_goes_unpublished_leaves_nothing);
    tcase_add_test(tcase, a_service_that_fits_no_record_is_not_shown);
    return run_suite(suite);
}
