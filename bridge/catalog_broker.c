/* SPDX-License-Identifier: MIT */
/*
 * What the broker has of each entry: as far as it was published, acknowledged, or read back.
 *
 * Reading back the broker's tree is a mark-and-sweep in passes. Each entry remembers in which pass the
 * broker was last known to have its record, because it was read back, published or acknowledged.
 */
#include "catalog_entry.h"

#include <stdlib.h>
#include <string.h>

#include "topic.h"

#define GHOSTS_MIN 1024
#define GHOST_BYTES_MAX (4 * 1024 * 1024)

void catalog_read_begin(struct catalog *catalog)
{
    catalog->pass++;
}

/*
 * As many again as may be shown, since a former life with the same bound left no more; whatever the
 * network has does not count. And no more than a little memory, as a path may have 64 KiB.
 */
static bool has_room_for_ghost(const struct catalog *catalog, size_t length)
{
    size_t most = 2 * catalog->max_services;
    return catalog->ghosts < (most > GHOSTS_MIN ? most : GHOSTS_MIN) &&
           (catalog->ghosts == 0 || catalog->ghost_bytes + length < GHOST_BYTES_MAX);
}

bool catalog_read_back(struct catalog *catalog, const char *path, uint64_t digest)
{
    struct catalog_entry *entry = catalog_find(catalog, path);
    if (!entry) {
        if (!has_room_for_ghost(catalog, strlen(path)) || !(entry = catalog_add(catalog, path)))
            return false;
        catalog_set_ghost(catalog, entry, true);
        entry->pass = catalog->pass;
        entry->at_broker = entry->taken = true;
        return true;
    }
    if (entry->pass == catalog->pass || entry->in_flight > 0)
        return true; /* ours is newer: this was retained before it */
    entry->pass = catalog->pass;
    entry->at_broker = entry->taken = true;
    if (entry->digest != digest) {
        entry->content = 0;
        if (catalog_is_alive(entry))
            catalog_move(catalog, entry, ENTRY_DIRTY);
    }
    return true;
}

size_t catalog_read_end(struct catalog *catalog, bool mend)
{
    size_t missing = 0;
    for (struct catalog_entry *entry = catalog->entries; entry; entry = entry->hh.next) {
        if (entry->content == 0 || !entry->shown || entry->pass == catalog->pass ||
            entry->in_flight > 0)
            continue;
        missing++;
        if (!mend)
            continue;
        entry->content = 0;
        catalog_move(catalog, entry, ENTRY_DIRTY);
    }
    return missing;
}

const char *catalog_entry_path(const struct catalog_entry *entry)
{
    return entry->path;
}

/* Host, port and TXT data are IPv4's where both are there: one device says the same over both. */
bool catalog_entry_service(const struct catalog_entry *entry, struct service_id *id,
                           struct service *service)
{
    bool alive = catalog_is_alive(entry);
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

bool catalog_entry_is_at_broker(const struct catalog_entry *entry)
{
    return entry->at_broker;
}

uint64_t catalog_entry_content(const struct catalog_entry *entry)
{
    return entry->content;
}

void catalog_published(struct catalog *catalog, struct catalog_entry *entry, uint64_t content,
                       uint64_t digest)
{
    entry->content = content;
    entry->digest = digest;
    entry->at_broker = true;
    entry->in_flight++;
    entry->pass = catalog->pass;
    for (int p = 0; p < SERVICE_PROTOCOLS; p++) {
        if (entry->seen[p] && entry->seen[p]->lost) {
            free(entry->seen[p]);
            entry->seen[p] = NULL;
        }
    }
}

void catalog_withdrawn(struct catalog *catalog, struct catalog_entry *entry, unsigned messages)
{
    entry->content = entry->digest = 0;
    entry->at_broker = false;
    entry->in_flight += messages;
    entry->pass = catalog->pass;
    if (catalog_is_alive(entry) && !entry->shown && !entry->unfit)
        catalog_move(catalog, entry, ENTRY_PARKED);
    catalog_free_if_done(catalog, entry);
}

/*
 * One that is on the network is compared with what is read back, which finds whatever the broker has
 * instead. One that has gone is withdrawn once more.
 */
void catalog_flight_lost(struct catalog *catalog, struct catalog_entry *entry)
{
    entry->in_flight--;
    entry->at_broker = true;
    if (entry->place == ENTRY_CLEAN && !catalog_is_alive(entry))
        catalog_move(catalog, entry, ENTRY_DIRTY);
}

void catalog_acknowledged(struct catalog *catalog, struct catalog_entry *entry)
{
    entry->in_flight--;
    entry->pass = catalog->pass;
    entry->taken = true;
    if (entry->place == ENTRY_CLEAN)
        catalog_free_if_done(catalog, entry);
}

/* A withdrawal that is refused leaves the record there; a record that is refused was never there. */
void catalog_message_refused(struct catalog *catalog, struct catalog_entry *entry)
{
    entry->in_flight--;
    entry->content = entry->digest = 0;
    entry->at_broker = entry->taken;
    bool is_due = entry->at_broker || (entry->shown && !entry->unfit);
    if (is_due && (entry->place == ENTRY_CLEAN || entry->place == ENTRY_PARKED))
        catalog_move(catalog, entry, ENTRY_REFUSED);
    catalog_free_if_done(catalog, entry);
}
