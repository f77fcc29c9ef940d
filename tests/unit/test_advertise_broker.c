/* SPDX-License-Identifier: MIT */
/* Clients that come and go, brokers that do, and what is read back from them. */
#include "adverts_fixture.h"

/* The client asks anew at once: its request is not what is cleared. */
START_TEST(asked_again_right_behind_the_end)
{
    establish();
    request("web/app", "");
    EXPECT("withdraw", "web/app/status withdrawn unretained requested", "clear web/app/status");
    now += 100;
    request("web/app", OTHER);
    EXPECT("advertise Other", "web/app/status pending");
    now += 1000;
    EXPECT_NOTHING();
    struct adverts_counters counters;
    adverts_get_counters(adverts, &counters);
    ck_assert_uint_eq(counters.wishes, 1);
}
END_TEST

/* A sign of life of one wish is none of the others. */
START_TEST(a_request_behind_offline)
{
    establish();
    presence("web", "offline");
    request("web/two", OTHER);
    adverts_run(adverts, true, now);
    event_count = 0;
    now += 500;
    EXPECT("withdraw", "web/app/status withdrawn unretained client-offline",
           "clear web/app/status");
    now += 250;
    EXPECT("clear web/app");
    presence("web", "offline");
    now += 500;
    EXPECT("withdraw", "web/two/status withdrawn unretained client-offline",
           "clear web/two/status");
}
END_TEST

START_TEST(offline_ends_all_of_a_client)
{
    establish();
    request("web/two", OTHER);
    request("else/app", "{\"name\":\"Else\",\"type\":\"_http._tcp\",\"port\":82}");
    adverts_run(adverts, true, now);
    event_count = 0;
    presence("web", "offline");
    EXPECT_NOTHING();
    now += 500;
    EXPECT("withdraw", "web/app/status withdrawn unretained client-offline", "clear web/app/status",
           "withdraw", "web/two/status withdrawn unretained client-offline",
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
    adverts_run(adverts, true, now);
    news(MDNS_ADVERT_ESTABLISHED, "Other", false);
    adverts_run(adverts, true, now);
    event_count = 0;
    presence("web", "offline");
    presence("other", "offline");
    adverts_disconnected(adverts);
    now += 60000;
    adverts_run(adverts, false, now);
    ck_assert_int_eq(event_count, 0);
    adverts_connected(adverts, now);
    presence("web", "offline");
    presence("other", "offline");
    send("web/app", WEB, true, 0);
    send("other/app", OTHER, true, 0);
    now += 10000;
    presence("web", "online");
    now += 5000;
    EXPECT("withdraw", "other/app/status withdrawn unretained client-offline",
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
    EXPECT("advertise Other", "web/two/status pending");
    presence("web", "offline");
    request("web/two", ""); /* a will, too */
    now += 10000;
    EXPECT_NOTHING();
    ck_assert(was_probed);
    adverts_disconnected(adverts);
    was_probed = false;
    broker_answers = true;
    adverts_connected(adverts, now);
    send("web/app", WEB, true, 0);
    presence("web", "online");
    request("web/two", OTHER);
    now += 60000;
    EXPECT_NOTHING();
}
END_TEST

START_TEST(what_is_not_confirmed_after_a_reconnection_ends)
{
    establish();
    request("web/two", OTHER);
    adverts_run(adverts, true, now);
    event_count = 0;
    adverts_disconnected(adverts);
    adverts_connected(adverts, now);
    send("web/app", WEB, true, 0);
    now += 14999;
    EXPECT_NOTHING();
    now += 1;
    EXPECT("withdraw", "web/two/status withdrawn unretained client-offline",
           "clear web/two/status");
    EXPECT_CLEARED_LATER("clear web/two");
}
END_TEST

START_TEST(a_replay_for_an_absent_client_sleeps)
{
    presence("web", "offline");
    send("web/app", WEB, true, 0);
    EXPECT("web/app/status pending");
    now += 5000;
    EXPECT_NOTHING();
    presence("web", "online");
    EXPECT("advertise Web app");

    presence("gone", "offline");
    send("gone/app", OTHER, true, 0);
    EXPECT("gone/app/status pending");
    now += 15000;
    adverts_run(adverts, true, now);
    ck_assert_int_eq(last_status.reason, STATUS_CLIENT_OFFLINE);
}
END_TEST

/* MQTT 3.1.1: the deletion of the request comes back, perhaps behind a new request. */
START_TEST(echoes_are_not_withdrawals)
{
    adverts_hear_echoes(adverts);
    establish();
    request("web/app", "");
    EXPECT("withdraw", "web/app/status withdrawn unretained requested", "clear web/app/status");
    EXPECT_CLEARED_LATER("clear web/app");
    request("web/app", WEB);
    request("web/app", ""); /* ours */
    EXPECT("advertise Web app", "web/app/status pending");
    request("web/app", ""); /* the client's */
    adverts_run(adverts, true, now);
    adverts_broker_answers(adverts, now);
    adverts_run(adverts, true, now);
    ck_assert_int_eq(last_status.state, STATUS_WITHDRAWN);
}
END_TEST

START_TEST(statuses_of_a_former_life)
{
    establish();
    adverts_disconnected(adverts);
    adverts_connected(adverts, now);
    adverts_read_begin(adverts);
    send("web/app", WEB, true, 0);
    adverts_read_back(adverts, "web/old/status", 77);
    adverts_read_back(adverts, "web/app/status", 78);
    adverts_read_back(adverts, "not one", 78);
    adverts_read_end(adverts);
    EXPECT("clear web/old/status", "web/app/status established");
    adverts_read_begin(adverts);
    adverts_read_end(adverts);
    EXPECT("web/app/status established"); /* the broker has lost it */
}
END_TEST

/* An answer to a request that has no place here is no leftover of a former life. */
START_TEST(answers_are_not_cleared_by_reading)
{
    config.advertise.max_per_client = 1;
    establish();
    request("web/two", OTHER);
    EXPECT("clear web/two", "web/two/status failed quota");
    adverts_read_begin(adverts);
    adverts_read_back(adverts, "web/two/status", 79);
    adverts_read_back(adverts, "web/three/status", 80);
    adverts_read_end(adverts);
    EXPECT("clear web/three/status", "web/app/status established");
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
    tcase_add_test(tcase, a_replay_for_an_absent_client_sleeps);
    tcase_add_test(tcase, echoes_are_not_withdrawals);
    tcase_add_test(tcase, statuses_of_a_former_life);
    tcase_add_test(tcase, answers_are_not_cleared_by_reading);
}

int main(void)
{
    return run("adverts_broker", add_tests);
}
