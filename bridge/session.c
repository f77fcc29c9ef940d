/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Towards the broker:
 *
 *     OFFLINE    no connection
 *     READING    connected: "starting" was published; our own retained tree is read back
 *     STARTING   read; being brought in line with the catalog
 *     CHECKING   "online" was published; the tree is read once more as a consumer would
 *     ONLINE
 *     ENDING     "offline" was published; waits for the acknowledgements
 *
 * Reading ends with a marker: the state record that was just published, seen on a subscription that was
 * made before. The broker sends what is retained first, so what has not come by then is not there. Had
 * the marker been lost, a new one is sent after a while.
 *
 * READING subscribes at QoS 0: at QoS 1 a broker with Mosquitto's defaults silently drops all but 1020
 * of the records, and ghosts behind these would stay. CHECKING subscribes at QoS 1, to find just that
 * out and tell the operator: his consumers would miss the same records.
 *
 * Towards the network:
 *
 *     down       since `down_since`; when `avahi_grace` is over, everything is withdrawn
 *     up         being browsed; what was known before is doubted until it is found again
 *     settled    since `settled_at`; what is still doubted is swept SWEEP_PATIENCE later: mDNS asks at
 *                0, 1 and 3 seconds, and a device may miss two of these in a poor wireless network
 *
 * What the tree holds more than the catalog has room for is read in further rounds, behind the sweep of
 * the last one.
 *
 * "online" is said when the network has settled, nothing is doubted, all of the tree was read, and
 * everything, changes of a moment ago included, was taken by the broker: who sees it has the whole set.
 */
#include "session_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "record.h"

#define SWEEP_PATIENCE_MS 5000

static const char *const phase_names[] = {"offline",  "reading", "starting",
                                          "checking", "online",  "ending"};

_Static_assert(sizeof phase_names / sizeof *phase_names == SESSION_ENDING + 1,
               "a name for each phase");

void session_set_phase(struct session *session, enum session_phase phase)
{
    if (session->phase == phase)
        return;
    log_debug("session: %s -> %s", phase_names[session->phase], phase_names[phase]);
    session->phase = phase;
}

const char *session_filter(struct session *session, const char *rest)
{
    memcpy(session->filter, session->prefix, session->prefix_length);
    snprintf(session->filter + session->prefix_length,
             sizeof session->filter - session->prefix_length, "%s", rest);
    return session->filter;
}

void session_connecting(struct session *session)
{
    struct bridge_state state = session_make_state(session, SESSION_OFFLINE);
    const uint8_t *record = publisher_will(session->publisher, &state);
    if (record) {
        session->will = record_payload_digest(record, session->record_size);
        mqtt_set_will(session->mqtt, session->state_topic, record, session->record_size);
    }
}

void session_connected(struct session *session, int64_t now)
{
    session->connections++;
    session->rounds = 0;
    session_set_phase(session, SESSION_READING);
    adverts_connected(session->adverts, now);
    /* Presence before requests, and both before statuses: each is judged by what came before. */
    mqtt_subscribe_to_others(session->mqtt, session_filter(session, "/client/+"));
    mqtt_subscribe_to_others(session->mqtt, session_filter(session, "/advertise/+/+"));
    /* For the markers, and to see when somebody else overwrites it. */
    mqtt_subscribe(session->mqtt, session->state_topic, 1);
    session_begin_reading(session, 0, now);
}

void session_disconnected(struct session *session)
{
    session->marker_deadline = INT64_MAX;
    publisher_disconnected(session->publisher);
    adverts_disconnected(session->adverts);
    if (session->phase != SESSION_ENDING)
        session_set_phase(session, SESSION_OFFLINE);
}

static void take_request(struct session *session, const struct mqtt_message *message,
                         const char *path, int64_t now)
{
    bool is_old = mqtt_is_old(session->mqtt);
    struct adverts_message request = {
        .path = path,
        .payload = message->payload,
        .length = message->length,
        /* With MQTT 5 a live one looks the same; while the tree is read it is taken for a replay. */
        .replayed = message->retain && (is_old || session->phase == SESSION_READING),
        .retained = message->retain ? ADVERTS_RETAINED
                    : is_old        ? ADVERTS_PERHAPS_RETAINED
                                    : ADVERTS_NOT_RETAINED,
        .expiry = message->expiry,
    };
    adverts_request(session->adverts, &request, now);
}

void session_message(struct session *session, const struct mqtt_message *message, int64_t now)
{
    struct request_owner owner;
    const char *path = session_path_below(session, message->topic, "/client/");
    if (session->phase == SESSION_ENDING)
        return;
    if (path) {
        adverts_presence(session->adverts, path, message->payload, message->length, now);
        return;
    }
    path = session_path_below(session, message->topic, "/advertise/");
    if (path && topic_advertise_parse(&owner, path) != TOPIC_STATUS) {
        take_request(session, message, path, now);
        return;
    }
    session_own_message(session, message, now);
}

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
    if (session->avahi == AVAHI_DOWN && catalog_doubted(session->catalog) > 0)
        log_warning("avahi: not back in time; all services are withdrawn");
    catalog_sweep(session->catalog, now);
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
        catalog_doubt_all(session->catalog);
        break;
    case MDNS_SETTLED:
        session->avahi = AVAHI_SETTLED;
        session->settled_at = now;
        session->sweep_due = true;
        break;
    case MDNS_FOUND:
        catalog_found(session->catalog, event, now);
        break;
    case MDNS_LOST:
        catalog_lost(session->catalog, event, now);
        break;
    case MDNS_ADVERT:
        break;
    }
    adverts_mdns_event(session->adverts, event);
}

int64_t session_run(struct session *session, const struct mdns_counters *avahi, int64_t now)
{
    int64_t next_at = earlier(run_sweep(session, now), catalog_settle(session->catalog, now));
    bool online = session->phase != SESSION_OFFLINE && session->phase != SESSION_ENDING;
    next_at = earlier(next_at, adverts_run(session->adverts, online, now));
    if (!online)
        return next_at;
    if (session->phase == SESSION_READING)
        session_run_reading(session, now);
    /* Until the tree is read, nobody knows which records are there already. */
    if (session->phase != SESSION_READING || session->connections == 1)
        next_at = earlier(next_at, publisher_run(session->publisher, now));
    if (session->phase == SESSION_STARTING)
        session_run_starting(session, now);
    if (session->phase == SESSION_CHECKING)
        session_run_checking(session, now);
    next_at = earlier(next_at, session_run_state(session, now));
    if (now >= session->stats_at) {
        session_publish_stats(session, avahi, now);
        session->stats_at = now + session->options.stats_interval_ms;
    }
    return earlier(earlier(next_at, session->marker_deadline), session->stats_at);
}

void session_end(struct session *session)
{
    bool connected = session->phase != SESSION_OFFLINE;
    session_set_phase(session, SESSION_ENDING);
    if (connected)
        session_publish_state(session);
}

bool session_has_ended(const struct session *session)
{
    return !mqtt_is_connected(session->mqtt) ||
           (session_said_goodbye(session) && publisher_is_acknowledged(session->publisher));
}

bool session_said_goodbye(const struct session *session)
{
    return session->phase == SESSION_ENDING && publisher_state_is_taken(session->publisher);
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
                           int64_t stats_interval_ms)
{
    session->options.avahi_grace_ms = avahi_grace_ms;
    session->options.stats_interval_ms = stats_interval_ms;
    session->stats_at = earlier(session->stats_at, clock_now() + stats_interval_ms);
}

struct session *session_new(struct mqtt *mqtt, struct catalog *catalog, struct adverts *adverts,
                            struct publisher *publisher, const struct session_options *options,
                            int64_t now)
{
    struct session *session = calloc(1, sizeof *session);
    if (!session)
        return NULL;
    session->mqtt = mqtt;
    session->catalog = catalog;
    session->adverts = adverts;
    session->publisher = publisher;
    session->options = *options;
    session->record_size = options->record_size;
    session->marker_deadline = INT64_MAX;
    session->sweep_due = true;
    session->state_logged = "";
    session->started_at = session->down_since = now;
    session->stats_at = now + options->stats_interval_ms;
    if (gethostname(session->hostname, sizeof session->hostname - 1) != 0)
        session->hostname[0] = '\0';
    session->prefix_length = strlen(options->prefix);
    snprintf(session->prefix, sizeof session->prefix, "%s", options->prefix);
    snprintf(session->state_topic, sizeof session->state_topic, "%s/bridge/state", options->prefix);
    return session;
}

void session_free(struct session *session)
{
    free(session);
}
