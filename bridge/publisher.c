/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * publisher_run() takes a dirty entry, makes its record with the next `seq`, and compares it, without
 * its stamp, with what was last published. Only if it differs the record is published and the number
 * used. Nothing is queued: while the window is full, changes gather in the catalog, one entry each, and
 * a broker that stalls costs no memory.
 *
 * A withdrawal is two messages on the same topic: a record with state "gone", not retained, for those
 * who listen now; and the empty retained one that deletes what is retained.
 *
 * What the broker refuses is tried again after a back-off, all of it together: an ACL may be mended.
 *
 * Acknowledgements come by message id and mostly in order, so looking for one starts at the oldest.
 */
#include "publisher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "topic.h"

/*
 * Unacknowledged messages at a time, of a record's size each. Mosquitto lets 20 be in flight; some more
 * keep it busy while the acknowledgements come.
 */
#define WINDOW 64

/*
 * Room for state and stats records besides. They are rare; a broker so slow is given up before. The last
 * place is kept for the state "offline".
 */
#define FLIGHTS_MAX (WINDOW + 32)

/* When to try again what the broker has refused. */
#define REFUSED_MS 1000
#define REFUSED_MAX_MS 60000

/* In place of a message id. */
#define NO_MESSAGE (-1)
#define STATE_UNSENT (-2)

/* A message under way. */
struct flight {
    int message_id;
    struct catalog_entry *entry; /* NULL: state or stats */
};

struct publisher {
    struct mqtt *mqtt;
    struct catalog *catalog;
    size_t record_size;
    struct record_stamp stamp; /* of the last record published */
    struct flight flights[FLIGHTS_MAX];
    unsigned in_flight;
    int state_id; /* message id of the last state record, or NO_MESSAGE once the broker has taken it */
    bool ending;            /* "offline" is published */
    unsigned char refusals; /* in a row, for the back-off */
    int64_t try_again_at;   /* INT64_MAX: nothing was refused */
    bool complained_of_refusal, complained_of_txt, complained_of_unfit;
    struct publisher_counters counters;
    publisher_owner_func *owner;
    void *owner_context;
    size_t prefix_length;
    char topic[TOPIC_SIZE]; /* the prefix stays; the rest is rewritten */
    uint8_t record[];
};

static const char *set_topic(struct publisher *publisher, const char *parent, const char *path)
{
    snprintf(publisher->topic + publisher->prefix_length,
             sizeof publisher->topic - publisher->prefix_length, "%s%s", parent, path);
    return publisher->topic;
}

static struct record_stamp next_stamp(const struct publisher *publisher)
{
    struct record_stamp stamp = publisher->stamp;
    stamp.seq++;
    stamp.time = clock_unix();
    return stamp;
}

/* Returns whether it is under way. */
static bool publish(struct publisher *publisher, struct catalog_entry *entry, const char *topic,
                    size_t length, bool retain)
{
    if (publisher->in_flight + !publisher->ending >= FLIGHTS_MAX)
        return false;
    int id = mqtt_publish(publisher->mqtt, topic, publisher->record, length, retain);
    if (id < 0)
        return false;
    publisher->flights[publisher->in_flight++] = (struct flight){id, entry};
    return true;
}

/* Publishes the record that was made with `stamp`, and counts it. */
static bool publish_record(struct publisher *publisher, struct catalog_entry *entry,
                           const struct record_stamp *stamp, bool retain)
{
    if (!publish(publisher, entry, publisher->topic, publisher->record_size, retain))
        return false;
    publisher->stamp = *stamp;
    return true;
}

/* Whoever left this there: no topic of ours is as long. */
static bool clear_long(struct publisher *publisher, struct catalog_entry *entry, const char *path)
{
    char *topic = NULL;
    if (asprintf(&topic, "%.*s/service/%s", (int)publisher->prefix_length, publisher->topic, path) <
        0)
        return false;
    bool sent = publish(publisher, entry, topic, 0, true);
    free(topic);
    return sent;
}

static void withdraw(struct publisher *publisher, struct catalog_entry *entry,
                     const struct service *last_known)
{
    if (!catalog_entry_is_at_broker(entry)) {
        catalog_withdrawn(publisher->catalog, entry, 0);
        return;
    }
    const char *path = catalog_entry_path(entry);
    unsigned messages = 0;
    if (strlen(path) >= TOPIC_PATH_SIZE) {
        messages += clear_long(publisher, entry, path);
        catalog_withdrawn(publisher->catalog, entry, messages);
        return;
    }
    set_topic(publisher, "/service/", path);
    struct record_stamp stamp = next_stamp(publisher);
    /* A path that is none of ours, left by who knows whom, has no identity and so no last record. */
    if (last_known->id->name[0] && record_service(publisher->record, publisher->record_size,
                                                  last_known, true, &stamp, NULL) == RECORD_OK)
        messages += publish_record(publisher, entry, &stamp, false);
    messages += publish(publisher, entry, publisher->topic, 0, true);
    publisher->counters.withdrawn++;
    log_debug("service '%s': gone", path);
    catalog_withdrawn(publisher->catalog, entry, messages);
}

static void show(struct publisher *publisher, struct catalog_entry *entry,
                 const struct service *service)
{
    const char *path = catalog_entry_path(entry);
    struct record_stamp stamp = next_stamp(publisher);
    struct record_omission omission;
    enum record_result result = record_service(publisher->record, publisher->record_size, service,
                                               false, &stamp, &omission);
    if (result != RECORD_OK) {
        log_warning_once(
            &publisher->complained_of_unfit, "service '%s': not shown, its record %s", path,
            result == RECORD_TOO_LARGE ? "does not fit even without TXT" : "finds no memory");
        catalog_refuse(publisher->catalog, entry);
        return;
    }
    uint64_t content = record_digest(publisher->record, publisher->record_size);
    if (content == catalog_entry_content(entry))
        return;
    bool is_new = catalog_entry_content(entry) == 0;
    set_topic(publisher, "/service/", path);
    if (!publish_record(publisher, entry, &stamp, true)) {
        catalog_refuse(publisher->catalog, entry);
        return;
    }
    if (omission.attributes > 0) {
        publisher->counters.txt_truncated++;
        log_warning_once(&publisher->complained_of_txt,
                         "service '%s': %u TXT attributes do not fit and are left out", path,
                         omission.attributes);
    }
    publisher->counters.published++;
    log_debug("service '%s': %s, %s port %u", path, is_new ? "up" : "changed", service->host,
              service->port);
    catalog_published(publisher->catalog, entry, content,
                      record_payload_digest(publisher->record, publisher->record_size));
}

static void run_refused(struct publisher *publisher, int64_t now)
{
    if (publisher_is_idle(publisher))
        publisher->refusals = 0;
    if (now < publisher->try_again_at)
        return;
    publisher->try_again_at = INT64_MAX;
    catalog_try_again(publisher->catalog);
}

int64_t publisher_run(struct publisher *publisher, int64_t now)
{
    run_refused(publisher, now);
    /* A withdrawal takes two places. */
    while (publisher->in_flight + 2 <= WINDOW) {
        struct service_id id;
        struct service service;
        struct catalog_entry *entry = catalog_next_dirty(publisher->catalog);
        if (!entry)
            break;
        bool is_there = catalog_entry_service(entry, &id, &service);
        if (service.local && publisher->owner)
            service.owner = publisher->owner(publisher->owner_context, &id);
        if (is_there)
            show(publisher, entry, &service);
        else
            withdraw(publisher, entry, &service);
    }
    return publisher->try_again_at;
}

static void message_refused(struct publisher *publisher, struct catalog_entry *entry)
{
    publisher->counters.refused++;
    if (!publisher->complained_of_refusal)
        log_error("mqtt: the broker does not let the bridge publish below its prefix; check the "
                  "ACL");
    publisher->complained_of_refusal = true;
    if (!entry)
        return;
    catalog_message_refused(publisher->catalog, entry);
    if (publisher->try_again_at == INT64_MAX)
        publisher->try_again_at =
            clock_now() + back_off(&publisher->refusals, REFUSED_MS, REFUSED_MAX_MS);
}

void publisher_acknowledged(struct publisher *publisher, int message_id, bool refused)
{
    unsigned i = 0;
    while (i < publisher->in_flight && publisher->flights[i].message_id != message_id)
        i++;
    if (i == publisher->in_flight)
        return;
    struct catalog_entry *entry = publisher->flights[i].entry;
    publisher->in_flight--;
    memmove(&publisher->flights[i], &publisher->flights[i + 1],
            (publisher->in_flight - i) * sizeof publisher->flights[0]);
    if (refused) {
        message_refused(publisher, entry);
        return;
    }
    if (message_id == publisher->state_id)
        publisher->state_id = NO_MESSAGE;
    if (entry)
        catalog_acknowledged(publisher->catalog, entry);
}

void publisher_disconnected(struct publisher *publisher)
{
    for (unsigned i = 0; i < publisher->in_flight; i++)
        if (publisher->flights[i].entry)
            catalog_flight_lost(publisher->catalog, publisher->flights[i].entry);
    publisher->in_flight = 0;
    if (publisher->state_id != NO_MESSAGE)
        publisher->state_id = STATE_UNSENT;
}

bool publisher_is_acknowledged(const struct publisher *publisher)
{
    return publisher->in_flight == 0;
}

bool publisher_is_idle(const struct publisher *publisher)
{
    return publisher->in_flight == 0 && catalog_is_clean(publisher->catalog);
}

uint64_t publisher_state(struct publisher *publisher, const struct bridge_state *state)
{
    struct record_stamp stamp = next_stamp(publisher);
    set_topic(publisher, "/bridge/state", "");
    publisher->ending = strcmp(state->state, "offline") == 0;
    publisher->state_id = STATE_UNSENT;
    if (record_state(publisher->record, publisher->record_size, state, &stamp) != RECORD_OK ||
        !publish_record(publisher, NULL, &stamp, true))
        return 0;
    publisher->state_id = publisher->flights[publisher->in_flight - 1].message_id;
    return record_payload_digest(publisher->record, publisher->record_size);
}

bool publisher_state_is_taken(const struct publisher *publisher)
{
    return publisher->state_id == NO_MESSAGE;
}

void publisher_stats(struct publisher *publisher, const struct record_counter *counters,
                     size_t count)
{
    struct record_stamp stamp = next_stamp(publisher);
    set_topic(publisher, "/bridge/stats", "");
    if (record_stats(publisher->record, publisher->record_size, counters, count, &stamp) ==
        RECORD_OK)
        publish_record(publisher, NULL, &stamp, true);
}

static bool has_room(const struct publisher *publisher)
{
    return publisher->in_flight < WINDOW;
}

bool publisher_status(struct publisher *publisher, const char *path, const struct status *status,
                      bool retain, struct record_digests *digests)
{
    struct record_stamp stamp = next_stamp(publisher);
    if (!has_room(publisher))
        return false;
    set_topic(publisher, "/advertise/", path);
    if (record_status(publisher->record, publisher->record_size, status, &stamp) != RECORD_OK)
        return true; /* for want of memory: to try again at once would not help */
    uint64_t content = record_digest(publisher->record, publisher->record_size);
    if (content == digests->content)
        return true;
    digests->content = content;
    digests->payload = record_payload_digest(publisher->record, publisher->record_size);
    publish_record(publisher, NULL, &stamp, retain);
    return true;
}

void publisher_clear_advertise(struct publisher *publisher, const char *path)
{
    set_topic(publisher, "/advertise/", path);
    mqtt_publish(publisher->mqtt, publisher->topic, NULL, 0, true);
}

const uint8_t *publisher_will(struct publisher *publisher, const struct bridge_state *state)
{
    struct record_stamp stamp = publisher->stamp;
    stamp.time = clock_unix();
    if (record_state(publisher->record, publisher->record_size, state, &stamp) != RECORD_OK)
        return NULL;
    return publisher->record;
}

void publisher_get_counters(const struct publisher *publisher, struct publisher_counters *counters)
{
    *counters = publisher->counters;
}

struct publisher *publisher_new(struct mqtt *mqtt, struct catalog *catalog, const char *prefix,
                                size_t record_size)
{
    struct publisher *publisher = calloc(1, sizeof *publisher + record_size);
    if (!publisher)
        return NULL;
    publisher->mqtt = mqtt;
    publisher->catalog = catalog;
    publisher->record_size = record_size;
    publisher->state_id = STATE_UNSENT;
    publisher->try_again_at = INT64_MAX;
    publisher->stamp.epoch = clock_unix(); /* this life of the bridge begins */
    publisher->prefix_length = strlen(prefix);
    memcpy(publisher->topic, prefix, publisher->prefix_length);
    return publisher;
}

void publisher_set_owner_func(struct publisher *publisher, publisher_owner_func *owner,
                              void *context)
{
    publisher->owner = owner;
    publisher->owner_context = context;
}

void publisher_free(struct publisher *publisher)
{
    free(publisher);
}
