/* SPDX-License-Identifier: MIT */
/* The broker's URL. Strict, so that what it means is never a guess. */
#include <stdio.h>
#include <string.h>

#include "place.h"

#define DIGITS "0123456789"
#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" DIGITS "-._"
#define IPV6_CHARACTERS NAME_CHARACTERS ":%"
#define SOCKET_PATH_MAX 107 /* sizeof sun_path - 1 on Linux */

static const struct {
    const char *prefix;
    uint16_t port; /* as registered with IANA; 0: a socket's path follows */
    bool tls;
} schemes[] = {
    {"unix://", 0, false},
    {"mqtt://", 1883, false},
    {"mqtts://", 8883, true},
};

static const char *parse_path(struct place *place, const char *path)
{
    if (*path != '/')
        return "unix:// needs an absolute path";
    if (strlen(path) > SOCKET_PATH_MAX)
        return "the path is longer than a Unix socket's can be (107 bytes)";
    snprintf(place->host, sizeof place->host, "%s", path);
    return NULL;
}

/* ":PORT", or nothing, which leaves the scheme's. */
static bool parse_port(uint16_t *port, const char *text)
{
    unsigned number = 0;
    size_t digits = *text ? strspn(text + 1, DIGITS) : 0;

    if (*text == '\0')
        return true;
    if (*text != ':' || digits == 0 || digits > 5 || text[1 + digits] != '\0')
        return false;
    for (const char *digit = text + 1; *digit; digit++)
        number = number * 10 + (unsigned)(*digit - '0');
    *port = (uint16_t)number;
    return number >= 1 && number <= 65535;
}

static const char *parse_host(struct place *place, const char *text)
{
    bool bracket = *text == '[';
    if (strchr(text, '@'))
        return "a user does not belong into the URL; there are --username and --password-file";
    text += bracket;

    size_t length = strcspn(text, bracket ? "]" : ":");
    if (length == 0 || length >= sizeof place->host ||
        strspn(text, bracket ? IPV6_CHARACTERS : NAME_CHARACTERS) < length)
        return "not a host name or address (an IPv6 address needs brackets)";
    memcpy(place->host, text, length);
    place->host[length] = '\0';
    text += length;
    if (bracket && *text++ != ']')
        return "there is no ']' behind the IPv6 address";
    return parse_port(&place->port, text) ? NULL : "the port must be a number from 1 to 65535";
}

const char *place_parse_url(struct place *place, const char *url)
{
    if (strlen(url) > PLACE_URL_MAX)
        return "too long";
    snprintf(place->url, sizeof place->url, "%s", url);
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t length = strlen(schemes[i].prefix);
        if (strncmp(url, schemes[i].prefix, length) != 0)
            continue;
        place->port = schemes[i].port;
        place->tls = schemes[i].tls;
        return place->port ? parse_host(place, url + length) : parse_path(place, url + length);
    }
    return "must be mqtt://HOST[:PORT], mqtts://HOST[:PORT] or unix:///PATH";
}
