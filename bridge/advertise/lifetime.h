/* SPDX-License-Identifier: MIT */
/*
 * The lifetime of an advertisement: one state, one deadline, and what happens to it. Pure: no clock, no memory, no
 * I/O; proto/README.md section 5 has the rules. Times are milliseconds of whatever clock the caller has.
 */
#ifndef BRIDGE_LIFETIME_H
#define BRIDGE_LIFETIME_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"

#define LIFETIME_OFFLINE_MS 500
#define LIFETIME_HOLD_MS 15000
#define LIFETIME_CLEAR_MS 250

enum lifetime_state {
    /* Somebody stands for it. Deadline: its lease. */
    LIFETIME_CONFIRMED,
    /*
     * The connection to the broker was lost since, or its request is retained and its client offline. Stays on
     * the network. Deadline: by then somebody has to stand for it.
     */
    LIFETIME_UNCONFIRMED,
    /* The same, and it was not on the network before: not tried before its client is back. */
    LIFETIME_DORMANT,
    /*
     * Its client has said "offline", or taken it back; both may be a last will that a broker fires while it shuts
     * down. Deadline: it ends then, if the broker has answered a round trip by then.
     */
    LIFETIME_LEAVING,
    /* It has ended. Deadline: its retained request is cleared then, where there may be one. */
    LIFETIME_ENDED,
};

#define LIFETIME_STATES (LIFETIME_ENDED + 1)

enum lifetime_input {
    LIFETIME_REQUEST,     /* a live request */
    LIFETIME_REPLAY,      /* a request that was retained before the bridge subscribed */
    LIFETIME_EMPTY,       /* the empty payload */
    LIFETIME_OFFLINE,     /* its client said so */
    LIFETIME_ONLINE,      /* the same */
    LIFETIME_RECONNECTED, /* the connection to the broker is there again */
    LIFETIME_ROUND_TRIP,  /* the broker has answered one */
    LIFETIME_TIMER,       /* time has passed, with the broker there */
};

#define LIFETIME_INPUTS (LIFETIME_TIMER + 1)

/* May the broker hold its request? */
enum retention {
    RETENTION_NONE,
    RETENTION_UNKNOWN, /* MQTT 3.1.1 does not say of a live message how it was published */
    RETENTION_RETAINED,
};

struct lifetime {
    enum lifetime_state state;
    enum retention retention;
    enum status_reason reason; /* in LEAVING and ENDED */
    int64_t deadline;          /* INT64_MAX: none */
    int64_t lease_until;       /* INT64_MAX: no lease */
    uint32_t round_trip;       /* in LEAVING: that has to be answered; 0: it is */
    uint32_t reading;          /* of all requests, in which this one was last seen */
};

/* What an input goes with; what it does not need is not looked at. */
struct lifetime_facts {
    int64_t now;
    uint32_t round_trip;      /* EMPTY, OFFLINE: to wait for; ROUND_TRIP: answered up to this one */
    uint32_t reading;         /* the present one; ROUND_TRIP: that has ended, 0: none has */
    bool client_is_offline;   /* it said so last */
    enum retention retention; /* REQUEST, REPLAY: of the message; EMPTY: RETAINED has deleted it */
    int64_t lease_until;      /* REQUEST, REPLAY */
};

/* It begins with a request, live or replayed, of `facts`. */
void lifetime_begin(struct lifetime *lifetime, enum lifetime_input input,
                    const struct lifetime_facts *facts);

/*
 * Takes an input. One that has ended stays so: a request then begins another lifetime, and RETENTION says whether the
 * broker may still hold the old one.
 */
void lifetime_take(struct lifetime *lifetime, enum lifetime_input input,
                   const struct lifetime_facts *facts);

/* It ends now, for a reason that is not the client's. */
void lifetime_end(struct lifetime *lifetime, enum status_reason reason, int64_t now);

/* When LIFETIME_TIMER is due; INT64_MAX: never. */
int64_t lifetime_deadline(const struct lifetime *lifetime);

/* "confirmed" and so on, for the log. */
const char *lifetime_state_name(enum lifetime_state state);

#endif
