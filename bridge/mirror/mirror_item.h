/* SPDX-License-Identifier: MIT */
/*
 * The inside of mirror.h, for its own files only: mirror.c (what is to be there, and its way to the broker),
 * mirror_read.c (what the broker really has).
 */
#ifndef BRIDGE_MIRROR_ITEM_H
#define BRIDGE_MIRROR_ITEM_H

#include <uthash.h>

#include "mirror.h"

/*
 * Unacknowledged messages at a time, of a record's size each. Mosquitto lets 20 be in flight; some more keep
 * it busy while the acknowledgements come. The bridge's own two records have places of their own.
 */
#define MIRROR_WINDOW 64
#define MIRROR_FLIGHTS_MAX (MIRROR_WINDOW + 2)

/* Requests that wait for their clearing, or the echo of it, and the bytes of their topics. */
#define MIRROR_CLEARS_MAX 4096
#define MIRROR_CLEAR_BYTES_MAX (1024 * 1024)

enum item_place {
    ITEM_IN_LINE, /* the broker has what it is to have, as far as is known */
    ITEM_DIRTY,   /* to be compared, and published if it differs */
    ITEM_FLYING,  /* a message is under way */
    ITEM_CHANGED, /* the same, and it is dirty when that has arrived */
    ITEM_REFUSED, /* the broker did not take it; to be tried again */
    ITEM_ECHOING, /* a request is cleared, and nothing is left to do but to know the echo of that */
};

struct mirror_item {
    UT_hash_handle hh;               /* mirror::items, by topic */
    struct mirror_item *prev, *next; /* in the list of its place, where it has one */
    void *subject;                   /* who says what is to be there; NULL: nobody */
    uint64_t content;        /* fingerprint of what the broker has been given; 0: nothing known */
    unsigned pass;           /* reading in which the broker was last known to have it */
    unsigned char folder;    /* enum mirror_folder */
    unsigned char place;     /* enum item_place; item_move() changes it */
    unsigned char in_flight; /* messages */
    unsigned char echoes;    /* that are to come */
    bool known;              /* the broker may hold something */
    bool taken;              /* the broker has held something; else it has only refused */
    char topic[];
};

struct flight {
    int message_id;
    struct mirror_item *item;
};

enum mirror_reading { MIRROR_NOT_READING, MIRROR_READING, MIRROR_CHECKING };

struct mirror {
    struct mqtt *mqtt;
    struct mirror_source sources[MIRROR_FOLDERS];
    struct mirror_item *items;
    struct mirror_item *dirty[MIRROR_FOLDERS], *refused, *echoing;
    size_t not_in_line[MIRROR_FOLDERS];
    unsigned turn;             /* the folder that was served last */
    struct record_stamp stamp; /* of the last record published */
    struct flight flights[MIRROR_FLIGHTS_MAX];
    unsigned in_flight;
    unsigned char refusals; /* in a row, for the back-off */
    int64_t try_again_at;   /* INT64_MAX: nothing is refused */
    bool complained;        /* that the broker refuses */
    bool echoes;
    enum mirror_reading reading;
    unsigned pass;
    size_t ghosts, ghost_bytes; /* items of the broker alone, and their topics */
    size_t clears, clear_bytes; /* the same of MIRROR_REQUESTS */
    size_t unread, unseen;
    int64_t check_end_at;
    struct mirror_counters counters;
    size_t record_size, prefix_length;
    uint8_t *record; /* of the present message */
    char *topic;     /* the last one of mirror_topic(); the prefix stays */
    size_t topic_size;
};

/* mirror.c: PREFIX, a parent such as "/service/", and a path; valid until the next call. NULL: no memory. */
const char *mirror_topic(struct mirror *mirror, const char *parent, const char *path);

/* mirror.c: by folder and path. NULL: there is none, or, with `add`, no memory. */
struct mirror_item *mirror_find(struct mirror *mirror, enum mirror_folder folder, const char *path,
                                bool add);

/* mirror.c: by topic. */
struct mirror_item *mirror_find_topic(const struct mirror *mirror, const char *topic);
struct mirror_item *mirror_add_topic(struct mirror *mirror, enum mirror_folder folder,
                                     const char *topic);

/* mirror.c: the one place that changes `place`. */
void item_move(struct mirror *mirror, struct mirror_item *item, enum item_place place);

/* mirror.c: nobody wants anything there, and the broker has nothing. */
void item_free(struct mirror *mirror, struct mirror_item *item);

/* mirror.c: what follows PREFIX/FOLDER/ in its topic. */
const char *item_path(const struct mirror *mirror, const struct mirror_item *item);

/* mirror.c: "/service/" and the like. */
const char *mirror_parent(enum mirror_folder folder);

/* Known from the broker only, and left alone until the network has had its say. */
static inline bool item_is_ghost(const struct mirror_item *item)
{
    return !item->subject && item->folder != MIRROR_REQUESTS;
}

#endif
