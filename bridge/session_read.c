/* SPDX-License-Identifier: MIT */
/*
 * Reading back what the broker has retained of ours, and what follows from it: READING, STARTING and
 * CHECKING of session.c.
 */
#include "session_inside.h"

#include <string.h>

#include "clock.h"
#include "log.h"
#include "record.h"

#define MARKER_TIMEOUT_MS 5000

/* A bound against somebody who fills the tree faster than it is cleared. */
#define READ_ROUNDS_MAX 100

/* A change settles within this time; on a network that never rests, others follow. */
#define SETTLE_PATIENCE_MS 1000

/*
 * Subscribes to what we have retained; the state record published next comes back behind all of it. That
 * one is at QoS 1 as the statuses are: messages of different QoS may overtake each other.
 */
void session_begin_reading(struct session *session, int service_qos, int64_t now)
{
    session->unknown_topics = 0;
    catalog_read_begin(session->catalog);
    adverts_read_begin(session->adverts);
    mqtt_subscribe(session->mqtt, session_filter(session, "/service/#"), service_qos);
    mqtt_subscribe(session->mqtt, session_filter(session, "/advertise/+/+/status"), 1);
    session->marker = session_publish_state(session);
    session->marker_seen = false;
    session->marker_deadline = now + MARKER_TIMEOUT_MS;
}

static void end_reading(struct session *session)
{
    mqtt_unsubscribe(session->mqtt, session_filter(session, "/service/#"));
    mqtt_unsubscribe(session->mqtt, session_filter(session, "/advertise/+/+/status"));
    session->marker_deadline = INT64_MAX;
}

/* What follows PREFIX and `parent` in a topic, or NULL. */
const char *session_path_below(const struct session *session, const char *topic, const char *parent)
{
    size_t length = strlen(parent);
    if (strncmp(topic, session->prefix, session->prefix_length) != 0 ||
        strncmp(topic + session->prefix_length, parent, length) != 0)
        return NULL;
    return topic + session->prefix_length + length;
}

void session_own_message(struct session *session, const struct mqtt_message *message, int64_t now)
{
    uint64_t digest = record_payload_digest(message->payload, message->length);
    const char *path;
    if (strcmp(message->topic, session->state_topic) == 0) {
        session_own_state(session, digest, message->retain);
        return;
    }
    if (session->phase != SESSION_READING && session->phase != SESSION_CHECKING)
        return;
    /* On a slow connection it takes its time; only silence says that the marker was lost. */
    session->marker_deadline = now + MARKER_TIMEOUT_MS;
    if (message->length == 0 || !message->retain)
        return;
    if ((path = session_path_below(session, message->topic, "/advertise/")))
        adverts_read_back(session->adverts, path, record_digest(message->payload, message->length));
    else if ((path = session_path_below(session, message->topic, "/service/")) &&
             !catalog_read_back(session->catalog, path, digest))
        session->unknown_topics++;
}

void session_run_reading(struct session *session, int64_t now)
{
    if (session->marker_seen) {
        end_reading(session);
        size_t missing = catalog_read_end(session->catalog, true);
        adverts_read_end(session->adverts);
        if (missing > 0)
            log_info("broker: %zu records are not there any more; publishing them again", missing);
        session->sweep_due = true;
        session->ready_at = INT64_MAX;
        session_set_phase(session, SESSION_STARTING);
    } else if (now >= session->marker_deadline) {
        log_warning_once(&session->complained_of_no_end,
                         "broker: reading back the retained records got no end; trying again");
        end_reading(session);
        session_begin_reading(session, 0, now);
    }
}

void session_run_checking(struct session *session, int64_t now)
{
    if (!session->marker_seen && now < session->marker_deadline)
        return;
    end_reading(session);
    session->retained_missing = catalog_read_end(session->catalog, false);
    if (session->retained_missing > 0)
        log_warning("broker: a QoS 1 subscriber gets %zu of our retained records too few; raise "
                    "max_queued_messages in the broker's configuration",
                    (size_t)session->retained_missing);
    session->sweep_due = true;
    session->stats_at = now;
    session_set_phase(session, SESSION_ONLINE);
}

void session_run_starting(struct session *session, int64_t now)
{
    if (session->avahi != AVAHI_SETTLED || !publisher_is_idle(session->publisher) ||
        catalog_doubted(session->catalog) > 0)
        return;
    if (session->unknown_topics > 0 && session->rounds < READ_ROUNDS_MAX) {
        session->rounds++;
        session_set_phase(session, SESSION_READING);
        session_begin_reading(session, 0, now);
        return;
    }
    session->ready_at = earlier(session->ready_at, now + SETTLE_PATIENCE_MS);
    if (!catalog_is_settled(session->catalog) && now < session->ready_at)
        return;
    if (session->unknown_topics > 0)
        log_warning_once(&session->complained_of_unknown,
                         "broker: somebody else fills '%s/service' with retained messages, faster "
                         "than the bridge clears it",
                         session->prefix);
    session_set_phase(session, SESSION_CHECKING);
    session_begin_reading(session, 1, now);
}
