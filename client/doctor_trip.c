/* SPDX-License-Identifier: MIT */
#include "doctor_trip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define TRIP_TYPE "_mdns-mqtt._tcp"
#define TRIP_PORT 9 /* discard */

/* ---- before ---- */

static char *make_request(struct trip *trip, const char *type, uint16_t port, uint32_t number,
                          struct status_error *error)
{
    struct wish wish = {.name = trip->name,
                        .type = type ? type : TRIP_TYPE,
                        .port = port ? port : TRIP_PORT,
                        .lease = REQUEST_LEASE_MIN};
    snprintf(trip->name, sizeof trip->name, "mdns-mqtt doctor %08x", number);
    return wish_request(&wish, NULL, error);
}

const char *trip_prepare(struct trip *trip, const char *prefix, const char *type, uint16_t port,
                         struct status_error *error)
{
    char path[TOPIC_STATUS_SIZE];
    uint32_t number = 0;

    (void)!getrandom(&number, sizeof number, 0);
    trip->request = make_request(trip, type, port, number, error);
    if (!trip->request)
        return error->code ? error->message : "out of memory";
    memcpy(trip->owner.client, trip->patient->client, sizeof trip->owner.client);
    snprintf(trip->owner.id, sizeof trip->owner.id, "doctor-%08x", number);
    topic_request_path(path, &trip->owner);
    snprintf(trip->topic, sizeof trip->topic, "%s/advertise/%s", prefix, path);
    topic_status_path(path, &trip->owner);
    snprintf(trip->status_topic, sizeof trip->status_topic, "%s/advertise/%s", prefix, path);
    return connection_set_will(trip->connection, trip->topic, "", true) &&
                   connection_subscribe(trip->connection, trip->status_topic)
               ? NULL
               : "out of memory";
}

void trip_free(struct trip *trip)
{
    free(trip->request);
}

/* ---- on the way ---- */

/* Not retained: whatever becomes of us, nothing is left at the broker. */
static void publish(struct trip *trip, const char *payload)
{
    trip->number =
        connection_publish(trip->connection, trip->topic, payload, strlen(payload), false);
}

void trip_knock(struct trip *trip, bool may_ask)
{
    trip->may_ask = may_ask;
    trip->state = TRIP_KNOCKING;
    publish(trip, "");
}

bool trip_is_under_way(const struct trip *trip)
{
    return trip->state == TRIP_ASKED || trip->state == TRIP_ESTABLISHED;
}

static void finish(struct trip *trip)
{
    if (trip_is_under_way(trip))
        publish(trip, "");
    trip->state = TRIP_DONE;
}

static void may_not(struct trip *trip, int reason)
{
    doctor_failed(trip->report, DOCTOR_ADVERTISE, doctor_advice(DOCTOR_ADVERTISE, trip->patient),
                  "the broker does not let you advertise as %s: %s", trip->owner.client,
                  connection_reason_text(reason));
    finish(trip);
}

void trip_acknowledged(struct trip *trip, int number, int reason)
{
    if (trip->state != TRIP_KNOCKING || number != trip->number)
        return;
    if (reason >= 0x80) {
        may_not(trip, reason);
        return;
    }
    doctor_ok(trip->report, DOCTOR_ADVERTISE, "the broker lets you advertise as %s",
              trip->owner.client);
    if (!trip->may_ask) {
        doctor_skipped(trip->report, DOCTOR_ROUND_TRIP, "there is nobody to ask");
        finish(trip);
        return;
    }
    trip->state = TRIP_ASKED;
    publish(trip, trip->request);
}

/* The policy of the bridge, and not that of the broker. */
static void refused(struct trip *trip, const struct status_error *error)
{
    const char *what = error->key[0] && error->code == STATUS_DENIED
                           ? "try with the --type and --port that you are to advertise"
                           : "on the host: /etc/mdns-mqtt-bridge/bridge.conf, [advertise] and "
                             "[advertise CLIENT]";
    doctor_failed(trip->report, DOCTOR_ROUND_TRIP, what, "the bridge refuses it (%s): %s",
                  status_code_name(error->code), error->message);
    finish(trip);
}

static void take_status(struct trip *trip, const struct status *status)
{
    if (status->state == STATUS_FAILED && trip->state == TRIP_ASKED)
        refused(trip, &status->error);
    else if (status->state == STATUS_ESTABLISHED && trip->state == TRIP_ASKED)
        trip->state = TRIP_ESTABLISHED;
}

static void take_back(struct trip *trip)
{
    trip->state = TRIP_SEEN;
    publish(trip, "");
}

/* A record of ours may come before the status says `established`. */
static void take_record(struct trip *trip, const struct message *message)
{
    char owner[SERVICE_OWNER_MAX + 1];
    struct service_record *record = service_record_read(message->payload, message->length);

    snprintf(owner, sizeof owner, "%s/%s", trip->owner.client, trip->owner.id);
    if (record && !record->gone && strcmp(record->owner, owner) == 0)
        snprintf(trip->service_topic, sizeof trip->service_topic, "%s", message->topic);
    service_record_free(record);
}

static void take_service(struct trip *trip, const struct message *message)
{
    if (trip->state == TRIP_SEEN && message->length == 0 &&
        strcmp(message->topic, trip->service_topic) == 0) {
        doctor_ok(trip->report, DOCTOR_ROUND_TRIP, "a test was advertised, seen and withdrawn");
        finish(trip);
    } else if (message->length > 0 &&
               (trip->state == TRIP_ASKED || trip->state == TRIP_ESTABLISHED)) {
        take_record(trip, message);
    }
}

void trip_message(struct trip *trip, const struct message *message)
{
    struct status status;

    if (strcmp(message->topic, trip->status_topic) != 0)
        take_service(trip, message);
    else if (status_record_read(&status, message->payload, message->length))
        take_status(trip, &status);
    if (trip->state == TRIP_ESTABLISHED && trip->service_topic[0])
        take_back(trip);
}

void trip_expired(struct trip *trip)
{
    switch (trip->state) {
    case TRIP_AT_HOME:
    case TRIP_DONE:
        break;
    case TRIP_KNOCKING:
        doctor_failed(trip->report, DOCTOR_ADVERTISE, NULL, "no word from the broker");
        break;
    case TRIP_ASKED:
        doctor_failed(
            trip->report, DOCTOR_ROUND_TRIP, doctor_advice(DOCTOR_ROUND_TRIP, trip->patient),
            "no word of `established` came: Avahi does not get on, or you may not read %s",
            trip->status_topic);
        break;
    case TRIP_ESTABLISHED:
        doctor_ok(trip->report, DOCTOR_ROUND_TRIP,
                  "a test was established; there was no record of it, which is right where the "
                  "bridge has [browse] enabled = no or local = no");
        break;
    case TRIP_SEEN:
        doctor_failed(trip->report, DOCTOR_ROUND_TRIP, NULL,
                      "a test was advertised and seen, but its record does not go away");
        break;
    }
    finish(trip);
}
