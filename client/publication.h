/* SPDX-License-Identifier: MIT */
/*
 * One advertisement at the broker, from the connection to the clean end: a session with an advert on it.
 * What happens is told, and what it means for the program is for the caller to decide.
 *
 * The last will takes back the request: an empty, retained message at its topic. It is not "offline" on
 * PREFIX/client/CLIENT, as that ends all that the client advertises, and there may be several of us. The
 * price: a broker that is shut down in good order fires that will, too, and the bridge withdraws at
 * once, where it would give a client that is offline half a second, and 15 more behind a lost
 * connection. Where one program is all there is of a client, `presence` is better.
 *
 * No will covers a program that dies while the broker is away; the lease does.
 */
#ifndef CLIENT_PUBLICATION_H
#define CLIENT_PUBLICATION_H

#include "advert.h"
#include "session.h"
#include "topic.h"
#include "wish.h"

/* Room for a topic of ours. */
#define PUBLICATION_TOPIC_SIZE (TOPIC_PREFIX_MAX + sizeof "/advertise/" + TOPIC_STATUS_SIZE)

enum publication_right {
    PUBLICATION_ASK,  /* for the advertisement */
    PUBLICATION_HEAR, /* what becomes of it */
};

/* All but `failed` may be NULL. */
struct publication_handlers {
    void (*news)(void *context, const struct status *status);
    void (*bridge)(void *context, enum advert_bridge bridge);
    /* The broker does not let us; an MQTT 5 reason code. Once, until it does or the connection is
     * another. */
    void (*refused)(void *context, enum publication_right right, int reason);
    /* The connection was lost; it is tried again unless the loop is ended. */
    void (*lost)(void *context);
    /* Whether there is a bridge is known by now, see `state`: once a connection, and each time that
     * the bridge has something to say of itself. */
    void (*state)(void *context);
    bool (*failed)(void *context, const struct connection_failure *failure); /* as connection.h */
};

/* What to advertise, and as whom. */
struct publication_plan {
    const struct wish *wish;
    const char *client, *id; /* NULL: found out, made */
    bool presence;           /* "online" and "offline" on PREFIX/client/CLIENT, with a will */
};

struct publication {
    struct session session;
    struct advert advert;
    struct publication_handlers handlers;
    void *context;
    struct request_owner owner;
    bool presence;
    char request_topic[PUBLICATION_TOPIC_SIZE], status_topic[PUBLICATION_TOPIC_SIZE],
        state_topic[PUBLICATION_TOPIC_SIZE], presence_topic[PUBLICATION_TOPIC_SIZE];
    char *request;
    struct loop_timer due;     /* the advert's */
    struct loop_timer ending;  /* when we do not wait any longer */
    struct state_record state; /* the last one; all zero, which is offline: there was none */
    bool refused;              /* what was last published, on this connection */
    bool deaf;                 /* a subscription is refused, on this connection */
    bool ends;
    int exit_code;   /* how it is to end */
    int last_number; /* of the last message that we published */
    bool last_acknowledged;
};

/*
 * Checks the wish, finds out who we are and where the broker is, and prepares all; nothing is sent
 * before loop_run(), and nothing asked for before publication_want(). EXIT_DONE, or why not, with a line
 * on stderr. In any case publication_close() is to follow. `context` is that of the handlers and of the
 * loop's signal handler; options are borrowed.
 */
enum exit_code publication_open(struct publication *publication, const struct options *options,
                                const struct publication_plan *plan,
                                const struct publication_handlers *handlers, void *context);

void publication_want(struct publication *publication);

/* Takes it back, and ends the loop with this exit code when the bridge has confirmed that, or does not
 * do so in time. The second call does not wait. */
void publication_end(struct publication *publication, int exit_code);

/* Frees. */
void publication_close(struct publication *publication);

#endif
