/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 *     WAITING     no connection; the next attempt is at `deadline` (back-off with jitter)
 *     RESOLVING   a thread of its own looks up the broker's name, since that may block for long; the
 *                 struct mosquitto is the thread's until it says through `resolved_fd` that it is done.
 *                 An address or a socket's path needs none of this.
 *     CONNECTING  TCP, TLS, CONNECT sent; CONNACK until `deadline`
 *     CONNECTED   mosquitto_loop_misc() once a second; it watches the keepalive
 *
 * One struct mosquitto lives as long as the bridge. Over a reconnection it keeps what was published
 * and not acknowledged, and sends it again right after CONNACK, behind the on_connect callback.
 * Newer messages must not overtake these: a record that was withdrawn meanwhile would come back. So
 * `connected` is told only when the loop call that read the CONNACK has returned.
 *
 * The session is clean (the retained tree is the state), and the client id is random: a client id
 * is no secret and no identity at the broker, and who takes ours over would throw us off.
 *
 * On any error libmosquitto has closed its socket already; the file descriptor may belong to
 * somebody else by then. So mqtt_fd() asks for it anew each time.
 */
#include "mqtt.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include <mosquitto.h>
#include <mqtt_protocol.h>

#include "clock.h"
#include "log.h"

#define CONNECT_TIMEOUT_MS 10000
#define BACK_OFF_MS 200
#define BACK_OFF_MAX_MS 15000
#define MISC_MS 1000

enum mqtt_state { MQTT_WAITING, MQTT_RESOLVING, MQTT_CONNECTING, MQTT_CONNECTED };

static const char *const state_names[] = {"waiting", "resolving", "connecting", "connected"};

_Static_assert(sizeof state_names / sizeof *state_names == MQTT_CONNECTED + 1,
               "a name for each state");

struct mqtt {
    struct mosquitto *mosquitto;
    struct mqtt_handlers handlers;
    void *context;
    char *host, *username;
    int port, keepalive, protocol;
    enum mqtt_state state;
    int64_t deadline;
    int64_t back_off;
    bool is_name; /* `host` has to be looked up */
    int resolved_fd;
    int resolved_code, resolved_errno; /* of the thread's attempt */
    pthread_t resolver;
    bool connack; /* accepted within the loop call under way */
    bool complained;
    int probe_id; /* of the message that mqtt_probe() has sent last */
};

static void set_state(struct mqtt *mqtt, enum mqtt_state state, int64_t deadline)
{
    if (mqtt->state != state)
        log_debug("mqtt: %s -> %s", state_names[mqtt->state], state_names[state]);
    mqtt->state = state;
    mqtt->deadline = deadline;
}

static const char *error_text(int code)
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
        log_warning("mqtt: connection to %s lost: %s", mqtt->host, why);
    else if (!mqtt->complained)
        log_warning("mqtt: cannot connect to %s: %s; trying again", mqtt->host, why);
    else
        log_debug("mqtt: cannot connect to %s: %s", mqtt->host, why);
    mqtt->complained = true;
    mqtt->connack = false;
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

static void on_message(struct mosquitto *mosquitto, void *userdata,
                       const struct mosquitto_message *message,
                       const mosquitto_property *properties)
{
    (void)mosquitto;
    struct mqtt *mqtt = userdata;
    struct mqtt_message ours = {.topic = message->topic,
                                .payload = message->payload,
                                .length = (size_t)message->payloadlen,
                                .retain = message->retain};
    mosquitto_property_read_int32(properties, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL, &ours.expiry,
                                  false);
    mqtt->handlers.message(mqtt->context, &ours);
}

static void on_publish(struct mosquitto *mosquitto, void *userdata, int message_id, int code,
                       const mosquitto_property *properties)
{
    (void)mosquitto, (void)properties;
    struct mqtt *mqtt = userdata;
    mqtt->handlers.acknowledged(mqtt->context, message_id, code >= 0x80);
}

static void on_subscribe(struct mosquitto *mosquitto, void *userdata, int message_id, int count,
                         const int *granted, const mosquitto_property *properties)
{
    (void)mosquitto, (void)userdata, (void)message_id, (void)properties;
    for (int i = 0; i < count; i++)
        if (granted[i] >= 0x80)
            log_warning("mqtt: the broker refuses a subscription (code 0x%x)",
                        (unsigned)granted[i]);
}

static void on_unsubscribe(struct mosquitto *mosquitto, void *userdata, int message_id,
                           const mosquitto_property *properties)
{
    (void)mosquitto, (void)properties;
    struct mqtt *mqtt = userdata;
    if (message_id == mqtt->probe_id)
        mqtt->handlers.answered(mqtt->context);
}

static void on_log(struct mosquitto *mosquitto, void *userdata, int level, const char *text)
{
    (void)mosquitto, (void)userdata;
    if (level == MOSQ_LOG_ERR || level == MOSQ_LOG_WARNING)
        log_warning("mqtt: libmosquitto: %s", text);
}

static bool make_client_id(char *out, size_t size)
{
    uint8_t bytes[16];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        return false;
    int length = snprintf(out, size, "mdnsb-");
    for (size_t i = 0; i < sizeof bytes; i++)
        length += snprintf(out + length, size - (size_t)length, "%02x", bytes[i]);
    return true;
}

static bool needs_looking_up(const struct mqtt_options *options)
{
    struct in6_addr address; /* room for either kind */
    return options->port != 0 && inet_pton(AF_INET, options->host, &address) != 1 &&
           inet_pton(AF_INET6, options->host, &address) != 1;
}

/* Without it a single answer may wait 40 ms for a delayed ACK. */
static int set_options(struct mqtt *mqtt, const struct mqtt_options *options)
{
    int code = mosquitto_int_option(mqtt->mosquitto, MOSQ_OPT_PROTOCOL_VERSION, options->protocol);
    if (code == MOSQ_ERR_SUCCESS && options->port != 0) /* else a warning each time */
        code = mosquitto_int_option(mqtt->mosquitto, MOSQ_OPT_TCP_NODELAY, 1);
    if (code != MOSQ_ERR_SUCCESS || !options->tls)
        return code;
    /* Without a CA file the system's store: libmosquitto wants a directory then. */
    return mosquitto_tls_set(mqtt->mosquitto, options->ca_file,
                             options->ca_file ? NULL : "/etc/ssl/certs", options->cert_file,
                             options->key_file, NULL);
}

static void set_callbacks(struct mosquitto *mosquitto)
{
    mosquitto_connect_v5_callback_set(mosquitto, on_connect);
    mosquitto_message_v5_callback_set(mosquitto, on_message);
    mosquitto_publish_v5_callback_set(mosquitto, on_publish);
    mosquitto_subscribe_v5_callback_set(mosquitto, on_subscribe);
    mosquitto_unsubscribe_v5_callback_set(mosquitto, on_unsubscribe);
    mosquitto_log_callback_set(mosquitto, on_log);
}

struct mqtt *mqtt_new(const struct mqtt_options *options, const struct mqtt_handlers *handlers,
                      void *context)
{
    char client_id[64];
    struct mqtt *mqtt = calloc(1, sizeof *mqtt);
    if (!mqtt)
        return NULL;
    mqtt->resolved_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (mqtt->resolved_fd < 0 || !make_client_id(client_id, sizeof client_id))
        goto fail;
    mosquitto_lib_init();
    mqtt->handlers = *handlers;
    mqtt->context = context;
    mqtt->host = strdup(options->host);
    mqtt->username = options->username ? strdup(options->username) : NULL;
    mqtt->port = options->port;
    mqtt->protocol = options->protocol;
    mqtt->is_name = needs_looking_up(options);
    mqtt->keepalive = options->keepalive;
    mqtt->back_off = BACK_OFF_MS;
    mqtt->mosquitto =
        mosquitto_new(options->client_id ? options->client_id : client_id, true, mqtt);
    if (!mqtt->host || (options->username && !mqtt->username) || !mqtt->mosquitto)
        goto fail;
    set_callbacks(mqtt->mosquitto);
    int code = set_options(mqtt, options);
    if (code == MOSQ_ERR_SUCCESS)
        return mqtt;
    log_error("mqtt: TLS files or options cannot be used: %s", error_text(code));
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
    if (mqtt->mosquitto) {
        if (clean && mqtt->state == MQTT_CONNECTED)
            mosquitto_disconnect(mqtt->mosquitto);
        mosquitto_destroy(mqtt->mosquitto);
        mosquitto_lib_cleanup();
    }
    free(mqtt->host);
    free(mqtt->username);
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
        connection_lost(mqtt, error_text(code));
}

static void *resolver_main(void *context)
{
    struct mqtt *mqtt = context;
    uint64_t one = 1;
    mqtt->resolved_code =
        mosquitto_connect_async(mqtt->mosquitto, mqtt->host, mqtt->port, mqtt->keepalive);
    mqtt->resolved_errno = errno;
    (void)!write(mqtt->resolved_fd, &one, sizeof one);
    return NULL;
}

static void start_resolving(struct mqtt *mqtt, int64_t now)
{
    sigset_t all, before;
    set_state(mqtt, MQTT_RESOLVING, INT64_MAX);
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
    mqtt->handlers.connecting(mqtt->context);
    if (mqtt->is_name)
        start_resolving(mqtt, now);
    else
        connect_began(
            mqtt, mosquitto_connect_async(mqtt->mosquitto, mqtt->host, mqtt->port, mqtt->keepalive),
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
        connection_lost(mqtt, error_text(code));
}

static void deadline_passed(struct mqtt *mqtt, int64_t now)
{
    switch (mqtt->state) {
    case MQTT_WAITING:
        start_connecting(mqtt, now);
        break;
    case MQTT_RESOLVING: /* has no deadline */
        break;
    case MQTT_CONNECTING:
        /* The next attempt closes the socket. */
        connection_lost(mqtt, "no answer from the broker");
        break;
    case MQTT_CONNECTED: {
        int code = mosquitto_loop_misc(mqtt->mosquitto);
        mqtt->deadline = now + MISC_MS;
        if (code != MOSQ_ERR_SUCCESS)
            connection_lost(mqtt, error_text(code));
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
        mqtt->complained = false;
        mqtt->back_off = BACK_OFF_MS;
        set_state(mqtt, MQTT_CONNECTED, now + MISC_MS);
        log_info("mqtt: connected to %s", mqtt->host);
        mqtt->handlers.connected(mqtt->context);
    }
    if (now >= mqtt->deadline)
        deadline_passed(mqtt, now);
}

void mqtt_set_will(struct mqtt *mqtt, const char *topic, const uint8_t *payload, size_t length)
{
    int code = mosquitto_will_set(mqtt->mosquitto, topic, (int)length, payload, 1, true);
    if (code != MOSQ_ERR_SUCCESS)
        log_error("mqtt: last will for '%s': %s", topic, error_text(code));
}

void mqtt_set_password(struct mqtt *mqtt, const char *password)
{
    int code = mosquitto_username_pw_set(mqtt->mosquitto, mqtt->username, password);
    if (code != MOSQ_ERR_SUCCESS)
        log_error("mqtt: user name and password: %s", error_text(code));
}

int mqtt_publish(struct mqtt *mqtt, const char *topic, const uint8_t *payload, size_t length,
                 bool retain)
{
    int message_id = -1;
    int code =
        mosquitto_publish(mqtt->mosquitto, &message_id, topic, (int)length, payload, 1, retain);
    switch (code) {
    case MOSQ_ERR_INVAL:
    case MOSQ_ERR_NOMEM:
    case MOSQ_ERR_PROTOCOL:
    case MOSQ_ERR_PAYLOAD_SIZE:
    case MOSQ_ERR_MALFORMED_UTF8:
    case MOSQ_ERR_QOS_NOT_SUPPORTED:
    case MOSQ_ERR_RETAIN_NOT_SUPPORTED:
    case MOSQ_ERR_OVERSIZE_PACKET:
        log_error("mqtt: '%s' cannot be published: %s", topic, error_text(code));
        return -1;
    default:
        /* Taken, even where sending failed: it goes out after the next CONNACK. */
        return message_id;
    }
}

bool mqtt_is_old(const struct mqtt *mqtt)
{
    return mqtt->protocol != MQTT_PROTOCOL_V5;
}

void mqtt_subscribe(struct mqtt *mqtt, const char *filter, int qos, bool others)
{
    int options =
        others && !mqtt_is_old(mqtt) ? MQTT_SUB_OPT_NO_LOCAL | MQTT_SUB_OPT_RETAIN_AS_PUBLISHED : 0;
    int code = mosquitto_subscribe_v5(mqtt->mosquitto, NULL, filter, qos, options, NULL);
    if (code != MOSQ_ERR_SUCCESS)
        log_warning("mqtt: subscribing to '%s': %s", filter, error_text(code));
}

void mqtt_unsubscribe(struct mqtt *mqtt, const char *filter)
{
    int code = mosquitto_unsubscribe(mqtt->mosquitto, NULL, filter);
    if (code != MOSQ_ERR_SUCCESS)
        log_warning("mqtt: unsubscribing from '%s': %s", filter, error_text(code));
}

/* MQTT has a ping, but libmosquitto keeps it to itself; this changes nothing, either. */
bool mqtt_probe(struct mqtt *mqtt)
{
    return mosquitto_unsubscribe(mqtt->mosquitto, &mqtt->probe_id, "mdns-mqtt-bridge/probe") ==
           MOSQ_ERR_SUCCESS;
}
