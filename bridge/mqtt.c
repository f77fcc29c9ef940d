/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 *     WAITING     no connection; the next attempt is at `deadline` (back-off with jitter)
 *     RESOLVING   a thread of its own looks up the broker's name and connects, since both may block for
 *                 long: it tries one address after the other. The struct mosquitto is the thread's until
 *                 it says through `resolved_fd` that it is done. An address or a socket's path needs
 *                 none of this.
 *     CONNECTING  TCP, TLS, CONNECT sent; CONNACK until `deadline`
 *     CONNECTED   mosquitto_loop_misc() once a second; it watches the keepalive
 *
 * Each connection has a struct mosquitto of its own. One that lived on would send again what was not
 * acknowledged, before anybody has seen what became true meanwhile: a stale withdrawal would delete what
 * a client has asked for since. What was lost with a connection is found by reading the tree back.
 *
 * `connected` is told when the loop call that read the CONNACK has returned, outside of its callbacks.
 *
 * The session is clean (the retained tree is the state), and the client id is random: a client id
 * is no secret and no identity at the broker, and who takes ours over would throw us off.
 *
 * On any error libmosquitto has closed its socket already; the file descriptor may belong to
 * somebody else by then. So mqtt_fd() asks for it anew each time.
 */
#include "mqtt_inside.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include <mosquitto.h>

#include "clock.h"
#include "log.h"
#include "mqtt_client.h"

#define CONNECT_TIMEOUT_MS 10000
#define BACK_OFF_MS 200
#define BACK_OFF_MAX_MS 15000
#define MISC_MS 1000

/* A connection that has lasted as long is a good one; a broker that throws us out is not worth hurry. */
#define GOOD_MS 5000

static const char *const state_names[] = {"waiting", "resolving", "connecting", "connected"};

_Static_assert(sizeof state_names / sizeof *state_names == MQTT_CONNECTED + 1,
               "a name for each state");

static void set_state(struct mqtt *mqtt, enum mqtt_state state, int64_t deadline)
{
    if (mqtt->state != state)
        log_debug("mqtt: %s -> %s", state_names[mqtt->state], state_names[state]);
    mqtt->state = state;
    mqtt->deadline = deadline;
}

const char *mqtt_error_text(int code)
{
    if (code == MOSQ_ERR_ERRNO)
        return strerror(errno);
    if (code == MOSQ_ERR_KEEPALIVE)
        return "no answer within the keepalive time";
    return mosquitto_strerror(code);
}

/* Half of the delay is by chance, so that a fleet does not come back in step. */
static int64_t with_jitter(int64_t delay)
{
    uint32_t chance = 0;
    (void)!getrandom(&chance, sizeof chance, 0);
    return delay / 2 + (int64_t)(chance % (uint32_t)(delay / 2 + 1));
}

static void connection_lost(struct mqtt *mqtt, const char *why)
{
    bool was_connected = mqtt->state == MQTT_CONNECTED;
    if (mqtt->state == MQTT_WAITING)
        return;
    int64_t delay = with_jitter(mqtt->back_off);
    mqtt->back_off = mqtt->back_off * 2 < BACK_OFF_MAX_MS ? mqtt->back_off * 2 : BACK_OFF_MAX_MS;
    if (was_connected)
        log_warning("mqtt: connection to %s lost: %s", mqtt->options.host, why);
    else if (!mqtt->complained)
        log_warning("mqtt: cannot connect to %s: %s; trying again", mqtt->options.host, why);
    else
        log_debug("mqtt: cannot connect to %s: %s", mqtt->options.host, why);
    mqtt->complained = true;
    mqtt->connack = false;
    log_debug("mqtt: next attempt in %d ms", (int)delay);
    set_state(mqtt, MQTT_WAITING, clock_now() + delay);
    if (was_connected)
        mqtt->handlers.disconnected(mqtt->context);
}

static void on_connect(struct mosquitto *mosquitto, void *userdata, int code, int flags,
                       const mosquitto_property *properties)
{
    (void)mosquitto, (void)flags, (void)properties;
    struct mqtt *mqtt = userdata;
    if (code == 0)
        mqtt->connack = true;
    else
        connection_lost(mqtt, mqtt_is_old(mqtt) ? mosquitto_connack_string(code)
                                                : mosquitto_reason_string(code));
}

static void on_log(struct mosquitto *mosquitto, void *userdata, int level, const char *text)
{
    (void)mosquitto;
    const struct mqtt *mqtt = userdata;
    if (level != MOSQ_LOG_ERR && level != MOSQ_LOG_WARNING)
        return;
    if (mqtt->complained) /* each attempt says the same */
        log_debug("mqtt: libmosquitto: %s", text);
    else
        log_warning("mqtt: libmosquitto: %s", text);
}

static bool needs_looking_up(const struct mqtt_options *options)
{
    struct in6_addr address; /* room for either kind */
    return options->port != 0 && inet_pton(AF_INET, options->host, &address) != 1 &&
           inet_pton(AF_INET6, options->host, &address) != 1;
}

static void set_callbacks(struct mosquitto *mosquitto)
{
    mosquitto_connect_v5_callback_set(mosquitto, on_connect);
    mosquitto_message_v5_callback_set(mosquitto, mqtt_on_message);
    mosquitto_publish_v5_callback_set(mosquitto, mqtt_on_publish);
    mosquitto_subscribe_v5_callback_set(mosquitto, mqtt_on_subscribe);
    mosquitto_unsubscribe_v5_callback_set(mosquitto, mqtt_on_unsubscribe);
    mosquitto_log_callback_set(mosquitto, on_log);
}

/* A new struct mosquitto for the next connection. Returns libmosquitto's code. */
static int renew(struct mqtt *mqtt)
{
    int code;
    mosquitto_destroy(mqtt->mosquitto);
    mqtt->mosquitto = mqtt_client_new(&mqtt->options, mqtt, &code);
    if (mqtt->mosquitto)
        set_callbacks(mqtt->mosquitto);
    return code;
}

struct mqtt *mqtt_new(const struct mqtt_options *options, const struct mqtt_handlers *handlers,
                      void *context)
{
    struct mqtt *mqtt = calloc(1, sizeof *mqtt);
    if (!mqtt)
        return NULL;
    mosquitto_lib_init();
    mqtt->handlers = *handlers;
    mqtt->context = context;
    mqtt->is_name = needs_looking_up(options);
    mqtt->back_off = BACK_OFF_MS;
    mqtt->resolved_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (mqtt->resolved_fd < 0 || !mqtt_client_copy_options(&mqtt->options, options))
        goto fail;
    /* Each attempt makes one anew; this one is to see at once whether the files can be used. */
    int code = renew(mqtt);
    if (code == MOSQ_ERR_SUCCESS)
        return mqtt;
    log_error("mqtt: TLS files or options cannot be used: %s", mqtt_error_text(code));
fail:
    mqtt_free(mqtt, false);
    return NULL;
}

void mqtt_free(struct mqtt *mqtt, bool clean)
{
    if (!mqtt || mqtt->state == MQTT_RESOLVING)
        return;
    if (mqtt->resolved_fd >= 0)
        close(mqtt->resolved_fd);
    if (clean && mqtt->state == MQTT_CONNECTED)
        mosquitto_disconnect(mqtt->mosquitto);
    mosquitto_destroy(mqtt->mosquitto);
    mosquitto_lib_cleanup();
    mqtt_client_free_options(&mqtt->options);
    free(mqtt);
}

bool mqtt_is_connected(const struct mqtt *mqtt)
{
    return mqtt->state == MQTT_CONNECTED;
}

int mqtt_fd(const struct mqtt *mqtt)
{
    if (mqtt->state == MQTT_RESOLVING)
        return mqtt->resolved_fd;
    return mqtt->state == MQTT_WAITING ? -1 : mosquitto_socket(mqtt->mosquitto);
}

short mqtt_events(const struct mqtt *mqtt)
{
    if (mqtt->state == MQTT_RESOLVING)
        return POLLIN;
    if (mqtt->state == MQTT_WAITING)
        return 0;
    return mosquitto_want_write(mqtt->mosquitto) ? POLLIN | POLLOUT : POLLIN;
}

int64_t mqtt_deadline(const struct mqtt *mqtt)
{
    return mqtt->deadline;
}

static void connect_began(struct mqtt *mqtt, int code, int64_t now)
{
    set_state(mqtt, MQTT_CONNECTING, now + CONNECT_TIMEOUT_MS);
    if (code != MOSQ_ERR_SUCCESS)
        connection_lost(mqtt, mqtt_error_text(code));
}

/* Not mosquitto_connect_async(): that one knows the first address of a name only. */
static void *resolver_main(void *context)
{
    struct mqtt *mqtt = context;
    uint64_t one = 1;
    mqtt->resolved_code = mosquitto_connect(mqtt->mosquitto, mqtt->options.host, mqtt->options.port,
                                            mqtt->options.keepalive);
    mqtt->resolved_errno = errno;
    (void)!write(mqtt->resolved_fd, &one, sizeof one);
    return NULL;
}

static void start_resolving(struct mqtt *mqtt, int64_t now)
{
    sigset_t all, before;
    set_state(mqtt, MQTT_RESOLVING, now + CONNECT_TIMEOUT_MS);
    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&mqtt->resolver, NULL, resolver_main, mqtt);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        errno = error;
        connect_began(mqtt, MOSQ_ERR_ERRNO, now);
    }
}

static void end_resolving(struct mqtt *mqtt, int64_t now)
{
    uint64_t value;
    (void)!read(mqtt->resolved_fd, &value, sizeof value);
    pthread_join(mqtt->resolver, NULL);
    errno = mqtt->resolved_errno;
    connect_began(mqtt, mqtt->resolved_code, now);
}

static void start_connecting(struct mqtt *mqtt, int64_t now)
{
    int code = renew(mqtt);
    if (code != MOSQ_ERR_SUCCESS) {
        connect_began(mqtt, code, now);
        return;
    }
    mqtt->handlers.connecting(mqtt->context);
    if (mqtt->is_name)
        start_resolving(mqtt, now);
    else
        connect_began(mqtt,
                      mosquitto_connect_async(mqtt->mosquitto, mqtt->options.host,
                                              mqtt->options.port, mqtt->options.keepalive),
                      now);
}

static void serve_socket(struct mqtt *mqtt, short revents)
{
    int code = MOSQ_ERR_SUCCESS;
    if (revents & (POLLIN | POLLHUP | POLLERR))
        code = mosquitto_loop_read(mqtt->mosquitto, 1);
    if (code == MOSQ_ERR_SUCCESS && (revents & POLLOUT))
        code = mosquitto_loop_write(mqtt->mosquitto, 1);
    if (code != MOSQ_ERR_SUCCESS)
        connection_lost(mqtt, mqtt_error_text(code));
}

static void deadline_passed(struct mqtt *mqtt, int64_t now)
{
    switch (mqtt->state) {
    case MQTT_WAITING:
        start_connecting(mqtt, now);
        break;
    case MQTT_RESOLVING: /* nobody can end the thread; its next addresses may be better */
        if (!mqtt->complained)
            log_warning("mqtt: no answer from %s yet", mqtt->options.host);
        mqtt->complained = true;
        mqtt->deadline = INT64_MAX;
        break;
    case MQTT_CONNECTING:
        /* The next attempt closes the socket. */
        connection_lost(mqtt, "no answer from the broker");
        break;
    case MQTT_CONNECTED: {
        int code = mosquitto_loop_misc(mqtt->mosquitto);
        mqtt->deadline = now + MISC_MS;
        if (now >= mqtt->connected_at + GOOD_MS) {
            mqtt->complained = false;
            mqtt->back_off = BACK_OFF_MS;
        }
        if (code != MOSQ_ERR_SUCCESS)
            connection_lost(mqtt, mqtt_error_text(code));
        break;
    }
    }
}

void mqtt_dispatch(struct mqtt *mqtt, short revents, int64_t now)
{
    if (revents && mqtt->state == MQTT_RESOLVING)
        end_resolving(mqtt, now);
    else if (revents && mqtt->state != MQTT_WAITING)
        serve_socket(mqtt, revents);
    if (mqtt->connack && mqtt->state == MQTT_CONNECTING) {
        mqtt->connack = false;
        mqtt->connected_at = now;
        set_state(mqtt, MQTT_CONNECTED, now + MISC_MS);
        log_info("mqtt: connected to %s", mqtt->options.host);
        mqtt->handlers.connected(mqtt->context);
    }
    if (now >= mqtt->deadline)
        deadline_passed(mqtt, now);
}
