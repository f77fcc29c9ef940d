/* SPDX-License-Identifier: MIT */
/* Who hears of what: each function hands something from one room to another, and no more. */
#include "wiring.h"

#include "clock.h"
#include "log.h"
#include "setup.h"

/* How long a clean exit waits for Avahi. */
#define AVAHI_STOP_TIMEOUT_MS 2000

/* ---- From the broker ---- */

static void mqtt_connecting(void *context)
{
    const struct bridge *bridge = context;
    session_connecting(bridge->session);
}

static int mqtt_password(void *context, char *out, size_t size)
{
    const struct bridge *bridge = context;
    return config_read_password(&bridge->config, out, size);
}

static void mqtt_connected(void *context)
{
    const struct bridge *bridge = context;
    session_connected(bridge->session, clock_now());
}

static void mqtt_disconnected(void *context)
{
    const struct bridge *bridge = context;
    session_disconnected(bridge->session);
}

static void mqtt_message(void *context, const struct mqtt_message *message)
{
    const struct bridge *bridge = context;
    session_message(bridge->session, message, clock_now());
}

static void mqtt_acknowledged(void *context, int number, int reason)
{
    const struct bridge *bridge = context;
    mirror_acknowledged(bridge->rooms.mirror, number, reason >= 0x80);
}

static void mqtt_answered(void *context, uint32_t round_trip)
{
    const struct bridge *bridge = context;
    session_answered(bridge->session, round_trip, clock_now());
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

/* ---- From the catalog ---- */

static void service_changed(void *context, const char *path, struct catalog_entry *entry)
{
    const struct bridge *bridge = context;
    mirror_say(bridge->rooms.mirror, MIRROR_SERVICES, path, entry);
}

static void service_gone(void *context, const char *path, struct catalog_entry *entry)
{
    const struct bridge *bridge = context;
    mirror_retire(bridge->rooms.mirror, MIRROR_SERVICES, path, entry);
}

/* ---- From the advertisements ---- */

static int register_(void *context, uint32_t number, uint32_t replaces, const char *name,
                     const struct request *request)
{
    const struct bridge *bridge = context;
    return mdns_register(bridge->mdns, number, replaces, name, request);
}

static int update_txt(void *context, uint32_t number, uint32_t revision,
                      const struct request *request)
{
    const struct bridge *bridge = context;
    return mdns_update_txt(bridge->mdns, number, revision, request);
}

static int withdraw(void *context, uint32_t number)
{
    const struct bridge *bridge = context;
    return mdns_withdraw(bridge->mdns, number);
}

static void renamed(void *context, const char *type, const char *name)
{
    const struct bridge *bridge = context;
    catalog_look_again(bridge->rooms.catalog, type, name);
}

static void say_status(void *context, const char *path, void *subject)
{
    const struct bridge *bridge = context;
    mirror_say(bridge->rooms.mirror, MIRROR_STATUSES, path, subject);
}

static void end_status(void *context, const char *path, void *subject)
{
    const struct bridge *bridge = context;
    mirror_retire(bridge->rooms.mirror, MIRROR_STATUSES, path, subject);
}

static void answer(void *context, const char *path, void *subject)
{
    const struct bridge *bridge = context;
    if (subject)
        mirror_say(bridge->rooms.mirror, MIRROR_ANSWERS, path, subject);
    else
        mirror_retire(bridge->rooms.mirror, MIRROR_ANSWERS, path, NULL);
}

static bool clear_request(void *context, const char *path)
{
    const struct bridge *bridge = context;
    return mirror_clear(bridge->rooms.mirror, path);
}

static void keep_request(void *context, const char *path)
{
    const struct bridge *bridge = context;
    mirror_keep(bridge->rooms.mirror, path);
}

static bool has_stale_status(void *context, const char *path)
{
    const struct bridge *bridge = context;
    return mirror_has_stale_status(bridge->rooms.mirror, path);
}

static uint32_t round_trip(void *context)
{
    const struct bridge *bridge = context;
    return mqtt_round_trip(bridge->rooms.mqtt);
}

/* ---- Opening and closing ---- */

static struct mqtt *open_mqtt(struct bridge *bridge, const struct mqtt_options *options)
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
    const char *problem = "";
    struct mqtt *mqtt = mqtt_new(options, &handlers, bridge, &problem);
    if (!mqtt)
        log_error("mqtt: TLS files or options cannot be used: %s", problem);
    return mqtt;
}

static bool open_rooms(struct bridge *bridge)
{
    const struct catalog_outlets catalog_outlets = {
        .context = bridge, .changed = service_changed, .gone = service_gone};
    const struct advertise_outlets advertise_outlets = {
        .context = bridge,
        .register_ = register_,
        .update_txt = update_txt,
        .withdraw = withdraw,
        .renamed = renamed,
        .say_status = say_status,
        .end_status = end_status,
        .answer = answer,
        .clear_request = clear_request,
        .keep_request = keep_request,
        .has_stale_status = has_stale_status,
        .round_trip = round_trip,
    };
    const struct config *config = &bridge->config;
    struct mqtt_options mqtt_options = setup_mqtt(config);
    struct session_rooms *rooms = &bridge->rooms;
    rooms->records = &bridge->records;
    rooms->mqtt = open_mqtt(bridge, &mqtt_options);
    rooms->catalog = catalog_new(config->browse.max_services, &catalog_outlets);
    rooms->advertise = advertise_new(config, &advertise_outlets);
    if (!rooms->mqtt || !rooms->catalog || !rooms->advertise)
        return false;
    rooms->mirror = mirror_new(rooms->mqtt, config->records.prefix, config->records.size,
                               mqtt_is_old(rooms->mqtt));
    return rooms->mirror;
}

bool wiring_open(struct bridge *bridge, int64_t now)
{
    struct mdns_options mdns_options = setup_mdns(&bridge->config);
    struct session_options session_options = setup_session(&bridge->config);
    if (!open_rooms(bridge))
        return false;
    bridge->records.catalog = bridge->rooms.catalog;
    bridge->records.advertise = bridge->rooms.advertise;
    records_set_sources(&bridge->records, bridge->rooms.mirror);
    bridge->session = session_new(&bridge->rooms, &session_options, now);
    bridge->mdns = bridge->session ? mdns_start(&mdns_options) : NULL;
    return bridge->mdns;
}

void wiring_close(struct bridge *bridge)
{
    mdns_stop(bridge->mdns, AVAHI_STOP_TIMEOUT_MS);
    session_free(bridge->session);
    mirror_free(bridge->rooms.mirror);
    mqtt_free(bridge->rooms.mqtt, bridge->said_goodbye);
    advertise_free(bridge->rooms.advertise);
    catalog_free(bridge->rooms.catalog);
}
