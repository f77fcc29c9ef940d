/* SPDX-License-Identifier: MIT */
/*
 * One check after the other, each resting on those before it:
 *
 *     the path of the socket; an attempt to connect, whose failure says which of four checks it is;
 *     what is retained, once all of it has come: the bridge, its Avahi, the services;
 *     an empty message, whose acknowledgement shows whether we may advertise;
 *     a test advertisement.
 */
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "command.h"
#include "diagnostic.h"
#include "doctor_test.h"
#include "session.h"

enum { ROW_CLIENT, ROW_TYPE, ROW_PORT, ROW_NO_ADVERTISE, ROWS };

static const struct option_row rows[ROWS] = {
    [ROW_CLIENT] = {"client", 0, "CLIENT", "as whom; else MDNS_MQTT_CLIENT, or found out"},
    [ROW_TYPE] = {"type", 0, "TYPE", "of the test advertisement (_mdns-mqtt._tcp)"},
    [ROW_PORT] = {"port", 0, "PORT", "and its port on the host (9)"},
    [ROW_NO_ADVERTISE] = {"no-advertise", 0, NULL, "leave out the last two checks"},
};

#define STEP_MS 5000 /* for each step */
#define AGAIN_MS 1500

struct doctor {
    struct session session;
    struct options options;
    struct doctor_report report;
    struct doctor_environment environment;
    struct doctor_test test;
    struct loop_timer step_end, again;
    const char *client, *type;
    uint16_t port;
    bool no_advertise;
    struct doctor_retained retained;
};

static bool take(void *context, size_t row, const char *value, const char **problem)
{
    struct doctor *doctor = context;
    char client[TOPIC_CLIENT_MAX + 1];
    switch (row) {
    case ROW_CLIENT:
        *problem = "expected 1 to 64 characters of A-Z a-z 0-9 . _ - and not . or ..";
        doctor->client = value;
        return topic_client_parse(client, value);
    case ROW_TYPE:
        doctor->type = value;
        return true;
    case ROW_PORT:
        *problem = "expected a port from 1 to 65535";
        return options_port(&doctor->port, value);
    case ROW_NO_ADVERTISE:
        return doctor->no_advertise = true;
    }
    return false;
}

static void end(struct doctor *doctor, const char *reason)
{
    loop_end(&doctor->session.loop, doctor_end(&doctor->report, reason));
}

static void begin_step(struct doctor *doctor)
{
    int64_t timeout = doctor->options.timeout_ms;
    doctor->step_end.due = clock_now() + (timeout > 0 ? timeout : STEP_MS);
}

/* ---- what is retained ---- */

static void check_retained(void *context, int64_t now)
{
    (void)now;
    struct doctor *doctor = context;

    doctor_check_retained(&doctor->report, &doctor->environment, doctor->options.prefix,
                          &doctor->retained);
    if (doctor->no_advertise) {
        end(doctor, "not wanted");
    } else if (!doctor->environment.client[0]) {
        end(doctor, "as whom? Say it with --client, or in MDNS_MQTT_CLIENT");
    } else {
        doctor_test_begin(&doctor->test,
                          doctor_is_online(&doctor->retained) && doctor->retained.state.avahi_up);
        begin_step(doctor);
    }
}

/* The bridge publishes its count once a second: what went just now may still be counted. */
static void on_settled(void *context)
{
    struct doctor *doctor = context;
    if (doctor_is_online(&doctor->retained) && doctor->retained.state.services > 0 &&
        doctor->retained.services == 0)
        doctor->again.due = clock_now() + AGAIN_MS;
    else
        check_retained(doctor, clock_now());
}

/* ---- from the connection ---- */

static void on_connected(void *context)
{
    struct doctor *doctor = context;
    doctor_connected(&doctor->report, &doctor->environment);
    begin_step(doctor);
}

static void cannot_connect(struct doctor *doctor, const struct mqtt_failure *failure)
{
    if (doctor->report.next == DOCTOR_SOCKET)
        doctor_cannot_connect(&doctor->report, &doctor->environment, failure);
    end(doctor, "there is no connection");
}

static bool on_failed(void *context, const struct mqtt_failure *failure)
{
    cannot_connect(context, failure);
    return false;
}

static void on_lost(void *context)
{
    struct doctor *doctor = context;
    doctor_failed(&doctor->report, doctor->report.next, NULL, "the connection was lost");
    end(doctor, "there is no connection");
}

static void take_state(struct doctor *doctor, const struct mqtt_message *message)
{
    struct state_record state;
    if (!state_record_read(&state, message->payload, message->length))
        return;
    if (topic_below(message->topic, doctor->options.prefix, "")) {
        doctor->retained.state = state;
        doctor->retained.has_state = true;
    } else {
        snprintf(doctor->retained.other_prefix, sizeof doctor->retained.other_prefix, "%.*s",
                 (int)strcspn(message->topic, "/"), message->topic);
    }
}

static void on_message(void *context, const struct mqtt_message *message)
{
    struct doctor *doctor = context;
    const char *path = topic_below(message->topic, doctor->options.prefix, "");

    if (!path || strcmp(path, "bridge/state") == 0)
        take_state(doctor, message);
    else if (message->length > 0 && strncmp(path, "service/", strlen("service/")) == 0)
        doctor->retained.services += doctor->test.state == DOCTOR_TEST_IDLE;
    if (!path || doctor->test.state == DOCTOR_TEST_IDLE || doctor->test.state == DOCTOR_TEST_DONE)
        return;
    enum doctor_test_state before = doctor->test.state;
    doctor_test_message(&doctor->test, message);
    if (doctor->test.state != before)
        begin_step(doctor);
    if (doctor->test.state == DOCTOR_TEST_DONE)
        end(doctor, "");
}

static void on_acknowledged(void *context, int number, int reason)
{
    struct doctor *doctor = context;
    doctor_test_acknowledged(&doctor->test, number, reason);
    if (doctor->test.state == DOCTOR_TEST_DONE)
        end(doctor, "it needs the one before");
    else
        begin_step(doctor);
}

static void on_refused(void *context, int reason)
{
    struct doctor *doctor = context;
    doctor_failed(&doctor->report, DOCTOR_READ, doctor_advice(DOCTOR_READ, &doctor->environment),
                  "the broker refuses the subscription: %s", mqtt_reason_text(reason));
    end(doctor, "it needs the one before");
}

static void time_is_up(void *context, int64_t now)
{
    (void)now;
    struct doctor *doctor = context;
    if (!mqtt_is_connected(doctor->session.connection->mqtt)) {
        cannot_connect(doctor, &(struct mqtt_failure){MQTT_SILENT, 0, "no answer from the broker"});
        return;
    }
    if (doctor->test.state == DOCTOR_TEST_IDLE)
        doctor_failed(&doctor->report, doctor->report.next, NULL, "no word from the broker");
    doctor_test_expired(&doctor->test);
    end(doctor, "it needs the one before");
}

/* What was not found out is not well: the exit code is that of a program that the signal ends. */
static void on_signal(void *context, int number)
{
    struct doctor *doctor = context;
    if (!loop_is_end(number))
        return;
    int failed = doctor_end(&doctor->report, "it was ended");
    loop_end(&doctor->session.loop, failed ? failed : 128 + number);
}

/* ---- the command ---- */

static bool subscribe(struct doctor *doctor, const char *prefix, const char *path)
{
    char filter[TOPIC_PREFIX_MAX + 32];
    snprintf(filter, sizeof filter, "%s/%s", prefix, path);
    return connection_subscribe(doctor->session.connection, filter);
}

static const char *prepare(struct doctor *doctor, struct status_error *error)
{
    const char *prefix = doctor->options.prefix;

    if (!subscribe(doctor, prefix, "bridge/state") || !subscribe(doctor, "+", "bridge/state") ||
        !subscribe(doctor, prefix, "service/#"))
        return "out of memory";
    doctor_environment_find(&doctor->environment, &doctor->options, &doctor->session.place,
                            doctor->client);
    doctor->test.connection = doctor->session.connection;
    doctor->test.report = &doctor->report;
    doctor->test.environment = &doctor->environment;
    return doctor->environment.client[0] && !doctor->no_advertise
               ? doctor_test_prepare(&doctor->test, prefix, doctor->type, doctor->port, error)
               : NULL;
}

static int run(struct doctor *doctor)
{
    static const struct connection_handlers handlers = {
        on_connected, on_settled, on_lost, on_failed, on_message, on_acknowledged, on_refused};
    struct status_error error = {0};
    int exit_code = (int)session_open(&doctor->session, &doctor->options, &handlers, doctor);

    if (exit_code == EXIT_DONE) {
        const char *problem = prepare(doctor, &error);
        if (problem) {
            diagnostic("%s", problem);
            exit_code = EXIT_USAGE;
        }
    }
    if (exit_code == EXIT_DONE) {
        doctor_begin(&doctor->report, doctor->options.json, stdout);
        loop_add_timer(&doctor->session.loop, &doctor->step_end, time_is_up, doctor);
        loop_add_timer(&doctor->session.loop, &doctor->again, check_retained, doctor);
        doctor->session.loop.signal = on_signal;
        begin_step(doctor);
        exit_code = loop_run(&doctor->session.loop);
    }
    /* A test that is on its way is taken back by our last will. */
    session_close(&doctor->session, !doctor_test_is_requested(&doctor->test));
    doctor_test_free(&doctor->test);
    return exit_code;
}

int command_doctor(const struct command *command, int argc, char **argv)
{
    struct doctor doctor = {0};
    const struct option_table own = {rows, ROWS, take, &doctor};
    int first, exit_code;

    if (!command_begin(command, &doctor.options, &own, argc, argv, &first, &exit_code))
        return exit_code;
    if (argc > first)
        return command_usage(command, "there are no arguments but options");
    return run(&doctor);
}
