/* SPDX-License-Identifier: MIT */
/*
 * The catalog: the truth about the network. It merges what is seen of a service over IPv4 and over IPv6 into
 * one entry, lets changes settle, and says of which entry something else is to be said.
 *
 * It knows neither Avahi nor MQTT and never looks at a clock: `now` is monotonic milliseconds. Main thread
 * only.
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

/* Whom the catalog tells; `path` is DOMAIN/TYPE/NAME/INTERFACE as topic_path() writes it. */
struct catalog_outlets {
    void *context;
    /* What catalog_entry_service() says of it may be something else now. */
    void (*changed)(void *context, const char *path, struct catalog_entry *entry);
    /*
     * It is not on the network any more, or not to be shown. catalog_released() is to follow when nobody needs
     * what is last known of it, maybe from within.
     */
    void (*gone)(void *context, const char *path, struct catalog_entry *entry);
};

/* At most this many services are shown; more wait until there is room. NULL if memory is short. */
struct catalog *catalog_new(size_t max_services, const struct catalog_outlets *outlets);

/* NULL is fine. */
void catalog_free(struct catalog *catalog);

/* A service resolved over one protocol (MDNS_FOUND), or no longer does (MDNS_LOST). */
void catalog_found(struct catalog *catalog, const struct mdns_event *event, int64_t now);
void catalog_lost(struct catalog *catalog, const struct mdns_event *event, int64_t now);

/* Something else about these may have changed: `changed` is said of those that are on the network. */
void catalog_look_again(struct catalog *catalog, const char *type, const char *name);

/* Avahi went away: all that was seen is kept, but stale until it is seen again, or catalog_sweep(). */
void catalog_all_is_stale(struct catalog *catalog);

/* How many entries are stale. */
size_t catalog_stale(const struct catalog *catalog);

/* What is still stale is lost. */
void catalog_sweep(struct catalog *catalog, int64_t now);

/* Says of what has settled by now. Returns when there is more, INT64_MAX for never. */
int64_t catalog_settle(struct catalog *catalog, int64_t now);

/* Has everything settled? */
bool catalog_is_settled(const struct catalog *catalog);

/*
 * Fills in what is known of an entry, for a record; the strings are valid until the catalog changes.
 * True: it is on the network and shown. False: it is not; these are its last known values.
 */
bool catalog_entry_service(const struct catalog_entry *entry, struct service_id *id,
                           struct service *service);

/* No record can be made of it: it is not shown until it changes. `gone` is not said of it. */
void catalog_refuse(struct catalog *catalog, struct catalog_entry *entry);

/* Nobody needs what is last known of an entry that `gone` was said of. It may be freed. */
void catalog_released(struct catalog *catalog, struct catalog_entry *entry);

struct catalog_counters {
    size_t services;  /* on the network and shown */
    size_t parked;    /* on the network and not shown, because max_services are */
    uint64_t refused; /* times that one was parked or could not be made into a record */
};

void catalog_get_counters(const struct catalog *catalog, struct catalog_counters *counters);

#endif
