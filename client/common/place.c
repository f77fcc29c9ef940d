/* SPDX-License-Identifier: MIT */
#include "place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

static const char *const source_names[] = {
    [PLACE_FROM_OPTION] = "--broker",   [PLACE_FROM_MQTT_SOCKET] = "MQTT_SOCKET",
    [PLACE_FROM_MQTT_URL] = "MQTT_URL", [PLACE_FOUND_SOCKET] = "the socket is there",
    [PLACE_BY_DEFAULT] = "default",
};

const char *place_source_name(enum place_source source)
{
    return source_names[source];
}

/* A folder that may not be searched is the broker's, too, and that is to be said. */
static bool is_there(const char *socket)
{
    return access(socket, F_OK) == 0 || errno == EACCES;
}

/* The text that says where the broker is, by order of precedence; a path becomes a URL. */
static const char *choose(enum place_source *source, const struct options *options,
                          const char *socket, char url[PLACE_URL_MAX + 1])
{
    const char *path = options_environment("MQTT_SOCKET");

    if (options->broker) {
        *source = PLACE_FROM_OPTION;
        return options->broker;
    }
    *source = PLACE_FROM_MQTT_SOCKET;
    if (!path && options_environment("MQTT_URL")) {
        *source = PLACE_FROM_MQTT_URL;
        return options_environment("MQTT_URL");
    }
    if (!path && is_there(socket)) {
        *source = PLACE_FOUND_SOCKET;
        path = socket;
    }
    if (!path) {
        *source = PLACE_BY_DEFAULT;
        return PLACE_DEFAULT_URL;
    }
    bool is_url = strncmp(path, "unix://", strlen("unix://")) == 0;
    snprintf(url, PLACE_URL_MAX + 1, "%s%s", is_url ? "" : "unix://", path);
    return url;
}

bool place_find(struct place *place, const struct options *options, const char *socket,
                char error[PLACE_ERROR_SIZE])
{
    char url[PLACE_URL_MAX + 1], shown[160];
    memset(place, 0, sizeof *place);

    const char *chosen = choose(&place->source, options, socket, url);
    const char *problem = mqtt_url_parse(&place->broker, chosen);
    if (problem) {
        text_excerpt(shown, sizeof shown, strchr(chosen, '@') ? "..." : chosen);
        snprintf(error, PLACE_ERROR_SIZE, "%s: %s: %s", place_source_name(place->source), shown,
                 problem);
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
    snprintf(error, PLACE_ERROR_SIZE, "a certificate and its key go together");
    return false;
}
