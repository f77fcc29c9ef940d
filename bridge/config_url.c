/* SPDX-License-Identifier: MIT */
/* The broker's URL. Strict, so that what it means is never a guess. */
#include "config_value.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <string.h>
#include <sys/un.h>

#define DIGITS "0123456789"
#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" DIGITS "-._"

#define UNIX_SCHEME "unix://"
#define TCP_SCHEME "mqtt://"
#define TLS_SCHEME "mqtts://"
#define TCP_PORT 1883 /* both registered with IANA */
#define TLS_PORT 8883

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* A DNS name, or four numbers. */
static bool is_host(const char *host)
{
    size_t length = strlen(host);
    if (length == 0 || length > SERVICE_HOST_MAX || strspn(host, NAME_CHARACTERS) != length)
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

/* ":PORT", or nothing, which leaves the default. */
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
    if (number < 1 || number > 65535)
        return false;
    *port = (uint16_t)number;
    return true;
}

static const char *parse_tcp(struct broker_url *url, const char *text)
{
    if (strchr(text, '@'))
        return "a user does not belong into the URL; there are username and password-file";
    if (strpbrk(text, "/?#"))
        return "nothing may follow the port";

    bool bracket = *text == '[';
    text += bracket;
    size_t length = strcspn(text, bracket ? "]" : ":");
    if (length >= sizeof url->host)
        return "the host is too long";
    memcpy(url->host, text, length);
    url->host[length] = '\0';
    text += length;
    if (bracket && *text++ != ']')
        return "there is no ']' behind the IPv6 address";
    if (!(bracket ? is_ipv6 : is_host)(url->host))
        return bracket ? "not an IPv6 address between the brackets"
                       : "not a host name or address (an IPv6 address needs brackets)";
    if (!parse_port(&url->port, text))
        return "the port must be a number from 1 to 65535";
    return NULL;
}

const char *config_url_parse(struct broker_url *url, const char *text)
{
    memset(url, 0, sizeof *url);
    if (starts_with(text, UNIX_SCHEME)) {
        const char *path = text + strlen(UNIX_SCHEME);
        struct sockaddr_un address;
        if (*path != '/')
            return "unix:// needs an absolute path";
        if (strlen(path) >= sizeof address.sun_path)
            return "the path is longer than a Unix socket's can be (107 bytes)";
        url->is_unix = true;
        memcpy(url->host, path, strlen(path) + 1);
        return NULL;
    }
    if (starts_with(text, TCP_SCHEME)) {
        url->port = TCP_PORT;
        return parse_tcp(url, text + strlen(TCP_SCHEME));
    }
    if (starts_with(text, TLS_SCHEME)) {
        url->tls = true;
        url->port = TLS_PORT;
        return parse_tcp(url, text + strlen(TLS_SCHEME));
    }
    return "must be mqtt://HOST[:PORT], mqtts://HOST[:PORT] or unix:///PATH";
}

void config_url_write(const struct broker_url *url, FILE *out)
{
    if (url->is_unix) {
        fprintf(out, UNIX_SCHEME "%s", url->host);
        return;
    }
    bool bracket = strchr(url->host, ':') != NULL;
    fprintf(out, "%s%s%s%s:%u", url->tls ? TLS_SCHEME : TCP_SCHEME, bracket ? "[" : "", url->host,
            bracket ? "]" : "", url->port);
}
