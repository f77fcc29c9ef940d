/* SPDX-License-Identifier: MIT */
/*
 * A container does not know the user that it runs for. But the kernel knows what the folder of the
 * socket is called where it was mounted from, and deploy/grant names that folder after the user. A
 * wrong guess does no harm: it is the broker that decides who may advertise as which CLIENT.
 */
#include "client_identity.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "container.h"

static bool is_client(const char *name)
{
    char client[TOPIC_CLIENT_MAX + 1];
    return topic_client_parse(client, name);
}

bool client_identity_of_folder(char client[TOPIC_CLIENT_MAX + 1], const char *folder)
{
    size_t length = strlen(folder), start;
    if (length < 4 || strcmp(folder + length - 2, "/s") != 0)
        return false;
    length -= 2;
    for (start = length; start > 0 && folder[start - 1] != '/'; start--)
        ;
    if (start == 0 || length - start > TOPIC_CLIENT_MAX)
        return false;
    memcpy(client, folder + start, length - start);
    client[length - start] = '\0';
    return is_client(client);
}

static bool of_socket(char client[TOPIC_CLIENT_MAX + 1], const struct broker_place *place)
{
    char folder[512];
    bool is_path;
    if (place->broker.port != 0)
        return false;
    if (container_mounted(folder, sizeof folder, place->broker.host, &is_path) && !is_path)
        return client_identity_of_folder(client, folder);
    snprintf(folder, sizeof folder, "%.*s", (int)container_folder_length(place->broker.host),
             place->broker.host);
    return client_identity_of_folder(client, folder);
}

bool client_identity_user(char *out, size_t size)
{
    const struct passwd *entry = NULL;
    FILE *file = fopen("/etc/passwd", "re"); /* no getpwuid(): a static program cannot have it */

    if (file)
        while ((entry = fgetpwent(file)) && entry->pw_uid != geteuid())
            ;
    const char *name = entry ? entry->pw_name : options_environment("USER");
    if (name)
        snprintf(out, size, "%s", name);
    if (file)
        fclose(file);
    return name;
}

const char *client_identity_find(char client[TOPIC_CLIENT_MAX + 1], const char *given,
                                 const struct options *options, const struct broker_place *place)
{
    const char *name = given ? given : options_environment("MDNS_MQTT_CLIENT");

    if (!name)
        name = options->username;
    if (name) {
        if (!is_client(name))
            return "a CLIENT is 1 to 64 characters of A-Z a-z 0-9 . _ - and not . or ..";
        snprintf(client, TOPIC_CLIENT_MAX + 1, "%s", name);
        return NULL;
    }
    if (of_socket(client, place))
        return NULL;
    if (container_runtime() == CONTAINER_NONE &&
        client_identity_user(client, TOPIC_CLIENT_MAX + 1) && is_client(client))
        return NULL;
    return "who is it that advertises? Say it with --client, or in MDNS_MQTT_CLIENT; on the host, "
           "`deploy/grant --list` tells which names you have";
}
