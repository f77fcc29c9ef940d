/* SPDX-License-Identifier: MIT */
/*
 * mdns-mqtt-bridge: parse, open, wire, loop, close. The only file that decides to exit.
 *
 * One service on its way: mdns_browse.c hears of it, mdns_resolver.c resolves it, mdns_thread.c hands it
 * over; catalog.c merges it, publisher.c makes its record, mqtt.c sends it. session.c says when all of
 * that is complete.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "catalog.h"
#include "clock.h"
#include "config.h"
#include "log.h"
#include "mdns.h"
#include "mqtt.h"
#include "notify.h"
#include "options.h"
#include "publisher.h"
#include "session.h"
#include "setup.h"

enum exit_code { EXIT_OK = 0, EXIT_USAGE = 64, EXIT_INTERNAL = 70, EXIT_CONFIG = 78 };

/* How long a clean exit waits for the broker, and then for Avahi. */
#define OFFLINE_TIMEOUT_MS 2000
#define AVAHI_STOP_TIMEOUT_MS 2000

/* Events taken in one turn, so that the broker is served in between. */
#define EVENTS_A_TURN 64

struct bridge {
    struct options options;
    struct config config;
    struct mdns *mdns;
    struct mqtt *mqtt;
    struct catalog *catalog;
    struct adverts *adverts;
    struct publisher *publisher;
    struct session *session;
    int signal_fd;
    uint32_t round_trip; /* that probe_broker() has asked for last */
    int64_t watchdog_interval, watchdog_at;
    bool said_goodbye; /* the broker has the state "offline" */
    int64_t ends_at;   /* INT64_MAX until a signal asks for the end */
    char status[128];
};

/* ---- Handlers of mqtt.h ---- */

static void mqtt_connecting(void *context)
{
    struct bridge *bridge = context;
    session_connecting(bridge->session);
}

static int mqtt_password(void *context, char *out, size_t size)
{
    const struct bridge *bridge = context;
    return config_read_password(&bridge->config, out, size);
}

static void mqtt_connected(void *context)
{
    struct bridge *bridge = context;
    session_connected(bridge->session, clock_now());
}

static void mqtt_disconnected(void *context)
{
    struct bridge *bridge = context;
    session_disconnected(bridge->session);
}

static void mqtt_message(void *context, const struct mqtt_message *message)
{
    struct bridge *bridge = context;
    session_message(bridge->session, message, clock_now());
}

static void mqtt_acknowledged(void *context, int message_id, int reason)
{
    struct bridge *bridge = context;
    publisher_acknowledged(bridge->publisher, message_id, reason >= 0x80);
}

static void mqtt_answered(void *context, uint32_t number)
{
    struct bridge *bridge = context;
    if (number == bridge->round_trip)
        adverts_broker_answers(bridge->adverts, clock_now());
}

static void mqtt_log(void *context, enum mqtt_log_level level, const char *line)
{
    static const enum log_level levels[] = {
        [MQTT_LOG_ERROR] = LOG_LEVEL_ERROR,
        [MQTT_LOG_WARNING] = LOG_LEVEL_WARNING,
        [MQTT_LOG_INFO] = LOG_LEVEL_INFO,
        [MQTT_LOG_DEBUG] = LOG_LEVEL_DEBUG,
    };
    (void)context;
    log_write(levels[level], "mqtt: %s", line);
}

/* ---- Outlets of adverts.h ---- */

static bool advertise(void *context, uint32_t number, uint32_t generation,
                      const struct request *request)
{
    struct bridge *bridge = context;
    return mdns_advertise(bridge->mdns, number, generation, request) == 0;
}

static bool withdraw(void *context, uint32_t number)
{
    struct bridge *bridge = context;
    return mdns_withdraw(bridge->mdns, number) == 0;
}

static bool publish_status(void *context, const char *path, const struct status *status,
                           bool retain, struct record_digests *digests)
{
    struct bridge *bridge = context;
    return publisher_status(bridge->publisher, path, status, retain, digests);
}

static void clear_advertise(void *context, const char *path)
{
    struct bridge *bridge = context;
    publisher_clear_advertise(bridge->publisher, path);
}

static bool probe_broker(void *context)
{
    struct bridge *bridge = context;
    bridge->round_trip = mqtt_round_trip(bridge->mqtt);
    return bridge->round_trip != 0;
}

static void advert_renamed(void *context, const char *type, const char *name)
{
    struct bridge *bridge = context;
    catalog_look_again(bridge->catalog, type, name);
}

static const char *owner_of(void *context, const struct service_id *id)
{
    struct bridge *bridge = context;
    return adverts_owner(bridge->adverts, id);
}

/* ---- Configuration ---- */

static void print_errors(const struct config_errors *errors)
{
    for (size_t i = 0; i < errors->count; i++)
        log_plain("%s", errors->text[i]);
}

static void reload(struct bridge *bridge)
{
    struct config config;
    struct config_errors errors;
    notify_reloading();
    if (!options_load_config(&bridge->options, &config, &errors)) {
        for (size_t i = 0; i < errors.count; i++)
            log_error("configuration: %s", errors.text[i]);
        log_error("configuration: not changed");
        notify_ready();
        return;
    }
    if (setup_needs_restart(&bridge->config, &config))
        log_warning("configuration: [broker], prefix, size and max-services change with the next "
                    "start only");
    /* What stays as it was at the start, also where it is read later on. */
    config.broker = bridge->config.broker;
    memcpy(config.records.prefix, bridge->config.records.prefix, sizeof config.records.prefix);
    config.records.size = bridge->config.records.size;
    config.browse.max_services = bridge->config.browse.max_services;
    log_set_level(config.log_level);
    session_set_intervals(bridge->session, config.browse.avahi_grace * INT64_C(1000),
                          config.records.stats_interval * INT64_C(1000));
    struct mdns_options options = setup_mdns(&config);
    int result = mdns_reconfigure(bridge->mdns, &options);
    if (result < 0)
        log_error("configuration: browsing is not changed: %s", strerror(-result));
    config_free(&bridge->config);
    bridge->config = config;
    adverts_set_config(bridge->adverts, &bridge->config, clock_now());
    log_info("configuration: read again");
    notify_ready();
}

/* ---- Opening and closing ---- */

static int open_signals(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

static bool bridge_open(struct bridge *bridge)
{
    static const struct mqtt_handlers handlers = {
        .connecting = mqtt_connecting,
        .password = mqtt_password,
        .connected = mqtt_connected,
        .disconnected = mqtt_disconnected,
        .message = mqtt_message,
        .acknowledged = mqtt_acknowledged,
        .answered = mqtt_answered,
        .log = mqtt_log,
    };
    const struct adverts_outlets outlets = {
        .context = bridge,
        .advertise = advertise,
        .withdraw = withdraw,
        .publish_status = publish_status,
        .clear = clear_advertise,
        .probe = probe_broker,
        .renamed = advert_renamed,
    };
    const struct config *config = &bridge->config;
    struct mqtt_options mqtt_options = setup_mqtt(config);
    struct mdns_options mdns_options = setup_mdns(config);
    struct session_options session_options = setup_session(config);
    const char *problem;
    int64_t now = clock_now();
    bridge->ends_at = INT64_MAX;
    bridge->watchdog_interval = notify_watchdog_interval_ms();
    bridge->watchdog_at = bridge->watchdog_interval ? now : INT64_MAX;
    bridge->signal_fd = open_signals();
    bridge->catalog = catalog_new(config->browse.max_services);
    bridge->adverts = adverts_new(config, &outlets);
    bridge->mqtt = mqtt_new(&mqtt_options, &handlers, bridge, &problem);
    if (!bridge->mqtt)
        log_error("mqtt: TLS files or options cannot be used: %s", problem);
    if (bridge->signal_fd < 0 || !bridge->catalog || !bridge->adverts || !bridge->mqtt)
        return false;
    bridge->publisher =
        publisher_new(bridge->mqtt, bridge->catalog, config->records.prefix, config->records.size);
    if (!bridge->publisher)
        return false;
    if (mqtt_options.protocol != 5)
        adverts_hear_echoes(bridge->adverts);
    publisher_set_owner_func(bridge->publisher, owner_of, bridge);
    bridge->session = session_new(bridge->mqtt, bridge->catalog, bridge->adverts, bridge->publisher,
                                  &session_options, now);
    bridge->mdns = bridge->session ? mdns_start(&mdns_options) : NULL;
    return bridge->mdns;
}

static void bridge_close(struct bridge *bridge)
{
    mdns_stop(bridge->mdns, AVAHI_STOP_TIMEOUT_MS);
    session_free(bridge->session);
    publisher_free(bridge->publisher);
    mqtt_free(bridge->mqtt, bridge->said_goodbye);
    adverts_free(bridge->adverts);
    catalog_free(bridge->catalog);
    if (bridge->signal_fd >= 0)
        close(bridge->signal_fd);
    config_free(&bridge->config);
    options_free(&bridge->options);
}

/* ---- The loop ---- */

static void take_signals(struct bridge *bridge, int64_t now)
{
    struct signalfd_siginfo info;
    while (read(bridge->signal_fd, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGHUP) {
            reload(bridge);
        } else if (bridge->ends_at == INT64_MAX) {
            log_info("bridge: ending (%s)", strsignal((int)info.ssi_signo));
            notify_stopping();
            session_end(bridge->session);
            bridge->ends_at = now + OFFLINE_TIMEOUT_MS;
        }
    }
}

static void take_events(struct bridge *bridge, int64_t now)
{
    struct mdns_event *event;
    for (int i = 0; i < EVENTS_A_TURN && (event = mdns_next(bridge->mdns)); i++) {
        session_mdns_event(bridge->session, event, now);
        free(event);
    }
}

static void feed_watchdog(struct bridge *bridge, int64_t now)
{
    if (now < bridge->watchdog_at)
        return;
    notify_watchdog();
    bridge->watchdog_at = now + bridge->watchdog_interval;
}

/* Only when it changes: it costs the service manager a wake-up. */
static void tell_status(struct bridge *bridge)
{
    char status[sizeof bridge->status];
    struct catalog_counters counters;
    struct adverts_counters adverts;
    catalog_get_counters(bridge->catalog, &counters);
    adverts_get_counters(bridge->adverts, &adverts);
    snprintf(status, sizeof status, "%s, broker %s, avahi %s, %zu services, %zu advertised",
             session_state_name(bridge->session),
             mqtt_is_connected(bridge->mqtt) ? "connected" : "not connected",
             session_avahi_is_up(bridge->session) ? "up" : "down", counters.services,
             adverts.established);
    if (strcmp(status, bridge->status) == 0)
        return;
    memcpy(bridge->status, status, sizeof status);
    notify_status("%s", status);
}

/* One turn: what is due, then wait, then what came. */
static void turn(struct bridge *bridge)
{
    enum { SIGNALS, MDNS, MQTT, FDS };
    int64_t now = clock_now();
    struct mdns_counters avahi;
    mdns_get_counters(bridge->mdns, &avahi);
    int64_t next_at = session_run(bridge->session, &avahi, now);
    feed_watchdog(bridge, now);
    tell_status(bridge);
    next_at = earlier(earlier(next_at, mqtt_deadline(bridge->mqtt)),
                      earlier(bridge->watchdog_at, bridge->ends_at));

    struct pollfd fds[FDS] = {
        [SIGNALS] = {.fd = bridge->signal_fd, .events = POLLIN},
        [MDNS] = {.fd = mdns_fd(bridge->mdns), .events = POLLIN},
        [MQTT] = {.fd = mqtt_fd(bridge->mqtt), .events = mqtt_events(bridge->mqtt)},
    };
    if (poll(fds, FDS, timeout_until(next_at, now)) < 0) {
        for (int i = 0; i < FDS; i++)
            fds[i].revents = 0;
    }
    now = clock_now();
    if (fds[SIGNALS].revents)
        take_signals(bridge, now);
    if (fds[MDNS].revents)
        take_events(bridge, now);
    mqtt_dispatch(bridge->mqtt, fds[MQTT].revents, now);
}

static bool has_ended(const struct bridge *bridge)
{
    return bridge->ends_at != INT64_MAX &&
           (session_has_ended(bridge->session) || clock_now() >= bridge->ends_at);
}

static enum exit_code run(struct bridge *bridge)
{
    if (!bridge_open(bridge)) {
        log_error("bridge: cannot start");
        bridge_close(bridge);
        return EXIT_INTERNAL;
    }
    log_info("bridge: version %s, broker %s, prefix '%s'", BRIDGE_VERSION,
             bridge->config.broker.url.host, bridge->config.records.prefix);
    notify_ready();
    while (!has_ended(bridge))
        turn(bridge);
    bridge->said_goodbye = session_said_goodbye(bridge->session);
    bridge_close(bridge);
    log_info("bridge: ended");
    return EXIT_OK;
}

int main(int argc, char **argv)
{
    static struct bridge bridge = {.signal_fd = -1};
    static struct config_errors errors;
    char error[CONFIG_ERROR_SIZE];
    log_init();
    if (!options_parse(&bridge.options, argc, argv, error)) {
        log_plain("mdns-mqtt-bridge: %s", error);
        options_free(&bridge.options);
        return EXIT_USAGE;
    }
    if (bridge.options.help || bridge.options.version) {
        if (bridge.options.help)
            options_print_help(stdout);
        else
            printf("mdns-mqtt-bridge %s\n", BRIDGE_VERSION);
        options_free(&bridge.options);
        return EXIT_OK;
    }
    if (!options_load_config(&bridge.options, &bridge.config, &errors)) {
        print_errors(&errors);
        options_free(&bridge.options);
        return EXIT_CONFIG;
    }
    if (!bridge.options.dump_config || bridge.options.check_config)
        config_check_files(&bridge.config, options_config_file(&bridge.options), &errors);
    if (errors.count > 0) {
        print_errors(&errors);
        config_free(&bridge.config);
        options_free(&bridge.options);
        return EXIT_CONFIG;
    }
    if (bridge.options.check_config || bridge.options.dump_config) {
        int result = bridge.options.dump_config ? config_dump(&bridge.config, stdout) : 0;
        config_free(&bridge.config);
        options_free(&bridge.options);
        return result == 0 ? EXIT_OK : EXIT_INTERNAL;
    }
    log_set_level(bridge.config.log_level);
    return run(&bridge);
}
