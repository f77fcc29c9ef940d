/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * An item is one topic: who says what is to be there (`subject`), and what the broker has been given
 * (`content`, the record without its stamp). It is in one place at a time:
 *
 *     IN_LINE -> DIRTY -> FLYING -> IN_LINE
 *                            |  \-> CHANGED -> DIRTY     something changed while a message was under way
 *                            \----> REFUSED -> DIRTY     after a back-off: an ACL may be mended
 *
 * With MQTT 3.1.1 the broker sends us our own clearing of a request back, before its acknowledgement or behind it.
 * Such an item is ECHOING for that long, and nothing waits for it: an echo may be lost.
 *
 * mirror_run() takes a dirty item, has its record made with the next `seq`, and compares. Only if it differs it is
 * published and the number used. So nothing is queued: while the window is full, or the broker away, changes
 * gather in the items, and a broker that stalls costs no memory. An item has one message under way at a time.
 *
 * The end of a record is two messages on its topic: the farewell, not retained, for those who listen now; and the
 * empty retained one that deletes what is retained. When the broker has taken both, the subject is released, and
 * the item is no more.
 *
 * Folders have their turns, so that a flood in one of them is no wall before the others. What is to be cleared
 * of others' requests is bounded: memory follows what is wanted, not what was asked for.
 *
 * Acknowledgements come by message id and mostly in order, so looking for one starts at the oldest.
 */
#include "mirror_item.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "clock.h"
#include "log.h"
#include "mqtt.h"

/* When to try again what the broker has refused. */
#define REFUSED_MS 1000
#define REFUSED_MAX_MS 60000

#define ROOM_FOR_FILTERS 64 /* behind the prefix */

static const char *const parents[] = {
    [MIRROR_BRIDGE] = "/bridge/",      [MIRROR_SERVICES] = "/service/",
    [MIRROR_STATUSES] = "/advertise/", [MIRROR_ANSWERS] = "/advertise/",
    [MIRROR_REQUESTS] = "/advertise/",
};

const char *mirror_parent(enum mirror_folder folder)
{
    return parents[folder];
}

const char *item_path(const struct mirror *mirror, const struct mirror_item *item)
{
    return item->topic + mirror->prefix_length + strlen(parents[item->folder]);
}

/* ---- Items ---- */

static struct mirror_item **list_of(struct mirror *mirror, const struct mirror_item *item)
{
    if (item->place == ITEM_DIRTY)
        return &mirror->dirty[item->folder];
    if (item->place == ITEM_ECHOING)
        return &mirror->echoing;
    return item->place == ITEM_REFUSED ? &mirror->refused : NULL;
}

static bool is_open(unsigned place)
{
    return place != ITEM_IN_LINE && place != ITEM_ECHOING;
}

void item_move(struct mirror *mirror, struct mirror_item *item, enum item_place place)
{
    struct mirror_item **list = list_of(mirror, item);
    if (item->place == place)
        return;
    if (list)
        DL_DELETE(*list, item);
    mirror->not_in_line[item->folder] += is_open(place);
    mirror->not_in_line[item->folder] -= is_open(item->place);
    item->place = (unsigned char)place;
    if ((list = list_of(mirror, item)))
        DL_APPEND(*list, item);
}

static void item_is_dirty(struct mirror *mirror, struct mirror_item *item)
{
    item_move(mirror, item, item->in_flight > 0 ? ITEM_CHANGED : ITEM_DIRTY);
}

static void count_item(struct mirror *mirror, const struct mirror_item *item, int sign)
{
    size_t length = strlen(item->topic);
    if (item->folder == MIRROR_REQUESTS) {
        mirror->clears += (size_t)sign;
        mirror->clear_bytes += (size_t)sign * length;
    } else if (!item->subject) {
        mirror->ghosts += (size_t)sign;
        mirror->ghost_bytes += (size_t)sign * length;
    }
}

static void set_subject(struct mirror *mirror, struct mirror_item *item, enum mirror_folder folder,
                        void *subject)
{
    enum item_place place = item->place;
    count_item(mirror, item, -1);
    item->subject = subject;
    if (item->folder != folder) { /* else it keeps its turn */
        item_move(mirror, item, ITEM_IN_LINE);
        item->folder = (unsigned char)folder;
        item_move(mirror, item, place);
    }
    count_item(mirror, item, 1);
}

struct mirror_item *mirror_find_topic(const struct mirror *mirror, const char *topic)
{
    struct mirror_item *item;
    HASH_FIND_STR(mirror->items, topic, item);
    return item;
}

struct mirror_item *mirror_add_topic(struct mirror *mirror, enum mirror_folder folder,
                                     const char *topic)
{
    size_t size = strlen(topic) + 1;
    struct mirror_item *item = calloc(1, sizeof *item + size);
    if (!item)
        return NULL;
    memcpy(item->topic, topic, size);
    item->folder = (unsigned char)folder;
    count_item(mirror, item, 1);
    HASH_ADD_KEYPTR(hh, mirror->items, item->topic, size - 1, item);
    return item;
}

const char *mirror_topic(struct mirror *mirror, const char *parent, const char *path)
{
    size_t size = mirror->prefix_length + strlen(parent) + strlen(path) + 1;
    if (size > mirror->topic_size) {
        char *topic = realloc(mirror->topic, size);
        if (!topic)
            return NULL;
        mirror->topic = topic;
        mirror->topic_size = size;
    }
    snprintf(mirror->topic + mirror->prefix_length, size - mirror->prefix_length, "%s%s", parent,
             path);
    return mirror->topic;
}

struct mirror_item *mirror_find(struct mirror *mirror, enum mirror_folder folder, const char *path,
                                bool add)
{
    const char *topic = mirror_topic(mirror, parents[folder], path);
    struct mirror_item *item = topic ? mirror_find_topic(mirror, topic) : NULL;
    return item || !topic || !add ? item : mirror_add_topic(mirror, folder, topic);
}

static void take_out(struct mirror *mirror, struct mirror_item *item)
{
    count_item(mirror, item, -1);
    item_move(mirror, item, ITEM_IN_LINE);
    HASH_DEL(mirror->items, item);
}

void item_free(struct mirror *mirror, struct mirror_item *item)
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
        source->released(source->context, item->subject, item_path(mirror, item));
    if (is_over)
        free(item);
}

static enum mirror_text compose(struct mirror *mirror, const struct mirror_item *item,
                                const struct record_stamp *stamp)
{
    const struct mirror_source *source = &mirror->sources[item->folder];
    if (item->folder == MIRROR_REQUESTS)
        return MIRROR_NOTHING;
    return source->compose(source->context, item->subject, item_path(mirror, item), item->known,
                           mirror->record, mirror->record_size, stamp);
}

/*
 * What comes and goes while the broker is away, or refuses it, must not gather. `refused`: nobody can hear a
 * farewell.
 */
static bool is_done_at_once(struct mirror *mirror, struct mirror_item *item, bool refused)
{
    if (item->known || item->in_flight > 0)
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
    struct mirror_item *item = mirror_find(mirror, folder, path, true);
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
    struct mirror_item *item = mirror_find(mirror, folder, path, subject != NULL);
    if (!item) {
        if (subject)
            mirror->sources[folder].released(mirror->sources[folder].context, subject, path);
        return;
    }
    set_subject(mirror, item, folder, subject);
    if (!is_done_at_once(mirror, item, false))
        item_is_dirty(mirror, item);
}

void mirror_repeat(struct mirror *mirror, enum mirror_folder folder, const char *path)
{
    struct mirror_item *item = mirror_find(mirror, folder, path, false);
    if (!item)
        return;
    item->content = 0;
    item_is_dirty(mirror, item);
}

static bool has_room_for_clear(const struct mirror *mirror, const char *path)
{
    return mirror->clears < MIRROR_CLEARS_MAX &&
           mirror->clear_bytes + strlen(path) <= MIRROR_CLEAR_BYTES_MAX;
}

static struct mirror_item *add_clear(struct mirror *mirror, const char *path)
{
    /* An echo that is lost, as one is where a queue at the broker overflows, must not take the room for good. */
    while (!has_room_for_clear(mirror, path) && mirror->echoing)
        item_free(mirror, mirror->echoing);
    return has_room_for_clear(mirror, path) ? mirror_find(mirror, MIRROR_REQUESTS, path, true)
                                            : NULL;
}

bool mirror_clear(struct mirror *mirror, const char *path)
{
    struct mirror_item *item = mirror_find(mirror, MIRROR_REQUESTS, path, false);
    if (!item)
        item = add_clear(mirror, path);
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
    struct mirror_item *item = mirror_find(mirror, MIRROR_REQUESTS, path, false);
    if (!item || item->folder != MIRROR_REQUESTS)
        return;
    if (item->place == ITEM_CHANGED)
        item_move(mirror, item, ITEM_FLYING);
    else if (item->place != ITEM_FLYING && item->echoes > 0)
        item_move(mirror, item, ITEM_ECHOING);
    else if (item->place != ITEM_FLYING)
        item_free(mirror, item);
}

/* ---- The way to the broker ---- */

/* `length` 0: deletes what is retained. False: libmosquitto refuses it, and has said so in the log. */
static bool send_message(struct mirror *mirror, struct mirror_item *item, size_t length,
                         bool retained)
{
    int id = mqtt_publish(mirror->mqtt, item->topic, mirror->record, length, retained);
    if (id < 0)
        return false;
    mirror->flights[mirror->in_flight++] = (struct flight){id, item};
    item->in_flight++;
    item->pass = mirror->pass;
    item_move(mirror, item, ITEM_FLYING);
    return true;
}

static void try_again_later(struct mirror *mirror, struct mirror_item *item)
{
    item_move(mirror, item, ITEM_REFUSED);
    if (mirror->try_again_at == INT64_MAX)
        mirror->try_again_at =
            clock_now() + backoff_next(&mirror->refusals, REFUSED_MS, REFUSED_MAX_MS);
}

static void publish_record(struct mirror *mirror, struct mirror_item *item,
                           const struct record_stamp *stamp)
{
    uint64_t content = record_digest(mirror->record, mirror->record_size);
    if (content == item->content)
        return;
    if (!send_message(mirror, item, mirror->record_size, true)) {
        try_again_later(mirror, item);
        return;
    }
    log_debug("'%s': %s", item->topic, item->content == 0 ? "published" : "changed");
    mirror->stamp = *stamp;
    item->content = content;
    item->known = true;
    mirror->counters.published += item->folder == MIRROR_SERVICES;
}

static void publish_end(struct mirror *mirror, struct mirror_item *item, bool farewell,
                        const struct record_stamp *stamp)
{
    if (farewell && send_message(mirror, item, mirror->record_size, false))
        mirror->stamp = *stamp;
    if (item->known || item->folder == MIRROR_REQUESTS) {
        if (!send_message(mirror, item, 0, true)) {
            try_again_later(mirror, item);
            return;
        }
        if (item->folder == MIRROR_REQUESTS && item->echoes < UCHAR_MAX)
            item->echoes = (unsigned char)(item->echoes + mirror->echoes);
        log_debug("'%s': cleared", item->topic);
        mirror->counters.withdrawn += item->folder == MIRROR_SERVICES;
    }
    item->content = 0;
    item->known = false;
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
    if (text == MIRROR_AS_IT_IS)
        return;
    if (text == MIRROR_RETAINED)
        publish_record(mirror, item, &stamp);
    else
        publish_end(mirror, item, text == MIRROR_FAREWELL, &stamp);
}

static struct mirror_item *next_dirty(struct mirror *mirror, bool bridge_only)
{
    if (mirror->dirty[MIRROR_BRIDGE] && mirror->in_flight < MIRROR_FLIGHTS_MAX)
        return mirror->dirty[MIRROR_BRIDGE];
    if (bridge_only || mirror->in_flight + 2 > MIRROR_WINDOW) /* an end takes two places */
        return NULL;
    for (unsigned i = 1; i <= MIRROR_FOLDERS; i++) {
        unsigned folder = (mirror->turn + i) % MIRROR_FOLDERS;
        if (folder == MIRROR_BRIDGE || !mirror->dirty[folder])
            continue;
        mirror->turn = folder;
        return mirror->dirty[folder];
    }
    return NULL;
}

int64_t mirror_run(struct mirror *mirror, bool bridge_only, int64_t now)
{
    struct mirror_item *item;
    if (now >= mirror->try_again_at) {
        mirror->try_again_at = INT64_MAX;
        while ((item = mirror->refused))
            item_is_dirty(mirror, item);
    }
    while ((item = next_dirty(mirror, bridge_only)))
        publish_item(mirror, item);
    return mirror->try_again_at;
}

static void message_refused(struct mirror *mirror, struct mirror_item *item)
{
    mirror->counters.refused++;
    if (!mirror->complained)
        log_error("mqtt: the broker does not let the bridge publish below its prefix; check the "
                  "ACL");
    mirror->complained = true;
    item->content = 0;
    item->known = item->taken; /* a record that is refused was never there */
    if (!is_done_at_once(mirror, item, true))
        try_again_later(mirror, item);
}

static void message_taken(struct mirror *mirror, struct mirror_item *item)
{
    if (item->place == ITEM_REFUSED)
        return; /* of two messages the other one was */
    item->pass = mirror->pass;
    if (item->in_flight > 0)
        return; /* a farewell; what is retained is the other one's to say */
    item->taken = item->known;
    if (!mirror->refused)
        mirror->refusals = 0;
    if (item->place == ITEM_CHANGED)
        item_move(mirror, item, ITEM_DIRTY);
    else if (item->known)
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
    struct mirror_item *item = mirror->flights[i].item;
    mirror->in_flight--;
    memmove(&mirror->flights[i], &mirror->flights[i + 1],
            (mirror->in_flight - i) * sizeof mirror->flights[0]);
    item->in_flight--;
    if (refused)
        message_refused(mirror, item);
    else
        message_taken(mirror, item);
}

bool mirror_is_echo(struct mirror *mirror, const char *path)
{
    struct mirror_item *item = mirror_find(mirror, MIRROR_REQUESTS, path, false);
    if (!item || item->echoes == 0)
        return false;
    item->echoes--;
    if (item->place == ITEM_ECHOING && item->echoes == 0)
        item_free(mirror, item);
    return true;
}

void mirror_disconnected(struct mirror *mirror)
{
    struct mirror_item *item, *next;
    mirror->in_flight = 0;
    mirror->reading = MIRROR_NOT_READING;
    HASH_ITER(hh, mirror->items, item, next)
    {
        item->in_flight = 0;
        if (item->folder == MIRROR_REQUESTS)
            item_free(mirror, item); /* what is retained then says what is to be cleared */
        else if (item->place != ITEM_IN_LINE)
            item_move(mirror, item, ITEM_DIRTY);
    }
    mirror->try_again_at = INT64_MAX;
}

bool mirror_is_in_line(const struct mirror *mirror, enum mirror_folder folder)
{
    return mirror->not_in_line[folder] == 0;
}

bool mirror_is_acknowledged(const struct mirror *mirror)
{
    return mirror->in_flight == 0;
}

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
    struct mirror *mirror = calloc(1, sizeof *mirror);
    if (!mirror)
        return NULL;
    mirror->prefix_length = strlen(prefix);
    mirror->record = malloc(record_size);
    mirror->topic_size = mirror->prefix_length + ROOM_FOR_FILTERS;
    mirror->topic = malloc(mirror->topic_size);
    if (!mirror->record || !mirror->topic) {
        mirror_free(mirror);
        return NULL;
    }
    memcpy(mirror->topic, prefix, mirror->prefix_length);
    mirror->mqtt = mqtt;
    mirror->echoes = echoes;
    mirror->record_size = record_size;
    mirror->try_again_at = INT64_MAX;
    mirror->stamp.epoch = clock_unix(); /* this life of the bridge begins */
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
    free(mirror->record);
    free(mirror->topic);
    free(mirror);
}
