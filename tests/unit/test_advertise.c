/* SPDX-License-Identifier: MIT */
/* Requests: what becomes of them at Avahi, how long they last, and what policy and quotas say. */
#include "advertise_fixture.h"

START_TEST(from_request_to_goodbye)
{
    request("web/app", WEB);
    EXPECT("register 1 Web app", "web/app/status pending");
    pending(1, "Web app");
    EXPECT_NOTHING();
    established(1, "Web app #2");
    EXPECT("web/app/status established");
    ck_assert_str_eq(last_status.name, "Web app #2");
    ck_assert_str_eq(owner("Web app #2"), "web/app");
    ck_assert_ptr_null(owner("Web app"));
    ck_assert_uint_eq(counters().established, 1);
    request("web/app", "");
    EXPECT("withdraw 1", "web/app/status withdrawn unretained requested", "clear web/app/status");
    ck_assert_str_eq(last_status.name, "Web app #2");
    ck_assert_ptr_null(owner("Web app #2"));
    EXPECT_CLEARED_LATER("clear web/app");
    EXPECT_NOTHING();
    ck_assert_uint_eq(counters().advertisements, 0);
    ck_assert_uint_eq(counters().established, 0);
    ck_assert_uint_eq(counters().requests, 1);
    ck_assert_uint_eq(counters().ended, 1);
}
END_TEST

/* What cannot be retained is not cleared: a clearing is a message, too. */
START_TEST(nothing_is_cleared_that_is_not_retained)
{
    retention = RETENTION_NONE;
    establish();
    request("web/app", "");
    EXPECT("withdraw 1", "web/app/status withdrawn unretained requested", "clear web/app/status");
    now += 60000;
    EXPECT_NOTHING();
    retention = RETENTION_UNKNOWN;
    request("web/app", WEB);
    forget_events();
    request("web/app", "");
    forget_events();
    EXPECT_CLEARED_LATER("clear web/app");
}
END_TEST

/* A retained withdrawal has deleted the request; the bridge must not delete one that comes after it. */
START_TEST(a_retained_withdrawal_is_not_cleared_again)
{
    establish();
    empty_retention = RETENTION_RETAINED;
    request("web/app", "");
    EXPECT("withdraw 1", "web/app/status withdrawn unretained requested", "clear web/app/status");
    now += 60000;
    EXPECT_NOTHING();
}
END_TEST

/* `online` speaks for requests that cannot be seen again, not for retained ones that are gone. */
START_TEST(online_confirms_what_was_not_retained)
{
    retention = RETENTION_NONE;
    establish();
    retention = RETENTION_RETAINED;
    request("web/two", OTHER);
    request("web/three", THIRD);
    forget_events();
    reconnect();
    presence("web", "online");
    replay("web/three", THIRD);
    now += 15000;
    EXPECT("withdraw 2", "web/two/status withdrawn unretained requested", "clear web/two/status");
    EXPECT_CLEARED_LATER("clear web/two");
    now += 60000;
    EXPECT_NOTHING();
}
END_TEST

START_TEST(the_same_again_does_nothing)
{
    establish();
    request("web/app", WEB);
    EXPECT_NOTHING();
    request("web/app", REQUEST("Web app", 8080, ",\"transaction\":\"x\""));
    EXPECT("web/app/status established");
    ck_assert_str_eq(last_status.transaction, "x");
}
END_TEST

START_TEST(a_lease_is_renewed_or_ends)
{
    request("web/app", LEASED);
    EXPECT("register 1 Web app", "web/app/status pending");
    ck_assert_uint_eq(last_status.lease, 60);
    now += 59000;
    request("web/app", LEASED);
    EXPECT("web/app/status pending");
    now += 59000;
    EXPECT_NOTHING();
    now += 1000;
    EXPECT("withdraw 1", "web/app/status withdrawn unretained lease-expired",
           "clear web/app/status");
    EXPECT_CLEARED_LATER("clear web/app");
}
END_TEST

START_TEST(a_message_expiry_is_a_lease)
{
    send("web/app", LEASED, false, 40);
    EXPECT("register 1 Web app", "web/app/status pending");
    ck_assert_uint_eq(last_status.lease, 40);
    now += 40000;
    EXPECT("withdraw 1", "web/app/status withdrawn unretained lease-expired",
           "clear web/app/status");
    EXPECT_CLEARED_LATER("clear web/app");
}
END_TEST

/* Who had a name first has it first again; one/app is older, but got its name later. */
START_TEST(names_are_taken_in_order)
{
    request("one/app", OTHER);
    run_all();
    established(1, "Other");
    request("two/app", WEB);
    run_all();
    established(2, "Web app");
    request("three/app", REQUEST("New", 83, ""));
    request("one/app", WEB);
    forget_events();
    ck_assert_uint_eq(last_number, 4);
    established(4, "Web app #2");
    EXPECT("withdraw 1", "one/app/status established");
    avahi(MDNS_DOWN);
    forget_events();
    avahi(MDNS_UP);
    EXPECT("register 2 Web app", "register 4 Web app", "register 3 New");
}
END_TEST

START_TEST(a_failure_later_on)
{
    establish();
    failed(1, REGISTRATION_CONFLICT);
    EXPECT("web/app/status failed conflict");
    ck_assert_ptr_null(owner("Web app"));
    request("web/app", WEB); /* the same request again is tried again */
    EXPECT("register 2 Web app", "web/app/status pending");
}
END_TEST

START_TEST(avahi_comes_and_goes)
{
    establish();
    avahi(MDNS_DOWN);
    EXPECT("web/app/status pending");
    ck_assert_ptr_null(owner("Web app"));
    request("web/two", OTHER);
    EXPECT("web/two/status pending");
    avahi(MDNS_UP);
    EXPECT("register 1 Web app", "register 2 Other");
    established(1, "Web app");
    EXPECT("web/app/status established");
}
END_TEST

START_TEST(quota_and_flood)
{
    char path[64];
    config.advertise.max_per_client = 3;
    config.advertise_max_total = 5;
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "web/%d", i);
        request(path, i == 1 ? "junk" : WEB); /* what failed counts, too */
    }
    forget_events();
    request("web/3", WEB);
    EXPECT("clear web/3", "web/3/status failed quota");
    request("web/4", "junk");
    EXPECT("clear web/4", "web/4/status failed bad-json");
    request("web/1", WEB); /* the slots that he has are his */
    EXPECT("register 3 Web app", "web/1/status pending");
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "c%d/app", i);
        request(path, WEB);
    }
    run_all();
    bool refused = false;
    for (int i = 0; i < event_count; i++)
        refused |= strcmp(events[i], "c2/app/status failed quota") == 0;
    ck_assert(refused);
    ck_assert_uint_eq(counters().advertisements, 5);

    /* A flood of other requests: the oldest answers are cleared, one for each that comes. */
    run_all();
    int retained = 0;
    for (int i = 10; i < 500; i++) {
        event_count = 0;
        snprintf(path, sizeof path, "web/%d", i);
        request(path, WEB);
        run_all();
        retained++;
        for (int e = 0; e < event_count; e++)
            retained -= strncmp(events[e], "clear", 5) == 0 && strstr(events[e], "/status");
    }
    ck_assert_int_le(retained, 64);
    event_count = 0;
    request("web/499", "");
    EXPECT("clear web/499/status");
}
END_TEST

START_TEST(policy)
{
    set_option("deny-types", "_ssh._tcp");
    set_option("ports", "8000-8999");
    request("web/app", "{\"name\":\"x\",\"type\":\"_ssh._tcp\",\"port\":8022}");
    EXPECT("web/app/status failed denied");
    ck_assert_str_eq(last_status.error.key, "type");
    request("web/app", OTHER);
    EXPECT("web/app/status failed denied");
    ck_assert_str_eq(last_status.error.key, "port");
    request("web/two", WEB);
    EXPECT("register 1 Web app", "web/two/status pending");
    /* The configuration changes: what was denied is tried, what is denied now ends. */
    reconfigure("ports", "1-100");
    EXPECT("withdraw 1", "register 2 Other", "web/app/status pending",
           "web/two/status withdrawn unretained replaced-by-policy", "clear web/two/status");
    EXPECT_CLEARED_LATER("clear web/two");
}
END_TEST

START_TEST(bad_topics)
{
    request("we!rd/app", WEB);
    EXPECT("clear we!rd/app", "we!rd/app/status failed bad-topic");
    request("../app", WEB);
    EXPECT("clear ../app", "../app/status failed bad-topic");
    request("../app", WEB);
    EXPECT("clear ../app"); /* the same answer is there already */
    request("../app", "");
    EXPECT("clear ../app/status");
    request("a/b/c", WEB);
    request("a/b/status", WEB);
    request("alone", WEB);
    EXPECT_NOTHING();
    retention = RETENTION_NONE;
    request("we!rd/app", WEB);
    EXPECT_NOTHING();
}
END_TEST

/* Too long to be answered; but nothing is to pile up at the broker. */
START_TEST(long_paths_are_cleared)
{
    static const size_t lengths[] = {130, 1200, 30000, 65000};
    static char path[65536];
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        memset(path, 'x', lengths[i]);
        memcpy(path, "web/", 4);
        path[lengths[i]] = '\0';
        retention = RETENTION_NONE;
        request(path, WEB);
        EXPECT_NOTHING();
        retention = i % 2 ? RETENTION_UNKNOWN : RETENTION_RETAINED;
        request(path, WEB);
        run_all();
        ck_assert_int_eq(event_count, 1);
        ck_assert_str_eq(last_cleared, path);
        event_count = 0;
        request(path, "");
        EXPECT_NOTHING();
    }
    ck_assert_uint_eq(counters().advertisements, 0);
}
END_TEST

/* Nothing is lost while there is no room, and only the last state is handed out. */
START_TEST(no_room_for_a_while)
{
    static const int errors[] = {-EAGAIN, -ENOMEM};
    avahi_error = errors[_i];
    broker_has_room = false;
    request("web/app", WEB);
    run_all();
    request("web/app", OTHER);
    run_all();
    request("web/two", WEB);
    run_all();
    request("web/two", "");
    run_all();
    ck_assert_int_eq(event_count, 0);
    ck_assert_int_gt(next_run, now);
    ck_assert_int_le(next_run, now + 50);
    avahi_error = 0;
    broker_has_room = true;
    EXPECT("register 1 Web app", "register 2 for 1 Other", "web/app/status pending",
           "web/two/status withdrawn unretained requested");
    EXPECT_CLEARED_LATER("clear web/two");
}
END_TEST

/* Where Avahi has no room, nothing changes: each is tried again, in its order. */
START_TEST(no_room_for_updates_and_withdrawals)
{
    static const int errors[] = {-EAGAIN, -ENOMEM};
    establish();
    request("web/two", OTHER);
    forget_events();
    established(2, "Other");
    forget_events();
    avahi_error = errors[_i];
    request("web/app", REQUEST("Web app", 8080, ",\"txt\":{\"a\":\"1\"}"));
    request("web/two", "");
    request("web/three", THIRD);
    EXPECT("web/app/status pending", "web/three/status pending",
           "web/two/status withdrawn unretained requested", "clear web/two/status");
    EXPECT_NOTHING();
    avahi_error = 0;
    EXPECT("withdraw 2", "update 1.1 Web app", "register 3 Third");
}
END_TEST

START_TEST(back_before_its_end_was_said)
{
    establish();
    broker_has_room = false;
    avahi_error = -EAGAIN;
    request("web/app", "");
    run_all();
    request("web/app", WEB);
    run_all();
    ck_assert_str_eq(last_kept, "web/app");
    broker_has_room = true;
    avahi_error = 0;
    EXPECT("withdraw 1", "register 2 Web app", "web/app/status pending");
}
END_TEST

/* ---- Bounds ---- */

static void ask_and_end(int number)
{
    char path[64];
    snprintf(path, sizeof path, "web/%d", number);
    request(path, WEB);
    run_all();
    request(path, "");
    run_all();
}

/* A replay is known for one that has ended by its bytes, if it is remembered. */
static bool is_remembered(const char *path, const char *status)
{
    stale_status = status;
    uint64_t before = counters().requests;
    replay(path, WEB);
    stale_status = NULL;
    return counters().requests == before;
}

START_TEST(so_many_that_have_ended_are_remembered)
{
    for (int i = 0; i < 257; i++) {
        ask_and_end(i);
        event_count = 0;
    }
    ck_assert(is_remembered("web/1", "web/1/status"));
    ck_assert(is_remembered("web/256", "web/256/status"));
    ck_assert(!is_remembered("web/0", "web/0/status"));
}
END_TEST

/* The one that makes room is cleared as it would have been later, and its status is no more. */
START_TEST(forgotten_before_its_end_was_said)
{
    ask_and_end(0);
    event_count = 0;
    broker_has_room = false;
    for (int i = 1; i < 256; i++) {
        ask_and_end(i);
        event_count = 0;
    }
    ask_and_end(256);
    ck_assert_str_eq(events[0], "clear web/0");
    event_count = 0;
    ask_and_end(257);
    ck_assert_str_eq(events[0], "clear web/1");
    ck_assert_ptr_null(find_place("web/1/status", false)); /* the broker never had it */
    ck_assert_ptr_nonnull(find_place("web/2/status", false));
}
END_TEST

START_TEST(a_flood_that_is_not_retained_is_not_cleared)
{
    char path[64];
    config.advertise.max_per_client = 1;
    retention = RETENTION_NONE;
    establish();
    for (int i = 0; i < 1000; i++) {
        snprintf(path, sizeof path, "web/%d", i);
        request(path, OTHER);
    }
    run_all();
    int answers = 0;
    for (int i = 0; i < event_count; i++) {
        ck_assert_ptr_nonnull(strstr(events[i], "/status failed quota"));
        answers++;
    }
    ck_assert_int_eq(answers, 64); /* the last ones */
    ck_assert_str_eq(events[63], "web/999/status failed quota");
}
END_TEST

/* The mirror has its own bound; then all that is retained is read again. */
START_TEST(no_room_to_clear)
{
    config.advertise.max_per_client = 1;
    establish();
    ck_assert(!advertise_needs_reading(advertise));
    clears_have_room = false;
    request("web/two", OTHER);
    ck_assert(advertise_needs_reading(advertise));
    advertise_reading(advertise);
    ck_assert(!advertise_needs_reading(advertise));
    clears_have_room = true;
    forget_events();
    replay("web/two", OTHER);
    EXPECT("clear web/two");
    ck_assert(!advertise_needs_reading(advertise));
}
END_TEST

/* ---- Answers, where an advertisement was before, and is again ---- */

static void fill_quota(void)
{
    config.advertise.max_per_client = 1;
    establish();
    request("web/app", "");
    forget_events();
    request("web/other", OTHER);
    run_all();
    request("web/app", WEB);
    run_all();
    ck_assert_int_eq(last_status.error.code, STATUS_QUOTA);
    now += 250;
    forget_events();
}

START_TEST(an_answer_where_one_has_ended_is_withdrawn)
{
    fill_quota();
    request("web/app", "");
    EXPECT("clear web/app/status");
    request("web/app", "");
    EXPECT_NOTHING();
}
END_TEST

/* It has become an advertisement: its status is no answer that may go. */
START_TEST(an_answer_where_one_is_again)
{
    char path[32];
    fill_quota();
    request("web/other", "");
    run_all();
    request("web/app", WEB);
    forget_events();
    ck_assert_int_eq(last_status.state, STATUS_PENDING);
    for (int i = 0; i < 200; i++) {
        snprintf(path, sizeof path, "web/%d", i);
        request(path, OTHER);
    }
    run_all();
    for (int i = 0; i < event_count; i++)
        ck_assert_str_ne(events[i], "clear web/app/status");
    const struct place *place = find_place("web/app/status", false);
    ck_assert_ptr_nonnull(place);
    ck_assert(place->known && !place->is_answer);
}
END_TEST

/* It has the place of a last word that was not said; which does not take it along. */
START_TEST(an_answer_before_the_end_was_said)
{
    config.advertise.max_per_client = 1;
    config.advertise_max_total = 1000;
    establish();
    broker_has_room = false;
    request("web/app", "");
    run_all();
    request("web/other", OTHER);
    run_all();
    request("web/app", WEB);
    broker_has_room = true;
    forget_events();
    for (int i = 0; i < 300; i++) {
        char path[32];
        snprintf(path, sizeof path, "c%d/app", i);
        request(path, WEB);
        run_all();
        request(path, "");
        run_all();
    }
    for (int i = 0; i < event_count; i++)
        ck_assert_str_ne(events[i], "clear web/app/status");
    ck_assert_ptr_nonnull(find_place("web/app/status", false));
    event_count = 0;
    request("web/app", "");
    EXPECT("clear web/app/status");
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, from_request_to_goodbye);
    tcase_add_test(tcase, nothing_is_cleared_that_is_not_retained);
    tcase_add_test(tcase, a_retained_withdrawal_is_not_cleared_again);
    tcase_add_test(tcase, online_confirms_what_was_not_retained);
    tcase_add_test(tcase, the_same_again_does_nothing);
    tcase_add_test(tcase, a_lease_is_renewed_or_ends);
    tcase_add_test(tcase, a_message_expiry_is_a_lease);
    tcase_add_test(tcase, names_are_taken_in_order);
    tcase_add_test(tcase, a_failure_later_on);
    tcase_add_test(tcase, avahi_comes_and_goes);
    tcase_add_test(tcase, quota_and_flood);
    tcase_add_test(tcase, policy);
    tcase_add_test(tcase, bad_topics);
    tcase_add_test(tcase, long_paths_are_cleared);
    tcase_add_loop_test(tcase, no_room_for_a_while, 0, 2);
    tcase_add_loop_test(tcase, no_room_for_updates_and_withdrawals, 0, 2);
    tcase_add_test(tcase, back_before_its_end_was_said);
    tcase_add_test(tcase, so_many_that_have_ended_are_remembered);
    tcase_add_test(tcase, forgotten_before_its_end_was_said);
    tcase_add_test(tcase, a_flood_that_is_not_retained_is_not_cleared);
    tcase_add_test(tcase, no_room_to_clear);
    tcase_add_test(tcase, an_answer_where_one_has_ended_is_withdrawn);
    tcase_add_test(tcase, an_answer_where_one_is_again);
    tcase_add_test(tcase, an_answer_before_the_end_was_said);
}

int main(void)
{
    return run("advertise", add_tests);
}
