/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * One instance is one service on one interface over one protocol. Each has a resolver of its own that
 * lives as long as the instance: Avahi then reports changes of SRV, TXT and address by itself, and, by
 * a time-out after about two minutes, that a host has died without a goodbye. (The pointer record that
 * a browser sees would say so only after 75 minutes.)
 *
 *     appeared -> RESOLVING -> UP        event FOUND, again at each change
 *                           -> SILENT    time-out: event LOST if it was UP; the resolver keeps asking,
 *                                        and is made again now and then, so that it asks more often
 *                    UP <-> SILENT
 *     any other failure     -> WAITING   the resolver is dead: made again after a back-off
 *     disappeared           -> freed     event LOST if it was UP
 *
 * A resolver asks for an address of the instance's own protocol, so that IPv4 and IPv6 instances of a
 * service give one address each. Where the first time-out shows that there is none (a device that
 * speaks mDNS over IPv6, but has an A record only), it is made again with any address allowed. Such a
 * instance is BORROWED in place of UP; now and then the resolver is made for its own protocol once more,
 * which may have an address by then. Nothing is lost meanwhile.
 *
 * Callbacks come from inside libavahi, so they free nothing: what must be made again is put on the
 * waiting list, and resolve_run() sees to it from the thread's loop.
 */
#include "resolver.h"

#include <ctype.h>

#include <avahi-common/error.h>
#include <utlist.h>

#include "clock.h"
#include "log.h"

#define RETRY_MS 1000
#define RETRY_MAX_MS 60000
#define SILENT_MS 30000
#define SILENT_MAX_MS 600000
#define BORROWED_MS 600000

static const char *const state_names[] = {"waiting", "resolving", "up", "borrowed", "silent"};

_Static_assert(sizeof state_names / sizeof *state_names == INSTANCE_SILENT + 1,
               "a name for each state");

bool instance_has_retry(enum instance_state state)
{
    return state == INSTANCE_WAITING || state == INSTANCE_SILENT || state == INSTANCE_BORROWED;
}

static void set_state(struct resolve *resolve, struct instance *instance, enum instance_state state)
{
    if (instance->state == state)
        return;
    log_debug("instance '%s'.%s on %s %s: %s -> %s", instance->name, instance->type,
              instance->interface, avahi_proto_to_string(instance_protocol(instance)),
              state_names[instance->state], state_names[state]);
    if (instance_has_retry(instance->state))
        DL_DELETE(resolve->waiting, instance);
    if (instance_has_retry(state))
        DL_APPEND(resolve->waiting, instance);
    instance->state = state;
}

void resolver_set_answered(struct resolve *resolve, struct instance *instance)
{
    if (instance->answered)
        return;
    instance->answered = true;
    resolve->pending--;
}

/* To be made again later. Callable in callbacks: resolver_make() frees the one that is there yet. */
static void wait_for_retry(struct resolve *resolve, struct instance *instance, int64_t at)
{
    instance->retry_at = at;
    set_state(resolve, instance, INSTANCE_WAITING);
}

/* The resolver asks less and less often, in the end once an hour; a new one begins with a second. */
static void fall_silent(struct resolve *resolve, struct instance *instance)
{
    instance->retry_at = clock_now() + backoff_next(&instance->failures, SILENT_MS, SILENT_MAX_MS);
    set_state(resolve, instance, INSTANCE_SILENT);
    resolver_set_answered(resolve, instance);
}

void resolver_lose(struct resolve *resolve, struct instance *instance)
{
    if (instance->reported)
        event_sink_put(&resolve->sink, instance_lost_event(instance));
    instance->reported = false;
}

/*
 * Avahi 0.8 keeps the former host's address when a service moves to another one (resolve-service.c: a new
 * SRV record does not clear address_record). Only a new resolver forgets it.
 */
static bool has_moved(struct instance *instance, const char *host)
{
    uint32_t hash = 2166136261u; /* FNV-1a, 32 bits */
    for (const char *c = host; *c; c++)
        hash = (hash ^ (uint8_t)tolower((unsigned char)*c)) * 16777619u;
    bool moved = instance->reported && instance->host != hash;
    instance->host = hash;
    return moved;
}

static void resolver_failed(struct resolve *resolve, struct instance *instance, int error)
{
    if (instance->asks_again) {
        instance->asks_again = false;
        instance->any_address = true;
        if (error == AVAHI_ERR_TIMEOUT) {
            wait_for_retry(resolve, instance, 0);
            return;
        }
    }
    resolver_lose(resolve, instance);
    if (error != AVAHI_ERR_TIMEOUT) {
        log_debug("instance '%s'.%s on %s: %s; resolving again", instance->name, instance->type,
                  instance->interface, avahi_strerror(error));
        wait_for_retry(resolve, instance,
                       clock_now() + backoff_next(&instance->failures, RETRY_MS, RETRY_MAX_MS));
        resolver_set_answered(resolve, instance);
    } else if (!instance->answered && !instance->any_address) {
        instance->any_address = true;
        wait_for_retry(resolve, instance, 0);
    } else {
        fall_silent(resolve, instance);
    }
}

bool resolver_is_wanted(const struct resolve *resolve, const struct instance *instance)
{
    bool ipv6 = instance_protocol(instance) == AVAHI_PROTO_INET6;
    return filter_wants_instance(resolve->filter, instance->interface,
                                 ipv6 ? SERVICE_IPV6 : SERVICE_IPV4, instance->local);
}

static void resolver_changed(AvahiServiceResolver *resolver, AvahiIfIndex interface,
                             AvahiProtocol protocol, AvahiResolverEvent what, const char *name,
                             const char *type, const char *domain, const char *host,
                             const AvahiAddress *address, uint16_t port, AvahiStringList *txt,
                             AvahiLookupResultFlags flags, void *userdata)
{
    (void)interface, (void)protocol, (void)name, (void)type, (void)domain;
    struct instance *instance = userdata;
    struct resolve *resolve = instance->owner;
    if (instance->resolver && instance->resolver != resolver)
        return; /* a late word of one that was replaced */
    if (instance->state == INSTANCE_WAITING)
        return; /* given up already, about to be made again */
    if (what == AVAHI_RESOLVER_FAILURE) {
        resolver_failed(resolve, instance,
                        avahi_client_errno(avahi_service_resolver_get_client(resolver)));
        return;
    }
    if (host && has_moved(instance, host)) {
        wait_for_retry(resolve, instance, 0);
        return;
    }
    struct mdns_event *event = NULL;
    /* A name may move from another host to this one. */
    instance->local = flags & AVAHI_LOOKUP_RESULT_LOCAL;
    if (host && address && resolver_is_wanted(resolve, instance))
        event = instance_found_event(instance, host, address, port, txt,
                                     filter_options(resolve->filter)->txt_max);
    if (!event) {
        /* Not to be shown, or SRV target "." says that the service is not there (RFC 2782). */
        resolver_lose(resolve, instance);
        fall_silent(resolve, instance);
        return;
    }
    instance->failures = 0;
    instance->reported = true;
    instance->asks_again = false;
    instance->retry_at = clock_now() + BORROWED_MS;
    set_state(resolve, instance,
              address->proto == instance_protocol(instance) ? INSTANCE_UP : INSTANCE_BORROWED);
    resolver_set_answered(resolve, instance);
    event_sink_put(&resolve->sink, event);
}

void resolver_free(struct instance *instance)
{
    if (instance->resolver)
        avahi_service_resolver_free(instance->resolver);
    instance->resolver = NULL;
    client_pool_give_back(instance->client);
    instance->client = NULL;
}

/* Returns 0, or Avahi's error. */
static int try_to_make(struct resolve *resolve, struct instance *instance)
{
    AvahiProtocol protocol = instance_protocol(instance);
    struct pool_client *client = client_pool_take(resolve->pool);
    if (!client)
        return resolve->pool->error;
    instance->client = client;
    instance->resolver = avahi_service_resolver_new(
        client->client, instance_interface(instance), protocol, instance->name, instance->type,
        instance->domain, instance->any_address ? AVAHI_PROTO_UNSPEC : protocol, 0,
        resolver_changed, instance);
    if (instance->resolver)
        return 0;
    int error = avahi_client_errno(client->client);
    resolver_free(instance);
    if (error == AVAHI_ERR_TOO_MANY_OBJECTS)
        client_pool_mark_full(client);
    client_pool_failed(resolve->pool, error);
    return error;
}

void resolver_make(struct resolve *resolve, struct instance *instance)
{
    resolver_free(instance);
    if (instance->state == INSTANCE_BORROWED) {
        instance->asks_again = true;
        instance->any_address = false;
    }
    int error = try_to_make(resolve, instance);
    if (error == AVAHI_ERR_TOO_MANY_OBJECTS)
        error = try_to_make(resolve, instance); /* on the next connection */
    if (!error) {
        set_state(resolve, instance, INSTANCE_RESOLVING);
        return;
    }
    log_warning_once(&resolve->complained,
                     "instance '%s'.%s on %s and maybe more: no resolver: %s; trying again",
                     instance->name, instance->type, instance->interface, avahi_strerror(error));
    wait_for_retry(resolve, instance,
                   clock_now() + backoff_next(&instance->failures, RETRY_MS, RETRY_MAX_MS));
    resolver_set_answered(resolve, instance);
}
