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
 * waiting list, and resolve_run() sees to it from the thread's loop. Making and freeing a resolver are
 * blocking round trips on D-Bus, which resolve_appeared() accepts: the thread exists to be blocked.
 */
#include "mdns_resolve.h"

#include <ctype.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <avahi-common/error.h>
#include <utlist.h>

#include "clock.h"
#include "log.h"
#include "mdns_sighting.h"

#define RETRY_MS 1000
#define RETRY_MAX_MS 60000
#define SILENT_MS 30000
#define SILENT_MAX_MS 600000
#define BORROWED_MS 600000

struct resolve {
    struct mdns_clients *clients;
    const struct mdns_filter *filter;
    struct resolve_counters *counters;
    resolve_emit_func *emit;
    void *context;
    struct sighting *sightings; /* hash, by key */
    struct sighting *waiting;   /* list of those where has_retry() */
    unsigned pending;
    bool complained;         /* of resolvers that cannot be made */
    bool complained_of_room; /* or of sightings that are too many */
    bool refused;            /* since resolve_has_room_again() last said yes */
    char key[SIGHTING_KEY_MAX];
};

static const char *const state_names[] = {"waiting", "resolving", "up", "borrowed", "silent"};

_Static_assert(sizeof state_names / sizeof *state_names == SIGHTING_SILENT + 1,
               "a name for each state");

static bool has_retry(enum sighting_state state)
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
    if (has_retry(sighting->state))
        DL_DELETE(resolve->waiting, sighting);
    if (has_retry(state))
        DL_APPEND(resolve->waiting, sighting);
    sighting->state = state;
}

static void set_answered(struct resolve *resolve, struct sighting *sighting)
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

/* To be made again later. Callable in callbacks: make_resolver() frees the one that is there yet. */
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
    set_answered(resolve, sighting);
}

static void lose(struct resolve *resolve, struct sighting *sighting)
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
    lose(resolve, sighting);
    if (error != AVAHI_ERR_TIMEOUT) {
        log_debug("sighting '%s'.%s on %s: %s; resolving again", sighting->name, sighting->type,
                  sighting->interface, avahi_strerror(error));
        wait_for_retry(resolve, sighting,
                       clock_now() + back_off(&sighting->failures, RETRY_MS, RETRY_MAX_MS));
        set_answered(resolve, sighting);
    } else if (!sighting->answered && !sighting->any_address) {
        sighting->any_address = true;
        wait_for_retry(resolve, sighting, 0);
    } else {
        fall_silent(resolve, sighting);
    }
}

static bool is_wanted(const struct resolve *resolve, const struct sighting *sighting)
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
    if (host && address && is_wanted(resolve, sighting))
        event = sighting_found_event(sighting, host, address, port, txt,
                                     mdns_filter_options(resolve->filter)->txt_max);
    if (!event) {
        /* Not to be shown, or SRV target "." says that the service is not there (RFC 2782). */
        lose(resolve, sighting);
        fall_silent(resolve, sighting);
        return;
    }
    sighting->failures = 0;
    sighting->told = true;
    sighting->asks_again = false;
    sighting->retry_at = clock_now() + BORROWED_MS;
    set_state(resolve, sighting,
              address->proto == sighting_protocol(sighting) ? SIGHTING_UP : SIGHTING_BORROWED);
    set_answered(resolve, sighting);
    emit(resolve, event);
}

static void free_resolver(struct sighting *sighting)
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
    free_resolver(sighting);
    if (error == AVAHI_ERR_TOO_MANY_OBJECTS)
        mdns_clients_mark_full(client);
    mdns_clients_failed(resolve->clients, error);
    return error;
}

static void make_resolver(struct resolve *resolve, struct sighting *sighting)
{
    free_resolver(sighting);
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
    set_answered(resolve, sighting);
}

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
    make_resolver(resolve, sighting);
}

static void drop(struct resolve *resolve, struct sighting *sighting)
{
    lose(resolve, sighting);
    set_answered(resolve, sighting);
    if (has_retry(sighting->state))
        DL_DELETE(resolve->waiting, sighting);
    free_resolver(sighting);
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
            !mdns_filter_wants_domain(filter, sighting->domain) || !is_wanted(resolve, sighting))
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
            make_resolver(resolve, sighting);
        if (has_retry(sighting->state) && sighting->retry_at < next_at)
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
