/* SPDX-License-Identifier: MIT */
/*
 * One advertisement, as its client sees it: when the bridge is to be asked, and what there is to be
 * told of its answers. Pure but for memory: whoever owns the connection, the clock and stdout passes on
 * what happens there, and does what it is told.
 */
#ifndef CLIENT_ADVERT_H
#define CLIENT_ADVERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record_read.h"
#include "status.h"

/* What is the matter with the bridge. */
enum advert_bridge {
    ADVERT_BRIDGE_UNKNOWN, /* not heard of it yet, or not online for a moment */
    ADVERT_BRIDGE_ONLINE,
    ADVERT_BRIDGE_AWAY, /* offline, starting, or none; for some seconds now */
};

struct advert_handlers {
    /* Publishes the request (`withdraw`: the empty message that takes it back), retained. */
    void (*ask)(void *context, bool withdraw);
    /* Another program of our client has the same ID, and asks for it; once, until it ends. */
    void (*replaced)(void *context);
    /* The bridge says something else than before. */
    void (*news)(void *context, const struct status *status);
    /* It is away, or back from having been away. */
    void (*bridge)(void *context, enum advert_bridge bridge);
};

struct advert {
    struct advert_handlers handlers;
    void *context;
    char transaction[REQUEST_TRANSACTION_MAX + 1]; /* in our request; other answers are not ours */
    int64_t lease_ms;                              /* 0: none */
    bool wanted;    /* it is to be there, as far as we are concerned */
    bool asked;     /* since it was last withdrawn; the broker may hold a request */
    bool connected; /* to the broker */
    enum advert_bridge bridge;
    struct status heard, last; /* what is to be told; what was told */
    bool has_heard, told;
    bool replaced;   /* that another program asks was told */
    int64_t ask_at;  /* the next time; NEVER: not planned */
    int64_t away_at; /* when a bridge that is not online is said to be away */
};

/* The handlers are copied. `lease` is in seconds, 0: none. */
void advert_init(struct advert *advert, const struct advert_handlers *handlers, void *context,
                 const char *transaction, uint32_t lease);

/* It is to be there; it is asked for at once, or as soon as there is a connection. */
void advert_want(struct advert *advert, int64_t now);

/* It is not to be there any more. True: that was said, and a `withdrawn` will follow if the bridge is
 * online. False: there is nobody to tell, or nothing to take back. */
bool advert_withdraw(struct advert *advert);

/* What happens. */
void advert_connected(struct advert *advert, int64_t now);
void advert_lost(struct advert *advert);
void advert_refused(struct advert *advert, int64_t now); /* the broker refuses the publication */
void advert_state(struct advert *advert, const struct state_record *state, int64_t now);
void advert_status(struct advert *advert, const struct status *status, int64_t now);

/* Does what is due; returns when it is to be called again, or NEVER. */
int64_t advert_run(struct advert *advert, int64_t now);

#endif
