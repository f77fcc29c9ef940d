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
 *
 * Of itself it says the records bridge/state, which is also the last will, and bridge/stats.
 */
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "record.h"
#include "record_read.h"
#include "topic.h"

#define SWEEP_PATIENCE_MS 5000

/* A bound against somebody who fills the tree faster than it is cleared. */
#define READ_ROUNDS_MAX 100

/* A change settles within this time; on a network that never rests, others follow. */
#define SETTLE_PATIENCE_MS 1000

/* Requests in one second that are a burst: fewer than any broker keeps for a subscriber. */
#define BURST 200

/* Counts are not said more often than this. */
#define STATE_MS 1000

/* How long to leave a foreign state record before ours is put in its place. */
#define FOREIGN_STATE_MS 5000

enum session_phase {
    SESSION_OFFLINE,  /* no connection */
    SESSION_READING,  /* connected: what the broker has retained is read back */
    SESSION_STARTING, /* read; the broker's tree is being brought in line with the network */
    SESSION_ONLINE,
    SESSION_ENDING, /* "offline" is published; waits until the broker has taken it */
};

static const struct {
    const char *name, *state; /* `state`: what consumers are told */
} phases[] = {
    [SESSION_OFFLINE] = {"offline", "offline"},    [SESSION_READING] = {"reading", "starting"},
    [SESSION_STARTING] = {"starting", "starting"}, [SESSION_ONLINE] = {"online", "online"},
    [SESSION_ENDING] = {"ending", "offline"},
};

enum avahi_state {
    AVAHI_DOWN, /* when `sweep_at` comes, everything is withdrawn */
    AVAHI_UP,   /* being browsed; what was known before is stale until it is seen again */
    AVAHI_SETTLED,
};

struct session {
    struct session_rooms rooms;
    struct session_options options;
    enum session_phase phase;
    enum avahi_state avahi;
    struct mdns_counters avahi_counters; /* of the last run */
    /* Towards the broker. */
    uint32_t tree_trip;     /* round trip that ends the reading of what the bridge has retained */
    uint32_t requests_trip; /* the same of all requests; 0: they are not being read */
    unsigned rounds;        /* of reading again what there was no room for */
    int64_t ready_at;  /* when to say "online" though something settles; INT64_MAX: not ready */
    int64_t second_at; /* the present second began then, */
    unsigned requests_of_second;
    int64_t burst_ends_at; /* there were many in one: some may have been lost; INT64_MAX: no */
    uint64_t connections, retained_missing;
    /* Towards the network. */
    int64_t sweep_at; /* unless AVAHI_UP; INT64_MAX: it was swept in this state of Avahi */
    /* What is said of the bridge. */
    struct bridge_state said;
    int64_t said_at;
    int64_t repeat_at; /* somebody else's state stands at the broker; INT64_MAX: no */
    int64_t started_at, stats_at;
    bool complained_of_foreign_state, complained_of_unread;
    char prefix[TOPIC_PREFIX_MAX + 1];
    char topic[TOPIC_SIZE]; /* scratch of topic_of() */
    uint8_t will[];
};

static void set_phase(struct session *session, enum session_phase phase)
{
    if (session->phase != phase)
        log_debug("session: %s -> %s", phases[session->phase].name, phases[phase].name);
    session->phase = phase;
}

/* Valid until the next call. */
static const char *topic_of(struct session *session, const char *path)
{
    snprintf(session->topic, sizeof session->topic, "%s/%s", session->prefix, path);
    return session->topic;
}

/* ---- What it says of the bridge ---- */

static struct bridge_state summarize(const struct session *session, enum session_phase phase)
{
    struct catalog_counters catalog;
    struct advertise_counters advertise;
    catalog_get_counters(session->rooms.catalog, &catalog);
    advertise_get_counters(session->rooms.advertise, &advertise);
    return (struct bridge_state){.state = phases[phase].state,
                                 .version = BRIDGE_VERSION,
                                 .avahi_up = session_avahi_is_up(session),
                                 .record_size = session->options.record_size,
                                 .services = catalog.services,
                                 .advertised = advertise.established};
}

static enum record_result make_state(const struct session *session, enum session_phase phase,
                                     uint8_t *record, const struct record_stamp *stamp)
{
    char hostname[256] = "";
    struct bridge_state state = summarize(session, phase);
    if (gethostname(hostname, sizeof hostname - 1) != 0)
        hostname[0] = '\0';
    state.hostname = hostname;
    return record_state(record, session->options.record_size, &state, stamp);
}

static enum record_result make_stats(const struct session *session, uint8_t *record,
                                     const struct record_stamp *stamp)
{
    struct catalog_counters catalog;
    struct mirror_counters mirror;
    struct advertise_counters advertise;
    const struct mdns_counters *avahi = &session->avahi_counters;
    catalog_get_counters(session->rooms.catalog, &catalog);
    mirror_get_counters(session->rooms.mirror, &mirror);
    advertise_get_counters(session->rooms.advertise, &advertise);
    const struct record_counter counters[] = {
        {"uptime", (uint64_t)(clock_now() - session->started_at) / 1000},
        {"services", catalog.services},
        {"services_parked", catalog.parked},
        {"services_refused", catalog.refused},
        {"sightings", avahi->sightings},
        {"sightings_refused", avahi->refused},
        {"names_ignored", avahi->ignored},
        {"types", avahi->types},
        {"requests", advertise.requests},
        {"requests_refused", advertise.refused},
        {"wishes", advertise.advertisements},
        {"advertised", advertise.established},
        {"wishes_ended", advertise.ended},
        {"avahi_clients", avahi->clients},
        {"avahi_restarts", avahi->restarts},
        {"broker_connections", session->connections},
        {"published", mirror.published},
        {"withdrawn", mirror.withdrawn},
        {"txt_truncated", session->rooms.records->txt_truncated},
        {"publish_refused", mirror.refused},
        {"retained_missing", session->retained_missing},
        {"retained_unknown", mirror_unread(session->rooms.mirror)},
    };
    return record_stats(record, session->options.record_size, counters,
                        sizeof counters / sizeof *counters, stamp);
}

static enum mirror_text compose(void *context, void *subject, const char *path, bool known,
                                uint8_t *record, size_t size, const struct record_stamp *stamp)
{
    const struct session *session = context;
    (void)subject, (void)known, (void)size;
    enum record_result result = strcmp(path, "state") == 0
                                    ? make_state(session, session->phase, record, stamp)
                                    : make_stats(session, record, stamp);
    return result == RECORD_OK ? MIRROR_RETAINED : MIRROR_AS_IT_IS;
}

static bool is_news(const struct bridge_state *said, const struct bridge_state *state)
{
    return strcmp(said->state, state->state) != 0 || said->avahi_up != state->avahi_up;
}

static void say_state(struct session *session, int64_t now)
{
    struct bridge_state state = summarize(session, session->phase);
    if (is_news(&session->said, &state))
        log_info("bridge: %s, avahi %s, %zu services", state.state, state.avahi_up ? "up" : "down",
                 state.services);
    session->said = state;
    session->said_at = now;
    session->repeat_at = INT64_MAX;
    mirror_say(session->rooms.mirror, MIRROR_BRIDGE, "state", session);
    mirror_repeat(session->rooms.mirror, MIRROR_BRIDGE, "state");
}

/*
 * One that is not ours is the last will of a life whose connection the broker took long to give up, or another
 * bridge's under the same prefix: put right, but without a fight.
 */
static void take_state(struct session *session, const struct mqtt_message *message, int64_t now)
{
    struct state_record state;
    bool readable = state_record_read(&state, message->payload, message->length);
    bool is_ours = readable && state.stamp.epoch == mirror_stamp(session->rooms.mirror)->epoch;
    if (message->retain || (is_ours && state.life != BRIDGE_OFFLINE)) {
        session->repeat_at = INT64_MAX;
        return;
    }
    session->repeat_at = earlier(session->repeat_at, now + FOREIGN_STATE_MS);
    if (is_ours) /* our own last will: a broker that is shut down sends it before it hangs up */
        return;
    log_warning_once(&session->complained_of_foreign_state,
                     "broker: somebody else has published '%s'; two bridges need two prefixes",
                     message->topic);
}

/* Keeps the state record and the stats true. Returns when there is more to do. */
static int64_t run_state(struct session *session, int64_t now)
{
    struct bridge_state state = summarize(session, session->phase);
    const struct bridge_state *said = &session->said;
    int64_t at = session->repeat_at;
    if (is_news(said, &state))
        at = now;
    else if (session->phase == SESSION_ONLINE &&
             (said->services != state.services || said->advertised != state.advertised))
        at = session->said_at + STATE_MS;
    if (now >= at) {
        say_state(session, now);
        at = INT64_MAX;
    }
    if (now >= session->stats_at) {
        mirror_say(session->rooms.mirror, MIRROR_BRIDGE, "stats", session);
        session->stats_at = now + session->options.stats_interval_ms;
    }
    return earlier(at, session->stats_at);
}

/* ---- The connection ---- */

void session_connecting(struct session *session)
{
    struct record_stamp stamp = *mirror_stamp(session->rooms.mirror);
    stamp.time = clock_unix();
    if (make_state(session, SESSION_OFFLINE, session->will, &stamp) == RECORD_OK)
        mqtt_set_will(session->rooms.mqtt, topic_of(session, "bridge/state"), session->will,
                      session->options.record_size);
}

/* Presence before requests: each is judged by what came before. */
static void read_requests(struct session *session)
{
    mqtt_subscribe_to_others(session->rooms.mqtt, topic_of(session, "client/+"));
    mqtt_subscribe_to_others(session->rooms.mqtt, topic_of(session, "advertise/+/+"));
    session->requests_trip = mqtt_round_trip(session->rooms.mqtt);
    session->burst_ends_at = INT64_MAX;
}

void session_connected(struct session *session, int64_t now)
{
    session->connections++;
    session->rounds = 0;
    set_phase(session, SESSION_READING);
    advertise_connected(session->rooms.advertise, now);
    say_state(session, now);
    mqtt_subscribe(session->rooms.mqtt, topic_of(session, "bridge/state"), 1);
    mirror_read(session->rooms.mirror); /* statuses before requests, for the same reason */
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

static void end_reading(struct session *session, int64_t now)
{
    size_t missing = mirror_read_end(session->rooms.mirror);
    if (missing > 0)
        log_info("broker: %zu records are not there any more; publishing them again", missing);
    if (session->avahi != AVAHI_UP && session->sweep_at == INT64_MAX)
        session->sweep_at = now;
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
        end_reading(session, now);
    advertise_round_trip(session->rooms.advertise, round_trip, read, now);
}

/* ---- Messages ---- */

static void count_request(struct session *session, int64_t now)
{
    if (now >= session->second_at + 1000) {
        session->second_at = now;
        session->requests_of_second = 0;
    }
    if (++session->requests_of_second >= BURST)
        session->burst_ends_at = now + 1000;
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
    const char *client = topic_below(message->topic, session->prefix, "client");
    const char *request = topic_below(message->topic, session->prefix, "advertise");
    const char *bridge = topic_below(message->topic, session->prefix, "bridge");
    if (session->phase == SESSION_ENDING)
        return;
    if (client)
        advertise_presence(session->rooms.advertise, client, message->payload, message->length,
                           now);
    else if (request && topic_advertise_parse(&owner, request) != TOPIC_STATUS)
        take_request(session, message, request, now);
    else if (bridge && strcmp(bridge, "state") == 0)
        take_state(session, message, now);
    else
        mirror_take(session->rooms.mirror, message->topic, message->payload, message->length,
                    message->retain, now);
}

/* ---- The network ---- */

void session_mdns_event(struct session *session, const struct mdns_event *event, int64_t now)
{
    switch (event->kind) {
    case MDNS_UP:
        session->avahi = AVAHI_UP;
        break;
    case MDNS_DOWN:
        /* One that crashes again and again before it has settled does not prolong the grace. */
        if (session->avahi == AVAHI_SETTLED || session->sweep_at == INT64_MAX)
            session->sweep_at = now + session->options.avahi_grace_ms;
        session->avahi = AVAHI_DOWN;
        catalog_all_is_stale(session->rooms.catalog);
        break;
    case MDNS_SETTLED:
        session->avahi = AVAHI_SETTLED;
        session->sweep_at = now + SWEEP_PATIENCE_MS;
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

/* What the network, or Avahi's absence, has decided by now. Returns when it decides next. */
static int64_t run_sweep(struct session *session, int64_t now)
{
    if (session->avahi == AVAHI_UP)
        return INT64_MAX;
    if (now < session->sweep_at)
        return session->sweep_at;
    if (session->avahi == AVAHI_DOWN && catalog_stale(session->rooms.catalog) > 0)
        log_warning("avahi: not back in time; all services are withdrawn");
    catalog_sweep(session->rooms.catalog, now);
    mirror_sweep(session->rooms.mirror);
    session->sweep_at = INT64_MAX;
    return INT64_MAX;
}

/* ---- The phases ---- */

static bool is_in_line(const struct session *session)
{
    const struct mirror *mirror = session->rooms.mirror;
    /* A flood of requests keeps statuses busy, and is no reason to hold back services. */
    return mirror_is_in_line(mirror, MIRROR_SERVICES) &&
           (session->burst_ends_at != INT64_MAX || mirror_is_in_line(mirror, MIRROR_STATUSES));
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
        mirror_read(mirror);
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
    int64_t at = session->burst_ends_at;
    if (at == INT64_MAX && advertise_needs_reading(session->rooms.advertise))
        at = now;
    if (session->requests_trip != 0 || !mirror_is_in_line(session->rooms.mirror, MIRROR_REQUESTS))
        return INT64_MAX;
    if (now < at)
        return at;
    advertise_reading(session->rooms.advertise);
    read_requests(session);
    return INT64_MAX;
}

int64_t session_run(struct session *session, const struct mdns_counters *avahi, int64_t now)
{
    struct mirror *mirror = session->rooms.mirror;
    session->avahi_counters = *avahi;
    int64_t next_at = earlier(run_sweep(session, now), catalog_settle(session->rooms.catalog, now));
    next_at = earlier(next_at, advertise_run(session->rooms.advertise, now));
    if (session->phase == SESSION_ENDING && mqtt_is_connected(session->rooms.mqtt))
        mirror_run(mirror, true, now);
    if (session->phase == SESSION_ENDING || session->phase == SESSION_OFFLINE)
        return next_at;
    if (session->phase == SESSION_STARTING)
        next_at = earlier(next_at, run_starting(session, now));
    if (session->phase == SESSION_ONLINE)
        next_at = earlier(next_at, run_check(session, now));
    if (session->phase != SESSION_READING)
        next_at = earlier(next_at, run_requests(session, now));
    next_at = earlier(next_at, run_state(session, now));
    return earlier(next_at, mirror_run(mirror, session->phase == SESSION_READING, now));
}

void session_end(struct session *session)
{
    bool connected = session->phase != SESSION_OFFLINE;
    set_phase(session, SESSION_ENDING);
    if (connected)
        say_state(session, clock_now());
}

bool session_has_ended(const struct session *session)
{
    return !mqtt_is_connected(session->rooms.mqtt) ||
           (session_said_goodbye(session) && mirror_is_acknowledged(session->rooms.mirror));
}

bool session_said_goodbye(const struct session *session)
{
    return session->phase == SESSION_ENDING && strcmp(session->said.state, "offline") == 0 &&
           mirror_is_in_line(session->rooms.mirror, MIRROR_BRIDGE);
}

const char *session_state_name(const struct session *session)
{
    return phases[session->phase].state;
}

bool session_avahi_is_up(const struct session *session)
{
    return session->avahi != AVAHI_DOWN;
}

void session_set_intervals(struct session *session, int64_t avahi_grace_ms,
                           int64_t stats_interval_ms, int64_t now)
{
    if (session->avahi != AVAHI_SETTLED && session->sweep_at != INT64_MAX)
        session->sweep_at += avahi_grace_ms - session->options.avahi_grace_ms;
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
    session->said.state = "";
    session->started_at = session->second_at = now;
    session->sweep_at = now + options->avahi_grace_ms;
    session->burst_ends_at = session->repeat_at = INT64_MAX;
    session->stats_at = now + options->stats_interval_ms;
    snprintf(session->prefix, sizeof session->prefix, "%s", options->prefix);
    mirror_set_source(rooms->mirror, MIRROR_BRIDGE,
                      &(struct mirror_source){session, compose, NULL});
    return session;
}

void session_free(struct session *session)
{
    free(session);
}
