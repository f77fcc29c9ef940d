/* SPDX-License-Identifier: MIT */
/*
 * What every command that uses the broker begins and ends with: the place, the connection, the loop, and
 * what is to be done when the broker cannot be reached. Main thread only.
 */
#ifndef CLIENT_SESSION_H
#define CLIENT_SESSION_H

#include "broker_place.h"
#include "connection.h"
#include "exit_codes.h"
#include "loop.h"
#include "options.h"

struct session {
    const struct options *options;
    struct broker_place place;
    struct connection *connection;
    struct loop loop;
    /* For commands that go on for as long as they are let: a broker that is not there is waited
     * for. Others wait for --timeout, and by default not at all. */
    bool persistent;
    int64_t give_up_at;        /* monotonic milliseconds; of those others */
    struct loop_timer in_time; /* session_connect_in_time() */
};

/*
 * Finds the broker's place, prepares the connection and opens the loop. EXIT_DONE, or why not, with
 * a line on stderr. The options and handlers are borrowed; `context` is that of both. In any case
 * session_close() is to follow.
 */
enum exit_code session_open(struct session *session, const struct options *options,
                            const struct connection_handlers *handlers, void *context);

/* Has --timeout, where it is given, be the end of an attempt that is under way, too: a broker or a name
 * server that does not answer is not waited for. */
void session_connect_in_time(struct session *session);

/* Frees; `clean` as in connection_free(). */
void session_close(struct session *session, bool clean);

/*
 * For the handler `failed`: decides whether to try again. If not, it writes why to stderr and ends the
 * loop with the exit code that fits. A user that the broker refuses is not tried again, unless it was
 * accepted before.
 */
bool session_failed(struct session *session, const struct mqtt_failure *failure);

#endif
