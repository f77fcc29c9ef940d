/* SPDX-License-Identifier: MIT */
/*
 * One service as Avahi reports it on one interface over one protocol, and the resolver that follows it.
 * Internal to the Avahi side, its thread only.
 */
#ifndef BRIDGE_AVAHI_INSTANCE_H
#define BRIDGE_AVAHI_INSTANCE_H

#include <avahi-client/lookup.h>
#include <avahi-common/domain.h>
#include <uthash.h>

#include "client_pool.h"
#include "mdns.h"

enum instance_state {
    INSTANCE_WAITING, /* no resolver: it could not be made, or broke; tried again when `retry_at` comes */
    INSTANCE_RESOLVING, /* the resolver has not answered yet */
    INSTANCE_UP,        /* FOUND was the last that it said; the main thread has it */
    INSTANCE_BORROWED, /* likewise, with an address of the other protocol; its own is asked for again
                           when `retry_at` comes */
    INSTANCE_SILENT,   /* it gave up by time-out, and lives on: a later FOUND revives it; it is made
                           again when `retry_at` comes */
};

struct instance {
    UT_hash_handle hh;            /* resolve::instances, by key */
    struct instance *next, *prev; /* resolve::waiting, where instance_has_retry() */
    void *owner;                  /* struct resolve, for the resolver's callback */
    enum instance_state state;
    bool answered; /* the resolver has said something since browsing began */
    bool
        asks_again; /* for an address of its own protocol; what it had counts until that is heard */
    bool any_address; /* no address of the instance's own protocol: take one of the other */
    bool stale;       /* not reported again since resolve_mark_stale() */
    bool local;
    bool reported;          /* as FOUND to the main thread, and not as LOST since */
    uint32_t host;          /* hash of the host name in the last FOUND */
    unsigned char failures; /* in a row, for the back-off */
    int64_t retry_at;
    AvahiServiceResolver *resolver;
    struct pool_client *client;       /* that the resolver is counted on */
    const char *name, *type, *domain; /* as Avahi writes them; inside `key` */
    char interface[SERVICE_INTERFACE_MAX +
                   1]; /* kept: it may be gone from the system by the goodbye */
    unsigned key_length;
    char key[]; /* struct instance_key, then name, type and domain, each with its NUL */
};

struct instance_key {
    AvahiIfIndex interface;
    AvahiProtocol protocol;
};

/* Longest key: Avahi's own buffers bound type and domain. */
#define INSTANCE_KEY_MAX                                                                           \
    (sizeof(struct instance_key) + AVAHI_LABEL_MAX + 2 * (size_t)AVAHI_DOMAIN_NAME_MAX)

/* Builds the hash key. Returns its length, or 0 if a string is longer than Avahi makes them. */
unsigned instance_make_key(char key[INSTANCE_KEY_MAX], AvahiIfIndex interface,
                           AvahiProtocol protocol, const char *name, const char *type,
                           const char *domain);

/* An instance with that key; the caller's to free(). NULL if memory is short. */
struct instance *instance_new(const char *key, unsigned key_length);

AvahiIfIndex instance_interface(const struct instance *instance);
AvahiProtocol instance_protocol(const struct instance *instance);

/*
 * The identity in plain text. False if type or domain are not what RFC 1035 allows, or do not fit.
 */
bool instance_identity(const struct instance *instance, struct service_id *id);

/* A LOST event about it. NULL if memory is short. */
struct mdns_event *instance_lost_event(const struct instance *instance);

/*
 * A FOUND event with what a resolver said. At most `txt_max` bytes of TXT data are kept. NULL if
 * memory is short or the host name is none.
 */
struct mdns_event *instance_found_event(const struct instance *instance, const char *host,
                                        const AvahiAddress *address, uint16_t port,
                                        AvahiStringList *list, size_t txt_max);

#endif
