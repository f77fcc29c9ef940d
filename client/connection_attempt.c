/* SPDX-License-Identifier: MIT */
/*
 * libmosquitto would look up the name itself, and block meanwhile; and it tries the first address
 * only, while "localhost" is first of all ::1, where few brokers listen. So one address after the
 * other is given to it. Not with TLS, where it has to know the name: it asks again, for what the name
 * server has just answered, and blocks only if that falls silent in this moment. But an address to come
 * from, which can be any, limits it to those of the same family: so the first of IPv4 and the first of
 * IPv6 are tried, in the order of the answer.
 */
#include "connection_inside.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"

#define KEEPALIVE_S 30
#define CONNECT_TIMEOUT_MS 10000

static bool is_ipv6(const struct connection *c, unsigned address)
{
    return strchr(c->addresses.addresses[address], ':');
}

unsigned connection_next_address(const struct connection *c)
{
    unsigned next = c->address + 1, count = c->addresses.count;
    if (c->place->tls && c->address > 0)
        return count;
    while (c->place->tls && next < count && is_ipv6(c, next) == is_ipv6(c, 0))
        next++;
    return next;
}

static const struct connection_failure no_host = {CONNECTION_UNREACHABLE, 0,
                                                  "there is no host of this name"};

static bool set_password(struct connection *c)
{
    char password[PLACE_PASSWORD_SIZE], text[256];
    int result = place_read_password(c->place, password);

    if (result >= 0) {
        mosquitto_username_pw_set(c->mosquitto, c->place->username, result ? password : NULL);
        return true;
    }
    snprintf(text, sizeof text, "the password file: %s", strerror(-result));
    connection_attempt_failed(c, &(struct connection_failure){CONNECTION_PASSWORD, -result, text});
    return false;
}

/* To one of the broker's addresses, or to its path or name, where that is for libmosquitto; from any
 * address of our own (NULL), or any of a family. */
static void start_connecting(struct connection *c, const char *host, const char *from, int64_t now)
{
    c->state = CONNECTION_CONNECTING;
    c->deadline = now + CONNECT_TIMEOUT_MS;
    if (!set_password(c))
        return;
    int code = mosquitto_connect_bind_async(c->mosquitto, host, c->place->port, KEEPALIVE_S, from);
    if (code == MOSQ_ERR_EAI) /* errno says nothing of it */
        connection_attempt_failed(c, &no_host);
    else if (code != MOSQ_ERR_SUCCESS)
        connection_broken(c, code, errno);
}

static void use_addresses(struct connection *c, int64_t now)
{
    if (c->addresses.count == 0)
        connection_attempt_failed(c, &no_host);
    else if (c->place->tls)
        start_connecting(c, c->place->host, is_ipv6(c, c->address) ? "::" : "0.0.0.0", now);
    else
        start_connecting(c, c->addresses.addresses[c->address], NULL, now);
}

static void start_looking_up(struct connection *c, int64_t now)
{
    c->state = CONNECTION_LOOKING_UP;
    c->deadline = now + CONNECT_TIMEOUT_MS;
    c->question = lookup_ask(c->place->host);
    if (c->question < 0)
        connection_attempt_failed(c,
                                  &(struct connection_failure){CONNECTION_UNREACHABLE, -c->question,
                                                               strerror(-c->question)});
}

void connection_take_addresses(struct connection *c, int64_t now)
{
    lookup_take(&c->addresses, c->question);
    c->question = -1;
    use_addresses(c, now);
}

void connection_start_attempt(struct connection *c, int64_t now)
{
    const char *host = c->place->host;
    bool is_path = c->place->port == 0;

    if (is_path)
        start_connecting(c, host, NULL, now);
    else if (c->address > 0 || lookup_address(&c->addresses, host))
        use_addresses(c, now);
    else
        start_looking_up(c, now);
}
