/* SPDX-License-Identifier: MIT */
/* Strict, so that what a URL means is never a guess. */
#include "url.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#define DIGITS "0123456789"
#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" DIGITS "-._"

static const struct {
    const char *prefix;
    uint16_t port; /* registered with IANA; 0: a socket's path follows */
    bool tls;
} schemes[] = {
    {"unix://", 0, false},
    {"mqtt://", 1883, false},
    {"mqtts://", 8883, true},
};

/* A DNS name, or four numbers. */
static bool is_host(const char *host)
{
    size_t length = strlen(host);
    if (strspn(host, NAME_CHARACTERS) != length)
        return false;
    if (strspn(host, DIGITS ".") == length) {
        struct in_addr address;
        return inet_pton(AF_INET, host, &address) == 1;
    }
    for (const char *label = host;; label++) {
        size_t bytes = strcspn(label, ".");
        if (bytes == 0 || bytes > 63)
            return false;
        label += bytes;
        if (*label == '\0')
            return true;
    }
}

/* An IPv6 address, perhaps with an interface behind '%'. */
static bool is_ipv6(const char *host)
{
    char text[INET6_ADDRSTRLEN];
    size_t length = strcspn(host, "%");
    if (length >= sizeof text)
        return false;
    memcpy(text, host, length);
    text[length] = '\0';
    if (host[length] == '%') {
        const char *zone = host + length + 1;
        size_t bytes = strlen(zone);
        if (bytes == 0 || bytes >= IF_NAMESIZE || strspn(zone, NAME_CHARACTERS) != bytes)
            return false;
    }
    struct in6_addr address;
    return inet_pton(AF_INET6, text, &address) == 1;
}

/* ":PORT", or nothing, which leaves the scheme's. */
static bool parse_port(uint16_t *port, const char *text)
{
    if (*text == '\0')
        return true;
    size_t digits = strspn(text + 1, DIGITS);
    if (*text != ':' || digits == 0 || digits > 5 || text[1 + digits] != '\0')
        return false;
    unsigned number = 0;
    for (const char *digit = text + 1; *digit; digit++)
        number = number * 10 + (unsigned)(*digit - '0');
    *port = (uint16_t)number;
    return number >= 1 && number <= 65535;
}

static const char *parse_path(struct mqtt_url *url, const char *path)
{
    if (*path != '/')
        return "unix:// needs an absolute path";
    if (strlen(path) >= sizeof((struct sockaddr_un *)NULL)->sun_path)
        return "the path is longer than a Unix socket's can be (107 bytes)";
    memcpy(url->host, path, strlen(path) + 1);
    return NULL;
}

static const char *parse_host(struct mqtt_url *url, const char *text)
{
    if (strchr(text, '@'))
        return "a user does not belong into the URL; there are username and password-file";
    if (strpbrk(text, "/?#"))
        return "nothing may follow the port";

    bool bracket = *text == '[';
    text += bracket;
    size_t length = strcspn(text, bracket ? "]" : ":");
    if (length > MQTT_URL_HOST_MAX)
        return "the host is too long";
    memcpy(url->host, text, length);
    url->host[length] = '\0';
    text += length;
    if (bracket && *text++ != ']')
        return "there is no ']' behind the IPv6 address";
    if (!(bracket ? is_ipv6 : is_host)(url->host))
        return bracket ? "not an IPv6 address between the brackets"
                       : "not a host name or address (an IPv6 address needs brackets)";
    return parse_port(&url->port, text) ? NULL : "the port must be a number from 1 to 65535";
}

const char *mqtt_url_parse(struct mqtt_url *url, const char *text)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t length = strlen(schemes[i].prefix);
        if (strncmp(text, schemes[i].prefix, length) != 0)
            continue;
        *url = (struct mqtt_url){.tls = schemes[i].tls, .port = schemes[i].port};
        return (url->port ? parse_host : parse_path)(url, text + length);
    }
    return "must be mqtt://HOST[:PORT], mqtts://HOST[:PORT] or unix:///PATH";
}

void mqtt_url_write(char out[MQTT_URL_MAX + 1], const struct mqtt_url *url)
{
    bool bracket = strchr(url->host, ':');
    if (url->port == 0)
        snprintf(out, MQTT_URL_MAX + 1, "unix://%s", url->host);
    else
        snprintf(out, MQTT_URL_MAX + 1, "%s://%s%s%s:%u", url->tls ? "mqtts" : "mqtt",
                 bracket ? "[" : "", url->host, bracket ? "]" : "", url->port);
}
