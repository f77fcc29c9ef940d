/* SPDX-License-Identifier: MIT */
/* The first four checks, by what comes of an attempt to connect. */
#include "doctor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* What is wrong with the path of a socket that is not there, or is none. */
static void describe_path(char *out, size_t size, const char *path)
{
    struct stat status;
    const char *slash = strrchr(path, '/');
    char folder[BROKER_PLACE_URL_MAX + 1];

    snprintf(folder, sizeof folder, "%.*s", slash > path ? (int)(slash - path) : 1, path);
    if (stat(path, &status) == 0)
        snprintf(out, size, "%s is there, but is no socket", path);
    else if (stat(folder, &status) == 0)
        snprintf(out, size,
                 "the folder %s is there, but there is no %s in it: a folder that is not the "
                 "broker's, or a broker that does not run",
                 folder, slash + 1);
    else
        snprintf(out, size, "there is no folder %s", folder);
}

static bool is_socket(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISSOCK(status.st_mode);
}

static void no_socket(struct doctor_report *report, const struct doctor_environment *environment)
{
    char problem[3 * BROKER_PLACE_URL_MAX];
    describe_path(problem, sizeof problem, environment->place->broker.host);
    doctor_failed(report, DOCTOR_SOCKET, doctor_advice(DOCTOR_SOCKET, environment), "%s", problem);
}

static void no_permission(struct doctor_report *report,
                          const struct doctor_environment *environment)
{
    doctor_ok(report, DOCTOR_SOCKET, "%s", environment->place->broker.host);
    doctor_failed(report, DOCTOR_PERMISSION, doctor_advice(DOCTOR_PERMISSION, environment),
                  "user %lu may not open %s", (unsigned long)environment->uid,
                  environment->place->broker.host);
}

/* The place is fine where something beyond it has been reached. */
static void place_is_fine(struct doctor_report *report,
                          const struct doctor_environment *environment)
{
    const struct broker_place *place = environment->place;
    const char *where = container_runtime_name(environment->runtime);

    if (place->broker.port == 0) {
        doctor_ok(report, DOCTOR_SOCKET, "%s (%s), %s", place->broker.host,
                  broker_place_source_name(place->source), where);
        doctor_ok(report, DOCTOR_PERMISSION, "user %lu may open it",
                  (unsigned long)environment->uid);
    } else {
        doctor_skipped(report, DOCTOR_SOCKET, "we are %s, the broker is at %s (%s)", where,
                       place->url, broker_place_source_name(place->source));
        doctor_skipped(report, DOCTOR_PERMISSION, "not by a socket");
    }
}

static void no_broker(struct doctor_report *report, const struct doctor_environment *environment,
                      const char *text)
{
    /* In a container, to find nobody at the default address means that the socket is missing. */
    if (environment->place->source == BROKER_PLACE_BY_DEFAULT &&
        environment->runtime != CONTAINER_NONE) {
        doctor_failed(report, DOCTOR_SOCKET, doctor_advice(DOCTOR_SOCKET, environment),
                      "there is no " BROKER_PLACE_SOCKET " in here, and nobody at %s either",
                      environment->place->url);
        return;
    }
    place_is_fine(report, environment);
    doctor_failed(report, DOCTOR_BROKER, doctor_advice(DOCTOR_BROKER, environment), "%s: %s",
                  environment->place->url, text);
}

static void no_user(struct doctor_report *report, const struct doctor_environment *environment,
                    const struct mqtt_failure *failure)
{
    const char *user = environment->place->username;

    place_is_fine(report, environment);
    if (failure->problem == MQTT_REFUSED)
        doctor_ok(report, DOCTOR_BROKER, "it answers");
    doctor_failed(report, DOCTOR_USER, doctor_advice(DOCTOR_USER, environment), "%s%s: %s",
                  user ? "user " : "without a user", user ? user : "", failure->text);
}

void doctor_cannot_connect(struct doctor_report *report,
                           const struct doctor_environment *environment,
                           const struct mqtt_failure *failure)
{
    bool by_path = environment->place->broker.port == 0 && failure->problem == MQTT_UNREACHABLE;

    if (failure->problem == MQTT_REFUSED || failure->problem == MQTT_NO_PASSWORD)
        no_user(report, environment, failure);
    else if (by_path && failure->error == EACCES)
        no_permission(report, environment);
    else if (by_path &&
             (failure->error != ECONNREFUSED || !is_socket(environment->place->broker.host)))
        no_socket(report, environment);
    else
        no_broker(report, environment, failure->text);
}

void doctor_connected(struct doctor_report *report, const struct doctor_environment *environment)
{
    const char *user = environment->place->username;
    place_is_fine(report, environment);
    doctor_ok(report, DOCTOR_BROKER, "it answers");
    doctor_ok(report, DOCTOR_USER, "%s", user ? user : "none is needed");
}
