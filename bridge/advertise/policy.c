/* SPDX-License-Identifier: MIT */
/* What is allowed: types, ports, numbers; and whether the port is there at all, and whose it is. */
#include "advertisement.h"

#include <net/if.h>
#include <string.h>
#include <strings.h>

#include "clock.h"
#include "log.h"

/* A snapshot is good for so long: a flood of requests does not make a flood of them. */
#define SNAPSHOT_MS 20

/* So long a registration waits for what is not known of its port. A directory server may not answer at all. */
#define OPEN_MS 5000

static bool list_has(const struct config_list *list, const char *type)
{
    for (const char *const *item = config_list_items(list); *item; item++)
        if (strcasecmp(*item, type) == 0)
            return true;
    return false;
}

static bool port_is_listed(const struct port_list *ports, uint16_t port)
{
    for (size_t i = 0; i < ports->count; i++)
        if (port >= ports->ranges[i].first && port <= ports->ranges[i].last)
            return true;
    return ports->count == 0;
}

bool advertise_is_allowed(const struct advertise_policy *policy, const struct request *request,
                          struct status_error *error)
{
    if (!policy->enabled)
        return status_refuse(error, STATUS_DENIED, "", "this client may not advertise");
    if (list_has(&policy->deny_types, request->type) ||
        (policy->types.count > 0 && !list_has(&policy->types, request->type)))
        return status_refuse(error, STATUS_DENIED, "type", "%s is not allowed for this client",
                             request->type);
    if (!port_is_listed(&policy->ports, request->port))
        return status_refuse(error, STATUS_DENIED, "port", "%u is not allowed for this client",
                             request->port);
    return true;
}

bool advertise_has_room(const struct advertise *advertise, const char *client,
                        struct status_error *error)
{
    const struct advertise_policy *policy = config_policy(advertise->config, client);
    size_t of_client = 0, all = 0;
    for (const struct advertisement *a = advertise->all; a; a = a->hh.next) {
        all += !has_ended(a);
        of_client += !has_ended(a) && strcmp(a->owner.client, client) == 0;
    }
    if (of_client >= policy->max_per_client)
        return status_refuse(error, STATUS_QUOTA, "", "this client has %u requests already",
                             policy->max_per_client);
    if (all >= advertise->config->advertise_max_total)
        return status_refuse(error, STATUS_QUOTA, "", "there are %u requests already",
                             advertise->config->advertise_max_total);
    return true;
}

static bool allows(const struct advertise_policy *policy, const struct registration *registration,
                   struct status_error *error)
{
    return registration && advertise_is_allowed(policy, &registration->request, error);
}

/* What was accepted is not allowed any more. It is tried when it is again, unless there was a later request. */
static void take_back(struct advertise *advertise, struct advertisement *advertisement,
                      struct registration **registration, const struct status_error *error)
{
    struct request request = (*registration)->request;
    registration_drop(advertise, registration);
    if (advertisement->refused)
        advertise_say(advertise, advertisement); /* a later request has the say */
    else
        advertise_refuse(advertise, advertisement, &request, error);
}

void advertise_apply_policy(struct advertise *advertise, struct advertisement *advertisement)
{
    struct status_error error;
    const struct advertise_policy *policy =
        config_policy(advertise->config, advertisement->owner.client);
    if (advertisement->refused && advertisement->error.code == STATUS_DENIED &&
        advertise_is_allowed(policy, &advertisement->refused->request, &error))
        advertise_retry(advertise, advertisement);
    bool had = advertisement->current != NULL;
    if (advertisement->candidate && !allows(policy, advertisement->candidate, &error))
        take_back(advertise, advertisement, &advertisement->candidate, &error);
    if (advertisement->current && !allows(policy, advertisement->current, &error))
        registration_promote(advertise, advertisement);
    if (had && !advertisement->current) {
        lifetime_end(&advertisement->lifetime, STATUS_REPLACED_BY_POLICY, advertise->now);
        advertise_ended(advertise, advertisement);
    }
}

/* ---- Ports ---- */

static bool is_udp(const struct request *request)
{
    size_t length = strlen(request->type);
    return length > 5 && strcmp(request->type + length - 5, "._udp") == 0;
}

/*
 * Who may own the ports of a client: the user that the configuration names, or the one that is called as the
 * client is; without such a user, the port may be anybody's (NULL).
 */
static const struct port_owner *owner_of(const struct advertise *advertise, const char *client,
                                         const char *user, struct port_owner *owner, bool *asked)
{
    enum port_owners_answer answer =
        port_owners_find(advertise->owners, user[0] ? user : client, owner);
    *asked = answer == PORT_OWNER_UNKNOWN;
    return answer == PORT_OWNER_NO_USER && !user[0] ? NULL : owner;
}

bool advertise_port_allows(struct advertise *advertise, const char *client,
                           const struct request *request, struct port_finding *finding,
                           struct status_error *error)
{
    const struct advertise_policy *policy = config_policy(advertise->config, client);
    struct port_owner owner;
    char message[PORT_MESSAGE_SIZE];
    *finding = (struct port_finding){.state = PORT_UNKNOWN};
    if (policy->port_check == PORT_CHECK_OFF)
        return true;
    bool asked;
    const struct port_owner *allowed = owner_of(advertise, client, policy->user, &owner, &asked);
    finding->open_until = asked ? advertise->now + OPEN_MS : 0;
    finding->state =
        ports_state(advertise->ports, is_udp(request), request->port, allowed, &finding->uid);
    if (port_state_code(finding->state) && advertise->ports_taken < advertise->now) {
        /* Who listens may have begun since the snapshot. */
        *finding =
            (struct port_finding){.state = PORT_UNKNOWN, .open_until = advertise->now + OPEN_MS};
        advertise->ports_at = earlier(advertise->ports_at, advertise->ports_taken + SNAPSHOT_MS);
    }
    if (policy->port_check != PORT_CHECK_ENFORCE || !port_state_code(finding->state))
        return true;
    port_state_message(finding->state, is_udp(request), request->port, finding->uid, message,
                       sizeof message);
    return status_refuse(error, STATUS_DENIED, "port", "%s", message);
}

/* The reason for which it was refused has passed. */
static bool may_retry(struct advertise *advertise, const struct advertisement *advertisement)
{
    struct status_error error;
    struct port_finding port;
    const struct refused_request *refused = advertisement->refused;
    const char *client = advertisement->owner.client;
    if (!refused)
        return false;
    if (advertisement->error.code == STATUS_AVAHI) {
        unsigned interface = if_nametoindex(refused->request.interface);
        return interface != 0 && interface != refused->interface;
    }
    return advertisement->error.code == STATUS_DENIED &&
           advertise_is_allowed(config_policy(advertise->config, client), &refused->request,
                                &error) &&
           advertise_port_allows(advertise, client, &refused->request, &port, &error);
}

static void check(struct advertise *advertise, struct advertisement *advertisement)
{
    struct status_error error;
    struct port_finding before = advertisement->port;
    if (may_retry(advertise, advertisement)) {
        advertise_retry(advertise, advertisement);
        return;
    }
    while (wanted(advertisement) &&
           !advertise_port_allows(advertise, advertisement->owner.client,
                                  &wanted(advertisement)->request, &advertisement->port, &error))
        take_back(advertise, advertisement,
                  advertisement->candidate ? &advertisement->candidate : &advertisement->current,
                  &error);
    if (!wanted(advertisement))
        return;
    if (before.open_until == 0 && advertisement->port.open_until != 0) {
        advertisement->port = before; /* stands until the next look, which is soon */
        return;
    }
    if (advertisement->port.open_until != 0) /* counts from the request on */
        advertisement->port.open_until = before.open_until > advertise->now ? before.open_until : 0;
    if (before.open_until != 0 && advertisement->port.open_until == 0)
        advertise_todo(advertise, advertisement);
    if (before.state != advertisement->port.state || before.uid != advertisement->port.uid)
        advertise_say(advertise, advertisement);
}

void advertise_port_of_former(struct advertise *advertise, struct advertisement *advertisement)
{
    struct status_error error; /* where it is not allowed any more, the next look takes it back */
    (void)advertise_port_allows(advertise, advertisement->owner.client,
                                &wanted(advertisement)->request, &advertisement->port, &error);
    advertisement->port.open_until = 0;
}

void advertise_look_at_ports(struct advertise *advertise)
{
    if (advertise->now < advertise->ports_taken + SNAPSHOT_MS)
        return;
    advertise->ports_taken = advertise->now;
    int result = ports_refresh(advertise->ports);
    if (result < 0)
        log_debug("ports: %s", strerror(-result));
}

void advertise_check_owners(struct advertise *advertise)
{
    for (struct advertisement *a = advertise->all; a; a = a->hh.next)
        if (!has_ended(a) && a->port.open_until != 0)
            check(advertise, a);
}

void advertise_check_ports(struct advertise *advertise)
{
    advertise_look_at_ports(advertise);
    for (struct advertisement *a = advertise->all; a; a = a->hh.next)
        if (!has_ended(a))
            check(advertise, a);
}

void advertise_warn_of_port(const struct port_finding *port, const struct request *request,
                            struct status *status)
{
    static const struct {
        enum port_state state;
        enum status_warning_code code;
    } rows[] = {
        {PORT_UNPUBLISHED, STATUS_PORT_UNPUBLISHED},
        {PORT_LOOPBACK_ONLY, STATUS_PORT_LOOPBACK_ONLY},
        {PORT_FOREIGN_OWNER, STATUS_PORT_FOREIGN_OWNER},
    };
    char message[PORT_MESSAGE_SIZE];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].state != port->state)
            continue;
        port_state_message(port->state, is_udp(request), request->port, port->uid, message,
                           sizeof message);
        status_warn(status, rows[i].code, "%s", message);
    }
}

/* ---- Users that the configuration names ---- */

/* When the configuration is read, and not when somebody asks: the log is not the clients' to fill. */
void advertise_check_users(struct advertise *advertise)
{
    const struct config *config = advertise->config;
    for (; advertise->users_checked <= config->client_count; advertise->users_checked++) {
        size_t i = advertise->users_checked;
        const struct client_policy *client = i > 0 ? &config->clients[i - 1] : NULL;
        const char *user = client ? client->policy.user : config->advertise.user;
        struct port_owner owner;
        if (!user[0] || (client && strcmp(user, config->advertise.user) == 0))
            continue; /* a client without one of its own has the general one */
        enum port_owners_answer answer = port_owners_find(advertise->owners, user, &owner);
        if (answer == PORT_OWNER_UNKNOWN)
            return;
        if (answer == PORT_OWNER_NO_USER)
            log_warning("[advertise%s%s]: there is no user '%s' that ports could belong to",
                        client ? " " : "", client ? client->client : "", user);
    }
}
