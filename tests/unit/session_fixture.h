/* SPDX-License-Identifier: MIT */
/*
 * The session with real catalog, mirror, records and advertisements, and a broker of its own that keeps retained topics.
 * For one test program each.
 */
#ifndef TESTS_SESSION_FIXTURE_H
#define TESTS_SESSION_FIXTURE_H

#include "session.h"

#include <check.h>
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "log.h"
#include "run_suite.h"
#include "sightings.h"

#define V4(n, p) ((struct sighting){.name = (n), .protocol = SERVICE_IPV4, .port = (p)})
#define SIZE 2048
#define GHOSTS 9000 /* more than are remembered in one reading */
#define SERVICES "p/service/"
#define STATE "p/bridge/state"
#define RECORDS_MAX 16

/* ---- In place of mqtt.c and the broker ---- */

static int64_t now;
static int published, acknowledged;
static bool refuses, connected, is_old;
static bool ghosts[GHOSTS]; /* is "p/service/GHOST" retained? */
static bool refills;        /* somebody publishes a ghost again as soon as it is cleared */
static bool services_asked; /* subscribed to since the last delivery */
static bool answers;        /* round trips are answered */
static uint32_t asked, answered;
static int readings, request_readings; /* subscriptions to services, and to requests */
static int readings_qos;               /* of the last one */
static char others[32]; /* what was subscribed to in a reading of requests, in its order */

/* The bridge's own records since the last turn, and what the last of each said. */
static uint8_t states[16][SIZE];
static int state_count, states_published;
static char state[16]; /* "online" ... */
static char avahi_state[8];
static int services_said, stats_published;
static cJSON *stats; /* the last ones */
static cJSON *will;

/* Service records that are retained, but for ghosts. */
static struct record {
    char topic[128];
    uint8_t payload[SIZE];
} records_retained[RECORDS_MAX];
static int service_messages, advertise_messages;
static char last_gone[2][128]; /* topic and name in the last `gone` record */
static bool drops_records;     /* of those at QoS 1, as a broker does whose queue is full */

static inline struct record *retained(const char *topic)
{
    for (int i = 0; i < RECORDS_MAX; i++)
        if (strcmp(records_retained[i].topic, topic) == 0)
            return &records_retained[i];
    return NULL;
}

static inline void take_service(const char *topic, const uint8_t *payload, size_t length,
                                bool retain)
{
    struct record *record = retained(topic);
    service_messages++;
    if (length > 0 && !retain) {
        cJSON *json = cJSON_ParseWithLength((const char *)payload, length);
        ck_assert_str_eq(cJSON_GetObjectItem(json, "state")->valuestring, "gone");
        snprintf(last_gone[0], sizeof last_gone[0], "%s", topic);
        snprintf(last_gone[1], sizeof last_gone[1], "%s",
                 cJSON_GetObjectItem(json, "name")->valuestring);
        cJSON_Delete(json);
        return;
    }
    if (length > 0) {
        record = record ? record : retained("");
        if (!record)
            return;
        memcpy(record->payload, payload, length);
        snprintf(record->topic, sizeof record->topic, "%s", topic);
        return;
    }
    if (record)
        record->topic[0] = '\0';
    char *end;
    long ghost = strtol(topic + strlen(SERVICES), &end, 10);
    if (*end == '\0' && ghost < GHOSTS)
        ghosts[ghost] = refills;
}

static inline void take_bridge(const char *topic, const uint8_t *payload, size_t length)
{
    cJSON *json = cJSON_ParseWithLength((const char *)payload, length);
    if (strcmp(topic, STATE) != 0) {
        ck_assert_str_eq(topic, "p/bridge/stats");
        stats_published++;
        cJSON_Delete(stats);
        stats = json;
        return;
    }
    ck_assert_int_lt(state_count, 16);
    memcpy(states[state_count++], payload, length);
    states_published++;
    services_said = cJSON_GetObjectItem(json, "services")->valueint;
    snprintf(state, sizeof state, "%s", cJSON_GetObjectItem(json, "state")->valuestring);
    snprintf(avahi_state, sizeof avahi_state, "%s",
             cJSON_GetObjectItem(json, "avahi")->valuestring);
    cJSON_Delete(json);
}

int mqtt_publish(struct mqtt *mqtt, const char *topic, const uint8_t *payload, size_t length,
                 bool retain)
{
    (void)mqtt;
    if (strncmp(topic, "p/bridge/", strlen("p/bridge/")) == 0)
        take_bridge(topic, payload, length);
    else if (strncmp(topic, SERVICES, strlen(SERVICES)) == 0)
        take_service(topic, payload, length, retain);
    else
        advertise_messages++;
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
    return is_old;
}

void mqtt_set_will(struct mqtt *mqtt, const char *topic, const uint8_t *payload, size_t length)
{
    (void)mqtt;
    ck_assert_str_eq(topic, STATE);
    cJSON_Delete(will);
    will = cJSON_ParseWithLength((const char *)payload, length);
}

void mqtt_subscribe(struct mqtt *mqtt, const char *filter, int qos)
{
    (void)mqtt;
    if (strcmp(filter, SERVICES "#") != 0)
        return;
    services_asked = true;
    readings++;
    readings_qos = qos;
}

void mqtt_subscribe_to_others(struct mqtt *mqtt, const char *filter)
{
    (void)mqtt;
    bool is_first = strcmp(filter, "p/client/+") == 0;
    request_readings += is_first;
    snprintf(others + (is_first ? 0 : strlen(others)),
             sizeof others - (is_first ? 0 : strlen(others)), "%s ", filter);
}

void mqtt_unsubscribe(struct mqtt *mqtt, const char *filter)
{
    (void)mqtt, (void)filter;
}

uint32_t mqtt_round_trip(struct mqtt *mqtt)
{
    (void)mqtt;
    return connected ? ++asked : 0;
}

/* ---- The rooms, wired as in wiring.c ---- */

static struct config config;
static struct session_rooms rooms;
static struct records records;
static struct session *session;

static inline void service_changed(void *context, const char *path, struct catalog_entry *entry)
{
    (void)context;
    mirror_say(rooms.mirror, MIRROR_SERVICES, path, entry);
}

static inline void service_gone(void *context, const char *path, struct catalog_entry *entry)
{
    (void)context;
    mirror_retire(rooms.mirror, MIRROR_SERVICES, path, entry);
}

static inline int out_register(void *context, uint32_t number, uint32_t replaces, const char *name,
                               const struct request *request)
{
    (void)context, (void)number, (void)replaces, (void)name, (void)request;
    return 0;
}

static inline int out_update(void *context, uint32_t number, uint32_t revision,
                             const struct request *request)
{
    (void)context, (void)number, (void)revision, (void)request;
    return 0;
}

static inline int out_withdraw(void *context, uint32_t number)
{
    (void)context, (void)number;
    return 0;
}

static inline void out_renamed(void *context, const char *type, const char *name)
{
    (void)context;
    catalog_look_again(rooms.catalog, type, name);
}

static inline void out_say(void *context, const char *path, void *subject)
{
    (void)context;
    mirror_say(rooms.mirror, MIRROR_STATUSES, path, subject);
}

static inline void out_end(void *context, const char *path, void *subject)
{
    (void)context;
    mirror_retire(rooms.mirror, MIRROR_STATUSES, path, subject);
}

static inline void out_answer(void *context, const char *path, void *subject)
{
    (void)context;
    if (subject)
        mirror_say(rooms.mirror, MIRROR_ANSWERS, path, subject);
    else
        mirror_retire(rooms.mirror, MIRROR_ANSWERS, path, NULL);
}

static inline bool out_clear(void *context, const char *path)
{
    (void)context;
    return mirror_clear(rooms.mirror, path);
}

static inline void out_keep(void *context, const char *path)
{
    (void)context;
    mirror_keep(rooms.mirror, path);
}

static inline bool out_has_stale_status(void *context, const char *path)
{
    (void)context;
    return mirror_has_stale_status(rooms.mirror, path);
}

static inline uint32_t out_round_trip(void *context)
{
    (void)context;
    return mqtt_round_trip(NULL);
}

static inline void open_session(void)
{
    const struct catalog_outlets catalog_outlets = {NULL, service_changed, service_gone};
    const struct advertise_outlets advertise_outlets = {
        .register_ = out_register,
        .update_txt = out_update,
        .withdraw = out_withdraw,
        .renamed = out_renamed,
        .say_status = out_say,
        .end_status = out_end,
        .answer = out_answer,
        .clear_request = out_clear,
        .keep_request = out_keep,
        .has_stale_status = out_has_stale_status,
        .round_trip = out_round_trip,
    };
    const struct session_options options = {
        .prefix = "p", .record_size = SIZE, .avahi_grace_ms = 30000, .stats_interval_ms = 1 << 30};
    config_init(&config);
    config.advertise.port_check = PORT_CHECK_OFF;
    rooms.catalog = catalog_new(100, &catalog_outlets);
    rooms.advertise = advertise_new(&config, &advertise_outlets);
    rooms.mirror = mirror_new(NULL, "p", SIZE, is_old);
    rooms.records = &records;
    records = (struct records){.catalog = rooms.catalog, .advertise = rooms.advertise};
    records_set_sources(&records, rooms.mirror);
    session = session_new(&rooms, &options, 0);
}

static inline void setup(void)
{
    now = 0;
    published = acknowledged = service_messages = advertise_messages = state_count = 0;
    readings = request_readings = states_published = stats_published = 0;
    asked = answered = 0;
    refuses = refills = services_asked = is_old = drops_records = false;
    connected = answers = true;
    stats = will = NULL;
    state[0] = last_gone[0][0] = '\0';
    memset(ghosts, 0, sizeof ghosts);
    memset(records_retained, 0, sizeof records_retained);
    open_session();
}

static inline void teardown(void)
{
    session_free(session);
    mirror_free(rooms.mirror);
    advertise_free(rooms.advertise);
    catalog_free(rooms.catalog);
    config_free(&config);
    cJSON_Delete(stats);
    cJSON_Delete(will);
}

/* With MQTT 3.1.1. */
static inline void setup_old(void)
{
    setup();
    teardown();
    is_old = true;
    stats = will = NULL;
    open_session();
}

static inline void deliver(const char *topic, const void *payload, size_t length, bool retain)
{
    const struct mqtt_message message = {
        .topic = topic, .payload = payload, .length = length, .retain = retain};
    session_message(session, &message, now);
}

static inline void deliver_services(void)
{
    char topic[32];
    for (int i = 0; i < GHOSTS; i++) {
        snprintf(topic, sizeof topic, SERVICES "%d", i);
        if (ghosts[i])
            deliver(topic, "x", 1, true);
    }
    for (int i = 0; i < RECORDS_MAX && !(drops_records && readings_qos > 0); i++)
        if (records_retained[i].topic[0])
            deliver(records_retained[i].topic, records_retained[i].payload, SIZE, true);
}

/* One turn of the main loop, and what the broker says to it. Returns when the next one is due. */
static inline int64_t turn(int64_t at)
{
    now = at;
    int64_t next_at = session_run(session, &(struct mdns_counters){0}, now);
    while (acknowledged < published)
        mirror_acknowledged(rooms.mirror, acknowledged++, refuses);
    if (services_asked)
        deliver_services();
    services_asked = false;
    for (int i = 0; i < state_count; i++)
        deliver(STATE, states[i], SIZE, false);
    state_count = 0;
    if (answers && connected && answered < asked)
        session_answered(session, answered = asked, now);
    return next_at;
}

static inline void turns(int64_t at)
{
    for (int i = 0; i < 10; i++)
        turn(at);
}

static inline void connect_at(int64_t at)
{
    now = at;
    connected = true;
    session_connecting(session);
    session_connected(session, now);
}

static inline void disconnect(void)
{
    connected = false;
    acknowledged = published;
    services_asked = false;
    state_count = 0;
    session_disconnected(session);
}

static inline void avahi(enum mdns_event_kind kind, int64_t at)
{
    session_mdns_event(session, &(struct mdns_event){.kind = kind}, at);
}

static inline void see(const char *name, uint16_t port, int64_t at)
{
    found(rooms.catalog, V4(name, port), at);
}

static inline bool is_online(void)
{
    return strcmp(session_state_name(session), "online") == 0;
}

static inline void go_online(void)
{
    connect_at(0);
    avahi(MDNS_UP, 0);
    avahi(MDNS_SETTLED, 0);
    turns(0);
    ck_assert(is_online());
}

static inline int stat_of(const char *name)
{
    ck_assert_ptr_nonnull(stats);
    return cJSON_GetObjectItem(stats, name)->valueint;
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
