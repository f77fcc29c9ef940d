/* SPDX-License-Identifier: MIT */
/* What the session says of the bridge: the records bridge/state and bridge/stats, and whose they are. */
#include "session_inside.h"

#include <string.h>

#include "clock.h"
#include "log.h"
#include "record.h"

#define STATE_MS 1000

/* How long to leave a foreign state record before ours is put in its place. */
#define FOREIGN_STATE_MS 5000

/* What consumers are told of the phase. */
const char *session_phase_name(enum session_phase phase)
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

struct bridge_state session_make_state(const struct session *session, enum session_phase phase)
{
    struct catalog_counters counters;
    struct adverts_counters adverts;
    catalog_get_counters(session->catalog, &counters);
    adverts_get_counters(session->adverts, &adverts);
    return (struct bridge_state){
        .state = session_phase_name(phase),
        .version = BRIDGE_VERSION,
        .hostname = session->hostname,
        .avahi_up = session->avahi != AVAHI_DOWN,
        .record_size = session->record_size,
        .services = counters.services,
        .advertised = adverts.established,
    };
}

/* Returns the record's digest. */
uint64_t session_publish_state(struct session *session)
{
    struct bridge_state state = session_make_state(session, session->phase);
    uint64_t digest = publisher_state(session->publisher, &state);
    session->told_at = clock_now();
    if (digest == 0)
        return 0; /* no room: the broker stalls; session_run_state() tries again */
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

/*
 * A state record came. One that is not ours is the last will of a life whose connection the broker took
 * long to give up, or another bridge's under the same prefix: put right, but without a fight.
 */
void session_own_state(struct session *session, uint64_t digest, bool replayed)
{
    session->marker_seen |= digest == session->marker;
    session->state_is_foreign = !replayed;
    for (unsigned i = 0; i < OWN_STATES; i++)
        if (session->own_states[i] == digest)
            session->state_is_foreign = false;
    if (!session->state_is_foreign)
        return;
    if (digest == session->will)
        return;
    if (!session->complained_of_foreign_state)
        log_warning("broker: somebody else has published '%s'; two bridges need two prefixes",
                    session->state_topic);
    session->complained_of_foreign_state = true;
}

void session_publish_stats(struct session *session, const struct mdns_counters *avahi, int64_t now)
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
int64_t session_run_state(struct session *session, int64_t now)
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
    if (session_publish_state(session) == 0)
        return now + STATE_MS;
    session->state_is_foreign = false;
    return INT64_MAX;
}
