/* SPDX-License-Identifier: MIT */
/*
 * The last two checks of doctor: may we ask, and does an advertisement go all the way and back? On the
 * network for two seconds or so, at most for the shortest lease.
 */
#ifndef CLIENT_DOCTOR_TRIP_H
#define CLIENT_DOCTOR_TRIP_H

#include "connection.h"
#include "doctor.h"
#include "record_read.h"
#include "wish.h"

enum trip_state {
    TRIP_AT_HOME,
    TRIP_KNOCKING, /* something is published that means nothing; may we? */
    TRIP_ASKED,
    TRIP_ESTABLISHED, /* its record is to come */
    TRIP_SEEN,        /* taken back; its record is to go */
    TRIP_DONE,        /* both checks are reported */
};

#define TRIP_TOPIC_SIZE (TOPIC_PREFIX_MAX + sizeof "/advertise/" + TOPIC_STATUS_SIZE)

struct trip {
    struct connection *connection;
    struct doctor_report *report;
    const struct doctor_patient *patient;
    enum trip_state state;
    struct request_owner owner;
    char topic[TRIP_TOPIC_SIZE], status_topic[TRIP_TOPIC_SIZE];
    char service_topic[TOPIC_SIZE]; /* of the record that was seen */
    char name[SERVICE_NAME_MAX + 1];
    char *request;
    bool may_ask; /* bridge and Avahi are there; else knocking is all */
    int number;   /* of what was published last */
};

/*
 * Makes the request of a type and port (NULL, 0: ones that nobody has), sets the last will and
 * subscribes. Before the connection is made. NULL, or what is wrong (static, or *error's text).
 */
const char *trip_prepare(struct trip *trip, const char *prefix, const char *type, uint16_t port,
                         struct status_error *error);
void trip_free(struct trip *trip);

/* Begins. */
void trip_knock(struct trip *trip, bool may_ask);

/* What happens. */
void trip_acknowledged(struct trip *trip, int number, int reason);
void trip_message(struct trip *trip, const struct message *message);

/* Is there something to be taken back? */
bool trip_is_under_way(const struct trip *trip);

/* Nothing more has come for a while. */
void trip_expired(struct trip *trip);

#endif
