/* SPDX-License-Identifier: MIT */
/*
 * One advertisement at the broker, from the connection to the clean end: a session with an advert on it.
 * What happens is reported to handlers; what it means for the program is for the caller to decide. One thread.
 *
 * The last will takes back the request: an empty, retained message at its topic. It is not "offline" on
 * PREFIX/client/CLIENT, as that ends all that the client advertises, and several programs may be one
 * client. The price: a broker that is shut down in good order publishes that will, too, and the bridge
 * withdraws at once, where it would give a client that is offline half a second, and 15 more behind a
 * lost connection. Where one program is all there is of a client, `presence` is better.
 *
 * No will covers a program that dies while the broker is away; the lease does.
 */
#ifndef CLIENT_PUBLICATION_H
#define CLIENT_PUBLICATION_H

#include "advert.h"
#include "record_read.h"
#include "request_builder.h"
#include "session.h"
#include "topic.h"

/* Room for a topic of ours. */
#define PUBLICATION_TOPIC_SIZE (TOPIC_PREFIX_MAX + sizeof "/advertise/" + TOPIC_STATUS_SIZE)

/* What a broker may refuse us. */
enum publication_right {
    PUBLICATION_REQUEST, /* to publish the request */
    PUBLICATION_STATUS,  /* to read what becomes of it */
    PUBLICATION_RIGHTS,
};

/* All but `failed` may be NULL. But for `status`, none is called once publication_end() was. */
struct publication_handlers {
    /* The bridge reports something else than before; see advert.h. */
    void (*status)(void *context, const struct status *status);
    void (*bridge)(void *context, enum advert_bridge bridge);
    /* The broker does not let us; `reason` is an MQTT 5 reason code. Once, until it does or the
     * connection is another. */
    void (*refused)(void *context, enum publication_right right, int reason);
    /* The connection was lost; it is made again unless the loop is ended. */
    void (*lost)(void *context);
    /* Whether there is a bridge is known by now, see `bridge_state`: once a connection, and each time
     * that the bridge's state record comes. */
    void (*bridge_known)(void *context);
    /* As in connection.h. */
    bool (*failed)(void *context, const struct mqtt_failure *failure);
};

/* What to advertise, and as whom. */
struct publication_plan {
    const struct request_builder *request;
    const char *client, *id; /* NULL: found out, made */
    bool presence;           /* "online" and "offline" on PREFIX/client/CLIENT, with a will */
};

#define PUBLICATION_NOT_ENDING (-1)

struct publication {
    struct session session;
    struct advert advert;
    struct publication_handlers handlers;
    void *context;
    struct request_owner owner;
    char request_topic[PUBLICATION_TOPIC_SIZE], status_topic[PUBLICATION_TOPIC_SIZE],
        state_topic[PUBLICATION_TOPIC_SIZE];
    char presence_topic[PUBLICATION_TOPIC_SIZE]; /* "": without presence */
    char *request;
    struct loop_timer due;            /* the advert's */
    struct loop_timer ending;         /* when we do not wait any longer for the answer to the end */
    struct state_record bridge_state; /* the last one; all zero, which is offline: there was none */
    bool refused[PUBLICATION_RIGHTS]; /* by the broker, on this connection */
    int unacknowledged; /* number of the last message, until the broker answers; or 0 */
    int exit_code;      /* how it is to end, or PUBLICATION_NOT_ENDING */
};

/*
 * Checks the plan, finds out who we are and where the broker is, and prepares all; nothing is sent
 * before loop_run(), and nothing requested before publication_request(). EXIT_DONE, or why not, with a
 * line on stderr. In any case publication_close() is to follow. `context` is that of the handlers and of
 * the loop's signal handler; options are borrowed.
 */
enum exit_code publication_open(struct publication *publication, const struct options *options,
                                const struct publication_plan *plan,
                                const struct publication_handlers *handlers, void *context);

/* Requests it, as soon as there is a connection, and keeps it requested. */
void publication_request(struct publication *publication);

/* Takes it back, and ends the loop with this exit code when the bridge has confirmed that, or does not
 * do so in two seconds. The second call does not wait; the first one's exit code stays. */
void publication_end(struct publication *publication, int exit_code);

/* Was publication_end() called? */
bool publication_is_ending(const struct publication *publication);

/* Frees. */
void publication_close(struct publication *publication);

#endif
