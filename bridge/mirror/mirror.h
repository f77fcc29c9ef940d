/* SPDX-License-Identifier: MIT */
/*
 * The mirror: the one owner of what is retained below PREFIX. Others say what is to be there, and change
 * their minds as often as they like; the mirror makes the broker agree, through a window of unacknowledged
 * messages, and reads back what the broker really has. Everything that the bridge publishes goes through
 * here, so `seq` counts all of it.
 *
 * Main thread only. Nothing blocks. No function logs an error that it returns.
 */
#ifndef BRIDGE_MIRROR_H
#define BRIDGE_MIRROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record.h"

struct mirror;
struct mqtt;

/* Where a path is, and who makes its records. Each has its turn, so that none can starve the others. */
enum mirror_folder {
    MIRROR_BRIDGE,   /* PREFIX/bridge/PATH: not read back, published again with each connection */
    MIRROR_SERVICES, /* PREFIX/service/PATH */
    MIRROR_STATUSES, /* PREFIX/advertise/PATH, of advertisements */
    MIRROR_ANSWERS,  /* the same, of requests that became none */
    MIRROR_REQUESTS, /* the same, what others have retained there: it can only be cleared */
    MIRROR_FOLDERS,
};

/* What is to be at a path. */
enum mirror_text {
    MIRROR_RETAINED, /* the record, retained */
    MIRROR_FAREWELL, /* the record once more, not retained, to who listens now; then nothing */
    MIRROR_NOTHING,
    MIRROR_AS_IT_IS, /* no record can be made now: what is there stays */
};

struct mirror_source {
    void *context;
    /*
     * Makes the record of `subject` at `path`, `size` bytes, with this stamp. `subject` NULL: nobody wants
     * anything there. `known`: the broker may hold a record. Nothing of the mirror may be called from here but
     * mirror_say() for other paths.
     */
    enum mirror_text (*compose)(void *context, void *subject, const char *path, bool known,
                                uint8_t *record, size_t size, const struct record_stamp *stamp);
    /*
     * The broker holds nothing of it any more, and no message of it is under way: a retired subject may be freed.
     * May be NULL.
     */
    void (*released)(void *context, void *subject, const char *path);
};

/*
 * `prefix` is copied, `mqtt` borrowed. `record_size` in bytes. With `echoes` the broker sends back what the
 * mirror clears below MIRROR_REQUESTS, as MQTT 3.1.1 has it: see mirror_is_echo(). NULL if memory is short.
 */
struct mirror *mirror_new(struct mqtt *mqtt, const char *prefix, size_t record_size, bool echoes);

/* Who makes the records of this folder, before anything is said there. MIRROR_REQUESTS needs no `compose`. */
void mirror_set_source(struct mirror *mirror, enum mirror_folder folder,
                       const struct mirror_source *source);

/* NULL is fine. Subjects are not released. */
void mirror_free(struct mirror *mirror);

/* ---- What is to be there ---- */

/* What `subject` says at `path` may have changed: its record is made and compared when there is room. */
void mirror_say(struct mirror *mirror, enum mirror_folder folder, const char *path, void *subject);

/* What is said there is published even if it is what was published last: somebody else has overwritten it. */
void mirror_repeat(struct mirror *mirror, enum mirror_folder folder, const char *path);

/*
 * Nothing is to be there any more. `subject`, which may be NULL, is asked for a farewell, and released when all
 * is done; that may be at once, from within this call.
 */
void mirror_retire(struct mirror *mirror, enum mirror_folder folder, const char *path,
                   void *subject);

/*
 * Deletes what somebody has retained at PREFIX/advertise/PATH, of whatever length. False: too many are to be
 * cleared already; read the requests again when mirror_is_in_line(MIRROR_REQUESTS).
 */
bool mirror_clear(struct mirror *mirror, const char *path);

/* The request there is wanted after all: it is not cleared, unless that is under way. */
void mirror_keep(struct mirror *mirror, const char *path);

/* Is this empty message the broker's copy of a clearing? Each is so once. */
bool mirror_is_echo(struct mirror *mirror, const char *path);

/* ---- The way to the broker ---- */

/*
 * Publishes what differs while the window has room, and now and then again what the broker refused.
 * `bridge_only`: nothing but MIRROR_BRIDGE. Only while connected. Returns when to be called next in monotonic
 * milliseconds, INT64_MAX for never.
 */
int64_t mirror_run(struct mirror *mirror, bool bridge_only, int64_t now);

/* What mqtt's handler of the same name says. May release subjects. */
void mirror_acknowledged(struct mirror *mirror, int message_id, bool refused);

/* The connection is lost: what the broker took of what was under way is not known before the next reading. */
void mirror_disconnected(struct mirror *mirror);

/* Does the broker have all that it is to have in this folder? */
bool mirror_is_in_line(const struct mirror *mirror, enum mirror_folder folder);

/* Is no message under way? */
bool mirror_is_acknowledged(const struct mirror *mirror);

/* ---- Reading back ---- */

/* Subscribes to all that is read back: with each connection, and again for what there was no room for. */
void mirror_read(struct mirror *mirror);

/*
 * A message on a topic below PREFIX, NULL-terminated, retained or not. It is passed over, but between mirror_read() or
 * mirror_check() and their ends.
 */
void mirror_take(struct mirror *mirror, const char *topic, const uint8_t *payload, size_t length,
                 bool retained, int64_t now);

/*
 * The broker has answered a round trip behind the subscriptions: what did not come is not there. Returns how
 * many records were missing; they are published again. What nobody wants of services waits for
 * mirror_sweep(), other things are cleared.
 */
size_t mirror_read_end(struct mirror *mirror);

/* How many services only the broker knows; and they are cleared. */
size_t mirror_ghosts(const struct mirror *mirror);
void mirror_sweep(struct mirror *mirror);

/* How many topics were left out of the last reading for want of room. */
size_t mirror_unread(const struct mirror *mirror);

/* Has the present reading, or the last one, found a status at PATH that was not cleared since? */
bool mirror_has_stale_status(struct mirror *mirror, const char *path);

/*
 * Subscribes to the services as a consumer would, at QoS 1, to see whether such a one gets them all.
 * mirror_check_end() is true once, when that has ended; *missing is how many did not come. `*at`: when to ask again.
 */
void mirror_check(struct mirror *mirror, int64_t now);
bool mirror_check_end(struct mirror *mirror, size_t *missing, int64_t *at, int64_t now);

/* ---- Numbers ---- */

/* Of the record that was published last. */
const struct record_stamp *mirror_stamp(const struct mirror *mirror);

struct mirror_counters {
    uint64_t published; /* service records */
    uint64_t withdrawn; /* services */
    uint64_t refused;   /* messages that the broker refused */
};

void mirror_get_counters(const struct mirror *mirror, struct mirror_counters *counters);

#endif
