/* SPDX-License-Identifier: MIT */
/* Requests: what becomes of them at Avahi, how long they last, and what policy and quotas say. */
#include "adverts_fixture.h"

START_TEST(from_wish_to_goodbye)
{
    request("web/app", WEB);
    EXPECT("advertise Web app", "web/app/status pending");
    news(MDNS_ADVERT_PENDING, "Web app", false);
    EXPECT_NOTHING();
    news(MDNS_ADVERT_ESTABLISHED, "Web app #2", false);
    EXPECT("web/app/status established");
    ck_assert_str_eq(last_status.name, "Web app #2");
    ck_assert_str_eq(owner("Web app #2"), "web/app");
    ck_assert_ptr_null(owner("Web app"));
    request("web/app", "");
    EXPECT("withdraw", "web/app/status withdrawn unretained requested", "clear web/app/status");
    EXPECT_CLEARED_LATER("clear web/app");
    EXPECT_NOTHING();
    struct adverts_counters counters;
    adverts_get_counters(adverts, &counters);
    ck_assert_uint_eq(counters.wishes, 0);
    ck_assert_uint_eq(counters.established, 0);
}
END_TEST

/* A retained withdrawal has deleted the request; the bridge must not delete one that comes after it. */
START_TEST(a_retained_withdrawal_is_not_cleared_again)
{
    establish();
    messages_retained = true;
    request("web/app", "");
    EXPECT("withdraw", "web/app/status withdrawn unretained requested", "clear web/app/status");
}
END_TEST

/* `online` speaks for requests that cannot be seen again, not for retained ones that are gone. */
START_TEST(online_confirms_what_was_not_retained)
{
    establish();
    messages_retained = true;
    request("web/two", OTHER);
    request("web/three", "{\"name\":\"Three\",\"type\":\"_http._tcp\",\"port\":83}");
    adverts_run(adverts, true, now);
    event_count = 0;
    adverts_disconnected(adverts);
    adverts_connected(adverts, now);
    presence("web", "online");
    send("web/three", "{\"name\":\"Three\",\"type\":\"_http._tcp\",\"port\":83}", true, 0);
    now += 15000;
    EXPECT("withdraw", "web/two/status withdrawn unretained requested", "clear web/two/status");
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
    request("web/app",
            "{\"name\":\"Web app\",\"type\":\"_http._tcp\",\"port\":8080,\"transaction\":\"x\"}");
    EXPECT("web/app/status established");
    ck_assert_str_eq(last_status.transaction, "x");
}
END_TEST

START_TEST(a_lease_is_renewed_or_ends)
{
    request("web/app", LEASED);
    EXPECT("advertise Web app", "web/app/status pending");
    ck_assert_uint_eq(last_status.lease, 60);
    now += 59000;
    request("web/app", LEASED);
    EXPECT("web/app/status pending");
    now += 59000;
    EXPECT_NOTHING();
    now += 1000;
    EXPECT("withdraw", "web/app/status withdrawn unretained lease-expired", "clear web/app/status");
    EXPECT_CLEARED_LATER("clear web/app");
}
END_TEST

START_TEST(a_message_expiry_is_a_lease)
{
    send("web/app", LEASED, false, 40);
    EXPECT("advertise Web app", "web/app/status pending");
    ck_assert_uint_eq(last_status.lease, 40);
    now += 40000;
    EXPECT("withdraw", "web/app/status withdrawn unretained lease-expired", "clear web/app/status");
    EXPECT_CLEARED_LATER("clear web/app");
}
END_TEST

/* Who had a name first has it first again; one/app is older, but got its name later. */
START_TEST(names_are_taken_in_order)
{
    request("one/app", OTHER);
    adverts_run(adverts, true, now);
    news(MDNS_ADVERT_ESTABLISHED, "Other", false);
    request("two/app", WEB);
    adverts_run(adverts, true, now);
    news(MDNS_ADVERT_ESTABLISHED, "Web app", false);
    request("three/app", "{\"name\":\"New\",\"type\":\"_http._tcp\",\"port\":83}");
    request("one/app", WEB);
    adverts_run(adverts, true, now);
    ck_assert_str_eq(last_request.name, "Web app");
    news(MDNS_ADVERT_ESTABLISHED, "Web app #2", false);
    adverts_run(adverts, true, now);
    avahi(MDNS_DOWN);
    adverts_run(adverts, true, now);
    event_count = 0;
    avahi(MDNS_UP);
    EXPECT("advertise Web app", "advertise Web app", "advertise New");
    ck_assert_uint_eq(last_number, 2);
    ck_assert_uint_eq(first_number, 1);
}
END_TEST

START_TEST(a_failure_later_on)
{
    establish();
    news(MDNS_ADVERT_FAILED, "Web app", false);
    EXPECT("web/app/status failed conflict");
    ck_assert_ptr_null(owner("Web app"));
    request("web/app", WEB); /* the same wish again is tried again */
    EXPECT("advertise Web app", "web/app/status pending");
}
END_TEST

START_TEST(avahi_comes_and_goes)
{
    establish();
    avahi(MDNS_DOWN);
    EXPECT("web/app/status pending");
    request("web/two", OTHER);
    EXPECT("web/two/status pending");
    avahi(MDNS_UP);
    EXPECT("advertise Web app", "advertise Other");
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
    adverts_run(adverts, true, now);
    event_count = 0;
    request("web/3", WEB);
    EXPECT("clear web/3", "web/3/status failed quota");
    request("web/4", "junk");
    EXPECT("clear web/4", "web/4/status failed bad-json");
    request("web/1", WEB); /* the slots that he has are his */
    EXPECT("advertise Web app", "web/1/status pending");
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "c%d/app", i);
        request(path, WEB);
    }
    adverts_run(adverts, true, now);
    bool refused = false;
    for (int i = 0; i < event_count; i++)
        refused |= strcmp(events[i], "c2/app/status failed quota") == 0;
    ck_assert(refused);
    struct adverts_counters counters;
    adverts_get_counters(adverts, &counters);
    ck_assert_uint_eq(counters.wishes, 5);

    /* A flood of other requests: the oldest answers are cleared, one for each that comes. */
    adverts_run(adverts, true, now);
    int retained = 0;
    for (int i = 10; i < 500; i++) {
        event_count = 0;
        snprintf(path, sizeof path, "web/%d", i);
        request(path, WEB);
        adverts_run(adverts, true, now);
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
    char error[CONFIG_ERROR_SIZE];
    ck_assert(config_set(&config, "advertise", "deny-types", "_ssh._tcp", error));
    ck_assert(config_set(&config, "advertise", "ports", "8000-8999", error));
    request("web/app", "{\"name\":\"x\",\"type\":\"_ssh._tcp\",\"port\":8022}");
    EXPECT("web/app/status failed denied");
    ck_assert_str_eq(last_status.error.key, "type");
    request("web/app", OTHER);
    EXPECT("web/app/status failed denied");
    ck_assert_str_eq(last_status.error.key, "port");
    request("web/two", WEB);
    EXPECT("advertise Web app", "web/two/status pending");
    /* The configuration changes: what was denied is tried, what is denied now ends. */
    ck_assert(config_set(&config, "advertise", "ports", "1-100", error));
    adverts_set_config(adverts, &config, now);
    adverts_run(adverts, true, now);
    EXPECT("advertise Other", "web/app/status pending", "withdraw",
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
    request("a/b/c", WEB);
    request("a/b/status", WEB);
    request("alone", WEB);
    EXPECT_NOTHING();
}
END_TEST

/* Nothing is lost while there is no room, and only the last state is handed out. */
START_TEST(no_room_for_a_while)
{
    avahi_has_room = broker_has_room = false;
    request("web/app", WEB);
    adverts_run(adverts, true, now);
    request("web/app", OTHER);
    adverts_run(adverts, true, now);
    request("web/two", WEB);
    adverts_run(adverts, true, now);
    request("web/two", "");
    adverts_run(adverts, true, now);
    adverts_broker_answers(adverts, now);
    adverts_run(adverts, true, now);
    ck_assert_int_eq(event_count, 0);
    avahi_has_room = broker_has_room = true;
    EXPECT("advertise Other", "web/app/status pending", "withdraw",
           "web/two/status withdrawn unretained requested", "clear web/two/status");
    EXPECT_CLEARED_LATER("clear web/two");
}
END_TEST

START_TEST(back_before_its_end_was_told)
{
    establish();
    broker_has_room = avahi_has_room = false;
    request("web/app", "");
    adverts_run(adverts, true, now);
    adverts_broker_answers(adverts, now);
    adverts_run(adverts, true, now);
    request("web/app", WEB);
    adverts_run(adverts, true, now);
    broker_has_room = avahi_has_room = true;
    EXPECT("advertise Web app", "web/app/status pending");
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, from_wish_to_goodbye);
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
    tcase_add_test(tcase, no_room_for_a_while);
    tcase_add_test(tcase, back_before_its_end_was_told);
}

int main(void)
{
    return run("adverts", add_tests);
}
