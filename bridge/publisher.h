/* SPDX-License-Identifier: MIT */
/*
 * The publisher: makes records and brings the broker's tree in line with the catalog, through a window
 * of unacknowledged messages. Everything that the bridge publishes goes through here, so that `seq`
 * counts all of it. Main thread only.
 */
#ifndef BRIDGE_PUBLISHER_H
#define BRIDGE_PUBLISHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog.h"
#include "mqtt.h"
#include "record.h"

struct publisher;

/* `prefix` is copied; the others are borrowed. NULL if memory is short. */
struct publisher *publisher_new(struct mqtt *mqtt, struct catalog *catalog, const char *prefix,
                                size_t record_size);

/* Whose advertisement a service of this host is: "CLIENT/ID", or NULL. */
typedef const char *publisher_owner_func(void *context, const struct service_id *id);

void publisher_set_owner_func(struct publisher *publisher, publisher_owner_func *owner,
                              void *context);

/* NULL is fine. */
void publisher_free(struct publisher *publisher);

/*
 * Publishes dirty entries while the window has room; now and then again what the broker has refused. Only
 * while connected. Returns when to be called next because of that, INT64_MAX for never.
 */
int64_t publisher_run(struct publisher *publisher, int64_t now);

/* What mqtt's handler of the same name was told. */
void publisher_acknowledged(struct publisher *publisher, int message_id, bool refused);

/* The connection was lost: nothing is under way any more, and what the broker took of it is not known. */
void publisher_disconnected(struct publisher *publisher);

/* Is nothing dirty, and has the broker taken everything that was published? */
bool publisher_is_idle(const struct publisher *publisher);

/* Is the window empty? */
bool publisher_is_acknowledged(const struct publisher *publisher);

/*
 * Publishes PREFIX/bridge/state or PREFIX/bridge/stats, retained. Only while connected. The digest is
 * that of the record (record_payload_digest()), 0 if it could not be published. There is room for the
 * state "offline" in any case.
 */
uint64_t publisher_state(struct publisher *publisher, const struct bridge_state *state);
void publisher_stats(struct publisher *publisher, const struct record_counter *counters,
                     size_t count);

/* Has the broker taken the state record that was published last? */
bool publisher_state_is_taken(const struct publisher *publisher);

/*
 * Publishes the status of a request at PREFIX/advertise/PATH, unless its content is that of *digests, which
 * then is what was published. False where the window has no room now. Only while connected.
 */
bool publisher_status(struct publisher *publisher, const char *path, const struct status *status,
                      bool retain, struct record_digests *digests);

/*
 * Deletes what is retained there. Does not count against the window: a flood of requests that are turned
 * away must not stay because of it, and the broker that would not take this sends none either.
 */
void publisher_clear_advertise(struct publisher *publisher, const char *path);

/*
 * A state record that is not published now: the last will. It carries the present `seq`, and does not
 * count. Valid until the next call to any function here.
 */
const uint8_t *publisher_will(struct publisher *publisher, const struct bridge_state *state);

struct publisher_counters {
    uint64_t published;     /* service records */
    uint64_t withdrawn;     /* services withdrawn */
    uint64_t txt_truncated; /* service records with TXT attributes left out */
    uint64_t refused;       /* messages that the broker refused */
};

void publisher_get_counters(const struct publisher *publisher, struct publisher_counters *counters);

#endif
