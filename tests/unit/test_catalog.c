/* SPDX-License-Identifier: MIT */
#include "catalog.h"

#include <check.h>
#include <stdio.h>
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

/* What came out, "changed local/_http._tcp/a/eth0" and the like, and of which entry. */
static char events[64][96];
static struct catalog_entry *entries[64];
static int event_count, events_taken;
static bool releases_at_once; /* nobody needs what is last known of it: the broker has nothing */

static void note(const char *what, const char *path, struct catalog_entry *entry)
{
    ck_assert_int_lt(event_count, 64);
    entries[event_count] = entry;
    snprintf(events[event_count++], sizeof events[0], "%s %s", what, path);
}

static void out_changed(void *context, const char *path, struct catalog_entry *entry)
{
    (void)context;
    note("changed", path, entry);
}

static void out_gone(void *context, const char *path, struct catalog_entry *entry)
{
    (void)context;
    note("gone", path, entry);
    if (releases_at_once)
        catalog_released(catalog, entry);
}

static const struct catalog_outlets outlets = {NULL, out_changed, out_gone};

static void setup(void)
{
    event_count = events_taken = 0;
    releases_at_once = false;
    catalog = catalog_new(100, &outlets);
}

static void teardown(void)
{
    catalog_free(catalog);
}

/* What was said next, and what is known of that. */
struct taken {
    struct catalog_entry *entry; /* NULL: nothing was said */
    bool changed;                /* else gone */
    bool up;
    struct service_id id;
    struct service service;
};

static void look(struct taken *taken)
{
    taken->up = catalog_entry_service(taken->entry, &taken->id, &taken->service);
    taken->service.id = NULL; /* it points to the copy that is about to go */
}

static struct taken take(void)
{
    struct taken taken = {0};
    if (events_taken == event_count)
        return taken;
    taken.entry = entries[events_taken];
    taken.changed = strncmp(events[events_taken++], "changed", 7) == 0;
    if (events_taken == event_count)
        events_taken = event_count = 0;
    look(&taken);
    return taken;
}

static bool nothing_is_said(void)
{
    return events_taken == event_count;
}

static size_t services(void)
{
    struct catalog_counters counters;
    catalog_get_counters(catalog, &counters);
    return counters.services;
}

START_TEST(a_new_service_is_said_at_once)
{
    found(catalog, V4("a", 80), 0);
    ck_assert_str_eq(events[0], "changed local/_http._tcp/a/eth0");
    struct taken taken = take();
    ck_assert(taken.up && taken.changed);
    ck_assert_str_eq(taken.id.name, "a");
    ck_assert_str_eq(taken.id.interface, "eth0");
    ck_assert_str_eq(taken.service.host, "host.local");
    ck_assert_uint_eq(taken.service.port, 80);
    ck_assert(taken.service.seen[SERVICE_IPV4] && !taken.service.seen[SERVICE_IPV6]);
    ck_assert(nothing_is_said());
    ck_assert_uint_eq(services(), 1);
}
END_TEST

START_TEST(both_protocols_are_one_entry)
{
    found(catalog, V6("a", 80), 0);
    struct taken taken = take();
    found(catalog, V4("a", 80), 0);
    look(&taken); /* whoever has not looked yet sees both */
    ck_assert(taken.service.seen[SERVICE_IPV4] && taken.service.seen[SERVICE_IPV6]);
    ck_assert_str_eq(taken.service.addresses[SERVICE_IPV4], "192.0.2.1");
    ck_assert_str_eq(taken.service.addresses[SERVICE_IPV6], "2001:db8::1");
    ck_assert(nothing_is_said());
    ck_assert_int_eq(catalog_settle(catalog, 100), INT64_MAX);
    ck_assert_ptr_eq(take().entry, taken.entry);
    ck_assert_uint_eq(services(), 1);
}
END_TEST

START_TEST(where_protocols_disagree_ipv4_counts)
{
    found(catalog, V6("a", 81), 0);
    found(catalog, V4("a", 80), 0);
    struct taken taken = take();
    ck_assert_uint_eq(taken.service.port, 80);
    lost(catalog, V4("a", 0), 1);
    look(&taken);
    ck_assert_uint_eq(taken.service.port, 81);
}
END_TEST

START_TEST(a_change_settles_first)
{
    found(catalog, V4("a", 80), 0);
    take();
    found(catalog, V4("a", 81), 1000); /* torn */
    found(catalog, V4("a", 82), 1050);
    ck_assert_int_eq(catalog_settle(catalog, 1149), 1150);
    ck_assert(nothing_is_said() && !catalog_is_settled(catalog));
    ck_assert_int_eq(catalog_settle(catalog, 1150), INT64_MAX);
    ck_assert(catalog_is_settled(catalog));
    ck_assert_uint_eq(take().service.port, 82);
    ck_assert(nothing_is_said());
}
END_TEST

START_TEST(changes_settle_in_their_order)
{
    for (int i = 0; i < 2; i++) {
        found(catalog, V4(i == 0 ? "a" : "b", 80), 0);
        take();
    }
    found(catalog, V4("a", 81), 1000);
    found(catalog, V4("b", 81), 1010);
    found(catalog, V4("a", 82), 1020); /* again: behind b */
    ck_assert_int_eq(catalog_settle(catalog, 1050), 1110);
    ck_assert_int_eq(catalog_settle(catalog, 1110), 1120);
    ck_assert_str_eq(take().id.name, "b");
    ck_assert(nothing_is_said());
    ck_assert_int_eq(catalog_settle(catalog, 1120), INT64_MAX);
    ck_assert_str_eq(take().id.name, "a");
}
END_TEST

START_TEST(one_that_never_rests_is_said_once_a_second)
{
    int said = 0;
    found(catalog, V4("a", 1), 0);
    take();
    for (int64_t now = 1000; now < 11000; now += 50) {
        found(catalog, V4("a", (uint16_t)now), now);
        catalog_settle(catalog, now);
        said += take().entry != NULL;
    }
    ck_assert_int_ge(said, 8);
    ck_assert_int_le(said, 11);
}
END_TEST

START_TEST(the_same_again_changes_nothing)
{
    found(catalog, V4("a", 80), 0);
    take();
    found(catalog, V4("a", 80), 1000);
    ck_assert_int_eq(catalog_settle(catalog, 5000), INT64_MAX);
    ck_assert(nothing_is_said());
}
END_TEST

START_TEST(gone_only_when_both_protocols_are_lost)
{
    found(catalog, V4("a", 80), 0);
    found(catalog, V6("a", 80), 0);
    catalog_settle(catalog, 100);
    take(), take();
    lost(catalog, V4("a", 0), 1000);
    ck_assert(nothing_is_said());
    catalog_settle(catalog, 1100);
    struct taken taken = take();
    ck_assert(taken.up && taken.changed && !taken.service.seen[SERVICE_IPV4]);
    ck_assert_ptr_null(taken.service.addresses[SERVICE_IPV4]);
    lost(catalog, V6("a", 0), 2000);
    ck_assert_str_eq(events[0], "gone local/_http._tcp/a/eth0");
    taken = take();
    ck_assert(taken.entry && !taken.up && !taken.changed);
    ck_assert(!taken.service.seen[SERVICE_IPV4] && !taken.service.seen[SERVICE_IPV6]);
    ck_assert_uint_eq(taken.service.port, 80); /* last known */
    ck_assert_str_eq(taken.service.host, "host.local");
    lost(catalog, V6("a", 0), 2001); /* that is no news */
    ck_assert(nothing_is_said());
    catalog_released(catalog, taken.entry); /* frees it; the sanitizer would see a slip */
    lost(catalog, V6("a", 0), 2002);
    ck_assert(nothing_is_said());
    ck_assert_uint_eq(services(), 0);
}
END_TEST

START_TEST(what_is_lost_while_it_settles_is_gone_at_once)
{
    found(catalog, V4("a", 80), 0);
    take();
    found(catalog, V4("a", 81), 1000);
    lost(catalog, V4("a", 0), 1010);
    struct taken taken = take();
    ck_assert(taken.entry && !taken.changed);
    ck_assert_uint_eq(taken.service.port, 81);
    ck_assert(catalog_is_settled(catalog));
    ck_assert_int_eq(catalog_settle(catalog, 5000), INT64_MAX);
    ck_assert(nothing_is_said());
}
END_TEST

START_TEST(comes_back_before_it_is_released)
{
    found(catalog, V4("a", 80), 0);
    take();
    lost(catalog, V4("a", 0), 1000);
    struct taken gone = take();
    ck_assert(!gone.up);
    found(catalog, V4("a", 80), 1001);
    struct taken back = take();
    ck_assert_ptr_eq(back.entry, gone.entry);
    ck_assert(back.up && back.changed);
    catalog_released(catalog, back.entry); /* of the past: it is alive, and stays */
    look(&back);
    ck_assert(back.up);
    found(catalog, V4("a", 81), 2000);
    catalog_settle(catalog, 2100);
    ck_assert_ptr_eq(take().entry, back.entry);
    ck_assert_uint_eq(services(), 1);
}
END_TEST

START_TEST(stale_and_sweep)
{
    found(catalog, V4("stays", 80), 0);
    found(catalog, V4("goes", 80), 0);
    take(), take();
    ck_assert_uint_eq(catalog_stale(catalog), 0);
    catalog_all_is_stale(catalog);
    ck_assert_uint_eq(catalog_stale(catalog), 2);
    found(catalog, V4("stays", 80), 1000);
    ck_assert_uint_eq(catalog_stale(catalog), 1);
    ck_assert(nothing_is_said());
    catalog_sweep(catalog, 2000);
    struct taken taken = take();
    ck_assert(!taken.up && !taken.changed);
    ck_assert_str_eq(taken.id.name, "goes");
    ck_assert(nothing_is_said());
    ck_assert_uint_eq(catalog_stale(catalog), 0);
    catalog_sweep(catalog, 3000);
    ck_assert(nothing_is_said());
}
END_TEST

START_TEST(a_protocol_that_is_swept_is_a_change)
{
    found(catalog, V4("a", 80), 0);
    found(catalog, V6("a", 80), 0);
    catalog_settle(catalog, 100);
    take(), take();
    catalog_all_is_stale(catalog);
    found(catalog, V4("a", 80), 1000);
    ck_assert_uint_eq(catalog_stale(catalog), 1);
    catalog_sweep(catalog, 2000);
    catalog_settle(catalog, 2100);
    struct taken taken = take();
    ck_assert(taken.up && !taken.service.seen[SERVICE_IPV6]);
}
END_TEST

START_TEST(more_than_fit_wait_for_room)
{
    struct catalog_counters counters;
    char name[16];
    for (int i = 0; i < 103; i++) {
        snprintf(name, sizeof name, "s%d", i);
        found(catalog, V4(name, 80), 0);
        struct taken taken = take();
        ck_assert_int_eq(taken.up, i < 100);
        ck_assert_int_eq(taken.changed, i < 100); /* the broker may have a record from before */
        ck_assert(!taken.service.seen[SERVICE_IPV4] ==
                  (i >= 100)); /* "gone" resolves over nothing */
        if (i >= 100)
            catalog_released(catalog, taken.entry); /* it waits all the same */
    }
    ck_assert(nothing_is_said());
    catalog_get_counters(catalog, &counters);
    ck_assert_uint_eq(counters.services, 100);
    ck_assert_uint_eq(counters.parked, 3);
    ck_assert_uint_eq(counters.refused, 3);

    found(catalog, V4("s102", 81), 1); /* one that waits changes: nothing to be seen of it */
    catalog_settle(catalog, 1000);
    ck_assert(nothing_is_said());
    lost(catalog, V4("s101", 0), 1); /* nor if it goes */
    ck_assert(!take().up);
    lost(catalog, V4("s7", 0), 1);
    struct taken gone = take(), shown = take();
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

START_TEST(one_that_waits_and_is_swept_is_gone)
{
    struct catalog_counters counters;
    char name[16];
    releases_at_once = true;
    for (int i = 0; i < 101; i++) {
        snprintf(name, sizeof name, "s%d", i);
        found(catalog, V4(name, 80), 0);
        event_count = 0;
    }
    catalog_all_is_stale(catalog);
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "s%d", i);
        found(catalog, V4(name, 80), 1);
    }
    catalog_sweep(catalog, 2);
    catalog_get_counters(catalog, &counters);
    ck_assert_uint_eq(counters.services, 50);
    ck_assert_uint_eq(counters.parked, 0);
    ck_assert_uint_eq(catalog_stale(catalog), 0);
}
END_TEST

/* While the broker is away, or does not keep pace, nothing gathers of what comes and goes. */
START_TEST(what_comes_and_goes_unpublished_is_forgotten)
{
    char name[16];
    releases_at_once = true;
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "s%d", i);
        found(catalog, V4(name, 80), i);
        found(catalog, V6(name, 80), i);
        if (i % 2 > 0) {
            catalog_all_is_stale(catalog);
            catalog_sweep(catalog, i);
        } else {
            lost(catalog, V4(name, 0), i);
            lost(catalog, V6(name, 0), i);
        }
        ck_assert_int_ge(event_count, 2);
        ck_assert_int_eq(strncmp(events[event_count - 1], "gone", 4), 0);
        event_count = 0;
        ck_assert(catalog_is_settled(catalog));
        ck_assert_uint_eq(services(), 0);
    }
}
END_TEST

START_TEST(one_that_fits_no_record_is_not_shown_until_it_changes)
{
    struct catalog_counters counters;
    found(catalog, V4("a", 80), 0);
    struct catalog_entry *entry = take().entry;
    catalog_refuse(catalog, entry);
    ck_assert(nothing_is_said()); /* who refuses it knows */
    catalog_released(catalog, entry);
    struct taken taken = {.entry = entry};
    look(&taken);
    ck_assert(!taken.up);
    ck_assert_uint_eq(services(), 0);
    catalog_get_counters(catalog, &counters);
    ck_assert_uint_eq(counters.refused, 1);
    found(catalog, V4("a", 81), 1000);
    ck_assert(take().up); /* at once: nothing is shown that would change */
    ck_assert_uint_eq(services(), 1);
}
END_TEST

START_TEST(one_that_is_refused_makes_room)
{
    char name[16];
    struct catalog_entry *first = NULL;
    for (int i = 0; i < 101; i++) {
        snprintf(name, sizeof name, "s%d", i);
        found(catalog, V4(name, 80), 0);
        struct taken taken = take();
        first = i == 0 ? taken.entry : first;
    }
    catalog_refuse(catalog, first);
    struct taken taken = take();
    ck_assert_str_eq(taken.id.name, "s100");
    ck_assert(taken.up);
    ck_assert_uint_eq(services(), 100);
    lost(catalog, V4("s0", 0), 1);
    ck_assert(!take().changed);
    ck_assert_uint_eq(services(), 100);
}
END_TEST

/* Whose advertisement it is may have changed. Names are equal as in DNS. */
START_TEST(looked_at_again)
{
    static const char *const names[] = {"a", "A", "b"};
    for (int i = 0; i < 3; i++) {
        found(catalog, V4(names[i], 80), 0);
        take();
    }
    catalog_look_again(catalog, "_HTTP._tcp", "a");
    for (int i = 0; i < 2; i++) {
        struct taken taken = take();
        ck_assert(taken.entry && taken.changed && taken.up);
        ck_assert_str_ne(taken.id.name, "b");
    }
    ck_assert(nothing_is_said());
    catalog_look_again(catalog, "_ipp._tcp", "a");
    lost(catalog, V4("b", 0), 1);
    take();
    catalog_look_again(catalog, "_http._tcp", "b"); /* gone */
    ck_assert(nothing_is_said());
    found(catalog, V4("a", 81), 2);
    catalog_look_again(catalog, "_http._tcp", "a"); /* one of them is said when it has settled */
    ck_assert_str_eq(take().id.name, "A");
    ck_assert(nothing_is_said());
}
END_TEST

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    Suite *suite = suite_create("catalog");
    TCase *tcase = tcase_create("catalog");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_new_service_is_said_at_once);
    tcase_add_test(tcase, both_protocols_are_one_entry);
    tcase_add_test(tcase, where_protocols_disagree_ipv4_counts);
    tcase_add_test(tcase, a_change_settles_first);
    tcase_add_test(tcase, changes_settle_in_their_order);
    tcase_add_test(tcase, one_that_never_rests_is_said_once_a_second);
    tcase_add_test(tcase, the_same_again_changes_nothing);
    tcase_add_test(tcase, gone_only_when_both_protocols_are_lost);
    tcase_add_test(tcase, what_is_lost_while_it_settles_is_gone_at_once);
    tcase_add_test(tcase, comes_back_before_it_is_released);
    tcase_add_test(tcase, stale_and_sweep);
    tcase_add_test(tcase, a_protocol_that_is_swept_is_a_change);
    tcase_add_test(tcase, more_than_fit_wait_for_room);
    tcase_add_test(tcase, one_that_waits_and_is_swept_is_gone);
    tcase_add_test(tcase, what_comes_and_goes_unpublished_is_forgotten);
    tcase_add_test(tcase, one_that_fits_no_record_is_not_shown_until_it_changes);
    tcase_add_test(tcase, one_that_is_refused_makes_room);
    tcase_add_test(tcase, looked_at_again);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
