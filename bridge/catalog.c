/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * An entry is what should be at the broker under one path (DOMAIN/TYPE/NAME/INTERFACE), and what is:
 *
 *     should be   `seen[IPv4]` and `seen[IPv6]`: what each protocol says. An entry with neither alive
 *                 should not be there.
 *     is          `content`, fingerprint of the record last published (0: none known), and `at_broker`
 *
 * and it is in one place at a time:
 *
 *     CLEAN       both agree, as far as is known
 *     SETTLING    it changed a moment ago; Avahi reports torn states in between, so look again at `due`
 *     DIRTY       to be compared, and published if it differs; the publisher takes it from here
 *     REFUSED     the broker did not take it; to be tried again
 *     PARKED      on the network, but max_services are shown already
 *
 * What is new, and what is gone, is dirty at once: nothing is torn there. Comparing happens when the
 * publisher makes the record, so any number of changes in between costs one message, or none.
 *
 * The dirty list is a queue; a service that changes all the time cannot starve others. The settling list
 * is in order of `due`, since each wait is equally long.
 *
 * Entries are freed when they should not be at the broker, are not, and none of their messages is in
 * flight: acknowledgements carry pointers to them.
 */
#include "catalog_entry.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "log.h"
#include "topic.h"

#define SETTLE_MS 100
#define SETTLE_MAX_MS 1000 /* a device that never rests is published this often */

void catalog_move(struct catalog *catalog, struct catalog_entry *entry, enum entry_place place)
{
    if (entry->place == place)
        return;
    if (entry->place != ENTRY_CLEAN)
        DL_DELETE(catalog->lists[entry->place], entry);
    if (entry->place == ENTRY_PARKED)
        catalog->parked--;
    entry->place = place;
    if (place != ENTRY_CLEAN)
        DL_APPEND(catalog->lists[place], entry);
    if (place == ENTRY_PARKED)
        catalog->parked++;
}

bool catalog_is_alive(const struct catalog_entry *entry)
{
    for (int p = 0; p < SERVICE_PROTOCOLS; p++)
        if (entry->seen[p] && !entry->seen[p]->lost)
            return true;
    return false;
}

struct catalog_entry *catalog_find(const struct catalog *catalog, const char *path)
{
    struct catalog_entry *entry;
    HASH_FIND_STR(catalog->entries, path, entry);
    return entry;
}

struct catalog_entry *catalog_add(struct catalog *catalog, const char *path)
{
    size_t size = strlen(path) + 1;
    struct catalog_entry *entry = calloc(1, sizeof *entry + size);
    if (!entry)
        return NULL;
    memcpy(entry->path, path, size);
    HASH_ADD_KEYPTR(hh, catalog->entries, entry->path, size - 1, entry);
    return entry;
}

/* An entry that was shown is no longer: one that waits may be, in its place. */
static void unshow(struct catalog *catalog, struct catalog_entry *entry)
{
    if (!entry->shown)
        return;
    entry->shown = false;
    catalog->shown--;
    struct catalog_entry *waiting = catalog->lists[ENTRY_PARKED];
    if (!waiting)
        return;
    waiting->shown = true;
    catalog->shown++;
    catalog_move(catalog, waiting, ENTRY_DIRTY);
}

/* It is a ghost from now on, or no longer one. */
void catalog_set_ghost(struct catalog *catalog, struct catalog_entry *entry, bool ghost)
{
    if (entry->ghost == ghost)
        return;
    entry->ghost = ghost;
    if (ghost) {
        catalog->ghosts++;
        catalog->ghost_bytes += strlen(entry->path);
    } else {
        catalog->ghosts--;
        catalog->ghost_bytes -= strlen(entry->path);
    }
}

static void free_entry(struct catalog *catalog, struct catalog_entry *entry)
{
    catalog_set_ghost(catalog, entry, false);
    catalog_move(catalog, entry, ENTRY_CLEAN);
    for (int p = 0; p < SERVICE_PROTOCOLS; p++)
        free(entry->seen[p]);
    HASH_DEL(catalog->entries, entry);
    free(entry);
}

void catalog_free_if_done(struct catalog *catalog, struct catalog_entry *entry)
{
    if (!catalog_is_alive(entry) && !entry->at_broker && entry->in_flight == 0)
        free_entry(catalog, entry);
}

/* Shows an entry, or parks it. True if it is shown. */
static bool show(struct catalog *catalog, struct catalog_entry *entry)
{
    if (entry->shown)
        return true;
    if (catalog->shown < catalog->max_services) {
        entry->shown = true;
        catalog->shown++;
        return true;
    }
    if (entry->place != ENTRY_PARKED) {
        catalog->refused++;
        log_warning_once(&catalog->complained,
                         "service '%s' and maybe more: not shown, max-services (%zu) is reached",
                         entry->path, catalog->max_services);
        /* What the broker has of it from before is to be withdrawn first. */
        catalog_move(catalog, entry, entry->at_broker ? ENTRY_DIRTY : ENTRY_PARKED);
    }
    return false;
}

/* May free the entry, if it is not alive any more. */
static void changed(struct catalog *catalog, struct catalog_entry *entry, int64_t now)
{
    entry->unfit = false;
    if (!catalog_is_alive(entry)) {
        unshow(catalog, entry);
        catalog_move(catalog, entry, ENTRY_DIRTY);
        /* What comes and goes while the broker is away must not gather. */
        catalog_free_if_done(catalog, entry);
        return;
    }
    if (!show(catalog, entry) || entry->place == ENTRY_DIRTY)
        return;
    if (entry->content == 0) {
        catalog_move(catalog, entry, ENTRY_DIRTY);
        return;
    }
    if (entry->place == ENTRY_SETTLING && now + SETTLE_MS > entry->changed + SETTLE_MAX_MS)
        return;
    if (entry->place != ENTRY_SETTLING)
        entry->changed = now;
    entry->due = now + SETTLE_MS;
    catalog_move(catalog, entry,
                 ENTRY_CLEAN); /* to the end of the list, which is in order of `due` */
    catalog_move(catalog, entry, ENTRY_SETTLING);
}

void catalog_found(struct catalog *catalog, const struct mdns_event *event, int64_t now)
{
    char path[TOPIC_PATH_SIZE];
    topic_path(path, &event->id);
    struct seen *seen = seen_new(event);
    struct catalog_entry *entry = catalog_find(catalog, path);
    if (!entry)
        entry = catalog_add(catalog, path);
    if (!seen || !entry) {
        log_error("service '%s': out of memory", path);
        free(seen);
        return;
    }
    struct seen *before = entry->seen[event->protocol];
    bool same = before && !before->lost && seen_equal(before, seen);
    entry->seen[event->protocol] = seen;
    free(before);
    catalog_set_ghost(catalog, entry, false);
    if (!same)
        changed(catalog, entry, now);
}

/* Returns whether that is new. */
static bool lose(struct catalog_entry *entry, enum service_protocol protocol)
{
    struct seen *seen = entry->seen[protocol];
    if (!seen || seen->lost)
        return false;
    seen->lost = true;
    return true;
}

void catalog_lost(struct catalog *catalog, const struct mdns_event *event, int64_t now)
{
    char path[TOPIC_PATH_SIZE];
    topic_path(path, &event->id);
    struct catalog_entry *entry = catalog_find(catalog, path);
    if (entry && lose(entry, event->protocol))
        changed(catalog, entry, now);
}

void catalog_look_again(struct catalog *catalog, const char *type, const char *name)
{
    struct service_id id;
    for (struct catalog_entry *entry = catalog->entries; entry; entry = entry->hh.next)
        if (entry->place == ENTRY_CLEAN && catalog_is_alive(entry) &&
            topic_path_parse(&id, entry->path) && strcmp(id.type, type) == 0 &&
            strcmp(id.name, name) == 0)
            catalog_move(catalog, entry, ENTRY_DIRTY);
}

void catalog_doubt_all(struct catalog *catalog)
{
    for (struct catalog_entry *entry = catalog->entries; entry; entry = entry->hh.next)
        for (int p = 0; p < SERVICE_PROTOCOLS; p++)
            if (entry->seen[p])
                entry->seen[p]->doubted = true;
}

/* Known from the broker only, and nothing is on its way to change that. */
static bool is_ghost(const struct catalog_entry *entry)
{
    return entry->at_broker && !catalog_is_alive(entry) && entry->place == ENTRY_CLEAN;
}

static bool is_doubted(const struct catalog_entry *entry)
{
    for (int p = 0; p < SERVICE_PROTOCOLS; p++)
        if (entry->seen[p] && !entry->seen[p]->lost && entry->seen[p]->doubted)
            return true;
    return is_ghost(entry);
}

size_t catalog_doubted(const struct catalog *catalog)
{
    size_t count = 0;
    for (const struct catalog_entry *entry = catalog->entries; entry; entry = entry->hh.next)
        count += is_doubted(entry);
    return count;
}

void catalog_sweep(struct catalog *catalog, int64_t now)
{
    struct catalog_entry *entry, *next;
    HASH_ITER(hh, catalog->entries, entry, next)
    {
        bool lost = false;
        for (int p = 0; p < SERVICE_PROTOCOLS; p++)
            if (entry->seen[p] && entry->seen[p]->doubted)
                lost |= lose(entry, p);
        if (lost)
            changed(catalog, entry, now);
        else if (is_ghost(entry))
            catalog_move(catalog, entry, ENTRY_DIRTY);
    }
}

int64_t catalog_settle(struct catalog *catalog, int64_t now)
{
    struct catalog_entry *entry;
    while ((entry = catalog->lists[ENTRY_SETTLING])) {
        if (entry->due > now)
            return entry->due;
        catalog_move(catalog, entry, ENTRY_DIRTY);
    }
    return INT64_MAX;
}

struct catalog_entry *catalog_next_dirty(struct catalog *catalog)
{
    struct catalog_entry *entry = catalog->lists[ENTRY_DIRTY];
    if (entry)
        catalog_move(catalog, entry, ENTRY_CLEAN);
    return entry;
}

bool catalog_is_clean(const struct catalog *catalog)
{
    return !catalog->lists[ENTRY_DIRTY] && !catalog->lists[ENTRY_REFUSED];
}

bool catalog_is_settled(const struct catalog *catalog)
{
    return !catalog->lists[ENTRY_SETTLING];
}

void catalog_try_again(struct catalog *catalog)
{
    struct catalog_entry *entry;
    while ((entry = catalog->lists[ENTRY_REFUSED]))
        catalog_move(catalog, entry, ENTRY_DIRTY);
}

void catalog_refuse(struct catalog *catalog, struct catalog_entry *entry)
{
    entry->unfit = true;
    catalog->refused++;
    unshow(catalog, entry);
    catalog_move(catalog, entry, ENTRY_DIRTY);
}

struct catalog *catalog_new(size_t max_services)
{
    struct catalog *catalog = calloc(1, sizeof *catalog);
    if (catalog)
        catalog->max_services = max_services;
    return catalog;
}

void catalog_free(struct catalog *catalog)
{
    struct catalog_entry *entry, *next;
    if (!catalog)
        return;
    HASH_ITER(hh, catalog->entries, entry, next)
    {
        free_entry(catalog, entry);
    }
    free(catalog);
}

void catalog_get_counters(const struct catalog *catalog, struct catalog_counters *counters)
{
    *counters = (struct catalog_counters){
        .services = catalog->shown, .parked = catalog->parked, .refused = catalog->refused};
}
