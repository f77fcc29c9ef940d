/* SPDX-License-Identifier: MIT */
/*
 * The mirror, with things that say a number in place of who makes records, and in place of the broker a list of
 * what was published. For one test program each.
 */
#ifndef TESTS_MIRROR_FIXTURE_H
#define TESTS_MIRROR_FIXTURE_H

#include "mirror.h"

#include <check.h>
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "mqtt.h"
#include "run_suite.h"

#define SIZE 2048
#define MESSAGES_MAX 20000
#define WINDOW 64
#define THINGS 1000

static struct message {
    char topic[128];
    size_t topic_length;
    size_t length;
    bool retain;
    int value;
    uint64_t seq;
    uint8_t payload[SIZE];
} * messages;
static int count, acknowledged;
static bool broker_refuses_topics, broker_refuses_ends;

/* What was subscribed to: "a/b/service/# 0", or no longer: "-a/b/service/#". */
static char filters[16][64];
static int filter_count;

/* ---- In place of mqtt.c ---- */

int mqtt_publish(struct mqtt *mqtt, const char *topic, const uint8_t *payload, size_t length,
                 bool retain)
{
    (void)mqtt;
    if (broker_refuses_topics || (broker_refuses_ends && length == 0))
        return -1;
    ck_assert_int_lt(count, MESSAGES_MAX);
    struct message *message = &messages[count];
    *message = (struct message){
        .topic_length = strlen(topic), .length = length, .retain = retain, .value = -1};
    snprintf(message->topic, sizeof message->topic, "%s", topic);
    if (length > 0) {
        ck_assert_uint_eq(length, SIZE);
        memcpy(message->payload, payload, length);
        cJSON *json = cJSON_ParseWithLength((const char *)payload, length);
        ck_assert_ptr_nonnull(json);
        message->value = cJSON_GetObjectItem(json, "value")->valueint;
        message->seq = (uint64_t)cJSON_GetObjectItem(json, "seq")->valuedouble;
        cJSON_Delete(json);
    }
    return count++; /* also the message id */
}

void mqtt_subscribe(struct mqtt *mqtt, const char *filter, int qos)
{
    (void)mqtt;
    ck_assert_int_lt(filter_count, 16);
    snprintf(filters[filter_count++], sizeof filters[0], "%s %d", filter, qos);
}

void mqtt_unsubscribe(struct mqtt *mqtt, const char *filter)
{
    (void)mqtt;
    ck_assert_int_lt(filter_count, 16);
    snprintf(filters[filter_count++], sizeof filters[0], "-%s", filter);
}

/* ---- In place of the other rooms ---- */

struct thing {
    int value;
    enum mirror_text text; /* RETAINED, or AS_IT_IS */
    bool gone;
    int released;
};

static struct thing things[THINGS];
static char cleared[64]; /* the request that was said to be cleared last */
static int clearings;

static inline enum mirror_text compose(void *context, void *subject, const char *path, bool known,
                                       uint8_t *record, size_t size,
                                       const struct record_stamp *stamp)
{
    const struct thing *thing = subject;
    bool is_up = thing && !thing->gone;
    const struct record_counter value = {"value", thing ? (uint64_t)thing->value : 0};
    ck_assert_ptr_nonnull(path);
    ck_assert_ptr_eq(context, things);
    if (is_up && thing->text == MIRROR_AS_IT_IS)
        return MIRROR_AS_IT_IS;
    if (!is_up && !known)
        return MIRROR_NOTHING;
    ck_assert_int_eq(record_stats(record, size, &value, 1, stamp), RECORD_OK);
    return is_up ? MIRROR_RETAINED : MIRROR_FAREWELL;
}

static inline enum mirror_text compose_status(void *context, void *subject, const char *path,
                                              bool known, uint8_t *record, size_t size,
                                              const struct record_stamp *stamp)
{
    return subject ? compose(context, subject, path, known, record, size, stamp) : MIRROR_NOTHING;
}

static inline void released(void *context, void *subject, const char *path)
{
    struct thing *thing = subject;
    ck_assert_ptr_eq(context, things);
    ck_assert_ptr_nonnull(path);
    thing->released++;
}

static inline void request_cleared(void *context, void *subject, const char *path)
{
    (void)context;
    ck_assert_ptr_null(subject);
    snprintf(cleared, sizeof cleared, "%s", path);
    clearings++;
}

/* ---- ---- */

static struct mirror *mirror;
static int64_t now;

static inline void open_mirror(bool echoes)
{
    mirror = mirror_new(NULL, "a/b", SIZE, echoes);
    mirror_set_source(mirror, MIRROR_BRIDGE, &(struct mirror_source){things, compose, NULL});
    mirror_set_source(mirror, MIRROR_SERVICES, &(struct mirror_source){things, compose, released});
    mirror_set_source(mirror, MIRROR_STATUSES,
                      &(struct mirror_source){things, compose_status, released});
    mirror_set_source(mirror, MIRROR_ANSWERS,
                      &(struct mirror_source){things, compose_status, NULL});
    mirror_set_source(mirror, MIRROR_REQUESTS,
                      &(struct mirror_source){things, NULL, request_cleared});
}

static inline void setup(void)
{
    messages = calloc(MESSAGES_MAX, sizeof *messages);
    count = acknowledged = filter_count = clearings = 0;
    broker_refuses_topics = broker_refuses_ends = false;
    cleared[0] = '\0';
    memset(things, 0, sizeof things);
    now = clock_now();
    open_mirror(false);
}

static inline void teardown(void)
{
    mirror_free(mirror);
    free(messages);
}

/* With MQTT 3.1.1. */
static inline void setup_old(void)
{
    setup();
    mirror_free(mirror);
    open_mirror(true);
}

static inline int64_t run(void)
{
    return mirror_run(mirror, false, now);
}

static inline void acknowledge_all(void)
{
    while (acknowledged < count)
        mirror_acknowledged(mirror, acknowledged++, false);
}

static inline void run_all(void)
{
    while (run(), acknowledged < count)
        acknowledge_all();
}

static inline void refuse_all(void)
{
    while (acknowledged < count)
        mirror_acknowledged(mirror, acknowledged++, true);
}

static inline const char *path_of(int i)
{
    static char path[32];
    snprintf(path, sizeof path, "s%d", i);
    return path;
}

static inline void say(int i, int value)
{
    things[i].value = value;
    things[i].gone = false;
    mirror_say(mirror, MIRROR_SERVICES, path_of(i), &things[i]);
}

static inline void retire(int i)
{
    things[i].gone = true;
    mirror_retire(mirror, MIRROR_SERVICES, path_of(i), &things[i]);
}

static inline bool is_in_line(void)
{
    return mirror_is_in_line(mirror, MIRROR_SERVICES);
}

/* What the broker has retained comes back. */
static inline void read_payload(const char *topic, const void *payload, size_t length)
{
    mirror_take(mirror, topic, payload, length, true, now);
}

static inline void read_text(const char *topic)
{
    read_payload(topic, "{}", 2);
}

static inline void read_message(int i)
{
    read_payload(messages[i].topic, messages[i].payload, messages[i].length);
}

static inline void lose_connection(void)
{
    mirror_disconnected(mirror);
    acknowledged = count;
}

static inline void expect_message(int i, const char *topic, bool retain, int value)
{
    ck_assert_int_lt(i, count);
    ck_assert_str_eq(messages[i].topic, topic);
    ck_assert_int_eq(messages[i].retain, retain);
    ck_assert_int_eq(messages[i].value, value);
}

static inline void expect_empty(int i, const char *topic)
{
    expect_message(i, topic, true, -1);
    ck_assert_uint_eq(messages[i].length, 0);
}

static inline void expect_numbers_without_holes(void)
{
    uint64_t seq = 0;
    for (int i = 0; i < count; i++)
        if (messages[i].length > 0)
            ck_assert_uint_eq(messages[i].seq, ++seq);
    ck_assert_uint_eq(mirror_stamp(mirror)->seq, seq);
}

static inline TCase *add_case(Suite *suite, const char *name, void (*begin)(void))
{
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, begin, teardown);
    suite_add_tcase(suite, tcase);
    return tcase;
}

#endif
