/* SPDX-License-Identifier: MIT */
/*
 * One service as Avahi reports it on one interface over one protocol, and the resolver that follows it.
 * Internal to the Avahi side, its thread only.
 */
#ifndef BRIDGE_MDNS_SIGHTING_H
#define BRIDGE_MDNS_SIGHTING_H

#include <avahi-client/lookup.h>
#include <avahi-common/domain.h>
#include <uthash.h>

#include "mdns.h"
#include "mdns_clients.h"

enum sighting_state {
    SIGHTING_WAITING, /* no resolver: it could not be made, or broke; tried again when `retry_at` comes */
    SIGHTING_RESOLVING, /* the resolver has not answered yet */
    SIGHTING_UP,        /* FOUND was the last that it said; the main thread knows of it */
    SIGHTING_BORROWED, /* likewise, with an address of the other protocol; its own is asked for again
                           when `retry_at` comes */
    SIGHTING_SILENT,   /* it gave up by time-out, and lives on: a later FOUND revives it; it is made
                           again when `retry_at` comes */
};

struct sighting {
    UT_hash_handle hh;            /* resolve::sightings, by key */
    struct sighting *next, *prev; /* resolve::waiting, where sighting_has_retry() */
    void *owner;                  /* struct resolve, for the resolver's callback */
    enum sighting_state state;
    bool answered;    /* the resolver has said something since browsing began */
    bool asks_again;  /* for an address of its own protocol; told what it had until that is heard */
    bool any_address; /* no address of the sighting's own protocol: take one of the other */
    bool doubted;     /* not reported again since resolve_doubt() */
    bool local;
    bool told;              /* the main thread was told FOUND, and not LOST since */
    uint32_t host;          /* hash of the host name in the last FOUND */
    unsigned char failures; /* in a row, for the back-off */
    int64_t retry_at;
    AvahiServiceResolver *resolver;
    struct mdns_client *client;       /* that the resolver is counted on */
    const char *name, *type, *domain; /* as Avahi writes them; inside `key` */
    char interface[SERVICE_INTERFACE_MAX +
                   1]; /* kept: it may be gone from the system by the goodbye */
    unsigned key_length;
    char key[]; /* struct sighting_key, then name, type and domain, each with its NUL */
};

struct sighting_key {
    AvahiIfIndex interface;
    AvahiProtocol protocol;
};

/* Longest key: Avahi's own buffers bound type and domain. */
#define SIGHTING_KEY_MAX                                                                           \
    (sizeof(struct sighting_key) + AVAHI_LABEL_MAX + 2 * (size_t)AVAHI_DOMAIN_NAME_MAX)

/* Builds the hash key. Returns its length, or 0 if a string is longer than Avahi makes them. */
unsigned sighting_make_key(char key[SIGHTING_KEY_MAX], AvahiIfIndex interface,
                           AvahiProtocol protocol, const char *name, const char *type,
                           const char *domain);

/* A sighting with that key; the caller's to free(). NULL if memory is short. */
struct sighting *sighting_new(const char *key, unsigned key_length);

AvahiIfIndex sighting_interface(const struct sighting *sighting);
AvahiProtocol sighting_protocol(const struct sighting *sighting);

/*
 * The identity in plain text. False if type or domain are not what RFC 1035 allows, or do not fit.
 */
bool sighting_identity(const struct sighting *sighting, struct service_id *id);

/* A LOST event about it. NULL if memory is short. */
struct mdns_event *sighting_lost_event(const struct sighting *sighting);

/*
 * A FOUND event with what a resolver said. At most `txt_max` bytes of TXT data are kept. NULL if
 * memory is short or the host name is none.
 */
struct mdns_event *sighting_found_event(const struct sighting *sighting, const char *host,
                                        const AvahiAddress *address, uint16_t port,
                                        AvahiStringList *list, size_t txt_max);

#endif
