/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * What a client asks for: read, checked, and accepted or refused. Three requests of a wish may be
 * remembered. `wanted` is the last accepted one. `standing` is what it replaces, and what is returned to if
 * Avahi cannot have it. `refused` is a later one that may yet be allowed; it touches neither of the others.
 */
#include "adverts_wish.h"

#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"

/* The shorter one of the two kinds of lease; 0: none. */
static uint32_t lease_of(const struct request *request, uint32_t expiry)
{
    uint32_t other = expiry > 0 ? request_clamp_lease(expiry) : 0;
    return request->lease == 0 || (other > 0 && other < request->lease) ? other : request->lease;
}

static void set_lease(struct adverts *adverts, struct wish *wish, uint32_t lease, int64_t now)
{
    wish->lease = lease;
    wish->expires = lease > 0 ? clock_unix() + lease * INT64_C(1000) : 0;
    adverts_set_deadline(adverts, &wish->lease_at,
                         lease > 0 ? now + lease * INT64_C(1000) : INT64_MAX);
}

/* Takes a request that is allowed: to the Avahi side with it, or, where its port forbids it, not yet. */
static bool accept_request(struct adverts *adverts, struct wish *wish,
                           const struct request *request)
{
    struct status_error error;
    struct port_finding port;
    adverts_look_at_ports(adverts);
    if (!adverts_port_allows(adverts, wish, request, &port, &error)) {
        adverts_refuse(adverts, wish, request, &error);
        return false;
    }
    /* One that never was on the network is worth returning to only where there is nothing better. */
    if (wish->has_wanted && (wish->was_established || !wish->has_standing)) {
        wish->standing = wish->wanted;
        wish->standing_generation = wish->generation;
        wish->standing_was_established = wish->was_established;
        wish->has_standing = true;
    }
    wish->wanted = *request;
    wish->has_wanted = true;
    wish->generation = ++adverts->last_generation;
    wish->port = port;
    wish->was_established = wish->has_refused = false;
    wish->advertise_due = true;
    wish->withdraw_due = wish->clear_request_due = false;
    adverts_set_state(adverts, wish, WISH_PENDING);
    return true;
}

void adverts_refuse(struct adverts *adverts, struct wish *wish, const struct request *request,
                    const struct status_error *error)
{
    wish->has_refused = request != NULL;
    if (request) {
        wish->refused = *request;
        wish->refused_interface = if_nametoindex(request->interface);
    }
    adverts_fail(adverts, wish, error);
}

void adverts_retry(struct adverts *adverts, struct wish *wish)
{
    struct request request = wish->refused;
    accept_request(adverts, wish, &request);
}

void adverts_drop_wanted(struct wish *wish)
{
    wish->withdraw_due = true;
    wish->has_wanted = wish->has_standing = wish->was_established = wish->advertise_due = false;
    wish->name[0] = wish->trial[0] = '\0';
}

void adverts_fall_back(struct adverts *adverts, struct wish *wish, bool avahi_has_it)
{
    struct status_error error;
    wish->wanted = wish->standing;
    wish->was_established = wish->standing_was_established;
    wish->generation = avahi_has_it ? wish->standing_generation : ++adverts->last_generation;
    wish->advertise_due = !avahi_has_it;
    wish->has_standing = false;
    wish->trial[0] = '\0';
    adverts_port_allows(adverts, wish, &wish->wanted, &wish->port, &error);
}

/* No wish of his, and no room for one: an answer is all that he gets. */
static void turn_away(struct adverts *adverts, const struct request_owner *owner, const char *path,
                      const char *transaction, const struct status_error *error)
{
    struct status status = {.state = STATUS_FAILED, .owner = *owner, .error = *error};
    snprintf(status.transaction, sizeof status.transaction, "%s", transaction);
    adverts->counters.refused++;
    adverts_answer(adverts, path, &status);
}

/* Of what was read and may not be: it is remembered, and so is until when. */
static void set_lease_of_refused(struct adverts *adverts, struct wish *wish, uint32_t lease,
                                 int64_t now)
{
    if (lease > 0 || !wish->has_wanted)
        set_lease(adverts, wish, lease, now);
}

/* The same wish once more: nothing changes but its lease. */
static void renew(struct adverts *adverts, struct wish *wish, uint32_t lease,
                  bool other_transaction, int64_t now)
{
    bool had_lease = wish->lease > 0;
    set_lease(adverts, wish, lease, now);
    if (lease == 0 && !had_lease && !other_transaction)
        return;
    wish->status_due = true;
    adverts_todo(adverts, wish);
}

static void take_readable(struct adverts *adverts, struct wish *wish, const struct request *request,
                          uint32_t expiry, int64_t now)
{
    struct status_error error;
    const struct advertise_policy *policy = config_policy(adverts->config, wish->owner.client);
    bool other_transaction = strcmp(wish->transaction, request->transaction) != 0;
    uint32_t lease = lease_of(request, expiry);
    memcpy(wish->transaction, request->transaction, sizeof wish->transaction);
    if (!adverts_is_allowed(policy, request, &error)) {
        adverts_refuse(adverts, wish, request, &error);
        set_lease_of_refused(adverts, wish, lease, now);
    } else if (wish->has_wanted && wish->state != WISH_FAILED &&
               request_compare(&wish->wanted, request) == REQUEST_SAME) {
        renew(adverts, wish, lease, other_transaction, now);
    } else if (accept_request(adverts, wish, request)) {
        set_lease(adverts, wish, lease, now);
    } else {
        set_lease_of_refused(adverts, wish, lease, now);
    }
}

static void take_request(struct adverts *adverts, const struct request_owner *owner,
                         const struct adverts_message *message, int64_t now)
{
    struct request request;
    struct status_error error = {0}, quota;
    struct wish *wish = adverts_find(adverts, message->path);
    adverts->counters.requests++;
    enum request_result result = request_parse(&request, &error, message->payload, message->length,
                                               adverts->config->records.size);
    if (result == REQUEST_NO_MEMORY)
        return;
    bool is_new = !wish || wish->state == WISH_WITHDRAWN;
    bool has_room = !is_new || adverts_has_room(adverts, owner->client, &quota);
    if (!wish && has_room) {
        wish = adverts_add(adverts, owner);
        adverts_forget_answer(adverts, message->path, false);
    }
    if (!wish || !has_room) {
        turn_away(adverts, owner, message->path, request.transaction,
                  result == REQUEST_OK ? &quota : &error);
        return;
    }
    if (wish->state == WISH_WITHDRAWN)
        adverts_revive(adverts, wish);
    if (result == REQUEST_OK) {
        take_readable(adverts, wish, &request, message->expiry, now);
        return;
    }
    memcpy(wish->transaction, request.transaction, sizeof wish->transaction);
    adverts_refuse(adverts, wish, NULL, &error);
    if (!wish->has_wanted)
        set_lease(adverts, wish, 0, now);
}

static void answer_bad_topic(struct adverts *adverts, const struct adverts_message *message)
{
    struct status status = {.state = STATUS_FAILED};
    if (message->length == 0) {
        adverts_forget_answer(adverts, message->path, true);
        return;
    }
    status_refuse(&status.error, STATUS_BAD_TOPIC, "",
                  "CLIENT and ID are 1 to 64 characters of A-Z a-z 0-9 . _ - and not . or ..");
    adverts->counters.requests++;
    adverts->counters.refused++;
    adverts_answer(adverts, message->path, &status);
}

void adverts_request(struct adverts *adverts, const struct adverts_message *message, int64_t now)
{
    struct request_owner owner;
    adverts->now = now;
    if (message->length == 0 && adverts_is_echo(adverts, message->path))
        return;
    switch (topic_advertise_parse(&owner, message->path)) {
    case TOPIC_STATUS:
        return;
    case TOPIC_STRAY: /* too long to be answered, but nothing is to pile up at the broker */
        if (message->length > 0 && strlen(message->path) > TOPIC_BAD_REQUEST_MAX)
            adverts_clear(adverts, message->path, true);
        return;
    case TOPIC_BAD_REQUEST:
        answer_bad_topic(adverts, message);
        return;
    case TOPIC_REQUEST:
        break;
    }
    struct wish *wish = adverts_find(adverts, message->path);
    if (message->length == 0) {
        /* A retained withdrawal has cleared the request; clearing it again might hit the next one. */
        if (wish)
            adverts_leave(adverts, wish, message->retained != ADVERTS_RETAINED);
        else
            adverts_forget_answer(adverts, message->path, true);
        return;
    }
    take_request(adverts, &owner, message, now);
    wish = adverts_find(adverts, message->path);
    if (wish && wish->state != WISH_WITHDRAWN)
        adverts_confirm(adverts, wish, message, now);
}
