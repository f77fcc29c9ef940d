/* SPDX-License-Identifier: MIT */
/* Requests that are refused, and what stands meanwhile. */
#include "advertise_fixture.h"

START_TEST(refused_but_what_stands_stands)
{
    establish();
    request("web/app", "{\"name\":\"Web app\",\"type\":\"_http._tcp\",\"port\":0}");
    EXPECT("web/app/status failed bad-port");
    ck_assert(last_status.kept);
    ck_assert_str_eq(last_status.error.key, "port");
    ck_assert_uint_eq(last_status.port, 8080);
    ck_assert_str_eq(owner("Web app"), "web/app");
    request("web/app", "");
    EXPECT("withdraw 1", "web/app/status withdrawn unretained requested", "clear web/app/status");
    EXPECT_CLEARED_LATER("clear web/app");
}
END_TEST

START_TEST(a_replacement_that_fails_at_avahi)
{
    establish();
    request("web/app", OTHER);
    EXPECT("register 2 for 1 Other", "web/app/status pending");
    ck_assert_str_eq(owner("Other"), "web/app");
    ck_assert_str_eq(owner("Web app"), "web/app");
    failed(2, REGISTRATION_CONFLICT);
    EXPECT("web/app/status failed conflict");
    ck_assert(last_status.kept);
    ck_assert_str_eq(last_status.name, "Web app");
    ck_assert_str_eq(last_status.error.key, "name");
    ck_assert_ptr_null(owner("Other"));
    /* After a restart of Avahi it is the former one that comes back. */
    avahi(MDNS_DOWN);
    avahi(MDNS_UP);
    EXPECT("register 1 Web app");
}
END_TEST

/* Words about a request are not taken for words about the one that is to replace it. */
START_TEST(events_of_what_is_being_replaced)
{
    request("web/app", WEB);
    EXPECT("register 1 Web app", "web/app/status pending");
    request("web/app", OTHER);
    EXPECT("register 2 for 1 Other", "web/app/status pending");
    established(1, "Web app");
    EXPECT_NOTHING();
    ck_assert_str_eq(owner("Web app"), "web/app");
    failed(2, REGISTRATION_CONFLICT);
    EXPECT("web/app/status failed conflict");
    ck_assert(last_status.kept);
    ck_assert_str_eq(last_status.name, "Web app");
}
END_TEST

START_TEST(a_refusal_leaves_the_lease_alone)
{
    request("web/app", LEASED);
    run_all();
    established(1, "Web app");
    forget_events();
    set_option("ports", "8080");
    request("web/app", OTHER); /* without a lease, and not allowed */
    EXPECT("web/app/status failed denied");
    ck_assert_uint_eq(last_status.lease, 60);
    now += 60000;
    EXPECT("withdraw 1", "web/app/status withdrawn unretained lease-expired",
           "clear web/app/status");
    EXPECT_CLEARED_LATER("clear web/app");
}
END_TEST

/* What was accepted before goes on, be it established or still being tried. */
START_TEST(nonsense_ends_nothing)
{
    establish();
    request("web/app", OTHER);
    EXPECT("register 2 for 1 Other", "web/app/status pending");
    request("web/app", "{");
    EXPECT("web/app/status failed bad-json");
    ck_assert(last_status.kept);
    ck_assert_str_eq(last_status.name, "Other");
    established(2, "Other");
    EXPECT("withdraw 1"); /* the status has said it all */
    ck_assert_str_eq(owner("Other"), "web/app");

    request("web/two", WEB);
    EXPECT("register 3 Web app", "web/two/status pending");
    request("web/two", "{");
    EXPECT("web/two/status failed bad-json");
    ck_assert(last_status.kept);
    failed(3, REGISTRATION_CONFLICT);
    EXPECT("web/two/status failed bad-json"); /* of the last request, still */
    ck_assert(!last_status.kept);
}
END_TEST

/* While Avahi is away, what was established is no less so. */
START_TEST(a_refusal_while_avahi_is_away)
{
    establish();
    avahi(MDNS_DOWN);
    EXPECT("web/app/status pending");
    request("web/app", "{");
    EXPECT("web/app/status failed bad-json");
    ck_assert(last_status.kept);
    avahi(MDNS_UP);
    EXPECT("register 1 Web app");
}
END_TEST

START_TEST(a_conflict_while_avahi_is_away)
{
    establish();
    avahi(MDNS_DOWN);
    request("web/app", OTHER);
    EXPECT("web/app/status pending");
    avahi(MDNS_UP);
    EXPECT("register 1 Web app", "register 2 for 1 Other");
    failed(2, REGISTRATION_CONFLICT);
    EXPECT("web/app/status failed conflict");
    ck_assert(last_status.kept);
    ck_assert_str_eq(last_status.name, "Web app");
}
END_TEST

/* What is refused never reaches Avahi, whatever is heard late of the request before it. */
START_TEST(a_refused_request_is_nothing_to_return_to)
{
    set_option("deny-types", "_ipp._tcp");
    request("web/app", WEB);
    EXPECT("register 1 Web app", "web/app/status pending");
    request("web/app", "{\"name\":\"Denied\",\"type\":\"_ipp._tcp\",\"port\":631}");
    EXPECT("web/app/status failed denied");
    request("web/app", OTHER);
    EXPECT("register 2 for 1 Other", "web/app/status pending");
    established(1, "Web app");
    failed(2, REGISTRATION_CONFLICT);
    EXPECT("web/app/status failed conflict");
    ck_assert(last_status.kept);
    ck_assert_str_eq(last_status.name, "Web app");
    ck_assert_int_eq(registered_count(), 1);
}
END_TEST

/* A lease counts from the request, even where it is not allowed before later. */
START_TEST(the_lease_of_a_refused_request)
{
    set_option("ports", "1-100");
    request("web/app", LEASED);
    EXPECT("web/app/status failed denied");
    now += 30000;
    reconfigure("ports", "8080");
    EXPECT("register 1 Web app", "web/app/status pending");
    ck_assert_uint_eq(last_status.lease, 60);
    now += 30000;
    EXPECT("withdraw 1", "web/app/status withdrawn unretained lease-expired",
           "clear web/app/status");
}
END_TEST

/* Something is kept; the request that was refused is tried all the same when it is allowed. */
START_TEST(allowed_later_on)
{
    set_option("ports", "8080");
    establish();
    request("web/app", OTHER);
    EXPECT("web/app/status failed denied");
    ck_assert(last_status.kept);
    /* Now the other way round: the kept one is denied, and is gone for good if the new one fails. */
    reconfigure("ports", "81");
    EXPECT("withdraw 1", "register 2 Other", "web/app/status pending");
    failed(2, REGISTRATION_CONFLICT);
    EXPECT("web/app/status failed conflict");
    ck_assert(!last_status.kept);
}
END_TEST

START_TEST(a_policy_against_what_is_being_tried)
{
    establish();
    request("web/app", OTHER);
    EXPECT("register 2 for 1 Other", "web/app/status pending");
    reconfigure("ports", "8080");
    EXPECT("withdraw 2", "web/app/status failed denied");
    ck_assert(last_status.kept);
    ck_assert_str_eq(last_status.name, "Web app");
    reconfigure("ports", "81-8080"); /* and it is tried again */
    EXPECT("register 3 for 1 Other", "web/app/status pending");
}
END_TEST

START_TEST(a_policy_against_both)
{
    establish();
    request("web/app", OTHER);
    EXPECT("register 2 for 1 Other", "web/app/status pending");
    reconfigure("ports", "1-10");
    EXPECT("withdraw 2", "withdraw 1", "web/app/status withdrawn unretained replaced-by-policy",
           "clear web/app/status");
    EXPECT_CLEARED_LATER("clear web/app");
}
END_TEST

START_TEST(a_policy_against_what_is_being_replaced)
{
    establish();
    request("web/app", OTHER);
    EXPECT("register 2 for 1 Other", "web/app/status pending");
    reconfigure("ports", "81");
    EXPECT("withdraw 1");
    established(2, "Other");
    EXPECT("web/app/status established");
}
END_TEST

/* The last request has the say, also where what was accepted before it goes. */
START_TEST(a_policy_against_what_is_being_tried_behind_a_refusal)
{
    set_option("ports", "81-8080");
    establish();
    request("web/app", OTHER);
    EXPECT("register 2 for 1 Other", "web/app/status pending");
    request("web/app", REQUEST("Last", 9000, ",\"transaction\":\"last\""));
    EXPECT("web/app/status failed denied");
    ck_assert_str_eq(last_status.name, "Other");
    reconfigure("ports", "8080");
    EXPECT("withdraw 2", "web/app/status failed denied");
    ck_assert(last_status.kept);
    ck_assert_str_eq(last_status.name, "Web app");
    ck_assert_ptr_nonnull(strstr(last_status.error.message, "9000"));
    reconfigure("ports", "8080-9000");
    EXPECT("register 3 for 1 Last", "web/app/status pending");
}
END_TEST

START_TEST(why_avahi_did_not)
{
    static const struct {
        enum registration_failure failure;
        enum status_code code;
        const char *key, *message;
    } rows[] = {
        {REGISTRATION_CONFLICT, STATUS_CONFLICT, "name", "name: taken"},
        {REGISTRATION_NO_INTERFACE, STATUS_AVAHI, "interface", "interface: taken"},
        {REGISTRATION_REFUSED, STATUS_AVAHI, "", "taken"},
    };
    request("web/app", WEB);
    run_all();
    failed(1, rows[_i].failure);
    run_all();
    ck_assert_int_eq(last_status.state, STATUS_FAILED);
    ck_assert_int_eq(last_status.error.code, rows[_i].code);
    ck_assert_str_eq(last_status.error.key, rows[_i].key);
    ck_assert_str_eq(last_status.error.message, rows[_i].message);
    ck_assert(!last_status.kept);
    ck_assert_uint_eq(counters().refused, 1);
    event_count = 0;
    now += 10000;
    EXPECT_NOTHING(); /* nobody asked again, and there is no such interface yet */
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, refused_but_what_stands_stands);
    tcase_add_test(tcase, a_replacement_that_fails_at_avahi);
    tcase_add_test(tcase, events_of_what_is_being_replaced);
    tcase_add_test(tcase, a_refusal_leaves_the_lease_alone);
    tcase_add_test(tcase, nonsense_ends_nothing);
    tcase_add_test(tcase, a_refusal_while_avahi_is_away);
    tcase_add_test(tcase, a_conflict_while_avahi_is_away);
    tcase_add_test(tcase, a_refused_request_is_nothing_to_return_to);
    tcase_add_test(tcase, the_lease_of_a_refused_request);
    tcase_add_test(tcase, allowed_later_on);
    tcase_add_test(tcase, a_policy_against_what_is_being_tried);
    tcase_add_test(tcase, a_policy_against_both);
    tcase_add_test(tcase, a_policy_against_what_is_being_replaced);
    tcase_add_test(tcase, a_policy_against_what_is_being_tried_behind_a_refusal);
    tcase_add_loop_test(tcase, why_avahi_did_not, 0, 3);
}

int main(void)
{
    return run("advertise_refused", add_tests);
}
