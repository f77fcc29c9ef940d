/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * All sightings: those that browsers report are taken in as far as there is room and the filter wants them,
 * and dropped when they disappear. Each is followed by a resolver (mdns_resolver.c); those that need a new
 * one wait in a list, which resolve_run() sees to. Making and freeing a resolver are blocking round trips
 * on D-Bus, which resolve_appeared() accepts: the thread exists to be blocked.
 */
#include "mdns_resolve.h"

#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <utlist.h>

#include "log.h"
#include "mdns_resolver.h"

static struct sighting *find(struct resolve *resolve, unsigned key_length)
{
    struct sighting *sighting = NULL;
    HASH_FIND(hh, resolve->sightings, resolve->key, key_length, sighting);
    return sighting;
}

static bool is_full(const struct resolve *resolve)
{
    return HASH_COUNT(resolve->sightings) >=
           SERVICE_PROTOCOLS * mdns_filter_options(resolve->filter)->max_services;
}

static void refuse(struct resolve *resolve, const char *name, const char *type)
{
    log_warning_once(&resolve->complained_of_room,
                     "sighting '%s'.%s and maybe more: refused, max-services is reached", name,
                     type);
    resolve->refused = true;
    resolve->counters->refused++;
}

void resolve_appeared(struct resolve *resolve, AvahiIfIndex interface, AvahiProtocol protocol,
                      const char *name, const char *type, const char *domain, bool local)
{
    char interface_name[IF_NAMESIZE] = "";
    struct service_id id;
    unsigned length = sighting_make_key(resolve->key, interface, protocol, name, type, domain);
    struct sighting *known = length > 0 ? find(resolve, length) : NULL;
    if (known)
        known->doubted = false; /* a second browser tells again what the first has told */
    if (length == 0 || known)
        return;
    if (!if_indextoname((unsigned)interface, interface_name) ||
        !mdns_filter_wants_sighting(resolve->filter, interface_name,
                                    protocol == AVAHI_PROTO_INET6 ? SERVICE_IPV6 : SERVICE_IPV4,
                                    local))
        return;
    if (is_full(resolve)) {
        refuse(resolve, name, type);
        return;
    }
    struct sighting *sighting = sighting_new(resolve->key, length);
    if (!sighting)
        return;
    memcpy(sighting->interface, interface_name, sizeof sighting->interface);
    sighting->owner = resolve;
    sighting->local = local;
    sighting->state = SIGHTING_RESOLVING;
    if (!sighting_identity(sighting, &id)) {
        log_debug("sighting '%s'.%s on %s: not a name of RFC 6763; ignored", name, type,
                  interface_name);
        resolve->counters->ignored++;
        free(sighting);
        return;
    }
    HASH_ADD_KEYPTR(hh, resolve->sightings, sighting->key, sighting->key_length, sighting);
    resolve->counters->sightings = HASH_COUNT(resolve->sightings);
    resolve->pending++;
    resolver_make(resolve, sighting);
}

static void drop(struct resolve *resolve, struct sighting *sighting)
{
    resolver_lose(resolve, sighting);
    resolver_set_answered(resolve, sighting);
    if (sighting_has_retry(sighting->state))
        DL_DELETE(resolve->waiting, sighting);
    resolver_free(sighting);
    HASH_DEL(resolve->sightings, sighting);
    resolve->counters->sightings = HASH_COUNT(resolve->sightings);
    free(sighting);
}

void resolve_disappeared(struct resolve *resolve, AvahiIfIndex interface, AvahiProtocol protocol,
                         const char *name, const char *type, const char *domain)
{
    unsigned length = sighting_make_key(resolve->key, interface, protocol, name, type, domain);
    struct sighting *sighting = length > 0 ? find(resolve, length) : NULL;
    if (sighting)
        drop(resolve, sighting);
}

static bool is_of_type(const struct sighting *sighting, const char *type, const char *domain)
{
    return strcasecmp(sighting->type, type) == 0 && strcasecmp(sighting->domain, domain) == 0;
}

void resolve_doubt(struct resolve *resolve, const char *type, const char *domain)
{
    for (struct sighting *s = resolve->sightings; s; s = s->hh.next)
        if (is_of_type(s, type, domain))
            s->doubted = true;
}

void resolve_sweep(struct resolve *resolve, const char *type, const char *domain)
{
    struct sighting *sighting, *next;
    HASH_ITER(hh, resolve->sightings, sighting, next)
    {
        if (sighting->doubted && is_of_type(sighting, type, domain))
            drop(resolve, sighting);
    }
}

void resolve_set_filter(struct resolve *resolve, const struct mdns_filter *filter)
{
    struct sighting *sighting, *next;
    resolve->filter = filter;
    HASH_ITER(hh, resolve->sightings, sighting, next)
    {
        if (!mdns_filter_wants_type(filter, sighting->type, true) ||
            !mdns_filter_wants_domain(filter, sighting->domain) ||
            !resolver_is_wanted(resolve, sighting))
            drop(resolve, sighting);
    }
}

bool resolve_follows_type(const struct resolve *resolve, const char *type, const char *domain)
{
    for (const struct sighting *s = resolve->sightings; s; s = s->hh.next)
        if (is_of_type(s, type, domain))
            return true;
    return false;
}

unsigned resolve_pending(const struct resolve *resolve)
{
    return resolve->pending;
}

bool resolve_has_room_again(struct resolve *resolve)
{
    /* A tenth of it free, so that one service that comes and goes does not start it each time. */
    size_t bound = SERVICE_PROTOCOLS * mdns_filter_options(resolve->filter)->max_services;
    if (!resolve->refused || HASH_COUNT(resolve->sightings) > bound - (bound + 9) / 10)
        return false;
    resolve->refused = false;
    return true;
}

int64_t resolve_run(struct resolve *resolve, int64_t now)
{
    int64_t next_at = INT64_MAX;
    struct sighting *sighting, *next;
    DL_FOREACH_SAFE(resolve->waiting, sighting, next)
    {
        if (resolve->clients->state != MDNS_CLIENTS_UP)
            break;
        if (sighting->retry_at <= now)
            resolver_make(resolve, sighting);
        if (sighting_has_retry(sighting->state) && sighting->retry_at < next_at)
            next_at = sighting->retry_at;
    }
    return next_at;
}

struct resolve *resolve_new(struct mdns_clients *clients, const struct mdns_filter *filter,
                            struct resolve_counters *counters, resolve_emit_func *emit_func,
                            void *context)
{
    struct resolve *resolve = calloc(1, sizeof *resolve);
    if (!resolve)
        return NULL;
    resolve->clients = clients;
    resolve->filter = filter;
    resolve->counters = counters;
    resolve->emit = emit_func;
    resolve->context = context;
    return resolve;
}

void resolve_forget(struct resolve *resolve)
{
    struct sighting *sighting, *next;
    HASH_ITER(hh, resolve->sightings, sighting, next)
    {
        HASH_DEL(resolve->sightings, sighting);
        free(sighting);
    }
    resolve->waiting = NULL;
    resolve->pending = 0;
    resolve->refused = false;
    resolve->counters->sightings = 0;
}

void resolve_free(struct resolve *resolve)
{
    if (!resolve)
        return;
    resolve_forget(resolve);
    free(resolve);
}
