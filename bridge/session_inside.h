/* SPDX-License-Identifier: MIT */
/*
 * The session's inside, for its own files only: session.c (the phases), session_state.c (what it says of the
 * bridge).
 */
#ifndef BRIDGE_SESSION_INSIDE_H
#define BRIDGE_SESSION_INSIDE_H

#include "session.h"
#include "topic.h"

enum session_phase {
    SESSION_OFFLINE,  /* no connection */
    SESSION_READING,  /* connected: what the broker has retained is read back */
    SESSION_STARTING, /* read; the broker's tree is being brought in line with the network */
    SESSION_ONLINE,
    SESSION_ENDING, /* "offline" is published; waits until the broker has taken it */
};

enum avahi_state {
    AVAHI_DOWN,    /* since `down_since`; when the grace is over, everything is withdrawn */
    AVAHI_UP,      /* being browsed; what was known before is stale until it is seen again */
    AVAHI_SETTLED, /* since `settled_at` */
};

/* What a state record is about, but for its stamp. */
struct session_summary {
    const char *state;
    bool avahi_up;
    size_t services, advertised;
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
    uint64_t connections, retained_missing;
    int64_t ready_at;  /* when to say "online" though something settles; INT64_MAX: not ready */
    int64_t second_at; /* the present second began then, */
    unsigned requests_of_second;
    bool burst;       /* there were many in one: some may have been lost */
    int64_t quiet_at; /* the last one is over then */
    /* Towards the network. */
    int64_t down_since; /* while AVAHI_DOWN: since then, or since an absence before that */
    bool grace_spent;   /* that absence has outlasted the grace */
    int64_t settled_at; /* while AVAHI_SETTLED */
    bool sweep_due;     /* something may be stale */
    /* What is said of the bridge. */
    struct session_summary said;
    int64_t said_at;
    int64_t foreign_at; /* somebody else's state stands at the broker since then; INT64_MAX: no */
    int64_t started_at, stats_at;
    bool complained_of_foreign_state, complained_of_unread;
    char prefix[TOPIC_PREFIX_MAX + 1];
    char state_topic[TOPIC_SIZE];
    char filter[TOPIC_SIZE]; /* of the last call to filter() */
    uint8_t will[];
};

/* session_state.c: the bridge's own records; a source of mirror.h. */
void session_set_source(struct session *session);

/* session_state.c: what consumers are told of a phase. */
const char *session_phase_name(enum session_phase phase);

/* session_state.c: a message came on the state's topic. */
void session_take_state(struct session *session, const struct mqtt_message *message, int64_t now);

/* session_state.c: keeps the state record and the stats true. Returns when there is more to do. */
int64_t session_run_state(struct session *session, int64_t now);

/* session_state.c: has the state record published as it is now. */
void session_say_state(struct session *session, int64_t now);

/* session_state.c: the last will of the next connection. */
void session_set_will(struct session *session);

#endif
