/* SPDX-License-Identifier: MIT */
/* What is allowed: types, ports, numbers; and whether the port is there at all. */
#include "adverts_wish.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <strings.h>

#include "log.h"

/* A snapshot is good for so long: a flood of requests does not make a flood of them. */
#define SNAPSHOT_MS 20

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

bool adverts_is_allowed(const struct advertise_policy *policy, const struct request *request,
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

bool adverts_has_room(const struct adverts *adverts, const char *client, struct status_error *error)
{
    const struct advertise_policy *policy = config_policy(adverts->config, client);
    size_t count = 0;
    for (const struct wish *wish = adverts->wishes; wish; wish = wish->hh.next)
        count += wish->state != WISH_WITHDRAWN && strcmp(wish->owner.client, client) == 0;
    if (count >= policy->max_per_client)
        return status_refuse(error, STATUS_QUOTA, "", "this client has %u requests already",
                             policy->max_per_client);
    if (adverts->counters.wishes >= adverts->config->advertise_max_total)
        return status_refuse(error, STATUS_QUOTA, "", "there are %u requests already",
                             adverts->config->advertise_max_total);
    return true;
}

static bool is_udp(const struct request *request)
{
    size_t length = strlen(request->type);
    return length > 5 && strcmp(request->type + length - 5, "._udp") == 0;
}

/*
 * The user that the configuration names, or the one that is called as the client is; without such a user,
 * the port may be anybody's.
 */
static void look_up_owner(struct wish *wish, const char *user)
{
    if (wish->port_owner_known)
        return;
    int result = port_owner_lookup(user[0] ? user : wish->owner.client, &wish->port_owner);
    bool nobody = result == -ENOENT && user[0];
    if (result < 0) /* but for `nobody`, there may be a user whose ports cannot be told */
        wish->port_owner = (struct port_owner){.uid = UINT32_MAX, .incomplete = !nobody};
    wish->has_port_owner = result != -ENOENT || nobody;
    wish->port_owner_known = true;
}

static void warn_of_user(const char *section, const char *client, const char *user)
{
    struct port_owner owner;
    if (user[0] && port_owner_lookup(user, &owner) == -ENOENT)
        log_warning("[%s%s]: there is no user '%s' that ports could belong to", section, client,
                    user);
}

/* When the configuration is read, and not when somebody asks: the log is not the clients' to fill. */
void adverts_warn_of_users(const struct config *config)
{
    const char *general = config->advertise.user;
    warn_of_user("advertise", "", general);
    for (size_t i = 0; i < config->client_count; i++) {
        const struct client_policy *client = &config->clients[i];
        if (strcmp(client->policy.user, general) != 0) /* else it has that from there */
            warn_of_user("advertise ", client->client, client->policy.user);
    }
}

bool adverts_port_allows(const struct adverts *adverts, struct wish *wish,
                         const struct request *request, struct port_finding *finding,
                         struct status_error *error)
{
    const struct advertise_policy *policy = config_policy(adverts->config, wish->owner.client);
    char message[PORT_MESSAGE_SIZE];
    *finding = (struct port_finding){.state = PORT_UNKNOWN};
    if (policy->port_check == PORT_CHECK_OFF)
        return true;
    look_up_owner(wish, policy->user);
    finding->state = ports_state(adverts->ports, is_udp(request), request->port,
                                 wish->has_port_owner ? &wish->port_owner : NULL, &finding->uid);
    if (policy->port_check != PORT_CHECK_ENFORCE || !port_state_code(finding->state))
        return true;
    port_state_message(finding->state, is_udp(request), request->port, finding->uid, message,
                       sizeof message);
    return status_refuse(error, STATUS_DENIED, "port", "%s", message);
}

/* The reason for which it was refused has passed. */
static bool may_retry(const struct adverts *adverts, struct wish *wish)
{
    struct status_error error;
    struct port_finding port;
    if (!wish->has_refused)
        return false;
    if (wish->error.code == STATUS_AVAHI) {
        unsigned interface = if_nametoindex(wish->refused.interface);
        return interface != 0 && interface != wish->refused_interface;
    }
    return wish->error.code == STATUS_DENIED &&
           adverts_is_allowed(config_policy(adverts->config, wish->owner.client), &wish->refused,
                              &error) &&
           adverts_port_allows(adverts, wish, &wish->refused, &port, &error);
}

/* The port of what is advertised is gone, and port-check = enforce: it is, too, until it is back. */
static void take_back(struct adverts *adverts, struct wish *wish, const struct status_error *error)
{
    struct request request = wish->has_refused ? wish->refused : wish->wanted;
    struct status_error why = wish->has_refused ? wish->error : *error;
    adverts_drop_wanted(wish);
    adverts_refuse(adverts, wish, &request, &why);
}

static void check_wish(struct adverts *adverts, struct wish *wish)
{
    struct status_error error;
    struct port_finding before = wish->port;
    if (may_retry(adverts, wish)) {
        adverts_retry(adverts, wish);
        return;
    }
    if (!wish->has_wanted)
        return;
    if (!adverts_port_allows(adverts, wish, &wish->wanted, &wish->port, &error)) {
        take_back(adverts, wish, &error);
    } else if (before.state != wish->port.state ||
               (before.state == PORT_FOREIGN_OWNER && before.uid != wish->port.uid)) {
        wish->status_due = true;
        adverts_todo(adverts, wish);
    }
}

void adverts_look_at_ports(struct adverts *adverts)
{
    if (adverts->now < adverts->ports_taken + SNAPSHOT_MS)
        return;
    adverts->ports_taken = adverts->now;
    int result = ports_refresh(adverts->ports);
    if (result < 0)
        log_debug("ports: %s", strerror(-result));
}

void adverts_check_ports(struct adverts *adverts)
{
    adverts_look_at_ports(adverts);
    for (struct wish *wish = adverts->wishes; wish; wish = wish->hh.next)
        if (wish->state != WISH_WITHDRAWN)
            check_wish(adverts, wish);
}

void adverts_warn_of_port(const struct wish *wish, struct status *status)
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
        if (rows[i].state != wish->port.state)
            continue;
        port_state_message(wish->port.state, is_udp(&wish->wanted), wish->wanted.port,
                           wish->port.uid, message, sizeof message);
        status_warn(status, rows[i].code, "%s", message);
    }
}
