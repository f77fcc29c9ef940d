/* SPDX-License-Identifier: MIT */
/*
 * One advertisement, as its client sees it: when the request is to be published, and what of the
 * bridge's answers is to be reported. Pure but for memory: whoever owns the connection, the clock and
 * stdout calls it with what happens there, and does what its handlers are called for. Times are monotonic
 * milliseconds. One thread.
 */
#ifndef CLIENT_ADVERT_H
#define CLIENT_ADVERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

enum advert_state {
    ADVERT_NOT_WANTED, /* nothing is requested, or the request was taken back */
    ADVERT_WANTED,     /* there was no connection yet over which to request it */
    ADVERT_REQUESTED,  /* the request was published; the broker may hold it */
    ADVERT_REPLACED,   /* the same, but another program has published one with the same ID since */
};

/* What is known of the bridge. */
enum advert_bridge {
    ADVERT_BRIDGE_UNKNOWN, /* no state record has come yet, or not online for a moment */
    ADVERT_BRIDGE_ONLINE,
    ADVERT_BRIDGE_AWAY, /* offline, starting, or none; for some seconds now */
};

/* They may not call back into the advert, but for advert_withdraw(). */
struct advert_handlers {
    /* Publish the request (`withdraw`: the empty message that takes it back), retained. */
    void (*publish)(void *context, bool withdraw);
    /* Another program of our client has requested something with the same ID; once, until that ends. */
    void (*replaced)(void *context);
    /* The bridge reports something else than before. */
    void (*status)(void *context, const struct status *status);
    /* The bridge is away, or back from having been away; may be NULL. */
    void (*bridge)(void *context, enum advert_bridge bridge);
};

struct advert {
    struct advert_handlers handlers;
    void *context;
    char transaction[REQUEST_TRANSACTION_MAX + 1]; /* in our request; other statuses are not ours */
    int64_t lease_ms;                              /* 0: none */
    enum advert_state state;
    bool connected; /* to the broker */
    enum advert_bridge bridge;
    struct status held;     /* came while the bridge was not online; no transaction: none */
    struct status reported; /* what the handler got last; no transaction: nothing yet */
    int64_t request_at;     /* when to publish the request again; NEVER: not planned */
    int64_t away_at; /* when a bridge that is not online counts as away; NEVER: it does not */
};

/* The handlers are copied. `transaction` is not empty; `lease` is in seconds, 0: none. */
void advert_init(struct advert *advert, const struct advert_handlers *handlers, void *context,
                 const char *transaction, uint32_t lease);

/* From now on it is wanted: its request is published at once, or as soon as there is a connection. */
void advert_request(struct advert *advert, int64_t now);

/* It is wanted no more. True: that was published, and a status `withdrawn` will follow if the bridge is
 * online. False: there is no connection, or nothing to take back. */
bool advert_withdraw(struct advert *advert);

/* The connection to the broker is there. */
void advert_connected(struct advert *advert, int64_t now);

/* It was lost. */
void advert_lost(struct advert *advert);

/* The broker refuses the publication. */
void advert_refused(struct advert *advert, int64_t now);

/* Whether the bridge's state record says that it is online; each time that one comes. */
void advert_bridge_online(struct advert *advert, bool online, int64_t now);

/* A status at the topic of our request. */
void advert_status(struct advert *advert, const struct status *status, int64_t now);

/* What was reported last, or NULL. */
const struct status *advert_reported(const struct advert *advert);

/* Does what is due; returns when it is to be called again, or NEVER. */
int64_t advert_run(struct advert *advert, int64_t now);

#endif
