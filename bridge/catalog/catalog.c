/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * An entry is a service on one interface: what each protocol says of it (`seen`), and the place that follows from
 * that. What is new, and what is gone, is said at once: nothing is torn there. A change in between has to settle,
 * since Avahi reports torn states; that list is in order of `due`, as each wait is equally long.
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
#include "topic.h"

#define SETTLE_MS 100
#define SETTLE_MAX_MS 1000 /* a device that never rests is published this often */

enum entry_place {
    ENTRY_GONE,     /* no protocol sees it (any more) */
    ENTRY_PARKED,   /* on the network, but max_services are shown already */
    ENTRY_UNFIT,    /* on the network, but no record can be made of it before it changes */
    ENTRY_SHOWN,    /* whoever publishes has been told all that is known */
    ENTRY_SETTLING, /* shown, and changed a moment ago: that is said at `due` */
    ENTRY_PLACES,
};

/* What one protocol says of a service: one block, sized to its content, since there are thousands. */
struct seen {
    bool lost;     /* no longer there; kept for the last record */
    unsigned life; /* of Avahi, in which it was seen */
    bool local;
    uint16_t port;
    uint16_t host_size, address_size, txt_length; /* SERVICE_HOST_MAX, SERVICE_TXT_MAX and less */
    unsigned txt_omitted;
    char bytes[]; /* host and address, each with its NUL, and TXT data */
};

struct catalog_entry {
    UT_hash_handle hh;
    struct catalog_entry *prev, *next; /* in the list of its place */
    struct seen *seen[SERVICE_PROTOCOLS];
    int64_t due, changed; /* in SETTLING: when to say so, and since when it waits */
    enum entry_place place;
    char path[];
};

struct catalog {
    struct catalog_outlets outlets;
    struct catalog_entry *entries; /* hash, by path */
    struct catalog_entry *lists[ENTRY_PLACES];
    size_t counts[ENTRY_PLACES]; /* how long the lists are */
    size_t max_services;
    unsigned life; /* of Avahi; what is of a former one is stale */
    bool complained;
    uint64_t refused;
};

/* ---- What one protocol says ---- */

static struct seen *seen_new(const struct mdns_event *event)
{
    size_t host_size = strlen(event->host) + 1, address_size = strlen(event->address) + 1;
    struct seen *seen = malloc(sizeof *seen + host_size + address_size + event->txt_length);
    if (!seen)
        return NULL;
    *seen = (struct seen){.local = event->local,
                          .port = event->port,
                          .txt_omitted = event->txt_omitted,
                          .txt_length = (uint16_t)event->txt_length,
                          .host_size = (uint16_t)host_size,
                          .address_size = (uint16_t)address_size};
    memcpy(seen->bytes, event->host, host_size);
    memcpy(seen->bytes + host_size, event->address, address_size);
    memcpy(seen->bytes + host_size + address_size, event->txt, event->txt_length);
    return seen;
}

static bool seen_equal(const struct seen *a, const struct seen *b)
{
    return a->local == b->local && a->port == b->port && a->txt_omitted == b->txt_omitted &&
           a->txt_length == b->txt_length && a->host_size == b->host_size &&
           a->address_size == b->address_size &&
           memcmp(a->bytes, b->bytes, (size_t)a->host_size + a->address_size + a->txt_length) == 0;
}

static bool is_there(const struct seen *seen)
{
    return seen && !seen->lost;
}

/* ---- Entries ---- */

static void enter(struct catalog *catalog, struct catalog_entry *entry, enum entry_place place)
{
    entry->place = place;
    DL_APPEND(catalog->lists[place], entry);
    catalog->counts[place]++;
}

static void leave(struct catalog *catalog, struct catalog_entry *entry)
{
    DL_DELETE(catalog->lists[entry->place], entry);
    catalog->counts[entry->place]--;
}

/* To the end of that list, even if it is there already. */
static void move(struct catalog *catalog, struct catalog_entry *entry, enum entry_place place)
{
    leave(catalog, entry);
    enter(catalog, entry, place);
}

static size_t count_shown(const struct catalog *catalog)
{
    return catalog->counts[ENTRY_SHOWN] + catalog->counts[ENTRY_SETTLING];
}

static bool is_shown(const struct catalog_entry *entry)
{
    return entry->place == ENTRY_SHOWN || entry->place == ENTRY_SETTLING;
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
    enter(catalog, entry, ENTRY_GONE);
    return entry;
}

static void free_entry(struct catalog *catalog, struct catalog_entry *entry)
{
    leave(catalog, entry);
    for (int p = 0; p < SERVICE_PROTOCOLS; p++)
        free(entry->seen[p]);
    HASH_DEL(catalog->entries, entry);
    free(entry);
}

void catalog_released(struct catalog *catalog, struct catalog_entry *entry)
{
    if (entry->place == ENTRY_GONE)
        free_entry(catalog, entry);
}

/* ---- Places ---- */

static void show(struct catalog *catalog, struct catalog_entry *entry)
{
    move(catalog, entry, ENTRY_SHOWN);
    catalog->outlets.changed(catalog->outlets.context, entry->path, entry);
}

/* No longer to be shown; where it was, one that waits may be, in its place. */
static void hide(struct catalog *catalog, struct catalog_entry *entry, enum entry_place place)
{
    bool makes_room = is_shown(entry);
    move(catalog, entry, place);
    if (makes_room && catalog->lists[ENTRY_PARKED])
        show(catalog, catalog->lists[ENTRY_PARKED]);
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
    if (entry->place != ENTRY_SETTLING)
        entry->changed = now;
    else if (now + SETTLE_MS > entry->changed + SETTLE_MAX_MS)
        return;
    entry->due = now + SETTLE_MS;
    move(catalog, entry, ENTRY_SETTLING);
}

/* What is seen of it is something else now. May free the entry. */
static void changed(struct catalog *catalog, struct catalog_entry *entry, int64_t now)
{
    bool is_alive = false;
    for (int p = 0; p < SERVICE_PROTOCOLS; p++)
        is_alive |= is_there(entry->seen[p]);
    if (!is_alive) {
        hide(catalog, entry, ENTRY_GONE);
        catalog->outlets.gone(catalog->outlets.context, entry->path, entry);
        return;
    }
    switch (entry->place) {
    case ENTRY_GONE:
    case ENTRY_UNFIT:
        if (count_shown(catalog) == catalog->max_services)
            park(catalog, entry);
        else
            show(catalog, entry);
        break;
    case ENTRY_SHOWN:
    case ENTRY_SETTLING:
        settle_later(catalog, entry, now);
        break;
    case ENTRY_PARKED:
    case ENTRY_PLACES:
        break;
    }
}

/* ---- What the network says ---- */

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
    seen->life = catalog->life;
    struct seen *before = entry->seen[event->protocol];
    bool same = is_there(before) && seen_equal(before, seen);
    entry->seen[event->protocol] = seen;
    free(before);
    if (!same)
        changed(catalog, entry, now);
}

void catalog_lost(struct catalog *catalog, const struct mdns_event *event, int64_t now)
{
    char path[TOPIC_PATH_SIZE];
    topic_path(path, &event->id);
    struct catalog_entry *entry = find(catalog, path);
    if (!entry || !is_there(entry->seen[event->protocol]))
        return;
    entry->seen[event->protocol]->lost = true;
    changed(catalog, entry, now);
}

void catalog_look_again(struct catalog *catalog, const char *type, const char *name)
{
    struct service_id id;
    struct catalog_entry *entry;
    DL_FOREACH(catalog->lists[ENTRY_SHOWN], entry)
    {
        if (topic_path_parse(&id, entry->path) && strcasecmp(id.type, type) == 0 &&
            strcasecmp(id.name, name) == 0)
            catalog->outlets.changed(catalog->outlets.context, entry->path, entry);
    }
}

void catalog_all_is_stale(struct catalog *catalog)
{
    catalog->life++;
}

static bool is_stale(const struct catalog *catalog, const struct seen *seen)
{
    return is_there(seen) && seen->life != catalog->life;
}

size_t catalog_stale(const struct catalog *catalog)
{
    size_t count = 0;
    for (const struct catalog_entry *entry = catalog->entries; entry; entry = entry->hh.next)
        count += is_stale(catalog, entry->seen[SERVICE_IPV4]) ||
                 is_stale(catalog, entry->seen[SERVICE_IPV6]);
    return count;
}

void catalog_sweep(struct catalog *catalog, int64_t now)
{
    struct catalog_entry *entry, *next;
    HASH_ITER(hh, catalog->entries, entry, next)
    {
        bool lost = false;
        for (int p = 0; p < SERVICE_PROTOCOLS; p++)
            if (is_stale(catalog, entry->seen[p]))
                lost = entry->seen[p]->lost = true;
        if (lost)
            changed(catalog, entry, now);
    }
}

int64_t catalog_settle(struct catalog *catalog, int64_t now)
{
    struct catalog_entry *entry;
    while ((entry = catalog->lists[ENTRY_SETTLING])) {
        if (entry->due > now)
            return entry->due;
        show(catalog, entry);
    }
    return INT64_MAX;
}

bool catalog_is_settled(const struct catalog *catalog)
{
    return !catalog->lists[ENTRY_SETTLING];
}

/* ---- What is known ---- */

/* Host, port and TXT data are IPv4's where both are there: one device says the same over both. */
bool catalog_entry_service(const struct catalog_entry *entry, struct service_id *id,
                           struct service *service)
{
    bool up = is_shown(entry);
    *service = (struct service){.id = id, .host = ""};
    if (!topic_path_parse(id, entry->path))
        *id = (struct service_id){0};
    for (int p = SERVICE_PROTOCOLS - 1; p >= 0; p--) {
        const struct seen *seen = entry->seen[p];
        if (!seen || (entry->place != ENTRY_GONE && seen->lost))
            continue;
        service->seen[p] = up;
        service->host = seen->bytes;
        service->addresses[p] = seen->bytes + seen->host_size;
        service->txt = (const uint8_t *)seen->bytes + seen->host_size + seen->address_size;
        service->txt_length = seen->txt_length;
        service->txt_omitted = seen->txt_omitted;
        service->port = seen->port;
        service->local |= seen->local;
    }
    return up;
}

void catalog_refuse(struct catalog *catalog, struct catalog_entry *entry)
{
    catalog->refused++;
    hide(catalog, entry, ENTRY_UNFIT);
}

void catalog_get_counters(const struct catalog *catalog, struct catalog_counters *counters)
{
    *counters = (struct catalog_counters){.services = count_shown(catalog),
                                          .parked = catalog->counts[ENTRY_PARKED],
                                          .refused = catalog->refused};
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
