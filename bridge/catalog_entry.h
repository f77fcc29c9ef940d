/* SPDX-License-Identifier: MIT */
/*
 * The catalog's inside, for its own files only: catalog.c (what the network says), catalog_broker.c (what
 * the broker has), catalog_seen.c (what one protocol says of a service).
 */
#ifndef BRIDGE_CATALOG_ENTRY_H
#define BRIDGE_CATALOG_ENTRY_H

#include <uthash.h>

#include "catalog.h"

/* What one protocol says of a service. One block: host, address and TXT data behind each other. */
struct seen {
    bool lost;    /* no longer there; kept for the last record */
    bool doubted; /* not told again since Avahi came back */
    bool local;
    uint16_t port;
    unsigned txt_omitted;
    size_t txt_length, host_size, address_size;
    char bytes[];
};

enum entry_place { ENTRY_CLEAN, ENTRY_SETTLING, ENTRY_DIRTY, ENTRY_REFUSED, ENTRY_PARKED };

struct catalog_entry {
    UT_hash_handle hh;
    struct catalog_entry *prev, *next;
    struct seen *seen[SERVICE_PROTOCOLS];
    uint64_t content, digest; /* of what was last published; 0: not known */
    int64_t due, changed;     /* in SETTLING: when to look, and since when it waits */
    unsigned in_flight;
    unsigned pass;
    enum entry_place place;
    bool shown;     /* counts against max_services */
    bool at_broker; /* may be there */
    bool taken;     /* the broker has had a record of it; else it only refused some */
    bool ghost;     /* came from the broker and was not seen on the network yet */
    bool unfit;     /* no record can be made of it as it is */
    char path[];
};

struct catalog {
    struct catalog_entry *entries; /* hash, by path */
    struct catalog_entry *lists[ENTRY_PARKED + 1];
    size_t max_services, shown, parked;
    size_t ghosts, ghost_bytes; /* entries that are ghosts, and their paths */
    unsigned pass;
    bool complained;
    uint64_t refused;
};

/* catalog_seen.c: a copy of what a FOUND event says, to be freed with free(); NULL if memory is short. */
struct seen *seen_new(const struct mdns_event *event);
bool seen_equal(const struct seen *a, const struct seen *b);
const char *seen_host(const struct seen *seen);
const char *seen_address(const struct seen *seen);
const uint8_t *seen_txt(const struct seen *seen);

/* catalog.c: moves an entry from the list that it is in to another one, or to none (CLEAN). */
void catalog_move(struct catalog *catalog, struct catalog_entry *entry, enum entry_place place);

/* Is it on the network, over whichever protocol? */
bool catalog_is_alive(const struct catalog_entry *entry);

/* By path; find: NULL if there is none, add: NULL if memory is short. */
struct catalog_entry *catalog_find(const struct catalog *catalog, const char *path);
struct catalog_entry *catalog_add(struct catalog *catalog, const char *path);

/* catalog.c: it is a ghost from now on, or no longer one. */
void catalog_set_ghost(struct catalog *catalog, struct catalog_entry *entry, bool ghost);

/* Frees an entry that nobody needs any more: neither network nor broker, nor a message in flight. */
void catalog_free_if_done(struct catalog *catalog, struct catalog_entry *entry);

#endif
