/* SPDX-License-Identifier: MIT */
#include "catalog.h"

#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "run_suite.h"
#include "sightings.h"

#define V4(n, p) ((struct sighting){.name = (n), .protocol = SERVICE_IPV4, .port = (p)})
#define V6(n, p)                                                                                   \
    ((struct sighting){                                                                            \
        .name = (n), .protocol = SERVICE_IPV6, .address = "2001:db8::1", .port = (p)})

static struct catalog *catalog;

static void setup(void)
{
    catalog = catalog_new(100);
}

static void teardown(void)
{
    catalog_free(catalog);
}

/* Stands for the publisher: takes the next dirty entry and publishes or withdraws it. */
struct taken {
    struct catalog_entry *entry; /* NULL: nothing was dirty */
    bool up;
    struct service_id id;
    struct service service;
};

static struct taken take(uint64_t content)
{
    struct taken taken = {.entry = catalog_next_dirty(catalog)};
    if (!taken.entry)
        return taken;
    taken.up = catalog_entry_service(taken.entry, &taken.id, &taken.service);
    taken.service.id = NULL; /* it points to the copy that is about to go */
    if (taken.up)
        catalog_published(catalog, taken.entry, content, content);
    else
        catalog_withdrawn(catalog, taken.entry, catalog_entry_is_at_broker(taken.entry) ? 2 : 0);
    return taken;
}

static struct taken take_and_acknowledge(uint64_t content)
{
    struct taken taken = take(content);
    if (taken.entry && taken.up)
        catalog_acknowledged(catalog, taken.entry);
    return taken;
}

static size_t services(void)
{
    struct catalog_counters counters;
    catalog_get_counters(catalog, &counters);
    return counters.services;
}

START_TEST(a_new_service_is_dirty_at_once)
{
    found(catalog, V4("a", 80), 0);
    ck_assert(!catalog_is_clean(catalog));
    struct taken taken = take(1);
    ck_assert(taken.up);
    ck_assert_str_eq(taken.id.name, "a");
    ck_assert_str_eq(taken.id.interface, "eth0");
    ck_assert_str_eq(taken.service.host, "host.local");
    ck_assert_uint_eq(taken.service.port, 80);
    ck_assert(taken.service.seen[SERVICE_IPV4] && !taken.service.seen[SERVICE_IPV6]);
    ck_assert(catalog_is_clean(catalog));
    ck_assert_uint_eq(services(), 1);
}
END_TEST

START_TEST(both_protocols_are_one_entry)
{
    found(catalog, V6("a", 80), 0);
    found(catalog, V4("a", 80), 0);
    struct taken taken = take(1);
    ck_assert(taken.service.seen[SERVICE_IPV4] && taken.service.seen[SERVICE_IPV6]);
    ck_assert_str_eq(taken.service.addresses[SERVICE_IPV4], "192.0.2.1");
    ck_assert_str_eq(taken.service.addresses[SERVICE_IPV6], "2001:db8::1");
    ck_assert_ptr_null(take(1).entry);
}
END_TEST

START_TEST(a_change_settles_first)
{
    found(catalog, V4("a", 80), 0);
    take_and_acknowledge(1);
    found(catalog, V4("a", 81), 1000); /* torn */
    found(catalog, V4("a", 82), 1050);
    ck_assert_int_eq(catalog_settle(catalog, 1149), 1150);
    ck_assert(catalog_is_clean(catalog) && !catalog_is_settled(catalog));
    ck_assert_int_eq(catalog_settle(catalog, 1150), INT64_MAX);
    ck_assert(!catalog_is_clean(catalog) && catalog_is_settled(catalog));
    ck_assert_uint_eq(take(2).service.port, 82);
    ck_assert_ptr_null(take(3).entry);
}
END_TEST

START_TEST(one_that_never_rests_is_published_once_a_second)
{
    int published = 0;
    found(catalog, V4("a", 1), 0);
    take_and_acknowledge(1);
    for (int64_t now = 1000; now < 11000; now += 50) {
        found(catalog, V4("a", (uint16_t)now), now);
        catalog_settle(catalog, now);
        published += take_and_acknowledge((uint64_t)now).entry != NULL;
    }
    ck_assert_int_ge(published, 8);
    ck_assert_int_le(published, 11);
}
END_TEST

START_TEST(the_same_again_changes_nothing)
{
    found(catalog, V4("a", 80), 0);
    take_and_acknowledge(1);
    found(catalog, V4("a", 80), 1000);
    ck_assert_int_eq(catalog_settle(catalog, 5000), INT64_MAX);
    ck_assert(catalog_is_clean(catalog));
}
END_TEST

START_TEST(gone_only_when_both_protocols_are_lost)
{
    found(catalog, V4("a", 80), 0);
    found(catalog, V6("a", 80), 0);
    take_and_acknowledge(1);
    lost(catalog, V4("a", 0), 1000);
    ck_assert(catalog_is_clean(catalog));
    catalog_settle(catalog, 1100);
    struct taken taken = take_and_acknowledge(2);
    ck_assert(taken.up && !taken.service.seen[SERVICE_IPV4]);
    ck_assert_ptr_null(taken.service.addresses[SERVICE_IPV4]);
    lost(catalog, V6("a", 0), 2000);
    taken = take(0);
    ck_assert(taken.entry && !taken.up);
    ck_assert_uint_eq(taken.service.port, 80); /* last known */
    catalog_acknowledged(catalog, taken.entry);
    catalog_acknowledged(catalog, taken.entry); /* frees it; the sanitizer would see a slip */
    ck_assert_uint_eq(services(), 0);
}
END_TEST

START_TEST(comes_back_while_its_withdrawal_is_in_flight)
{
    found(catalog, V4("a", 80), 0);
    take_and_acknowledge(1);
    lost(catalog, V4("a", 0), 1000);
    struct taken gone = take(0);
    ck_assert(!gone.up);
    found(catalog, V4("a", 80), 1001);
    struct taken back = take(1);
    ck_assert_ptr_eq(back.entry, gone.entry);
    ck_assert(back.up);
    for (int i = 0; i < 3; i++)
        catalog_acknowledged(catalog, gone.entry);
    ck_assert(catalog_is_clean(catalog));
    ck_assert_uint_eq(services(), 1);
}
END_TEST

START_TEST(gone_before_it_was_published_leaves_nothing)
{
    found(catalog, V4("a", 80), 0);
    lost(catalog, V4("a", 0), 1);
    ck_assert(!take(0).up);
    ck_assert(catalog_is_clean(catalog));
    ck_assert_uint_eq(catalog_doubted(catalog), 0);
}
END_TEST

START_TEST(doubt_and_sweep)
{
    found(catalog, V4("stays", 80), 0);
    found(catalog, V4("goes", 80), 0);
    take_and_acknowledge(1);
    take_and_acknowledge(2);
    catalog_doubt_all(catalog);
    ck_assert_uint_eq(catalog_doubted(catalog), 2);
    found(catalog, V4("stays", 80), 1000);
    ck_assert_uint_eq(catalog_doubted(catalog), 1);
    catalog_sweep(catalog, 2000);
    struct taken taken = take(0);
    ck_assert(!taken.up);
    ck_assert_str_eq(taken.id.name, "goes");
    ck_assert_ptr_null(take(0).entry);
}
END_TEST

START_TEST(ghosts_are_found_or_swept)
{
    catalog_read_begin(catalog);
    ck_assert(catalog_read_back(catalog, "local/_http._tcp/ghost/eth0", 7));
    ck_assert(catalog_read_back(catalog, "local/_http._tcp/alive/eth0", 8));
    ck_assert(catalog_read_back(catalog, "not%a path", 9));
    ck_assert_uint_eq(catalog_read_end(catalog, true), 0);
    ck_assert_uint_eq(catalog_doubted(catalog), 3);
    found(catalog, V4("alive", 80), 0);
    ck_assert(take_and_acknowledge(1).up);
    ck_assert_uint_eq(catalog_doubted(catalog), 2);
    catalog_sweep(catalog, 1000);
    for (int i = 0; i < 2; i++) {
        struct taken taken = take(0);
        ck_assert(taken.entry && !taken.up);
        catalog_acknowledged(catalog, taken.entry);
        catalog_acknowledged(catalog, taken.entry);
    }
    ck_assert(catalog_is_clean(catalog));
    ck_assert_uint_eq(services(), 1);
}
END_TEST

/* After a reconnection: only what the broker has lost or has differently is published again. */
START_TEST(reading_back_finds_the_differences)
{
    static const char *const names[] = {"same", "other", "missing"};
    for (int i = 0; i < 3; i++) {
        found(catalog, V4(names[i], 80), 0);
        take_and_acknowledge((uint64_t)i + 1);
    }
    catalog_read_begin(catalog);
    catalog_read_back(catalog, "local/_http._tcp/same/eth0", 1);
    catalog_read_back(catalog, "local/_http._tcp/other/eth0", 77);
    ck_assert_uint_eq(catalog_read_end(catalog, true), 1);
    struct taken taken = take_and_acknowledge(2);
    ck_assert_str_eq(taken.id.name, "other");
    taken = take_and_acknowledge(3);
    ck_assert_str_eq(taken.id.name, "missing");
    ck_assert_ptr_null(take(0).entry);
}
END_TEST

START_TEST(counting_does_not_mend)
{
    found(catalog, V4("a", 80), 0);
    take_and_acknowledge(1);
    catalog_read_begin(catalog);
    ck_assert_uint_eq(catalog_read_end(catalog, false), 1);
    ck_assert(catalog_is_clean(catalog));
}
END_TEST

/* What was published while the tree is read back is newer than what comes. */
START_TEST(reading_back_does_not_undo_what_is_newer)
{
    found(catalog, V4("a", 80), 0);
    catalog_read_begin(catalog);
    struct taken taken = take(1);
    catalog_read_back(catalog, "local/_http._tcp/a/eth0", 99);
    catalog_acknowledged(catalog, taken.entry);
    ck_assert_uint_eq(catalog_read_end(catalog, true), 0);
    ck_assert(catalog_is_clean(catalog));

    lost(catalog, V4("a", 0), 1000);
    taken = take(0);
    catalog_read_back(catalog, "local/_http._tcp/a/eth0", 1);
    ck_assert_uint_eq(catalog_doubted(catalog), 0);
    catalog_acknowledged(catalog, taken.entry);
    catalog_acknowledged(catalog, taken.entry);
}
END_TEST

/* The connection was lost: only reading back says what the broker has taken. */
START_TEST(what_was_in_flight_is_compared_with_what_is_read_back)
{
    found(catalog, V4("taken", 80), 0);
    struct taken up = take(1);
    found(catalog, V4("not taken", 80), 0);
    struct taken other = take(2);
    catalog_flight_lost(catalog, up.entry);
    catalog_flight_lost(catalog, other.entry);
    ck_assert(catalog_is_clean(catalog));
    catalog_read_begin(catalog);
    catalog_read_back(catalog, "local/_http._tcp/taken/eth0", 1);
    ck_assert_uint_eq(catalog_read_end(catalog, true), 1);
    ck_assert_str_eq(take_and_acknowledge(2).id.name, "not taken");
    ck_assert_ptr_null(take(0).entry);
}
END_TEST

START_TEST(a_withdrawal_that_was_in_flight_is_sent_again)
{
    found(catalog, V4("a", 80), 0);
    take_and_acknowledge(1);
    lost(catalog, V4("a", 0), 1000);
    struct taken gone = take(0);
    catalog_flight_lost(catalog, gone.entry);
    catalog_flight_lost(catalog, gone.entry);
    gone = take(0);
    ck_assert(gone.entry && !gone.up);
    ck_assert_uint_eq(gone.service.port, 80);
    catalog_acknowledged(catalog, gone.entry);
    catalog_acknowledged(catalog, gone.entry);
    ck_assert_uint_eq(catalog_doubted(catalog), 0);
}
END_TEST

START_TEST(more_than_fit_wait_for_room)
{
    struct catalog_counters counters;
    char name[16];
    for (int i = 0; i < 103; i++) {
        snprintf(name, sizeof name, "s%d", i);
        found(catalog, V4(name, 80), 0);
    }
    for (int i = 0; i < 100; i++)
        ck_assert(take_and_acknowledge(1).up);
    ck_assert_ptr_null(take(1).entry);
    catalog_get_counters(catalog, &counters);
    ck_assert_uint_eq(counters.services, 100);
    ck_assert_uint_eq(counters.parked, 3);
    ck_assert_uint_eq(counters.refused, 3);

    lost(catalog, V4("s101", 0), 1); /* one that waits goes: nothing to be seen of it */
    ck_assert(!take(0).up);
    lost(catalog, V4("s7", 0), 1);
    struct taken gone = take(0), shown = take_and_acknowledge(1);
    if (gone.up) {
        struct taken swap = gone;
        gone = shown;
        shown = swap;
    }
    ck_assert_str_eq(gone.id.name, "s7");
    ck_assert_str_eq(shown.id.name, "s100");
    ck_assert(shown.up);
    catalog_get_counters(catalog, &counters);
    ck_assert_uint_eq(counters.services, 100);
    ck_assert_uint_eq(counters.parked, 1);
}
END_TEST

/* What a former life has published of a service that now has to wait is taken back. */
START_TEST(one_that_waits_leaves_the_broker)
{
    char name[16];
    catalog_read_begin(catalog);
    ck_assert(catalog_read_back(catalog, "local/_http._tcp/late/eth0", 7));
    catalog_read_end(catalog, true);
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "s%d", i);
        found(catalog, V4(name, 80), 0);
        take_and_acknowledge(1);
    }
    found(catalog, V4("late", 80), 0);
    struct taken taken = take(0);
    ck_assert(taken.entry && !taken.up);
    ck_assert(!taken.service.seen[SERVICE_IPV4]); /* "gone" resolves over nothing */
    catalog_acknowledged(catalog, taken.entry);
    catalog_acknowledged(catalog, taken.entry);
    ck_assert_ptr_null(take(0).entry);
    lost(catalog, V4("s7", 0), 1);
    for (int i = 0; i < 2; i++) {
        taken = take(1);
        ck_assert_str_eq(taken.id.name, taken.up ? "late" : "s7");
    }
}
END_TEST

/* Swept, withdrawn and acknowledged. */
static void exorcise(int ghosts)
{
    catalog_sweep(catalog, 0);
    for (int i = 0; i < ghosts; i++) {
        struct taken taken = take(0);
        ck_assert(taken.entry && !taken.up);
        catalog_acknowledged(catalog, taken.entry);
        catalog_acknowledged(catalog, taken.entry);
    }
    ck_assert(catalog_is_clean(catalog));
}

#define GHOSTS 1024

/* Ten thousand services on the network take no room from them. */
START_TEST(ghosts_are_bounded)
{
    char path[64];
    for (int i = 0; i < 10000; i++) {
        snprintf(path, sizeof path, "n%d", i);
        found(catalog, V4(path, 80), 0);
    }
    while (take_and_acknowledge(1).entry)
        ;
    for (int round = 0; round < 2; round++) {
        catalog_read_begin(catalog);
        for (int i = 0; i < GHOSTS; i++) {
            snprintf(path, sizeof path, "local/_http._tcp/%d/eth0", i);
            ck_assert(catalog_read_back(catalog, path, 1));
        }
        ck_assert(!catalog_read_back(catalog, "local/_http._tcp/one more/eth0", 1));
        ck_assert(catalog_read_back(catalog, "local/_http._tcp/0/eth0", 1));
        exorcise(GHOSTS);
    }
    catalog_read_begin(catalog);
    ck_assert(catalog_read_back(catalog, "local/_http._tcp/one more/eth0", 1));
}
END_TEST

START_TEST(long_ghosts_are_bounded_by_their_bytes)
{
    static char path[65001];
    memset(path, 'x', sizeof path - 1);
    catalog_read_begin(catalog);
    int ghosts = 0;
    for (; ghosts < GHOSTS; ghosts++) {
        path[0] = (char)('a' + ghosts / 26);
        path[1] = (char)('a' + ghosts % 26);
        if (!catalog_read_back(catalog, path, 1))
            break;
    }
    ck_assert_int_ge(ghosts, 10);
    ck_assert_int_lt(ghosts, 100);
    exorcise(ghosts);
    ck_assert(catalog_read_back(catalog, path, 1));
}
END_TEST

/* While the broker is away, or does not keep pace, nothing gathers of what comes and goes. */
START_TEST(what_comes_and_goes_unpublished_is_forgotten)
{
    char name[16];
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "s%d", i);
        found(catalog, V4(name, 80), i);
        found(catalog, V6(name, 80), i);
        if (i % 2 > 0) {
            catalog_doubt_all(catalog);
            catalog_sweep(catalog, i);
        } else {
            lost(catalog, V4(name, 0), i);
            lost(catalog, V6(name, 0), i);
        }
        ck_assert(catalog_is_clean(catalog));
        ck_assert_ptr_null(take(0).entry);
    }
}
END_TEST

START_TEST(what_the_broker_refuses_is_tried_again)
{
    found(catalog, V4("a", 80), 0);
    struct taken taken = take(1);
    catalog_message_refused(catalog, taken.entry);
    ck_assert(!catalog_is_clean(catalog));
    ck_assert_ptr_null(take(1).entry);
    catalog_try_again(catalog);
    taken = take_and_acknowledge(1);
    ck_assert(taken.up);
    ck_assert(catalog_is_clean(catalog));
    /* The record stays there as long as its withdrawal is refused. */
    lost(catalog, V4("a", 0), 1000);
    taken = take(0);
    ck_assert(!taken.up);
    catalog_message_refused(catalog, taken.entry);
    catalog_message_refused(catalog, taken.entry);
    ck_assert(!catalog_is_clean(catalog));
    catalog_try_again(catalog);
    exorcise(1);
}
END_TEST

/* A broker that refuses everything costs no memory for what has gone. */
START_TEST(what_was_refused_and_is_gone_is_forgotten)
{
    for (int i = 0; i < 2; i++) {
        found(catalog, V4("a", 80), 0);
        struct taken taken = take(1);
        if (i == 0)
            lost(catalog, V4("a", 0), 1);
        catalog_message_refused(catalog, taken.entry);
        if (i == 1)
            lost(catalog, V4("a", 0), 1);
        ck_assert(catalog_is_clean(catalog));
        ck_assert_ptr_null(take(0).entry);
    }
}
END_TEST

START_TEST(one_that_fits_no_record_is_withdrawn_until_it_changes)
{
    found(catalog, V4("a", 80), 0);
    struct catalog_entry *entry = catalog_next_dirty(catalog);
    catalog_refuse(catalog, entry);
    ck_assert(!take(0).up);
    ck_assert_ptr_null(take(0).entry);
    ck_assert_uint_eq(services(), 0);
    found(catalog, V4("a", 81), 1000);
    ck_assert(take(1).up);
    ck_assert_uint_eq(services(), 1);
}
END_TEST

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    Suite *suite = suite_create("catalog");
    TCase *tcase = tcase_create("catalog");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_new_service_is_dirty_at_once);
    tcase_add_test(tcase, both_protocols_are_one_entry);
    tcase_add_test(tcase, a_change_settles_first);
    tcase_add_test(tcase, one_that_never_rests_is_published_once_a_second);
    tcase_add_test(tcase, the_same_again_changes_nothing);
    tcase_add_test(tcase, gone_only_when_both_protocols_are_lost);
    tcase_add_test(tcase, comes_back_while_its_withdrawal_is_in_flight);
    tcase_add_test(tcase, gone_before_it_was_published_leaves_nothing);
    tcase_add_test(tcase, doubt_and_sweep);
    tcase_add_test(tcase, ghosts_are_found_or_swept);
    tcase_add_test(tcase, reading_back_finds_the_differences);
    tcase_add_test(tcase, counting_does_not_mend);
    tcase_add_test(tcase, reading_back_does_not_undo_what_is_newer);
    tcase_add_test(tcase, what_was_in_flight_is_compared_with_what_is_read_back);
    tcase_add_test(tcase, a_withdrawal_that_was_in_flight_is_sent_again);
    tcase_add_test(tcase, more_than_fit_wait_for_room);
    tcase_add_test(tcase, one_that_waits_leaves_the_broker);
    tcase_add_test(tcase, ghosts_are_bounded);
    tcase_add_test(tcase, long_ghosts_are_bounded_by_their_bytes);
    tcase_add_test(tcase, what_comes_and_goes_unpublished_is_forgotten);
    tcase_add_test(tcase, what_the_broker_refuses_is_tried_again);
    tcase_add_test(tcase, what_was_refused_and_is_gone_is_forgotten);
    tcase_add_test(tcase, one_that_fits_no_record_is_withdrawn_until_it_changes);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
