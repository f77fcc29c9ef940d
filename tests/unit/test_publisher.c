/* SPDX-License-Identifier: MIT */
/* The publisher with a real catalog, and in place of the broker a list of what was published. */
#include "publisher.h"

#include <check.h>
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "mqtt.h"
#include "run_suite.h"
#include "sightings.h"

#define V4(n, p) ((struct sighting){.name = (n), .protocol = SERVICE_IPV4, .port = (p)})
#define SIZE 2048
#define MESSAGES_MAX 4096
#define WINDOW 64

static struct message {
    char topic[128];
    size_t topic_length;
    size_t length;
    bool retain;
    char state[16];
    int port;
    double seq;
} messages[MESSAGES_MAX];
static int count, acknowledged;
static bool broker_refuses_topics;

/* ---- In place of mqtt.c ---- */

int mqtt_publish(struct mqtt *mqtt, const char *topic, const uint8_t *payload, size_t length,
                 bool retain)
{
    (void)mqtt;
    if (broker_refuses_topics)
        return -1;
    ck_assert_int_lt(count, MESSAGES_MAX);
    struct message *message = &messages[count];
    *message = (struct message){.topic_length = strlen(topic), .length = length, .retain = retain};
    snprintf(message->topic, sizeof message->topic, "%s", topic);
    if (length > 0) {
        cJSON *json = cJSON_ParseWithLength((const char *)payload, length);
        ck_assert_ptr_nonnull(json);
        const cJSON *state = cJSON_GetObjectItem(json, "state");
        const cJSON *port = cJSON_GetObjectItem(json, "port");
        snprintf(message->state, sizeof message->state, "%s", state ? state->valuestring : "");
        message->port = port ? port->valueint : -1;
        message->seq = cJSON_GetObjectItem(json, "seq")->valuedouble;
        cJSON_Delete(json);
    }
    return count++; /* also the message id */
}

/* ---- */

static struct catalog *catalog;
static struct publisher *publisher;

static void setup(void)
{
    count = acknowledged = 0;
    broker_refuses_topics = false;
    catalog = catalog_new(10000);
    publisher = publisher_new(NULL, catalog, "a/b", SIZE);
}

static void teardown(void)
{
    publisher_free(publisher);
    catalog_free(catalog);
}

static void acknowledge_all(void)
{
    while (acknowledged < count)
        publisher_acknowledged(publisher, acknowledged++, false);
}

static void find_many(int from, int to)
{
    char name[16];
    for (int i = from; i < to; i++) {
        snprintf(name, sizeof name, "s%d", i);
        found(catalog, V4(name, 80), 0);
    }
}

START_TEST(a_service_comes_changes_and_goes)
{
    found(catalog, V4("x/y", 80), 0);
    publisher_run(publisher, 0);
    ck_assert_int_eq(count, 1);
    ck_assert_str_eq(messages[0].topic, "a/b/service/local/_http._tcp/x%2Fy/eth0");
    ck_assert_uint_eq(messages[0].length, SIZE);
    ck_assert(messages[0].retain);
    ck_assert_str_eq(messages[0].state, "up");
    ck_assert(!publisher_is_idle(publisher));
    acknowledge_all();
    ck_assert(publisher_is_idle(publisher));

    found(catalog, V4("x/y", 81), 0);
    catalog_settle(catalog, 1000);
    publisher_run(publisher, 0);
    ck_assert_int_eq(count, 2);
    ck_assert_int_eq(messages[1].port, 81);

    lost(catalog, V4("x/y", 0), 2000);
    publisher_run(publisher, 0);
    ck_assert_int_eq(count, 4);
    ck_assert_str_eq(messages[2].state, "gone");
    ck_assert_int_eq(messages[2].port, 81);
    ck_assert(!messages[2].retain);
    ck_assert_str_eq(messages[3].topic, messages[0].topic);
    ck_assert_uint_eq(messages[3].length, 0);
    ck_assert(messages[3].retain);
    acknowledge_all();
    ck_assert(publisher_is_idle(publisher));
    for (int i = 0; i < 3; i++)
        ck_assert(messages[i].seq == i + 1);
}
END_TEST

START_TEST(there_and_back_again_publishes_nothing)
{
    found(catalog, V4("a", 80), 0);
    publisher_run(publisher, 0);
    acknowledge_all();
    found(catalog, V4("a", 81), 1000);
    found(catalog, V4("a", 80), 1050);
    catalog_settle(catalog, 2000);
    publisher_run(publisher, 0);
    ck_assert_int_eq(count, 1);
    struct bridge_state state = {
        .state = "online", .version = "", .hostname = "", .record_size = SIZE};
    ck_assert(publisher_state(publisher, &state) != 0);
    ck_assert(messages[1].seq == 2); /* the record that was not published has used no number */
    ck_assert_str_eq(messages[1].topic, "a/b/bridge/state");
}
END_TEST

START_TEST(a_stalled_broker_costs_a_window_and_gets_the_last_state)
{
    find_many(0, 1000);
    for (int i = 0; i < 10; i++)
        publisher_run(publisher, 0);
    ck_assert_int_eq(count, WINDOW - 1);
    /* Each of them changes ten times while the broker stands still. */
    for (int change = 0; change < 10; change++) {
        char name[16];
        for (int i = 0; i < 1000; i++) {
            snprintf(name, sizeof name, "s%d", i);
            found(catalog, V4(name, (uint16_t)(100 + change)), 1000 + change);
        }
    }
    catalog_settle(catalog, 5000);
    publisher_run(publisher, 0);
    ck_assert_int_eq(count, WINDOW - 1);
    while (acknowledged < count) {
        publisher_acknowledged(publisher, acknowledged++, false);
        publisher_run(publisher, 0);
    }
    ck_assert(publisher_is_idle(publisher));
    ck_assert_int_eq(count, 1000 + WINDOW - 1); /* those under way once more, all others once */
    for (int i = WINDOW - 1; i < count; i++)
        ck_assert_int_eq(messages[i].port, 109);
    for (int i = 0; i < count; i++)
        ck_assert(messages[i].seq == i + 1);
}
END_TEST

START_TEST(the_will_carries_the_present_number_and_does_not_count)
{
    struct bridge_state state = {
        .state = "offline", .version = "1", .hostname = "\xff", .record_size = SIZE};
    publisher_state(publisher, &state);
    cJSON *will = cJSON_ParseWithLength((const char *)publisher_will(publisher, &state), SIZE);
    ck_assert(cJSON_GetObjectItem(will, "seq")->valuedouble == 1);
    cJSON_Delete(will);
    const struct record_counter counters[] = {{"uptime", 3}};
    publisher_stats(publisher, counters, 1);
    ck_assert(messages[1].seq == 2);
    ck_assert_str_eq(messages[1].topic, "a/b/bridge/stats");
}
END_TEST

START_TEST(what_cannot_be_sent_is_not_tried_for_ever)
{
    broker_refuses_topics = true;
    found(catalog, V4("a", 80), 0);
    publisher_run(publisher, 0);
    publisher_run(publisher, 0);
    ck_assert(publisher_is_idle(publisher));
    broker_refuses_topics = false;
    found(catalog, V4("a", 81), 1000);
    publisher_run(publisher, 0);
    ck_assert_int_eq(count, 1);
}
END_TEST

START_TEST(ghosts_are_withdrawn_with_what_their_path_says)
{
    catalog_read_begin(catalog);
    catalog_read_back(catalog, "local/_ipp._tcp/Old%2F/eth0", 1);
    catalog_read_back(catalog, "junk", 1);
    char path[5000] = "";
    memset(path, 'x', sizeof path - 1);
    catalog_read_back(catalog, path, 1);
    catalog_read_end(catalog, true);
    catalog_sweep(catalog, 0);
    publisher_run(publisher, 0);
    ck_assert_int_eq(count, 4);
    for (int i = 0; i < count; i++) {
        if (strncmp(messages[i].topic, "a/b/service/xxxx", 16) == 0)
            ck_assert_uint_eq(messages[i].topic_length, strlen("a/b/service/") + sizeof path - 1);
        else if (strcmp(messages[i].topic, "a/b/service/junk") == 0)
            ck_assert_uint_eq(messages[i].length, 0);
        else
            ck_assert_str_eq(messages[i].topic, "a/b/service/local/_ipp._tcp/Old%2F/eth0");
    }
    acknowledge_all();
    ck_assert(publisher_is_idle(publisher));
}
END_TEST

START_TEST(what_the_broker_refuses_is_tried_again)
{
    struct publisher_counters counters;
    found(catalog, V4("a", 80), 0);
    ck_assert_int_eq(publisher_run(publisher, 0), INT64_MAX);
    publisher_acknowledged(publisher, 0, true);
    publisher_acknowledged(publisher, 0, true);  /* nobody waits for it any more */
    publisher_acknowledged(publisher, 77, true); /* nor ever did */
    publisher_get_counters(publisher, &counters);
    ck_assert_uint_eq(counters.refused, 1);
    ck_assert(!publisher_is_idle(publisher));
    int64_t again = publisher_run(publisher, 0);
    ck_assert_int_lt(again, INT64_MAX);
    ck_assert_int_eq(count, 1);
    ck_assert_int_eq(publisher_run(publisher, again), INT64_MAX);
    ck_assert_int_eq(count, 2);
    ck_assert_str_eq(messages[1].state, "up");
    publisher_acknowledged(publisher, 1, false);
    ck_assert(publisher_is_idle(publisher));
}
END_TEST

START_TEST(nothing_is_under_way_after_the_connection_was_lost)
{
    find_many(0, 1000);
    publisher_run(publisher, 0);
    ck_assert_int_eq(count, WINDOW - 1);
    publisher_disconnected(publisher);
    ck_assert(publisher_is_acknowledged(publisher));
    publisher_acknowledged(publisher, 0, false); /* a number of the former connection */
    catalog_read_begin(catalog);
    catalog_read_end(catalog, true);
    acknowledged = count;
    while (publisher_run(publisher, 0), acknowledged < count)
        acknowledge_all();
    ck_assert_int_eq(count, WINDOW - 1 + 1000);
    ck_assert(publisher_is_idle(publisher));
}
END_TEST

/* A broker that stands still, and more state records than anybody needs. */
START_TEST(offline_has_a_place_in_any_case)
{
    struct bridge_state state = {
        .state = "online", .version = "", .hostname = "", .record_size = SIZE};
    while (publisher_state(publisher, &state) != 0)
        ;
    ck_assert(!publisher_state_is_taken(publisher));
    state.state = "offline";
    ck_assert(publisher_state(publisher, &state) != 0);
    int offline = count - 1;
    for (int i = 0; i < offline; i++)
        publisher_acknowledged(publisher, i, false);
    ck_assert(!publisher_state_is_taken(publisher));
    publisher_acknowledged(publisher, offline, true);
    ck_assert(!publisher_state_is_taken(publisher));
    ck_assert(publisher_state(publisher, &state) != 0);
    publisher_acknowledged(publisher, count - 1, false);
    ck_assert(publisher_state_is_taken(publisher));
}
END_TEST

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    Suite *suite = suite_create("publisher");
    TCase *tcase = tcase_create("publisher");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_service_comes_changes_and_goes);
    tcase_add_test(tcase, there_and_back_again_publishes_nothing);
    tcase_add_test(tcase, a_stalled_broker_costs_a_window_and_gets_the_last_state);
    tcase_add_test(tcase, the_will_carries_the_present_number_and_does_not_count);
    tcase_add_test(tcase, what_cannot_be_sent_is_not_tried_for_ever);
    tcase_add_test(tcase, ghosts_are_withdrawn_with_what_their_path_says);
    tcase_add_test(tcase, nothing_is_under_way_after_the_connection_was_lost);
    tcase_add_test(tcase, what_the_broker_refuses_is_tried_again);
    tcase_add_test(tcase, offline_has_a_place_in_any_case);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
