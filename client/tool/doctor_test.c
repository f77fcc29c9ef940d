/* SPDX-License-Identifier: MIT */
#include "doctor_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define TEST_TYPE "_mdns-mqtt._tcp"
#define TEST_PORT 9 /* discard */

/* ---- preparation ---- */

static char *make_request(struct doctor_test *test, const char *type, uint16_t port,
                          uint32_t number, struct status_error *error)
{
    struct request_builder builder = {.name = test->name,
                                      .type = type ? type : TEST_TYPE,
                                      .port = port ? port : TEST_PORT,
                                      .lease = REQUEST_LEASE_MIN};
    snprintf(test->name, sizeof test->name, "mdns-mqtt doctor %08x", number);
    return request_builder_build(&builder, NULL, error);
}

const char *doctor_test_prepare(struct doctor_test *test, const char *prefix, const char *type,
                                uint16_t port, struct status_error *error)
{
    char path[TOPIC_STATUS_SIZE];
    uint32_t number = 0;

    (void)!getrandom(&number, sizeof number, 0);
    test->request = make_request(test, type, port, number, error);
    if (!test->request)
        return error->code ? error->message : "out of memory";
    memcpy(test->owner.client, test->environment->client, sizeof test->owner.client);
    snprintf(test->owner.id, sizeof test->owner.id, "doctor-%08x", number);
    topic_request_path(path, &test->owner);
    snprintf(test->topic, sizeof test->topic, "%s/advertise/%s", prefix, path);
    topic_status_path(path, &test->owner);
    snprintf(test->status_topic, sizeof test->status_topic, "%s/advertise/%s", prefix, path);
    mqtt_set_will(test->connection->mqtt, test->topic, NULL, 0);
    return connection_subscribe(test->connection, test->status_topic) ? NULL : "out of memory";
}

void doctor_test_free(struct doctor_test *test)
{
    free(test->request);
}

/* ---- the test ---- */

/* Not retained: whatever becomes of us, nothing is left at the broker. */
static void publish(struct doctor_test *test, const char *payload)
{
    test->number = mqtt_publish(test->connection->mqtt, test->topic, (const uint8_t *)payload,
                                strlen(payload), false);
}

void doctor_test_begin(struct doctor_test *test, bool bridge_ready)
{
    test->bridge_ready = bridge_ready;
    test->state = DOCTOR_TEST_CHECKING_RIGHT;
    publish(test, "");
}

bool doctor_test_is_requested(const struct doctor_test *test)
{
    return test->state == DOCTOR_TEST_REQUESTED || test->state == DOCTOR_TEST_ESTABLISHED;
}

static void finish(struct doctor_test *test)
{
    if (doctor_test_is_requested(test))
        publish(test, "");
    test->state = DOCTOR_TEST_DONE;
}

static void broker_refuses(struct doctor_test *test, int reason)
{
    doctor_failed(test->report, DOCTOR_ADVERTISE,
                  doctor_advice(DOCTOR_ADVERTISE, test->environment),
                  "the broker does not let you advertise as %s: %s", test->owner.client,
                  mqtt_reason_text(reason));
    finish(test);
}

void doctor_test_acknowledged(struct doctor_test *test, int number, int reason)
{
    if (test->state != DOCTOR_TEST_CHECKING_RIGHT || number != test->number)
        return;
    if (reason >= 0x80) {
        broker_refuses(test, reason);
        return;
    }
    doctor_ok(test->report, DOCTOR_ADVERTISE, "the broker lets you advertise as %s",
              test->owner.client);
    if (!test->bridge_ready) {
        doctor_skipped(test->report, DOCTOR_ROUND_TRIP, "there is nobody to ask");
        finish(test);
        return;
    }
    test->state = DOCTOR_TEST_REQUESTED;
    publish(test, test->request);
}

/* The policy of the bridge, and not that of the broker. */
static void bridge_refuses(struct doctor_test *test, const struct status_error *error)
{
    const char *what = error->key[0] && error->code == STATUS_DENIED
                           ? "try with the --type and --port that you are to advertise"
                           : "on the host: /etc/mdns-mqtt-bridge/bridge.conf, [advertise] and "
                             "[advertise CLIENT]";
    doctor_failed(test->report, DOCTOR_ROUND_TRIP, what, "the bridge refuses it (%s): %s",
                  status_code_name(error->code), error->message);
    finish(test);
}

static void take_status(struct doctor_test *test, const struct status *status)
{
    if (status->state == STATUS_FAILED && test->state == DOCTOR_TEST_REQUESTED)
        bridge_refuses(test, &status->error);
    else if (status->state == STATUS_ESTABLISHED && test->state == DOCTOR_TEST_REQUESTED)
        test->state = DOCTOR_TEST_ESTABLISHED;
}

static void withdraw(struct doctor_test *test)
{
    test->state = DOCTOR_TEST_WITHDRAWN;
    publish(test, "");
}

/* A record of ours may come before the status `established`. */
static void take_record(struct doctor_test *test, const struct mqtt_message *message)
{
    char owner[SERVICE_OWNER_MAX + 1];
    struct service_record *record = service_record_read(message->payload, message->length);

    snprintf(owner, sizeof owner, "%s/%s", test->owner.client, test->owner.id);
    if (record && !record->gone && strcmp(record->owner, owner) == 0)
        snprintf(test->service_topic, sizeof test->service_topic, "%s", message->topic);
    service_record_free(record);
}

static void take_service(struct doctor_test *test, const struct mqtt_message *message)
{
    if (test->state == DOCTOR_TEST_WITHDRAWN && message->length == 0 &&
        strcmp(message->topic, test->service_topic) == 0) {
        doctor_ok(test->report, DOCTOR_ROUND_TRIP, "a test was advertised, seen and withdrawn");
        finish(test);
    } else if (message->length > 0 &&
               (test->state == DOCTOR_TEST_REQUESTED || test->state == DOCTOR_TEST_ESTABLISHED)) {
        take_record(test, message);
    }
}

void doctor_test_message(struct doctor_test *test, const struct mqtt_message *message)
{
    struct status status;

    if (strcmp(message->topic, test->status_topic) != 0)
        take_service(test, message);
    else if (status_record_read(&status, message->payload, message->length))
        take_status(test, &status);
    if (test->state == DOCTOR_TEST_ESTABLISHED && test->service_topic[0])
        withdraw(test);
}

void doctor_test_expired(struct doctor_test *test)
{
    switch (test->state) {
    case DOCTOR_TEST_IDLE:
    case DOCTOR_TEST_DONE:
        break;
    case DOCTOR_TEST_CHECKING_RIGHT:
        doctor_failed(test->report, DOCTOR_ADVERTISE, NULL, "no word from the broker");
        break;
    case DOCTOR_TEST_REQUESTED:
        doctor_failed(
            test->report, DOCTOR_ROUND_TRIP, doctor_advice(DOCTOR_ROUND_TRIP, test->environment),
            "no word of `established` came: Avahi does not get on, or you may not read %s",
            test->status_topic);
        break;
    case DOCTOR_TEST_ESTABLISHED:
        doctor_ok(test->report, DOCTOR_ROUND_TRIP,
                  "a test was established; there was no record of it, which is right where the "
                  "bridge has [browse] enabled = no or local = no");
        break;
    case DOCTOR_TEST_WITHDRAWN:
        doctor_failed(test->report, DOCTOR_ROUND_TRIP, NULL,
                      "a test was advertised and seen, but its record does not go away");
        break;
    }
    finish(test);
}
