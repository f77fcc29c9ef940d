/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * What the broker really has. Reading back is a mark-and-sweep in passes: each item remembers in which pass the broker
 * was last known to have it, because it was read back, published or acknowledged. The broker sends what is retained
 * behind the answer to SUBSCRIBE and before the answer to anything that it is asked later; so the end of a reading
 * is one round trip, and what has not come by then is not there.
 *
 * A reading subscribes at QoS 0: at QoS 1 a broker with Mosquitto's defaults silently drops all but 1020 of the
 * records, and its answer overtakes those that wait. A check subscribes at QoS 1, to find just that out: consumers
 * would miss the same records. It ends when all have come, or none any more.
 *
 * A record that nobody wants is a ghost: of a former life of the bridge, or of who knows whom. It becomes an item, to be
 * taken over by who has something to say there, or to be cleared. How many are remembered is bounded; the rest is
 * read in further rounds.
 */
#include "mirror_item.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "mqtt.h"
#include "topic.h"

/* As many again as max-services can be, since a former life left no more; and no more than a little
 * memory, as a topic may have 64 KiB. */
#define GHOSTS_MAX 8192
#define GHOST_BYTES_MAX (4 * 1024 * 1024)

/* A check is over when nothing has come for so long. */
#define CHECK_QUIET_MS 2000

/* mirror_new() has made room for these. */
static const char services[] = "/service/#", statuses[] = "/advertise/+/+/status";

void mirror_read_again(struct mirror *mirror)
{
    mirror->reading = MIRROR_READING;
    mirror->pass++;
    mirror->unread = 0;
    mqtt_subscribe(mirror->mqtt, mirror_topic(mirror, services, ""), 0);
    mqtt_subscribe(mirror->mqtt, mirror_topic(mirror, statuses, ""), 0);
}

void mirror_connected(struct mirror *mirror)
{
    for (struct mirror_item *item = mirror->items; item; item = item->hh.next) {
        if (item->folder != MIRROR_BRIDGE)
            continue;
        item->content = 0;
        item_move(mirror, item, ITEM_IN_LINE); /* in the order in which they were said first */
        item_move(mirror, item, ITEM_DIRTY);
    }
    mirror_read_again(mirror);
}

static bool has_room_for_ghost(const struct mirror *mirror, const char *topic)
{
    return mirror->ghosts < GHOSTS_MAX &&
           (mirror->ghosts == 0 || mirror->ghost_bytes + strlen(topic) < GHOST_BYTES_MAX);
}

/* What follows PREFIX and the folder in a topic, or NULL. */
static const char *path_in(const struct mirror *mirror, enum mirror_folder folder,
                           const char *topic)
{
    const char *parent = mirror_parent(folder);
    size_t length = strlen(parent);
    if (strncmp(topic, mirror->topic, mirror->prefix_length) != 0 ||
        strncmp(topic + mirror->prefix_length, parent, length) != 0)
        return NULL;
    return topic + mirror->prefix_length + length;
}

static void take_ghost(struct mirror *mirror, const char *topic)
{
    struct request_owner owner;
    const char *path = path_in(mirror, MIRROR_STATUSES, topic);
    bool is_status = path && topic_advertise_parse(&owner, path) == TOPIC_STATUS;
    if (!is_status && !path_in(mirror, MIRROR_SERVICES, topic))
        return;
    enum mirror_folder folder = is_status ? MIRROR_STATUSES : MIRROR_SERVICES;
    struct mirror_item *item =
        has_room_for_ghost(mirror, topic) ? mirror_add_topic(mirror, folder, topic) : NULL;
    if (!item) {
        mirror->unread++;
        return;
    }
    item->pass = mirror->pass;
    item->known = item->taken = true;
}

static void take_known(struct mirror *mirror, struct mirror_item *item, uint64_t content)
{
    bool is_first = item->pass != mirror->pass;
    item->pass = mirror->pass;
    if (!is_first || item->in_flight > 0 || item->folder == MIRROR_REQUESTS)
        return; /* ours is newer: this was retained before it */
    item->known = item->taken = true;
    if (item->content == content)
        return;
    item->content = 0;
    if (item->subject)
        item_move(mirror, item, ITEM_DIRTY);
}

void mirror_take(struct mirror *mirror, const char *topic, const uint8_t *payload, size_t length,
                 bool retained, int64_t now)
{
    if (mirror->reading == MIRROR_NOT_READING || length == 0 || !retained)
        return;
    struct mirror_item *item = mirror_find_topic(mirror, topic);
    if (mirror->reading == MIRROR_CHECKING) {
        mirror->check_end_at = now + CHECK_QUIET_MS;
        if (!item || item->pass == mirror->pass)
            return;
        mirror->unseen -= item->content != 0 && mirror->unseen > 0;
        item->pass = mirror->pass;
    } else if (item) {
        take_known(mirror, item, record_digest(payload, length));
    } else {
        take_ghost(mirror, topic);
    }
}

static bool is_read(const struct mirror_item *item)
{
    return item->folder != MIRROR_BRIDGE && item->folder != MIRROR_REQUESTS;
}

size_t mirror_read_end(struct mirror *mirror)
{
    struct mirror_item *item, *next;
    size_t missing = 0;
    mqtt_unsubscribe(mirror->mqtt, mirror_topic(mirror, services, ""));
    mqtt_unsubscribe(mirror->mqtt, mirror_topic(mirror, statuses, ""));
    mirror->reading = MIRROR_NOT_READING;
    HASH_ITER(hh, mirror->items, item, next)
    {
        if (!is_read(item) || item->in_flight > 0)
            continue;
        if (item->pass != mirror->pass) {
            missing += item->content != 0 && item->subject;
            item->content = 0;
            item->known = item->taken = false;
            if (!item->subject)
                item_free(mirror, item);
            else if (item->place == ITEM_IN_LINE)
                item_move(mirror, item, ITEM_DIRTY);
        } else if (!item->subject && item->folder != MIRROR_SERVICES) {
            item_move(mirror, item, ITEM_DIRTY);
        }
    }
    return missing;
}

static bool is_service_ghost(const struct mirror_item *item)
{
    return !item->subject && item->folder == MIRROR_SERVICES && item->place == ITEM_IN_LINE;
}

size_t mirror_ghosts(const struct mirror *mirror)
{
    size_t count = 0;
    for (const struct mirror_item *item = mirror->items; item; item = item->hh.next)
        count += is_service_ghost(item);
    return count;
}

void mirror_sweep(struct mirror *mirror)
{
    for (struct mirror_item *item = mirror->items; item; item = item->hh.next)
        if (is_service_ghost(item))
            item_move(mirror, item, ITEM_DIRTY);
}

size_t mirror_unread(const struct mirror *mirror)
{
    return mirror->unread;
}

bool mirror_has_stale_status(const struct mirror *mirror, const char *path)
{
    char topic[TOPIC_SIZE];
    snprintf(topic, sizeof topic, "%.*s%s%s", (int)mirror->prefix_length, mirror->topic,
             mirror_parent(MIRROR_STATUSES), path);
    const struct mirror_item *item = mirror_find_topic(mirror, topic);
    return item && item->known && item->pass == mirror->pass;
}

/* ---- As a consumer would ---- */

static size_t count_missing(const struct mirror *mirror)
{
    size_t missing = 0;
    for (const struct mirror_item *item = mirror->items; item; item = item->hh.next)
        missing += item->folder == MIRROR_SERVICES && item->content != 0 && item->in_flight == 0 &&
                   item->pass != mirror->pass;
    return missing;
}

void mirror_check(struct mirror *mirror, int64_t now)
{
    mirror->reading = MIRROR_CHECKING;
    mirror->pass++;
    mirror->unseen = count_missing(mirror);
    mirror->check_end_at = now + CHECK_QUIET_MS;
    mqtt_subscribe(mirror->mqtt, mirror_topic(mirror, services, ""), 1);
}

bool mirror_check_end(struct mirror *mirror, size_t *missing, int64_t *at, int64_t now)
{
    if (mirror->reading != MIRROR_CHECKING)
        return false;
    if (mirror->unseen > 0 && now < mirror->check_end_at) {
        *at = earlier(*at, mirror->check_end_at);
        return false;
    }
    mqtt_unsubscribe(mirror->mqtt, mirror_topic(mirror, services, ""));
    mirror->reading = MIRROR_NOT_READING;
    *missing = mirror->unseen > 0 ? count_missing(mirror) : 0;
    return true;
}
