/* SPDX-License-Identifier: MIT */
/*
 * One sentence or two for each check and each kind of place. Names in capitals are what we cannot know
 * in here.
 */
#include "doctor.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client_identity.h"

#define OPTION_SIZE 256

/* What gives a container the folder of the socket. */
static const char *mount_option(char out[OPTION_SIZE], const struct doctor_environment *p)
{
    switch (p->runtime) {
    case CONTAINER_PODMAN:
        snprintf(out, OPTION_SIZE,
                 "podman run --volume /run/mdns-mqtt/%s/s:/run/mdns-mqtt:ro ..., or --device "
                 "mdns-mqtt/broker=%s",
                 p->user, p->user);
        break;
    case CONTAINER_DOCKER: /* --volume would make an empty folder where there is none */
        snprintf(out, OPTION_SIZE,
                 "docker run --mount "
                 "type=bind,source=/run/mdns-mqtt/%s/s,target=/run/mdns-mqtt,readonly ...",
                 p->user);
        break;
    case CONTAINER_OTHER:
    case CONTAINER_NONE:
        snprintf(out, OPTION_SIZE,
                 "mount the host's folder /run/mdns-mqtt/%s/s to /run/mdns-mqtt, read-only; with "
                 "bwrap: --ro-bind /run/mdns-mqtt/%s/s /run/mdns-mqtt",
                 p->user, p->user);
        break;
    }
    return out;
}

static void on_socket(char *out, const struct doctor_environment *p)
{
    char option[OPTION_SIZE];

    if (p->runtime == CONTAINER_NONE)
        snprintf(
            out, DOCTOR_ADVICE_SIZE,
            "as root: deploy/grant %s advertise; then MQTT_SOCKET=/run/mdns-mqtt/%s/s/mqtt.sock",
            p->user, p->user);
    else if (p->folder_mounted)
        snprintf(out, DOCTOR_ADVICE_SIZE,
                 "on the host: systemctl start mdns-mqtt-broker; if it runs, another folder is "
                 "mounted%s: %s",
                 p->runtime == CONTAINER_DOCKER
                     ? ", or Docker has started before the first deploy/grant and has to be again"
                     : "",
                 mount_option(option, p));
    else
        snprintf(out, DOCTOR_ADVICE_SIZE,
                 "%s; for a user who has no such folder, on the host, as root: deploy/grant %s "
                 "advertise",
                 mount_option(option, p), p->user);
}

/* In a container of a user without rights, root is that user, to whom the folder belongs. */
static void on_permission(char *out, const struct doctor_environment *p)
{
    const char *option =
        p->runtime == CONTAINER_PODMAN
            ? "podman run --userns=keep-id ... or --user 0, or, where the host has "
              "SELinux, --security-opt label=disable; or "
        : p->runtime == CONTAINER_DOCKER
            ? "docker run --user 0 ..., or, where the host has SELinux, "
              "--security-opt label=disable; or "
            : "";
    if (p->runtime == CONTAINER_NONE)
        snprintf(out, DOCTOR_ADVICE_SIZE, "as root: deploy/grant %s observe", p->user);
    else
        snprintf(
            out, DOCTOR_ADVICE_SIZE,
            "%son the host, as root: deploy/grant %s ROLE --container-uid %lu, with the role and "
            "each --client that deploy/grant --list shows",
            option, p->user, (unsigned long)p->uid);
}

static void on_broker(char *out, const struct doctor_environment *p)
{
    char option[OPTION_SIZE];

    if (p->socket_itself)
        snprintf(out, DOCTOR_ADVICE_SIZE,
                 "the socket itself is mounted, and the broker has made a new one since; mount the "
                 "folder that it is in: %s",
                 mount_option(option, p));
    else if (p->place->broker.port != 0 && p->runtime != CONTAINER_NONE)
        snprintf(out, DOCTOR_ADVICE_SIZE,
                 "a container cannot reach the host by TCP as it is, and need not: give neither "
                 "--broker nor MQTT_URL, and %s",
                 mount_option(option, p));
    else
        snprintf(out, DOCTOR_ADVICE_SIZE,
                 "on the host: systemctl status mdns-mqtt-broker mosquitto; if there is none, "
                 "systemctl start mdns-mqtt-broker");
}

static void on_user(char *out, const struct doctor_environment *p)
{
    if (p->place->username)
        snprintf(out, DOCTOR_ADVICE_SIZE,
                 "--username (MQTT_USERNAME) is the CLIENT, and --password-file "
                 "(MQTT_PASSWORD_FILE) a copy of /etc/mdns-mqtt-broker/secrets/%s/%s of the host",
                 p->user, p->place->username);
    else
        snprintf(out, DOCTOR_ADVICE_SIZE,
                 "--username CLIENT --password-file FILE; FILE is "
                 "/etc/mdns-mqtt-broker/secrets/%s/CLIENT of the host",
                 p->user);
}

static void on_read(char *out, const struct doctor_environment *p)
{
    snprintf(out, DOCTOR_ADVICE_SIZE, "on the host, as root: deploy/grant %s observe", p->user);
}

/* A grant replaces what was granted before: it needs all of a role at once. */
static void on_advertise(char *out, const struct doctor_environment *p)
{
    bool is_user = strcmp(p->client, p->user) == 0;
    snprintf(out, DOCTOR_ADVICE_SIZE,
             "--client with a name that deploy/grant --list shows on the host; or there, as root: "
             "deploy/grant %s advertise%s%s, with each --client that is shown",
             p->user, is_user ? "" : " --client ", is_user ? "" : p->client);
}

const char *doctor_advice(enum doctor_check check, const struct doctor_environment *p)
{
    static char out[DOCTOR_ADVICE_SIZE];

    out[0] = '\0';
    switch (check) {
    case DOCTOR_SOCKET:
        on_socket(out, p);
        break;
    case DOCTOR_PERMISSION:
        on_permission(out, p);
        break;
    case DOCTOR_BROKER:
        on_broker(out, p);
        break;
    case DOCTOR_USER:
        on_user(out, p);
        break;
    case DOCTOR_BRIDGE:
        snprintf(out, DOCTOR_ADVICE_SIZE,
                 "on the host: systemctl start mdns-mqtt-bridge; if it runs with another prefix: "
                 "--prefix, or MQTT_PREFIX");
        break;
    case DOCTOR_AVAHI:
        snprintf(out, DOCTOR_ADVICE_SIZE, "on the host: systemctl start avahi-daemon");
        break;
    case DOCTOR_READ:
        on_read(out, p);
        break;
    case DOCTOR_ADVERTISE:
    case DOCTOR_ROUND_TRIP:
        on_advertise(out, p);
        break;
    case DOCTOR_CHECKS:
        break;
    }
    return out;
}

void doctor_environment_find(struct doctor_environment *environment, const struct options *options,
                             const struct broker_place *place, const char *client)
{
    char folder[512], user[TOPIC_CLIENT_MAX + 1];

    *environment = (struct doctor_environment){
        .runtime = container_runtime(), .uid = geteuid(), .place = place};
    const char *socket = place->broker.port == 0 ? place->broker.host : BROKER_PLACE_SOCKET;
    bool mounted = container_mounted(folder, sizeof folder, socket, &environment->socket_itself);
    environment->folder_mounted = mounted && !environment->socket_itself;
    if (environment->folder_mounted && client_identity_of_folder(user, folder))
        snprintf(environment->user, sizeof environment->user, "%s", user);
    else if (environment->runtime != CONTAINER_NONE ||
             !client_identity_user(environment->user, sizeof environment->user))
        snprintf(environment->user, sizeof environment->user, "USER");
    if (client_identity_find(environment->client, client, options, place))
        environment->client[0] = '\0';
}
