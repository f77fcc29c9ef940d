/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Towards the broker:
 *
 *     OFFLINE -> READING -> STARTING -> ONLINE        ENDING from any of them
 *
 * READING reads back what the bridge has retained, and hears all requests that are; one round trip ends it. Until then
 * nothing is published but the state, as nobody knows which records are there already. STARTING lasts until the network
 * has settled, nothing is stale, all of the tree was read, and the broker has taken everything, changes of a moment
 * ago included: who sees "online" has the whole set.
 *
 * A queue at the broker overflows in silence when requests come in a burst. So when one is over, all requests are read
 * again.
 *
 * Towards the network: what is stale, or only known from the broker, is swept SWEEP_PATIENCE_MS after Avahi has
 * settled: mDNS asks at 0, 1 and 3 seconds, and a device may miss two of these in a poor wireless network. While
 * Avahi is away everything stays for `avahi-grace`.
 */
#include "session_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"

#define SWEEP_PATIENCE_MS 5000

/* A bound against somebody who fills the tree faster than it is cleared. */
#define READ_ROUNDS_MAX 100

/* A change settles within this time; on a network that never rests, others follow. */
#define SETTLE_PATIENCE_MS 1000

/* Requests in one second that are a burst: fewer than any broker keeps for a subscriber. */
#define BURST 200

static const char *const phase_names[] = {"offline", "reading", "starting", "online", "ending"};

_Static_assert(sizeof phase_names / sizeof *phase_names == SESSION_ENDING + 1,
               "a name for each phase");

static void set_phase(struct session *session, enum session_phase phase)
{
    if (session->phase == phase)
        return;
    log_debug("session: %s -> %s", phase_names[session->phase], phase_names[phase]);
    session->phase = phase;
}

static const char *filter(struct session *session, const char *rest)
{
    snprintf(session->filter, sizeof session->filter, "%s%s", session->prefix, rest);
    return session->filter;
}

/* ---- The connection ---- */

void session_connecting(struct session *session)
{
    session_set_will(session);
}

/* Presence before requests: each is judged by what came before. */
static void read_requests(struct session *session)
{
    mqtt_subscribe_to_others(session->rooms.mqtt, filter(session, "/client/+"));
    mqtt_subscribe_to_others(session->rooms.mqtt, filter(session, "/advertise/+/+"));
    session->requests_trip = mqtt_round_trip(session->rooms.mqtt);
    session->burst = false;
}

void session_connected(struct session *session, int64_t now)
{
    session->connections++;
    session->rounds = 0;
    set_phase(session, SESSION_READING);
    advertise_connected(session->rooms.advertise, now);
    session_say_state(session, now);
    mqtt_subscribe(session->rooms.mqtt, session->state_topic, 1);
    mirror_connected(session->rooms.mirror); /* statuses before requests, for the same reason */
    read_requests(session);
    session->tree_trip = session->requests_trip;
}

void session_disconnected(struct session *session)
{
    mirror_disconnected(session->rooms.mirror);
    advertise_disconnected(session->rooms.advertise);
    session->requests_trip = 0;
    if (session->phase != SESSION_ENDING)
        set_phase(session, SESSION_OFFLINE);
}

static void end_reading(struct session *session)
{
    size_t missing = mirror_read_end(session->rooms.mirror);
    if (missing > 0)
        log_info("broker: %zu records are not there any more; publishing them again", missing);
    session->sweep_due = true;
    session->ready_at = INT64_MAX;
    set_phase(session, SESSION_STARTING);
}

void session_answered(struct session *session, uint32_t round_trip, int64_t now)
{
    bool read = session->requests_trip != 0 && round_trip >= session->requests_trip;
    if (session->phase == SESSION_ENDING)
        return;
    if (read)
        session->requests_trip = 0;
    if (session->phase == SESSION_READING && round_trip >= session->tree_trip)
        end_reading(session);
    advertise_round_trip(session->rooms.advertise, round_trip, read, now);
}

/* ---- Messages ---- */

static void count_request(struct session *session, int64_t now)
{
    if (now >= session->second_at + 1000) {
        session->second_at = now;
        session->requests_of_second = 0;
    }
    if (++session->requests_of_second < BURST)
        return;
    session->burst = true;
    session->quiet_at = now + 1000;
}

static void take_request(struct session *session, const struct mqtt_message *message,
                         const char *path, int64_t now)
{
    bool is_old = mqtt_is_old(session->rooms.mqtt);
    struct advertise_message request = {
        .path = path,
        .payload = message->payload,
        .length = message->length,
        /* With MQTT 5 a live one looks the same; while requests are read it is taken for a replay. */
        .replayed = message->retain && (is_old || session->requests_trip != 0),
        .retention = message->retain ? RETENTION_RETAINED
                     : is_old        ? RETENTION_UNKNOWN
                                     : RETENTION_NONE,
        .expiry = message->expiry,
    };
    if (message->length == 0 && mirror_is_echo(session->rooms.mirror, path))
        return;
    if (!request.replayed)
        count_request(session, now);
    advertise_request(session->rooms.advertise, &request, now);
}

void session_message(struct session *session, const struct mqtt_message *message, int64_t now)
{
    struct request_owner owner;
    const char *path = topic_below(message->topic, session->prefix, "client");
    if (session->phase == SESSION_ENDING)
        return;
    if (path) {
        advertise_presence(session->rooms.advertise, path, message->payload, message->length, now);
        return;
    }
    path = topic_below(message->topic, session->prefix, "advertise");
    if (path && topic_advertise_parse(&owner, path) != TOPIC_STATUS)
        take_request(session, message, path, now);
    else if (strcmp(message->topic, session->state_topic) == 0)
        session_take_state(session, message, now);
    else
        mirror_take(session->rooms.mirror, message->topic, message->payload, message->length,
                    message->retain, now);
}

/* ---- The network ---- */

/* What the network, or Avahi's absence, has decided by now. Returns when it decides next. */
static int64_t run_sweep(struct session *session, int64_t now)
{
    int64_t at = INT64_MAX;
    if (!session->sweep_due)
        return at;
    if (session->avahi == AVAHI_SETTLED)
        at = session->settled_at + SWEEP_PATIENCE_MS;
    else if (session->avahi == AVAHI_DOWN)
        at = session->down_since + session->options.avahi_grace_ms;
    if (now < at)
        return at;
    if (session->avahi == AVAHI_DOWN && catalog_stale(session->rooms.catalog) > 0)
        log_warning("avahi: not back in time; all services are withdrawn");
    catalog_sweep(session->rooms.catalog, now);
    mirror_sweep(session->rooms.mirror);
    session->sweep_due = false;
    session->grace_spent |= session->avahi == AVAHI_DOWN;
    return INT64_MAX;
}

void session_mdns_event(struct session *session, const struct mdns_event *event, int64_t now)
{
    switch (event->kind) {
    case MDNS_UP:
        session->avahi = AVAHI_UP;
        break;
    case MDNS_DOWN:
        /* One that crashes again and again before it has settled does not prolong the grace. */
        if (session->avahi == AVAHI_SETTLED || session->grace_spent)
            session->down_since = now;
        session->grace_spent = false;
        session->avahi = AVAHI_DOWN;
        session->sweep_due = true;
        catalog_all_is_stale(session->rooms.catalog);
        break;
    case MDNS_SETTLED:
        session->avahi = AVAHI_SETTLED;
        session->settled_at = now;
        session->sweep_due = true;
        break;
    case MDNS_FOUND:
        catalog_found(session->rooms.catalog, event, now);
        break;
    case MDNS_LOST:
        catalog_lost(session->rooms.catalog, event, now);
        break;
    case MDNS_REGISTRATION:
        break;
    }
    advertise_mdns_event(session->rooms.advertise, event);
}

/* ---- The phases ---- */

static bool is_in_line(const struct session *session)
{
    const struct mirror *mirror = session->rooms.mirror;
    /* A flood of requests keeps statuses busy, and is no reason to hold back services. */
    return mirror_is_in_line(mirror, MIRROR_SERVICES) &&
           (session->burst || mirror_is_in_line(mirror, MIRROR_STATUSES));
}

static int64_t run_starting(struct session *session, int64_t now)
{
    struct mirror *mirror = session->rooms.mirror;
    if (session->avahi != AVAHI_SETTLED || !is_in_line(session) ||
        catalog_stale(session->rooms.catalog) > 0 || mirror_ghosts(mirror) > 0)
        return INT64_MAX;
    if (mirror_unread(mirror) > 0 && session->rounds < READ_ROUNDS_MAX) {
        session->rounds++;
        set_phase(session, SESSION_READING);
        mirror_read_again(mirror);
        session->tree_trip = mqtt_round_trip(session->rooms.mqtt);
        return INT64_MAX;
    }
    session->ready_at = earlier(session->ready_at, now + SETTLE_PATIENCE_MS);
    if (!catalog_is_settled(session->rooms.catalog) && now < session->ready_at)
        return session->ready_at;
    if (mirror_unread(mirror) > 0)
        log_warning_once(&session->complained_of_unread,
                         "broker: somebody else fills '%s/service' with retained messages, faster "
                         "than the bridge clears it",
                         session->prefix);
    set_phase(session, SESSION_ONLINE);
    mirror_check(mirror, now);
    return INT64_MAX;
}

static int64_t run_check(struct session *session, int64_t now)
{
    size_t missing;
    int64_t at = INT64_MAX;
    if (!mirror_check_end(session->rooms.mirror, &missing, &at, now))
        return at;
    session->retained_missing = missing;
    session->stats_at = now;
    if (missing > 0)
        log_warning("broker: a QoS 1 subscriber gets %zu of our retained records too few; raise "
                    "max_queued_messages in the broker's configuration",
                    missing);
    return INT64_MAX;
}

/* Behind a burst, and where there were too many requests to clear, all are read again. */
static int64_t run_requests(struct session *session, int64_t now)
{
    bool is_due = session->burst || advertise_needs_reading(session->rooms.advertise);
    if (!is_due || session->requests_trip != 0 ||
        !mirror_is_in_line(session->rooms.mirror, MIRROR_REQUESTS))
        return INT64_MAX;
    if (now < session->quiet_at)
        return session->quiet_at;
    advertise_reading(session->rooms.advertise);
    read_requests(session);
    return INT64_MAX;
}

static int64_t run_connected(struct session *session, int64_t now)
{
    int64_t next_at = INT64_MAX;
    if (session->phase == SESSION_STARTING)
        next_at = run_starting(session, now);
    if (session->phase == SESSION_ONLINE)
        next_at = earlier(next_at, run_check(session, now));
    if (session->phase != SESSION_READING)
        next_at = earlier(next_at, run_requests(session, now));
    next_at = earlier(next_at, session_run_state(session, now));
    return earlier(next_at,
                   mirror_run(session->rooms.mirror, session->phase == SESSION_READING, now));
}

int64_t session_run(struct session *session, const struct mdns_counters *avahi, int64_t now)
{
    session->avahi_counters = *avahi;
    int64_t next_at = earlier(run_sweep(session, now), catalog_settle(session->rooms.catalog, now));
    next_at = earlier(next_at, advertise_run(session->rooms.advertise, now));
    switch (session->phase) {
    case SESSION_OFFLINE:
        return next_at;
    case SESSION_ENDING:
        if (mqtt_is_connected(session->rooms.mqtt))
            mirror_run(session->rooms.mirror, true, now);
        return next_at;
    case SESSION_READING:
    case SESSION_STARTING:
    case SESSION_ONLINE:
        break;
    }
    return earlier(next_at, run_connected(session, now));
}

void session_end(struct session *session)
{
    bool connected = session->phase != SESSION_OFFLINE;
    set_phase(session, SESSION_ENDING);
    if (connected)
        session_say_state(session, clock_now());
}

bool session_has_ended(const struct session *session)
{
    return !mqtt_is_connected(session->rooms.mqtt) ||
           (session_said_goodbye(session) && mirror_is_acknowledged(session->rooms.mirror));
}

bool session_said_goodbye(const struct session *session)
{
    return session->phase == SESSION_ENDING && session->said.state &&
           strcmp(session->said.state, session_phase_name(SESSION_ENDING)) == 0 &&
           mirror_is_in_line(session->rooms.mirror, MIRROR_BRIDGE);
}

const char *session_state_name(const struct session *session)
{
    return session_phase_name(session->phase);
}

bool session_avahi_is_up(const struct session *session)
{
    return session->avahi != AVAHI_DOWN;
}

void session_set_intervals(struct session *session, int64_t avahi_grace_ms,
                           int64_t stats_interval_ms, int64_t now)
{
    session->options.avahi_grace_ms = avahi_grace_ms;
    session->options.stats_interval_ms = stats_interval_ms;
    session->stats_at = earlier(session->stats_at, now + stats_interval_ms);
}

struct session *session_new(const struct session_rooms *rooms,
                            const struct session_options *options, int64_t now)
{
    struct session *session = calloc(1, sizeof *session + options->record_size);
    if (!session)
        return NULL;
    session->rooms = *rooms;
    session->options = *options;
    session->sweep_due = true;
    session->started_at = session->down_since = now;
    session->second_at = now;
    session->foreign_at = INT64_MAX;
    session->stats_at = now + options->stats_interval_ms;
    snprintf(session->prefix, sizeof session->prefix, "%s", options->prefix);
    snprintf(session->state_topic, sizeof session->state_topic, "%s/bridge/state", options->prefix);
    session_set_source(session);
    return session;
}

void session_free(struct session *session)
{
    free(session);
}
