/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 *     WAITING     no connection; the next attempt is at `deadline` (back-off with jitter)
 *     CONNECTING  TCP, TLS, CONNECT sent; CONNACK until `deadline`
 *     CONNECTED   mosquitto_loop_misc() once a second; it watches the keepalive
 *
 * One struct mosquitto lives as long as the tool. Over a reconnection it keeps what was published
 * and not acknowledged, and sends it again right behind CONNACK. `connected` is told when the loop
 * call that read the CONNACK has returned.
 *
 * When has all come that was retained? MQTT does not say: a broker sends it around SUBACK, in a
 * window of messages that it refills as they are acknowledged. So we send something that is always
 * allowed and always answered, to unsubscribe from a filter that nobody has, and look at what comes
 * before the answer. Behind an acknowledgement the broker sends the next messages before it reads
 * on, so a round trip in which no message came means that nothing is left.
 *
 * Looking up the name of a broker blocks; that is nobody's loss in a tool that has nothing else to
 * do without a broker. libmosquitto tries the first address of a name only, and "localhost" is first
 * of all ::1, where few brokers listen; so one after the other is given to it. (Not with TLS, where
 * it has to know the name.) On any error libmosquitto has closed its socket already, and the file
 * descriptor may belong to somebody else by then: connection_fd() asks for it anew each time.
 */
#include "connection.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <mosquitto.h>
#include <mqtt_protocol.h>

#include "address.h"
#include "clock.h"
#include "say.h"

#define KEEPALIVE_S 30
#define CONNECT_TIMEOUT_MS 10000
#define BACK_OFF_MS 100
#define BACK_OFF_MAX_MS 5000
#define MISC_MS 1000

/* Nobody subscribes to it, and nobody publishes there. */
#define ROUND_TRIP_FILTER "mdns-mqtt/round-trip"

enum connection_state { CONNECTION_WAITING, CONNECTION_CONNECTING, CONNECTION_CONNECTED };

struct connection {
    struct mosquitto *mosquitto;
    const struct place *place;
    struct connection_handlers handlers;
    void *context;
    enum connection_state state;
    int64_t deadline;
    int64_t back_off;
    unsigned address;    /* which of the broker's is tried */
    bool more_addresses; /* there is one behind it */
    char *filters[CONNECTION_SUBSCRIPTIONS_MAX];
    size_t filter_count;
    int round_trip;  /* number of the UNSUBSCRIBE that is under way; 0: none is */
    bool heard;      /* a message came since it was sent */
    bool settled;    /* to be told */
    bool connack;    /* accepted within the loop call under way */
    bool was_up;     /* ever */
    bool complained; /* about the loss, or that a first connection fails */
    bool abandoned;  /* the caller has given up */
};

static const char *error_text(int code, int error)
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
    c->connack = c->settled = c->heard = false;
    c->round_trip = 0;
    c->address = 0;
}

static void attempt_failed(struct connection *c, const struct connection_failure *failure)
{
    if (c->state == CONNECTION_WAITING)
        return;
    if (c->more_addresses && failure->problem != CONNECTION_REFUSED) {
        c->state = CONNECTION_WAITING;
        c->deadline = clock_now();
        c->address++;
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
static void broken(struct connection *c, int code, int error)
{
    const char *text = error_text(code, error);

    if (c->state == CONNECTION_CONNECTING) {
        enum connection_problem problem =
            code == MOSQ_ERR_ERRNO ? CONNECTION_UNREACHABLE : CONNECTION_BROKEN;
        attempt_failed(c, &(struct connection_failure){problem, error, text});
    } else if (c->state == CONNECTION_CONNECTED) {
        wait_for_next_attempt(c);
        say("the connection to the broker at %s was lost (%s); trying again", c->place->url, text);
        c->complained = true;
        if (c->handlers.lost)
            c->handlers.lost(c->context);
    }
}

/* ---- what libmosquitto calls ---- */

static void on_connect(struct mosquitto *mosquitto, void *userdata, int reason, int flags,
                       const mosquitto_property *properties)
{
    (void)mosquitto, (void)flags, (void)properties;
    struct connection *c = userdata;
    struct connection_failure failure = {CONNECTION_REFUSED, reason,
                                         mosquitto_reason_string(reason)};
    if (reason == 0)
        c->connack = true;
    else
        attempt_failed(c, &failure);
}

static void on_message(struct mosquitto *mosquitto, void *userdata,
                       const struct mosquitto_message *message,
                       const mosquitto_property *properties)
{
    (void)mosquitto, (void)properties;
    struct connection *c = userdata;
    struct message ours = {message->topic, message->payload, (size_t)message->payloadlen,
                           message->retain};
    c->heard = true;
    if (c->handlers.message)
        c->handlers.message(c->context, &ours);
}

static void on_publish(struct mosquitto *mosquitto, void *userdata, int number, int reason,
                       const mosquitto_property *properties)
{
    (void)mosquitto, (void)properties;
    struct connection *c = userdata;
    if (c->handlers.acknowledged)
        c->handlers.acknowledged(c->context, number, reason);
}

static void on_subscribe(struct mosquitto *mosquitto, void *userdata, int number, int count,
                         const int *granted, const mosquitto_property *properties)
{
    (void)mosquitto, (void)number, (void)properties;
    struct connection *c = userdata;
    for (int i = 0; i < count; i++)
        if (granted[i] >= 0x80 && c->handlers.subscription_refused)
            c->handlers.subscription_refused(c->context, granted[i]);
}

static void start_round_trip(struct connection *c)
{
    c->heard = false;
    if (mosquitto_unsubscribe(c->mosquitto, &c->round_trip, ROUND_TRIP_FILTER) != MOSQ_ERR_SUCCESS)
        c->round_trip = 0; /* the connection is broken, which shows at the next loop call */
}

static void on_unsubscribe(struct mosquitto *mosquitto, void *userdata, int number,
                           const mosquitto_property *properties)
{
    (void)mosquitto, (void)properties;
    struct connection *c = userdata;
    if (number != c->round_trip)
        return;
    c->round_trip = 0;
    if (c->heard)
        start_round_trip(c);
    else
        c->settled = true;
}

static void set_callbacks(struct mosquitto *mosquitto)
{
    mosquitto_connect_v5_callback_set(mosquitto, on_connect);
    mosquitto_message_v5_callback_set(mosquitto, on_message);
    mosquitto_publish_v5_callback_set(mosquitto, on_publish);
    mosquitto_subscribe_v5_callback_set(mosquitto, on_subscribe);
    mosquitto_unsubscribe_v5_callback_set(mosquitto, on_unsubscribe);
}

/* ---- life ---- */

static bool make_client_id(char *out, size_t size)
{
    uint8_t bytes[12];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        return false;
    int length = snprintf(out, size, "mdns-mqtt-");
    for (size_t i = 0; i < sizeof bytes; i++)
        length += snprintf(out + length, size - (size_t)length, "%02x", bytes[i]);
    return true;
}

/* Without TCP_NODELAY a single answer may wait 40 ms for a delayed ACK. */
static int set_options(struct connection *c)
{
    const struct place *place = c->place;
    int code = mosquitto_int_option(c->mosquitto, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    if (code == MOSQ_ERR_SUCCESS)
        code = mosquitto_int_option(c->mosquitto, MOSQ_OPT_TCP_NODELAY, 1);
    if (code != MOSQ_ERR_SUCCESS || !place->tls)
        return code;
    /* Without a CA file the system's store: libmosquitto wants a directory then. */
    return mosquitto_tls_set(c->mosquitto, place->ca_file, place->ca_file ? NULL : "/etc/ssl/certs",
                             place->cert_file, place->key_file, NULL);
}

struct connection *connection_new(const struct place *place,
                                  const struct connection_handlers *handlers, void *context)
{
    char client_id[64];
    struct connection *c = calloc(1, sizeof *c);

    mosquitto_lib_init();
    if (!c || !make_client_id(client_id, sizeof client_id))
        goto no_memory;
    c->place = place;
    c->handlers = *handlers;
    c->context = context;
    c->back_off = BACK_OFF_MS;
    c->mosquitto = mosquitto_new(client_id, true, c);
    if (!c->mosquitto)
        goto no_memory;
    set_callbacks(c->mosquitto);
    int code = set_options(c);
    if (code == MOSQ_ERR_SUCCESS)
        return c;
    say("the TLS files or options cannot be used: %s", error_text(code, errno));
    connection_free(c, false);
    return NULL;
no_memory:
    say("out of memory");
    connection_free(c, false);
    return NULL;
}

void connection_free(struct connection *c, bool clean)
{
    if (c && c->mosquitto) {
        if (clean && c->state == CONNECTION_CONNECTED)
            mosquitto_disconnect(c->mosquitto);
        mosquitto_destroy(c->mosquitto);
    }
    for (size_t i = 0; c && i < c->filter_count; i++)
        free(c->filters[i]);
    free(c);
    mosquitto_lib_cleanup();
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
    return c->state == CONNECTION_WAITING ? -1 : mosquitto_socket(c->mosquitto);
}

short connection_events(const struct connection *c)
{
    return mosquitto_want_write(c->mosquitto) ? POLLIN | POLLOUT : POLLIN;
}

int64_t connection_deadline(const struct connection *c)
{
    return c->deadline;
}

/* ---- what happens ---- */

static bool set_password(struct connection *c)
{
    char password[PLACE_PASSWORD_SIZE], text[256];
    int result = place_read_password(c->place, password);

    if (result >= 0) {
        mosquitto_username_pw_set(c->mosquitto, c->place->username, result ? password : NULL);
        return true;
    }
    snprintf(text, sizeof text, "the password file: %s", strerror(-result));
    attempt_failed(c, &(struct connection_failure){CONNECTION_PASSWORD, -result, text});
    return false;
}

/* The address to try; the broker's name or path itself, where that is for libmosquitto. */
static bool choose_address(struct connection *c, char *out, size_t size)
{
    c->more_addresses = false;
    snprintf(out, size, "%s", c->place->host);
    return c->place->port == 0 || c->place->tls ||
           address_choose(out, size, c->place->host, c->address, &c->more_addresses);
}

static void start_connecting(struct connection *c, int64_t now)
{
    char address[SERVICE_HOST_MAX + 1];
    int code = MOSQ_ERR_EAI;

    c->state = CONNECTION_CONNECTING;
    c->deadline = now + CONNECT_TIMEOUT_MS;
    if (!set_password(c))
        return;
    if (choose_address(c, address, sizeof address))
        code = mosquitto_connect_async(c->mosquitto, address, c->place->port, KEEPALIVE_S);
    if (code == MOSQ_ERR_EAI) /* the name is not known, and errno says nothing of it */
        attempt_failed(c, &(struct connection_failure){CONNECTION_UNREACHABLE, 0,
                                                       "there is no host of this name"});
    else if (code != MOSQ_ERR_SUCCESS)
        broken(c, code, errno);
}

/* What became of a connect() that went on by itself: libmosquitto would call it a lost connection. */
static int pending_error(int fd)
{
    int error = 0;
    socklen_t size = sizeof error;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : 0;
}

static void serve_socket(struct connection *c, short revents)
{
    int code = MOSQ_ERR_SUCCESS;
    if (c->state == CONNECTION_CONNECTING && (revents & POLLERR)) {
        int error = pending_error(mosquitto_socket(c->mosquitto));
        if (error) {
            broken(c, MOSQ_ERR_ERRNO, error);
            return;
        }
    }
    if (revents & (POLLIN | POLLHUP | POLLERR))
        code = mosquitto_loop_read(c->mosquitto, 1);
    if (code == MOSQ_ERR_SUCCESS && (revents & POLLOUT))
        code = mosquitto_loop_write(c->mosquitto, 1);
    if (code != MOSQ_ERR_SUCCESS)
        broken(c, code, errno);
}

static void send_subscriptions(struct connection *c)
{
    if (c->filter_count == 0)
        return;
    mosquitto_subscribe_multiple(c->mosquitto, NULL, (int)c->filter_count, c->filters, 1, 0, NULL);
    start_round_trip(c);
}

static void become_connected(struct connection *c, int64_t now)
{
    c->connack = false;
    c->state = CONNECTION_CONNECTED;
    c->deadline = now + MISC_MS;
    c->back_off = BACK_OFF_MS;
    if (c->complained)
        say("%s to the broker at %s", c->was_up ? "connected again" : "connected", c->place->url);
    c->complained = false;
    c->was_up = true;
    send_subscriptions(c);
    if (c->handlers.connected)
        c->handlers.connected(c->context);
}

static void deadline_passed(struct connection *c, int64_t now)
{
    switch (c->state) {
    case CONNECTION_WAITING:
        start_connecting(c, now);
        break;
    case CONNECTION_CONNECTING:
        /* The next attempt closes the socket. */
        attempt_failed(
            c, &(struct connection_failure){CONNECTION_SILENT, 0, "no answer from the broker"});
        break;
    case CONNECTION_CONNECTED: {
        int code = mosquitto_loop_misc(c->mosquitto);
        c->deadline = now + MISC_MS;
        if (code != MOSQ_ERR_SUCCESS)
            broken(c, code, errno);
        break;
    }
    }
}

void connection_dispatch(struct connection *c, short revents, int64_t now)
{
    if (c->abandoned)
        return;
    if (revents && c->state != CONNECTION_WAITING)
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

bool connection_set_will(struct connection *c, const char *topic, const char *payload, bool retain)
{
    return mosquitto_will_set(c->mosquitto, topic, (int)strlen(payload), payload, 1, retain) ==
           MOSQ_ERR_SUCCESS;
}

int connection_publish(struct connection *c, const char *topic, const void *payload, size_t length,
                       bool retain)
{
    int number = -1;
    int code = mosquitto_publish(c->mosquitto, &number, topic, (int)length, payload, 1, retain);
    switch (code) {
    case MOSQ_ERR_INVAL:
    case MOSQ_ERR_NOMEM:
    case MOSQ_ERR_PROTOCOL:
    case MOSQ_ERR_PAYLOAD_SIZE:
    case MOSQ_ERR_MALFORMED_UTF8:
    case MOSQ_ERR_QOS_NOT_SUPPORTED:
    case MOSQ_ERR_RETAIN_NOT_SUPPORTED:
    case MOSQ_ERR_OVERSIZE_PACKET:
        return -1;
    default:
        /* Taken, even where sending failed: it goes out after the next CONNACK. */
        return number;
    }
}

bool connection_subscribe(struct connection *c, const char *filter)
{
    if (c->filter_count == CONNECTION_SUBSCRIPTIONS_MAX)
        return false;
    char *copy = strdup(filter);
    if (!copy)
        return false;
    c->filters[c->filter_count++] = copy;
    if (c->state == CONNECTION_CONNECTED) {
        mosquitto_subscribe(c->mosquitto, NULL, filter, 1);
        start_round_trip(c);
    }
    return true;
}
