/* SPDX-License-Identifier: MIT */
/*
 * The last two checks of doctor, by a test advertisement: does the broker let us request it, and do its
 * status and its record come back? It is on the network for two seconds or so, at most for the shortest
 * lease. Main thread only.
 */
#ifndef CLIENT_DOCTOR_TEST_H
#define CLIENT_DOCTOR_TEST_H

#include "connection.h"
#include "doctor.h"
#include "record_read.h"
#include "request_builder.h"

enum doctor_test_state {
    DOCTOR_TEST_IDLE,
    DOCTOR_TEST_CHECKING_RIGHT, /* an empty message, which takes nothing back, is published */
    DOCTOR_TEST_REQUESTED,
    DOCTOR_TEST_ESTABLISHED, /* its record is to come */
    DOCTOR_TEST_WITHDRAWN,   /* taken back; its record is to go */
    DOCTOR_TEST_DONE,        /* both checks are reported */
};

#define DOCTOR_TEST_TOPIC_SIZE (TOPIC_PREFIX_MAX + sizeof "/advertise/" + TOPIC_STATUS_SIZE)

struct doctor_test {
    struct connection *connection;
    struct doctor_report *report;
    const struct doctor_environment *environment;
    enum doctor_test_state state;
    struct request_owner owner;
    char topic[DOCTOR_TEST_TOPIC_SIZE], status_topic[DOCTOR_TEST_TOPIC_SIZE];
    char service_topic[TOPIC_SIZE]; /* of the record that was seen */
    char name[SERVICE_NAME_MAX + 1];
    char *request;
    bool bridge_ready; /* bridge and Avahi are there; else the first of the checks is all */
    int number;        /* of what was published last */
};

/*
 * Makes the request of a type and port (NULL, 0: ones that nobody has), sets the last will and
 * subscribes. Before the connection is made; connection, report and environment are set by the caller.
 * NULL, or what is wrong (static, or *error's text). doctor_test_free() is to follow.
 */
const char *doctor_test_prepare(struct doctor_test *test, const char *prefix, const char *type,
                                uint16_t port, struct status_error *error);

/* Frees. */
void doctor_test_free(struct doctor_test *test);

/* Begins, once connected. */
void doctor_test_begin(struct doctor_test *test, bool bridge_ready);

/* The broker's answer to a message, as in connection.h. */
void doctor_test_acknowledged(struct doctor_test *test, int number, int reason);

/* A message: a status of ours, or a service record. */
void doctor_test_message(struct doctor_test *test, const struct mqtt_message *message);

/* Is there something to be taken back? */
bool doctor_test_is_requested(const struct doctor_test *test);

/* Nothing more has come for a while: reports what that means, and takes the test back. */
void doctor_test_expired(struct doctor_test *test);

#endif
