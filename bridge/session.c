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
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "record.h"
#include "topic.h"

#define SWEEP_PATIENCE_MS 5000
#define MARKER_TIMEOUT_MS 5000
#define STATE_MS 1000

/* A bound against somebody who fills the tree faster than it is cleared. */
#define READ_ROUNDS_MAX 100

/* A change settles within this time; on a network that never rests, others follow. */
#define SETTLE_PATIENCE_MS 1000

/* How long to leave a foreign state record before ours is put in its place. */
#define FOREIGN_STATE_MS 5000

/* More than can be under way at a time. */
#define OWN_STATES 16

enum session_phase {
    SESSION_OFFLINE,
    SESSION_READING,
    SESSION_STARTING,
    SESSION_CHECKING,
    SESSION_ONLINE,
    SESSION_ENDING,
};

static const char *const phase_names[] = {"offline",  "reading", "starting",
                                          "checking", "online",  "ending"};

_Static_assert(sizeof phase_names / sizeof *phase_names == SESSION_ENDING + 1,
               "a name for each phase");

enum avahi_state { AVAHI_DOWN, AVAHI_UP, AVAHI_SETTLED };

struct session {
    struct mqtt *mqtt;
    struct catalog *catalog;
    struct adverts *adverts;
    struct publisher *publisher;
    struct session_options options;
    enum session_phase phase;
    uint64_t marker; /* digest of the state record that ends reading */
    bool marker_seen;
    int64_t marker_deadline; /* when to send another one, or to end without */
    enum avahi_state avahi;
    bool avahi_told;                       /* what the last state record said, */
    size_t services_told, advertised_told; /* and when it was published */
    int64_t told_at;
    int64_t down_since; /* while AVAHI_DOWN: since then, or since an absence before that */
    bool grace_spent;   /* that absence has outlasted the grace */
    int64_t settled_at; /* while AVAHI_SETTLED */
    bool sweep_due;     /* something may be doubted */
    int64_t started_at, stats_at;
    uint64_t connections, retained_missing;
    uint64_t unknown_topics; /* in the present reading, or the last one */
    unsigned rounds;         /* of reading again because of these */
    int64_t ready_at; /* when to say "online" though something settles; INT64_MAX: not ready */
    size_t record_size;
    char hostname[256];
    const char *state_logged; /* counts alone are not worth a line */
    bool avahi_logged;
    uint64_t own_states[OWN_STATES]; /* digests of the state records published last */
    unsigned next_own_state;
    bool state_is_foreign; /* somebody else's stands at the broker */
    bool complained_of_foreign_state, complained_of_no_end, complained_of_unknown;
    char prefix[TOPIC_PREFIX_MAX + 1];
    size_t prefix_length;
    char state_topic[TOPIC_SIZE];
    char filter[TOPIC_SIZE]; /* of the last call to filter() */
};

static void set_phase(struct session *session, enum session_phase phase)
{
    if (session->phase == phase)
        return;
    log_debug("session: %s -> %s", phase_names[session->phase], phase_names[phase]);
    session->phase = phase;
}

/* What consumers are told of the phase. */
static const char *state_name(enum session_phase phase)
{
    switch (phase) {
    case SESSION_OFFLINE:
    case SESSION_ENDING:
        return "offline";
    case SESSION_READING:
    case SESSION_STARTING:
        return "starting";
    case SESSION_CHECKING:
    case SESSION_ONLINE:
        return "online";
    }
    return "offline";
}

static struct bridge_state make_state(const struct session *session, enum session_phase phase)
{
    struct catalog_counters counters;
    struct adverts_counters adverts;
    catalog_get_counters(session->catalog, &counters);
    adverts_get_counters(session->adverts, &adverts);
    return (struct bridge_state){
        .state = state_name(phase),
        .version = BRIDGE_VERSION,
        .hostname = session->hostname,
        .avahi_up = session->avahi != AVAHI_DOWN,
        .record_size = session->record_size,
        .services = counters.services,
        .advertised = adverts.established,
    };
}

/* Returns the record's digest. */
static uint64_t publish_state(struct session *session)
{
    struct bridge_state state = make_state(session, session->phase);
    uint64_t digest = publisher_state(session->publisher, &state);
    session->told_at = clock_now();
    if (digest == 0)
        return 0; /* no room: the broker stalls; run_state() tries again */
    session->avahi_told = state.avahi_up;
    session->services_told = state.services;
    session->advertised_told = state.advertised;
    session->own_states[session->next_own_state++ % OWN_STATES] = digest;
    if (strcmp(session->state_logged, state.state) != 0 || session->avahi_logged != state.avahi_up)
        log_info("bridge: %s, avahi %s, %zu services", state.state, state.avahi_up ? "up" : "down",
                 state.services);
    session->state_logged = state.state;
    session->avahi_logged = state.avahi_up;
    return digest;
}

static const char *filter(struct session *session, const char *rest)
{
    memcpy(session->filter, session->prefix, session->prefix_length);
    snprintf(session->filter + session->prefix_length,
             sizeof session->filter - session->prefix_length, "%s", rest);
    return session->filter;
}

/*
 * Subscribes to what we have retained; the state record published next comes back behind all of it. That
 * one is at QoS 1 as the statuses are: messages of different QoS may overtake each other.
 */
static void begin_reading(struct session *session, int service_qos, int64_t now)
{
    session->unknown_topics = 0;
    catalog_read_begin(session->catalog);
    adverts_read_begin(session->adverts);
    mqtt_subscribe(session->mqtt, filter(session, "/service/#"), service_qos, false);
    mqtt_subscribe(session->mqtt, filter(session, "/advertise/+/+/status"), 1, false);
    session->marker = publish_state(session);
    session->marker_seen = false;
    session->marker_deadline = now + MARKER_TIMEOUT_MS;
}

static void end_reading(struct session *session)
{
    mqtt_unsubscribe(session->mqtt, filter(session, "/service/#"));
    mqtt_unsubscribe(session->mqtt, filter(session, "/advertise/+/+/status"));
    session->marker_deadline = INT64_MAX;
}

void session_connecting(struct session *session)
{
    struct bridge_state state = make_state(session, SESSION_OFFLINE);
    const uint8_t *record = publisher_will(session->publisher, &state);
    if (record)
        mqtt_set_will(session->mqtt, session->state_topic, record, session->record_size);
}

void session_connected(struct session *session, int64_t now)
{
    session->connections++;
    session->rounds = 0;
    set_phase(session, SESSION_READING);
    adverts_connected(session->adverts, now);
    /* Presence before requests, and both before statuses: each is judged by what came before. */
    mqtt_subscribe(session->mqtt, filter(session, "/client/+"), 1, true);
    mqtt_subscribe(session->mqtt, filter(session, "/advertise/+/+"), 1, true);
    /* For the markers, and to see when somebody else overwrites it. */
    mqtt_subscribe(session->mqtt, session->state_topic, 1, false);
    begin_reading(session, 0, now);
}

void session_disconnected(struct session *session)
{
    session->marker_deadline = INT64_MAX;
    publisher_disconnected(session->publisher);
    adverts_disconnected(session->adverts);
    if (session->phase != SESSION_ENDING)
        set_phase(session, SESSION_OFFLINE);
}

/* What follows PREFIX and `parent` in a topic, or NULL. */
static const char *path_below(const struct session *session, const char *topic, const char *parent)
{
    size_t length = strlen(parent);
    if (strncmp(topic, session->prefix, session->prefix_length) != 0 ||
        strncmp(topic + session->prefix_length, parent, length) != 0)
        return NULL;
    return topic + session->prefix_length + length;
}

/*
 * A state record came. One that is not ours is the last will of a life whose connection the broker took
 * long to give up, or another bridge's under the same prefix: put right, but without a fight.
 */
static void own_state(struct session *session, uint64_t digest, bool replayed)
{
    session->marker_seen |= digest == session->marker;
    session->state_is_foreign = !replayed;
    for (unsigned i = 0; i < OWN_STATES; i++)
        if (session->own_states[i] == digest)
            session->state_is_foreign = false;
    if (!session->state_is_foreign)
        return;
    if (!session->complained_of_foreign_state)
        log_warning("broker: somebody else has published '%s'; two bridges need two prefixes",
                    session->state_topic);
    session->complained_of_foreign_state = true;
}

static void own_message(struct session *session, const struct mqtt_message *message, int64_t now)
{
    uint64_t digest = record_payload_digest(message->payload, message->length);
    const char *path;
    if (strcmp(message->topic, session->state_topic) == 0) {
        own_state(session, digest, message->retain);
        return;
    }
    if (session->phase != SESSION_READING && session->phase != SESSION_CHECKING)
        return;
    /* On a slow connection it takes its time; only silence says that the marker was lost. */
    session->marker_deadline = now + MARKER_TIMEOUT_MS;
    if (message->length == 0 || !message->retain)
        return;
    if ((path = path_below(session, message->topic, "/advertise/")))
        adverts_read_back(session->adverts, path, record_digest(message->payload, message->length));
    else if ((path = path_below(session, message->topic, "/service/")) &&
             !catalog_read_back(session->catalog, path, digest))
        session->unknown_topics++;
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
    const char *path = path_below(session, message->topic, "/client/");
    if (session->phase == SESSION_ENDING)
        return;
    if (path) {
        adverts_presence(session->adverts, path, message->payload, message->length, now);
        return;
    }
    path = path_below(session, message->topic, "/advertise/");
    if (path && topic_advertise_parse(&owner, path) != TOPIC_STATUS) {
        take_request(session, message, path, now);
        return;
    }
    own_message(session, message, now);
}

static void run_reading(struct session *session, int64_t now)
{
    if (session->marker_seen) {
        end_reading(session);
        size_t missing = catalog_read_end(session->catalog, true);
        adverts_read_end(session->adverts);
        if (missing > 0)
            log_info("broker: %zu records are not there any more; publishing them again", missing);
        session->sweep_due = true;
        session->ready_at = INT64_MAX;
        set_phase(session, SESSION_STARTING);
    } else if (now >= session->marker_deadline) {
        log_warning_once(&session->complained_of_no_end,
                         "broker: reading back the retained records got no end; trying again");
        end_reading(session);
        begin_reading(session, 0, now);
    }
}

static void run_checking(struct session *session, int64_t now)
{
    if (!session->marker_seen && now < session->marker_deadline)
        return;
    end_reading(session);
    session->retained_missing = catalog_read_end(session->catalog, false);
    if (session->retained_missing > 0)
        log_warning("broker: a QoS 1 subscriber gets %zu of our retained records too few; raise "
                    "max_queued_messages in the broker's configuration",
                    (size_t)session->retained_missing);
    session->sweep_due = true;
    session->stats_at = now;
    set_phase(session, SESSION_ONLINE);
}

static void run_starting(struct session *session, int64_t now)
{
    if (session->avahi != AVAHI_SETTLED || !publisher_is_idle(session->publisher) ||
        catalog_doubted(session->catalog) > 0)
        return;
    if (session->unknown_topics > 0 && session->rounds < READ_ROUNDS_MAX) {
        session->rounds++;
        set_phase(session, SESSION_READING);
        begin_reading(session, 0, now);
        return;
    }
    session->ready_at = earlier(session->ready_at, now + SETTLE_PATIENCE_MS);
    if (!catalog_is_settled(session->catalog) && now < session->ready_at)
        return;
    if (session->unknown_topics > 0)
        log_warning_once(&session->complained_of_unknown,
                         "broker: somebody else fills '%s/service' with retained messages, faster "
                         "than the bridge clears it",
                         session->prefix);
    set_phase(session, SESSION_CHECKING);
    begin_reading(session, 1, now);
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

static void publish_stats(struct session *session, const struct mdns_counters *avahi, int64_t now)
{
    struct catalog_counters catalog;
    struct publisher_counters published;
    struct adverts_counters adverts;
    catalog_get_counters(session->catalog, &catalog);
    publisher_get_counters(session->publisher, &published);
    adverts_get_counters(session->adverts, &adverts);
    const struct record_counter counters[] = {
        {"uptime", (uint64_t)(now - session->started_at) / 1000},
        {"services", catalog.services},
        {"services_parked", catalog.parked},
        {"services_refused", catalog.refused},
        {"sightings", avahi->sightings},
        {"sightings_refused", avahi->refused},
        {"names_ignored", avahi->ignored},
        {"types", avahi->types},
        {"requests", adverts.requests},
        {"requests_refused", adverts.refused},
        {"wishes", adverts.wishes},
        {"advertised", adverts.established},
        {"wishes_ended", adverts.ended},
        {"avahi_clients", avahi->clients},
        {"avahi_restarts", avahi->restarts},
        {"broker_connections", session->connections},
        {"published", published.published},
        {"withdrawn", published.withdrawn},
        {"txt_truncated", published.txt_truncated},
        {"publish_refused", published.refused},
        {"retained_missing", session->retained_missing},
        {"retained_unknown", session->unknown_topics},
    };
    publisher_stats(session->publisher, counters, sizeof counters / sizeof *counters);
}

/* Keeps the state record true: Avahi's state at once, counts not more often than STATE_MS. */
static int64_t run_state(struct session *session, int64_t now)
{
    struct catalog_counters counters;
    catalog_get_counters(session->catalog, &counters);
    struct adverts_counters adverts;
    adverts_get_counters(session->adverts, &adverts);
    bool avahi_differs = session->avahi_told != (session->avahi != AVAHI_DOWN);
    bool counts_differ =
        session->phase == SESSION_ONLINE && (session->services_told != counters.services ||
                                             session->advertised_told != adverts.established);
    int64_t at = avahi_differs               ? now
                 : counts_differ             ? session->told_at + STATE_MS
                 : session->state_is_foreign ? session->told_at + FOREIGN_STATE_MS
                                             : INT64_MAX;
    if (now < at)
        return at;
    if (publish_state(session) == 0)
        return now + STATE_MS;
    session->state_is_foreign = false;
    return INT64_MAX;
}

int64_t session_run(struct session *session, const struct mdns_counters *avahi, int64_t now)
{
    int64_t next_at = earlier(run_sweep(session, now), catalog_settle(session->catalog, now));
    bool online = session->phase != SESSION_OFFLINE && session->phase != SESSION_ENDING;
    next_at = earlier(next_at, adverts_run(session->adverts, online, now));
    if (!online)
        return next_at;
    if (session->phase == SESSION_READING)
        run_reading(session, now);
    /* Until the tree is read, nobody knows which records are there already. */
    if (session->phase != SESSION_READING || session->connections == 1)
        next_at = earlier(next_at, publisher_run(session->publisher, now));
    if (session->phase == SESSION_STARTING)
        run_starting(session, now);
    if (session->phase == SESSION_CHECKING)
        run_checking(session, now);
    next_at = earlier(next_at, run_state(session, now));
    if (now >= session->stats_at) {
        publish_stats(session, avahi, now);
        session->stats_at = now + session->options.stats_interval_ms;
    }
    return earlier(earlier(next_at, session->marker_deadline), session->stats_at);
}

void session_end(struct session *session)
{
    bool connected = session->phase != SESSION_OFFLINE;
    set_phase(session, SESSION_ENDING);
    if (connected)
        publish_state(session);
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
    return state_name(session->phase);
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
