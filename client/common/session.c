/* SPDX-License-Identifier: MIT */
#include "session.h"

#include <string.h>

#include "clock.h"
#include "diagnostic.h"

enum exit_code session_open(struct session *session, const struct options *options,
                            const struct connection_handlers *handlers, void *context)
{
    char error[BROKER_PLACE_ERROR_SIZE];

    memset(session, 0, sizeof *session);
    session->loop.signal_fd = -1;
    session->options = options;
    session->give_up_at = clock_now() + (options->timeout_ms > 0 ? options->timeout_ms : 0);
    if (!broker_place_find(&session->place, options, BROKER_PLACE_SOCKET, error)) {
        diagnostic("%s", error);
        return options->broker ? EXIT_USAGE : EXIT_BAD_CONFIG;
    }
    session->connection = connection_new(&session->place, handlers, context);
    if (!session->connection)
        return EXIT_BAD_CONFIG;
    int result = loop_open(&session->loop, session->connection->mqtt, context);
    if (result < 0) {
        diagnostic("signals: %s", strerror(-result));
        return EXIT_INTERNAL;
    }
    return EXIT_DONE;
}

static void time_is_over(void *context, int64_t now)
{
    (void)now;
    struct session *session = context;
    if (session->persistent || mqtt_is_connected(session->connection->mqtt))
        return;
    diagnostic("cannot connect to the broker at %s (%s) in time", session->place.url,
               broker_place_source_name(session->place.source));
    loop_end(&session->loop, EXIT_NO_BROKER);
}

void session_connect_in_time(struct session *session)
{
    loop_add_timer(&session->loop, &session->in_time, time_is_over, session);
    if (session->options->timeout_ms > 0)
        session->in_time.due = session->give_up_at;
}

void session_close(struct session *session, bool clean)
{
    if (session->connection)
        connection_free(session->connection, clean);
    session->connection = NULL;
    loop_close(&session->loop);
}

static enum exit_code exit_code_of(enum mqtt_problem problem)
{
    switch (problem) {
    case MQTT_REFUSED:
        return EXIT_REFUSED;
    case MQTT_NO_PASSWORD:
        return EXIT_BAD_CONFIG;
    case MQTT_UNREACHABLE:
    case MQTT_SILENT:
    case MQTT_BROKEN:
        break;
    }
    return EXIT_NO_BROKER;
}

bool session_failed(struct session *session, const struct mqtt_failure *failure)
{
    enum exit_code code = exit_code_of(failure->problem);
    bool may_pass = code == EXIT_NO_BROKER || session->connection->was_connected;

    if (may_pass && (session->persistent || clock_now() < session->give_up_at))
        return true;
    diagnostic("cannot connect to the broker at %s (%s): %s", session->place.url,
               broker_place_source_name(session->place.source), failure->text);
    loop_end(&session->loop, code);
    return false;
}
