/* SPDX-License-Identifier: MIT */
/*
 * The port to the Avahi side: everything that the rest of the bridge knows of mDNS.
 *
 * Behind it a thread of its own makes all libavahi calls; they block on D-Bus, for up to 25 s when
 * avahi-daemon hangs. In front of it are two bounded queues of values: events come up, commands go
 * down. All functions below are for the main thread, and none of them blocks, but mdns_stop().
 */
#ifndef BRIDGE_MDNS_H
#define BRIDGE_MDNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "request.h"
#include "service.h"

struct mdns;

/* What to browse for. Lists end with NULL. Copied by whoever takes it. */
struct mdns_options {
    bool browse;                   /* false: connect, but look for nothing */
    bool enumerate;                /* ask the network for its service types, RFC 6763 section 9 */
    const char *const *types;      /* browse for these in any case */
    const char *const *domains;    /* e.g. "local" */
    const char *const *interfaces; /* shell globs; an empty list means all */
    const char *const *ignore_interfaces; /* shell globs; wins over `interfaces`, */
    bool names_win;                       /* but not over what these name without a wildcard */
    bool ipv4, ipv6;                      /* over which protocols */
    bool local;                           /* this host's own services, too */
    size_t max_services;                  /* bound; twice as many sightings are followed */
    size_t txt_max;                       /* bytes of TXT data kept of one service */
};

enum mdns_event_kind {
    MDNS_UP,      /* avahi-daemon is there; everything will be told again */
    MDNS_DOWN,    /* it is gone; nothing that was told counts any more */
    MDNS_FOUND,   /* a service resolved over one protocol, or resolved to something else */
    MDNS_LOST,    /* it no longer does: goodbye, or the resolver gave it up */
    MDNS_SETTLED, /* after MDNS_UP: the network has answered once, and so has every resolver */
    MDNS_ADVERT,  /* what came of an advertisement */
};

enum mdns_advert_state {
    MDNS_ADVERT_PENDING,     /* is being probed for, under this name; again when a name is taken */
    MDNS_ADVERT_ESTABLISHED, /* is on the network, under this name; again when TXT was updated */
    MDNS_ADVERT_FAILED, /* will not be, or no longer is; the number stands for nothing now, or, if
                                `kept`, for what it stood for before */
};

enum mdns_advert_failure {
    MDNS_ADVERT_CONFLICT,     /* the name, and what it might be renamed to, is taken */
    MDNS_ADVERT_NO_INTERFACE, /* there is none of that name */
    MDNS_ADVERT_REFUSED,      /* by Avahi, whose words are in `message` */
};

struct mdns_advert_news {
    uint32_t id, generation; /* as given to mdns_advertise() */
    enum mdns_advert_state state;
    enum mdns_advert_failure failure; /* of FAILED, as are the next three */
    bool kept;
    uint32_t kept_generation; /* of the request that stands, where one is kept */
    char message[96];
    char name[SERVICE_NAME_MAX + 1];
};

/*
 * One event. `advert` is of ADVERT; id and protocol are of FOUND and LOST, what follows of FOUND only.
 * free() it after use.
 */
struct mdns_event {
    enum mdns_event_kind kind;
    struct mdns_advert_news advert;
    enum service_protocol protocol;
    struct service_id id;
    bool local;
    uint16_t port;
    char host[SERVICE_HOST_MAX + 1];
    char address[SERVICE_ADDRESS_MAX + 1];
    unsigned txt_omitted;
    size_t txt_length;
    uint8_t txt[]; /* normalised, see txt.h */
};

/* Numbers for bridge/stats; each is a snapshot of its own. */
struct mdns_counters {
    unsigned clients;   /* connections to avahi-daemon */
    unsigned types;     /* service browsers */
    unsigned sightings; /* (interface, protocol, service) followed */
    unsigned
        refused; /* types and sightings left alone because a bound was reached, since the start */
    unsigned ignored;  /* types and names that cannot be resolved at all, since the start */
    unsigned restarts; /* times that avahi-daemon was lost */
};

/* Starts the thread. NULL with errno set where that fails. Whether Avahi is there does not matter. */
struct mdns *mdns_start(const struct mdns_options *options);

/* For poll(2): readable while mdns_next() has something. */
int mdns_fd(const struct mdns *mdns);

/* The next event, the caller's to free(), or NULL. */
struct mdns_event *mdns_next(struct mdns *mdns);

/*
 * Browse for something else from now on. What both the old and the new options allow is not disturbed;
 * what is no longer allowed comes as MDNS_LOST. max_services and txt_max stay as they were at the start.
 * Returns 0, or -errno; -EAGAIN if an earlier change is not taken up yet.
 */
int mdns_reconfigure(struct mdns *mdns, const struct mdns_options *options);

/*
 * Advertise this under a number of the caller's choice, or change what the number stands for: TXT in
 * place, anything else by replacing it when the new one is established. Events tell what comes of it; their
 * generation says of which request they speak.
 * After MDNS_DOWN every number stands for nothing, so ask again at MDNS_UP. Returns 0, -ENOMEM, or
 * -EAGAIN if too many commands wait: then try again later.
 */
int mdns_advertise(struct mdns *mdns, uint32_t id, uint32_t generation,
                   const struct request *request);

/* Take it back, with a goodbye. Returns as mdns_advertise(). An unknown number is fine. */
int mdns_withdraw(struct mdns *mdns, uint32_t id);

void mdns_get_counters(const struct mdns *mdns, struct mdns_counters *counters);

/*
 * Ends the thread and frees everything, within `timeout_ms`; a thread that hangs in a D-Bus call longer
 * than that is left to the end of the process. Events not fetched yet are dropped. NULL is fine.
 */
void mdns_stop(struct mdns *mdns, int timeout_ms);

#endif
