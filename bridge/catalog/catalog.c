/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * An entry is a service on one interface: what each protocol says of it (`seen`), and in which place it is:
 *
 *     STEADY      whoever publishes has been told what is known, or that it is gone
 *     SETTLING    it changed a moment ago; Avahi reports torn states in between, so that is said at `due`
 *     PARKED      on the network, but max_services are shown already
 *
 * What is new, and what is gone, is said at once: nothing is torn there. The settling list is in order of `due`,
 * since each wait is equally long.
 *
 * An entry that is gone is kept until it is released: its last record tells the last known values.
 */
#include "catalog.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <uthash.h>
#include <utlist.h>

#include "log.h"
#include "seen.h"
#include "topic.h"

#define SETTLE_MS 100
#define SETTLE_MAX_MS 1000 /* a device that never rests is published this often */

enum entry_place { ENTRY_STEADY, ENTRY_SETTLING, ENTRY_PARKED };

struct catalog_entry {
    UT_hash_handle hh;
    struct catalog_entry *prev, *next; /* in the list of its place, where it has one */
    struct seen *seen[SERVICE_PROTOCOLS];
    int64_t due, changed; /* in SETTLING: when to say so, and since when it waits */
    enum entry_place place;
    bool shown; /* counts against max_services */
    bool unfit; /* no record can be made of it as it is */
    char path[];
};

struct catalog {
    struct catalog_outlets outlets;
    struct catalog_entry *entries; /* hash, by path */
    struct catalog_entry *lists[ENTRY_PARKED + 1];
    size_t max_services, shown, parked;
    bool complained;
    uint64_t refused;
};

static void move(struct catalog *catalog, struct catalog_entry *entry, enum entry_place place)
{
    if (entry->place == place)
        return;
    if (entry->place != ENTRY_STEADY)
        DL_DELETE(catalog->lists[entry->place], entry);
    catalog->parked += (place == ENTRY_PARKED);
    catalog->parked -= (entry->place == ENTRY_PARKED);
    entry->place = place;
    if (place != ENTRY_STEADY)
        DL_APPEND(catalog->lists[place], entry);
}

static bool is_alive(const struct catalog_entry *entry)
{
    for (int p = 0; p < SERVICE_PROTOCOLS; p++)
        if (entry->seen[p] && !entry->seen[p]->lost)
            return true;
    return false;
}

static struct catalog_entry *find(const struct catalog *catalog, const char *path)
{
    struct catalog_entry *entry;
    HASH_FIND_STR(catalog->entries, path, entry);
    return entry;
}

static struct catalog_entry *add(struct catalog *catalog, const char *path)
{
    size_t size = strlen(path) + 1;
    struct catalog_entry *entry = calloc(1, sizeof *entry + size);
    if (!entry)
        return NULL;
    memcpy(entry->path, path, size);
    HASH_ADD_KEYPTR(hh, catalog->entries, entry->path, size - 1, entry);
    return entry;
}

static void say_changed(struct catalog *catalog, struct catalog_entry *entry)
{
    move(catalog, entry, ENTRY_STEADY);
    catalog->outlets.changed(catalog->outlets.context, entry->path, entry);
}

static void show(struct catalog *catalog, struct catalog_entry *entry)
{
    entry->shown = true;
    catalog->shown++;
}

/* An entry that was shown is no longer: one that waits may be, in its place. */
static void unshow(struct catalog *catalog, struct catalog_entry *entry)
{
    struct catalog_entry *waiting = catalog->lists[ENTRY_PARKED];
    if (!entry->shown)
        return;
    entry->shown = false;
    catalog->shown--;
    if (!waiting)
        return;
    show(catalog, waiting);
    say_changed(catalog, waiting);
}

static void free_entry(struct catalog *catalog, struct catalog_entry *entry)
{
    move(catalog, entry, ENTRY_STEADY);
    for (int p = 0; p < SERVICE_PROTOCOLS; p++)
        free(entry->seen[p]);
    HASH_DEL(catalog->entries, entry);
    free(entry);
}

void catalog_released(struct catalog *catalog, struct catalog_entry *entry)
{
    if (!is_alive(entry))
        free_entry(catalog, entry);
}

static void park(struct catalog *catalog, struct catalog_entry *entry)
{
    catalog->refused++;
    log_warning_once(&catalog->complained,
                     "service '%s' and maybe more: not shown, max-services (%zu) is reached",
                     entry->path, catalog->max_services);
    move(catalog, entry, ENTRY_PARKED);
    /* The broker may have a record of it from before. */
    catalog->outlets.gone(catalog->outlets.context, entry->path, entry);
}

static void settle_later(struct catalog *catalog, struct catalog_entry *entry, int64_t now)
{
    if (entry->place == ENTRY_SETTLING && now + SETTLE_MS > entry->changed + SETTLE_MAX_MS)
        return;
    if (entry->place != ENTRY_SETTLING)
        entry->changed = now;
    entry->due = now + SETTLE_MS;
    move(catalog, entry, ENTRY_STEADY); /* to the end of the list, which is in order of `due` */
    move(catalog, entry, ENTRY_SETTLING);
}

/* What is seen of it is something else now. `was_alive`: before that. May free the entry. */
static void changed(struct catalog *catalog, struct catalog_entry *entry, bool was_alive,
                    int64_t now)
{
    bool was_shown = entry->shown && was_alive && !entry->unfit;
    entry->unfit = false;
    if (!is_alive(entry)) {
        unshow(catalog, entry);
        move(catalog, entry, ENTRY_STEADY);
        catalog->outlets.gone(catalog->outlets.context, entry->path, entry);
        return;
    }
    if (!entry->shown && entry->place != ENTRY_PARKED) {
        if (catalog->shown == catalog->max_services) {
            park(catalog, entry);
            return;
        }
        show(catalog, entry);
    }
    if (entry->place == ENTRY_PARKED)
        return;
    if (was_shown)
        settle_later(catalog, entry, now);
    else
        say_changed(catalog, entry);
}

void catalog_found(struct catalog *catalog, const struct mdns_event *event, int64_t now)
{
    char path[TOPIC_PATH_SIZE];
    topic_path(path, &event->id);
    struct seen *seen = seen_new(event);
    struct catalog_entry *entry = find(catalog, path);
    if (!entry)
        entry = add(catalog, path);
    if (!seen || !entry) {
        log_error("service '%s': out of memory", path);
        free(seen);
        return;
    }
    struct seen *before = entry->seen[event->protocol];
    bool was_alive = is_alive(entry);
    bool same = before && !before->lost && seen_equal(before, seen);
    entry->seen[event->protocol] = seen;
    free(before);
    if (!same)
        changed(catalog, entry, was_alive, now);
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
    struct catalog_entry *entry = find(catalog, path);
    if (entry && lose(entry, event->protocol))
        changed(catalog, entry, true, now);
}

void catalog_look_again(struct catalog *catalog, const char *type, const char *name)
{
    struct service_id id;
    for (struct catalog_entry *entry = catalog->entries; entry; entry = entry->hh.next)
        if (entry->place == ENTRY_STEADY && is_alive(entry) && topic_path_parse(&id, entry->path) &&
            strcasecmp(id.type, type) == 0 && strcasecmp(id.name, name) == 0)
            catalog->outlets.changed(catalog->outlets.context, entry->path, entry);
}

void catalog_all_is_stale(struct catalog *catalog)
{
    for (struct catalog_entry *entry = catalog->entries; entry; entry = entry->hh.next)
        for (int p = 0; p < SERVICE_PROTOCOLS; p++)
            if (entry->seen[p])
                entry->seen[p]->stale = true;
}

size_t catalog_stale(const struct catalog *catalog)
{
    size_t count = 0;
    for (const struct catalog_entry *entry = catalog->entries; entry; entry = entry->hh.next) {
        bool stale = false;
        for (int p = 0; p < SERVICE_PROTOCOLS; p++)
            stale |= entry->seen[p] && !entry->seen[p]->lost && entry->seen[p]->stale;
        count += stale;
    }
    return count;
}

void catalog_sweep(struct catalog *catalog, int64_t now)
{
    struct catalog_entry *entry, *next;
    HASH_ITER(hh, catalog->entries, entry, next)
    {
        bool lost = false;
        for (int p = 0; p < SERVICE_PROTOCOLS; p++)
            if (entry->seen[p] && entry->seen[p]->stale)
                lost |= lose(entry, p);
        if (lost)
            changed(catalog, entry, true, now);
    }
}

int64_t catalog_settle(struct catalog *catalog, int64_t now)
{
    struct catalog_entry *entry;
    while ((entry = catalog->lists[ENTRY_SETTLING])) {
        if (entry->due > now)
            return entry->due;
        say_changed(catalog, entry);
    }
    return INT64_MAX;
}

bool catalog_is_settled(const struct catalog *catalog)
{
    return !catalog->lists[ENTRY_SETTLING];
}

/* Host, port and TXT data are IPv4's where both are there: one device says the same over both. */
bool catalog_entry_service(const struct catalog_entry *entry, struct service_id *id,
                           struct service *service)
{
    bool alive = is_alive(entry);
    bool up = alive && entry->shown && !entry->unfit;
    *service = (struct service){.id = id, .host = ""};
    if (!topic_path_parse(id, entry->path))
        *id = (struct service_id){0};
    for (int p = SERVICE_PROTOCOLS - 1; p >= 0; p--) {
        const struct seen *seen = entry->seen[p];
        if (!seen || (alive && seen->lost))
            continue;
        service->seen[p] = up && !seen->lost;
        service->addresses[p] = seen_address(seen);
        service->host = seen_host(seen);
        service->port = seen->port;
        service->txt = seen_txt(seen);
        service->txt_length = seen->txt_length;
        service->txt_omitted = seen->txt_omitted;
        service->local |= seen->local;
    }
    return up;
}

void catalog_refuse(struct catalog *catalog, struct catalog_entry *entry)
{
    entry->unfit = true;
    catalog->refused++;
    unshow(catalog, entry);
}

struct catalog *catalog_new(size_t max_services, const struct catalog_outlets *outlets)
{
    struct catalog *catalog = calloc(1, sizeof *catalog);
    if (!catalog)
        return NULL;
    catalog->max_services = max_services;
    catalog->outlets = *outlets;
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
