/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * An item is one topic: who says what is to be there (`subject`), and what the broker has there by its own account,
 * read back or acknowledged (`held`). It is in one place at a time:
 *
 *     IN_LINE -> DIRTY -> FLYING -> IN_LINE
 *                            |  \-> CHANGED -> DIRTY     something changed while a message was under way
 *                            \----> REFUSED -> DIRTY     after a back-off: an ACL may be mended
 *
 * mirror_run() takes a dirty item, has its record made with the next `seq`, and compares. Only if it differs it is
 * published and the number used. So nothing is queued: while the window is full, or the broker away, changes
 * gather in the items, and a broker that stalls costs no memory. An item has one message under way at a time. Folders
 * have their turns, so that a flood in one of them is no wall before the others.
 *
 * The end of a record is two messages on its topic: the farewell, not retained, for those who listen now; and the
 * empty retained one that deletes what is retained. When the broker has taken both, the subject is released, and
 * the item is no more.
 *
 * Requests of others can only be cleared. With MQTT 3.1.1 the broker sends us our own clearing back, before its
 * acknowledgement or behind it. Such an item is ECHOING for that long, and nothing waits for it: an echo may be lost.
 *
 * Reading back is a mark-and-sweep in passes: each item remembers in which pass the broker was last known to have it.
 * The broker sends what is retained behind the answer to SUBSCRIBE and before the answer to anything that it is asked
 * later; so the end of a reading is one round trip, and what has not come by then is not there. A reading subscribes
 * at QoS 0: at QoS 1 a broker with Mosquitto's defaults silently drops all but 1020 of the records, and its answer
 * overtakes those that wait. A check subscribes at QoS 1, to find just that out: consumers would miss the same
 * records. It ends when all have come, or none any more.
 *
 * A record that nobody wants is a GHOST: of a former life of the bridge, or of who knows whom. Somebody may have
 * something to say in its place; else it is cleared. How many items without a subject are remembered is bounded:
 * memory follows what is wanted, not what was asked for. The rest is read in further rounds.
 */
#include "mirror.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>
#include <utlist.h>

#include "clock.h"
#include "log.h"
#include "mqtt.h"
#include "topic.h"

/*
 * Unacknowledged messages at a time, of a record's size each. Mosquitto lets 20 be in flight; some more keep
 * it busy while the acknowledgements come. The bridge's own two records have places of their own.
 */
#define WINDOW 64
#define FLIGHTS_MAX (WINDOW + 2)

/* When to try again what the broker has refused. */
#define REFUSED_MS 1000
#define REFUSED_MAX_MS 60000

/* A check is over when nothing has come for so long. */
#define CHECK_QUIET_MS 2000

/* In place of a fingerprint of a record without its stamp: whatever is to be there is published. */
#define HELD_UNKNOWN 1

enum item_place {
    ITEM_IN_LINE, /* the broker has what it is to have, as far as is known */
    ITEM_GHOST,   /* the broker has something that nobody wants; left alone for now */
    ITEM_DIRTY,   /* to be compared, and published if it differs */
    ITEM_FLYING,  /* a message is under way */
    ITEM_CHANGED, /* the same, and it is dirty when that has arrived */
    ITEM_REFUSED, /* the broker did not take it; to be tried again */
    ITEM_ECHOING, /* a request is cleared, and nothing is left to do but to know the echo of that */
    ITEM_PLACES,
};

struct mirror_item {
    UT_hash_handle hh;               /* mirror::items, by topic */
    struct mirror_item *prev, *next; /* in the list of its place and folder */
    void *subject;                   /* who says what is to be there; NULL: nobody */
    uint64_t held; /* fingerprint of what the broker has; 0: nothing; HELD_UNKNOWN: something */
    unsigned pass; /* reading in which the broker was last known to have it */
    unsigned char folder;    /* enum mirror_folder */
    unsigned char place;     /* enum item_place; item_move() changes it */
    unsigned char in_flight; /* messages */
    unsigned char echoes;    /* that are to come */
    char topic[];
};

struct flight {
    struct mirror_item *item;
    int message_id;
    bool retained;
    uint64_t held; /* item::held when the broker has taken it, where it is retained */
};

enum mirror_reading { MIRROR_NOT_READING, MIRROR_READING, MIRROR_CHECKING };

/* Items without a subject, and the bytes of their topics, of 64 KiB each at most. */
struct crowd {
    size_t items, items_max, bytes, bytes_max;
};

/* As many as max-services can be, since a former life left no more; and no more than a little memory. */
static const struct crowd no_ghosts = {.items_max = 8192, .bytes_max = 4 * 1024 * 1024};

/* Requests that wait for their clearing, or the echo of it. */
static const struct crowd no_clears = {.items_max = 4096, .bytes_max = 1024 * 1024};

struct mirror {
    struct mqtt *mqtt;
    struct mirror_source sources[MIRROR_FOLDERS];
    struct mirror_item *items;
    struct mirror_item *lists[ITEM_PLACES][MIRROR_FOLDERS];
    struct crowd ghosts, clears;        /* clears: in MIRROR_REQUESTS */
    unsigned turn;                      /* the folder that was served last */
    struct record_stamp stamp;          /* of the last record published */
    struct flight flights[FLIGHTS_MAX]; /* in the order of acknowledgements */
    unsigned in_flight;
    unsigned char refusals; /* in a row, for the back-off */
    int64_t try_again_at;   /* INT64_MAX: nothing is refused */
    bool echoes;
    enum mirror_reading reading;
    unsigned pass;
    size_t unread; /* topics that the reading had no room for */
    size_t unseen; /* that the check still waits for, */
    int64_t check_end_at;
    struct mirror_counters counters;
    size_t record_size;
    char prefix[TOPIC_PREFIX_MAX + 1];
    char *topic; /* the last one of topic_of() */
    size_t topic_size;
    uint8_t record[]; /* of the present message */
};

static const char *const parents[] = {
    [MIRROR_BRIDGE] = "bridge",      [MIRROR_SERVICES] = "service",
    [MIRROR_STATUSES] = "advertise", [MIRROR_ANSWERS] = "advertise",
    [MIRROR_REQUESTS] = "advertise",
};

/* Valid until the next call. NULL: no memory. */
static const char *topic_of(struct mirror *mirror, enum mirror_folder folder, const char *path)
{
    size_t size = strlen(mirror->prefix) + strlen(parents[folder]) + strlen(path) + sizeof "//";
    if (size > mirror->topic_size) {
        char *topic = realloc(mirror->topic, size);
        if (!topic)
            return NULL;
        mirror->topic = topic;
        mirror->topic_size = size;
    }
    snprintf(mirror->topic, size, "%s/%s/%s", mirror->prefix, parents[folder], path);
    return mirror->topic;
}

static const char *path_of(const struct mirror *mirror, const struct mirror_item *item)
{
    return topic_below(item->topic, mirror->prefix, parents[item->folder]);
}

/* ---- Items ---- */

/* The one place that changes `place` and `folder`. Who is there already keeps its turn. */
static void item_put(struct mirror *mirror, struct mirror_item *item, unsigned folder,
                     unsigned place)
{
    if (item->place == place && item->folder == folder)
        return;
    DL_DELETE(mirror->lists[item->place][item->folder], item);
    item->place = (unsigned char)place;
    item->folder = (unsigned char)folder;
    DL_APPEND(mirror->lists[place][folder], item);
}

static void item_move(struct mirror *mirror, struct mirror_item *item, enum item_place place)
{
    item_put(mirror, item, item->folder, place);
}

static void item_is_dirty(struct mirror *mirror, struct mirror_item *item)
{
    item_move(mirror, item, item->in_flight > 0 ? ITEM_CHANGED : ITEM_DIRTY);
}

static void count_crowd(struct mirror *mirror, const struct mirror_item *item, int sign)
{
    struct crowd *crowd = item->folder == MIRROR_REQUESTS ? &mirror->clears : &mirror->ghosts;
    if (item->subject)
        return;
    crowd->items += (size_t)sign;
    crowd->bytes += (size_t)sign * strlen(item->topic);
}

static bool has_room(const struct crowd *crowd, const char *topic)
{
    return crowd->items < crowd->items_max && crowd->bytes + strlen(topic) <= crowd->bytes_max;
}

static void set_subject(struct mirror *mirror, struct mirror_item *item, enum mirror_folder folder,
                        void *subject)
{
    count_crowd(mirror, item, -1);
    item->subject = subject;
    item_put(mirror, item, folder, item->place);
    count_crowd(mirror, item, 1);
}

static struct mirror_item *find(const struct mirror *mirror, const char *topic)
{
    struct mirror_item *item = NULL;
    if (topic)
        HASH_FIND_STR(mirror->items, topic, item);
    return item;
}

/* NULL: no memory. */
static struct mirror_item *add(struct mirror *mirror, enum mirror_folder folder, const char *topic)
{
    size_t size = strlen(topic) + 1;
    struct mirror_item *item = calloc(1, sizeof *item + size);
    if (!item)
        return NULL;
    memcpy(item->topic, topic, size);
    item->folder = (unsigned char)folder;
    DL_APPEND(mirror->lists[item->place][folder], item);
    count_crowd(mirror, item, 1);
    HASH_ADD_KEYPTR(hh, mirror->items, item->topic, size - 1, item);
    return item;
}

static void take_out(struct mirror *mirror, struct mirror_item *item)
{
    count_crowd(mirror, item, -1);
    DL_DELETE(mirror->lists[item->place][item->folder], item);
    HASH_DEL(mirror->items, item);
}

static void item_free(struct mirror *mirror, struct mirror_item *item)
{
    take_out(mirror, item);
    free(item);
}

/* Nothing is left of it at the broker. An echo may be to come. */
static void item_is_done(struct mirror *mirror, struct mirror_item *item)
{
    const struct mirror_source *source = &mirror->sources[item->folder];
    bool is_over = item->echoes == 0;
    if (is_over)
        take_out(mirror, item);
    else
        item_move(mirror, item, ITEM_ECHOING);
    if (source->released && (item->subject || item->folder == MIRROR_REQUESTS))
        source->released(source->context, item->subject, path_of(mirror, item));
    if (is_over)
        free(item);
}

static enum mirror_text compose(struct mirror *mirror, const struct mirror_item *item,
                                const struct record_stamp *stamp)
{
    const struct mirror_source *source = &mirror->sources[item->folder];
    if (item->folder == MIRROR_REQUESTS)
        return MIRROR_NOTHING;
    return source->compose(source->context, item->subject, path_of(mirror, item), item->held != 0,
                           mirror->record, mirror->record_size, stamp);
}

/*
 * What comes and goes while the broker is away, or refuses it, must not gather. `refused`: nobody can hear a
 * farewell.
 */
static bool is_done_at_once(struct mirror *mirror, struct mirror_item *item, bool refused)
{
    if (item->held || item->in_flight > 0)
        return false;
    enum mirror_text text = compose(mirror, item, &mirror->stamp);
    if (text != MIRROR_NOTHING && (text != MIRROR_FAREWELL || !refused))
        return false;
    item_is_done(mirror, item);
    return true;
}

/* ---- What is to be there ---- */

void mirror_say(struct mirror *mirror, enum mirror_folder folder, const char *path, void *subject)
{
    const char *topic = topic_of(mirror, folder, path);
    struct mirror_item *item = find(mirror, topic);
    if (!item && topic)
        item = add(mirror, folder, topic);
    if (!item) {
        log_error("'%s': out of memory", path);
        return;
    }
    set_subject(mirror, item, folder, subject);
    item_is_dirty(mirror, item);
}

void mirror_retire(struct mirror *mirror, enum mirror_folder folder, const char *path,
                   void *subject)
{
    struct mirror_item *item = find(mirror, topic_of(mirror, folder, path));
    if (item) {
        set_subject(mirror, item, folder, subject);
        if (!is_done_at_once(mirror, item, false))
            item_is_dirty(mirror, item);
    } else if (subject) {
        mirror->sources[folder].released(mirror->sources[folder].context, subject, path);
    }
}

void mirror_repeat(struct mirror *mirror, enum mirror_folder folder, const char *path)
{
    struct mirror_item *item = find(mirror, topic_of(mirror, folder, path));
    if (!item)
        return;
    item->held = HELD_UNKNOWN;
    for (unsigned i = 0; i < mirror->in_flight; i++)
        if (mirror->flights[i].item == item && mirror->flights[i].held)
            mirror->flights[i].held = HELD_UNKNOWN;
    item_is_dirty(mirror, item);
}

static struct mirror_item *add_clear(struct mirror *mirror, const char *topic)
{
    struct mirror_item **echoing = &mirror->lists[ITEM_ECHOING][MIRROR_REQUESTS];
    /* An echo that is lost, as one is where a queue at the broker overflows, must not take the room for good. */
    while (!has_room(&mirror->clears, topic) && *echoing)
        item_free(mirror, *echoing);
    return has_room(&mirror->clears, topic) ? add(mirror, MIRROR_REQUESTS, topic) : NULL;
}

bool mirror_clear(struct mirror *mirror, const char *path)
{
    const char *topic = topic_of(mirror, MIRROR_REQUESTS, path);
    struct mirror_item *item = find(mirror, topic);
    if (!item && topic)
        item = add_clear(mirror, topic);
    if (!item)
        return false;
    if (item->folder != MIRROR_REQUESTS)
        return true; /* a path that ends in "status" is ours to answer at */
    if (item->place == ITEM_ECHOING)
        item->echoes = 0; /* what is to be cleared now came behind it: it was lost */
    item_is_dirty(mirror, item);
    return true;
}

void mirror_keep(struct mirror *mirror, const char *path)
{
    struct mirror_item *item = find(mirror, topic_of(mirror, MIRROR_REQUESTS, path));
    if (!item || item->folder != MIRROR_REQUESTS)
        return;
    if (item->in_flight > 0)
        item_move(mirror, item, ITEM_FLYING);
    else if (item->echoes > 0)
        item_move(mirror, item, ITEM_ECHOING);
    else
        item_free(mirror, item);
}

bool mirror_is_echo(struct mirror *mirror, const char *path)
{
    struct mirror_item *item = find(mirror, topic_of(mirror, MIRROR_REQUESTS, path));
    if (!item || item->echoes == 0)
        return false;
    item->echoes--;
    if (item->place == ITEM_ECHOING && item->echoes == 0)
        item_free(mirror, item);
    return true;
}

/* ---- The way to the broker ---- */

static void try_again_later(struct mirror *mirror, struct mirror_item *item)
{
    item_move(mirror, item, ITEM_REFUSED);
    if (mirror->try_again_at == INT64_MAX)
        mirror->try_again_at =
            clock_now() + backoff_next(&mirror->refusals, REFUSED_MS, REFUSED_MAX_MS);
}

/*
 * Sends the record, or, where `held` is 0, deletes what is retained. False: libmosquitto refuses it, and has
 * said so in the log; it is tried again.
 */
static bool send_message(struct mirror *mirror, struct mirror_item *item, uint64_t held,
                         bool retained)
{
    int id = mqtt_publish(mirror->mqtt, item->topic, mirror->record, held ? mirror->record_size : 0,
                          retained);
    if (id < 0) {
        try_again_later(mirror, item);
        return false;
    }
    mirror->flights[mirror->in_flight++] = (struct flight){item, id, retained, held};
    item->in_flight++;
    item_move(mirror, item, ITEM_FLYING);
    return true;
}

static void publish_record(struct mirror *mirror, struct mirror_item *item,
                           const struct record_stamp *stamp)
{
    uint64_t digest = record_digest(mirror->record, mirror->record_size);
    if (digest == item->held || !send_message(mirror, item, digest, true))
        return;
    log_debug("'%s': published", item->topic);
    mirror->stamp = *stamp;
    mirror->counters.published += item->folder == MIRROR_SERVICES;
}

static void publish_end(struct mirror *mirror, struct mirror_item *item, bool farewell,
                        const struct record_stamp *stamp)
{
    bool is_request = item->folder == MIRROR_REQUESTS;
    if (farewell && send_message(mirror, item, HELD_UNKNOWN, false))
        mirror->stamp = *stamp;
    if (item->held || is_request) {
        if (!send_message(mirror, item, 0, true))
            return;
        if (is_request && item->echoes < UCHAR_MAX)
            item->echoes = (unsigned char)(item->echoes + mirror->echoes);
        log_debug("'%s': cleared", item->topic);
        mirror->counters.withdrawn += item->folder == MIRROR_SERVICES;
    }
    if (item->in_flight == 0)
        item_is_done(mirror, item);
}

static void publish_item(struct mirror *mirror, struct mirror_item *item)
{
    struct record_stamp stamp = mirror->stamp;
    stamp.seq++;
    stamp.time = clock_unix();
    item_move(mirror, item, ITEM_IN_LINE);
    enum mirror_text text = compose(mirror, item, &stamp);
    if (text == MIRROR_RETAINED)
        publish_record(mirror, item, &stamp);
    else if (text != MIRROR_AS_IT_IS)
        publish_end(mirror, item, text == MIRROR_FAREWELL, &stamp);
}

static struct mirror_item *next_dirty(struct mirror *mirror, bool bridge_only)
{
    struct mirror_item **dirty = mirror->lists[ITEM_DIRTY];
    if (dirty[MIRROR_BRIDGE] && mirror->in_flight < FLIGHTS_MAX)
        return dirty[MIRROR_BRIDGE];
    if (bridge_only || mirror->in_flight + 2 > WINDOW) /* an end takes two places */
        return NULL;
    for (unsigned i = 1; i <= MIRROR_FOLDERS; i++) {
        unsigned folder = (mirror->turn + i) % MIRROR_FOLDERS;
        if (folder == MIRROR_BRIDGE || !dirty[folder])
            continue;
        mirror->turn = folder;
        return dirty[folder];
    }
    return NULL;
}

int64_t mirror_run(struct mirror *mirror, bool bridge_only, int64_t now)
{
    struct mirror_item *item;
    if (now >= mirror->try_again_at) {
        mirror->try_again_at = INT64_MAX;
        for (int folder = 0; folder < MIRROR_FOLDERS; folder++)
            while ((item = mirror->lists[ITEM_REFUSED][folder]))
                item_is_dirty(mirror, item);
    }
    while ((item = next_dirty(mirror, bridge_only)))
        publish_item(mirror, item);
    return mirror->try_again_at;
}

static void message_refused(struct mirror *mirror, struct mirror_item *item)
{
    if (mirror->counters.refused++ == 0)
        log_error("mqtt: the broker does not let the bridge publish below its prefix; check the "
                  "ACL");
    if (!is_done_at_once(mirror, item, true))
        try_again_later(mirror, item);
}

static void message_taken(struct mirror *mirror, const struct flight *flight)
{
    struct mirror_item *item = flight->item;
    if (item->place == ITEM_REFUSED)
        return; /* of two messages the other one was */
    item->pass = mirror->pass;
    if (flight->retained)
        item->held = flight->held;
    if (item->in_flight > 0)
        return;
    if (mirror->try_again_at == INT64_MAX)
        mirror->refusals = 0;
    if (item->place == ITEM_CHANGED)
        item_move(mirror, item, ITEM_DIRTY);
    else if (item->held)
        item_move(mirror, item, ITEM_IN_LINE);
    else
        item_is_done(mirror, item);
}

void mirror_acknowledged(struct mirror *mirror, int message_id, bool refused)
{
    unsigned i = 0;
    while (i < mirror->in_flight && mirror->flights[i].message_id != message_id)
        i++;
    if (i == mirror->in_flight)
        return;
    struct flight flight = mirror->flights[i];
    mirror->in_flight--;
    memmove(&mirror->flights[i], &mirror->flights[i + 1],
            (mirror->in_flight - i) * sizeof mirror->flights[0]);
    flight.item->in_flight--;
    if (refused)
        message_refused(mirror, flight.item);
    else
        message_taken(mirror, &flight);
}

bool mirror_is_in_line(const struct mirror *mirror, enum mirror_folder folder)
{
    return !mirror->lists[ITEM_DIRTY][folder] && !mirror->lists[ITEM_FLYING][folder] &&
           !mirror->lists[ITEM_CHANGED][folder] && !mirror->lists[ITEM_REFUSED][folder];
}

bool mirror_is_acknowledged(const struct mirror *mirror)
{
    return mirror->in_flight == 0;
}

/* ---- Reading back ---- */

void mirror_read(struct mirror *mirror)
{
    mirror->reading = MIRROR_READING;
    mirror->pass++;
    mirror->unread = 0;
    mqtt_subscribe(mirror->mqtt, topic_of(mirror, MIRROR_SERVICES, "#"), 0);
    mqtt_subscribe(mirror->mqtt, topic_of(mirror, MIRROR_STATUSES, "+/+/status"), 0);
}

void mirror_disconnected(struct mirror *mirror)
{
    struct mirror_item *item, *next;
    for (unsigned i = 0; i < mirror->in_flight; i++) {
        const struct flight *flight = &mirror->flights[i];
        if (flight->retained) /* what was there before may be there still */
            flight->item->held = flight->held ? flight->held : HELD_UNKNOWN;
        flight->item->in_flight = 0;
    }
    mirror->in_flight = 0;
    mirror->reading = MIRROR_NOT_READING;
    mirror->try_again_at = INT64_MAX;
    HASH_ITER(hh, mirror->items, item, next)
    {
        bool is_bridge = item->folder == MIRROR_BRIDGE;
        if (is_bridge) { /* not read back; in the order in which they were said first */
            item->held = HELD_UNKNOWN;
            item_move(mirror, item, ITEM_IN_LINE);
        }
        if (item->folder == MIRROR_REQUESTS)
            item_free(mirror, item); /* what is retained then says what is to be cleared */
        else if (is_bridge || (item->place != ITEM_IN_LINE && item->place != ITEM_GHOST))
            item_move(mirror, item, ITEM_DIRTY);
    }
}

static void take_ghost(struct mirror *mirror, const char *topic)
{
    struct request_owner owner;
    struct mirror_item *item = NULL;
    const char *path = topic_below(topic, mirror->prefix, parents[MIRROR_STATUSES]);
    bool is_status = path && topic_advertise_parse(&owner, path) == TOPIC_STATUS;
    if (!is_status && !topic_below(topic, mirror->prefix, parents[MIRROR_SERVICES]))
        return;
    if (has_room(&mirror->ghosts, topic))
        item = add(mirror, is_status ? MIRROR_STATUSES : MIRROR_SERVICES, topic);
    if (!item) {
        mirror->unread++;
        return;
    }
    item_move(mirror, item, ITEM_GHOST);
    item->pass = mirror->pass;
    item->held = HELD_UNKNOWN; /* who has something to say there says it with a stamp of today */
}

static void take_known(struct mirror *mirror, struct mirror_item *item, uint64_t held)
{
    bool is_first = item->pass != mirror->pass;
    item->pass = mirror->pass;
    if (!is_first || item->in_flight > 0 || item->folder == MIRROR_REQUESTS)
        return; /* ours is newer: this was retained before it */
    if (item->held == held)
        return;
    item->held = HELD_UNKNOWN;
    if (item->subject)
        item_move(mirror, item, ITEM_DIRTY);
}

void mirror_take(struct mirror *mirror, const char *topic, const uint8_t *payload, size_t length,
                 bool retained, int64_t now)
{
    if (mirror->reading == MIRROR_NOT_READING || length == 0 || !retained)
        return;
    struct mirror_item *item = find(mirror, topic);
    if (mirror->reading == MIRROR_CHECKING) {
        mirror->check_end_at = now + CHECK_QUIET_MS;
        if (!item || item->in_flight > 0 || item->pass == mirror->pass)
            return;
        mirror->unseen -= item->held > HELD_UNKNOWN && mirror->unseen > 0;
        item->pass = mirror->pass;
    } else if (item) {
        take_known(mirror, item, record_digest(payload, length));
    } else {
        take_ghost(mirror, topic);
    }
}

static void clear_ghosts(struct mirror *mirror, enum mirror_folder folder)
{
    struct mirror_item *item;
    while ((item = mirror->lists[ITEM_GHOST][folder]))
        item_move(mirror, item, ITEM_DIRTY);
}

size_t mirror_read_end(struct mirror *mirror)
{
    struct mirror_item *item, *next;
    size_t missing = 0;
    mqtt_unsubscribe(mirror->mqtt, topic_of(mirror, MIRROR_SERVICES, "#"));
    mqtt_unsubscribe(mirror->mqtt, topic_of(mirror, MIRROR_STATUSES, "+/+/status"));
    mirror->reading = MIRROR_NOT_READING;
    HASH_ITER(hh, mirror->items, item, next)
    {
        if (item->folder == MIRROR_BRIDGE || item->folder == MIRROR_REQUESTS ||
            item->in_flight > 0 || item->pass == mirror->pass)
            continue;
        missing += item->held > HELD_UNKNOWN && item->subject;
        item->held = 0;
        if (!item->subject)
            item_free(mirror, item);
        else if (item->place == ITEM_IN_LINE)
            item_move(mirror, item, ITEM_DIRTY);
    }
    clear_ghosts(mirror, MIRROR_STATUSES);
    return missing;
}

size_t mirror_ghosts(const struct mirror *mirror)
{
    const struct mirror_item *item;
    size_t count;
    DL_COUNT(mirror->lists[ITEM_GHOST][MIRROR_SERVICES], item, count);
    return count;
}

void mirror_sweep(struct mirror *mirror)
{
    clear_ghosts(mirror, MIRROR_SERVICES);
}

size_t mirror_unread(const struct mirror *mirror)
{
    return mirror->unread;
}

bool mirror_has_stale_status(struct mirror *mirror, const char *path)
{
    const struct mirror_item *item = find(mirror, topic_of(mirror, MIRROR_STATUSES, path));
    return item && item->held && item->in_flight == 0 && item->pass == mirror->pass;
}

/* ---- As a consumer would ---- */

static size_t count_missing(const struct mirror *mirror)
{
    size_t missing = 0;
    for (const struct mirror_item *item = mirror->items; item; item = item->hh.next)
        missing += item->folder == MIRROR_SERVICES && item->held > HELD_UNKNOWN &&
                   item->in_flight == 0 && item->pass != mirror->pass;
    return missing;
}

void mirror_check(struct mirror *mirror, int64_t now)
{
    mirror->reading = MIRROR_CHECKING;
    mirror->pass++;
    mirror->unseen = count_missing(mirror);
    mirror->check_end_at = now + CHECK_QUIET_MS;
    mqtt_subscribe(mirror->mqtt, topic_of(mirror, MIRROR_SERVICES, "#"), 1);
}

bool mirror_check_end(struct mirror *mirror, size_t *missing, int64_t *at, int64_t now)
{
    if (mirror->reading != MIRROR_CHECKING)
        return false;
    if (mirror->unseen > 0 && now < mirror->check_end_at) {
        *at = earlier(*at, mirror->check_end_at);
        return false;
    }
    mqtt_unsubscribe(mirror->mqtt, topic_of(mirror, MIRROR_SERVICES, "#"));
    mirror->reading = MIRROR_NOT_READING;
    *missing = mirror->unseen > 0 ? count_missing(mirror) : 0;
    return true;
}

/* ---- Numbers, beginning, end ---- */

const struct record_stamp *mirror_stamp(const struct mirror *mirror)
{
    return &mirror->stamp;
}

void mirror_get_counters(const struct mirror *mirror, struct mirror_counters *counters)
{
    *counters = mirror->counters;
}

void mirror_set_source(struct mirror *mirror, enum mirror_folder folder,
                       const struct mirror_source *source)
{
    mirror->sources[folder] = *source;
}

struct mirror *mirror_new(struct mqtt *mqtt, const char *prefix, size_t record_size, bool echoes)
{
    struct mirror *mirror = calloc(1, sizeof *mirror + record_size);
    if (!mirror)
        return NULL;
    mirror->mqtt = mqtt;
    mirror->echoes = echoes;
    mirror->ghosts = no_ghosts;
    mirror->clears = no_clears;
    mirror->record_size = record_size;
    mirror->try_again_at = INT64_MAX;
    mirror->stamp.epoch = clock_unix(); /* this life of the bridge begins */
    snprintf(mirror->prefix, sizeof mirror->prefix, "%s", prefix);
    if (!topic_of(mirror, MIRROR_STATUSES, "+/+/status")) { /* the longest filter: room for these */
        mirror_free(mirror);
        return NULL;
    }
    return mirror;
}

void mirror_free(struct mirror *mirror)
{
    struct mirror_item *item, *next;
    if (!mirror)
        return;
    HASH_ITER(hh, mirror->items, item, next)
    {
        item_free(mirror, item);
    }
    free(mirror->topic);
    free(mirror);
}
