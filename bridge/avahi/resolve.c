/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * All instances: those that browsers report are taken in as far as there is room and the filter wants them,
 * and dropped when they disappear. Each is followed by a resolver (resolver.c); those that need a new
 * one wait in a list, which resolve_run() sees to. Making and freeing a resolver are blocking round trips
 * on D-Bus, which resolve_appeared() accepts: the thread exists to be blocked.
 */
#include "resolve.h"

#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <utlist.h>

#include "log.h"
#include "resolver.h"

static struct instance *find(struct resolve *resolve, unsigned key_length)
{
    struct instance *instance = NULL;
    HASH_FIND(hh, resolve->instances, resolve->key, key_length, instance);
    return instance;
}

static bool is_full(const struct resolve *resolve)
{
    return HASH_COUNT(resolve->instances) >=
           SERVICE_PROTOCOLS * filter_options(resolve->filter)->max_services;
}

static void refuse(struct resolve *resolve, const char *name, const char *type)
{
    log_warning_once(&resolve->complained_of_room,
                     "instance '%s'.%s and maybe more: refused, max-services is reached", name,
                     type);
    resolve->refused = true;
    resolve->counters->refused++;
}

void resolve_appeared(struct resolve *resolve, AvahiIfIndex interface, AvahiProtocol protocol,
                      const char *name, const char *type, const char *domain, bool local)
{
    char interface_name[IF_NAMESIZE] = "";
    struct service_id id;
    unsigned length = instance_make_key(resolve->key, interface, protocol, name, type, domain);
    struct instance *known = length > 0 ? find(resolve, length) : NULL;
    if (known)
        known->stale = false; /* a second browser reports again what the first has reported */
    if (length == 0 || known)
        return;
    if (!if_indextoname((unsigned)interface, interface_name) ||
        !filter_wants_instance(resolve->filter, interface_name,
                               protocol == AVAHI_PROTO_INET6 ? SERVICE_IPV6 : SERVICE_IPV4, local))
        return;
    if (is_full(resolve)) {
        refuse(resolve, name, type);
        return;
    }
    struct instance *instance = instance_new(resolve->key, length);
    if (!instance)
        return;
    memcpy(instance->interface, interface_name, sizeof instance->interface);
    instance->owner = resolve;
    instance->local = local;
    instance->state = INSTANCE_RESOLVING;
    if (!instance_identity(instance, &id)) {
        log_debug("instance '%s'.%s on %s: not a name of RFC 6763; ignored", name, type,
                  interface_name);
        resolve->counters->ignored++;
        free(instance);
        return;
    }
    HASH_ADD_KEYPTR(hh, resolve->instances, instance->key, instance->key_length, instance);
    resolve->counters->instances = HASH_COUNT(resolve->instances);
    resolve->pending++;
    resolver_make(resolve, instance);
}

static void drop(struct resolve *resolve, struct instance *instance)
{
    resolver_lose(resolve, instance);
    resolver_set_answered(resolve, instance);
    if (instance_has_retry(instance->state))
        DL_DELETE(resolve->waiting, instance);
    resolver_free(instance);
    HASH_DEL(resolve->instances, instance);
    resolve->counters->instances = HASH_COUNT(resolve->instances);
    free(instance);
}

void resolve_disappeared(struct resolve *resolve, AvahiIfIndex interface, AvahiProtocol protocol,
                         const char *name, const char *type, const char *domain)
{
    unsigned length = instance_make_key(resolve->key, interface, protocol, name, type, domain);
    struct instance *instance = length > 0 ? find(resolve, length) : NULL;
    if (instance)
        drop(resolve, instance);
}

static bool is_of_type(const struct instance *instance, const char *type, const char *domain)
{
    return strcasecmp(instance->type, type) == 0 && strcasecmp(instance->domain, domain) == 0;
}

void resolve_mark_stale(struct resolve *resolve, const char *type, const char *domain)
{
    for (struct instance *i = resolve->instances; i; i = i->hh.next)
        if (is_of_type(i, type, domain))
            i->stale = true;
}

void resolve_sweep(struct resolve *resolve, const char *type, const char *domain)
{
    struct instance *instance, *next;
    HASH_ITER(hh, resolve->instances, instance, next)
    {
        if (instance->stale && is_of_type(instance, type, domain))
            drop(resolve, instance);
    }
}

void resolve_set_filter(struct resolve *resolve, const struct filter *filter)
{
    struct instance *instance, *next;
    resolve->filter = filter;
    HASH_ITER(hh, resolve->instances, instance, next)
    {
        if (!filter_wants_type(filter, instance->type, true) ||
            !filter_wants_domain(filter, instance->domain) ||
            !resolver_is_wanted(resolve, instance))
            drop(resolve, instance);
    }
}

bool resolve_follows_type(const struct resolve *resolve, const char *type, const char *domain)
{
    for (const struct instance *i = resolve->instances; i; i = i->hh.next)
        if (is_of_type(i, type, domain))
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
    size_t bound = SERVICE_PROTOCOLS * filter_options(resolve->filter)->max_services;
    if (!resolve->refused || HASH_COUNT(resolve->instances) > bound - (bound + 9) / 10)
        return false;
    resolve->refused = false;
    return true;
}

int64_t resolve_run(struct resolve *resolve, int64_t now)
{
    int64_t next_at = INT64_MAX;
    struct instance *instance, *next;
    DL_FOREACH_SAFE(resolve->waiting, instance, next)
    {
        if (resolve->pool->state != CLIENT_POOL_UP)
            break;
        if (instance->retry_at <= now)
            resolver_make(resolve, instance);
        if (instance_has_retry(instance->state) && instance->retry_at < next_at)
            next_at = instance->retry_at;
    }
    return next_at;
}

struct resolve *resolve_new(struct client_pool *pool, const struct filter *filter,
                            struct resolve_counters *counters, struct event_sink sink)
{
    struct resolve *resolve = calloc(1, sizeof *resolve);
    if (!resolve)
        return NULL;
    resolve->pool = pool;
    resolve->filter = filter;
    resolve->counters = counters;
    resolve->sink = sink;
    return resolve;
}

void resolve_forget(struct resolve *resolve)
{
    struct instance *instance, *next;
    HASH_ITER(hh, resolve->instances, instance, next)
    {
        HASH_DEL(resolve->instances, instance);
        free(instance);
    }
    resolve->waiting = NULL;
    resolve->pending = 0;
    resolve->refused = false;
    resolve->counters->instances = 0;
}

void resolve_free(struct resolve *resolve)
{
    if (!resolve)
        return;
    resolve_forget(resolve);
    free(resolve);
}
