/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * One function for each input, a switch on the state in each. Three inputs are not what they seem:
 *
 *     offline, empty   may be last wills. A broker that is shut down cleanly fires the will of every client, saves
 *                      what it has, which takes its time, and only then closes our connection; but it answers
 *                      nothing any more. So both count when the broker has answered a round trip behind them. What
 *                      becomes of a lost connection is decided by RECONNECTED.
 *     reconnected      whatever stands, stands for LIFETIME_HOLD_MS more. By then its request must have been seen
 *                      again: live, or retained while its client is not offline; or its client has said "online".
 *     replay           a retained request of a client that is offline is not worth an advertisement, unless the
 *                      client comes back in that time.
 *
 * "Renewed after offline" needs no flag: a live request leads from LEAVING back to CONFIRMED, and no other.
 */
#include "lifetime.h"

#include <stddef.h>

static const char *const state_names[] = {"confirmed", "unconfirmed", "dormant", "leaving",
                                          "ended"};

_Static_assert(sizeof state_names / sizeof *state_names == LIFETIME_STATES,
               "a name for each state");

const char *lifetime_state_name(enum lifetime_state state)
{
    return state_names[state];
}

static void set_state(struct lifetime *lifetime, enum lifetime_state state, int64_t deadline)
{
    lifetime->state = state;
    lifetime->deadline = deadline;
}

static void confirm(struct lifetime *lifetime)
{
    set_state(lifetime, LIFETIME_CONFIRMED, lifetime->lease_until);
}

static void leave(struct lifetime *lifetime, enum status_reason reason, int64_t deadline,
                  uint32_t round_trip)
{
    lifetime->reason = reason;
    lifetime->round_trip = round_trip;
    set_state(lifetime, LIFETIME_LEAVING, deadline);
}

void lifetime_end(struct lifetime *lifetime, enum status_reason reason, int64_t now)
{
    lifetime->reason = reason;
    set_state(lifetime, LIFETIME_ENDED,
              lifetime->retention == RETENTION_NONE ? INT64_MAX : now + LIFETIME_CLEAR_MS);
}

/* What any request says, whether it confirms or not. */
static void note_request(struct lifetime *lifetime, const struct lifetime_facts *facts)
{
    lifetime->reading = facts->reading;
    lifetime->lease_until = facts->lease_until;
    if (facts->retention != RETENTION_UNKNOWN || lifetime->retention == RETENTION_NONE)
        lifetime->retention = facts->retention;
}

static void take_replay(struct lifetime *lifetime, const struct lifetime_facts *facts)
{
    enum retention before = lifetime->retention;
    note_request(lifetime, facts);
    switch (lifetime->state) {
    case LIFETIME_CONFIRMED:
    case LIFETIME_UNCONFIRMED:
    case LIFETIME_DORMANT:
        if (!facts->client_is_offline)
            confirm(lifetime);
        else if (lifetime->state == LIFETIME_CONFIRMED)
            set_state(lifetime, LIFETIME_UNCONFIRMED, facts->now + LIFETIME_HOLD_MS);
        break;
    case LIFETIME_LEAVING:
        /* What was taken back by a retained message cannot be what is replayed: it was asked for anew. */
        if (lifetime->reason == STATUS_REQUESTED && before == RETENTION_NONE)
            confirm(lifetime);
        break;
    case LIFETIME_ENDED:
        break;
    }
}

static void take_empty(struct lifetime *lifetime, const struct lifetime_facts *facts)
{
    if (facts->retention == RETENTION_RETAINED)
        lifetime->retention = RETENTION_NONE;
    switch (lifetime->state) {
    case LIFETIME_CONFIRMED:
    case LIFETIME_UNCONFIRMED:
    case LIFETIME_LEAVING:
        leave(lifetime, STATUS_REQUESTED, facts->now, facts->round_trip);
        break;
    case LIFETIME_DORMANT: /* no will: its client is not there */
        lifetime_end(lifetime, STATUS_REQUESTED, facts->now);
        break;
    case LIFETIME_ENDED:
        break;
    }
}

static void take_offline(struct lifetime *lifetime, const struct lifetime_facts *facts)
{
    switch (lifetime->state) {
    case LIFETIME_LEAVING:
        if (lifetime->reason == STATUS_REQUESTED)
            break;
        // fall through
    case LIFETIME_CONFIRMED:
        leave(lifetime, STATUS_CLIENT_OFFLINE, facts->now + LIFETIME_OFFLINE_MS, facts->round_trip);
        break;
    case LIFETIME_UNCONFIRMED: /* ends by its deadline, or is confirmed: its client may come back */
    case LIFETIME_DORMANT:
    case LIFETIME_ENDED:
        break;
    }
}

static void take_online(struct lifetime *lifetime, const struct lifetime_facts *facts)
{
    switch (lifetime->state) {
    case LIFETIME_UNCONFIRMED:
    case LIFETIME_DORMANT:
        /* A retained request would have been seen: it was taken back while nobody listened. */
        if (lifetime->retention != RETENTION_RETAINED || lifetime->reading == facts->reading)
            confirm(lifetime);
        break;
    case LIFETIME_LEAVING:
        if (lifetime->reason == STATUS_CLIENT_OFFLINE)
            confirm(lifetime);
        break;
    case LIFETIME_CONFIRMED:
    case LIFETIME_ENDED:
        break;
    }
}

static void take_reconnected(struct lifetime *lifetime, const struct lifetime_facts *facts)
{
    switch (lifetime->state) {
    case LIFETIME_LEAVING:
        /* Its client's "online" alone is not enough for what it has taken back: the request has to be seen. */
        if (lifetime->reason == STATUS_REQUESTED)
            lifetime->retention = RETENTION_RETAINED;
        // fall through
    case LIFETIME_CONFIRMED:
    case LIFETIME_UNCONFIRMED:
        set_state(lifetime, LIFETIME_UNCONFIRMED, facts->now + LIFETIME_HOLD_MS);
        break;
    case LIFETIME_DORMANT:
        set_state(lifetime, LIFETIME_DORMANT, facts->now + LIFETIME_HOLD_MS);
        break;
    case LIFETIME_ENDED: /* what is retained says whether there is anything to clear */
        lifetime->retention = RETENTION_NONE;
        lifetime->deadline = INT64_MAX;
        break;
    }
}

static void take_round_trip(struct lifetime *lifetime, const struct lifetime_facts *facts)
{
    switch (lifetime->state) {
    case LIFETIME_LEAVING:
        if (lifetime->round_trip <= facts->round_trip)
            lifetime->round_trip = 0;
        if (lifetime->round_trip == 0 && lifetime->deadline <= facts->now)
            lifetime_end(lifetime, lifetime->reason, facts->now);
        break;
    case LIFETIME_CONFIRMED: /* its retained request is no longer there: that it went was not heard */
        if (lifetime->retention == RETENTION_RETAINED && lifetime->reading < facts->reading) {
            lifetime->retention = RETENTION_NONE;
            lifetime_end(lifetime, STATUS_REQUESTED, facts->now);
        }
        break;
    case LIFETIME_UNCONFIRMED:
    case LIFETIME_DORMANT:
    case LIFETIME_ENDED:
        break;
    }
}

static void take_timer(struct lifetime *lifetime, const struct lifetime_facts *facts)
{
    if (facts->now < lifetime_deadline(lifetime))
        return;
    switch (lifetime->state) {
    case LIFETIME_CONFIRMED:
        lifetime_end(lifetime, STATUS_LEASE_EXPIRED, facts->now);
        break;
    case LIFETIME_UNCONFIRMED: {
        /* A retained request that is gone was taken back; else nobody stands for it. */
        bool taken_back = lifetime->retention == RETENTION_RETAINED && !facts->client_is_offline;
        lifetime_end(lifetime, taken_back ? STATUS_REQUESTED : STATUS_CLIENT_OFFLINE, facts->now);
        break;
    }
    case LIFETIME_DORMANT:
        lifetime_end(lifetime, STATUS_CLIENT_OFFLINE, facts->now);
        break;
    case LIFETIME_LEAVING:
        lifetime_end(lifetime, lifetime->reason, facts->now);
        break;
    case LIFETIME_ENDED:
        lifetime->deadline = INT64_MAX;
        break;
    }
}

void lifetime_begin(struct lifetime *lifetime, enum lifetime_input input,
                    const struct lifetime_facts *facts)
{
    *lifetime = (struct lifetime){0};
    note_request(lifetime, facts);
    if (input == LIFETIME_REPLAY && facts->client_is_offline)
        set_state(lifetime, LIFETIME_DORMANT, facts->now + LIFETIME_HOLD_MS);
    else
        confirm(lifetime);
}

void lifetime_take(struct lifetime *lifetime, enum lifetime_input input,
                   const struct lifetime_facts *facts)
{
    switch (input) {
    case LIFETIME_REQUEST:
        if (lifetime->state == LIFETIME_ENDED)
            break;
        note_request(lifetime, facts);
        confirm(lifetime);
        break;
    case LIFETIME_REPLAY:
        if (lifetime->state != LIFETIME_ENDED)
            take_replay(lifetime, facts);
        break;
    case LIFETIME_EMPTY:
        take_empty(lifetime, facts);
        break;
    case LIFETIME_OFFLINE:
        take_offline(lifetime, facts);
        break;
    case LIFETIME_ONLINE:
        take_online(lifetime, facts);
        break;
    case LIFETIME_RECONNECTED:
        take_reconnected(lifetime, facts);
        break;
    case LIFETIME_ROUND_TRIP:
        take_round_trip(lifetime, facts);
        break;
    case LIFETIME_TIMER:
        take_timer(lifetime, facts);
        break;
    }
}

int64_t lifetime_deadline(const struct lifetime *lifetime)
{
    bool waits = lifetime->state == LIFETIME_LEAVING && lifetime->round_trip != 0;
    return waits ? INT64_MAX : lifetime->deadline;
}
