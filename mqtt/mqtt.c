/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * States and their deadlines stand on enum mqtt_state. An attempt looks up the broker's name, and sends
 * CONNECT to one of its addresses after the other. It has failed with the last of them; then comes a pause.
 *
 * Each CONNECT has a struct mosquitto of its own. One that lived on would send again what was not
 * acknowledged, before anybody has seen what became true meanwhile: a stale withdrawal would delete what
 * a client has asked for since. It is destroyed as soon as its connection is over, which closes the socket
 * where libmosquitto has not done so itself. It does on any error, and the file descriptor may belong to
 * somebody else by then: mqtt_fd() asks for it anew each time.
 *
 * What libmosquitto calls back is noted, and acted on when its loop function has returned: a connection is
 * never ended from within. Only messages, acknowledgements and refused subscriptions are told at once.
 *
 * libmosquitto would look up the name itself, and block meanwhile; and it tries the first address only,
 * while "localhost" is first of all ::1, where few brokers listen. So addresses are given to it. Not with
 * TLS, where it has to know the name: it asks again, for what the name server has just answered, and
 * blocks only if that falls silent in this moment. But an address to come from, which can be any, limits it
 * to those of the same family: so the first of IPv4 and the first of IPv6 are tried, in the order of the
 * answer.
 *
 * The session is clean, since what is retained is the state. The client id is random, since it is no secret
 * and no identity, and who takes ours over would throw us off; but one for the whole life: the broker then
 * ends a connection that only it believes in.
 */
#include "mqtt_inside.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "password.h"

#define ATTEMPT_TIMEOUT_MS 10000 /* of the look-up, and of CONNECT */
#define BACK_OFF_MS 100
#define MISC_MS 1000

/* A connection that has lasted as long is a good one; a broker that throws us out is not worth hurry. */
#define GOOD_MS 5000

static const char *const state_names[] = {"waiting", "resolving", "connecting", "connected"};

_Static_assert(sizeof state_names / sizeof *state_names == MQTT_CONNECTED + 1,
               "a name for each state");

void mqtt_say(struct mqtt *mqtt, enum mqtt_log_level level, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (mqtt->handlers.log)
        mqtt->handlers.log(mqtt->context, level, line);
}

static void set_state(struct mqtt *mqtt, enum mqtt_state state, int64_t deadline)
{
    if (mqtt->state != state)
        mqtt_say(mqtt, MQTT_LOG_DEBUG, "%s -> %s", state_names[mqtt->state], state_names[state]);
    mqtt->state = state;
    mqtt->deadline = deadline;
}

static const char *error_text(const struct mqtt *mqtt, int code, int error)
{
    switch (code) {
    case MOSQ_ERR_ERRNO:
        return strerror(error);
    case MOSQ_ERR_KEEPALIVE:
        return "no answer within the keepalive time";
    case MOSQ_ERR_TLS:
        return *mqtt->complaint ? mqtt->complaint : mosquitto_strerror(code);
    default:
        return mosquitto_strerror(code);
    }
}

/* ---- What libmosquitto calls ---- */

static void on_connect(struct mosquitto *mosquitto, void *userdata, int reason, int flags,
                       const mosquitto_property *properties)
{
    (void)mosquitto, (void)flags, (void)properties;
    struct mqtt *mqtt = userdata;
    mqtt->connack = reason;
}

/* OpenSSL's words come this way only. */
static void on_log(struct mosquitto *mosquitto, void *userdata, int level, const char *text)
{
    (void)mosquitto;
    struct mqtt *mqtt = userdata;
    if (level != MOSQ_LOG_ERR && level != MOSQ_LOG_WARNING)
        return;
    snprintf(mqtt->complaint, sizeof mqtt->complaint, "%s", text);
    mqtt_say(mqtt, MQTT_LOG_DEBUG, "libmosquitto: %s", text);
}

/* OpenSSL would ask at the terminal for an encrypted key's password, and we would wait for it. */
// NOLINTNEXTLINE(readability-non-const-parameter): the type is OpenSSL's
static int no_key_password(char *out, int size, int writing, void *userdata)
{
    (void)out, (void)size, (void)writing, (void)userdata;
    return 0;
}

/* ---- Losing it ---- */

static void destroy(struct mqtt *mqtt)
{
    mosquitto_destroy(mqtt->mosquitto);
    mqtt->mosquitto = NULL;
    mqtt->connack = NO_CONNACK;
    mqtt->round_trip = 0;
    mqtt->answered = 0;
    mqtt->sent = mqtt->asked;
}

static void wait_for_next_attempt(struct mqtt *mqtt)
{
    int64_t delay =
        backoff_next_with_jitter(&mqtt->failures, BACK_OFF_MS, mqtt->options.back_off_max);
    mqtt->address = 0;
    destroy(mqtt);
    set_state(mqtt, MQTT_WAITING, mqtt->now + delay);
    mqtt_say(mqtt, MQTT_LOG_DEBUG, "next attempt in %d ms", (int)delay);
}

static bool is_ipv6(const struct mqtt *mqtt, unsigned address)
{
    return strchr(mqtt->addresses.addresses[address], ':');
}

/* Which address is to be tried after this one; their count: none. */
static unsigned next_address(const struct mqtt *mqtt)
{
    bool tls = mqtt->options.url.tls;
    unsigned next = mqtt->address + 1, count = mqtt->addresses.count;
    if (tls && mqtt->address > 0)
        return count;
    while (tls && next < count && is_ipv6(mqtt, next) == is_ipv6(mqtt, 0))
        next++;
    return next;
}

/* Another of its addresses may do where this one does not, unless it was the broker that has spoken. */
static bool try_next_address(struct mqtt *mqtt, enum mqtt_problem problem)
{
    bool spoken = problem == MQTT_REFUSED || problem == MQTT_NO_PASSWORD ||
                  (problem == MQTT_BROKEN && mqtt->options.url.tls);
    if (mqtt->state != MQTT_CONNECTING || spoken || next_address(mqtt) >= mqtt->addresses.count)
        return false;
    mqtt->address = next_address(mqtt);
    destroy(mqtt);
    set_state(mqtt, MQTT_WAITING, mqtt->now);
    return true;
}

static void attempt_failed(struct mqtt *mqtt, enum mqtt_problem problem, int error,
                           const char *text)
{
    const struct mqtt_failure failure = {problem, error, text};
    if (try_next_address(mqtt, problem))
        return;
    wait_for_next_attempt(mqtt);
    if (mqtt->handlers.failed && !mqtt->handlers.failed(mqtt->context, &failure)) {
        mqtt->deadline = NEVER;
        return;
    }
    mqtt_say(mqtt, mqtt->said_failing ? MQTT_LOG_DEBUG : MQTT_LOG_WARNING,
             "cannot connect to the broker at %s: %s; trying again", mqtt->name, text);
    mqtt->said_failing = true;
}

/* `code` is libmosquitto's, `error` the errno to it. */
static void connection_broken(struct mqtt *mqtt, int code, int error)
{
    const char *text = error_text(mqtt, code, error);
    if (mqtt->state != MQTT_CONNECTED) {
        attempt_failed(mqtt, code == MOSQ_ERR_ERRNO ? MQTT_UNREACHABLE : MQTT_BROKEN, error, text);
        return;
    }
    wait_for_next_attempt(mqtt);
    mqtt_say(mqtt, mqtt->said_lost ? MQTT_LOG_DEBUG : MQTT_LOG_WARNING,
             "the connection to the broker at %s was lost (%s); trying again", mqtt->name, text);
    mqtt->said_failing |= !mqtt->said_lost;
    mqtt->said_lost = true;
    if (mqtt->handlers.disconnected)
        mqtt->handlers.disconnected(mqtt->context);
}

/* ---- Making it ---- */

static int set_options(const struct mqtt *mqtt)
{
    const struct mqtt_options *options = &mqtt->options;
    struct mosquitto *mosquitto = mqtt->mosquitto;
    int code = mosquitto_int_option(mosquitto, MOSQ_OPT_PROTOCOL_VERSION, options->protocol);
    /* Without it a single answer may wait 40 ms for a delayed ACK; a Unix socket has none of this. */
    if (code == MOSQ_ERR_SUCCESS && options->url.port != 0)
        code = mosquitto_int_option(mosquitto, MOSQ_OPT_TCP_NODELAY, 1);
    if (code == MOSQ_ERR_SUCCESS && mqtt->will_topic)
        code = mosquitto_will_set(mosquitto, mqtt->will_topic, (int)mqtt->will_length, mqtt->will,
                                  1, true);
    if (code != MOSQ_ERR_SUCCESS || !options->url.tls)
        return code;
    /* Without a CA file the system's store: libmosquitto wants a directory then. */
    return mosquitto_tls_set(mosquitto, options->ca_file,
                             options->ca_file ? NULL : "/etc/ssl/certs", options->cert_file,
                             options->key_file, no_key_password);
}

/* Returns libmosquitto's code, and errno where that says so. */
static int make_mosquitto(struct mqtt *mqtt)
{
    const char *id = mqtt->options.client_id ? mqtt->options.client_id : mqtt->client_id;
    mqtt->complaint[0] = '\0';
    mqtt->mosquitto = mosquitto_new(id, true, mqtt);
    if (!mqtt->mosquitto)
        return MOSQ_ERR_ERRNO;
    mosquitto_connect_v5_callback_set(mqtt->mosquitto, on_connect);
    mqtt_set_callbacks(mqtt->mosquitto);
    mosquitto_log_callback_set(mqtt->mosquitto, on_log);
    return set_options(mqtt);
}

/* Returns the handler's result. */
static int set_password(struct mqtt *mqtt)
{
    char password[MQTT_PASSWORD_SIZE];
    int result = 0;
    if (mqtt->handlers.password)
        result = mqtt->handlers.password(mqtt->context, password, sizeof password);
    if (result >= 0)
        mosquitto_username_pw_set(mqtt->mosquitto, mqtt->options.username,
                                  result > 0 ? password : NULL);
    explicit_bzero(password, sizeof password);
    return result;
}

/*
 * To one of the broker's addresses, or to its path or name, where that is for libmosquitto; from any
 * address of our own (NULL), or any of a family.
 */
static void start_connecting(struct mqtt *mqtt, const char *host, const char *from)
{
    set_state(mqtt, MQTT_CONNECTING, mqtt->now + ATTEMPT_TIMEOUT_MS);
    if (mqtt->handlers.connecting)
        mqtt->handlers.connecting(mqtt->context);
    int code = make_mosquitto(mqtt);
    int result = code == MOSQ_ERR_SUCCESS ? set_password(mqtt) : 0;
    if (result < 0) {
        char text[256];
        snprintf(text, sizeof text, "the password file: %s", mqtt_password_problem(result));
        attempt_failed(mqtt, MQTT_NO_PASSWORD, -result, text);
        return;
    }
    if (code == MOSQ_ERR_SUCCESS)
        code = mosquitto_connect_bind_async(mqtt->mosquitto, host, mqtt->options.url.port,
                                            mqtt->options.keepalive, from);
    if (code == MOSQ_ERR_EAI) /* errno says nothing of it */
        attempt_failed(mqtt, MQTT_UNREACHABLE, 0, "there is no host of this name");
    else if (code != MOSQ_ERR_SUCCESS)
        connection_broken(mqtt, code, errno);
}

static void use_addresses(struct mqtt *mqtt)
{
    if (mqtt->addresses.count == 0)
        attempt_failed(mqtt, MQTT_UNREACHABLE, 0, "there is no host of this name");
    else if (mqtt->options.url.tls)
        start_connecting(mqtt, mqtt->options.url.host,
                         is_ipv6(mqtt, mqtt->address) ? "::" : "0.0.0.0");
    else
        start_connecting(mqtt, mqtt->addresses.addresses[mqtt->address], NULL);
}

static void start_attempt(struct mqtt *mqtt)
{
    const struct mqtt_url *url = &mqtt->options.url;
    if (url->port == 0) {
        start_connecting(mqtt, url->host, NULL);
    } else if (mqtt->address > 0 || lookup_address(&mqtt->addresses, url->host)) {
        use_addresses(mqtt);
    } else {
        int question = lookup_ask(url->host);
        set_state(mqtt, MQTT_RESOLVING, mqtt->now + ATTEMPT_TIMEOUT_MS);
        if (question < 0)
            attempt_failed(mqtt, MQTT_UNREACHABLE, -question, strerror(-question));
        else
            mqtt->question = question;
    }
}

static void take_addresses(struct mqtt *mqtt)
{
    lookup_take(&mqtt->addresses, mqtt->question);
    mqtt->question = -1;
    use_addresses(mqtt);
}

static void become_connected(struct mqtt *mqtt)
{
    set_state(mqtt, MQTT_CONNECTED, mqtt->now + MISC_MS);
    mqtt->good_at = mqtt->now + GOOD_MS;
    mqtt_say(mqtt, MQTT_LOG_INFO, "connected %sto the broker at %s",
             mqtt->was_connected ? "again " : "", mqtt->name);
    mqtt->was_connected = true;
    mqtt->said_failing = false;
    if (mqtt->handlers.connected)
        mqtt->handlers.connected(mqtt->context);
}

/* ---- Driving it ---- */

/* What became of a connect() that went on by itself: libmosquitto would call it a lost connection. */
static int pending_error(int fd)
{
    int error = 0;
    socklen_t size = sizeof error;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : 0;
}

/* With TLS the error of a refused connect() is taken by OpenSSL, whose first write it fails, and
 * libmosquitto makes nothing of it. All that is left to be seen is a connection that is over. */
static bool was_refused(const struct mqtt *mqtt, short revents)
{
    return mqtt->state == MQTT_CONNECTING && mqtt->options.url.tls && (revents & POLLHUP);
}

static void serve_socket(struct mqtt *mqtt, short revents)
{
    int code = MOSQ_ERR_SUCCESS, error = 0;
    if (mqtt->state == MQTT_CONNECTING && (revents & POLLERR))
        error = pending_error(mosquitto_socket(mqtt->mosquitto));
    if (error) {
        connection_broken(mqtt, MOSQ_ERR_ERRNO, error);
        return;
    }
    if (revents & (POLLIN | POLLHUP | POLLERR))
        code = mosquitto_loop_read(mqtt->mosquitto, 1);
    if (code == MOSQ_ERR_SUCCESS && (revents & POLLOUT))
        code = mosquitto_loop_write(mqtt->mosquitto, 1);
    error = errno;
    if (mqtt->connack > 0)
        attempt_failed(mqtt, MQTT_REFUSED, mqtt->connack,
                       mqtt_is_old(mqtt) ? mosquitto_connack_string(mqtt->connack)
                                         : mosquitto_reason_string(mqtt->connack));
    else if (code != MOSQ_ERR_SUCCESS)
        connection_broken(mqtt, code, error);
    else if (mqtt->connack == 0 && mqtt->state == MQTT_CONNECTING)
        become_connected(mqtt);
    else if (was_refused(mqtt, revents))
        connection_broken(mqtt, MOSQ_ERR_ERRNO, ECONNREFUSED);
}

static void look_after(struct mqtt *mqtt)
{
    int code = mosquitto_loop_misc(mqtt->mosquitto);
    mqtt->deadline = mqtt->now + MISC_MS;
    if (mqtt->now >= mqtt->good_at) {
        mqtt->said_lost = false;
        mqtt->failures = 0;
    }
    if (code != MOSQ_ERR_SUCCESS)
        connection_broken(mqtt, code, errno);
}

static void deadline_passed(struct mqtt *mqtt)
{
    switch (mqtt->state) {
    case MQTT_WAITING:
        start_attempt(mqtt);
        break;
    case MQTT_RESOLVING:
        close(mqtt->question);
        mqtt->question = -1;
        attempt_failed(mqtt, MQTT_SILENT, 0, "its name is not answered for");
        break;
    case MQTT_CONNECTING:
        attempt_failed(mqtt, MQTT_SILENT, 0, "no answer from the broker");
        break;
    case MQTT_CONNECTED:
        look_after(mqtt);
        break;
    }
}

void mqtt_dispatch(struct mqtt *mqtt, short revents, int64_t now)
{
    mqtt->now = now;
    if (revents && mqtt->state == MQTT_RESOLVING)
        take_addresses(mqtt);
    else if (revents && mqtt->state != MQTT_WAITING)
        serve_socket(mqtt, revents);
    if (now >= mqtt->deadline)
        deadline_passed(mqtt);
    mqtt_run_round_trips(mqtt);
}

bool mqtt_is_connected(const struct mqtt *mqtt)
{
    return mqtt->state == MQTT_CONNECTED;
}

int mqtt_fd(const struct mqtt *mqtt)
{
    return mqtt->mosquitto ? mosquitto_socket(mqtt->mosquitto) : mqtt->question;
}

short mqtt_events(const struct mqtt *mqtt)
{
    return mqtt->mosquitto && mosquitto_want_write(mqtt->mosquitto) ? POLLIN | POLLOUT : POLLIN;
}

int64_t mqtt_deadline(const struct mqtt *mqtt)
{
    return mqtt->deadline;
}

/* ---- Life ---- */

static bool make_client_id(struct mqtt *mqtt)
{
    uint8_t bytes[16];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        return false;
    const char *prefix = mqtt->options.client_id_prefix;
    int length = snprintf(mqtt->client_id, sizeof mqtt->client_id, "%.24s", prefix ? prefix : "");
    for (size_t i = 0; i < sizeof bytes; i++)
        length += snprintf(mqtt->client_id + length, sizeof mqtt->client_id - (size_t)length,
                           "%02x", bytes[i]);
    return true;
}

struct mqtt *mqtt_new(const struct mqtt_options *options, const struct mqtt_handlers *handlers,
                      void *context, const char **problem)
{
    *problem = "out of memory";
    struct mqtt *mqtt = calloc(1, sizeof *mqtt);
    if (!mqtt)
        return NULL;
    mosquitto_lib_init();
    mqtt->options = *options;
    mqtt->handlers = *handlers;
    mqtt->context = context;
    mqtt->question = -1;
    mqtt_url_write(mqtt->name, &options->url);
    /* Each attempt makes one anew; this one is to see at once whether the files can be used. */
    int code = make_client_id(mqtt) ? make_mosquitto(mqtt) : MOSQ_ERR_ERRNO;
    if (code != MOSQ_ERR_SUCCESS) {
        *problem = code == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(code);
        mqtt_free(mqtt, false);
        return NULL;
    }
    destroy(mqtt);
    return mqtt;
}

void mqtt_free(struct mqtt *mqtt, bool clean)
{
    if (!mqtt)
        return;
    if (clean && mqtt->state == MQTT_CONNECTED)
        mosquitto_disconnect(mqtt->mosquitto);
    destroy(mqtt);
    if (mqtt->question >= 0)
        close(mqtt->question);
    mosquitto_lib_cleanup();
    free(mqtt->will_topic);
    free(mqtt->will);
    free(mqtt);
}
