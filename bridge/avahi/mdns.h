/* SPDX-License-Identifier: MIT */
/*
 * The port to the Avahi side: everything that the rest of the bridge knows of mDNS.
 *
 * Behind it a thread of its own makes all libavahi calls; they block on D-Bus, for up to 25 s when
 * avahi-daemon hangs. In front of it are two bounded queues of values: events come up, commands go
 * down. All functions below are for the main thread, and none of them blocks, but mdns_stop().
 */
#ifndef BRIDGE_AVAHI_MDNS_H
#define BRIDGE_AVAHI_MDNS_H

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
    size_t max_services;                  /* bound; twice as many instances are followed */
    size_t txt_max;                       /* bytes of TXT data kept of one service */
};

enum mdns_event_kind {
    MDNS_UP,           /* avahi-daemon is there; everything will be reported again */
    MDNS_DOWN,         /* it is gone; nothing that was reported counts any more */
    MDNS_FOUND,        /* a service resolved over one protocol, or resolved to something else */
    MDNS_LOST,         /* it no longer does: goodbye, or the resolver gave it up */
    MDNS_SETTLED,      /* after MDNS_UP: the network has answered once, and so has every resolver */
    MDNS_REGISTRATION, /* what came of a registration */
};

enum registration_state {
    REGISTRATION_PENDING,     /* is being probed for under `name`, again for each other name; or was
                                 established, and is to be registered again under that name */
    REGISTRATION_ESTABLISHED, /* is on the network under `name`; again when its TXT data are updated */
    REGISTRATION_FAILED,      /* will not be, or is no longer: the number stands for nothing now */
};

enum registration_failure {
    REGISTRATION_CONFLICT,     /* the name, and what it might be renamed to, is taken */
    REGISTRATION_NO_INTERFACE, /* there is none of that name */
    REGISTRATION_REFUSED,      /* by Avahi, whose words are in `message` */
};

struct registration_event {
    uint32_t number;
    uint32_t
        revision; /* of the TXT data that it stands with, or is tried with: 0 from mdns_register(),
                          else as given to mdns_update_txt() */
    enum registration_state state;
    enum registration_failure failure; /* of FAILED, as is the next */
    char message[96];
    char name[SERVICE_NAME_MAX + 1];
};

/*
 * One event. `registration` is of REGISTRATION; id and protocol are of FOUND and LOST, what follows of FOUND
 * only. free() it after use.
 */
struct mdns_event {
    enum mdns_event_kind kind;
    struct registration_event registration;
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
        refused; /* types and instances left alone because a bound was reached, since the start */
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
 * Returns 0 or -ENOMEM. However many commands wait, this one gets through: the newest options have a place of
 * their own, where they take the place of those that have not been taken up yet.
 */
int mdns_reconfigure(struct mdns *mdns, const struct mdns_options *options);

/*
 * A registration is a number and one immutable request, its TXT data aside. Numbers are the caller's, never
 * used for another request, never 0. MDNS_REGISTRATION events say what comes of it.
 *
 * After MDNS_DOWN every number stands for nothing; what is asked for until mdns_next() has returned that event
 * is ignored, and the caller registers again at MDNS_UP, in the order in which names were held.
 *
 * All three return 0, -ENOMEM, or -EAGAIN if too many commands wait: then try again later.
 */

/*
 * Registers `request`, under `name` to begin with, which may be one that the request's own was renamed to.
 * `replaces`: the number that the caller withdraws when this one is established, and that no other
 * replaces; 0: none. Two registrations cannot have one name at the same time, so where this one has the name
 * of the one that it replaces, that one makes way (it gives up its group, and waits) for as long as this
 * one is there; when this one fails or is withdrawn, it is registered again. Both are PENDING meanwhile.
 */
int mdns_register(struct mdns *mdns, uint32_t number, uint32_t replaces, const char *name,
                  const struct request *request);

/*
 * Other TXT data, those of `request`, in place, without new probes and without a goodbye; as soon as it is
 * established. `revision`: another one each time; an event ESTABLISHED with it follows. Where Avahi refuses
 * that, it is registered anew with these data: PENDING, and then ESTABLISHED or FAILED. Unknown numbers are
 * fine.
 */
int mdns_update_txt(struct mdns *mdns, uint32_t number, uint32_t revision,
                    const struct request *request);

/* Takes it back, with a goodbye; no event follows. Unknown numbers are fine. */
int mdns_withdraw(struct mdns *mdns, uint32_t number);

void mdns_get_counters(const struct mdns *mdns, struct mdns_counters *counters);

/*
 * Ends the thread and frees everything, within `timeout_ms`; a thread that hangs in a D-Bus call longer
 * than that is left to the end of the process. Events not fetched yet are dropped. NULL is fine.
 */
void mdns_stop(struct mdns *mdns, int timeout_ms);

#endif
