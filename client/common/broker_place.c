/* SPDX-License-Identifier: MIT */
#include "broker_place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

static const char *const source_names[] = {
    [BROKER_PLACE_FROM_OPTION] = "--broker",   [BROKER_PLACE_FROM_MQTT_SOCKET] = "MQTT_SOCKET",
    [BROKER_PLACE_FROM_MQTT_URL] = "MQTT_URL", [BROKER_PLACE_FOUND_SOCKET] = "the socket is there",
    [BROKER_PLACE_BY_DEFAULT] = "default",
};

const char *broker_place_source_name(enum broker_place_source source)
{
    return source_names[source];
}

/* In a folder that may not be searched there is the broker's socket, too: the attempt then shows why it fails. */
static bool is_there(const char *socket)
{
    return access(socket, F_OK) == 0 || errno == EACCES;
}

/* The URL of the broker, by order of precedence; a path becomes one. */
static const char *choose(enum broker_place_source *source, const struct options *options,
                          const char *socket, char url[BROKER_PLACE_URL_MAX + 1])
{
    const char *path = options_environment("MQTT_SOCKET");

    if (options->broker) {
        *source = BROKER_PLACE_FROM_OPTION;
        return options->broker;
    }
    *source = BROKER_PLACE_FROM_MQTT_SOCKET;
    if (!path && options_environment("MQTT_URL")) {
        *source = BROKER_PLACE_FROM_MQTT_URL;
        return options_environment("MQTT_URL");
    }
    if (!path && is_there(socket)) {
        *source = BROKER_PLACE_FOUND_SOCKET;
        path = socket;
    }
    if (!path) {
        *source = BROKER_PLACE_BY_DEFAULT;
        return BROKER_PLACE_DEFAULT_URL;
    }
    bool is_url = strncmp(path, "unix://", strlen("unix://")) == 0;
    snprintf(url, BROKER_PLACE_URL_MAX + 1, "%s%s", is_url ? "" : "unix://", path);
    return url;
}

bool broker_place_find(struct broker_place *place, const struct options *options,
                       const char *socket, char error[BROKER_PLACE_ERROR_SIZE])
{
    char url[BROKER_PLACE_URL_MAX + 1], shown[160];
    memset(place, 0, sizeof *place);

    const char *chosen = choose(&place->source, options, socket, url);
    const char *problem = mqtt_url_parse(&place->broker, chosen);
    if (problem) {
        text_excerpt(shown, sizeof shown, strchr(chosen, '@') ? "..." : chosen);
        snprintf(error, BROKER_PLACE_ERROR_SIZE, "%s: %s: %s",
                 broker_place_source_name(place->source), shown, problem);
        return false;
    }
    snprintf(place->url, sizeof place->url, "%s", chosen);
    place->username = options->username;
    place->password_file = options->password_file;
    place->ca_file = options->ca_file;
    place->cert_file = options->cert_file;
    place->key_file = options->key_file;
    if (!place->cert_file == !place->key_file)
        return true;
    snprintf(error, BROKER_PLACE_ERROR_SIZE, "a certificate and its key go together");
    return false;
}
