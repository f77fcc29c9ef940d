/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * One sighting is one service on one interface over one protocol. Each has a resolver of its own that
 * lives as long as the sighting: Avahi then reports changes of SRV, TXT and address by itself, and, by
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
 * A resolver asks for an address of the sighting's own protocol, so that IPv4 and IPv6 sightings of a
 * service give one address each. Where the first time-out shows that there is none (a device that
 * speaks mDNS over IPv6, but has an A record only), it is made again with any address allowed. Such a
 * sighting is BORROWED in place of UP; now and then the resolver is made for its own protocol once more,
 * which may have an address by then. Nothing is lost meanwhile.
 *
 * Callbacks come from inside libavahi, so they free nothing: what must be made again is put on the
 * waiting list, and resolve_run() sees to it from the thread's loop.
 */
#include "mdns_resolver.h"

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

_Static_assert(sizeof state_names / sizeof *state_names == SIGHTING_SILENT + 1,
               "a name for each state");

bool sighting_has_retry(enum sighting_state state)
{
    return state == SIGHTING_WAITING || state == SIGHTING_SILENT || state == SIGHTING_BORROWED;
}

static void set_state(struct resolve *resolve, struct sighting *sighting, enum sighting_state state)
{
    if (sighting->state == state)
        return;
    log_debug("sighting '%s'.%s on %s %s: %s -> %s", sighting->name, sighting->type,
              sighting->interface, avahi_proto_to_string(sighting_protocol(sighting)),
              state_names[sighting->state], state_names[state]);
    if (sighting_has_retry(sighting->state))
        DL_DELETE(resolve->waiting, sighting);
    if (sighting_has_retry(state))
        DL_APPEND(resolve->waiting, sighting);
    sighting->state = state;
}

void resolver_set_answered(struct resolve *resolve, struct sighting *sighting)
{
    if (sighting->answered)
        return;
    sighting->answered = true;
    resolve->pending--;
}

/* Memory is short only where the machine is lost; an event less is then the smaller harm. */
static void emit(struct resolve *resolve, struct mdns_event *event)
{
    if (event)
        resolve->emit(resolve->context, event);
}

/* To be made again later. Callable in callbacks: resolver_make() frees the one that is there yet. */
static void wait_for_retry(struct resolve *resolve, struct sighting *sighting, int64_t at)
{
    sighting->retry_at = at;
    set_state(resolve, sighting, SIGHTING_WAITING);
}

/* The resolver asks less and less often, in the end once an hour; a new one begins with a second. */
static void fall_silent(struct resolve *resolve, struct sighting *sighting)
{
    sighting->retry_at = clock_now() + back_off(&sighting->failures, SILENT_MS, SILENT_MAX_MS);
    set_state(resolve, sighting, SIGHTING_SILENT);
    resolver_set_answered(resolve, sighting);
}

void resolver_lose(struct resolve *resolve, struct sighting *sighting)
{
    if (sighting->told)
        emit(resolve, sighting_lost_event(sighting));
    sighting->told = false;
}

/*
 * Avahi 0.8 keeps the former host's address when a service moves to another one (resolve-service.c: a new
 * SRV record does not clear address_record). Only a new resolver forgets it.
 */
static bool has_moved(struct sighting *sighting, const char *host)
{
    uint32_t hash = 2166136261u; /* FNV-1a, 32 bits */
    for (const char *c = host; *c; c++)
        hash = (hash ^ (uint8_t)tolower((unsigned char)*c)) * 16777619u;
    bool moved = sighting->told && sighting->host != hash;
    sighting->host = hash;
    return moved;
}

static void resolver_failed(struct resolve *resolve, struct sighting *sighting, int error)
{
    if (sighting->asks_again) {
        sighting->asks_again = false;
        sighting->any_address = true;
        if (error == AVAHI_ERR_TIMEOUT) {
            wait_for_retry(resolve, sighting, 0);
            return;
        }
    }
    resolver_lose(resolve, sighting);
    if (error != AVAHI_ERR_TIMEOUT) {
        log_debug("sighting '%s'.%s on %s: %s; resolving again", sighting->name, sighting->type,
                  sighting->interface, avahi_strerror(error));
        wait_for_retry(resolve, sighting,
                       clock_now() + back_off(&sighting->failures, RETRY_MS, RETRY_MAX_MS));
        resolver_set_answered(resolve, sighting);
    } else if (!sighting->answered && !sighting->any_address) {
        sighting->any_address = true;
        wait_for_retry(resolve, sighting, 0);
    } else {
        fall_silent(resolve, sighting);
    }
}

bool resolver_is_wanted(const struct resolve *resolve, const struct sighting *sighting)
{
    bool ipv6 = sighting_protocol(sighting) == AVAHI_PROTO_INET6;
    return mdns_filter_wants_sighting(resolve->filter, sighting->interface,
                                      ipv6 ? SERVICE_IPV6 : SERVICE_IPV4, sighting->local);
}

static void resolver_changed(AvahiServiceResolver *resolver, AvahiIfIndex interface,
                             AvahiProtocol protocol, AvahiResolverEvent what, const char *name,
                             const char *type, const char *domain, const char *host,
                             const AvahiAddress *address, uint16_t port, AvahiStringList *txt,
                             AvahiLookupResultFlags flags, void *userdata)
{
    (void)interface, (void)protocol, (void)name, (void)type, (void)domain;
    struct sighting *sighting = userdata;
    struct resolve *resolve = sighting->owner;
    if (sighting->resolver && sighting->resolver != resolver)
        return; /* a late word of one that was replaced */
    if (sighting->state == SIGHTING_WAITING)
        return; /* given up already, about to be made again */
    if (what == AVAHI_RESOLVER_FAILURE) {
        resolver_failed(resolve, sighting,
                        avahi_client_errno(avahi_service_resolver_get_client(resolver)));
        return;
    }
    if (host && has_moved(sighting, host)) {
        wait_for_retry(resolve, sighting, 0);
        return;
    }
    struct mdns_event *event = NULL;
    /* A name may move from another host to this one. */
    sighting->local = flags & AVAHI_LOOKUP_RESULT_LOCAL;
    if (host && address && resolver_is_wanted(resolve, sighting))
        event = sighting_found_event(sighting, host, address, port, txt,
                                     mdns_filter_options(resolve->filter)->txt_max);
    if (!event) {
        /* Not to be shown, or SRV target "." says that the service is not there (RFC 2782). */
        resolver_lose(resolve, sighting);
        fall_silent(resolve, sighting);
        return;
    }
    sighting->failures = 0;
    sighting->told = true;
    sighting->asks_again = false;
    sighting->retry_at = clock_now() + BORROWED_MS;
    set_state(resolve, sighting,
              address->proto == sighting_protocol(sighting) ? SIGHTING_UP : SIGHTING_BORROWED);
    resolver_set_answered(resolve, sighting);
    emit(resolve, event);
}

void resolver_free(struct sighting *sighting)
{
    if (sighting->resolver)
        avahi_service_resolver_free(sighting->resolver);
    sighting->resolver = NULL;
    mdns_clients_give_back(sighting->client);
    sighting->client = NULL;
}

/* Returns 0, or Avahi's error. */
static int try_to_make(struct resolve *resolve, struct sighting *sighting)
{
    AvahiProtocol protocol = sighting_protocol(sighting);
    struct mdns_client *client = mdns_clients_take(resolve->clients);
    if (!client)
        return resolve->clients->error;
    sighting->client = client;
    sighting->resolver = avahi_service_resolver_new(
        client->client, sighting_interface(sighting), protocol, sighting->name, sighting->type,
        sighting->domain, sighting->any_address ? AVAHI_PROTO_UNSPEC : protocol, 0,
        resolver_changed, sighting);
    if (sighting->resolver)
        return 0;
    int error = avahi_client_errno(client->client);
    resolver_free(sighting);
    if (error == AVAHI_ERR_TOO_MANY_OBJECTS)
        mdns_clients_mark_full(client);
    mdns_clients_failed(resolve->clients, error);
    return error;
}

void resolver_make(struct resolve *resolve, struct sighting *sighting)
{
    resolver_free(sighting);
    if (sighting->state == SIGHTING_BORROWED) {
        sighting->asks_again = true;
        sighting->any_address = false;
    }
    int error = try_to_make(resolve, sighting);
    if (error == AVAHI_ERR_TOO_MANY_OBJECTS)
        error = try_to_make(resolve, sighting); /* on the next connection */
    if (!error) {
        set_state(resolve, sighting, SIGHTING_RESOLVING);
        return;
    }
    log_warning_once(&resolve->complained,
                     "sighting '%s'.%s on %s and maybe more: no resolver: %s; trying again",
                     sighting->name, sighting->type, sighting->interface, avahi_strerror(error));
    wait_for_retry(resolve, sighting,
                   clock_now() + back_off(&sighting->failures, RETRY_MS, RETRY_MAX_MS));
    resolver_set_answered(resolve, sighting);
}
