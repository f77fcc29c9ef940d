/* SPDX-License-Identifier: MIT */
/* The session with real catalog, publisher and adverts, and a broker of its own that keeps retained topics. */
#include "session.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "log.h"
#include "run_suite.h"
#include "sightings.h"

#define V4(n, p) ((struct sighting){.name = (n), .protocol = SERVICE_IPV4, .port = (p)})
#define SIZE 2048
#define GHOSTS 3000
#define SERVICES "p/service/"

/* ---- In place of mqtt.c and the broker ---- */

static int published, acknowledged;
static bool refuses, connected;
static bool ghosts[GHOSTS];      /* is "p/service/GHOST" retained? */
static bool refills;             /* somebody publishes a ghost again as soon as it is cleared */
static bool services_asked;      /* subscribed to since the last delivery */
static uint8_t states[16][SIZE]; /* the state records since the last delivery */
static int state_count;
static bool offline; /* so says the last of all */
static int service_messages;

int mqtt_publish(struct mqtt *mqtt, const char *topic, const uint8_t *payload, size_t length,
                 bool retain)
{
    (void)mqtt, (void)retain;
    if (strcmp(topic, "p/bridge/state") == 0) {
        ck_assert_int_lt(state_count, 16);
        memcpy(states[state_count++], payload, length);
        offline = strstr((const char *)payload, "\"state\":\"offline\"");
    } else if (strncmp(topic, SERVICES, strlen(SERVICES)) == 0) {
        char *end;
        long ghost = strtol(topic + strlen(SERVICES), &end, 10);
        service_messages++;
        if (length == 0 && *end == '\0' && ghost < GHOSTS)
            ghosts[ghost] = refills;
    }
    return published++;
}

bool mqtt_is_connected(const struct mqtt *mqtt)
{
    (void)mqtt;
    return connected;
}

bool mqtt_is_old(const struct mqtt *mqtt)
{
    (void)mqtt;
    return false;
}

void mqtt_set_will(struct mqtt *mqtt, const char *topic, const uint8_t *payload, size_t length)
{
    (void)mqtt, (void)topic, (void)payload, (void)length;
}

void mqtt_subscribe(struct mqtt *mqtt, const char *filter, int qos)
{
    (void)mqtt, (void)qos;
    services_asked |= strcmp(filter, SERVICES "#") == 0;
}

void mqtt_subscribe_to_others(struct mqtt *mqtt, const char *filter)
{
    (void)mqtt, (void)filter;
}

void mqtt_unsubscribe(struct mqtt *mqtt, const char *filter)
{
    (void)mqtt, (void)filter;
}

/* ---- */

static struct config config;
static struct catalog *catalog;
static struct adverts *adverts;
static struct publisher *publisher;
static struct session *session;

static void setup(void)
{
    published = acknowledged = service_messages = state_count = 0;
    refuses = refills = services_asked = offline = false;
    connected = true;
    memset(ghosts, 0, sizeof ghosts);
    config_init(&config);
    catalog = catalog_new(100);
    adverts = adverts_new(&config, &(struct adverts_outlets){0});
    publisher = publisher_new(NULL, catalog, "p", SIZE);
    const struct session_options options = {
        .prefix = "p", .record_size = SIZE, .avahi_grace_ms = 30000, .stats_interval_ms = 1 << 30};
    session = session_new(NULL, catalog, adverts, publisher, &options, 0);
}

static void teardown(void)
{
    session_free(session);
    publisher_free(publisher);
    adverts_free(adverts);
    catalog_free(catalog);
    config_free(&config);
}

static void deliver(const char *topic, const void *payload, size_t length, bool retain)
{
    const struct mqtt_message message = {
        .topic = topic, .payload = payload, .length = length, .retain = retain};
    session_message(session, &message, 0);
}

/* One turn of the main loop, and what the broker says to it. */
static void turn(int64_t now)
{
    char topic[32];
    session_run(session, &(struct mdns_counters){0}, now);
    while (acknowledged < published)
        publisher_acknowledged(publisher, acknowledged++, refuses);
    for (int i = 0; services_asked && i < GHOSTS; i++) {
        snprintf(topic, sizeof topic, SERVICES "%d", i);
        if (ghosts[i])
            deliver(topic, "x", 1, true);
    }
    services_asked = false;
    for (int i = 0; i < state_count; i++)
        deliver("p/bridge/state", states[i], SIZE, false);
    state_count = 0;
}

static void turns(int64_t now)
{
    for (int i = 0; i < 10; i++)
        turn(now);
}

static void avahi(enum mdns_event_kind kind, int64_t now)
{
    session_mdns_event(session, &(struct mdns_event){.kind = kind}, now);
}

static bool is_online(void)
{
    return strcmp(session_state_name(session), "online") == 0;
}

static void go_online(void)
{
    session_connected(session, 0);
    avahi(MDNS_UP, 0);
    avahi(MDNS_SETTLED, 0);
    turns(0);
    ck_assert(is_online());
}

START_TEST(a_change_that_settles_is_waited_for)
{
    session_connected(session, 0);
    avahi(MDNS_UP, 0);
    found(catalog, V4("a", 80), 0);
    turns(0);
    found(catalog, V4("a", 81), 0);
    avahi(MDNS_SETTLED, 0);
    turns(50);
    ck_assert(!is_online());
    turns(100);
    ck_assert(is_online());
    ck_assert_int_eq(service_messages, 2);
}
END_TEST

START_TEST(a_network_that_never_rests_is_not_waited_for)
{
    session_connected(session, 0);
    avahi(MDNS_UP, 0);
    avahi(MDNS_SETTLED, 0);
    for (int64_t now = 0; now < 2000 && !is_online(); now += 50) {
        found(catalog, V4(now % 100 > 0 ? "a" : "b", (uint16_t)(now + 1)), now);
        turns(now);
    }
    ck_assert(is_online());
}
END_TEST

START_TEST(what_the_broker_refuses_is_not_online)
{
    session_connected(session, 0);
    avahi(MDNS_UP, 0);
    avahi(MDNS_SETTLED, 0);
    refuses = true;
    found(catalog, V4("a", 80), 0);
    turns(0);
    ck_assert(!is_online());
    refuses = false;
    for (int i = 0; i < 10; i++)
        turn(INT64_MAX / 2);
    ck_assert(is_online());
    ck_assert_int_eq(service_messages, 2);
}
END_TEST

START_TEST(all_ghosts_are_cleared_before_online)
{
    memset(ghosts, true, sizeof ghosts);
    session_connected(session, 0);
    avahi(MDNS_UP, 0);
    avahi(MDNS_SETTLED, 0);
    for (int i = 0; i < 1000 && !is_online(); i++)
        turn(5000);
    ck_assert(is_online());
    for (int i = 0; i < GHOSTS; i++)
        ck_assert(!ghosts[i]);
}
END_TEST

START_TEST(who_refills_the_tree_does_not_keep_the_bridge_from_online)
{
    memset(ghosts, true, sizeof ghosts);
    refills = true;
    session_connected(session, 0);
    avahi(MDNS_UP, 0);
    avahi(MDNS_SETTLED, 0);
    for (int i = 0; i < 100000 && !is_online(); i++)
        turn(5000);
    ck_assert(is_online());
}
END_TEST

static void is_withdrawn_at(int64_t at)
{
    turns(at - 1);
    ck_assert_int_eq(service_messages, 0);
    turns(at);
    ck_assert_int_eq(service_messages, 2); /* gone, and cleared */
}

static void shown(int64_t now)
{
    found(catalog, V4("a", 80), now);
    turns(now);
    service_messages = 0;
}

/* Absent for an hour, and gone again before it has settled: what it told meanwhile gets the grace. */
START_TEST(an_absence_after_a_long_one_has_a_grace_of_its_own)
{
    session_connected(session, 0);
    turns(3600000);
    avahi(MDNS_UP, 3600000);
    shown(3600000);
    avahi(MDNS_DOWN, 3601000);
    is_withdrawn_at(3631000);
}
END_TEST

START_TEST(an_avahi_that_crashes_again_and_again_does_not_prolong_the_grace)
{
    go_online();
    shown(1000);
    for (int64_t now = 10000; now < 40000; now += 1000) {
        avahi(MDNS_DOWN, now);
        turns(now);
        avahi(MDNS_UP, now + 500);
        turns(now + 500);
    }
    ck_assert_int_eq(service_messages, 0);
    avahi(MDNS_DOWN, 39900);
    is_withdrawn_at(40000);
}
END_TEST

START_TEST(it_has_ended_when_offline_is_taken)
{
    go_online();
    session_end(session);
    ck_assert(offline);
    ck_assert(!session_has_ended(session) && !session_said_goodbye(session));
    turn(0);
    ck_assert(session_has_ended(session) && session_said_goodbye(session));
}
END_TEST

/* The last will has to say it then. */
START_TEST(nobody_said_goodbye_where_offline_is_not_taken)
{
    go_online();
    refuses = true;
    session_end(session);
    turn(0);
    ck_assert(!session_said_goodbye(session));
    connected = false;
    session_disconnected(session);
    ck_assert(session_has_ended(session) && !session_said_goodbye(session));
}
END_TEST

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    Suite *suite = suite_create("session");
    TCase *tcase = tcase_create("session");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_change_that_settles_is_waited_for);
    tcase_add_test(tcase, a_network_that_never_rests_is_not_waited_for);
    tcase_add_test(tcase, what_the_broker_refuses_is_not_online);
    tcase_add_test(tcase, all_ghosts_are_cleared_before_online);
    tcase_add_test(tcase, who_refills_the_tree_does_not_keep_the_bridge_from_online);
    tcase_add_test(tcase, an_absence_after_a_long_one_has_a_grace_of_its_own);
    tcase_add_test(tcase, an_avahi_that_crashes_again_and_again_does_not_prolong_the_grace);
    tcase_add_test(tcase, it_has_ended_when_offline_is_taken);
    tcase_add_test(tcase, nobody_said_goodbye_where_offline_is_not_taken);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
