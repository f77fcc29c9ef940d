/* SPDX-License-Identifier: MIT */
/* Requests that are refused, and what stands meanwhile. */
#include "adverts_fixture.h"

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
    EXPECT("withdraw", "web/app/status withdrawn unretained requested", "clear web/app/status");
    EXPECT_CLEARED_LATER("clear web/app");
}
END_TEST

START_TEST(a_replacement_that_fails_at_avahi)
{
    establish();
    request("web/app", OTHER);
    EXPECT("advertise Other", "web/app/status pending");
    news(MDNS_ADVERT_FAILED, "Other", true);
    EXPECT("web/app/status failed conflict");
    ck_assert(last_status.kept);
    /* After a restart of Avahi it is the former one that comes back. */
    avahi(MDNS_DOWN);
    avahi(MDNS_UP);
    adverts_run(adverts, true, now);
    ck_assert_str_eq(last_request.name, "Web app");
}
END_TEST

/* Words about a request are not taken for words about the one that has replaced it. */
START_TEST(late_news_of_a_replaced_request)
{
    request("web/app", WEB);
    EXPECT("advertise Web app", "web/app/status pending");
    uint32_t first = last_generation;
    request("web/app", OTHER);
    adverts_run(adverts, true, now);
    uint32_t second = last_generation;
    ck_assert_uint_ne(first, second);
    event_count = 0;
    last_generation = first;
    news(MDNS_ADVERT_ESTABLISHED, "Web app", false);
    EXPECT_NOTHING();
    ck_assert_str_eq(owner("Web app"), "web/app");
    last_generation = second;
    news(MDNS_ADVERT_FAILED, "Other", true);
    EXPECT("web/app/status failed conflict");
    ck_assert(last_status.kept);
    ck_assert_str_eq(last_status.name, "Web app");
}
END_TEST

START_TEST(a_refusal_leaves_the_lease_alone)
{
    char error[CONFIG_ERROR_SIZE];
    request("web/app", LEASED);
    adverts_run(adverts, true, now);
    news(MDNS_ADVERT_ESTABLISHED, "Web app", false);
    adverts_run(adverts, true, now);
    event_count = 0;
    ck_assert(config_set(&config, "advertise", "ports", "8080", error));
    request("web/app", OTHER); /* without a lease, and not allowed */
    EXPECT("web/app/status failed denied");
    now += 60000;
    EXPECT("withdraw", "web/app/status withdrawn unretained lease-expired", "clear web/app/status");
    EXPECT_CLEARED_LATER("clear web/app");
}
END_TEST

/* What was accepted before goes on, be it established or still being tried. */
START_TEST(nonsense_ends_nothing)
{
    establish();
    request("web/app", OTHER);
    EXPECT("advertise Other", "web/app/status pending");
    request("web/app", "{");
    EXPECT("web/app/status failed bad-json");
    ck_assert(last_status.kept);
    news(MDNS_ADVERT_ESTABLISHED, "Other", false);
    EXPECT("web/app/status failed bad-json");
    ck_assert(last_status.kept);
    ck_assert_str_eq(last_status.name, "Other");

    request("web/two", WEB);
    EXPECT("advertise Web app", "web/two/status pending");
    request("web/two", "{");
    EXPECT("web/two/status failed bad-json");
    news(MDNS_ADVERT_FAILED, "Web app", false);
    EXPECT("web/two/status failed conflict");
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
    EXPECT("advertise Web app");
}
END_TEST

START_TEST(a_conflict_while_avahi_is_away)
{
    establish();
    avahi(MDNS_DOWN);
    request("web/app", OTHER);
    EXPECT("web/app/status pending");
    avahi(MDNS_UP);
    EXPECT("advertise Other");
    news(MDNS_ADVERT_FAILED, "Other", false);
    EXPECT("advertise Web app", "web/app/status failed conflict");
    ck_assert(last_status.kept);
    ck_assert_str_eq(last_status.name, "Web app");
}
END_TEST

/* What is refused never reaches Avahi, whatever is heard late of the request before it. */
START_TEST(a_refused_request_is_nothing_to_return_to)
{
    char error[CONFIG_ERROR_SIZE];
    ck_assert(config_set(&config, "advertise", "deny-types", "_ipp._tcp", error));
    request("web/app", WEB);
    EXPECT("advertise Web app", "web/app/status pending");
    uint32_t first = last_generation;
    request("web/app", "{\"name\":\"Denied\",\"type\":\"_ipp._tcp\",\"port\":631}");
    EXPECT("web/app/status failed denied");
    request("web/app", OTHER);
    EXPECT("advertise Other", "web/app/status pending");
    uint32_t third = last_generation;
    last_generation = first;
    news(MDNS_ADVERT_ESTABLISHED, "Web app", false);
    last_generation = third;
    news(MDNS_ADVERT_FAILED, "Other", false);
    EXPECT("advertise Web app", "web/app/status failed conflict");
}
END_TEST

/* A lease counts from the request, even where it is not allowed before later. */
START_TEST(the_lease_of_a_refused_request)
{
    char error[CONFIG_ERROR_SIZE];
    ck_assert(config_set(&config, "advertise", "ports", "1-100", error));
    request("web/app", LEASED);
    EXPECT("web/app/status failed denied");
    now += 30000;
    ck_assert(config_set(&config, "advertise", "ports", "8080", error));
    adverts_set_config(adverts, &config, now);
    EXPECT("advertise Web app", "web/app/status pending");
    ck_assert_uint_eq(last_status.lease, 60);
    now += 30000;
    EXPECT("withdraw", "web/app/status withdrawn unretained lease-expired", "clear web/app/status");
}
END_TEST

/* Something is kept; the request that was refused is tried all the same when it is allowed. */
START_TEST(allowed_later_on)
{
    char error[CONFIG_ERROR_SIZE];
    ck_assert(config_set(&config, "advertise", "ports", "8080", error));
    establish();
    request("web/app", OTHER);
    EXPECT("web/app/status failed denied");
    ck_assert(last_status.kept);
    /* Now the other way round: the kept one is denied, and is gone for good if the new one fails. */
    ck_assert(config_set(&config, "advertise", "ports", "81", error));
    adverts_set_config(adverts, &config, now);
    EXPECT("advertise Other", "web/app/status pending");
    news(MDNS_ADVERT_FAILED, "Other", true);
    EXPECT("withdraw", "web/app/status failed conflict");
    ck_assert(!last_status.kept);
}
END_TEST

START_TEST(a_policy_against_what_is_being_tried)
{
    char error[CONFIG_ERROR_SIZE];
    establish();
    request("web/app", OTHER);
    EXPECT("advertise Other", "web/app/status pending");
    ck_assert(config_set(&config, "advertise", "ports", "8080", error));
    adverts_set_config(adverts, &config, now);
    EXPECT("advertise Web app", "web/app/status failed denied");
    ck_assert(last_status.kept);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, refused_but_what_stands_stands);
    tcase_add_test(tcase, a_replacement_that_fails_at_avahi);
    tcase_add_test(tcase, late_news_of_a_replaced_request);
    tcase_add_test(tcase, a_refusal_leaves_the_lease_alone);
    tcase_add_test(tcase, nonsense_ends_nothing);
    tcase_add_test(tcase, a_refusal_while_avahi_is_away);
    tcase_add_test(tcase, a_conflict_while_avahi_is_away);
    tcase_add_test(tcase, a_refused_request_is_nothing_to_return_to);
    tcase_add_test(tcase, the_lease_of_a_refused_request);
    tcase_add_test(tcase, allowed_later_on);
    tcase_add_test(tcase, a_policy_against_what_is_being_tried);
}

int main(void)
{
    return run("adverts_refused", add_tests);
}
