/* SPDX-License-Identifier: MIT */
/* What the session says of the bridge: the records bridge/state and bridge/stats, and whose they are. */
#include "session_inside.h"

#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "record.h"
#include "record_read.h"

#define STATE_MS 1000

/* How long to leave a foreign state record before ours is put in its place. */
#define FOREIGN_STATE_MS 5000

static const char state_path[] = "state", stats_path[] = "stats";

const char *session_phase_name(enum session_phase phase)
{
    switch (phase) {
    case SESSION_OFFLINE:
    case SESSION_ENDING:
        return "offline";
    case SESSION_READING:
    case SESSION_STARTING:
        return "starting";
    case SESSION_ONLINE:
        return "online";
    }
    return "offline";
}

static struct session_summary summarize(const struct session *session, enum session_phase phase)
{
    struct catalog_counters catalog;
    struct advertise_counters advertise;
    catalog_get_counters(session->rooms.catalog, &catalog);
    advertise_get_counters(session->rooms.advertise, &advertise);
    return (struct session_summary){.state = session_phase_name(phase),
                                    .avahi_up = session->avahi != AVAHI_DOWN,
                                    .services = catalog.services,
                                    .advertised = advertise.established};
}

static enum record_result make_state(const struct session *session, enum session_phase phase,
                                     uint8_t *record, const struct record_stamp *stamp)
{
    char hostname[256] = "";
    struct session_summary summary = summarize(session, phase);
    if (gethostname(hostname, sizeof hostname - 1) != 0)
        hostname[0] = '\0';
    struct bridge_state state = {.state = summary.state,
                                 .version = BRIDGE_VERSION,
                                 .hostname = hostname,
                                 .avahi_up = summary.avahi_up,
                                 .record_size = session->options.record_size,
                                 .services = summary.services,
                                 .advertised = summary.advertised};
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
    enum record_result result = strcmp(path, state_path) == 0
                                    ? make_state(session, session->phase, record, stamp)
                                    : make_stats(session, record, stamp);
    return result == RECORD_OK ? MIRROR_RETAINED : MIRROR_AS_IT_IS;
}

void session_set_source(struct session *session)
{
    const struct mirror_source source = {session, compose, NULL};
    mirror_set_source(session->rooms.mirror, MIRROR_BRIDGE, &source);
}

void session_set_will(struct session *session)
{
    struct record_stamp stamp = *mirror_stamp(session->rooms.mirror);
    stamp.time = clock_unix();
    if (make_state(session, SESSION_OFFLINE, session->will, &stamp) == RECORD_OK)
        mqtt_set_will(session->rooms.mqtt, session->state_topic, session->will,
                      session->options.record_size);
}

void session_say_state(struct session *session, int64_t now)
{
    struct session_summary summary = summarize(session, session->phase);
    if (!session->said.state || strcmp(session->said.state, summary.state) != 0 ||
        session->said.avahi_up != summary.avahi_up)
        log_info("bridge: %s, avahi %s, %zu services", summary.state,
                 summary.avahi_up ? "up" : "down", summary.services);
    session->said = summary;
    session->said_at = now;
    session->foreign_at = INT64_MAX;
    mirror_say(session->rooms.mirror, MIRROR_BRIDGE, state_path, session);
}

/*
 * One that is not ours is the last will of a life whose connection the broker took long to give up, or another
 * bridge's under the same prefix: put right, but without a fight.
 */
void session_take_state(struct session *session, const struct mqtt_message *message, int64_t now)
{
    struct state_record state;
    bool readable = state_record_read(&state, message->payload, message->length);
    bool is_ours = readable && state.stamp.epoch == mirror_stamp(session->rooms.mirror)->epoch;
    if (message->retain || (is_ours && state.life != BRIDGE_OFFLINE)) {
        session->foreign_at = INT64_MAX;
        return;
    }
    session->foreign_at = earlier(session->foreign_at, now);
    if (is_ours) /* our own last will: a broker that is shut down sends it before it hangs up */
        return;
    if (!session->complained_of_foreign_state)
        log_warning("broker: somebody else has published '%s'; two bridges need two prefixes",
                    session->state_topic);
    session->complained_of_foreign_state = true;
}

/* When the state record is to be published again: Avahi's state at once, counts not more often than
 * STATE_MS. */
static int64_t state_due(const struct session *session, int64_t now)
{
    struct session_summary summary = summarize(session, session->phase);
    const struct session_summary *said = &session->said;
    if (strcmp(said->state, summary.state) != 0 || said->avahi_up != summary.avahi_up)
        return now;
    if (session->phase == SESSION_ONLINE &&
        (said->services != summary.services || said->advertised != summary.advertised))
        return session->said_at + STATE_MS;
    return session->foreign_at == INT64_MAX ? INT64_MAX : session->foreign_at + FOREIGN_STATE_MS;
}

int64_t session_run_state(struct session *session, int64_t now)
{
    int64_t at = state_due(session, now);
    if (now >= at) {
        if (session->foreign_at != INT64_MAX)
            mirror_repeat(session->rooms.mirror, MIRROR_BRIDGE, state_path);
        session_say_state(session, now);
        at = INT64_MAX;
    }
    if (now >= session->stats_at) {
        mirror_say(session->rooms.mirror, MIRROR_BRIDGE, stats_path, session);
        session->stats_at = now + session->options.stats_interval_ms;
    }
    return earlier(at, session->stats_at);
}
