/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 *     WAITING     no connection; the next attempt is at `deadline` (back-off with jitter)
 *     LOOKING_UP  the broker's name; its addresses until `deadline`
 *     CONNECTING  TCP, TLS, CONNECT sent; CONNACK until `deadline`
 *     CONNECTED   mosquitto_loop_misc() once a second; it watches the keepalive
 *
 * `connected` is told when the loop call that read the CONNACK has returned.
 *
 * On any error libmosquitto has closed its socket already, and the file descriptor may belong to
 * somebody else by then: connection_fd() asks for it anew each time.
 */
#include "connection_inside.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "say.h"

#define BACK_OFF_MAX_MS 5000
#define MISC_MS 1000
#define GOOD_MS 5000 /* after which a connection is not one that is dropped at once */

const char *connection_error_text(int code, int error)
{
    if (code == MOSQ_ERR_ERRNO)
        return strerror(error);
    if (code == MOSQ_ERR_KEEPALIVE)
        return "no answer within the keepalive time";
    return mosquitto_strerror(code);
}

const char *connection_reason_text(int reason)
{
    return mosquitto_reason_string(reason);
}

/* Half of the delay is by chance, so that a fleet does not come back in step. */
static int64_t with_jitter(int64_t delay)
{
    uint32_t chance = 0;
    (void)!getrandom(&chance, sizeof chance, 0);
    return delay / 2 + (int64_t)(chance % (uint32_t)(delay / 2 + 1));
}

static void wait_for_next_attempt(struct connection *c)
{
    c->state = CONNECTION_WAITING;
    c->deadline = clock_now() + with_jitter(c->back_off);
    c->back_off = c->back_off * 2 < BACK_OFF_MAX_MS ? c->back_off * 2 : BACK_OFF_MAX_MS;
    c->connack = false;
    c->address = 0;
    connection_forget_messages(c);
}

/* Another of its addresses may do where this one does not. */
static bool try_next_address(struct connection *c, enum connection_problem problem)
{
    bool answered = problem == CONNECTION_REFUSED || problem == CONNECTION_PASSWORD ||
                    (problem == CONNECTION_BROKEN && c->place->tls);
    if (c->state != CONNECTION_CONNECTING || answered ||
        connection_next_address(c) >= c->addresses.count)
        return false;
    c->address = connection_next_address(c);
    return true;
}

void connection_attempt_failed(struct connection *c, const struct connection_failure *failure)
{
    if (c->state == CONNECTION_WAITING)
        return;
    if (try_next_address(c, failure->problem)) {
        c->state = CONNECTION_WAITING;
        c->deadline = clock_now();
        return;
    }
    wait_for_next_attempt(c);
    if (c->handlers.failed && !c->handlers.failed(c->context, failure)) {
        c->abandoned = true;
        c->deadline = NEVER;
        return;
    }
    if (!c->complained)
        say("cannot connect to the broker at %s: %s; trying again", c->place->url, failure->text);
    c->complained = true;
}

/* The loop functions of libmosquitto return an error: the connection is over. */
void connection_broken(struct connection *c, int code, int error)
{
    const char *text = connection_error_text(code, error);

    if (c->state == CONNECTION_CONNECTING) {
        enum connection_problem problem =
            code == MOSQ_ERR_ERRNO ? CONNECTION_UNREACHABLE : CONNECTION_BROKEN;
        connection_attempt_failed(c, &(struct connection_failure){problem, error, text});
    } else if (c->state == CONNECTION_CONNECTED) {
        wait_for_next_attempt(c);
        if (!c->unsteady) {
            say("the connection to the broker at %s was lost (%s); trying again", c->place->url,
                text);
            c->complained = true;
        }
        c->unsteady = true;
        if (c->handlers.lost)
            c->handlers.lost(c->context);
    }
}

void connection_on_connect(struct mosquitto *mosquitto, void *userdata, int reason, int flags,
                           const mosquitto_property *properties)
{
    (void)mosquitto, (void)flags, (void)properties;
    struct connection *c = userdata;
    struct connection_failure failure = {CONNECTION_REFUSED, reason,
                                         mosquitto_reason_string(reason)};
    if (reason == 0)
        c->connack = true;
    else
        connection_attempt_failed(c, &failure);
}

bool connection_is_up(const struct connection *c)
{
    return c->state == CONNECTION_CONNECTED;
}

bool connection_was_up(const struct connection *c)
{
    return c->was_up;
}

int connection_fd(const struct connection *c)
{
    switch (c->state) {
    case CONNECTION_WAITING:
        break;
    case CONNECTION_LOOKING_UP:
        return c->question;
    case CONNECTION_CONNECTING:
    case CONNECTION_CONNECTED:
        return mosquitto_socket(c->mosquitto);
    }
    return -1;
}

short connection_events(const struct connection *c)
{
    bool writes = c->state != CONNECTION_LOOKING_UP && mosquitto_want_write(c->mosquitto);
    return writes ? POLLIN | POLLOUT : POLLIN;
}

int64_t connection_deadline(const struct connection *c)
{
    return c->deadline;
}

/* ---- what happens ---- */

/* What became of a connect() that went on by itself: libmosquitto would call it a lost connection. */
static int pending_error(int fd)
{
    int error = 0;
    socklen_t size = sizeof error;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : 0;
}

/* With TLS the error of a refused connect() is taken by OpenSSL, whose first write it fails, and
 * libmosquitto makes nothing of it. All that is left to be seen is a connection that is over. */
static bool was_refused(const struct connection *c, short revents)
{
    return c->state == CONNECTION_CONNECTING && c->place->tls && !c->connack && (revents & POLLHUP);
}

static void serve_socket(struct connection *c, short revents)
{
    int code = MOSQ_ERR_SUCCESS;
    if (c->state == CONNECTION_CONNECTING && (revents & POLLERR)) {
        int error = pending_error(mosquitto_socket(c->mosquitto));
        if (error) {
            connection_broken(c, MOSQ_ERR_ERRNO, error);
            return;
        }
    }
    if (revents & (POLLIN | POLLHUP | POLLERR))
        code = mosquitto_loop_read(c->mosquitto, 1);
    if (code == MOSQ_ERR_SUCCESS && (revents & POLLOUT))
        code = mosquitto_loop_write(c->mosquitto, 1);
    if (code != MOSQ_ERR_SUCCESS)
        connection_broken(c, code, errno);
    else if (was_refused(c, revents))
        connection_broken(c, MOSQ_ERR_ERRNO, ECONNREFUSED);
}

static void become_connected(struct connection *c, int64_t now)
{
    c->connack = false;
    c->state = CONNECTION_CONNECTED;
    c->deadline = now + MISC_MS;
    c->good_at = now + GOOD_MS;
    if (c->complained)
        say("%s to the broker at %s", c->was_up ? "connected again" : "connected", c->place->url);
    c->complained = false;
    c->was_up = true;
    connection_send_subscriptions(c);
    if (c->handlers.connected)
        c->handlers.connected(c->context);
}

static void deadline_passed(struct connection *c, int64_t now)
{
    switch (c->state) {
    case CONNECTION_WAITING:
        connection_start_attempt(c, now);
        break;
    case CONNECTION_LOOKING_UP:
        close(c->question);
        c->question = -1;
        connection_attempt_failed(
            c, &(struct connection_failure){CONNECTION_SILENT, 0, "its name is not answered for"});
        break;
    case CONNECTION_CONNECTING:
        /* The next attempt closes the socket. */
        connection_attempt_failed(
            c, &(struct connection_failure){CONNECTION_SILENT, 0, "no answer from the broker"});
        break;
    case CONNECTION_CONNECTED: {
        int code = mosquitto_loop_misc(c->mosquitto);
        c->deadline = now + MISC_MS;
        if (now >= c->good_at) {
            c->unsteady = false;
            c->back_off = CONNECTION_BACK_OFF_MS;
        }
        if (code != MOSQ_ERR_SUCCESS)
            connection_broken(c, code, errno);
        break;
    }
    }
}

void connection_dispatch(struct connection *c, short revents, int64_t now)
{
    if (c->abandoned)
        return;
    if (revents && c->state == CONNECTION_LOOKING_UP)
        connection_take_addresses(c, now);
    else if (revents && c->state != CONNECTION_WAITING)
        serve_socket(c, revents);
    if (c->connack && c->state == CONNECTION_CONNECTING)
        become_connected(c, now);
    if (c->settled && c->state == CONNECTION_CONNECTED) {
        c->settled = false;
        if (c->handlers.settled)
            c->handlers.settled(c->context);
    }
    if (now >= c->deadline)
        deadline_passed(c, now);
}
