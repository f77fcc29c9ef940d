/* SPDX-License-Identifier: MIT */
/* What doctor advises in each place, and how it counts. What it finds out is tested from outside. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"
#include "run_suite.h"

static struct broker_place by_socket = {.broker.host = "/run/mdns-mqtt/mqtt.sock"};
static struct broker_place by_tcp = {
    .broker.host = "127.0.0.1", .broker.port = 1883, .url = "mqtt://127.0.0.1:1883"};

static struct doctor_environment environment(enum container_runtime runtime,
                                             const struct broker_place *place)
{
    return (struct doctor_environment){
        .runtime = runtime, .user = "laba", .client = "web", .uid = 1000, .place = place};
}

/* The longest that there are, and room for the end of each advice. */
START_TEST(room)
{
    struct doctor_environment who = {.uid = (uid_t)-1, .place = &by_socket};

    memset(who.user, 'u', TOPIC_CLIENT_MAX);
    memset(who.client, 'c', TOPIC_CLIENT_MAX);
    for (int check = DOCTOR_SOCKET; check < DOCTOR_CHECKS; check++)
        for (int runtime = CONTAINER_NONE; runtime <= CONTAINER_OTHER; runtime++)
            for (int mounts = 0; mounts < 4; mounts++) {
                who.runtime = (enum container_runtime)runtime;
                who.folder_mounted = mounts & 1;
                who.socket_itself = mounts & 2;
                const char *text = doctor_advice((enum doctor_check)check, &who);
                ck_assert_uint_lt(strlen(text), DOCTOR_ADVICE_SIZE - 1);
            }
}
END_TEST

static void advises_who(enum doctor_check check, const struct doctor_environment *who,
                        const char *wanted)
{
    const char *text = doctor_advice(check, who);
    ck_assert_msg(strstr(text, wanted), "%s %s: %s", doctor_check_name(check),
                  container_runtime_name(who->runtime), text);
}

static void advises(enum doctor_check check, enum container_runtime runtime,
                    const struct broker_place *place, const char *wanted)
{
    struct doctor_environment who = environment(runtime, place);
    advises_who(check, &who, wanted);
}

START_TEST(advice)
{
    static const char mount[] = "/run/mdns-mqtt/laba/s";

    for (int check = DOCTOR_SOCKET; check < DOCTOR_CHECKS; check++)
        for (int runtime = CONTAINER_NONE; runtime <= CONTAINER_OTHER; runtime++)
            advises((enum doctor_check)check, (enum container_runtime)runtime, &by_socket, " ");
    for (int runtime = CONTAINER_NONE; runtime <= CONTAINER_OTHER; runtime++)
        advises(DOCTOR_SOCKET, (enum container_runtime)runtime, &by_socket, mount);
    advises(DOCTOR_SOCKET, CONTAINER_NONE, &by_socket, "deploy/grant laba advertise");
    advises(DOCTOR_SOCKET, CONTAINER_PODMAN, &by_socket, "podman run --volume ");
    advises(DOCTOR_SOCKET, CONTAINER_PODMAN, &by_socket, "--device mdns-mqtt/broker=laba");
    advises(DOCTOR_SOCKET, CONTAINER_PODMAN, &by_socket, "as root: deploy/grant laba advertise");
    advises(DOCTOR_SOCKET, CONTAINER_DOCKER, &by_socket, "docker run --mount ");
    advises(DOCTOR_SOCKET, CONTAINER_OTHER, &by_socket, "--ro-bind ");
    advises(DOCTOR_PERMISSION, CONTAINER_NONE, &by_socket, "deploy/grant laba observe");
    advises(DOCTOR_PERMISSION, CONTAINER_PODMAN, &by_socket, "--userns=keep-id");
    advises(DOCTOR_PERMISSION, CONTAINER_PODMAN, &by_socket, "--container-uid 1000");
    advises(DOCTOR_PERMISSION, CONTAINER_PODMAN, &by_socket, "--security-opt label=disable");
    advises(DOCTOR_PERMISSION, CONTAINER_DOCKER, &by_socket, "--security-opt label=disable");
    advises(DOCTOR_BROKER, CONTAINER_NONE, &by_tcp, "systemctl");
    advises(DOCTOR_BROKER, CONTAINER_PODMAN, &by_socket, "systemctl");
    advises(DOCTOR_BROKER, CONTAINER_PODMAN, &by_tcp, "podman run --volume ");
    advises(DOCTOR_ADVERTISE, CONTAINER_NONE, &by_tcp, "deploy/grant laba advertise --client web");

    struct doctor_environment mounted = environment(CONTAINER_DOCKER, &by_socket);
    mounted.folder_mounted = true;
    advises_who(DOCTOR_SOCKET, &mounted, "systemctl start mdns-mqtt-broker");
    advises_who(DOCTOR_SOCKET, &mounted, "Docker has started before");
    struct doctor_environment socket = environment(CONTAINER_PODMAN, &by_socket);
    socket.socket_itself = true;
    advises_who(DOCTOR_BROKER, &socket, "the folder that it is in: podman run --volume ");
}
END_TEST

/* The exit code after these results, with the lines that were written. */
static int counts(void (*examine)(struct doctor_report *report), const char *wanted)
{
    char text[4096] = "";
    struct doctor_report report;
    FILE *out = fmemopen(text, sizeof text, "w");

    ck_assert_ptr_nonnull(out);
    doctor_begin(&report, false, out);
    examine(&report);
    int code = doctor_end(&report, "the end");
    fclose(out);
    ck_assert_msg(strstr(text, wanted), "%s", text);
    size_t lines = 0;
    for (const char *at = text; *at; at++)
        lines += *at == '\n' && at[1] != ' ';
    ck_assert_uint_eq(lines, DOCTOR_CHECKS - 1);
    return code;
}

static void healthy(struct doctor_report *report)
{
    for (int check = DOCTOR_SOCKET; check < DOCTOR_CHECKS; check++)
        doctor_ok(report, (enum doctor_check)check, "fine");
}

static void two_fail(struct doctor_report *report)
{
    doctor_ok(report, DOCTOR_BROKER, "fine");
    doctor_failed(report, DOCTOR_AVAHI, "do this", "not %s", "f\x1b[2J");
    doctor_failed(report, DOCTOR_ADVERTISE, NULL, "not fine");
}

static void refused(struct doctor_report *report)
{
    struct doctor_environment who = environment(CONTAINER_PODMAN, &by_socket);
    struct mqtt_failure failure = {MQTT_REFUSED, 0x87, "Not authorized"};
    doctor_cannot_connect(report, &who, &failure);
}

static void silent(struct doctor_report *report)
{
    struct doctor_environment who = environment(CONTAINER_PODMAN, &by_tcp);
    struct mqtt_failure failure = {MQTT_SILENT, 0, "no answer"};
    doctor_cannot_connect(report, &who, &failure);
}

static void closed(struct doctor_report *report)
{
    struct doctor_environment who = environment(CONTAINER_NONE, &by_socket);
    struct mqtt_failure failure = {MQTT_UNREACHABLE, EACCES, "Permission denied"};
    doctor_cannot_connect(report, &who, &failure);
}

static struct doctor_retained seen;

static void retained(struct doctor_report *report)
{
    struct doctor_environment who = environment(CONTAINER_PODMAN, &by_socket);
    doctor_check_retained(report, &who, "mdns", &seen);
}

/* The bridge, its Avahi, and what may be read of it. */
START_TEST(what_is_retained)
{
    seen = (struct doctor_retained){0};
    ck_assert_int_eq(counts(retained, "skipped  avahi       only the bridge"), DOCTOR_BRIDGE);
    snprintf(seen.other_prefix, sizeof seen.other_prefix, "home");
    ck_assert_int_eq(counts(retained, "there is one with --prefix home\n"), DOCTOR_BRIDGE);
    seen.has_state = true;
    seen.state.life = BRIDGE_OFFLINE;
    ck_assert_int_eq(counts(retained, "failed   bridge      it is offline\n"), DOCTOR_BRIDGE);
    seen.state.life = BRIDGE_STARTING;
    ck_assert_int_eq(counts(retained, "failed   avahi       the bridge does not"), DOCTOR_AVAHI);
    seen.state.avahi_up = true;
    ck_assert_int_eq(counts(retained, "failed   bridge      it is starting\n"), DOCTOR_BRIDGE);
    seen.state.avahi_up = false;
    seen.state.life = BRIDGE_ONLINE;
    ck_assert_int_eq(counts(retained, "ok       read        0 services\n"), DOCTOR_AVAHI);
    seen.state.avahi_up = true;
    ck_assert_int_eq(counts(retained, "ok       avahi "), 0);
    seen.state.services = 3;
    ck_assert_int_eq(counts(retained, "you may read none\n"), DOCTOR_READ);
    seen.services = 1;
    ck_assert_int_eq(counts(retained, "ok       read        1 services\n"), 0);
}
END_TEST

START_TEST(counting)
{
    ck_assert_int_eq(counts(healthy, "ok       round-trip  fine\n"), 0);
    ck_assert_int_eq(counts(two_fail, "failed   avahi       not f?[2J\n"), DOCTOR_AVAHI);
    ck_assert_int_eq(counts(refused, "failed   user "), DOCTOR_USER);
    ck_assert_int_eq(counts(silent, "failed   broker "), DOCTOR_BROKER);
    ck_assert_int_eq(counts(closed, "failed   permission "), DOCTOR_PERMISSION);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_doctor");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, advice);
    tcase_add_test(tests, room);
    tcase_add_test(tests, what_is_retained);
    tcase_add_test(tests, counting);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
