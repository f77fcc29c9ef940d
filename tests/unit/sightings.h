/* SPDX-License-Identifier: MIT */
/* For the tests of catalog and session: events as the Avahi side makes them. */
#ifndef TESTS_SIGHTINGS_H
#define TESTS_SIGHTINGS_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog.h"

struct sighting {
    const char *name;
    enum service_protocol protocol;
    const char *address;
    uint16_t port;
    const char *txt; /* one string, or NULL */
};

static inline struct mdns_event *make_event(enum mdns_event_kind kind, struct sighting sighting)
{
    size_t length = sighting.txt ? strlen(sighting.txt) + 1 : 0;
    struct mdns_event *event = calloc(1, sizeof *event + length);
    ck_assert_ptr_nonnull(event);
    event->kind = kind;
    event->protocol = sighting.protocol;
    event->port = sighting.port;
    event->txt_length = length;
    snprintf(event->id.name, sizeof event->id.name, "%s", sighting.name);
    snprintf(event->id.type, sizeof event->id.type, "_http._tcp");
    snprintf(event->id.domain, sizeof event->id.domain, "local");
    snprintf(event->id.interface, sizeof event->id.interface, "eth0");
    snprintf(event->host, sizeof event->host, "host.local");
    snprintf(event->address, sizeof event->address, "%s",
             sighting.address ? sighting.address : "192.0.2.1");
    if (length > 0) {
        event->txt[0] = (uint8_t)(length - 1);
        memcpy(event->txt + 1, sighting.txt, length - 1);
    }
    return event;
}

static inline void found(struct catalog *catalog, struct sighting sighting, int64_t now)
{
    struct mdns_event *event = make_event(MDNS_FOUND, sighting);
    catalog_found(catalog, event, now);
    free(event);
}

static inline void lost(struct catalog *catalog, struct sighting sighting, int64_t now)
{
    struct mdns_event *event = make_event(MDNS_LOST, sighting);
    catalog_lost(catalog, event, now);
    free(event);
}

#endif
