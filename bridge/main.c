/* SPDX-License-Identifier: MIT */
/*
 * mdns-mqtt-bridge: parse, open, wire, loop, close. The only file that decides to exit.
 *
 * How a service and a request go their ways is told in docs/architecture.md; wiring.c has the doors between the
 * rooms.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "notify.h"
#include "setup.h"
#include "wiring.h"

enum exit_code { EXIT_OK = 0, EXIT_USAGE = 64, EXIT_INTERNAL = 70, EXIT_CONFIG = 78 };

/* How long a clean exit waits for the broker. */
#define OFFLINE_TIMEOUT_MS 2000

/* Events taken in one turn, so that the broker is served in between. */
#define EVENTS_A_TURN 64

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
                          config.records.stats_interval * INT64_C(1000), clock_now());
    struct mdns_options options = setup_mdns(&config);
    int result = mdns_reconfigure(bridge->mdns, &options);
    if (result < 0)
        log_error("configuration: browsing is not changed: %s", strerror(-result));
    config_free(&bridge->config);
    bridge->config = config;
    advertise_set_config(bridge->rooms.advertise, &bridge->config, clock_now());
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
    int64_t now = clock_now();
    bridge->ends_at = INT64_MAX;
    bridge->watchdog_interval = notify_watchdog_interval_ms();
    bridge->watchdog_at = bridge->watchdog_interval ? now : INT64_MAX;
    bridge->signal_fd = open_signals();
    return bridge->signal_fd >= 0 && wiring_open(bridge, now);
}

static void bridge_close(struct bridge *bridge)
{
    wiring_close(bridge);
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
    struct advertise_counters advertise;
    catalog_get_counters(bridge->rooms.catalog, &counters);
    advertise_get_counters(bridge->rooms.advertise, &advertise);
    snprintf(status, sizeof status, "%s, broker %s, avahi %s, %zu services, %zu advertised",
             session_state_name(bridge->session),
             mqtt_is_connected(bridge->rooms.mqtt) ? "connected" : "not connected",
             session_avahi_is_up(bridge->session) ? "up" : "down", counters.services,
             advertise.established);
    if (strcmp(status, bridge->status) == 0)
        return;
    memcpy(bridge->status, status, sizeof status);
    notify_status("%s", status);
}

/* One turn: what is due, then wait, then what came. */
static void turn(struct bridge *bridge)
{
    enum { SIGNALS, MDNS, MQTT, OWNERS, FDS };
    int64_t now = clock_now();
    struct mdns_counters avahi;
    mdns_get_counters(bridge->mdns, &avahi);
    int64_t next_at = session_run(bridge->session, &avahi, now);
    feed_watchdog(bridge, now);
    tell_status(bridge);
    next_at = earlier(earlier(next_at, mqtt_deadline(bridge->rooms.mqtt)),
                      earlier(bridge->watchdog_at, bridge->ends_at));

    struct pollfd fds[FDS] = {
        [SIGNALS] = {.fd = bridge->signal_fd, .events = POLLIN},
        [MDNS] = {.fd = mdns_fd(bridge->mdns), .events = POLLIN},
        [MQTT] = {.fd = mqtt_fd(bridge->rooms.mqtt), .events = mqtt_events(bridge->rooms.mqtt)},
        [OWNERS] = {.fd = advertise_fd(bridge->rooms.advertise), .events = POLLIN},
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
    if (fds[OWNERS].revents)
        advertise_dispatch(bridge->rooms.advertise, now);
    mqtt_dispatch(bridge->rooms.mqtt, fds[MQTT].revents, now);
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
