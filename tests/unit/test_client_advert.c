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
static int asked, withdrawn, replaced, told, bridge_told;
static struct status last;
static enum advert_bridge last_bridge;

static void on_ask(void *context, bool withdraw)
{
    (void)context;
    *(withdraw ? &withdrawn : &asked) += 1;
}

static void on_replaced(void *context)
{
    (void)context;
    replaced++;
}

static void on_news(void *context, const struct status *status)
{
    (void)context;
    told++;
    last = *status;
}

static void on_bridge(void *context, enum advert_bridge bridge)
{
    (void)context;
    bridge_told++;
    last_bridge = bridge;
}

static void begin_with(uint32_t lease)
{
    static const struct advert_handlers handlers = {on_ask, on_replaced, on_news, on_bridge};
    advert_init(&advert, &handlers, NULL, "t1", lease);
    asked = withdrawn = replaced = told = bridge_told = 0;
}

static void begin(void)
{
    begin_with(LEASE);
}

static void bridge_says(enum bridge_life life, int64_t epoch, int64_t now)
{
    struct state_record state = {.life = life, .stamp.epoch = epoch};
    advert_state(&advert, &state, now);
}

static struct status status_of(enum status_state state)
{
    struct status status = {.state = state, .transaction = "t1", .name = "Web app"};
    return status;
}

static void say(enum status_state state, enum status_reason reason, int64_t now)
{
    struct status status = status_of(state);
    status.reason = reason;
    advert_status(&advert, &status, now);
}

/* Connected to broker and bridge, and established. */
static void establish(int64_t now)
{
    advert_connected(&advert, now);
    bridge_says(BRIDGE_ONLINE, 1, now);
    advert_want(&advert, now);
    say(STATUS_ESTABLISHED, STATUS_NO_REASON, now);
    ck_assert_int_eq(asked, 1);
    ck_assert_int_eq(told, 1);
}

START_TEST(asks_when_it_can)
{
    advert_want(&advert, 0);
    ck_assert_int_eq(asked, 0);
    advert_connected(&advert, 10);
    ck_assert_int_eq(asked, 1);
    advert_lost(&advert);
    ck_assert(advert_run(&advert, 1000000) == NEVER);
    ck_assert_int_eq(asked, 1);
    advert_connected(&advert, 1000010);
    ck_assert_int_eq(asked, 2);
}
END_TEST

START_TEST(does_not_ask_before_it_is_wanted)
{
    advert_connected(&advert, 0);
    bridge_says(BRIDGE_ONLINE, 1, 0);
    bridge_says(BRIDGE_ONLINE, 2, 0);
    ck_assert(advert_run(&advert, 10 * LEASE_MS) == NEVER);
    ck_assert_int_eq(asked, 0);
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
        ck_assert_int_eq(asked, i - 1);
        ck_assert_int_ge(next, now + 1);
        ck_assert_int_le(next, now + LEASE_MS / 2); /* one renewal may be lost */
        advert_run(&advert, next - 1);
        ck_assert_int_eq(asked, i - 1);
        now = next;
        advert_run(&advert, now);
        ck_assert_int_eq(asked, i);
    }
    ck_assert_int_eq(told, 1);
}
END_TEST

START_TEST(without_a_lease_never)
{
    begin_with(0);
    establish(0);
    ck_assert(advert_run(&advert, 0) == NEVER);
}
END_TEST

START_TEST(asks_a_new_bridge)
{
    establish(0);
    bridge_says(BRIDGE_OFFLINE, 1, 100);
    bridge_says(BRIDGE_STARTING, 2, 200);
    ck_assert_int_eq(asked, 1);
    bridge_says(BRIDGE_ONLINE, 2, 300);
    ck_assert_int_eq(asked, 2);
    bridge_says(BRIDGE_ONLINE, 2, 400); /* only its counts have changed */
    ck_assert_int_eq(asked, 2);
}
END_TEST

/* It alone had lost its connection: its epoch is the same. */
START_TEST(asks_a_bridge_that_comes_back)
{
    establish(0);
    bridge_says(BRIDGE_OFFLINE, 1, 100);
    bridge_says(BRIDGE_STARTING, 1, 200);
    ck_assert_int_eq(asked, 1);
    bridge_says(BRIDGE_ONLINE, 1, 300);
    ck_assert_int_eq(asked, 2);
    bridge_says(BRIDGE_OFFLINE, 1, 400);
    advert_run(&advert, 60000);
    bridge_says(BRIDGE_ONLINE, 1, 60001);
    ck_assert_int_eq(asked, 4); /* one of them renews the lease */
}
END_TEST

START_TEST(asks_a_bridge_that_comes_later)
{
    advert_want(&advert, 0);
    advert_connected(&advert, 0);
    bridge_says(BRIDGE_STARTING, 1, 10);
    ck_assert_int_eq(asked, 1);
    bridge_says(BRIDGE_ONLINE, 1, 20);
    ck_assert_int_eq(asked, 2);
    advert_lost(&advert);
    advert_connected(&advert, 30);
    bridge_says(BRIDGE_ONLINE, 1, 40);
    ck_assert_int_eq(asked, 4);
}
END_TEST

START_TEST(asks_again_for_what_ended)
{
    static const enum status_reason reasons[] = {STATUS_REQUESTED, STATUS_LEASE_EXPIRED,
                                                 STATUS_CLIENT_OFFLINE};
    establish(0);
    for (int i = 0; i < 3; i++) {
        say(STATUS_WITHDRAWN, reasons[i], 1000);
        ck_assert_int_eq(asked, 1 + i);
        int64_t next = advert_run(&advert, 1000);
        ck_assert_int_gt(next, 1000); /* two that do not agree do not keep each other busy */
        ck_assert_int_le(next, 3000);
        advert_run(&advert, next);
        ck_assert_int_eq(asked, 2 + i);
    }
    say(STATUS_WITHDRAWN, STATUS_REPLACED_BY_POLICY, 5000);
    ck_assert_int_gt(advert_run(&advert, 5000), 5000 + LEASE_MS / 4);
    ck_assert_int_eq(told, 5);
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
        ck_assert_int_eq(asked, i);
        advert_run(&advert, next);
        ck_assert_int_eq(asked, i + 1);
        say(STATUS_ESTABLISHED, STATUS_NO_REASON, next);
        ck_assert_int_eq(told, i + 1); /* it is there again */
    }
    other_says(STATUS_WITHDRAWN, STATUS_REPLACED_BY_POLICY, 5000);
    ck_assert(advert_run(&advert, 5000) == NEVER);
}
END_TEST

START_TEST(what_an_earlier_life_left_is_nobody_else)
{
    advert_connected(&advert, 0);
    bridge_says(BRIDGE_ONLINE, 1, 0);
    advert_want(&advert, 0);
    other_says(STATUS_ESTABLISHED, STATUS_NO_REASON, 0);
    ck_assert_int_eq(replaced, 0);
    say(STATUS_ESTABLISHED, STATUS_NO_REASON, 0);
    advert_withdraw(&advert);
    other_says(STATUS_ESTABLISHED, STATUS_NO_REASON, 0);
    other_says(STATUS_WITHDRAWN, STATUS_REQUESTED, 0);
    ck_assert_int_eq(replaced, 0);
    ck_assert(advert_run(&advert, 0) == NEVER);
    ck_assert_int_eq(asked, 1);
}
END_TEST

START_TEST(takes_it_back)
{
    establish(0);
    ck_assert(advert_withdraw(&advert));
    ck_assert_int_eq(withdrawn, 1);
    say(STATUS_WITHDRAWN, STATUS_REQUESTED, 10);
    ck_assert_int_eq(last.state, STATUS_WITHDRAWN);
    ck_assert(advert_run(&advert, 10) == NEVER);
    bridge_says(BRIDGE_ONLINE, 2, 20);
    ck_assert_int_eq(asked, 1);
    ck_assert(!advert_withdraw(&advert));
}
END_TEST

START_TEST(nobody_to_take_it_back_from)
{
    establish(0);
    advert_lost(&advert);
    ck_assert(!advert_withdraw(&advert));
    advert_connected(&advert, 10);
    ck_assert_int_eq(asked, 1);
}
END_TEST

START_TEST(tells_news_only)
{
    struct status status = status_of(STATUS_ESTABLISHED);
    establish(0);
    status.lease = 120, status.expires = 99;
    advert_status(&advert, &status, 0);
    ck_assert_int_eq(told, 1);
    status_warn(&status, STATUS_PORT_UNPUBLISHED, "nobody there");
    advert_status(&advert, &status, 0);
    ck_assert_int_eq(told, 2);
    memcpy(status.name, "Web app #2", 11);
    advert_status(&advert, &status, 0);
    ck_assert_int_eq(told, 3);
    memcpy(status.transaction, "of somebody else", 17);
    status.state = STATUS_FAILED;
    advert_status(&advert, &status, 0);
    ck_assert_int_eq(told, 3);
}
END_TEST

START_TEST(statuses_count_while_online)
{
    advert_want(&advert, 0);
    advert_connected(&advert, 0);
    bridge_says(BRIDGE_STARTING, 1, 0);
    say(STATUS_PENDING, STATUS_NO_REASON, 0);
    say(STATUS_ESTABLISHED, STATUS_NO_REASON, 0);
    ck_assert_int_eq(told, 0);
    bridge_says(BRIDGE_ONLINE, 1, 0);
    ck_assert_int_eq(told, 1);
    ck_assert_int_eq(last.state, STATUS_ESTABLISHED);
}
END_TEST

START_TEST(misses_the_bridge_after_a_while)
{
    advert_connected(&advert, 0);
    advert_state(&advert, NULL, 10);
    int64_t due = advert_run(&advert, 10);
    ck_assert_int_gt(due, 1000);
    ck_assert_int_le(due, 10000);
    ck_assert_int_eq(bridge_told, 0);
    ck_assert(advert_run(&advert, due) == NEVER);
    ck_assert_int_eq(bridge_told, 1);
    ck_assert_int_eq(last_bridge, ADVERT_BRIDGE_AWAY);
    bridge_says(BRIDGE_STARTING, 1, due + 10);
    ck_assert_int_eq(bridge_told, 1);
    bridge_says(BRIDGE_ONLINE, 1, due + 20);
    ck_assert_int_eq(bridge_told, 2);
    ck_assert_int_eq(last_bridge, ADVERT_BRIDGE_ONLINE);
}
END_TEST

START_TEST(a_short_absence_is_not_told)
{
    establish(0);
    bridge_says(BRIDGE_OFFLINE, 1, 100);
    advert_lost(&advert);
    advert_connected(&advert, 200);
    advert_run(&advert, 1000);
    bridge_says(BRIDGE_ONLINE, 1, 1000);
    ck_assert_int_gt(advert_run(&advert, 7000), 7000);
    ck_assert_int_eq(bridge_told, 0);
}
END_TEST

START_TEST(tries_again_where_the_broker_refuses)
{
    begin_with(0);
    advert_connected(&advert, 0);
    bridge_says(BRIDGE_ONLINE, 1, 0);
    advert_want(&advert, 0);
    int64_t now = 0;
    for (int i = 2; i < 5; i++) {
        advert_refused(&advert, now);
        int64_t due = advert_run(&advert, now);
        ck_assert_int_gt(due, now + 1000);
        advert_run(&advert, due);
        ck_assert_int_eq(asked, i);
        now = due;
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_advert");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, begin, NULL);
    tcase_add_test(tests, asks_when_it_can);
    tcase_add_test(tests, does_not_ask_before_it_is_wanted);
    tcase_add_test(tests, renews_in_time);
    tcase_add_test(tests, without_a_lease_never);
    tcase_add_test(tests, asks_a_new_bridge);
    tcase_add_test(tests, asks_a_bridge_that_comes_back);
    tcase_add_test(tests, asks_a_bridge_that_comes_later);
    tcase_add_test(tests, asks_again_for_what_ended);
    tcase_add_test(tests, comes_back_after_another_with_its_id);
    tcase_add_test(tests, what_an_earlier_life_left_is_nobody_else);
    tcase_add_test(tests, takes_it_back);
    tcase_add_test(tests, nobody_to_take_it_back_from);
    tcase_add_test(tests, tells_news_only);
    tcase_add_test(tests, statuses_count_while_online);
    tcase_add_test(tests, misses_the_bridge_after_a_while);
    tcase_add_test(tests, a_short_absence_is_not_told);
    tcase_add_test(tests, tries_again_where_the_broker_refuses);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
