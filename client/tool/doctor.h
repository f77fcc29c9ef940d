/* SPDX-License-Identifier: MIT */
/*
 * The checks of doctor, one line each, and what is to be done about those that fail. The order is that in
 * which one thing needs the other; the exit code is the number of the first check that failed. Main thread
 * only.
 */
#ifndef CLIENT_DOCTOR_H
#define CLIENT_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "broker_place.h"
#include "connection.h"
#include "container.h"
#include "options.h"
#include "record_read.h"
#include "topic.h"

enum doctor_check {
    DOCTOR_SOCKET = 1,     /* the broker's socket is there */
    DOCTOR_PERMISSION = 2, /* we may open it */
    DOCTOR_BROKER = 3,     /* somebody answers */
    DOCTOR_USER = 4,       /* the broker takes us */
    DOCTOR_BRIDGE = 5,     /* the bridge is online */
    DOCTOR_AVAHI = 6,      /* the bridge has its Avahi */
    DOCTOR_READ = 7,       /* we may read what is on the network */
    DOCTOR_ADVERTISE = 8,  /* the broker lets us request advertisements */
    DOCTOR_ROUND_TRIP = 9, /* one is established, seen, and gone again */
    DOCTOR_CHECKS
};

/* As it is written, such as "round-trip". */
const char *doctor_check_name(enum doctor_check check);

/* ---- the report ---- */

struct doctor_report {
    FILE *out;
    bool json;
    enum doctor_check next; /* the first that is not reported yet */
    int first_failed;       /* 0: none yet */
};

/* Nothing is reported yet. `out` is borrowed. */
void doctor_begin(struct doctor_report *report, bool json, FILE *out);

/* Reports a check. Those before it that were not reported are skipped, "of no use here". */
void doctor_ok(struct doctor_report *report, enum doctor_check check, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void doctor_skipped(struct doctor_report *report, enum doctor_check check, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void doctor_failed(struct doctor_report *report, enum doctor_check check, const char *advice,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The rest is skipped. Returns the exit code. */
int doctor_end(struct doctor_report *report, const char *reason);

/* ---- the advice ---- */

/* Where we run, and as whom, as far as is known. */
struct doctor_environment {
    enum container_runtime runtime;
    char user[TOPIC_CLIENT_MAX + 1];   /* of the host, whose container it is; or "USER" */
    char client[TOPIC_CLIENT_MAX + 1]; /* or "CLIENT" */
    uid_t uid;
    bool folder_mounted; /* what is mounted is the folder of the socket; */
    bool socket_itself;  /* or the socket, which does not outlive a restart */
    const struct broker_place *place;
};

/* What to do about a check that failed: commands and options as they are to be typed. Until the next
 * call. */
#define DOCTOR_ADVICE_SIZE 640
const char *doctor_advice(enum doctor_check check, const struct doctor_environment *p);

/* Finds that out; `client` is that of --client, or NULL. The place is borrowed. */
void doctor_environment_find(struct doctor_environment *environment, const struct options *options,
                             const struct broker_place *place, const char *client);

/* ---- the first four checks ---- */

/* Reports them: a connection was made, or why not. */
void doctor_connected(struct doctor_report *report, const struct doctor_environment *environment);
void doctor_cannot_connect(struct doctor_report *report,
                           const struct doctor_environment *environment,
                           const struct mqtt_failure *failure);

/* ---- the next three ---- */

/* What has come by now of what is retained. */
struct doctor_retained {
    struct state_record state;
    bool has_state;
    size_t services;
    char other_prefix[TOPIC_PREFIX_MAX + 1]; /* of another bridge; "": none seen */
};

/* Is there a bridge that is online? */
bool doctor_is_online(const struct doctor_retained *retained);

/* Reports them, when all has come. */
void doctor_check_retained(struct doctor_report *report,
                           const struct doctor_environment *environment, const char *prefix,
                           const struct doctor_retained *retained);

#endif
