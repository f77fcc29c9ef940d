/* SPDX-License-Identifier: MIT */
/* The life of an advertisement, with a clock, a broker and a bridge of the test's own. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "advert.h"
#include "clock.h"
#include "run_suite.h"

#define LEASE 120
#define LEASE_MS (LEASE * 1000)

static struct advert advert;
static int requested, withdrawn, replaced, reports, bridge_reports;
static struct status last;
static enum advert_bridge last_bridge;

static void on_publish(void *context, bool withdraw)
{
    (void)context;
    *(withdraw ? &withdrawn : &requested) += 1;
}

static void on_replaced(void *context)
{
    (void)context;
    replaced++;
}

static void on_status(void *context, const struct status *status)
{
    (void)context;
    reports++;
    last = *status;
}

static void on_bridge(void *context, enum advert_bridge bridge)
{
    (void)context;
    bridge_reports++;
    last_bridge = bridge;
}

static void begin_with(uint32_t lease)
{
    static const struct advert_handlers handlers = {on_publish, on_replaced, on_status, on_bridge};
    advert_init(&advert, &handlers, NULL, "t1", lease);
    requested = withdrawn = replaced = reports = bridge_reports = 0;
}

static void begin(void)
{
    begin_with(LEASE);
}

static struct status status_of(enum status_state state)
{
    struct status status = {.state = state, .transaction = "t1", .name = "Web app"};
    return status;
}

static void report(enum status_state state, enum status_reason reason, int64_t now)
{
    struct status status = status_of(state);
    status.reason = reason;
    advert_status(&advert, &status, now);
}

/* Connected to broker and bridge, and established. */
static void establish(int64_t now)
{
    advert_connected(&advert, now);
    advert_bridge_online(&advert, true, now);
    advert_request(&advert, now);
    report(STATUS_ESTABLISHED, STATUS_NO_REASON, now);
    ck_assert_int_eq(requested, 1);
    ck_assert_int_eq(reports, 1);
}

START_TEST(requests_when_connected)
{
    advert_request(&advert, 0);
    ck_assert_int_eq(requested, 0);
    advert_connected(&advert, 10);
    ck_assert_int_eq(requested, 1);
    advert_lost(&advert);
    ck_assert(advert_run(&advert, 1000000) == NEVER);
    ck_assert_int_eq(requested, 1);
    advert_connected(&advert, 1000010);
    ck_assert_int_eq(requested, 2);
}
END_TEST

START_TEST(requests_nothing_before_it_is_wanted)
{
    advert_connected(&advert, 0);
    advert_bridge_online(&advert, true, 0);
    advert_bridge_online(&advert, true, 0);
    ck_assert(advert_run(&advert, 10 * LEASE_MS) == NEVER);
    ck_assert_int_eq(requested, 0);
    ck_assert(!advert_withdraw(&advert));
    ck_assert_int_eq(withdrawn, 0);
}
END_TEST

START_TEST(renews_in_time)
{
    int64_t now = 5000;
    establish(now);
    for (int i = 2; i < 10; i++) {
        int64_t next = advert_run(&advert, now);
        ck_assert_int_eq(requested, i - 1);
        ck_assert_int_ge(next, now + 1);
        ck_assert_int_le(next, now + LEASE_MS / 2); /* one renewal may be lost */
        advert_run(&advert, next - 1);
        ck_assert_int_eq(requested, i - 1);
        now = next;
        advert_run(&advert, now);
        ck_assert_int_eq(requested, i);
    }
    ck_assert_int_eq(reports, 1);
}
END_TEST

START_TEST(without_a_lease_never)
{
    begin_with(0);
    establish(0);
    ck_assert(advert_run(&advert, 0) == NEVER);
}
END_TEST

START_TEST(requests_of_a_new_bridge)
{
    establish(0);
    advert_bridge_online(&advert, false, 100);
    advert_bridge_online(&advert, false, 200);
    ck_assert_int_eq(requested, 1);
    advert_bridge_online(&advert, true, 300);
    ck_assert_int_eq(requested, 2);
    advert_bridge_online(&advert, true, 400); /* only its counts have changed */
    ck_assert_int_eq(requested, 2);
}
END_TEST

/* It alone had lost its connection: its epoch is the same. */
START_TEST(requests_of_a_bridge_that_comes_back)
{
    establish(0);
    advert_bridge_online(&advert, false, 100);
    advert_bridge_online(&advert, false, 200);
    ck_assert_int_eq(requested, 1);
    advert_bridge_online(&advert, true, 300);
    ck_assert_int_eq(requested, 2);
    advert_bridge_online(&advert, false, 400);
    advert_run(&advert, 60000);
    advert_bridge_online(&advert, true, 60001);
    ck_assert_int_eq(requested, 4); /* one of them renews the lease */
}
END_TEST

START_TEST(requests_of_a_bridge_that_comes_later)
{
    advert_request(&advert, 0);
    advert_connected(&advert, 0);
    advert_bridge_online(&advert, false, 10);
    ck_assert_int_eq(requested, 1);
    advert_bridge_online(&advert, true, 20);
    ck_assert_int_eq(requested, 2);
    advert_lost(&advert);
    advert_connected(&advert, 30);
    advert_bridge_online(&advert, true, 40);
    ck_assert_int_eq(requested, 4);
}
END_TEST

START_TEST(requests_again_what_ended)
{
    static const enum status_reason reasons[] = {STATUS_REQUESTED, STATUS_LEASE_EXPIRED,
                                                 STATUS_CLIENT_OFFLINE};
    establish(0);
    for (int i = 0; i < 3; i++) {
        report(STATUS_WITHDRAWN, reasons[i], 1000);
        ck_assert_int_eq(requested, 1 + i);
        int64_t next = advert_run(&advert, 1000);
        ck_assert_int_gt(next, 1000); /* two that do not agree do not keep each other busy */
        ck_assert_int_le(next, 3000);
        advert_run(&advert, next);
        ck_assert_int_eq(requested, 2 + i);
        advert_bridge_online(&advert, true, next); /* the bridge's counts have changed */
        ck_assert_int_gt(advert_run(&advert, next), next + LEASE_MS / 4);
    }
    report(STATUS_WITHDRAWN, STATUS_REPLACED_BY_POLICY, 5000);
    ck_assert_int_gt(advert_run(&advert, 5000), 5000 + LEASE_MS / 4);
    ck_assert_int_eq(reports, 5);
}
END_TEST

static void other_says(enum status_state state, enum status_reason reason, int64_t now)
{
    struct status status = status_of(state);
    memcpy(status.transaction, "t2", 3);
    status.reason = reason;
    advert_status(&advert, &status, now);
}

/* A program with the same ID comes, and goes: its end is not ours. */
START_TEST(comes_back_after_another_with_its_id)
{
    begin_with(0);
    establish(0);
    for (int i = 1; i < 4; i++) {
        other_says(STATUS_PENDING, STATUS_NO_REASON, 1000);
        other_says(STATUS_ESTABLISHED, STATUS_NO_REASON, 1000);
        ck_assert(advert_run(&advert, 1000) == NEVER); /* two of them do not fight */
        ck_assert_int_eq(replaced, i);
        other_says(STATUS_WITHDRAWN, STATUS_REQUESTED, 2000);
        int64_t next = advert_run(&advert, 2000);
        ck_assert_int_gt(next, 2000);
        ck_assert_int_le(next, 4000);
        ck_assert_int_eq(requested, i);
        advert_run(&advert, next);
        ck_assert_int_eq(requested, i + 1);
        report(STATUS_ESTABLISHED, STATUS_NO_REASON, next);
        ck_assert_int_eq(reports, i + 1); /* it is there again */
    }
    other_says(STATUS_WITHDRAWN, STATUS_REPLACED_BY_POLICY, 5000);
    ck_assert(advert_run(&advert, 5000) == NEVER);
}
END_TEST

START_TEST(what_an_earlier_life_left_is_nobody_else)
{
    advert_connected(&advert, 0);
    advert_bridge_online(&advert, true, 0);
    advert_request(&advert, 0);
    other_says(STATUS_ESTABLISHED, STATUS_NO_REASON, 0);
    ck_assert_int_eq(replaced, 0);
    report(STATUS_ESTABLISHED, STATUS_NO_REASON, 0);
    advert_withdraw(&advert);
    other_says(STATUS_ESTABLISHED, STATUS_NO_REASON, 0);
    other_says(STATUS_WITHDRAWN, STATUS_REQUESTED, 0);
    ck_assert_int_eq(replaced, 0);
    ck_assert(advert_run(&advert, 0) == NEVER);
    ck_assert_int_eq(requested, 1);
}
END_TEST

START_TEST(takes_it_back)
{
    establish(0);
    ck_assert(advert_withdraw(&advert));
    ck_assert_int_eq(withdrawn, 1);
    report(STATUS_WITHDRAWN, STATUS_REQUESTED, 10);
    ck_assert_int_eq(last.state, STATUS_WITHDRAWN);
    ck_assert(advert_run(&advert, 10) == NEVER);
    advert_bridge_online(&advert, true, 20);
    ck_assert_int_eq(requested, 1);
    ck_assert(!advert_withdraw(&advert));
}
END_TEST

START_TEST(nobody_to_take_it_back_from)
{
    establish(0);
    advert_lost(&advert);
    ck_assert(!advert_withdraw(&advert));
    advert_connected(&advert, 10);
    ck_assert_int_eq(requested, 1);
}
END_TEST

START_TEST(reports_changes_only)
{
    struct status status = status_of(STATUS_ESTABLISHED);
    establish(0);
    status.lease = 120, status.expires = 99;
    advert_status(&advert, &status, 0);
    ck_assert_int_eq(reports, 1);
    status_warn(&status, STATUS_PORT_UNPUBLISHED, "nobody there");
    advert_status(&advert, &status, 0);
    ck_assert_int_eq(reports, 2);
    memcpy(status.name, "Web app #2", 11);
    advert_status(&advert, &status, 0);
    ck_assert_int_eq(reports, 3);
    memcpy(status.transaction, "of somebody else", 17);
    status.state = STATUS_FAILED;
    advert_status(&advert, &status, 0);
    ck_assert_int_eq(reports, 3);
}
END_TEST

START_TEST(statuses_count_while_online)
{
    advert_request(&advert, 0);
    advert_connected(&advert, 0);
    advert_bridge_online(&advert, false, 0);
    report(STATUS_PENDING, STATUS_NO_REASON, 0);
    report(STATUS_ESTABLISHED, STATUS_NO_REASON, 0);
    ck_assert_int_eq(reports, 0);
    advert_bridge_online(&advert, true, 0);
    ck_assert_int_eq(reports, 1);
    ck_assert_int_eq(last.state, STATUS_ESTABLISHED);
}
END_TEST

START_TEST(misses_the_bridge_after_a_while)
{
    advert_connected(&advert, 0);
    advert_bridge_online(&advert, false, 10);
    int64_t due = advert_run(&advert, 10);
    ck_assert_int_gt(due, 1000);
    ck_assert_int_le(due, 10000);
    ck_assert_int_eq(bridge_reports, 0);
    ck_assert(advert_run(&advert, due) == NEVER);
    ck_assert_int_eq(bridge_reports, 1);
    ck_assert_int_eq(last_bridge, ADVERT_BRIDGE_AWAY);
    advert_bridge_online(&advert, false, due + 10);
    ck_assert_int_eq(bridge_reports, 1);
    advert_bridge_online(&advert, true, due + 20);
    ck_assert_int_eq(bridge_reports, 2);
    ck_assert_int_eq(last_bridge, ADVERT_BRIDGE_ONLINE);
}
END_TEST

START_TEST(a_short_absence_is_not_reported)
{
    establish(0);
    advert_bridge_online(&advert, false, 100);
    advert_lost(&advert);
    advert_connected(&advert, 200);
    advert_run(&advert, 1000);
    advert_bridge_online(&advert, true, 1000);
    ck_assert_int_gt(advert_run(&advert, 7000), 7000);
    ck_assert_int_eq(bridge_reports, 0);
}
END_TEST

START_TEST(tries_again_where_the_broker_refuses)
{
    begin_with(0);
    advert_connected(&advert, 0);
    advert_bridge_online(&advert, true, 0);
    advert_request(&advert, 0);
    int64_t now = 0;
    for (int i = 2; i < 5; i++) {
        advert_refused(&advert, now);
        int64_t due = advert_run(&advert, now);
        ck_assert_int_gt(due, now + 1000);
        advert_run(&advert, due);
        ck_assert_int_eq(requested, i);
        now = due;
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_advert");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, begin, NULL);
    tcase_add_test(tests, requests_when_connected);
    tcase_add_test(tests, requests_nothing_before_it_is_wanted);
    tcase_add_test(tests, renews_in_time);
    tcase_add_test(tests, without_a_lease_never);
    tcase_add_test(tests, requests_of_a_new_bridge);
    tcase_add_test(tests, requests_of_a_bridge_that_comes_back);
    tcase_add_test(tests, requests_of_a_bridge_that_comes_later);
    tcase_add_test(tests, requests_again_what_ended);
    tcase_add_test(tests, comes_back_after_another_with_its_id);
    tcase_add_test(tests, what_an_earlier_life_left_is_nobody_else);
    tcase_add_test(tests, takes_it_back);
    tcase_add_test(tests, nobody_to_take_it_back_from);
    tcase_add_test(tests, reports_changes_only);
    tcase_add_test(tests, statuses_count_while_online);
    tcase_add_test(tests, misses_the_bridge_after_a_while);
    tcase_add_test(tests, a_short_absence_is_not_reported);
    tcase_add_test(tests, tries_again_where_the_broker_refuses);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
