/* SPDX-License-Identifier: MIT */
/*
 * The catalog: the truth about the network, and what of it the broker does not have yet.
 *
 * It merges what is seen of a service over IPv4 and over IPv6 into one entry, and keeps a list of the
 * entries whose record at the broker is not what it should be ("dirty"). It knows neither Avahi nor
 * MQTT and never looks at a clock: `now` is monotonic milliseconds. Main thread only.
 */
#ifndef BRIDGE_CATALOG_H
#define BRIDGE_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mdns.h"
#include "service.h"

struct catalog;
struct catalog_entry;

/* At most this many services are shown; more wait until there is room. NULL if memory is short. */
struct catalog *catalog_new(size_t max_services);

/* NULL is fine. */
void catalog_free(struct catalog *catalog);

/* ---- What the network says ---- */

/* A service resolved over one protocol (MDNS_FOUND), or no longer does (MDNS_LOST). */
void catalog_found(struct catalog *catalog, const struct mdns_event *event, int64_t now);
void catalog_lost(struct catalog *catalog, const struct mdns_event *event, int64_t now);

/* Something else about it may have changed: a record of it is made and compared. */
void catalog_look_again(struct catalog *catalog, const char *type, const char *name);

/* Avahi went away: all that was seen is kept, but has to be seen again before catalog_sweep(). */
void catalog_doubt_all(struct catalog *catalog);

/* How many entries a sweep would change: not seen (again) yet, or only known from the broker. */
size_t catalog_doubted(const struct catalog *catalog);

/* What was not seen again by now is lost; what only the broker has is to be withdrawn there. */
void catalog_sweep(struct catalog *catalog, int64_t now);

/* ---- What the broker has ---- */

/*
 * Reading back the retained tree: begin, one call for each retained record, end. `path` is the topic
 * behind PREFIX/service/, `digest` that of the whole payload. A record that nobody has seen on the
 * network becomes an entry, to be found or swept. Returns false where there is no room for it: read again
 * when those that had room are swept.
 */
void catalog_read_begin(struct catalog *catalog);
bool catalog_read_back(struct catalog *catalog, const char *path, uint64_t digest);

/*
 * How many records should have come and did not, since catalog_read_begin(). With `mend`, these are
 * dirty from now on.
 */
size_t catalog_read_end(struct catalog *catalog, bool mend);

/* ---- Publishing ---- */

/* Puts on the dirty list what has settled by now. Returns when there is more, INT64_MAX for never. */
int64_t catalog_settle(struct catalog *catalog, int64_t now);

/* The next dirty entry, taken off the list; NULL if there is none. */
struct catalog_entry *catalog_next_dirty(struct catalog *catalog);

/* Is nothing dirty, and nothing refused by the broker? */
bool catalog_is_clean(const struct catalog *catalog);

/* Has everything settled? */
bool catalog_is_settled(const struct catalog *catalog);

const char *catalog_entry_path(const struct catalog_entry *entry);

/*
 * Fills in what is known of an entry, for a record; the strings are valid until the catalog changes.
 * True: it is on the network, publish it. False: it is not; these are its last known values.
 */
bool catalog_entry_service(const struct catalog_entry *entry, struct service_id *id,
                           struct service *service);

/* May the broker hold a record of it? */
bool catalog_entry_is_at_broker(const struct catalog_entry *entry);

/* Fingerprint of the content that was last published, without its stamp; 0: none. */
uint64_t catalog_entry_content(const struct catalog_entry *entry);

/* Its record was handed over for publishing. It is in flight once more. */
void catalog_published(struct catalog *catalog, struct catalog_entry *entry, uint64_t content,
                       uint64_t digest);

/* Its withdrawal was handed over, as `messages` messages in flight; 0 if the broker has nothing. */
void catalog_withdrawn(struct catalog *catalog, struct catalog_entry *entry, unsigned messages);

/* One message of it is no longer in flight. May free the entry. */
void catalog_acknowledged(struct catalog *catalog, struct catalog_entry *entry);

/*
 * The connection was lost with one message of it in flight: what the broker has of it is not known before
 * the tree is read back.
 */
void catalog_flight_lost(struct catalog *catalog, struct catalog_entry *entry);

/*
 * The broker has refused one message of it, which is no longer in flight. May free the entry; else it is
 * put aside until catalog_try_again() makes it dirty, or a change does.
 */
void catalog_message_refused(struct catalog *catalog, struct catalog_entry *entry);
void catalog_try_again(struct catalog *catalog);

/* It cannot be made into a record: to be withdrawn (it is dirty again) until it changes. */
void catalog_refuse(struct catalog *catalog, struct catalog_entry *entry);

struct catalog_counters {
    size_t services;  /* on the network and shown */
    size_t parked;    /* on the network and not shown, because max_services are */
    uint64_t refused; /* times that one was parked or could not be made into a record */
};

void catalog_get_counters(const struct catalog *catalog, struct catalog_counters *counters);

#endif
