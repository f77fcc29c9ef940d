/* SPDX-License-Identifier: MIT */
/* Clients that come and go, brokers that do, and what is read back from them. */
#include "advertise_fixture.h"

/* The client asks anew at once: its request is not what is cleared. */
START_TEST(asked_again_right_behind_the_end)
{
    establish();
    request("web/app", "");
    EXPECT("withdraw 1", "web/app/status withdrawn unretained requested", "clear web/app/status");
    now += 100;
    request("web/app", OTHER);
    EXPECT("register 2 Other", "web/app/status pending");
    now += 1000;
    EXPECT_NOTHING();
    ck_assert_uint_eq(counters().advertisements, 1);
}
END_TEST

/* A sign of life of one request is none of the others. */
START_TEST(a_request_behind_offline)
{
    establish();
    presence("web", "offline");
    request("web/two", OTHER);
    forget_events();
    now += 500;
    EXPECT("withdraw 1", "web/app/status withdrawn unretained client-offline",
           "clear web/app/status");
    now += 250;
    EXPECT("clear web/app");
    presence("web", "offline");
    now += 500;
    EXPECT("withdraw 2", "web/two/status withdrawn unretained client-offline",
           "clear web/two/status");
}
END_TEST

START_TEST(offline_ends_all_of_a_client)
{
    establish();
    request("web/two", OTHER);
    request("else/app", REQUEST("Else", 83, ""));
    forget_events();
    presence("web", "offline");
    EXPECT_NOTHING();
    now += 500;
    EXPECT("withdraw 1", "withdraw 2", "web/app/status withdrawn unretained client-offline",
           "clear web/app/status", "web/two/status withdrawn unretained client-offline",
           "clear web/two/status");
    EXPECT_CLEARED_LATER("clear web/app", "clear web/two");
    now += 60000;
    EXPECT_NOTHING();
}
END_TEST

START_TEST(offline_and_back_at_once)
{
    establish();
    presence("web", "offline");
    now += 400;
    presence("web", "online");
    now += 60000;
    EXPECT_NOTHING();
}
END_TEST

/* A broker that is shut down cleanly fires the wills, then closes our connection. */
START_TEST(a_clean_broker_restart_ends_nothing_that_is_confirmed)
{
    establish();
    request("other/app", OTHER);
    run_all();
    established(2, "Other");
    forget_events();
    presence("web", "offline");
    presence("other", "offline");
    disconnect();
    now += 60000;
    EXPECT_NOTHING();
    advertise_connected(advertise, now);
    presence("web", "offline");
    presence("other", "offline");
    replay("web/app", WEB);
    replay("other/app", OTHER);
    now += 10000;
    presence("web", "online");
    now += 5000;
    EXPECT("withdraw 2", "other/app/status withdrawn unretained client-offline",
           "clear other/app/status");
    EXPECT_CLEARED_LATER("clear other/app");
    now += 60000;
    EXPECT_NOTHING();
}
END_TEST

/* It takes long to save what it has; but it answers nothing once it has fired the wills. */
START_TEST(a_broker_that_shuts_down_slowly)
{
    establish();
    broker_answers = false;
    request("web/two", OTHER);
    EXPECT("register 2 Other", "web/two/status pending");
    presence("web", "offline");
    request("web/two", ""); /* a will, too */
    now += 10000;
    EXPECT_NOTHING();
    ck_assert_uint_eq(trip, 2);
    disconnect();
    broker_answers = true;
    advertise_connected(advertise, now);
    replay("web/app", WEB);
    presence("web", "online");
    request("web/two", OTHER);
    now += 60000;
    EXPECT_NOTHING();
}
END_TEST

START_TEST(what_is_not_confirmed_after_a_reconnection_ends)
{
    establish();
    retention = RETENTION_UNKNOWN;
    request("web/two", OTHER);
    forget_events();
    reconnect();
    replay("web/app", WEB);
    now += 14999;
    EXPECT_NOTHING();
    now += 1;
    EXPECT("withdraw 2", "web/two/status withdrawn unretained client-offline",
           "clear web/two/status");
    EXPECT_CLEARED_LATER("clear web/two");
}
END_TEST

START_TEST(a_replay_for_an_absent_client_is_dormant)
{
    presence("web", "offline");
    replay("web/app", WEB);
    EXPECT("web/app/status pending");
    now += 5000;
    EXPECT_NOTHING();
    presence("web", "online");
    EXPECT("register 1 Web app");

    presence("gone", "offline");
    replay("gone/app", OTHER);
    EXPECT("gone/app/status pending");
    now += 15000;
    run_all();
    ck_assert_int_eq(last_status.reason, STATUS_CLIENT_OFFLINE);
}
END_TEST

/* ---- What a broker brings back ---- */

/* It has crashed, and has what it had saved before: the request, and the status that was cleared with it. */
START_TEST(a_replay_of_the_past_is_cleared)
{
    establish();
    empty_retention = RETENTION_RETAINED;
    request("web/app", "");
    forget_events();
    reconnect();
    stale_status = "web/app/status";
    replay("web/app", WEB);
    EXPECT("clear web/app");
    now += 60000;
    EXPECT_NOTHING();
    ck_assert_uint_eq(counters().requests, 1);
    ck_assert_int_eq(registered_count(), 0);
}
END_TEST

/* The connection was lost before anything was cleared. */
START_TEST(a_clearing_that_was_lost)
{
    establish();
    broker_has_room = false;
    request("web/app", "");
    run_all();
    event_count = 0;
    reconnect();
    stale_status = "web/app/status";
    replay("web/app", WEB);
    broker_has_room = true;
    EXPECT("clear web/app", "web/app/status withdrawn unretained requested",
           "clear web/app/status");
    now += 60000;
    EXPECT_NOTHING();
    ck_assert_int_eq(registered_count(), 0);
}
END_TEST

/* Each of these was asked for since. */
START_TEST(asked_anew)
{
    static const struct {
        bool replayed, status_is_there;
        const char *payload;
    } rows[] = {
        {true, false, WEB},    /* while the connection was lost: its status had been cleared */
        {true, true, OTHER},   /* something else */
        {true, true, WEB " "}, /* not to the byte */
        {false, true, WEB},    /* just now */
    };
    establish();
    request("web/app", "");
    forget_events();
    now += 250;
    EXPECT("clear web/app");
    reconnect();
    stale_status = rows[_i].status_is_there ? "web/app/status" : "else/app/status";
    send("web/app", rows[_i].payload, rows[_i].replayed, 0);
    run_all();
    ck_assert_int_eq(event_count, 2);
    ck_assert_str_eq(events[0], _i == 1 ? "register 2 Other" : "register 2 Web app");
    ck_assert_str_eq(events[1], "web/app/status pending");
    ck_assert_str_eq(last_kept, "web/app");
}
END_TEST

/* It is still to be cleared, by the same connection; so it is no new one. */
START_TEST(read_again_before_it_is_cleared)
{
    establish();
    broker_acknowledges = false;
    request("web/app", "");
    forget_events();
    advertise_reading(advertise);
    if (_i == 0) { /* a quarter of a second is not over */
        replay("web/app", WEB);
        EXPECT("clear web/app");
    } else if (_i == 1) { /* the broker has not taken it yet */
        now += 250;
        EXPECT("clear web/app");
        replay("web/app", WEB);
        EXPECT("clear web/app");
    } else { /* there was no room, so that it is read again */
        clears_have_room = false;
        now += 250;
        EXPECT_NOTHING();
        ck_assert(advertise_needs_reading(advertise));
        advertise_reading(advertise);
        clears_have_room = true;
        replay("web/app", WEB);
        EXPECT("clear web/app");
    }
    advertise_round_trip(advertise, trip, true, now);
    ck_assert_int_eq(registered_count(), 0);
    ck_assert_uint_eq(counters().advertisements, 0);
    broker_acknowledges = true;
    run_all();
    replay("web/app", WEB); /* it has been cleared, so this is another one */
    now += 1000;
    EXPECT("register 2 Web app", "web/app/status pending");
}
END_TEST

/* What was to be cleared when the connection was lost may have been asked for again meanwhile. */
START_TEST(asked_anew_before_it_was_cleared)
{
    establish();
    broker_acknowledges = false;
    request("web/app", "");
    forget_events();
    now += 250 * _i; /* cleared, but not acknowledged; or not even that */
    forget_events();
    reconnect();
    replay("web/app", WEB);
    EXPECT("register 2 Web app", "web/app/status pending");
    now += 60000;
    EXPECT_NOTHING();
}
END_TEST

/* Nobody has it on the network, so nobody takes it back twice: it is not tried on the way. */
START_TEST(a_dormant_one_is_taken_back)
{
    presence("web", "offline");
    replay("web/app", WEB);
    EXPECT("web/app/status pending");
    empty_retention = RETENTION_RETAINED;
    request("web/app", "");
    EXPECT("web/app/status withdrawn unretained requested", "clear web/app/status");
    ck_assert_uint_eq(last_number, 0);
    now += 60000;
    EXPECT_NOTHING();
}
END_TEST

/* Nothing of it is remembered in a new life: what is retained is taken. */
START_TEST(a_replay_of_a_former_life)
{
    stale_status = "web/app/status";
    replay("web/app", WEB);
    EXPECT("register 1 Web app", "web/app/status pending");
}
END_TEST

/* Behind a burst, all that is retained is read again. */
START_TEST(a_retained_request_that_is_gone)
{
    establish();
    request("web/two", OTHER);
    retention = RETENTION_NONE;
    request("web/three", THIRD);
    forget_events();
    advertise_reading(advertise);
    replay("web/two", OTHER);
    advertise_round_trip(advertise, trip, true, now);
    EXPECT("withdraw 1", "web/app/status withdrawn unretained requested", "clear web/app/status");
    now += 60000;
    EXPECT_NOTHING();
    ck_assert_uint_eq(counters().advertisements, 2);
}
END_TEST

/* An answer to another question ends no reading. */
/* Else a flood now and then would keep what nobody renews. */
START_TEST(read_again_renews_no_lease)
{
    replay("web/app", LEASED);
    run_all();
    forget_events();
    uint64_t requests = counters().requests;
    now += 50000;
    advertise_reading(advertise);
    replay("web/app", LEASED);
    advertise_round_trip(advertise, trip, true, now);
    ck_assert_uint_eq(counters().requests, requests);
    now += 10000;
    run_all();
    ck_assert_uint_eq(counters().advertisements, 0);
}
END_TEST

START_TEST(a_reading_that_goes_on)
{
    establish();
    advertise_reading(advertise);
    advertise_round_trip(advertise, 7, false, now);
    EXPECT_NOTHING();
    request("web/app", WEB); /* live, while it goes on */
    advertise_round_trip(advertise, 8, true, now);
    EXPECT_NOTHING();
}
END_TEST

/* What was missed in the burst is found. */
START_TEST(a_retained_request_that_was_missed)
{
    establish();
    advertise_reading(advertise);
    replay("web/app", OTHER);
    replay("web/two", THIRD);
    advertise_round_trip(advertise, 7, true, now);
    EXPECT("register 2 for 1 Other", "register 3 Third", "web/app/status pending",
           "web/two/status pending");
}
END_TEST

/* ---- Who is offline ---- */

static void offline(int number)
{
    char client[32];
    snprintf(client, sizeof client, "c%d", number);
    presence(client, "offline");
}

static enum status_state state_of_replay(int number)
{
    char path[32];
    snprintf(path, sizeof path, "c%d/app", number);
    config.advertise_max_total = 10;
    replay(path, WEB);
    run_all();
    bool registered = event_count > 0 && strncmp(events[0], "register", 8) == 0;
    event_count = 0;
    return registered ? STATUS_ESTABLISHED : STATUS_PENDING;
}

START_TEST(so_many_clients_are_remembered_to_be_offline)
{
    for (int i = 0; i < 4096; i++)
        offline(i);
    offline(0); /* is no other one */
    ck_assert_int_eq(state_of_replay(0), STATUS_PENDING);
    ck_assert_int_eq(state_of_replay(4095), STATUS_PENDING);
    offline(4096);
    ck_assert_int_eq(state_of_replay(0), STATUS_ESTABLISHED); /* taken for online */
    ck_assert_int_eq(state_of_replay(1), STATUS_PENDING);
    ck_assert_int_eq(state_of_replay(4096), STATUS_PENDING);
    ck_assert_uint_eq(trip, 0); /* none of them had anything to end */
}
END_TEST

/* With each connection it is said anew. */
START_TEST(offline_is_forgotten_with_the_connection)
{
    presence("web", "offline");
    reconnect();
    replay("web/app", WEB);
    EXPECT("register 1 Web app", "web/app/status pending");
}
END_TEST

START_TEST(words_that_say_nothing)
{
    static const char *const words[] = {"", "off", "offline ", "OFFLINE", "onlin"};
    establish();
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        presence("web", words[i]);
    presence("web/app", "offline");
    presence("we!b", "offline");
    now += 60000;
    EXPECT_NOTHING();
    ck_assert_uint_eq(trip, 0);
}
END_TEST

/* It counts when the broker has answered what was asked behind it, and not before. */
START_TEST(the_answer_to_an_older_question)
{
    broker_answers = false;
    establish();
    request("web/two", OTHER);
    forget_events();
    request("web/two", "");
    uint32_t first = trip;
    request("web/app", "");
    ck_assert_uint_gt(trip, first);
    advertise_round_trip(advertise, first, false, now);
    EXPECT("withdraw 2", "web/two/status withdrawn unretained requested", "clear web/two/status");
    advertise_round_trip(advertise, trip, false, now);
    EXPECT("withdraw 1", "web/app/status withdrawn unretained requested", "clear web/app/status");
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, asked_again_right_behind_the_end);
    tcase_add_test(tcase, a_request_behind_offline);
    tcase_add_test(tcase, offline_ends_all_of_a_client);
    tcase_add_test(tcase, offline_and_back_at_once);
    tcase_add_test(tcase, a_clean_broker_restart_ends_nothing_that_is_confirmed);
    tcase_add_test(tcase, a_broker_that_shuts_down_slowly);
    tcase_add_test(tcase, what_is_not_confirmed_after_a_reconnection_ends);
    tcase_add_test(tcase, a_replay_for_an_absent_client_is_dormant);
    tcase_add_test(tcase, a_replay_of_the_past_is_cleared);
    tcase_add_test(tcase, a_clearing_that_was_lost);
    tcase_add_loop_test(tcase, asked_anew, 0, 4);
    tcase_add_loop_test(tcase, read_again_before_it_is_cleared, 0, 3);
    tcase_add_test(tcase, read_again_renews_no_lease);
    tcase_add_loop_test(tcase, asked_anew_before_it_was_cleared, 0, 2);
    tcase_add_test(tcase, a_dormant_one_is_taken_back);
    tcase_add_test(tcase, a_replay_of_a_former_life);
    tcase_add_test(tcase, a_retained_request_that_is_gone);
    tcase_add_test(tcase, a_reading_that_goes_on);
    tcase_add_test(tcase, a_retained_request_that_was_missed);
    tcase_add_test(tcase, so_many_clients_are_remembered_to_be_offline);
    tcase_add_test(tcase, offline_is_forgotten_with_the_connection);
    tcase_add_test(tcase, words_that_say_nothing);
    tcase_add_test(tcase, the_answer_to_an_older_question);
}

int main(void)
{
    return run("advertise_broker", add_tests);
}
