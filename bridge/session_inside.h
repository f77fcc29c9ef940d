/* SPDX-License-Identifier: MIT */
/*
 * The session's inside, for its own files only: session.c (connections, Avahi's state, the end),
 * session_read.c (the broker's tree), session_state.c (what it says of itself).
 */
#ifndef BRIDGE_SESSION_INSIDE_H
#define BRIDGE_SESSION_INSIDE_H

#include "session.h"
#include "topic.h"

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
    uint64_t
        will; /* digest of the last will: a broker that is shut down sends it before it hangs up */
    bool state_is_foreign; /* somebody else's stands at the broker */
    bool complained_of_foreign_state, complained_of_no_end, complained_of_unknown;
    char prefix[TOPIC_PREFIX_MAX + 1];
    size_t prefix_length;
    char state_topic[TOPIC_SIZE];
    char filter[TOPIC_SIZE]; /* of the last call to filter() */
};

/* session.c: changes the phase. */
void session_set_phase(struct session *session, enum session_phase phase);

/* session.c: PREFIX with this behind it; valid until the next call. */
const char *session_filter(struct session *session, const char *rest);

/* session_read.c: what follows PREFIX and `parent` in a topic, or NULL. */
const char *session_path_below(const struct session *session, const char *topic,
                               const char *parent);

/* session_read.c: subscribes to what we have retained, services at this QoS. */
void session_begin_reading(struct session *session, int service_qos, int64_t now);

/* session_read.c: a message came that the bridge has published, or somebody in its place. */
void session_own_message(struct session *session, const struct mqtt_message *message, int64_t now);

/* session_read.c: what is due in these phases. */
void session_run_reading(struct session *session, int64_t now);
void session_run_starting(struct session *session, int64_t now);
void session_run_checking(struct session *session, int64_t now);

/* session_state.c: what consumers are told of a phase. */
const char *session_phase_name(enum session_phase phase);

/* session_state.c: the bridge's state, as it is now or would be in another phase. */
struct bridge_state session_make_state(const struct session *session, enum session_phase phase);

/* session_state.c: publishes it. Returns the record's digest, 0 if there was no room. */
uint64_t session_publish_state(struct session *session);

/* session_state.c: a state record came. */
void session_own_state(struct session *session, uint64_t digest, bool replayed);

/* session_state.c: keeps the state record true. Returns when there is more to do. */
int64_t session_run_state(struct session *session, int64_t now);

/* session_state.c: publishes the stats record. `avahi`: as it is for session_run(). */
void session_publish_stats(struct session *session, const struct mdns_counters *avahi, int64_t now);

#endif
